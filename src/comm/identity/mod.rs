//! Who a node is, and who may be trusted.
//!
//! An Ed25519 key is the node's identity. Its Noise static key is bound to it by
//! a signature that travels in the handshake ([`Hello`]), the way libp2p does it.
//! [`Trust`] says who may connect: pinned identities, those with a [`Certificate`]
//! of an authority, or whoever knows the pre-shared key. All others are refused.

mod certificate;
mod hello;
mod secrets;
mod trust;

pub use certificate::{CERTIFICATE, Certificate, Validity};
pub use hello::{Hello, MAX_CAPABILITY, MAX_HELLO, bind};
pub use secrets::{LocalSecrets, Secrets};
pub use trust::{Trust, TrustConfig, Trusted};
