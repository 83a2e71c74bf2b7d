//! Kernels in plain Rust. They define the result that the others are held to.
//!
//! Four lanes at a time, which compilers turn into vector instructions where
//! the target has them, and the same bits on every machine. No fused
//! multiply-add: where it is no instruction it is a slow call.

#![allow(unsafe_code)]

use core::ops::{Add, BitAnd, Div, Mul, Sub};

use super::simd::{MAX_LANES, Simd};
use super::table::table;

const LANES: usize = 4;

#[derive(Clone, Copy)]
struct V([f32; LANES]);

/// All bits of a lane, or none.
#[derive(Clone, Copy)]
struct Mask([u32; LANES]);

/// Lane by lane, without a closure, which would not always be inlined.
macro_rules! lanes {
    ($wrap:ident, |$i:ident| $value:expr) => {{
        let at = |$i: usize| $value;
        $wrap([at(0), at(1), at(2), at(3)])
    }};
}

macro_rules! operator {
    ($($trait:ident $method:ident $op:tt),+) => {$(
        impl $trait for V {
            type Output = V;

            #[inline(always)]
            fn $method(self, other: V) -> V {
                lanes!(V, |i| self.0[i] $op other.0[i])
            }
        }
    )+};
}

operator!(Add add +, Sub sub -, Mul mul *, Div div /);

impl BitAnd for Mask {
    type Output = Mask;

    #[inline(always)]
    fn bitand(self, other: Mask) -> Mask {
        lanes!(Mask, |i| self.0[i] & other.0[i])
    }
}

impl Simd for V {
    const LANES: usize = LANES;
    const TILE: (usize, usize) = (4, 2);
    const MASKED: bool = false;
    type Mask = Mask;

    #[inline(always)]
    fn splat(x: f32) -> V {
        V([x; LANES])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> V {
        // SAFETY: the caller's; arrays of floats are aligned as floats.
        V(unsafe { *from.cast() })
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, n: usize) -> V {
        let mut all = [0.0; LANES];
        // SAFETY: the caller's.
        unsafe { core::ptr::copy_nonoverlapping(from, all.as_mut_ptr(), n.min(LANES)) };
        V(all)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's; arrays of floats are aligned as floats.
        unsafe { *to.cast() = self.0 };
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, n: usize) {
        // SAFETY: the caller's.
        unsafe { core::ptr::copy_nonoverlapping(self.0.as_ptr(), to, n.min(LANES)) };
    }

    #[inline(always)]
    fn mul_add(self, by: V, plus: V) -> V {
        self * by + plus
    }

    #[inline(always)]
    fn mul_sub(self, by: V, from: V) -> V {
        from - self * by
    }

    #[inline(always)]
    fn min(self, than: V) -> V {
        lanes!(V, |i| if self.0[i] < than.0[i] { self.0[i] } else { than.0[i] })
    }

    #[inline(always)]
    fn max(self, than: V) -> V {
        lanes!(V, |i| if self.0[i] > than.0[i] { self.0[i] } else { than.0[i] })
    }

    #[inline(always)]
    fn abs(self) -> V {
        lanes!(V, |i| self.0[i].abs())
    }

    #[inline(always)]
    fn copysign(self, sign: V) -> V {
        lanes!(V, |i| self.0[i].copysign(sign.0[i]))
    }

    #[inline(always)]
    fn sqrt(self) -> V {
        lanes!(V, |i| libm::sqrtf(self.0[i]))
    }

    #[inline(always)]
    fn lt(self, than: V) -> Mask {
        lanes!(Mask, |i| if self.0[i] < than.0[i] { u32::MAX } else { 0 })
    }

    #[inline(always)]
    fn select(mask: Mask, yes: V, no: V) -> V {
        lanes!(V, |i| {
            let bits = yes.0[i].to_bits() & mask.0[i] | no.0[i].to_bits() & !mask.0[i];
            f32::from_bits(bits)
        })
    }

    #[inline(always)]
    fn all(mask: Mask) -> bool {
        mask.0 == [u32::MAX; LANES]
    }

    #[inline(always)]
    fn scale(self, n: V) -> V {
        // In two steps, since 2^n itself may have no float. The second one is
        // the only one that can round.
        let power = |n: i32| f32::from_bits(((n + 127) << 23) as u32);
        let (half, rest) = (lanes!(V, |i| power(n.0[i] as i32 >> 1)), {
            lanes!(V, |i| power(n.0[i] as i32 - (n.0[i] as i32 >> 1)))
        });
        self * half * rest
    }

    #[inline(always)]
    fn transpose(block: &mut [V; MAX_LANES]) {
        let [a, b, c, d] = [block[0].0, block[1].0, block[2].0, block[3].0];
        for i in 0..LANES {
            block[i] = V([a[i], b[i], c[i], d[i]]);
        }
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let [a, b, c, d] = self.0;
        (a + c) + (b + d)
    }
}

table!(V, inline(never));
