//! Capabilities: who may do what.

use core::ffi::c_void;

use super::guarded;
use super::handle::call_ref;
use super::identity::{CSecrets, nsw_identity, nsw_key};
use super::slices::{Output, bytes_of, input, put};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::comm::capability::{
    self, Ask, Bounds, Caveat, Chain, Check, Checks, Draft, Grant, Link, MAX_CAVEATS, MAX_CHAIN,
    MAX_LINKS, MAX_RESOURCE, Revocations, Terms,
};
use crate::comm::crypto::PublicKey;
use crate::comm::identity::Secrets;
use crate::error::{Error, Result};

/// The most bytes of a chain.
pub const NSW_CAPABILITY_MAX: u32 = 509;
/// The most links of a chain.
pub const NSW_CAPABILITY_MAX_LINKS: u32 = 4;
/// The most bytes of a resource prefix.
pub const NSW_CAPABILITY_MAX_RESOURCE: u32 = 64;
/// The most caveats of a link.
pub const NSW_CAPABILITY_MAX_CAVEATS: u32 = 4;

const _: () = assert!(NSW_CAPABILITY_MAX as usize == MAX_CHAIN);
const _: () = assert!(NSW_CAPABILITY_MAX_LINKS as usize == MAX_LINKS);
const _: () = assert!(NSW_CAPABILITY_MAX_RESOURCE as usize == MAX_RESOURCE);
const _: () = assert!(NSW_CAPABILITY_MAX_CAVEATS as usize == MAX_CAVEATS);

/// At most so many bytes in all, at least 1. The caller of nsw_capability_verify
/// keeps to it.
pub const NSW_CAVEAT_MAX_BYTES: u32 = 1;
/// At most so many bytes a second, at least 1. As above.
pub const NSW_CAVEAT_MAX_RATE: u32 = 2;
/// Only in the network whose nsw_capability_network_tag the value is.
pub const NSW_CAVEAT_NETWORK: u32 = 3;
/// Means what the two programs agree that it means: a key in the upper 32 bits
/// of the value, which says what is limited, and in the lower ones how.
pub const NSW_CAVEAT_CUSTOM: u32 = 4;
/// Added to the kind of a caveat that this version does not know, and that may
/// be ignored then. Without it the capability is refused.
pub const NSW_CAVEAT_IGNORABLE: u32 = 256;

/// The authority gave an expiry, and it was held against the clock, as were all
/// other times.
pub const NSW_CHECKED_TIME: u32 = 1;
/// The authority gave an epoch, and it was held against the node's, as were all
/// others.
pub const NSW_CHECKED_EPOCH: u32 = 2;
/// All links were looked up in a list of the authority.
pub const NSW_CHECKED_REVOCATION: u32 = 4;
/// The authority gave the capability for one network, and it is the node's.
pub const NSW_CHECKED_NETWORK: u32 = 8;

/// A link: the terms of a new one, or what one of a chain says.
/// NSW_CAPABILITY_LINK_INIT, then what it allows. Times are in seconds since
/// 1970-01-01 UTC.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_capability_link {
    /// sizeof(nsw_capability_link); NSW_CAPABILITY_LINK_INIT sets it.
    pub size: u32,
    /// The operations that it allows, a bit each; at least one.
    pub operations: u32,
    /// Whom it is for: an identity.
    pub subject: nsw_key,
    /// From when on it is valid; 0: always, or as the link before.
    pub not_before: u64,
    /// From when on it is no longer valid, later than `not_before`; 0: as the
    /// link before. The first link has an expiry or an epoch.
    pub expiry: u64,
    /// The last epoch in which it is valid; 0: as the link before.
    pub epoch: u64,
    /// A number that the issuer gives to no other link: it is revoked by it.
    pub serial: u64,
    /// How many more links may follow, 0 to 3, and fewer than may follow the link
    /// before.
    pub depth: u32,
    /// How many caveats there are, 0 to 4.
    pub caveat_count: u32,
    /// Their kinds, NSW_CAVEAT_ constants.
    pub caveat_kinds: [u32; 4],
    /// Their values.
    pub caveat_values: [u64; 4],
    /// Bytes of `resource`, 0 to 64.
    pub resource_len: u32,
    /// 0.
    pub reserved: u32,
    /// The resource prefix, whole: in a delegation it begins with the one before.
    /// With `resource_len` 0: every resource.
    pub resource: [u8; 64],
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_capability_link {
    const LEAST: usize = size_of::<nsw_capability_link>();
}

/// 0 is C's word for none.
fn some(value: u64) -> Option<u64> {
    (value != 0).then_some(value)
}

/// Bytes that are kept inside a struct, with the number that are used.
fn used(bytes: &[u8], len: u32) -> Result<&[u8]> {
    usize::try_from(len).ok().and_then(|len| bytes.get(..len)).ok_or(Error::Invalid)
}

fn caveat(kind: u32, value: u64) -> Result<Caveat> {
    Ok(match kind {
        NSW_CAVEAT_MAX_BYTES => Caveat::MaxBytes(value),
        NSW_CAVEAT_MAX_RATE => Caveat::MaxRate(value),
        NSW_CAVEAT_NETWORK => Caveat::Network(value),
        NSW_CAVEAT_CUSTOM => Caveat::Custom { key: (value >> 32) as u32, value: value as u32 },
        _ => return Err(Error::Invalid),
    })
}

fn caveat_fields(caveat: Caveat) -> (u32, u64) {
    match caveat {
        Caveat::MaxBytes(value) => (NSW_CAVEAT_MAX_BYTES, value),
        Caveat::MaxRate(value) => (NSW_CAVEAT_MAX_RATE, value),
        Caveat::Network(value) => (NSW_CAVEAT_NETWORK, value),
        Caveat::Custom { key, value } => {
            (NSW_CAVEAT_CUSTOM, u64::from(key) << 32 | u64::from(value))
        }
        Caveat::Other { kind, critical, value } => {
            (u32::from(kind) | if critical { 0 } else { NSW_CAVEAT_IGNORABLE }, value)
        }
    }
}

/// Calls `f` with the caller's link as terms.
unsafe fn with_terms<R>(
    link: *const nsw_capability_link,
    f: impl FnOnce(&Terms<'_>) -> Result<R>,
) -> Result<R> {
    // SAFETY: NULL or a link, as the callers document.
    let link = unsafe { structs::read(link) }?;
    let count = usize::try_from(link.caveat_count).map_err(|_| Error::Invalid)?;
    let kinds = link.caveat_kinds.get(..count).ok_or(Error::Invalid)?;
    let mut caveats = heapless::Vec::<Caveat, MAX_CAVEATS>::new();
    for (kind, value) in kinds.iter().zip(link.caveat_values) {
        caveats.push(caveat(*kind, value)?).map_err(|_| Error::Invalid)?;
    }
    if link.reserved != 0 {
        return Err(Error::Invalid);
    }
    f(&Terms {
        subject: link.subject.bytes,
        resource: used(&link.resource, link.resource_len)?,
        operations: link.operations,
        not_before: some(link.not_before),
        expiry: some(link.expiry),
        epoch: some(link.epoch),
        depth: u8::try_from(link.depth).map_err(|_| Error::Invalid)?,
        serial: link.serial,
        caveats: &caveats,
    })
}

/// Public keys.
pub(super) unsafe fn keys<'a>(pointer: *const nsw_key, len: usize) -> Result<&'a [PublicKey]> {
    // SAFETY: NULL or readable, as the callers document; a key is its bytes.
    unsafe { input(pointer.cast(), len) }
}

/// Writes a chain of one link to `chain` (at most `chain_cap` bytes, and never
/// more than 131 are needed), its length to `*chain_len` (which may be NULL):
/// `link` says what its subject may do, in the name of `authority`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_INVALID for a field outside its range or a link that never ends,
/// NSW_ERR_COMM_TOO_LONG for a link of more than 126 bytes,
/// NSW_ERR_BUFFER_TOO_SMALL: `*chain_len` is what is needed and nobody was asked to
/// sign, NSW_ERR_HOOK for a hook that fails or signs wrongly.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_capability_issue(
    authority: *const nsw_identity,
    link: *const nsw_capability_link,
    chain: *mut u8,
    chain_cap: usize,
    chain_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: chain, capacity: chain_cap, len: chain_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CSecrets>(authority, |authority| {
            let draft = with_terms(link, |terms| Draft::issue(&authority.identity(), terms))?;
            draft.sign(authority, output.take(draft.len(), &bytes_of::<u8>(&[]))?)?;
            Ok(())
        })
    }
}

/// Writes a chain with one more link to `longer` (at most `longer_cap` bytes, and
/// never more than NSW_CAPABILITY_MAX are needed), its length to `*longer_len`
/// (which may be NULL). `holder` signs, the subject of the last link; `link` says
/// what part of its own rights the new subject gets. The buffers may not overlap.
/// Checks that the link takes away, not that the chain is authentic.
///
/// Errors: those of nsw_capability_issue; for the chain NSW_ERR_COMM_VERSION,
/// NSW_ERR_COMM_FORMAT; NSW_ERR_COMM_DEPTH if no more links may follow,
/// NSW_ERR_COMM_WIDENED if the link allows more than the chain,
/// NSW_ERR_COMM_HOLDER for an identity that is not the holder.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_capability_delegate(
    holder: *const nsw_identity,
    chain: *const u8,
    chain_len: usize,
    link: *const nsw_capability_link,
    longer: *mut u8,
    longer_cap: usize,
    longer_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: longer, capacity: longer_cap, len: longer_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CSecrets>(holder, |holder| {
            let chain = input(chain, chain_len)?;
            let draft = with_terms(link, |terms| Draft::delegate(chain, terms))?;
            draft.sign(holder, output.take(draft.len(), &bytes_of(chain))?)?;
            Ok(())
        })
    }
}

/// What a node knows, and what it is asked for. NSW_CAPABILITY_CHECK_INIT, then
/// at least the authorities, the holder, an operation and a resource. Read during
/// the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_capability_check {
    /// sizeof(nsw_capability_check); NSW_CAPABILITY_CHECK_INIT sets it.
    pub size: u32,
    /// What somebody wants to do, a bit for each operation; all must be allowed.
    /// At least one.
    pub operations: u32,
    /// With what: its whole name. It must begin with the capability's resource
    /// prefix, byte for byte; so let prefixes end in a separator.
    pub resource: *const u8,
    /// Bytes of `resource`.
    pub resource_len: usize,
    /// Whom the node trusts to issue capabilities: their identities.
    pub authorities: *const nsw_key,
    /// Keys in `authorities`.
    pub authorities_len: usize,
    /// Who has shown the capability: the identity that the session has
    /// authenticated, and nothing that the peer merely says.
    pub holder: nsw_key,
    /// The wall clock in seconds since 1970-01-01 UTC; 0: there is none.
    pub now: u64,
    /// The newest epoch that the node knows; 0: none but those of the lists. An
    /// epoch belongs to an authority: with several authorities leave it to the
    /// lists.
    pub epoch: u64,
    /// The newest list of each authority, one after the other (see
    /// nsw_revocation_issue); those of the chain's authority are used.
    pub revocations: *const u8,
    /// Bytes of `revocations`; 0: there are none.
    pub revocations_len: usize,
    /// The name of the network that the node is in.
    pub network: *const u8,
    /// Bytes of `network`; 0: the node is in none.
    pub network_len: usize,
    /// Handed to the hook as it is.
    pub ctx: *mut c_void,
    /// Decides an NSW_CAVEAT_CUSTOM, once everything else was found right; other
    /// than 0 allows. May be NULL: such capabilities are refused. May not call
    /// back into the library.
    pub custom: Option<unsafe extern "C" fn(ctx: *mut c_void, key: u32, value: u32) -> u32>,
    /// NSW_CHECKED_ constants, added up: the checks that must have been made.
    pub required: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_capability_check {
    const LEAST: usize = size_of::<nsw_capability_check>();
}

/// What a capability was found to allow. NSW_CAPABILITY_GRANT_INIT before it is
/// filled. Times are in seconds since 1970-01-01 UTC.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_capability_grant {
    /// sizeof(nsw_capability_grant); NSW_CAPABILITY_GRANT_INIT sets it.
    pub size: u32,
    /// Which checks were made that depend on what the node knows: NSW_CHECKED_
    /// constants, added up; all others always are. What counts is what the
    /// authority's own link says: a holder who adds an expiry to a chain without
    /// one does not make it look checked.
    pub checks: u32,
    /// The operations, a bit each.
    pub operations: u32,
    /// How many more links may follow.
    pub depth: u32,
    /// How many links the chain has.
    pub links: u32,
    /// Bytes of `resource`.
    pub resource_len: u32,
    /// Who issued the first link.
    pub authority: nsw_key,
    /// The resource prefix.
    pub resource: [u8; 64],
    /// From when on it is valid; 0: always.
    pub not_before: u64,
    /// From when on it is no longer valid; 0: see `epoch`.
    pub expiry: u64,
    /// The last epoch in which it is valid; 0: see `expiry`.
    pub epoch: u64,
    /// The last link's serial.
    pub serial: u64,
    /// The least NSW_CAVEAT_MAX_BYTES, which the caller keeps to; 0: none.
    pub max_bytes: u64,
    /// The least NSW_CAVEAT_MAX_RATE, which the caller keeps to; 0: none.
    pub max_rate: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_capability_grant {
    const LEAST: usize = size_of::<nsw_capability_grant>();
}

/// Bytes in the front of as many as a struct has.
fn padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut padded = [0; N];
    padded.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    padded
}

const CHECKS: u32 =
    NSW_CHECKED_TIME | NSW_CHECKED_EPOCH | NSW_CHECKED_REVOCATION | NSW_CHECKED_NETWORK;

fn checks(bits: u32) -> Result<Checks> {
    if bits & !CHECKS != 0 {
        return Err(Error::Invalid);
    }
    Ok(Checks {
        time: bits & NSW_CHECKED_TIME != 0,
        epoch: bits & NSW_CHECKED_EPOCH != 0,
        revocation: bits & NSW_CHECKED_REVOCATION != 0,
        network: bits & NSW_CHECKED_NETWORK != 0,
    })
}

fn check_bits(checks: Checks) -> u32 {
    u32::from(checks.time) * NSW_CHECKED_TIME
        + u32::from(checks.epoch) * NSW_CHECKED_EPOCH
        + u32::from(checks.revocation) * NSW_CHECKED_REVOCATION
        + u32::from(checks.network) * NSW_CHECKED_NETWORK
}

impl nsw_capability_grant {
    fn from_grant(grant: &Grant) -> nsw_capability_grant {
        let bounds = &grant.bounds;
        nsw_capability_grant {
            size: 0,
            checks: check_bits(grant.checks),
            operations: bounds.operations,
            depth: bounds.depth.into(),
            links: grant.links.into(),
            resource_len: bounds.resource().len() as u32,
            authority: nsw_key { bytes: grant.authority },
            resource: padded(bounds.resource()),
            not_before: bounds.not_before.unwrap_or(0),
            expiry: bounds.expiry.unwrap_or(0),
            epoch: bounds.epoch.unwrap_or(0),
            serial: grant.serial,
            max_bytes: grant.max_bytes.unwrap_or(0),
            max_rate: grant.max_rate.unwrap_or(0),
        }
    }

    fn grant(&self) -> Result<Grant> {
        let mut bounds =
            Bounds::default().with_resource(used(&self.resource, self.resource_len)?)?;
        bounds.operations = self.operations;
        bounds.not_before = some(self.not_before);
        bounds.expiry = some(self.expiry);
        bounds.epoch = some(self.epoch);
        bounds.depth = u8::try_from(self.depth).map_err(|_| Error::Invalid)?;
        Ok(Grant {
            bounds,
            authority: self.authority.bytes,
            links: u8::try_from(self.links).map_err(|_| Error::Invalid)?,
            serial: self.serial,
            max_bytes: some(self.max_bytes),
            max_rate: some(self.max_rate),
            checks: checks(self.checks)?,
        })
    }
}

/// Checks that a chain is authentic, belongs to the peer that the session has
/// authenticated, is valid, was not revoked, and allows what is asked; tells in
/// `*grant` (NSW_CAPABILITY_GRANT_INIT; may be NULL) what it allows and which
/// checks were made. Up to one signature check a link, and one for the list.
///
/// Errors, the first that is found in this order: NSW_ERR_NULL,
/// NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for no operation or an unknown check; NSW_ERR_COMM_VERSION, NSW_ERR_COMM_FORMAT, NSW_ERR_COMM_DEPTH for
/// what is not a chain; the errors of nsw_revocation_verify for the lists;
/// NSW_ERR_COMM_UNTRUSTED for an authority that is not one of these;
/// NSW_ERR_COMM_HOLDER for somebody else's; NSW_ERR_COMM_DEPTH and
/// NSW_ERR_COMM_WIDENED for a link that allows more than the one before it;
/// NSW_ERR_COMM_DENIED for what it does not allow, another network, a caveat that
/// this version does not know; NSW_ERR_COMM_SIGNATURE; NSW_ERR_COMM_REVOKED;
/// NSW_ERR_COMM_EXPIRED for too early, too late, or when nothing that bounds the
/// authority's link could be checked (an expiry without a clock);
/// NSW_ERR_COMM_DENIED for a required check that was not made, and if the hook says
/// so. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_capability_verify(
    chain: *const u8,
    chain_len: usize,
    check: *const nsw_capability_check,
    grant: *mut nsw_capability_grant,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let check = structs::read(check)?;
        let chain = input(chain, chain_len)?;
        let authorities = keys(check.authorities, check.authorities_len)?;
        let lists = input(check.revocations, check.revocations_len)?;
        let network = input(check.network, check.network_len)?;
        let resource = input(check.resource, check.resource_len)?;
        if check.reserved != 0 || check.operations == 0 {
            return Err(Error::Invalid);
        }
        let required = checks(check.required)?;
        let hint = Chain::read(chain)?.authority_hint();
        let list = Revocations::open_one_of(lists, hint, authorities)?;
        let custom = check.custom.map(|hook| move |key, value| hook(check.ctx, key, value) != 0);
        let found = capability::verify(
            chain,
            &Check {
                now: some(check.now),
                epoch: some(check.epoch),
                revocations: list.as_slice(),
                network: (!network.is_empty()).then_some(network),
                custom: custom.as_ref().map(|hook| hook as &dyn Fn(u32, u32) -> bool),
                required,
                ..Check::new(authorities, check.holder.bytes)
            },
            &Ask { resource, operations: check.operations },
        )?;
        if grant.is_null() {
            return Ok(());
        }
        structs::write(grant, &nsw_capability_grant::from_grant(&found))
    })
}

/// Whether a grant of nsw_capability_verify allows something else, at another
/// time (seconds since 1970-01-01 UTC, 0: unknown) and in another epoch (0:
/// unknown): what can be asked again without checking signatures, for as long as
/// the session and the lists of revocations are the same.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for no operation or
/// what is not a grant, NSW_ERR_COMM_DENIED, NSW_ERR_COMM_EXPIRED, also if a time
/// or an epoch is missing that was known to nsw_capability_verify. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_capability_allows(
    grant: *const nsw_capability_grant,
    resource: *const u8,
    resource_len: usize,
    operations: u32,
    now: u64,
    epoch: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let grant = structs::read(grant)?.grant()?;
        let ask = Ask { resource: input(resource, resource_len)?, operations };
        grant.allows(&ask, some(now), some(epoch))
    })
}

/// What a chain says, all of its links together. NSW_CAPABILITY_INFO_INIT before
/// it is filled. Times are in seconds since 1970-01-01 UTC.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_capability_info {
    /// sizeof(nsw_capability_info); NSW_CAPABILITY_INFO_INIT sets it.
    pub size: u32,
    /// How many links it has, 1 to 4.
    pub links: u32,
    /// The operations, a bit each.
    pub operations: u32,
    /// How many more links may follow.
    pub depth: u32,
    /// The first bytes of the authority's public key.
    pub authority_hint: [u8; 4],
    /// Bytes of `resource`.
    pub resource_len: u32,
    /// The resource prefix.
    pub resource: [u8; 64],
    /// The identity that it belongs to.
    pub holder: nsw_key,
    /// From when on it is valid; 0: always.
    pub not_before: u64,
    /// From when on it is no longer valid; 0: see `epoch`.
    pub expiry: u64,
    /// The last epoch in which it is valid; 0: see `expiry`.
    pub epoch: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_capability_info {
    const LEAST: usize = size_of::<nsw_capability_info>();
}

/// Fills `*info`, whose `size` the caller has set (NSW_CAPABILITY_INFO_INIT), with
/// what a chain says. Nothing is proven by that: see nsw_capability_verify.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_COMM_VERSION,
/// NSW_ERR_COMM_FORMAT, NSW_ERR_COMM_DEPTH for too many links,
/// NSW_ERR_COMM_WIDENED for a link that allows more than the one before it. Any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_capability_describe(
    chain: *const u8,
    chain_len: usize,
    info: *mut nsw_capability_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let chain = Chain::read(input(chain, chain_len)?)?;
        let bounds = chain.bounds()?;
        let described = nsw_capability_info {
            size: 0,
            links: chain.len() as u32,
            operations: bounds.operations,
            depth: bounds.depth.into(),
            authority_hint: chain.authority_hint(),
            resource_len: bounds.resource().len() as u32,
            resource: padded(bounds.resource()),
            holder: nsw_key { bytes: chain.last().subject },
            not_before: bounds.not_before.unwrap_or(0),
            expiry: bounds.expiry.unwrap_or(0),
            epoch: bounds.epoch.unwrap_or(0),
        };
        structs::write(info, &described)
    })
}

/// Fills `*link`, whose `size` the caller has set (NSW_CAPABILITY_LINK_INIT), with
/// what the link at `index` of a chain says by itself; the authority's is at 0.
/// Its resource prefix is whole. Nothing is proven by that: see
/// nsw_capability_verify.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_COMM_VERSION,
/// NSW_ERR_COMM_FORMAT, NSW_ERR_COMM_DEPTH for too many links, NSW_ERR_INVALID if
/// there is no such link. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_capability_inspect(
    chain: *const u8,
    chain_len: usize,
    index: usize,
    link: *mut nsw_capability_link,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let chain = Chain::read(input(chain, chain_len)?)?;
        let found = chain.links().nth(index).ok_or(Error::Invalid)?;
        let mut resource = heapless::Vec::<u8, MAX_RESOURCE>::new();
        for before in chain.links().take(index.saturating_add(1)) {
            // Reading the chain has made sure that they fit.
            resource.extend_from_slice(before.extension).map_err(|_| Error::CommFormat)?;
        }
        structs::write(link, &described(&found, &resource))
    })
}

fn described(link: &Link<'_>, resource: &[u8]) -> nsw_capability_link {
    let mut kinds = [0; MAX_CAVEATS];
    let mut values = [0; MAX_CAVEATS];
    let mut count = 0;
    let places = kinds.iter_mut().zip(&mut values);
    for ((kind, value), caveat) in places.zip(link.caveats()) {
        (*kind, *value) = caveat_fields(caveat);
        count += 1;
    }
    nsw_capability_link {
        size: 0,
        operations: link.operations,
        subject: nsw_key { bytes: link.subject },
        not_before: link.not_before.unwrap_or(0),
        expiry: link.expiry.unwrap_or(0),
        epoch: link.epoch.unwrap_or(0),
        serial: link.serial,
        depth: link.depth.into(),
        caveat_count: count,
        caveat_kinds: kinds,
        caveat_values: values,
        resource_len: resource.len() as u32,
        reserved: 0,
        resource: padded(resource),
    }
}

/// Writes the value of an NSW_CAVEAT_NETWORK for a network of this name, which
/// may have any bytes.
///
/// Errors: NSW_ERR_NULL. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_capability_network_tag(
    network: *const u8,
    network_len: usize,
    tag: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe { put(tag, capability::network_tag(input(network, network_len)?)) })
}
