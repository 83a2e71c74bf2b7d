//! Who computes: one trait, its implementations agree on every byte.

#[cfg(any(feature = "std", not(target_arch = "x86_64")))]
use chacha20poly1305::aead::{AeadInOut, KeyInit, Nonce, Tag};
use ed25519_dalek::{Signature, VerifyingKey};
use zeroize::Zeroizing;

/// ChaCha20-Poly1305 (RFC 8439), AES-256-GCM (NIST SP 800-38D), X25519 (RFC 7748),
/// and the public half of Ed25519 (RFC 8032).
pub trait Backend {
    /// Encrypts `text` in place by ChaCha20-Poly1305 and returns the tag over it
    /// and `ad`.
    fn seal(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8]) -> [u8; 16];

    /// Decrypts `text` in place; `false` if it is not authentic, and `text` is
    /// of no use then. The tag is compared in constant time.
    #[must_use]
    fn open(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8], tag: &[u8; 16]) -> bool;

    /// [`seal`](Self::seal) by AES-256-GCM.
    #[cfg(feature = "std")]
    fn seal_aes(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8]) -> [u8; 16];

    /// [`open`](Self::open) by AES-256-GCM.
    #[cfg(feature = "std")]
    #[must_use]
    fn open_aes(
        key: &[u8; 32],
        nonce: &[u8; 12],
        ad: &[u8],
        text: &mut [u8],
        tag: &[u8; 16],
    ) -> bool;

    /// The shared secret of a private and a public key; all zero if the public
    /// key is of small order.
    fn agree(private: &[u8; 32], public: &[u8; 32]) -> Zeroizing<[u8; 32]>;

    /// The public key of a private one.
    fn public_key(private: &[u8; 32]) -> [u8; 32];

    /// Whether it is a signature of the message by Ed25519: the equation without the
    /// cofactor, S below the group's order, and neither the key nor the nonce's point
    /// of small order. By `ed25519-dalek`, if not said otherwise.
    #[must_use]
    fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(public)
            .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
            .is_ok()
    }
}

/// The backend of this build.
#[cfg(all(feature = "server-crypto", not(target_family = "wasm")))]
pub type Default = Server;
/// The backend of this build.
#[cfg(all(feature = "small-curve", not(feature = "std")))]
pub type Default = super::Small;
/// The backend of this build.
#[cfg(not(any(
    all(feature = "server-crypto", not(target_family = "wasm")),
    all(feature = "small-curve", not(feature = "std"))
)))]
pub type Default = Portable;

/// Rust alone, on every machine: `chacha20poly1305`, `aes-gcm` and
/// `x25519-dalek`.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

/// By a cipher of the crate `aead`.
#[cfg(any(feature = "std", not(target_arch = "x86_64")))]
fn seal_by<C: AeadInOut>(cipher: &C, nonce: &Nonce<C>, ad: &[u8], text: &mut [u8]) -> [u8; 16]
where
    Tag<C>: Into<[u8; 16]>,
{
    // The only error is a text of 64 GiB or more: no tag that anybody accepts.
    cipher.encrypt_inout_detached(nonce, ad, text.into()).map_or([0; 16], Into::into)
}

impl Backend for Portable {
    #[cfg(target_arch = "x86_64")]
    fn seal(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8]) -> [u8; 16] {
        // As in `seal_by`.
        super::chacha::seal(key, nonce, ad, text).unwrap_or_default()
    }

    #[cfg(target_arch = "x86_64")]
    fn open(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8], tag: &[u8; 16]) -> bool {
        super::chacha::open(key, nonce, ad, text, tag).is_some()
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn seal(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8]) -> [u8; 16] {
        seal_by(&chacha20poly1305::ChaCha20Poly1305::new(key.into()), nonce.into(), ad, text)
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn open(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8], tag: &[u8; 16]) -> bool {
        let cipher = chacha20poly1305::ChaCha20Poly1305::new(key.into());
        cipher.decrypt_inout_detached(nonce.into(), ad, text.into(), tag.into()).is_ok()
    }

    #[cfg(feature = "std")]
    fn seal_aes(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8]) -> [u8; 16] {
        seal_by(&aes_gcm::Aes256Gcm::new(key.into()), nonce.into(), ad, text)
    }

    #[cfg(feature = "std")]
    fn open_aes(
        key: &[u8; 32],
        nonce: &[u8; 12],
        ad: &[u8],
        text: &mut [u8],
        tag: &[u8; 16],
    ) -> bool {
        let cipher = aes_gcm::Aes256Gcm::new(key.into());
        cipher.decrypt_inout_detached(nonce.into(), ad, text.into(), tag.into()).is_ok()
    }

    fn agree(private: &[u8; 32], public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        let private = x25519_dalek::StaticSecret::from(*private);
        let shared = private.diffie_hellman(&x25519_dalek::PublicKey::from(*public));
        Zeroizing::new(shared.to_bytes())
    }

    /// RFC 7748's definition, by the code that is there for agreement.
    #[cfg(feature = "small-code")]
    fn public_key(private: &[u8; 32]) -> [u8; 32] {
        *Portable::agree(private, &x25519_dalek::X25519_BASEPOINT_BYTES)
    }

    #[cfg(not(feature = "small-code"))]
    fn public_key(private: &[u8; 32]) -> [u8; 32] {
        let private = x25519_dalek::StaticSecret::from(*private);
        x25519_dalek::PublicKey::from(&private).to_bytes()
    }
}

/// Assembly: `ring` for frames, `graviola` (s2n-bignum, formally verified) for
/// key agreement where the processor has what that needs.
#[cfg(all(feature = "server-crypto", not(target_family = "wasm")))]
#[derive(Clone, Copy, Debug)]
pub struct Server;

#[cfg(all(feature = "server-crypto", not(target_family = "wasm")))]
mod server {
    use ring::aead::{
        AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
    };

    use super::{Backend, Portable, Server, Zeroizing};

    /// Whether graviola runs on this processor; it stops the program where not.
    #[cfg(target_arch = "x86_64")]
    fn has_graviola() -> bool {
        use std::is_x86_feature_detected as has;
        has!("aes")
            && has!("pclmulqdq")
            && has!("bmi1")
            && has!("bmi2")
            && has!("adx")
            && has!("avx")
            && has!("avx2")
            && has!("ssse3")
    }

    #[cfg(target_arch = "aarch64")]
    fn has_graviola() -> bool {
        use std::arch::is_aarch64_feature_detected as has;
        has!("neon") && has!("aes") && has!("pmull") && has!("sha2")
    }

    fn seal(
        algorithm: &'static Algorithm,
        key: &[u8; 32],
        nonce: &[u8; 12],
        ad: &[u8],
        text: &mut [u8],
    ) -> [u8; 16] {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        // None fails: the key has its length, the text is no 64 GiB.
        UnboundKey::new(algorithm, key)
            .map(LessSafeKey::new)
            .and_then(|key| key.seal_in_place_separate_tag(nonce, Aad::from(ad), text))
            .ok()
            .and_then(|tag| tag.as_ref().try_into().ok())
            .unwrap_or([0; 16])
    }

    fn open(
        algorithm: &'static Algorithm,
        key: &[u8; 32],
        nonce: &[u8; 12],
        ad: &[u8],
        text: &mut [u8],
        tag: &[u8; 16],
    ) -> bool {
        let (nonce, tag) = (Nonce::assume_unique_for_key(*nonce), (*tag).into());
        UnboundKey::new(algorithm, key)
            .map(LessSafeKey::new)
            .and_then(|key| {
                key.open_in_place_separate_tag(nonce, Aad::from(ad), tag, text, 0..).map(|_| ())
            })
            .is_ok()
    }

    impl Backend for Server {
        fn seal(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8]) -> [u8; 16] {
            seal(&CHACHA20_POLY1305, key, nonce, ad, text)
        }

        fn open(
            key: &[u8; 32],
            nonce: &[u8; 12],
            ad: &[u8],
            text: &mut [u8],
            tag: &[u8; 16],
        ) -> bool {
            open(&CHACHA20_POLY1305, key, nonce, ad, text, tag)
        }

        fn seal_aes(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8]) -> [u8; 16] {
            seal(&AES_256_GCM, key, nonce, ad, text)
        }

        fn open_aes(
            key: &[u8; 32],
            nonce: &[u8; 12],
            ad: &[u8],
            text: &mut [u8],
            tag: &[u8; 16],
        ) -> bool {
            open(&AES_256_GCM, key, nonce, ad, text, tag)
        }

        fn agree(private: &[u8; 32], public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            if has_graviola() {
                use graviola::key_agreement::x25519::{PublicKey, StaticPrivateKey};
                let shared = StaticPrivateKey::from_array(private)
                    .diffie_hellman(&PublicKey::from_array(public));
                // Its only error is a shared secret of zeros.
                return Zeroizing::new(shared.map_or([0; 32], |shared| shared.0));
            }
            Portable::agree(private, public)
        }

        fn public_key(private: &[u8; 32]) -> [u8; 32] {
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            if has_graviola() {
                use graviola::key_agreement::x25519::StaticPrivateKey;
                return StaticPrivateKey::from_array(private).public_key().as_bytes();
            }
            Portable::public_key(private)
        }
    }
}
