//! Frames and announcements of others.

use zeroize::{Zeroize, Zeroizing};

use super::chain::Chain;
use super::wire::{Announcement, Frame, Place, to_sign};
use super::{Group, OVERHEAD};
use crate::comm::crypto::{Cipher, SIGNATURE, verify};
use crate::error::{Error, Result};

/// A text that came, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The sender's number.
    pub sender: u16,
    /// The epoch that it was sealed in.
    pub epoch: u32,
    /// The how-many-eth frame of the sender in that epoch, from 0 on. Gaps are
    /// frames that were lost or are late.
    pub counter: u32,
    /// The text.
    pub text: &'a [u8],
}

impl Group<'_> {
    /// Takes another member's chain. `from` is who the session says it came from.
    /// The same one again changes nothing; a later one of the same epoch lets a
    /// receiver that missed too many frames go on.
    ///
    /// [`Error::CommPeer`] if `from` is no member, [`Error::CommFormat`] or
    /// [`Error::CommVersion`] for what is no announcement of this group,
    /// [`Error::CommAuth`] for one that is not `from`'s own or for another
    /// signature key in the same epoch, [`Error::CommState`] for an epoch to come
    /// (change first, then accept), [`Error::CommExpired`] for one that is over,
    /// [`Error::CommReplay`] for an older place of the chain,
    /// [`Error::CommCounter`] beyond the epoch's frames.
    pub fn accept(&mut self, from: u16, announcement: &[u8]) -> Result<()> {
        self.try_accept(from, announcement).inspect_err(|_| self.refused += 1)
    }

    fn try_accept(&mut self, from: u16, announcement: &[u8]) -> Result<()> {
        let slot = self.slot(from).ok_or(Error::CommPeer)?;
        let told = Announcement::decode(announcement)?;
        if *told.id != self.config.id || told.signer.is_some() != self.config.signed {
            return Err(Error::CommFormat);
        }
        if told.member != from {
            return Err(Error::CommAuth);
        }
        if told.epoch != self.epoch {
            let over = told.epoch < self.epoch;
            return Err(if over { Error::CommExpired } else { Error::CommState });
        }
        if told.counter > self.config.frames {
            return Err(Error::CommCounter);
        }
        let index = Group::index(slot, self.side);
        let window = self.config.window;
        let (chain, mut skipped) = self.room.chain(index, window).ok_or(Error::CommPeer)?;
        let signer = told.signer.copied().unwrap_or_default();
        if chain.known {
            if signer != chain.signer {
                return Err(Error::CommAuth);
            }
            if told.counter == chain.next && chain.has_key(told.chain) {
                return Ok(());
            }
            if told.counter <= chain.next {
                return Err(Error::CommReplay);
            }
            skipped.jump(chain.next, told.counter);
        }
        *chain = Chain { known: true, next: told.counter, key: *told.chain, signer };
        Ok(())
    }

    /// Bytes of room that [`open`](Group::open) needs for a frame of this length.
    pub fn opened_len(frame_len: usize) -> usize {
        frame_len.saturating_sub(OVERHEAD)
    }

    /// Opens a frame of another member's. `out` needs
    /// [`opened_len`](Group::opened_len) bytes; it is overwritten when the frame
    /// is refused, and the group is as before then.
    ///
    /// [`Error::CommFormat`] or [`Error::CommVersion`] for what is no frame of this
    /// group, [`Error::CommPeer`] if its sender is no member,
    /// [`Error::CommExpired`] for an epoch that is over, [`Error::CommState`] for
    /// one to come, [`Error::CommKeys`] if the sender's chain has not come (keep
    /// the frame and accept first), [`Error::CommReplay`] for one that came before
    /// or is older than the window, [`Error::CommAhead`] if more frames are missing
    /// than may be (ask the sender to announce again), [`Error::CommCounter`]
    /// beyond the epoch's frames, [`Error::CommAuth`], [`Error::CommSignature`],
    /// [`Error::BufferTooSmall`].
    pub fn open<'b>(
        &mut self,
        frame: &[u8],
        now_us: u64,
        out: &'b mut [u8],
    ) -> Result<Message<'b>> {
        match self.try_open(frame, now_us, out) {
            Ok((sender, epoch, counter, len)) => {
                self.opened += 1;
                let text = out.get(..len).unwrap_or(&[]);
                Ok(Message { sender, epoch, counter, text })
            }
            Err(error) => {
                self.refused += u64::from(error != Error::BufferTooSmall);
                Err(error)
            }
        }
    }

    fn try_open(
        &mut self,
        frame: &[u8],
        now_us: u64,
        out: &mut [u8],
    ) -> Result<(u16, u32, u32, usize)> {
        let frame = Frame::decode(frame)?;
        if frame.group != self.short || frame.signed != self.config.signed {
            return Err(Error::CommFormat);
        }
        self.expire(now_us);
        let (epoch, side) = self.epoch_of(frame.epoch)?;
        let slot = self.slot(frame.sender).ok_or(Error::CommPeer)?;
        let (window, bounds) = (self.config.window, self.config.bounds());
        let index = Group::index(slot, side);
        let (chain, mut skipped) = self.room.chain(index, window).ok_or(Error::CommPeer)?;
        if !chain.known {
            return Err(Error::CommKeys);
        }
        let body = out.get_mut(..frame.sealed.len()).ok_or(Error::BufferTooSmall)?;
        let counter = chain.counter(frame.counter, &bounds)?;

        // Which keys it takes; nothing changes before it is known to be authentic.
        let ahead = (counter >= chain.next).then(|| chain.keys_at(counter));
        let key = Zeroizing::new(match &ahead {
            Some([_, key]) => *key.key(),
            None => *skipped.key(counter).ok_or(Error::CommReplay)?,
        });
        let place = Place { id: &self.config.id, epoch, sender: frame.sender, counter };
        let context = place.context(&frame.header);
        body.copy_from_slice(frame.sealed);
        let nonce = u64::from(counter);
        let text_len = Cipher::ChaChaPoly
            .open(&key, nonce, &context, body, frame.tag)
            .and_then(|()| match (self.config.signed, body.split_last_chunk::<SIGNATURE>()) {
                (false, _) => Ok(body.len()),
                (true, None) => Err(Error::CommFormat),
                (true, Some((text, signature))) => {
                    verify(&chain.signer, &to_sign(&context, text), signature)?;
                    Ok(text.len())
                }
            })
            .inspect_err(|_| body.zeroize())?;

        match ahead {
            Some([next, _]) => {
                skipped.pass(chain, counter);
                chain.key = *next.key();
                chain.next = counter + 1;
            }
            None => skipped.forget(counter),
        }
        if side != self.side {
            self.count_previous();
        }
        Ok((frame.sender, epoch, counter, text_len))
    }

    /// The epoch that ends in this byte, and on which side its chains are.
    fn epoch_of(&self, low: u8) -> Result<(u32, usize)> {
        if low == self.epoch as u8 {
            return Ok((self.epoch, self.side));
        }
        match self.previous {
            Some(previous) if low == previous.epoch as u8 => Ok((previous.epoch, self.side ^ 1)),
            _ if (low.wrapping_sub(self.epoch as u8) as i8) > 0 => Err(Error::CommState),
            _ => Err(Error::CommExpired),
        }
    }

    /// One frame less of the previous epoch.
    fn count_previous(&mut self) {
        let Some(previous) = &mut self.previous else { return };
        previous.frames_left = previous.frames_left.saturating_sub(1);
        if previous.frames_left == 0 {
            self.forget_previous();
        }
    }
}
