//! Frames of sessions that come in.

use super::frame::{Content, Kind};
use super::slot::Stage;
use super::{ALIVE_ANEW, BYE, CLOSE, Link, Reason, Received, Session, Target};
use crate::comm::identity::Secrets;
use crate::error::{Error, Result};
use crate::port::{Address, Entropy};

impl<S: Secrets, E: Entropy> Link<'_, S, E> {
    #[allow(clippy::too_many_arguments)] // the fields of the frame
    pub(super) fn take_transport(
        &mut self,
        from: &Address,
        content: Content,
        index: u32,
        counter: (u32, u32),
        text: &[u8],
        now: u64,
        out: &mut [u8],
    ) -> Result<Received> {
        let place = match self.target(index) {
            Target::Session(place) => place as usize,
            Target::Slot(place) => self.first_frame(place as usize, content, counter, text, now)?,
            Target::Nothing => return Err(Error::CommAuth),
        };
        let at = place / 2;
        let reject = self.settings.reject_time;
        let words = self.settings.words();
        let session = self.tables.sessions.get_mut(place).ok_or(Error::CommAuth)?;
        if !session.open || now.saturating_sub(session.born) >= reject {
            return Err(Error::CommClosed);
        }
        let was_confirmed = session.confirmed || !session.initiator;
        let peer = self.tables.peers.get(at).ok_or(Error::CommAuth)?;
        if peer.due & CLOSE != 0 {
            return Err(Error::CommClosed);
        }
        let awaited = !was_confirmed && place % 2 != peer.current;
        if awaited && content != Content::Control {
            // The confirmation is still on its way.
            return Err(Error::CommClosed);
        }
        let bits = self.tables.windows.get_mut(place * words..(place + 1) * words);
        let bits = bits.ok_or(Error::CommAuth)?;
        let mut control = [0; 16];
        let room: &mut [u8] = if content == Content::Control { &mut control } else { out };
        let (len, newest) = match session.open(bits, content, counter, text, room) {
            Ok(opened) => opened,
            Err(Error::BufferTooSmall) if content == Content::Control => {
                return Err(Error::CommFormat);
            }
            Err(error) => {
                if session.forged >= self.settings.forgeries {
                    self.end(at, Reason::Forged);
                }
                return Err(error);
            }
        };
        let roams = newest && self.settings.roaming;
        let peer = self.peer(at)?;
        peer.heard = now;
        if roams {
            peer.address = *from;
        }
        if awaited {
            let anew = control.first() == Some(&ALIVE_ANEW);
            self.confirmed(place, anew);
        } else if !was_confirmed {
            self.confirmed_ik(place);
        }
        if content != Content::Control {
            self.stats.received += 1;
            let peer = self.id(at).ok_or(Error::CommAuth)?;
            return Ok(Received::Message { peer, len });
        }
        if len > 0 && control.first() == Some(&BYE) {
            self.end(at, Reason::Peer);
        }
        Ok(Received::Nothing)
    }

    /// XX's responder has confirmed the session: it is used from now on.
    pub(super) fn confirmed(&mut self, place: usize, anew: bool) {
        let at = place / 2;
        let others = self.tables.sessions.get(2 * at + 1 - place % 2).is_some_and(|s| s.open);
        if let Some(peer) = self.tables.peers.get_mut(at) {
            peer.current = place % 2;
        }
        self.begin(at, others && !anew);
        self.free_handshakes(at);
        self.schedule(at);
    }

    /// IK's responder was heard: it need not be told any more.
    pub(super) fn confirmed_ik(&mut self, place: usize) {
        self.free_handshakes(place / 2);
    }

    pub(super) fn free_handshakes(&mut self, at: usize) {
        for place in 0..self.tables.slots.len() {
            let waits = |slot: &super::Slot| {
                slot.peer == Some(at as u16)
                    && matches!(
                        slot.stage,
                        Stage::Confirm
                            | Stage::Make(Kind::Finish)
                            | Stage::Sending(Kind::Finish)
                            | Stage::Sent(Kind::Finish)
                    )
            };
            if self.tables.slots.get(place).is_some_and(waits) {
                self.free(place);
            }
        }
    }

    /// The first frame of a session whose initiator has not shown yet that it has
    /// the keys: makes it one, if it is authentic.
    pub(super) fn first_frame(
        &mut self,
        place: usize,
        content: Content,
        counter: (u32, u32),
        text: &[u8],
        now: u64,
    ) -> Result<usize> {
        let slot = self.tables.slots.get(place).ok_or(Error::CommAuth)?;
        // It begins with the confirmation.
        if slot.stage != Stage::Unconfirmed || content != Content::Control {
            return Err(Error::CommAuth);
        }
        let handshake = slot.handshake.as_ref().ok_or(Error::CommAuth)?;
        let transport = handshake.finish()?;
        let keys = transport.keys().ok_or(Error::CommAuth)?;
        let mut session = Session::new(keys, slot.index, slot.peer_index, now);
        let opened = session.open(&mut [0; 3], content, counter, text, &mut [0; 16]);
        session.wipe();
        opened?;
        // The frame is taken again, as the session's first.
        let identity = slot.expected.ok_or(Error::CommAuth)?;
        let capability = slot.capability;
        let Some((at, known)) = self.room_for(&identity) else {
            self.free(place);
            return Err(Error::Capacity);
        };
        self.meet(place, at, known, &identity, now)?;
        let (from, room) = (self.tables.peers.len() + place, self.settings.capability);
        let kept = from * room..from * room + usize::from(capability);
        self.tables.capabilities.copy_within(kept, at * room);
        self.peer(at)?.capability = capability;
        self.answer_session(place, at, known, now)?;
        let peer = self.peer(at)?;
        Ok(2 * at + peer.current)
    }
}
