//! What a node is made for.

use super::log::{CLIENT, HEAD as ENTRY_HEAD};
use super::members::ROW as MEMBER;
use super::message::{META, What};
use super::parts;
use super::sessions::ROW as SESSION;
use super::types::NodeId;
use crate::error::{Error, Result};

/// Most members of a membership, old and new together.
pub const MOST_PEERS: usize = 64;
/// Most entries, reads, forwards, and twice the sessions.
const MOST_COUNT: usize = 1 << 20;
/// Most bytes of anything.
const MOST_BYTES: usize = 1 << 24;
/// Longest times, in microseconds: an hour.
pub(super) const MOST_TIME: u64 = 3_600_000_000;

/// Entries that have room when all of `entries` are taken: leaders' empty ones and the end of
/// a joint membership. Without room for them a full log could never be committed.
pub(super) const SPARE: usize = 6;

/// What a node is made for. All memory is asked for at creation.
///
/// A build without `std` has forwarded proposals, leases, clients, transfers, witnesses, and entries from
/// storage, if the features `raft-forward`, `raft-lease`, `raft-sessions`, `raft-transfer`, `raft-witness` and
/// `raft-fetch` are on. All members of a group are to have the same clients and witnesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaftConfig {
    /// This node, not 0.
    pub id: NodeId,
    /// Most members at once, those of a membership that is being left included, 1 to 64.
    pub peers: usize,
    /// Most entries in memory, 2 to 2^20. Those that are not committed, durable and applied are there;
    /// older ones as long as there is room.
    pub entries: usize,
    /// Bytes for their data, `max_entry` to 2^24. An entry of a client takes 16 more than its data.
    pub bytes: usize,
    /// Longest proposal in bytes, 1 to 2^20.
    pub max_entry: usize,
    /// Longest message in bytes, at most 2^24: [`least_message`](RaftConfig::least_message) or more.
    pub message: usize,
    /// Most bytes of a snapshot's chunk, and of entries that are fetched from storage at once, at most 2^24; an
    /// entry at least, with 4 bytes in front of it: `max_entry` and 20 (4 without `sessions`), and 5 more than
    /// 10 for each of `peers`. The same at all members. 0: neither is possible; entries stay
    /// in memory until a snapshot stands for them, and a follower that is behind those is lost.
    pub chunk: usize,
    /// Clients that are remembered for exactly-once, at most 2^19. The same at all members. 0: none. Each takes 24
    /// bytes of a [`message`](RaftConfig::message).
    pub sessions: usize,
    /// Most reads that wait at once, those of followers included, at most 2^20.
    pub reads: usize,
    /// Most messages with entries on the way to a peer, 1 to 2^20.
    pub inflight: usize,
    /// Most proposals that this node has forwarded and not heard of, at most 2^20; each takes
    /// `max_entry` bytes.
    pub forwards: usize,
    /// The election timeout is drawn from `election_us..2 * election_us`, in microseconds; 2 to an
    /// hour's. The same at all members; each may wait longer: [`set_timeouts`](super::Raft::set_timeouts).
    pub election_us: u64,
    /// How often a leader is heard, in microseconds; at most half of `election_us`.
    pub heartbeat_us: u64,
    /// Ask before an election whether it would be won (thesis, 9.6): who was away disturbs nobody.
    pub pre_vote: bool,
    /// A leader that does not hear a majority for [`patience_us`](super::Timeouts::patience_us) (`election_us`, unless
    /// it is set) steps down, and nobody who has heard a leader in the last `election_us`, or was started in
    /// that time, votes for another (thesis, 6.2 and 4.2.3).
    pub check_quorum: bool,
    /// Reads by lease, without asking the others: clocks run at the same rate to within so many parts in
    /// a million, less than 400,000. Needs `check_quorum`, here and at all members. Nothing: by read-index,
    /// whatever the clocks do.
    pub lease_drift_ppm: Option<u32>,
    /// Who should lead: a lower one stands up to `election_us` later, the first time that it hears no
    /// leader. 0: only if asked to by [`transfer`](super::Raft::transfer).
    pub priority: u8,
    /// This node holds no data of entries: it is a [`Witness`](super::MemberKind::Witness).
    pub witness: bool,
    /// The seed of its timeouts, and of the numbers of its questions to a leader; another at each
    /// node, and at each start if the clock begins anew with it.
    pub seed: u64,
}

impl Default for RaftConfig {
    /// For a handful of servers: 7 members, 1,024 entries, 256 KiB, entries of up to 4 KiB, messages of
    /// 64 KiB, chunks of 16 KiB, 64 clients, 64 reads, 16 messages on the way, 4 forwarded; 300 ms and 50 ms;
    /// pre-vote and check-quorum; no lease. No clients, and none forwarded, in a build without these.
    fn default() -> Self {
        RaftConfig {
            id: NodeId(0),
            peers: 7,
            entries: 1024,
            bytes: 262_144,
            max_entry: 4096,
            message: 65_536,
            chunk: 16_384,
            sessions: if parts::SESSIONS { 64 } else { 0 },
            reads: 64,
            inflight: 16,
            forwards: if parts::FORWARD { 4 } else { 0 },
            election_us: 300_000,
            heartbeat_us: 50_000,
            pre_vote: true,
            check_quorum: true,
            lease_drift_ppm: None,
            priority: 255,
            witness: false,
            seed: 0,
        }
    }
}

impl RaftConfig {
    /// The least that [`message`](RaftConfig::message) may be, in bytes: a message with the longest entry,
    /// and one with the membership, all clients and a chunk.
    pub const fn least_message(&self) -> usize {
        let members = self.members_len();
        let append = ENTRY_HEAD + self.longest();
        let clients = self.sessions.saturating_mul(SESSION);
        let snapshot = META + members + clients.saturating_add(self.chunk);
        What::Append.len() + if append > snapshot { append } else { snapshot }
    }

    /// Most data of an entry, with what stands in front of it.
    pub(super) const fn longest(&self) -> usize {
        let front = if self.sessions > 0 { CLIENT } else { 0 };
        let entry = self.max_entry.saturating_add(front);
        let members = self.members_len();
        if entry > members { entry } else { members }
    }

    /// Most bytes of a membership.
    pub(super) const fn members_len(&self) -> usize {
        1 + MEMBER * if self.peers < MOST_PEERS { self.peers } else { MOST_PEERS }
    }

    /// Whether entries can be asked for from storage.
    pub(super) const fn fetches(&self) -> bool {
        parts::FETCH && self.chunk > 0
    }

    /// Refuses what is outside its range, or is not in this build.
    pub(super) fn check(&self) -> Result<()> {
        let counts = [
            (self.peers, 1, MOST_PEERS),
            (self.entries, 2, MOST_COUNT),
            (self.bytes, self.max_entry, MOST_BYTES),
            (self.max_entry, 1, 1 << 20),
            (self.sessions, 0, MOST_COUNT / 2),
            (self.reads, 0, MOST_COUNT),
            (self.inflight, 1, MOST_COUNT),
            (self.forwards, 0, MOST_COUNT),
            (self.chunk, 0, MOST_BYTES),
            (self.message, self.least_message(), MOST_BYTES),
        ];
        let fine = counts.iter().all(|(value, least, most)| (least..=most).contains(&value))
            && self.id != NodeId(0)
            && self.election_us >= 2
            && self.election_us <= MOST_TIME
            && self.heartbeat_us > 0
            && self.heartbeat_us <= self.election_us / 2
            && (self.chunk == 0 || self.chunk >= ENTRY_HEAD + self.longest())
            && self.lease_drift_ppm.is_none_or(|ppm| self.check_quorum && ppm < 400_000);
        let built = (parts::FORWARD || self.forwards == 0)
            && (parts::LEASE || self.lease_drift_ppm.is_none())
            && (parts::SESSIONS || self.sessions == 0)
            && (parts::WITNESS || !self.witness);
        match fine {
            false => Err(Error::Invalid),
            true if !built => Err(Error::Unsupported),
            true => Ok(()),
        }
    }
}
