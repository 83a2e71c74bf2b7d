//! Training and running with libfann's bits.
//!
//! The float32 numbers that come out of these functions are those of libfann
//! 2.2.0 built for x86-64 without fused multiply-add (Debian's build), bit for
//! bit and on every machine: the same products added up in the same order with
//! the same roundings. What makes it quick is that sums of other units,
//! samples or weights are taken side by side; no sum is taken apart.
//!
//! | file | what |
//! |---|---|
//! | `mod` | networks, settings and state as the engine sees them; an epoch |
//! | `dense` | a block of samples through layers whose units have the same sources |
//! | `single` | one sample at a time, for layers with lists of connections and for tiny networks |
//! | `random` | glibc's `rand`, which SARPROP draws from |
//!
//! Held against libfann in the tests (`tests/peers/fann-exact.c`): all training
//! algorithms, both error functions, layered, shortcut and sparse networks, every
//! activation function of version 2.2 (the rectifiers came later). `exp` is
//! glibc's on a processor with fused multiply-add. Sines, cosines and the
//! logarithm of the error function "tanh" come from `libm` in double and are then
//! rounded to float32: they can differ from glibc's only where the double lies
//! within its last bit of the middle between two floats, about once in 10^9.
//!
//! SARPROP draws as `rand` does after `srand` with the seed. In sparse networks
//! incremental training takes the values of the wrong neurons, as libfann does.

mod dense;
#[cfg(test)]
mod properties;
mod random;
mod single;
#[cfg(test)]
mod tests;
mod updates;

pub(crate) use self::dense::Extent;
pub(crate) use self::random::Rand;
use super::Activation;
use super::kernel::ExactKernels;
pub(crate) use super::kernel::exact::function::Function;
use super::kernel::exact::function::stretch;
use crate::error::{Error, Result};
use core::ops::Range;

/// Holds sums within what libfann lets into a unit of this style.
pub(crate) fn hold((activation, steepness): (Activation, f32), sums: &mut [f32]) {
    if let Some((_, part)) = function(activation) {
        let steepness = part * steepness;
        let most = 150.0 / steepness / steepness;
        sums.iter_mut().for_each(|sum| *sum = sum.clamp(-most, most));
    }
}

/// FANN's function for an activation, and how often our steepness goes into
/// its own.
pub(crate) fn function(activation: Activation) -> Option<(Function, f32)> {
    Some(match activation {
        Activation::Linear => (Function::Linear, 1.0),
        // FANN's sigmoid has exp(-2x).
        Activation::Sigmoid => (Function::Sigmoid, 0.5),
        Activation::SigmoidStepwise => (Function::SigmoidStepwise, 0.5),
        Activation::Tanh => (Function::SigmoidSymmetric, 1.0),
        Activation::TanhStepwise => (Function::SigmoidSymmetricStepwise, 1.0),
        Activation::Relu => (Function::Relu, 1.0),
        Activation::LeakyRelu => (Function::LeakyRelu, 1.0),
        Activation::Threshold => (Function::Threshold, 1.0),
        Activation::ThresholdSymmetric => (Function::ThresholdSymmetric, 1.0),
        Activation::Gaussian => (Function::Gaussian, 1.0),
        Activation::GaussianSymmetric => (Function::GaussianSymmetric, 1.0),
        Activation::Elliot => (Function::Elliot, 1.0),
        Activation::ElliotSymmetric => (Function::ElliotSymmetric, 1.0),
        Activation::LinearPiece => (Function::LinearPiece, 1.0),
        Activation::LinearPieceSymmetric => (Function::LinearPieceSymmetric, 1.0),
        Activation::Sin => (Function::Sin, 1.0),
        Activation::SinSymmetric => (Function::SinSymmetric, 1.0),
        Activation::Cos => (Function::Cos, 1.0),
        Activation::CosSymmetric => (Function::CosSymmetric, 1.0),
        Activation::Softmax | Activation::Gelu | Activation::Silu => return None,
    })
}

/// What a unit does to its weighted sum: `function(steepness * sum)`, with
/// libfann's steepness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Unit {
    pub function: Function,
    pub steepness: f32,
}

/// The sum of `count` products in libfann's order: the remainder of a division
/// by four first, with descending index; then groups of four.
#[inline(always)]
pub(crate) fn ordered_sum(count: usize, product: impl Fn(usize) -> f32) -> f32 {
    let mut sum = 0.0;
    for j in (0..count % 4).rev() {
        sum += product(j);
    }
    for j in (count % 4..count).step_by(4) {
        sum += ((product(j) + product(j + 1)) + product(j + 2)) + product(j + 3);
    }
    sum
}

/// A layer. Its parameters start at `at`: the weights, unit by unit, then the
/// biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    pub units: usize,
    /// Index of its first parameter.
    pub at: usize,
    pub sources: Sources,
}

/// Where a layer's units have their values from. Nodes are the inputs, then the
/// units layer by layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sources {
    /// All units from the same nodes: `count` from `first` on. libfann counts
    /// the bias as a source; here it comes after the first `bias_at`: after all
    /// of them in layered networks, after the inputs in those with shortcuts.
    Range { first: usize, count: usize, bias_at: usize },
    /// Each unit from its own: unit `u` from the nodes
    /// `links[starts[from + u]..starts[from + u + 1]]` of the [`Wiring`].
    /// libfann's bias comes first.
    Lists { from: usize },
}

/// A network's shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wiring<'a> {
    pub inputs: usize,
    pub layers: &'a [Layer],
    /// All units, layer by layer.
    pub units: &'a [Unit],
    /// Places in `links`: for each layer with lists one more than it has units.
    pub starts: &'a [u32],
    pub links: &'a [u32],
    sparse: bool,
    /// Whether a derivative needs the sums.
    needs_sums: bool,
    outputs: usize,
    /// Weights and biases of all layers.
    parameters: usize,
    extent: Extent,
}

impl<'a> Wiring<'a> {
    /// Checks that the layers make a network. Either all of them have lists of
    /// connections or none has.
    pub fn new(
        inputs: usize,
        layers: &'a [Layer],
        units: &'a [Unit],
        (starts, links): (&'a [u32], &'a [u32]),
    ) -> Result<Wiring<'a>> {
        let sparse = matches!(layers.first(), Some(Layer { sources: Sources::Lists { .. }, .. }));
        let outputs = layers.last().map_or(0, |layer| layer.units);
        let mut wiring = Wiring {
            inputs,
            layers,
            units,
            starts,
            links,
            sparse,
            needs_sums: units.iter().any(|unit| unit.function.needs_sums()),
            outputs,
            parameters: 0,
            extent: Extent::of(inputs, layers),
        };
        let (mut nodes, mut biases) = (inputs, 1);
        let mut good = inputs > 0 && !layers.is_empty();
        for layer in layers {
            good &= layer.units > 0 && layer.at == wiring.parameters;
            good &= wiring.has_sources(layer, nodes, biases);
            if !good {
                return Err(Error::NnShape);
            }
            wiring.parameters += wiring.weights(layer) + layer.units;
            nodes += layer.units;
            biases += 1;
        }
        good &= nodes == inputs + units.len();
        good &= units.iter().all(|unit| unit.steepness > 0.0 && unit.steepness.is_finite());
        if good { Ok(wiring) } else { Err(Error::NnShape) }
    }

    /// Whether a layer's sources are among the first `nodes`, and no unit has
    /// more of them than libfann has neurons there.
    fn has_sources(&self, layer: &Layer, nodes: usize, biases: usize) -> bool {
        match layer.sources {
            Sources::Range { first, count, bias_at } => {
                let inside = first.checked_add(count).is_some_and(|end| end <= nodes);
                !self.sparse && count > 0 && bias_at <= count && inside
            }
            Sources::Lists { from } => {
                let starts = self.starts.get(from..).and_then(|s| s.get(..=layer.units));
                let lists = starts.is_some_and(|starts| {
                    starts.windows(2).all(|pair| {
                        let list = self.links.get(pair[0] as usize..pair[1] as usize);
                        list.is_some_and(|list| {
                            list.len() < nodes + biases
                                && list.iter().all(|node| (*node as usize) < nodes)
                        })
                    })
                });
                self.sparse && lists
            }
        }
    }

    /// How many weights a layer has.
    fn weights(&self, layer: &Layer) -> usize {
        match layer.sources {
            Sources::Range { count, .. } => count * layer.units,
            Sources::Lists { from } => {
                (self.starts[from + layer.units] - self.starts[from]) as usize
            }
        }
    }

    /// A unit's weights among the parameters, and how many come before the
    /// bias.
    fn connections(&self, layer: &Layer, unit: usize) -> (Range<usize>, usize) {
        match layer.sources {
            Sources::Range { count, bias_at, .. } => {
                let start = layer.at + unit * count;
                (start..start + count, bias_at)
            }
            Sources::Lists { from } => {
                let starts = &self.starts[from..];
                let [start, end] = [starts[unit], starts[unit + 1]];
                let place = |start: u32| layer.at + (start - starts[0]) as usize;
                (place(start)..place(end), 0)
            }
        }
    }

    /// Inputs and units.
    pub fn nodes(&self) -> usize {
        self.inputs + self.units.len()
    }

    /// The node of the first unit of layer `l`.
    fn first_unit(&self, l: usize) -> usize {
        self.inputs + self.layers[..l].iter().map(|layer| layer.units).sum::<usize>()
    }

    /// The units of layer `l`.
    fn units_of(&self, l: usize) -> &'a [Unit] {
        &self.units[self.first_unit(l) - self.inputs..][..self.layers[l].units]
    }

    /// Floats of scratch memory that the engine needs. What is in it does not
    /// matter; more makes larger blocks.
    pub fn scratch(&self) -> usize {
        if self.sparse { single::scratch(self) } else { self.extent.scratch() }
    }
}

/// How weights change: libfann's training algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Incremental,
    Batch,
    /// iRPROP- as libfann has it.
    Rprop,
    Quickprop,
    Sarprop,
}

/// libfann's settings for training, with its defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settings {
    pub learning_rate: f32,
    pub momentum: f32,
    pub quickprop_decay: f32,
    pub quickprop_mu: f32,
    pub rprop_increase: f32,
    pub rprop_decrease: f32,
    pub rprop_delta_min: f32,
    pub rprop_delta_max: f32,
    pub rprop_delta_zero: f32,
    pub sarprop_weight_decay_shift: f32,
    pub sarprop_step_error_threshold: f32,
    pub sarprop_step_error_shift: f32,
    pub sarprop_temperature: f32,
    /// Whether the error function is "tanh", not "linear".
    pub tanh_error: bool,
    /// An output that is off by this or more is a failed bit.
    pub bit_fail_limit: f32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            learning_rate: 0.7,
            momentum: 0.0,
            quickprop_decay: -0.0001,
            quickprop_mu: 1.75,
            rprop_increase: 1.2,
            rprop_decrease: 0.5,
            rprop_delta_min: 0.0,
            rprop_delta_max: 50.0,
            rprop_delta_zero: 0.1,
            sarprop_weight_decay_shift: -6.644,
            sarprop_step_error_threshold: 0.1,
            sarprop_step_error_shift: 1.385,
            sarprop_temperature: 0.015,
            tanh_error: true,
            bit_fail_limit: 0.35,
        }
    }
}

/// What training remembers between epochs, in the order of the parameters. The
/// slices that an algorithm does not need may be empty ([`State::needs`]).
pub(crate) struct State<'a> {
    /// Slopes of this epoch; between epochs zero.
    pub slopes: &'a mut [f32],
    /// Slopes of the last epoch.
    pub last_slopes: &'a mut [f32],
    /// Sizes of the steps; of incremental training the last changes.
    pub steps: &'a mut [f32],
    /// Epochs so far, which SARPROP cools with.
    pub sarprop_epoch: &'a mut u32,
    /// What SARPROP draws from.
    pub rand: &'a mut Rand,
}

impl State<'_> {
    /// Whether an algorithm needs slopes, last slopes and steps.
    pub fn needs(algorithm: Algorithm) -> [bool; 3] {
        match algorithm {
            Algorithm::Incremental => [false, false, true],
            Algorithm::Batch => [true, false, false],
            Algorithm::Rprop | Algorithm::Quickprop | Algorithm::Sarprop => [true; 3],
        }
    }

    /// The state before the first epoch.
    #[cfg(test)]
    pub fn reset(&mut self, algorithm: Algorithm, settings: &Settings) {
        self.slopes.fill(0.0);
        self.last_slopes.fill(0.0);
        let first = if algorithm == Algorithm::Rprop { settings.rprop_delta_zero } else { 0.0 };
        self.steps.fill(first);
        *self.sarprop_epoch = 0;
    }

    fn fits(&self, algorithm: Algorithm, parameters: usize) -> bool {
        let lengths = [self.slopes.len(), self.last_slopes.len(), self.steps.len()];
        Self::needs(algorithm).iter().zip(lengths).all(|(need, len)| !need || len == parameters)
    }
}

/// Samples: rows of inputs and rows of desired outputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Samples<'a> {
    pub inputs: &'a [f32],
    pub outputs: &'a [f32],
}

/// How far the outputs were off, as libfann counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Score {
    sum: f32,
    outputs: u32,
    /// Outputs that were off by the limit or more.
    pub bit_fail: u32,
}

impl Score {
    /// The mean square error, summed up in float32.
    pub fn mse(&self) -> f32 {
        if self.outputs == 0 { 0.0 } else { self.sum / self.outputs as f32 }
    }

    /// Counts one output; returns the difference that its error comes from.
    #[inline(always)]
    fn add(&mut self, unit: Unit, limit: f32, difference: f32) -> f32 {
        let difference = if unit.function.halves() { difference / 2.0 } else { difference };
        self.sum += difference * difference;
        self.bit_fail += u32::from(difference.abs() >= limit);
        self.outputs = self.outputs.wrapping_add(1);
        difference
    }

    /// Counts a sample's outputs; `errors` gets the differences that are
    /// propagated.
    fn compare(
        &mut self,
        units: &[Unit],
        settings: &Settings,
        (desired, values): (&[f32], &[f32]),
        errors: &mut [f32],
    ) {
        for (((unit, desired), value), error) in units.iter().zip(desired).zip(values).zip(errors) {
            let difference = self.add(*unit, settings.bit_fail_limit, desired - value);
            *error = if settings.tanh_error { stretch(difference) } else { difference };
        }
    }
}

/// A network with the kernels that it runs on.
#[derive(Clone, Copy)]
pub(crate) struct Engine<'a> {
    pub kernels: &'static ExactKernels,
    pub wiring: &'a Wiring<'a>,
}

impl Engine<'_> {
    /// Trains one epoch; the score is of the weights that each sample met.
    pub fn epoch(
        self,
        (algorithm, settings): (Algorithm, &Settings),
        (params, state): (&mut [f32], &mut State),
        samples: Samples,
        scratch: &mut [f32],
    ) -> Result<Score> {
        let count = self.check(params, samples, scratch)?;
        if !state.fits(algorithm, params.len()) {
            return Err(Error::Invalid);
        }
        let incremental = algorithm == Algorithm::Incremental;
        let score = match (single::suits(self.wiring, incremental), incremental) {
            (false, true) => {
                dense::incremental(self, settings, params, state.steps, samples, scratch)
            }
            (false, false) => {
                let slopes = Some(&mut *state.slopes);
                dense::run(self, settings, params, slopes, samples, scratch)
            }
            (true, true) => {
                let mode = single::Mode::Step(params, state.steps);
                single::run(self, settings, mode, samples, scratch)
            }
            (true, false) => {
                let mode = single::Mode::Slopes(params, state.slopes);
                single::run(self, settings, mode, samples, scratch)
            }
        };
        updates::update(self, (algorithm, settings), (params, state), count, &score);
        Ok(score)
    }

    /// The score of the samples; nothing changes.
    pub fn test(
        self,
        settings: &Settings,
        params: &[f32],
        samples: Samples,
        scratch: &mut [f32],
    ) -> Result<Score> {
        self.check(params, samples, scratch)?;
        Ok(if single::suits(self.wiring, false) {
            single::run(self, settings, single::Mode::Test(params), samples, scratch)
        } else {
            dense::run(self, settings, params, None, samples, scratch)
        })
    }

    /// The outputs for one sample or more.
    #[cfg(test)]
    pub fn forward(
        self,
        params: &[f32],
        inputs: &[f32],
        outputs: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<()> {
        let count = self.check(params, Samples { inputs, outputs }, scratch)?;
        if single::suits(self.wiring, count == 1) {
            single::forward(self, params, (inputs, outputs), scratch);
        } else {
            dense::forward(self, params, inputs, outputs, scratch);
        }
        Ok(())
    }

    /// The number of samples, if all lengths match.
    fn check(self, params: &[f32], samples: Samples, scratch: &[f32]) -> Result<usize> {
        let wiring = self.wiring;
        let count = samples.outputs.len() / wiring.outputs;
        let good = samples.inputs.len() == count * wiring.inputs
            && samples.outputs.len() == count * wiring.outputs
            && count > 0
            && params.len() == wiring.parameters
            && scratch.len() >= wiring.scratch();
        if good { Ok(count) } else { Err(Error::Invalid) }
    }
}
