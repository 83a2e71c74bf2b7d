//! Kernels for AArch64, where NEON is always there.

#![allow(unsafe_code)]

use core::arch::aarch64::*;

use super::loops::layer_loops;
use super::{FloatKernels, Rows, RowsMut, Size, activate, slope, softmax};

pub(super) static FLOAT: FloatKernels =
    FloatKernels { forward, backward, gradient, activate, softmax, slope };

fn load(a: &[f32; 4]) -> float32x4_t {
    // SAFETY: four readable floats; the load needs no more than their alignment.
    unsafe { vld1q_f32(a.as_ptr()) }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a4, a_tail) = a.as_chunks::<4>();
    let (b4, b_tail) = b.as_chunks::<4>();
    // SAFETY: NEON is part of the target.
    let sum = unsafe {
        let mut acc = vdupq_n_f32(0.0);
        for (a, b) in a4.iter().zip(b4) {
            acc = vfmaq_f32(acc, load(a), load(b));
        }
        vaddvq_f32(acc)
    };
    a_tail.iter().zip(b_tail).fold(sum, |sum, (a, b)| sum + a * b)
}

fn add_scaled(to: &mut [f32], scale: f32, from: &[f32]) {
    let (to4, to_tail) = to.as_chunks_mut::<4>();
    let (from4, from_tail) = from.as_chunks::<4>();
    for (to, from) in to4.iter_mut().zip(from4) {
        // SAFETY: NEON is part of the target; four writable floats.
        unsafe {
            let value = vfmaq_n_f32(load(to), load(from), scale);
            vst1q_f32(to.as_mut_ptr(), value);
        }
    }
    for (to, from) in to_tail.iter_mut().zip(from_tail) {
        *to += scale * from;
    }
}

layer_loops! {}
