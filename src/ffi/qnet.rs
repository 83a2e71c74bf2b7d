//! Int8 networks.

use super::handle::{self, Object, call_mut, call_ref, with_mut};
use super::net::{kernel, nsw_net, with_net};
use super::port::{CLogger, nsw_allocator, nsw_logger};
use super::qnet_rows::{Rows, convert, run};
use super::slices::{Output, bytes_of, input};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::nn::{Calibration, Net, QNet, QNetConfig, Rounding};

/// What to quantise. NSW_QNET_CONFIG_INIT, then `net`, `samples` and
/// `samples_len`. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_qnet_config {
    /// sizeof(nsw_qnet_config); NSW_QNET_CONFIG_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The trained network; it stays as it is, but it runs the samples.
    pub net: *mut nsw_net,
    /// Calibration samples, rows of the network's inputs: they should look like
    /// what the network will meet. A few hundred are enough.
    pub samples: *const f32,
    /// Number of values (not rows) in `samples`.
    pub samples_len: usize,
    /// Told about refusals and about what looks wrong; may be NULL.
    pub logger: *const nsw_logger,
    /// How sums become int8 values, an NSW_ROUNDING_ constant; the model
    /// remembers it.
    pub rounding: u32,
    /// How the ranges of values follow from the samples, an NSW_CALIBRATION_
    /// constant.
    pub calibration: u32,
    /// For NSW_CALIBRATION_PERCENTILE: how many percent of the values are in the
    /// range, above 0 and at most 100; 0 for 99.99. Otherwise 0.
    pub percentile: f32,
    /// How many samples nsw_qnet_forward_i8_batch runs at once; 0 for 1. Costs
    /// memory for the values between layers, and from 4 on for a packed copy of
    /// the weights where the machine's kernels gain by it. A network with
    /// shortcuts runs one after the other whatever it says.
    pub batch: u32,
}

/// Ranges from the smallest to the largest value.
pub const NSW_CALIBRATION_MIN_MAX: u32 = 0;
/// Ranges that hold `percentile` percent of the values that are not 0.
pub const NSW_CALIBRATION_PERCENTILE: u32 = 1;
/// Ranges whose quantised values tell most about the real ones: the least
/// Kullback-Leibler divergence (Migacz 2017, "8-bit Inference with TensorRT") over
/// 2,048 bins. int16 values have more levels than that, so that their ranges are
/// those of NSW_CALIBRATION_MIN_MAX.
pub const NSW_CALIBRATION_ENTROPY: u32 = 2;

/// The calibration that two settings say.
pub(super) fn calibration(code: u32, percentile: f32) -> Result<Calibration> {
    let percent = if percentile == 0.0 { 99.99 } else { percentile };
    match (code, percentile == 0.0) {
        (NSW_CALIBRATION_MIN_MAX, true) => Ok(Calibration::MinMax),
        (NSW_CALIBRATION_PERCENTILE, _) => Ok(Calibration::Percentile(percent)),
        (NSW_CALIBRATION_ENTROPY, true) => Ok(Calibration::Entropy),
        _ => Err(Error::Invalid),
    }
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_qnet_config {
    const LEAST: usize = core::mem::offset_of!(nsw_qnet_config, logger);
}

impl nsw_qnet_config {
    /// Rounding, calibration and batch as asked for.
    fn settings(&self) -> Result<(Rounding, Calibration, usize)> {
        let calibration = calibration(self.calibration, self.percentile)?;
        let rounding = Rounding::from_code(self.rounding).ok_or(Error::Invalid)?;
        Ok((rounding, calibration, self.batch.max(1) as usize))
    }
}

/// What an int8 network is. NSW_QNET_INFO_INIT before it is filled. A real
/// value is scale * (q - zero_point).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_qnet_info {
    /// sizeof(nsw_qnet_info); NSW_QNET_INFO_INIT sets it.
    pub size: u32,
    /// Values in a sample.
    pub inputs: u32,
    /// Values in a result.
    pub outputs: u32,
    /// Number of layers.
    pub layers: u32,
    /// Bytes of the model, as nsw_qnet_save writes it.
    pub model_size: usize,
    /// Step of the input values.
    pub input_scale: f32,
    /// The input value that stands for 0, -128 to 127.
    pub input_zero_point: i32,
    /// Step of the output values.
    pub output_scale: f32,
    /// The output value that stands for 0, -128 to 127.
    pub output_zero_point: i32,
    /// The kernels it runs on, an NSW_KERNEL_ constant, never NSW_KERNEL_AUTO.
    pub kernel: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_qnet_info {
    const LEAST: usize = core::mem::offset_of!(nsw_qnet_info, model_size);
}

/// An int8 network, quantised after training, following the TFLite int8
/// specification: weights symmetric with one scale for each unit, activations
/// asymmetric with one scale for each layer, int32 biases, and fixed-point
/// requantisation with a single rounding, half up:
/// (x * multiplier + 2^(30 - shift)) >> (31 - shift) in 64 bits; or with two
/// (NSW_ROUNDING_DOUBLE).
///
/// It gives the same bits on every machine and every kernel. One thread at a
/// time; functions that take a const pointer may run side by side.
pub struct nsw_qnet {
    _opaque: [u8; 0],
}

impl Object for QNet<'static> {
    type C = nsw_qnet;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswQ");
}

impl Rows for QNet<'static> {
    fn widths(&self) -> (usize, usize) {
        (self.inputs(), self.outputs())
    }
}

/// Calls `f` with the caller's configuration, whose network is to itself.
unsafe fn with_config<R>(
    config: *const nsw_qnet_config,
    f: impl FnOnce(&mut QNetConfig<'_, 'static>) -> Result<R>,
) -> Result<R> {
    // SAFETY: NULL or a configuration, as the callers document; the same for
    // what it points to.
    unsafe {
        let config = read_config(config)?;
        let logger = CLogger::new(config.logger)?;
        let samples = input(config.samples, config.samples_len)?;
        with_mut::<Net<'static>, R>(config.net, |net| {
            let logger = CLogger::as_dyn(&logger);
            let (rounding, calibration, batch) = config.settings()?;
            f(&mut QNetConfig { net, samples, batch, rounding, calibration, logger })
        })
    }
}

unsafe fn read_config(config: *const nsw_qnet_config) -> Result<nsw_qnet_config> {
    // SAFETY: NULL or a configuration, as the callers document.
    let config = unsafe { structs::read(config) }?;
    if config.reserved == 0 { Ok(config) } else { Err(Error::Invalid) }
}

/// The memory of the quantised copy.
unsafe fn config_footprint(config: *const nsw_qnet_config) -> Result<core::alloc::Layout> {
    // SAFETY: as above.
    unsafe {
        let config = read_config(config)?;
        let (_, calibration, batch) = config.settings()?;
        with_net(config.net, |net| QNet::footprint_for(net, batch, calibration))
    }
}

/// The memory that the quantised copy of a network takes: the one block that
/// nsw_qnet_create asks for, in bytes. The samples do not matter here.
/// Calibration other than NSW_CALIBRATION_MIN_MAX takes 8 KiB for the input and
/// 16 KiB for each layer.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, those of a bad handle for the
/// network, NSW_ERR_INVALID for an unknown constant or a percentage out of range,
/// NSW_ERR_UNSUPPORTED for layers whose units differ in activation or steepness
/// (sparse layers get weights of 0), NSW_ERR_OVERFLOW for a model of more than
/// 4 GiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_footprint(
    config: *const nsw_qnet_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<QNet<'static>>(size, align, || config_footprint(config)) }
}

/// Quantises a trained network in one block of `memory` (NULL: the system's
/// heap). The caller owns `*qnet` and ends it with nsw_qnet_destroy.
///
/// Errors: those of nsw_qnet_footprint, NSW_ERR_LENGTH for no samples or no
/// whole rows, NSW_ERR_NN_NOT_FINITE for NaN or infinity in the samples or in a
/// layer, NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR.
/// `*qnet` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_create(
    config: *const nsw_qnet_config,
    memory: *const nsw_allocator,
    qnet: *mut *mut nsw_qnet,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<QNet<'static>>(
            memory,
            qnet,
            || config_footprint(config),
            |piece| with_config(config, |config| QNet::in_piece(config, piece)),
        )
    }
}

/// Destroys an int8 network and gives its block back. NULL is fine, and so is
/// an already destroyed one whose memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_destroy(qnet: *mut nsw_qnet) {
    // SAFETY: NULL or an int8 network, by the documentation above.
    unsafe { handle::destroy::<QNet<'static>>(qnet) };
}

/// The memory that nsw_qnet_load takes for this int8 model of `len` bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_MODEL_ codes. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_load_footprint(
    model: *const u8,
    len: usize,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<QNet<'static>>(size, align, || QNet::load_footprint(input(model, len)?))
    }
}

/// Makes an int8 network from a model (nsw_qnet_save) of `len` bytes, which are
/// copied: they need no alignment and may go away after the call.
///
/// Errors: those of nsw_qnet_load_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*qnet` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_load(
    model: *const u8,
    len: usize,
    memory: *const nsw_allocator,
    qnet: *mut *mut nsw_qnet,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<QNet<'static>, _>(
            memory,
            qnet,
            || QNet::check_load(input(model, len)?, 1),
            |piece, model| QNet::load_in_piece(&model, 1, piece),
        )
    }
}

/// The memory that nsw_qnet_view takes for this int8 model of `len` bytes:
/// without the model.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_ALIGNMENT, NSW_ERR_MODEL_ codes. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_view_footprint(
    model: *const u8,
    len: usize,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<QNet<'static>>(size, align, || QNet::view_footprint(input(model, len)?))
    }
}

/// Makes an int8 network that reads its model where it is, in flash for
/// example: `model` must be aligned to NSW_MODEL_ALIGN and stay as it is until
/// the network is destroyed. Needs integer arithmetic alone.
///
/// Errors: those of nsw_qnet_view_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*qnet` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_view(
    model: *const u8,
    len: usize,
    memory: *const nsw_allocator,
    qnet: *mut *mut nsw_qnet,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above; the
    // caller keeps the model alive.
    unsafe {
        handle::create_from::<QNet<'static>, _>(
            memory,
            qnet,
            || QNet::check_view(input(model, len)?, 1),
            |piece, model| QNet::view_in_piece(&model, 1, piece),
        )
    }
}

/// Writes the network as an int8 model: at most `cap` bytes to `buf`, the
/// length to `*len` (which may be NULL). With `buf` NULL and `cap` 0 it only
/// tells the length, and answers NSW_ERR_BUFFER_TOO_SMALL.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID if `buf` lies in
/// the model that the network views, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is
/// needed, and nothing is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_save(
    qnet: *const nsw_qnet,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<QNet<'static>>(qnet, |qnet| {
            let model = qnet.model();
            output.take(model.len(), &bytes_of(model))?.copy_from_slice(model);
            Ok(())
        })
    }
}

/// Fills `*info`, whose `size` the caller has set (NSW_QNET_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_describe(
    qnet: *const nsw_qnet,
    info: *mut nsw_qnet_info,
) -> nsw_status {
    let describe = |qnet: &QNet<'static>| {
        let (from, to) = (qnet.input_quantization(), qnet.output_quantization());
        let filled = nsw_qnet_info {
            size: 0,
            inputs: qnet.inputs() as u32,
            outputs: qnet.outputs() as u32,
            layers: qnet.layers() as u32,
            model_size: qnet.model().len(),
            input_scale: from.scale,
            input_zero_point: i32::from(from.zero_point),
            output_scale: to.scale,
            output_zero_point: i32::from(to.zero_point),
            kernel: qnet.kernel().code(),
            reserved: 0,
        };
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { structs::write(info, &filled) }
    };
    // SAFETY: NULL or an int8 network, by the documentation above.
    unsafe { call_ref::<QNet<'static>>(qnet, describe) }
}

/// Makes the network run on other kernels, an NSW_KERNEL_ constant. The result
/// stays the same bit for bit.
///
/// Errors: those of a bad handle, NSW_ERR_INVALID for an unknown constant,
/// NSW_ERR_UNSUPPORTED if this machine does not have them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_set_kernel(qnet: *mut nsw_qnet, kernel: u32) -> nsw_status {
    // SAFETY: NULL or an int8 network, by the documentation above.
    unsafe { call_mut::<QNet<'static>>(qnet, |qnet| qnet.set_kernel(self::kernel(kernel)?)) }
}

/// Runs one sample on quantised values, with integer arithmetic alone: `input`
/// of exactly as many values as the network has inputs; as many as it has
/// outputs go to `output` (at most `output_cap`), their number to `*output_len`
/// (which may be NULL). The two may not overlap.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_LENGTH,
/// NSW_ERR_INVALID for overlapping buffers, NSW_ERR_BUFFER_TOO_SMALL:
/// `*output_len` is what is needed, and nothing is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_forward_i8(
    qnet: *mut nsw_qnet,
    input: *const i8,
    input_len: usize,
    output: *mut i8,
    output_cap: usize,
    output_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: output, capacity: output_cap, len: output_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { run(qnet, (input, input_len), output, QNet::<'static>::forward_i8) }
}

/// Runs one sample on real values: quantises, runs, dequantises. Otherwise as
/// nsw_qnet_forward_i8; NaN counts as 0, values outside the range of the
/// calibration samples as its ends.
///
/// Errors: those of nsw_qnet_forward_i8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_forward(
    qnet: *mut nsw_qnet,
    input: *const f32,
    input_len: usize,
    output: *mut f32,
    output_cap: usize,
    output_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: output, capacity: output_cap, len: output_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { run(qnet, (input, input_len), output, QNet::<'static>::forward) }
}

/// Quantises `values_len` real values the way the network's input is, to `out`
/// (at most `out_cap`), their number to `*out_len` (which may be NULL): to the
/// nearest value, halves away from zero, what is outside the range to its ends,
/// NaN to the zero point. Any number of values.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for overlapping
/// buffers, NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_quantize_input(
    qnet: *const nsw_qnet,
    values: *const f32,
    values_len: usize,
    out: *mut i8,
    out_cap: usize,
    out_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<QNet<'static>>(qnet, |qnet| {
            let quantization = qnet.input_quantization();
            convert((values, values_len), output, |x| quantization.quantize(x))
        })
    }
}

/// Turns `values_len` quantised values of the network's output into real ones,
/// to `out` (at most `out_cap`), their number to `*out_len` (which may be
/// NULL). Any number of values.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for overlapping
/// buffers, NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet_dequantize_output(
    qnet: *const nsw_qnet,
    values: *const i8,
    values_len: usize,
    out: *mut f32,
    out_cap: usize,
    out_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<QNet<'static>>(qnet, |qnet| {
            let quantization = qnet.output_quantization();
            convert((values, values_len), output, |q| quantization.dequantize(q))
        })
    }
}
