//! What a member counts and measures, and its text for those who watch.
//!
//! What there is to measure stands in a table that is made when the program is compiled ([`Metric`]). All values lie in
//! one piece of memory ([`Metrics`]); to record one is an index and an addition, on integers alone. A snapshot is a copy
//! of the words ([`Values`]), and either becomes text as OpenMetrics 1.0 has it, which Prometheus and others read:
//! `host::MetricsServer` gives it to them.
//!
//! ```
//! use neural_swarm::node::metrics::{Buckets, Counter, Histogram, Metric, Metrics, Unit};
//! use neural_swarm::port::Heap;
//!
//! const TABLE: &[Metric] = &[
//!     Metric::counter("nsw_datagrams", "Datagrams by what became of them.")
//!         .label("fate", &["taken", "refused"]),
//!     Metric::histogram("nsw_answer_seconds", "How long answers took.", Buckets::LATENCY)
//!         .unit(Unit::Microseconds),
//! ];
//! const REFUSED: Counter = Counter::of(TABLE, 0, 1).unwrap();
//! const ANSWER: Histogram = Histogram::of(TABLE, 1, 0).unwrap();
//!
//! let mut metrics = Metrics::new(TABLE, Heap)?;
//! metrics.add(REFUSED, 1);
//! metrics.record(ANSWER, 1500);
//! let mut text = vec![0; metrics.values().open_metrics_len()];
//! metrics.values().open_metrics(&mut text)?;
//! # let text = String::from_utf8(text).unwrap();
//! assert!(text.contains("nsw_datagrams_total{fate=\"refused\"} 1\n"));
//! assert!(text.contains("nsw_answer_seconds_sum 0.0015\n"));
//! # Ok::<(), neural_swarm::Error>(())
//! ```

mod buckets;
mod describe;
mod text;

use core::alloc::Layout;

use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

pub use self::buckets::{Buckets, MOST_OCTAVES};
pub use self::describe::{
    Counter, Gauge, Histogram, Kind, Label, MOST_METRICS, MOST_SERIES, Metric, Unit,
};
pub use self::text::CONTENT_TYPE;

/// The values of a table of metrics.
///
/// The places that are recorded at ([`Counter`], [`Gauge`], [`Histogram`]) are those of the same table. One of another
/// table counts something else, or, if there is no such place, [`strays`](Self::strays).
pub struct Metrics<'m> {
    table: &'static [Metric],
    words: Carved<'m, u64>,
    strays: u64,
    _piece: Piece<'m>,
}

fn carve<'m>(table: &[Metric], carver: &mut Carver<'m>) -> Result<Carved<'m, u64>> {
    carver.take(describe::words(table)?, 0)
}

impl<'m> Metrics<'m> {
    /// The memory that the values of a table take: 8 bytes for each counter and gauge, and for each bucket of each
    /// histogram and 8 more.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a table with something that is not as [`Metric`], [`Label`], [`Unit`] and [`Buckets`]
    /// have it, with two metrics of one name, or with more than [`MOST_METRICS`]. [`Error::Overflow`].
    pub fn footprint(table: &[Metric]) -> Result<Layout> {
        Carver::layout_of(|carver| carve(table, carver))
    }

    /// All zero.
    ///
    /// # Errors
    /// Those of [`footprint`](Self::footprint) and of the allocator.
    pub fn new(table: &'static [Metric], memory: impl Allocator<'m>) -> Result<Metrics<'m>> {
        let layout = Metrics::footprint(table)?;
        let mut piece = memory.allocate(layout)?;
        let words = carve(table, &mut piece.carver(layout)?)?;
        Ok(Metrics { table, words, strays: 0, _piece: piece })
    }

    /// Changes a word, if there is one.
    #[inline]
    fn at(&mut self, place: usize, change: impl FnOnce(u64) -> u64) {
        match self.words.get_mut(place) {
            Some(word) => *word = change(*word),
            None => self.strays = self.strays.saturating_add(1),
        }
    }

    /// So many more.
    #[inline]
    pub fn add(&mut self, counter: Counter, more: u64) {
        self.at(counter.0 as usize, |total| total.wrapping_add(more));
    }

    /// What somebody else has counted in all, and has not become less.
    #[inline]
    pub fn set_total(&mut self, counter: Counter, total: u64) {
        self.at(counter.0 as usize, |_| total);
    }

    /// What is now, in the metric's unit: microseconds for [`Unit::Microseconds`].
    #[inline]
    pub fn set(&mut self, gauge: Gauge, now: i64) {
        self.at(gauge.0 as usize, |_| now.cast_unsigned());
    }

    /// So much more, or less.
    #[inline]
    pub fn change(&mut self, gauge: Gauge, by: i64) {
        self.at(gauge.0 as usize, |now| now.wrapping_add(by.cast_unsigned()));
    }

    /// A value has come, in the metric's unit: microseconds for [`Unit::Microseconds`].
    #[inline]
    pub fn record(&mut self, histogram: Histogram, value: u64) {
        let (place, buckets) = (histogram.place as usize, histogram.buckets);
        self.at(place + buckets.of(value), |count| count.wrapping_add(1));
        // Behind the buckets.
        self.at(place + buckets.count(), |sum| sum.saturating_add(value));
    }

    /// What was recorded at places that there are not: those of a larger table.
    pub fn strays(&self) -> u64 {
        self.strays
    }

    /// All zero again.
    pub fn clear(&mut self) {
        self.words.fill(0);
        self.strays = 0;
    }

    /// The values now, to be read, copied or written as text.
    pub fn values(&self) -> Values<'_> {
        Values { table: self.table, words: &self.words }
    }
}

/// The values of a table of metrics at some time: those of [`Metrics`] in place, or a copy.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    table: &'static [Metric],
    words: &'a [u64],
}

impl<'a> Values<'a> {
    /// Those that [`words`](Self::words) of the same table gave.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a table that is none, [`Error::Length`] if there are more words or fewer than it has.
    pub fn of(table: &'static [Metric], words: &'a [u64]) -> Result<Values<'a>> {
        if describe::words(table)? != words.len() {
            return Err(Error::Length);
        }
        Ok(Values { table, words })
    }

    /// The table.
    pub fn table(&self) -> &'static [Metric] {
        self.table
    }

    /// All values, in the order of the table, and of the values of a label there: one word a counter, one a gauge (two's
    /// complement), and for a histogram how many came to each bucket, then their sum. A copy of them is a snapshot.
    pub fn words(&self) -> &'a [u64] {
        self.words
    }

    /// A counter; 0 for one of a larger table.
    pub fn counter(&self, counter: Counter) -> u64 {
        self.words.get(counter.0 as usize).copied().unwrap_or(0)
    }

    /// A gauge; 0 for one of a larger table.
    pub fn gauge(&self, gauge: Gauge) -> i64 {
        self.words.get(gauge.0 as usize).map_or(0, |word| word.cast_signed())
    }

    /// How many values came to each bucket of a histogram, and their sum, which stays at `u64::MAX` if it comes to
    /// more.
    pub fn histogram(&self, histogram: Histogram) -> (&'a [u64], u64) {
        let place = histogram.place as usize;
        let words = self.words.get(place..=place + histogram.buckets.count());
        words.and_then(|words| words.split_last()).map_or((&[], 0), |(sum, counts)| (counts, *sum))
    }

    /// What at least so many thousandths of the values of a histogram are not above: the upper bound of a bucket. It is
    /// less than 1.5 times such a value, unless that is in the first bucket. `None` if nothing came, and if it is above
    /// all bounds. More than 1000 is 1000.
    pub fn quantile(&self, histogram: Histogram, thousandths: u32) -> Option<u64> {
        let (counts, _) = self.histogram(histogram);
        let all = counts.iter().fold(0u64, |sum, count| sum.saturating_add(*count));
        let part = u64::from(thousandths.min(1000));
        // As many as that of all, rounded up, and the first value at least.
        let wanted = (all / 1000 * part + (all % 1000 * part).div_ceil(1000)).max(1);
        let mut seen = 0u64;
        let bucket = counts.iter().position(|count| {
            seen = seen.saturating_add(*count);
            seen >= wanted
        })?;
        histogram.buckets.bound(bucket)
    }
}
