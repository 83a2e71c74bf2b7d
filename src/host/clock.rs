//! The system's clocks.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Microseconds of the system's monotonic clock, from a beginning that stays the
/// same until the machine starts anew. It may stand still while the machine
/// sleeps.
pub fn now_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let part = |n: i64| u64::try_from(n).unwrap_or(0);
    part(now.tv_sec).saturating_mul(1_000_000).saturating_add(part(now.tv_nsec) / 1000)
}

/// Seconds since 1970-01-01 00:00:00 UTC by the system's wall clock, which may be
/// wrong and may jump; 0 for a time before.
pub fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_does_not_go_back() {
        let mut before = now_us();
        assert!(before > 0);
        for _ in 0..1000 {
            let now = now_us();
            assert!(now >= before);
            before = now;
        }
    }

    #[test]
    fn the_wall_clock_is_after_this_was_written() {
        assert!(unix_time() > 1_790_000_000);
    }
}
