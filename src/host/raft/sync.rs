//! What is durable, and making it so, here or on another thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::format::Held;
use super::index::Place;
use super::{RaftStorage, segment_name};
use crate::consensus::raft::RecordNumber;
use crate::error::{Error, Result};
use crate::host::{Files, SyncLater};

/// What several threads know of a log.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Held while something is made durable: a system tells of an error once, and not to all
    /// who ask.
    turn: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    /// The last record that is durable, and how much of which segment.
    pub number: u64,
    pub durable: Place,
    failed: Option<Error>,
}

/// A call that did not come back: nobody knows what it did.
struct Doubt<'a>(&'a Shared);

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        self.0.fail(Error::HostIo);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn state(&self) -> State {
        *lock(&self.state)
    }

    pub fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.state));
    }

    /// The first failure is what counts.
    pub fn fail(&self, error: Error) {
        self.set(|state| state.failed = state.failed.or(Some(error)));
    }

    pub fn check(&self) -> Result<()> {
        self.state().failed.map_or(Ok(()), Err)
    }

    /// Does what makes everything up to a record and a place durable.
    fn make(&self, number: u64, place: Place, sync: impl FnOnce() -> Result<()>) -> Result<()> {
        let _turn = lock(&self.turn);
        self.check()?;
        let doubt = Doubt(self);
        let done = sync();
        core::mem::forget(doubt);
        self.set(|state| match done {
            Ok(()) => {
                state.number = state.number.max(number);
                if (place.segment, place.at) > (state.durable.segment, state.durable.at) {
                    state.durable = place;
                }
            }
            Err(error) => state.failed = state.failed.or(Some(error)),
        });
        done
    }
}

/// Makes records durable, on any thread: [`RaftStorage::begin_sync`]. Dropped, it does nothing.
pub struct RaftSync {
    shared: Arc<Shared>,
    number: u64,
    place: Place,
    sync: SyncLater,
}

impl RaftSync {
    /// Waits until they are durable. [`RaftStorage::durable`] tells afterwards, on the thread of the
    /// log.
    ///
    /// # Errors
    /// [`Error::HostIo`] and [`Error::HostFull`] if the system refuses, now or before: the log
    /// takes nothing any more then.
    pub fn run(self) -> Result<RecordNumber> {
        self.shared.make(self.number, self.place, self.sync)?;
        Ok(RecordNumber(self.number))
    }
}

impl<F: Files> RaftStorage<F> {
    /// Makes all records durable that were appended; the last of them.
    ///
    /// # Errors
    /// [`Error::HostIo`] and [`Error::HostFull`] if the system refuses, now or before.
    pub fn sync(&mut self) -> Result<RecordNumber> {
        self.shared.check()?;
        if self.number > self.shared.state().number {
            let done = self.sync_segment();
            self.fail(done)?;
        }
        self.durable()
    }

    /// Makes all of the newest segment durable, marks included.
    pub(super) fn sync_segment(&mut self) -> Result<()> {
        self.write()?;
        let place = Place { segment: self.segments.newest().0, at: self.len };
        let (config, files) = (&self.config, &mut self.files);
        self.shared.make(self.number, place, || {
            if config.sync { files.sync(&segment_name(place.segment)) } else { Ok(()) }
        })
    }

    /// What makes all records durable that were appended, for another thread; nothing if they
    /// are. More may be appended meanwhile, and several may be under way.
    ///
    /// # Errors
    /// As [`sync`](RaftStorage::sync); [`Error::Unsupported`] for files that cannot.
    pub fn begin_sync(&mut self) -> Result<Option<RaftSync>> {
        self.shared.check()?;
        if self.number == self.shared.state().number {
            return Ok(None);
        }
        let done = self.write();
        self.fail(done)?;
        let (segment, _) = self.segments.newest();
        let sync: SyncLater = if self.config.sync {
            self.files.sync_later(&segment_name(segment))?
        } else {
            std::boxed::Box::new(|| Ok(()))
        };
        let (shared, place) = (self.shared.clone(), Place { segment, at: self.len });
        Ok(Some(RaftSync { shared, number: self.number, place, sync }))
    }

    /// The last record that is durable: for [`Raft::durable`](crate::consensus::Raft::durable). Files that are
    /// needless since are removed.
    ///
    /// # Errors
    /// [`Error::HostIo`] and [`Error::HostFull`] if the system has refused: nothing more will
    /// become durable.
    pub fn durable(&mut self) -> Result<RecordNumber> {
        self.shared.check()?;
        let State { number, durable, .. } = self.shared.state();
        let newest = self.segments.newest().0;
        let mut done = Ok(());
        // What was not synced is not durable, whatever it is called.
        if self.config.sync && durable.segment == newest && durable.at > self.marked {
            self.marked = durable.at;
            // Not durable, but sooner or later there: who opens the files can tell a damaged record
            // from one that was not written to its end.
            done = self.put(&Held::Mark(durable.at)).and_then(|()| self.write());
        }
        // If that cannot be done, then nothing can from now on; what is durable still is.
        if self.fail(done).is_ok() {
            self.tidy(number);
        }
        Ok(RecordNumber(number))
    }
}
