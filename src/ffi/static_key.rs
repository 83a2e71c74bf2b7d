//! What C supplies for a private key that it does not give away.

use core::ffi::c_void;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::identity::nsw_key;
use super::status::{NSW_ERR_COMM_KEY, NSW_OK, nsw_status};
use super::structs::{self, Versioned};
use crate::comm::crypto::PublicKey;
use crate::comm::noise::StaticKey;
use crate::error::{Error, Result};

/// A private key of X25519 that stays where it is, in a secure element for
/// example. NSW_STATIC_KEY_INIT, then both hooks.
///
/// The table is copied, so it need not outlive the call, but what `ctx` points
/// to must outlive the object. The hooks are called on the thread of the call
/// that needs them, and may not call back into the object.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_static_key {
    /// sizeof(nsw_static_key); NSW_STATIC_KEY_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Handed to the hooks as it is.
    pub ctx: *mut c_void,
    /// Writes the public key, and answers NSW_OK; anything else makes the
    /// creation answer NSW_ERR_HOOK. Called once, at creation. Required.
    pub public_key:
        Option<unsafe extern "C" fn(ctx: *mut c_void, public_key: *mut nsw_key) -> nsw_status>,
    /// Writes the X25519 function (RFC 7748) of the private key and `peer` to
    /// `shared`, and answers NSW_OK. It may answer NSW_ERR_COMM_KEY for a peer's
    /// key of small order, and need not, since the library refuses a secret of
    /// zeros; anything else makes the call that needed the secret answer
    /// NSW_ERR_HOOK. Required.
    pub agree: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            peer: *const nsw_key,
            shared: *mut nsw_key,
        ) -> nsw_status,
    >,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_static_key {
    const LEAST: usize = size_of::<nsw_static_key>();
}

/// The caller's key.
pub(super) struct CStaticKey {
    public: PublicKey,
    ctx: *mut c_void,
    agree: unsafe extern "C" fn(*mut c_void, *const nsw_key, *mut nsw_key) -> nsw_status,
}

impl CStaticKey {
    /// # Safety
    /// `table` is NULL or a hook table.
    pub unsafe fn new(table: *const nsw_static_key) -> Result<CStaticKey> {
        // SAFETY: the caller's word.
        let table = unsafe { structs::read(table) }?;
        let public_key = table.public_key.ok_or(Error::Null)?;
        let agree = table.agree.ok_or(Error::Null)?;
        if table.reserved != 0 {
            return Err(Error::Invalid);
        }
        let mut public = [0; 32];
        // SAFETY: the hook's own documentation; the key is writable.
        match unsafe { public_key(table.ctx, public.as_mut_ptr().cast()) } {
            NSW_OK => Ok(CStaticKey { public, ctx: table.ctx, agree }),
            _ => Err(Error::Hook),
        }
    }
}

impl StaticKey for CStaticKey {
    fn public_key(&self) -> PublicKey {
        self.public
    }

    fn agree(&self, peer: &PublicKey) -> Result<Zeroizing<[u8; 32]>> {
        let mut shared = Zeroizing::new([0; 32]);
        let (from, to) = (peer.as_ptr().cast(), shared.as_mut_ptr().cast());
        // SAFETY: the hook's own documentation; both are keys.
        match unsafe { (self.agree)(self.ctx, from, to) } {
            NSW_OK if shared.ct_eq(&[0; 32]).into() => Err(Error::CommKey),
            NSW_OK => Ok(shared),
            NSW_ERR_COMM_KEY => Err(Error::CommKey),
            _ => Err(Error::Hook),
        }
    }
}
