//! Kernels for Cortex-M with the DSP extension (M4, M7, M33 and their like), in
//! builds with the feature `cortex-m-dsp`, which the caller turns on for such a
//! processor: that is what makes the instructions sound. They are written in
//! assembly because their intrinsics are not stable. Words are loaded from any
//! address, which these processors allow unless they are told not to (`UNALIGN_TRP`).

#![allow(unsafe_code)]

use core::arch::asm;

use super::{Dims, Int8Kernels, Requantize, check};

pub(super) static INT8: Int8Kernels = Int8Kernels { dense: dense_i8 };

fn dense_i8(dims: Dims, x: &[i8], w: &[i8], b: &[i32], how: &Requantize<'_>, y: &mut [i8]) {
    check(dims, (x, w, b, y), how);
    // Four units at a time; the last four begin earlier where they do not come
    // out even. Fewer than four go one at a time, as four rows that are the same.
    let (group, stride) = if dims.units < 4 { (1, 0) } else { (4, dims.inputs) };
    for (x, y) in x.chunks_exact(dims.inputs).zip(y.chunks_exact_mut(dims.units)) {
        let mut unit = 0;
        while unit < dims.units {
            unit = unit.min(dims.units - group);
            let sums = dot4(x, &w[unit * dims.inputs..], stride);
            for sum in &sums[..group] {
                y[unit] = how.narrow(how.multiplier(unit), b[unit].wrapping_add(*sum));
                unit += 1;
            }
        }
    }
}

/// The products of `x` with four rows of weights that begin `stride` apart.
#[inline(never)]
fn dot4(x: &[i8], w: &[i8], stride: usize) -> [i32; 4] {
    assert!(w.len() >= 3 * stride + x.len());
    let whole = x.len() & !3;
    let mut sums = words4(&x[..whole], w, stride);
    for (i, sum) in sums.iter_mut().enumerate() {
        let row = &w[i * stride..][..x.len()];
        for (x, w) in x[whole..].iter().zip(&row[whole..]) {
            *sum = sum.wrapping_add(i32::from(*x) * i32::from(*w));
        }
    }
    sums
}

/// Four inputs of the block below, which the rows share, and their products
/// with four rows of weights: 23 instructions for 16 products.
macro_rules! four_inputs {
    () => {
        concat!(
            "ldr r12, [r0], #4\n",
            "sxtb16 r8, r12\n",
            "sxtb16 r12, r12, ror #8\n",
            four_inputs!("[r1, r2]", "r5"),
            four_inputs!("[r1, r2, lsl #1]", "r9"),
            four_inputs!("[r1, r7]", "r10"),
            four_inputs!("[r1], #4", "r4"),
        )
    };
    ($weights:literal, $sum:literal) => {
        concat!(
            concat!("ldr r6, ", $weights, "\n"),
            "sxtb16 lr, r6\n",
            "sxtb16 r6, r6, ror #8\n",
            concat!("smlad ", $sum, ", lr, r8, ", $sum, "\n"),
            concat!("smlad ", $sum, ", r6, r12, ", $sum, "\n"),
        )
    };
}

/// The same for whole words of inputs.
fn words4(x: &[i8], w: &[i8], stride: usize) -> [i32; 4] {
    let from = x.as_ptr();
    let eights = from.wrapping_add(x.len() & !7);
    let mut sums = [0i32; 4];
    let [a, b, c, d] = &mut sums;
    // SAFETY: a build with this feature runs on a processor that has these
    // instructions. They read all of `x`, a multiple of four bytes, and as many
    // of each row, which `dot4` has checked. The two registers that operands
    // may not name are saved and restored.
    unsafe {
        asm!(
            "push {{r6, r7, r8}}",
            "add r7, r2, r2, lsl #1",
            "b 3f",
            "2:",
            four_inputs!(),
            four_inputs!(),
            "3:",
            "cmp r0, r3",
            "bne 2b",
            // The end, from the stack.
            "ldr r3, [sp, #8]",
            "b 5f",
            "4:",
            four_inputs!(),
            "5:",
            "cmp r0, r3",
            "bne 4b",
            "pop {{r6, r7, r8}}",
            inout("r0") from => _,
            inout("r1") w.as_ptr() => _,
            in("r2") stride,
            inout("r3") eights => _,
            inout("r4") *a,
            inout("r5") *b,
            inout("r9") *c,
            inout("r10") *d,
            inout("r8") x.as_ptr_range().end => _,
            out("r12") _,
            out("lr") _,
            options(readonly),
        );
    }
    sums
}
