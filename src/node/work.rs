//! What a node does when it is polled: a bounded piece of work, by turns.

use super::channel;
use super::membership::{Change, Output};
use super::node::{Event, Node};
use super::node_id;
use super::part::{Part, View};
use super::peers::{Dial, NO_SEED, NOBODY};
use super::suspects::is_violation;
use crate::comm::identity::Secrets;
use crate::comm::link::{self, PeerId, Reason, Received};
use crate::error::{Error, Result};
use crate::port::{Address, Entropy, Transport};

/// Soon, in microseconds: where something cannot be done now, and nothing says when it can.
const SOON: u64 = 1_000;
/// So long a datagram waits that the transport has no room for, in microseconds.
const HELD: u64 = 20_000;
/// The first pause between two calls of an address to begin with, and how often it is doubled.
const CALL_PAUSE: u64 = 500_000;
const CALL_DOUBLINGS: u32 = 5;

impl<S: Secrets, E: Entropy> Node<'_, S, E> {
    /// Does what is to be done by `now_us`, and says when to come back, in microseconds: at once if that is not later
    /// than `now_us`, at the latest otherwise; and whenever a datagram has come, or something was done to the node or
    /// one of its parts.
    ///
    /// Datagrams are taken from the transport and sent through it. The node, its sessions and each part have their turns
    /// one after the other: each turn takes or sends one datagram. After the round in which the configuration's `budget`
    /// is used up, it ends: so there are at most 4 turns more, and one for each part. Beside them every session is
    /// looked at once when one of them is due. Parts are lent the same at each call.
    ///
    /// While an event waits for which there is no room, nothing happens that would be another one.
    ///
    /// A datagram that the transport has no room for is tried again for 20 ms.
    ///
    /// Errors of the secrets and of the entropy. After all others had a turn: those of the transport while taking
    /// datagrams, [`Error::BufferTooSmall`] if one is longer than the configuration says and the transport cannot throw
    /// it away; those of a part, [`Error::BufferTooSmall`] for one that is made for longer messages than
    /// [`max_message`](Self::max_message). What was done is done, and nothing is lost.
    pub fn poll(
        &mut self,
        now_us: u64,
        transport: &mut dyn Transport,
        parts: &mut [&mut dyn Part],
    ) -> Result<u64> {
        self.now = self.now.max(now_us);
        let now = self.now;
        self.flush(transport);
        if self.link.wake_at() <= now {
            self.link.poll(now);
        }
        if self.membership.wake_at() <= now {
            self.membership.poll(now);
        }
        self.call_seeds();
        let (mut work, mut failed) = (0, Ok(()));
        loop {
            let heard = self.hear(transport, parts).unwrap_or_else(|error| {
                failed = Err(error);
                false
            });
            let heard = work + usize::from(heard);
            let before = core::mem::replace(&mut work, heard);
            self.tell_quarantines();
            work += usize::from(self.step_link(transport)?);
            work += usize::from(self.step_waiting(transport)?);
            work += usize::from(self.step_membership(transport, parts)?);
            for part in parts.iter_mut() {
                match self.step_part(&mut **part, transport) {
                    Ok(stepped) => work += usize::from(stepped),
                    // The others go on.
                    Err(error) => failed = failed.and(Err(error)),
                }
            }
            // What others send does not keep it from leaving.
            self.step_leaving(work == heard);
            if work == before || failed.is_err() {
                return failed.map(|()| self.wake(parts));
            }
            if work >= self.budget {
                return Ok(now);
            }
        }
    }

    /// Takes a datagram that came some other way than through the transport, as [`poll`](Self::poll) does. Poll
    /// afterwards.
    ///
    /// [`Error::Length`] if it is longer than the configuration says; the errors of entropy.
    pub fn receive(
        &mut self,
        from: &Address,
        datagram: &[u8],
        now_us: u64,
        parts: &mut [&mut dyn Part],
    ) -> Result<()> {
        self.now = self.now.max(now_us);
        let room = self.input.get_mut(..datagram.len()).ok_or(Error::Length)?;
        room.copy_from_slice(datagram);
        self.take(from, datagram.len(), parts)
    }

    /// When there is something to do, if nothing else happens.
    fn wake(&self, parts: &[&mut dyn Part]) -> u64 {
        let due = self.link.wake_at().min(self.membership.wake_at());
        let due = parts.iter().map(|part| part.wake_at()).fold(due, u64::min);
        let alone = self.is_alone();
        let calling = |place: &usize| self.peers.is_calling(*place);
        let seeds = self.seeds.iter().enumerate();
        let seeds = seeds.filter(|(place, _)| alone && !calling(place)).map(|(_, seed)| seed.at);
        let due = seeds.fold(due, u64::min);
        // What is due and was not done now waits for something: for room for events, or in the transport.
        let waits = due <= self.now || !self.has_room() || self.unsent.is_some();
        if waits { self.now.saturating_add(SOON) } else { due }
    }

    fn is_alone(&self) -> bool {
        self.membership.count() <= 1 && !self.leaving
    }

    /// Sends what the transport had no room for; gives it up after a while, since it may be one receiver alone that
    /// takes nothing.
    fn flush(&mut self, transport: &mut dyn Transport) {
        let Some((to, len)) = self.unsent.take() else { return };
        let since = self.unsent_since;
        if self.now.saturating_sub(since) >= HELD {
            self.stats.unsent += 1;
            return;
        }
        self.transmit(to, len, transport);
        self.unsent_since = since;
    }

    /// Sends the frame.
    fn transmit(&mut self, to: Address, len: usize, transport: &mut dyn Transport) {
        let frame = self.frame.get(..len).unwrap_or_default();
        match transport.send(&to, frame) {
            Ok(()) => {
                self.stats.sent += 1;
                self.stats.sent_bytes += len as u64;
            }
            Err(Error::Capacity) => {
                (self.unsent, self.unsent_since) = (Some((to, len)), self.now);
            }
            Err(_) => self.stats.unsent += 1,
        }
    }

    /// While nobody else is there, calls those to begin with.
    fn call_seeds(&mut self) {
        if !self.is_alone() {
            return;
        }
        for place in 0..self.seeds.len() {
            let calling = self.peers.is_calling(place);
            let due = self.seeds.get_mut(place).filter(|seed| seed.at <= self.now && !calling);
            let Some(seed) = due else { continue };
            let pause = CALL_PAUSE << seed.tries.min(CALL_DOUBLINGS);
            (seed.at, seed.tries) = (self.now.saturating_add(pause), seed.tries.saturating_add(1));
            let address = seed.address;
            // Without room for it now, the next time.
            if self.dial(&address, Dial::seed(place)).is_err() {
                self.stats.dropped += 1;
            }
        }
    }

    // ---- What comes in ----------------------------------------------------------

    /// One datagram: whether there was one.
    fn hear(&mut self, transport: &mut dyn Transport, parts: &mut [&mut dyn Part]) -> Result<bool> {
        match transport.receive(&mut self.input) {
            Ok(Some((len, from))) => {
                self.take(&from, len, parts)?;
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(Error::BufferTooSmall) => {
                transport.skip().map_err(|_| Error::BufferTooSmall)?;
                self.stats.refused += 1;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    fn take(&mut self, from: &Address, len: usize, parts: &mut [&mut dyn Part]) -> Result<()> {
        self.stats.received += 1;
        self.stats.received_bytes += len as u64;
        let datagram = self.input.get(..len).unwrap_or_default();
        match self.link.receive(from, datagram, self.now, &mut self.text) {
            Ok(Received::Nothing) => Ok(()),
            Ok(Received::Message { peer, len }) => self.dispatch(peer, len, parts),
            // Not the sender's doing.
            Err(error @ (Error::Hook | Error::NoEntropy)) => Err(error),
            Err(_) => {
                self.stats.refused += 1;
                Ok(())
            }
        }
    }

    /// A message of a peer, in the text.
    fn dispatch(&mut self, peer: PeerId, len: usize, parts: &mut [&mut dyn Part]) -> Result<()> {
        let Some(id) = self.enter(peer) else { return Ok(()) };
        let message = self.text.get(..len).unwrap_or_default();
        let (now, wall_ms) = (self.now, self.wall_ms());
        let Some((&channel, body)) = message.split_first() else {
            self.stats.failed += 1;
            return Ok(());
        };
        let taken = if channel == channel::MEMBERS {
            self.membership.receive(id, body, now)
        } else {
            let view = View { now, wall_ms, membership: &self.membership };
            match parts.iter_mut().find(|part| part.channel() == channel) {
                Some(part) => part.receive(id, body, &view),
                None => {
                    self.stats.unknown += 1;
                    return Ok(());
                }
            }
        };
        let Err(error) = taken else { return Ok(()) };
        self.stats.failed += 1;
        if is_violation(error) {
            self.stats.violations += 1;
            if self.suspects.strike(id, error, (channel, body), now) {
                self.end_session(peer);
            }
        }
        Ok(())
    }

    /// Whose session it is; `None` if there is to be none with it.
    fn enter(&mut self, peer: PeerId) -> Option<u64> {
        if let Some(id) = self.peers.id_of(peer) {
            return Some(id).filter(|id| !self.suspects.has(*id, self.now));
        }
        let info = self.link.peer_info(peer).ok()?;
        let id = node_id(&info.identity);
        // Somebody else may have the same number: nobody finds two such identities by chance.
        let other = self.peers.find(id).is_some_and(|other| {
            self.link.peer_info(other).is_ok_and(|other| other.identity != info.identity)
        });
        let refused = id == self.id() || other || self.left || self.suspects.has(id, self.now);
        if refused || !self.peers.enter(id, peer) {
            self.end_session(peer);
            return None;
        }
        if self.peers.is_full() {
            self.evict(id);
        }
        Some(id)
    }

    /// Ends a session, and tells the peer so.
    pub(super) fn end_session(&mut self, peer: PeerId) {
        self.peers.remove(peer);
        // If there is none, nothing is to be ended.
        let _ = self.link.close(peer);
    }

    /// Makes room for the next session: the one that was silent longest ends.
    fn evict(&mut self, but: u64) {
        let others = self.peers.all().filter(|(id, _)| *id != but);
        let silent = others.min_by_key(|(_, peer)| {
            self.link.peer_info(*peer).map_or(0, |info| info.heard.max(info.sent))
        });
        // A place is kept for who comes and is not known yet.
        let needed = self.membership.count() > self.peers.len();
        if let Some((_, peer)) = silent.filter(|_| needed) {
            self.stats.evicted += 1;
            self.end_session(peer);
        }
    }

    // ---- What goes out ----------------------------------------------------------

    /// Sends the first `len` bytes of the text to a member, or calls it and lets them wait.
    fn say(&mut self, to: u64, len: usize, transport: &mut dyn Transport) -> Result<()> {
        if self.suspects.has(to, self.now) {
            self.stats.dropped += 1;
            return Ok(());
        }
        let message = self.text.get(..len).unwrap_or_default();
        if let Some(peer) = self.peers.find(to) {
            match self.link.send(peer, message, self.now, &mut self.frame) {
                Ok((len, address)) => {
                    self.transmit(address, len, transport);
                    return Ok(());
                }
                Err(error @ (Error::Hook | Error::NoEntropy)) => return Err(error),
                // There is none any more, so there is another one to begin.
                Err(Error::CommPeer) => {
                    self.peers.remove(peer);
                }
                Err(_) => {
                    self.stats.dropped += 1;
                    return Ok(());
                }
            }
        }
        let place = match self.peers.dial_for(to) {
            Some(place) => Ok(place),
            None => self.call(to),
        };
        match place {
            Ok(place) => {
                let message = self.text.get(..len).unwrap_or_default();
                self.stats.dropped += u64::from(!self.peers.add_waiting(place, message));
            }
            Err(error @ (Error::Hook | Error::NoEntropy)) => return Err(error),
            Err(_) => self.stats.dropped += 1,
        }
        Ok(())
    }

    /// Calls a member where it says that it is to be reached.
    fn call(&mut self, id: u64) -> Result<usize> {
        let member = self.membership.member(id).ok_or(Error::NodePeer)?;
        let address = member.address;
        if address.bytes().is_empty() {
            return Err(Error::NodePeer);
        }
        self.dial(&address, Dial::to(id))
    }

    /// One thing that the sessions have to do or to say: whether there was one.
    fn step_link(&mut self, transport: &mut dyn Transport) -> Result<bool> {
        if self.unsent.is_some() || !self.has_room() {
            return Ok(false);
        }
        let Some(output) = self.link.next(self.now, &mut self.frame)? else { return Ok(false) };
        match output {
            link::Output::Frame { to, len } => self.transmit(to, len, transport),
            link::Output::Connected { peer, tag } => self.connected_with(peer, tag)?,
            link::Output::Closed { peer, reason } => {
                if let Some(id) = self.peers.remove(peer) {
                    self.event(Event::Disconnected { id, reason });
                }
            }
            link::Output::Failed { tag, reason } => {
                if let Some((place, dial)) = self.peers.dial_with(tag) {
                    self.peers.end_dial(place);
                    self.not_joined(&dial, reason);
                }
            }
        }
        Ok(true)
    }

    fn not_joined(&mut self, dial: &Dial, reason: Reason) {
        if dial.seed != NO_SEED {
            self.event(Event::NotJoined { seed: dial.seed, reason });
        }
        self.stats.dropped += u64::from(dial.to != NOBODY);
    }

    fn connected_with(&mut self, peer: PeerId, tag: u64) -> Result<()> {
        let called = self.peers.dial_with(tag).map(|(_, dial)| dial);
        let Some(id) = self.enter(peer) else {
            if let Some((place, dial)) = self.peers.dial_with(tag) {
                self.peers.end_dial(place);
                self.not_joined(&dial, Reason::Untrusted);
            }
            return Ok(());
        };
        // Who was called while there was a session already is told of once.
        let told = self.peers.set_told(id);
        if !told || called.is_none() {
            self.event(Event::Connected { id });
        }
        self.stats.dropped += self.peers.set_ready(id);
        if called.is_some_and(|dial| dial.seed != NO_SEED) {
            self.membership.join(id, self.now)?;
        }
        // It was for whoever answers, or somebody else answers there than was called.
        if let Some((place, dial)) = self.peers.dial_with(tag).filter(|(_, dial)| dial.to != id) {
            self.peers.end_dial(place);
            self.stats.dropped += u64::from(dial.to != NOBODY);
        }
        Ok(())
    }

    /// One message that has waited for a session: whether there was one.
    fn step_waiting(&mut self, transport: &mut dyn Transport) -> Result<bool> {
        if self.unsent.is_some() {
            return Ok(false);
        }
        let Some((to, len)) = self.peers.next_waiting(&mut self.text) else { return Ok(false) };
        self.say(to, len, transport)?;
        Ok(true)
    }

    /// One thing that the membership has to say: whether there was one.
    fn step_membership(
        &mut self,
        transport: &mut dyn Transport,
        parts: &mut [&mut dyn Part],
    ) -> Result<bool> {
        if self.unsent.is_some() || !self.has_room() {
            return Ok(false);
        }
        let Some((head, body)) = self.text.split_first_mut() else { return Ok(false) };
        let Some(output) = self.membership.next(body)? else { return Ok(false) };
        match output {
            Output::Message { to, len } => {
                *head = channel::MEMBERS;
                self.say(to, 1 + len, transport)?;
            }
            Output::Changed { id, change } => {
                for part in parts {
                    part.changed(id, change);
                }
                match (change, self.peers.find(id)) {
                    (Change::Left, Some(peer)) => self.end_session(peer),
                    // The one of two that calls, if there is room: so there is a session before it is needed.
                    (Change::Joined, None) if self.id() < id && self.may_call_ahead() => {
                        let _ = self.call(id);
                    }
                    _ => {}
                }
                self.event(Event::Member { id, change });
            }
            Output::Joined { with } => self.event(Event::Joined { with }),
            // It is called again while nobody is there, and then by another session: nothing has come of this one.
            Output::Unanswered { with } => {
                if let Some(peer) = self.peers.find(with).filter(|_| self.is_alone()) {
                    self.end_session(peer);
                }
            }
        }
        Ok(true)
    }

    /// One message of a part: whether there was one.
    fn step_part(&mut self, part: &mut dyn Part, transport: &mut dyn Transport) -> Result<bool> {
        if self.unsent.is_some() || self.left {
            return Ok(false);
        }
        let (now, wall_ms) = (self.now, self.wall_ms());
        let view = View { now, wall_ms, membership: &self.membership };
        let Some((head, body)) = self.text.split_first_mut() else { return Ok(false) };
        let Some((to, len)) = part.next(&view, body)? else { return Ok(false) };
        *head = part.channel();
        self.say(to, 1 + len, transport)?;
        Ok(true)
    }

    /// Whether a session is begun before it is needed: not if those that are needed would have no room.
    fn may_call_ahead(&self) -> bool {
        !self.leaving && !self.peers.is_full() && self.peers.has_free_dials()
    }

    /// Tells of quarantines, as far as there is room.
    fn tell_quarantines(&mut self) {
        while self.has_room()
            && let Some(id) = self.suspects.next_untold()
        {
            self.event(Event::Quarantined { id });
        }
    }

    /// This member has left when enough others know: then it ends its sessions, and says so when nothing is left to be
    /// sent.
    fn step_leaving(&mut self, idle: bool) {
        if !self.leaving || self.left || !self.has_room() || !self.membership.has_left() {
            return;
        }
        let first = self.peers.all().next();
        if let Some((_, peer)) = first {
            self.end_session(peer);
        } else if idle && self.unsent.is_none() {
            self.left = true;
            self.event(Event::Left);
        }
    }
}
