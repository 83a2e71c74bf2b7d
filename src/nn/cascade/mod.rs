//! Cascade training: a network that grows unit by unit.

mod candidates;
mod config;
mod outputs;
mod room;
mod validation;

use core::alloc::Layout;

use self::candidates::{Extent, Found, Pool, Rules};
use self::config::check_net;
use self::outputs::{Best, Task};
use self::room::{Learner, Room, Sizes};
use self::validation::Kept;
use crate::error::{Error, Result};
use crate::mem::{Carver, Piece};
use crate::nn::init::Random;
use crate::nn::train::{Judge, reaches};
use crate::nn::{Data, Net, Shape};
use crate::port::{Allocator, Level, Line};

pub use self::config::{
    CascadeConfig, CascadeHook, CascadeParams, CascadeProgress, CascadeReport, CascadeStop,
    Patience,
};

/// Cascade training: Cascade2 (Fahlman; described in Nissen, "Large scale
/// reinforcement learning with Q-SARSA(lambda) and cascading neural networks",
/// 2007), after Cascade-Correlation (Fahlman & Lebiere, "The
/// cascade-correlation learning architecture", 1990).
///
/// It trains the weights of the outputs until they get no better. Then it
/// trains a pool of candidate units, of different activations and steepnesses,
/// each to take away as much as it can of the errors that are left; the best
/// one becomes a unit of the network ([`Net::grow`]), its incoming weights stay
/// as they are, and the outputs are trained again. In the
/// end the outputs have the weights of the smallest loss there was.
///
/// For shortcut networks; how far one can grow is its
/// [`spare_units`](crate::nn::NetConfig::spare_units). The same seed, data and
/// kernels give the same network bit for bit.
pub struct Cascade<'m> {
    settings: Settings,
    room: Room<'m>,
    learner: Learner<'m>,
    pool: Pool<'m>,
    best: Best<'m>,
    kept: Kept<'m>,
    random: Random,
    /// Behind all of the above.
    _piece: Piece<'m>,
}

/// What does not change while a cascade lives.
#[derive(Clone, Copy, Debug)]
struct Settings {
    judge: Judge,
    outputs: Patience,
    rules: Rules,
    weight_multiplier: f32,
}

/// What is carved out of a cascade's piece.
struct Parts<'m> {
    room: Room<'m>,
    learner: Learner<'m>,
    pool: Pool<'m>,
    best: Best<'m>,
    kept: Kept<'m>,
}

/// Nodes but the outputs when a network is full grown.
fn most_nodes(net: &Net<'_>) -> Result<usize> {
    let Shape { outputs, .. } = net.shape();
    (net.shape().nodes() - outputs).checked_add(net.spare_units()).ok_or(Error::Overflow)
}

impl<'m> Parts<'m> {
    fn carve(
        carver: &mut Carver<'m>,
        config: &CascadeConfig<'_>,
        net: &Net<'_>,
        max_samples: usize,
    ) -> Result<Parts<'m>> {
        let Shape { inputs, outputs, widest, .. } = net.shape();
        let (nodes, pool) = (most_nodes(net)?, config.pool()?);
        let sizes = Sizes {
            nodes,
            inputs,
            outputs,
            widest,
            pool,
            samples: max_samples,
            block: config.block.min(max_samples),
            cache: config.cache,
        };
        let extent = Extent { pool, nodes, outputs };
        let candidates = extent.len().ok_or(Error::Overflow)?;
        let last = nodes.checked_add(1).and_then(|n| n.checked_mul(outputs));
        let last = last.ok_or(Error::Overflow)?;
        Ok(Parts {
            room: Room::carve(sizes, carver)?,
            learner: Learner::carve(config.algorithm, candidates.max(last), carver)?,
            pool: Pool::carve((config.activations, config.steepnesses), extent, carver)?,
            best: Best { weights: carver.take(last, 0.0)?, loss: f32::INFINITY, bit_fail: 0 },
            kept: Kept::new(carver.take(last, 0.0)?),
        })
    }
}

impl<'m> Cascade<'m> {
    /// The memory that cascade training of this network takes, with at most so
    /// many samples.
    pub fn footprint(
        config: &CascadeConfig<'_>,
        net: &Net<'_>,
        max_samples: usize,
    ) -> Result<Layout> {
        config.check(net)?;
        if max_samples == 0 {
            Line::new("a cascade has at least 1 sample").send(config.logger, Level::Error);
            return Err(Error::Invalid);
        }
        let mut carver = Carver::measure();
        Parts::carve(&mut carver, config, net, max_samples)?;
        carver.layout()
    }

    /// Cascade training for networks like this one: of the same inputs and
    /// outputs, and with no more units in and spare together. `max_samples` are
    /// the most samples that the data will have.
    ///
    /// [`Error::Invalid`] for a setting outside its range,
    /// [`Error::Unsupported`] for a network that is not a shortcut one without
    /// sparse layers, for threshold outputs or an algorithm that is none of the
    /// three, [`Error::NnLoss`], [`Error::ReadOnly`], [`Error::Overflow`], and
    /// those of the allocator.
    pub fn new(
        config: &CascadeConfig<'_>,
        net: &Net<'_>,
        max_samples: usize,
        memory: impl Allocator<'m>,
    ) -> Result<Cascade<'m>> {
        let piece = memory.allocate(Cascade::footprint(config, net, max_samples)?)?;
        Cascade::in_piece(config, net, max_samples, piece)
    }

    pub(crate) fn in_piece(
        config: &CascadeConfig<'_>,
        net: &Net<'_>,
        max_samples: usize,
        mut piece: Piece<'m>,
    ) -> Result<Cascade<'m>> {
        let needed = Cascade::footprint(config, net, max_samples)?;
        let parts = Parts::carve(&mut piece.carver(needed)?, config, net, max_samples)?;
        Line::new("cascade of ")
            .number(parts.room.sizes.pool)
            .text(" candidates, ")
            .number(needed.size())
            .text(" bytes")
            .send(config.logger, Level::Debug);
        let settings = Settings {
            judge: Judge {
                loss: config.loss,
                error: config.error_function,
                // FANN's rules, whatever the algorithm.
                fann: true,
                bit_fail_limit: config.bit_fail_limit,
            },
            outputs: config.outputs,
            rules: Rules {
                patience: config.candidates,
                limit: config.candidate_limit,
                initial: config.initial,
            },
            weight_multiplier: config.weight_multiplier,
        };
        let Parts { room, learner, pool, best, kept } = parts;
        let random = Random::new(config.seed);
        Ok(Cascade { settings, room, learner, pool, best, kept, random, _piece: piece })
    }

    /// Trains the network and lets it grow until `params` says stop. Called
    /// again, it goes on. With a validation set the network is in the end the
    /// one of the smallest validation loss: units added since are taken out
    /// again, and become spare ones.
    ///
    /// [`Error::NnMismatch`] for a network that is not like the one at
    /// creation, [`Error::Length`] for no samples or no whole rows,
    /// [`Error::Capacity`] for more samples than announced,
    /// [`Error::NnNotFinite`], [`Error::Invalid`] for parameters outside their
    /// range or patience without a validation set, weights below 0 or all 0, or
    /// targets outside 0..1 with cross-entropy, [`Error::Unsupported`] for
    /// activations that an exact network cannot run, [`Error::ReadOnly`]; the
    /// network is as before then. [`Error::NnDiverged`] when the loss is not
    /// finite from the start.
    pub fn train(
        &mut self,
        net: &mut Net<'_>,
        data: Data<'_>,
        mut params: CascadeParams<'_>,
    ) -> Result<CascadeReport> {
        params.check()?;
        let (judge, weight) = (self.settings.judge, self.check(net, data)?);
        if data.inputs.len() / net.shape().inputs > self.room.sizes.samples {
            return Err(Error::Capacity);
        }
        let task = Task { judge, data, weight };
        let validation = match params.validation {
            Some(data) => Some(Task { judge, data, weight: self.check(net, data)? }),
            None => None,
        };
        net.parameters_mut()?;
        self.best.loss = f32::INFINITY;
        self.kept.reset();
        self.room.held = net.is_exact();
        self.room.keep(net.body(), data, 0);
        let mut progress = CascadeProgress {
            units: 0,
            loss: 0.0,
            bit_fail: 0,
            output_epochs: 0,
            candidate_epochs: 0,
            score: 0.0,
            style: None,
            validation_loss: None,
        };
        let tasks = (&task, validation.as_ref());
        let stopped_by = self.grow(net, tasks, &mut params, &mut progress);
        self.best.restore(net)?;
        self.kept.restore(net, &mut progress)?;
        let best_validation_loss = validation.map(|_| self.kept.validation);
        let stopped_by = stopped_by?;
        let CascadeProgress { units, loss, bit_fail, output_epochs, candidate_epochs, .. } =
            progress;
        Ok(CascadeReport {
            units,
            loss,
            bit_fail,
            best_validation_loss,
            output_epochs,
            candidate_epochs,
            stopped_by,
        })
    }

    fn grow(
        &mut self,
        net: &mut Net<'_>,
        (task, validation): (&Task<'_>, Option<&Task<'_>>),
        params: &mut CascadeParams<'_>,
        progress: &mut CascadeProgress,
    ) -> Result<CascadeStop> {
        loop {
            let reached = self.train_outputs(net, task, params, progress)?;
            if let Some(validation) = validation {
                let memory = (&mut self.room, &mut self.best);
                let loss = self.kept.see(net, (validation, task.data), memory, params, progress)?;
                progress.validation_loss = Some(loss);
            }
            if let Some(hook) = &mut params.progress
                && hook(progress).is_break()
            {
                return Ok(CascadeStop::Callback);
            }
            if let Some(reason) = reached {
                return Ok(reason);
            }
            if params.patience > 0 && self.kept.waited >= params.patience {
                return Ok(CascadeStop::Validation);
            }
            if progress.units >= params.max_units || net.spare_units() == 0 {
                return Ok(CascadeStop::Units);
            }
            if !self.add_unit(net, task, progress)? {
                return Ok(CascadeStop::Candidates);
            }
        }
    }

    fn train_outputs(
        &mut self,
        net: &mut Net<'_>,
        task: &Task<'_>,
        params: &CascadeParams<'_>,
        progress: &mut CascadeProgress,
    ) -> Result<Option<CascadeStop>> {
        let enough = |loss: f32, bit_fail: u64| {
            if reaches(loss, params.target_loss) {
                Some(CascadeStop::Loss)
            } else if params.target_bit_fail.is_some_and(|target| bit_fail <= target) {
                Some(CascadeStop::BitFail)
            } else {
                None
            }
        };
        let memory = (&mut self.room, &mut self.learner, &mut self.best);
        let (epochs, reached) = task.train(net, memory, self.settings.outputs, enough)?;
        progress.output_epochs += u64::from(epochs);
        (progress.loss, progress.bit_fail) = (self.best.loss, self.best.bit_fail);
        Ok(reached)
    }

    /// Trains candidates and puts the best one in; says whether there is one.
    fn add_unit(
        &mut self,
        net: &mut Net<'_>,
        task: &Task<'_>,
        progress: &mut CascadeProgress,
    ) -> Result<bool> {
        task.pass(net.body(), &mut self.room, None);
        let memory = (&mut self.room, &mut self.learner);
        let rules = self.settings.rules;
        let (epochs, found) = self.pool.train(net.body(), task, memory, rules, &mut self.random);
        progress.candidate_epochs += u64::from(epochs);
        let Some(Found { style, score }) = found else { return Ok(false) };
        let Shape { outputs, .. } = net.shape();
        let nodes = net.shape().nodes() - outputs;
        let (incoming, rest) = self.pool.best.split_at_mut(nodes);
        let (bias, outgoing) = (rest[0], &mut rest[1..=outputs]);
        outgoing.iter_mut().for_each(|w| *w *= self.settings.weight_multiplier);
        net.grow(style, (incoming, bias), outgoing)?;
        self.best.grow(nodes, outputs);
        let hidden = net.layers().len() - 2;
        self.room.keep(net.body(), task.data, hidden);
        progress.units += 1;
        (progress.score, progress.style) = (score, Some(style));
        Ok(true)
    }

    /// Checks that net and data fit; returns the sum of the samples' weights.
    fn check(&self, net: &Net<'_>, data: Data<'_>) -> Result<f64> {
        let Sizes { nodes, inputs, outputs, widest, pool, .. } = self.room.sizes;
        let shape = net.shape();
        let fits = shape.inputs == inputs
            && shape.outputs == outputs
            && shape.widest <= widest.max(pool)
            && most_nodes(net)? <= nodes;
        let loss = self.settings.judge.loss;
        if !fits || check_net(net, loss).is_err() {
            return Err(Error::NnMismatch);
        }
        self.pool.activations().try_for_each(|activation| net.check_exact(activation))?;
        data.check((inputs, outputs), loss, net.body().kernels)
    }
}
