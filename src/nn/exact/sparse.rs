//! One sample at a time through layers with lists of connections.

use super::{Layer, Samples, Score, Settings, Sources, Wiring};
use crate::nn::kernel::exact::function::{slope, steep, value};

/// What is done with each sample.
pub(super) enum Mode<'p> {
    /// Count its outputs, with these parameters.
    Test(&'p [f32]),
    /// The same, and add to these slopes.
    Slopes(&'p [f32], &'p mut [f32]),
    /// The same, and change the parameters; the last changes.
    Step(&'p mut [f32], &'p mut [f32]),
}

pub(super) fn scratch(wiring: &Wiring) -> usize {
    3 * wiring.nodes()
}

/// Values, sums and errors of all nodes.
struct Row<'a, 's> {
    wiring: &'a Wiring<'a>,
    values: &'s mut [f32],
    sums: &'s mut [f32],
    errors: &'s mut [f32],
}

/// The connections of a unit: index of the first weight, the bias's index, and
/// the nodes.
struct Links<'a> {
    at: usize,
    bias: usize,
    nodes: &'a [u32],
}

impl<'a> Links<'a> {
    fn of(layer: &Layer<'a>, unit: usize) -> Links<'a> {
        let Sources::Lists { starts, nodes } = layer.sources else {
            return Links { at: 0, bias: 0, nodes: &[] };
        };
        let range = starts[unit] as usize..starts[unit + 1] as usize;
        let bias = layer.at + nodes.len() + unit;
        Links { at: layer.at + range.start, bias, nodes: &nodes[range] }
    }

    /// The weighted sum in libfann's order, the bias being connection 0.
    fn sum(&self, params: &[f32], values: &[f32]) -> f32 {
        let count = self.nodes.len() + 1;
        let product = |j: usize| match j {
            0 => params[self.bias],
            _ => params[self.at + j - 1] * values[self.nodes[j - 1] as usize],
        };
        let mut sum = 0.0;
        for j in (0..count % 4).rev() {
            sum += product(j);
        }
        for j in (count % 4..count).step_by(4) {
            sum += ((product(j) + product(j + 1)) + product(j + 2)) + product(j + 3);
        }
        sum
    }
}

impl<'a, 's> Row<'a, 's> {
    fn new(wiring: &'a Wiring<'a>, scratch: &'s mut [f32]) -> Row<'a, 's> {
        let nodes = wiring.nodes();
        let (values, rest) = scratch.split_at_mut(nodes);
        let (sums, rest) = rest.split_at_mut(nodes);
        Row { wiring, values, sums, errors: &mut rest[..nodes] }
    }

    fn forward(&mut self, params: &[f32], inputs: &[f32]) {
        self.values[..inputs.len()].copy_from_slice(inputs);
        let mut node = inputs.len();
        for (l, layer) in self.wiring.layers.iter().enumerate() {
            for (u, unit) in self.wiring.units_of(l).iter().enumerate() {
                let sum = Links::of(layer, u).sum(params, self.values);
                self.sums[node] = steep(unit.steepness, sum);
                self.values[node] = value(unit.function, self.sums[node]);
                node += 1;
            }
        }
    }

    /// Errors of all units, from the differences at the outputs.
    fn backward(&mut self, params: &[f32]) {
        let last = self.wiring.layers.len() - 1;
        self.errors[..self.wiring.first_unit(last)].fill(0.0);
        for l in (0..=last).rev() {
            let first = self.wiring.first_unit(l);
            for (u, unit) in self.wiring.units_of(l).iter().enumerate() {
                let node = first + u;
                let (value, sum) = (self.values[node], self.sums[node]);
                self.errors[node] *= slope(unit.function, unit.steepness, value, sum);
            }
            for u in 0..self.wiring.layers[l].units {
                let links = Links::of(&self.wiring.layers[l], u);
                let error = self.errors[first + u];
                for (j, node) in links.nodes.iter().enumerate().rev() {
                    self.errors[*node as usize] += error * params[links.at + j];
                }
            }
        }
    }

    fn add_slopes(&self, slopes: &mut [f32]) {
        for (l, layer) in self.wiring.layers.iter().enumerate() {
            let first = self.wiring.first_unit(l);
            for u in 0..layer.units {
                let links = Links::of(layer, u);
                let error = self.errors[first + u];
                slopes[links.bias] += error;
                for (slope, node) in slopes[links.at..].iter_mut().zip(links.nodes) {
                    *slope += error * self.values[*node as usize];
                }
            }
        }
    }

    /// The value of the neuron that libfann counts as number `i`: each layer is
    /// followed by its bias.
    fn neuron(&self, mut i: usize) -> f32 {
        let (mut node, mut width) = (0, self.wiring.inputs);
        for layer in self.wiring.layers {
            if i <= width {
                break;
            }
            i -= width + 1;
            node += width;
            width = layer.units;
        }
        if i == width { 1.0 } else { self.values[node + i] }
    }

    /// libfann's incremental training of sparse networks: a unit's `i`th
    /// connection is taken to come from the network's `i`th neuron.
    fn step(&self, settings: &Settings, params: &mut [f32], deltas: &mut [f32]) {
        for (l, layer) in self.wiring.layers.iter().enumerate() {
            let first = self.wiring.first_unit(l);
            for u in 0..layer.units {
                let links = Links::of(layer, u);
                let error = self.errors[first + u] * settings.learning_rate;
                for j in 0..=links.nodes.len() {
                    let i = if j == 0 { links.bias } else { links.at + j - 1 };
                    deltas[i] = error * self.neuron(j) + settings.momentum * deltas[i];
                    params[i] += deltas[i];
                }
            }
        }
    }
}

pub(super) fn run(
    wiring: &Wiring,
    settings: &Settings,
    mut mode: Mode,
    samples: Samples,
    scratch: &mut [f32],
) -> Score {
    let mut score = Score::default();
    let mut row = Row::new(wiring, scratch);
    let last = wiring.layers.len() - 1;
    let (outputs, units) = (wiring.first_unit(last), wiring.units_of(last));
    let desired = samples.outputs.chunks(wiring.outputs());
    for (inputs, desired) in samples.inputs.chunks(wiring.inputs).zip(desired) {
        let params = match &mode {
            Mode::Test(params) | Mode::Slopes(params, _) => params,
            Mode::Step(params, _) => &**params,
        };
        row.forward(params, inputs);
        let pair = (desired, &row.values[outputs..]);
        score.compare(units, settings, pair, &mut row.errors[outputs..]);
        if !matches!(mode, Mode::Test(_)) {
            row.backward(params);
        }
        match &mut mode {
            Mode::Test(_) => {}
            Mode::Slopes(_, slopes) => row.add_slopes(slopes),
            Mode::Step(params, deltas) => row.step(settings, params, deltas),
        }
    }
    score
}

pub(super) fn forward(
    wiring: &Wiring,
    params: &[f32],
    inputs: &[f32],
    outputs: &mut [f32],
    scratch: &mut [f32],
) {
    let mut row = Row::new(wiring, scratch);
    row.forward(params, inputs);
    outputs.copy_from_slice(&row.values[wiring.nodes() - outputs.len()..]);
}
