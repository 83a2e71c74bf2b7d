//! What the `exact` mode computes with: float32 functions that round as libfann
//! does, operation for operation. All tables give the same bits; the vectors
//! run over units, weights or samples, never along a sum.

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod avx512;
mod elements;
mod exp_table;
pub(crate) mod function;
#[allow(unsafe_code)]
mod lanes;
#[allow(unsafe_code)]
mod loops;
mod math;
#[allow(unsafe_code)]
mod portable;
mod table;
mod updates;
#[cfg(target_arch = "x86_64")]
mod x86;

use self::function::Function;
pub(crate) use self::updates::{Quickprop, Rprop};
use super::Kernel;

/// The functions of one instruction set. Lengths that do not match panic.
#[allow(clippy::type_complexity)] // the parameters' names say more than aliases would
pub(crate) struct ExactKernels {
    /// `exp` with glibc's bits, for arguments within -700..700.
    pub exp: fn(f64) -> f64,
    /// The value of one steep sum.
    pub value: fn(Function, sum: f32) -> f32,
    /// Columns in a packed panel of weights: see [`Sums`].
    pub panel: usize,
    /// Weighted sums of a panel's units for several samples: see [`Sums`].
    pub sums: fn(&Sums, x: &[f32], panel: &[f32], sums: &mut [f32]),
    /// Weighted sums of a layer's units for one sample. x: the sources,
    /// w: rows of as many weights, b: a bias for each row.
    pub dots: fn(bias_at: usize, x: &[f32], w: &[f32], b: &[f32], sums: &mut [f32]),
    /// `acc[a][..] += c[k][a] * rows[k][..]` for each `k` in turn.
    pub products: fn(&Products, c: &[f32], rows: &[f32], acc: &mut [f32]),
    /// Sums become steep sums ([`function::steep`]) and have their values.
    pub values: fn(Function, steepness: f32, sums: &mut [f32], values: &mut [f32]),
    /// Errors are multiplied by the function's derivative. `sums` may be empty
    /// if the function does not need them.
    pub slopes: fn(Function, steepness: f32, sums: &[f32], values: &[f32], errors: &mut [f32]),
    /// `w += d`, where `d = error * x + momentum * d`.
    pub step: fn(error: f32, momentum: f32, x: &[f32], d: &mut [f32], w: &mut [f32]),
    /// `w += rate * slope`, and the slopes become zero.
    pub batch: fn(rate: f32, slopes: &mut [f32], w: &mut [f32]),
    /// See [`Rprop`]; the slopes become zero.
    pub rprop: fn(&Rprop, slopes: &mut [f32], last: &mut [f32], steps: &mut [f32], w: &mut [f32]),
    /// See [`Quickprop`]; the slopes become zero.
    pub quickprop:
        fn(&Quickprop, slopes: &mut [f32], last: &mut [f32], steps: &mut [f32], w: &mut [f32]),
}

/// The shape of a call of `sums`.
///
/// A unit's connections are its sources with the bias among them, in libfann's
/// order. A panel holds the weights of some of them for some units: a row for
/// each connection, `panel` columns or, for few units, half as many; a column is
/// a unit. A later call goes on where another has stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sums {
    pub samples: usize,
    /// Sources of a unit, without the bias.
    pub sources: usize,
    /// How many sources come before the bias.
    pub bias_at: usize,
    /// The connections in the panel: from 0, or from where a call has stopped; to
    /// the end, or to where a multiple of four is left.
    pub from: usize,
    pub to: usize,
    /// Units in the panel, at most its columns.
    pub units: usize,
    /// Columns of the panel.
    pub columns: usize,
    /// From one sample to the next in `x` and in `sums`.
    pub x_stride: usize,
    pub sums_stride: usize,
}

/// The shape of a call of `products`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Products {
    /// How many products are added up (`k`).
    pub depth: usize,
    /// Rows of `acc` (`a`).
    pub rows: usize,
    /// Columns of `acc`.
    pub columns: usize,
    /// Steps in `c` for `k` and for `a`.
    pub c_by_depth: usize,
    pub c_by_row: usize,
    /// From row to row in `rows` and in `acc`.
    pub depth_stride: usize,
    pub acc_stride: usize,
}

/// The functions of the best set in `kernel`, which this machine has.
pub(super) fn table(kernel: Kernel) -> &'static ExactKernels {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2 => &avx2::EXACT,
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512 => &avx512::EXACT,
        _ => &portable::EXACT,
    }
}
