//! Matrix products, written once for every instruction set.
//!
//! `C = A B`: a tile of C stays in registers while `k` runs; elements of A are
//! broadcast, B comes in vectors. Where B's rows are not contiguous (the
//! forward product's weights) or are used often, a panel of B, as wide as the
//! tile, is copied into scratch memory first (Goto & van de Geijn, "Anatomy of
//! high-performance matrix multiplication", 2008).

#![allow(unsafe_code)]

use super::simd::{MAX_LANES, Simd};

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
/// second level cache while A passes in blocks of few rows: so few of C's rows
/// are in use at a time, which matters where each lies in a page of its own.
const BLOCK_K: usize = 384;
const BLOCK_N: usize = 1024;
const BLOCK_M: usize = 24;

/// The same for rows of A that are not contiguous and so are copied, too.
const COPIED_M: usize = 120;

/// How many rows of a copied block of B a tile asks for beforehand, and the floats
/// of a cache line.
const AHEAD: usize = 16;
const LINE: usize = 16;

/// Floats of scratch memory with which a product runs at full speed.
pub(super) fn best_scratch<S: Simd>([m, n, k]: [usize; 3]) -> usize {
    let (rows, width) = (S::TILE.0, S::TILE.1 * S::LANES);
    let k = k.min(BLOCK_K);
    let a = m.min(COPIED_M).next_multiple_of(rows) * k;
    let b = n.min(BLOCK_N).next_multiple_of(width) * k;
    (a + b).max(super::SCRATCH)
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
        let enough = scratch.len() / deep >= width + high;
        let inside = p.a_strides.1 == 1;
        let most = if inside { BLOCK_M } else { COPIED_M };
        if enough && (blocked || (large && scratch.len() >= (most + 4 * width) * deep)) {
            let most = most.min(scratch.len() / deep / 2).max(high) / high * high;
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

/// Large products: a block of B is copied at once, and A where its rows are not
/// contiguous.
#[inline(always)]
unsafe fn blocks<S: Engine>(p: &Product, rows: usize, deep: usize, scratch: &mut [f32]) {
    let (high, vectors) = S::TILE;
    let full = vectors * S::LANES;
    let copies = p.a_strides.1 != 1;
    let (a, b) = scratch.split_at_mut(if copies { rows * deep } else { 0 });
    let wide = part(p.n, (b.len() / deep / full * full).min(BLOCK_N), full);
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
                    if copies {
                        for i in (0..m).step_by(high) {
                            let at = from_a.add(i * p.a_strides.0);
                            let size = (high.min(m - i), k);
                            copy_rows::<S>((at, p.a_strides), size, a.as_mut_ptr().add(i * k));
                        }
                    }
                    for j in (0..n).step_by(full) {
                        let width = full.min(n - j);
                        for i in (0..m).step_by(high) {
                            let rows = high.min(m - i);
                            let column = left + j;
                            let (a, a_strides) = if copies {
                                (a.as_ptr().add(i * k), (1, rows))
                            } else {
                                (from_a.add(i * p.a_strides.0), p.a_strides)
                            };
                            let tile = Tile {
                                k,
                                n: width,
                                a,
                                a_strides,
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
                            tile.run_far::<S>(rows, copies);
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

/// Copies k x n of B panel by panel, each as [`copy_panel`] does it.
#[inline(always)]
unsafe fn copy_panels<S: Simd>(
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
unsafe fn copy_panel<S: Simd>(
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
unsafe fn copy_rows<S: Simd>(
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
unsafe fn load<S: Simd>(from: *const f32, n: usize) -> S {
    // SAFETY: the caller's.
    unsafe { if n == S::LANES { S::load(from) } else { S::load_part(from, n) } }
}

/// How a tile reads a row of B: the last vector in part, whole vectors, or whole
/// vectors of which the next ones are asked for beforehand.
const IN_PART: u8 = 0;
const WHOLE: u8 = 1;
const FROM_FAR: u8 = 2;

/// A tile of C: a few rows, `n` columns, at most `S::TILE.1` vectors.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    k: usize,
    n: usize,
    a: *const f32,
    a_strides: (usize, usize),
    b: *const f32,
    b_stride: usize,
    /// Whether B can be read in whole vectors.
    whole: bool,
    c: *mut f32,
    c_stride: usize,
    start: Start,
}

impl Tile {
    #[inline(always)]
    unsafe fn run_some<S: Engine>(&self, rows: usize, unit: bool) {
        // SAFETY: the caller's.
        unsafe {
            if unit {
                self.run_rows::<S, true, false>(rows)
            } else {
                self.run_rows::<S, false, false>(rows)
            }
        }
    }

    /// The same where B is not in the first level cache.
    #[inline(always)]
    unsafe fn run_far<S: Engine>(&self, rows: usize, unit: bool) {
        // SAFETY: the caller's.
        unsafe {
            if unit {
                self.run_rows::<S, true, true>(rows)
            } else {
                self.run_rows::<S, false, true>(rows)
            }
        }
    }

    /// `UNIT`: A's columns are contiguous, otherwise its rows are.
    #[inline(always)]
    unsafe fn run_rows<S: Engine, const UNIT: bool, const FAR: bool>(&self, rows: usize) {
        macro_rules! run {
            ($($rows:literal)+) => {
                match rows {
                    $($rows if $rows <= S::TILE.0 => {
                        let (two, whole) = (self.n > S::LANES, self.whole || !S::MASKED);
                        if FAR && $rows == S::TILE.0 && two {
                            S::tile::<UNIT, FROM_FAR, $rows, 2>(self);
                        } else if two && whole {
                            S::tile::<UNIT, WHOLE, $rows, 2>(self);
                        } else if two {
                            S::tile::<UNIT, IN_PART, $rows, 2>(self);
                        } else if whole {
                            S::tile::<UNIT, WHOLE, $rows, 1>(self);
                        } else {
                            S::tile::<UNIT, IN_PART, $rows, 1>(self);
                        }
                    })+
                    _ => {}
                }
            };
        }
        // SAFETY: the caller's.
        unsafe { run!(1 2 3 4 5 6 7 8 9 10 11 12) }
    }

    /// `ROWS` rows of `VECTORS` vectors; B as the constants say.
    ///
    /// # Safety
    /// So much of C can be written, and what its sums are made of can be read.
    #[inline(always)]
    pub(super) unsafe fn run<
        S: Simd,
        const UNIT: bool,
        const B: u8,
        const ROWS: usize,
        const VECTORS: usize,
    >(
        &self,
    ) {
        let last = self.n - (VECTORS - 1) * S::LANES;
        let (mut a, mut b) = (self.a, self.b);
        let (row, step) = if UNIT { (1, self.a_strides.1) } else { (self.a_strides.0, 1) };
        let mut sums = [[S::zero(); VECTORS]; ROWS];
        // SAFETY: inside the tile's A, B and C.
        unsafe {
            for _ in 0..self.k {
                let mut bs = [S::zero(); VECTORS];
                for (v, b_v) in bs.iter_mut().enumerate() {
                    let from = b.add(v * S::LANES);
                    *b_v = if B == IN_PART && v + 1 == VECTORS {
                        S::load_part(from, last)
                    } else {
                        S::load(from)
                    };
                }
                if B == FROM_FAR {
                    for line in (0..VECTORS * S::LANES).step_by(LINE) {
                        S::prefetch(b.wrapping_add(AHEAD * self.b_stride + line));
                    }
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let a = S::splat(*a.add(i * row));
                    for (sum, b) in sums.iter_mut().zip(bs) {
                        *sum = a.mul_add(b, *sum);
                    }
                }
                a = a.wrapping_add(step);
                b = b.wrapping_add(self.b_stride);
            }
            // Whole vectors, the usual case, go from the registers to C: each loop has
            // so little in it that it is unrolled.
            let to = |i: usize, v: usize| self.c.add(i * self.c_stride + v * S::LANES);
            macro_rules! store {
                (|$sum:ident, $i:ident, $v:ident| $value:expr) => {
                    for ($i, sums) in sums.iter().enumerate() {
                        for ($v, $sum) in sums.iter().enumerate() {
                            $value.store(to($i, $v));
                        }
                    }
                };
            }
            if last == S::LANES {
                match self.start {
                    Start::Zero => store!(|sum, i, v| *sum),
                    Start::Add => store!(|sum, i, v| *sum + S::load(to(i, v))),
                    Start::Row(row) => store!(|sum, i, v| *sum + S::load(row.add(v * S::LANES))),
                }
                return;
            }
            let copy = sums;
            for (i, sums) in copy.iter().enumerate() {
                for (v, sum) in sums.iter().enumerate() {
                    let n = if v + 1 == VECTORS { last } else { S::LANES };
                    let to = to(i, v);
                    let sum = match self.start {
                        Start::Zero => *sum,
                        Start::Add => *sum + load::<S>(to, n),
                        Start::Row(row) => *sum + load::<S>(row.add(v * S::LANES), n),
                    };
                    if n == S::LANES {
                        sum.store(to);
                    } else {
                        sum.store_part(to, n);
                    }
                }
            }
        }
    }
}
