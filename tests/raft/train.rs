//! Where the weights of the tuner's network come from: heartbeats over networks of many kinds, what
//! [`Beats`] makes of them, and how long the longest of the next gaps is.
//! `NSW_BLESS=1 cargo test --release --test raft tuner_train -- --nocapture` trains it anew and writes them:
//! the same seed, the same weights. Without NSW_BLESS it looks whether those that are written are as good, beside
//! simpler rules.

use neural_swarm::consensus::tuner::{
    Beats, HIDDEN, INPUTS, Learned, Model, features, network, scaled,
};

use crate::net::Jitter;
use crate::random::Random;

/// The gaps whose longest is foreseen, and how often one may be longer.
const AHEAD: usize = 64;
const TAU: f32 = 0.9;
const COUNT: usize = (INPUTS + 1) * HIDDEN + HIDDEN + 1;

struct Example {
    inputs: [f32; INPUTS],
    beats: Beats,
    /// The logarithm of the longest gap, in mean gaps.
    target: f32,
}

fn unit(random: &mut Random) -> f64 {
    (random.next() >> 11) as f64 / (1u64 << 53) as f64
}

/// Delays in thousandths of a heartbeat, and how much gets lost: how often, and in a row.
struct Kind {
    jitter: Jitter,
    loss: f64,
    row: f64,
}

/// A network; `unseen`: of a kind that no training has.
fn kind(random: &mut Random, unseen: bool) -> Kind {
    let scale = 10f64.powf(unit(random) * 3.0);
    let jitter = match random.below(3) {
        _ if unseen => Jitter::Pareto(scale.min(300.0), 1.2 + unit(random)),
        0 => Jitter::Uniform(scale as u64),
        1 => Jitter::LogNormal(scale.min(500.0), 0.2 + 1.3 * unit(random)),
        _ => Jitter::Pareto(scale.min(300.0), 1.8 + 2.0 * unit(random)),
    };
    let loss = if random.chance(50) { 0.0 } else { 0.3 * unit(random) };
    Kind { jitter, loss, row: if random.chance(30) { 0.5 * unit(random) } else { 0.0 } }
}

/// Gaps between heartbeats as a follower sees them, in heartbeats, and how many were sent in each.
fn gaps(random: &mut Random, kind: &Kind, count: usize) -> Vec<(f32, f32)> {
    let (mut arrivals, mut lost) = (vec![], false);
    for n in 0..count {
        let chance = if lost { kind.loss.max(kind.row) } else { kind.loss };
        lost = unit(random) < chance;
        if !lost {
            arrivals.push((n as f64 * 1000.0 + kind.jitter.draw(random) as f64, n));
        }
    }
    arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut gaps = vec![];
    let mut last = arrivals[0];
    for arrival in &arrivals[1..] {
        if arrival.1 > last.1 {
            let gap = ((arrival.0 - last.0) / 1000.0).clamp(0.01, 30.0);
            gaps.push((gap as f32, (arrival.1 - last.1) as f32));
            last = *arrival;
        }
    }
    gaps
}

fn examples(seed: u64, networks: usize, unseen: bool) -> Vec<Example> {
    let mut random = Random::new(seed);
    let mut all = vec![];
    for _ in 0..networks {
        let one = kind(&mut random, unseen);
        let mut seen = gaps(&mut random, &one, 500);
        if random.chance(30) {
            let other = kind(&mut random, unseen);
            seen.extend(gaps(&mut random, &other, 500));
        }
        let mut beats = Beats::default();
        for n in 0..seen.len().saturating_sub(AHEAD) {
            beats.gap(seen[n].0, seen[n].1, 1.0);
            if n >= 32 && n.is_multiple_of(24) {
                let longest = seen[n + 1..=n + AHEAD].iter().map(|gap| gap.0).fold(0.0, f32::max);
                let target = (longest / beats.mean.max(0.01)).ln();
                all.push(Example { inputs: features(&beats), beats, target });
            }
        }
    }
    all
}

/// What too little, and too much, costs.
fn pinball(target: f32, said: f32) -> f32 {
    let off = target - said;
    if off > 0.0 { TAU * off } else { (TAU - 1.0) * off }
}

/// Mean loss, and the share of what was not longer.
fn judge(examples: &[Example], says: impl Fn(&Example) -> f32) -> (f32, f32) {
    let count = examples.len() as f32;
    let loss = examples.iter().map(|e| pinball(e.target, says(e))).sum::<f32>() / count;
    let within = examples.iter().filter(|e| e.target <= says(e)).count() as f32 / count;
    (loss, within)
}

/// A rule with one number, the best one.
fn best(examples: &[Example], rule: impl Fn(&Example, f32) -> f32) -> f32 {
    let tries = (0..200).map(|n| n as f32 * 0.1);
    let loss = |k: f32| judge(examples, |e| rule(e, k)).0;
    tries.min_by(|a, b| loss(*a).total_cmp(&loss(*b))).unwrap_or_default()
}

/// Adam (Kingma and Ba 2015) on the pinball loss (Koenker and Bassett 1978).
fn train(examples: &[([f32; INPUTS], f32)], random: &mut Random) -> Vec<f32> {
    let width = INPUTS + 1;
    let mut weights: Vec<f32> = (0..COUNT)
        .map(|n| if n % width == INPUTS { 0.0 } else { (unit(random) as f32 - 0.5) * 0.7 })
        .collect();
    weights[COUNT - 1] = 1.0;
    let (mut first, mut second) = (vec![0f32; COUNT], vec![0f32; COUNT]);
    const STEPS: i32 = 20_000;
    for step in 1..=STEPS {
        let mut slope = vec![0f32; COUNT];
        for _ in 0..64 {
            let (inputs, target) = &examples[random.below(examples.len() as u64) as usize];
            let by = if *target > network(inputs, &weights) { -TAU } else { 1.0 - TAU };
            for unit in 0..HIDDEN {
                let own = &weights[unit * width..(unit + 1) * width];
                let total = own.iter().zip(inputs).map(|(w, x)| w * x).sum::<f32>() + own[INPUTS];
                if total > 0.0 {
                    let out = weights[width * HIDDEN + unit];
                    for n in 0..INPUTS {
                        slope[unit * width + n] += by * out * inputs[n];
                    }
                    slope[unit * width + INPUTS] += by * out;
                    slope[width * HIDDEN + unit] += by * total;
                }
            }
            slope[COUNT - 1] += by;
        }
        let rate = 0.005 * (1.0 - step as f32 / (STEPS + 1) as f32);
        for n in 0..COUNT {
            let slope = slope[n] / 64.0;
            first[n] = 0.9 * first[n] + 0.1 * slope;
            second[n] = 0.999 * second[n] + 0.001 * slope * slope;
            let (m, v) =
                (first[n] / (1.0 - 0.9f32.powi(step)), second[n] / (1.0 - 0.999f32.powi(step)));
            weights[n] -= rate * m / (v.sqrt() + 1e-8);
        }
    }
    weights
}

fn lines(numbers: &[f32]) -> String {
    numbers.iter().map(|number| format!("    {number:.4},\n")).collect()
}

/// A network, and what brings its inputs to a mean of 0 and a deviation of 1.
struct Trained {
    means: [f32; INPUTS],
    scales: [f32; INPUTS],
    weights: Vec<f32>,
}

impl Trained {
    /// Its numbers as they are written.
    fn new(learn: &[Example]) -> Trained {
        let count = learn.len() as f32;
        let mean = |n: usize| learn.iter().map(|e| e.inputs[n]).sum::<f32>() / count;
        let means: [f32; INPUTS] = std::array::from_fn(mean);
        let spread =
            |n: usize| learn.iter().map(|e| (e.inputs[n] - means[n]).powi(2)).sum::<f32>() / count;
        let scales: [f32; INPUTS] = std::array::from_fn(|n| 1.0 / spread(n).sqrt().max(1e-3));
        let inputs: Vec<_> =
            learn.iter().map(|e| (scaled(&e.inputs, &means, &scales), e.target)).collect();
        let weights = train(&inputs, &mut Random::new(4));
        let round = |number: f32| format!("{number:.4}").parse::<f32>().unwrap();
        let weights = weights.into_iter().map(round).collect();
        Trained { means: means.map(round), scales: scales.map(round), weights }
    }

    fn says(&self, e: &Example) -> f32 {
        network(&scaled(&e.inputs, &self.means, &self.scales), &self.weights).clamp(0.0, 4.0)
    }

    fn write(&self) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/consensus/tuner/weights.rs");
        let text = std::fs::read_to_string(path).unwrap();
        let head = text.split("/// Means of").next().unwrap();
        let array = |name: &str, len: &str, of: &[f32]| {
            format!("pub(super) const {name}: [f32; {len}] = [\n{}];\n", lines(of))
        };
        let text = [
            head.to_owned(),
            "/// Means of the inputs, and one by their deviations.\n".into(),
            array("MEANS", "INPUTS", &self.means),
            "/// See `MEANS`.\n".into(),
            array("SCALES", "INPUTS", &self.scales),
            "/// Of each hidden unit by inputs, then its threshold; then of the output.\n".into(),
            array("WEIGHTS", "(INPUTS + 1) * HIDDEN + HIDDEN + 1", &self.weights),
        ];
        std::fs::write(path, text.concat()).unwrap();
    }
}

/// Networks foresee longer gaps better than rules of one number do, each the best one for the training data.
#[test]
fn tuner_train() {
    let (learn, check) = (examples(1, 4_000, false), examples(2, 1_000, false));
    let strange = examples(3, 1_000, true);
    let trained = Trained::new(&learn);
    let bless = std::env::var_os("NSW_BLESS").is_some();
    if bless {
        trained.write();
    }
    let of = |what: f32, e: &Example| (what / e.beats.mean.max(0.01)).max(0.01).ln();
    let deviations =
        |e: &Example, k: f32| of(e.beats.mean.max(0.01) + k * e.beats.variance.sqrt(), e);
    let longest = |e: &Example, k: f32| of(k * e.beats.longest, e);
    let hundredth = |e: &Example, k: f32| of(k * e.beats.hundredth, e);
    println!(
        "| rule | pinball loss, like training | within | pinball loss, another kind | within |"
    );
    println!("|---|---|---|---|---|");
    let print = |name: String, says: &dyn Fn(&Example) -> f32| {
        let (here, there) = (judge(&check, says), judge(&strange, says));
        println!(
            "| {name} | {:.4} | {:.1} % | {:.4} | {:.1} % |",
            here.0,
            here.1 * 100.0,
            there.0,
            there.1 * 100.0
        );
        here.0
    };
    let k = best(&learn, deviations);
    let a = print(format!("mean and {k:.1} deviations"), &|e| deviations(e, k));
    let k = best(&learn, longest);
    let b = print(format!("{k:.1} times the longest"), &|e| longest(e, k));
    let k = best(&learn, hundredth);
    let c = print(format!("{k:.1} times the hundredth"), &|e| hundredth(e, k));
    let own = print("network".into(), &|e| trained.says(e));
    assert!(own < a.min(b).min(c));
    // Other machines' logarithms may differ in the last digit.
    let written = judge(&check, |e| of(Learned.foresee(&e.beats), e)).0;
    assert!(bless || (written - own).abs() < 0.01 * own, "{written} is written: NSW_BLESS=1");
}
