//! Training beside libfann: epochs a second, and whether the error after the
//! same epochs is the same.

use crate::bench::{Bench, Match};
use crate::data::{self, Pair, Score, Set};
use crate::fann::{Ann, Build, Samples};
use crate::measure::{Contestant, Outcome, spread, timed};
use crate::ours::{Mode, Training};
use crate::report::{Row, Section, Table, Unit, number};
use crate::spec::{Method, Spec, Squash};

struct Task {
    name: &'static str,
    spec: Spec,
    data: fn() -> Pair,
    /// Epochs that are timed, after one that is not.
    timed: usize,
    /// Epochs after which the error is looked at.
    judged: usize,
    floor: f64,
}

fn tasks() -> Vec<Task> {
    let big = |method| Spec::new(&[784, 128, 10], Squash::Sigmoid, method);
    let rprop = |layers: &[usize]| Spec::new(layers, Squash::Sigmoid, Method::Rprop);
    let task = |name, spec, data, epochs: (usize, usize), floor| Task {
        name,
        spec,
        data,
        timed: epochs.0,
        judged: epochs.1,
        floor,
    };
    vec![
        task("rprop mnist", big(Method::Rprop), || data::mnist(2000), (2, 20), 10.0),
        task("batch mnist", big(Method::Batch), || data::mnist(2000), (2, 20), 10.0),
        task(
            "rprop mushroom",
            rprop(&[125, 32, 2]),
            || data::fann("mushroom", (125, 2)),
            (5, 50),
            8.0,
        ),
        task(
            "rprop thyroid",
            rprop(&[21, 32, 3]),
            || data::fann("thyroid", (21, 3)),
            (20, 200),
            6.0,
        ),
        task("rprop robot", rprop(&[48, 96, 3]), || data::fann("robot", (48, 3)), (20, 200), 6.0),
        task("incremental mnist", big(Method::Incremental), || data::mnist(2000), (1, 5), 3.0),
        Task {
            name: "rprop xor",
            spec: Spec::new(&[2, 3, 1], Squash::Tanh, Method::Rprop),
            data: || Pair { train: data::xor(), test: data::xor(), real: true },
            timed: 1000,
            judged: 500,
            floor: 1.5,
        },
    ]
}

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut section = Section {
        title: "Training",
        text: "Epochs a second; every turn starts from the same weights, its first epoch is not \
               timed. Sigmoid units (xor: symmetric), libfann's settings, samples in their order. \
               MNIST's 2,000 samples are the first of its 10,000 test images. libfann's own CMake \
               files set no build type, so its default build is not optimised; the column \"also\" \
               has what `-O3` and `-march=native` bring, and the ratio to the fastest of all."
            .to_string(),
        ..Section::default()
    };
    let mut errors = Vec::new();
    for task in tasks() {
        let work = format!("train {} {}", task.name, task.spec.name());
        if !bench.wants(&work) {
            continue;
        }
        let pair = (task.data)();
        let mut row = speed(bench, &work, &task, &pair.train)?;
        if let Some(build) = bench.fann() {
            let (cells, same) = errors_of(bench, build, &task, &pair)?;
            errors.push(cells);
            row.same = same;
        }
        row.note = if pair.real { "" } else { "synthetic data" }.to_string();
        section.rows.push(row);
    }
    if bench.wants("train exact rprop mushroom 125-32-2") {
        section.rows.push(exact(bench)?);
    }
    if !errors.is_empty() {
        let head = vec![
            "work",
            "epochs",
            "seeds",
            "train MSE: ours",
            "libfann",
            "test MSE: ours",
            "libfann",
            "test accuracy: ours",
            "libfann",
            "matched",
        ];
        let title = "The error after the same epochs from the same weights, mean ± standard \
                     deviation over seeds. \"Matched\": our mean training error is at most \
                     libfann's plus two standard errors of the difference."
            .to_string();
        section.tables.push((title, Table { head, rows: errors }));
    }
    Ok(section)
}

/// Us in a mode: epochs after one that is not timed, each turn from the start.
fn our_turns<'a>(task: &'a Task, mode: Mode, weights: &'a [f32], set: &'a Set) -> Contestant<'a> {
    Contestant::new("ours", move |times| {
        let mut sum = 0.0;
        for _ in 0..times {
            let mut training = Training::fann(&task.spec, mode, weights)?;
            training.epochs(set, 1)?;
            sum += timed(|| training.epochs(set, task.timed));
        }
        Ok(sum)
    })
}

/// libfann, likewise.
fn fann_turns<'a>(
    build: &'a Build,
    task: &'a Task,
    start: &[f32],
    set: &Set,
) -> Outcome<Contestant<'a>> {
    let first = Ann::new(build, &task.spec, start)?;
    let samples = Samples::new(build, set)?;
    Ok(Contestant::new(format!("libfann ({})", build.name), move |times| {
        let mut sum = 0.0;
        for _ in 0..times {
            let mut ann = first.copy()?;
            ann.epoch(&samples);
            sum += timed(|| (0..task.timed).for_each(|_| ann.epoch(&samples)));
        }
        Ok(sum)
    }))
}

fn speed(bench: &Bench, work: &str, task: &Task, set: &Set) -> Outcome<Row> {
    let weights = task.spec.weights(1);
    let mut peers = Vec::new();
    for build in &bench.builds {
        peers.push((fann_turns(build, task, &weights, set)?, build.counted));
    }
    bench.measure(Match {
        work: work.to_string(),
        unit: Unit::Epochs(task.timed),
        floor: Some(task.floor),
        ours: our_turns(task, Mode::Fast, &weights, set),
        peers,
    })
}

/// The errors after the same epochs, in words, and whether they match.
fn errors_of(
    bench: &Bench,
    build: &Build,
    task: &Task,
    pair: &Pair,
) -> Outcome<(Vec<String>, bool)> {
    let seeds = bench.effort.pick(5, 1);
    let epochs = bench.effort.pick(task.judged, 2);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for seed in 1..=seeds {
        let weights = task.spec.weights(seed);
        ours.push(train_ours(&task.spec, &weights, pair, epochs)?);
        theirs.push(train_fann(build, &task.spec, &weights, pair, epochs)?);
    }
    let column = |scores: &[[Score; 2]], of: fn(&[Score; 2]) -> f64| {
        spread(&scores.iter().map(of).collect::<Vec<_>>())
    };
    let text = |(mean, deviation): (f64, f64)| format!("{mean:.4} ± {deviation:.4}");
    let mut cells =
        vec![format!("{} {}", task.name, task.spec.name()), epochs.to_string(), seeds.to_string()];
    let figures: [fn(&[Score; 2]) -> f64; 3] = [|s| s[0].mse, |s| s[1].mse, |s| s[1].accuracy];
    for of in figures {
        cells.push(text(column(&ours, of)));
        cells.push(text(column(&theirs, of)));
    }
    let (our_mean, our_deviation) = column(&ours, |s| s[0].mse);
    let (mean, deviation) = column(&theirs, |s| s[0].mse);
    let standard_error = our_deviation.hypot(deviation) / (seeds as f64).sqrt();
    let same = our_mean <= mean * 1.005 + 2.0 * standard_error + 1e-5;
    cells.push(if same { "yes" } else { "**no**" }.to_string());
    Ok((cells, same))
}

/// The errors of both sets after training as libfann does.
pub fn train_ours(spec: &Spec, weights: &[f32], pair: &Pair, epochs: usize) -> Outcome<[Score; 2]> {
    let mut training = Training::fann(spec, Mode::Fast, weights)?;
    training.epochs(&pair.train, epochs)?;
    Ok([&pair.train, &pair.test].map(|set| set.judge(|x, y| training.run(x, y))))
}

/// libfann's.
pub fn train_fann(
    build: &Build,
    spec: &Spec,
    weights: &[f32],
    pair: &Pair,
    epochs: usize,
) -> Outcome<[Score; 2]> {
    let mut ann = Ann::new(build, spec, weights)?;
    let samples = Samples::new(build, &pair.train)?;
    (0..epochs).for_each(|_| ann.epoch(&samples));
    Ok([&pair.train, &pair.test].map(|set| set.judge(|x, y| ann.run(x, y))))
}

/// The mode with libfann's bits: speed, and every weight compared.
fn exact(bench: &Bench) -> Outcome<Row> {
    let pair = data::fann("mushroom", (125, 2));
    let task = Task {
        name: "exact rprop mushroom",
        spec: Spec::new(&[125, 32, 2], Squash::Sigmoid, Method::Rprop),
        data: || data::fann("mushroom", (125, 2)),
        timed: 5,
        judged: bench.effort.pick(300, 5),
        floor: 2.5,
    };
    let weights = task.spec.weights(1);
    let mut peers = Vec::new();
    for build in &bench.builds {
        peers.push((fann_turns(build, &task, &weights, &pair.train)?, build.counted));
    }
    let mut row = bench.measure(Match {
        work: format!("train {} {}", task.name, task.spec.name()),
        unit: Unit::Epochs(task.timed),
        floor: Some(task.floor),
        ours: our_turns(&task, Mode::Exact, &weights, &pair.train),
        peers,
    })?;
    if let Some(build) = bench.fann() {
        let mut training = Training::fann(&task.spec, Mode::Exact, &weights)?;
        training.epochs(&pair.train, task.judged)?;
        let mut ann = Ann::new(build, &task.spec, &weights)?;
        let samples = Samples::new(build, &pair.train)?;
        (0..task.judged).for_each(|_| ann.epoch(&samples));
        let theirs = ann.weights(&task.spec);
        let equal = training.weights().iter().zip(&theirs);
        let equal = equal.filter(|(a, b)| a.to_bits() == b.to_bits()).count();
        row.same = equal == theirs.len();
        row.note = format!(
            "{equal} of {} weights equal {}'s after {} epochs",
            theirs.len(),
            build.name,
            task.judged
        );
        row.note += if pair.real { "" } else { "; synthetic data" };
    }
    Ok(row)
}

/// For the report's text.
pub fn percent(part: f64) -> String {
    format!("{}%", number(part * 100.0))
}
