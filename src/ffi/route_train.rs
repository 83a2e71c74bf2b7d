//! Makes models of routers: for builds with a heap.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::ffi::c_char;

use super::guarded;
use super::route::nsw_name;
#[cfg(feature = "alloc")]
use super::route::{NSW_ROUTE_NONE, read_name};
#[cfg(feature = "alloc")]
use super::slices::{Output, apart, bytes_at, bytes_of, in_place, input, put, read_text};
use super::status::nsw_status;
use super::structs::Versioned;
#[cfg(feature = "alloc")]
use super::structs::{self, Array, count, or};
use crate::error::Error;
#[cfg(feature = "alloc")]
use crate::error::Result;
#[cfg(feature = "alloc")]
use crate::task::route::{RouterConfig, Sample, calibrate, model_len, train};

/// What a router is to be, and how it is trained. NSW_ROUTER_CONFIG_INIT; every other zero means the default, which
/// is for some hundred tasks in 270 KB, and NSW_ZERO stands for 0. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_router_config {
    /// sizeof(nsw_router_config); NSW_ROUTER_CONFIG_INIT sets it.
    pub size: u32,
    /// Numbers of a row: a multiple of 16, 16 to 256; 0 means 128.
    pub width: u32,
    /// Blocks of 16 bytes in the table, 1 to 2^24; 0 means 15,000. A model takes these, and for each task a row and 8
    /// bytes, and the names.
    pub blocks: u32,
    /// How often each sample is seen; 0 means 20.
    pub epochs: u32,
    /// AdaGrad's rate, above 0; it goes down to 2% of it in a line; 0 means 0.05.
    pub rate: f32,
    /// The share of n-grams that are left out each time, NSW_ZERO to below 1; 0 means 0.3.
    pub dropout: f32,
    /// What of a label is spread over all tasks, NSW_ZERO to below 1; 0 means 0.15.
    pub smoothing: f32,
    /// 0.
    pub reserved: u32,
    /// Where order and chance come from: the same seed, the same bytes.
    pub seed: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_router_config {
    const LEAST: usize = size_of::<nsw_router_config>();
}

/// A text and the task that it asks for: NSW_SAMPLE_INIT, then all.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_sample {
    /// sizeof(nsw_sample); NSW_SAMPLE_INIT sets it.
    pub size: u32,
    /// The task's place in the list of names; NSW_ROUTE_NONE: out of scope.
    pub task: u32,
    /// In UTF-8.
    pub text: *const c_char,
    /// Its bytes, at most NSW_ROUTE_MAX_TEXT.
    pub text_len: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_sample {
    const LEAST: usize = size_of::<nsw_sample>();
}

/// The caller's configuration.
///
/// # Safety
/// NULL or a configuration.
#[cfg(feature = "alloc")]
unsafe fn read(config: *const nsw_router_config) -> Result<RouterConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    if c.reserved != 0 {
        return Err(Error::Invalid);
    }
    let usual = RouterConfig::default();
    Ok(RouterConfig {
        width: count(c.width, usual.width),
        blocks: count(c.blocks, usual.blocks),
        epochs: or(c.epochs, usual.epochs),
        rate: or(c.rate, usual.rate),
        dropout: or(c.dropout, usual.dropout),
        smoothing: or(c.smoothing, usual.smoothing),
        seed: c.seed,
    })
}

/// The caller's samples.
///
/// # Safety
/// NULL or so many, which are good for `'a`.
#[cfg(feature = "alloc")]
unsafe fn samples<'a>(first: *const nsw_sample, count: usize) -> Result<Vec<Sample<'a>>> {
    // SAFETY: the caller's word.
    let all = unsafe { Array::new(first, count) }?;
    let one = |index| {
        let sample = all.at(index)?;
        // SAFETY: the caller's word.
        let text = unsafe { read_text(sample.text, sample.text_len) }?;
        let task = (sample.task != NSW_ROUTE_NONE).then_some(sample.task);
        Ok(Sample { text, task })
    };
    (0..count).map(one).collect()
}

/// Trains into the caller's buffer.
///
/// # Safety
/// NULL or what the caller of `nsw_router_train` promises.
#[cfg(feature = "alloc")]
unsafe fn made(
    config: *const nsw_router_config,
    (tasks, task_count): (*const nsw_name, usize),
    (first, sample_count): (*const nsw_sample, usize),
    output: Output<u8>,
) -> Result<()> {
    // SAFETY: the caller's word.
    unsafe {
        let config = read(config)?;
        let names = Array::new(tasks, task_count)?;
        let tasks: Vec<&str> =
            (0..task_count).map(|i| read_name(&names, i)).collect::<Result<_>>()?;
        let samples = samples(first, sample_count)?;
        let others = samples.iter().any(|sample| sample.task.is_none());
        let len = model_len(&config, &tasks, others)?;
        // Too small a buffer is no reason to train; then it is not held while texts are read.
        output.take_beside(len, &[])?;
        let model = train(&config, &tasks, &samples)?;
        output.take_beside(len, &[])?.copy_from_slice(&model);
    }
    Ok(())
}

/// Calibrates in the caller's buffer.
///
/// # Safety
/// NULL or what the caller of `nsw_router_calibrate` promises.
#[cfg(feature = "alloc")]
unsafe fn calibrated(
    (model, model_len): (*mut u8, usize),
    (first, sample_count): (*const nsw_sample, usize),
    refused: f32,
    threshold: *mut f32,
) -> Result<()> {
    structs::check_pointer(threshold)?;
    // SAFETY: the caller's word.
    unsafe {
        let outputs = [bytes_of(input(model.cast_const(), model_len)?), bytes_at(threshold)];
        apart(&outputs[1..], &outputs[..1])?;
        apart(&outputs, &[Array::new(first, sample_count)?.bytes()])?;
        let samples = samples(first, sample_count)?;
        samples.iter().try_for_each(|s| apart(&outputs, &[bytes_of(s.text.as_bytes())]))?;
        put(threshold, calibrate(in_place(model, model_len)?, &samples, refused)?)
    }
}

/// Trains a router: writes its model, which nsw_router_create reads, to `model[0..*model_len]`. Samples without a task,
/// if there are any, make up a class of their own, for what is out of scope; the threshold is 0 until
/// nsw_router_calibrate sets it. `tasks` are the names of at most 4,096 tasks, of at most 255 bytes each. With `model_cap` 0 it only
/// tells the length, and does not train. Takes memory of the system's heap for 5 bytes a number of the model, and for
/// the n-grams of all samples. Any thread.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range, no sample, a task that
/// has no name, more tasks or a longer name than there may be, or a text that is no UTF-8; NSW_ERR_LENGTH for a text of more than NSW_ROUTE_MAX_TEXT bytes;
/// NSW_ERR_BUFFER_TOO_SMALL: `*model_len` is what is needed; NSW_ERR_OVERFLOW; NSW_ERR_NO_ALLOCATOR in a library that
/// was built without a heap.
#[unsafe(no_mangle)]
#[cfg_attr(not(feature = "alloc"), allow(unused_variables))]
pub unsafe extern "C" fn nsw_router_train(
    config: *const nsw_router_config,
    tasks: *const nsw_name,
    task_count: usize,
    samples: *const nsw_sample,
    sample_count: usize,
    model: *mut u8,
    model_cap: usize,
    model_len: *mut usize,
) -> nsw_status {
    guarded(|| {
        #[cfg(feature = "alloc")]
        {
            let output = Output { pointer: model, capacity: model_cap, len: model_len };
            // SAFETY: NULL or what it should be, by the documentation above.
            unsafe { made(config, (tasks, task_count), (samples, sample_count), output) }
        }
        #[cfg(not(feature = "alloc"))]
        Err(Error::NoAllocator)
    })
}

/// Sets a model's threshold by samples that it was not trained with: the largest that refuses no more than the share
/// `refused` of those that have a task: `*threshold`. Samples without a task are left out. The model is changed in
/// place: no router may be over it meanwhile. Any thread.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID without a sample that has a task, for a share outside 0
/// to below 1, a text that is no UTF-8, or `model` or `*threshold` in a place that the samples or their texts are in, or
/// both in one; NSW_ERR_LENGTH for a text of more than NSW_ROUTE_MAX_TEXT bytes;
/// NSW_ERR_TASK_FORMAT, NSW_ERR_UNSUPPORTED as nsw_router_create; NSW_ERR_NO_ALLOCATOR in a library that was built
/// without a heap. The model was not changed.
#[unsafe(no_mangle)]
#[cfg_attr(not(feature = "alloc"), allow(unused_variables))]
pub unsafe extern "C" fn nsw_router_calibrate(
    model: *mut u8,
    model_len: usize,
    samples: *const nsw_sample,
    sample_count: usize,
    refused: f32,
    threshold: *mut f32,
) -> nsw_status {
    guarded(|| {
        #[cfg(feature = "alloc")]
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe {
            calibrated((model, model_len), (samples, sample_count), refused, threshold)
        }
        #[cfg(not(feature = "alloc"))]
        Err(Error::NoAllocator)
    })
}
