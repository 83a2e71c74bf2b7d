//! Where an element of a list is: a name that never changes, in an order of all names.
//!
//! The names are paths in the tree of Fugue (Weidner and Kleppmann, "The Art of the
//! Fugue: Minimizing Interleaving in Collaborative Text Editing", 2023). A level of a
//! path is a *waypoint*, which one change of one replica began, and an offset there. Odd
//! offsets are elements. What lies before an element and belongs to it (its left
//! descendants) goes by way of the even offset before it, what lies behind it (its right
//! descendants) by way of its own. So a run that was typed forwards or backwards is one
//! waypoint with many offsets, and no run of another replica comes in between.
//!
//! The element that a change adds at a waypoint which the same replica began has an
//! offset that counts the changes in between: `2n + 1` behind what is there, `-2n - 1`
//! before it. It was never used then, and nobody need remember which ones were. It also
//! says what is older, and so what an element was put beside.

use core::cmp::Ordering;

use crate::crdt::dot::{Dot, MAX_SEQ, ReplicaId};
use crate::crdt::numbers::{self, unzigzag, zigzag};
use crate::error::{Error, Result};

/// Most bytes of a position.
pub(in crate::crdt) const MAX_POSITION: usize = 1022;
/// Most bytes in front of an element: the position and its length.
pub(in crate::crdt) const MAX_HEAD: usize = 2 + MAX_POSITION;

/// The greatest offset of an element, and the smallest below zero.
const MAX_OFFSET: i64 = 2 * MAX_SEQ as i64 + 1;

/// A step of a path.
#[derive(Clone, Copy)]
struct Level {
    /// The change that began the waypoint.
    waypoint: Dot,
    offset: i64,
    /// Where in the path the offset is, and where the next level begins.
    offset_at: usize,
    end: usize,
}

impl Level {
    /// The level of a path that begins at `at`.
    fn read(path: &[u8], mut at: usize) -> Option<Level> {
        let mut next = || {
            let (number, len) = numbers::read_first(path.get(at..)?)?;
            at += len;
            Some((number, at))
        };
        let ((replica, _), (seq, offset_at), (offset, end)) = (next()?, next()?, next()?);
        let waypoint = Dot { replica: ReplicaId(replica), seq };
        Some(Level { waypoint, offset: unzigzag(offset), offset_at, end })
    }

    /// How many changes before `own` of the same replica the waypoint began; nothing if
    /// it is another's.
    fn since(&self, own: Dot) -> Option<i64> {
        let mine = self.waypoint.replica == own.replica && self.waypoint.seq < own.seq;
        mine.then(|| (own.seq - self.waypoint.seq) as i64)
    }

    /// The element at this offset, or the one that it leads to the left of.
    fn element(&self) -> i64 {
        self.offset | 1
    }

    /// How many changes after the first of the waypoint that element came.
    fn age(&self) -> i64 {
        (self.element().abs() - 1) / 2
    }
}

/// The levels of a path from a place in it on.
fn levels(path: &[u8], mut at: usize) -> impl Iterator<Item = Level> {
    core::iter::from_fn(move || {
        let level = Level::read(path, at)?;
        at = level.end;
        Some(level)
    })
}

/// How many bytes two paths begin with alike.
fn alike(a: &[u8], b: &[u8]) -> usize {
    let words = a.chunks_exact(8).zip(b.chunks_exact(8)).take_while(|(a, b)| a == b).count() * 8;
    words + a[words..].iter().zip(&b[words..]).take_while(|(a, b)| a == b).count()
}

/// The order of positions: level by level by replica, sequence number and offset. A
/// path comes before those that lead on from it.
pub(in crate::crdt) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let same = alike(a, b);
    if same == a.len() || same == b.len() {
        return a.len().cmp(&b.len());
    }
    // The number that they differ in, of the three of a level.
    let is_end = |byte: &u8| *byte < 128;
    let start = a[..same].iter().rposition(is_end).map_or(0, |end| end + 1);
    let which = a[..start].iter().filter(|byte| is_end(byte)).count() % 3;
    let number = |path: &[u8]| numbers::read_first(&path[start..]).map_or(0, |(number, _)| number);
    let (a, b) = (number(a), number(b));
    if which == 2 { unzigzag(a).cmp(&unzigzag(b)) } else { a.cmp(&b) }
}

/// The position and the value of an item: nothing for what is none.
pub(in crate::crdt) fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, head) = numbers::read_first(bytes)?;
    bytes[head..].split_at_checked(usize::try_from(len).ok()?)
}

/// Whether bytes are those of an item: a position and a value.
pub(in crate::crdt) fn allows(bytes: &[u8]) -> bool {
    let Some((path, _)) = split(bytes) else { return false };
    let (mut at, mut offset) = (0, 0);
    while at < path.len() {
        let Some(level) = Level::read(path, at) else { return false };
        let ranges = (1..=MAX_SEQ).contains(&level.waypoint.seq)
            && (-MAX_OFFSET..=MAX_OFFSET).contains(&level.element());
        if !ranges {
            return false;
        }
        (at, offset) = (level.end, level.offset);
    }
    path.len() <= MAX_POSITION && offset & 1 == 1
}

/// Where two neighbours part.
struct Fork {
    /// Where in both paths the first level begins that is not the same.
    at: usize,
    /// Whether it has the same waypoint.
    same_waypoint: bool,
    /// Whether what is put between them goes to the left of the right one, which
    /// belongs to the left one; else to the right of the left one.
    to_left: bool,
}

impl Fork {
    fn of(left: Option<&[u8]>, right: Option<&[u8]>, own: Dot) -> Fork {
        let (Some(left), Some(right)) = (left, right) else {
            return Fork { at: 0, same_waypoint: false, to_left: right.is_some() };
        };
        let (same, mut at) = (alike(left, right), 0);
        loop {
            let (Some(of_left), Some(of_right)) = (Level::read(left, at), Level::read(right, at))
            else {
                // One of the paths ends: the right one leads on from the left.
                return Fork { at, same_waypoint: false, to_left: right.len() > left.len() };
            };
            if of_left.end > same {
                let same_waypoint = of_left.waypoint == of_right.waypoint;
                let to_left = same_waypoint && belongs(left, of_left, of_right, own);
                return Fork { at, same_waypoint, to_left };
            }
            at = of_left.end;
        }
    }
}

/// Whether what is at one offset of a waypoint belongs to what is at a smaller one: was
/// put behind it when that was there already.
fn belongs(left: &[u8], of_left: Level, of_right: Level, own: Dot) -> bool {
    // So it is with all that is on the left of an element, and with its element.
    if of_left.element() == of_right.element() || of_left.age() >= of_right.age() {
        return false;
    }
    if of_left.end == left.len() {
        return true;
    }
    // Whether the right one is older than what the left one leads to is known of own
    // changes alone. Of another replica's waypoint Fugue's tree has the answer.
    let began = of_right.waypoint;
    if began.replica != own.replica {
        return false;
    }
    let last = levels(left, of_left.end).last().unwrap_or(of_left);
    let came = |level: Level| level.waypoint.seq as i64 + level.age();
    last.waypoint.replica != own.replica || came(last) < came(of_right)
}

/// A position that is being made, with its length in front of it.
pub(in crate::crdt) struct Draft {
    bytes: [u8; MAX_HEAD],
    start: usize,
    end: usize,
}

impl Draft {
    pub fn new() -> Draft {
        Draft { bytes: [0; MAX_HEAD], start: 2, end: 2 }
    }

    /// The position.
    pub fn position(&self) -> &[u8] {
        &self.bytes[2..self.end]
    }

    /// The position with its length in front of it: how an item's bytes begin.
    pub fn head(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Makes the position of what the change `own` puts between two neighbours.
    ///
    /// # Errors
    /// [`Error::Capacity`] if it would be too long.
    pub fn between(&mut self, left: Option<&[u8]>, right: Option<&[u8]>, own: Dot) -> Result<()> {
        self.end = 2;
        let fork = Fork::of(left, right, own);
        match (left, right) {
            (_, Some(right)) if fork.to_left => self.left_of(right, &fork, own)?,
            (Some(left), _) => self.right_of(left, &fork, own)?,
            _ => self.begin(own)?,
        }
        let len = (self.end - 2) as u64;
        let (bytes, digits) = numbers::bytes_of(len);
        self.start = 2 - digits;
        self.bytes[self.start..2].copy_from_slice(&bytes[..digits]);
        Ok(())
    }

    /// Goes on at the first waypoint of its own on the way, else begins one.
    fn right_of(&mut self, left: &[u8], fork: &Fork, own: Dot) -> Result<()> {
        // At the waypoint where they part the right one is in the way.
        for level in levels(left, fork.at).skip(usize::from(fork.same_waypoint)) {
            let next = level.since(own).map(|changes| 2 * changes + 1);
            if let Some(offset) = next.filter(|offset| *offset > level.offset) {
                self.put(&left[..level.offset_at])?;
                return self.number(zigzag(offset));
            }
        }
        self.put(left)?;
        self.begin(own)
    }

    /// The same towards the left.
    fn left_of(&mut self, right: &[u8], fork: &Fork, own: Dot) -> Result<()> {
        for level in levels(right, fork.at).skip(usize::from(fork.same_waypoint)) {
            let next = level.since(own).map(|changes| -2 * changes - 1);
            if let Some(offset) = next.filter(|offset| *offset < level.offset) {
                self.put(&right[..level.offset_at])?;
                return self.number(zigzag(offset));
            }
        }
        if let Some(last) = levels(right, fork.at).last() {
            self.put(&right[..last.offset_at])?;
            self.number(zigzag(last.offset - 1))?;
        }
        self.begin(own)
    }

    /// A new waypoint with its first element.
    fn begin(&mut self, own: Dot) -> Result<()> {
        self.number(own.replica.0)?;
        self.number(own.seq)?;
        self.number(zigzag(1))
    }

    fn number(&mut self, number: u64) -> Result<()> {
        let (bytes, len) = numbers::bytes_of(number);
        self.put(&bytes[..len])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let to = self.end + bytes.len();
        let place = self.bytes.get_mut(self.end..to).ok_or(Error::Capacity)?;
        place.copy_from_slice(bytes);
        self.end = to;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    /// The levels of a path, to be compared one by one.
    fn decoded(path: &[u8]) -> Vec<(u64, u64, i64)> {
        let level = |level: Level| (level.waypoint.replica.0, level.waypoint.seq, level.offset);
        levels(path, 0).map(level).collect()
    }

    proptest! {
        /// Whoever puts what in between what: it is between them, and positions have the
        /// order that their levels have.
        #[test]
        fn new_positions_lie_between_their_neighbours(
            steps in proptest::collection::vec((0..4usize, any::<u32>(), 1..200u64), 1..80),
        ) {
            let replicas = [1, 2, 1 << 40, u64::MAX];
            let mut seqs = [0; 4];
            let mut all: Vec<Vec<u8>> = vec![];
            for (replica, place, more) in steps {
                seqs[replica] += more;
                let own = Dot { replica: ReplicaId(replicas[replica]), seq: seqs[replica] };
                let gap = place as usize % (all.len() + 1);
                let left = gap.checked_sub(1).map(|at| &all[at][..]);
                let right = all.get(gap).map(|path| &path[..]);
                let mut draft = Draft::new();
                draft.between(left, right, own).unwrap();
                prop_assert!(allows(draft.head()));
                prop_assert_eq!(split(draft.head()), Some((draft.position(), &[][..])));
                let new = draft.position().to_vec();
                prop_assert!(left.is_none_or(|left| compare(left, &new) == Ordering::Less));
                prop_assert!(right.is_none_or(|right| compare(&new, right) == Ordering::Less));
                for other in &all {
                    let order = decoded(&new).cmp(&decoded(other));
                    prop_assert_eq!(compare(&new, other), order);
                    prop_assert_eq!(compare(other, &new), order.reverse());
                }
                all.insert(gap, new);
            }
        }

        /// Any bytes have some order, the same from both sides.
        #[test]
        fn any_bytes_can_be_compared(
            a in proptest::collection::vec(any::<u8>(), 0..24),
            b in proptest::collection::vec(any::<u8>(), 0..24),
        ) {
            let (a, b) = (split(&a).map_or(&a[..], |a| a.0), split(&b).map_or(&b[..], |b| b.0));
            prop_assert_eq!(compare(a, b), compare(b, a).reverse());
        }
    }
}
