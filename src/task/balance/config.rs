//! What a dispatcher is made for, and the words of its interface.

use super::predictor::Learner;
use super::ridge::RidgeConfig;
use crate::error::{Error, Result};

/// Most workers of a dispatcher.
pub const MAX_WORKERS: u32 = 1 << 16;
/// Most requests in flight.
pub const MAX_REQUESTS: u32 = 1 << 20;
/// Most answers in a Prequal pool.
pub const MAX_POOL: u32 = 256;

/// How a worker is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Policy {
    /// The one that would be done first: what the request is expected to be, learned from its features,
    /// beside what the worker says that it has, by the speed that was measured. Of `probes` that are
    /// drawn and answer; without probes of `choices` that are drawn, by what this dispatcher knows itself.
    PredictedWork = 0,
    /// One after the other.
    RoundRobin = 1,
    /// Of a few that are drawn, the one with the fewest requests in flight (Mitzenmacher, "The Power of
    /// Two Choices in Randomized Load Balancing", 2001). Without probes two are drawn, and this
    /// dispatcher's own requests count; with `probes` so many are drawn and tell theirs.
    PowerOfTwo = 2,
    /// Of two that are drawn, the smaller product of a peak-sensitive moving average of latency and one
    /// more than this dispatcher's requests in flight (Finagle's and linkerd's `p2cPeakEwma`).
    PeakEwma = 3,
    /// Of all, the one with the fewest requests of this dispatcher in flight.
    LeastLoaded = 4,
    /// A pool of answers to probes, asked beforehand; among those that are not hot (of their requests in
    /// flight) the one with the smallest latency, else the one with the fewest requests in flight
    /// (Wydrowski et al., "Load is not what you should balance: Introducing Prequal", NSDI 2024).
    Prequal = 5,
    /// The same rule over answers that are waited for (its synchronous mode).
    PrequalSync = 6,
}

impl Policy {
    /// The policy with this number, if there is one.
    pub const fn from_code(code: u32) -> Option<Policy> {
        Some(match code {
            0 => Policy::PredictedWork,
            1 => Policy::RoundRobin,
            2 => Policy::PowerOfTwo,
            3 => Policy::PeakEwma,
            4 => Policy::LeastLoaded,
            5 => Policy::Prequal,
            6 => Policy::PrequalSync,
            _ => return None,
        })
    }

    /// Whether it uses answers to probes.
    pub const fn probes(self) -> bool {
        !matches!(self, Policy::RoundRobin | Policy::PeakEwma | Policy::LeastLoaded)
    }
}

/// Settings of [`Policy::Prequal`]; the defaults are the paper's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrequalConfig {
    /// Most answers in the pool, 2 to 256.
    pub pool: u32,
    /// How long an answer is used, in microseconds.
    pub age_us: u64,
    /// A worker is hot above this quantile of the requests in flight that were told of late, 0 to 1.
    pub quantile: f32,
    /// Answers that are removed for each request, 0 to 16; oldest and worst in turn.
    pub remove: f32,
    /// By how much the pool is to fill up net of what is used, above 0.
    pub fill: f32,
    /// A worker is asked when none was asked for so long, in microseconds; 0: never.
    pub idle_us: u64,
}

impl Default for PrequalConfig {
    fn default() -> Self {
        PrequalConfig {
            pool: 16,
            age_us: 1_000_000,
            quantile: 0.84,
            remove: 1.0,
            fill: 1.0,
            idle_us: 100_000,
        }
    }
}

/// How batteries enter: a worker's cost is multiplied by `1 + weight * (1 - battery) / battery`, and divided
/// by its duty cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerConfig {
    /// How much a battery counts, 0 (not at all) or above.
    pub weight: f32,
    /// A worker whose battery is below this is chosen only if all are, 0 to 1.
    pub reserve: f32,
}

impl Default for PowerConfig {
    fn default() -> Self {
        PowerConfig { weight: 0.25, reserve: 0.1 }
    }
}

/// A worker's power.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// What is in its battery, 0 to 1; 1 on the mains.
    pub battery: f32,
    /// The share of time that it is awake, above 0 to 1.
    pub duty: f32,
}

impl Default for Power {
    /// On the mains, always awake.
    fn default() -> Self {
        Power { battery: 1.0, duty: 1.0 }
    }
}

impl Power {
    pub(super) fn check(&self) -> Result<()> {
        let good = (0.0..=1.0).contains(&self.battery) && self.duty > 0.0 && self.duty <= 1.0;
        if good { Ok(()) } else { Err(Error::Invalid) }
    }

    /// What a worker's cost is multiplied by.
    pub(super) fn factor(&self, config: &PowerConfig) -> f64 {
        // In float64: the smallest duty cycle is still no division by zero.
        let battery = f64::from(self.battery).max(0.01);
        (1.0 + f64::from(config.weight) * (1.0 - battery) / battery) / f64::from(self.duty)
    }
}

/// What a dispatcher is made for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BalancerConfig {
    /// How a worker is chosen.
    pub policy: Policy,
    /// Workers, 1 to 65,536: they have the numbers from 0 on.
    pub workers: u32,
    /// Most requests in flight, 1 to 2^20.
    pub requests: u32,
    /// Numbers that tell what a request is, 0 to 64.
    pub features: u32,
    /// Workers that are asked for each request, 0 to `workers`.
    pub probes: u32,
    /// Workers that [`Policy::PredictedWork`] draws where none is asked, 1 to `workers`.
    pub choices: u32,
    /// How old an answer may be, in microseconds, for policies that wait for answers: the time that is
    /// waited for them.
    pub fresh_us: u64,
    /// Where draws come from. Dispatchers are to have different ones.
    pub seed: u64,
    /// In how long the average of [`Policy::PeakEwma`] forgets all but 37%, in microseconds, above 0.
    pub decay_us: u64,
    /// In how long a worker's failures are forgotten, all but 37% of them, in microseconds, above 0. Each that
    /// is not doubles its cost; a success makes up for half of them.
    pub forgive_us: u64,
    /// For [`Policy::Prequal`] and [`Policy::PrequalSync`].
    pub prequal: PrequalConfig,
    /// What learns the work of requests.
    pub learner: Learner,
    /// How it is learned.
    pub ridge: RidgeConfig,
    /// The work of a request before any was seen, above 0, in the caller's unit.
    pub work: f32,
    /// The work that a worker does in a second, before one is known, above 0.
    pub speed: f32,
    /// How power enters.
    pub power: PowerConfig,
}

impl Default for BalancerConfig {
    /// Predicted work, 5 probes: what it takes for a few workers.
    fn default() -> Self {
        BalancerConfig {
            policy: Policy::PredictedWork,
            workers: 8,
            requests: 64,
            features: 1,
            probes: 5,
            choices: 5,
            fresh_us: 2_000,
            seed: 0,
            decay_us: 10_000_000,
            forgive_us: 10_000_000,
            prequal: PrequalConfig::default(),
            learner: Learner::Ridge,
            ridge: RidgeConfig::default(),
            work: 1.0,
            speed: 1.0,
            power: PowerConfig::default(),
        }
    }
}

impl BalancerConfig {
    pub(super) fn check(&self) -> Result<()> {
        let positive = |x: f32| x > 0.0 && x.is_finite();
        let part = |x: f32| (0.0..=1.0).contains(&x);
        let good = (1..=MAX_WORKERS).contains(&self.workers)
            && (1..=MAX_REQUESTS).contains(&self.requests)
            && (1..=self.workers).contains(&self.choices)
            && self.decay_us > 0
            && self.forgive_us > 0
            && (2..=MAX_POOL).contains(&self.prequal.pool)
            && part(self.prequal.quantile)
            && (0.0..=16.0).contains(&self.prequal.remove)
            && positive(self.prequal.fill)
            && positive(self.work)
            && positive(self.speed)
            && self.power.weight >= 0.0
            && self.power.weight.is_finite()
            && part(self.power.reserve);
        if !good || self.probes > self.workers {
            return Err(Error::Invalid);
        }
        self.learner.check(self.features)?;
        self.ridge.check()
    }
}

/// What a worker says when it is asked ([`Gauge::answer`](super::Gauge::answer)).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answer {
    /// Requests that it has.
    pub in_flight: u32,
    /// What a request took lately when there were about as many, in microseconds; 0: not known.
    pub latency_us: f32,
    /// The work that is left of what it has, as dispatchers expect it.
    pub work: f32,
    /// The work that it does in a second; 0: not known.
    pub speed: f32,
}

impl Answer {
    pub(super) fn check(&self) -> Result<()> {
        let number = |x: f32| x >= 0.0 && x.is_finite();
        let good = number(self.latency_us) && number(self.work) && number(self.speed);
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// A choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    /// The worker.
    pub worker: u32,
    /// The work that the request is expected to be: to be sent with it, for the worker's
    /// [`Gauge`](super::Gauge).
    pub work: f32,
}

/// What is known of a request that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Done {
    /// The worker that had it.
    pub worker: u32,
    /// How long it was in flight, in microseconds.
    pub latency_us: u64,
}
