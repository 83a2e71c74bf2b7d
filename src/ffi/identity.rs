//! Identities and certificates.

use core::ffi::c_void;

use zeroize::Zeroizing;

#[cfg(not(feature = "secure-element"))]
use super::entropy::CEntropy;
use super::entropy::nsw_entropy;
use super::guarded;
use super::handle::{self, Object, call_ref, with_ref};
use super::port::nsw_allocator;
use super::slices::{Output, bytes_of, input, optional, put};
use super::status::{NSW_OK, nsw_status};
use super::structs::{self, Versioned, check_pointer};
use crate::comm::crypto::{self, PublicKey, SIGNATURE, Secret};
#[cfg(not(feature = "secure-element"))]
use crate::comm::identity::LocalSecrets;
use crate::comm::identity::{CERTIFICATE, Certificate, Secrets, Trust, Validity, bind};
use crate::comm::noise::StaticKey;
use crate::error::{Error, Result};

/// A key: an identity, another public key, or a secret one.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_key {
    /// Its bytes, as the RFC has them.
    pub bytes: [u8; 32],
}

/// A signature of Ed25519 (RFC 8032).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_signature {
    /// Its bytes.
    pub bytes: [u8; 64],
}

/// Bytes of a certificate.
pub const NSW_CERTIFICATE_SIZE: usize = 93;

const _: () = assert!(NSW_CERTIFICATE_SIZE == CERTIFICATE);

/// Who a node is: a key of Ed25519 (RFC 8032), and the key of X25519 (RFC 7748)
/// that its handshakes use. In memory, or in a secure element (nsw_secrets). Calls
/// that change nothing may run side by side, unless it has hooks.
pub struct nsw_identity {
    _opaque: [u8; 0],
}

impl Object for CSecrets {
    type C = nsw_identity;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswI");
}

/// A secure element: does what only the holder of the private keys can.
/// NSW_SECRETS_INIT, then all hooks.
///
/// The table is copied, so it need not outlive the call, but what `ctx` points to
/// must outlive all objects that were made with it. Hooks answer NSW_OK; anything
/// else makes the call that needed them answer NSW_ERR_HOOK. They may not call
/// back into the object.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_secrets {
    /// sizeof(nsw_secrets); NSW_SECRETS_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Handed to the hooks as it is.
    pub ctx: *mut c_void,
    /// Writes the two public keys: Ed25519's, and X25519's. Called once, when the
    /// identity is created. Required.
    pub public_keys: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            identity: *mut nsw_key,
            noise: *mut nsw_key,
        ) -> nsw_status,
    >,
    /// Writes what X25519 makes of the private key and `peer`. Required.
    pub agree: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            peer: *const nsw_key,
            shared: *mut nsw_key,
        ) -> nsw_status,
    >,
    /// Writes the signature of Ed25519 over the message. Required.
    pub sign: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            message: *const u8,
            message_len: usize,
            signature: *mut nsw_signature,
        ) -> nsw_status,
    >,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_secrets {
    const LEAST: usize = size_of::<nsw_secrets>();
}

/// The caller's secure element.
#[derive(Clone, Copy)]
pub(super) struct Element {
    ctx: *mut c_void,
    agree: unsafe extern "C" fn(*mut c_void, *const nsw_key, *mut nsw_key) -> nsw_status,
    sign: unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut nsw_signature) -> nsw_status,
    identity: PublicKey,
    noise: PublicKey,
}

/// Private keys: ours to keep, or the caller's.
#[derive(Clone)]
pub(super) enum CSecrets {
    #[cfg(not(feature = "secure-element"))]
    Local(LocalSecrets),
    Element(Element),
}

fn hook(status: nsw_status) -> Result<()> {
    if status == NSW_OK { Ok(()) } else { Err(Error::Hook) }
}

impl StaticKey for CSecrets {
    fn public_key(&self) -> PublicKey {
        match self {
            #[cfg(not(feature = "secure-element"))]
            CSecrets::Local(local) => local.public_key(),
            CSecrets::Element(element) => element.noise,
        }
    }

    fn agree(&self, peer: &PublicKey) -> Result<Zeroizing<[u8; 32]>> {
        match self {
            #[cfg(not(feature = "secure-element"))]
            CSecrets::Local(local) => local.agree(peer),
            CSecrets::Element(element) => {
                let mut shared = Zeroizing::new([0; 32]);
                let (from, to) = (peer.as_ptr().cast(), shared.as_mut_ptr().cast());
                // SAFETY: the hook's own documentation; both are keys.
                hook(unsafe { (element.agree)(element.ctx, from, to) })?;
                // As for keys in memory: see crypto::agree.
                if Secret::new(*shared) == Secret::new([0; 32]) {
                    return Err(Error::CommKey);
                }
                Ok(shared)
            }
        }
    }
}

impl Secrets for CSecrets {
    fn identity(&self) -> PublicKey {
        match self {
            #[cfg(not(feature = "secure-element"))]
            CSecrets::Local(local) => local.identity(),
            CSecrets::Element(element) => element.identity,
        }
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE]> {
        match self {
            #[cfg(not(feature = "secure-element"))]
            CSecrets::Local(local) => local.sign(message),
            CSecrets::Element(element) => {
                let mut signature = [0; SIGNATURE];
                let (text, len) = (message.as_ptr(), message.len());
                let place = signature.as_mut_ptr().cast();
                // SAFETY: the hook's own documentation; there is room for one.
                hook(unsafe { (element.sign)(element.ctx, text, len, place) })?;
                Ok(signature)
            }
        }
    }
}

/// What an identity is made of. NSW_IDENTITY_CONFIG_INIT is a new one, from the
/// operating system's randomness.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_identity_config {
    /// sizeof(nsw_identity_config); NSW_IDENTITY_CONFIG_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The secret of an identity that was kept (nsw_identity_seed): the private key
    /// of RFC 8032, from which the other one follows. NULL: a new one.
    pub seed: *const nsw_key,
    /// Where a new one comes from. NULL: the operating system.
    pub entropy: *const nsw_entropy,
    /// A secure element; then `seed` and `entropy` are NULL.
    pub secrets: *const nsw_secrets,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_identity_config {
    const LEAST: usize = core::mem::offset_of!(nsw_identity_config, seed);
}

/// A key of the caller's.
///
/// # Safety
/// NULL, or readable.
pub(super) unsafe fn key<'a>(key: *const nsw_key) -> Result<&'a [u8; 32]> {
    check_pointer(key)?;
    // SAFETY: not NULL, and the caller's word; bytes have no alignment.
    Ok(unsafe { &(*key).bytes })
}

/// A key of the caller's that may be missing.
///
/// # Safety
/// NULL, or readable.
pub(super) unsafe fn key_or_none<'a>(bytes: *const nsw_key) -> Result<Option<&'a [u8; 32]>> {
    // SAFETY: the caller's word.
    if bytes.is_null() { Ok(None) } else { unsafe { key(bytes) }.map(Some) }
}

/// Writes a key to the caller.
///
/// # Safety
/// NULL, or writable.
pub(super) unsafe fn put_key(to: *mut nsw_key, key: &[u8; 32]) -> Result<()> {
    // SAFETY: the caller's word.
    unsafe { put(to, nsw_key { bytes: *key }) }
}

/// # Safety
/// The pointers of the configuration are NULL or what they should be.
unsafe fn make(config: &nsw_identity_config) -> Result<CSecrets> {
    if !config.secrets.is_null() {
        if !config.seed.is_null() || !config.entropy.is_null() {
            return Err(Error::Invalid);
        }
        // SAFETY: the caller's word.
        let table = unsafe { structs::read(config.secrets) }?;
        let public_keys = table.public_keys.ok_or(Error::Null)?;
        let (agree, sign) = (table.agree.ok_or(Error::Null)?, table.sign.ok_or(Error::Null)?);
        let (mut identity, mut noise) = (nsw_key { bytes: [0; 32] }, nsw_key { bytes: [0; 32] });
        // SAFETY: the hook's own documentation.
        hook(unsafe { public_keys(table.ctx, &mut identity, &mut noise) })?;
        let (identity, noise) = (identity.bytes, noise.bytes);
        return Ok(CSecrets::Element(Element { ctx: table.ctx, agree, sign, identity, noise }));
    }
    // SAFETY: the caller's word.
    unsafe { make_local(config) }
}

/// Keys in memory.
///
/// # Safety
/// As for `make`.
#[cfg(not(feature = "secure-element"))]
unsafe fn make_local(config: &nsw_identity_config) -> Result<CSecrets> {
    // SAFETY: the caller's word.
    if let Some(seed) = unsafe { key_or_none(config.seed) }? {
        return Ok(CSecrets::Local(LocalSecrets::new(Secret::new(*seed))));
    }
    // SAFETY: the caller's word.
    let mut entropy = unsafe { CEntropy::new(config.entropy) }?;
    LocalSecrets::random(&mut entropy).map(CSecrets::Local)
}

/// There is no code that signs with them.
#[cfg(feature = "secure-element")]
unsafe fn make_local(_: &nsw_identity_config) -> Result<CSecrets> {
    Err(Error::Unsupported)
}

/// The memory that an identity takes: the one block that nsw_identity_create asks
/// for, in bytes. The configuration changes nothing of it.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_identity_footprint(
    config: *const nsw_identity_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<CSecrets>(size, align, || {
            structs::read(config).map(|_| handle::NOTHING)
        })
    }
}

/// Makes an identity in one block of `memory` (NULL: the system's heap). The
/// caller owns `*identity` and ends it with nsw_identity_destroy, which overwrites
/// the private keys. What was made with it has its own copy of them.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a secure element
/// and a seed or entropy together, NSW_ERR_NO_ENTROPY, NSW_ERR_HOOK,
/// NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR,
/// NSW_ERR_UNSUPPORTED without a secure element in a library of the feature
/// `secure-element`. `*identity` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_identity_create(
    config: *const nsw_identity_config,
    memory: *const nsw_allocator,
    identity: *mut *mut nsw_identity,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<CSecrets, _>(
            memory,
            identity,
            || structs::read(config).map(|config| (handle::NOTHING, config)),
            |_, config| make(&config),
        )
    }
}

/// Destroys an identity: overwrites its private keys and gives its block back.
/// NULL is fine, and so is an already destroyed one whose memory can still be
/// read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_identity_destroy(identity: *mut nsw_identity) {
    // SAFETY: NULL or an identity, by the documentation above.
    unsafe { handle::destroy::<CSecrets>(identity) };
}

/// Writes the identity's public key: what others know it by.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_identity_public(
    identity: *const nsw_identity,
    out: *mut nsw_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CSecrets>(identity, |secrets| put_key(out, &secrets.identity())) }
}

/// Writes its public key for handshakes: who knows it can call it with IK
/// (nsw_link_connect).
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_identity_noise_key(
    identity: *const nsw_identity,
    out: *mut nsw_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CSecrets>(identity, |secrets| put_key(out, &secrets.public_key())) }
}

/// Writes the secret that the identity can be made of again. Keep it where nobody
/// else can read it, and overwrite the buffer.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_UNSUPPORTED for a secure
/// element.
#[cfg_attr(feature = "secure-element", allow(unused_variables))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_identity_seed(
    identity: *const nsw_identity,
    out: *mut nsw_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CSecrets>(identity, |secrets| match secrets {
            #[cfg(not(feature = "secure-element"))]
            CSecrets::Local(local) => put_key(out, local.seed().bytes()),
            CSecrets::Element(_) => Err(Error::Unsupported),
        })
    }
}

/// Signs a message with the identity's key (RFC 8032).
/// Begin your messages with a name of your own, so that a signature for one use
/// is none for another: those of this library all begin with `neural-swarm`, and
/// messages that do are refused.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for a message of
/// this library's, NSW_ERR_HOOK.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_identity_sign(
    identity: *const nsw_identity,
    message: *const u8,
    message_len: usize,
    signature: *mut nsw_signature,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CSecrets>(identity, |secrets| {
            let message = input(message, message_len)?;
            if message.starts_with(b"neural-swarm") {
                return Err(Error::Invalid);
            }
            put(signature, nsw_signature { bytes: secrets.sign(message)? })
        })
    }
}

/// Signs what binds a key for handshakes, of X25519, to the identity, as handshakes show it: for a
/// node that is given this signature when it is made, and both public keys. It takes part as this
/// identity, by hooks (nsw_secrets) whose `sign` gives this signature, and never has the identity's
/// private key: nsw_noise_keypair makes the key, nsw_noise_agree is what `agree` needs.
///
/// Whoever has the private key of `noise` speaks as this identity from then on.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_HOOK.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_identity_bind(
    identity: *const nsw_identity,
    noise: *const nsw_key,
    signature: *mut nsw_signature,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CSecrets>(identity, |secrets| {
            put(signature, nsw_signature { bytes: bind(secrets, key(noise)?)? })
        })
    }
}

/// Checks a signature by an identity, strictly: what is not canonical, or by a key
/// of small order, is wrong. Any thread.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_COMM_SIGNATURE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_signature_verify(
    signature: *const nsw_signature,
    identity: *const nsw_key,
    message: *const u8,
    message_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        check_pointer(signature)?;
        crypto::verify(key(identity)?, input(message, message_len)?, &(*signature).bytes)
    })
}

/// What an authority says of an identity. NSW_CERTIFICATE_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_certificate {
    /// sizeof(nsw_certificate); NSW_CERTIFICATE_INIT sets it.
    pub size: u32,
    /// The authority's number for it.
    pub serial: u32,
    /// From when on it is good, in Unix seconds.
    pub not_before: u64,
    /// Until when, in Unix seconds, the last second included.
    pub not_after: u64,
    /// For which epochs of the authority: this one and those before it. A node
    /// without a clock goes by this alone.
    pub epoch: u32,
    /// The first 4 bytes of the authority's identity, in their order; ignored when
    /// a certificate is issued.
    pub authority: [u8; 4],
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_certificate {
    const LEAST: usize = size_of::<nsw_certificate>();
}

/// Makes a certificate by the authority for the identity `subject`:
/// NSW_CERTIFICATE_SIZE bytes to `out`, the length to `*out_len` (which may be
/// NULL).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_INVALID if it would never be good, NSW_ERR_HOOK,
/// NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_certificate_issue(
    authority: *const nsw_identity,
    subject: *const nsw_key,
    fields: *const nsw_certificate,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CSecrets>(authority, |authority| {
            let fields = structs::read(fields)?;
            let validity = Validity {
                not_before: fields.not_before,
                not_after: fields.not_after,
                epoch: fields.epoch,
            };
            let subject = *key(subject)?;
            let certificate = Certificate::issue(authority, &subject, fields.serial, validity)?;
            output.take(CERTIFICATE, &bytes_of::<u8>(&[]))?.copy_from_slice(&certificate.encode());
            Ok(())
        })
    }
}

/// Fills `*fields`, whose `size` the caller has set, with what a certificate says.
/// Nothing is checked but its form. Any thread.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_COMM_FORMAT,
/// NSW_ERR_COMM_VERSION.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_certificate_inspect(
    certificate: *const u8,
    certificate_len: usize,
    fields: *mut nsw_certificate,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let certificate = Certificate::decode(input(certificate, certificate_len)?)?;
        let Certificate { authority, serial, validity, .. } = certificate;
        let Validity { not_before, not_after, epoch } = validity;
        let filled = nsw_certificate { size: 0, serial, not_before, not_after, epoch, authority };
        structs::write(fields, &filled)
    })
}

/// Whether the authority said this of the identity `subject`, and it is good: at `*wall`, in Unix seconds (NULL: without a clock), and
/// in the authority's `epoch`. Any thread.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_COMM_FORMAT, NSW_ERR_COMM_VERSION,
/// NSW_ERR_COMM_SIGNATURE, NSW_ERR_COMM_EXPIRED (or not good yet),
/// NSW_ERR_COMM_REVOKED if its epoch is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_certificate_verify(
    certificate: *const u8,
    certificate_len: usize,
    authority: *const nsw_key,
    subject: *const nsw_key,
    wall: *const u64,
    epoch: u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let certificate = Certificate::decode(input(certificate, certificate_len)?)?;
        let wall = optional(wall)?;
        certificate.verify(key(authority)?, key(subject)?, wall, epoch)
    })
}

/// Ends the trust in an identity by itself.
///
/// # Safety
/// NULL or a key.
pub(super) unsafe fn unpin(trust: &mut Trust<'_>, identity: *const nsw_key) -> Result<()> {
    // SAFETY: the caller's word.
    trust.unpin(unsafe { key(identity) }?).then_some(()).ok_or(Error::CommPeer)
}

/// Ends the trust in an authority.
///
/// # Safety
/// NULL or a key.
pub(super) unsafe fn remove_authority(
    trust: &mut Trust<'_>,
    authority: *const nsw_key,
) -> Result<()> {
    // SAFETY: the caller's word.
    trust.remove_authority(unsafe { key(authority) }?).then_some(()).ok_or(Error::CommPeer)
}

/// The certificate that is to be shown; of no bytes: none.
///
/// # Safety
/// NULL, or so many bytes.
pub(super) unsafe fn shown(certificate: *const u8, len: usize) -> Result<Option<Certificate>> {
    // SAFETY: the caller's word.
    let bytes = unsafe { input(certificate, len) }?;
    (!bytes.is_empty()).then(|| Certificate::decode(bytes)).transpose()
}

/// A copy of the private keys of an identity, for an object of its own.
///
/// # Safety
/// NULL or an identity.
pub(super) unsafe fn secrets_of(identity: *const nsw_identity) -> Result<CSecrets> {
    // SAFETY: the caller's word.
    unsafe { with_ref::<CSecrets, _>(identity, |secrets| Ok(secrets.clone())) }
}
