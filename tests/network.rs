//! Networks of every topology, from the outside: what they compute, how they
//! are wired, changed, copied, grown, saved.

use neural_swarm::Error;
use neural_swarm::nn::{
    Activation, Algorithm, Connection, Data, Init, Kernel, Layer, Net, NetConfig, Randomize,
    Topology, Trainer, TrainerConfig,
};
use neural_swarm::port::Heap;
use proptest::prelude::*;

fn config<'a>(inputs: usize, layers: &'a [Layer], topology: Topology) -> NetConfig<'a> {
    NetConfig { topology, ..NetConfig::new(inputs, layers) }
}

fn layer(units: usize, activation: Activation, steepness: f32) -> Layer {
    Layer { steepness, ..Layer::new(units, activation) }
}

/// What a network gives, from its connections alone, in double precision.
fn reference(net: &Net<'_>, input: &[f32]) -> Vec<f64> {
    let shape = net.shape();
    let mut values: Vec<f64> = input.iter().map(|x| f64::from(*x)).collect();
    let connections: Vec<Connection> = net.connections().collect();
    for i in 0..shape.layers {
        let layer = net.layer(i).unwrap();
        let mut outputs = Vec::new();
        for unit in 0..layer.units {
            let of = connections.iter().filter(|c| c.to == layer.first_unit + unit);
            let sum: f64 =
                of.map(|c| f64::from(c.weight) * c.from.map_or(1.0, |n| values[n])).sum();
            outputs.push((net.unit_style(i, unit).unwrap(), sum));
        }
        let total: f64 = outputs.iter().map(|((_, s), x)| (f64::from(*s) * x).exp()).sum();
        values.extend(outputs.into_iter().map(|((activation, steepness), sum)| {
            let x = f64::from(steepness) * sum;
            match activation {
                Activation::Softmax => x.exp() / total,
                other => f64::from(other.value(x as f32)),
            }
        }));
    }
    values.split_off(values.len() - shape.outputs)
}

fn saved(net: &Net<'_>) -> Vec<u8> {
    let mut bytes = vec![0; net.model_len().unwrap()];
    assert_eq!(net.save(&mut bytes), Ok(bytes.len()));
    bytes
}

/// Networks of all kinds, with weights that are not small.
fn nets() -> impl Strategy<Value = Net<'static>> {
    let activation = prop::sample::select(&Activation::ALL[..]);
    let layers = prop::collection::vec((1usize..7, activation, 0.25f32..2.0), 1..5);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), 0.2f32..1.0);
    (1usize..9, layers, any::<u64>(), flags, 1usize..5).prop_map(
        |(inputs, layers, seed, (shortcut, sparse, styles, rate), batch)| {
            let last = layers.len() - 1;
            let layers: Vec<Layer> = layers
                .into_iter()
                .enumerate()
                .map(|(i, (units, activation, steepness))| match activation {
                    Activation::Softmax if i < last => layer(units, Activation::Silu, steepness),
                    _ => layer(units, activation, steepness),
                })
                .collect();
            let topology = if shortcut { Topology::Shortcut } else { Topology::Layered };
            let mut net = Net::new(
                &NetConfig {
                    seed,
                    batch,
                    connection_rate: if sparse { rate } else { 1.0 },
                    unit_styles: styles,
                    ..config(inputs, &layers, topology)
                },
                Heap,
            )
            .unwrap();
            net.randomize(Randomize::Uniform(-1.5, 1.5), seed).unwrap();
            if styles && layers[0].activation != Activation::Softmax {
                net.set_unit_style(0, 0, Activation::Elliot, 0.7).unwrap();
            }
            net
        },
    )
}

proptest! {
    #[test]
    fn networks_compute_what_their_connections_say(
        mut net in nets(),
        values in prop::collection::vec(-2.0f32..2.0, 7 * 8),
    ) {
        let shape = net.shape();
        let inputs = &values[..7 * shape.inputs.min(8)];
        prop_assume!(shape.inputs <= 8);
        for kernel in Kernel::ALL.into_iter().filter(|k| k.available()) {
            net.set_kernel(kernel).unwrap();
            let mut outputs = vec![0.0; 7 * shape.outputs];
            net.forward_batch(inputs, 7, &mut outputs).unwrap();
            for (x, y) in inputs.chunks(shape.inputs).zip(outputs.chunks(shape.outputs)) {
                for (got, want) in y.iter().zip(reference(&net, x)) {
                    // A step, a corner of the stepwise functions, may lie
                    // within the rounding.
                    let edge = [Activation::Threshold, Activation::ThresholdSymmetric];
                    let has_edge = (0..shape.layers).any(|i| {
                        let units = net.layer(i).unwrap().units;
                        (0..units).any(|u| edge.contains(&net.unit_style(i, u).unwrap().0))
                    });
                    prop_assert!(
                        has_edge || (f64::from(*got) - want).abs() < 1e-4 * want.abs().max(1.0),
                        "{kernel:?} {got} {want}"
                    );
                }
            }
        }
    }

    #[test]
    fn models_hold_all_of_a_network(mut net in nets()) {
        let bytes = saved(&net);

        let aligned: Vec<u32> = bytes.chunks(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect();
        let mut loaded = Net::load(&bytes, Heap).unwrap();
        let mut view = Net::view(bytemuck::cast_slice(&aligned), Heap).unwrap();
        let mut copy = view.copy(Heap).unwrap();
        prop_assert!(view.is_read_only() && !copy.is_read_only());
        let input = vec![0.3; net.shape().inputs];
        let mut want = vec![0.0; net.shape().outputs];
        net.forward(&input, &mut want).unwrap();
        for other in [&mut loaded, &mut view, &mut copy] {
            prop_assert_eq!(net.shape(), other.shape());
            prop_assert_eq!(net.difference(other), Ok(0.0));
            prop_assert!(net.connections().eq(other.connections()));
            let mut got = vec![0.0; want.len()];
            other.forward(&input, &mut got).unwrap();
            prop_assert_eq!(&got, &want);
            prop_assert_eq!(&saved(other), &bytes);
        }
    }

    #[test]
    fn every_truncated_or_changed_model_is_refused(net in nets(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let bytes = saved(&net);
        prop_assert!(Net::load(&bytes[..at.index(bytes.len())], Heap).is_err());
        let mut bad = bytes.clone();
        bad[at.index(bytes.len())] ^= 1u8 << bit;
        prop_assert!(Net::load(&bad, Heap).is_err());
    }

    #[test]
    fn weights_are_found_by_their_nodes(mut net in nets()) {
        let all: Vec<Connection> = net.connections().collect();
        prop_assert_eq!(all.len(), net.shape().parameters);
        for (i, c) in all.iter().enumerate() {
            prop_assert_eq!(net.weight(c.from, c.to), Ok(c.weight));
            net.set_weight(c.from, c.to, i as f32).unwrap();
            prop_assert_eq!(net.weights()[i], i as f32);
            // From a node that comes before, to a unit.
            prop_assert!(c.from.is_none_or(|from| from < c.to) && c.to >= net.shape().inputs);
        }
        prop_assert_eq!(net.weight(None, 0), Err(Error::Invalid));
        prop_assert_eq!(net.weight(Some(all[0].to), all[0].to), Err(Error::Invalid));
        prop_assert_eq!(net.weight(None, usize::MAX), Err(Error::Invalid));
        prop_assert_eq!(net.connection(all.len()), Err(Error::Invalid));
    }

    #[test]
    fn sparse_networks_leave_nobody_out(
        inputs in 1usize..30, units in 1usize..30, rate in 0.01f32..1.0, seed in any::<u64>(),
    ) {
        let layers = [layer(units, Activation::Tanh, 1.0)];
        let config = NetConfig {
            connection_rate: rate, seed, ..config(inputs, &layers, Topology::Layered)
        };
        let net = Net::new(&config, Heap).unwrap();
        let mut from = vec![0; inputs];
        let mut to = vec![0; units];
        let mut count = 0;
        for c in net.connections() {
            if let Some(source) = c.from {
                from[source] += 1;
                to[c.to - inputs] += 1;
                count += 1;
            }
        }
        prop_assert!(from.iter().chain(&to).all(|n| *n > 0));
        // Units have about the same number each.
        prop_assert!(to.iter().max().unwrap() - to.iter().min().unwrap() <= 1);
        let wanted = (rate * (inputs * units) as f32).round() as usize;
        prop_assert_eq!(count, wanted.max(inputs).max(units));
    }

    /// The gradient that training goes along is that of the loss, as small
    /// differences of the weights show it.
    #[test]
    fn gradients_are_those_of_the_loss(
        mut net in nets(),
        values in prop::collection::vec(-1.0f32..1.0, 3 * 16),
        weigh in any::<bool>(),
    ) {
        let shape = net.shape();
        // Corners and straight lines that stand for curves have no such slope.
        let rough = [
            Activation::Threshold, Activation::ThresholdSymmetric, Activation::Relu,
            Activation::LeakyRelu, Activation::LinearPiece, Activation::LinearPieceSymmetric,
            Activation::SigmoidStepwise, Activation::TanhStepwise,
        ];
        for i in 0..shape.layers {
            let info = net.layer(i).unwrap();
            if rough.contains(&info.activation) {
                net.set_style(i, Activation::GaussianSymmetric, 0.8).unwrap();
            }
        }
        // Where slopes change fast, differences say little.
        net.randomize(Randomize::Uniform(-0.7, 0.7), 1).unwrap();
        let inputs = &values[..3 * shape.inputs];
        let targets: Vec<f32> =
            (0..3 * shape.outputs).map(|i| 0.5 + 0.4 * values[i % 16]).collect();
        let weights = [0.5, 2.0, 1.25];
        let data = Data { weights: weigh.then_some(&weights[..]), ..Data::new(inputs, &targets) };
        let sgd = TrainerConfig {
            algorithm: Algorithm::Sgd { learning_rate: 0.5, momentum: 0.0, nesterov: false },
            batch_size: 3, block: 2, ..TrainerConfig::default()
        };
        let mut trainer = Trainer::new(&sgd, &net, Heap).unwrap();
        let before = net.weights().to_vec();
        trainer.epoch(&mut net, data).unwrap();
        let gradient: Vec<f64> = before.iter().zip(net.weights())
            .map(|(a, b)| (f64::from(*a) - f64::from(*b)) / 0.5).collect();
        let step = 2e-3f32;
        net.set_weights(&before).unwrap();
        // What rounding of the loss makes of a difference.
        let noise = 4e-7 * f64::from(trainer.loss(&net, data).unwrap()) / f64::from(step);
        for (i, told) in gradient.iter().enumerate() {
            let mut loss_at = |w: f32| {
                let mut moved = before.clone();
                moved[i] = w;
                net.set_weights(&moved).unwrap();
                f64::from(trainer.loss(&net, data).unwrap())
            };
            let mut slope_at =
                |h: f32| (loss_at(before[i] + h) - loss_at(before[i] - h)) / (2.0 * f64::from(h));
            let (coarse, fine) = (slope_at(step), slope_at(step / 2.0));
            // Richardson's extrapolation: what the third derivative makes of a difference falls out.
            let slope = fine + (fine - coarse) / 3.0;
            let near = 1e-2 * slope.abs().max(1.0) + 3.0 * noise;
            prop_assert!((slope - told).abs() < near, "{i}: {coarse} {fine} {slope} {told}");
        }
    }

    #[test]
    fn a_grown_network_has_the_unit_and_all_else(
        inputs in 1usize..5, outputs in 1usize..4, units in 0usize..4, styles in any::<bool>(),
        x in prop::collection::vec(-1.0f32..1.0, 4),
    ) {
        let layers = [layer(outputs, Activation::Sigmoid, 0.5)];
        let mut net = Net::new(&NetConfig {
            spare_units: units, unit_styles: styles, ..config(inputs, &layers, Topology::Shortcut)
        }, Heap).unwrap();
        net.randomize(Randomize::Uniform(-1.0, 1.0), 3).unwrap();
        let x = &x[..inputs];
        for k in 0..units {
            let (mut before, mut after) = (vec![0.0; outputs], vec![0.0; outputs]);
            net.forward(x, &mut before).unwrap();
            let incoming: Vec<f32> = (0..inputs + k).map(|i| 0.1 * i as f32 - 0.2).collect();
            // A unit that nobody listens to changes nothing.
            net.grow((Activation::Tanh, 1.5), (&incoming, 0.3), &vec![0.0; outputs]).unwrap();
            net.forward(x, &mut after).unwrap();
            prop_assert_eq!(&before, &after);
            let node = inputs + k;
            prop_assert_eq!(net.weight(None, node), Ok(0.3));
            for (i, w) in incoming.iter().enumerate() {
                prop_assert_eq!(net.weight(Some(i), node), Ok(*w));
            }
            for output in 0..outputs {
                net.set_weight(Some(node), node + 1 + output, 0.7).unwrap();
            }
            net.forward(x, &mut after).unwrap();
            for (got, want) in after.iter().zip(reference(&net, x)) {
                prop_assert!((f64::from(*got) - want).abs() < 1e-5);
            }
        }
        let full = vec![0.0; inputs + units];
        let before = saved(&net);
        prop_assert_eq!(net.grow((Activation::Tanh, 1.0), (&full, 0.0), &vec![0.0; outputs]), Err(Error::Capacity));
        prop_assert_eq!(saved(&net), before);
    }
}

#[test]
fn bad_growth_changes_nothing() {
    let layers = [layer(1, Activation::Tanh, 1.0)];
    let grows = NetConfig { spare_units: 2, ..config(2, &layers, Topology::Shortcut) };
    let mut net = Net::new(&grows, Heap).unwrap();
    let before = saved(&net);
    let tanh = (Activation::Tanh, 1.0);
    assert_eq!(net.grow(tanh, (&[0.0], 0.0), &[0.0]), Err(Error::Length));
    assert_eq!(net.grow(tanh, (&[0.0; 2], 0.0), &[]), Err(Error::Length));
    assert_eq!(net.grow(tanh, (&[0.0; 2], f32::NAN), &[0.0]), Err(Error::NnNotFinite));
    assert_eq!(net.grow((Activation::Tanh, 0.0), (&[0.0; 2], 0.0), &[0.0]), Err(Error::Invalid));
    let softmax = (Activation::Softmax, 1.0);
    assert_eq!(net.grow(softmax, (&[0.0; 2], 0.0), &[0.0]), Err(Error::Invalid));
    assert_eq!(saved(&net), before);
    for bad in [
        NetConfig { spare_units: 1, ..config(2, &layers, Topology::Layered) },
        NetConfig { connection_rate: 0.5, ..grows },
        NetConfig { connection_rate: 0.0, ..config(2, &layers, Topology::Layered) },
        NetConfig { connection_rate: f32::NAN, ..config(2, &layers, Topology::Layered) },
        NetConfig { connection_rate: 1.1, ..config(2, &layers, Topology::Layered) },
    ] {
        assert_eq!(Net::footprint(&bad), Err(Error::Invalid));
    }
}

#[test]
fn styles_are_set_and_refused() {
    let layers = [layer(3, Activation::Tanh, 1.0), layer(2, Activation::Sigmoid, 2.0)];
    let mut net = Net::new(&config(2, &layers, Topology::Layered), Heap).unwrap();
    assert_eq!(net.set_unit_style(0, 0, Activation::Relu, 1.0), Err(Error::Unsupported));
    net.set_style(0, Activation::Gelu, 0.5).unwrap();
    assert_eq!(net.unit_style(0, 2), Ok((Activation::Gelu, 0.5)));
    assert_eq!(net.set_style(0, Activation::Softmax, 1.0), Err(Error::NnShape));
    assert_eq!(net.set_style(2, Activation::Relu, 1.0), Err(Error::Invalid));
    assert_eq!(net.set_style(0, Activation::Relu, -1.0), Err(Error::Invalid));
    assert_eq!(net.unit_style(0, 3), Err(Error::Invalid));

    let styles = NetConfig { unit_styles: true, ..config(2, &layers, Topology::Layered) };
    let mut net = Net::new(&styles, Heap).unwrap();
    net.set_unit_style(0, 1, Activation::Relu, 3.0).unwrap();
    let all: Vec<_> = (0..3).map(|unit| net.unit_style(0, unit).unwrap()).collect();
    let tanh = (Activation::Tanh, 1.0);
    assert_eq!(all, [tanh, (Activation::Relu, 3.0), tanh]);
    assert_eq!(net.set_unit_style(0, 0, Activation::Softmax, 1.0), Err(Error::NnShape));
    assert_eq!(net.set_unit_style(0, 3, Activation::Relu, 1.0), Err(Error::Invalid));
}

#[test]
fn randomized_weights_lie_where_they_should() {
    let layers = [layer(20, Activation::Tanh, 1.0), layer(3, Activation::Sigmoid, 1.0)];
    let mut net = Net::new(&config(4, &layers, Topology::Layered), Heap).unwrap();
    net.randomize(Randomize::Uniform(0.25, 0.5), 1).unwrap();
    assert!(net.weights().iter().all(|w| (0.25..=0.5).contains(w)));
    let first = net.weights().to_vec();
    net.randomize(Randomize::Uniform(0.25, 0.5), 2).unwrap();
    assert_ne!(net.weights(), first);
    net.randomize(Randomize::Uniform(0.25, 0.5), 1).unwrap();
    assert_eq!(net.weights(), first);
    assert_eq!(net.randomize(Randomize::Uniform(1.0, 0.0), 1), Err(Error::Invalid));
    net.randomize(Randomize::Init(Init::He), 1).unwrap();
    assert_eq!(net.weight(None, 5), Ok(0.0));

    // Inputs from 10 to 30: with inputs in that range the hidden sums cover
    // the active range of the units, and not only one side of it.
    let samples: Vec<f32> =
        (0..400).map(|i| 10.0 + 20.0 * ((i * 37 % 101) as f32 / 100.0)).collect();
    net.randomize(Randomize::NguyenWidrow(&samples), 5).unwrap();
    let length = 0.7 * 20f32.powf(1.0 / 4.0);
    for unit in 4..24 {
        let weights: f32 = (0..4).map(|i| net.weight(Some(i), unit).unwrap().powi(2)).sum();
        // The paper's length for inputs in -1..1; these are ten times as wide.
        assert!((weights.sqrt() * 10.0 / length - 1.0).abs() < 0.05, "{}", weights.sqrt());
        let at_centre: f32 = (0..4).map(|i| 20.0 * net.weight(Some(i), unit).unwrap()).sum::<f32>()
            + net.weight(None, unit).unwrap();
        assert!(at_centre.abs() <= length * 1.05, "{at_centre}");
    }
    assert_eq!(net.randomize(Randomize::NguyenWidrow(&samples[..3]), 5), Err(Error::Length));
    assert_eq!(net.randomize(Randomize::NguyenWidrow(&[]), 5), Err(Error::Length));
    assert_eq!(net.randomize(Randomize::NguyenWidrow(&[f32::NAN; 4]), 5), Err(Error::NnNotFinite));
}

#[test]
fn read_only_networks_stay_as_they_are() {
    let layers = [layer(2, Activation::Tanh, 1.0)];
    let net = Net::new(&config(2, &layers, Topology::Shortcut), Heap).unwrap();
    let bytes = saved(&net);
    let words: Vec<u32> =
        bytes.chunks(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect();
    let mut view = Net::view(bytemuck::cast_slice(&words), Heap).unwrap();
    assert_eq!(view.set_weight(None, 2, 1.0), Err(Error::ReadOnly));
    assert_eq!(view.set_weights(&[0.0; 6]), Err(Error::ReadOnly));
    assert_eq!(view.set_style(0, Activation::Relu, 1.0), Err(Error::ReadOnly));
    assert_eq!(view.randomize(Randomize::Uniform(0.0, 1.0), 1), Err(Error::ReadOnly));
    assert_eq!(
        view.grow((Activation::Tanh, 1.0), (&[0.0; 2], 0.0), &[0.0; 2]),
        Err(Error::ReadOnly)
    );
    let mut net = net;
    assert_eq!(net.set_weights(&[0.0; 5]), Err(Error::Length));
    assert_eq!(net.set_weights(&[f32::INFINITY; 6]), Err(Error::NnNotFinite));
    assert_eq!(net.set_weight(None, 2, f32::NAN), Err(Error::NnNotFinite));
    assert_eq!(saved(&net), bytes);
}
