//! Bytes of any length in one slice: values, long elements, long names.
//!
//! Blocks lie one behind the other; what is given back is squeezed out when the
//! end is reached, so that all that is free can be used, whatever came and went.

use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// Bytes in front of each block: its owner and its length.
pub(super) const HEAD: usize = 8;

/// The owner of what was given back.
const NOBODY: u32 = u32::MAX;

pub(super) struct Heap<'m> {
    bytes: Carved<'m, u8>,
    /// Where the next block goes.
    end: usize,
    /// Bytes of blocks with an owner, heads included.
    live: usize,
}

impl<'m> Heap<'m> {
    pub fn carve(carver: &mut Carver<'m>, bytes: usize) -> Result<Self> {
        Ok(Heap { bytes: carver.take(bytes, 0)?, end: 0, live: 0 })
    }

    /// What a block of so many bytes costs.
    pub const fn cost(len: usize) -> usize {
        HEAD + len
    }

    /// Bytes in use, heads included.
    pub fn live(&self) -> usize {
        self.live
    }

    pub fn free(&self) -> usize {
        self.bytes.len() - self.live
    }

    fn number(&self, at: usize) -> u32 {
        self.bytes[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    fn set_number(&mut self, at: usize, number: u32) {
        self.bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }

    /// A number in a block, at its place in the heap.
    pub fn number_at(&self, at: u32) -> u32 {
        self.number(at as usize)
    }

    pub fn set_number_at(&mut self, at: u32, number: u32) {
        self.set_number(at as usize, number);
    }

    /// The bytes of the block at `at`.
    pub fn get(&self, at: u32) -> &[u8] {
        let at = at as usize;
        &self.bytes[at..at + self.number(at - 4) as usize]
    }

    /// So many bytes of a block, from a place in it on.
    #[inline]
    pub fn part_mut(&mut self, at: u32, len: usize) -> &mut [u8] {
        &mut self.bytes[at as usize..at as usize + len]
    }

    pub fn get_mut(&mut self, at: u32) -> &mut [u8] {
        let at = at as usize;
        let len = self.number(at - 4) as usize;
        &mut self.bytes[at..at + len]
    }

    /// A block of `len` bytes; where it begins. `moved` is told of every block that
    /// has another place now, with its owner.
    pub fn take(&mut self, owner: u32, len: usize, moved: impl FnMut(u32, u32)) -> Result<u32> {
        let size = Heap::cost(len);
        if size > self.free() {
            return Err(Error::Capacity);
        }
        if size > self.bytes.len() - self.end {
            self.squeeze(moved);
        }
        let at = self.end;
        self.set_number(at, owner);
        self.set_number(at + 4, len as u32);
        self.end += size;
        self.live += size;
        Ok((at + HEAD) as u32)
    }

    /// Makes a block longer or shorter; where it begins now. What it had stays, as far
    /// as it fits. `moved` is told of every block that has another place, as by
    /// [`take`](Self::take).
    pub fn resize(&mut self, at: u32, len: usize, mut moved: impl FnMut(u32, u32)) -> Result<u32> {
        let (owner, old) = (self.number(at as usize - HEAD), self.number(at as usize - 4) as usize);
        let more = len.saturating_sub(old);
        if more > self.free() {
            return Err(Error::Capacity);
        }
        let mut at = at as usize;
        if at + old != self.end || more > self.bytes.len() - self.end {
            if Heap::cost(len.max(old)) > self.bytes.len() - self.end {
                self.squeeze(|who, place| {
                    at = if who == owner { place as usize } else { at };
                    moved(who, place);
                });
            }
            at = self.put_last(at, Heap::cost(len.max(old)), &mut moved);
        }
        self.set_number(at - 4, len as u32);
        self.end = at + len;
        self.live = self.live + len - old;
        Ok(at as u32)
    }

    /// Makes a block the last one, in a heap without gaps if there is no room for `most`
    /// bytes behind the last one; where it begins.
    fn put_last(&mut self, at: usize, most: usize, moved: &mut impl FnMut(u32, u32)) -> usize {
        let (head, size) = (at - HEAD, Heap::cost(self.number(at - 4) as usize));
        let owner = self.number(head);
        if head + size == self.end {
            return at;
        }
        if most <= self.bytes.len() - self.end {
            self.bytes.copy_within(head..head + size, self.end);
            self.set_number(head, NOBODY);
            self.end += size;
            moved(owner, (self.end - size + HEAD) as u32);
            return self.end - size + HEAD;
        }
        self.bytes[head..self.end].rotate_left(size);
        let mut from = head;
        while from < self.end {
            let owner = self.number(from);
            if owner != NOBODY {
                moved(owner, (from + HEAD) as u32);
            }
            from += Heap::cost(self.number(from + 4) as usize);
        }
        self.end - size + HEAD
    }

    /// Gives a block back.
    pub fn give(&mut self, at: u32) {
        let head = at as usize - HEAD;
        let size = Heap::cost(self.number(head + 4) as usize);
        self.live -= size;
        if head + size == self.end {
            self.end = head;
        } else {
            self.set_number(head, NOBODY);
        }
    }

    /// Another owner has the block.
    pub fn own(&mut self, at: u32, owner: u32) {
        self.set_number(at as usize - HEAD, owner);
    }

    fn squeeze(&mut self, mut moved: impl FnMut(u32, u32)) {
        let (mut from, mut to) = (0, 0);
        while from < self.end {
            let (owner, size) = (self.number(from), Heap::cost(self.number(from + 4) as usize));
            if owner != NOBODY {
                if from != to {
                    self.bytes.copy_within(from..from + size, to);
                    moved(owner, (to + HEAD) as u32);
                }
                to += size;
            }
            from += size;
        }
        self.end = to;
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use std::collections::BTreeMap;
    use std::vec::Vec;

    use rand_core::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;
    use crate::port::{Allocator, Heap as System};

    /// Blocks that come, go, grow and shrink keep their bytes, in any order, until the last
    /// byte is in use.
    #[test]
    fn blocks_keep_their_bytes() {
        const SIZE: usize = 400;
        let mut carver = Carver::measure();
        Heap::carve(&mut carver, SIZE).unwrap();
        let layout = carver.layout().unwrap();
        let mut piece = System.allocate(layout).unwrap();
        let mut heap = Heap::carve(&mut piece.carver(layout).unwrap(), SIZE).unwrap();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let mut below = |n: usize| (random.next_u64() % n as u64) as usize;
        let mut blocks: BTreeMap<u32, (u32, Vec<u8>)> = BTreeMap::new();
        let (mut full, mut next) = (0, 0);
        for _ in 0..100_000 {
            let owner = blocks.keys().nth(below(blocks.len().max(1))).copied();
            let mut places = BTreeMap::new();
            let len = below(60);
            match (below(4), owner) {
                (0, Some(owner)) => heap.give(blocks.remove(&owner).unwrap().0),
                (1 | 2, Some(owner)) => {
                    let (at, bytes) = blocks.get_mut(&owner).unwrap();
                    let done = heap.resize(*at, len, |who, at| _ = places.insert(who, at));
                    let fits = len <= bytes.len() + SIZE - heap.live();
                    match done {
                        Ok(new) => {
                            assert!(places.get(&owner).is_none_or(|place| *place == new));
                            places.insert(owner, new);
                            let kept = bytes.len().min(len);
                            assert_eq!(heap.get(new)[..kept], bytes[..kept]);
                            bytes.resize(len, owner as u8);
                            heap.get_mut(new).copy_from_slice(bytes);
                        }
                        Err(error) => {
                            assert_eq!((error, fits), (Error::Capacity, false));
                            full += 1;
                        }
                    }
                }
                _ => {
                    let done = heap.take(next, len, |who, at| _ = places.insert(who, at));
                    if let Ok(at) = done {
                        let bytes = std::vec![next as u8; len];
                        heap.get_mut(at).copy_from_slice(&bytes);
                        blocks.insert(next, (at, bytes));
                        next += 1;
                    }
                }
            }
            for (owner, place) in places {
                blocks.get_mut(&owner).unwrap().0 = place;
            }
            let live: usize = blocks.values().map(|(_, bytes)| Heap::cost(bytes.len())).sum();
            assert_eq!(heap.live(), live);
            for (at, bytes) in blocks.values() {
                assert_eq!(heap.get(*at), bytes);
            }
        }
        assert!(full > 100, "{full}");
    }
}
