//! What was changed last, to tell other replicas: a ring, the oldest forgotten first.

use super::context::Context;
use super::dot::Stamp;
use crate::error::Result;
use crate::mem::{Carved, Carver};

/// The bit above a stamp that says that the change undid something.
const UNDOES: u64 = 1 << MARKS_AT;
/// The bit that says that it made something of a joined value.
const JOINS: u64 = UNDOES << 1;
/// The one that says that the next change belongs to the same transaction.
const TOGETHER: u64 = JOINS << 1;
const MARKS_AT: u32 = 64 - Stamp::FREE_BITS;

/// A part of what a change did. The parts of a change follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub event: Stamp,
    /// The change that it undid what was added by; itself where it added something.
    pub undone: Option<Stamp>,
    /// What it made of a joined value, if it did: see there. At most 55 bits.
    pub joined: Option<u64>,
    /// Where what it added was put, or `NONE`: it may be elsewhere now, or gone.
    pub item: u32,
    /// Of the item added or undone, or of the key.
    pub hash: u32,
    /// Whether the same replica's next change belongs to the same transaction. The last
    /// part of a change says so.
    pub together: bool,
}

pub(super) struct Log<'m> {
    /// Halves of two stamps, and the hash: 20 bytes.
    ring: Carved<'m, [u32; 5]>,
    first: u64,
    end: u64,
    /// Where the next one goes in the ring: where the first one is, if it is full.
    next: usize,
    /// How many belong together with the next change.
    together: u64,
    /// How often something happened that no record tells of.
    untold: u64,
    /// Where a journal began or went on after the last time that it did.
    from: u64,
}

impl<'m> Log<'m> {
    pub fn carve(carver: &mut Carver<'m>, records: usize) -> Result<Self> {
        let ring = carver.take(records, [0; 5])?;
        Ok(Log { ring, first: 0, end: 0, next: 0, together: 0, untold: 0, from: 0 })
    }

    /// Most records.
    pub fn len(&self) -> u64 {
        self.ring.len() as u64
    }

    /// The numbers of the records that are there.
    pub fn range(&self) -> core::ops::Range<u64> {
        self.first..self.end
    }

    #[inline]
    pub fn get(&self, number: u64) -> Record {
        let [event, above, undone, high, hash] = self.ring[self.place(number)];
        let event = word([event, above]);
        let other = word([undone, high]);
        Record {
            event: Stamp::of_word(event),
            undone: (event & UNDOES != 0).then_some(Stamp::of_word(other)),
            joined: (event & JOINS != 0).then_some(other),
            item: undone,
            hash,
            together: event & TOGETHER != 0,
        }
    }

    /// The change that a record is of.
    #[inline]
    pub fn event(&self, number: u64) -> Stamp {
        let [event, above, ..] = self.ring[self.place(number)];
        Stamp::of_word(word([event, above]))
    }

    /// Whether there is anything of a transaction of several changes.
    pub fn has_transactions(&self) -> bool {
        self.together > 0
    }

    /// Whether the change told last, if it is this one, belongs together with the next one.
    pub fn join(&mut self, change: Stamp, together: bool) {
        let Some(last) = self.end.checked_sub(1).filter(|last| *last >= self.first) else {
            return;
        };
        let record = self.get(last);
        if record.event == change && record.together != together {
            let at = self.place(last);
            self.ring[at][1] ^= (TOGETHER >> 32) as u32;
            self.together = if together { self.together + 1 } else { self.together - 1 };
        }
    }

    #[inline]
    fn place(&self, number: u64) -> usize {
        let back = (self.end - number) as usize;
        if back <= self.next { self.next - back } else { self.next + self.ring.len() - back }
    }

    #[inline(always)]
    pub fn push(&mut self, record: Record, context: &mut Context<'_>) {
        let full = self.end - self.first == self.len();
        let Some(place) = self.ring.get_mut(self.next) else {
            forget(record.event, context);
            return self.lose();
        };
        if full {
            // The oldest one is here.
            let oldest = word([place[0], place[1]]);
            self.together -= u64::from(oldest & TOGETHER != 0);
            forget(Stamp::of_word(oldest), context);
            self.first += 1;
        }
        let (does, undone) = match record {
            Record { undone: Some(undone), .. } => (UNDOES, undone.word()),
            Record { joined: Some(joined), .. } => (JOINS, joined),
            _ => (0, record.item.into()),
        };
        let event = record.event.word() | does;
        *place =
            [event as u32, (event >> 32) as u32, undone as u32, (undone >> 32) as u32, record.hash];
        self.end += 1;
        self.next += 1;
        if self.next == self.ring.len() {
            self.next = 0;
        }
    }

    /// Something happened that no record tells of.
    pub fn lose(&mut self) {
        self.untold += 1;
        self.from = self.journal_end();
    }

    /// Forgets all records, and that there are none before the next.
    pub fn clear(&mut self, context: &mut Context<'_>) {
        while self.first < self.end {
            forget(self.get(self.first).event, context);
            self.first += 1;
        }
        self.together = 0;
        self.lose();
    }

    /// Where a journal goes on that has all that happened until now.
    pub fn journal_end(&self) -> u64 {
        self.end + self.untold
    }

    /// The record at which a journal goes on, if all that happened since is there.
    pub fn journal_at(&self, from: u64) -> Option<u64> {
        let number = from.checked_sub(self.untold)?;
        (from >= self.from && number >= self.first).then_some(number)
    }
}

/// A word of its halves.
fn word([low, high]: [u32; 2]) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// What a change did is not in the log, so it cannot be told any more.
fn forget(event: Stamp, context: &mut Context<'_>) {
    let member = context.member(event.place());
    member.logged = member.logged.max(event.seq());
}
