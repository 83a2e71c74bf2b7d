//! How much may be on its way: NewReno (RFC 9002, section 7 and appendix B), and
//! how fast it goes out (section 7.7).

/// Packets of the first window. Small queues take no more (RFC 5681).
const FIRST: u32 = 4;
/// Packets of the smallest window.
const LEAST: u32 = 2;
/// Far above what a window can be of use for.
const MOST: u32 = 1 << 30;

pub struct Congestion {
    mtu: u32,
    /// Bytes that may be on their way.
    window: u32,
    /// Where slow start ends.
    threshold: u32,
    /// Bytes acknowledged since the window last grew, after slow start.
    acknowledged: u32,
    /// Bytes on their way.
    flying: u32,
    /// When the last recovery began: packets sent until then tell nothing new.
    recovery: Option<u64>,
}

impl Congestion {
    pub fn new(mtu: u32) -> Congestion {
        Congestion {
            mtu,
            window: FIRST * mtu,
            threshold: MOST,
            acknowledged: 0,
            flying: 0,
            recovery: None,
        }
    }

    pub fn window(&self) -> u32 {
        self.window
    }

    pub fn flying(&self) -> u32 {
        self.flying
    }

    /// Whether another packet may go out.
    pub fn allows(&self) -> bool {
        self.flying == 0 || self.flying.saturating_add(self.mtu) <= self.window
    }

    pub fn sent(&mut self, bytes: u32) {
        self.flying = self.flying.saturating_add(bytes);
    }

    /// Whether the window is in use: only then it may grow (RFC 9002, 7.8).
    pub fn is_used(&self) -> bool {
        let slow_start = self.window < self.threshold;
        self.flying.saturating_add(2 * self.mtu) >= self.window
            || slow_start && self.flying > self.window / 2
    }

    /// A packet was acknowledged that was sent then.
    pub fn acknowledged(&mut self, bytes: u32, sent: u64, used: bool) {
        self.flying = self.flying.saturating_sub(bytes);
        if !used || self.recovery.is_some_and(|since| sent <= since) {
            return;
        }
        if self.window < self.threshold {
            self.window = (self.window + bytes).min(MOST);
        } else {
            self.acknowledged += bytes;
            if self.acknowledged >= self.window {
                self.acknowledged -= self.window;
                self.window = (self.window + self.mtu).min(MOST);
            }
        }
    }

    /// Bytes do not count as on their way any more, whatever became of them.
    pub fn forgotten(&mut self, bytes: u32) {
        self.flying = self.flying.saturating_sub(bytes);
    }

    /// Packets were lost, the last of which was sent then.
    pub fn lost(&mut self, bytes: u32, last_sent: u64, now: u64) {
        self.flying = self.flying.saturating_sub(bytes);
        if self.recovery.is_some_and(|since| last_sent <= since) {
            return;
        }
        self.recovery = Some(now);
        self.window = (self.window / 2).max(LEAST * self.mtu);
        self.threshold = self.window;
        self.acknowledged = 0;
    }

    /// Nothing got through for a long time (RFC 9002, 7.6).
    pub fn collapsed(&mut self) {
        self.window = LEAST * self.mtu;
        self.acknowledged = 0;
        self.recovery = None;
    }
}

/// Spreads packets over the round trip: a bucket that fills at 5/4 of the rate
/// that the window gives, and holds the first window.
pub struct Pacer {
    bucket: u32,
    filled_at: u64,
}

impl Pacer {
    pub fn new(mtu: u32) -> Pacer {
        Pacer { bucket: FIRST * mtu, filled_at: 0 }
    }

    /// Bytes that the bucket has by now.
    fn level(&self, now: u64, congestion: &Congestion, rtt: u32) -> u64 {
        let elapsed = now.saturating_sub(self.filled_at).min(1 << 31);
        let flow = elapsed * u64::from(congestion.window) / (u64::from(rtt.max(1)) * 4 / 5).max(1);
        (u64::from(self.bucket) + flow).min(u64::from(FIRST * congestion.mtu))
    }

    /// When the next packet may go out, if not now.
    pub fn wait(&self, now: u64, congestion: &Congestion, rtt: u32) -> Option<u64> {
        let level = self.level(now, congestion, rtt);
        let missing = u64::from(congestion.mtu).checked_sub(level).filter(|m| *m > 0)?;
        let rate = u64::from(congestion.window.max(1)) * 5;
        Some(now.saturating_add((missing * u64::from(rtt) * 4).div_ceil(rate)))
    }

    pub fn sent(&mut self, bytes: u32, now: u64, congestion: &Congestion, rtt: u32) {
        let level = self.level(now, congestion, rtt);
        self.bucket = level.saturating_sub(u64::from(bytes)) as u32;
        self.filled_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn the_window_follows_the_rules() {
        let mut c = Congestion::new(100);
        assert_eq!(c.window(), 400);
        for sent in 0..4 {
            assert!(c.allows());
            c.sent(100);
            assert_eq!(c.is_used(), sent >= 1);
        }
        assert!(!c.allows());
        // Slow start: a window a round trip.
        for _ in 0..4 {
            c.acknowledged(100, 5, true);
        }
        assert_eq!((c.window(), c.flying()), (800, 0));
        // What was not used does not grow.
        c.sent(100);
        c.acknowledged(100, 6, false);
        assert_eq!(c.window(), 800);
        // Losses of one round trip count once.
        (0..8).for_each(|_| c.sent(100));
        c.lost(200, 10, 20);
        c.lost(100, 20, 30);
        assert_eq!((c.window(), c.flying()), (400, 500));
        c.acknowledged(100, 15, true);
        assert_eq!(c.window(), 400);
        // After that a packet a window.
        for _ in 0..4 {
            c.acknowledged(100, 21, true);
        }
        assert_eq!((c.window(), c.flying()), (500, 0));
        (0..9).for_each(|n| c.lost(0, 100 * n, 100 * n + 1));
        assert_eq!(c.window(), 200);
        c.window = 5000;
        c.collapsed();
        c.sent(100);
        c.forgotten(60);
        assert_eq!((c.window(), c.flying()), (200, 40));
    }

    #[test]
    fn packets_are_spread_over_the_round_trip() {
        let mut c = Congestion::new(100);
        let mut p = Pacer::new(100);
        c.window = 1000;
        let (mut now, mut sent) = (1_000_000, Vec::new());
        while sent.len() < 24 {
            match p.wait(now, &c, 100_000) {
                Some(at) => {
                    assert!(at > now);
                    now = at;
                }
                None => {
                    p.sent(100, now, &c, 100_000);
                    sent.push(now - 1_000_000);
                }
            }
        }
        // Four at once, then ten packets in four fifths of the round trip.
        assert!(sent[..4].iter().all(|at| *at == 0));
        assert!(sent[4..].windows(2).all(|two| (7_900..=8_100).contains(&(two[1] - two[0]))));
    }
}
