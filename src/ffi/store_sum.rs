//! Stores: counters and sketches.

use super::handle::{call_mut, call_ref};
use super::slices::{input, put};
use super::status::nsw_status;
use super::store::{nsw_store, nsw_store_key};
use crate::crdt::{Key, Store};

/// Counts `by` upwards with a counter of either kind; 0 changes nothing. What is counted
/// with it next is mostly part of the same change, as long as nothing else happens here and
/// nothing is told or kept: so it takes little, and no room in the log.
///
/// Errors: those of a bad handle, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND if `counter` is
/// not an open counter, NSW_ERR_OVERFLOW if this replica's part would be more than INT64_MAX,
/// or after 2^40 - 1 changes of this replica, NSW_ERR_CAPACITY without room for a part of at
/// most 50 bytes, NSW_ERR_CRDT_OWN if others know of later counts of this replica. Nothing
/// changes then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_increment(
    store: *mut nsw_store,
    counter: nsw_store_key,
    by: u64,
) -> nsw_status {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, |s| s.increment(Key::from_bits(counter), by)) }
}

/// Counts `by` downwards with a counter that can; 0 changes nothing.
///
/// Errors: those of nsw_store_increment, and NSW_ERR_CRDT_KIND for one that only grows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_decrement(
    store: *mut nsw_store,
    counter: nsw_store_key,
    by: u64,
) -> nsw_status {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, |s| s.decrement(Key::from_bits(counter), by)) }
}

/// What a counter of either kind says: `*total` is the sum of what all have counted, as
/// far as it has come.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `counter` is not an open counter, NSW_ERR_OVERFLOW if the sum is no int64_t.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_total(
    store: *const nsw_store,
    counter: nsw_store_key,
    total: *mut i64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Store<'static>>(store, |s| put(total, s.total(Key::from_bits(counter))?)) }
}

/// Sums up `element[0..element_len]` in a sketch, `times` times: how often does not matter
/// to a HyperLogLog, but 0 times change nothing.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `sketch` is not an open sketch, NSW_ERR_CAPACITY without room for its cells, which it
/// needs once, NSW_ERR_OVERFLOW if a count would be more than UINT32_MAX, or after 2^40 - 1
/// changes of this replica. Nothing changes then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_observe(
    store: *mut nsw_store,
    sketch: nsw_store_key,
    element: *const u8,
    element_len: usize,
    times: u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Store<'static>>(store, |s| {
            s.observe(Key::from_bits(sketch), input(element, element_len)?, times)
        })
    }
}

/// How many different elements a HyperLogLog has seen, about: `*count`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `sketch` is not an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_cardinality(
    store: *const nsw_store,
    sketch: nsw_store_key,
    count: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Store<'static>>(store, |s| put(count, s.cardinality(Key::from_bits(sketch))?))
    }
}

/// How often a Count-Min sketch has seen `element[0..element_len]`: `*count` is never less
/// than it was, and seldom more.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `sketch` is not an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_frequency(
    store: *const nsw_store,
    sketch: nsw_store_key,
    element: *const u8,
    element_len: usize,
    count: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Store<'static>>(store, |s| {
            let element = input(element, element_len)?;
            put(count, s.frequency(Key::from_bits(sketch), element)?)
        })
    }
}
