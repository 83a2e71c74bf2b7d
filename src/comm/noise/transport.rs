//! What a handshake leaves: a key for each direction.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::symmetric::{CipherState, SymmetricState};
use crate::comm::crypto::{Cipher, TAG};
use crate::error::{Error, Result};

/// The two ciphers of a finished handshake. After a one-way pattern the
/// initiator can only send, the responder only receive.
///
/// Counters go up by one with each message ([`seal`](Self::seal),
/// [`open`](Self::open)), or are told with it ([`seal_at`](Self::seal_at),
/// [`open_at`](Self::open_at): section 11.4; then the caller keeps replays out).
#[derive(ZeroizeOnDrop)]
pub struct Transport {
    #[zeroize(skip)]
    can_send: bool,
    #[zeroize(skip)]
    can_receive: bool,
    send: CipherState,
    receive: CipherState,
}

impl Transport {
    /// Of a finished handshake.
    pub(super) fn new(
        symmetric: &SymmetricState,
        cipher: Cipher,
        initiator: bool,
        one_way: bool,
    ) -> Transport {
        let mut transport = Transport {
            can_send: !one_way || initiator,
            can_receive: !one_way || !initiator,
            send: CipherState::empty(cipher),
            receive: CipherState::empty(cipher),
        };
        let Transport { send, receive, .. } = &mut transport;
        let (first, second) = if initiator { (send, receive) } else { (receive, send) };
        symmetric.split(first, second);
        if one_way {
            second.zeroize();
        }
        transport
    }

    /// The cipher for sending, if this side can send.
    fn sender(&self) -> Result<&CipherState> {
        if self.can_send { Ok(&self.send) } else { Err(Error::CommState) }
    }

    fn receiver(&self) -> Result<&CipherState> {
        if self.can_receive { Ok(&self.receive) } else { Err(Error::CommState) }
    }

    /// The counter of the next message that is sent, if this side can send.
    pub fn send_counter(&self) -> Option<u64> {
        self.can_send.then_some(self.send.counter)
    }

    /// The counter of the next message that is received, if this side can.
    pub fn receive_counter(&self) -> Option<u64> {
        self.can_receive.then_some(self.receive.counter)
    }

    /// The keys for sending and receiving, if it can do both.
    pub(crate) fn keys(&self) -> Option<(&[u8; 32], &[u8; 32])> {
        (self.can_send && self.can_receive).then_some((self.send.key(), self.receive.key()))
    }

    /// Encrypts `text` to `out`, 16 bytes longer, as the next message; returns
    /// its length. Both sides must give the same `ad`.
    ///
    /// [`Error::CommState`] if this side cannot send, [`Error::CommCounter`]
    /// after 2^64 - 1 messages, [`Error::BufferTooSmall`], [`Error::CommTooLong`].
    pub fn seal(&mut self, ad: &[u8], text: &[u8], out: &mut [u8]) -> Result<usize> {
        let len = self.seal_at(self.send.counter, ad, text, out)?;
        self.send.counter += 1;
        Ok(len)
    }

    /// [`seal`](Self::seal) as the message with this counter, which must not
    /// have been used before. The counter of the next message stays.
    pub fn seal_at(&self, counter: u64, ad: &[u8], text: &[u8], out: &mut [u8]) -> Result<usize> {
        let state = self.sender()?;
        let len = text.len() + TAG;
        if len > super::MAX_MESSAGE {
            return Err(Error::CommTooLong);
        }
        let out = out.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        out.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        state.seal_at(counter, ad, out)?;
        Ok(len)
    }

    /// Decrypts the next message to `out`, which must have room for 16 bytes
    /// less; returns the length.
    ///
    /// [`Error::CommAuth`] if it is not authentic, [`Error::CommFormat`] if it
    /// is shorter than a tag, [`Error::CommState`], [`Error::CommCounter`],
    /// [`Error::BufferTooSmall`], [`Error::CommTooLong`]. Nothing is changed
    /// then, but for the contents of `out`.
    pub fn open(&mut self, ad: &[u8], message: &[u8], out: &mut [u8]) -> Result<usize> {
        let len = self.open_at(self.receive.counter, ad, message, out)?;
        self.receive.counter += 1;
        Ok(len)
    }

    /// [`open`](Self::open) for the message with this counter. Whether it was
    /// received before is for the caller to know.
    pub fn open_at(
        &self,
        counter: u64,
        ad: &[u8],
        message: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        let state = self.receiver()?;
        if message.len() > super::MAX_MESSAGE {
            return Err(Error::CommTooLong);
        }
        let len = message.len().checked_sub(TAG).ok_or(Error::CommFormat)?;
        let out = out.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        state.open_into(counter, ad, message, out)?;
        Ok(len)
    }

    /// Replaces the key for sending by one that follows from it (section 11.3);
    /// the peer does the same to its key for receiving.
    pub fn rekey_send(&mut self) {
        self.send.rekey();
    }

    /// Replaces the key for receiving.
    pub fn rekey_receive(&mut self) {
        self.receive.rekey();
    }
}
