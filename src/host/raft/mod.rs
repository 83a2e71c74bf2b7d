//! What a member of a Raft group has to keep, in files: its records, in a log of segments, and
//! the snapshots of the application.
//!
//! `segment-N` are written to at their end, one after the other; `newest` says which is the last;
//! `snapshot-I` is the application's state after entry I. docs/raft-storage.md has the bytes and
//! what is promised. The parts:
//!
//! - `format`: bytes. `scan`: records one by one. `index`: where entries are, and what all
//!   records make.
//! - `open`: what a crash has left. `read`: records and entries again.
//! - `sync`: what is durable, and making it so on another thread.
//! - `snapshots`: the application's. `serve`: all that a node wants of storage.

mod format;
mod index;
mod open;
mod read;
mod scan;
mod serve;
mod snapshots;
mod sync;

use std::format;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use self::format::{HEADER, Header, Held};
use self::index::{Index, Place};
use self::read::Cursor;
use self::snapshots::{Snapshots, Writer};
pub use self::sync::RaftSync;
use self::sync::Shared;
use super::Files;
use crate::consensus::raft::{NodeId, Record, RecordNumber};
use crate::error::{Error, Result};
use crate::port::{Entropy, SystemEntropy};

/// Records wait for so many bytes of others before they are written.
const BUFFER: usize = 1 << 18;
/// Points of the index in a segment, about.
const POINTS: u64 = 64;
/// Least bytes between two of them.
const LEAST_STRIDE: u64 = 4096;
/// The file that says which segment is the newest.
const NEWEST: &str = "newest";
/// The next one, until it has that name.
const NEWEST_TMP: &str = "newest.tmp";

/// How a node's records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaftStorageConfig {
    /// Whose they are, not 0: files of another node are refused.
    pub node: NodeId,
    /// A segment longer than this is followed by another one, in bytes: 512 to 2^40.
    pub segment_bytes: u64,
    /// Whether what is called durable is. Without it the end of the log may be lost in a power
    /// failure, though not in the crash of a process: a member then must never come back after
    /// one.
    pub sync: bool,
    /// Whether the application's snapshots are kept here. Not for a witness, which has none, nor
    /// where the application keeps its state itself.
    pub snapshots: bool,
}

impl Default for RaftStorageConfig {
    /// Segments of 8 MiB, durable, with snapshots; the node is to be said.
    fn default() -> Self {
        RaftStorageConfig { node: NodeId(0), segment_bytes: 8 << 20, sync: true, snapshots: true }
    }
}

/// What there is in the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RaftStorageStatus {
    /// The first entry that can be read; one behind the last if there is none.
    pub first: u64,
    /// The last entry; 0 if there was never one.
    pub last: u64,
    /// What the newest snapshot stands for; 0 if there is none.
    pub snapshot: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes at the end of the log that were not written to their end in a crash, and are no
    /// more.
    pub cut: u64,
}

/// The records and snapshots of one node, in files that nobody else has.
///
/// Records are written in the order in which [`append`](RaftStorage::append) gets them, and are
/// durable after [`sync`](RaftStorage::sync), or later by [`begin_sync`](RaftStorage::begin_sync)
/// on another thread. [`serve`](RaftStorage::serve) does all of it for a
/// [`Raft`](crate::consensus::Raft).
///
/// What fails to be written, or to become durable, is never tried again, for a system that has
/// refused once may say yes and have nothing. So errors that are called for good are answered again, the first
/// of them, by all functions but [`status`](RaftStorage::status), [`is_empty`](RaftStorage::is_empty),
/// [`next_chunk`](RaftStorage::next_chunk), [`snapshot_len`](RaftStorage::snapshot_len) and
/// [`read_snapshot`](RaftStorage::read_snapshot), until the files are opened anew. Then all that was durable is
/// there.
///
/// Memory from the heap, in bytes: up to 2,200 for each segment and 200 for each time that the term of its entries
/// changes; up to 1,048,576 for records that are to be written, more while one is longer; 65,536 for reading, or
/// up to twice the longest entry that was read; 32,768 for each snapshot that is being written; a chunk while it is
/// read.
pub struct RaftStorage<F> {
    files: F,
    config: RaftStorageConfig,
    index: Index,
    /// Segments there are: the first, and each with its salt.
    segments: Segments,
    /// Bytes of the newest segment, those in the buffer included.
    len: u64,
    /// Records that are to be written.
    buffer: Vec<u8>,
    /// The last record that was appended, and the last with a snapshot.
    number: u64,
    snapshot_number: u64,
    /// Bytes of the newest segment that a mark in it says are durable.
    marked: u64,
    shared: Arc<Shared>,
    snapshots: Snapshots,
    /// A snapshot that the application makes, and one that arrives.
    writer: Option<Writer>,
    arriving: Option<Writer>,
    /// Where entries were read last.
    cursor: Option<Cursor>,
    cut: u64,
}

/// Segments that follow each other.
#[derive(Debug, Default)]
struct Segments {
    /// The number of the first of them.
    first: u64,
    salts: std::collections::VecDeque<u64>,
}

impl Segments {
    fn salt(&self, segment: u64) -> Option<u64> {
        let at = segment.checked_sub(self.first)?;
        self.salts.get(usize::try_from(at).ok()?).copied()
    }

    /// The newest, and its salt; 0 if there is none.
    fn newest(&self) -> (u64, u64) {
        let salt = self.salts.back().copied().unwrap_or(0);
        (self.first + self.salts.len() as u64 - 1, salt)
    }
}

fn segment_name(number: u64) -> String {
    format!("segment-{number}")
}

/// Reads all of these bytes, or up to the end of the file; how many there were.
fn read_full<F: Files>(files: &mut F, name: &str, at: u64, bytes: &mut [u8]) -> Result<usize> {
    let mut have = 0;
    while let Some(place) = bytes.get_mut(have..).filter(|place| !place.is_empty()) {
        match files.read(name, at + have as u64, place)? {
            0 => break,
            more => have += more,
        }
    }
    Ok(have)
}

impl<F: Files> RaftStorage<F> {
    /// What there is.
    pub fn status(&self) -> RaftStorageStatus {
        RaftStorageStatus {
            first: self.index.first(),
            last: self.index.last(),
            snapshot: self.index.now.snapshot.0,
            segments: self.segments.salts.len() as u64,
            cut: self.cut,
        }
    }

    /// Whether nothing was ever appended: a group's first member may
    /// [`bootstrap`](crate::consensus::Raft::bootstrap) then.
    pub fn is_empty(&self) -> bool {
        self.index.now == format::Before::default()
    }

    /// Something failed, and the end of the log is not known.
    fn fail<T>(&mut self, done: Result<T>) -> Result<T> {
        if let Err(error) = done {
            self.shared.fail(error);
        }
        done
    }

    /// Takes a record that is to become durable behind all before it. `number` is the one that
    /// [`Raft::next_record`](crate::consensus::Raft::next_record) gave with it: it is greater than all that
    /// these open files were given before. Waits for the disk only where a segment ends.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a number that is not greater than the last, as of another node over the same open
    /// files: the record is not taken, and the files go on; its node must not.
    ///
    /// All others are for good: [`Error::RaftLost`] for a record that cannot follow those before it,
    /// [`Error::RaftState`] for that of a snapshot that is not in the files, [`Error::Length`] for one longer
    /// than 2^26 bytes, [`Error::HostIo`] and [`Error::HostFull`] if the system refuses.
    pub fn append(&mut self, number: RecordNumber, record: &Record<'_>) -> Result<()> {
        self.shared.check()?;
        // It would pass for durable as soon as the last is, and never be synced.
        if number.0 <= self.number {
            return Err(Error::Invalid);
        }
        let done = self.append_record(number.0, record);
        self.fail(done)
    }

    fn append_record(&mut self, number: u64, record: &Record<'_>) -> Result<()> {
        if self.len >= self.config.segment_bytes {
            self.sync_segment()?;
            self.begin_segment()?;
        }
        if let Record::Snapshot { index, .. } = record {
            if self.config.snapshots && !self.snapshots.has(*index) {
                return Err(Error::RaftState);
            }
            self.snapshot_number = number;
        }
        let place = Place { segment: self.segments.newest().0, at: self.len };
        let resets = self.index.resets(record);
        self.index.apply(record, resets, place)?;
        self.number = number;
        self.put(&Held::Record(*record, resets))
    }

    /// Puts a record into the buffer, and that into the file now and then.
    fn put(&mut self, held: &Held<'_>) -> Result<()> {
        let before = self.buffer.len();
        let (_, salt) = self.segments.newest();
        format::put(&mut self.buffer, salt, self.len, held);
        let len = self.buffer.len() - before;
        if len > format::MOST {
            return Err(Error::Length);
        }
        self.len += len as u64;
        if self.buffer.len() >= BUFFER { self.write() } else { Ok(()) }
    }

    /// Writes what is in the buffer.
    fn write(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let name = segment_name(self.segments.newest().0);
        self.files.append(&name, &self.buffer)?;
        self.buffer.clear();
        if self.buffer.capacity() > 4 * BUFFER {
            self.buffer = Vec::new();
        }
        Ok(())
    }

    /// Begins the next segment. All before it is durable.
    fn begin_segment(&mut self) -> Result<()> {
        let (old, _) = self.segments.newest();
        let segment = old.checked_add(1).ok_or(Error::Overflow)?;
        let mut salt = [0; 8];
        SystemEntropy.fill(&mut salt)?;
        let salt = u64::from_le_bytes(salt);
        let node = self.config.node.0;
        let header = Header { node, segment, salt, before: self.index.now };
        let name = segment_name(segment);
        self.files.append(&name, &header.encode())?;
        if self.config.sync {
            self.files.sync(&name)?;
            self.files.sync_names()?;
        }
        // No record is written to it before that is durable.
        self.replace_newest(segment)?;
        if old > 0 {
            self.files.close(&segment_name(old));
        }
        self.segments.salts.push_back(salt);
        (self.len, self.marked) = (HEADER as u64, HEADER as u64);
        self.shared.set(|state| state.durable = Place { segment, at: HEADER as u64 });
        Ok(())
    }

    /// Replaces the file that says which segment is the newest.
    fn replace_newest(&mut self, segment: u64) -> Result<()> {
        self.files.remove(NEWEST_TMP)?;
        self.files.append(NEWEST_TMP, &format::encode_newest(self.config.node.0, segment))?;
        self.replace_by(NEWEST_TMP, NEWEST)
    }

    /// Gives a file that is written its name, in place of another.
    fn replace_by(&mut self, from: &str, name: &str) -> Result<()> {
        if self.config.sync {
            self.files.sync(from)?;
        }
        self.rename(from, name)
    }

    /// The same with a file that is durable.
    fn rename(&mut self, from: &str, name: &str) -> Result<()> {
        self.files.rename(from, name)?;
        if self.config.sync { self.files.sync_names() } else { Ok(()) }
    }

    /// Removes what the snapshot stands for, if its record is durable. What cannot be removed
    /// does no harm, and is tried again with the next one.
    fn tidy(&mut self, durable: u64) {
        if (1..=durable).contains(&self.snapshot_number) {
            self.snapshot_number = 0;
            self.remove_needless();
        }
    }

    /// They may be there again after a crash, and are removed at the next opening then.
    fn remove_needless(&mut self) {
        let newest = self.segments.newest().0;
        let needed = self.index.needed().unwrap_or(newest).min(newest);
        while self.segments.first < needed {
            let name = segment_name(self.segments.first);
            if self.files.remove(&name).is_err() {
                break;
            }
            self.segments.salts.pop_front();
            self.segments.first += 1;
        }
        self.index.forget(self.segments.first);
        self.snapshots.keep(&mut self.files, self.index.now.snapshot.0);
    }
}
