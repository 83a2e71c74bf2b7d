//! What was measured, as Markdown.

use std::fmt::Write;

use crate::measure::Stat;

/// What a time means.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    /// As it is.
    Time,
    /// So many epochs were done in it.
    Epochs(usize),
    /// So many operations were done in it.
    Operations(f64),
    /// So many bytes were done in it.
    Bytes(usize),
    /// One handshake was done in it.
    Handshake,
    /// So many entries were agreed on in it.
    #[cfg_attr(not(any(feature = "raft-protobuf", feature = "raft-prost")), allow(dead_code))]
    Entries(usize),
}

impl Unit {
    fn show(self, ns: f64) -> String {
        match self {
            Unit::Time => time(ns),
            Unit::Epochs(epochs) => format!("{} epochs/s", number(epochs as f64 * 1e9 / ns)),
            Unit::Bytes(bytes) => format!("{}, {} MB/s", time(ns), number(bytes as f64 * 1e3 / ns)),
            Unit::Entries(entries) => format!("{}/s", number(entries as f64 * 1e9 / ns)),
            Unit::Handshake => format!("{}/s", number(1e9 / ns)),
            Unit::Operations(operations) => format!("{} G/s", number(operations / ns)),
        }
    }
}

fn time(ns: f64) -> String {
    match ns {
        _ if ns < 1e3 => format!("{} ns", number(ns)),
        _ if ns < 1e6 => format!("{} us", number(ns / 1e3)),
        _ => format!("{} ms", number(ns / 1e6)),
    }
}

/// Three figures or more.
pub fn number(value: f64) -> String {
    match value.abs() {
        a if a >= 99_950.0 => format!("{:.0}k", value / 1e3),
        a if a >= 99.95 => format!("{value:.0}"),
        a if a >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Somebody else's time.
pub struct Peer {
    pub name: String,
    pub stat: Stat,
    /// Whether the floor is against it.
    pub counted: bool,
}

/// Us beside others at one piece of work.
pub struct Row {
    pub work: String,
    pub unit: Unit,
    /// The least ratio wanted.
    pub floor: Option<f64>,
    pub ours: Stat,
    pub peers: Vec<Peer>,
    /// Whether the results are as good: a speed counts only then.
    pub same: bool,
    pub note: String,
}

impl Row {
    /// How many times as fast we are as the fastest of the peers, by the
    /// minima and by the medians.
    fn ratios(&self, all: bool) -> Option<(f64, f64)> {
        let best = |of: fn(&Stat) -> f64| {
            let peers = self.peers.iter().filter(|peer| all || peer.counted);
            peers.map(|peer| of(&peer.stat)).min_by(f64::total_cmp)
        };
        Some((best(|s| s.min)? / self.ours.min, best(|s| s.median)? / self.ours.median))
    }

    pub fn verdict(&self) -> &'static str {
        match (self.floor, self.ratios(false)) {
            (_, None) => "no peer here",
            _ if !self.same => "**does not count**",
            (None, _) => "",
            (Some(floor), Some((ratio, _))) if ratio >= floor => "yes",
            _ => "**no**",
        }
    }

    fn cells(&self) -> Vec<String> {
        let both =
            |stat: &Stat| format!("{} ({})", self.unit.show(stat.min), self.unit.show(stat.median));
        let names = |wanted: bool| {
            let peers = self.peers.iter().filter(|peer| peer.counted == wanted);
            let texts = peers.map(|peer| format!("{} {}", peer.name, both(&peer.stat)));
            texts.collect::<Vec<_>>().join("; ")
        };
        let ratio = |all| match self.ratios(all) {
            Some((min, median)) => format!("{}x ({}x)", number(min), number(median)),
            None => String::new(),
        };
        let others = match names(false) {
            text if text.is_empty() => text,
            text => format!("{text}; ratio to the fastest of all {}", ratio(true)),
        };
        vec![
            self.work.clone(),
            both(&self.ours),
            names(true),
            ratio(false),
            self.floor.map_or_else(String::new, |floor| format!("{}x", number(floor))),
            self.verdict().to_string(),
            others,
            self.note.clone(),
        ]
    }
}

/// A table of anything.
pub struct Table {
    pub head: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

/// A part of the report.
#[derive(Default)]
pub struct Section {
    pub title: &'static str,
    pub text: String,
    pub rows: Vec<Row>,
    pub tables: Vec<(String, Table)>,
    /// File names and what they show.
    pub charts: Vec<(String, String)>,
}

impl Section {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.tables.is_empty() && self.charts.is_empty()
    }

    pub fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n{}\n", self.title, self.text.trim());
        if !self.rows.is_empty() {
            let head = vec![
                "work",
                "ours: best (median)",
                "peers",
                "ratio",
                "floor",
                "reached",
                "also",
                "note",
            ];
            let rows = self.rows.iter().map(Row::cells).collect();
            text += "\n";
            text += &markdown(&Table { head, rows });
        }
        for (title, table) in &self.tables {
            let title = if title.is_empty() { String::new() } else { format!("\n{title}\n") };
            let _ = write!(text, "{title}\n{}", markdown(table));
        }
        for (file, alt) in &self.charts {
            let _ = write!(text, "\n![{alt}]({file})\n");
        }
        text
    }
}

fn markdown(table: &Table) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    // A column that says nothing is left out.
    let used: Vec<usize> = (0..table.head.len())
        .filter(|i| table.rows.iter().any(|row| !row[*i].is_empty()))
        .collect();
    let pick = |row: &[String]| -> Vec<String> { used.iter().map(|i| row[*i].clone()).collect() };
    let head: Vec<String> = table.head.iter().map(ToString::to_string).collect();
    let mut text = line(&pick(&head));
    text += &line(&vec!["---".to_string(); used.len()]);
    for row in &table.rows {
        text += &line(&pick(row));
    }
    text
}
