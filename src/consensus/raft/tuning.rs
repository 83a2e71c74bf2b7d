//! What may be set while a node runs, and what can be measured. Nothing of it bears on safety:
//! leases, and who ignores whoever asks for votes, rest on the configured election timeout alone,
//! which is the same at all members.

use super::config::{MOST_TIME, RaftConfig};
use super::log::HEAD as ENTRY_HEAD;
use super::message::{Message, QUIET, What};
use super::{NodeId, Raft};
use crate::error::{Error, Result};

/// Times in microseconds that may differ between members, and change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// How long nothing is heard of a leader before this node stands for election:
    /// [`RaftConfig::election_us`] to an hour.
    pub election_us: u64,
    /// It waits up to so much longer, by chance, so that not all stand at once: 1 to an hour.
    pub spread_us: u64,
    /// How long an election, a read, a forwarded proposal, a transfer and a leader that nobody hears
    /// have time (a read twice as much): [`RaftConfig::election_us`] to an hour; more than a round trip takes.
    pub patience_us: u64,
    /// How often a leader is heard: 1 to half of [`RaftConfig::election_us`].
    pub heartbeat_us: u64,
}

impl Timeouts {
    /// As configured.
    pub(super) const fn new(config: &RaftConfig) -> Timeouts {
        let RaftConfig { election_us, heartbeat_us, .. } = *config;
        Timeouts { election_us, spread_us: election_us, patience_us: election_us, heartbeat_us }
    }
}

impl Raft<'_> {
    /// Sets the times of this node. They count from the next time that it hears a leader, or leads.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one outside its range: then none is set.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) -> Result<()> {
        let Timeouts { election_us, spread_us, patience_us, heartbeat_us } = timeouts;
        let least = self.least_timeout();
        let fine = (least..=MOST_TIME).contains(&election_us)
            && (1..=MOST_TIME).contains(&spread_us)
            && (least..=MOST_TIME).contains(&patience_us)
            && (1..=least / 2).contains(&heartbeat_us);
        if !fine {
            return Err(Error::Invalid);
        }
        self.timeouts = timeouts;
        Ok(())
    }

    /// What its timeouts may not be below.
    pub(crate) fn least_timeout(&self) -> u64 {
        self.config.election_us
    }

    /// The times of this node.
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Sets [`RaftConfig::priority`], from 1 on. Whether a node stands at all is not for this to say.
    ///
    /// # Errors
    /// [`Error::Invalid`] for 0, and at a node that was made with 0.
    pub fn set_priority(&mut self, priority: u8) -> Result<()> {
        if priority == 0 || self.config.priority == 0 {
            return Err(Error::Invalid);
        }
        self.config.priority = priority;
        Ok(())
    }

    /// Sets the most bytes of entries in a message to a member, as long as this node leads; 0: as many
    /// as fit. One entry goes, however long.
    ///
    /// # Errors
    /// [`Error::RaftMember`] if this node leads no such member.
    pub fn set_batch(&mut self, peer: NodeId, bytes: u32) -> Result<()> {
        let found = self.peers.iter_mut().find(|known| known.id == peer.0);
        found.ok_or(Error::RaftMember)?.batch = bytes;
        Ok(())
    }

    /// Room for entries in a message with that limit.
    pub(super) fn batch_end(&self, limit: u32) -> usize {
        let (all, head) = (self.config.message, What::Append.len());
        match limit {
            0 => all,
            // The longest entry fits, so that there is always a next one.
            _ => all.min(head + (limit as usize).max(ENTRY_HEAD + self.config.longest())),
        }
    }
}

/// What a message has to say about the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// A leader's, sent at `sent_us` of its clock.
    Heartbeat {
        /// Its term.
        term: u64,
        /// When it was sent.
        sent_us: u64,
        /// It is not one of those that come regularly.
        quiet: bool,
    },
    /// The answer to a heartbeat that was sent at `sent_us` of this node's clock.
    HeartbeatReply {
        /// The term.
        term: u64,
        /// When the heartbeat was sent.
        sent_us: u64,
    },
    /// The leader wants this node to lead.
    HandOver,
    /// Entries, `bytes` of them.
    Append {
        /// What its answer will carry.
        pass: u64,
        /// Bytes of entries.
        bytes: usize,
    },
    /// The answer to entries.
    AppendReply {
        /// Of which message.
        pass: u64,
    },
}

impl Sample {
    /// What these bytes of a message say; nothing if that is not of this kind.
    pub fn of(message: &[u8]) -> Option<Sample> {
        let Message { what, flags, term, numbers, tail, .. } = Message::decode(message).ok()?;
        let [pass, _, _, echoed, sent_us] = numbers;
        Some(match what {
            What::Heartbeat => Sample::Heartbeat { term, sent_us, quiet: flags & QUIET != 0 },
            What::HeartbeatReply => Sample::HeartbeatReply { term, sent_us: echoed },
            What::Append => Sample::Append { pass, bytes: tail.len() },
            What::AppendReply => Sample::AppendReply { pass },
            What::Timeout => Sample::HandOver,
            _ => return None,
        })
    }
}
