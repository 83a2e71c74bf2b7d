//! Keys of a map whose names begin alike.

use super::{Key, KeyEntry, Store};
use crate::crdt::keys::Name;
use crate::crdt::kind::Kind;
use crate::error::Result;

/// The keys of a map whose names begin with a prefix, by the bytes of names and then by
/// kind.
pub struct KeysWithPrefix<'a> {
    store: &'a Store<'a>,
    map: u32,
    prefix: &'a [u8],
    /// The key before, if there was one.
    last: Option<Name<'a>>,
}

impl<'a> Iterator for KeysWithPrefix<'a> {
    type Item = KeyEntry<'a>;

    fn next(&mut self) -> Option<KeyEntry<'a>> {
        let found = self.store.step_with_prefix(self.map, self.prefix, self.last)?;
        self.last = Some(found);
        Some(KeyEntry { name: found.0, kind: found.1 })
    }
}

impl Store<'_> {
    /// The keys of a map whose names begin with `prefix`, by the bytes of names and then
    /// by kind; `&[]` for all. As with [`next_key`](Self::next_key) those with nothing in
    /// them are left out. A step takes a time that goes with the
    /// logarithm of how many keys the map has.
    ///
    /// # Errors
    /// [`Error::CrdtKey`](crate::Error::CrdtKey) and
    /// [`Error::CrdtKind`](crate::Error::CrdtKind) if `map` is not an open map.
    pub fn keys_with_prefix<'a>(
        &'a self,
        map: Key,
        prefix: &'a [u8],
    ) -> Result<KeysWithPrefix<'a>> {
        let map = self.expect(map, Kind::Map)?;
        Ok(KeysWithPrefix { store: self, map, prefix, last: None })
    }

    /// The key behind `last`, which need not be there (any more), among those of
    /// [`keys_with_prefix`](Self::keys_with_prefix); without a `last` the first one. For
    /// callers who change the store between two steps.
    ///
    /// # Errors
    /// Those of [`keys_with_prefix`](Self::keys_with_prefix).
    pub fn next_with_prefix(
        &self,
        map: Key,
        prefix: &[u8],
        last: Option<KeyEntry<'_>>,
    ) -> Result<Option<KeyEntry<'_>>> {
        let map = self.expect(map, Kind::Map)?;
        // A name before all of the prefix is as good as none.
        let last = last.filter(|last| last.name >= prefix).map(|last| (last.name, last.kind));
        let found = self.step_with_prefix(map, prefix, last);
        Ok(found.map(|(name, kind)| KeyEntry { name, kind }))
    }

    fn step_with_prefix(
        &self,
        map: u32,
        prefix: &[u8],
        last: Option<Name<'_>>,
    ) -> Option<Name<'_>> {
        let first = (prefix, Kind::Map);
        let (from, or_this) = last.map_or((first, true), |last| (last, false));
        let mut next = self.keys.after(map, from, or_this, &self.heap);
        while let Some(key) = next {
            let found = (self.keys.name(key, &self.heap), self.kind(key));
            if !found.0.starts_with(prefix) {
                return None;
            }
            if self.is_full(key) {
                return Some(found);
            }
            next = self.keys.after(map, found, false, &self.heap);
        }
        None
    }
}
