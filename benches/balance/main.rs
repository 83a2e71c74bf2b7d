//! Dispatch policies in one simulator, on Azure's LLM traces. `scripts/bench tasks-balance` runs it and
//! writes docs/benchmarks-balance.md and its chart.
//!
//! `cargo bench --bench balance -- [seeds]`; without `--bench`, as tests run it, a small one on a trace that is
//! made here.

use std::fmt::Write as _;
use std::process::ExitCode;

use neural_swarm::task::balance::Policy;
use sim::{World, percentile, run};
use trace::Request;
use variants::{Variant, is_other};

#[path = "../../tests/common/data.rs"]
mod data;
#[path = "../../tests/common/random.rs"]
mod random;
#[path = "../../tests/balance/scaling.rs"]
#[allow(dead_code)]
mod scaling;
#[path = "../../tests/balance/sim.rs"]
mod sim;
mod svg;
#[path = "../../tests/balance/trace.rs"]
#[allow(dead_code)]
mod trace;
#[path = "../../tests/balance/variants.rs"]
mod variants;

/// A trace at a load.
struct Cell {
    trace: &'static str,
    load: f64,
}

/// Of a variant in a cell: means over seeds.
#[derive(Clone, Copy)]
struct Tail {
    p99: f64,
    p50: f64,
    mean: f64,
}

fn tail(requests: &[Request], world: &World, variant: &Variant, seeds: u64) -> Tail {
    let mut tail = Tail { p99: 0.0, p50: 0.0, mean: 0.0 };
    let part = 1.0 / seeds as f64;
    for seed in 1..=seeds {
        let took = run(&World { seed, ..*world }, requests, &variant.config);
        tail.p99 += percentile(&took, 99.0) * part;
        tail.p50 += percentile(&took, 50.0) * part;
        tail.mean += took.iter().sum::<f64>() / took.len() as f64 * part;
    }
    tail
}

/// A table of all variants in all cells; the ratios of ours to the best other.
struct Table {
    cells: Vec<Cell>,
    rows: Vec<(Variant, Vec<Tail>)>,
}

impl Table {
    fn measure(
        traces: &[(&'static str, Vec<Request>)],
        how: impl Fn(World) -> World,
        variants: Vec<Variant>,
        seeds: u64,
    ) -> Table {
        let mut table = Table {
            cells: Vec::new(),
            rows: variants.into_iter().map(|v| (v, Vec::new())).collect(),
        };
        for (trace, requests) in traces {
            for load in [0.70, 0.85] {
                let world = how(World::new(load, 0));
                for (variant, tails) in &mut table.rows {
                    tails.push(tail(requests, &world, variant, seeds));
                }
                table.cells.push(Cell { trace, load });
            }
        }
        table
    }

    /// The best other in a cell, and ours.
    fn judge(&self, cell: usize) -> Option<(&str, f64, f64)> {
        let others = self.rows.iter().filter(|(variant, _)| is_other(variant));
        let (best, tails) = others.min_by(|a, b| a.1[cell].p99.total_cmp(&b.1[cell].p99))?;
        let (_, ours) = self.rows.iter().find(|(variant, _)| variant.ours)?;
        Some((best.name, tails[cell].p99, ours[cell].p99))
    }

    fn write(&self, out: &mut String) {
        write!(out, "| policy |").unwrap();
        for Cell { trace, load } in &self.cells {
            write!(out, " {trace}, {load:.2}: p99 | p50 | mean |").unwrap();
        }
        writeln!(out, "\n| --- |{}", " --- |".repeat(3 * self.cells.len())).unwrap();
        for (variant, tails) in &self.rows {
            let name =
                if variant.ours { format!("**{}**", variant.name) } else { variant.name.into() };
            write!(out, "| {name} |").unwrap();
            for Tail { p99, p50, mean } in tails {
                write!(out, " {p99:.2} s | {p50:.2} s | {mean:.2} s |").unwrap();
            }
            writeln!(out).unwrap();
        }
        writeln!(out).unwrap();
        if self.judge(0).is_none() {
            return;
        }
        writeln!(
            out,
            "| cell | best other | its p99 | predicted work, 5 probes | ratio | at most | reached |"
        )
        .unwrap();
        writeln!(out, "| --- | --- | --- | --- | --- | --- | --- |").unwrap();
        for (index, Cell { trace, load }) in self.cells.iter().enumerate() {
            if let Some((name, best, ours)) = self.judge(index) {
                let ratio = ours / best;
                let reached = if ratio <= 0.80 { "yes" } else { "**no**" };
                writeln!(out, "| {trace}, {load:.2} | {name} | {best:.2} s | {ours:.2} s | {ratio:.3} | 0.80 | {reached} |").unwrap();
            }
        }
        writeln!(out).unwrap();
    }
}

/// What happens when all servers are asked each time: by requests in flight, and by predicted work. They
/// ask more than the others may, and are told of beside them.
fn asking_all() -> Vec<Variant> {
    let variant = |name, policy| Variant { name, ours: false, config: variants::base(policy, 20) };
    vec![
        variant("fewest in flight of all, 20 probes", Policy::PowerOfTwo),
        variant("predicted work, 20 probes", Policy::PredictedWork),
    ]
}

fn scale(out: &mut String, traces: &[(&'static str, Vec<Request>)]) {
    writeln!(out, "| trace | way | seconds short of replicas | work in excess, replica-seconds | replica-seconds |").unwrap();
    writeln!(out, "| --- | --- | --- | --- | --- |").unwrap();
    for (name, requests) in traces {
        // As fast as makes some ten replicas of work.
        let work: f64 = requests.iter().map(Request::work).sum();
        let rate = 10.0 / (work / requests[requests.len() - 1].at);
        // Slower in time again: an hour stays an hour, with that many times the requests.
        let loads: Vec<f64> =
            scaling::loads(requests, 1.0).iter().map(|load| load * rate).collect();
        for (way, config) in scaling::ways() {
            let scaling::Scaling { short_s, missed_s, replica_s } =
                scaling::simulate(&loads, &config);
            writeln!(out, "| {name} | {way} | {short_s:.0} s | {missed_s:.0} | {replica_s:.0} |")
                .unwrap();
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if !words.iter().any(|word| word == "--bench") {
        let small = [("made here", trace::synthetic(300, 1))];
        let (text, main) = measured(&small, 1);
        println!("{text}");
        assert_eq!(main.cells.len(), 2);
        assert!(main.rows.iter().flat_map(|(_, tails)| tails).all(|tail| tail.p99 > 0.0));
        return ExitCode::SUCCESS;
    }
    let seeds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(8);
    let names = ["conv", "code"];
    let traces: Vec<_> =
        names.into_iter().filter_map(|name| Some((name, trace::azure(name)?))).collect();
    if traces.len() < names.len() {
        eprintln!(
            "NOT MEASURED: put Azure's LLM inference trace of 2023 (github.com/Azure/AzurePublicDataset: \
             AzureLLMInferenceTrace_conv.csv and _code.csv) into azure-llm/conv.csv.gz and \
             azure-llm/code.csv.gz of the folder that NSW_DATA names"
        );
        return ExitCode::FAILURE;
    }
    let (out, main) = measured(&traces, seeds);
    print!("{out}");
    if let Ok(folder) = std::env::var("NSW_REPORT") {
        let bars: Vec<(String, Vec<svg::Row>)> = main
            .cells
            .iter()
            .enumerate()
            .map(|(cell, Cell { trace, load })| {
                let bar = |(v, tails): &(Variant, Vec<Tail>)| {
                    (v.name.to_owned(), tails[cell].p99, !is_other(v))
                };
                (format!("{trace}, load {load:.2}"), main.rows.iter().map(bar).collect())
            })
            .collect();
        std::fs::write(format!("{folder}/benchmarks-balance.svg"), svg::bars(&bars)).unwrap();
        std::fs::write(format!("{folder}/benchmarks-balance.md"), out).unwrap();
    }
    ExitCode::SUCCESS
}

/// The document, and the table of its chart.
fn measured(traces: &[(&'static str, Vec<Request>)], seeds: u64) -> (String, Table) {
    let mut out = String::from(include_str!("report.md"));
    writeln!(out, "\nMeans over {seeds} seeds.\n\n## Servers that batch 8 requests\n").unwrap();
    let main = Table::measure(traces, |world| world, variants::all(), seeds);
    main.write(&mut out);
    writeln!(out, "![p99 of all policies](benchmarks-balance.svg)\n").unwrap();
    writeln!(
        out,
        "All servers asked for each request, four times as many probes as the others may:\n"
    )
    .unwrap();
    Table::measure(traces, |world| world, asking_all(), seeds).write(&mut out);
    writeln!(out, "## The same, when servers do not tell how far requests are\n\nGauges learn of work only when it is finished.\n").unwrap();
    let quiet = |world| World { progress: false, ..world };
    Table::measure(traces, quiet, variants::all(), seeds).write(&mut out);
    writeln!(out, "## Servers that take one request at a time\n\nFirst come, first served.\n")
        .unwrap();
    let single = |world| World { slots: 1, ..world };
    Table::measure(traces, single, variants::all(), seeds).write(&mut out);
    writeln!(out, "## Scaling\n\n{}", include_str!("scaling.md")).unwrap();
    scale(&mut out, traces);
    (out, main)
}
