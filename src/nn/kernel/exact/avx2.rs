//! Kernels for x86-64 with AVX2. The table is handed out by `Kernel` only where
//! the processor has it, which makes the calls into `target_feature` functions
//! sound.

use core::arch::x86_64::*;

use super::lanes::Lanes;
use super::table::exact_table;
use super::x86::x86_lanes;

const N: usize = 8;

/// Every use is inside a function with the target features.
#[derive(Clone, Copy)]
struct Ymm(__m256);

/// Eight set words, then eight clear ones: a mask of the first lanes starts
/// inside.
static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

/// The mask of the first `count` lanes.
#[inline(always)]
fn first(count: usize) -> __m256i {
    let words: &[i32; 8] = MASKS[N - count..].first_chunk().unwrap_or(&[0; 8]);
    // SAFETY: eight readable words; AVX2 as below.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

// SAFETY (all blocks here): see the module's documentation; for pointers, the
// caller's promise.
impl Lanes for Ymm {
    x86_lanes! {
        Ymm, N, _mm256_set1_ps, _mm256_add_ps, _mm256_mul_ps, _mm256_loadu_ps, _mm256_storeu_ps
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Ymm {
        // SAFETY: as above; lanes that are masked out are not read.
        Ymm(unsafe { _mm256_maskload_ps(from, first(count)) })
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        // SAFETY: as above; lanes that are masked out are not written.
        unsafe { _mm256_maskstore_ps(to, first(count), self.0) };
    }

    #[inline(always)]
    fn add_fours(rows: [Ymm; 4], sums: __m128) -> __m128 {
        let [a, b, c, d] = rows.map(|row| row.0);
        // SAFETY: as above.
        unsafe {
            // Each half is a four by four matrix: transpose it.
            let (ab, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (cd, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            let one = _mm256_shuffle_ps::<0x44>(ab, cd);
            let two = _mm256_shuffle_ps::<0xee>(ab, cd);
            let three = _mm256_shuffle_ps::<0x44>(ab_high, cd_high);
            let four = _mm256_shuffle_ps::<0xee>(ab_high, cd_high);
            let fours = _mm256_add_ps(_mm256_add_ps(_mm256_add_ps(one, two), three), four);
            let low = _mm_add_ps(sums, _mm256_castps256_ps128(fours));
            _mm_add_ps(low, _mm256_extractf128_ps::<1>(fours))
        }
    }
}

exact_table! { Ymm, #[target_feature(enable = "avx2,fma")] }
