//! The function after a unit's weighted sum, and its derivative.

/// What a unit applies to its weighted sum, times its steepness. The
/// discriminants are those of the C header and of the model format.
///
/// FANN has the same functions by other names and counts the steepness of its
/// sigmoid differently: its sigmoid of steepness `s` is this one of `2 s`. Its
/// `GAUSSIAN_STEPWISE` always gives 0 there, and does not exist here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Activation {
    /// `x`
    #[default]
    Linear = 0,
    /// `1 / (1 + exp(-x))`, in 0..1
    Sigmoid = 1,
    /// `tanh(x)`, in -1..1: FANN's sigmoid symmetric.
    Tanh = 2,
    /// `max(x, 0)`
    Relu = 3,
    /// `exp(x_i) / sum(exp(x))` over the layer; only for the last layer.
    Softmax = 4,
    /// `x` above 0, else `0.01 x`.
    LeakyRelu = 5,
    /// `x * P(X <= x)` for a standard normal X (Hendrycks & Gimpel 2016), by
    /// the error function.
    Gelu = 6,
    /// `x / (1 + exp(-x))` (Elfwing, Uchibe & Doya 2017).
    Silu = 7,
    /// 1 from 0 on, else 0. Cannot be trained.
    Threshold = 8,
    /// 1 from 0 on, else -1. Cannot be trained.
    ThresholdSymmetric = 9,
    /// The sigmoid between six points in straight lines, in 0..1.
    SigmoidStepwise = 10,
    /// The same for tanh: FANN's sigmoid symmetric stepwise.
    TanhStepwise = 11,
    /// `exp(-x^2)`, in 0..1
    Gaussian = 12,
    /// `2 exp(-x^2) - 1`, in -1..1
    GaussianSymmetric = 13,
    /// `x / (2 (1 + |x|)) + 0.5`, in 0..1 (Elliott 1993).
    Elliot = 14,
    /// `x / (1 + |x|)`, in -1..1
    ElliotSymmetric = 15,
    /// `x` kept within 0..1
    LinearPiece = 16,
    /// `x` kept within -1..1
    LinearPieceSymmetric = 17,
    /// `sin(x) / 2 + 0.5`, in 0..1
    Sin = 18,
    /// `sin(x)`, in -1..1
    SinSymmetric = 19,
    /// `cos(x) / 2 + 0.5`, in 0..1
    Cos = 20,
    /// `cos(x)`, in -1..1
    CosSymmetric = 21,
}

use Activation::*;

/// The points of the stepwise sigmoid: where its value is 0 (from there down),
/// 0.005, 0.05, 0.25, 0.75, 0.95, 0.995 and 1 (from there up).
///
/// FANN's numbers, which are of its sigmoid with `exp(-2x)`; ours are twice.
const SIGMOID_STEPS: [(f32, f32); 6] = [
    (-5.293_304_4, 0.005),
    (-2.944_439, 0.05),
    (-1.098_612_3, 0.25),
    (1.098_612_3, 0.75),
    (2.944_439, 0.95),
    (5.293_304_4, 0.995),
];
const TANH_STEPS: [(f32, f32); 6] = [
    (-2.646_652_5, -0.99),
    (-1.472_219_5, -0.9),
    (-0.549_306_15, -0.5),
    (0.549_306_15, 0.5),
    (1.472_219_5, 0.9),
    (2.646_652_5, 0.99),
];

/// A value along straight lines between points; `low` and `high` beyond them.
fn stepwise(steps: &[(f32, f32); 6], low: f32, high: f32, x: f32) -> f32 {
    if x < steps[0].0 {
        return low;
    }
    for [(x0, y0), (x1, y1)] in steps.array_windows() {
        if x < *x1 {
            return y0 + (x - x0) * ((y1 - y0) / (x1 - x0));
        }
    }
    if x.is_nan() { x } else { high }
}

impl Activation {
    /// All of them, by their numbers.
    pub const ALL: [Activation; 22] = [
        Linear,
        Sigmoid,
        Tanh,
        Relu,
        Softmax,
        LeakyRelu,
        Gelu,
        Silu,
        Threshold,
        ThresholdSymmetric,
        SigmoidStepwise,
        TanhStepwise,
        Gaussian,
        GaussianSymmetric,
        Elliot,
        ElliotSymmetric,
        LinearPiece,
        LinearPieceSymmetric,
        Sin,
        SinSymmetric,
        Cos,
        CosSymmetric,
    ];

    /// The activation with this number, if there is one.
    pub const fn from_code(code: u32) -> Option<Activation> {
        if code < Activation::ALL.len() as u32 {
            Some(Activation::ALL[code as usize])
        } else {
            None
        }
    }

    /// Its number in the C header and in model files.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The value at `x`, a sum times its steepness. Softmax, which needs the
    /// whole layer, gives `exp(x)` before it is divided by their sum.
    pub fn value(self, x: f32) -> f32 {
        match self {
            Linear => x,
            Sigmoid => sigmoid(x),
            Tanh => libm::tanhf(x),
            // Written so that NaN stays NaN.
            Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Softmax => libm::expf(x),
            LeakyRelu => {
                if x < 0.0 {
                    0.01 * x
                } else {
                    x
                }
            }
            Gelu => x * normal(x),
            Silu => x * sigmoid(x),
            Threshold => step(x, 0.0),
            ThresholdSymmetric => step(x, -1.0),
            SigmoidStepwise => stepwise(&SIGMOID_STEPS, 0.0, 1.0, x),
            TanhStepwise => stepwise(&TANH_STEPS, -1.0, 1.0, x),
            Gaussian => libm::expf(-x * x),
            GaussianSymmetric => 2.0 * libm::expf(-x * x) - 1.0,
            Elliot => 0.5 * elliot(x) + 0.5,
            ElliotSymmetric => elliot(x),
            LinearPiece => x.clamp(0.0, 1.0),
            LinearPieceSymmetric => x.clamp(-1.0, 1.0),
            Sin => 0.5 * libm::sinf(x) + 0.5,
            SinSymmetric => libm::sinf(x),
            Cos => 0.5 * libm::cosf(x) + 0.5,
            CosSymmetric => libm::cosf(x),
        }
    }

    /// The derivative at `x`, where the value is `y`. The stepwise functions
    /// take the slope of the smooth ones, as FANN does; softmax has none of its
    /// own.
    pub fn slope(self, x: f32, y: f32) -> f32 {
        let inside = |low: f32| if (low..=1.0).contains(&x) { 1.0 } else { 0.0 };
        match self {
            Linear | Softmax => 1.0,
            Sigmoid | SigmoidStepwise => y * (1.0 - y),
            Tanh | TanhStepwise => 1.0 - y * y,
            Relu => {
                if x > 0.0 {
                    1.0
                } else {
                    0.0
                }
            }
            LeakyRelu => {
                if x > 0.0 {
                    1.0
                } else {
                    0.01
                }
            }
            Gelu => normal(x) + x * 0.398_942_3 * libm::expf(-0.5 * x * x),
            Silu => {
                let s = sigmoid(x);
                s + y * (1.0 - s)
            }
            Threshold | ThresholdSymmetric => 0.0,
            Gaussian => -2.0 * x * y,
            GaussianSymmetric => -2.0 * x * (y + 1.0),
            Elliot => 0.5 / ((1.0 + x.abs()) * (1.0 + x.abs())),
            ElliotSymmetric => 1.0 / ((1.0 + x.abs()) * (1.0 + x.abs())),
            LinearPiece => inside(0.0),
            LinearPieceSymmetric => inside(-1.0),
            Sin => 0.5 * libm::cosf(x),
            SinSymmetric => libm::cosf(x),
            Cos => -0.5 * libm::sinf(x),
            CosSymmetric => -libm::sinf(x),
        }
    }

    /// Whether it has a slope to train by.
    pub const fn is_trainable(self) -> bool {
        !matches!(self, Threshold | ThresholdSymmetric)
    }

    /// Whether its slope cannot be told from its value alone.
    pub(crate) const fn slope_needs_sum(self) -> bool {
        matches!(
            self,
            Gelu | Silu | Gaussian | GaussianSymmetric | Sin | SinSymmetric | Cos | CosSymmetric
        )
    }

    /// Whether its values lie around zero, which FANN's error function heeds.
    pub(crate) const fn is_symmetric(self) -> bool {
        matches!(
            self,
            Tanh | TanhStepwise
                | ThresholdSymmetric
                | GaussianSymmetric
                | ElliotSymmetric
                | LinearPieceSymmetric
                | SinSymmetric
                | CosSymmetric
        )
    }
}

/// The logistic function, without overflow at either end.
pub(crate) fn sigmoid(x: f32) -> f32 {
    if x >= 0.0 {
        1.0 / (1.0 + libm::expf(-x))
    } else {
        let e = libm::expf(x);
        e / (1.0 + e)
    }
}

/// The standard normal distribution function.
fn normal(x: f32) -> f32 {
    0.5 * libm::erfcf(-x * core::f32::consts::FRAC_1_SQRT_2)
}

fn elliot(x: f32) -> f32 {
    // At infinity the quotient has no value, but a limit.
    if x.is_infinite() { x.signum() } else { x / (1.0 + x.abs()) }
}

fn step(x: f32, low: f32) -> f32 {
    if x.is_nan() {
        x
    } else if x < 0.0 {
        low
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_there_and_back() {
        for (i, a) in Activation::ALL.into_iter().enumerate() {
            assert_eq!(a.code(), i as u32);
            assert_eq!(Activation::from_code(a.code()), Some(a));
        }
        assert_eq!(Activation::from_code(22), None);
    }

    #[test]
    fn known_values() {
        // By mpmath, 20 digits.
        for (a, at) in [
            (Linear, [-2.0f32, 0.0, 1.0]),
            (Sigmoid, [0.119_202_92, 0.5, 0.731_058_6]),
            (Tanh, [-0.964_027_6, 0.0, 0.761_594_2]),
            (Relu, [0.0, 0.0, 1.0]),
            (LeakyRelu, [-0.02, 0.0, 1.0]),
            (Gelu, [-0.045_500_264, 0.0, 0.841_344_7]),
            (Silu, [-0.238_405_84, 0.0, 0.731_058_6]),
            (Threshold, [0.0, 1.0, 1.0]),
            (ThresholdSymmetric, [-1.0, 1.0, 1.0]),
            (SigmoidStepwise, [0.152_332_36, 0.5, 0.727_559_8]),
            (TanhStepwise, [-0.940_445_26, 0.0, 0.695_335_3]),
            (Gaussian, [0.018_315_64, 1.0, 0.367_879_44]),
            (GaussianSymmetric, [-0.963_368_7, 1.0, -0.264_241_1]),
            (Elliot, [0.166_666_67, 0.5, 0.75]),
            (ElliotSymmetric, [-0.666_666_7, 0.0, 0.5]),
            (LinearPiece, [0.0, 0.0, 1.0]),
            (LinearPieceSymmetric, [-1.0, 0.0, 1.0]),
            (Sin, [0.045_351_286, 0.5, 0.920_735_5]),
            (SinSymmetric, [-0.909_297_4, 0.0, 0.841_471]),
            (Cos, [0.291_926_6, 1.0, 0.770_151_14]),
            (CosSymmetric, [-0.416_146_84, 1.0, 0.540_302_3]),
        ] {
            for (x, y) in [-2.0f32, 0.0, 1.0].into_iter().zip(at) {
                assert!((a.value(x) - y).abs() < 1e-6, "{a:?} {x} {} {y}", a.value(x));
            }
        }
    }

    #[test]
    fn extremes_stay_in_range_and_nan_shows() {
        for a in Activation::ALL {
            assert!(a.value(f32::NAN).is_nan(), "{a:?}");
            let bounded = !matches!(a, Linear | Relu | LeakyRelu | Gelu | Silu | Softmax);
            for x in [-3e38f32, -90.0, 90.0, 3e38, f32::INFINITY, f32::NEG_INFINITY] {
                let y = a.value(x);
                // The sine of an infinity does not exist.
                let none = x.is_infinite()
                    && matches!(a, Sin | SinSymmetric | Cos | CosSymmetric | Gelu | Silu);
                assert!(!bounded || none || (-1.0..=1.0).contains(&y), "{a:?} {x} {y}");
            }
        }
    }

    #[test]
    fn slopes_match_differences() {
        for a in Activation::ALL {
            if matches!(a, Softmax | SigmoidStepwise | TanhStepwise) {
                continue;
            }
            for x in [-2.3f32, -0.8, 0.4, 0.9, 1.7] {
                let value = |x: f32| f64::from(a.value(x));
                let slope = (value(x + 1e-2) - value(x - 1e-2)) / 2e-2;
                let told = f64::from(a.slope(x, a.value(x)));
                assert!((slope - told).abs() < 3e-4, "{a:?} {x} {slope} {told}");
            }
        }
    }
}
