//! Kernels for AArch64, where NEON is always there, which is what makes the
//! calls into `target_feature` functions sound.

#![allow(unsafe_code)]

use core::arch::aarch64::*;

use super::loops::{
    LANES, Lanes, SLAB, Slab, dense_i8, dense_i16, finish_rows, packed, panel_of, rows, store,
};
use super::packed::WIDTH;
use super::{
    Dims, Int8Kernels, Int16Kernels, PackedKernels, Requantize, Rounding, Rows, Wide, bias, check,
    check_ends,
};

pub(super) static INT8: Int8Kernels = Int8Kernels {
    // SAFETY: see the module's documentation.
    dense: |dims, x, w, b, how, y| unsafe { dense_i8(dims, x, w, b, how, y) },
};

pub(super) static INT16: Int16Kernels = Int16Kernels {
    // SAFETY: see the module's documentation.
    dense_w8: |dims, x, w, b, how, y| unsafe { dense_w8(dims, x, w, b, how, y) },
    // SAFETY: see the module's documentation.
    dense_w16: |dims, x, w, b, how, y| unsafe { dense_w16(dims, x, w, b, how, y) },
};

pub(super) static PACKED: PackedKernels = PackedKernels {
    from: 4,
    // SAFETY: see the module's documentation.
    matmul: |dims, a, packed, c| unsafe { matmul(dims, a, packed, c) },
    // SAFETY: see the module's documentation.
    dense: |dims, x, packed, b, how, y| unsafe { dense_packed(dims, x, packed, b, how, y) },
};

dense_i8! { #[target_feature(enable = "neon")] rows 4 }
dense_i16! { #[target_feature(enable = "neon")] dense_w8(i8) by dot4_w8 }
dense_i16! { #[target_feature(enable = "neon")] dense_w16(i16) by dot4_w16 }
packed! { #[target_feature(enable = "neon")] panels 1, single 1, rows 2, 1 }

finish_rows! { #[target_feature(enable = "neon")] }

/// Two rows of 16 sums, two partial ones each, are sixteen registers of 32.
fn tile_rows(left: usize) -> usize {
    left.min(2)
}

/// Nothing beside the products.
fn offset(_x: &[i8]) -> i32 {
    0
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load(bytes: &[i8; 16]) -> int8x16_t {
    // SAFETY: sixteen readable bytes; the load needs no alignment.
    unsafe { vld1q_s8(bytes.as_ptr()) }
}

/// Numbers, then zeros.
#[inline]
pub(super) fn filled<T: Copy + Default, const N: usize>(rest: &[T]) -> [T; N] {
    let mut whole = [T::default(); N];
    whole[..rest.len()].copy_from_slice(rest);
    whole
}

#[target_feature(enable = "neon")]
#[inline]
fn lanes_of(v: int32x4_t) -> [i32; 4] {
    let mut lanes = [0; 4];
    // SAFETY: sixteen writable bytes.
    unsafe { vst1q_s32(lanes.as_mut_ptr(), v) };
    lanes
}

/// The sum of each vector's lanes.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn sums_of([a, b, c, d]: [int32x4_t; 4]) -> [i32; 4] {
    lanes_of(vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d)))
}

/// Adds pairs of products: each fits 16 bits, being at most 128 * 128.
#[target_feature(enable = "neon")]
#[inline]
fn add_products(acc: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t {
    let acc = vpadalq_s16(acc, vmull_s8(vget_low_s8(w), vget_low_s8(x)));
    vpadalq_s16(acc, vmull_high_s8(w, x))
}

#[target_feature(enable = "neon")]
fn dot(x: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
    let (whole, rest) = x.as_chunks::<16>();
    let rows = rows.map(|row| row[..x.len()].as_chunks::<16>());
    let mut acc = [vdupq_n_s32(0); 4];
    for (i, x) in whole.iter().enumerate() {
        let x = load(x);
        for (acc, row) in acc.iter_mut().zip(rows) {
            *acc = add_products(*acc, load(&row.0[i]), x);
        }
    }
    if !rest.is_empty() {
        let x = load(&filled(rest));
        for (acc, row) in acc.iter_mut().zip(rows) {
            *acc = add_products(*acc, load(&filled(row.1)), x);
        }
    }
    sums_of(acc)
}

#[target_feature(enable = "neon")]
pub(super) fn requantize(lanes: &Lanes, how: &Requantize<'_>) -> [i8; LANES] {
    let shifts = load(&lanes.shifts);
    let (low, high) = (vmovl_s8(vget_low_s8(shifts)), vmovl_high_s8(shifts));
    let shifts = [
        vmovl_s16(vget_low_s16(low)),
        vmovl_high_s16(low),
        vmovl_s16(vget_low_s16(high)),
        vmovl_high_s16(high),
    ];
    let mut narrow = [vdup_n_s16(0); 4];
    let (sums, factors) = (lanes.sums.as_chunks::<4>().0, lanes.factors.as_chunks::<4>().0);
    for (i, narrow) in narrow.iter_mut().enumerate() {
        // SAFETY: sixteen readable bytes.
        let sums = unsafe { vld1q_s32(sums[i].as_ptr()) };
        // SAFETY: sixteen readable bytes.
        let factors = unsafe { vld1q_s32(factors[i].as_ptr()) };
        let scaled = match how.rounding {
            Rounding::Single => once(sums, factors, shifts[i]),
            Rounding::Double => twice(sums, factors, shifts[i]),
        };
        // Limited to 16 bits, which the zero point and the clamp cannot undo.
        *narrow = vqmovn_s32(scaled);
    }
    let halves = [vcombine_s16(narrow[0], narrow[1]), vcombine_s16(narrow[2], narrow[3])];
    let [low, high] = halves.map(|half| {
        let moved = vqaddq_s16(half, vdupq_n_s16(how.zero_point));
        let limited = vminq_s16(moved, vdupq_n_s16(how.clamp.1));
        vmovn_s16(vmaxq_s16(limited, vdupq_n_s16(how.clamp.0)))
    });
    let mut outputs = [0; LANES];
    // SAFETY: sixteen writable bytes.
    unsafe { vst1q_s8(outputs.as_mut_ptr(), vcombine_s8(low, high)) };
    outputs
}

/// `Rounding::Single`, limited to what fits 32 bits.
#[target_feature(enable = "neon")]
#[inline]
fn once(sums: int32x4_t, factors: int32x4_t, shifts: int32x4_t) -> int32x4_t {
    // A rounding shift to the right is one to the left by less than nothing.
    let left = vsubq_s32(shifts, vdupq_n_s32(31));
    let low = vmull_s32(vget_low_s32(sums), vget_low_s32(factors));
    let low = vrshlq_s64(low, vmovl_s32(vget_low_s32(left)));
    let high = vrshlq_s64(vmull_high_s32(sums, factors), vmovl_high_s32(left));
    vcombine_s32(vqmovn_s64(low), vqmovn_s64(high))
}

/// `Rounding::Double`.
#[target_feature(enable = "neon")]
#[inline]
fn twice(sums: int32x4_t, factors: int32x4_t, shifts: int32x4_t) -> int32x4_t {
    let left = vmaxq_s32(shifts, vdupq_n_s32(0));
    let right = vminq_s32(shifts, vdupq_n_s32(0));
    let most = vshlq_s32(vdupq_n_s32(i32::MAX), vnegq_s32(left));
    let least = vshlq_s32(vdupq_n_s32(i32::MIN), vnegq_s32(left));
    let sums = vshlq_s32(vmaxq_s32(vminq_s32(sums, most), least), left);
    let high = vqrdmulhq_s32(sums, factors);
    // One less if both are below 0: a half then goes away from zero.
    let away = vshrq_n_s32::<31>(vandq_s32(high, right));
    vrshlq_s32(vqaddq_s32(high, away), right)
}

/// What the sums of a row begin with: nothing.
pub(super) fn offset_of<const SIGNED: bool>(_row: &[u8]) -> i32 {
    0
}

/// What a unit's sum lacks when unsigned inputs were taken for signed ones by
/// turning their top bit: 128 times the sum of its weights.
#[inline]
pub(super) fn add_top<const SIGNED: bool>(sums: &mut [i32; WIDTH], header: &[u8; 64]) {
    if !SIGNED {
        for (sum, bytes) in sums.iter_mut().zip(header.as_chunks().0) {
            *sum = sum.wrapping_add(i32::from_le_bytes(*bytes).wrapping_mul(128));
        }
    }
}

#[target_feature(enable = "neon")]
#[inline]
fn tile<const M: usize, const N: usize, const SIGNED: bool, const DENSE: bool>(
    rows: &[&[u8]; M],
    [panel]: [&[[u8; 64]]; 1],
    _offsets: &[i32; M],
) -> [[[i32; WIDTH]; 1]; M] {
    let mut acc = [[vdupq_n_s32(0); 8]; M];
    for (i, block) in panel[1..].iter().enumerate() {
        let x = rows.map(|row| {
            let four: [u8; 4] = match row[4 * i..].first_chunk() {
                Some(four) => *four,
                None => filled(&row[4 * i..]),
            };
            let top = if SIGNED { 0 } else { 0x8080_8080 };
            vreinterpretq_s8_u32(vdupq_n_u32(u32::from_le_bytes(four) ^ top))
        });
        let quarters: &[[i8; 16]; 4] = bytemuck::must_cast_ref(block);
        for (j, quarter) in quarters.iter().enumerate() {
            let w = load(quarter);
            for (acc, x) in acc.iter_mut().zip(x) {
                let low = vmull_s8(vget_low_s8(w), vget_low_s8(x));
                acc[2 * j] = vpadalq_s16(acc[2 * j], low);
                acc[2 * j + 1] = vpadalq_s16(acc[2 * j + 1], vmull_high_s8(w, x));
            }
        }
    }
    acc.map(|acc| {
        let mut sums = [0; WIDTH];
        for (sums, pair) in sums.as_chunks_mut().0.iter_mut().zip(acc.as_chunks::<2>().0) {
            *sums = lanes_of(vpaddq_s32(pair[0], pair[1]));
        }
        add_top::<SIGNED>(&mut sums, &panel[0]);
        [sums]
    })
}

/// Products that fit 32 bits when the weights are int8: the largest is 2^22,
/// and two of them are added at each step.
const STEPS: usize = 128;

#[target_feature(enable = "neon")]
fn dot4_w8(x: &[i16], rows: [&[i8]; 4]) -> [i64; 4] {
    let mut acc = [vdupq_n_s64(0); 4];
    for (i, x) in x.chunks(8 * STEPS).enumerate() {
        let (whole, rest) = x.as_chunks::<8>();
        let rows = rows.map(|row| row[8 * STEPS * i..][..x.len()].as_chunks::<8>());
        let mut part = [vdupq_n_s32(0); 4];
        for (j, x) in whole.iter().enumerate() {
            let x = load16(x);
            for (part, row) in part.iter_mut().zip(rows) {
                *part = add_wide(*part, widen(&row.0[j]), x);
            }
        }
        if !rest.is_empty() {
            let x = load16(&filled(rest));
            for (part, row) in part.iter_mut().zip(rows) {
                *part = add_wide(*part, widen(&filled(row.1)), x);
            }
        }
        for (acc, part) in acc.iter_mut().zip(part) {
            *acc = vpadalq_s32(*acc, part);
        }
    }
    acc.map(|acc| vaddvq_s64(acc))
}

#[target_feature(enable = "neon")]
#[inline]
fn load16(numbers: &[i16; 8]) -> int16x8_t {
    // SAFETY: sixteen readable bytes; the load needs no alignment.
    unsafe { vld1q_s16(numbers.as_ptr()) }
}

/// Eight bytes as eight 16-bit numbers.
#[target_feature(enable = "neon")]
#[inline]
fn widen(bytes: &[i8; 8]) -> int16x8_t {
    // SAFETY: eight readable bytes; the load needs no alignment.
    vmovl_s8(unsafe { vld1_s8(bytes.as_ptr()) })
}

#[target_feature(enable = "neon")]
#[inline]
fn add_wide(acc: int32x4_t, w: int16x8_t, x: int16x8_t) -> int32x4_t {
    vmlal_high_s16(vmlal_s16(acc, vget_low_s16(w), vget_low_s16(x)), w, x)
}

#[target_feature(enable = "neon")]
fn dot4_w16(x: &[i16], rows: [&[i16]; 4]) -> [i64; 4] {
    let (whole, rest) = x.as_chunks::<8>();
    let rows = rows.map(|row| row[..x.len()].as_chunks::<8>());
    let mut acc = [vdupq_n_s64(0); 4];
    let add = |acc: int64x2_t, w: int16x8_t, x: int16x8_t| {
        let acc = vpadalq_s32(acc, vmull_s16(vget_low_s16(w), vget_low_s16(x)));
        vpadalq_s32(acc, vmull_high_s16(w, x))
    };
    for (j, x) in whole.iter().enumerate() {
        let x = load16(x);
        for (acc, row) in acc.iter_mut().zip(rows) {
            *acc = add(*acc, load16(&row.0[j]), x);
        }
    }
    if !rest.is_empty() {
        let x = load16(&filled(rest));
        for (acc, row) in acc.iter_mut().zip(rows) {
            *acc = add(*acc, load16(&filled(row.1)), x);
        }
    }
    acc.map(|acc| vaddvq_s64(acc))
}
