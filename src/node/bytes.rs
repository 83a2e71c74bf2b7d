//! Messages in the making.

/// A message in the first bytes of a buffer, which has room for it.
pub(super) struct Writer<'o> {
    out: &'o mut [u8],
    pub len: usize,
}

impl<'o> Writer<'o> {
    pub fn new(out: &'o mut [u8]) -> Writer<'o> {
        Writer { out, len: 0 }
    }

    pub fn put(&mut self, bytes: &[u8]) {
        if let Some(room) = self.out.get_mut(self.len..self.len + bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }
}
