//! The values as text: OpenMetrics 1.0, "A standard for transmitting cloud-native metrics at scale" (and OpenMetrics is
//! what became of Prometheus' text format).
//!
//! Without `core::fmt`, which would be larger than all the rest on a microcontroller.

use super::describe::{Kind, Metric};
use super::{Buckets, Values};
use crate::error::{Error, Result};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Decimal digits of any `u64`.
const DIGITS: usize = 20;

/// Takes text as far as there is room, and measures all of it.
struct Out<'a> {
    room: &'a mut [u8],
    len: usize,
}

impl Out<'_> {
    fn put(&mut self, text: &[u8]) {
        let end = self.len.saturating_add(text.len());
        if let Some(room) = self.room.get_mut(self.len..end) {
            room.copy_from_slice(text);
        }
        self.len = end;
    }

    fn line(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.put(part.as_bytes()));
    }

    /// Text between quotes, or of a line: backslashes, quotes and ends of lines are escaped.
    fn escaped(&mut self, text: &str) {
        for piece in text.as_bytes().split_inclusive(|c| matches!(c, b'\\' | b'"' | b'\n')) {
            let (escape, plain): (&[u8], _) = match piece.split_last() {
                Some((b'\n', plain)) => (b"\\n", plain),
                Some((b'"', plain)) => (b"\\\"", plain),
                Some((b'\\', plain)) => (b"\\\\", plain),
                _ => (b"", piece),
            };
            self.put(plain);
            self.put(escape);
        }
    }

    /// A number with so many of its digits behind the point; without those at the end that are 0.
    fn number(&mut self, value: u64, decimals: usize) {
        let number = Digits::of(value, decimals + 1);
        let (whole, part) = number.split(decimals);
        self.put(whole);
        let part = without_zeros(part);
        if !part.is_empty() {
            self.put(b".");
            self.put(part);
        }
    }

    fn signed(&mut self, value: i64, decimals: usize) {
        if value < 0 {
            self.put(b"-");
        }
        self.number(value.unsigned_abs(), decimals);
    }

    /// The bound of a bucket, which is a float whatever it measures, as OpenMetrics wants it ("Considerations:
    /// Canonical Numbers"): what `%g` of Go makes of it, with `.0` if it would look like an integer.
    fn bound(&mut self, value: u64, decimals: usize) {
        let number = Digits::of(value, 1);
        let digits = without_zeros(number.all());
        // The first digit stands for so many powers of ten.
        let power = number.all().len() as i32 - 1 - decimals as i32;
        if !(-4..6).contains(&power) {
            let (first, rest) = digits.split_at_checked(1).unwrap_or((b"0", b""));
            self.put(first);
            if !rest.is_empty() {
                self.put(b".");
                self.put(rest);
            }
            self.put(if power < 0 { b"e-" } else { b"e+" });
            self.put(Digits::of(power.unsigned_abs().into(), 2).all());
            return;
        }
        self.number(value, decimals);
        let whole = Digits::of(value, decimals + 1);
        if without_zeros(whole.split(decimals).1).is_empty() {
            self.put(b".0");
        }
    }
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let kept = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    digits.get(..kept).unwrap_or(digits)
}

/// A number in decimal, at the end of its room.
struct Digits {
    room: [u8; DIGITS],
    from: usize,
}

impl Digits {
    /// With zeros in front, if it has less than `least` digits otherwise.
    fn of(mut value: u64, least: usize) -> Digits {
        let (mut room, mut from) = ([b'0'; DIGITS], DIGITS);
        for place in room.iter_mut().rev() {
            if value == 0 && DIGITS - from >= least {
                break;
            }
            *place = b'0' + (value % 10) as u8;
            value /= 10;
            from -= 1;
        }
        Digits { room, from }
    }

    fn all(&self) -> &[u8] {
        self.room.get(self.from..).unwrap_or(&[])
    }

    /// Those before the point, and those behind it.
    fn split(&self, decimals: usize) -> (&[u8], &[u8]) {
        let all = self.all();
        all.split_at_checked(all.len().saturating_sub(decimals)).unwrap_or((all, &[]))
    }
}

impl Values<'_> {
    /// How many bytes [`open_metrics`](Self::open_metrics) writes.
    pub fn open_metrics_len(&self) -> usize {
        self.write(&mut [])
    }

    /// Writes all values as OpenMetrics text (its media type is [`CONTENT_TYPE`]) and returns how many bytes that are.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`]: [`open_metrics_len`](Self::open_metrics_len) is needed, and what is in `out` now is of
    /// no use.
    pub fn open_metrics(&self, out: &mut [u8]) -> Result<usize> {
        let len = self.write(out);
        if len > out.len() { Err(Error::BufferTooSmall) } else { Ok(len) }
    }

    fn write(&self, room: &mut [u8]) -> usize {
        let mut out = Out { room, len: 0 };
        let mut words = self.words;
        for metric in self.table {
            let (kind, unit) = (metric.kind, metric.unit.name());
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram(_) => "histogram",
            };
            out.line(&["# TYPE ", metric.name, " ", kind, "\n"]);
            if !unit.is_empty() {
                out.line(&["# UNIT ", metric.name, " ", unit, "\n"]);
            }
            out.line(&["# HELP ", metric.name, " "]);
            out.escaped(metric.help);
            out.put(b"\n");
            for series in 0..metric.series() {
                // As many as the table has: that was checked.
                let Some((own, rest)) = words.split_at_checked(metric.kind.width()) else { break };
                words = rest;
                series_text(&mut out, metric, series, own);
            }
        }
        out.put(b"# EOF\n");
        out.len
    }
}

fn series_text(out: &mut Out<'_>, metric: &Metric, series: usize, words: &[u64]) {
    let decimals = metric.unit.decimals();
    match (metric.kind, words) {
        (Kind::Counter, [total]) => {
            head(out, metric, series, "_total", None);
            out.number(*total, decimals);
        }
        (Kind::Gauge, [now]) => {
            head(out, metric, series, "", None);
            out.signed(now.cast_signed(), decimals);
        }
        (Kind::Histogram(buckets), [counts @ .., sum]) => {
            let mut below = 0u64;
            for (bucket, count) in counts.iter().enumerate() {
                below = below.saturating_add(*count);
                head(out, metric, series, "_bucket", Some((buckets, bucket)));
                out.number(below, 0);
                out.put(b"\n");
            }
            head(out, metric, series, "_count", None);
            out.number(below, 0);
            out.put(b"\n");
            head(out, metric, series, "_sum", None);
            out.number(*sum, decimals);
        }
        // There are no others.
        _ => return,
    }
    out.put(b"\n");
}

/// Name and labels of a sample, and the space behind.
fn head(
    out: &mut Out<'_>,
    metric: &Metric,
    series: usize,
    end: &str,
    bucket: Option<(Buckets, usize)>,
) {
    out.line(&[metric.name, end]);
    let label = metric.label.and_then(|label| Some((label.name, *label.values.get(series)?)));
    if let Some((name, value)) = label {
        out.line(&["{", name, "=\""]);
        out.escaped(value);
        out.put(b"\"");
    }
    if let Some((buckets, bucket)) = bucket {
        out.put(if label.is_some() { b",le=\"" } else { b"{le=\"" });
        match buckets.bound(bucket) {
            Some(bound) => out.bound(bound, metric.unit.decimals()),
            None => out.put(b"+Inf"),
        }
        out.put(b"\"}");
    } else if label.is_some() {
        out.put(b"}");
    }
    out.put(b" ");
}
