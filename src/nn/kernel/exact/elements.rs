//! The loops in which every element stands for itself. They are plain: the
//! compiler makes vectors of them, and where lanes are named it is for `fma`.

use super::function::{self, Function};
use super::lanes::Lanes;
use super::math::{exp_near, exp_with};

#[inline(always)]
pub(super) fn value<V: Lanes>(function: Function, sum: f32) -> f32 {
    if V::QUICK_FMA {
        return function::value::<V>(function, sum);
    }
    let mut value = [0.0];
    settled_values::<V>(function, &[sum], &mut value);
    value[0]
}

#[inline(always)]
pub(super) fn values<V: Lanes>(
    function: Function,
    steepness: f32,
    sums: &mut [f32],
    values: &mut [f32],
) {
    assert!(sums.len() == values.len());
    for sum in sums.iter_mut() {
        *sum = function::steep(steepness, *sum);
    }
    settled_values::<V>(function, sums, values);
}

/// The values of steep sums.
#[inline(always)]
fn settled_values<V: Lanes>(function: Function, sums: &[f32], values: &mut [f32]) {
    // Which doubts there can be about a value: relative, absolute.
    const SMALL: f64 = 1.0 / (1u64 << 49) as f64;
    let doubled = |sum: f32| f64::from(-2.0 * sum);
    let squared = |sum: f32| f64::from(-sum * sum);
    match function {
        Function::Sigmoid => {
            through_exp::<V>(function, (SMALL, 0.0), sums, values, doubled, |e| 1.0 / (1.0 + e));
        }
        Function::SigmoidSymmetric => {
            let finish = |e| 2.0 / (1.0 + e) - 1.0;
            through_exp::<V>(function, (0.0, SMALL), sums, values, doubled, finish);
        }
        Function::Gaussian => {
            through_exp::<V>(function, (SMALL, 0.0), sums, values, squared, |e| e);
        }
        Function::GaussianSymmetric => {
            through_exp::<V>(function, (0.0, SMALL), sums, values, squared, |e| e * 2.0 - 1.0);
        }
        // One loop for each, so that the ones without calls are vectorised.
        Function::Linear => values.copy_from_slice(sums),
        Function::Elliot => each(sums, values, |sum| function::value::<V>(Function::Elliot, sum)),
        Function::ElliotSymmetric => {
            each(sums, values, |sum| function::value::<V>(Function::ElliotSymmetric, sum));
        }
        _ => each(sums, values, |sum| function::value::<V>(function, sum)),
    }
}

#[inline(always)]
fn each(sums: &[f32], values: &mut [f32], f: impl Fn(f32) -> f32) {
    for (sum, value) in sums.iter().zip(values) {
        *value = f(*sum);
    }
}

/// Fewer values than this are not worth the vectors.
const SHORT: usize = 16;

/// Values by way of the quick exponential function. Where its last bits could
/// show in the float32 result, the value is computed again with the exact one.
#[inline(always)]
fn through_exp<V: Lanes>(
    function: Function,
    doubts: (f64, f64),
    sums: &[f32],
    values: &mut [f32],
    prepare: impl Fn(f32) -> f64,
    finish: impl Fn(f64) -> f64,
) {
    if V::QUICK_FMA && sums.len() < SHORT {
        for (sum, value) in sums.iter().zip(values) {
            *value = finish(exp_with::<V>(prepare(*sum))) as f32;
        }
        return;
    }
    for (sums, values) in sums.chunks(64).zip(values.chunks_mut(64)) {
        let mut doubt = 0;
        for (sum, value) in sums.iter().zip(values.iter_mut()) {
            let bounds = bounds(doubts, finish(exp_near(prepare(*sum))));
            doubt |= bounds[0].to_bits() ^ bounds[1].to_bits();
            *value = bounds[1];
        }
        if doubt == 0 {
            continue;
        }
        for (sum, value) in sums.iter().zip(values) {
            let bounds = bounds(doubts, finish(exp_near(prepare(*sum))));
            if bounds[0].to_bits() != bounds[1].to_bits() {
                *value = function::value::<V>(function, *sum);
            }
        }
    }
}

/// Between what a value lies that is near `y`, as floats.
#[inline(always)]
fn bounds((relative, absolute): (f64, f64), y: f64) -> [f32; 2] {
    let margin = absolute + relative * y;
    [(y - margin) as f32, (y + margin) as f32]
}

#[inline(always)]
pub(super) fn slopes(
    function: Function,
    steepness: f32,
    sums: &[f32],
    values: &[f32],
    errors: &mut [f32],
) {
    assert!(values.len() == errors.len());
    let of = |f: Function| move |value, sum| function::slope(f, steepness, value, sum);
    if !function.needs_sums() {
        let pairs = values.iter().zip(errors);
        match function {
            Function::Sigmoid | Function::SigmoidStepwise => {
                pairs.for_each(|(y, e)| *e *= of(Function::Sigmoid)(*y, 0.0));
            }
            Function::SigmoidSymmetric | Function::SigmoidSymmetricStepwise => {
                pairs.for_each(|(y, e)| *e *= of(Function::SigmoidSymmetric)(*y, 0.0));
            }
            _ => pairs.for_each(|(y, e)| *e *= of(function)(*y, 0.0)),
        }
        return;
    }
    assert!(sums.len() == values.len());
    let all = values.iter().zip(sums).zip(errors);
    match function {
        Function::Elliot => all.for_each(|((y, s), e)| *e *= of(Function::Elliot)(*y, *s)),
        Function::ElliotSymmetric => {
            all.for_each(|((y, s), e)| *e *= of(Function::ElliotSymmetric)(*y, *s));
        }
        _ => all.for_each(|((y, s), e)| *e *= of(function)(*y, *s)),
    }
}

#[inline(always)]
pub(super) fn step(error: f32, momentum: f32, x: &[f32], d: &mut [f32], w: &mut [f32]) {
    assert!(x.len() == d.len() && x.len() == w.len());
    for ((x, d), w) in x.iter().zip(d).zip(w) {
        *d = error * x + momentum * *d;
        *w += *d;
    }
}

#[inline(always)]
pub(super) fn batch(rate: f32, slopes: &mut [f32], w: &mut [f32]) {
    assert!(slopes.len() == w.len());
    for (slope, w) in slopes.iter_mut().zip(w) {
        *w += *slope * rate;
        *slope = 0.0;
    }
}

#[inline(always)]
pub(super) fn update(
    slopes: &mut [f32],
    last: &mut [f32],
    steps: &mut [f32],
    w: &mut [f32],
    update: impl Fn(f32, &mut f32, &mut f32, &mut f32),
) {
    assert!([slopes.len(), last.len(), steps.len()] == [w.len(); 3]);
    let state = slopes.iter_mut().zip(last).zip(steps);
    for (((slope, last), step), w) in state.zip(w) {
        update(*slope, last, step, w);
        *slope = 0.0;
    }
}
