//! What a dispatcher knows of a worker: what it sent, what came back, and what the worker told.

use super::config::{Answer, Power};

/// How fast a learned speed follows: a new one counts so much.
const FOLLOW: f32 = 0.1;
/// Most failures that count: each doubles a worker's cost.
const MOST_BLAME: f64 = 20.0;

#[derive(Clone, Copy)]
pub(super) struct Worker {
    pub available: bool,
    pub power: Power,
    /// Own requests in flight, and the work that they are expected to be.
    pub in_flight: u32,
    pub work: f64,
    /// The last answer, and when it came; `None` before one has.
    pub told: Option<(Answer, u64)>,
    /// What was sent since that answer.
    pub since: u32,
    pub work_since: f64,
    /// The average of Peak-EWMA in microseconds, and when it was brought up to date.
    pub average_us: f64,
    pub average_at: u64,
    /// Learned from latencies, for workers that do not tell theirs; 0 before.
    pub speed: f32,
    /// Failures that are not forgotten, and when that was brought up to date.
    pub blame: f64,
    pub blame_at: u64,
}

impl Worker {
    pub const NEW: Worker = Worker {
        available: true,
        power: Power { battery: 1.0, duty: 1.0 },
        in_flight: 0,
        work: 0.0,
        told: None,
        since: 0,
        work_since: 0.0,
        average_us: 0.0,
        average_at: 0,
        speed: 0.0,
        blame: 0.0,
        blame_at: 0,
    };

    /// Whether an answer is there that is no older than this.
    pub fn is_fresh(&self, age_us: u64, now: u64) -> bool {
        self.told.is_some_and(|(_, at)| now.saturating_sub(at) <= age_us)
    }

    /// Requests that it has, as far as this dispatcher knows: those that were told and those that were
    /// sent since.
    pub fn load(&self) -> u32 {
        let told = self.told.map_or(0, |(answer, _)| answer.in_flight);
        told.saturating_add(self.since).max(self.in_flight)
    }

    /// The work that it has, likewise.
    pub fn expected_work(&self) -> f64 {
        let told = self.told.map_or(0.0, |(answer, _)| f64::from(answer.work));
        (told + self.work_since).max(0.0)
    }

    /// Work that it does in a second: as told, else as learned, else what is usual.
    pub fn speed(&self, usual: f32) -> f32 {
        match self.told {
            Some((Answer { speed, .. }, _)) if speed > 0.0 => speed,
            _ if self.speed > 0.0 => self.speed,
            _ => usual,
        }
    }

    pub fn answered(&mut self, answer: Answer, now: u64) {
        self.told = Some((answer, now));
        (self.since, self.work_since) = (0, 0.0);
    }

    pub fn sent(&mut self, work: f32) {
        self.in_flight += 1;
        self.work += f64::from(work);
        self.since += 1;
        self.work_since += f64::from(work);
    }

    /// A request that was sent at some time has ended.
    pub fn ended(&mut self, work: f32, sent: u64) {
        let expected = f64::from(work);
        self.in_flight -= 1;
        self.work = if self.in_flight == 0 { 0.0 } else { (self.work - expected).max(0.0) };
        match &mut self.told {
            Some((answer, at)) if sent < *at => {
                // It was among those that were told.
                answer.in_flight = answer.in_flight.saturating_sub(1);
                answer.work = (answer.work - work).max(0.0);
            }
            _ => {
                self.since = self.since.saturating_sub(1);
                self.work_since =
                    if self.since == 0 { 0.0 } else { (self.work_since - expected).max(0.0) };
            }
        }
    }

    /// The average of Peak-EWMA now: it decays while nothing comes back. As with Finagle, that it was asked for
    /// is an observation of 0, so a peak is one beside what the average has become.
    pub fn average(&mut self, decay_us: u64, now: u64) -> f64 {
        self.observed(0.0, decay_us, now);
        self.average_us
    }

    /// A latency: peaks count at once, what is smaller moves the average.
    pub fn observed(&mut self, latency_us: f64, decay_us: u64, now: u64) {
        let keep = kept(self.average_at, now, decay_us);
        self.average_us = if latency_us > self.average_us {
            latency_us
        } else {
            self.average_us * keep + latency_us * (1.0 - keep)
        };
        self.average_at = now;
    }

    /// A request has succeeded or failed: a success makes up for half of the failures.
    pub fn judged(&mut self, failed: bool, forgive_us: u64, now: u64) {
        let blame = self.remembered(forgive_us, now);
        self.blame = if failed { (blame + 1.0).min(MOST_BLAME) } else { 0.5 * blame };
        self.blame_at = now;
    }

    fn remembered(&self, forgive_us: u64, now: u64) -> f64 {
        self.blame * kept(self.blame_at, now, forgive_us)
    }

    /// What its cost is multiplied by for its failures.
    pub fn blamed(&self, forgive_us: u64, now: u64) -> f64 {
        libm::exp2(self.remembered(forgive_us, now))
    }

    /// Learns its speed from work that took so long while so many shared it when it was sent.
    pub fn learn_speed(&mut self, work: f32, latency_us: f64, sharing: f32) {
        let speed = (f64::from(work) * f64::from(sharing) * 1e6 / latency_us.max(1.0)) as f32;
        if speed.is_finite() && speed > 0.0 {
            let follow = if self.speed == 0.0 { 1.0 } else { FOLLOW };
            self.speed += follow * (speed - self.speed);
        }
    }
}

/// What remains of something that is forgotten but for 37% in `memory_us`.
fn kept(since: u64, now: u64, memory_us: u64) -> f64 {
    libm::exp(-(now.saturating_sub(since) as f64 / memory_us as f64))
}
