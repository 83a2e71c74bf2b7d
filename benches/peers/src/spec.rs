//! What is trained, and how: the same for us and for libfann.

/// The activation of all units, in libfann's form with its steepness of 0.5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Squash {
    /// In 0..1.
    Sigmoid,
    /// In -1..1.
    Tanh,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    Incremental,
    Batch,
    Rprop,
}

/// A network and how it is trained, with libfann's settings for the rest: its
/// learning rate of 0.7, its error function "tanh".
#[derive(Clone, Debug)]
pub struct Spec {
    /// Widths, the inputs' first.
    pub layers: Vec<usize>,
    pub squash: Squash,
    pub method: Method,
}

impl Spec {
    pub fn new(layers: &[usize], squash: Squash, method: Method) -> Spec {
        Spec { layers: layers.to_vec(), squash, method }
    }

    /// Weights and biases.
    pub fn parameters(&self) -> usize {
        self.layers.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum()
    }

    pub fn inputs(&self) -> usize {
        self.layers[0]
    }

    pub fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1]
    }

    /// "784-128-10"
    pub fn name(&self) -> String {
        self.layers.iter().map(usize::to_string).collect::<Vec<_>>().join("-")
    }

    /// First weights as libfann draws them, uniform within ±0.1, from a seed.
    pub fn weights(&self, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed);
        (0..self.parameters()).map(|_| random.between(-0.1, 0.1)).collect()
    }
}

/// SplitMix64 (Steele, Lea & Flood 2014): for weights and synthetic samples.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.next() >> 40) as f32 / (1u64 << 24) as f32)
    }
}
