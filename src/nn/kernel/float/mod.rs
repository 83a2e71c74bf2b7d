//! Float32 functions: one table for each instruction set.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod loops;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use super::{Dims, Kernel, check_back, check_dense};

/// The float32 functions. Lengths that do not match the dims panic.
#[allow(clippy::type_complexity)] // the parameters' names say more than aliases would
pub(crate) struct FloatKernels {
    /// `y[s] = W x[s] + b` for every sample `s` of `x`.
    /// x: samples x inputs, w: units x inputs, b: units, y: samples x units.
    pub dense: fn(Dims, x: &[f32], w: &[f32], b: &[f32], y: &mut [f32]),
    /// `dx[s] = W^T d[s]`. d: samples x units, dx: samples x inputs.
    pub dense_back: fn(Dims, d: &[f32], w: &[f32], dx: &mut [f32]),
    /// `dw += sum_s d[s] x[s]^T`, `db += sum_s d[s]`.
    pub dense_grad: fn(Dims, d: &[f32], x: &[f32], dw: &mut [f32], db: &mut [f32]),
}

/// The functions of the best set in `kernel`, which this machine has.
pub(super) fn table(kernel: Kernel) -> &'static FloatKernels {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2 | Kernel::Avx512 => &avx2::FLOAT,
        #[cfg(target_arch = "aarch64")]
        Kernel::Neon | Kernel::NeonDot => &neon::FLOAT,
        _ => &portable::FLOAT,
    }
}
