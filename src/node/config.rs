//! What a node is made for.

use super::membership::MembershipConfig;
use crate::comm::identity::TrustConfig;
use crate::comm::link::LinkConfig;
use crate::error::{Error, Result};

/// A node's settings: [`NodeConfig::new`], then what should be different. Times are in microseconds.
#[derive(Clone, Debug)]
pub struct NodeConfig<'a> {
    /// Its sessions. Less than [`peers`](LinkConfig::peers) at a time, since a place is kept for who comes: those that
    /// were silent longest make room. With fewer places than other members there are many handshakes.
    pub link: LinkConfig<'a>,
    /// Who is there. `id` and `mtu` are the node's to set, whatever stands there.
    pub membership: MembershipConfig<'a>,
    /// The longest datagram that its transport hands out, in bytes; at least the link's `mtu`.
    pub datagram: usize,
    /// How much one [`poll`](super::Node::poll) does, 1 to 65,535 pieces: a datagram taken, or one sent.
    pub budget: usize,
    /// Members that broke the protocol are remembered, so many at once, 1 to 65,535.
    pub suspects: usize,
    /// One that broke it so often is in quarantine, 1 to 255: there is no session with it.
    pub strikes: u8,
    /// So long, and what it did before is forgotten after so long.
    pub quarantine_us: u64,
}

impl<'a> NodeConfig<'a> {
    /// For a swarm of so many members on a local network, each of which may be pinned: sessions with at most 128 of them
    /// at once, datagrams of at most 1,280 bytes, 256 pieces of work a poll; a sign of life every ten seconds, and a
    /// session that was silent for 35 is over; who breaks the protocol three times is in quarantine for an hour.
    pub fn new(network: &'a [u8], members: usize) -> NodeConfig<'a> {
        let sessions = LinkConfig::new(network, members.clamp(2, 128));
        let link = LinkConfig {
            // There may be more whom it trusts than it has sessions with at once.
            trust: TrustConfig { pinned: members.max(2), ..sessions.trust },
            // Who does not answer for ten seconds is called again when there is something to say.
            tries: 6,
            // A session of which one side alone knows does not last.
            keepalive: 10_000_000,
            dead: 35_000_000,
            ..sessions
        };
        NodeConfig {
            link,
            membership: MembershipConfig::new(0, members),
            datagram: 2048,
            budget: 256,
            suspects: 16,
            strikes: 3,
            quarantine_us: 3_600_000_000,
        }
    }

    /// The most bytes of a message of a [`Part`](super::Part).
    pub fn max_message(&self) -> usize {
        self.link.max_message().saturating_sub(1)
    }

    pub(super) fn check(&self) -> Result<()> {
        let good = (self.link.mtu..=65_535).contains(&self.datagram)
            && (1..=65_535).contains(&self.budget)
            && (1..=65_535).contains(&self.suspects)
            && self.strikes > 0
            && (1..=1 << 60).contains(&self.quarantine_us);
        if good { Ok(()) } else { Err(Error::Invalid) }
    }

    /// The settings of its membership.
    pub(super) fn members(&self, id: u64) -> MembershipConfig<'a> {
        MembershipConfig { id, mtu: self.max_message(), ..self.membership.clone() }
    }
}
