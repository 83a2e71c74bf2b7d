// Dispatchers, gauges, autoscalers and routers by way of the C++ wrapper.

#include <string>
#include <vector>

#include "neural_swarm.hpp"
#include "support.h"

namespace {

void dispatching() {
    nsw::balancer_config config(4);
    config.features = 1;
    nsw::result<nsw::balancer> made = nsw::balancer::create(config);
    CHECK(nsw::balancer::footprint(config)->size > 0);
    nsw::balancer &balancer = *made;
    std::vector<nsw::gauge> gauges;
    for (int i = 0; i < 4; i++) {
        gauges.push_back(nsw::gauge::create(nsw::gauge_config()).value());
    }
    CHECK(nsw::gauge::footprint(nsw::gauge_config())->size > 0);
    CHECK(balancer.waits().value());
    CHECK(balancer.set_available(3, false).ok());
    CHECK(balancer.set_power(2, 0.01f, 1).ok());
    const float features[] = {2};
    std::uint64_t now = 0;
    for (std::uint64_t request = 0; request < 50; request++, now += 1000) {
        CHECK(balancer.prepare(now).ok());
        while (const std::optional<std::uint32_t> worker = balancer.next_probe(now).value()) {
            CHECK(balancer.probed(*worker, gauges[*worker].answer(now).value(), now).ok());
        }
        const nsw::pick pick = balancer.pick(features, now).value();
        CHECK(pick.worker < 2 && pick.work > 0);
        CHECK(balancer.sent(request, pick.worker, features, now).ok());
        nsw::gauge &gauge = gauges[pick.worker];
        CHECK(gauge.arrived(request, pick.work, now).ok());
        CHECK(gauge.progressed(request, 1, now).ok());
        CHECK(gauge.in_flight().value() == 1);
        if (request % 10 == 9) {
            CHECK(gauge.dropped(request, now + 500).ok());
            CHECK(balancer.failed(request, now + 500)->worker == pick.worker);
            continue;
        }
        CHECK(gauge.finished(request, 7, now + 500).ok());
        const nsw::ended end = balancer.done(request, 7, now + 500).value();
        CHECK(end.worker == pick.worker && end.latency_us == 500);
    }
    CHECK(balancer.in_flight().value() == 0);
    CHECK(balancer.predict(features).value() > 6.9f);
    CHECK(!balancer.next_probe_at()->has_value());
    CHECK(balancer.pick({}, now).status() == NSW_ERR_LENGTH);
    CHECK(nsw::balancer::create(nsw::balancer_config(0)).status() == NSW_ERR_INVALID);
    nsw::result<nsw::balancer> prequal =
        nsw::balancer::create(nsw::balancer_config(4, nsw::policy::prequal));
    CHECK(prequal->next_probe_at()->value() == 100000);
    float hats[5];
    CHECK(nsw::log_hats(4, 1, 16, hats).ok() && hats[2] == 1);
}

void scaling() {
    nsw::autoscaler_config config;
    config.target = 50;
    nsw::result<nsw::autoscaler> scaler = nsw::autoscaler::create(config);
    CHECK(nsw::autoscaler::footprint(config)->size > 0);
    const nsw::scaled wish = scaler->step(400, 4).value();
    CHECK(wish.replicas == 8 && wish.load == 400);
    CHECK(scaler->step(-1, 4).status() == NSW_ERR_INVALID);
}

void routing() {
    const nsw::name tasks[] = {std::string_view("go"), std::string_view("land")};
    const nsw::sample samples[] = {{"go home", 0},  {"fly to the lake", 0},
                                   {"land now", 1}, {"set down", 1},
                                   {"tell me a joke", std::nullopt}, {"what is love", std::nullopt}};
    nsw::router_config config;
    config.width = 32;
    config.blocks = 100;
    std::vector<std::uint8_t> model(nsw::router::trained_size(config, tasks, samples).value());
    CHECK(nsw::router::train(config, tasks, samples, model).value() == model.size());
    const float threshold = nsw::router::calibrate(model, samples, 0.1f).value();
    nsw::result<nsw::router> router = nsw::router::create(model);
    CHECK(nsw::router::footprint(model)->size > 0);
    CHECK(router->tasks().value() == 2 && router->name_of(1).value() == "land");
    CHECK(router->threshold().value() == threshold);
    CHECK(router->name_of(2).status() == NSW_ERR_TASK_UNKNOWN);
    const nsw::route home = router->route("go home").value();
    CHECK(home.task == 0u && home.best == 0 && home.confidence > 0.3f);
    CHECK(!router->route("tell me a joke")->task);
    model[30] ^= 1;
    CHECK(nsw::router::create(model).status() == NSW_ERR_TASK_FORMAT);
}

void slots() {
    const nsw::unit units[] = {{"m", 1}, {"km", 1000}};
    const nsw::name places[] = {std::string_view("base"), std::string_view("the lake")};
    const nsw::pattern patterns[] = {nsw::pattern::identifier("drone"), nsw::pattern::coordinates(),
                                     nsw::pattern::duration(), nsw::pattern::number(units),
                                     nsw::pattern::one_of(places)};
    nsw::slot found[5];
    CHECK(nsw::fill("drone 7 over the lake at 2 km", patterns, found).value() == 3);
    CHECK(found[0] && found[0].number == 7 && !found[1] && !found[2]);
    CHECK(found[3].value == 2000 && found[3].index == 1 && found[4].index == 1);
    CHECK(nsw::fill("x", patterns, nsw::span<nsw::slot>(found, 4)).status() == NSW_ERR_LENGTH);
}

} // namespace

int main() {
    dispatching();
    scaling();
    routing();
    slots();
    return check_report("hpp_balance");
}
