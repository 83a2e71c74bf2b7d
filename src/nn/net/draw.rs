//! What a new network draws by chance: its connections and its weights.

use super::parts::Body;
use super::{Net, Scale};
use crate::error::{Error, Result};
use crate::nn::Activation;
use crate::nn::init::{Init, Random};
use crate::nn::permutation::Permutation;

/// How [`Net::randomize`] draws weights.
#[derive(Clone, Copy, Debug)]
pub enum Randomize<'a> {
    /// As layers are initialised at creation; biases are zero.
    Init(Init),
    /// Weights and biases uniform from the first to the second number.
    Uniform(f32, f32),
    /// Nguyen & Widrow, "Improving the learning speed of 2-layer neural
    /// networks by choosing initial values of the adaptive weights", 1990: each
    /// hidden unit is active in a part of its inputs' range. The ranges of the
    /// network's inputs come from these samples, rows of them; the last layer
    /// is uniform in ±0.5.
    NguyenWidrow(&'a [f32]),
}

impl Body<'_> {
    /// Draws the connections of sparse layers: each unit about the same number,
    /// each source at least one.
    pub fn draw_links(&mut self, seed: u64) -> Result<()> {
        if !self.shape.sparse {
            return Ok(());
        }
        let (starts, sources) = (self.starts.own()?, self.sources.own()?);
        let mut end = 0;
        for (i, layer) in self.table[..self.shape.layers].iter().enumerate() {
            let (inputs, units) = (layer.inputs(), layer.units());
            // Which unit must have which source, so that none is left out.
            let owner = Permutation::new(inputs, seed, i as u64);
            for unit in 0..units {
                starts[layer.units_before + unit] = end as u32;
                if layer.links.is_none() {
                    continue;
                }
                let count = layer.weights() / units + usize::from(unit < layer.weights() % units);
                let row = &mut sources[end..end + count];
                let owned = |source: &usize| owner.at(*source) % units == unit;
                let order = Permutation::new(inputs, !seed, (layer.units_before + unit) as u64);
                let others = (0..inputs).map(|k| order.at(k)).filter(|source| !owned(source));
                let chosen = (0..inputs).filter(owned).chain(others);
                for (to, source) in row.iter_mut().zip(chosen) {
                    *to = layer.first + source as u32;
                }
                row.sort_unstable();
                end += count;
            }
        }
        starts[self.shape.units..].fill(end as u32);
        Ok(())
    }

    /// Gives every unit its layer's activation and steepness.
    pub fn reset_styles(&mut self) -> Result<()> {
        if self.codes.is_empty() {
            return Ok(());
        }
        let (codes, steeps) = (self.codes.own()?, self.steeps.own()?);
        for layer in &self.table[..self.shape.layers] {
            let units = layer.units_before..layer.units_before + layer.units();
            codes[units.clone()].fill(layer.activation.code());
            steeps[units].fill(layer.steepness);
        }
        Ok(())
    }

    /// Makes the scaling one that changes nothing.
    pub fn reset_scaling(&mut self) -> Result<()> {
        if !self.scaling.is_empty() {
            let scales = self.scaling.own()?.as_chunks_mut().0;
            let Scale { mean, deviation, minimum, factor } = Scale::NONE;
            scales.iter_mut().for_each(|scale| *scale = [mean, deviation, minimum, factor]);
        }
        Ok(())
    }

    /// Weights of a layer on average for each unit, and units.
    pub fn init(&mut self, layer: usize, init: Init, random: &mut Random) -> Result<()> {
        let layer = self.table[layer];
        let size = (layer.weights() / layer.units(), layer.units());
        let (weights, biases) = layer.of_mut(self.parameters.own()?);
        init.fill(weights, size, layer.activation, random);
        biases.fill(0.0);
        Ok(())
    }

    fn nguyen_widrow(&mut self, samples: &[f32], random: &mut Random) -> Result<()> {
        let inputs = self.shape.inputs;
        for i in 0..self.shape.layers {
            let layer = self.table[i];
            let last = i + 1 == self.shape.layers;
            for unit in 0..layer.units() {
                self.nguyen_widrow_unit((i, unit, last), (samples, inputs), random)?;
            }
        }
        Ok(())
    }

    fn nguyen_widrow_unit(
        &mut self,
        (i, unit, last): (usize, usize, bool),
        (samples, inputs): (&[f32], usize),
        random: &mut Random,
    ) -> Result<()> {
        let layer = self.table[i];
        let range = if layer.links.is_some() {
            let (at, sources) = self.row(&layer, unit);
            at..at + sources.count()
        } else {
            unit * layer.inputs()..(unit + 1) * layer.inputs()
        };
        let (weights, biases) = layer.of_mut(self.parameters.own()?);
        let row = &mut weights[range.clone()];
        row.iter_mut().for_each(|w| *w = 0.5 * random.uniform());
        let mut bias = 0.5 * random.uniform();
        if !last {
            let fan_in = row.len().max(1) as f32;
            let length = 0.7 * libm::powf(layer.units() as f32, 1.0 / fan_in);
            let norm = libm::sqrtf(row.iter().map(|w| w * w).sum());
            let factor = if norm > 0.0 { length / norm } else { 0.0 };
            row.iter_mut().for_each(|w| *w *= factor / layer.steepness);
            bias = length * random.uniform() / layer.steepness;
            // From the paper's inputs in ±1 to the ranges that there are.
            for index in range {
                let node = layer.first as usize + self.source(&layer, index);
                let (low, high) = self.range_of(node, samples, inputs);
                let spread = if high > low { high - low } else { 2.0 };
                let w = &mut layer.of_mut(self.parameters.own()?).0[index];
                *w *= 2.0 / spread;
                bias -= *w * (low + high) / 2.0;
            }
            layer.of_mut(self.parameters.own()?).1[unit] = bias;
        } else {
            biases[unit] = bias;
        }
        Ok(())
    }

    /// The range of a node's values: of an input over the samples, of a unit
    /// by its activation.
    fn range_of(&self, node: usize, samples: &[f32], inputs: usize) -> (f32, f32) {
        if node < inputs {
            let column = samples.iter().skip(node).step_by(inputs);
            return column.fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
        }
        let unit = node - inputs;
        let layer = self.layers().iter().rev().find(|layer| layer.units_before <= unit);
        let activation = layer.map_or(Activation::Linear, |layer| layer.activation);
        match activation {
            Activation::Sigmoid
            | Activation::SigmoidStepwise
            | Activation::Relu
            | Activation::Gaussian
            | Activation::Elliot
            | Activation::LinearPiece
            | Activation::Threshold
            | Activation::Sin
            | Activation::Cos => (0.0, 1.0),
            _ => (-1.0, 1.0),
        }
    }
}

impl Net<'_> {
    /// Draws all weights anew. The same seed gives the same weights.
    ///
    /// [`Error::Invalid`] for a range that is none, [`Error::Length`] for
    /// samples that are not whole rows of inputs, [`Error::NnNotFinite`],
    /// [`Error::ReadOnly`].
    pub fn randomize(&mut self, how: Randomize<'_>, seed: u64) -> Result<()> {
        let mut random = Random::new(seed);
        match how {
            Randomize::Init(init) => {
                (0..self.body.shape.layers).try_for_each(|i| self.body.init(i, init, &mut random))
            }
            Randomize::Uniform(low, high) => {
                let half = (high - low) / 2.0;
                if !(half.is_finite() && half >= 0.0) {
                    return Err(Error::Invalid);
                }
                let all = self.parameters_mut()?.iter_mut();
                // Rounding may not lead outside.
                all.for_each(|w| *w = (low + half * (random.uniform() + 1.0)).clamp(low, high));
                Ok(())
            }
            Randomize::NguyenWidrow(samples) => {
                let inputs = self.body.shape.inputs;
                if samples.is_empty() || !samples.len().is_multiple_of(inputs) {
                    return Err(Error::Length);
                }
                if !samples.iter().all(|x| x.is_finite()) {
                    return Err(Error::NnNotFinite);
                }
                self.body.parameters.own()?;
                self.body.nguyen_widrow(samples, &mut random)
            }
        }
    }
}
