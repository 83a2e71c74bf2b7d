//! What others are told.

use core::ops::Range;

use super::pieces::PieceWalk;
use super::places::Table;
use super::{OWN, Store};
use crate::crdt::context::{Context, Member};
use crate::crdt::dot::Stamp;
use crate::crdt::items::NONE;
use crate::crdt::keys::ROOT;
use crate::crdt::wire::{Frame, MAX_DEPTH, Op, Part, WireDot, Writer};
use crate::error::{Error, Result};

/// A frame of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its length; 0 if there is nothing to tell.
    pub len: usize,
    /// Where the next frame goes on, if there is more.
    pub next: Option<u64>,
}

/// Which of what took the place of something undone is told with the change that undid it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Successors {
    /// None: they follow in the same frame.
    Whole,
    /// None, for want of room.
    None,
    /// What is here without its change having come; the others are in the same frame.
    Early,
    All,
}

impl Successors {
    /// Whether all that took the place of something is told in the same frame.
    fn all_follow(self) -> bool {
        self == Successors::Whole
    }
}

/// A frame that is being written.
pub(super) struct Frames<'a> {
    pub writer: Writer<'a>,
    /// The key of the last addition.
    pub key: u32,
}

impl Frames<'_> {
    /// The length of the frame, if all of it is there.
    fn finish(self) -> Result<usize> {
        if self.writer.fits() { Ok(self.writer.len) } else { Err(Error::BufferTooSmall) }
    }
}

impl Store<'_> {
    /// Writes what this replica has: what [`delta`](Self::delta) of another one wants to
    /// know. Returns the frame's length.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`]; the length that is needed is in
    /// [`context_len`](Self::context_len). [`Error::CrdtTransaction`] while a transaction is
    /// open.
    pub fn context(&mut self, frame: &mut [u8]) -> Result<usize> {
        self.outside_transaction()?;
        self.begin(frame, Frame::Context).finish()
    }

    /// The length of [`context`](Self::context).
    pub fn context_len(&mut self) -> usize {
        self.begin(&mut [], Frame::Context).writer.len
    }

    fn frames<'a>(&self, frame: &'a mut [u8], kind: Frame) -> Frames<'a> {
        Frames { writer: Writer::new(frame, kind, self.generation), key: NONE }
    }

    /// Begins a frame that says whose it is and what this replica has.
    pub(super) fn begin<'a>(&mut self, frame: &'a mut [u8], kind: Frame) -> Frames<'a> {
        let mut frames = self.frames(frame, kind);
        self.table.clear();
        write_context(&self.context, &mut self.table, &mut frames);
        frames
    }

    /// Writes changes that a peer lacks, as many as fit into the frame, for
    /// [`merge`](Self::merge). `peer` is what the peer's [`context`](Self::context)
    /// wrote, `from` 0 or where the frame before ended. While frames of several are on
    /// their way, the peer may have some of this replica's values and not yet others; but
    /// all of a transaction is in one frame, with the changes that took the place of some
    /// of it since.
    ///
    /// # Errors
    /// [`Error::CrdtBehind`] if the peer lacks more than the log has: it needs the
    /// [`state`](Self::state). [`Error::CrdtFormat`] and [`Error::CrdtVersion`] if `peer`
    /// is no context, [`Error::BufferTooSmall`] if not even one change or transaction fits,
    /// [`Error::CrdtTransaction`] while one is open.
    pub fn delta(&mut self, peer: &[u8], from: u64, frame: &mut [u8]) -> Result<Told> {
        self.begin_delta(peer)?;
        if self.log.has_transactions() {
            return self.delta_in_units(from, frame);
        }
        let from = from.max(self.first_lacking());
        let told = self.write_events(from, frame, Successors::Whole)?;
        match told.next {
            None => Ok(told),
            // Not all at once: what is undone now may have a successor in a later frame.
            // Where not even one change with its successors fits, it goes without.
            Some(_) => match self.write_events(from, frame, Successors::All) {
                Err(Error::BufferTooSmall) => self.write_events(from, frame, Successors::None),
                told => told,
            },
        }
    }

    /// Writes changes from a place in the log on, as many as fit, with those
    /// `successors` of what they undo.
    fn write_events(
        &mut self,
        from: u64,
        frame: &mut [u8],
        successors: Successors,
    ) -> Result<Told> {
        let mut frames = self.begin_changes(frame);
        let (head, mut at) = (frames.writer.len, from);
        while let Some((event, parts)) = self.lacking(at) {
            let before = frames.writer.len;
            self.write_event(&mut frames, event, parts.clone(), successors);
            if !frames.writer.fits() {
                if before == head {
                    return Err(Error::BufferTooSmall);
                }
                return Ok(Told { len: before, next: Some(parts.start) });
            }
            at = parts.end;
        }
        let len = if frames.writer.len == head { 0 } else { frames.writer.len };
        Ok(Told { len, next: None })
    }

    /// Begins a frame of changes.
    pub(super) fn begin_changes<'a>(&mut self, frame: &'a mut [u8]) -> Frames<'a> {
        self.table.clear();
        self.frames(frame, Frame::Delta)
    }

    /// The length of a frame in which [`delta`](Self::delta) can go on; 0 if there is
    /// nothing to tell.
    ///
    /// # Errors
    /// Those of [`delta`](Self::delta).
    pub fn delta_len(&mut self, peer: &[u8], from: u64) -> Result<usize> {
        self.begin_delta(peer)?;
        if self.log.has_transactions() {
            return Ok(self.unit_len(from));
        }
        let from = from.max(self.first_lacking());
        let mut frames = self.begin_changes(&mut []);
        let Some((event, parts)) = self.lacking(from) else { return Ok(0) };
        let more = self.lacking(parts.end).is_some();
        let successors = if more { Successors::All } else { Successors::Whole };
        self.write_event(&mut frames, event, parts, successors);
        Ok(frames.writer.len)
    }

    /// Reads what a peer has, unless it lacks more than can be told.
    fn begin_delta(&mut self, peer: &[u8]) -> Result<()> {
        self.outside_transaction()?;
        self.read_context(peer)?;
        for (place, member) in self.context.members().iter().enumerate() {
            let has = self.places.up_to(place);
            if has < member.seen && has < member.logged {
                return Err(Error::CrdtBehind);
            }
        }
        Ok(())
    }

    /// A place in the log before which there is nothing that the peer lacks: found from the
    /// end, since most peers lack little.
    fn first_lacking(&self) -> u64 {
        let mut lacks = 0;
        for (place, member) in self.context.members().iter().enumerate() {
            lacks += member.seen.saturating_sub(self.places.up_to(place));
        }
        for span in self.context.ahead() {
            lacks += span.to.seq() - span.from.seq() + 1;
        }
        let (range, mut last) = (self.log.range(), None);
        if lacks >= range.end - range.start {
            // All of it: a change has a record at least.
            return range.start;
        }
        let mut at = range.end;
        while at > range.start {
            let event = self.log.event(at - 1);
            if last != Some(event) {
                if lacks == 0 {
                    break;
                }
                lacks -= u64::from(event.seq() > self.places.up_to(event.place()));
                last = Some(event);
            }
            at -= 1;
        }
        at
    }

    /// The first change in the log from a place on that the peer lacks, and its parts.
    pub(super) fn lacking(&self, from: u64) -> Option<(Stamp, Range<u64>)> {
        let range = self.log.range();
        let mut at = from.max(range.start);
        while at < range.end {
            let event = self.log.event(at);
            let mut end = at + 1;
            while end < range.end && self.log.event(end) == event {
                end += 1;
            }
            if event.seq() > self.places.up_to(event.place()) {
                return Some((event, at..end));
            }
            at = end;
        }
        None
    }

    /// Writes all that is there, for [`merge`](Self::merge). Returns the length.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`]; see [`state_len`](Self::state_len).
    /// [`Error::CrdtTransaction`] while a transaction is open.
    pub fn state(&mut self, frame: &mut [u8]) -> Result<usize> {
        self.outside_transaction()?;
        self.write_state(frame).finish()
    }

    /// The length of [`state`](Self::state).
    pub fn state_len(&mut self) -> usize {
        self.write_state(&mut []).writer.len
    }

    fn write_state<'a>(&mut self, frame: &'a mut [u8]) -> Frames<'a> {
        let mut frames = self.begin(frame, Frame::State);
        let mut key = ROOT;
        while let Some(next) = self.keys.next_live(key) {
            key = next;
            let start = self.first_of(key);
            let mut at = start;
            while at != NONE {
                self.write_item(&mut frames, at, false);
                at = self.items.next_until(at, start);
            }
        }
        let mut walk = PieceWalk::new(self, Part { depth: 0, prefix: 0 });
        while let Some(piece) = walk.next(self) {
            self.write_piece(&mut frames, &piece);
        }
        frames
    }

    /// What the peer has goes to `places`; the table of the frame is empty then.
    fn read_context(&mut self, frame: &[u8]) -> Result<()> {
        let mut reader = self.open_frame(frame)?;
        if reader.frame() != Frame::Context {
            return Err(Error::CrdtFormat);
        }
        self.places.clear();
        let mut sender = None;
        // The replica told of last: its place in the frame, and in the store if it is known.
        let (mut count, mut place) = (0, None);
        while let Some(op) = reader.next()? {
            match op {
                Op::Replica(id) => {
                    (count, place) = (count + 1, self.context.place(id));
                    sender = if count == 1 { place } else { sender };
                }
                Op::Span { from, more } if from.replica + 1 == count => {
                    // What came early is told again: that is rare, and does no harm.
                    if let (Some(place), 1) = (place, from.seq) {
                        self.places.set_up_to(place, 1 + more);
                    }
                }
                Op::Undone(_) => {}
                _ => return Err(Error::CrdtFormat),
            }
        }
        if let Some(sender) = sender {
            self.heard(sender, |places, place| places.up_to(place));
        }
        Ok(())
    }

    #[inline]
    pub(super) fn write_event(
        &mut self,
        frames: &mut Frames<'_>,
        event: Stamp,
        parts: Range<u64>,
        successors: Successors,
    ) {
        let record = self.log.get(parts.start);
        if parts.end - parts.start == 1 && record.undone.is_none() && record.joined.is_none() {
            // As most are: something was added, and may be gone.
            match self.items.find_dot_near(record.item, record.hash, event) {
                NONE => {
                    let dot = wire_dot(&self.context, &mut self.table, frames, event);
                    frames.writer.event(dot);
                }
                at => self.write_item(frames, at, false),
            }
            return;
        }
        self.write_parts_of(frames, event, parts, successors);
    }

    /// The same for a change that did more, or something else.
    fn write_parts_of(
        &mut self,
        frames: &mut Frames<'_>,
        event: Stamp,
        parts: Range<u64>,
        successors: Successors,
    ) {
        let mut told = false;
        for part in parts.clone() {
            let record = self.log.get(part);
            if let Some(joined) = record.joined {
                let what = (record.hash, joined);
                told |= self.write_joined_event(frames, event, what, successors.all_follow());
            } else if record.undone.is_none() {
                let at = self.items.find_dot_near(record.item, record.hash, event);
                if at != NONE && !told {
                    self.write_item(frames, at, false);
                    told = true;
                }
            }
        }
        if !told {
            let dot = wire_dot(&self.context, &mut self.table, frames, event);
            frames.writer.event(dot);
        }
        for part in parts {
            let record = self.log.get(part);
            if let Some(undone) = record.undone {
                let dot = wire_dot(&self.context, &mut self.table, frames, undone);
                frames.writer.undo(dot, record.hash);
                if matches!(successors, Successors::All | Successors::Early) {
                    self.write_successors(frames, event, record.hash, successors);
                }
            }
        }
    }

    /// Writes the items with a hash whose changes the peer lacks and that come later: so
    /// nothing is missing between the frames that had a value before and has one after.
    fn write_successors(
        &mut self,
        frames: &mut Frames<'_>,
        event: Stamp,
        hash: u32,
        which: Successors,
    ) {
        let mut at = self.items.first(hash);
        while at != NONE {
            let dot = self.items.get(at).dot();
            let new = dot.seq() > self.places.up_to(dot.place())
                && (which == Successors::All || !self.context.has(dot));
            if new && dot != event && self.hash_of(at) == hash {
                self.write_item(frames, at, true);
            }
            at = self.items.following(at);
        }
    }

    /// Writes the path of what follows, unless it was told last.
    pub(super) fn write_key(&self, frames: &mut Frames<'_>, of: u32) {
        if frames.key == of {
            return;
        }
        frames.key = of;
        let mut path = [ROOT; MAX_DEPTH];
        let (mut key, mut depth) = (of, 0);
        while key != ROOT && depth < MAX_DEPTH {
            path[depth] = key;
            (key, depth) = (self.keys.get(key).parent, depth + 1);
        }
        let level = |key: &u32| (self.keys.name(*key, &self.heap), self.keys.get(*key).kind);
        frames.writer.key(path[..depth].iter().rev().map(level));
    }

    pub(super) fn write_item(&mut self, frames: &mut Frames<'_>, at: u32, held: bool) {
        let item = *self.items.get(at);
        self.write_key(frames, item.key);
        let dot = wire_dot(&self.context, &mut self.table, frames, item.dot());
        if self.context.has(item.dot()) && !held {
            frames.writer.add(dot, item.negative(), self.bytes_of(at));
        } else {
            frames.writer.held(dot, item.negative(), self.bytes_of(at));
        }
    }
}

/// A dot in the frame, whose replica it tells first if need be.
#[inline]
pub(super) fn wire_dot(
    context: &Context<'_>,
    table: &mut Table<'_>,
    frames: &mut Frames<'_>,
    dot: Stamp,
) -> WireDot {
    let (replica, new) = table.place(dot.place());
    if new {
        frames.writer.replica(context.members()[dot.place()].id);
    }
    WireDot { replica, seq: dot.seq() }
}

/// All that a context knows: for each replica a span from 1 on, and those ahead.
fn write_context(context: &Context<'_>, table: &mut Table<'_>, frames: &mut Frames<'_>) {
    // The sender comes first.
    wire_dot(context, table, frames, Stamp::new(OWN, 1));
    for (place, Member { seen, .. }) in context.members().iter().enumerate() {
        let ahead = context.ahead().iter().filter(|span| span.from.place() == place);
        let undone = context.undone().iter().filter(|dot| dot.place() == place);
        if *seen > 0 {
            let first = wire_dot(context, table, frames, Stamp::new(place, 1));
            frames.writer.span(first, seen - 1);
        }
        for span in ahead {
            let from = wire_dot(context, table, frames, span.from);
            frames.writer.span(from, span.to.seq() - span.from.seq());
        }
        for dot in undone {
            let dot = wire_dot(context, table, frames, *dot);
            frames.writer.undone(dot);
        }
    }
}
