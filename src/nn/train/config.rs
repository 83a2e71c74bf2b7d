//! What a trainer is asked for, and what it tells.

use core::ops::ControlFlow;

use super::algorithm::Algorithm;
use super::loss::{ErrorFunction, Loss};
use super::schedule::Schedule;
use crate::error::{Error, Result};
use crate::nn::Net;
use crate::nn::kernel::FloatKernels;
use crate::port::{Level, Line, Logger, MAX_PARTS, Parallel};

/// How a trainer works.
#[derive(Clone, Copy)]
pub struct TrainerConfig<'a> {
    /// The algorithm and its settings.
    pub algorithm: Algorithm,
    /// What is made small.
    pub loss: Loss,
    /// What counts as an output's error; other than linear for FANN's
    /// algorithms only.
    pub error_function: ErrorFunction,
    /// Samples for each update; 0 means 32, 1 for incremental training, or all
    /// of them for the algorithms that take no other number: batch, Quickprop
    /// and the RPROP family.
    pub batch_size: usize,
    /// How many samples are computed at once, at least 1: costs memory for all
    /// layers' values of each, and with `shuffle` for input and target.
    pub block: usize,
    /// Whether every epoch visits the samples in a new order. Over all samples
    /// the order changes nothing but rounding, and is left alone.
    pub shuffle: bool,
    /// Where the orders and SARPROP's noise come from.
    pub seed: u64,
    /// How the learning rate changes with the epochs.
    pub schedule: Schedule,
    /// Weight decay, 0 or above, for weights and not for biases: added to the
    /// gradient times the weight (L2), or taken off the weight apart from it
    /// (AdamW). Not for FANN's algorithms.
    pub weight_decay: f32,
    /// From which difference on an output counts as failed (FANN's bit fail
    /// limit; its default is 0.35).
    pub bit_fail_limit: f32,
    /// Whether the best weights are kept while training watches a validation
    /// set: costs memory for one more copy of the weights.
    pub keep_best: bool,
    /// Whether training gives the same weights as libfann 2.2.0 (Debian's build
    /// for x86-64) bit for bit, on every machine and kernel; see the module's
    /// documentation. Samples come in the order of the data. Only FANN's
    /// algorithms and activations, the loss MSE, one worker, no schedule and no
    /// sample weights; SARPROP draws what glibc's `rand` gives after
    /// `srand(seed)`.
    pub exact: bool,
    /// Whether the network learns as the int8 network that it is to become: it
    /// is run and differentiated with rounded weights and hidden outputs (Jacob
    /// et al. 2018), whose loss is reported, and the steps go to the real
    /// weights. Costs memory for one more copy of the weights, and each update
    /// the time to round them: batches should not be small. Not in exact mode.
    pub quantization_aware: bool,
    /// How many workers share the blocks of a batch, 1 to 16: each costs the
    /// memory of a block and of a gradient. The result depends on their number
    /// (sums are rounded in another order), not on who runs them.
    pub workers: usize,
    /// Told why a configuration is refused.
    pub logger: Option<&'a dyn Logger>,
}

impl Default for TrainerConfig<'_> {
    /// iRPROP- on the mean squared error.
    fn default() -> Self {
        TrainerConfig {
            algorithm: Algorithm::IRPROP_MINUS,
            loss: Loss::Mse,
            error_function: ErrorFunction::Linear,
            batch_size: 0,
            block: DEFAULT_BATCH,
            shuffle: true,
            seed: 0,
            schedule: Schedule::Constant,
            weight_decay: 0.0,
            bit_fail_limit: 0.35,
            keep_best: false,
            exact: false,
            quantization_aware: false,
            workers: 1,
            logger: None,
        }
    }
}

pub(crate) const DEFAULT_BATCH: usize = 32;

impl TrainerConfig<'_> {
    pub(super) fn check(&self, net: &Net<'_>) -> Result<()> {
        let refuse = |error, text| {
            Line::new(text).send(self.logger, Level::Error);
            Err(error)
        };
        let invalid = |text| refuse(Error::Invalid, text);
        if self.algorithm.check().is_err() {
            return invalid("a setting of the training algorithm is outside its range");
        }
        if self.schedule.check().is_err() {
            return invalid("a setting of the schedule is outside its range");
        }
        if self.algorithm.is_full_batch() && self.batch_size != 0 {
            return invalid("this algorithm needs the gradient over all samples: batch size 0");
        }
        if matches!(self.algorithm, Algorithm::Incremental { .. }) && self.batch_size > 1 {
            return invalid("incremental training takes one sample at a time");
        }
        if !(1..=MAX_PARTS).contains(&self.workers) {
            return invalid("a trainer has 1 to 16 workers");
        }
        if self.block == 0 {
            return invalid("the block of a trainer is at least 1");
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            return invalid("the weight decay is 0 or above");
        }
        if !(self.bit_fail_limit > 0.0 && self.bit_fail_limit.is_finite()) {
            return invalid("the bit fail limit is above 0");
        }
        let fann = self.algorithm.is_fann();
        if self.exact {
            let plain = fann
                && !self.quantization_aware
                && self.loss == Loss::Mse
                && self.schedule == Schedule::Constant
                && self.workers == 1;
            if !plain || !super::exact::has_all(net.body()) {
                let text = "exact is for FANN's algorithms, activations and loss, one worker";
                return refuse(Error::Unsupported, text);
            }
        }
        if fann && self.weight_decay != 0.0 {
            return invalid("FANN's algorithms have no weight decay");
        }
        if !fann && self.error_function != ErrorFunction::Linear {
            return invalid("only FANN's algorithms have an error function");
        }
        if net.is_read_only() {
            return refuse(Error::ReadOnly, "the network reads its parameters in place");
        }
        let layers = net.layers().iter().flat_map(|layer| net.body().runs(layer));
        if !layers.into_iter().all(|run| run.activation.is_trainable()) {
            return refuse(Error::Unsupported, "threshold units have no slope to train by");
        }
        for run in net.layers().last().into_iter().flat_map(|layer| net.body().runs(layer)) {
            if let Err(error) = self.loss.check(run.activation) {
                return refuse(error, error.message());
            }
        }
        Ok(())
    }
}

/// Samples with what the network should answer.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// Rows of the network's inputs.
    pub inputs: &'a [f32],
    /// As many rows of its outputs.
    pub targets: &'a [f32],
    /// How much each sample counts, 0 or above and not all 0; `None`: 1 each.
    /// A weight of 2 counts as the sample twice.
    pub weights: Option<&'a [f32]>,
}

impl<'a> Data<'a> {
    /// Samples that count the same.
    pub const fn new(inputs: &'a [f32], targets: &'a [f32]) -> Data<'a> {
        Data { inputs, targets, weights: None }
    }

    /// Checks data for a network of so many inputs and outputs; returns the sum
    /// of the samples' weights.
    pub(in crate::nn) fn check(
        self,
        (inputs, outputs): (usize, usize),
        loss: Loss,
        kernels: &FloatKernels,
    ) -> Result<f64> {
        let samples = self.inputs.len() / inputs;
        if samples == 0
            || self.inputs.len() != samples * inputs
            || Some(self.targets.len()) != samples.checked_mul(outputs)
            || self.weights.is_some_and(|weights| weights.len() != samples)
        {
            return Err(Error::Length);
        }
        if !(kernels.finite)(self.inputs) {
            return Err(Error::NnNotFinite);
        }
        loss.check_targets(kernels, self.targets)?;
        let Some(weights) = self.weights else { return Ok(samples as f64) };
        if !weights.iter().all(|w| *w >= 0.0 && w.is_finite()) {
            return Err(Error::Invalid);
        }
        let sum: f64 = weights.iter().map(|w| f64::from(*w)).sum();
        if sum > 0.0 { Ok(sum) } else { Err(Error::Invalid) }
    }
}

/// How the training goes, after an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Epochs done in this call, from 1.
    pub epoch: u32,
    /// Mean loss over the epoch, each sample taken before the update that it
    /// had a part in.
    pub loss: f32,
    /// Outputs that differed by the bit fail limit or more, counted likewise.
    pub bit_fail: u64,
    /// Mean loss over the validation set after the epoch, if there is one.
    pub validation_loss: Option<f32>,
    /// Samples in the data.
    pub samples: usize,
}

/// Looks at the progress; may stop the training.
pub type ProgressHook<'a> = &'a mut dyn FnMut(&Progress) -> ControlFlow<()>;

/// When to stop.
pub struct TrainParams<'a> {
    /// Most epochs to do, at least 1.
    pub max_epochs: u32,
    /// Stop when an epoch's loss is at most this; 0 means never, -0.0 a loss of
    /// 0.
    pub target_loss: f32,
    /// Stop when at most so many outputs failed in an epoch.
    pub target_bit_fail: Option<u64>,
    /// Samples to judge by after each epoch.
    pub validation: Option<Data<'a>>,
    /// Stop when the validation loss has not become smaller for so many
    /// epochs; 0 means never.
    pub patience: u32,
    /// What counts as smaller: by more than this, 0 or above.
    pub min_delta: f32,
    /// Called after each epoch; may stop the training.
    pub progress: Option<ProgressHook<'a>>,
    /// Where the trainer's workers run side by side; without it they run one
    /// after the other, to the same result.
    pub parallel: Option<&'a dyn Parallel>,
}

/// Whether a target is set and met.
pub(crate) fn reaches(loss: f32, target: f32) -> bool {
    target.to_bits() != 0 && loss <= target
}

impl TrainParams<'_> {
    /// So many epochs.
    pub fn epochs(max_epochs: u32) -> Self {
        TrainParams {
            max_epochs,
            target_loss: 0.0,
            target_bit_fail: None,
            validation: None,
            patience: 0,
            min_delta: 0.0,
            progress: None,
            parallel: None,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let number = |x: f32| x >= 0.0 && x.is_finite();
        let good = self.max_epochs > 0
            && number(self.target_loss)
            && number(self.min_delta)
            && (self.patience == 0 || self.validation.is_some());
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
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
    /// Few enough outputs failed.
    BitFail = 4,
    /// The validation loss became no smaller.
    Validation = 5,
}

/// What a training did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainReport {
    /// Epochs done.
    pub epochs: u32,
    /// Mean loss over the last of them.
    pub loss: f32,
    /// Outputs that failed in the last of them.
    pub bit_fail: u64,
    /// The smallest validation loss of this trainer so far, if there is one.
    pub best_validation_loss: Option<f32>,
    /// Why it stopped.
    pub stopped_by: StopReason,
}
