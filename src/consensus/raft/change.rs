//! Changes of membership: always by a joint one (thesis, 4.3), whose end follows by itself.

use super::Raft;
use super::types::{Change, EntryKind, EntryRef, Member, Role};
use crate::error::{Error, Result};

impl Raft<'_> {
    /// Changes the membership: all at once, by a joint membership that ends by itself when it is
    /// committed. [`Event::Members`](super::Event::Members) tells of both.
    ///
    /// # Errors
    /// [`Error::RaftNotLeader`]; [`Error::RaftBusy`] while another change is under way, during a
    /// transfer, and until the leader has committed something in its term; [`Error::RaftMember`] if nobody could
    /// lead, there would be too many, or a witness would be something else; [`Error::Invalid`] for node 0;
    /// [`Error::Unsupported`] for a witness in a build without them; [`Error::Capacity`] while the log is full.
    pub fn change_members(&mut self, changes: &[Change], now_us: u64) -> Result<()> {
        let change = |at| changes.get(at).copied().ok_or(Error::Invalid);
        self.change_members_with(changes.len(), &change, now_us)
    }

    /// [`change_members`](Raft::change_members) by `count` changes, that are asked for one by one.
    pub(crate) fn change_members_with(
        &mut self,
        count: usize,
        change: &dyn Fn(usize) -> Result<Change>,
        now_us: u64,
    ) -> Result<()> {
        self.at(now_us)?;
        if self.role != Role::Leader {
            return Err(Error::RaftNotLeader);
        }
        let settled = self.commit >= self.members.index.max(self.own) && !self.members.is_joint();
        // The second condition is what single changes lacked in 2014 (Ongaro, "bug in single-server
        // membership changes", 2015).
        if !settled || self.transferee() != 0 {
            return Err(Error::RaftBusy);
        }
        self.other.copy_from(&self.members);
        self.other.enter();
        for at in 0..count {
            match change(at)? {
                Change::Set(member) => self.other.set(member.id.0, Some(member.kind))?,
                Change::Remove(id) => self.other.set(id.0, None)?,
            }
        }
        if !self.other.can_work() {
            return Err(Error::RaftMember);
        }
        if self.other.unchanged() {
            return Ok(());
        }
        let len = self.other.encode(&mut self.scratch).ok_or(Error::RaftMember)?;
        self.room_to_propose(len)?;
        self.push_members(self.term, len)?;
        self.peers.follow(&self.members, self.log.last(), self.now);
        Ok(())
    }

    /// Appends the membership that lies in the scratch.
    fn push_members(&mut self, term: u64, len: usize) -> Result<()> {
        let bytes = self.scratch.get(..len).ok_or(Error::RaftMember)?;
        let kind = EntryKind::Members;
        self.log.push(term, kind, [bytes, &[]])?;
        let index = self.log.last();
        self.changed.members |= self.members.take(&EntryRef { index, term, kind, data: bytes });
        Ok(())
    }

    /// The first membership of a group, in a node that is empty and not started: the same call at
    /// all members that it begins with. Who comes later is not told: it hears from the leader. It
    /// is entry 1 of term 1, and committed.
    ///
    /// # Errors
    /// [`Error::RaftState`] if the node holds something or is started (term 1 alone, without a vote, is nothing: a
    /// crash fell between the records of a bootstrap), [`Error::RaftMember`] for no voter or too many members, [`Error::Invalid`] for one twice, or 0.
    pub fn bootstrap(&mut self, members: &[Member]) -> Result<()> {
        let member = |at| members.get(at).copied().ok_or(Error::Invalid);
        self.bootstrap_with(members.len(), &member)
    }

    /// [`bootstrap`](Raft::bootstrap) with `count` members, that are asked for one by one.
    pub(crate) fn bootstrap_with(
        &mut self,
        count: usize,
        member: &dyn Fn(usize) -> Result<Member>,
    ) -> Result<()> {
        // Term 1 and no entry: a crash fell between the records of a bootstrap.
        let empty = self.term <= 1 && self.vote == 0 && self.log.last() == 0;
        if self.started || self.halted || !empty {
            return Err(Error::RaftState);
        }
        self.other.begin(count, member)?;
        let len = self.other.encode(&mut self.scratch).ok_or(Error::RaftMember)?;
        self.push_members(1, len)?;
        (self.term, self.vote, self.state_dirty) = (1, 0, true);
        (self.commit, self.commit_wanted) = (1, true);
        Ok(())
    }
}
