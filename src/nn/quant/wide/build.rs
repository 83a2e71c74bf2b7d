//! From a trained float32 network and samples to an int16 model.

use core::alloc::Layout;

use super::super::Image;
use super::super::build::{before, check, each_weight, unit_scale, warn, widest};
use super::super::calibrate::{Calibration, Ranges, Spans};
use super::super::requant::{MAX_WIDE_SHIFT, Multiplier, Rounding};
use super::{Parts, QNet16, Quantization16, Scheme, function};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::nn::format::int16::{self, Layer, MAX_BIAS};
use crate::nn::net::Body;
use crate::nn::shape::Dense;
use crate::nn::{Activation, MODEL_ALIGN, Net};
use crate::port::{Level, Line, Logger};

/// What to quantise to int16 values.
pub struct QNet16Config<'a, 'n> {
    /// The trained network; unchanged, but it runs the samples.
    pub net: &'a mut Net<'n>,
    /// Calibration samples, rows of the net's inputs.
    pub samples: &'a [f32],
    /// [`Scheme::Int16x8`] or [`Scheme::Int16`].
    pub scheme: Scheme,
    /// How the ranges of values follow from the samples: by
    /// [`MinMax`](Calibration::MinMax) or [`Percentile`](Calibration::Percentile).
    pub calibration: Calibration,
    /// How sums become int16 values. The model remembers it.
    pub rounding: Rounding,
    /// Told about refusals and about what looks wrong.
    pub logger: Option<&'a dyn Logger>,
}

impl<'a, 'n> QNet16Config<'a, 'n> {
    /// Of this network and these samples, by [`Scheme::Int16x8`]; otherwise with
    /// the defaults.
    pub fn new(net: &'a mut Net<'n>, samples: &'a [f32]) -> QNet16Config<'a, 'n> {
        let (calibration, rounding) = (Calibration::MinMax, Rounding::Single);
        QNet16Config { net, samples, scheme: Scheme::Int16x8, calibration, rounding, logger: None }
    }
}

/// Beyond these sums the int16 output of the function changes no more.
const TANH_SATURATED: f32 = 5.9;
const SIGMOID_SATURATED: f32 = 11.1;

struct Memory<'m> {
    words: Carved<'m, u32>,
    parts: Parts<'m>,
    ranges: Ranges<'m>,
}

/// One layer before calibration: enough for the sizes.
fn outline(dense: &Dense, scheme: Scheme) -> Layer {
    let (inputs, units, activation) = (dense.inputs, dense.units, dense.activation);
    Layer { inputs, units, activation, width: scheme.weight_bytes(), ..Layer::EMPTY }
}

fn carve<'m>(
    net: &Net<'_>,
    scheme: Scheme,
    calibration: Calibration,
    carver: &mut Carver<'m>,
) -> Result<Memory<'m>> {
    // Sizes first: the model's length follows from the layers alone.
    let len = int16::plan(net.layers().iter().map(|dense| outline(dense, scheme)), |_, _| {})?;
    let shape = net.shape();
    Ok(Memory {
        words: carver.take(len / MODEL_ALIGN, 0u32)?,
        parts: Parts::carve(shape.layers, widest(shape), shape.topology, carver)?,
        ranges: Ranges::carve(shape.layers, calibration, carver)?,
    })
}

/// The divergence compares values in 2,048 bins with the same on the levels of
/// the quantised ones. int16 has more levels than that, so it is least, namely
/// none, where every bin is kept.
fn for_int16(calibration: Calibration) -> Calibration {
    match calibration {
        Calibration::Entropy => Calibration::MinMax,
        other => other,
    }
}

pub(in super::super) fn footprint(
    net: &Net<'_>,
    scheme: Scheme,
    calibration: Calibration,
) -> Result<Layout> {
    if scheme == Scheme::Int8 {
        return Err(Error::Invalid);
    }
    check(net)?;
    let mut carver = Carver::measure();
    carve(net, scheme, for_int16(calibration), &mut carver)?;
    carver.layout()
}

pub(super) fn in_piece<'m>(
    config: &mut QNet16Config<'_, '_>,
    mut piece: Piece<'m>,
) -> Result<QNet16<'m>> {
    let (scheme, calibration) = (config.scheme, for_int16(config.calibration));
    let needed = footprint(config.net, scheme, calibration)?;
    let mut memory = carve(config.net, scheme, calibration, &mut piece.carver(needed)?)?;
    let input = memory.ranges.see(config.net, config.samples, calibration, config.logger)?;
    let input = Quantization16::of_range(input.low, input.high);

    let layers = &mut memory.parts.layers;
    let image: &mut [u8] = bytemuck::must_cast_slice_mut(&mut memory.words);
    let outlines = config.net.layers().iter().zip(&*memory.ranges.layers);
    let outlines = outlines.map(|(dense, span)| scales(outline(dense, scheme), *span));
    int16::plan(outlines, |i, layer| layers[i] = layer)?;
    let topology = config.net.shape().topology;
    for (i, (layer, dense)) in layers.iter().zip(config.net.layers()).enumerate() {
        let source = |source| match before(topology, &layers[..i], |layer| layer.inputs, source) {
            None => input.scale,
            Some(before) => f32::from_bits(layers[before].outputs),
        };
        let clipped = fill(image, layer, source, (config.net.body(), dense));
        let silent = Quantization16::stored(layer.sums) == Quantization16::NOTHING;
        warn(config.logger, i, clipped, silent);
    }
    let shape = config.net.shape();
    Line::new("quantised ")
        .number(shape.parameters)
        .text(" parameters to a model of ")
        .number(image.len())
        .text(" bytes")
        .send(config.logger, Level::Info);
    let summary = int16::Summary {
        inputs: shape.inputs as u32,
        layers: shape.layers as u32,
        input: input.scale.to_bits(),
        scheme,
        topology,
        rounding: config.rounding,
        widest: widest(shape) as u32,
    };
    int16::seal(image, &summary, &memory.parts.layers);
    QNet16::assemble(summary, Image::Own(memory.words), memory.parts, piece)
}

/// How a layer's sums and outputs are quantised.
fn scales(layer: Layer, Spans { sums: span, outputs }: Spans) -> Layer {
    let within = |limit: f32| Quantization16::of_range(span.low.max(-limit), span.high.min(limit));
    let whole = Quantization16::of_range(span.low, span.high);
    // As LiteRT's int16 operators have it.
    let unit = Quantization16 { scale: 1.0 / 32_768.0 };
    let (sums, outputs) = match layer.activation {
        Activation::Linear => (whole, whole),
        Activation::Relu => {
            let positive = Quantization16::of_range(0.0, outputs.high);
            (positive, positive)
        }
        Activation::Tanh => (within(TANH_SATURATED), unit),
        Activation::Sigmoid => (within(SIGMOID_SATURATED), unit),
        Activation::Softmax => (whole, unit),
        Activation::Threshold | Activation::ThresholdSymmetric => {
            (whole, Quantization16 { scale: 1.0 / 32_767.0 })
        }
        activation => {
            let (low, high) = function::range(activation, whole, (span.low, span.high));
            let (low, high) = (low.min(outputs.low), high.max(outputs.high));
            (whole, Quantization16::of_range(low, high))
        }
    };
    Layer { sums: sums.scale.to_bits(), outputs: outputs.scale.to_bits(), ..layer }
}

/// A weight in a row of so many bytes each.
fn weight(row: &mut [u8], width: u8, source: usize) -> &mut [u8] {
    let width = usize::from(width);
    &mut row[source * width..][..width]
}

/// Fills a layer's sections; returns how many numbers did not fit. `sources` says
/// the scale of each source's values.
fn fill(
    image: &mut [u8],
    layer: &Layer,
    sources: impl Fn(usize) -> f32,
    (body, dense): (&Body<'_>, &Dense),
) -> usize {
    let [to_weights, to_biases, factors, shifts, table] = layer.sections_mut(image);
    let width = layer.width;
    let largest_integer = if width == 1 { 127 } else { 32_767 };
    let rows = to_weights.chunks_exact_mut(layer.inputs as usize * usize::from(width));
    let numbers = to_biases.as_chunks_mut().0.iter_mut().zip(factors.as_chunks_mut().0).zip(shifts);
    let steepness = dense.steepness;
    let sums = Quantization16::stored(layer.sums);
    // Sources of other scales have theirs in their weights.
    let input = (0..dense.inputs()).fold(0f32, |most, source| most.max(sources(source)));
    let mut clipped = 0;
    let ends = rows.zip(numbers).zip(dense.of(body.parameters()).1).enumerate();
    for (unit, ((row, ((bias, factor), shift)), real_bias)) in ends {
        // Of weights that the steepness is part of.
        let real = |source: usize, w: f32| {
            f64::from(steepness * w) * (f64::from(sources(source)) / f64::from(input))
        };
        let mut largest = 0f64;
        each_weight((body, dense), unit, |source, w| {
            largest = largest.max(real(source, w).abs());
        });
        let limits = (f64::from(largest_integer), MAX_BIAS as f64);
        let real_bias = f64::from(steepness * real_bias);
        let scale = unit_scale((largest, real_bias), (input, sums.scale), limits);
        // What a sparse layer does not connect has weight 0.
        each_weight((body, dense), unit, |source, w| {
            let q = libm::round(real(source, w) / scale) as i32;
            let at = weight(row, width, source);
            let before = match *at {
                [low] => i32::from(low as i8),
                [low, high] => i32::from(i16::from_le_bytes([low, high])),
                _ => 0,
            };
            // Files may name a source twice.
            let sum = before.saturating_add(q);
            let fitting = sum.clamp(-largest_integer, largest_integer);
            clipped += usize::from(fitting != sum);
            at.copy_from_slice(&fitting.to_le_bytes()[..usize::from(width)]);
        });
        let own = libm::round(real_bias / (f64::from(input) * scale)) as i64;
        let fitting = own.clamp(-MAX_BIAS, MAX_BIAS);
        clipped += usize::from(fitting != own);
        *bias = fitting.to_le_bytes();
        let wanted = Multiplier::of(f64::from(input) * scale / f64::from(sums.scale));
        let multiplier = match wanted.shift > MAX_WIDE_SHIFT {
            // So large that any sum but 0 goes to an end.
            true => Multiplier { factor: i32::MAX, shift: MAX_WIDE_SHIFT },
            false => wanted,
        };
        *factor = multiplier.factor.to_le_bytes();
        *shift = multiplier.shift as u8;
    }
    function::fill(table, layer.activation, sums, Quantization16::stored(layer.outputs));
    clipped
}
