// Assignment, auctions, schedules and workflows by way of the C++ wrapper.

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "neural_swarm.hpp"
#include "support.h"

namespace {

constexpr double never = std::numeric_limits<double>::infinity();

void assignment() {
    nsw::assigner_config config;
    config.rows = config.columns = 3;
    nsw::assigner assigner = nsw::assigner::create(config).value();
    const double costs[] = {4, 1, 3, 2, never, 5, 3, 2, 2};
    CHECK(assigner.solve(3, 3, costs).value() == 5);
    std::uint32_t columns[3], rows[3];
    double of_rows[3], of_columns[3], sum = 0;
    CHECK(assigner.columns(columns).value() == 3 && columns[0] == 1 && columns[2] == 2);
    CHECK(assigner.rows(rows).value() == 3 && rows[0] == 1);
    CHECK(assigner.row_prices(of_rows).value() == 3);
    CHECK(assigner.column_prices(of_columns).value() == 3);
    for (int i = 0; i < 3; i++) {
        sum += of_rows[i] + of_columns[i];
    }
    CHECK(sum == 5);
    CHECK_STATUS(assigner.solve(3, 3, nsw::span<const double>(costs, 8)).status(), NSW_ERR_LENGTH);

    nsw::task_allocator allocator =
        nsw::task_allocator::create(nsw::task_allocator_config()).value();
    nsw::task_needs needs[2];
    nsw::agent_limits limits[2];
    const double prices[] = {1, 5, 2, 4};
    const std::uint64_t times[] = {0, 0, 9, 9};
    const double energies[] = {0, 0, 3, 0};
    needs[1].skip_cost = 50;
    limits[0].energy_j = 2;
    nsw::allocation problem(needs, limits);
    problem.set_costs(prices).set_times_us(times).set_energies_j(energies);
    const nsw_allocated found = allocator.allocate(problem).value();
    std::uint32_t agent_of[2];
    CHECK(allocator.agents(agent_of).value() == 2 && agent_of[0] == 0 && agent_of[1] == 1);
    CHECK(std::fabs(found.cost - 5.000009) < 1e-12 && found.skipped == 0);
}

template <class Agent>
void talk(std::vector<Agent> &swarm, std::uint64_t until) {
    for (std::uint64_t now = 0; now < until; now += 10000) {
        for (std::size_t i = 0; i < swarm.size(); i++) {
            std::vector<std::uint8_t> message(swarm[i].most_bytes().value());
            if (swarm[i].wake_at().value() > now) {
                continue;
            }
            const auto len = swarm[i].next_message(now, message).value();
            CHECK(len.has_value());
            for (std::size_t k = 0; k < swarm.size(); k++) {
                if (k != i) {
                    CHECK(swarm[k].step({message.data(), *len}, now).ok());
                }
            }
        }
    }
}

void auctions() {
    std::vector<nsw::cbba> bundles;
    std::vector<nsw::price_auction> prices;
    const double worth[2][2] = {{9, 8}, {7, 1}};
    for (std::uint64_t agent = 0; agent < 2; agent++) {
        nsw::cbba_config config(agent);
        nsw::price_auction_config price(agent);
        config.bundle = 1;
        bundles.push_back(nsw::cbba::create(config).value());
        prices.push_back(nsw::price_auction::create(price).value());
        for (std::uint64_t task = 0; task < 2; task++) {
            CHECK(bundles[agent].add_task(nsw::cbba_task(task, worth[agent][task]), 0).ok());
            CHECK(prices[agent].add_task(task, worth[agent][task], 0).ok());
        }
    }
    talk(bundles, 3000000);
    talk(prices, 30000000);
    // The greedy one takes 9 and leaves 1, that of prices finds 8 and 7.
    std::uint64_t task[1];
    CHECK(bundles[0].path(task).value() == 1 && task[0] == 0);
    CHECK(bundles[0].score().value() == 9);
    CHECK(bundles[1].winner(0).value() == std::optional<std::uint64_t>(0));
    CHECK(prices[0].tasks(task).value() == 1 && task[0] == 1);
    CHECK(prices[0].winner(0).value()->agent == 1);
    CHECK(prices[0].round().value() == 0 && prices[0].changed_at().value() < 30000000);
    CHECK(bundles[1].changed_at().value() < 3000000);

    nsw::cbba_move to;
    to.position[0] = 5;
    CHECK(bundles[0].moved(to, 3000000).ok());
    CHECK(bundles[0].remove_task(1, 3000000).ok() && bundles[0].lose(1, 3000000).ok());
    CHECK(bundles[0].is_lost(1).value() && bundles[0].tick(3000000).ok());
    CHECK(prices[0].remove_task(1, 30000000).ok() && prices[0].lose(1, 30000000).ok());
    CHECK(prices[0].is_lost(1).value() && prices[0].tick(30000000).ok());
    CHECK(!prices[0].winner(0).value().has_value());
    CHECK(bundles[0].step({}, 0).status() == NSW_ERR_TASK_FORMAT);
}

nsw::dag diamond() {
    nsw::dag dag = nsw::dag::create(nsw::dag_config(4, 4, 2)).value();
    CHECK(dag.set_speed(1, 2).ok());
    CHECK(dag.set_links(0.5, 100).ok() && dag.set_link(0, 1, 1, 100).ok());
    for (std::uint32_t task = 0; task < 4; task++) {
        CHECK(dag.add_task(4).value() == task);
    }
    CHECK(dag.add_edge(0, 1, 50).ok() && dag.add_edge(0, 2, 0).ok());
    CHECK(dag.add_edge(1, 3, 0).ok() && dag.add_edge(2, 3, 0).ok());
    CHECK(dag.set_seconds(3, 0, never).ok());
    CHECK(dag.build().ok());
    return dag;
}

void schedules() {
    nsw::dag dag = diamond();
    const nsw_dag_info info = dag.describe().value();
    CHECK(info.tasks == 4 && info.edges == 4 && info.workers == 2 && info.built == 1);
    std::uint32_t ends[4];
    double bytes[4];
    CHECK(dag.after(0, ends, bytes).value() == 2 && ends[1] == 2 && bytes[0] == 50);
    CHECK(dag.before(3, ends).value() == 2 && ends[0] == 1);
    CHECK(dag.before(3, ends, nsw::span<double>(bytes, 2)).status() == NSW_ERR_LENGTH);
    // Nothing to write to may still have an address.
    std::vector<double> reserved;
    reserved.reserve(1);
    bytes[0] = bytes[1] = 7;
    CHECK(dag.before(3, ends, reserved).value() == 2);
    CHECK(dag.before(3, ends, nsw::span<double>(bytes, 0)).value() == 2 && bytes[0] == 7);
    CHECK(dag.after(0, ends, reserved).value() == 2);
    CHECK(dag.after(0, ends, nsw::span<double>(bytes, 0)).value() == 2 && bytes[1] == 7);
    CHECK(dag.order(ends).value() == 4 && ends[0] == 0);
    CHECK(dag.seconds(1, 1).value() == 2 && dag.transfer(50, 0, 1).value() == 1.5);
    nsw::scheduler scheduler = nsw::scheduler::create(nsw::scheduler_config(4, 2)).value();
    const double bound = scheduler.lower_bound(dag).value();
    const double heft = scheduler.heft(dag).value();
    const double peft = scheduler.peft(dag).value();
    CHECK(scheduler.list(dag, nsw::rank::best, nsw::rule::append).value() >= bound);
    const double best = scheduler.search(dag).value();
    CHECK(best <= heft && best <= peft && best >= bound && scheduler.makespan().value() == best);
    std::vector<nsw::placement> all(4);
    CHECK(scheduler.placements(all).value() == 4);
    CHECK(scheduler.placement_of(3).value().worker == 1 && all[3].finish == best);
    CHECK(scheduler.tasks_of(1, ends).value() >= 2 && ends[0] == 0);
    std::vector<std::uint8_t> picture(10000);
    picture.resize(scheduler.gantt(picture).value());
    const std::string text(picture.begin(), picture.end());
    CHECK(text.find("<title>task 3: ") != std::string::npos && text.find("</svg>") > 500);

    // Worker 0 is lost when the first task is done.
    nsw::situation given(all[0].finish);
    std::vector<nsw::placement> fixed(4);
    fixed[0] = all[0];
    const std::uint8_t lost[] = {1, 0}, priorities[] = {0, 0, 9, 0};
    given.set_fixed(fixed).set_lost(lost).set_priorities(priorities);
    CHECK(scheduler.list(dag, nsw::rank::mean, nsw::rule::finish, &given).value() == 8);
    CHECK(scheduler.placement_of(2).value().start == 2);
    CHECK(dag.clear().ok() && scheduler.heft(dag).status() == NSW_ERR_TASK_STATE);
}

void workflows() {
    nsw::workflow_config config(3, 2, 2);
    config.subflows = 1;
    nsw::workflow flow = nsw::workflow::create(config).value();
    CHECK(flow.set_speed(0, 2).ok() && flow.set_links(0, never).ok());
    CHECK(flow.set_link(0, 1, 0.1, 10).ok());
    const std::uint32_t sub = flow.add_subflow().value();
    const std::uint32_t part = flow.add_task(nsw::task_options(4, sub)).value();
    const std::uint32_t after = flow.add_task(nsw::task_options(1)).value();
    const std::uint32_t dropped = flow.add_task(nsw::task_options(1)).value();
    CHECK(flow.set_seconds(after, 1, 7).ok() && flow.add_edge(sub, after, 5).ok());
    CHECK(flow.start(0).ok() && flow.makespan().value() == 2.5 && flow.open().value() == 4);
    CHECK(flow.cancel(dropped, 0).ok());
    std::uint64_t now = 0;
    int ends = 0, failures = 0;
    for (int turn = 0; turn < 50 && ends == 0; turn++) {
        const auto action = flow.next_action().value();
        if (!action) {
            now = flow.wake_at().value();
            CHECK(flow.tick(now).ok());
        } else if (action->kind == NSW_ACTION_START && action->task == part && failures++ == 0) {
            CHECK(flow.started(part, action->attempt, now).ok());
            CHECK(flow.state(sub).value() == nsw::task_state::running);
            CHECK(flow.failed(part, action->attempt, now).ok());
            CHECK(flow.state(part).value() == nsw::task_state::retrying);
        } else if (action->kind == NSW_ACTION_START) {
            CHECK(flow.attempt(action->task).value().worker == action->worker);
            CHECK(flow.finished(action->task, action->attempt, now += 1000000).ok());
            const nsw::placement was = flow.placement_of(action->task).value();
            CHECK(was.finish == static_cast<double>(now) / 1e6);
        } else if (action->kind == NSW_ACTION_END) {
            CHECK(static_cast<nsw::task_state>(action->state) == nsw::task_state::cancelled);
            ends++;
        }
    }
    CHECK(ends == 1 && flow.state(after).value() == nsw::task_state::done);
    CHECK(flow.plans().value() >= 2);
    std::vector<std::uint8_t> picture(10000);
    CHECK(flow.gantt(picture).value() > 500);
    CHECK(flow.worker_lost(1, now).ok() && flow.worker_joined(1, now).ok());
    CHECK(flow.cancel_all().status() == NSW_ERR_TASK_STATE);
}

void recorded() {
    const std::string_view json =
        R"({"name": "small", "schemaVersion": "1.5", "workflow": {"specification": {"tasks": [
        {"id": "a", "children": ["b"], "outputFiles": ["x"]}, {"id": "b", "inputFiles": ["x"]}],
        "files": [{"id": "x", "sizeInBytes": 10}]}, "execution": {"tasks": [
        {"id": "a", "runtimeInSeconds": 1.5}, {"id": "b", "runtimeInSeconds": 2}],
        "machines": [{"nodeName": "a machine", "cpu": {"coreCount": 4}}]}}})";
    nsw::wfcommons read = nsw::wfcommons::create(nsw::wfcommons_config(json)).value();
    const nsw_host_wfcommons_info info = read.describe().value();
    CHECK(info.tasks == 2 && info.edges == 1 && info.machines == 1);
    CHECK(read.name().value() == "small");
    CHECK(read.task(0).value().id == "a" && read.task(1).value().seconds == 2);
    CHECK(read.task(2).status() == NSW_ERR_TASK_UNKNOWN);
    CHECK(read.edge(0).value().to == 1 && read.edge(0).value().bytes == 10);
    const nsw::wfcommons_machine machine = read.machine(0).value();
    CHECK(machine.name == "a machine" && machine.cores == 4 && machine.mhz == 0);
    nsw::dag dag = nsw::dag::create(nsw::dag_config(2, 1, 1)).value();
    CHECK(read.add_to(dag).ok() && dag.build().ok());
    CHECK(nsw::wfcommons::create(nsw::wfcommons_config("{")).status() == NSW_ERR_TASK_FORMAT);
}

} // namespace

int main() {
    assignment();
    auctions();
    schedules();
    workflows();
    recorded();
    return check_report("hpp_tasks");
}
