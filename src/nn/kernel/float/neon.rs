//! Kernels for AArch64, where NEON is always there.

#![allow(unsafe_code)]

use core::arch::aarch64::*;

use super::simd::{MAX_LANES, Simd, accesses, methods, operators};
use super::table::table;

#[derive(Clone, Copy)]
struct V(float32x4_t);

#[derive(Clone, Copy)]
struct Mask(uint32x4_t);

operators!(V, float32x4_t: Add add vaddq_f32, Sub sub vsubq_f32, Mul mul vmulq_f32, Div div vdivq_f32);
operators!(Mask, uint32x4_t: BitAnd bitand vandq_u32);

impl Simd for V {
    const LANES: usize = 4;
    const TILE: (usize, usize) = (8, 2);
    const MASKED: bool = false;
    type Mask = Mask;

    methods! {
        fn splat(x: f32) -> V = V(vdupq_n_f32(x));
        fn mul_add(self: V, by: V, plus: V) -> V = V(vfmaq_f32(plus.0, self.0, by.0));
        fn mul_sub(self: V, by: V, from: V) -> V = V(vfmsq_f32(from.0, self.0, by.0));
        fn min(self: V, than: V) -> V = V(vbslq_f32(vcltq_f32(self.0, than.0), self.0, than.0));
        fn max(self: V, than: V) -> V = V(vbslq_f32(vcgtq_f32(self.0, than.0), self.0, than.0));
        fn abs(self: V) -> V = V(vabsq_f32(self.0));
        fn copysign(self: V, sign: V) -> V =
            V(vbslq_f32(vdupq_n_u32(1 << 31), sign.0, self.0));
        fn sqrt(self: V) -> V = V(vsqrtq_f32(self.0));
        fn lt(self: V, than: V) -> Mask = Mask(vcltq_f32(self.0, than.0));
        fn select(mask: Mask, yes: V, no: V) -> V = V(vbslq_f32(mask.0, yes.0, no.0));
        fn all(mask: Mask) -> bool = vminvq_u32(mask.0) != 0;
        fn scale(self: V, n: V) -> V = {
            // In two steps, since 2^n itself may have no float. The second one
            // is the only one that can round.
            let n = vcvtq_s32_f32(n.0);
            let half = vshrq_n_s32::<1>(n);
            let rest = vsubq_s32(n, half);
            let power = |n| {
                let bits = vaddq_s32(n, vdupq_n_s32(127));
                V(vreinterpretq_f32_s32(vshlq_n_s32::<23>(bits)))
            };
            self * power(half) * power(rest)
        };
        fn transpose(block: &mut [V; MAX_LANES]) -> () = {
            let [a, b, c, d] = [block[0].0, block[1].0, block[2].0, block[3].0];
            let pairs = |a, b| (
                vreinterpretq_f64_f32(vtrn1q_f32(a, b)),
                vreinterpretq_f64_f32(vtrn2q_f32(a, b)),
            );
            let ((ab0, ab1), (cd0, cd1)) = (pairs(a, b), pairs(c, d));
            block[0] = V(vreinterpretq_f32_f64(vtrn1q_f64(ab0, cd0)));
            block[1] = V(vreinterpretq_f32_f64(vtrn1q_f64(ab1, cd1)));
            block[2] = V(vreinterpretq_f32_f64(vtrn2q_f64(ab0, cd0)));
            block[3] = V(vreinterpretq_f32_f64(vtrn2q_f64(ab1, cd1)));
        };
        fn sum(self: V) -> f32 = vaddvq_f32(self.0);
    }

    accesses! {
        fn load(from: *const f32) -> V = V(vld1q_f32(from));
        fn load_part(from: *const f32, n: usize) -> V = {
            let mut all = [0.0; 4];
            core::ptr::copy_nonoverlapping(from, all.as_mut_ptr(), n);
            V(vld1q_f32(all.as_ptr()))
        };
        fn store(self: V, to: *mut f32) = vst1q_f32(to, self.0);
        fn store_part(self: V, to: *mut f32, n: usize) = {
            let mut all = [0.0; 4];
            vst1q_f32(all.as_mut_ptr(), self.0);
            core::ptr::copy_nonoverlapping(all.as_ptr(), to, n);
        };
    }
}

table!(V, target_feature(enable = "neon"));
