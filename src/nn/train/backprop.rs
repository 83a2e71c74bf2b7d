//! The values of a block of samples in every layer, forward, and the slopes,
//! backward (Rumelhart, Hinton & Williams 1986).

use super::{Data, Loss};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::nn::net::Net;
use crate::nn::shape::{Dense, Shape};

/// Scratch memory for one block of samples.
pub(super) struct Workspace<'m> {
    block: usize,
    outputs: usize,
    /// Samples in the block now.
    samples: usize,
    /// Rows of inputs.
    inputs: Carved<'m, f32>,
    /// Rows of targets.
    targets: Carved<'m, f32>,
    /// Layer by layer: rows of the layer's outputs.
    values: Carved<'m, f32>,
    /// Rows of slopes by a layer's sums, for two layers in turn.
    delta: [Carved<'m, f32>; 2],
}

impl<'m> Workspace<'m> {
    pub fn carve(shape: &Shape, block: usize, carver: &mut Carver<'m>) -> Result<Workspace<'m>> {
        let rows = |width: usize| block.checked_mul(width).ok_or(Error::Overflow);
        Ok(Workspace {
            block,
            outputs: shape.outputs,
            samples: 0,
            inputs: carver.take(rows(shape.inputs)?, 0.0)?,
            targets: carver.take(rows(shape.outputs)?, 0.0)?,
            values: carver.take(rows(shape.units)?, 0.0)?,
            delta: [carver.take(rows(shape.widest)?, 0.0)?, carver.take(rows(shape.widest)?, 0.0)?],
        })
    }

    pub fn block(&self) -> usize {
        self.block
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Copies in the samples that the second numbers of `places` name.
    pub fn gather(&mut self, inputs: usize, data: Data<'_>, places: impl Iterator<Item = usize>) {
        let rows_in = self.inputs.chunks_exact_mut(inputs);
        let rows_out = self.targets.chunks_exact_mut(self.outputs);
        self.samples = 0;
        for ((x, t), from) in rows_in.zip(rows_out).zip(places) {
            x.copy_from_slice(&data.inputs[from * inputs..][..inputs]);
            t.copy_from_slice(&data.targets[from * self.outputs..][..self.outputs]);
            self.samples += 1;
        }
    }

    /// Runs the block forward; returns the sum of its loss.
    pub fn forward(&mut self, net: &Net<'_>, loss: Loss) -> f64 {
        let samples = self.samples;
        let mut x = &self.inputs[..samples * net.shape().inputs];
        let mut rest = &mut self.values[..];
        for layer in net.layers() {
            let (rows, after) = rest.split_at_mut(self.block * layer.units());
            let y = &mut rows[..samples * layer.units()];
            let (weights, biases) = layer.of(net.parameters());
            (net.kernels().dense)(layer.dims(), x, weights, biases, y);
            layer.activation.apply(y, layer.units());
            (x, rest) = (y, after);
        }
        // What the last layer gave is `x` now.
        loss.sum(net.output_activation(), x, &self.targets[..x.len()])
    }

    /// Adds the gradient of `scale` times the block's loss to `gradient`.
    /// Needs the values of [`forward`](Workspace::forward).
    pub fn backward(&mut self, net: &Net<'_>, loss: Loss, scale: f32, gradient: &mut [f32]) {
        let samples = self.samples;
        let values = |layer: &Dense| {
            &self.values[self.block * layer.units_before..][..samples * layer.units()]
        };
        let [a, b] = &mut self.delta;
        let (mut delta, mut before) = (&mut a[..], &mut b[..]);
        for (i, layer) in net.layers().iter().enumerate().rev() {
            let y = values(layer);
            let d = &mut delta[..y.len()];
            if i + 1 == net.layers().len() {
                let pair = (y, &self.targets[..y.len()]);
                loss.delta(layer.activation, pair, d, (layer.units(), scale));
            } else {
                layer.activation.backward(y, d, layer.units());
            }
            let x = match i {
                0 => &self.inputs[..samples * layer.inputs()],
                _ => values(&net.layers()[i - 1]),
            };
            let (dw, db) = layer.of_mut(gradient);
            (net.kernels().dense_grad)(layer.dims(), d, x, dw, db);
            if i > 0 {
                let (weights, _) = layer.of(net.parameters());
                (net.kernels().dense_back)(layer.dims(), d, weights, &mut before[..x.len()]);
            }
            core::mem::swap(&mut delta, &mut before);
        }
    }
}
