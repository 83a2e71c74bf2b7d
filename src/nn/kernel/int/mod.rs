//! Integer functions: tables for each instruction set, all equal bit for bit,
//! and the public functions over them ([`super::dense_i8`] and its like).
//!
//! Tables of their own for int8 layers, int16 layers and products of packed
//! matrices, so that firmware carries only what it runs.
//!
//! Sums are in wrapping 32-bit arithmetic for int8 (bytes alone stay below
//! 2^31 up to 65,535 inputs; with the bias they may wrap, and do so alike on
//! every kernel), in 64-bit arithmetic for int16. There a weight of -32,768 is
//! not allowed: quantisation is symmetric, and two products of it would not
//! fit the 32 bits that the vector instructions add them in.

mod api;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx2_packed;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(all(target_arch = "arm", feature = "cortex-m-dsp"))]
mod dsp;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod loops;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
mod neon_dot;
mod packed;
mod portable;
#[cfg(test)]
mod tests;

pub use api::{
    MatmulSize, dense_i8, dense_i16, dense_i16x8, matmul_i8, matmul_packed_i8, matmul_packed_u8i8,
    matmul_u8i8, multiplier, pack_i8, pack_transposed_i8, packed_i8_len,
};
pub(crate) use packed::{Line, pack_rows, packed_len};

use super::{Dims, Kernel};
use crate::nn::quant::Rounding;
use crate::nn::quant::requant::Multiplier;

/// How a layer's sums become its outputs: for each unit
/// `clamp(zero_point + sum * factor * 2^(shift - 31))`.
#[derive(Clone, Copy, Debug)]
pub struct Requantize<'a> {
    /// A multiplier for each unit: in 2^30..2^31, or 0.
    pub factors: &'a [i32],
    /// A shift for each unit, left if positive: -31..=30; for int16 outputs
    /// -31..=14.
    pub shifts: &'a [i8],
    /// The output that stands for 0; in the range of the output's type.
    pub zero_point: i16,
    /// Smallest and largest output; in the range of the output's type.
    pub clamp: (i16, i16),
    /// The rule, for sums of 32 and of 64 bits.
    pub rounding: Rounding,
}

impl Requantize<'_> {
    /// The multiplier of a unit.
    fn multiplier(&self, unit: usize) -> Multiplier {
        Multiplier { factor: self.factors[unit], shift: self.shifts[unit] }
    }

    /// The output for a unit's 32-bit sum.
    fn narrow(&self, multiplier: Multiplier, sum: i32) -> i8 {
        self.limit(multiplier.round(sum, self.rounding)) as i8
    }

    /// The output for a unit's 64-bit sum.
    fn wide(&self, multiplier: Multiplier, sum: i64) -> i16 {
        self.limit(multiplier.round_wide(sum, self.rounding))
    }

    fn limit(&self, value: i64) -> i16 {
        let (low, high) = (i64::from(self.clamp.0), i64::from(self.clamp.1));
        // `Ord::clamp` would carry a panic for low > high.
        (value + i64::from(self.zero_point)).min(high).max(low) as i16
    }
}

#[allow(clippy::type_complexity)] // the parameters' names say more than aliases would
/// The functions of int8 layers: rows of weights, one for each unit, and for
/// each sample a row of inputs and a row of outputs.
pub(crate) struct Int8Kernels {
    pub dense: fn(Dims, x: &[i8], w: &[i8], b: &[i32], how: &Requantize<'_>, y: &mut [i8]),
}

/// A 64-bit bias as it lies in memory, aligned to 4 bytes as models are.
pub(crate) type Wide = [u32; 2];

/// What a bias is.
pub(super) fn bias(wide: Wide) -> i64 {
    bytemuck::must_cast(wide)
}

/// The functions of int16 layers, the weights int8 or int16.
#[allow(clippy::type_complexity)] // the parameters' names say more than aliases would
pub(crate) struct Int16Kernels {
    pub dense_w8: fn(Dims, x: &[i16], w: &[i8], b: &[Wide], how: &Requantize<'_>, y: &mut [i16]),
    pub dense_w16: fn(Dims, x: &[i16], w: &[i16], b: &[Wide], how: &Requantize<'_>, y: &mut [i16]),
}

#[allow(clippy::type_complexity)] // the parameters' names say more than aliases would
/// Products of rows and a packed matrix (`packed.rs`): `rows` holds bytes, which
/// are int8 or uint8.
pub(crate) struct PackedKernels {
    /// `c = a b`; `a` holds rows of `dims.inputs`, `c` rows of `dims.units`.
    pub matmul: fn(Dims, a: Rows<'_>, packed: &[u8], c: &mut [i32]),
    /// From how many rows on `dense` is faster than that of weights in rows.
    pub from: usize,
    /// The int8 layer of packed weights.
    pub dense: fn(Dims, x: &[i8], packed: &[u8], b: &[i32], how: &Requantize<'_>, y: &mut [i8]),
}

/// Rows of bytes, and whether they have a sign.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub bytes: &'a [u8],
    pub signed: bool,
}

/// From how many samples on a packed copy of the weights pays.
pub(crate) const PACKED_FROM: usize = 4;

/// Whether this machine has kernels that are faster on packed weights.
pub(crate) const PACKS: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// The int8 functions of the best set in `kernel`, which this machine has.
pub(super) fn table(kernel: Kernel) -> &'static Int8Kernels {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512 => &avx512::INT8,
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2 => &avx2::INT8,
        #[cfg(target_arch = "aarch64")]
        Kernel::NeonDot => &neon_dot::INT8,
        #[cfg(target_arch = "aarch64")]
        Kernel::Neon => &neon::INT8,
        #[cfg(all(target_arch = "arm", feature = "cortex-m-dsp"))]
        Kernel::Dsp => &dsp::INT8,
        _ => &portable::INT8,
    }
}

/// The same for int16.
pub(super) fn table16(kernel: Kernel) -> &'static Int16Kernels {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512 => &avx512::INT16,
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2 => &avx2::INT16,
        #[cfg(target_arch = "aarch64")]
        Kernel::Neon | Kernel::NeonDot => &neon::INT16,
        #[cfg(all(target_arch = "arm", feature = "cortex-m-dsp"))]
        Kernel::Dsp => &dsp::INT16,
        _ => &portable::INT16,
    }
}

/// The same for packed matrices.
pub(super) fn packed_table(kernel: Kernel) -> &'static PackedKernels {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512 => &avx512::PACKED,
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2 => &avx2_packed::PACKED,
        #[cfg(target_arch = "aarch64")]
        Kernel::NeonDot => &neon_dot::PACKED,
        #[cfg(target_arch = "aarch64")]
        Kernel::Neon => &neon::PACKED,
        _ => &portable::PACKED,
    }
}

/// Checks the lengths of a layer's call: whole rows, the same number on both
/// sides, and weights, biases and multipliers of the layer's size.
fn check<X, W, B, Y>(dims: Dims, (x, w, b, y): (&[X], &[W], &[B], &[Y]), how: &Requantize<'_>) {
    assert!(w.len() == dims.units * dims.inputs);
    check_ends(dims, x, b, y, how);
}

/// The same without the weights.
fn check_ends<X, B, Y>(dims: Dims, x: &[X], b: &[B], y: &[Y], how: &Requantize<'_>) {
    assert!(dims.inputs > 0 && dims.units > 0);
    let samples = x.len() / dims.inputs;
    assert!(x.len() == samples * dims.inputs && y.len() == samples * dims.units);
    assert!(b.len() == dims.units);
    assert!(how.factors.len() == dims.units && how.shifts.len() == dims.units);
}
