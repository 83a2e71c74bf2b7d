//! Snapshots (thesis, 5): what the application has made takes the place of entries, and goes to
//! followers in chunks that are asked for one by one. Heartbeats go on beside them.

use super::members::Members;
use super::message::{META, Message, What, YES, meta, split_meta};
use super::outbox::Small;
use super::progress::{PATIENCE, TRIES};
use super::sessions::Sessions;
use super::types::{ChunkWanted, EntryKind, ProgressState, Role, SnapshotWrite};
use super::{Install, NodeId, Raft};
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
    /// [`Error::Invalid`] if that is not applied yet, not newer than the last snapshot, or so long ago that its term is
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
        let mut left = false;
        let mut at = index.min(self.log.last());
        while at >= self.log.first() {
            match self.log.kind(at) {
                Some(EntryKind::Leave) => left = true,
                Some(EntryKind::Members) => {
                    self.other.decode(self.log.entry(at)?.data, at).ok()?;
                    return self.other.encode(&mut self.scratch, left);
                }
                _ => {}
            }
            at -= 1;
        }
        self.base.encode(&mut self.scratch, left)
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
        let len = self.snapshot_message(at, (of.offset, total), bytes, buffer)?;
        Ok((of.to, len))
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
    pub(super) fn empty_snapshot(&mut self, at: usize, buffer: &mut [u8]) -> Result<usize> {
        let Some(peer) = self.peers.get(at) else { return Ok(0) };
        if !peer.chunk || !self.members.is_witness(peer.id) {
            return Ok(0);
        }
        self.edit(at, |peer| peer.chunk = false);
        self.snapshot_message(at, (0, 0), &[], buffer)
    }

    fn snapshot_message(
        &mut self,
        at: usize,
        (offset, total): (u64, u64),
        bytes: &[u8],
        buffer: &mut [u8],
    ) -> Result<usize> {
        let Some(peer) = self.peers.get(at).copied() else { return Err(Error::RaftState) };
        let buffer = buffer.get_mut(..self.config.message).ok_or(Error::BufferTooSmall)?;
        let term = match peer.snapshot == self.snapshot.0 {
            true => Some(self.snapshot.1),
            false => self.log.term(peer.snapshot),
        };
        let Some(term) = term else {
            self.begin_snapshot(at);
            return Err(Error::RaftState);
        };
        let numbers = [peer.pass(), peer.snapshot, term, offset, total];
        let message = self.message(What::Snapshot, 0, peer.id, self.term, numbers);
        let mut len = message.encode(buffer)?;
        if offset == 0 {
            let members = self.members_at(self.commit).ok_or(Error::RaftState)?;
            let place = buffer.get_mut(len + META..).ok_or(Error::BufferTooSmall)?;
            let (front, rest) = place.split_at_mut_checked(members).ok_or(Error::BufferTooSmall)?;
            front.copy_from_slice(self.scratch.get(..members).unwrap_or_default());
            // What is newer than the snapshot does no harm: `sessions` says why.
            let sessions = self.sessions.encode(rest).ok_or(Error::BufferTooSmall)?;
            if let Some(place) = buffer.get_mut(len..len + META) {
                place.copy_from_slice(&meta(members, sessions));
            }
            len += META + members + sessions;
        }
        let place = buffer.get_mut(len..len + bytes.len()).ok_or(Error::BufferTooSmall)?;
        place.copy_from_slice(bytes);
        Ok(len + bytes.len())
    }

    /// Time for chunks that were not answered: only to those who are there at all.
    pub(super) fn chunks_again(&mut self) {
        let since = self.now.saturating_sub(self.config.election_us);
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
        let Some((at, _)) = self.answering(message)? else { return Ok(()) };
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
        if !self.hear_leader(message)? {
            return Ok(());
        }
        self.pass = pass;
        if index <= self.commit || self.log.term(index) == Some(term) {
            // It is all here.
            self.verified = self.verified.max(index);
            self.commit_to(index);
            if self.log.stable() >= index && self.install == Install::None {
                self.answer_snapshot(index, 0, true);
            }
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
            self.other.decode(members, index)?;
            self.arriving.copy_from(&self.other);
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
        self.job = super::Job::default();
        self.incoming.len = bytes.len();
        self.incoming.chunk = Chunk::Here;
        if let Some(place) = self.staging.get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
        }
        if self.config.witness {
            self.install();
        }
        Ok(())
    }

    fn answer_snapshot(&mut self, index: u64, offset: u64, yes: bool) {
        let (to, what) = (self.leader, What::SnapshotReply);
        let flags = if yes { YES } else { 0 };
        self.outbox.push(Small { to, numbers: [self.pass, index, offset, 0], what, flags });
    }

    /// Bytes of a snapshot that have arrived and are to be written, and made durable.
    pub fn next_snapshot_write(&mut self) -> Option<SnapshotWrite<'_>> {
        if self.halted || self.incoming.chunk != Chunk::Here {
            return None;
        }
        self.incoming.chunk = Chunk::Taken;
        let Incoming { index, term, total, next, len, .. } = self.incoming;
        let bytes = self.staging.get(..len)?;
        Some(SnapshotWrite { index, term, offset: next, total, bytes })
    }

    /// The bytes that [`next_snapshot_write`](Raft::next_snapshot_write) gave for this index and offset are
    /// durable. With the last of them the snapshot takes the place of the log: a record says so, and then
    /// [`next_committed`](Raft::next_committed).
    ///
    /// # Errors
    /// [`Error::RaftState`] if that snapshot does not arrive any more: what was written is to be forgotten.
    pub fn snapshot_written(&mut self, index: u64, offset: u64, now_us: u64) -> Result<()> {
        self.at(now_us)?;
        let incoming = &mut self.incoming;
        let asked = incoming.chunk == Chunk::Taken;
        if !asked || incoming.index != index || incoming.next != offset {
            return Err(Error::RaftState);
        }
        incoming.next += incoming.len as u64;
        incoming.chunk = Chunk::None;
        let (next, total) = (incoming.next, incoming.total);
        if next < total {
            self.answer_snapshot(index, next, false);
        } else if index > self.commit {
            self.install();
        } else {
            self.drop_incoming();
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
