//! Keys of a map whose names begin alike.

use super::{Key, KeyEntry, Store};
use crate::crdt::kind::Kind;
use crate::error::Result;

/// The keys of a map whose names begin with a prefix, by the bytes of names and then by
/// kind.
pub struct KeysWithPrefix<'a> {
    store: &'a Store<'a>,
    map: u32,
    prefix: &'a [u8],
    /// The key before, if there was one.
    last: Option<KeyEntry<'a>>,
}

impl<'a> Iterator for KeysWithPrefix<'a> {
    type Item = KeyEntry<'a>;

    fn next(&mut self) -> Option<KeyEntry<'a>> {
        self.last = Some(self.store.step_with_prefix(self.map, self.prefix, self.last)?);
        self.last
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
        let last = last.filter(|last| last.name >= prefix);
        Ok(self.step_with_prefix(map, prefix, last))
    }

    fn step_with_prefix(
        &self,
        map: u32,
        prefix: &[u8],
        last: Option<KeyEntry<'_>>,
    ) -> Option<KeyEntry<'_>> {
        let found = match last {
            None => self.step(map, (prefix, Kind::Map), true),
            Some(last) => self.step(map, (last.name, last.kind), false),
        };
        found.filter(|entry| entry.name.starts_with(prefix))
    }
}
