//! Integer kernels in plain Rust. They define the result that the others are
//! held to, bit for bit.

use super::loops::layer_loops;
use super::{Dims, Int8Kernels, check_dense};

pub(super) static INT8: Int8Kernels = Int8Kernels { dense: dense_i8 };

layer_loops! {}

fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).fold(0i32, |sum, (a, b)| sum.wrapping_add(i32::from(*a) * i32::from(*b)))
}
