//! What a node knows of the way to each other member.

/// Probes that the estimates look back on.
const MEMORY: f32 = 16.0;

/// The way to a member and back.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Link {
    pub id: u64,
    pub votes: bool,
    /// Round trips, in microseconds: how many were measured, mean, and variance.
    pub count: u32,
    pub mean: f32,
    pub variance: f32,
    /// The share of probes without an answer.
    pub lost: f32,
    /// What it says: its way to a majority without the leader, and with it, how often it sends heartbeats, microseconds each, and the share
    /// of heartbeats that it does not get, in thousandths; and when it said so.
    pub way: u32,
    pub full_way: u32,
    pub interval: u32,
    pub missed: u16,
    pub told: u64,
    /// The probe that is on its way; 0: none.
    pub asked: u64,
    /// An answer that is due to a probe of that time.
    pub owed: Option<u64>,
    pub due: bool,
    /// A message with entries that is watched: pass, when, bytes.
    watched: Option<(u64, u64, f32)>,
    /// Of messages with entries: how many, means of their bytes, of the time until the answer, of the products.
    size: f32,
    time: f32,
    size_size: f32,
    size_time: f32,
    batches: u32,
}

impl Link {
    pub fn trip(&mut self, took: u64) {
        let took = took.min(60_000_000) as f32;
        self.count = self.count.saturating_add(1);
        let rate = (1.0 / self.count as f32).max(1.0 / MEMORY);
        let off = took - self.mean;
        self.mean += rate * off;
        self.variance += rate * (off * off - self.variance);
    }

    /// A probe was answered, or was not.
    pub fn probed(&mut self, answered: bool) {
        let lost = if answered { 0.0 } else { 1.0 };
        self.lost += (lost - self.lost) / MEMORY;
    }

    /// Longer than that no round trip takes, but for a few.
    pub fn longest(&self) -> f32 {
        self.mean + 4.0 * libm::sqrtf(self.variance)
    }

    pub fn sent(&mut self, pass: u64, bytes: usize, now: u64) {
        if self.watched.is_none_or(|watched| now.saturating_sub(watched.1) > 10_000_000) {
            self.watched = Some((pass, now, bytes as f32));
        }
    }

    /// Entries are acknowledged: how long that took depends on how many bytes they had.
    pub fn acknowledged(&mut self, pass: u64, now: u64) {
        let Some((watched, at, bytes)) = self.watched else { return };
        let behind = (pass as u32).wrapping_sub(watched as u32);
        if behind > u32::MAX / 2 {
            return;
        }
        self.watched = None;
        if behind > 0 {
            return;
        }
        let took = now.saturating_sub(at) as f32;
        self.batches = self.batches.saturating_add(1);
        let rate = (1.0 / self.batches as f32).max(1.0 / 64.0);
        self.size += rate * (bytes - self.size);
        self.time += rate * (took - self.time);
        self.size_size += rate * (bytes * bytes - self.size_size);
        self.size_time += rate * (bytes * took - self.size_time);
    }

    /// Bytes in a microsecond, by least squares; nothing if they do not seem to matter.
    pub fn bandwidth(&self) -> Option<f32> {
        let variance = self.size_size - self.size * self.size;
        let slope = (self.size_time - self.size * self.time) / variance;
        let known = self.batches >= 32 && variance > 0.01 * self.size * self.size;
        (known && slope > 1e-6).then(|| 1.0 / slope)
    }
}
