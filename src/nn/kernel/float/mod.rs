//! Float32 functions: one table for each instruction set.
//!
//! | file | what |
//! |---|---|
//! | `simd` | what the shared code needs of a vector |
//! | `gemm` `tile` `copy` | matrix products: their order, what stays in registers, copies |
//! | `layers` `matmul` | the products of a layer, the one for everybody |
//! | `math` `activate` | exp and its kin, activations, slopes |
//! | `updates` | what optimisers do to parameters |
//! | `table` | a table's functions around all that |
//! | `portable` `avx2` `avx512` `neon` | vectors, tables |

mod activate;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod copy;
#[cfg(test)]
mod function_tests;
mod gemm;
mod layers;
mod math;
mod matmul;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod simd;
mod table;
#[cfg(test)]
mod tests;
mod tile;
mod tiny;
mod updates;

pub use self::matmul::{MatrixRef, MatrixRefMut, matmul_f32, matmul_f32_scratch};
use super::Kernel;
use crate::nn::Activation;

pub(crate) use self::layers::FORWARD_PACKS_FROM;
pub(crate) use self::tiny::{
    NODES as TINY_NODES, PARAMETERS as TINY_PARAMETERS, TinyLayer, TinyPass,
    scratch as tiny_scratch,
};
pub(crate) use self::updates::{AdamStep, MomentumStep, QuickStep, RpropStep};

/// Rows of numbers, each `stride` after the last.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub data: &'a [f32],
    pub stride: usize,
}

/// The same, to write.
pub(crate) struct RowsMut<'a> {
    pub data: &'a mut [f32],
    pub stride: usize,
}

/// A matrix; strides between rows and between columns, in elements.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub data: &'a [f32],
    pub strides: (usize, usize),
}

/// The same, to write: one of the strides is 1.
pub(crate) struct MatrixMut<'a> {
    pub data: &'a mut [f32],
    pub strides: (usize, usize),
}

/// The size of a product over a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub samples: usize,
    pub inputs: usize,
    pub units: usize,
}

/// Floats of scratch memory with which the products of layers run at full
/// speed. With less they work, too, but slowly; single samples need none.
pub(crate) const SCRATCH: usize = if cfg!(target_pointer_width = "64") { 4096 } else { 256 };

/// Floats of scratch memory that suffice for full speed where products add up
/// at most `depth` terms.
pub(crate) fn scratch(depth: usize) -> usize {
    // One panel of the widest table.
    depth.saturating_mul(2 * simd::MAX_LANES).min(SCRATCH)
}

/// The float32 functions. Lengths that do not match the size panic.
#[allow(clippy::type_complexity)] // the parameters' names say more than aliases would
pub(crate) struct FloatKernels {
    /// `y[s] = W x[s] + b` for every sample `s`.
    pub forward: fn(Size, x: Rows, w: &[f32], b: &[f32], y: RowsMut, scratch: &mut [f32]),
    /// `dx[s] = W^T d[s]`, or adds it.
    pub backward: fn(Size, d: Rows, w: &[f32], dx: RowsMut, add: bool, scratch: &mut [f32]),
    /// `dw = sum_s d[s] x[s]^T`, `db = sum_s d[s]`, or adds them.
    pub gradient: fn(Size, Rows, Rows, dw: &mut [f32], db: &mut [f32], bool, &mut [f32]),
    /// `C = A B` or `C += A B`; the size is m, n, k: A is m x k, B k x n.
    pub gemm: fn([usize; 3], Matrix, Matrix, MatrixMut, add: bool, scratch: &mut [f32]),
    /// Floats of scratch memory with which [`gemm`](Self::gemm) runs at full speed.
    pub gemm_scratch: fn([usize; 3]) -> usize,
    /// `values[i] = f(steepness * values[i])`; `exp` for softmax.
    pub activate: fn(Activation, steepness: f32, values: &mut [f32]),
    /// `exp(steepness * x_i) / sum(exp(steepness * x))` over a row.
    pub softmax: fn(steepness: f32, row: &mut [f32]),
    /// `delta[i] *= steepness * f'(steepness * sums[i])`, where `outputs` are
    /// the function's values. `sums` may be empty where
    /// [`Activation::slope_needs_sum`] says no. `fann`: FANN's limits.
    pub slope: fn(Activation, f32, fann: bool, sums: &[f32], outputs: &[f32], delta: &mut [f32]),
    /// A whole pass over the samples of a tiny network; see `tiny`.
    pub tiny:
        fn(&[TinyLayer], TinyPass, w: &[f32], g: &mut [f32], scratch: &mut [f32]) -> (f32, u32),
    /// Whether all numbers are finite.
    pub finite: fn(&[f32]) -> bool,
    // The updates; see `updates` for what they do and return. First the
    // parameters, then the gradient, then the optimiser's memory.
    pub descend: fn(rate: f32, w: &mut [f32], g: &[f32]) -> bool,
    pub momentum: fn(MomentumStep, w: &mut [f32], g: &[f32], v: &mut [f32]) -> bool,
    pub fann_rprop: fn(RpropStep, w: &mut [f32], g: &[f32], last: &mut [f32], steps: &mut [f32]),
    pub irprop_minus:
        fn(RpropStep, w: &mut [f32], g: &[f32], last: &mut [f32], steps: &mut [f32]) -> bool,
    pub irprop_plus: fn(
        RpropStep,
        grown: bool,
        w: &mut [f32],
        g: &[f32],
        last: &mut [f32],
        steps: &mut [f32],
        changes: &mut [f32],
    ) -> bool,
    pub quickprop:
        fn(QuickStep, w: &mut [f32], g: &[f32], last: &mut [f32], steps: &mut [f32]) -> bool,
    pub adam: fn(AdamStep, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) -> bool,
}

/// The functions of the best set in `kernel`, which this machine has.
pub(super) fn table(kernel: Kernel) -> &'static FloatKernels {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2 => &avx2::TABLE,
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512 => &avx512::TABLE,
        #[cfg(target_arch = "aarch64")]
        Kernel::Neon | Kernel::NeonDot => &neon::TABLE,
        _ => &portable::TABLE,
    }
}
