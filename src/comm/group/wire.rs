//! The bytes of frames and announcements: docs/group-format.md.

use crate::comm::crypto::{Hash, PublicKey, SIGNATURE, TAG};
use crate::error::{Error, Result};

/// Bytes in front of the ciphertext.
pub(super) const HEADER: usize = 8;
/// Bytes that a frame is longer than its text, without a signature.
pub const OVERHEAD: usize = HEADER + TAG;
/// Bytes that a frame is longer than its text, with a signature.
pub const SIGNED_OVERHEAD: usize = OVERHEAD + SIGNATURE;
/// Bytes of an announcement, without the key that checks signatures.
pub const ANNOUNCEMENT: usize = 59;
/// Bytes of an announcement with the key that checks signatures.
pub const SIGNED_ANNOUNCEMENT: usize = ANNOUNCEMENT + 32;

/// The version is the upper half of the first byte, the type the lower. Frames
/// have types that the link's frames have not, so that both can share a socket.
const VERSION: u8 = 1;
const FRAME: u8 = 7;
const SIGNED_FRAME: u8 = 0;
/// Announcements travel inside of sessions.
const ANNOUNCE: u8 = 10;
const SIGNED_ANNOUNCE: u8 = 11;

/// What a group's name is in its frames.
pub(super) fn short_of(id: &[u8; 16]) -> [u8; 2] {
    let digest = Hash::Blake2s.digest(&[b"nsw group id 1", id]);
    let [a, b, ..] = *digest.key();
    [a, b]
}

/// Whether a first byte is of this version and of `plain` or `signed`; which of
/// them.
fn kind(first: u8, plain: u8, signed: u8) -> Result<bool> {
    if first >> 4 != VERSION {
        return Err(Error::CommVersion);
    }
    match first & 15 {
        kind if kind == plain => Ok(false),
        kind if kind == signed => Ok(true),
        _ => Err(Error::CommFormat),
    }
}

/// A frame, taken apart.
pub(super) struct Frame<'a> {
    pub signed: bool,
    pub group: [u8; 2],
    pub epoch: u8,
    pub sender: u16,
    pub counter: u16,
    pub header: [u8; HEADER],
    pub sealed: &'a [u8],
    pub tag: &'a [u8; TAG],
}

impl<'a> Frame<'a> {
    pub fn decode(frame: &'a [u8]) -> Result<Frame<'a>> {
        let first = *frame.first().ok_or(Error::CommFormat)?;
        let signed = kind(first, FRAME, SIGNED_FRAME)?;
        let (header, rest) = frame.split_first_chunk::<HEADER>().ok_or(Error::CommFormat)?;
        let (sealed, tag) = rest.split_last_chunk().ok_or(Error::CommFormat)?;
        if signed && sealed.len() < SIGNATURE {
            return Err(Error::CommFormat);
        }
        let [_, g0, g1, epoch, s0, s1, c0, c1] = *header;
        Ok(Frame {
            signed,
            group: [g0, g1],
            epoch,
            sender: u16::from_le_bytes([s0, s1]),
            counter: u16::from_le_bytes([c0, c1]),
            header: *header,
            sealed,
            tag,
        })
    }
}

/// The place of a frame: what its header says in short.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub id: &'a [u8; 16],
    pub epoch: u32,
    pub sender: u16,
    pub counter: u32,
}

impl Place<'_> {
    pub fn header(&self, short: [u8; 2], signed: bool) -> [u8; HEADER] {
        let [s0, s1] = self.sender.to_le_bytes();
        let [c0, c1, ..] = self.counter.to_le_bytes();
        let [epoch, ..] = self.epoch.to_le_bytes();
        let kind = if signed { SIGNED_FRAME } else { FRAME };
        [VERSION << 4 | kind, short[0], short[1], epoch, s0, s1, c0, c1]
    }

    /// What the tag and the signature are over, beside the text: the header as it
    /// is sent, then in full what it says in short.
    pub fn context(&self, header: &[u8; HEADER]) -> [u8; 32] {
        let mut context = [0; 32];
        let epoch = self.epoch.to_le_bytes();
        let counter = self.counter.to_le_bytes();
        let parts = header.iter().chain(self.id).chain(&epoch).chain(&counter);
        context.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        context
    }
}

/// What is signed: a name for this use of the key, and a hash of context and text.
pub(super) fn to_sign(context: &[u8; 32], text: &[u8]) -> [u8; 48] {
    let digest = Hash::Blake2s.digest(&[context, text]);
    let mut message = [0; 48];
    let parts = b"nsw group sign 1".iter().chain(digest.bytes());
    message.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
    message
}

/// An announcement, taken apart.
pub(super) struct Announcement<'a> {
    pub id: &'a [u8; 16],
    pub epoch: u32,
    pub member: u16,
    pub counter: u32,
    pub chain: &'a [u8; 32],
    /// The key that checks signatures, where frames are signed.
    pub signer: Option<&'a PublicKey>,
}

impl<'a> Announcement<'a> {
    pub fn decode(bytes: &'a [u8]) -> Result<Announcement<'a>> {
        let (first, rest) = bytes.split_first().ok_or(Error::CommFormat)?;
        let signed = kind(*first, ANNOUNCE, SIGNED_ANNOUNCE)?;
        let parts = || {
            let (id, rest) = rest.split_first_chunk()?;
            let (epoch, rest) = rest.split_first_chunk()?;
            let (member, rest) = rest.split_first_chunk()?;
            let (counter, rest) = rest.split_first_chunk()?;
            let (chain, rest) = rest.split_first_chunk()?;
            let (signer, rest) = match signed {
                true => rest.split_first_chunk().map(|(key, rest)| (Some(key), rest))?,
                false => (None, rest),
            };
            rest.is_empty().then_some(Announcement {
                id,
                epoch: u32::from_le_bytes(*epoch),
                member: u16::from_le_bytes(*member),
                counter: u32::from_le_bytes(*counter),
                chain,
                signer,
            })
        };
        parts().ok_or(Error::CommFormat)
    }

    /// Writes it to the front of `out`; returns its length.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize> {
        let (kind, len) = match self.signer {
            Some(_) => (SIGNED_ANNOUNCE, SIGNED_ANNOUNCEMENT),
            None => (ANNOUNCE, ANNOUNCEMENT),
        };
        let out = out.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        let signer = self.signer.map_or(&[][..], |key| key);
        let (epoch, member) = (self.epoch.to_le_bytes(), self.member.to_le_bytes());
        let counter = self.counter.to_le_bytes();
        let first = [VERSION << 4 | kind];
        let parts = first.iter().chain(self.id).chain(&epoch).chain(&member).chain(&counter);
        let parts = parts.chain(self.chain).chain(signer);
        out.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        Ok(len)
    }
}
