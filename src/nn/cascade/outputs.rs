//! The training of the outputs' weights.

use core::ops::Range;

use super::config::Patience;
use super::room::{Learner, Room};
use crate::error::{Error, Result};
use crate::mem::Carved;
use crate::nn::kernel::float::{Rows, RowsMut, Size};
use crate::nn::net::Body;
use crate::nn::shape::Dense;
use crate::nn::train::{Block, Judge, Verdict, slopes, verdict};
use crate::nn::{Data, Net};

/// The best weights of the outputs so far.
pub(super) struct Best<'m> {
    pub weights: Carved<'m, f32>,
    pub loss: f32,
    pub bit_fail: u64,
}

impl Best<'_> {
    /// Gives the network its weights.
    pub fn restore(&self, net: &mut Net<'_>) -> Result<()> {
        if self.loss.is_finite() {
            let weights = outputs_of(net)?;
            weights.copy_from_slice(&self.weights[..weights.len()]);
        }
        Ok(())
    }

    /// Takes no notice of a unit that the network has got.
    pub fn grow(&mut self, nodes: usize, outputs: usize) {
        let biases = nodes * outputs;
        self.weights.copy_within(biases..biases + outputs, biases + outputs);
        for row in (0..outputs).rev() {
            self.weights.copy_within(row * nodes..(row + 1) * nodes, row * (nodes + 1));
            self.weights[row * (nodes + 1) + nodes] = 0.0;
        }
    }
}

/// Notices that something no longer changes.
pub(super) struct Watch {
    patience: Patience,
    bounds: (f32, f32),
    until: u32,
}

impl Watch {
    pub fn new(patience: Patience) -> Watch {
        Watch { patience, bounds: (f32::INFINITY, f32::NEG_INFINITY), until: 0 }
    }

    /// Whether it is time to end after `epochs` epochs, the last of which had
    /// this value.
    pub fn is_over(&mut self, epochs: u32, value: f32) -> bool {
        let Patience { change, stagnation, min_epochs, max_epochs } = self.patience;
        // First all values are outside.
        if value < self.bounds.0 || value > self.bounds.1 {
            self.bounds = (value * (1.0 - change), value * (1.0 + change));
            self.until = epochs.saturating_add(stagnation);
        }
        epochs >= max_epochs || (epochs >= self.until && epochs >= min_epochs)
    }
}

/// What the outputs are trained on.
pub(super) struct Task<'t> {
    pub judge: Judge,
    pub data: Data<'t>,
    /// Sum of the samples' weights.
    pub weight: f64,
}

impl Task<'_> {
    pub fn loss(&self, found: Verdict, outputs: usize) -> f32 {
        (found.sum * self.judge.loss.mean(self.weight, outputs)) as f32
    }

    /// Runs a block, whose nodes are at this place of the room, through the
    /// outputs: their sums and values are then in the room's blocks.
    fn run(
        &self,
        body: &Body<'_>,
        layer: &Dense,
        room: &mut Room<'_>,
        (at, range): (usize, Range<usize>),
    ) -> Verdict {
        let (stride, outputs, samples) = (room.sizes.nodes, layer.units(), range.len());
        let [sums, y, _] = &mut room.blocks;
        let (sums, y) = (&mut sums[..samples * outputs], &mut y[..samples * outputs]);
        let x = Rows { data: &room.nodes[at..], stride };
        let to = RowsMut { data: sums, stride: outputs };
        body.sums(layer, samples, x, to, &mut room.scratch);
        if room.held {
            body.hold(layer, sums);
        }
        y.copy_from_slice(sums);
        body.activate(layer, y);
        verdict(body, &self.judge, y, self.block(range, outputs))
    }

    fn block(&self, range: Range<usize>, outputs: usize) -> Block<'_> {
        Block {
            inputs: &[],
            targets: &self.data.targets[range.start * outputs..range.end * outputs],
            weights: self.data.weights.map(|weights| &weights[range]),
        }
    }

    /// Runs samples through the network that the room has no nodes of; those of
    /// its first block are lost.
    pub fn test(&self, body: &Body<'_>, room: &mut Room<'_>) -> Verdict {
        let mut all = Verdict::default();
        let Some(layer) = body.layers().last() else { return all };
        for range in room.ranges(self.data) {
            room.borrow(body, self.data, range.clone());
            let found = self.run(body, layer, room, (0, range));
            all.sum += found.sum;
            all.bit_fail += found.bit_fail;
        }
        all
    }

    /// Runs all samples through the outputs. Sets the gradient of their weights,
    /// or, if there is none, their errors in the room.
    pub fn pass(
        &self,
        body: &Body<'_>,
        room: &mut Room<'_>,
        mut gradient: Option<&mut [f32]>,
    ) -> Verdict {
        let mut all = Verdict::default();
        let Some(layer) = body.layers().last() else { return all };
        let (stride, outputs) = (room.sizes.nodes, layer.units());
        for range in room.ranges(self.data) {
            let at = room.load(body, self.data, range.clone());
            let (samples, first) = (range.len(), range.start == 0);
            let found = self.run(body, layer, room, (at, range.clone()));
            all.sum += found.sum;
            all.bit_fail += found.bit_fail;
            let [sums, y, d] = &mut room.blocks;
            let len = samples * outputs;
            let (sums, y, d) = (&mut sums[..len], &mut y[..len], &mut d[..len]);
            let x = Rows { data: &room.nodes[at..], stride };
            let targets = range.start * outputs..range.end * outputs;
            let block = self.block(range, outputs);
            let Some(gradient) = &mut gradient else {
                self.errors(body, block, y, &mut room.errors[targets]);
                continue;
            };
            slopes(body, layer, &self.judge, (sums, y), d, Some((block, 1.0)));
            let size = Size { samples, inputs: layer.inputs(), units: outputs };
            let d = Rows { data: d, stride: outputs };
            let (dw, db) = gradient.split_at_mut(layer.weights());
            (body.kernels.gradient)(size, d, x, dw, db, !first, &mut room.scratch);
        }
        all
    }

    /// The errors of outputs: what is missing, times the samples' weights. Not
    /// times the slope of the activations, or a saturated output that is all
    /// wrong would count for nothing.
    fn errors(&self, body: &Body<'_>, block: Block<'_>, outputs: &[f32], errors: &mut [f32]) {
        let Some(layer) = body.layers().last() else { return };
        for run in body.runs(layer) {
            Body::spans(layer, &run, outputs.len(), |span| {
                let pair = (&outputs[span.clone()], &block.targets[span.clone()]);
                self.judge.slope(&run, pair, &mut errors[span], -1.0);
            });
        }
        if let Some(weights) = block.weights {
            let rows = errors.chunks_exact_mut(layer.units()).zip(weights);
            rows.for_each(|(row, weight)| row.iter_mut().for_each(|error| *error *= weight));
        }
    }

    /// Trains the outputs until nothing changes any more, or `enough` says so
    /// of a loss and a number of failures. Returns the epochs and that answer.
    pub fn train<T>(
        &self,
        net: &mut Net<'_>,
        (room, learner, best): (&mut Room<'_>, &mut Learner<'_>, &mut Best<'_>),
        patience: Patience,
        enough: impl Fn(f32, u64) -> Option<T>,
    ) -> Result<(u32, Option<T>)> {
        let mut watch = Watch::new(patience);
        let mut epochs = 0;
        let len = outputs_of(net)?.len();
        learner.reset();
        let answer = loop {
            let found = self.pass(net.body(), room, Some(&mut learner.gradient[..len]));
            epochs += 1;
            let loss = self.loss(found, room.sizes.outputs);
            let kernels = net.body().kernels;
            let weights = outputs_of(net)?;
            let answer = if loss.is_finite() { enough(loss, found.bit_fail) } else { None };
            if loss < best.loss || answer.is_some() {
                best.weights[..len].copy_from_slice(weights);
                (best.loss, best.bit_fail) = (loss, found.bit_fail);
            }
            let finite = loss.is_finite() && (kernels.finite)(&learner.gradient[..len]);
            if answer.is_some() || !finite || watch.is_over(epochs, loss) {
                break answer;
            }
            learner.update(kernels, weights, self.weight as f32);
        };
        if best.loss.is_finite() { Ok((epochs, answer)) } else { Err(Error::NnDiverged) }
    }
}

/// Weights and biases of the last layer.
pub(super) fn outputs_of<'n>(net: &'n mut Net<'_>) -> Result<&'n mut [f32]> {
    let at = net.layers().last().map_or(0, |layer| layer.at);
    Ok(&mut net.parameters_mut()?[at..])
}
