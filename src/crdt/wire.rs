//! Frames between replicas as bytes, and back: docs/store-format.md.

use super::dot::{MAX_SEQ, ReplicaId};
use super::kind::Kind;
use super::numbers;
use super::record::Sum32;
use crate::error::{Error, Result};

/// The version of the format.
pub(super) const VERSION: u8 = 1;
/// Most names of a path.
pub const MAX_DEPTH: usize = 8;
/// Most bytes of a name or an element; a value of a register has 8 less.
pub const MAX_BYTES: usize = 65_535;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Changes.
    Delta = 1,
    /// All that is there, and all changes that led to it.
    State = 2,
    /// What a replica has.
    Context = 3,
    /// Sums over parts of what is there, what is there in a part, and items.
    Digest = 4,
}

impl Frame {
    fn from_byte(byte: u8) -> Option<Frame> {
        [Frame::Delta, Frame::State, Frame::Context, Frame::Digest]
            .into_iter()
            .find(|f| *f as u8 == byte)
    }

    /// Whether such a frame can have parts with this tag.
    fn has(self, tag: u8) -> bool {
        match tag {
            REPLICA | SPAN => true,
            KEY | HELD | HELD_NEGATIVE | JOINED_HELD => self != Frame::Context,
            ADD | ADD_NEGATIVE => matches!(self, Frame::Delta | Frame::State),
            EVENT | UNDO | JOINED | TOGETHER => self == Frame::Delta,
            UNDONE => self != Frame::Delta,
            _ => self == Frame::Digest,
        }
    }
}

/// A change in a frame: the replica by its place in the frame's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WireDot {
    pub replica: usize,
    pub seq: u64,
}

/// A part of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op<'a> {
    /// The next replica of the frame's table.
    Replica(ReplicaId),
    /// The key of the additions that follow.
    Key(Path<'a>),
    /// A change that adds nothing that is still there.
    Event(WireDot),
    /// A change and what it adds.
    Add { dot: WireDot, negative: bool, bytes: &'a [u8] },
    /// What the change before this undid, and the hash of that.
    Undo { dot: WireDot, hash: u32 },
    /// The change before this and the one told next, the same replica's next one, belong to
    /// one transaction.
    Together,
    /// So many changes that add and undo nothing, from one on.
    Span { from: WireDot, more: u64 },
    /// A change that has not come and is undone already.
    Undone(WireDot),
    /// The sum over the items of a part.
    Sum(Part, Sum),
    /// What is there in a part: so many dots follow, each with its hash.
    Listed { part: Part, items: Listed<'a> },
    /// An item that is there, whose change need not have come.
    Held { dot: WireDot, negative: bool, bytes: &'a [u8] },
    /// What a change added, with this hash, is there no more.
    Gone { dot: WireDot, hash: u32 },
    /// A part of a value whose parts are joined, and the change that made it so, which
    /// need not be told.
    Joined { dot: Option<WireDot>, bytes: &'a [u8] },
}

impl Op<'_> {
    /// The changes that come with it: one, and so many more.
    pub fn changes(&self) -> Option<(WireDot, u64)> {
        match *self {
            Op::Event(dot) | Op::Add { dot, .. } | Op::Joined { dot: Some(dot), .. } => {
                Some((dot, 0))
            }
            Op::Span { from, more } => Some((from, more)),
            _ => None,
        }
    }
}

/// The items whose hash begins with these bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// How many bits, 0 to 32.
    pub depth: u32,
    pub prefix: u32,
}

impl Part {
    /// The first and the last hash.
    pub fn hashes(self) -> (u32, u32) {
        let free = 32 - self.depth;
        let low = u64::from(self.prefix) << free;
        (low as u32, (low | ((1 << free) - 1)) as u32)
    }
}

/// What two replicas have in the same part, if it is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub count: u64,
    /// The sum of the items' fingerprints, modulo 2^64.
    pub sum: u64,
}

/// Dots with hashes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl Listed<'_> {
    pub fn iter(&self) -> impl Iterator<Item = (WireDot, u32)> {
        let mut reader = Reader { frame: Frame::Digest, generation: 0, rest: self.bytes };
        // Decoded before, so all are there.
        (0..self.count).map_while(move |_| reader.listed().ok())
    }
}

const REPLICA: u8 = 1;
const KEY: u8 = 2;
const EVENT: u8 = 3;
const ADD: u8 = 4;
const ADD_NEGATIVE: u8 = 5;
const UNDO: u8 = 6;
const SPAN: u8 = 7;
const UNDONE: u8 = 8;
const SUM: u8 = 9;
const LISTED: u8 = 10;
const HELD: u8 = 11;
const HELD_NEGATIVE: u8 = 12;
const GONE: u8 = 13;
const JOINED: u8 = 14;
const JOINED_HELD: u8 = 15;
const TOGETHER: u8 = 16;

/// Names of maps and of the key in the last of them, each with its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path<'a> {
    depth: usize,
    levels: &'a [u8],
}

impl<'a> Path<'a> {
    pub fn levels(self) -> impl Iterator<Item = (&'a [u8], Kind)> {
        let mut reader = Reader { frame: Frame::Delta, generation: 0, rest: self.levels };
        // Decoded before, so all are there.
        (0..self.depth).map_while(move |_| reader.level().ok())
    }

    /// The kind of the key that it leads to.
    pub fn kind(self) -> Kind {
        self.levels().last().map_or(Kind::Map, |(_, kind)| kind)
    }
}

/// Reads a frame part by part.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    frame: Frame,
    /// How many replicas its sender has forgotten.
    pub generation: u32,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The parts of a frame.
    pub fn open(frame: &'a [u8]) -> Result<Reader<'a>> {
        let mut reader = Reader { frame: Frame::Delta, generation: 0, rest: frame };
        if reader.byte()? != VERSION {
            return Err(Error::CrdtVersion);
        }
        reader.frame = Frame::from_byte(reader.byte()?).ok_or(Error::CrdtFormat)?;
        reader.generation = u32::try_from(reader.number()?).map_err(|_| Error::CrdtFormat)?;
        Ok(reader)
    }

    /// Parts alone, of those that such a frame may have.
    pub fn parts(frame: Frame, parts: &'a [u8]) -> Reader<'a> {
        Reader { frame, generation: 0, rest: parts }
    }

    /// What the frame is.
    pub fn frame(&self) -> Frame {
        self.frame
    }

    /// The next part, which must be one of such a frame; nothing at the end.
    pub fn next(&mut self) -> Result<Option<Op<'a>>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.byte()?;
        if !self.frame.has(tag) {
            return Err(Error::CrdtFormat);
        }
        Ok(Some(match tag {
            REPLICA => Op::Replica(ReplicaId(u64::from_le_bytes(self.array()?))),
            KEY => Op::Key(self.path()?),
            EVENT => Op::Event(self.dot()?),
            ADD | ADD_NEGATIVE => {
                let dot = self.dot()?;
                Op::Add { dot, negative: tag == ADD_NEGATIVE, bytes: self.bytes()? }
            }
            UNDO => Op::Undo { dot: self.dot()?, hash: u32::from_le_bytes(self.array()?) },
            SPAN => {
                let (from, more) = (self.dot()?, self.number()?);
                if more > MAX_SEQ - from.seq {
                    return Err(Error::CrdtFormat);
                }
                Op::Span { from, more }
            }
            UNDONE => Op::Undone(self.dot()?),
            SUM => {
                let (part, count) = (self.part()?, self.number()?);
                Op::Sum(part, Sum { count, sum: u64::from_le_bytes(self.array()?) })
            }
            LISTED => {
                let (part, count) = (self.part()?, self.number()?);
                let before = self.rest;
                for _ in 0..count {
                    self.listed()?;
                }
                let bytes = &before[..before.len() - self.rest.len()];
                Op::Listed { part, items: Listed { count: count as usize, bytes } }
            }
            HELD | HELD_NEGATIVE => {
                let dot = self.dot()?;
                Op::Held { dot, negative: tag == HELD_NEGATIVE, bytes: self.bytes()? }
            }
            TOGETHER => Op::Together,
            GONE => Op::Gone { dot: self.dot()?, hash: u32::from_le_bytes(self.array()?) },
            JOINED => Op::Joined { dot: Some(self.dot()?), bytes: self.bytes()? },
            JOINED_HELD => Op::Joined { dot: None, bytes: self.bytes()? },
            _ => return Err(Error::CrdtFormat),
        }))
    }

    /// The next part, if it is an addition of few bytes by one of the first replicas: as most
    /// are, and read with less ado than by [`next`](Self::next).
    pub fn next_add(&mut self) -> Option<(WireDot, &'a [u8])> {
        let [ADD, replica @ ..128, low, rest @ ..] = self.rest else { return None };
        let (seq, rest) = match (*low, rest) {
            (1..128, rest) => (u64::from(*low), rest),
            (128..=255, [high @ 1..128, rest @ ..]) => {
                (u64::from(*low & 127) | u64::from(*high) << 7, rest)
            }
            (128..=255, [middle @ 128..=255, high @ 1..128, rest @ ..]) => {
                let low = u64::from(*low & 127) | u64::from(*middle & 127) << 7;
                (low | u64::from(*high) << 14, rest)
            }
            _ => return None,
        };
        let [len @ ..128, rest @ ..] = rest else { return None };
        let (bytes, rest) = rest.split_at_checked(*len as usize)?;
        if !self.frame.has(ADD) {
            return None;
        }
        self.rest = rest;
        Some((WireDot { replica: *replica as usize, seq }, bytes))
    }

    #[inline]
    fn byte(&mut self) -> Result<u8> {
        let (byte, rest) = self.rest.split_first().ok_or(Error::CrdtFormat)?;
        self.rest = rest;
        Ok(*byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Error::CrdtFormat)?;
        self.rest = rest;
        Ok(*array)
    }

    #[inline]
    fn number(&mut self) -> Result<u64> {
        match self.rest.split_first() {
            // Most are short.
            Some((byte, rest)) if *byte < 128 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => numbers::read(&mut self.rest).ok_or(Error::CrdtFormat),
        }
    }

    #[inline]
    fn dot(&mut self) -> Result<WireDot> {
        let (replica, seq) = (self.number()?, self.number()?);
        let replica = usize::try_from(replica).map_err(|_| Error::CrdtFormat)?;
        let there = (1..=MAX_SEQ).contains(&seq);
        there.then_some(WireDot { replica, seq }).ok_or(Error::CrdtFormat)
    }

    fn listed(&mut self) -> Result<(WireDot, u32)> {
        Ok((self.dot()?, u32::from_le_bytes(self.array()?)))
    }

    fn part(&mut self) -> Result<Part> {
        let (depth, prefix) = (u32::from(self.byte()?), self.number()?);
        let there = depth <= 32 && prefix >> depth == 0;
        there.then_some(Part { depth, prefix: prefix as u32 }).ok_or(Error::CrdtFormat)
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.number()?;
        let len = usize::try_from(len).ok().filter(|len| *len <= MAX_BYTES);
        let split = len.and_then(|len| self.rest.split_at_checked(len));
        let (bytes, rest) = split.ok_or(Error::CrdtFormat)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn level(&mut self) -> Result<(&'a [u8], Kind)> {
        let kind = Kind::from_code(self.byte()?).ok_or(Error::CrdtFormat)?;
        if !kind.is_there() {
            return Err(Error::Unsupported);
        }
        Ok((self.bytes()?, kind))
    }

    fn path(&mut self) -> Result<Path<'a>> {
        let depth = self.byte()? as usize;
        if !(1..=MAX_DEPTH).contains(&depth) {
            return Err(Error::CrdtFormat);
        }
        let before = self.rest;
        for level in 1..=depth {
            let (_, kind) = self.level()?;
            // Maps all the way, and then something else.
            if (kind == Kind::Map) != (level < depth) {
                return Err(Error::CrdtFormat);
            }
        }
        Ok(Path { depth, levels: &before[..before.len() - self.rest.len()] })
    }
}

/// Writes a frame. What does not fit is counted, too: `len` may be more than the
/// buffer has.
pub(super) struct Writer<'a> {
    buffer: &'a mut [u8],
    /// So many bytes come before those that the buffer is for.
    before: usize,
    /// Over all that is written, if somebody wants to know.
    sum: Option<Sum32>,
    pub len: usize,
}

impl<'a> Writer<'a> {
    pub fn new(buffer: &'a mut [u8], kind: Frame, generation: u32) -> Writer<'a> {
        let mut writer = Writer::parts(buffer, 0);
        writer.put(&[VERSION, kind as u8]);
        writer.number(generation.into());
        writer
    }

    /// Parts alone; of them the buffer is for those bytes that come after `before`.
    pub fn parts(buffer: &'a mut [u8], before: usize) -> Writer<'a> {
        Writer { buffer, before, sum: None, len: 0 }
    }

    /// Parts of which there is only a sum.
    pub fn sum_of_parts(sum: Sum32) -> Writer<'a> {
        Writer { sum: Some(sum), ..Writer::parts(&mut [], 0) }
    }

    /// The sum over all that was written.
    pub fn into_sum(self) -> Option<Sum32> {
        self.sum
    }

    /// Whether all that was written is there.
    pub fn fits(&self) -> bool {
        self.len <= self.buffer.len()
    }

    /// The next so many bytes, which are counted then, if they go to the buffer as they are.
    #[inline]
    fn plain(&mut self, len: usize) -> Option<&mut [u8]> {
        if self.before > 0 || self.sum.is_some() {
            return None;
        }
        let place = self.buffer.get_mut(self.len..)?.get_mut(..len)?;
        self.len += len;
        Some(place)
    }

    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        match self.plain(bytes.len()) {
            Some(place) => place.copy_from_slice(bytes),
            None => self.put_part(bytes),
        }
    }

    /// What does not fit, comes too early, or goes into a sum.
    fn put_part(&mut self, bytes: &[u8]) {
        let to = self.len.saturating_add(bytes.len());
        if let Some(sum) = &mut self.sum {
            sum.update(bytes);
        }
        let (skipped, at) =
            (self.before.saturating_sub(self.len), self.len.saturating_sub(self.before));
        let bytes = bytes.get(skipped..).unwrap_or_default();
        if let Some(room) = self.buffer.get_mut(at..) {
            let len = bytes.len().min(room.len());
            room[..len].copy_from_slice(&bytes[..len]);
        }
        self.len = to;
    }

    #[inline]
    fn number(&mut self, number: u64) {
        match self.plain(numbers::len(number)) {
            Some(place) => _ = numbers::write(number, place),
            None => {
                let (bytes, len) = numbers::bytes_of(number);
                self.put_part(&bytes[..len]);
            }
        }
    }

    #[inline]
    fn dot(&mut self, tag: u8, dot: WireDot) {
        self.put(&[tag]);
        self.number(dot.replica as u64);
        self.number(dot.seq);
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.put(bytes);
    }

    pub fn replica(&mut self, id: ReplicaId) {
        self.put(&[REPLICA]);
        self.put(&id.0.to_le_bytes());
    }

    pub fn key<'b>(&mut self, levels: impl ExactSizeIterator<Item = (&'b [u8], Kind)>) {
        self.put(&[KEY, levels.len() as u8]);
        for (name, kind) in levels {
            self.put(&[kind as u8]);
            self.bytes(name);
        }
    }

    pub fn event(&mut self, dot: WireDot) {
        self.dot(EVENT, dot);
    }

    #[inline]
    pub fn add(&mut self, dot: WireDot, negative: bool, bytes: &[u8]) {
        let tag = if negative { ADD_NEGATIVE } else { ADD };
        let (replica, len) = (dot.replica as u64, bytes.len() as u64);
        let head = 1 + numbers::len(replica) + numbers::len(dot.seq) + numbers::len(len);
        let Some(place) = self.plain(head + bytes.len()) else {
            self.dot(tag, dot);
            return self.bytes(bytes);
        };
        let (head, rest) = place.split_at_mut(head);
        head[0] = tag;
        let after = numbers::write(dot.seq, numbers::write(replica, &mut head[1..]));
        numbers::write(len, after);
        rest.copy_from_slice(bytes);
    }

    pub fn undo(&mut self, dot: WireDot, hash: u32) {
        self.dot(UNDO, dot);
        self.put(&hash.to_le_bytes());
    }

    pub fn together(&mut self) {
        self.put(&[TOGETHER]);
    }

    pub fn span(&mut self, from: WireDot, more: u64) {
        self.dot(SPAN, from);
        self.number(more);
    }

    pub fn undone(&mut self, dot: WireDot) {
        self.dot(UNDONE, dot);
    }

    fn part(&mut self, tag: u8, part: Part, count: u64) {
        self.put(&[tag, part.depth as u8]);
        self.number(u64::from(part.prefix));
        self.number(count);
    }

    pub fn sum(&mut self, part: Part, sum: Sum) {
        self.part(SUM, part, sum.count);
        self.put(&sum.sum.to_le_bytes());
    }

    /// So many calls of [`listed`](Self::listed) follow.
    pub fn list(&mut self, part: Part, count: u64) {
        self.part(LISTED, part, count);
    }

    pub fn listed(&mut self, dot: WireDot, hash: u32) {
        self.number(dot.replica as u64);
        self.number(dot.seq);
        self.put(&hash.to_le_bytes());
    }

    pub fn held(&mut self, dot: WireDot, negative: bool, bytes: &[u8]) {
        self.dot(if negative { HELD_NEGATIVE } else { HELD }, dot);
        self.bytes(bytes);
    }

    pub fn gone(&mut self, dot: WireDot, hash: u32) {
        self.dot(GONE, dot);
        self.put(&hash.to_le_bytes());
    }
    /// Parts of a joined value, and the change that made them so: so many bytes follow by
    /// [`put`](Self::put).
    pub fn begin_joined(&mut self, dot: Option<WireDot>, len: usize) {
        match dot {
            Some(dot) => self.dot(JOINED, dot),
            None => self.put(&[JOINED_HELD]),
        }
        self.number(len as u64);
    }
}
