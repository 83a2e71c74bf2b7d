//! Watched keys, and what changed in them: to be taken by the caller.
//!
//! An event says that something in a key changed, not how: the value is read. So what
//! changes again before it was taken is one event, and where there is no room for more the
//! watch gets one that says to look at all of it. Nothing is lost without a word.

use core::ffi::c_void;
use core::ops::Range;
use core::sync::atomic::AtomicPtr;

use super::{Key, KeyEntry, Store};
use crate::crdt::items::NONE;
use crate::crdt::keys::ROOT;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// Who changed what is watched since the event before: at least one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// The caller.
    pub local: bool,
    /// A frame that was merged.
    pub merged: bool,
    /// A frame that was reconciled with.
    pub reconciled: bool,
}

impl Causes {
    pub(super) const LOCAL: Causes = Causes { local: true, merged: false, reconciled: false };
    pub(super) const MERGED: Causes = Causes { local: false, merged: true, reconciled: false };
    pub(super) const RECONCILED: Causes = Causes { local: false, merged: false, reconciled: true };

    const fn none() -> Causes {
        Causes { local: false, merged: false, reconciled: false }
    }

    fn and(self, other: Causes) -> Causes {
        Causes {
            local: self.local | other.local,
            merged: self.merged | other.merged,
            reconciled: self.reconciled | other.reconciled,
        }
    }
}

/// What changed of a watched key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed<'a> {
    /// Its value.
    Itself,
    /// A key in this map, or something in the map of this name. It may be gone.
    Inside(KeyEntry<'a>),
    /// Too much to tell: any of it.
    Many,
}

/// Something changed in a watched key; maybe to what it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The key that is watched.
    pub watched: Key,
    /// What of it.
    pub changed: Changed<'a>,
    /// By whom.
    pub causes: Causes,
}

#[derive(Clone, Copy)]
struct Watch {
    key: u32,
    /// Who changed what could not be noted; nobody if all could.
    many: Causes,
}

#[derive(Clone, Copy)]
struct Pending {
    watched: u32,
    /// The key in it that changed; `NONE` for itself.
    key: u32,
    causes: Causes,
}

pub(super) struct Watches<'m> {
    /// In the order of their keys.
    watches: Carved<'m, Watch>,
    count: usize,
    /// What is to be taken, from `first` to `end`.
    pending: Carved<'m, Pending>,
    first: usize,
    end: usize,
    /// The key of the event taken last, which its name is of.
    taken: u32,
    /// Who is changing something.
    pub cause: Causes,
}

impl<'m> Watches<'m> {
    pub fn carve(carver: &mut Carver<'m>, watches: usize, events: usize) -> Result<Self> {
        let causes = Causes::none();
        Ok(Watches {
            watches: carver.take(watches, Watch { key: NONE, many: causes })?,
            count: 0,
            pending: carver.take(events, Pending { watched: NONE, key: NONE, causes })?,
            first: 0,
            end: 0,
            taken: NONE,
            cause: Causes::LOCAL,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn find(&self, key: u32) -> Result<usize, usize> {
        self.watches[..self.count].binary_search_by_key(&key, |watch| watch.key)
    }

    fn pending(&self) -> &[Pending] {
        &self.pending[self.first..self.end]
    }

    /// Whether an event that is to be taken, or was taken last, names this key.
    fn names(&self, key: u32) -> bool {
        self.taken == key || self.pending().iter().any(|pending| pending.key == key)
    }

    /// Room for one event more, if there is any.
    fn make_room(&mut self) -> bool {
        if self.end == self.pending.len() && self.first > 0 {
            self.pending.copy_within(self.first..self.end, 0);
            (self.first, self.end) = (0, self.end - self.first);
        }
        self.end < self.pending.len()
    }

    /// The watch that has more to tell than could be noted.
    fn first_of_many(&self) -> Option<usize> {
        self.watches[..self.count].iter().position(|watch| watch.many != Causes::none())
    }
}

impl Store<'_> {
    /// Watches a key, which is open, and if it is a map all keys below it: what changes there
    /// from now on is an event to be taken by [`next_event`](Self::next_event). To watch it
    /// twice is the same as once. It ends with [`unwatch`](Self::unwatch) and when the key is
    /// closed for the last time.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] if it is not open, [`Error::Capacity`] for more than
    /// [`StoreConfig::watches`](super::StoreConfig::watches).
    pub fn watch(&mut self, key: Key) -> Result<()> {
        let key = self.place(key)?;
        let watches = &mut self.watches;
        let Err(at) = watches.find(key) else { return Ok(()) };
        if watches.count == watches.watches.len() {
            return Err(Error::Capacity);
        }
        watches.watches.copy_within(at..watches.count, at + 1);
        watches.watches[at] = Watch { key, many: Causes::none() };
        watches.count += 1;
        Ok(())
    }

    /// Ends what [`watch`](Self::watch) began, if it did; events of it that were not taken are
    /// gone.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] if the key is not open.
    pub fn unwatch(&mut self, key: Key) -> Result<()> {
        let key = self.place(key)?;
        self.unwatch_place(key);
        Ok(())
    }

    pub(super) fn unwatch_place(&mut self, key: u32) {
        let watches = &mut self.watches;
        let Ok(at) = watches.find(key) else { return };
        watches.watches.copy_within(at + 1..watches.count, at);
        watches.count -= 1;
        let Range { start: mut at, end: mut left } = watches.first..watches.end;
        while at < left {
            let pending = self.watches.pending[at];
            if pending.watched != key {
                at += 1;
                continue;
            }
            self.watches.pending.copy_within(at + 1..left, at);
            left -= 1;
            self.watches.end = left;
            self.release(pending.key);
        }
    }

    /// Takes the oldest event; nothing when all are taken. Names are good until the store
    /// changes. A key that an event is about stays in its table until the next call, even if
    /// nothing is in it any more.
    pub fn next_event(&mut self) -> Option<Event<'_>> {
        let taken = core::mem::replace(&mut self.watches.taken, NONE);
        self.release(taken);
        let watches = &mut self.watches;
        if watches.first < watches.end {
            let pending = watches.pending[watches.first];
            watches.first += 1;
            watches.taken = pending.key;
            return Some(self.event_of(pending));
        }
        let at = watches.first_of_many()?;
        let causes = core::mem::take(&mut watches.watches[at].many);
        Some(self.event_of_many(at, causes))
    }

    /// The event that [`next_event`](Self::next_event) takes, without taking it.
    pub fn peek_event(&self) -> Option<Event<'_>> {
        if let Some(pending) = self.watches.pending().first() {
            return Some(self.event_of(*pending));
        }
        let at = self.watches.first_of_many()?;
        Some(self.event_of_many(at, self.watches.watches[at].many))
    }

    fn event_of(&self, pending: Pending) -> Event<'_> {
        let Pending { watched, key, causes } = pending;
        let changed = if key == NONE {
            Changed::Itself
        } else {
            Changed::Inside(KeyEntry {
                name: self.keys.name(key, &self.heap),
                kind: self.kind(key),
            })
        };
        Event { watched: self.key_at(watched), changed, causes }
    }

    fn event_of_many(&self, at: usize, causes: Causes) -> Event<'_> {
        let watched = self.key_at(self.watches.watches[at].key);
        Event { watched, changed: Changed::Many, causes }
    }

    pub(super) fn key_at(&self, place: u32) -> Key {
        if place == ROOT { Self::ROOT } else { Key { place, hash: self.keys.get(place).hash } }
    }

    /// No event that was taken or taken back needs a key any more.
    fn release(&mut self, key: u32) {
        if key != NONE && !self.watches.names(key) {
            self.keys.set_named(key, false);
            self.drop_empty(key);
        }
    }

    /// Something in a key has changed.
    #[inline]
    pub(super) fn touched(&mut self, key: u32) {
        if !self.watches.is_empty() {
            self.post_all(key);
        }
    }

    fn post_all(&mut self, key: u32) {
        let (mut inside, mut at) = (NONE, key);
        while at != NONE {
            self.post(at, inside);
            (inside, at) = (at, self.keys.get(at).parent);
        }
    }

    fn post(&mut self, watched: u32, key: u32) {
        let watches = &mut self.watches;
        let Ok(watch) = watches.find(watched) else { return };
        let (cause, many) = (watches.cause, &mut watches.watches[watch].many);
        if *many != Causes::none() {
            *many = many.and(cause);
            return;
        }
        if key == NONE || self.keys.get(key).named() {
            let pending = &mut watches.pending[watches.first..watches.end];
            let same = |pending: &&mut Pending| pending.watched == watched && pending.key == key;
            if let Some(pending) = pending.iter_mut().rev().find(same) {
                pending.causes = pending.causes.and(cause);
                return;
            }
        }
        if !watches.make_room() {
            watches.watches[watch].many = cause;
            return;
        }
        watches.pending[watches.end] = Pending { watched, key, causes: cause };
        watches.end += 1;
        if key != NONE {
            self.keys.set_named(key, true);
        }
    }
}

/// Whom the C ABI tells of changes. It is kept here, and nothing here looks at it.
#[derive(Default)]
pub(crate) struct Hook {
    pub call: AtomicPtr<c_void>,
    pub ctx: AtomicPtr<c_void>,
}
