// neural-swarm for C++17 and later: products of matrices and integer layers by themselves.
// Included by neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_KERNEL_HPP
#define NEURAL_SWARM_KERNEL_HPP

#include "neural_swarm_base.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

/// The sizes of a product: `m` x `k` times `k` x `n` is `m` x `n`.
struct matmul_size {
    std::size_t m;
    std::size_t n;
    std::size_t k;
};

/// A product of float32 matrices; strides and the like are fields. See nsw_matmul.
struct matmul : nsw_matmul {
    explicit matmul(matmul_size of, nsw::kernel on = nsw::kernel::automatic) noexcept
        : nsw_matmul{} {
        size = sizeof(nsw_matmul);
        m = of.m;
        n = of.n;
        k = of.k;
        nsw_matmul::kernel = static_cast<std::uint32_t>(on);
    }
};

/// How the sums of an integer layer become its outputs; the arrays are only referred to. See
/// nsw_requantize.
struct requantize : nsw_requantize {
    requantize(span<const std::int32_t> of_factors, span<const std::int8_t> of_shifts,
               nsw::rounding rule = nsw::rounding::once) noexcept
        : nsw_requantize{} {
        size = sizeof(nsw_requantize);
        factors = of_factors.data();
        shifts = of_shifts.data();
        units = of_factors.size() < of_shifts.size() ? of_factors.size() : of_shifts.size();
        nsw_requantize::rounding = static_cast<std::uint32_t>(rule);
    }
    /// The range of the outputs, and what stands for 0.
    requantize &set_range(std::int32_t least, std::int32_t most, std::int32_t zero = 0) noexcept {
        low = least;
        high = most;
        zero_point = zero;
        return *this;
    }
};

/// A multiplier and its shift.
struct multiplier {
    std::int32_t factor;
    std::int8_t shift;
};

/// What stands for a factor that is at least 0. See nsw_kernel_multiplier.
inline result<multiplier> multiplier_of(double scale) noexcept {
    multiplier made{0, 0};
    const nsw_status status = nsw_kernel_multiplier(scale, &made.factor, &made.shift);
    return detail::result_of(status, made);
}

/// Floats of scratch memory with which matmul_f32 runs at full speed.
inline result<std::size_t> matmul_f32_scratch(const nsw_matmul &how) noexcept {
    std::size_t len = 0;
    const nsw_status status = nsw_kernel_matmul_f32_scratch(&how, &len);
    return detail::result_of(status, len);
}

/// C = A B, or C += A B. See nsw_kernel_matmul_f32.
inline result<void> matmul_f32(const nsw_matmul &how, span<const float> a, span<const float> b,
                               span<float> c, span<float> scratch = {}) noexcept {
    return result<void>(nsw_kernel_matmul_f32(&how, a.data(), a.size(), b.data(), b.size(),
                                              c.data(), c.size(), scratch.data(),
                                              scratch.size()));
}

/// Packs a row-major `k` x `n` matrix, or the `n` rows of `k` of a transposed one; returns the
/// number of bytes. See nsw_kernel_pack_i8.
inline result<std::size_t> pack_i8(std::size_t k, std::size_t n, bool transposed,
                                   span<const std::int8_t> b, span<std::uint8_t> packed) noexcept {
    std::size_t len = 0;
    const nsw_status status = nsw_kernel_pack_i8(k, n, transposed ? 1 : 0, b.data(), b.size(),
                                                 packed.data(), packed.size(), &len);
    return detail::result_of(status, len);
}

/// The product of an int8 matrix and a packed one; returns how many numbers it has. See
/// nsw_kernel_matmul_i8.
inline result<std::size_t> matmul_i8(matmul_size of, span<const std::int8_t> a,
                                     span<const std::uint8_t> packed, span<std::int32_t> c,
                                     kernel on = kernel::automatic) noexcept {
    std::size_t len = 0;
    const nsw_status status =
        nsw_kernel_matmul_i8(static_cast<std::uint32_t>(on), of.m, of.n, of.k, a.data(), a.size(),
                             packed.data(), packed.size(), c.data(), c.size(), &len);
    return detail::result_of(status, len);
}

/// The same with a left matrix of uint8.
inline result<std::size_t> matmul_u8i8(matmul_size of, span<const std::uint8_t> a,
                                       span<const std::uint8_t> packed, span<std::int32_t> c,
                                       kernel on = kernel::automatic) noexcept {
    std::size_t len = 0;
    const nsw_status status =
        nsw_kernel_matmul_u8i8(static_cast<std::uint32_t>(on), of.m, of.n, of.k, a.data(),
                               a.size(), packed.data(), packed.size(), c.data(), c.size(), &len);
    return detail::result_of(status, len);
}

/// An int8 layer; returns how many outputs there are. See nsw_kernel_dense_i8.
inline result<std::size_t> dense_i8(const nsw_requantize &how, span<const std::int8_t> x,
                                    span<const std::int8_t> w, span<const std::int32_t> biases,
                                    span<std::int8_t> y) noexcept {
    std::size_t len = 0;
    const nsw_status status =
        nsw_kernel_dense_i8(&how, x.data(), x.size(), w.data(), w.size(), biases.data(),
                            biases.size(), y.data(), y.size(), &len);
    return detail::result_of(status, len);
}

/// A layer of int16 values and int8 weights.
inline result<std::size_t> dense_i16x8(const nsw_requantize &how, span<const std::int16_t> x,
                                       span<const std::int8_t> w,
                                       span<const std::int64_t> biases,
                                       span<std::int16_t> y) noexcept {
    std::size_t len = 0;
    const nsw_status status =
        nsw_kernel_dense_i16x8(&how, x.data(), x.size(), w.data(), w.size(), biases.data(),
                               biases.size(), y.data(), y.size(), &len);
    return detail::result_of(status, len);
}

/// A layer of int16 values and weights.
inline result<std::size_t> dense_i16(const nsw_requantize &how, span<const std::int16_t> x,
                                     span<const std::int16_t> w,
                                     span<const std::int64_t> biases,
                                     span<std::int16_t> y) noexcept {
    std::size_t len = 0;
    const nsw_status status =
        nsw_kernel_dense_i16(&how, x.data(), x.size(), w.data(), w.size(), biases.data(),
                             biases.size(), y.data(), y.size(), &len);
    return detail::result_of(status, len);
}

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_KERNEL_HPP
