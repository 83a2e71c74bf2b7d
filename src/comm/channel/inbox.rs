//! Messages that arrive: put together from their parts, held until it is their
//! turn and the caller takes them.

use super::frame::{Limit, Segment, Skip};
use super::store::{Block, Holder, Store};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Free,
    /// Parts are missing. Behind the bytes is a bit for each that is there.
    Partial,
    Complete,
    /// The caller has it.
    Lent,
}

/// A place for a message.
#[derive(Clone, Copy, Debug, Default)]
struct Incoming {
    block: Block,
    total: u32,
    /// Bytes that are missing.
    missing: u32,
    /// The last 32 bits of its number in the stream.
    number: u32,
    stream: u16,
    state: State,
}

impl Holder for Incoming {
    fn block(&self) -> Block {
        self.block
    }
    fn block_mut(&mut self) -> &mut Block {
        &mut self.block
    }
}

/// The receiver's side of a stream.
#[derive(Clone, Copy, Debug, Default)]
struct Stream {
    /// All messages before this number are complete or skipped.
    base: u64,
    paused: bool,
}

/// A message that the caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub slot: usize,
    pub stream: u16,
    pub number: u64,
}

pub struct Inbox<'m> {
    slots: Carved<'m, Incoming>,
    streams: Carved<'m, Stream>,
    /// Which messages from `base` on are complete or skipped: so many words a
    /// stream, a power of two, a bit at the number's remainder.
    done: Carved<'m, u64>,
    words: usize,
    store: Store<'m>,
    ordered: u16,
    buffer: u32,
    /// Messages that are complete and not delivered.
    complete: u16,
    /// What has begun to arrive, what is gone again, what was allowed, and what
    /// the peer waits for.
    begun: Limit,
    gone: Limit,
    granted: Limit,
    wanted: Limit,
    /// The packet that said so.
    wanted_by: u64,
}

/// Words of a stream's bits, for so many messages.
fn words(messages: usize) -> usize {
    messages.div_ceil(64).next_power_of_two()
}

impl<'m> Inbox<'m> {
    pub fn carve(
        carver: &mut Carver<'m>,
        (ordered, unordered): (u16, u16),
        (messages, bytes): (usize, usize),
    ) -> Result<Inbox<'m>> {
        let streams = usize::from(ordered) + usize::from(unordered);
        let first = Limit { bytes: bytes as u64, messages: messages as u64 };
        Ok(Inbox {
            slots: carver.take(messages, Incoming::default())?,
            streams: carver.take(streams, Stream::default())?,
            done: carver.take(streams * words(messages), 0)?,
            words: words(messages),
            // With a bit for each byte of what is not complete.
            store: Store::carve(carver, bytes + bytes / 8 + messages)?,
            ordered,
            buffer: bytes as u32,
            complete: 0,
            begun: Limit::default(),
            gone: Limit::default(),
            granted: first,
            wanted: Limit::default(),
            wanted_by: 0,
        })
    }

    fn window(&self) -> u64 {
        self.words as u64 * 64
    }

    /// Word and bit of a message among those of all streams.
    fn place(&self, stream: u16, number: u64) -> (usize, u64) {
        let word = (number / 64) as usize & (self.words - 1);
        (usize::from(stream) * self.words + word, 1 << (number % 64))
    }

    /// Whether a message is complete or skipped.
    fn is_done(&self, stream: u16, number: u64) -> bool {
        let base = self.streams.get(usize::from(stream)).map_or(0, |s| s.base);
        let (word, bit) = self.place(stream, number);
        number < base
            || number - base < self.window() && self.done.get(word).is_some_and(|w| w & bit != 0)
    }

    fn set_done(&mut self, stream: u16, number: u64) {
        let (word, bit) = self.place(stream, number);
        if let Some(word) = self.done.get_mut(word) {
            *word |= bit;
        }
        let Some(mut base) = self.streams.get(usize::from(stream)).map(|s| s.base) else { return };
        loop {
            let (word, bit) = self.place(stream, base);
            match self.done.get_mut(word) {
                Some(word) if *word & bit != 0 => *word &= !bit,
                _ => break,
            }
            base += 1;
        }
        if let Some(stream) = self.streams.get_mut(usize::from(stream)) {
            stream.base = base;
        }
    }

    /// Whether a message has begun to arrive, or is done.
    pub fn knows(&self, (stream, number): (u16, u64)) -> bool {
        self.is_done(stream, number) || self.find(stream, number).is_some()
    }

    fn find(&self, stream: u16, number: u64) -> Option<usize> {
        let is = |s: &Incoming| {
            s.state == State::Partial && s.stream == stream && s.number == number as u32
        };
        self.slots.iter().position(is)
    }

    /// Whether a message of `total` bytes may arrive; `more` are others that the
    /// same packet begins. Answers its slot if it has begun, and whether it is
    /// new.
    fn check(
        &self,
        (stream, number): (u16, u64),
        total: u32,
        more: Limit,
    ) -> Result<(Option<usize>, bool)> {
        let base = self.streams.get(usize::from(stream)).ok_or(Error::CommFormat)?.base;
        if number >= base.saturating_add(self.window()) {
            return Err(Error::CommTooLong);
        }
        if self.is_done(stream, number) {
            return Ok((None, false));
        }
        if let Some(at) = self.find(stream, number) {
            let same = self.slots.get(at).is_some_and(|s| s.total == total);
            return if same { Ok((Some(at), false)) } else { Err(Error::CommState) };
        }
        let bytes = self.begun.bytes + more.bytes + u64::from(total);
        let messages = self.begun.messages + more.messages + 1;
        if bytes > self.granted.bytes || messages > self.granted.messages {
            return Err(Error::CommTooLong);
        }
        Ok((None, true))
    }

    /// Whether a part fits what is known. Says whether it begins a message.
    pub fn check_segment(&self, segment: &Segment<'_>, more: Limit) -> Result<bool> {
        let (slot, new) = self.check((segment.stream, segment.number), segment.total, more)?;
        if let Some(slot) = slot.and_then(|at| self.slots.get(at)) {
            // What arrived before may not arrive as something else.
            let (bytes, bits) = self.halves(slot);
            let from = segment.offset as usize;
            let old = bytes.get(from..).unwrap_or(&[]);
            for (i, (old, new)) in old.iter().zip(segment.bytes).enumerate() {
                if old != new && bit(bits, from + i) {
                    return Err(Error::CommState);
                }
            }
        }
        Ok(new)
    }

    /// Whether a message may be skipped. Says whether nothing of it was there.
    pub fn check_skip(&self, skip: &Skip, more: Limit) -> Result<bool> {
        self.check((skip.stream, skip.number), skip.total, more).map(|(_, new)| new)
    }

    /// The bytes of a partial message, and the bits behind them.
    fn halves(&self, slot: &Incoming) -> (&[u8], &[u8]) {
        let block = self.store.get(slot.block);
        block.split_at_checked(slot.total as usize).unwrap_or((block, &[]))
    }

    /// A part arrives that was checked. False if there is no place for it, which
    /// cannot be for what was granted.
    pub fn segment(&mut self, segment: &Segment<'_>) -> bool {
        let (stream, number, total) = (segment.stream, segment.number, segment.total);
        if self.is_done(stream, number) {
            return true;
        }
        let whole = segment.bytes.len() == total as usize;
        let at = match self.find(stream, number) {
            Some(at) => at,
            None => match self.begin(segment, whole) {
                Some(at) => at,
                None => return false,
            },
        };
        let Some(slot) = self.slots.get_mut(at) else { return false };
        let block = self.store.get_mut(slot.block);
        let (bytes, bits) = match block.split_at_mut_checked(total as usize) {
            Some(halves) => halves,
            None => return false,
        };
        let from = segment.offset as usize;
        if let Some(place) = bytes.get_mut(from..from + segment.bytes.len()) {
            place.copy_from_slice(segment.bytes);
        }
        let new = match bits.is_empty() {
            true => segment.bytes.len(),
            false => set_bits(bits, from, segment.bytes.len()),
        };
        slot.missing = slot.missing.saturating_sub(new as u32);
        if slot.missing == 0 {
            slot.state = State::Complete;
            self.store.shorten(&mut slot.block, total as usize);
            self.complete += 1;
            self.set_done(stream, number);
        }
        true
    }

    /// Takes a place for a message.
    fn begin(&mut self, segment: &Segment<'_>, whole: bool) -> Option<usize> {
        let at = self.slots.iter().position(|s| s.state == State::Free)?;
        let total = segment.total;
        let len = total as usize + if whole { 0 } else { total.div_ceil(8) as usize };
        let block = self.store.take(len, &mut self.slots)?;
        let bits = self.store.get_mut(block).get_mut(total as usize..);
        bits.unwrap_or(&mut []).fill(0);
        let (stream, number) = (segment.stream, segment.number as u32);
        *self.slots.get_mut(at)? =
            Incoming { block, total, missing: total, number, stream, state: State::Partial };
        self.begun.bytes += u64::from(total);
        self.begun.messages += 1;
        Some(at)
    }

    /// A message is skipped that was checked.
    pub fn skip(&mut self, skip: &Skip) {
        if self.is_done(skip.stream, skip.number) {
            return;
        }
        match self.find(skip.stream, skip.number) {
            Some(at) => {
                if let Some(slot) = self.slots.get_mut(at) {
                    self.store.give_back(&mut slot.block);
                    slot.state = State::Free;
                }
            }
            None => {
                self.begun.bytes += u64::from(skip.total);
                self.begun.messages += 1;
            }
        }
        self.gone.bytes += u64::from(skip.total);
        self.gone.messages += 1;
        self.set_done(skip.stream, skip.number);
    }

    /// Holds the messages of a stream back, or no longer.
    pub fn pause(&mut self, stream: usize, paused: bool) -> Result<()> {
        self.streams.get_mut(stream).ok_or(Error::Invalid)?.paused = paused;
        Ok(())
    }

    /// The next message for the caller, who has it until it is released.
    pub fn deliver(&mut self) -> Option<Delivery> {
        if self.complete == 0 {
            return None;
        }
        // Those of a stream in the order of their numbers.
        let ready = |slot: &Incoming| {
            let stream = self.streams.get(usize::from(slot.stream))?;
            // A complete message is less than a window before or behind.
            let ahead = slot.number.wrapping_sub(stream.base as u32) as i32;
            let turn = slot.stream >= self.ordered || ahead < 0;
            (slot.state == State::Complete && !stream.paused && turn).then_some((
                slot.stream,
                ahead,
                stream.base.wrapping_add_signed(i64::from(ahead)),
            ))
        };
        let all = self.slots.iter().enumerate().filter_map(|(at, slot)| Some((at, ready(slot)?)));
        let (at, (stream, _, number)) = all.min_by_key(|(_, ready)| *ready)?;
        self.slots.get_mut(at)?.state = State::Lent;
        self.complete -= 1;
        Some(Delivery { slot: at, stream, number })
    }

    pub fn bytes(&self, slot: usize) -> &[u8] {
        self.slots.get(slot).map_or(&[], |slot| self.store.get(slot.block))
    }

    /// The caller needs a message no more.
    pub fn release(&mut self, slot: usize) {
        let Some(slot) = self.slots.get_mut(slot).filter(|s| s.state == State::Lent) else {
            return;
        };
        self.gone.bytes += u64::from(slot.total);
        self.gone.messages += 1;
        self.store.give_back(&mut slot.block);
        slot.state = State::Free;
    }

    /// The peer waits for so much; of two that say so, the later packet counts.
    pub fn want(&mut self, limit: Limit, packet: u64) {
        if packet >= self.wanted_by {
            (self.wanted, self.wanted_by) = (limit, packet);
        }
    }

    /// What the peer may be allowed to by now.
    pub fn limit(&self) -> Limit {
        Limit {
            bytes: self.gone.bytes + u64::from(self.buffer),
            messages: self.gone.messages + self.slots.len() as u64,
        }
    }

    /// Whether the peer should be told that it is allowed more: half of the
    /// buffer, or what it waits for.
    pub fn has_credit(&self) -> bool {
        let (limit, granted, wanted) = (self.limit(), self.granted, self.wanted);
        let half = |limit: u64, granted: u64, all: u64| 2 * (limit - granted) >= all;
        let waits = |limit: u64, granted: u64, wanted: u64| granted < wanted && wanted <= limit;
        half(limit.bytes, granted.bytes, u64::from(self.buffer))
            || half(limit.messages, granted.messages, self.slots.len() as u64)
            || waits(limit.bytes, granted.bytes, wanted.bytes)
            || waits(limit.messages, granted.messages, wanted.messages)
    }

    /// The peer is being told.
    pub fn grant(&mut self) -> Limit {
        self.granted = self.limit();
        self.granted
    }
}

fn bit(bits: &[u8], at: usize) -> bool {
    bits.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 != 0)
}

/// Sets bits; says how many were not set before.
fn set_bits(bits: &mut [u8], from: usize, len: usize) -> usize {
    let (first, last) = (from / 8, (from + len).div_ceil(8));
    let mut new = 0;
    for (at, byte) in bits.iter_mut().enumerate().take(last).skip(first) {
        let low = from.saturating_sub(8 * at);
        let high = (from + len - 8 * at).min(8);
        let mask = (0xffu16 << low) as u8 & (0xffu16 >> (8 - high)) as u8;
        new += (mask & !*byte).count_ones() as usize;
        *byte |= mask;
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_are_set_and_counted(
            before in any::<[u8; 6]>(), from in 0usize..48, len in 0usize..48,
        ) {
            let len = len.min(48 - from);
            let mut bits = before;
            let new = set_bits(&mut bits, from, len);
            let expected = (from..from + len).filter(|at| !bit(&before, *at)).count();
            prop_assert_eq!(new, expected);
            for at in 0..48 {
                let inside = (from..from + len).contains(&at);
                prop_assert_eq!(bit(&bits, at), inside || bit(&before, at));
            }
        }
    }
}
