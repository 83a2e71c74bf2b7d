//! Checking a capability.

use super::bounds::{Ask, Bounds};
use super::format::{Caveat, Chain, network_tag};
use super::revocation::{Revocations, key_id, link_id};
use super::{LINK, Signed};
use crate::comm::crypto::PublicKey;
use crate::error::{Error, Result};

/// What a node knows when it checks a capability.
#[derive(Clone, Copy)]
pub struct Check<'a> {
    /// Whom it trusts to issue capabilities.
    pub authorities: &'a [PublicKey],
    /// Who has shown the capability: the identity that the session has
    /// authenticated, and nothing that the peer merely says.
    pub holder: PublicKey,
    /// The wall clock in seconds since 1970-01-01 UTC; `None`: there is none.
    pub now: Option<u64>,
    /// The newest epoch that the node knows; `None`: none but those of the
    /// lists. An epoch belongs to an authority: with several authorities leave
    /// it to the lists.
    pub epoch: Option<u64>,
    /// The newest list of each authority, as far as there are any.
    pub revocations: &'a [Revocations<'a>],
    /// The name of the network that the node is in; `None`: of none.
    pub network: Option<&'a [u8]>,
    /// Decides [`Caveat::Custom`] by key and value, once everything else was
    /// found right; `None`: such capabilities are refused.
    pub custom: Option<&'a dyn Fn(u32, u32) -> bool>,
    /// Checks that must have been made.
    pub required: Checks,
}

impl<'a> Check<'a> {
    /// These authorities and this holder, and nothing else is known.
    pub const fn new(authorities: &'a [PublicKey], holder: PublicKey) -> Self {
        Check {
            authorities,
            holder,
            now: None,
            epoch: None,
            revocations: &[],
            network: None,
            custom: None,
            required: Checks { time: false, epoch: false, revocation: false, network: false },
        }
    }
}

/// Which of the checks were made that depend on what the node knows; all others
/// always are. What counts is what the authority's own link says: a holder who
/// adds an expiry to a chain without one does not make it look checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// The authority gave an expiry, and it was held against the clock, as were
    /// all other times.
    pub time: bool,
    /// The authority gave an epoch, and it was held against the node's, as were
    /// all others.
    pub epoch: bool,
    /// All links were looked up in a list of the authority.
    pub revocation: bool,
    /// The authority gave the capability for one network, and it is the node's.
    pub network: bool,
}

impl Checks {
    /// Whether all of those were made.
    pub fn cover(self, required: Checks) -> bool {
        self.time >= required.time
            && self.epoch >= required.epoch
            && self.revocation >= required.revocation
            && self.network >= required.network
    }
}

/// What a capability was found to allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What it allows, and until when.
    pub bounds: Bounds,
    /// Who issued the first link.
    pub authority: PublicKey,
    /// How many links it has.
    pub links: u8,
    /// The last link's serial.
    pub serial: u64,
    /// The least [`Caveat::MaxBytes`]: the caller keeps to it.
    pub max_bytes: Option<u64>,
    /// The least [`Caveat::MaxRate`], in bytes a second: the caller keeps to it.
    pub max_rate: Option<u64>,
    /// Which checks were made.
    pub checks: Checks,
}

impl Grant {
    /// Whether it allows something else, at another time and in another epoch:
    /// what can be asked again without checking signatures, for as long as the
    /// session and the lists of revocations are the same.
    ///
    /// [`Error::CommDenied`], [`Error::CommExpired`], [`Error::Invalid`] as in
    /// [`verify`].
    pub fn allows(&self, ask: &Ask<'_>, now: Option<u64>, epoch: Option<u64>) -> Result<()> {
        self.bounds.cover(ask)?;
        self.bounds.valid(now, epoch)?;
        // What was checked once is not left out later.
        let left_out = self.checks.time && now.is_none() || self.checks.epoch && epoch.is_none();
        if left_out { Err(Error::CommExpired) } else { Ok(()) }
    }
}

/// Checks that a chain is authentic, belongs to `check.holder`, is valid, was not
/// revoked, and allows what is asked. Up to one signature check a link, and only
/// for a chain that could be right.
///
/// In this order: [`Error::Invalid`] for no operation;
/// [`Error::CommVersion`], [`Error::CommFormat`], [`Error::CommDepth`] for what is
/// not a chain; [`Error::CommUntrusted`] for an authority that is not one of
/// these; [`Error::CommHolder`] for somebody else's; [`Error::CommDepth`] and
/// [`Error::CommWidened`] for a link that allows more than the one before it;
/// [`Error::CommDenied`] for what it does not allow, another network, an unknown
/// critical caveat, a custom one without [`Check::custom`];
/// [`Error::CommSignature`]; [`Error::CommRevoked`]; [`Error::CommExpired`] for too
/// early, too late, or when nothing that bounds the authority's link could be
/// checked (an expiry without a clock); [`Error::CommDenied`] for a required check that was not made, and if
/// [`Check::custom`] says so.
pub fn verify(chain: &[u8], check: &Check<'_>, ask: &Ask<'_>) -> Result<Grant> {
    if ask.operations == 0 {
        return Err(Error::Invalid);
    }
    let chain = Chain::read(chain)?;
    let first = chain.links().next().ok_or(Error::CommFormat)?;
    let hint = chain.authority_hint();
    super::known(check.authorities, hint).next().ok_or(Error::CommUntrusted)?;
    if chain.last().subject != check.holder {
        return Err(Error::CommHolder);
    }
    let bounds = chain.bounds()?;
    bounds.cover(ask)?;
    let limits = Limits::of(&chain, check)?;
    let authority = check_signatures(&chain, check)?;

    let list = check.revocations.iter().find(|list| *list.authority() == authority);
    if let Some(list) = list {
        check_revoked(&chain, authority, list)?;
    }
    let epoch = check.epoch.max(list.map(Revocations::epoch));
    bounds.valid(check.now, epoch)?;
    let checks = Checks {
        time: check.now.is_some() && first.expiry.is_some(),
        epoch: epoch.is_some() && first.epoch.is_some(),
        revocation: list.is_some(),
        network: first.caveats().any(|caveat| matches!(caveat, Caveat::Network(_))),
    };
    if !checks.time && !checks.epoch {
        return Err(Error::CommExpired);
    }
    if !checks.cover(check.required) {
        return Err(Error::CommDenied);
    }
    for caveat in chain.links().flat_map(|link| link.caveats()) {
        if let Caveat::Custom { key, value } = caveat
            && !check.custom.is_some_and(|allows| allows(key, value))
        {
            return Err(Error::CommDenied);
        }
    }
    Ok(Grant {
        bounds,
        authority,
        links: chain.len() as u8,
        serial: chain.last().serial,
        max_bytes: limits.max_bytes,
        max_rate: limits.max_rate,
        checks,
    })
}

/// What the caveats say together.
#[derive(Default)]
struct Limits {
    max_bytes: Option<u64>,
    max_rate: Option<u64>,
}

impl Limits {
    fn of(chain: &Chain<'_>, check: &Check<'_>) -> Result<Limits> {
        let mut limits = Limits::default();
        let least = |limit: &mut Option<u64>, value| {
            *limit = Some(limit.map_or(value, |limit| limit.min(value)));
        };
        for caveat in chain.links().flat_map(|link| link.caveats()) {
            match caveat {
                Caveat::MaxBytes(bytes) => least(&mut limits.max_bytes, bytes),
                Caveat::MaxRate(rate) => least(&mut limits.max_rate, rate),
                Caveat::Network(tag) if check.network.map(network_tag) == Some(tag) => {}
                Caveat::Custom { .. } if check.custom.is_some() => {}
                Caveat::Other { critical: false, .. } => {}
                _ => return Err(Error::CommDenied),
            }
        }
        Ok(limits)
    }
}

/// Checks every link's signature; returns the authority's key.
fn check_signatures(chain: &Chain<'_>, check: &Check<'_>) -> Result<PublicKey> {
    let mut links = chain.links();
    let first = links.next().ok_or(Error::CommFormat)?;
    let message = Signed::new(LINK, &[first.signed]);
    let hint = chain.authority_hint();
    let authority = super::signer(check.authorities, hint, &message, first.signature)?;
    links.try_fold(first.subject, |issuer, link| {
        Signed::new(LINK, &[link.signed]).verify(&issuer, link.signature)?;
        Ok(link.subject)
    })?;
    Ok(authority)
}

/// Looks every link and every subject up.
fn check_revoked(chain: &Chain<'_>, authority: PublicKey, list: &Revocations<'_>) -> Result<()> {
    chain.links().try_fold(authority, |issuer, link| {
        let revoked =
            list.contains(&link_id(&issuer, link.serial)) || list.contains(&key_id(&link.subject));
        if revoked { Err(Error::CommRevoked) } else { Ok(link.subject) }
    })?;
    Ok(())
}
