//! What a Raft node is made for, and how it does.

use super::structs::{self, Versioned};
use crate::consensus::raft::{
    MemberKind, MemberStatus, NodeId, PeerStatus, ProgressState, Role, Status,
};

/// In a configuration of a node: none of these, where 0 means the default.
pub const NSW_RAFT_NONE: u32 = u32::MAX;

const _: () = assert!(NSW_RAFT_NONE == structs::NONE);
/// The most members of a membership, old and new together.
pub const NSW_RAFT_MAX_PEERS: u32 = 64;

/// A role: takes what a leader says.
pub const NSW_RAFT_FOLLOWER: u32 = 0;
/// A role: asks whether it would be elected, and changes nothing by it.
pub const NSW_RAFT_PRE_CANDIDATE: u32 = 1;
/// A role: asks for votes.
pub const NSW_RAFT_CANDIDATE: u32 = 2;
/// A role: appends entries and tells the others.
pub const NSW_RAFT_LEADER: u32 = 3;

/// No kind of member: one that is removed, or is not there yet.
pub const NSW_RAFT_NO_MEMBER: u32 = 0;
/// A kind of member: has all entries, votes, may lead.
pub const NSW_RAFT_VOTER: u32 = 1;
/// A kind of member: has all entries and does not vote.
pub const NSW_RAFT_LEARNER: u32 = 2;
/// A kind of member: votes and acknowledges entries of which it has index and term alone.
/// Never leads.
pub const NSW_RAFT_WITNESS: u32 = 3;

/// How replication goes: one message at a time, until it is known where the logs meet.
pub const NSW_RAFT_PROBE: u32 = 0;
/// How replication goes: messages follow each other without waiting.
pub const NSW_RAFT_REPLICATE: u32 = 1;
/// How replication goes: the member needs a snapshot.
pub const NSW_RAFT_SNAPSHOT: u32 = 2;

const _: () = {
    assert!(NSW_RAFT_MAX_PEERS as usize == crate::consensus::raft::MOST_PEERS);
    assert!(NSW_RAFT_FOLLOWER == Role::Follower as u32);
    assert!(NSW_RAFT_PRE_CANDIDATE == Role::PreCandidate as u32);
    assert!(NSW_RAFT_CANDIDATE == Role::Candidate as u32);
    assert!(NSW_RAFT_LEADER == Role::Leader as u32);
    assert!(NSW_RAFT_VOTER == MemberKind::Voter as u32);
    assert!(NSW_RAFT_LEARNER == MemberKind::Learner as u32);
    assert!(NSW_RAFT_WITNESS == MemberKind::Witness as u32);
    assert!(NSW_RAFT_PROBE == ProgressState::Probe as u32);
    assert!(NSW_RAFT_REPLICATE == ProgressState::Replicate as u32);
    assert!(NSW_RAFT_SNAPSHOT == ProgressState::Snapshot as u32);
};

/// What a node is made for. NSW_RAFT_CONFIG_INIT, then `id`; every other zero means the
/// default. Times are in microseconds of the caller's monotonic clock. Read during the call
/// only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_raft_config {
    /// sizeof(nsw_raft_config); NSW_RAFT_CONFIG_INIT sets it.
    pub size: u32,
    /// The most members at once, those of a membership that is being left included, 1 to
    /// NSW_RAFT_MAX_PEERS; 0 means 7.
    pub peers: u32,
    /// This node: not 0, and never another's again.
    pub id: u64,
    /// The seed of its timeouts, and of the numbers of its questions to a leader; another at
    /// each node, and at each start if the clock begins anew with it.
    pub seed: u64,
    /// The election timeout is drawn from this to twice this, at most an hour; 0 means 300
    /// milliseconds. The same at all members.
    pub election_us: u64,
    /// How often a leader is heard, at most half of `election_us`; 0 means 50 milliseconds.
    pub heartbeat_us: u64,
    /// The most entries in memory, 2 to 2^20; 0 means 1,024. Those that are not committed,
    /// durable and applied are there; older ones as long as there is room.
    pub entries: u32,
    /// Bytes for their data, `max_entry` to 2^24; 0 means 262,144. An entry of a client takes
    /// 16 more than its data.
    pub bytes: u32,
    /// The longest proposal, in bytes, 1 to 2^20; 0 means 4,096.
    pub max_entry: u32,
    /// The longest message, in bytes, at most 2^24: what nsw_raft_least_message says, or more;
    /// 0 means 65,536.
    pub message: u32,
    /// The most bytes of a snapshot's chunk, and of entries that are fetched from storage at
    /// once, at most 2^24; 0 means 16,384. The same at all members. NSW_RAFT_NONE: neither is
    /// possible; entries stay in memory until a snapshot stands for them, and a follower that
    /// is behind those is lost.
    pub chunk: u32,
    /// Clients that are remembered for exactly-once; 0 means 64, NSW_RAFT_NONE none. The same
    /// at all members.
    pub sessions: u32,
    /// The most reads that wait at once, those of followers included, at most 2^20; 0 means
    /// 64, NSW_RAFT_NONE none.
    pub reads: u32,
    /// The most messages with entries on the way to a peer, 1 to 2^20; 0 means 16.
    pub inflight: u32,
    /// The most proposals that this node has forwarded and not heard of, at most 2^20, each
    /// of which takes `max_entry` bytes; 0 means 4, NSW_RAFT_NONE none.
    pub forwards: u32,
    /// Not 0: reads by lease, without asking the others: clocks run at the same rate to within
    /// so many parts in a million, fewer than 400,000; NSW_RAFT_NONE: at exactly the same.
    /// Wants check-quorum, here and at all members. 0: by read-index, whatever the clocks do.
    pub lease_drift_ppm: u32,
    /// Who should lead, 1 to 255: a lower one stands up to `election_us` later, the first time
    /// that it hears no leader; 0 means 255. NSW_RAFT_NONE: only if asked to by
    /// nsw_raft_transfer.
    pub priority: u32,
    /// Not 0: this node holds no data of entries: it is an NSW_RAFT_WITNESS.
    pub witness: u32,
    /// Not 0: elections begin without asking whether they would be won (thesis, 9.6).
    pub no_pre_vote: u32,
    /// Not 0: a leader that hears no majority for `patience_us` (nsw_raft_timeouts) goes on, and
    /// nodes vote even if they hear a leader, or were started less than `election_us` ago and may
    /// have (thesis, 6.2 and 4.2.3).
    pub no_check_quorum: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_raft_config {
    const LEAST: usize = core::mem::offset_of!(nsw_raft_config, seed);
}

/// A member, or a change of one. NSW_RAFT_MEMBER(id, kind).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_raft_member {
    /// sizeof(nsw_raft_member), the same in every element of an array.
    pub size: u32,
    /// NSW_RAFT_VOTER, NSW_RAFT_LEARNER or NSW_RAFT_WITNESS. In a change NSW_RAFT_NO_MEMBER
    /// removes it; a witness stays one until then: it has no data that it could become a voter
    /// with.
    pub kind: u32,
    /// Who: not 0.
    pub id: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_raft_member {
    const LEAST: usize = size_of::<nsw_raft_member>();
}

/// A member as it is. NSW_RAFT_PEER_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_raft_peer {
    /// sizeof(nsw_raft_peer); NSW_RAFT_PEER_INIT sets it.
    pub size: u32,
    /// What it is: NSW_RAFT_VOTER and the like; NSW_RAFT_NO_MEMBER if it is being removed.
    pub kind: u32,
    /// Who.
    pub id: u64,
    /// What it was, if the membership is a joint one; else NSW_RAFT_NO_MEMBER.
    pub old_kind: u32,
    /// At a leader: how replication goes, NSW_RAFT_PROBE and the like.
    pub state: u32,
    /// At a leader: up to where its log is known to be durable and the same. Of this node
    /// itself, and at others, 0.
    pub matched: u64,
    /// At a leader: the next entry that it gets; else 0.
    pub next: u64,
    /// At a leader: when it was last heard; else 0.
    pub heard_us: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_raft_peer {
    const LEAST: usize = core::mem::offset_of!(nsw_raft_peer, old_kind);
}

/// How a node does. NSW_RAFT_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_raft_info {
    /// sizeof(nsw_raft_info); NSW_RAFT_INFO_INIT sets it.
    pub size: u32,
    /// What it does: NSW_RAFT_FOLLOWER and the like.
    pub role: u32,
    /// Who it is.
    pub id: u64,
    /// Its term.
    pub term: u64,
    /// For whom it voted in it; 0: nobody.
    pub vote: u64,
    /// Who leads, as far as it knows; 0: nobody.
    pub leader: u64,
    /// Entries up to here are committed.
    pub commit: u64,
    /// Entries up to here are applied.
    pub applied: u64,
    /// The first entry in memory; one behind the last if there is none.
    pub first: u64,
    /// The last entry.
    pub last: u64,
    /// The term of the last entry.
    pub last_term: u64,
    /// Entries up to here are durable.
    pub durable: u64,
    /// What the newest snapshot stands for.
    pub snapshot: u64,
    /// The entry with the membership that is in force.
    pub members: u64,
    /// Records that are not durable.
    pub records: u64,
    /// 1 if the membership is a joint one, else 0.
    pub joint: u32,
    /// 1 if the node has stopped for good (NSW_ERR_RAFT_HALTED), else 0.
    pub halted: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_raft_info {
    const LEAST: usize = core::mem::offset_of!(nsw_raft_info, term);
}

/// 0 for nobody.
pub(super) fn id(node: Option<NodeId>) -> u64 {
    node.map_or(0, |node| node.0)
}

fn code(kind: Option<MemberKind>) -> u32 {
    kind.map_or(NSW_RAFT_NO_MEMBER, |kind| kind as u32)
}

impl nsw_raft_peer {
    /// A member, and how the leader sees it if this node leads.
    pub(super) fn of(member: MemberStatus, seen: Option<PeerStatus>) -> nsw_raft_peer {
        let seen = seen.unwrap_or_default();
        nsw_raft_peer {
            size: 0,
            kind: code(member.kind),
            id: member.id.0,
            old_kind: code(member.old),
            state: seen.state as u32,
            matched: seen.matched,
            next: seen.next,
            heard_us: seen.heard_us,
        }
    }
}

impl From<Status> for nsw_raft_info {
    fn from(status: Status) -> nsw_raft_info {
        nsw_raft_info {
            size: 0,
            role: status.role as u32,
            id: status.id.0,
            term: status.term,
            vote: id(status.vote),
            leader: id(status.leader),
            commit: status.commit,
            applied: status.applied,
            first: status.first,
            last: status.last,
            last_term: status.last_term,
            durable: status.durable,
            snapshot: status.snapshot,
            members: status.members,
            records: status.records,
            joint: status.joint.into(),
            halted: status.halted.into(),
        }
    }
}
