//! Training.

use core::ffi::c_void;
use core::ops::ControlFlow;

use super::handle::{self, Object, call_mut, with_mut};
use super::net::{nsw_net, with_net};
use super::port::{CLogger, nsw_allocator, nsw_logger};
use super::slices::{input, put};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::nn::{
    Adam, Algorithm, Data, Loss, Net, Progress, Rprop, TrainParams, TrainReport, Trainer,
    TrainerConfig,
};
use crate::port::{Level, Line};

/// iRPROP-: resilient backpropagation without weight backtracking (Igel &
/// Huesken 2003), over all samples at once.
pub const NSW_ALGORITHM_IRPROP_MINUS: u32 = 0;
/// Mini-batch gradient descent with momentum.
pub const NSW_ALGORITHM_SGD: u32 = 1;
/// Adam (Kingma & Ba 2015).
pub const NSW_ALGORITHM_ADAM: u32 = 2;

/// Loss: the mean over samples and outputs of (y - t)^2.
pub const NSW_LOSS_MSE: u32 = 0;
/// Loss: cross-entropy, the mean over samples of -sum(t ln y) for a softmax
/// output layer, of -sum(t ln y + (1 - t) ln(1 - y)) for a sigmoid one; other
/// output layers have none. Targets lie in 0..1.
pub const NSW_LOSS_CROSS_ENTROPY: u32 = 1;

/// Training stopped because all epochs were done.
pub const NSW_STOP_EPOCHS: u32 = 1;
/// Training stopped because the target loss was reached.
pub const NSW_STOP_LOSS: u32 = 2;
/// Training stopped because the progress callback said so.
pub const NSW_STOP_CALLBACK: u32 = 3;

/// How a trainer works. NSW_TRAINER_CONFIG_INIT, then at least `net`; every
/// other zero means the default. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_trainer_config {
    /// sizeof(nsw_trainer_config); NSW_TRAINER_CONFIG_INIT sets it.
    pub size: u32,
    /// An NSW_ALGORITHM_ constant.
    pub algorithm: u32,
    /// The network to train, or one of the same shape: read during the call.
    pub net: *const nsw_net,
    /// Told why a configuration is refused; may be NULL.
    pub logger: *const nsw_logger,
    /// An NSW_LOSS_ constant.
    pub loss: u32,
    /// Samples for each update. 0 means 32, or all of them with iRPROP-, which
    /// takes no other number.
    pub batch_size: u32,
    /// How many samples are computed at once; 0 means 32. Costs memory for the
    /// input, target and all layers' values of each.
    pub block: u32,
    /// Not 0: every epoch visits the samples as they are given. Otherwise each
    /// epoch has an order of its own, by the seed.
    pub no_shuffle: u32,
    /// Where the orders come from.
    pub seed: u64,
    /// SGD, Adam: learning rate; 0 means 0.01 for SGD and 0.001 for Adam.
    pub learning_rate: f32,
    /// SGD: momentum, 0 to below 1.
    pub momentum: f32,
    /// Adam: decay of the mean, below 1; 0 means 0.9.
    pub beta1: f32,
    /// Adam: decay of the mean square, below 1; 0 means 0.999.
    pub beta2: f32,
    /// Adam: what keeps the divisor from zero; 0 means 1e-8.
    pub epsilon: f32,
    /// iRPROP-: first step size; 0 means 0.1.
    pub step_initial: f32,
    /// iRPROP-: smallest step size; 0 means 1e-6.
    pub step_min: f32,
    /// iRPROP-: largest step size; 0 means 50.
    pub step_max: f32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_trainer_config {
    const LEAST: usize = core::mem::offset_of!(nsw_trainer_config, logger);
}

/// How the training goes, after an epoch.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_progress {
    /// sizeof(nsw_progress) of the library: fields beyond it are not there.
    pub size: u32,
    /// Epochs done in this call, from 1.
    pub epoch: u32,
    /// Mean loss over the epoch, each sample taken before the update that it
    /// had a part in.
    pub loss: f32,
    /// 0.
    pub reserved: u32,
    /// Samples in the data.
    pub samples: usize,
}

/// When to stop. NSW_TRAIN_PARAMS_INIT, then at least `max_epochs`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_train_params {
    /// sizeof(nsw_train_params); NSW_TRAIN_PARAMS_INIT sets it.
    pub size: u32,
    /// Most epochs to do, at least 1.
    pub max_epochs: u32,
    /// Stop when an epoch's loss is at most this; 0 means never.
    pub target_loss: f32,
    /// 0.
    pub reserved: u32,
    /// Handed to the hook as it is.
    pub ctx: *mut c_void,
    /// Called after each epoch, on the calling thread; an answer other than 0
    /// stops the training. May be NULL. Calls on the trainer or the network
    /// answer NSW_ERR_BUSY inside it; to use them between epochs, call
    /// nsw_trainer_epoch in a loop.
    pub progress:
        Option<unsafe extern "C" fn(ctx: *mut c_void, progress: *const nsw_progress) -> i32>,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_train_params {
    const LEAST: usize = core::mem::offset_of!(nsw_train_params, target_loss);
}

/// What a training did. NSW_TRAIN_REPORT_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_train_report {
    /// sizeof(nsw_train_report); NSW_TRAIN_REPORT_INIT sets it.
    pub size: u32,
    /// Epochs done.
    pub epochs: u32,
    /// Mean loss over the last of them.
    pub loss: f32,
    /// Why it stopped, an NSW_STOP_ constant.
    pub stopped_by: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_train_report {
    const LEAST: usize = core::mem::offset_of!(nsw_train_report, stopped_by);
}

/// A training in progress: the algorithm's memory between updates.
///
/// Made for one shape of network and meant for one network: what it remembers
/// belongs to the weights that it trained. The same seeds, data and kernels
/// give the same weights bit for bit. One thread at a time.
pub struct nsw_trainer {
    _opaque: [u8; 0],
}

impl Object for Trainer<'static> {
    type C = nsw_trainer;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswT");
}

impl nsw_trainer_config {
    fn algorithm(&self) -> Result<Algorithm> {
        let or = |value: f32, default: f32| if value == 0.0 { default } else { value };
        Ok(match self.algorithm {
            NSW_ALGORITHM_IRPROP_MINUS => Algorithm::IrpropMinus(Rprop {
                initial: or(self.step_initial, 0.1),
                min: or(self.step_min, 1e-6),
                max: or(self.step_max, 50.0),
                ..Rprop::PAPER
            }),
            NSW_ALGORITHM_SGD => Algorithm::Sgd {
                learning_rate: or(self.learning_rate, 0.01),
                momentum: self.momentum,
                nesterov: false,
            },
            NSW_ALGORITHM_ADAM => Algorithm::Adam(Adam {
                learning_rate: or(self.learning_rate, 0.001),
                beta1: or(self.beta1, 0.9),
                beta2: or(self.beta2, 0.999),
                epsilon: or(self.epsilon, 1e-8),
            }),
            _ => return Err(Error::Invalid),
        })
    }
}

/// Calls `f` with the caller's configuration and its network.
unsafe fn with_config<R>(
    config: *const nsw_trainer_config,
    f: impl FnOnce(&TrainerConfig<'_>, &Net<'static>) -> Result<R>,
) -> Result<R> {
    // SAFETY: NULL or a configuration, as the callers document; the same for
    // what it points to.
    unsafe {
        let c = structs::read(config)?;
        let logger = CLogger::new(c.logger)?;
        let algorithm = c.algorithm();
        let loss = Loss::from_code(c.loss).ok_or(Error::Invalid);
        if algorithm.is_err() || loss.is_err() {
            let line = Line::new("a trainer's algorithm or loss is an unknown constant");
            line.send(CLogger::as_dyn(&logger), Level::Error);
        }
        let config = TrainerConfig {
            algorithm: algorithm?,
            loss: loss?,
            batch_size: c.batch_size as usize,
            block: if c.block == 0 { crate::nn::DEFAULT_BATCH } else { c.block as usize },
            shuffle: c.no_shuffle == 0,
            seed: c.seed,
            ..TrainerConfig::default()
        };
        let config = TrainerConfig { logger: CLogger::as_dyn(&logger), ..config };
        with_net(c.net, |net| f(&config, net))
    }
}

/// The memory that a trainer of this configuration takes: the one block that
/// nsw_trainer_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, those of a bad handle for the
/// network, NSW_ERR_INVALID for a setting outside its range, NSW_ERR_NN_LOSS
/// for a loss that does not go with the output layer, NSW_ERR_READ_ONLY for a
/// network that reads its parameters in place, NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_footprint(
    config: *const nsw_trainer_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Trainer<'static>>(size, align, || {
            with_config(config, Trainer::footprint)
        })
    }
}

/// Makes a trainer in one block of `memory` (NULL: the system's heap). The
/// caller owns `*trainer` and ends it with nsw_trainer_destroy.
///
/// Errors: those of nsw_trainer_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*trainer` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_create(
    config: *const nsw_trainer_config,
    memory: *const nsw_allocator,
    trainer: *mut *mut nsw_trainer,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<Trainer<'static>>(
            memory,
            trainer,
            || with_config(config, Trainer::footprint),
            |piece| with_config(config, |config, net| Trainer::in_piece(config, net, piece)),
        )
    }
}

/// Destroys a trainer and gives its block back; the network stays. NULL is
/// fine, and so is an already destroyed one whose memory can still be read.
/// Inside a hook of a call on the trainer it does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_destroy(trainer: *mut nsw_trainer) {
    // SAFETY: NULL or a trainer, by the documentation above.
    unsafe { handle::destroy::<Trainer<'static>>(trainer) };
}

/// Changes the learning rate, from one epoch to the next for example.
///
/// Errors: those of a bad handle, NSW_ERR_INVALID unless it is finite and above
/// 0, NSW_ERR_UNSUPPORTED for iRPROP-, which has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_set_learning_rate(
    trainer: *mut nsw_trainer,
    learning_rate: f32,
) -> nsw_status {
    // SAFETY: NULL or a trainer, by the documentation above.
    unsafe {
        call_mut::<Trainer<'static>>(trainer, |trainer| trainer.set_learning_rate(learning_rate))
    }
}

/// Trains the network on samples until `params` says stop: `inputs` are rows of
/// the network's inputs (`inputs_len` values in all), `targets` as many rows of
/// its outputs. Fills `*report` (NSW_TRAIN_REPORT_INIT), which may be NULL.
///
/// Errors: those of a bad handle for both, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_INVALID for parameters outside their range or targets outside 0..1
/// with cross-entropy, NSW_ERR_LENGTH for no samples or no whole rows,
/// NSW_ERR_NN_NOT_FINITE for NaN or infinity in the data, NSW_ERR_NN_MISMATCH
/// for a network of another shape, NSW_ERR_READ_ONLY, NSW_ERR_BUSY, and
/// NSW_ERR_NN_DIVERGED when loss, gradient or a weight would stop being
/// finite: the network then keeps finite weights, of the update before or
/// partly of this one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_train(
    trainer: *mut nsw_trainer,
    net: *mut nsw_net,
    inputs: *const f32,
    inputs_len: usize,
    targets: *const f32,
    targets_len: usize,
    params: *const nsw_train_params,
    report: *mut nsw_train_report,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Trainer<'static>>(trainer, |trainer| {
            let params = structs::read(params)?;
            if params.reserved != 0 {
                return Err(Error::Invalid);
            }
            let data = Data::new(input(inputs, inputs_len)?, input(targets, targets_len)?);
            if !report.is_null() {
                // Refused before the work, not after.
                structs::write(
                    report,
                    &nsw_train_report { size: 0, epochs: 0, loss: 0.0, stopped_by: 0 },
                )?;
            }
            let mut hook = |progress: &Progress| tell(&params, progress);
            let done = with_mut::<Net<'static>, _>(net, |net| {
                trainer.train(
                    net,
                    data,
                    TrainParams {
                        max_epochs: params.max_epochs,
                        target_loss: params.target_loss,
                        progress: Some(&mut hook),
                        ..TrainParams::epochs(0)
                    },
                )
            })?;
            if report.is_null() { Ok(()) } else { structs::write(report, &done.into()) }
        })
    }
}

fn tell(params: &nsw_train_params, progress: &Progress) -> ControlFlow<()> {
    let Some(hook) = params.progress else { return ControlFlow::Continue(()) };
    let progress = nsw_progress {
        size: size_of::<nsw_progress>() as u32,
        epoch: progress.epoch,
        loss: progress.loss,
        reserved: 0,
        samples: progress.samples,
    };
    // SAFETY: the hook's own documentation.
    match unsafe { hook(params.ctx, &progress) } {
        0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    }
}

impl From<TrainReport> for nsw_train_report {
    fn from(report: TrainReport) -> nsw_train_report {
        nsw_train_report {
            size: 0,
            epochs: report.epochs,
            loss: report.loss,
            stopped_by: report.stopped_by as u32,
        }
    }
}

/// Trains one epoch, every sample once: data as in nsw_trainer_train. Writes
/// its mean loss, each sample taken before the update that it had a part in,
/// to `*loss`, which may be NULL.
///
/// Errors: those of nsw_trainer_train.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_epoch(
    trainer: *mut nsw_trainer,
    net: *mut nsw_net,
    inputs: *const f32,
    inputs_len: usize,
    targets: *const f32,
    targets_len: usize,
    loss: *mut f32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Trainer<'static>>(trainer, |trainer| {
            let data = Data::new(input(inputs, inputs_len)?, input(targets, targets_len)?);
            if !loss.is_null() {
                structs::check_pointer(loss)?;
            }
            let mean = with_mut::<Net<'static>, _>(net, |net| trainer.epoch(net, data))?;
            if loss.is_null() { Ok(()) } else { put(loss, mean) }
        })
    }
}

/// The mean loss over samples, without training: data as in nsw_trainer_train.
/// Writes it to `*loss`.
///
/// Errors: those of nsw_trainer_train but NSW_ERR_READ_ONLY and
/// NSW_ERR_NN_DIVERGED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_loss(
    trainer: *mut nsw_trainer,
    net: *const nsw_net,
    inputs: *const f32,
    inputs_len: usize,
    targets: *const f32,
    targets_len: usize,
    loss: *mut f32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Trainer<'static>>(trainer, |trainer| {
            let data = Data::new(input(inputs, inputs_len)?, input(targets, targets_len)?);
            structs::check_pointer(loss)?;
            put(loss, with_net(net, |net| trainer.loss(net, data))?)
        })
    }
}
