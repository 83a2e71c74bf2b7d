//! What is measured: a table, made when the program is compiled.

use super::buckets::Buckets;
use crate::error::{Error, Result};

/// The most metrics of a table.
pub const MOST_METRICS: usize = 1024;
/// The most values of a label.
pub const MOST_SERIES: usize = 1024;

/// What a metric is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    None,
    /// Time: recorded in microseconds, and told in seconds, which is what Prometheus wants. The name ends in
    /// `_seconds`.
    Microseconds,
    /// The name ends in `_bytes`.
    Bytes,
    /// Something else, by its name (letters, digits, `_`), with which the metric's name ends behind a `_`.
    Named(&'static str),
}

impl Unit {
    /// As the text has it; empty for none.
    pub const fn name(&self) -> &'static str {
        match self {
            Unit::None => "",
            Unit::Microseconds => "seconds",
            Unit::Bytes => "bytes",
            Unit::Named(name) => name,
        }
    }

    /// How many of the digits that are recorded are behind the point.
    pub(super) const fn decimals(&self) -> usize {
        if matches!(self, Unit::Microseconds) { 6 } else { 0 }
    }
}

/// What kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A total that never goes down while the program runs.
    Counter,
    /// What is now: up and down.
    Gauge,
    /// How often which values came.
    Histogram(Buckets),
}

impl Kind {
    /// Words of one series.
    pub(super) const fn width(&self) -> usize {
        match self {
            Kind::Counter | Kind::Gauge => 1,
            // And the sum.
            Kind::Histogram(buckets) => buckets.count() + 1,
        }
    }
}

/// What tells the series of a metric apart: one label, with all the values that it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// A letter or `_`, then letters, digits and `_`; not beginning with `__`. Not `le`.
    pub name: &'static str,
    /// Any text without NUL, which Prometheus refuses; no two are the same. 1 to [`MOST_SERIES`].
    pub values: &'static [&'static str],
}

/// A metric: a line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// A letter or `_`, then letters, digits and `_`. It ends in the unit, if there is one. Not in what is added to it
    /// or is kept for other kinds: `_total`, `_bucket`, `_count`, `_sum`, `_created`, `_info`, `_gcount`, `_gsum`.
    pub name: &'static str,
    /// What it says, for people: any text without NUL.
    pub help: &'static str,
    /// What it is measured in.
    pub unit: Unit,
    /// What kind of number it is.
    pub kind: Kind,
    /// What tells its series apart; `None` for a single one.
    pub label: Option<Label>,
}

impl Metric {
    /// A counter of things, with one series. It is told as `name_total`.
    pub const fn counter(name: &'static str, help: &'static str) -> Metric {
        Metric { name, help, unit: Unit::None, kind: Kind::Counter, label: None }
    }

    /// A gauge of things, with one series.
    pub const fn gauge(name: &'static str, help: &'static str) -> Metric {
        Metric { name, help, unit: Unit::None, kind: Kind::Gauge, label: None }
    }

    /// A histogram of things, with one series.
    pub const fn histogram(name: &'static str, help: &'static str, buckets: Buckets) -> Metric {
        Metric { name, help, unit: Unit::None, kind: Kind::Histogram(buckets), label: None }
    }

    /// The same in a unit.
    pub const fn unit(self, unit: Unit) -> Metric {
        Metric { unit, ..self }
    }

    /// The same with one series for each value of a label.
    pub const fn label(self, name: &'static str, values: &'static [&'static str]) -> Metric {
        Metric { label: Some(Label { name, values }), ..self }
    }

    /// How many series it has.
    pub const fn series(&self) -> usize {
        match self.label {
            None => 1,
            Some(label) => label.values.len(),
        }
    }

    /// Words of all its series.
    const fn words(&self) -> usize {
        self.series().saturating_mul(self.kind.width())
    }

    fn check(&self) -> bool {
        let unit = self.unit.name();
        let named = match self.unit {
            Unit::None => true,
            _ => {
                let rest = self.name.strip_suffix(unit);
                is_name(unit) && rest.is_some_and(|rest| rest.len() > 1 && rest.ends_with('_'))
            }
        };
        let label = self.label.is_none_or(|label| {
            let values = label.values;
            let mut rest = values;
            let mut distinct = true;
            while let [first, others @ ..] = rest {
                distinct &= !others.contains(first) && !first.contains('\0');
                rest = others;
            }
            is_name(label.name)
                && !label.name.starts_with("__")
                && label.name != "le"
                && (1..=MOST_SERIES).contains(&values.len())
                && distinct
        });
        let buckets = match self.kind {
            Kind::Histogram(buckets) => buckets.good(),
            _ => true,
        };
        let kept = RESERVED.iter().any(|end| self.name.ends_with(end));
        is_name(self.name) && !kept && named && label && buckets && !self.help.contains('\0')
    }
}

/// Ends of names that mean something in the text.
const RESERVED: [&str; 8] =
    ["_total", "_bucket", "_count", "_sum", "_created", "_info", "_gcount", "_gsum"];

fn is_name(text: &str) -> bool {
    let rest = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    text.bytes().next().is_some_and(|c| c.is_ascii_alphabetic() || c == b'_')
        && text.bytes().all(rest)
}

/// How many words the values of a table take. [`Error::Invalid`] if a name, a label, a unit or buckets are not as they
/// should be, or two metrics have one name; more than [`MOST_METRICS`], too.
pub(super) fn words(table: &[Metric]) -> Result<usize> {
    if table.len() > MOST_METRICS {
        return Err(Error::Invalid);
    }
    let mut sum = 0usize;
    let mut rest = table;
    while let Some((metric, others)) = rest.split_first() {
        if !metric.check() || others.iter().any(|other| other.name == metric.name) {
            return Err(Error::Invalid);
        }
        sum = sum.saturating_add(metric.words());
        rest = others;
    }
    Ok(sum)
}

/// Where a counter lies among the values of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter(pub(super) u32);

/// Where a gauge lies among the values of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauge(pub(super) u32);

/// Where a histogram lies among the values of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram {
    pub(super) place: u32,
    pub(super) buckets: Buckets,
}

/// Where a series begins, and of what kind it is.
const fn find(mut table: &[Metric], metric: usize, series: usize) -> Option<(u32, Kind)> {
    let (mut place, mut left) = (0usize, metric);
    while let [first, rest @ ..] = table {
        if left == 0 {
            let place = place.saturating_add(series.saturating_mul(first.kind.width()));
            // Tables are not that long: they would be refused.
            return if series < first.series() && place < u32::MAX as usize {
                Some((place as u32, first.kind))
            } else {
                None
            };
        }
        place = place.saturating_add(first.words());
        left -= 1;
        table = rest;
    }
    None
}

impl Counter {
    /// A counter of a table: by the number of its metric there, and by that of the label's value (0 where there is no
    /// label). `None` if there is none, or it is of another kind. To be found when the program is compiled.
    pub const fn of(table: &[Metric], metric: usize, series: usize) -> Option<Counter> {
        match find(table, metric, series) {
            Some((place, Kind::Counter)) => Some(Counter(place)),
            _ => None,
        }
    }
}

impl Gauge {
    /// A gauge of a table, as [`Counter::of`].
    pub const fn of(table: &[Metric], metric: usize, series: usize) -> Option<Gauge> {
        match find(table, metric, series) {
            Some((place, Kind::Gauge)) => Some(Gauge(place)),
            _ => None,
        }
    }
}

impl Histogram {
    /// A histogram of a table, as [`Counter::of`].
    pub const fn of(table: &[Metric], metric: usize, series: usize) -> Option<Histogram> {
        match find(table, metric, series) {
            Some((place, Kind::Histogram(buckets))) => Some(Histogram { place, buckets }),
            _ => None,
        }
    }
}
