//! Records and entries again.

use super::format::Held;
use super::index::Place;
use super::scan::{Next, Scan};
use super::{RaftStorage, segment_name};
use crate::consensus::Raft;
use crate::consensus::raft::{EntryRef, NodeId, Record};
use crate::error::{Error, Result};
use crate::host::Files;

/// Where the reading of entries is.
pub(super) struct Cursor {
    scan: Scan,
    /// Where its run begins, which is the same for no other: in the file others may be between two runs.
    run: Place,
    /// The entry that comes next.
    next: u64,
}

impl<F: Files> RaftStorage<F> {
    fn scan(&self, place: Place) -> Result<Scan> {
        let salt = self.segments.salt(place.segment).ok_or(Error::RaftLost)?;
        Ok(Scan::new(segment_name(place.segment), salt, place.at))
    }

    /// Gives a node that was just made all that is needed of what was appended. Files that are open are for
    /// one node: another one begins with them when they are opened anew, for its records have the same numbers.
    ///
    /// # Errors
    /// [`Error::RaftState`] if something was appended since the files were opened; else as
    /// [`replay`](RaftStorage::replay) and [`Raft::restore`]: the node must not start then.
    pub fn restore(&mut self, raft: &mut Raft<'_>) -> Result<()> {
        self.shared.check()?;
        if self.number > 0 {
            return Err(Error::RaftState);
        }
        self.replay(|record| raft.restore(*record))
    }

    /// Gives records, in their order, that make the same as all that were appended: term and vote, the
    /// newest snapshot, the entries behind it and how many of them are committed. For
    /// [`Raft::restore`].
    ///
    /// # Errors
    /// [`Error::RaftLost`] if files are not what was written, [`Error::HostIo`] and [`Error::HostFull`] if the
    /// system refuses; and what `each` answers, which ends it. All but the last are for good.
    pub fn replay(&mut self, mut each: impl FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        self.shared.check()?;
        let now = self.index.now;
        if (now.term, now.vote) != (0, 0) {
            let vote = (now.vote != 0).then_some(NodeId(now.vote));
            each(&Record::State { term: now.term, vote })?;
        }
        if let Some(place) = self.index.snapshot {
            let done = self.write().and_then(|()| self.scan(place));
            let mut scan = self.fail(done)?;
            match scan.next(&mut self.files) {
                Ok(Next::Record(_, Held::Record(record @ Record::Snapshot { index, .. }, _)))
                    if index == now.snapshot.0 =>
                {
                    each(&record)?;
                }
                Ok(_) => return self.fail(Err(Error::RaftLost)),
                Err(error) => return self.fail(Err(error)),
            }
        }
        self.entries(now.snapshot.0 + 1, now.last.0, |entry| {
            let EntryRef { index, term, kind, data } = entry;
            each(&Record::Entry { index, term, kind, data })?;
            // So that it may leave memory.
            if index <= now.commit {
                each(&Record::Commit { index })?;
            }
            Ok(true)
        })
    }

    /// Gives the entries from `first` to `last`, each as it was appended last, until `each` says that it
    /// does not take one.
    ///
    /// # Errors
    /// [`Error::Invalid`] if one of them is not there, neither in [`status`](RaftStorage::status) then.
    /// [`Error::RaftLost`] if files are not what was written, [`Error::HostIo`] and [`Error::HostFull`] if the
    /// system refuses (records that wait are written before they are read); these are for good. And what `each`
    /// answers.
    pub fn entries(
        &mut self,
        first: u64,
        last: u64,
        mut each: impl FnMut(EntryRef<'_>) -> Result<bool>,
    ) -> Result<()> {
        self.shared.check()?;
        if first > last {
            return Ok(());
        }
        if first < self.index.first() || last > self.index.last() {
            return Err(Error::Invalid);
        }
        let mut answer = Ok(());
        let done = self.read_entries(first, last, &mut |entry| {
            let taken = each(entry);
            answer = taken.map(|_| ());
            taken == Ok(true)
        });
        self.fail(done)?;
        answer
    }

    fn read_entries(
        &mut self,
        first: u64,
        last: u64,
        each: &mut dyn FnMut(EntryRef<'_>) -> bool,
    ) -> Result<()> {
        self.write()?;
        let mut next = first;
        while next <= last {
            let run = self.index.run(next).ok_or(Error::RaftLost)?;
            let (run, term, end) = (run.place(), run.term, run.last.min(last));
            let cursor =
                self.cursor.take().filter(|cursor| (cursor.run, cursor.next) == (run, next));
            let mut scan = match cursor {
                Some(cursor) => cursor.scan,
                None => self.scan(self.index.place(next).ok_or(Error::RaftLost)?)?,
            };
            while next <= end {
                let Next::Record(_, held) = scan.next(&mut self.files)? else {
                    return Err(Error::RaftLost);
                };
                let Held::Record(Record::Entry { index, term: of, kind, data }, _) = held else {
                    continue;
                };
                if index < next {
                    continue;
                }
                if index > next || of != term {
                    return Err(Error::RaftLost);
                }
                if !each(EntryRef { index, term, kind, data }) {
                    scan.back();
                    self.cursor = Some(Cursor { scan, run, next });
                    return Ok(());
                }
                next += 1;
            }
            self.cursor = Some(Cursor { scan, run, next });
        }
        Ok(())
    }
}
