// neural-swarm for C++17 and later: owners for the handles of neural_swarm.h.
// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Header-only, and as thin as it can be: an object of this header is a handle and nothing
// else, a call is the C call. What the functions do, need and answer is documented in
// neural_swarm.h; here stands what C++ adds.
//
// Ownership  arena, net, trainer and qnet are move-only and destroy their handle at the end of
//            their life. get() lends the C handle, release() gives it away, and from_handle()
//            takes one over, so both headers can be used side by side. A moved-from object is
//            empty: its calls answer NSW_ERR_NULL.
// Errors     Whatever can fail returns a nsw::result. Neither exceptions nor RTTI are needed.
//            With NSW_EXCEPTIONS defined before the inclusion, result::value() of an error
//            throws nsw::error; without it, it prints the error's text to stderr and calls
//            std::abort. Each setting has types of its own (see the inline namespaces
//            below), so the files of one program may differ in it.
// Configs    The structs of the C header, which set their own size, with setters for what C++
//            has types for. All other fields are the C ones.
// Buffers    nsw::span<T>: std::span from C++20 on, before that a plain pointer with a length,
//            made from arrays, std::array, std::vector and the like.
// Lifetime   Nothing here keeps what it is given. What the C header says must outlive a call or
//            an object must do so here too: an allocator's context outlives the objects made
//            with it, a model's bytes outlive the view of them, a buffer its arena, an arena the
//            objects in it.

#ifndef NEURAL_SWARM_HPP
#define NEURAL_SWARM_HPP

#include "neural_swarm_cascade.hpp"
#include "neural_swarm_dataset.hpp"
#include "neural_swarm_kernel.hpp"
#include "neural_swarm_net.hpp"
#include "neural_swarm_train.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_arena> {
    static constexpr auto destroy = &nsw_arena_destroy;
};

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

} // namespace detail

// ---- arena --------------------------------------------------------------------------------------

/// How full an arena is, in bytes.
struct arena_usage {
    std::size_t used;
    std::size_t high_water;
    std::size_t capacity;
};

/// An allocator over a buffer of yours, which must outlive it, as it must outlive the objects in
/// it. See nsw_arena_create.
class arena : public detail::owner<arena, nsw_arena> {
public:
    static result<arena> create(void *buf, std::size_t len) noexcept {
        return made_by([&](nsw_arena **out) { return nsw_arena_create(buf, len, out); });
    }
    static result<arena> create(span<std::byte> buf) noexcept {
        return create(buf.data(), buf.size());
    }
    static result<arena> create(span<std::uint8_t> buf) noexcept {
        return create(buf.data(), buf.size());
    }

    /// The hook to create objects with; valid as long as the arena, also when it moves.
    result<nsw_allocator> allocator() noexcept {
        nsw_allocator hook = NSW_ALLOCATOR_INIT;
        const nsw_status status = nsw_arena_allocator(get(), &hook);
        return detail::result_of(status, hook);
    }
    result<arena_usage> usage() const noexcept {
        arena_usage u{0, 0, 0};
        const nsw_status status = nsw_arena_usage(get(), &u.used, &u.high_water, &u.capacity);
        return detail::result_of(status, u);
    }
};

// ---- qnet ---------------------------------------------------------------------------------------

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

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#undef NSW_HPP_ON_ERROR
#undef NSW_HPP_SPAN
#undef NSW_HPP_TRY
#undef NSW_HPP_CATCH_ALL

#endif // NEURAL_SWARM_HPP
