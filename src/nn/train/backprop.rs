//! The values of a block of samples in every layer, forward, and the slopes,
//! backward (Rumelhart, Hinton & Williams 1986).

use core::ops::Range;

use super::Data;
use super::aware::Grid;
use super::loss::{Judge, Verdict};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::nn::Activation;
use crate::nn::kernel::float::{Rows, RowsMut, TINY_NODES, TINY_PARAMETERS, scratch, tiny_scratch};
use crate::nn::net::{Body, Run, copy_columns};
use crate::nn::shape::{Dense, Shape, Topology};

/// Scratch memory for one block of samples.
pub(super) struct Workspace<'m> {
    block: usize,
    /// Rows of inputs, where they are not taken in the order of the data.
    inputs: Carved<'m, f32>,
    /// Rows of targets, likewise.
    targets: Carved<'m, f32>,
    /// The weights of the samples, likewise.
    weights: Carved<'m, f32>,
    /// Layer by layer: rows of the layer's outputs.
    values: Carved<'m, f32>,
    /// The same of its sums, if some activation's slope needs them.
    sums: Carved<'m, f32>,
    /// Shortcut networks: rows of all nodes.
    nodes: Carved<'m, f32>,
    /// Rows of slopes: layered, those of every other layer; shortcut, those of
    /// one layer, and of all nodes.
    delta: [Carved<'m, f32>; 2],
    /// The slopes of all units for one sample, where each sample changes the
    /// weights at once.
    slopes: Carved<'m, f32>,
    scratch: Carved<'m, f32>,
}

/// How a training goes through its samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// Samples computed at once.
    pub block: usize,
    /// Whether they come in an order of their own.
    pub gathers: bool,
    /// Whether each changes the weights at once.
    pub direct: bool,
}

/// What becomes of the slopes of a layer's sums.
pub(super) enum Sink<'a> {
    /// They make up the gradient, which is set, or added to.
    Gradient(&'a mut [f32], bool),
    /// They are kept.
    Slopes,
}

/// Samples of a block: rows, and the weight of each.
#[derive(Clone, Copy)]
pub(in crate::nn) struct Block<'a> {
    pub inputs: &'a [f32],
    pub targets: &'a [f32],
    pub weights: Option<&'a [f32]>,
}

/// Where a block's samples are.
pub(super) enum Place {
    /// These of the data, in their order.
    Data(Range<usize>),
    /// So many, gathered in the workspace.
    Gathered(usize),
}

impl<'m> Workspace<'m> {
    pub fn carve(
        body: &Body<'_>,
        Manner { block, gathers, direct }: Manner,
        carver: &mut Carver<'m>,
    ) -> Result<Workspace<'m>> {
        let shape = &body.shape;
        let rows = |width: usize| block.checked_mul(width).ok_or(Error::Overflow);
        let gathered = |width: usize| if gathers { rows(width) } else { Ok(0) };
        let needs_sums = needs_sums(body);
        let shortcut = shape.topology == Topology::Shortcut;
        let widest = |parity: usize| {
            let layers = body.layers().iter().rev().skip(parity).step_by(2);
            layers.map(Dense::units).max().unwrap_or(0)
        };
        let delta = if shortcut { [shape.widest, shape.nodes()] } else { [widest(0), widest(1)] };
        Ok(Workspace {
            block,
            inputs: carver.take(gathered(shape.inputs)?, 0.0)?,
            targets: carver.take(gathered(shape.outputs)?, 0.0)?,
            weights: carver.take(gathered(1)?, 0.0)?,
            values: carver.take(rows(shape.units)?, 0.0)?,
            sums: carver.take(if needs_sums { rows(shape.units)? } else { 0 }, 0.0)?,
            nodes: carver.take(if shortcut { rows(shape.nodes())? } else { 0 }, 0.0)?,
            delta: [carver.take(rows(delta[0])?, 0.0)?, carver.take(rows(delta[1])?, 0.0)?],
            slopes: carver.take(if direct { shape.units } else { 0 }, 0.0)?,
            scratch: carver.take(scratch_len(shape, block), 0.0)?,
        })
    }

    /// Whether the network's activations can be trained in this memory.
    pub fn suits(&self, body: &Body<'_>) -> bool {
        let mut runs = body.layers().iter().flat_map(|layer| body.runs(layer));
        runs.all(|run| run.activation.is_trainable())
            && (!self.sums.is_empty() || !needs_sums(body))
    }

    /// A layer's outputs for the samples that ran last.
    pub fn values(&self, layer: &Dense, samples: usize) -> &[f32] {
        &self.values[self.block * layer.units_before..][..samples * layer.units()]
    }

    pub fn scratch(&mut self) -> &mut [f32] {
        &mut self.scratch
    }

    pub fn block(&self) -> usize {
        self.block
    }

    /// Copies in the samples at `places`, their inputs rounded to a grid.
    pub fn gather(
        &mut self,
        data: Data<'_>,
        places: impl Iterator<Item = usize>,
        grid: Option<&Grid>,
    ) -> Place {
        let inputs = self.inputs.len() / self.block;
        let outputs = self.targets.len() / self.block;
        let rows_in = self.inputs.chunks_exact_mut(inputs);
        let rows_out = self.targets.chunks_exact_mut(outputs).zip(self.weights.iter_mut());
        let mut samples = 0;
        for ((x, (t, w)), from) in rows_in.zip(rows_out).zip(places) {
            x.copy_from_slice(&data.inputs[from * inputs..][..inputs]);
            t.copy_from_slice(&data.targets[from * outputs..][..outputs]);
            *w = data.weights.map_or(1.0, |weights| weights[from]);
            if let Some(grid) = grid {
                grid.round(x);
            }
            samples += 1;
        }
        Place::Gathered(samples)
    }

    /// Runs a block forward and, if there is a gradient to add to, backward:
    /// the slope of `scale` times the block's loss.
    pub fn run(
        &mut self,
        (body, judge, grids): (&Body<'_>, &Judge, Option<&[Grid]>),
        (data, place): (Data<'_>, Place),
        backward: Option<(f32, Sink<'_>)>,
    ) -> Verdict {
        let (inputs, outputs) = (body.shape.inputs, body.shape.outputs);
        let block = match &place {
            Place::Data(range) => Block {
                inputs: &data.inputs[range.start * inputs..range.end * inputs],
                targets: &data.targets[range.start * outputs..range.end * outputs],
                weights: data.weights.map(|weights| &weights[range.clone()]),
            },
            Place::Gathered(samples) => Block {
                inputs: &self.inputs[..samples * inputs],
                targets: &self.targets[..samples * outputs],
                weights: data.weights.map(|_| &self.weights[..*samples]),
            },
        };
        let samples = block.inputs.len() / inputs;
        let mut pass = Pass {
            body,
            grids,
            samples,
            block: self.block,
            input: block.inputs,
            values: &mut self.values,
            sums: &mut self.sums,
            nodes: &mut self.nodes,
            delta: &mut self.delta,
            slopes: &mut self.slopes,
            scratch: &mut self.scratch,
        };
        pass.forward();
        let verdict = pass.judge(judge, block);
        if let Some((scale, sink)) = backward
            && verdict.sum.is_finite()
        {
            pass.backward(judge, block, scale, sink);
        }
        verdict
    }

    /// Changes the weights by minus the gradient of one sample, whose slopes
    /// were kept. `room` is how far from the largest number the weights are at
    /// least; [`Error::NnDiverged`] where it does not suffice, and the weights
    /// stay as they are.
    pub fn step(&mut self, body: &mut Body<'_>, input: &[f32], room: &mut f32) -> Result<()> {
        let largest = |values: &[f32]| values.iter().fold(0f32, |max, x| max.max(x.abs()));
        // Every source is an input or a unit's value; a bias counts 1.
        let values = body
            .layers()
            .iter()
            .map(|layer| largest(&self.values[self.block * layer.units_before..][..layer.units()]));
        let source = values.fold(largest(input).max(1.0), f32::max);
        let change = largest(&self.slopes) * source;
        if change > *room {
            *room = f32::MAX / 2.0 - largest(body.parameters());
        }
        if !self.slopes.iter().all(|d| d.is_finite()) || change > *room {
            return Err(Error::NnDiverged);
        }
        *room -= change;
        self.slopes.iter_mut().for_each(|d| *d = -*d);
        for i in 0..body.shape.layers {
            let layer = body.table[i];
            let x = if !self.nodes.is_empty() {
                &self.nodes[..]
            } else if i == 0 {
                input
            } else {
                &self.values[self.block * (layer.units_before - layer.inputs())..]
            };
            let x = Rows { data: &x[..layer.inputs()], stride: layer.inputs() };
            let d = &self.slopes[layer.units_before..][..layer.units()];
            body.step(&layer, Rows { data: d, stride: layer.units() }, x, &mut self.scratch)?;
        }
        Ok(())
    }
}

/// One pass over a block.
struct Pass<'p, 'm> {
    body: &'p Body<'p>,
    grids: Option<&'p [Grid]>,
    samples: usize,
    block: usize,
    input: &'p [f32],
    values: &'p mut [f32],
    sums: &'p mut [f32],
    nodes: &'p mut [f32],
    delta: &'p mut [Carved<'m, f32>; 2],
    slopes: &'p mut [f32],
    scratch: &'p mut [f32],
}

impl Pass<'_, '_> {
    /// Where a layer's rows are among the values.
    fn rows(&self, layer: &Dense) -> Range<usize> {
        let at = self.block * layer.units_before;
        at..at + self.samples * layer.units()
    }

    fn forward(&mut self) {
        let (body, nodes) = (self.body, self.body.shape.nodes());
        let shortcut = !self.nodes.is_empty();
        if shortcut {
            copy_columns(self.nodes, (nodes, 0), self.input, body.shape.inputs);
        }
        for (i, layer) in body.layers().iter().enumerate() {
            let rows = self.rows(layer);
            let (before, rest) = self.values.split_at_mut(rows.start);
            let y = &mut rest[..rows.len()];
            let x = if shortcut {
                Rows { data: self.nodes, stride: nodes }
            } else if layer.units_before == 0 {
                Rows { data: self.input, stride: layer.inputs() }
            } else {
                let at = before.len() - self.block * layer.inputs();
                Rows { data: &before[at..], stride: layer.inputs() }
            };
            let stride = layer.units();
            body.sums(layer, self.samples, x, RowsMut { data: y, stride }, self.scratch);
            if !self.sums.is_empty() {
                self.sums[rows].copy_from_slice(y);
            }
            body.activate(layer, y);
            if let Some(grids) = self.grids
                && i + 1 < body.shape.layers
            {
                grids[i + 1].round(y);
            }
            if shortcut {
                let at = body.shape.inputs + layer.units_before;
                copy_columns(self.nodes, (nodes, at), y, stride);
            }
        }
    }

    fn judge(&self, judge: &Judge, block: Block<'_>) -> Verdict {
        let Some(layer) = self.body.layers().last() else { return Verdict::default() };
        verdict(self.body, judge, &self.values[self.rows(layer)], block)
    }

    /// Works out the slopes of all sums, from the values of the forward pass.
    fn backward(&mut self, judge: &Judge, block: Block<'_>, scale: f32, mut sink: Sink<'_>) {
        let (body, samples) = (self.body, self.samples);
        let shortcut = !self.nodes.is_empty();
        let (inputs, nodes) = (body.shape.inputs, body.shape.nodes());
        let [a, b] = self.delta;
        let (mut delta, mut before) = (&mut a[..], &mut b[..]);
        if shortcut {
            before[..samples * nodes].fill(0.0);
        }
        for (i, layer) in body.layers().iter().enumerate().rev() {
            let at = self.block * layer.units_before;
            let rows = at..at + samples * layer.units();
            let units = layer.units();
            let y = &self.values[rows.clone()];
            let sums = if self.sums.is_empty() { &[][..] } else { &self.sums[rows] };
            let d = &mut delta[..y.len()];
            let last = i + 1 == body.shape.layers;
            if shortcut && !last {
                let at = inputs + layer.units_before;
                for (to, from) in d.chunks_exact_mut(units).zip(before.chunks_exact(nodes)) {
                    to.copy_from_slice(&from[at..at + units]);
                }
            }
            slopes(body, layer, judge, (sums, y), d, last.then_some((block, scale)));
            let d = Rows { data: d, stride: units };
            let x = if shortcut {
                Rows { data: self.nodes, stride: nodes }
            } else if i == 0 {
                Rows { data: self.input, stride: layer.inputs() }
            } else {
                let at = at - self.block * layer.inputs();
                Rows { data: &self.values[at..], stride: layer.inputs() }
            };
            match &mut sink {
                Sink::Gradient(gradient, add) => {
                    body.gradient(layer, samples, d, x, gradient, *add, self.scratch);
                }
                Sink::Slopes => {
                    self.slopes[layer.units_before..][..units].copy_from_slice(&d.data[..units]);
                }
            }
            if i > 0 {
                let stride = if shortcut { nodes } else { layer.inputs() };
                let dx = RowsMut { data: before, stride };
                body.backward(layer, samples, d, dx, shortcut, self.scratch);
            }
            if !shortcut {
                core::mem::swap(&mut delta, &mut before);
            }
        }
    }
}

fn scratch_len(shape: &Shape, block: usize) -> usize {
    let tiny = shape.nodes() <= TINY_NODES && shape.parameters <= TINY_PARAMETERS;
    if tiny {
        return tiny_scratch(shape.nodes(), shape.parameters);
    }
    // A sum is over sources, over units, or over samples.
    scratch(shape.most_sources.max(shape.widest).max(block))
}

fn needs_sums(body: &Body<'_>) -> bool {
    let mut runs = body.layers().iter().flat_map(|layer| body.runs(layer));
    runs.any(|run| run.activation.slope_needs_sum())
}

/// Judges rows of a network's outputs.
pub(in crate::nn) fn verdict(
    body: &Body<'_>,
    judge: &Judge,
    outputs: &[f32],
    block: Block<'_>,
) -> Verdict {
    let mut all = Verdict::default();
    let Some(layer) = body.layers().last() else { return all };
    for run in body.runs(layer) {
        let mut add = |span: Range<usize>, weight: f32| {
            let verdict = judge.judge(&run, &outputs[span.clone()], &block.targets[span]);
            all.sum += f64::from(weight) * verdict.sum;
            all.bit_fail += verdict.bit_fail;
        };
        match block.weights {
            None => Body::spans(layer, &run, outputs.len(), |span| add(span, 1.0)),
            Some(weights) => {
                for (s, weight) in weights.iter().enumerate() {
                    let at = s * layer.units() + run.from;
                    add(at..at + run.units, *weight);
                }
            }
        }
    }
    all
}

/// Turns the slopes by a layer's values (`d`) into those by its sums. For the
/// last layer, which has targets, `d` is only set: to the slope of a scale
/// times the loss.
pub(in crate::nn) fn slopes(
    body: &Body<'_>,
    layer: &Dense,
    judge: &Judge,
    (sums, y): (&[f32], &[f32]),
    d: &mut [f32],
    last: Option<(Block<'_>, f32)>,
) {
    for run in body.runs(layer) {
        let mut done = false;
        if let Some((block, scale)) = last {
            Body::spans(layer, &run, y.len(), |span| {
                let pair = (&y[span.clone()], &block.targets[span.clone()]);
                done = judge.slope(&run, pair, &mut d[span], scale);
            });
        }
        if !done {
            Body::spans(layer, &run, y.len(), |span| {
                let sums = if sums.is_empty() { sums } else { &sums[span.clone()] };
                slope(body, &run, sums, &y[span.clone()], &mut d[span], judge.fann);
            });
        }
    }
    if let Some((Block { weights: Some(weights), .. }, _)) = last {
        let rows = d.chunks_exact_mut(layer.units()).zip(weights);
        rows.for_each(|(row, weight)| row.iter_mut().for_each(|d| *d *= weight));
    }
}

/// Turns the slope by outputs (`delta`) into that by the sums.
fn slope(body: &Body<'_>, run: &Run, sums: &[f32], outputs: &[f32], delta: &mut [f32], fann: bool) {
    let s = run.steepness;
    if run.activation == Activation::Softmax {
        // Jacobian: diag(y) - y y^T.
        let rows = outputs.chunks_exact(run.units).zip(delta.chunks_exact_mut(run.units));
        for (y, d) in rows {
            let dot: f32 = y.iter().zip(d.iter()).map(|(y, d)| y * d).sum();
            y.iter().zip(d.iter_mut()).for_each(|(y, d)| *d = s * y * (*d - dot));
        }
        return;
    }
    (body.kernels.slope)(run.activation, s, fann, sums, outputs, delta);
}
