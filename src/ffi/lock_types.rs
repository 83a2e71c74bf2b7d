//! What locks are told and tell.

use super::slices::{Output, bytes_at, input};
use super::status;
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::consensus::locks::{
    Claim, LEAST_TTL_US, LockAction, LockEntry, LockOutcome, LockSession, MOST_LOCK_ENTRY,
    MOST_LOCK_NAME, MOST_TTL_US,
};
use crate::error::{Error, Result};

/// The most bytes of a lock's or barrier's name.
pub const NSW_LOCK_MOST_NAME: u32 = 64;
/// The most bytes of an entry of the log.
pub const NSW_LOCK_MOST_ENTRY: u32 = 98;
/// The shortest time of a session, in microseconds: a millisecond.
pub const NSW_LOCK_LEAST_TTL_US: u64 = 1_000;
/// The longest, in microseconds: a day.
pub const NSW_LOCK_MOST_TTL_US: u64 = 86_400_000_000;

const _: () = assert!(
    NSW_LOCK_MOST_NAME as usize == MOST_LOCK_NAME
        && NSW_LOCK_MOST_ENTRY as usize == MOST_LOCK_ENTRY
        && NSW_LOCK_LEAST_TTL_US == LEAST_TTL_US
        && NSW_LOCK_MOST_TTL_US == MOST_TTL_US
);

/// The session begins; if there was one, of a member that has forgotten it, say, that one ends, and
/// gives back all that it holds. A copy that comes late can open a session that nobody knows of; it
/// ends when its time is over. `ttl_us`; `life` is 0.
pub const NSW_LOCK_OPEN: u32 = 0;
/// It goes on.
pub const NSW_LOCK_RENEW: u32 = 1;
/// It ends, and gives back all that it holds.
pub const NSW_LOCK_CLOSE: u32 = 2;
/// It wants a lock, or else goes without; one that waits for it already goes on waiting. `name`.
pub const NSW_LOCK_TRY: u32 = 3;
/// It wants a lock, and waits in line where another session holds it. `name`.
pub const NSW_LOCK_ACQUIRE: u32 = 4;
/// It gives a lock back, or waits for it no longer. `name`; `token`, 0: whether it waits or holds it by
/// now.
pub const NSW_LOCK_RELEASE: u32 = 5;
/// It has come to a barrier, and waits there for the others. `name`, `parties`.
pub const NSW_LOCK_ARRIVE: u32 = 6;
/// It waits at a barrier no longer. `name`.
pub const NSW_LOCK_WITHDRAW: u32 = 7;
/// Its time is over, says the member that leads: it ends unless it has done something since.
pub const NSW_LOCK_EXPIRE: u32 = 8;

/// The session went on, ended, gave back, or waits no longer.
pub const NSW_LOCK_DONE: u32 = 0;
/// The session holds the lock: `token`.
pub const NSW_LOCK_GRANTED: u32 = 1;
/// The session waits for the lock; `count` are before it, with the holder.
pub const NSW_LOCK_WAITING: u32 = 2;
/// Another session holds the lock, and this one did not want to wait: `session`, `token`.
pub const NSW_LOCK_HELD: u32 = 3;
/// The session waits at the barrier; `count` are still to come.
pub const NSW_LOCK_ARRIVED: u32 = 4;
/// The session was the last for which the others waited: the barrier was open, and is closed again.
/// The others have no claim any more; they see it by this entry.
pub const NSW_LOCK_PASSED: u32 = 5;
/// The session has done this, or a later step, already; or its end was proposed before it did
/// another. Nothing was changed.
pub const NSW_LOCK_OLD: u32 = 6;
/// There is no such session, or not in this life (any more). Nothing was changed.
pub const NSW_LOCK_NO_SESSION: u32 = 7;
/// The session does not hold the lock with this token, nor wait for it, or at the barrier. Nothing
/// was changed but the session's time and number.
pub const NSW_LOCK_NOT_HELD: u32 = 8;
/// There is no room for another session or claim, for so many parties, or for so long a name. Nothing
/// was changed but the session's time and number.
pub const NSW_LOCK_FULL: u32 = 9;
/// Those that wait at the barrier have named another number of parties. Nothing was changed but the
/// session's time and number.
pub const NSW_LOCK_MISMATCH: u32 = 10;
/// The session began; `token` is its life, to be named by all its steps.
pub const NSW_LOCK_OPENED: u32 = 11;

/// One step of a session, as it stands in the log. NSW_LOCK_ENTRY_INIT, then `session`, `life`,
/// `number`, `action`, and what that asks for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_lock_entry {
    /// sizeof(nsw_lock_entry); NSW_LOCK_ENTRY_INIT sets it.
    pub size: u32,
    /// What the session does: NSW_LOCK_OPEN to NSW_LOCK_EXPIRE. Each but the last gives it its whole
    /// time again, also where it is refused.
    pub action: u32,
    /// Whose step it is: a number that nobody else uses, such as that of a member of the swarm. Who may
    /// propose steps of a session is the caller's business.
    pub session: u64,
    /// The index of the entry that opened the session (NSW_LOCK_OPENED): steps of a life that is over do
    /// nothing. 0 for NSW_LOCK_OPEN.
    pub life: u64,
    /// The session's steps are numbered upwards, from 1 at the least. One with the number of the last
    /// that was applied, or a lower one, does nothing: so an entry may be proposed again, as it is, when
    /// it is not known whether it got into the log. Only the last: one that is overtaken by a later step
    /// does nothing any more, so that the next is best proposed when the one before was applied. A step
    /// that was refused has used its number up. Of NSW_LOCK_EXPIRE: the number of the last step that was
    /// seen.
    pub number: u64,
    /// NSW_LOCK_OPEN: so long it lives without another step, in microseconds, NSW_LOCK_LEAST_TTL_US to
    /// NSW_LOCK_MOST_TTL_US.
    pub ttl_us: u64,
    /// NSW_LOCK_RELEASE: the lock's token; 0: whether it waits or holds it by now.
    pub token: u64,
    /// NSW_LOCK_ARRIVE: so many sessions open the barrier when they are all there, 1 to 65,535: the
    /// same number from each. Not more than there can be sessions, and claims less one.
    pub parties: u32,
    /// Bytes of the name, 1 to NSW_LOCK_MOST_NAME where one is asked for.
    pub name_len: u32,
    /// Of the lock or barrier: bytes, not text. Barriers and locks may have the same names.
    pub name: *const u8,
    /// 0.
    pub reserved: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_lock_entry {
    const LEAST: usize = size_of::<nsw_lock_entry>();
}

/// What an entry did: the same at all members. NSW_LOCK_RESULT_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_lock_result {
    /// sizeof(nsw_lock_result); NSW_LOCK_RESULT_INIT sets it.
    pub size: u32,
    /// NSW_LOCK_DONE to NSW_LOCK_OPENED.
    pub outcome: u32,
    /// NSW_LOCK_GRANTED, NSW_LOCK_HELD: the token, to show to what the lock guards; NSW_LOCK_OPENED: the
    /// session's life; else 0.
    pub token: u64,
    /// NSW_LOCK_HELD: the session that holds it; else 0.
    pub session: u64,
    /// NSW_LOCK_WAITING: those before it; NSW_LOCK_ARRIVED: those still to come; else 0.
    pub count: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_lock_result {
    const LEAST: usize = size_of::<nsw_lock_result>();
}

/// A lock that a session holds or waits for, or a barrier at which it waits. NSW_LOCK_CLAIM_INIT
/// before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_lock_claim {
    /// sizeof(nsw_lock_claim); NSW_LOCK_CLAIM_INIT sets it.
    pub size: u32,
    /// Bytes of the name.
    pub name_len: u32,
    /// Whose it is.
    pub session: u64,
    /// The index of the entry that made it.
    pub since: u64,
    /// The index of the entry that granted the lock; 0 for one that waits, and at barriers.
    pub token: u64,
    /// So many open the barrier; 0 for a lock.
    pub parties: u32,
    /// 0.
    pub reserved: u32,
    /// Of the lock or barrier: the first `name_len` of these bytes.
    pub name: [u8; 64],
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_lock_claim {
    const LEAST: usize = size_of::<nsw_lock_claim>();
}

/// A session. NSW_LOCK_SESSION_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_lock_session {
    /// sizeof(nsw_lock_session); NSW_LOCK_SESSION_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Its number.
    pub session: u64,
    /// The index of the entry that opened it.
    pub life: u64,
    /// The number of its last step.
    pub number: u64,
    /// So long it lives without another, in microseconds.
    pub ttl_us: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_lock_session {
    const LEAST: usize = size_of::<nsw_lock_session>();
}

/// # Safety
/// `entry` is NULL or an entry, whose name is what it says for `'a`.
unsafe fn read_entry<'a>(entry: *const nsw_lock_entry) -> Result<LockEntry<'a>> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(entry) }?;
    if c.reserved != 0 {
        return Err(Error::Invalid);
    }
    // SAFETY: the caller's word.
    let name = || unsafe { input(c.name, c.name_len as usize) };
    let action = match c.action {
        NSW_LOCK_OPEN => LockAction::Open { ttl_us: c.ttl_us },
        NSW_LOCK_RENEW => LockAction::Renew,
        NSW_LOCK_CLOSE => LockAction::Close,
        NSW_LOCK_TRY => LockAction::Acquire { name: name()?, wait: false },
        NSW_LOCK_ACQUIRE => LockAction::Acquire { name: name()?, wait: true },
        NSW_LOCK_RELEASE => LockAction::Release { name: name()?, token: c.token },
        NSW_LOCK_ARRIVE => LockAction::Arrive {
            name: name()?,
            parties: c.parties.try_into().map_err(|_| Error::Invalid)?,
        },
        NSW_LOCK_WITHDRAW => LockAction::Withdraw { name: name()? },
        NSW_LOCK_EXPIRE => LockAction::Expire,
        _ => return Err(Error::Invalid),
    };
    Ok(LockEntry { session: c.session, life: c.life, number: c.number, action })
}

impl From<LockEntry<'_>> for nsw_lock_entry {
    fn from(entry: LockEntry<'_>) -> nsw_lock_entry {
        let (mut ttl_us, mut token, mut parties, mut name): (_, _, _, &[u8]) = (0, 0, 0, &[]);
        let action = match entry.action {
            LockAction::Open { ttl_us: ttl } => {
                ttl_us = ttl;
                NSW_LOCK_OPEN
            }
            LockAction::Renew => NSW_LOCK_RENEW,
            LockAction::Close => NSW_LOCK_CLOSE,
            LockAction::Acquire { name: of, wait } => {
                name = of;
                if wait { NSW_LOCK_ACQUIRE } else { NSW_LOCK_TRY }
            }
            LockAction::Release { name: of, token: held } => {
                (name, token) = (of, held);
                NSW_LOCK_RELEASE
            }
            LockAction::Arrive { name: of, parties: all } => {
                (name, parties) = (of, all.into());
                NSW_LOCK_ARRIVE
            }
            LockAction::Withdraw { name: of } => {
                name = of;
                NSW_LOCK_WITHDRAW
            }
            LockAction::Expire => NSW_LOCK_EXPIRE,
        };
        nsw_lock_entry {
            size: 0,
            action,
            session: entry.session,
            life: entry.life,
            number: entry.number,
            ttl_us,
            token,
            parties,
            name_len: name.len() as u32,
            name: if name.is_empty() { core::ptr::null() } else { name.as_ptr() },
            reserved: 0,
        }
    }
}

impl From<LockOutcome> for nsw_lock_result {
    fn from(outcome: LockOutcome) -> nsw_lock_result {
        let (outcome, token, session, count) = match outcome {
            LockOutcome::Opened { life } => (NSW_LOCK_OPENED, life, 0, 0),
            LockOutcome::Done => (NSW_LOCK_DONE, 0, 0, 0),
            LockOutcome::Granted { token } => (NSW_LOCK_GRANTED, token, 0, 0),
            LockOutcome::Waiting { ahead } => (NSW_LOCK_WAITING, 0, 0, ahead),
            LockOutcome::Held { session, token } => (NSW_LOCK_HELD, token, session, 0),
            LockOutcome::Arrived { missing } => (NSW_LOCK_ARRIVED, 0, 0, missing),
            LockOutcome::Passed => (NSW_LOCK_PASSED, 0, 0, 0),
            LockOutcome::Old => (NSW_LOCK_OLD, 0, 0, 0),
            LockOutcome::NoSession => (NSW_LOCK_NO_SESSION, 0, 0, 0),
            LockOutcome::NotHeld => (NSW_LOCK_NOT_HELD, 0, 0, 0),
            LockOutcome::Full => (NSW_LOCK_FULL, 0, 0, 0),
            LockOutcome::Mismatch => (NSW_LOCK_MISMATCH, 0, 0, 0),
        };
        nsw_lock_result { size: 0, outcome, token, session, count: count as u32, reserved: 0 }
    }
}

impl From<Claim<'_>> for nsw_lock_claim {
    fn from(claim: Claim<'_>) -> nsw_lock_claim {
        let mut name = [0; 64];
        if let Some(place) = name.get_mut(..claim.name.len()) {
            place.copy_from_slice(claim.name);
        }
        nsw_lock_claim {
            size: 0,
            name_len: claim.name.len() as u32,
            session: claim.session,
            since: claim.since,
            token: claim.token,
            parties: claim.parties.into(),
            reserved: 0,
            name,
        }
    }
}

impl From<LockSession> for nsw_lock_session {
    fn from(about: LockSession) -> nsw_lock_session {
        let LockSession { session, life, number, ttl_us } = about;
        nsw_lock_session { size: 0, reserved: 0, session, life, number, ttl_us }
    }
}

/// Writes an entry as it stands in a log into `out`, which has room for `out_cap` bytes; their number,
/// NSW_LOCK_MOST_ENTRY at most, goes to `*out_len`, which may be NULL. Any thread.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for what is outside its range, or for
/// an `out` that overlaps the entry, NSW_ERR_BUFFER_TOO_SMALL (`*out_len` tells how many it takes).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_lock_entry_write(
    entry: *const nsw_lock_entry,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    let write = || {
        let mut bytes = [0; MOST_LOCK_ENTRY];
        // SAFETY: NULL or what it should be, by the documentation above.
        let len = unsafe { read_entry(entry) }?.encode(&mut bytes)?;
        let bytes = bytes.get(..len).unwrap_or_default();
        // SAFETY: as above.
        unsafe { output.take(len, &bytes_at(entry)) }?.copy_from_slice(bytes);
        Ok(())
    };
    status(write())
}

/// What an entry of a log says: fills `*entry`, whose `size` the caller has set; `name` leads into
/// `bytes`. Any thread.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LOCK_FORMAT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_lock_entry_read(
    bytes: *const u8,
    len: usize,
    entry: *mut nsw_lock_entry,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    let read = || unsafe {
        structs::check(entry)?;
        structs::write(entry, &LockEntry::decode(input(bytes, len)?)?.into())
    };
    status(read())
}
