//! Copies of parts of a product's matrices, in the order that tiles read them in.

#![allow(unsafe_code)]

use super::simd::{MAX_LANES, Simd};

/// Copies k x n of B panel by panel, each as [`copy_panel`] does it.
#[inline(always)]
pub(super) unsafe fn copy_panels<S: Simd>(
    (b, strides): (*const f32, (usize, usize)),
    (k, n): (usize, usize),
    to: *mut f32,
) {
    let full = S::TILE.1 * S::LANES;
    let whole = if strides.1 == 1 { n / full * full } else { 0 };
    // SAFETY: inside B's part and its copy.
    unsafe {
        copy_whole_panels::<S>((b, strides.0), (k, whole), to);
        for j in (whole..n).step_by(full) {
            let size = (k, full.min(n - j));
            copy_panel::<S>((b.add(j * strides.1), strides), size, to.add(j * k));
        }
    }
}

/// The same for whole panels of contiguous rows. They are copied side by side, row
/// by row: the next row may be in another page.
#[inline(always)]
unsafe fn copy_whole_panels<S: Simd>(
    (b, stride): (*const f32, usize),
    (k, n): (usize, usize),
    to: *mut f32,
) {
    let full = S::TILE.1 * S::LANES;
    let (mut from, mut to) = (b, to);
    for _ in 0..k {
        for j in (0..n).step_by(full) {
            for v in (0..full).step_by(S::LANES) {
                // SAFETY: inside B's part and its copy.
                unsafe { S::load(from.add(j + v)).store(to.add(j * k + v)) };
            }
        }
        from = from.wrapping_add(stride);
        to = to.wrapping_add(full);
    }
}

/// Copies k x n of B so that rows are whole vectors, zeros behind.
#[inline(always)]
pub(super) unsafe fn copy_panel<S: Simd>(
    (b, strides): (*const f32, (usize, usize)),
    (k, n): (usize, usize),
    to: *mut f32,
) {
    let width = n.next_multiple_of(S::LANES);
    if strides.1 == 1 && n == S::TILE.1 * S::LANES {
        // SAFETY: the caller's.
        return unsafe { copy_whole_panels::<S>((b, strides.0), (k, S::TILE.1 * S::LANES), to) };
    }
    for j in (0..n).step_by(S::LANES) {
        let lanes = S::LANES.min(n - j);
        // SAFETY: inside B's part and its copy.
        unsafe {
            let (b, to) = (b.add(j * strides.1), to.add(j));
            if strides.1 == 1 {
                for l in 0..k {
                    load::<S>(b.add(l * strides.0), lanes).store(to.add(l * width));
                }
            } else if strides.0 == 1 {
                for l in (0..k).step_by(S::LANES) {
                    let terms = S::LANES.min(k - l);
                    let from = (b.add(l), strides.1);
                    transpose::<S>(from, (lanes, terms), (to.add(l * width), width));
                }
            } else {
                for l in 0..k {
                    for i in 0..S::LANES {
                        let from = b.add(l * strides.0 + i * strides.1);
                        *to.add(l * width + i) = if i < lanes { *from } else { 0.0 };
                    }
                }
            }
        }
    }
}

/// Copies m x k of A so that columns are contiguous.
#[inline(always)]
pub(super) unsafe fn copy_rows<S: Simd>(
    (a, strides): (*const f32, (usize, usize)),
    (m, k): (usize, usize),
    to: *mut f32,
) {
    let mut l = 0;
    // SAFETY: inside A's part and its copy. A whole vector is written where
    // the copy still has room for it: later columns overwrite its end.
    unsafe {
        if strides.1 == 1 && m <= S::LANES {
            while l + S::LANES <= k && (l + S::LANES - 1) * m + S::LANES <= m * k {
                let from = (a.add(l), strides.0);
                transpose::<S>(from, (m, S::LANES), (to.add(l * m), m));
                l += S::LANES;
            }
        }
        while l < k {
            for i in 0..m {
                *to.add(l * m + i) = *a.add(i * strides.0 + l * strides.1);
            }
            l += 1;
        }
    }
}

/// `rows` rows of `terms` floats become columns: `terms` whole vectors.
#[inline(always)]
unsafe fn transpose<S: Simd>(
    (from, from_stride): (*const f32, usize),
    (rows, terms): (usize, usize),
    (to, to_stride): (*mut f32, usize),
) {
    let mut block = [S::zero(); MAX_LANES];
    // SAFETY: the caller's rows and vectors.
    unsafe {
        for (i, row) in block.iter_mut().enumerate().take(S::LANES) {
            if i < rows {
                *row = load::<S>(from.add(i * from_stride), terms);
            }
        }
        S::transpose(&mut block);
        for (i, row) in block.iter().enumerate().take(S::LANES) {
            if i < terms {
                row.store(to.add(i * to_stride));
            }
        }
    }
}

/// # Safety
/// `n` floats, 1 to `LANES`, can be read.
#[inline(always)]
pub(super) unsafe fn load<S: Simd>(from: *const f32, n: usize) -> S {
    // SAFETY: the caller's.
    unsafe { if n == S::LANES { S::load(from) } else { S::load_part(from, n) } }
}
