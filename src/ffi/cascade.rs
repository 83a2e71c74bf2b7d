//! Cascade training.

use core::ffi::c_void;
use core::ops::ControlFlow;

use super::handle::{self, Object, call_mut, with_mut};
use super::net::{nsw_net, with_net};
use super::port::{CLogger, nsw_allocator, nsw_logger};
use super::slices::input;
use super::status::nsw_status;
use super::structs::{self, Versioned, count, or};
use super::trainer_config::{nsw_data, nsw_trainer_config, read_data};
use crate::error::{Error, Result};
use crate::nn::{
    Activation, Algorithm, Cascade, CascadeConfig, CascadeParams, CascadeProgress, CascadeReport,
    ErrorFunction, Loss, Net, Patience,
};
use crate::port::{Level, Line};

/// Cascade training stopped because as many units as were allowed are in, or
/// the network has no spare one left.
pub const NSW_CASCADE_STOP_UNITS: u32 = 1;
/// Cascade training stopped because the target loss was reached.
pub const NSW_CASCADE_STOP_LOSS: u32 = 2;
/// Cascade training stopped because the progress callback said so.
pub const NSW_CASCADE_STOP_CALLBACK: u32 = 3;
/// Cascade training stopped because few enough outputs fail.
pub const NSW_CASCADE_STOP_BIT_FAIL: u32 = 4;
/// Cascade training stopped because no candidate made the error smaller.
pub const NSW_CASCADE_STOP_CANDIDATES: u32 = 5;
/// Cascade training stopped because the validation loss became no smaller.
pub const NSW_CASCADE_STOP_VALIDATION: u32 = 6;

/// The most activations of candidates.
const MAX_ACTIVATIONS: usize = 64;

/// Cascade training: a network that grows unit by unit (Cascade2, Fahlman).
///
/// It trains the weights of the outputs until they get no better. Then it
/// trains a pool of candidate units, of different activations and steepnesses,
/// each to take away as much as it can of the errors that are left; the best
/// one becomes a unit of the network, its incoming weights stay as they are,
/// and the outputs are trained again. In the end the outputs have the weights
/// of the smallest loss there was. The same seed, data and kernels give the same
/// network bit for bit. One thread at a time.
pub struct nsw_cascade {
    _opaque: [u8; 0],
}

impl Object for Cascade<'static> {
    type C = nsw_cascade;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswC");
}

/// How cascade training works. NSW_CASCADE_CONFIG_INIT, then at least
/// `max_samples` and `net`; every other zero means the default, and where 0
/// itself is a possible setting, NSW_ZERO stands for it. Read during the call
/// only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_cascade_config {
    /// sizeof(nsw_cascade_config); NSW_CASCADE_CONFIG_INIT sets it.
    pub size: u32,
    /// What trains outputs and candidates: NSW_ALGORITHM_IRPROP_MINUS,
    /// NSW_ALGORITHM_RPROP or NSW_ALGORITHM_QUICKPROP.
    pub algorithm: u32,
    /// The most samples that the data will have, at least 1.
    pub max_samples: u64,
    /// The network that is to grow, or one like it: a shortcut network that is
    /// not sparse; read during the call. How far it can grow is its
    /// `spare_units` (nsw_net_config).
    pub net: *const nsw_net,
    /// Told why a configuration is refused; may be NULL.
    pub logger: *const nsw_logger,
    /// The activations of the candidates, at most 64 NSW_ACTIVATION_ constants:
    /// any but softmax and the threshold functions. NULL: sigmoid, tanh, both
    /// gaussian, both elliot, both sine and both cosine functions.
    pub activations: *const u32,
    /// Number of them.
    pub activations_len: usize,
    /// Their steepnesses, each above 0. Each activation is tried with each.
    /// NULL: 0.25, 0.5, 0.75 and 1.
    pub steepnesses: *const f32,
    /// Number of them.
    pub steepnesses_len: usize,
    /// Where the initial weights of candidates come from.
    pub seed: u64,
    /// An NSW_LOSS_ constant. A symmetric output's difference counts half, and
    /// slopes of sigmoids are kept away from 0, with all algorithms.
    pub loss: u32,
    /// An NSW_ERROR_FUNCTION_ constant.
    pub error_function: u32,
    /// From which difference on an output counts as failed, above 0; 0 means
    /// 0.35.
    pub bit_fail_limit: f32,
    /// Candidates of each activation and steepness; 0 means 2. There are at
    /// most 65,535 candidates.
    pub groups: u32,
    /// What part of the loss a change has to be to count in the training of the
    /// outputs, NSW_ZERO to below 1; 0 means 0.01.
    pub output_change: f32,
    /// Epochs without such a change after which it ends; 0 means 12.
    pub output_stagnation: u32,
    /// Its fewest epochs, unless a target is reached; 0 means 50, or the most
    /// if that is less.
    pub output_min_epochs: u32,
    /// Its most epochs; 0 means 150.
    pub output_max_epochs: u32,
    /// What part of the best score a change has to be to count in the training
    /// of candidates, NSW_ZERO to below 1; 0 means 0.01.
    pub candidate_change: f32,
    /// Epochs without such a change after which it ends; 0 means 12.
    pub candidate_stagnation: u32,
    /// Its fewest epochs; 0 means 50, or the most if that is less.
    pub candidate_min_epochs: u32,
    /// Its most epochs; 0 means 150.
    pub candidate_max_epochs: u32,
    /// Candidates are done when the best one takes away more than this times
    /// the outputs' squared error, above 0; 0 means 1000, which is never. Below
    /// 1 it keeps single units from fitting too much.
    pub candidate_limit: f32,
    /// What the weights from a new unit to the outputs are multiplied by when
    /// it is put in, above 0; 0 means 0.4.
    pub weight_multiplier: f32,
    /// The size of candidates' initial weights, above 0: uniform in plus or
    /// minus a range that is between an eighth of this and eight times as much;
    /// 0 means 4.
    pub initial: f32,
    /// How many samples are computed at once; 0 means 128. Costs memory for
    /// three values of each candidate for each.
    pub block: u32,
    /// Not 0: the values of the nodes are computed again in every epoch. Saves
    /// the memory of one value for each sample and node but the outputs.
    pub no_cache: u32,
    /// Quickprop: learning rate, above 0; 0 means 0.7.
    pub learning_rate: f32,
    /// RPROP, iRPROP-: first step size; 0 means 0.1.
    pub step_initial: f32,
    /// RPROP, iRPROP-: smallest step size; 0 means 1e-6 for iRPROP-, 0 for
    /// RPROP.
    pub step_min: f32,
    /// RPROP, iRPROP-: largest step size; 0 means 50.
    pub step_max: f32,
    /// RPROP, iRPROP-: what a step grows by while the sign stays, above 1; 0
    /// means 1.2.
    pub step_increase: f32,
    /// RPROP, iRPROP-: what it shrinks by when the sign changes, below 1; 0
    /// means 0.5.
    pub step_decrease: f32,
    /// Quickprop: added to the slope times the weight, -1 to NSW_ZERO; 0 means
    /// -0.0001.
    pub quickprop_decay: f32,
    /// Quickprop: the largest growth of a step, above 1; 0 means 1.75.
    pub quickprop_mu: f32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_cascade_config {
    const LEAST: usize = core::mem::offset_of!(nsw_cascade_config, logger);
}

/// How cascade training goes, after the outputs have been trained.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_cascade_progress {
    /// sizeof(nsw_cascade_progress) of the library: fields beyond it are not
    /// there.
    pub size: u32,
    /// Units added in this call.
    pub units: u32,
    /// Smallest mean loss over the data so far.
    pub loss: f32,
    /// What part of the outputs' squared error the last unit was to take away;
    /// 0 before the first.
    pub score: f32,
    /// Outputs that differed by the bit fail limit or more at that loss.
    pub bit_fail: u64,
    /// Epochs in which outputs were trained in this call.
    pub output_epochs: u64,
    /// Epochs in which candidates were trained in this call.
    pub candidate_epochs: u64,
    /// Activation of the last unit, an NSW_ACTIVATION_ constant.
    pub activation: u32,
    /// Steepness of the last unit; 0 before the first.
    pub steepness: f32,
    /// Mean loss over the validation set, of the smallest loss over the data so
    /// far; 0 without one.
    pub validation_loss: f32,
    /// 0.
    pub reserved: u32,
}

impl From<CascadeProgress> for nsw_cascade_progress {
    fn from(progress: CascadeProgress) -> nsw_cascade_progress {
        let (activation, steepness) = progress.style.unwrap_or_default();
        nsw_cascade_progress {
            size: size_of::<nsw_cascade_progress>() as u32,
            units: progress.units as u32,
            loss: progress.loss,
            score: progress.score,
            bit_fail: progress.bit_fail,
            output_epochs: progress.output_epochs,
            candidate_epochs: progress.candidate_epochs,
            activation: activation.code(),
            steepness,
            validation_loss: progress.validation_loss.unwrap_or(0.0),
            reserved: 0,
        }
    }
}

/// When to stop. NSW_CASCADE_PARAMS_INIT, then at least `max_units`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_cascade_params {
    /// sizeof(nsw_cascade_params); NSW_CASCADE_PARAMS_INIT sets it.
    pub size: u32,
    /// Most units to add; never more than the network has spare ones. 0: the
    /// outputs alone are trained.
    pub max_units: u32,
    /// Stop when the loss is at most this; 0 means never, NSW_ZERO a loss of 0.
    pub target_loss: f32,
    /// Not 0: stop when at most `target_bit_fail` outputs fail.
    pub stop_at_bit_fail: u32,
    /// See `stop_at_bit_fail`.
    pub target_bit_fail: u64,
    /// Handed to the hook as it is.
    pub ctx: *mut c_void,
    /// Called after each training of the outputs, on the calling thread; an
    /// answer other than 0 stops. May be NULL. Calls on the cascade or the
    /// network answer NSW_ERR_BUSY inside it.
    pub progress: Option<
        unsafe extern "C" fn(ctx: *mut c_void, progress: *const nsw_cascade_progress) -> i32,
    >,
    /// Samples to judge by after each training of the outputs, as many as you
    /// like; may be NULL.
    pub validation: *const nsw_data,
    /// Stop when the validation loss has not become smaller for so many units;
    /// 0 means never.
    pub patience: u32,
    /// What counts as a smaller validation loss: by more than this, 0 or above.
    pub min_delta: f32,
    /// 0.
    pub reserved: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_cascade_params {
    const LEAST: usize = core::mem::offset_of!(nsw_cascade_params, target_loss);
}

/// What cascade training did. NSW_CASCADE_REPORT_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_cascade_report {
    /// sizeof(nsw_cascade_report); NSW_CASCADE_REPORT_INIT sets it.
    pub size: u32,
    /// Units added, without those that were taken out again.
    pub units: u32,
    /// Mean loss of the network over the data.
    pub loss: f32,
    /// Why it stopped, an NSW_CASCADE_STOP_ constant.
    pub stopped_by: u32,
    /// Its outputs that differ by the bit fail limit or more.
    pub bit_fail: u64,
    /// Epochs in which outputs were trained.
    pub output_epochs: u64,
    /// Epochs in which candidates were trained.
    pub candidate_epochs: u64,
    /// Its loss over the validation set, which is the smallest of this call; 0
    /// without one, infinity if none was finite.
    pub best_validation_loss: f32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_cascade_report {
    const LEAST: usize = core::mem::offset_of!(nsw_cascade_report, bit_fail);
}

impl nsw_cascade_report {
    const NOTHING: nsw_cascade_report = nsw_cascade_report {
        size: 0,
        units: 0,
        loss: 0.0,
        stopped_by: 0,
        bit_fail: 0,
        output_epochs: 0,
        candidate_epochs: 0,
        best_validation_loss: 0.0,
        reserved: 0,
    };
}

impl From<CascadeReport> for nsw_cascade_report {
    fn from(report: CascadeReport) -> nsw_cascade_report {
        nsw_cascade_report {
            size: 0,
            units: report.units as u32,
            loss: report.loss,
            stopped_by: report.stopped_by as u32,
            bit_fail: report.bit_fail,
            output_epochs: report.output_epochs,
            candidate_epochs: report.candidate_epochs,
            best_validation_loss: report.best_validation_loss.unwrap_or(0.0),
            reserved: 0,
        }
    }
}

/// The memory that cascade training of this configuration takes: the one block
/// that nsw_cascade_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, those of a bad handle for the
/// network, NSW_ERR_INVALID for a setting outside its range, NSW_ERR_NN_LOSS
/// for a loss that does not go with the output layer, NSW_ERR_UNSUPPORTED for a
/// network that is not a shortcut one or is sparse, for threshold outputs or
/// another algorithm, NSW_ERR_READ_ONLY for a network that reads its parameters
/// in place, NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cascade_footprint(
    config: *const nsw_cascade_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Cascade<'static>>(size, align, || {
            with_config(config, Cascade::footprint)
        })
    }
}

/// Makes an object for cascade training in one block of `memory` (NULL: the
/// system's heap). The caller owns `*cascade` and ends it with
/// nsw_cascade_destroy.
///
/// Errors: those of nsw_cascade_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*cascade` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cascade_create(
    config: *const nsw_cascade_config,
    memory: *const nsw_allocator,
    cascade: *mut *mut nsw_cascade,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<Cascade<'static>>(
            memory,
            cascade,
            || with_config(config, Cascade::footprint),
            |piece| {
                with_config(config, |c, net, samples| Cascade::in_piece(c, net, samples, piece))
            },
        )
    }
}

/// Destroys the object and gives its block back; the network stays. NULL is
/// fine, and so is an already destroyed one whose memory can still be read.
/// Inside a hook of a call on it it does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cascade_destroy(cascade: *mut nsw_cascade) {
    // SAFETY: NULL or a cascade, by the documentation above.
    unsafe { handle::destroy::<Cascade<'static>>(cascade) };
}

/// Trains the network and lets it grow until `params` says stop; called again,
/// it goes on. With a validation set the network is in the end the one of the
/// smallest validation loss: units added since are taken out again, and become
/// spare ones. Fills `*report` (NSW_CASCADE_REPORT_INIT), which may be NULL.
///
/// Errors: those of a bad handle for both, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_NN_MISMATCH for a network that is not like the one at creation: of
/// the same inputs and outputs, with no more units in and spare together,
/// NSW_ERR_LENGTH for no samples or no whole rows, NSW_ERR_CAPACITY for more
/// samples than `max_samples`, NSW_ERR_NN_NOT_FINITE for NaN or infinity in the
/// data, NSW_ERR_INVALID for parameters outside their range or patience without
/// a validation set, weights below 0 or all 0, or targets outside 0..1 with
/// cross-entropy, NSW_ERR_UNSUPPORTED for activations that an exact network
/// cannot run, NSW_ERR_READ_ONLY, NSW_ERR_BUSY, NSW_ERR_NN_DIVERGED when the
/// loss is not finite from the start. The network is as before then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_cascade_train(
    cascade: *mut nsw_cascade,
    net: *mut nsw_net,
    data: *const nsw_data,
    params: *const nsw_cascade_params,
    report: *mut nsw_cascade_report,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Cascade<'static>>(cascade, |cascade| {
            let data = read_data(data)?;
            let params = structs::read(params)?;
            if params.reserved != 0 {
                return Err(Error::Invalid);
            }
            let validation = match params.validation.is_null() {
                true => None,
                false => Some(read_data(params.validation)?),
            };
            if !report.is_null() {
                // Refused before the work, not after.
                structs::write(report, &nsw_cascade_report::NOTHING)?;
            }
            let mut hook = |progress: &CascadeProgress| ask(&params, progress);
            let done = with_mut::<Net<'static>, _>(net, |net| {
                let params = CascadeParams {
                    max_units: params.max_units as usize,
                    target_loss: params.target_loss,
                    target_bit_fail: (params.stop_at_bit_fail != 0)
                        .then_some(params.target_bit_fail),
                    validation,
                    patience: params.patience,
                    min_delta: params.min_delta,
                    progress: Some(&mut hook),
                };
                cascade.train(net, data, params)
            })?;
            if report.is_null() { Ok(()) } else { structs::write(report, &done.into()) }
        })
    }
}

/// Asks the caller's hook whether to stop.
fn ask(params: &nsw_cascade_params, progress: &CascadeProgress) -> ControlFlow<()> {
    let Some(hook) = params.progress else { return ControlFlow::Continue(()) };
    // SAFETY: the hook's own documentation.
    match unsafe { hook(params.ctx, &nsw_cascade_progress::from(*progress)) } {
        0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    }
}

fn patience(change: f32, stagnation: u32, min_epochs: u32, max_epochs: u32) -> Patience {
    let fann = Patience::FANN;
    let max_epochs = or(max_epochs, fann.max_epochs);
    Patience {
        change: or(change, fann.change),
        stagnation: or(stagnation, fann.stagnation),
        min_epochs: or(min_epochs, fann.min_epochs.min(max_epochs)),
        max_epochs,
    }
}

impl nsw_cascade_config {
    fn algorithm(&self) -> Result<Algorithm> {
        // SAFETY: all zeros is a configuration.
        let zeros = unsafe { core::mem::zeroed::<nsw_trainer_config>() };
        let same = nsw_trainer_config {
            algorithm: self.algorithm,
            learning_rate: self.learning_rate,
            step_initial: self.step_initial,
            step_min: self.step_min,
            step_max: self.step_max,
            step_increase: self.step_increase,
            step_decrease: self.step_decrease,
            quickprop_decay: self.quickprop_decay,
            quickprop_mu: self.quickprop_mu,
            ..zeros
        };
        same.algorithm()
    }

    /// The configuration without its lists and the logger, if its constants are
    /// known ones.
    fn decode(&self) -> Result<CascadeConfig<'static>> {
        if self.reserved != 0 {
            return Err(Error::Invalid);
        }
        let default = CascadeConfig::default();
        Ok(CascadeConfig {
            algorithm: self.algorithm()?,
            loss: Loss::from_code(self.loss).ok_or(Error::Invalid)?,
            error_function: ErrorFunction::from_code(self.error_function).ok_or(Error::Invalid)?,
            bit_fail_limit: or(self.bit_fail_limit, default.bit_fail_limit),
            outputs: patience(
                self.output_change,
                self.output_stagnation,
                self.output_min_epochs,
                self.output_max_epochs,
            ),
            candidates: patience(
                self.candidate_change,
                self.candidate_stagnation,
                self.candidate_min_epochs,
                self.candidate_max_epochs,
            ),
            candidate_limit: or(self.candidate_limit, default.candidate_limit),
            weight_multiplier: or(self.weight_multiplier, default.weight_multiplier),
            groups: count(self.groups, default.groups),
            initial: or(self.initial, default.initial),
            seed: self.seed,
            block: count(self.block, default.block),
            cache: self.no_cache == 0,
            ..default
        })
    }
}

/// Calls `f` with the caller's configuration, its network and the most samples.
///
/// # Safety
/// NULL or a configuration, and what it points to is what its documentation
/// says.
unsafe fn with_config<R>(
    config: *const nsw_cascade_config,
    f: impl FnOnce(&CascadeConfig<'_>, &Net<'static>, usize) -> Result<R>,
) -> Result<R> {
    // SAFETY: the caller's word.
    unsafe {
        let c = structs::read(config)?;
        let logger = CLogger::new(c.logger)?;
        let logger = CLogger::as_dyn(&logger);
        let refuse = |error: &Error| {
            if *error == Error::Invalid {
                let line = Line::new("a cascade's configuration has an unknown constant");
                line.send(logger, Level::Error);
            }
        };
        let mut config = CascadeConfig { logger, ..c.decode().inspect_err(refuse)? };
        let activations = activations(&c).inspect_err(refuse)?;
        if !c.activations.is_null() || c.activations_len > 0 {
            config.activations = &activations;
        }
        if !c.steepnesses.is_null() || c.steepnesses_len > 0 {
            config.steepnesses = input(c.steepnesses, c.steepnesses_len)?;
        }
        let samples = usize::try_from(c.max_samples).map_err(|_| Error::Overflow)?;
        with_net(c.net, |net| f(&config, net, samples))
    }
}

/// # Safety
/// As [`with_config`].
unsafe fn activations(
    config: &nsw_cascade_config,
) -> Result<heapless::Vec<Activation, MAX_ACTIVATIONS>> {
    // SAFETY: the caller's word.
    let codes = unsafe { input(config.activations, config.activations_len)? };
    let mut all = heapless::Vec::new();
    for code in codes {
        let activation = Activation::from_code(*code).ok_or(Error::Invalid)?;
        all.push(activation).map_err(|_| Error::Invalid)?;
    }
    Ok(all)
}
