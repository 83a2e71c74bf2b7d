//! What is in a store.

use super::{Key, Store};
use crate::crdt::clock::HybridTime;
use crate::crdt::items::{NONE, Sought};
use crate::crdt::keys::{Name, ROOT};
use crate::crdt::kind::Kind;
use crate::error::{Error, Result};

/// A key as a map lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyEntry<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// What is behind it.
    pub kind: Kind,
}

/// The elements of a list, in order; of a set, or the values of a multi-value register,
/// in none.
pub struct Elements<'a> {
    store: &'a Store<'a>,
    key: u32,
    /// The item to look at next, and where the round ends.
    at: u32,
    start: u32,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.step().map(|(_, bytes)| bytes)
    }
}

impl<'a> Elements<'a> {
    /// The next element, and its item.
    fn step(&mut self) -> Option<(u32, &'a [u8])> {
        while self.at != NONE {
            let at = self.at;
            self.at = self.store.items.next_until(at, self.start);
            let bytes = self.store.bytes_of(at);
            if self.store.kind(self.key).is_ordered() {
                return Some((at, self.store.position_of(at).1));
            }
            if !self.store.kind(self.key).by_element() {
                return Some((at, bytes));
            }
            // An element has an item for each addition at the same time: once is enough.
            let (hash, sought) = (self.store.item_hash(self.key, bytes), Sought::new(bytes));
            let first = self.store.find(hash, self.key, sought) == at;
            if first && self.store.is_in(hash, self.key, sought) {
                return Some((at, bytes));
            }
        }
        None
    }
}

impl Store<'_> {
    /// Whether an element is in a set.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if `set` is not an open set.
    pub fn contains(&self, set: Key, element: &[u8]) -> Result<bool> {
        let key = self.place(set)?;
        if !self.kind(key).by_element() {
            return Err(Error::CrdtKind);
        }
        Ok(self.is_in(self.item_hash(key, element), key, Sought::new(element)))
    }

    /// How many elements a set or a list has, or keys a map.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if `key` is not an open one of those.
    pub fn count(&self, key: Key) -> Result<usize> {
        let key = self.place(key)?;
        match self.kind(key) {
            Kind::Map | Kind::AddWinsSet | Kind::RemoveWinsSet | Kind::List => {
                Ok(self.keys.get(key).count as usize)
            }
            _ => Err(Error::CrdtKind),
        }
    }

    /// The elements of a list, in order; of a set, or the values of a multi-value
    /// register, in none.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if `key` is not an open one of those.
    pub fn elements(&self, key: Key) -> Result<Elements<'_>> {
        let key = self.place(key)?;
        match self.kind(key) {
            Kind::AddWinsSet | Kind::RemoveWinsSet | Kind::MultiValue | Kind::List => {
                let start = self.first_of(key);
                Ok(Elements { store: self, key, at: start, start })
            }
            _ => Err(Error::CrdtKind),
        }
    }

    /// The element or value behind `cursor` in the order of [`elements`](Self::elements),
    /// and the cursor for the next one; 0 is for the first. A cursor is good until the
    /// store changes.
    ///
    /// # Errors
    /// Those of [`elements`](Self::elements), [`Error::Invalid`] for a cursor that is
    /// none of this key's.
    pub fn element_after(&self, key: Key, cursor: u64) -> Result<Option<(&[u8], u64)>> {
        let mut elements = self.elements(key)?;
        if let Some(before) = cursor.checked_sub(1) {
            let before = u32::try_from(before).map_err(|_| Error::Invalid)?;
            if !self.items.is_of(before, elements.key) {
                return Err(Error::Invalid);
            }
            elements.at = self.items.next_until(before, elements.start);
        }
        Ok(elements.step().map(|(at, bytes)| (bytes, u64::from(at) + 1)))
    }

    /// Whether a flag says yes.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if `flag` is not an open flag.
    pub fn flag(&self, flag: Key) -> Result<bool> {
        let key = self.place(flag)?;
        match self.kind(key) {
            Kind::EnableWinsFlag | Kind::DisableWinsFlag => {
                Ok(self.is_in(self.item_hash(key, &[]), key, Sought::new(&[])))
            }
            _ => Err(Error::CrdtKind),
        }
    }

    /// The value of a last-writer-wins register, and when it was assigned; nothing if
    /// it has none.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if it is not an open one.
    pub fn last_written(&self, register: Key) -> Result<Option<(&[u8], HybridTime)>> {
        let key = self.expect(register, Kind::LastWriter)?;
        let split = self.best(key).and_then(<[u8]>::split_first_chunk);
        Ok(split.map(|(stamp, value)| (value, HybridTime(u64::from_le_bytes(*stamp)))))
    }

    /// The number of a register of the greatest or smallest one; nothing if it has none.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if it is not an open one.
    pub fn extreme(&self, register: Key) -> Result<Option<i64>> {
        let key = self.place(register)?;
        match self.kind(key) {
            Kind::Max | Kind::Min => Ok(self.number(key)),
            _ => Err(Error::CrdtKind),
        }
    }

    pub(super) fn number(&self, key: u32) -> Option<i64> {
        self.best(key)?.first_chunk().map(|bytes| i64::from_le_bytes(*bytes))
    }

    /// The bytes of the item that wins: assignments at the same time have one each,
    /// until the next that has seen them.
    fn best(&self, key: u32) -> Option<&[u8]> {
        let best = self.best_item(key);
        (best != NONE).then(|| self.bytes_of(best))
    }

    /// The item that wins.
    pub(super) fn best_item(&self, key: u32) -> u32 {
        let kind = self.kind(key);
        let rank = |at: u32| {
            let number = self.bytes_of(at).first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
            let order = match kind {
                Kind::LastWriter => i128::from(number),
                Kind::Min => -i128::from(number as i64),
                _ => i128::from(number as i64),
            };
            let dot = self.items.get(at).dot();
            (order, self.context.members()[dot.place()].id, dot.seq())
        };
        let mut best = self.first_of(key);
        if best == NONE {
            return NONE;
        }
        let start = best;
        let mut at = self.items.next(start);
        while at != start {
            if rank(at) > rank(best) {
                best = at;
            }
            at = self.items.next(at);
        }
        best
    }

    /// The first key of a map, by the bytes of names and then by kind, that comes
    /// after `after`; with `from`, which may be a prefix, the first one from it on.
    /// Keys that are held open and have nothing in them are not listed.
    ///
    /// # Errors
    /// [`Error::CrdtKey`] and [`Error::CrdtKind`] if `map` is not an open map.
    pub fn next_key(&self, map: Key, after: KeyCursor<'_>) -> Result<Option<KeyEntry<'_>>> {
        let map = self.expect(map, Kind::Map)?;
        Ok(match after {
            KeyCursor::From(name) => self.step(map, (name, Kind::Map), true),
            KeyCursor::After(entry) => self.step(map, (entry.name, entry.kind), false),
        })
    }

    /// The first key behind a name, or of it, in which something is.
    pub(super) fn step(&self, map: u32, from: Name<'_>, or_this: bool) -> Option<KeyEntry<'_>> {
        let mut next = self.keys.after(map, from, or_this, &self.heap);
        while let Some(key) = next {
            let (name, kind) = (self.keys.name(key, &self.heap), self.kind(key));
            if self.is_full(key) {
                return Some(KeyEntry { name, kind });
            }
            next = self.keys.after(map, (name, kind), false, &self.heap);
        }
        None
    }

    /// Whether there is something in a key: what remembers a removal does not count.
    pub(super) fn is_full(&self, key: u32) -> bool {
        match self.kind(key) {
            Kind::Map => {
                let mut next = self.keys.after(key, (&[], Kind::Map), true, &self.heap);
                while let Some(inner) = next {
                    if self.is_full(inner) {
                        return true;
                    }
                    let name = (self.keys.name(inner, &self.heap), self.keys.get(inner).kind);
                    next = self.keys.after(key, name, false, &self.heap);
                }
                key == ROOT
            }
            Kind::AddWinsSet | Kind::RemoveWinsSet => self.keys.get(key).count > 0,
            Kind::DisableWinsFlag => self.is_in(self.keys.get(key).hash, key, Sought::new(&[])),
            kind if kind.is_joined() => self.is_joined_full(key),
            _ => self.keys.get(key).last != NONE,
        }
    }
}

/// Where a listing of keys goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyCursor<'a> {
    /// From this name on: `&[]` for the beginning.
    From(&'a [u8]),
    /// Behind this key.
    After(KeyEntry<'a>),
}
