//! One sample at a time: for layers with lists of connections, and for tiny
//! networks whose samples come alone.

use super::{Engine, Layer, Samples, Score, Settings, Sources, Wiring, ordered_sum};
use crate::nn::kernel::ExactKernels;
use crate::nn::kernel::exact::function::{slope, steep};

/// Networks with no more parameters than this go this way when a weight is
/// used only once.
const TINY: usize = 48;

/// What is done with each sample.
pub(super) enum Mode<'p> {
    /// Count its outputs, with these parameters.
    Test(&'p [f32]),
    /// The same, and add to these slopes.
    Slopes(&'p [f32], &'p mut [f32]),
    /// The same, and change the parameters; the last changes.
    Step(&'p mut [f32], &'p mut [f32]),
}

/// Whether a network goes this way; `once` says that its samples come alone.
pub(super) fn suits(wiring: &Wiring, once: bool) -> bool {
    wiring.sparse || once && wiring.parameters <= TINY
}

pub(super) fn scratch(wiring: &Wiring) -> usize {
    3 * wiring.nodes()
}

/// The nodes that a unit has its values from.
trait Nodes: Copy {
    fn count(self) -> usize;
    fn node(self, i: usize) -> usize;
}

/// As many from the first on.
#[derive(Clone, Copy)]
struct From {
    first: usize,
    count: usize,
}

impl Nodes for From {
    fn count(self) -> usize {
        self.count
    }

    fn node(self, i: usize) -> usize {
        self.first + i
    }
}

impl Nodes for &[u32] {
    fn count(self) -> usize {
        self.len()
    }

    fn node(self, i: usize) -> usize {
        self[i] as usize
    }
}

/// The connections of a unit: the index of its first weight, that of its bias,
/// and how many weights come before the bias.
#[derive(Clone, Copy)]
struct Links<N> {
    at: usize,
    bias: usize,
    bias_at: usize,
    nodes: N,
}

impl<N: Nodes> Links<N> {
    /// The index of the parameter of connection `j`, and its source; none for
    /// the bias.
    #[inline(always)]
    fn connection(&self, j: usize) -> (usize, Option<usize>) {
        match j.cmp(&self.bias_at) {
            core::cmp::Ordering::Less => (self.at + j, Some(self.nodes.node(j))),
            core::cmp::Ordering::Equal => (self.bias, None),
            core::cmp::Ordering::Greater => (self.at + j - 1, Some(self.nodes.node(j - 1))),
        }
    }

    /// The weighted sum in libfann's order.
    #[inline(always)]
    fn sum(&self, params: &[f32], values: &[f32]) -> f32 {
        let count = self.nodes.count() + 1;
        let product = |j: usize| {
            let (at, node) = self.connection(j);
            node.map_or(params[at], |node| params[at] * values[node])
        };
        ordered_sum(count, product)
    }

    /// Adds a unit's error, by way of its weights, to its sources'.
    #[inline(always)]
    fn pass_back(&self, error: f32, params: &[f32], errors: &mut [f32]) {
        for i in (0..self.nodes.count()).rev() {
            errors[self.nodes.node(i)] += error * params[self.at + i];
        }
    }

    #[inline(always)]
    fn add_slopes(&self, error: f32, values: &[f32], slopes: &mut [f32]) {
        slopes[self.bias] += error;
        for (i, slope) in slopes[self.at..][..self.nodes.count()].iter_mut().enumerate() {
            *slope += error * values[self.nodes.node(i)];
        }
    }

    /// Changes a unit's weights; connection `j` has the value `value(j)`.
    #[inline(always)]
    fn step(
        &self,
        (error, momentum): (f32, f32),
        params: &mut [f32],
        deltas: &mut [f32],
        value: impl Fn(usize) -> f32,
    ) {
        for j in 0..=self.nodes.count() {
            let (at, _) = self.connection(j);
            deltas[at] = error * value(j) + momentum * deltas[at];
            params[at] += deltas[at];
        }
    }
}

/// Evaluates an expression with the links of a layer's unit, of either kind.
macro_rules! with_links {
    ($wiring:expr, $layer:expr, $unit:expr, |$links:ident| $body:expr) => {{
        let (weights, bias_at) = $wiring.connections($layer, $unit);
        let bias = $layer.at + $wiring.weights($layer) + $unit;
        match $layer.sources {
            Sources::Range { first, count, .. } => {
                let nodes = From { first, count };
                let $links = Links { at: weights.start, bias, bias_at, nodes };
                $body
            }
            Sources::Lists { from } => {
                let first = $wiring.starts[from + $unit] as usize;
                let nodes = &$wiring.links[first..][..weights.len()];
                let $links = Links { at: weights.start, bias, bias_at, nodes };
                $body
            }
        }
    }};
}

/// Values, sums and errors of all nodes.
struct Row<'a, 's> {
    wiring: &'a Wiring<'a>,
    kernels: &'a ExactKernels,
    values: &'s mut [f32],
    sums: &'s mut [f32],
    errors: &'s mut [f32],
}

impl<'a, 's> Row<'a, 's> {
    fn new(engine: Engine<'a>, scratch: &'s mut [f32]) -> Row<'a, 's> {
        let nodes = engine.wiring.nodes();
        let (values, rest) = scratch.split_at_mut(nodes);
        let (sums, rest) = rest.split_at_mut(nodes);
        let errors = &mut rest[..nodes];
        Row { wiring: engine.wiring, kernels: engine.kernels, values, sums, errors }
    }

    /// Calls `each(layer, unit in it, node)` for all units.
    fn units(&mut self, mut each: impl FnMut(&mut Self, &Layer, usize, usize)) {
        let mut node = self.wiring.inputs;
        for layer in self.wiring.layers {
            for unit in 0..layer.units {
                each(self, layer, unit, node);
                node += 1;
            }
        }
    }

    fn forward(&mut self, params: &[f32], inputs: &[f32]) {
        self.values[..inputs.len()].copy_from_slice(inputs);
        self.units(|row, layer, u, node| {
            let unit = row.wiring.units[node - inputs.len()];
            let sum = with_links!(row.wiring, layer, u, |links| links.sum(params, row.values));
            row.sums[node] = steep(unit.steepness, sum);
            row.values[node] = (row.kernels.value)(unit.function, row.sums[node]);
        });
    }

    /// Errors of all units, from the differences at the outputs.
    fn backward(&mut self, params: &[f32]) {
        let mut end = self.wiring.nodes();
        self.errors[..end - self.wiring.outputs].fill(0.0);
        for layer in self.wiring.layers.iter().rev() {
            let start = end - layer.units;
            for node in start..end {
                let unit = self.wiring.units[node - self.wiring.inputs];
                let (value, sum) = (self.values[node], self.sums[node]);
                self.errors[node] *= slope(unit.function, unit.steepness, value, sum);
            }
            if start == self.wiring.inputs {
                return;
            }
            for u in 0..layer.units {
                let error = self.errors[start + u];
                with_links!(self.wiring, layer, u, |links| links.pass_back(
                    error,
                    params,
                    self.errors
                ));
            }
            end = start;
        }
    }

    fn add_slopes(&mut self, slopes: &mut [f32]) {
        self.units(|row, layer, u, node| {
            let error = row.errors[node];
            with_links!(row.wiring, layer, u, |links| links.add_slopes(error, row.values, slopes));
        });
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

    /// Incremental training. For lists of connections with a habit of libfann's:
    /// a unit's `j`th connection is taken to come from the network's `j`th
    /// neuron.
    fn step(&mut self, settings: &Settings, params: &mut [f32], deltas: &mut [f32]) {
        let sparse = self.wiring.sparse;
        self.units(|row, layer, u, node| {
            let by = (row.errors[node] * settings.learning_rate, settings.momentum);
            with_links!(row.wiring, layer, u, |links| links.step(by, params, deltas, |j| {
                let source = links.connection(j).1;
                if sparse { row.neuron(j) } else { source.map_or(1.0, |node| row.values[node]) }
            }));
        });
    }
}

pub(super) fn run(
    engine: Engine,
    settings: &Settings,
    mut mode: Mode,
    samples: Samples,
    scratch: &mut [f32],
) -> Score {
    let wiring = engine.wiring;
    let mut score = Score::default();
    let mut row = Row::new(engine, scratch);
    let outputs = wiring.nodes() - wiring.outputs;
    let units = &wiring.units[outputs - wiring.inputs..];
    let desired = samples.outputs.chunks_exact(wiring.outputs);
    for (inputs, desired) in samples.inputs.chunks_exact(wiring.inputs).zip(desired) {
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

#[cfg(test)]
pub(super) fn forward(
    engine: Engine,
    params: &[f32],
    (inputs, outputs): (&[f32], &mut [f32]),
    scratch: &mut [f32],
) {
    let wiring = engine.wiring;
    let mut row = Row::new(engine, scratch);
    let results = outputs.chunks_exact_mut(wiring.outputs);
    for (inputs, result) in inputs.chunks_exact(wiring.inputs).zip(results) {
        row.forward(params, inputs);
        result.copy_from_slice(&row.values[wiring.nodes() - wiring.outputs..]);
    }
}
