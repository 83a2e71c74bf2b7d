//! Float32 networks.

use super::handle::{self, Object, call_mut, call_ref, with_ref};
use super::port::{CLogger, nsw_allocator, nsw_logger};
use super::slices::{Output, bytes_of, input};
use super::status::nsw_status;
use super::structs::{self, Array, Versioned};
use super::version::NSW_ABI_VERSION;
use crate::error::{Error, Result};
use crate::nn::{Activation, Init, Kernel, Layer, Layers, Net, NetConfig, Topology};
use crate::port::{Level, Line, Logger};

/// Initial weights: He for ReLU, Xavier for the others.
pub const NSW_INIT_AUTO: u32 = 0;
/// Initial weights uniform in +-sqrt(6 / (inputs + units)) (Glorot & Bengio 2010).
pub const NSW_INIT_XAVIER: u32 = 1;
/// Initial weights uniform in +-sqrt(6 / inputs) (He et al. 2015).
pub const NSW_INIT_HE: u32 = 2;

/// Units get their values from the layer before.
pub const NSW_TOPOLOGY_LAYERED: u32 = 0;
/// Units get their values from all inputs and all layers before, as cascade
/// training builds networks (Fahlman & Lebiere 1990).
pub const NSW_TOPOLOGY_SHORTCUT: u32 = 1;

/// Kernels: the best that this machine has.
pub const NSW_KERNEL_AUTO: u32 = 0;
/// Kernels in plain code, on every machine. They define the result.
pub const NSW_KERNEL_PORTABLE: u32 = 1;
/// Kernels with AVX2 and FMA (x86-64).
pub const NSW_KERNEL_AVX2: u32 = 2;
/// Kernels with NEON (AArch64).
pub const NSW_KERNEL_NEON: u32 = 3;
/// Kernels with AVX-512 F, BW, DQ, VL and VNNI (x86-64).
pub const NSW_KERNEL_AVX512: u32 = 4;
/// Kernels with NEON and its dot product instructions (AArch64).
pub const NSW_KERNEL_NEON_DOT: u32 = 5;
/// Integer kernels with the DSP extension of Cortex-M (feature cortex-m-dsp).
pub const NSW_KERNEL_DSP: u32 = 6;

/// What the address of a model must be a multiple of to be read in place.
pub const NSW_MODEL_ALIGN: u32 = 4;

const _: () = assert!(NSW_MODEL_ALIGN as usize == crate::nn::MODEL_ALIGN && NSW_ABI_VERSION == 0);

/// One layer. NSW_LAYER(units, activation) initialises one.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_layer {
    /// sizeof(nsw_layer), the same in every element of an array.
    pub size: u32,
    /// Number of units (outputs), 1 to 65535.
    pub units: u32,
    /// An NSW_ACTIVATION_ constant.
    pub activation: u32,
    /// An NSW_INIT_ constant.
    pub init: u32,
    /// What the sums are multiplied by before the activation, above 0; 0 means 1.
    pub steepness: f32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_layer {
    const LEAST: usize = core::mem::offset_of!(nsw_layer, init);
}

/// What a new network is to be. NSW_NET_CONFIG_INIT, then at least `inputs`,
/// `layers` and `layer_count`. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_net_config {
    /// sizeof(nsw_net_config); NSW_NET_CONFIG_INIT sets it.
    pub size: u32,
    /// Values in a sample, 1 to 65535.
    pub inputs: u32,
    /// The layers from first to last.
    pub layers: *const nsw_layer,
    /// Number of layers, 1 to 65535.
    pub layer_count: usize,
    /// Told why a configuration is refused; may be NULL.
    pub logger: *const nsw_logger,
    /// Where the initial weights come from, and the connections of sparse
    /// networks: the same seed gives the same network on every machine.
    pub seed: u64,
    /// How many samples nsw_net_forward_batch takes at once; 0 means 1. Costs
    /// memory for two rows of the widest layer each.
    pub batch: u32,
    /// An NSW_TOPOLOGY_ constant.
    pub topology: u32,
    /// The part of all possible connections that is made, above 0, at most 1;
    /// 0 means 1. Below 1 the network is sparse: each unit keeps its bias and
    /// at least one source, each source at least one unit.
    pub connection_rate: f32,
    /// Not 0: each unit may get an activation and a steepness of its own
    /// (nsw_net_set_unit_style); costs 8 bytes a unit.
    pub unit_styles: u32,
    /// Not 0: it has scaling parameters for inputs and outputs; costs 16 bytes
    /// for each.
    pub scaling: u32,
    /// How many units nsw_net_grow can add, for shortcut networks that are not
    /// sparse. Each costs its connections.
    pub spare_units: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_net_config {
    const LEAST: usize = core::mem::offset_of!(nsw_net_config, logger);
}

/// What a network is. NSW_NET_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_net_info {
    /// sizeof(nsw_net_info); NSW_NET_INFO_INIT sets it.
    pub size: u32,
    /// Values in a sample.
    pub inputs: u32,
    /// Values in a result.
    pub outputs: u32,
    /// Number of layers.
    pub layers: u32,
    /// Weights and biases together.
    pub parameters: usize,
    /// The kernels it runs on, an NSW_KERNEL_ constant, never NSW_KERNEL_AUTO.
    pub kernel: u32,
    /// 1 if it reads its parameters in place and so cannot be trained, else 0.
    pub read_only: u32,
    /// An NSW_TOPOLOGY_ constant.
    pub topology: u32,
    /// How many units nsw_net_grow can add still.
    pub spare_units: u32,
    /// 1 if it runs with libfann's arithmetic (nsw_net_set_exact), else 0.
    pub exact: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_net_info {
    const LEAST: usize = core::mem::offset_of!(nsw_net_info, parameters);
}

/// A network in float32. One thread at a time; functions that
/// take a const pointer may run side by side.
pub struct nsw_net {
    _opaque: [u8; 0],
}

impl Object for Net<'static> {
    type C = nsw_net;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswN");
}

/// The caller's array of layers.
#[derive(Clone, Copy)]
struct CLayers {
    all: Array<nsw_layer>,
    count: usize,
}

impl CLayers {
    /// Checks every layer, so that none can fail later.
    ///
    /// # Safety
    /// `first` is NULL, or an array of `count` layers that stays valid.
    unsafe fn new(
        first: *const nsw_layer,
        count: usize,
        logger: Option<&dyn Logger>,
    ) -> Result<CLayers> {
        if count == 0 || count > 65_535 {
            Line::new("a network has 1 to 65535 layers, not ")
                .number(count)
                .send(logger, Level::Error);
            return Err(Error::NnShape);
        }
        // SAFETY: the caller's word.
        let layers = CLayers { all: unsafe { Array::new(first, count) }?, count };
        for i in 0..count {
            let checked = layers.at(i).and_then(|layer| decode(&layer).map(|_| ()));
            if let Err(error) = checked {
                let line = Line::new("layer ").number(i).text(": ").text(error.message());
                line.send(logger, Level::Error);
                return Err(error);
            }
        }
        Ok(layers)
    }

    fn at(&self, index: usize) -> Result<nsw_layer> {
        self.all.at(index)
    }
}

impl Layers for CLayers {
    fn count(&self) -> usize {
        self.count
    }

    fn layer(&self, index: usize) -> Layer {
        // All were read and decoded before; a caller that changes them meanwhile gets no layer.
        let layer = self.at(index).and_then(|layer| decode(&layer));
        layer.unwrap_or(Layer::new(0, Activation::Linear))
    }
}

fn decode(layer: &nsw_layer) -> Result<Layer> {
    Ok(Layer {
        units: layer.units as usize,
        activation: Activation::from_code(layer.activation).ok_or(Error::Invalid)?,
        steepness: if layer.steepness == 0.0 { 1.0 } else { layer.steepness },
        init: Init::from_code(layer.init).ok_or(Error::Invalid)?,
    })
}

/// Calls `f` with the caller's configuration.
unsafe fn with_config<R>(
    config: *const nsw_net_config,
    f: impl FnOnce(&NetConfig<'_, CLayers>) -> Result<R>,
) -> Result<R> {
    // SAFETY: NULL or a configuration, as the callers document; the same for
    // what it points to.
    unsafe {
        let config = structs::read(config)?;
        let logger = CLogger::new(config.logger)?;
        f(&NetConfig {
            inputs: config.inputs as usize,
            layers: CLayers::new(config.layers, config.layer_count, CLogger::as_dyn(&logger))?,
            seed: config.seed,
            batch: config.batch.max(1) as usize,
            topology: Topology::from_code(config.topology).ok_or(Error::Invalid)?,
            connection_rate: match config.connection_rate {
                0.0 => 1.0,
                rate => rate,
            },
            unit_styles: config.unit_styles != 0,
            scaling: config.scaling != 0,
            spare_units: config.spare_units as usize,
            logger: CLogger::as_dyn(&logger),
        })
    }
}

/// The memory that a network of this configuration takes: the one block that
/// nsw_net_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for an unknown
/// constant, NSW_ERR_NN_SHAPE, NSW_ERR_OVERFLOW. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_footprint(
    config: *const nsw_net_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Net<'static>>(size, align, || with_config(config, Net::footprint))
    }
}

/// Makes a network with fresh weights in one block of `memory` (NULL: the
/// system's heap). The caller owns `*net` and ends it with nsw_net_destroy.
///
/// Errors: those of nsw_net_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*net` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_create(
    config: *const nsw_net_config,
    memory: *const nsw_allocator,
    net: *mut *mut nsw_net,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<Net<'static>>(
            memory,
            net,
            || with_config(config, Net::footprint),
            |piece| with_config(config, |c| Net::in_piece(c, piece)),
        )
    }
}

/// Destroys a network and gives its block back. NULL is fine, and so is an
/// already destroyed one whose memory can still be read. Inside a hook of a
/// call on the network it does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_destroy(net: *mut nsw_net) {
    // SAFETY: NULL or a network, by the documentation above.
    unsafe { handle::destroy::<Net<'static>>(net) };
}

/// The memory that nsw_net_load takes for this float32 model of `len` bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_MODEL_ codes. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_load_footprint(
    model: *const u8,
    len: usize,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Net<'static>>(size, align, || Net::load_footprint(input(model, len)?))
    }
}

/// Makes a network from a float32 model (nsw_net_save) of `len` bytes, which
/// are copied: they need no alignment and may go away after the call.
///
/// Errors: those of nsw_net_load_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*net` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_load(
    model: *const u8,
    len: usize,
    memory: *const nsw_allocator,
    net: *mut *mut nsw_net,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Net<'static>, _>(
            memory,
            net,
            || Net::check_load(input(model, len)?),
            |piece, model| Net::load_in_piece(&model, piece),
        )
    }
}

/// The memory that nsw_net_view takes for this float32 model of `len` bytes:
/// without the parameters.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_ALIGNMENT, NSW_ERR_MODEL_ codes. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_view_footprint(
    model: *const u8,
    len: usize,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Net<'static>>(size, align, || Net::view_footprint(input(model, len)?))
    }
}

/// Makes a network that reads its parameters where they are, in flash for
/// example: `model` must be aligned to NSW_MODEL_ALIGN and stay as it is until
/// the network is destroyed. It runs and can be saved; training it answers
/// NSW_ERR_READ_ONLY.
///
/// Errors: those of nsw_net_view_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*net` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_view(
    model: *const u8,
    len: usize,
    memory: *const nsw_allocator,
    net: *mut *mut nsw_net,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above; the
    // caller keeps the model alive.
    unsafe {
        handle::create_from::<Net<'static>, _>(
            memory,
            net,
            || Net::check_view(input(model, len)?),
            |piece, model| Net::view_in_piece(&model, piece),
        )
    }
}

/// Writes the network as a float32 model: at most `cap` bytes to `buf`, the
/// length to `*len` (which may be NULL). With `buf` NULL and `cap` 0 it only
/// tells the length, and answers NSW_ERR_BUFFER_TOO_SMALL.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_OVERFLOW for a model of
/// more than 4 GiB, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed, and
/// nothing is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_save(
    net: *const nsw_net,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Net<'static>>(net, |net| {
            let image = output.take(net.model_len()?, &bytes_of::<u8>(&[]))?;
            net.save(image).map(|_| ())
        })
    }
}

/// Fills `*info`, whose `size` the caller has set (NSW_NET_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_describe(
    net: *const nsw_net,
    info: *mut nsw_net_info,
) -> nsw_status {
    let describe = |net: &Net<'static>| {
        let shape = net.shape();
        let filled = nsw_net_info {
            size: 0,
            inputs: shape.inputs as u32,
            outputs: shape.outputs as u32,
            layers: shape.layers as u32,
            parameters: shape.parameters,
            kernel: net.kernel().code(),
            read_only: u32::from(net.is_read_only()),
            topology: shape.topology.code(),
            spare_units: net.spare_units() as u32,
            exact: u32::from(net.is_exact()),
            reserved: 0,
        };
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { structs::write(info, &filled) }
    };
    // SAFETY: NULL or a network, by the documentation above.
    unsafe { call_ref::<Net<'static>>(net, describe) }
}

/// Makes the network run on other kernels, an NSW_KERNEL_ constant, to compare
/// or to reproduce. Float results differ between kernels in rounding.
///
/// Errors: those of a bad handle, NSW_ERR_INVALID for an unknown constant,
/// NSW_ERR_UNSUPPORTED if this machine does not have them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_set_kernel(net: *mut nsw_net, kernel: u32) -> nsw_status {
    // SAFETY: NULL or a network, by the documentation above.
    unsafe { call_mut::<Net<'static>>(net, |net| net.set_kernel(self::kernel(kernel)?)) }
}

/// Makes the network run with libfann's arithmetic (`exact` not 0) or with the
/// fast one (0).
///
/// Exact: the outputs are those of libfann 2.2's fann_run (Debian's build for
/// x86-64) bit for bit, on every kernel and machine. Fast, the default but for
/// networks from nsw_net_load_fann: sums in the order that suits the kernel,
/// which differ from libfann's in rounding; and where libfann holds a unit's sum
/// times FANN's steepness s within +-150 / s (a linear output's too), it goes on.
/// Training has a setting of its own; cascade training holds the sums of an exact
/// network.
///
/// Errors: those of a bad handle, NSW_ERR_UNSUPPORTED if FANN does not have one
/// of the activations.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_set_exact(net: *mut nsw_net, exact: u32) -> nsw_status {
    // SAFETY: NULL or a network, by the documentation above.
    unsafe { call_mut::<Net<'static>>(net, |net| net.set_exact(exact != 0)) }
}

/// The kernel that a constant names.
pub(super) fn kernel(code: u32) -> Result<Kernel> {
    match code {
        NSW_KERNEL_AUTO => Ok(Kernel::best()),
        code => Kernel::from_code(code).ok_or(Error::Invalid),
    }
}

/// Runs one sample: `input` of exactly as many values as the network has
/// inputs; as many as it has outputs go to `output` (at most `output_cap`),
/// their number to `*output_len` (which may be NULL). The two may not overlap.
/// NaN or infinity in gives NaN or infinity out.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_LENGTH,
/// NSW_ERR_INVALID for overlapping buffers, NSW_ERR_BUFFER_TOO_SMALL:
/// `*output_len` is what is needed, and nothing is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_forward(
    net: *mut nsw_net,
    input: *const f32,
    input_len: usize,
    output: *mut f32,
    output_cap: usize,
    output_len: *mut usize,
) -> nsw_status {
    // SAFETY: what this function asks for is what that one asks for.
    unsafe { nsw_net_forward_batch(net, input, input_len, 1, output, output_cap, output_len) }
}

/// Runs `samples` samples: rows of inputs in (`inputs_len` values in all), rows
/// of outputs out. Otherwise as nsw_net_forward. No samples is fine.
///
/// Errors: those of nsw_net_forward.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_forward_batch(
    net: *mut nsw_net,
    inputs: *const f32,
    inputs_len: usize,
    samples: usize,
    outputs: *mut f32,
    outputs_cap: usize,
    outputs_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: outputs, capacity: outputs_cap, len: outputs_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Net<'static>>(net, |net| {
            let inputs = input(inputs, inputs_len)?;
            let needed = net.shape().outputs.checked_mul(samples).ok_or(Error::Overflow)?;
            if net.shape().inputs.checked_mul(samples) != Some(inputs.len()) {
                return Err(Error::Length);
            }
            let outputs = output.take(needed, &bytes_of(inputs))?;
            net.forward_batch(inputs, samples, outputs)
        })
    }
}

/// Calls `f` with the network behind a pointer of a configuration.
///
/// # Safety
/// `net` is NULL or a network.
pub(super) unsafe fn with_net<R>(
    net: *const nsw_net,
    f: impl FnOnce(&Net<'static>) -> Result<R>,
) -> Result<R> {
    // SAFETY: the caller's word.
    unsafe { with_ref::<Net<'static>, R>(net, f) }
}
