// neural-swarm for C++17 and later: quantised networks. Included by neural_swarm.hpp, which says
// how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_QUANT_HPP
#define NEURAL_SWARM_QUANT_HPP

#include "neural_swarm_net.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_qnet> {
    using config = nsw_qnet_config;
    using info = nsw_qnet_info;
    static constexpr auto footprint = &nsw_qnet_footprint;
    static constexpr auto create = &nsw_qnet_create;
    static constexpr auto destroy = &nsw_qnet_destroy;
    static constexpr auto load_footprint = &nsw_qnet_load_footprint;
    static constexpr auto load = &nsw_qnet_load;
    static constexpr auto view_footprint = &nsw_qnet_view_footprint;
    static constexpr auto view = &nsw_qnet_view;
    static constexpr auto save = &nsw_qnet_save;
    static constexpr auto describe = &nsw_qnet_describe;
    static constexpr auto set_kernel = &nsw_qnet_set_kernel;
    static constexpr auto forward = &nsw_qnet_forward;
};

template <>
struct functions<nsw_qnet16> {
    using config = nsw_qnet16_config;
    using info = nsw_qnet16_info;
    static constexpr auto footprint = &nsw_qnet16_footprint;
    static constexpr auto create = &nsw_qnet16_create;
    static constexpr auto destroy = &nsw_qnet16_destroy;
    static constexpr auto load_footprint = &nsw_qnet16_load_footprint;
    static constexpr auto load = &nsw_qnet16_load;
    static constexpr auto view_footprint = &nsw_qnet16_view_footprint;
    static constexpr auto view = &nsw_qnet16_view;
    static constexpr auto save = &nsw_qnet16_save;
    static constexpr auto describe = &nsw_qnet16_describe;
    static constexpr auto set_kernel = &nsw_qnet16_set_kernel;
    static constexpr auto forward = &nsw_qnet16_forward;
};

} // namespace detail

/// What to quantise: a trained network, and calibration samples.
struct qnet_config : nsw_qnet_config {
    qnet_config() noexcept : nsw_qnet_config{} { size = sizeof(nsw_qnet_config); }
    qnet_config(nsw::net &of_net, span<const float> rows) noexcept : qnet_config() {
        set_net(of_net);
        set_samples(rows);
    }
    /// Only referred to, while the config is used.
    qnet_config &set_net(nsw::net &value) noexcept {
        net = value.get();
        return *this;
    }
    /// Rows of the network's inputs: only referred to, while the config is used.
    qnet_config &set_samples(span<const float> rows) noexcept {
        samples = rows.data();
        samples_len = rows.size();
        return *this;
    }
    /// An NSW_ROUNDING_ constant.
    qnet_config &set_rounding(std::uint32_t value) noexcept {
        rounding = value;
        return *this;
    }
    /// An NSW_CALIBRATION_ constant, and for a percentile how many percent (0: 99.99).
    qnet_config &set_calibration(std::uint32_t value, float percent = 0.0f) noexcept {
        calibration = value;
        percentile = percent;
        return *this;
    }
    /// Samples run at once by the functions for batches.
    qnet_config &set_batch(std::uint32_t value) noexcept {
        batch = value;
        return *this;
    }
};

/// A network quantised to int8; it runs on integer arithmetic alone. See nsw_qnet_create.
class qnet : public detail::model<qnet, nsw_qnet> {
public:
    /// The memory that load_batch() takes for this model and so many samples at once.
    static result<nsw::footprint> load_batch_footprint(span<const std::uint8_t> bytes,
                                                       std::uint32_t batch) noexcept {
        return footprint_of([&](std::size_t *size, std::size_t *align) {
            return nsw_qnet_load_batch_footprint(bytes.data(), bytes.size(), batch, size, align);
        });
    }
    /// From a model, which is copied, for so many samples at once.
    static result<qnet> load_batch(span<const std::uint8_t> bytes, std::uint32_t batch,
                                   const nsw_allocator *mem = nullptr) noexcept {
        return made_by([&](nsw_qnet **out) {
            return nsw_qnet_load_batch(bytes.data(), bytes.size(), batch, mem, out);
        });
    }
    /// The memory that view_batch() takes for this model and so many samples at once.
    static result<nsw::footprint> view_batch_footprint(span<const std::uint8_t> bytes,
                                                       std::uint32_t batch) noexcept {
        return footprint_of([&](std::size_t *size, std::size_t *align) {
            return nsw_qnet_view_batch_footprint(bytes.data(), bytes.size(), batch, size, align);
        });
    }
    /// Reads the model where it is, as view() does, for so many samples at once.
    static result<qnet> view_batch(span<const std::uint8_t> bytes, std::uint32_t batch,
                                   const nsw_allocator *mem = nullptr) noexcept {
        return made_by([&](nsw_qnet **out) {
            return nsw_qnet_view_batch(bytes.data(), bytes.size(), batch, mem, out);
        });
    }
    /// Runs one sample on integers alone; returns the number of outputs.
    result<std::size_t> forward_i8(span<const std::int8_t> input,
                                   span<std::int8_t> output) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet_forward_i8(get(), input.data(), input.size(), output.data(),
                                       output.size(), len);
        });
    }
    /// Runs rows of samples on integers alone; returns the number of outputs.
    result<std::size_t> forward_i8_batch(span<const std::int8_t> inputs,
                                         span<std::int8_t> outputs) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet_forward_i8_batch(get(), inputs.data(), inputs.size(), outputs.data(),
                                             outputs.size(), len);
        });
    }
    /// Runs rows of samples on real values; returns the number of outputs.
    result<std::size_t> forward_batch(span<const float> inputs, span<float> outputs) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet_forward_batch(get(), inputs.data(), inputs.size(), outputs.data(),
                                          outputs.size(), len);
        });
    }
    /// Four numbers a layer: mean, root mean square and largest error, and signal to noise in dB;
    /// returns how many. See nsw_qnet_compare.
    result<std::size_t> compare(nsw::net &with, span<const float> samples,
                                span<double> errors) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet_compare(get(), samples.data(), samples.size(), with.get(),
                                    errors.data(), errors.size(), len);
        });
    }
    /// Any number of real values as the network's input has them; returns their number.
    result<std::size_t> quantize_input(span<const float> values,
                                       span<std::int8_t> out) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet_quantize_input(get(), values.data(), values.size(), out.data(),
                                           out.size(), len);
        });
    }
    /// Any number of values of the network's output as real ones; returns their number.
    result<std::size_t> dequantize_output(span<const std::int8_t> values,
                                          span<float> out) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet_dequantize_output(get(), values.data(), values.size(), out.data(),
                                              out.size(), len);
        });
    }
};

/// What to quantise to int16 values: a trained network, and calibration samples.
struct qnet16_config : nsw_qnet16_config {
    qnet16_config() noexcept : nsw_qnet16_config{} { size = sizeof(nsw_qnet16_config); }
    qnet16_config(nsw::net &of_net, span<const float> rows) noexcept : qnet16_config() {
        net = of_net.get();
        samples = rows.data();
        samples_len = rows.size();
    }
    /// NSW_SCHEME_INT16X8, which it is without this, or NSW_SCHEME_INT16.
    qnet16_config &set_scheme(std::uint32_t value) noexcept {
        scheme = value;
        return *this;
    }
    /// An NSW_ROUNDING_ constant.
    qnet16_config &set_rounding(std::uint32_t value) noexcept {
        rounding = value;
        return *this;
    }
    /// NSW_CALIBRATION_MIN_MAX or PERCENTILE, and how many percent (0: 99.99).
    qnet16_config &set_calibration(std::uint32_t value, float percent = 0.0f) noexcept {
        calibration = value;
        percentile = percent;
        return *this;
    }
};

/// A network of int16 values; it runs on integer arithmetic alone. See nsw_qnet16_create.
class qnet16 : public detail::model<qnet16, nsw_qnet16> {
public:
    /// Runs one sample on integers alone; returns the number of outputs.
    result<std::size_t> forward_i16(span<const std::int16_t> input,
                                   span<std::int16_t> output) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet16_forward_i16(get(), input.data(), input.size(), output.data(),
                                       output.size(), len);
        });
    }
    /// Runs rows of samples on integers alone; returns the number of outputs.
    result<std::size_t> forward_i16_batch(span<const std::int16_t> inputs,
                                         span<std::int16_t> outputs) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet16_forward_i16_batch(get(), inputs.data(), inputs.size(), outputs.data(),
                                             outputs.size(), len);
        });
    }
    /// Runs rows of samples on real values; returns the number of outputs.
    result<std::size_t> forward_batch(span<const float> inputs, span<float> outputs) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet16_forward_batch(get(), inputs.data(), inputs.size(), outputs.data(),
                                          outputs.size(), len);
        });
    }
    /// Four numbers a layer: mean, root mean square and largest error, and signal to noise in dB;
    /// returns how many. See nsw_qnet16_compare.
    result<std::size_t> compare(nsw::net &with, span<const float> samples,
                                span<double> errors) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet16_compare(get(), samples.data(), samples.size(), with.get(),
                                    errors.data(), errors.size(), len);
        });
    }
    /// Any number of real values as the network's input has them; returns their number.
    result<std::size_t> quantize_input(span<const float> values,
                                       span<std::int16_t> out) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet16_quantize_input(get(), values.data(), values.size(), out.data(),
                                           out.size(), len);
        });
    }
    /// Any number of values of the network's output as real ones; returns their number.
    result<std::size_t> dequantize_output(span<const std::int16_t> values,
                                          span<float> out) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet16_dequantize_output(get(), values.data(), values.size(), out.data(),
                                              out.size(), len);
        });
    }
};

/// What to find a scheme for: a trained network, calibration samples, and what may be lost.
struct scheme_config : nsw_scheme_config {
    scheme_config() noexcept : nsw_scheme_config{} { size = sizeof(nsw_scheme_config); }
    /// `of_bound` is an NSW_BOUND_ constant.
    scheme_config(nsw::net &of_net, span<const float> rows, std::uint32_t of_bound,
                  double at_most) noexcept
        : scheme_config() {
        net = of_net.get();
        samples = rows.data();
        samples_len = rows.size();
        bound = of_bound;
        limit = at_most;
    }
    /// Judges on these samples, with targets for NSW_BOUND_ACCURACY: only referred to, while the
    /// config is used.
    scheme_config &set_judged_on(span<const float> rows, span<const float> wanted = {}) noexcept {
        inputs = rows.data();
        inputs_len = rows.size();
        targets = wanted.data();
        targets_len = wanted.size();
        return *this;
    }
};

/// The smallest scheme within a bound. See nsw_smallest_scheme.
inline result<nsw_scheme_choice> smallest_scheme(const scheme_config &config,
                                                 const nsw_allocator *mem = nullptr) noexcept {
    nsw_scheme_choice choice = NSW_SCHEME_CHOICE_INIT;
    const nsw_status status = nsw_smallest_scheme(&config, mem, &choice);
    return detail::result_of(status, choice);
}

/// The memory that it takes while it runs.
inline result<footprint> smallest_scheme_footprint(const scheme_config &config) noexcept {
    footprint needed{0, 0};
    const nsw_status status =
        nsw_smallest_scheme_footprint(&config, &needed.size, &needed.align);
    return detail::result_of(status, needed);
}

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_QUANT_HPP
