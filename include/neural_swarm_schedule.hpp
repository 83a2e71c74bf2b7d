// neural-swarm for C++17 and later: when and where tasks are done. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_SCHEDULE_HPP
#define NEURAL_SWARM_SCHEDULE_HPP

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_dag> {
    using config = nsw_dag_config;
    static constexpr auto footprint = &nsw_dag_footprint;
    static constexpr auto create = &nsw_dag_create;
    static constexpr auto destroy = &nsw_dag_destroy;
};

template <>
struct functions<nsw_scheduler> {
    using config = nsw_scheduler_config;
    static constexpr auto footprint = &nsw_scheduler_footprint;
    static constexpr auto create = &nsw_scheduler_create;
    static constexpr auto destroy = &nsw_scheduler_destroy;
};

} // namespace detail

/// How large a graph is at most. The defaults unless more is set; see nsw_dag_config.
struct dag_config : nsw_dag_config {
    dag_config(std::uint32_t most_tasks, std::uint32_t most_edges,
               std::uint32_t all_workers) noexcept
        : nsw_dag_config{} {
        size = sizeof(nsw_dag_config);
        tasks = most_tasks;
        edges = most_edges == 0 ? NSW_TASK_NONE : most_edges;
        workers = all_workers;
    }
};

/// Tasks that wait for each other, and the workers that may do them. See nsw_dag.
class dag : public detail::object<dag, nsw_dag> {
public:
    /// Takes all tasks and edges out.
    result<void> clear() noexcept {
        return result<void>(nsw_dag_clear(get()));
    }
    /// How much is in it.
    result<nsw_dag_info> describe() const noexcept {
        nsw_dag_info info = NSW_DAG_INFO_INIT;
        const nsw_status status = nsw_dag_describe(get(), &info);
        return detail::result_of(status, info);
    }
    /// A worker's speed: work that it does in a second.
    result<void> set_speed(std::uint32_t worker, double speed) noexcept {
        return result<void>(nsw_dag_set_speed(get(), worker, speed));
    }
    /// The link from one worker to another: seconds until the first byte, bytes a second.
    result<void> set_link(std::uint32_t from, std::uint32_t to, double latency,
                          double bandwidth) noexcept {
        return result<void>(nsw_dag_set_link(get(), from, to, latency, bandwidth));
    }
    /// The same for all links.
    result<void> set_links(double latency, double bandwidth) noexcept {
        return result<void>(nsw_dag_set_links(get(), latency, bandwidth));
    }
    /// A task of so much work; its number.
    result<std::uint32_t> add_task(double work) noexcept {
        std::uint32_t value{};
        const nsw_status status = nsw_dag_add_task(get(), work, &value);
        return detail::result_of(status, value);
    }
    /// How long a task takes on a worker; infinity if the worker cannot do it.
    result<void> set_seconds(std::uint32_t task, std::uint32_t worker,
                             double seconds) noexcept {
        return result<void>(nsw_dag_set_seconds(get(), task, worker, seconds));
    }
    /// A task waits for another, and for so many bytes of it.
    result<void> add_edge(std::uint32_t from, std::uint32_t to, double bytes) noexcept {
        return result<void>(nsw_dag_add_edge(get(), from, to, bytes));
    }
    /// Puts tasks and edges into order, after which they can be scheduled.
    result<void> build() noexcept {
        return result<void>(nsw_dag_build(get()));
    }
    /// How long a task takes on a worker.
    result<double> seconds(std::uint32_t task, std::uint32_t worker) const noexcept {
        double value{};
        const nsw_status status = nsw_dag_seconds(get(), task, worker, &value);
        return detail::result_of(status, value);
    }
    /// How long so many bytes take from one worker to another.
    result<double> transfer(double bytes, std::uint32_t from, std::uint32_t to) const noexcept {
        double value{};
        const nsw_status status = nsw_dag_transfer(get(), bytes, from, to, &value);
        return detail::result_of(status, value);
    }
    /// The edges into a task: where they come from, and their bytes; returns how many. `bytes` is
    /// empty if they are not wanted, else as long as `tasks`.
    result<std::size_t> before(std::uint32_t task, span<std::uint32_t> tasks,
                            span<double> bytes = {}) const noexcept {
        if (bytes.size() != 0 && bytes.size() != tasks.size()) {
            return result<std::size_t>::failure(NSW_ERR_LENGTH);
        }
        return length_of([&](std::size_t *len) {
            return nsw_dag_before(get(), task, tasks.data(),
                                 bytes.empty() ? nullptr : bytes.data(), tasks.size(), len);
        });
    }
    /// The edges out of a task: where they lead to, and their bytes; returns how many. `bytes` is
    /// empty if they are not wanted, else as long as `tasks`.
    result<std::size_t> after(std::uint32_t task, span<std::uint32_t> tasks,
                            span<double> bytes = {}) const noexcept {
        if (bytes.size() != 0 && bytes.size() != tasks.size()) {
            return result<std::size_t>::failure(NSW_ERR_LENGTH);
        }
        return length_of([&](std::size_t *len) {
            return nsw_dag_after(get(), task, tasks.data(),
                                bytes.empty() ? nullptr : bytes.data(), tasks.size(), len);
        });
    }
    /// All tasks, each behind all that it waits for; returns how many.
    result<std::size_t> order(span<std::uint32_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_dag_order(get(), buf.data(), buf.size(), len);
        });
    }
};

/// What a task's rank is made of. See NSW_RANK_MEAN and the like.
enum class rank : std::uint32_t {
    mean = NSW_RANK_MEAN,
    best = NSW_RANK_BEST,
    worst = NSW_RANK_WORST,
    without_transfers = NSW_RANK_WITHOUT_TRANSFERS
};

/// Which worker gets a task. See NSW_RULE_FINISH and the like.
enum class rule : std::uint32_t {
    finish = NSW_RULE_FINISH,
    lookahead = NSW_RULE_LOOKAHEAD,
    append = NSW_RULE_APPEND
};

/// How large the schedules of a scheduler are at most. The defaults unless more is set; see
/// nsw_scheduler_config.
struct scheduler_config : nsw_scheduler_config {
    scheduler_config(std::uint32_t most_tasks, std::uint32_t most_workers) noexcept
        : nsw_scheduler_config{} {
        size = sizeof(nsw_scheduler_config);
        tasks = most_tasks;
        workers = most_workers;
    }
};

/// Where and when a task is done. See nsw_placement.
struct placement : nsw_placement {
    placement() noexcept : nsw_placement{} {
        size = sizeof(nsw_placement);
        worker = NSW_NO_WORKER;
    }
};

/// What is given when the rest is scheduled in the middle of a run. The arrays stay where they are
/// until then. See nsw_situation.
struct situation : nsw_situation {
    explicit situation(double at_seconds = 0) noexcept : nsw_situation{} {
        size = sizeof(nsw_situation);
        now = at_seconds;
    }
    /// What is done or runs already, of each task.
    situation &set_fixed(span<const placement> of_tasks) noexcept {
        fixed = of_tasks.data();
        fixed_len = of_tasks.size();
        return *this;
    }
    /// Of each worker, not 0 if it is lost.
    situation &set_lost(span<const std::uint8_t> of_workers) noexcept {
        lost = of_workers.data();
        lost_len = of_workers.size();
        return *this;
    }
    /// Of each task: the higher, the earlier.
    situation &set_priorities(span<const std::uint8_t> of_tasks) noexcept {
        priorities = of_tasks.data();
        priorities_len = of_tasks.size();
        return *this;
    }
};

/// Makes schedules. See nsw_scheduler.
class scheduler : public detail::object<scheduler, nsw_scheduler> {
public:
    /// Makes the schedule of HEFT; when all is done.
    result<double> heft(const dag &of) noexcept {
        double value{};
        const nsw_status status = nsw_scheduler_heft(get(), of.get(), &value);
        return detail::result_of(status, value);
    }
    /// Makes the schedule of PEFT; when all is done.
    result<double> peft(const dag &of) noexcept {
        double value{};
        const nsw_status status = nsw_scheduler_peft(get(), of.get(), &value);
        return detail::result_of(status, value);
    }
    /// Makes a schedule by ranks and a rule, with what is given; when all is done.
    result<double> list(const dag &of, rank by, rule as,
                        const nsw_situation *given = nullptr) noexcept {
        double makespan = 0;
        const nsw_status status =
            nsw_scheduler_list(get(), of.get(), static_cast<std::uint32_t>(by),
                               static_cast<std::uint32_t>(as), given, &makespan);
        return detail::result_of(status, makespan);
    }
    /// Makes the best schedule that is found in so many rounds, with what is given; when all is
    /// done.
    result<double> search(const dag &of, std::uint32_t rounds = 0, std::uint64_t seed = 1,
                          const nsw_situation *given = nullptr) noexcept {
        double makespan = 0;
        const nsw_status status =
            nsw_scheduler_search(get(), of.get(), rounds, seed, given, &makespan);
        return detail::result_of(status, makespan);
    }
    /// A time before which not all can be done. The last schedule is gone.
    result<double> lower_bound(const dag &of) noexcept {
        double value{};
        const nsw_status status = nsw_scheduler_lower_bound(get(), of.get(), &value);
        return detail::result_of(status, value);
    }
    /// When all is done in the last schedule.
    result<double> makespan() const noexcept {
        double value{};
        const nsw_status status = nsw_scheduler_makespan(get(), &value);
        return detail::result_of(status, value);
    }
    /// Where and when a task is done in the last schedule.
    result<placement> placement_of(std::uint32_t task) const noexcept {
        placement found;
        const nsw_status status = nsw_scheduler_placement(get(), task, &found);
        return detail::result_of(status, found);
    }
    /// The same of all tasks; returns how many.
    result<std::size_t> placements(span<placement> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_scheduler_placements(get(), buf.data(), buf.size(), len);
        });
    }
    /// A worker's tasks in the last schedule, in order; returns how many.
    result<std::size_t> tasks_of(std::uint32_t worker, span<std::uint32_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_scheduler_tasks_of(get(), worker, buf.data(), buf.size(), len);
        });
    }
    /// The last schedule as a picture in SVG; returns its length.
    result<std::size_t> gantt(span<std::uint8_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_scheduler_gantt(get(), buf.data(), buf.size(), len);
        });
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_SCHEDULE_HPP
