//! Curve25519 in less flash and more time, by the crate `salty`: it goes bit by bit
//! instead of by windows, and has its arithmetic once. On Cortex-M4, M7 and M33 that
//! of the field is Haase's assembly; elsewhere it is TweetNaCl's, which takes some
//! ten times as long, and four times the stack.
//!
//! It signs nothing here, and derives no identity. Arithmetic modulo the group's
//! order in `salty` 0.3 (`Scalar29::sub`) is that of curve25519-dalek before
//! RUSTSEC-2024-0344: compilers make a branch of its mask, which in a signature
//! depends on the secret scalar and nonce. In the check of a signature all of it is
//! public, and X25519 has none of it.

use salty::{CompressedY, EdwardsPoint, PublicKey, Scalar, Signature, agreement};
use zeroize::Zeroizing;

use super::{Backend, Portable};

/// [`Portable`] with X25519 and the check of signatures by `salty`.
#[derive(Clone, Copy, Debug)]
pub struct Small;

/// The u of the base point (RFC 7748, section 4.1).
const BASE: [u8; 32] = {
    let mut base = [0; 32];
    base[0] = 9;
    base
};

/// Whether these bytes are of a point, and eight times it is not the identity.
fn has_large_order(point: &[u8; 32]) -> bool {
    let eightfold = CompressedY(*point)
        .decompressed()
        .map(|point| (0..3).fold(point, |point, _| &point + &point));
    eightfold.is_ok_and(|point| point.compressed() != EdwardsPoint::neutral_element().compressed())
}

impl Backend for Small {
    fn seal(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8]) -> [u8; 16] {
        Portable::seal(key, nonce, ad, text)
    }

    fn open(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8], tag: &[u8; 16]) -> bool {
        Portable::open(key, nonce, ad, text, tag)
    }

    #[cfg(feature = "std")]
    fn seal_aes(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8]) -> [u8; 16] {
        Portable::seal_aes(key, nonce, ad, text)
    }

    #[cfg(feature = "std")]
    fn open_aes(
        key: &[u8; 32],
        nonce: &[u8; 12],
        ad: &[u8],
        text: &mut [u8],
        tag: &[u8; 16],
    ) -> bool {
        Portable::open_aes(key, nonce, ad, text, tag)
    }

    fn agree(private: &[u8; 32], public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(agreement::x25519(*private, *public))
    }

    fn public_key(private: &[u8; 32]) -> [u8; 32] {
        *Small::agree(private, &BASE)
    }

    /// `salty` checks the equation alone, and the nonce point by its bytes.
    fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from(signature);
        signature.s.as_bytes().iter().rev().lt(Scalar::ell().iter().rev())
            && has_large_order(public)
            && has_large_order(signature.r.as_bytes())
            && PublicKey::try_from(public).is_ok_and(|key| key.verify(message, &signature).is_ok())
    }
}
