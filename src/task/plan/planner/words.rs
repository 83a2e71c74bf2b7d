//! Memory of a planner: words of 32 bits, taken from the front, given back from the end.

use crate::error::Result;
use crate::mem::{Carver, Lazy};
pub(super) use crate::task::mix::fold;

/// A stack of words in which everything of a search lies that comes and goes with the path.
pub(super) struct Words<'m> {
    words: Lazy<'m, u32>,
    top: usize,
}

impl<'m> Words<'m> {
    pub fn new(carver: &mut Carver<'m>, capacity: usize) -> Result<Words<'m>> {
        Ok(Words { words: Lazy::new(carver, capacity)?, top: 0 })
    }

    /// How many words are in use.
    pub fn top(&self) -> usize {
        self.top
    }

    pub fn capacity(&self) -> usize {
        self.words.capacity()
    }

    /// A word. What is out of range reads as 0: no place that is used is.
    #[inline(always)]
    pub fn at(&self, place: usize) -> u32 {
        self.words.get(place).copied().unwrap_or(0)
    }

    #[inline(always)]
    pub fn set(&mut self, place: usize, word: u32) {
        if let Some(slot) = self.words.get_mut(place) {
            *slot = word;
        }
    }

    /// A number of two words, low first.
    #[inline(always)]
    pub fn pair(&self, place: usize) -> u64 {
        self.at(place) as u64 | (self.at(place + 1) as u64) << 32
    }

    /// Sets two words to a number, low first.
    #[inline(always)]
    pub fn set_pair(&mut self, place: usize, number: u64) {
        self.set(place, number as u32);
        self.set(place + 1, (number >> 32) as u32);
    }

    /// Sets the nth half of the words from `place` on; the half after it becomes 0.
    #[inline(always)]
    pub fn put_half(&mut self, place: usize, nth: usize, half: u16) {
        let at = place + nth / 2;
        let half = half as u32;
        self.set(at, if nth.is_multiple_of(2) { half } else { self.at(at) & 0xFFFF | half << 16 });
    }

    /// The nth half of the words from `place` on.
    #[inline(always)]
    pub fn half(&self, place: usize, nth: usize) -> u16 {
        (self.at(place + nth / 2) >> (nth % 2 * 16) & 0xFFFF) as u16
    }

    /// Takes `count` words, whatever is in them, and answers where they begin.
    #[inline(always)]
    pub fn take(&mut self, count: usize) -> Result<usize> {
        let from = self.top;
        if from + count > self.words.len() {
            self.grow(from + count)?;
        }
        self.top = from + count;
        Ok(from)
    }

    /// As [`take`](Words::take), all 0.
    pub fn take_zeroed(&mut self, count: usize) -> Result<usize> {
        let from = self.take(count)?;
        if let Some(words) = self.words.get_mut(from..from + count) {
            words.fill(0);
        }
        Ok(from)
    }

    #[cold]
    fn grow(&mut self, len: usize) -> Result<()> {
        // A little ahead, so that this is seldom.
        let ahead = (len + len / 4 + 64).min(self.words.capacity());
        self.words.ensure(ahead.max(len), 0)
    }

    #[inline(always)]
    pub fn push(&mut self, word: u32) -> Result<()> {
        let at = self.take(1)?;
        self.set(at, word);
        Ok(())
    }

    /// Gives back all that was taken after the top was `top`.
    #[inline(always)]
    pub fn cut(&mut self, top: usize) {
        self.top = top;
    }

    #[inline(always)]
    pub fn slice(&self, from: usize, len: usize) -> &[u32] {
        self.words.get(from..from + len).unwrap_or(&[])
    }

    #[inline(always)]
    pub fn slice_mut(&mut self, from: usize, len: usize) -> &mut [u32] {
        self.words.get_mut(from..from + len).unwrap_or(&mut [])
    }
}

/// Spreads the bits of a number, of 0 too: what SplitMix64 says after it.
#[inline(always)]
pub(super) fn mix(z: u64) -> u64 {
    crate::task::mix::mix(z.wrapping_add(0x9E37_79B9_7F4A_7C15))
}
