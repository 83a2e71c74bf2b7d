//! Who may connect. Nobody, unless something says so.

use core::alloc::Layout;

use super::certificate::{Certificate, Validity};
use super::hello::Hello;
use crate::comm::crypto::PublicKey;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// Room for those who are trusted.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrustConfig {
    /// The most pinned identities.
    pub pinned: usize,
    /// The most authorities.
    pub authorities: usize,
}

/// Why a peer is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// Its identity is pinned.
    Pinned,
    /// It has a certificate of an authority.
    Certificate {
        /// The first bytes of the authority's identity.
        authority: [u8; 4],
        /// The authority's number for it.
        serial: u32,
        /// When it is good.
        validity: Validity,
    },
    /// It knows the pre-shared key.
    Psk,
}

/// An authority, and which of its epochs has begun.
#[derive(Clone, Copy, Default)]
struct Authority {
    identity: PublicKey,
    epoch: u32,
}

/// Pinned identities, authorities, and whether a pre-shared key is enough.
pub struct Trust<'m> {
    pinned: Carved<'m, PublicKey>,
    pins: usize,
    authorities: Carved<'m, Authority>,
    count: usize,
    psk: bool,
}

impl<'m> Trust<'m> {
    pub(crate) fn carve(config: &TrustConfig, carver: &mut Carver<'m>) -> Result<Trust<'m>> {
        Ok(Trust {
            pinned: carver.take(config.pinned, [0; 32])?,
            pins: 0,
            authorities: carver.take(config.authorities, Authority::default())?,
            count: 0,
            psk: false,
        })
    }

    /// The memory that it takes.
    pub fn footprint(config: &TrustConfig) -> Result<Layout> {
        let mut carver = Carver::measure();
        Trust::carve(config, &mut carver)?;
        carver.layout()
    }

    fn pins(&self) -> &[PublicKey] {
        self.pinned.get(..self.pins).unwrap_or(&[])
    }

    fn known(&mut self) -> &mut [Authority] {
        self.authorities.get_mut(..self.count).unwrap_or(&mut [])
    }

    /// Trusts an identity. [`Error::Capacity`] if there is no room.
    pub fn pin(&mut self, identity: &PublicKey) -> Result<()> {
        if self.is_pinned(identity) {
            return Ok(());
        }
        *self.pinned.get_mut(self.pins).ok_or(Error::Capacity)? = *identity;
        self.pins += 1;
        Ok(())
    }

    /// No longer trusts an identity by itself. Whether it was pinned.
    pub fn unpin(&mut self, identity: &PublicKey) -> bool {
        let Some(place) = self.pins().iter().position(|pin| pin == identity) else { return false };
        self.pins -= 1;
        self.pinned.swap(place, self.pins);
        true
    }

    /// Whether an identity is pinned.
    pub fn is_pinned(&self, identity: &PublicKey) -> bool {
        self.pins().contains(identity)
    }

    /// Trusts whoever has a certificate of this authority that is good in
    /// `epoch` or a later one. An epoch never goes back.
    ///
    /// [`Error::Capacity`] if there is no room, [`Error::Invalid`] for an epoch
    /// before that which has begun.
    pub fn add_authority(&mut self, identity: &PublicKey, epoch: u32) -> Result<()> {
        if let Some(known) = self.known().iter_mut().find(|known| known.identity == *identity) {
            if epoch < known.epoch {
                return Err(Error::Invalid);
            }
            known.epoch = epoch;
            return Ok(());
        }
        let place = self.authorities.get_mut(self.count).ok_or(Error::Capacity)?;
        *place = Authority { identity: *identity, epoch };
        self.count += 1;
        Ok(())
    }

    /// No longer trusts an authority. Whether it was one.
    pub fn remove_authority(&mut self, identity: &PublicKey) -> bool {
        let place = self.known().iter().position(|known| known.identity == *identity);
        let Some(place) = place else { return false };
        self.count -= 1;
        self.authorities.swap(place, self.count);
        true
    }

    /// Whether the pre-shared key is enough to be trusted.
    pub fn allow_psk(&mut self, allow: bool) {
        self.psk = allow;
    }

    /// Why this peer is trusted: its [`Hello`] was checked against the handshake,
    /// which used the pre-shared key or not. `wall` is the time in Unix seconds
    /// where there is a clock; without one the epochs alone count.
    ///
    /// [`Error::CommUntrusted`] if nothing speaks for it; if it has a
    /// certificate, what is wrong with that.
    pub fn judge(&self, hello: &Hello, psk: bool, wall: Option<u64>) -> Result<Trusted> {
        if self.is_pinned(&hello.identity) {
            return Ok(Trusted::Pinned);
        }
        let known = self.authorities.get(..self.count).unwrap_or(&[]);
        let mut answer = Err(Error::CommUntrusted);
        if let Some(bytes) = hello.certificate {
            match Certificate::decode(bytes) {
                Ok(certificate) => {
                    // Prefixes may agree by chance.
                    for authority in known {
                        if authority.identity.starts_with(&certificate.authority) {
                            let (by, epoch) = (&authority.identity, authority.epoch);
                            match certificate.verify(by, &hello.identity, wall, epoch) {
                                Ok(()) => return Ok(certificate.trusted()),
                                Err(error) => answer = Err(error),
                            }
                        }
                    }
                }
                Err(error) => answer = Err(error),
            }
        }
        if psk && self.psk { Ok(Trusted::Psk) } else { answer }
    }
}
