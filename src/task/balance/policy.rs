//! The choices, and whom to ask for them.

use super::Balancer;
use super::config::{Answer, Pick, Policy};
use super::worker::Worker;
use crate::error::{Error, Result};

/// What a worker would cost; the smallest is chosen.
type Cost = f64;

impl Balancer<'_> {
    /// A request has come: as many workers may be asked as are asked for one.
    pub fn prepare(&mut self, now_us: u64) {
        self.tick(now_us);
        self.drawn = 0;
        if self.config.policy.probes() {
            self.budget = self.config.probes;
        }
    }

    /// The next worker that is to be asked, if any. None twice for one request.
    pub fn next_probe(&mut self, now_us: u64) -> Option<u32> {
        let now = self.tick(now_us);
        let mut asked = None;
        if self.budget > 0 {
            asked = self.draw();
            // There may be fewer workers than were to be asked.
            self.budget = if asked.is_some() { self.budget - 1 } else { 0 };
        }
        // By the difference: no time comes after the last that there is.
        let idle = now.saturating_sub(self.last_probe) >= self.config.prequal.idle_us;
        if asked.is_none() && self.asks_by_itself() && idle {
            self.drawn = 0;
            asked = self.draw();
        }
        if asked.is_some() {
            self.last_probe = now;
        }
        asked
    }

    /// When [`next_probe`](Self::next_probe) would name a worker although no request has come: `None` if never,
    /// or while no worker is available.
    pub fn next_probe_at(&self) -> Option<u64> {
        let asks = self.asks_by_itself() && self.workers.iter().any(|worker| worker.available);
        asks.then(|| self.last_probe.saturating_add(self.config.prequal.idle_us).max(self.now))
    }

    /// Whether workers are asked without a request.
    fn asks_by_itself(&self) -> bool {
        self.config.policy == Policy::Prequal && self.config.prequal.idle_us > 0
    }

    /// A worker has answered.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] for a worker that is none, [`Error::Invalid`] for an answer with a number
    /// that cannot be. Nothing was changed.
    pub fn probed(&mut self, worker: u32, answer: Answer, now_us: u64) -> Result<()> {
        answer.check()?;
        self.worker(worker)?;
        let now = self.tick(now_us);
        let known = &mut self.workers[worker as usize];
        if !known.available {
            return Ok(());
        }
        known.answered(answer, now);
        if self.config.policy == Policy::Prequal {
            let chance = (self.random.uniform() + 1.0) / 2.0;
            let uses = self.pool.uses(self.config.workers, self.config.probes, chance);
            self.pool.add(worker, &answer, uses, now);
        } else if self.config.policy == Policy::PrequalSync {
            self.pool.see(answer.in_flight);
        }
        Ok(())
    }

    /// The worker for a request with these features, and the work that it is expected to be.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict); [`Error::TaskInfeasible`] when no worker is available.
    pub fn pick(&mut self, features: &[f32], now_us: u64) -> Result<Pick> {
        let work = self.predict(features)?;
        let now = self.tick(now_us);
        self.drawn = 0;
        let worker = match self.config.policy {
            Policy::RoundRobin => self.in_turn(),
            Policy::PowerOfTwo if self.config.probes == 0 => {
                self.of_drawn(2, |w, _| with_one_more(w.in_flight))
            }
            Policy::PowerOfTwo => self.of_fresh(now, 2, |w, _| with_one_more(w.load())),
            Policy::PeakEwma => {
                let decay = self.config.decay_us;
                self.of_drawn(2, |w, _| peak_ewma(w, decay, now))
            }
            Policy::LeastLoaded => self.of_drawn(u32::MAX, |w, _| with_one_more(w.in_flight)),
            Policy::Prequal => self.of_pool(now),
            Policy::PrequalSync => {
                let (limit, forgive) = (self.pool.limit(), self.config.forgive_us);
                self.of_fresh(now, 2, |w, _| {
                    let latency = w.told.map_or(0.0, |(answer, _)| answer.latency_us);
                    hot_cold(w.load(), w.blamed(forgive, now), latency, limit)
                })
            }
            Policy::PredictedWork if self.config.probes == 0 => {
                self.of_drawn(self.config.choices, |w, usual| until_done(w, work, w.work, usual))
            }
            Policy::PredictedWork => self.of_fresh(now, self.config.choices, |w, usual| {
                until_done(w, work, w.expected_work(), usual)
            }),
        };
        let worker = worker.ok_or(Error::TaskInfeasible)?;
        if self.config.policy == Policy::Prequal {
            self.pool.used(worker);
        }
        Ok(Pick { worker, work })
    }

    /// Whether a worker may be chosen: with those alone that have more than the reserve of their
    /// battery, or with all.
    fn may(&self, worker: u32, spare: bool) -> bool {
        let known = &self.workers[worker as usize];
        known.available && (spare || known.power.battery >= self.config.power.reserve)
    }

    /// Whether batteries are to be spared: not when all that are available are low.
    fn spares(&self) -> bool {
        !(0..self.config.workers).any(|worker| self.may(worker, false))
    }

    fn in_turn(&mut self) -> Option<u32> {
        let (count, spare) = (self.workers.len(), self.spares());
        for _ in 0..count {
            let worker = self.next as u32;
            self.next = (self.next + 1) % count;
            if self.may(worker, spare) {
                return Some(worker);
            }
        }
        None
    }

    /// Draws an available worker that was not drawn since `drawn` was 0 (Fisher and Yates).
    fn draw(&mut self) -> Option<u32> {
        while self.drawn < self.order.len() {
            let from = self.drawn + self.random.below(self.order.len() - self.drawn);
            self.order.swap(self.drawn, from);
            self.drawn += 1;
            let worker = self.order[self.drawn - 1];
            if self.workers[worker as usize].available {
                return Some(worker);
            }
        }
        None
    }

    /// What a worker costs: power and failures are included.
    fn cost(&self, worker: u32, plain: Cost) -> Cost {
        let known = &self.workers[worker as usize];
        let blamed = known.blamed(self.config.forgive_us, self.now);
        let factor = known.power.factor(&self.config.power) * blamed;
        // One that nothing is known of costs nothing by itself: then these decide.
        plain * factor + (factor - 1.0) * 1e-3
    }

    /// The cheapest of so many that are drawn.
    fn of_drawn(&mut self, choices: u32, cost: impl Fn(&mut Worker, f32) -> Cost) -> Option<u32> {
        let spare = self.spares();
        let mut best: Option<(Cost, u32)> = None;
        let mut seen = 0;
        while seen < choices {
            let Some(worker) = self.draw() else { break };
            if self.may(worker, spare) {
                seen += 1;
                self.keep_cheaper(worker, &cost, &mut best);
            }
        }
        best.map(|(_, worker)| worker)
    }

    /// The cheapest of those that have answered of late; without any, of so many that are drawn.
    fn of_fresh(
        &mut self,
        now: u64,
        choices: u32,
        cost: impl Fn(&mut Worker, f32) -> Cost,
    ) -> Option<u32> {
        let spare = self.spares();
        let mut best: Option<(Cost, u32)> = None;
        // From somewhere on, so that the first is not preferred among equals.
        let start = self.random.below(self.workers.len()) as u32;
        for i in 0..self.config.workers {
            let worker = (start + i) % self.config.workers;
            let fresh = self.workers[worker as usize].is_fresh(self.config.fresh_us, now);
            if fresh && self.may(worker, spare) {
                self.keep_cheaper(worker, &cost, &mut best);
            }
        }
        match best {
            Some((_, worker)) => Some(worker),
            None => self.of_drawn(choices, cost),
        }
    }

    fn keep_cheaper(
        &mut self,
        worker: u32,
        cost: &impl Fn(&mut Worker, f32) -> Cost,
        best: &mut Option<(Cost, u32)>,
    ) {
        let plain = cost(&mut self.workers[worker as usize], self.config.speed);
        let cost = self.cost(worker, plain);
        if best.is_none_or(|(least, _)| cost.total_cmp(&least).is_lt()) {
            *best = Some((cost, worker));
        }
    }

    /// The hot-cold rule over the pool; with fewer than two answers by chance.
    fn of_pool(&mut self, now: u64) -> Option<u32> {
        self.pool.clean(now);
        let (limit, spare, forgive) = (self.pool.limit(), self.spares(), self.config.forgive_us);
        let entries = self.pool.entries().iter();
        let usable = entries.filter(|entry| self.may(entry.worker, spare));
        let mut count = 0;
        let costs = usable.inspect(|_| count += 1).map(|entry| {
            let blamed = self.workers[entry.worker as usize].blamed(forgive, now);
            let plain = hot_cold(entry.in_flight, blamed, entry.latency_us, limit);
            (self.cost(entry.worker, plain), entry.worker)
        });
        let best = costs.min_by(|a, b| a.0.total_cmp(&b.0));
        match best {
            Some((_, worker)) if count >= 2 => Some(worker),
            _ => self.of_drawn(1, |_, _| 0.0),
        }
    }
}

/// Requests, the one that is to be sent among them.
fn with_one_more(in_flight: u32) -> Cost {
    f64::from(in_flight) + 1.0
}

/// Latency among those that are not hot, a microsecond where none is known; behind them all, requests in flight.
/// Failures make a worker hot as requests do.
fn hot_cold(in_flight: u32, blamed: f64, latency_us: f32, limit: u32) -> Cost {
    if with_one_more(in_flight) * blamed <= with_one_more(limit) {
        f64::from(latency_us).max(1.0)
    } else {
        1e30 + f64::from(in_flight) * 1e20
    }
}

/// Finagle's load: one that has something in flight and was never heard of is not to be tried again yet.
fn peak_ewma(worker: &mut Worker, decay_us: u64, now: u64) -> Cost {
    let average = worker.average(decay_us, now);
    let load = f64::from(worker.in_flight);
    if average == 0.0 && worker.in_flight > 0 { 1e12 + load } else { average * (load + 1.0) }
}

/// How long it would take until a request is done, in seconds: see the module's documentation.
fn until_done(worker: &Worker, work: f32, held: f64, usual: f32) -> Cost {
    let work = f64::from(work);
    let ahead = held.min(f64::from(worker.load()) * work);
    (work + ahead) / f64::from(worker.speed(usual))
}
