//! A node's private keys: in memory, or in a secure element.

use zeroize::Zeroizing;

use crate::comm::crypto::{self, Hash, PublicKey, SIGNATURE, Secret};
use crate::comm::noise::{KeyPair, StaticKey};
use crate::error::Result;
use crate::port::Entropy;

/// What separates the Noise key that follows from a seed from all other uses of
/// that seed.
const NOISE_KEY: &[u8] = b"neural-swarm noise key v1";

/// Does what only the holder of a node's private keys can: a secure element
/// implements it without giving them away. The static key is that of X25519.
pub trait Secrets: StaticKey {
    /// The node's identity: its public key of Ed25519.
    fn identity(&self) -> PublicKey;

    /// Signs with the identity's private key (RFC 8032).
    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE]>;
}

/// A node's private keys in memory. Both follow from one seed, so that there are
/// 32 bytes to keep.
#[derive(Clone, Debug)]
pub struct LocalSecrets {
    seed: Secret,
    identity: PublicKey,
    noise: KeyPair,
}

impl LocalSecrets {
    /// The keys of a seed: it is the private key of the identity (RFC 8032), and
    /// the Noise key is HKDF-BLAKE2s of it.
    pub fn new(seed: Secret) -> LocalSecrets {
        let [noise] = Hash::Blake2s.hkdf::<1>(NOISE_KEY, seed.bytes());
        let noise = KeyPair::new(Secret::new(*noise.key()));
        LocalSecrets { identity: crypto::identity_of(&seed), noise, seed }
    }

    /// A new node's keys.
    pub fn random(entropy: &mut dyn Entropy) -> Result<LocalSecrets> {
        Secret::random(entropy).map(LocalSecrets::new)
    }

    /// The seed, to be kept where nobody else can read it.
    pub fn seed(&self) -> &Secret {
        &self.seed
    }
}

impl StaticKey for LocalSecrets {
    fn public_key(&self) -> PublicKey {
        self.noise.public_key()
    }

    fn agree(&self, peer: &PublicKey) -> Result<Zeroizing<[u8; 32]>> {
        self.noise.agree(peer)
    }
}

impl Secrets for LocalSecrets {
    fn identity(&self) -> PublicKey {
        self.identity
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE]> {
        Ok(crypto::sign(&self.seed, message))
    }
}
