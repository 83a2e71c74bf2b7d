//! What units apply to their sums: [`Activation`](crate::nn::Activation) as C sees it.
//!
//! Written out, because the header generator cannot see what a macro makes; a
//! test holds them to the enum.

/// Activation `x` (FANN: LINEAR).
pub const NSW_ACTIVATION_LINEAR: u32 = 0;
/// Activation `1 / (1 + exp(-x))`, in 0..1 (FANN: SIGMOID, whose steepness s is
/// 2 s here).
pub const NSW_ACTIVATION_SIGMOID: u32 = 1;
/// Activation `tanh(x)`, in -1..1 (FANN: SIGMOID_SYMMETRIC).
pub const NSW_ACTIVATION_TANH: u32 = 2;
/// Activation `max(x, 0)` (FANN: LINEAR_PIECE_RECT).
pub const NSW_ACTIVATION_RELU: u32 = 3;
/// Activation `exp(x_i) / sum(exp(x))` over the layer; only for the last layer.
pub const NSW_ACTIVATION_SOFTMAX: u32 = 4;
/// Activation `x` above 0, else `0.01 x` (FANN: LINEAR_PIECE_RECT_LEAKY).
pub const NSW_ACTIVATION_LEAKY_RELU: u32 = 5;
/// Activation `x P(X <= x)` for a standard normal X, by the error function
/// (Hendrycks & Gimpel 2016).
pub const NSW_ACTIVATION_GELU: u32 = 6;
/// Activation `x / (1 + exp(-x))` (Elfwing, Uchibe & Doya 2017).
pub const NSW_ACTIVATION_SILU: u32 = 7;
/// Activation 1 from 0 on, else 0; cannot be trained (FANN: THRESHOLD).
pub const NSW_ACTIVATION_THRESHOLD: u32 = 8;
/// Activation 1 from 0 on, else -1; cannot be trained (FANN:
/// THRESHOLD_SYMMETRIC).
pub const NSW_ACTIVATION_THRESHOLD_SYMMETRIC: u32 = 9;
/// Activation: the sigmoid in straight lines between six points, in 0..1 (FANN:
/// SIGMOID_STEPWISE, whose steepness s is 2 s here).
pub const NSW_ACTIVATION_SIGMOID_STEPWISE: u32 = 10;
/// Activation: tanh in straight lines between six points, in -1..1 (FANN:
/// SIGMOID_SYMMETRIC_STEPWISE).
pub const NSW_ACTIVATION_TANH_STEPWISE: u32 = 11;
/// Activation `exp(-x^2)`, in 0..1 (FANN: GAUSSIAN; its GAUSSIAN_STEPWISE always
/// gives 0 there and does not exist here).
pub const NSW_ACTIVATION_GAUSSIAN: u32 = 12;
/// Activation `2 exp(-x^2) - 1`, in -1..1 (FANN: GAUSSIAN_SYMMETRIC).
pub const NSW_ACTIVATION_GAUSSIAN_SYMMETRIC: u32 = 13;
/// Activation `x / (2 (1 + |x|)) + 0.5`, in 0..1 (FANN: ELLIOT).
pub const NSW_ACTIVATION_ELLIOT: u32 = 14;
/// Activation `x / (1 + |x|)`, in -1..1 (FANN: ELLIOT_SYMMETRIC).
pub const NSW_ACTIVATION_ELLIOT_SYMMETRIC: u32 = 15;
/// Activation `x` kept within 0..1 (FANN: LINEAR_PIECE).
pub const NSW_ACTIVATION_LINEAR_PIECE: u32 = 16;
/// Activation `x` kept within -1..1 (FANN: LINEAR_PIECE_SYMMETRIC).
pub const NSW_ACTIVATION_LINEAR_PIECE_SYMMETRIC: u32 = 17;
/// Activation `sin(x) / 2 + 0.5`, in 0..1 (FANN: SIN).
pub const NSW_ACTIVATION_SIN: u32 = 18;
/// Activation `sin(x)`, in -1..1 (FANN: SIN_SYMMETRIC).
pub const NSW_ACTIVATION_SIN_SYMMETRIC: u32 = 19;
/// Activation `cos(x) / 2 + 0.5`, in 0..1 (FANN: COS).
pub const NSW_ACTIVATION_COS: u32 = 20;
/// Activation `cos(x)`, in -1..1 (FANN: COS_SYMMETRIC).
pub const NSW_ACTIVATION_COS_SYMMETRIC: u32 = 21;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Activation;

    #[test]
    fn constants_are_the_activations() {
        let constants = [
            (NSW_ACTIVATION_LINEAR, Activation::Linear),
            (NSW_ACTIVATION_SIGMOID, Activation::Sigmoid),
            (NSW_ACTIVATION_TANH, Activation::Tanh),
            (NSW_ACTIVATION_RELU, Activation::Relu),
            (NSW_ACTIVATION_SOFTMAX, Activation::Softmax),
            (NSW_ACTIVATION_LEAKY_RELU, Activation::LeakyRelu),
            (NSW_ACTIVATION_GELU, Activation::Gelu),
            (NSW_ACTIVATION_SILU, Activation::Silu),
            (NSW_ACTIVATION_THRESHOLD, Activation::Threshold),
            (NSW_ACTIVATION_THRESHOLD_SYMMETRIC, Activation::ThresholdSymmetric),
            (NSW_ACTIVATION_SIGMOID_STEPWISE, Activation::SigmoidStepwise),
            (NSW_ACTIVATION_TANH_STEPWISE, Activation::TanhStepwise),
            (NSW_ACTIVATION_GAUSSIAN, Activation::Gaussian),
            (NSW_ACTIVATION_GAUSSIAN_SYMMETRIC, Activation::GaussianSymmetric),
            (NSW_ACTIVATION_ELLIOT, Activation::Elliot),
            (NSW_ACTIVATION_ELLIOT_SYMMETRIC, Activation::ElliotSymmetric),
            (NSW_ACTIVATION_LINEAR_PIECE, Activation::LinearPiece),
            (NSW_ACTIVATION_LINEAR_PIECE_SYMMETRIC, Activation::LinearPieceSymmetric),
            (NSW_ACTIVATION_SIN, Activation::Sin),
            (NSW_ACTIVATION_SIN_SYMMETRIC, Activation::SinSymmetric),
            (NSW_ACTIVATION_COS, Activation::Cos),
            (NSW_ACTIVATION_COS_SYMMETRIC, Activation::CosSymmetric),
        ];
        assert_eq!(constants.len(), Activation::ALL.len());
        for ((code, activation), listed) in constants.into_iter().zip(Activation::ALL) {
            assert_eq!((code, activation), (listed.code(), listed));
        }
    }
}
