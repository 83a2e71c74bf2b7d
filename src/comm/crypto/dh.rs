//! Key agreement: X25519 (RFC 7748).

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Secret;
use super::backend::{self, Backend};
use crate::error::{Error, Result};

/// A public key of X25519, or of Ed25519.
pub type PublicKey = [u8; 32];

/// The secret that the holders of both keys share.
///
/// [`Error::CommKey`] if `public` is of small order: the secret would be zero,
/// whatever the private key (RFC 7748, section 6.1).
pub fn agree(private: &Secret, public: &PublicKey) -> Result<Zeroizing<[u8; 32]>> {
    agree_by(private.bytes(), public)
}

/// [`agree`] by a private key that lies in something else that is overwritten.
pub(crate) fn agree_by(private: &[u8; 32], public: &PublicKey) -> Result<Zeroizing<[u8; 32]>> {
    let shared = backend::Default::agree(private, public);
    if shared.ct_eq(&[0; 32]).into() { Err(Error::CommKey) } else { Ok(shared) }
}

/// The public key of a private one.
pub fn public_key(private: &Secret) -> PublicKey {
    public_key_of(private.bytes())
}

/// [`public_key`] as [`agree_by`].
pub(crate) fn public_key_of(private: &[u8; 32]) -> PublicKey {
    backend::Default::public_key(private)
}
