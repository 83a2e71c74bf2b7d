//! Kernels for x86-64 with AVX-512 F, BW, DQ, VL and VNNI.
//!
//! The tables are handed out by `Kernel` only where the processor has all of
//! them, which is what makes the calls into `target_feature` functions sound.
//!
//! `vpdpbusd` multiplies unsigned by signed bytes and never saturates. Signed
//! weights become unsigned by turning their top bit (adding 128), on the fly;
//! then each sum is too large by 128 times the sum of the inputs, which is
//! taken off once a sample.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::loops::{LANES, Lanes, SLAB, Slab, dense_i8, dense_i16, packed, panel_of, rows, store};
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
    from: 1,
    // SAFETY: see the module's documentation.
    matmul: |dims, a, packed, c| unsafe { matmul(dims, a, packed, c) },
    // SAFETY: see the module's documentation.
    dense: |dims, x, packed, b, how, y| unsafe { dense_packed(dims, x, packed, b, how, y) },
};

dense_i8! { #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")] rows 8 }

dense_i16! { #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")] dense_w8(i8) by dot4_w8 }
dense_i16! { #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")] dense_w16(i16) by dot4_w16 }

packed! {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    panels 2, single 8, rows 12, 8, 4, 2, 1
}

/// How many of the rows that are left make a tile: 12 and 2 panels are 24 sums
/// in registers. Fewer than 4 leave the multiplier waiting for itself.
fn tile_rows(left: usize) -> usize {
    match left {
        0..2 => left,
        2..4 => 2,
        4..8 => 4,
        12..16 | 20.. => 12,
        _ => 8,
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: sixty-four readable bytes; the load needs no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Up to 64 bytes, then zeros.
#[target_feature(enable = "avx512f,avx512bw")]
fn load_some(bytes: &[u8]) -> __m512i {
    let mask = (1u64 << (bytes.len() & 63)).wrapping_sub(1);
    // SAFETY: only the bytes of the slice (fewer than 64) are read.
    unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
}

/// Whole blocks of 64 bytes, and the rest.
fn blocks(row: &[i8]) -> (&[[u8; 64]], &[u8]) {
    bytemuck::must_cast_slice::<i8, u8>(row).as_chunks()
}

/// -128 times the sum of the inputs.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn offset(x: &[i8]) -> i32 {
    let (whole, rest) = blocks(x);
    let top = _mm512_set1_epi8(-128);
    let mut acc = _mm512_setzero_si512();
    for x in whole {
        acc = _mm512_dpbusd_epi32(acc, top, load(x));
    }
    acc = _mm512_dpbusd_epi32(acc, top, load_some(rest));
    _mm512_reduce_add_epi32(acc).wrapping_neg()
}

/// The products of `x` with eight rows, too large by what `offset` says.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn dot(x: &[i8], rows: [&[i8]; 8]) -> [i32; 8] {
    assert!(rows.iter().all(|row| row.len() == x.len()));
    let (from, rows) = (x.as_ptr(), rows.map(<[i8]>::as_ptr));
    let top = _mm512_set1_epi8(-128);
    let mut acc = [_mm512_setzero_si512(); 8];
    let whole = x.len() & !63;
    let mut i = 0;
    while i < whole {
        // SAFETY: 64 bytes are there from `i` on; the load needs no alignment.
        let x = unsafe { _mm512_loadu_si512(from.add(i).cast()) };
        for (acc, row) in acc.iter_mut().zip(rows) {
            // SAFETY: as above, and the row is as long.
            let w = unsafe { _mm512_loadu_si512(row.add(i).cast()) };
            *acc = _mm512_dpbusd_epi32(*acc, _mm512_xor_si512(w, top), x);
        }
        i += 64;
    }
    let rest = x.len() - whole;
    if rest > 0 && whole > 0 {
        // The last 64, of which those that have been are zeros in `x`.
        let mask = u64::MAX << (64 - rest);
        i = x.len() - 64;
        // SAFETY: there are at least 64 bytes; no load needs alignment.
        let x = unsafe { _mm512_maskz_loadu_epi8(mask, from.add(i).cast()) };
        for (acc, row) in acc.iter_mut().zip(rows) {
            // SAFETY: as above, and the row is as long.
            let w = unsafe { _mm512_loadu_si512(row.add(i).cast()) };
            *acc = _mm512_dpbusd_epi32(*acc, _mm512_xor_si512(w, top), x);
        }
    } else if rest > 0 {
        let mask = (1u64 << rest) - 1;
        // SAFETY: no more bytes than there are are read.
        let x = unsafe { _mm512_maskz_loadu_epi8(mask, from) };
        for (acc, row) in acc.iter_mut().zip(rows) {
            // SAFETY: as above, and the row is as long.
            let w = unsafe { _mm512_maskz_loadu_epi8(mask, row) };
            *acc = _mm512_dpbusd_epi32(*acc, _mm512_xor_si512(w, top), x);
        }
    }
    let [a, b, c, d, e, f, g, h] = acc;
    bytemuck::must_cast([sums_of([a, b, c, d]), sums_of([e, f, g, h])])
}

/// The sum of each vector's lanes.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn sums_of(v: [__m512i; 4]) -> [i32; 4] {
    let quarter = v.map(|v| {
        let half = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64::<1>(v));
        _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half))
    });
    let [a, b, c, d] = quarter;
    let ab = _mm_add_epi32(_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
    let cd = _mm_add_epi32(_mm_unpacklo_epi32(c, d), _mm_unpackhi_epi32(c, d));
    let all = _mm_add_epi32(_mm_unpacklo_epi64(ab, cd), _mm_unpackhi_epi64(ab, cd));
    bytemuck::must_cast(all)
}

/// Products of even lanes and of odd lanes, 64 bits each, by `finish`, which
/// leaves results of 32 bits, put back in order.
macro_rules! by_halves {
    ($sums:expr, $factors:expr, |$product:ident, $shift:ident| $finish:expr, $shifts:expr) => {{
        let half = |x: __m512i, f: __m512i, $shift: __m512i| {
            let $product = _mm512_mul_epi32(x, f);
            $finish
        };
        let odd = |v| _mm512_srli_epi64::<32>(v);
        let (sums, factors, shifts) = ($sums, $factors, $shifts);
        let low = half(sums, factors, _mm512_and_si512(shifts, _mm512_set1_epi64(0xffff_ffff)));
        let high = half(odd(sums), odd(factors), odd(shifts));
        _mm512_mask_blend_epi32(0xaaaa, low, _mm512_slli_epi64::<32>(high))
    }};
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn requantize(lanes: &Lanes, how: &Requantize<'_>) -> [i8; LANES] {
    let sums = bytemuck::must_cast(lanes.sums);
    let factors = bytemuck::must_cast(lanes.factors);
    let shifts = _mm512_cvtepi8_epi32(bytemuck::must_cast(lanes.shifts));
    let scaled = match how.rounding {
        Rounding::Single => once(sums, factors, shifts),
        Rounding::Double => twice(sums, factors, shifts),
    };
    narrow(scaled, how)
}

/// `Rounding::Single`, limited to what fits 32 bits.
#[target_feature(enable = "avx512f")]
fn once(sums: __m512i, factors: __m512i, shifts: __m512i) -> __m512i {
    // With a left shift the factor is at least 1 (or 0), so sums of this
    // size are beyond any int8 already, and their products fit 32 bits.
    let left = _mm512_cmpgt_epi32_mask(shifts, _mm512_setzero_si512());
    let one = _mm512_set1_epi32(1);
    let limit = _mm512_max_epi32(_mm512_srlv_epi32(_mm512_set1_epi32(1 << 20), shifts), one);
    let sums = _mm512_mask_min_epi32(sums, left, sums, limit);
    let lowest = _mm512_sub_epi32(_mm512_setzero_si512(), limit);
    let sums = _mm512_mask_max_epi32(sums, left, sums, lowest);
    let right = _mm512_sub_epi32(_mm512_set1_epi32(31), shifts);
    let one = _mm512_set1_epi64(1);
    by_halves!(
        sums,
        factors,
        |product, right| {
            let half = _mm512_sllv_epi64(one, _mm512_sub_epi64(right, one));
            _mm512_srav_epi64(_mm512_add_epi64(product, half), right)
        },
        right
    )
}

/// The numbers of the even or of the odd lanes, 64 bits each.
#[derive(Clone, Copy)]
struct Half {
    factors: __m512i,
    /// What is added to a product: a half, and the zero point.
    more: __m512i,
    right: __m512i,
}

/// What the outputs of a panel need that does not depend on the sums.
#[derive(Clone, Copy)]
#[allow(clippy::large_enum_variant)] // never stored: one for each panel of a call
enum Finish {
    /// Multipliers of 2^-20 to a half, rounded once, which is what networks have:
    /// no sum's result is beyond 32 bits with the zero point added.
    Usual { biases: __m512i, even: Half, odd: Half },
    /// Any others.
    Other(Lanes),
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn prepare(lanes: Lanes, how: &Requantize<'_>) -> Finish {
    let shifts = _mm512_cvtepi8_epi32(bytemuck::must_cast(lanes.shifts));
    let factors: __m512i = bytemuck::must_cast(lanes.factors);
    let nothing = _mm512_cmpeq_epi32_mask(factors, _mm512_setzero_si512());
    let small = _mm512_cmpge_epi32_mask(shifts, _mm512_set1_epi32(-20));
    let usual = small & _mm512_cmplt_epi32_mask(shifts, _mm512_setzero_si512());
    if how.rounding != Rounding::Single || (usual | nothing) != u16::MAX {
        return Finish::Other(lanes);
    }
    let right = _mm512_sub_epi32(_mm512_set1_epi32(31), shifts);
    let right = _mm512_mask_blend_epi32(nothing, right, _mm512_set1_epi32(40));
    let (one, zero_point) = (_mm512_set1_epi64(1), _mm512_set1_epi64(how.zero_point.into()));
    let half = |factors, right| {
        let half = _mm512_sllv_epi64(one, _mm512_sub_epi64(right, one));
        let more = _mm512_add_epi64(half, _mm512_sllv_epi64(zero_point, right));
        Half { factors, more, right }
    };
    let odd = |v| _mm512_srli_epi64::<32>(v);
    let even = half(factors, _mm512_and_si512(right, _mm512_set1_epi64(0xffff_ffff)));
    let mut odd = half(odd(factors), odd(right));
    // Their results stay in the upper half, where they belong.
    odd.right = _mm512_sub_epi64(odd.right, _mm512_set1_epi64(32));
    Finish::Usual { biases: bytemuck::must_cast(lanes.sums), even, odd }
}

/// Rows of products to rows of outputs.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn finish<const M: usize>(
    end: &Finish,
    how: &Requantize<'_>,
    products: &[[i32; WIDTH]; M],
    y: &mut [i8],
    (stride, width): (usize, usize),
) {
    let rows = products.iter().zip(y.chunks_mut(stride));
    let (biases, even, odd) = match end {
        Finish::Usual { biases, even, odd } => (*biases, even, odd),
        Finish::Other(lanes) => {
            rows.for_each(|(products, y)| {
                store(&requantize(&lanes.add(products), how), &mut y[..width]);
            });
            return;
        }
    };
    let scaled = |sums, half: &Half| {
        let product = _mm512_mul_epi32(sums, half.factors);
        _mm512_srav_epi64(_mm512_add_epi64(product, half.more), half.right)
    };
    let (low, high) = (_mm_set1_epi8(how.clamp.0 as i8), _mm_set1_epi8(how.clamp.1 as i8));
    for (products, y) in rows {
        let sums = _mm512_add_epi32(bytemuck::must_cast(*products), biases);
        let upper = scaled(_mm512_srli_epi64::<32>(sums), odd);
        let all = _mm512_mask_blend_epi32(0xaaaa, scaled(sums, even), upper);
        let bytes = _mm512_cvtsepi32_epi8(all);
        let limited = _mm_max_epi8(_mm_min_epi8(bytes, high), low);
        let limited: [i8; WIDTH] = bytemuck::must_cast(limited);
        store(&limited, &mut y[..width]);
    }
}

/// Scaled sums to outputs.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
#[inline]
fn narrow(scaled: __m512i, how: &Requantize<'_>) -> [i8; LANES] {
    // Limited to 16 bits, which the zero point and the clamp cannot undo.
    let narrow = _mm512_cvtsepi32_epi16(scaled);
    let moved = _mm256_adds_epi16(narrow, _mm256_set1_epi16(how.zero_point));
    let (low, high) = (_mm256_set1_epi16(how.clamp.0), _mm256_set1_epi16(how.clamp.1));
    let limited = _mm256_max_epi16(_mm256_min_epi16(moved, high), low);
    bytemuck::must_cast(_mm256_cvtepi16_epi8(limited))
}

/// `Rounding::Double`.
#[target_feature(enable = "avx512f")]
fn twice(sums: __m512i, factors: __m512i, shifts: __m512i) -> __m512i {
    let zero = _mm512_setzero_si512();
    let left = _mm512_max_epi32(shifts, zero);
    let right = _mm512_max_epi32(_mm512_sub_epi32(zero, shifts), zero);
    let sums = _mm512_min_epi32(sums, _mm512_srav_epi32(_mm512_set1_epi32(i32::MAX), left));
    let sums = _mm512_max_epi32(sums, _mm512_srav_epi32(_mm512_set1_epi32(i32::MIN), left));
    let half = _mm512_set1_epi64(1 << 30);
    let high = by_halves!(
        _mm512_sllv_epi32(sums, left),
        factors,
        |product, _shift| _mm512_srli_epi64::<31>(_mm512_add_epi64(product, half)),
        zero
    );
    let one = _mm512_set1_epi32(1);
    let mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, right), one);
    let negative = _mm512_srli_epi32::<31>(high);
    let threshold = _mm512_add_epi32(_mm512_srli_epi32::<1>(mask), negative);
    let up = _mm512_cmpgt_epi32_mask(_mm512_and_si512(high, mask), threshold);
    let down = _mm512_srav_epi32(high, right);
    _mm512_mask_add_epi32(down, up, down, one)
}

/// What the sums of a row begin with.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn offset_of<const SIGNED: bool>(row: &[u8]) -> i32 {
    if SIGNED { offset(bytemuck::must_cast_slice(row)) } else { 0 }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn tile<const M: usize, const N: usize, const SIGNED: bool, const DENSE: bool>(
    rows: &[&[u8]; M],
    panels: [&[[u8; 64]]; N],
    offsets: &[i32; M],
) -> [[[i32; WIDTH]; N]; M] {
    let inputs = rows[0].len();
    assert!(rows.iter().all(|row| row.len() == inputs));
    assert!(panels.iter().all(|panel| panel.len() == 1 + inputs.div_ceil(4)));
    let mut acc = [[_mm512_setzero_si512(); N]; M];
    for (acc, offset) in acc.iter_mut().zip(offsets) {
        *acc = [_mm512_set1_epi32(*offset); N];
    }
    let mut words = [0; M];
    for i in 0..inputs / 4 {
        for (word, row) in words.iter_mut().zip(rows) {
            // SAFETY: each row has four bytes from `4 * i` on.
            *word = unsafe { row.as_ptr().add(4 * i).cast::<i32>().read_unaligned() };
        }
        // SAFETY: each panel has a header and a block for each four inputs.
        step::<M, N, SIGNED>(&mut acc, unsafe { weights(&panels, 1 + i) }, words);
    }
    if !inputs.is_multiple_of(4) {
        for (word, row) in words.iter_mut().zip(rows) {
            *word = last_word(&row[inputs & !3..]);
        }
        // SAFETY: as above, of the last inputs.
        step::<M, N, SIGNED>(&mut acc, unsafe { weights(&panels, 1 + inputs / 4) }, words);
    }
    let mut sums = [[[0; WIDTH]; N]; M];
    for (sums, acc) in sums.as_flattened_mut().iter_mut().zip(acc.as_flattened()) {
        *sums = bytemuck::must_cast(*acc);
    }
    sums
}

/// A block of each panel.
///
/// # Safety
/// Each panel must have it.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
unsafe fn weights<const N: usize>(panels: &[&[[u8; 64]]; N], i: usize) -> [__m512i; N] {
    let mut weights = [_mm512_setzero_si512(); N];
    for (w, panel) in weights.iter_mut().zip(panels) {
        // SAFETY: as this function's.
        *w = load(unsafe { panel.get_unchecked(i) });
    }
    weights
}

/// Fewer than four bytes, then zeros.
fn last_word(rest: &[u8]) -> i32 {
    let mut word = [0; 4];
    word[..rest.len()].copy_from_slice(rest);
    i32::from_le_bytes(word)
}

/// Four inputs of each row with four weights of each unit.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn step<const M: usize, const N: usize, const SIGNED: bool>(
    acc: &mut [[__m512i; N]; M],
    weights: [__m512i; N],
    words: [i32; M],
) {
    let top = _mm512_set1_epi8(-128);
    let mut weights = weights;
    if SIGNED {
        weights.iter_mut().for_each(|w| *w = _mm512_xor_si512(*w, top));
    }
    for (acc, word) in acc.iter_mut().zip(words) {
        let x = _mm512_set1_epi32(word);
        for (acc, w) in acc.iter_mut().zip(weights) {
            *acc = if SIGNED {
                _mm512_dpbusd_epi32(*acc, w, x)
            } else {
                _mm512_dpbusd_epi32(*acc, x, w)
            };
        }
    }
}

/// Pairs of products that fit 32 bits when the weights are int8: the largest is
/// 2^23, and twice 64 of them are added.
const PAIRS: usize = 64;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot4_w8(x: &[i16], rows: [&[i8]; 4]) -> [i64; 4] {
    let mut acc = [_mm512_setzero_si512(); 4];
    for (i, x) in x.chunks(32 * PAIRS).enumerate() {
        let (whole, rest) = x.as_chunks::<32>();
        let rows = rows.map(|row| row[32 * PAIRS * i..][..x.len()].as_chunks::<32>());
        let mut part = [_mm512_setzero_si512(); 4];
        for (j, x) in whole.iter().enumerate() {
            let x = bytemuck::must_cast(*x);
            for (part, row) in part.iter_mut().zip(rows) {
                let w = _mm512_cvtepi8_epi16(bytemuck::must_cast(row.0[j]));
                *part = _mm512_dpwssd_epi32(*part, w, x);
            }
        }
        if !rest.is_empty() {
            let x = bytemuck::must_cast(filled(rest));
            for (part, row) in part.iter_mut().zip(rows) {
                let w = _mm512_cvtepi8_epi16(bytemuck::must_cast(filled(row.1)));
                *part = _mm512_dpwssd_epi32(*part, w, x);
            }
        }
        for (acc, part) in acc.iter_mut().zip(part) {
            *acc = _mm512_add_epi64(*acc, widened(part));
        }
    }
    acc.map(|acc| _mm512_reduce_add_epi64(acc))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot4_w16(x: &[i16], rows: [&[i16]; 4]) -> [i64; 4] {
    let (whole, rest) = x.as_chunks::<32>();
    let rows = rows.map(|row| row[..x.len()].as_chunks::<32>());
    let mut acc = [_mm512_setzero_si512(); 4];
    for (j, x) in whole.iter().enumerate() {
        let x = bytemuck::must_cast(*x);
        for (acc, row) in acc.iter_mut().zip(rows) {
            let pairs = _mm512_madd_epi16(bytemuck::must_cast(row.0[j]), x);
            *acc = _mm512_add_epi64(*acc, widened(pairs));
        }
    }
    if !rest.is_empty() {
        let x = bytemuck::must_cast(filled(rest));
        for (acc, row) in acc.iter_mut().zip(rows) {
            let pairs = _mm512_madd_epi16(bytemuck::must_cast(filled(row.1)), x);
            *acc = _mm512_add_epi64(*acc, widened(pairs));
        }
    }
    acc.map(|acc| _mm512_reduce_add_epi64(acc))
}

/// Numbers, then zeros.
fn filled<T: Copy + Default>(rest: &[T]) -> [T; 32] {
    let mut whole = [T::default(); 32];
    whole[..rest.len()].copy_from_slice(rest);
    whole
}

/// Sixteen 32-bit sums as eight of 64 bits.
#[target_feature(enable = "avx512f")]
fn widened(sums: __m512i) -> __m512i {
    let low = _mm512_cvtepi32_epi64(_mm512_castsi512_si256(sums));
    _mm512_add_epi64(low, _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64::<1>(sums)))
}
