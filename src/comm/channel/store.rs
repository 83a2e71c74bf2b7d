//! A buffer that holds blocks of different lengths, given back in any order.
//!
//! Blocks are taken behind each other and from the front again. Where that
//! leaves no gap that is long enough, all blocks are moved together; so
//! whatever fits by its length does fit.

use crate::error::Result;
use crate::mem::{Carved, Carver};

/// Where some bytes are in a store. A block without bytes takes no place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    start: u32,
    len: u32,
}

impl Block {
    pub const EMPTY: Block = Block { start: 0, len: 0 };

    fn end(&self) -> u32 {
        self.start + self.len
    }
}

/// What has a block.
pub trait Holder {
    fn block(&self) -> Block;
    fn block_mut(&mut self) -> &mut Block;
}

pub struct Store<'m> {
    bytes: Carved<'m, u8>,
    used: u32,
    /// Behind the block that was taken last. No block lies across it.
    tail: u32,
}

impl<'m> Store<'m> {
    /// At most 2^30 bytes.
    pub fn carve(carver: &mut Carver<'m>, capacity: usize) -> Result<Store<'m>> {
        Ok(Store { bytes: carver.take(capacity, 0)?, used: 0, tail: 0 })
    }

    /// All bytes that there are.
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that are free.
    pub fn free(&self) -> usize {
        self.bytes.len() - self.used as usize
    }

    /// Takes a block, if there is room. `holders` have all blocks that were
    /// taken and not given back; they may be moved.
    pub fn take<H: Holder>(&mut self, len: usize, holders: &mut [H]) -> Option<Block> {
        if len > self.free() {
            return None;
        }
        let len = len as u32;
        if len == 0 {
            return Some(Block::default());
        }
        let fits = |from: u32| self.gap_end(from, holders) - from >= len;
        let start = match self.tail {
            tail if fits(tail) => tail,
            _ if fits(0) => 0,
            _ => self.gather(holders),
        };
        let block = Block { start, len };
        self.tail = block.end();
        self.used += len;
        Some(block)
    }

    /// Where the first block at or behind a place begins.
    fn gap_end<H: Holder>(&self, from: u32, holders: &[H]) -> u32 {
        let blocks = holders.iter().map(|h| h.block());
        let starts = blocks.filter(|b| b.len > 0 && b.start >= from).map(|b| b.start);
        starts.min().unwrap_or(self.bytes.len() as u32)
    }

    /// Moves all blocks to the front; returns where the free bytes begin.
    fn gather<H: Holder>(&mut self, holders: &mut [H]) -> u32 {
        let mut to = 0;
        loop {
            let blocks = holders.iter_mut().map(Holder::block_mut);
            let behind = blocks.filter(|b| b.len > 0 && b.start >= to);
            let Some(next) = behind.min_by_key(|b| b.start) else { return to };
            let range = next.start as usize..next.end() as usize;
            if range.end <= self.bytes.len() {
                self.bytes.copy_within(range, to as usize);
            }
            next.start = to;
            to = next.end();
        }
    }

    /// Gives a block back.
    pub fn give_back(&mut self, block: &mut Block) {
        self.shorten(block, 0);
    }

    /// Gives the end of a block back.
    pub fn shorten(&mut self, block: &mut Block, len: usize) {
        let len = block.len.min(len as u32);
        self.used -= block.len - len;
        block.len = len;
        if self.used == 0 {
            self.tail = 0;
        }
    }

    pub fn get(&self, block: Block) -> &[u8] {
        self.bytes.get(block.start as usize..block.end() as usize).unwrap_or(&[])
    }

    pub fn get_mut(&mut self, block: Block) -> &mut [u8] {
        self.bytes.get_mut(block.start as usize..block.end() as usize).unwrap_or(&mut [])
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use crate::port::{Allocator, Heap};
    use proptest::prelude::*;
    use std::vec::Vec;

    impl Holder for Block {
        fn block(&self) -> Block {
            *self
        }
        fn block_mut(&mut self) -> &mut Block {
            self
        }
    }

    proptest! {
        /// Against a list of byte vectors: whatever fits is taken, and keeps its
        /// bytes however others come and go.
        #[test]
        fn blocks_keep_their_bytes(
            capacity in 1usize..100,
            steps in prop::collection::vec((0usize..60, 0usize..8, 0u8..4), 1..200),
        ) {
            let layout = core::alloc::Layout::from_size_align(capacity, 1).unwrap();
            let mut piece = Heap.allocate(layout).unwrap();
            let mut store = Store::carve(&mut piece.carver(layout).unwrap(), capacity).unwrap();
            let mut blocks = [Block::default(); 8];
            let mut model = [const { Vec::<u8>::new() }; 8];
            for (n, (len, slot, what)) in steps.into_iter().enumerate() {
                match what {
                    0 | 1 if model[slot].is_empty() => {
                        let fits = len <= capacity - model.iter().map(Vec::len).sum::<usize>();
                        let block = store.take(len, &mut blocks);
                        prop_assert_eq!(block.is_some(), fits);
                        if let Some(block) = block {
                            blocks[slot] = block;
                            model[slot] = std::vec![n as u8; len];
                            store.get_mut(block).fill(n as u8);
                        }
                    }
                    2 => {
                        store.shorten(&mut blocks[slot], len);
                        model[slot].truncate(len);
                    }
                    _ => {
                        store.give_back(&mut blocks[slot]);
                        model[slot].clear();
                    }
                }
                for (block, bytes) in blocks.iter().zip(&model) {
                    prop_assert_eq!(store.get(*block), &bytes[..]);
                }
                prop_assert_eq!(
                    store.free(), capacity - model.iter().map(Vec::len).sum::<usize>()
                );
            }
        }
    }
}
