//! CipherState and SymmetricState (sections 5.1 and 5.2 of the framework).

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::comm::crypto::{Cipher, Digest, Hash, TAG};
use crate::error::{Error, Result};

/// A key with the counter of its next message.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct CipherState {
    key: [u8; 32],
    pub counter: u64,
    #[zeroize(skip)]
    cipher: Cipher,
}

impl CipherState {
    pub fn new(cipher: Cipher, key: &[u8; 32]) -> CipherState {
        CipherState { key: *key, counter: 0, cipher }
    }

    /// Encrypts `text` in place under the given counter; its last 16 bytes are
    /// room for the tag.
    pub fn seal_at(&self, counter: u64, ad: &[u8], text: &mut [u8]) -> Result<()> {
        if counter == u64::MAX {
            return Err(Error::CommCounter);
        }
        let (text, tag) = text.split_last_chunk_mut::<TAG>().ok_or(Error::Length)?;
        *tag = self.cipher.seal(&self.key, counter, ad, text);
        Ok(())
    }

    /// Decrypts `text`, which ends in its tag, to `out`, 16 bytes shorter.
    pub fn open_into(&self, counter: u64, ad: &[u8], text: &[u8], out: &mut [u8]) -> Result<()> {
        if counter == u64::MAX {
            return Err(Error::CommCounter);
        }
        let (text, tag) = text.split_last_chunk::<TAG>().ok_or(Error::CommFormat)?;
        if text.len() != out.len() {
            return Err(Error::Length);
        }
        out.copy_from_slice(text);
        self.cipher.open(&self.key, counter, ad, out, tag)
    }

    /// Replaces the key by one that follows from it (section 4.2).
    pub fn rekey(&mut self) {
        let mut key = [0; 32];
        // The first 32 bytes of a longer text are those of this one.
        self.cipher.seal(&self.key, u64::MAX, &[], &mut key);
        self.key = key;
        key.zeroize();
    }

    /// The key itself.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }
}

/// Transcript, chaining key, and the cipher where there is a key already.
#[derive(Clone)]
pub(super) struct SymmetricState {
    hash: Hash,
    cipher: Cipher,
    transcript: Digest,
    chaining_key: Digest,
    state: Option<CipherState>,
}

impl SymmetricState {
    pub fn new(cipher: Cipher, hash: Hash, name: &str) -> SymmetricState {
        let name = name.as_bytes();
        let start = if name.len() <= hash.size() {
            Digest::padded(hash, name)
        } else {
            hash.digest(&[name])
        };
        SymmetricState { hash, cipher, transcript: start.clone(), chaining_key: start, state: None }
    }

    pub fn has_key(&self) -> bool {
        self.state.is_some()
    }

    pub fn transcript(&self) -> &Digest {
        &self.transcript
    }

    pub fn mix_hash(&mut self, data: &[u8]) {
        self.transcript = self.hash.digest(&[self.transcript.bytes(), data]);
    }

    pub fn mix_key(&mut self, material: &[u8]) {
        let [chaining_key, key] = self.hash.hkdf(self.chaining_key.bytes(), material);
        self.chaining_key = chaining_key;
        self.state = Some(CipherState::new(self.cipher, key.key()));
    }

    pub fn mix_key_and_hash(&mut self, material: &[u8]) {
        let [chaining_key, hash, key] = self.hash.hkdf(self.chaining_key.bytes(), material);
        self.chaining_key = chaining_key;
        self.mix_hash(hash.bytes());
        self.state = Some(CipherState::new(self.cipher, key.key()));
    }

    /// Encrypts `text` in place, if there is a key: then its last 16 bytes are
    /// room for the tag.
    pub fn encrypt_and_hash(&mut self, text: &mut [u8]) -> Result<()> {
        if let Some(state) = &mut self.state {
            state.seal_at(state.counter, self.transcript.bytes(), text)?;
            state.counter += 1;
        }
        self.mix_hash(text);
        Ok(())
    }

    /// Decrypts `text` to `out`, if there is a key: then `out` is 16 bytes
    /// shorter.
    pub fn decrypt_and_hash(&mut self, text: &[u8], out: &mut [u8]) -> Result<()> {
        match &mut self.state {
            Some(state) => {
                state.open_into(state.counter, self.transcript.bytes(), text, out)?;
                state.counter += 1;
            }
            None if text.len() == out.len() => out.copy_from_slice(text),
            None => return Err(Error::Length),
        }
        self.mix_hash(text);
        Ok(())
    }

    /// The keys of the initiator's and the responder's messages.
    pub fn split(&self) -> [CipherState; 2] {
        let keys: [Digest; 2] = self.hash.hkdf(self.chaining_key.bytes(), &[]);
        keys.map(|key| CipherState::new(self.cipher, key.key()))
    }
}
