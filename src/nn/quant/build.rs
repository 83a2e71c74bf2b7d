//! From a trained float32 network and samples to an int8 model.

use core::alloc::Layout;

use super::calibrate::{Calibration, Ranges, Spans};
use super::qnet::{Parts, QNet, Sizes};
use super::requant::{Multiplier, Rounding};
use super::{Image, Quantization};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::nn::format::int8::{self, Layer};
use crate::nn::net::Body;
use crate::nn::shape::{Dense, MAX_WIDTH, Shape};
use crate::nn::{Activation, MODEL_ALIGN, Net, Topology};
use crate::port::{Level, Line, Logger};

/// What to quantise.
pub struct QNetConfig<'a, 'n> {
    /// The trained network; unchanged, but it runs the samples.
    pub net: &'a mut Net<'n>,
    /// Calibration samples, rows of the net's inputs.
    pub samples: &'a [f32],
    /// How many samples [`QNet::forward_i8_batch`] runs at once; 1 for one
    /// after the other. Costs memory for the values between layers, and from 4
    /// on for a packed copy of the weights where the machine's kernels gain by it.
    /// A network with shortcuts runs one after the other whatever it says.
    pub batch: usize,
    /// How sums become int8 values. The model remembers it.
    pub rounding: Rounding,
    /// How the ranges of values follow from the samples.
    pub calibration: Calibration,
    /// Told about refusals and about what looks wrong.
    pub logger: Option<&'a dyn Logger>,
}

impl<'a, 'n> QNetConfig<'a, 'n> {
    /// Of this network and these samples; otherwise with the defaults.
    pub fn new(net: &'a mut Net<'n>, samples: &'a [f32]) -> QNetConfig<'a, 'n> {
        let (rounding, calibration) = (Rounding::Single, Calibration::MinMax);
        QNetConfig { net, samples, batch: 1, rounding, calibration, logger: None }
    }
}

/// Beyond these sums the int8 output of the function changes no more.
const TANH_SATURATED: f32 = 3.2;
const SIGMOID_SATURATED: f32 = 6.4;

struct Memory<'m> {
    words: Carved<'m, u32>,
    parts: Parts<'m>,
    ranges: Ranges<'m>,
}

/// One layer before calibration: enough for the sizes.
fn outline(dense: &Dense) -> Layer {
    Layer { inputs: dense.inputs, units: dense.units, activation: dense.activation, ..Layer::EMPTY }
}

fn carve<'m>(
    net: &Net<'_>,
    batch: usize,
    calibration: Calibration,
    carver: &mut Carver<'m>,
) -> Result<Memory<'m>> {
    // Sizes first: the model's length follows from the layers alone.
    let len = int8::plan(net.layers().iter().map(outline), |_, _| {})?;
    let mut sizes = Sizes::new(batch, net.shape().topology)?;
    for dense in net.layers() {
        sizes.add(outline(dense).dims())?;
    }
    Ok(Memory {
        words: carver.take(len / MODEL_ALIGN, 0u32)?,
        parts: Parts::carve(&sizes, carver)?,
        ranges: Ranges::carve(net.shape().layers, calibration, carver)?,
    })
}

/// Whether there are integers for it.
pub(super) fn check(net: &Net<'_>) -> Result<()> {
    let widest = net.layers().iter().map(Dense::inputs).max().unwrap_or(0);
    if net.shape().mixed || widest > MAX_WIDTH { Err(Error::Unsupported) } else { Ok(()) }
}

pub(super) fn footprint(net: &Net<'_>, batch: usize, calibration: Calibration) -> Result<Layout> {
    check(net)?;
    let mut carver = Carver::measure();
    carve(net, batch, calibration, &mut carver)?;
    carver.layout()
}

pub(super) fn in_piece<'m>(
    config: &mut QNetConfig<'_, '_>,
    mut piece: Piece<'m>,
) -> Result<QNet<'m>> {
    let (batch, calibration) = (config.batch, config.calibration);
    let needed = footprint(config.net, batch, calibration)?;
    let mut memory = carve(config.net, batch, calibration, &mut piece.carver(needed)?)?;
    let input = memory.ranges.see(config.net, config.samples, calibration, config.logger)?;
    let input = Quantization::of_range(input.low, input.high);

    let layers = &mut memory.parts.layers;
    let image: &mut [u8] = bytemuck::must_cast_slice_mut(&mut memory.words);
    let outlines = config.net.layers().iter().zip(&*memory.ranges.layers);
    let outlines = outlines.map(|(dense, span)| quantizations(outline(dense), *span));
    int8::plan(outlines, |i, layer| layers[i] = layer)?;
    let topology = config.net.shape().topology;
    for (i, (layer, dense)) in layers.iter().zip(config.net.layers()).enumerate() {
        let source = |source| match before(topology, &layers[..i], |layer| layer.inputs, source) {
            None => input,
            Some(before) => layers[before].outputs.into(),
        };
        let clipped = fill(image, layer, source, (config.net.body(), dense));
        let silent = f32::from_bits(layer.sums.scale) == 1.0 && layer.sums.zero_point == 0;
        warn(config.logger, i, clipped, silent);
    }
    Line::new("quantised ")
        .number(config.net.shape().parameters)
        .text(" parameters to a model of ")
        .number(image.len())
        .text(" bytes")
        .send(config.logger, Level::Info);
    let shape = config.net.shape();
    let summary = int8::Summary {
        inputs: shape.inputs as u32,
        layers: shape.layers as u32,
        input: input.into(),
        rounding: config.rounding,
        topology,
        widest: widest(shape) as u32,
    };
    let image = bytemuck::must_cast_slice_mut(&mut memory.words);
    int8::seal(image, &summary, &memory.parts.layers);
    QNet::assemble(summary, Image::Own(memory.words), memory.parts, piece)
}

/// Which of the layers before gives a source its value; none: it is an input.
/// `inputs` tells a layer's, which with shortcuts are also the nodes before it.
pub(super) fn before<L>(
    topology: Topology,
    layers: &[L],
    inputs: impl Fn(&L) -> u32,
    source: usize,
) -> Option<usize> {
    let count = match topology {
        Topology::Layered => layers.len(),
        Topology::Shortcut => layers.partition_point(|layer| inputs(layer) as usize <= source),
    };
    count.checked_sub(1)
}

/// Values that a network holds at once.
pub(super) fn widest(shape: Shape) -> usize {
    match shape.topology {
        Topology::Layered => shape.widest.max(shape.inputs),
        Topology::Shortcut => shape.nodes(),
    }
}

/// Says what looks wrong with a layer: numbers that did not fit, nothing but zero.
pub(super) fn warn(logger: Option<&dyn Logger>, layer: usize, clipped: usize, silent: bool) {
    if clipped > 0 {
        Line::new("layer ")
            .number(layer)
            .text(": ")
            .number(clipped)
            .text(" biases or weights are too large and were clipped")
            .send(logger, Level::Warn);
    }
    if silent {
        Line::new("layer ")
            .number(layer)
            .text(" gave nothing but zero on the calibration samples")
            .send(logger, Level::Warn);
    }
}

/// How a layer's sums and outputs are quantised.
fn quantizations(layer: Layer, Spans { sums: span, outputs }: Spans) -> Layer {
    let within = |limit: f32| Quantization::of_range(span.low.max(-limit), span.high.min(limit));
    let whole = Quantization::of_range(span.low, span.high);
    let probability = Quantization { scale: 1.0 / 256.0, zero_point: -128 };
    let (sums, outputs) = match layer.activation {
        Activation::Linear => (whole, whole),
        Activation::Relu => {
            let positive = Quantization::of_range(0.0, outputs.high);
            (positive, positive)
        }
        Activation::Tanh => {
            (within(TANH_SATURATED), Quantization { scale: 1.0 / 128.0, zero_point: 0 })
        }
        Activation::Sigmoid => (within(SIGMOID_SATURATED), probability),
        Activation::Softmax => (whole, probability),
        _ => (whole, Quantization::of_range(outputs.low, outputs.high)),
    };
    let low = if layer.activation == Activation::Relu { sums.zero_point } else { -128 };
    Layer { sums: sums.into(), outputs: outputs.into(), clamp: (low, 127), ..layer }
}

/// Shows each of a unit's weights, with its source counted from the layer's first.
pub(super) fn each_weight(
    (body, dense): (&Body<'_>, &Dense),
    unit: usize,
    mut each: impl FnMut(usize, f32),
) {
    let real = &dense.of(body.parameters()).0[body.weights_of(dense, unit)];
    match dense.links {
        None => real.iter().enumerate().for_each(|(source, w)| each(source, *w)),
        Some(_) => body.row(dense, unit).1.zip(real).for_each(|(source, w)| each(source, *w)),
    }
}

/// Fills a layer's sections; returns how many numbers did not fit. `sources` says
/// how each source's values are quantised.
fn fill(
    image: &mut [u8],
    layer: &Layer,
    sources: impl Fn(usize) -> Quantization,
    (body, dense): (&Body<'_>, &Dense),
) -> usize {
    let [to_weights, to_biases, factors, shifts, table] = layer.sections_mut(image);
    let rows = to_weights.chunks_exact_mut(layer.inputs as usize);
    let numbers = to_biases.as_chunks_mut().0.iter_mut().zip(factors.as_chunks_mut().0).zip(shifts);
    let steepness = dense.steepness;
    let sums = Quantization::from(layer.sums);
    // Sources of other scales have theirs in their weights.
    let input = (0..dense.inputs()).fold(0f32, |most, source| most.max(sources(source).scale));
    let mut clipped = 0;
    let ends = rows.zip(numbers).zip(dense.of(body.parameters()).1).enumerate();
    for (unit, ((row, ((bias, factor), shift)), real_bias)) in ends {
        // Of weights that the steepness is part of.
        let weight = |w: f32, from: &Quantization| {
            f64::from(steepness * w) * (f64::from(from.scale) / f64::from(input))
        };
        let mut largest = 0f64;
        each_weight((body, dense), unit, |source, w| {
            largest = largest.max(weight(w, &sources(source)).abs());
        });
        let limits = (127.0, f64::from(1u32 << 30));
        let real_bias = f64::from(steepness * real_bias);
        let scale = unit_scale((largest, real_bias), (input, sums.scale), limits);
        let mut zero_points = 0i64;
        // What a sparse layer does not connect has weight 0.
        each_weight((body, dense), unit, |source, w| {
            let from = sources(source);
            let q = libm::round(weight(w, &from) / scale).clamp(-127.0, 127.0) as i8;
            // Files may name a source twice.
            let sum = i16::from(row[source] as i8) + i16::from(q);
            let fitting = sum.clamp(-127, 127);
            clipped += usize::from(fitting != sum);
            let more = i64::from(fitting) - i64::from(row[source] as i8);
            zero_points += i64::from(from.zero_point) * more;
            row[source] = fitting as i8 as u8;
        });
        let own = libm::round(real_bias / (f64::from(input) * scale)) as i64;
        let folded = own.saturating_sub(zero_points);
        let fitting = folded.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        clipped += usize::from(fitting != folded);
        *bias = (fitting as i32).to_le_bytes();
        let multiplier = Multiplier::of(f64::from(input) * scale / f64::from(sums.scale));
        *factor = multiplier.factor.to_le_bytes();
        *shift = multiplier.shift as u8;
    }
    fill_table(table, layer.activation, sums, layer.outputs.into());
    clipped
}

/// The scale of a unit's weights: the largest becomes the largest integer. Where
/// the weights are tiny beside the bias, the scale is as large as the bias needs
/// to stay within its own largest integer.
pub(super) fn unit_scale(
    (weight, bias): (f64, f64),
    (input, sums): (f32, f32),
    (largest_weight, largest_bias): (f64, f64),
) -> f64 {
    let for_bias = bias.abs() / (f64::from(input) * largest_bias);
    let scale = (weight / largest_weight).max(for_bias);
    // A unit of zeros: any scale will do.
    if scale > 0.0 { scale } else { f64::from(sums) / f64::from(input) }
}

fn fill_table(table: &mut [u8], activation: Activation, sums: Quantization, outputs: Quantization) {
    if activation == Activation::Softmax {
        for (d, entry) in table.as_chunks_mut().0.iter_mut().enumerate() {
            let e = libm::exp(-f64::from(sums.scale) * d as f64);
            *entry = (libm::round(65_535.0 * e) as u16).to_le_bytes();
        }
        return;
    }
    for (entry, q) in table.iter_mut().zip(-128i8..=127) {
        let x = sums.dequantize(q);
        *entry = outputs.quantize(activation.value(x)) as u8;
    }
}
