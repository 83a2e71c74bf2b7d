// Plans by way of the C++ wrapper.

#include <string>
#include <vector>

#include "neural_swarm.hpp"
#include "support.h"

namespace {

using ids = std::vector<nsw::plan_id>;

nsw::plan_id v(std::uint8_t index) {
    return nsw::plan_variable(index);
}

struct world {
    nsw::plan_id place, home, sea, at, drive, visit, there, by_road;
};

// A place to be at; and to go to, from anywhere; and, as an effect of each arrival, a flag that goes up.
std::vector<std::uint32_t> build(world &w) {
    nsw::plan_builder_config config;
    config.types = 2;
    config.links = 4;
    config.objects = 3;
    config.predicates = 2;
    config.tasks = 3;
    config.methods = 2;
    config.code = 200;
    config.facts = 10;
    config.names = 200;
    CHECK(nsw::plan_builder::footprint(config).ok());
    auto b = nsw::plan_builder::create(config).value();
    w.place = b.add_type("place").value();
    const auto any = b.either(ids{w.place}).value();
    CHECK(b.subtype(w.place, NSW_PLAN_OBJECT).ok());
    w.home = b.object("home", w.place).value();
    w.sea = b.object("sea", w.place).value();
    CHECK(b.also(w.sea, any).ok());
    w.at = b.predicate("at", ids{w.place}).value();
    const auto flag = b.predicate("flag", ids{w.place}).value();
    w.drive = b.action("drive", ids{w.place, w.place}).value();
    CHECK(b.atom(w.at, ids{v(0)}).ok());
    CHECK(b.open(nsw::plan_part::none).ok());
    CHECK(b.equal(v(0), v(1)).ok());
    CHECK(b.close().ok());
    const auto somewhere = b.quantifier(false, w.place).value();
    CHECK(b.atom(w.at, ids{somewhere}).ok());
    CHECK(b.close().ok());
    CHECK(b.remove(w.at, ids{v(0)}).ok());
    CHECK(b.add(w.at, ids{v(1)}).ok());
    CHECK(b.when(ids{w.place}).value() == v(2));
    CHECK(b.equal(v(2), v(1)).ok());
    CHECK(b.then().ok());
    CHECK(b.add(flag, ids{v(2)}).ok());
    CHECK(b.end_when().ok());
    w.visit = b.task("visit", ids{w.place}).value();
    w.there = b.method("there", w.visit, ids{v(0)}, ids{w.place}).value();
    CHECK(b.atom(w.at, ids{v(0)}).ok());
    w.by_road = b.method("by-road", w.visit, ids{v(0)}, ids{w.place, w.place}).value();
    const auto first = b.subtask(w.drive, ids{v(1), v(0)}).value();
    const auto second = b.subtask(w.visit, ids{v(0)}).value();
    CHECK(b.before(first, second).ok());
    CHECK(b.fact(w.at, ids{w.home}).ok());
    CHECK(b.network().ok());
    CHECK(b.subtask(w.visit, ids{w.sea}).ok());
    CHECK(b.ordered().ok());
    CHECK(b.goal().ok());
    CHECK(b.atom(flag, ids{w.sea}).ok());
    const std::size_t most = b.model_len().value() + 64;
    std::vector<std::uint32_t> words(most / 4);
    auto *bytes = reinterpret_cast<std::uint8_t *>(words.data());
    words.resize(b.finish(nsw::span<std::uint8_t>(bytes, most)).value() / 4);
    return words;
}

nsw::span<const std::uint8_t> bytes_of(const std::vector<std::uint32_t> &words) {
    return nsw::span<const std::uint8_t>(reinterpret_cast<const std::uint8_t *>(words.data()),
                                         words.size() * 4);
}

void from_calls() {
    world w{};
    const auto words = build(w);
    CHECK(nsw::plan_model::view_footprint().value().size > 0);
    const auto model = nsw::plan_model::view(bytes_of(words)).value();
    CHECK(model.describe().value().tasks == 2);
    CHECK(model.name(nsw::plan_kind::objects, w.sea).value() == "sea");
    CHECK(model.find(nsw::plan_kind::methods, "by-road").value() == w.by_road);
    CHECK(!model.find(nsw::plan_kind::types, "nothing").value().has_value());
    CHECK(model.is(w.sea, w.place).value());
    CHECK(model.predicate(w.at).value().fact_count == 1);
    CHECK(model.task(w.visit).value().method_count == 2);
    CHECK(model.method(w.by_road).value().subtask_count == 2);
    CHECK(model.subtask(w.by_road, 0).value().task == w.drive);
    CHECK(model.subtask(w.by_road, 0).value().args.size() == 2);

    auto planner = nsw::planner::create(nsw::planner_config(model, 65536)).value();
    int asked = 0;
    auto order = [&](nsw::plan_state state, nsw::plan_id task, nsw::span<const nsw::plan_id> args,
                     nsw::span<const nsw::plan_id> methods, nsw::span<float> scores) {
        asked++;
        CHECK(task == w.visit && args[0] == w.sea && methods.size() == scores.size());
        CHECK(state.count(w.at).value() == 1);
        scores[0] = state.holds(w.at, args).value() ? 0.0f : 1.0f;
    };
    CHECK(planner.step(1).value() == nsw::plan_outcome::running);
    auto outcome = planner.step_with(1000, order).value();
    CHECK(outcome == nsw::plan_outcome::found);
    auto never = [](const nsw_planner_stats &) { return false; };
    CHECK(planner.run(10, never).value() == nsw::plan_outcome::found);
    CHECK(planner.describe().value().nodes > 1);
    const nsw_plan plan = planner.plan().value();
    CHECK(plan.order_count == 1);
    CHECK(nsw::plan_argument(plan, model, plan.order[0], 1).value() == w.sea);

    CHECK(!nsw::plan_is_before(plan, model, 0, plan.order[0]).value());

    auto verifier = nsw::plan_verifier::create(nsw::plan_verifier_config(9, 9, 30)).value();
    nsw_plan_refusal refusal = NSW_PLAN_REFUSAL_INIT;
    CHECK(verifier.verify(model, plan).ok());
    std::size_t told = 0;
    auto watch = [&](nsw::plan_state state, nsw::plan_id task, nsw::span<const nsw::plan_id> args,
                     nsw::plan_id method) {
        std::vector<float> row(64);
        CHECK(task == w.visit && args[0] == w.sea);
        CHECK(state.features(task, args, nsw::span<float>(row.data(), row.size())).ok());
        CHECK(told > 0 || method == w.by_road);
        told++;
    };
    CHECK(verifier.replay(model, plan, watch).ok());
    CHECK(told == plan.step_count - plan.order_count);
    nsw_plan wrong = plan;
    wrong.order_count = 0;
    CHECK(verifier.verify(model, wrong, &refusal).status() == NSW_ERR_TASK_PLAN);
    CHECK(refusal.why == NSW_PLAN_BAD_ACTIONS);
    CHECK(nsw::plan_verifier::why_text(refusal.why).value().size() > 5);

    std::string text;
    CHECK(nsw::write_plan(model, plan, nsw::plan_form::text, text).ok());
    CHECK(text.find("drive home sea") != std::string::npos);
    const auto again = nsw::plan_text::create(nsw::plan_text_config(model, text)).value();
    CHECK(again.view().value().step_count == plan.step_count);
    CHECK(again.line(0).value() > 1);
    nsw::hddl_error wrong_text;
    CHECK(nsw::plan_text::create(nsw::plan_text_config(model, "nothing", &wrong_text)).status() ==
          NSW_ERR_TASK_FORMAT);
    CHECK(wrong_text.line == 1 && !wrong_text.text().empty());
}

void from_hddl() {
    const std::string domain = "(define (domain d) (:task t :parameters ())\n"
                               " (:method m :parameters () :task (t) :ordered-subtasks (a))\n"
                               " (:action a :parameters ()))";
    const std::string problem = "(define (problem p) (:domain e) (:htn :ordered-subtasks (t)))";
    nsw::hddl_error error;
    const auto read = nsw::hddl::create(nsw::hddl_config(domain, problem, &error)).value();
    CHECK(error.line == 0 && read.warning(0).value()->line == 1);
    CHECK(!read.warning(1).value().has_value());
    const auto model = nsw::plan_model::view(read.model().value()).value();
    CHECK(model.describe().value().methods == 1);
    CHECK(nsw::hddl::create(nsw::hddl_config(domain, "(define", &error)).status() ==
          NSW_ERR_TASK_FORMAT);
    CHECK(error.file == NSW_HOST_HDDL_PROBLEM && error.line == 1);
}

} // namespace

int main() {
    from_calls();
    from_hddl();
    return check_report("hpp_plan");
}
