//! Speed against the size of the network.

use std::hint::black_box;

use neural_swarm::host::chart::{Chart, Line, Scale};

use crate::bench::{Bench, Match};
use crate::data::{self, Set};
use crate::fann::{Ann, Samples};
use crate::measure::{Contestant, Outcome, Stat, timed};
use crate::ours::{Float, Mode, Training};
use crate::report::{Row, Section, Unit};
use crate::spec::{Method, Spec, Squash};

const SIZES: [[usize; 3]; 8] = [
    [4, 4, 1],
    [8, 8, 2],
    [16, 16, 4],
    [32, 32, 4],
    [64, 64, 10],
    [128, 128, 10],
    [784, 128, 10],
    [1024, 512, 10],
];
const SAMPLES: usize = 500;

/// The section, and its charts as files: names and contents.
pub fn section(bench: &Bench) -> Outcome<(Section, Vec<(String, String)>)> {
    let mut section = Section {
        title: "Speed against size",
        text: format!(
            "Networks of three layers, {}. libfann's -O3 -march=native build is drawn, too, where \
             it is there.",
            SIZES.map(|s| s.map(|n| n.to_string()).join("-")).join(", ")
        ),
        ..Section::default()
    };
    let mut files = Vec::new();
    let mut draw = |name: &str, title: &str, lines: &[Line]| {
        let file = format!("benchmarks-{name}.svg");
        let chart = Chart {
            title,
            x: "weights and biases",
            y: "million a second",
            lines,
            marks: &[],
            scale: Scale::Logarithmic,
        };
        files.push((file.clone(), chart.svg()));
        section.charts.push((file, title.to_string()));
    };
    for (name, method) in [("rprop", Method::Rprop), ("incremental", Method::Incremental)] {
        if bench.wants(&format!("chart training {name}")) {
            let title = format!("Training, {name}: weights times samples a second");
            draw(name, &title, &training(bench, method)?);
        }
    }
    if bench.wants("chart running") {
        draw("run", "Running one sample: weights a second", &running(bench)?);
    }
    Ok((section, files))
}

/// Sizes of this run.
fn sizes(bench: &Bench) -> &'static [[usize; 3]] {
    bench.effort.pick(&SIZES[..], &SIZES[2..4])
}

/// Adds a measured row to the lines: how much work is done a microsecond.
fn add(lines: &mut Vec<Line>, at: f64, work: f64, row: &Row) {
    let mut point = |name: &str, stat: &Stat| {
        let point = (at, work * 1e3 / stat.min);
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { name: name.to_string(), points: vec![point] }),
        }
    };
    point("ours", &row.ours);
    for peer in &row.peers {
        point(&peer.name, &peer.stat);
    }
}

fn training(bench: &Bench, method: Method) -> Outcome<Vec<Line>> {
    let mut lines = Vec::new();
    for size in sizes(bench) {
        let spec = Spec::new(size, Squash::Sigmoid, method);
        let weights = spec.weights(1);
        let set = data::synthetic((spec.inputs(), spec.outputs()), SAMPLES).train;
        let mut peers = Vec::new();
        for build in drawn(bench) {
            let mut ann = Ann::new(build, &spec, &weights)?;
            let samples = Samples::new(build, &set)?;
            let name = format!("libfann ({})", build.name);
            let work = move |times| Ok(timed(|| (0..times).for_each(|_| ann.epoch(&samples))));
            peers.push((Contestant::new(name, work), true));
        }
        peers.push((
            epochs("ours, exact", Training::fann(&spec, Mode::Exact, &weights)?, &set),
            true,
        ));
        let ours = epochs("ours", Training::fann(&spec, Mode::Fast, &weights)?, &set);
        let (work, unit) = (spec.name(), Unit::Time);
        let row = bench.measure(Match { work, unit, floor: None, ours, peers })?;
        let parameters = spec.parameters() as f64;
        add(&mut lines, parameters, parameters * SAMPLES as f64, &row);
    }
    Ok(lines)
}

/// Epochs of ours, one after the other.
fn epochs<'a>(name: &str, mut training: Training, set: &'a Set) -> Contestant<'a> {
    Contestant::new(name, move |times| {
        let mut result = Ok(());
        let took = timed(|| result = training.epochs(set, times as usize));
        result.map(|()| took)
    })
}

/// Debian's build of libfann and the one with the most optimisation.
fn drawn(bench: &Bench) -> impl Iterator<Item = &crate::fann::Build> {
    let last = bench.builds.len().saturating_sub(1);
    bench.builds.iter().enumerate().filter(move |(i, _)| *i == 0 || *i == last).map(|(_, b)| b)
}

fn running(bench: &Bench) -> Outcome<Vec<Line>> {
    let mut lines = Vec::new();
    for size in sizes(bench) {
        let spec = Spec::new(size, Squash::Sigmoid, Method::Rprop);
        let weights = spec.weights(1);
        let set = data::synthetic((spec.inputs(), spec.outputs()), 100).train;
        let x = set.sample(0).0;
        let mut net = Float::fann(&spec, &weights)?;
        let mut quantised = net.quantised(&set.x, 1)?;
        let bytes = quantised.quantise(x);
        let (mut y, mut result) = (vec![0.0; spec.outputs()], vec![0; spec.outputs()]);
        let mut peers = Vec::new();
        for build in drawn(bench) {
            let mut ann = Ann::new(build, &spec, &weights)?;
            let mut y = vec![0.0; spec.outputs()];
            let call = move || ann.run(black_box(x), black_box(&mut y));
            peers.push((Contestant::calls(format!("libfann ({})", build.name), call), true));
        }
        let call = || quantised.run_i8(black_box(&bytes), black_box(&mut result));
        peers.push((Contestant::calls("ours, int8", call), true));
        let ours = Contestant::calls("ours", || net.run(black_box(x), black_box(&mut y)));
        let (work, unit) = (spec.name(), Unit::Time);
        let row = bench.measure(Match { work, unit, floor: None, ours, peers })?;
        let parameters = spec.parameters() as f64;
        add(&mut lines, parameters, parameters, &row);
    }
    Ok(lines)
}
