//! What trainers are asked for, and what they tell.

use core::ffi::c_void;

use super::net::{nsw_net, with_net};
use super::parallel::nsw_parallel;
use super::port::{CLogger, nsw_logger};
use super::slices::input;
use super::structs::{self, Versioned, count, or};
use crate::error::{Error, Result};
use crate::nn::{
    Adam, Algorithm, DEFAULT_BATCH, Data, ErrorFunction, Loss, Net, Progress, Rprop, Sarprop,
    Schedule, TrainReport, TrainerConfig,
};
use crate::port::{Level, Line};

/// iRPROP-: resilient backpropagation without weight backtracking (Igel &
/// Huesken 2003), over all samples at once.
pub const NSW_ALGORITHM_IRPROP_MINUS: u32 = 0;
/// Mini-batch gradient descent with momentum, also Nesterov's.
pub const NSW_ALGORITHM_SGD: u32 = 1;
/// Adam (Kingma & Ba 2015).
pub const NSW_ALGORITHM_ADAM: u32 = 2;
/// Adam with the weight decay apart from the gradient (Loshchilov & Hutter
/// 2019).
pub const NSW_ALGORITHM_ADAMW: u32 = 3;
/// iRPROP+: as iRPROP-, with weight backtracking where the loss has grown.
pub const NSW_ALGORITHM_IRPROP_PLUS: u32 = 4;
/// FANN's incremental training: an update after each sample.
///
/// This and the next four follow FANN's rules for the gradient: it is summed
/// over the samples, a symmetric output's difference counts half, and slopes of
/// sigmoids are kept away from 0.
pub const NSW_ALGORITHM_INCREMENTAL: u32 = 5;
/// FANN's batch training: an update after all samples.
pub const NSW_ALGORITHM_BATCH: u32 = 6;
/// FANN's iRPROP-, its default: other than the paper's it makes a step, too,
/// where the slope's sign changes, steps are at least 1e-4 before they are
/// changed, and weights stay within +-1500.
pub const NSW_ALGORITHM_RPROP: u32 = 7;
/// Quickprop (Fahlman 1988), as FANN has it.
pub const NSW_ALGORITHM_QUICKPROP: u32 = 8;
/// SARPROP (Treadgold & Gedeon 1998), as FANN has it; its noise comes from the
/// trainer's seed.
pub const NSW_ALGORITHM_SARPROP: u32 = 9;

/// Loss: the mean over samples and outputs of (y - t)^2. With FANN's algorithms
/// the difference of a symmetric output counts half.
pub const NSW_LOSS_MSE: u32 = 0;
/// Loss: cross-entropy, the mean over samples of -sum(t ln y) for a softmax
/// output layer, of -sum(t ln y + (1 - t) ln(1 - y)) for a sigmoid one; other
/// output layers have none. Targets lie in 0..1.
pub const NSW_LOSS_CROSS_ENTROPY: u32 = 1;

/// An output's error is the difference.
pub const NSW_ERROR_FUNCTION_LINEAR: u32 = 0;
/// An output's error is ln((1 + d) / (1 - d)) of the difference d, at most
/// +-17: large differences count more (Fahlman 1988). FANN's default; for
/// FANN's algorithms only.
pub const NSW_ERROR_FUNCTION_TANH: u32 = 1;

/// The learning rate stays as it is.
pub const NSW_SCHEDULE_CONSTANT: u32 = 0;
/// The learning rate is multiplied by `schedule_factor` after every
/// `schedule_every` epochs.
pub const NSW_SCHEDULE_STEP: u32 = 1;
/// The learning rate is multiplied by `schedule_factor` after every epoch.
pub const NSW_SCHEDULE_EXPONENTIAL: u32 = 2;
/// The learning rate follows half a cosine from 1 to `schedule_last` over
/// `schedule_epochs`, then stays (Loshchilov & Hutter 2017, without restarts).
pub const NSW_SCHEDULE_COSINE: u32 = 3;
/// The learning rate follows a straight line from 0 to 1 over
/// `schedule_warmup` epochs, then half a cosine to `schedule_last` until
/// `schedule_epochs`.
pub const NSW_SCHEDULE_WARMUP_COSINE: u32 = 4;

/// Training stopped because all epochs were done.
pub const NSW_STOP_EPOCHS: u32 = 1;
/// Training stopped because the target loss was reached.
pub const NSW_STOP_LOSS: u32 = 2;
/// Training stopped because the progress callback said so.
pub const NSW_STOP_CALLBACK: u32 = 3;
/// Training stopped because few enough outputs failed.
pub const NSW_STOP_BIT_FAIL: u32 = 4;
/// Training stopped because the validation loss became no smaller.
pub const NSW_STOP_VALIDATION: u32 = 5;

/// How a trainer works. NSW_TRAINER_CONFIG_INIT, then at least `net`; every
/// other zero means the default. Where 0 itself is a possible setting and not
/// the default, NSW_ZERO stands for it. Settings of other algorithms than the
/// one chosen do not count. Read during the call only.
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
    /// Samples for each update, with SGD, Adam and AdamW; 0 means 32. The
    /// others take no other number than 0: incremental training takes 1, the
    /// rest all of them.
    pub batch_size: u32,
    /// How many samples are computed at once; 0 means 32. Costs memory for the
    /// input, target and all layers' values of each.
    pub block: u32,
    /// Not 0: every epoch visits the samples as they are given. Otherwise each
    /// epoch has an order of its own, by the seed.
    pub no_shuffle: u32,
    /// Where the orders and SARPROP's noise come from.
    pub seed: u64,
    /// Learning rate, above 0; 0 means 0.01 for SGD, 0.001 for Adam and AdamW,
    /// 0.7 for incremental, batch and Quickprop. The RPROP family has none.
    pub learning_rate: f32,
    /// SGD, incremental: momentum, 0 to below 1.
    pub momentum: f32,
    /// Adam, AdamW: decay of the mean, NSW_ZERO to below 1; 0 means 0.9.
    pub beta1: f32,
    /// Adam, AdamW: decay of the mean square, NSW_ZERO to below 1; 0 means
    /// 0.999.
    pub beta2: f32,
    /// Adam, AdamW: what keeps the divisor from zero; 0 means 1e-8.
    pub epsilon: f32,
    /// RPROP family but SARPROP: first step size, for iRPROP- and iRPROP+ within
    /// the next two; 0 means 0.1.
    pub step_initial: f32,
    /// RPROP family but SARPROP, whose is 1e-6: smallest step size; 0 means 1e-6
    /// for iRPROP- and iRPROP+, 0 for FANN's RPROP.
    pub step_min: f32,
    /// RPROP family: largest step size; 0 means 50.
    pub step_max: f32,
    /// RPROP family: what a step grows by while the sign stays, above 1; 0
    /// means 1.2.
    pub step_increase: f32,
    /// RPROP family: what it shrinks by when the sign changes, below 1; 0 means
    /// 0.5.
    pub step_decrease: f32,
    /// SGD: not 0 for Nesterov's momentum (Sutskever et al. 2013).
    pub nesterov: u32,
    /// An NSW_ERROR_FUNCTION_ constant.
    pub error_function: u32,
    /// Quickprop: added to the slope times the weight, -1 to NSW_ZERO; 0 means
    /// -0.0001.
    pub quickprop_decay: f32,
    /// Quickprop: the largest growth of a step, above 1; 0 means 1.75.
    pub quickprop_mu: f32,
    /// SARPROP: binary logarithm of the first weight decay; 0 means -6.644.
    pub sarprop_weight_decay_shift: f32,
    /// SARPROP: a step below this times the MSE gets noise, NSW_ZERO or above;
    /// 0 means 0.1.
    pub sarprop_step_error_threshold_factor: f32,
    /// SARPROP: binary logarithm of the noise's size in RMSE; 0 means 1.385.
    pub sarprop_step_error_shift: f32,
    /// SARPROP: how fast decay and noise fade, above 0: they halve in
    /// 1 / temperature epochs; 0 means 0.015.
    pub sarprop_temperature: f32,
    /// An NSW_SCHEDULE_ constant: what the learning rate is multiplied by, by
    /// the epochs that the trainer has done in its life.
    pub schedule: u32,
    /// NSW_SCHEDULE_STEP: epochs between two changes, at least 1.
    pub schedule_every: u32,
    /// NSW_SCHEDULE_COSINE, NSW_SCHEDULE_WARMUP_COSINE: epochs until the last
    /// value, at least 1 and more than `schedule_warmup`.
    pub schedule_epochs: u32,
    /// NSW_SCHEDULE_WARMUP_COSINE: epochs of the line, at least 1.
    pub schedule_warmup: u32,
    /// NSW_SCHEDULE_STEP, NSW_SCHEDULE_EXPONENTIAL: above 0, at most 1.
    pub schedule_factor: f32,
    /// NSW_SCHEDULE_COSINE, NSW_SCHEDULE_WARMUP_COSINE: the last value, 0 to 1.
    pub schedule_last: f32,
    /// Weight decay, 0 or above, for weights and not for biases: added to the
    /// gradient times the weight (L2), or with AdamW taken off the weight. Not
    /// for FANN's algorithms.
    pub weight_decay: f32,
    /// From which difference on an output counts as failed, above 0; 0 means
    /// 0.35.
    pub bit_fail_limit: f32,
    /// Not 0: the best weights are kept while training watches a validation
    /// set; costs memory for one more copy of the weights.
    pub keep_best: u32,
    /// Not 0: training gives the same weights as libfann 2.2.0 (Debian's build
    /// for x86-64) bit for bit, on every machine and kernel. Samples come in the
    /// order of the data. Only FANN's algorithms and activations, NSW_LOSS_MSE,
    /// one worker, no schedule and no sample weights; SARPROP draws what glibc's
    /// rand gives after srand(seed). Weights may stop being finite, as there.
    pub exact: u32,
    /// How many workers share the blocks of a batch, 1 to 16; 0 means 1. Each
    /// costs the memory of a block and of a gradient. The result depends on
    /// their number (sums are rounded in another order), not on who runs them:
    /// see `parallel` in nsw_train_params.
    pub workers: u32,
    /// Not 0: the network learns as the int8 network that it is to become: it
    /// is run and differentiated with rounded weights and hidden outputs (Jacob
    /// et al. 2018), whose loss is reported, and the steps go to the real
    /// weights. Costs memory for one more copy of the weights, and each update
    /// the time to round them. Not in exact mode.
    pub quantization_aware: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_trainer_config {
    const LEAST: usize = core::mem::offset_of!(nsw_trainer_config, logger);
}

/// Samples with what the network should answer. NSW_DATA(inputs, inputs_len,
/// targets, targets_len) initialises one. Nothing is copied.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_data {
    /// sizeof(nsw_data); NSW_DATA_INIT and NSW_DATA set it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Rows of the network's inputs.
    pub inputs: *const f32,
    /// Number of values (not rows) in `inputs`.
    pub inputs_len: usize,
    /// As many rows of its outputs.
    pub targets: *const f32,
    /// Number of values (not rows) in `targets`.
    pub targets_len: usize,
    /// How much each sample counts, 0 or above and not all 0; NULL: 1 each. A
    /// weight of 2 counts as the sample twice.
    pub weights: *const f32,
    /// Number of samples, or 0 without weights.
    pub weights_len: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_data {
    const LEAST: usize = core::mem::offset_of!(nsw_data, weights);
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
    /// Mean loss over the validation set after the epoch; 0 without one.
    pub validation_loss: f32,
    /// Outputs that differed by the bit fail limit or more, counted as `loss`.
    pub bit_fail: u64,
    /// Samples in the data.
    pub samples: u64,
}

impl From<Progress> for nsw_progress {
    fn from(progress: Progress) -> nsw_progress {
        nsw_progress {
            size: size_of::<nsw_progress>() as u32,
            epoch: progress.epoch,
            loss: progress.loss,
            validation_loss: progress.validation_loss.unwrap_or(0.0),
            bit_fail: progress.bit_fail,
            samples: progress.samples as u64,
        }
    }
}

/// When to stop. NSW_TRAIN_PARAMS_INIT, then at least `max_epochs`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_train_params {
    /// sizeof(nsw_train_params); NSW_TRAIN_PARAMS_INIT sets it.
    pub size: u32,
    /// Most epochs to do, at least 1.
    pub max_epochs: u32,
    /// Stop when an epoch's loss is at most this; 0 means never, NSW_ZERO a loss
    /// of 0.
    pub target_loss: f32,
    /// Stop when the validation loss has not become smaller for so many epochs;
    /// 0 means never.
    pub patience: u32,
    /// Handed to the hook as it is.
    pub ctx: *mut c_void,
    /// Called after each epoch, on the calling thread; an answer other than 0
    /// stops the training. May be NULL. Calls on the trainer or the network
    /// answer NSW_ERR_BUSY inside it; to use them between epochs, call
    /// nsw_trainer_epoch in a loop.
    pub progress:
        Option<unsafe extern "C" fn(ctx: *mut c_void, progress: *const nsw_progress) -> i32>,
    /// Samples to judge by after each epoch; may be NULL.
    pub validation: *const nsw_data,
    /// Where the trainer's workers run side by side; NULL: one after the other,
    /// to the same result.
    pub parallel: *const nsw_parallel,
    /// What counts as a smaller validation loss: by more than this, 0 or above.
    pub min_delta: f32,
    /// Not 0: stop when at most `target_bit_fail` outputs failed in an epoch.
    pub stop_at_bit_fail: u32,
    /// See `stop_at_bit_fail`.
    pub target_bit_fail: u64,
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
    /// Outputs that failed in the last of them.
    pub bit_fail: u64,
    /// The smallest validation loss of this trainer so far; 0 without a
    /// validation set.
    pub best_validation_loss: f32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_train_report {
    const LEAST: usize = core::mem::offset_of!(nsw_train_report, stopped_by);
}

impl nsw_train_report {
    pub(super) const NOTHING: nsw_train_report = nsw_train_report {
        size: 0,
        epochs: 0,
        loss: 0.0,
        stopped_by: 0,
        bit_fail: 0,
        best_validation_loss: 0.0,
        reserved: 0,
    };
}

impl From<TrainReport> for nsw_train_report {
    fn from(report: TrainReport) -> nsw_train_report {
        nsw_train_report {
            epochs: report.epochs,
            loss: report.loss,
            stopped_by: report.stopped_by as u32,
            bit_fail: report.bit_fail,
            best_validation_loss: report.best_validation_loss.unwrap_or(0.0),
            ..nsw_train_report::NOTHING
        }
    }
}

impl nsw_trainer_config {
    fn rprop(&self, default: Rprop) -> Rprop {
        Rprop {
            initial: or(self.step_initial, default.initial),
            min: or(self.step_min, default.min),
            max: or(self.step_max, default.max),
            increase: or(self.step_increase, default.increase),
            decrease: or(self.step_decrease, default.decrease),
        }
    }

    fn adam(&self) -> Adam {
        Adam {
            learning_rate: or(self.learning_rate, Adam::PAPER.learning_rate),
            beta1: or(self.beta1, Adam::PAPER.beta1),
            beta2: or(self.beta2, Adam::PAPER.beta2),
            epsilon: or(self.epsilon, Adam::PAPER.epsilon),
        }
    }

    fn sarprop(&self) -> Sarprop {
        let fann = Sarprop::FANN;
        Sarprop {
            rprop: self.rprop(fann.rprop),
            weight_decay_shift: or(self.sarprop_weight_decay_shift, fann.weight_decay_shift),
            step_error_threshold_factor: or(
                self.sarprop_step_error_threshold_factor,
                fann.step_error_threshold_factor,
            ),
            step_error_shift: or(self.sarprop_step_error_shift, fann.step_error_shift),
            temperature: or(self.sarprop_temperature, fann.temperature),
        }
    }

    pub(super) fn algorithm(&self) -> Result<Algorithm> {
        // The rate of FANN's algorithms.
        let learning_rate = or(self.learning_rate, 0.7);
        Ok(match self.algorithm {
            NSW_ALGORITHM_IRPROP_MINUS => Algorithm::IrpropMinus(self.rprop(Rprop::PAPER)),
            NSW_ALGORITHM_SGD => Algorithm::Sgd {
                learning_rate: or(self.learning_rate, 0.01),
                momentum: self.momentum,
                nesterov: self.nesterov != 0,
            },
            NSW_ALGORITHM_ADAM => Algorithm::Adam(self.adam()),
            NSW_ALGORITHM_ADAMW => Algorithm::AdamW(self.adam()),
            NSW_ALGORITHM_IRPROP_PLUS => Algorithm::IrpropPlus(self.rprop(Rprop::PAPER)),
            NSW_ALGORITHM_INCREMENTAL => {
                Algorithm::Incremental { learning_rate, momentum: self.momentum }
            }
            NSW_ALGORITHM_BATCH => Algorithm::Batch { learning_rate },
            NSW_ALGORITHM_RPROP => Algorithm::Rprop(self.rprop(Rprop::FANN)),
            NSW_ALGORITHM_QUICKPROP => Algorithm::Quickprop {
                learning_rate,
                decay: or(self.quickprop_decay, -0.0001),
                mu: or(self.quickprop_mu, 1.75),
            },
            NSW_ALGORITHM_SARPROP => Algorithm::Sarprop(self.sarprop()),
            _ => return Err(Error::Invalid),
        })
    }

    fn schedule(&self) -> Result<Schedule> {
        let (epochs, last, factor) =
            (self.schedule_epochs, self.schedule_last, self.schedule_factor);
        Ok(match self.schedule {
            NSW_SCHEDULE_CONSTANT => Schedule::Constant,
            NSW_SCHEDULE_STEP => Schedule::Step { every: self.schedule_every, factor },
            NSW_SCHEDULE_EXPONENTIAL => Schedule::Exponential { factor },
            NSW_SCHEDULE_COSINE => Schedule::Cosine { epochs, last },
            NSW_SCHEDULE_WARMUP_COSINE => {
                Schedule::WarmupCosine { warmup: self.schedule_warmup, epochs, last }
            }
            _ => return Err(Error::Invalid),
        })
    }

    /// The configuration without a logger, if its constants are known ones.
    fn decode(&self) -> Result<TrainerConfig<'static>> {
        Ok(TrainerConfig {
            algorithm: self.algorithm()?,
            loss: Loss::from_code(self.loss).ok_or(Error::Invalid)?,
            error_function: ErrorFunction::from_code(self.error_function).ok_or(Error::Invalid)?,
            batch_size: self.batch_size as usize,
            block: count(self.block, DEFAULT_BATCH),
            shuffle: self.no_shuffle == 0,
            seed: self.seed,
            schedule: self.schedule()?,
            weight_decay: self.weight_decay,
            bit_fail_limit: or(self.bit_fail_limit, 0.35),
            keep_best: self.keep_best != 0,
            exact: self.exact != 0,
            quantization_aware: self.quantization_aware != 0,
            workers: self.workers.max(1) as usize,
            logger: None,
        })
    }
}

/// Calls `f` with the caller's configuration and its network.
///
/// # Safety
/// NULL or a configuration, and what it points to is what its documentation
/// says.
pub(super) unsafe fn with_config<R>(
    config: *const nsw_trainer_config,
    f: impl FnOnce(&TrainerConfig<'_>, &Net<'static>) -> Result<R>,
) -> Result<R> {
    // SAFETY: the caller's word.
    unsafe {
        let c = structs::read(config)?;
        let logger = CLogger::new(c.logger)?;
        let decoded = c.decode().inspect_err(|_| {
            let line = Line::new("a trainer's configuration has an unknown constant");
            line.send(CLogger::as_dyn(&logger), Level::Error);
        })?;
        let config = TrainerConfig { logger: CLogger::as_dyn(&logger), ..decoded };
        with_net(c.net, |net| f(&config, net))
    }
}

/// The caller's samples.
///
/// # Safety
/// NULL or samples whose pointers are readable for their lengths for `'a`,
/// while nobody writes to them.
pub(super) unsafe fn read_data<'a>(data: *const nsw_data) -> Result<Data<'a>> {
    // SAFETY: the caller's word.
    unsafe {
        let data = structs::read(data)?;
        if data.reserved != 0 {
            return Err(Error::Invalid);
        }
        let none = data.weights.is_null() && data.weights_len == 0;
        Ok(Data {
            inputs: input(data.inputs, data.inputs_len)?,
            targets: input(data.targets, data.targets_len)?,
            weights: if none { None } else { Some(input(data.weights, data.weights_len)?) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(algorithm: u32) -> nsw_trainer_config {
        // SAFETY: all zeros is a configuration.
        let zeros = unsafe { core::mem::zeroed::<nsw_trainer_config>() };
        nsw_trainer_config { algorithm, ..zeros }
    }

    #[test]
    fn constants_are_the_algorithms_and_zeros_their_defaults() {
        for (code, algorithm) in [
            (NSW_ALGORITHM_IRPROP_MINUS, Algorithm::IRPROP_MINUS),
            (NSW_ALGORITHM_SGD, Algorithm::SGD),
            (NSW_ALGORITHM_ADAM, Algorithm::ADAM),
            (NSW_ALGORITHM_ADAMW, Algorithm::ADAM_W),
            (NSW_ALGORITHM_IRPROP_PLUS, Algorithm::IRPROP_PLUS),
            (NSW_ALGORITHM_INCREMENTAL, Algorithm::INCREMENTAL),
            (NSW_ALGORITHM_BATCH, Algorithm::BATCH),
            (NSW_ALGORITHM_RPROP, Algorithm::RPROP),
            (NSW_ALGORITHM_QUICKPROP, Algorithm::QUICKPROP),
            (NSW_ALGORITHM_SARPROP, Algorithm::SARPROP),
        ] {
            assert_eq!(algorithm.code(), code);
            let made = config(code).decode().unwrap();
            assert_eq!(made.algorithm, algorithm);
            let default = TrainerConfig::default();
            assert_eq!((made.exact, made.workers), (default.exact, default.workers));
            assert_eq!(made.quantization_aware, default.quantization_aware);
            assert_eq!(
                (made.loss, made.error_function, made.batch_size, made.block, made.shuffle),
                (
                    default.loss,
                    default.error_function,
                    default.batch_size,
                    default.block,
                    default.shuffle
                )
            );
            assert_eq!(
                (made.schedule, made.weight_decay, made.bit_fail_limit, made.keep_best),
                (default.schedule, default.weight_decay, default.bit_fail_limit, default.keep_best)
            );
        }
        assert!(config(10).decode().is_err());
    }

    #[test]
    fn a_negative_zero_is_zero_itself() {
        let quick = nsw_trainer_config { quickprop_decay: -0.0, ..config(NSW_ALGORITHM_QUICKPROP) };
        let Algorithm::Quickprop { decay, .. } = quick.algorithm().unwrap() else { panic!() };
        assert_eq!(decay.to_bits(), 0);
        let adam = nsw_trainer_config { beta1: -0.0, ..config(NSW_ALGORITHM_ADAM) };
        let adam = adam.algorithm().unwrap();
        assert_eq!(adam, Algorithm::Adam(Adam { beta1: 0.0, ..Adam::PAPER }));
    }

    #[test]
    fn schedules_have_their_settings() {
        let with = |schedule| nsw_trainer_config {
            schedule,
            schedule_every: 3,
            schedule_epochs: 9,
            schedule_warmup: 2,
            schedule_factor: 0.5,
            schedule_last: 0.25,
            ..config(NSW_ALGORITHM_SGD)
        };
        for (code, schedule) in [
            (NSW_SCHEDULE_CONSTANT, Schedule::Constant),
            (NSW_SCHEDULE_STEP, Schedule::Step { every: 3, factor: 0.5 }),
            (NSW_SCHEDULE_EXPONENTIAL, Schedule::Exponential { factor: 0.5 }),
            (NSW_SCHEDULE_COSINE, Schedule::Cosine { epochs: 9, last: 0.25 }),
            (
                NSW_SCHEDULE_WARMUP_COSINE,
                Schedule::WarmupCosine { warmup: 2, epochs: 9, last: 0.25 },
            ),
        ] {
            assert_eq!(with(code).decode().unwrap().schedule, schedule);
        }
        assert!(with(5).decode().is_err());
    }
}
