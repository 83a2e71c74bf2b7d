//! Speed against the size of the network.

use std::hint::black_box;

use crate::bench::{Bench, Match};
use crate::data;
use crate::fann::{Ann, Samples};
use crate::measure::{Contestant, Outcome, Stat, timed};
use crate::ours::{Float, Mode, Training};
use crate::report::{Row, Section, Unit};
use crate::spec::{Method, Spec, Squash};
use crate::svg::{Chart, Line};

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

/// Charts by file name, and the section that shows them.
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
    let axes = "weights and biases";
    for (method, name) in [(Method::Rprop, "rprop"), (Method::Incremental, "incremental")] {
        if bench.wants(&format!("chart training {name}")) {
            let title = format!("Training, {name}: million weight updates a second");
            let lines = training(bench, method)?;
            let (x, y) = (axes, "weights x samples / us");
            files.push((
                format!("benchmarks-{name}.svg"),
                title.clone(),
                Chart { title: &title, x, y, lines: &lines }.svg(),
            ));
        }
    }
    if bench.wants("chart running") {
        let title = "One sample: million weights a second".to_string();
        let (x, y, lines) = (axes, "weights / us", running(bench)?);
        files.push((
            "benchmarks-run.svg".to_string(),
            title.clone(),
            Chart { title: &title, x, y, lines: &lines }.svg(),
        ));
    }
    for (file, title, _) in &files {
        section.charts.push((file.clone(), title.clone()));
    }
    Ok((section, files.into_iter().map(|(file, _, svg)| (file, svg)).collect()))
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
        let mut training = Training::fann(&spec, Mode::Fast, &weights)?;
        let mut peers = Vec::new();
        for build in drawn(bench) {
            let mut ann = Ann::new(build, &spec, &weights)?;
            let samples = Samples::new(build, &set)?;
            let name = format!("libfann ({})", build.name);
            let work = move |times| Ok(timed(|| (0..times).for_each(|_| ann.epoch(&samples))));
            peers.push((Contestant::new(name, work), true));
        }
        let ours = Contestant::new("ours", |times| {
            let mut result = Ok(());
            let took = timed(|| result = training.epochs(&set, times as usize));
            result.map(|()| took)
        });
        let (work, unit) = (spec.name(), Unit::Time);
        let row = bench.measure(Match { work, unit, floor: None, ours, peers })?;
        let parameters = spec.parameters() as f64;
        add(&mut lines, parameters, parameters * SAMPLES as f64, &row);
    }
    Ok(lines)
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
        let mut quantised = net.quantised(&set.x)?;
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
