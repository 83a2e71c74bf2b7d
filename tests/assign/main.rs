//! Assignment, allocation and auctions from the outside.

mod allocate;
mod auctions;
mod hostile;
mod limits;
mod lives;
mod matrix;
mod network;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

/// Whether a call succeeds does not matter here.
pub fn ignore<T>(_: T) {}

/// Random numbers from a seed.
pub struct Random(SplitMix64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(SplitMix64::seed_from_u64(seed))
    }

    /// In 0..end.
    pub fn below(&mut self, end: usize) -> usize {
        (((self.0.next_u64() >> 32) * end as u64) >> 32) as usize
    }

    /// In 0..1.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}
