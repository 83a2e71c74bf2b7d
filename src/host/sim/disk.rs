//! What a member of a group has on its disk, which survives it: durable at once.

use std::vec::Vec;

use crate::consensus::Raft;
use crate::consensus::raft::{EntryKind, NodeId, Record};
use crate::error::{Error, Result};

enum Stored {
    State { term: u64, vote: Option<NodeId> },
    Entry { index: u64, term: u64, kind: EntryKind, data: Vec<u8> },
    Commit { index: u64 },
}

/// The records of a node of a group.
pub(super) struct Disk {
    /// The group's first members, by place.
    pub members: Vec<usize>,
    records: Vec<Stored>,
}

impl Disk {
    pub const fn new(members: Vec<usize>) -> Disk {
        Disk { members, records: Vec::new() }
    }

    /// [`Error::Unsupported`] for snapshots: nothing here makes any.
    pub fn write(&mut self, record: &Record<'_>) -> Result<()> {
        self.records.push(match *record {
            Record::State { term, vote } => Stored::State { term, vote },
            Record::Entry { index, term, kind, data } => {
                Stored::Entry { index, term, kind, data: data.to_vec() }
            }
            Record::Commit { index } => Stored::Commit { index },
            Record::Snapshot { .. } => return Err(Error::Unsupported),
        });
        Ok(())
    }

    /// Whether nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub fn restore(&self, raft: &mut Raft<'_>) -> Result<()> {
        for record in &self.records {
            raft.restore(match record {
                Stored::State { term, vote } => Record::State { term: *term, vote: *vote },
                Stored::Entry { index, term, kind, data } => {
                    Record::Entry { index: *index, term: *term, kind: *kind, data }
                }
                Stored::Commit { index } => Record::Commit { index: *index },
            })?;
        }
        Ok(())
    }
}
