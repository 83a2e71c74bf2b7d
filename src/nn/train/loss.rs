//! What training makes small.

use crate::error::{Error, Result};
use crate::nn::Activation;
use crate::nn::kernel::FloatKernels;
use crate::nn::net::Run;

/// The loss, and with it the slope at the outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Loss {
    /// Mean squared error: the mean of `(y - t)^2` over samples and outputs.
    /// With FANN's algorithms the difference of a symmetric output counts half,
    /// so that it is at most 1.
    #[default]
    Mse = 0,
    /// Cross-entropy: the mean over samples of `-sum(t ln y)` for a softmax
    /// layer, of `-sum(t ln y + (1 - t) ln(1 - y))` for a sigmoid layer. Other
    /// output layers have none. Targets lie in 0..=1.
    CrossEntropy = 1,
}

/// What the algorithms of FANN take for the error of an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ErrorFunction {
    /// The difference.
    #[default]
    Linear = 0,
    /// `ln((1 + d) / (1 - d))` of the difference `d`, at most ±17: large
    /// differences count more (Fahlman 1988). FANN's default.
    Tanh = 1,
}

impl ErrorFunction {
    /// The error function with this number, if there is one.
    pub const fn from_code(code: u32) -> Option<ErrorFunction> {
        Some(match code {
            0 => ErrorFunction::Linear,
            1 => ErrorFunction::Tanh,
            _ => return None,
        })
    }

    pub(super) fn apply(self, d: f32) -> f32 {
        match self {
            ErrorFunction::Linear => d,
            // Beyond this FANN takes 17, which is about the value there.
            ErrorFunction::Tanh if d.abs() > 0.999_999_9 => 17.0f32.copysign(d),
            ErrorFunction::Tanh => 2.0 * libm::atanhf(d),
        }
    }
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
    pub(in crate::nn) fn check(self, output: Activation) -> Result<()> {
        match (self, output) {
            (Loss::Mse, _) | (_, Activation::Softmax | Activation::Sigmoid) => Ok(()),
            _ => Err(Error::NnLoss),
        }
    }

    /// Whether all targets are ones it can take.
    pub(in crate::nn) fn check_targets(
        self,
        kernels: &FloatKernels,
        targets: &[f32],
    ) -> Result<()> {
        if !(kernels.finite)(targets) {
            return Err(Error::NnNotFinite);
        }
        match self {
            Loss::CrossEntropy if !targets.iter().all(|t| (0.0..=1.0).contains(t)) => {
                Err(Error::Invalid)
            }
            _ => Ok(()),
        }
    }

    /// What makes a sum over samples, or over their weights, the mean.
    pub(in crate::nn) fn mean(self, samples: f64, outputs: usize) -> f64 {
        match self {
            Loss::Mse => 1.0 / (samples * outputs as f64),
            Loss::CrossEntropy => 1.0 / samples,
        }
    }
}

/// How outputs are judged.
#[derive(Clone, Copy, Debug)]
pub(in crate::nn) struct Judge {
    pub loss: Loss,
    pub error: ErrorFunction,
    /// Whether FANN's rules hold.
    pub fann: bool,
    /// From which difference on an output counts as failed.
    pub bit_fail_limit: f32,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::nn) struct Verdict {
    /// The loss summed over the outputs; multiply by [`Loss::mean`].
    pub sum: f64,
    /// Outputs that failed.
    pub bit_fail: u64,
}

impl Judge {
    /// Half the difference counts for a symmetric function with FANN's rules.
    pub fn part(&self, activation: Activation) -> f32 {
        if self.fann && activation.is_symmetric() { 0.5 } else { 1.0 }
    }

    /// Judges outputs of one run of units.
    pub fn judge(&self, run: &Run, outputs: &[f32], targets: &[f32]) -> Verdict {
        let pairs = || outputs.iter().zip(targets);
        let part = self.part(run.activation);
        let sum: f32 = match (self.loss, run.activation) {
            (Loss::Mse, _) => pairs().map(|(y, t)| (part * (y - t)) * (part * (y - t))).sum(),
            (Loss::CrossEntropy, Activation::Softmax) => pairs().map(|(y, t)| -t * ln(*y)).sum(),
            (Loss::CrossEntropy, _) => {
                pairs().map(|(y, t)| -t * ln(*y) - (1.0 - t) * ln(1.0 - y)).sum()
            }
        };
        let fails = pairs().filter(|(y, t)| (part * (*y - *t)).abs() >= self.bit_fail_limit);
        Verdict { sum: f64::from(sum), bit_fail: fails.count() as u64 }
    }

    /// The slope of `scale` times the sum by outputs of one run; says whether
    /// it is that by the weighted sums already.
    pub fn slope(
        &self,
        run: &Run,
        (outputs, targets): (&[f32], &[f32]),
        delta: &mut [f32],
        scale: f32,
    ) -> bool {
        let all = outputs.iter().zip(targets).zip(delta.iter_mut());
        if self.loss == Loss::Mse {
            let part = self.part(run.activation);
            if self.fann {
                all.for_each(|((y, t), d)| *d = scale * self.error.apply(part * (y - t)));
            } else {
                all.for_each(|((y, t), d)| *d = 2.0 * scale * (y - t));
            }
            return false;
        }
        let factor = scale * run.steepness;
        if run.activation == Activation::Softmax {
            // The slope by the sums is y*sum(t) - t; targets that sum to one
            // give the familiar y - t.
            let rows = outputs.chunks_exact(run.units).zip(targets.chunks_exact(run.units));
            for ((y, t), d) in rows.zip(delta.chunks_exact_mut(run.units)) {
                let total: f32 = t.iter().sum();
                y.iter().zip(t).zip(d).for_each(|((y, t), d)| *d = factor * (y * total - t));
            }
        } else {
            // The sigmoid's slope cancels out.
            all.for_each(|((y, t), d)| *d = factor * (y - t));
        }
        true
    }
}

/// A logarithm that stays finite at zero. NaN stays NaN.
fn ln(x: f32) -> f32 {
    if x < 1e-30 { -69.077_55 } else { libm::logf(x) }
}
