//! What is in a store.

use super::handle::{call_ref, with_ref};
use super::slices::{Output, bytes_of, copy, input, put, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::store::{kind_of, nsw_store, nsw_store_key};
use super::structs::check_pointer;
use crate::crdt::{Dot, HybridTime, Key, KeyCursor, KeyEntry, ReplicaId, Store};
use crate::error::Result;

/// Tells the caller which key was found, nothing for none; whether there is one.
///
/// # Safety
/// As [`Output::take`], beside which `apart` lies; `kind` is NULL or writable.
pub(super) unsafe fn tell_entry(
    output: Output<u8>,
    apart: &[u8],
    kind: *mut u32,
    found: Option<KeyEntry<'_>>,
) -> Result<bool> {
    let name = found.map_or(&[][..], |entry| entry.name);
    // SAFETY: the caller's word.
    unsafe {
        output.take(name.len(), &bytes_of(apart))?.copy_from_slice(name);
        put(kind, found.map_or(0, |entry| entry.kind as u32))?;
    }
    Ok(found.is_some())
}

/// This replica's number.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_replica(
    store: *const nsw_store,
    replica: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Store<'static>>(store, |s| put(replica, s.replica().0)) }
}

/// How many changes of a replica have come, without a gap; 0 if it is not known.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_seen(
    store: *const nsw_store,
    replica: u64,
    seen: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Store<'static>>(store, |s| put(seen, s.seen(ReplicaId(replica)))) }
}

/// Whether the `seq`-th change of a replica, from 1 on, has come: `*has` is 1 or 0.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_has(
    store: *const nsw_store,
    replica: u64,
    seq: u64,
    has: *mut u32,
) -> nsw_status {
    let dot = Dot { replica: ReplicaId(replica), seq };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Store<'static>>(store, |s| put(has, s.has(dot).into())) }
}

/// Whether `element[0..element_len]` is in a set: `*is_in` is 1 or 0.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `set` is not an open set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_contains(
    store: *const nsw_store,
    set: nsw_store_key,
    element: *const u8,
    element_len: usize,
    is_in: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Store<'static>>(store, |s| {
            let element = input(element, element_len)?;
            put(is_in, s.contains(Key::from_bits(set), element)?.into())
        })
    }
}

/// How many elements a set or a list has, or keys a map: those that nsw_store_next_key does not
/// list are counted, too.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `key` is not an open one of those.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_count(
    store: *const nsw_store,
    key: nsw_store_key,
    count: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Store<'static>>(store, |s| put(count, s.count(Key::from_bits(key))?)) }
}

/// Whether a flag says yes: `*on` is 1 or 0.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `flag` is not an open flag.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_flag(
    store: *const nsw_store,
    flag: nsw_store_key,
    on: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Store<'static>>(store, |s| put(on, s.flag(Key::from_bits(flag))?.into())) }
}

/// The value of a register of the last writer, `value[0..*value_len]`, and when it was
/// assigned: `*stamp` (may be NULL) has the milliseconds since 1970 in its upper 48 bits
/// and a counter below. NSW_DONE if it has none; `*value_len` and `*stamp` are 0 then.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `reg` is not an open one of those, NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_last_written(
    store: *const nsw_store,
    reg: nsw_store_key,
    value: *mut u8,
    value_cap: usize,
    value_len: *mut usize,
    stamp: *mut u64,
) -> nsw_status {
    let output = Output { pointer: value, capacity: value_cap, len: value_len };
    let read = |s: &Store<'static>| {
        let written = s.last_written(Key::from_bits(reg))?;
        let (bytes, at) = written.unwrap_or((&[], HybridTime(0)));
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { tell(stamp, at.0).and_then(|()| copy(output, bytes)) }?;
        Ok(written.is_some())
    };
    // SAFETY: NULL or a store, by the documentation above.
    status_or(unsafe { with_ref::<Store<'static>, _>(store, read) }, NSW_DONE)
}

/// The number of a register of the greatest or the smallest one. NSW_DONE if it has
/// none; `*number` is 0 then.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `reg` is not an open one of those.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_extreme(
    store: *const nsw_store,
    reg: nsw_store_key,
    number: *mut i64,
) -> nsw_status {
    let read = |s: &Store<'static>| {
        let found = s.extreme(Key::from_bits(reg))?;
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { put(number, found.unwrap_or(0)) }?;
        Ok(found.is_some())
    };
    // SAFETY: NULL or a store, by the documentation above.
    status_or(unsafe { with_ref::<Store<'static>, _>(store, read) }, NSW_DONE)
}

/// The next element of a list, in order, or of a set, or value of a register of several,
/// in none: `element[0..*element_len]`. `*cursor` is 0 for the first one and goes on with each;
/// on an error it stays. NSW_DONE at the end; `*element_len` is 0 then. Every change of
/// the store makes cursors invalid: begin again with 0. One step takes the same time
/// however many there are.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `key` is not an open one of those, NSW_ERR_INVALID for a cursor that is none of
/// this key's, NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_element(
    store: *const nsw_store,
    key: nsw_store_key,
    cursor: *mut u64,
    element: *mut u8,
    element_cap: usize,
    element_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: element, capacity: element_cap, len: element_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    let next = |s: &Store<'static>| unsafe {
        check_pointer(cursor)?;
        match s.element_after(Key::from_bits(key), cursor.read())? {
            Some((bytes, behind)) => {
                copy(output, bytes)?;
                cursor.write(behind);
                Ok(true)
            }
            None => tell(element_len, 0).map(|()| false),
        }
    };
    // SAFETY: NULL or a store, by the documentation above.
    status_or(unsafe { with_ref::<Store<'static>, _>(store, next) }, NSW_DONE)
}

/// The next key of a map, by the bytes of names and then by kind: its name,
/// `next[0..*next_len]`, and its kind, `*next_kind`. With a `kind` it is the key behind
/// the one of that kind under `name[0..name_len]`, which need not be there (any more);
/// with a `kind` of 0 the first one from that name on, which may be a prefix, or empty
/// for the beginning. NSW_DONE if there is none; `*next_len` and `*next_kind` are 0 then.
/// Keys with nothing in them, held open or for a set's removals alone, are not listed. The
/// name may lie where the next one is to be: so a loop can go on with one buffer.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for what is no kind,
/// NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND if `map` is not an open map,
/// NSW_ERR_BUFFER_TOO_SMALL. Nothing but `*next_len` is written then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_next_key(
    store: *const nsw_store,
    map: nsw_store_key,
    name: *const u8,
    name_len: usize,
    kind: u32,
    next: *mut u8,
    next_cap: usize,
    next_len: *mut usize,
    next_kind: *mut u32,
) -> nsw_status {
    let output = Output { pointer: next, capacity: next_cap, len: next_len };
    // SAFETY: NULL or what it should be, by the documentation above. The caller's name is
    // not looked at any more when the next one is written.
    let find = |s: &Store<'static>| unsafe {
        check_pointer(next_kind)?;
        let name = input(name, name_len)?;
        let after = match kind {
            0 => KeyCursor::From(name),
            kind => KeyCursor::After(KeyEntry { name, kind: kind_of(kind)? }),
        };
        tell_entry(output, &[], next_kind, s.next_key(Key::from_bits(map), after)?)
    };
    // SAFETY: NULL or a store, by the documentation above.
    status_or(unsafe { with_ref::<Store<'static>, _>(store, find) }, NSW_DONE)
}
