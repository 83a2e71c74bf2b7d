//! What a crash has left.

use std::collections::VecDeque;
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use super::format::{self, HEADER, Header, Held};
use super::index::{Index, Place};
use super::scan::{Next, Scan};
use super::snapshots::{self, Snapshots};
use super::{LEAST_STRIDE, NEWEST, NEWEST_TMP, POINTS, RaftStorage, RaftStorageConfig, Segments};
use super::{read_full, segment_name};
use crate::consensus::raft::NodeId;
use crate::error::{Error, Result};
use crate::host::Files;
use crate::host::storage::number_of;

/// Bytes that are copied at once.
const PIECE: usize = 1 << 16;
/// A segment that is being copied.
const COPY: &str = "segment.tmp";
/// What a crash may have left of files that were being written.
const UNFINISHED: [&str; 4] = [NEWEST_TMP, COPY, snapshots::OWN_TMP, snapshots::ARRIVING_TMP];

impl<F: Files> RaftStorage<F> {
    /// Opens a node's files, or begins new ones. Records at the end that were not written to their end are
    /// cut off: they were not durable.
    ///
    /// The files must be as they were left: a node that gets older ones, or none, breaks its promises.
    ///
    /// # Errors
    /// [`Error::Invalid`] for settings outside their ranges; [`Error::RaftLost`] if something that was
    /// durable is missing or damaged (then the node must not come back: it is to be removed from the group, and
    /// another one added); [`Error::HostFile`] for files of another node or a later version: the files stay as
    /// they are then. [`Error::HostIo`] and [`Error::HostFull`] if the system refuses: they stay at least as good.
    /// After a crash there has to be room for the newest segment once more:
    /// [`segment_bytes`](RaftStorageConfig::segment_bytes) and a record.
    pub fn open(files: F, config: RaftStorageConfig) -> Result<RaftStorage<F>> {
        if config.node == NodeId(0) || !(512..=1 << 40).contains(&config.segment_bytes) {
            return Err(Error::Invalid);
        }
        let mut storage = RaftStorage {
            files,
            config,
            index: Index::default(),
            segments: Segments { first: 1, salts: VecDeque::new() },
            len: 0,
            buffer: Vec::new(),
            number: 0,
            snapshot_number: 0,
            marked: 0,
            shared: Arc::default(),
            snapshots: Snapshots::default(),
            writer: None,
            arriving: None,
            cursor: None,
            cut: 0,
        };
        storage.recover()?;
        Ok(storage)
    }

    fn recover(&mut self) -> Result<()> {
        // At first all is looked at: who is refused finds the files as they were.
        let newest = self.read_newest()?;
        let names = self.files.names()?;
        let numbers = |kind: &str| {
            let mut found: Vec<u64> =
                names.iter().filter_map(|name| number_of(name, kind)).collect();
            found.sort_unstable();
            found
        };
        let (mut segments, snapshots) = (numbers("segment-"), numbers(snapshots::KIND));
        // A segment that was being begun has no records.
        let begun = segments.pop_if(|segment| *segment > newest);
        if let Some(next) = begun {
            let len = self.files.len(&segment_name(next))?;
            if next != newest + 1 || len > HEADER as u64 {
                return Err(Error::RaftLost);
            }
        }
        let mut sure = (0, 0);
        if newest > 0 {
            sure = self.look(newest, &segments, &snapshots)?;
        } else if !segments.is_empty() || !snapshots.is_empty() {
            return Err(Error::RaftLost);
        }
        for name in UNFINISHED.iter().filter(|name| names.iter().any(|there| there == *name)) {
            self.files.remove(name)?;
        }
        if let Some(next) = begun {
            self.files.remove(&segment_name(next))?;
        }
        if newest == 0 {
            self.index = Index::new(Default::default(), self.stride());
            return self.begin_segment();
        }
        self.sync_older(newest)?;
        self.make_sure(&segment_name(newest), sure)?;
        self.shared.set(|state| state.durable = Place { segment: newest, at: self.len });
        // Names may be there that are not durable, if a sync of them failed before: with a new
        // one behind them they become so, and before that nothing goes that they stand for.
        self.replace_newest(newest)?;
        // Older ones, or such whose record is not there.
        let own = self.index.now.snapshot.0;
        for index in snapshots.into_iter().filter(|index| self.config.snapshots && *index != own) {
            self.files.remove(&snapshots::name(index))?;
        }
        let first = self.segments.first;
        for segment in segments.into_iter().filter(|segment| *segment < first) {
            self.files.remove(&segment_name(segment))?;
        }
        self.remove_needless();
        self.durable()?;
        self.shared.check()
    }

    /// Looks at all segments and the snapshot: up to where there are records in the newest segment, and up to
    /// where it is known to be durable.
    fn look(&mut self, newest: u64, segments: &[u64], snapshots: &[u64]) -> Result<(u64, u64)> {
        // Older ones may be left from a crash while they were removed.
        let mut first = newest;
        while first > 1 && segments.binary_search(&(first - 1)).is_ok() {
            first -= 1;
        }
        self.segments.first = first;
        let mut sure = (0, 0);
        for segment in first..=newest {
            sure = self.recover_segment(segment, newest)?;
        }
        if !self.index.is_whole() {
            return Err(Error::RaftLost);
        }
        let own = self.index.now.snapshot.0;
        if own > 0 && self.config.snapshots {
            if snapshots.binary_search(&own).is_err() {
                return Err(Error::RaftLost);
            }
            self.find_snapshot(own)?;
        }
        Ok(sure)
    }

    fn stride(&self) -> u64 {
        (self.config.segment_bytes / POINTS).max(LEAST_STRIDE)
    }

    /// The first bytes of a file, as many as there are of so many.
    fn read_front(&mut self, name: &str, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let have = read_full(&mut self.files, name, 0, &mut bytes)?;
        bytes.truncate(have);
        Ok(bytes)
    }

    /// The number of the newest segment; 0 if there was never one.
    fn read_newest(&mut self) -> Result<u64> {
        let bytes = self.read_front(NEWEST, format::NEWEST + 1)?;
        if bytes.is_empty() {
            return Ok(0);
        }
        let (node, segment) = format::decode_newest(&bytes)?;
        if node != self.config.node.0 {
            return Err(Error::HostFile);
        }
        if segment == 0 { Err(Error::RaftLost) } else { Ok(segment) }
    }

    fn recover_segment(&mut self, segment: u64, newest: u64) -> Result<(u64, u64)> {
        let name = segment_name(segment);
        let header = self.read_front(&name, HEADER)?;
        let Header { node, segment: own, salt, before } = Header::decode(&header)?;
        if node != self.config.node.0 {
            return Err(Error::HostFile);
        }
        if self.segments.salts.is_empty() {
            self.index = Index::new(before, self.stride());
        }
        if own != segment || self.index.now != before {
            return Err(Error::RaftLost);
        }
        self.segments.salts.push_back(salt);
        let mut scan = Scan::new(name.clone(), salt, HEADER as u64);
        // Up to where there are records, and what of it is known to be durable.
        let (mut end, mut durable, mut records) = (scan.at, scan.at, scan.at);
        loop {
            match scan.next(&mut self.files)? {
                Next::Record(at, Held::Record(record, resets)) => {
                    self.index.apply(&record, resets, Place { segment, at })?;
                    records = scan.at;
                }
                Next::Record(at, Held::Mark(len)) if len <= at => durable = durable.max(len),
                Next::Record(..) => return Err(Error::RaftLost),
                Next::End => break,
                Next::Bad => {
                    if segment < newest || !scan.is_torn(&mut self.files)? {
                        return Err(Error::RaftLost);
                    }
                    break;
                }
            }
            end = scan.at;
        }
        if segment == newest {
            self.cut = self.files.len(&name)?.saturating_sub(end);
            self.len = end;
        }
        Ok((records, durable))
    }

    /// Makes durable what would be, had all of it been written with syncs.
    fn sync_older(&mut self, newest: u64) -> Result<()> {
        if !self.config.sync {
            return Ok(());
        }
        let older = (self.segments.first..newest).map(segment_name);
        let snapshots = self.snapshots.names();
        for name in older.chain(snapshots) {
            self.files.sync(&name)?;
            self.files.close(&name);
        }
        Ok(())
    }

    /// Cuts off what was not written to its end, and makes sure that all else is durable. Of this
    /// segment there are records up to one place, and it is durable up to another.
    fn make_sure(&mut self, name: &str, (records, durable): (u64, u64)) -> Result<()> {
        if !self.config.sync {
            return if self.cut > 0 { self.files.truncate(name, self.len) } else { Ok(()) };
        }
        if records <= durable {
            // Behind it are marks, which come again.
            if self.len + self.cut > durable {
                self.files.truncate(name, durable)?;
            }
            self.len = durable;
            // There may be a header alone, from a time without syncs.
            return self.files.sync(name);
        }
        // A system that has failed to write shows what it has in memory and takes it for
        // written: it is written once more.
        let copied = self.copy(name);
        self.unless_failed(COPY, copied)
    }

    /// Puts a copy of the newest segment in its place.
    fn copy(&mut self, name: &str) -> Result<()> {
        let (mut at, mut piece) = (0, vec![0; PIECE]);
        while at < self.len {
            let left = usize::try_from(self.len - at).unwrap_or(PIECE).min(PIECE);
            let place = piece.get_mut(..left).unwrap_or_default();
            let len = self.files.read(name, at, place)?;
            if len == 0 {
                return Err(Error::HostIo);
            }
            self.files.append(COPY, place.get(..len).unwrap_or_default())?;
            at += len as u64;
        }
        self.replace_by(COPY, name)
    }
}
