//! The exact mode of a trainer: the network as the engine that has libfann's
//! bits sees it.

use super::algorithm::Algorithm;
use super::config::{Data, TrainerConfig};
use super::loss::{ErrorFunction, Verdict};
use super::optimizer::Optimizer;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::nn::Topology;
use crate::nn::exact::{
    self, Engine, Extent, Function, Rand, Samples, Settings, Sources, State, Unit, Wiring,
};
use crate::nn::net::Body;

/// Memory and settings of the exact mode.
pub(super) struct Exact<'m> {
    layers: Carved<'m, exact::Layer>,
    units: Carved<'m, Unit>,
    slopes: Carved<'m, f32>,
    scratch: Carved<'m, f32>,
    settings: Settings,
    pub rand: Rand,
}

/// Whether FANN has all activations of this network.
pub(super) fn has_all(body: &Body<'_>) -> bool {
    let mut runs = body.layers().iter().flat_map(|layer| body.runs(layer));
    runs.all(|run| exact::function(run.activation).is_some())
}

fn algorithm(algorithm: Algorithm) -> Option<(exact::Algorithm, Settings)> {
    let default = Settings::default();
    Some(match algorithm {
        Algorithm::Incremental { learning_rate, momentum } => {
            (exact::Algorithm::Incremental, Settings { learning_rate, momentum, ..default })
        }
        Algorithm::Batch { learning_rate } => {
            (exact::Algorithm::Batch, Settings { learning_rate, ..default })
        }
        Algorithm::Rprop(r) => (
            exact::Algorithm::Rprop,
            Settings {
                rprop_increase: r.increase,
                rprop_decrease: r.decrease,
                rprop_delta_min: r.min,
                rprop_delta_max: r.max,
                rprop_delta_zero: r.initial,
                ..default
            },
        ),
        Algorithm::Quickprop { learning_rate, decay, mu } => (
            exact::Algorithm::Quickprop,
            Settings { learning_rate, quickprop_decay: decay, quickprop_mu: mu, ..default },
        ),
        Algorithm::Sarprop(s) => (
            exact::Algorithm::Sarprop,
            Settings {
                rprop_increase: s.rprop.increase,
                rprop_decrease: s.rprop.decrease,
                rprop_delta_min: s.rprop.min,
                rprop_delta_max: s.rprop.max,
                sarprop_weight_decay_shift: s.weight_decay_shift,
                sarprop_step_error_threshold: s.step_error_threshold_factor,
                sarprop_step_error_shift: s.step_error_shift,
                sarprop_temperature: s.temperature,
                ..default
            },
        ),
        _ => return None,
    })
}

/// How many numbers for each parameter the optimiser keeps.
pub(super) fn memory(of: Algorithm) -> [bool; 2] {
    let needs = algorithm(of).map_or([false; 3], |(algorithm, _)| State::needs(algorithm));
    [needs[1], needs[2]]
}

impl<'m> Exact<'m> {
    pub fn carve(
        config: &TrainerConfig<'_>,
        body: &Body<'_>,
        carver: &mut Carver<'m>,
    ) -> Result<Exact<'m>> {
        let (algorithm, settings) = algorithm(config.algorithm).ok_or(Error::Unsupported)?;
        let shape = &body.shape;
        let none = exact::Layer { units: 0, at: 0, sources: Sources::Lists { from: 0 } };
        let unit = Unit { function: Function::Linear, steepness: 1.0 };
        let layers = carver.take(shape.layers, none)?;
        let units = carver.take(shape.units, unit)?;
        let slopes = if State::needs(algorithm)[0] { shape.parameters } else { 0 };
        let mut exact = Exact {
            layers,
            units,
            slopes: carver.take(slopes, 0.0)?,
            scratch: carver.take(0, 0.0)?,
            settings: Settings {
                tanh_error: config.error_function == ErrorFunction::Tanh,
                bit_fail_limit: config.bit_fail_limit,
                ..settings
            },
            rand: Rand::new(config.seed as u32),
        };
        exact.scratch = carver.take(scratch_len(body), 0.0)?;
        if !exact.layers.is_empty() {
            exact.describe(body);
        }
        Ok(exact)
    }

    /// Fills in the network as it is now.
    fn describe(&mut self, body: &Body<'_>) {
        for (i, (to, layer)) in self.layers.iter_mut().zip(body.layers()).enumerate() {
            *to = describe_layer(body, i);
            for run in body.runs(layer) {
                let (function, part) =
                    exact::function(run.activation).unwrap_or((Function::Linear, 1.0));
                let unit = Unit { function, steepness: part * run.steepness };
                self.units[layer.units_before + run.from..][..run.units].fill(unit);
            }
        }
    }

    /// One epoch with updates, or without: only the verdict.
    pub fn epoch(
        &mut self,
        body: &mut Body<'_>,
        optimizer: &mut Optimizer<'_>,
        data: Data<'_>,
    ) -> Result<Verdict> {
        self.describe(body);
        let (algorithm, settings) = self.settings(optimizer)?;
        let mut updates = optimizer.scalars.updates as u32;
        let lists = (&*body.starts, &*body.sources);
        let wiring = Wiring::new(body.shape.inputs, &self.layers, &self.units, lists)?;
        let engine = Engine { kernels: body.kernel.exact()?, wiring: &wiring };
        let mut state = State {
            slopes: &mut self.slopes,
            last_slopes: &mut optimizer.first,
            steps: &mut optimizer.second,
            sarprop_epoch: &mut updates,
            rand: &mut self.rand,
        };
        let parameters = &mut body.parameters.own()?[..body.shape.parameters];
        let samples = Samples { inputs: data.inputs, outputs: data.targets };
        let score = engine.epoch(
            (algorithm, &settings),
            (parameters, &mut state),
            samples,
            &mut self.scratch,
        )?;
        optimizer.scalars.updates += 1;
        Ok(verdict(&score, data))
    }

    /// The score of samples.
    pub fn test(&mut self, body: &Body<'_>, data: Data<'_>) -> Result<Verdict> {
        self.describe(body);
        let lists = (&*body.starts, &*body.sources);
        let wiring = Wiring::new(body.shape.inputs, &self.layers, &self.units, lists)?;
        let engine = Engine { kernels: body.kernel.exact()?, wiring: &wiring };
        let samples = Samples { inputs: data.inputs, outputs: data.targets };
        let score = engine.test(&self.settings, body.parameters(), samples, &mut self.scratch)?;
        Ok(verdict(&score, data))
    }

    /// The settings with the learning rate that the optimiser has now.
    fn settings(&self, optimizer: &Optimizer<'_>) -> Result<(exact::Algorithm, Settings)> {
        let (algorithm, now) = algorithm(optimizer.algorithm).ok_or(Error::Unsupported)?;
        Ok((algorithm, Settings { learning_rate: now.learning_rate, ..self.settings }))
    }
}

/// The sum that the mean is made of again; FANN's own is a mean in float32.
fn verdict(score: &exact::Score, data: Data<'_>) -> Verdict {
    let sum = f64::from(score.mse()) * data.targets.len() as f64;
    Verdict { sum, bit_fail: score.bit_fail.into() }
}

fn describe_layer(body: &Body<'_>, index: usize) -> exact::Layer {
    let layer = &body.layers()[index];
    let sources = if layer.links.is_some() {
        Sources::Lists { from: layer.units_before }
    } else {
        // FANN's only bias of a shortcut network is among its inputs.
        let bias_at = match body.shape.topology {
            Topology::Layered => layer.inputs(),
            Topology::Shortcut => body.shape.inputs,
        };
        Sources::Range { first: layer.first as usize, count: layer.inputs(), bias_at }
    };
    exact::Layer { units: layer.units(), at: layer.at, sources }
}

/// Scratch memory that the engine needs, from the shape alone.
fn scratch_len(body: &Body<'_>) -> usize {
    let shape = &body.shape;
    let extent = Extent {
        layered: shape.topology == Topology::Layered || shape.layers == 1,
        inputs: shape.inputs,
        units: shape.units,
        widest: shape.widest,
    };
    extent.scratch()
}
