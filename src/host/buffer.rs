//! Bytes on their way.

use crate::error::Result;
use crate::mem::{Carved, Carver};

/// Bytes that come in at one end and leave at the other.
pub(super) struct Buffer<'m> {
    bytes: Carved<'m, u8>,
    from: usize,
    to: usize,
}

impl<'m> Buffer<'m> {
    pub fn carve(len: usize, carver: &mut Carver<'m>) -> Result<Buffer<'m>> {
        Ok(Buffer { bytes: carver.take(len, 0)?, from: 0, to: 0 })
    }

    pub fn clear(&mut self) {
        (self.from, self.to) = (0, 0);
    }

    pub fn used(&self) -> &[u8] {
        self.bytes.get(self.from..self.to).unwrap_or_default()
    }

    /// All the room behind, if it is at least so much.
    pub fn room(&mut self, least: usize) -> Option<&mut [u8]> {
        if self.bytes.len() - self.to < least {
            self.bytes.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        self.bytes.get_mut(self.to..).filter(|room| room.len() >= least)
    }

    /// So many bytes have been put into the room.
    pub fn add(&mut self, len: usize) {
        self.to = self.bytes.len().min(self.to + len);
    }

    pub fn remove(&mut self, len: usize) {
        self.from = self.to.min(self.from + len);
        if self.from == self.to {
            self.clear();
        }
    }
}
