//! Matrices of int8 packed for the kernels that multiply many rows at once.
//!
//! The one layout that all kernels read: panels of 16 columns (units). A panel
//! is a header of 16 int32 (on AArch64 the sum of each column's numbers, else
//! zeros), and then, for each four rows (inputs), 64 bytes: four numbers of the
//! first column, four of the second, and so on. What is missing at the edges is
//! zero. A packed matrix is for the machine that packed it.

#![allow(unsafe_code)]

use crate::error::{Error, Result};

/// Columns of a panel.
pub(super) const WIDTH: usize = 16;
/// Bytes of four rows of a panel, and of its header.
pub(super) const BLOCK: usize = 64;
/// Whether the sums of columns are needed.
const SUMS: bool = cfg!(target_arch = "aarch64");

pub(super) type Block = [u8; BLOCK];

/// A block's worth of memory, aligned so that no load of one crosses a line
/// of the cache.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line([u8; BLOCK]);

impl Line {
    pub const EMPTY: Line = Line([0; BLOCK]);
}

// SAFETY: an array of bytes, and nothing else.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: an array of bytes without padding: size and alignment are both 64.
unsafe impl bytemuck::Pod for Line {}

/// Bytes of a packed matrix of `inputs` rows and `units` columns.
pub(crate) fn packed_len(inputs: usize, units: usize) -> Result<usize> {
    let blocks = units.div_ceil(WIDTH).checked_mul(1 + inputs.div_ceil(4));
    blocks.and_then(|blocks| blocks.checked_mul(BLOCK)).ok_or(Error::Overflow)
}

/// The panels of a packed matrix: a header and the rows' blocks each.
pub(super) fn panels(packed: &[u8], inputs: usize) -> impl Iterator<Item = &[Block]> {
    packed.as_chunks().0.chunks_exact(1 + inputs.div_ceil(4))
}

/// Packs weights: one row of `inputs` for each unit, which is a column here.
pub(crate) fn pack_rows(inputs: usize, weights: &[i8], packed: &mut [u8]) {
    let units = weights.chunks_exact(inputs.max(1));
    let stride = 1 + inputs.div_ceil(4);
    let mut panels = packed.as_chunks_mut::<BLOCK>().0.chunks_exact_mut(stride);
    let mut panel: &mut [Block] = &mut [];
    for (unit, row) in units.enumerate() {
        let column = unit % WIDTH;
        if column == 0 {
            panel = panels.next().unwrap_or_default();
            panel.as_flattened_mut().fill(0);
        }
        let Some((_, blocks)) = panel.split_first_mut() else { return };
        for (block, four) in blocks.iter_mut().zip(row.chunks(4)) {
            for (to, from) in block[4 * column..].iter_mut().zip(four) {
                *to = *from as u8;
            }
        }
    }
    for panel in packed.as_chunks_mut::<BLOCK>().0.chunks_exact_mut(stride).filter(|_| SUMS) {
        add_up(panel);
    }
}

/// Packs a row-major matrix of rows of `columns`.
pub(super) fn pack_columns(columns: usize, matrix: &[i8], packed: &mut [u8]) {
    let columns = columns.max(1);
    let rows = matrix.len() / columns;
    let matrix: &[u8] = bytemuck::must_cast_slice(matrix);
    let stride = 1 + rows.div_ceil(4);
    let blocks = packed.as_chunks_mut::<BLOCK>().0;
    // Four panels at a time, which are a line of the cache in each row.
    for (i, panels) in blocks.chunks_mut(4 * stride).enumerate() {
        panels.chunks_exact_mut(stride).for_each(|panel| panel[0] = [0; BLOCK]);
        for (k, four) in matrix.chunks(4 * columns).enumerate() {
            for (j, panel) in panels.chunks_exact_mut(stride).enumerate() {
                let from = (4 * i + j) * WIDTH;
                panel[1 + k] = interleave(&lines(four, columns, from));
            }
        }
        for panel in panels.chunks_exact_mut(stride).filter(|_| SUMS) {
            add_up(panel);
        }
    }
}

/// The numbers of one panel, whose columns begin at `from`, in four rows.
#[inline]
fn lines(four: &[u8], columns: usize, from: usize) -> [[u8; WIDTH]; 4] {
    let mut lines = [[0; WIDTH]; 4];
    for (line, row) in lines.iter_mut().zip(four.chunks_exact(columns)) {
        match row[from..].first_chunk() {
            Some(whole) => *line = *whole,
            None => line[..columns - from].copy_from_slice(&row[from..]),
        }
    }
    lines
}

/// Four rows of a panel as a block.
#[cfg(target_arch = "x86_64")]
#[inline]
fn interleave([a, b, c, d]: &[[u8; WIDTH]; 4]) -> Block {
    use core::arch::x86_64::*;
    let [a, b, c, d] = [*a, *b, *c, *d].map(bytemuck::must_cast::<_, __m128i>);
    // SAFETY: SSE2 is part of the target; registers alone are used.
    let block = unsafe {
        let (low, high) = (_mm_unpacklo_epi8(a, b), _mm_unpackhi_epi8(a, b));
        let (low_next, high_next) = (_mm_unpacklo_epi8(c, d), _mm_unpackhi_epi8(c, d));
        [
            _mm_unpacklo_epi16(low, low_next),
            _mm_unpackhi_epi16(low, low_next),
            _mm_unpacklo_epi16(high, high_next),
            _mm_unpackhi_epi16(high, high_next),
        ]
    };
    bytemuck::must_cast(block)
}

/// Four rows of a panel as a block.
#[cfg(not(target_arch = "x86_64"))]
fn interleave(lines: &[[u8; WIDTH]; 4]) -> Block {
    core::array::from_fn(|i| lines[i % 4][i / 4])
}

/// Writes the sums of a panel's columns to its header.
fn add_up(panel: &mut [Block]) {
    let Some((header, blocks)) = panel.split_first_mut() else { return };
    for (column, to) in header.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let numbers = blocks.iter().flat_map(|block| &block[4 * column..][..4]);
        *to = numbers.map(|number| i32::from(*number as i8)).sum::<i32>().to_le_bytes();
    }
}
