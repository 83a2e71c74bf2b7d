//! Kernels for AArch64 with the dot product instructions.
//!
//! The tables are handed out by `Kernel` only where the processor has them,
//! which is what makes the calls into `target_feature` functions sound. `sdot`
//! is written in assembly because its intrinsic is not stable.

#![allow(unsafe_code)]

use core::arch::aarch64::*;
use core::arch::asm;

use super::loops::{
    LANES, Lanes, SLAB, Slab, dense_i8, finish_rows, packed, panel_of, rows, store,
};
use super::neon::{add_top, filled, load, offset_of, requantize, sums_of};
use super::packed::WIDTH;
use super::{Dims, Int8Kernels, PackedKernels, Requantize, Rows, check, check_ends};

pub(super) static INT8: Int8Kernels = Int8Kernels {
    // SAFETY: see the module's documentation.
    dense: |dims, x, w, b, how, y| unsafe { dense_i8(dims, x, w, b, how, y) },
};

pub(super) static PACKED: PackedKernels = PackedKernels {
    from: 4,
    // SAFETY: see the module's documentation.
    matmul: |dims, a, packed, c| unsafe { matmul(dims, a, packed, c) },
    // SAFETY: see the module's documentation.
    dense: |dims, x, packed, b, how, y| unsafe { dense_packed(dims, x, packed, b, how, y) },
};

dense_i8! { #[target_feature(enable = "neon,dotprod")] rows 4 }
packed! { #[target_feature(enable = "neon,dotprod")] panels 1, single 1, rows 5, 4, 3, 2, 1 }

finish_rows! { #[target_feature(enable = "neon,dotprod")] }

/// Five rows of 16 sums are twenty registers of 32, and five of inputs.
fn tile_rows(left: usize) -> usize {
    left.min(5)
}

/// Nothing beside the products.
fn offset(_x: &[i8]) -> i32 {
    0
}

/// Adds to each lane the four products of its bytes.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn sdot(mut acc: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the function has the feature; registers alone are used.
    unsafe {
        asm!("sdot {acc:v}.4s, {a:v}.16b, {b:v}.16b", acc = inout(vreg) acc, a = in(vreg) a,
            b = in(vreg) b, options(pure, nomem, nostack, preserves_flags));
    }
    acc
}

/// The same with four bytes of `b` for all lanes.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn sdot_lane<const LANE: usize>(mut acc: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the function has the feature; registers alone are used.
    unsafe {
        asm!("sdot {acc:v}.4s, {a:v}.16b, {b:v}.4b[{lane}]", acc = inout(vreg) acc,
            a = in(vreg) a, b = in(vreg) b, lane = const LANE,
            options(pure, nomem, nostack, preserves_flags));
    }
    acc
}

#[target_feature(enable = "neon,dotprod")]
fn dot(x: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
    let (whole, rest) = x.as_chunks::<16>();
    let rows = rows.map(|row| row[..x.len()].as_chunks::<16>());
    let mut acc = [vdupq_n_s32(0); 4];
    for (i, x) in whole.iter().enumerate() {
        let x = load(x);
        for (acc, row) in acc.iter_mut().zip(rows) {
            *acc = sdot(*acc, load(&row.0[i]), x);
        }
    }
    if !rest.is_empty() {
        let x = load(&filled(rest));
        for (acc, row) in acc.iter_mut().zip(rows) {
            *acc = sdot(*acc, load(&filled(row.1)), x);
        }
    }
    sums_of(acc)
}

#[target_feature(enable = "neon,dotprod")]
#[inline]
fn tile<const M: usize, const N: usize, const SIGNED: bool, const DENSE: bool>(
    rows: &[&[u8]; M],
    [panel]: [&[[u8; 64]]; 1],
    _offsets: &[i32; M],
) -> [[[i32; WIDTH]; 1]; M] {
    let mut acc = [[vdupq_n_s32(0); 4]; M];
    for (i, blocks) in panel[1..].chunks(4).enumerate() {
        // Sixteen inputs of each row: four for each block.
        let x = rows.map(|row| {
            let bytes: [u8; 16] = match row[16 * i..].first_chunk() {
                Some(whole) => *whole,
                None => filled(&row[16 * i..]),
            };
            let x = load(&bytes.map(|byte| byte as i8));
            if SIGNED { x } else { veorq_s8(x, vdupq_n_s8(-128)) }
        });
        match blocks {
            [a, b, c, d] => {
                step::<M, 0>(&mut acc, a, x);
                step::<M, 1>(&mut acc, b, x);
                step::<M, 2>(&mut acc, c, x);
                step::<M, 3>(&mut acc, d, x);
            }
            [a, rest @ ..] => {
                step::<M, 0>(&mut acc, a, x);
                if let [b, rest @ ..] = rest {
                    step::<M, 1>(&mut acc, b, x);
                    if let [c, ..] = rest {
                        step::<M, 2>(&mut acc, c, x);
                    }
                }
            }
            [] => {}
        }
    }
    acc.map(|acc| {
        let mut sums = [0; WIDTH];
        for (sums, v) in sums.as_chunks_mut::<4>().0.iter_mut().zip(acc) {
            // SAFETY: sixteen writable bytes.
            unsafe { vst1q_s32(sums.as_mut_ptr(), v) };
        }
        add_top::<SIGNED>(&mut sums, &panel[0]);
        [sums]
    })
}

/// Four inputs of each row with four weights of each unit.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn step<const M: usize, const LANE: usize>(
    acc: &mut [[int32x4_t; 4]; M],
    block: &[u8; 64],
    x: [int8x16_t; M],
) {
    let quarters: &[[i8; 16]; 4] = bytemuck::must_cast_ref(block);
    for (j, quarter) in quarters.iter().enumerate() {
        let w = load(quarter);
        for (acc, x) in acc.iter_mut().zip(x) {
            acc[j] = sdot_lane::<LANE>(acc[j], w, x);
        }
    }
}
