//! Signatures: Ed25519 (RFC 8032). What has the private key is by `ed25519-dalek` in
//! every build. Who has the public key alone asks the [`Backend`].

use ed25519_dalek::{Signer, SigningKey};

use super::backend::{self, Backend};
use super::{PublicKey, Secret};
use crate::error::{Error, Result};

/// Bytes of a signature.
pub const SIGNATURE: usize = 64;

/// The public key of a private one (RFC 8032's 32-byte seed).
pub fn identity_of(private: &Secret) -> PublicKey {
    SigningKey::from_bytes(private.bytes()).verifying_key().to_bytes()
}

/// Signs a message. The same key and message give the same signature.
pub fn sign(private: &Secret, message: &[u8]) -> [u8; SIGNATURE] {
    SigningKey::from_bytes(private.bytes()).sign(message).to_bytes()
}

/// Checks a signature strictly: canonical, and no key or nonce of small order,
/// so that a signature is good for one message and one key alone.
///
/// [`Error::CommSignature`] if it is wrong.
pub fn verify(public: &PublicKey, message: &[u8], signature: &[u8; SIGNATURE]) -> Result<()> {
    let good = backend::Default::verify(public, message, signature);
    if good { Ok(()) } else { Err(Error::CommSignature) }
}
