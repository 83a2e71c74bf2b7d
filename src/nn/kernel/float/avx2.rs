//! Kernels for x86-64 with AVX2 and FMA.
//!
//! The table is handed out by `Kernel` only where the processor has both,
//! which is what makes the calls into `target_feature` functions sound.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::simd::{MAX_LANES, Simd, accesses, methods, operators};
use super::table::table;

#[derive(Clone, Copy)]
struct V(__m256);

operators!(V, __m256: Add add _mm256_add_ps, Sub sub _mm256_sub_ps, Mul mul _mm256_mul_ps, Div div _mm256_div_ps);
operators!(V, __m256: BitAnd bitand _mm256_and_ps);

/// Ones, then zeros: eight from `8 - n` on are a mask of `n` lanes.
static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

/// The mask of the lowest `n` lanes, 1 to 8.
#[inline(always)]
fn lowest(n: usize) -> __m256i {
    debug_assert!(n <= 8);
    // SAFETY: eight numbers from one of the first nine on; for the intrinsic
    // see the module.
    unsafe { _mm256_loadu_si256(MASKS.as_ptr().add((8 - n) & 15).cast()) }
}

impl Simd for V {
    const LANES: usize = 8;
    const TILE: (usize, usize) = (6, 2);
    const MASKED: bool = false;
    type Mask = V;

    methods! {
        fn prefetch(from: *const f32) -> () = _mm_prefetch::<_MM_HINT_T0>(from.cast());
        fn splat(x: f32) -> V = V(_mm256_set1_ps(x));
        fn mul_add(self: V, by: V, plus: V) -> V = V(_mm256_fmadd_ps(self.0, by.0, plus.0));
        fn mul_sub(self: V, by: V, from: V) -> V = V(_mm256_fnmadd_ps(self.0, by.0, from.0));
        fn min(self: V, than: V) -> V = V(_mm256_min_ps(self.0, than.0));
        fn max(self: V, than: V) -> V = V(_mm256_max_ps(self.0, than.0));
        fn abs(self: V) -> V = V(_mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0));
        fn copysign(self: V, sign: V) -> V = {
            let bit = _mm256_set1_ps(-0.0);
            V(_mm256_or_ps(_mm256_andnot_ps(bit, self.0), _mm256_and_ps(bit, sign.0)))
        };
        fn sqrt(self: V) -> V = V(_mm256_sqrt_ps(self.0));
        fn lt(self: V, than: V) -> V = V(_mm256_cmp_ps::<_CMP_LT_OQ>(self.0, than.0));
        fn select(mask: V, yes: V, no: V) -> V = V(_mm256_blendv_ps(no.0, yes.0, mask.0));
        fn all(mask: V) -> bool = _mm256_movemask_ps(mask.0) == 0xff;
        fn scale(self: V, n: V) -> V = {
            // In two steps, since 2^n itself may have no float. The second one
            // is the only one that can round.
            let half = _mm256_srai_epi32::<1>(_mm256_cvtps_epi32(n.0));
            let rest = _mm256_sub_epi32(_mm256_cvtps_epi32(n.0), half);
            let power = |n| {
                let bits = _mm256_add_epi32(n, _mm256_set1_epi32(127));
                V(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(bits)))
            };
            self * power(half) * power(rest)
        };
        fn transpose(block: &mut [V; MAX_LANES]) -> () = {
            let mut half = *block;
            // Pairs of rows, then fours, then halves of vectors.
            for i in 0..4 {
                let (a, b) = (block[2 * i].0, block[2 * i + 1].0);
                half[2 * i] = V(_mm256_unpacklo_ps(a, b));
                half[2 * i + 1] = V(_mm256_unpackhi_ps(a, b));
            }
            for i in 0..2 {
                for j in 0..2 {
                    let (a, b) = (half[4 * i + j].0, half[4 * i + j + 2].0);
                    block[4 * i + 2 * j] = V(_mm256_shuffle_ps::<0x44>(a, b));
                    block[4 * i + 2 * j + 1] = V(_mm256_shuffle_ps::<0xee>(a, b));
                }
            }
            for j in 0..4 {
                let (a, b) = (block[j].0, block[4 + j].0);
                half[j] = V(_mm256_permute2f128_ps::<0x20>(a, b));
                half[4 + j] = V(_mm256_permute2f128_ps::<0x31>(a, b));
            }
            *block = half;
        };
        fn sum(self: V) -> f32 = {
            let high = _mm256_extractf128_ps::<1>(self.0);
            let half = _mm_add_ps(_mm256_castps256_ps128(self.0), high);
            let quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
            _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)))
        };
    }

    accesses! {
        fn load(from: *const f32) -> V = V(_mm256_loadu_ps(from));
        fn load_part(from: *const f32, n: usize) -> V = V(_mm256_maskload_ps(from, lowest(n)));
        fn store(self: V, to: *mut f32) = _mm256_storeu_ps(to, self.0);
        fn store_part(self: V, to: *mut f32, n: usize) =
            _mm256_maskstore_ps(to, lowest(n), self.0);
    }
}

table!(V, target_feature(enable = "avx2,fma"));
