//! Fixed-point requantisation.
//!
//! The rounding rule is TFLite's single rounding: with a multiplier `m` in
//! [2^30, 2^31) and a shift `s`, the result is
//! `(x * m + 2^(30 - s)) >> (31 - s)` in 64-bit arithmetic, that is
//! `x * m * 2^(s - 31)` rounded once to the nearest integer, half up.

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
}
