//! Training by backpropagation.

mod algorithm;
mod aware;
mod backprop;
mod config;
mod exact;
mod lanes;
mod loss;
mod optimizer;
mod schedule;
mod state;

use core::alloc::Layout;

use self::aware::Aware;
use self::backprop::{Manner, Place, Sink};
use self::exact::Exact;
use self::lanes::{Lanes, Work};
use self::optimizer::{Context, Optimizer};
use super::net::Net;
use super::permutation::Permutation;
use super::shape::Dense;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::{Allocator, Level, Line, Parallel};

pub use self::algorithm::{Adam, Algorithm, Rprop, Sarprop};
pub(in crate::nn) use self::backprop::{Block, slopes, verdict};
pub(crate) use self::config::{DEFAULT_BATCH, reaches};
pub use self::config::{
    Data, Progress, ProgressHook, StopReason, TrainParams, TrainReport, TrainerConfig,
};
pub use self::loss::{ErrorFunction, Loss};
pub(in crate::nn) use self::loss::{Judge, Verdict};
pub use self::schedule::Schedule;

/// A training in progress: the algorithm's memory between updates.
///
/// Made for one shape of network and meant for one network: what it remembers
/// (steps, velocities, the epoch's number) belongs to the weights it trained.
/// The same seeds, data and kernels give the same weights bit for bit.
pub struct Trainer<'m> {
    layers: Carved<'m, Dense>,
    inputs: usize,
    settings: Settings,
    epoch: u64,
    optimizer: Optimizer<'m>,
    best: Best<'m>,
    aware: Aware<'m>,
    engine: Engine<'m>,
    /// Behind all of the above.
    _piece: Piece<'m>,
}

/// What the values and slopes are computed by.
#[allow(clippy::large_enum_variant)] // a trainer has one of them, in its one piece of memory
enum Engine<'m> {
    Fast(Lanes<'m>),
    Exact(Exact<'m>),
}

/// What does not change while a trainer lives.
#[derive(Clone, Copy, Debug)]
struct Settings {
    judge: Judge,
    /// Weights and biases of the network.
    parameters: usize,
    /// Samples for each update; 0: all.
    batch_size: usize,
    shuffle: bool,
    /// Each sample changes the weights at once.
    direct: bool,
    seed: u64,
    schedule: Schedule,
    weight_decay: f32,
}

/// The best that a validation set has seen.
struct Best<'m> {
    /// The weights then, if they are kept.
    parameters: Carved<'m, f32>,
    loss: f32,
    /// Epochs since.
    waited: u32,
}

/// What is carved out of a trainer's piece.
struct Parts<'m> {
    layers: Carved<'m, Dense>,
    optimizer: Optimizer<'m>,
    best: Carved<'m, f32>,
    aware: Aware<'m>,
    engine: Engine<'m>,
}

impl<'m> Parts<'m> {
    fn carve(
        carver: &mut Carver<'m>,
        config: &TrainerConfig<'_>,
        net: &Net<'_>,
    ) -> Result<Parts<'m>> {
        let layers = net.layers();
        let mut table = carver.take(layers.len(), Dense::EMPTY)?;
        for (to, from) in table.iter_mut().zip(layers) {
            *to = *from;
        }
        let parameters = net.shape().parameters;
        let best = if config.keep_best { parameters } else { 0 };
        let memory = if config.exact {
            let [first, second] = exact::memory(config.algorithm);
            [first, second, false]
        } else {
            [1, 2, 3].map(|n| config.algorithm.memory() >= n)
        };
        Ok(Parts {
            layers: table,
            optimizer: Optimizer::carve(config.algorithm, memory, parameters, carver)?,
            best: carver.take(best, 0.0)?,
            aware: Aware::carve(config.quantization_aware, net.body(), carver)?,
            engine: match config.exact {
                true => Engine::Exact(Exact::carve(config, net.body(), carver)?),
                false => {
                    Engine::Fast(Lanes::carve(net.body(), config.manner(), config.workers, carver)?)
                }
            },
        })
    }
}

impl TrainerConfig<'_> {
    fn shuffles(&self) -> bool {
        self.shuffle && !self.algorithm.is_full_batch()
    }

    fn manner(&self) -> Manner {
        let steepest = match self.algorithm {
            Algorithm::Incremental { momentum, .. } => momentum == 0.0,
            Algorithm::Sgd { momentum, .. } => momentum == 0.0 && self.batch_size == 1,
            _ => false,
        };
        Manner {
            block: self.block,
            gathers: self.shuffles() || self.quantization_aware,
            // Then the gradient need not be written down.
            direct: steepest && self.weight_decay == 0.0 && !self.quantization_aware,
        }
    }
}

impl<'m> Trainer<'m> {
    /// The memory that a trainer for networks like this one takes.
    pub fn footprint(config: &TrainerConfig<'_>, net: &Net<'_>) -> Result<Layout> {
        config.check(net)?;
        let mut carver = Carver::measure();
        Parts::carve(&mut carver, config, net)?;
        carver.layout()
    }

    /// A trainer for networks of the same shape as this one.
    pub fn new(
        config: &TrainerConfig<'_>,
        net: &Net<'_>,
        memory: impl Allocator<'m>,
    ) -> Result<Trainer<'m>> {
        let piece = memory.allocate(Trainer::footprint(config, net)?)?;
        Trainer::in_piece(config, net, piece)
    }

    pub(crate) fn in_piece(
        config: &TrainerConfig<'_>,
        net: &Net<'_>,
        mut piece: Piece<'m>,
    ) -> Result<Trainer<'m>> {
        let needed = Trainer::footprint(config, net)?;
        let parts = Parts::carve(&mut piece.carver(needed)?, config, net)?;
        Line::new("trainer for ")
            .number(net.shape().parameters)
            .text(" parameters, ")
            .number(needed.size())
            .text(" bytes")
            .send(config.logger, Level::Debug);
        let settings = Settings {
            judge: Judge {
                loss: config.loss,
                error: config.error_function,
                fann: config.algorithm.is_fann(),
                bit_fail_limit: config.bit_fail_limit,
            },
            parameters: net.shape().parameters,
            batch_size: match (config.batch_size, config.algorithm) {
                (_, algorithm) if algorithm.is_full_batch() => 0,
                (_, Algorithm::Incremental { .. }) => 1,
                (0, _) => DEFAULT_BATCH,
                (n, _) => n,
            },
            shuffle: config.shuffles(),
            direct: config.manner().direct,
            seed: config.seed,
            schedule: config.schedule,
            weight_decay: config.weight_decay,
        };
        Ok(Trainer {
            layers: parts.layers,
            inputs: net.shape().inputs,
            settings,
            epoch: 0,
            optimizer: parts.optimizer,
            best: Best { parameters: parts.best, loss: f32::INFINITY, waited: 0 },
            aware: parts.aware,
            engine: parts.engine,
            _piece: piece,
        })
    }

    /// Changes the learning rate that the schedule's factor multiplies.
    /// [`Error::Unsupported`] for the algorithms that have none.
    pub fn set_learning_rate(&mut self, rate: f32) -> Result<()> {
        self.optimizer.set_learning_rate(rate)
    }

    /// Epochs that it has done in its life.
    pub fn epochs(&self) -> u64 {
        self.epoch
    }

    /// Trains until `params` says stop. With a validation set and
    /// [`keep_best`](TrainerConfig::keep_best) the network has the weights of
    /// the smallest validation loss in the end, also after an error.
    ///
    /// [`Error::NnDiverged`] when the loss, the gradient or a weight would stop
    /// being finite: the net then keeps finite weights, of the update before
    /// or partly of this one. (The exact mode does as libfann does, whose
    /// weights may then be anything.)
    pub fn train(
        &mut self,
        net: &mut Net<'_>,
        data: Data<'_>,
        mut params: TrainParams<'_>,
    ) -> Result<TrainReport> {
        params.check()?;
        let samples = self.check_data(net, data)?;
        if let Some(validation) = params.validation {
            self.check_data(net, validation)?;
        }
        net.parameters_mut()?;
        let result = self.run_epochs(net, (data, samples), &mut params);
        if params.validation.is_some() && self.best.loss.is_finite() {
            let best = &self.best.parameters;
            if !best.is_empty() {
                net.parameters_mut()?.copy_from_slice(best);
            }
        }
        result
    }

    fn run_epochs(
        &mut self,
        net: &mut Net<'_>,
        (data, samples): (Data<'_>, f64),
        params: &mut TrainParams<'_>,
    ) -> Result<TrainReport> {
        let mut epochs = 0;
        loop {
            let (loss, bit_fail) = self.run_epoch(net, (data, samples), params.parallel)?;
            epochs += 1;
            let validation_loss = match params.validation {
                Some(validation) => Some(self.validate(net, validation, params)?),
                None => None,
            };
            let best = params.validation.map(|_| self.best.loss);
            let report = |stopped_by| {
                Ok(TrainReport { epochs, loss, bit_fail, best_validation_loss: best, stopped_by })
            };
            let samples = data.inputs.len() / self.inputs;
            let progress = Progress { epoch: epochs, loss, bit_fail, validation_loss, samples };
            if let Some(hook) = &mut params.progress
                && hook(&progress).is_break()
            {
                return report(StopReason::Callback);
            }
            if reaches(loss, params.target_loss) {
                return report(StopReason::Loss);
            }
            if params.target_bit_fail.is_some_and(|target| bit_fail <= target) {
                return report(StopReason::BitFail);
            }
            if params.patience > 0 && self.best.waited >= params.patience {
                return report(StopReason::Validation);
            }
            if epochs == params.max_epochs {
                return report(StopReason::Epochs);
            }
        }
    }

    /// The loss over a validation set; keeps the weights if it is the smallest.
    fn validate(&mut self, net: &Net<'_>, data: Data<'_>, params: &TrainParams<'_>) -> Result<f32> {
        let loss = self.test_with(net, data, params.parallel)?.0;
        if loss < self.best.loss - params.min_delta
            || (self.best.loss.is_infinite() && loss.is_finite())
        {
            (self.best.loss, self.best.waited) = (loss, 0);
            if !self.best.parameters.is_empty() {
                self.best.parameters.copy_from_slice(net.parameters());
            }
        } else {
            self.best.waited = self.best.waited.saturating_add(1);
        }
        Ok(loss)
    }

    /// One epoch: every sample once. Returns its mean loss, each sample taken
    /// before the update that it had a part in.
    pub fn epoch(&mut self, net: &mut Net<'_>, data: Data<'_>) -> Result<f32> {
        let samples = self.check_data(net, data)?;
        net.parameters_mut()?;
        Ok(self.run_epoch(net, (data, samples), None)?.0)
    }

    /// The mean loss over the data, without training.
    pub fn loss(&mut self, net: &Net<'_>, data: Data<'_>) -> Result<f32> {
        Ok(self.test(net, data)?.0)
    }

    /// The mean loss over the data and how many outputs fail, without training.
    pub fn test(&mut self, net: &Net<'_>, data: Data<'_>) -> Result<(f32, u64)> {
        self.test_with(net, data, None)
    }

    fn test_with(
        &mut self,
        net: &Net<'_>,
        data: Data<'_>,
        parallel: Option<&dyn Parallel>,
    ) -> Result<(f32, u64)> {
        let weight = self.check_data(net, data)?;
        let samples = data.inputs.len() / self.inputs;
        let judge = self.settings.judge;
        let all = match &mut self.engine {
            Engine::Exact(exact) => exact.test(net.body(), data)?,
            Engine::Fast(lanes) => {
                let body = net.body();
                let work =
                    Work { body, judge: &judge, data, order: None, scale: None, grids: None };
                lanes.run(work, 0..samples, parallel)?
            }
        };
        let mean = self.settings.judge.loss.mean(weight, net.shape().outputs);
        Ok(((all.sum * mean) as f32, all.bit_fail))
    }

    fn run_epoch(
        &mut self,
        net: &mut Net<'_>,
        (data, weight): (Data<'_>, f64),
        parallel: Option<&dyn Parallel>,
    ) -> Result<(f32, u64)> {
        let Settings { judge, batch_size, shuffle, seed, schedule, .. } = self.settings;
        let lanes = match &mut self.engine {
            Engine::Exact(exact) => {
                let verdict = exact.epoch(net.body_mut(), &mut self.optimizer, data)?;
                self.epoch += 1;
                if !verdict.sum.is_finite() {
                    return Err(Error::NnDiverged);
                }
                let mean = judge.loss.mean(weight, net.shape().outputs);
                return Ok(((verdict.sum * mean) as f32, verdict.bit_fail));
            }
            Engine::Fast(_) if self.settings.direct => {
                return self.run_direct_epoch(net, data, weight);
            }
            Engine::Fast(lanes) => lanes,
        };
        let samples = data.inputs.len() / self.inputs;
        let outputs = net.shape().outputs;
        // A batch counts by the weights of its samples, against the mean one.
        let each = weight / samples as f64;
        let order = shuffle.then(|| Permutation::new(samples, seed, self.epoch));
        let rate = schedule.factor(self.epoch);
        let batch = if batch_size == 0 { samples } else { batch_size };
        self.aware.observe(net, &mut lanes.first, &judge, data)?;
        let mut all = Verdict::default();
        let mut start = 0;
        while start < samples {
            let end = samples.min(start.saturating_add(batch));
            let counted = (end - start) as f64 * each;
            let mean = judge.loss.mean(counted, outputs);
            let scale = if judge.fann { 1.0 } else { mean as f32 };
            self.aware.put_on(net)?;
            let body = net.body();
            let (order, grids) = (order.as_ref(), self.aware.grids());
            let work = Work { body, judge: &judge, data, order, scale: Some(scale), grids };
            let part = lanes.run(work, start..end, parallel);
            self.aware.take_off(net)?;
            let part = part?;
            if !part.sum.is_finite() {
                return Err(Error::NnDiverged);
            }
            let sum = part.sum;
            all.bit_fail += part.bit_fail;
            all.sum += sum;
            let loss = (sum * mean) as f32;
            let context = Context { rate, samples: counted as f32, loss, seed };
            let gradient = &mut lanes.first.gradient;
            self.optimizer.decay(net, gradient, self.settings.weight_decay, rate)?;
            let kernels = net.body().kernels;
            self.optimizer.update(kernels, net.parameters_mut()?, gradient, context)?;
            start = end;
        }
        self.epoch += 1;
        Ok(((all.sum * judge.loss.mean(weight, outputs)) as f32, all.bit_fail))
    }

    /// An epoch whose samples change the weights one by one.
    fn run_direct_epoch(
        &mut self,
        net: &mut Net<'_>,
        data: Data<'_>,
        weight: f64,
    ) -> Result<(f32, u64)> {
        let Settings { judge, shuffle, seed, schedule, .. } = self.settings;
        let (inputs, outputs) = (self.inputs, net.shape().outputs);
        let samples = data.inputs.len() / inputs;
        let order = shuffle.then(|| Permutation::new(samples, seed, self.epoch));
        let mut algorithm = self.optimizer.algorithm;
        let rate = algorithm.rate().map_or(0.0, |rate| *rate) * schedule.factor(self.epoch);
        let mean = judge.loss.mean(weight / samples as f64, outputs);
        let scale = rate * if judge.fann { 1.0 } else { mean as f32 };
        let mut all = Verdict::default();
        let mut room = 0.0;
        let Engine::Fast(lanes) = &mut self.engine else { return Err(Error::Unsupported) };
        let workspace = &mut lanes.first.workspace;
        for i in 0..samples {
            let at = order.map_or(i, |order| order.at(i));
            let place = (data, Place::Data(at..at + 1));
            let seen = (net.body(), &judge, None);
            let part = workspace.run(seen, place, Some((scale, Sink::Slopes)));
            if !part.sum.is_finite() {
                return Err(Error::NnDiverged);
            }
            all.sum += part.sum;
            all.bit_fail += part.bit_fail;
            let input = &data.inputs[at * inputs..(at + 1) * inputs];
            workspace.step(net.body_mut(), input, &mut room)?;
            self.optimizer.scalars.updates += 1;
        }
        self.epoch += 1;
        Ok(((all.sum * judge.loss.mean(weight, outputs)) as f32, all.bit_fail))
    }

    /// Checks that net and data fit; returns the sum of the samples' weights.
    fn check_data(&self, net: &Net<'_>, data: Data<'_>) -> Result<f64> {
        let same = net.layers().len() == self.layers.len()
            && net.layers().iter().zip(&*self.layers).all(|(a, b)| a == b);
        if net.shape().inputs != self.inputs || !same {
            return Err(Error::NnMismatch);
        }
        // Units' own styles may have changed since the memory was measured.
        let suits = match &self.engine {
            Engine::Fast(lanes) => !net.shape().mixed || lanes.first.workspace.suits(net.body()),
            Engine::Exact(_) => !net.shape().mixed || exact::has_all(net.body()),
        };
        if !suits {
            return Err(Error::NnMismatch);
        }
        let sizes = (self.inputs, net.shape().outputs);
        let sum = data.check(sizes, self.settings.judge.loss, net.body().kernels)?;
        match self.engine {
            Engine::Exact(_) if data.weights.is_some() => Err(Error::Unsupported),
            _ => Ok(sum),
        }
    }
}
