//! A leader's side of replication (thesis, 3.5 and 10.2): batches that follow each other without
//! waiting, for each member at its own pace.

use super::message::{Message, NO, QUIET, What};
use super::progress::Progress;
use super::types::{EntryKind, ProgressState, Role};
use super::{NodeId, Raft, mutation};
use crate::error::{Error, Result};

impl Raft<'_> {
    /// Appends an entry of this term, as leader.
    pub(super) fn append(&mut self, kind: EntryKind, parts: [&[u8]; 2]) -> Result<u64> {
        let index = self.push(self.term, kind, parts)?;
        if matches!(kind, EntryKind::Members | EntryKind::Leave) {
            self.peers.follow(&self.members, self.log.last(), self.now);
        }
        Ok(index)
    }

    /// The next message of a leader to its followers, each in turn.
    pub(super) fn leader_message(&mut self, buffer: &mut [u8]) -> Result<Option<(NodeId, usize)>> {
        let count = self.members.rows().len();
        for _ in 0..count {
            let at = if self.cursor < count { self.cursor } else { 0 };
            self.cursor = at + 1;
            if let Some(sent) = self.message_to(at, buffer)? {
                return Ok(Some(sent));
            }
        }
        Ok(None)
    }

    fn message_to(&mut self, at: usize, buffer: &mut [u8]) -> Result<Option<(NodeId, usize)>> {
        let Some(peer) = self.peers.get(at).copied() else { return Ok(None) };
        if peer.id == self.config.id.0 || peer.id == 0 {
            return Ok(None);
        }
        let (commit, last) = (self.commit, self.log.last());
        let in_order = peer.state == ProgressState::Replicate;
        let room = peer.in_flight() < self.config.inflight as u32;
        let behind = in_order && peer.told < commit;
        let len = match () {
            () if peer.heartbeat => self.heartbeat(at, 0, buffer)?,
            () if peer.timeout => {
                self.edit(at, |peer| peer.timeout = false);
                self.message(What::Timeout, 0, peer.id, self.term, [0; 5]).encode(buffer)?
            }
            () if peer.state == ProgressState::Snapshot => self.empty_snapshot(at, buffer)?,
            () if peer.state == ProgressState::Probe && !peer.paused => self.entries(at, buffer)?,
            () if in_order && room && peer.next <= last => self.entries(at, buffer)?,
            () if behind && peer.next > last => self.heartbeat(at, QUIET, buffer)?,
            () => 0,
        };
        Ok((len > 0).then_some((NodeId(peer.id), len)))
    }

    pub(super) fn edit(&mut self, at: usize, edit: impl FnOnce(&mut Progress)) {
        if let Some(peer) = self.peers.get_mut(at) {
            edit(peer);
        }
    }

    fn heartbeat(&mut self, at: usize, flags: u8, buffer: &mut [u8]) -> Result<usize> {
        let Some(peer) = self.peers.get_mut(at) else { return Ok(0) };
        peer.told = self.commit;
        if flags == 0 {
            peer.heartbeat = false;
            self.round_used = true;
        }
        let numbers = [peer.pass(), peer.matched, self.commit, self.round, self.now];
        let to = peer.id;
        self.message(What::Heartbeat, flags, to, self.term, numbers).encode(buffer)
    }

    /// A message with entries, or in a probe with none; 0 if they have to come from elsewhere first.
    fn entries(&mut self, at: usize, buffer: &mut [u8]) -> Result<usize> {
        let Some(mut peer) = self.peers.get(at).copied() else { return Ok(0) };
        let what = What::Append;
        let previous = peer.next - 1;
        if peer.next < self.log.first() {
            return self.older_entries(at, buffer);
        }
        let Some(previous_term) = self.log.term(previous) else { return Ok(0) };
        let place = buffer.get_mut(what.len()..self.config.message).ok_or(Error::BufferTooSmall)?;
        let batch = match self.members.is_witness(peer.id) {
            true => self.log.copy_hollow(peer.next, place),
            false => self.log.copy(peer.next, place),
        };
        let (len, term) = batch.as_ref().map_or((0, 0), |batch| (batch.len, batch.term));
        peer.sent = peer.sent.wrapping_add(1);
        let numbers = [peer.pass(), previous, previous_term, self.commit, term];
        peer.told = self.commit;
        match peer.state {
            // Where it goes on is known from the answer.
            ProgressState::Probe => peer.paused = true,
            _ => peer.next = batch.map_or(peer.next, |batch| batch.last + 1),
        }
        self.edit(at, |place| *place = peer);
        let head = self.message(what, 0, peer.id, self.term, numbers);
        Ok(head.encode(buffer)? + len)
    }

    /// An answer's sender, if it is a member that this leader knows by this pass.
    pub(super) fn answering(&mut self, message: &Message<'_>) -> Result<Option<(usize, u32)>> {
        if self.role != Role::Leader || message.term != self.term {
            return Ok(None);
        }
        let at = self.members.find(message.from).ok_or(Error::RaftPeer)?;
        let [pass, ..] = message.numbers;
        let Some(peer) = self.peers.get_mut(at) else { return Ok(None) };
        let Some(number) = peer.knows(pass) else { return Ok(None) };
        peer.heard = self.now;
        Ok(Some((at, number)))
    }

    pub(super) fn on_append_reply(&mut self, message: &Message<'_>) -> Result<()> {
        let [_, matched, received, hint_term, _] = message.numbers;
        if message.flags & NO == 0
            && matched.max(received) > self.log.last()
            && message.term == self.term
        {
            return if self.role == Role::Leader { Err(Error::RaftFormat) } else { Ok(()) };
        }
        let Some((at, number)) = self.answering(message)? else { return Ok(()) };
        if message.flags & NO != 0 {
            self.refused(at, number, (matched, received, hint_term));
            return Ok(());
        }
        let first = self.log.first();
        let Some(peer) = self.peers.get_mut(at) else { return Ok(()) };
        peer.answer(number);
        let advanced = matched > peer.matched;
        peer.matched = peer.matched.max(matched);
        match peer.state {
            ProgressState::Probe => {
                peer.state = ProgressState::Replicate;
                peer.next = received.max(peer.matched) + 1;
                (peer.paused, peer.fetch_failed) = (false, false);
            }
            ProgressState::Snapshot if peer.matched + 1 >= first => {
                peer.probe(0);
                peer.state = ProgressState::Replicate;
            }
            // It has not taken all of the last message: it is full. Later.
            ProgressState::Replicate if number == peer.sent && received + 1 < peer.next => {
                peer.probe(received + 1);
                peer.paused = true;
            }
            _ => peer.next = peer.next.max(peer.matched + 1),
        }
        if advanced {
            if matched > self.commit {
                self.find_commit()?;
            }
            if self.transferee == message.from {
                self.hand_over();
            }
        }
        Ok(())
    }

    /// The logs do not meet where was thought (thesis, 3.5: a term at a time).
    fn refused(&mut self, at: usize, number: u32, (previous, hint, hint_term): (u64, u64, u64)) {
        let Some(peer) = self.peers.get_mut(at) else { return };
        peer.answer(number);
        let old = match peer.state {
            // Of messages on their way behind one that was lost, the first answer counts.
            ProgressState::Replicate => previous <= peer.matched,
            ProgressState::Probe => previous + 1 != peer.next,
            ProgressState::Snapshot => true,
        };
        if old {
            return;
        }
        let meet = match self.log.first() {
            first if hint >= first => self.log.meet(hint, hint_term).0,
            _ => hint,
        };
        let before = peer.next;
        peer.probe(previous.min(meet + 1));
        // It refuses what it has acknowledged: asking faster would not help.
        peer.paused = before == peer.next;
    }

    pub(super) fn on_heartbeat_reply(&mut self, message: &Message<'_>) -> Result<()> {
        let [_, received, round, sent, _] = message.numbers;
        let Some((at, number)) = self.answering(message)? else { return Ok(()) };
        let (newest, now) = (self.round, self.now);
        let Some(peer) = self.peers.get_mut(at) else { return Ok(()) };
        peer.round = peer.round.max(round.min(newest));
        peer.lease = peer.lease.max(sent.min(now));
        peer.answer(number);
        // Everything sent before has been answered, or is lost.
        if number == peer.sent {
            match peer.state {
                ProgressState::Probe => peer.paused = false,
                ProgressState::Replicate if received + 1 < peer.next => peer.probe(received + 1),
                _ => {}
            }
        }
        self.confirm_reads();
        Ok(())
    }

    /// Commits what a majority has, if it is of this term (thesis, 3.6.2), and with it all before.
    pub(super) fn find_commit(&mut self) -> Result<()> {
        if self.role != Role::Leader {
            return Ok(());
        }
        // A leader counts itself when its own storage has it.
        let stable =
            if mutation::is("own-undurable") { self.log.last() } else { self.log.stable() };
        let reached = self.reached(stable, &|peer| peer.matched);
        let own_term = self.log.term(reached) == Some(self.term);
        if reached > self.commit && (own_term || mutation::is("commit-any-term")) {
            self.commit_to(reached);
            self.look_at_members()?;
            self.confirm_reads();
        }
        Ok(())
    }

    /// The membership, or what follows from it, may be committed.
    pub(super) fn look_at_members(&mut self) -> Result<()> {
        if self.role != Role::Leader || self.commit < self.members.index {
            return Ok(());
        }
        if self.members.is_joint() {
            // If there is no room now, there is when more is applied: tick() comes back.
            if self.commit >= self.own && self.make_room(0, 0) {
                self.append(EntryKind::Leave, [&[], &[]])?;
            }
        } else if !self.members.is_voter(self.config.id.0) {
            // It has led others to a membership without it (thesis, 4.2.2).
            self.become_follower(self.term, 0);
        }
        Ok(())
    }
}
