//! A vector of float32 lanes, as far as the loops need one.

/// Lanes that are multiplied and added each on its own, with a rounding after
/// each step: never fused, so that every instruction set gives the same bits.
pub(super) trait Lanes: Copy {
    /// How many.
    const N: usize;

    /// Whether `fma` is one instruction.
    const QUICK_FMA: bool;

    /// `a * b + c` with one rounding, for the exponential function.
    fn fma(a: f64, b: f64, c: f64) -> f64;

    fn splat(value: f32) -> Self;
    fn add(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;

    /// # Safety
    /// `from` is valid for reads of `N` floats.
    unsafe fn load(from: *const f32) -> Self;

    /// The first `count` lanes; the others are zero.
    ///
    /// # Safety
    /// `from` is valid for reads of `count` floats, at most `N`.
    unsafe fn load_first(from: *const f32, count: usize) -> Self;

    /// # Safety
    /// `to` is valid for writes of `N` floats.
    unsafe fn store(self, to: *mut f32);

    /// # Safety
    /// `to` is valid for writes of `count` floats, at most `N`.
    unsafe fn store_first(self, to: *mut f32, count: usize);

    /// Four sums.
    type Four: Copy;

    fn four(sums: [f32; 4]) -> Self::Four;
    fn sums(four: Self::Four) -> [f32; 4];

    /// Adds to each of four sums, one a row: for each four lanes of its row in
    /// turn, `((a + b) + c) + d`.
    fn add_fours(rows: [Self; 4], sums: Self::Four) -> Self::Four;
}
