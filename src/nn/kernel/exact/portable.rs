//! Kernels in plain Rust.

use super::lanes::Lanes;
use super::table::exact_table;

const N: usize = 8;

#[derive(Clone, Copy)]
pub(super) struct Plain([f32; N]);

impl Plain {
    #[inline(always)]
    fn each(self, other: Plain, f: impl Fn(f32, f32) -> f32) -> Plain {
        Plain(core::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl Lanes for Plain {
    const N: usize = N;
    const QUICK_FMA: bool = false;

    #[inline(always)]
    fn fma(a: f64, b: f64, c: f64) -> f64 {
        libm::fma(a, b, c)
    }

    #[inline(always)]
    fn splat(value: f32) -> Plain {
        Plain([value; N])
    }

    #[inline(always)]
    fn add(self, other: Plain) -> Plain {
        self.each(other, |a, b| a + b)
    }

    #[inline(always)]
    fn mul(self, other: Plain) -> Plain {
        self.each(other, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Plain {
        // SAFETY: the caller's promise; an array of floats is aligned as they are.
        Plain(unsafe { from.cast::<[f32; N]>().read() })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Plain {
        let mut lanes = [0.0; N];
        // SAFETY: the caller's promise.
        let from = unsafe { core::slice::from_raw_parts(from, count) };
        lanes[..count].copy_from_slice(from);
        Plain(lanes)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[f32; N]>().write(self.0) };
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        // SAFETY: the caller's promise.
        let to = unsafe { core::slice::from_raw_parts_mut(to, count) };
        to.copy_from_slice(&self.0[..count]);
    }

    type Four = [f32; 4];

    #[inline(always)]
    fn four(sums: [f32; 4]) -> [f32; 4] {
        sums
    }

    #[inline(always)]
    fn sums(four: [f32; 4]) -> [f32; 4] {
        four
    }

    #[inline(always)]
    fn add_fours(rows: [Plain; 4], mut sums: [f32; 4]) -> [f32; 4] {
        for (sum, row) in sums.iter_mut().zip(rows) {
            for [a, b, c, d] in row.0.as_chunks::<4>().0 {
                *sum += ((a + b) + c) + d;
            }
        }
        sums
    }
}

exact_table! { Plain, }
