//! What was changed last, to tell other replicas: a ring, the oldest forgotten first.

use super::context::Context;
use super::dot::Stamp;
use crate::error::Result;
use crate::mem::{Carved, Carver};

/// The bit above a stamp that says that the change undid something.
const UNDOES: u64 = 1 << (64 - Stamp::FREE_BITS);
/// The bit that says that it made something of a joined value.
const JOINS: u64 = UNDOES << 1;

/// A part of what a change did. The parts of a change follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub event: Stamp,
    /// The change that it undid what was added by; itself where it added something.
    pub undone: Option<Stamp>,
    /// What it made of a joined value, if it did: see there. At most 55 bits.
    pub joined: Option<u64>,
    /// Of the item added or undone, or of the key.
    pub hash: u32,
}

pub(super) struct Log<'m> {
    /// Halves of two stamps, and the hash: 20 bytes.
    ring: Carved<'m, [u32; 5]>,
    first: u64,
    end: u64,
    /// Where the first one is in the ring.
    head: usize,
}

impl<'m> Log<'m> {
    pub fn carve(carver: &mut Carver<'m>, records: usize) -> Result<Self> {
        Ok(Log { ring: carver.take(records, [0; 5])?, first: 0, end: 0, head: 0 })
    }

    /// Most records.
    pub fn len(&self) -> u64 {
        self.ring.len() as u64
    }

    /// The numbers of the records that are there.
    pub fn range(&self) -> core::ops::Range<u64> {
        self.first..self.end
    }

    pub fn get(&self, number: u64) -> Record {
        let [event, above, undone, high, hash] = self.ring[self.place(number)];
        let event = u64::from(event) | u64::from(above) << 32;
        let other = u64::from(undone) | u64::from(high) << 32;
        Record {
            event: Stamp::of_word(event),
            undone: (event & UNDOES != 0).then_some(Stamp::of_word(other)),
            joined: (event & JOINS != 0).then_some(other),
            hash,
        }
    }

    fn place(&self, number: u64) -> usize {
        let at = self.head + (number - self.first) as usize;
        if at < self.ring.len() { at } else { at - self.ring.len() }
    }

    pub fn push(&mut self, record: Record, context: &mut Context<'_>) {
        let len = self.ring.len() as u64;
        if len == 0 {
            let member = context.member(record.event.place());
            member.logged = member.logged.max(record.event.seq());
            return;
        }
        if self.end - self.first == len {
            self.forget(context);
        }
        let (does, undone) = match record {
            Record { undone: Some(undone), .. } => (UNDOES, undone.word()),
            Record { joined: Some(joined), .. } => (JOINS, joined),
            _ => (0, 0),
        };
        let event = record.event.word() | does;
        let at = self.place(self.end);
        self.ring[at] =
            [event as u32, (event >> 32) as u32, undone as u32, (undone >> 32) as u32, record.hash];
        self.end += 1;
    }

    /// Forgets all.
    pub fn clear(&mut self, context: &mut Context<'_>) {
        while self.first < self.end {
            self.forget(context);
        }
    }

    /// The oldest record is forgotten, so its change cannot be told any more.
    fn forget(&mut self, context: &mut Context<'_>) {
        let event = self.get(self.first).event;
        let member = context.member(event.place());
        member.logged = member.logged.max(event.seq());
        self.first += 1;
        self.head = if self.head + 1 == self.ring.len() { 0 } else { self.head + 1 };
    }
}
