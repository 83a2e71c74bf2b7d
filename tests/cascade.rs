//! Cascade training, from outside: problems that it is known for, its bounds,
//! its answers to bad input.

use neural_swarm::nn::*;
use neural_swarm::port::Heap;

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

fn solve(
    problem: &Problem,
    config: CascadeConfig<'_>,
    spare: usize,
) -> (CascadeReport, Net<'static>) {
    let mut net = net(problem, spare, config.seed);
    let mut cascade = Cascade::new(&config, &net, problem.samples(), Heap).unwrap();
    let params = CascadeParams { target_bit_fail: Some(0), ..CascadeParams::units(spare) };
    (cascade.train(&mut net, problem.data(), params).unwrap(), net)
}

#[test]
fn parity_and_two_spirals_are_solved() {
    for (problem, spare) in [(parity(2), 3), (parity(8), 8), (two_spirals(), 40)] {
        for seed in 0..3 {
            let config = CascadeConfig { seed, ..CascadeConfig::default() };
            let (report, _) = solve(&problem, config, spare);
            assert_eq!((report.bit_fail, report.stopped_by), (0, CascadeStop::BitFail));
        }
    }
}
