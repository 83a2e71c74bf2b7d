// neural-swarm for C++17 and later: missions over the members of a swarm. Included by
// neural_swarm_node.hpp; neural_swarm.hpp says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_MISSIONS_HPP
#define NEURAL_SWARM_MISSIONS_HPP

#include <optional>

#include "neural_swarm_link.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_missions> {
    using config = nsw_missions_config;
    static constexpr auto footprint = &nsw_missions_footprint;
    static constexpr auto create = &nsw_missions_create;
    static constexpr auto destroy = &nsw_missions_destroy;
};

} // namespace detail

/// Settings of missions. See nsw_missions_config.
struct missions_config : nsw_missions_config {
    missions_config(const nsw_node_info &node, std::uint64_t with_seed) noexcept
        : nsw_missions_config{} {
        size = sizeof(nsw_missions_config);
        mtu = node.max_message;
        id = node.id;
        seed = with_seed;
    }
};

/// What a member offers. See nsw_offer.
struct offer : nsw_offer {
    explicit offer(std::uint64_t with_skills = 0, float at_speed = 1.0f) noexcept : nsw_offer{} {
        size = sizeof(nsw_offer);
        skills = with_skills;
        speed = at_speed;
    }
};

/// A task of a mission; the bytes and numbers stay where they are until it is given. See
/// nsw_mission_task.
struct mission_task : nsw_mission_task {
    explicit mission_task(span<const std::uint8_t> what, span<const std::uint8_t> with = {},
                          span<const std::uint32_t> behind = {}) noexcept
        : nsw_mission_task{} {
        size = sizeof(nsw_mission_task);
        method = what.data();
        method_len = what.size();
        message = with.data();
        message_len = with.size();
        after = behind.data();
        after_len = behind.size();
    }
};

/// The result of a task, valid until the next call on the object that is not const.
struct mission_result {
    std::uint64_t by;
    span<const std::uint8_t> bytes;
};

/// Work that is given at one member and done by many. See nsw_missions_create.
class missions : public detail::object<missions, nsw_missions> {
public:
    /// Gives a mission; its number. See nsw_missions_give.
    result<std::uint64_t> give(span<const mission_task> tasks, std::uint64_t now_us) noexcept {
        static_assert(sizeof(mission_task) == sizeof(nsw_mission_task), "an array of these");
        std::uint64_t mission = 0;
        const nsw_status status =
            nsw_missions_give(get(), tasks.data(), tasks.size(), now_us, &mission);
        return detail::result_of(status, mission);
    }
    /// Ends a mission.
    result<void> cancel(std::uint64_t mission) noexcept {
        return result<void>(nsw_missions_cancel(get(), mission));
    }
    /// Forgets a mission that is over.
    result<void> forget(std::uint64_t mission) noexcept {
        return result<void>(nsw_missions_forget(get(), mission));
    }
    /// How far a mission is.
    result<nsw_mission_progress> progress(std::uint64_t mission) const noexcept {
        nsw_mission_progress progress = NSW_MISSION_PROGRESS_INIT;
        const nsw_status status = nsw_missions_progress(get(), mission, &progress);
        return detail::result_of(status, progress);
    }
    /// The result of a task that is done.
    result<mission_result> result_of(std::uint64_t mission, std::uint32_t task) const noexcept {
        std::uint64_t by = 0;
        const std::uint8_t *bytes = nullptr;
        std::size_t len = 0;
        const nsw_status status =
            nsw_missions_result(get(), mission, task, &by, &bytes, &len);
        return detail::result_of(status, mission_result{by, {bytes, len}});
    }
    /// The mission with the next higher number; none: there is none.
    result<std::optional<std::uint64_t>> next_mission(std::uint64_t after) const noexcept {
        std::uint64_t mission = after;
        const nsw_status status = nsw_missions_next_mission(get(), &mission);
        return detail::unless_done(status, mission);
    }
    /// What this member offers to do from now on.
    result<void> set_offer(const nsw_offer &offered) noexcept {
        return result<void>(nsw_missions_set_offer(get(), &offered));
    }
    /// A job is done, with this result.
    result<void> finish(std::uint64_t job, span<const std::uint8_t> with,
                        std::uint64_t now_us) noexcept {
        return result<void>(nsw_missions_finish(get(), job, with.data(), with.size(), now_us));
    }
    /// A job cannot be done.
    result<void> fail(std::uint64_t job, std::uint64_t now_us) noexcept {
        return result<void>(nsw_missions_fail(get(), job, now_us));
    }
    /// What has happened; none: there is no more. See nsw_missions_next.
    result<std::optional<nsw_mission_event>> next() noexcept {
        nsw_mission_event event = NSW_MISSION_EVENT_INIT;
        const nsw_status status = nsw_missions_next(get(), &event);
        return detail::unless_done(status, event);
    }
    /// What was counted.
    result<nsw_missions_info> describe() const noexcept {
        nsw_missions_info info = NSW_MISSIONS_INFO_INIT;
        const nsw_status status = nsw_missions_describe(get(), &info);
        return detail::result_of(status, info);
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif
