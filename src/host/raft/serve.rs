//! All that a node wants of storage.

use std::vec;

use super::RaftStorage;
use crate::consensus::Raft;
use crate::consensus::raft::{EntryRef, Fetch, MOST_PEERS, NodeId, RecordNumber, SnapshotWrite};
use crate::error::{Error, Result};
use crate::host::Files;

impl<F: Files> RaftStorage<F> {
    /// Does all that a node wants of storage now: its records are durable afterwards, those that were written
    /// before as well, entries that it wants are fetched, bytes of snapshots that arrive are written. To be called after whatever was done
    /// with the node, and before what it wants sent and applied is asked for; a leader's messages
    /// may be sent before as well. Then [`next_chunk`](RaftStorage::next_chunk).
    ///
    /// Waits for the disk. Who does not want to calls [`write_all`](RaftStorage::write_all),
    /// [`begin_sync`](RaftStorage::begin_sync) and [`tell_durable`](RaftStorage::tell_durable).
    ///
    /// # Errors
    /// [`Error::RaftHalted`] if the node has stopped before. All others are of the storage, as of
    /// [`append`](RaftStorage::append) and [`entries`](RaftStorage::entries): the node has stopped
    /// then, for it may not be able to keep what it has promised.
    pub fn serve(&mut self, raft: &mut Raft<'_>, now_us: u64) -> Result<()> {
        // What was written before may not be durable yet, or the node may not know.
        let mut known = false;
        while self.write_all(raft, now_us)? || !known {
            let synced = self.sync();
            let durable = stop(raft, synced)?;
            // There is none before the start.
            if durable.0 > 0 {
                raft.durable(durable, now_us)?;
            }
            known = true;
        }
        Ok(())
    }

    /// The same without waiting for records to be durable; whether there was something to do. It waits for the
    /// disk where a segment ends, and for bytes of snapshots that arrive.
    ///
    /// # Errors
    /// As [`serve`](RaftStorage::serve).
    pub fn write_all(&mut self, raft: &mut Raft<'_>, now_us: u64) -> Result<bool> {
        // A sync on another thread may have failed, and the node may want nothing.
        stop(raft, self.shared.check())?;
        let records = self.write_records(raft)?;
        let snapshots = self.write_snapshots(raft, now_us)?;
        let entries = self.fetch(raft)?;
        // It wants nothing any more, and would pass for one that has all it wants.
        if raft.status().halted {
            return Err(Error::RaftHalted);
        }
        Ok(records || snapshots || entries)
    }

    /// Appends the records that a node has for storage; whether there were some. They are not durable
    /// yet: [`sync`](RaftStorage::sync) or [`begin_sync`](RaftStorage::begin_sync), then
    /// [`tell_durable`](RaftStorage::tell_durable).
    ///
    /// # Errors
    /// As [`append`](RaftStorage::append): the node has stopped then.
    pub fn write_records(&mut self, raft: &mut Raft<'_>) -> Result<bool> {
        let mut some = false;
        while let Some((number, record)) = raft.next_record() {
            let done = self.append(number, &record);
            stop(raft, done)?;
            some = true;
        }
        Ok(some)
    }

    /// Tells a node which of its records are durable by now.
    ///
    /// # Errors
    /// As [`durable`](RaftStorage::durable): the node has stopped then. [`Error::RaftHalted`] if it has
    /// before.
    pub fn tell_durable(&mut self, raft: &mut Raft<'_>, now_us: u64) -> Result<RecordNumber> {
        let durable = self.durable();
        let durable = stop(raft, durable)?;
        raft.durable(durable, now_us)?;
        Ok(durable)
    }

    /// Writes the bytes of a snapshot that has arrived; whether there were some. Nothing without
    /// [`snapshots`](super::RaftStorageConfig::snapshots).
    ///
    /// # Errors
    /// As [`snapshot_end`](RaftStorage::snapshot_end): the node has stopped then.
    pub fn write_snapshots(&mut self, raft: &mut Raft<'_>, now_us: u64) -> Result<bool> {
        let mut some = false;
        while self.config.snapshots {
            let Some(write) = raft.next_snapshot_write() else { break };
            let SnapshotWrite { number, index, offset, total, bytes, .. } = write;
            let done = self.receive_snapshot(index, offset, total, bytes);
            stop(raft, done)?;
            some = true;
            match raft.snapshot_written(number, now_us) {
                // It does not arrive any more. One that is whole stays until the next is durable.
                Err(Error::RaftState) => self.forget_arriving(),
                done => done?,
            }
        }
        Ok(some)
    }

    /// Gives a node the entries that it wants; whether it wanted some.
    ///
    /// # Errors
    /// As [`entries`](RaftStorage::entries): the node has stopped then.
    pub fn fetch(&mut self, raft: &mut Raft<'_>) -> Result<bool> {
        let mut some = false;
        while let Some(Fetch { first, last, .. }) = raft.next_fetch() {
            some = true;
            if first < self.index.first() {
                // The snapshot stands for them.
                raft.fetch_failed(first);
                continue;
            }
            let given =
                self.entries(first, last, |entry: EntryRef<'_>| match raft.fetched(entry) {
                    Err(Error::Capacity) => Ok(false),
                    taken => taken.map(|()| true),
                });
            stop(raft, given)?;
        }
        Ok(some)
    }

    /// The next chunk of a snapshot that another node needs, as a message in `buffer`: to whom, and its
    /// length; nothing if there is none now, or without
    /// [`snapshots`](super::RaftStorageConfig::snapshots).
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] for a buffer shorter than
    /// [`message`](crate::consensus::RaftConfig::message): what was wanted is asked for again. As
    /// [`read_snapshot`](RaftStorage::read_snapshot): the node has stopped then.
    pub fn next_chunk(
        &mut self,
        raft: &mut Raft<'_>,
        buffer: &mut [u8],
    ) -> Result<Option<(NodeId, usize)>> {
        // What is forgotten is asked for anew, but not without end.
        for _ in 0..MOST_PEERS {
            if !self.config.snapshots {
                break;
            }
            let Some(wanted) = raft.next_chunk() else { break };
            let Some(total) = self.snapshot_len(wanted.index) else {
                raft.chunk_failed(wanted);
                continue;
            };
            let left = usize::try_from(total.saturating_sub(wanted.offset)).unwrap_or(usize::MAX);
            let mut bytes = vec![0; wanted.len.min(left)];
            let read = self.read_snapshot(wanted.index, wanted.offset, &mut bytes);
            let read = stop(raft, read)?;
            match raft.chunk(wanted, total, bytes.get(..read).unwrap_or_default(), buffer) {
                // Nobody needs it any more.
                Err(Error::RaftState) => {}
                made => return made.map(Some),
            }
        }
        Ok(None)
    }
}

/// What failed in storage stops the node.
fn stop<T>(raft: &mut Raft<'_>, done: Result<T>) -> Result<T> {
    if done.is_err() {
        raft.storage_failed();
    }
    done
}
