//! The inner loops: two tables of functions, float32 and int8, for
//! each instruction set.
//!
//! | table | where | chosen |
//! |---|---|---|
//! | [`portable`](Kernel::Portable) | everywhere; defines the result | |
//! | [`avx2`](Kernel::Avx2) | x86-64 with AVX2 and FMA | at run time with `std`, else by target feature |
//! | [`neon`](Kernel::Neon) | AArch64 | at compile time: it is always there |
//!
//! Integer kernels agree with the portable ones bit for bit. Float kernels may
//! differ from them in rounding (fused multiply-add, another order of sums);
//! one table always gives the same result for the same call.
//!
//! A new instruction set is one more file with its tables.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod loops;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};

/// An instruction set that there are kernels for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Kernel {
    /// Plain Rust.
    Portable = 1,
    /// AVX2 and FMA.
    Avx2 = 2,
    /// Advanced SIMD of AArch64.
    Neon = 3,
}

impl Kernel {
    /// The kernel with this number, if there is one.
    pub const fn from_code(code: u32) -> Option<Kernel> {
        Some(match code {
            1 => Kernel::Portable,
            2 => Kernel::Avx2,
            3 => Kernel::Neon,
            _ => return None,
        })
    }

    /// Its number in the C header.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The best one for this machine.
    pub fn best() -> Kernel {
        let vectors = [Kernel::Avx2, Kernel::Neon].into_iter().find(|kernel| kernel.available());
        vectors.unwrap_or(Kernel::Portable)
    }

    /// Whether this machine (without `std`: this build) has it.
    pub fn available(self) -> bool {
        match self {
            Kernel::Portable => true,
            Kernel::Avx2 => has_avx2(),
            Kernel::Neon => cfg!(target_arch = "aarch64"),
        }
    }

    /// Its float32 functions, if this machine has it.
    pub(crate) fn float(self) -> Result<&'static FloatKernels> {
        match self {
            Kernel::Portable => Ok(&portable::FLOAT),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 if has_avx2() => Ok(&avx2::FLOAT),
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => Ok(&neon::FLOAT),
            _ => Err(Error::Unsupported),
        }
    }

    /// Its int8 functions, if this machine has it.
    pub(crate) fn int8(self) -> Result<&'static Int8Kernels> {
        match self {
            Kernel::Portable => Ok(&portable::INT8),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 if has_avx2() => Ok(&avx2::INT8),
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => Ok(&neon::INT8),
            _ => Err(Error::Unsupported),
        }
    }
}

/// The best float32 functions for this machine.
pub(crate) fn best_float() -> &'static FloatKernels {
    Kernel::best().float().unwrap_or(&portable::FLOAT)
}

/// The best int8 functions for this machine.
pub(crate) fn best_int8() -> &'static Int8Kernels {
    Kernel::best().int8().unwrap_or(&portable::INT8)
}

/// The shape of a dense layer, for the kernels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dims {
    pub inputs: usize,
    pub units: usize,
}

/// The float32 functions. Lengths that do not match the dims panic.
#[allow(clippy::type_complexity)] // the parameters' names say more than aliases would
pub(crate) struct FloatKernels {
    pub kernel: Kernel,
    /// `y[s] = W x[s] + b` for every sample `s` of `x`.
    /// x: samples x inputs, w: units x inputs, b: units, y: samples x units.
    pub dense: fn(Dims, x: &[f32], w: &[f32], b: &[f32], y: &mut [f32]),
    /// `dx[s] = W^T d[s]`. d: samples x units, dx: samples x inputs.
    pub dense_back: fn(Dims, d: &[f32], w: &[f32], dx: &mut [f32]),
    /// `dw += sum_s d[s] x[s]^T`, `db += sum_s d[s]`.
    pub dense_grad: fn(Dims, d: &[f32], x: &[f32], dw: &mut [f32], db: &mut [f32]),
}

/// The int8 functions: a table of their own, so that firmware without float32
/// networks does not carry the others.
#[allow(clippy::type_complexity)] // as above
pub(crate) struct Int8Kernels {
    pub kernel: Kernel,
    /// `y = W x + b` in wrapping 32-bit arithmetic, for one sample.
    pub dense: fn(Dims, x: &[i8], w: &[i8], b: &[i32], y: &mut [i32]),
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    #[cfg(feature = "std")]
    return std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
    #[cfg(not(feature = "std"))]
    return cfg!(all(target_feature = "avx2", target_feature = "fma"));
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

/// Checks the lengths of a forward call.
fn check_dense<X, Y>(dims: Dims, x: &[X], w: &[X], b: &[Y], y: &[Y]) {
    check_back(dims, y, x, w);
    assert!(b.len() == dims.units);
}

/// Checks the lengths of a backward call: whole rows, the same number on both
/// sides, and weights of the layer's size.
fn check_back<D, X>(dims: Dims, d: &[D], x: &[X], w: &[X]) {
    assert!(dims.inputs > 0 && dims.units > 0);
    let samples = x.len() / dims.inputs;
    assert!(x.len() == samples * dims.inputs && d.len() == samples * dims.units);
    assert!(w.len() == dims.units * dims.inputs);
}
