//! Values whose parts are joined: counters and sketches.
//!
//! Of two versions of a part one can tell what both say, so it does not matter which
//! changes are in them: a part is joined whenever it is told. Each key has one block in
//! the heap, which `last` of its entry says the place of. A part is found by a hash
//! that shares its upper bits with that of the key.

use core::ops::Range;

use super::encode::{Frames, wire_dot};
use super::untold::Untold;
use super::{BLOCK_OWNED, OWN, Store};
use crate::crdt::dot::Stamp;
use crate::crdt::heap::Heap;
use crate::crdt::items::NONE;
use crate::crdt::keys::Keys;
use crate::crdt::kind::Kind;
use crate::crdt::numbers::Scratch;
use crate::crdt::sketch::{self, Cells, HEAD};
use crate::crdt::tally::{self, Tally};

use crate::error::{Error, Result};

/// What a change did to a joined value, as the log remembers it, in the lowest bits: its
/// replica counted; it was cleared; a register; counts of a Count-Min sketch, which follow.
pub(super) const ONE_PART: u64 = 0;
pub(super) const ALL_PARTS: u64 = 1;
const REGISTER: u64 = 2;
const CELLS: u64 = 3;

impl Store<'_> {
    /// The block of a joined value.
    pub(super) fn block(&self, key: u32) -> &[u8] {
        block(&self.keys, &self.heap, key)
    }

    fn block_mut(&mut self, key: u32) -> &mut [u8] {
        match self.keys.get(key).last {
            NONE => &mut [],
            at => self.heap.get_mut(at),
        }
    }

    /// Gives a joined value's block so many bytes; those that are new are zero.
    pub(super) fn resize_block(&mut self, key: u32, len: usize) -> Result<()> {
        let old = self.block(key).len();
        let at = self.keys.get(key).last;
        let (items, keys) = (&mut self.items, &mut self.keys);
        self.untold = Untold::NOTHING;
        let moved = |owner, at| super::moved(items, keys, owner, at);
        let at = match at {
            NONE => {
                let at = self.heap.take(key | BLOCK_OWNED, len, moved)?;
                self.joined += 1;
                at
            }
            at => self.heap.resize(at, len, moved)?,
        };
        self.keys.get_mut(key).last = at;
        if let Some(new) = self.heap.get_mut(at).get_mut(old..) {
            new.fill(0);
        }
        Ok(())
    }

    /// Takes a joined value's block away.
    pub(super) fn drop_block(&mut self, key: u32) {
        let at = core::mem::replace(&mut self.keys.get_mut(key).last, NONE);
        if at != NONE {
            self.heap.give(at);
            self.joined -= 1;
        }
    }

    /// Whether something is in a joined value.
    pub(super) fn is_joined_full(&self, key: u32) -> bool {
        if self.kind(key).is_sketch() {
            self.block(key).len() > HEAD
        } else {
            tally::parts(self.block(key)).any(|(.., part)| !part.is_cleared())
        }
    }

    /// A replica's part of a counter.
    pub(super) fn tally(&self, key: u32, place: usize) -> Option<Tally> {
        self.find_tally(key, place).1
    }

    /// The same, and where it is in the row, or would be.
    pub(super) fn find_tally(&self, key: u32, place: usize) -> (Range<usize>, Option<Tally>) {
        let row = self.block(key);
        match tally::parts(row).find(|(_, of, _)| *of == place) {
            Some((range, _, part)) => (range, Some(part)),
            None => (row.len()..row.len(), None),
        }
    }

    /// Sets a replica's part of a counter.
    pub(super) fn set_tally(&mut self, key: u32, place: usize, part: Tally) -> Result<()> {
        let old = self.find_tally(key, place).0;
        self.put_tally(key, place, old, part)
    }

    /// The same for a part that is at `old` in the row.
    pub(super) fn put_tally(
        &mut self,
        key: u32,
        place: usize,
        old: Range<usize>,
        part: Tally,
    ) -> Result<()> {
        let (len, new) = (self.block(key).len(), part.len(place));
        let (all, end) = (len - old.len() + new, old.start + new);
        if all > len {
            self.resize_block(key, all)?;
        }
        let row = self.block_mut(key);
        if all != len {
            row.copy_within(old.end..len, end);
        }
        part.write(place, &mut row[old.start..end]);
        if all < len {
            self.resize_block(key, all)?;
        }
        Ok(())
    }

    /// The epoch of a sketch.
    pub(super) fn epoch(&self, key: u32) -> u32 {
        self.block(key).first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// Begins a later epoch of a sketch: nothing is in it.
    pub(super) fn set_epoch(&mut self, key: u32, epoch: u32) -> Result<()> {
        self.resize_block(key, HEAD)?;
        self.block_mut(key)[..HEAD].copy_from_slice(&epoch.to_le_bytes());
        Ok(())
    }

    /// Where the cells of a replica begin in a sketch's block, if it has any.
    pub(super) fn cells_at(&self, key: u32, place: usize) -> Option<usize> {
        let block = self.block(key);
        if self.kind(key) == Kind::HyperLogLog {
            return (block.len() > HEAD).then_some(HEAD);
        }
        let stride = self.sizes.stride();
        let starts = (HEAD..block.len()).step_by(stride);
        let of = |at: &usize| u16::from_le_bytes([block[*at], block[at + 1]]) as usize == place;
        starts.into_iter().find(of).map(|at| at + 2)
    }

    /// How many cells a sketch has, of each replica if it is a Count-Min sketch.
    pub(super) fn cells_in(&self, kind: Kind) -> usize {
        if kind == Kind::HyperLogLog { self.sizes.registers() } else { self.sizes.cells() }
    }

    /// Bytes that the cells of a replica take.
    pub(super) fn cells_cost(&self, kind: Kind) -> usize {
        if kind == Kind::HyperLogLog { self.sizes.registers() } else { self.sizes.stride() }
    }

    /// The same; they are made where there are none.
    pub(super) fn ensure_cells(&mut self, key: u32, place: usize) -> Result<usize> {
        if let Some(at) = self.cells_at(key, place) {
            return Ok(at);
        }
        let kind = self.kind(key);
        let len = self.block(key).len().max(HEAD);
        self.resize_block(key, len + self.cells_cost(kind))?;
        if kind == Kind::HyperLogLog {
            return Ok(len);
        }
        self.block_mut(key)[len..len + 2].copy_from_slice(&(place as u16).to_le_bytes());
        Ok(len + 2)
    }

    /// What is in a cell.
    pub(super) fn cell(&self, key: u32, cells_at: usize, cell: usize) -> u32 {
        let block = self.block(key);
        if self.kind(key) == Kind::HyperLogLog {
            return block[cells_at + cell].into();
        }
        let at = cells_at + 4 * cell;
        block[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    pub(super) fn set_cell(&mut self, key: u32, cells_at: usize, cell: usize, value: u32) {
        if self.kind(key) == Kind::HyperLogLog {
            self.block_mut(key)[cells_at + cell] = value as u8;
        } else {
            let at = cells_at + 4 * cell;
            self.block_mut(key)[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
    }

    // What a frame tells.

    pub(super) fn read_cells<'a>(&self, kind: Kind, bytes: &'a [u8]) -> Result<Cells<'a>> {
        let read = if kind == Kind::HyperLogLog { Cells::of_registers } else { Cells::of_counts };
        read(bytes, self.sizes).ok_or(Error::CrdtFormat)
    }

    /// The place of a replica that a part names.
    pub(super) fn part_place(&self, replica: usize) -> Result<usize> {
        Ok(self.places.stamp(crate::crdt::wire::WireDot { replica, seq: 1 })?.place())
    }

    /// Whose cells these are.
    pub(super) fn cells_place(&self, kind: Kind, cells: &Cells<'_>) -> Result<usize> {
        let nobody = kind == Kind::HyperLogLog || cells.is_empty();
        if nobody { Ok(OWN) } else { self.part_place(cells.replica) }
    }

    /// Joins parts of a value; whether anything changed. There must be room.
    pub(super) fn join(&mut self, key: u32, event: Option<Stamp>, bytes: &[u8]) -> Result<bool> {
        let kind = self.kind(key);
        let mut changed = false;
        if !kind.is_sketch() {
            let mut rest = bytes;
            while let Some((replica, part)) = Tally::read(&mut rest) {
                let place = self.part_place(replica)?;
                let old = self.tally(key, place);
                let known = self.context.knows(Stamp::new(place, part.seq));
                if old.is_none() && known && !self.is_loading() {
                    // It was here, and was collected.
                    continue;
                }
                let new = old.map_or(part, |old| old.joined(part));
                if old != Some(new) {
                    self.set_tally(key, place, new)?;
                    changed = true;
                    if old.is_none_or(|old| old.base_seq != new.base_seq) {
                        self.clearing_told(event);
                    }
                }
            }
            return Ok(changed);
        }
        let cells = self.read_cells(kind, bytes)?;
        let place = self.cells_place(kind, &cells)?;
        if cells.epoch > self.epoch(key) {
            self.set_epoch(key, cells.epoch)?;
            changed = true;
        }
        if cells.epoch < self.epoch(key) || cells.is_empty() {
            return Ok(changed);
        }
        // What was cleared since may be told as zeros.
        let mut empty = true;
        cells.each(|_, value| empty &= value == 0);
        if empty {
            return Ok(changed);
        }
        let at = self.ensure_cells(key, place)?;
        cells.each(|cell, value| {
            if self.cell(key, at, cell) < value {
                self.set_cell(key, at, cell, value);
                changed = true;
            }
        });
        Ok(changed)
    }

    /// Drops a part of a counter that was collected elsewhere; whether there was one.
    pub(super) fn drop_part(&mut self, dot: Stamp, hash: u32) -> bool {
        let mut key = self.keys.joined(self.keys.first(hash), hash);
        while key != NONE {
            let counter = self.kind(key).is_counter();
            let part = if counter { self.tally(key, dot.place()) } else { None };
            if part.is_some_and(|part| part.seq <= dot.seq()) {
                self.remove_tally(key, dot.place());
                self.touched(key);
                self.drop_empty(key);
                return true;
            }
            key = self.keys.joined(self.keys.following(key), hash);
        }
        false
    }

    /// Takes a replica's part out of a counter's row, and the block with the last one.
    pub(super) fn remove_tally(&mut self, key: u32, place: usize) {
        let row = self.block(key);
        let len = row.len();
        let Some((range, ..)) = tally::parts(row).find(|(_, of, _)| *of == place) else { return };
        if range.len() == len {
            return self.drop_block(key);
        }
        self.block_mut(key).copy_within(range.end..len, range.start);
        // Less needs no room.
        let shorter = self.resize_block(key, len - range.len());
        debug_assert!(shorter.is_ok());
    }

    // What the log remembers, and how it is told.

    /// What a change did by what a frame tells of it.
    pub(super) fn joined_detail(&self, key: u32, event: Stamp, bytes: &[u8]) -> Result<u64> {
        let kind = self.kind(key);
        if kind.is_sketch() {
            let cells = self.read_cells(kind, bytes)?;
            return if cells.is_empty() { Ok(ALL_PARTS) } else { self.cells_detail(kind, &cells) };
        }
        let mut rest = bytes;
        let (replica, part) = Tally::read(&mut rest).ok_or(Error::CrdtFormat)?;
        // A clearing does not count itself.
        let one = rest.is_empty()
            && self.part_place(replica)? == event.place()
            && part.seq >= event.seq();
        Ok(if one { ONE_PART } else { ALL_PARTS })
    }

    /// Which cells a change of a sketch is about: one, or one in each row.
    pub(super) fn cells_detail(&self, kind: Kind, cells: &Cells<'_>) -> Result<u64> {
        let (mut detail, mut count) = (0, 0);
        let mut fits = true;
        cells.each(|cell, _| {
            let (row, column) = (cell / self.sizes.width, cell % self.sizes.width);
            if kind == Kind::HyperLogLog {
                (detail, fits) = (cell as u64, count == 0);
            } else {
                fits &= row == count;
                detail |= (column as u64) << (sketch::COLUMN_BITS * (count as u32).min(3));
            }
            count += 1;
        });
        let want = if kind == Kind::HyperLogLog { 1 } else { self.sizes.depth };
        let tag = if kind == Kind::HyperLogLog { REGISTER } else { CELLS };
        if fits && count == want { Ok(detail << 2 | tag) } else { Err(Error::CrdtFormat) }
    }

    /// The same of a register of a HyperLogLog.
    pub(super) fn detail_of_register(register: usize) -> u64 {
        (register as u64) << 2 | REGISTER
    }

    /// The same of counts of a Count-Min sketch, one in each row.
    pub(super) fn detail_of(columns: impl Iterator<Item = usize>) -> u64 {
        let mut detail = 0;
        for (row, column) in columns.enumerate() {
            detail |= (column as u64) << (sketch::COLUMN_BITS as usize * row);
        }
        detail << 2 | CELLS
    }

    /// Writes what a change did to the joined values with a hash; whether there are any. A
    /// change that a later one tells of is left out if that follows in the same frame.
    pub(super) fn write_joined_event(
        &mut self,
        frames: &mut Frames<'_>,
        event: Stamp,
        (hash, detail): (u32, u64),
        all_follow: bool,
    ) -> bool {
        let mut told = false;
        let mut key = self.keys.joined(self.keys.first(hash), hash);
        while key != NONE {
            let dot = (!told).then_some(event);
            told |= if self.kind(key).is_sketch() {
                self.write_cells_event(frames, key, event, dot, detail)
            } else {
                self.write_tally_event(frames, key, (event, dot), detail, all_follow)
            };
            key = self.keys.joined(self.keys.following(key), hash);
        }
        told
    }

    /// The last change of the n-th part that a change of a counter made something of.
    pub(super) fn last_counted(
        &self,
        key: u32,
        n: usize,
        event: Stamp,
        detail: u64,
    ) -> Option<Stamp> {
        let of = |place: usize| detail == ALL_PARTS || place == event.place();
        let mut parts = tally::parts(self.block(key)).filter(|(_, place, _)| of(*place));
        parts.nth(n).map(|(_, place, part)| Stamp::new(place, part.seq))
    }

    fn write_tally_event(
        &mut self,
        frames: &mut Frames<'_>,
        key: u32,
        (event, dot): (Stamp, Option<Stamp>),
        detail: u64,
        all_follow: bool,
    ) -> bool {
        let all = detail == ALL_PARTS;
        if !all {
            // Who has a change has its part, or a later one, or it was collected.
            let Some(part) = self.tally(key, event.place()) else { return false };
            let later = Stamp::new(event.place(), part.seq);
            let follows = all_follow && later != event && self.context.has(later);
            if part.seq < event.seq() || follows {
                return false;
            }
        }
        self.write_key(frames, key);
        let dot = dot.map(|dot| wire_dot(&self.context, &mut self.table, frames, dot));
        let row = block(&self.keys, &self.heap, key);
        let told = tally::parts(row).filter(|(_, place, _)| all || *place == event.place());
        let mut len = 0;
        // Replicas are told of before.
        for (_, place, part) in told.clone() {
            let of = Stamp::new(place, part.seq);
            let of = wire_dot(&self.context, &mut self.table, frames, of).replica;
            len += part.len(of);
        }
        frames.writer.begin_joined(dot, len);
        for (_, place, part) in told {
            let of = self.table.place(place).0;
            frames.writer.put(part.bytes(of).get());
        }
        true
    }

    fn write_cells_event(
        &mut self,
        frames: &mut Frames<'_>,
        key: u32,
        event: Stamp,
        dot: Option<Stamp>,
        detail: u64,
    ) -> bool {
        let kind = self.kind(key);
        let place = if kind == Kind::HyperLogLog { OWN } else { event.place() };
        let cleared = detail == ALL_PARTS;
        if !cleared && (kind == Kind::HyperLogLog) != (detail & 3 == REGISTER) {
            // Another key with the same hash.
            return false;
        }
        // What was cleared since is told by the epoch that it was cleared by.
        let at = self.cells_at(key, place).filter(|_| !cleared);
        let runs: [Option<(usize, usize)>; sketch::MAX_DEPTH] = core::array::from_fn(|row| {
            let column = (detail >> 2) as usize;
            if cleared {
                None
            } else if kind == Kind::HyperLogLog {
                (row == 0).then_some((column, 1))
            } else {
                let bits = sketch::COLUMN_BITS as usize;
                let column = column >> (bits * row) & (sketch::MAX_WIDTH - 1);
                (row < self.sizes.depth).then_some((row * self.sizes.width + column, 1))
            }
        });
        self.write_cells(frames, key, place, dot, at, runs.into_iter().flatten());
        true
    }

    /// Writes runs of cells; without a place where they begin the epoch alone.
    pub(super) fn write_cells(
        &mut self,
        frames: &mut Frames<'_>,
        key: u32,
        place: usize,
        dot: Option<Stamp>,
        cells_at: Option<usize>,
        runs: impl Iterator<Item = (usize, usize)>,
    ) {
        self.write_key(frames, key);
        let dot = dot.map(|dot| wire_dot(&self.context, &mut self.table, frames, dot));
        let is_log = self.kind(key) == Kind::HyperLogLog;
        let mut bytes = Scratch::<256>::new();
        if is_log {
            bytes.number(self.sizes.precision.into());
        } else {
            bytes.number(self.sizes.depth as u64);
            bytes.number(self.sizes.width as u64);
        }
        bytes.number(self.epoch(key).into());
        if let Some(at) = cells_at {
            if !is_log {
                let of = Stamp::new(place, 1);
                let to = wire_dot(&self.context, &mut self.table, frames, of).replica;
                bytes.number(to as u64);
            }
            for (first, count) in runs {
                bytes.number(first as u64);
                bytes.number(count as u64);
                for cell in first..first + count {
                    let value = self.cell(key, at, cell);
                    if is_log {
                        bytes.put(&[value as u8]);
                    } else {
                        bytes.number(value.into());
                    }
                }
            }
        }
        frames.writer.begin_joined(dot, bytes.get().len());
        frames.writer.put(bytes.get());
    }
}

/// The block of a joined value.
fn block<'a>(keys: &Keys<'_>, heap: &'a Heap<'_>, key: u32) -> &'a [u8] {
    match keys.get(key).last {
        NONE => &[],
        at => heap.get(at),
    }
}
