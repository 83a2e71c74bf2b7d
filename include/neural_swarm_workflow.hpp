// neural-swarm for C++17 and later: workflows that run. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_WORKFLOW_HPP
#define NEURAL_SWARM_WORKFLOW_HPP

#include <optional>

#include "neural_swarm_object.hpp"
#include "neural_swarm_schedule.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_workflow> {
    using config = nsw_workflow_config;
    static constexpr auto footprint = &nsw_workflow_footprint;
    static constexpr auto create = &nsw_workflow_create;
    static constexpr auto destroy = &nsw_workflow_destroy;
};

} // namespace detail

/// What has become of a task. See NSW_TASK_PENDING and the like.
enum class task_state : std::uint32_t {
    pending = NSW_TASK_PENDING,
    ready = NSW_TASK_READY,
    assigned = NSW_TASK_ASSIGNED,
    running = NSW_TASK_RUNNING,
    retrying = NSW_TASK_RETRYING,
    done = NSW_TASK_DONE,
    failed = NSW_TASK_FAILED,
    timed_out = NSW_TASK_TIMED_OUT,
    cancelled = NSW_TASK_CANCELLED
};

/// An attempt of a task, or none (0), and its worker.
struct task_attempt {
    std::uint32_t attempt;
    std::uint32_t worker;
};

/// What a workflow is made for. The defaults unless more is set; see nsw_workflow_config.
struct workflow_config : nsw_workflow_config {
    workflow_config(std::uint32_t most_tasks, std::uint32_t most_edges,
                    std::uint32_t all_workers) noexcept
        : nsw_workflow_config{} {
        size = sizeof(nsw_workflow_config);
        tasks = most_tasks;
        edges = most_edges == 0 ? NSW_TASK_NONE : most_edges;
        workers = all_workers;
    }
};

/// How a task is to be done. The defaults unless more is set; see nsw_task_options.
struct task_options : nsw_task_options {
    explicit task_options(double seconds, std::uint32_t part_of = NSW_OUTERMOST) noexcept
        : nsw_task_options{} {
        size = sizeof(nsw_task_options);
        work = seconds;
        within = part_of;
    }
};

/// A workflow that runs. See nsw_workflow.
class workflow : public detail::object<workflow, nsw_workflow> {
public:
    /// A worker's speed: work that it does in a second.
    result<void> set_speed(std::uint32_t worker, double speed) noexcept {
        return result<void>(nsw_workflow_set_speed(get(), worker, speed));
    }
    /// The link from one worker to another: seconds until the first byte, bytes a second.
    result<void> set_link(std::uint32_t from, std::uint32_t to, double latency,
                          double bandwidth) noexcept {
        return result<void>(nsw_workflow_set_link(get(), from, to, latency, bandwidth));
    }
    /// The same for all links.
    result<void> set_links(double latency, double bandwidth) noexcept {
        return result<void>(nsw_workflow_set_links(get(), latency, bandwidth));
    }
    /// A task; its number.
    result<std::uint32_t> add_task(const nsw_task_options &options) noexcept {
        std::uint32_t value{};
        const nsw_status status = nsw_workflow_add_task(get(), &options, &value);
        return detail::result_of(status, value);
    }
    /// A task that is a workflow itself; its number.
    result<std::uint32_t> add_subflow(std::uint32_t within = NSW_OUTERMOST,
                                      std::uint32_t priority = 0) noexcept {
        std::uint32_t value{};
        const nsw_status status = nsw_workflow_add_subflow(get(), within, priority, &value);
        return detail::result_of(status, value);
    }
    /// How long a task takes on a worker; infinity if the worker cannot do it.
    result<void> set_seconds(std::uint32_t task, std::uint32_t worker,
                             double seconds) noexcept {
        return result<void>(nsw_workflow_set_seconds(get(), task, worker, seconds));
    }
    /// A task waits for another, and for so many bytes of it.
    result<void> add_edge(std::uint32_t from, std::uint32_t to, double bytes) noexcept {
        return result<void>(nsw_workflow_add_edge(get(), from, to, bytes));
    }
    /// Begins: from now on there are actions.
    result<void> start(std::uint64_t now_us) noexcept {
        return result<void>(nsw_workflow_start(get(), now_us));
    }
    /// A worker has begun a task.
    result<void> started(std::uint32_t task, std::uint32_t attempt,
                        std::uint64_t now_us) noexcept {
        return result<void>(nsw_workflow_started(get(), task, attempt, now_us));
    }
    /// A task's result is there: use it if, and only if, this is ok.
    result<void> finished(std::uint32_t task, std::uint32_t attempt,
                         std::uint64_t now_us) noexcept {
        return result<void>(nsw_workflow_finished(get(), task, attempt, now_us));
    }
    /// An attempt has failed.
    result<void> failed(std::uint32_t task, std::uint32_t attempt, std::uint64_t now_us) noexcept {
        return result<void>(nsw_workflow_failed(get(), task, attempt, now_us));
    }
    /// A worker is lost.
    result<void> worker_lost(std::uint32_t worker, std::uint64_t now_us) noexcept {
        return result<void>(nsw_workflow_worker_lost(get(), worker, now_us));
    }
    /// A worker that was lost is there again.
    result<void> worker_joined(std::uint32_t worker, std::uint64_t now_us) noexcept {
        return result<void>(nsw_workflow_worker_joined(get(), worker, now_us));
    }
    /// Tells the time.
    result<void> tick(std::uint64_t now_us) noexcept {
        return result<void>(nsw_workflow_tick(get(), now_us));
    }
    /// Nothing more is to be done of a task, and of all that waits for it.
    result<void> cancel(std::uint32_t task, std::uint64_t now_us) noexcept {
        return result<void>(nsw_workflow_cancel(get(), task, now_us));
    }
    /// Nothing more is to be done at all.
    result<void> cancel_all() noexcept {
        return result<void>(nsw_workflow_cancel_all(get()));
    }
    /// What is to be done next; none if nothing now.
    result<std::optional<nsw_action>> next_action() noexcept {
        nsw_action action = NSW_ACTION_INIT;
        const nsw_status status = nsw_workflow_next_action(get(), &action);
        return detail::unless_done(status, action);
    }
    /// What has become of a task.
    result<task_state> state(std::uint32_t task) const noexcept {
        std::uint32_t value = 0;
        const nsw_status status = nsw_workflow_state(get(), task, &value);
        return detail::result_of(status, static_cast<task_state>(value));
    }
    /// The attempt of a task that was begun last, and its worker.
    result<task_attempt> attempt(std::uint32_t task) const noexcept {
        task_attempt last{0, 0};
        const nsw_status status = nsw_workflow_attempt(get(), task, &last.attempt, &last.worker);
        return detail::result_of(status, last);
    }
    /// Where and when a task was done, is done or will be.
    result<placement> placement_of(std::uint32_t task) const noexcept {
        placement found;
        const nsw_status status = nsw_workflow_placement(get(), task, &found);
        return detail::result_of(status, found);
    }
    /// When all will be done, as it looked when it was scheduled last.
    result<double> makespan() const noexcept {
        double value{};
        const nsw_status status = nsw_workflow_makespan(get(), &value);
        return detail::result_of(status, value);
    }
    /// How often the rest was scheduled.
    result<std::uint32_t> plans() const noexcept {
        std::uint32_t value{};
        const nsw_status status = nsw_workflow_plans(get(), &value);
        return detail::result_of(status, value);
    }
    /// Tasks that are not at their end.
    result<std::size_t> open() const noexcept {
        std::size_t value{};
        const nsw_status status = nsw_workflow_open(get(), &value);
        return detail::result_of(status, value);
    }
    /// When to call tick() though nothing happens.
    result<std::uint64_t> wake_at() const noexcept {
        std::uint64_t value{};
        const nsw_status status = nsw_workflow_wake_at(get(), &value);
        return detail::result_of(status, value);
    }
    /// All of it as a picture in SVG; returns its length.
    result<std::size_t> gantt(span<std::uint8_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_workflow_gantt(get(), buf.data(), buf.size(), len);
        });
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_WORKFLOW_HPP
