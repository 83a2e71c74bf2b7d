//! What happened, as records to keep: a write-ahead log, in whose order it is done again.

use xxhash_rust::xxh32::xxh32;

use super::Store;
use super::encode::{Frames, Successors};
use super::untold::Untold;
use crate::crdt::clock::HybridTime;
use crate::crdt::items::NONE;
use crate::crdt::keys::ROOT;
use crate::crdt::record::{HEAD, seal, unseal, what};
use crate::crdt::wire::{Frame, Reader, Writer};
use crate::error::{Error, Result};

/// Bytes of a record in front of its frames: what it is, whose, and the clock.
const BEFORE: usize = HEAD + 13;

impl Store<'_> {
    /// Where a journal goes on that has all that happened until now, or a snapshot of it. For
    /// a new store it is 0.
    pub fn journal_end(&mut self) -> u64 {
        // What is changed from now on is behind it.
        self.untold = Untold::NOTHING;
        self.log.journal_end()
    }

    /// Writes all that happened since `from`, this replica's changes and those of others, as
    /// one record for [`replay`](Self::replay). When that is durable, so are the changes, and
    /// may be acknowledged, and sent to others: one that others have and this replica loses
    /// would come twice with the same number. The next record goes on at
    /// [`journal_end`](Self::journal_end). Returns the length; 0 if nothing happened.
    ///
    /// Of items that came before their changes (by frames of several, or by digests) those
    /// alone are kept that took the place of something: the rest comes again with its change.
    ///
    /// # Errors
    /// [`Error::CrdtBehind`] if not all that happened is in the log: it is too short, or a
    /// state or a digest was taken in. Then a new snapshot is needed.
    /// [`Error::CrdtTransaction`] while one is open, [`Error::Invalid`] for a `from` that is
    /// still to come, [`Error::BufferTooSmall`] if not
    /// all of it fits; see [`journal_len`](Self::journal_len).
    pub fn journal(&mut self, from: u64, record: &mut [u8]) -> Result<usize> {
        let len = self.write_journal(from, record)?;
        let record = record.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        seal(record);
        Ok(len)
    }

    /// The length of [`journal`](Self::journal).
    ///
    /// # Errors
    /// Those of [`journal`](Self::journal).
    pub fn journal_len(&mut self, from: u64) -> Result<usize> {
        self.write_journal(from, &mut [])
    }

    /// Takes in the record that `bytes` begin with; its length, 0 if there are none. Records
    /// are replayed in the order in which they were written, into a store of the same replica
    /// that is as it was when the journal began, or later: new, or loaded from the snapshot.
    /// What it has already changes nothing.
    ///
    /// # Errors
    /// [`Error::CrdtTorn`] and [`Error::CrdtDamaged`] for a record that was not written to its
    /// end, or damaged: the journal ends before it. [`Error::CrdtFormat`] and
    /// [`Error::CrdtVersion`] for what is no record of changes, [`Error::CrdtForeign`] for that
    /// of another replica or of a store with another seed, [`Error::CrdtOwn`] if records
    /// before it are missing, [`Error::Capacity`] without room: a store made as the one that
    /// wrote it has enough. Nothing, or what came before in the record, was taken in then.
    pub fn replay(&mut self, bytes: &[u8]) -> Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let (held, _) = unseal(bytes)?;
        let [what::CHANGES, rest @ ..] = held else { return Err(Error::CrdtFormat) };
        let (whose, rest) = rest.split_first_chunk().ok_or(Error::CrdtFormat)?;
        if u32::from_le_bytes(*whose) != self.whose() {
            return Err(Error::CrdtForeign);
        }
        let (clock, mut rest) = rest.split_first_chunk().ok_or(Error::CrdtFormat)?;
        while !rest.is_empty() {
            let (len, more) = rest.split_first_chunk().ok_or(Error::CrdtFormat)?;
            let frame = more.split_at_checked(u32::from_le_bytes(*len) as usize);
            let (frame, more) = frame.ok_or(Error::CrdtFormat)?;
            if Reader::open(frame)?.frame() != Frame::Delta {
                return Err(Error::CrdtFormat);
            }
            // The stamps were let in once.
            self.merge(frame, u64::MAX)?;
            rest = more;
        }
        self.clock.see(HybridTime(u64::from_le_bytes(*clock)));
        Ok(HEAD + held.len())
    }

    /// What tells the records of this replica and seed from those of others.
    fn whose(&self) -> u32 {
        xxh32(&self.replica().0.to_le_bytes(), self.keys.get(ROOT).hash)
    }

    /// Writes a record without its head: its length.
    fn write_journal(&mut self, from: u64, record: &mut [u8]) -> Result<usize> {
        self.not_while_loading()?;
        self.outside_transaction()?;
        if from > self.journal_end() {
            return Err(Error::Invalid);
        }
        let start = self.log.journal_at(from).ok_or(Error::CrdtBehind)?;
        let end = self.log.range().end;
        if start == end {
            return Ok(0);
        }
        let mut writer = Writer::parts(record, 0);
        writer.put(&[0; HEAD]);
        writer.put(&[what::CHANGES]);
        writer.put(&self.whose().to_le_bytes());
        writer.put(&self.clock.last().0.to_le_bytes());
        let (mut len, mut at) = (writer.len, start);
        debug_assert_eq!(len, BEFORE);
        while at < end {
            let (written, next) = self.write_change(at, record.get_mut(len..).unwrap_or_default());
            (len, at) = (len + written, next);
        }
        self.unmark(start, end);
        Ok(len)
    }

    /// Writes the change or transaction that begins at a record of the log, as a frame with
    /// its length in front; how many bytes that takes, and the record of the next one.
    fn write_change(&mut self, at: u64, buffer: &mut [u8]) -> (usize, u64) {
        let (head, rest) = buffer.split_at_mut(buffer.len().min(4));
        let next = self.end_of(at);
        let mut frames = self.begin_changes(rest);
        self.write_together(&mut frames, at..next, Successors::None);
        for part in at..next {
            let record = self.log.get(part);
            if record.undone.is_some() {
                self.write_early(&mut frames, record.hash);
            }
        }
        let len = frames.writer.len;
        head.copy_from_slice(&(len as u32).to_le_bytes()[..head.len()]);
        (4 + len, next)
    }

    /// Writes the items with a hash whose changes have not come, once: what is undone may
    /// have them as its successors.
    fn write_early(&mut self, frames: &mut Frames<'_>, hash: u32) {
        let mut at = self.items.first(hash);
        while at != NONE {
            let item = *self.items.get(at);
            if !item.marked() && !self.context.has(item.dot()) && self.hash_of(at) == hash {
                self.write_item(frames, at, true);
                self.items.get_mut(at).mark(true);
            }
            at = self.items.following(at);
        }
    }

    /// Takes the marks of `write_early` away.
    fn unmark(&mut self, start: u64, end: u64) {
        for part in start..end {
            let record = self.log.get(part);
            if record.undone.is_none() {
                continue;
            }
            let mut at = self.items.first(record.hash);
            while at != NONE {
                self.items.get_mut(at).mark(false);
                at = self.items.following(at);
            }
        }
    }
}
