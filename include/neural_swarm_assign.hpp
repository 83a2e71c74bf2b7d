// neural-swarm for C++17 and later: who does what. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_ASSIGN_HPP
#define NEURAL_SWARM_ASSIGN_HPP

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_assigner> {
    using config = nsw_assigner_config;
    static constexpr auto footprint = &nsw_assigner_footprint;
    static constexpr auto create = &nsw_assigner_create;
    static constexpr auto destroy = &nsw_assigner_destroy;
};

template <>
struct functions<nsw_task_allocator> {
    using config = nsw_task_allocator_config;
    static constexpr auto footprint = &nsw_task_allocator_footprint;
    static constexpr auto create = &nsw_task_allocator_create;
    static constexpr auto destroy = &nsw_task_allocator_destroy;
};

} // namespace detail

/// How large the problems of an assigner are at most. The defaults unless more is set; see
/// nsw_assigner_config.
struct assigner_config : nsw_assigner_config {
    assigner_config() noexcept : nsw_assigner_config{} {
        size = sizeof(nsw_assigner_config);
    }
};

/// Solves linear assignment problems exactly. See nsw_assigner.
class assigner : public detail::object<assigner, nsw_assigner> {
public:
    /// Finds the cheapest assignment of a matrix, row by row; returns what it costs.
    result<double> solve(std::uint32_t rows, std::uint32_t columns,
                         span<const double> costs) noexcept {
        double total = 0;
        const nsw_status status =
            nsw_assigner_solve(get(), rows, columns, costs.data(), costs.size(), &total);
        return detail::result_of(status, total);
    }
    /// The column of each row, or NSW_UNASSIGNED; returns how many.
    result<std::size_t> columns(span<std::uint32_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_assigner_columns(get(), buf.data(), buf.size(), len);
        });
    }
    /// The row of each column, or NSW_UNASSIGNED; returns how many.
    result<std::size_t> rows(span<std::uint32_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_assigner_rows(get(), buf.data(), buf.size(), len);
        });
    }
    /// The dual prices of the rows; returns how many.
    result<std::size_t> row_prices(span<double> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_assigner_row_prices(get(), buf.data(), buf.size(), len);
        });
    }
    /// The dual prices of the columns; returns how many.
    result<std::size_t> column_prices(span<double> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_assigner_column_prices(get(), buf.data(), buf.size(), len);
        });
    }
};

/// How large the problems of a task allocator are at most. The defaults unless more is set; see
/// nsw_task_allocator_config.
struct task_allocator_config : nsw_task_allocator_config {
    task_allocator_config() noexcept : nsw_task_allocator_config{} {
        size = sizeof(nsw_task_allocator_config);
    }
};

/// What is to be done. The defaults unless more is set; see nsw_task_needs.
struct task_needs : nsw_task_needs {
    task_needs() noexcept : nsw_task_needs{} {
        size = sizeof(nsw_task_needs);
    }
};

/// Who can do tasks. The defaults unless more is set; see nsw_agent_limits.
struct agent_limits : nsw_agent_limits {
    agent_limits() noexcept : nsw_agent_limits{} {
        size = sizeof(nsw_agent_limits);
    }
};

/// A problem: tasks, agents and what each pair of them means. The arrays stay where they are until
/// it is solved. See nsw_allocation.
struct allocation : nsw_allocation {
    allocation(span<const task_needs> needs, span<const agent_limits> limits) noexcept
        : nsw_allocation{} {
        size = sizeof(nsw_allocation);
        tasks = needs.data();
        tasks_len = needs.size();
        agents = limits.data();
        agents_len = limits.size();
    }
    /// What each pair costs beside time and energy, row by row of tasks.
    allocation &set_costs(span<const double> of_pairs) noexcept {
        costs = of_pairs.data();
        costs_len = of_pairs.size();
        return *this;
    }
    /// How long each task takes each agent, in microseconds.
    allocation &set_times_us(span<const std::uint64_t> of_pairs) noexcept {
        times_us = of_pairs.data();
        times_len = of_pairs.size();
        return *this;
    }
    /// What energy each task takes each agent, in joules.
    allocation &set_energies_j(span<const double> of_pairs) noexcept {
        energies_j = of_pairs.data();
        energies_len = of_pairs.size();
        return *this;
    }
};

/// Gives tasks to agents that have limits. See nsw_task_allocator.
class task_allocator : public detail::object<task_allocator, nsw_task_allocator> {
public:
    /// Gives each task an agent, or leaves it undone where that is cheaper.
    result<nsw_allocated> allocate(const nsw_allocation &problem) noexcept {
        nsw_allocated found = NSW_ALLOCATED_INIT;
        const nsw_status status = nsw_task_allocator_allocate(get(), &problem, &found);
        return detail::result_of(status, found);
    }
    /// The agent of each task, or NSW_UNASSIGNED; returns how many.
    result<std::size_t> agents(span<std::uint32_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_task_allocator_agents(get(), buf.data(), buf.size(), len);
        });
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_ASSIGN_HPP
