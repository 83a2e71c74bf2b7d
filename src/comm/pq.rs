//! The post-quantum option: a secret of ML-KEM-768 (FIPS 203) for the psk slot of
//! a Noise handshake. With the feature `post-quantum`.
//!
//! The initiator sends a [`PqOffer`]'s message, 1,184 bytes; the responder makes a
//! [`PqAnswer`] of it and sends that one's message, 1,088 bytes. Both then have
//! the same 32 bytes and hand them to the handshake as its pre-shared key, so the
//! pattern keeps its standard name and its bytes. In `XXpsk3` the messages ride in
//! the payloads of the handshake's first two messages and no round trip is added.
//! Where the psk comes earlier (`IKpsk2`, `NNpsk0`) they go ahead of the handshake.
//!
//! # What it protects against
//! Who records the traffic today and has a quantum computer later, reads nothing:
//! the session's keys need both X25519 and ML-KEM-768 broken. Who the peer is stays
//! a classical matter, of X25519, Ed25519 and what else the handshake trusts; a
//! quantum computer during the handshake could take a peer's place.
//!
//! The messages are not authentic by themselves. One that was changed on the way
//! gives the two sides different keys (FIPS 203's implicit rejection, and the
//! transcript in the derivation), and the handshake fails as with a wrong psk.
//!
//! ```text
//! transcript = BLAKE2s("nsw pq 1" | offer | answer)
//! psk        = HKDF-BLAKE2s(salt: static psk or 32 zeros,
//!                           key material: "nsw pq psk 1" | shared secret | transcript)
//! ```

use ml_kem::kem::{Decapsulate, KeyExport};
use ml_kem::ml_kem_768::{Ciphertext, DecapsulationKey, EncapsulationKey};
use zeroize::{Zeroize, Zeroizing};

use super::crypto::{Hash, Secret};
use crate::error::{Error, Result};
use crate::port::Entropy;

/// Bytes of the initiator's message: an encapsulation key.
pub const PQ_OFFER: usize = 1184;
/// Bytes of the responder's message: a ciphertext.
pub const PQ_ANSWER: usize = 1088;

/// The psk of both messages. `shared` is overwritten.
fn derive(shared: &mut [u8], offer: &[u8], answer: &[u8], psk: Option<&Secret>) -> Secret {
    let transcript = Hash::Blake2s.digest(&[b"nsw pq 1", offer, answer]);
    let mut material = Zeroizing::new([0; 12 + 32 + 32]);
    let parts = b"nsw pq psk 1".iter().chain(&*shared).chain(transcript.bytes());
    material.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
    shared.zeroize();
    let salt = psk.map_or(&[0; 32], Secret::bytes);
    let [derived] = Hash::Blake2s.hkdf(salt, &*material);
    Secret::new(*derived.key())
}

/// The initiator's side. It is good for one answer.
///
/// ```
/// use neural_swarm::comm::pq::{PqAnswer, PqOffer};
/// use neural_swarm::port::SystemEntropy;
///
/// let mut offer = PqOffer::new(&mut SystemEntropy)?;
/// let answer = PqAnswer::new(&offer.message()?, None, &mut SystemEntropy)?;
/// assert_eq!(&offer.finish(answer.message(), None)?, answer.psk());
/// # Ok::<(), neural_swarm::Error>(())
/// ```
pub struct PqOffer {
    /// What FIPS 203 calls d and z; `None` when it was used.
    seed: Option<Zeroizing<[u8; 64]>>,
}

impl PqOffer {
    /// A fresh key pair, of 64 bytes of `entropy`.
    pub fn new(entropy: &mut dyn Entropy) -> Result<PqOffer> {
        let mut offer = PqOffer { seed: Some(Zeroizing::new([0; 64])) };
        if let Some(seed) = &mut offer.seed {
            entropy.fill(&mut **seed)?;
        }
        Ok(offer)
    }

    fn key(&self) -> Result<DecapsulationKey> {
        let seed = self.seed.as_ref().ok_or(Error::CommState)?;
        Ok(DecapsulationKey::from_seed((**seed).into()))
    }

    /// What goes to the responder. [`Error::CommState`] after
    /// [`finish`](PqOffer::finish).
    pub fn message(&self) -> Result<[u8; PQ_OFFER]> {
        Ok(self.key()?.encapsulation_key().to_bytes().into())
    }

    /// The psk for the handshake, from the responder's message and the static psk
    /// that the two have, if they have one. The key pair is gone then.
    ///
    /// [`Error::CommFormat`] for a message of another length: nothing is changed.
    /// One that is forged gives a psk that the responder has not.
    /// [`Error::CommState`] the second time.
    pub fn finish(&mut self, answer: &[u8], psk: Option<&Secret>) -> Result<Secret> {
        let key = self.key()?;
        let ciphertext = Ciphertext::try_from(answer).map_err(|_| Error::CommFormat)?;
        let mut shared = key.decapsulate(&ciphertext);
        self.seed = None;
        Ok(derive(&mut shared, &key.encapsulation_key().to_bytes(), answer, psk))
    }
}

/// The responder's side.
pub struct PqAnswer {
    message: [u8; PQ_ANSWER],
    psk: Secret,
}

impl PqAnswer {
    /// Answers the initiator's message, with 32 bytes of `entropy` and the static
    /// psk that the two have, if they have one.
    ///
    /// [`Error::CommFormat`] for a message of another length, or one that is no
    /// encapsulation key (FIPS 203, section 7.2).
    pub fn new(offer: &[u8], psk: Option<&Secret>, entropy: &mut dyn Entropy) -> Result<PqAnswer> {
        let encoded = offer.try_into().map_err(|_| Error::CommFormat)?;
        let key = EncapsulationKey::new(&encoded).map_err(|_| Error::CommFormat)?;
        let random = Secret::random(entropy)?;
        let random = Zeroizing::new((*random.bytes()).into());
        let (ciphertext, mut shared) = key.encapsulate_deterministic(&random);
        let psk = derive(&mut shared, offer, &ciphertext, psk);
        Ok(PqAnswer { message: ciphertext.into(), psk })
    }

    /// What goes to the initiator.
    pub fn message(&self) -> &[u8; PQ_ANSWER] {
        &self.message
    }

    /// The psk for the handshake.
    pub fn psk(&self) -> &Secret {
        &self.psk
    }
}
