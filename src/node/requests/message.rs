//! Messages of requests as bytes: docs/node-format.md.

use super::types::MOST_METHOD;
use crate::error::{Error, Result};
use crate::node::bytes::Writer;

pub(super) const VERSION: u8 = 1;
/// Version, what, number.
pub(in crate::node) const HEAD: usize = 1 + 1 + 8;
/// Behind that, of a request: the time that is left, the length of the method.
pub(in crate::node) const ASK_HEAD: usize = HEAD + 4 + 1;

/// What a message is.
pub(super) const ASK: u8 = 1;
pub(super) const ANSWER: u8 = 2;
pub(super) const REFUSE: u8 = 3;
/// The asker has the answer, or does not want it any more.
pub(super) const DONE: u8 = 4;

/// Begins a message in a buffer with room for it.
pub(super) fn begin(out: &mut [u8], what: u8, number: u64) -> Writer<'_> {
    let mut writer = Writer::new(out);
    writer.put(&[VERSION, what]);
    writer.put(&number.to_le_bytes());
    writer
}

/// Of a request: the time that is left in microseconds, what it is about, the message.
pub(super) fn read_ask(message: &[u8]) -> Result<(u32, &[u8], &[u8])> {
    let rest = message.get(HEAD..).ok_or(Error::NodeFormat)?;
    let (left, rest) = rest.split_first_chunk().ok_or(Error::NodeFormat)?;
    let (len, rest) = rest.split_first().ok_or(Error::NodeFormat)?;
    let (method, message) = rest.split_at_checked((*len).into()).ok_or(Error::NodeFormat)?;
    let left = u32::from_le_bytes(*left);
    if left == 0 || !(1..=MOST_METHOD).contains(&method.len()) {
        return Err(Error::NodeFormat);
    }
    Ok((left, method, message))
}
