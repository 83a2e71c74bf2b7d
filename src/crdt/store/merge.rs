//! What others changed.
//!
//! A frame is read several times: to check it and count what it needs, then to do
//! what it says, which cannot fail any more. So it is taken in whole or not at all.

use super::Store;
use super::joined::ALL_PARTS;
use super::watch::Causes;
use crate::crdt::clock::HybridTime;
use crate::crdt::context::Span;
use crate::crdt::dot::Stamp;
use crate::crdt::items::{INLINE, Item, NONE, Sought};
use crate::crdt::keys::ROOT;
use crate::crdt::kind::Kind;
use crate::crdt::wire::{Frame, Op, Path, Reader};
use crate::error::{Error, Result};

/// What a frame changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Items that are new here.
    pub added: usize,
    /// Items that are gone.
    pub removed: usize,
}

impl Store<'_> {
    /// Takes in what a replica sent: changes, or its state. `now_ms` is the time of
    /// day in milliseconds since 1970 (0 without a clock). Frames may come in any
    /// order, several times, or late.
    ///
    /// # Errors
    /// [`Error::CrdtFormat`] and [`Error::CrdtVersion`] for what is no frame,
    /// [`Error::CrdtClock`] for a stamp too far ahead, [`Error::CrdtOwn`] for changes of
    /// this replica that it has not made and that do not follow on what it has (those that
    /// do restore it), [`Error::Capacity`] without room (the store is
    /// [`behind`](super::StoreUsage::behind) then), [`Error::CrdtTransaction`] while a
    /// transaction is open. Nothing changes then, and the same frame may be taken in later.
    pub fn merge(&mut self, frame: &[u8], now_ms: u64) -> Result<Merged> {
        self.outside_transaction()?;
        self.watches.cause = Causes::MERGED;
        let merged = self.take_in(frame, now_ms);
        self.watches.cause = Causes::LOCAL;
        merged
    }

    fn take_in(&mut self, frame: &[u8], now_ms: u64) -> Result<Merged> {
        let reader = self.open_frame(frame)?;
        if !matches!(reader.frame(), Frame::Delta | Frame::State) {
            return Err(Error::CrdtFormat);
        }
        self.prepare(reader, now_ms)?;
        let mut merged = Merged::default();
        let known = (reader.frame() == Frame::State).then(|| self.context.weight());
        if known.is_some() {
            self.take_absent(reader, &mut merged)?;
        }
        self.undo_known(reader, &mut merged)?;
        self.add_all(reader, &mut merged)?;
        self.deliver_all(reader)?;
        self.undo_rest(reader, &mut merged)?;
        if let Some(known) = known {
            self.note_untold(known, merged);
        }
        if self.places.undoes || self.places.left_out {
            self.sweep(reader);
        }
        Ok(merged)
    }

    /// The parts of a frame, if its sender has forgotten the same replicas.
    pub(super) fn open_frame<'a>(&self, frame: &'a [u8]) -> Result<Reader<'a>> {
        let reader = Reader::open(frame)?;
        if reader.generation == self.generation { Ok(reader) } else { Err(Error::CrdtGeneration) }
    }

    /// What a state or digest brought is not in the log.
    pub(super) fn note_untold(&mut self, known: (u64, usize), merged: Merged) {
        if merged != Merged::default() || self.context.weight() != known {
            self.log.lose();
        }
    }

    /// The key that a path leads to, new ones on the way if need be.
    pub(super) fn ensure_path(&mut self, path: Path<'_>) -> Result<u32> {
        let mut key = ROOT;
        for (name, kind) in path.levels() {
            key = match self.ensure(key, name, kind) {
                Ok(key) => key,
                Err(error) => {
                    self.drop_empty(key);
                    return Err(error);
                }
            };
        }
        Ok(key)
    }

    pub(super) fn find_path(&self, path: Path<'_>) -> Option<u32> {
        let mut key = ROOT;
        for (name, kind) in path.levels() {
            let hash = self.name_hash(key, name, kind);
            key = self.keys.find(key, hash, (name, kind), &self.heap)?;
        }
        Some(key)
    }

    /// Drops the keys of a frame that nothing is in, and unmarks what it undoes.
    pub(super) fn sweep(&mut self, mut reader: Reader<'_>) {
        while let Ok(Some(op)) = reader.next() {
            match op {
                Op::Key(path) => {
                    if let Some(key) = self.find_path(path) {
                        self.drop_empty(key);
                    }
                }
                Op::Undo { dot, hash } | Op::Gone { dot, hash } => {
                    let Ok(stamp) = self.places.stamp(dot) else { continue };
                    let at = self.items.find_dot(hash, stamp);
                    if at != NONE {
                        self.items.get_mut(at).mark(false);
                    }
                }
                _ => {}
            }
        }
    }

    /// Removes what is undone and has come before: this makes room.
    pub(super) fn undo_known(&mut self, mut reader: Reader<'_>, merged: &mut Merged) -> Result<()> {
        if !self.places.undoes {
            return Ok(());
        }
        while let Some(op) = reader.next()? {
            if let Op::Undo { dot, hash } | Op::Gone { dot, hash } = op {
                let stamp = self.places.stamp(dot)?;
                self.remove_dot(stamp, hash, merged);
            }
        }
        Ok(())
    }

    /// Adds what is new, and remembers the changes to tell them to others.
    pub(super) fn add_all(&mut self, mut reader: Reader<'_>, merged: &mut Merged) -> Result<()> {
        let log = reader.frame() == Frame::Delta;
        // What a digest brings may stay without its change.
        self.early_items |= reader.frame() == Frame::Digest;
        let (mut key, mut place, mut event) = (None, None, None);
        loop {
            while let Some((dot, bytes)) = reader.next_add() {
                let (stamp, path) = (self.places.stamp(dot)?, key.ok_or(Error::CrdtFormat)?);
                event = Some(stamp);
                let item = Item::of(stamp, false);
                let hash = self.take_item(path, &mut place, item, bytes, merged)?;
                if log && (hash.is_some() || !self.context.has(stamp)) {
                    self.record_added(stamp, self.last_of(place), hash.unwrap_or(0));
                }
            }
            let Some(op) = reader.next()? else { return Ok(()) };
            match op {
                Op::Key(path) => (key, place) = (Some(path), None),
                Op::Event(dot) => {
                    let stamp = self.places.stamp(dot)?;
                    event = Some(stamp);
                    if log && !self.context.has(stamp) {
                        self.record(stamp, None, 0);
                    }
                }
                Op::Add { dot, negative, bytes } | Op::Held { dot, negative, bytes } => {
                    let (stamp, path) = (self.places.stamp(dot)?, key.ok_or(Error::CrdtFormat)?);
                    let is_change = matches!(op, Op::Add { .. });
                    if is_change {
                        event = Some(stamp);
                    } else {
                        self.early_items = true;
                    }
                    let item = Item::of(stamp, negative);
                    let hash = self.take_item(path, &mut place, item, bytes, merged)?;
                    if is_change && log && !self.context.has(stamp) {
                        self.record_added(stamp, self.last_of(place), hash.unwrap_or(0));
                    }
                }
                Op::Joined { dot, bytes } => {
                    let at = match place {
                        Some(place) => place,
                        None => self.ensure_path(key.ok_or(Error::CrdtFormat)?)?,
                    };
                    place = Some(at);
                    self.places.left_out = true;
                    let change = match dot {
                        Some(dot) => Some(self.places.stamp(dot)?),
                        None => None,
                    };
                    if self.join(at, change, bytes)? {
                        merged.added += 1;
                        self.touched(at);
                    }
                    if let Some(stamp) = change {
                        event = Some(stamp);
                        if log && !self.context.has(stamp) {
                            let detail = self.joined_detail(at, stamp, bytes)?;
                            if detail == ALL_PARTS {
                                self.clearing_told(Some(stamp));
                            }
                            self.record_joined(stamp, detail, self.keys.get(at).hash);
                        }
                    }
                }
                Op::Undo { dot, hash } => {
                    let event = event.ok_or(Error::CrdtFormat)?;
                    let undone = self.places.stamp(dot)?;
                    if log && !self.context.has(event) {
                        self.record(event, Some(undone), hash);
                    }
                }
                Op::Together => {
                    if let Some(event) = event.filter(|_| log) {
                        self.log.join(event, true);
                    }
                }
                Op::Span { from, more } => {
                    let from = self.places.stamp(from)?;
                    if log {
                        self.record_span(from, more);
                    }
                }
                _ => {}
            }
        }
    }

    /// The item of a key that was added last, mostly.
    fn last_of(&self, key: Option<u32>) -> u32 {
        key.map_or(NONE, |key| self.keys.get(key).last)
    }

    /// Adds an item of a frame, if its change has not come, nor is undone; its hash then. `place` is that of
    /// its key, if it is known.
    #[inline]
    fn take_item(
        &mut self,
        path: Path<'_>,
        place: &mut Option<u32>,
        item: Item,
        bytes: &[u8],
        merged: &mut Merged,
    ) -> Result<Option<u32>> {
        if self.context.knows(item.dot()) {
            return Ok(None);
        }
        let at = match *place {
            Some(place) => place,
            None => self.ensure_path(path)?,
        };
        *place = Some(at);
        let hash = self.item_hash(at, bytes);
        self.add_item(at, hash, item, bytes, merged)?;
        Ok(Some(hash))
    }

    /// Remembers changes without effects, unless they are more than the log holds.
    fn record_span(&mut self, from: Stamp, more: u64) {
        let to = from.seq() + more;
        if more >= self.log.len() {
            let member = self.context.member(from.place());
            if to > member.seen {
                self.log.lose();
            }
            member.logged = member.logged.max(to);
            return;
        }
        for seq in from.seq()..=to {
            let change = Stamp::new(from.place(), seq);
            if !self.context.has(change) {
                self.record(change, None, 0);
            }
        }
    }

    /// Adds an item of somebody else's, unless it is here.
    pub(super) fn add_item(
        &mut self,
        key: u32,
        hash: u32,
        item: Item,
        bytes: &[u8],
        merged: &mut Merged,
    ) -> Result<()> {
        let kind = self.kind(key);
        let sought = Sought::new(bytes);
        if kind.by_element() && self.find(hash, key, sought) == NONE {
            merged.added += 1;
            if bytes.len() <= INLINE {
                self.put_few(hash, key, item.with(key, Some(bytes)))?;
            } else {
                self.put(hash, key, item, [&[], bytes])?;
            }
            self.keys.get_mut(key).count += u32::from(!item.negative());
            return Ok(());
        }
        if self.items.find_dot(hash, item.dot()) != NONE {
            self.places.left_out = true;
            return Ok(());
        }
        if let (Kind::LastWriter, Some(stamp)) = (kind, bytes.first_chunk()) {
            self.clock.see(HybridTime(u64::from_le_bytes(*stamp)));
        }
        merged.added += 1;
        let was_in = kind.by_element() && self.is_in(hash, key, sought);
        self.put(hash, key, item, [&[], bytes])?;
        if kind.by_element() {
            self.recount(hash, key, sought, was_in);
        }
        Ok(())
    }

    /// An element of a set has changed: it counts if it is in.
    fn recount(&mut self, hash: u32, key: u32, sought: Sought<'_>, was_in: bool) {
        let is_in = self.is_in(hash, key, sought);
        let count = &mut self.keys.get_mut(key).count;
        *count = *count + u32::from(is_in) - u32::from(was_in);
    }

    /// Removes what a change added, if it is there.
    fn remove_dot(&mut self, dot: Stamp, hash: u32, merged: &mut Merged) {
        let at = self.items.find_dot(hash, dot);
        if at != NONE {
            self.remove_item(at, hash, merged);
        } else if self.joined > 0 && self.drop_part(dot, hash) {
            merged.removed += 1;
        }
    }

    /// Removes an item, and its key if nothing else is in it. Where the next one is then.
    pub(super) fn remove_item(&mut self, at: u32, hash: u32, merged: &mut Merged) -> u32 {
        let key = self.items.get(at).key;
        merged.removed += 1;
        if self.kind(key).by_element() {
            // Whether it is in depends on what else there is with the same bytes.
            let sought = Sought::new(self.bytes_of(at));
            let others = self.is_in_without(hash, key, sought, at);
            let was_in = self.is_in(hash, key, sought);
            let count = &mut self.keys.get_mut(key).count;
            *count = *count + u32::from(others) - u32::from(was_in);
        }
        let next = self.take(hash, at);
        self.drop_empty(key);
        next
    }

    /// All changes of a frame come.
    pub(super) fn deliver_all(&mut self, reader: Reader<'_>) -> Result<()> {
        if self.places.gaps {
            return self.deliver_early(reader);
        }
        for replica in 0..self.places.count() {
            let place = self.places.of_frame(replica);
            let up_to = self.places.up_to(place);
            let member = self.context.member(place);
            if up_to > member.seen {
                if reader.frame() != Frame::Delta {
                    // How they came about was not told.
                    member.logged = member.logged.max(up_to);
                }
                let from = Stamp::new(place, member.seen + 1);
                self.context.deliver(Span { from, to: Stamp::new(place, up_to) })?;
            }
        }
        Ok(())
    }

    /// The same where there are gaps: changes that have no room as long as others are missing
    /// which stand behind them come when these have come.
    fn deliver_early(&mut self, reader: Reader<'_>) -> Result<()> {
        let mut before = usize::MAX;
        loop {
            let waiting = self.deliver_some(reader)?;
            if waiting == 0 {
                return Ok(());
            }
            if waiting == before {
                return Err(Error::Capacity);
            }
            before = waiting;
        }
    }

    /// As many changes of a frame as there is room for come; how many there is none for.
    fn deliver_some(&mut self, mut reader: Reader<'_>) -> Result<usize> {
        let mut waiting = 0;
        while let Some(op) = reader.next()? {
            let Some((from, more)) = op.changes() else { continue };
            let from = self.places.stamp(from)?;
            let to = Stamp::new(from.place(), from.seq() + more);
            let member = self.context.member(from.place());
            if reader.frame() != Frame::Delta && to.seq() > member.seen {
                // How they came about was not told.
                member.logged = member.logged.max(to.seq());
            }
            waiting += usize::from(self.context.deliver(Span { from, to }).is_err());
        }
        Ok(waiting)
    }

    /// What is undone and has not come is remembered; what has come goes.
    pub(super) fn undo_rest(&mut self, mut reader: Reader<'_>, merged: &mut Merged) -> Result<()> {
        if !self.places.undoes {
            return Ok(());
        }
        while let Some(op) = reader.next()? {
            let (dot, hash) = match op {
                Op::Undo { dot, hash } => (dot, Some(hash)),
                Op::Undone(dot) => (dot, None),
                _ => continue,
            };
            let dot = self.places.stamp(dot)?;
            if !self.context.has(dot) {
                self.context.undo(dot)?;
            }
            if let Some(hash) = hash {
                self.remove_dot(dot, hash, merged);
            }
        }
        Ok(())
    }

    /// Removes what a state knows and does not have.
    fn take_absent(&mut self, reader: Reader<'_>, merged: &mut Merged) -> Result<()> {
        if self.may_be_absent() {
            self.take_absent_items(reader, merged)?;
        }
        self.take_absent_parts(reader, merged)
    }

    /// Whether a state may know of items that are here: of replicas that it tells of some
    /// changes have come.
    fn may_be_absent(&self) -> bool {
        let come = |place: usize| self.context.members()[place].seen > 0 || self.early_items;
        let mut places = (0..self.places.count()).map(|replica| self.places.of_frame(replica));
        self.places.ragged || places.any(|place| self.places.told(place) > 0 && come(place))
    }

    fn take_absent_items(&mut self, reader: Reader<'_>, merged: &mut Merged) -> Result<()> {
        let marked = self.mark_told(reader)?;
        let mut at = 0;
        while at < self.items.places() {
            let item = self.items.get(at);
            let (key, dot) = (item.key, item.dot());
            let told = self.places.ragged || dot.seq() <= self.places.told(dot.place());
            if told && key != NONE && !item.marked() && self.covers(reader, dot)? {
                // Another one may come to this place.
                let hash = self.hash_of(at);
                self.remove_item(at, hash, merged);
            } else {
                at += 1;
            }
        }
        if marked {
            self.unmark_all();
        }
        Ok(())
    }

    /// Whether a state or digest knows of a change.
    #[inline]
    pub(super) fn covers(&self, reader: Reader<'_>, change: Stamp) -> Result<bool> {
        let told = change.seq() <= self.places.told(change.place());
        if told || !self.places.ragged {
            return Ok(told);
        }
        self.covers_apart(reader, change)
    }

    /// The same of a change that is not among those told without a gap.
    fn covers_apart(&self, mut reader: Reader<'_>, change: Stamp) -> Result<bool> {
        while let Some(op) = reader.next()? {
            let changes = if let Op::Undone(dot) = op { Some((dot, 0)) } else { op.changes() };
            let Some((from, more)) = changes else { continue };
            let from = self.places.stamp(from)?;
            if from.place() == change.place()
                && (from.seq()..=from.seq() + more).contains(&change.seq())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
