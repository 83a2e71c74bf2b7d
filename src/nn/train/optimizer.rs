//! How a gradient changes the parameters.

use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// The training algorithm and its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Algorithm {
    /// Resilient backpropagation without weight backtracking (Igel & Hüsken,
    /// "Empirical evaluation of the improved Rprop learning algorithms",
    /// 2003). Only the signs of the gradient over all samples count.
    IrpropMinus {
        /// First step size.
        initial: f32,
        /// Smallest step size.
        min: f32,
        /// Largest step size.
        max: f32,
    },
    /// Gradient descent with momentum: `v = momentum * v - rate * g; w += v`.
    Sgd {
        /// Learning rate, above 0.
        learning_rate: f32,
        /// Momentum, 0 to below 1.
        momentum: f32,
    },
    /// Kingma & Ba, "Adam: a method for stochastic optimization", 2015.
    Adam {
        /// Learning rate, above 0.
        learning_rate: f32,
        /// Decay of the mean, 0 to below 1.
        beta1: f32,
        /// Decay of the mean square, 0 to below 1.
        beta2: f32,
        /// What keeps the divisor from zero, above 0.
        epsilon: f32,
    },
}

impl Algorithm {
    /// iRPROP- with steps from 0.1, within 1e-6..50.
    pub const IRPROP_MINUS: Algorithm =
        Algorithm::IrpropMinus { initial: 0.1, min: 1e-6, max: 50.0 };
    /// SGD with rate 0.01 and no momentum.
    pub const SGD: Algorithm = Algorithm::Sgd { learning_rate: 0.01, momentum: 0.0 };
    /// Adam with rate 0.001 and decays 0.9 and 0.999.
    pub const ADAM: Algorithm =
        Algorithm::Adam { learning_rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

    /// Whether it wants the gradient over all samples.
    pub(super) fn is_full_batch(&self) -> bool {
        matches!(self, Algorithm::IrpropMinus { .. })
    }

    pub(super) fn check(&self) -> Result<()> {
        let above = |x: f32| x.is_finite() && x > 0.0;
        let fraction = |x: f32| (0.0..1.0).contains(&x);
        let good = match *self {
            Algorithm::IrpropMinus { initial, min, max } => {
                above(min) && above(max) && min <= initial && initial <= max
            }
            Algorithm::Sgd { learning_rate, momentum } => {
                above(learning_rate) && fraction(momentum)
            }
            Algorithm::Adam { learning_rate, beta1, beta2, epsilon } => {
                above(learning_rate) && fraction(beta1) && fraction(beta2) && above(epsilon)
            }
        };
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// An algorithm with its memory.
pub(super) struct Optimizer<'m> {
    algorithm: Algorithm,
    /// iRPROP-: the last gradient. SGD: the velocity. Adam: the mean.
    first: Carved<'m, f32>,
    /// iRPROP-: the step sizes. Adam: the mean square.
    second: Carved<'m, f32>,
    /// Adam: its decays to the power of the number of updates.
    powers: [f32; 2],
}

impl<'m> Optimizer<'m> {
    pub fn carve(
        algorithm: Algorithm,
        parameters: usize,
        carver: &mut Carver<'m>,
    ) -> Result<Optimizer<'m>> {
        let (first, second, start) = match algorithm {
            Algorithm::IrpropMinus { initial, .. } => (parameters, parameters, initial),
            Algorithm::Sgd { momentum: 0.0, .. } => (0, 0, 0.0),
            Algorithm::Sgd { .. } => (parameters, 0, 0.0),
            Algorithm::Adam { .. } => (parameters, parameters, 0.0),
        };
        Ok(Optimizer {
            algorithm,
            first: carver.take(first, 0.0)?,
            second: carver.take(second, start)?,
            powers: [1.0; 2],
        })
    }

    pub fn set_learning_rate(&mut self, rate: f32) -> Result<()> {
        let mut changed = self.algorithm;
        match &mut changed {
            Algorithm::IrpropMinus { .. } => return Err(Error::Unsupported),
            Algorithm::Sgd { learning_rate, .. } | Algorithm::Adam { learning_rate, .. } => {
                *learning_rate = rate;
            }
        }
        changed.check()?;
        self.algorithm = changed;
        Ok(())
    }

    /// One update. A gradient that is not finite changes nothing; a parameter
    /// that would stop being finite keeps its value. Both are
    /// [`Error::NnDiverged`].
    pub fn update(&mut self, parameters: &mut [f32], gradient: &[f32]) -> Result<()> {
        if !gradient.iter().all(|g| g.is_finite()) {
            return Err(Error::NnDiverged);
        }
        let both = parameters.iter_mut().zip(gradient);
        let mut good = true;
        match self.algorithm {
            Algorithm::IrpropMinus { min, max, .. } => {
                let state = self.first.iter_mut().zip(self.second.iter_mut());
                for ((w, g), (last, step)) in both.zip(state) {
                    let (now, before) = (sign(*g), sign(*last));
                    *last = *g;
                    if now * before > 0.0 {
                        *step = (*step * 1.2).min(max);
                    } else if now * before < 0.0 {
                        *step = (*step * 0.5).max(min);
                        *last = 0.0;
                        // Igel & Huesken: the sign change makes no step.
                        continue;
                    }
                    good &= assign(w, *w - now * *step);
                }
            }
            Algorithm::Sgd { learning_rate, momentum: 0.0 } => {
                for (w, g) in both {
                    good &= assign(w, *w - learning_rate * g);
                }
            }
            Algorithm::Sgd { learning_rate, momentum } => {
                for ((w, g), v) in both.zip(self.first.iter_mut()) {
                    good &= assign(v, momentum * *v - learning_rate * g);
                    good &= assign(w, *w + *v);
                }
            }
            Algorithm::Adam { learning_rate, beta1, beta2, epsilon } => {
                self.powers[0] *= beta1;
                self.powers[1] *= beta2;
                let [unbias1, unbias2] = self.powers.map(|power| 1.0 / (1.0 - power));
                let state = self.first.iter_mut().zip(self.second.iter_mut());
                for ((w, g), (m, v)) in both.zip(state) {
                    good &= assign(m, beta1 * *m + (1.0 - beta1) * g);
                    good &= assign(v, beta2 * *v + (1.0 - beta2) * g * g);
                    let step = *m * unbias1 / (libm::sqrtf(*v * unbias2) + epsilon);
                    good &= assign(w, *w - learning_rate * step);
                }
            }
        }
        if good { Ok(()) } else { Err(Error::NnDiverged) }
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
