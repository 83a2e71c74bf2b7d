//! The activations and their slopes, written once for every instruction set.

use super::math::{clamp, cos, exp, gaussian, normal, sigmoid, sin, tanh};
use super::simd::Simd;
use crate::nn::Activation::{self, *};

/// The points that FANN's stepwise sigmoid runs through in straight lines. Its
/// numbers are of its sigmoid with `exp(-2x)`; ours are twice.
pub(super) const SIGMOID_STEPS: [(f32, f32); 6] = [
    (-5.293_304_4, 0.005),
    (-2.944_439, 0.05),
    (-1.098_612_3, 0.25),
    (1.098_612_3, 0.75),
    (2.944_439, 0.95),
    (5.293_304_4, 0.995),
];
/// The same for tanh.
pub(super) const TANH_STEPS: [(f32, f32); 6] = [
    (-2.646_652_5, -0.99),
    (-1.472_219_5, -0.9),
    (-0.549_306_15, -0.5),
    (0.549_306_15, 0.5),
    (1.472_219_5, 0.9),
    (2.646_652_5, 0.99),
];

/// Straight lines between points; `low` before them, 1 behind.
#[inline(always)]
fn stepwise<S: Simd>(steps: &[(f32, f32); 6], low: f32, x: S) -> S {
    let mut y = S::select(S::splat(steps[0].0).lt(x), S::splat(1.0), x);
    for i in (1..6).rev() {
        let ((x0, y0), (x1, y1)) = (steps[i - 1], steps[i]);
        let line = (x - S::splat(x0)) * S::splat((y1 - y0) / (x1 - x0)) + S::splat(y0);
        y = S::select(x.lt(S::splat(x1)), line, y);
    }
    S::select(x.lt(S::splat(steps[0].0)), S::splat(low), y)
}

/// 1 from 0 on, else `low`.
#[inline(always)]
fn threshold<S: Simd>(low: f32, x: S) -> S {
    let y = S::select(S::splat(-1.0).lt(x), S::splat(1.0), x);
    S::select(x.lt(S::zero()), S::splat(low), y)
}

#[inline(always)]
fn elliot<S: Simd>(x: S) -> S {
    // At infinity the quotient has no value, but a limit.
    let x = clamp(x, f32::MIN, f32::MAX);
    x / (S::splat(1.0) + x.abs())
}

/// `x` times a distribution function that vanishes below `low`.
#[inline(always)]
fn gate<S: Simd>(x: S, low: f32, share: S) -> S {
    S::splat(low).max(x) * share
}

/// In place over a slice: `values[i] = f(steepness * values[i])`. Softmax needs
/// whole rows, see [`softmax`]; here it is `exp`.
#[inline(always)]
pub(super) fn activate<S: Simd>(function: Activation, steepness: f32, values: &mut [f32]) {
    macro_rules! each {
        (|$x:ident| $value:expr) => {
            for at in (0..values.len()).step_by(S::LANES) {
                let values = &mut values[at..];
                let $x = S::read(values) * S::splat(steepness);
                ($value).write(values);
            }
        };
    }
    let (zero, half, one, two) = (S::zero(), S::splat(0.5), S::splat(1.0), S::splat(2.0));
    match function {
        Linear if steepness == 1.0 => {}
        Linear => each!(|x| x),
        Softmax => each!(|x| exp(x)),
        Sigmoid => each!(|x| sigmoid(x)),
        Tanh => each!(|x| tanh(x)),
        Relu => each!(|x| S::select(x.lt(zero), zero, x)),
        LeakyRelu => each!(|x| S::select(x.lt(zero), x * S::splat(0.01), x)),
        Gelu => each!(|x| gate(x, -15.0, normal(x).1)),
        Silu => each!(|x| gate(x, -110.0, sigmoid(x))),
        Threshold => each!(|x| threshold(0.0, x)),
        ThresholdSymmetric => each!(|x| threshold(-1.0, x)),
        SigmoidStepwise => each!(|x| stepwise(&SIGMOID_STEPS, 0.0, x)),
        TanhStepwise => each!(|x| stepwise(&TANH_STEPS, -1.0, x)),
        Gaussian => each!(|x| gaussian(x)),
        GaussianSymmetric => each!(|x| gaussian(x) * two - one),
        Elliot => each!(|x| elliot(x) * half + half),
        ElliotSymmetric => each!(|x| elliot(x)),
        LinearPiece => each!(|x| clamp(x, 0.0, 1.0)),
        LinearPieceSymmetric => each!(|x| clamp(x, -1.0, 1.0)),
        Sin => each!(|x| sin(x) * half + half),
        SinSymmetric => each!(|x| sin(x)),
        Cos => each!(|x| cos(x) * half + half),
        CosSymmetric => each!(|x| cos(x)),
    }
}

/// `exp(steepness * x_i) / sum(exp(steepness * x))` over a row.
#[inline(always)]
pub(super) fn softmax<S: Simd>(steepness: f32, row: &mut [f32]) {
    let whole = row.len() / S::LANES * S::LANES;
    let mut max = f32::NEG_INFINITY;
    if whole > 0 {
        let mut most = S::splat(max);
        for at in (0..whole).step_by(S::LANES) {
            most = S::read(&row[at..]).max(most);
        }
        let mut lanes = [max; super::simd::MAX_LANES];
        most.write(&mut lanes[..S::LANES]);
        max = lanes.into_iter().fold(max, f32::max);
    }
    max = row[whole..].iter().copied().fold(max, f32::max);
    let mut sum = S::zero();
    for at in (0..row.len()).step_by(S::LANES) {
        let row = &mut row[at..];
        exp((S::read(row) - S::splat(max)) * S::splat(steepness)).write(row);
        sum = sum + S::read(row);
    }
    // At least one term is exp(0) = 1, so the sum is never zero.
    let sum = S::splat(sum.sum());
    for at in (0..row.len()).step_by(S::LANES) {
        let row = &mut row[at..];
        (S::read(row) / sum).write(row);
    }
}

/// `delta[i] *= steepness * f'(steepness * sums[i])`, where `outputs` are the
/// function's values. The sums may be empty for functions whose slope the
/// value tells (see `Activation::slope_needs_sum`). `fann`: slopes of sigmoids
/// are kept from zero, and that of the linear pieces is 1, as FANN has them.
#[inline(always)]
pub(super) fn slope<S: Simd>(
    function: Activation,
    steepness: f32,
    fann: bool,
    sums: &[f32],
    outputs: &[f32],
    delta: &mut [f32],
) {
    assert!(outputs.len() == delta.len());
    assert!(sums.is_empty() || sums.len() == delta.len());
    macro_rules! each {
        (|$x:ident, $y:ident| $value:expr) => {
            for at in (0..delta.len()).step_by(S::LANES) {
                let delta = &mut delta[at..];
                let $x = S::read(sums.get(at..).unwrap_or(&[])) * S::splat(steepness);
                let $y = S::read(&outputs[at..]);
                (S::read(delta) * (S::splat(steepness) * ($value))).write(delta);
            }
        };
        (|$y:ident| $value:expr) => {
            for at in (0..delta.len()).step_by(S::LANES) {
                let delta = &mut delta[at..];
                let $y = S::read(&outputs[at..]);
                (S::read(delta) * (S::splat(steepness) * ($value))).write(delta);
            }
        };
    }
    let (zero, half, one, two) = (S::zero(), S::splat(0.5), S::splat(1.0), S::splat(2.0));
    let minus_two = S::splat(-2.0);
    match function {
        Linear | Softmax if steepness == 1.0 => {}
        Linear | Softmax => each!(|_y| one),
        LinearPiece | LinearPieceSymmetric if fann => each!(|_y| one),
        Threshold | ThresholdSymmetric => each!(|_y| zero),
        Sigmoid | SigmoidStepwise => {
            let (low, high) = if fann { (0.01, 0.99) } else { (0.0, 1.0) };
            each!(|y| {
                let y = clamp(y, low, high);
                y * (one - y)
            });
        }
        Tanh | TanhStepwise => {
            let most = if fann { 0.98 } else { 1.0 };
            each!(|y| {
                let y = clamp(y, -most, most);
                one - y * y
            });
        }
        Relu => each!(|y| S::select(zero.lt(y), one, zero)),
        LeakyRelu => each!(|y| S::select(zero.lt(y), one, S::splat(0.01))),
        Gelu => each!(|x, _y| {
            let (density, share) = normal(x);
            clamp(x, -15.0, 15.0).mul_add(density, share)
        }),
        Silu => each!(|x, y| {
            let share = sigmoid(x);
            share + S::select(x.lt(S::splat(110.0)), y * (one - share), zero)
        }),
        Gaussian => each!(|x, y| clamp(x, -15.0, 15.0) * y * minus_two),
        GaussianSymmetric => each!(|x, y| clamp(x, -15.0, 15.0) * (y + one) * minus_two),
        Elliot => each!(|y| {
            let rest = one - (y * two - one).abs();
            rest * rest * half
        }),
        ElliotSymmetric => each!(|y| {
            let rest = one - y.abs();
            rest * rest
        }),
        LinearPiece => each!(|y| S::select(y.lt(one), S::select(zero.lt(y), one, zero), zero)),
        LinearPieceSymmetric => each!(|y| S::select(y.abs().lt(one), one, zero)),
        Sin => each!(|x, _y| cos(x) * half),
        SinSymmetric => each!(|x, _y| cos(x)),
        Cos => each!(|x, _y| zero - sin(x) * half),
        CosSymmetric => each!(|x, _y| zero - sin(x)),
    }
}
