//! On random networks: blocks against one sample at a time, every kernel
//! against the portable one; and what is refused.

use super::tests::{Net, Numbers, kernels, words};
use super::*;
use crate::nn::Kernel;
use crate::nn::kernel::tests::quick;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::Incremental,
    Algorithm::Batch,
    Algorithm::Rprop,
    Algorithm::Quickprop,
    Algorithm::Sarprop,
];

/// A network, and how many samples it gets.
fn nets() -> impl Strategy<Value = (Net, usize, u32)> {
    let sizes = prop::collection::vec(1usize..40, 1..4);
    // Few sources, and more than a panel holds.
    let inputs = prop_oneof![1usize..70, 120usize..300];
    (inputs, sizes, any::<[bool; 2]>(), 1usize..40, 0usize..6, any::<u32>()).prop_map(
        |(inputs, sizes, [shortcut, alike], few, hundreds, seed)| {
            let mut numbers = Numbers(seed);
            let mut unit = || Unit {
                function: Function::from_code(
                    [3, 5, 7, 8, 10, 12, 14, 4][numbers.draw() as usize % 8],
                )
                .unwrap(),
                steepness: [0.5, 0.25, 1.0, 0.7][numbers.draw() as usize % 4],
            };
            let same = unit();
            let count = sizes.iter().sum();
            let units = (0..count).map(|_| if alike { same } else { unit() }).collect();
            let net = Net { inputs, sizes, units, shortcut, ..Net::default() };
            (net, few + hundreds / 5 * 300, seed)
        },
    )
}

/// Weights, slopes and steps after some epochs, and the last score.
fn trained(
    net: &Net,
    algorithm: Algorithm,
    kernels: &'static ExactKernels,
    samples: Samples,
    seed: u32,
) -> (Vec<u32>, Score) {
    let settings = Settings { learning_rate: 0.01, momentum: 0.1, ..Settings::default() };
    net.with(|wiring| {
        let mut params = Numbers(seed).take(wiring.parameters);
        let mut state = [const { Vec::new() }; 3].map(|_: Vec<f32>| vec![0.0; params.len()]);
        let [slopes, last_slopes, steps] = &mut state;
        let (mut epochs, mut rand) = (0, Rand::new(seed));
        let mut state =
            State { slopes, last_slopes, steps, sarprop_epoch: &mut epochs, rand: &mut rand };
        state.reset(algorithm, &settings);
        let mut scratch = vec![f32::NAN; wiring.scratch()];
        let engine = Engine { kernels, wiring };
        let mut score = Score::default();
        for _ in 0..3 {
            let what = (&mut params[..], &mut state);
            score = engine.epoch((algorithm, &settings), what, samples, &mut scratch).unwrap();
        }
        let all = [&params[..], state.slopes, state.last_slopes, state.steps].concat();
        (words(&all), score)
    })
}

fn cases() -> u32 {
    if quick() { 12 } else { 96 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn every_kernel_trains_alike((net, count, seed) in nets()) {
        let mut numbers = Numbers(!seed);
        let inputs = numbers.take(count * net.inputs);
        let outputs = numbers.take(count * net.sizes.last().unwrap());
        let samples = Samples { inputs: &inputs, outputs: &outputs };
        let portable = Kernel::Portable.exact().unwrap();
        let algorithm = ALGORITHMS[seed as usize % 5];
        let want = trained(&net, algorithm, portable, samples, seed);
        for (kernel, kernels) in kernels() {
            let got = trained(&net, algorithm, kernels, samples, seed);
            prop_assert!(got == want, "{:?} with {:?}: {:?}", kernel, algorithm, got.1);
        }
    }

    #[test]
    fn blocks_are_single_samples((net, count, seed) in nets()) {
        let mut numbers = Numbers(!seed);
        let inputs = numbers.take(count * net.inputs);
        let outputs = numbers.take(count * net.sizes.last().unwrap());
        let samples = Samples { inputs: &inputs, outputs: &outputs };
        let settings = Settings::default();
        for (kernel, kernels) in kernels() {
            net.with(|wiring| {
                let engine = Engine { kernels, wiring };
                let params = numbers.take(wiring.parameters);
                let mut scratch = vec![f32::NAN; wiring.scratch()];
                let (mut slopes, mut want) = (vec![0.0; params.len()], vec![0.0; params.len()]);
                let score =
                    dense::run(engine, &settings, &params, Some(&mut slopes), samples, &mut scratch);
                let mode = single::Mode::Slopes(&params, &mut want);
                let single = single::run(engine, &settings, mode, samples, &mut scratch);
                assert_eq!(score, single, "{kernel:?}");
                assert_eq!(words(&slopes), words(&want), "{kernel:?}");
                assert_eq!(engine.test(&settings, &params, samples, &mut scratch), Ok(score));

                let mut got = vec![0.0; outputs.len()];
                engine.forward(&params, &inputs, &mut got, &mut scratch).unwrap();
                let rows = inputs.chunks(net.inputs).zip(got.chunks(wiring.outputs));
                for (inputs, got) in rows.take(3) {
                    let mut one = vec![0.0; wiring.outputs];
                    single::forward(engine, &params, (inputs, &mut one), &mut scratch);
                    assert_eq!(words(got), words(&one), "{kernel:?}");
                    dense::forward(engine, &params, inputs, &mut one, &mut scratch);
                    assert_eq!(words(got), words(&one), "{kernel:?}");
                }
            });
        }
    }
}

#[test]
fn what_is_no_network_is_refused() {
    let unit = Unit { function: Function::Linear, steepness: 0.5 };
    let range = |first, count, bias_at| Sources::Range { first, count, bias_at };
    let layer = |units, at, sources| Layer { units, at, sources };
    let lists = |from| Sources::Lists { from };
    let starts = [0, 1, 3, 2, 9];
    let links = [0, 1, 2];
    let good = [layer(2, 0, lists(0)), layer(1, 5, range(2, 2, 2))];
    let check = |inputs, layers: &[Layer], units: &[Unit]| {
        Wiring::new(inputs, layers, units, (&starts, &links)).map(|wiring| wiring.parameters)
    };
    assert_eq!(check(3, &good[..1], &[unit; 2]), Ok(5));
    assert_eq!(check(2, &[layer(2, 0, range(0, 2, 1))], &[unit; 2]), Ok(6));
    let steep = |steepness| [Unit { steepness, ..unit }];
    let one = [layer(1, 0, range(0, 2, 2))];
    assert_eq!(check(2, &one, &steep(1.0)), Ok(3));
    let bad: &[(usize, &[Layer], &[Unit])] = &[
        (0, &one, &[unit]),
        (2, &[], &[]),
        (2, &one, &[unit; 2]),
        (1, &one, &[unit]),
        (2, &one, &steep(0.0)),
        (2, &one, &steep(-1.0)),
        (2, &one, &steep(f32::NAN)),
        (2, &one, &steep(f32::INFINITY)),
        (2, &[layer(0, 0, range(0, 2, 2))], &[]),
        (2, &[layer(1, 1, range(0, 2, 2))], &[unit]),
        (2, &[layer(1, 0, range(0, 2, 3))], &[unit]),
        (2, &[layer(1, 0, range(0, 0, 0))], &[unit]),
        (2, &[layer(1, 0, range(usize::MAX, 2, 0))], &[unit]),
        // Nodes that are not there, places that are not there, places that go
        // back, both kinds of layers.
        (2, &good[..1], &[unit; 2]),
        (3, &[layer(4, 0, lists(0))], &[unit; 4]),
        (3, &[layer(2, 0, lists(1))], &[unit; 2]),
        (3, &[layer(2, 0, lists(4))], &[unit; 2]),
        (3, &good, &[unit; 3]),
    ];
    for (inputs, layers, units) in bad {
        assert_eq!(check(*inputs, layers, units), Err(Error::NnShape), "{inputs} {layers:?}");
    }
}

#[test]
fn lengths_that_do_not_match_are_refused() {
    let unit = Unit { function: Function::Sigmoid, steepness: 0.5 };
    let net = Net { inputs: 2, sizes: vec![3, 2], units: vec![unit; 5], ..Net::default() };
    let kernels = Kernel::Portable.exact().unwrap();
    let settings = Settings::default();
    net.with(|wiring| {
        let engine = Engine { kernels, wiring };
        let floats = [0.0f32; 4096];
        let params = &floats[..wiring.parameters];
        let test = |params: &[f32], inputs: usize, outputs: usize, less: usize| {
            let samples = Samples { inputs: &floats[..inputs], outputs: &floats[..outputs] };
            let mut scratch = vec![0.0; wiring.scratch() - less];
            engine.test(&settings, params, samples, &mut scratch).map(|score| score.bit_fail)
        };
        assert_eq!(test(params, 6, 6, 0), Ok(6));
        assert_eq!(test(&params[1..], 6, 6, 0), Err(Error::Invalid));
        for (inputs, outputs, less) in [(0, 0, 0), (6, 4, 0), (5, 6, 0), (6, 5, 0), (6, 6, 1)] {
            assert_eq!(test(params, inputs, outputs, less), Err(Error::Invalid));
        }
        for algorithm in ALGORITHMS {
            let mut short = [const { Vec::new() }; 3].map(|_: Vec<f32>| vec![0.0; 3]);
            let [slopes, last_slopes, steps] = &mut short;
            let (mut epochs, mut rand) = (0, Rand::new(1));
            let mut state =
                State { slopes, last_slopes, steps, sarprop_epoch: &mut epochs, rand: &mut rand };
            let mut params = params.to_vec();
            let samples = Samples { inputs: &floats[..2], outputs: &floats[..2] };
            let what = (&mut params[..], &mut state);
            let mut scratch = vec![0.0; wiring.scratch()];
            let result = engine.epoch((algorithm, &settings), what, samples, &mut scratch);
            assert_eq!(result, Err(Error::Invalid), "{algorithm:?}");
        }
    });
}

#[test]
fn numbers_that_are_none_stay_visible() {
    let unit = Unit { function: Function::SigmoidSymmetric, steepness: 0.5 };
    let net = Net { inputs: 2, sizes: vec![20, 2], units: vec![unit; 22], ..Net::default() };
    for (_, kernels) in kernels() {
        net.with(|wiring| {
            let engine = Engine { kernels, wiring };
            let params = vec![0.5; wiring.parameters];
            let mut outputs = [0.0; 40];
            let mut inputs = [0.25; 40];
            inputs[7] = f32::NAN;
            let mut scratch = vec![0.0; wiring.scratch()];
            engine.forward(&params, &inputs, &mut outputs, &mut scratch).unwrap();
            let nan = outputs.map(f32::is_nan);
            assert_eq!(nan.iter().filter(|nan| **nan).count(), 2);
            assert!(nan[6] && nan[7]);
        });
    }
}
