//! Int16 networks, and the choice of a scheme, from the outside.

#[path = "common/data.rs"]
mod data;

use neural_swarm::Error;
use neural_swarm::nn::{
    Activation, Adam, Algorithm, Bound, Calibration, Data, Kernel, Layer, LayerError, Loss, Net,
    NetConfig, QNet, QNet16, QNet16Config, QNetConfig, Rounding, Scheme, SchemeConfig, Topology,
    TrainParams, Trainer, TrainerConfig, smallest_scheme,
};
use neural_swarm::port::{Arena, Heap, Level, Logger};
use proptest::prelude::*;
use std::cell::RefCell;
use std::mem::MaybeUninit;

const WIDE: [Scheme; 2] = [Scheme::Int16x8, Scheme::Int16];

fn quantise(net: &mut Net<'_>, samples: &[f32], scheme: Scheme) -> Result<QNet16<'static>, Error> {
    QNet16::new(&mut QNet16Config { scheme, ..QNet16Config::new(net, samples) }, Heap)
}

/// An int16 network worked out from its model file by somebody who knows only
/// the documented format and the TFLite 16x8 specification: 128-bit integers, no
/// shared code.
fn reference(model: &[u8], input: &[i16]) -> Vec<i16> {
    let u32_at = |at: usize| u32::from_le_bytes(model[at..at + 4].try_into().unwrap());
    let i16_at = |at: usize| i16::from_le_bytes([model[at], model[at + 1]]);
    let pad = |n: usize| n.div_ceil(4) * 4;
    let layers = u32_at(20) as usize;
    let width = usize::from(model[28]);
    let mut at = 32 + 16 * layers;
    let shortcut = model[29] == 1;
    let mut x: Vec<i16> = input.to_vec();
    let mut last = x.len();
    for l in 0..layers {
        let record = 32 + 16 * l;
        let units = u32_at(record) as usize;
        let activation = model[record + 4];
        let weights = at;
        let biases = weights + pad(width * units * x.len());
        let factors = biases + 8 * units;
        let shifts = factors + 4 * units;
        let table = shifts + pad(units);
        let mut y: Vec<i16> = (0..units)
            .map(|u| {
                let weight = |i: usize| match width {
                    1 => i128::from(model[weights + u * x.len() + i] as i8),
                    _ => i128::from(i16_at(weights + 2 * (u * x.len() + i))),
                };
                let bias = biases + 8 * u;
                let bias = i64::from_le_bytes(model[bias..bias + 8].try_into().unwrap());
                let products = (0..x.len()).map(|i| i128::from(x[i]) * weight(i));
                let sum = products.sum::<i128>() + i128::from(bias);
                assert!((-(1i128 << 47)..1 << 47).contains(&sum));
                let factor = i128::from(u32_at(factors + 4 * u));
                // Once; or the multiplier first, to 16 bits.
                let (factor, bits) = match model[30] {
                    0 => (factor, 31),
                    _ => (((factor + 0x8000) >> 16).min(0x7fff), 15),
                };
                let right = bits - i32::from(model[shifts + u] as i8);
                let scaled = (2 * sum * factor + (1i128 << right)) >> (right + 1);
                let low = if activation == 3 { 0 } else { -32_768 };
                scaled.clamp(low, 32_767) as i16
            })
            .collect();
        at = table;
        match activation {
            0 | 3 => {}
            8 => y.iter_mut().for_each(|y| *y = if *y < 0 { 0 } else { 32_767 }),
            9 => y.iter_mut().for_each(|y| *y = if *y < 0 { -32_767 } else { 32_767 }),
            4 => {
                let max = i32::from(*y.iter().max().unwrap());
                let e: Vec<u128> = y
                    .iter()
                    .map(|y| {
                        let distance = (max - i32::from(*y)) as usize;
                        let coarse = u128::from(u32_at(table + 4 * (distance / 256)));
                        let fine = u128::from(u32_at(table + 4 * (256 + distance % 256)));
                        coarse * fine / (1 << 32)
                    })
                    .collect();
                let sum: u128 = e.iter().sum();
                for (y, e) in y.iter_mut().zip(e) {
                    *y = ((e * 32_768 + sum / 2) / sum).min(32_767) as i16;
                }
                at += 2048;
            }
            _ => {
                for y in &mut y {
                    let from = (i32::from(*y) + 32_768) as usize;
                    let (a, b) = (table + 2 * (from / 128), table + 2 * (from / 128 + 1));
                    let (a, b) = (i32::from(i16_at(a)), i32::from(i16_at(b)));
                    let part = (b - a) * (from % 128) as i32;
                    *y = (a + (part + 64).div_euclid(128)) as i16;
                }
                at += 1028;
            }
        }
        last = y.len();
        // With shortcuts the next layer sees all that has been.
        x = if shortcut { [x, y].concat() } else { y };
    }
    assert_eq!(at, model.len());
    x[x.len() - last..].to_vec()
}

fn activation() -> impl Strategy<Value = Activation> {
    (0..Activation::ALL.len() as u32).prop_map(|code| match Activation::from_code(code).unwrap() {
        Activation::Softmax => Activation::Linear,
        other => other,
    })
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
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_kernel_gives_what_the_format_says((inputs, layers, seed, samples) in shapes()) {
        let topology = [Topology::Layered, Topology::Shortcut][seed as usize % 2];
        let config = NetConfig { topology, ..NetConfig::new(inputs, &layers).seed(seed) };
        let mut net = Net::new(&config, Heap).unwrap();
        for scheme in WIDE {
            let rounding = [Rounding::Single, Rounding::Double][seed as usize / 2 % 2];
            let config =
                &mut QNet16Config { scheme, rounding, ..QNet16Config::new(&mut net, &samples) };
            let mut q = QNet16::new(config, Heap).unwrap();
            let loaded = QNet16::load(q.model(), Heap).unwrap();
            prop_assert_eq!((loaded.scheme(), loaded.rounding()), (scheme, rounding));
            for kernel in Kernel::ALL {
                if q.set_kernel(kernel).is_err() {
                    prop_assert!(!kernel.available());
                    continue;
                }
                for x in samples.chunks_exact(inputs) {
                    let from = q.input_quantization();
                    let input: Vec<i16> = x.iter().map(|x| from.quantize(*x)).collect();
                    let mut output = vec![0; q.outputs()];
                    q.forward_i16(&input, &mut output).unwrap();
                    prop_assert_eq!(&output, &reference(q.model(), &input));
                    // Real values in and out are the same with the ends converted.
                    let mut real = vec![0.0; q.outputs()];
                    q.forward(x, &mut real).unwrap();
                    let to = q.output_quantization();
                    prop_assert!(output.iter().map(|y| to.dequantize(*y)).eq(real));
                }
                let (mut rows, mut again) = (vec![0.0; 12 * q.outputs()], vec![0.0; q.outputs()]);
                q.forward_batch(&samples, &mut rows).unwrap();
                q.forward(&samples[11 * inputs..], &mut again).unwrap();
                prop_assert_eq!(&rows[11 * again.len()..], &again[..]);
            }
        }
    }
}

#[test]
fn more_bits_are_nearer_the_float_network() {
    let mut means = [0f64; 3];
    let hidden = [Activation::Tanh, Activation::Relu, Activation::Gelu, Activation::Sigmoid];
    for seed in 0..60 {
        let inputs = 3 + seed as usize % 20;
        let layers = [
            Layer::new(5 + seed as usize % 17, hidden[seed as usize % 4]),
            Layer::new(9, hidden[(seed as usize / 4) % 4]),
            Layer::new(4, [Activation::Linear, Activation::Softmax][seed as usize % 2]),
        ];
        let topology = [Topology::Layered, Topology::Shortcut][seed as usize / 2 % 2];
        let config = NetConfig { topology, ..NetConfig::new(inputs, &layers).seed(seed) };
        let mut net = Net::new(&config, Heap).unwrap();
        let samples: Vec<f32> = (0..inputs * 50).map(|i| (i as f32 * 0.37).sin() * 2.0).collect();
        let mut config = SchemeConfig::new(&mut net, &samples, Bound::Rms(0.0));
        let [int8, mixed, int16] = smallest_scheme(&mut config, Heap).unwrap().losses;
        // Single networks may be lucky with int8.
        assert!(int16 < int8 / 20.0, "{seed}: {int8} {mixed} {int16}");
        let losses = [1.0, mixed / int8, int16 / int8];
        means.iter_mut().zip(losses).for_each(|(mean, loss)| *mean += loss / 60.0);
    }
    assert!(means[1] < 0.8 && means[2] < 0.01, "{means:?}");
}

/// The digits, their targets, and a network trained on the first 1,437.
struct Digits {
    pixels: Vec<f32>,
    targets: Vec<f32>,
    net: Net<'static>,
}

const SPLIT: usize = 1437;

fn digits() -> Option<Digits> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/digits.u8");
    let bytes = std::fs::read(path).ok()?;
    let images: Vec<&[u8]> = bytes.chunks_exact(65).collect();
    let pixels: Vec<f32> =
        images.iter().flat_map(|i| i[..64].iter().map(|p| f32::from(*p) / 16.0)).collect();
    let targets: Vec<f32> = images
        .iter()
        .flat_map(|image| (0..10).map(move |k| f32::from(u8::from(k == image[64]))))
        .collect();
    let layers = [Layer::new(32, Activation::Tanh), Layer::new(10, Activation::Softmax)];
    let mut net = Net::new(&NetConfig::new(64, &layers).seed(1), Heap).unwrap();
    let algorithm =
        Algorithm::Adam(Adam { learning_rate: 0.005, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
    let config = TrainerConfig { algorithm, loss: Loss::CrossEntropy, ..Default::default() };
    let mut trainer = Trainer::new(&config, &net, Heap).unwrap();
    let data = Data::new(&pixels[..64 * SPLIT], &targets[..10 * SPLIT]);
    trainer.train(&mut net, data, TrainParams::epochs(30)).unwrap();
    Some(Digits { pixels, targets, net })
}

#[test]
fn digits_need_no_more_than_int8_and_tight_bounds_do() {
    let Some(Digits { pixels, targets, mut net }) = digits() else {
        data::skipped(format_args!("data/digits.u8 is not in this package"));
        return;
    };
    let (samples, inputs) = pixels.split_at(64 * SPLIT);
    let targets = &targets[10 * SPLIT..];
    let mut choose = |bound| {
        let targets = if matches!(bound, Bound::Accuracy(_)) { targets } else { &[] };
        let mut config =
            SchemeConfig { inputs, targets, ..SchemeConfig::new(&mut net, samples, bound) };
        smallest_scheme(&mut config, Heap).unwrap()
    };
    let by_accuracy = choose(Bound::Accuracy(0.01));
    assert_eq!(by_accuracy.scheme, Some(Scheme::Int8));
    assert!(by_accuracy.losses[0] <= 0.01);
    assert!(by_accuracy.losses[1].is_nan() && by_accuracy.model_sizes[1] == 0);

    // None is exact: all are tried, and lose less and less.
    let none = choose(Bound::Rms(0.0));
    assert_eq!(none.scheme, None);
    let [int8, mixed, int16] = none.losses;
    assert!(int16 > 0.0 && int16 < mixed && mixed < int8, "{:?}", none.losses);
    assert!(int16 < int8 / 50.0, "{:?}", none.losses);
    let [small, middle, large] = none.model_sizes;
    assert!(small < middle && middle < large);

    // A bound at what a scheme loses lets it through, one below does not.
    for (i, scheme) in Scheme::ALL.into_iter().enumerate() {
        assert_eq!(choose(Bound::Rms(none.losses[i])).scheme, Some(scheme));
        let next = Scheme::ALL.get(i + 1).copied();
        assert_eq!(choose(Bound::Rms(none.losses[i] * 0.999)).scheme, next);
    }
    let largest = choose(Bound::Max(0.0)).losses;
    assert!(largest.iter().zip(&none.losses).all(|(max, rms)| max > rms));

    // The losses are those of the networks that are made from the choice.
    for (scheme, want) in WIDE.into_iter().zip([mixed, int16]) {
        let mut q = quantise(&mut net, samples, scheme).unwrap();
        let (mut real, mut got) = (vec![0.0; 3600], vec![0.0; 3600]);
        net.forward_batch(inputs, 360, &mut real).unwrap();
        q.forward_batch(inputs, &mut got).unwrap();
        let squares = real.iter().zip(&got).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        let rms = (squares / 3600.0).sqrt();
        assert!((rms - want).abs() < 1e-3 * want, "{scheme:?} {rms} {want}");
    }
}

#[test]
fn one_output_is_judged_by_its_side_of_the_targets_middle() {
    // y = x: right for x of the target's sign. Int8 has a step of 2/255.
    let mut net = Net::new(&NetConfig::new(1, &[Layer::new(1, Activation::Linear)]), Heap).unwrap();
    net.set_weights(&[1.0, 0.0]).unwrap();
    let inputs = [0.003f32, -0.003, 0.9, -0.9];
    let targets = [1.0f32, -1.0, 1.0, -1.0];
    let mut config = SchemeConfig {
        inputs: &inputs,
        targets: &targets,
        ..SchemeConfig::new(&mut net, &[1.0, -1.0], Bound::Accuracy(0.0))
    };
    let choice = smallest_scheme(&mut config, Heap).unwrap();
    // -0.003 becomes 0 with int8, which is on the wrong side.
    assert_eq!(choice.losses[0], 0.25);
    assert_eq!((choice.scheme, choice.losses[1]), (Some(Scheme::Int16x8), 0.0));
}

#[test]
fn a_choice_takes_no_more_than_its_footprint() {
    let layers = [Layer::new(20, Activation::Tanh), Layer::new(4, Activation::Softmax)];
    let mut net = Net::new(&NetConfig::new(9, &layers).seed(2), Heap).unwrap();
    let samples: Vec<f32> = (0..900).map(|i| (i as f32 * 0.31).sin()).collect();
    for calibration in [Calibration::MinMax, Calibration::Percentile(99.0), Calibration::Entropy] {
        let mut config =
            SchemeConfig { calibration, ..SchemeConfig::new(&mut net, &samples, Bound::Rms(0.0)) };
        let layout = config.footprint().unwrap();
        let mut memory = vec![MaybeUninit::uninit(); layout.size() + layout.align()];
        let arena = Arena::new(&mut memory);
        let choice = smallest_scheme(&mut config, &arena).unwrap();
        assert!(choice.losses.iter().all(|loss| loss.is_finite()));
        assert!(arena.usage().used <= layout.size() + layout.align());
        // One byte less is too little.
        let mut memory = vec![MaybeUninit::uninit(); layout.size() - 1];
        let arena = Arena::new(&mut memory);
        assert_eq!(smallest_scheme(&mut config, &arena), Err(Error::OutOfMemory));
    }
}

#[test]
fn a_choice_refuses_what_it_cannot_judge() {
    let layers = [Layer::new(2, Activation::Linear)];
    let mut net = Net::new(&NetConfig::new(3, &layers), Heap).unwrap();
    let good = [0.5f32; 6];
    let mut tried = |inputs: &[f32], targets: &[f32], bound| {
        let mut config =
            SchemeConfig { inputs, targets, ..SchemeConfig::new(&mut net, &good, bound) };
        smallest_scheme(&mut config, Heap).err()
    };
    assert_eq!(tried(&good, &[], Bound::Rms(1.0)), None);
    assert_eq!(tried(&good, &[0.0, 1.0, 1.0, 0.0], Bound::Accuracy(1.0)), None);
    assert_eq!(tried(&[], &[], Bound::Rms(1.0)), Some(Error::Length));
    assert_eq!(tried(&good[1..], &[], Bound::Rms(1.0)), Some(Error::Length));
    assert_eq!(tried(&good, &[1.0], Bound::Rms(1.0)), Some(Error::Length));
    assert_eq!(tried(&good, &[1.0], Bound::Accuracy(1.0)), Some(Error::Length));
    assert_eq!(tried(&good, &[], Bound::Accuracy(1.0)), Some(Error::Length));
    assert_eq!(tried(&[f32::NAN; 3], &[], Bound::Max(1.0)), Some(Error::NnNotFinite));
    let nan = [f32::NAN, 0.0];
    assert_eq!(tried(&good[..3], &nan, Bound::Accuracy(1.0)), Some(Error::NnNotFinite));
    assert_eq!(tried(&[f32::MAX; 3], &[], Bound::Max(f64::MAX)), Some(Error::NnNotFinite));
    for bad in [-0.1, f64::NAN, f64::INFINITY] {
        assert_eq!(tried(&good, &[], Bound::Max(bad)), Some(Error::Invalid));
    }
}

#[derive(Default)]
struct Lines(RefCell<Vec<(Level, String)>>);

impl Logger for Lines {
    fn log(&self, level: Level, text: &str) {
        self.0.borrow_mut().push((level, text.to_owned()));
    }
}

#[test]
fn calibration_by_percentage_leaves_the_rare_out_and_by_entropy_nothing() {
    let layers = [Layer::new(2, Activation::Linear)];
    let mut net = Net::new(&NetConfig::new(1, &layers).seed(3), Heap).unwrap();
    let mut samples: Vec<f32> = (0..999).map(|i| (i as f32 * 0.7).sin()).collect();
    samples.push(100.0);
    let mut quantised = |calibration| {
        let mut config = QNet16Config { calibration, ..QNet16Config::new(&mut net, &samples) };
        let layout = QNet16::config_footprint(&config).unwrap();
        (layout, QNet16::new(&mut config, Heap).unwrap())
    };
    let (layout, all) = quantised(Calibration::MinMax);
    assert!((all.input_quantization().scale * 32_767.0 / 100.0 - 1.0).abs() < 1e-6);
    // More levels than the divergence has bins: every value counts.
    let (by_entropy_layout, by_entropy) = quantised(Calibration::Entropy);
    assert_eq!((by_entropy_layout, by_entropy.model()), (layout, all.model()));
    let (_, most) = quantised(Calibration::Percentile(99.0));
    assert!(most.input_quantization().scale * 32_767.0 < 1.1);
}

#[test]
fn bad_samples_and_settings_are_refused() {
    let layers = [Layer::new(2, Activation::Linear)];
    let mut net = Net::new(&NetConfig::new(3, &layers), Heap).unwrap();
    for (samples, error) in [
        (&[][..], Error::Length),
        (&[1.0, 2.0], Error::Length),
        (&[1.0, 2.0, f32::NAN], Error::NnNotFinite),
        (&[1.0, f32::INFINITY, 2.0], Error::NnNotFinite),
    ] {
        let lines = Lines::default();
        let mut config =
            QNet16Config { logger: Some(&lines), ..QNet16Config::new(&mut net, samples) };
        assert_eq!(QNet16::new(&mut config, Heap).err(), Some(error), "{samples:?}");
        assert_eq!(lines.0.borrow()[0].0, Level::Error);
    }
    let good = [0.5; 3];
    assert_eq!(quantise(&mut net, &good, Scheme::Int8).err(), Some(Error::Invalid));
    let calibration = Calibration::Percentile(101.0);
    let mut config = QNet16Config { calibration, ..QNet16Config::new(&mut net, &good) };
    assert_eq!(QNet16::new(&mut config, Heap).err(), Some(Error::Invalid));

    let mut q = quantise(&mut net, &good, Scheme::Int16x8).unwrap();
    assert_eq!(q.forward(&[0.0; 2], &mut [0.0; 2]), Err(Error::Length));
    assert_eq!(q.forward(&[0.0; 3], &mut [0.0; 1]), Err(Error::Length));
    assert_eq!(q.forward_i16(&[0; 4], &mut [0; 2]), Err(Error::Length));
    assert_eq!(q.forward_i16(&[0; 3], &mut [0; 3]), Err(Error::Length));
    assert_eq!(q.forward_i16_batch(&[0; 6], &mut [0; 3]), Err(Error::Length));
    assert_eq!(q.forward_batch(&[0.0; 7], &mut [0.0; 4]), Err(Error::Length));
    assert_eq!(q.compare(&mut net, &good, &mut []), Err(Error::Length));
}

#[test]
fn extreme_networks_saturate_and_nothing_wraps() {
    // A huge bias on tiny weights, huge weights on tiny inputs, zeros.
    for (weight, bias, x) in [
        (1e-6f32, 1e6f32, 1.0f32),
        (1e6, 1e-6, 1e-6),
        (0.0, 0.0, 1.0),
        (0.0, -5.0, 1.0),
        (1e30, 0.0, 1.0),
    ] {
        for activation in [Activation::Linear, Activation::Tanh, Activation::Relu] {
            for scheme in WIDE {
                let layers = [Layer::new(1, activation)];
                let mut net = Net::new(&NetConfig::new(2, &layers), Heap).unwrap();
                net.set_weights(&[weight, -weight, bias]).unwrap();
                let samples = [x, 0.0, 0.0, x, x, x];
                let mut q = quantise(&mut net, &samples, scheme).unwrap();
                for sample in samples.chunks_exact(2) {
                    let (mut want, mut got) = ([0.0], [0.0]);
                    net.forward(sample, &mut want).unwrap();
                    q.forward(sample, &mut got).unwrap();
                    let range = want[0].abs().max(weight * x).max(1e-6);
                    let step = if activation == Activation::Tanh { 1.0 } else { range };
                    assert!(
                        (want[0] - got[0]).abs() <= 0.01 * step,
                        "{weight} {bias} {x} {activation:?} {scheme:?}: {want:?} {got:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn sparse_networks_run_with_weights_of_zero() {
    let layers = [Layer::new(18, Activation::Tanh), Layer::new(5, Activation::Linear)];
    let config = NetConfig { connection_rate: 0.3, ..NetConfig::new(14, &layers).seed(3) };
    let mut sparse = Net::new(&config, Heap).unwrap();
    let samples: Vec<f32> = (0..1400).map(|i| (i as f32 * 0.37).sin()).collect();
    for scheme in WIDE {
        let mut q = quantise(&mut sparse, &samples, scheme).unwrap();
        let mut errors = [LayerError::default(); 2];
        q.compare(&mut sparse, &samples, &mut errors).unwrap();
        assert!(errors[1].sqnr > 38.0, "{scheme:?} {errors:?}");
    }
}

/// What cascade training grows: hidden layers of one unit, each with an activation
/// of its own, inputs of another range than the units' values.
#[test]
fn grown_networks_run_on_integers() {
    let layers = [Layer::new(1, Activation::Tanh)];
    let config = NetConfig {
        topology: Topology::Shortcut,
        spare_units: 9,
        ..NetConfig::new(4, &layers).seed(6)
    };
    let mut net = Net::new(&config, Heap).unwrap();
    let activations = [Activation::Gaussian, Activation::SinSymmetric, Activation::Sigmoid];
    for unit in 0..9 {
        let (incoming, style) = (vec![0.0; 4 + unit], (activations[unit % 3], 1.0));
        net.grow(style, (&incoming, 0.0), &[0.0]).unwrap();
    }
    let weights: Vec<f32> =
        (0..net.weights().len()).map(|i| (i as f32 * 1.7).sin() * 0.4).collect();
    net.set_weights(&weights).unwrap();
    let samples: Vec<f32> = (0..4 * 200).map(|i| (i as f32 * 0.61).sin() * 5.0).collect();
    let mut config = SchemeConfig::new(&mut net, &samples, Bound::Rms(0.0));
    let [int8, mixed, int16] = smallest_scheme(&mut config, Heap).unwrap().losses;
    assert!(int8 < 0.03 && mixed < 0.02 && int16 < 3e-4, "{int8} {mixed} {int16}");
    // Batches are single samples, from a copy and from a view.
    let mut q =
        QNet::new(&mut QNetConfig { batch: 8, ..QNetConfig::new(&mut net, &samples) }, Heap)
            .unwrap();
    let mut again = QNet::load_batch(q.model(), 8, Heap).unwrap();
    let (mut all, mut one, mut loaded) = (vec![0.0; 200], vec![0.0; 1], vec![0.0; 200]);
    q.forward_batch(&samples, &mut all).unwrap();
    again.forward_batch(&samples, &mut loaded).unwrap();
    assert_eq!(all, loaded);
    for (i, x) in samples.chunks_exact(4).enumerate() {
        q.forward(x, &mut one).unwrap();
        assert_eq!(one[0], all[i]);
    }
}
