//! Matrices of int8 packed for the kernels that multiply many rows at once.
//!
//! The one layout that all kernels read: panels of 16 columns (units). A panel
//! is a header of 16 int32, the sum of each column's numbers, and then, for
//! each four rows (inputs), 64 bytes: four numbers of the first column, four of
//! the second, and so on. What is missing at the edges is zero.

#![allow(unsafe_code)]

use crate::error::{Error, Result};

/// Columns of a panel.
pub(super) const WIDTH: usize = 16;
/// Bytes of four rows of a panel, and of its header.
pub(super) const BLOCK: usize = 64;

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
    let mut panels = packed.as_chunks_mut::<BLOCK>().0.chunks_exact_mut(1 + inputs.div_ceil(4));
    let mut panel: &mut [Block] = &mut [];
    for (unit, row) in units.enumerate() {
        let column = unit % WIDTH;
        if column == 0 {
            panel = panels.next().unwrap_or_default();
            panel.as_flattened_mut().fill(0);
        }
        let Some((header, blocks)) = panel.split_first_mut() else { return };
        let sum: i32 = row.iter().map(|w| i32::from(*w)).sum();
        header[4 * column..][..4].copy_from_slice(&sum.to_le_bytes());
        for (block, four) in blocks.iter_mut().zip(row.chunks(4)) {
            for (to, from) in block[4 * column..].iter_mut().zip(four) {
                *to = *from as u8;
            }
        }
    }
}

/// Packs a row-major matrix of rows of `columns`.
pub(super) fn pack_columns(columns: usize, matrix: &[i8], packed: &mut [u8]) {
    let columns = columns.max(1);
    let rows = matrix.len() / columns;
    let panels = packed.as_chunks_mut::<BLOCK>().0.chunks_exact_mut(1 + rows.div_ceil(4));
    for (i, panel) in panels.enumerate() {
        let Some((header, blocks)) = panel.split_first_mut() else { return };
        let (from, width) = (i * WIDTH, (columns - i * WIDTH).min(WIDTH));
        let mut sums = [0i32; WIDTH];
        for (block, four) in blocks.iter_mut().zip(matrix.chunks(4 * columns)) {
            let mut lines = [[0u8; WIDTH]; 4];
            for (line, row) in lines.iter_mut().zip(four.chunks_exact(columns)) {
                let row: &[u8] = bytemuck::must_cast_slice(&row[from..from + width]);
                match row.as_array() {
                    Some(whole) => *line = *whole,
                    None => line[..width].copy_from_slice(row),
                }
            }
            *block = interleave(&lines, &mut sums);
        }
        for (to, sum) in header.as_chunks_mut().0.iter_mut().zip(sums) {
            *to = sum.to_le_bytes();
        }
    }
}

/// Four rows of a panel as a block; adds them to the columns' sums.
fn interleave(lines: &[[u8; WIDTH]; 4], sums: &mut [i32; WIDTH]) -> Block {
    let mut block = [0; BLOCK];
    for i in 0..WIDTH {
        for (j, line) in lines.iter().enumerate() {
            block[4 * i + j] = line[i];
        }
        let sum: i16 = lines.iter().map(|line| i16::from(line[i] as i8)).sum();
        sums[i] += i32::from(sum);
    }
    block
}
