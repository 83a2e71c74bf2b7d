//! Kernels for x86-64 with AVX-512 F, BW, DQ and VL.
//!
//! The table is handed out by `Kernel` only where the processor has them all,
//! which is what makes the calls into `target_feature` functions sound.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::simd::{MAX_LANES, Simd, accesses, methods, operators};
use super::table::table;

#[derive(Clone, Copy)]
struct V(__m512);

#[derive(Clone, Copy)]
struct Mask(__mmask16);

operators!(V, __m512: Add add _mm512_add_ps, Sub sub _mm512_sub_ps, Mul mul _mm512_mul_ps, Div div _mm512_div_ps);

impl core::ops::BitAnd for Mask {
    type Output = Mask;

    #[inline(always)]
    fn bitand(self, other: Mask) -> Mask {
        Mask(self.0 & other.0)
    }
}

/// The lowest `n` lanes, 1 to 16.
#[inline(always)]
fn lowest(n: usize) -> __mmask16 {
    (0xffffu32 >> ((16 - n) & 15)) as __mmask16
}

impl Simd for V {
    const LANES: usize = 16;
    const TILE: (usize, usize) = (12, 2);
    const MASKED: bool = true;
    type Mask = Mask;

    methods! {
        fn prefetch(from: *const f32) -> () = _mm_prefetch::<_MM_HINT_T0>(from.cast());
        fn splat(x: f32) -> V = V(_mm512_set1_ps(x));
        fn mul_add(self: V, by: V, plus: V) -> V = V(_mm512_fmadd_ps(self.0, by.0, plus.0));
        fn mul_sub(self: V, by: V, from: V) -> V = V(_mm512_fnmadd_ps(self.0, by.0, from.0));
        fn min(self: V, than: V) -> V = V(_mm512_min_ps(self.0, than.0));
        fn max(self: V, than: V) -> V = V(_mm512_max_ps(self.0, than.0));
        fn abs(self: V) -> V = V(_mm512_abs_ps(self.0));
        fn copysign(self: V, sign: V) -> V = {
            let bit = _mm512_set1_ps(-0.0);
            V(_mm512_or_ps(_mm512_andnot_ps(bit, self.0), _mm512_and_ps(bit, sign.0)))
        };
        fn sqrt(self: V) -> V = V(_mm512_sqrt_ps(self.0));
        fn lt(self: V, than: V) -> Mask = Mask(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, than.0));
        fn select(mask: Mask, yes: V, no: V) -> V = V(_mm512_mask_blend_ps(mask.0, no.0, yes.0));
        fn all(mask: Mask) -> bool = mask.0 == 0xffff;
        fn scale(self: V, n: V) -> V = V(_mm512_scalef_ps(self.0, n.0));
        fn transpose(block: &mut [V; MAX_LANES]) -> () = {
            let mut half = *block;
            // Pairs of rows, then fours, then quarters of vectors.
            for i in 0..8 {
                let (a, b) = (block[2 * i].0, block[2 * i + 1].0);
                half[2 * i] = V(_mm512_unpacklo_ps(a, b));
                half[2 * i + 1] = V(_mm512_unpackhi_ps(a, b));
            }
            for i in 0..4 {
                for j in 0..2 {
                    let a = _mm512_castps_pd(half[4 * i + j].0);
                    let b = _mm512_castps_pd(half[4 * i + j + 2].0);
                    block[4 * i + 2 * j] = V(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)));
                    block[4 * i + 2 * j + 1] = V(_mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
                }
            }
            for j in 0..4 {
                let (a, b) = (block[j].0, block[4 + j].0);
                let (c, d) = (block[8 + j].0, block[12 + j].0);
                let (ab, cd) =
                    (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0x88>(c, d));
                half[j] = V(_mm512_shuffle_f32x4::<0x88>(ab, cd));
                half[8 + j] = V(_mm512_shuffle_f32x4::<0xdd>(ab, cd));
                let (ab, cd) =
                    (_mm512_shuffle_f32x4::<0xdd>(a, b), _mm512_shuffle_f32x4::<0xdd>(c, d));
                half[4 + j] = V(_mm512_shuffle_f32x4::<0x88>(ab, cd));
                half[12 + j] = V(_mm512_shuffle_f32x4::<0xdd>(ab, cd));
            }
            *block = half;
        };
        fn sum(self: V) -> f32 = _mm512_reduce_add_ps(self.0);
    }

    accesses! {
        fn load(from: *const f32) -> V = V(_mm512_loadu_ps(from));
        fn load_part(from: *const f32, n: usize) -> V =
            V(_mm512_maskz_loadu_ps(lowest(n), from));
        fn store(self: V, to: *mut f32) = _mm512_storeu_ps(to, self.0);
        fn store_part(self: V, to: *mut f32, n: usize) =
            _mm512_mask_storeu_ps(to, lowest(n), self.0);
    }
}

table!(V, target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"));
