//! Where the entries are, and what all records together make.

use std::collections::VecDeque;
use std::vec::Vec;

use super::format::Before;
use crate::consensus::raft::Record;
use crate::error::{Error, Result};

/// A place in a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub segment: u64,
    pub at: u64,
}

/// Entries of one term that follow each other in one segment.
#[derive(Debug)]
pub(super) struct Run {
    pub segment: u64,
    pub term: u64,
    pub first: u64,
    pub last: u64,
    /// Some of them, and where they begin: the first, and one now and then.
    points: Vec<(u64, u64)>,
}

impl Run {
    /// Where its first entry is. Nothing is ever put there again, nor behind a run that was cut off.
    pub fn place(&self) -> Place {
        Place { segment: self.segment, at: self.points.first().map_or(0, |point| point.1) }
    }
}

/// What the records make.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub now: Before,
    /// Entries up to here are not to be had.
    base: u64,
    /// All others, in their order, without a gap.
    runs: VecDeque<Run>,
    /// Where the record of the snapshot is.
    pub snapshot: Option<Place>,
    /// Bytes between two points.
    stride: u64,
}

impl Index {
    /// What is before the first segment that there is.
    pub fn new(now: Before, stride: u64) -> Index {
        Index { now, base: now.last.0, stride, ..Index::default() }
    }

    /// The first entry that is there, one behind the last if there is none.
    pub fn first(&self) -> u64 {
        self.base + 1
    }

    pub fn last(&self) -> u64 {
        self.now.last.0
    }

    fn run_at(&self, index: u64) -> Option<usize> {
        let at = self.runs.partition_point(|run| run.last < index);
        self.runs.get(at).filter(|run| run.first <= index).map(|_| at)
    }

    /// The run that an entry is in.
    pub fn run(&self, index: u64) -> Option<&Run> {
        self.runs.get(self.run_at(index)?)
    }

    /// Where to look for an entry from.
    pub fn place(&self, index: u64) -> Option<Place> {
        let run = self.run(index)?;
        let behind = run.points.partition_point(|point| point.0 <= index);
        let (_, at) = *run.points.get(behind.checked_sub(1)?)?;
        Some(Place { segment: run.segment, at })
    }

    fn term(&self, index: u64) -> Option<u64> {
        match index {
            _ if index == self.now.last.0 => Some(self.now.last.1),
            _ if index == self.now.snapshot.0 => Some(self.now.snapshot.1),
            _ => self.run(index).map(|run| run.term),
        }
    }

    /// Whether a snapshot takes the place of all entries, rather than of those up to its last.
    pub fn resets(&self, record: &Record<'_>) -> bool {
        match *record {
            Record::Snapshot { index, term, .. } => self.term(index) != Some(term),
            _ => false,
        }
    }

    /// A record that is the next one, at this place; of a snapshot whether it takes the place
    /// of all entries.
    ///
    /// # Errors
    /// [`Error::RaftLost`] if it cannot follow: nothing is changed then.
    pub fn apply(&mut self, record: &Record<'_>, resets: bool, place: Place) -> Result<()> {
        match *record {
            Record::State { term, vote } => {
                let vote = vote.map_or(0, |vote| vote.0);
                let other = self.now.vote != 0 && self.now.vote != vote;
                if term < self.now.term || (term == self.now.term && other) {
                    return Err(Error::RaftLost);
                }
                (self.now.term, self.now.vote) = (term, vote);
            }
            Record::Entry { index, term, .. } => self.entry(index, term, place)?,
            Record::Commit { index } => {
                if index > self.last() {
                    return Err(Error::RaftLost);
                }
                self.now.commit = self.now.commit.max(index);
            }
            Record::Snapshot { index, term, .. } => self.snapshot((index, term), resets, place)?,
        }
        Ok(())
    }

    fn entry(&mut self, index: u64, term: u64, place: Place) -> Result<()> {
        let least = self.now.commit.max(self.now.snapshot.0);
        let before = index.checked_sub(1).and_then(|before| self.term(before));
        let falls = before.is_some_and(|before| before > term);
        let wrong = index <= least || index > self.last() + 1;
        if wrong || falls || term == 0 || term > self.now.term {
            return Err(Error::RaftLost);
        }
        // In its place in the file other entries follow.
        let replaces = index <= self.last();
        if replaces {
            self.truncate(index);
        }
        self.now.last = (index, term);
        let Place { segment, at } = place;
        match self.runs.back_mut() {
            Some(run) if !replaces && run.segment == segment && run.term == term => {
                run.last = index;
                if run.points.last().is_none_or(|point| at - point.1 >= self.stride) {
                    run.points.push((index, at));
                }
            }
            _ => {
                let points = [(index, at)].into();
                self.runs.push_back(Run { segment, term, first: index, last: index, points });
            }
        }
        Ok(())
    }

    /// Removes an entry and all behind it.
    fn truncate(&mut self, from: u64) {
        while self.runs.back().is_some_and(|run| run.first >= from) {
            self.runs.pop_back();
        }
        self.base = self.base.min(from - 1);
        if let Some(run) = self.runs.back_mut().filter(|run| run.last >= from) {
            run.last = from - 1;
            run.points.retain(|point| point.0 < from);
        }
    }

    fn snapshot(&mut self, (index, term): (u64, u64), resets: bool, place: Place) -> Result<()> {
        let known = self.term(index);
        let other = known.is_some_and(|known| (known != term) != resets);
        let committed = resets && index <= self.now.commit;
        if index < self.now.snapshot.0 || term > self.now.term || other || committed {
            return Err(Error::RaftLost);
        }
        if !resets && index > self.last() {
            return Err(Error::RaftLost);
        }
        if resets {
            self.runs.clear();
            self.base = index;
            self.now.last = (index, term);
        }
        self.now.snapshot = (index, term);
        self.now.commit = self.now.commit.max(index);
        self.snapshot = Some(place);
        Ok(())
    }

    /// The first segment that is needed: with the record of the snapshot, or with an entry behind
    /// it; nothing if there is neither.
    pub fn needed(&self) -> Option<u64> {
        let entry = self.runs.iter().find(|run| run.last > self.now.snapshot.0);
        let snapshot = self.snapshot.map(|place| place.segment);
        entry.map(|run| run.segment).into_iter().chain(snapshot).min()
    }

    /// Segments before this one are no more.
    pub fn forget(&mut self, segment: u64) {
        while let Some(run) = self.runs.pop_front_if(|run| run.segment < segment) {
            self.base = self.base.max(run.last);
        }
    }

    /// Whether all is there that is needed.
    pub fn is_whole(&self) -> bool {
        self.base <= self.now.snapshot.0 && (self.now.snapshot.0 == 0 || self.snapshot.is_some())
    }
}
