//! Raft, after Ongaro's thesis (2014).

mod config;
mod types;

use core::alloc::Layout;

use crate::error::{Error, Result};
use crate::mem::{Carver, Piece};
use crate::port::Allocator;

pub use self::config::{MOST_PEERS, RaftConfig};
pub use self::types::{
    Change, ChunkWanted, Committed, EntryKind, EntryRef, Event, Fetch, Member, MemberKind,
    MemberStatus, NodeId, PeerStatus, ProgressState, Proposal, Record, RecordNumber, Role,
    SnapshotWrite, Status,
};

/// A member of a group that agrees on one sequence of entries.
pub struct Raft<'m> {
    /// Behind all of the above.
    _piece: Piece<'m>,
}

#[allow(unused_variables, clippy::missing_errors_doc)]
impl<'m> Raft<'m> {
    /// The memory that a node of this configuration takes.
    pub fn footprint(config: &RaftConfig) -> Result<Layout> {
        config.check()?;
        let _ = types::plausible(types::MOST)? + config::SPARE as u64;
        Carver::measure().layout()
    }

    /// A node that knows nothing yet.
    pub fn new(config: &RaftConfig, memory: impl Allocator<'m>) -> Result<Raft<'m>> {
        let layout = Raft::footprint(config)?;
        Ok(Raft { _piece: memory.allocate(layout)? })
    }

    /// The first membership.
    pub fn bootstrap(&mut self, members: &[Member]) -> Result<()> {
        Err(Error::Unsupported)
    }
    /// A record from storage.
    pub fn restore(&mut self, record: Record<'_>) -> Result<()> {
        Err(Error::Unsupported)
    }
    /// Begins.
    pub fn start(&mut self, now_us: u64) -> Result<()> {
        Err(Error::Unsupported)
    }
    /// A message.
    pub fn step(&mut self, from: NodeId, message: &[u8], now_us: u64) -> Result<()> {
        Err(Error::Unsupported)
    }
    /// Time.
    pub fn tick(&mut self, now_us: u64) -> Result<()> {
        Err(Error::Unsupported)
    }
    /// When the next tick is due.
    pub fn next_wake_us(&self) -> u64 {
        0
    }
    /// Proposes; the index if appended here, nothing if forwarded.
    pub fn propose(&mut self, proposal: Proposal<'_>, now_us: u64) -> Result<Option<u64>> {
        Err(Error::Unsupported)
    }
    /// A linearizable read.
    pub fn read(&mut self, token: u64, now_us: u64) -> Result<()> {
        Err(Error::Unsupported)
    }
    /// Changes the membership.
    pub fn change_members(&mut self, changes: &[Change], now_us: u64) -> Result<()> {
        Err(Error::Unsupported)
    }
    /// Another shall lead.
    pub fn transfer(&mut self, to: NodeId, now_us: u64) -> Result<()> {
        Err(Error::Unsupported)
    }
    /// The next record.
    pub fn next_record(&mut self) -> Option<(RecordNumber, Record<'_>)> {
        None
    }
    /// Records are durable.
    pub fn durable(&mut self, up_to: RecordNumber, now_us: u64) -> Result<()> {
        Err(Error::Unsupported)
    }
    /// Storage failed.
    pub fn storage_failed(&mut self) {}
    /// The next message.
    pub fn next_message(&mut self, buffer: &mut [u8]) -> Result<Option<(NodeId, usize)>> {
        Err(Error::Unsupported)
    }
    /// The next to apply.
    pub fn next_committed(&mut self) -> Option<Committed<'_>> {
        None
    }
    /// Applied. Before the start: what the application's state holds already.
    pub fn applied(&mut self, index: u64) -> Result<()> {
        Err(Error::Unsupported)
    }
    /// The next event.
    pub fn next_event(&mut self) -> Option<Event> {
        None
    }
    /// Entries that are wanted from storage.
    pub fn next_fetch(&mut self) -> Option<Fetch> {
        None
    }
    /// One of them.
    pub fn fetched(&mut self, entry: EntryRef<'_>) -> Result<()> {
        Err(Error::Unsupported)
    }
    /// Storage does not have it.
    pub fn fetch_failed(&mut self, index: u64) {}
    /// The application has a snapshot.
    pub fn compact(&mut self, index: u64) -> Result<()> {
        Err(Error::Unsupported)
    }
    /// A chunk of a snapshot that is wanted.
    pub fn next_chunk(&mut self) -> Option<ChunkWanted> {
        None
    }
    /// The message for a chunk.
    pub fn chunk(
        &mut self,
        of: ChunkWanted,
        total: u64,
        bytes: &[u8],
        buffer: &mut [u8],
    ) -> Result<(NodeId, usize)> {
        Err(Error::Unsupported)
    }
    /// The snapshot is no longer there.
    pub fn chunk_failed(&mut self, of: ChunkWanted) {}
    /// Bytes of a snapshot to be written.
    pub fn next_snapshot_write(&mut self) -> Option<SnapshotWrite<'_>> {
        None
    }
    /// They are durable. Index and offset of the write.
    pub fn snapshot_written(&mut self, index: u64, offset: u64, now_us: u64) -> Result<()> {
        Err(Error::Unsupported)
    }
    /// How the node does.
    pub fn status(&self) -> Status {
        Status::default()
    }
    /// The members.
    pub fn members(&self) -> impl Iterator<Item = MemberStatus> + '_ {
        core::iter::empty()
    }
    /// How a leader sees the others.
    pub fn peers(&self) -> impl Iterator<Item = PeerStatus> + '_ {
        core::iter::empty()
    }
}
