//! A packet that goes out: when, and what is in it.

use super::flight::{Carried, Content};
use super::frame::{MOST_HEAD, MOST_SEGMENTS, Segment, Writer};
use super::outbox::Choice;
use super::{Channel, Introduced};

/// Bytes of a message that are worth a part of their own.
const WORTH: usize = 16;

/// What packet is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// One that is to be acknowledged.
    Full,
    /// One that only acknowledges.
    Ack,
}

impl Channel<'_> {
    /// Whether there is anything that the peer has to acknowledge.
    pub(super) fn wants_to_send(&self) -> bool {
        if self.ping || self.wants_introduction() {
            return true;
        }
        self.flight.has_again()
            || self.wants_credit()
            || self.outbox.to_skip().is_some()
            || match self.outbox.choose() {
                Choice::Nothing => false,
                Choice::Blocked(need) => need != self.blocked,
                Choice::Message(..) => true,
            }
    }

    fn wants_introduction(&self) -> bool {
        let reason = || self.peer.is_some() || self.outbox.waits_for_peer();
        self.introduced == Introduced::No && reason()
    }

    fn wants_credit(&self) -> bool {
        self.peer.is_some() && (self.tell.has(Carried::CREDIT) || self.inbox.has_credit())
    }

    /// When the pacer lets the next packet out, if not now.
    pub(super) fn pacer_wait(&self, now: u64) -> Option<u64> {
        let paced = self.pacing && self.rtt.measured() && self.probes == 0;
        let wait = || self.pacer.wait(now, &self.congestion, self.rtt.smoothed());
        if paced { wait() } else { None }
    }

    /// The packet that may and should go out now.
    pub(super) fn plan(&mut self, now: u64) -> Option<Plan> {
        let may = self.probes > 0 || self.congestion.allows() && self.pacer_wait(now).is_none();
        if may && self.wants_to_send() {
            self.flight.begin();
            if self.flight.has_room() || self.flight.has_again() || self.ping {
                return Some(Plan::Full);
            }
        }
        self.acks.due().filter(|at| *at <= now).map(|_| Plan::Ack)
    }

    /// Makes a packet; answers its length.
    pub(super) fn make_packet(&mut self, plan: Plan, now: u64, out: &mut [u8]) -> usize {
        let mut writer = Writer::new(out);
        writer.varint(self.number);
        let mut carried = Carried::default();
        // Until the peer knows who this is, each packet says it.
        if self.introduced != Introduced::Yes && writer.open(&self.open) {
            carried.add(Carried::OPEN);
        }
        let room = match plan {
            Plan::Ack => writer.room(),
            // What cannot be divided has to fit.
            Plan::Full if self.flight.is_tight() => 0,
            Plan::Full => (writer.room() / 2).min(writer.room().saturating_sub(MOST_HEAD)),
        };
        self.acks.write(&mut writer, room, now);
        if plan == Plan::Full {
            self.fill(&mut writer, &mut carried);
        }
        let len = writer.finish();
        if plan == Plan::Full {
            self.flight.end(self.number, len as u16, carried, now);
            if carried.has(Carried::OPEN) {
                self.introduced = Introduced::Maybe;
            }
            if self.flight.pushed() > 0 {
                self.congestion.sent(len as u32);
            }
            self.pacer.sent(len as u32, now, &self.congestion, self.rtt.smoothed());
            self.sent_at = now;
            self.probes = self.probes.saturating_sub(1);
            self.ping = false;
        }
        self.number += 1;
        len
    }

    /// Fills a packet with what the peer has to acknowledge.
    fn fill(&mut self, writer: &mut Writer<'_>, carried: &mut Carried) {
        let tight = self.flight.is_tight();
        if !tight {
            self.add_credit(writer, carried);
        }
        while self.flight.pushed() < MOST_SEGMENTS && self.add_skip(writer) {}
        while self.flight.pushed() < MOST_SEGMENTS && self.add_segment(writer).is_some() {}
        if tight {
            self.add_credit(writer, carried);
        }
        if let Choice::Blocked(need) = self.outbox.choose()
            && need != self.blocked
            && writer.blocked(need)
        {
            self.blocked = need;
            carried.add(Carried::BLOCKED);
        }
        if self.flight.pushed() == 0 {
            if *carried == Carried::default() {
                writer.ping();
            }
            // Without a record nobody learns whether it arrived. The answer to a
            // ping tells enough; the rest is told again.
            if !self.flight.push(Content::None, 0, 0, 0) {
                self.tell_again(core::mem::take(carried));
            }
        }
    }

    fn add_credit(&mut self, writer: &mut Writer<'_>, carried: &mut Carried) {
        if self.wants_credit() && writer.credit(self.inbox.limit()) {
            self.inbox.grant();
            self.tell.remove(Carried::CREDIT);
            carried.add(Carried::CREDIT);
        }
    }

    /// Tells the peer to skip a message.
    fn add_skip(&mut self, writer: &mut Writer<'_>) -> bool {
        let Some(at) = self.outbox.to_skip().filter(|_| self.flight.has_room()) else {
            return false;
        };
        let told = self.outbox.skip(at).is_some_and(|skip| writer.skip(&skip));
        if told {
            self.outbox.told_to_skip(at);
            self.flight.push(Content::Skip, at as u16, 0, 0);
        }
        told
    }

    /// Adds what is most urgent, of equals what has to be sent again.
    fn add_segment(&mut self, writer: &mut Writer<'_>) -> Option<()> {
        let again = self.flight.again(|slot| self.outbox.level(slot));
        let new = match self.outbox.choose() {
            Choice::Message(at, level) if self.flight.has_room() => Some((at, level)),
            _ => None,
        };
        match (again, new) {
            (Some((_, old)), Some((at, level))) if level > old => self.add_new(writer, at),
            (Some((at, _)), _) => self.add_again(writer, at),
            (None, Some((at, _))) => self.add_new(writer, at),
            (None, None) => None,
        }
    }

    fn add_again(&mut self, writer: &mut Writer<'_>, at: usize) -> Option<()> {
        let record = self.flight.get(at)?;
        let slot = usize::from(record.slot);
        let len = if record.content == Content::Skip {
            writer.skip(&self.outbox.skip(slot)?).then_some(0)?
        } else {
            let mut segment = self.outbox.segment(slot, record.offset, usize::from(record.len))?;
            let first = self.flight.pushed() == 0;
            let len = worth(writer, &segment, first)?;
            if len < segment.bytes.len() && self.flight.is_tight() {
                return None;
            }
            segment.bytes = segment.bytes.get(..len)?;
            writer.segment(&segment);
            len as u16
        };
        let (left, forgotten) = self.flight.resend(at, len)?;
        if left {
            self.outbox.divided(record.slot);
        }
        self.congestion.forgotten(u32::from(forgotten));
        Some(())
    }

    fn add_new(&mut self, writer: &mut Writer<'_>, at: usize) -> Option<()> {
        let (offset, left) = self.outbox.unsent(at)?;
        let mut segment = self.outbox.segment(at, offset, left)?;
        let first = self.flight.pushed() == 0;
        let mut len = worth(writer, &segment, first)?;
        if len < left {
            // Sent again, it has to fit behind a packet number that may be longer.
            len = (len - 1).max(1);
        }
        segment.bytes = segment.bytes.get(..len)?;
        writer.segment(&segment);
        self.flight.push(Content::Part, at as u16, offset, len as u16);
        self.outbox.cut(at, len);
        Some(())
    }
}

/// How much of a segment fits, if that is worth it; the first of a packet always
/// is.
fn worth(writer: &Writer<'_>, segment: &Segment<'_>, first: bool) -> Option<usize> {
    let left = segment.bytes.len();
    let len = writer.fits(segment, left)?.min(usize::from(u16::MAX));
    (first || len == left || len >= WORTH).then_some(len)
}
