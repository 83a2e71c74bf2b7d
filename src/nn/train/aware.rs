//! Quantisation-aware training (Jacob et al. 2018, "Quantization and Training of
//! Neural Networks for Efficient Integer-Arithmetic-Only Inference").
//!
//! Forward and backward the network has the weights that an int8 network would
//! have, and the inputs and every hidden layer's outputs go to the nearest of the
//! 256 values that they would have there. What the rounding does to the slopes is left out
//! (the straight-through estimator, Bengio et al. 2013); the steps go to the
//! real weights. The inputs' range is that of all samples; the outputs' ranges
//! are seen on the first of them at the beginning of each epoch.

use super::Data;
use super::lanes::Lane;
use super::loss::Judge;
use crate::error::Result;
use crate::mem::{Carved, Carver};
use crate::nn::net::Body;
use crate::nn::quant::Quantization;
use crate::nn::{Activation, Net};

/// Samples that the ranges are seen on.
const SEEN: usize = 512;

/// The 256 values of a layer's outputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    scale: f32,
    low: f32,
    high: f32,
}

impl Grid {
    const NONE: Grid = Grid { scale: 1.0, low: 0.0, high: 0.0 };

    fn of(activation: Activation, (low, high): (f32, f32)) -> Grid {
        let quantization = match activation {
            Activation::Tanh => Quantization { scale: 1.0 / 128.0, zero_point: 0 },
            Activation::Sigmoid => Quantization { scale: 1.0 / 256.0, zero_point: -128 },
            _ => Quantization::of_range(low, high),
        };
        let (low, high) = (quantization.dequantize(-128), quantization.dequantize(127));
        Grid { scale: quantization.scale, low, high }
    }

    /// Makes its range hold these values.
    fn widen(&mut self, values: &[f32]) {
        self.low = values.iter().copied().fold(self.low, f32::min);
        self.high = values.iter().copied().fold(self.high, f32::max);
    }

    /// Puts values on the grid; those outside it, on its ends.
    pub fn round(&self, values: &mut [f32]) {
        let inverse = 1.0 / self.scale;
        for x in values {
            *x = nearest(x.clamp(self.low, self.high) * inverse) * self.scale;
        }
    }
}

/// The nearest integer to a number of less than 2^22, the even one between two.
fn nearest(x: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0;
    (x + SHIFT) - SHIFT
}

/// What quantisation-aware training needs.
pub(super) struct Aware<'m> {
    /// The weights, while the network has rounded ones.
    real: Carved<'m, f32>,
    /// Of the inputs, then of each layer's outputs.
    grids: Carved<'m, Grid>,
}

impl<'m> Aware<'m> {
    /// Nothing unless it is wanted.
    pub fn carve(wanted: bool, body: &Body<'_>, carver: &mut Carver<'m>) -> Result<Aware<'m>> {
        let len = |len: usize| if wanted { len } else { 0 };
        Ok(Aware {
            real: carver.take(len(body.shape.parameters), 0.0)?,
            grids: carver.take(len(body.shape.layers + 1), Grid::NONE)?,
        })
    }

    pub fn is_on(&self) -> bool {
        !self.real.is_empty()
    }

    /// A grid for the inputs and one for each layer, if there are any.
    pub fn grids(&self) -> Option<&[Grid]> {
        self.is_on().then_some(&*self.grids)
    }

    /// Sees the ranges of all layers' outputs on the first of the samples.
    pub fn observe(
        &mut self,
        net: &mut Net<'_>,
        lane: &mut Lane<'_>,
        judge: &Judge,
        data: Data<'_>,
    ) -> Result<()> {
        if !self.is_on() {
            return Ok(());
        }
        self.put_on(net)?;
        let inputs = net.shape().inputs;
        let samples = (data.inputs.len() / inputs).min(SEEN);
        self.grids.fill(Grid::NONE);
        let (first, grids) = self.grids.split_at_mut(1);
        first[0].widen(data.inputs);
        lane.values(net.body(), judge, (data, samples), |layer, values| grids[layer].widen(values));
        let activations = net.layers().iter().map(|layer| layer.activation);
        let activations = core::iter::once(Activation::Linear).chain(activations);
        for (grid, activation) in self.grids.iter_mut().zip(activations) {
            *grid = Grid::of(activation, (grid.low, grid.high));
        }
        self.take_off(net)
    }

    /// Gives the network rounded weights.
    pub fn put_on(&mut self, net: &mut Net<'_>) -> Result<()> {
        if !self.is_on() {
            return Ok(());
        }
        self.real.copy_from_slice(net.parameters());
        for i in 0..net.shape().layers {
            let layer = net.layers()[i];
            for unit in 0..layer.units() {
                let row = net.body().weights_of(&layer, unit);
                round_weights(&mut net.parameters_mut()?[layer.at..][row]);
            }
        }
        Ok(())
    }

    /// Gives it its own again.
    pub fn take_off(&self, net: &mut Net<'_>) -> Result<()> {
        if self.is_on() {
            net.parameters_mut()?.copy_from_slice(&self.real);
        }
        Ok(())
    }
}

/// One scale for a unit: its largest weight becomes 127.
fn round_weights(weights: &mut [f32]) {
    let largest = weights.iter().fold(0f32, |max, w| max.max(w.abs()));
    let (scale, inverse) = (largest / 127.0, 127.0 / largest);
    if scale.is_normal() && inverse.is_finite() {
        weights.iter_mut().for_each(|w| *w = nearest(*w * inverse) * scale);
    }
}
