//! What comes in.

use super::frame::{Frame, Kind, Macs};
use super::slot::{FRONT, GOES_ON, Stage};
use super::{
    CLOSED, CONNECTED, CONTROL, CookieDue, Link, NOBODY, On, Peer, Reason, Received, Session,
    Target,
};
use crate::comm::crypto::PublicKey;
use crate::comm::identity::{Hello, Secrets};
use crate::comm::noise::{Handshake, Keys};
use crate::error::{Error, Result};
use crate::port::{Address, Entropy};

/// Names of the protocols: with and without a secret of the network.
fn protocol(ik: bool, psk: bool) -> &'static str {
    match (ik, psk) {
        (false, false) => "Noise_XX_25519_ChaChaPoly_BLAKE2s",
        (false, true) => "Noise_XXpsk3_25519_ChaChaPoly_BLAKE2s",
        (true, false) => "Noise_IK_25519_ChaChaPoly_BLAKE2s",
        (true, true) => "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s",
    }
}

impl<'m, S: Secrets, E: Entropy> Link<'m, S, E> {
    /// Takes a frame that came from an address. A message goes to `out`, which
    /// must have room for the frame less 21 bytes.
    ///
    /// An error says why the frame was thrown away, for those who want to know:
    /// [`Error::CommFormat`], [`Error::CommVersion`] (no frame of this version),
    /// [`Error::CommAuth`] (forged, damaged, of another network, or no session),
    /// [`Error::CommReplay`], [`Error::CommUntrusted`] and what else is wrong with
    /// a peer, [`Error::Capacity`] (no room for another peer),
    /// [`Error::CommCookie`] (a cookie was sent instead of an answer). Only
    /// [`Error::BufferTooSmall`] loses something: call again with more room.
    pub fn receive(
        &mut self,
        from: &Address,
        frame: &[u8],
        now: u64,
        out: &mut [u8],
    ) -> Result<Received> {
        let result = self.take(from, frame, now, out);
        match result {
            Err(Error::CommFormat | Error::CommVersion) => self.stats.malformed += 1,
            Err(Error::CommAuth) => self.stats.forged += 1,
            Err(Error::CommReplay) => self.stats.replayed += 1,
            Err(Error::CommCookie) => self.stats.deferred += 1,
            Err(Error::BufferTooSmall) | Ok(_) => {}
            Err(_) => self.stats.refused += 1,
        }
        result
    }

    fn take(&mut self, from: &Address, frame: &[u8], now: u64, out: &mut [u8]) -> Result<Received> {
        match Frame::parse(frame)? {
            Frame::Transport { content, index, counter, bits, text } => {
                self.take_transport(from, content, index, (counter, bits), text, now, out)
            }
            Frame::Handshake { kind, index, message, macs } => {
                if !self.gate.knows_network(macs.under1, macs.mac1) {
                    return Err(Error::CommAuth);
                }
                match kind {
                    Kind::OpenXx | Kind::OpenIk => {
                        let ik = kind == Kind::OpenIk;
                        self.take_open(from, ik, message, &macs, frame.len(), now)
                    }
                    _ => self.take_message(from, kind, index, Some(message), now),
                }
            }
            Frame::Cookie { salt, cookie, tag } => {
                let gate = &self.gate;
                let waits = |stage| matches!(stage, Stage::Sent(Kind::OpenXx | Kind::OpenIk));
                let mut waiting = self
                    .tables
                    .slots
                    .iter_mut()
                    .filter(|slot| slot.address == *from && waits(slot.stage));
                // One of them asked for it.
                let opened = waiting.find_map(|slot| {
                    let mut cookie = *cookie;
                    gate.read(salt, &mut cookie, tag, &slot.mac1).ok()?;
                    (slot.cookie, slot.has_cookie) = (cookie, true);
                    (slot.since, slot.deadline) = (now, now);
                    Some(())
                });
                self.wake_by(now);
                opened.ok_or(Error::CommAuth).map(|()| Received::Nothing)
            }
            Frame::Fragment { kind, index, number, count, total, part, under, mac1 } => {
                if !self.gate.knows_network(under, mac1) {
                    return Err(Error::CommAuth);
                }
                if self.gather(from, kind, index, (number, count), total, part)? {
                    return self.take_message(from, kind, index, None, now);
                }
                Ok(Received::Nothing)
            }
        }
    }

    // ---- Handshakes -----------------------------------------------------------

    fn take_open(
        &mut self,
        from: &Address,
        ik: bool,
        message: &[u8],
        macs: &Macs,
        len: usize,
        now: u64,
    ) -> Result<Received> {
        self.gate.rotate(now, &mut self.entropy)?;
        let cookie = self.gate.has_cookie(from, macs);
        let answer = self.answer_len(ik);
        let theirs: &PublicKey = message.first_chunk().ok_or(Error::CommFormat)?;
        // Both call each other: the lower ephemeral key's handshake goes on.
        let calling = self.tables.slots.iter().find(|slot| {
            slot.initiator
                && slot.address == *from
                && matches!(slot.stage, Stage::Sent(Kind::OpenXx | Kind::OpenIk))
        });
        let mine = calling.and_then(|slot| slot.handshake.as_ref()?.local_ephemeral());
        if mine.is_some_and(|mine| mine < *theirs) {
            return Ok(Received::Nothing);
        }
        // One handshake at a time for an address; who has shown a cookie comes
        // before who has not.
        let same =
            self.tables.slots.iter().position(|slot| {
                !slot.initiator && slot.stage != Stage::Free && slot.address == *from
            });
        let fresh = |slot: &super::Slot| {
            now.saturating_sub(slot.since) < self.settings.retry / 2 && (slot.has_cookie || !cookie)
        };
        if same.and_then(|place| self.tables.slots.get(place)).is_some_and(fresh) {
            return Ok(Received::Nothing);
        }
        let free = self.free_slots() + usize::from(same.is_some());
        let crowded = free <= self.tables.slots.len() / 2;
        let long = answer > len || answer > self.settings.mtu;
        if !cookie && (crowded || long || !self.bucket.take(now)) {
            // Too many at once are forgotten; they come again.
            let _ = self.cookies.push_back(CookieDue { to: *from, mac1: *macs.mac1 });
            return Err(Error::CommCookie);
        }
        if let Some(place) = same {
            self.free(place);
        }
        let place = self.free_slot().ok_or(Error::Capacity)?;
        let index = self.new_index(Target::Slot(place as u32))?;
        self.stats.openings += 1;
        let slot = self.slot(place)?;
        (slot.address, slot.index, slot.ik, slot.since) = (*from, index, ik, now);
        slot.has_cookie = cookie;
        let read = self.read_open(place, ik, message, now);
        if read.is_err() {
            self.free(place);
        }
        read.map(|()| Received::Nothing)
    }

    fn read_open(&mut self, place: usize, ik: bool, message: &[u8], now: u64) -> Result<()> {
        let handshake = self.new_handshake(ik, false, None)?;
        *self.slot(place)?.handshake = Some(handshake);
        let len = self.read_message(place, Some(message))?;
        if ik {
            // IK's first message does not show that the pre-shared key is known.
            let identity = self.read_hello(place, len, now)?;
            let capability = self.keep_capability(self.tables.peers.len() + place, len)?;
            let slot = self.slot(place)?;
            (slot.expected, slot.capability) = (Some(identity), capability);
        } else {
            self.read_front(place, len)?;
        }
        let deadline = now.saturating_add(self.settings.retry.saturating_mul(8));
        let slot = self.slot(place)?;
        (slot.stage, slot.deadline) = (Stage::Make(Kind::Answer), deadline);
        self.wake_by(deadline);
        self.queue_slot(place);
        Ok(())
    }

    /// A handshake in which nothing was said yet; `noise` is the static key that an
    /// initiator of IK calls.
    pub(super) fn new_handshake(
        &self,
        ik: bool,
        initiator: bool,
        noise: Option<PublicKey>,
    ) -> Result<Handshake> {
        let keys = Keys { local: Some(&self.secrets), psks: self.settings.psk.as_slice() };
        let name = protocol(ik, self.settings.psk.is_some());
        Handshake::new(name, initiator, &self.prologue, &keys, noise)
    }

    /// Reads the slot's next message, `None`: the one in its buffer. The payload goes
    /// to the scratch buffer; returns its length.
    fn read_message(&mut self, place: usize, message: Option<&[u8]>) -> Result<usize> {
        let size = self.settings.message();
        let keys = Keys { local: Some(&self.secrets), psks: self.settings.psk.as_slice() };
        let slot = self.tables.slots.get_mut(place).ok_or(Error::CommAuth)?;
        let kept = place * size..place * size + usize::from(slot.len);
        let message = message.or_else(|| self.tables.buffers.get(kept)).ok_or(Error::CommFormat)?;
        let handshake = slot.handshake.as_mut().ok_or(Error::CommAuth)?;
        match handshake.read(&keys, message, &mut self.tables.scratch) {
            Err(Error::BufferTooSmall) => Err(Error::CommFormat),
            other => other,
        }
    }

    /// Takes what is in front of the payload of `len` bytes in the scratch buffer.
    fn read_front(&mut self, place: usize, len: usize) -> Result<()> {
        let payload = self.tables.scratch.get(..len).ok_or(Error::CommFormat)?;
        let &[options, a, b, c] = payload.first_chunk::<FRONT>().ok_or(Error::CommFormat)?;
        let slot = self.tables.slots.get_mut(place).ok_or(Error::CommPeer)?;
        (slot.options, slot.peer_index) = (options, u32::from_le_bytes([a, b, c, 0]));
        Ok(())
    }

    /// Who the peer is, by the payload of `len` bytes in the scratch buffer; why it
    /// is trusted stands in the slot then.
    fn read_hello(&mut self, place: usize, len: usize, now: u64) -> Result<PublicKey> {
        self.read_front(place, len)?;
        let (psk, wall) = (self.settings.psk.is_some(), self.wall_at(now));
        let slot = self.tables.slots.get_mut(place).ok_or(Error::CommPeer)?;
        let handshake = slot.handshake.as_ref().ok_or(Error::CommState)?;
        let noise = handshake.remote_static().ok_or(Error::CommState)?;
        let hello = self.tables.scratch.get(FRONT..len).ok_or(Error::CommFormat)?;
        let hello = Hello::decode(hello, noise)?;
        let itself = hello.identity == self.hello.identity;
        if itself || slot.expected.is_some_and(|expected| expected != hello.identity) {
            return Err(Error::CommUntrusted);
        }
        slot.trusted = self.tables.trust.judge(&hello, psk, wall)?;
        if hello.capability.is_some_and(|bytes| bytes.len() > self.settings.capability) {
            return Err(Error::CommTooLong);
        }
        Ok(hello.identity)
    }

    /// Puts a fragment in its place; whether the message is whole now.
    fn gather(
        &mut self,
        from: &Address,
        kind: Kind,
        index: u32,
        (number, count): (usize, usize),
        total: usize,
        part: &[u8],
    ) -> Result<bool> {
        let Target::Slot(place) = self.target(index) else { return Err(Error::CommAuth) };
        let (place, message) = (place as usize, self.settings.message());
        let slot = self.tables.slots.get_mut(place).ok_or(Error::CommAuth)?;
        let awaited = match kind {
            Kind::Answer => matches!(slot.stage, Stage::Sent(Kind::OpenXx | Kind::OpenIk)),
            // Only who has shown a cookie may fill a buffer.
            Kind::Finish => slot.stage == Stage::Sent(Kind::Answer) && slot.has_cookie,
            Kind::OpenXx | Kind::OpenIk => false,
        };
        if !awaited || slot.address != *from {
            return Err(Error::CommAuth);
        }
        let last = number + 1 == count;
        let start =
            if last { total.checked_sub(part.len()) } else { part.len().checked_mul(number) };
        let start = start.ok_or(Error::CommFormat)?;
        let end = start + part.len();
        if number >= count || count > super::frame::MAX_FRAGMENTS || end > total || total > message
        {
            return Err(Error::CommFormat);
        }
        if usize::from(slot.len) != total {
            (slot.len, slot.fragments) = (total as u16, 0);
        }
        let buffer = self.tables.buffers.get_mut(place * message..(place + 1) * message);
        let buffer = buffer.and_then(|buffer| buffer.get_mut(start..end));
        buffer.ok_or(Error::CommFormat)?.copy_from_slice(part);
        slot.fragments |= 1 << number;
        let whole = slot.fragments == (1 << count) - 1;
        if whole {
            slot.fragments = 0;
        }
        Ok(whole)
    }

    /// The second or third message of a handshake; `None`: it lies in the slot's
    /// buffer.
    fn take_message(
        &mut self,
        from: &Address,
        kind: Kind,
        index: u32,
        message: Option<&[u8]>,
        now: u64,
    ) -> Result<Received> {
        let place = match self.target(index) {
            Target::Slot(place) => place as usize,
            Target::Session(session) if kind == Kind::Finish => {
                // It was taken already; the confirmation got lost.
                let place = session as usize / 2;
                let peer = self.peer(place)?;
                if peer.address == *from {
                    peer.due |= CONTROL;
                    self.queue_peer(place);
                }
                return Ok(Received::Nothing);
            }
            _ => return Err(Error::CommAuth),
        };
        let slot = self.tables.slots.get(place).ok_or(Error::CommAuth)?;
        let awaited = match kind {
            Kind::Answer => matches!(slot.stage, Stage::Sent(Kind::OpenXx | Kind::OpenIk)),
            Kind::Finish => slot.stage == Stage::Sent(Kind::Answer) && !slot.ik,
            Kind::OpenXx | Kind::OpenIk => false,
        };
        if !awaited || slot.address != *from {
            return Err(Error::CommAuth);
        }
        // In fragments, or whole.
        let len = self.read_message(place, message)?;
        let judged = self.judge(place, len, now);
        match judged {
            Ok(()) => Ok(Received::Nothing),
            Err(error) => {
                let full = error == Error::Capacity;
                self.fail(place, if full { Reason::Full } else { Reason::Untrusted });
                Err(error)
            }
        }
    }

    /// Meets the peer of the payload of `len` bytes in the scratch buffer; then the
    /// next step of the slot's handshake.
    fn judge(&mut self, place: usize, len: usize, now: u64) -> Result<()> {
        let identity = self.read_hello(place, len, now)?;
        // Room for it, before anything is promised.
        let (peer, known) = self.room_for(&identity).ok_or(Error::Capacity)?;
        if self.ends_first(place, peer, &identity) {
            // Its own handshake goes on, and this one was for nothing.
            self.free(place);
            return Ok(());
        }
        self.meet(place, peer, known, &identity, now)?;
        let capability = self.keep_capability(peer, len)?;
        self.peer(peer)?.capability = capability;
        let slot = self.slot(place)?;
        match (slot.initiator, slot.ik) {
            // The message that is still to be written ends the handshake.
            (true, false) => {
                slot.stage = Stage::Make(Kind::Finish);
                self.queue_slot(place);
            }
            (true, true) => {
                self.start_session(place, peer, known, now)?;
                self.slot(place)?.stage = Stage::Confirm;
                self.queue_slot(place);
            }
            (false, _) => self.answer_session(place, peer, known, now)?,
        }
        Ok(())
    }

    /// Whether the handshake that this slot has answered ends too late: both have called each other, however the
    /// openings crossed, and both have said their last. Each would take the other's session in place of its own; so
    /// the call of the lower identity counts, and the other takes that.
    fn ends_first(&self, place: usize, peer: usize, identity: &PublicKey) -> bool {
        let answered = self.tables.slots.get(place).is_some_and(|slot| !slot.initiator && !slot.ik);
        answered && self.hello.identity < *identity && self.has_finished(peer)
    }

    /// Whether a handshake that this node began with a peer has its last message under way.
    fn has_finished(&self, peer: usize) -> bool {
        self.tables.slots.iter().any(|slot| {
            slot.initiator
                && slot.stage == Stage::Sent(Kind::Finish)
                && slot.peer == Some(peer as u16)
        })
    }

    /// The place of a peer in the table, or for it, and whether it is there.
    pub(super) fn room_for(&self, identity: &PublicKey) -> Option<(usize, bool)> {
        if let Some(place) = self.place_of(identity) {
            return Some((place, true));
        }
        self.tables.peers.iter().position(|peer| !peer.used).map(|place| (place, false))
    }

    /// The session of the slot's finished handshake begins, with a peer that was
    /// `known` or not. Whether an earlier one goes on.
    fn start_session(&mut self, place: usize, at: usize, known: bool, now: u64) -> Result<bool> {
        self.install(place, at, now)?;
        let resumed = known && self.slot(place)?.options & GOES_ON != 0;
        self.begin(at, resumed);
        Ok(resumed)
    }

    /// The same for who was called: says so, and is done with the handshake.
    pub(super) fn answer_session(
        &mut self,
        place: usize,
        at: usize,
        known: bool,
        now: u64,
    ) -> Result<()> {
        let resumed = self.start_session(place, at, known, now)?;
        self.confirm(at, !resumed);
        self.free(place);
        Ok(())
    }

    /// Enters a peer in the table, or finds it there: the one that the slot's
    /// handshake was with.
    pub(super) fn meet(
        &mut self,
        place: usize,
        at: usize,
        known: bool,
        identity: &PublicKey,
        now: u64,
    ) -> Result<()> {
        let slot = self.tables.slots.get_mut(place).ok_or(Error::CommPeer)?;
        let handshake = slot.handshake.as_ref().ok_or(Error::CommState)?;
        let noise = handshake.remote_static().ok_or(Error::CommState)?;
        let peer = self.tables.peers.get_mut(at).ok_or(Error::CommPeer)?;
        slot.peer = Some(at as u16);
        if !known {
            let (generation, queued) = (peer.generation, peer.queued);
            *peer = Peer { used: true, generation, queued, sent: now, ..NOBODY };
            peer.identity = *identity;
        }
        (peer.heard, peer.noise) = (now, *noise);
        (peer.trusted, peer.address) = (slot.trusted, slot.address);
        Ok(())
    }

    /// Keeps the capability of the payload in the scratch buffer, in this place of
    /// the table of capabilities; returns its length.
    fn keep_capability(&mut self, at: usize, len: usize) -> Result<u16> {
        let hello = self.tables.scratch.get(FRONT..len).ok_or(Error::CommFormat)?;
        let bytes = Hello::parse(hello)?.capability.unwrap_or(&[]);
        let room = self.settings.capability;
        let place = self.tables.capabilities.get_mut(at * room..(at + 1) * room);
        let place = place.and_then(|place| place.get_mut(..bytes.len()));
        place.ok_or(Error::CommTooLong)?.copy_from_slice(bytes);
        Ok(bytes.len() as u16)
    }

    /// Makes the slot's finished handshake the peer's other session. The
    /// initiator of XX goes on with the present one until it is confirmed.
    pub(super) fn install(&mut self, place: usize, at: usize, now: u64) -> Result<()> {
        let slot = self.tables.slots.get(place).ok_or(Error::CommPeer)?;
        let transport = slot.handshake.as_ref().ok_or(Error::CommState)?.finish()?;
        let keys = transport.keys().ok_or(Error::CommState)?;
        let (index, peer_index) = (slot.index, slot.peer_index);
        let (initiator, wait) = (slot.initiator, slot.initiator && !slot.ik);
        let peer = self.tables.peers.get(at).ok_or(Error::CommPeer)?;
        // What its own handshake led to at the same time stays as well, until one of both is used: the peer may have
        // that alone.
        let both = !initiator && self.has_finished(at);
        let other = if both { 2 * at + peer.current } else { 2 * at + 1 - peer.current };
        self.drop_session(other);
        let session = self.tables.sessions.get_mut(other).ok_or(Error::CommPeer)?;
        *session = Session::new(keys, index, peer_index, now);
        session.initiator = initiator;
        let words = self.settings.words();
        if let Some(bits) = self.tables.windows.get_mut(other * words..(other + 1) * words) {
            bits.fill(0);
        }
        if let Some(entry) = self.entry(index) {
            entry.target = Target::Session(other as u32);
        }
        let peer = self.peer(at)?;
        if !wait && !both {
            peer.current = 1 - peer.current;
        }
        self.stats.handshakes += 1;
        self.schedule(at);
        // Whoever was called at the same time need not be called any more.
        let Peer { identity, address, .. } = *self.peer(at)?;
        for other in 0..self.tables.slots.len() {
            let Some(slot) = self.tables.slots.get(other) else { continue };
            let same = slot.expected.map_or(slot.address == address, |e| e == identity);
            let calling = matches!(slot.stage, Stage::Make(_) | Stage::Sending(_) | Stage::Sent(_));
            if other != place && slot.initiator && calling && same {
                self.move_calls(On::Slot(other as u16), On::Slot(place as u16));
                self.free(other);
            }
        }
        Ok(())
    }

    /// Tells the caller of a peer that is connected, unless it was already.
    pub(super) fn begin(&mut self, at: usize, resumed: bool) {
        for place in 0..self.tables.slots.len() {
            if self.tables.slots.get(place).is_some_and(|slot| slot.peer == Some(at as u16)) {
                self.move_calls(On::Slot(place as u16), On::Peer(at as u16));
            }
        }
        let called = self.has_call(On::Peer(at as u16));
        let Some(peer) = self.tables.peers.get_mut(at) else { return };
        // Who has called wants to know.
        if !(resumed && peer.connected) || called {
            peer.connected = true;
            peer.due |= CONNECTED;
            self.queue_peer(at);
        }
    }

    /// A sign of life to a peer.
    pub(super) fn confirm(&mut self, at: usize, anew: bool) {
        if let Some(peer) = self.tables.peers.get_mut(at) {
            peer.due |= CONTROL;
            peer.anew = anew;
            self.queue_peer(at);
        }
    }

    /// Ends a handshake: the caller hears of it if it was a call of its own.
    pub(super) fn fail(&mut self, place: usize, reason: Reason) {
        let Some(slot) = self.tables.slots.get(place) else { return };
        let peer = slot.peer.map(usize::from);
        let renews =
            peer.and_then(|at| self.tables.peers.get(at)).is_some_and(|peer| peer.connected);
        let met = peer.filter(|_| slot.initiator && !renews);
        self.move_calls(On::Slot(place as u16), On::Failed(reason));
        // A peer that was met, but has not confirmed the session.
        if let Some(at) = met {
            self.free_peer(at);
        }
        self.free(place);
    }

    /// Ends a peer's sessions; the caller hears of it.
    pub(super) fn end(&mut self, at: usize, reason: Reason) {
        if let Some(peer) = self.tables.peers.get_mut(at).filter(|peer| peer.used) {
            peer.due = CLOSED;
            peer.reason = reason;
            self.drop_session(2 * at);
            self.drop_session(2 * at + 1);
            self.queue_peer(at);
        }
    }

    /// The bytes of an answer to an opening.
    pub(super) fn answer_len(&self, ik: bool) -> usize {
        let keys = if ik { 32 + 16 } else { 32 + 48 + 16 };
        super::frame::ANSWER_OVERHEAD + keys + FRONT + self.hello_len()
    }
}
