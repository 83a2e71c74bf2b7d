//! FANN's text files.

use super::guarded;
use super::handle::{self, call_ref};
use super::net::nsw_net;
use super::port::{CLogger, nsw_allocator, nsw_logger};
use super::slices::{Output, bytes_of, input};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::nn::{FANN_LIST, FannFile, FannSettings, Net};

/// The most functions or steepnesses in nsw_fann_settings.
pub const NSW_FANN_LIST: u32 = 32;

const _: () = assert!(NSW_FANN_LIST as usize == FANN_LIST);

/// What a FANN file says about training, by FANN's names.
/// NSW_FANN_SETTINGS_INIT, then nsw_fann_settings_default or
/// nsw_fann_settings_read fills it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_fann_settings {
    /// sizeof(nsw_fann_settings); NSW_FANN_SETTINGS_INIT sets it.
    pub size: u32,
    /// FANN's name.
    pub learning_rate: f32,
    /// FANN's name.
    pub learning_momentum: f32,
    /// 0 incremental, 1 batch, 2 RPROP, 3 Quickprop, 4 SARPROP.
    pub training_algorithm: u32,
    /// 0 linear, 1 tanh.
    pub train_error_function: u32,
    /// 0 MSE, 1 bit fail.
    pub train_stop_function: u32,
    /// FANN's name.
    pub cascade_output_change_fraction: f32,
    /// FANN's name.
    pub quickprop_decay: f32,
    /// FANN's name.
    pub quickprop_mu: f32,
    /// FANN's name.
    pub rprop_increase_factor: f32,
    /// FANN's name.
    pub rprop_decrease_factor: f32,
    /// FANN's name.
    pub rprop_delta_min: f32,
    /// FANN's name.
    pub rprop_delta_max: f32,
    /// FANN's name.
    pub rprop_delta_zero: f32,
    /// FANN's name.
    pub cascade_output_stagnation_epochs: u32,
    /// FANN's name.
    pub cascade_candidate_change_fraction: f32,
    /// FANN's name.
    pub cascade_candidate_stagnation_epochs: u32,
    /// FANN's name.
    pub cascade_max_out_epochs: u32,
    /// FANN's name.
    pub cascade_min_out_epochs: u32,
    /// FANN's name.
    pub cascade_max_cand_epochs: u32,
    /// FANN's name.
    pub cascade_min_cand_epochs: u32,
    /// FANN's name.
    pub cascade_num_candidate_groups: u32,
    /// FANN's name.
    pub bit_fail_limit: f32,
    /// FANN's name.
    pub cascade_candidate_limit: f32,
    /// FANN's name.
    pub cascade_weight_multiplier: f32,
    /// How many of `cascade_activation_functions` there are.
    pub cascade_activation_functions_count: u32,
    /// How many of `cascade_activation_steepnesses` there are.
    pub cascade_activation_steepnesses_count: u32,
    /// FANN's numbers of activation functions.
    pub cascade_activation_functions: [u32; 32],
    /// FANN's name.
    pub cascade_activation_steepnesses: [f32; 32],
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_fann_settings {
    const LEAST: usize = size_of::<nsw_fann_settings>();
}

/// Calls `$each!(field)` for all fields that are the same on both sides.
macro_rules! plain_fields {
    ($each:ident) => {
        $each!(learning_rate);
        $each!(learning_momentum);
        $each!(training_algorithm);
        $each!(train_error_function);
        $each!(train_stop_function);
        $each!(cascade_output_change_fraction);
        $each!(quickprop_decay);
        $each!(quickprop_mu);
        $each!(rprop_increase_factor);
        $each!(rprop_decrease_factor);
        $each!(rprop_delta_min);
        $each!(rprop_delta_max);
        $each!(rprop_delta_zero);
        $each!(cascade_output_stagnation_epochs);
        $each!(cascade_candidate_change_fraction);
        $each!(cascade_candidate_stagnation_epochs);
        $each!(cascade_max_out_epochs);
        $each!(cascade_min_out_epochs);
        $each!(cascade_max_cand_epochs);
        $each!(cascade_min_cand_epochs);
        $each!(cascade_num_candidate_groups);
        $each!(bit_fail_limit);
        $each!(cascade_candidate_limit);
        $each!(cascade_weight_multiplier);
    };
}

/// Fills the caller's struct.
unsafe fn tell_settings(to: *mut nsw_fann_settings, from: &FannSettings) -> Result<()> {
    // SAFETY: all of its fields are numbers.
    let mut c: nsw_fann_settings = unsafe { core::mem::zeroed() };
    macro_rules! copy {
        ($field:ident) => {
            c.$field = from.$field
        };
    }
    plain_fields!(copy);
    let functions = &from.cascade_activation_functions;
    c.cascade_activation_functions_count = functions.len() as u32;
    c.cascade_activation_functions.iter_mut().zip(functions).for_each(|(to, from)| *to = *from);
    let steepnesses = &from.cascade_activation_steepnesses;
    c.cascade_activation_steepnesses_count = steepnesses.len() as u32;
    c.cascade_activation_steepnesses.iter_mut().zip(steepnesses).for_each(|(to, from)| *to = *from);
    // SAFETY: the caller's word.
    unsafe { structs::write(to, &c) }
}

/// The caller's settings; FANN's defaults for NULL.
unsafe fn settings(from: *const nsw_fann_settings) -> Result<FannSettings> {
    let mut settings = FannSettings::default();
    if from.is_null() {
        return Ok(settings);
    }
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(from) }?;
    macro_rules! copy {
        ($field:ident) => {
            settings.$field = c.$field
        };
    }
    plain_fields!(copy);
    let functions = c.cascade_activation_functions_count as usize;
    let functions = c.cascade_activation_functions.get(..functions).ok_or(Error::Invalid)?;
    settings.cascade_activation_functions = functions.iter().copied().collect();
    let steepnesses = c.cascade_activation_steepnesses_count as usize;
    let steepnesses = c.cascade_activation_steepnesses.get(..steepnesses).ok_or(Error::Invalid)?;
    settings.cascade_activation_steepnesses = steepnesses.iter().copied().collect();
    Ok(settings)
}

/// Calls `f` with the file that a text is.
unsafe fn with_file<R>(
    (text, len): (*const u8, usize),
    logger: *const nsw_logger,
    f: impl FnOnce(&FannFile<'_>) -> Result<R>,
) -> Result<R> {
    // SAFETY: NULL or what it should be, as the callers document.
    unsafe {
        let logger = CLogger::new(logger)?;
        f(&FannFile::read(input(text, len)?, CLogger::as_dyn(&logger))?)
    }
}

/// Fills `*settings` with FANN's defaults.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_fann_settings_default(settings: *mut nsw_fann_settings) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe { tell_settings(settings, &FannSettings::default()) })
}

/// Fills `*settings` with what a FANN file of `text_len` bytes says about
/// training.
///
/// Errors: those of nsw_net_load_fann_footprint. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_fann_settings_read(
    text: *const u8,
    text_len: usize,
    settings: *mut nsw_fann_settings,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        with_file((text, text_len), core::ptr::null(), |file| {
            tell_settings(settings, &file.settings)
        })
    })
}

/// The memory that nsw_net_load_fann takes for this FANN file of `text_len` bytes:
/// FANN_FLO_2.1, what fann_save writes, or FANN_FLO_2.0 as far as libfann 2.2 reads
/// it (the same settings, no scales). `logger` (may be NULL) is told what is wrong
/// with a bad one, and in which line. The rectifiers of FANN's later versions are
/// read.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_MODEL_MAGIC if the text is no
/// FANN file, NSW_ERR_MODEL_VERSION for one of another version or with
/// fixed-point numbers, NSW_ERR_UNSUPPORTED for an activation function that FANN
/// does not compute (its stepwise gaussian always gives 0) or that is unknown,
/// the other NSW_ERR_MODEL_ codes. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_load_fann_footprint(
    text: *const u8,
    text_len: usize,
    logger: *const nsw_logger,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Net<'static>>(size, align, || {
            with_file((text, text_len), logger, Net::fann_footprint)
        })
    }
}

/// Makes the network of a FANN file of `text_len` bytes, which may go away after
/// the call. FANN's sigmoids of steepness s are NSW_ACTIVATION_SIGMOID of
/// steepness 2 s here, since FANN's have exp(-2x). It runs with libfann's
/// arithmetic, until nsw_net_set_exact says otherwise.
///
/// Errors: those of nsw_net_load_fann_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*net` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_load_fann(
    text: *const u8,
    text_len: usize,
    logger: *const nsw_logger,
    memory: *const nsw_allocator,
    net: *mut *mut nsw_net,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<Net<'static>>(
            memory,
            net,
            || with_file((text, text_len), logger, Net::fann_footprint),
            |piece| with_file((text, text_len), logger, |file| Net::fann_in_piece(file, piece)),
        )
    }
}

/// Writes the network as a FANN file that libfann 2.2 loads: at most `cap` bytes
/// to `text`, without a zero at the end; the length goes to `*text_len` (which
/// may be NULL). `settings` says what the file says about training; NULL means
/// FANN's defaults. What libfann computes with it, nsw_net_set_exact tells.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_INVALID for counts above NSW_FANN_LIST and for settings that are NaN or
/// infinite, NSW_ERR_UNSUPPORTED for what FANN 2.2 does not have (softmax, ReLU,
/// leaky ReLU, GELU, SiLU, sparse networks with shortcuts),
/// NSW_ERR_BUFFER_TOO_SMALL: `*text_len` is what is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_save_fann(
    net: *const nsw_net,
    settings: *const nsw_fann_settings,
    text: *mut u8,
    text_cap: usize,
    text_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: text, capacity: text_cap, len: text_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Net<'static>>(net, |net| {
            let settings = self::settings(settings)?;
            let needed = net.fann_len(&settings)?;
            net.save_fann(output.take(needed, &bytes_of::<u8>(&[]))?, &settings)?;
            Ok(())
        })
    }
}
