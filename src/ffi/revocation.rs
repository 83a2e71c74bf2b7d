//! Revocations: what an authority takes back before its time.

use super::capability::keys;
use super::guarded;
use super::handle::call_ref;
use super::identity::{CSecrets, key, nsw_identity, nsw_key};
use super::slices::{Output, bytes_of, input, put};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::comm::capability::{Id, Revocations, key_id, link_id, revocations_len, revoke};

/// What stands for something revoked: links (nsw_revocation_link_id) or a key
/// (nsw_revocation_key_id).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_revocation_id {
    /// Its bytes.
    pub bytes: [u8; 16],
}

/// Writes the id of the links with this serial by this issuer (the identity of
/// the authority, or the subject of the link before). It stands for all chains
/// that were made from them, too.
///
/// Errors: NSW_ERR_NULL. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_revocation_link_id(
    issuer: *const nsw_key,
    serial: u64,
    id: *mut nsw_revocation_id,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe { put(id, nsw_revocation_id { bytes: link_id(key(issuer)?, serial) }) })
}

/// Writes the id of all links whose subject is this identity: for a node that was
/// lost. It stands for all chains that were made from them, too.
///
/// Errors: NSW_ERR_NULL. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_revocation_key_id(
    identity: *const nsw_key,
    id: *mut nsw_revocation_id,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe { put(id, nsw_revocation_id { bytes: key_id(key(identity)?) }) })
}

/// Writes a list of what this authority revokes to `list` (at most `list_cap`
/// bytes; 85 and 16 for each id are needed), its length to `*list_len` (which may
/// be NULL). The ids may come in any order, each once. The buffers may not overlap.
///
/// The list ends all links of earlier epochs than its own, at least 1; it
/// replaces those of earlier epochs, and those of the same epoch with a lower
/// sequence number.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for an epoch of 0 or an id that
/// comes twice, NSW_ERR_OVERFLOW, NSW_ERR_BUFFER_TOO_SMALL: `*list_len` is what is
/// needed, NSW_ERR_HOOK for a hook that fails or signs wrongly: `list` holds
/// nothing of use then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_revocation_issue(
    authority: *const nsw_identity,
    epoch: u64,
    sequence: u32,
    ids: *const nsw_revocation_id,
    ids_len: usize,
    list: *mut u8,
    list_cap: usize,
    list_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: list, capacity: list_cap, len: list_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CSecrets>(authority, |authority| {
            let ids = input::<Id>(ids.cast(), ids_len)?;
            let list = output.take(revocations_len(ids.len())?, &bytes_of(ids))?;
            revoke(authority, epoch, sequence, ids, list)?;
            Ok(())
        })
    }
}

/// What a list of revocations says. NSW_REVOCATION_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_revocation_info {
    /// sizeof(nsw_revocation_info); NSW_REVOCATION_INFO_INIT sets it.
    pub size: u32,
    /// Its number in its epoch.
    pub sequence: u32,
    /// The epoch that it begins or continues: links of earlier ones have ended.
    pub epoch: u64,
    /// Who signed it.
    pub authority: nsw_key,
    /// How many ids it has.
    pub count: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_revocation_info {
    const LEAST: usize = size_of::<nsw_revocation_info>();
}

/// Checks that one of the authorities signed the list, and that it is newer than the
/// list that the node has (`current_len` 0: it has none), which is of the same
/// authority. Then the list replaces that one. Fills `*info`
/// (NSW_REVOCATION_INFO_INIT; may be NULL).
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_COMM_VERSION, NSW_ERR_COMM_FORMAT for what is not a list,
/// NSW_ERR_COMM_UNTRUSTED for another authority's, NSW_ERR_COMM_SIGNATURE,
/// NSW_ERR_COMM_EXPIRED for one that is no newer. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_revocation_verify(
    list: *const u8,
    list_len: usize,
    current: *const u8,
    current_len: usize,
    authorities: *const nsw_key,
    authorities_len: usize,
    info: *mut nsw_revocation_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let authorities = keys(authorities, authorities_len)?;
        let current = input(current, current_len)?;
        let list = Revocations::open(input(list, list_len)?, authorities)?;
        if !current.is_empty() {
            list.replaces(&Revocations::open(current, authorities)?)?;
        }
        if info.is_null() {
            return Ok(());
        }
        let described = nsw_revocation_info {
            size: 0,
            sequence: list.sequence(),
            epoch: list.epoch(),
            authority: nsw_key { bytes: *list.authority() },
            // The list has it in 32 bits.
            count: list.ids().len() as u32,
            reserved: 0,
        };
        structs::write(info, &described)
    })
}

/// Copies the ids of a list to `ids`, ascending (at most `ids_cap`), and writes
/// their number to `*ids_len` (which may be NULL): to issue the next list with one more. The buffers may not overlap.
/// Nothing is proven by that: see nsw_revocation_verify.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_COMM_VERSION, NSW_ERR_COMM_FORMAT,
/// NSW_ERR_BUFFER_TOO_SMALL: `*ids_len` is what is needed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_revocation_ids(
    list: *const u8,
    list_len: usize,
    ids: *mut nsw_revocation_id,
    ids_cap: usize,
    ids_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: ids.cast::<Id>(), capacity: ids_cap, len: ids_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let list = input(list, list_len)?;
        let ids = Revocations::ids_of(list)?;
        output.take(ids.len(), &bytes_of(list))?.copy_from_slice(ids);
        Ok(())
    })
}
