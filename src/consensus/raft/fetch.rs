//! Entries that have left memory and are needed again: from storage, for a follower that is
//! behind or for the application after a restart.

use super::log::{hollow, put};
use super::message::What;
use super::types::{EntryKind, EntryRef, Fetch, ProgressState, Role};
use super::{NodeId, Raft};
use crate::error::{Error, Result};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    /// Storage has to be asked.
    Wanted,
    /// It was asked.
    Asked,
}

/// What is being fetched, one batch at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Job {
    /// For whom; 0: nothing is.
    pub to: u64,
    phase: Phase,
    /// The entry before the batch, and its term; 0 until that is known.
    previous: u64,
    previous_term: u64,
    /// Entries that are there, and their bytes in the staging.
    pub count: u64,
    len: usize,
    term: u64,
    /// The application has taken so many of the bytes.
    taken: usize,
    /// When to give it up.
    pub until: u64,
}

impl Job {
    fn is_known(&self) -> bool {
        self.previous_term != 0 || self.previous == 0
    }
}

impl Raft<'_> {
    fn want(&mut self, to: u64, previous: u64) {
        let until = self.now.saturating_add(self.config.election_us);
        // Storage may have forgotten what the snapshot stands for, that entry included.
        let previous_term = match self.snapshot {
            (index, term) if index == previous => term,
            _ => self.log.term(previous).unwrap_or(0),
        };
        self.job =
            Job { to, phase: Phase::Wanted, previous, previous_term, until, ..Job::default() };
    }

    /// Entries that are wanted from storage, if any are: answered by [`fetched`](Raft::fetched) or
    /// [`fetch_failed`](Raft::fetch_failed), at once or later.
    pub fn next_fetch(&mut self) -> Option<Fetch> {
        if self.halted || !self.started || self.config.chunk == 0 || self.has_chunk() {
            return None;
        }
        let own = self.config.id.0;
        let next = self.given + 1;
        // The application goes before others.
        let settled = self.install == super::Install::None;
        if settled && next < self.log.first() && self.job.to != own && next <= self.commit {
            self.want(own, self.given);
        }
        if self.job.phase != Phase::Wanted {
            return None;
        }
        self.job.phase = Phase::Asked;
        let known = self.job.to == own || self.job.is_known();
        let first = self.job.previous + u64::from(known);
        Some(Fetch { to: NodeId(self.job.to), first, last: self.log.first() - 1 })
    }

    /// An entry that was asked for.
    ///
    /// # Errors
    /// [`Error::Capacity`] if there is enough for now: the rest is asked for again.
    /// [`Error::RaftState`] if it was not asked for, [`Error::RaftFormat`] if it cannot be.
    pub fn fetched(&mut self, entry: EntryRef<'_>) -> Result<()> {
        if self.job.phase != Phase::Asked {
            return Err(if self.job.to == 0 { Error::Capacity } else { Error::RaftState });
        }
        if !self.job.is_known() && entry.index == self.job.previous {
            self.job.previous_term = entry.term;
            return Ok(());
        }
        let expected = self.job.previous + self.job.count + 1;
        if entry.index != expected || entry.index >= self.log.first() {
            return Err(Error::RaftState);
        }
        if entry.data.len() > self.config.longest() {
            return Err(Error::RaftFormat);
        }
        if self.job.count > 0 && entry.term != self.job.term {
            return Err(Error::Capacity);
        }
        let for_witness = self.job.to != self.config.id.0 && self.members.is_witness(self.job.to);
        let (kind, data) =
            if for_witness { hollow(entry.kind, entry.data) } else { (entry.kind, entry.data) };
        let place = self.staging.get_mut(self.job.len..).ok_or(Error::Capacity)?;
        let len = put(place, kind, [data, &[]]).ok_or(Error::Capacity)?;
        self.job.term = entry.term;
        (self.job.count, self.job.len) = (self.job.count + 1, self.job.len + len);
        Ok(())
    }

    /// Storage does not have the entries from `index` on. A follower gets a snapshot instead; the application
    /// cannot go on without them, and the node halts.
    pub fn fetch_failed(&mut self, index: u64) {
        let _ = index;
        if self.job.phase != Phase::Asked {
            return;
        }
        let to = self.job.to;
        self.job = super::Job::default();
        if to == self.config.id.0 {
            self.halted = true;
        } else if let Some(at) = self.members.find(to) {
            self.edit(at, |peer| peer.fetch_failed = true);
        }
    }

    /// What was asked for does not come.
    pub(super) fn expire_fetch(&mut self) {
        let given = self.is_me(self.job.to) && self.job.count > 0;
        if self.job.to != 0 && !given && self.now >= self.job.until {
            self.job = Job::default();
        }
    }

    /// A message with entries that are no longer in memory; 0 if they are not there yet, or never
    /// will be.
    pub(super) fn older_entries(&mut self, at: usize, buffer: &mut [u8]) -> Result<usize> {
        let Some(mut peer) = self.peers.get(at).copied() else { return Ok(0) };
        let previous = peer.next - 1;
        let ready = self.job.to == peer.id && self.job.previous == previous;
        if ready && self.job.is_known() && self.job.count > 0 {
            let job = core::mem::take(&mut self.job);
            let what = What::Append;
            let bytes = self.staging.get(..job.len).unwrap_or_default();
            let place =
                buffer.get_mut(what.len()..what.len() + job.len).ok_or(Error::BufferTooSmall)?;
            place.copy_from_slice(bytes);
            peer.sent = peer.sent.wrapping_add(1);
            let numbers = [peer.pass(), previous, job.previous_term, self.commit, job.term];
            match peer.state {
                ProgressState::Probe => peer.paused = true,
                _ => peer.next = previous + job.count + 1,
            }
            self.edit(at, |place| *place = peer);
            let head = self.message(what, 0, peer.id, self.term, numbers);
            return Ok(head.encode(buffer)? + job.len);
        }
        if peer.next > self.snapshot.0 && self.config.chunk > 0 && !peer.fetch_failed {
            if self.job.to == 0 || (self.job.to == peer.id && !ready) {
                self.want(peer.id, previous);
            }
        } else if self.snapshot.0 >= peer.next
            || (peer.fetch_failed && self.snapshot.0 > peer.matched)
        {
            self.begin_snapshot(at);
            return self.empty_snapshot(at, buffer);
        } else if self.role == Role::Leader {
            // There is nothing to send until the application has made a snapshot.
            self.edit(at, |peer| {
                peer.probe(peer.next);
                (peer.paused, peer.fetch_failed) = (true, false);
            });
        }
        Ok(0)
    }

    /// The next entry for the application that was fetched.
    pub(super) fn next_fetched(&mut self) -> Option<EntryRef<'_>> {
        let next = self.given + 1;
        let Job { to, previous, len, taken, term, .. } = self.job;
        // Each is given once, so those before are counted by their bytes.
        if to != self.config.id.0 || next <= previous || next >= self.log.first() {
            return None;
        }
        let bytes = self.staging.get(taken..len)?;
        let (kind, data) = super::log::head_of(bytes)?;
        let kind = EntryKind::from_code(kind)?;
        let end = super::log::HEAD + data;
        let data = bytes.get(super::log::HEAD..end)?;
        if taken + end == len {
            self.job = Job::default();
        } else {
            self.job.taken = taken + end;
        }
        self.given = next;
        Some(EntryRef { index: next, term, kind, data })
    }
}
