//! Integer layers against published test vectors of the vendors: CMSIS-NN's and
//! TensorFlow Lite Micro's.

use neural_swarm::nn::Kernel;
use neural_swarm::nn::Rounding;
use neural_swarm::nn::kernel::{Requantize, dense_i8, dense_i16, dense_i16x8, multiplier};

/// A layer in its vendor's words: sums of `(input + input offset) * weight`, one
/// multiplier and shift for all units.
#[derive(Default)]
struct Vendor {
    name: String,
    wide: bool,
    inputs: usize,
    units: usize,
    multiplier: i32,
    shift: i8,
    input_offset: i64,
    output_offset: i16,
    limits: (i16, i16),
    biases: Vec<i64>,
    weights: Vec<i8>,
    x: Vec<i16>,
    y: Vec<i16>,
}

impl Vendor {
    /// Runs it on all kernels that there are, by both rules.
    fn check(&self) {
        let factors = vec![self.multiplier; self.units];
        let shifts = vec![self.shift; self.units];
        let rows = self.weights.chunks(self.inputs);
        let folded = rows.map(|row| row.iter().map(|w| i64::from(*w)).sum::<i64>());
        let biases: Vec<i64> =
            self.biases.iter().zip(folded).map(|(b, sum)| b + self.input_offset * sum).collect();
        let mut kernels = 0;
        for kernel in Kernel::ALL {
            for rounding in [Rounding::Single, Rounding::Double] {
                let how = Requantize {
                    factors: &factors,
                    shifts: &shifts,
                    zero_point: self.output_offset,
                    clamp: self.limits,
                    rounding,
                };
                let Some(got) = self.run(kernel, &how, &biases) else { continue };
                assert_eq!(got, self.y, "{} {kernel:?} {rounding:?}", self.name);
                kernels += 1;
            }
        }
        assert!(kernels >= 2, "{}", self.name);
    }

    fn run(&self, kernel: Kernel, how: &Requantize<'_>, biases: &[i64]) -> Option<Vec<i16>> {
        let mut y = vec![0; self.y.len()];
        if self.wide {
            dense_i16x8(kernel, &self.x, &self.weights, biases, how, &mut y).ok()?;
            let (w, mut same): (Vec<i16>, _) =
                (self.weights.iter().map(|w| i16::from(*w)).collect(), vec![0; y.len()]);
            dense_i16(kernel, &self.x, &w, biases, how, &mut same).unwrap();
            assert_eq!(y, same, "{} {kernel:?}", self.name);
            return Some(y);
        }
        let x: Vec<i8> = self.x.iter().map(|x| i8::try_from(*x).unwrap()).collect();
        let biases: Vec<i32> = biases.iter().map(|b| i32::try_from(*b).unwrap()).collect();
        let mut small = vec![0; y.len()];
        dense_i8(kernel, &x, &self.weights, &biases, how, &mut small).ok()?;
        y.iter_mut().zip(small).for_each(|(y, small)| *y = small.into());
        Some(y)
    }
}

/// The numbers behind a word, to the next word.
fn numbers<T: std::str::FromStr>(words: &mut std::str::SplitAsciiWhitespace<'_>) -> Vec<T> {
    let mut numbers = Vec::new();
    while let Some(number) = words.clone().next().and_then(|word| word.parse().ok()) {
        numbers.push(number);
        words.next();
    }
    numbers
}

#[test]
fn cmsis_nn() {
    let text = include_str!("data/cmsis-nn.txt");
    let plain: String =
        text.lines().filter(|l| !l.starts_with('#')).map(|l| format!("{l}\n")).collect();
    let mut outputs = 0;
    for part in plain.split("layer ").skip(1) {
        let (title, rest) = part.split_once('\n').unwrap();
        let mut layer =
            Vendor { name: title.to_owned(), wide: title.ends_with("i16x8"), ..Vendor::default() };
        let mut words = rest.split_ascii_whitespace();
        while let Some(word) = words.next() {
            match word {
                "sizes" => {
                    let sizes: Vec<usize> = numbers(&mut words);
                    (layer.inputs, layer.units) = (sizes[0], sizes[1]);
                }
                "quantization" => {
                    let q: Vec<i64> = numbers(&mut words);
                    (layer.multiplier, layer.shift) = (q[0] as i32, q[1] as i8);
                    (layer.input_offset, layer.output_offset) = (q[2], q[3] as i16);
                    layer.limits = (q[4] as i16, q[5] as i16);
                }
                "biases" => layer.biases = numbers(&mut words),
                "weights" => layer.weights = numbers(&mut words),
                "inputs" => layer.x = numbers(&mut words),
                "outputs" => layer.y = numbers(&mut words),
                other => panic!("{other}"),
            }
        }
        layer.check();
        outputs += layer.y.len();
    }
    assert_eq!(outputs, 85);
}

/// The quantised layers of tensorflow/lite/micro/kernels/fully_connected_test.cc
/// in <https://github.com/tensorflow/tflite-micro> (The TensorFlow Authors, Apache
/// License 2.0), of which it asks for no tolerance: SimpleTestQuantizedInt8, its
/// Relu, its NullBias, SimpleTestQuantizedInt16.
#[test]
fn tflite_micro() {
    let rows = [[1, 2, 3, 4, 5, 6, 7, 8, -9, -10], [1, 2, 3, 4, 5, 6, 7, -8, 9, -10]];
    let up: Vec<i8> = (1..=10).collect();
    let down: Vec<i8> = up.iter().map(|w| -w).collect();
    let same = [&up[..], &up, &up].concat();
    let layer = |name: &str, wide, biases: [i64; 3], weights: &[i8], golden: [i16; 6]| {
        // Scales: input 1 and output 0.5, or both 1/512; weights 1.
        let (one, factor) = if wide { (512, 1.0) } else { (1, 2.0) };
        let zero_point = match name {
            "Relu" => -128,
            _ if wide => 0,
            _ => -1,
        };
        let limits = if wide { (i16::MIN, i16::MAX) } else { (-128, 127) };
        let (multiplier, shift) = multiplier(factor).unwrap();
        let input_zero_point = if wide { 0 } else { -1 };
        Vendor {
            name: name.to_owned(),
            wide,
            inputs: 10,
            units: 3,
            multiplier,
            shift,
            input_offset: -input_zero_point,
            output_offset: zero_point,
            limits: (if name == "Relu" { zero_point } else { limits.0 }, limits.1),
            biases: biases.map(|b| b * i64::from(one)).to_vec(),
            weights: weights.to_vec(),
            x: rows.iter().flatten().map(|x| x * one + input_zero_point as i16).collect(),
            y: golden.iter().map(|y| y * if wide { 512 } else { 2 } + zero_point).collect(),
        }
        .check();
    };
    layer("Int8", false, [1, 2, 3], &same, [24, 25, 26, 58, 59, 60]);
    layer("NullBias", false, [0; 3], &same, [23, 23, 23, 57, 57, 57]);
    layer("Relu", false, [1, -2, 3], &[&up[..], &down, &up].concat(), [24, 0, 26, 58, 0, 60]);
    layer("Int16", true, [1, 2, 3], &same, [24, 25, 26, 58, 59, 60]);
}

/// What tensorflow/lite/kernels/internal/quantization_util_test.cc in
/// <https://github.com/tensorflow/tensorflow> (The TensorFlow Authors, Apache License
/// 2.0) expects of QuantizeMultiplier and its like, where ours is not limited
/// otherwise.
#[test]
fn litert_multipliers() {
    let power = |exponent| f64::from(2.0f32.powi(exponent));
    for (factor, expected) in [
        (0.25, (1_073_741_824, -1)),
        (0.50 - 5e-9, (2_147_483_627, -1)),
        (0.50 - 1e-10, (1_073_741_824, 0)),
        (0.50, (1_073_741_824, 0)),
        (0.75, (1_610_612_736, 0)),
        (1.0 - 1e-9, (2_147_483_646, 0)),
        (1.0 + 1e-11, (1_073_741_824, 1)),
        (1.25, (1_342_177_280, 1)),
        (1.50, (1_610_612_736, 1)),
        (1.75, (1_879_048_192, 1)),
        (2.0 - 1e-9, (2_147_483_647, 1)),
        (2.0 - 1e-11, (1_073_741_824, 2)),
        (2.0, (1_073_741_824, 2)),
        (power(-31), (1_073_741_824, -30)),
        (power(-32), (1_073_741_824, -31)),
        (f64::from(0.99f32) * power(-32), (0, 0)),
        (power(-33), (0, 0)),
        (0.125, (1_073_741_824, -2)),
        (0.0, (0, 0)),
        (1.0, (1_073_741_824, 1)),
        (4.0, (1_073_741_824, 3)),
    ] {
        assert_eq!(multiplier(factor), Ok(expected), "{factor}");
    }
}

/// The same file's products of MultiplyByQuantizedMultiplier, as one weight of 0 and
/// a bias. Those with 64 bits are of the older rule, [`Rounding::Double`] here; the
/// new one is nearer to the product where the two differ.
#[test]
fn litert_products() {
    let product = |x: i64, (factor, shift): (i32, i8), rounding| {
        let how = Requantize {
            factors: &[factor],
            shifts: &[shift],
            zero_point: 0,
            clamp: (i16::MIN, i16::MAX),
            rounding,
        };
        let mut y = [0i16];
        dense_i16x8(Kernel::Portable, &[0], &[0], &[x], &how, &mut y).unwrap();
        y[0]
    };
    let small = |x: i32, factor: (i32, i8), rounding| {
        let how = Requantize {
            factors: &[factor.0],
            shifts: &[factor.1],
            zero_point: 0,
            clamp: (-128, 127),
            rounding,
        };
        let mut y = [0i8];
        dense_i8(Kernel::Portable, &[0], &[0], &[x], &how, &mut y).unwrap();
        y[0]
    };
    for rounding in [Rounding::Single, Rounding::Double] {
        for (x, factor, expected) in
            [(0, 0.1, 0), (1, 0.0, 0), (10_000, 0.000_976_56, 10), (-10_000, 0.000_976_56, -10)]
        {
            let factor = multiplier(factor).unwrap();
            assert_eq!(small(x, factor, rounding), expected);
            assert_eq!(product(x.into(), factor, rounding), i16::from(expected));
        }
    }
    let (x, most) = ((1i64 << 47) - 1, (i32::MAX, -31));
    // The expected 65,534 is beyond int16; so half of it.
    let half = |rounding| (product(x / 2, most, rounding), product(-x / 2, most, rounding));
    assert_eq!(half(Rounding::Double), (32_767, -32_767));
    assert_eq!(half(Rounding::Single), (32_767, -32_768));
}
