//! Counters: what each replica has counted, one row of bytes for each counter.
//!
//! A replica alone changes its part, so of two versions the later one is right (Shapiro
//! et al., "A comprehensive study of convergent and commutative replicated data types",
//! 2011, section 3.1). What was counted is never taken back: a clearing notes how far each
//! replica had counted by then, and only what comes after that counts. So what others count at
//! the same time stays, and nothing else comes back. (Baquero, Almeida, Lerche, "The problem
//! with embedded CRDT counters and a solution", 2016, tells what goes wrong otherwise.)

use core::ops::Range;

use super::dot::MAX_SEQ;
use super::numbers::{self, Scratch, unzigzag, zigzag};

/// Most bytes of a part in a row.
pub(super) const MAX_LEN: usize = 5 * numbers::MAX_LEN;

/// A replica's part of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    /// The replica's last change of the counter.
    pub seq: u64,
    /// What it had counted then.
    pub net: i64,
    /// Its last change that was seen by a clearing.
    pub base_seq: u64,
    /// What it had counted then.
    pub base: i64,
}

/// Of what form the bytes are.
const NO_BASE: u64 = 0;
const CLEARED: u64 = 1;
const BASE: u64 = 2;

impl Tally {
    /// The part of a replica that begins to count with a change: what it may have counted
    /// before is no more.
    pub fn begun(seq: u64) -> Tally {
        Tally { seq, net: 0, base_seq: seq - 1, base: 0 }
    }

    /// What it adds to the counter.
    pub fn value(self) -> i128 {
        i128::from(self.net) - i128::from(self.base)
    }

    /// Whether nothing was counted since the last clearing.
    pub fn is_cleared(self) -> bool {
        self.base_seq == self.seq
    }

    pub fn cleared(self) -> Tally {
        Tally { base_seq: self.seq, base: self.net, ..self }
    }

    /// Of two versions of a replica's part what both say.
    pub fn joined(self, other: Tally) -> Tally {
        let (seq, net) = (self.seq, self.net).max((other.seq, other.net));
        let (base_seq, base) = (self.base_seq, self.base).max((other.base_seq, other.base));
        Tally { seq, net, base_seq, base }
    }

    /// The numbers that it is written as, with the replica's in some table, and how many
    /// of them.
    fn numbers(self, replica: usize) -> ([u64; 5], usize) {
        let (form, count) = match self {
            _ if self.is_cleared() => (CLEARED, 3),
            Tally { base: 0, .. } => (NO_BASE, 4),
            _ => (BASE, 5),
        };
        let (first, after) = ((replica as u64) << 2 | form, self.seq - self.base_seq);
        ([first, self.seq, zigzag(self.net), after, zigzag(self.base)], count)
    }

    /// How many bytes it has.
    pub fn len(self, replica: usize) -> usize {
        let (numbers, count) = self.numbers(replica);
        numbers[..count].iter().map(|number| numbers::len(*number)).sum()
    }

    /// Writes it to as many bytes as it has.
    pub fn write(self, replica: usize, mut bytes: &mut [u8]) {
        let (numbers, count) = self.numbers(replica);
        for number in &numbers[..count] {
            bytes = numbers::write(*number, bytes);
        }
    }

    /// As bytes.
    pub fn bytes(self, replica: usize) -> Scratch<MAX_LEN> {
        let (numbers, count) = self.numbers(replica);
        let mut bytes = Scratch::new();
        numbers[..count].iter().for_each(|number| bytes.number(*number));
        bytes
    }

    /// Where in its bytes `net` is.
    pub fn net_at(self, replica: usize) -> usize {
        numbers::len((replica as u64) << 2) + numbers::len(self.seq)
    }

    /// The part at the beginning, which is cut off, and the replica's number.
    pub fn read(rest: &mut &[u8]) -> Option<(usize, Tally)> {
        let first = numbers::read(rest)?;
        let replica = usize::try_from(first >> 2).ok()?;
        let seq = numbers::read(rest)?;
        let net = unzigzag(numbers::read(rest)?);
        if !(1..=MAX_SEQ).contains(&seq) {
            return None;
        }
        if first & 3 == CLEARED {
            return Some((replica, Tally { seq, net, base_seq: seq, base: net }));
        }
        let after = numbers::read(rest)?;
        let base_seq = seq.checked_sub(after).filter(|_| after > 0)?;
        let base = match first & 3 {
            NO_BASE => 0,
            BASE => Some(unzigzag(numbers::read(rest)?)).filter(|base| *base != 0)?,
            _ => return None,
        };
        Some((replica, Tally { seq, net, base_seq, base }))
    }
}

/// The parts of a row, each with where it is and whose.
pub(super) fn parts(row: &[u8]) -> impl Iterator<Item = (Range<usize>, usize, Tally)> + Clone {
    let mut rest = row;
    core::iter::from_fn(move || {
        let from = row.len() - rest.len();
        let (replica, part) = Tally::read(&mut rest)?;
        Some((from..row.len() - rest.len(), replica, part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back() {
        for part in [
            Tally::begun(1),
            Tally { seq: 9, net: -5, base_seq: 3, base: 0 },
            Tally { seq: 9, net: -5, base_seq: 3, base: 4 },
            Tally { seq: MAX_SEQ, net: i64::MIN, base_seq: 0, base: i64::MAX },
            Tally { seq: 9, net: 0, base_seq: 3, base: 4 }.cleared(),
        ] {
            let bytes = part.bytes(77);
            let mut rest = bytes.get();
            assert_eq!((Tally::read(&mut rest), rest.len()), (Some((77, part)), 0));
            for len in 0..bytes.get().len() {
                assert_eq!(Tally::read(&mut &bytes.get()[..len]), None);
            }
        }
        // No form of its own for what another one says, and nothing before the first change.
        for bytes in [[0, 9, 2, 0, 0], [2, 9, 2, 3, 0], [3, 9, 2, 3, 2], [0, 0, 2, 0, 0]] {
            assert_eq!(Tally::read(&mut &bytes[..]), None);
        }
        assert_eq!(Tally::read(&mut &[0, 9, 2, 10][..]), None);
    }

    #[test]
    fn what_was_counted_before_a_clearing_does_not_come_back() {
        let before = Tally { seq: 4, net: 5, ..Tally::begun(2) };
        let counted_on = Tally { seq: 6, net: 6, ..before };
        let both = before.cleared().joined(counted_on);
        assert_eq!(both, counted_on.joined(before.cleared()));
        assert_eq!((both.value(), both.is_cleared()), (1, false));
        // One that begins again needs no memory of that.
        assert_eq!(both.joined(Tally { net: 3, ..Tally::begun(7) }).value(), 3);
    }
}
