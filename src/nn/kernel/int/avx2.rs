//! Kernels for x86-64 with AVX2.
//!
//! The tables are handed out by `Kernel` only where the processor has it,
//! which is what makes the calls into `target_feature` functions sound.
//!
//! Bytes are widened to 16 bits and multiplied by `pmaddwd`, whose sums of two
//! products fit 32 bits; `pmaddubsw`, which takes bytes, would saturate.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::loops::{LANES, Lanes, dense_i8, dense_i16, rows, store};
use super::{Dims, Int8Kernels, Int16Kernels, Requantize, Rounding, Wide, bias, check};

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

dense_i8! { #[target_feature(enable = "avx2")] rows 4 }

dense_i16! { #[target_feature(enable = "avx2")] dense_w8(i8) by dot4_w8 }
dense_i16! { #[target_feature(enable = "avx2")] dense_w16(i16) by dot4_w16 }

/// Nothing beside the products.
fn offset(_x: &[i8]) -> i32 {
    0
}

/// Sixteen bytes as sixteen 16-bit numbers.
#[target_feature(enable = "avx2")]
fn widen(bytes: [i8; 16]) -> __m256i {
    _mm256_cvtepi8_epi16(bytemuck::must_cast(bytes))
}

#[target_feature(enable = "avx2")]
#[inline]
fn dot(x: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
    assert!(rows.iter().all(|row| row.len() == x.len()));
    let from = rows.map(<[i8]>::as_ptr);
    let (whole, rest) = x.as_chunks::<16>();
    let mut acc = [_mm256_setzero_si256(); 4];
    for (i, x) in whole.iter().enumerate() {
        let x = widen(*x);
        for (acc, row) in acc.iter_mut().zip(from) {
            // SAFETY: sixteen bytes are there as in `x`, whose length is the row's.
            let w = widen(unsafe { row.add(16 * i).cast::<[i8; 16]>().read() });
            *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(w, x));
        }
    }
    if !rest.is_empty() {
        let few = |row| bytemuck::must_cast(some(bytemuck::must_cast_slice::<i8, u8>(row)));
        // The last sixteen, of which those that have been are zeros in `x`; or all.
        let new = NEW[rest.len()..].first_chunk::<16>();
        let x = match (x.last_chunk::<16>(), new) {
            (Some(last), Some(new)) => core::array::from_fn(|i| last[i] & new[i]),
            _ => few(rest),
        };
        let x = widen(x);
        for (acc, row) in acc.iter_mut().zip(rows) {
            let w = widen(row.last_chunk::<16>().copied().unwrap_or_else(|| few(row)));
            *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(w, x));
        }
    }
    let [a, b, c, d] = acc;
    let all = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    let (low, high) = (_mm256_castsi256_si128(all), _mm256_extracti128_si256::<1>(all));
    bytemuck::must_cast(_mm_add_epi32(low, high))
}

/// Sixteen numbers from the place `n` on: the last `n` have all bits set, the
/// others none.
const NEW: [i8; 32] = {
    let mut numbers = [0; 32];
    numbers.as_chunks_mut::<16>().0[1] = [-1; 16];
    numbers
};

/// Fewer than sixteen bytes, then zeros: without a call to copy them. Where two
/// parts overlap, they are the same.
#[inline]
pub(super) fn some(bytes: &[u8]) -> [u8; 16] {
    let all = if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let last = u128::from(u64::from_le_bytes(*last)) << (8 * (bytes.len() - 8));
        u128::from(u64::from_le_bytes(*first)) | last
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let last = u64::from(u32::from_le_bytes(*last)) << (8 * (bytes.len() - 4));
        u128::from(u64::from(u32::from_le_bytes(*first)) | last)
    } else {
        bytes.iter().rev().fold(0, |all, byte| all << 8 | u128::from(*byte))
    };
    all.to_le_bytes()
}

/// Numbers, then zeros.
fn filled<T: Copy + Default>(rest: &[T]) -> [T; 16] {
    let mut whole = [T::default(); 16];
    whole[..rest.len()].copy_from_slice(rest);
    whole
}

#[target_feature(enable = "avx2")]
pub(super) fn requantize(lanes: &Lanes, how: &Requantize<'_>) -> [i8; LANES] {
    let sums: [__m256i; 2] = bytemuck::must_cast(lanes.sums);
    let factors: [__m256i; 2] = bytemuck::must_cast(lanes.factors);
    let shifts: [[i8; 8]; 2] = bytemuck::must_cast(lanes.shifts);
    let mut scaled = [_mm256_setzero_si256(); 2];
    for i in 0..2 {
        let shifts = _mm_cvtsi64_si128(i64::from_le_bytes(bytemuck::must_cast(shifts[i])));
        let shifts = _mm256_cvtepi8_epi32(shifts);
        scaled[i] = match how.rounding {
            Rounding::Single => once(sums[i], factors[i], shifts),
            Rounding::Double => twice(sums[i], factors[i], shifts),
        };
    }
    // Limited to 16 bits, which the zero point and the clamp cannot undo. The
    // packing works on halves, hence the permutation.
    let narrow = _mm256_packs_epi32(scaled[0], scaled[1]);
    let narrow = _mm256_permute4x64_epi64::<0b11_01_10_00>(narrow);
    let moved = _mm256_adds_epi16(narrow, _mm256_set1_epi16(how.zero_point));
    let (low, high) = (_mm256_set1_epi16(how.clamp.0), _mm256_set1_epi16(how.clamp.1));
    let limited = _mm256_max_epi16(_mm256_min_epi16(moved, high), low);
    let (low, high) = (_mm256_castsi256_si128(limited), _mm256_extracti128_si256::<1>(limited));
    bytemuck::must_cast(_mm_packs_epi16(low, high))
}

/// Products of even lanes and of odd lanes, plus `half`, shifted `right`, the
/// low 32 bits of each put back in order. `half` and `right` are 64-bit lanes,
/// even and odd.
#[target_feature(enable = "avx2")]
fn scaled(sums: __m256i, factors: __m256i, half: [__m256i; 2], right: [__m256i; 2]) -> __m256i {
    // There is no arithmetic shift of 64 bits: the sign is turned to a bias,
    // which shifts along and comes off afterwards.
    let sign = _mm256_set1_epi64x(i64::MIN);
    let part = |x, f, half, right| {
        let product = _mm256_add_epi64(_mm256_mul_epi32(x, f), half);
        let shifted = _mm256_srlv_epi64(_mm256_xor_si256(product, sign), right);
        _mm256_sub_epi64(shifted, _mm256_srlv_epi64(sign, right))
    };
    let odd = |v| _mm256_srli_epi64::<32>(v);
    let low = part(sums, factors, half[0], right[0]);
    let high = part(odd(sums), odd(factors), half[1], right[1]);
    _mm256_blend_epi32::<0b1010_1010>(low, _mm256_slli_epi64::<32>(high))
}

/// `Rounding::Single`, limited to what fits 32 bits.
#[target_feature(enable = "avx2")]
fn once(sums: __m256i, factors: __m256i, shifts: __m256i) -> __m256i {
    let (zero, one) = (_mm256_setzero_si256(), _mm256_set1_epi32(1));
    // With a left shift the factor is at least 1 (or 0), so sums of this
    // size are beyond any int8 already, and their products fit 32 bits.
    let left = _mm256_cmpgt_epi32(shifts, zero);
    let limit = _mm256_max_epi32(_mm256_srlv_epi32(_mm256_set1_epi32(1 << 20), shifts), one);
    let limited = _mm256_max_epi32(_mm256_min_epi32(sums, limit), _mm256_sub_epi32(zero, limit));
    let sums = _mm256_blendv_epi8(sums, limited, left);
    let right = _mm256_sub_epi32(_mm256_set1_epi32(31), shifts);
    let even = _mm256_and_si256(right, _mm256_set1_epi64x(0xffff_ffff));
    let right = [even, _mm256_srli_epi64::<32>(right)];
    let one = _mm256_set1_epi64x(1);
    let half = right.map(|right| _mm256_sllv_epi64(one, _mm256_sub_epi64(right, one)));
    scaled(sums, factors, half, right)
}

/// `Rounding::Double`.
#[target_feature(enable = "avx2")]
fn twice(sums: __m256i, factors: __m256i, shifts: __m256i) -> __m256i {
    let (zero, one) = (_mm256_setzero_si256(), _mm256_set1_epi32(1));
    let left = _mm256_max_epi32(shifts, zero);
    let right = _mm256_max_epi32(_mm256_sub_epi32(zero, shifts), zero);
    let sums = _mm256_min_epi32(sums, _mm256_srav_epi32(_mm256_set1_epi32(i32::MAX), left));
    let sums = _mm256_max_epi32(sums, _mm256_srav_epi32(_mm256_set1_epi32(i32::MIN), left));
    let half = _mm256_set1_epi64x(1 << 30);
    let by_31 = _mm256_set1_epi64x(31);
    let high = scaled(_mm256_sllv_epi32(sums, left), factors, [half; 2], [by_31; 2]);
    let mask = _mm256_sub_epi32(_mm256_sllv_epi32(one, right), one);
    let negative = _mm256_srli_epi32::<31>(high);
    let threshold = _mm256_add_epi32(_mm256_srli_epi32::<1>(mask), negative);
    let up = _mm256_cmpgt_epi32(_mm256_and_si256(high, mask), threshold);
    // A true comparison is -1.
    _mm256_sub_epi32(_mm256_srav_epi32(high, right), up)
}

/// Pairs of products that fit 32 bits when the weights are int8: each is at
/// most 2^23.
const PAIRS: usize = 128;

#[target_feature(enable = "avx2")]
fn dot4_w8(x: &[i16], rows: [&[i8]; 4]) -> [i64; 4] {
    let mut acc = [_mm256_setzero_si256(); 4];
    for (i, x) in x.chunks(16 * PAIRS).enumerate() {
        let (whole, rest) = x.as_chunks::<16>();
        let rows = rows.map(|row| row[16 * PAIRS * i..][..x.len()].as_chunks::<16>());
        let mut part = [_mm256_setzero_si256(); 4];
        for (j, x) in whole.iter().enumerate() {
            let x = bytemuck::must_cast(*x);
            for (part, row) in part.iter_mut().zip(rows) {
                *part = _mm256_add_epi32(*part, _mm256_madd_epi16(widen(row.0[j]), x));
            }
        }
        if !rest.is_empty() {
            let x = bytemuck::must_cast(filled(rest));
            for (part, row) in part.iter_mut().zip(rows) {
                let pairs = _mm256_madd_epi16(widen(filled(row.1)), x);
                *part = _mm256_add_epi32(*part, pairs);
            }
        }
        for (acc, part) in acc.iter_mut().zip(part) {
            *acc = _mm256_add_epi64(*acc, widened(part));
        }
    }
    acc.map(total)
}

#[target_feature(enable = "avx2")]
fn dot4_w16(x: &[i16], rows: [&[i16]; 4]) -> [i64; 4] {
    let (whole, rest) = x.as_chunks::<16>();
    let rows = rows.map(|row| row[..x.len()].as_chunks::<16>());
    let mut acc = [_mm256_setzero_si256(); 4];
    for (j, x) in whole.iter().enumerate() {
        let x = bytemuck::must_cast(*x);
        for (acc, row) in acc.iter_mut().zip(rows) {
            let pairs = _mm256_madd_epi16(bytemuck::must_cast(row.0[j]), x);
            *acc = _mm256_add_epi64(*acc, widened(pairs));
        }
    }
    if !rest.is_empty() {
        let x = bytemuck::must_cast(filled(rest));
        for (acc, row) in acc.iter_mut().zip(rows) {
            let pairs = _mm256_madd_epi16(bytemuck::must_cast(filled(row.1)), x);
            *acc = _mm256_add_epi64(*acc, widened(pairs));
        }
    }
    acc.map(total)
}

/// Eight 32-bit sums as four of 64 bits.
#[target_feature(enable = "avx2")]
fn widened(sums: __m256i) -> __m256i {
    let low = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(sums));
    _mm256_add_epi64(low, _mm256_cvtepi32_epi64(_mm256_extracti128_si256::<1>(sums)))
}

/// The sum of four 64-bit lanes.
fn total(v: __m256i) -> i64 {
    let lanes: [i64; 4] = bytemuck::must_cast(v);
    lanes.iter().fold(0, |sum, lane| sum.wrapping_add(*lane))
}
