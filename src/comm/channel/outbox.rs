//! Messages to send: their bytes until the peer has them, and whose turn it is.

use super::frame::{Limit, Segment, Skip};
use super::store::{Block, Holder, Store};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// About what a frame of a message takes beside its bytes.
const HEAD: u32 = 4;

/// What is asked for a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendOptions {
    /// What is more urgent goes first, strictly.
    pub priority: u8,
    /// When the message is worth nothing any more, in microseconds. On an
    /// unordered stream the nearest deadline goes first among messages of one
    /// priority.
    pub deadline_us: Option<u64>,
    /// Send it after its deadline, too.
    pub keep_late: bool,
}

/// Where a message is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// There is none here.
    #[default]
    Free,
    /// The peer does not know of it.
    Waiting,
    /// Some of it was sent, or all.
    Started,
    /// The peer has it.
    Acked,
    /// It expired before anything of it was sent.
    Expired,
    /// It expired after some of it was sent: the peer is to skip it.
    Skipping,
    /// It expired, and the peer knows.
    Skipped,
    /// It is longer than the peer's receive buffer.
    Refused,
}

/// A place for a message.
#[derive(Clone, Copy, Debug)]
struct Outgoing {
    deadline: u64,
    block: Block,
    /// The last 32 bits of its identifier, and of its number in the stream.
    id: u32,
    number: u32,
    /// Bytes that were sent once.
    cut: u32,
    /// Length of the message, also when its bytes are gone.
    total: u32,
    /// Records in flight that have bytes of it.
    parts: u16,
    stream: u16,
    level: u8,
    state: State,
    /// The caller has to be told how it ended.
    tell: bool,
    /// A deadline that drops it.
    drops: bool,
}

impl Outgoing {
    const FREE: Outgoing = Outgoing {
        deadline: u64::MAX,
        block: Block::EMPTY,
        id: 0,
        number: 0,
        cut: 0,
        total: 0,
        parts: 0,
        stream: 0,
        level: 0,
        state: State::Free,
        tell: false,
        drops: false,
    };

    /// Whether it has to be sent, or the rest of it.
    fn is_unsent(&self) -> bool {
        self.state == State::Waiting || self.state == State::Started && self.cut < self.total
    }

    fn expires(&self) -> bool {
        self.drops && self.is_unsent()
    }
}

impl Holder for Outgoing {
    fn block(&self) -> Block {
        self.block
    }
    fn block_mut(&mut self) -> &mut Block {
        &mut self.block
    }
}

/// The sender's side of a stream.
#[derive(Clone, Copy, Debug, Default)]
struct Stream {
    /// Number of the message that is started next.
    next: u64,
    /// All before this one have ended: its last 32 bits.
    oldest: u32,
    /// Bytes that it took beyond its last turn.
    owed: u32,
}

/// What to send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Nothing,
    /// The next message needs this much of the peer.
    Blocked(Limit),
    /// From the message in this slot, of this level.
    Message(usize, u8),
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Acked(u64),
    Expired(u64),
    Refused(u64),
}

pub struct Outbox<'m> {
    slots: Carved<'m, Outgoing>,
    streams: Carved<'m, Stream>,
    store: Store<'m>,
    /// Streams below this one are ordered.
    ordered: u16,
    next_id: u64,
    /// Messages whose end has to be told.
    untold: u16,
    /// Messages that the peer has to be told to skip.
    to_skip: u16,
    /// Not after the next deadline.
    deadline: u64,
    /// What was started, and what the peer allows to.
    started: Limit,
    limit: Limit,
    /// The peer's receive buffer; nothing while it is not known.
    peer: Option<u32>,
    /// So many messages of a stream may be open at once.
    window: u32,
    /// Whose turn it is among streams of equal urgency, and how many bytes of
    /// it are left (deficit round robin, Shreedhar & Varghese 1995).
    turn: u16,
    left: u32,
    quantum: u32,
}

impl<'m> Outbox<'m> {
    pub fn carve(
        carver: &mut Carver<'m>,
        (ordered, unordered): (u16, u16),
        (messages, bytes): (usize, usize),
        mtu: u32,
    ) -> Result<Outbox<'m>> {
        let streams = usize::from(ordered) + usize::from(unordered);
        Ok(Outbox {
            slots: carver.take(messages, Outgoing::FREE)?,
            streams: carver.take(streams, Stream::default())?,
            store: Store::carve(carver, bytes)?,
            ordered,
            next_id: 0,
            untold: 0,
            to_skip: 0,
            deadline: u64::MAX,
            started: Limit::default(),
            limit: Limit::default(),
            peer: None,
            window: 0,
            turn: 0,
            left: 0,
            quantum: mtu,
        })
    }

    /// The longest message that fits now; nothing if there is no place for one.
    pub fn room(&self) -> Option<usize> {
        self.slots.iter().any(|s| s.state == State::Free).then(|| self.store.free())
    }

    /// Messages of which the caller was not told the end.
    pub fn open(&self) -> usize {
        let open = |s: &&Outgoing| match s.state {
            State::Free => false,
            State::Skipping => s.tell,
            _ => true,
        };
        self.slots.iter().filter(open).count()
    }

    /// Takes a message on; answers its identifier.
    pub fn add(
        &mut self,
        stream: usize,
        bytes: &[u8],
        options: &SendOptions,
        now: u64,
    ) -> Result<u64> {
        if stream >= self.streams.len() {
            return Err(Error::Invalid);
        }
        let longest = self.peer.unwrap_or(u32::MAX) as usize;
        if bytes.len() > longest.min(self.store.capacity()) {
            return Err(Error::CommTooLong);
        }
        let drops = options.deadline_us.is_some() && !options.keep_late;
        if drops && options.deadline_us.is_some_and(|at| at <= now) {
            return Err(Error::CommExpired);
        }
        let free = self.slots.iter().position(|s| s.state == State::Free);
        let free = free.ok_or(Error::Capacity)?;
        let block = self.store.take(bytes.len(), &mut self.slots).ok_or(Error::Capacity)?;
        self.store.get_mut(block).copy_from_slice(bytes);
        let id = self.next_id;
        self.next_id += 1;
        let (stream, level) = (stream as u16, options.priority);
        let deadline = options.deadline_us.unwrap_or(u64::MAX);
        // An ordered stream delivers what comes before it first.
        if stream < self.ordered {
            for earlier in self.slots.iter_mut().filter(|s| s.stream == stream) {
                earlier.level = earlier.level.max(level);
            }
        }
        if let Some(slot) = self.slots.get_mut(free) {
            let (id, total) = (id as u32, bytes.len() as u32);
            let state = State::Waiting;
            *slot = Outgoing {
                deadline,
                block,
                id,
                total,
                stream,
                level,
                state,
                drops,
                ..Outgoing::FREE
            };
        }
        if drops {
            self.deadline = self.deadline.min(deadline);
        }
        Ok(id)
    }

    /// The peer said who it is: its receive buffer.
    pub fn opened(&mut self, bytes: u32, messages: u16) {
        self.peer = Some(bytes);
        self.window = u32::from(messages).next_multiple_of(64);
        self.raise(Limit { bytes: u64::from(bytes), messages: u64::from(messages) });
        let mut refused = 0;
        for slot in self.slots.iter_mut() {
            if slot.state == State::Waiting && slot.total > bytes {
                (slot.state, slot.tell) = (State::Refused, true);
                self.store.give_back(&mut slot.block);
                refused += 1;
            }
        }
        self.untold += refused;
    }

    /// The peer allows more.
    pub fn raise(&mut self, limit: Limit) {
        self.limit.bytes = self.limit.bytes.max(limit.bytes);
        self.limit.messages = self.limit.messages.max(limit.messages);
    }

    /// Whether something waits for the peer to say who it is.
    pub fn waits_for_peer(&self) -> bool {
        self.peer.is_none() && self.slots.iter().any(|s| s.state == State::Waiting)
    }

    pub fn level(&self, slot: u16) -> u8 {
        self.slots.get(usize::from(slot)).map_or(0, |s| s.level)
    }

    /// How far a stream is from its turn: 0 if it has it.
    fn distance(&self, stream: u16) -> u16 {
        let count = self.streams.len() as u16;
        let past = if stream >= self.turn { 0 } else { count };
        match stream + past - self.turn {
            0 if self.left == 0 => count,
            distance => distance,
        }
    }

    /// The next to send: by level, then by turn; within a stream what was begun,
    /// then the nearest deadline, then the oldest.
    pub fn choose(&self) -> Choice {
        if self.peer.is_none() {
            return Choice::Nothing;
        }
        let key = |slot: &Outgoing| {
            let ordered = slot.stream < self.ordered;
            let deadline = if ordered { 0 } else { slot.deadline };
            let age = (self.next_id as u32).wrapping_sub(slot.id);
            let begun = slot.state == State::Started;
            (slot.level, !self.distance(slot.stream), begun, !deadline, age)
        };
        // The best of what is begun, and of what is not.
        let (mut begun, mut waiting) = (None, None);
        for (at, slot) in self.slots.iter().enumerate().filter(|(_, s)| s.is_unsent()) {
            let best = match slot.state {
                State::Started => &mut begun,
                _ if self.has_number(slot.stream) => &mut waiting,
                _ => continue,
            };
            if best.is_none_or(|(_, other)| key(slot) > key(other)) {
                *best = Some((at, slot));
            }
        }
        let message = |(at, slot): (usize, &Outgoing)| Choice::Message(at, slot.level);
        match (begun, waiting) {
            (None, None) => Choice::Nothing,
            (Some(begun), None) => message(begun),
            (Some(begun), Some(waiting)) if key(begun.1) >= key(waiting.1) => message(begun),
            (begun, Some(waiting)) => {
                // What is begun has its place at the peer. What is not does not
                // overtake what waits for one.
                let need = Limit {
                    bytes: self.started.bytes + u64::from(waiting.1.total),
                    messages: self.started.messages + 1,
                };
                if need.bytes <= self.limit.bytes && need.messages <= self.limit.messages {
                    message(waiting)
                } else {
                    begun.map_or(Choice::Blocked(need), message)
                }
            }
        }
    }

    /// Whether the peer can tell another message of a stream from older ones.
    fn has_number(&self, stream: u16) -> bool {
        let stream = self.streams.get(usize::from(stream));
        stream.is_some_and(|s| (s.next as u32).wrapping_sub(s.oldest) < self.window)
    }

    /// Bytes of a message from `offset` on, at most `len`.
    pub fn segment(&self, slot: usize, offset: u32, len: usize) -> Option<Segment<'_>> {
        let slot = self.slots.get(slot)?;
        let bytes = self.store.get(slot.block).get(offset as usize..)?;
        let bytes = bytes.get(..len.min(bytes.len()))?;
        Some(Segment {
            stream: slot.stream,
            number: self.number(slot),
            total: slot.total,
            offset,
            bytes,
        })
    }

    /// The message's number in its stream; that of the next one if it has none.
    fn number(&self, slot: &Outgoing) -> u64 {
        let next = self.streams.get(usize::from(slot.stream)).map_or(0, |s| s.next);
        match slot.state {
            State::Waiting => next,
            _ => next - u64::from((next as u32).wrapping_sub(slot.number)),
        }
    }

    /// What was not sent of the message yet, from where on.
    pub fn unsent(&self, slot: usize) -> Option<(u32, usize)> {
        let slot = self.slots.get(slot)?;
        Some((slot.cut, (slot.total - slot.cut) as usize))
    }

    /// The next `len` bytes of the message are in a packet.
    pub fn cut(&mut self, at: usize, len: usize) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        if let (State::Waiting, Some(s)) =
            (slot.state, self.streams.get_mut(usize::from(slot.stream)))
        {
            slot.state = State::Started;
            slot.number = s.next as u32;
            s.next += 1;
            self.started.bytes += u64::from(slot.total);
            self.started.messages += 1;
        }
        slot.cut += len as u32;
        slot.parts += 1;
        let due = slot.drops && slot.cut == slot.total && slot.deadline == self.deadline;
        let stream = slot.stream;
        self.take_turn(stream, len as u32);
        if due {
            let drops = self.slots.iter().filter(|s| s.expires());
            self.deadline = drops.map(|s| s.deadline).min().unwrap_or(u64::MAX);
        }
    }

    /// A stream sends `len` bytes of its turn, or of a new one.
    fn take_turn(&mut self, stream: u16, len: u32) {
        let Some(of) = self.streams.get_mut(usize::from(stream)) else { return };
        if stream != self.turn || self.left == 0 {
            self.turn = stream;
            self.left = self.quantum.saturating_sub(of.owed).max(1);
            of.owed = 0;
        }
        // A message without bytes takes its part of a packet, too.
        of.owed = (len + HEAD).saturating_sub(self.left);
        self.left = self.left.saturating_sub(len + HEAD);
    }

    /// A part that is sent again was divided in two.
    pub fn divided(&mut self, at: u16) {
        if let Some(slot) = self.slots.get_mut(usize::from(at)) {
            slot.parts += 1;
        }
    }

    /// A part has arrived.
    pub fn arrived(&mut self, at: u16) {
        let Some(slot) = self.slots.get_mut(usize::from(at)) else { return };
        slot.parts = slot.parts.saturating_sub(1);
        if slot.state == State::Started && slot.parts == 0 && slot.cut == slot.total {
            (slot.state, slot.tell) = (State::Acked, true);
            self.store.give_back(&mut slot.block);
            self.untold += 1;
            let stream = slot.stream;
            self.settle(stream);
        }
    }

    /// The peer knows that it has to skip the message.
    pub fn skipped(&mut self, at: u16) {
        let Some(slot) = self.slots.get_mut(usize::from(at)) else { return };
        if slot.state == State::Skipping {
            slot.state = if slot.tell { State::Skipped } else { State::Free };
            let stream = slot.stream;
            self.settle(stream);
        }
    }

    /// Finds the oldest open message of a stream.
    fn settle(&mut self, stream: u16) {
        let Some(next) = self.streams.get(usize::from(stream)).map(|s| s.next) else { return };
        let open = |s: &&Outgoing| {
            s.stream == stream && matches!(s.state, State::Started | State::Skipping)
        };
        let ages = self.slots.iter().filter(open).map(|s| (next as u32).wrapping_sub(s.number));
        let oldest = (next as u32).wrapping_sub(ages.max().unwrap_or(0));
        if let Some(stream) = self.streams.get_mut(usize::from(stream)) {
            stream.oldest = oldest;
        }
    }

    /// When the next message expires.
    pub fn deadline(&self) -> Option<u64> {
        (self.deadline < u64::MAX).then_some(self.deadline)
    }

    /// Drops what is not sent to its end by its deadline; says which slots the
    /// peer knows of.
    pub fn expire(&mut self, now: u64, mut forget: impl FnMut(u16)) {
        if now < self.deadline {
            return;
        }
        self.deadline = u64::MAX;
        for (at, slot) in self.slots.iter_mut().enumerate().filter(|(_, s)| s.expires()) {
            if now < slot.deadline {
                self.deadline = self.deadline.min(slot.deadline);
                continue;
            }
            if slot.state == State::Waiting {
                slot.state = State::Expired;
            } else {
                slot.state = State::Skipping;
                slot.parts = 0;
                self.to_skip += 1;
                forget(at as u16);
            }
            slot.tell = true;
            self.untold += 1;
            self.store.give_back(&mut slot.block);
        }
    }

    /// A message that the peer has not been told to skip.
    pub fn to_skip(&self) -> Option<usize> {
        if self.to_skip == 0 {
            return None;
        }
        self.slots.iter().position(|s| s.state == State::Skipping && s.cut < u32::MAX)
    }

    pub fn skip(&self, at: usize) -> Option<Skip> {
        let slot = self.slots.get(at)?;
        let number = self.number(slot);
        Some(Skip { stream: slot.stream, number, total: slot.total })
    }

    /// The peer is being told to skip a message.
    pub fn told_to_skip(&mut self, at: usize) {
        if let Some(slot) = self.slots.get_mut(at) {
            slot.cut = u32::MAX;
            self.to_skip -= 1;
        }
    }

    /// How a message ended, once for each.
    pub fn end(&mut self) -> Option<End> {
        if self.untold == 0 {
            return None;
        }
        let next = self.next_id;
        let slot = self.slots.iter_mut().find(|s| s.tell)?;
        let id = next - u64::from((next as u32).wrapping_sub(slot.id));
        let end = match slot.state {
            State::Acked => End::Acked(id),
            State::Refused => End::Refused(id),
            _ => End::Expired(id),
        };
        slot.tell = false;
        if slot.state != State::Skipping {
            slot.state = State::Free;
        }
        self.untold -= 1;
        Some(end)
    }
}
