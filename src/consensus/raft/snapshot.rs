//! Snapshots (thesis, 5): what the application has made takes the place of entries, and goes to
//! followers in chunks that are asked for one by one. Heartbeats go on beside them.

use super::members::Members;
use super::message::{META, Message, What, YES, meta, split_meta};
use super::outbox::Small;
use super::progress::{PATIENCE, TRIES};
use super::sessions::Sessions;
use super::types::{ChunkWanted, ProgressState, Role, SnapshotWrite};
use super::{Install, NodeId, Raft, parts};
use crate::error::{Error, Result};

/// A snapshot that is arriving.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Incoming {
    /// Index and term; 0 if none is.
    pub index: u64,
    pub term: u64,
    total: u64,
    /// What is written, or will be when the chunk here is.
    next: u64,
    session: u32,
    /// Bytes of the chunk in the staging.
    len: usize,
    chunk: Chunk,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Chunk {
    #[default]
    None,
    /// To be written.
    Here,
    /// Being written.
    Taken,
}

impl Raft<'_> {
    /// The application has a durable snapshot of its state after entry `index`: entries up to
    /// there may be forgotten, here and, after the record that this makes, in storage.
    ///
    /// # Errors
    /// [`Error::RaftState`] before the start, and as long as a snapshot has to be taken first;
    /// [`Error::RaftHalted`]; [`Error::Invalid`] if that is not applied yet, not newer than the last snapshot, or so long ago that its term is
    /// forgotten (three changes of leader).
    pub fn compact(&mut self, index: u64) -> Result<()> {
        if self.halted {
            return Err(Error::RaftHalted);
        }
        if !self.started || self.install != Install::None {
            return Err(Error::RaftState);
        }
        let old = index <= self.snapshot.0 || index > self.applied;
        let term = self.log.term(index).filter(|_| !old).ok_or(Error::Invalid)?;
        self.snapshot = (index, term);
        self.snapshot_dirty = true;
        Ok(())
    }

    /// The membership as it was at an index, or later if that is too long ago (what is committed
    /// later holds as well), in the scratch; its length.
    pub(super) fn members_at(&mut self, index: u64) -> Option<usize> {
        self.look_up_members(index);
        self.other.encode(&mut self.scratch)
    }

    /// A member needs a snapshot.
    pub(super) fn begin_snapshot(&mut self, at: usize) {
        let index = self.snapshot.0;
        self.edit(at, |peer| {
            peer.state = ProgressState::Snapshot;
            (peer.snapshot, peer.offset, peer.chunk, peer.tries) = (index, 0, true, 0);
        });
    }

    /// Bytes of a snapshot that a follower needs, if any does: answered by [`chunk`](Raft::chunk) or
    /// [`chunk_failed`](Raft::chunk_failed), at once or later. What gets lost is asked for again.
    pub fn next_chunk(&mut self) -> Option<ChunkWanted> {
        if self.halted || self.role != Role::Leader || self.config.chunk == 0 {
            return None;
        }
        let members = &self.members;
        let peer = self.peers.iter_mut().find(|peer| {
            peer.state == ProgressState::Snapshot && peer.chunk && !members.is_witness(peer.id)
        })?;
        peer.chunk = false;
        Some(ChunkWanted {
            to: NodeId(peer.id),
            index: peer.snapshot,
            offset: peer.offset,
            len: self.config.chunk,
            session: peer.session,
        })
    }

    /// A wanted chunk as a message to be sent, in `buffer`: to whom, and its length. `total`: bytes of the
    /// whole snapshot.
    ///
    /// # Errors
    /// [`Error::RaftState`] if nobody needs it any more; [`Error::Length`] if the bytes are not those
    /// that were asked for; [`Error::BufferTooSmall`] for a buffer shorter than
    /// [`message`](super::RaftConfig::message).
    pub fn chunk(
        &mut self,
        of: ChunkWanted,
        total: u64,
        bytes: &[u8],
        buffer: &mut [u8],
    ) -> Result<(NodeId, usize)> {
        let at = self.chunk_of(&of).ok_or(Error::RaftState)?;
        let end = of.offset.checked_add(bytes.len() as u64).ok_or(Error::Length)?;
        let whole = bytes.len() == of.len.min(self.config.chunk);
        if end > total || bytes.len() > self.config.chunk || (!whole && end != total) {
            return Err(Error::Length);
        }
        if buffer.len() < self.config.message {
            return Err(Error::BufferTooSmall);
        }
        match self.snapshot_message(at, (of.offset, total), bytes, buffer) {
            // It begins anew with a newer one.
            0 => Err(Error::RaftState),
            len => Ok((of.to, len)),
        }
    }

    /// The application does not have that snapshot any more: all begins again with the newest.
    pub fn chunk_failed(&mut self, of: ChunkWanted) {
        if let Some(at) = self.chunk_of(&of) {
            self.begin_snapshot(at);
        }
    }

    fn chunk_of(&self, of: &ChunkWanted) -> Option<usize> {
        let at =
            self.members.find(of.to.0).filter(|_| self.role == Role::Leader && !self.halted)?;
        let peer = self.peers.get(at)?;
        let same =
            peer.session == of.session && (peer.snapshot, peer.offset) == (of.index, of.offset);
        (same && peer.state == ProgressState::Snapshot).then_some(at)
    }

    /// The snapshot of a witness: it needs no bytes.
    pub(super) fn empty_snapshot(&mut self, at: usize, buffer: &mut [u8]) -> usize {
        let Some(peer) = self.peers.get_mut(at) else { return 0 };
        if !peer.chunk || !self.members.is_witness(peer.id) {
            return 0;
        }
        peer.chunk = false;
        self.snapshot_message(at, (0, 0), &[], buffer)
    }

    /// A chunk; 0 if that snapshot cannot be sent any more.
    fn snapshot_message(
        &mut self,
        at: usize,
        (offset, total): (u64, u64),
        bytes: &[u8],
        buffer: &mut [u8],
    ) -> usize {
        let Some(peer) = self.peers.get(at) else { return 0 };
        let (to, pass, index) = (peer.id, peer.pass(), peer.snapshot);
        let term = match self.snapshot {
            (newest, term) if newest == index => Some(term),
            _ => self.log.term(index),
        };
        let Some(term) = term else {
            self.begin_snapshot(at);
            return 0;
        };
        let numbers = [pass, index, term, offset, total];
        let mut len = self.write(buffer, (What::Snapshot, 0), to, &numbers);
        if offset == 0 {
            len = self.put_meta(len, buffer).unwrap_or(0);
        }
        match buffer.get_mut(len..len + bytes.len()) {
            Some(place) if len > 0 => place.copy_from_slice(bytes),
            _ => return 0,
        }
        len + bytes.len()
    }

    /// Writes what goes before the first chunk; where it ends.
    fn put_meta(&mut self, len: usize, buffer: &mut [u8]) -> Option<usize> {
        let members = self.members_at(self.commit)?;
        let (head, rest) = buffer.get_mut(len..)?.split_at_mut_checked(META)?;
        let (place, rest) = rest.split_at_mut_checked(members)?;
        place.copy_from_slice(self.scratch.get(..members)?);
        // What is newer than the snapshot does no harm: `sessions` says why.
        let sessions = self.sessions.encode(rest)?;
        head.copy_from_slice(&meta(members, sessions));
        Some(len + META + members + sessions)
    }

    /// Time for chunks that were not answered: only to those who are there at all.
    pub(super) fn chunks_again(&mut self) {
        let since = self.now.saturating_sub(self.timeouts.patience_us);
        let newest = self.snapshot.0;
        for peer in self.peers.iter_mut().filter(|peer| peer.state == ProgressState::Snapshot) {
            if peer.heard < since {
                continue;
            }
            peer.tries = peer.tries.saturating_add(1);
            peer.chunk |= peer.tries.is_multiple_of(PATIENCE);
            if peer.tries > TRIES {
                // It may need something else by now.
                (peer.offset, peer.snapshot, peer.tries) = (0, newest, 0);
                peer.probe(peer.matched + 1);
                peer.paused = true;
            }
        }
    }

    pub(super) fn on_snapshot_reply(&mut self, message: &Message<'_>) -> Result<()> {
        let [_, index, offset, ..] = message.numbers;
        let Some((at, _)) = self.answering(message) else { return Ok(()) };
        let Some(peer) = self.peers.get_mut(at) else { return Ok(()) };
        if peer.state != ProgressState::Snapshot || peer.snapshot != index {
            return Ok(());
        }
        if message.flags & YES != 0 {
            peer.matched = peer.matched.max(index);
            peer.probe(index + 1);
            return self.find_commit();
        }
        if offset != peer.offset {
            (peer.offset, peer.tries) = (offset, 0);
            peer.chunk = true;
        }
        Ok(())
    }

    /// Whether a chunk has the staging.
    pub(super) fn has_chunk(&self) -> bool {
        self.incoming.chunk != Chunk::None
    }

    /// What was arriving does so no more.
    pub(super) fn drop_incoming(&mut self) {
        self.incoming = Incoming::default();
    }

    /// A chunk arrives.
    pub(super) fn on_snapshot(&mut self, message: &Message<'_>) -> Result<()> {
        let [pass, index, term, offset, total] = message.numbers;
        let split = split_meta(message.tail).ok_or(Error::RaftFormat);
        let (members, sessions, bytes) =
            if offset == 0 { split? } else { (&[][..], &[][..], message.tail) };
        let end = offset + bytes.len() as u64;
        if index == 0
            || term == 0
            || term > message.term
            || end > total
            || (bytes.is_empty() && offset < total)
        {
            return Err(Error::RaftFormat);
        }
        if offset == 0 {
            Members::check(members, self.config.peers)?;
            Sessions::check_bytes(sessions)?;
        }
        if bytes.len() > self.staging.len() {
            return Err(Error::Capacity);
        }
        if !self.may_speak(message)? {
            return Ok(());
        }
        let former = self.is_former(message);
        self.hear_leader(message);
        if former {
            return Ok(());
        }
        self.pass = pass;
        // A newer one has to wait until the one before is the application's state.
        if self.holds(index, term) || self.install != Install::None {
            return Ok(());
        }
        let session = (pass >> 32) as u32;
        let incoming = &mut self.incoming;
        let other = incoming.index != index || incoming.term != term || incoming.session != session;
        if other || incoming.total != total {
            if offset != 0 {
                self.answer_snapshot(index, 0, false);
                return Ok(());
            }
            self.arriving.decode(members, index)?;
            self.sessions.join(sessions);
            self.incoming = Incoming { index, term, total, session, ..Incoming::default() };
        }
        if self.incoming.chunk != Chunk::None {
            // The one before is not written yet: this comes again.
            return Ok(());
        }
        if offset != self.incoming.next {
            self.answer_snapshot(index, self.incoming.next, false);
            return Ok(());
        }
        // Whatever was fetched for the application is in the way, and of no use soon.
        if parts::FETCH {
            self.job = super::Job::default();
        }
        self.incoming.len = bytes.len();
        self.incoming.chunk = Chunk::Here;
        if let Some(place) = self.staging.get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
        }
        if self.is_witness() {
            self.install();
        }
        Ok(())
    }

    /// Whether everything that a snapshot stands for is here: then it is committed, and the log stays as it is.
    fn holds(&mut self, index: u64, term: u64) -> bool {
        if index > self.commit && self.log.term(index) != Some(term) {
            return false;
        }
        self.verified = self.verified.max(index);
        self.commit_to(index);
        if self.log.stable() >= index && self.install == Install::None {
            self.answer_snapshot(index, 0, true);
        }
        true
    }

    fn answer_snapshot(&mut self, index: u64, offset: u64, yes: bool) {
        let (to, what) = (self.leader, What::SnapshotReply);
        let flags = if yes { YES } else { 0 };
        self.outbox.push(Small { to, numbers: [self.pass, index, offset, 0], what, flags });
    }

    /// Bytes of a snapshot that have arrived and are to be written, and made durable: of several, in their
    /// order.
    pub fn next_snapshot_write(&mut self) -> Option<SnapshotWrite<'_>> {
        if self.halted || self.incoming.chunk != Chunk::Here {
            return None;
        }
        self.incoming.chunk = Chunk::Taken;
        self.writes += 1;
        let Incoming { index, term, total, next, len, .. } = self.incoming;
        let bytes = self.staging.get(..len)?;
        Some(SnapshotWrite { number: self.writes, index, term, offset: next, total, bytes })
    }

    /// The bytes that [`next_snapshot_write`](Raft::next_snapshot_write) gave under this number are durable; at
    /// once or later. With the last of them the snapshot takes the place of the log: a record says so, and then
    /// [`next_committed`](Raft::next_committed).
    ///
    /// # Errors
    /// [`Error::RaftState`] if that snapshot does not arrive any more, or came anew since: what was written
    /// under this number is to be forgotten.
    pub fn snapshot_written(&mut self, number: u64, now_us: u64) -> Result<()> {
        self.at(now_us)?;
        let incoming = &mut self.incoming;
        if incoming.chunk != Chunk::Taken || number != self.writes {
            return Err(Error::RaftState);
        }
        incoming.next += incoming.len as u64;
        incoming.chunk = Chunk::None;
        let Incoming { index, term, next, total, .. } = *incoming;
        if next < total {
            self.answer_snapshot(index, next, false);
        } else if self.holds(index, term) {
            // Entries came while it was written.
            self.drop_incoming();
        } else {
            self.install();
        }
        Ok(())
    }

    fn install(&mut self) {
        let Incoming { index, term, .. } = self.incoming;
        self.drop_incoming();
        self.members.copy_from(&self.arriving);
        self.base.copy_from(&self.arriving);
        self.log.reset(index, term);
        self.changed.members = true;
        (self.snapshot, self.snapshot_dirty) = ((index, term), true);
        (self.commit, self.verified) = (index, index);
        self.commit_told = index;
        self.commit_durable = index;
        self.install = Install::Record;
    }

    /// The record of the snapshot is durable.
    pub(super) fn installed(&mut self) {
        self.install = Install::Give;
        if self.role == Role::Follower && self.leader != 0 && self.pass != 0 {
            self.answer_snapshot(self.snapshot.0, 0, true);
        }
    }
}
