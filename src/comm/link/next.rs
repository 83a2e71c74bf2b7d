//! What goes out, and what happens by itself.

use super::frame::{self, Content, Kind, MAC, write_fragment, write_handshake};
use super::slot::{FRONT, GOES_ON, Stage};
use super::{
    ALIVE, ALIVE_ANEW, BYE, CLOSE, CLOSED, CONNECTED, CONTROL, Due, Link, NOBODY, On, Output,
    Reason, cookie,
};
use crate::comm::identity::{Hello, Secrets};
use crate::comm::noise::{Handshake, Keys};
use crate::error::{Error, Result};
use crate::port::Entropy;

/// The longest pause between two tries.
const LONGEST_PAUSE: u64 = 8_000_000;
/// How often the last message of XX is sent before it begins anew.
const LAST_TRIES: u8 = 4;
/// How long a cookie is used.
const COOKIE_LIFE: u64 = 120_000_000;

impl<S: Secrets, E: Entropy> Link<'_, S, E> {
    /// The next thing to do or to know. Call it until it says `None`, after each
    /// call that may change something. `out` must have room for the longest frame
    /// (`mtu`).
    ///
    /// [`Error::BufferTooSmall`] if it has not; the errors of secrets and
    /// entropy. Nothing is lost then: call again.
    pub fn next(&mut self, now: u64, out: &mut [u8]) -> Result<Option<Output>> {
        if out.len() < self.settings.mtu {
            return Err(Error::BufferTooSmall);
        }
        if let Some(due) = self.cookies.front().copied() {
            let len = self.gate.write(&due.to, &due.mac1, &mut self.entropy, out)?;
            self.cookies.pop_front();
            return Ok(Some(Output::Frame { to: due.to, len }));
        }
        // What is due stands in the ring once, and leaves it here.
        while let Some(due) = self.unqueue() {
            let output = match due {
                Due::Slot(place) => {
                    let place = usize::from(place);
                    let opens = self.tables.slots.get(place).is_some_and(|slot| {
                        matches!(slot.stage, Stage::Make(Kind::OpenXx | Kind::OpenIk))
                    });
                    match self.next_of_slot(place, now, out) {
                        Ok(output) => output,
                        Err(error) if opens || is_own(error) => {
                            self.queue_slot(place);
                            return Err(error);
                        }
                        // The peer's doing: its key is none, so there is no answer to it.
                        Err(_) => {
                            self.stats.refused += 1;
                            self.fail(place, Reason::Untrusted);
                            None
                        }
                    }
                }
                Due::Peer(place) => self.next_of_peer(place.into(), now, out),
            };
            if output.is_some() {
                return Ok(output);
            }
        }
        Ok(self.take_failed().map(|(tag, reason)| Output::Failed { tag, reason }))
    }

    fn next_of_peer(&mut self, place: usize, now: u64, out: &mut [u8]) -> Option<Output> {
        let id = self.id(place)?;
        let peer = self.tables.peers.get_mut(place)?;
        let (due, reason) = (peer.due, peer.reason);
        if due & CONNECTED != 0 {
            // Each call is told of.
            let on = On::Peer(place as u16);
            let tag = self.take_call(on).unwrap_or(0);
            let more = self.has_call(on);
            let peer = self.tables.peers.get_mut(place)?;
            if !more {
                peer.due = due & !CONNECTED;
            }
            if peer.due != 0 {
                self.queue_peer(place);
            }
            return Some(Output::Connected { peer: id, tag });
        }
        let anew = core::mem::take(&mut peer.anew);
        if due & CLOSED != 0 {
            self.free_peer(place);
            return Some(Output::Closed { peer: id, reason });
        }
        peer.due = 0;
        let code = match (due & CLOSE != 0, anew) {
            (true, _) => BYE,
            (false, true) => ALIVE_ANEW,
            (false, false) => ALIVE,
        };
        if due & (CLOSE | CONTROL) == 0 {
            return None;
        }
        let sealed = self.seal(place, Content::Control, &[code], 0, now, out);
        if due & CLOSE != 0 {
            self.free_peer(place);
        }
        // A session that is too old says nothing more.
        let (len, to) = sealed.ok()?;
        Some(Output::Frame { to, len })
    }

    fn next_of_slot(&mut self, place: usize, now: u64, out: &mut [u8]) -> Result<Option<Output>> {
        let Some(slot) = self.tables.slots.get_mut(place) else { return Ok(None) };
        let peer = slot.peer;
        match slot.stage {
            Stage::Make(kind) => {
                self.make(place, kind, now)?;
                self.emit(place, kind, now, out).map(Some)
            }
            Stage::Sending(kind) => self.emit(place, kind, now, out).map(Some),
            Stage::Confirm => {
                self.wait(place, now)?;
                let Some(at) = peer else { return Ok(None) };
                let sealed = self.seal(at.into(), Content::Control, &[ALIVE], 0, now, out);
                Ok(sealed.ok().map(|(len, to)| Output::Frame { to, len }))
            }
            Stage::Free | Stage::Sent(_) | Stage::Unconfirmed => Ok(None),
        }
    }

    /// Writes the slot's next Noise message to its buffer.
    fn make(&mut self, place: usize, kind: Kind, now: u64) -> Result<()> {
        let opening = matches!(kind, Kind::OpenXx | Kind::OpenIk);
        let overhead = 32 + if self.settings.psk.is_some() { 16 } else { 0 };
        let answer = self.answer_len(false);
        let (size, mtu) = (self.settings.message(), self.settings.mtu);
        let slot = self.tables.slots.get(place).ok_or(Error::CommPeer)?;
        if opening {
            // Each with an ephemeral key of its own.
            let before = slot.handshake.as_ref().filter(|_| slot.ik);
            let noise = before.and_then(Handshake::remote_static).copied();
            let handshake = self.new_handshake(slot.ik, true, noise)?;
            *self.slot(place)?.handshake = Some(handshake);
        }
        let slot = self.tables.slots.get(place).ok_or(Error::CommPeer)?;
        // The initiator knows whom it calls; the responder of IK, who calls.
        let known = match (slot.peer, slot.expected) {
            (Some(at), _) => Some(usize::from(at)),
            (None, Some(identity)) => self.place_of(&identity),
            (None, None) => None,
        };
        let goes_on =
            known.and_then(|at| self.tables.peers.get(at)).is_some_and(|peer| peer.connected);
        let capability =
            (self.tables.peers.len() + self.tables.slots.len()) * self.settings.capability;
        let capability = self.tables.capabilities.get(capability..capability + self.own_capability);
        let hello = Hello {
            certificate: self.certificate.as_ref(),
            capability: capability.filter(|bytes| !bytes.is_empty()),
            ..self.hello
        };
        let slot = self.tables.slots.get_mut(place).ok_or(Error::CommPeer)?;
        let front = self.tables.scratch.first_chunk_mut::<FRONT>().ok_or(Error::CommTooLong)?;
        let [a, b, c, _] = slot.index.to_le_bytes();
        *front = [if goes_on { GOES_ON } else { 0 }, a, b, c];
        let rest = self.tables.scratch.get_mut(FRONT..).ok_or(Error::CommTooLong)?;
        let len = if kind == Kind::OpenXx {
            // As long as the answer, so that the answer is no longer.
            let frame = answer.min(mtu);
            let padding = frame.saturating_sub(frame::OPEN_OVERHEAD + overhead + FRONT);
            rest.get_mut(..padding).ok_or(Error::CommTooLong)?.fill(0);
            padding
        } else {
            hello.encode(rest)?
        };
        let payload = self.tables.scratch.get(..FRONT + len).ok_or(Error::CommTooLong)?;
        let keys = Keys { local: Some(&self.secrets), psks: self.settings.psk.as_slice() };
        let handshake = slot.handshake.as_mut().ok_or(Error::CommState)?;
        let buffer = self.tables.buffers.get_mut(place * size..(place + 1) * size);
        let buffer = buffer.ok_or(Error::CommTooLong)?;
        // A message is never longer than that.
        slot.len = handshake.write(&keys, &mut self.entropy, payload, buffer)? as u16;
        slot.fragments = 0;
        slot.stage = Stage::Sending(kind);
        if kind == Kind::Finish {
            let at = slot.peer.ok_or(Error::CommState)?.into();
            self.install(place, at, now)?;
        }
        Ok(())
    }

    /// Writes the slot's message, or the next fragment of it, as a frame.
    fn emit(&mut self, place: usize, kind: Kind, now: u64, out: &mut [u8]) -> Result<Output> {
        let (size, mtu, part) = (self.settings.message(), self.settings.mtu, self.settings.part());
        let slot = self.tables.slots.get_mut(place).ok_or(Error::CommPeer)?;
        let buffer = self.tables.buffers.get(place * size..place * size + usize::from(slot.len));
        let message = buffer.ok_or(Error::CommTooLong)?;
        let to = slot.address;
        let (mut end, whole);
        if message.len() + frame::ANSWER_OVERHEAD <= mtu
            || matches!(kind, Kind::OpenXx | Kind::OpenIk)
        {
            let front = write_handshake(out, kind, slot.peer_index)?;
            end = put(out, front, message)?;
            let mac1 = self.gate.mac1(out.get(..end).ok_or(Error::BufferTooSmall)?);
            end = put(out, end, &mac1)?;
            let fresh = now.saturating_sub(slot.since) < COOKIE_LIFE;
            let under = out.get(..end).ok_or(Error::BufferTooSmall)?;
            let mac2 = if slot.has_cookie && slot.initiator && fresh {
                cookie::mac2(&slot.cookie, under)
            } else {
                [0; MAC]
            };
            end = put(out, end, &mac2)?;
            slot.mac1 = mac1;
            whole = true;
        } else {
            let (number, count) = (usize::from(slot.fragments), message.len().div_ceil(part));
            let total = message.len();
            let front = write_fragment(out, kind, slot.peer_index, (number, count), total)?;
            let from = number * part;
            let piece = message.get(from..total.min(from + part)).ok_or(Error::CommState)?;
            end = put(out, front, piece)?;
            let mac1 = self.gate.mac1(out.get(..end).ok_or(Error::BufferTooSmall)?);
            end = put(out, end, &mac1)?;
            slot.fragments += 1;
            whole = number + 1 == count;
        }
        if whole {
            slot.fragments = 0;
            match kind {
                Kind::Answer => {
                    slot.stage = if slot.ik { Stage::Unconfirmed } else { Stage::Sent(kind) };
                    slot.len = 0;
                }
                Kind::Finish => slot.stage = Stage::Sent(kind),
                Kind::OpenXx | Kind::OpenIk => {
                    slot.stage = Stage::Sent(kind);
                    (slot.len, slot.lasts) = (0, 0);
                }
            }
            if kind != Kind::Answer {
                self.wait(place, now)?;
            }
        } else {
            self.queue_slot(place);
        }
        Ok(Output::Frame { to, len: end })
    }

    /// Counts a try, and waits for the answer to it: to an opening half as long
    /// again each time, and up to a quarter more by chance.
    fn wait(&mut self, place: usize, now: u64) -> Result<()> {
        let mut chance = [0];
        self.entropy.fill(&mut chance)?;
        let retry = self.settings.retry;
        let slot = self.tables.slots.get_mut(place).ok_or(Error::CommPeer)?;
        let opening = matches!(slot.stage, Stage::Sent(Kind::OpenXx | Kind::OpenIk));
        let times = if opening { slot.tries } else { 0 };
        let longer = |pause: u64, _| pause.saturating_add(pause / 2).min(LONGEST_PAUSE.max(retry));
        let pause = (0..times).fold(retry, longer);
        let [chance] = chance;
        let pause = pause.saturating_add(pause / 1024 * u64::from(chance));
        slot.tries = slot.tries.saturating_add(1);
        slot.deadline = now.saturating_add(pause);
        let deadline = slot.deadline;
        self.wake_by(deadline);
        Ok(())
    }

    /// Does what is to be done by `now`: sends again, gives up, renews keys, gives
    /// signs of life, misses them. Then [`next`](Self::next) has what came of it,
    /// and [`wake_at`](Self::wake_at) the time to come back. It looks at every
    /// peer once.
    pub fn poll(&mut self, now: u64) {
        self.wake = u64::MAX;
        for place in 0..self.tables.slots.len() {
            self.poll_slot(place, now);
        }
        for place in 0..self.tables.peers.len() {
            self.poll_peer(place, now);
        }
    }

    fn poll_slot(&mut self, place: usize, now: u64) {
        let tries = self.settings.tries;
        let Some(slot) = self.tables.slots.get_mut(place) else { return };
        let waits = matches!(slot.stage, Stage::Sent(_) | Stage::Confirm | Stage::Unconfirmed)
            || slot.stage == Stage::Make(Kind::Answer)
            || slot.stage == Stage::Sending(Kind::Answer);
        if !waits {
            return;
        }
        if slot.deadline > now {
            let deadline = slot.deadline;
            return self.wake_by(deadline);
        }
        if !slot.initiator {
            // A responder does not ask again.
            return self.free(place);
        }
        if u32::from(slot.tries) >= tries {
            return self.fail(place, Reason::Timeout);
        }
        slot.lasts = slot.lasts.saturating_add(1);
        match slot.stage {
            Stage::Sent(kind @ (Kind::OpenXx | Kind::OpenIk)) => slot.stage = Stage::Make(kind),
            // The responder has forgotten the handshake by now.
            Stage::Sent(_) if slot.lasts > LAST_TRIES => return self.again(place),
            Stage::Sent(kind) => slot.stage = Stage::Sending(kind),
            _ => {}
        }
        slot.fragments = 0;
        self.queue_slot(place);
    }

    /// Begins a handshake of XX anew: its last message was not heard, or the
    /// confirmation was not.
    fn again(&mut self, place: usize) {
        // There is none any more if another handshake with it has begun anew.
        let met = self.tables.slots.get(place).and_then(|slot| slot.peer).map(usize::from);
        let peer = met.and_then(|at| self.tables.peers.get(at));
        let (connected, current) = peer.map_or((false, 0), |peer| (peer.connected, peer.current));
        if let Some(at) = met {
            if connected {
                self.drop_session(2 * at + 1 - current);
            } else {
                self.free_peer(at);
            }
        }
        // The session had the index.
        let Ok(index) = self.new_index(super::Target::Slot(place as u32)) else {
            return self.fail(place, Reason::Timeout);
        };
        if let Some(slot) = self.tables.slots.get_mut(place) {
            (slot.index, slot.peer_index, slot.lasts) = (index, 0, 0);
            slot.peer = slot.peer.filter(|_| connected);
            slot.stage = Stage::Make(Kind::OpenXx);
            self.queue_slot(place);
        }
    }

    fn poll_peer(&mut self, place: usize, now: u64) {
        let Some(peer) = self.tables.peers.get(place).filter(|peer| peer.used && peer.connected)
        else {
            return;
        };
        let (renewing, other) = (peer.renewing, 2 * place + 1 - peer.current);
        let old = |born: u64| now.saturating_sub(born) >= self.settings.reject_time;
        if self.tables.sessions.get(other).is_some_and(|session| session.open && old(session.born))
        {
            self.drop_session(other);
        }
        for (when, what) in self.deadlines(place) {
            if when > now {
                self.wake_by(when);
                continue;
            }
            match what {
                What::Gone => return self.end(place, Reason::Timeout),
                What::Renew if !renewing => self.renew(place, now),
                What::Renew => {}
                What::Alive => {
                    if let Some(peer) = self.tables.peers.get_mut(place) {
                        peer.due |= CONTROL;
                        self.queue_peer(place);
                        self.wake_by(now.saturating_add(self.settings.keepalive));
                    }
                }
            }
        }
    }

    /// What a peer's silence and its session's age will bring, and when.
    fn deadlines(&self, place: usize) -> [(u64, What); 4] {
        let settings = &self.settings;
        let after =
            |from: u64, time: u64| if time == 0 { u64::MAX } else { from.saturating_add(time) };
        let peer = self.tables.peers.get(place).unwrap_or(&NOBODY);
        let session = self.tables.sessions.get(2 * place + peer.current);
        let (born, initiator) = session.map_or((0, true), |s| (s.born, s.initiator));
        let wait = if initiator { 0 } else { settings.rekey_time / 16 };
        let renew = if peer.renewing { u64::MAX } else { after(born, settings.rekey_time + wait) };
        [
            (after(peer.heard, settings.dead), What::Gone),
            (after(born, settings.reject_time), What::Gone),
            (renew, What::Renew),
            (after(peer.sent, settings.keepalive), What::Alive),
        ]
    }

    /// Makes sure that [`poll`](Self::poll) comes in time for a peer.
    pub(super) fn schedule(&mut self, place: usize) {
        for (when, _) in self.deadlines(place) {
            self.wake_by(when);
        }
    }
}

/// Whether an error is of this node's secrets, entropy or buffer.
fn is_own(error: Error) -> bool {
    matches!(error, Error::Hook | Error::NoEntropy | Error::BufferTooSmall)
}

/// What time brings.
enum What {
    Gone,
    Renew,
    Alive,
}

/// Puts bytes at a place; returns where they end.
fn put(out: &mut [u8], at: usize, bytes: &[u8]) -> Result<usize> {
    let end = at + bytes.len();
    out.get_mut(at..end).ok_or(Error::BufferTooSmall)?.copy_from_slice(bytes);
    Ok(end)
}
