//! A leader's side of replication (thesis, 3.5 and 10.2): batches that follow each other without
//! waiting, for each member at its own pace.

use super::log::Batch;
use super::message::{Message, NO, QUIET, What};
use super::progress::Progress;
use super::types::{EntryKind, ProgressState, Role};
use super::{Raft, mutation, parts};
use crate::error::{Error, Result};

impl Raft<'_> {
    /// Appends an entry of this term, as leader.
    pub(super) fn append(&mut self, kind: EntryKind, parts: [&[u8]; 2]) -> Result<()> {
        self.push(self.term, kind, parts)?;
        if matches!(kind, EntryKind::Members | EntryKind::Leave) {
            self.peers.follow(&self.members, self.log.last(), self.now);
        }
        Ok(())
    }

    /// The next message of a leader to its followers, each in turn.
    pub(super) fn leader_message(&mut self, buffer: &mut [u8]) -> usize {
        let count = self.members.rows().len();
        for _ in 0..count {
            let at = if self.cursor < count { self.cursor } else { 0 };
            self.cursor = at + 1;
            let len = self.message_to(at, buffer);
            if len > 0 {
                return len;
            }
        }
        0
    }

    fn message_to(&mut self, at: usize, buffer: &mut [u8]) -> usize {
        let Some(peer) = self.peers.get(at) else { return 0 };
        if self.is_me(peer.id) || peer.id == 0 {
            return 0;
        }
        let (commit, last) = (self.commit, self.log.last());
        let room = peer.in_flight() < self.config.inflight as u32;
        match peer.state {
            _ if peer.heartbeat => self.heartbeat(at, 0, buffer),
            _ if parts::TRANSFER && peer.timeout => {
                let to = peer.id;
                self.edit(at, |peer| peer.timeout = false);
                self.write(buffer, (What::Timeout, 0), to, &[])
            }
            ProgressState::Snapshot => self.empty_snapshot(at, buffer),
            ProgressState::Probe if !peer.paused => self.entries(at, buffer),
            ProgressState::Replicate if room && peer.next <= last => self.entries(at, buffer),
            ProgressState::Replicate if peer.told < commit && peer.next > last => {
                self.heartbeat(at, QUIET, buffer)
            }
            _ => 0,
        }
    }

    pub(super) fn edit(&mut self, at: usize, edit: impl FnOnce(&mut Progress)) {
        if let Some(peer) = self.peers.get_mut(at) {
            edit(peer);
        }
    }

    fn heartbeat(&mut self, at: usize, flags: u8, buffer: &mut [u8]) -> usize {
        let Some(peer) = self.peers.get_mut(at) else { return 0 };
        peer.told = self.commit;
        if flags == 0 {
            peer.heartbeat = false;
            self.round_used = true;
        }
        let numbers = [peer.pass(), peer.matched, self.commit, self.round, self.now];
        let to = peer.id;
        self.write(buffer, (What::Heartbeat, flags), to, &numbers)
    }

    /// A message with entries, or in a probe with none; 0 if they have to come from elsewhere first.
    fn entries(&mut self, at: usize, buffer: &mut [u8]) -> usize {
        let Some(peer) = self.peers.get(at) else { return 0 };
        if peer.next < self.log.first() {
            return self.older_entries(at, buffer);
        }
        let (next, end) = (peer.next, self.batch_end(peer.batch));
        let Some(previous_term) = self.log.term(next - 1) else { return 0 };
        let Some(place) = buffer.get_mut(What::Append.len()..end) else { return 0 };
        let batch = match self.members.is_witness(peer.id) {
            true => self.log.copy_hollow(next, place),
            false => self.log.copy(next, place),
        };
        let batch = batch.unwrap_or(Batch { last: next - 1, len: 0, term: 0 });
        self.append_message(at, (next - 1, previous_term), batch, buffer)
    }

    /// The head of a message with entries, which are in the buffer; the length of both.
    pub(super) fn append_message(
        &mut self,
        at: usize,
        (previous, previous_term): (u64, u64),
        batch: Batch,
        buffer: &mut [u8],
    ) -> usize {
        let Some(peer) = self.peers.get_mut(at) else { return 0 };
        peer.sent = peer.sent.wrapping_add(1);
        peer.told = self.commit;
        match peer.state {
            // Where it goes on is known from the answer.
            ProgressState::Probe => peer.paused = true,
            _ => peer.next = batch.last + 1,
        }
        let numbers = [peer.pass(), previous, previous_term, self.commit, batch.term];
        let to = peer.id;
        self.write(buffer, (What::Append, 0), to, &numbers) + batch.len
    }

    /// An answer's sender, if it is a member that this leader knows by this pass.
    pub(super) fn answering(&mut self, message: &Message<'_>) -> Option<(usize, u32)> {
        if self.role != Role::Leader || message.term != self.term {
            return None;
        }
        let at = self.members.find(message.from)?;
        let peer = self.peers.get_mut(at)?;
        let number = peer.knows(message.numbers[0])?;
        peer.heard = self.now;
        Some((at, number))
    }

    pub(super) fn on_append_reply(&mut self, message: &Message<'_>) -> Result<()> {
        let [_, matched, received, hint_term, _] = message.numbers;
        if message.flags & NO == 0
            && matched.max(received) > self.log.last()
            && message.term == self.term
        {
            return if self.role == Role::Leader { Err(Error::RaftFormat) } else { Ok(()) };
        }
        let Some((at, number)) = self.answering(message) else { return Ok(()) };
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
            if self.transferee() == message.from {
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
        let Some((at, number)) = self.answering(message) else { return Ok(()) };
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
        let reached = self.reached(self.commit, stable, &|peer| peer.matched);
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
