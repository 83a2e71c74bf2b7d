//! The public functions: layers and products of matrices on slices, for those
//! who have a format of their own.

use super::super::Kernel;
use super::packed::{self, pack_rows, packed_len};
use super::{Dims, Requantize, Rows};
use crate::error::{Error, Result};
use crate::nn::quant::requant::{MAX_SHIFT, MAX_WIDE_SHIFT, MIN_SHIFT, Multiplier};
use crate::nn::shape::MAX_WIDTH;

/// An int8 layer on any number of samples: `x` holds rows of inputs, `y` takes
/// rows of outputs, one for each bias; `w` holds a row of inputs for each unit.
///
/// Each sum is `bias + sum(w * x)` in wrapping 32-bit arithmetic: what the
/// inputs' zero point makes of the weights, `-zero_point * sum(w)`, belongs into
/// the bias. At most 65,535 inputs and units. The result is the same on every
/// kernel.
///
/// Errors: [`Error::Length`] for lengths that do not fit together,
/// [`Error::Invalid`] for multipliers, zero point or clamp out of range,
/// [`Error::Unsupported`] if this machine does not have the kernel.
pub fn dense_i8(
    kernel: Kernel,
    x: &[i8],
    w: &[i8],
    biases: &[i32],
    how: &Requantize<'_>,
    y: &mut [i8],
) -> Result<()> {
    let dims = layer(x.len(), w.len(), biases.len(), y.len())?;
    how.check(dims.units, (i8::MIN.into(), i8::MAX.into()), MAX_SHIFT)?;
    (kernel.int8()?.dense)(dims, x, w, biases, how, y);
    Ok(())
}

/// A layer of int16 values and int8 weights (LiteRT's 16x8): as [`dense_i8`],
/// with sums and biases of 64 bits.
pub fn dense_i16x8(
    kernel: Kernel,
    x: &[i16],
    w: &[i8],
    biases: &[i64],
    how: &Requantize<'_>,
    y: &mut [i16],
) -> Result<()> {
    let dims = layer(x.len(), w.len(), biases.len(), y.len())?;
    how.check(dims.units, (i16::MIN, i16::MAX), MAX_WIDE_SHIFT)?;
    (kernel.int16()?.dense_w8)(dims, x, w, bytemuck::must_cast_slice(biases), how, y);
    Ok(())
}

/// A layer of int16 values and weights: as [`dense_i16x8`]. No weight may be
/// -32,768 ([`Error::Invalid`]).
pub fn dense_i16(
    kernel: Kernel,
    x: &[i16],
    w: &[i16],
    biases: &[i64],
    how: &Requantize<'_>,
    y: &mut [i16],
) -> Result<()> {
    let dims = layer(x.len(), w.len(), biases.len(), y.len())?;
    how.check(dims.units, (i16::MIN, i16::MAX), MAX_WIDE_SHIFT)?;
    if w.contains(&i16::MIN) {
        return Err(Error::Invalid);
    }
    (kernel.int16()?.dense_w16)(dims, x, w, bytemuck::must_cast_slice(biases), how, y);
    Ok(())
}

/// The shape of a layer, from the lengths of its parts.
fn layer(x: usize, w: usize, units: usize, y: usize) -> Result<Dims> {
    if units == 0 || units > MAX_WIDTH || !w.is_multiple_of(units) {
        return Err(Error::Length);
    }
    let inputs = w / units;
    if inputs == 0 || inputs > MAX_WIDTH || !x.is_multiple_of(inputs) {
        return Err(Error::Length);
    }
    if (x / inputs).checked_mul(units) != Some(y) {
        return Err(Error::Length);
    }
    Ok(Dims { inputs, units })
}

impl Requantize<'_> {
    /// Checks it for a layer of so many units, outputs of this range, and the
    /// largest shift.
    fn check(&self, units: usize, (least, most): (i16, i16), max_shift: i8) -> Result<()> {
        if self.factors.len() != units || self.shifts.len() != units {
            return Err(Error::Length);
        }
        let good = self.factors.iter().all(|f| *f == 0 || *f >= 1 << 30)
            && self.shifts.iter().all(|s| (MIN_SHIFT..=max_shift).contains(s))
            && self.clamp.0 <= self.clamp.1
            && [self.zero_point, self.clamp.0, self.clamp.1]
                .iter()
                .all(|limit| (least..=most).contains(limit));
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// The multiplier and the shift that stand for a factor that is at least 0
/// (input scale times weight scale by output scale) in [`Requantize`]: the
/// nearest; 0 for a factor too small, the largest for one too large.
/// [`Error::Invalid`] for a factor that is negative, NaN or infinite.
pub fn multiplier(factor: f64) -> Result<(i32, i8)> {
    if !(factor.is_finite() && factor >= 0.0) {
        return Err(Error::Invalid);
    }
    let Multiplier { factor, shift } = Multiplier::of(factor);
    Ok((factor, shift))
}

/// The sizes of a product of matrices: `m x k` times `k x n` is `m x n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatmulSize {
    /// Rows of the left matrix and of the result.
    pub m: usize,
    /// Columns of the right matrix and of the result.
    pub n: usize,
    /// Columns of the left matrix, rows of the right one.
    pub k: usize,
}

impl MatmulSize {
    /// Checks the lengths of all but the right matrix.
    fn check(self, a: usize, c: usize) -> Result<Dims> {
        if self.m == 0 || self.n == 0 || self.k == 0 {
            return Err(Error::Length);
        }
        let fits = self.m.checked_mul(self.k) == Some(a) && self.m.checked_mul(self.n) == Some(c);
        if fits { Ok(Dims { inputs: self.k, units: self.n }) } else { Err(Error::Length) }
    }
}

/// The bytes that a packed `k x n` matrix takes. [`Error::Overflow`] where that
/// is too many.
pub fn packed_i8_len(k: usize, n: usize) -> Result<usize> {
    packed_len(k, n)
}

/// Packs a row-major `k x n` matrix for [`matmul_packed_i8`] and
/// [`matmul_packed_u8i8`] on any kernel. `packed` takes [`packed_i8_len`] bytes
/// (more may be there), at any alignment; a multiple of 64 is the fastest.
///
/// Errors: [`Error::Length`], [`Error::BufferTooSmall`].
pub fn pack_i8(k: usize, n: usize, b: &[i8], packed: &mut [u8]) -> Result<()> {
    let packed = room(k, n, b.len(), packed)?;
    packed::pack_columns(n, b, packed);
    Ok(())
}

/// The same from the transposed matrix, `n` rows of `k`: weights of `n` units.
pub fn pack_transposed_i8(k: usize, n: usize, b: &[i8], packed: &mut [u8]) -> Result<()> {
    let packed = room(k, n, b.len(), packed)?;
    pack_rows(k, b, packed);
    Ok(())
}

/// As much of `packed` as a `k x n` matrix takes, which must be what `len` is.
fn room(k: usize, n: usize, len: usize, packed: &mut [u8]) -> Result<&mut [u8]> {
    if k == 0 || n == 0 || k.checked_mul(n) != Some(len) {
        return Err(Error::Length);
    }
    packed.get_mut(..packed_len(k, n)?).ok_or(Error::BufferTooSmall)
}

fn matmul_packed(
    kernel: Kernel,
    size: MatmulSize,
    a: Rows<'_>,
    packed: &[u8],
    c: &mut [i32],
) -> Result<()> {
    let dims = size.check(a.bytes.len(), c.len())?;
    let packed = packed.get(..packed_len(size.k, size.n)?).ok_or(Error::Length)?;
    (kernel.packed()?.matmul)(dims, a, packed, c);
    Ok(())
}

/// `c = a b` in wrapping 32-bit arithmetic, for int8 matrices: `a` is row-major,
/// `b` packed by [`pack_i8`] or [`pack_transposed_i8`], `c` row-major. The result
/// is the same on every kernel.
///
/// Errors: [`Error::Length`] for lengths other than those of the sizes or a size of 0,
/// [`Error::Unsupported`] if this machine does not have the kernel.
pub fn matmul_packed_i8(
    kernel: Kernel,
    size: MatmulSize,
    a: &[i8],
    packed: &[u8],
    c: &mut [i32],
) -> Result<()> {
    let a = Rows { bytes: bytemuck::must_cast_slice(a), signed: true };
    matmul_packed(kernel, size, a, packed, c)
}

/// [`matmul_packed_i8`] with a left matrix of uint8.
pub fn matmul_packed_u8i8(
    kernel: Kernel,
    size: MatmulSize,
    a: &[u8],
    packed: &[u8],
    c: &mut [i32],
) -> Result<()> {
    matmul_packed(kernel, size, Rows { bytes: a, signed: false }, packed, c)
}

/// `c = a b` for row-major int8 matrices: packs `b` into `scratch`, which takes
/// [`packed_i8_len`] bytes, at any alignment, then as [`matmul_packed_i8`].
pub fn matmul_i8(
    kernel: Kernel,
    size: MatmulSize,
    a: &[i8],
    b: &[i8],
    c: &mut [i32],
    scratch: &mut [u8],
) -> Result<()> {
    pack_i8(size.k, size.n, b, scratch)?;
    matmul_packed_i8(kernel, size, a, scratch, c)
}

/// [`matmul_i8`] with a left matrix of uint8, as ONNX's MatMulInteger has it.
pub fn matmul_u8i8(
    kernel: Kernel,
    size: MatmulSize,
    a: &[u8],
    b: &[i8],
    c: &mut [i32],
    scratch: &mut [u8],
) -> Result<()> {
    pack_i8(size.k, size.n, b, scratch)?;
    matmul_packed_u8i8(kernel, size, a, scratch, c)
}
