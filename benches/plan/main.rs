//! A learned order of methods beside none, on problems that it was not trained on. `scripts/bench plan-learned`
//! makes the problems and runs it.
//!
//! `cargo bench --bench plan -- FOLDER [nodes] [domains]`: FOLDER has `<domain>.domain.hddl`, and problems of
//! it in `train` and `test`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use neural_swarm::host::hddl::{Hddl, Source, verify_plan};
use neural_swarm::port::Heap;
use neural_swarm::task::plan::{
    LearnConfig, LearnedOrder, MethodOrder, MethodSamples, Outcome, PlanState, Planner,
    PlannerConfig, TaskId,
};

/// Features of a decision.
const WIDTH: usize = 512;
/// How often an order is learned: from plans that were found without one, and then with the last.
const ROUNDS: u64 = 2;
/// Searches of which the quickest one's plan is learned from: in the order of the model, in the order that was
/// learned, and in fixed orders at random.
const SEARCHES: u64 = 16;
/// Memory of a planner.
const MEMORY: usize = 64 << 20;

fn read(domain: &Path, problem: &Path) -> Hddl {
    let load =
        |path: &Path| std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (domain, problem) = (load(domain), load(problem));
    let source = |text| Source { name: "hddl", text };
    Hddl::read(source(&domain), source(&problem)).unwrap_or_else(|error| panic!("{error}"))
}

/// The problems of a domain in a folder, in the order of their names.
fn problems(folder: &Path, domain: &str) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut all: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name()?.to_str()?.strip_suffix(".problem.hddl")?;
            let name = name.strip_prefix(&format!("{domain}."))?.to_owned();
            Some((name, path))
        })
        .collect();
    all.sort();
    all
}

/// How one search went.
#[derive(Clone, Copy)]
struct Run {
    solved: bool,
    nodes: u64,
    actions: usize,
    seconds: f64,
}

/// Searches until there is an answer or so many nodes were searched: one step may end earlier.
fn search(
    planner: &mut Planner<'_>,
    nodes: u64,
    mut order: Option<&mut dyn MethodOrder>,
) -> Outcome {
    loop {
        let left = nodes.saturating_sub(planner.stats().nodes);
        let outcome = match &mut order {
            None => planner.step(left),
            Some(order) => planner.step_with(left, *order),
        };
        if outcome != Outcome::Running || planner.stats().nodes >= nodes {
            return outcome;
        }
    }
}

fn run(hddl: &Hddl, nodes: u64, order: Option<&mut dyn MethodOrder>) -> Run {
    let model = hddl.model().unwrap();
    let config = PlannerConfig { memory: MEMORY, ..PlannerConfig::default() };
    let begin = Instant::now();
    let mut planner = Planner::new(&model, &config, Heap).unwrap();
    let outcome = search(&mut planner, nodes, order);
    let seconds = begin.elapsed().as_secs_f64();
    let solved = outcome == Outcome::Found;
    let mut actions = 0;
    if solved {
        let plan = planner.plan().unwrap();
        assert_eq!(verify_plan(&model, &plan).unwrap(), Ok(()));
        actions = plan.order.len();
    }
    Run { solved, nodes: planner.stats().nodes, actions, seconds }
}

/// Methods in a fixed order, drawn from a seed.
struct Fixed(u64);

impl MethodOrder for Fixed {
    fn rank(
        &mut self,
        _: &PlanState<'_>,
        _: TaskId,
        _: &[u16],
        methods: &[u16],
        scores: &mut [f32],
    ) {
        for (score, method) in scores.iter_mut().zip(methods) {
            // SplitMix64's finaliser.
            let mut z = (self.0 << 32) + u64::from(*method) + 1;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            *score = ((z ^ (z >> 31)) >> 40) as f32;
        }
    }
}

/// What was learned of a domain.
struct Learned {
    order: LearnedOrder<'static>,
    problems: usize,
    solved: usize,
    decisions: usize,
    seconds: f64,
}

fn learn(domain: &Path, all: &[(String, PathBuf)], nodes: u64) -> Learned {
    let begin = Instant::now();
    let problems: Vec<Hddl> = all.iter().map(|(_, path)| read(domain, path)).collect();
    let mut order: Option<LearnedOrder<'static>> = None;
    let (mut solved, mut decisions) = (0, 0);
    for _ in 0..ROUNDS {
        let mut samples = MethodSamples::new(&problems[0].model().unwrap(), WIDTH);
        solved = 0;
        for hddl in &problems {
            let model = hddl.model().unwrap();
            let mut best: Option<(u64, MethodSamples)> = None;
            for number in 0..SEARCHES {
                let config = PlannerConfig { memory: MEMORY, ..PlannerConfig::default() };
                let mut planner = Planner::new(&model, &config, Heap).unwrap();
                let most = best.as_ref().map_or(nodes, |(least, _)| *least);
                let outcome = match (number, &mut order) {
                    (0, _) => search(&mut planner, most, None),
                    (1, Some(order)) => search(&mut planner, most, Some(order)),
                    (number, _) => search(&mut planner, most, Some(&mut Fixed(number))),
                };
                let used = planner.stats().nodes;
                if outcome == Outcome::Found && best.as_ref().is_none_or(|(least, _)| used < *least)
                {
                    let mut one = MethodSamples::new(&model, WIDTH);
                    one.add(&model, &planner.plan().unwrap()).unwrap();
                    best = Some((used, one));
                }
            }
            if let Some((_, one)) = best {
                solved += 1;
                samples.append(one).unwrap();
            }
        }
        decisions = samples.len();
        let net = LearnedOrder::train(&LearnConfig::default(), &samples).unwrap();
        order = Some(LearnedOrder::new(net, &problems[0].model().unwrap(), Heap).unwrap());
    }
    let seconds = begin.elapsed().as_secs_f64();
    Learned { order: order.unwrap(), problems: problems.len(), solved, decisions, seconds }
}

/// A share less or more, in percent.
fn change(off: f64, on: f64) -> String {
    format!("{:+.0} %", 100.0 * (on / off - 1.0))
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // Under `cargo test --benches` there is nothing to measure, only to run.
    if !words.iter().any(|word| word == "--bench") {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hddl");
        let domain = folder.join("transport.domain.hddl");
        let all = [("small".to_owned(), folder.join("transport.problem.hddl"))];
        let mut learned = learn(&domain, &all, 100_000);
        assert!(run(&read(&domain, &all[0].1), 100_000, Some(&mut learned.order)).solved);
        return;
    }
    let mut words = words.iter().filter(|word| !word.starts_with("--"));
    let folder = PathBuf::from(words.next().expect("the folder of the problems"));
    let nodes: u64 = words.next().map_or(300_000, |word| word.parse().expect("a number of nodes"));
    let chosen: Vec<&String> = words.collect();
    let entries = std::fs::read_dir(&folder).expect("the folder of the problems");
    let mut domains: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry.unwrap().file_name();
            Some(name.to_str()?.strip_suffix(".domain.hddl")?.to_owned())
        })
        .filter(|name| chosen.is_empty() || chosen.contains(&name))
        .collect();
    domains.sort();
    let (mut table, mut single) = (String::new(), String::new());
    for domain in domains {
        let file = folder.join(format!("{domain}.domain.hddl"));
        let mut learned = learn(&file, &problems(&folder.join("train"), &domain), nodes);
        let mut sums = [[0.0f64; 4]; 2];
        let mut both = [0.0f64; 2];
        let tests = problems(&folder.join("test"), &domain);
        writeln!(single, "\n### {domain}\n\n| problem | off: nodes | actions | on: nodes | actions |\n| --- | --- | --- | --- | --- |").unwrap();
        for (name, path) in &tests {
            let hddl = read(&file, path);
            let runs = [run(&hddl, nodes, None), run(&hddl, nodes, Some(&mut learned.order))];
            for (sum, run) in sums.iter_mut().zip(&runs) {
                let parts =
                    [run.solved as u64 as f64, run.nodes as f64, run.seconds, run.actions as f64];
                sum.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
            }
            if runs.iter().all(|run| run.solved) {
                both.iter_mut().zip(&runs).for_each(|(sum, run)| *sum += run.nodes as f64);
            }
            let show = |run: &Run| match run.solved {
                true => format!("{} | {}", run.nodes, run.actions),
                false => format!("{} | none found", run.nodes),
            };
            writeln!(single, "| {name} | {} | {} |", show(&runs[0]), show(&runs[1])).unwrap();
        }
        let [off, on] = sums;
        let line = format!(
            "| {domain} | {} of {} | {} | {} | {} of {n} | {} of {n} | {:.0} | {:.0} | {} | {} | {:.2} | {:.2} |",
            learned.solved,
            learned.problems,
            learned.decisions,
            format_args!("{:.0}", learned.seconds),
            off[0],
            on[0],
            off[1],
            on[1],
            change(off[1], on[1]),
            if both[0] > 0.0 { change(both[0], both[1]) } else { "-".into() },
            off[2],
            on[2],
            n = tests.len(),
        );
        println!("{line}");
        writeln!(table, "{line}").unwrap();
    }
    if let Ok(path) = std::env::var("NSW_REPORT") {
        let text = include_str!("report.md")
            .replace("{nodes}", &nodes.to_string())
            .replace("{table}", table.trim_end())
            .replace("{single}", single.trim());
        std::fs::write(path, text).expect("the report can be written");
    }
}
