//! How a gradient changes the parameters.

use super::algorithm::{Adam, Algorithm, Rprop, Sarprop};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::nn::Net;
use crate::nn::permutation::mix;

/// FANN keeps weights within this.
const FANN_LIMIT: f32 = 1500.0;

/// An algorithm with its memory.
pub(super) struct Optimizer<'m> {
    pub algorithm: Algorithm,
    /// RPROP family, Quickprop: the last gradient. SGD: the velocity. Adam: the
    /// mean.
    pub first: Carved<'m, f32>,
    /// RPROP family: the step sizes. Quickprop: the last steps. Adam: the mean
    /// square.
    pub second: Carved<'m, f32>,
    /// iRPROP+: the last change of each parameter.
    pub third: Carved<'m, f32>,
    pub scalars: Scalars,
}

/// What an optimiser remembers besides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scalars {
    /// Adam: its decays to the power of the number of updates.
    pub powers: [f32; 2],
    /// iRPROP+: the last loss.
    pub loss: f32,
    /// Updates done.
    pub updates: u64,
}

/// What an update needs besides the gradient.
#[derive(Clone, Copy)]
pub(super) struct Context {
    /// The schedule's factor.
    pub rate: f32,
    /// Samples in the gradient (the sum of their weights).
    pub samples: f32,
    /// The mean loss over them.
    pub loss: f32,
    /// Where SARPROP's noise comes from.
    pub seed: u64,
}

impl<'m> Optimizer<'m> {
    pub fn carve(
        algorithm: Algorithm,
        memory: [bool; 3],
        parameters: usize,
        carver: &mut Carver<'m>,
    ) -> Result<Optimizer<'m>> {
        let step = match algorithm {
            Algorithm::Rprop(r) | Algorithm::IrpropMinus(r) | Algorithm::IrpropPlus(r) => r.initial,
            _ => 0.0,
        };
        let len = |n: usize| if memory[n - 1] { parameters } else { 0 };
        Ok(Optimizer {
            algorithm,
            first: carver.take(len(1), 0.0)?,
            second: carver.take(len(2), step)?,
            third: carver.take(len(3), 0.0)?,
            scalars: Scalars { powers: [1.0; 2], loss: f32::INFINITY, updates: 0 },
        })
    }

    pub fn set_learning_rate(&mut self, rate: f32) -> Result<()> {
        let mut changed = self.algorithm;
        *changed.rate().ok_or(Error::Unsupported)? = rate;
        changed.check()?;
        self.algorithm = changed;
        Ok(())
    }

    /// Changes the parameters by the gradient of what is to become small.
    ///
    /// A gradient that is not finite changes nothing; a parameter or a number
    /// that would stop being finite keeps its value. Both are
    /// [`Error::NnDiverged`].
    pub fn update(
        &mut self,
        parameters: &mut [f32],
        gradient: &[f32],
        context: Context,
    ) -> Result<()> {
        if !gradient.iter().all(|g| g.is_finite()) {
            return Err(Error::NnDiverged);
        }
        self.scalars.updates += 1;
        let good = match self.algorithm {
            Algorithm::Incremental { learning_rate, momentum } => {
                self.momentum(parameters, gradient, learning_rate * context.rate, momentum, false)
            }
            Algorithm::Sgd { learning_rate, momentum, nesterov } => {
                let rate = learning_rate * context.rate;
                self.momentum(parameters, gradient, rate, momentum, nesterov)
            }
            Algorithm::Batch { learning_rate } => {
                let rate = learning_rate * context.rate / context.samples;
                self.momentum(parameters, gradient, rate, 0.0, false)
            }
            Algorithm::Rprop(rprop) => self.fann_rprop(parameters, gradient, rprop),
            Algorithm::Quickprop { learning_rate, decay, mu } => {
                let rate = learning_rate * context.rate / context.samples;
                self.quickprop(parameters, gradient, rate, (decay, mu))
            }
            Algorithm::Sarprop(settings) => self.sarprop(parameters, gradient, settings, context),
            Algorithm::IrpropMinus(rprop) => self.irprop_minus(parameters, gradient, rprop),
            Algorithm::IrpropPlus(rprop) => {
                let grown = context.loss > self.scalars.loss;
                self.scalars.loss = context.loss;
                self.irprop_plus(parameters, gradient, rprop, grown)
            }
            Algorithm::Adam(adam) | Algorithm::AdamW(adam) => {
                self.adam(parameters, gradient, adam, context.rate)
            }
        };
        if good { Ok(()) } else { Err(Error::NnDiverged) }
    }

    /// Applies a weight decay to the gradient, or with AdamW to the weights.
    pub fn decay(
        &self,
        net: &mut Net<'_>,
        gradient: &mut [f32],
        decay: f32,
        rate: f32,
    ) -> Result<()> {
        if decay == 0.0 {
            return Ok(());
        }
        let decoupled = match self.algorithm {
            Algorithm::AdamW(adam) => Some(1.0 - adam.learning_rate * rate * decay),
            _ => None,
        };
        for i in 0..net.layers().len() {
            let layer = net.layers()[i];
            let (weights, _) = layer.of_mut(net.parameters_mut()?);
            let (gradient, _) = layer.of_mut(gradient);
            match decoupled {
                Some(factor) => weights.iter_mut().for_each(|w| *w *= factor),
                None => {
                    let both = gradient.iter_mut().zip(weights);
                    both.for_each(|(g, w)| *g += decay * *w);
                }
            }
        }
        Ok(())
    }

    fn momentum(
        &mut self,
        parameters: &mut [f32],
        gradient: &[f32],
        rate: f32,
        momentum: f32,
        nesterov: bool,
    ) -> bool {
        let mut good = true;
        let both = parameters.iter_mut().zip(gradient);
        if momentum == 0.0 {
            both.for_each(|(w, g)| good &= assign(w, *w - rate * g));
            return good;
        }
        for ((w, g), v) in both.zip(self.first.iter_mut()) {
            good &= assign(v, momentum * *v - rate * g);
            let step = if nesterov { momentum * *v - rate * g } else { *v };
            good &= assign(w, *w + step);
        }
        good
    }

    fn fann_rprop(&mut self, parameters: &mut [f32], gradient: &[f32], r: Rprop) -> bool {
        let state = self.first.iter_mut().zip(self.second.iter_mut());
        for ((w, g), (last, step)) in parameters.iter_mut().zip(gradient).zip(state) {
            let before = step.max(1e-4);
            let changed = *last * g < 0.0;
            *step = if changed {
                (before * r.decrease).max(r.min)
            } else {
                (before * r.increase).min(r.max)
            };
            *last = if changed { 0.0 } else { *g };
            // No slope counts as a rising one.
            let way = if *last > 0.0 { -*step } else { *step };
            *w = (*w + way).clamp(-FANN_LIMIT, FANN_LIMIT);
        }
        true
    }

    fn quickprop(
        &mut self,
        parameters: &mut [f32],
        gradient: &[f32],
        rate: f32,
        (decay, mu): (f32, f32),
    ) -> bool {
        let shrink = mu / (1.0 + mu);
        let mut good = true;
        let state = self.first.iter_mut().zip(self.second.iter_mut());
        for ((w, g), (last, step)) in parameters.iter_mut().zip(gradient).zip(state) {
            let slope = decay * *w - g;
            // Mirrored, so that the last step is never a negative one.
            let way = if *step < 0.0 { -1.0 } else { 1.0 };
            let (ahead, before) = (way * slope, way * *last);
            let next = if step.abs() <= 0.001 {
                rate * slope
            } else {
                let linear = if ahead > 0.0 { rate * slope } else { 0.0 };
                let parabola = if ahead > shrink * before {
                    mu * *step
                } else {
                    *step * slope / (*last - slope)
                };
                linear + parabola
            };
            good &= assign(step, next);
            *last = slope;
            *w = (*w + *step).clamp(-FANN_LIMIT, FANN_LIMIT);
        }
        good
    }

    fn sarprop(
        &mut self,
        parameters: &mut [f32],
        gradient: &[f32],
        s: Sarprop,
        context: Context,
    ) -> bool {
        let fade = -s.temperature * (self.scalars.updates - 1) as f32;
        let decay = libm::exp2f(fade + s.weight_decay_shift);
        let noise = libm::sqrtf(context.loss) * libm::exp2f(fade + s.step_error_shift);
        let threshold = s.step_error_threshold_factor * context.loss;
        let key = mix(context.seed ^ mix(self.scalars.updates));
        let mut good = true;
        let state = self.first.iter_mut().zip(self.second.iter_mut());
        let all = parameters.iter_mut().zip(gradient).zip(state).enumerate();
        for (i, ((w, g), (last, step))) in all {
            let before = step.max(1e-6);
            let slope = g - *w * decay;
            let same = *last * slope;
            let mut way = 0.0;
            if same > 0.0 {
                *step = (before * s.rprop.increase).min(s.rprop.max);
                way = *step;
            } else if same < 0.0 {
                *step = if before < threshold {
                    let chance = (mix(key ^ i as u64) >> 40) as f32 / 16_777_216.0;
                    before * s.rprop.decrease + chance * noise
                } else {
                    (before * s.rprop.decrease).max(1e-6)
                };
            } else {
                *step = 0.0;
                way = before;
            }
            good &= assign(w, if slope < 0.0 { *w + way } else { *w - way });
            *last = if same < 0.0 { 0.0 } else { slope };
        }
        good
    }

    fn irprop_minus(&mut self, parameters: &mut [f32], gradient: &[f32], r: Rprop) -> bool {
        let mut good = true;
        let state = self.first.iter_mut().zip(self.second.iter_mut());
        for ((w, g), (last, step)) in parameters.iter_mut().zip(gradient).zip(state) {
            let (now, before) = (sign(*g), sign(*last));
            *last = *g;
            if now * before > 0.0 {
                *step = (*step * r.increase).min(r.max);
            } else if now * before < 0.0 {
                *step = (*step * r.decrease).max(r.min);
                *last = 0.0;
                // The sign change makes no step.
                continue;
            }
            good &= assign(w, *w - now * *step);
        }
        good
    }

    fn irprop_plus(
        &mut self,
        parameters: &mut [f32],
        gradient: &[f32],
        r: Rprop,
        grown: bool,
    ) -> bool {
        let mut good = true;
        let state = self.first.iter_mut().zip(self.second.iter_mut()).zip(self.third.iter_mut());
        for ((w, g), ((last, step), change)) in parameters.iter_mut().zip(gradient).zip(state) {
            let (now, before) = (sign(*g), sign(*last));
            *last = *g;
            if now * before < 0.0 {
                *step = (*step * r.decrease).max(r.min);
                *last = 0.0;
                *change = if grown { -*change } else { 0.0 };
            } else {
                if now * before > 0.0 {
                    *step = (*step * r.increase).min(r.max);
                }
                *change = -now * *step;
            }
            good &= assign(w, *w + *change);
        }
        good
    }

    fn adam(&mut self, parameters: &mut [f32], gradient: &[f32], a: Adam, rate: f32) -> bool {
        let powers = &mut self.scalars.powers;
        powers[0] *= a.beta1;
        powers[1] *= a.beta2;
        let [unbias1, unbias2] = powers.map(|power| 1.0 / (1.0 - power));
        let mut good = true;
        let state = self.first.iter_mut().zip(self.second.iter_mut());
        for ((w, g), (m, v)) in parameters.iter_mut().zip(gradient).zip(state) {
            good &= assign(m, a.beta1 * *m + (1.0 - a.beta1) * g);
            good &= assign(v, a.beta2 * *v + (1.0 - a.beta2) * g * g);
            let step = *m * unbias1 / (libm::sqrtf(*v * unbias2) + a.epsilon);
            good &= assign(w, *w - a.learning_rate * rate * step);
        }
        good
    }
}

/// Sets `to` if the value is finite; says whether it was.
fn assign(to: &mut f32, value: f32) -> bool {
    if value.is_finite() {
        *to = value;
    }
    value.is_finite()
}

fn sign(x: f32) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        0.0
    }
}
