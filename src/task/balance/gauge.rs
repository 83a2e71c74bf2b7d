//! What a worker measures of itself, to answer dispatchers that ask.

use core::alloc::Layout;

use super::config::{Answer, MAX_REQUESTS};
use super::table::Table;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

/// Latencies whose median is told.
const NEAREST: usize = 9;
/// Most latencies that are remembered.
const MOST_HISTORY: u32 = 1 << 12;
/// What is left at least of a request that goes on, as a part of what it was expected to be.
const FLOOR: f64 = 0.1;
/// How long the speed of the configuration counts as measured, in seconds.
const BELIEF: f64 = 0.5;

/// What a worker's gauge is made for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaugeConfig {
    /// Most requests at once, 1 to 2^20.
    pub requests: u32,
    /// Latencies that are remembered, 1 to 4,096.
    pub history: u32,
    /// In how much busy time the measure of speed forgets all but 37%, in microseconds, above 0.
    pub memory_us: u64,
    /// The work that it does in a second, before it is known, above 0.
    pub speed: f32,
}

impl Default for GaugeConfig {
    fn default() -> Self {
        GaugeConfig { requests: 64, history: 64, memory_us: 2_000_000, speed: 1.0 }
    }
}

#[derive(Clone, Copy)]
struct Held {
    /// As the dispatcher expects it.
    work: f64,
    /// What was done of it, as far as was told.
    progress: f64,
    arrived: u64,
    /// How many there were when it came.
    beside: u32,
}

impl Held {
    fn left(&self) -> f64 {
        (self.work - self.progress).max(FLOOR * self.work)
    }
}

/// How many requests were beside one when it came, and what it took in microseconds.
type Latency = (u32, f32);

/// Counts a worker's requests, their expected work and their latencies, and measures its speed.
///
/// Speed is the work that was done, by what [`progressed`](Self::progressed) and
/// [`finished`](Self::finished) say, in the time that there was something to do: so interference and a slow
/// processor show in it alike. Latency is told as Prequal's servers do: the median of late
/// ones among requests that came when about as many were there. A time before the latest that was told is
/// taken as that.
pub struct Gauge<'m> {
    config: GaugeConfig,
    held: Table<'m, Held>,
    history: Carved<'m, Latency>,
    next: usize,
    known: usize,
    /// Expected work that is left, in sum.
    left: f64,
    /// Work that was done and seconds that it took, both forgotten alike.
    done: f64,
    busy: f64,
    at: u64,
    _piece: Piece<'m>,
}

impl<'m> Gauge<'m> {
    fn carve(
        config: &GaugeConfig,
        carver: &mut Carver<'m>,
    ) -> Result<(Table<'m, Held>, Carved<'m, Latency>)> {
        let none = Held { work: 0.0, progress: 0.0, arrived: 0, beside: 0 };
        let held = Table::carve(carver, config.requests as usize, none)?;
        Ok((held, carver.take(config.history as usize, (0, 0.0))?))
    }

    /// Size and alignment of the memory that a gauge takes.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration outside its ranges.
    pub fn footprint(config: &GaugeConfig) -> Result<Layout> {
        let good = (1..=MAX_REQUESTS).contains(&config.requests)
            && (1..=MOST_HISTORY).contains(&config.history)
            && config.memory_us > 0
            && config.speed > 0.0
            && config.speed.is_finite();
        if !good {
            return Err(Error::Invalid);
        }
        Carver::layout_of(|carver| Gauge::carve(config, carver))
    }

    /// A gauge of a worker that has nothing to do.
    ///
    /// # Errors
    /// Those of [`footprint`](Self::footprint) and of the allocator.
    pub fn new(config: &GaugeConfig, allocator: impl Allocator<'m>) -> Result<Gauge<'m>> {
        let layout = Gauge::footprint(config)?;
        Gauge::in_piece(config, allocator.allocate(layout)?)
    }

    pub(crate) fn in_piece(config: &GaugeConfig, mut piece: Piece<'m>) -> Result<Gauge<'m>> {
        let layout = Gauge::footprint(config)?;
        let (held, history) = Gauge::carve(config, &mut piece.carver(layout)?)?;
        Ok(Gauge {
            config: *config,
            held,
            history,
            next: 0,
            known: 0,
            left: 0.0,
            done: 0.0,
            busy: 0.0,
            at: 0,
            _piece: piece,
        })
    }

    /// Requests that are here.
    pub fn in_flight(&self) -> u32 {
        self.held.len() as u32
    }

    /// Time goes on, while there is something to do or not.
    fn advance(&mut self, now: u64) {
        let past = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        if self.held.len() > 0 && past > 0 {
            let keep = libm::exp(-(past as f64 / self.config.memory_us as f64));
            self.done *= keep;
            self.busy = self.busy * keep + past as f64 * 1e-6;
        }
    }

    /// A request has come that a dispatcher expects to be so much work.
    ///
    /// # Errors
    /// [`Error::Invalid`] for work that is below 0 or not finite, [`Error::TaskState`] for a request that is
    /// here, [`Error::Capacity`] when `requests` are. Nothing was changed.
    pub fn arrived(&mut self, request: u64, work: f32, now_us: u64) -> Result<()> {
        if !(work >= 0.0 && work.is_finite()) {
            return Err(Error::Invalid);
        }
        self.advance(now_us);
        let beside = self.in_flight();
        let held = Held { work: work.into(), progress: 0.0, arrived: self.at, beside };
        self.held.insert(request, held)?;
        self.left += held.left();
        Ok(())
    }

    /// So much of a request is done by now, of work as it is measured when it is finished. Optional:
    /// where it is told, speed and what is left are known sooner.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] for a request that is not here, [`Error::Invalid`] for progress that is not
    /// finite. What is less than was told before changes nothing.
    pub fn progressed(&mut self, request: u64, done: f32, now_us: u64) -> Result<()> {
        if !done.is_finite() {
            return Err(Error::Invalid);
        }
        let place = self.held.find(request).ok_or(Error::TaskUnknown)?;
        self.advance(now_us);
        let held = self.held.get_mut(place);
        let (before, more) = (held.left(), f64::from(done) - held.progress);
        if more > 0.0 {
            held.progress += more;
            self.left += held.left() - before;
            self.done += more;
        }
        Ok(())
    }

    /// A request is finished, and was so much work; 0 where that is not known: then it was what was expected.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] for a request that is not here, [`Error::Invalid`] for work that is below 0 or not
    /// finite. Nothing was changed.
    pub fn finished(&mut self, request: u64, work: f32, now_us: u64) -> Result<()> {
        if !(work >= 0.0 && work.is_finite()) {
            return Err(Error::Invalid);
        }
        let held = self.end(request, now_us)?;
        let was = if work > 0.0 { work.into() } else { held.work };
        self.done += (was - held.progress).max(0.0);
        let latency = self.at.saturating_sub(held.arrived) as f32;
        self.history[self.next] = (held.beside, latency);
        self.next = (self.next + 1) % self.history.len();
        self.known = (self.known + 1).min(self.history.len());
        Ok(())
    }

    /// A request is gone without a result.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] for a request that is not here.
    pub fn dropped(&mut self, request: u64, now_us: u64) -> Result<()> {
        self.end(request, now_us).map(|_| ())
    }

    fn end(&mut self, request: u64, now: u64) -> Result<Held> {
        if self.held.find(request).is_none() {
            return Err(Error::TaskUnknown);
        }
        self.advance(now);
        let place = self.held.remove(request).ok_or(Error::TaskUnknown)?;
        let held = *self.held.get(place);
        self.left = if self.held.len() == 0 { 0.0 } else { (self.left - held.left()).max(0.0) };
        Ok(held)
    }

    /// What is to be told to a dispatcher that asks.
    pub fn answer(&mut self, now_us: u64) -> Answer {
        self.advance(now_us);
        let usual = f64::from(self.config.speed);
        let speed = (self.done + BELIEF * usual) / (self.busy + BELIEF);
        // Sums may be larger than their parts, or below 0 by rounding.
        let number = |x: f64| x.clamp(0.0, f32::MAX.into()) as f32;
        Answer {
            in_flight: self.in_flight(),
            latency_us: self.latency(),
            work: number(self.left),
            speed: number(speed),
        }
    }

    /// The median of the latencies of requests that came when about as many were here.
    fn latency(&self) -> f32 {
        let now = self.in_flight();
        let mut nearest = [(u32::MAX, 0.0f32); NEAREST];
        let mut len = 0;
        // Newest first: among equally near ones those count.
        for back in 1..=self.known {
            let index = (self.next + self.history.len() - back) % self.history.len();
            let (beside, latency) = self.history[index];
            let far = beside.abs_diff(now);
            let at = nearest[..len].partition_point(|(other, _)| *other <= far);
            if at < NEAREST {
                len = (len + 1).min(NEAREST);
                nearest[at..len].rotate_right(1);
                nearest[at] = (far, latency);
            }
        }
        let nearest = &mut nearest[..len];
        nearest.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
        nearest.get(len / 2).map_or(0.0, |(_, latency)| *latency)
    }
}
