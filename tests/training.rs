//! What a training promises beyond learning: it goes on where it stopped, keeps
//! the best weights, counts samples by their weights.

use neural_swarm::Error;
use neural_swarm::nn::{
    Activation, Adam, Algorithm, Data, ErrorFunction, Kernel, Layer, Loss, Net, NetConfig,
    Randomize, Rprop, Sarprop, Schedule, StopReason, Topology, TrainParams, Trainer, TrainerConfig,
};
use neural_swarm::port::{Heap, Parallel, Threads};

const ALGORITHMS: [Algorithm; 11] = [
    Algorithm::Incremental { learning_rate: 0.5, momentum: 0.4 },
    Algorithm::Batch { learning_rate: 6.0 },
    Algorithm::RPROP,
    Algorithm::QUICKPROP,
    Algorithm::SARPROP,
    Algorithm::IRPROP_MINUS,
    Algorithm::IRPROP_PLUS,
    Algorithm::Sgd { learning_rate: 0.2, momentum: 0.9, nesterov: false },
    Algorithm::Sgd { learning_rate: 0.2, momentum: 0.9, nesterov: true },
    Algorithm::Adam(Adam { learning_rate: 0.02, ..Adam::PAPER }),
    Algorithm::AdamW(Adam { learning_rate: 0.02, ..Adam::PAPER }),
];

/// Whether a point lies in a ring: 2 inputs, 1 target.
fn rings(samples: usize, from: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for i in from..from + samples {
        // Spread evenly by two irrational steps.
        let point = [0.618_034f32, 0.754_877_6].map(|step| 2.0 * (i as f32 * step).fract() - 1.0);
        let radius = point[0].hypot(point[1]);
        inputs.extend(point);
        targets.push(if (0.35..0.8).contains(&radius) { 1.0 } else { 0.0 });
    }
    (inputs, targets)
}

fn network(seed: u64, topology: Topology) -> Net<'static> {
    let layers = [
        Layer { steepness: 0.5, ..Layer::new(8, Activation::Tanh) },
        Layer::new(4, Activation::Silu),
        Layer::new(1, Activation::Sigmoid),
    ];
    let config = NetConfig { topology, seed, ..NetConfig::new(2, &layers) };
    let mut net = Net::new(&config, Heap).unwrap();
    net.randomize(Randomize::Uniform(-0.5, 0.5), seed).unwrap();
    net
}

fn config(algorithm: Algorithm) -> TrainerConfig<'static> {
    TrainerConfig { algorithm, seed: 5, block: 16, ..TrainerConfig::default() }
}

fn trainer(config: &TrainerConfig<'_>, net: &Net<'_>) -> Trainer<'static> {
    Trainer::new(config, net, Heap).unwrap()
}

fn state(trainer: &Trainer<'_>) -> Vec<u8> {
    let mut bytes = vec![0; trainer.state_len().unwrap()];
    assert_eq!(trainer.save_state(&mut bytes), Ok(bytes.len()));
    bytes
}

#[test]
fn every_algorithm_makes_the_loss_smaller_on_every_topology() {
    let (inputs, targets) = rings(200, 0);
    let data = Data::new(&inputs, &targets);
    for topology in [Topology::Layered, Topology::Shortcut] {
        for algorithm in ALGORITHMS {
            let mut net = network(1, topology);
            let mut trainer = trainer(&config(algorithm), &net);
            let before = trainer.loss(&net, data).unwrap();
            trainer.train(&mut net, data, TrainParams::epochs(300)).unwrap();
            let after = trainer.loss(&net, data).unwrap();
            assert!(after < 0.9 * before, "{topology:?} {algorithm:?} {before} {after}");
        }
    }
}

#[test]
fn a_resumed_training_equals_the_uninterrupted_one_bit_for_bit() {
    let (inputs, targets) = rings(60, 0);
    let data = Data::new(&inputs, &targets);
    for algorithm in ALGORITHMS {
        let exact = matches!(algorithm, Algorithm::SARPROP | Algorithm::RPROP);
        let schedule = match exact {
            true => Schedule::Constant,
            false => Schedule::Cosine { epochs: 12, last: 0.1 },
        };
        let config = TrainerConfig { schedule, exact, ..config(algorithm) };
        let network = |seed, topology| {
            let mut net = network(seed, topology);
            if exact {
                net.set_style(1, Activation::Elliot, 1.0).unwrap();
            }
            net
        };
        let mut whole = network(3, Topology::Layered);
        let mut one = trainer(&config, &whole);
        one.train(&mut whole, data, TrainParams::epochs(10)).unwrap();

        let mut part = network(3, Topology::Layered);
        let mut first = trainer(&config, &part);
        first.train(&mut part, data, TrainParams::epochs(4)).unwrap();
        let mut model = vec![0; part.model_len().unwrap()];
        part.save(&mut model).unwrap();
        let bytes = state(&first);
        drop((part, first));

        let mut rest = Net::load(&model, Heap).unwrap();
        let mut second = trainer(&config, &rest);
        second.load_state(&bytes).unwrap();
        assert_eq!(second.epochs(), 4);
        second.train(&mut rest, data, TrainParams::epochs(6)).unwrap();
        assert!(whole.weights() == rest.weights(), "{algorithm:?}");
        assert_eq!(state(&one), state(&second), "{algorithm:?}");
    }
}

#[test]
fn infinite_steps_of_the_exact_mode_can_be_saved() {
    // Quickprop's grow by mu as long as the slope keeps its sign, though the
    // weight has come to its end.
    let data = Data::new(&[1.0], &[1e6]);
    let layers = [Layer::new(1, Activation::Linear)];
    let mut net = Net::new(&NetConfig::new(1, &layers), Heap).unwrap();
    let settings = TrainerConfig { exact: true, ..config(Algorithm::QUICKPROP) };
    let mut first = trainer(&settings, &net);
    for _ in 0..500 {
        first.epoch(&mut net, data).unwrap();
    }
    assert_eq!(net.weights(), [1500.0, 1500.0]);
    let bytes = state(&first);
    assert!(bytes.chunks(4).any(|word| word == f32::INFINITY.to_le_bytes()));
    let mut second = trainer(&settings, &net);
    second.load_state(&bytes).unwrap();
    assert_eq!(state(&second), bytes);
}

#[test]
fn states_of_others_and_broken_ones_are_refused() {
    let (inputs, targets) = rings(60, 0);
    let net = network(3, Topology::Layered);
    let mut net2 = network(3, Topology::Layered);
    let mut adam = trainer(&config(Algorithm::ADAM), &net);
    adam.train(&mut net2, Data::new(&inputs, &targets), TrainParams::epochs(2)).unwrap();
    let good = state(&adam);
    let mut other = trainer(&config(Algorithm::ADAM_W), &net);
    assert_eq!(other.load_state(&good), Err(Error::NnMismatch));
    let shortcut = network(3, Topology::Shortcut);
    let mut other = trainer(&config(Algorithm::ADAM), &shortcut);
    assert_eq!(other.load_state(&good), Err(Error::NnMismatch));
    let best = TrainerConfig { keep_best: true, ..config(Algorithm::ADAM) };
    assert_eq!(trainer(&best, &net).load_state(&good), Err(Error::NnMismatch));

    let fresh = state(&trainer(&config(Algorithm::ADAM), &net));
    let mut target = trainer(&config(Algorithm::ADAM), &net);
    for len in 0..good.len() {
        assert!(target.load_state(&good[..len]).is_err());
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        assert!(target.load_state(&bad).is_err(), "{at}");
    }
    // As many epochs, or updates, as nobody can have done.
    for at in [24, 48] {
        let mut bad = good.clone();
        bad[at..at + 8].fill(0xff);
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
        let mut digest = crc.digest();
        digest.update(&bad[..12]);
        digest.update(&bad[16..]);
        bad[12..16].copy_from_slice(&digest.finalize().to_le_bytes());
        assert_eq!(target.load_state(&bad), Err(Error::ModelInvalid));
    }
    assert_eq!(state(&target), fresh);
    let mut model = vec![0; net.model_len().unwrap()];
    net.save(&mut model).unwrap();
    assert_eq!(target.load_state(&model), Err(Error::ModelKind));
    assert_eq!(target.save_state(&mut [0; 20]), Err(Error::BufferTooSmall));
    target.load_state(&good).unwrap();
    assert_eq!(state(&target), good);
}

#[test]
fn a_weight_of_two_counts_as_the_sample_twice() {
    let (inputs, targets) = rings(10, 0);
    let weights: Vec<f32> = (0..10).map(|i| (i % 3) as f32).collect();
    let (mut more_inputs, mut more_targets) = (Vec::new(), Vec::new());
    for i in 0..10 {
        for _ in 0..i % 3 {
            more_inputs.extend_from_slice(&inputs[2 * i..2 * i + 2]);
            more_targets.push(targets[i]);
        }
    }
    for loss in [Loss::Mse, Loss::CrossEntropy] {
        for algorithm in [Algorithm::SGD, Algorithm::BATCH] {
            let weighed = Data { weights: Some(&weights), ..Data::new(&inputs, &targets) };
            let twice = Data::new(&more_inputs, &more_targets);
            let [mut a, mut b] = [0; 2].map(|_| network(2, Topology::Layered));
            let batch_size = if algorithm == Algorithm::SGD { 10 } else { 0 };
            let settings = TrainerConfig { loss, batch_size, ..config(algorithm) };
            let (mut one, mut two) = (trainer(&settings, &a), trainer(&settings, &b));
            let losses = (one.epoch(&mut a, weighed).unwrap(), two.epoch(&mut b, twice).unwrap());
            assert!((losses.0 - losses.1).abs() < 1e-5, "{losses:?}");
            assert!(a.difference(&b).unwrap() < 1e-5, "{loss:?} {algorithm:?}");
        }
    }
    let mut net = network(2, Topology::Layered);
    let mut trainer = trainer(&config(Algorithm::SGD), &net);
    let mut train = |weights: &[f32]| {
        let data = Data { weights: Some(weights), ..Data::new(&inputs, &targets) };
        trainer.epoch(&mut net, data)
    };
    assert_eq!(train(&[0.0; 10]), Err(Error::Invalid));
    assert_eq!(train(&[-1.0; 10]), Err(Error::Invalid));
    assert_eq!(train(&[f32::NAN; 10]), Err(Error::Invalid));
    assert_eq!(train(&[1.0; 9]), Err(Error::Length));
}

#[test]
fn early_stopping_keeps_the_weights_of_the_best_epoch() {
    // Few samples, half of them labelled wrongly, and many epochs.
    let (inputs, mut targets) = rings(24, 0);
    targets.iter_mut().step_by(3).for_each(|t| *t = 1.0 - *t);
    let (validation_inputs, validation_targets) = rings(200, 1000);
    let validation = Data::new(&validation_inputs, &validation_targets);
    let mut net = network(4, Topology::Layered);
    let settings = TrainerConfig { keep_best: true, ..config(Algorithm::RPROP) };
    let mut trainer = trainer(&settings, &net);
    let mut seen = Vec::new();
    let mut hook = |p: &neural_swarm::nn::Progress| {
        seen.push(p.validation_loss.unwrap());
        std::ops::ControlFlow::Continue(())
    };
    let params = TrainParams {
        validation: Some(validation),
        patience: 15,
        progress: Some(&mut hook),
        ..TrainParams::epochs(2000)
    };
    let report = trainer.train(&mut net, Data::new(&inputs, &targets), params).unwrap();
    assert_eq!(report.stopped_by, StopReason::Validation);
    let best = seen.iter().copied().fold(f32::INFINITY, f32::min);
    let at = seen.iter().position(|loss| *loss == best).unwrap();
    assert_eq!(seen.len(), at + 1 + 15, "patience counts from the best epoch");
    assert_eq!(report.best_validation_loss, Some(best));
    assert_eq!(trainer.loss(&net, validation), Ok(best));
    assert!(*seen.last().unwrap() > best);
    let no_validation = TrainParams { patience: 3, ..TrainParams::epochs(1) };
    let data = Data::new(&inputs, &targets);
    assert_eq!(trainer.train(&mut net, data, no_validation), Err(Error::Invalid));
}

#[test]
fn failed_outputs_are_counted_and_stop_the_training() {
    let (inputs, targets) = rings(40, 0);
    let data = Data::new(&inputs, &targets);
    let mut net = network(6, Topology::Layered);
    let mut trainer = trainer(&config(Algorithm::RPROP), &net);
    let by_hand = |net: &mut Net<'_>| {
        let mut outputs = vec![0.0; 40];
        for (x, y) in inputs.chunks(2).zip(&mut outputs) {
            net.forward(x, std::slice::from_mut(y)).unwrap();
        }
        outputs.iter().zip(&targets).filter(|(y, t)| (*y - *t).abs() >= 0.35).count() as u64
    };
    assert_eq!(trainer.test(&net, data).unwrap().1, by_hand(&mut net));
    let params = TrainParams { target_bit_fail: Some(0), ..TrainParams::epochs(5000) };
    let report = trainer.train(&mut net, data, params).unwrap();
    assert_eq!((report.stopped_by, report.bit_fail), (StopReason::BitFail, 0));
    assert_eq!(trainer.test(&net, data).unwrap().1, by_hand(&mut net));
}

#[test]
fn weight_decay_makes_weights_smaller_and_leaves_biases() {
    // Without inputs a weight has no gradient: only the decay moves it.
    let layers = [Layer::new(2, Activation::Linear)];
    for (algorithm, factor) in [
        (Algorithm::Sgd { learning_rate: 0.1, momentum: 0.0, nesterov: false }, 0.97f32),
        (Algorithm::AdamW(Adam { learning_rate: 0.1, ..Adam::PAPER }), 0.97),
    ] {
        let mut net = Net::new(&NetConfig::new(3, &layers), Heap).unwrap();
        net.randomize(Randomize::Uniform(0.5, 1.0), 1).unwrap();
        let before = net.weights().to_vec();
        let settings = TrainerConfig { weight_decay: 0.3, ..config(algorithm) };
        let mut trainer = trainer(&settings, &net);
        let mut outputs = [0.0; 2];
        net.forward(&[0.0; 3], &mut outputs).unwrap();
        trainer.epoch(&mut net, Data::new(&[0.0; 3], &outputs)).unwrap();
        for (after, before) in net.weights()[..6].iter().zip(&before) {
            assert!((after - factor * before).abs() < 1e-6, "{algorithm:?}");
        }
        assert_eq!(net.weights()[6..], before[6..]);
    }
}

#[test]
fn sarprop_has_no_first_and_no_smallest_step_to_set() {
    let (inputs, targets) = rings(60, 0);
    let after = |rprop| {
        let settings = Sarprop { rprop, ..Sarprop::FANN };
        let mut net = network(1, Topology::Layered);
        let mut trainer = trainer(&config(Algorithm::Sarprop(settings)), &net);
        for _ in 0..80 {
            trainer.epoch(&mut net, Data::new(&inputs, &targets)).unwrap();
        }
        net.weights().to_vec()
    };
    let fann = Sarprop::FANN.rprop;
    assert_eq!(after(Rprop { initial: 0.01, min: 0.5, ..fann }), after(fann));
    assert_ne!(after(Rprop { max: 0.01, ..fann }), after(fann));
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let net = network(1, Topology::Layered);
    let refuse = |config: TrainerConfig<'_>, error| {
        assert_eq!(Trainer::footprint(&config, &net), Err(error), "{:?}", config.algorithm);
    };
    let fann = config(Algorithm::RPROP);
    refuse(TrainerConfig { weight_decay: 0.1, ..fann }, Error::Invalid);
    refuse(TrainerConfig { batch_size: 4, ..fann }, Error::Invalid);
    refuse(TrainerConfig { bit_fail_limit: 0.0, ..fann }, Error::Invalid);
    refuse(
        TrainerConfig { schedule: Schedule::Exponential { factor: 0.0 }, ..fann },
        Error::Invalid,
    );
    let error_function = ErrorFunction::Tanh;
    refuse(TrainerConfig { error_function, ..config(Algorithm::ADAM) }, Error::Invalid);
    refuse(TrainerConfig { weight_decay: -0.1, ..config(Algorithm::ADAM) }, Error::Invalid);
    refuse(TrainerConfig { batch_size: 2, ..config(Algorithm::INCREMENTAL) }, Error::Invalid);
    let mut threshold = network(1, Topology::Layered);
    threshold.set_style(0, Activation::Threshold, 1.0).unwrap();
    assert_eq!(Trainer::footprint(&fann, &threshold), Err(Error::Unsupported));
    // A threshold put in later is noticed, too.
    let (inputs, targets) = rings(4, 0);
    let mut trainer = trainer(&fann, &net);
    let data = Data::new(&inputs, &targets);
    assert_eq!(trainer.epoch(&mut threshold, data), Err(Error::NnMismatch));
}

/// Runs parts in an order of its own.
struct Odd(fn(usize) -> Vec<usize>);

impl Parallel for Odd {
    fn run(&self, parts: usize, work: &(dyn Fn(usize) + Sync)) {
        self.0(parts).into_iter().for_each(work);
    }
}

#[test]
fn workers_come_to_the_same_weights_whoever_runs_them() {
    let (inputs, targets) = rings(205, 0);
    let data = Data::new(&inputs, &targets);
    for algorithm in [Algorithm::RPROP, Algorithm::ADAM] {
        for workers in [2, 3, 16] {
            let batch_size = if algorithm == Algorithm::ADAM { 100 } else { 0 };
            let settings = TrainerConfig { workers, batch_size, block: 8, ..config(algorithm) };
            let run = |parallel: Option<&dyn Parallel>| {
                let mut net = network(7, Topology::Layered);
                let mut trainer = trainer(&settings, &net);
                let params =
                    TrainParams { parallel, validation: Some(data), ..TrainParams::epochs(5) };
                let report = trainer.train(&mut net, data, params).map(|report| report.loss);
                (report, net.weights().to_vec())
            };
            let alone = run(None);
            assert!(alone.0.is_ok());
            assert_eq!(run(Some(&Threads::new(0))), alone);
            assert_eq!(run(Some(&Threads::new(40))), alone);
            assert_eq!(run(Some(&Odd(|parts| (0..parts).rev().collect()))), alone);
            // Parts that do not exist and parts named twice are not run.
            assert_eq!(run(Some(&Odd(|parts| (0..3 * parts).map(|i| i / 2).collect()))), alone);
            // Forgotten ones are noticed.
            assert_eq!(run(Some(&Odd(|parts| (1..parts).collect()))).0, Err(Error::Hook));
            // Against one worker only the rounding differs.
            let one = TrainerConfig { workers: 1, ..settings };
            let mut net = network(7, Topology::Layered);
            let mut single = trainer(&one, &net);
            let loss = single.train(&mut net, data, TrainParams::epochs(1)).unwrap().loss;
            let mut net = network(7, Topology::Layered);
            let mut several = trainer(&settings, &net);
            let other = several.train(&mut net, data, TrainParams::epochs(1)).unwrap().loss;
            assert!((loss - other).abs() < 1e-6, "{loss} {other}");
        }
    }
    let net = network(7, Topology::Layered);
    for workers in [0, 17] {
        let bad = TrainerConfig { workers, ..config(Algorithm::RPROP) };
        assert_eq!(Trainer::footprint(&bad, &net), Err(Error::Invalid));
    }
}

#[test]
fn tiny_networks_learn_as_others_do() {
    // With weights given, even if all are 1, a tiny network goes the way of the
    // large ones.
    let ones = [1.0; 37];
    let (inputs, targets) = rings(37, 0);
    for kernel in Kernel::ALL.into_iter().filter(|k| k.available()) {
        for activation in Activation::ALL {
            if !activation.is_trainable() || activation == Activation::Softmax {
                continue;
            }
            let layers = [
                Layer { steepness: 0.5, ..Layer::new(3, activation) },
                Layer::new(4, Activation::Tanh),
                Layer::new(1, activation),
            ];
            let run = |weights| {
                let mut net = Net::new(&NetConfig::new(2, &layers), Heap).unwrap();
                net.set_kernel(kernel).unwrap();
                net.randomize(Randomize::Uniform(-1.0, 1.0), 9).unwrap();
                let mut trainer = trainer(&config(Algorithm::BATCH), &net);
                let data = Data { weights, ..Data::new(&inputs, &targets) };
                let report = trainer.train(&mut net, data, TrainParams::epochs(3)).unwrap();
                (net, report)
            };
            let (tiny, other) = (run(None), run(Some(&ones[..])));
            assert!(tiny.0.difference(&other.0).unwrap() < 1e-4, "{kernel:?} {activation:?}");
            assert!((tiny.1.loss - other.1.loss).abs() < 1e-5, "{kernel:?} {activation:?}");
            assert_eq!(tiny.1.bit_fail, other.1.bit_fail, "{kernel:?} {activation:?}");
        }
    }
}
