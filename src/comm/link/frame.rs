//! The frames on the wire, byte by byte (docs/link-format.md has the pictures).

use crate::comm::crypto::TAG;
use crate::error::{Error, Result};

/// Bytes of a MAC on a handshake frame.
pub const MAC: usize = 16;
/// Bytes of an index.
pub const INDEX: usize = 3;
/// The most fragments of a message.
pub const MAX_FRAGMENTS: usize = 8;
/// What a fragment has beside its part: type, type of the whole, number and
/// count, length of the whole, index, MAC.
pub const FRAGMENT_OVERHEAD: usize = 5 + INDEX + MAC;
/// What an opening has beside the Noise message.
pub const OPEN_OVERHEAD: usize = 1 + 2 * MAC;
/// What an answer has beside the Noise message.
pub const ANSWER_OVERHEAD: usize = 1 + INDEX + 2 * MAC;
/// Bytes of a cookie frame.
pub const COOKIE_FRAME: usize = 1 + SALT + MAC + TAG;
/// Bytes of the salt of a cookie frame.
pub const SALT: usize = 8;
/// The bytes that the largest transport frame has beside its payload.
pub const OVERHEAD: usize = 8 + TAG;

/// The version, in the upper half of the first byte of each frame.
const VERSION: u8 = 1;

/// The kinds of handshake messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first message of XX.
    OpenXx = 1,
    /// The first message of IK.
    OpenIk = 2,
    /// The second message.
    Answer = 3,
    /// The third message of XX.
    Finish = 4,
}

impl Kind {
    fn new(number: u8) -> Option<Kind> {
        [Kind::OpenXx, Kind::OpenIk, Kind::Answer, Kind::Finish]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }
}

const COOKIE: u8 = 5;
const FRAGMENT: u8 = 6;
const TRANSPORT: u8 = 8;

/// What a transport frame carries. It is part of the nonce, so that a frame of
/// one kind cannot be made one of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A message of the caller's.
    Message = 0,
    /// A sign of life, or the end of the session.
    Control = 1,
    /// A message with padding behind it.
    Padded = 2,
}

/// A frame taken apart. Nothing is authentic yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'f> {
    /// A handshake message: which slot it is for (0 for openings), the message,
    /// what `mac1` is over, and the MACs.
    Handshake { kind: Kind, index: u32, message: &'f [u8], macs: Macs<'f> },
    /// A cookie, encrypted.
    Cookie { salt: &'f [u8; SALT], cookie: &'f [u8; MAC], tag: &'f [u8; TAG] },
    /// A part of a handshake message.
    Fragment {
        kind: Kind,
        index: u32,
        number: usize,
        count: usize,
        total: usize,
        part: &'f [u8],
        under: &'f [u8],
        mac1: &'f [u8; MAC],
    },
    /// A frame of a session.
    Transport { content: Content, index: u32, counter: u32, bits: u32, text: &'f [u8] },
}

/// The two MACs that end a handshake frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Macs<'f> {
    /// What the first one is over.
    pub under1: &'f [u8],
    /// The first one, keyed by the network.
    pub mac1: &'f [u8; MAC],
    /// What the second one is over.
    pub under2: &'f [u8],
    /// The second one, keyed by the cookie; zero without one.
    pub mac2: &'f [u8; MAC],
}

fn first(number: u8) -> u8 {
    VERSION << 4 | number
}

fn index_of(bytes: &[u8; INDEX]) -> u32 {
    let [a, b, c] = *bytes;
    u32::from_le_bytes([a, b, c, 0])
}

fn index_bytes(index: u32) -> [u8; INDEX] {
    let [a, b, c, _] = index.to_le_bytes();
    [a, b, c]
}

impl<'f> Frame<'f> {
    /// Takes a frame apart. [`Error::CommFormat`], [`Error::CommVersion`].
    pub fn parse(frame: &'f [u8]) -> Result<Frame<'f>> {
        let short = Error::CommFormat;
        let (&first, rest) = frame.split_first().ok_or(short)?;
        if first >> 4 != VERSION {
            return Err(Error::CommVersion);
        }
        let number = first & 0xf;
        if number >= TRANSPORT {
            return Frame::parse_transport(number - TRANSPORT, rest);
        }
        match number {
            COOKIE => {
                let (salt, rest) = rest.split_first_chunk().ok_or(short)?;
                let (cookie, rest) = rest.split_first_chunk().ok_or(short)?;
                let tag = rest.try_into().map_err(|_| short)?;
                Ok(Frame::Cookie { salt, cookie, tag })
            }
            FRAGMENT => {
                let (under, mac1) = frame.split_last_chunk().ok_or(short)?;
                let rest = under.get(1..).ok_or(short)?;
                let (&[kind, numbers, low, high], rest) = rest.split_first_chunk().ok_or(short)?;
                let (index, part) = rest.split_first_chunk().ok_or(short)?;
                Ok(Frame::Fragment {
                    kind: Kind::new(kind).ok_or(short)?,
                    index: index_of(index),
                    number: usize::from(numbers & 0xf),
                    count: usize::from(numbers >> 4),
                    total: usize::from(u16::from_le_bytes([low, high])),
                    part,
                    under,
                    mac1,
                })
            }
            _ => {
                let kind = Kind::new(number).ok_or(short)?;
                let (under2, mac2) = frame.split_last_chunk().ok_or(short)?;
                let (under1, mac1) = under2.split_last_chunk().ok_or(short)?;
                let rest = under1.get(1..).ok_or(short)?;
                let (index, message) = match kind {
                    Kind::OpenXx | Kind::OpenIk => (&[0; INDEX], rest),
                    Kind::Answer | Kind::Finish => rest.split_first_chunk().ok_or(short)?,
                };
                let macs = Macs { under1, mac1, under2, mac2 };
                Ok(Frame::Handshake { kind, index: index_of(index), message, macs })
            }
        }
    }

    fn parse_transport(number: u8, rest: &'f [u8]) -> Result<Frame<'f>> {
        let short = Error::CommFormat;
        let content = match number >> 1 {
            0 => Content::Message,
            1 => Content::Control,
            2 => Content::Padded,
            _ => return Err(short),
        };
        let (index, counter, bits, text) = if number & 1 == 0 {
            let (&[a, b, c, d], text) = rest.split_first_chunk().ok_or(short)?;
            let counter = u32::from(u16::from_le_bytes([c, d]));
            (u32::from_le_bytes([a, b, 0, 0]), counter, 16, text)
        } else {
            let (index, rest) = rest.split_first_chunk().ok_or(short)?;
            let (counter, text) = rest.split_first_chunk().ok_or(short)?;
            (index_of(index), u32::from_le_bytes(*counter), 32, text)
        };
        if text.len() < TAG {
            return Err(short);
        }
        Ok(Frame::Transport { content, index, counter, bits, text })
    }
}

/// Writes the front of a transport frame; returns its length: 5 bytes in the
/// small form, 8 in the large one.
pub fn write_transport(
    out: &mut [u8],
    small: bool,
    content: Content,
    index: u32,
    counter: u64,
) -> Result<usize> {
    let number = first(TRANSPORT + 2 * content as u8 + u8::from(!small));
    let counter = counter.to_le_bytes();
    let index = index_bytes(index);
    if small {
        let place = out.first_chunk_mut::<5>().ok_or(Error::BufferTooSmall)?;
        *place = [number, index[0], index[1], counter[0], counter[1]];
        Ok(5)
    } else {
        let place = out.first_chunk_mut::<8>().ok_or(Error::BufferTooSmall)?;
        let [a, b, c, d, ..] = counter;
        *place = [number, index[0], index[1], index[2], a, b, c, d];
        Ok(8)
    }
}

/// Writes the front of a handshake frame; returns its length.
pub fn write_handshake(out: &mut [u8], kind: Kind, index: u32) -> Result<usize> {
    let bytes = index_bytes(index);
    let len = if matches!(kind, Kind::OpenXx | Kind::OpenIk) { 1 } else { 1 + INDEX };
    let place = out.get_mut(..len).ok_or(Error::BufferTooSmall)?;
    let parts = core::iter::once(first(kind as u8)).chain(bytes);
    place.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    Ok(len)
}

/// Writes the front of a fragment; returns its length.
pub fn write_fragment(
    out: &mut [u8],
    kind: Kind,
    index: u32,
    (number, count): (usize, usize),
    total: usize,
) -> Result<usize> {
    let [low, high] = (total as u16).to_le_bytes();
    let [a, b, c] = index_bytes(index);
    let numbers = (count as u8) << 4 | number as u8;
    let place = out.first_chunk_mut().ok_or(Error::BufferTooSmall)?;
    *place = [first(FRAGMENT), kind as u8, numbers, low, high, a, b, c];
    Ok(place.len())
}

/// Writes a cookie frame: salt, encrypted cookie, tag.
pub fn write_cookie(
    out: &mut [u8],
    salt: &[u8; SALT],
    cookie: &[u8; MAC],
    tag: &[u8; TAG],
) -> Result<usize> {
    let place = out.get_mut(..COOKIE_FRAME).ok_or(Error::BufferTooSmall)?;
    let parts =
        core::iter::once(&const { VERSION << 4 | COOKIE }).chain(salt).chain(cookie).chain(tag);
    place.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
    Ok(COOKIE_FRAME)
}

/// The whole counter of which the low `bits` were sent: the one next to `next`,
/// which is expected (RFC 9000, appendix A.3).
pub fn whole_counter(next: u64, low: u32, bits: u32) -> u64 {
    let size = 1u64 << bits;
    let near = (next & !(size - 1)) | u64::from(low);
    if near + size / 2 <= next && near < (1 << 62) - size {
        near + size
    } else if near > next + size / 2 && near >= size {
        near - size
    } else {
        near
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_counters_are_the_nearest() {
        assert_eq!(whole_counter(0, 5, 16), 5);
        assert_eq!(whole_counter(0xffff, 0, 16), 0x10000);
        assert_eq!(whole_counter(0x10000, 0xffff, 16), 0xffff);
        assert_eq!(whole_counter(0xa82f_30eb, 0x9b32, 16), 0xa82f_9b32);
    }

    proptest! {
        #[test]
        fn counters_within_half_the_space_come_back(next in 0..1u64 << 50, away in -32_000i64..32_000) {
            let sent = next.saturating_add_signed(away);
            prop_assert_eq!(whole_counter(next, sent as u16 as u32, 16), sent);
            prop_assert_eq!(whole_counter(next, sent as u32, 32), sent);
        }

        #[test]
        fn any_bytes_are_taken_apart_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Frame::parse(&bytes);
        }

        #[test]
        fn fronts_come_back(small: bool, index in 0u32..1 << 24, counter: u64, number in 0usize..8) {
            let mut out = [0; 40];
            let index = if small { index & 0xffff } else { index };
            let len = write_transport(&mut out, small, Content::Padded, index, counter).unwrap();
            let bits = if small { 16 } else { 32 };
            let low = (counter & ((1u64 << bits) - 1)) as u32;
            let text = &out[len..];
            prop_assert_eq!(
                Frame::parse(&out),
                Ok(Frame::Transport { content: Content::Padded, index, counter: low, bits, text })
            );
            let len = write_fragment(&mut out, Kind::Answer, index, (number, 8), 999).unwrap();
            let Ok(Frame::Fragment { kind, index: i, number: n, count, total, part, .. }) = Frame::parse(&out) else { panic!() };
            prop_assert_eq!((kind, i, n, count, total, part), (Kind::Answer, index, number, 8, 999, &out[len..24]));
        }
    }
}
