//! Kernels for x86-64 with AVX2.
//!
//! The tables are handed out by `Kernel` only where the processor has
//! both, which is what makes the calls into `target_feature` functions sound.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::loops::layer_loops;
use super::{Dims, Int8Kernels, check_dense};

pub(super) static INT8: Int8Kernels = Int8Kernels {
    // SAFETY: see the module's documentation.
    dense: |dims, x, w, b, y| unsafe { dense_i8(dims, x, w, b, y) },
};

layer_loops! {
    #[target_feature(enable = "avx2")]
}

#[target_feature(enable = "avx2")]
fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    let (a16, a_tail) = a.as_chunks::<16>();
    let (b16, b_tail) = b.as_chunks::<16>();
    let mut acc = _mm256_setzero_si256();
    for (a, b) in a16.iter().zip(b16) {
        // Two products of bytes fit 32 bits exactly, so nothing saturates here.
        acc = _mm256_add_epi32(acc, _mm256_madd_epi16(widen(a), widen(b)));
    }
    let half = _mm_add_epi32(_mm256_castsi256_si128(acc), _mm256_extracti128_si256::<1>(acc));
    let quarter = _mm_add_epi32(half, _mm_unpackhi_epi64(half, half));
    let total = _mm_add_epi32(quarter, _mm_shuffle_epi32::<1>(quarter));
    a_tail.iter().zip(b_tail).fold(_mm_cvtsi128_si32(total), |sum, (a, b)| {
        sum.wrapping_add(i32::from(*a) * i32::from(*b))
    })
}

/// Sixteen bytes as sixteen 16-bit numbers.
#[target_feature(enable = "avx2")]
fn widen(a: &[i8; 16]) -> __m256i {
    // SAFETY: sixteen readable bytes; the load needs no alignment.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(a.as_ptr().cast()) })
}
