//! What the lanes of x86-64 have in common.

/// The functions of `Lanes` that are one instruction each.
macro_rules! x86_lanes {
    ($lanes:ident, $n:expr, $splat:ident, $add:ident, $mul:ident, $load:ident, $store:ident) => {
        const N: usize = $n;
        const QUICK_FMA: bool = true;

        #[inline(always)]
        fn fma(a: f64, b: f64, c: f64) -> f64 {
            // SAFETY (all blocks): the module's documentation says who calls; for
            // pointers, the caller's promise.
            unsafe { _mm_cvtsd_f64(_mm_fmadd_sd(_mm_set_sd(a), _mm_set_sd(b), _mm_set_sd(c))) }
        }

        type Four = __m128;

        #[inline(always)]
        fn four(sums: [f32; 4]) -> __m128 {
            // SAFETY: as above; four readable floats.
            unsafe { _mm_loadu_ps(sums.as_ptr()) }
        }

        #[inline(always)]
        fn sums(four: __m128) -> [f32; 4] {
            let mut sums = [0.0; 4];
            // SAFETY: as above; four writable floats.
            unsafe { _mm_storeu_ps(sums.as_mut_ptr(), four) };
            sums
        }

        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: as above.
            $lanes(unsafe { $splat(value) })
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: as above.
            $lanes(unsafe { $add(self.0, other.0) })
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            // SAFETY: as above.
            $lanes(unsafe { $mul(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above.
            $lanes(unsafe { $load(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above.
            unsafe { $store(to, self.0) };
        }
    };
}

pub(super) use x86_lanes;
