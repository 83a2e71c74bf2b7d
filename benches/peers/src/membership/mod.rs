//! Membership beside the crate foca, on one simulated network, alone and as whole nodes have it: `scripts/bench
//! membership`.

mod ours;
mod swarm;
mod theirs;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use neural_swarm::host::chart::{Chart, Line, Scale};

use self::ours::Ours;
use self::swarm::{Alone, Kind, SECOND, Told, What, Whole, until};
use self::theirs::Theirs;
use crate::machine;
use crate::measure::{Effort, Outcome};
use crate::report::{Section, Table, number};

const NAMES: [&str; 3] = ["ours", "foca", "ours, whole nodes"];

/// What one run has shown. Times in seconds.
struct Seen {
    /// Since who joins said so until 99 % of the others knew of it.
    spread: Option<f64>,
    /// Since a publication until 99 % had it.
    published: Option<Option<f64>>,
    /// Since a crash until the first knew of it, 99 % of the others did, and all.
    first: Option<f64>,
    most: Option<f64>,
    all: Option<f64>,
    /// In the time before: how often somebody was told that a member that runs is dead, and of how many members; and
    /// how often it was suspected.
    wrong: usize,
    wrongly: usize,
    suspected: usize,
    bytes: f64,
    messages: f64,
}

fn wrong(told: &[Told], counts: impl Fn(usize) -> bool) -> (usize, usize) {
    let down: Vec<_> =
        told.iter().filter(|told| told.what == What::Down && counts(told.of)).collect();
    let of: HashSet<usize> = down.iter().map(|told| told.of).collect();
    (down.len(), of.len())
}

fn measure<K: Kind>(members: usize, loss: u64, seed: u64, seconds: u64) -> Seen {
    let mut kind: K = swarm::swarm(seed, members, members + 1, loss);
    let before = kind.sent();
    kind.run(seconds * SECOND);
    let after = kind.sent();
    let told = kind.take_told();
    let (wrong, wrongly) = wrong(&told, |_| true);
    let suspected = told.iter().filter(|told| told.what == What::Suspected).count();
    let per = (members as u64 * seconds) as f64;
    let bytes = (after.0 - before.0) as f64 / per;
    let messages = (after.1 - before.1) as f64 / per;
    let published = kind.publish();
    kind.take_told();
    let start = kind.now();
    kind.start();
    let (mut told, mut spread) = (Vec::new(), None);
    while kind.now() < start + 30 * SECOND && spread.is_none() {
        kind.run(SECOND);
        told.extend(kind.take_told());
        spread = until(&told, members, What::Up, start, members, 0.99);
    }
    let start = kind.now();
    // Neither the one by which all joined nor the newest.
    let victim = 1 + seed as usize % (members - 1);
    kind.crash(victim);
    let others = kind.running();
    let mut told = Vec::new();
    let known = |told: &[Told], share| until(told, victim, What::Down, start, others, share);
    while kind.now() < start + 120 * SECOND && known(&told, 1.0).is_none() {
        kind.run(SECOND);
        told.extend(kind.take_told());
    }
    let (first, most, all) = (known(&told, 0.0), known(&told, 0.99), known(&told, 1.0));
    Seen { spread, published, first, most, all, wrong, wrongly, suspected, bytes, messages }
}

/// Of several runs: the median, if it came to that in more than half of them.
fn median(values: impl Iterator<Item = Option<f64>>, count: usize) -> Option<f64> {
    let mut values: Vec<f64> = values.map(|value| value.unwrap_or(f64::INFINITY)).collect();
    values.sort_by(f64::total_cmp);
    values.get(count / 2).copied().filter(|value| value.is_finite())
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "not in time".to_string(), number)
}

/// What is drawn: of each of the names, by the number of members.
type Points = [Vec<(f64, f64)>; 3];

/// How many runs of a swarm, and for how many seconds nothing happens.
struct Plan {
    seeds: u64,
    seconds: u64,
}

fn plan(effort: Effort, (members, loss, which): Cell) -> Plan {
    // Whole nodes of many take their time: what they do not know is told by handshakes.
    let (whole, many) = (which == 2, members > 200);
    match (effort.quick, many, whole) {
        (true, ..) => Plan { seeds: 1, seconds: 10 },
        (false, false, true) if members > 50 => Plan { seeds: 3, seconds: 120 },
        (false, false, _) => Plan { seeds: 5, seconds: 120 },
        (false, true, true) => Plan { seeds: u64::from(loss < 200), seconds: 20 },
        (false, true, false) => Plan { seeds: 3, seconds: 20 },
    }
}

/// A row of the table: members, loss of 1,000, and which of the names.
type Cell = (usize, u64, usize);

fn run_cell(effort: Effort, cell: Cell) -> Vec<Seen> {
    let (members, loss, which) = cell;
    let Plan { seeds, seconds } = plan(effort, cell);
    let begin = Instant::now();
    let run = [measure::<Alone<Ours>>, measure::<Alone<Theirs>>, measure::<Whole>];
    let seen = (1..=seeds).map(|seed| run[which](members, loss, seed, seconds)).collect();
    let (took, name) = (begin.elapsed().as_secs_f64(), NAMES[which]);
    eprintln!("membership of {members}, loss {loss} of 1,000, {name}: {took:.1} s");
    seen
}

/// All of them, on all processors, or so many threads as `NSW_THREADS` says; those that take longest first.
fn run_cells(effort: Effort, cells: &[Cell]) -> Vec<Vec<Seen>> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let wished = std::env::var("NSW_THREADS").ok().and_then(|threads| threads.parse().ok());
    let threads = wished.or(std::thread::available_parallelism().ok()).map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(place) =
                    cells.len().checked_sub(1 + next.fetch_add(1, Ordering::Relaxed))
                {
                    let seen = run_cell(effort, cells[place]);
                    results.lock().expect("nobody panicked").push((place, seen));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("nobody panicked");
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, seen)| seen).collect()
}

const HEAD: [&str; 13] = [
    "members",
    "loss",
    "",
    "runs",
    "a crash known to the first, s",
    "to 99 %, s",
    "to all, s",
    "a new one known to 99 %, s",
    "a publication at 99 %, s",
    "told that who runs is dead",
    "told that who runs is suspected",
    "bytes/s",
    "messages/s",
];

fn swarms(effort: Effort, points: &mut [Points; 3]) -> Section {
    let sizes: &[usize] = effort.pick(&[10, 100, 500], &[10]);
    let losses: &[u64] = effort.pick(&[10, 50, 200], &[10]);
    let mut cells: Vec<Cell> = Vec::new();
    for &members in sizes {
        for &loss in losses {
            cells.extend((0..NAMES.len()).map(|which| (members, loss, which)));
        }
    }
    let mut rows = Vec::new();
    for (&(members, loss, which), seen) in cells.iter().zip(run_cells(effort, &cells)) {
        let mut row = vec![
            members.to_string(),
            format!("{} %", loss as f64 / 10.0),
            NAMES[which].to_string(),
            seen.len().to_string(),
        ];
        if seen.is_empty() {
            row.resize(HEAD.len(), "not measured".to_string());
            rows.push(row);
            continue;
        }
        let sum = |of: fn(&Seen) -> usize| seen.iter().map(of).sum::<usize>();
        let mean = |of: fn(&Seen) -> f64| seen.iter().map(of).sum::<f64>() / seen.len() as f64;
        let middle = |of: fn(&Seen) -> Option<f64>| median(seen.iter().map(of), seen.len());
        if loss == 10 {
            let values = [middle(|s| s.most), middle(|s| s.spread), Some(mean(|s| s.bytes))];
            for (points, value) in points.iter_mut().zip(values) {
                points[which].extend(value.map(|value| (members as f64, value)));
            }
        }
        let publishes = seen.iter().any(|seen| seen.published.is_some());
        // foca does not tell.
        let suspects = which != 1;
        row.extend([
            shown(middle(|s| s.first)),
            shown(middle(|s| s.most)),
            shown(middle(|s| s.all)),
            shown(middle(|s| s.spread)),
            if publishes { shown(middle(|s| s.published.flatten())) } else { "-".into() },
            format!("{} of {}", sum(|s| s.wrong), sum(|s| s.wrongly)),
            if suspects { sum(|s| s.suspected).to_string() } else { "-".into() },
            number(mean(|s| s.bytes)),
            number(mean(|s| s.messages)),
        ]);
        rows.push(row);
    }
    Section {
        title: "Swarms",
        text: format!(
            "Medians of so many runs; each message takes 1 to 10 ms. Bytes and messages are those that a member sends \
             in a second, while nothing happens for {} s ({} s with 500), without what carries them; of whole nodes \
             they are datagrams, with all that sessions add, handshakes among it. In that time it was counted how \
             often somebody was told that a member is dead that runs, and of how many members, in all runs together; \
             and how often, that one is suspected: each time one member of one other, and all of these were refuted \
             that did not end in the column before. foca does not tell of suspicions. \"Ours\" and \"foca\" are \
             membership alone, whose messages nothing encrypts; a whole node has keys, handshakes, sessions with at \
             most 128 others at once, and topics. \"Not in time\": not within 120 s for a crash, 30 s for a new one, \
             10 s for a publication, which is sent once and is not repeated. \"Not measured\": 500 whole nodes with 20 % \
             lost, each of which has something to tell most of the time to somebody that it has no session with, are \
             many minutes of handshakes.",
            plan(effort, (100, 10, 0)).seconds,
            plan(effort, (500, 10, 0)).seconds
        ),
        rows: Vec::new(),
        tables: vec![(String::new(), Table { head: HEAD.to_vec(), rows })],
        charts: Vec::new(),
    }
}

fn slow<K: Kind>(members: usize, late: u64, seconds: u64) -> (usize, usize, usize) {
    let mut kind: K = swarm::swarm(1, members, members, 0);
    let some = members / 50;
    (0..some).for_each(|member| kind.set_late(member, late));
    kind.run(seconds * SECOND);
    let told = kind.take_told();
    let (times, of) = wrong(&told, |of| of >= some);
    (times, of, wrong(&told, |of| of < some).0)
}

fn slow_members(effort: Effort) -> Section {
    let members = effort.pick(200, 50);
    let seconds = effort.pick(300, 30);
    let mut rows = Vec::new();
    for late in [1, 3, 10] {
        for (which, name) in NAMES.iter().take(2).enumerate() {
            eprintln!("slow members, {late} s, {name}");
            let run = if which == 0 { slow::<Alone<Ours>> } else { slow::<Alone<Theirs>> };
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
    let mut points: [Points; 3] = Default::default();
    let sections = [swarms(effort, &mut points), slow_members(effort)];
    let mut report = format!(
        "# Benchmarks of membership\n\n\
         Written by `scripts/bench membership`: the library's members and those of the crate foca, each with its own \
         settings for a local network (a probe a second, half a second for an answer, news to three others five times a \
         second in both), on one simulated network and clock (`neural_swarm::host::sim`). Seconds are the simulation's: \
         what a machine adds is not in them.\n\n{}",
        machine::describe_membership()
    );
    for section in &sections {
        report += &format!("\n{}", section.markdown());
    }
    let charts = [
        ("membership-detection.svg", "A crash, 1 % loss", "seconds until 99 % know"),
        ("membership-spread.svg", "A new member, 1 % loss", "seconds until 99 % know"),
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
            let chart = Chart {
                title,
                x: "members",
                y,
                lines: &lines,
                marks: &[],
                scale: Scale::Logarithmic,
            };
            std::fs::write(docs.join(file), chart.svg())?;
        }
        std::fs::write(docs.join("benchmarks-membership.md"), &report)?;
        eprintln!("wrote {}", docs.join("benchmarks-membership.md").display());
    }
    println!("{report}");
    Ok(())
}
