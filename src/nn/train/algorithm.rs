//! The training algorithms and their settings.

use crate::error::{Error, Result};

/// The training algorithm and its settings.
///
/// The first five are FANN's, with FANN's rules for the gradient: it is summed
/// over the samples, a symmetric output's difference counts half, and slopes of
/// sigmoids are kept away from zero (at least those of the values 0.01 and
/// 0.99, or ±0.98), which lets a unit leave a flat place. The others take the
/// mean loss's true gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Algorithm {
    /// FANN's incremental training: after each sample,
    /// `v = rate * slope + momentum * v; w += v`.
    Incremental {
        /// Learning rate, above 0.
        learning_rate: f32,
        /// Momentum, 0 to below 1.
        momentum: f32,
    },
    /// FANN's batch training: after all samples `w += rate / samples * slope`.
    Batch {
        /// Learning rate, above 0.
        learning_rate: f32,
    },
    /// FANN's iRPROP-: as the paper's, but where the slope's sign changes the
    /// smaller step is still made, upwards; steps are at least 1e-4 before they
    /// are changed; weights stay within ±1500.
    Rprop(Rprop),
    /// Quickprop (Fahlman, "Faster-learning variations on back-propagation",
    /// 1988), as FANN has it.
    Quickprop {
        /// Learning rate, above 0; divided by the number of samples.
        learning_rate: f32,
        /// Added to the slope times the weight, 0 or below.
        decay: f32,
        /// The largest growth of a step, above 1.
        mu: f32,
    },
    /// SARPROP (Treadgold & Gedeon, "Simulated annealing and weight decay in
    /// adaptive learning: the SARPROP algorithm", 1998), as FANN has it; its
    /// noise comes from the trainer's seed.
    Sarprop(Sarprop),
    /// Resilient backpropagation without weight backtracking (Igel & Hüsken,
    /// "Empirical evaluation of the improved Rprop learning algorithms",
    /// 2003). Only the signs of the gradient over all samples count.
    IrpropMinus(Rprop),
    /// The same with weight backtracking where the loss has grown.
    IrpropPlus(Rprop),
    /// Gradient descent: `v = momentum * v - rate * g; w += v`, or with
    /// Nesterov's momentum `w += momentum * v - rate * g` (Sutskever et al.,
    /// "On the importance of initialization and momentum in deep learning",
    /// 2013).
    Sgd {
        /// Learning rate, above 0.
        learning_rate: f32,
        /// Momentum, 0 to below 1.
        momentum: f32,
        /// Nesterov's momentum.
        nesterov: bool,
    },
    /// Kingma & Ba, "Adam: a method for stochastic optimization", 2015.
    Adam(Adam),
    /// Adam with the weight decay apart from the gradient (Loshchilov &
    /// Hutter, "Decoupled weight decay regularization", 2019).
    AdamW(Adam),
}

/// Settings of the RPROP family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rprop {
    /// First step size; of the paper's two within the next two.
    pub initial: f32,
    /// Smallest step size; FANN allows 0.
    pub min: f32,
    /// Largest step size.
    pub max: f32,
    /// What a step grows by while the sign stays, above 1.
    pub increase: f32,
    /// What it shrinks by when the sign changes, below 1.
    pub decrease: f32,
}

impl Rprop {
    /// Steps from 0.1, within 1e-6..50, by 1.2 and 0.5.
    pub const PAPER: Rprop =
        Rprop { initial: 0.1, min: 1e-6, max: 50.0, increase: 1.2, decrease: 0.5 };
    /// The same with 0 for the smallest.
    pub const FANN: Rprop = Rprop { min: 0.0, ..Rprop::PAPER };
}

/// Settings of SARPROP, by FANN's names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sarprop {
    /// The steps of RPROP; `initial` and `min` are not used, since FANN starts
    /// from its own smallest step, 1e-6.
    pub rprop: Rprop,
    /// Binary logarithm of the first weight decay.
    pub weight_decay_shift: f32,
    /// A step below this times the MSE gets noise.
    pub step_error_threshold_factor: f32,
    /// Binary logarithm of the noise's size in RMSE.
    pub step_error_shift: f32,
    /// How fast decay and noise fade: they halve in `1 / temperature` epochs.
    pub temperature: f32,
}

impl Sarprop {
    /// FANN's settings.
    pub const FANN: Sarprop = Sarprop {
        rprop: Rprop::FANN,
        weight_decay_shift: -6.644,
        step_error_threshold_factor: 0.1,
        step_error_shift: 1.385,
        temperature: 0.015,
    };
}

/// Settings of Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate, above 0.
    pub learning_rate: f32,
    /// Decay of the mean, 0 to below 1.
    pub beta1: f32,
    /// Decay of the mean square, 0 to below 1.
    pub beta2: f32,
    /// What keeps the divisor from zero, above 0.
    pub epsilon: f32,
}

impl Adam {
    /// Rate 0.001 and decays 0.9 and 0.999.
    pub const PAPER: Adam = Adam { learning_rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
}

impl Algorithm {
    /// FANN's incremental training with its rate 0.7 and no momentum.
    pub const INCREMENTAL: Algorithm = Algorithm::Incremental { learning_rate: 0.7, momentum: 0.0 };
    /// FANN's batch training with its rate 0.7.
    pub const BATCH: Algorithm = Algorithm::Batch { learning_rate: 0.7 };
    /// FANN's iRPROP- with its settings.
    pub const RPROP: Algorithm = Algorithm::Rprop(Rprop::FANN);
    /// FANN's Quickprop with its settings.
    pub const QUICKPROP: Algorithm =
        Algorithm::Quickprop { learning_rate: 0.7, decay: -0.0001, mu: 1.75 };
    /// FANN's SARPROP with its settings.
    pub const SARPROP: Algorithm = Algorithm::Sarprop(Sarprop::FANN);
    /// iRPROP- with steps from 0.1, within 1e-6..50.
    pub const IRPROP_MINUS: Algorithm = Algorithm::IrpropMinus(Rprop::PAPER);
    /// iRPROP+ with the same steps.
    pub const IRPROP_PLUS: Algorithm = Algorithm::IrpropPlus(Rprop::PAPER);
    /// SGD with rate 0.01 and no momentum.
    pub const SGD: Algorithm =
        Algorithm::Sgd { learning_rate: 0.01, momentum: 0.0, nesterov: false };
    /// Adam with rate 0.001 and decays 0.9 and 0.999.
    pub const ADAM: Algorithm = Algorithm::Adam(Adam::PAPER);
    /// AdamW with the same; its decay is the trainer's `weight_decay`.
    pub const ADAM_W: Algorithm = Algorithm::AdamW(Adam::PAPER);

    /// Whether it wants the gradient over all samples.
    pub(super) fn is_full_batch(&self) -> bool {
        !matches!(
            self,
            Algorithm::Incremental { .. }
                | Algorithm::Sgd { .. }
                | Algorithm::Adam(_)
                | Algorithm::AdamW(_)
        )
    }

    /// Whether it follows FANN's rules for the gradient.
    pub(super) fn is_fann(&self) -> bool {
        matches!(
            self,
            Algorithm::Incremental { .. }
                | Algorithm::Batch { .. }
                | Algorithm::Rprop(_)
                | Algorithm::Quickprop { .. }
                | Algorithm::Sarprop(_)
        )
    }

    /// Its number in the C header and in saved states.
    pub const fn code(&self) -> u32 {
        match self {
            Algorithm::IrpropMinus(_) => 0,
            Algorithm::Sgd { .. } => 1,
            Algorithm::Adam(_) => 2,
            Algorithm::AdamW(_) => 3,
            Algorithm::IrpropPlus(_) => 4,
            Algorithm::Incremental { .. } => 5,
            Algorithm::Batch { .. } => 6,
            Algorithm::Rprop(_) => 7,
            Algorithm::Quickprop { .. } => 8,
            Algorithm::Sarprop(_) => 9,
        }
    }

    /// Its learning rate, if it has one.
    pub(super) fn rate(&mut self) -> Option<&mut f32> {
        match self {
            Algorithm::Incremental { learning_rate, .. }
            | Algorithm::Batch { learning_rate }
            | Algorithm::Quickprop { learning_rate, .. }
            | Algorithm::Sgd { learning_rate, .. } => Some(learning_rate),
            Algorithm::Adam(adam) | Algorithm::AdamW(adam) => Some(&mut adam.learning_rate),
            _ => None,
        }
    }

    /// How many numbers for each parameter it remembers.
    pub(super) fn memory(&self) -> usize {
        match self {
            Algorithm::Incremental { momentum, .. } | Algorithm::Sgd { momentum, .. } => {
                usize::from(*momentum > 0.0)
            }
            Algorithm::Batch { .. } => 0,
            Algorithm::IrpropPlus(_) => 3,
            _ => 2,
        }
    }

    pub(in crate::nn) fn check(&self) -> Result<()> {
        let above = |x: f32| x.is_finite() && x > 0.0;
        let fraction = |x: f32| (0.0..1.0).contains(&x);
        // FANN brings any first step within the limits by itself.
        let steps = |r: &Rprop, fann: bool| {
            (above(r.min) || (fann && r.min == 0.0))
                && above(r.max)
                && above(r.initial)
                && r.min <= r.max
                && (fann || (r.min <= r.initial && r.initial <= r.max))
                && r.increase.is_finite()
                && r.increase > 1.0
                && r.decrease > 0.0
                && fraction(r.decrease)
        };
        let good = match self {
            Algorithm::Batch { learning_rate } => above(*learning_rate),
            Algorithm::Rprop(rprop) => steps(rprop, true),
            Algorithm::IrpropMinus(rprop) | Algorithm::IrpropPlus(rprop) => steps(rprop, false),
            Algorithm::Quickprop { learning_rate, decay, mu } => {
                above(*learning_rate) && (-1.0..=0.0).contains(decay) && mu.is_finite() && *mu > 1.0
            }
            Algorithm::Sarprop(s) => {
                steps(&Rprop { initial: s.rprop.max, min: 0.0, ..s.rprop }, true)
                    && s.weight_decay_shift.is_finite()
                    && s.step_error_shift.is_finite()
                    && s.step_error_threshold_factor >= 0.0
                    && s.step_error_threshold_factor.is_finite()
                    && above(s.temperature)
            }
            Algorithm::Incremental { learning_rate, momentum }
            | Algorithm::Sgd { learning_rate, momentum, .. } => {
                above(*learning_rate) && fraction(*momentum)
            }
            Algorithm::Adam(a) | Algorithm::AdamW(a) => {
                above(a.learning_rate) && fraction(a.beta1) && fraction(a.beta2) && above(a.epsilon)
            }
        };
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}
