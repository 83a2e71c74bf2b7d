//! Changes of membership: always by a joint one (thesis, 4.3), whose end follows by itself.

use super::Raft;
use super::types::{Change, EntryKind, Member, Role};
use crate::error::{Error, Result};

impl Raft<'_> {
    /// Changes the membership: all at once, by a joint membership that ends by itself when it is
    /// committed. [`Event::Members`](super::Event::Members) tells of both.
    ///
    /// # Errors
    /// [`Error::RaftNotLeader`]; [`Error::RaftBusy`] while another change is under way, during a
    /// transfer, and until the leader has committed something in its term; [`Error::RaftMember`] if nobody could
    /// lead, there would be too many, or a witness would be something else; [`Error::Invalid`] for node 0;
    /// [`Error::Capacity`] while the log is full.
    pub fn change_members(&mut self, changes: &[Change], now_us: u64) -> Result<()> {
        self.at(now_us)?;
        if self.role != Role::Leader {
            return Err(Error::RaftNotLeader);
        }
        let settled = self.commit >= self.members.index.max(self.own) && !self.members.is_joint();
        // The second condition is what single changes lacked in 2014 (Ongaro, "bug in single-server
        // membership changes", 2015).
        if !settled || self.transferee != 0 {
            return Err(Error::RaftBusy);
        }
        self.other.copy_from(&self.members);
        self.other.enter();
        for change in changes {
            match *change {
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
        let len = self.other.encode(&mut self.scratch, false).ok_or(Error::RaftMember)?;
        self.room_to_propose(len)?;
        self.push_members(self.term, len)?;
        self.peers.follow(&self.members, self.log.last(), self.now);
        Ok(())
    }

    /// Appends the membership that lies in the scratch.
    fn push_members(&mut self, term: u64, len: usize) -> Result<u64> {
        let bytes = self.scratch.get(..len).ok_or(Error::RaftMember)?;
        let index = self.log.push(term, EntryKind::Members, [bytes, &[]])?;
        self.members.decode(bytes, index)?;
        self.changed.members = true;
        Ok(index)
    }

    /// The first membership of a group, in a node that is empty and not started: the same call at
    /// all members that it begins with. Who comes later is not told: it hears from the leader. It
    /// is entry 1 of term 1, and committed.
    ///
    /// # Errors
    /// [`Error::RaftState`] if the node holds something or is started, [`Error::RaftMember`] for no voter or too many
    /// members, [`Error::Invalid`] for one twice, or 0.
    pub fn bootstrap(&mut self, members: &[Member]) -> Result<()> {
        if self.started || self.halted || self.term > 0 || self.log.last() > 0 {
            return Err(Error::RaftState);
        }
        self.other.begin(members)?;
        let len = self.other.encode(&mut self.scratch, false).ok_or(Error::RaftMember)?;
        self.push_members(1, len)?;
        (self.term, self.vote, self.state_dirty) = (1, 0, true);
        (self.commit, self.commit_wanted) = (1, true);
        Ok(())
    }
}
