//! A change that nobody can know of yet: what follows it in the same key is part of it.
//!
//! Who counts or writes a thousand times between two frames tells one change then, and the
//! log does not run over. That is so as long as nothing else happened here and nothing was told
//! or kept (contexts, changes, states, digests, snapshots, records), so no other replica, and
//! no later life of this one, knows the change as it was before.

use super::{Key, Store};
use crate::crdt::kind::Kind;
use crate::crdt::numbers::{self, zigzag};

/// Where the last change is that may become another one. Its key is open, and the heap has not
/// moved since.
#[derive(Clone, Copy)]
pub(super) struct Untold {
    key: Key,
    kind: Kind,
    /// Where in the heap it is, a number of a counter or the bytes of a register, and how
    /// long; 0 if there is none.
    at: u32,
    len: u32,
    /// The number.
    net: i64,
}

impl Untold {
    pub const NOTHING: Untold = Untold { key: Store::ROOT, kind: Kind::Map, at: 0, len: 0, net: 0 };
}

impl Store<'_> {
    /// From now on there is a change that nobody knows of: this replica has counted so far.
    pub(super) fn counted_untold(&mut self, key: u32, at: u32, net: i64) {
        let len = numbers::len(zigzag(net)) as u32;
        self.untold = Untold { key: self.key_at(key), kind: self.kind(key), at, len, net };
    }

    /// The same: it has assigned bytes that are in the heap.
    pub(super) fn assigned_untold(&mut self, key: u32, at: u32, len: usize) {
        let (kind, len) = (self.kind(key), len as u32);
        self.untold = Untold { key: self.key_at(key), kind, at, len, net: 0 };
    }

    /// Counts by a change that nobody knows of, if there is one and its number is as long
    /// then; whether it did.
    #[inline]
    pub(super) fn count_untold(&mut self, counter: Key, by: i64) -> bool {
        let Untold { key, kind, at, len, net } = self.untold;
        let Some(net) = net.checked_add(by) else { return false };
        let (number, len) = (zigzag(net), len as usize);
        if key != counter || !kind.is_counter() || numbers::len(number) != len {
            return false;
        }
        numbers::write_all(number, self.heap.part_mut(at, len));
        self.untold.net = net;
        self.amended(key);
        true
    }

    /// Assigns bytes by the change that nobody knows of, which is of a register, if they are
    /// as many, with `head` in front; whether it did.
    #[inline]
    pub(super) fn assign_untold(&mut self, head: &[u8], value: &[u8]) -> bool {
        let Untold { key, at, len, .. } = self.untold;
        if len as usize != head.len() + value.len() {
            return false;
        }
        let (first, second) = self.heap.part_mut(at, len as usize).split_at_mut(head.len());
        first.copy_from_slice(head);
        second.copy_from_slice(value);
        self.amended(key);
        true
    }

    /// Whether the change that nobody knows of is of this key and kind.
    #[inline]
    pub(super) fn is_untold(&self, key: Key, kind: Kind) -> bool {
        self.untold.key == key && self.untold.kind == kind
    }

    #[inline]
    fn amended(&mut self, key: Key) {
        self.version += 1;
        self.touched(key.place);
    }
}
