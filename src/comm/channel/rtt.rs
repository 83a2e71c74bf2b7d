//! The round trip, measured (RFC 9002, section 5; RFC 6298).

/// What a timer can tell apart (RFC 9002, kGranularity), in microseconds.
const GRANULARITY: u32 = 1000;
/// The longest time that is measured: about 17 minutes.
const MOST: u32 = 1 << 30;
/// The longest wait for an acknowledgement, however often it was in vain.
const MOST_WAIT: u64 = 60_000_000;

/// Times in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Rtt {
    latest: u32,
    smallest: u32,
    smoothed: u32,
    variation: u32,
    measured: bool,
}

impl Rtt {
    pub fn new(initial: u32) -> Rtt {
        let initial = initial.min(MOST);
        Rtt { latest: 0, smallest: 0, smoothed: initial, variation: initial / 2, measured: false }
    }

    /// A round trip, in which the peer held its answer back for `delay`, at most
    /// as long as it said it would.
    pub fn measure(&mut self, sample: u64, delay: u64) {
        let sample = sample.clamp(1, u64::from(MOST)) as u32;
        self.latest = sample;
        if !self.measured {
            self.measured = true;
            (self.smallest, self.smoothed, self.variation) = (sample, sample, sample / 2);
            return;
        }
        self.smallest = self.smallest.min(sample);
        let delay = delay.min(u64::from(MOST)) as u32;
        let adjusted = match sample.checked_sub(delay) {
            Some(adjusted) if adjusted >= self.smallest => adjusted,
            _ => sample,
        };
        let off = self.smoothed.abs_diff(adjusted);
        // Both are below 2^30, so three and seven times as much fit 33 bits.
        self.variation = ((3 * u64::from(self.variation) + u64::from(off)) / 4) as u32;
        self.smoothed = ((7 * u64::from(self.smoothed) + u64::from(adjusted)) / 8) as u32;
    }

    /// Whether there was a sample.
    pub fn measured(&self) -> bool {
        self.measured
    }

    pub fn smoothed(&self) -> u32 {
        self.smoothed
    }

    pub fn variation(&self) -> u32 {
        self.variation
    }

    /// The probe timeout: how long to wait for an acknowledgement that the peer
    /// may hold back for `delay`, after so many timeouts before.
    pub fn timeout(&self, delay: u64, before: u8) -> u64 {
        let spread = (4 * u64::from(self.variation)).max(u64::from(GRANULARITY));
        let once = u64::from(self.smoothed) + spread + delay;
        (once << before.min(20)).min(MOST_WAIT.max(once))
    }

    /// How long after it was sent a packet counts as lost, if a later one was
    /// acknowledged.
    pub fn lost_after(&self) -> u64 {
        let rtt = u64::from(self.smoothed.max(self.latest));
        (rtt * 9 / 8).max(u64::from(GRANULARITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, after the formulas of RFC 9002, section 5.3.
    #[test]
    fn it_follows_the_formulas() {
        let mut rtt = Rtt::new(333_000);
        assert_eq!(rtt.timeout(0, 0), 333_000 + 4 * 166_500);
        assert_eq!(rtt.timeout(0, 2), 4 * (333_000 + 4 * 166_500));
        rtt.measure(80_000, 50_000);
        assert_eq!((rtt.smoothed(), rtt.variation()), (80_000, 40_000));
        assert_eq!(rtt.timeout(25_000, 0), 80_000 + 160_000 + 25_000);
        // The delay counts, as the sample stays above the smallest.
        rtt.measure(120_000, 20_000);
        assert_eq!((rtt.smoothed(), rtt.variation()), (82_500, 35_000));
        // It does not where it cannot be true.
        rtt.measure(90_500, 20_000);
        assert_eq!((rtt.smoothed(), rtt.variation()), (83_500, 28_250));
        assert_eq!(rtt.lost_after(), 90_500 * 9 / 8);
    }

    #[test]
    fn no_number_is_too_large() {
        let mut rtt = Rtt::new(u32::MAX);
        for sample in [0, 1, u64::MAX, u64::MAX, 0] {
            rtt.measure(sample, u64::MAX);
            assert!(rtt.smoothed() <= MOST && rtt.variation() <= MOST);
            assert!(rtt.timeout(1 << 40, 255) >= rtt.timeout(1 << 40, 0));
            assert!(rtt.lost_after() >= 1000);
        }
        assert_eq!(Rtt::new(1000).timeout(0, 255), MOST_WAIT);
    }
}
