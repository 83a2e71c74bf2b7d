//! Changes of a store that become visible together.

use super::handle::call_mut;
use super::status::nsw_status;
use super::store::nsw_store;
use crate::crdt::Store;

/// Begins a transaction: what this replica changes from now on until nsw_store_commit
/// becomes visible at every other replica together, also at one that has it from a third.
/// Here it is visible as it is done; nothing takes it back. `items` items, and `bytes` bytes
/// of those that nsw_store_config counts, are sure to be free: changes that need no more of
/// them find room. Open the keys before, since that takes from them. All of a transaction
/// has to fit into a frame of nsw_store_delta, and into the log, or else peers need
/// nsw_store_state. While one is open, calls that tell of the store (nsw_store_delta and the
/// like), keep it (nsw_store_save, nsw_store_journal and those of nsw_host_storage), take
/// something in, or forget a replica answer NSW_ERR_CRDT_TRANSACTION. A digest brings values one by one: until both are equal
/// (nsw_store_reconcile) a peer may have a part of a transaction.
///
/// Errors: those of a bad handle, NSW_ERR_CAPACITY without that much room,
/// NSW_ERR_CRDT_TRANSACTION if one is open. Nothing begins then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_begin_transaction(
    store: *mut nsw_store,
    items: usize,
    bytes: usize,
) -> nsw_status {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, |s| s.begin_transaction(items, bytes)) }
}

/// Ends a transaction: from now on others are told of it. One without changes is nothing.
///
/// Errors: those of a bad handle, NSW_ERR_CRDT_TRANSACTION if none is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_commit(store: *mut nsw_store) -> nsw_status {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, Store::commit) }
}
