//! Against numbers that libfann made (`tests/data/fann-exact.txt`, or the file
//! that the environment variable `NSW_FANN_VECTORS` names): every weight, on
//! every kernel of this machine.

#[path = "../../../tests/common/data.rs"]
mod data;

use super::*;
use crate::nn::Kernel;
use crate::nn::kernel::tests::{distinct, quick};
use std::string::String;
use std::vec::Vec;
use std::{format, vec};

/// The generator of `tests/peers/fann-exact.c`.
pub(super) struct Numbers(pub u32);

impl Numbers {
    pub fn draw(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }

    fn next(&mut self) -> f32 {
        (self.draw() as i32 - (1 << 23)) as f32 / 8_388_608.0
    }

    pub fn take(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next()).collect()
    }
}

/// A network that owns its wiring.
#[derive(Debug, Default)]
pub(super) struct Net {
    pub inputs: usize,
    pub sizes: Vec<usize>,
    pub units: Vec<Unit>,
    pub shortcut: bool,
    /// Empty if it is fully connected.
    pub starts: Vec<u32>,
    pub links: Vec<u32>,
}

impl Net {
    pub fn with<T>(&self, f: impl FnOnce(&Wiring) -> T) -> T {
        let (mut at, mut first, mut nodes, mut from) = (0, 0, self.inputs, 0);
        let mut layers = Vec::new();
        for units in &self.sizes {
            let (sources, weights) = if !self.starts.is_empty() {
                let starts = &self.starts[from..][..=*units];
                (Sources::Lists { from }, (starts[*units] - starts[0]) as usize)
            } else if self.shortcut {
                let count = nodes;
                (Sources::Range { first: 0, count, bias_at: self.inputs }, count * units)
            } else {
                let count = nodes - first;
                (Sources::Range { first, count, bias_at: count }, count * units)
            };
            layers.push(Layer { units: *units, at, sources });
            at += weights + units;
            from += units + 1;
            first = nodes;
            nodes += units;
        }
        let lists = (&self.starts[..], &self.links[..]);
        f(&Wiring::new(self.inputs, &layers, &self.units, lists).unwrap())
    }

    /// For each connection in libfann's order the index of its parameter.
    fn order(&self) -> Vec<usize> {
        self.with(|wiring| {
            let mut order = Vec::new();
            for layer in wiring.layers {
                for u in 0..layer.units {
                    let (weights, bias_at) = wiring.connections(layer, u);
                    order.extend(weights.clone().take(bias_at));
                    order.push(layer.at + wiring.weights(layer) + u);
                    order.extend(weights.skip(bias_at));
                }
            }
            order
        })
    }
}

/// One case of the file.
struct Case {
    name: String,
    net: Net,
    algorithm: Algorithm,
    settings: Settings,
    epochs: usize,
    seed: u32,
    params: Vec<f32>,
    inputs: Vec<f32>,
    outputs: Vec<f32>,
    /// Mean square error and failed bits of the last epoch, and after it.
    scores: [(u32, u32); 2],
    first: Vec<u32>,
    weights: Vec<u32>,
}

fn hex(word: &str) -> u32 {
    u32::from_str_radix(word, 16).unwrap()
}

fn float(word: &str) -> f32 {
    f32::from_bits(hex(word))
}

/// Our number for libfann's neuron: there each layer is followed by a bias.
/// Nothing for a bias.
fn node(mut neuron: usize, widths: &[usize]) -> Option<u32> {
    let mut node = 0;
    for width in widths {
        if neuron <= *width {
            return (neuron < *width).then_some((node + neuron) as u32);
        }
        neuron -= width + 1;
        node += width;
    }
    None
}

/// Starts and nodes of the connections from pairs `from>to`, bias first.
fn lists(text: &str, widths: &[usize]) -> (Vec<u32>, Vec<u32>) {
    let number = |word: &str| word.parse::<usize>().unwrap();
    let pairs: Vec<[usize; 2]> = text
        .split_whitespace()
        .map(|pair| pair.split_once('>').unwrap())
        .map(|(from, to)| [number(from), number(to)])
        .collect();
    let (mut starts, mut nodes) = (vec![], vec![]);
    let mut first = 0;
    for layer in widths.windows(2) {
        first += layer[0] + 1;
        for unit in first..first + layer[1] {
            starts.push(nodes.len() as u32);
            let mut from = pairs.iter().filter(|pair| pair[1] == unit).map(|pair| pair[0]);
            assert_eq!(node(from.next().unwrap(), widths), None, "the bias comes first");
            nodes.extend(from.map(|neuron| node(neuron, widths).unwrap()));
        }
        starts.push(nodes.len() as u32);
    }
    (starts, nodes)
}

fn algorithm(name: &str) -> Algorithm {
    match name {
        "incremental" => Algorithm::Incremental,
        "batch" => Algorithm::Batch,
        "rprop" => Algorithm::Rprop,
        "quickprop" => Algorithm::Quickprop,
        "sarprop" => Algorithm::Sarprop,
        _ => panic!("{name}"),
    }
}

/// The lines of a case by their first word.
fn case(text: &str) -> Case {
    let text = format!("case{text}");
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        match line.chars().next() {
            Some(c) if c.is_ascii_hexdigit() && line.split(' ').all(|w| w.len() == 8) => {
                let last = &mut fields.last_mut().unwrap().1;
                last.push(' ');
                last.push_str(line);
            }
            _ => {
                let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
                fields.push((word, rest.into()));
            }
        }
    }
    let field = |name: &str| {
        let found = fields.iter().find(|(word, _)| *word == name);
        found.map(|(_, rest)| rest.as_str())
    };
    let words = |name: &str| field(name).unwrap().split_whitespace().collect::<Vec<_>>();
    let head = words("case");
    let widths: Vec<usize> = words("layers").iter().map(|w| w.parse().unwrap()).collect();
    let unit = |word: &&str| {
        let (function, steepness) = word.split_once(':').unwrap();
        let function = Function::from_code(function.parse().unwrap()).unwrap();
        Unit { function, steepness: float(steepness) }
    };
    let (starts, links) = field("links").map_or((vec![], vec![]), |text| lists(text, &widths));
    let net = Net {
        inputs: widths[0],
        sizes: widths[1..].to_vec(),
        units: words("units").iter().map(unit).collect(),
        shortcut: head[1] == "shortcut",
        starts,
        links,
    };
    let s: Vec<f32> = words("settings").iter().map(|w| float(w)).collect();
    let settings = Settings {
        learning_rate: s[0],
        momentum: s[1],
        quickprop_decay: s[2],
        quickprop_mu: s[3],
        rprop_increase: s[4],
        rprop_decrease: s[5],
        rprop_delta_min: s[6],
        rprop_delta_max: s[7],
        rprop_delta_zero: s[8],
        sarprop_weight_decay_shift: s[9],
        sarprop_step_error_threshold: s[10],
        sarprop_step_error_shift: s[11],
        sarprop_temperature: s[12],
        tanh_error: s[13] == 1.0,
        bit_fail_limit: s[14],
    };
    let train = words("train");
    let [epochs, samples, seed] = [0, 1, 2].map(|i| train[i].parse::<u32>().unwrap());
    // The same draws as on the other side: functions and steepnesses, weights,
    // samples.
    let mut numbers = Numbers(seed);
    let drawn = words("units").len();
    skip_units(&mut numbers, head[0], drawn, &net);
    let order = net.order();
    let mut params = vec![0.0; order.len()];
    for at in &order {
        params[*at] = float(train[3]) * numbers.next();
    }
    let (mut inputs, mut outputs) = (vec![], vec![]);
    for _ in 0..samples {
        inputs.extend(numbers.take(net.inputs));
        outputs.extend(numbers.take(*widths.last().unwrap()));
    }
    let algorithm = algorithm(head[2]);
    let score = |name: &str| (hex(words(name)[0]), words(name)[1].parse().unwrap());
    let list = |name: &str| words(name).iter().map(|w| hex(w)).collect::<Vec<_>>();
    Case {
        name: head.join(" "),
        algorithm,
        settings,
        epochs: epochs as usize,
        seed,
        scores: [score("score"), score("test")],
        first: list("outputs"),
        weights: list("weights"),
        net,
        params,
        inputs,
        outputs,
    }
}

/// Draws what the other side drew for functions ("mixed") and steepnesses.
fn skip_units(numbers: &mut Numbers, name: &str, units: usize, net: &Net) {
    let function = name.starts_with("mixed");
    let steepness = function || name.starts_with("function");
    for unit in &net.units[..units] {
        if function {
            let mut drawn = numbers.draw() % 18;
            while drawn == 1 || drawn == 9 {
                drawn = numbers.draw() % 18;
            }
            assert_eq!(Function::from_code(drawn), Some(unit.function));
        }
        if steepness {
            numbers.draw();
        }
    }
}

/// FNV-1a.
fn hash(values: &[f32]) -> u32 {
    let bytes = values.iter().flat_map(|value| value.to_bits().to_le_bytes());
    bytes.fold(2_166_136_261, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
}

/// The vectors of libfann's.
fn vectors() -> String {
    match std::env::var("NSW_FANN_VECTORS") {
        Ok(path) => std::fs::read_to_string(path).unwrap(),
        Err(_) => include_str!("../../../tests/data/fann-exact.txt").into(),
    }
}

fn cases() -> Vec<Case> {
    let text = vectors();
    let text = text.split("\nsweep").next().unwrap();
    let cases: Vec<Case> = text.split("\ncase").skip(1).map(case).collect();
    assert!(cases.len() > 50);
    cases
}

pub(super) fn kernels() -> impl Iterator<Item = (Kernel, &'static ExactKernels)> {
    distinct(Kernel::exact)
}

pub(super) fn words(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Parameters after so many epochs, and the score of the last.
fn train(
    engine: Engine,
    (algorithm, settings): (Algorithm, &Settings),
    (params, seed): (&mut [f32], u32),
    samples: Samples,
    epochs: usize,
) -> Score {
    let sizes = State::needs(algorithm).map(|needed| if needed { params.len() } else { 0 });
    let mut vectors = sizes.map(|size| vec![0.0; size]);
    let [slopes, last_slopes, steps] = &mut vectors;
    let (sarprop_epoch, rand) = (&mut 0, &mut Rand::new(seed));
    let mut state = State { slopes, last_slopes, steps, sarprop_epoch, rand };
    state.reset(algorithm, settings);
    let mut scratch = vec![f32::NAN; engine.wiring.scratch()];
    let mut score = Score::default();
    for _ in 0..epochs {
        let what = (&mut *params, &mut state);
        score = engine.epoch((algorithm, settings), what, samples, &mut scratch).unwrap();
    }
    score
}

#[test]
fn every_weight_is_libfanns() {
    let mut bad = Vec::new();
    for case in cases() {
        for (kernel, kernels) in kernels() {
            let mut params = case.params.clone();
            let samples = Samples { inputs: &case.inputs, outputs: &case.outputs };
            let first = &case.inputs[..case.net.inputs];
            let mut outputs = vec![0.0; case.first.len()];
            let how = (case.algorithm, &case.settings);
            let scores = case.net.with(|wiring| {
                let engine = Engine { kernels, wiring };
                let mut scratch = vec![f32::NAN; wiring.scratch()];
                let what = (&mut params[..], case.seed);
                let score = train(engine, how, what, samples, case.epochs);
                let after = engine.test(&case.settings, &params, samples, &mut scratch).unwrap();
                engine.forward(&params, first, &mut outputs, &mut scratch).unwrap();
                [score, after].map(|score| (score.mse().to_bits(), score.bit_fail))
            });
            let got: Vec<f32> = case.net.order().iter().map(|at| params[*at]).collect();
            let same = (words(&got) == case.weights, scores == case.scores);
            if same != (true, true) || words(&outputs) != case.first {
                let differ = words(&got).iter().zip(&case.weights).filter(|(a, b)| a != b).count();
                bad.push(format!(
                    "{} on {kernel:?}: {differ} of {} weights, {scores:x?} {:x?}",
                    case.name,
                    got.len(),
                    case.scores,
                ));
            }
        }
    }
    assert!(bad.is_empty(), "{} differ:\n{}", bad.len(), bad.join("\n"));
}

#[test]
fn every_value_is_libfanns() {
    let text = vectors();
    let sweeps: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("sweep ")).collect();
    assert!(sweeps.len() > 30);
    for sweep in sweeps {
        let words: Vec<&str> = sweep.split(' ').collect();
        let function = Function::from_code(words[0].parse().unwrap()).unwrap();
        let units = [Unit { function, steepness: float(words[1]) }];
        let net = Net { inputs: 1, sizes: vec![1], units: units.into(), ..Net::default() };
        let mut numbers = Numbers(words[3].parse().unwrap());
        let sums: Vec<f32> = (0..words[2].parse().unwrap())
            .map(|_| {
                let sum = numbers.next();
                let halvings = numbers.draw() % 40;
                (0..halvings).fold(sum, |sum, _| sum / 2.0) * 512.0
            })
            .collect();
        for (kernel, kernels) in kernels() {
            let mut outputs = vec![0.0; sums.len()];
            net.with(|wiring| {
                let engine = Engine { kernels, wiring };
                let mut scratch = vec![f32::NAN; wiring.scratch()];
                // As a batch, and a few one by one.
                engine.forward(&[1.0, 0.0], &sums, &mut outputs, &mut scratch).unwrap();
                for (sum, output) in sums.iter().zip(&outputs).take(100) {
                    let mut one = [0.0];
                    engine.forward(&[1.0, 0.0], &[*sum], &mut one, &mut scratch).unwrap();
                    assert_eq!(one[0].to_bits(), output.to_bits());
                }
            });
            assert_eq!(hash(&outputs), hex(words[4]), "{function:?} on {kernel:?}");
        }
    }
}

#[test]
fn whole_data_sets_end_in_libfanns_weights() {
    let text = vectors();
    for line in text.lines().filter_map(|line| line.strip_prefix("learn ")) {
        let words: Vec<&str> = line.split(' ').collect();
        let kernel = Kernel::best();
        // The others take minutes where every instruction is emulated.
        if quick() && words[0] != "diabetes.train" {
            data::skipped(format_args!("{line}, for NSW_TEST_QUICK"));
            continue;
        }
        let Some(file) = data::find(&format!("fann/{}", words[0])) else { continue };
        let data = std::fs::read_to_string(file).unwrap();
        let [hidden, epochs, seed] = [1, 3, 4].map(|i| words[i].parse::<u32>().unwrap());
        let mut numbers = data.split_whitespace();
        let [count, inputs, outputs] =
            [(); 3].map(|()| numbers.next().unwrap().parse::<usize>().unwrap());
        let numbers: Vec<f32> = numbers.map(|number| number.parse().unwrap()).collect();
        let rows = numbers.chunks_exact(inputs + outputs);
        assert_eq!(rows.len(), count);
        let x: Vec<f32> = rows.clone().flat_map(|row| row[..inputs].to_vec()).collect();
        let y: Vec<f32> = rows.flat_map(|row| row[inputs..].to_vec()).collect();
        let samples = Samples { inputs: &x, outputs: &y };

        let unit = |function| Unit { function, steepness: 0.5 };
        let sizes = vec![hidden as usize, outputs];
        let mut units = vec![unit(Function::SigmoidSymmetric); sizes[0]];
        units.resize(sizes[0] + sizes[1], unit(Function::Sigmoid));
        let net = Net { inputs, sizes, units, ..Net::default() };
        let settings = Settings { learning_rate: 0.1, ..Settings::default() };
        let order = net.order();
        // One kernel: that they are alike is tested on less.
        let kernels = kernel.exact().unwrap();
        let mut numbers = Numbers(seed);
        let mut params = vec![0.0; order.len()];
        order.iter().for_each(|at| params[*at] = numbers.next() / 8.0);
        let how = (algorithm(words[2]), &settings);
        let score = net.with(|wiring| {
            let engine = Engine { kernels, wiring };
            train(engine, how, (&mut params, seed), samples, epochs as usize)
        });
        let weights: Vec<f32> = order.iter().map(|at| params[*at]).collect();
        let got = (score.mse().to_bits(), hash(&weights));
        assert_eq!(got, (hex(words[5]), hex(words[6])), "{line} on {kernel:?}");
    }
}
