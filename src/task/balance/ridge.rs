//! Ridge regression that learns as samples come: recursive least squares with forgetting, whose penalty is not
//! forgotten.
//!
//! What samples say is kept as their weighted products (the information form), and the weights are solved
//! anew from them by Cholesky's decomposition: with the inverse kept instead (Plackett 1950), features that
//! are not seen, or that depend on each other, would make it grow without bound as old samples are forgotten. In
//! float64, in one fixed order: the same numbers on every machine.

use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// Most features, the constant one not counted.
pub const MAX_FEATURES: usize = 64;

/// How a regression learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RidgeConfig {
    /// The penalty on the weights, above 0: as if so many samples said all the time that each is 0, and the
    /// constant what the first sample was.
    pub penalty: f32,
    /// What a sample's weight is multiplied by with each that comes after it, 0.5 to 1. At 0.999 about
    /// the last 1,000 count.
    pub forget: f32,
}

impl Default for RidgeConfig {
    fn default() -> Self {
        RidgeConfig { penalty: 0.1, forget: 0.999 }
    }
}

impl RidgeConfig {
    pub(super) fn check(&self) -> Result<()> {
        let good =
            self.penalty > 0.0 && self.penalty.is_finite() && (0.5..=1.0).contains(&self.forget);
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// Weights, and what they are solved from.
pub(super) struct Ridge<'m> {
    config: RidgeConfig,
    weights: Carved<'m, f64>,
    /// Sums of weighted products of features: the lower triangle, row-major, row `i` of `i + 1`.
    products: Carved<'m, f64>,
    /// Likewise of features and targets.
    targets: Carved<'m, f64>,
    /// Cholesky's lower triangle.
    triangle: Carved<'m, f64>,
    /// The first target: targets are taken relative to it.
    origin: f64,
    samples: u64,
}

/// Where row `i` of a triangle begins.
fn row(i: usize) -> usize {
    i * (i + 1) / 2
}

impl<'m> Ridge<'m> {
    /// A regression on so many features and a constant.
    pub fn carve(
        carver: &mut Carver<'m>,
        config: &RidgeConfig,
        features: usize,
    ) -> Result<Ridge<'m>> {
        config.check()?;
        if features > MAX_FEATURES {
            return Err(Error::Invalid);
        }
        let n = features + 1;
        Ok(Ridge {
            config: *config,
            weights: carver.take(n, 0.0)?,
            products: carver.take(row(n), 0.0)?,
            targets: carver.take(n, 0.0)?,
            triangle: carver.take(row(n), 0.0)?,
            origin: 0.0,
            samples: 0,
        })
    }

    /// How many samples it has learned from.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The weighted mean of what it has learned.
    pub fn mean(&self) -> f64 {
        let last = self.weights.len() - 1;
        self.origin + self.targets[last] / self.products[row(last) + last].max(1.0)
    }

    /// What it expects for features.
    pub fn predict(&self, features: &[f32]) -> f64 {
        let last = self.weights.len() - 1;
        let terms = self.weights.iter().zip(features).map(|(w, x)| w * f64::from(*x));
        self.origin + terms.fold(self.weights[last], |sum, term| sum + term)
    }

    /// Learns that features had this target; what is not finite is left alone.
    pub fn learn(&mut self, features: &[f32], target: f64) {
        let n = self.weights.len();
        let finite = |x: f32| x.is_finite() && x.abs() < 1e15;
        let good = target.is_finite() && features.iter().all(|x| finite(*x));
        if !good || features.len() != n - 1 {
            return;
        }
        if self.samples == 0 {
            self.origin = target;
        }
        let sample = |i: usize| features.get(i).map_or(1.0, |x| f64::from(*x));
        let forget = f64::from(self.config.forget);
        for i in 0..n {
            for (j, product) in self.products[row(i)..row(i + 1)].iter_mut().enumerate() {
                *product = *product * forget + sample(i) * sample(j);
            }
            self.targets[i] = self.targets[i] * forget + sample(i) * (target - self.origin);
        }
        self.samples += 1;
        self.solve();
    }

    /// The weights, from the products and the penalty on their diagonal.
    fn solve(&mut self) {
        let (n, penalty) = (self.weights.len(), f64::from(self.config.penalty));
        let lower = &mut self.triangle;
        for i in 0..n {
            for j in 0..=i {
                let mut sum = self.products[row(i) + j];
                (0..j).for_each(|k| sum -= lower[row(i) + k] * lower[row(j) + k]);
                lower[row(i) + j] = if i == j {
                    // At least the penalty, but for rounding, which is relative to what was subtracted from.
                    let least = (0.5 * penalty).max(1e-12 * self.products[row(i) + i]);
                    libm::sqrt((sum + penalty).max(least))
                } else {
                    sum / lower[row(j) + j]
                };
            }
        }
        for i in 0..n {
            let mut sum = self.targets[i];
            (0..i).for_each(|k| sum -= lower[row(i) + k] * self.weights[k]);
            self.weights[i] = sum / lower[row(i) + i];
        }
        for i in (0..n).rev() {
            let mut sum = self.weights[i];
            (i + 1..n).for_each(|k| sum -= lower[row(k) + i] * self.weights[k]);
            self.weights[i] = sum / lower[row(i) + i];
        }
    }
}

/// Spreads a value over `out` by hat functions on a logarithmic scale: each of `out.len()` knots from `low`
/// to `high` has a share of 0 to 1, at most two are not 0, their sum is 1. So a linear regression learns a
/// curve (a linear spline). Values outside the range are taken as its nearest end.
///
/// # Errors
/// [`Error::Invalid`] unless `0 < low < high` are finite, `value` is a number, and there are two knots at
/// least.
pub fn log_hats(value: f32, low: f32, high: f32, out: &mut [f32]) -> Result<()> {
    let good = low > 0.0 && high > low && high.is_finite() && !value.is_nan() && out.len() >= 2;
    if !good {
        return Err(Error::Invalid);
    }
    let intervals = (out.len() - 1) as f32;
    let share = libm::logf(value.clamp(low, high) / low) / libm::logf(high / low);
    let at = (share * intervals).clamp(0.0, intervals);
    let first = (at as usize).min(out.len() - 2);
    let part = at - first as f32;
    out.fill(0.0);
    (out[first], out[first + 1]) = (1.0 - part, part);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Random;
    use crate::port::{Allocator, Heap};
    use std::vec::Vec;

    fn with<T>(config: RidgeConfig, features: usize, then: impl FnOnce(Ridge<'_>) -> T) -> T {
        let mut measure = Carver::measure();
        Ridge::carve(&mut measure, &config, features).unwrap();
        let layout = measure.layout().unwrap();
        let mut piece = Heap.allocate(layout).unwrap();
        let mut carver = piece.carver(layout).unwrap();
        then(Ridge::carve(&mut carver, &config, features).unwrap())
    }

    /// The normal equations, solved by elimination.
    fn solve(samples: &[([f32; 3], f64)], penalty: f64, forget: f64) -> Vec<f64> {
        let first = samples[0].1;
        let mut a = [[0.0f64; 5]; 4];
        for (age, (x, y)) in samples.iter().rev().enumerate() {
            let row = [x[0], x[1], x[2], 1.0].map(f64::from);
            let weight = forget.powi(age as i32);
            for i in 0..4 {
                (0..4).for_each(|j| a[i][j] += weight * row[i] * row[j]);
                a[i][4] += weight * row[i] * y;
            }
        }
        (0..4).for_each(|i| a[i][i] += penalty);
        a[3][4] += penalty * first;
        for i in 0..4 {
            let pivot = a[i][i];
            (0..5).for_each(|j| a[i][j] /= pivot);
            for k in (0..4).filter(|k| *k != i) {
                let factor = a[k][i];
                (0..5).for_each(|j| a[k][j] -= factor * a[i][j]);
            }
        }
        a.iter().map(|row| row[4]).collect()
    }

    #[test]
    fn it_is_the_weighted_ridge_regression_of_all_samples() {
        let mut random = Random::new(3);
        let samples: Vec<([f32; 3], f64)> = (0..200)
            .map(|_| {
                let x = [random.uniform(), random.uniform(), random.uniform()];
                let y = 3.0 * x[0] - 2.0 * x[1] + 0.5 + 0.1 * random.uniform();
                (x, f64::from(y))
            })
            .collect();
        for forget in [1.0, 0.97f32] {
            with(RidgeConfig { penalty: 0.5, forget }, 3, |mut ridge| {
                samples.iter().for_each(|(x, y)| ridge.learn(x, *y));
                let theirs = solve(&samples, 0.5, forget.into());
                for x in [[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.3, -0.2, 0.9]] {
                    let row = [x[0], x[1], x[2], 1.0];
                    let expected: f64 =
                        row.iter().zip(&theirs).map(|(x, w)| f64::from(*x) * w).sum();
                    assert!((ridge.predict(&x) - expected).abs() < 1e-9);
                }
            });
        }
    }

    #[test]
    fn it_follows_what_changes_and_stays_finite_when_nothing_does() {
        with(RidgeConfig { penalty: 0.1, forget: 0.98 }, 3, |mut ridge| {
            // The second feature is never seen; the first and third are what the constant is.
            let x = [0.25, 0.0, 0.75];
            for target in [5.0, 9.0, 2.0] {
                (0..100_000).for_each(|_| ridge.learn(&x, target));
                assert!((ridge.predict(&x) - target).abs() < 0.05, "{}", ridge.predict(&x));
                assert!(ridge.weights.iter().all(|w| w.abs() < 10.0));
            }
            let before = ridge.predict(&x);
            ridge.learn(&[f32::NAN, 0.0, 0.0], 1.0);
            ridge.learn(&[f32::MAX, 0.0, 0.0], 1.0);
            ridge.learn(&x, f64::INFINITY);
            ridge.learn(&[1.0], 1.0);
            assert_eq!((ridge.samples(), ridge.predict(&x)), (300_000, before));
        });
    }

    #[test]
    fn hats_add_up_to_one_and_are_linear_between_knots() {
        let mut out = [0.0; 5];
        log_hats(4.0, 1.0, 16.0, &mut out).unwrap();
        assert_eq!(out, [0.0, 0.0, 1.0, 0.0, 0.0]);
        for (value, sum) in [(0.0, 0.0), (1e9, 4.0), (3.0, 1.585), (-5.0, 0.0)] {
            log_hats(value, 1.0, 16.0, &mut out).unwrap();
            assert!((out.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            let place: f32 = out.iter().enumerate().map(|(i, x)| i as f32 * x).sum();
            assert!((place - sum).abs() < 1e-3, "{place}");
        }
        for (value, low, high) in [(f32::NAN, 1.0, 2.0), (1.0, 0.0, 2.0), (1.0, 2.0, 2.0)] {
            assert_eq!(log_hats(value, low, high, &mut out), Err(Error::Invalid));
        }
        assert_eq!(log_hats(1.0, 1.0, 2.0, &mut out[..1]), Err(Error::Invalid));
    }
}
