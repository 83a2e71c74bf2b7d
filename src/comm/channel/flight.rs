//! What was sent and is not acknowledged yet, and what of it is lost (RFC 9002,
//! section 6).

use super::rtt::Rtt;
use crate::error::Result;
use crate::mem::{Carved, Carver};

/// A packet is lost when so many later ones were acknowledged.
const THRESHOLD: u64 = 3;
/// Records beside those for new parts: for parts that are divided when they are
/// sent again, and for packets without parts.
const SPARE: usize = 4;

/// What a packet carried beside messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried(u8);

impl Carried {
    pub const OPEN: Carried = Carried(1);
    pub const CREDIT: Carried = Carried(2);
    pub const BLOCKED: Carried = Carried(4);
    /// In a record: it counts as on its way.
    const FLYING: Carried = Carried(8);
    /// In a record: its content has to be sent again.
    const AGAIN: Carried = Carried(16);

    pub fn add(&mut self, other: Carried) {
        self.0 |= other.0;
    }

    pub fn remove(&mut self, other: Carried) {
        self.0 &= !other.0;
    }

    pub fn has(self, other: Carried) -> bool {
        self.0 & other.0 != 0
    }
}

/// What a record is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// Nothing that would have to be sent again.
    #[default]
    None,
    /// Bytes of a message.
    Part,
    /// That a message is skipped.
    Skip,
}

/// One thing that a packet carried. A packet has one or several, next to each
/// other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record {
    /// The packet's number, its last 32 bits.
    number: u32,
    /// When it was sent, in 16 microseconds, its last 32 bits.
    sent: u32,
    pub offset: u32,
    pub len: u16,
    /// The slot of the message.
    pub slot: u16,
    /// Bytes of the packet, in its first record.
    pub size: u16,
    /// Of the packet, in its first record; and two marks of its own.
    marks: Carried,
    pub content: Content,
}

impl Record {
    fn flying(&self) -> bool {
        self.marks.has(Carried::FLYING)
    }

    fn again(&self) -> bool {
        self.marks.has(Carried::AGAIN)
    }
}

/// What became of some packets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fate {
    pub packets: u32,
    pub bytes: u32,
    pub carried: Carried,
    /// When the first and the last of them were sent.
    pub sent: Option<(u64, u64)>,
}

impl Fate {
    fn add(&mut self, record: &Record, sent: u64) {
        self.packets += u32::from(record.size > 0);
        self.bytes += u32::from(record.size);
        self.carried.add(record.marks);
        let (first, last) = self.sent.unwrap_or((sent, sent));
        self.sent = Some((first.min(sent), last.max(sent)));
    }
}

pub struct Flight<'m> {
    /// In the order of packet numbers, from `from` to `to`.
    records: Carved<'m, Record>,
    from: usize,
    to: usize,
    /// First record of the packet that is being made.
    packet: usize,
    /// How many are flying, and how many have to be sent again.
    flying: u16,
    again: u16,
    /// The largest number that was acknowledged, plus 1.
    acknowledged: u64,
    /// When the next packet counts as lost.
    loss_at: Option<u64>,
}

impl<'m> Flight<'m> {
    /// For so many new parts, at most 2^14.
    pub fn carve(carver: &mut Carver<'m>, capacity: usize) -> Result<Flight<'m>> {
        let capacity = capacity + SPARE;
        Ok(Flight {
            records: carver.take(capacity, Record::default())?,
            from: 0,
            to: 0,
            packet: 0,
            flying: 0,
            again: 0,
            acknowledged: 0,
            loss_at: None,
        })
    }

    /// Whether anything has to be sent again.
    pub fn has_again(&self) -> bool {
        self.again > 0
    }

    /// Whether anything waits for an acknowledgement.
    pub fn is_flying(&self) -> bool {
        self.flying > 0
    }

    pub fn loss_at(&self) -> Option<u64> {
        self.loss_at
    }

    /// The largest number that was acknowledged, plus 1.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    fn live(&self) -> &[Record] {
        self.records.get(self.from..self.to).unwrap_or(&[])
    }

    fn live_mut(&mut self) -> &mut [Record] {
        self.records.get_mut(self.from..self.to).unwrap_or(&mut [])
    }

    /// Begins a packet.
    pub fn begin(&mut self) {
        let few = self.records.len() / 4;
        if !self.has_room() || self.records.len() - self.to < few && self.from > few {
            self.gather();
        }
        self.packet = self.to;
    }

    /// Whether there is room for a new part.
    pub fn has_room(&self) -> bool {
        self.to + SPARE < self.records.len()
    }

    /// Whether nothing can be divided any more.
    pub fn is_tight(&self) -> bool {
        self.to == self.records.len()
    }

    /// Forgets records that are about nothing.
    fn gather(&mut self) {
        let mut to = 0;
        for at in self.from..self.to {
            let Some(record) = self.records.get(at).copied() else { break };
            if record.flying() || record.content != Content::None {
                if let Some(place) = self.records.get_mut(to) {
                    *place = record;
                }
                to += 1;
            }
        }
        (self.from, self.to) = (0, to);
    }

    /// Forgets those at the front.
    fn trim(&mut self) {
        let empty = |r: &&Record| !r.flying() && r.content == Content::None;
        self.from += self.live().iter().take_while(empty).count();
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        }
    }

    /// Adds to the packet that is being made; false if there is no room.
    pub fn push(&mut self, content: Content, slot: u16, offset: u32, len: u16) -> bool {
        let Some(place) = self.records.get_mut(self.to) else { return false };
        *place = Record { content, slot, offset, len, ..Record::default() };
        self.to += 1;
        true
    }

    /// Records of the packet that is being made.
    pub fn pushed(&self) -> usize {
        self.to - self.packet
    }

    /// Ends the packet that is being made.
    pub fn end(&mut self, number: u64, size: u16, carried: Carried, now: u64) {
        let records = self.records.get_mut(self.packet..self.to).unwrap_or(&mut []);
        self.flying += records.len() as u16;
        for record in records.iter_mut() {
            record.number = number as u32;
            record.sent = (now / 16) as u32;
            record.marks = Carried::FLYING;
        }
        if let Some(first) = records.first_mut() {
            first.size = size;
            first.marks.add(carried);
        }
    }

    /// What has to be sent again and is best by `level`, the first of equals:
    /// its place.
    pub fn again(&self, level: impl Fn(u16) -> u8) -> Option<(usize, u8)> {
        if self.again == 0 {
            return None;
        }
        let again = self.live().iter().enumerate().filter(|(_, r)| r.again());
        let best = again.map(|(at, r)| (at, level(r.slot))).rev().max_by_key(|(_, level)| *level);
        best.map(|(at, level)| (self.from + at, level))
    }

    pub fn get(&self, at: usize) -> Option<Record> {
        self.records.get(at).copied()
    }

    /// The first `len` bytes of what has to be sent again are in the packet that
    /// is being made. Says whether some are left, and how many bytes do not
    /// count as on their way any more. Nothing, if there is no place for that.
    pub fn resend(&mut self, at: usize, len: u16) -> Option<(bool, u16)> {
        let tight = self.is_tight();
        let record = self.records.get_mut(at)?;
        let Record { content, slot, offset, size, .. } = *record;
        let flying = record.flying();
        if content == Content::Part && len < record.len {
            if tight {
                return None;
            }
            record.offset += u32::from(len);
            record.len -= len;
            self.push(content, slot, offset, len);
            return Some((true, 0));
        }
        self.again -= 1;
        if flying && !tight {
            // It may still arrive: that would say something about the network.
            record.content = Content::None;
            record.marks.remove(Carried::AGAIN);
            self.push(content, slot, offset, len);
            return Some((false, 0));
        }
        // The record itself goes to the end.
        self.flying -= u16::from(flying);
        *record = Record { content, slot, offset, len, ..Record::default() };
        self.records.get_mut(at..self.to)?.rotate_left(1);
        self.packet -= 1;
        Some((false, if flying { size } else { 0 }))
    }

    /// Takes the content from all records of a message.
    pub fn detach(&mut self, slot: u16) {
        let mut again = 0;
        for record in self.live_mut() {
            if record.content != Content::None && record.slot == slot {
                record.content = Content::None;
                again += u16::from(record.again());
                record.marks.remove(Carried::AGAIN);
            }
        }
        self.again -= again;
        self.trim();
    }

    /// The 64-bit value of a number that lies at most 2^32 before another.
    fn whole(low: u32, next: u64) -> u64 {
        next.wrapping_sub(u64::from((next as u32).wrapping_sub(low)))
    }

    /// Packets from `low` to `high` were acknowledged; `next` is the number of
    /// the packet to be sent next. Hands over each record, and when it was sent
    /// if it was flying; says what became of those.
    pub fn acknowledge(
        &mut self,
        (low, high): (u64, u64),
        next: u64,
        now: u64,
        mut arrived: impl FnMut(&Record, Option<u64>),
    ) -> Fate {
        self.acknowledged = self.acknowledged.max(high + 1);
        let live = self.records.get_mut(self.from..self.to).unwrap_or(&mut []);
        let from = live.partition_point(|r| Flight::whole(r.number, next) < low);
        let mut fate = Fate::default();
        for record in live.get_mut(from..).unwrap_or(&mut []) {
            if Flight::whole(record.number, next) > high {
                break;
            }
            self.flying -= u16::from(record.flying());
            self.again -= u16::from(record.again());
            let sent = record.flying().then(|| 16 * Flight::whole(record.sent, now / 16));
            if let Some(sent) = sent {
                fate.add(record, sent);
            }
            arrived(record, sent);
            *record = Record { number: record.number, ..Record::default() };
        }
        self.trim();
        fate
    }

    /// When the packet of this number was sent, if it is known.
    pub fn sent_at(&self, number: u64, next: u64, now: u64) -> Option<u64> {
        let live = self.live();
        let at = live.partition_point(|r| Flight::whole(r.number, next) < number);
        let record = live.get(at).filter(|r| r.number == number as u32 && r.flying())?;
        Some(16 * Flight::whole(record.sent, now / 16))
    }

    /// Finds what is lost by now: by later packets that were acknowledged, or by
    /// the time that has gone by since.
    pub fn lose(&mut self, next: u64, now: u64, rtt: &Rtt) -> Fate {
        let (mut fate, mut again) = (Fate::default(), 0);
        self.loss_at = None;
        let (acknowledged, after) = (self.acknowledged, rtt.lost_after());
        let live = self.records.get_mut(self.from..self.to).unwrap_or(&mut []);
        for record in live {
            let number = Flight::whole(record.number, next);
            if number >= acknowledged {
                break;
            }
            if !record.flying() {
                continue;
            }
            let sent = 16 * Flight::whole(record.sent, now / 16);
            if number + THRESHOLD < acknowledged || sent + after <= now {
                fate.add(record, sent);
                self.flying -= 1;
                record.marks.remove(Carried::FLYING);
                if record.content != Content::None && !record.again() {
                    record.marks.add(Carried::AGAIN);
                    again += 1;
                }
            } else {
                self.loss_at = Some(self.loss_at.map_or(sent + after, |at| at.min(sent + after)));
            }
        }
        self.again += again;
        self.trim();
        fate
    }

    /// No acknowledgement has come for too long: the contents of the oldest
    /// `packets` are sent again, though the packets may still arrive. Says what
    /// else they carried.
    pub fn probe(&mut self, packets: usize) -> Carried {
        let (mut carried, mut again) = (Carried::default(), 0);
        let mut left = packets;
        let mut number = None;
        for record in self.live_mut().iter_mut().filter(|r| r.flying()) {
            if number != Some(record.number) {
                if left == 0 {
                    break;
                }
                left -= 1;
                number = Some(record.number);
            }
            carried.add(record.marks);
            if record.content != Content::None && !record.again() {
                record.marks.add(Carried::AGAIN);
                again += 1;
            }
        }
        self.again += again;
        carried
    }
}
