//! Choices by chance, for which it is enough that they are even.

use rand_core::Rng;
use rand_xoshiro::SplitMix64;

/// Uniform in 0..`end`, to within `end` / 2^64; 0 for none.
pub(super) fn below(random: &mut SplitMix64, end: u64) -> u64 {
    ((u128::from(random.next_u64()) * u128::from(end)) >> 64) as u64
}
