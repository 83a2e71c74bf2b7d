//! Integer functions: one table for each instruction set, all equal bit for
//! bit. Tables of their own, so that firmware without float32 networks does
//! not carry the others.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod loops;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use super::{Dims, Kernel, check_dense};

/// The int8 functions.
#[allow(clippy::type_complexity)] // the parameters' names say more than aliases would
pub(crate) struct Int8Kernels {
    /// `y = W x + b` in wrapping 32-bit arithmetic, for one sample.
    pub dense: fn(Dims, x: &[i8], w: &[i8], b: &[i32], y: &mut [i32]),
}

/// The functions of the best set in `kernel`, which this machine has.
pub(super) fn table(kernel: Kernel) -> &'static Int8Kernels {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2 | Kernel::Avx512 => &avx2::INT8,
        #[cfg(target_arch = "aarch64")]
        Kernel::Neon | Kernel::NeonDot => &neon::INT8,
        _ => &portable::INT8,
    }
}
