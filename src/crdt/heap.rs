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

    /// The bytes of the block at `at`.
    pub fn get(&self, at: u32) -> &[u8] {
        let at = at as usize;
        &self.bytes[at..at + self.number(at - 4) as usize]
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
