//! Quantisation after training: int8 ([`QNet`]), and int16 values with int8 or
//! int16 weights ([`QNet16`]); [`smallest_scheme`] says which is enough. What
//! follows is int8, after the TFLite int8 specification
//! (<https://ai.google.dev/edge/litert/models/quantization_spec>):
//!
//! - A real value is `scale * (q - zero_point)`, `q` in -128..=127.
//! - Activations: one scale and zero point for a tensor (asymmetric). Their
//!   ranges come from running the float network on calibration samples.
//! - Weights: one scale for each unit, zero point 0, `q` in -127..=127.
//! - Biases: int32, scale `input scale * weight scale`, zero point 0.
//! - Requantisation: the int32 sum is multiplied by a 31-bit fixed-point
//!   multiplier and shifted right in 64 bits, rounding once, half up, or twice
//!   where that is asked for; see [`Rounding`].
//! - Sigmoid and softmax give scale 1/256, zero point -128; tanh 1/128 and 0.
//!
//! Sigmoid and tanh are tables over the 256 values of their input, kept in the
//! model; softmax is a table of exponentials and an integer division. So the
//! network runs on integers alone. Sums before a sigmoid or tanh are
//! quantised over the range where the function still changes its int8 result.

mod build;
mod calibrate;
mod compare;
mod image;
mod qnet;
pub(crate) mod requant;
mod scheme;
mod wide;

pub use build::QNetConfig;
pub use calibrate::Calibration;
pub use compare::LayerError;
pub use qnet::QNet;
pub use requant::Rounding;
pub(crate) use scheme::smallest_in_piece;
pub use scheme::{Bound, Scheme, SchemeChoice, SchemeConfig, smallest_scheme};
pub use wide::{QNet16, QNet16Config, Quantization16};

use image::Image;

/// How int8 values stand for real ones: `real = scale * (q - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantization {
    /// Size of one step, finite and above 0.
    pub scale: f32,
    /// The value that stands for 0.
    pub zero_point: i8,
}

impl Quantization {
    /// The nearest int8 value, half away from zero; values outside the range
    /// go to its ends, NaN to the zero point.
    pub fn quantize(&self, real: f32) -> i8 {
        let steps = libm::roundf(real / self.scale);
        let shifted = steps + f32::from(self.zero_point);
        if shifted.is_nan() { self.zero_point } else { shifted as i8 }
    }

    /// [`quantize`](Quantization::quantize) for as many values as both hold:
    /// the same results, by steps that a compiler turns into vector instructions.
    pub(crate) fn quantize_all(&self, real: &[f32], quantized: &mut [i8]) {
        let zero = i32::from(self.zero_point);
        for (q, x) in quantized.iter_mut().zip(real) {
            // Beyond these limits it is one of the ends, whatever the zero point.
            let steps = (x / self.scale).clamp(-512.0, 512.0);
            // The largest number below a half: with a half itself, the sum could
            // be rounded up to the next integer. NaN becomes 0.
            let nearest = (steps + 0.499_999_97_f32.copysign(steps)) as i32;
            *q = (nearest + zero).clamp(-128, 127) as i8;
        }
    }

    /// The real value that an int8 value stands for.
    pub fn dequantize(&self, value: i8) -> f32 {
        self.scale * f32::from(i16::from(value) - i16::from(self.zero_point))
    }

    /// The quantisation of a range of real values, which is widened to hold 0:
    /// 0 is exact, and both ends are within half a step.
    pub(crate) fn of_range(low: f32, high: f32) -> Quantization {
        let (low, high) = (f64::from(low.min(0.0)), f64::from(high.max(0.0)));
        // Below this a step would not be a normal number.
        let scale = ((high - low) / 255.0) as f32;
        if !(scale.is_normal() && scale.is_finite()) {
            return Quantization { scale: 1.0, zero_point: 0 };
        }
        let zero = libm::round(-128.0 - low / f64::from(scale));
        Quantization { scale, zero_point: zero as i8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn extremes_saturate_and_nan_is_zero() {
        let q = Quantization { scale: 0.5, zero_point: -3 };
        assert_eq!(q.quantize(f32::INFINITY), 127);
        assert_eq!(q.quantize(-1e30), -128);
        assert_eq!(q.quantize(f32::NAN), -3);
        // Half away from zero, as the reference does.
        assert_eq!(q.quantize(0.25), -2);
        assert_eq!(q.quantize(-0.25), -4);
        assert_eq!(q.dequantize(-128), -62.5);
    }

    proptest! {
        #[test]
        fn many_values_are_quantised_as_one_is(bits in prop::collection::vec(any::<u32>(), 1..50), scale in 1e-6f32..1e6, zero_point: i8) {
            let q = Quantization { scale, zero_point };
            // Any float at all, and some around the halves of steps.
            let near = bits.iter().map(|b| (f64::from(*b as i8) * 0.5) as f32 * scale);
            let next = near.clone().map(f32::next_up).chain(near.clone().map(f32::next_down));
            let all: std::vec::Vec<f32> = bits.iter().map(|b| f32::from_bits(*b)).chain(near.clone()).chain(next).collect();
            let mut got = std::vec![0; all.len()];
            q.quantize_all(&all, &mut got);
            let want: std::vec::Vec<i8> = all.iter().map(|x| q.quantize(*x)).collect();
            prop_assert_eq!(got, want);
        }

        #[test]
        fn ranges_are_covered_within_half_a_step(a in -1e6f32..1e6, b in -1e6f32..1e6, part in 0.0f32..1.0) {
            let (low, high) = (a.min(b), a.max(b));
            let q = Quantization::of_range(low, high);
            prop_assert_eq!(q.dequantize(q.quantize(0.0)), 0.0);
            let x = low + part * (high - low);
            let error = (q.dequantize(q.quantize(x)) - x).abs();
            // The zero point itself was rounded, which costs up to half a step
            // at one end.
            prop_assert!(error <= q.scale * 1.001, "{} {:?} {}", x, q, error);
        }
    }
}
