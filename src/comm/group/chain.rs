//! One sender's chain: a symmetric ratchet, and the keys of frames that have not
//! come yet.

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::comm::crypto::{Digest, Hash, PublicKey};
use crate::error::{Error, Result};

/// One step of the ratchet: the next chain key, and the key of one frame. None
/// of them leads back.
pub(super) fn step(chain: &[u8; 32]) -> [Digest; 2] {
    Hash::Blake2s.hkdf(chain, b"nsw group step 1")
}

/// A chain as its receiver has it.
#[derive(Clone, Copy)]
pub(super) struct Chain {
    /// Whether it was announced.
    pub known: bool,
    /// The counter that `key` belongs to.
    pub next: u32,
    pub key: [u8; 32],
    /// The key that checks signatures.
    pub signer: PublicKey,
}

impl Chain {
    pub const NONE: Chain = Chain { known: false, next: 0, key: [0; 32], signer: [0; 32] };

    pub fn forget(&mut self) {
        self.key.zeroize();
        *self = Chain::NONE;
    }

    /// The counter of a frame that shows the lower half of it: the one nearest to
    /// the next.
    pub fn counter(&self, low: u16, bounds: &Bounds) -> Result<u32> {
        let distance = low.wrapping_sub(self.next as u16) as i16;
        if distance < 0 {
            // Too old if the window does not go back so far.
            let back = u32::from(distance.unsigned_abs());
            let counter = self.next.checked_sub(back).ok_or(Error::CommReplay)?;
            return if back <= bounds.window { Ok(counter) } else { Err(Error::CommReplay) };
        }
        let gap = distance as u32;
        let counter = self.next.checked_add(gap).filter(|counter| *counter < bounds.frames);
        let counter = counter.ok_or(Error::CommCounter)?;
        if gap <= bounds.ahead { Ok(counter) } else { Err(Error::CommAhead) }
    }

    /// The chain key behind a frame of the future, and the frame's key.
    pub fn keys_at(&self, counter: u32) -> [Digest; 2] {
        let mut keys = step(&self.key);
        for _ in self.next..counter {
            keys = step(keys[0].key());
        }
        keys
    }

    /// Whether this is the chain's key, compared in constant time.
    pub fn has_key(&self, key: &[u8; 32]) -> bool {
        self.key.ct_eq(key).into()
    }
}

/// What bounds the work and the memory of a chain.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub window: u32,
    pub ahead: u32,
    pub frames: u32,
}

/// The keys of frames behind the newest one that have not come: a ring over the
/// window.
pub(super) struct Skipped<'a> {
    pub keys: &'a mut [[u8; 32]],
    /// One bit a place: whether there is a key.
    pub have: &'a mut [u32],
}

impl Skipped<'_> {
    fn place(&self, counter: u32) -> usize {
        counter.checked_rem(self.keys.len() as u32).unwrap_or(0) as usize
    }

    /// The key of a frame of the window, if it has not come.
    pub fn key(&self, counter: u32) -> Option<&[u8; 32]> {
        let place = self.place(counter);
        let word = self.have.get(place / 32)?;
        (word >> (place % 32) & 1 == 1).then(|| self.keys.get(place))?
    }

    pub fn put(&mut self, counter: u32, key: &[u8; 32]) {
        let place = self.place(counter);
        if let (Some(to), Some(word)) = (self.keys.get_mut(place), self.have.get_mut(place / 32)) {
            *to = *key;
            *word |= 1 << (place % 32);
        }
    }

    pub fn forget(&mut self, counter: u32) {
        let place = self.place(counter);
        if let (Some(to), Some(word)) = (self.keys.get_mut(place), self.have.get_mut(place / 32)) {
            to.zeroize();
            *word &= !(1 << (place % 32));
        }
    }

    pub fn forget_all(&mut self) {
        self.keys.as_flattened_mut().zeroize();
        self.have.zeroize();
    }

    /// Moves the window until `counter` is its newest frame, which has come; the
    /// keys of those that were passed over are kept.
    pub fn pass(&mut self, chain: &Chain, counter: u32) {
        let window = self.keys.len() as u32;
        let mut keys = None;
        for skipped in chain.next..counter {
            let now = step(keys.as_ref().map_or(&chain.key, |[next, _]: &[Digest; 2]| next.key()));
            if counter - skipped < window {
                self.put(skipped, now[1].key());
            }
            keys = Some(now);
        }
        self.forget(counter);
    }

    /// Moves the window until `counter` comes next; nothing is known of those that
    /// were passed over.
    pub fn jump(&mut self, from: u32, counter: u32) {
        let window = self.keys.len() as u32;
        (from.max(counter.saturating_sub(window))..counter).for_each(|c| self.forget(c));
    }
}
