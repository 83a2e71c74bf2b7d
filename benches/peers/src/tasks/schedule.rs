//! Schedules beside PyPI's heft, and beside lower bounds.

use neural_swarm::host::WfInstance;
use neural_swarm::port::Heap;
use neural_swarm::task::schedule::*;
use serde_json::json;

use super::Tasks;
use super::graphs::{self, Graph, Random};
use crate::bench::Match;
use crate::measure::{Contestant, Outcome, timed};
use crate::report::{Row, Section, Table, Unit, number};

fn graph(name: &str, random: &mut Random) -> Graph {
    match name {
        "layered 20" => graphs::layered(20, random),
        "layered 100" => graphs::layered(100, random),
        "layered 1000" => graphs::layered(1000, random),
        "fork-join" => graphs::fork_join(20, 5),
        "Gaussian elimination" => graphs::gaussian(14),
        "Fourier" => graphs::fourier(5),
        _ => graphs::montage(25),
    }
}

const GRAPHS: [&str; 7] = [
    "layered 20",
    "layered 100",
    "layered 1000",
    "fork-join",
    "Gaussian elimination",
    "Fourier",
    "Montage",
];

fn scheduler(dag: &Dag<'_>) -> Outcome<Scheduler<'static>> {
    Ok(Scheduler::new(&SchedulerConfig { tasks: dag.tasks(), workers: dag.workers() }, Heap)?)
}

/// The request that tells Python of a graph.
fn request(dag: &Dag<'_>, name: &str, keep: bool) -> serde_json::Value {
    let workers = dag.workers() as u32;
    let table = |cell: &dyn Fn(u32, u32) -> f64, rows: u32| -> Vec<Vec<f64>> {
        (0..rows).map(|a| (0..workers).map(|b| cell(a, b)).collect()).collect()
    };
    let latency = |a, b| dag.transfer(0.0, a, b);
    let tasks = dag.tasks() as u32;
    let edges = |t: u32| dag.after(t).map(move |(next, bytes)| json!([t, next, bytes]));
    json!({
        "do": "schedule", "name": name, "keep": keep,
        "seconds": table(&|t, w| dag.seconds(t, w), tasks),
        "latency": table(&latency, workers),
        "rate": table(&|a, b| dag.transfer(1.0, a, b) - latency(a, b), workers),
        "edges": (0..tasks).flat_map(edges).collect::<Vec<_>>(),
    })
}

/// HEFT as the package does it: without the use of gaps.
fn append(scheduler: &mut Scheduler<'_>, dag: &Dag<'_>) -> Outcome<f64> {
    Ok(scheduler.list(dag, Rank::Mean, Rule::Append, &Situation::default())?)
}

pub fn speed(tasks: &Tasks<'_>) -> Outcome<Section> {
    let (mut rows, mut table) = (Vec::new(), Vec::new());
    for name in GRAPHS {
        let work = format!("schedule: {name}");
        let mut random = Random::new(3);
        let graph = graph(name, &mut random);
        let dag = graphs::dag(&graph, 8, (false, 1.0, 1.0), &mut random);
        if !tasks.wants(&work) {
            continue;
        }
        let mut scheduler = scheduler(&dag)?;
        // Its ranks are those of all ways to the end, one by one: out of the question for larger graphs.
        let plain = name == "layered 20";
        let mut peers = Vec::new();
        let mut theirs = 0.0;
        for keep in [true, false].into_iter().filter(|keep| *keep || plain) {
            let label = if keep { "heft, each rank once" } else { "heft" };
            let of_python = format!("{work}, {label}");
            let makespan = tasks.python.ask(&request(&dag, &of_python, keep))?;
            theirs = makespan.as_f64().ok_or("heft gave no makespan")?;
            peers.push((tasks.python.contestant(label, of_python), true));
        }
        let same = append(&mut scheduler, &dag)?;
        let heft = scheduler.heft(&dag)?;
        let ours = Contestant::calls("ours", || {
            let _ = scheduler.heft(&dag);
        });
        let row = Match { work, unit: Unit::Time, floor: Some(50.0), ours, peers }
            .measure(tasks.effort)?;
        rows.push(Row { same: (same - theirs).abs() <= 1e-9 * theirs, ..row });
        let sizes = [graph.tasks, graph.edges.len()].map(|n| n.to_string());
        let spans = [theirs, same, heft].map(|span| format!("{span:.6}"));
        table.push([&[name.to_string()][..], &sizes, &spans].concat());
    }
    let text = "Eight unlike workers. Ours is HEFT with the use of gaps, which the package does not have; \"the same \
                rule\" is ours without. The package computes the rank of a task anew for every way that leads to \
                it; \"each rank once\" is its own code with ranks remembered, without which all but the smallest \
                graph would take for ever. What counts is the faster of the two.";
    let head =
        vec!["graph", "tasks", "edges", "heft: makespan", "ours, the same rule", "ours, with gaps"];
    let tables = if table.is_empty() {
        vec![]
    } else {
        vec![("Makespans:".to_string(), Table { head, rows: table })]
    };
    Ok(Section { title: "HEFT", text: text.to_string(), rows, tables, ..Section::default() })
}

/// Geometric means over many graphs: what, divided by what, and what it took.
#[derive(Default)]
struct Means {
    logs: [f64; 4],
    count: f64,
    ns: [f64; 3],
}

const ROUNDS: u32 = 300;

impl Means {
    fn add(&mut self, dag: &Dag<'_>) -> Outcome<()> {
        let mut scheduler = scheduler(dag)?;
        let bound = scheduler.lower_bound(dag)?;
        let plain = append(&mut scheduler, dag)?;
        let (mut heft, mut peft, mut search) = (Ok(0.0), Ok(0.0), Ok(0.0));
        let config = SearchConfig { rounds: ROUNDS, seed: 1 };
        self.ns[0] += timed(|| heft = scheduler.heft(dag));
        self.ns[1] += timed(|| peft = scheduler.peft(dag));
        self.ns[2] += timed(|| search = scheduler.search(dag, &config));
        let (heft, peft, search) = (heft?, peft?, search?);
        let ratios = [plain / heft, peft / heft, search / heft, search / bound];
        self.logs.iter_mut().zip(ratios).for_each(|(sum, ratio)| *sum += ratio.ln());
        self.count += 1.0;
        Ok(())
    }

    fn cells(&self, name: &str) -> Vec<String> {
        let mean = |sum: &f64| format!("{:.4}", f64::exp(sum / self.count));
        let us = |ns: &f64| format!("{} us", number(ns / self.count / 1e3));
        let cells = [name.to_string(), number(self.count)].into_iter();
        cells.chain(self.logs.iter().map(mean)).chain(self.ns.iter().map(us)).collect()
    }
}

const HEAD: [&str; 9] = [
    "graphs",
    "how many",
    "without gaps / HEFT",
    "PEFT / HEFT",
    "search / HEFT",
    "search / lower bound",
    "HEFT took",
    "PEFT took",
    "search took",
];

/// How good, on generated graphs.
pub fn quality(tasks: &Tasks<'_>) -> Outcome<Section> {
    let title = "Makespans of generated graphs";
    if !tasks.wants("schedule quality: generated") {
        return Ok(Section { title, ..Section::default() });
    }
    let (mut rows, mut all) = (Vec::new(), Means::default());
    let names = ["layered", "fork-join", "Gaussian elimination", "Fourier", "Montage"];
    for (kind, name) in names.into_iter().enumerate() {
        let mut means = Means::default();
        for seed in 0..tasks.effort.pick(100, 10) {
            let mut random = Random::new(seed * 5 + kind as u64);
            let graph = graphs::some(kind, &mut random);
            let workers = [2, 4, 8, 16][random.below(4)];
            let shape =
                (random.chance(0.5), 1.5 * random.unit(), [0.1, 0.5, 1.0, 5.0][random.below(4)]);
            let dag = graphs::dag(&graph, workers, shape, &mut random);
            means.add(&dag)?;
            all.add(&dag)?;
        }
        rows.push(means.cells(name));
    }
    rows.push(all.cells("all"));
    let text = format!(
        "Graphs of 5 to 95 tasks on 2, 4, 8 or 16 workers, related or unrelated, with transfers of 0.1 to 5 times \
         the time of a task; geometric means. The search makes {ROUNDS} schedules after its portfolio."
    );
    let tables = vec![(String::new(), Table { head: HEAD.to_vec(), rows })];
    Ok(Section { title, text, tables, ..Section::default() })
}

/// How good, on recorded workflows.
pub fn recorded(tasks: &Tasks<'_>) -> Outcome<Section> {
    let title = "Makespans of recorded workflows";
    let folder = crate::data::folder().join("wfcommons");
    if !tasks.wants("schedule quality: recorded") {
        return Ok(Section { title, ..Section::default() });
    }
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(".json.gz"))
        .collect();
    files.sort();
    if files.is_empty() {
        let error = "there are no recorded workflows: put some of WfCommons' (github.com/wfcommons/WfInstances), by \
                     gzip, into the folder wfcommons of the folder that NSW_DATA names (data/README.md)";
        // A report without them would be taken for a whole one.
        if !tasks.effort.quick {
            return Err(error.into());
        }
        eprintln!("NOT MEASURED: {error}");
        return Ok(Section { title, ..Section::default() });
    }
    let (mut rows, mut all) = (Vec::new(), Means::default());
    for file in files {
        let read = WfInstance::read(&crate::data::unzipped(&file)?, None)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        let mut means = Means::default();
        for workers in [4, 8, 16] {
            let mut random = Random::new(workers as u64);
            let mut dag = Dag::new(&read.dag_config(workers), Heap)?;
            for w in 0..workers as u32 {
                dag.set_speed(w, 0.5 + 1.5 * random.unit())?;
            }
            dag.set_links(0.001, 125e6)?;
            read.add_to(&mut dag)?;
            dag.build()?;
            means.add(&dag)?;
            all.add(&dag)?;
        }
        rows.push(means.cells(&format!("{} ({} tasks)", read.name, read.tasks.len())));
    }
    rows.push(all.cells("all"));
    let text = "Of WfCommons (Coleman et al. 2022; github.com/wfcommons/WfInstances, LGPL 3), on 4, 8 and 16 workers \
                of speeds 0.5 to 2, links of 1 ms and 125 MB/s.";
    let tables = vec![(String::new(), Table { head: HEAD.to_vec(), rows })];
    Ok(Section { title, text: text.to_string(), tables, ..Section::default() })
}
