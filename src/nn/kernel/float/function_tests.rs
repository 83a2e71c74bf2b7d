//! Every table's activations, slopes and updates against double precision.

use std::vec::Vec;

use super::tests::{Draw, tables};
use super::*;
use Activation::*;

/// Distance in units in the last place of `want`, which at subnormal numbers
/// are as large as at the smallest normal one.
fn ulps(got: f32, want: f64) -> f64 {
    if f64::from(want as f32) == f64::from(got) || (want.is_nan() && got.is_nan()) {
        return 0.0;
    }
    let exponent = libm::ilogb(want).clamp(-126, 127);
    (f64::from(got) - want).abs() / libm::exp2(f64::from(exponent - 23))
}

/// Numbers of all sizes, the special ones among them.
fn numbers() -> Vec<f32> {
    // Emulated processors are slow.
    let step = if cfg!(target_arch = "x86_64") { 1 } else { 25 };
    let bits = (0..=u32::MAX).step_by(39_119 * step);
    let mut all: Vec<f32> = bits.map(f32::from_bits).collect();
    all.extend((-24_000..24_000).step_by(step).map(|i| i as f32 / 200.0));
    all.extend((-24_000..24_000).step_by(step).map(|i| i as f32 / 30_000.0));
    all.extend([0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN]);
    all.extend([f32::MIN_POSITIVE, 1e-45, -1e-45, 88.722_83, 88.722_84, -87.4, -103.97, -103.98]);
    all
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// The function in double precision, as `Activation::value` has it in single.
fn exact(function: Activation, x: f64) -> f64 {
    let below = |x: f64| 0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2);
    match function {
        Softmax => libm::exp(x),
        Sigmoid => sigmoid(x),
        Tanh => libm::tanh(x),
        Gelu if x == f64::NEG_INFINITY => 0.0,
        Gelu => x * below(x),
        Silu if x == f64::NEG_INFINITY => 0.0,
        Silu => x * sigmoid(x),
        Gaussian => libm::exp(-x * x),
        GaussianSymmetric => 2.0 * libm::exp(-x * x) - 1.0,
        Sin => 0.5 * libm::sin(x) + 0.5,
        SinSymmetric => libm::sin(x),
        Cos => 0.5 * libm::cos(x) + 0.5,
        CosSymmetric => libm::cos(x),
        _ => f64::from(function.value(x as f32)),
    }
}

#[test]
fn activations_are_within_their_errors() {
    let numbers = numbers();
    for (kernel, k) in tables() {
        for function in Activation::ALL {
            let mut values = numbers.clone();
            (k.activate)(function, 1.0, &mut values);
            let mut worst = (0.0, 0.0);
            for (x, y) in numbers.iter().zip(values) {
                let want = exact(function, f64::from(*x));
                assert_eq!(y.is_nan(), want.is_nan(), "{kernel:?} {function:?} {x} {y} {want}");
                assert_eq!(
                    y.is_infinite(),
                    (want as f32).is_infinite(),
                    "{kernel:?} {function:?} {x}"
                );
                let error = match function {
                    // In units of the last place of 1.
                    GaussianSymmetric | Sin | SinSymmetric | Cos | CosSymmetric | Elliot
                    | SigmoidStepwise | TanhStepwise => {
                        if want.is_nan() {
                            0.0
                        } else {
                            (f64::from(y) - want).abs() * 8_388_608.0
                        }
                    }
                    // A subnormal share times the sum.
                    Gelu | Silu if (f64::from(y) - want).abs() < 1e-43 => 0.0,
                    _ => ulps(y, want),
                };
                if error > worst.0 {
                    worst = (error, *x);
                }
            }
            let most = match function {
                Gelu => 8.0,
                Sigmoid | Silu | Gaussian => 3.0,
                Softmax | Tanh | GaussianSymmetric => 2.0,
                _ => 0.84,
            };
            assert!(worst.0 <= most, "{kernel:?} {function:?} {worst:?}");
        }
    }
}

#[test]
fn slopes_are_those_of_the_activations() {
    let mut draw = Draw::new(6);
    let sums: Vec<f32> = (0..700).map(|_| 6.0 * draw.float()).collect();
    for (kernel, k) in tables() {
        for (function, steepness) in
            Activation::ALL.into_iter().zip([1.0f32, 0.5, 2.0].into_iter().cycle())
        {
            let mut outputs = sums.clone();
            (k.activate)(function, steepness, &mut outputs);
            let needed = if function.slope_needs_sum() { &sums[..] } else { &[] };
            for fann in [false, true] {
                let mut delta = std::vec![0.5; sums.len()];
                (k.slope)(function, steepness, fann, needed, &outputs, &mut delta);
                for ((x, y), delta) in sums.iter().zip(&outputs).zip(delta) {
                    let y = match function {
                        Sigmoid | SigmoidStepwise if fann => y.clamp(0.01, 0.99),
                        Tanh | TanhStepwise if fann => y.clamp(-0.98, 0.98),
                        _ => *y,
                    };
                    let slope = match function {
                        LinearPiece | LinearPieceSymmetric if fann => 1.0,
                        _ => function.slope(steepness * x, y),
                    };
                    let want = 0.5 * steepness * slope;
                    assert!(
                        (delta - want).abs() < 2e-6,
                        "{kernel:?} {function:?} {x} {delta} {want}"
                    );
                }
            }
        }
    }
}

#[test]
fn slopes_at_the_ends_are_numbers() {
    for (kernel, k) in tables() {
        for function in Activation::ALL {
            let sums = [f32::INFINITY, f32::NEG_INFINITY, 3e38, -3e38, 300.0, -300.0];
            let mut outputs = sums;
            (k.activate)(function, 1.0, &mut outputs);
            if outputs.iter().any(|y| y.is_nan()) || function == Softmax {
                continue;
            }
            let mut delta = [1.0; 6];
            (k.slope)(function, 1.0, false, &sums, &outputs, &mut delta);
            assert!(
                delta.iter().all(|d| (-1.0..=1.0).contains(d)),
                "{kernel:?} {function:?} {delta:?}"
            );
        }
    }
}

#[test]
fn softmax_rows() {
    for (kernel, k) in tables() {
        let mut draw = Draw::new(7);
        for n in 1..100 {
            let offset = 300.0 * draw.float();
            let row: Vec<f32> = (0..n).map(|_| offset + 20.0 * draw.float()).collect();
            let mut got = row.clone();
            (k.softmax)(0.5, &mut got);
            let e: Vec<f64> = row.iter().map(|x| libm::exp(0.5 * f64::from(*x))).collect();
            let sum: f64 = e.iter().sum();
            for (got, e) in got.iter().zip(e) {
                assert!((f64::from(*got) / (e / sum) - 1.0).abs() < 2e-5, "{kernel:?} {n}");
            }
        }
        let mut row = [f32::NEG_INFINITY, 1.0, 1.0];
        (k.softmax)(1.0, &mut row);
        assert_eq!(row, [0.0, 0.5, 0.5]);
        let mut row = [f32::NAN; 3];
        (k.softmax)(1.0, &mut row);
        assert!(row.iter().all(|y| y.is_nan()));
    }
}

/// Parameters, gradient and three memories of an optimiser, with some zeros.
fn state(draw: &mut Draw, n: usize) -> [Vec<f32>; 5] {
    core::array::from_fn(|_| {
        (0..n).map(|_| if draw.whole(0, 5) == 0 { 0.0 } else { draw.float() }).collect()
    })
}

fn assert_close(kernel: Kernel, got: &[&[f32]], want: &[&[f32]]) {
    for (got, want) in got.iter().zip(want) {
        for (i, (a, b)) in got.iter().zip(*want).enumerate() {
            let near = (a - b).abs() <= 2e-6 * b.abs().max(1.0);
            assert!(near || a == b, "{kernel:?} {i}: {a} {b}");
        }
    }
}

fn sign(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

#[test]
fn rprop_updates() {
    let r = RpropStep { min: 1e-3, max: 0.7, increase: 1.2, decrease: 0.5 };
    for (kernel, k) in tables() {
        let mut draw = Draw::new(8);
        for n in 1..150 {
            let [w, g, last, steps, changes] = state(&mut draw, n);
            let steps: Vec<f32> = steps.iter().map(|x| x.abs()).collect();

            let (mut a, mut b, mut c) = (w.clone(), last.clone(), steps.clone());
            (k.fann_rprop)(r, &mut a, &g, &mut b, &mut c);
            let (mut a2, mut b2, mut c2) = (w.clone(), last.clone(), steps.clone());
            for i in 0..n {
                let before = steps[i].max(1e-4);
                let turned = last[i] * g[i] < 0.0;
                c2[i] = if turned { (before * 0.5).max(r.min) } else { (before * 1.2).min(r.max) };
                b2[i] = if turned { 0.0 } else { g[i] };
                a2[i] = w[i] + if b2[i] > 0.0 { -c2[i] } else { c2[i] };
            }
            assert_close(kernel, &[&a, &b, &c], &[&a2, &b2, &c2]);

            for (plus, grown) in [(false, false), (true, false), (true, true)] {
                let (mut a, mut b, mut c) = (w.clone(), last.clone(), steps.clone());
                let mut d = changes.clone();
                let good = if plus {
                    (k.irprop_plus)(r, grown, &mut a, &g, &mut b, &mut c, &mut d)
                } else {
                    (k.irprop_minus)(r, &mut a, &g, &mut b, &mut c)
                };
                assert!(good);
                let (mut a2, mut b2, mut c2) = (w.clone(), g.clone(), steps.clone());
                let mut d2 = changes.clone();
                for i in 0..n {
                    let same = sign(g[i]) * sign(last[i]);
                    if same < 0.0 {
                        c2[i] = (steps[i] * 0.5).max(r.min);
                        b2[i] = 0.0;
                        d2[i] = if plus && grown { -changes[i] } else { 0.0 };
                    } else {
                        if same > 0.0 {
                            c2[i] = (steps[i] * 1.2).min(r.max);
                        }
                        d2[i] = -sign(g[i]) * c2[i];
                    }
                    a2[i] += d2[i];
                }
                assert_close(kernel, &[&a, &b, &c], &[&a2, &b2, &c2]);
                if plus {
                    assert_close(kernel, &[&d], &[&d2]);
                }
            }
        }
        let (mut w, mut last, mut steps) = ([1499.99f32, -1499.99], [0.0; 2], [0.5; 2]);
        (k.fann_rprop)(r, &mut w, &[-1.0, 1.0], &mut last, &mut steps);
        assert_eq!(w, [1500.0, -1500.0]);
    }
}

#[test]
fn other_updates() {
    for (kernel, k) in tables() {
        let mut draw = Draw::new(9);
        for n in 1..150 {
            let [w, g, first, second, _] = state(&mut draw, n);

            let mut a = w.clone();
            assert!((k.descend)(0.3, &mut a, &g));
            assert_close(kernel, &[&a], &[&(0..n).map(|i| w[i] - 0.3 * g[i]).collect::<Vec<_>>()]);

            for nesterov in [false, true] {
                let (mut a, mut b) = (w.clone(), first.clone());
                let step = MomentumStep { rate: 0.1, momentum: 0.9, nesterov };
                assert!((k.momentum)(step, &mut a, &g, &mut b));
                let (mut a2, mut b2) = (w.clone(), first.clone());
                for i in 0..n {
                    b2[i] = 0.9 * first[i] - 0.1 * g[i];
                    a2[i] += if nesterov { 0.9 * b2[i] - 0.1 * g[i] } else { b2[i] };
                }
                assert_close(kernel, &[&a, &b], &[&a2, &b2]);
            }

            {
                let squares: Vec<f32> = second.iter().map(|x| x.abs()).collect();
                let (mut a, mut b, mut c) = (w.clone(), first.clone(), squares.clone());
                let (beta1, beta2, epsilon, unbias) = (0.9, 0.99, 1e-3, [1.5, 3.0]);
                let step = AdamStep { rate: 0.01, beta1, beta2, epsilon, unbias };
                assert!((k.adam)(step, &mut a, &g, &mut b, &mut c));
                let (mut a2, mut b2, mut c2) = (w.clone(), first.clone(), squares.clone());
                for i in 0..n {
                    b2[i] = 0.9 * b2[i] + (1.0 - 0.9f32) * g[i];
                    c2[i] = 0.99 * c2[i] + (1.0 - 0.99f32) * g[i] * g[i];
                    let step = b2[i] * 1.5 / (libm::sqrtf(c2[i] * 3.0) + epsilon);
                    a2[i] -= 0.01 * step;
                }
                assert_close(kernel, &[&a, &b, &c], &[&a2, &b2, &c2]);
            }

            // No slope twice has no parabola.
            let g: Vec<f32> = g.iter().map(|g| if *g == 0.0 { 0.25 } else { *g }).collect();
            let (mut a, mut b, mut c) = (w.clone(), first.clone(), second.clone());
            let step = QuickStep { rate: 0.1, decay: -1e-4, mu: 1.75 };
            assert!((k.quickprop)(step, &mut a, &g, &mut b, &mut c));
            for i in 0..n {
                let slope = -1e-4 * w[i] - g[i];
                let (last, step) = (first[i], second[i]);
                let mut next = 0.0;
                if step > 0.001 {
                    next = if slope > 0.0 { 0.1 * slope } else { 0.0 };
                    let steep = slope > 1.75 / 2.75 * last;
                    next += if steep { 1.75 * step } else { step * slope / (last - slope) };
                } else if step < -0.001 {
                    next = if slope < 0.0 { 0.1 * slope } else { 0.0 };
                    let steep = slope < 1.75 / 2.75 * last;
                    next += if steep { 1.75 * step } else { step * slope / (last - slope) };
                } else {
                    next += 0.1 * slope;
                }
                // Where slopes nearly agree the quotient magnifies rounding.
                let near = (c[i] - next).abs() <= 1e-4 * (1.0 + next.abs());
                assert!(near && b[i] == slope, "{kernel:?} {next} {}", c[i]);
                assert_eq!(a[i], (w[i] + c[i]).clamp(-1500.0, 1500.0));
            }
        }
    }
}

#[test]
fn numbers_that_would_not_be_finite_stay_and_are_told() {
    for (_, k) in tables() {
        for n in 1..40 {
            for at in 0..n {
                let mut w = std::vec![1.0; n];
                let mut g = w.clone();
                (w[at], g[at]) = (-f32::MAX, f32::MAX);
                assert!((k.finite)(&g));
                assert!(!(k.descend)(2.0, &mut w, &g));
                assert!(
                    w.iter().enumerate().all(|(i, w)| *w == if i == at { -f32::MAX } else { -1.0 })
                );
                for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    g[at] = bad;
                    assert!(!(k.finite)(&g));
                }
            }
        }
    }
}
