//! Fixed-point requantisation: a sum times a positive factor, the factor given
//! as a multiplier `m` in [2^30, 2^31), or 0, and a shift `s`: `m * 2^(s - 31)`.
//! [`Rounding`] says how their product is rounded.

/// How the product of a sum and its multiplier is rounded to an integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Rounding {
    /// Once, half up: `(x * m + 2^(30 - s)) >> (31 - s)`, without overflow. That is
    /// LiteRT's, for sums of 32 and of 64 bits, XNNPACK's, and for 32 bits
    /// CMSIS-NN's with `CMSIS_NN_USE_SINGLE_ROUNDING`. Sums of 64 bits are first
    /// limited to 48, outside which LiteRT leaves the result open.
    #[default]
    Single = 0,
    /// Twice, as gemmlowp and CMSIS-NN's default do it. First the left shift, if
    /// `s` is above 0; then the high half of the doubled product, rounded half up
    /// (gemmlowp's `SaturatingRoundingDoublingHighMul`, Arm's `vqrdmulh`); then
    /// the right shift, if `s` is below 0, rounded half away from zero
    /// (gemmlowp's `RoundingDivideByPOT`). Where the left shift would overflow,
    /// which those leave open, the sum is first limited to what can be shifted.
    ///
    /// For sums of 64 bits, limited to 48 as above: first the multiplier, to 16
    /// bits (`(m + 2^15) >> 16`, at most 32767), then its product with the sum, half
    /// up. That is CMSIS-NN's `arm_nn_requantize_s64`, and was LiteRT's.
    Double = 1,
}

impl Rounding {
    /// The rule with this number, if there is one.
    pub const fn from_code(code: u32) -> Option<Rounding> {
        match code {
            0 => Some(Rounding::Single),
            1 => Some(Rounding::Double),
            _ => None,
        }
    }
}

/// A positive factor as a fixed-point multiplier and a shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Multiplier {
    /// 0, or in [2^30, 2^31).
    pub factor: i32,
    /// Left if positive; in [`MIN_SHIFT`]..=[`MAX_SHIFT`].
    pub shift: i8,
}

pub(crate) const MIN_SHIFT: i8 = -31;
pub(crate) const MAX_SHIFT: i8 = 30;
/// The largest shift for 64-bit sums.
pub(crate) const MAX_WIDE_SHIFT: i8 = 14;

impl Multiplier {
    /// The nearest multiplier of a factor that is at least 0. Too small a
    /// factor becomes 0, too large a one the largest.
    pub fn of(factor: f64) -> Multiplier {
        let (mantissa, mut shift) = libm::frexp(factor);
        let mut fixed = libm::round(mantissa * 2_147_483_648.0) as i64;
        if fixed == 1 << 31 {
            fixed /= 2;
            shift += 1;
        }
        if fixed <= 0 || shift < i32::from(MIN_SHIFT) {
            return Multiplier { factor: 0, shift: 0 };
        }
        if shift > i32::from(MAX_SHIFT) {
            return Multiplier { factor: i32::MAX, shift: MAX_SHIFT };
        }
        Multiplier { factor: fixed as i32, shift: shift as i8 }
    }

    /// `x` times the factor, rounded once, half up.
    pub fn apply(self, x: i32) -> i64 {
        let right = 31 - i32::from(self.shift);
        (i64::from(x) * i64::from(self.factor) + (1i64 << (right - 1))) >> right
    }

    /// `x` times the factor, rounded twice; see [`Rounding::Double`].
    pub fn apply_double(self, x: i32) -> i32 {
        let (left, right) = (self.shift.max(0), (-self.shift).max(0));
        let fitting = x.min(i32::MAX >> left).max(i32::MIN >> left) << left;
        let product = i64::from(fitting) * i64::from(self.factor);
        let high = ((product + (1 << 30)) >> 31) as i32;
        let mask = ((1u32 << right) - 1) as i32;
        let half = (mask >> 1) + i32::from(high < 0);
        (high >> right) + i32::from(high & mask > half)
    }

    /// `x` times the factor by this rule.
    pub fn round(self, x: i32, rounding: Rounding) -> i64 {
        match rounding {
            Rounding::Single => self.apply(x),
            Rounding::Double => i64::from(self.apply_double(x)),
        }
    }

    /// A 64-bit sum times the factor by this rule. The shift is at most
    /// [`MAX_WIDE_SHIFT`].
    pub fn round_wide(self, x: i64, rounding: Rounding) -> i64 {
        let fitting = x.clamp(-(1 << 47), (1 << 47) - 1);
        match rounding {
            Rounding::Single => self.apply_wide(fitting),
            Rounding::Double => {
                let reduced = i64::from(self.factor.min(0x7ffe_ffff) + (1 << 15)) >> 16;
                let right = 15 - i32::from(self.shift);
                (fitting * reduced + (1i64 << (right - 1))) >> right
            }
        }
    }

    /// A sum of 48 bits times the factor, rounded once, half up: the product has up
    /// to 79 bits, of which the upper and the lower 32 are kept apart.
    fn apply_wide(self, x: i64) -> i64 {
        let right = 31 - i32::from(self.shift);
        let factor = self.factor as u64;
        // Below 2^63 plus at most 2^61.
        let low = (x & 0xffff_ffff) as u64 * factor + (1 << (right - 1));
        let high = (x >> 32) * i64::from(self.factor) + (low >> 32) as i64;
        match right - 32 {
            more @ 0.. => high >> more,
            less => high << -less | ((low & 0xffff_ffff) >> right) as i64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_factors() {
        assert_eq!(Multiplier::of(1.0), Multiplier { factor: 1 << 30, shift: 1 });
        assert_eq!(Multiplier::of(0.5), Multiplier { factor: 1 << 30, shift: 0 });
        assert_eq!(Multiplier::of(0.75), Multiplier { factor: 3 << 29, shift: 0 });
        assert_eq!(Multiplier::of(0.0).factor, 0);
        assert_eq!(Multiplier::of(1e-30).factor, 0);
        assert_eq!(Multiplier::of(1e30), Multiplier { factor: i32::MAX, shift: 30 });
        // A mantissa that rounds up to one.
        assert_eq!(Multiplier::of(1.0 - 1e-12), Multiplier { factor: 1 << 30, shift: 1 });
    }

    #[test]
    fn halves_round_up_on_both_sides_of_zero() {
        let half = Multiplier::of(0.5);
        let got: [i64; 7] = [-3, -2, -1, 0, 1, 2, 3].map(|x| half.apply(x));
        assert_eq!(got, [-1, -1, 0, 0, 1, 1, 2]);
    }

    proptest! {
        #[test]
        fn no_input_overflows(x in any::<i32>(), factor in (1i32 << 30)..=i32::MAX, shift in MIN_SHIFT..=MAX_SHIFT) {
            let exact = i128::from(x) * i128::from(factor);
            let right = 31 - i32::from(shift);
            let want = (exact + (1 << (right - 1))) >> right;
            prop_assert_eq!(i128::from(Multiplier { factor, shift }.apply(x)), want);
        }

        #[test]
        fn it_is_the_product_to_within_rounding(x in -(1i32 << 24)..1 << 24, factor in 1e-6f64..1.0) {
            let got = Multiplier::of(factor).apply(x) as f64;
            prop_assert!((got - f64::from(x) * factor).abs() <= 0.51);
        }
    }

    /// gemmlowp's two steps in wide arithmetic, from their definitions:
    /// `x * m / 2^31` to the nearest, half up; then by `2^right` to the nearest,
    /// half away from zero.
    fn twice(x: i64, Multiplier { factor, shift }: Multiplier) -> i128 {
        let shifted = i128::from(x) << shift.max(0);
        let high = (shifted * i128::from(factor) + (1 << 30)).div_euclid(1 << 31);
        let divisor = 1i128 << (-i32::from(shift)).max(0);
        let magnitude = (high.abs() + divisor / 2) / divisor;
        if high < 0 { -magnitude } else { magnitude }
    }

    #[test]
    fn two_roundings_by_hand() {
        let by = |factor: f64, x: i32| Multiplier::of(factor).apply_double(x);
        // One half: the high product halves (half up), no right shift.
        assert_eq!([-3, -1, 1, 3].map(|x| by(0.5, x)), [-1, 0, 1, 2]);
        // One quarter: to a half first, half up, then half away from zero.
        // 5 / 2 = 2.5 to 3, 3 / 2 = 1.5 to 2; -5 / 2 = -2.5 to -2, to -1.
        assert_eq!([-6, -5, -2, 2, 5, 6].map(|x| by(0.25, x)), [-2, -1, -1, 1, 2, 2]);
        // Where the two rules differ: 1.25 is 1 rounded once, 2 rounded twice.
        assert_eq!((Multiplier::of(0.25).apply(5), by(0.25, 5)), (1, 2));
        // The left shift is limited, not wrapped.
        let large = Multiplier { factor: 1 << 30, shift: 30 };
        assert_eq!(large.apply_double(1000), 1 << 29);
        assert_eq!(large.apply_double(-1000), -(1 << 30));
    }

    #[test]
    fn wide_sums_by_hand() {
        let m = |factor| Multiplier { factor, shift: 0 };
        let twice = |factor, x| m(factor).round_wide(x, Rounding::Double);
        // The reduced multiplier of 2^30 is 2^14: one half.
        assert_eq!([-3, -1, 1, 3].map(|x| twice(1 << 30, x)), [-1, 0, 1, 2]);
        // 0x7fff_0000 and above stay 32767, just below rounds to it.
        assert_eq!(twice(i32::MAX, 1 << 20), (32_767 << 20) >> 15);
        assert_eq!(twice(0x7ffe_ffff, 1 << 20), (32_767 << 20) >> 15);
        assert_eq!(twice(0x7fff_0000, 1 << 20), (32_767 << 20) >> 15);
        assert_eq!(twice(i32::MAX, i64::MAX), twice(i32::MAX, (1 << 47) - 1));
        let once = |factor, x| m(factor).round_wide(x, Rounding::Single);
        assert_eq!([-3, -1, 1, 3].map(|x| once(1 << 30, x)), [-1, 0, 1, 2]);
        // All 31 bits count: that much less than 2^20 is nearest to it.
        assert_eq!(once(i32::MAX, 1 << 20), 1 << 20);
        assert_eq!(once(0x7ffe_ffff, 1 << 20), (1 << 20) - 32);
        assert_eq!(once(i32::MAX, i64::MIN), once(i32::MAX, -(1 << 47)));
    }

    proptest! {
        #[test]
        fn two_roundings_are_the_two_steps(x in any::<i32>(), factor in (1i32 << 30)..=i32::MAX, shift in MIN_SHIFT..=MAX_SHIFT) {
            let m = Multiplier { factor, shift };
            let left = shift.max(0);
            let fitting = x.clamp(i32::MIN >> left, i32::MAX >> left);
            prop_assert_eq!(i128::from(m.apply_double(x)), twice(i64::from(fitting), m));
        }

        #[test]
        fn wide_sums_are_the_product(x in -(1i64 << 47)..1 << 47, factor in (1i32 << 30)..=i32::MAX, shift in MIN_SHIFT..=MAX_WIDE_SHIFT, few in any::<bool>()) {
            // Halves and their neighbours, too.
            let (x, factor) = if few { (x >> 30, 1 << 30) } else { (x, factor) };
            let m = Multiplier { factor, shift };
            let by = |factor: i32, divisor: i128| (i128::from(x) * i128::from(factor) + divisor / 2).div_euclid(divisor);
            prop_assert_eq!(i128::from(m.round_wide(x, Rounding::Single)), by(factor, 1 << (31 - shift)));
            let reduced = if factor < 0x7fff_0000 { (factor + (1 << 15)) >> 16 } else { 0x7fff };
            prop_assert_eq!(i128::from(m.round_wide(x, Rounding::Double)), by(reduced, 1 << (15 - shift)));
        }
    }
}
