//! Float32 functions: one table for each instruction set.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod loops;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use super::Kernel;
use crate::nn::Activation;

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

/// The size of a product over a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub samples: usize,
    pub inputs: usize,
    pub units: usize,
}

/// Floats of scratch memory that are always enough.
pub(crate) const SCRATCH: usize = 0;

/// The float32 functions. Lengths that do not match the size panic.
#[allow(clippy::type_complexity)] // the parameters' names say more than aliases would
pub(crate) struct FloatKernels {
    /// `y[s] = W x[s] + b` for every sample `s`.
    pub forward: fn(Size, x: Rows, w: &[f32], b: &[f32], y: RowsMut, scratch: &mut [f32]),
    /// `dx[s] = W^T d[s]`, or adds it.
    pub backward: fn(Size, d: Rows, w: &[f32], dx: RowsMut, add: bool, scratch: &mut [f32]),
    /// `dw = sum_s d[s] x[s]^T`, `db = sum_s d[s]`, or adds them.
    pub gradient: fn(Size, Rows, Rows, dw: &mut [f32], db: &mut [f32], bool, &mut [f32]),
    pub activate: fn(Activation, steepness: f32, values: &mut [f32]),
    pub softmax: fn(steepness: f32, row: &mut [f32]),
    pub slope: fn(Activation, f32, fann: bool, sums: &[f32], outputs: &[f32], delta: &mut [f32]),
}

fn activate(activation: Activation, steepness: f32, values: &mut [f32]) {
    values.iter_mut().for_each(|x| *x = activation.value(steepness * *x));
}

fn softmax(steepness: f32, row: &mut [f32]) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for x in row.iter_mut() {
        *x = libm::expf(steepness * (*x - max));
        sum += *x;
    }
    // At least one term is exp(0) = 1, so the sum is never zero.
    row.iter_mut().for_each(|x| *x /= sum);
}

fn slope(
    activation: Activation,
    steepness: f32,
    fann: bool,
    sums: &[f32],
    outputs: &[f32],
    delta: &mut [f32],
) {
    for (i, (d, y)) in delta.iter_mut().zip(outputs).enumerate() {
        let y = match activation {
            Activation::Sigmoid | Activation::SigmoidStepwise if fann => y.clamp(0.01, 0.99),
            Activation::Tanh | Activation::TanhStepwise if fann => y.clamp(-0.98, 0.98),
            _ => *y,
        };
        let slope = match activation {
            Activation::LinearPiece | Activation::LinearPieceSymmetric if fann => 1.0,
            Activation::LinearPiece => {
                if y > 0.0 && y < 1.0 {
                    1.0
                } else {
                    0.0
                }
            }
            Activation::LinearPieceSymmetric => {
                if y.abs() < 1.0 {
                    1.0
                } else {
                    0.0
                }
            }
            Activation::Relu => {
                if y > 0.0 {
                    1.0
                } else {
                    0.0
                }
            }
            Activation::LeakyRelu => {
                if y > 0.0 {
                    1.0
                } else {
                    0.01
                }
            }
            Activation::Elliot => {
                0.5 * (1.0 - (2.0 * y - 1.0).abs()) * (1.0 - (2.0 * y - 1.0).abs())
            }
            Activation::ElliotSymmetric => (1.0 - y.abs()) * (1.0 - y.abs()),
            a => a.slope(sums.get(i).map_or(0.0, |x| steepness * x), y),
        };
        *d *= steepness * slope;
    }
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
