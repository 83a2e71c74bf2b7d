//! How good the networks become: FANN's data sets beside libfann, MNIST.

use crate::bench::Bench;
use crate::data::{self, Score, Set};
use crate::measure::{Outcome, spread};
use crate::ours::Training;
use crate::report::{Section, Table};
use crate::spec::{Method, Spec, Squash};
use crate::work::training::{train_fann, train_ours};

/// Name, layers, epochs.
const SETS: [(&str, &[usize], usize); 6] = [
    ("diabetes", &[8, 16, 2], 100),
    ("mushroom", &[125, 32, 2], 50),
    ("parity8", &[8, 16, 1], 500),
    ("robot", &[48, 96, 3], 100),
    ("thyroid", &[21, 32, 3], 100),
    ("two-spiral", &[2, 20, 20, 1], 1000),
];

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut section = Section {
        title: "Quality",
        text: "RPROP with libfann's settings from the same weights, trained on FANN's `.train`, \
               judged on what of its `.test` is not in `.train`; mean ± standard deviation over the seeds. The runs drift \
               apart by rounding, so small differences either way are chance: \"as good\" means \
               that our mean error is at most libfann's, or that the paired difference over the \
               seeds is below two of its standard errors."
            .to_string(),
        ..Section::default()
    };
    let seeds = bench.effort.pick(10, 1);
    let (mut rows, mut overlaps) = (Vec::new(), Vec::new());
    for (name, layers, epochs) in SETS {
        if !bench.wants(&format!("quality {name}")) {
            continue;
        }
        let spec = Spec::new(layers, Squash::Sigmoid, Method::Rprop);
        let mut pair = data::fann(name, (spec.inputs(), spec.outputs()));
        let unseen = pair.test.without(&pair.train);
        overlaps.push(overlap(name, [&pair.train, &pair.test, &unseen]));
        if unseen.samples() > 0 {
            pair.test = unseen;
        }
        let Some(build) = bench.fann() else { continue };
        let epochs = bench.effort.pick(epochs, 2);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for seed in 1..=seeds {
            let weights = spec.weights(seed);
            ours.push(train_ours(&spec, &weights, &pair, epochs)?[1]);
            theirs.push(train_fann(build, &spec, &weights, &pair, epochs)?[1]);
        }
        let synthetic = if pair.real { "" } else { " (synthetic)" };
        let mut row = vec![format!("{name}{synthetic}"), spec.name(), epochs.to_string()];
        row.push(seeds.to_string());
        row.extend(compared(&ours, &theirs));
        rows.push(row);
    }
    if !rows.is_empty() {
        let head = vec![
            "data",
            "network",
            "epochs",
            "seeds",
            "test MSE: ours",
            "libfann",
            "test accuracy: ours",
            "libfann",
            "as good",
        ];
        section.tables.push((String::new(), Table { head, rows }));
    }
    if !overlaps.is_empty() {
        let head = vec!["data", "train", "test", "test samples that are in train, too"];
        let title =
            "Samples that train and test have in common (inputs and answers). They are not \
                     judged by above, unless there are no others."
                .to_string();
        section.tables.push((title, Table { head, rows: overlaps }));
    }
    if bench.wants("quality mnist") {
        section.tables.push(mnist(bench)?);
    }
    Ok(section)
}

fn overlap(name: &str, [train, test, unseen]: [&Set; 3]) -> Vec<String> {
    let shared = test.samples() - unseen.samples();
    let counts = [train.samples(), test.samples(), shared].map(|n| n.to_string());
    [vec![name.to_string()], counts.to_vec()].concat()
}

fn text(values: &[f64]) -> String {
    let (mean, deviation) = spread(values);
    format!("{mean:.4} ± {deviation:.4}")
}

fn compared(ours: &[Score], theirs: &[Score]) -> Vec<String> {
    let column =
        |scores: &[Score], of: fn(&Score) -> f64| scores.iter().map(of).collect::<Vec<_>>();
    let (a, b) = (column(ours, |s| s.mse), column(theirs, |s| s.mse));
    let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
    let (mean, deviation) = spread(&differences);
    let verdict = match mean {
        _ if mean <= 0.0 => "yes",
        _ if ours.len() == 1 => "one seed says nothing",
        _ if mean <= 2.0 * deviation / (ours.len() as f64).sqrt() => "yes, within chance",
        _ => "**no**",
    };
    vec![
        text(&a),
        text(&b),
        text(&column(ours, |s| s.accuracy)),
        text(&column(theirs, |s| s.accuracy)),
        verdict.to_string(),
    ]
}

fn mnist(bench: &Bench) -> Outcome<(String, Table)> {
    let pair = data::mnist(bench.effort.pick(8000, 500));
    let epochs = bench.effort.pick(12, 1);
    let mut rows = Vec::new();
    for seed in 1..=bench.effort.pick(3, 1) {
        let mut training = Training::own(&[784, 128, 10], seed)?;
        training.epochs(&pair.train, epochs)?;
        let float = pair.test.judge(|x, y| training.run(x, y)).accuracy;
        let mut net = training.quantised(&pair.train.x[..784 * 500], 1)?;
        let int8 = pair.test.judge(|x, y| net.run(x, y)).accuracy;
        let good = |reached| if reached { "yes" } else { "**no**" };
        rows.push(vec![
            seed.to_string(),
            epochs.to_string(),
            format!("{float:.4}"),
            good(float >= 0.94).to_string(),
            format!("{int8:.4}"),
            good(int8 >= float - 0.003).to_string(),
        ]);
    }
    let head = vec!["seed", "epochs", "float32", "at least 0.94", "int8", "within 0.003"];
    let kind = if pair.real { "MNIST" } else { "Synthetic data in place of MNIST" };
    let title = format!(
        "{kind}: {} samples to train, {} to judge by; 784-128-10, ReLU and softmax, cross-entropy, \
         Adam in batches of 32; accuracy.",
        pair.train.samples(),
        pair.test.samples()
    );
    Ok((title, Table { head, rows }))
}
