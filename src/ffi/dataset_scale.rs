//! Columns of samples: what they are like, and how they are scaled.

use super::dataset::nsw_dataset;
use super::handle::{call_mut, call_ref, with_mut};
use super::net::{nsw_net, with_net};
use super::net_scale::nsw_scale;
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::nn::{Column, Dataset, Fit, Net, Scale};

/// Scales a column so that its smallest number comes to lie at `low` and its
/// largest at `high`.
pub const NSW_FIT_RANGE: u32 = 0;
/// Scales a column so that its mean comes to lie in the middle of `low` and
/// `high` and the standard deviation at the ends, as FANN does it.
pub const NSW_FIT_SPREAD: u32 = 1;
/// Scales a column to a mean of 0 and a standard deviation of 1; `low` and
/// `high` are 0.
pub const NSW_FIT_STANDARD: u32 = 2;

/// What the numbers of a column are like. NSW_COLUMN_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_column {
    /// sizeof(nsw_column); NSW_COLUMN_INIT sets it.
    pub size: u32,
    /// The smallest.
    pub min: f32,
    /// The largest.
    pub max: f32,
    /// Their mean.
    pub mean: f32,
    /// Their standard deviation, over all of them (not all but one).
    pub deviation: f32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_column {
    const LEAST: usize = size_of::<nsw_column>();
}

/// Where the numbers of a column are to lie. NSW_FIT_INIT, then `low` and
/// `high`. A column that is all the same comes to lie where the middle would.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_fit {
    /// sizeof(nsw_fit); NSW_FIT_INIT sets it.
    pub size: u32,
    /// An NSW_FIT_ constant.
    pub method: u32,
    /// The lower end.
    pub low: f32,
    /// The upper end, above the lower one.
    pub high: f32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_fit {
    const LEAST: usize = size_of::<nsw_fit>();
}

/// Fills `*column` (NSW_COLUMN_INIT) with what the numbers of the input at
/// `index` are like, or for indices from the number of inputs on of a target.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_INVALID for no such index.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_column(
    dataset: *const nsw_dataset,
    index: u32,
    column: *mut nsw_column,
) -> nsw_status {
    let fill = |dataset: &Dataset<'static>| {
        let found = dataset.column(index as usize).ok_or(Error::Invalid)?;
        let Column { min, max, mean, deviation } = found;
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { structs::write(column, &nsw_column { size: 0, min, max, mean, deviation }) }
    };
    // SAFETY: NULL or a dataset, by the documentation above.
    unsafe { call_ref::<Dataset<'static>>(dataset, fill) }
}

unsafe fn fit(fit: *const nsw_fit) -> Result<Fit> {
    // SAFETY: NULL or what it should be, by the documentation of the callers.
    let nsw_fit { method, low, high, .. } = unsafe { structs::read(fit) }?;
    Ok(match method {
        NSW_FIT_RANGE => Fit::Range(low, high),
        NSW_FIT_SPREAD => Fit::Spread(low, high),
        NSW_FIT_STANDARD if low == 0.0 && high == 0.0 => Fit::Standard,
        _ => return Err(Error::Invalid),
    })
}

/// Fills `*scale` (NSW_SCALE_INIT) with the one that brings the input at `index`,
/// or for indices from the number of inputs on a target, to where `how` says.
/// Nothing is scaled by it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_INVALID for no such index, an unknown method or ends that are none,
/// NSW_ERR_NN_NOT_FINITE for NaN or infinity in the column.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_fit(
    dataset: *const nsw_dataset,
    index: u32,
    how: *const nsw_fit,
    scale: *mut nsw_scale,
) -> nsw_status {
    let fill = |dataset: &Dataset<'static>| {
        let column = dataset.column(index as usize).ok_or(Error::Invalid)?;
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe {
            let Scale { mean, deviation, minimum, factor } = fit(how)?.scale(column)?;
            structs::write(scale, &nsw_scale { size: 0, mean, deviation, minimum, factor })
        }
    };
    // SAFETY: NULL or a dataset, by the documentation above.
    unsafe { call_ref::<Dataset<'static>>(dataset, fill) }
}

/// Sets the scales of a network made with `scaling` so that samples like these
/// come to lie where `inputs` and `targets` say; with `targets` NULL the scales
/// of its outputs stay as they are.
///
/// Errors: those of a bad handle for both, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_NN_MISMATCH for a network of other inputs or outputs,
/// NSW_ERR_LENGTH for no samples, NSW_ERR_UNSUPPORTED for a network without
/// scales, and those of nsw_dataset_fit. No scale is changed then.
/// NSW_ERR_READ_ONLY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_fit_scales(
    dataset: *const nsw_dataset,
    inputs: *const nsw_fit,
    targets: *const nsw_fit,
    net: *mut nsw_net,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Dataset<'static>>(dataset, |dataset| {
            let targets = if targets.is_null() { None } else { Some(fit(targets)?) };
            let inputs = fit(inputs)?;
            with_mut::<Net<'static>, _>(net, |net| dataset.fit_scales(net, inputs, targets))
        })
    }
}

/// Scales all inputs and targets by the network's scales, in place. A network
/// then learns and answers scaled values: nsw_net_unscale_outputs turns its
/// answers back.
///
/// Errors: those of a bad handle for both, NSW_ERR_NN_MISMATCH for a network of
/// other inputs or outputs, NSW_ERR_UNSUPPORTED for one without scales,
/// NSW_ERR_READ_ONLY for samples that are lent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_scale(
    dataset: *mut nsw_dataset,
    net: *const nsw_net,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Dataset<'static>>(dataset, |dataset| with_net(net, |net| dataset.scale(net)))
    }
}

/// Turns back what nsw_dataset_scale has done, but for rounding.
///
/// Errors: those of nsw_dataset_scale.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_unscale(
    dataset: *mut nsw_dataset,
    net: *const nsw_net,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Dataset<'static>>(dataset, |dataset| with_net(net, |net| dataset.unscale(net)))
    }
}

/// Scales the input at `index`, or for indices from the number of inputs on a
/// target, of all samples in place.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_INVALID for no such index or a bad scale, NSW_ERR_READ_ONLY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dataset_scale_column(
    dataset: *mut nsw_dataset,
    index: u32,
    scale: *const nsw_scale,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Dataset<'static>>(dataset, |dataset| {
            let nsw_scale { mean, deviation, minimum, factor, .. } = structs::read(scale)?;
            dataset.scale_column(index as usize, Scale { mean, deviation, minimum, factor })
        })
    }
}
