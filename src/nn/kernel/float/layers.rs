//! The products of a layer, from matrices and from dot products.

#![allow(unsafe_code)]

use core::mem::MaybeUninit;

use super::gemm::{Engine, Product, Start};
use super::matmul::{end, is_writable};
use super::simd::{MAX_LANES, Simd};
use super::{Matrix, MatrixMut, Rows, RowsMut, Size};

/// From how many samples on the forward product may use scratch memory.
pub(crate) const FORWARD_PACKS_FROM: usize = 6;

/// Panics unless so many rows of so many columns are inside.
#[inline(always)]
fn check(len: usize, rows: usize, cols: usize, stride: usize) {
    let end = rows.saturating_sub(1).checked_mul(stride).and_then(|at| at.checked_add(cols));
    assert!(stride >= cols && (rows == 0 || end.is_some_and(|end| end <= len)));
}

/// Panics unless the slices fit the layer.
#[inline(always)]
fn check_layer(size: Size, w: usize, x: (usize, usize), y: (usize, usize)) {
    assert!(size.inputs.checked_mul(size.units) == Some(w));
    check(x.0, size.samples, size.inputs, x.1);
    check(y.0, size.samples, size.units, y.1);
}

/// Whether the forward product is taken by dot products: few samples do not
/// pay for turning the weights, few units do not fill a vector.
#[inline(always)]
fn by_dots(size: Size) -> bool {
    size.samples < FORWARD_PACKS_FROM || size.units <= 4
}

/// `y[s] = W x[s] + b`
#[inline(always)]
pub(super) fn forward<S: Engine>(
    size: Size,
    x: Rows,
    w: &[f32],
    b: &[f32],
    y: RowsMut,
    scratch: &mut [f32],
) {
    check_layer(size, w.len(), (x.data.len(), x.stride), (y.data.len(), y.stride));
    assert!(b.len() == size.units);
    let product = Product {
        m: size.samples,
        n: size.units,
        k: size.inputs,
        a: x.data.as_ptr(),
        a_strides: (x.stride, 1),
        b: w.as_ptr(),
        b_strides: (1, size.inputs),
        c: y.data.as_mut_ptr(),
        c_stride: y.stride,
        start: Start::Row(b.as_ptr()),
    };
    // SAFETY: the lengths are checked, and y is borrowed alone.
    unsafe {
        if by_dots(size) || scratch.len() < super::scratch(size.inputs) {
            dots::<S>(&product);
        } else {
            S::product(&product, scratch);
        }
    }
}

/// `dx[s] = W^T d[s]`, or adds it.
#[inline(always)]
pub(super) fn backward<S: Engine>(
    size: Size,
    d: Rows,
    w: &[f32],
    dx: RowsMut,
    add: bool,
    scratch: &mut [f32],
) {
    check_layer(size, w.len(), (dx.data.len(), dx.stride), (d.data.len(), d.stride));
    let product = Product {
        m: size.samples,
        n: size.inputs,
        k: size.units,
        a: d.data.as_ptr(),
        a_strides: (d.stride, 1),
        b: w.as_ptr(),
        b_strides: (size.inputs, 1),
        c: dx.data.as_mut_ptr(),
        c_stride: dx.stride,
        start: if add { Start::Add } else { Start::Zero },
    };
    // SAFETY: the lengths are checked, and dx is borrowed alone.
    unsafe { S::product(&product, scratch) }
}

/// `dw = sum_s d[s] x[s]^T` and `db = sum_s d[s]`, or adds them.
#[inline(always)]
pub(super) fn gradient<S: Engine>(
    size: Size,
    d: Rows,
    x: Rows,
    dw: &mut [f32],
    db: &mut [f32],
    add: bool,
    scratch: &mut [f32],
) {
    check_layer(size, dw.len(), (x.data.len(), x.stride), (d.data.len(), d.stride));
    assert!(db.len() == size.units);
    column_sums::<S>(size.samples, d, db, add);
    if size.samples == 1 {
        return outer::<S>(&d.data[..size.units], &x.data[..size.inputs], dw, add);
    }
    let product = Product {
        m: size.units,
        n: size.inputs,
        k: size.samples,
        a: d.data.as_ptr(),
        a_strides: (1, d.stride),
        b: x.data.as_ptr(),
        b_strides: (x.stride, 1),
        c: dw.as_mut_ptr(),
        c_stride: size.inputs,
        start: if add { Start::Add } else { Start::Zero },
    };
    // SAFETY: the lengths are checked, and dw is borrowed alone.
    unsafe { S::product(&product, scratch) }
}

/// `C = A B` or `C += A B`; the size is m, n, k.
#[inline(always)]
pub(super) fn gemm<S: Engine>(
    [m, n, k]: [usize; 3],
    a: Matrix,
    b: Matrix,
    c: MatrixMut,
    add: bool,
    scratch: &mut [f32],
) {
    assert!(end((m, k), a.strides).is_some_and(|end| end <= a.data.len()));
    assert!(end((k, n), b.strides).is_some_and(|end| end <= b.data.len()));
    assert!(end((m, n), c.strides).is_some_and(|end| end <= c.data.len()));
    assert!(is_writable((m, n), c.strides));
    let (a_at, b_at) = (a.data.as_ptr(), b.data.as_ptr());
    let start = if add { Start::Add } else { Start::Zero };
    let product = if (c.strides.1 == 1 || n <= 1) && (m <= 1 || c.strides.0 >= n) {
        Product {
            m,
            n,
            k,
            a: a_at,
            a_strides: a.strides,
            b: b_at,
            b_strides: b.strides,
            c: c.data.as_mut_ptr(),
            c_stride: c.strides.0,
            start,
        }
    } else {
        // Both turned: C^T = B^T A^T.
        Product {
            m: n,
            n: m,
            k,
            a: b_at,
            a_strides: (b.strides.1, b.strides.0),
            b: a_at,
            b_strides: (a.strides.1, a.strides.0),
            c: c.data.as_mut_ptr(),
            c_stride: c.strides.1,
            start,
        }
    };
    // SAFETY: the lengths are checked, and C is borrowed alone.
    unsafe { S::product(&product, scratch) }
}

/// The forward product by dot products: some samples with some units at a
/// time.
///
/// # Safety
/// The product is the forward one of a layer, inside its slices.
#[inline(always)]
pub(super) unsafe fn dots<S: Simd>(p: &Product) {
    let most = if S::LANES < MAX_LANES { 2 } else { 4 };
    let mut i = 0;
    while i < p.m {
        // SAFETY: a part of the product.
        unsafe {
            let rows = (p.a.add(i * p.a_strides.0), p.c.add(i * p.c_stride));
            i += match (p.m - i).min(most) {
                1 if S::LANES == MAX_LANES && p.k >= 16 * S::LANES => dot_long::<S>(p, rows),
                1 => dot_rows::<S, 1>(p, rows),
                2 | 3 => dot_rows::<S, 2>(p, rows),
                _ => dot_rows::<S, 4>(p, rows),
            };
        }
    }
}

/// So many samples with all units.
#[inline(always)]
unsafe fn dot_rows<S: Simd, const ROWS: usize>(
    p: &Product,
    (x, y): (*const f32, *mut f32),
) -> usize {
    let mut u = 0;
    while u < p.n {
        // SAFETY: a part of the product.
        unsafe {
            u += match p.n - u {
                1 => dot_tile::<S, ROWS, 1>(p, u, (x, y)),
                2 => dot_tile::<S, ROWS, 2>(p, u, (x, y)),
                3 => dot_tile::<S, ROWS, 3>(p, u, (x, y)),
                8.. if ROWS == 1 => dot_tile::<S, ROWS, 8>(p, u, (x, y)),
                _ => dot_tile::<S, ROWS, 4>(p, u, (x, y)),
            };
        }
    }
    ROWS
}

/// The most inputs that are copied to where no load of them crosses a line of
/// the cache.
const LONG: usize = 2048;

#[repr(C, align(64))]
struct Lines([MaybeUninit<f32>; LONG]);

/// One sample with all units, whose rows are long: row by row, so that the
/// memory sees one stream. Wide vectors need their inputs aligned for that.
#[inline(always)]
unsafe fn dot_long<S: Simd>(p: &Product, (x, y): (*const f32, *mut f32)) -> usize {
    let mut lines = Lines([MaybeUninit::uninit(); LONG]);
    let aligned = (x as usize).is_multiple_of(align_of::<Lines>()) || p.k > LONG;
    // SAFETY: the caller's; the copy has room for as many.
    unsafe {
        let x = if aligned {
            x
        } else {
            let to = lines.0.as_mut_ptr().cast::<f32>();
            let mut at = 0;
            while at < p.k {
                let n = (p.k - at).min(S::LANES);
                S::load_part(x.add(at), n).store_part(to.add(at), n);
                at += S::LANES;
            }
            to.cast_const()
        };
        for unit in 0..p.n {
            dot_stream::<S>(p, unit, (x, y));
        }
    }
    1
}

/// Sums of a long row.
const DEEP: usize = 4;

/// One sample with one unit, whose row is long.
#[inline(always)]
unsafe fn dot_stream<S: Simd>(p: &Product, unit: usize, (x, y): (*const f32, *mut f32)) {
    let mut sums = [S::zero(); DEEP];
    // SAFETY: the caller's.
    unsafe {
        let w = p.b.add(unit * p.b_strides.1);
        let mut at = 0;
        while at + DEEP * S::LANES <= p.k {
            for (d, sum) in sums.iter_mut().enumerate() {
                let at = at + d * S::LANES;
                *sum = S::load(x.add(at)).mul_add(S::load(w.add(at)), *sum);
            }
            at += DEEP * S::LANES;
        }
        while at < p.k {
            let n = (p.k - at).min(S::LANES);
            let (x, w) = (S::load_part(x.add(at), n), S::load_part(w.add(at), n));
            sums[0] = x.mul_add(w, sums[0]);
            at += S::LANES;
        }
        let bias = match p.start {
            Start::Row(row) => *row.add(unit),
            _ => 0.0,
        };
        let sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        *y.add(unit) = sum.sum() + bias;
    }
}

#[inline(always)]
unsafe fn dot_tile<S: Simd, const ROWS: usize, const UNITS: usize>(
    p: &Product,
    unit: usize,
    (x, y): (*const f32, *mut f32),
) -> usize {
    let mut sums = [[S::zero(); UNITS]; ROWS];
    // SAFETY: the caller's.
    unsafe {
        let w = p.b.add(unit * p.b_strides.1);
        let whole = p.k / S::LANES * S::LANES;
        let mut at = 0;
        while at < whole {
            let mut ws = [S::zero(); UNITS];
            for (u, w_u) in ws.iter_mut().enumerate() {
                *w_u = S::load(w.add(u * p.b_strides.1 + at));
            }
            for (s, sums) in sums.iter_mut().enumerate() {
                let x = S::load(x.add(s * p.a_strides.0 + at));
                for (sum, w) in sums.iter_mut().zip(ws) {
                    *sum = x.mul_add(w, *sum);
                }
            }
            at += S::LANES;
        }
        let rest = p.k - whole;
        if rest > 0 {
            for (s, sums) in sums.iter_mut().enumerate() {
                let x = S::load_part(x.add(s * p.a_strides.0 + at), rest);
                for (u, sum) in sums.iter_mut().enumerate() {
                    let w = S::load_part(w.add(u * p.b_strides.1 + at), rest);
                    *sum = x.mul_add(w, *sum);
                }
            }
        }
        for (s, sums) in sums.iter().enumerate() {
            for (u, sum) in sums.iter().enumerate() {
                let bias = match p.start {
                    Start::Row(row) => *row.add(unit + u),
                    _ => 0.0,
                };
                *y.add(s * p.c_stride + unit + u) = sum.sum() + bias;
            }
        }
    }
    UNITS
}

/// The gradient of one sample, row by row.
#[inline(always)]
pub(super) fn outer<S: Simd>(d: &[f32], x: &[f32], dw: &mut [f32], add: bool) {
    for (d, row) in d.iter().zip(dw.chunks_exact_mut(x.len())) {
        let d = S::splat(*d);
        for at in (0..x.len()).step_by(S::LANES) {
            let (x, row) = (S::read(&x[at..]), &mut row[at..]);
            let value = if add { d.mul_add(x, S::read(row)) } else { d * x };
            value.write(row);
        }
    }
}

/// The sum of the samples' slopes.
#[inline(always)]
pub(super) fn column_sums<S: Simd>(samples: usize, d: Rows, db: &mut [f32], add: bool) {
    for at in (0..db.len()).step_by(S::LANES) {
        let to = &mut db[at..];
        let n = to.len().min(S::LANES);
        let mut sum = if add { S::read(to) } else { S::zero() };
        for s in 0..samples {
            sum = sum + S::read(&d.data[s * d.stride + at..][..n]);
        }
        sum.write(to);
    }
}
