//! The matrix product for everybody.

use super::super::Kernel;
use super::{Matrix, MatrixMut};
use crate::error::{Error, Result};

/// A matrix inside a slice: element `(i, j)` is
/// `data[i * strides.0 + j * strides.1]`. Row-major with `c` columns:
/// `(c, 1)`; transposed: `(1, c)`.
#[derive(Clone, Copy, Debug)]
pub struct MatrixRef<'a> {
    /// The elements.
    pub data: &'a [f32],
    /// From a row to the next, from a column to the next, in elements.
    pub strides: (usize, usize),
}

/// A matrix to write. One of the strides is 1, and no two elements share a
/// place.
#[derive(Debug)]
pub struct MatrixRefMut<'a> {
    /// The elements.
    pub data: &'a mut [f32],
    /// From a row to the next, from a column to the next, in elements.
    pub strides: (usize, usize),
}

/// `C = A B`, or with `add` `C += A B`, where A is `m` x `k`, B `k` x `n` and C
/// `m` x `n`, on one thread.
///
/// `scratch` may be empty or of any length; it takes
/// [`matmul_f32_scratch`] floats to run at full speed. What is in it
/// afterwards means nothing. NaN and infinities in A and B go through as IEEE
/// 754 has them. The same call on the same kernel gives the same bits, given
/// the same length of scratch memory.
///
/// # Errors
/// [`Error::Unsupported`]: this machine does not have the kernel.
/// [`Error::Length`]: a matrix is not inside its slice.
/// [`Error::Invalid`]: C's strides are not as [`MatrixRefMut`] wants them.
pub fn matmul_f32(
    kernel: Kernel,
    (m, n, k): (usize, usize, usize),
    a: MatrixRef<'_>,
    b: MatrixRef<'_>,
    c: MatrixRefMut<'_>,
    add: bool,
    scratch: &mut [f32],
) -> Result<()> {
    let kernels = kernel.float()?;
    let inside = |len, size, strides| end(size, strides).is_some_and(|end| end <= len);
    if !inside(a.data.len(), (m, k), a.strides)
        || !inside(b.data.len(), (k, n), b.strides)
        || !inside(c.data.len(), (m, n), c.strides)
    {
        return Err(Error::Length);
    }
    if !is_writable((m, n), c.strides) {
        return Err(Error::Invalid);
    }
    let a = Matrix { data: a.data, strides: a.strides };
    let b = Matrix { data: b.data, strides: b.strides };
    let c = MatrixMut { data: c.data, strides: c.strides };
    (kernels.gemm)([m, n, k], a, b, c, add, scratch);
    Ok(())
}

/// Floats of scratch memory with which [`matmul_f32`] runs at full speed: at
/// most 573,456, which is 2.3 MB.
///
/// # Errors
/// [`Error::Unsupported`]: this machine does not have the kernel.
pub fn matmul_f32_scratch(kernel: Kernel, (m, n, k): (usize, usize, usize)) -> Result<usize> {
    Ok((kernel.float()?.gemm_scratch)([m, n, k]))
}

/// One past the last element of an m x n matrix; 0 if it has none. `None` if
/// there is no such number.
pub(super) fn end((m, n): (usize, usize), (row, column): (usize, usize)) -> Option<usize> {
    if m == 0 || n == 0 {
        return Some(0);
    }
    let (down, right) = ((m - 1).checked_mul(row)?, (n - 1).checked_mul(column)?);
    down.checked_add(right)?.checked_add(1)
}

/// Whether rows or columns are contiguous and no two elements are the same,
/// in a matrix that has an [`end`].
pub(super) fn is_writable((m, n): (usize, usize), (row, column): (usize, usize)) -> bool {
    let rows = (column == 1 || n <= 1) && (m <= 1 || row >= n);
    let columns = (row == 1 || m <= 1) && (n <= 1 || column >= m);
    m == 0 || n == 0 || rows || columns
}
