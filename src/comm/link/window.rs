//! Which counters were received: a sliding window (RFC 6479).

use super::division::remainder;
use crate::error::{Error, Result};

/// Whether a frame with this counter may still come: `highest` is the highest
/// one so far plus one, `bits` says which of those below were received.
pub fn check(bits: &[u64], highest: u64, counter: u64) -> Result<()> {
    if counter >= highest {
        return Ok(());
    }
    // Older than the oldest word.
    if (highest - 1) / 64 - counter / 64 >= bits.len() as u64 {
        return Err(Error::CommReplay);
    }
    let (word, bit) = place(bits.len(), counter);
    match bits.get(word) {
        Some(word) if word >> bit & 1 == 0 => Ok(()),
        _ => Err(Error::CommReplay),
    }
}

/// Remembers a counter that [`check`] has let through.
pub fn mark(bits: &mut [u64], highest: &mut u64, counter: u64) {
    if counter >= *highest {
        // Words between the old and the new top begin anew.
        let (old, new) = ((*highest).div_ceil(64), counter / 64);
        for word in (old..=new).take(bits.len()) {
            if let Some(word) = bits.get_mut(remainder(word, bits.len())) {
                *word = 0;
            }
        }
        *highest = counter + 1;
    }
    let (word, bit) = place(bits.len(), counter);
    if let Some(word) = bits.get_mut(word) {
        *word |= 1 << bit;
    }
}

fn place(words: usize, counter: u64) -> (usize, u32) {
    (remainder(counter / 64, words), counter as u32 % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn nothing_is_received_twice(words in 2usize..17, steps in proptest::collection::vec((0u64..3000, any::<bool>()), 1..400)) {
            let mut bits = std::vec![0u64; words];
            let (mut highest, mut seen, mut base) = (0, BTreeSet::new(), 0);
            for (step, far) in steps {
                let counter = base + step;
                if far { base += step; }
                let ok = check(&bits, highest, counter).is_ok();
                if seen.contains(&counter) {
                    prop_assert!(!ok);
                }
                // What is near enough and new is let through: all but one word of the width.
                if !seen.contains(&counter) && counter + (words as u64 - 1) * 64 >= highest {
                    prop_assert!(ok, "counter {} highest {}", counter, highest);
                }
                if ok {
                    mark(&mut bits, &mut highest, counter);
                    seen.insert(counter);
                }
            }
        }
    }
}
