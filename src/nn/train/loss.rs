//! What training makes small.

use crate::error::{Error, Result};
use crate::nn::Activation;

/// The loss, and with it the slope at the outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Loss {
    /// Mean squared error: the mean of `(y - t)^2` over samples and outputs.
    #[default]
    Mse = 0,
    /// Cross-entropy: the mean over samples of `-sum(t ln y)` for a softmax
    /// layer, of `-sum(t ln y + (1 - t) ln(1 - y))` for a sigmoid layer. Other
    /// output layers have none. Targets lie in 0..=1.
    CrossEntropy = 1,
}

impl Loss {
    /// The loss with this number, if there is one.
    pub const fn from_code(code: u32) -> Option<Loss> {
        Some(match code {
            0 => Loss::Mse,
            1 => Loss::CrossEntropy,
            _ => return None,
        })
    }

    /// Whether it goes with this output layer.
    pub(super) fn check(self, output: Activation) -> Result<()> {
        match (self, output) {
            (Loss::Mse, _) | (_, Activation::Softmax | Activation::Sigmoid) => Ok(()),
            _ => Err(Error::NnLoss),
        }
    }

    /// Whether all targets are ones it can take.
    pub(super) fn check_targets(self, targets: &[f32]) -> Result<()> {
        if !targets.iter().all(|t| t.is_finite()) {
            return Err(Error::NnNotFinite);
        }
        match self {
            Loss::CrossEntropy if !targets.iter().all(|t| (0.0..=1.0).contains(t)) => {
                Err(Error::Invalid)
            }
            _ => Ok(()),
        }
    }

    /// The loss summed over rows of outputs; multiply by [`Loss::mean`].
    pub(super) fn sum(self, activation: Activation, outputs: &[f32], targets: &[f32]) -> f64 {
        let pairs = outputs.iter().zip(targets);
        let sum: f32 = match (self, activation) {
            (Loss::Mse, _) => pairs.map(|(y, t)| (y - t) * (y - t)).sum(),
            (Loss::CrossEntropy, Activation::Softmax) => pairs.map(|(y, t)| -t * ln(*y)).sum(),
            (Loss::CrossEntropy, _) => {
                pairs.map(|(y, t)| -t * ln(*y) - (1.0 - t) * ln(1.0 - y)).sum()
            }
        };
        f64::from(sum)
    }

    /// What makes a sum over samples the mean.
    pub(super) fn mean(self, samples: usize, outputs: usize) -> f64 {
        match self {
            Loss::Mse => 1.0 / (samples as f64 * outputs as f64),
            Loss::CrossEntropy => 1.0 / samples as f64,
        }
    }

    /// The slope of `scale` times the sum by the last layer's weighted sums.
    pub(super) fn delta(
        self,
        activation: Activation,
        (outputs, targets): (&[f32], &[f32]),
        delta: &mut [f32],
        (units, scale): (usize, f32),
    ) {
        let factor = match self {
            Loss::Mse => 2.0 * scale,
            Loss::CrossEntropy => scale,
        };
        if self == Loss::CrossEntropy && activation == Activation::Softmax {
            // The slope by the sums is y*sum(t) - t; targets that sum to one
            // give the familiar y - t.
            let rows = outputs.chunks_exact(units).zip(targets.chunks_exact(units));
            for ((y, t), d) in rows.zip(delta.chunks_exact_mut(units)) {
                let total: f32 = t.iter().sum();
                for ((y, t), d) in y.iter().zip(t).zip(d) {
                    *d = factor * (y * total - t);
                }
            }
            return;
        }
        for ((y, t), d) in outputs.iter().zip(targets).zip(delta.iter_mut()) {
            *d = factor * (y - t);
        }
        // With sigmoid and cross-entropy the activation's slope cancels out.
        if self == Loss::Mse {
            activation.backward(outputs, delta, units);
        }
    }
}

/// A logarithm that stays finite at zero. NaN stays NaN.
fn ln(x: f32) -> f32 {
    if x < 1e-30 { -69.077_55 } else { libm::logf(x) }
}
