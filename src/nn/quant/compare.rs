//! How far an int8 network is from the float network that it stands for.

use super::{QNet, Quantization};
use crate::error::{Error, Result};
use crate::nn::Net;
use crate::nn::net::Stage;

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
        let inputs = self.inputs();
        let alike = inputs == net.shape().inputs
            && self.layers() == net.layers().len()
            && net.layers().iter().zip(self.records()).all(|(float, own)| {
                (float.inputs, float.units, float.activation)
                    == (own.inputs, own.units, own.activation)
            });
        if !alike {
            return Err(Error::NnMismatch);
        }
        let whole = !samples.is_empty() && samples.len().is_multiple_of(inputs);
        if !whole || errors.len() != self.layers() {
            return Err(Error::Length);
        }
        if !samples.iter().all(|x| x.is_finite()) {
            return Err(Error::NnNotFinite);
        }
        errors.fill(LayerError::default());
        let mut finite = true;
        for sample in samples.chunks_exact(inputs) {
            self.take_input(sample);
            net.observe(sample, |layer, stage, real| {
                if stage == Stage::Outputs {
                    let (quantized, record) = self.step(layer);
                    let how = Quantization::from(record.outputs);
                    for (real, q) in real.iter().zip(quantized) {
                        finite &= real.is_finite();
                        errors[layer].add(*real, how.dequantize(*q));
                    }
                }
            });
        }
        if !finite {
            return Err(Error::NnNotFinite);
        }
        let rows = (samples.len() / inputs) as f64;
        for (error, layer) in errors.iter_mut().zip(self.records()) {
            error.finish(rows * f64::from(layer.units));
        }
        Ok(())
    }
}
