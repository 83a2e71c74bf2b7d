//! The function after a layer's weighted sum, and its derivative.

/// What a layer applies to its weighted sums. The discriminants are those of
/// the C header and of the model format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Activation {
    /// `x`
    #[default]
    Linear = 0,
    /// `1 / (1 + exp(-x))`, in 0..1
    Sigmoid = 1,
    /// `tanh(x)`, in -1..1
    Tanh = 2,
    /// `max(x, 0)`
    Relu = 3,
    /// `exp(x_i) / sum(exp(x))` over the layer; only for the last layer.
    Softmax = 4,
}

impl Activation {
    /// The activation with this number, if there is one.
    pub const fn from_code(code: u32) -> Option<Activation> {
        Some(match code {
            0 => Activation::Linear,
            1 => Activation::Sigmoid,
            2 => Activation::Tanh,
            3 => Activation::Relu,
            4 => Activation::Softmax,
            _ => return None,
        })
    }

    /// Its number in the C header and in model files.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// Applies it in place to rows of `units` values.
    pub(crate) fn apply(self, values: &mut [f32], units: usize) {
        match self {
            Activation::Linear => {}
            Activation::Sigmoid => values.iter_mut().for_each(|x| *x = sigmoid(*x)),
            Activation::Tanh => values.iter_mut().for_each(|x| *x = libm::tanhf(*x)),
            // Written so that NaN stays NaN.
            Activation::Relu => {
                values.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x })
            }
            Activation::Softmax => values.chunks_exact_mut(units).for_each(softmax),
        }
    }

    /// Turns the loss's slope by the outputs (`delta`) into its slope by the
    /// weighted sums, given the outputs.
    pub(crate) fn backward(self, outputs: &[f32], delta: &mut [f32], units: usize) {
        match self {
            Activation::Linear => {}
            Activation::Sigmoid => each(outputs, delta, |y| y * (1.0 - y)),
            Activation::Tanh => each(outputs, delta, |y| 1.0 - y * y),
            Activation::Relu => each(outputs, delta, |y| if y > 0.0 { 1.0 } else { 0.0 }),
            Activation::Softmax => {
                // Jacobian: diag(y) - y y^T.
                for (y, d) in outputs.chunks_exact(units).zip(delta.chunks_exact_mut(units)) {
                    let dot: f32 = y.iter().zip(d.iter()).map(|(y, d)| y * d).sum();
                    y.iter().zip(d.iter_mut()).for_each(|(y, d)| *d = y * (*d - dot));
                }
            }
        }
    }
}

fn each(outputs: &[f32], delta: &mut [f32], slope: impl Fn(f32) -> f32) {
    for (y, d) in outputs.iter().zip(delta) {
        *d *= slope(*y);
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

fn softmax(row: &mut [f32]) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for x in row.iter_mut() {
        *x = libm::expf(*x - max);
        sum += *x;
    }
    // At least one term is exp(0) = 1, so the sum is never zero.
    row.iter_mut().for_each(|x| *x /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 5] = [
        Activation::Linear,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::Softmax,
    ];

    #[test]
    fn codes_go_there_and_back() {
        for a in ALL {
            assert_eq!(Activation::from_code(a.code()), Some(a));
        }
        assert_eq!(Activation::from_code(5), None);
    }

    #[test]
    fn known_values() {
        let x = [-2.0f32, 0.0, 1.0];
        let run = |a: Activation| {
            let mut y = x;
            a.apply(&mut y, 3);
            y
        };
        assert_eq!(run(Activation::Linear), x);
        assert_eq!(run(Activation::Relu), [0.0, 0.0, 1.0]);
        let near = |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(run(Activation::Sigmoid), [0.119_202_92, 0.5, 0.731_058_6]));
        assert!(near(run(Activation::Tanh), [-0.964_027_6, 0.0, 0.761_594_2]));
        assert!(near(run(Activation::Softmax), [0.035_119_03, 0.259_496_5, 0.705_384_5]));
    }

    #[test]
    fn extremes_stay_in_range_and_nan_shows() {
        for a in [Activation::Sigmoid, Activation::Tanh, Activation::Softmax] {
            let mut y = [-3e38f32, 3e38, 0.0, 3e38];
            a.apply(&mut y, 4);
            assert!(y.iter().all(|y| (-1.0..=1.0).contains(y)), "{a:?} {y:?}");
        }
        for a in ALL {
            let mut y = [f32::NAN, 1.0];
            a.apply(&mut y, 2);
            assert!(y[0].is_nan(), "{a:?}");
        }
    }

    #[test]
    fn slopes_match_differences() {
        let weight = [0.3f32, -0.7, 1.1];
        for a in ALL {
            let x = [-0.8f32, 0.4, 0.9];
            let value = |x: [f32; 3]| -> f64 {
                let mut y = x;
                a.apply(&mut y, 3);
                y.iter().zip(weight).map(|(y, w)| f64::from(*y) * f64::from(w)).sum()
            };
            let mut y = x;
            a.apply(&mut y, 3);
            let mut delta = weight;
            a.backward(&y, &mut delta, 3);
            for i in 0..3 {
                let (mut up, mut down) = (x, x);
                up[i] += 1e-2;
                down[i] -= 1e-2;
                let slope = (value(up) - value(down)) / 2e-2;
                assert!((slope - f64::from(delta[i])).abs() < 1e-4, "{a:?} {i}");
            }
        }
    }
}
