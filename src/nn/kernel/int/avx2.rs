//! Kernels for x86-64 with AVX2.
//!
//! The tables are handed out by `Kernel` only where the processor has it,
//! which is what makes the calls into `target_feature` functions sound.
//!
//! Bytes are widened to 16 bits and multiplied by `pmaddwd`, whose sums of two
//! products fit 32 bits; `pmaddubsw`, which takes bytes, would saturate.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

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

dense_i8! { #[target_feature(enable = "avx2")] rows 4 }

dense_i16! { #[target_feature(enable = "avx2")] dense_w8(i8) by dot4_w8 }
dense_i16! { #[target_feature(enable = "avx2")] dense_w16(i16) by dot4_w16 }

packed! { #[target_feature(enable = "avx2")] panels 1, single 1, rows 3, 2, 1 }

finish_rows! { #[target_feature(enable = "avx2")] }

/// How many of the rows that are left make a tile: three rows of 16 sums, two
/// partial ones each, are twelve registers of sixteen.
fn tile_rows(left: usize) -> usize {
    if left == 4 { 2 } else { left.min(3) }
}

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
        let x = widen(filled(rest));
        for (acc, row) in acc.iter_mut().zip(rows) {
            let w = widen(filled(&row[16 * whole.len()..]));
            *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(w, x));
        }
    }
    let [a, b, c, d] = acc;
    let all = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    let (low, high) = (_mm256_castsi256_si128(all), _mm256_extracti128_si256::<1>(all));
    bytemuck::must_cast(_mm_add_epi32(low, high))
}

/// Numbers, then zeros.
fn filled<T: Copy + Default>(rest: &[T]) -> [T; 16] {
    let mut whole = [T::default(); 16];
    whole[..rest.len()].copy_from_slice(rest);
    whole
}

#[target_feature(enable = "avx2")]
fn requantize(lanes: &Lanes, how: &Requantize<'_>) -> [i8; LANES] {
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

/// What the sums of a row begin with: nothing.
fn offset_of<const SIGNED: bool>(_row: &[u8]) -> i32 {
    0
}

#[target_feature(enable = "avx2")]
#[inline]
fn tile<const M: usize, const N: usize, const SIGNED: bool, const DENSE: bool>(
    rows: &[&[u8]; M],
    [panel]: [&[[u8; 64]]; 1],
    _offsets: &[i32; M],
) -> [[[i32; WIDTH]; 1]; M] {
    let inputs = rows[0].len();
    assert!(rows.iter().all(|row| row.len() == inputs));
    // For each row four registers of four units, two partial sums each.
    let mut acc = [[_mm256_setzero_si256(); 4]; M];
    let mut words = [[0; 4]; M];
    let (whole, rest) = panel[1..].split_at(inputs / 4);
    for (i, block) in whole.iter().enumerate() {
        for (word, row) in words.iter_mut().zip(rows) {
            // SAFETY: each row has four bytes from `4 * i` on.
            *word = unsafe { row.as_ptr().add(4 * i).cast::<[u8; 4]>().read() };
        }
        step::<M, SIGNED>(&mut acc, block, &words);
    }
    if let Some(block) = rest.first() {
        for (word, row) in words.iter_mut().zip(rows) {
            *word = last_word(&row[inputs & !3..]);
        }
        step::<M, SIGNED>(&mut acc, block, &words);
    }
    let mut sums = [[[0; WIDTH]; 1]; M];
    for ([sums], acc) in sums.iter_mut().zip(acc) {
        *sums = in_order(acc);
    }
    sums
}

/// Fewer than four bytes, then zeros.
fn last_word(rest: &[u8]) -> [u8; 4] {
    let mut word = [0; 4];
    word[..rest.len()].copy_from_slice(rest);
    word
}

/// Four inputs of each row with four weights of each unit.
#[target_feature(enable = "avx2")]
#[inline]
fn step<const M: usize, const SIGNED: bool>(
    acc: &mut [[__m256i; 4]; M],
    block: &[u8; 64],
    words: &[[u8; 4]; M],
) {
    let mut x = [_mm256_setzero_si256(); M];
    for (x, word) in x.iter_mut().zip(words) {
        let four = _mm_set1_epi32(i32::from_le_bytes(*word));
        *x = if SIGNED { _mm256_cvtepi8_epi16(four) } else { _mm256_cvtepu8_epi16(four) };
    }
    let quarters: &[[i8; 16]; 4] = bytemuck::must_cast_ref(block);
    for (j, quarter) in quarters.iter().enumerate() {
        let w = widen(*quarter);
        for (acc, x) in acc.iter_mut().zip(x) {
            acc[j] = _mm256_add_epi32(acc[j], _mm256_madd_epi16(w, x));
        }
    }
}

/// Adds the partial sums.
#[target_feature(enable = "avx2")]
fn in_order([a, b, c, d]: [__m256i; 4]) -> [i32; WIDTH] {
    let order = |v| _mm256_permute4x64_epi64::<0b11_01_10_00>(v);
    bytemuck::must_cast([order(_mm256_hadd_epi32(a, b)), order(_mm256_hadd_epi32(c, d))])
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
