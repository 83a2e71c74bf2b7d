//! INT8 quantisation, from the outside.

#[path = "common/data.rs"]
mod data;

use neural_swarm::Error;
use neural_swarm::nn::{
    Activation, Adam, Algorithm, Calibration, Data, Kernel, Layer, LayerError, Loss, Net,
    NetConfig, QNet, QNetConfig, Rounding, Topology, TrainParams, Trainer, TrainerConfig,
};
use neural_swarm::port::{Heap, Level, Logger};
use proptest::prelude::*;
use std::cell::RefCell;

fn quantise(net: &mut Net<'_>, samples: &[f32]) -> Result<QNet<'static>, Error> {
    QNet::new(&mut QNetConfig::new(net, samples), Heap)
}

/// An int8 network worked out from its model file by somebody who knows only
/// the documented format and the TFLite int8 specification: 128-bit integers,
/// no shared code.
fn reference(model: &[u8], input: &[i8]) -> Vec<i8> {
    let u32_at = |at: usize| u32::from_le_bytes(model[at..at + 4].try_into().unwrap());
    let i32_at = |at: usize| u32_at(at) as i32;
    let pad = |n: usize| n.div_ceil(4) * 4;
    let layers = u32_at(20) as usize;
    let mut at = 32 + 20 * layers;
    let shortcut = model[30] == 1;
    let mut x: Vec<i8> = input.to_vec();
    let mut last = x.len();
    for l in 0..layers {
        let record = 32 + 20 * l;
        let units = u32_at(record) as usize;
        let activation = model[record + 4];
        let zero = i128::from(model[record + 5] as i8);
        let (low, high) = (model[record + 8] as i8, model[record + 9] as i8);
        let weights = at;
        let biases = weights + pad(units * x.len());
        let factors = biases + 4 * units;
        let shifts = factors + 4 * units;
        let table = shifts + pad(units);
        let mut y: Vec<i8> = (0..units)
            .map(|u| {
                let sum: i128 = (0..x.len())
                    .map(|i| i128::from(x[i]) * i128::from(model[weights + u * x.len() + i] as i8))
                    .sum::<i128>()
                    + i128::from(i32_at(biases + 4 * u));
                let right = 31 - i32::from(model[shifts + u] as i8);
                let product = sum * i128::from(i32_at(factors + 4 * u));
                // Nearest, half up; or the high half first, half up, and then the
                // shift, half away from zero.
                let half_up = |x: i128, bits: i32| ((x << 1) + (1 << bits)) >> (bits + 1);
                let rounded = match model[29] {
                    0 => half_up(product, right),
                    _ => {
                        let high = half_up(product << (31 - right).max(0), 31);
                        let size = half_up(high.abs(), (right - 31).max(0));
                        if high < 0 { -size } else { size }
                    }
                };
                (zero + rounded).clamp(i128::from(low), i128::from(high)) as i8
            })
            .collect();
        at = table;
        match activation {
            1 | 2 => {
                y.iter_mut().for_each(|y| *y = model[table + (i32::from(*y) + 128) as usize] as i8);
                at += 256;
            }
            4 => {
                let max = i32::from(*y.iter().max().unwrap());
                let e: Vec<u64> = y
                    .iter()
                    .map(|y| {
                        let entry = table + 2 * (max - i32::from(*y)) as usize;
                        u64::from(u16::from_le_bytes([model[entry], model[entry + 1]]))
                    })
                    .collect();
                let sum: u64 = e.iter().sum();
                for (y, e) in y.iter_mut().zip(e) {
                    *y = (((e * 256 + sum / 2) / sum).min(255) as i32 - 128) as i8;
                }
                at += 512;
            }
            _ => {}
        }
        last = y.len();
        // With shortcuts the next layer sees all that has been.
        x = if shortcut { [x, y].concat() } else { y };
    }
    assert_eq!(at, model.len());
    x[x.len() - last..].to_vec()
}

fn activation() -> impl Strategy<Value = Activation> {
    prop_oneof![
        Just(Activation::Linear),
        Just(Activation::Sigmoid),
        Just(Activation::Tanh),
        Just(Activation::Relu)
    ]
}

fn shapes() -> impl Strategy<Value = (usize, Vec<Layer>, u64, Vec<f32>)> {
    let hidden = prop::collection::vec((1usize..40, activation()), 0..3);
    let last = (1usize..12, prop_oneof![activation(), Just(Activation::Softmax)]);
    (1usize..50, hidden, last, any::<u64>()).prop_flat_map(|(inputs, mut layers, last, seed)| {
        layers.push(last);
        let layers: Vec<Layer> = layers.into_iter().map(|(u, a)| Layer::new(u, a)).collect();
        let samples = prop::collection::vec(-3.0f32..3.0, inputs * 12);
        (Just(inputs), Just(layers), Just(seed), samples)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_kernel_gives_what_the_format_says((inputs, layers, seed, samples) in shapes()) {
        let topology = [Topology::Layered, Topology::Shortcut][seed as usize / 2 % 2];
        let config = NetConfig { topology, ..NetConfig::new(inputs, &layers).seed(seed) };
        let mut net = Net::new(&config, Heap).unwrap();
        let rounding = if seed % 2 == 0 { Rounding::Single } else { Rounding::Double };
        let config = &mut QNetConfig { rounding, ..QNetConfig::new(&mut net, &samples) };
        let mut q = QNet::new(config, Heap).unwrap();
        prop_assert_eq!(QNet::load(q.model(), Heap).unwrap().rounding(), rounding);
        for kernel in Kernel::ALL {
            if q.set_kernel(kernel).is_err() {
                prop_assert!(!kernel.available());
                continue;
            }
            for x in samples.chunks_exact(inputs) {
                let input: Vec<i8> = x.iter().map(|x| q.input_quantization().quantize(*x)).collect();
                let mut output = vec![0; q.outputs()];
                q.forward_i8(&input, &mut output).unwrap();
                prop_assert_eq!(&output, &reference(q.model(), &input));
                // Real values in and out are the same with the ends converted.
                let mut real = vec![0.0; q.outputs()];
                q.forward(x, &mut real).unwrap();
                let to = q.output_quantization();
                prop_assert!(output.iter().map(|y| to.dequantize(*y)).eq(real));
            }
        }
    }

    #[test]
    fn outputs_are_near_the_float_network((inputs, layers, seed, samples) in shapes()) {
        let topology = [Topology::Layered, Topology::Shortcut][seed as usize % 2];
        let config = NetConfig { topology, ..NetConfig::new(inputs, &layers).seed(seed) };
        let mut net = Net::new(&config, Heap).unwrap();
        let mut q = quantise(&mut net, &samples).unwrap();
        let outputs = q.outputs();
        let mut real = vec![0.0; samples.len() / inputs * outputs];
        net.forward_batch(&samples, samples.len() / inputs, &mut real).unwrap();
        let range = real.iter().fold(0f32, |m, y| m.max(y.abs())).max(0.05);
        let mut squares = 0.0;
        for (x, want) in samples.chunks_exact(inputs).zip(real.chunks_exact(outputs)) {
            let mut got = vec![0.0; outputs];
            q.forward(x, &mut got).unwrap();
            squares += got.iter().zip(want).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        }
        let error = (squares / real.len() as f32).sqrt();
        prop_assert!(error < 0.06 * range + 0.01, "{} of {} {:?}", error, range, layers);
    }
}

#[test]
fn digits_keep_their_accuracy() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/digits.u8");
    let Ok(bytes) = std::fs::read(path) else {
        data::skipped(format_args!("data/digits.u8 is not in this package"));
        return;
    };
    let images: Vec<&[u8]> = bytes.chunks_exact(65).collect();
    assert_eq!(images.len(), 1797);
    let pixels: Vec<f32> =
        images.iter().flat_map(|i| i[..64].iter().map(|p| f32::from(*p) / 16.0)).collect();
    let labels: Vec<usize> = images.iter().map(|i| usize::from(i[64])).collect();
    let targets: Vec<f32> =
        labels.iter().flat_map(|l| (0..10).map(move |k| f32::from(u8::from(k == *l)))).collect();
    let split = 1437;

    let layers = [Layer::new(32, Activation::Tanh), Layer::new(10, Activation::Softmax)];
    let mut net = Net::new(&NetConfig::new(64, &layers).seed(1), Heap).unwrap();
    let algorithm =
        Algorithm::Adam(Adam { learning_rate: 0.005, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
    let config = TrainerConfig { algorithm, loss: Loss::CrossEntropy, ..Default::default() };
    let mut trainer = Trainer::new(&config, &net, Heap).unwrap();
    let data = Data::new(&pixels[..64 * split], &targets[..10 * split]);
    let params = TrainParams::epochs(30);
    trainer.train(&mut net, data, params).unwrap();

    let mut q = quantise(&mut net, data.inputs).unwrap();
    let best = |y: &[f32]| (0..10).max_by(|a, b| y[*a].total_cmp(&y[*b])).unwrap();
    let (mut float, mut int8) = (0, 0);
    for (x, label) in pixels.chunks_exact(64).zip(&labels).skip(split) {
        let mut y = [0.0; 10];
        net.forward(x, &mut y).unwrap();
        float += u32::from(best(&y) == *label);
        q.forward(x, &mut y).unwrap();
        int8 += u32::from(best(&y) == *label);
    }
    // Plain training, without the example's moved and turned copies.
    assert!(float >= 320, "{float} of 360");
    assert!(float.abs_diff(int8) <= 3, "float32 {float}, int8 {int8} of 360");
}

#[derive(Default)]
struct Lines(RefCell<Vec<(Level, String)>>);

impl Logger for Lines {
    fn log(&self, level: Level, text: &str) {
        self.0.borrow_mut().push((level, text.to_owned()));
    }
}

#[test]
fn bad_samples_are_refused_with_a_reason() {
    let layers = [Layer::new(2, Activation::Linear)];
    let mut net = Net::new(&NetConfig::new(3, &layers), Heap).unwrap();
    for (samples, error) in [
        (&[][..], Error::Length),
        (&[1.0, 2.0], Error::Length),
        (&[1.0, 2.0, f32::NAN], Error::NnNotFinite),
        (&[1.0, f32::INFINITY, 2.0], Error::NnNotFinite),
        (&[f32::MAX, f32::MAX, f32::MAX], Error::NnNotFinite),
    ] {
        let lines = Lines::default();
        let mut config = QNetConfig { logger: Some(&lines), ..QNetConfig::new(&mut net, samples) };
        let got = QNet::new(&mut config, Heap).err();
        // Weights of either sign may keep the largest samples finite.
        if samples.first() == Some(&f32::MAX) && got.is_none() {
            continue;
        }
        assert_eq!(got, Some(error), "{samples:?}");
        assert_eq!(lines.0.borrow()[0].0, Level::Error);
    }
}

#[test]
fn what_looks_wrong_is_warned_about() {
    let layers = [Layer::new(3, Activation::Relu), Layer::new(1, Activation::Linear)];
    let mut net = Net::new(&NetConfig::new(2, &layers), Heap).unwrap();
    let lines = Lines::default();
    let mut config = QNetConfig { logger: Some(&lines), ..QNetConfig::new(&mut net, &[0.0; 8]) };
    let mut q = QNet::new(&mut config, Heap).unwrap();
    assert!(lines.0.borrow().iter().any(|(level, _)| *level == Level::Warn));
    assert!(lines.0.borrow().iter().any(|(level, _)| *level == Level::Info));
    let mut output = [9.0];
    q.forward(&[0.0, 0.0], &mut output).unwrap();
    assert_eq!(output, [0.0]);
}

#[test]
fn wrong_lengths_are_refused() {
    let layers = [Layer::new(2, Activation::Linear)];
    let mut net = Net::new(&NetConfig::new(3, &layers), Heap).unwrap();
    let mut q = quantise(&mut net, &[0.5; 3]).unwrap();
    assert_eq!(q.forward(&[0.0; 2], &mut [0.0; 2]), Err(Error::Length));
    assert_eq!(q.forward(&[0.0; 3], &mut [0.0; 1]), Err(Error::Length));
    assert_eq!(q.forward_i8(&[0; 4], &mut [0; 2]), Err(Error::Length));
    assert_eq!(q.forward_i8(&[0; 3], &mut [0; 3]), Err(Error::Length));
    assert_eq!(net.forward(&[0.0; 2], &mut [0.0; 2]), Err(Error::Length));
    assert_eq!(net.forward_batch(&[0.0; 6], 2, &mut [0.0; 3]), Err(Error::Length));
    assert_eq!(net.forward_batch(&[], usize::MAX, &mut []), Err(Error::Length));
    assert_eq!(net.forward_batch(&[], 0, &mut []), Ok(()));
}

#[test]
fn batches_give_what_single_samples_give() {
    let last = [Activation::Linear, Activation::Sigmoid, Activation::Softmax];
    for (i, last) in last.into_iter().enumerate() {
        let layers = [Layer::new(33, Activation::Tanh), Layer::new(7 + i, last)];
        let config = NetConfig { seed: 5, ..NetConfig::new(21 + i, &layers) };
        let mut net = Net::new(&config, Heap).unwrap();
        let inputs = net.shape().inputs;
        let samples: Vec<f32> = (0..40 * inputs).map(|i| (i as f32 * 0.37).sin()).collect();
        let mut single = quantise(&mut net, &samples).unwrap();
        let model = single.model().to_vec();
        let outputs = single.outputs();
        let (mut want, mut want_real) = (vec![0; 40 * outputs], vec![0.0; 40 * outputs]);
        let from = single.input_quantization();
        let bytes: Vec<i8> = samples.iter().map(|x| from.quantize(*x)).collect();
        for s in 0..40 {
            let y = s * outputs..(s + 1) * outputs;
            let x = s * inputs..(s + 1) * inputs;
            single.forward_i8(&bytes[x.clone()], &mut want[y.clone()]).unwrap();
            single.forward(&samples[x], &mut want_real[y]).unwrap();
        }
        for batch in [1, 3, 4, 16, 64] {
            let config = &mut QNetConfig { batch, ..QNetConfig::new(&mut net, &samples) };
            let made = QNet::new(config, Heap).unwrap();
            let loaded = QNet::load_batch(&model, batch, Heap).unwrap();
            for mut q in [made, loaded] {
                assert_eq!((q.batch(), q.model()), (batch, &model[..]));
                for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.available()) {
                    q.set_kernel(kernel).unwrap();
                    let (mut got, mut real) = (vec![0; want.len()], vec![0.0; want.len()]);
                    q.forward_i8_batch(&bytes, &mut got).unwrap();
                    q.forward_batch(&samples, &mut real).unwrap();
                    assert_eq!((&got, &real), (&want, &want_real), "{kernel:?} {batch}");
                    q.forward_i8(&bytes[..inputs], &mut got[..outputs]).unwrap();
                    assert_eq!(got, want);
                    q.forward_i8_batch(&[], &mut []).unwrap();
                    let short = q.forward_i8_batch(&bytes[1..], &mut got);
                    assert_eq!(short, Err(Error::Length));
                    let long = q.forward_i8_batch(&bytes[inputs..], &mut got);
                    assert_eq!(long, Err(Error::Length));
                }
            }
        }
        assert_eq!(QNet::load_batch(&model, 0, Heap).err(), Some(Error::Invalid));
        let huge = QNet::load_batch_footprint(&model, usize::MAX / 2);
        assert_eq!(huge, Err(Error::Overflow));
    }
}

/// What the benchmark's int8 network takes, for one sample and for many.
#[test]
fn an_int8_network_takes_little_more_than_its_weights() {
    let layers = [Layer::new(128, Activation::Sigmoid), Layer::new(10, Activation::Softmax)];
    let mut net = Net::new(&NetConfig::new(784, &layers), Heap).unwrap();
    let q = quantise(&mut net, &vec![0.5; 784]).unwrap();
    let size = |batch| QNet::load_batch_footprint(q.model(), batch).unwrap().size();
    assert!(size(1) < 122_000, "{}", size(1));
    assert!(size(3) < 122_000, "{}", size(3));
    // A packed copy of the weights, and the values of 64 samples.
    assert!(size(64) < 122_000 + 120_000 + 2 * 64 * 784, "{}", size(64));
    let viewed = QNet::view_batch_footprint(q.model(), 1).map(|layout| layout.size());
    assert!(viewed.is_ok_and(|size| size < 2000) || viewed == Err(Error::Alignment));
}

/// Root mean square error of the int8 network on these samples.
fn rms_error(net: &mut Net<'_>, q: &mut QNet<'_>, samples: &[f32]) -> f64 {
    let rows = samples.len() / q.inputs();
    let (mut real, mut got) = (vec![0.0; rows * q.outputs()], vec![0.0; rows * q.outputs()]);
    net.forward_batch(samples, rows, &mut real).unwrap();
    q.forward_batch(samples, &mut got).unwrap();
    let squares: f64 = real.iter().zip(&got).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    (squares / real.len() as f64).sqrt()
}

#[test]
fn outliers_do_not_spoil_percentile_and_entropy() {
    for seed in 0..5 {
        let layers = [Layer::new(24, Activation::Relu), Layer::new(4, Activation::Linear)];
        let mut net = Net::new(&NetConfig::new(10, &layers).seed(seed), Heap).unwrap();
        let usual: Vec<f32> = (0..5000).map(|i| (i as f32 * 0.731).sin()).collect();
        let mut samples = usual.clone();
        samples.extend([12.0; 10]);
        let mut error = |calibration| {
            let config = &mut QNetConfig { calibration, ..QNetConfig::new(&mut net, &samples) };
            let layout = QNet::config_footprint(config).unwrap();
            let least = QNet::footprint(config.net, 1).unwrap();
            let counts = if calibration == Calibration::MinMax { 0 } else { 5 * 4 * 2048 };
            assert!(layout.size().abs_diff(least.size() + counts) < 128, "{layout:?} {least:?}");
            let mut q = QNet::new(config, Heap).unwrap();
            let again = QNet::new(config, Heap).unwrap();
            assert_eq!(q.model(), again.model());
            rms_error(&mut net, &mut q, &usual)
        };
        let plain = error(Calibration::MinMax);
        let percentile = error(Calibration::Percentile(99.5));
        let entropy = error(Calibration::Entropy);
        assert!(percentile < 0.5 * plain, "{percentile} {plain}");
        assert!(entropy < 0.5 * plain, "{entropy} {plain}");
        // The whole range is the whole range.
        assert_eq!(error(Calibration::Percentile(100.0)), plain);
    }
}

#[test]
fn calibrations_without_outliers_are_near_the_network() {
    let layers = [Layer::new(20, Activation::Tanh), Layer::new(3, Activation::Sigmoid)];
    let mut net = Net::new(&NetConfig::new(6, &layers).seed(4), Heap).unwrap();
    let samples: Vec<f32> = (0..1200).map(|i| (i as f32 * 0.731).sin()).collect();
    for calibration in [Calibration::Percentile(99.99), Calibration::Entropy] {
        let config = &mut QNetConfig { calibration, ..QNetConfig::new(&mut net, &samples) };
        let mut q = QNet::new(config, Heap).unwrap();
        let error = rms_error(&mut net, &mut q, &samples);
        assert!(error < 0.02, "{calibration:?} {error}");
    }
    for percent in [0.0, -1.0, 100.1, f32::NAN, f32::INFINITY] {
        let calibration = Calibration::Percentile(percent);
        let config = &mut QNetConfig { calibration, ..QNetConfig::new(&mut net, &samples) };
        assert_eq!(QNet::new(config, Heap).err(), Some(Error::Invalid));
    }
    // Nothing but zeros has no bins to look at.
    for calibration in [Calibration::Percentile(50.0), Calibration::Entropy] {
        let config = &mut QNetConfig { calibration, ..QNetConfig::new(&mut net, &[0.0; 12]) };
        assert!(QNet::new(config, Heap).is_ok());
    }
}

#[test]
fn sparse_networks_become_dense_ones() {
    for seed in 0..20 {
        let layers = [Layer::new(18, Activation::Tanh), Layer::new(5, Activation::Linear)];
        let config = NetConfig { connection_rate: 0.3, ..NetConfig::new(14, &layers).seed(seed) };
        let mut sparse = Net::new(&config, Heap).unwrap();
        let mut dense = Net::new(&NetConfig::new(14, &layers), Heap).unwrap();
        dense.set_weights(&vec![0.0; dense.weights().len()]).unwrap();
        for connection in sparse.connections() {
            dense.set_weight(connection.from, connection.to, connection.weight).unwrap();
        }
        let samples: Vec<f32> = (0..1400).map(|i| (i as f32 * 0.37).sin()).collect();
        let mut from_sparse = quantise(&mut sparse, &samples).unwrap();
        let mut from_dense = quantise(&mut dense, &samples).unwrap();
        // The float networks add up in different orders, so that the ranges
        // differ in their last bits; the weights do not.
        let weights = |q: &QNet<'_>| q.model()[72..72 + 14 * 18].to_vec();
        assert_eq!(weights(&from_sparse), weights(&from_dense));
        let step = from_sparse.output_quantization().scale;
        let (mut a, mut b) = (vec![0.0; 500], vec![0.0; 500]);
        from_sparse.forward_batch(&samples, &mut a).unwrap();
        from_dense.forward_batch(&samples, &mut b).unwrap();
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 2.5 * step));
        assert!(rms_error(&mut sparse, &mut from_sparse, &samples) < 3.0 * f64::from(step));
    }
}

#[test]
fn layers_are_compared() {
    let layers = [
        Layer::new(12, Activation::Tanh),
        Layer::new(9, Activation::Relu),
        Layer::new(4, Activation::Softmax),
    ];
    let mut net = Net::new(&NetConfig::new(7, &layers).seed(8), Heap).unwrap();
    let samples: Vec<f32> = (0..700).map(|i| (i as f32 * 0.73).sin()).collect();
    let mut q = quantise(&mut net, &samples).unwrap();
    let mut errors = [LayerError::default(); 3];
    q.compare(&mut net, &samples, &mut errors).unwrap();

    // The last layer's are those of the outputs, worked out from them.
    let (mut real, mut got) = (vec![0.0; 400], vec![0.0; 400]);
    net.forward_batch(&samples, 100, &mut real).unwrap();
    q.forward_batch(&samples, &mut got).unwrap();
    let apart: Vec<f64> = real.iter().zip(&got).map(|(a, b)| f64::from(a - b).abs()).collect();
    let squares: f64 = apart.iter().map(|e| e * e).sum();
    let signal: f64 = real.iter().map(|y| f64::from(*y).powi(2)).sum();
    let want = LayerError {
        mean: apart.iter().sum::<f64>() / 400.0,
        rms: (squares / 400.0).sqrt(),
        max: apart.iter().copied().fold(0.0, f64::max),
        sqnr: 10.0 * (signal / squares).log10(),
    };
    let near = |a: f64, b: f64| (a - b).abs() < 1e-4 * b;
    let last = errors[2];
    assert!(near(last.mean, want.mean) && near(last.rms, want.rms), "{last:?} {want:?}");
    assert!(near(last.max, want.max) && near(last.sqnr, want.sqnr), "{last:?} {want:?}");
    for error in errors {
        assert!(error.sqnr > 25.0 && error.mean <= error.rms && error.rms <= error.max);
    }

    // One layer more or less, other sizes, other lengths, no numbers.
    let other = [Layer::new(12, Activation::Tanh), Layer::new(4, Activation::Softmax)];
    let mut other = Net::new(&NetConfig::new(7, &other), Heap).unwrap();
    assert_eq!(q.compare(&mut other, &samples, &mut errors), Err(Error::NnMismatch));
    assert_eq!(q.compare(&mut net, &samples, &mut errors[1..]), Err(Error::Length));
    assert_eq!(q.compare(&mut net, &samples[1..], &mut errors), Err(Error::Length));
    assert_eq!(q.compare(&mut net, &[], &mut errors), Err(Error::Length));
    let nan = [f32::NAN; 7];
    assert_eq!(q.compare(&mut net, &nan, &mut errors), Err(Error::NnNotFinite));
    let layer = [Layer::new(1, Activation::Linear)];
    let mut sum = Net::new(&NetConfig::new(1, &layer), Heap).unwrap();
    sum.set_weights(&[2.0, 0.0]).unwrap();
    let mut q = quantise(&mut sum, &[1.0]).unwrap();
    let overflow = q.compare(&mut sum, &[f32::MAX], &mut errors[..1]);
    assert_eq!(overflow, Err(Error::NnNotFinite));

    // What is zero everywhere has no error.
    net.set_weights(&vec![0.0; net.weights().len()]).unwrap();
    let mut q = quantise(&mut net, &samples).unwrap();
    q.compare(&mut net, &samples, &mut errors).unwrap();
    assert_eq!((errors[0].max, errors[0].sqnr), (0.0, f64::INFINITY));
}
