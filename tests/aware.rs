//! Quantisation-aware training: the int8 network made of the result is better
//! than without, and what it promises holds.

use neural_swarm::Error;
use neural_swarm::nn::{
    Activation, Adam, Algorithm, Data, Layer, Net, NetConfig, QNet, QNetConfig, Schedule,
    TrainParams, Trainer, TrainerConfig,
};
use neural_swarm::port::Heap;

/// A surface over two inputs.
fn samples() -> (Vec<f32>, Vec<f32>) {
    let mut inputs = Vec::new();
    let mut targets = Vec::new();
    for i in 0..24 {
        for j in 0..24 {
            let (x, y) = (i as f32 / 11.5 - 1.0, j as f32 / 11.5 - 1.0);
            inputs.extend([x, y]);
            targets.push((3.0 * x).sin() * y + 0.5 * x);
        }
    }
    (inputs, targets)
}

fn rms(outputs: &[f32], targets: &[f32]) -> f64 {
    let sum: f64 = outputs.iter().zip(targets).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    (sum / targets.len() as f64).sqrt()
}

/// The int8 network's root mean square error.
fn int8_error(net: &mut Net<'_>, inputs: &[f32], targets: &[f32]) -> f64 {
    let mut config = QNetConfig::new(net, inputs);
    let mut int8 = QNet::new(&mut config, Heap).unwrap();
    let mut outputs = vec![0.0; targets.len()];
    int8.forward_batch(inputs, &mut outputs).unwrap();
    rms(&outputs, targets)
}

fn config(aware: bool, rate: f32) -> TrainerConfig<'static> {
    let Algorithm::Adam(adam) = Algorithm::ADAM else { unreachable!() };
    TrainerConfig {
        algorithm: Algorithm::Adam(Adam { learning_rate: rate, ..adam }),
        quantization_aware: aware,
        ..TrainerConfig::default()
    }
}

fn train(net: &mut Net<'_>, config: &TrainerConfig<'_>, epochs: u32) {
    let (inputs, targets) = samples();
    let mut trainer = Trainer::new(config, net, Heap).unwrap();
    let params = TrainParams::epochs(epochs);
    trainer.train(net, Data::new(&inputs, &targets), params).unwrap();
}

/// A network that knows the surface, but not yet as int8.
fn trained(seed: u64) -> Net<'static> {
    let layers = [
        Layer::new(16, Activation::Relu),
        Layer::new(16, Activation::Relu),
        Layer::new(16, Activation::Relu),
        Layer::new(1, Activation::Linear),
    ];
    let mut net = Net::new(&NetConfig::new(2, &layers).seed(seed), Heap).unwrap();
    train(&mut net, &config(false, 3e-3), 300);
    net
}

#[test]
fn the_int8_network_is_better() {
    let (inputs, targets) = samples();
    let schedule = Schedule::Cosine { epochs: 200, last: 0.01 };
    let (mut without, mut with) = (0.0, 0.0);
    for seed in 0..10 {
        let mut net = trained(seed);
        let mut plain = net.copy(Heap).unwrap();
        train(&mut plain, &TrainerConfig { schedule, ..config(false, 1e-3) }, 200);
        train(&mut net, &TrainerConfig { schedule, ..config(true, 1e-3) }, 200);
        without += int8_error(&mut plain, &inputs, &targets) / 10.0;
        with += int8_error(&mut net, &inputs, &targets) / 10.0;
    }
    assert!(with < 0.97 * without, "{with} {without}");
}

#[test]
fn the_loss_is_that_of_the_int8_network() {
    let (inputs, targets) = samples();
    let data = Data::new(&inputs, &targets);
    for seed in 0..4 {
        let mut net = trained(seed);
        let mut trainer = Trainer::new(&config(true, 1e-9), &net, Heap).unwrap();
        let before = net.weights().to_vec();
        let float = f64::from(trainer.loss(&net, data).unwrap()).sqrt();
        let told = f64::from(trainer.epoch(&mut net, data).unwrap()).sqrt();
        let int8 = int8_error(&mut net, &inputs, &targets);
        assert!((told - int8).abs() < 0.5 * (int8 - float), "{told} {int8} {float}");
        // The steps went to the weights themselves, not to the rounded ones.
        let same = net.weights().iter().zip(&before).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(same && net.weights() != before);
    }
}

#[test]
fn a_training_can_go_on() {
    let (inputs, targets) = samples();
    let data = Data::new(&inputs, &targets);
    for algorithm in [Algorithm::ADAM, Algorithm::IRPROP_MINUS, Algorithm::INCREMENTAL] {
        let config = TrainerConfig { algorithm, ..config(true, 0.0) };
        let mut whole = trained(3);
        let mut parts = whole.copy(Heap).unwrap();
        train(&mut whole, &config, 4);
        let mut first = Trainer::new(&config, &parts, Heap).unwrap();
        first.train(&mut parts, data, TrainParams::epochs(2)).unwrap();
        let mut state = vec![0; first.state_len().unwrap()];
        first.save_state(&mut state).unwrap();
        let mut second = Trainer::new(&config, &parts, Heap).unwrap();
        second.load_state(&state).unwrap();
        second.train(&mut parts, data, TrainParams::epochs(2)).unwrap();
        assert_eq!(whole.difference(&parts), Ok(0.0), "{algorithm:?}");
    }
}

#[test]
fn what_cannot_be_is_refused_and_failures_leave_real_weights() {
    let net = trained(0);
    let exact = TrainerConfig {
        algorithm: Algorithm::RPROP,
        exact: true,
        quantization_aware: true,
        ..TrainerConfig::default()
    };
    assert_eq!(Trainer::footprint(&exact, &net).err(), Some(Error::Unsupported));

    // A loss that is not finite ends the epoch after the weights were rounded.
    let mut net = net.copy(Heap).unwrap();
    let before = net.weights().to_vec();
    let mut trainer = Trainer::new(&config(true, 1e-3), &net, Heap).unwrap();
    let far = [1e38f32, 1e38];
    let result = trainer.epoch(&mut net, Data::new(&far, &[-3e38]));
    assert_eq!(result, Err(Error::NnDiverged));
    assert_eq!(net.weights(), before);
}
