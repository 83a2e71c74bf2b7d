//! The buckets of a histogram: log-linear, two to an octave.
//!
//! The bounds are 2^f, 1.5·2^f, 2·2^f, 3·2^f, 4·2^f and so on, as HdrHistogram's with one bit of the mantissa: which
//! bucket a value belongs to is a few operations on integers.

/// The most octaves of a histogram.
pub const MOST_OCTAVES: u8 = 32;

/// Which values a histogram tells apart: above 2^`from`, up to 2^(`from` + `octaves`). Values up to 2^`from` share the
/// first bucket, those that are larger than all bounds the last one, which has none.
///
/// In between, the bounds of a bucket differ by half of the lower one or less: its upper bound is at least what was
/// recorded, and less than 1.5 times that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// The first bound, as a power of two: 1 to 63.
    pub from: u8,
    /// Octaves above it: 1 to [`MOST_OCTAVES`], and no bound above 2^63.
    pub octaves: u8,
}

impl Buckets {
    /// For how long something takes, in microseconds: from 32 µs to 33.6 s, in 42 buckets.
    pub const LATENCY: Buckets = Buckets { from: 5, octaves: 20 };
    /// For sizes in bytes: from 64 to 1 MiB, in 30 buckets.
    pub const SIZE: Buckets = Buckets { from: 6, octaves: 14 };

    /// How many buckets there are, the last one among them.
    pub const fn count(&self) -> usize {
        self.octaves as usize * 2 + 2
    }

    /// Whether they are within their ranges.
    pub(super) const fn good(&self) -> bool {
        let octaves = self.octaves >= 1 && self.octaves <= MOST_OCTAVES;
        octaves && self.from >= 1 && self.from <= 63 && self.from + self.octaves <= 63
    }

    /// The largest value of a bucket; `None` for the last one, and beyond.
    pub fn bound(&self, bucket: usize) -> Option<u64> {
        if bucket >= self.count() - 1 {
            return None;
        }
        let octave = u32::from(self.from) + (bucket.saturating_sub(1) / 2) as u32;
        let power = 1u64.checked_shl(octave)?;
        Some(match bucket {
            0 => power,
            _ if bucket % 2 == 1 => power + power / 2,
            _ => power.saturating_mul(2),
        })
    }

    /// Which bucket a value belongs to.
    #[inline]
    pub fn of(&self, value: u64) -> usize {
        // A bound belongs to the bucket below it.
        let under = value.saturating_sub(1);
        let Some(octave) =
            under.checked_ilog2().and_then(|log| log.checked_sub(u32::from(self.from)))
        else {
            return 0;
        };
        let log = octave + u32::from(self.from);
        // The bit behind the first one: whether it is above the middle.
        let upper = under.checked_shl(64 - log).unwrap_or(0) >> 63;
        (octave as usize * 2 + 1 + upper as usize).min(self.count() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_within_the_bounds_of_its_bucket() {
        for buckets in [
            Buckets::LATENCY,
            Buckets::SIZE,
            Buckets { from: 1, octaves: 1 },
            Buckets { from: 62, octaves: 1 },
            Buckets { from: 31, octaves: 32 },
        ] {
            assert!(buckets.good());
            let bounds: std::vec::Vec<u64> =
                (0..buckets.count() - 1).map(|i| buckets.bound(i).unwrap()).collect();
            assert!(bounds.is_sorted_by(|a, b| a < b), "{bounds:?}");
            assert_eq!(bounds.first(), Some(&(1 << buckets.from)));
            assert_eq!(bounds.last(), Some(&(1 << (buckets.from + buckets.octaves))));
            assert_eq!(buckets.bound(bounds.len()), None);
            assert_eq!(buckets.bound(usize::MAX), None);
            let near = bounds.iter().flat_map(|b| [b - 1, *b, b + 1, b + b / 5]);
            for value in near.chain([0, 1, 2, u64::MAX - 1, u64::MAX]) {
                let place = bounds.iter().position(|bound| value <= *bound);
                assert_eq!(buckets.of(value), place.unwrap_or(bounds.len()), "{value}");
            }
            // The stated error.
            for pair in bounds.windows(2) {
                assert!(pair[1] - pair[0] <= pair[0] / 2, "{pair:?}");
            }
        }
    }

    #[test]
    fn bounds_outside_of_64_bits_are_refused() {
        for (from, octaves) in [(0, 4), (64, 1), (63, 1), (1, 0), (1, 33), (40, 30), (255, 255)] {
            assert!(!Buckets { from, octaves }.good(), "{from} {octaves}");
        }
    }
}
