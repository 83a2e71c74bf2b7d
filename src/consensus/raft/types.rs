//! The words in which Raft and its caller speak.

use crate::error::{Error, Result};

/// A node: never 0, never another's again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// What a node does in its term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// Takes what a leader says.
    #[default]
    Follower = 0,
    /// Asks whether it would be elected, and changes nothing by it.
    PreCandidate = 1,
    /// Asks for votes.
    Candidate = 2,
    /// Appends entries and tells the others.
    Leader = 3,
}

/// What a member is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum MemberKind {
    /// Has all entries, votes, may lead.
    #[default]
    Voter = 1,
    /// Has all entries and does not vote.
    Learner = 2,
    /// Votes and acknowledges entries of which it has index and term alone. Never leads.
    Witness = 3,
}

impl MemberKind {
    /// The kind with this number, if there is one.
    pub const fn from_code(code: u8) -> Option<MemberKind> {
        Some(match code {
            1 => MemberKind::Voter,
            2 => MemberKind::Learner,
            3 => MemberKind::Witness,
            _ => return None,
        })
    }

    /// Whether it counts for elections and commits.
    pub const fn votes(self) -> bool {
        matches!(self, MemberKind::Voter | MemberKind::Witness)
    }
}

/// A member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub id: NodeId,
    /// What for.
    pub kind: MemberKind,
}

/// A change of membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds a member, or makes one another kind. A witness stays one until it is removed:
    /// it has no data that it could become a voter with.
    Set(Member),
    /// Removes a member.
    Remove(NodeId),
}

/// What is to be agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proposal<'a> {
    /// The entry; at most [`RaftConfig::max_entry`](super::RaftConfig::max_entry) bytes.
    pub data: &'a [u8],
    /// Who asks, for exactly-once (its limit: [`Raft::propose`](super::Raft::propose)); 0: nobody, it may be
    /// appended twice if proposed twice.
    pub client: u64,
    /// Which of the client's proposals: 1 for the first, then one more for each.
    pub sequence: u64,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum EntryKind {
    /// Nothing: a leader's first entry, by which it commits what is before it.
    #[default]
    Empty = 0,
    /// A proposal.
    Data = 1,
    /// A proposal of a client: client and sequence, 8 bytes each, in front of its data.
    Session = 2,
    /// A membership: docs/raft-format.md.
    Members = 3,
    /// The end of a joint membership: the new one alone.
    Leave = 4,
    /// A proposal whose data a witness does not have.
    Hollow = 5,
}

impl EntryKind {
    /// The kind with this number, if there is one.
    pub const fn from_code(code: u8) -> Option<EntryKind> {
        Some(match code {
            0 => EntryKind::Empty,
            1 => EntryKind::Data,
            2 => EntryKind::Session,
            3 => EntryKind::Members,
            4 => EntryKind::Leave,
            5 => EntryKind::Hollow,
            _ => return None,
        })
    }
}

/// An entry of the log, as storage has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// Its place, 1 for the first.
    pub index: u64,
    /// The term of the leader that appended it.
    pub term: u64,
    /// What it is.
    pub kind: EntryKind,
    /// Its bytes; of [`EntryKind::Session`] with client and sequence in front.
    pub data: &'a [u8],
}

/// The number of a record: 1 for the first since the start, then one more for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordNumber(pub u64);

/// What has to be durable, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// Term and vote; replaces the one before.
    State {
        /// The term.
        term: u64,
        /// For whom this node voted in it.
        vote: Option<NodeId>,
    },
    /// An entry. One whose index is not behind the last one replaces that one and all after it.
    Entry {
        /// Its place, 1 for the first.
        index: u64,
        /// The term of the leader that appended it.
        term: u64,
        /// What it is.
        kind: EntryKind,
        /// Its bytes, as in [`EntryRef`].
        data: &'a [u8],
    },
    /// Entries up to here are committed. Saves what a restart would have to hear again, and
    /// lets older entries leave memory.
    Commit {
        /// The last of them.
        index: u64,
    },
    /// A snapshot takes the place of the entries up to `index`. If the log does not hold an
    /// entry of that index and term, it takes the place of all entries.
    Snapshot {
        /// The last entry that it stands for.
        index: u64,
        /// That entry's term.
        term: u64,
        /// The membership: docs/raft-format.md.
        members: &'a [u8],
        /// The clients: docs/raft-format.md.
        sessions: &'a [u8],
    },
}

/// What the application has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed<'a> {
    /// To apply. Kinds other than [`EntryKind::Data`] and [`EntryKind::Session`] hold nothing
    /// for the application, but count for [`Raft::applied`](super::Raft::applied).
    Entry {
        /// Its place, one behind that of the entry before.
        index: u64,
        /// Its term.
        term: u64,
        /// What it is.
        kind: EntryKind,
        /// The client that proposed it; 0 if none.
        client: u64,
        /// Which of the client's proposals.
        sequence: u64,
        /// What was proposed.
        data: &'a [u8],
    },
    /// The snapshot that was written last replaces the state of the application.
    Snapshot {
        /// The last entry that it stands for.
        index: u64,
        /// That entry's term.
        term: u64,
    },
}

impl Committed<'_> {
    /// Its place in the log.
    pub const fn index(&self) -> u64 {
        match self {
            Committed::Entry { index, .. } | Committed::Snapshot { index, .. } => *index,
        }
    }
}

/// What a caller may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// This node does something else now. What changed more than once since the event before
    /// is told once.
    Role {
        /// What.
        role: Role,
        /// In which term.
        term: u64,
    },
    /// Another leader, or none, is known.
    Leader {
        /// Who.
        leader: Option<NodeId>,
        /// In which term.
        term: u64,
    },
    /// Another membership is in force.
    Members {
        /// The entry that says so.
        index: u64,
        /// Whether it is a joint one.
        joint: bool,
    },
    /// Whoever reads the application's state now, reads all that was committed when the read
    /// was asked for.
    ReadReady {
        /// What [`Raft::read`](super::Raft::read) was called with.
        token: u64,
        /// The entry that had to be applied.
        index: u64,
    },
    /// The read was not possible; ask again.
    ReadFailed {
        /// What [`Raft::read`](super::Raft::read) was called with.
        token: u64,
    },
    /// The leader has appended a proposal that was forwarded. It can be lost still, with the leader.
    Forwarded {
        /// Its client.
        client: u64,
        /// Its sequence.
        sequence: u64,
        /// Its place in the log, as long as that leader leads.
        index: u64,
    },
    /// The leader has refused a proposal that was forwarded, or has not answered in
    /// [`patience_us`](super::Timeouts::patience_us) ([`Error::RaftNoLeader`]): then it may be appended or not.
    /// With [`Error::RaftDuplicate`] it is in the leader's log, and perhaps not agreed on yet.
    Refused {
        /// Its client.
        client: u64,
        /// Its sequence.
        sequence: u64,
        /// Why.
        error: Error,
    },
    /// The transfer did not come about in [`patience_us`](super::Timeouts::patience_us).
    TransferFailed {
        /// Who was to lead.
        to: NodeId,
    },
}

/// Entries that are no longer in memory and are wanted from storage: each with
/// [`Raft::fetched`](super::Raft::fetched), in order, until one is refused with
/// [`Error::Capacity`] or the last was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// For whom; this node itself if it has to apply them.
    pub to: NodeId,
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// Bytes of a snapshot that a follower needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkWanted {
    /// Who needs them.
    pub to: NodeId,
    /// Which snapshot: the index that [`Raft::compact`](super::Raft::compact) was called with.
    pub index: u64,
    /// From which byte on.
    pub offset: u64,
    /// At most so many; fewer only at the end of the snapshot.
    pub len: usize,
    /// Which transfer, for this library.
    pub session: u32,
}

/// Bytes of a snapshot that have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotWrite<'a> {
    /// The number of this writing: 1 for the first since the start, then one more for each.
    pub number: u64,
    /// Which snapshot: its last entry,
    pub index: u64,
    /// and that entry's term.
    pub term: u64,
    /// Where the bytes belong. At 0 whatever was written of another snapshot is to be forgotten.
    pub offset: u64,
    /// Bytes of the whole snapshot.
    pub total: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// How replication to a member goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum ProgressState {
    /// One message at a time, until it is known where the logs meet.
    #[default]
    Probe = 0,
    /// Messages follow each other without waiting.
    Replicate = 1,
    /// It needs a snapshot.
    Snapshot = 2,
}

/// How a leader sees a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerStatus {
    /// Who.
    pub id: NodeId,
    /// Up to where its log is known to be durable and the same.
    pub matched: u64,
    /// The next entry that it gets.
    pub next: u64,
    /// How that goes.
    pub state: ProgressState,
    /// When it was last heard, in microseconds of the caller's clock.
    pub heard_us: u64,
}

/// A member, before and after the change of membership that is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberStatus {
    /// Who.
    pub id: NodeId,
    /// What it was, if the membership is a joint one; else nothing.
    pub old: Option<MemberKind>,
    /// What it is; nothing if it is being removed.
    pub kind: Option<MemberKind>,
}

/// How a node does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Who it is.
    pub id: NodeId,
    /// What it does.
    pub role: Role,
    /// Its term.
    pub term: u64,
    /// For whom it voted in it.
    pub vote: Option<NodeId>,
    /// Who leads, as far as it knows.
    pub leader: Option<NodeId>,
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
    /// Whether that is a joint one.
    pub joint: bool,
    /// Whether it has stopped for good ([`Error::RaftHalted`]).
    pub halted: bool,
    /// Records that are not durable.
    pub records: u64,
}

/// A number that a peer says: a bound keeps sums from overflowing.
pub(super) fn plausible(number: u64) -> Result<u64> {
    if number > MOST { Err(Error::RaftFormat) } else { Ok(number) }
}

/// The most that a term or an index of a peer may be.
pub(super) const MOST: u64 = 1 << 62;

/// A term further ahead of this node's than that is refused: whoever says one makes others follow, and all terms
/// would be used up at once.
pub(super) const MOST_AHEAD: u64 = 1 << 32;
