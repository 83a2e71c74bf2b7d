//! Prequal's pool of answers (Wydrowski et al., NSDI 2024, section 4).

use super::config::{Answer, PrequalConfig};
use crate::error::Result;
use crate::mem::{Carved, Carver};

/// Answers whose requests in flight tell what is hot.
const SEEN: usize = 128;

#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub worker: u32,
    pub in_flight: u32,
    pub latency_us: f32,
    at: u64,
    /// How often it may still be used.
    uses: u32,
}

pub(super) struct Pool<'m> {
    config: PrequalConfig,
    /// Oldest first.
    entries: Carved<'m, Entry>,
    len: usize,
    seen: [u32; SEEN],
    seen_len: usize,
    seen_next: usize,
    /// Removals that are due, a part of one included.
    due: f32,
    oldest_next: bool,
}

impl<'m> Pool<'m> {
    pub fn carve(carver: &mut Carver<'m>, config: &PrequalConfig) -> Result<Pool<'m>> {
        let empty = Entry { worker: 0, in_flight: 0, latency_us: 0.0, at: 0, uses: 0 };
        Ok(Pool {
            config: *config,
            entries: carver.take(config.pool as usize, empty)?,
            len: 0,
            seen: [0; SEEN],
            seen_len: 0,
            seen_next: 0,
            due: 0.0,
            oldest_next: true,
        })
    }

    /// From more requests in flight than this on a worker is hot.
    pub fn limit(&self) -> u32 {
        if self.seen_len == 0 {
            return u32::MAX;
        }
        let mut sorted = self.seen;
        let sorted = &mut sorted[..self.seen_len];
        sorted.sort_unstable();
        let at = (self.config.quantile * (self.seen_len - 1) as f32) as usize;
        sorted[at.min(self.seen_len - 1)]
    }

    /// What was told, for the limit alone.
    pub fn see(&mut self, in_flight: u32) {
        self.seen[self.seen_next] = in_flight;
        self.seen_next = (self.seen_next + 1) % SEEN;
        self.seen_len = (self.seen_len + 1).min(SEEN);
    }

    /// How often an answer may be used: equation (1) of the paper, rounded by chance. `chance` is in 0..1.
    pub fn uses(&self, workers: u32, probes: u32, chance: f32) -> u32 {
        let share = self.config.pool as f32 / workers as f32;
        let net = (1.0 - share) * probes as f32 - self.config.remove;
        if net <= 0.0 {
            // More is removed than is asked for: only age and removal bound it.
            return u32::MAX;
        }
        let uses = ((1.0 + self.config.fill) / net).max(1.0);
        let whole = uses as u32;
        whole.saturating_add(u32::from(uses - whole as f32 > chance))
    }

    /// An answer; it takes the place of an older one of the same worker, or of the oldest.
    pub fn add(&mut self, worker: u32, answer: &Answer, uses: u32, now: u64) {
        self.see(answer.in_flight);
        let same = (0..self.len).find(|i| self.entries[*i].worker == worker);
        if let Some(index) = same.or((self.len == self.entries.len()).then_some(0)) {
            self.take_out(index);
        }
        self.entries[self.len] = Entry {
            worker,
            in_flight: answer.in_flight,
            latency_us: answer.latency_us,
            at: now,
            uses,
        };
        self.len += 1;
    }

    /// Takes out what is too old or was used up.
    pub fn clean(&mut self, now: u64) {
        let age = self.config.age_us;
        self.keep(|entry| entry.uses > 0 && now.saturating_sub(entry.at) <= age);
    }

    /// Takes out the answers of a worker.
    pub fn forget(&mut self, worker: u32) {
        self.keep(|entry| entry.worker != worker);
    }

    fn keep(&mut self, keep: impl Fn(&Entry) -> bool) {
        let mut kept = 0;
        for i in 0..self.len {
            if keep(&self.entries[i]) {
                self.entries[kept] = self.entries[i];
                kept += 1;
            }
        }
        self.len = kept;
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries[..self.len]
    }

    /// A request went to a worker: its answer counts one more in flight and one use less, and what is
    /// due is removed, the oldest and the worst in turn.
    pub fn used(&mut self, worker: u32) {
        if let Some(entry) = self.entries[..self.len].iter_mut().find(|e| e.worker == worker) {
            entry.in_flight = entry.in_flight.saturating_add(1);
            entry.uses -= u32::from(entry.uses > 0);
        }
        self.due += self.config.remove;
        while self.due >= 1.0 {
            self.due -= 1.0;
            let index = if self.oldest_next { (self.len > 0).then_some(0) } else { self.worst() };
            self.oldest_next = !self.oldest_next;
            if let Some(index) = index {
                self.take_out(index);
            }
        }
    }

    /// The hot one with the most in flight, else the one with the largest latency.
    fn worst(&self) -> Option<usize> {
        let limit = self.limit();
        let all = || self.entries().iter().enumerate();
        let hot = all().filter(|(_, entry)| entry.in_flight > limit);
        let worst = hot.max_by_key(|(_, entry)| entry.in_flight);
        let slow = || all().max_by(|(_, a), (_, b)| a.latency_us.total_cmp(&b.latency_us));
        worst.or_else(slow).map(|(index, _)| index)
    }

    fn take_out(&mut self, index: usize) {
        self.entries[index..self.len].rotate_left(1);
        self.len -= 1;
    }
}
