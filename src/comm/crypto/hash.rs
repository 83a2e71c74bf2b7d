//! Hashes, and what is made of them: HKDF (RFC 5869), a keyed hash.

use blake2::digest::{self, FixedOutput, KeyInit, Update};
use hkdf::SimpleHkdf;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of the longest digest of this build.
pub const MAX_DIGEST: usize = if cfg!(feature = "std") { 64 } else { 32 };

/// A hash function of the Noise Protocol Framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// BLAKE2s with 32 bytes (RFC 7693).
    Blake2s,
    /// SHA-256 (FIPS 180-4). With the feature `sha256`, which `std` implies.
    #[cfg(feature = "sha256")]
    Sha256,
    /// BLAKE2b with 64 bytes (RFC 7693). With `std`.
    #[cfg(feature = "std")]
    Blake2b,
    /// SHA-512 (FIPS 180-4). With `std`.
    #[cfg(feature = "std")]
    Sha512,
}

/// The output of a hash: as many bytes as the function has.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Digest {
    bytes: [u8; MAX_DIGEST],
    len: u8,
}

impl Digest {
    /// These bytes, which are one.
    pub(crate) fn of(bytes: &[u8]) -> Digest {
        let mut digest = Digest { bytes: [0; MAX_DIGEST], len: bytes.len() as u8 };
        digest.bytes.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        digest
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// The first 32 of its bytes: a key.
    pub fn key(&self) -> &[u8; 32] {
        self.bytes.first_chunk().unwrap_or(&[0; 32])
    }
}

impl Hash {
    /// Bytes of its digests.
    pub const fn size(self) -> usize {
        match self {
            Hash::Blake2s => 32,
            #[cfg(feature = "sha256")]
            Hash::Sha256 => 32,
            #[cfg(feature = "std")]
            Hash::Blake2b | Hash::Sha512 => 64,
        }
    }

    /// The digest of the parts, one after the other.
    pub fn digest(self, parts: &[&[u8]]) -> Digest {
        fn run<H: digest::Digest>(parts: &[&[u8]]) -> Digest {
            let mut hash = H::new();
            parts.iter().for_each(|part| hash.update(part));
            Digest::of(&hash.finalize())
        }
        match self {
            Hash::Blake2s => run::<blake2::Blake2s256>(parts),
            #[cfg(feature = "sha256")]
            Hash::Sha256 => run::<sha2::Sha256>(parts),
            #[cfg(feature = "std")]
            Hash::Blake2b => run::<blake2::Blake2b512>(parts),
            #[cfg(feature = "std")]
            Hash::Sha512 => run::<sha2::Sha512>(parts),
        }
    }

    /// HKDF of a chaining key and key material, as the Noise Protocol Framework
    /// (section 4.3) calls it: RFC 5869 with the chaining key as salt and no
    /// info. `N` outputs, at most 3.
    pub fn hkdf<const N: usize>(self, chaining_key: &[u8], material: &[u8]) -> [Digest; N] {
        const { assert!(N <= 3) };
        let mut bytes = zeroize::Zeroizing::new([0; 3 * MAX_DIGEST]);
        if let Some(bytes) = bytes.get_mut(..N * self.size()) {
            self.expand(chaining_key, material, bytes);
        }
        let mut parts = bytes.chunks_exact(self.size());
        core::array::from_fn(|_| Digest::of(parts.next().unwrap_or(&[])))
    }

    /// [`hkdf`](Self::hkdf) with as many bytes of its outputs as `out` has.
    pub(crate) fn expand(self, salt: &[u8], material: &[u8], out: &mut [u8]) {
        fn run<H>(salt: &[u8], material: &[u8], out: &mut [u8])
        where
            H: digest::Digest + digest::block_api::BlockSizeUser + Clone,
        {
            // Fails beyond 255 outputs only.
            let _ = SimpleHkdf::<H>::new(Some(salt), material).expand(&[], out);
        }
        match self {
            Hash::Blake2s => run::<blake2::Blake2s256>(salt, material, out),
            #[cfg(feature = "sha256")]
            Hash::Sha256 => run::<sha2::Sha256>(salt, material, out),
            #[cfg(feature = "std")]
            Hash::Blake2b => run::<blake2::Blake2b512>(salt, material, out),
            #[cfg(feature = "std")]
            Hash::Sha512 => run::<sha2::Sha512>(salt, material, out),
        }
    }
}

/// A keyed hash of 16 bytes.
pub type Mac = [u8; 16];

/// Keyed BLAKE2s with 16 bytes over the parts, one after the other (RFC 7693,
/// section 2.9; what WireGuard uses for its MACs).
pub fn mac(key: &[u8; 32], parts: &[&[u8]]) -> Mac {
    type Blake2s = blake2::Blake2sMac<blake2::digest::consts::U16>;
    let mut mac = <Blake2s as KeyInit>::new(key.into());
    parts.iter().for_each(|part| Update::update(&mut mac, part));
    mac.finalize_fixed().into()
}
