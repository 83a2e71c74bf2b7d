//! A node's clock, which is not that of the run: it goes faster or slower, and jumps.

/// Where all clocks of a run begin, so that one that jumps back has where to go.
const BEGIN: i64 = 1_000_000_000;

#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Parts of a million that it is too fast.
    ppm: i64,
    offset: i64,
}

impl Clock {
    pub fn new(ppm: i64, offset: u64) -> Clock {
        Clock { ppm, offset: BEGIN + offset as i64 }
    }

    /// What it shows at a moment of the run.
    pub fn shows(&self, now: u64) -> u64 {
        let now = i128::from(now);
        (now + now * i128::from(self.ppm) / 1_000_000 + i128::from(self.offset)) as u64
    }

    /// The first moment of the run, from `now` on, at which it shows that or more.
    pub fn moment(&self, shown: u64, now: u64) -> u64 {
        if shown <= self.shows(now) {
            return now;
        }
        let away = u128::from(shown - self.shows(now));
        let rate = (1_000_000 + self.ppm) as u128;
        if rate == 0 {
            return 1 << 60;
        }
        let away = u64::try_from(away * 1_000_000 / rate).unwrap_or(u64::MAX / 2);
        let mut moment = now.saturating_add(away.min(1 << 45));
        while self.shows(moment) < shown && moment < 1 << 45 {
            moment += 1;
        }
        while moment > now && self.shows(moment - 1) >= shown {
            moment -= 1;
        }
        moment
    }

    pub fn jump(&mut self, by: i64) {
        self.offset += by;
    }

    /// From where it is it goes too fast by so many parts of a million.
    pub fn rate(&mut self, now: u64, ppm: i64) {
        let shown = self.shows(now);
        (self.ppm, self.offset) = (ppm, 0);
        self.offset = shown as i64 - self.shows(now) as i64;
    }
}

mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_first_that_shows_it() {
        for ppm in [-200_000, -1, 0, 1, 7, 200_000] {
            let mut clock = Clock::new(ppm, 5);
            for wait in [0, 1, 2, 3, 1000, 12_345_678] {
                let shown = clock.shows(1_000) + wait;
                let moment = clock.moment(shown, 1_000);
                assert!(clock.shows(moment) >= shown);
                assert!(moment == 1_000 || clock.shows(moment - 1) < shown);
            }
            let shown = clock.shows(99);
            clock.rate(99, 0);
            assert_eq!((clock.shows(99), clock.shows(199)), (shown, shown + 100));
        }
    }
}
