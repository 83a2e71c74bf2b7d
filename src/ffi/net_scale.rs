//! Scales of inputs and outputs, kept with a network.

use super::handle::{call_mut, call_ref};
use super::net::nsw_net;
use super::slices::{in_place, input};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::nn::{Net, Scale};

/// How a value is scaled: `((x - mean) / deviation + 1) * factor + minimum`,
/// which is FANN's formula. NSW_SCALE_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_scale {
    /// sizeof(nsw_scale); NSW_SCALE_INIT sets it.
    pub size: u32,
    /// What comes to lie in the middle.
    pub mean: f32,
    /// What comes to lie at the ends, from the mean. 0 for a column that is all
    /// the same: any value comes to lie in the middle, and is the mean when that
    /// is undone.
    pub deviation: f32,
    /// The lower end.
    pub minimum: f32,
    /// Half the distance of the ends. 0 where they are the same: any value comes
    /// to lie there, and is the mean when that is undone.
    pub factor: f32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_scale {
    const LEAST: usize = size_of::<nsw_scale>();
}

/// Fills `*scale` with the scale of the input at `index`, or for indices from
/// the number of inputs on of an output.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_UNSUPPORTED for a network made without `scaling`, NSW_ERR_INVALID for
/// no such index.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_get_scale(
    net: *const nsw_net,
    index: u32,
    scale: *mut nsw_scale,
) -> nsw_status {
    let fill = |net: &Net<'static>| {
        let mut scales = net.scales();
        if scales.len() == 0 {
            return Err(Error::Unsupported);
        }
        let Scale { mean, deviation, minimum, factor } =
            scales.nth(index as usize).ok_or(Error::Invalid)?;
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { structs::write(scale, &nsw_scale { size: 0, mean, deviation, minimum, factor }) }
    };
    // SAFETY: NULL or a network, by the documentation above.
    unsafe { call_ref::<Net<'static>>(net, fill) }
}

/// Sets the scale of the input at `index`, or for indices from the number of
/// inputs on of an output.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_UNSUPPORTED for a network made without `scaling`, NSW_ERR_INVALID for
/// no such index or a bad scale, NSW_ERR_READ_ONLY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_set_scale(
    net: *mut nsw_net,
    index: u32,
    scale: *const nsw_scale,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Net<'static>>(net, |net| {
            let nsw_scale { mean, deviation, minimum, factor, .. } = structs::read(scale)?;
            net.set_scale(index as usize, Scale { mean, deviation, minimum, factor })
        })
    }
}

/// Sets the scales of all inputs so that rows of inputs like these come to lie
/// about `low`..`high`: the mean in the middle, one standard deviation from it
/// at the ends, as fann_set_input_scaling_params does it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_UNSUPPORTED for a network
/// made without `scaling`, NSW_ERR_LENGTH for no rows or none that are whole,
/// NSW_ERR_NN_NOT_FINITE, NSW_ERR_INVALID unless `low` is below `high`,
/// NSW_ERR_READ_ONLY. Nothing is changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_fit_input_scales(
    net: *mut nsw_net,
    inputs: *const f32,
    inputs_len: usize,
    low: f32,
    high: f32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Net<'static>>(net, |net| {
            net.fit_input_scales(input(inputs, inputs_len)?, low, high)
        })
    }
}

/// The same for outputs, from rows of targets.
///
/// Errors: those of nsw_net_fit_input_scales.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_fit_output_scales(
    net: *mut nsw_net,
    targets: *const f32,
    targets_len: usize,
    low: f32,
    high: f32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Net<'static>>(net, |net| {
            net.fit_output_scales(input(targets, targets_len)?, low, high)
        })
    }
}

/// Scales rows in place.
unsafe fn change(
    net: *const nsw_net,
    (rows, rows_len): (*mut f32, usize),
    f: impl FnOnce(&Net<'static>, &mut [f32]) -> Result<()>,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation of the callers.
    unsafe { call_ref::<Net<'static>>(net, |net| f(net, in_place(rows, rows_len)?)) }
}

/// Scales rows of inputs in place, before they are run or trained with: running
/// does not do it by itself.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_UNSUPPORTED for a network
/// made without `scaling`, NSW_ERR_LENGTH for rows that are not whole.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_scale_inputs(
    net: *const nsw_net,
    rows: *mut f32,
    rows_len: usize,
) -> nsw_status {
    // SAFETY: what this function asks for is what that one asks for.
    unsafe { change(net, (rows, rows_len), |net, rows| net.scale_inputs(rows)) }
}

/// Scales rows of targets in place, for training.
///
/// Errors: those of nsw_net_scale_inputs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_scale_targets(
    net: *const nsw_net,
    rows: *mut f32,
    rows_len: usize,
) -> nsw_status {
    // SAFETY: what this function asks for is what that one asks for.
    unsafe { change(net, (rows, rows_len), |net, rows| net.scale_targets(rows)) }
}

/// Turns rows of outputs in place into what targets were before they were
/// scaled.
///
/// Errors: those of nsw_net_scale_inputs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_unscale_outputs(
    net: *const nsw_net,
    rows: *mut f32,
    rows_len: usize,
) -> nsw_status {
    // SAFETY: what this function asks for is what that one asks for.
    unsafe { change(net, (rows, rows_len), |net, rows| net.unscale_outputs(rows)) }
}
