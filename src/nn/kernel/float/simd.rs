//! What the shared code needs of a vector of floats.
//!
//! The products, the activations and the updates are written once over this
//! trait. Everything is `inline(always)`, so that it ends up inside the
//! functions of a table, which have the instruction set's `target_feature`:
//! only there do the intrinsics become single instructions.

#![allow(unsafe_code)]

use core::ops::{Add, BitAnd, Div, Mul, Sub};

/// A vector of floats.
pub(super) trait Simd:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + 'static
{
    /// Floats in a vector: at most [`MAX_LANES`].
    const LANES: usize;
    /// The largest tile of a product: rows, and vectors in a row.
    const TILE: (usize, usize);
    /// Whether parts of vectors are loaded as fast as whole ones: products then
    /// do so instead of copying B first.
    const MASKED: bool;
    /// What a comparison gives.
    type Mask: Copy + BitAnd<Output = Self::Mask>;

    fn splat(x: f32) -> Self;

    /// # Safety
    /// `LANES` floats can be read from there. No alignment is needed.
    unsafe fn load(from: *const f32) -> Self;

    /// The first `n` floats, 1 to `LANES`, then zeros.
    ///
    /// # Safety
    /// `n` floats can be read from there. Nothing beyond them is touched.
    unsafe fn load_part(from: *const f32, n: usize) -> Self;

    /// # Safety
    /// `LANES` floats can be written there. No alignment is needed.
    unsafe fn store(self, to: *mut f32);

    /// The first `n` lanes, 1 to `LANES`.
    ///
    /// # Safety
    /// `n` floats can be written there. Nothing beyond them is touched.
    unsafe fn store_part(self, to: *mut f32, n: usize);

    /// Says that the line there is wanted soon; any address will do.
    #[inline(always)]
    fn prefetch(_from: *const f32) {}

    /// `self * by + plus`, in one rounding where the instruction set has that.
    fn mul_add(self, by: Self, plus: Self) -> Self;
    /// `from - self * by`, likewise.
    fn mul_sub(self, by: Self, from: Self) -> Self;
    /// The smaller one; `than` where one is NaN.
    fn min(self, than: Self) -> Self;
    /// The larger one; `than` where one is NaN.
    fn max(self, than: Self) -> Self;
    fn abs(self) -> Self;
    /// The magnitude of `self`, the sign bit of `sign`.
    fn copysign(self, sign: Self) -> Self;
    fn sqrt(self) -> Self;
    /// `self < than`; false for NaN.
    fn lt(self, than: Self) -> Self::Mask;
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    fn all(mask: Self::Mask) -> bool;
    /// Turns the first `LANES` vectors, rows of a matrix, into its columns.
    fn transpose(block: &mut [Self; MAX_LANES]);
    /// `self * 2^n` in one rounding, for whole `n` within ±250.
    fn scale(self, n: Self) -> Self;
    /// The sum of the lanes, in a fixed order.
    fn sum(self) -> f32;

    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0.0)
    }

    /// The first floats of a slice, a whole vector or what there is and zeros.
    #[inline(always)]
    fn read(from: &[f32]) -> Self {
        // SAFETY: so many floats are there.
        unsafe {
            if from.len() >= Self::LANES {
                Self::load(from.as_ptr())
            } else if from.is_empty() {
                Self::zero()
            } else {
                Self::load_part(from.as_ptr(), from.len())
            }
        }
    }

    /// To the first floats of a slice, a whole vector or as many as fit.
    #[inline(always)]
    fn write(self, to: &mut [f32]) {
        // SAFETY: so many floats are there.
        unsafe {
            if to.len() >= Self::LANES {
                self.store(to.as_mut_ptr());
            } else if !to.is_empty() {
                self.store_part(to.as_mut_ptr(), to.len());
            }
        }
    }

    /// To the nearest whole number, ties to even. `|self|` below 2^22.
    #[inline(always)]
    fn round(self) -> Self {
        // Where a float's last bit is worth one.
        let magic = Self::splat(12_582_912.0);
        self + magic - magic
    }

    /// Whether neither infinite nor NaN.
    #[inline(always)]
    fn finite(self) -> Self::Mask {
        self.abs().lt(Self::splat(f32::INFINITY))
    }

    /// -1, 0 or 1; 0 for NaN.
    #[inline(always)]
    fn sign(self) -> Self {
        let (zero, one) = (Self::zero(), Self::splat(1.0));
        let positive = Self::select(zero.lt(self), one, zero);
        Self::select(self.lt(zero), Self::splat(-1.0), positive)
    }
}

/// No vector has more floats.
pub(super) const MAX_LANES: usize = 16;

/// Implements the operators of a vector type by intrinsics.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! operators {
    ($V:ident, $raw:ident: $($trait:ident $method:ident $intrinsic:ident),+) => {$(
        impl core::ops::$trait for $V {
            type Output = $V;

            #[inline(always)]
            fn $method(self, other: $V) -> $V {
                // SAFETY: only the tables' functions get here, see the module.
                unsafe { $V($intrinsic(self.0, other.0)) }
            }
        }
    )+};
}

/// Implements methods that are one expression of intrinsics.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! methods {
    ($($(#[$attribute:meta])* fn $name:ident($($x:ident: $T:ty),*) -> $R:ty = $body:expr;)+) => {$(
        #[inline(always)]
        fn $name($($x: $T),*) -> $R {
            // SAFETY: only the tables' functions get here, see the module.
            #[allow(unused_unsafe)]
            unsafe { $body }
        }
    )+};
}

/// Implements the loads and stores that are one expression of intrinsics.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! accesses {
    ($(fn $name:ident($($x:ident: $T:ty),*) $(-> $R:ty)? = $body:expr;)+) => {$(
        #[inline(always)]
        unsafe fn $name($($x: $T),*) $(-> $R)? {
            // SAFETY: the caller's; for the rest see the module.
            unsafe { $body }
        }
    )+};
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) use {accesses, methods, operators};
