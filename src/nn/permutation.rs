//! An order to visit samples in, by seed, that takes no memory.
//!
//! A balanced Feistel network is a permutation of the 2k-bit numbers; walking
//! along its cycle until the number is below `len` makes it one of `0..len`
//! (Black & Rogaway, "Ciphers with Arbitrary Finite Domains", 2002). Not for
//! secrets: the round function is a mixer (the finaliser of MurmurHash3).

/// A permutation of `0..len`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permutation {
    len: u64,
    half: u32,
    keys: [u64; ROUNDS],
}

const ROUNDS: usize = 6;

impl Permutation {
    pub fn new(len: usize, seed: u64, epoch: u64) -> Permutation {
        let len = len as u64;
        let bits = 64 - len.saturating_sub(1).leading_zeros();
        let mut key = mix(seed) ^ mix(!epoch);
        let keys = core::array::from_fn(|_| {
            key = mix(key.wrapping_add(0x9e37_79b9_7f4a_7c15));
            key
        });
        Permutation { len, half: bits.div_ceil(2).max(1), keys }
    }

    /// Where `index` (below the length) goes.
    pub fn at(&self, index: usize) -> usize {
        let mut value = index as u64;
        loop {
            value = self.round_trip(value);
            if value < self.len {
                return value as usize;
            }
        }
    }

    fn round_trip(&self, value: u64) -> u64 {
        let mask = (1u64 << self.half) - 1;
        let (mut left, mut right) = (value >> self.half, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half | right
    }
}

/// A mixer of 64 bits (the finaliser of MurmurHash3).
pub(crate) fn mix(mut x: u64) -> u64 {
    x = (x ^ x >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ x >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ x >> 33
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn order(len: usize, seed: u64, epoch: u64) -> Vec<usize> {
        let permutation = Permutation::new(len, seed, epoch);
        (0..len).map(|i| permutation.at(i)).collect()
    }

    #[test]
    fn every_index_comes_exactly_once() {
        for len in (1..200).chain([1437, 4096, 4097]) {
            let mut all = order(len, 3, len as u64);
            all.sort_unstable();
            assert!(all.into_iter().eq(0..len), "{len}");
        }
    }

    #[test]
    fn seeds_and_epochs_give_other_orders() {
        assert_eq!(order(1000, 1, 1), order(1000, 1, 1));
        assert_ne!(order(1000, 1, 1), order(1000, 1, 2));
        assert_ne!(order(1000, 1, 1), order(1000, 2, 1));
    }

    #[test]
    fn places_are_spread_evenly() {
        // Over many epochs each index should be first about equally often:
        // chi-square with 15 degrees of freedom, far beyond the 99.99 % point.
        let mut counts = [0f64; 16];
        for epoch in 0..16_000 {
            counts[Permutation::new(16, 42, epoch).at(0)] += 1.0;
        }
        let chi: f64 = counts.iter().map(|c| (c - 1000.0) * (c - 1000.0) / 1000.0).sum();
        assert!(chi < 50.0, "{chi}");
    }
}
