//! The keys of a store: names in maps, each with a kind of value.
//!
//! Found by hash, and in the order of their names by a treap for each map
//! (Seidel and Aragon, "Randomized search trees", 1996), whose priorities are the
//! hashes: its shape does not depend on what came first.

use core::cmp::Ordering;

use super::heap::Heap;
use super::items::NONE;
use super::kind::Kind;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// The place of the map that all other keys are in.
pub(super) const ROOT: u32 = 0;

const INLINE: usize = 8;
const IN_HEAP: u8 = 15;
const LEN: u8 = 15;
/// The bit above the length that says that an event names the key.
const NAMED: u8 = 16;

/// A name in a map, with a kind of value.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub parent: u32,
    pub hash: u32,
    /// The next of the bucket, or of what is free.
    chain: u32,
    left: u32,
    right: u32,
    /// The name, or its place in the heap.
    name: [u32; 2],
    /// How long it is, or `IN_HEAP`, and a mark.
    name_len: u8,
    pub kind: Kind,
    /// How often it is held open.
    pub pins: u16,
    /// The last of the ring of items; of a map the top of its tree; of a joined value its
    /// block in the heap.
    pub last: u32,
    /// Elements that are there; of a map the keys in it.
    pub count: u32,
    /// Of a list the top of its tree.
    pub top: u32,
}

impl Entry {
    fn name_len(&self) -> u8 {
        self.name_len & LEN
    }

    /// Whether an event names the key: so it stays, even with nothing in it.
    pub fn named(&self) -> bool {
        self.name_len & NAMED != 0
    }
}

/// What a key is called in its map.
pub(super) type Name<'a> = (&'a [u8], Kind);

/// Where a link of a tree is.
#[derive(Clone, Copy)]
enum Link {
    Top(u32),
    Left(u32),
    Right(u32),
}

pub(super) struct Keys<'m> {
    entries: Carved<'m, Entry>,
    buckets: Carved<'m, u32>,
    free: u32,
    fresh: u32,
    used: u32,
}

impl<'m> Keys<'m> {
    /// Room for the root and `keys` more.
    pub fn carve(carver: &mut Carver<'m>, keys: usize, seed: u32) -> Result<Self> {
        let root = Entry {
            parent: NONE,
            hash: seed,
            chain: NONE,
            left: NONE,
            right: NONE,
            name: [0; 2],
            name_len: 0,
            kind: Kind::Map,
            pins: 1,
            last: NONE,
            count: 0,
            top: NONE,
        };
        Ok(Keys {
            entries: carver.take(keys.checked_add(1).ok_or(Error::Overflow)?, root)?,
            buckets: carver.take(keys.div_ceil(2).max(1), NONE)?,
            free: NONE,
            fresh: 1,
            used: 0,
        })
    }

    pub fn used(&self) -> usize {
        self.used as usize
    }

    pub fn get(&self, at: u32) -> &Entry {
        &self.entries[at as usize]
    }

    pub fn get_mut(&mut self, at: u32) -> &mut Entry {
        &mut self.entries[at as usize]
    }

    /// Whether there is such a key.
    pub fn is_live(&self, at: u32) -> bool {
        at == ROOT || (at < self.fresh && self.get(at).parent != NONE)
    }

    /// Places that were ever used.
    pub fn places(&self) -> u32 {
        self.fresh
    }

    /// All keys but the root, by their places.
    pub fn live(&self) -> impl Iterator<Item = u32> {
        (1..self.fresh).filter(|at| self.is_live(*at))
    }

    /// The first key behind this place in the table.
    pub fn next_live(&self, at: u32) -> Option<u32> {
        (at + 1..self.fresh).find(|at| self.is_live(*at))
    }

    /// The name of a key.
    pub fn name<'a>(&'a self, at: u32, heap: &'a Heap<'_>) -> &'a [u8] {
        let entry = self.get(at);
        if entry.name_len() == IN_HEAP {
            heap.get(entry.name[0])
        } else {
            &bytemuck::bytes_of(&entry.name)[..entry.name_len() as usize]
        }
    }

    /// The place of a key's name in the heap, if it is there.
    pub fn name_in_heap(&self, at: u32) -> Option<u32> {
        let entry = self.get(at);
        (entry.name_len() == IN_HEAP).then_some(entry.name[0])
    }

    pub fn set_name_in_heap(&mut self, at: u32, place: u32) {
        self.get_mut(at).name[0] = place;
    }

    pub fn set_named(&mut self, at: u32, named: bool) {
        let entry = self.get_mut(at);
        entry.name_len = entry.name_len() | if named { NAMED } else { 0 };
    }

    /// Bytes of the heap that a name needs.
    pub const fn name_cost(len: usize) -> usize {
        if len <= INLINE { 0 } else { Heap::cost(len) }
    }

    /// The bucket of a hash. Greater hashes have the same or later ones.
    pub fn bucket(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.buckets.len() as u64) >> 32) as usize
    }

    pub fn first_of_bucket(&self, bucket: usize) -> u32 {
        self.buckets[bucket]
    }

    /// The first key of a hash's bucket.
    pub fn first(&self, hash: u32) -> u32 {
        self.first_of_bucket(self.bucket(hash))
    }

    /// From `at` on in its bucket, the first joined value with this hash that has a block.
    pub fn joined(&self, mut at: u32, hash: u32) -> u32 {
        while at != NONE {
            let entry = self.get(at);
            if entry.hash == hash && entry.kind.is_joined() && entry.last != NONE {
                break;
            }
            at = entry.chain;
        }
        at
    }

    /// The next key of the same bucket.
    pub fn following(&self, at: u32) -> u32 {
        self.get(at).chain
    }

    pub fn find(&self, parent: u32, hash: u32, name: Name<'_>, heap: &Heap<'_>) -> Option<u32> {
        let mut at = self.first(hash);
        while at != NONE {
            let entry = self.get(at);
            let same = entry.hash == hash && entry.parent == parent && entry.kind == name.1;
            if same && self.name(at, heap) == name.0 {
                return Some(at);
            }
            at = entry.chain;
        }
        None
    }

    /// A new key, whose name is told afterwards: see [`enter`](Self::enter).
    pub fn take(&mut self, parent: u32, hash: u32, kind: Kind) -> Result<u32> {
        let at = if self.free != NONE {
            let at = self.free;
            self.free = self.get(at).chain;
            at
        } else if (self.fresh as usize) < self.entries.len() {
            self.fresh += 1;
            self.fresh - 1
        } else {
            return Err(Error::Capacity);
        };
        let root = *self.get(ROOT);
        *self.get_mut(at) =
            Entry { parent, hash, kind, pins: 0, last: NONE, count: 0, name_len: 0, ..root };
        self.used += 1;
        Ok(at)
    }

    /// Gives a key that was not entered back, or is no longer.
    pub fn give(&mut self, at: u32) {
        let free = self.free;
        let entry = self.get_mut(at);
        entry.parent = NONE;
        entry.chain = free;
        self.free = at;
        self.used -= 1;
    }

    /// Enters a key under its name: the bytes, or their place in the heap.
    pub fn enter(&mut self, at: u32, name: &[u8], place: Option<u32>, heap: &Heap<'_>) {
        let entry = self.get_mut(at);
        match place {
            Some(place) => (entry.name, entry.name_len) = ([place, 0], IN_HEAP),
            None => {
                let mut bytes = [0; INLINE];
                bytes[..name.len()].copy_from_slice(name);
                entry.name = bytemuck::cast(bytes);
                entry.name_len = name.len() as u8;
            }
        }
        let (parent, hash) = (entry.parent, entry.hash);
        let bucket = self.bucket(hash);
        let chain = core::mem::replace(&mut self.buckets[bucket], at);
        self.get_mut(at).chain = chain;
        self.plant(parent, at, heap);
        self.get_mut(parent).count += 1;
    }

    /// Takes a key out of its map.
    pub fn leave(&mut self, at: u32, heap: &Heap<'_>) {
        let Entry { parent, hash, chain, .. } = *self.get(at);
        let bucket = self.bucket(hash);
        if self.buckets[bucket] == at {
            self.buckets[bucket] = chain;
        } else {
            let mut link = self.buckets[bucket];
            while link != NONE && self.get(link).chain != at {
                link = self.get(link).chain;
            }
            debug_assert!(link != NONE, "the key is in its bucket");
            if link != NONE {
                self.get_mut(link).chain = chain;
            }
        }
        self.uproot(parent, at, heap);
        self.get_mut(parent).count -= 1;
    }

    fn link(&self, link: Link) -> u32 {
        match link {
            Link::Top(parent) => self.get(parent).last,
            Link::Left(at) => self.get(at).left,
            Link::Right(at) => self.get(at).right,
        }
    }

    fn set(&mut self, link: Link, to: u32) {
        match link {
            Link::Top(parent) => self.get_mut(parent).last = to,
            Link::Left(at) => self.get_mut(at).left = to,
            Link::Right(at) => self.get_mut(at).right = to,
        }
    }

    /// How a key's name compares to another.
    fn order(&self, at: u32, name: Name<'_>, heap: &Heap<'_>) -> Ordering {
        self.name(at, heap).cmp(name.0).then(self.get(at).kind.cmp(&name.1))
    }

    fn before(&self, a: u32, b: u32, heap: &Heap<'_>) -> bool {
        self.order(a, (self.name(b, heap), self.get(b).kind), heap) == Ordering::Less
    }

    /// Into the tree: as deep as its priority says, what was there split around it.
    fn plant(&mut self, parent: u32, new: u32, heap: &Heap<'_>) {
        let priority = self.get(new).hash;
        let mut link = Link::Top(parent);
        let mut at = self.link(link);
        while at != NONE && self.get(at).hash >= priority {
            link = if self.before(new, at, heap) { Link::Left(at) } else { Link::Right(at) };
            at = self.link(link);
        }
        self.set(link, new);
        let (mut left, mut right) = (Link::Left(new), Link::Right(new));
        while at != NONE {
            if self.before(at, new, heap) {
                self.set(left, at);
                left = Link::Right(at);
                at = self.link(left);
            } else {
                self.set(right, at);
                right = Link::Left(at);
                at = self.link(right);
            }
        }
        self.set(left, NONE);
        self.set(right, NONE);
    }

    fn uproot(&mut self, parent: u32, old: u32, heap: &Heap<'_>) {
        let mut link = Link::Top(parent);
        while self.link(link) != old {
            let at = self.link(link);
            debug_assert!(at != NONE, "the key is in its map's tree");
            if at == NONE {
                return;
            }
            link = if self.before(old, at, heap) { Link::Left(at) } else { Link::Right(at) };
        }
        let Entry { mut left, mut right, .. } = *self.get(old);
        while left != NONE && right != NONE {
            if self.get(left).hash >= self.get(right).hash {
                self.set(link, left);
                link = Link::Right(left);
                left = self.link(link);
            } else {
                self.set(link, right);
                link = Link::Left(right);
                right = self.link(link);
            }
        }
        self.set(link, if left != NONE { left } else { right });
    }

    /// The first key of a map whose name comes after this one, or is this one if
    /// `or_this`.
    pub fn after(&self, map: u32, name: Name<'_>, or_this: bool, heap: &Heap<'_>) -> Option<u32> {
        let (mut at, mut found) = (self.get(map).last, None);
        while at != NONE {
            let order = self.order(at, name, heap);
            if order == Ordering::Greater || (or_this && order == Ordering::Equal) {
                found = Some(at);
                at = self.get(at).left;
            } else {
                at = self.get(at).right;
            }
        }
        found
    }
}
