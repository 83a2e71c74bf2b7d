//! What the caller counts: counters and sketches.

use core::ops::Range;

use crate::crdt::hash::xxh64;

use super::joined::{ALL_PARTS, ONE_PART};
use super::{Key, OWN, Store};
use crate::crdt::dot::Stamp;
use crate::crdt::kind::Kind;
use crate::crdt::sketch::{self, HEAD};
use crate::crdt::tally::{self, Tally};
use crate::error::{Error, Result};

impl Store<'_> {
    /// Counts `by` upwards with a counter of either kind; 0 changes nothing. What is counted
    /// with it next is mostly part of the same change, as long as nothing else happens here and
    /// nothing is told or kept: so it takes little, and no room in the log.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if `counter` is not an open counter,
    /// [`Error::Overflow`] if this replica's part would be more than an `i64` holds, or after the
    /// last sequence number, [`Error::Capacity`] without room in the heap, [`Error::CrdtOwn`]
    /// if others know of later counts of this replica. Nothing changes then.
    pub fn increment(&mut self, counter: Key, by: u64) -> Result<()> {
        let by = i64::try_from(by).map_err(|_| Error::Overflow);
        if let Ok(by) = by
            && self.count_untold(counter, by)
        {
            return Ok(());
        }
        let key = self.expect_counter(counter)?;
        self.count_by(key, by?)
    }

    /// Counts `by` downwards with a counter that can; 0 changes nothing.
    ///
    /// # Errors
    /// Those of [`increment`](Self::increment), and [`Error::CrdtKind`] for one that only
    /// grows.
    pub fn decrement(&mut self, counter: Key, by: u64) -> Result<()> {
        let by = 0i64.checked_sub_unsigned(by).ok_or(Error::Overflow);
        if let Ok(by) = by
            && self.is_untold(counter, Kind::Counter)
            && self.count_untold(counter, by)
        {
            return Ok(());
        }
        let key = self.expect(counter, Kind::Counter)?;
        self.count_by(key, by?)
    }

    fn expect_counter(&self, counter: Key) -> Result<u32> {
        let key = self.place(counter)?;
        if self.kind(key).is_counter() { Ok(key) } else { Err(Error::CrdtKind) }
    }

    fn count_by(&mut self, key: u32, by: i64) -> Result<()> {
        if by == 0 {
            return Ok(());
        }
        let change = self.next_change()?;
        let (at, old) = self.own_tally(key, change)?;
        let net = old.net.checked_add(by).ok_or(Error::Overflow)?;
        let start = at.start;
        let part = Tally { seq: change.seq(), net, ..old };
        self.put_tally(key, OWN, at, part)?;
        self.record_joined(change, ONE_PART, self.keys.get(key).hash);
        self.happened(change);
        self.touched(key);
        let at = self.keys.get(key).last as usize + start + part.net_at(OWN);
        self.counted_untold(key, at as u32, net);
        Ok(())
    }

    /// This replica's part of a counter before a change of it, and where it is in the row.
    pub(super) fn own_tally(&self, key: u32, change: Stamp) -> Result<(Range<usize>, Tally)> {
        let (at, part) = self.find_tally(key, OWN);
        match part {
            None => Ok((at, Tally::begun(change.seq()))),
            Some(part) if part.seq < change.seq() => Ok((at, part)),
            Some(_) => Err(Error::CrdtOwn),
        }
    }

    /// What a counter of either kind says: the sum of what all have counted, as far as
    /// it has come.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if it is not an open counter,
    /// [`Error::Overflow`] if the sum is more than an `i64` holds.
    pub fn total(&self, counter: Key) -> Result<i64> {
        let key = self.expect_counter(counter)?;
        // As many parts as there may be replicas, of less than 2^65 each.
        let sum: i128 = tally::parts(self.block(key)).map(|(.., part)| part.value()).sum();
        i64::try_from(sum).map_err(|_| Error::Overflow)
    }

    /// Sums up an element in a sketch, so many times: how often does not matter to a
    /// HyperLogLog, but 0 times change nothing.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if `sketch` is not an open sketch,
    /// [`Error::Capacity`] without room in the heap for its cells, [`Error::Overflow`] if
    /// a count would be more than a `u32` holds, or after the last sequence number. Nothing
    /// changes then.
    pub fn observe(&mut self, sketch: Key, element: &[u8], times: u32) -> Result<()> {
        let (key, hash) = (self.expect_sketch(sketch)?, self.element_hash(element));
        let change = self.next_change()?;
        if times == 0 {
            return Ok(());
        }
        let detail = if self.kind(key) == Kind::HyperLogLog {
            let (register, rank) = self.sizes.register(hash);
            let at = self.ensure_cells(key, OWN)?;
            if self.cell(key, at, register) >= rank.into() {
                return Ok(());
            }
            self.set_cell(key, at, register, rank.into());
            Self::detail_of_register(register)
        } else {
            let sizes = self.sizes;
            let columns = (0..sizes.depth).map(|row| sizes.column(hash, row));
            let cells = columns.clone().enumerate().map(|(row, column)| row * sizes.width + column);
            if let Some(at) = self.cells_at(key, OWN) {
                for cell in cells.clone() {
                    self.cell(key, at, cell).checked_add(times).ok_or(Error::Overflow)?;
                }
            }
            let at = self.ensure_cells(key, OWN)?;
            for cell in cells {
                let count = self.cell(key, at, cell);
                self.set_cell(key, at, cell, count + times);
            }
            Self::detail_of(columns)
        };
        self.record_joined(change, detail, self.keys.get(key).hash);
        self.happened(change);
        self.touched(key);
        Ok(())
    }

    fn expect_sketch(&self, sketch: Key) -> Result<u32> {
        let key = self.place(sketch)?;
        if self.kind(key).is_sketch() { Ok(key) } else { Err(Error::CrdtKind) }
    }

    /// The hash of an element in sketches.
    fn element_hash(&self, element: &[u8]) -> u64 {
        xxh64(element, self.keys.get(crate::crdt::keys::ROOT).hash.into())
    }

    /// How many different elements a HyperLogLog has seen, about.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if it is not an open one.
    pub fn cardinality(&self, sketch: Key) -> Result<u64> {
        let key = self.expect(sketch, Kind::HyperLogLog)?;
        let registers = self.block(key).get(HEAD..).filter(|registers| !registers.is_empty());
        Ok(registers.map_or(0, |registers| sketch::cardinality(registers, self.sizes)))
    }

    /// How often a Count-Min sketch has seen an element: never less than it was, and
    /// seldom more.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if it is not an open one.
    pub fn frequency(&self, sketch: Key, element: &[u8]) -> Result<u64> {
        let key = self.expect(sketch, Kind::CountMin)?;
        let hash = self.element_hash(element);
        let block = self.block(key);
        let counts = |row: usize| -> u64 {
            let cell = row * self.sizes.width + self.sizes.column(hash, row);
            let starts = (HEAD..block.len()).step_by(self.sizes.stride());
            starts.map(|at| u64::from(self.cell(key, at + 2, cell))).sum()
        };
        Ok((0..self.sizes.depth).map(counts).min().unwrap_or(0))
    }

    /// Takes away all that is seen to be in a joined value.
    pub(super) fn clear_joined(&mut self, key: u32) -> Result<()> {
        if !self.is_joined_full(key) {
            return Ok(());
        }
        let change = self.next_change()?;
        if self.kind(key).is_sketch() {
            let epoch = self.epoch(key).checked_add(1).ok_or(Error::Overflow)?;
            self.set_epoch(key, epoch)?;
        } else {
            // Of each part less is to be kept, so there is room.
            let mut at = 0;
            loop {
                let next = tally::parts(&self.block(key)[at..]).next();
                let Some((_, place, part)) = next else { break };
                let cleared = part.cleared();
                at += cleared.len(place);
                self.set_tally(key, place, cleared)?;
            }
            self.clearing_told(Some(change));
        }
        self.record_joined(change, ALL_PARTS, self.keys.get(key).hash);
        self.happened(change);
        self.touched(key);
        Ok(())
    }
}
