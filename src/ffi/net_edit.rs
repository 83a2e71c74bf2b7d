//! Looking into float32 networks and changing them: layers, connections,
//! weights, styles, copies, growth.

use super::handle::{self, call_mut, call_ref};
use super::net::{nsw_net, with_net};
use super::port::nsw_allocator;
use super::slices::{Output, bytes_of, input, put, tell};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::nn::{Activation, Connection, Init, Net, Randomize};

/// In the place of a node: the bias, whose value is always 1.
pub const NSW_NODE_BIAS: u32 = u32::MAX;

/// Draws weights as NSW_INIT_AUTO does; biases are 0.
pub const NSW_RANDOMIZE_AUTO: u32 = 0;
/// Draws weights as NSW_INIT_XAVIER does; biases are 0.
pub const NSW_RANDOMIZE_XAVIER: u32 = 1;
/// Draws weights as NSW_INIT_HE does; biases are 0.
pub const NSW_RANDOMIZE_HE: u32 = 2;
/// Draws weights and biases uniform in low..high.
pub const NSW_RANDOMIZE_UNIFORM: u32 = 3;
/// Draws weights after Nguyen & Widrow (1990): each hidden unit is active in a
/// part of its inputs' range, which comes from the samples. The last layer is
/// uniform in +-0.5.
pub const NSW_RANDOMIZE_NGUYEN_WIDROW: u32 = 4;

/// What a layer is. NSW_LAYER_INFO_INIT before it is filled. Nodes are counted
/// through: the inputs from 0, then the units layer by layer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_layer_info {
    /// sizeof(nsw_layer_info); NSW_LAYER_INFO_INIT sets it.
    pub size: u32,
    /// Number of units.
    pub units: u32,
    /// Node of its first unit.
    pub first_unit: u32,
    /// Node of its first source.
    pub first_source: u32,
    /// Number of sources.
    pub sources: u32,
    /// An NSW_ACTIVATION_ constant: of its units, unless they have their own.
    pub activation: u32,
    /// The steepness of its units, unless they have their own.
    pub steepness: f32,
    /// 1 if units have activations of their own, else 0.
    pub mixed: u32,
    /// 1 if not every unit has every source, else 0.
    pub sparse: u32,
    /// 0.
    pub reserved: u32,
    /// Number of weights, without biases: sources times units, if it is not
    /// sparse.
    pub weights: usize,
    /// Index of its first weight among all parameters; its biases follow its
    /// weights.
    pub first_parameter: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_layer_info {
    const LEAST: usize = core::mem::offset_of!(nsw_layer_info, activation);
}

/// One connection. NSW_CONNECTION_INIT before it is filled. Nodes are counted
/// through: the inputs from 0, then the units layer by layer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_connection {
    /// sizeof(nsw_connection); NSW_CONNECTION_INIT sets it.
    pub size: u32,
    /// The node that it comes from, NSW_NODE_BIAS for the bias.
    pub from: u32,
    /// The node that it goes to, a unit.
    pub to: u32,
    /// Its weight.
    pub weight: f32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_connection {
    const LEAST: usize = size_of::<nsw_connection>();
}

impl From<Connection> for nsw_connection {
    fn from(connection: Connection) -> nsw_connection {
        nsw_connection {
            size: 0,
            from: connection.from.map_or(NSW_NODE_BIAS, |node| node as u32),
            to: connection.to as u32,
            weight: connection.weight,
        }
    }
}

/// How to draw weights. NSW_RANDOMIZE_CONFIG_INIT, then `method` and what it
/// needs. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_randomize_config {
    /// sizeof(nsw_randomize_config); NSW_RANDOMIZE_CONFIG_INIT sets it.
    pub size: u32,
    /// An NSW_RANDOMIZE_ constant.
    pub method: u32,
    /// Where the numbers come from: the same seed gives the same weights on
    /// every machine.
    pub seed: u64,
    /// NSW_RANDOMIZE_UNIFORM: the smallest weight.
    pub low: f32,
    /// NSW_RANDOMIZE_UNIFORM: the largest weight.
    pub high: f32,
    /// NSW_RANDOMIZE_NGUYEN_WIDROW: samples, rows of the network's inputs.
    pub samples: *const f32,
    /// Number of values (not rows) in `samples`.
    pub samples_len: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_randomize_config {
    const LEAST: usize = core::mem::offset_of!(nsw_randomize_config, seed);
}

/// The node that a number names; `None` for the bias.
fn node(number: u32) -> Option<usize> {
    (number != NSW_NODE_BIAS).then_some(number as usize)
}

fn activation(code: u32) -> Result<Activation> {
    Activation::from_code(code).ok_or(Error::Invalid)
}

/// Fills `*info` with what the layer at `index` is (0: the first after the
/// inputs).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_INVALID for no such layer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_layer(
    net: *const nsw_net,
    index: u32,
    info: *mut nsw_layer_info,
) -> nsw_status {
    let describe = |net: &Net<'static>| {
        let layer = net.layer(index as usize)?;
        let filled = nsw_layer_info {
            size: 0,
            units: layer.units as u32,
            first_unit: layer.first_unit as u32,
            first_source: layer.first_source as u32,
            sources: layer.sources as u32,
            activation: layer.activation.code(),
            steepness: layer.steepness,
            mixed: u32::from(layer.mixed),
            sparse: u32::from(layer.sparse),
            reserved: 0,
            weights: layer.weights,
            first_parameter: layer.first_parameter,
        };
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { structs::write(info, &filled) }
    };
    // SAFETY: NULL or a network, by the documentation above.
    unsafe { call_ref::<Net<'static>>(net, describe) }
}

/// Copies all weights and biases to `weights` (at most `weights_cap`), their
/// number to `*weights_len` (which may be NULL): layer by layer the weights,
/// for each unit those of its sources in rising order, then the biases.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL:
/// `*weights_len` is what is needed, and nothing is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_get_weights(
    net: *const nsw_net,
    weights: *mut f32,
    weights_cap: usize,
    weights_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: weights, capacity: weights_cap, len: weights_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Net<'static>>(net, |net| {
            let from = net.weights();
            output.take(from.len(), &bytes_of::<f32>(&[]))?.copy_from_slice(from);
            Ok(())
        })
    }
}

/// Sets all weights and biases, in the order of nsw_net_get_weights.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_LENGTH for more or
/// fewer than the network has, NSW_ERR_NN_NOT_FINITE, NSW_ERR_READ_ONLY.
/// Nothing is changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_set_weights(
    net: *mut nsw_net,
    weights: *const f32,
    weights_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<Net<'static>>(net, |net| net.set_weights(input(weights, weights_len)?)) }
}

/// Fills `*connection` with the connection whose weight is the parameter at
/// `index`, in the order of nsw_net_get_weights.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_INVALID for no such parameter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_connection(
    net: *const nsw_net,
    index: usize,
    connection: *mut nsw_connection,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Net<'static>>(net, |net| {
            structs::write(connection, &net.connection(index)?.into())
        })
    }
}

/// Fills an array of connections from the one at `first` on, in the order of
/// nsw_net_get_weights: at most `connections_cap`, the number to
/// `*connections_len` (which may be NULL), which is less at the end and 0 behind
/// the last. The caller sets the `size` of the first element (as
/// NSW_CONNECTION_INIT does), which says how far apart all are; the others get
/// the same.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_OVERFLOW, NSW_ERR_INVALID for a `first` beyond the number of
/// parameters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_connections(
    net: *const nsw_net,
    first: usize,
    connections: *mut nsw_connection,
    connections_cap: usize,
    connections_len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Net<'static>>(net, |net| {
            let count = net.weights().len();
            if first > count {
                return Err(Error::Invalid);
            }
            tell(connections_len, 0)?;
            let values = (first..count).map_while(|index| Some(net.connection(index).ok()?.into()));
            tell(connections_len, structs::write_all(connections, connections_cap, values)?)
        })
    }
}

/// Writes the weight of the connection between two nodes (`from`
/// NSW_NODE_BIAS: the bias of `to`) to `*weight`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for no such
/// connection.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_get_weight(
    net: *const nsw_net,
    from: u32,
    to: u32,
    weight: *mut f32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Net<'static>>(net, |net| put(weight, net.weight(node(from), to as usize)?))
    }
}

/// Sets the weight of the connection between two nodes (`from` NSW_NODE_BIAS:
/// the bias of `to`).
///
/// Errors: those of a bad handle, NSW_ERR_INVALID for no such connection,
/// NSW_ERR_NN_NOT_FINITE, NSW_ERR_READ_ONLY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_set_weight(
    net: *mut nsw_net,
    from: u32,
    to: u32,
    weight: f32,
) -> nsw_status {
    // SAFETY: NULL or a network, by the documentation above.
    unsafe { call_mut::<Net<'static>>(net, |net| net.set_weight(node(from), to as usize, weight)) }
}

/// Sets activation (an NSW_ACTIVATION_ constant) and steepness (above 0) of all
/// units of the layer at `layer`.
///
/// Errors: those of a bad handle, NSW_ERR_INVALID for no such layer, an unknown
/// constant or another steepness, NSW_ERR_NN_SHAPE for softmax before the last
/// layer, NSW_ERR_READ_ONLY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_set_style(
    net: *mut nsw_net,
    layer: u32,
    activation: u32,
    steepness: f32,
) -> nsw_status {
    // SAFETY: NULL or a network, by the documentation above.
    unsafe {
        call_mut::<Net<'static>>(net, |net| {
            net.set_style(layer as usize, self::activation(activation)?, steepness)
        })
    }
}

/// Sets activation (an NSW_ACTIVATION_ constant) and steepness (above 0) of one
/// unit: the one at `unit` of the layer at `layer`.
///
/// Errors: those of nsw_net_set_style, NSW_ERR_UNSUPPORTED for a network made
/// without `unit_styles`, NSW_ERR_NN_SHAPE for softmax, which is for whole
/// layers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_set_unit_style(
    net: *mut nsw_net,
    layer: u32,
    unit: u32,
    activation: u32,
    steepness: f32,
) -> nsw_status {
    // SAFETY: NULL or a network, by the documentation above.
    unsafe {
        call_mut::<Net<'static>>(net, |net| {
            let activation = self::activation(activation)?;
            net.set_unit_style(layer as usize, unit as usize, activation, steepness)
        })
    }
}

/// Writes activation and steepness of the unit at `unit` of the layer at
/// `layer`; each of the two may be NULL.
///
/// Errors: those of a bad handle, NSW_ERR_INVALID for no such unit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_get_unit_style(
    net: *const nsw_net,
    layer: u32,
    unit: u32,
    activation: *mut u32,
    steepness: *mut f32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Net<'static>>(net, |net| {
            let style = net.unit_style(layer as usize, unit as usize)?;
            tell(activation, style.0.code())?;
            tell(steepness, style.1)
        })
    }
}

/// The memory that nsw_net_copy takes for this network.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_copy_footprint(
    net: *const nsw_net,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<Net<'static>>(size, align, || with_net(net, Net::copy_footprint)) }
}

/// Makes a network that is the same in one block of `memory` (NULL: the
/// system's heap), with parameters of its own, also of one that reads them in
/// place. The caller owns `*copy` and ends it with nsw_net_destroy.
///
/// Errors: those of nsw_net_copy_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*copy` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_copy(
    net: *const nsw_net,
    memory: *const nsw_allocator,
    copy: *mut *mut nsw_net,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<Net<'static>>(
            memory,
            copy,
            || with_net(net, Net::copy_footprint),
            |piece| with_net(net, |net| net.copy_in_piece(piece)),
        )
    }
}

/// Writes 1 to `*same` if two networks have the same nodes and connections,
/// else 0; weights and activations may differ.
///
/// Errors: those of a bad handle for both, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_same_shape(
    net: *const nsw_net,
    other: *const nsw_net,
    same: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Net<'static>>(net, |net| {
            put(same, u32::from(with_net(other, |other| Ok(net.same_shape(other)))?))
        })
    }
}

/// Writes the largest difference between a weight of one network and the same
/// weight of another to `*difference`: 0 if they are equal.
///
/// Errors: those of a bad handle for both, NSW_ERR_NULL, NSW_ERR_NN_MISMATCH
/// for networks of different shapes or activations.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_difference(
    net: *const nsw_net,
    other: *const nsw_net,
    difference: *mut f32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Net<'static>>(net, |net| {
            put(difference, with_net(other, |other| net.difference(other))?)
        })
    }
}

/// Draws all weights and biases anew.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_INVALID for an unknown method or a range that is none,
/// NSW_ERR_LENGTH for no samples or no whole rows, NSW_ERR_NN_NOT_FINITE,
/// NSW_ERR_READ_ONLY. Nothing is changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_randomize(
    net: *mut nsw_net,
    config: *const nsw_randomize_config,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Net<'static>>(net, |net| {
            let config = structs::read(config)?;
            let how = match config.method {
                NSW_RANDOMIZE_AUTO => Randomize::Init(Init::Auto),
                NSW_RANDOMIZE_XAVIER => Randomize::Init(Init::Xavier),
                NSW_RANDOMIZE_HE => Randomize::Init(Init::He),
                NSW_RANDOMIZE_UNIFORM => Randomize::Uniform(config.low, config.high),
                NSW_RANDOMIZE_NGUYEN_WIDROW => {
                    Randomize::NguyenWidrow(input(config.samples, config.samples_len)?)
                }
                _ => return Err(Error::Invalid),
            };
            net.randomize(how, config.seed)
        })
    }
}

/// Adds a unit to a shortcut network, as a layer of its own before the last
/// one. It gets values from all nodes but the outputs by the weights `incoming`
/// (in the order of the nodes) and `bias`, and gives its own to each output by
/// `outgoing`. Trainers made for the network before do not fit it any more.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CAPACITY when all
/// `spare_units` are used, NSW_ERR_LENGTH for other numbers of weights,
/// NSW_ERR_INVALID for an unknown activation, softmax, or a steepness that is
/// not above 0, NSW_ERR_NN_NOT_FINITE, NSW_ERR_READ_ONLY. The network is as
/// before then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_net_grow(
    net: *mut nsw_net,
    activation: u32,
    steepness: f32,
    incoming: *const f32,
    incoming_len: usize,
    bias: f32,
    outgoing: *const f32,
    outgoing_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Net<'static>>(net, |net| {
            let style = (self::activation(activation)?, steepness);
            let (incoming, outgoing) =
                (input(incoming, incoming_len)?, input(outgoing, outgoing_len)?);
            net.grow(style, (incoming, bias), outgoing)
        })
    }
}
