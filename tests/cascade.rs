//! Cascade training, from outside: problems that it is known for, its bounds,
//! its answers to bad input.

use std::mem::MaybeUninit;
use std::ops::ControlFlow;

use neural_swarm::Error;
use neural_swarm::nn::*;
use neural_swarm::port::{Arena, Heap};

struct Problem {
    inputs: usize,
    x: Vec<f32>,
    t: Vec<f32>,
}

impl Problem {
    fn data(&self) -> Data<'_> {
        Data::new(&self.x, &self.t)
    }
    fn samples(&self) -> usize {
        self.x.len() / self.inputs
    }
}

fn parity(bits: usize) -> Problem {
    let sign = |bit: bool| if bit { 1.0 } else { -1.0 };
    let all = || 0..1usize << bits;
    let x = all().flat_map(|n| (0..bits).map(move |b| sign(n >> b & 1 == 1))).collect();
    let t = all().map(|n| sign(n.count_ones() % 2 == 1)).collect();
    Problem { inputs: bits, x, t }
}

/// The two spirals of the CMU benchmark (Lang & Witbrock 1988): 97 points each.
fn two_spirals() -> Problem {
    let mut problem = Problem { inputs: 2, x: vec![], t: vec![] };
    for i in 0..=96 {
        let angle = f64::from(i) * std::f64::consts::PI / 16.0;
        let radius = 6.5 * f64::from(104 - i) / 104.0;
        let (x, y) = ((radius * angle.sin()) as f32, (radius * angle.cos()) as f32);
        problem.x.extend([x, y, -x, -y]);
        problem.t.extend([1.0, -1.0]);
    }
    problem
}

fn net(problem: &Problem, spare: usize, seed: u64) -> Net<'static> {
    let outputs = problem.t.len() / problem.samples();
    let layers = [Layer::new(outputs, Activation::Linear)];
    let config = NetConfig {
        topology: Topology::Shortcut,
        spare_units: spare,
        ..NetConfig::new(problem.inputs, &layers).seed(seed)
    };
    Net::new(&config, Heap).unwrap()
}

/// Trains until no output fails.
fn solve(problem: &Problem, net: &mut Net<'_>, config: &CascadeConfig<'_>) -> CascadeReport {
    let mut cascade = Cascade::new(config, net, problem.samples(), Heap).unwrap();
    let spare = net.spare_units();
    let params = CascadeParams { target_bit_fail: Some(0), ..CascadeParams::units(spare) };
    cascade.train(net, problem.data(), params).unwrap()
}

fn config(seed: u64) -> CascadeConfig<'static> {
    CascadeConfig { seed, ..CascadeConfig::default() }
}

/// The largest difference between outputs and targets.
fn worst(problem: &Problem, net: &mut Net<'_>) -> f32 {
    let mut y = vec![0.0; problem.t.len()];
    net.forward_batch(&problem.x, problem.samples(), &mut y).unwrap();
    y.iter().zip(&problem.t).fold(0.0, |worst, (y, t)| f32::max(worst, (y - t).abs()))
}

#[test]
fn parity_and_two_spirals_are_solved() {
    for (problem, spare) in [(parity(2), 2), (parity(8), 8), (two_spirals(), 30)] {
        for seed in 0..5 {
            for (output, limit) in [(Activation::Linear, 0.35), (Activation::Tanh, 0.7)] {
                let mut net = net(&problem, spare, seed);
                net.set_style(0, output, 1.0).unwrap();
                let report = solve(&problem, &mut net, &config(seed));
                assert_eq!((report.bit_fail, report.stopped_by), (0, CascadeStop::BitFail));
                assert_eq!(net.spare_units(), spare - report.units);
                let worst = worst(&problem, &mut net);
                assert!(worst < limit + 1e-4, "{worst}");
            }
        }
    }
}

#[test]
fn every_algorithm_and_loss_solves_the_exclusive_or() {
    let signs = parity(3);
    let zeros = Problem { t: signs.t.iter().map(|t| 0.5 * t + 0.5).collect(), ..parity(3) };
    // One output for each class.
    let classes = zeros.t.iter().flat_map(|t| [*t, 1.0 - t]).collect();
    let classes = Problem { t: classes, ..parity(3) };
    for algorithm in [Algorithm::RPROP, Algorithm::IRPROP_MINUS, Algorithm::QUICKPROP] {
        for (problem, output, loss, error_function) in [
            (&signs, Activation::Tanh, Loss::Mse, ErrorFunction::Tanh),
            (&zeros, Activation::Sigmoid, Loss::Mse, ErrorFunction::Tanh),
            (&zeros, Activation::Sigmoid, Loss::CrossEntropy, ErrorFunction::Linear),
            (&classes, Activation::Softmax, Loss::CrossEntropy, ErrorFunction::Linear),
            (&classes, Activation::Linear, Loss::Mse, ErrorFunction::Linear),
        ] {
            let mut net = net(problem, 20, 1);
            net.set_style(0, output, 1.0).unwrap();
            let config = CascadeConfig { algorithm, loss, error_function, ..config(1) };
            let report = solve(problem, &mut net, &config);
            assert_eq!(report.bit_fail, 0, "{algorithm:?} {output:?} {loss:?} {report:?}");
        }
    }
}

#[test]
fn it_grows_within_its_memory_and_keeps_the_best() {
    let problem = two_spirals();
    let mut net = net(&problem, 4, 1);
    let before = net.shape();
    let config = config(1);
    let size = Cascade::footprint(&config, &net, problem.samples()).unwrap().size();
    let mut memory = vec![MaybeUninit::uninit(); size + 64];
    let start = memory.as_ptr().align_offset(64);
    let arena = Arena::new(&mut memory[start..start + size]);
    let mut cascade = Cascade::new(&config, &net, problem.samples(), &arena).unwrap();
    assert_eq!(arena.usage().high_water, size);
    let mut losses = vec![];
    let mut hook = |p: &CascadeProgress| {
        assert_eq!((p.units, p.style.is_some()), (losses.len(), !losses.is_empty()));
        assert!((0.0..=1.0).contains(&p.score));
        losses.push(p.loss);
        ControlFlow::Continue(())
    };
    let params = CascadeParams { progress: Some(&mut hook), ..CascadeParams::units(100) };
    let report = cascade.train(&mut net, problem.data(), params).unwrap();
    assert_eq!((report.units, report.stopped_by), (4, CascadeStop::Units));
    assert!(losses.windows(2).all(|pair| pair[1] <= pair[0]), "{losses:?}");
    assert_eq!(report.loss, losses[4]);
    // What is told is what the network does.
    let mut y = vec![0.0; problem.t.len()];
    net.forward_batch(&problem.x, problem.samples(), &mut y).unwrap();
    let pairs = || y.iter().zip(&problem.t).map(|(y, t)| y - t);
    let loss = pairs().map(|d| d * d).sum::<f32>() / y.len() as f32;
    assert!((loss / report.loss - 1.0).abs() < 1e-4);
    assert_eq!(pairs().filter(|d| d.abs() >= 0.35).count() as u64, report.bit_fail);
    assert_eq!((net.spare_units(), net.shape().layers), (0, before.layers + 4));

    // Full: the outputs alone are trained, and get no worse.
    let report = cascade.train(&mut net, problem.data(), CascadeParams::units(1)).unwrap();
    assert_eq!((report.units, report.stopped_by), (0, CascadeStop::Units));
    assert!(report.loss <= losses[4]);
    drop(cascade);
    let less = memory.as_ptr().align_offset(64);
    let arena = Arena::new(&mut memory[less..less + size - 1]);
    let refused = Cascade::new(&config, &net, problem.samples(), &arena).err();
    assert_eq!(refused, Some(Error::OutOfMemory));
}

#[test]
fn it_stops_when_told_and_goes_on_when_called_again() {
    let problem = two_spirals();
    let mut net = net(&problem, 30, 5);
    let mut cascade = Cascade::new(&config(5), &net, 300, Heap).unwrap();
    let mut hook = |p: &CascadeProgress| match p.units {
        2 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let params = CascadeParams { progress: Some(&mut hook), ..CascadeParams::units(30) };
    let report = cascade.train(&mut net, problem.data(), params).unwrap();
    assert_eq!((report.units, report.stopped_by), (2, CascadeStop::Callback));
    let first = report.loss;
    let params = CascadeParams { target_loss: first / 2.0, ..CascadeParams::units(30) };
    let report = cascade.train(&mut net, problem.data(), params).unwrap();
    assert_eq!(report.stopped_by, CascadeStop::Loss);
    assert!(report.loss <= first / 2.0 && report.units > 0);
    assert_eq!(net.shape().layers, 3 + report.units);
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let problem = two_spirals();
    let grown = |config: CascadeConfig<'_>| {
        let mut net = net(&problem, 5, 3);
        let mut cascade = Cascade::new(&config, &net, problem.samples(), Heap).unwrap();
        cascade.train(&mut net, problem.data(), CascadeParams::units(5)).unwrap();
        net.weights().iter().map(|w| w.to_bits()).collect::<Vec<_>>()
    };
    let weights = grown(config(7));
    assert_eq!(weights, grown(config(7)));
    assert_ne!(weights, grown(config(8)));
    // Values that are kept are those that are computed anew.
    assert_eq!(weights, grown(CascadeConfig { cache: false, ..config(7) }));
}

#[test]
fn samples_of_no_weight_change_nothing() {
    let problem = parity(2);
    let wrong: Vec<f32> = problem.t.iter().map(|t| -t).collect();
    let (x, t) = ([&problem.x[..], &problem.x].concat(), [&problem.t[..], &wrong].concat());
    let weights = [2.0f32, 2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0];
    let both = [
        (problem.data(), None),
        (Data::new(&problem.x, &problem.t), Some(&weights[..4])),
        (Data::new(&x, &t), Some(&weights[..])),
    ];
    let [plain, twice, mixed] = both.map(|(data, weights)| {
        let mut net = net(&problem, 3, 1);
        let config = CascadeConfig { block: 4, ..config(1) };
        let mut cascade = Cascade::new(&config, &net, 8, Heap).unwrap();
        let data = Data { weights, ..data };
        let report = cascade.train(&mut net, data, CascadeParams::units(3)).unwrap();
        (report.loss, net.weights().to_vec())
    });
    assert_eq!(twice, mixed);
    assert!(plain.0 < 1e-3 && mixed.0 < 1e-3);
}

#[test]
fn grown_networks_are_saved_and_loaded() {
    let problem = two_spirals();
    let mut net = net(&problem, 30, 2);
    solve(&problem, &mut net, &config(2));
    let outputs = |net: &mut Net<'_>| {
        let mut y = vec![0.0; problem.t.len()];
        net.forward_batch(&problem.x, problem.samples(), &mut y).unwrap();
        y
    };
    let mut model = vec![0; net.model_len().unwrap()];
    net.save(&mut model).unwrap();
    let mut loaded = Net::load(&model, Heap).unwrap();
    assert_eq!(outputs(&mut loaded), outputs(&mut net));

    let settings = FannSettings::default();
    let mut text = vec![0; net.fann_len(&settings).unwrap()];
    net.save_fann(&mut text, &settings).unwrap();
    let file = FannFile::read(&text, None).unwrap();
    let mut loaded = Net::from_fann(&file, Heap).unwrap();
    assert_eq!(loaded.weights(), net.weights());
    let near = |a: Vec<f32>, b: Vec<f32>, most: f32| {
        a.iter().zip(&b).for_each(|(a, b)| assert!((a - b).abs() < most, "{a} {b}"));
    };
    // libfann's arithmetic rounds otherwise, and unit after unit adds to that.
    near(outputs(&mut loaded), outputs(&mut net), 1e-2);
    loaded.set_exact(false).unwrap();
    assert_eq!(outputs(&mut loaded), outputs(&mut net));
}

#[test]
fn networks_that_run_as_libfann_does_get_no_other_units() {
    let problem = parity(2);
    let mut net = net(&problem, 2, 0);
    net.set_exact(true).unwrap();
    let train = |net: &mut Net<'_>, activations: &[Activation]| {
        let config = CascadeConfig { activations, ..config(1) };
        let mut cascade = Cascade::new(&config, net, 4, Heap).unwrap();
        cascade.train(net, problem.data(), CascadeParams::units(1)).map(|report| report.units)
    };
    assert_eq!(train(&mut net, &[Activation::Tanh, Activation::Gelu]), Err(Error::Unsupported));
    assert_eq!(train(&mut net, &[Activation::Tanh]), Ok(1));
}

/// Two outputs that are partly noise, so that too many units learn that.
fn noisy(samples: usize, seed: u32) -> Problem {
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    let mut problem = Problem { inputs: 2, x: vec![], t: vec![] };
    for _ in 0..samples {
        let (a, b) = (uniform(), uniform());
        problem.x.extend([a, b]);
        problem.t.extend([(3.0 * a).sin() + 0.5 * uniform(), a * b + 0.5 * uniform()]);
    }
    problem
}

fn noisy_net(styles: bool, hidden: bool) -> Net<'static> {
    let layers = [Layer::new(3, Activation::Tanh), Layer::new(2, Activation::Linear)];
    let config = NetConfig {
        topology: Topology::Shortcut,
        spare_units: 8,
        unit_styles: styles,
        ..NetConfig::new(2, if hidden { &layers } else { &layers[1..] }).seed(3)
    };
    let mut net = Net::new(&config, Heap).unwrap();
    if styles {
        net.set_unit_style(usize::from(hidden), 1, Activation::Tanh, 0.5).unwrap();
    }
    net
}

/// What a call did: the report, and loss and validation loss after each unit.
fn watched(
    net: &mut Net<'_>,
    config: &CascadeConfig<'_>,
    data: &Problem,
    params: CascadeParams<'_>,
) -> (CascadeReport, Vec<(f32, Option<f32>)>) {
    let mut told = vec![];
    let mut hook = |p: &CascadeProgress| {
        assert_eq!(p.units, told.len());
        told.push((p.loss, p.validation_loss));
        ControlFlow::Continue(())
    };
    let mut cascade = Cascade::new(config, net, data.samples(), Heap).unwrap();
    let params = CascadeParams { progress: Some(&mut hook), ..params };
    let report = cascade.train(net, data.data(), params).unwrap();
    (report, told)
}

#[test]
fn the_network_of_the_smallest_validation_loss_is_kept() {
    // Fewer, as many and more samples than are learnt, and than a block has.
    for (styles, hidden, cache, samples, block) in [
        (false, false, true, 60, 128),
        (false, true, true, 300, 16),
        (true, true, false, 20, 16),
        (true, false, true, 60, 7),
    ] {
        let (data, validation) = (noisy(60, 1), noisy(samples, 2));
        let config = CascadeConfig { cache, block, ..config(4) };
        let judged =
            CascadeParams { validation: Some(validation.data()), ..CascadeParams::units(8) };
        let mut net = noisy_net(styles, hidden);
        let (report, told) = watched(&mut net, &config, &data, judged);
        assert_eq!((told.len(), report.stopped_by), (9, CascadeStop::Units));

        // Nobody else's learning is disturbed.
        let mut full = noisy_net(styles, hidden);
        let (blind, losses) = watched(&mut full, &config, &data, CascadeParams::units(8));
        assert!(told.iter().map(|t| t.0).eq(losses.iter().map(|t| t.0)));
        assert!(losses.iter().all(|t| t.1.is_none()) && blind.best_validation_loss.is_none());

        // The best is where it was told to be, and is what so many units make.
        let smallest = told.iter().map(|t| t.1.unwrap()).fold(f32::INFINITY, f32::min);
        let units = told.iter().position(|t| t.1 == Some(smallest)).unwrap();
        assert!(units < 8, "nothing was taken out");
        assert_eq!((report.units, report.best_validation_loss), (units, Some(smallest)));
        assert_eq!((report.loss, net.spare_units()), (told[units].0, 8 - units));
        let mut other = noisy_net(styles, hidden);
        let (same, _) = watched(&mut other, &config, &data, CascadeParams::units(units));
        assert_eq!((report.loss, report.bit_fail), (same.loss, same.bit_fail));
        assert_eq!((net.weights(), net.shape()), (other.weights(), other.shape()));
        let mut y = vec![0.0; validation.t.len()];
        net.forward_batch(&validation.x, samples, &mut y).unwrap();
        if !styles {
            let square = |(y, t): (&f32, &f32)| (y - t) * (y - t);
            let loss = y.iter().zip(&validation.t).map(square).sum::<f32>() / y.len() as f32;
            assert!((loss / smallest - 1.0).abs() < 1e-4, "{loss} {smallest}");
        }
        let mut same = vec![0.0; y.len()];
        other.forward_batch(&validation.x, samples, &mut same).unwrap();
        assert_eq!(y, same);

        // What was taken out can grow again.
        let (again, _) = watched(&mut net, &config, &data, CascadeParams::units(8));
        assert_eq!((again.units, net.spare_units()), (8 - units, 0));
    }
}

#[test]
fn it_stops_when_the_validation_loss_becomes_no_smaller() {
    let (data, validation) = (noisy(60, 1), noisy(200, 2));
    let run = |patience: u32, min_delta: f32| {
        let judged = CascadeParams {
            validation: Some(validation.data()),
            patience,
            min_delta,
            ..CascadeParams::units(8)
        };
        watched(&mut noisy_net(false, false), &config(4), &data, judged)
    };
    let all: Vec<f32> = run(0, 0.0).1.iter().map(|t| t.1.unwrap()).collect();
    for (patience, min_delta) in [(1, 0.0), (2, 0.0), (3, 0.0), (1, 0.05), (2, 1e9)] {
        let (mut best, mut waited, mut stop) = (all[0], 0, None);
        let mut kept = 0;
        for (units, loss) in all.iter().enumerate().skip(1) {
            if *loss < best - min_delta {
                (best, waited, kept) = (*loss, 0, units);
            } else {
                waited += 1;
            }
            if waited == patience {
                stop = Some(units);
                break;
            }
        }
        let (report, told) = run(patience, min_delta);
        assert_eq!(told.len() - 1, stop.unwrap_or(8));
        let reason = stop.map_or(CascadeStop::Units, |_| CascadeStop::Validation);
        assert_eq!((report.units, report.stopped_by), (kept, reason), "{patience} {all:?}");
        assert_eq!(report.best_validation_loss, Some(best));
    }
}

/// libfann holds what goes into a unit within bounds; who learns with other
/// values does not learn what the network computes.
#[test]
fn a_network_that_runs_as_libfann_does_has_the_loss_that_is_reported() {
    let signs = parity(8);
    // More than a linear output of FANN's can say.
    let wide = Problem { t: signs.t.iter().map(|t| 200.0 * t).collect(), ..parity(8) };
    let activations = [Activation::ElliotSymmetric, Activation::Sigmoid, Activation::Sin];
    for (problem, least) in [(&signs, 0.0), (&wide, 2500.0)] {
        for (activation, cache) in activations.iter().flat_map(|a| [(a, true), (a, false)]) {
            let mut net = net(problem, 6, 1);
            net.set_exact(true).unwrap();
            let activations = &[*activation];
            // Sums of candidates are beyond the bounds, too.
            let config = CascadeConfig { activations, cache, initial: 50.0, ..config(1) };
            let mut cascade = Cascade::new(&config, &net, 256, Heap).unwrap();
            let report = cascade.train(&mut net, problem.data(), CascadeParams::units(6)).unwrap();
            let mut y = vec![0.0; 256];
            net.forward_batch(&problem.x, 256, &mut y).unwrap();
            let square = |(y, t): (&f32, &f32)| (y - t) * (y - t);
            let loss = y.iter().zip(&problem.t).map(square).sum::<f32>() / 256.0;
            let near = (loss - report.loss).abs() <= 1e-3 * loss.max(1.0);
            assert!(near && loss >= least, "{activation:?} {loss} {report:?}");
        }
    }
}

#[test]
fn bad_settings_are_refused() {
    let problem = parity(2);
    let net = net(&problem, 2, 0);
    let refused = |config: CascadeConfig<'_>| Cascade::new(&config, &net, 4, Heap).err();
    let good = CascadeConfig::default;
    assert_eq!(refused(good()), None);
    let late = Patience { min_epochs: 151, ..Patience::FANN };
    let never = Patience { max_epochs: 0, min_epochs: 0, ..Patience::FANN };
    let once = Patience { stagnation: 0, ..Patience::FANN };
    let huge = Patience { change: 1.0, ..Patience::FANN };
    let mut bad = vec![
        CascadeConfig { groups: 0, ..good() },
        CascadeConfig { groups: 1639, ..good() },
        CascadeConfig { groups: usize::MAX, ..good() },
        CascadeConfig { activations: &[], ..good() },
        CascadeConfig { activations: &[Activation::Softmax], ..good() },
        CascadeConfig { activations: &[Activation::Threshold], ..good() },
        CascadeConfig { steepnesses: &[], ..good() },
        CascadeConfig { steepnesses: &[0.5, 0.0], ..good() },
        CascadeConfig { block: 0, ..good() },
        CascadeConfig { algorithm: Algorithm::Batch { learning_rate: -1.0 }, ..good() },
    ];
    for x in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        bad.push(CascadeConfig { weight_multiplier: x, ..good() });
        bad.push(CascadeConfig { candidate_limit: x, ..good() });
        bad.push(CascadeConfig { bit_fail_limit: x, ..good() });
        bad.push(CascadeConfig { initial: x, ..good() });
    }
    for patience in [late, never, once, huge] {
        bad.push(CascadeConfig { outputs: patience, ..good() });
        bad.push(CascadeConfig { candidates: patience, ..good() });
    }
    for config in bad {
        assert_eq!(refused(config), Some(Error::Invalid));
    }
    for algorithm in [Algorithm::ADAM, Algorithm::BATCH, Algorithm::IRPROP_PLUS] {
        assert_eq!(refused(CascadeConfig { algorithm, ..good() }), Some(Error::Unsupported));
    }
    let loss = Loss::CrossEntropy;
    assert_eq!(refused(CascadeConfig { loss, ..good() }), Some(Error::NnLoss));
    assert_eq!(Cascade::new(&good(), &net, 0, Heap).err(), Some(Error::Invalid));
    assert_eq!(Cascade::new(&good(), &net, usize::MAX, Heap).err(), Some(Error::Overflow));

    let layers = [Layer::new(1, Activation::Linear)];
    let layered = Net::new(&NetConfig::new(2, &layers), Heap).unwrap();
    assert_eq!(Cascade::new(&good(), &layered, 4, Heap).err(), Some(Error::Unsupported));
}

#[test]
fn bad_data_and_networks_are_refused_and_nothing_changes() {
    let problem = parity(2);
    let mut net = net(&problem, 2, 0);
    let weights = net.weights().to_vec();
    let mut cascade = Cascade::new(&CascadeConfig::default(), &net, 4, Heap).unwrap();
    let mut refused = |net: &mut Net<'_>, data| {
        let params = CascadeParams::units(2);
        cascade.train(net, data, params).err()
    };
    let (x, t) = (&problem.x[..], &problem.t[..]);
    let more = parity(3);
    for (data, error) in [
        (Data::new(&[], &[]), Error::Length),
        (Data::new(&x[1..], t), Error::Length),
        (Data::new(x, &t[1..]), Error::Length),
        (Data { weights: Some(&[1.0; 3]), ..problem.data() }, Error::Length),
        (Data { weights: Some(&[0.0; 4]), ..problem.data() }, Error::Invalid),
        (Data { weights: Some(&[-1.0; 4]), ..problem.data() }, Error::Invalid),
        (Data::new(&[f32::NAN; 8], t), Error::NnNotFinite),
        (Data::new(x, &[f32::INFINITY; 4]), Error::NnNotFinite),
        (Data::new(&more.x[..10], &more.t[..5]), Error::Capacity),
    ] {
        assert_eq!(refused(&mut net, data), Some(error));
    }
    assert_eq!(net.weights(), weights);
    let mut other = self::net(&more, 2, 0);
    assert_eq!(refused(&mut other, more.data()), Some(Error::NnMismatch));
    let mut larger = self::net(&problem, 3, 0);
    assert_eq!(refused(&mut larger, problem.data()), Some(Error::NnMismatch));
    let judged = |data| CascadeParams { validation: Some(data), ..CascadeParams::units(2) };
    let weightless = Data { weights: Some(&[0.0; 4]), ..problem.data() };
    for (params, error) in [
        (CascadeParams { target_loss: -1.0, ..CascadeParams::units(2) }, Error::Invalid),
        (CascadeParams { target_loss: f32::NAN, ..CascadeParams::units(2) }, Error::Invalid),
        (CascadeParams { patience: 1, ..CascadeParams::units(2) }, Error::Invalid),
        (CascadeParams { min_delta: -1.0, ..judged(problem.data()) }, Error::Invalid),
        (CascadeParams { min_delta: f32::NAN, ..judged(problem.data()) }, Error::Invalid),
        (judged(Data::new(&[], &[])), Error::Length),
        (judged(Data::new(x, &t[1..])), Error::Length),
        (judged(Data::new(&[f32::NAN; 8], t)), Error::NnNotFinite),
        (judged(weightless), Error::Invalid),
    ] {
        assert_eq!(cascade.train(&mut net, problem.data(), params).err(), Some(error));
    }
    assert_eq!(net.weights(), weights);
}
