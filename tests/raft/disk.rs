//! What a node's storage keeps, and what it loses in a crash.
//!
//! Records are written in their order, and some time later they are durable up to one of
//! them. In a crash any number of those after it are there, too, and the next one is torn:
//! its checksum tells, and it is as good as not there.

use std::collections::BTreeMap;

use neural_swarm::consensus::raft::{EntryKind, NodeId, Record};

use crate::random::Random;

/// A record as it lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    State { term: u64, vote: u64 },
    Entry { index: u64, term: u64, kind: EntryKind, data: Vec<u8> },
    Commit { index: u64 },
    Snapshot { index: u64, term: u64, members: Vec<u8>, sessions: Vec<u8> },
}

impl Stored {
    pub fn new(record: &Record<'_>) -> Stored {
        match *record {
            Record::State { term, vote } => {
                Stored::State { term, vote: vote.map_or(0, |vote| vote.0) }
            }
            Record::Entry { index, term, kind, data } => {
                Stored::Entry { index, term, kind, data: data.to_vec() }
            }
            Record::Commit { index } => Stored::Commit { index },
            Record::Snapshot { index, term, members, sessions } => Stored::Snapshot {
                index,
                term,
                members: members.to_vec(),
                sessions: sessions.to_vec(),
            },
        }
    }

    pub fn record(&self) -> Record<'_> {
        match self {
            Stored::State { term, vote } => {
                Record::State { term: *term, vote: (*vote != 0).then_some(NodeId(*vote)) }
            }
            Stored::Entry { index, term, kind, data } => {
                Record::Entry { index: *index, term: *term, kind: *kind, data }
            }
            Stored::Commit { index } => Record::Commit { index: *index },
            Stored::Snapshot { index, term, members, sessions } => {
                Record::Snapshot { index: *index, term: *term, members, sessions }
            }
        }
    }
}

/// A log as its records make it.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub term: u64,
    pub vote: u64,
    /// The last entry that is in the snapshot, and its term.
    pub base: (u64, u64),
    /// The terms of those behind it.
    pub terms: Vec<u64>,
    pub commit: u64,
}

impl Log {
    pub fn last(&self) -> u64 {
        self.base.0 + self.terms.len() as u64
    }

    pub fn term(&self, index: u64) -> Option<u64> {
        match index.checked_sub(self.base.0)? {
            0 => Some(self.base.1),
            n => self.terms.get(n as usize - 1).copied(),
        }
    }

    /// Whether the entry is in it. What the snapshot has is.
    pub fn holds(&self, index: u64, term: u64) -> bool {
        index < self.base.0 || self.term(index) == Some(term)
    }

    pub fn apply(&mut self, record: &Stored) -> Result<(), String> {
        match *record {
            Stored::State { term, vote } => {
                let again = term == self.term && (self.vote == 0 || self.vote == vote);
                if term < self.term || term == self.term && !again {
                    return Err(format!(
                        "term {term}, vote {vote} after term {}, vote {}",
                        self.term, self.vote
                    ));
                }
                (self.term, self.vote) = (term, vote);
            }
            Stored::Entry { index, term, .. } => {
                if index <= self.base.0 || index > self.last() + 1 {
                    return Err(format!("entry {index} in {}..={}", self.base.0, self.last()));
                }
                self.terms.truncate((index - self.base.0) as usize - 1);
                self.terms.push(term);
            }
            Stored::Commit { index } => {
                if index < self.commit || index > self.last() {
                    return Err(format!("commit {index} after {} of {}", self.commit, self.last()));
                }
                self.commit = index;
            }
            Stored::Snapshot { index, term, .. } => {
                if index < self.base.0 {
                    return Err(format!("a snapshot of {index} after one of {}", self.base.0));
                }
                if self.term(index) == Some(term) {
                    self.terms.drain(..(index - self.base.0) as usize);
                } else {
                    self.terms.clear();
                }
                self.base = (index, term);
                self.commit = self.commit.max(index);
            }
        }
        Ok(())
    }
}

#[derive(Default)]
pub struct Disk {
    /// Records and their numbers.
    written: Vec<(u64, Stored)>,
    /// How many of them are durable, and what these make.
    durable: usize,
    pub log: Log,
    /// The snapshots of the application by what they contain, which are durable at once.
    pub snapshots: BTreeMap<u64, Vec<u8>>,
    /// Entries that are behind a snapshot still, for those who want old ones.
    old: BTreeMap<u64, Stored>,
}

impl Disk {
    pub fn write(&mut self, number: u64, record: Stored) {
        if let Some((last, _)) = self.written.last() {
            assert!(*last < number, "record {number} after {last}");
        }
        self.written.push((number, record));
    }

    pub fn pending(&self) -> usize {
        self.written.len() - self.durable
    }

    /// All up to that record is durable.
    pub fn flush(&mut self, up_to: u64) -> Result<(), String> {
        while let Some((number, record)) = self.written.get(self.durable) {
            if *number > up_to {
                break;
            }
            self.log.apply(record)?;
            match record {
                Stored::Entry { index, .. } => {
                    self.old.split_off(index);
                    self.old.insert(*index, record.clone());
                }
                Stored::Snapshot { index, term, .. } => {
                    let same =
                        |old: &Stored| matches!(old, Stored::Entry { term: of, .. } if of == term);
                    if self.old.get(index).is_none_or(|old| !same(old)) {
                        self.old.clear();
                    }
                    self.snapshots.retain(|old, _| old >= index);
                }
                Stored::State { .. } | Stored::Commit { .. } => {}
            }
            self.durable += 1;
        }
        // Most of it is history.
        if self.durable > 400 + 2 * self.log.terms.len() {
            self.rewrite();
        }
        Ok(())
    }

    /// As few records as make the same.
    fn rewrite(&mut self) {
        let mut tail = self.written.split_off(self.durable);
        let base = self.log.base.0;
        let snapshot = |record: &(u64, Stored)| matches!(&record.1, Stored::Snapshot { index, .. } if *index == base);
        let snapshot = self.written.iter().rev().find(|record| snapshot(record)).cloned();
        let state = Stored::State { term: self.log.term, vote: self.log.vote };
        let number = self.written[0].0;
        self.written = vec![(number, state)];
        self.written.extend(snapshot.map(|record| (number, record.1)));
        self.written.extend(self.old.range(base + 1..).map(|(_, entry)| (number, entry.clone())));
        self.written.push((number, Stored::Commit { index: self.log.commit }));
        self.durable = self.written.len();
        self.written.append(&mut tail);
    }

    /// An old entry, if it is there still.
    pub fn entry(&self, index: u64) -> Option<&Stored> {
        self.old.get(&index)
    }

    /// Forgets entries that are in a snapshot, but for so many.
    pub fn trim(&mut self, keep: u64) {
        let base = self.log.base.0;
        self.old.retain(|index, _| index + keep > base);
    }

    /// All records up to the first that is not there. Of those that are not durable, any
    /// number is.
    pub fn crash(&mut self, random: &mut Random) -> Vec<Stored> {
        let more = random.below(self.pending() as u64 + 1) as usize;
        self.written.truncate(self.durable + more);
        self.flush(u64::MAX).expect("records fit");
        self.written.iter().map(|(_, record)| record.clone()).collect()
    }

    /// With a term and a vote alone.
    pub fn wiped(&self) -> Disk {
        let mut disk = Disk::default();
        let (term, vote) = (self.log.term, self.log.vote);
        disk.write(0, Stored::State { term, vote });
        disk.flush(0).expect("a first record");
        disk
    }

    /// From here on records are counted from their beginning.
    pub fn restarted(&mut self) {
        self.written.iter_mut().for_each(|(number, _)| *number = 0);
    }
}
