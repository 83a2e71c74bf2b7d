//! Matrix products, written once for every instruction set.
//!
//! `C = A B`: a tile of C stays in registers while `k` runs; elements of A are
//! broadcast, B comes in vectors. Where B's rows are not contiguous (the
//! forward product's weights) or are used often, a panel of B, as wide as the
//! tile, is copied into scratch memory first (Goto & van de Geijn, "Anatomy of
//! high-performance matrix multiplication", 2008).

#![allow(unsafe_code)]

use super::copy::{copy_panel, copy_panels, copy_rows};
use super::simd::Simd;
use super::tile::{LINE, Tile};

/// A product of matrices by address. A is m x k, B k x n, C m x n; strides of
/// rows and columns in elements. C's columns are contiguous.
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: *const f32,
    pub a_strides: (usize, usize),
    pub b: *const f32,
    pub b_strides: (usize, usize),
    pub c: *mut f32,
    pub c_stride: usize,
    pub start: Start,
}

/// What the sums start from.
#[derive(Clone, Copy)]
pub(super) enum Start {
    Zero,
    /// What is in C.
    Add,
    /// A row for all rows.
    Row(*const f32),
}

/// A vector type whose module has functions of its own for what is large: without
/// optimisation, all tiles in one function take 2 MB of the stack.
pub(super) trait Engine: Simd {
    /// # Safety
    /// As [`product`].
    unsafe fn product(p: &Product, scratch: &mut [f32]);

    /// # Safety
    /// As [`Tile::run`].
    unsafe fn tile<const UNIT: bool, const B: u8, const ROWS: usize, const VECTORS: usize>(
        tile: &Tile,
    );
}

/// So many rows of B stay in the first level cache, a panel wide.
const DIRECT_K: usize = 256;

/// Copies of B pay off from so many tiles of rows on.
const COPY_TILES: usize = 3;

/// Multiplications from which it pays to copy all panels of a block of B at once.
const LARGE: usize = 384 * 384 * 384;

/// Blocks of the large products. One of B, `BLOCK_K` x `BLOCK_N`, stays in the
/// second or third level cache while A passes in blocks of `BLOCK_M` rows. A is
/// copied even where its rows are contiguous: each of them lies in pages of its
/// own, and who else uses the caches drives it out (a third of the speed was
/// lost beside a busy hyperthread). Few rows, for the same reason: those of C
/// are where they are.
const BLOCK_K: usize = 512;
const BLOCK_N: usize = 1024;
const BLOCK_M: usize = 96;

/// Floats of scratch memory with which a product runs at full speed.
pub(super) fn best_scratch<S: Simd>([m, n, k]: [usize; 3]) -> usize {
    let (rows, width) = (S::TILE.0, S::TILE.1 * S::LANES);
    let k = k.min(BLOCK_K);
    let a = m.min(BLOCK_M).next_multiple_of(rows) * k;
    let b = n.min(BLOCK_N).next_multiple_of(width) * k;
    (a + b + LINE).max(super::SCRATCH)
}

/// Splits `whole` into the fewest parts of at most `most`, about equal, each
/// but the last a multiple of `unit`.
#[inline(always)]
fn part(whole: usize, most: usize, unit: usize) -> usize {
    let parts = whole.div_ceil(most.max(1)).max(1);
    whole.div_ceil(parts).next_multiple_of(unit).min(most.max(1))
}

/// # Safety
/// The product's addresses and strides stay inside what may be read and
/// written, and C does not overlap the others.
#[inline(always)]
pub(super) unsafe fn product<S: Engine>(p: &Product, scratch: &mut [f32]) {
    if p.m == 0 || p.n == 0 {
        return;
    }
    // SAFETY: the caller's.
    unsafe {
        if p.k == 0 {
            return start_only(p);
        }
        let unit = p.a_strides.0 == 1 && p.a_strides.1 != 1;
        let blocked = p.a_strides.0 != 1 && p.a_strides.1 != 1;
        let one = p.m <= S::TILE.0 && p.n <= S::TILE.1 * S::LANES && p.k <= DIRECT_K;
        if one && !blocked && p.b_strides.1 == 1 && (S::MASKED || p.n.is_multiple_of(S::LANES)) {
            let tile = Tile {
                k: p.k,
                n: p.n,
                a: p.a,
                a_strides: p.a_strides,
                b: p.b,
                b_stride: p.b_strides.0,
                whole: p.n.is_multiple_of(S::LANES),
                c: p.c,
                c_stride: p.c_stride,
                start: p.start,
            };
            return tile.run_some::<S>(p.m, unit);
        }
        let (high, width) = (S::TILE.0, S::TILE.1 * S::LANES);
        let deep = part(p.k, BLOCK_K.min(scratch.len() / (high + width)), 1);
        let large = p.m.saturating_mul(p.n).saturating_mul(p.k) >= LARGE;
        let room = scratch.len() / deep;
        let enough = room >= width + high;
        if enough && (blocked || (large && room >= BLOCK_M + 4 * width)) {
            let most = BLOCK_M.min((room - width) / 2).max(high) / high * high;
            return blocks::<S>(p, part(p.m, most, high), deep, scratch);
        }
        if blocked {
            return plain(p);
        }
        panels::<S>(p, unit, scratch);
    }
}

/// The product without any terms.
unsafe fn start_only(p: &Product) {
    for i in 0..p.m {
        for j in 0..p.n {
            // SAFETY: inside C and the row.
            unsafe {
                let to = p.c.add(i * p.c_stride + j);
                match p.start {
                    Start::Zero => *to = 0.0,
                    Start::Add => {}
                    Start::Row(row) => *to = *row.add(j),
                }
            }
        }
    }
}

/// For strides that nothing else is made for.
unsafe fn plain(p: &Product) {
    for i in 0..p.m {
        for j in 0..p.n {
            // SAFETY: inside the matrices.
            unsafe {
                let to = p.c.add(i * p.c_stride + j);
                let mut sum = 0.0;
                for l in 0..p.k {
                    sum += *p.a.add(i * p.a_strides.0 + l * p.a_strides.1)
                        * *p.b.add(l * p.b_strides.0 + j * p.b_strides.1);
                }
                *to = sum
                    + match p.start {
                        Start::Zero => 0.0,
                        Start::Add => *to,
                        Start::Row(row) => *row.add(j),
                    };
            }
        }
    }
}

/// Panel by panel of B, with A where it is.
#[inline(always)]
unsafe fn panels<S: Engine>(p: &Product, unit: bool, scratch: &mut [f32]) {
    let (rows, vectors) = S::TILE;
    let full = vectors * S::LANES;
    let direct = p.b_strides.1 == 1 && p.m <= COPY_TILES * rows;
    let copies = !direct || !(S::MASKED || p.n.is_multiple_of(S::LANES));
    let most = if copies { (scratch.len() / full).min(DIRECT_K) } else { DIRECT_K };
    if most == 0 {
        // SAFETY: the caller's.
        return unsafe { plain(p) };
    }
    let deep = part(p.k, most, S::LANES);
    let mut from = 0;
    while from < p.k {
        let k = deep.min(p.k - from);
        let mut j = 0;
        while j < p.n {
            let n = full.min(p.n - j);
            // SAFETY: a part of the product; copies fit in the scratch memory.
            unsafe {
                let b = p.b.add(from * p.b_strides.0 + j * p.b_strides.1);
                let whole = n.is_multiple_of(S::LANES);
                let (b, b_stride, whole) = if direct && (whole || S::MASKED) {
                    (b, p.b_strides.0, whole)
                } else {
                    let width = n.next_multiple_of(S::LANES);
                    copy_panel::<S>((b, p.b_strides), (k, n), scratch.as_mut_ptr());
                    (scratch.as_ptr(), width, true)
                };
                let tile = Tile {
                    k,
                    n,
                    a: p.a.add(from * p.a_strides.1),
                    a_strides: p.a_strides,
                    b,
                    b_stride,
                    whole,
                    c: p.c.add(j),
                    c_stride: p.c_stride,
                    start: match p.start {
                        _ if from > 0 => Start::Add,
                        Start::Row(row) => Start::Row(row.add(j)),
                        start => start,
                    },
                };
                column::<S>(tile, p.m, unit);
            }
            j += full;
        }
        from += k;
    }
}

/// One panel of B with all rows of A.
#[inline(always)]
unsafe fn column<S: Engine>(mut tile: Tile, m: usize, unit: bool) {
    let tiles = m.div_ceil(S::TILE.0);
    let (rows, more) = (m / tiles, m % tiles);
    for i in 0..tiles {
        let rows = rows + usize::from(i < more);
        // SAFETY: a part of the product.
        unsafe {
            tile.run_some::<S>(rows, unit);
            tile.a = tile.a.add(rows * tile.a_strides.0);
            tile.c = tile.c.add(rows * tile.c_stride);
        }
    }
}

/// Large products: blocks of A and B are copied at once.
#[inline(always)]
unsafe fn blocks<S: Engine>(p: &Product, rows: usize, deep: usize, scratch: &mut [f32]) {
    let (high, vectors) = S::TILE;
    let full = vectors * S::LANES;
    // Vectors that cross no line of the cache, where the memory suffices for that.
    let more = scratch.len() - (rows + full) * deep;
    let skipped = scratch.as_ptr().align_offset(LINE * size_of::<f32>()).min(more);
    let scratch = &mut scratch[skipped..];
    let room = scratch.len() / deep - rows;
    let wide = part(p.n, (room / full * full).min(BLOCK_N), full);
    let (b, a) = scratch.split_at_mut(wide * deep);
    let mut from = 0;
    while from < p.k {
        let k = deep.min(p.k - from);
        let mut left = 0;
        while left < p.n {
            let n = wide.min(p.n - left);
            // SAFETY: parts of the product; copies fit in the scratch memory.
            unsafe {
                let at = p.b.add(from * p.b_strides.0 + left * p.b_strides.1);
                copy_panels::<S>((at, p.b_strides), (k, n), b.as_mut_ptr());
                let mut top = 0;
                while top < p.m {
                    let m = rows.min(p.m - top);
                    let from_a = p.a.add(top * p.a_strides.0 + from * p.a_strides.1);
                    for i in (0..m).step_by(high) {
                        let at = from_a.add(i * p.a_strides.0);
                        let size = (high.min(m - i), k);
                        copy_rows::<S>((at, p.a_strides), size, a.as_mut_ptr().add(i * k));
                    }
                    for j in (0..n).step_by(full) {
                        let width = full.min(n - j);
                        for i in (0..m).step_by(high) {
                            let rows = high.min(m - i);
                            let column = left + j;
                            let tile = Tile {
                                k,
                                n: width,
                                a: a.as_ptr().add(i * k),
                                a_strides: (1, rows),
                                b: b.as_ptr().add(j * k),
                                b_stride: width.next_multiple_of(S::LANES),
                                whole: true,
                                c: p.c.add((top + i) * p.c_stride + column),
                                c_stride: p.c_stride,
                                start: match p.start {
                                    _ if from > 0 => Start::Add,
                                    Start::Row(row) => Start::Row(row.add(column)),
                                    start => start,
                                },
                            };
                            tile.run_far::<S>(rows);
                        }
                    }
                    top += m;
                }
            }
            left += n;
        }
        from += k;
    }
}
