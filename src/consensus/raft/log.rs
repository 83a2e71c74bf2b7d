//! The entries in memory: the last ones of the log, in a ring.
//!
//! Their bytes lie in the form in which messages carry them, so a batch is copied as one
//! piece. An entry never lies across the end of the ring: behind it is room for the longest.

use super::config::{RaftConfig, SPARE};
use super::types::{EntryKind, EntryRef};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// Bytes in front of an entry's data: its kind, and its length in three.
pub(super) const HEAD: usize = 4;
/// Bytes in front of the data of a client's entry.
pub(super) const CLIENT: usize = 16;
/// Terms that are remembered of entries that have left memory.
const RUNS: usize = 3;

#[derive(Clone, Copy, Default)]
struct Slot {
    term: u64,
    /// Where its bytes begin.
    start: u32,
    /// The lower half of the number of its record.
    record: u32,
}

#[derive(Default)]
pub(super) struct Log<'m> {
    slots: Carved<'m, Slot>,
    bytes: Carved<'m, u8>,
    /// Entries and bytes that followers take; proposals leave the spare ones.
    wrap: u32,
    /// Slot of the first entry.
    head: u32,
    len: u32,
    /// Index of the first entry, and of the last.
    first: u64,
    last: u64,
    /// Where the next entry begins, if that is not behind the end.
    tail: u32,
    /// Where the last entry before the end of the ring ends.
    turn: u32,
    used: u32,
    /// Entries up to here were handed out as records,
    handed: u64,
    /// and up to here are durable.
    stable: u64,
    /// Where terms began, of the entries before the first: the newest last.
    runs: [(u64, u64); RUNS],
}

/// What a batch holds.
pub(super) struct Batch {
    pub last: u64,
    pub len: usize,
    pub term: u64,
}

/// The head of an entry: its kind's number and the length of its data.
pub(super) fn head_of(bytes: &[u8]) -> Option<(u8, usize)> {
    // As it is written, as one word: a processor waits for bytes that it has just written singly.
    let head = u32::from_le_bytes(*bytes.first_chunk::<HEAD>()?);
    Some((head as u8, (head >> 8) as usize))
}

/// Writes an entry as messages carry it; its length, if there is room.
pub(super) fn put(place: &mut [u8], kind: EntryKind, parts: [&[u8]; 2]) -> Option<usize> {
    let [front, rest] = parts;
    let len = front.len() + rest.len();
    let (head, place) = place.split_first_chunk_mut::<HEAD>()?;
    *head = (kind as u32 | (len as u32) << 8).to_le_bytes();
    let (at, place) = place.split_at_mut_checked(front.len())?;
    at.copy_from_slice(front);
    place.get_mut(..rest.len())?.copy_from_slice(rest);
    Some(HEAD + len)
}

impl<'m> Log<'m> {
    pub fn carve(&mut self, carver: &mut Carver<'m>, config: &RaftConfig) -> Result<()> {
        let slots = config.entries + SPARE;
        let wrap = config.bytes.max(config.longest()) + HEAD * slots;
        self.slots = carver.take(slots, Slot::default())?;
        self.bytes = carver.take(wrap + HEAD + config.longest(), 0)?;
        (self.wrap, self.first) = (wrap as u32, 1);
        Ok(())
    }

    /// The index of the first entry in memory; one behind the last if there is none.
    pub fn first(&self) -> u64 {
        self.first
    }

    pub fn last(&self) -> u64 {
        self.last
    }

    pub fn last_term(&self) -> u64 {
        self.term(self.last()).unwrap_or(0)
    }

    /// Entries up to here were handed out as records.
    pub fn handed(&self) -> u64 {
        self.handed
    }

    /// Entries up to here are durable.
    pub fn stable(&self) -> u64 {
        self.stable
    }

    /// Everything that is there came from storage.
    pub fn all_is_stable(&mut self) {
        (self.handed, self.stable) = (self.last, self.last);
    }

    fn place(&self, index: u64) -> Option<usize> {
        let ahead = index.checked_sub(self.first)?;
        if ahead >= self.len as u64 {
            return None;
        }
        let at = self.head as usize + ahead as usize;
        Some(if at >= self.slots.len() { at - self.slots.len() } else { at })
    }

    fn slot(&self, index: u64) -> Option<&Slot> {
        self.slots.get(self.place(index)?)
    }

    /// The term of an entry, if it is known.
    pub fn term(&self, index: u64) -> Option<u64> {
        match self.slot(index) {
            Some(slot) => Some(slot.term),
            None if index >= self.first => None,
            None if index == 0 => Some(0),
            // The oldest place stands for nothing before it.
            None => {
                self.runs.iter().rev().find(|run| run.0 <= index && run.1 != 0).map(|run| run.1)
            }
        }
    }

    fn bytes_of(&self, slot: &Slot) -> Option<(EntryKind, &[u8])> {
        let bytes = self.bytes.get(slot.start as usize..)?;
        let (kind, len) = head_of(bytes)?;
        Some((EntryKind::from_code(kind)?, bytes.get(HEAD..HEAD + len)?))
    }

    pub fn entry(&self, index: u64) -> Option<EntryRef<'_>> {
        let slot = self.slot(index)?;
        let (kind, data) = self.bytes_of(slot)?;
        Some(EntryRef { index, term: slot.term, kind, data })
    }

    /// Whether there is room for an entry with so much data, and `spare` others beside it.
    pub fn fits(&self, len: usize, spare: usize) -> bool {
        self.len as usize + spare < self.slots.len()
            && self.used as usize + len + HEAD * (1 + spare) <= self.wrap as usize
    }

    /// Appends an entry behind the last. Its data comes in two parts.
    pub fn push(&mut self, term: u64, kind: EntryKind, parts: [&[u8]; 2]) -> Result<()> {
        let len = parts.iter().map(|part| part.len()).sum();
        if !self.fits(len, 0) {
            return Err(Error::Capacity);
        }
        if self.len == 0 {
            (self.tail, self.used) = (0, 0);
        }
        if self.tail >= self.wrap {
            (self.turn, self.tail) = (self.tail, 0);
        }
        let start = self.tail;
        let place = self.bytes.get_mut(start as usize..).ok_or(Error::Capacity)?;
        let len = put(place, kind, parts).ok_or(Error::Capacity)? as u32;
        (self.tail, self.used) = (start + len, self.used + len);
        self.len += 1;
        self.last += 1;
        if let Some(slot) = self.place(self.last).and_then(|at| self.slots.get_mut(at)) {
            *slot = Slot { term, start, record: 0 };
        }
        Ok(())
    }

    /// Removes an entry and all behind it.
    pub fn truncate(&mut self, from: u64) {
        let Some(slot) = self.slot(from) else { return };
        let start = slot.start;
        // What is gone lies between two places, or around the end.
        let gone = match self.tail.checked_sub(start) {
            Some(gone) => gone,
            None => self.turn - start + self.tail,
        };
        self.used -= gone;
        self.tail = start;
        self.len = (from - self.first) as u32;
        self.last = from - 1;
        self.handed = self.handed.min(from - 1);
        self.stable = self.stable.min(from - 1);
    }

    /// The first entry leaves memory.
    pub fn evict(&mut self) {
        let Some(Slot { term, start, .. }) = self.slot(self.first).copied() else { return };
        // It ends where the next begins: its own bytes may be far from the processor by now.
        let next = self.slot(self.first + 1).map_or(self.tail, |next| next.start);
        let end = if next > start { next } else { self.turn };
        self.remember(self.first, term);
        self.used -= end - start;
        self.len -= 1;
        self.first += 1;
        let next = self.head + 1;
        self.head = if next as usize == self.slots.len() { 0 } else { next };
    }

    fn remember(&mut self, index: u64, term: u64) {
        let [_, second, newest] = self.runs;
        if newest.1 != term {
            self.runs = [second, newest, (index, term)];
        }
    }

    /// Nothing is left: the log goes on behind an entry of this index and term.
    pub fn reset(&mut self, index: u64, term: u64) {
        (self.len, self.tail, self.used) = (0, 0, 0);
        (self.first, self.last) = (index + 1, index);
        (self.handed, self.stable) = (index, index);
        self.runs = [(0, 0); RUNS];
        self.remember(index, term);
    }

    /// The next entry for storage, under the number of its record.
    pub fn hand_out(&mut self, record: u64) -> Option<EntryRef<'_>> {
        let next = self.handed + 1;
        let at = self.place(next)?;
        self.slots.get_mut(at)?.record = record as u32;
        self.handed = next;
        self.entry(next)
    }

    /// Records up to this one are durable.
    pub fn durable(&mut self, record: u64) {
        while self.stable < self.handed {
            // An entry that has left memory was durable.
            let next = self.slot(self.stable + 1).map_or(0, |slot| slot.record);
            let behind = (record as u32).wrapping_sub(next) as i32;
            if self.stable + 1 >= self.first && behind < 0 {
                break;
            }
            self.stable += 1;
        }
    }

    /// Where a log that has `term` at `index` may be the same as this one: the last entry here up
    /// to there whose term is not above.
    pub fn meet(&self, index: u64, term: u64) -> (u64, u64) {
        let mut at = index.min(self.last());
        while at >= self.first && self.term(at).is_some_and(|own| own > term) {
            at -= 1;
        }
        (at, self.term(at).unwrap_or(0))
    }

    /// Copies entries of one term, from an index on, as many as there is room for.
    pub fn copy(&self, from: u64, place: &mut [u8]) -> Option<Batch> {
        let first = self.slot(from)?;
        let (mut last, mut len, mut end) = (from - 1, 0, first.start as usize);
        // Where the part before the end of the ring ends.
        let mut turned = None;
        let mut index = from;
        while let Some(slot) = self.slot(index) {
            let start = slot.start as usize;
            let Some((_, data)) = head_of(self.bytes.get(start..)?) else { break };
            if slot.term != first.term || len + HEAD + data > place.len() {
                break;
            }
            if start < end {
                turned = Some(end);
            }
            len += HEAD + data;
            end = start + HEAD + data;
            (last, index) = (index, index + 1);
        }
        let start = first.start as usize;
        let (before, behind) = match turned {
            None => (self.bytes.get(start..end)?, &[][..]),
            Some(turn) => (self.bytes.get(start..turn)?, self.bytes.get(..end)?),
        };
        let (front, rest) = place.split_at_mut_checked(before.len())?;
        front.copy_from_slice(before);
        rest.get_mut(..behind.len())?.copy_from_slice(behind);
        Some(Batch { last, len, term: first.term })
    }

    /// The same without data, for a witness.
    pub fn copy_hollow(&self, from: u64, place: &mut [u8]) -> Option<Batch> {
        let first = self.slot(from)?.term;
        let (mut last, mut len) = (from - 1, 0);
        let mut index = from;
        while let Some(entry) = self.entry(index) {
            let (kind, data) = hollow(entry.kind, entry.data);
            let Some(room) = place.get_mut(len..).filter(|_| entry.term == first) else { break };
            let Some(more) = put(room, kind, [data, &[]]) else { break };
            (last, len, index) = (index, len + more, index + 1);
        }
        Some(Batch { last, len, term: first })
    }
}

/// What a witness holds of an entry.
pub(super) fn hollow(kind: EntryKind, data: &[u8]) -> (EntryKind, &[u8]) {
    match kind {
        EntryKind::Data | EntryKind::Session => (EntryKind::Hollow, &[]),
        _ => (kind, data),
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use crate::port::{Allocator, Heap};
    use std::vec;
    use std::vec::Vec;

    fn with_log(entries: usize, bytes: usize, test: impl FnOnce(&mut Log<'_>)) {
        let config = RaftConfig { entries, bytes, max_entry: 40, peers: 1, ..Default::default() };
        let (mut measure, mut log) = (Carver::measure(), Log::default());
        log.carve(&mut measure, &config).unwrap();
        let layout = measure.layout().unwrap();
        let mut piece = Heap.allocate(layout).unwrap();
        log.carve(&mut piece.carver(layout).unwrap(), &config).unwrap();
        test(&mut log);
    }

    /// Against a list: entries come, leave at the front, are cut off at the end.
    #[test]
    fn it_is_a_list() {
        with_log(8, 120, |log| {
            let mut model: Vec<(u64, Vec<u8>)> = Vec::new();
            let mut first = 1;
            let mut state = 7u64;
            for step in 0..20_000u64 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
                let draw = (state >> 33) as usize;
                match draw % 8 {
                    0 => {
                        if !model.is_empty() {
                            let at = draw / 8 % model.len();
                            log.truncate(first + at as u64);
                            model.truncate(at);
                        }
                    }
                    1 | 2 => {
                        log.evict();
                        if !model.is_empty() {
                            model.remove(0);
                            first += 1;
                        }
                    }
                    _ => {
                        let data = vec![step as u8; draw / 8 % 41];
                        let used: usize = model.iter().map(|(_, d)| d.len() + HEAD).sum();
                        let fits = model.len() < 14 && used + data.len() + HEAD <= 120 + 14 * HEAD;
                        assert_eq!(log.fits(data.len(), 0), fits);
                        let pushed = log.push(step / 9, EntryKind::Data, [&data, &[]]);
                        assert_eq!(pushed.is_ok(), fits);
                        if fits {
                            model.push((step / 9, data));
                        }
                    }
                }
                assert_eq!((log.first(), log.last()), (first, first + model.len() as u64 - 1));
                let mut whole = Vec::new();
                for (i, (term, data)) in model.iter().enumerate() {
                    let entry = log.entry(first + i as u64).unwrap();
                    assert_eq!((entry.term, entry.data), (*term, &data[..]));
                    if *term == model[0].0 && whole.len() == i {
                        whole.push(data.clone());
                    }
                }
                let mut place = [0; 400];
                if let Some(batch) = log.copy(first, &mut place) {
                    assert_eq!(batch.last, first + whole.len() as u64 - 1);
                    let mut rest = &place[..batch.len];
                    for data in whole {
                        let (kind, len) = head_of(rest).unwrap();
                        assert_eq!((kind, &rest[HEAD..HEAD + len]), (1, &data[..]));
                        rest = &rest[HEAD + len..];
                    }
                    assert!(rest.is_empty());
                }
            }
        });
    }

    #[test]
    fn it_knows_what_is_durable() {
        with_log(8, 100, |log| {
            for _ in 0..4 {
                log.push(1, EntryKind::Empty, [&[], &[]]).unwrap();
            }
            assert_eq!(log.hand_out(1).map(|e| e.index), Some(1));
            assert_eq!(log.hand_out(3).map(|e| e.index), Some(2));
            assert_eq!(log.hand_out(4).map(|e| e.index), Some(3));
            log.durable(2);
            assert_eq!(log.stable(), 1);
            // The third comes anew: what is durable of the old one says nothing.
            log.truncate(3);
            log.push(2, EntryKind::Empty, [&[], &[]]).unwrap();
            log.durable(4);
            assert_eq!((log.stable(), log.handed()), (2, 2));
            assert_eq!(log.hand_out(5).map(|e| e.term), Some(2));
            log.durable(5);
            assert_eq!(log.stable(), 3);
        });
    }

    #[test]
    fn it_remembers_terms_for_a_while() {
        with_log(8, 100, |log| {
            log.reset(10, 3);
            for term in 3..7 {
                log.push(term, EntryKind::Empty, [&[], &[]]).unwrap();
                log.push(term, EntryKind::Empty, [&[], &[]]).unwrap();
            }
            assert_eq!((log.term(9), log.term(10), log.term(11)), (None, Some(3), Some(3)));
            (0..8).for_each(|_| log.evict());
            assert_eq!((log.term(12), log.term(13), log.term(18)), (None, Some(4), Some(6)));
            assert_eq!((log.last(), log.last_term(), log.term(19)), (18, 6, None));
        });
    }
}
