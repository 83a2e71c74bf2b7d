//! Entries that have left memory and are needed again: from storage, for a follower that is
//! behind or for the application after a restart.

use super::log::{Batch, hollow, put};
use super::message::What;
use super::types::{EntryKind, EntryRef, Fetch};
use super::{NodeId, Raft, parts};
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
        if !self.config.fetches() || self.halted || !self.started || self.has_chunk() {
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
        let (to, first) = (NodeId(self.job.to), self.first_wanted());
        Some(Fetch { to, first, last: self.log.first() - 1 })
    }

    /// The entry before a follower's first one comes, too, if its term is not known.
    fn first_wanted(&self) -> u64 {
        let known = self.is_me(self.job.to) || self.job.is_known();
        self.job.previous + u64::from(known)
    }

    /// An entry that was asked for.
    ///
    /// # Errors
    /// [`Error::Capacity`] if there is enough for now, or nothing is wanted any more: what is, is asked for
    /// again. [`Error::RaftState`] if it was not asked for, [`Error::RaftFormat`] if it cannot be,
    /// [`Error::Unsupported`] in a build without it.
    pub fn fetched(&mut self, entry: EntryRef<'_>) -> Result<()> {
        if !parts::FETCH {
            return Err(Error::Unsupported);
        }
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
        let for_witness = !self.is_me(self.job.to) && self.members.is_witness(self.job.to);
        let (kind, data) =
            if for_witness { hollow(entry.kind, entry.data) } else { (entry.kind, entry.data) };
        let place = self.staging.get_mut(self.job.len..).ok_or(Error::Capacity)?;
        let len = put(place, kind, [data, &[]]).ok_or(Error::Capacity)?;
        self.job.term = entry.term;
        (self.job.count, self.job.len) = (self.job.count + 1, self.job.len + len);
        Ok(())
    }

    /// Storage does not have the entries from `index` on. A follower gets a snapshot instead; the application
    /// cannot go on without them, and the node halts. Of an entry that is not wanted (any more) nothing follows.
    pub fn fetch_failed(&mut self, index: u64) {
        let Job { to, phase, .. } = self.job;
        // A failure of what was asked for before says nothing about this.
        if !parts::FETCH
            || phase != Phase::Asked
            || !(self.first_wanted()..self.log.first()).contains(&index)
        {
            return;
        }
        self.job = super::Job::default();
        if self.is_me(to) {
            self.halted = true;
        } else if let Some(at) = self.members.find(to) {
            self.edit(at, |peer| peer.fetch_failed = true);
        }
    }

    /// What was asked for does not come.
    pub(super) fn expire_fetch(&mut self) {
        if parts::FETCH && self.now >= self.fetch_wake() {
            self.job = Job::default();
        }
    }

    /// When that is given up.
    pub(super) fn fetch_wake(&self) -> u64 {
        let Job { to, count, until, .. } = self.job;
        let given = self.is_me(to) && count > 0;
        if parts::FETCH && to != 0 && !given { until } else { u64::MAX }
    }

    /// A message with entries that are no longer in memory; 0 if they are not there yet, or never
    /// will be.
    pub(super) fn older_entries(&mut self, at: usize, buffer: &mut [u8]) -> usize {
        let Some(peer) = self.peers.get(at) else { return 0 };
        let (id, previous) = (peer.id, peer.next - 1);
        let ready = self.job.to == id && self.job.previous == previous;
        if parts::FETCH && ready && self.job.is_known() && self.job.count > 0 {
            let Job { count, len, previous_term, term, .. } = core::mem::take(&mut self.job);
            let bytes = self.staging.get(..len).unwrap_or_default();
            let start = What::Append.len();
            let Some(place) = buffer.get_mut(start..start + len) else { return 0 };
            place.copy_from_slice(bytes);
            let batch = Batch { last: previous + count, len, term };
            return self.append_message(at, (previous, previous_term), batch, buffer);
        }
        let newest = self.snapshot.0;
        if peer.next > newest && self.config.fetches() && !peer.fetch_failed {
            if self.job.to == 0 || (self.job.to == id && !ready) {
                self.want(id, previous);
            }
        } else if newest >= peer.next || (peer.fetch_failed && newest > peer.matched) {
            self.begin_snapshot(at);
            return self.empty_snapshot(at, buffer);
        } else {
            // There is nothing to send until the application has made a snapshot.
            self.edit(at, |peer| {
                peer.probe(peer.next);
                (peer.paused, peer.fetch_failed) = (true, false);
            });
        }
        0
    }

    /// The next entry for the application that was fetched.
    pub(super) fn next_fetched(&mut self) -> Option<EntryRef<'_>> {
        let next = self.given + 1;
        let Job { to, previous, len, taken, term, .. } = self.job;
        // Each is given once, so those before are counted by their bytes.
        if !parts::FETCH || !self.is_me(to) || next <= previous || next >= self.log.first() {
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
