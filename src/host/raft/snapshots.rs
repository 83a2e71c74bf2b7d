//! Snapshots of the application, in files of checked blocks.

use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::format::{block_sum, seal, unseal};
use super::{RaftStorage, read_full};
use crate::error::{Error, Result};
use crate::host::Files;

pub(super) const KIND: &str = "snapshot-";
/// One that the application makes, and one that arrives, until it is whole.
pub(super) const OWN_TMP: &str = "snapshot.tmp";
pub(super) const ARRIVING_TMP: &str = "arriving.tmp";
const MAGIC: [u8; 8] = *b"NSWRSNP\0";
/// Bytes of the application in a block, behind their sum.
const BLOCK: usize = (1 << 14) - SUM;
const SUM: usize = 4;
/// Bytes behind the blocks.
const END: usize = 8 + 4 + 4 + 3 * 8 + 4;

pub(super) fn name(index: u64) -> String {
    format!("{KIND}{index}")
}

/// Snapshots that are whole and durable: which, and their bytes.
#[derive(Debug, Default)]
pub(super) struct Snapshots(BTreeMap<u64, u64>);

impl Snapshots {
    pub fn has(&self, index: u64) -> bool {
        self.0.contains_key(&index)
    }

    pub fn names(&self) -> Vec<String> {
        self.0.keys().map(|index| name(*index)).collect()
    }

    /// Removes those before an index.
    pub fn keep<F: Files>(&mut self, files: &mut F, index: u64) {
        let newer = self.0.split_off(&index);
        let old = core::mem::replace(&mut self.0, newer);
        for index in old.keys() {
            // What cannot be removed does no harm, and is removed at the next opening.
            let _ = files.remove(&name(*index));
        }
    }
}

/// A snapshot that is being written.
#[derive(Debug)]
pub(super) struct Writer {
    index: u64,
    /// Its name until it is whole.
    unfinished: &'static str,
    /// Bytes of the application that were written, and those of them that wait for the rest of
    /// their block.
    total: u64,
    block: Vec<u8>,
}

impl Writer {
    fn begin<F: Files>(files: &mut F, index: u64, unfinished: &'static str) -> Result<Writer> {
        files.remove(unfinished)?;
        Ok(Writer { index, unfinished, total: 0, block: Vec::new() })
    }

    fn write<F: Files>(&mut self, files: &mut F, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = BLOCK - self.block.len();
            let (front, rest) = bytes.split_at(room.min(bytes.len()));
            self.block.extend_from_slice(front);
            self.total = self.total.checked_add(front.len() as u64).ok_or(Error::Overflow)?;
            bytes = rest;
            if self.block.len() == BLOCK {
                self.end_block(files)?;
            }
        }
        Ok(())
    }

    fn end_block<F: Files>(&mut self, files: &mut F) -> Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let number = (self.total - 1) / BLOCK as u64;
        let sum = block_sum(self.index, number, &self.block);
        let mut bytes = sum.to_le_bytes().to_vec();
        bytes.append(&mut self.block);
        files.append(self.unfinished, &bytes)
    }

    /// Whether this is the snapshot, and so much of it is there.
    pub fn is_at(&self, index: u64, offset: u64) -> bool {
        (self.index, self.total) == (index, offset)
    }
}

impl<F: Files> RaftStorage<F> {
    /// Begins a snapshot of the application's state after entry `index`, which it has applied. Then
    /// [`snapshot_write`](RaftStorage::snapshot_write) and [`snapshot_end`](RaftStorage::snapshot_end);
    /// the log goes on meanwhile. One that was begun before is forgotten.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an entry that is not in the log, or in a snapshot already;
    /// [`Error::RaftState`] without [`snapshots`](super::RaftStorageConfig::snapshots);
    /// [`Error::HostIo`] if the system refuses, now or before.
    pub fn snapshot_begin(&mut self, index: u64) -> Result<()> {
        self.shared.check()?;
        if !self.config.snapshots {
            return Err(Error::RaftState);
        }
        if index <= self.index.now.snapshot.0 || index > self.index.last() {
            return Err(Error::Invalid);
        }
        self.writer = None;
        self.writer = Some(Writer::begin(&mut self.files, index, OWN_TMP)?);
        Ok(())
    }

    /// The next bytes of the snapshot.
    ///
    /// # Errors
    /// [`Error::RaftState`] if none was begun; [`Error::HostIo`] and [`Error::HostFull`] if the system
    /// refuses: the snapshot is forgotten then, the log is as it was.
    pub fn snapshot_write(&mut self, bytes: &[u8]) -> Result<()> {
        self.shared.check()?;
        // It comes back if all is well.
        let mut writer = self.writer.take().ok_or(Error::RaftState)?;
        let written = writer.write(&mut self.files, bytes);
        self.unless_failed(OWN_TMP, written)?;
        self.writer = Some(writer);
        Ok(())
    }

    /// Makes the snapshot durable under its name: then
    /// [`Raft::compact`](crate::consensus::Raft::compact) may be told. The one before stays until that
    /// record is durable.
    ///
    /// # Errors
    /// As [`snapshot_write`](RaftStorage::snapshot_write); if it cannot get its name, the log takes
    /// nothing any more either.
    pub fn snapshot_end(&mut self) -> Result<()> {
        self.shared.check()?;
        let writer = self.writer.take().ok_or(Error::RaftState)?;
        self.end_snapshot(writer)
    }

    fn end_snapshot(&mut self, mut writer: Writer) -> Result<()> {
        let Writer { index, unfinished, total, .. } = writer;
        let whole = self.write_end(&mut writer);
        self.unless_failed(unfinished, whole)?;
        // Which of the two files has the name is not known if this fails: the log is at an end.
        let named = self.rename(unfinished, &name(index));
        let named = self.unless_failed(unfinished, named);
        self.fail(named)?;
        self.snapshots.0.insert(index, total);
        Ok(())
    }

    fn write_end(&mut self, writer: &mut Writer) -> Result<()> {
        writer.end_block(&mut self.files)?;
        let end = seal(MAGIC, &[self.config.node.0, writer.index, writer.total]);
        self.files.append(writer.unfinished, &end)?;
        if self.config.sync { self.files.sync(writer.unfinished) } else { Ok(()) }
    }

    /// What was written of a snapshot that failed is removed, for it may be that there is no room.
    pub(super) fn unless_failed(&mut self, unfinished: &str, done: Result<()>) -> Result<()> {
        if done.is_err() {
            // What cannot be removed is at the next opening.
            let _ = self.files.remove(unfinished);
        }
        done
    }

    /// A snapshot does not arrive any more.
    pub(super) fn forget_arriving(&mut self) {
        if self.arriving.take().is_some() {
            let _ = self.files.remove(ARRIVING_TMP);
        }
    }

    /// Bytes of a snapshot that arrives from a leader, as
    /// [`Raft::next_snapshot_write`](crate::consensus::Raft::next_snapshot_write) has them: in their order, from
    /// `offset` 0 on, which forgets one that was arriving before. With the last of its `total` bytes it is
    /// durable under its name; before that a crash may lose them, which does no harm.
    ///
    /// # Errors
    /// [`Error::RaftState`] for bytes that do not follow those before, which are forgotten then, and without
    /// [`snapshots`](super::RaftStorageConfig::snapshots); else as [`snapshot_end`](RaftStorage::snapshot_end).
    pub fn receive_snapshot(
        &mut self,
        index: u64,
        offset: u64,
        total: u64,
        bytes: &[u8],
    ) -> Result<()> {
        self.shared.check()?;
        if !self.config.snapshots {
            return Err(Error::RaftState);
        }
        if offset == 0 {
            self.arriving = None;
            self.arriving = Some(Writer::begin(&mut self.files, index, ARRIVING_TMP)?);
        }
        let Some(mut writer) = self.arriving.take_if(|writer| writer.is_at(index, offset)) else {
            self.forget_arriving();
            return Err(Error::RaftState);
        };
        let written = writer.write(&mut self.files, bytes);
        self.unless_failed(ARRIVING_TMP, written)?;
        if writer.total < total {
            self.arriving = Some(writer);
            return Ok(());
        }
        self.end_snapshot(writer)
    }

    /// Bytes of the snapshot of an index; nothing if it is not there, or not any more. That in
    /// [`status`](RaftStorage::status) is.
    pub fn snapshot_len(&self, index: u64) -> Option<u64> {
        self.snapshots.0.get(&index).copied()
    }

    /// Reads from a snapshot, from a byte on; how many there were, fewer only at its end.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not there; [`Error::RaftLost`] if it is not what was written,
    /// [`Error::HostIo`] if the system refuses.
    pub fn read_snapshot(&mut self, index: u64, offset: u64, out: &mut [u8]) -> Result<usize> {
        let total = self.snapshot_len(index).ok_or(Error::Invalid)?;
        let (name, mut have) = (name(index), 0);
        while have < out.len() && offset + (have as u64) < total {
            let at = offset + have as u64;
            let number = at / BLOCK as u64;
            let inside = (at % BLOCK as u64) as usize;
            let start = number * BLOCK as u64;
            let len = usize::try_from(total - start).unwrap_or(BLOCK).min(BLOCK);
            let mut block = vec![0; SUM + len];
            self.read_exactly(&name, number * (SUM + BLOCK) as u64, &mut block)?;
            let (sum, bytes) = block.split_first_chunk::<SUM>().ok_or(Error::RaftLost)?;
            if block_sum(index, number, bytes) != u32::from_le_bytes(*sum) {
                return Err(Error::RaftLost);
            }
            let place = out.get_mut(have..).unwrap_or_default();
            let bytes = bytes.get(inside..).unwrap_or_default();
            let more = bytes.len().min(place.len());
            for (to, from) in place.iter_mut().zip(bytes) {
                *to = *from;
            }
            have += more;
        }
        Ok(have)
    }

    fn read_exactly(&mut self, name: &str, at: u64, bytes: &mut [u8]) -> Result<()> {
        let have = read_full(&mut self.files, name, at, bytes)?;
        if have == bytes.len() { Ok(()) } else { Err(Error::RaftLost) }
    }

    /// Looks at a snapshot that is there.
    pub(super) fn find_snapshot(&mut self, index: u64) -> Result<()> {
        let name = name(index);
        let len = self.files.len(&name)?;
        let at = len.checked_sub(END as u64).ok_or(Error::RaftLost)?;
        let mut end = [0; END];
        self.read_exactly(&name, at, &mut end)?;
        let [node, own, total] = unseal::<3>(MAGIC, &end)?;
        if node != self.config.node.0 {
            return Err(Error::HostFile);
        }
        let blocks = total.div_ceil(BLOCK as u64) * SUM as u64;
        if own != index || total.checked_add(blocks) != Some(at) {
            return Err(Error::RaftLost);
        }
        self.snapshots.0.insert(index, total);
        Ok(())
    }
}
