//! Making capabilities: an authority issues one, a holder delegates a part of it.

use super::format::{self, Body, Caveat, Chain, Fields, HEADER, Link, Reader};
use super::{LINK, MAX_CHAIN, MAX_LINKS, MAX_RESOURCE, Signed};
use crate::comm::crypto::{PublicKey, SIGNATURE};
use crate::comm::identity::Secrets;
use crate::error::{Error, Result};

/// What a new link says.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Whom it is for: an Ed25519 public key.
    pub subject: PublicKey,
    /// The resource prefix, whole: at most [`MAX_RESOURCE`] bytes, and in a
    /// delegation it begins with the one before. Empty: every resource.
    pub resource: &'a [u8],
    /// The operations that it allows, a bit each; at least one.
    pub operations: u32,
    /// From when on it is valid, in seconds since 1970-01-01 UTC, at least 1;
    /// `None`: always, or as the link before.
    pub not_before: Option<u64>,
    /// From when on it is no longer valid, likewise, later than `not_before`;
    /// `None`: as the link before. The first link has an expiry or an epoch.
    pub expiry: Option<u64>,
    /// The last epoch in which it is valid, at least 1; `None`: as the link
    /// before.
    pub epoch: Option<u64>,
    /// How many more links may follow, 0 to 3, and fewer than may follow the
    /// link before.
    pub depth: u8,
    /// A number that the issuer gives to no other link: it is revoked by it.
    pub serial: u64,
    /// Conditions besides, at most [`MAX_CAVEATS`](super::MAX_CAVEATS).
    pub caveats: &'a [Caveat],
}

impl Terms<'_> {
    /// A link for this key that allows nothing yet.
    pub const fn to(subject: PublicKey) -> Self {
        Terms {
            subject,
            resource: &[],
            operations: 0,
            not_before: None,
            expiry: None,
            epoch: None,
            depth: 0,
            serial: 0,
            caveats: &[],
        }
    }

    fn write(&self, extension: &[u8]) -> Result<Body> {
        let Terms { ref subject, operations, not_before, expiry, epoch, .. } = *self;
        let Terms { depth, serial, caveats, .. } = *self;
        Fields { subject, serial, operations, extension, not_before, expiry, epoch, depth, caveats }
            .write()
    }
}

/// A chain with a last link that nobody has signed yet.
pub(crate) struct Draft<'a> {
    header: [u8; HEADER],
    /// The chain that is delegated; empty for a new one.
    chain: &'a [u8],
    body: Body,
    issuer: PublicKey,
}

impl<'a> Draft<'a> {
    /// See [`issue`].
    pub fn issue(authority: &PublicKey, terms: &Terms<'_>) -> Result<Draft<'a>> {
        let endless = terms.expiry.is_none() && terms.epoch.is_none();
        if endless || terms.resource.len() > MAX_RESOURCE {
            return Err(if endless { Error::Invalid } else { Error::CommTooLong });
        }
        let body = terms.write(terms.resource)?;
        read(&body)?;
        Ok(Draft { header: format::header(authority), chain: &[], body, issuer: *authority })
    }

    /// See [`delegate`].
    pub fn delegate(chain: &'a [u8], terms: &Terms<'_>) -> Result<Draft<'a>> {
        let chain = Chain::read(chain)?;
        let bounds = chain.bounds()?;
        if chain.len() == MAX_LINKS {
            return Err(Error::CommDepth);
        }
        let extension = terms.resource.strip_prefix(bounds.resource());
        let extension = extension.ok_or(Error::CommWidened)?;
        if terms.resource.len() > MAX_RESOURCE {
            return Err(Error::CommTooLong);
        }
        let body = terms.write(extension)?;
        bounds.narrowed(&read(&body)?)?;
        let issuer = chain.last().subject;
        Ok(Draft { header: [0; HEADER], chain: chain.bytes(), body, issuer })
    }

    fn before(&self) -> &[u8] {
        if self.chain.is_empty() { &self.header } else { self.chain }
    }

    /// Bytes of the whole chain.
    pub fn len(&self) -> usize {
        self.before().len() + self.body.len() + SIGNATURE
    }

    /// Signs, and writes the whole chain to the front of `out`; returns its
    /// length. Writes nothing on an error.
    pub fn sign(&self, signer: &dyn Secrets, out: &mut [u8]) -> Result<usize> {
        let len = self.len();
        let out = out.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        if signer.identity() != self.issuer {
            return Err(Error::CommHolder);
        }
        let signature = Signed::new(LINK, &[self.before(), &self.body]).sign(signer)?;
        let bytes = self.before().iter().chain(&self.body).chain(&signature);
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Ok(len)
    }
}

/// The body as whoever gets it reads it.
fn read(body: &Body) -> Result<Link<'_>> {
    Link::read_body(&mut Reader { bytes: body, at: 0 }).map_err(|_| Error::Invalid)
}

/// Writes a chain of one link by this authority to the front of `out`; returns
/// its length, at most 5 and [`MAX_LINK`](super::MAX_LINK) bytes.
///
/// [`Error::Invalid`] for terms outside their ranges, [`Error::CommTooLong`] for
/// a link of more than [`MAX_LINK`](super::MAX_LINK) bytes,
/// [`Error::BufferTooSmall`], [`Error::Hook`] for a signature that is wrong, and the
/// errors of the authority's [`Secrets`]. `out` is as it was then.
pub fn issue(authority: &dyn Secrets, terms: &Terms<'_>, out: &mut [u8]) -> Result<usize> {
    Draft::issue(&authority.identity(), terms)?.sign(authority, out)
}

/// Writes the chain with one more link, signed by its holder, to the front of
/// `out`; returns its length, at most [`MAX_CHAIN`]. It checks that the link
/// takes away, not that the chain is authentic.
///
/// The errors of [`issue`], and those of [`Chain::read`] and [`Chain::bounds`]
/// for the chain; [`Error::CommDepth`] if no more links may follow,
/// [`Error::CommWidened`] for terms that allow more than the chain does,
/// [`Error::CommHolder`] for keys that are not the holder's.
pub fn delegate(
    holder: &dyn Secrets,
    chain: &[u8],
    terms: &Terms<'_>,
    out: &mut [u8],
) -> Result<usize> {
    Draft::delegate(chain, terms)?.sign(holder, out)
}

const _: () = assert!(MAX_CHAIN <= u16::MAX as usize);
