//! Kernels for x86-64 with AVX2 and FMA.
//!
//! The tables are handed out by `Kernel` only where the processor has
//! both, which is what makes the calls into `target_feature` functions sound.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::loops::layer_loops;
use super::{FloatKernels, Rows, RowsMut, Size, activate, slope, softmax};

pub(super) static FLOAT: FloatKernels = FloatKernels {
    // SAFETY (all of them): see the module's documentation.
    forward: |size, x, w, b, y, s| unsafe { forward(size, x, w, b, y, s) },
    backward: |size, d, w, dx, add, s| unsafe { backward(size, d, w, dx, add, s) },
    gradient: |size, d, x, dw, db, add, s| unsafe { gradient(size, d, x, dw, db, add, s) },
    activate,
    softmax,
    slope,
};

/// Sum of the eight lanes.
#[target_feature(enable = "avx2,fma")]
fn sum(v: __m256) -> f32 {
    let half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
    _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)))
}

#[target_feature(enable = "avx2,fma")]
fn load(a: &[f32; 8]) -> __m256 {
    // SAFETY: eight readable floats; the load needs no alignment.
    unsafe { _mm256_loadu_ps(a.as_ptr()) }
}

#[target_feature(enable = "avx2,fma")]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a8, a_tail) = a.as_chunks::<8>();
    let (b8, b_tail) = b.as_chunks::<8>();
    let mut acc = _mm256_setzero_ps();
    for (a, b) in a8.iter().zip(b8) {
        acc = _mm256_fmadd_ps(load(a), load(b), acc);
    }
    a_tail.iter().zip(b_tail).fold(sum(acc), |sum, (a, b)| sum + a * b)
}

#[target_feature(enable = "avx2,fma")]
fn add_scaled(to: &mut [f32], scale: f32, from: &[f32]) {
    let (to8, to_tail) = to.as_chunks_mut::<8>();
    let (from8, from_tail) = from.as_chunks::<8>();
    let factor = _mm256_set1_ps(scale);
    for (to, from) in to8.iter_mut().zip(from8) {
        let value = _mm256_fmadd_ps(factor, load(from), load(to));
        // SAFETY: eight writable floats; the store needs no alignment.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), value) };
    }
    for (to, from) in to_tail.iter_mut().zip(from_tail) {
        *to += scale * from;
    }
}

layer_loops! {
    #[target_feature(enable = "avx2,fma")]
}
