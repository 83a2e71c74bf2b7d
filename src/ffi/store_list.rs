//! Lists in stores.

use super::handle::{call_mut, call_ref};
use super::slices::{Output, bytes_of, copy, input, read_text, tell};
use super::status::nsw_status;
use super::store::{nsw_store, nsw_store_key};
use crate::crdt::{Key, Store};

/// Puts `element[0..element_len]` into a list, before the one that is at `index` now, or at
/// the end if that is how many there are. It stays between its neighbours, wherever others
/// put theirs. What several replicas put in the same place at the same time stands one behind
/// the other, each replica's together if it came in one row, forwards or backwards.
///
/// An element has a position of some 6 bytes, more the more often something was put in
/// between two of the same row: at most 1,022.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `list` is not an open list, NSW_ERR_INVALID for an index that is more than there are,
/// NSW_ERR_LENGTH for more than NSW_STORE_MAX_ELEMENT bytes, NSW_ERR_CAPACITY without room or
/// if the position would be longer than it may, NSW_ERR_OVERFLOW after 2^40 - 1 changes of
/// this replica. Nothing changes then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_insert(
    store: *mut nsw_store,
    list: nsw_store_key,
    index: usize,
    element: *const u8,
    element_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Store<'static>>(store, |s| {
            s.insert(Key::from_bits(list), index, input(element, element_len)?)
        })
    }
}

/// Puts each character of `text[0..text_len]`, which is UTF-8, into a list as an element, as
/// with nsw_store_insert: all of them or none. `*count` is how many there are, which is how
/// many changes they take (may be NULL).
///
/// Errors: those of nsw_store_insert, and NSW_ERR_INVALID for what is no UTF-8. `*count` is 0
/// then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_insert_text(
    store: *mut nsw_store,
    list: nsw_store_key,
    index: usize,
    text: *const u8,
    text_len: usize,
    count: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Store<'static>>(store, |s| {
            tell(count, 0)?;
            let text = read_text(text.cast(), text_len)?;
            tell(count, s.insert_text(Key::from_bits(list), index, text)?)
        })
    }
}

/// Removes `count` elements of a list, from the one at `index` on: one change each, all or
/// none. It needs no room.
///
/// Errors: those of a bad handle, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND if `list` is not an
/// open list, NSW_ERR_INVALID if there are not so many, NSW_ERR_OVERFLOW if fewer changes
/// are left to this replica, NSW_ERR_CAPACITY if changes that have not come are undone by it
/// and cannot be remembered. Nothing changes then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_remove_at(
    store: *mut nsw_store,
    list: nsw_store_key,
    index: usize,
    count: usize,
) -> nsw_status {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe {
        call_mut::<Store<'static>>(store, |s| s.remove_at(Key::from_bits(list), index, count))
    }
}

/// The element of a list at an index, `element[0..*element_len]`. nsw_store_element goes
/// through all of them.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `list` is not an open list, NSW_ERR_INVALID if there are not so many,
/// NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_element_at(
    store: *const nsw_store,
    list: nsw_store_key,
    index: usize,
    element: *mut u8,
    element_cap: usize,
    element_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: element, capacity: element_cap, len: element_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Store<'static>>(store, |s| {
            copy(output, s.element_at(Key::from_bits(list), index)?)
        })
    }
}

/// All elements of a list, one behind the other: `text[0..*text_len]`. Nothing ends it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_KEY and NSW_ERR_CRDT_KIND
/// if `list` is not an open list, NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_text(
    store: *const nsw_store,
    list: nsw_store_key,
    text: *mut u8,
    text_cap: usize,
    text_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: text, capacity: text_cap, len: text_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Store<'static>>(store, |s| {
            let list = Key::from_bits(list);
            let len = s.text_len(list)?;
            s.text(list, output.take(len, &bytes_of::<u8>(&[]))?).map(|_| ())
        })
    }
}
