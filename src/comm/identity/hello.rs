//! What a node says of itself in a handshake's payload.
//!
//! ```text
//!  0  version 1
//!  1  what follows: bit 0 a certificate, bit 1 a capability
//!  2  identity, 32 bytes
//! 34  signature, 64 bytes: the binding of the Noise static key to it
//! 98  certificate, 93 bytes, if it is there
//!     length of the capability, 2 bytes little-endian, and the capability
//! ```
//! The signature is over [`BINDING`] and the static key, so it is made once.

use super::certificate::CERTIFICATE;
use super::secrets::Secrets;
use crate::comm::crypto::{self, PublicKey, SIGNATURE};
use crate::error::{Error, Result};

const VERSION: u8 = 1;
const HAS_CERTIFICATE: u8 = 1;
const HAS_CAPABILITY: u8 = 2;
/// Separates these signatures from all others of the key.
const BINDING: &[u8; 28] = b"neural-swarm noise static v1";

/// The most bytes of a capability in a handshake.
pub const MAX_CAPABILITY: usize = 512;
/// The most bytes that a node says of itself.
pub const MAX_HELLO: usize = 98 + CERTIFICATE + 2 + MAX_CAPABILITY;

/// A node's identity, bound to its Noise static key, with what it shows to be
/// let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello<'b> {
    /// The identity: a public key of Ed25519.
    pub identity: PublicKey,
    /// Its signature over the Noise static key.
    pub binding: [u8; SIGNATURE],
    /// A [`Certificate`](super::Certificate), as bytes.
    pub certificate: Option<&'b [u8; CERTIFICATE]>,
    /// A capability, as bytes: handed on to whoever asks for it.
    pub capability: Option<&'b [u8]>,
}

fn bound(public: &PublicKey) -> [u8; BINDING.len() + 32] {
    let mut message = [0; BINDING.len() + 32];
    message.iter_mut().zip(BINDING.iter().chain(public)).for_each(|(to, from)| *to = *from);
    message
}

/// The signature by which an identity says that this key is the static one of its handshakes, as a [`Hello`] shows it: for
/// a node that is given it when it is made, and never has the identity's private key.
pub fn bind(secrets: &dyn Secrets, noise: &PublicKey) -> Result<[u8; SIGNATURE]> {
    secrets.sign(&bound(noise))
}

impl<'b> Hello<'b> {
    /// What the holder of these secrets says, without certificate and capability.
    pub fn new(secrets: &dyn Secrets) -> Result<Hello<'static>> {
        let binding = bind(secrets, &secrets.public_key())?;
        let identity = secrets.identity();
        Ok(Hello { identity, binding, certificate: None, capability: None })
    }

    /// Bytes of it.
    pub fn size(&self) -> usize {
        98 + self.certificate.map_or(0, |bytes| bytes.len())
            + self.capability.map_or(0, |bytes| 2 + bytes.len())
    }

    /// Writes it to the front of `out`; returns its length.
    ///
    /// [`Error::BufferTooSmall`]; [`Error::CommTooLong`] for a capability of more
    /// than [`MAX_CAPABILITY`] bytes.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize> {
        let capability = self.capability.unwrap_or(&[]);
        if capability.len() > MAX_CAPABILITY {
            return Err(Error::CommTooLong);
        }
        let out = out.get_mut(..self.size()).ok_or(Error::BufferTooSmall)?;
        let flags = if self.certificate.is_some() { HAS_CERTIFICATE } else { 0 }
            | if self.capability.is_some() { HAS_CAPABILITY } else { 0 };
        let length = (capability.len() as u16).to_le_bytes();
        let parts: [&[u8]; 6] = [
            &[VERSION, flags],
            &self.identity,
            &self.binding,
            self.certificate.map_or(&[], |bytes| bytes.as_slice()),
            if self.capability.is_some() { &length } else { &[] },
            capability,
        ];
        out.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        Ok(self.size())
    }

    /// Reads it, and checks that it is bound to `noise`, the static key that the
    /// handshake has proved.
    ///
    /// [`Error::CommFormat`], [`Error::CommVersion`], [`Error::CommSignature`].
    pub fn decode(bytes: &'b [u8], noise: &PublicKey) -> Result<Hello<'b>> {
        let hello = Hello::parse(bytes)?;
        crypto::verify(&hello.identity, &bound(noise), &hello.binding)?;
        Ok(hello)
    }

    /// Reads it, without a check of anything but its form.
    pub(crate) fn parse(bytes: &'b [u8]) -> Result<Hello<'b>> {
        let (&[version, flags], rest) = bytes.split_first_chunk().ok_or(Error::CommFormat)?;
        if version != VERSION || flags & !(HAS_CERTIFICATE | HAS_CAPABILITY) != 0 {
            return Err(Error::CommVersion);
        }
        let (identity, rest) = rest.split_first_chunk().ok_or(Error::CommFormat)?;
        let (binding, rest) = rest.split_first_chunk().ok_or(Error::CommFormat)?;
        let (certificate, rest) = if flags & HAS_CERTIFICATE != 0 {
            let (certificate, rest) = rest.split_first_chunk().ok_or(Error::CommFormat)?;
            (Some(certificate), rest)
        } else {
            (None, rest)
        };
        let (capability, rest) = if flags & HAS_CAPABILITY != 0 {
            let (length, rest) = rest.split_first_chunk().ok_or(Error::CommFormat)?;
            let length = usize::from(u16::from_le_bytes(*length));
            let (capability, rest) = rest.split_at_checked(length).ok_or(Error::CommFormat)?;
            (Some(capability), rest)
        } else {
            (None, rest)
        };
        if !rest.is_empty() || capability.is_some_and(|bytes| bytes.len() > MAX_CAPABILITY) {
            return Err(Error::CommFormat);
        }
        Ok(Hello { identity: *identity, binding: *binding, certificate, capability })
    }
}
