//! Locks, leases and barriers on a log.

use super::handle::{self, Object, call_mut, call_ref, with_mut, with_ref};
use super::lock_types::{nsw_lock_claim, nsw_lock_entry, nsw_lock_result, nsw_lock_session};
use super::port::nsw_allocator;
use super::slices::{Output, bytes_at, input};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, Versioned, count};
use crate::consensus::locks::{Locks, LocksConfig};
use crate::error::Result;

/// Settings of locks: the same at all members, and for as long as there is the log, for what has no
/// room is refused by all alike. NSW_LOCKS_CONFIG_INIT; a zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_locks_config {
    /// sizeof(nsw_locks_config); NSW_LOCKS_CONFIG_INIT sets it.
    pub size: u32,
    /// The most sessions at a time, up to 65,535; 0: 16.
    pub sessions: u32,
    /// The most claims at a time, up to 65,535: each lock that a session holds or waits for is one,
    /// each barrier at which it waits, too. 0: 32.
    pub claims: u32,
    /// The most bytes of a name, up to NSW_LOCK_MOST_NAME; 0: 32.
    pub name: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_locks_config {
    const LEAST: usize = size_of::<u32>();
}

/// How it stands. NSW_LOCKS_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_locks_info {
    /// sizeof(nsw_locks_info); NSW_LOCKS_INFO_INIT sets it.
    pub size: u32,
    /// Number of sessions.
    pub sessions: u32,
    /// Number of claims.
    pub claims: u32,
    /// Bytes that nsw_locks_save writes.
    pub saved_len: u32,
    /// The index of the last entry that was applied; 0: none.
    pub applied: u64,
    /// When to ask nsw_locks_expired, in microseconds; UINT64_MAX: there is no session.
    pub wake_us: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_locks_info {
    const LEAST: usize = size_of::<nsw_locks_info>();
}

/// Locks with leases and fencing tokens, and barriers: a state machine that each member of a group
/// (nsw_raft) feeds with the entries of its log, in their order; all of them then say the same of who
/// holds what. A session holds locks and waits for them as long as it is heard of: with its time to
/// live (its lease) over, the member that leads proposes its end (nsw_locks_expired), and what it
/// held goes to the next in line. So a lock named after a role makes one member at a time the leader
/// of that role.
///
/// Each grant of a lock has a token, larger than all before of that lock. A session whose time is over
/// may not know it yet: what a lock guards must refuse tokens lower than the highest that it has seen
/// of this lock, and forget that one if the log begins anew. (Burrows, "The Chubby lock service for
/// loosely-coupled distributed systems", 2006, 2.4.) A holder may count on a lease until its time to
/// live after it first proposed the last step of its session that was applied and not NSW_LOCK_OLD or
/// NSW_LOCK_NO_SESSION, less what clocks differ. Time is not in the log: each member measures by its own
/// clock. The log is the caller's: entries of locks are marked there as such, if it has others, and a
/// member that finds one that it cannot read (of a later version, say) does not go on without it. Steps
/// take time that grows with the number of claims, the end of a session that has many, and
/// nsw_locks_load, with its square. One thread at a time.
pub struct nsw_locks {
    _opaque: [u8; 0],
}

impl Object for Locks<'static> {
    type C = nsw_locks;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsLo");
}

/// # Safety
/// `config` is NULL or a configuration.
unsafe fn read(config: *const nsw_locks_config) -> Result<LocksConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    let default = LocksConfig::default();
    Ok(LocksConfig {
        sessions: count(c.sessions, default.sessions),
        claims: count(c.claims, default.claims),
        name: count(c.name, default.name),
    })
}

/// The memory that it takes: the one block that nsw_locks_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range.
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_locks_footprint(
    config: *const nsw_locks_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<Locks<'static>>(size, align, || Locks::footprint(&read(config)?)) }
}

/// Makes it, in one block of `memory` (NULL: the system's heap). Nobody has anything; the log begins.
/// The caller owns `*locks` and ends it with nsw_locks_destroy.
///
/// Errors: those of nsw_locks_footprint, NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*locks` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_locks_create(
    config: *const nsw_locks_config,
    memory: *const nsw_allocator,
    locks: *mut *mut nsw_locks,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Locks<'static>, _>(
            memory,
            locks,
            || read(config).and_then(|config| Ok((Locks::footprint(&config)?, config))),
            |piece, config| Locks::in_piece(&config, piece),
        )
    }
}

/// Destroys it and gives its block back. NULL is fine, and so is an already destroyed one whose
/// memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_locks_destroy(locks: *mut nsw_locks) {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::destroy::<Locks<'static>>(locks) };
}

/// The next entry of the log, which has the index `index`: `*result`, whose `size` the caller has
/// set, tells what it did; NULL is fine. It is applied once and in its order by all members, whoever
/// proposed it. `now_us` is this member's clock, which never goes back. What waited and was given a
/// lock by this entry has its index as `token` afterwards: nsw_locks_claim.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for an index
/// that is not larger than the last, or UINT64_MAX, NSW_ERR_LOCK_FORMAT for an entry that is none of locks. Nothing
/// was changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_locks_apply(
    locks: *mut nsw_locks,
    index: u64,
    entry: *const u8,
    entry_len: usize,
    now_us: u64,
    result: *mut nsw_lock_result,
) -> nsw_status {
    let apply = |locks: &mut Locks<'static>| {
        if !result.is_null() {
            // SAFETY: NULL or what it should be, by the documentation above.
            unsafe { structs::check(result) }?;
        }
        // SAFETY: as above.
        let outcome = locks.apply(index, unsafe { input(entry, entry_len) }?, now_us)?;
        if result.is_null() {
            return Ok(());
        }
        // SAFETY: as above.
        unsafe { structs::write(result, &outcome.into()) }
    };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<Locks<'static>>(locks, apply) }
}

/// Fills the caller's struct with what there is, if anything.
///
/// # Safety
/// `locks` and `to` are NULL or what they should be.
unsafe fn found<T: Versioned>(
    locks: *const nsw_locks,
    to: *mut T,
    find: impl FnOnce(&Locks<'static>) -> Result<Option<T>>,
) -> nsw_status {
    // SAFETY: the caller's word.
    let fill = |locks: &Locks<'static>| unsafe { structs::fill(to, || find(locks)) };
    // SAFETY: the caller's word.
    status_or(unsafe { with_ref::<Locks<'static>, _>(locks, fill) }, NSW_DONE)
}

/// Who holds a lock: fills `*claim`, whose `size` the caller has set. NSW_DONE if nobody does (it is
/// as it was then).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_locks_holder(
    locks: *const nsw_locks,
    name: *const u8,
    name_len: usize,
    claim: *mut nsw_lock_claim,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        found(locks, claim, |l| Ok(l.holder(input(name, name_len)?).map(nsw_lock_claim::from)))
    }
}

/// The claim at this place, from 0, in the order in which they were made: fills `*claim`, whose
/// `size` the caller has set. NSW_DONE if there are no more (it is as it was then).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_locks_claim(
    locks: *const nsw_locks,
    place: usize,
    claim: *mut nsw_lock_claim,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { found(locks, claim, |l| Ok(l.claims().nth(place).map(nsw_lock_claim::from))) }
}

/// The session at this place, from 0, by their numbers: fills `*session`, whose `size` the caller has
/// set. NSW_DONE if there are no more (it is as it was then).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_locks_session(
    locks: *const nsw_locks,
    place: usize,
    session: *mut nsw_lock_session,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { found(locks, session, |l| Ok(l.sessions().nth(place).map(nsw_lock_session::from))) }
}

/// A session whose time is over: for the member that leads, to propose its end, and to ask for the
/// next. Fills `*entry`, whose `size` the caller has set, for nsw_lock_entry_write. It is told again
/// after another such time, but a second at most, if it is still there then: so nothing is lost when it
/// could not be proposed. NSW_DONE if there is none (it is as it was then).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_locks_expired(
    locks: *mut nsw_locks,
    now_us: u64,
    entry: *mut nsw_lock_entry,
) -> nsw_status {
    let next = |locks: &mut Locks<'static>| {
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { structs::fill(entry, || Ok(locks.expired(now_us).map(nsw_lock_entry::from))) }
    };
    // SAFETY: NULL or what it should be, by the documentation above.
    status_or(unsafe { with_mut::<Locks<'static>, _>(locks, next) }, NSW_DONE)
}

/// Gives all sessions their whole time: for a member that begins to lead, since nobody could be heard
/// of while none did.
///
/// Errors: those of a bad handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_locks_renew_all(locks: *mut nsw_locks, now_us: u64) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Locks<'static>>(locks, |l| {
            l.renew_all(now_us);
            Ok(())
        })
    }
}

/// What the log has said so far, as bytes, into `out`, which has room for `out_cap` bytes: with a
/// snapshot of the log. Their number goes to `*out_len`, which may be NULL. Members that have applied
/// the same entries write the same bytes.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL
/// (`*out_len` tells how many it takes).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_locks_save(
    locks: *const nsw_locks,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    let save = |l: &Locks<'static>| {
        // SAFETY: NULL or what it should be, by the documentation above.
        let out = unsafe { output.take(l.saved_len(), &bytes_at::<u8>(core::ptr::null())) }?;
        l.save(out).map(drop)
    };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Locks<'static>>(locks, save) }
}

/// Becomes what another has saved (nsw_locks_save), in place of what it was. All sessions have their
/// whole time.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_LOCK_FORMAT for bytes that are none or say what
/// cannot be, NSW_ERR_INVALID for one with other settings. Nothing was changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_locks_load(
    locks: *mut nsw_locks,
    bytes: *const u8,
    len: usize,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<Locks<'static>>(locks, |l| l.load(input(bytes, len)?, now_us)) }
}

/// How it stands: fills `*info`, whose `size` the caller has set.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_locks_describe(
    locks: *const nsw_locks,
    info: *mut nsw_locks_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Locks<'static>>(locks, |l| {
            let filled = nsw_locks_info {
                size: 0,
                sessions: l.sessions().len() as u32,
                claims: l.claims().len() as u32,
                saved_len: l.saved_len() as u32,
                applied: l.applied(),
                wake_us: l.wake_at(),
            };
            structs::write(info, &filled)
        })
    }
}
