//! Certificates: an authority's word that an identity belongs to the swarm.
//!
//! ```text
//!  0  version 1
//!  1  first 4 bytes of the authority's identity: which one to check with
//!  5  serial, 4 bytes
//!  9  not before, 8 bytes: Unix seconds
//! 17  not after, 8 bytes: Unix seconds
//! 25  epoch, 4 bytes
//! 29  signature, 64 bytes: over the domain, the subject's identity, bytes 0..29
//! ```
//! Numbers are little-endian.

use crate::comm::crypto::{self, PublicKey, SIGNATURE};
use crate::comm::identity::{Secrets, Trusted};
use crate::error::{Error, Result};

/// Bytes of a certificate.
pub const CERTIFICATE: usize = FIELDS + SIGNATURE;

const FIELDS: usize = 29;
const VERSION: u8 = 1;
const DOMAIN: &[u8; 28] = b"neural-swarm certificate v1\0";

/// When a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From when on, in Unix seconds.
    pub not_before: u64,
    /// Until when, in Unix seconds, the last second included.
    pub not_after: u64,
    /// For which epochs of the authority: this one, and those before it. A node
    /// without a clock goes by this alone.
    pub epoch: u32,
}

/// What an authority says of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The first bytes of the authority's identity.
    pub authority: [u8; 4],
    /// The authority's number for it.
    pub serial: u32,
    /// When it is good.
    pub validity: Validity,
    signature: [u8; SIGNATURE],
}

impl Certificate {
    /// A certificate by `authority` for the identity `subject`.
    ///
    /// [`Error::Invalid`] if it would never be good; the errors of the
    /// authority's [`Secrets`].
    pub fn issue(
        authority: &dyn Secrets,
        subject: &PublicKey,
        serial: u32,
        validity: Validity,
    ) -> Result<Certificate> {
        if validity.not_before > validity.not_after {
            return Err(Error::Invalid);
        }
        let identity = authority.identity();
        let prefix = *identity.first_chunk().ok_or(Error::Invalid)?;
        let mut certificate =
            Certificate { authority: prefix, serial, validity, signature: [0; SIGNATURE] };
        certificate.signature = authority.sign(&certificate.signed(subject))?;
        Ok(certificate)
    }

    fn fields(&self) -> [u8; FIELDS] {
        let mut bytes = [0; FIELDS];
        let validity = &self.validity;
        let parts: [&[u8]; 6] = [
            &[VERSION],
            &self.authority,
            &self.serial.to_le_bytes(),
            &validity.not_before.to_le_bytes(),
            &validity.not_after.to_le_bytes(),
            &validity.epoch.to_le_bytes(),
        ];
        bytes.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// What the signature is over.
    fn signed(&self, subject: &PublicKey) -> [u8; DOMAIN.len() + 32 + FIELDS] {
        let mut bytes = [0; DOMAIN.len() + 32 + FIELDS];
        let fields = self.fields();
        let parts = DOMAIN.iter().chain(subject).chain(&fields);
        bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// As bytes.
    pub fn encode(&self) -> [u8; CERTIFICATE] {
        let mut bytes = [0; CERTIFICATE];
        let fields = self.fields();
        bytes
            .iter_mut()
            .zip(fields.iter().chain(&self.signature))
            .for_each(|(to, from)| *to = *from);
        bytes
    }

    /// From bytes. Nothing is checked yet but their form.
    ///
    /// [`Error::CommFormat`], [`Error::CommVersion`].
    pub fn decode(bytes: &[u8]) -> Result<Certificate> {
        fn next<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N]> {
            let (head, tail) = rest.split_first_chunk().ok_or(Error::CommFormat)?;
            *rest = tail;
            Ok(*head)
        }
        let rest = &mut &*bytes;
        let [version] = next(rest)?;
        if version != VERSION {
            return Err(Error::CommVersion);
        }
        let certificate = Certificate {
            authority: next(rest)?,
            serial: u32::from_le_bytes(next(rest)?),
            validity: Validity {
                not_before: u64::from_le_bytes(next(rest)?),
                not_after: u64::from_le_bytes(next(rest)?),
                epoch: u32::from_le_bytes(next(rest)?),
            },
            signature: next(rest)?,
        };
        if rest.is_empty() { Ok(certificate) } else { Err(Error::CommFormat) }
    }

    /// What is kept of it when it was found good.
    pub(crate) fn trusted(&self) -> Trusted {
        let Certificate { authority, serial, validity, .. } = *self;
        Trusted::Certificate { authority, serial, validity }
    }

    /// Whether `authority` said this of `subject`, and it is good: at `wall`, in
    /// Unix seconds, where there is a clock, and in the authority's `epoch`.
    ///
    /// [`Error::CommSignature`], [`Error::CommExpired`], [`Error::CommRevoked`]
    /// for an epoch that is over.
    pub fn verify(
        &self,
        authority: &PublicKey,
        subject: &PublicKey,
        wall: Option<u64>,
        epoch: u32,
    ) -> Result<()> {
        let validity = &self.validity;
        if wall.is_some_and(|now| now < validity.not_before || now > validity.not_after) {
            return Err(Error::CommExpired);
        }
        if validity.epoch < epoch {
            return Err(Error::CommRevoked);
        }
        crypto::verify(authority, &self.signed(subject), &self.signature)
    }
}
