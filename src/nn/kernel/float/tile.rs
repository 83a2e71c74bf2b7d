//! Tiles of a product: what stays in registers.

#![allow(unsafe_code)]

use super::copy::load;
use super::gemm::{Engine, Start};
use super::simd::Simd;

/// How many rows of a copied block of B a tile asks for beforehand.
const AHEAD: usize = 16;

/// Floats of a cache line.
pub(super) const LINE: usize = 16;

/// How a tile reads a row of B: the last vector in part, whole vectors, or whole
/// vectors of which the next ones are asked for beforehand.
const IN_PART: u8 = 0;
const WHOLE: u8 = 1;
const FROM_FAR: u8 = 2;

/// A tile of C: a few rows, `n` columns, at most `S::TILE.1` vectors.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub k: usize,
    pub n: usize,
    pub a: *const f32,
    pub a_strides: (usize, usize),
    pub b: *const f32,
    pub b_stride: usize,
    /// Whether B can be read in whole vectors.
    pub whole: bool,
    pub c: *mut f32,
    pub c_stride: usize,
    pub start: Start,
}

impl Tile {
    #[inline(always)]
    pub(super) unsafe fn run_some<S: Engine>(&self, rows: usize, unit: bool) {
        // SAFETY: the caller's.
        unsafe {
            if unit {
                self.run_rows::<S, true, false>(rows)
            } else {
                self.run_rows::<S, false, false>(rows)
            }
        }
    }

    /// The same where B is not in the first level cache, and A's columns are contiguous.
    #[inline(always)]
    pub(super) unsafe fn run_far<S: Engine>(&self, rows: usize) {
        // SAFETY: the caller's.
        unsafe { self.run_rows::<S, true, true>(rows) }
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
        if B == FROM_FAR {
            // C is wanted at the end, and from farther away.
            for i in 0..ROWS {
                for line in (0..VECTORS * S::LANES).step_by(LINE) {
                    S::prefetch(self.c.wrapping_add(i * self.c_stride + line));
                }
            }
        }
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
