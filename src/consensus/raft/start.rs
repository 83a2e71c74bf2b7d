//! Starting: first what storage has, in its order, then time.

use super::members::Members;
use super::message::check_entry;
use super::sessions::Sessions;
use super::types::{EntryKind, Record, plausible};
use super::{Install, Raft, Random, mutation};
use crate::error::{Error, Result};

impl Raft<'_> {
    /// A record from storage, in the order in which they were made durable, before [`start`](Raft::start).
    ///
    /// # Errors
    /// [`Error::RaftLost`] if records contradict each other, or some are missing: something was lost, and the node halts.
    /// [`Error::Capacity`] if more is not committed than there is room for; [`Error::RaftFormat`] for what cannot be a
    /// record; [`Error::Unsupported`] for what this build does without; [`Error::RaftState`] after the start.
    pub fn restore(&mut self, record: Record<'_>) -> Result<()> {
        if self.halted {
            return Err(Error::RaftHalted);
        }
        if self.started || self.state_dirty {
            return Err(Error::RaftState);
        }
        let done = match record {
            Record::State { term, vote } => self.restore_state(term, vote.map_or(0, |id| id.0)),
            Record::Entry { index, term, kind, data } => {
                self.restore_entry(index, term, kind, data)
            }
            Record::Commit { index } => self.restore_commit(index),
            Record::Snapshot { index, term, members, sessions } => {
                self.restore_snapshot((index, term), members, sessions)
            }
        };
        match done {
            Err(Error::RaftLost) => Err(self.halt(Error::RaftLost)),
            done => done,
        }
    }

    fn restore_state(&mut self, term: u64, vote: u64) -> Result<()> {
        plausible(term)?;
        let other_vote = self.vote != 0 && self.vote != vote;
        if term < self.term || (term == self.term && other_vote) {
            return Err(Error::RaftLost);
        }
        (self.term, self.vote) = (term, vote);
        Ok(())
    }

    fn restore_entry(&mut self, index: u64, term: u64, kind: EntryKind, data: &[u8]) -> Result<()> {
        plausible(index.max(term))?;
        if index == 0 || term == 0 {
            return Err(Error::RaftFormat);
        }
        check_entry(kind, data, &self.config)?;
        if index <= self.commit {
            // A snapshot stands for it, or it is the same again.
            let same =
                self.log.term(index).is_none_or(|own| own == term) || index <= self.snapshot.0;
            return if same { Ok(()) } else { Err(Error::RaftLost) };
        }
        let before = self.log.term(index - 1);
        if index > self.log.last() + 1
            || before.is_none_or(|before| before > term)
            || term > self.term
        {
            return Err(Error::RaftLost);
        }
        self.cut(index);
        self.push(term, kind, [data, &[]])?;
        Ok(())
    }

    fn restore_commit(&mut self, index: u64) -> Result<()> {
        if index > self.log.last() {
            return Err(Error::RaftLost);
        }
        self.commit_to(index);
        Ok(())
    }

    fn restore_snapshot(
        &mut self,
        (index, term): (u64, u64),
        members: &[u8],
        sessions: &[u8],
    ) -> Result<()> {
        plausible(index.max(term))?;
        Members::check(members, self.config.peers)?;
        Sessions::check_bytes(sessions)?;
        if index == 0 || term == 0 {
            return Err(Error::RaftFormat);
        }
        if index < self.snapshot.0 || term > self.term {
            return Err(Error::RaftLost);
        }
        match self.log.term(index) {
            Some(own) if own == term => self.commit_to(index),
            None if index <= self.commit => {}
            _ if index <= self.commit => return Err(Error::RaftLost),
            _ => {
                self.log.reset(index, term);
                self.members.decode(members, index)?;
                self.base.copy_from(&self.members);
                self.commit = index;
            }
        }
        self.sessions.join(sessions);
        self.snapshot = (index, term);
        Ok(())
    }

    /// What the application holds already.
    pub(super) fn applied_before(&mut self, index: u64) -> Result<()> {
        if index > self.log.last() {
            return Err(self.halt(Error::RaftLost));
        }
        // It was committed, or it would not have been applied.
        self.commit_to(index);
        self.applied = self.applied.max(index);
        Ok(())
    }

    /// Begins to take part. Not before all records of storage were [restored](Raft::restore); of a group's first
    /// members, after [`bootstrap`](Raft::bootstrap) if storage had none.
    ///
    /// # Errors
    /// [`Error::RaftState`] if it has begun already, [`Error::RaftHalted`].
    pub fn start(&mut self, now_us: u64) -> Result<()> {
        if self.halted {
            return Err(Error::RaftHalted);
        }
        if self.started {
            return Err(Error::RaftState);
        }
        self.started = true;
        self.now = now_us;
        // Answers to what was asked before a restart may come still: they must not be taken for
        // answers to what is asked now.
        self.random = Random::new(&self.config, now_us);
        self.reads.begin(self.random.number());
        self.forwards.begin(self.random.number());
        if mutation::is("restart-commit") {
            self.commit_to(self.log.last());
        }
        if !self.state_dirty {
            // All of it came from storage.
            self.log.all_is_stable();
            (self.commit_told, self.commit_durable) = (self.commit, self.commit);
        }
        (self.given, self.verified) = (self.applied, self.commit);
        if self.applied < self.snapshot.0 {
            // It is on disk, and the application has not taken it.
            self.install = Install::Give;
        }
        if self.config.check_quorum && !self.state_dirty {
            // Before this restart it may have heard a leader whose lease counts on that.
            self.contact = Some(now_us);
        }
        (self.changed.role, self.changed.leader, self.changed.members) =
            (true, true, self.members.index > 0);
        self.draw_deadline();
        Ok(())
    }
}
