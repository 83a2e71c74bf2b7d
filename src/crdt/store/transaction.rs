//! Changes that become visible together.
//!
//! The log joins the changes of a transaction, and a frame has all of them or none. As it
//! tells what is there now, not what was there then, a frame that had a transaction without
//! the later changes that took the place of some of it would show others a half of it. So
//! these are told with it, and what is between them, so that nothing comes before its
//! predecessors: a *unit*. That is for when not everything fits into one frame.

use core::ops::Range;

use super::encode::{Frames, Successors, Told};
use super::untold::Untold;
use super::{OWN, Store};
use crate::crdt::dot::Stamp;
use crate::crdt::items::NONE;
use crate::crdt::wire::{Op, Reader};
use crate::error::{Error, Result};

impl Store<'_> {
    /// Begins a transaction: what this replica changes from now on until
    /// [`commit`](Self::commit) becomes visible at every other replica together, also at one
    /// that has it from a third. Here it is visible as it is done; nothing takes it back.
    ///
    /// So many items, and so many bytes of those that
    /// [`StoreConfig::bytes`](super::StoreConfig::bytes) counts, are sure to be free: changes
    /// that need no more of them find room (but to take away what a digest brought before its
    /// change came may need some of [`StoreConfig::early`](super::StoreConfig::early)). Keys
    /// are opened before: opening one takes from them. All of a transaction has to fit into a frame of [`delta`](Self::delta), and into
    /// the log, or else peers need the [`state`](Self::state). There is no order between
    /// transactions of several replicas beyond that of their values.
    ///
    /// # Errors
    /// [`Error::Capacity`] without that much room, [`Error::CrdtTransaction`] if one is open.
    /// Nothing begins then.
    pub fn begin_transaction(&mut self, items: usize, bytes: usize) -> Result<()> {
        self.outside_transaction()?;
        if items > self.items.room() || bytes > self.heap.free() {
            return Err(Error::Capacity);
        }
        self.transaction = true;
        Ok(())
    }

    /// Ends a transaction: from now on others are told of it.
    ///
    /// # Errors
    /// [`Error::CrdtTransaction`] if none is open.
    pub fn commit(&mut self) -> Result<()> {
        if !self.transaction {
            return Err(Error::CrdtTransaction);
        }
        self.transaction = false;
        self.untold = Untold::NOTHING;
        if let Some(last @ 1..) = self.context.members().first().map(|own| own.seen) {
            self.log.join(Stamp::new(OWN, last), false);
        }
        Ok(())
    }

    /// Whether a transaction is open.
    pub(crate) fn in_transaction(&self) -> bool {
        self.transaction
    }

    /// Refuses what may not be in the middle of a transaction: what tells of changes, keeps
    /// them or takes others in.
    pub(super) fn outside_transaction(&mut self) -> Result<()> {
        self.not_while_loading()?;
        if self.transaction {
            return Err(Error::CrdtTransaction);
        }
        self.untold = Untold::NOTHING;
        Ok(())
    }

    /// [`delta`](Self::delta) where there are transactions.
    pub(super) fn delta_in_units(&mut self, from: u64, frame: &mut [u8]) -> Result<Told> {
        let from = self.start_of(from);
        if self.is_all(from)
            && let Ok(told @ Told { next: None, .. }) = self.write_units(from, frame, false)
        {
            return Ok(told);
        }
        match self.write_units(from, frame, true) {
            Err(Error::BufferTooSmall) => self.write_single(from, frame),
            told => told,
        }
    }

    /// The length of the frame that the next unit needs.
    pub(super) fn unit_len(&mut self, from: u64) -> usize {
        let from = self.start_of(from);
        let mut frames = self.begin_changes(&mut []);
        let Some(unit) = self.lacking_together(from) else { return 0 };
        if self.is_all(from) && self.lacking(unit.end).is_none() {
            self.write_together(&mut frames, unit, Successors::Early);
        } else {
            let (unit, successors) = self.unit_of(unit.clone(), unit.start);
            self.write_lacking(&mut frames, unit, successors);
        }
        frames.writer.len
    }

    /// Whether a frame from here on has all that the peer lacks.
    fn is_all(&self, from: u64) -> bool {
        self.lacking(0).is_none_or(|(_, parts)| parts.start >= from)
    }

    /// Where the transaction begins that this record is of.
    fn start_of(&self, mut at: u64) -> u64 {
        let range = self.log.range();
        while range.start < at && at < range.end && self.goes_on(at - 1) {
            at -= 1;
        }
        at
    }

    /// Where it ends.
    pub(super) fn end_of(&self, mut at: u64) -> u64 {
        let range = self.log.range();
        while at + 1 < range.end && self.goes_on(at) {
            at += 1;
        }
        (at + 1).min(range.end)
    }

    /// Whether the record after this one is of the same transaction or change.
    fn goes_on(&self, at: u64) -> bool {
        let (record, next) = (self.log.get(at), self.log.event(at + 1));
        next == record.event || (record.together && record.event.next() == Ok(next))
    }

    /// The first change or transaction from a place on that the peer lacks.
    fn lacking_together(&self, from: u64) -> Option<Range<u64>> {
        let (_, parts) = self.lacking(from)?;
        Some(parts.start..self.end_of(parts.start))
    }

    /// Writes as many as fit from a place in the log on; as units, unless it is everything.
    fn write_units(&mut self, from: u64, frame: &mut [u8], units: bool) -> Result<Told> {
        let mut frames = self.begin_changes(frame);
        let (head, mut at, mut next) = (frames.writer.len, from, None);
        let (mut len, mut first) = (head, None);
        while let Some(all) = self.lacking_together(at) {
            let first = *first.get_or_insert(all.start);
            let (unit, successors) = if units {
                self.unit_of(all.clone(), first)
            } else {
                // Of what is here alone without its change, the log knows nothing.
                (all.clone(), Successors::Early)
            };
            at = unit.end;
            // What was told in a frame before, which may be lost: a frame begins with that.
            let fits = unit.start >= first || len == head;
            self.write_lacking(&mut frames, unit, successors);
            if !fits || !frames.writer.fits() {
                next = Some(all.start);
                break;
            }
            len = frames.writer.len;
        }
        match next {
            Some(_) if len == head => Err(Error::BufferTooSmall),
            _ => Ok(Told { len: if len == head { 0 } else { len }, next }),
        }
    }

    /// Writes a single change, as it is: what it undid may be missing at the peer until its
    /// successor comes. Nothing of a transaction is in that.
    fn write_single(&mut self, from: u64, frame: &mut [u8]) -> Result<Told> {
        let mut frames = self.begin_changes(frame);
        let Some((event, parts)) = self.lacking(from) else {
            return Ok(Told { len: 0, next: None });
        };
        let mut unit = parts.clone();
        let joined = self.end_of(parts.start) > parts.end
            || self.take_joined_successors(parts.clone(), &mut unit);
        if joined {
            return Err(Error::BufferTooSmall);
        }
        self.write_event(&mut frames, event, parts.clone(), Successors::None);
        if !frames.writer.fits() {
            return Err(Error::BufferTooSmall);
        }
        Ok(Told { len: frames.writer.len, next: Some(parts.end) })
    }

    /// Writes the changes of some records, joined as they are.
    pub(super) fn write_together(
        &mut self,
        frames: &mut Frames<'_>,
        all: Range<u64>,
        successors: Successors,
    ) {
        let mut at = all.start;
        while at < all.end {
            let (event, end) = (self.log.event(at), self.end_of_change(at));
            self.write_event(frames, event, at..end, successors);
            if end < all.end {
                frames.writer.together();
            }
            at = end;
        }
    }

    pub(super) fn end_of_change(&self, mut at: u64) -> u64 {
        let (event, end) = (self.log.event(at), self.log.range().end);
        while at < end && self.log.event(at) == event {
            at += 1;
        }
        at
    }

    /// Writes what the peer lacks of some records.
    fn write_lacking(&mut self, frames: &mut Frames<'_>, unit: Range<u64>, successors: Successors) {
        let mut at = unit.start;
        while let Some(all) = self.lacking_together(at).filter(|all| all.start < unit.end) {
            at = all.end;
            self.write_together(frames, all, successors);
        }
    }

    /// What has to be told with a change or transaction, in a frame that has all that the
    /// peer lacks from `first` on: between which records that is.
    fn unit_of(&self, all: Range<u64>, first: u64) -> (Range<u64>, Successors) {
        let single = self.end_of_change(all.start) == all.end;
        let mut unit = all.clone();
        if single && !self.take_joined_successors(all, &mut unit) {
            return (unit, Successors::All);
        }
        loop {
            let (start, mut at) = (unit.start, unit.start);
            while at < unit.end {
                let behind = self.end_of_change(at);
                self.follow(at..behind, first, &mut unit);
                at = behind;
            }
            // What came before it may need more.
            if unit.start == start {
                return (unit, Successors::Early);
            }
        }
    }

    /// Takes in the transactions of what took the place of what a single change undid;
    /// whether there are any.
    fn take_joined_successors(&self, change: Range<u64>, unit: &mut Range<u64>) -> bool {
        let mut found = false;
        for number in change {
            let record = self.log.get(number);
            if record.undone.is_none() {
                continue;
            }
            let mut at = self.items.first(record.hash);
            while at != NONE {
                let dot = self.items.get(at).dot();
                if dot != record.event && self.lacks(dot) && self.hash_of(at) == record.hash {
                    found |= self.take_joined(dot, unit);
                }
                at = self.items.following(at);
            }
        }
        found
    }

    /// Takes in the transaction that a change is of, if it is of one.
    fn take_joined(&self, change: Stamp, unit: &mut Range<u64>) -> bool {
        let Some(at) = self.record_of(change) else { return false };
        let all = self.start_of(at)..self.end_of(at);
        let joined = self.end_of_change(all.start) < all.end;
        if joined {
            extend(unit, all);
        }
        joined
    }

    /// The first record of a change.
    fn record_of(&self, change: Stamp) -> Option<u64> {
        self.log.range().find(|at| self.log.get(*at).event == change)
    }

    fn lacks(&self, change: Stamp) -> bool {
        change.seq() > self.places.up_to(change.place())
    }

    /// Takes in who undid what a change added, if it is gone and the peer lacks that.
    fn follow(&self, change: Range<u64>, first: u64, unit: &mut Range<u64>) {
        let event = self.log.event(change.start);
        self.follow_joined(change.clone(), first, unit);
        let adds = |store: &Self, at: &u64| store.log.get(*at).undone.is_none();
        let Some(add) = change.clone().find(|at| adds(self, at)) else { return };
        let gone = self.items.find_dot(self.log.get(add).hash, event) == NONE;
        if !gone || !self.lacks(event) {
            return;
        }
        // Most often it came later, and soon.
        let range = self.log.range();
        let mut others = (change.end..range.end).chain(range.start..change.start);
        let Some(at) = others.find(|at| self.log.get(*at).undone == Some(event)) else { return };
        let here = first.min(unit.start)..unit.end;
        if !here.contains(&at) && self.lacks(self.log.event(at)) {
            extend(unit, self.start_of(at)..self.end_of(at));
        }
    }

    /// Takes in the last changes of the parts of counters that a change made something of:
    /// what is told of those is told of all.
    fn follow_joined(&self, change: Range<u64>, first: u64, unit: &mut Range<u64>) {
        let record = self.log.get(change.start);
        let Some(detail) = record.joined else { return };
        let mut key = self.keys.joined(self.keys.first(record.hash), record.hash);
        while key != NONE {
            let mut n = 0;
            while self.kind(key).is_counter()
                && let Some(last) = self.last_counted(key, n, record.event, detail)
            {
                n += 1;
                self.take_in_change(last, record.event, first, unit);
            }
            key = self.keys.joined(self.keys.following(key), record.hash);
        }
    }

    fn take_in_change(&self, last: Stamp, event: Stamp, first: u64, unit: &mut Range<u64>) {
        let here = first.min(unit.start)..unit.end;
        if last == event || !self.lacks(last) {
            return;
        }
        if let Some(at) = self.record_of(last).filter(|at| !here.contains(at)) {
            extend(unit, self.start_of(at)..self.end_of(at));
        }
    }
}

fn extend(range: &mut Range<u64>, by: Range<u64>) {
    *range = range.start.min(by.start)..range.end.max(by.end);
}

/// Checks that what a frame joins follows each other.
pub(super) fn check_transactions(mut reader: Reader<'_>) -> Result<()> {
    let (mut last, mut joined) = (None, false);
    while let Some(op) = reader.next()? {
        let now = match op {
            Op::Span { .. } => None,
            Op::Together if joined || last.is_none() => return Err(Error::CrdtFormat),
            Op::Together => {
                joined = true;
                continue;
            }
            op => match op.changes() {
                Some((dot, _)) => Some((dot.replica, dot.seq)),
                None => continue,
            },
        };
        if joined && now != last.map(|(replica, seq)| (replica, seq + 1)) {
            return Err(Error::CrdtFormat);
        }
        (last, joined) = (now, false);
    }
    if joined { Err(Error::CrdtFormat) } else { Ok(()) }
}
