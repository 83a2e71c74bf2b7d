//! Keys of a store whose names begin alike.

use super::handle::with_ref;
use super::slices::{Output, input};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::store::{kind_of, nsw_store, nsw_store_key};
use super::store_read::tell_entry;
use super::structs::check_pointer;
use crate::crdt::{Key, KeyEntry, Store};

/// nsw_store_next_key for the keys of a map whose names begin with `prefix[0..prefix_len]`
/// alone: NSW_DONE behind the last of these; `*next_len` and `*next_kind` are 0 then. With a
/// `kind` of 0 it is the first one, and the name is not looked at; else the one behind that
/// of the `kind` under `name[0..name_len]`. The name may lie where the next one is to be, the
/// prefix may not.
///
/// Errors: those of nsw_store_next_key, and NSW_ERR_INVALID if the prefix lies in the
/// buffer. Nothing but `*next_len` is written then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_scan(
    store: *const nsw_store,
    map: nsw_store_key,
    prefix: *const u8,
    prefix_len: usize,
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
        let prefix = input(prefix, prefix_len)?;
        let last = match kind {
            0 => None,
            kind => Some(KeyEntry { name: input(name, name_len)?, kind: kind_of(kind)? }),
        };
        let found = s.next_with_prefix(Key::from_bits(map), prefix, last)?;
        tell_entry(output, prefix, next_kind, found)
    };
    // SAFETY: NULL or a store, by the documentation above.
    status_or(unsafe { with_ref::<Store<'static>, _>(store, find) }, NSW_DONE)
}
