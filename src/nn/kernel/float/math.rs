//! Transcendental functions on vectors, written once for every instruction
//! set. The tests hold them to the errors stated here.
//!
//! Infinities give the limits, NaN stays NaN.

use core::f32::consts::{FRAC_2_PI, LOG2_E};

use super::simd::{MAX_LANES, Simd};

/// `a[0] + x (a[1] + x (...))`
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(x: S, a: [f32; N]) -> S {
    let mut sum = S::splat(a[N - 1]);
    for i in 1..N {
        sum = sum.mul_add(x, S::splat(a[N - 1 - i]));
    }
    sum
}

/// Keeps NaN.
#[inline(always)]
pub(super) fn clamp<S: Simd>(x: S, low: f32, high: f32) -> S {
    S::splat(high).min(S::splat(low).max(x))
}

/// ln 2 in two parts; whole numbers of up to 15 bits times the first are exact.
const LN2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);

/// `(exp(r) - 1 - r) / r^2` within ±ln(2) / 2, minimax.
const EXP: [f32; 5] = [0.499_999_94, 0.166_665_2, 0.041_668_393, 0.008_368_78, 0.001_381_446_5];

/// `exp(x)`, within 2 units in the last place, also where results are
/// subnormal.
#[inline(always)]
pub(super) fn exp<S: Simd>(x: S) -> S {
    // Beyond these the result is 0 or infinite anyway.
    let x = clamp(x, -105.0, 89.0);
    let n = (x * S::splat(LOG2_E)).round();
    let r = n.mul_sub(S::splat(LN2.0), x);
    let r = n.mul_sub(S::splat(LN2.1), r);
    let y = polynomial(r, EXP).mul_add(r * r, r) + S::splat(1.0);
    y.scale(n)
}

/// `1 / (1 + exp(-x))`, within 3 units in the last place.
#[inline(always)]
pub(super) fn sigmoid<S: Simd>(x: S) -> S {
    // The quotient that does not overflow.
    let (zero, one) = (S::zero(), S::splat(1.0));
    let e = exp(zero - x.abs());
    S::select(x.lt(zero), e, one) / (one + e)
}

/// `(tanh(x) - x) / x^3` over `x^2` up to 0.625^2, minimax.
const TANH: [f32; 5] = [-0.333_332_8, 0.133_314_42, -0.053_739_71, 0.020_639_079, -0.005_704_979];

/// `tanh(x)`, within 2 units in the last place.
#[inline(always)]
pub(super) fn tanh<S: Simd>(x: S) -> S {
    let a = x.abs();
    let one = S::splat(1.0);
    let large = one - S::splat(2.0) / (exp(a + a) + one);
    let square = x * x;
    let small = (polynomial(square, TANH) * square).mul_add(a, a);
    S::select(a.lt(S::splat(0.625)), small, large).copysign(x)
}

/// `exp(a^2 / 2)` times the normal distribution beyond `a`, over
/// `t = 1 / (1 + 0.3 a)` and divided by it, for `a` from 0 to 14.6, minimax.
const TAIL: [f32; 10] = [
    0.119_686_7,
    0.119_571_656,
    0.110_236_675,
    0.078_384_04,
    0.096_172_47,
    -0.079_451_61,
    0.191_817_24,
    -0.228_237_38,
    0.112_445_416,
    -0.020_625_23,
];

/// `exp(-factor x^2)`, by the square in two parts: what its rounding loses
/// would be many units of a small result.
#[inline(always)]
fn exp_square<S: Simd>(x: S, factor: f32) -> S {
    // x = high + low, high of 12 bits: its square is exact.
    let x = clamp(x, -15.0, 15.0);
    let scaled = x * S::splat(4097.0);
    let high = scaled - (scaled - x);
    let low = x - high;
    let rest = low * (high + x);
    exp(high * high * S::splat(-factor)) * exp(rest * S::splat(-factor))
}

/// `exp(-x^2)`, within 3 units in the last place.
#[inline(always)]
pub(super) fn gaussian<S: Simd>(x: S) -> S {
    exp_square(x, 1.0)
}

/// The standard normal density and distribution function at `x`, within 8
/// units in the last place.
#[inline(always)]
pub(super) fn normal<S: Simd>(x: S) -> (S, S) {
    let bell = exp_square(x, 0.5);
    let a = S::splat(15.0).min(x.abs());
    let one = S::splat(1.0);
    let t = one / a.mul_add(S::splat(0.3), one);
    let tail = bell * t * polynomial(t, TAIL);
    (bell * S::splat(0.398_942_3), S::select(x.lt(S::zero()), tail, one - tail))
}

/// π/2 in three parts; whole numbers of up to 13 bits times the first two are
/// exact.
const HALF_PI: (f32, f32, f32) = (1.570_312_5, 4.837_513e-4, 7.549_79e-8);
/// `(sin(r) - r) / r^3` and `(cos(r) - 1 + r^2 / 2) / r^4` over `r^2` within
/// ±π/4, minimax.
const SIN: [f32; 3] = [-0.166_666_55, 0.008_332_173, -0.000_195_166_55];
const COS: [f32; 3] = [0.041_666_646, -0.001_388_736_2, 2.443_772_8e-5];

/// The largest argument that [`sin`] and [`cos`] reduce themselves.
const SIN_MAX: f32 = 8192.0;

/// `sin(x)`, within 1e-7.
#[inline(always)]
pub(super) fn sin<S: Simd>(x: S) -> S {
    sin_quarters(x, 0.0, libm::sinf)
}

/// `cos(x)`, within 1e-7.
#[inline(always)]
pub(super) fn cos<S: Simd>(x: S) -> S {
    sin_quarters(x, 1.0, libm::cosf)
}

/// The sine so many quarter turns on; large arguments by `exact`.
#[inline(always)]
fn sin_quarters<S: Simd>(x: S, turns: f32, exact: fn(f32) -> f32) -> S {
    if !S::all(x.abs().lt(S::splat(SIN_MAX))) {
        let mut lanes = [0.0; MAX_LANES];
        x.write(&mut lanes[..S::LANES]);
        lanes[..S::LANES].iter_mut().for_each(|x| *x = exact(*x));
        return S::read(&lanes[..S::LANES]);
    }
    let n = (x * S::splat(FRAC_2_PI)).round();
    let r = n.mul_sub(S::splat(HALF_PI.0), x);
    let r = n.mul_sub(S::splat(HALF_PI.1), r);
    let r = n.mul_sub(S::splat(HALF_PI.2), r);
    let square = r * r;
    let sine = (polynomial(square, SIN) * square).mul_add(r, r);
    let half = S::splat(-0.5).mul_add(square, S::splat(1.0));
    let cosine = polynomial(square, COS).mul_add(square * square, half);
    // Quarter turns, -2 to 2.
    let n = n + S::splat(turns);
    let turn = (n * S::splat(0.25)).round().mul_sub(S::splat(4.0), n);
    let even = (turn.abs() - S::splat(1.0)).abs();
    let value = S::select(even.lt(S::splat(0.5)), cosine, sine);
    let negative = S::zero() - value;
    let value = S::select(S::splat(1.5).lt(turn), negative, value);
    S::select(turn.lt(S::splat(-0.5)), negative, value)
}
