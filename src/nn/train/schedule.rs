//! How the learning rate changes with the epochs.

use crate::error::{Error, Result};

/// What the learning rate is multiplied by in each epoch, counted from 0 over
/// the trainer's whole life.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Schedule {
    /// Always 1.
    #[default]
    Constant,
    /// `factor` to the number of whole `every` epochs done.
    Step {
        /// Epochs between two changes, at least 1.
        every: u32,
        /// Above 0, at most 1.
        factor: f32,
    },
    /// `factor` to the number of epochs done.
    Exponential {
        /// Above 0, at most 1.
        factor: f32,
    },
    /// Half a cosine from 1 to `last` over `epochs`, then `last` (Loshchilov &
    /// Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017,
    /// without restarts).
    Cosine {
        /// Epochs until the last value, at least 1.
        epochs: u32,
        /// The last value, 0 to 1.
        last: f32,
    },
    /// A straight line from 0 to 1 over `warmup` epochs (the first epoch has
    /// `1 / warmup`), then half a cosine to `last` until `epochs`.
    WarmupCosine {
        /// Epochs of the line, at least 1.
        warmup: u32,
        /// Epochs until the last value, more than `warmup`.
        epochs: u32,
        /// The last value, 0 to 1.
        last: f32,
    },
}

impl Schedule {
    pub(super) fn check(&self) -> Result<()> {
        let part = |x: f32| x > 0.0 && x <= 1.0;
        let last = |x: f32| (0.0..=1.0).contains(&x);
        let good = match *self {
            Schedule::Constant => true,
            Schedule::Step { every, factor } => every > 0 && part(factor),
            Schedule::Exponential { factor } => part(factor),
            Schedule::Cosine { epochs, last: l } => epochs > 0 && last(l),
            Schedule::WarmupCosine { warmup, epochs, last: l } => {
                warmup > 0 && epochs > warmup && last(l)
            }
        };
        if good { Ok(()) } else { Err(Error::Invalid) }
    }

    /// The factor of an epoch.
    pub fn factor(&self, epoch: u64) -> f32 {
        let power = |factor: f32, n: u64| libm::pow(f64::from(factor), n as f64) as f32;
        let cosine = |at: u64, epochs: u32, last: f32| {
            let part = (at as f64 / f64::from(epochs)).min(1.0);
            let wave = 0.5 + 0.5 * libm::cos(part * core::f64::consts::PI);
            (f64::from(last) + (1.0 - f64::from(last)) * wave) as f32
        };
        match *self {
            Schedule::Constant => 1.0,
            Schedule::Step { every, factor } => power(factor, epoch / u64::from(every)),
            Schedule::Exponential { factor } => power(factor, epoch),
            Schedule::Cosine { epochs, last } => cosine(epoch, epochs, last),
            Schedule::WarmupCosine { warmup, epochs, last } => {
                match epoch.checked_sub(u64::from(warmup)) {
                    None => (epoch + 1) as f32 / warmup as f32,
                    Some(after) => cosine(after, epochs - warmup, last),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_those_of_the_formulas() {
        let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-6, "{a} {b}");
        near(Schedule::Constant.factor(1000), 1.0);
        let step = Schedule::Step { every: 10, factor: 0.5 };
        near(step.factor(9), 1.0);
        near(step.factor(10), 0.5);
        near(step.factor(35), 0.125);
        near(Schedule::Exponential { factor: 0.9 }.factor(2), 0.81);
        let cosine = Schedule::Cosine { epochs: 10, last: 0.1 };
        near(cosine.factor(0), 1.0);
        near(cosine.factor(5), 0.55);
        near(cosine.factor(10), 0.1);
        near(cosine.factor(u64::MAX), 0.1);
        let warmup = Schedule::WarmupCosine { warmup: 4, epochs: 14, last: 0.0 };
        near(warmup.factor(0), 0.25);
        near(warmup.factor(3), 1.0);
        near(warmup.factor(4), 1.0);
        near(warmup.factor(9), 0.5);
        near(warmup.factor(14), 0.0);
    }

    #[test]
    fn impossible_settings_are_refused() {
        for bad in [
            Schedule::Step { every: 0, factor: 0.5 },
            Schedule::Step { every: 1, factor: 0.0 },
            Schedule::Exponential { factor: 1.1 },
            Schedule::Exponential { factor: f32::NAN },
            Schedule::Cosine { epochs: 0, last: 0.0 },
            Schedule::Cosine { epochs: 1, last: -0.1 },
            Schedule::WarmupCosine { warmup: 5, epochs: 5, last: 0.0 },
            Schedule::WarmupCosine { warmup: 0, epochs: 5, last: 0.0 },
        ] {
            assert_eq!(bad.check(), Err(Error::Invalid), "{bad:?}");
        }
    }
}
