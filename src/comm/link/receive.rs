//! What comes in.

use super::frame::{Frame, Kind, MAC, Macs};
use super::slot::{FRONT, GOES_ON, Stage};
use super::{
    CLOSED, CONNECTED, CONTROL, CookieDue, Link, NOBODY, Peer, Reason, Received, Session, Target,
};
use crate::comm::crypto::PublicKey;
use crate::comm::identity::{Hello, Secrets, Trusted};
use crate::comm::noise::{Handshake, Keys};
use crate::error::{Error, Result};
use crate::port::{Address, Entropy};

/// Names of the protocols: with and without a secret of the network.
pub(super) fn protocol(ik: bool, psk: bool) -> &'static str {
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
                let mut waiting =
                    self.slots.iter_mut().filter(|slot| slot.address == *from && waits(slot.stage));
                // One of them asked for it.
                let opened = waiting.find_map(|slot| {
                    let cookie = gate.read(salt, cookie, tag, &slot.mac1).ok()?;
                    slot.cookie = Some(cookie);
                    slot.cookie_came = now;
                    slot.deadline = now;
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
        let calling = self.slots.iter().find(|slot| {
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
        let same = self
            .slots
            .iter()
            .position(|slot| !slot.initiator && slot.stage != Stage::Free && slot.address == *from);
        let fresh = |slot: &super::Slot| {
            now.saturating_sub(slot.began) < self.settings.retry / 2
                && (slot.cookie.is_some() || !cookie)
        };
        if same.and_then(|place| self.slots.get(place)).is_some_and(fresh) {
            return Ok(Received::Nothing);
        }
        let free = self.free_slots() + usize::from(same.is_some());
        let crowded = free <= self.slots.len() / 2;
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
        (slot.address, slot.index, slot.ik, slot.began) = (*from, index, ik, now);
        slot.cookie = cookie.then_some([0; MAC]);
        let read = self.read_open(place, ik, message, now);
        if read.is_err() {
            self.free(place);
        }
        read.map(|()| Received::Nothing)
    }

    fn read_open(&mut self, place: usize, ik: bool, message: &[u8], now: u64) -> Result<()> {
        let wall = self.wall_at(now);
        let keys = Keys { local: Some(&self.secrets), psks: self.psk.as_slice() };
        let name = protocol(ik, self.psk.is_some());
        let mut handshake = Handshake::new(name, false, &self.prologue, &keys, None)?;
        let len = match handshake.read(&keys, message, &mut self.scratch) {
            Err(Error::BufferTooSmall) => return Err(Error::CommFormat),
            other => other?,
        };
        let payload = self.scratch.get(..len).ok_or(Error::CommFormat)?;
        let (&[options, a, b, c], hello) =
            payload.split_first_chunk::<FRONT>().ok_or(Error::CommFormat)?;
        let slot = self.slots.get_mut(place).ok_or(Error::CommPeer)?;
        if ik {
            let noise = handshake.remote_static().ok_or(Error::CommState)?;
            let hello = Hello::decode(hello, noise)?;
            if hello.identity == self.hello.identity {
                return Err(Error::CommUntrusted);
            }
            // IK's first message does not show that the pre-shared key is known.
            slot.trusted = self.trust.judge(&hello, self.psk.is_some(), wall)?;
            slot.expected = Some(hello.identity);
            let (bytes, room) = (hello.capability.unwrap_or(&[]), self.settings.capability);
            let start = (self.peers.len() + place) * room;
            keep(&mut self.capabilities, start, room, bytes)?;
            slot.capability = bytes.len() as u16;
        }
        let retry = self.settings.retry;
        (slot.options, slot.peer_index) = (options, u32::from_le_bytes([a, b, c, 0]));
        *slot.handshake = Some(handshake);
        slot.stage = Stage::Make(Kind::Answer);
        slot.deadline = now.saturating_add(retry.saturating_mul(8));
        let deadline = slot.deadline;
        self.wake_by(deadline);
        self.queue_slot(place);
        Ok(())
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
        let (place, message) = (place as usize, self.settings.message);
        let slot = self.slots.get_mut(place).ok_or(Error::CommAuth)?;
        let awaited = match kind {
            Kind::Answer => matches!(slot.stage, Stage::Sent(Kind::OpenXx | Kind::OpenIk)),
            // Only who has shown a cookie may fill a buffer.
            Kind::Finish => slot.stage == Stage::Sent(Kind::Answer) && slot.cookie.is_some(),
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
        if slot.len != total {
            (slot.len, slot.fragments) = (total, 0);
        }
        let buffer = self.buffers.get_mut(place * message..(place + 1) * message);
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
        let slot = self.slots.get(place).ok_or(Error::CommAuth)?;
        let awaited = match kind {
            Kind::Answer => matches!(slot.stage, Stage::Sent(Kind::OpenXx | Kind::OpenIk)),
            Kind::Finish => slot.stage == Stage::Sent(Kind::Answer) && !slot.ik,
            Kind::OpenXx | Kind::OpenIk => false,
        };
        if !awaited || slot.address != *from {
            return Err(Error::CommAuth);
        }
        // In fragments, or whole.
        let (len, size) = (slot.len, self.settings.message);
        let keys = Keys { local: Some(&self.secrets), psks: self.psk.as_slice() };
        let slot = self.slots.get_mut(place).ok_or(Error::CommAuth)?;
        let message = match message {
            Some(message) => message,
            None => self.buffers.get(place * size..place * size + len).ok_or(Error::CommFormat)?,
        };
        let handshake = slot.handshake.as_mut().ok_or(Error::CommAuth)?;
        let len = match handshake.read(&keys, message, &mut self.scratch) {
            Ok(len) => len,
            Err(Error::BufferTooSmall) => return Err(Error::CommFormat),
            Err(error) => return Err(error),
        };
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

    /// Who the peer is, by the payload of `len` bytes in the scratch buffer; then
    /// the next step of the slot's handshake.
    fn judge(&mut self, place: usize, len: usize, now: u64) -> Result<()> {
        let wall = self.wall_at(now);
        let slot = self.slots.get_mut(place).ok_or(Error::CommPeer)?;
        let handshake = slot.handshake.as_ref().ok_or(Error::CommState)?;
        let noise = *handshake.remote_static().ok_or(Error::CommState)?;
        let payload = self.scratch.get(..len).ok_or(Error::CommFormat)?;
        let (&[options, a, b, c], hello) =
            payload.split_first_chunk::<FRONT>().ok_or(Error::CommFormat)?;
        (slot.options, slot.peer_index) = (options, u32::from_le_bytes([a, b, c, 0]));
        let hello = Hello::decode(hello, &noise)?;
        let itself = hello.identity == self.hello.identity;
        if itself || slot.expected.is_some_and(|expected| expected != hello.identity) {
            return Err(Error::CommUntrusted);
        }
        let trusted = self.trust.judge(&hello, self.psk.is_some(), wall)?;
        if hello.capability.is_some_and(|bytes| bytes.len() > self.settings.capability) {
            return Err(Error::CommTooLong);
        }
        let identity = hello.identity;
        // Room for it, before anything is promised.
        let known = self.place_of(&identity);
        let room = known.or_else(|| self.peers.iter().position(|peer| !peer.used));
        let peer = room.ok_or(Error::Capacity)?;
        self.meet(place, peer, known.is_some(), (identity, noise), trusted, now)?;
        self.keep_capability(peer, len)?;
        let slot = self.slots.get_mut(place).ok_or(Error::CommPeer)?;
        slot.peer = Some(peer as u32);
        match (slot.initiator, slot.ik) {
            // The message that is still to be written ends the handshake.
            (true, false) => {
                slot.stage = Stage::Make(Kind::Finish);
                self.queue_slot(place);
            }
            (true, true) => {
                self.install(place, peer, now)?;
                let resumed = known.is_some() && options & GOES_ON != 0;
                self.begin(peer, resumed);
                let slot = self.slot(place)?;
                slot.stage = Stage::Confirm;
                self.queue_slot(place);
            }
            (false, _) => {
                self.install(place, peer, now)?;
                let resumed = known.is_some() && options & GOES_ON != 0;
                self.begin(peer, resumed);
                self.confirm(peer, !resumed);
                self.free(place);
            }
        }
        Ok(())
    }

    /// Enters a peer in the table, or finds it there.
    pub(super) fn meet(
        &mut self,
        place: usize,
        at: usize,
        known: bool,
        (identity, noise): (PublicKey, PublicKey),
        trusted: Trusted,
        now: u64,
    ) -> Result<()> {
        let (address, tag) = {
            let slot = self.slots.get(place).ok_or(Error::CommPeer)?;
            (slot.address, slot.tag)
        };
        let peer = self.peer(at)?;
        if !known {
            let (generation, queued) = (peer.generation, peer.queued);
            *peer =
                Peer { used: true, generation, queued, identity, heard: now, sent: now, ..NOBODY };
        } else {
            peer.heard = now;
        }
        (peer.noise, peer.trusted, peer.address) = (noise, trusted, address);
        if tag != 0 {
            peer.tag = tag;
        }
        Ok(())
    }

    /// Keeps the capability of the payload in the scratch buffer.
    fn keep_capability(&mut self, at: usize, len: usize) -> Result<()> {
        let hello = self.scratch.get(FRONT..len).ok_or(Error::CommFormat)?;
        let bytes = Hello::parse(hello)?.capability.unwrap_or(&[]);
        let room = self.settings.capability;
        keep(&mut self.capabilities, at * room, room, bytes)?;
        let len = bytes.len() as u16;
        self.peer(at)?.capability = len;
        Ok(())
    }

    /// Makes the slot's finished handshake the peer's other session. The
    /// initiator of XX goes on with the present one until it is confirmed.
    pub(super) fn install(&mut self, place: usize, at: usize, now: u64) -> Result<()> {
        let slot = self.slots.get(place).ok_or(Error::CommPeer)?;
        let transport = slot.handshake.as_ref().ok_or(Error::CommState)?.finish()?;
        let keys = transport.keys().ok_or(Error::CommState)?;
        let (index, peer_index) = (slot.index, slot.peer_index);
        let (initiator, wait) = (slot.initiator, slot.initiator && !slot.ik);
        let peer = self.peers.get(at).ok_or(Error::CommPeer)?;
        let other = 2 * at + 1 - peer.current;
        self.drop_session(other);
        let session = self.sessions.get_mut(other).ok_or(Error::CommPeer)?;
        *session = Session::new(keys, index, peer_index, now);
        session.initiator = initiator;
        let words = self.settings.words;
        if let Some(bits) = self.windows.get_mut(other * words..(other + 1) * words) {
            bits.fill(0);
        }
        if let Some(entry) = self.entry(index) {
            entry.target = Target::Session(other as u32);
        }
        let peer = self.peer(at)?;
        if !wait {
            peer.current = 1 - peer.current;
        }
        self.stats.handshakes += 1;
        self.schedule(at);
        // Whoever was called at the same time need not be called any more.
        let Peer { identity, address, .. } = *self.peer(at)?;
        for other in 0..self.slots.len() {
            let Some(slot) = self.slots.get(other) else { continue };
            let same = slot.expected.map_or(slot.address == address, |e| e == identity);
            let calling = matches!(slot.stage, Stage::Make(_) | Stage::Sending(_) | Stage::Sent(_));
            if other != place && slot.initiator && calling && same {
                let tag = slot.tag;
                self.free(other);
                if tag != 0 {
                    self.peer(at)?.tag = tag;
                }
            }
        }
        Ok(())
    }

    /// Tells the caller of a peer that is connected, unless it was already.
    pub(super) fn begin(&mut self, at: usize, resumed: bool) {
        let Some(peer) = self.peers.get_mut(at) else { return };
        if !(resumed && peer.connected) {
            peer.connected = true;
            peer.due |= CONNECTED;
            self.queue_peer(at);
        }
    }

    /// A sign of life to a peer.
    pub(super) fn confirm(&mut self, at: usize, anew: bool) {
        if let Some(peer) = self.peers.get_mut(at) {
            peer.due |= CONTROL;
            peer.anew = anew;
            self.queue_peer(at);
        }
    }

    /// Ends a handshake: the caller hears of it if it was a call of its own.
    pub(super) fn fail(&mut self, place: usize, reason: Reason) {
        let Some(slot) = self.slots.get(place) else { return };
        let peer = slot.peer.map(|at| at as usize);
        let renews = peer.and_then(|at| self.peers.get(at)).is_some_and(|peer| peer.connected);
        if !slot.initiator || renews {
            return self.free(place);
        }
        // A peer that was met, but has not confirmed the session.
        if let Some(at) = peer {
            self.free_peer(at);
        }
        if let Some(slot) = self.slots.get_mut(place) {
            slot.stage = Stage::Failed(reason);
            *slot.handshake = None;
            self.queue_slot(place);
        }
    }

    /// Ends a peer's sessions; the caller hears of it.
    pub(super) fn end(&mut self, at: usize, reason: Reason) {
        if let Some(peer) = self.peers.get_mut(at).filter(|peer| peer.used) {
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

/// Puts a capability in its place of `room` bytes.
fn keep(all: &mut [u8], start: usize, room: usize, bytes: &[u8]) -> Result<()> {
    let place = all.get_mut(start..start + room).and_then(|place| place.get_mut(..bytes.len()));
    place.ok_or(Error::CommTooLong)?.copy_from_slice(bytes);
    Ok(())
}
