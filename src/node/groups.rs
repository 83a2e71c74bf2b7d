//! Groups that agree: Raft between members of a swarm.

use super::channel;
use super::part::{Part, View};
use crate::consensus::raft::{NodeId, Raft};
use crate::error::{Error, Result};

/// Carries the messages of a group of Raft: over a [`Raft`] it is a [`Part`] of a node. The members of the group go by
/// their numbers in the swarm. Its records, entries and events are the caller's business, as without a node:
/// docs of [`consensus::Raft`](crate::consensus::Raft).
///
/// Its messages are datagrams: [`RaftConfig::message`](crate::consensus::raft::RaftConfig::message) is at most
/// [`NodeConfig::max_message`](super::NodeConfig::max_message).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaftGroup {
    number: u8,
}

impl RaftGroup {
    /// The group with this number, 0 to [`channel::MOST_GROUPS`] less one; the same at all members.
    ///
    /// [`Error::Invalid`] for a larger one.
    pub const fn new(number: u8) -> Result<RaftGroup> {
        if number < channel::MOST_GROUPS { Ok(RaftGroup { number }) } else { Err(Error::Invalid) }
    }

    /// With this node of the group, the same each time: a part of a node.
    pub const fn over<'g, 'm>(self, raft: &'g mut Raft<'m>) -> RaftMember<'g, 'm> {
        RaftMember { number: self.number, raft }
    }
}

/// A node of a group.
pub struct RaftMember<'g, 'm> {
    number: u8,
    raft: &'g mut Raft<'m>,
}

impl Part for RaftMember<'_, '_> {
    fn channel(&self) -> u8 {
        channel::GROUPS + self.number
    }

    fn receive(&mut self, from: u64, message: &[u8], view: &View<'_>) -> Result<()> {
        self.raft.step(NodeId(from), message, view.now)
    }

    fn next(&mut self, view: &View<'_>, out: &mut [u8]) -> Result<Option<(u64, usize)>> {
        let message = self.ask(view.now, out);
        // It says so itself; the others of the node go on.
        if matches!(message, Err(Error::RaftHalted | Error::RaftState)) {
            return Ok(None);
        }
        Ok(message?.map(|(to, len)| (to.0, len)))
    }

    fn wake_at(&self) -> u64 {
        self.raft.next_wake_us()
    }
}

impl RaftMember<'_, '_> {
    fn ask(&mut self, now: u64, out: &mut [u8]) -> Result<Option<(NodeId, usize)>> {
        if self.raft.next_wake_us() <= now {
            self.raft.tick(now)?;
        }
        self.raft.next_message(out)
    }
}
