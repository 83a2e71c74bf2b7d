//! Kernels for AArch64, where NEON is always there.

#![allow(unsafe_code)]

use core::arch::aarch64::*;

use super::loops::layer_loops;
use super::{Dims, Int8Kernels, check_dense};

pub(super) static INT8: Int8Kernels = Int8Kernels { dense: dense_i8 };

layer_loops! {}

fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    let (a16, a_tail) = a.as_chunks::<16>();
    let (b16, b_tail) = b.as_chunks::<16>();
    // SAFETY: NEON is part of the target; each load reads one whole array.
    let sum = unsafe {
        let mut acc = vdupq_n_s32(0);
        for (a, b) in a16.iter().zip(b16) {
            let (a, b) = (vld1q_s8(a.as_ptr()), vld1q_s8(b.as_ptr()));
            // A product of two bytes fits 16 bits (at most 128 * 128).
            acc = vpadalq_s16(acc, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
            acc = vpadalq_s16(acc, vmull_high_s8(a, b));
        }
        vaddvq_s32(acc)
    };
    a_tail
        .iter()
        .zip(b_tail)
        .fold(sum, |sum, (a, b)| sum.wrapping_add(i32::from(*a) * i32::from(*b)))
}
