//! `exp` as glibc has it, and a quick one for where the last bits do not show.

use super::exp_table::EXP_TABLE;
use super::lanes::Lanes;

/// Beyond this, `exp` over- or underflows every use that is made of it here.
const FAR: f64 = 700.0;

/// 1.5 * 2^52: adding it rounds a double to a whole number in its low bits.
const SHIFT: f64 = 6755399441055744.0;

#[inline(always)]
fn within_reach(x: f64) -> f64 {
    let x = if x > FAR { FAR } else { x };
    if x < -FAR { -FAR } else { x }
}

/// The exponential function with the bits of glibc 2.28 and later on a
/// processor with fused multiply-add: the algorithm of Arm's
/// optimized-routines, `exp(x) = 2^(k/128) * exp(r)` with a polynomial of degree
/// five. Arguments are held within -700..700.
#[inline(always)]
pub(super) fn exp_with<V: Lanes>(x: f64) -> f64 {
    let fma = V::fma;
    let x = within_reach(x);
    // 128 / ln 2, and ln 2 / 128 in two parts.
    let shifted = fma(f64::from_bits(0x4067_1547_652b_82fe), x, SHIFT);
    let k = shifted - SHIFT;
    let r = fma(k, f64::from_bits(0xbf76_2e42_fefa_0000), x);
    let r = fma(k, f64::from_bits(0xbd0c_f79a_bc9e_3b3a), r);
    let [tail, head] = EXP_TABLE[(shifted.to_bits() % 128) as usize];
    let scale = f64::from_bits(head.wrapping_add(shifted.to_bits() << 45));
    let r2 = r * r;
    let low = fma(r, f64::from_bits(0x3fc5_5555_5555_543c), f64::from_bits(0x3fdf_ffff_ffff_fdbd));
    let high = fma(r, f64::from_bits(0x3f81_1116_7a4d_017d), f64::from_bits(0x3fa5_5555_cf17_2b91));
    let more = fma(r2 * r2, high, fma(r2, low, f64::from_bits(tail) + r));
    fma(scale, more, scale)
}

/// The exponential function within a few units of the last place, without
/// branches or tables. Arguments are held within -700..700.
#[inline(always)]
pub(super) fn exp_near(x: f64) -> f64 {
    let x = within_reach(x);
    let shifted = x * core::f64::consts::LOG2_E + SHIFT;
    let k = shifted - SHIFT;
    // ln 2 in two parts, the first short enough for exact products.
    let r = x - k * f64::from_bits(0x3fe6_2e42_fee0_0000);
    let r = r - k * f64::from_bits(0x3dea_39ef_3579_3c76);
    let r2 = r * r;
    let r4 = r2 * r2;
    // The Taylor series to the thirteenth power: |r| is at most 0.347.
    let a = (1.0 + r) + r2 * (1.0 / 2.0 + r * (1.0 / 6.0));
    let b = (1.0 / 24.0 + r * (1.0 / 120.0)) + r2 * (1.0 / 720.0 + r * (1.0 / 5040.0));
    let c =
        (1.0 / 40320.0 + r * (1.0 / 362880.0)) + r2 * (1.0 / 3628800.0 + r * (1.0 / 39916800.0));
    let d = 1.0 / 479001600.0 + r * (1.0 / 6227020800.0);
    let p = a + r4 * (b + r4 * (c + r4 * d));
    p * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

#[cfg(test)]
mod tests {
    use super::super::portable::Plain;
    use super::*;

    fn exp(x: f64) -> f64 {
        exp_with::<Plain>(x)
    }

    // From glibc 2.36 on x86-64 with FMA.
    const KNOWN: [(u64, u64); 6] = [
        (0x3ff0_0000_0000_0000, 0x4005_bf0a_8b14_5769),
        (0xbfd3_3333_3333_3333, 0x3fe7_b4c8_69c3_7c05),
        (0x4029_8000_0000_0000, 0x4115_079f_95a5_2756),
        (0xc044_9999_9999_999a, 0x3c37_9aa4_f3b0_1f32),
        (0x3e11_2e0b_e826_d695, 0x3ff0_0000_0044_b830),
        (0x4072_be66_6666_6666, 0x5af9_5b14_697c_0e9a),
    ];

    #[test]
    fn exp_has_the_known_bits() {
        for (x, y) in KNOWN {
            assert_eq!(exp(f64::from_bits(x)).to_bits(), y, "{x:#x}");
        }
    }

    #[test]
    fn the_quick_one_is_near() {
        let mut x = -710.0;
        while x < 710.0 {
            let (a, b) = (exp(x), exp_near(x));
            assert!((a - b).abs() <= a * 2f64.powi(-51), "{x}: {a} {b}");
            x += 0.012_345_678_9;
        }
        assert!(exp(f64::NAN).is_nan() && exp_near(f64::NAN).is_nan());
    }
}
