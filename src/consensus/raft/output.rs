//! What a node wants done: records made durable, messages sent, entries applied.

use super::log::CLIENT;
use super::message::{self, What};
use super::outbox::Small;
use super::sessions::client_of;
use super::types::{Committed, EntryKind, EntryRef, Event, Record, RecordNumber, Role};
use super::{Install, NodeId, Raft, parts};
use crate::error::{Error, Result};

/// Which records were given to storage.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Records {
    /// The last that was given, and the last that is durable.
    pub given: u64,
    pub durable: u64,
    /// The last with term and vote, with a snapshot, with a commit.
    state: u64,
    snapshot: u64,
    commit: u64,
    /// Since when none has become durable.
    pub waiting_since: u64,
}

impl Raft<'_> {
    fn number(&mut self) -> RecordNumber {
        if self.records.given == self.records.durable {
            self.records.waiting_since = self.now;
        }
        self.records.given += 1;
        RecordNumber(self.records.given)
    }

    /// The next record for storage, to be made durable in this order; nothing if there is none. Several may be
    /// taken before one is durable.
    pub fn next_record(&mut self) -> Option<(RecordNumber, Record<'_>)> {
        if self.halted {
            return None;
        }
        if self.state_dirty {
            let number = self.number();
            (self.records.state, self.state_dirty) = (number.0, false);
            let vote = (self.vote != 0).then_some(NodeId(self.vote));
            return Some((number, Record::State { term: self.term, vote }));
        }
        if self.snapshot_dirty {
            return self.snapshot_record();
        }
        if self.log.handed() < self.log.last() {
            let number = self.number();
            let EntryRef { index, term, kind, data } = self.log.hand_out(number.0)?;
            return Some((number, Record::Entry { index, term, kind, data }));
        }
        let index = self.commit.min(self.log.handed());
        // Now and then is enough, and when entries are to leave memory.
        let due = index > self.commit_told + (self.config.entries / 4) as u64;
        if due || (self.commit_wanted && index > self.commit_told) {
            let number = self.number();
            (self.records.commit, self.commit_told, self.commit_wanted) = (number.0, index, false);
            return Some((number, Record::Commit { index }));
        }
        None
    }

    fn snapshot_record(&mut self) -> Option<(RecordNumber, Record<'_>)> {
        let (index, term) = self.snapshot;
        let members = self.members_at(index)?;
        let place = self.scratch.get_mut(members..)?;
        let sessions = self.sessions.encode(place)?;
        let number = self.number();
        (self.records.snapshot, self.snapshot_dirty) = (number.0, false);
        let (members, rest) = self.scratch.split_at_checked(members)?;
        let sessions = rest.get(..sessions)?;
        Some((number, Record::Snapshot { index, term, members, sessions }))
    }

    /// Whether a restart would know this term and vote.
    pub(super) fn state_is_durable(&self) -> bool {
        !self.state_dirty && self.records.state <= self.records.durable
    }

    /// Records up to this one are durable. May come at any time after they were taken; until then
    /// messages that promise something wait.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a record that was not given; [`Error::RaftState`] before the start,
    /// [`Error::RaftHalted`], [`Error::Overflow`] when terms or indices are used up.
    pub fn durable(&mut self, up_to: RecordNumber, now_us: u64) -> Result<()> {
        self.at(now_us)?;
        if up_to.0 > self.records.given {
            return Err(Error::Invalid);
        }
        if up_to.0 <= self.records.durable {
            return Ok(());
        }
        self.records.durable = up_to.0;
        self.records.waiting_since = self.now;
        self.log.durable(up_to.0);
        if self.records.commit <= up_to.0 {
            self.commit_durable = self.commit_told;
        }
        if self.install == Install::Record
            && !self.snapshot_dirty
            && self.records.snapshot <= up_to.0
        {
            self.installed();
        }
        if self.state_is_durable() {
            self.own_vote()?;
        }
        self.find_commit()
    }

    /// Storage has failed: the node has promised what it may not be able to keep, and halts.
    pub fn storage_failed(&mut self) {
        self.halted = true;
    }

    /// Writes a message of this node but for its tail; where that begins. The caller has looked at the room.
    #[inline(never)]
    pub(super) fn write(
        &self,
        buffer: &mut [u8],
        (what, flags): (What, u8),
        to: u64,
        numbers: &[u64],
    ) -> usize {
        // Who asks whether it should stand would do so in the next term.
        let term = self.term + u64::from(what == What::PreVote);
        message::write(buffer, (what, flags), [self.config.id.0, to, term], numbers)
    }

    /// The next message, in the first bytes of `buffer`: to whom, and its length; nothing if there is
    /// none now.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] for a buffer shorter than [`message`](super::RaftConfig::message),
    /// [`Error::RaftHalted`].
    pub fn next_message(&mut self, buffer: &mut [u8]) -> Result<Option<(NodeId, usize)>> {
        if self.halted {
            return Err(Error::RaftHalted);
        }
        if buffer.len() < self.config.message {
            return Err(Error::BufferTooSmall);
        }
        let len = self.any_message(buffer);
        Ok((len > 0).then(|| (NodeId(message::receiver(buffer)), len)))
    }

    /// The length of the next message; 0 if there is none.
    fn any_message(&mut self, buffer: &mut [u8]) -> usize {
        let durable = self.state_is_durable();
        if let Some(Small { to, numbers, what, flags }) = self.outbox.take(durable) {
            return self.write(buffer, (what, flags), to, &numbers);
        }
        let len = self.vote_message(buffer);
        if len > 0 || !durable {
            return len;
        }
        if self.role == Role::Leader {
            let len = self.read_reply(buffer);
            return if len > 0 { len } else { self.leader_message(buffer) };
        }
        if self.leader == 0 {
            return 0;
        }
        let len = self.ack_message(buffer);
        if len > 0 {
            return len;
        }
        match self.reads.ask() {
            Some(question) => self.write(buffer, (What::Read, 0), self.leader, &[question]),
            None => self.forward_message(buffer),
        }
    }

    /// The next entry to apply, or a snapshot that replaces the application's state; nothing if there is none
    /// now. Each comes once, in order, when it is committed, and durable here.
    pub fn next_committed(&mut self) -> Option<Committed<'_>> {
        if self.halted || !self.started || self.install == Install::Record {
            return None;
        }
        if self.install == Install::Give {
            self.install = Install::None;
            let (index, term) = self.snapshot;
            self.given = index;
            return Some(Committed::Snapshot { index, term });
        }
        let next = self.given + 1;
        if next > self.commit.min(self.log.stable()) {
            return None;
        }
        let entry = if next < self.log.first() {
            self.next_fetched()?
        } else {
            self.given = next;
            self.log.entry(next)?
        };
        let EntryRef { index, term, kind, data } = entry;
        let (client, sequence, data) = match kind {
            EntryKind::Session if parts::SESSIONS => {
                let (client, sequence) = client_of(data).unwrap_or_default();
                (client, sequence, data.get(CLIENT..).unwrap_or_default())
            }
            _ => (0, 0, data),
        };
        Some(Committed::Entry { index, term, kind, client, sequence, data })
    }

    /// The application has applied everything up to this entry: reads wait for that. Before
    /// [`start`](Raft::start): what its durable state holds already, which does not come again. If that is
    /// less than the newest snapshot holds, the snapshot comes first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what was not given, and as long as a snapshot has to be taken first;
    /// [`Error::RaftHalted`]. Before the start, [`Error::RaftLost`] if the application has more than the log.
    pub fn applied(&mut self, index: u64) -> Result<()> {
        if self.halted {
            return Err(Error::RaftHalted);
        }
        if !self.started {
            return self.applied_before(index);
        }
        if index > self.given || self.install != Install::None {
            return Err(Error::Invalid);
        }
        self.applied = self.applied.max(index);
        Ok(())
    }

    /// What has happened; nothing if there is no more.
    pub fn next_event(&mut self) -> Option<Event> {
        let term = self.term;
        if core::mem::take(&mut self.changed.role) {
            return Some(Event::Role { role: self.role, term });
        }
        if core::mem::take(&mut self.changed.leader) {
            let leader = (self.leader != 0).then_some(NodeId(self.leader));
            return Some(Event::Leader { leader, term });
        }
        if core::mem::take(&mut self.changed.members) {
            return Some(Event::Members {
                index: self.members.index,
                joint: self.members.is_joint(),
            });
        }
        let failed = core::mem::take(&mut self.changed.transfer_failed);
        if parts::TRANSFER && failed != 0 {
            return Some(Event::TransferFailed { to: NodeId(failed) });
        }
        self.reads.event(self.applied).or_else(|| self.forwards.event())
    }
}
