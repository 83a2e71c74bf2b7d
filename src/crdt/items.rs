//! The elements and values of all keys: one table, found by hash.
//!
//! An item is what one change added, so it carries that change's dot. Those of a
//! key form a ring, those of a bucket a chain, by places in the table. A freed
//! place is filled with the next item of the ring, which is how a ring of single
//! links loses one without a search.

use super::dot::Stamp;
use super::heap::Heap;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// No place.
pub(super) const NONE: u32 = u32::MAX;
/// Most items of a store: their places and those of keys share a number.
pub(super) const MAX_ITEMS: usize = 1 << 30;
/// Bytes that an item holds itself.
pub(super) const INLINE: usize = 8;

/// The length that says that the bytes are in the heap.
const IN_HEAP: u64 = 15;
/// The same of an element of a list, whose bytes have its links in front.
const IN_LIST: u64 = 14;
const LEN_AT: u32 = 64 - Stamp::FREE_BITS;
const NEGATIVE: u64 = 1 << (LEN_AT + 4);
const MARKED: u64 = 1 << (LEN_AT + 5);

/// What one change added to a key. What a search reads lies together.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Item {
    /// The dot and, above it, length and marks. In halves: items are 28 bytes.
    word: [u32; 2],
    /// The next of the key's ring.
    next: u32,
    pub key: u32,
    /// The next of the bucket, the last of all places at its end; or of what is free.
    chain: u32,
    /// The bytes, or their place in the heap; in a list with that the element before.
    data: [u32; 2],
}

impl Item {
    /// What a change added, without its key and bytes.
    pub fn of(dot: Stamp, negative: bool) -> Item {
        let mut item = Item { key: NONE, next: NONE, chain: NONE, word: [0; 2], data: [0; 2] };
        item.set_word(dot.word() | if negative { NEGATIVE } else { 0 });
        item
    }

    /// The same with a key, and its few bytes; or with a place in the heap to come.
    #[inline]
    pub fn with(self, key: u32, few: Option<&[u8]>) -> Item {
        let mut item = Item { key, ..self };
        let len = few.map_or(IN_HEAP, |bytes| bytes.len() as u64);
        item.set_word(self.word() | len << LEN_AT);
        item.data = few.map_or([0; 2], packed);
        item
    }

    /// The same with the place of another one, and its bytes.
    pub fn like(self, other: &Item) -> Item {
        let mut item = Item { word: [0; 2], ..*other };
        let marks = u64::MAX << LEN_AT & !MARKED;
        item.set_word(other.word() & marks | self.dot().word());
        item
    }

    /// The same as an element of a list, with a place in the heap to come.
    pub fn in_list_of(self, key: u32) -> Item {
        let mut item = Item { key, ..self };
        item.set_word(self.word() | IN_LIST << LEN_AT);
        item
    }

    /// Whether it is an element of a list.
    pub fn in_list(&self) -> bool {
        self.len_code() == IN_LIST
    }

    fn word(&self) -> u64 {
        u64::from(self.word[0]) | u64::from(self.word[1]) << 32
    }

    fn set_word(&mut self, word: u64) {
        self.word = [word as u32, (word >> 32) as u32];
    }

    pub fn dot(&self) -> Stamp {
        Stamp::of_word(self.word())
    }

    /// Another change added it.
    pub fn set_change(&mut self, dot: Stamp, negative: bool) {
        let len = self.len_code() << LEN_AT;
        self.set_word(dot.word() | len | if negative { NEGATIVE } else { 0 });
    }

    /// Whether it says that an element is not there.
    pub fn negative(&self) -> bool {
        self.word() & NEGATIVE != 0
    }

    pub fn marked(&self) -> bool {
        self.word() & MARKED != 0
    }

    pub fn mark(&mut self, marked: bool) {
        self.set_word(if marked { self.word() | MARKED } else { self.word() & !MARKED });
    }

    /// The place of its bytes in the heap, if they are there.
    pub fn in_heap(&self) -> Option<u32> {
        (self.len_code() >= IN_LIST).then_some(self.data[0])
    }

    pub fn set_in_heap(&mut self, at: u32) {
        self.data[0] = at;
    }

    /// Other bytes, as many, if it holds them itself.
    pub fn set_few(&mut self, bytes: &[u8]) {
        self.data = packed(bytes);
    }

    fn len_code(&self) -> u64 {
        self.word() >> LEN_AT & 15
    }

    /// Its bytes, if it holds them itself.
    pub fn few(&self) -> Option<&[u8]> {
        let len = self.len_code();
        (len < IN_LIST).then(|| &bytemuck::bytes_of(&self.data)[..len as usize])
    }

    /// Whether it is a key's and holds these few bytes itself.
    #[inline]
    fn holds(&self, key: u32, sought: Sought<'_>) -> bool {
        let differs = (self.data[0] ^ sought.data[0])
            | (self.data[1] ^ sought.data[1])
            | (self.key ^ key)
            | (self.len_code() as u32 ^ sought.bytes.len() as u32);
        differs == 0
    }
}

/// Few bytes as an item holds them: as numbers, without a call that copies.
#[inline]
fn packed(bytes: &[u8]) -> [u32; 2] {
    fn half(bytes: &[u8]) -> u32 {
        bytes.iter().rev().fold(0, |half, byte| half << 8 | u32::from(*byte))
    }
    let all = |four: &[u8; 4]| u32::from_le_bytes(*four);
    match bytes.split_first_chunk() {
        Some((low, high)) => [all(low), high.first_chunk().map_or_else(|| half(high), all)],
        None => [half(bytes), 0],
    }
}

/// Bytes that are looked for.
#[derive(Clone, Copy)]
pub(super) struct Sought<'a> {
    pub bytes: &'a [u8],
    data: [u32; 2],
}

impl<'a> Sought<'a> {
    pub fn new(bytes: &'a [u8]) -> Sought<'a> {
        Sought { bytes, data: if bytes.len() <= INLINE { packed(bytes) } else { [0; 2] } }
    }
}

pub(super) struct Items<'m> {
    /// The last one is nobody's for ever: what is read where there is none.
    items: Carved<'m, Item>,
    buckets: Carved<'m, u32>,
    /// The first of the free places that were used before.
    free: u32,
    /// Places from here on were never used.
    fresh: u32,
    used: u32,
}

impl<'m> Items<'m> {
    pub fn carve(carver: &mut Carver<'m>, items: usize) -> Result<Self> {
        // No more than `MAX_ITEMS`.
        let end = items as u32;
        let nobody = Item { chain: end, ..Item::of(Stamp::of_word(0), false) };
        Ok(Items {
            items: carver.take(items + 1, nobody)?,
            buckets: carver.take((items - items / 4).max(1), end)?,
            free: NONE,
            fresh: 0,
            used: 0,
        })
    }

    /// How many there may be.
    fn len(&self) -> usize {
        self.items.len() - 1
    }

    pub fn used(&self) -> usize {
        self.used as usize
    }

    /// Places that were ever used: 0 to this.
    pub fn places(&self) -> u32 {
        self.fresh
    }

    pub fn room(&self) -> usize {
        self.len() - self.used as usize
    }

    pub fn get(&self, at: u32) -> &Item {
        &self.items[at as usize]
    }

    pub fn get_mut(&mut self, at: u32) -> &mut Item {
        &mut self.items[at as usize]
    }

    /// The bucket of a hash. Greater hashes have the same or later ones.
    pub fn bucket(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.buckets.len() as u64) >> 32) as usize
    }

    pub fn first_of_bucket(&self, bucket: usize) -> u32 {
        self.or_none(self.buckets[bucket])
    }

    /// The first item of a hash's bucket.
    pub fn first(&self, hash: u32) -> u32 {
        self.first_of_bucket(self.bucket(hash))
    }

    /// The next item of the same bucket.
    pub fn following(&self, at: u32) -> u32 {
        self.or_none(self.get(at).chain)
    }

    /// The end of each chain: the place that is nobody's.
    fn end(&self) -> u32 {
        self.len() as u32
    }

    /// A place of a chain, `NONE` at its end.
    fn or_none(&self, at: u32) -> u32 {
        if at == self.end() { NONE } else { at }
    }

    /// The first item of a key with these bytes.
    #[inline]
    pub fn find(&self, hash: u32, key: u32, sought: Sought<'_>, heap: &Heap<'_>) -> u32 {
        self.find_from(self.buckets[self.bucket(hash)], key, sought, heap)
    }

    /// The next one behind another one of the same bucket.
    #[inline]
    pub fn find_next(&self, at: u32, key: u32, sought: Sought<'_>, heap: &Heap<'_>) -> u32 {
        self.find_from(self.get(at).chain, key, sought, heap)
    }

    #[inline]
    fn find_from(&self, at: u32, key: u32, sought: Sought<'_>, heap: &Heap<'_>) -> u32 {
        if sought.bytes.len() <= INLINE {
            self.find_few(at, key, sought)
        } else {
            self.find_long(at, key, sought.bytes, heap)
        }
    }

    #[inline(never)]
    fn find_long(&self, mut at: u32, key: u32, bytes: &[u8], heap: &Heap<'_>) -> u32 {
        while at != self.end() {
            let item = self.get(at);
            if item.key == key && item.in_heap().is_some_and(|place| heap.get(place) == bytes) {
                return at;
            }
            at = item.chain;
        }
        NONE
    }

    /// The same for few bytes. Two items at a time, of which there may be less: whether a
    /// bucket has none, one or two is as good as random, and a branch on it would be guessed
    /// wrong every other time. What stands at the end of a chain is of no key, and is followed
    /// by itself.
    #[inline]
    fn find_few(&self, mut at: u32, key: u32, sought: Sought<'_>) -> u32 {
        loop {
            let first = self.get(at);
            let second = self.get(first.chain);
            let is_first = first.holds(key, sought);
            if is_first | second.holds(key, sought) {
                return if is_first { at } else { first.chain };
            }
            at = second.chain;
            if at == self.end() {
                return NONE;
            }
        }
    }

    /// The item that a change added, if it is in the bucket of this hash.
    pub fn find_dot(&self, hash: u32, dot: Stamp) -> u32 {
        let mut at = self.buckets[self.bucket(hash)];
        while at != self.end() && self.get(at).dot() != dot {
            at = self.get(at).chain;
        }
        self.or_none(at)
    }

    /// The same, if it may be here.
    #[inline]
    pub fn find_dot_near(&self, near: u32, hash: u32, dot: Stamp) -> u32 {
        match self.items.get(near as usize) {
            Some(item) if item.dot() == dot && item.key != NONE => near,
            _ => self.find_dot(hash, dot),
        }
    }

    /// A new item, behind the last one of its key's ring; its place, which is the
    /// ring's new last.
    #[inline(always)]
    pub fn insert(&mut self, hash: u32, last: u32, item: Item) -> Result<u32> {
        let at = if self.free != NONE {
            let at = self.free;
            self.free = self.get(at).chain;
            at
        } else if (self.fresh as usize) < self.len() {
            self.fresh += 1;
            self.fresh - 1
        } else {
            return Err(Error::Capacity);
        };
        let bucket = self.bucket(hash);
        let chain = core::mem::replace(&mut self.buckets[bucket], at);
        let next =
            if last == NONE { at } else { core::mem::replace(&mut self.get_mut(last).next, at) };
        *self.get_mut(at) = Item { next, chain, ..item };
        self.used += 1;
        Ok(at)
    }

    /// A new element of a list, behind another one of its ring; its place. The ring is
    /// in the list's order, and its elements know those before them, too.
    pub fn insert_behind(&mut self, hash: u32, before: u32, item: Item) -> Result<u32> {
        let at = self.insert(hash, before, item)?;
        let next = self.next(at);
        self.get_mut(at).data[1] = if before == NONE { at } else { before };
        self.get_mut(next).data[1] = at;
        Ok(at)
    }

    /// The element before this one in its list's ring.
    pub fn before(&self, at: u32) -> u32 {
        self.get(at).data[1]
    }

    /// Removes an element of a list. No other one moves.
    pub fn remove_between(&mut self, hash: u32, at: u32) {
        let (before, next) = (self.before(at), self.next(at));
        self.unchain(hash, at);
        self.get_mut(before).next = next;
        self.get_mut(next).data[1] = before;
        self.free(at);
    }

    /// A place is free.
    fn free(&mut self, at: u32) {
        let chain = core::mem::replace(&mut self.free, at);
        let item = self.get_mut(at);
        (item.key, item.chain) = (NONE, chain);
        self.used -= 1;
    }

    /// Takes an item out of its bucket.
    fn unchain(&mut self, hash: u32, at: u32) {
        let next = self.get(at).chain;
        self.rechain(hash, at, next);
    }

    /// Who pointed to `at` in a bucket points to `to`.
    fn rechain(&mut self, hash: u32, at: u32, to: u32) {
        let bucket = self.bucket(hash);
        let mut link = self.buckets[bucket];
        if link == at {
            self.buckets[bucket] = to;
            return;
        }
        while link != self.end() {
            let next = self.get(link).chain;
            if next == at {
                self.get_mut(link).chain = to;
                return;
            }
            link = next;
        }
        debug_assert!(false, "the item is in its bucket");
    }

    /// Whether there is an item of a key at this place.
    pub fn is_of(&self, at: u32, key: u32) -> bool {
        self.items.get(at as usize).is_some_and(|item| item.key == key)
    }

    /// The item after this one in its key's ring, until that comes back to its start.
    pub fn next_until(&self, at: u32, start: u32) -> u32 {
        let next = self.next(at);
        if next == start { NONE } else { next }
    }

    /// The item after this one in its key's ring.
    pub fn next(&self, at: u32) -> u32 {
        self.get(at).next
    }

    /// Removes the item at `at`, whose hash is `hash`; whether there is another one in
    /// the ring. The next one comes to its place then; `next_hash` is that one's.
    pub fn remove(&mut self, hash: u32, at: u32, next_hash: u32, last: &mut u32) -> bool {
        let next = self.next(at);
        self.unchain(hash, at);
        let (freed, moved) = if next == at {
            *last = NONE;
            (at, false)
        } else {
            self.rechain(next_hash, next, at);
            *self.get_mut(at) = *self.get(next);
            if *last == next {
                *last = at;
            }
            (next, true)
        };
        self.free(freed);
        moved
    }
}
