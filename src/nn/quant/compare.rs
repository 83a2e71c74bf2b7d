//! How far a quantised network is from the float network that it stands for.

use super::{QNet, QNet16, Quantization, Quantization16};
use crate::error::{Error, Result};
use crate::nn::net::Stage;
use crate::nn::{Activation, Net};

/// How far a layer's outputs are from those of the float network, over all
/// units and samples. Errors are in the unit of the outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct LayerError {
    /// Mean of the absolute errors.
    pub mean: f64,
    /// Root of the mean of the squared errors.
    pub rms: f64,
    /// Largest absolute error.
    pub max: f64,
    /// Signal to quantisation noise in dB: 10 log10 of the sum of the float
    /// network's squared outputs by the sum of the squared errors. Infinite
    /// without any error.
    pub sqnr: f64,
}

impl LayerError {
    /// Before [`finish`](LayerError::finish) sums stand where means will be, and
    /// the signal where its ratio will be.
    fn add(&mut self, real: f32, quantized: f32) {
        let real = f64::from(real);
        let error = (f64::from(quantized) - real).abs();
        self.mean += error;
        self.rms += error * error;
        self.max = self.max.max(error);
        self.sqnr += real * real;
    }

    fn finish(&mut self, values: f64) {
        self.sqnr = match self.rms > 0.0 {
            true => 10.0 * libm::log10(self.sqnr / self.rms),
            false => f64::INFINITY,
        };
        self.mean /= values;
        self.rms = libm::sqrt(self.rms / values);
    }
}

/// A quantised network, run a layer at a time.
pub(super) trait Integers {
    /// Inputs, units and activation of each layer.
    fn outlines(&self) -> impl ExactSizeIterator<Item = (u32, u32, Activation)>;
    /// Takes one sample, for the first step.
    fn take_input(&mut self, sample: &[f32]);
    /// Runs one layer on what the last step gave; shows each unit's real value.
    fn step(&mut self, layer: usize, each: impl FnMut(usize, f32));
}

impl Integers for QNet<'_> {
    fn outlines(&self) -> impl ExactSizeIterator<Item = (u32, u32, Activation)> {
        self.records().iter().map(|layer| (layer.inputs, layer.units, layer.activation))
    }

    fn take_input(&mut self, sample: &[f32]) {
        QNet::take_input(self, sample);
    }

    fn step(&mut self, layer: usize, mut each: impl FnMut(usize, f32)) {
        let (quantized, record) = QNet::step(self, layer);
        let how = Quantization::from(record.outputs);
        quantized.iter().enumerate().for_each(|(unit, q)| each(unit, how.dequantize(*q)));
    }
}

impl Integers for QNet16<'_> {
    fn outlines(&self) -> impl ExactSizeIterator<Item = (u32, u32, Activation)> {
        self.records().iter().map(|layer| (layer.inputs, layer.units, layer.activation))
    }

    fn take_input(&mut self, sample: &[f32]) {
        QNet16::take_input(self, sample);
    }

    fn step(&mut self, layer: usize, mut each: impl FnMut(usize, f32)) {
        let how = Quantization16::stored(self.records()[layer].outputs);
        let quantized = QNet16::step(self, layer);
        quantized.iter().enumerate().for_each(|(unit, q)| each(unit, how.dequantize(*q)));
    }
}

/// Checks that these are whole rows of numbers, at least one.
pub(super) fn check_samples(samples: &[f32], inputs: usize) -> Result<()> {
    if samples.is_empty() || !samples.len().is_multiple_of(inputs) {
        return Err(Error::Length);
    }
    if samples.iter().all(|x| x.is_finite()) { Ok(()) } else { Err(Error::NnNotFinite) }
}

fn compare(
    own: &mut impl Integers,
    net: &mut Net<'_>,
    samples: &[f32],
    errors: &mut [LayerError],
) -> Result<()> {
    let inputs = net.shape().inputs;
    let alike = own.outlines().len() == net.layers().len()
        && net
            .layers()
            .iter()
            .zip(own.outlines())
            .all(|(float, own)| (float.inputs, float.units, float.activation) == own);
    if !alike {
        return Err(Error::NnMismatch);
    }
    if errors.len() != own.outlines().len() {
        return Err(Error::Length);
    }
    check_samples(samples, inputs)?;
    errors.fill(LayerError::default());
    let mut finite = true;
    for sample in samples.chunks_exact(inputs) {
        own.take_input(sample);
        net.observe(sample, |layer, stage, real| {
            if stage == Stage::Outputs {
                own.step(layer, |unit, quantized| {
                    finite &= real[unit].is_finite();
                    errors[layer].add(real[unit], quantized);
                });
            }
        });
    }
    if !finite {
        return Err(Error::NnNotFinite);
    }
    let rows = (samples.len() / inputs) as f64;
    for (error, (_, units, _)) in errors.iter_mut().zip(own.outlines()) {
        error.finish(rows * f64::from(units));
    }
    Ok(())
}

impl QNet<'_> {
    /// Compares each layer's outputs with the float network's on the same
    /// samples, rows of inputs. Both run from the inputs on, so that a layer's
    /// error has those of the layers before in it. The float network is only run.
    ///
    /// Errors: [`Error::Length`] for no samples, no whole rows, or anything but
    /// one element of `errors` a layer, [`Error::NnMismatch`] for a network of
    /// another shape, [`Error::NnNotFinite`] if the samples or the float
    /// network's values are not finite. `errors` says nothing then.
    pub fn compare(
        &mut self,
        net: &mut Net<'_>,
        samples: &[f32],
        errors: &mut [LayerError],
    ) -> Result<()> {
        compare(self, net, samples, errors)
    }
}

impl QNet16<'_> {
    /// As [`QNet::compare`].
    pub fn compare(
        &mut self,
        net: &mut Net<'_>,
        samples: &[f32],
        errors: &mut [LayerError],
    ) -> Result<()> {
        compare(self, net, samples, errors)
    }
}
