// neural-swarm for C++17 and later: training that grows a network. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_CASCADE_HPP
#define NEURAL_SWARM_CASCADE_HPP

#include "neural_swarm_train.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_cascade> {
    using config = nsw_cascade_config;
    static constexpr auto footprint = &nsw_cascade_footprint;
    static constexpr auto create = &nsw_cascade_create;
    static constexpr auto destroy = &nsw_cascade_destroy;
};

} // namespace detail

enum class cascade_stop : std::uint32_t {
    units = NSW_CASCADE_STOP_UNITS,
    loss = NSW_CASCADE_STOP_LOSS,
    callback = NSW_CASCADE_STOP_CALLBACK,
    bit_fail = NSW_CASCADE_STOP_BIT_FAIL,
    candidates = NSW_CASCADE_STOP_CANDIDATES,
    validation = NSW_CASCADE_STOP_VALIDATION
};

/// How cascade training works. Every field that is not set has its default.
struct cascade_config : nsw_cascade_config {
    cascade_config() noexcept : nsw_cascade_config{} { size = sizeof(nsw_cascade_config); }
    /// For a network, only referred to while the config is used, and so many samples at most.
    cascade_config(const nsw::net &for_net, std::uint64_t samples) noexcept : cascade_config() {
        net = for_net.get();
        max_samples = samples;
    }
    cascade_config &set_algorithm(nsw::algorithm value) noexcept {
        algorithm = static_cast<std::uint32_t>(value);
        return *this;
    }
    cascade_config &set_loss(nsw::loss value) noexcept {
        loss = static_cast<std::uint32_t>(value);
        return *this;
    }
    cascade_config &set_error_function(nsw::error_function value) noexcept {
        error_function = static_cast<std::uint32_t>(value);
        return *this;
    }
    /// NSW_ACTIVATION_ constants: only referred to, while the config is used.
    cascade_config &set_activations(span<const std::uint32_t> values) noexcept {
        activations = values.data();
        activations_len = values.size();
        return *this;
    }
    /// Only referred to, while the config is used.
    cascade_config &set_steepnesses(span<const float> values) noexcept {
        steepnesses = values.data();
        steepnesses_len = values.size();
        return *this;
    }
};

/// When to stop: set `max_units`, and what you like of the rest.
struct cascade_params : nsw_cascade_params {
    cascade_params() noexcept : nsw_cascade_params{} { size = sizeof(nsw_cascade_params); }
    explicit cascade_params(std::uint32_t units, float target = 0.0f) noexcept
        : cascade_params() {
        max_units = units;
        target_loss = target;
    }
    /// Stop when at most so many outputs fail.
    cascade_params &set_target_bit_fail(std::uint64_t value) noexcept {
        target_bit_fail = value;
        stop_at_bit_fail = 1;
        return *this;
    }
    /// Samples to judge by after each training of the outputs: only referred to, while the params
    /// are used. With `units` training stops when their loss has not become smaller for so many.
    cascade_params &set_validation(const nsw_data &value, std::uint32_t units = 0) noexcept {
        validation = &value;
        patience = units;
        return *this;
    }
    cascade_params &set_validation(const nsw_data &&, std::uint32_t = 0) = delete;
};

/// Cascade training: a network that grows unit by unit. See nsw_cascade_create.
class cascade : public detail::object<cascade, nsw_cascade> {
public:
    /// Trains `target` and lets it grow until `params` says stop. With a validation set it is in
    /// the end the network of the smallest validation loss.
    result<nsw_cascade_report> train(net &target, const data &samples,
                                     const nsw_cascade_params &params) noexcept {
        nsw_cascade_report report = NSW_CASCADE_REPORT_INIT;
        const nsw_status status =
            nsw_cascade_train(get(), target.get(), &samples, &params, &report);
        return detail::result_of(status, report);
    }

    /// The same with a callable in the place of params.progress and params.ctx: called after
    /// each training of the outputs with a const nsw_cascade_progress &, it returns true to
    /// stop, or nothing. What it throws stops the training too, and comes out of this function.
    template <class Callable>
    result<nsw_cascade_report> train(net &target, const data &samples,
                                     const nsw_cascade_params &params, Callable &&progress) {
        return detail::train_with<nsw_cascade_progress>(*this, target, samples, params,
                                                        std::forward<Callable>(progress));
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_CASCADE_HPP
