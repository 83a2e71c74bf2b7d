//! Products with packed matrices for x86-64 with AVX2, widened and multiplied as
//! in `avx2.rs`.
//!
//! Every panel needs all rows as 16-bit numbers, so some rows are widened once for
//! all panels, into 32 KB of the stack (35 with the sums), which nothing clears: a
//! tile then reads four inputs and spreads them by one load.

#![allow(unsafe_code)]

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::avx2::{requantize, some};
use super::loops::{Lanes, panel_of, store};
use super::packed::{Block, WIDTH};
use super::{Dims, PackedKernels, Requantize, Rows, check_ends};

pub(super) static PACKED: PackedKernels = PackedKernels {
    from: 2,
    // SAFETY: the table is handed out only where there is AVX2.
    matmul: |dims, a, packed, c| unsafe { matmul(dims, a, packed, c) },
    // SAFETY: as above.
    dense: |dims, x, packed, b, how, y| unsafe { dense(dims, x, packed, b, how, y) },
};

/// Rows of a tile: with 8 units their sums, two partial ones each, are twelve
/// registers of sixteen.
const TILE: usize = 6;
/// Vectors of 16 inputs that there is room for.
const VECTORS: usize = 1024;
/// Vectors of each row that go by a panel at once: with the weights they stay in
/// the nearest cache.
const DEPTH: usize = 64;
/// Sums that there is room for, of 16 units each.
const SUMS: usize = 48;
/// Panels that share what is widened of rows too long for the room, of which
/// [`DEPTH`] vectors at a time are there.
const GROUP: usize = 4;

/// What a product needs of the stack.
struct Room {
    /// Rows of inputs.
    wide: [MaybeUninit<__m256i>; VECTORS],
    /// The sums of one panel's units, row by row, then of the next one's.
    sums: [MaybeUninit<[i32; WIDTH]>; SUMS],
}

#[target_feature(enable = "avx2")]
fn matmul(dims: Dims, a: Rows<'_>, packed: &[u8], c: &mut [i32]) {
    assert!(c.len() / dims.units == a.bytes.len() / dims.inputs);
    multiply(dims, a, packed, |row, unit, sums| {
        let width = (dims.units - unit).min(WIDTH);
        for (i, sums) in sums.iter().enumerate() {
            store(sums, &mut c[(row + i) * dims.units + unit..][..width]);
        }
    });
}

#[target_feature(enable = "avx2")]
fn dense(dims: Dims, x: &[i8], packed: &[u8], b: &[i32], how: &Requantize<'_>, y: &mut [i8]) {
    check_ends(dims, x, b, y, how);
    let x = Rows { bytes: bytemuck::must_cast_slice(x), signed: true };
    multiply(dims, x, packed, |row, unit, sums| {
        let width = (dims.units - unit).min(WIDTH);
        let lanes = Lanes::of(b, how, unit);
        for (i, sums) in sums.iter().enumerate() {
            let y = &mut y[(row + i) * dims.units + unit..][..width];
            store(&requantize(&lanes.add(sums), how), y);
        }
    });
}

/// Says of some rows and a panel at a time what the sums are: `put(row, unit, sums)`,
/// from this row and this unit on.
///
/// Its loops count by themselves, as many iterators would divide, and small layers
/// feel that.
#[target_feature(enable = "avx2")]
#[inline]
fn multiply(
    dims: Dims,
    a: Rows<'_>,
    packed: &[u8],
    mut put: impl FnMut(usize, usize, &[[i32; WIDTH]]),
) {
    let mut room = MaybeUninit::<Room>::uninit();
    // SAFETY: all that is in it may be uninitialised, as its type says.
    let Room { wide, sums } = unsafe { &mut *room.as_mut_ptr() };
    let panel = panel_of(packed, dims.inputs);
    let (count, panels) = (a.bytes.len() / dims.inputs, dims.units.div_ceil(WIDTH));
    let vectors = dims.inputs.div_ceil(16);
    let whole = TILE * vectors <= VECTORS;
    let (width, group) = if whole { (vectors, 1) } else { (DEPTH, GROUP) };
    let most = match SUMS / group {
        most if most * width <= VECTORS => most,
        _ => VECTORS / width / TILE * TILE,
    };
    let mut row = 0;
    while row < count {
        let rows = most.min(count - row);
        let a = Rows { bytes: &a.bytes[row * dims.inputs..], ..a };
        if whole {
            widen(dims, a, 0, (rows, vectors), wide);
        }
        let mut first = 0;
        while first < panels {
            let end = panels.min(first + group);
            let mut from = 0;
            while from < vectors {
                let depth = DEPTH.min(vectors - from);
                let (stride, at) = if whole { (vectors, from) } else { (depth, 0) };
                if !whole {
                    widen(dims, a, from, (rows, depth), wide);
                }
                for i in first..end {
                    let blocks = &panel(i)[1 + 4 * from..];
                    let blocks = &blocks[..blocks.len().min(4 * depth)];
                    let sums = &mut sums[(i - first) * rows..][..rows];
                    for (j, sums) in sums.chunks_mut(TILE).enumerate() {
                        let wide = &wide[TILE * j * stride + at..];
                        // SAFETY: as many rows as there are sums have been widened. The
                        // first part of the inputs writes the sums that others add to.
                        unsafe { tile_of(wide, stride, blocks, sums, from > 0) };
                    }
                }
                from += DEPTH;
            }
            for i in first..end {
                let sums = &sums[(i - first) * rows..][..rows];
                // SAFETY: the tiles have written them.
                let sums = unsafe { core::slice::from_raw_parts(sums.as_ptr().cast(), rows) };
                put(row, i * WIDTH, sums);
            }
            first = end;
        }
        row += rows;
    }
}

/// Widens so many vectors of so many rows, from the vector `from` of each on. What
/// comes after a row's end does not matter: weights of 0 wait for it.
#[target_feature(enable = "avx2")]
#[inline]
fn widen(
    dims: Dims,
    a: Rows<'_>,
    from: usize,
    (rows, stride): (usize, usize),
    wide: &mut [MaybeUninit<__m256i>; VECTORS],
) {
    let sixteen = |bytes: [u8; 16]| {
        let bytes = bytemuck::must_cast(bytes);
        if a.signed { _mm256_cvtepi8_epi16(bytes) } else { _mm256_cvtepu8_epi16(bytes) }
    };
    for row in 0..rows {
        let to = &mut wide[row * stride..][..stride];
        let (vectors, rest) = a.bytes[row * dims.inputs + 16 * from..].as_chunks();
        for (to, bytes) in to.iter_mut().zip(vectors) {
            to.write(sixteen(*bytes));
        }
        // The end of the last row of all.
        if vectors.len() < stride {
            to[stride - 1].write(sixteen(some(rest)));
        }
    }
}

/// A tile of as many rows as there are sums, at most [`TILE`].
///
/// # Safety
/// As of [`tile`].
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn tile_of(
    wide: &[MaybeUninit<__m256i>],
    stride: usize,
    blocks: &[Block],
    sums: &mut [MaybeUninit<[i32; WIDTH]>],
    add: bool,
) {
    let (x, to) = (wide.as_ptr().cast(), sums.as_mut_ptr().cast());
    // SAFETY: as this function's.
    unsafe {
        match sums.len() {
            1 => tile::<1, 4>(x, stride, blocks, to, add),
            2 => tile::<2, 4>(x, stride, blocks, to, add),
            3 => tile::<3, 2>(x, stride, blocks, to, add),
            4 => tile::<4, 2>(x, stride, blocks, to, add),
            5 => tile::<5, 2>(x, stride, blocks, to, add),
            _ => tile::<TILE, 2>(x, stride, blocks, to, add),
        }
    }
}

/// The sums of `M` rows and a panel, `V` vectors of four units at a time.
///
/// # Safety
/// From `x` on there must be `M` rows, one each `stride` vectors, of a vector for
/// each four blocks, and from `sums` on room for `M` sums, written before if `add`.
#[target_feature(enable = "avx2")]
unsafe fn tile<const M: usize, const V: usize>(
    x: *const __m256i,
    stride: usize,
    blocks: &[Block],
    sums: *mut [__m256i; 2],
    add: bool,
) {
    let x: [*const i64; M] = core::array::from_fn(|i| x.wrapping_add(i * stride).cast());
    for first in (0..4).step_by(V) {
        let from = blocks.as_ptr().cast::<[u8; 16]>().wrapping_add(first);
        let mut acc = [[_mm256_setzero_si256(); V]; M];
        let mut i = 0;
        while i < blocks.len() {
            let mut w = [_mm256_setzero_si256(); V];
            for (j, w) in w.iter_mut().enumerate() {
                // SAFETY: a quarter of the block `i`, `first + j` being below 4.
                let quarter = unsafe { from.add(4 * i + j).read() };
                *w = _mm256_cvtepi8_epi16(bytemuck::must_cast(quarter));
            }
            for (acc, x) in acc.iter_mut().zip(x) {
                // SAFETY: a quarter of a vector, of which there is one for four blocks.
                let x = _mm256_set1_epi64x(unsafe { x.add(i).read() });
                for (acc, w) in acc.iter_mut().zip(w) {
                    *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(w, x));
                }
            }
            i += 1;
        }
        for (i, acc) in acc.iter().enumerate() {
            for (j, [a, b]) in acc.as_chunks().0.iter().enumerate() {
                let order = _mm256_permute4x64_epi64::<0b11_01_10_00>;
                let sum = order(_mm256_hadd_epi32(*a, *b));
                // SAFETY: one of the two halves of a row's sums. Loads and stores need
                // no alignment.
                unsafe {
                    let to = sums.add(i).cast::<__m256i>().add(first / 2 + j);
                    let old = if add { _mm256_loadu_si256(to) } else { _mm256_setzero_si256() };
                    _mm256_storeu_si256(to, _mm256_add_epi32(old, sum));
                }
            }
        }
    }
}
