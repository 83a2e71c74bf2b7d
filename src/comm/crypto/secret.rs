//! Bytes that nobody else may see.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::Result;
use crate::port::Entropy;

/// 32 secret bytes: a private key, a shared key, a seed. They are overwritten
/// when they are dropped, compared in constant time, and never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
#[repr(transparent)]
pub struct Secret([u8; 32]);

impl Secret {
    /// These bytes.
    pub const fn new(bytes: [u8; 32]) -> Secret {
        Secret(bytes)
    }

    /// Bytes that nobody can guess.
    pub fn random(entropy: &mut dyn Entropy) -> Result<Secret> {
        let mut secret = Secret([0; 32]);
        secret.renew(entropy)?;
        Ok(secret)
    }

    /// Makes it one that nobody can guess, in its place.
    pub(crate) fn renew(&mut self, entropy: &mut dyn Entropy) -> Result<()> {
        entropy.fill(&mut self.0)
    }

    /// The bytes. Whoever copies them has to overwrite the copy.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
