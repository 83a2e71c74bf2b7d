//! One session: a key for each direction, and what keeps replays out.

use zeroize::Zeroize;

use super::frame::{Content, whole_counter, write_transport};
use super::window;
use crate::comm::crypto::{Cipher, TAG};
use crate::error::{Error, Result};

/// The bits of a nonce above the counter: what the frame carries.
const CONTENT: u32 = 62;

/// The keys and counters of a session. It lies in a table, so it has no
/// destructor: the table's owner overwrites it.
#[derive(Clone, Copy, Default)]
// Short instructions reach the front.
#[repr(C)]
pub(super) struct Session {
    pub open: bool,
    /// Whether this side began the handshake.
    pub initiator: bool,
    /// Whether a frame of the peer's was received with it.
    pub confirmed: bool,
    /// The peer's index for it, and ours; both 0 when there is no session.
    pub peer_index: u32,
    pub index: u32,
    /// Frames that were not authentic.
    pub forged: u32,
    /// The counter of the next frame to send.
    pub sent: u64,
    /// The highest counter received, plus one.
    pub highest: u64,
    /// When the handshake ended.
    pub born: u64,
    send: [u8; 32],
    receive: [u8; 32],
}

// With a window of 128, which is three words, a session takes 128 bytes.
const _: () = assert!(size_of::<Session>() + 3 * size_of::<u64>() == 128);

impl Session {
    pub fn new(keys: (&[u8; 32], &[u8; 32]), index: u32, peer_index: u32, now: u64) -> Session {
        Session {
            send: *keys.0,
            receive: *keys.1,
            born: now,
            peer_index,
            index,
            open: true,
            ..Session::default()
        }
    }

    /// Overwrites the keys.
    pub fn wipe(&mut self) {
        self.send.zeroize();
        self.receive.zeroize();
    }

    /// Writes a frame with `payload`, padded to a multiple of `padding`; returns
    /// its length.
    pub fn seal(
        &mut self,
        small: bool,
        content: Content,
        payload: &[u8],
        padding: usize,
        out: &mut [u8],
    ) -> Result<usize> {
        if self.sent >> CONTENT != 0 {
            return Err(Error::CommCounter);
        }
        let front = write_transport(out, small, content, self.peer_index, self.sent)?;
        let padded = match content {
            Content::Padded => (payload.len() + 1).next_multiple_of(padding.max(1)),
            _ => payload.len(),
        };
        let len = front + padded + TAG;
        let text = out.get_mut(front..len).ok_or(Error::BufferTooSmall)?;
        let (text, tag) = text.split_last_chunk_mut::<TAG>().ok_or(Error::BufferTooSmall)?;
        let (body, rest) = text.split_at_mut_checked(payload.len()).ok_or(Error::Length)?;
        body.copy_from_slice(payload);
        // ISO/IEC 7816-4: a one, then zeros.
        rest.fill(0);
        if let Some(first) = rest.first_mut() {
            *first = 0x80;
        }
        let nonce = (content as u64) << CONTENT | self.sent;
        *tag = Cipher::ChaChaPoly.seal(&self.send, nonce, &[], text);
        self.sent += 1;
        Ok(len)
    }

    /// Decrypts a frame to `out`; returns its length, and whether it is the
    /// newest so far. Nothing is changed if it is refused, but for the number of
    /// forgeries.
    pub fn open(
        &mut self,
        bits: &mut [u64],
        content: Content,
        (low, width): (u32, u32),
        text: &[u8],
        out: &mut [u8],
    ) -> Result<(usize, bool)> {
        let counter = whole_counter(self.highest, low, width);
        if counter >> CONTENT != 0 {
            return Err(Error::CommCounter);
        }
        window::check(bits, self.highest, counter)?;
        let (text, tag) = text.split_last_chunk::<TAG>().ok_or(Error::CommFormat)?;
        let out = out.get_mut(..text.len()).ok_or(Error::BufferTooSmall)?;
        out.copy_from_slice(text);
        let nonce = (content as u64) << CONTENT | counter;
        if let Err(error) = Cipher::ChaChaPoly.open(&self.receive, nonce, &[], out, tag) {
            self.forged = self.forged.saturating_add(1);
            return Err(error);
        }
        let newest = counter >= self.highest;
        window::mark(bits, &mut self.highest, counter);
        self.confirmed = true;
        let len = match content {
            Content::Padded => {
                let end = out.iter().rposition(|byte| *byte != 0).ok_or(Error::CommFormat)?;
                if out.get(end) != Some(&0x80) {
                    return Err(Error::CommFormat);
                }
                end
            }
            _ => out.len(),
        };
        Ok((len, newest))
    }
}
