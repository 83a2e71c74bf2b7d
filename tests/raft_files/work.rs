//! Records as a node makes them, from a seed, and what they make.

use neural_swarm::Error;
use neural_swarm::consensus::raft::{EntryKind, NodeId, Record, RecordNumber};
use neural_swarm::host::{Files, RaftStorage, RaftStorageConfig, RaftSync};

use crate::common::Random;

/// So that there are many segments.
pub const SMALL: RaftStorageConfig =
    RaftStorageConfig { node: NodeId(7), segment_bytes: 1500, sync: true, snapshots: true };

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub index: u64,
    pub term: u64,
    pub members: Vec<u8>,
    pub sessions: Vec<u8>,
}

pub type Entry = (u64, EntryKind, Vec<u8>);

/// What records make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    pub term: u64,
    pub vote: u64,
    pub commit: u64,
    pub snapshot: Snapshot,
    /// Those behind the snapshot.
    pub entries: Vec<Entry>,
}

impl Log {
    pub fn last(&self) -> u64 {
        self.snapshot.index + self.entries.len() as u64
    }

    pub fn term_of(&self, index: u64) -> Option<u64> {
        match index.checked_sub(self.snapshot.index)? {
            0 => Some(self.snapshot.term),
            n => self.entries.get(n as usize - 1).map(|entry| entry.0),
        }
    }

    pub fn apply(&mut self, record: &Record<'_>) {
        match *record {
            Record::State { term, vote } => {
                assert!(term >= self.term);
                (self.term, self.vote) = (term, vote.map_or(0, |vote| vote.0));
            }
            Record::Entry { index, term, kind, data } => {
                assert!(index > self.snapshot.index && index <= self.last() + 1, "{record:?}");
                self.entries.truncate((index - self.snapshot.index) as usize - 1);
                self.entries.push((term, kind, data.to_vec()));
            }
            Record::Commit { index } => {
                assert!(index <= self.last());
                self.commit = self.commit.max(index);
            }
            Record::Snapshot { index, term, members, sessions } => {
                if self.term_of(index) == Some(term) {
                    self.entries.drain(..(index - self.snapshot.index) as usize);
                } else {
                    self.entries.clear();
                }
                let (members, sessions) = (members.to_vec(), sessions.to_vec());
                self.snapshot = Snapshot { index, term, members, sessions };
                self.commit = self.commit.max(index);
            }
        }
    }

    /// What the files say.
    pub fn of<F: Files>(storage: &mut RaftStorage<F>) -> Result<Log, Error> {
        let mut log = Log::default();
        storage.replay(|record| {
            log.apply(record);
            Ok(())
        })?;
        Ok(log)
    }
}

/// The application's bytes after an entry.
pub fn snapshot_bytes(index: u64) -> Vec<u8> {
    let len = index * 7919 % 40_000;
    (0..len).map(|at| (at * 31 + index + at / 255) as u8).collect()
}

pub fn read_snapshot<F: Files>(storage: &mut RaftStorage<F>, index: u64) -> Result<Vec<u8>, Error> {
    let len = storage.snapshot_len(index).ok_or(Error::Invalid)?;
    let (mut all, mut at) = (vec![0; len as usize], 0);
    while at < all.len() {
        let end = (at + 9000).min(all.len());
        at += storage.read_snapshot(index, at as u64, &mut all[at..end])?;
    }
    Ok(all)
}

/// What is known of records: what was there after each of them, and up to which of these states they are
/// acknowledged.
pub struct Known {
    pub states: Vec<Log>,
    pub acked: usize,
}

impl Known {
    pub fn new(now: Log) -> Known {
        Known { states: vec![now], acked: 0 }
    }

    pub fn now(&self) -> &Log {
        self.states.last().unwrap()
    }

    /// Whether this may be there after a crash.
    pub fn may_be(&self, found: &Log) -> bool {
        self.states[self.acked..].contains(found)
    }
}

/// A node that keeps its records.
pub struct Work<F> {
    pub storage: RaftStorage<F>,
    pub known: Known,
    random: Random,
    number: u64,
    /// Whether syncs happen on the way as if on another thread, and those that have not yet.
    later: bool,
    syncs: Vec<RaftSync>,
}

impl<F: Files> Work<F> {
    pub fn new(storage: RaftStorage<F>, now: Log, seed: u64) -> Work<F> {
        let later = seed % 2 == 1;
        let (known, random) = (Known::new(now), Random(seed));
        Work { storage, known, random, number: 0, later, syncs: vec![] }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random.below(end)
    }

    fn now(&self) -> &Log {
        self.known.now()
    }

    pub fn append(&mut self, record: Record<'_>) -> Result<(), Error> {
        // Whatever comes of it, it may be there afterwards.
        let mut next = self.now().clone();
        next.apply(&record);
        self.known.states.push(next);
        self.number += 1;
        self.storage.append(RecordNumber(self.number), &record)
    }

    fn ack(&mut self, durable: RecordNumber) {
        self.known.acked = self.known.acked.max(durable.0 as usize);
    }

    pub fn sync(&mut self) -> Result<(), Error> {
        let durable = self.storage.sync()?;
        assert_eq!(durable.0, self.number);
        self.ack(durable);
        Ok(())
    }

    fn state(&mut self) -> Result<(), Error> {
        let (term, vote) = (self.now().term + 1 + self.below(2), self.below(4));
        self.append(Record::State { term, vote: (vote != 0).then_some(NodeId(vote)) })
    }

    fn entry(&mut self, index: u64) -> Result<(), Error> {
        self.entry_of(index, self.now().term)
    }

    /// An entry with this index and term is always the same.
    fn entry_of(&mut self, index: u64, term: u64) -> Result<(), Error> {
        let mut random = Random(index << 20 ^ term);
        let len = if random.chance(50) { 2000 } else { random.below(120) };
        let byte = if random.chance(100) { 0 } else { random.below(256) as u8 };
        let data = vec![byte; len as usize];
        let kind = EntryKind::from_code((len % 6) as u8).unwrap();
        self.append(Record::Entry { index, term, kind, data: &data })
    }

    fn snapshot_record(&mut self, index: u64, term: u64) -> Result<(), Error> {
        let members = vec![1; 1 + self.below(60) as usize];
        let sessions = vec![2; self.below(300) as usize];
        self.append(Record::Snapshot { index, term, members: &members, sessions: &sessions })
    }

    pub fn turn(&mut self) -> Result<(), Error> {
        let now = self.now().clone();
        match self.below(20) {
            _ if now.term == 0 => self.state()?,
            0 => self.state()?,
            // Others replace what is not committed.
            1 if now.last() > now.commit => {
                let index = now.commit + 1 + self.below(now.last() - now.commit);
                self.state()?;
                // A new leader may have older ones.
                match now.term_of(index - 1) {
                    Some(term) if term > 0 && now.term_of(index) != Some(term) => {
                        self.entry_of(index, term)?;
                        if self.random.chance(500) {
                            self.entry_of(index + 1, term)?;
                        }
                    }
                    _ => self.entry(index)?,
                }
            }
            2..=3 if now.commit < now.last() => {
                let index = now.commit + 1 + self.below(now.last() - now.commit);
                self.append(Record::Commit { index })?;
            }
            4 if now.commit > now.snapshot.index => {
                let behind = now.commit - now.snapshot.index;
                let index = now.snapshot.index + 1 + self.below(behind);
                self.storage.snapshot_begin(index)?;
                let bytes = snapshot_bytes(index);
                for piece in bytes.chunks(5000) {
                    self.storage.snapshot_write(piece)?;
                }
                self.storage.snapshot_end()?;
                let term = now.term_of(index).unwrap();
                self.snapshot_record(index, term)?;
            }
            // One of a leader, ahead of all entries, or beside those that are not committed.
            5 if self.random.chance(300) => {
                self.state()?;
                let index = now.commit + 1 + self.below(now.last() - now.commit + 8);
                let bytes = snapshot_bytes(index);
                let (total, mut offset) = (bytes.len() as u64, 0);
                loop {
                    let end = (offset + 7000).min(bytes.len());
                    let piece = &bytes[offset..end];
                    self.storage.receive_snapshot(index, offset as u64, total, piece)?;
                    offset = end;
                    if offset == bytes.len() {
                        break;
                    }
                }
                let term = self.now().term;
                self.snapshot_record(index, term)?;
            }
            6..=8 if self.later => {
                let sync = self.storage.begin_sync()?;
                self.syncs.extend(sync);
                // More comes before it is done; sometimes it never is, or not in its turn.
                if self.random.chance(700) && !self.syncs.is_empty() {
                    self.entry(self.now().last() + 1)?;
                    let at = self.below(self.syncs.len() as u64) as usize;
                    self.syncs.remove(at).run()?;
                    let durable = self.storage.durable()?;
                    self.ack(durable);
                } else if self.random.chance(100) {
                    self.syncs.clear();
                }
            }
            6..=8 => self.sync()?,
            9 => self.look()?,
            _ => {
                for _ in 0..1 + self.below(3) {
                    self.entry(self.now().last() + 1)?;
                }
            }
        }
        Ok(())
    }

    /// Reads some entries, and compares.
    fn look(&mut self) -> Result<(), Error> {
        let now = self.now().clone();
        let (base, count) = (now.snapshot.index, now.entries.len() as u64);
        if count == 0 {
            return Ok(());
        }
        let first = base + 1 + self.below(count);
        let last = first + self.below(base + count - first + 1);
        let most = self.below(4);
        let mut next = first;
        self.storage.entries(first, last, |entry| {
            let (term, kind, data) = &now.entries[(next - base) as usize - 1];
            assert_eq!((entry.index, entry.term, entry.kind), (next, *term, *kind));
            assert!(entry.data == data);
            next += 1;
            Ok(next - first <= most)
        })
    }

    pub fn work(&mut self, turns: usize) -> Result<(), Error> {
        (0..turns).try_for_each(|_| self.turn())
    }
}
