//! Kernels for x86-64 with AVX-512. The table is handed out by `Kernel` only
//! where the processor has it, which makes the calls into `target_feature`
//! functions sound.

use core::arch::x86_64::*;

use super::lanes::Lanes;
use super::table::exact_table;
use super::x86::x86_lanes;

const N: usize = 16;

/// Every use is inside a function with the target features.
#[derive(Clone, Copy)]
struct Zmm(__m512);

/// The mask of the first `count` lanes.
#[inline(always)]
fn first(count: usize) -> __mmask16 {
    ((1u32 << count) - 1) as __mmask16
}

// SAFETY (all blocks here): see the module's documentation; for pointers, the
// caller's promise.
impl Lanes for Zmm {
    x86_lanes! {
        Zmm, N, _mm512_set1_ps, _mm512_add_ps, _mm512_mul_ps, _mm512_loadu_ps, _mm512_storeu_ps
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Zmm {
        // SAFETY: as above; lanes that are masked out are not read.
        Zmm(unsafe { _mm512_maskz_loadu_ps(first(count), from) })
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        // SAFETY: as above; lanes that are masked out are not written.
        unsafe { _mm512_mask_storeu_ps(to, first(count), self.0) };
    }

    #[inline(always)]
    fn add_fours(rows: [Zmm; 4], sums: __m128) -> __m128 {
        let [a, b, c, d] = rows.map(|row| row.0);
        // SAFETY: as above.
        unsafe {
            // Each block of 128 bits is a four by four matrix: transpose it.
            let (ab, ab_high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            let (cd, cd_high) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
            let first = _mm512_shuffle_ps::<0x44>(ab, cd);
            let second = _mm512_shuffle_ps::<0xee>(ab, cd);
            let third = _mm512_shuffle_ps::<0x44>(ab_high, cd_high);
            let fourth = _mm512_shuffle_ps::<0xee>(ab_high, cd_high);
            let four = _mm512_add_ps(_mm512_add_ps(first, second), third);
            let four = _mm512_add_ps(four, fourth);
            let sum = _mm_add_ps(sums, _mm512_castps512_ps128(four));
            let sum = _mm_add_ps(sum, _mm512_extractf32x4_ps::<1>(four));
            let sum = _mm_add_ps(sum, _mm512_extractf32x4_ps::<2>(four));
            _mm_add_ps(sum, _mm512_extractf32x4_ps::<3>(four))
        }
    }
}

exact_table! { Zmm, #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")] }
