//! What a Raft node hands out and takes back: records, entries, events, bytes of snapshots.

use super::raft_types::id;
use super::slices::input;
use super::status::nsw_status;
use super::structs::Versioned;
use crate::consensus::raft::{
    ChunkWanted, Committed, EntryKind, EntryRef, Event, Fetch, NodeId, Record, RecordNumber,
    SnapshotWrite,
};
use crate::error::{Error, Result};

/// A kind of entry: a leader's first, by which it commits what is before it. It is empty.
pub const NSW_RAFT_ENTRY_EMPTY: u32 = 0;
/// A kind of entry: a proposal.
pub const NSW_RAFT_ENTRY_DATA: u32 = 1;
/// A kind of entry: a proposal of a client.
pub const NSW_RAFT_ENTRY_SESSION: u32 = 2;
/// A kind of entry: a membership.
pub const NSW_RAFT_ENTRY_MEMBERS: u32 = 3;
/// A kind of entry: the end of a joint membership: the new one alone. It is empty.
pub const NSW_RAFT_ENTRY_LEAVE: u32 = 4;
/// A kind of entry: a proposal whose data a witness does not have.
pub const NSW_RAFT_ENTRY_HOLLOW: u32 = 5;
/// No entry, but the snapshot that was written last: it replaces the state of the
/// application.
pub const NSW_RAFT_ENTRY_SNAPSHOT: u32 = 255;

/// A kind of record: term and vote; replaces the one before.
pub const NSW_RAFT_RECORD_STATE: u32 = 1;
/// A kind of record: an entry. One whose index is not behind the last one replaces that one
/// and all after it.
pub const NSW_RAFT_RECORD_ENTRY: u32 = 2;
/// A kind of record: entries up to `index` are committed. Saves what a restart would have to
/// hear again, and lets older entries leave memory.
pub const NSW_RAFT_RECORD_COMMIT: u32 = 3;
/// A kind of record: a snapshot takes the place of the entries up to `index`. If the log does
/// not hold an entry of that index and term, it takes the place of all entries.
pub const NSW_RAFT_RECORD_SNAPSHOT: u32 = 4;

/// An event: `role` is another, in `term`. What changed more than once since the event before
/// is told once.
pub const NSW_RAFT_EVENT_ROLE: u32 = 1;
/// An event: `node` leads in `term`; 0: nobody that is known.
pub const NSW_RAFT_EVENT_LEADER: u32 = 2;
/// An event: another membership is in force, that of entry `index`; `joint` is 1 while it is
/// old and new together.
pub const NSW_RAFT_EVENT_MEMBERS: u32 = 3;
/// An event: whoever reads the application's state now, reads all that was committed when
/// nsw_raft_read was called with `token`. `index` is the entry that had to be applied.
pub const NSW_RAFT_EVENT_READ_READY: u32 = 4;
/// An event: the read of `token` was not possible; ask again.
pub const NSW_RAFT_EVENT_READ_FAILED: u32 = 5;
/// An event: the leader has appended the forwarded proposal `sequence` of `client` as entry
/// `index`. It can be lost still, with the leader.
pub const NSW_RAFT_EVENT_FORWARDED: u32 = 6;
/// An event: the leader has refused the forwarded proposal `sequence` of `client`, for `error`,
/// or has not answered in `patience_us` of nsw_raft_timeouts (NSW_ERR_RAFT_NO_LEADER): then it may be
/// appended or not. With NSW_ERR_RAFT_DUPLICATE it is in the leader's log, and perhaps not
/// agreed on yet.
pub const NSW_RAFT_EVENT_REFUSED: u32 = 7;
/// An event: `node` was to lead, and does not after `patience_us` of nsw_raft_timeouts.
pub const NSW_RAFT_EVENT_TRANSFER_FAILED: u32 = 8;

const _: () = {
    assert!(NSW_RAFT_ENTRY_EMPTY == EntryKind::Empty as u32);
    assert!(NSW_RAFT_ENTRY_DATA == EntryKind::Data as u32);
    assert!(NSW_RAFT_ENTRY_SESSION == EntryKind::Session as u32);
    assert!(NSW_RAFT_ENTRY_MEMBERS == EntryKind::Members as u32);
    assert!(NSW_RAFT_ENTRY_LEAVE == EntryKind::Leave as u32);
    assert!(NSW_RAFT_ENTRY_HOLLOW == EntryKind::Hollow as u32);
};

/// What has to be durable, or was. NSW_RAFT_RECORD_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_raft_record {
    /// sizeof(nsw_raft_record); NSW_RAFT_RECORD_INIT sets it.
    pub size: u32,
    /// NSW_RAFT_RECORD_STATE, NSW_RAFT_RECORD_ENTRY, NSW_RAFT_RECORD_COMMIT or
    /// NSW_RAFT_RECORD_SNAPSHOT.
    pub kind: u32,
    /// For nsw_raft_durable: 1 for the first record since the start, then one more for each.
    /// Need not be kept.
    pub number: u64,
    /// The term; of an entry that of the leader that appended it.
    pub term: u64,
    /// Of a state: for whom this node voted in the term; 0: nobody.
    pub vote: u64,
    /// Of an entry its place, 1 for the first; of a commit and a snapshot the last entry that
    /// it stands for.
    pub index: u64,
    /// Of an entry: what it is, NSW_RAFT_ENTRY_DATA and the like.
    pub entry_kind: u32,
    /// 0.
    pub reserved: u32,
    /// Of an entry its bytes, of a snapshot the membership (docs/raft-format.md), `data_len`
    /// bytes.
    pub data: *const u8,
    /// How many.
    pub data_len: usize,
    /// Of a snapshot: the clients (docs/raft-format.md), `sessions_len` bytes.
    pub sessions: *const u8,
    /// How many.
    pub sessions_len: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_raft_record {
    const LEAST: usize = size_of::<nsw_raft_record>();
}

/// What the application has to do next. NSW_RAFT_ENTRY_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_raft_entry {
    /// sizeof(nsw_raft_entry); NSW_RAFT_ENTRY_INIT sets it.
    pub size: u32,
    /// What it is. NSW_RAFT_ENTRY_DATA and NSW_RAFT_ENTRY_SESSION are to be applied;
    /// NSW_RAFT_ENTRY_SNAPSHOT is no entry; others hold nothing for the application, but count
    /// for nsw_raft_applied.
    pub kind: u32,
    /// Its place, one behind that of the entry before; of a snapshot the last entry that it
    /// stands for.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// The client that proposed it; 0 if none.
    pub client: u64,
    /// Which of the client's proposals.
    pub sequence: u64,
    /// What was proposed, `data_len` bytes.
    pub data: *const u8,
    /// How many.
    pub data_len: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_raft_entry {
    const LEAST: usize = size_of::<nsw_raft_entry>();
}

/// What has happened. NSW_RAFT_EVENT_INIT before it is filled. What an event does not have
/// is 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_raft_event {
    /// sizeof(nsw_raft_event); NSW_RAFT_EVENT_INIT sets it.
    pub size: u32,
    /// NSW_RAFT_EVENT_ROLE and the like.
    pub kind: u32,
    /// Which role.
    pub role: u32,
    /// Whether the membership is a joint one.
    pub joint: u32,
    /// In which term.
    pub term: u64,
    /// Who.
    pub node: u64,
    /// Which entry.
    pub index: u64,
    /// Which read.
    pub token: u64,
    /// Whose proposal,
    pub client: u64,
    /// and which.
    pub sequence: u64,
    /// Why: an NSW_ERR_ constant.
    pub error: nsw_status,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_raft_event {
    const LEAST: usize = size_of::<nsw_raft_event>();
}

/// Entries that are wanted from storage. NSW_RAFT_FETCH_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_raft_fetch {
    /// sizeof(nsw_raft_fetch); NSW_RAFT_FETCH_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// For whom; this node itself if it has to apply them.
    pub to: u64,
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_raft_fetch {
    const LEAST: usize = size_of::<nsw_raft_fetch>();
}

/// Bytes of a snapshot that a follower needs. NSW_RAFT_CHUNK_WANTED_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_raft_chunk_wanted {
    /// sizeof(nsw_raft_chunk_wanted); NSW_RAFT_CHUNK_WANTED_INIT sets it.
    pub size: u32,
    /// Which transfer, for the library.
    pub session: u32,
    /// Who needs them.
    pub to: u64,
    /// Which snapshot: the index that nsw_raft_compact was called with.
    pub index: u64,
    /// From which byte on.
    pub offset: u64,
    /// At most so many; fewer only at the end of the snapshot.
    pub len: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_raft_chunk_wanted {
    const LEAST: usize = size_of::<nsw_raft_chunk_wanted>();
}

/// Bytes of a snapshot that have arrived. NSW_RAFT_SNAPSHOT_WRITE_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_raft_snapshot_write {
    /// sizeof(nsw_raft_snapshot_write); NSW_RAFT_SNAPSHOT_WRITE_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// For nsw_raft_snapshot_written.
    pub number: u64,
    /// Which snapshot: its last entry,
    pub index: u64,
    /// and that entry's term.
    pub term: u64,
    /// Where the bytes belong. At 0 whatever was written of another snapshot is to be
    /// forgotten.
    pub offset: u64,
    /// Bytes of the whole snapshot.
    pub total: u64,
    /// The bytes, `bytes_len` of them.
    pub bytes: *const u8,
    /// How many.
    pub bytes_len: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_raft_snapshot_write {
    const LEAST: usize = size_of::<nsw_raft_snapshot_write>();
}

impl nsw_raft_record {
    pub(super) fn of(number: RecordNumber, record: Record<'_>) -> nsw_raft_record {
        let mut filled = nsw_raft_record {
            size: 0,
            kind: 0,
            number: number.0,
            term: 0,
            vote: 0,
            index: 0,
            entry_kind: 0,
            reserved: 0,
            data: core::ptr::null(),
            data_len: 0,
            sessions: core::ptr::null(),
            sessions_len: 0,
        };
        match record {
            Record::State { term, vote } => {
                (filled.kind, filled.term, filled.vote) = (NSW_RAFT_RECORD_STATE, term, id(vote));
            }
            Record::Entry { index, term, kind, data } => {
                (filled.kind, filled.index, filled.term) = (NSW_RAFT_RECORD_ENTRY, index, term);
                filled.entry_kind = kind as u32;
                (filled.data, filled.data_len) = (data.as_ptr(), data.len());
            }
            Record::Commit { index } => {
                (filled.kind, filled.index) = (NSW_RAFT_RECORD_COMMIT, index);
            }
            Record::Snapshot { index, term, members, sessions } => {
                (filled.kind, filled.index, filled.term) = (NSW_RAFT_RECORD_SNAPSHOT, index, term);
                (filled.data, filled.data_len) = (members.as_ptr(), members.len());
                (filled.sessions, filled.sessions_len) = (sessions.as_ptr(), sessions.len());
            }
        }
        filled
    }

    /// Refuses what this library does not know.
    fn check(&self) -> Result<()> {
        if self.reserved == 0 { Ok(()) } else { Err(Error::RaftFormat) }
    }

    /// The entry that the caller's record is.
    ///
    /// # Safety
    /// `data` is what the documentation says, for `'a`.
    pub(super) unsafe fn entry<'a>(&self) -> Result<EntryRef<'a>> {
        self.check()?;
        let kind = u8::try_from(self.entry_kind).ok().and_then(EntryKind::from_code);
        let kind = kind.ok_or(Error::RaftFormat)?;
        // SAFETY: the caller's word.
        let data = unsafe { input(self.data, self.data_len) }?;
        Ok(EntryRef { index: self.index, term: self.term, kind, data })
    }

    /// What the caller's record says.
    ///
    /// # Safety
    /// `data` and `sessions` are what the documentation says, for `'a`.
    pub(super) unsafe fn get<'a>(&self) -> Result<Record<'a>> {
        self.check()?;
        let (index, term) = (self.index, self.term);
        Ok(match self.kind {
            NSW_RAFT_RECORD_STATE => {
                Record::State { term, vote: (self.vote != 0).then_some(NodeId(self.vote)) }
            }
            NSW_RAFT_RECORD_ENTRY => {
                // SAFETY: the caller's word.
                let EntryRef { index, term, kind, data } = unsafe { self.entry() }?;
                Record::Entry { index, term, kind, data }
            }
            NSW_RAFT_RECORD_COMMIT => Record::Commit { index },
            NSW_RAFT_RECORD_SNAPSHOT => {
                // SAFETY: the caller's word.
                let (members, sessions) = unsafe {
                    let members = input(self.data, self.data_len)?;
                    (members, input(self.sessions, self.sessions_len)?)
                };
                Record::Snapshot { index, term, members, sessions }
            }
            _ => return Err(Error::RaftFormat),
        })
    }
}

impl From<Committed<'_>> for nsw_raft_entry {
    fn from(committed: Committed<'_>) -> nsw_raft_entry {
        let (kind, index, term, client, sequence, data) = match committed {
            Committed::Entry { index, term, kind, client, sequence, data } => {
                (kind as u32, index, term, client, sequence, data)
            }
            Committed::Snapshot { index, term } => {
                (NSW_RAFT_ENTRY_SNAPSHOT, index, term, 0, 0, &[][..])
            }
        };
        let (data, data_len) = (data.as_ptr(), data.len());
        nsw_raft_entry { size: 0, kind, index, term, client, sequence, data, data_len }
    }
}

impl From<Event> for nsw_raft_event {
    fn from(event: Event) -> nsw_raft_event {
        let mut filled = nsw_raft_event {
            size: 0,
            kind: 0,
            role: 0,
            joint: 0,
            term: 0,
            node: 0,
            index: 0,
            token: 0,
            client: 0,
            sequence: 0,
            error: 0,
            reserved: 0,
        };
        match event {
            Event::Role { role, term } => {
                (filled.kind, filled.role, filled.term) = (NSW_RAFT_EVENT_ROLE, role as u32, term);
            }
            Event::Leader { leader, term } => {
                (filled.kind, filled.node, filled.term) = (NSW_RAFT_EVENT_LEADER, id(leader), term);
            }
            Event::Members { index, joint } => {
                (filled.kind, filled.index) = (NSW_RAFT_EVENT_MEMBERS, index);
                filled.joint = joint.into();
            }
            Event::ReadReady { token, index } => {
                (filled.kind, filled.token, filled.index) =
                    (NSW_RAFT_EVENT_READ_READY, token, index);
            }
            Event::ReadFailed { token } => {
                (filled.kind, filled.token) = (NSW_RAFT_EVENT_READ_FAILED, token);
            }
            Event::Forwarded { client, sequence, index } => {
                (filled.kind, filled.index) = (NSW_RAFT_EVENT_FORWARDED, index);
                (filled.client, filled.sequence) = (client, sequence);
            }
            Event::Refused { client, sequence, error } => {
                (filled.kind, filled.error) = (NSW_RAFT_EVENT_REFUSED, error.code());
                (filled.client, filled.sequence) = (client, sequence);
            }
            Event::TransferFailed { to } => {
                (filled.kind, filled.node) = (NSW_RAFT_EVENT_TRANSFER_FAILED, to.0);
            }
        }
        filled
    }
}

impl From<Fetch> for nsw_raft_fetch {
    fn from(fetch: Fetch) -> nsw_raft_fetch {
        let Fetch { to, first, last } = fetch;
        nsw_raft_fetch { size: 0, reserved: 0, to: to.0, first, last }
    }
}

impl From<ChunkWanted> for nsw_raft_chunk_wanted {
    fn from(wanted: ChunkWanted) -> nsw_raft_chunk_wanted {
        let ChunkWanted { to, index, offset, len, session } = wanted;
        nsw_raft_chunk_wanted { size: 0, session, to: to.0, index, offset, len: len as u64 }
    }
}

impl From<nsw_raft_chunk_wanted> for ChunkWanted {
    fn from(wanted: nsw_raft_chunk_wanted) -> ChunkWanted {
        let nsw_raft_chunk_wanted { session, to, index, offset, len, .. } = wanted;
        // What no memory can have is no chunk's length.
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        ChunkWanted { to: NodeId(to), index, offset, len, session }
    }
}

impl From<SnapshotWrite<'_>> for nsw_raft_snapshot_write {
    fn from(write: SnapshotWrite<'_>) -> nsw_raft_snapshot_write {
        let SnapshotWrite { number, index, term, offset, total, bytes } = write;
        let (bytes, bytes_len) = (bytes.as_ptr(), bytes.len());
        nsw_raft_snapshot_write {
            size: 0,
            reserved: 0,
            number,
            index,
            term,
            offset,
            total,
            bytes,
            bytes_len,
        }
    }
}
