//! Text into a buffer that may be too small.

use core::fmt::{self, Write};

/// Text into as much of a buffer as there is; counts what there should be.
pub(crate) struct Text<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

impl<'b> Text<'b> {
    pub fn new(buffer: &'b mut [u8]) -> Text<'b> {
        Text { buffer, len: 0 }
    }

    /// The length that the text has, or would have.
    pub fn len(&self) -> usize {
        self.len
    }
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Some(to) = self.buffer.get_mut(self.len..self.len.saturating_add(text.len())) {
            to.copy_from_slice(text.as_bytes());
        }
        self.len = self.len.saturating_add(text.len());
        Ok(())
    }
}
