//! Where things are in a link's tables, and what is due.

use zeroize::Zeroize;

use super::slot::{Slot, Stage};
use super::{Due, Entry, Link, NOBODY, On, Peer, PeerId, Reason, Target, wipe};
use crate::comm::crypto::PublicKey;
use crate::comm::identity::{CERTIFICATE, Secrets};
use crate::error::{Error, Result};
use crate::port::Entropy;

impl<S: Secrets, E: Entropy> Link<'_, S, E> {
    pub(super) fn find(&self, peer: PeerId) -> Result<usize> {
        let place = peer.place();
        match self.tables.peers.get(place) {
            Some(found) if found.used && u32::from(found.generation) == peer.0 >> 16 => Ok(place),
            _ => Err(Error::CommPeer),
        }
    }

    pub(super) fn id(&self, place: usize) -> Option<PeerId> {
        let peer = self.tables.peers.get(place).filter(|peer| peer.used)?;
        Some(PeerId(u32::from(peer.generation) << 16 | place as u32))
    }

    pub(super) fn peer(&mut self, place: usize) -> Result<&mut Peer> {
        self.tables.peers.get_mut(place).ok_or(Error::CommPeer)
    }

    pub(super) fn slot(&mut self, place: usize) -> Result<&mut Slot> {
        self.tables.slots.get_mut(place).ok_or(Error::CommPeer)
    }

    pub(super) fn place_of(&self, identity: &PublicKey) -> Option<usize> {
        self.tables.peers.iter().position(|peer| peer.used && peer.identity == *identity)
    }

    pub(super) fn free_slot(&self) -> Option<usize> {
        self.tables.slots.iter().position(|slot| slot.stage == Stage::Free)
    }

    pub(super) fn free_slots(&self) -> usize {
        self.tables.slots.iter().filter(|slot| slot.stage == Stage::Free).count()
    }

    pub(super) fn hello_len(&self) -> usize {
        let capability = if self.own_capability > 0 { 2 + self.own_capability } else { 0 };
        98 + if self.certificate.is_some() { CERTIFICATE } else { 0 } + capability
    }

    /// A new index that stands for `target`.
    pub(super) fn new_index(&mut self, target: Target) -> Result<u32> {
        // Indices of 16 bits, which frames of the small form can have, where there
        // are enough of them.
        let total = self.tables.entries.len() as u32;
        let limit = if total <= 1 << 14 { 1u32 << 16 } else { 1 << 24 };
        let mut random = [0; 4];
        self.entropy.fill(&mut random)?;
        let place =
            self.tables.entries.iter().position(|entry| entry.index == 0).ok_or(Error::Capacity)?;
        let generation = 1 + u32::from_le_bytes(random) % (limit / total.max(1) - 1).max(1);
        let index = generation * total + place as u32;
        if let Some(entry) = self.tables.entries.get_mut(place) {
            *entry = Entry { index, target };
        }
        Ok(index)
    }

    pub(super) fn entry(&mut self, index: u32) -> Option<&mut Entry> {
        let place = index as usize % self.tables.entries.len().max(1);
        self.tables.entries.get_mut(place).filter(|entry| index != 0 && entry.index == index)
    }

    pub(super) fn target(&mut self, index: u32) -> Target {
        self.entry(index).map_or(Target::Nothing, |entry| entry.target)
    }

    pub(super) fn free_index(&mut self, index: u32) {
        if let Some(entry) = self.entry(index) {
            *entry = Entry::default();
        }
    }

    /// Frees a slot, and its index unless a session has it now.
    pub(super) fn free(&mut self, place: usize) {
        let Some(slot) = self.tables.slots.get_mut(place) else { return };
        let (index, renews) = (slot.index, slot.peer.filter(|_| slot.initiator));
        slot.clear();
        // Whatever was not told of before comes to nothing.
        self.move_calls(On::Slot(place as u16), On::Failed(Reason::Timeout));
        let message = self.settings.message();
        if let Some(buffer) = self.tables.buffers.get_mut(place * message..(place + 1) * message) {
            buffer.zeroize();
        }
        if matches!(self.target(index), Target::Slot(_)) {
            self.free_index(index);
        }
        if let Some(peer) = renews.and_then(|peer| self.tables.peers.get_mut(usize::from(peer))) {
            peer.renewing = false;
        }
    }

    pub(super) fn drop_session(&mut self, place: usize) {
        let Some(session) = self.tables.sessions.get_mut(place) else { return };
        let index = session.index;
        wipe(session);
        self.free_index(index);
    }

    pub(super) fn free_peer(&mut self, place: usize) {
        self.drop_session(2 * place);
        self.drop_session(2 * place + 1);
        let peer = self.tables.peers.get(place).unwrap_or(&NOBODY);
        let (connected, reason) = (peer.connected, peer.reason);
        self.move_calls(On::Peer(place as u16), On::Failed(reason));
        for at in 0..self.tables.slots.len() {
            let Some(slot) = self.tables.slots.get_mut(at) else { continue };
            if slot.peer == Some(place as u16) {
                slot.peer = None;
                // It was to renew the session, or to confirm it.
                if connected {
                    self.move_calls(On::Slot(at as u16), On::Failed(reason));
                    self.free(at);
                }
            }
        }
        if let Some(peer) = self.tables.peers.get_mut(place) {
            let generation = peer.generation.wrapping_add(1);
            *peer = Peer { generation, queued: peer.queued, ..NOBODY };
        }
    }

    // Calls.

    /// What hung on one thing hangs on another from now on.
    pub(super) fn move_calls(&mut self, from: On, to: On) {
        for call in self.tables.calls.iter_mut().filter(|call| call.on == from) {
            call.on = to;
        }
    }

    pub(super) fn has_call(&self, on: On) -> bool {
        self.tables.calls.iter().any(|call| call.on == on)
    }

    /// Takes out a call that hangs on something: its tag.
    pub(super) fn take_call(&mut self, on: On) -> Option<u64> {
        let call = self.tables.calls.iter_mut().find(|call| call.on == on)?;
        call.on = On::Nothing;
        Some(call.tag)
    }

    /// Takes out a call that came to nothing: its tag, and why.
    pub(super) fn take_failed(&mut self) -> Option<(u64, Reason)> {
        self.tables.calls.iter_mut().find_map(|call| {
            let On::Failed(reason) = call.on else { return None };
            call.on = On::Nothing;
            Some((call.tag, reason))
        })
    }

    // What is due.

    pub(super) fn queue(&mut self, due: Due) {
        let len = self.tables.due.len().max(1);
        if let Some(place) = self.tables.due.get_mut((self.due_first + self.due_count) % len) {
            *place = due;
            self.due_count += 1;
        }
    }

    pub(super) fn queue_slot(&mut self, place: usize) {
        if let Some(slot) = self.tables.slots.get_mut(place).filter(|slot| !slot.queued) {
            slot.queued = true;
            self.queue(Due::Slot(place as u16));
        }
    }

    pub(super) fn queue_peer(&mut self, place: usize) {
        if let Some(peer) = self.tables.peers.get_mut(place).filter(|peer| !peer.queued) {
            peer.queued = true;
            self.queue(Due::Peer(place as u16));
        }
    }

    pub(super) fn unqueue(&mut self) -> Option<Due> {
        if self.due_count == 0 {
            return None;
        }
        let due = self.tables.due.get(self.due_first).copied()?;
        self.due_first = (self.due_first + 1) % self.tables.due.len().max(1);
        self.due_count -= 1;
        match due {
            Due::Slot(place) => self.tables.slots.get_mut(usize::from(place))?.queued = false,
            Due::Peer(place) => self.tables.peers.get_mut(usize::from(place))?.queued = false,
        }
        Some(due)
    }
}
