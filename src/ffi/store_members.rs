//! Stores: who takes part, and what is dropped when all have it.

use super::handle::{call_mut, call_ref, with_ref};
use super::slices::{put, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::store::nsw_store;
use crate::crdt::{ReplicaId, Store};

/// The known replicas one by one: `*replica` is the `index`-th, from 0 on, this one first.
/// NSW_DONE behind the last one. Admitting and forgetting change their places.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_member(
    store: *const nsw_store,
    index: usize,
    replica: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    let member = |s: &Store<'static>| unsafe {
        match s.members().nth(index) {
            Some(id) => put(replica, id.0).map(|()| true),
            None => Ok(false),
        }
    };
    // SAFETY: NULL or a store, by the documentation above.
    status_or(unsafe { with_ref::<Store<'static>, _>(store, member) }, NSW_DONE)
}

/// Makes a replica known before its first change has come: what is stable waits for it,
/// too. Do this at all replicas for each that takes part. A replica that joins takes in what
/// a member has before it changes anything.
///
/// Errors: those of a bad handle, NSW_ERR_CAPACITY if there are as many as there may be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_admit(store: *mut nsw_store, replica: u64) -> nsw_status {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, |s| s.admit(ReplicaId(replica))) }
}

/// A replica is waited for no more, and nothing is to be taken from it: it was removed
/// from those who take part, which all are to agree on. It can be admitted again as long as
/// nobody has collected anything since. Snapshots do not tell of it.
///
/// Errors: those of a bad handle, NSW_ERR_CRDT_MEMBER for this replica itself, and for
/// one that is not known, NSW_ERR_CRDT_NOT_EMPTY while a snapshot is being loaded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_retire(store: *mut nsw_store, replica: u64) -> nsw_status {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, |s| s.retire(ReplicaId(replica))) }
}

/// Makes what a retired replica put in or counted this one's own: one replica is to do it,
/// and all the others hear of it as of every change. Values stay what they are. `*count` (may be
/// NULL) is how many items and parts of counters were adopted. What a Count-Min sketch
/// counted stays with the one that counted it.
///
/// Errors: those of a bad handle, NSW_ERR_CRDT_MEMBER if it is not retired,
/// NSW_ERR_CAPACITY without room for the sums of counters, NSW_ERR_OVERFLOW if one would be no
/// int64_t, or after 2^40 - 1 changes of this replica. What was adopted before stays so;
/// `*count` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_adopt(
    store: *mut nsw_store,
    replica: u64,
    count: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Store<'static>>(store, |s| {
            tell(count, 0)?;
            tell(count, s.adopt(ReplicaId(replica))?)
        })
    }
}

/// Forgets a retired replica of which nothing is left: what it put in or counted was
/// removed, or adopted and collected, and all have all of its changes. Its place is free for
/// another one. All forget the same replicas in the same order; those that have not yet do not
/// understand each other (NSW_ERR_CRDT_GENERATION) until they have. So a replica that comes back
/// after it was forgotten is refused: it begins again with another number, in an empty store.
///
/// Errors: those of a bad handle, NSW_ERR_CRDT_MEMBER if it is not retired, or something
/// is left of it, or somebody may lack changes of it. Nothing changes then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_forget(store: *mut nsw_store, replica: u64) -> nsw_status {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, |s| s.forget(ReplicaId(replica))) }
}

/// How many replicas were forgotten: `*generation`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_generation(
    store: *const nsw_store,
    generation: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Store<'static>>(store, |s| put(generation, s.generation())) }
}

/// How many changes of a replica all have, as far as is known here: `*seq`. All are those
/// that are known and not retired; what they have is known by their contexts, digests and
/// states that came here.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_stable(
    store: *const nsw_store,
    replica: u64,
    seq: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Store<'static>>(store, |s| put(seq, s.stable(ReplicaId(replica)))) }
}

/// Drops what all have and says only that something is not there: removals of remove-wins
/// sets and disable-wins flags with the additions that they win against; and what this replica,
/// or one that is retired, had counted before counters were cleared. Values stay what they are.
/// `*count` (may be NULL) is how many were dropped: each is a change of this replica. For sets and
/// flags one replica that does it now and then is enough, for counters each does.
///
/// Errors: those of a bad handle, NSW_ERR_OVERFLOW after 2^40 - 1 changes of this
/// replica, NSW_ERR_CRDT_NOT_EMPTY while a snapshot is being loaded; `*count` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_collect(store: *mut nsw_store, count: *mut usize) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Store<'static>>(store, |s| {
            tell(count, 0)?;
            tell(count, s.collect()?)
        })
    }
}
