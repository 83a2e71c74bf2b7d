//! From what was seen to what is wished. Whatever a model says, the tuner keeps it within its bounds.

use super::beats::Beats;
use super::weights::{HIDDEN, INPUTS, MEANS, SCALES, WEIGHTS};

/// What a node has seen. Times are in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// The shortest election timeout that may be.
    pub least_us: f32,
    /// How often the leader sends heartbeats.
    pub heartbeat_us: f32,
    /// Whether this node leads.
    pub leads: bool,
    /// Of the leader's heartbeats; nothing of a leader's own.
    pub beats: Beats,
    /// Round trips to the leader, mean and deviation; if this node leads, to the farthest voter.
    pub trip_us: f32,
    /// See `trip_us`.
    pub deviation_us: f32,
    /// How long a round trip to a majority takes, and to the farthest voter at worst.
    pub majority_us: f32,
    /// See `majority_us`.
    pub farthest_us: f32,
    /// The share of heartbeats that gets lost: here, or if this node leads the most that a voter of a
    /// majority says.
    pub lost: f32,
    /// Voters that are nearer to a majority than this one.
    pub rank: u8,
    /// Voters whose way was measured.
    pub known: u8,
    /// Elections that this node began although the leader lived, of late.
    pub needless: f32,
}

/// What a model wishes, in microseconds. Not numbers, and numbers without sense, are allowed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// Silence before an election.
    pub election_us: f32,
    /// What chance adds to it, at most.
    pub spread_us: f32,
    /// What an election, a read and so on may take.
    pub patience_us: f32,
    /// Between heartbeats.
    pub heartbeat_us: f32,
    /// How much later than the best candidate this node stands.
    pub later_us: f32,
}

/// Turns what was seen into what is wished.
pub trait Model {
    /// What is wished.
    fn wish(&mut self, seen: &Seen) -> Wish;

    /// How long a gap between heartbeats is thought possible, in heartbeats, before the margin of
    /// [`Beats`].
    fn foresee(&self, _beats: &Beats) -> f32 {
        1.0
    }
}

/// Mean and deviation of the round trip, and loss, after Dynatune (Shiozaki and Nakamura 2025): the
/// election timeout is the mean and two deviations, and so many heartbeats fit in it that one of 1,000 times
/// none arrives.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanDeviation;

impl Model for MeanDeviation {
    fn wish(&mut self, seen: &Seen) -> Wish {
        let election_us = (seen.trip_us + 2.0 * seen.deviation_us).max(seen.least_us);
        Wish {
            election_us,
            spread_us: election_us,
            patience_us: patience(seen),
            heartbeat_us: election_us / in_a_row(seen.lost, 0.001),
            later_us: 0.0,
        }
    }
}

/// Elections must not be given up before their answers can be there.
fn patience(seen: &Seen) -> f32 {
    2.0 * seen.farthest_us + seen.heartbeat_us
}

/// So many heartbeats, each lost with that chance, that all of them are in so many of all cases.
fn in_a_row(lost: f32, all: f32) -> f32 {
    let lost = lost.clamp(1e-6, 0.9);
    libm::ceilf(libm::logf(all) / libm::logf(lost)).max(1.0)
}

/// A network of a few units, trained on many kinds of delay and loss, says how long a gap can become that
/// looks so; the margin of [`Beats`] puts it right where this one is of another kind. Whoever is nearest to a
/// majority stands first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Learned;

/// What the network gets.
pub fn features(beats: &Beats) -> [f32; INPUTS] {
    let mean = beats.mean.max(0.01);
    let of = |value: f32| libm::logf((value / mean).max(0.01));
    [
        libm::logf(mean),
        libm::sqrtf(beats.variance) / mean,
        of(beats.tenth),
        of(beats.hundredth),
        of(beats.longest),
        beats.lost,
        of(beats.lately),
        (beats.count.min(200) as f32) / 200.0,
    ]
}

/// The network: the logarithm of a gap, in mean gaps, that hardly any is longer than.
pub fn network(inputs: &[f32; INPUTS], weights: &[f32]) -> f32 {
    let (hidden, last) = weights.split_at((INPUTS + 1) * HIDDEN);
    let mut sum = last.last().copied().unwrap_or_default();
    for (unit, out) in hidden.chunks_exact(INPUTS + 1).zip(last) {
        let terms = unit.iter().zip(inputs).map(|(weight, input)| weight * input);
        let total = terms.sum::<f32>() + unit.last().copied().unwrap_or_default();
        sum += out * total.max(0.0);
    }
    sum
}

/// Brings each to a mean of 0 and a deviation of 1.
pub fn scaled(
    inputs: &[f32; INPUTS],
    means: &[f32; INPUTS],
    scales: &[f32; INPUTS],
) -> [f32; INPUTS] {
    let mut scaled = *inputs;
    for ((place, mean), scale) in scaled.iter_mut().zip(means).zip(scales) {
        *place = ((*place - mean) * scale).clamp(-4.0, 4.0);
    }
    scaled
}

impl Model for Learned {
    fn foresee(&self, beats: &Beats) -> f32 {
        let above = network(&scaled(&features(beats), &MEANS, &SCALES), &WEIGHTS).clamp(0.0, 4.0);
        beats.mean * libm::expf(above)
    }

    fn wish(&mut self, seen: &Seen) -> Wish {
        let foreseen = self.foresee(&seen.beats) * libm::expf(seen.beats.margin + seen.needless);
        // Three heartbeats in the shortest timeout, and as many more as get lost in a row; what
        // they come late by has room, too.
        let count = in_a_row(seen.lost, 0.001).max(3.0);
        let room = seen.least_us - (2.0 * seen.deviation_us).min(seen.least_us / 2.0);
        let step = seen.majority_us.clamp(seen.least_us / 16.0, seen.least_us / 3.0);
        Wish {
            election_us: foreseen * seen.heartbeat_us,
            spread_us: seen.majority_us,
            patience_us: patience(seen),
            heartbeat_us: room / count,
            later_us: step * f32::from(seen.rank),
        }
    }
}
