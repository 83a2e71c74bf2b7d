// neural-swarm for C++17 and later: recorded workflows. Included by
// neural_swarm.hpp, which says how all of it is used, unless NSW_NO_STD is defined.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_WFCOMMONS_HPP
#define NEURAL_SWARM_WFCOMMONS_HPP

#include <string>
#include <string_view>

#include "neural_swarm_object.hpp"
#include "neural_swarm_schedule.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_host_wfcommons> {
    using config = nsw_host_wfcommons_config;
    static constexpr auto footprint = &nsw_host_wfcommons_footprint;
    static constexpr auto create = &nsw_host_wfcommons_create;
    static constexpr auto destroy = &nsw_host_wfcommons_destroy;
};

} // namespace detail

/// Which recorded workflow is read: JSON, which stays where it is until then. See
/// nsw_host_wfcommons_config.
struct wfcommons_config : nsw_host_wfcommons_config {
    explicit wfcommons_config(std::string_view json, const nsw_logger *told = nullptr) noexcept
        : nsw_host_wfcommons_config{} {
        size = sizeof(nsw_host_wfcommons_config);
        text = json.data();
        text_len = json.size();
        logger = told;
    }
};

/// A task that waits for another of a recorded workflow.
struct wfcommons_edge {
    std::uint32_t from;
    std::uint32_t to;
    double bytes;
};

/// A task of a recorded workflow.
struct wfcommons_task {
    std::string id;
    double seconds;
};

/// A machine that a recorded workflow ran on; 0 for what was not recorded.
struct wfcommons_machine {
    std::string name;
    std::uint32_t cores;
    double mhz;
};

/// A recorded workflow in the format of WfCommons. See nsw_host_wfcommons.
class wfcommons : public detail::object<wfcommons, nsw_host_wfcommons> {
public:
    /// How much is in it.
    result<nsw_host_wfcommons_info> describe() const noexcept {
        nsw_host_wfcommons_info info = NSW_HOST_WFCOMMONS_INFO_INIT;
        const nsw_status status = nsw_host_wfcommons_describe(get(), &info);
        return detail::result_of(status, info);
    }
    /// Its name.
    result<std::string> name() const {
        std::string text;
        const nsw_status status = read(text, [&](char *buf, std::size_t cap, std::size_t *len) {
            return nsw_host_wfcommons_name(get(), buf, cap, len);
        });
        return detail::result_of(status, std::move(text));
    }
    /// A task, in the order of the file.
    result<wfcommons_task> task(std::uint32_t index) const {
        wfcommons_task found{{}, 0};
        const nsw_status status =
            read(found.id, [&](char *buf, std::size_t cap, std::size_t *len) {
                return nsw_host_wfcommons_task(get(), index, buf, cap, len, &found.seconds);
            });
        return detail::result_of(status, std::move(found));
    }
    /// An edge, in rising order of `from`, then `to`.
    result<wfcommons_edge> edge(std::uint32_t index) const noexcept {
        wfcommons_edge found{0, 0, 0};
        const nsw_status status =
            nsw_host_wfcommons_edge(get(), index, &found.from, &found.to, &found.bytes);
        return detail::result_of(status, found);
    }
    /// A machine that it ran on.
    result<wfcommons_machine> machine(std::uint32_t index) const {
        wfcommons_machine found{{}, 0, 0};
        const nsw_status status =
            read(found.name, [&](char *buf, std::size_t cap, std::size_t *len) {
                return nsw_host_wfcommons_machine(get(), index, buf, cap, len, &found.cores,
                                                  &found.mhz);
            });
        return detail::result_of(status, std::move(found));
    }
    /// Adds all tasks and edges to a graph without any.
    result<void> add_to(dag &graph) const noexcept {
        return result<void>(nsw_host_wfcommons_add_to(get(), graph.get()));
    }

private:
    /// A text of any length: asks for the length first.
    template <class Call>
    static nsw_status read(std::string &text, Call &&call) {
        std::size_t len = 0;
        nsw_status status = call(nullptr, 0, &len);
        if (status == NSW_ERR_BUFFER_TOO_SMALL) {
            text.resize(len);
            status = call(text.data(), text.size(), &len);
        }
        return status;
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_WFCOMMONS_HPP
