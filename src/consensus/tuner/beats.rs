//! What a follower sees of a leader's heartbeats: how far apart they arrive, in heartbeats, and how many
//! are lost. A few numbers that each arrival moves a little.

/// Arrivals that the estimates look back on.
const MEMORY: f32 = 64.0;
/// The share of gaps that may be longer than what is foreseen: a follower that stands in vain is
/// held up by the others, who hear the leader.
const MISSES: f32 = 0.01;
/// What one gap that was longer adds to the margin.
const STEP: f32 = 0.1;

/// What was seen of heartbeats. Gaps are in intervals of heartbeats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beats {
    /// How many have arrived, up to 1,000.
    pub count: u32,
    /// Mean and variance of the gaps, and the mean of the last few.
    pub mean: f32,
    /// See `mean`.
    pub variance: f32,
    /// See `mean`.
    pub lately: f32,
    /// What a tenth, and a hundredth of them are above; the longest, which is forgotten slowly.
    pub tenth: f32,
    /// See `tenth`.
    pub hundredth: f32,
    /// See `tenth`.
    pub longest: f32,
    /// The share that is lost.
    pub lost: f32,
    /// What has to be added to the logarithm of a foreseen gap so that hardly any is longer: it
    /// grows with each that is, and shrinks a little with each that is not (Gibbs and Candès 2021).
    pub margin: f32,
    leader: u64,
    term: u64,
    sent: u64,
    at: u64,
}

impl Default for Beats {
    fn default() -> Beats {
        Beats {
            count: 0,
            mean: 1.0,
            variance: 0.0,
            lately: 1.0,
            tenth: 1.0,
            hundredth: 1.0,
            longest: 1.0,
            lost: 0.0,
            margin: 0.0,
            leader: 0,
            term: 0,
            sent: 0,
            at: 0,
        }
    }
}

impl Beats {
    /// A heartbeat of a leader that sends one each `interval` arrives at `now`; `foreseen` is how
    /// long a gap was thought possible, in intervals, without the margin.
    pub fn heard(&mut self, who: (u64, u64), sent: u64, interval: u64, now: u64, foreseen: f32) {
        if (self.leader, self.term) != who {
            // Another leader is another way off.
            (self.leader, self.term) = who;
            (self.sent, self.at) = (sent, now);
            self.count = self.count.min(8);
            return;
        }
        let apart = sent.saturating_sub(self.sent) as f32 / interval.max(1) as f32;
        // Late ones, and those out of turn.
        if apart < 0.6 {
            return;
        }
        let gap = (now.saturating_sub(self.at) as f32 / interval.max(1) as f32).clamp(0.01, 30.0);
        (self.sent, self.at) = (sent, now);
        self.gap(gap, libm::roundf(apart.min(100.0)).max(1.0), foreseen);
    }

    /// A gap in which so many heartbeats were sent.
    pub fn gap(&mut self, gap: f32, sent: f32, foreseen: f32) {
        if !gap.is_finite() || !sent.is_finite() {
            return;
        }
        self.count = (self.count + 1).min(1_000);
        let rate = (1.0 / self.count as f32).max(1.0 / MEMORY);
        let off = gap - self.mean;
        self.mean += rate * off;
        self.variance += rate * (off * off - self.variance);
        self.lately += (gap - self.lately) / 8.0;
        self.lost += rate * ((sent - 1.0) / sent - self.lost);
        let deviation = libm::sqrtf(self.variance).max(0.01);
        let quantile = |old: f32, above: f32, step: f32| {
            let moved = if gap > old { 1.0 - above } else { -above };
            (old + step * deviation * moved).max(0.01)
        };
        self.tenth = quantile(self.tenth, 0.1, 0.3);
        self.hundredth = quantile(self.hundredth, 0.01, 1.0);
        self.longest = gap.max(self.longest + (self.mean - self.longest) / 200.0);
        if self.count > 16 {
            let missed = gap > foreseen * libm::expf(self.margin);
            let moved = if missed { STEP } else { -STEP * MISSES };
            self.margin = (self.margin + moved).clamp(-0.7, 2.0);
        }
    }
}
