//! From text to the n-grams that stand for it, as they come: nothing is kept but five bytes.
//!
//! Words, pairs of neighbouring words (the text's ends count as such), and runs of 3 to 5 bytes of the
//! words with one space between them, one before and one behind. Letters of ASCII are taken as small ones;
//! bytes of other letters (UTF-8) as they are; an apostrophe is as if it were not there; all else parts words.

use crate::task::mix::mix;

/// Longest text in bytes.
pub const MAX_TEXT: usize = 4096;

/// How much words and pairs count, as a multiple of a run of bytes.
pub(super) const WORD_WEIGHT: i32 = 3;
/// How much a run of bytes counts.
pub(super) const RUN_WEIGHT: i32 = 1;

/// Shortest and longest run.
const RUNS: core::ops::RangeInclusive<u32> = 3..=5;

/// FNV-1a, 64 bits.
const BASIS: u64 = 0xCBF2_9CE4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01B3;

/// Stands for what is before the first word and behind the last.
const EDGE: u64 = 0x5EED;

/// The last bytes, for runs.
struct Last {
    bytes: u64,
    len: u32,
}

impl Last {
    fn push(&mut self, byte: u8, call: &mut impl FnMut(u64, i32)) {
        self.bytes = (self.bytes << 8) | u64::from(byte);
        self.len += 1;
        for run in RUNS.take_while(|run| *run <= self.len) {
            let bytes = self.bytes & ((1 << (8 * run)) - 1);
            call(mix(bytes | u64::from(run) << 56), RUN_WEIGHT);
        }
    }
}

/// Calls for each n-gram of a text, with its hash and its weight.
pub(super) fn each(text: &[u8], mut call: impl FnMut(u64, i32)) {
    let mut last = Last { bytes: 0, len: 0 };
    let mut before = EDGE;
    let mut word = BASIS;
    let mut inside = false;
    // One byte behind the text, to end the last word.
    for byte in text.iter().copied().chain(core::iter::once(b' ')) {
        if byte == b'\'' {
            continue;
        }
        let byte = byte.to_ascii_lowercase();
        let belongs = byte.is_ascii_alphanumeric() || byte >= 0x80;
        if belongs {
            if !inside && before == EDGE {
                last.push(b' ', &mut call);
            }
            word = (word ^ u64::from(byte)).wrapping_mul(PRIME);
            last.push(byte, &mut call);
        } else if inside {
            last.push(b' ', &mut call);
            call(mix(word), WORD_WEIGHT);
            call(pair(before, word), WORD_WEIGHT);
            (before, word) = (word, BASIS);
        }
        inside = belongs;
    }
    if before != EDGE {
        call(pair(before, EDGE), WORD_WEIGHT);
    }
}

fn pair(first: u64, second: u64) -> u64 {
    mix(first.rotate_left(23).wrapping_mul(PRIME) ^ second)
}

/// Where the parts of an n-gram's row lie in a table of `blocks` blocks: part `j` is at block
/// `(first + j * step) * blocks / 2^32`, so that two n-grams that share a block rarely share another
/// (Kirsch and Mitzenmacher 2006, for the hash functions; Desai et al., "Random Offset Block Embedding Array
/// (ROBE)", 2022, for rows that are made of shared blocks).
pub(super) struct Places {
    at: u32,
    step: u32,
    blocks: u32,
}

impl Places {
    pub fn new(hash: u64, blocks: u32) -> Places {
        Places { at: hash as u32, step: (hash >> 32) as u32 | 1, blocks }
    }

    /// The next part's block.
    pub fn next(&mut self) -> usize {
        let block = (u64::from(self.at) * u64::from(self.blocks)) >> 32;
        self.at = self.at.wrapping_add(self.step);
        block as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn grams(text: &str) -> BTreeMap<u64, i32> {
        let mut all = BTreeMap::new();
        each(text.as_bytes(), |hash, weight| *all.entry(hash).or_default() += weight);
        all
    }

    #[test]
    fn case_marks_and_spaces_do_not_count() {
        let plain = grams("what s the time");
        assert_eq!(grams("  What s, the TIME?!"), plain);
        assert_eq!(grams("it's"), grams("its"));
        assert_ne!(grams("the time what s"), plain);
        assert!(grams("").is_empty() && grams(" ,.;' ").is_empty());
    }

    #[test]
    fn the_number_of_grams_is_as_described() {
        let count = |text: &str| {
            let (mut words, mut runs) = (0, 0);
            each(text.as_bytes(), |_, weight| match weight {
                WORD_WEIGHT => words += 1,
                _ => runs += 1,
            });
            (words, runs)
        };
        // " go up " has seven bytes: 5 + 4 + 3 runs; two words, three pairs.
        assert_eq!(count("go up"), (5, 12));
        assert_eq!(count("a"), (3, 1));
    }
}
