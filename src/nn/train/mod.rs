//! Training by backpropagation.

mod backprop;
mod loss;
mod optimizer;
mod permutation;

use core::alloc::Layout;
use core::ops::ControlFlow;

use self::backprop::Workspace;
use self::optimizer::Optimizer;
use self::permutation::Permutation;
use super::net::Net;
use super::shape::{Dense, Shape};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::{Allocator, Level, Line, Logger};

pub use self::loss::Loss;
pub use self::optimizer::Algorithm;

/// How a trainer works.
#[derive(Clone, Copy)]
pub struct TrainerConfig<'a> {
    /// The algorithm and its settings.
    pub algorithm: Algorithm,
    /// What is made small.
    pub loss: Loss,
    /// Samples for each update; 0 means 32, or all of them with iRPROP-, which
    /// takes no other number.
    pub batch_size: usize,
    /// How many samples are computed at once, at least 1: costs memory for the
    /// input, target and all layers' values of each.
    pub block: usize,
    /// Whether every epoch visits the samples in a new order.
    pub shuffle: bool,
    /// Where the orders come from.
    pub seed: u64,
    /// Told why a configuration is refused.
    pub logger: Option<&'a dyn Logger>,
}

impl Default for TrainerConfig<'_> {
    /// iRPROP- on the mean squared error.
    fn default() -> Self {
        TrainerConfig {
            algorithm: Algorithm::IRPROP_MINUS,
            loss: Loss::Mse,
            batch_size: 0,
            block: DEFAULT_BATCH,
            shuffle: true,
            seed: 0,
            logger: None,
        }
    }
}

pub(crate) const DEFAULT_BATCH: usize = 32;

/// Samples with what the network should answer.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// Rows of the network's inputs.
    pub inputs: &'a [f32],
    /// As many rows of its outputs.
    pub targets: &'a [f32],
}

/// How the training goes, after an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Epochs done in this call, from 1.
    pub epoch: u32,
    /// Mean loss over the epoch, each sample taken before the update that it
    /// had a part in.
    pub loss: f32,
    /// Samples in the data.
    pub samples: usize,
}

/// Looks at the progress; may stop the training.
pub type ProgressHook<'a> = &'a mut dyn FnMut(&Progress) -> ControlFlow<()>;

/// When to stop.
pub struct TrainParams<'a> {
    /// Most epochs to do, at least 1.
    pub max_epochs: u32,
    /// Stop when an epoch's loss is at most this; 0 means never.
    pub target_loss: f32,
    /// Called after each epoch; may stop the training.
    pub progress: Option<ProgressHook<'a>>,
}

/// Why a training stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum StopReason {
    /// All epochs are done.
    Epochs = 1,
    /// The target loss is reached.
    Loss = 2,
    /// The progress callback said so.
    Callback = 3,
}

/// What a training did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainReport {
    /// Epochs done.
    pub epochs: u32,
    /// Mean loss over the last of them.
    pub loss: f32,
    /// Why it stopped.
    pub stopped_by: StopReason,
}

/// A training in progress: the algorithm's memory between updates.
///
/// Made for one shape of network and meant for one network: what it remembers
/// (steps, velocities, the epoch's number) belongs to the weights it trained.
/// The same seeds, data and kernels give the same weights bit for bit.
pub struct Trainer<'m> {
    layers: Carved<'m, Dense>,
    inputs: usize,
    loss: Loss,
    /// Samples for each update; 0: all.
    batch_size: usize,
    shuffle: bool,
    seed: u64,
    epoch: u64,
    optimizer: Optimizer<'m>,
    gradient: Carved<'m, f32>,
    workspace: Workspace<'m>,
    /// Behind all of the above.
    _piece: Piece<'m>,
}

/// What is carved out of a trainer's piece.
struct Parts<'m> {
    layers: Carved<'m, Dense>,
    optimizer: Optimizer<'m>,
    gradient: Carved<'m, f32>,
    workspace: Workspace<'m>,
}

impl<'m> Parts<'m> {
    fn carve(
        carver: &mut Carver<'m>,
        config: &TrainerConfig<'_>,
        shape: &Shape,
        layers: &[Dense],
    ) -> Result<Parts<'m>> {
        let mut table = carver.take(layers.len(), Dense::EMPTY)?;
        for (to, from) in table.iter_mut().zip(layers) {
            *to = *from;
        }
        Ok(Parts {
            layers: table,
            optimizer: Optimizer::carve(config.algorithm, shape.parameters, carver)?,
            gradient: carver.take(shape.parameters, 0.0)?,
            workspace: Workspace::carve(shape, config.block, carver)?,
        })
    }
}

impl TrainerConfig<'_> {
    fn check(&self, net: &Net<'_>) -> Result<()> {
        let refuse = |error, text| {
            Line::new(text).send(self.logger, Level::Error);
            Err(error)
        };
        if let Err(error) = self.algorithm.check() {
            return refuse(error, "a setting of the training algorithm is outside its range");
        }
        if self.algorithm.is_full_batch() && self.batch_size != 0 {
            return refuse(
                Error::Invalid,
                "iRPROP- needs the gradient over all samples: batch size 0",
            );
        }
        if self.block == 0 {
            return refuse(Error::Invalid, "the block of a trainer is at least 1");
        }
        if net.is_read_only() {
            return refuse(Error::ReadOnly, "the network reads its parameters in place");
        }
        if let Err(error) = self.loss.check(net.output_activation()) {
            return refuse(error, error.message());
        }
        Ok(())
    }
}

impl<'m> Trainer<'m> {
    /// The memory that a trainer for networks like this one takes.
    pub fn footprint(config: &TrainerConfig<'_>, net: &Net<'_>) -> Result<Layout> {
        config.check(net)?;
        let mut carver = Carver::measure();
        Parts::carve(&mut carver, config, &net.shape(), net.layers())?;
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
        let shape = net.shape();
        let parts = Parts::carve(&mut piece.carver(needed)?, config, &shape, net.layers())?;
        let full = config.algorithm.is_full_batch();
        Line::new("trainer for ")
            .number(shape.parameters)
            .text(" parameters, ")
            .number(needed.size())
            .text(" bytes")
            .send(config.logger, Level::Debug);
        Ok(Trainer {
            layers: parts.layers,
            inputs: shape.inputs,
            loss: config.loss,
            batch_size: match config.batch_size {
                0 if full => 0,
                0 => DEFAULT_BATCH,
                n => n,
            },
            // Over all samples the order changes nothing but rounding.
            shuffle: config.shuffle && !full,
            seed: config.seed,
            epoch: 0,
            optimizer: parts.optimizer,
            gradient: parts.gradient,
            workspace: parts.workspace,
            _piece: piece,
        })
    }

    /// Changes the learning rate, from one epoch to the next for example.
    /// [`Error::Unsupported`] for iRPROP-, which has none.
    pub fn set_learning_rate(&mut self, rate: f32) -> Result<()> {
        self.optimizer.set_learning_rate(rate)
    }

    /// Trains until `params` says stop.
    ///
    /// [`Error::NnDiverged`] when the loss, the gradient or a weight would stop
    /// being finite: the net then keeps finite weights, of the update before
    /// or partly of this one.
    pub fn train(
        &mut self,
        net: &mut Net<'_>,
        data: Data<'_>,
        mut params: TrainParams<'_>,
    ) -> Result<TrainReport> {
        if params.max_epochs == 0 || !(params.target_loss >= 0.0 && params.target_loss.is_finite())
        {
            return Err(Error::Invalid);
        }
        let samples = self.check_data(net, data)?;
        let mut epochs = 0;
        loop {
            let loss = self.run_epoch(net, data, samples)?;
            epochs += 1;
            let report = |stopped_by| Ok(TrainReport { epochs, loss, stopped_by });
            if let Some(progress) = &mut params.progress
                && progress(&Progress { epoch: epochs, loss, samples }).is_break()
            {
                return report(StopReason::Callback);
            }
            if params.target_loss > 0.0 && loss <= params.target_loss {
                return report(StopReason::Loss);
            }
            if epochs == params.max_epochs {
                return report(StopReason::Epochs);
            }
        }
    }

    /// One epoch: every sample once. Returns its mean loss, each sample taken
    /// before the update that it had a part in.
    pub fn epoch(&mut self, net: &mut Net<'_>, data: Data<'_>) -> Result<f32> {
        let samples = self.check_data(net, data)?;
        self.run_epoch(net, data, samples)
    }

    /// The mean loss over the data, without training.
    pub fn loss(&mut self, net: &Net<'_>, data: Data<'_>) -> Result<f32> {
        let samples = self.check_data(net, data)?;
        let mut sum = 0.0;
        let block = self.workspace.block();
        let mut from = 0;
        while from < samples {
            let to = samples.min(from.saturating_add(block));
            self.workspace.gather(self.inputs, data, from..to);
            sum += self.workspace.forward(net, self.loss);
            from = to;
        }
        let mean = self.loss.mean(samples, self.workspace.outputs());
        Ok((sum * mean) as f32)
    }

    fn run_epoch(&mut self, net: &mut Net<'_>, data: Data<'_>, samples: usize) -> Result<f32> {
        net.parameters_mut()?;
        let order = self.shuffle.then(|| Permutation::new(samples, self.seed, self.epoch));
        let place = |i: usize| order.map_or(i, |order| order.at(i));
        let batch = if self.batch_size == 0 { samples } else { self.batch_size };
        let mut sum = 0.0;
        let mut start = 0;
        while start < samples {
            let end = samples.min(start.saturating_add(batch));
            let mean = self.loss.mean(end - start, self.workspace.outputs());
            self.gradient.fill(0.0);
            let mut from = start;
            while from < end {
                let to = end.min(from.saturating_add(self.workspace.block()));
                self.workspace.gather(self.inputs, data, (from..to).map(place));
                let part = self.workspace.forward(net, self.loss);
                if !part.is_finite() {
                    return Err(Error::NnDiverged);
                }
                sum += part;
                self.workspace.backward(net, self.loss, mean as f32, &mut self.gradient);
                from = to;
            }
            self.optimizer.update(net.parameters_mut()?, &self.gradient)?;
            start = end;
        }
        self.epoch += 1;
        Ok((sum * self.loss.mean(samples, self.workspace.outputs())) as f32)
    }

    /// Checks that net and data fit; returns the number of samples.
    fn check_data(&self, net: &Net<'_>, data: Data<'_>) -> Result<usize> {
        if net.shape().inputs != self.inputs || *net.layers() != *self.layers {
            return Err(Error::NnMismatch);
        }
        let samples = data.inputs.len() / self.inputs;
        if samples == 0
            || data.inputs.len() != samples * self.inputs
            || Some(data.targets.len()) != samples.checked_mul(net.shape().outputs)
        {
            return Err(Error::Length);
        }
        if !data.inputs.iter().all(|x| x.is_finite()) {
            return Err(Error::NnNotFinite);
        }
        self.loss.check_targets(data.targets)?;
        Ok(samples)
    }
}
