//! Blocks of samples through layers whose units have the same sources.
//!
//! Forwards, a vector holds the sums of neighbouring units, so a layer's
//! weights are turned round into panels; backwards, neighbouring weights.
//! In a layered network every layer's values stand together, sample by sample.
//! With shortcuts a sample's row holds all nodes, inputs included, because a
//! layer's sources must stand side by side.

use super::{Engine, ExactKernels, Layer, Samples, Score, Settings, Sources, Unit, Wiring};
use crate::nn::kernel::exact::{Products, Sums};

/// Columns of the widest panel that a table of kernels asks for.
const PANEL: usize = 32;

/// Connections in a panel: it should stay in the cache that is nearest.
const DEPTH: usize = 128;

/// How many floats the values of a block may be.
const BLOCK: usize = 8192;

/// How many samples a block may have.
const MOST: usize = 256;

/// A layer's sources and parameters, as numbers.
#[derive(Clone, Copy)]
struct Dense {
    units: usize,
    at: usize,
    first: usize,
    count: usize,
    bias_at: usize,
}

impl Dense {
    fn of(layer: &Layer) -> Dense {
        let (first, count, bias_at) = match layer.sources {
            Sources::Range { first, count, bias_at } => (first, count, bias_at),
            Sources::Lists { .. } => (0, 0, 0),
        };
        Dense { units: layer.units, at: layer.at, first, count, bias_at }
    }

    /// Where its biases start.
    fn biases_at(&self) -> usize {
        self.at + self.units * self.count
    }

    fn parts<'p>(&self, params: &'p [f32]) -> (&'p [f32], &'p [f32]) {
        let all = &params[self.at..self.biases_at() + self.units];
        all.split_at(self.units * self.count)
    }

    fn parts_mut<'p>(&self, params: &'p mut [f32]) -> (&'p mut [f32], &'p mut [f32]) {
        let all = &mut params[self.at..self.biases_at() + self.units];
        all.split_at_mut(self.units * self.count)
    }
}

/// Where rows of values start and how far they lie apart.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    stride: usize,
}

/// What the scratch memory of a network depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Whether every layer's sources are the layer before.
    pub layered: bool,
    pub inputs: usize,
    /// Units of all layers.
    pub units: usize,
    /// Units of the widest layer.
    pub widest: usize,
}

impl Extent {
    /// Of layers whose units have the same sources.
    pub(super) fn of(inputs: usize, layers: &[Layer]) -> Extent {
        let mut extent = Extent { layered: true, inputs, units: 0, widest: 0 };
        let (mut from, mut width) = (0, inputs);
        for layer in layers {
            let dense = Dense::of(layer);
            extent.layered &= (dense.first, dense.count) == (from, width);
            extent.widest = extent.widest.max(layer.units);
            extent.units += layer.units;
            from += width;
            width = layer.units;
        }
        extent
    }

    /// Floats of a sample among the values.
    fn row(self) -> usize {
        if self.layered { self.units } else { self.inputs + self.units }
    }

    /// Floats that a sample takes, with its sums or without.
    fn sample(self, sums: bool) -> usize {
        let apart = if self.layered { 0 } else { self.widest };
        apart + self.row() * if sums { 3 } else { 2 }
    }

    /// Floats of scratch memory, for networks with lists and without. Blocks
    /// are smaller where sums must be kept, too.
    pub fn scratch(self) -> usize {
        let block = (BLOCK / self.row()).clamp(16, MOST);
        let single = 3 * (self.inputs + self.units);
        (PANEL * (DEPTH + 3) + block * self.sample(false)).max(single)
    }
}

/// How a network's blocks are laid out.
#[derive(Clone, Copy)]
struct Plan<'a> {
    wiring: &'a Wiring<'a>,
    layered: bool,
    /// Floats of a sample among the values.
    row: usize,
    /// Samples in a block.
    block: usize,
}

impl<'a> Plan<'a> {
    /// For at most so many samples in so much scratch memory.
    fn new(wiring: &'a Wiring<'a>, most: usize, scratch: usize) -> Plan<'a> {
        let extent = wiring.extent;
        let fit = (scratch - PANEL * (DEPTH + 3)) / extent.sample(wiring.needs_sums);
        let block = fit.min(MOST).min(most);
        Plan { wiring, layered: extent.layered, row: extent.row(), block }
    }

    /// The values of layer `l`'s units.
    fn units(&self, l: usize) -> Place {
        let first = self.wiring.first_unit(l);
        if self.layered {
            let before = first - self.wiring.inputs;
            Place { at: self.block * before, stride: self.wiring.layers[l].units }
        } else {
            Place { at: first, stride: self.row }
        }
    }
}

/// The scratch memory of a block.
struct Block<'a, 's> {
    plan: Plan<'a>,
    kernels: &'a ExactKernels,
    values: &'s mut [f32],
    /// Empty where no derivative needs them: then they are where the errors come.
    sums: &'s mut [f32],
    errors: &'s mut [f32],
    /// A layer's errors without gaps, where rows have any.
    apart: &'s mut [f32],
    panel: &'s mut [f32],
}

impl<'a, 's> Block<'a, 's> {
    fn new(engine: Engine<'a>, most: usize, scratch: &'s mut [f32]) -> Block<'a, 's> {
        let plan = Plan::new(engine.wiring, most, scratch.len());
        let size = plan.block * plan.row;
        let (values, rest) = scratch.split_at_mut(size);
        let (errors, rest) = rest.split_at_mut(size);
        let (sums, rest) = rest.split_at_mut(if engine.wiring.needs_sums { size } else { 0 });
        let apart = if plan.layered { 0 } else { plan.block * engine.wiring.extent.widest };
        let (apart, panel) = rest.split_at_mut(apart);
        Block { plan, kernels: engine.kernels, values, sums, errors, apart, panel }
    }

    /// Puts the inputs where shortcuts want them.
    fn enter(&mut self, inputs: &[f32]) {
        if self.plan.layered {
            return;
        }
        let width = self.plan.wiring.inputs;
        let rows = self.values.chunks_exact_mut(self.plan.row);
        for (row, inputs) in rows.zip(inputs.chunks_exact(width)) {
            row[..width].copy_from_slice(inputs);
        }
    }

    /// Values and sums of all units, from rows of inputs.
    fn forward(&mut self, params: &[f32], inputs: &[f32], samples: usize) {
        self.enter(inputs);
        for (l, layer) in self.plan.wiring.layers.iter().enumerate() {
            let dense = Dense::of(layer);
            let place = self.plan.units(l);
            let wide = self.kernels.panel;
            let mut unit = 0;
            while unit < dense.units {
                let units = (dense.units - unit).min(wide);
                let columns = if units > wide / 2 { wide } else { wide / 2 };
                let (x, x_stride) = source(&self.plan, l, inputs, self.values);
                let mut shape = Sums {
                    samples,
                    sources: dense.count,
                    bias_at: dense.bias_at,
                    from: 0,
                    to: 0,
                    units,
                    columns,
                    x_stride,
                    sums_stride: place.stride,
                };
                let sums = sums_of(self.sums, self.errors);
                let sums = &mut sums[place.at + unit..];
                let connections = dense.count + 1;
                while shape.to < connections {
                    shape.from = shape.to;
                    let most = if shape.from == 0 { connections % 4 + DEPTH } else { DEPTH };
                    shape.to = connections.min(shape.from + most);
                    pack(&shape, dense.parts(params), unit, self.panel);
                    (self.kernels.sums)(&shape, x, self.panel, sums);
                }
                unit += units;
            }
            self.activate(l, samples);
        }
    }

    /// The same for one sample, whose weights are used only once.
    fn forward_one(&mut self, params: &[f32], inputs: &[f32]) {
        self.enter(inputs);
        for (l, layer) in self.plan.wiring.layers.iter().enumerate() {
            let dense = Dense::of(layer);
            let place = self.plan.units(l);
            let (weights, biases) = dense.parts(params);
            let (x, _) = source(&self.plan, l, inputs, self.values);
            let sums = &mut sums_of(self.sums, self.errors)[place.at..][..dense.units];
            (self.kernels.dots)(dense.bias_at, &x[..dense.count], weights, biases, sums);
            self.activate(l, 1);
        }
    }

    fn activate(&mut self, l: usize, samples: usize) {
        let (kernels, values) = (self.kernels, &mut *self.values);
        let sums = sums_of(self.sums, self.errors);
        runs(&self.plan, l, samples, |unit, at, len| {
            let (sums, values) = (&mut sums[at..][..len], &mut values[at..][..len]);
            (kernels.values)(unit.function, unit.steepness, sums, values);
        });
    }

    /// Multiplies a layer's errors by the derivatives.
    fn derive(&mut self, l: usize, samples: usize) {
        let (kernels, sums, values) = (self.kernels, &*self.sums, &*self.values);
        let errors = &mut *self.errors;
        runs(&self.plan, l, samples, |unit, at, len| {
            let sums = sums.get(at..at + len).unwrap_or_default();
            let values = &values[at..][..len];
            let errors = &mut errors[at..][..len];
            (kernels.slopes)(unit.function, unit.steepness, sums, values, errors);
        });
    }

    /// Counts the outputs and sets their differences as errors.
    fn compare(&mut self, settings: &Settings, desired: &[f32], score: &mut Score) {
        let last = self.plan.wiring.layers.len() - 1;
        let units = self.plan.wiring.units_of(last);
        let place = self.plan.units(last);
        for (s, desired) in desired.chunks_exact(units.len()).enumerate() {
            let at = place.at + s * place.stride;
            let pair = (desired, &self.values[at..][..units.len()]);
            score.compare(units, settings, pair, &mut self.errors[at..][..units.len()]);
        }
    }

    /// Errors of all units from the differences at the outputs. Each layer is
    /// told to `each` when its errors are known.
    fn backward(
        &mut self,
        params: &[f32],
        samples: usize,
        mut each: impl FnMut(&ExactKernels, usize, &Dense, (&[f32], Place), &[f32]),
    ) {
        let plan = self.plan;
        let last = plan.wiring.layers.len() - 1;
        if !plan.layered {
            let inner = plan.units(last).at;
            for row in self.errors.chunks_exact_mut(plan.row).take(samples) {
                row[..inner].fill(0.0);
            }
        }
        for l in (0..=last).rev() {
            self.derive(l, samples);
            let dense = Dense::of(&plan.wiring.layers[l]);
            let place = plan.units(l);
            each(self.kernels, l, &dense, (&*self.errors, place), &*self.values);
            // Errors of inputs are nobody's concern.
            let first = dense.first.max(plan.wiring.inputs);
            let skipped = first - dense.first;
            if l == 0 || skipped >= dense.count {
                continue;
            }
            let (weights, _) = dense.parts(params);
            let mut shape = Products {
                depth: dense.units,
                rows: samples,
                columns: dense.count - skipped,
                c_by_depth: 1,
                c_by_row: dense.units,
                depth_stride: dense.count,
                acc_stride: plan.row,
            };
            if plan.layered {
                let (before, errors) = self.errors.split_at_mut(place.at);
                let to = plan.units(l - 1);
                shape.acc_stride = to.stride;
                let acc = &mut before[to.at..][..samples * to.stride];
                acc.fill(0.0);
                (self.kernels.products)(&shape, errors, &weights[skipped..], acc);
            } else {
                let rows = self.errors.chunks_exact(plan.row).take(samples);
                for (apart, row) in self.apart.chunks_exact_mut(dense.units).zip(rows) {
                    apart.copy_from_slice(&row[place.at..][..dense.units]);
                }
                let acc = &mut self.errors[first..];
                (self.kernels.products)(&shape, self.apart, &weights[skipped..], acc);
            }
        }
    }
}

/// Where a block's sums are.
fn sums_of<'s>(sums: &'s mut [f32], errors: &'s mut [f32]) -> &'s mut [f32] {
    if sums.is_empty() { errors } else { sums }
}

/// The rows of a layer's sources, and how far they lie apart.
fn source<'v>(plan: &Plan, l: usize, inputs: &'v [f32], values: &'v [f32]) -> (&'v [f32], usize) {
    if !plan.layered {
        (&values[Dense::of(&plan.wiring.layers[l]).first..], plan.row)
    } else if l == 0 {
        (inputs, plan.wiring.inputs)
    } else {
        let place = plan.units(l - 1);
        (&values[place.at..], place.stride)
    }
}

/// Calls `each(unit, at, len)` for stretches of a layer's values that have the
/// same activation.
fn runs(plan: &Plan, l: usize, samples: usize, mut each: impl FnMut(Unit, usize, usize)) {
    let units = plan.wiring.units_of(l);
    let place = plan.units(l);
    if place.stride == units.len() && units.iter().all(|unit| *unit == units[0]) {
        return each(units[0], place.at, samples * units.len());
    }
    for s in 0..samples {
        let mut at = place.at + s * place.stride;
        for run in units.chunk_by(|a, b| a == b) {
            each(run[0], at, run.len());
            at += run.len();
        }
    }
}

/// Fills a panel with the weights of units from `unit` on.
fn pack(shape: &Sums, (weights, biases): (&[f32], &[f32]), unit: usize, panel: &mut [f32]) {
    let (from, to, bias_at) = (shape.from, shape.to, shape.bias_at);
    let panel = &mut panel[..(to - from) * shape.columns];
    if shape.units < shape.columns {
        panel.fill(0.0);
    }
    // Sources before the bias, and after it.
    let before = (from..to.min(bias_at), 0);
    let after = (from.max(bias_at + 1)..to, 1);
    for (rows, later) in [before, after] {
        let Some(first) = (!rows.is_empty()).then_some(rows.start) else { continue };
        let panel = &mut panel[(first - from) * shape.columns..];
        for u in 0..shape.units {
            let weights = &weights[(unit + u) * shape.sources + first - later..][..rows.len()];
            for (row, weight) in panel.chunks_exact_mut(shape.columns).zip(weights) {
                row[u] = *weight;
            }
        }
    }
    if (from..to).contains(&bias_at) {
        let row = &mut panel[(bias_at - from) * shape.columns..];
        row[..shape.units].copy_from_slice(&biases[unit..][..shape.units]);
    }
}

/// All samples: only their score or, if there are slopes, those too.
pub(super) fn run(
    engine: Engine,
    settings: &Settings,
    params: &[f32],
    mut slopes: Option<&mut [f32]>,
    samples: Samples,
    scratch: &mut [f32],
) -> Score {
    let wiring = engine.wiring;
    let mut score = Score::default();
    let count = samples.inputs.len() / wiring.inputs;
    let mut block = Block::new(engine, count, scratch);
    let size = block.plan.block;
    let plan = block.plan;
    let desired = samples.outputs.chunks(size * wiring.outputs);
    for (inputs, desired) in samples.inputs.chunks(size * wiring.inputs).zip(desired) {
        let count = inputs.len() / wiring.inputs;
        block.forward(params, inputs, count);
        block.compare(settings, desired, &mut score);
        let Some(slopes) = slopes.as_deref_mut() else { continue };
        block.backward(params, count, |kernels, l, dense, (errors, place), values| {
            let (weights, biases) = dense.parts_mut(slopes);
            let (x, x_stride) = source(&plan, l, inputs, values);
            let errors = &errors[place.at..];
            let shape = Products {
                depth: count,
                rows: dense.units,
                columns: dense.count,
                c_by_depth: place.stride,
                c_by_row: 1,
                depth_stride: x_stride,
                acc_stride: dense.count,
            };
            (kernels.products)(&shape, errors, x, weights);
            // The bias's source is 1.
            let shape = Products {
                rows: 1,
                columns: dense.units,
                c_by_depth: 0,
                depth_stride: place.stride,
                acc_stride: dense.units,
                ..shape
            };
            (kernels.products)(&shape, &[1.0], errors, biases);
        });
    }
    score
}

/// Incremental training: each sample changes the weights.
pub(super) fn incremental(
    engine: Engine,
    settings: &Settings,
    params: &mut [f32],
    deltas: &mut [f32],
    samples: Samples,
    scratch: &mut [f32],
) -> Score {
    let Engine { kernels, wiring } = engine;
    let mut score = Score::default();
    let mut block = Block::new(engine, 1, scratch);
    let desired = samples.outputs.chunks(wiring.outputs);
    for (inputs, desired) in samples.inputs.chunks(wiring.inputs).zip(desired) {
        block.forward_one(params, inputs);
        block.compare(settings, desired, &mut score);
        block.backward(params, 1, |_, _, _, _, _| {});
        for l in 0..wiring.layers.len() {
            let dense = Dense::of(&wiring.layers[l]);
            let place = block.plan.units(l);
            let (x, _) = source(&block.plan, l, inputs, block.values);
            let x = &x[..dense.count];
            let (weights, biases) = dense.parts_mut(params);
            let (weight_deltas, bias_deltas) = dense.parts_mut(deltas);
            let rows = weights.chunks_exact_mut(dense.count);
            let rows = rows.zip(weight_deltas.chunks_exact_mut(dense.count));
            let biases = biases.iter_mut().zip(bias_deltas);
            let errors = &block.errors[place.at..][..dense.units];
            for ((error, (w, d)), (b, bias_d)) in errors.iter().zip(rows).zip(biases) {
                let error = error * settings.learning_rate;
                (kernels.step)(error, settings.momentum, x, d, w);
                *bias_d = error + settings.momentum * *bias_d;
                *b += *bias_d;
            }
        }
    }
    score
}

#[cfg(test)]
pub(super) fn forward(
    engine: Engine,
    params: &[f32],
    inputs: &[f32],
    outputs: &mut [f32],
    scratch: &mut [f32],
) {
    let wiring = engine.wiring;
    let count = outputs.len() / wiring.outputs;
    let mut block = Block::new(engine, count, scratch);
    let place = block.plan.units(wiring.layers.len() - 1);
    let size = block.plan.block;
    let results = outputs.chunks_mut(size * wiring.outputs);
    for (inputs, results) in inputs.chunks(size * wiring.inputs).zip(results) {
        if count == 1 {
            block.forward_one(params, inputs);
        } else {
            block.forward(params, inputs, results.len() / wiring.outputs);
        }
        for (s, result) in results.chunks_exact_mut(wiring.outputs).enumerate() {
            let values = &block.values[place.at + s * place.stride..];
            result.copy_from_slice(&values[..wiring.outputs]);
        }
    }
}
