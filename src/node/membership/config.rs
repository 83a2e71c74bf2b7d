//! What a member is made for.

use super::message;
use crate::error::{Error, Result};
use crate::port::Address;

/// The most members that anybody knows.
pub const MOST_MEMBERS: usize = 32_768;
/// The most bytes that a member says of itself.
pub const MOST_META: usize = 1024;
/// The most members that are asked to probe in one's place, or are told news at once.
pub const MOST_FANOUT: usize = 8;
/// The longest time of the settings: a day.
const MOST_TIME: u64 = 86_400_000_000;

/// A member's settings. All members have the same, but for what is its own: `id`, `address`, `incarnation`, `meta`
/// and `seed`. Times are in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipConfig<'a> {
    /// This member's number; nobody else has it, ever. Not `u64::MAX`.
    pub id: u64,
    /// Where it is to be reached.
    pub address: Address,
    /// Which of its lives this is: more than in any before, a count. If nobody remembers, 0: what others know of an
    /// earlier life makes it larger by itself.
    pub incarnation: u64,
    /// What it says of itself: labels, roles, whatever the swarm agrees on.
    pub meta: &'a [u8],
    /// The most members that are known at once, this one and those that are gone among them:
    /// 2 to [`MOST_MEMBERS`].
    pub members: usize,
    /// The most bytes of `meta`, of anybody: 0 to [`MOST_META`]. A member that says more is not taken in.
    pub most_meta: usize,
    /// The most bytes of a message: what a session carries. At least [`least_mtu`](Self::least_mtu).
    pub mtu: usize,
    /// For choices by chance: another one for each member.
    pub seed: u64,
    /// One member is probed in each such period, as long as this one is healthy.
    pub period_us: u64,
    /// So long an answer may take before others are asked to probe: less than a period.
    pub timeout_us: u64,
    /// How many others are asked: 0 to [`MOST_FANOUT`].
    pub indirect: usize,
    /// News, if there are any, are told so often beside what probes carry.
    pub gossip_us: u64,
    /// To how many members: 0 (probes alone carry news) to [`MOST_FANOUT`].
    pub fanout: usize,
    /// What is known is compared with what another member knows so often; by turns with one that is believed to be gone,
    /// so that two parts of a network that was divided find each other again.
    pub sync_us: u64,
    /// A piece of news is told so many times for each decimal digit of the number of members: 1 to 8.
    pub retransmit: u32,
    /// A suspected member has at least so many periods, times the decimal logarithm of the number of members, to
    /// object: 1 to 100.
    pub suspicion: u32,
    /// How many times that while nobody else confirms the suspicion: 1 (Lifeguard's suspicion is off) to 100.
    pub suspicion_most: u32,
    /// How much slower this member becomes, at most, when it seems to be the one that is slow: 0 (Lifeguard's local
    /// health is off) to 32.
    pub health_most: u32,
    /// Members that have left are remembered so long, if nobody else needs the place. The dead are, until somebody does.
    pub forget_us: u64,
}

impl<'a> MembershipConfig<'a> {
    /// For a local network, with the settings of Lifeguard's authors for one (HashiCorp's memberlist): a probe a
    /// second, half a second for an answer, three others asked, news to three members five times a second, all
    /// compared every 30 seconds; the gone are remembered for an hour.
    pub const fn new(id: u64, members: usize) -> MembershipConfig<'a> {
        MembershipConfig {
            id,
            address: Address::EMPTY,
            incarnation: 0,
            meta: &[],
            members,
            most_meta: 64,
            mtu: 1200,
            seed: id,
            period_us: 1_000_000,
            timeout_us: 500_000,
            indirect: 3,
            gossip_us: 200_000,
            fanout: 3,
            sync_us: 30_000_000,
            retransmit: 4,
            suspicion: 4,
            suspicion_most: 6,
            health_most: 8,
            forget_us: 3_600_000_000,
        }
    }

    /// The least `mtu` that this `most_meta` allows: a message has room for what two members say of themselves.
    pub const fn least_mtu(&self) -> usize {
        message::HEAD + 2 * message::most(self.most_meta)
    }

    pub(super) fn check(&self) -> Result<()> {
        let time = |us: u64| (1..=MOST_TIME).contains(&us);
        let good = self.id != u64::MAX
            && self.incarnation < message::END
            && (2..=MOST_MEMBERS).contains(&self.members)
            && self.most_meta <= MOST_META
            && self.meta.len() <= self.most_meta
            && (self.least_mtu()..=65_535).contains(&self.mtu)
            && time(self.period_us)
            && self.timeout_us > 0
            && self.timeout_us < self.period_us
            && self.indirect <= MOST_FANOUT
            && time(self.gossip_us)
            && self.fanout <= MOST_FANOUT
            && time(self.sync_us)
            && (1..=8).contains(&self.retransmit)
            && (1..=100).contains(&self.suspicion)
            && (1..=100).contains(&self.suspicion_most)
            && self.health_most <= 32
            && time(self.forget_us);
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}
