//! A store of replicated values in files: a snapshot, and a journal of what happened since.
//!
//! `snapshot-N` and `journal-N` go together; what happened before the first snapshot is in
//! `journal-0`. A snapshot is written under another name and gets its own when it is durable;
//! the one before stays, with its journal, until the next. docs/store-format.md has the bytes.

mod files;
mod journal;

use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

pub use self::files::{Files, Folder, SyncLater};
use self::journal::Replayed;
use crate::crdt::record::{HEAD, seal};
use crate::crdt::{ReplicaId, Store};
use crate::error::{Error, Result};

/// The name of a snapshot that is not durable yet.
const UNFINISHED: &str = "snapshot.tmp";
/// Bytes that are read or written at once.
const PIECE: usize = 1 << 16;

/// A record that says that so many bytes of the journal were durable when it was written.
const MARK: u8 = 5;
/// A record that says that all that happened before the snapshot of this number is told.
const WHOLE: u8 = 6;

/// How a store is kept.
#[derive(Clone, Copy, Debug)]
pub struct StorageConfig {
    /// A journal longer than this makes [`Storage::commit`] take a new snapshot, in bytes.
    pub journal_bytes: u64,
}

impl Default for StorageConfig {
    /// A snapshot for each mebibyte of journal.
    fn default() -> Self {
        StorageConfig { journal_bytes: 1 << 20 }
    }
}

/// What a store was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A journal alone; nothing, if it is new.
    Journal,
    /// The newest snapshot, and its journal.
    Newest,
    /// The newest snapshot is damaged or missing: the one before, or none, and the journals
    /// since. Nothing is lost, but there is one copy less.
    Previous,
}

/// What was found when files were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What there was.
    pub origin: Origin,
    /// Records of the journals.
    pub records: u64,
    /// Bytes at the end of the journal that were not written to their end, and are no more.
    pub cut: u64,
}

/// The files of a store. One of them belongs to one store. What is said of [`Error::HostIo`] is so of
/// [`Error::HostFull`], if there is no room.
#[derive(Debug)]
pub struct Storage<F> {
    files: F,
    config: StorageConfig,
    replica: ReplicaId,
    /// The number of the snapshot and its journal, and of the next one.
    number: u64,
    next: u64,
    /// Bytes of the journal, and those of them that are durable.
    len: u64,
    durable: u64,
    /// Whether the journal's name is durable.
    named: bool,
    /// Where the store's journal goes on.
    from: u64,
    /// Something failed, and the end of the journal is not known: only a new snapshot helps.
    failed: bool,
    /// A journal of this length makes a snapshot due.
    due: u64,
}

fn snapshot_name(number: u64) -> String {
    format!("snapshot-{number}")
}

fn journal_name(number: u64) -> String {
    format!("journal-{number}")
}

/// The number in a name of that kind.
pub(super) fn number_of(name: &str, kind: &str) -> Option<u64> {
    let number = name.strip_prefix(kind)?;
    number.parse().ok().filter(|parsed| format!("{parsed}") == number)
}

/// The number in a name of ours.
fn own_number(name: &str) -> Option<u64> {
    number_of(name, "snapshot-").or_else(|| number_of(name, "journal-"))
}

/// A record of nine bytes.
fn note(what: u8, number: u64) -> [u8; HEAD + 9] {
    let mut record = [0; HEAD + 9];
    record[HEAD] = what;
    record[HEAD + 1..].copy_from_slice(&number.to_le_bytes());
    seal(&mut record);
    record
}

impl<F: Files> Storage<F> {
    /// Brings an empty store of the same replica, seed and room to what the files have, or
    /// begins new ones. The end of the journal that was not written to its end is cut off:
    /// nothing of it was [`flush`](Self::flush)ed.
    ///
    /// # Errors
    /// [`Error::CrdtNotEmpty`] for a store that is not empty; it stays as it is. All others
    /// leave it empty, and the files as they are: [`Error::CrdtDamaged`] if something that was
    /// durable is lost (then this replica's number must not be used any more, for peers may
    /// have more of its changes), [`Error::CrdtForeign`], [`Error::CrdtVersion`] and
    /// [`Error::Capacity`] as for [`Store::load`], [`Error::HostIo`] if the system refuses.
    pub fn open(
        files: F,
        config: StorageConfig,
        store: &mut Store<'_>,
    ) -> Result<(Storage<F>, Opened)> {
        if !store.is_empty() {
            return Err(Error::CrdtNotEmpty);
        }
        let mut storage = Storage {
            files,
            config,
            replica: store.replica(),
            number: 0,
            next: 1,
            len: 0,
            durable: 0,
            named: false,
            from: 0,
            failed: false,
            due: config.journal_bytes,
        };
        match storage.restore(store) {
            Ok(opened) => Ok((storage, opened)),
            Err(error) => {
                store.make_empty();
                Err(error)
            }
        }
    }

    fn restore(&mut self, store: &mut Store<'_>) -> Result<Opened> {
        let mut numbers: Vec<u64> =
            self.files.names()?.iter().filter_map(|name| own_number(name)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        self.number = numbers.pop().unwrap_or(0);
        self.next = self.number.checked_add(1).ok_or(Error::CrdtDamaged)?;
        let (mut origin, mut records) = (Origin::Journal, 0);
        if self.number > 0 {
            origin = Origin::Newest;
            match self.load(self.number, store) {
                Err(Error::CrdtDamaged | Error::CrdtTorn | Error::CrdtFormat) => {
                    origin = Origin::Previous;
                    // What was before the first snapshot began with nothing.
                    records = self.restore_previous(numbers.pop().unwrap_or(0), store)?;
                }
                loaded => loaded?,
            }
        }
        let Replayed { len, cut, records: more, .. } = self.replay(self.number, store)?;
        if cut > 0 {
            let journal = journal_name(self.number);
            self.files.truncate(&journal, len)?;
            self.files.sync(&journal)?;
        }
        (self.len, self.durable, self.from) = (len, len, store.journal_end());
        Ok(Opened { origin, records: records + more, cut })
    }

    /// Brings a store to what the newest snapshot had, from what was before it; how many
    /// records that took.
    fn restore_previous(&mut self, number: u64, store: &mut Store<'_>) -> Result<u64> {
        let lost = |error| match error {
            Error::CrdtTorn | Error::CrdtFormat => Error::CrdtDamaged,
            error => error,
        };
        if number > 0 {
            self.load(number, store).map_err(lost)?;
        }
        let replayed = self.replay(number, store).map_err(lost)?;
        // Else changes of this replica may be missing, and their numbers would come twice.
        if replayed.whole_until == Some(self.number) && replayed.cut == 0 {
            Ok(replayed.records)
        } else {
            Err(Error::CrdtDamaged)
        }
    }

    /// Loads a snapshot.
    fn load(&mut self, number: u64, store: &mut Store<'_>) -> Result<()> {
        let name = snapshot_name(number);
        let (mut piece, mut scratch) = (vec![0; PIECE], vec![0; PIECE]);
        loop {
            match self.load_with(&name, store, &mut piece, &mut scratch) {
                Err(Error::BufferTooSmall) if store.load_scratch() > scratch.len() => {
                    scratch.resize(store.load_scratch(), 0);
                }
                loaded => return loaded,
            }
        }
    }

    fn load_with(
        &mut self,
        name: &str,
        store: &mut Store<'_>,
        piece: &mut [u8],
        scratch: &mut [u8],
    ) -> Result<()> {
        let mut at = 0;
        loop {
            let read = self.files.read(name, at, piece);
            match read {
                Ok(0) => return store.load_end(),
                Ok(len) => store.load(&piece[..len], scratch)?,
                Err(error) => {
                    // The loading is over.
                    let _ = store.load_end();
                    return Err(error);
                }
            }
            at += read? as u64;
        }
    }

    /// Writes all that happened in the store since the last time to the journal. After the
    /// next [`flush`](Self::flush) it is durable, and may be acknowledged.
    ///
    /// # Errors
    /// [`Error::CrdtBehind`] if the store's log has not all of it: a
    /// [`snapshot`](Self::snapshot) is needed. [`Error::HostIo`] if the system refuses, now or
    /// before: then, too. [`Error::CrdtForeign`] for another store.
    pub fn append(&mut self, store: &mut Store<'_>) -> Result<()> {
        self.check(store)?;
        if self.failed {
            return Err(Error::HostIo);
        }
        let len = store.journal_len(self.from)?;
        if len == 0 {
            return Ok(());
        }
        let mut bytes = Vec::new();
        if self.len == self.durable && self.len > 0 {
            bytes.extend_from_slice(&note(MARK, self.len));
        }
        let start = bytes.len();
        bytes.resize(start + len, 0);
        store.journal(self.from, &mut bytes[start..])?;
        self.write(&bytes)?;
        self.from = store.journal_end();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.files.append(&journal_name(self.number), bytes);
        self.failed |= written.is_err();
        self.len += bytes.len() as u64;
        written
    }

    /// Makes what was [`append`](Self::append)ed durable.
    ///
    /// # Errors
    /// [`Error::HostIo`] if the system refuses, now or before: then a
    /// [`snapshot`](Self::snapshot) is needed.
    pub fn flush(&mut self) -> Result<()> {
        if self.failed {
            return Err(Error::HostIo);
        }
        if self.len > self.durable {
            let flushed = self.sync();
            self.failed |= flushed.is_err();
            flushed?;
            (self.durable, self.named) = (self.len, true);
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.files.sync(&journal_name(self.number))?;
        if self.named { Ok(()) } else { self.files.sync_names() }
    }

    /// Makes all that happened in the store durable: by the journal, or by a new snapshot where
    /// that is needed or the journal is long. Then it may be acknowledged, and sent to others.
    ///
    /// # Errors
    /// [`Error::HostIo`] if the system refuses; the next commit tries again with all that is
    /// missing. [`Error::CrdtForeign`] for another store.
    pub fn commit(&mut self, store: &mut Store<'_>) -> Result<()> {
        if self.failed {
            return self.snapshot(store);
        }
        match self.append(store) {
            Err(Error::CrdtBehind) => return self.snapshot(store),
            appended => appended?,
        }
        self.flush()?;
        if self.len > self.due && self.snapshot(store).is_err() {
            // All is durable as it is. A later one will do it.
            self.due = self.len.saturating_add(self.config.journal_bytes);
        }
        Ok(())
    }

    /// Writes a new snapshot and makes it durable. Until then the one before is what counts,
    /// with its journal; both are kept until the next one.
    ///
    /// # Errors
    /// [`Error::HostIo`] if the system refuses, [`Error::CrdtForeign`] for another store. What
    /// was durable still is.
    pub fn snapshot(&mut self, store: &mut Store<'_>) -> Result<()> {
        self.check(store)?;
        let next = self.next;
        self.next = next.checked_add(1).ok_or(Error::Overflow)?;
        if !self.failed {
            // The journal leads up to the snapshot, so it can stand in for it.
            match self.append(store) {
                Ok(()) => self.write(&note(WHOLE, next))?,
                Err(Error::CrdtBehind) => {}
                Err(error) => return Err(error),
            }
            self.flush()?;
        }
        self.write_snapshot(store)?;
        // From now on it may be there, whatever the system says.
        self.failed = true;
        self.files.rename(UNFINISHED, &snapshot_name(next))?;
        self.files.sync_names()?;
        let before = core::mem::replace(&mut self.number, next);
        (self.len, self.durable, self.from) = (0, 0, store.journal_end());
        (self.named, self.failed, self.due) = (false, false, self.config.journal_bytes);
        self.remove_before(before);
        Ok(())
    }

    fn write_snapshot(&mut self, store: &mut Store<'_>) -> Result<()> {
        self.files.remove(UNFINISHED)?;
        let (mut piece, mut at) = (vec![0; PIECE], 0);
        loop {
            match store.save(at, &mut piece)? {
                0 => return self.files.sync(UNFINISHED),
                len => {
                    self.files.append(UNFINISHED, &piece[..len])?;
                    at += len as u64;
                }
            }
        }
    }

    /// Removes older files. What cannot be removed does no harm, and is tried again.
    fn remove_before(&mut self, number: u64) {
        for name in self.files.names().unwrap_or_default() {
            if own_number(&name).is_some_and(|old| old < number) {
                let _ = self.files.remove(&name);
            }
        }
    }

    fn check(&self, store: &Store<'_>) -> Result<()> {
        if store.replica() == self.replica { Ok(()) } else { Err(Error::CrdtForeign) }
    }
}
