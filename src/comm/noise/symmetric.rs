//! CipherState and SymmetricState (sections 5.1 and 5.2 of the framework).

use zeroize::{Zeroize, Zeroizing};

use crate::comm::crypto::{Cipher, Hash, MAX_DIGEST, TAG};
use crate::error::{Error, Result};

/// A key with the counter of its next message. No destructor: its owner overwrites it.
#[derive(Clone, Copy, Zeroize)]
pub(super) struct CipherState {
    key: [u8; 32],
    pub counter: u64,
    #[zeroize(skip)]
    cipher: Cipher,
}

impl CipherState {
    /// Room for a key.
    pub fn empty(cipher: Cipher) -> CipherState {
        CipherState { key: [0; 32], counter: 0, cipher }
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

/// Transcript, chaining key, and the cipher where there is a key already. It is copied
/// for each message, so it has no destructor: the handshake overwrites it.
#[derive(Clone, Copy, Zeroize)]
pub(super) struct SymmetricState {
    #[zeroize(skip)]
    hash: Hash,
    keyed: bool,
    // Of both, as many bytes as the hash has.
    transcript: [u8; MAX_DIGEST],
    chaining_key: [u8; MAX_DIGEST],
    state: CipherState,
}

/// Outputs of HKDF, one after the other.
type Outputs = Zeroizing<[u8; 3 * MAX_DIGEST]>;

/// Puts bytes to the front of others, as many as there is room for.
fn put(to: &mut [u8], from: &[u8]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

impl SymmetricState {
    pub fn new(cipher: Cipher, hash: Hash, name: &str) -> SymmetricState {
        let mut state = SymmetricState {
            hash,
            keyed: false,
            transcript: [0; MAX_DIGEST],
            chaining_key: [0; MAX_DIGEST],
            state: CipherState::empty(cipher),
        };
        let name = name.as_bytes();
        if name.len() <= hash.size() {
            put(&mut state.transcript, name);
        } else {
            put(&mut state.transcript, hash.digest(&[name]).bytes());
        }
        state.chaining_key = state.transcript;
        state
    }

    pub fn has_key(&self) -> bool {
        self.keyed
    }

    pub fn transcript(&self) -> &[u8] {
        self.transcript.get(..self.hash.size()).unwrap_or(&[])
    }

    pub fn mix_hash(&mut self, data: &[u8]) {
        let digest = self.hash.digest(&[self.transcript(), data]);
        put(&mut self.transcript, digest.bytes());
    }

    /// So many outputs of HKDF of the chaining key.
    fn derive(&self, material: &[u8], count: usize) -> Outputs {
        let mut outputs = Zeroizing::new([0; 3 * MAX_DIGEST]);
        let size = self.hash.size();
        let key = self.chaining_key.get(..size).unwrap_or(&[]);
        self.hash.expand(key, material, outputs.get_mut(..count * size).unwrap_or_default());
        outputs
    }

    pub fn mix_key(&mut self, material: &[u8]) {
        self.mix(material, false);
    }

    pub fn mix_key_and_hash(&mut self, material: &[u8]) {
        self.mix(material, true);
    }

    fn mix(&mut self, material: &[u8], hash: bool) {
        let outputs = self.derive(material, if hash { 3 } else { 2 });
        let mut parts = outputs.chunks_exact(self.hash.size());
        let mut next = || parts.next().unwrap_or(&[]);
        put(&mut self.chaining_key, next());
        if hash {
            self.mix_hash(next());
        }
        put(&mut self.state.key, next());
        self.state.counter = 0;
        self.keyed = true;
    }

    /// Encrypts `text` in place, if there is a key: then its last 16 bytes are
    /// room for the tag.
    pub fn encrypt_and_hash(&mut self, text: &mut [u8]) -> Result<()> {
        if self.keyed {
            self.state.seal_at(self.state.counter, self.transcript(), text)?;
            self.state.counter += 1;
        }
        self.mix_hash(text);
        Ok(())
    }

    /// Decrypts `text` to `out`, if there is a key: then `out` is 16 bytes
    /// shorter.
    pub fn decrypt_and_hash(&mut self, text: &[u8], out: &mut [u8]) -> Result<()> {
        if self.keyed {
            self.state.open_into(self.state.counter, self.transcript(), text, out)?;
            self.state.counter += 1;
        } else if text.len() == out.len() {
            out.copy_from_slice(text);
        } else {
            return Err(Error::Length);
        }
        self.mix_hash(text);
        Ok(())
    }

    /// The keys of the initiator's and the responder's messages.
    pub fn split(&self, first: &mut CipherState, second: &mut CipherState) {
        let outputs = self.derive(&[], 2);
        let mut parts = outputs.chunks_exact(self.hash.size());
        for state in [first, second] {
            put(&mut state.key, parts.next().unwrap_or(&[]));
        }
    }
}
