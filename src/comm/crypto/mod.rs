//! The primitives, from well-kept crates: authenticated encryption, hashes, key
//! agreement, signatures. Nothing here is of our own making; it gives them one
//! shape, and chooses who does the work.
//!
//! [`Backend`] is that choice. [`Portable`] is RustCrypto and dalek, everywhere;
//! on x86-64 ChaCha20 and Poly1305 are theirs, and joined here.
//! [`Server`] (feature `server-crypto`) is `ring` and `graviola`: the same bytes,
//! by assembly, as fast as libsodium or faster. `Small` (feature `small-curve`) is
//! [`Portable`] with `salty` for key agreement and for the check of signatures, for
//! microcontrollers. Signatures are made by dalek in every build.

mod aead;
mod backend;
#[cfg(target_arch = "x86_64")]
mod chacha;
mod dh;
mod hash;
mod secret;
mod sign;
#[cfg(feature = "small-curve")]
mod small;

pub use aead::{Cipher, TAG};
#[cfg(all(feature = "server-crypto", not(target_family = "wasm")))]
pub use backend::Server;
pub use backend::{Backend, Default, Portable};
pub use dh::{PublicKey, agree, public_key};
pub(crate) use dh::{agree_by, public_key_of};
pub use hash::{Digest, Hash, MAX_DIGEST, Mac, mac};
pub use secret::Secret;
pub use sign::{SIGNATURE, identity_of, sign, verify};
#[cfg(feature = "small-curve")]
pub use small::Small;
