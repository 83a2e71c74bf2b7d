//! What comes in: messages and time.

use super::Raft;
use super::message::{Message, What};
use super::types::{MOST_AHEAD, NodeId, Role};
use crate::error::{Error, Result};

impl Raft<'_> {
    /// A message of another node.
    ///
    /// Requests of nodes that are not members are heard, for a member may be behind and not know
    /// (thesis, 4.1); their answers and proposals are not.
    ///
    /// # Errors
    /// Nothing is changed by what is refused: [`Error::RaftFormat`], also for an entry that is longer than
    /// this node takes, and for a term more than 2^32 above its own; [`Error::RaftVersion`],
    /// [`Error::RaftPeer`] if it is for somebody else or from somebody who may not say this, [`Error::Capacity`] if it
    /// needs more room than this node was made with. [`Error::RaftLost`] if a member leads and what it says cannot be, unless
    /// this node has lost what it promised to keep: then it halts. [`Error::RaftHalted`] from then on.
    /// [`Error::Unsupported`] for a client's entry, or a witness, in a build without them.
    /// [`Error::RaftState`] before the start, [`Error::Overflow`] as [`tick`](Raft::tick).
    pub fn step(&mut self, from: NodeId, message: &[u8], now_us: u64) -> Result<()> {
        self.at(now_us)?;
        let message = Message::decode(message)?;
        if from.0 == 0 || self.is_me(from.0) || message.from != from.0 || !self.is_me(message.to) {
            return Err(Error::RaftPeer);
        }
        if message.term > self.term + MOST_AHEAD {
            return Err(Error::RaftFormat);
        }
        match message.what {
            What::PreVote => {
                self.on_pre_vote(&message);
                return Ok(());
            }
            What::Vote => {
                self.on_vote(&message);
                return Ok(());
            }
            What::Append => return self.on_append(&message),
            What::Heartbeat => return self.on_heartbeat(&message),
            What::Snapshot => return self.on_snapshot(&message),
            _ => {}
        }
        if !self.members.has(from.0) {
            return Err(Error::RaftPeer);
        }
        if message.what == What::PreVoteReply {
            return self.on_pre_vote_reply(&message);
        }
        if message.term > self.term {
            // Somebody was, or is to be, elected there.
            self.become_follower(message.term, 0);
        }
        match message.what {
            // Who is behind asks again when it has caught up.
            _ if message.term < self.term => {}
            What::VoteReply => return self.on_vote_reply(&message),
            What::AppendReply => return self.on_append_reply(&message),
            What::HeartbeatReply => return self.on_heartbeat_reply(&message),
            What::SnapshotReply => return self.on_snapshot_reply(&message),
            What::Timeout => return self.on_timeout(&message),
            What::Read => self.on_read(&message),
            What::ReadReply => self.on_read_reply(&message),
            What::Propose => self.on_propose(&message),
            What::ProposeReply => self.on_propose_reply(&message),
            _ => {}
        }
        Ok(())
    }

    /// It is this late, in microseconds of a clock that never goes back. Due at
    /// [`next_wake_us`](Raft::next_wake_us); more often does no harm.
    ///
    /// # Errors
    /// [`Error::RaftHalted`], [`Error::RaftState`] before the start; [`Error::Overflow`] when terms or indices
    /// are used up: the node halts.
    pub fn tick(&mut self, now_us: u64) -> Result<()> {
        self.at(now_us)?;
        self.reads.expire(self.now);
        self.forwards.expire(self.now);
        self.expire_fetch();
        match self.role {
            Role::Leader => self.lead(),
            _ if self.now >= self.deadline => self.stand(false),
            Role::PreCandidate | Role::Candidate if self.now >= self.beat => {
                self.ask_again();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn lead(&mut self) -> Result<()> {
        if self.transferee() != 0 && self.now >= self.transfer_until {
            self.changed.transfer_failed = core::mem::take(&mut self.transferee);
        }
        if self.now < self.beat {
            return Ok(());
        }
        self.beat = self.now.saturating_add(self.timeouts.heartbeat_us);
        // A leader that nobody hears, or whose storage hangs, keeps others from leading.
        let alone = self.config.check_quorum && !self.is_heard();
        if alone || self.is_stalled() {
            self.become_follower(self.term, 0);
            return Ok(());
        }
        self.peers.iter_mut().for_each(|peer| peer.heartbeat = true);
        self.chunks_again();
        // What told the next leader may be lost.
        self.hand_over();
        self.look_at_members()
    }

    /// When the next [`tick`](Raft::tick) is due, in microseconds of the caller's clock.
    pub fn next_wake_us(&self) -> u64 {
        if self.halted || !self.started {
            return u64::MAX;
        }
        let own = match self.role {
            Role::Leader if self.transferee() != 0 => self.beat.min(self.transfer_until),
            Role::Leader => self.beat,
            Role::Follower => self.deadline,
            Role::PreCandidate | Role::Candidate => self.deadline.min(self.beat),
        };
        own.min(self.reads.wake()).min(self.forwards.wake()).min(self.fetch_wake())
    }
}
