//! Networks of int16 values.

use super::handle::{self, Object, call_mut, call_ref, with_mut};
use super::net::{kernel, nsw_net, with_net};
use super::port::{CLogger, nsw_allocator, nsw_logger};
use super::qnet::calibration;
use super::qnet_compare::places;
use super::qnet_rows::{Rows, convert, run, run_rows};
use super::slices::{Output, bytes_of, input};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::nn::{Calibration, Net, QNet16, QNet16Config, Rounding, Scheme};

/// What to quantise to int16 values. NSW_QNET16_CONFIG_INIT, then `net`, `samples`
/// and `samples_len`. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_qnet16_config {
    /// sizeof(nsw_qnet16_config); NSW_QNET16_CONFIG_INIT sets it.
    pub size: u32,
    /// NSW_SCHEME_INT16X8 or NSW_SCHEME_INT16; 0 for NSW_SCHEME_INT16X8.
    pub scheme: u32,
    /// The trained network; it stays as it is, but it runs the samples.
    pub net: *mut nsw_net,
    /// Calibration samples, rows of the network's inputs: they should look like
    /// what the network will meet. A few hundred are enough.
    pub samples: *const f32,
    /// Number of values (not rows) in `samples`.
    pub samples_len: usize,
    /// Told about refusals and about what looks wrong; may be NULL.
    pub logger: *const nsw_logger,
    /// How the ranges of values follow from the samples: NSW_CALIBRATION_MIN_MAX or
    /// NSW_CALIBRATION_PERCENTILE.
    pub calibration: u32,
    /// As in nsw_qnet_config.
    pub percentile: f32,
    /// How sums become int16 values, an NSW_ROUNDING_ constant; the model
    /// remembers it.
    pub rounding: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_qnet16_config {
    const LEAST: usize = size_of::<nsw_qnet16_config>();
}

impl nsw_qnet16_config {
    /// Scheme, calibration and rounding as asked for.
    fn settings(&self) -> Result<(Scheme, Calibration, Rounding)> {
        if self.reserved != 0 {
            return Err(Error::Invalid);
        }
        let rounding = Rounding::from_code(self.rounding).ok_or(Error::Invalid)?;
        let scheme = match self.scheme {
            0 => Scheme::Int16x8,
            code => Scheme::from_code(code).ok_or(Error::Invalid)?,
        };
        Ok((scheme, calibration(self.calibration, self.percentile)?, rounding))
    }
}

/// What a network of int16 values is. NSW_QNET16_INFO_INIT before it is filled. A
/// real value is scale * q.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_qnet16_info {
    /// sizeof(nsw_qnet16_info); NSW_QNET16_INFO_INIT sets it.
    pub size: u32,
    /// Values in a sample.
    pub inputs: u32,
    /// Values in a result.
    pub outputs: u32,
    /// Number of layers.
    pub layers: u32,
    /// Bytes of the model, as nsw_qnet16_save writes it.
    pub model_size: usize,
    /// Step of the input values.
    pub input_scale: f32,
    /// Step of the output values.
    pub output_scale: f32,
    /// NSW_SCHEME_INT16X8 or NSW_SCHEME_INT16.
    pub scheme: u32,
    /// The kernels it runs on, an NSW_KERNEL_ constant, never NSW_KERNEL_AUTO.
    pub kernel: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_qnet16_info {
    const LEAST: usize = size_of::<nsw_qnet16_info>();
}

/// A network of int16 values, quantised after training, following the 16x8
/// scheme of the TFLite specification: values symmetric with one scale for each
/// layer, weights symmetric with one scale for each unit, int8
/// (NSW_SCHEME_INT16X8) or int16 (NSW_SCHEME_INT16), biases and sums of 64 bits.
/// Activations other than linear and ReLU are tables with straight lines between
/// their points.
///
/// It gives the same bits on every machine and every kernel. One thread at a
/// time; functions that take a const pointer may run side by side.
pub struct nsw_qnet16 {
    _opaque: [u8; 0],
}

impl Object for QNet16<'static> {
    type C = nsw_qnet16;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsw6");
}

impl Rows for QNet16<'static> {
    fn widths(&self) -> (usize, usize) {
        (self.inputs(), self.outputs())
    }
}

/// Calls `f` with the caller's configuration, whose network is to itself.
unsafe fn with_config<R>(
    config: *const nsw_qnet16_config,
    f: impl FnOnce(&mut QNet16Config<'_, 'static>) -> Result<R>,
) -> Result<R> {
    // SAFETY: NULL or a configuration, as the callers document; the same for
    // what it points to.
    unsafe {
        let config = structs::read(config)?;
        let logger = CLogger::new(config.logger)?;
        let samples = input(config.samples, config.samples_len)?;
        with_mut::<Net<'static>, R>(config.net, |net| {
            let logger = CLogger::as_dyn(&logger);
            let (scheme, calibration, rounding) = config.settings()?;
            f(&mut QNet16Config { net, samples, scheme, calibration, rounding, logger })
        })
    }
}

/// The memory of the quantised copy.
unsafe fn config_footprint(config: *const nsw_qnet16_config) -> Result<core::alloc::Layout> {
    // SAFETY: as above.
    unsafe {
        let config = structs::read(config)?;
        let (scheme, calibration, _) = config.settings()?;
        with_net(config.net, |net| QNet16::footprint_for(net, scheme, calibration))
    }
}

/// The memory that the quantised copy of a network takes: the one block that
/// nsw_qnet16_create asks for, in bytes. The samples do not matter here.
/// NSW_CALIBRATION_PERCENTILE takes 8 KiB for the input and 16 KiB for each layer.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, those of a bad handle for the
/// network, NSW_ERR_INVALID for an unknown constant, NSW_SCHEME_INT8 or a
/// percentage out of range, NSW_ERR_UNSUPPORTED for layers whose units differ in
/// activation or steepness (sparse layers get weights of 0), NSW_ERR_OVERFLOW for a model of
/// more than 4 GiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_footprint(
    config: *const nsw_qnet16_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<QNet16<'static>>(size, align, || config_footprint(config)) }
}

/// Quantises a trained network in one block of `memory` (NULL: the system's
/// heap). The caller owns `*qnet` and ends it with nsw_qnet16_destroy.
///
/// Errors: those of nsw_qnet16_footprint, NSW_ERR_LENGTH for no samples or no
/// whole rows, NSW_ERR_NN_NOT_FINITE for NaN or infinity in the samples or in a
/// layer, NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR.
/// `*qnet` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_create(
    config: *const nsw_qnet16_config,
    memory: *const nsw_allocator,
    qnet: *mut *mut nsw_qnet16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<QNet16<'static>>(
            memory,
            qnet,
            || config_footprint(config),
            |piece| with_config(config, |config| QNet16::in_piece(config, piece)),
        )
    }
}

/// Destroys a network of int16 values and gives its block back. NULL is fine, and so is
/// an already destroyed one whose memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_destroy(qnet: *mut nsw_qnet16) {
    // SAFETY: NULL or a network of int16 values, by the documentation above.
    unsafe { handle::destroy::<QNet16<'static>>(qnet) };
}

/// The memory that nsw_qnet16_load takes for this int16 model of `len` bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_MODEL_ codes. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_load_footprint(
    model: *const u8,
    len: usize,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<QNet16<'static>>(size, align, || {
            QNet16::load_footprint(input(model, len)?)
        })
    }
}

/// Makes a network of int16 values from a model (nsw_qnet16_save) of `len` bytes,
/// which are copied: they need no alignment and may go away after the call.
///
/// Errors: those of nsw_qnet16_load_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*qnet` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_load(
    model: *const u8,
    len: usize,
    memory: *const nsw_allocator,
    qnet: *mut *mut nsw_qnet16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<QNet16<'static>, _>(
            memory,
            qnet,
            || QNet16::check_load(input(model, len)?),
            |piece, model| QNet16::load_in_piece(&model, piece),
        )
    }
}

/// The memory that nsw_qnet16_view takes for this int16 model of `len` bytes:
/// without the model.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_ALIGNMENT, NSW_ERR_MODEL_ codes. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_view_footprint(
    model: *const u8,
    len: usize,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<QNet16<'static>>(size, align, || {
            QNet16::view_footprint(input(model, len)?)
        })
    }
}

/// Makes a network of int16 values that reads its model where it is, in flash
/// for example: `model` must be aligned to NSW_MODEL_ALIGN and stay as it is until
/// the network is destroyed. Needs integer arithmetic alone.
///
/// Errors: those of nsw_qnet16_view_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*qnet` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_view(
    model: *const u8,
    len: usize,
    memory: *const nsw_allocator,
    qnet: *mut *mut nsw_qnet16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above; the
    // caller keeps the model alive.
    unsafe {
        handle::create_from::<QNet16<'static>, _>(
            memory,
            qnet,
            || QNet16::check_view(input(model, len)?),
            |piece, model| QNet16::view_in_piece(&model, piece),
        )
    }
}

/// Writes the network as an int16 model: at most `cap` bytes to `buf`, the
/// length to `*len` (which may be NULL). With `buf` NULL and `cap` 0 it only
/// tells the length, and answers NSW_ERR_BUFFER_TOO_SMALL.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID if `buf` lies in
/// the model that the network views, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is
/// needed, and nothing is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_save(
    qnet: *const nsw_qnet16,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<QNet16<'static>>(qnet, |qnet| {
            let model = qnet.model();
            output.take(model.len(), &bytes_of(model))?.copy_from_slice(model);
            Ok(())
        })
    }
}

/// Fills `*info`, whose `size` the caller has set (NSW_QNET16_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_describe(
    qnet: *const nsw_qnet16,
    info: *mut nsw_qnet16_info,
) -> nsw_status {
    let describe = |qnet: &QNet16<'static>| {
        let filled = nsw_qnet16_info {
            size: 0,
            inputs: qnet.inputs() as u32,
            outputs: qnet.outputs() as u32,
            layers: qnet.layers() as u32,
            model_size: qnet.model().len(),
            input_scale: qnet.input_quantization().scale,
            output_scale: qnet.output_quantization().scale,
            scheme: qnet.scheme().code(),
            kernel: qnet.kernel().code(),
        };
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { structs::write(info, &filled) }
    };
    // SAFETY: NULL or a network of int16 values, by the documentation above.
    unsafe { call_ref::<QNet16<'static>>(qnet, describe) }
}

/// Makes the network run on other kernels, an NSW_KERNEL_ constant. The result
/// stays the same bit for bit.
///
/// Errors: those of a bad handle, NSW_ERR_INVALID for an unknown constant,
/// NSW_ERR_UNSUPPORTED if this machine does not have them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_set_kernel(qnet: *mut nsw_qnet16, kernel: u32) -> nsw_status {
    // SAFETY: NULL or a network of int16 values, by the documentation above.
    unsafe { call_mut::<QNet16<'static>>(qnet, |qnet| qnet.set_kernel(self::kernel(kernel)?)) }
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
pub unsafe extern "C" fn nsw_qnet16_forward_i16(
    qnet: *mut nsw_qnet16,
    input: *const i16,
    input_len: usize,
    output: *mut i16,
    output_cap: usize,
    output_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: output, capacity: output_cap, len: output_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { run(qnet, (input, input_len), output, QNet16::<'static>::forward_i16) }
}

/// Runs any number of samples on quantised values: `inputs` holds rows of
/// inputs, a row of outputs for each goes to `outputs` (at most `outputs_cap`
/// values), the number of values to `*outputs_len` (which may be NULL). The two
/// may not overlap. The result is that of nsw_qnet16_forward_i16 on each.
///
/// Errors: those of nsw_qnet16_forward_i16, NSW_ERR_LENGTH for no whole rows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_forward_i16_batch(
    qnet: *mut nsw_qnet16,
    inputs: *const i16,
    inputs_len: usize,
    outputs: *mut i16,
    outputs_cap: usize,
    outputs_len: *mut usize,
) -> nsw_status {
    let outputs = Output { pointer: outputs, capacity: outputs_cap, len: outputs_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { run_rows(qnet, (inputs, inputs_len), outputs, QNet16::<'static>::forward_i16_batch) }
}

/// Runs any number of samples on real values: as nsw_qnet16_forward_i16_batch with
/// nsw_qnet16_forward.
///
/// Errors: those of nsw_qnet16_forward_i16_batch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_forward_batch(
    qnet: *mut nsw_qnet16,
    inputs: *const f32,
    inputs_len: usize,
    outputs: *mut f32,
    outputs_cap: usize,
    outputs_len: *mut usize,
) -> nsw_status {
    let outputs = Output { pointer: outputs, capacity: outputs_cap, len: outputs_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { run_rows(qnet, (inputs, inputs_len), outputs, QNet16::<'static>::forward_batch) }
}

/// Runs one sample on real values: quantises, runs, dequantises. Otherwise as
/// nsw_qnet16_forward_i16; NaN counts as 0, values outside the range of the
/// calibration samples as its ends.
///
/// Errors: those of nsw_qnet16_forward_i16.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_forward(
    qnet: *mut nsw_qnet16,
    input: *const f32,
    input_len: usize,
    output: *mut f32,
    output_cap: usize,
    output_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: output, capacity: output_cap, len: output_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { run(qnet, (input, input_len), output, QNet16::<'static>::forward) }
}

/// Quantises `values_len` real values the way the network's input is, to `out`
/// (at most `out_cap`), their number to `*out_len` (which may be NULL): to the
/// nearest value, halves away from zero, what is outside the range to its ends,
/// NaN to 0. Any number of values.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for overlapping
/// buffers, NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_quantize_input(
    qnet: *const nsw_qnet16,
    values: *const f32,
    values_len: usize,
    out: *mut i16,
    out_cap: usize,
    out_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<QNet16<'static>>(qnet, |qnet| {
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
pub unsafe extern "C" fn nsw_qnet16_dequantize_output(
    qnet: *const nsw_qnet16,
    values: *const i16,
    values_len: usize,
    out: *mut f32,
    out_cap: usize,
    out_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<QNet16<'static>>(qnet, |qnet| {
            let quantization = qnet.output_quantization();
            convert((values, values_len), output, |q| quantization.dequantize(q))
        })
    }
}

/// As nsw_qnet_compare: how far each layer's outputs are from those of a float
/// network of the same shape, four numbers a layer.
///
/// Errors: those of nsw_qnet_compare.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_qnet16_compare(
    qnet: *mut nsw_qnet16,
    samples: *const f32,
    samples_len: usize,
    net: *mut nsw_net,
    errors: *mut f64,
    errors_cap: usize,
    errors_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: errors, capacity: errors_cap, len: errors_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<QNet16<'static>>(qnet, |qnet| {
            with_mut::<Net<'static>, _>(net, |net| {
                let samples = input(samples, samples_len)?;
                let errors = places(output, qnet.layers(), samples)?;
                qnet.compare(net, samples, errors)
            })
        })
    }
}
