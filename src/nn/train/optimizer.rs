//! How a gradient changes the parameters.

use super::algorithm::{Algorithm, Rprop, Sarprop};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::nn::Net;
use crate::nn::kernel::FloatKernels;
use crate::nn::kernel::float::{AdamStep, MomentumStep, QuickStep, RpropStep};
use crate::nn::permutation::mix;

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
        kernels: &FloatKernels,
        parameters: &mut [f32],
        gradient: &[f32],
        context: Context,
    ) -> Result<()> {
        if !(kernels.finite)(gradient) {
            return Err(Error::NnDiverged);
        }
        self.scalars.updates += 1;
        let (w, g) = (parameters, gradient);
        let (first, second) = (&mut self.first[..], &mut self.second[..]);
        let good = match self.algorithm {
            Algorithm::Incremental { learning_rate, momentum: 0.0 }
            | Algorithm::Sgd { learning_rate, momentum: 0.0, .. } => {
                (kernels.descend)(learning_rate * context.rate, w, g)
            }
            Algorithm::Incremental { learning_rate, momentum } => {
                let rate = learning_rate * context.rate;
                (kernels.momentum)(MomentumStep { rate, momentum, nesterov: false }, w, g, first)
            }
            Algorithm::Sgd { learning_rate, momentum, nesterov } => {
                let rate = learning_rate * context.rate;
                (kernels.momentum)(MomentumStep { rate, momentum, nesterov }, w, g, first)
            }
            Algorithm::Batch { learning_rate } => {
                (kernels.descend)(learning_rate * context.rate / context.samples, w, g)
            }
            Algorithm::Rprop(rprop) => {
                (kernels.fann_rprop)(rprop.step(), w, g, first, second);
                true
            }
            Algorithm::Quickprop { learning_rate, decay, mu } => {
                let rate = learning_rate * context.rate / context.samples;
                (kernels.quickprop)(QuickStep { rate, decay, mu }, w, g, first, second)
            }
            Algorithm::Sarprop(settings) => self.sarprop(w, g, settings, context),
            Algorithm::IrpropMinus(rprop) => {
                (kernels.irprop_minus)(rprop.step(), w, g, first, second)
            }
            Algorithm::IrpropPlus(rprop) => {
                let grown = context.loss > self.scalars.loss;
                self.scalars.loss = context.loss;
                (kernels.irprop_plus)(rprop.step(), grown, w, g, first, second, &mut self.third)
            }
            Algorithm::Adam(adam) | Algorithm::AdamW(adam) => {
                let powers = &mut self.scalars.powers;
                powers[0] *= adam.beta1;
                powers[1] *= adam.beta2;
                let step = AdamStep {
                    rate: adam.learning_rate * context.rate,
                    beta1: adam.beta1,
                    beta2: adam.beta2,
                    epsilon: adam.epsilon,
                    unbias: powers.map(|power| 1.0 / (1.0 - power)),
                };
                (kernels.adam)(step, w, g, first, second)
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
}

/// Sets `to` if the value is finite; says whether it was.
fn assign(to: &mut f32, value: f32) -> bool {
    if value.is_finite() {
        *to = value;
    }
    value.is_finite()
}

impl Rprop {
    pub(in crate::nn) fn step(self) -> RpropStep {
        let Rprop { min, max, increase, decrease, .. } = self;
        RpropStep { min, max, increase, decrease }
    }
}
