//! Kernels in plain Rust. They define the result that the others are held to.
//!
//! Float sums run in eight lanes that are added up in a fixed order: compilers
//! can vectorise that, and it gives the same bits on every machine.

use super::loops::layer_loops;
use super::{FloatKernels, Rows, RowsMut, Size, activate, slope, softmax};

pub(super) static FLOAT: FloatKernels =
    FloatKernels { forward, backward, gradient, activate, softmax, slope };

const LANES: usize = 8;

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (a8, a_tail) = a.as_chunks::<LANES>();
    let (b8, b_tail) = b.as_chunks::<LANES>();
    for (a, b) in a8.iter().zip(b8) {
        for i in 0..LANES {
            lanes[i] += a[i] * b[i];
        }
    }
    for ((lane, a), b) in lanes.iter_mut().zip(a_tail).zip(b_tail) {
        *lane += a * b;
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

fn add_scaled(to: &mut [f32], scale: f32, from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += scale * from;
    }
}

layer_loops! {}
