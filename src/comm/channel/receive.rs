//! A packet that arrives: checked as a whole, then taken on as a whole.

use super::flight::{Carried, Content};
use super::frame::{Ack, Frame, Limit, MOST_FRAMES, MOST_SEGMENTS, Open, Reader};
use super::{Channel, Introduced, Peer};
use crate::error::{Error, Result};

/// What a packet needs, and whether it wants to be acknowledged.
#[derive(Default)]
struct Checked {
    wants: bool,
    /// Messages that it begins.
    begun: Limit,
    /// Frames with or about messages.
    segments: usize,
    ack: bool,
    credit: bool,
    blocked: bool,
}

/// The message that a frame is about, its length, and the bytes that are in the
/// frame: from, to. Nothing of those for a message to be skipped.
type Mention = ((u16, u64), u32, Option<(u64, u64)>);

fn mention(frame: &Frame<'_>) -> Option<Mention> {
    match frame {
        Frame::Segment(s) => {
            let from = u64::from(s.offset);
            Some(((s.stream, s.number), s.total, Some((from, from + s.bytes.len() as u64))))
        }
        Frame::Skip(s) => Some(((s.stream, s.number), s.total, None)),
        _ => None,
    }
}

impl Channel<'_> {
    /// Takes a packet from the link. One that was received before is ignored.
    ///
    /// An error, after which all is as before (but the last message is
    /// released): [`Error::CommFormat`] for what is not a packet,
    /// [`Error::CommVersion`] for another version of the format,
    /// [`Error::CommClosed`] if one of both ends has begun anew,
    /// [`Error::CommTooLong`] for more than the peer was allowed,
    /// [`Error::CommState`] for what contradicts what came before: an
    /// acknowledgement of what was not sent, other bytes or another length for a
    /// message, other streams.
    pub fn receive(&mut self, packet: &[u8], now_us: u64) -> Result<()> {
        let now = self.clock(now_us);
        self.release();
        let mut frames = Reader::new(packet);
        let number = frames.varint()?;
        let checked = self.check(frames)?;
        if self.acks.seen(number) {
            self.repeated += 1;
            return Ok(());
        }
        self.pending = true;
        while let Some(frame) = frames.frame()? {
            self.take(&frame, number, now)?;
        }
        self.received += 1;
        let latest = now.saturating_add(16 * u64::from(self.open.ack_delay));
        self.acks.insert(number, checked.wants, now, latest);
        Ok(())
    }

    /// Checks all frames of a packet against the state and each other.
    fn check(&self, frames: Reader<'_>) -> Result<Checked> {
        let mut checked = Checked::default();
        let mut rest = frames;
        let mut count = 0;
        let once = |seen: &mut bool| match core::mem::replace(seen, true) {
            true => Err(Error::CommFormat),
            false => Ok(()),
        };
        while let Some(frame) = rest.frame()? {
            if count == 0 && self.peer.is_none() && !matches!(frame, Frame::Open(_)) {
                return Err(Error::CommClosed);
            }
            checked.wants |= !matches!(frame, Frame::Ack(_));
            match &frame {
                Frame::Ping => {}
                Frame::Open(open) if count == 0 => self.check_open(open)?,
                Frame::Open(_) => return Err(Error::CommFormat),
                Frame::Ack(ack) => {
                    once(&mut checked.ack)?;
                    if ack.largest >= self.number {
                        return Err(Error::CommState);
                    }
                }
                Frame::Credit(_) => once(&mut checked.credit)?,
                Frame::Blocked(_) => once(&mut checked.blocked)?,
                Frame::Segment(_) | Frame::Skip(_) => {
                    self.check_message(&frame, frames, &mut checked)?;
                }
            }
            count += 1;
            if count > MOST_FRAMES {
                return Err(Error::CommFormat);
            }
        }
        if count == 0 { Err(Error::CommFormat) } else { Ok(checked) }
    }

    fn check_open(&self, open: &Open) -> Result<()> {
        if open.bytes == 0 || open.messages == 0 {
            return Err(Error::CommFormat);
        }
        let streams = (open.ordered, open.unordered) == (self.open.ordered, self.open.unordered);
        match self.peer {
            _ if !streams => Err(Error::CommState),
            Some(peer) if peer.open.epoch != open.epoch => Err(Error::CommClosed),
            Some(peer) if peer.open != *open => Err(Error::CommState),
            _ => Ok(()),
        }
    }

    /// Checks a frame with or about a message; `all` are those of the packet.
    fn check_message(
        &self,
        frame: &Frame<'_>,
        mut all: Reader<'_>,
        checked: &mut Checked,
    ) -> Result<()> {
        let Some((message, total, part)) = mention(frame) else { return Ok(()) };
        // Others in the same packet that are about the same message: there are
        // few, or it would be no packet.
        let (mut seen, mut again) = (0, false);
        while seen < checked.segments
            && let Some(earlier) = all.frame()?
        {
            let Some((other, other_total, other_part)) = mention(&earlier) else { continue };
            seen += 1;
            if other != message {
                continue;
            }
            again = true;
            let apart = match (part, other_part) {
                (Some((from, to)), Some((start, end))) => to <= start || end <= from,
                _ => false,
            };
            if !apart || total != other_total {
                return Err(Error::CommState);
            }
        }
        checked.segments += 1;
        if checked.segments > MOST_SEGMENTS {
            return Err(Error::CommFormat);
        }
        if again && !self.inbox.knows(message) {
            return Ok(());
        }
        let new = match frame {
            Frame::Segment(segment) => self.inbox.check_segment(segment, checked.begun)?,
            Frame::Skip(skip) => self.inbox.check_skip(skip, checked.begun)?,
            _ => false,
        };
        if new {
            checked.begun.bytes += u64::from(total);
            checked.begun.messages += 1;
        }
        Ok(())
    }

    /// Takes a frame on that was checked.
    fn take(&mut self, frame: &Frame<'_>, number: u64, now: u64) -> Result<()> {
        match frame {
            Frame::Ping => {}
            Frame::Open(open) => {
                if self.peer.is_none() {
                    let ack_delay = 16 * u64::from(open.ack_delay);
                    self.peer = Some(Peer { open: *open, ack_delay });
                    self.outbox.opened(open.bytes, open.messages);
                }
            }
            Frame::Ack(ack) => self.acknowledged(ack, now),
            Frame::Credit(limit) => self.outbox.raise(*limit),
            Frame::Blocked(limit) => self.inbox.want(*limit, number),
            Frame::Skip(skip) => self.inbox.skip(skip),
            Frame::Segment(segment) => {
                if !self.inbox.segment(segment) {
                    return Err(Error::Capacity);
                }
            }
        }
        Ok(())
    }

    fn acknowledged(&mut self, ack: &Ack<'_>, now: u64) {
        let next = self.number;
        let largest = self.flight.sent_at(ack.largest, next, now);
        let Channel { flight, outbox, congestion, .. } = self;
        let used = congestion.is_used();
        let news = ack.largest >= flight.acknowledged();
        let (mut arrived, mut introduced) = (None::<(u64, u64)>, false);
        for range in ack.ranges() {
            let fate = flight.acknowledge(range, next, now, |record, sent| {
                match record.content {
                    Content::None => {}
                    Content::Part => outbox.arrived(record.slot),
                    Content::Skip => outbox.skipped(record.slot),
                }
                if let Some(sent) = sent {
                    congestion.acknowledged(u32::from(record.size), sent, used);
                }
            });
            introduced |= fate.carried.has(Carried::OPEN);
            arrived = match (arrived, fate.sent) {
                (Some((a, b)), Some((first, last))) => Some((a.min(first), b.max(last))),
                (known, sent) => known.or(sent),
            };
        }
        if introduced {
            self.introduced = Introduced::Yes;
        }
        if let Some(sent) = largest {
            let held = self.peer.map_or(0, |peer| peer.ack_delay).min(16 * ack.delay.min(1 << 32));
            self.rtt.measure(now.saturating_sub(sent), held);
        }
        if arrived.is_some() || news {
            (self.timeouts, self.probes, self.ping) = (0, 0, false);
            self.find_losses(now, arrived);
        }
        if let Some((_, last)) = arrived {
            self.acked_sent = self.acked_sent.max(last);
        }
    }
}
