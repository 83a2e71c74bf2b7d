//! Training, from the outside.

use std::ops::ControlFlow;

use neural_swarm::Error;
use neural_swarm::nn::{
    Activation, Adam, Algorithm, Data, Kernel, Layer, Loss, Net, NetConfig, Rprop, StopReason,
    TrainParams, Trainer, TrainerConfig,
};
use neural_swarm::port::Heap;

const XOR_INPUTS: [f32; 8] = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
const XOR_TARGETS: [f32; 4] = [0.0, 1.0, 1.0, 0.0];
const XOR: Data<'static> = Data::new(&XOR_INPUTS, &XOR_TARGETS);

const ADAM: Algorithm =
    Algorithm::Adam(Adam { learning_rate: 0.02, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });

fn net(layers: &[Layer], inputs: usize, seed: u64) -> Net<'static> {
    Net::new(&NetConfig::new(inputs, layers).seed(seed), Heap).unwrap()
}

fn xor_net(seed: u64) -> Net<'static> {
    net(&[Layer::new(6, Activation::Tanh), Layer::new(1, Activation::Sigmoid)], 2, seed)
}

fn epochs(max_epochs: u32) -> TrainParams<'static> {
    TrainParams { max_epochs, target_loss: 0.0, ..TrainParams::epochs(1) }
}

fn saved(net: &Net<'_>) -> Vec<u8> {
    let mut bytes = vec![0; net.model_len().unwrap()];
    net.save(&mut bytes).unwrap();
    bytes
}

/// Weights and biases out of the model file: its format is documented.
fn parameters(net: &Net<'_>) -> Vec<f32> {
    let at = 32 + 8 * net.shape().layers;
    let bytes = saved(net);
    bytes[at..].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// The same network with other parameters, by way of the model file.
fn with_parameters(net: &Net<'_>, parameters: &[f32]) -> Net<'static> {
    let mut bytes = saved(net);
    let at = 32 + 8 * net.shape().layers;
    for (to, from) in bytes[at..].chunks_exact_mut(4).zip(parameters) {
        to.copy_from_slice(&from.to_le_bytes());
    }
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    let mut digest = crc.digest();
    digest.update(&bytes[..12]);
    digest.update(&bytes[16..]);
    bytes[12..16].copy_from_slice(&digest.finalize().to_le_bytes());
    Net::load(&bytes, Heap).unwrap()
}

#[test]
fn every_algorithm_and_loss_learns_xor() {
    let sgd = Algorithm::Sgd { learning_rate: 0.5, momentum: 0.9, nesterov: false };
    for algorithm in [Algorithm::IRPROP_MINUS, sgd, ADAM] {
        for loss in [Loss::Mse, Loss::CrossEntropy] {
            for seed in 0..5 {
                let mut net = xor_net(seed);
                let config = TrainerConfig { algorithm, loss, seed, ..Default::default() };
                let mut trainer = Trainer::new(&config, &net, Heap).unwrap();
                trainer.train(&mut net, XOR, epochs(2000)).unwrap();
                let mut outputs = [0.0; 4];
                net.forward_batch(&XOR_INPUTS, 4, &mut outputs).unwrap();
                for (y, t) in outputs.iter().zip(XOR_TARGETS) {
                    assert!((y - t).abs() < 0.2, "{algorithm:?} {loss:?} {seed} {outputs:?}");
                }
            }
        }
    }
}

#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    // One SGD step with rate 1 over all samples moves by minus the gradient.
    let rate = 1.0;
    let algorithm = Algorithm::Sgd { learning_rate: rate, momentum: 0.0, nesterov: false };
    let inputs: Vec<f32> = (0..21).map(|i| (i as f32 * 0.7).sin()).collect();
    let hidden = [Activation::Tanh, Activation::Sigmoid, Activation::Linear, Activation::Relu];
    let cases = [
        (Loss::Mse, Activation::Linear),
        (Loss::Mse, Activation::Sigmoid),
        (Loss::Mse, Activation::Tanh),
        (Loss::Mse, Activation::Relu),
        (Loss::Mse, Activation::Softmax),
        (Loss::CrossEntropy, Activation::Softmax),
        (Loss::CrossEntropy, Activation::Sigmoid),
    ];
    for kernel in [Kernel::Portable, Kernel::best()] {
        for (loss, output) in cases {
            for hidden in hidden {
                let layers = [Layer::new(5, hidden), Layer::new(4, hidden), Layer::new(3, output)];
                let mut net = net(&layers, 3, 11);
                net.set_kernel(kernel).unwrap();
                let targets: Vec<f32> = (0..7)
                    .flat_map(|i| {
                        [0.0, 1.0, 2.0].map(|k| f32::from(i % 3 == k as i32 as usize % 3))
                    })
                    .collect();
                let targets: Vec<f32> = targets.iter().map(|t| 0.1 + 0.6 * t).collect();
                let data = Data::new(&inputs, &targets);
                // Blocks of 2 do not divide the 7 samples.
                let config = TrainerConfig {
                    algorithm,
                    loss,
                    batch_size: 7,
                    block: 2,
                    ..Default::default()
                };
                let mut trainer = Trainer::new(&config, &net, Heap).unwrap();
                let before = parameters(&net);
                let mut moved = with_parameters(&net, &before);
                moved.set_kernel(kernel).unwrap();
                trainer.epoch(&mut moved, data).unwrap();
                let after = parameters(&moved);
                for i in 0..before.len() {
                    let mut at = |shift: f32| {
                        let mut p = before.clone();
                        p[i] += shift;
                        f64::from(trainer.loss(&with_parameters(&net, &p), data).unwrap())
                    };
                    let h = 4e-3;
                    let slope = (at(h) - at(-h)) / f64::from(2.0 * h);
                    let gradient = f64::from(before[i] - after[i]);
                    // ReLU has kinks; a difference may straddle one.
                    let slack =
                        if [hidden, output].contains(&Activation::Relu) { 0.03 } else { 1.5e-3 };
                    assert!(
                        (slope - gradient).abs() < slack * (1.0 + slope.abs()),
                        "{loss:?} {output:?} {hidden:?} {i}: {slope} {gradient}"
                    );
                }
            }
        }
    }
}

/// A single linear weight: loss (w x - t)^2 with x = 1, so the gradient is
/// 2 (w - t) and every algorithm can be followed by hand.
fn one_weight(algorithm: Algorithm, steps: usize) -> (f32, Vec<f32>) {
    let mut net = net(&[Layer::new(1, Activation::Linear)], 1, 5);
    let start = parameters(&net)[0];
    // Input 0.5 with bias in play: gradient of w is g/2, of the bias g.
    let target = [start + 1.0];
    let data = Data::new(&[1.0], &target);
    let config = TrainerConfig { algorithm, ..Default::default() };
    let mut trainer = Trainer::new(&config, &net, Heap).unwrap();
    let mut path = Vec::new();
    for _ in 0..steps {
        trainer.epoch(&mut net, data).unwrap();
        let p = parameters(&net);
        // Weight and bias see the same gradient, so they move alike.
        assert!((p[0] - start - p[1]).abs() < 1e-6);
        path.push(p[1]);
    }
    (start, path)
}

#[test]
fn sgd_with_momentum_follows_its_formula() {
    let (_, path) =
        one_weight(Algorithm::Sgd { learning_rate: 0.1, momentum: 0.5, nesterov: false }, 5);
    let (mut moved, mut velocity) = (0.0f32, 0.0);
    for got in path {
        let gradient = 2.0 * (2.0 * moved - 1.0);
        velocity = 0.5 * velocity - 0.1 * gradient;
        moved += velocity;
        assert!((got - moved).abs() < 1e-5, "{got} {moved}");
    }
}

#[test]
fn adam_follows_its_formula() {
    let (_, path) = one_weight(ADAM, 6);
    let (mut moved, mut m, mut v) = (0.0f64, 0.0, 0.0);
    for (step, got) in path.into_iter().enumerate() {
        let gradient = 2.0 * (2.0 * moved - 1.0);
        m = 0.9 * m + 0.1 * gradient;
        v = 0.999 * v + 0.001 * gradient * gradient;
        let t = step as i32 + 1;
        let step = (m / (1.0 - 0.9f64.powi(t))) / ((v / (1.0 - 0.999f64.powi(t))).sqrt() + 1e-8);
        moved -= 0.02 * step;
        assert!((f64::from(got) - moved).abs() < 1e-4, "{got} {moved}");
    }
}

#[test]
fn irprop_minus_follows_its_formula() {
    let algorithm = Algorithm::IrpropMinus(Rprop { initial: 0.3, ..Rprop::PAPER });
    let (_, path) = one_weight(algorithm, 12);
    let (mut moved, mut step, mut last) = (0.0f32, 0.3f32, 0.0f32);
    let mut turned = false;
    for got in path {
        let gradient = 2.0 * (2.0 * moved - 1.0);
        let mut used = gradient;
        if gradient * last > 0.0 {
            step *= 1.2;
        } else if gradient * last < 0.0 {
            step *= 0.5;
            used = 0.0;
            turned = true;
        }
        last = used;
        if used != 0.0 {
            moved -= used.signum() * step;
        }
        assert!((got - moved).abs() < 1e-5, "{got} {moved}");
    }
    assert!(turned, "the path turned at least once");
}

#[test]
fn the_same_seeds_give_the_same_weights_bit_for_bit() {
    let run = |net_seed, seed, shuffle, kernel| {
        let mut net = xor_net(net_seed);
        net.set_kernel(kernel).unwrap();
        let config =
            TrainerConfig { algorithm: ADAM, batch_size: 1, seed, shuffle, ..Default::default() };
        let mut trainer = Trainer::new(&config, &net, Heap).unwrap();
        trainer.train(&mut net, XOR, epochs(50)).unwrap();
        saved(&net)
    };
    for kernel in [Kernel::Portable, Kernel::best()] {
        assert_eq!(run(1, 1, true, kernel), run(1, 1, true, kernel));
        assert_ne!(run(1, 1, true, kernel), run(2, 1, true, kernel));
        assert_ne!(run(1, 1, true, kernel), run(1, 2, true, kernel));
        assert_ne!(run(1, 1, true, kernel), run(1, 1, false, kernel));
        assert_eq!(run(1, 1, false, kernel), run(1, 2, false, kernel));
    }
}

#[test]
fn training_of_a_loaded_copy_goes_on_alike() {
    let config = TrainerConfig::default();
    let mut one = xor_net(3);
    let mut other = Net::load(&saved(&one), Heap).unwrap();
    for net in [&mut one, &mut other] {
        let mut trainer = Trainer::new(&config, net, Heap).unwrap();
        trainer.train(net, XOR, epochs(20)).unwrap();
    }
    assert_eq!(saved(&one), saved(&other));
}

#[test]
fn it_stops_when_told() {
    let mut net = xor_net(1);
    let mut trainer = Trainer::new(&TrainerConfig::default(), &net, Heap).unwrap();
    let mut seen = Vec::new();
    let report = trainer
        .train(
            &mut net,
            XOR,
            TrainParams {
                progress: Some(&mut |p| {
                    assert_eq!(p.samples, 4);
                    seen.push((p.epoch, p.loss));
                    if p.epoch == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                }),
                ..epochs(100)
            },
        )
        .unwrap();
    assert_eq!((report.epochs, report.stopped_by), (3, StopReason::Callback));
    assert_eq!(seen.iter().map(|s| s.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(report.loss, seen[2].1);

    let params = TrainParams { max_epochs: 100_000, target_loss: 1e-3, ..TrainParams::epochs(1) };
    let report = trainer.train(&mut net, XOR, params).unwrap();
    assert_eq!(report.stopped_by, StopReason::Loss);
    assert!(report.loss <= 1e-3 && report.epochs < 100_000);
    let report = trainer.train(&mut net, XOR, epochs(2)).unwrap();
    assert_eq!((report.epochs, report.stopped_by), (2, StopReason::Epochs));
}

#[test]
fn divergence_is_told_and_leaves_finite_weights() {
    for algorithm in [
        Algorithm::Sgd { learning_rate: 1e30, momentum: 0.0, nesterov: false },
        Algorithm::Sgd { learning_rate: 1e30, momentum: 0.9, nesterov: false },
        Algorithm::Adam(Adam { learning_rate: 3e38, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }),
    ] {
        let layers = [Layer::new(4, Activation::Linear), Layer::new(1, Activation::Linear)];
        let mut net = net(&layers, 2, 1);
        let config = TrainerConfig { algorithm, ..Default::default() };
        let mut trainer = Trainer::new(&config, &net, Heap).unwrap();
        let result = trainer.train(&mut net, XOR, epochs(100));
        assert_eq!(result.err(), Some(Error::NnDiverged), "{algorithm:?}");
        assert!(parameters(&net).iter().all(|p| p.is_finite()), "{algorithm:?}");
    }
}

#[test]
fn bad_data_is_refused_and_changes_nothing() {
    let mut net = xor_net(1);
    let before = saved(&net);
    let config = TrainerConfig { loss: Loss::CrossEntropy, ..Default::default() };
    let mut trainer = Trainer::new(&config, &net, Heap).unwrap();
    let mut check = |inputs: &[f32], targets: &[f32], error| {
        let data = Data::new(inputs, targets);
        assert_eq!(trainer.epoch(&mut net, data).err(), Some(error));
        assert_eq!(trainer.loss(&net, data).err(), Some(error));
        assert_eq!(trainer.train(&mut net, data, epochs(1)).err(), Some(error));
    };
    check(&[], &[], Error::Length);
    check(&[0.0; 3], &[0.0; 1], Error::Length);
    check(&[0.0; 4], &[0.0; 1], Error::Length);
    check(&[0.0; 4], &[0.0; 3], Error::Length);
    check(&[0.0, f32::NAN], &[0.0], Error::NnNotFinite);
    check(&[0.0, f32::INFINITY], &[0.0], Error::NnNotFinite);
    check(&[0.0, 0.0], &[f32::NAN], Error::NnNotFinite);
    check(&[0.0, 0.0], &[1.5], Error::Invalid);
    check(&[0.0, 0.0], &[-0.1], Error::Invalid);
    assert_eq!(trainer.train(&mut net, XOR, epochs(0)).err(), Some(Error::Invalid));
    for target_loss in [-1.0, f32::NAN, f32::INFINITY] {
        let params = TrainParams { max_epochs: 1, target_loss, ..TrainParams::epochs(1) };
        assert_eq!(trainer.train(&mut net, XOR, params).err(), Some(Error::Invalid));
    }
    assert_eq!(saved(&net), before);
}

#[test]
fn bad_configurations_are_refused() {
    let linear = net(&[Layer::new(1, Activation::Linear)], 2, 0);
    let refused = |config: TrainerConfig<'_>| Trainer::footprint(&config, &linear).err();
    let algorithm = |algorithm| refused(TrainerConfig { algorithm, ..Default::default() });
    let cross = TrainerConfig { loss: Loss::CrossEntropy, ..Default::default() };
    assert_eq!(refused(cross), Some(Error::NnLoss));
    let batch = TrainerConfig { batch_size: 2, ..Default::default() };
    assert_eq!(refused(batch), Some(Error::Invalid));
    assert_eq!(refused(TrainerConfig { block: 0, ..Default::default() }), Some(Error::Invalid));
    let huge = TrainerConfig { block: usize::MAX, ..Default::default() };
    assert_eq!(refused(huge), Some(Error::Overflow));
    for rate in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let sgd = Algorithm::Sgd { learning_rate: rate, momentum: 0.0, nesterov: false };
        assert_eq!(algorithm(sgd), Some(Error::Invalid));
        let mut trainer =
            Trainer::new(&TrainerConfig { algorithm: ADAM, ..Default::default() }, &linear, Heap)
                .unwrap();
        assert_eq!(trainer.set_learning_rate(rate), Err(Error::Invalid));
    }
    for momentum in [1.0, -0.1, f32::NAN] {
        let sgd = Algorithm::Sgd { learning_rate: 0.1, momentum, nesterov: false };
        assert_eq!(algorithm(sgd), Some(Error::Invalid));
    }
    let steps = Algorithm::IrpropMinus(Rprop { initial: 0.1, min: 0.2, ..Rprop::PAPER });
    assert_eq!(algorithm(steps), Some(Error::Invalid));
    let mut rprop = Trainer::new(&TrainerConfig::default(), &linear, Heap).unwrap();
    assert_eq!(rprop.set_learning_rate(0.1), Err(Error::Unsupported));
}

#[test]
fn a_trainer_knows_its_shape() {
    let mut trainer = Trainer::new(&TrainerConfig::default(), &xor_net(1), Heap).unwrap();
    let mut same = xor_net(9);
    assert!(trainer.epoch(&mut same, XOR).is_ok());
    let mut other =
        net(&[Layer::new(6, Activation::Relu), Layer::new(1, Activation::Sigmoid)], 2, 1);
    assert_eq!(trainer.epoch(&mut other, XOR).err(), Some(Error::NnMismatch));
}

#[test]
fn learning_rates_can_change_between_epochs() {
    let sgd = |learning_rate| Algorithm::Sgd { learning_rate, momentum: 0.0, nesterov: false };
    let run = |first, then: Option<f32>| {
        let mut net = xor_net(1);
        let config = TrainerConfig { algorithm: sgd(first), ..Default::default() };
        let mut trainer = Trainer::new(&config, &net, Heap).unwrap();
        if let Some(then) = then {
            trainer.set_learning_rate(then).unwrap();
        }
        trainer.epoch(&mut net, XOR).unwrap();
        saved(&net)
    };
    assert_eq!(run(0.1, Some(0.3)), run(0.3, None));
    assert_ne!(run(0.1, None), run(0.3, None));
}
