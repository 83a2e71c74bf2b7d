//! Authenticated encryption with associated data.

use super::backend::{self, Backend};
use crate::error::{Error, Result};

/// Bytes of a tag.
pub const TAG: usize = 16;

/// A cipher of the Noise Protocol Framework. Nonces are 64-bit counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// ChaCha20-Poly1305 (RFC 8439); the counter is little-endian.
    ChaChaPoly,
    /// AES-256-GCM (NIST SP 800-38D); the counter is big-endian. With `std`.
    #[cfg(feature = "std")]
    AesGcm,
}

impl Cipher {
    fn nonce(self, counter: u64) -> [u8; 12] {
        let mut nonce = [0; 12];
        let counter = match self {
            Cipher::ChaChaPoly => counter.to_le_bytes(),
            #[cfg(feature = "std")]
            Cipher::AesGcm => counter.to_be_bytes(),
        };
        nonce[4..].copy_from_slice(&counter);
        nonce
    }

    /// Encrypts `text` in place; the tag is over it and `ad`. A key and a
    /// counter together are used once.
    pub fn seal(self, key: &[u8; 32], counter: u64, ad: &[u8], text: &mut [u8]) -> [u8; TAG] {
        let nonce = self.nonce(counter);
        match self {
            Cipher::ChaChaPoly => backend::Default::seal(key, &nonce, ad, text),
            #[cfg(feature = "std")]
            Cipher::AesGcm => backend::Default::seal_aes(key, &nonce, ad, text),
        }
    }

    /// Decrypts `text` in place.
    ///
    /// [`Error::CommAuth`] if it is not authentic; `text` holds nothing of use
    /// then.
    pub fn open(
        self,
        key: &[u8; 32],
        counter: u64,
        ad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<()> {
        let nonce = self.nonce(counter);
        let authentic = match self {
            Cipher::ChaChaPoly => backend::Default::open(key, &nonce, ad, text, tag),
            #[cfg(feature = "std")]
            Cipher::AesGcm => backend::Default::open_aes(key, &nonce, ad, text, tag),
        };
        if authentic { Ok(()) } else { Err(Error::CommAuth) }
    }
}
