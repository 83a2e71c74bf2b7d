//! What came of a scenario.

use core::fmt::Write;
use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use crate::host::chart::{Chart, Line, Scale, stack};
use crate::host::sim::engine::Counts;

/// What came of an expectation, or of something that could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// In which line it stands.
    pub line: usize,
    /// What stands there.
    pub text: String,
    /// Whether it was so.
    pub held: bool,
    /// After how many microseconds, if it was.
    pub after_us: Option<u64>,
    /// What else there is to say; why something could not be done.
    pub note: String,
}

/// A second of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Its end: microseconds after the first node began.
    pub at_us: u64,
    /// How many nodes run, paused ones among them.
    pub running: usize,
    /// How many take part as those believe that run and are not paused: the least that one believes, the mean, the
    /// most.
    pub least: usize,
    /// The mean.
    pub mean: f64,
    /// The most.
    pub most: usize,
    /// How often somebody was told in it that a node is dead that ran, was not paused, and was to be reached.
    pub false_deaths: usize,
    /// How often, that such a one is suspected.
    pub suspicions: usize,
    /// Bytes of datagrams that a node sent in it, on average.
    pub bytes: f64,
}

/// What came of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// How many nodes there are.
    pub nodes: usize,
    /// The seed that it was played with.
    pub seed: u64,
    /// Of each expectation, and of what could not be done; in the order of the lines.
    pub outcomes: Vec<Outcome>,
    /// Each second.
    pub samples: Vec<Sample>,
    /// In the whole run: how often somebody was told that a node is dead that ran, was not paused, and was to be reached.
    pub false_deaths: usize,
    /// How often, that such a one is suspected.
    pub suspicions: usize,
    /// How long it was, in microseconds.
    pub us: u64,
    /// What was counted.
    pub counts: Counts,
    /// The same for two runs if they were the same: [`Sim::trace`](crate::host::sim::Sim::trace).
    pub trace: u64,
    pub(super) marks: Vec<(f64, String)>,
}

impl Report {
    pub(super) fn new(nodes: usize, seed: u64) -> Report {
        Report {
            nodes,
            seed,
            outcomes: Vec::new(),
            samples: Vec::new(),
            false_deaths: 0,
            suspicions: 0,
            us: 0,
            counts: Counts::default(),
            trace: 0,
            marks: Vec::new(),
        }
    }

    /// Whether all was as expected, and could be done.
    pub fn held(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.held)
    }

    /// For who reads it: a line for each outcome, and what was counted.
    pub fn text(&self) -> String {
        let mut text = format!("{} nodes, seed {}\n", self.nodes, self.seed);
        for Outcome { line, text: what, held, after_us, note } in &self.outcomes {
            let held = if *held { "ok    " } else { "FAILED" };
            let after = after_us.filter(|us| *us > 0).map(|us| us as f64 / 1e6);
            let after = after.map_or_else(String::new, |after| format!(", after {after:.2} s"));
            let note = if note.is_empty() { String::new() } else { format!(": {note}") };
            // Text can always be made longer.
            let _ = writeln!(text, "{held} line {line}: {what}{after}{note}");
        }
        let Counts { sent, sent_bytes, lost, .. } = self.counts;
        let _ = writeln!(
            text,
            "{:.2} s simulated: {sent} datagrams sent ({sent_bytes} bytes), {lost} of them lost; {} suspicions and {} \
             deaths told of nodes that were to be reached; trace {:016x}",
            self.us as f64 / 1e6,
            self.suspicions,
            self.false_deaths,
            self.trace
        );
        text
    }

    /// The samples as comma-separated values, with a line of names before them.
    pub fn csv(&self) -> String {
        let mut text = String::from(
            "second,running,least_believed,mean_believed,most_believed,false_deaths,suspicions,bytes_per_node\n",
        );
        for sample in &self.samples {
            let Sample { running, least, mean, most, false_deaths, suspicions, bytes, .. } = sample;
            let second = sample.at_us as f64 / 1e6;
            let _ = writeln!(
                text,
                "{second:.2},{running},{least},{mean:.3},{most},{false_deaths},{suspicions},{bytes:.1}"
            );
        }
        text
    }

    /// The samples as a picture: who is believed to take part, and what is sent; with what happened.
    pub fn svg(&self) -> String {
        let line = |name: &str, of: fn(&Sample) -> f64| Line {
            name: name.into(),
            points: self.samples.iter().map(|s| (s.at_us as f64 / 1e6, of(s))).collect(),
        };
        let believed = vec![
            line("nodes that run", |s| s.running as f64),
            line("believed: most", |s| s.most as f64),
            line("believed: mean", |s| s.mean),
            line("believed: least", |s| s.least as f64),
        ];
        let told = vec![
            line("suspicions told, of nodes in reach", |s| s.suspicions as f64),
            line("deaths told, of nodes in reach", |s| s.false_deaths as f64),
        ];
        let sent = vec![line("bytes a node and second", |s| s.bytes)];
        let title = format!("{} nodes, seed {}: who takes part", self.nodes, self.seed);
        let chart = |title, y, lines, marks| Chart {
            title,
            x: "seconds",
            y,
            lines,
            marks,
            scale: Scale::Linear,
        };
        stack(&[
            chart(&title, "nodes", &believed, &self.marks),
            chart("Told each second", "times", &told, &[]),
            chart("Sent", "bytes", &sent, &[]),
        ])
    }
}
