//! What a request will be: a ridge regression on its features, or a small network.
//!
//! The network has one hidden layer of `tanh` units, whose weights are drawn once and stay (Rahimi and Recht,
//! "Random Features for Large-Scale Kernel Machines", 2007; Huang et al., "Extreme Learning Machine", 2006);
//! its output layer sees the features and the units, and is the same ridge regression, which learns as requests
//! come back. So there is no rate to choose, and nothing that could diverge.

use super::config::BalancerConfig;
use super::ridge::{MAX_FEATURES, Ridge};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::nn::{Activation, Layer, Net, NetConfig, Randomize};

/// Least weight of a new sample in the features' means and deviations.
const FOLLOW: f64 = 0.001;
/// Features are cut off at so many deviations.
const FAR: f64 = 4.0;

/// What learns the work of requests from their features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learner {
    /// A ridge regression: work is a sum over features.
    Ridge,
    /// A network with one hidden layer, for work that is another function of the features. It needs at least
    /// one feature.
    Network {
        /// Hidden units, at least 1; with the features at most 64.
        units: u32,
    },
}

impl Learner {
    pub(super) fn check(self, features: u32) -> Result<()> {
        let good = match self {
            Learner::Ridge => features as usize <= MAX_FEATURES,
            Learner::Network { units } => {
                let most = MAX_FEATURES as u32;
                features >= 1 && units >= 1 && units <= most.saturating_sub(features)
            }
        };
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

pub(super) struct Predictor<'m> {
    hidden: Option<Hidden<'m>>,
    ridge: Ridge<'m>,
}

impl<'m> Predictor<'m> {
    pub fn carve(carver: &mut Carver<'m>, config: &BalancerConfig) -> Result<Predictor<'m>> {
        let features = config.features as usize;
        let Learner::Network { units } = config.learner else {
            let ridge = Ridge::carve(carver, &config.ridge, features)?;
            return Ok(Predictor { hidden: None, ridge });
        };
        let units = units as usize;
        let ridge = Ridge::carve(carver, &config.ridge, features + units)?;
        let hidden = Hidden::carve(carver, features, units, config.seed)?;
        Ok(Predictor { hidden, ridge })
    }

    /// How many samples it has learned from.
    pub fn samples(&self) -> u64 {
        self.ridge.samples()
    }

    /// The weighted mean of what it has learned.
    pub fn mean(&self) -> f64 {
        self.ridge.mean()
    }

    /// What it expects for features that are finite.
    pub fn predict(&mut self, features: &[f32]) -> f64 {
        match &mut self.hidden {
            None => self.ridge.predict(features),
            Some(hidden) => self.ridge.predict(hidden.row(features)),
        }
    }

    /// Learns that features had this target.
    pub fn learn(&mut self, features: &[f32], target: f64) {
        match &mut self.hidden {
            None => self.ridge.learn(features, target),
            Some(hidden) => {
                hidden.see(features);
                self.ridge.learn(hidden.row(features), target);
            }
        }
    }
}

struct Hidden<'m> {
    /// Of each feature the mean and the squared deviation, by which it is brought to about 1.
    means: Carved<'m, f64>,
    squares: Carved<'m, f64>,
    seen: f64,
    /// Features as they are brought to about 1, then what the units make of them.
    row: Carved<'m, f32>,
    net: Net<'m>,
}

impl<'m> Hidden<'m> {
    /// `None` where memory is only measured.
    fn carve(
        carver: &mut Carver<'m>,
        features: usize,
        units: usize,
        seed: u64,
    ) -> Result<Option<Hidden<'m>>> {
        let layers = [Layer::new(units, Activation::Tanh)];
        let config = NetConfig::new(features, &layers);
        let (means, squares) = (carver.take(features, 0.0)?, carver.take(features, 0.0)?);
        let row = carver.take(features + units, 0.0)?;
        let Some(piece) = carver.piece(Net::footprint(&config)?)? else { return Ok(None) };
        let mut net = Net::in_piece(&config, piece)?;
        // Sums of about one deviation, so that units are curved in different places.
        let size = 2.0 / libm::sqrtf(features as f32);
        net.randomize(Randomize::Uniform(-size, size), seed)?;
        Ok(Some(Hidden { means, squares, seen: 0.0, row, net }))
    }

    /// Follows how large features are.
    fn see(&mut self, features: &[f32]) {
        self.seen += 1.0;
        let follow = (1.0 / self.seen).max(FOLLOW);
        for ((mean, square), x) in self.means.iter_mut().zip(&mut *self.squares).zip(features) {
            let off = f64::from(*x) - *mean;
            *mean += follow * off;
            // What the old and the new mean say together (Welford 1962).
            *square += follow * (off * (f64::from(*x) - *mean) - *square);
        }
    }

    /// What the regression sees.
    fn row(&mut self, features: &[f32]) -> &[f32] {
        let (inputs, units) = self.row.split_at_mut(self.means.len());
        let known = self.means.iter().zip(&*self.squares).zip(features);
        for (input, ((mean, square), x)) in inputs.iter_mut().zip(known) {
            let off = f64::from(*x) - mean;
            let deviation = libm::sqrt(*square);
            let far = if deviation > 0.0 { off / deviation } else { 0.0 };
            *input = far.clamp(-FAR, FAR) as f32;
        }
        // Lengths fit and all is finite; else units say nothing.
        if self.net.forward(inputs, units).is_err() {
            units.fill(0.0);
        }
        &self.row
    }
}
