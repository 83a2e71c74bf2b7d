//! The ranges of a network's values, from running it on samples.

use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::nn::Net;
use crate::nn::net::Stage;
use crate::port::{Level, Line, Logger};

/// How the range of the int8 values follows from what the samples give. Values
/// beyond the range go to its ends.
///
/// All but [`MinMax`](Calibration::MinMax) run the samples twice and count the
/// magnitudes of all values that are not 0, which is exact in any range, in
/// 2,048 bins between 0 and the largest. That takes 8 KiB for the input and
/// 16 KiB for each layer, part of the network's memory until it is destroyed:
/// [`QNet::config_footprint`](super::QNet::config_footprint).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Calibration {
    /// From the smallest to the largest.
    #[default]
    MinMax,
    /// So that it holds this many percent of the values, above 0 and at most
    /// 100: 99.99 leaves out the largest of 10,000.
    Percentile(f32),
    /// So that the quantised values' distribution tells most about the real
    /// one: the least Kullback-Leibler divergence (Migacz 2017, "8-bit Inference
    /// with TensorRT"). Never less than 1/16 of the largest value, 1/8 where all
    /// have one sign. int16 values have more levels than there are bins, so that
    /// nothing is told by leaving any out: their ranges, and their memory, are
    /// those of [`MinMax`](Calibration::MinMax).
    Entropy,
}

impl Calibration {
    /// [`Error::Invalid`] for a percentage out of range.
    fn check(self) -> Result<()> {
        match self {
            Calibration::Percentile(p) if !(p > 0.0 && p <= 100.0) => Err(Error::Invalid),
            _ => Ok(()),
        }
    }
}

/// The range of some values, which always holds zero.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub low: f32,
    pub high: f32,
}

impl Span {
    const EMPTY: Span = Span { low: 0.0, high: 0.0 };

    fn widen(&mut self, values: &[f32]) -> Result<()> {
        for value in values {
            if !value.is_finite() {
                return Err(Error::NnNotFinite);
            }
            self.low = self.low.min(*value);
            self.high = self.high.max(*value);
        }
        Ok(())
    }

    fn largest(&self) -> f32 {
        self.high.max(-self.low)
    }

    /// Leaves out what is beyond the limit, on either side.
    fn limit(&mut self, limit: f32) {
        self.low = self.low.max(-limit);
        self.high = self.high.min(limit);
    }
}

/// The ranges of a layer's sums, times its steepness, and of its outputs.
#[derive(Clone, Copy)]
pub(super) struct Spans {
    pub sums: Span,
    pub outputs: Span,
}

const BINS: usize = 2048;

/// How many values there are of each magnitude, from 0 to the span's largest.
#[derive(Clone, Copy)]
struct Histogram {
    counts: [u32; BINS],
}

impl Histogram {
    const EMPTY: Histogram = Histogram { counts: [0; BINS] };

    fn count(&mut self, span: &Span, values: &[f32]) {
        let largest = f64::from(span.largest());
        for value in values.iter().filter(|value| **value != 0.0) {
            let bin = f64::from(value.abs()) / largest * BINS as f64;
            let count = &mut self.counts[(bin as usize).min(BINS - 1)];
            *count = count.saturating_add(1);
        }
    }

    fn sum(counts: &[u32]) -> u64 {
        counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// How many bins hold this many percent of the values.
    fn percentile(&self, percent: f32) -> usize {
        let wanted = f64::from(percent) / 100.0 * Histogram::sum(&self.counts) as f64;
        let mut held = 0.0;
        let enough = self.counts.iter().position(|count| {
            held += f64::from(*count);
            held >= wanted
        });
        enough.map_or(BINS, |bin| bin + 1)
    }

    /// How many bins to keep for the least divergence, of at least as many as
    /// there are levels to put them on.
    fn entropy(&self, levels: usize) -> usize {
        let total = Histogram::sum(&self.counts);
        let mut best = (f64::INFINITY, BINS);
        for kept in levels..=BINS {
            let divergence = self.divergence(kept, levels, total);
            if divergence < best.0 {
                best = (divergence, kept);
            }
        }
        best.1
    }

    /// The divergence of the first bins, put on so many levels, from the same
    /// bins with all that is beyond in the last one; up to terms that are the
    /// same for any number of bins. A level's values spread evenly over its bins
    /// that are not empty.
    fn divergence(&self, kept: usize, levels: usize, total: u64) -> f64 {
        let bins = &self.counts[..kept];
        let inside = Histogram::sum(bins);
        let beyond = (total - inside) as f64;
        let last = f64::from(bins[kept - 1]);
        if last == 0.0 {
            return f64::INFINITY;
        }
        let whole: f64 = bins[..kept - 1].iter().map(|count| times_log(f64::from(*count))).sum();
        let mut divergence = whole + times_log(last + beyond);
        divergence += total as f64 * libm::log(inside as f64);
        for level in 0..levels {
            let bins = &bins[level * kept / levels..(level + 1) * kept / levels];
            let sum = Histogram::sum(bins) as f64;
            if sum > 0.0 {
                let full = bins.iter().filter(|count| **count > 0).count() as f64;
                let more = if level + 1 == levels { beyond } else { 0.0 };
                divergence -= (sum + more) * libm::log(sum / full);
            }
        }
        divergence
    }

    /// Narrows a span that the values were counted in.
    fn narrow(&self, calibration: Calibration, span: &mut Span) {
        let one_sign = span.low == 0.0 || span.high == 0.0;
        let bins = match calibration {
            Calibration::MinMax => BINS,
            Calibration::Percentile(percent) => self.percentile(percent),
            Calibration::Entropy => self.entropy(if one_sign { 256 } else { 128 }),
        };
        if bins < BINS {
            span.limit((f64::from(span.largest()) * bins as f64 / BINS as f64) as f32);
        }
    }
}

/// `x ln x`, 0 at 0.
fn times_log(x: f64) -> f64 {
    if x > 0.0 { x * libm::log(x) } else { 0.0 }
}

/// What calibration needs.
pub(super) struct Ranges<'m> {
    pub layers: Carved<'m, Spans>,
    /// Of the input, then of each layer's sums and outputs; or none.
    histograms: Carved<'m, Histogram>,
}

impl<'m> Ranges<'m> {
    pub fn carve(
        layers: usize,
        calibration: Calibration,
        carver: &mut Carver<'m>,
    ) -> Result<Ranges<'m>> {
        calibration.check()?;
        let histograms = if calibration == Calibration::MinMax { 0 } else { 1 + 2 * layers };
        Ok(Ranges {
            layers: carver.take(layers, Spans { sums: Span::EMPTY, outputs: Span::EMPTY })?,
            histograms: carver.take(histograms, Histogram::EMPTY)?,
        })
    }

    /// Runs the samples; keeps the layers' ranges and returns the input's.
    pub fn see(
        &mut self,
        net: &mut Net<'_>,
        samples: &[f32],
        calibration: Calibration,
        logger: Option<&dyn Logger>,
    ) -> Result<Span> {
        let refuse = |error, text| {
            Line::new(text).send(logger, Level::Error);
            Err(error)
        };
        if samples.is_empty() || !samples.len().is_multiple_of(net.shape().inputs) {
            let text = "calibration samples are not whole rows of the net's inputs";
            return refuse(Error::Length, text);
        }
        let mut input = Span::EMPTY;
        if let Err(error) = input.widen(samples) {
            return refuse(error, "the calibration samples hold a NaN or an infinity");
        }
        let mut result = Ok(());
        net.observe(samples, |layer, stage, values| {
            if result.is_ok() {
                result = match stage {
                    Stage::Sums => self.layers[layer].sums.widen(values),
                    Stage::Outputs => self.layers[layer].outputs.widen(values),
                };
            }
        });
        if let Err(error) = result {
            return refuse(error, "a layer's values on the calibration samples are not finite");
        }
        if let Some((of_input, of_layers)) = self.histograms.split_first_mut() {
            let (of_layers, _) = of_layers.as_chunks_mut::<2>();
            of_input.count(&input, samples);
            net.observe(samples, |layer, stage, values| {
                let ([sums, outputs], spans) = (&mut of_layers[layer], &self.layers[layer]);
                match stage {
                    Stage::Sums => sums.count(&spans.sums, values),
                    Stage::Outputs => outputs.count(&spans.outputs, values),
                }
            });
            of_input.narrow(calibration, &mut input);
            for ([sums, outputs], spans) in of_layers.iter().zip(self.layers.iter_mut()) {
                sums.narrow(calibration, &mut spans.sums);
                outputs.narrow(calibration, &mut spans.outputs);
            }
        }
        for (spans, layer) in self.layers.iter_mut().zip(net.layers()) {
            spans.sums.low *= layer.steepness;
            spans.sums.high *= layer.steepness;
        }
        Ok(input)
    }
}
