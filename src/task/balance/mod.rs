//! Balancing: which worker gets a request, and how many workers there should be.
//!
//! A [`Balancer`] is one dispatcher's state. It knows what it sent, what came back, and what workers said
//! when they were asked; it does no input or output. For each request:
//!
//! ```text
//! prepare(now)                      a request has come: so many workers may be asked
//! next_probe(now) -> worker ...     ask it (until None); its answer goes to probed(worker, answer, now)
//! (where waits() says so: wait for the answers, at most fresh_us)
//! pick(features, now) -> worker     the choice
//! sent(request, worker, ...)        it is on its way
//! done(request, work, now)          it came back; or failed(request, now)
//! ```
//!
//! Times are of one clock; one that lies before the latest that was told is taken as that.
//!
//! A worker keeps a [`Gauge`], which measures what it answers. [`Policy`] has the choices; all of them stand
//! behind the same calls. [`Autoscaler`] says how many workers there should be.
//!
//! **What is predicted.** [`Policy::PredictedWork`] learns a request's work from its features by ridge
//! regression or by a small network ([`Learner`]), and sends it, with that number, to the worker that would be done with it first. Of a worker that
//! has `n` requests with work `r` left in sum and does `s` in a second, a request of `x` is done after
//! `(x + min(r, n * x)) / s`: what shares the worker with it delays it by no more than `x` each
//! (processor sharing), and by no more than there is left in all (first come, first served). The unit of work is
//! the caller's, as long as the workers' gauges have the same.

mod config;
mod forecast;
mod gauge;
mod policy;
mod pool;
mod predictor;
mod ridge;
mod scale;
mod table;
mod worker;

use core::alloc::Layout;

use self::pool::Pool;
use self::predictor::Predictor;
use self::table::Table;
use self::worker::Worker;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::nn::Random;
use crate::port::Allocator;

pub use self::config::{
    Answer, BalancerConfig, Done, MAX_POOL, MAX_REQUESTS, MAX_WORKERS, Pick, Policy, Power,
    PowerConfig, PrequalConfig,
};
pub use self::forecast::{Forecast, MAX_LAGS};
pub use self::gauge::{Gauge, GaugeConfig};
pub use self::predictor::Learner;
pub use self::ridge::{MAX_FEATURES, RidgeConfig, log_hats};
pub use self::scale::{Autoscaler, MAX_WINDOW, ScaleConfig, Scaled};

/// A request that is in flight.
#[derive(Clone, Copy)]
struct Flight {
    worker: u32,
    /// What it was expected to be.
    work: f32,
    /// How many shared the worker when it was sent, itself included.
    sharing: f32,
    sent: u64,
}

/// A dispatcher.
pub struct Balancer<'m> {
    config: BalancerConfig,
    workers: Carved<'m, Worker>,
    /// All workers in some order: those that are drawn for a request come from it without repetition.
    order: Carved<'m, u32>,
    /// How many of them were drawn for this request.
    drawn: usize,
    /// Probes that may still be asked.
    budget: u32,
    next: usize,
    flights: Table<'m, Flight>,
    /// A row for each place of `flights`.
    features: Carved<'m, f32>,
    predictor: Predictor<'m>,
    pool: Pool<'m>,
    random: Random,
    last_probe: u64,
    /// The latest time that was told.
    now: u64,
    _piece: Piece<'m>,
}

struct Parts<'m> {
    workers: Carved<'m, Worker>,
    order: Carved<'m, u32>,
    flights: Table<'m, Flight>,
    features: Carved<'m, f32>,
    predictor: Predictor<'m>,
    pool: Pool<'m>,
}

fn carve<'m>(config: &BalancerConfig, carver: &mut Carver<'m>) -> Result<Parts<'m>> {
    let requests = config.requests as usize;
    let none = Flight { worker: 0, work: 0.0, sharing: 1.0, sent: 0 };
    Ok(Parts {
        workers: carver.take(config.workers as usize, Worker::NEW)?,
        order: carver.take(config.workers as usize, 0)?,
        flights: Table::carve(carver, requests, none)?,
        features: carver.take(requests * config.features as usize, 0.0)?,
        predictor: Predictor::carve(carver, config)?,
        pool: Pool::carve(carver, &config.prequal)?,
    })
}

impl<'m> Balancer<'m> {
    /// Size and alignment of the memory that a dispatcher takes.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration outside its ranges, [`Error::Overflow`] for one that no memory
    /// could hold.
    pub fn footprint(config: &BalancerConfig) -> Result<Layout> {
        config.check()?;
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// A dispatcher with nothing in flight; all workers are available.
    ///
    /// # Errors
    /// Those of [`footprint`](Self::footprint) and of the allocator.
    pub fn new(config: &BalancerConfig, allocator: impl Allocator<'m>) -> Result<Balancer<'m>> {
        let layout = Balancer::footprint(config)?;
        Balancer::in_piece(config, allocator.allocate(layout)?)
    }

    pub(crate) fn in_piece(config: &BalancerConfig, mut piece: Piece<'m>) -> Result<Balancer<'m>> {
        let layout = Balancer::footprint(config)?;
        let mut parts = carve(config, &mut piece.carver(layout)?)?;
        for (number, place) in parts.order.iter_mut().enumerate() {
            *place = number as u32;
        }
        let mut random = Random::new(config.seed);
        // Dispatchers that begin at once are not to begin at the same worker.
        let next = random.below(config.workers as usize);
        Ok(Balancer {
            config: *config,
            workers: parts.workers,
            order: parts.order,
            drawn: 0,
            budget: 0,
            next,
            flights: parts.flights,
            features: parts.features,
            predictor: parts.predictor,
            pool: parts.pool,
            random,
            last_probe: 0,
            now: 0,
            _piece: piece,
        })
    }

    /// What it was made for.
    pub fn config(&self) -> &BalancerConfig {
        &self.config
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> u32 {
        self.flights.len() as u32
    }

    /// Whether the answers to probes are to be waited for before a pick.
    pub fn waits(&self) -> bool {
        self.config.probes > 0
            && self.config.policy.probes()
            && self.config.policy != Policy::Prequal
    }

    /// Time goes on, never back.
    fn tick(&mut self, now_us: u64) -> u64 {
        self.now = self.now.max(now_us);
        self.now
    }

    fn worker(&self, worker: u32) -> Result<&Worker> {
        self.workers.get(worker as usize).ok_or(Error::TaskUnknown)
    }

    fn worker_mut(&mut self, worker: u32) -> Result<&mut Worker> {
        self.workers.get_mut(worker as usize).ok_or(Error::TaskUnknown)
    }

    /// Whether a worker may be chosen. One that comes back is known as a new one; what is in flight to
    /// it stays so until it is [`done`](Self::done) or [`failed`](Self::failed).
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] for a worker that is none.
    pub fn set_available(&mut self, worker: u32, available: bool) -> Result<()> {
        let known = self.worker_mut(worker)?;
        if available == known.available {
            return Ok(());
        }
        if available {
            let Worker { power, in_flight, work, .. } = *known;
            *known = Worker {
                power,
                in_flight,
                work,
                since: in_flight,
                work_since: work,
                ..Worker::NEW
            };
        }
        known.available = available;
        self.pool.forget(worker);
        Ok(())
    }

    /// A worker's power, as it was told last.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] for a worker that is none, [`Error::Invalid`] for shares outside 0 to 1.
    pub fn set_power(&mut self, worker: u32, power: Power) -> Result<()> {
        power.check()?;
        self.worker_mut(worker)?.power = power;
        Ok(())
    }

    /// The work that a request is expected to be, above 0.
    ///
    /// # Errors
    /// [`Error::Length`] for another number of features, [`Error::Invalid`] for one that is not finite.
    pub fn predict(&mut self, features: &[f32]) -> Result<f32> {
        if features.len() != self.config.features as usize {
            return Err(Error::Length);
        }
        if !features.iter().all(|x| x.is_finite()) {
            return Err(Error::Invalid);
        }
        if self.predictor.samples() == 0 {
            return Ok(self.config.work);
        }
        // A line that has been pulled below 0 says little; nothing is for free.
        let least = (0.05 * self.predictor.mean()).max(f32::MIN_POSITIVE.into());
        Ok((self.predictor.predict(features).max(least) as f32).min(f32::MAX))
    }

    /// A request is on its way to a worker.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict); [`Error::TaskUnknown`] for a worker that is none,
    /// [`Error::TaskState`] for a request that is in flight already, [`Error::Capacity`] when
    /// `requests` are. Nothing was changed.
    pub fn sent(&mut self, request: u64, worker: u32, features: &[f32], now_us: u64) -> Result<()> {
        let work = self.predict(features)?;
        let sent = self.now.max(now_us);
        let sharing = self.worker(worker)?.load() as f32 + 1.0;
        let place = self.flights.insert(request, Flight { worker, work, sharing, sent })?;
        self.tick(now_us);
        let width = features.len();
        self.features[place * width..][..width].copy_from_slice(features);
        self.worker_mut(worker)?.sent(work);
        Ok(())
    }

    /// A request has come back. `work` is what it was, where the caller knows (tokens, bytes, cycles);
    /// else 0, and then it is taken from the latency.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] for a request that is not in flight, [`Error::Invalid`] for work below 0 or not
    /// finite. Nothing was changed.
    pub fn done(&mut self, request: u64, work: f32, now_us: u64) -> Result<Done> {
        if !(work >= 0.0 && work.is_finite()) {
            return Err(Error::Invalid);
        }
        let (place, flight, done) = self.end(request, now_us, false)?;
        let latency = done.latency_us as f64;
        let usual = self.config.speed;
        let known = &mut self.workers[flight.worker as usize];
        let was = if work > 0.0 {
            known.learn_speed(work, latency, flight.sharing);
            work
        } else {
            (latency * 1e-6) as f32 * known.speed(usual) / flight.sharing
        };
        let width = self.config.features as usize;
        self.predictor.learn(&self.features[place * width..][..width], f64::from(was));
        Ok(done)
    }

    /// A request will not come back: it was refused, or given up. Each failure doubles what
    /// the worker costs, and each success and time make up for it, so that one that fails fast does not draw
    /// more; nothing is learned of the request's work.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] for a request that is not in flight.
    pub fn failed(&mut self, request: u64, now_us: u64) -> Result<Done> {
        self.end(request, now_us, true).map(|(.., done)| done)
    }

    fn end(&mut self, request: u64, now: u64, failed: bool) -> Result<(usize, Flight, Done)> {
        let place = self.flights.remove(request).ok_or(Error::TaskUnknown)?;
        let now = self.tick(now);
        let flight = *self.flights.get(place);
        let latency_us = now.saturating_sub(flight.sent);
        let known = &mut self.workers[flight.worker as usize];
        known.ended(flight.work, flight.sent);
        // An average of 0 would mean that nothing is known.
        known.observed((latency_us as f64).max(1.0), self.config.decay_us, now);
        known.judged(failed, self.config.forgive_us, now);
        Ok((place, flight, Done { worker: flight.worker, latency_us }))
    }
}
