//! glibc's `rand`: additive feedback over the last 31 numbers (its TYPE_3).

/// The generator behind `srand` and `rand`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rand {
    last: [u32; 31],
    at: u8,
}

impl Rand {
    /// The largest number that it draws.
    pub const MAX: u32 = i32::MAX as u32;

    /// The state after `srand(seed)`.
    pub fn new(seed: u32) -> Rand {
        let mut last = [seed.max(1); 31];
        for i in 1..31 {
            // Park and Miller's generator on signed words; the modulus is a
            // Mersenne prime.
            let next = i64::from(last[i - 1] as i32) * 16807 % i64::from(Self::MAX);
            last[i] = if next < 0 { next + i64::from(Self::MAX) } else { next } as u32;
        }
        let mut rand = Rand { last, at: 3 };
        // The numbers that it starts with are not used.
        for _ in 0..310 {
            rand.draw();
        }
        rand
    }

    /// What it remembers, in 32 words.
    pub fn words(&self) -> impl Iterator<Item = u32> {
        self.last.iter().copied().chain([u32::from(self.at)])
    }

    /// The generator that remembers this; `None` for words that none has.
    pub fn from_words(mut words: impl Iterator<Item = u32>) -> Option<Rand> {
        let mut rand = Rand { last: [0; 31], at: 0 };
        for last in &mut rand.last {
            *last = words.next()?;
        }
        rand.at = words.next().filter(|at| *at < 31)? as u8;
        Some(rand)
    }

    /// A number of 0..=MAX.
    pub fn draw(&mut self) -> u32 {
        let at = usize::from(self.at);
        let sum = self.last[at].wrapping_add(self.last[(at + 28) % 31]);
        self.last[at] = sum;
        self.at = ((at + 1) % 31) as u8;
        sum >> 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_what_glibc_draws() {
        // From glibc 2.36: srand(seed), the first four of rand().
        let known = [
            (0, [1804289383, 846930886, 1681692777, 1714636915]),
            (1, [1804289383, 846930886, 1681692777, 1714636915]),
            (42, [71876166, 708592740, 1483128881, 907283241]),
            (4000000000, [1111130805, 1380198982, 1306113867, 1557021840]),
        ];
        for (seed, numbers) in known {
            let mut rand = Rand::new(seed);
            assert_eq!(numbers.map(|_| rand.draw()), numbers, "seed {seed}");
        }
    }
}
