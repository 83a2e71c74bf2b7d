//! What the functions of nodes take and fill.

use super::entropy::nsw_entropy;
use super::identity::{nsw_identity, nsw_key};
use super::missions::nsw_missions;
use super::raft::nsw_raft;
use super::requests::nsw_requests;
use super::sharing::nsw_sharing;
use super::store::nsw_store;
use super::structs::Versioned;
use super::topics::nsw_topics;
use super::transport::{nsw_address, nsw_transport};
use crate::node::membership::{Change, Member};
use crate::node::{Event, Evidence};

/// It takes part.
pub const NSW_MEMBER_ALIVE: u32 = 0;
/// It takes part, but somebody does not hear of it.
pub const NSW_MEMBER_SUSPECT: u32 = 1;
/// It did not object to that in time.
pub const NSW_MEMBER_DEAD: u32 = 2;
/// It said that it goes.
pub const NSW_MEMBER_LEFT: u32 = 3;

/// A member takes part, and did not before.
pub const NSW_NODE_MEMBER_JOINED: u32 = 1;
/// A member's address, or what it says of itself, is another.
pub const NSW_NODE_MEMBER_SAID: u32 = 2;
/// A member is suspected.
pub const NSW_NODE_MEMBER_SUSPECTED: u32 = 3;
/// A member is not suspected any more.
pub const NSW_NODE_MEMBER_CLEARED: u32 = 4;
/// A member is dead.
pub const NSW_NODE_MEMBER_DIED: u32 = 5;
/// A member has left.
pub const NSW_NODE_MEMBER_LEFT: u32 = 6;
/// There is a session with a member. For one that there was one with: it began anew.
pub const NSW_NODE_CONNECTED: u32 = 7;
/// The session with a member has ended, for `reason`: by the other side, or for want of a sign
/// of life. It may take part all the same: there is another one when it is needed.
pub const NSW_NODE_DISCONNECTED: u32 = 8;
/// A member that was called to join has told all that it knows.
pub const NSW_NODE_JOINED: u32 = 9;
/// A call to join came to nothing, for `reason`; `seed` is which address it was. While the node
/// is alone, it is tried again.
pub const NSW_NODE_NOT_JOINED: u32 = 10;
/// A member has broken the protocol too often (nsw_node_evidence_of).
pub const NSW_NODE_QUARANTINED: u32 = 11;
/// This member has left, and enough others know.
pub const NSW_NODE_LEFT: u32 = 12;

/// The most groups of Raft of one call.
pub const NSW_NODE_MOST_GROUPS: u32 = 8;

/// A node's settings. NSW_NODE_CONFIG_INIT, then `identity`, `transport` and `members`; every
/// other zero means the default. Times are in microseconds. Read during the call only; of the
/// transport and the entropy, what `ctx` points to must outlive the node.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_node_config {
    /// sizeof(nsw_node_config); NSW_NODE_CONFIG_INIT sets it.
    pub size: u32,
    /// The most members that are known at once, this one and those that are gone among them: 2
    /// to 32,768.
    pub members: u32,
    /// Who this member is. The node has its own copy of the private keys.
    pub identity: *const nsw_identity,
    /// How datagrams are sent and taken.
    pub transport: *const nsw_transport,
    /// Where ephemeral keys come from. NULL: the operating system.
    pub entropy: *const nsw_entropy,
    /// What the members of this swarm have in common: any bytes, not secret. Those of other
    /// swarms get no answer.
    pub network: *const u8,
    /// Number of them.
    pub network_len: usize,
    /// A secret of the whole swarm, mixed into each handshake; NULL: none.
    pub psk: *const nsw_key,
    /// Where this member is to be reached by the others; NULL: they do not call it.
    pub address: *const nsw_address,
    /// What it says of itself: labels, roles, whatever the swarm agrees on.
    pub meta: *const u8,
    /// Number of them, up to `most_meta`.
    pub meta_len: usize,
    /// The time now.
    pub now_us: u64,
    /// Which of its lives this is, more than in any before; 0 if nobody remembers.
    pub incarnation: u64,
    /// For choices by chance: another one for each member. 0: from its number and the time.
    pub seed: u64,
    /// The most sessions at once, and one more, which is kept for who comes; those that were silent longest make room.
    /// 0: as many as `members`, but at most 128.
    pub peers: u32,
    /// The most handshakes at once; 0: as many as `peers`, but at most 16.
    pub handshakes: u32,
    /// Room for pinned identities; 0: as many as `peers`, or as `members` where that is 0.
    pub pinned: u32,
    /// Room for authorities; 0: 1.
    pub authorities: u32,
    /// The longest datagram that is sent, in bytes; 0: 1280.
    pub mtu: u32,
    /// The longest datagram that the transport hands out, in bytes, at least `mtu`; 0: 2048, or
    /// `mtu` if that is more.
    pub datagram: u32,
    /// The most bytes of `meta`, of anybody, up to 1024; 0: 64.
    pub most_meta: u32,
    /// Not 0: sessions with the defaults of a microcontroller (nsw_link_config).
    pub small: u32,
    /// How much one nsw_node_poll does, in pieces: a datagram taken, or one sent; 0: 256.
    pub budget: u32,
    /// So many members that broke the protocol are remembered at once; 0: 16.
    pub suspects: u32,
    /// One that broke it so often is in quarantine, up to 255; 0: 3.
    pub strikes: u32,
    /// A suspected member has so many periods, times the decimal logarithm of the number of
    /// members, to object; 0: 4.
    pub suspicion: u32,
    /// How long a quarantine is; 0: an hour.
    pub quarantine_us: u64,
    /// One member is probed in each such period; 0: a second.
    pub period_us: u64,
    /// So long an answer may take before others are asked to probe, less than a period; 0: half
    /// of it.
    pub timeout_us: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_node_config {
    const LEAST: usize = core::mem::offset_of!(nsw_node_config, entropy);
}

/// The parts of a node, lent for a call: the same at each call. NSW_NODE_PARTS_INIT, then those
/// that there are. Their owner may use them between calls, on the same thread.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_node_parts {
    /// sizeof(nsw_node_parts); NSW_NODE_PARTS_INIT sets it.
    pub size: u32,
    /// Number of `groups`, up to NSW_NODE_MOST_GROUPS.
    pub groups_len: u32,
    /// A store that is shared with the other members; with `sharing`, or both NULL.
    pub store: *mut nsw_store,
    /// What shares it.
    pub sharing: *mut nsw_sharing,
    /// Publish and subscribe; NULL: none.
    pub topics: *mut nsw_topics,
    /// Requests and answers; NULL: none.
    pub requests: *mut nsw_requests,
    /// Nodes of groups that agree, by the number of the group, which is the same at all
    /// members; NULL in a place: this member is not in that group. Their `id` is this member's
    /// number, and their `message` at most what nsw_node_info tells. Records, entries and events
    /// are the caller's to take, as without a node.
    pub groups: *const *mut nsw_raft,
    /// Missions; NULL: none.
    pub missions: *mut nsw_missions,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_node_parts {
    const LEAST: usize = core::mem::offset_of!(nsw_node_parts, missions);
}

/// What has happened. NSW_NODE_EVENT_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_node_event {
    /// sizeof(nsw_node_event); NSW_NODE_EVENT_INIT sets it.
    pub size: u32,
    /// An NSW_NODE_ constant.
    pub kind: u32,
    /// The number of the member; 0 where there is none.
    pub id: u64,
    /// NSW_NODE_DISCONNECTED, NSW_NODE_NOT_JOINED: why, an NSW_REASON_ constant.
    pub reason: u32,
    /// NSW_NODE_NOT_JOINED: which address it was, by the order of nsw_node_join, from 0 on.
    pub seed: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_node_event {
    const LEAST: usize = size_of::<nsw_node_event>();
}

impl From<Event> for nsw_node_event {
    fn from(event: Event) -> nsw_node_event {
        let none = nsw_node_event { size: 0, kind: 0, id: 0, reason: 0, seed: 0 };
        let of = |kind, id| nsw_node_event { kind, id, ..none };
        match event {
            Event::Member { id, change } => {
                let kind = match change {
                    Change::Joined => NSW_NODE_MEMBER_JOINED,
                    Change::Said => NSW_NODE_MEMBER_SAID,
                    Change::Suspected => NSW_NODE_MEMBER_SUSPECTED,
                    Change::Cleared => NSW_NODE_MEMBER_CLEARED,
                    Change::Died => NSW_NODE_MEMBER_DIED,
                    Change::Left => NSW_NODE_MEMBER_LEFT,
                };
                of(kind, id)
            }
            Event::Connected { id } => of(NSW_NODE_CONNECTED, id),
            Event::Disconnected { id, reason } => {
                nsw_node_event { reason: reason as u32, ..of(NSW_NODE_DISCONNECTED, id) }
            }
            Event::Joined { with } => of(NSW_NODE_JOINED, with),
            Event::NotJoined { seed, reason } => {
                let (reason, seed) = (reason as u32, seed as u32);
                nsw_node_event { reason, seed, ..of(NSW_NODE_NOT_JOINED, 0) }
            }
            Event::Quarantined { id } => of(NSW_NODE_QUARANTINED, id),
            Event::Left => of(NSW_NODE_LEFT, 0),
        }
    }
}

/// What is known of a member. NSW_NODE_MEMBER_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_node_member {
    /// sizeof(nsw_node_member); NSW_NODE_MEMBER_INIT sets it.
    pub size: u32,
    /// How it stands: an NSW_MEMBER_ constant.
    pub standing: u32,
    /// Its number.
    pub id: u64,
    /// How often it has objected, changed or begun anew, at least.
    pub incarnation: u64,
    /// Since when it stands so, by the clock here.
    pub since_us: u64,
    /// Not 0: there is a session with it.
    pub connected: u32,
    /// Not 0: it is in quarantine.
    pub quarantined: u32,
    /// What it says of itself; valid until the next call on the node.
    pub meta: *const u8,
    /// Number of these bytes.
    pub meta_len: usize,
    /// Where it says that it is to be reached.
    pub address: nsw_address,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_node_member {
    const LEAST: usize = size_of::<nsw_node_member>();
}

impl nsw_node_member {
    pub(super) fn of(member: &Member<'_>, connected: bool, quarantined: bool) -> nsw_node_member {
        nsw_node_member {
            size: 0,
            standing: member.standing as u32,
            id: member.id,
            incarnation: member.incarnation,
            since_us: member.since_us,
            connected: connected.into(),
            quarantined: quarantined.into(),
            meta: member.meta.as_ptr(),
            meta_len: member.meta.len(),
            address: nsw_address::of(&member.address),
        }
    }
}

/// What a member did last that it must not do. NSW_NODE_EVIDENCE_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_node_evidence {
    /// sizeof(nsw_node_evidence); NSW_NODE_EVIDENCE_INIT sets it.
    pub size: u32,
    /// How often it did something.
    pub strikes: u32,
    /// Who.
    pub id: u64,
    /// When it did the last of it, by the clock here.
    pub at_us: u64,
    /// Until when it is in quarantine; 0: it is not.
    pub until_us: u64,
    /// What was wrong: an NSW_ERR_ constant.
    pub error: i32,
    /// With a message of which part: docs/node-format.md.
    pub channel: u32,
    /// The first bytes of that message.
    pub bytes: [u8; 16],
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_node_evidence {
    const LEAST: usize = size_of::<nsw_node_evidence>();
}

impl From<&Evidence> for nsw_node_evidence {
    fn from(evidence: &Evidence) -> nsw_node_evidence {
        nsw_node_evidence {
            size: 0,
            strikes: evidence.strikes.into(),
            id: evidence.id,
            at_us: evidence.at_us,
            until_us: evidence.until_us,
            error: evidence.error.code(),
            channel: evidence.channel.into(),
            bytes: evidence.bytes,
        }
    }
}

/// What a node is and has counted. NSW_NODE_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_node_info {
    /// sizeof(nsw_node_info); NSW_NODE_INFO_INIT sets it.
    pub size: u32,
    /// The most bytes of a message of a part.
    pub max_message: u32,
    /// This member's number: of the members of a swarm, nobody else's.
    pub id: u64,
    /// Its identity.
    pub identity: nsw_key,
    /// How many members take part, as far as is known, this one among them.
    pub members: u32,
    /// How many there is a session with.
    pub connected: u32,
    /// How much slower than it should be this member seems to be: 0 is healthy.
    pub health: u32,
    /// 0.
    pub reserved: u32,
    /// Datagrams that came.
    pub received: u64,
    /// Datagrams that were sent.
    pub sent: u64,
    /// Bytes of those that came.
    pub received_bytes: u64,
    /// Bytes of those that were sent.
    pub sent_bytes: u64,
    /// Datagrams that the transport refused.
    pub unsent: u64,
    /// Datagrams that were no frames of a session or handshake with somebody trusted.
    pub refused: u64,
    /// Messages that no part is for.
    pub unknown: u64,
    /// Messages that parts did not take.
    pub failed: u64,
    /// Those among them that break the protocol.
    pub violations: u64,
    /// Messages that were not sent: there is no session, and no room to begin one; or it is too
    /// old.
    pub dropped: u64,
    /// Sessions that ended to make room for others.
    pub evicted: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_node_info {
    const LEAST: usize = size_of::<nsw_node_info>();
}
