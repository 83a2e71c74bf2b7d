//! Int8 networks on many samples.

use super::handle;
use super::port::nsw_allocator;
use super::qnet::nsw_qnet;
use super::qnet_rows::run_rows;
use super::slices::{Output, input};
use super::status::nsw_status;
use crate::nn::QNet;

/// The batch that C names; 0 is 1.
fn at_least_one(batch: u32) -> usize {
    batch.max(1) as usize
}

/// The memory that nsw_qnet_load_batch takes for this int8 model of `len` bytes
/// and batches of `batch` samples (0 for 1): with a packed copy of the weights
/// from 4 on, where the machine's kernels gain by it.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_OVERFLOW, NSW_ERR_MODEL_ codes. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_load_batch_footprint(
    model: *const u8,
    len: usize,
    batch: u32,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    let layout = || QNet::load_batch_footprint(unsafe { input(model, len) }?, at_least_one(batch));
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<QNet<'static>>(size, align, layout) }
}

/// As nsw_qnet_load, for a network that runs `batch` samples at once (0 for 1)
/// in nsw_qnet_forward_batch and nsw_qnet_forward_i8_batch.
///
/// Errors: those of nsw_qnet_load, and NSW_ERR_OVERFLOW. `*qnet` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_load_batch(
    model: *const u8,
    len: usize,
    batch: u32,
    memory: *const nsw_allocator,
    qnet: *mut *mut nsw_qnet,
) -> nsw_status {
    let batch = at_least_one(batch);
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<QNet<'static>, _>(
            memory,
            qnet,
            || QNet::check_load(input(model, len)?, batch),
            |piece, model| QNet::load_in_piece(&model, batch, piece),
        )
    }
}

/// The memory that nsw_qnet_view_batch takes for this int8 model of `len` bytes
/// and batches of `batch` samples (0 for 1): without the model, but from 4 on
/// with a packed copy of its weights, where the machine's kernels gain by it.
///
/// Errors: those of nsw_qnet_view_footprint, and NSW_ERR_OVERFLOW. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_view_batch_footprint(
    model: *const u8,
    len: usize,
    batch: u32,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    let layout = || QNet::view_batch_footprint(unsafe { input(model, len) }?, at_least_one(batch));
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<QNet<'static>>(size, align, layout) }
}

/// As nsw_qnet_view, for a network that runs `batch` samples at once (0 for 1)
/// in nsw_qnet_forward_batch and nsw_qnet_forward_i8_batch.
///
/// Errors: those of nsw_qnet_view, and NSW_ERR_OVERFLOW. `*qnet` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_view_batch(
    model: *const u8,
    len: usize,
    batch: u32,
    memory: *const nsw_allocator,
    qnet: *mut *mut nsw_qnet,
) -> nsw_status {
    let batch = at_least_one(batch);
    // SAFETY: NULL or what it should be, by the documentation above; the
    // caller keeps the model alive.
    unsafe {
        handle::create_from::<QNet<'static>, _>(
            memory,
            qnet,
            || QNet::check_view(input(model, len)?, batch),
            |piece, model| QNet::view_in_piece(&model, batch, piece),
        )
    }
}

/// Runs any number of samples on quantised values: `inputs` holds rows of
/// inputs, a row of outputs for each goes to `outputs` (at most `outputs_cap`
/// values), the number of values to `*outputs_len` (which may be NULL). The two
/// may not overlap. The result is that of nsw_qnet_forward_i8 on each.
///
/// Errors: those of nsw_qnet_forward_i8, NSW_ERR_LENGTH for no whole rows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_forward_i8_batch(
    qnet: *mut nsw_qnet,
    inputs: *const i8,
    inputs_len: usize,
    outputs: *mut i8,
    outputs_cap: usize,
    outputs_len: *mut usize,
) -> nsw_status {
    let outputs = Output { pointer: outputs, capacity: outputs_cap, len: outputs_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { run_rows(qnet, (inputs, inputs_len), outputs, QNet::<'static>::forward_i8_batch) }
}

/// Runs any number of samples on real values: as nsw_qnet_forward_i8_batch with
/// nsw_qnet_forward.
///
/// Errors: those of nsw_qnet_forward_i8_batch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_forward_batch(
    qnet: *mut nsw_qnet,
    inputs: *const f32,
    inputs_len: usize,
    outputs: *mut f32,
    outputs_cap: usize,
    outputs_len: *mut usize,
) -> nsw_status {
    let outputs = Output { pointer: outputs, capacity: outputs_cap, len: outputs_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { run_rows(qnet, (inputs, inputs_len), outputs, QNet::<'static>::forward_batch) }
}
