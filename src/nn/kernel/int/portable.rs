//! Integer kernels in plain Rust. They define the result that the others are
//! held to, bit for bit.

use super::packed::{self, WIDTH};
use super::{
    Dims, Int8Kernels, Int16Kernels, PackedKernels, Requantize, Rows, Wide, bias, check, check_ends,
};
use crate::nn::quant::requant::Multiplier;

pub(super) static INT8: Int8Kernels = Int8Kernels { dense: dense_i8 };
pub(super) static INT16: Int16Kernels = Int16Kernels { dense_w8: dense_i16, dense_w16: dense_i16 };
pub(super) static PACKED: PackedKernels =
    PackedKernels { from: usize::MAX, matmul, dense: dense_packed };

fn dense_i8(dims: Dims, x: &[i8], w: &[i8], b: &[i32], how: &Requantize<'_>, y: &mut [i8]) {
    check(dims, (x, w, b, y), how);
    for (x, y) in x.chunks_exact(dims.inputs).zip(y.chunks_exact_mut(dims.units)) {
        let rows = w.chunks_exact(dims.inputs).zip(b);
        for (((w, b), y), multiplier) in rows.zip(y).zip(multipliers(how)) {
            let products = x.iter().zip(w).map(|(x, w)| i32::from(*x) * i32::from(*w));
            *y = how.narrow(multiplier, products.fold(*b, i32::wrapping_add));
        }
    }
}

fn dense_i16<W: Copy + Into<i64>>(
    dims: Dims,
    x: &[i16],
    w: &[W],
    b: &[Wide],
    how: &Requantize<'_>,
    y: &mut [i16],
) {
    check(dims, (x, w, b, y), how);
    for (x, y) in x.chunks_exact(dims.inputs).zip(y.chunks_exact_mut(dims.units)) {
        let rows = w.chunks_exact(dims.inputs).zip(b);
        for (((w, b), y), multiplier) in rows.zip(y).zip(multipliers(how)) {
            let products = x.iter().zip(w).map(|(x, w)| i64::from(*x) * (*w).into());
            *y = how.wide(multiplier, products.fold(bias(*b), i64::wrapping_add));
        }
    }
}

/// The multiplier of each unit.
pub(super) fn multipliers(how: &Requantize<'_>) -> impl Iterator<Item = Multiplier> {
    how.factors
        .iter()
        .zip(how.shifts)
        .map(|(factor, shift)| Multiplier { factor: *factor, shift: *shift })
}

/// Shows the sum of each sample and unit to `sink`.
fn products(dims: Dims, a: Rows<'_>, packed: &[u8], mut sink: impl FnMut(usize, usize, i32)) {
    for (row, a) in
        a.bytes.chunks_exact(dims.inputs).zip(0..).map(|(bytes, row)| (row, Rows { bytes, ..a }))
    {
        for (i, panel) in packed::panels(packed, dims.inputs).enumerate() {
            let from = i * WIDTH;
            for column in 0..(dims.units - from).min(WIDTH) {
                let weights = panel[1..].iter().flat_map(|block| &block[4 * column..][..4]);
                let sum = a.bytes.iter().zip(weights).fold(0i32, |sum, (x, w)| {
                    let x = if a.signed { i32::from(*x as i8) } else { i32::from(*x) };
                    sum.wrapping_add(x * i32::from(*w as i8))
                });
                sink(row, from + column, sum);
            }
        }
    }
}

fn matmul(dims: Dims, a: Rows<'_>, packed: &[u8], c: &mut [i32]) {
    products(dims, a, packed, |row, unit, sum| c[row * dims.units + unit] = sum);
}

fn dense_packed(
    dims: Dims,
    x: &[i8],
    packed: &[u8],
    b: &[i32],
    how: &Requantize<'_>,
    y: &mut [i8],
) {
    check_ends(dims, x, b, y, how);
    let rows = Rows { bytes: bytemuck::must_cast_slice(x), signed: true };
    products(dims, rows, packed, |row, unit, sum| {
        y[row * dims.units + unit] = how.narrow(how.multiplier(unit), sum.wrapping_add(b[unit]));
    });
}
