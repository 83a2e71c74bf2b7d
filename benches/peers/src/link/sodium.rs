//! libsodium through its C interface: Debian's library.

use std::ffi::{c_int, c_uchar, c_ulonglong};
use std::ptr;

use libloading::Library;

use crate::measure::Outcome;

type Aead = unsafe extern "C" fn(
    *mut c_uchar,
    *mut c_uchar,
    *mut c_ulonglong,
    *const c_uchar,
    c_ulonglong,
    *const c_uchar,
    c_ulonglong,
    *const c_uchar,
    *const c_uchar,
    *const c_uchar,
) -> c_int;

type Open = unsafe extern "C" fn(
    *mut c_uchar,
    *mut c_uchar,
    *const c_uchar,
    c_ulonglong,
    *const c_uchar,
    *const c_uchar,
    c_ulonglong,
    *const c_uchar,
    *const c_uchar,
) -> c_int;

pub struct Sodium {
    chacha: Aead,
    open: Open,
    aes: Aead,
    scalarmult: unsafe extern "C" fn(*mut c_uchar, *const c_uchar, *const c_uchar) -> c_int,
    base: unsafe extern "C" fn(*mut c_uchar, *const c_uchar) -> c_int,
    pair: unsafe extern "C" fn(*mut c_uchar, *mut c_uchar, *const c_uchar) -> c_int,
    sign: unsafe extern "C" fn(
        *mut c_uchar,
        *mut c_ulonglong,
        *const c_uchar,
        c_ulonglong,
        *const c_uchar,
    ) -> c_int,
    verify:
        unsafe extern "C" fn(*const c_uchar, *const c_uchar, c_ulonglong, *const c_uchar) -> c_int,
}

impl Sodium {
    pub fn open() -> Outcome<Sodium> {
        // SAFETY: libsodium runs no code of its own when loaded; the types are
        // those of its headers, whose soname the file carries.
        unsafe {
            let library: &'static Library = Box::leak(Box::new(Library::new("libsodium.so.23")?));
            let init: unsafe extern "C" fn() -> c_int = *library.get(b"sodium_init")?;
            if init() < 0 {
                return Err("sodium_init failed".into());
            }
            Ok(Sodium {
                chacha: *library.get(b"crypto_aead_chacha20poly1305_ietf_encrypt_detached")?,
                open: *library.get(b"crypto_aead_chacha20poly1305_ietf_decrypt_detached")?,
                aes: *library.get(b"crypto_aead_aes256gcm_encrypt_detached")?,
                scalarmult: *library.get(b"crypto_scalarmult")?,
                base: *library.get(b"crypto_scalarmult_base")?,
                pair: *library.get(b"crypto_sign_seed_keypair")?,
                sign: *library.get(b"crypto_sign_detached")?,
                verify: *library.get(b"crypto_sign_verify_detached")?,
            })
        }
    }

    fn by(function: Aead, key: &[u8; 32], nonce: &[u8; 12], text: &mut [u8]) -> [u8; 16] {
        let mut tag = [0; 16];
        let data = text.as_mut_ptr();
        // SAFETY: in place is allowed; the lengths are those of the buffers; no
        // associated data, no secret nonce, no length of the tag wanted.
        let failed = unsafe {
            function(
                data,
                tag.as_mut_ptr(),
                ptr::null_mut(),
                data,
                text.len() as c_ulonglong,
                ptr::null(),
                0,
                ptr::null(),
                nonce.as_ptr(),
                key.as_ptr(),
            )
        };
        assert_eq!(failed, 0);
        tag
    }

    /// ChaCha20-Poly1305.
    pub fn seal(&self, key: &[u8; 32], nonce: &[u8; 12], text: &mut [u8]) -> [u8; 16] {
        Sodium::by(self.chacha, key, nonce, text)
    }

    /// Opens what [`seal`](Self::seal) has made; whether it is authentic.
    pub fn unseal(
        &self,
        key: &[u8; 32],
        nonce: &[u8; 12],
        text: &mut [u8],
        tag: &[u8; 16],
    ) -> bool {
        let data = text.as_mut_ptr();
        // SAFETY: as in `by`.
        let failed = unsafe {
            (self.open)(
                data,
                ptr::null_mut(),
                data,
                text.len() as c_ulonglong,
                tag.as_ptr(),
                ptr::null(),
                0,
                nonce.as_ptr(),
                key.as_ptr(),
            )
        };
        failed == 0
    }

    /// AES-256-GCM.
    pub fn seal_aes(&self, key: &[u8; 32], nonce: &[u8; 12], text: &mut [u8]) -> [u8; 16] {
        Sodium::by(self.aes, key, nonce, text)
    }

    pub fn agree(&self, private: &[u8; 32], public: &[u8; 32]) -> [u8; 32] {
        let mut shared = [0; 32];
        // SAFETY: 32 bytes each.
        let failed =
            unsafe { (self.scalarmult)(shared.as_mut_ptr(), private.as_ptr(), public.as_ptr()) };
        assert_eq!(failed, 0);
        shared
    }

    pub fn public_key(&self, private: &[u8; 32]) -> [u8; 32] {
        let mut public = [0; 32];
        // SAFETY: 32 bytes each.
        let failed = unsafe { (self.base)(public.as_mut_ptr(), private.as_ptr()) };
        assert_eq!(failed, 0);
        public
    }

    /// The pair of Ed25519 of a seed: public key, and the seed with it.
    pub fn pair(&self, seed: &[u8; 32]) -> ([u8; 32], [u8; 64]) {
        let (mut public, mut private) = ([0; 32], [0; 64]);
        // SAFETY: 32, 64 and 32 bytes.
        let failed =
            unsafe { (self.pair)(public.as_mut_ptr(), private.as_mut_ptr(), seed.as_ptr()) };
        assert_eq!(failed, 0);
        (public, private)
    }

    pub fn sign(&self, private: &[u8; 64], message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        // SAFETY: 64 bytes, no length wanted, the message with its length, 64 bytes.
        let failed = unsafe {
            (self.sign)(
                signature.as_mut_ptr(),
                ptr::null_mut(),
                message.as_ptr(),
                message.len() as c_ulonglong,
                private.as_ptr(),
            )
        };
        assert_eq!(failed, 0);
        signature
    }

    pub fn verify(&self, public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        let len = message.len() as c_ulonglong;
        // SAFETY: 64 bytes, the message with its length, 32 bytes.
        unsafe { (self.verify)(signature.as_ptr(), message.as_ptr(), len, public.as_ptr()) == 0 }
    }
}
