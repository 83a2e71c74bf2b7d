//! Hybrid logical clocks: stamps that respect causes and stay near the time of day
//! (Kulkarni et al., "Logical physical clocks", 2014).

use crate::error::{Error, Result};

/// Bits of a stamp below the milliseconds.
const COUNTER_BITS: u32 = 16;

/// A point in time: milliseconds since 1970 in the upper 48 bits, a counter below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HybridTime(pub u64);

impl HybridTime {
    /// The milliseconds since 1970.
    pub fn millis(self) -> u64 {
        self.0 >> COUNTER_BITS
    }
}

/// The latest stamp that was given or seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    last: HybridTime,
    /// How far stamps of others may be ahead of the time of day.
    max_ahead_ms: u64,
}

impl Clock {
    pub fn new(max_ahead_ms: u64) -> Clock {
        Clock { last: HybridTime(0), max_ahead_ms }
    }

    /// The latest stamp that was given or seen.
    pub fn last(&self) -> HybridTime {
        self.last
    }

    /// Forgets all stamps.
    pub fn clear(&mut self) {
        self.last = HybridTime(0);
    }

    /// What the next stamp is, at a time of day. It is given by [`see`](Self::see).
    pub fn next(&self, now_ms: u64) -> Result<HybridTime> {
        let after = self.last.0.checked_add(1).ok_or(Error::Overflow)?;
        let now = now_ms.checked_mul(1 << COUNTER_BITS).ok_or(Error::Invalid)?;
        Ok(HybridTime(after.max(now)))
    }

    /// Refuses a stamp that is too far ahead of the time of day.
    pub fn check(&self, stamp: HybridTime, now_ms: u64) -> Result<()> {
        let ahead = stamp.millis().saturating_sub(now_ms);
        if ahead <= self.max_ahead_ms { Ok(()) } else { Err(Error::CrdtClock) }
    }

    /// A stamp was given or seen.
    pub fn see(&mut self, stamp: HybridTime) {
        self.last = self.last.max(stamp);
    }
}
