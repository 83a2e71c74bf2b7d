//! Whether all of a frame can be taken in, before any of it is.

use super::transaction::check_transactions;
use super::{OWN, Store};
use crate::crdt::clock::HybridTime;
use crate::crdt::context::Span;
use crate::crdt::dot::Stamp;
use crate::crdt::heap::Heap;
use crate::crdt::items::NONE;
use crate::crdt::kind::Kind;
use crate::crdt::sketch::HEAD;
use crate::crdt::tally::{self, Tally};
use crate::crdt::wire::{Frame, Op, Path, Reader, WireDot};
use crate::error::{Error, Result};

/// What a frame needs.
#[derive(Default)]
pub(super) struct Needs {
    pub items: usize,
    pub bytes: usize,
    /// Given back by what it undoes.
    pub freed_items: usize,
    pub freed_bytes: usize,
    pub spans: usize,
    pub undone: usize,
    /// The last change that came early.
    pub last: Option<Stamp>,
    /// Whether there is one of this replica's own among them.
    pub own: bool,
}

impl Store<'_> {
    /// Makes sure that all of a frame can be taken in. If not, nothing has changed.
    pub(super) fn prepare(&mut self, reader: Reader<'_>, now_ms: u64) -> Result<()> {
        self.not_while_loading()?;
        self.version += 1;
        let checked = self.check(reader, now_ms);
        if checked.is_err() {
            self.sweep(reader);
            for new in self.places.new_ones() {
                self.context.forget(new);
            }
            return self.note_refused(reader, checked);
        }
        if self.places.new_ones().next().is_some() {
            self.acks.restart();
        }
        if reader.frame() != Frame::Delta
            && let Some(sender) = self.places.sender()
        {
            self.heard(sender, |places, place| places.told(place));
        }
        checked
    }

    /// Checks a frame, makes its replicas and keys known (which nobody can see yet),
    /// and counts what else it needs.
    fn check(&mut self, mut reader: Reader<'_>, now_ms: u64) -> Result<()> {
        self.places.clear();
        self.frame = self.frame.wrapping_add(1).max(1);
        let (mut needs, mut event) = (Needs::default(), None);
        let (mut key, mut place, mut together) = (None, None, false);
        let all = reader;
        let (mut parts, mut first) = (0, true);
        loop {
            // Additions that follow each other, as most do, are counted together.
            let mut run: Option<(WireDot, u64)> = None;
            while let Some((dot, bytes)) = reader.next_add() {
                parts += 1;
                let key = key.ok_or(Error::CrdtFormat)?;
                self.check_item(key, &mut place, (dot, false, bytes), now_ms, &mut needs)?;
                match &mut run {
                    Some((first, more))
                        if first.replica == dot.replica && first.seq + *more + 1 == dot.seq =>
                    {
                        *more += 1;
                    }
                    _ => {
                        if let Some((first, more)) = run.replace((dot, 0)) {
                            self.count_change(first, more, &mut needs)?;
                        }
                    }
                }
            }
            if let Some((first, more)) = run {
                let first = self.count_change(first, more, &mut needs)?;
                event = Some(Stamp::new(first.place(), first.seq() + more));
            }
            let Some(op) = reader.next()? else { break };
            parts += 1;
            match op {
                Op::Replica(id) => {
                    let (place, new) = self.context.admit(id)?;
                    self.places.push(place, new)?;
                    self.places.set_up_to(place, self.context.members()[place].seen);
                }
                Op::Key(path) => (key, place, first) = (Some((path, path.kind())), None, true),
                Op::Event(dot) => {
                    event = Some(self.count_change(dot, 0, &mut needs)?);
                }
                Op::Span { from, more } => {
                    self.count_change(from, more, &mut needs)?;
                    event = None;
                }
                Op::Add { dot, negative, bytes } | Op::Held { dot, negative, bytes } => {
                    let key = key.ok_or(Error::CrdtFormat)?;
                    self.check_item(key, &mut place, (dot, negative, bytes), now_ms, &mut needs)?;
                    if let Op::Add { .. } = op {
                        event = Some(self.count_change(dot, 0, &mut needs)?);
                    }
                }
                Op::Joined { dot, bytes } => {
                    let (path, kind) = key.ok_or(Error::CrdtFormat)?;
                    if !kind.is_joined() {
                        return Err(Error::CrdtFormat);
                    }
                    let at = match place {
                        Some(place) => place,
                        None => self.ensure_path(path)?,
                    };
                    place = Some(at);
                    let change = match dot {
                        Some(dot) => Some(self.count_change(dot, 0, &mut needs)?),
                        None => None,
                    };
                    event = change.or(event);
                    let before = (first, Before::new(all, parts - 1));
                    needs.bytes += self.check_joined(path, at, change, bytes, before)?;
                    first = false;
                }
                Op::Gone { dot, hash } => {
                    let stamp = self.places.stamp(dot)?;
                    self.places.undoes = true;
                    if !self.covers(all, stamp)? {
                        return Err(Error::CrdtFormat);
                    }
                    self.count_freed(stamp, hash, &mut needs);
                }
                Op::Together => together = true,
                Op::Sum(..) => {}
                Op::Listed { items, .. } => {
                    for (dot, _) in items.iter() {
                        self.places.stamp(dot)?;
                    }
                }
                Op::Undo { dot, hash } => {
                    event.ok_or(Error::CrdtFormat)?;
                    let stamp = self.places.stamp(dot)?;
                    self.places.undoes = true;
                    // What comes with this frame was told before.
                    let here = stamp.seq() <= self.places.up_to(stamp.place());
                    needs.undone += usize::from(!here && !self.context.knows(stamp));
                    self.count_freed(stamp, hash, &mut needs);
                }
                Op::Undone(dot) => {
                    let stamp = self.places.stamp(dot)?;
                    (self.places.ragged, self.places.undoes) = (true, true);
                    needs.undone += usize::from(!self.context.knows(stamp));
                }
            }
        }
        if together {
            check_transactions(all)?;
        }
        if needs.own || !self.context.has_room(needs.spans, needs.undone) {
            self.count_early(all, &mut needs)?;
        }
        // Changes come before others are remembered as undone.
        let places = &mut self.places;
        let comes = |dot: &&Stamp| dot.seq() <= places.up_to(dot.place());
        let come = self.context.undone().iter().filter(comes).count();
        if all.frame() == Frame::State && !self.has_room(&needs) {
            self.count_absent(all, &mut needs)?;
        }
        let enough = self.has_room(&needs)
            && self.context.has_room(needs.spans, needs.undone.saturating_sub(come));
        if enough { Ok(()) } else { Err(Error::Capacity) }
    }

    /// Checks an item of a frame, and counts what it needs. `place` is that of its key, if it is
    /// known.
    #[inline]
    fn check_item(
        &mut self,
        (path, kind): (Path<'_>, Kind),
        place: &mut Option<u32>,
        (dot, negative, bytes): (WireDot, bool, &[u8]),
        now_ms: u64,
        needs: &mut Needs,
    ) -> Result<()> {
        if !kind.allows(bytes) || (negative && !kind.has_negatives()) {
            return Err(Error::CrdtFormat);
        }
        if let (Kind::LastWriter, Some(stamp)) = (kind, bytes.first_chunk()) {
            self.clock.check(HybridTime(u64::from_le_bytes(*stamp)), now_ms)?;
        }
        let stamp = self.places.stamp(dot)?;
        if self.context.knows(stamp) {
            return Ok(());
        }
        let at = match *place {
            Some(place) => place,
            None => self.ensure_path(path)?,
        };
        *place = Some(at);
        let there =
            self.early_items && self.items.find_dot(self.item_hash(at, bytes), stamp) != NONE;
        if !there {
            needs.items += 1;
            needs.bytes += Self::cost_in(kind, bytes.len());
        }
        Ok(())
    }

    /// Counts what an item gives back, once.
    fn count_freed(&mut self, dot: Stamp, hash: u32, needs: &mut Needs) {
        let at = self.items.find_dot(hash, dot);
        if at != NONE && !self.items.get(at).marked() {
            self.items.get_mut(at).mark(true);
            needs.freed_items += 1;
            needs.freed_bytes += self.cost_of(at);
        }
    }

    /// Counts what the arrival of changes needs; the first of them.
    pub(super) fn count_change(
        &mut self,
        from: WireDot,
        more: u64,
        needs: &mut Needs,
    ) -> Result<Stamp> {
        let stamp = self.places.stamp(from)?;
        self.places.tell(stamp, more);
        let to = Stamp::new(stamp.place(), stamp.seq() + more);
        let up_to = self.places.up_to(stamp.place());
        if stamp.seq() <= up_to + 1 {
            self.places.set_up_to(stamp.place(), to.seq().max(up_to));
        } else {
            self.places.gaps = true;
            // One that follows the one before goes into the same span.
            let follows = needs.last.is_some_and(|last| last.next() == Ok(stamp));
            needs.spans += if follows { 0 } else { self.context.needs(Span { from: stamp, to }) };
            needs.last = Some(to);
            needs.own |= stamp.place() == OWN;
        }
        Ok(stamp)
    }

    /// Checks parts of a joined value, the first ones after their path if `first`, and
    /// tells how many bytes of the heap they need. `before` is what the frame told before: what
    /// both need counts once.
    pub(super) fn check_joined(
        &mut self,
        path: Path<'_>,
        key: u32,
        event: Option<Stamp>,
        bytes: &[u8],
        (first, mut before): (bool, Before<'_>),
    ) -> Result<usize> {
        let kind = path.kind();
        let new = first && self.keys.get(key).last == NONE;
        // Of a joined value the count is the last frame that told of it.
        let again = core::mem::replace(&mut self.keys.get_mut(key).count, self.frame) == self.frame;
        if !kind.is_sketch() {
            let mut rest = bytes;
            let mut more = if new { Heap::cost(0) } else { 0 };
            if rest.is_empty() {
                return Err(Error::CrdtFormat);
            }
            while !rest.is_empty() {
                let (replica, part) = Tally::read(&mut rest).ok_or(Error::CrdtFormat)?;
                let place = self.part_place(replica)?;
                if kind == Kind::GrowCounter && (part.net < 0 || part.base < 0) {
                    return Err(Error::CrdtFormat);
                }
                let old = self.tally(key, place);
                let new = old.map_or(part, |old| old.joined(part));
                let old = old.map_or(0, |old| old.len(place));
                let longer = new.len(place).saturating_sub(old);
                let before = if again { told_before(before, path, replica) } else { None };
                match before {
                    None => more += longer,
                    Some(other) if other == part => {}
                    // Nobody has two versions of a part.
                    Some(_) => return Err(Error::CrdtFormat),
                }
            }
            return Ok(more);
        }
        let cells = self.read_cells(kind, bytes)?;
        let place = self.cells_place(kind, &cells)?;
        if let Some(event) = event
            && !cells.is_empty()
        {
            self.cells_detail(kind, &cells)?;
            if kind == Kind::CountMin && place != event.place() {
                return Err(Error::CrdtFormat);
            }
        }
        let epoch = self.epoch(key);
        let more = if new { Heap::cost(HEAD) } else { 0 };
        if cells.is_empty() || cells.epoch < epoch {
            return Ok(more);
        }
        if cells.epoch == epoch && self.cells_at(key, place).is_some() {
            return Ok(more);
        }
        let cost = self.cells_cost(kind);
        let mut gone = if cells.epoch > epoch { self.block(key).len().max(HEAD) - HEAD } else { 0 };
        // What was told before takes what the new epoch leaves, or has room already.
        let mut told = false;
        before.any(|at, of| {
            let other = if at == path { self.read_cells(kind, of).ok() } else { None };
            if let Some(other) = other.filter(|other| !other.is_empty()) {
                told |= other.epoch == cells.epoch
                    && (kind == Kind::HyperLogLog || other.replica == cells.replica);
                gone = gone.saturating_sub(cost);
            }
            told
        });
        Ok(more + if told { 0 } else { cost.saturating_sub(gone) })
    }
}

/// What a frame told before of a replica's part of a counter.
fn told_before(mut before: Before<'_>, path: Path<'_>, replica: usize) -> Option<Tally> {
    let mut found = None;
    before.any(|at, bytes| {
        if at == path {
            found = tally::parts(bytes).find(|(_, of, _)| *of == replica).map(|(.., part)| part);
        }
        found.is_some()
    });
    found
}

/// The parts of joined values that a frame told before another one.
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    reader: Reader<'a>,
    /// How many parts of the frame were read.
    parts: usize,
}

impl<'a> Before<'a> {
    /// The first so many parts of a frame.
    pub fn new(reader: Reader<'a>, parts: usize) -> Before<'a> {
        Before { reader, parts }
    }

    /// Whether this is so of any.
    fn any(&mut self, mut so: impl FnMut(Path<'_>, &[u8]) -> bool) -> bool {
        let (mut reader, mut key) = (self.reader, None);
        for _ in 0..self.parts {
            match reader.next() {
                Ok(Some(Op::Key(path))) => key = Some(path),
                Ok(Some(Op::Joined { bytes, .. })) if key.is_some_and(|key| so(key, bytes)) => {
                    return true;
                }
                Ok(Some(_)) => {}
                _ => return false,
            }
        }
        false
    }
}
