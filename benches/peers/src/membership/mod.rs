//! Membership beside the crate foca, on one simulated network: `scripts/bench membership`.

mod ours;
mod sim;
mod theirs;

use std::path::Path;

use self::ours::Ours;
use self::sim::{Node, SECOND, Sim, Told};
use self::theirs::Theirs;
use crate::machine;
use crate::measure::{Effort, Outcome};
use crate::report::{Section, Table, number};
use crate::svg::{Chart, Line};

const NAMES: [&str; 2] = ["ours", "foca"];

/// What one run has shown. Times in seconds.
struct Seen {
    /// Since who joins said so until 99 % of the others knew of it.
    spread: Option<f64>,
    /// Since a crash until the first, and until 99 % of the others knew of it.
    first: Option<f64>,
    most: Option<f64>,
    /// In the time before: how often somebody was told that a member that runs is dead, and of how many members.
    wrong: usize,
    wrongly: usize,
    bytes: f64,
    messages: f64,
}

/// Seconds until `share` of `others` were told.
fn until(told: &[Told], of: usize, up: bool, start: u64, others: usize, share: f64) -> Option<f64> {
    let mut by = std::collections::HashSet::new();
    let wanted = ((others as f64 * share).ceil() as usize).max(1);
    let times = told.iter().filter(|told| told.of == of && told.up == up && told.at >= start);
    let mut firsts = times.filter(|told| by.insert(told.by)).map(|told| told.at);
    firsts.nth(wanted - 1).map(|at| (at - start) as f64 / 1e6)
}

fn wrong(told: &[Told], counts: impl Fn(usize) -> bool) -> (usize, usize) {
    let down: Vec<_> = told.iter().filter(|told| !told.up && counts(told.of)).collect();
    let of: std::collections::HashSet<usize> = down.iter().map(|told| told.of).collect();
    (down.len(), of.len())
}

fn measure<N: Node>(members: usize, loss: u64, seed: u64, seconds: u64) -> Seen {
    let (mut sim, _) = Sim::<N>::new(seed, members, members + 1, loss);
    sim.run(seconds * SECOND);
    let (wrong, wrongly) = wrong(&sim.told, |_| true);
    let per = (members as u64 * seconds) as f64;
    let (bytes, messages) = (sim.bytes as f64 / per, sim.messages as f64 / per);
    sim.clear();
    let start = sim.now;
    let new = sim.start(members + 1);
    sim.run(30 * SECOND);
    let spread = until(&sim.told, new, true, start, members, 0.99);
    sim.clear();
    let start = sim.now;
    // Neither the one by which all joined nor the newest.
    let victim = 1 + seed as usize % (members - 1);
    sim.crash(victim);
    let others = sim.running();
    sim.run_until(300 * SECOND, |sim| {
        until(&sim.told, victim, false, start, others, 0.99).is_some()
    });
    let first = until(&sim.told, victim, false, start, others, 0.0);
    let most = until(&sim.told, victim, false, start, others, 0.99);
    Seen { spread, first, most, wrong, wrongly, bytes, messages }
}

/// Of several runs: the median, if it came to that in more than half of them.
fn median(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let mut values: Vec<f64> = values.map(|value| value.unwrap_or(f64::INFINITY)).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().filter(|value| value.is_finite())
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "not in time".to_string(), number)
}

/// Who, and of how many; what of it is drawn.
type Points = [Vec<(f64, f64)>; 2];

fn swarms(effort: Effort, points: &mut [Points; 2]) -> Section {
    let sizes: &[usize] = effort.pick(&[10, 30, 100, 300, 500], &[10]);
    let (seeds, seconds) = effort.pick((5, 120), (1, 20));
    let mut rows = Vec::new();
    for &members in sizes {
        for loss in [0, 10, 50, 200] {
            for (which, name) in NAMES.iter().enumerate() {
                eprintln!("membership of {members}, loss {loss} of 1,000, {name}");
                let run = if which == 0 { measure::<Ours> } else { measure::<Theirs> };
                let seen: Vec<Seen> =
                    (1..=seeds).map(|seed| run(members, loss, seed, seconds)).collect();
                let sum = |of: fn(&Seen) -> usize| seen.iter().map(of).sum::<usize>();
                let mean = |of: fn(&Seen) -> f64| seen.iter().map(of).sum::<f64>() / seeds as f64;
                let spread = median(seen.iter().map(|seen| seen.spread));
                let most = median(seen.iter().map(|seen| seen.most));
                if loss == 10 {
                    for (points, value) in points.iter_mut().zip([most, Some(mean(|s| s.bytes))]) {
                        points[which].extend(value.map(|value| (members as f64, value)));
                    }
                }
                rows.push(vec![
                    members.to_string(),
                    format!("{} %", loss as f64 / 10.0),
                    name.to_string(),
                    shown(spread),
                    shown(median(seen.iter().map(|seen| seen.first))),
                    shown(most),
                    format!("{} of {}", sum(|s| s.wrong), sum(|s| s.wrongly)),
                    number(mean(|s| s.bytes)),
                    number(mean(|s| s.messages)),
                ]);
            }
        }
    }
    let head = vec![
        "members",
        "loss",
        "",
        "a new one known to 99 %, s",
        "a crash known to the first, s",
        "to 99 %, s",
        "told that who runs is dead",
        "bytes/s",
        "messages/s",
    ];
    Section {
        title: "Swarms",
        text: format!(
            "Medians of {seeds} runs; each message takes 1 to 10 ms. Bytes and messages are those of a member, sent, \
             without what carries them, while nothing happens for {seconds} s; that is also the time in which \
             members that run were told to be dead: how often, and of how many members, in all runs together."
        ),
        rows: Vec::new(),
        tables: vec![(String::new(), Table { head, rows })],
        charts: Vec::new(),
    }
}

fn slow<N: Node>(members: usize, late: u64, seconds: u64) -> (usize, usize, usize) {
    let (mut sim, _) = Sim::<N>::new(1, members, members, 0);
    let some = members / 50;
    (0..some).for_each(|node| sim.set_late(node, late));
    sim.run(seconds * SECOND);
    let (times, of) = wrong(&sim.told, |of| of >= some);
    (times, of, wrong(&sim.told, |of| of < some).0)
}

fn slow_members(effort: Effort) -> Section {
    let members = effort.pick(200, 50);
    let seconds = effort.pick(300, 30);
    let mut rows = Vec::new();
    for late in [1, 3, 10] {
        for (which, name) in NAMES.iter().enumerate() {
            eprintln!("slow members, {late} s, {name}");
            let run = if which == 0 { slow::<Ours> } else { slow::<Theirs> };
            let (times, of, slow) = run(members, late * SECOND, seconds);
            rows.push(vec![
                format!("{late} s"),
                name.to_string(),
                times.to_string(),
                of.to_string(),
                slow.to_string(),
            ]);
        }
    }
    let head = vec![
        "late by",
        "",
        "told that a healthy one is dead",
        "healthy ones",
        "told of a slow one",
    ];
    Section {
        title: "Slow members",
        text: format!(
            "Of {members} members 2 % read all that arrives so much later, for {seconds} s: how often anybody was told \
             that a healthy member is dead, how many of them that befell, and how often that was told of a slow one."
        ),
        rows: Vec::new(),
        tables: vec![(String::new(), Table { head, rows })],
        charts: Vec::new(),
    }
}

/// Measures. A whole run writes the report and its charts to `docs`.
pub fn run(effort: Effort, filter: &[String], docs: &Path) -> Outcome<()> {
    if !filter.is_empty() {
        return Err("membership is measured as a whole".into());
    }
    let mut points: [Points; 2] = Default::default();
    let sections = [swarms(effort, &mut points), slow_members(effort)];
    let mut report = format!(
        "# Benchmarks of membership\n\n\
         Written by `scripts/bench membership`: the library's members and those of the crate foca, each with its own \
         settings for a local network (a probe a second, half a second for an answer, news to three others five times a \
         second in both), on one simulated network and clock. Seconds are the simulation's: what a machine adds is not \
         in them.\n\n{}",
        machine::describe_membership()
    );
    for section in &sections {
        report += &format!("\n{}", section.markdown());
    }
    let charts = [
        ("membership-detection.svg", "A crash, 1 % loss", "seconds until 99 % know"),
        ("membership-bytes.svg", "Nothing happens, 1 % loss", "bytes a member and second"),
    ];
    report += "\n";
    for ((file, title, _), _) in charts.iter().zip(&points) {
        report += &format!("![{title}]({file})\n");
    }
    if !effort.quick {
        for ((file, title, y), points) in charts.iter().zip(points) {
            let lines: Vec<Line> = (NAMES.iter().zip(points))
                .map(|(name, points)| Line { name: name.to_string(), points })
                .collect();
            let chart = Chart { title, x: "members", y, lines: &lines };
            std::fs::write(docs.join(file), chart.svg())?;
        }
        std::fs::write(docs.join("benchmarks-membership.md"), &report)?;
        eprintln!("wrote {}", docs.join("benchmarks-membership.md").display());
    }
    println!("{report}");
    Ok(())
}
