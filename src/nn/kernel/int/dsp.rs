//! Kernels for Cortex-M with the DSP extension (M4, M7, M33 and their like), in
//! builds with the feature `cortex-m-dsp`, which the caller turns on for such a
//! processor: that is what makes the instructions sound. They are written in
//! assembly because their intrinsics are not stable. Words are loaded from any
//! address, which these processors allow unless they are told not to (`UNALIGN_TRP`).

#![allow(unsafe_code)]

use core::arch::asm;

use super::{Dims, Int8Kernels, Int16Kernels, Requantize, Wide, bias, check};

pub(super) static INT8: Int8Kernels = Int8Kernels { dense: dense_i8 };
pub(super) static INT16: Int16Kernels = Int16Kernels {
    dense_w8: |dims, x, w, b, how, y| dense_i16((dims, x, w, b), how, y, dot2_w8),
    dense_w16: |dims, x, w, b, how, y| dense_i16((dims, x, w, b), how, y, dot2_w16),
};

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

/// A layer of int16 values, two units at a time; `dot2` gives the products of the
/// inputs with two rows.
#[inline(always)]
fn dense_i16<W>(
    (dims, x, w, b): (Dims, &[i16], &[W], &[Wide]),
    how: &Requantize<'_>,
    y: &mut [i16],
    dot2: impl Fn(&[i16], [&[W]; 2]) -> [i64; 2],
) {
    check(dims, (x, w, b, y), how);
    let last = dims.units - 1;
    let row = |unit: usize| &w[unit * dims.inputs..][..dims.inputs];
    for (x, y) in x.chunks_exact(dims.inputs).zip(y.chunks_exact_mut(dims.units)) {
        for unit in (0..dims.units).step_by(2) {
            // A last one alone is done twice.
            let units = [unit, (unit + 1).min(last)];
            for (unit, sum) in units.into_iter().zip(dot2(x, units.map(row))) {
                y[unit] = how.wide(how.multiplier(unit), bias(b[unit]).wrapping_add(sum));
            }
        }
    }
}

/// Two int16 products are added to a sum of 64 bits.
#[inline(always)]
fn smlald(sum: i64, x: u32, w: u32) -> i64 {
    let (mut low, mut high) = (sum as u32, (sum >> 32) as u32);
    // SAFETY: a build with this feature runs on a processor that has it.
    unsafe {
        asm!(
            "smlald {low}, {high}, {x}, {w}",
            low = inout(reg) low,
            high = inout(reg) high,
            x = in(reg) x,
            w = in(reg) w,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    (u64::from(high) << 32 | u64::from(low)) as i64
}

/// Bytes 0 and 2 of a word as two int16, after it was turned right by `ROR` bits.
#[inline(always)]
fn sxtb16<const ROR: u32>(word: u32) -> u32 {
    let halves;
    // SAFETY: as above.
    unsafe {
        asm!(
            "sxtb16 {halves}, {word}, ror #{ror}",
            halves = lateout(reg) halves,
            word = in(reg) word,
            ror = const ROR,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    halves
}

/// Four bytes as a word.
#[inline(always)]
fn word<const N: usize, T: bytemuck::NoUninit>(values: &[T; N]) -> u32 {
    const { assert!(size_of::<T>() * N == 4) };
    // SAFETY: four bytes are there, and any address will do.
    unsafe { values.as_ptr().cast::<u32>().read_unaligned() }
}

/// A sum with the products of the few inputs that are left.
fn add<W: Copy + Into<i64>>(sum: i64, x: &[i16], w: &[W]) -> i64 {
    let products = x.iter().zip(w).map(|(x, w)| i64::from(*x) * (*w).into());
    products.fold(sum, i64::wrapping_add)
}

fn dot2_w16(x: &[i16], [a, b]: [&[i16]; 2]) -> [i64; 2] {
    let [(pairs, rest), (a, a_rest), (b, b_rest)] = [x, a, b].map(<[i16]>::as_chunks::<2>);
    let mut sums = [0i64; 2];
    for (x, (a, b)) in pairs.iter().zip(a.iter().zip(b)) {
        let x = word(x);
        sums = [smlald(sums[0], x, word(a)), smlald(sums[1], x, word(b))];
    }
    [add(sums[0], rest, a_rest), add(sums[1], rest, b_rest)]
}

fn dot2_w8(x: &[i16], [a, b]: [&[i8]; 2]) -> [i64; 2] {
    let (fours, rest) = x.as_chunks::<4>();
    let [(a, a_rest), (b, b_rest)] = [a, b].map(<[i8]>::as_chunks::<4>);
    let mut sums = [0i64; 2];
    for ([x0, x1, x2, x3], (a, b)) in fours.iter().zip(a.iter().zip(b)) {
        let (low, high) = (word(&[*x0, *x1]), word(&[*x2, *x3]));
        // Inputs 0 and 2, and 1 and 3, as the bytes come.
        let (even, odd) = (low & 0xffff | high << 16, low >> 16 | high & 0xffff_0000);
        for (sum, w) in sums.iter_mut().zip([word(a), word(b)]) {
            *sum = smlald(*sum, even, sxtb16::<0>(w));
            *sum = smlald(*sum, odd, sxtb16::<8>(w));
        }
    }
    [add(sums[0], rest, a_rest), add(sums[1], rest, b_rest)]
}
