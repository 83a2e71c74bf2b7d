//! The optimisers' updates, element by element over all parameters, written
//! once for every instruction set.
//!
//! Where a function returns a `bool`: a number that would stop being finite
//! keeps its value, and the result says whether there was none of those.
//! Gradients have to be finite ([`finite`]). All slices have the same length;
//! otherwise the functions panic.

use super::simd::Simd;

/// FANN keeps weights within this.
const FANN_LIMIT: f32 = 1500.0;

/// How the steps of the RPROP family change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RpropStep {
    pub min: f32,
    pub max: f32,
    pub increase: f32,
    pub decrease: f32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct MomentumStep {
    pub rate: f32,
    pub momentum: f32,
    pub nesterov: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct QuickStep {
    pub rate: f32,
    pub decay: f32,
    pub mu: f32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamStep {
    pub rate: f32,
    pub beta1: f32,
    pub beta2: f32,
    pub epsilon: f32,
    /// `1 / (1 - beta^t)` for both.
    pub unbias: [f32; 2],
}

/// `value`, or where that is not finite `old`; and whether it is.
#[inline(always)]
fn keep<S: Simd>(value: S, old: S, good: &mut S::Mask) -> S {
    let finite = value.finite();
    *good = *good & finite;
    S::select(finite, value, old)
}

#[inline(always)]
fn always<S: Simd>() -> S::Mask {
    S::zero().lt(S::splat(1.0))
}

#[inline(always)]
fn check(len: usize, others: &[usize]) {
    assert!(others.iter().all(|other| *other == len));
}

/// Whether all numbers are finite.
#[inline(always)]
pub(super) fn finite<S: Simd>(values: &[f32]) -> bool {
    let mut good = always::<S>();
    for at in (0..values.len()).step_by(S::LANES) {
        good = good & S::read(&values[at..]).finite();
    }
    S::all(good)
}

/// `w -= rate * g`
#[inline(always)]
pub(super) fn descend<S: Simd>(rate: f32, w: &mut [f32], g: &[f32]) -> bool {
    check(w.len(), &[g.len()]);
    let rate = S::splat(rate);
    let mut good = always::<S>();
    for at in (0..w.len()).step_by(S::LANES) {
        let (w, g) = (&mut w[at..], S::read(&g[at..]));
        let old = S::read(w);
        keep(rate.mul_sub(g, old), old, &mut good).write(w);
    }
    S::all(good)
}

/// `v = momentum * v - rate * g`, then `w += v`, or with Nesterov's momentum
/// `w += momentum * v - rate * g`.
#[inline(always)]
pub(super) fn momentum<S: Simd>(
    step: MomentumStep,
    w: &mut [f32],
    g: &[f32],
    v: &mut [f32],
) -> bool {
    check(w.len(), &[g.len(), v.len()]);
    let (rate, momentum) = (S::splat(step.rate), S::splat(step.momentum));
    let mut good = always::<S>();
    for at in (0..w.len()).step_by(S::LANES) {
        let (w, v) = (&mut w[at..], &mut v[at..]);
        let (old, old_v) = (S::read(w), S::read(v));
        let down = rate * S::read(&g[at..]);
        let speed = keep(momentum.mul_add(old_v, S::zero() - down), old_v, &mut good);
        speed.write(v);
        let step = if step.nesterov { momentum * speed - down } else { speed };
        keep(old + step, old, &mut good).write(w);
    }
    S::all(good)
}

/// iRPROP- as FANN has it: where the slope's sign changes, the smaller step is
/// still made, upwards; steps are at least 1e-4 before they are changed;
/// weights stay within ±1500.
#[inline(always)]
pub(super) fn fann_rprop<S: Simd>(
    step: RpropStep,
    w: &mut [f32],
    g: &[f32],
    last: &mut [f32],
    steps: &mut [f32],
) {
    check(w.len(), &[g.len(), last.len(), steps.len()]);
    let (increase, decrease) = (S::splat(step.increase), S::splat(step.decrease));
    let (least, most) = (S::splat(step.min), S::splat(step.max));
    let limit = S::splat(FANN_LIMIT);
    let (zero, floor) = (S::zero(), S::splat(1e-4));
    for at in (0..w.len()).step_by(S::LANES) {
        let (w, last, steps) = (&mut w[at..], &mut last[at..], &mut steps[at..]);
        let g = S::read(&g[at..]);
        let before = floor.max(S::read(steps));
        let changed = (S::read(last) * g).lt(zero);
        let step = S::select(changed, least.max(before * decrease), most.min(before * increase));
        let slope = S::select(changed, zero, g);
        step.write(steps);
        slope.write(last);
        // No slope counts as a rising one.
        let way = S::select(zero.lt(slope), zero - step, step);
        (zero - limit).max(limit.min(S::read(w) + way)).write(w);
    }
}

/// The step after the signs' product, and whether they differ.
#[inline(always)]
fn grow<S: Simd>(r: RpropStep, product: S, step: S) -> (S, S::Mask) {
    let changed = product.lt(S::zero());
    let same = S::zero().lt(product);
    let more = S::splat(r.max).min(step * S::splat(r.increase));
    let less = S::splat(r.min).max(step * S::splat(r.decrease));
    (S::select(changed, less, S::select(same, more, step)), changed)
}

/// iRPROP- (Igel & Hüsken 2003): a change of sign makes no step and forgets
/// the slope.
#[inline(always)]
pub(super) fn irprop_minus<S: Simd>(
    step: RpropStep,
    w: &mut [f32],
    g: &[f32],
    last: &mut [f32],
    steps: &mut [f32],
) -> bool {
    check(w.len(), &[g.len(), last.len(), steps.len()]);
    let mut good = always::<S>();
    for at in (0..w.len()).step_by(S::LANES) {
        let (w, last, steps) = (&mut w[at..], &mut last[at..], &mut steps[at..]);
        let (old, g) = (S::read(w), S::read(&g[at..]));
        let now = g.sign();
        let (step, changed) = grow(step, now * S::read(last).sign(), S::read(steps));
        step.write(steps);
        S::select(changed, S::zero(), g).write(last);
        let down = S::select(changed, S::zero(), now * step);
        keep(old - down, old, &mut good).write(w);
    }
    S::all(good)
}

/// iRPROP+ (Igel & Hüsken 2003): as iRPROP-, but where the loss has grown a
/// change of sign takes the last change back.
#[inline(always)]
pub(super) fn irprop_plus<S: Simd>(
    step: RpropStep,
    grown: bool,
    w: &mut [f32],
    g: &[f32],
    last: &mut [f32],
    steps: &mut [f32],
    changes: &mut [f32],
) -> bool {
    check(w.len(), &[g.len(), last.len(), steps.len(), changes.len()]);
    let back = S::splat(if grown { -1.0 } else { 0.0 });
    let mut good = always::<S>();
    for at in (0..w.len()).step_by(S::LANES) {
        let (w, last, steps) = (&mut w[at..], &mut last[at..], &mut steps[at..]);
        let changes = &mut changes[at..];
        let (old, g) = (S::read(w), S::read(&g[at..]));
        let now = g.sign();
        let (step, changed) = grow(step, now * S::read(last).sign(), S::read(steps));
        step.write(steps);
        S::select(changed, S::zero(), g).write(last);
        let change = S::select(changed, back * S::read(changes), S::zero() - now * step);
        change.write(changes);
        keep(old + change, old, &mut good).write(w);
    }
    S::all(good)
}

/// Quickprop (Fahlman 1988) as FANN has it; weights stay within ±1500.
#[inline(always)]
pub(super) fn quickprop<S: Simd>(
    step: QuickStep,
    w: &mut [f32],
    g: &[f32],
    last: &mut [f32],
    steps: &mut [f32],
) -> bool {
    check(w.len(), &[g.len(), last.len(), steps.len()]);
    let (rate, decay, mu) = (S::splat(step.rate), S::splat(step.decay), S::splat(step.mu));
    let shrink = S::splat(step.mu / (1.0 + step.mu));
    let (zero, limit) = (S::zero(), S::splat(FANN_LIMIT));
    let mut good = always::<S>();
    for at in (0..w.len()).step_by(S::LANES) {
        let (w, last, steps) = (&mut w[at..], &mut last[at..], &mut steps[at..]);
        let (weight, step, before) = (S::read(w), S::read(steps), S::read(last));
        let slope = decay * weight - S::read(&g[at..]);
        // Mirrored, so that the last step is never a negative one.
        let way = S::select(step.lt(zero), S::splat(-1.0), S::splat(1.0));
        let linear = rate * slope;
        let parabola = S::select(
            (shrink * (way * before)).lt(way * slope),
            mu * step,
            step * slope / (before - slope),
        );
        let next = S::select(zero.lt(way * slope), linear, zero) + parabola;
        let next = S::select(S::splat(0.001).lt(step.abs()), next, linear);
        let next = keep(next, step, &mut good);
        next.write(steps);
        slope.write(last);
        (zero - limit).max(limit.min(weight + next)).write(w);
    }
    S::all(good)
}

/// Adam (Kingma & Ba 2015).
#[inline(always)]
pub(super) fn adam<S: Simd>(
    a: AdamStep,
    w: &mut [f32],
    g: &[f32],
    m: &mut [f32],
    v: &mut [f32],
) -> bool {
    check(w.len(), &[g.len(), m.len(), v.len()]);
    let (beta1, beta2) = (S::splat(a.beta1), S::splat(a.beta2));
    let (alpha1, alpha2) = (S::splat(1.0 - a.beta1), S::splat(1.0 - a.beta2));
    let [unbias1, unbias2] = a.unbias.map(S::splat);
    let (rate, epsilon) = (S::splat(a.rate), S::splat(a.epsilon));
    let mut good = always::<S>();
    for at in (0..w.len()).step_by(S::LANES) {
        let (w, m, v) = (&mut w[at..], &mut m[at..], &mut v[at..]);
        let (old, old_m, old_v) = (S::read(w), S::read(m), S::read(v));
        let g = S::read(&g[at..]);
        let mean = keep(beta1 * old_m + alpha1 * g, old_m, &mut good);
        let square = keep(beta2 * old_v + alpha2 * g * g, old_v, &mut good);
        mean.write(m);
        square.write(v);
        let step = mean * unbias1 / ((square * unbias2).sqrt() + epsilon);
        keep(old - rate * step, old, &mut good).write(w);
    }
    S::all(good)
}
