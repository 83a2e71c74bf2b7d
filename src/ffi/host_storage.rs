//! Stores in files.

use core::ffi::c_char;
use std::path::Path;

use super::handle::{self, NOTHING, Object, call_mut, call_ref, with_mut};
use super::host_key;
use super::port::nsw_allocator;
use super::status::nsw_status;
use super::store::nsw_store;
use super::structs::{self, Versioned};
use crate::crdt::Store;
use crate::error::{Error, Result};
use crate::host::{Folder, Opened, Origin, Storage, StorageConfig};

/// Where a store came from: from a journal alone, or it is new.
pub const NSW_HOST_STORAGE_JOURNAL: u32 = 1;
/// Where a store came from: from the newest snapshot, and its journal.
pub const NSW_HOST_STORAGE_NEWEST: u32 = 2;
/// Where a store came from: the newest snapshot is damaged or missing, so from the one before,
/// or none, and the journals since. Nothing is lost, but there is one copy less.
pub const NSW_HOST_STORAGE_PREVIOUS: u32 = 3;

/// Which files a store is kept in. NSW_HOST_STORAGE_CONFIG_INIT, then `path`, `path_len` and
/// `store`. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_storage_config {
    /// sizeof(nsw_host_storage_config); NSW_HOST_STORAGE_CONFIG_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// A journal longer than this makes nsw_host_storage_commit take a new snapshot, in
    /// bytes; 0 means 1 MiB.
    pub journal_bytes: u64,
    /// The name of a folder, `path_len` bytes. It is made if it is not there; the folder around
    /// it is there.
    pub path: *const c_char,
    /// Bytes of `path`.
    pub path_len: usize,
    /// An empty store, which becomes what the files have.
    pub store: *mut nsw_store,
    /// 0.
    pub reserved_end: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_storage_config {
    const LEAST: usize = size_of::<nsw_host_storage_config>();
}

/// What the files had when they were opened. NSW_HOST_STORAGE_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_storage_info {
    /// sizeof(nsw_host_storage_info); NSW_HOST_STORAGE_INFO_INIT sets it.
    pub size: u32,
    /// NSW_HOST_STORAGE_JOURNAL, NSW_HOST_STORAGE_NEWEST or NSW_HOST_STORAGE_PREVIOUS.
    pub origin: u32,
    /// Records of the journals.
    pub records: u64,
    /// Bytes at the end of the journal that were not written to their end, and are no more.
    pub cut: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_storage_info {
    const LEAST: usize = size_of::<nsw_host_storage_info>();
}

/// The files of a store: a snapshot, and a journal of what happened since; what is torn by a
/// crash is found and cut off, and the snapshot before is kept until the next. One process
/// has a folder at a time. An object belongs to one store, and to one thread at a time. What is
/// said of NSW_ERR_HOST_IO is so of NSW_ERR_HOST_FULL, if there is no room.
pub struct nsw_host_storage {
    _opaque: [u8; 0],
}

/// Files, and what they had.
struct Kept {
    storage: Storage<Folder>,
    opened: Opened,
}

impl Object for Kept {
    type C = nsw_host_storage;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsSt");
}

/// A configuration that was read.
struct Config {
    path: &'static Path,
    store: *mut nsw_store,
    config: StorageConfig,
}

/// # Safety
/// NULL or a configuration, whose path is not used after the call.
unsafe fn read(config: *const nsw_host_storage_config) -> Result<Config> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    structs::check_pointer(c.store)?;
    if c.reserved != 0 || c.reserved_end != 0 || c.path_len == 0 {
        return Err(Error::Invalid);
    }
    let default = StorageConfig::default();
    let journal_bytes = structs::or(c.journal_bytes, default.journal_bytes);
    // SAFETY: the caller's word.
    let path = unsafe { host_key::path(c.path, c.path_len) }?;
    Ok(Config { path, store: c.store, config: StorageConfig { journal_bytes } })
}

/// The memory that the object takes: the one block that nsw_host_storage_create asks for, in
/// bytes. Buffers come from the system's heap.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for an empty path. Any thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_storage_footprint(
    config: *const nsw_host_storage_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<Kept>(size, align, || read(config).map(|_| NOTHING)) }
}

/// Opens a folder, or makes a new one, and brings the store to what is in it: the newest
/// snapshot and all that was made durable since. In one block of `memory` (NULL: the system's
/// heap). The caller owns `*storage` and ends it with nsw_host_storage_destroy; the store
/// stays the caller's.
///
/// Errors: those of nsw_host_storage_footprint, those of a bad handle and
/// NSW_ERR_CRDT_NOT_EMPTY for a store that is not empty; it stays as it is. All others leave it
/// empty: NSW_ERR_BUSY if the folder is in use, by this process or another one,
/// NSW_ERR_CRDT_DAMAGED if something that was durable is lost (then the replica's number must
/// not be used any more, for peers may have more of its changes), NSW_ERR_CRDT_FOREIGN for
/// files of another replica, another seed or other sizes of sketches, NSW_ERR_CRDT_VERSION, NSW_ERR_CAPACITY for a store
/// without room for it, NSW_ERR_HOST_IO if the system refuses, NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*storage` is NULL then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_storage_create(
    config: *const nsw_host_storage_config,
    memory: *const nsw_allocator,
    storage: *mut *mut nsw_host_storage,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Kept, _>(
            memory,
            storage,
            || Ok((NOTHING, read(config)?)),
            |_, Config { path, store, config }| {
                with_mut::<Store<'static>, _>(store, |s| {
                    let (storage, opened) = Storage::open(Folder::open(path)?, config, s)?;
                    Ok(Kept { storage, opened })
                })
            },
        )
    }
}

/// Closes the files and gives the object's block back. What was not flushed may be lost. NULL
/// is fine, and so is an already destroyed one whose memory can still be read.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_storage_destroy(storage: *mut nsw_host_storage) {
    // SAFETY: NULL or such an object, by the documentation above.
    unsafe { handle::destroy::<Kept>(storage) };
}

/// Fills `*info` (NSW_HOST_STORAGE_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_storage_describe(
    storage: *const nsw_host_storage,
    info: *mut nsw_host_storage_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Kept>(storage, |kept| {
            let Opened { origin, records, cut } = kept.opened;
            let origin = match origin {
                Origin::Journal => NSW_HOST_STORAGE_JOURNAL,
                Origin::Newest => NSW_HOST_STORAGE_NEWEST,
                Origin::Previous => NSW_HOST_STORAGE_PREVIOUS,
            };
            structs::write(info, &nsw_host_storage_info { size: 0, origin, records, cut })
        })
    }
}

/// Does something with files and their store.
///
/// # Safety
/// Each is NULL or such an object.
unsafe fn both(
    storage: *mut nsw_host_storage,
    store: *mut nsw_store,
    call: impl FnOnce(&mut Storage<Folder>, &mut Store<'static>) -> Result<()>,
) -> nsw_status {
    // SAFETY: the caller's word.
    unsafe {
        call_mut::<Kept>(storage, |kept| {
            with_mut::<Store<'static>, _>(store, |s| call(&mut kept.storage, s))
        })
    }
}

/// Writes all that happened in the store since the last time to the journal. After the next
/// nsw_host_storage_flush it is durable.
///
/// Errors: those of a bad handle, NSW_ERR_CRDT_BEHIND if the store does not remember all of it
/// (see nsw_store_journal), and NSW_ERR_HOST_IO if the system refuses, now or before: then
/// nsw_host_storage_snapshot is needed. NSW_ERR_CRDT_FOREIGN for another replica's store.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_storage_append(
    storage: *mut nsw_host_storage,
    store: *mut nsw_store,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { both(storage, store, |storage, store| storage.append(store)) }
}

/// Makes durable what nsw_host_storage_append wrote.
///
/// Errors: those of a bad handle, NSW_ERR_HOST_IO if the system refuses, now or before: then
/// nsw_host_storage_snapshot is needed.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_storage_flush(storage: *mut nsw_host_storage) -> nsw_status {
    // SAFETY: NULL or such an object, by the documentation above.
    unsafe { call_mut::<Kept>(storage, |kept| kept.storage.flush()) }
}

/// Makes all that happened in the store durable: by the journal, or by a new snapshot where
/// that is needed or the journal is long. Then it may be acknowledged, and sent to others.
///
/// Errors: those of a bad handle, NSW_ERR_HOST_IO if the system refuses: the next commit tries
/// again with all that is missing; NSW_ERR_CRDT_FOREIGN for another replica's store.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_storage_commit(
    storage: *mut nsw_host_storage,
    store: *mut nsw_store,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { both(storage, store, |storage, store| storage.commit(store)) }
}

/// Writes a new snapshot and makes it durable. Until then the one before is what counts, with
/// its journal; both are kept until the next one.
///
/// Errors: those of a bad handle, NSW_ERR_HOST_IO if the system refuses, NSW_ERR_CRDT_FOREIGN
/// for another replica's store. What was durable still is.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_storage_snapshot(
    storage: *mut nsw_host_storage,
    store: *mut nsw_store,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { both(storage, store, |storage, store| storage.snapshot(store)) }
}
