//! FANN's activation functions and their derivatives, one value at a time and
//! with its roundings: where it computes in double, so does this.

use super::lanes::Lanes;
use super::math::exp_with;

/// An activation function under its number in FANN. (9, the stepwise gaussian,
/// is a stub there that returns 0; the two last ones came after version 2.2.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Function {
    Linear = 0,
    Threshold = 1,
    ThresholdSymmetric = 2,
    Sigmoid = 3,
    SigmoidStepwise = 4,
    SigmoidSymmetric = 5,
    SigmoidSymmetricStepwise = 6,
    Gaussian = 7,
    GaussianSymmetric = 8,
    Elliot = 10,
    ElliotSymmetric = 11,
    LinearPiece = 12,
    LinearPieceSymmetric = 13,
    SinSymmetric = 14,
    CosSymmetric = 15,
    Sin = 16,
    Cos = 17,
    LeakyRelu = 18,
    Relu = 19,
}

impl Function {
    /// The function with this number, if there is one.
    #[cfg(test)]
    pub const fn from_code(code: u32) -> Option<Function> {
        use Function::*;
        Some(match code {
            0 => Linear,
            1 => Threshold,
            2 => ThresholdSymmetric,
            3 => Sigmoid,
            4 => SigmoidStepwise,
            5 => SigmoidSymmetric,
            6 => SigmoidSymmetricStepwise,
            7 => Gaussian,
            8 => GaussianSymmetric,
            10 => Elliot,
            11 => ElliotSymmetric,
            12 => LinearPiece,
            13 => LinearPieceSymmetric,
            14 => SinSymmetric,
            15 => CosSymmetric,
            16 => Sin,
            17 => Cos,
            18 => LeakyRelu,
            19 => Relu,
            _ => return None,
        })
    }

    /// Whether FANN halves the difference at an output with this function.
    pub const fn halves(self) -> bool {
        use Function::*;
        matches!(
            self,
            ThresholdSymmetric
                | SigmoidSymmetric
                | SigmoidSymmetricStepwise
                | GaussianSymmetric
                | ElliotSymmetric
                | LinearPieceSymmetric
                | SinSymmetric
                | CosSymmetric
        )
    }

    /// Whether its derivative needs the sum and not only the value.
    pub const fn needs_sums(self) -> bool {
        use Function::*;
        matches!(
            self,
            Gaussian
                | GaussianSymmetric
                | Elliot
                | ElliotSymmetric
                | SinSymmetric
                | CosSymmetric
                | Sin
                | Cos
        )
    }
}

/// What goes into the function: the weighted sum times the steepness, held
/// within 150 / steepness.
#[inline(always)]
pub(crate) fn steep(steepness: f32, sum: f32) -> f32 {
    let sum = steepness * sum;
    let most = 150.0 / steepness;
    if sum > most {
        most
    } else if sum < -most {
        -most
    } else {
        sum
    }
}

/// The function's value.
#[inline(always)]
pub(super) fn value<V: Lanes>(function: Function, sum: f32) -> f32 {
    let exp = exp_with::<V>;
    let wide = f64::from(sum);
    match function {
        Function::Linear => sum,
        Function::Threshold => threshold(sum, 0.0),
        Function::ThresholdSymmetric => threshold(sum, -1.0),
        Function::Sigmoid => (1.0 / (1.0 + exp(f64::from(-2.0 * sum)))) as f32,
        Function::SigmoidSymmetric => (2.0 / (1.0 + exp(f64::from(-2.0 * sum))) - 1.0) as f32,
        Function::SigmoidStepwise => stepwise(&STEPS, 0.0, sum),
        Function::SigmoidSymmetricStepwise => stepwise(&SYMMETRIC_STEPS, -1.0, sum),
        Function::Gaussian => exp(f64::from(-sum * sum)) as f32,
        Function::GaussianSymmetric => (exp(f64::from(-sum * sum)) * 2.0 - 1.0) as f32,
        Function::Elliot => (sum / 2.0) / (1.0 + sum.abs()) + 0.5,
        Function::ElliotSymmetric => sum / (1.0 + sum.abs()),
        Function::LinearPiece => piece(sum, 0.0),
        Function::LinearPieceSymmetric => piece(sum, -1.0),
        Function::SinSymmetric => sin(wide) as f32,
        Function::CosSymmetric => cos(wide) as f32,
        Function::Sin => (sin(wide) / 2.0 + 0.5) as f32,
        Function::Cos => (cos(wide) / 2.0 + 0.5) as f32,
        Function::LeakyRelu => {
            if sum < 0.0 {
                (wide * 0.01) as f32
            } else {
                sum
            }
        }
        Function::Relu => {
            if sum < 0.0 {
                0.0
            } else {
                sum
            }
        }
    }
}

/// Its derivative by the weighted sum, given what [`steep`] and [`value`] gave.
#[inline(always)]
pub(crate) fn slope(function: Function, steepness: f32, value: f32, sum: f32) -> f32 {
    let angle = f64::from(steepness * sum);
    match function {
        Function::Linear | Function::LinearPiece | Function::LinearPieceSymmetric => steepness,
        Function::Threshold | Function::ThresholdSymmetric => 0.0,
        Function::Sigmoid | Function::SigmoidStepwise => {
            let value = clip(value, 0.01, 0.99);
            2.0 * steepness * value * (1.0 - value)
        }
        Function::SigmoidSymmetric | Function::SigmoidSymmetricStepwise => {
            let value = clip(value, -0.98, 0.98);
            steepness * (1.0 - value * value)
        }
        Function::Gaussian => -2.0 * sum * value * steepness * steepness,
        Function::GaussianSymmetric => -2.0 * sum * (value + 1.0) * steepness * steepness,
        Function::Elliot => steepness / (2.0 * (1.0 + sum.abs()) * (1.0 + sum.abs())),
        Function::ElliotSymmetric => steepness / ((1.0 + sum.abs()) * (1.0 + sum.abs())),
        Function::SinSymmetric => (f64::from(steepness) * cos(angle)) as f32,
        Function::CosSymmetric => (f64::from(steepness) * -sin(angle)) as f32,
        Function::Sin => (f64::from(steepness) * cos(angle) / 2.0) as f32,
        Function::Cos => (f64::from(steepness) * -sin(angle) / 2.0) as f32,
        Function::LeakyRelu => {
            if value < 0.0 {
                (f64::from(steepness) * 0.01) as f32
            } else {
                steepness
            }
        }
        Function::Relu => {
            if value < 0.0 {
                0.0
            } else {
                steepness
            }
        }
    }
}

/// The error that is propagated for a difference, with FANN's error function
/// "tanh": large differences count for more.
#[inline(always)]
pub(crate) fn stretch(difference: f32) -> f32 {
    let wide = f64::from(difference);
    if wide < -0.999_999_9 {
        -17.0
    } else if wide > 0.999_999_9 {
        17.0
    } else {
        log((1.0 + wide) / (1.0 - wide)) as f32
    }
}

// Out of the way: they would make every function that they are inlined into slow
// to enter.
#[inline(never)]
fn sin(x: f64) -> f64 {
    libm::sin(x)
}

#[inline(never)]
fn log(x: f64) -> f64 {
    libm::log(x)
}

#[inline(never)]
fn cos(x: f64) -> f64 {
    libm::cos(x)
}

#[inline(always)]
fn threshold(sum: f32, low: f32) -> f32 {
    if sum < 0.0 { low } else { 1.0 }
}

#[inline(always)]
fn piece(sum: f32, low: f32) -> f32 {
    clip(sum, low, 1.0)
}

#[inline(always)]
fn clip(value: f32, low: f32, high: f32) -> f32 {
    if value < low {
        low
    } else if value > high {
        high
    } else {
        value
    }
}

/// Corners of a function made of straight lines: sums and values. FANN has
/// them as doubles with the values of floats.
type Steps = [(f32, f32); 6];

const STEPS: Steps = [
    (-2.646_652_5, 0.005),
    (-1.472_219_5, 0.05),
    (-0.549_306_15, 0.25),
    (0.549_306_15, 0.75),
    (1.472_219_3, 0.95),
    (2.646_653, 0.995),
];

const SYMMETRIC_STEPS: Steps = [
    (-2.646_653, -0.99),
    (-1.472_219_3, -0.9),
    (-0.549_306_15, -0.5),
    (0.549_306_15, 0.5),
    (1.472_219_3, 0.9),
    (2.646_653, 0.99),
];

#[inline(always)]
fn stepwise(steps: &Steps, low: f32, sum: f32) -> f32 {
    // NaN lies beyond every corner.
    if sum < steps[0].0 {
        return low;
    }
    for pair in steps.windows(2) {
        let [(x0, y0), (x1, y1)] = [pair[0], pair[1]].map(|(x, y)| (f64::from(x), f64::from(y)));
        if f64::from(sum) < x1 {
            return ((y1 - y0) * (f64::from(sum) - x0) / (x1 - x0) + y0) as f32;
        }
    }
    1.0
}
