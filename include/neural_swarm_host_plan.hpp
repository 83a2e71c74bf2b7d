// neural-swarm for C++17 and later: planning domains, problems and plans as text. Included by neural_swarm.hpp,
// which says how all of it is used, unless NSW_NO_STD is defined.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_HOST_PLAN_HPP
#define NEURAL_SWARM_HOST_PLAN_HPP

#include <optional>
#include <string>
#include <string_view>

#include "neural_swarm_plan.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_host_hddl> {
    using config = nsw_host_hddl_config;
    static constexpr auto footprint = &nsw_host_hddl_footprint;
    static constexpr auto create = &nsw_host_hddl_create;
    static constexpr auto destroy = &nsw_host_hddl_destroy;
};

template <>
struct functions<nsw_host_plan> {
    using config = nsw_host_plan_config;
    static constexpr auto footprint = &nsw_host_plan_footprint;
    static constexpr auto create = &nsw_host_plan_create;
    static constexpr auto destroy = &nsw_host_plan_destroy;
};

} // namespace detail

/// Where a text is wrong, and why. See nsw_host_hddl_error.
struct hddl_error : nsw_host_hddl_error {
    hddl_error() noexcept : nsw_host_hddl_error{} { size = sizeof(nsw_host_hddl_error); }
    /// What was expected, what was found.
    [[nodiscard]] std::string_view text() const noexcept {
        return std::string_view(message, message_len);
    }
};

/// A domain and a problem to be read; the texts and the error stay where they are until they were. See
/// nsw_host_hddl_config.
struct hddl_config : nsw_host_hddl_config {
    hddl_config(std::string_view domain_text, std::string_view problem_text,
                hddl_error *wrong = nullptr) noexcept
        : nsw_host_hddl_config{} {
        size = sizeof(nsw_host_hddl_config);
        domain = domain_text.data();
        domain_len = domain_text.size();
        problem = problem_text.data();
        problem_len = problem_text.size();
        error = wrong;
    }
};

/// A planning domain and a problem in HDDL, as the bytes of a model. See nsw_host_hddl.
class hddl : public detail::object<hddl, nsw_host_hddl> {
public:
    /// The model's bytes, which lie in the object.
    result<span<const std::uint8_t>> model() const noexcept {
        const std::uint8_t *bytes = nullptr;
        std::size_t len = 0;
        const nsw_status status = nsw_host_hddl_model(get(), &bytes, &len);
        return detail::result_of(status, span<const std::uint8_t>(bytes, len));
    }
    /// The index-th thing that is odd, from 0 on; none behind the last one.
    result<std::optional<hddl_error>> warning(std::size_t index) const noexcept {
        hddl_error found;
        const nsw_status status = nsw_host_hddl_warning(get(), index, &found);
        return detail::unless_done(status, found);
    }
};

/// A plan to be read. See nsw_host_plan_config.
struct plan_text_config : nsw_host_plan_config {
    plan_text_config(const plan_model &of, std::string_view plan,
                     hddl_error *wrong = nullptr) noexcept
        : nsw_host_plan_config{} {
        size = sizeof(nsw_host_plan_config);
        model = of.get();
        text = plan.data();
        text_len = plan.size();
        error = wrong;
    }
};

/// A plan that was read from text. See nsw_host_plan.
class plan_text : public detail::object<plan_text, nsw_host_plan> {
public:
    /// The plan, which lies in the object.
    result<nsw_plan> view() const noexcept {
        nsw_plan found = NSW_PLAN_INIT;
        const nsw_status status = nsw_host_plan_view(get(), &found);
        return detail::result_of(status, found);
    }
    /// The line of the text that a step is from.
    result<std::uint32_t> line(std::size_t step) const noexcept {
        std::uint32_t at = 0;
        const nsw_status status = nsw_host_plan_line(get(), step, &at);
        return detail::result_of(status, at);
    }
};

/// How a plan is written. See NSW_HOST_PLAN_TEXT and the like.
enum class plan_form : std::uint32_t {
    text = NSW_HOST_PLAN_TEXT,
    dot = NSW_HOST_PLAN_DOT,
    svg = NSW_HOST_PLAN_SVG
};

/// Writes a plan to a std::string, which becomes as long as it.
inline result<void> write_plan(const plan_model &model, const nsw_plan &plan, plan_form form,
                               std::string &out) {
    const auto as = static_cast<std::uint32_t>(form);
    std::size_t len = 0;
    const nsw_status status = nsw_host_plan_write(model.get(), &plan, as, nullptr, 0, &len);
    if (status != NSW_ERR_BUFFER_TOO_SMALL) {
        return result<void>(status);
    }
    out.resize(len);
    return result<void>(nsw_host_plan_write(model.get(), &plan, as, out.data(), len, &len));
}

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_HOST_PLAN_HPP
