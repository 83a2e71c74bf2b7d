//! Initial weights.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::Activation;

/// How a layer's initial weights are drawn. Biases start at zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Init {
    /// He for ReLU, Xavier for the others.
    #[default]
    Auto = 0,
    /// Uniform in `±sqrt(6 / (inputs + units))` (Glorot & Bengio 2010).
    Xavier = 1,
    /// Uniform in `±sqrt(6 / inputs)` (He et al. 2015).
    He = 2,
}

impl Init {
    /// The initialisation with this number, if there is one.
    pub const fn from_code(code: u32) -> Option<Init> {
        Some(match code {
            0 => Init::Auto,
            1 => Init::Xavier,
            2 => Init::He,
            _ => return None,
        })
    }

    /// Half the width of the uniform distribution.
    fn limit(self, inputs: usize, units: usize, activation: Activation) -> f32 {
        let he = match self {
            Init::Auto => activation == Activation::Relu,
            Init::Xavier => false,
            Init::He => true,
        };
        libm::sqrtf(6.0 / if he { inputs as f32 } else { (inputs + units) as f32 })
    }

    /// Fills a layer's weights.
    pub(crate) fn fill(
        self,
        weights: &mut [f32],
        (inputs, units): (usize, usize),
        activation: Activation,
        random: &mut Random,
    ) {
        let limit = self.limit(inputs, units, activation);
        weights.iter_mut().for_each(|w| *w = limit * random.uniform());
    }
}

/// Random numbers from a seed: the same on every machine.
pub(crate) struct Random(Xoshiro256PlusPlus);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Uniform in -1..1, of 24 bits.
    pub fn uniform(&mut self) -> f32 {
        let bits = (self.0.next_u64() >> 40) as f32;
        bits * (2.0 / 16_777_216.0) - 1.0
    }

    /// Uniform in 0..`end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        // The high half of the product: off by less than end / 2^64.
        ((u128::from(self.0.next_u64()) * end as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_fill_their_range_evenly_and_repeat_by_seed() {
        let draw = |seed, init: Init, activation| {
            let mut w = std::vec![0.0f32; 60 * 40];
            init.fill(&mut w, (60, 40), activation, &mut Random::new(seed));
            w
        };
        for (init, activation, variance) in [
            (Init::Auto, Activation::Tanh, 2.0 / 100.0),
            (Init::Auto, Activation::Relu, 2.0 / 60.0),
            (Init::Xavier, Activation::Relu, 2.0 / 100.0),
            (Init::He, Activation::Tanh, 2.0 / 60.0),
        ] {
            let w = draw(7, init, activation);
            let mean = w.iter().sum::<f32>() / w.len() as f32;
            let spread = w.iter().map(|w| w * w).sum::<f32>() / w.len() as f32;
            assert!(mean.abs() < 0.02, "{mean}");
            assert!((spread / variance - 1.0).abs() < 0.1, "{spread} {variance}");
            assert!(w.iter().all(|w| w * w <= 3.0 * variance * 1.000_01));
            assert_eq!(w, draw(7, init, activation));
            assert_ne!(w, draw(8, init, activation));
        }
    }
}
