//! Watched keys of a store.

use core::ffi::c_void;

use super::handle::{call_mut, with_mut};
use super::slices::{Output, bytes_of};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::store::{nsw_store, nsw_store_key};
use super::structs::{self, Versioned};
use crate::crdt::{Causes, Changed, Event, Key, Store};
use crate::error::{Error, Result};

/// A bit of `causes` of an event: the caller changed something, or loaded it.
pub const NSW_STORE_CAUSE_LOCAL: u32 = 1;
/// A bit of `causes` of an event: a frame did that nsw_store_merge took in, or a record of
/// nsw_store_replay.
pub const NSW_STORE_CAUSE_MERGED: u32 = 2;
/// A bit of `causes` of an event: a frame did that nsw_store_reconcile took in.
pub const NSW_STORE_CAUSE_RECONCILED: u32 = 4;

/// `what` of an event: the value of the watched key.
pub const NSW_STORE_CHANGED_ITSELF: u32 = 1;
/// `what` of an event: a key in the watched map, or something in the map of that name. It may
/// be gone.
pub const NSW_STORE_CHANGED_INSIDE: u32 = 2;
/// `what` of an event: more than could be noted; look at all of the watched key.
pub const NSW_STORE_CHANGED_MANY: u32 = 3;

/// Something changed in a watched key; maybe to what it was before. NSW_STORE_EVENT_INIT
/// before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_store_event {
    /// sizeof(nsw_store_event); NSW_STORE_EVENT_INIT sets it.
    pub size: u32,
    /// What changed it: one or more of the bits NSW_STORE_CAUSE_LOCAL and the like.
    pub causes: u32,
    /// The key that is watched.
    pub watched: nsw_store_key,
    /// What of it: NSW_STORE_CHANGED_ITSELF and the like.
    pub what: u32,
    /// For NSW_STORE_CHANGED_INSIDE the kind of the key in it (NSW_STORE_MAP and the like),
    /// else 0.
    pub kind: u32,
    /// For NSW_STORE_CHANGED_INSIDE the name of the key in it, else NULL.
    pub name: *const u8,
    /// How long the name is, in bytes.
    pub name_len: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_store_event {
    const LEAST: usize = size_of::<nsw_store_event>();
}

/// Who is told of changes in watched keys: NSW_STORE_WATCHER_INIT, then the hook.
///
/// The table is copied, so it need not outlive the call, but what `ctx` points to must
/// outlive the store, or be taken back by another call of nsw_store_set_watcher.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_store_watcher {
    /// sizeof(nsw_store_watcher); NSW_STORE_WATCHER_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Handed to the hook as it is.
    pub ctx: *mut c_void,
    /// Called for each event at the end of the call that changed something, on its thread;
    /// what a transaction changes at the end of nsw_store_commit. The event and its name are
    /// valid during the call only. A call on the store from within gets NSW_ERR_BUSY.
    /// Required.
    pub on_change: Option<unsafe extern "C" fn(ctx: *mut c_void, event: *const nsw_store_event)>,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_store_watcher {
    const LEAST: usize = size_of::<nsw_store_watcher>();
}

type OnChange = unsafe extern "C" fn(*mut c_void, *const nsw_store_event);

fn bits(causes: Causes) -> u32 {
    let bit = |set: bool, bit: u32| if set { bit } else { 0 };
    bit(causes.local, NSW_STORE_CAUSE_LOCAL)
        | bit(causes.merged, NSW_STORE_CAUSE_MERGED)
        | bit(causes.reconciled, NSW_STORE_CAUSE_RECONCILED)
}

impl From<Event<'_>> for nsw_store_event {
    fn from(event: Event<'_>) -> nsw_store_event {
        let (what, entry) = match event.changed {
            Changed::Itself => (NSW_STORE_CHANGED_ITSELF, None),
            Changed::Inside(entry) => (NSW_STORE_CHANGED_INSIDE, Some(entry)),
            Changed::Many => (NSW_STORE_CHANGED_MANY, None),
        };
        nsw_store_event {
            size: size_of::<nsw_store_event>() as u32,
            causes: bits(event.causes),
            watched: event.watched.to_bits(),
            what,
            kind: entry.map_or(0, |entry| entry.kind as u32),
            name: entry.map_or(core::ptr::null(), |entry| entry.name.as_ptr()),
            name_len: entry.map_or(0, |entry| entry.name.len()),
        }
    }
}

/// Tells the caller's hook, if there is one, what changed.
#[inline]
pub(super) fn tell_watcher(store: &mut Store<'static>) {
    let call = *store.hook.call.get_mut();
    if !call.is_null() && !store.in_transaction() {
        tell_hook(call, store);
    }
}

fn tell_hook(call: *mut c_void, store: &mut Store<'static>) {
    let ctx = *store.hook.ctx.get_mut();
    // SAFETY: it was such a function: see `nsw_store_set_watcher`.
    let on_change = unsafe { core::mem::transmute::<*mut c_void, OnChange>(call) };
    while let Some(event) = store.next_event() {
        // SAFETY: the hook's own documentation.
        unsafe { on_change(ctx, &event.into()) };
    }
}

/// Watches a key, which is open (NSW_STORE_ROOT is), and if it is a map all keys below it:
/// what changes there from now on is an event, told to the hook of nsw_store_set_watcher or
/// taken by nsw_store_next_event. To watch it twice is the same as once. It ends with
/// nsw_store_unwatch and when the key is closed for the last time.
///
/// Errors: those of a bad handle, NSW_ERR_CRDT_KEY if it is not open, NSW_ERR_CAPACITY for
/// more than `watches` of nsw_store_config.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_watch(store: *mut nsw_store, key: nsw_store_key) -> nsw_status {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, |s| s.watch(Key::from_bits(key))) }
}

/// Ends what nsw_store_watch began, if it did; events of it that were not taken are gone.
///
/// Errors: those of a bad handle, NSW_ERR_CRDT_KEY if the key is not open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_unwatch(
    store: *mut nsw_store,
    key: nsw_store_key,
) -> nsw_status {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, |s| s.unwatch(Key::from_bits(key))) }
}

/// Takes the oldest event: `*event` (NSW_STORE_EVENT_INIT), and its name, if it has one, in
/// `name[0..*name_len]`, where `event->name` points to. NSW_DONE when all are taken;
/// `*name_len` is 0 then. What changed several times before it was taken is one event. A key
/// that an event is about stays in its table until the next call, even if nothing is in it
/// any more. With a hook (nsw_store_set_watcher) there is nothing to take outside of a
/// transaction.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_BUFFER_TOO_SMALL: the event is not taken then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_next_event(
    store: *mut nsw_store,
    event: *mut nsw_store_event,
    name: *mut u8,
    name_cap: usize,
    name_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: name, capacity: name_cap, len: name_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    let next = |s: &mut Store<'static>| unsafe {
        let found = s.peek_event();
        let text = match found.map(|event| event.changed) {
            Some(Changed::Inside(entry)) => entry.name,
            _ => &[],
        };
        output.take(text.len(), &bytes_of::<u8>(&[]))?.copy_from_slice(text);
        if let Some(found) = found {
            let told = nsw_store_event::from(found);
            let name = if told.name.is_null() { told.name } else { output.pointer };
            structs::write(event, &nsw_store_event { name, ..told })?;
        }
        // What was told is taken, and what was taken before is not needed any more.
        Ok(s.next_event().is_some())
    };
    // SAFETY: NULL or a store, by the documentation above.
    status_or(unsafe { with_mut::<Store<'static>, _>(store, next) }, NSW_DONE)
}

/// From now on the hook is told of changes in watched keys; of what was not taken until now
/// at the end of this call. With NULL nobody is told, and events wait for
/// nsw_store_next_event.
///
/// Errors: those of a bad handle, NSW_ERR_STRUCT_SIZE, NSW_ERR_NULL without the hook,
/// NSW_ERR_INVALID if `reserved` is not 0. Nothing changes then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_set_watcher(
    store: *mut nsw_store,
    watcher: *const nsw_store_watcher,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Store<'static>>(store, |s| {
            let (call, ctx) = hook(watcher)?;
            *s.hook.call.get_mut() = call;
            *s.hook.ctx.get_mut() = ctx;
            Ok(())
        })
    }
}

/// The hook of a table, and what it is handed; NULL without a table.
///
/// # Safety
/// `watcher` is NULL or a hook table.
unsafe fn hook(watcher: *const nsw_store_watcher) -> Result<(*mut c_void, *mut c_void)> {
    if watcher.is_null() {
        return Ok((core::ptr::null_mut(), core::ptr::null_mut()));
    }
    // SAFETY: the caller's word.
    let table = unsafe { structs::read(watcher) }?;
    let on_change: OnChange = table.on_change.ok_or(Error::Null)?;
    if table.reserved != 0 {
        return Err(Error::Invalid);
    }
    Ok((on_change as *mut c_void, table.ctx))
}
