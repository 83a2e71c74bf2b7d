//! Packets of a channel as bytes (docs/channel-format.md): a packet number and
//! frames behind it. Nothing else knows their layout.

use crate::error::{Error, Result};

/// The version of the format, which OPEN carries.
pub const VERSION: u8 = 1;
/// The largest number that the format has.
pub const MOST: u64 = (1 << 62) - 1;
/// Most frames in a packet that carry a message or skip one.
pub const MOST_SEGMENTS: usize = 64;
/// Most frames in a packet: those, and one of each other kind.
pub const MOST_FRAMES: usize = MOST_SEGMENTS + 5;
/// Most ranges of an acknowledgement.
const MOST_RANGES: usize = 32;
/// Most bytes of a varint: 9 times 7 bits.
const MOST_VARINT: usize = 9;
/// Most bytes of a message's frame before its bytes, and one more.
pub const MOST_HEAD: usize = 24;

const PING: u8 = 1;
const ACK: u8 = 2;
const OPEN: u8 = 3;
const CREDIT: u8 = 4;
const BLOCKED: u8 = 5;
const SKIP: u8 = 6;
const MESSAGE: u8 = 0x80;
const PART: u8 = 0x40;
const LENGTH: u8 = 0x20;
/// In the place of the stream: it follows as a varint.
const STREAM_FOLLOWS: u8 = 0x1f;

/// What a channel says about itself before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    pub epoch: u32,
    pub ordered: u16,
    pub unordered: u16,
    /// The longest time until it acknowledges, in 16 microseconds.
    pub ack_delay: u32,
    /// The bytes of its receive buffer: its first credit.
    pub bytes: u32,
    /// The messages in it.
    pub messages: u16,
}

impl Open {
    fn numbers(&self) -> [u64; 6] {
        let [epoch, ack_delay, bytes] = [self.epoch, self.ack_delay, self.bytes].map(u64::from);
        let [ordered, unordered] = [self.ordered, self.unordered].map(u64::from);
        [epoch, ordered, unordered, ack_delay, bytes, u64::from(self.messages)]
    }
}

/// How far the sender of messages may go, or has to: since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    pub bytes: u64,
    pub messages: u64,
}

/// All or a part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    pub stream: u16,
    pub number: u64,
    /// Length of the whole message.
    pub total: u32,
    pub offset: u32,
    pub bytes: &'a [u8],
}

/// A message that will not be sent to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skip {
    pub stream: u16,
    pub number: u64,
    pub total: u32,
}

/// Packets that were received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    pub largest: u64,
    /// How long the largest was held back, in 16 microseconds.
    pub delay: u64,
    /// Packets right before the largest.
    first: u64,
    more: u64,
    /// As many pairs of varints.
    pairs: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    Ping,
    Ack(Ack<'a>),
    Open(Open),
    Credit(Limit),
    Blocked(Limit),
    Skip(Skip),
    Segment(Segment<'a>),
}

/// Reads from the front of some bytes.
#[derive(Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> Result<u8> {
        let (first, rest) = self.0.split_first().ok_or(Error::CommFormat)?;
        self.0 = rest;
        Ok(*first)
    }

    fn bytes(&mut self, len: u64) -> Result<&'a [u8]> {
        let len = usize::try_from(len).map_err(|_| Error::CommFormat)?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(Error::CommFormat)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A number in as few bytes as it takes.
    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for place in 0..MOST_VARINT {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                let shortest = byte != 0 || place == 0;
                return if shortest && value <= MOST { Ok(value) } else { Err(Error::CommFormat) };
            }
        }
        Err(Error::CommFormat)
    }

    fn small<T: TryFrom<u64>>(&mut self) -> Result<T> {
        T::try_from(self.varint()?).map_err(|_| Error::CommFormat)
    }

    fn limit(&mut self) -> Result<Limit> {
        Ok(Limit { bytes: self.varint()?, messages: self.varint()? })
    }

    /// The next frame, if there is one.
    pub fn frame(&mut self) -> Result<Option<Frame<'a>>> {
        if self.is_empty() {
            return Ok(None);
        }
        Ok(Some(match self.byte()? {
            PING => Frame::Ping,
            ACK => Frame::Ack(self.ack()?),
            OPEN => {
                if self.byte()? != VERSION {
                    return Err(Error::CommVersion);
                }
                Frame::Open(Open {
                    epoch: self.small()?,
                    ordered: self.small()?,
                    unordered: self.small()?,
                    ack_delay: self.small()?,
                    bytes: self.small()?,
                    messages: self.small()?,
                })
            }
            CREDIT => Frame::Credit(self.limit()?),
            BLOCKED => Frame::Blocked(self.limit()?),
            SKIP => Frame::Skip(Skip {
                stream: self.small()?,
                number: self.varint()?,
                total: self.small()?,
            }),
            kind if kind & MESSAGE != 0 => Frame::Segment(self.segment(kind)?),
            _ => return Err(Error::CommFormat),
        }))
    }

    fn segment(&mut self, kind: u8) -> Result<Segment<'a>> {
        let stream = match kind & STREAM_FOLLOWS {
            STREAM_FOLLOWS => self.small()?,
            stream => u16::from(stream),
        };
        if kind & STREAM_FOLLOWS == STREAM_FOLLOWS && stream < u16::from(STREAM_FOLLOWS) {
            return Err(Error::CommFormat);
        }
        let number = self.varint()?;
        let part = match kind & PART {
            0 => None,
            _ => Some((self.small::<u32>()?, self.small::<u32>()?)),
        };
        let len = match kind & LENGTH {
            0 => self.0.len() as u64,
            _ => self.varint()?,
        };
        let bytes = self.bytes(len)?;
        let len = u32::try_from(len).map_err(|_| Error::CommFormat)?;
        let (total, offset) = part.unwrap_or((len, 0));
        // A part has something in it, and ends with the message at most.
        let empty = len == 0 && part.is_some();
        if empty || offset.checked_add(len).is_none_or(|end| end > total) {
            return Err(Error::CommFormat);
        }
        Ok(Segment { stream, number, total, offset, bytes })
    }

    fn ack(&mut self) -> Result<Ack<'a>> {
        let (largest, delay) = (self.varint()?, self.varint()?);
        let (first, more) = (self.varint()?, self.varint()?);
        let mut low = largest.checked_sub(first).ok_or(Error::CommFormat)?;
        if more >= MOST_RANGES as u64 {
            return Err(Error::CommFormat);
        }
        let before = self.0;
        for _ in 0..more {
            // A range that is one behind another would be the same one.
            let high = below(low, self.varint()?).ok_or(Error::CommFormat)?;
            low = high.checked_sub(self.varint()?).ok_or(Error::CommFormat)?;
        }
        let pairs = before.get(..before.len() - self.0.len()).unwrap_or(&[]);
        Ok(Ack { largest, delay, first, more, pairs })
    }
}

/// The number that is a gap of `gap + 1` below `low`.
fn below(low: u64, gap: u64) -> Option<u64> {
    low.checked_sub(gap)?.checked_sub(2)
}

impl Ack<'_> {
    /// The ranges, each from its smallest to its largest number, downwards.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut pairs = Reader(self.pairs);
        let mut low = self.largest.saturating_sub(self.first);
        let more = (0..self.more).map_while(move |_| {
            let high = below(low, pairs.varint().ok()?)?;
            low = high.checked_sub(pairs.varint().ok()?)?;
            Some((low, high))
        });
        core::iter::once((self.largest.saturating_sub(self.first), self.largest)).chain(more)
    }
}

/// Bytes of a varint.
pub fn varint_len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Writes behind each other what there is room for.
pub struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
    /// The last frame, if it is a message with its length: where the frame and
    /// its length begin, and where its bytes do.
    last: Option<(usize, usize, usize)>,
}

impl<'a> Writer<'a> {
    pub fn new(out: &'a mut [u8]) -> Writer<'a> {
        Writer { out, len: 0, last: None }
    }

    /// Bytes that are still free.
    pub fn room(&self) -> usize {
        self.out.len() - self.len
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let to = self.len + bytes.len();
        if let Some(place) = self.out.get_mut(self.len..to) {
            place.copy_from_slice(bytes);
            self.len = to;
        }
    }

    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.bytes(&[value as u8]);
    }

    /// A frame of numbers, if it fits.
    fn numbers(&mut self, kind: &[u8], numbers: &[u64]) -> bool {
        let len: usize = numbers.iter().map(|n| varint_len(*n)).sum();
        let fits = kind.len() + len <= self.room();
        if fits {
            self.last = None;
            self.bytes(kind);
            numbers.iter().for_each(|n| self.varint(*n));
        }
        fits
    }

    pub fn ping(&mut self) -> bool {
        self.numbers(&[PING], &[])
    }

    pub fn open(&mut self, open: &Open) -> bool {
        self.numbers(&[OPEN, VERSION], &open.numbers())
    }

    pub fn credit(&mut self, limit: Limit) -> bool {
        self.numbers(&[CREDIT], &[limit.bytes, limit.messages])
    }

    pub fn blocked(&mut self, limit: Limit) -> bool {
        self.numbers(&[BLOCKED], &[limit.bytes, limit.messages])
    }

    pub fn skip(&mut self, skip: &Skip) -> bool {
        self.numbers(&[SKIP], &[u64::from(skip.stream), skip.number, u64::from(skip.total)])
    }

    /// An acknowledgement of at most `room` bytes: ranges from the largest
    /// downwards, as many as fit.
    pub fn ack(
        &mut self,
        room: usize,
        delay: u64,
        ranges: impl Iterator<Item = (u64, u64)> + Clone,
    ) -> bool {
        let mut all = ranges.clone();
        let Some((low, largest)) = all.next() else { return false };
        // The number of further ranges takes one byte.
        let [head, first] = [[largest, delay], [largest - low, 0]];
        let mut len =
            1 + [head, first].as_flattened().iter().map(|n| varint_len(*n)).sum::<usize>();
        let room = room.min(self.room());
        let mut more = 0;
        let mut before = low;
        for (low, high) in all.take(MOST_RANGES - 1) {
            len += varint_len(before - high - 2) + varint_len(high - low);
            if len > room {
                break;
            }
            more += 1;
            before = low;
        }
        if !self.numbers_within(room, &[ACK], &[largest, delay, largest - low, more]) {
            return false;
        }
        before = low;
        for (low, high) in ranges.skip(1).take(more as usize) {
            self.varint(before - high - 2);
            self.varint(high - low);
            before = low;
        }
        true
    }

    fn numbers_within(&mut self, room: usize, kind: &[u8], numbers: &[u64]) -> bool {
        let len: usize = numbers.iter().map(|n| varint_len(*n)).sum();
        kind.len() + len <= room && self.numbers(kind, numbers)
    }

    /// How much of `left` bytes of a message, from the segment's offset on, fits
    /// into the packet; nothing if not even a part does.
    pub fn fits(&self, segment: &Segment<'_>, left: usize) -> Option<usize> {
        let stream = match segment.stream {
            s if s < u16::from(STREAM_FOLLOWS) => 0,
            s => varint_len(u64::from(s)),
        };
        let head = 1 + stream + varint_len(segment.number);
        let whole = segment.offset == 0 && left == segment.total as usize;
        if whole && head + left <= self.room() {
            return Some(left);
        }
        let place = varint_len(u64::from(segment.total)) + varint_len(u64::from(segment.offset));
        Some(self.room().saturating_sub(head + place).min(left)).filter(|fits| *fits > 0)
    }

    /// A message or a part of it, of a length that fits.
    pub fn segment(&mut self, segment: &Segment<'_>) {
        let Segment { stream, number, total, offset, bytes } = *segment;
        let whole = bytes.len() == total as usize;
        let start = self.len;
        let (inline, follows) = match u8::try_from(stream) {
            Ok(s) if s < STREAM_FOLLOWS => (s, None),
            _ => (STREAM_FOLLOWS, Some(u64::from(stream))),
        };
        let mut kind = MESSAGE | inline | if whole { 0 } else { PART };
        self.bytes(&[kind]);
        if let Some(stream) = follows {
            self.varint(stream);
        }
        self.varint(number);
        if !whole {
            self.varint(u64::from(total));
            self.varint(u64::from(offset));
        }
        let len_at = self.len;
        if varint_len(bytes.len() as u64) + bytes.len() <= self.room() {
            kind |= LENGTH;
            if let Some(place) = self.out.get_mut(start) {
                *place = kind;
            }
            self.varint(bytes.len() as u64);
            self.last = Some((start, len_at, self.len));
        } else {
            self.last = None;
        }
        self.bytes(bytes);
    }

    /// Length of the packet. What ends with it needs no length of its own.
    pub fn finish(mut self) -> usize {
        if let Some((start, from, to)) = self.last.take() {
            if let Some(kind) = self.out.get_mut(start) {
                *kind &= !LENGTH;
            }
            self.out.copy_within(to..self.len, from);
            self.len -= to - from;
        }
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut out = [0; 256];
        let mut writer = Writer::new(&mut out);
        write(&mut writer);
        let len = writer.finish();
        out[..len].to_vec()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Frame<'_>>> {
        let mut reader = Reader::new(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = reader.frame()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[test]
    fn the_examples_of_the_format_document() {
        let open =
            Open { epoch: 7, ordered: 1, unordered: 2, ack_delay: 1562, bytes: 512, messages: 8 };
        assert_eq!(written(|w| assert!(w.open(&open))), [3, 1, 7, 1, 2, 0x9a, 0x0c, 0x80, 4, 8]);
        let ranges = [(7, 9), (3, 5), (1, 1)];
        let ack = written(|w| assert!(w.ack(99, 200, ranges.into_iter())));
        assert_eq!(ack, [2, 9, 0xc8, 1, 2, 2, 0, 2, 0, 0]);
        let whole = Segment { stream: 2, number: 300, total: 2, offset: 0, bytes: b"hi" };
        assert_eq!(written(|w| w.segment(&whole)), [0x82, 0xac, 2, b'h', b'i']);
        let part = Segment { stream: 31, number: 0, total: 9, offset: 4, bytes: b"abc" };
        let two = written(|w| {
            w.segment(&part);
            w.segment(&whole);
        });
        let first = [0xff, 31, 0, 9, 4, 3, b'a', b'b', b'c'];
        assert_eq!(two, [&first[..], &[0x82, 0xac, 2, b'h', b'i']].concat());
        let skip = Skip { stream: 1, number: 5, total: 1000 };
        assert_eq!(written(|w| assert!(w.skip(&skip))), [6, 1, 5, 0xe8, 7]);
        let limit = Limit { bytes: 128, messages: 3 };
        assert_eq!(written(|w| assert!(w.credit(limit))), [4, 0x80, 1, 3]);
        assert_eq!(written(|w| assert!(w.blocked(limit))), [5, 0x80, 1, 3]);
        assert_eq!(written(|w| assert!(w.ping())), [1]);
    }

    #[test]
    fn what_is_not_a_frame_is_refused() {
        let refused: [&[u8]; 16] = [
            &[0],
            &[7],
            &[0x7f],
            // Numbers: too long, not the shortest, too large, cut off.
            &[4, 0x80, 0, 1],
            &[4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x40, 1],
            &[4, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 1],
            &[4, 1],
            &[6, 0xff, 0xff, 4, 1, 1],
            // Messages: a short number for the stream in the long form, an empty
            // part, a part beyond the end, bytes that are not there.
            &[0xbf, 30, 0, 1, 1],
            &[0xe0, 0, 9, 4, 0],
            &[0xe0, 0, 9, 8, 2, 1, 1],
            &[0xe0, 0, 9, 8, 2, 1],
            // Acknowledgements below zero, in the first range and in others.
            &[2, 1, 0, 2, 0],
            &[2, 9, 0, 0, 1, 8, 0],
            &[2, 9, 0, 0, 1, 0, 8],
            &[2, 9, 0, 0, 0xff, 1],
        ];
        for bytes in refused {
            assert_eq!(read(bytes), Err(Error::CommFormat), "{bytes:?}");
        }
        assert_eq!(read(&[3, 2, 0, 1, 0, 0, 9, 9]), Err(Error::CommVersion));
    }

    #[test]
    fn an_acknowledgement_keeps_to_its_room() {
        let ranges = (0..40).rev().map(|i| (i * 10, i * 10 + 3));
        for room in 0..120 {
            let bytes = written(|w| {
                w.ack(room, 5, ranges.clone());
            });
            assert!(bytes.len() <= room);
            match read(&bytes).unwrap()[..] {
                [] => assert!(room < 6),
                [Frame::Ack(ack)] => {
                    let seen: Vec<_> = ack.ranges().collect();
                    assert_eq!(seen, ranges.clone().take(seen.len()).collect::<Vec<_>>());
                    assert!(seen.len() == MOST_RANGES || bytes.len() + 3 > room);
                }
                _ => panic!("an acknowledgement"),
            }
        }
    }

    proptest! {
        #[test]
        fn numbers_come_back(value in 0u64..=MOST) {
            for value in [value, value >> 20, value >> 40, value >> 50, value >> 56, MOST] {
                let bytes = written(|w| w.varint(value));
                prop_assert_eq!(bytes.len(), varint_len(value));
                prop_assert_eq!(Reader::new(&bytes).varint(), Ok(value));
                prop_assert!(Reader::new(&bytes[1..]).varint() != Ok(value) || value == 0);
            }
        }

        #[test]
        fn segments_come_back_in_whatever_room(
            stream in 0u16..300, number in 0u64..MOST, message in prop::collection::vec(0u8.., 0..60),
            offset in 0usize..60, room in 0usize..90,
        ) {
            let offset = offset.min(message.len().saturating_sub(1));
            let left = message.len() - offset;
            let mut out = [0; 90];
            let mut writer = Writer::new(&mut out[..room]);
            let mut segment = Segment {
                stream, number, total: message.len() as u32, offset: offset as u32, bytes: &[],
            };
            let fits = writer.fits(&segment, left);
            prop_assert!(fits.is_some() || room < 24);
            if let Some(fits) = fits {
                segment.bytes = &message[offset..offset + fits];
                writer.segment(&segment);
                // The packet is full, or all of it is there.
                prop_assert!(fits == left || writer.room() == 0);
                let len = writer.finish();
                prop_assert_eq!(read(&out[..len]), Ok(std::vec![Frame::Segment(segment)]));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(0u8.., 0..80)) {
            if let Ok(frames) = read(&bytes) {
                for frame in frames {
                    if let Frame::Ack(ack) = frame {
                        let mut above = u64::MAX;
                        for (low, high) in ack.ranges() {
                            prop_assert!(low <= high && high < above);
                            above = low.saturating_sub(1).max(1);
                        }
                    }
                }
            }
        }
    }
}
