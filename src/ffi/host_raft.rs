//! Records and snapshots of a Raft node in files.

use core::ffi::c_char;
use std::path::Path;
use std::vec::Vec;

use super::handle::{self, NOTHING, Object, call_mut, call_ref, with_mut};
use super::host_key;
use super::port::nsw_allocator;
use super::raft::nsw_raft;
use super::raft_output::next_message;
use super::raft_work::{nsw_raft_record, nsw_raft_snapshot_write};
use super::slices::{Output, bytes_of, input, put, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, Versioned};
use crate::consensus::Raft;
use crate::consensus::raft::{NodeId, Record, RecordNumber};
use crate::error::{Error, Result};
use crate::host::{Folder, RaftStorage, RaftStorageConfig};

/// Which files the records of a node are kept in. NSW_HOST_RAFT_CONFIG_INIT, then `node`, `path`
/// and `path_len`. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_raft_config {
    /// sizeof(nsw_host_raft_config); NSW_HOST_RAFT_CONFIG_INIT sets it.
    pub size: u32,
    /// Not 0: nothing is made durable. The end of the log may be lost in a power failure,
    /// though not in the crash of a process: the node then must never come back after one.
    pub no_sync: u32,
    /// Whose records: `id` of nsw_raft_config, not 0. Files of another node are refused.
    pub node: u64,
    /// A segment longer than this is followed by another one, in bytes, 512 to 2^40; 0 means
    /// 8 MiB.
    pub segment_bytes: u64,
    /// The name of a folder, `path_len` bytes. It is made if it is not there; the folder around
    /// it is there.
    pub path: *const c_char,
    /// Bytes of `path`.
    pub path_len: usize,
    /// Not 0: the application's snapshots are not kept here. For a witness, which has none, and
    /// where the application keeps its state itself.
    pub no_snapshots: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_raft_config {
    const LEAST: usize = size_of::<nsw_host_raft_config>();
}

/// What there is in the files. NSW_HOST_RAFT_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_raft_info {
    /// sizeof(nsw_host_raft_info); NSW_HOST_RAFT_INFO_INIT sets it.
    pub size: u32,
    /// 1 if nothing was ever appended: then a group's first member begins with
    /// nsw_raft_bootstrap. Else 0.
    pub empty: u32,
    /// The first entry that can be read; one behind the last if there is none.
    pub first: u64,
    /// The last entry; 0 if there was never one.
    pub last: u64,
    /// What the newest snapshot stands for; 0 if there is none.
    pub snapshot: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes at the end of the log that were not written to their end in a crash, and are no
    /// more.
    pub cut: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_raft_info {
    const LEAST: usize = size_of::<nsw_host_raft_info>();
}

/// The records and snapshots of a Raft node (nsw_raft) in a folder of files: docs/raft-storage.md
/// has the bytes and what is promised. What was durable outlives crashes; the end of the log
/// that was not written to its end is cut off; what is damaged or missing is never passed over.
///
/// At first nsw_host_raft_restore, then nsw_raft_bootstrap if it is empty and the node is one of
/// a new group's first, then nsw_raft_start. After each call that changed the node
/// nsw_host_raft_serve and nsw_host_raft_next_chunk, then what it wants sent and applied is asked
/// for. What it wants of storage is not asked for otherwise. Messages may be asked for before that
/// as well: a leader's entries need not wait for its own disk.
///
/// What fails to be written, or to become durable, is never tried again, for a system that has
/// refused once may say yes and have nothing. So errors that are called for good are answered
/// again, the first of them, by all functions but nsw_host_raft_describe, nsw_host_raft_next_chunk,
/// nsw_host_raft_snapshot_size and nsw_host_raft_snapshot_read, until the files are opened anew.
///
/// One process has a folder at a time, and an object belongs to one node, and to one thread at a
/// time. Beside its block it takes memory from the system's heap, in bytes: up to 2,200 for each
/// segment and 200 for each time that the term of its entries changes; up to 1,048,576 for records
/// that are to be written, more while one is longer; 65,536 for reading, or up to three times the
/// longest entry that was read; 32,768 for each snapshot that is being written; a chunk while it is
/// read.
pub struct nsw_host_raft {
    _opaque: [u8; 0],
}

/// Files, and the bytes of the entry that was read last.
pub(super) struct Kept {
    pub(super) storage: RaftStorage<Folder>,
    entry: Vec<u8>,
}

impl Object for Kept {
    type C = nsw_host_raft;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsRf");
}

/// # Safety
/// NULL or a configuration, whose path is not used after the call.
unsafe fn read(config: *const nsw_host_raft_config) -> Result<(&'static Path, RaftStorageConfig)> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    if c.reserved != 0 || c.path_len == 0 || c.node == 0 {
        return Err(Error::Invalid);
    }
    let default = RaftStorageConfig::default();
    let segment_bytes = structs::or(c.segment_bytes, default.segment_bytes);
    // SAFETY: the caller's word.
    let path = unsafe { host_key::path(c.path, c.path_len) }?;
    let (sync, snapshots) = (c.no_sync == 0, c.no_snapshots == 0);
    Ok((path, RaftStorageConfig { node: NodeId(c.node), segment_bytes, sync, snapshots }))
}

/// The memory that the object takes: the one block that nsw_host_raft_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for an empty path or node 0. Any
/// thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_footprint(
    config: *const nsw_host_raft_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<Kept>(size, align, || read(config).map(|_| NOTHING)) }
}

/// Opens a node's folder, or makes a new one, and looks through all of it. In one block of
/// `memory` (NULL: the system's heap). The caller owns `*files` and ends it with
/// nsw_host_raft_destroy.
///
/// The files must be as they were left: a node that gets older ones, or none, breaks its
/// promises.
///
/// Errors: those of nsw_host_raft_footprint, NSW_ERR_INVALID for `segment_bytes` outside its
/// range, NSW_ERR_BUSY if the folder is in use, by this process or another one,
/// NSW_ERR_RAFT_LOST if something that was durable is missing or damaged (then the node must not
/// come back: it is to be removed from the group, and another one added), NSW_ERR_HOST_FILE for
/// files of another node or a later version, NSW_ERR_HOST_IO if the system refuses,
/// NSW_ERR_HOST_FULL if there is no room (after a crash there has to be some for the newest
/// segment once more: `segment_bytes` and a record), NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*files` is NULL then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_create(
    config: *const nsw_host_raft_config,
    memory: *const nsw_allocator,
    files: *mut *mut nsw_host_raft,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Kept, _>(
            memory,
            files,
            || Ok((NOTHING, read(config)?)),
            |_, (path, config)| {
                let storage = RaftStorage::open(Folder::open(path)?, config)?;
                Ok(Kept { storage, entry: Vec::new() })
            },
        )
    }
}

/// Closes the files and gives the object's block back. What is not durable may be lost. NULL is
/// fine, and so is an already destroyed one whose memory can still be read.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_destroy(files: *mut nsw_host_raft) {
    // SAFETY: NULL or such an object, by the documentation above.
    unsafe { handle::destroy::<Kept>(files) };
}

/// Fills `*info` (NSW_HOST_RAFT_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_describe(
    files: *const nsw_host_raft,
    info: *mut nsw_host_raft_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Kept>(files, |kept| {
            let status = kept.storage.status();
            let filled = nsw_host_raft_info {
                size: 0,
                empty: kept.storage.is_empty().into(),
                first: status.first,
                last: status.last,
                snapshot: status.snapshot,
                segments: status.segments,
                cut: status.cut,
            };
            structs::write(info, &filled)
        })
    }
}

/// Does something with files and their node.
///
/// # Safety
/// Each is NULL or such an object.
unsafe fn both<R>(
    files: *mut nsw_host_raft,
    raft: *mut nsw_raft,
    call: impl FnOnce(&mut RaftStorage<Folder>, &mut Raft<'static>) -> Result<R>,
) -> Result<R> {
    // SAFETY: the caller's word.
    unsafe {
        with_mut::<Kept, _>(files, |kept| {
            with_mut::<Raft<'static>, _>(raft, |raft| call(&mut kept.storage, raft))
        })
    }
}

/// Gives a node that was just made all that is needed of what was appended; before
/// nsw_raft_start. If there is a snapshot, the application takes its state from it
/// (nsw_host_raft_snapshot_read) and says so: nsw_raft_applied. Files that are open are for one
/// node: another one begins with them when they are opened anew.
///
/// Errors: those of a bad handle, those of nsw_raft_restore, NSW_ERR_RAFT_STATE if something was
/// appended since the files were opened, NSW_ERR_RAFT_LOST if files are not what was written,
/// NSW_ERR_HOST_IO if the system refuses; the last two for good. The node must not start then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_restore(
    files: *mut nsw_host_raft,
    raft: *mut nsw_raft,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    super::status(unsafe { both(files, raft, |files, raft| files.restore(raft)) })
}

/// Does all that a node wants of storage now: its records are durable afterwards, entries that
/// it wants are fetched, bytes of snapshots that arrive are written. Waits for the disk;
/// nsw_host_raft_write does not. `now_us` as of nsw_raft_tick.
///
/// Errors: those of a bad handle, NSW_ERR_RAFT_HALTED if the node has stopped before. All others
/// are of the files, and the node has stopped then: NSW_ERR_HOST_IO if the system refuses,
/// NSW_ERR_HOST_FULL if there is no room, NSW_ERR_RAFT_LOST if files are not what was written,
/// NSW_ERR_RAFT_STATE if nsw_raft_compact was told of a snapshot that is not here,
/// NSW_ERR_INVALID if the files have records of another node since they were opened.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_serve(
    files: *mut nsw_host_raft,
    now_us: u64,
    raft: *mut nsw_raft,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    super::status(unsafe { both(files, raft, |files, raft| files.serve(raft, now_us)) })
}

/// The same without waiting for records to be durable: they are so after a nsw_host_flush, on
/// another thread, or nsw_host_raft_flush. Then nsw_host_raft_durable, and nsw_raft_durable with
/// what it says. It waits for the disk only where a segment ends, and for bytes of snapshots that
/// arrive. NSW_DONE if there was nothing to do.
///
/// Errors: those of nsw_host_raft_serve.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_write(
    files: *mut nsw_host_raft,
    now_us: u64,
    raft: *mut nsw_raft,
) -> nsw_status {
    let write =
        |files: &mut RaftStorage<Folder>, raft: &mut Raft<'static>| files.write_all(raft, now_us);
    // SAFETY: NULL or what it should be, by the documentation above.
    status_or(unsafe { both(files, raft, write) }, NSW_DONE)
}

/// The next chunk of a snapshot that another node needs, as a message to be sent:
/// `out[0..*out_len]`, for node `*to`. The buffer has `message` bytes of the node's configuration
/// or more. NSW_DONE if there is none now; `*out_len` and `*to` are 0 then.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL: `*out_len` is what is
/// needed, and nothing is lost. NSW_ERR_RAFT_LOST if the file is not what was written,
/// NSW_ERR_HOST_IO if the system refuses: the node has stopped then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_next_chunk(
    files: *mut nsw_host_raft,
    raft: *mut nsw_raft,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
    to: *mut u64,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    let next = |files: &mut RaftStorage<Folder>, raft: &mut Raft<'static>| {
        let most = raft.message_len();
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { next_message(output, to, most, |buffer| files.next_chunk(raft, buffer)) }
    };
    // SAFETY: NULL or what it should be, by the documentation above.
    status_or(unsafe { both(files, raft, next) }, NSW_DONE)
}

/// Takes a record that nsw_raft_next_record gave, which is to become durable behind all before
/// it: its `number` is greater than all that these open files were given before. For who does not
/// use nsw_host_raft_serve.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_RAFT_FORMAT for what
/// is no record, NSW_ERR_INVALID for a number that is not greater than the last, as of another
/// node over the same open files. The record is not taken then; the node it is from must stop
/// (nsw_raft_storage_failed). All others are for good: NSW_ERR_RAFT_LOST for one that cannot follow those
/// before it, NSW_ERR_RAFT_STATE for that of a snapshot that is not here, NSW_ERR_LENGTH for one
/// of more than 2^26 bytes, NSW_ERR_HOST_IO, NSW_ERR_HOST_FULL.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_append(
    files: *mut nsw_host_raft,
    record: *const nsw_raft_record,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Kept>(files, |kept| {
            let record = structs::read(record)?;
            kept.storage.append(RecordNumber(record.number), &record.get()?)
        })
    }
}

/// Makes all records durable that were appended: `*number` (may be NULL) is the last of them,
/// for nsw_raft_durable.
///
/// Errors: those of a bad handle; for good, NSW_ERR_HOST_IO and NSW_ERR_HOST_FULL if the system
/// refuses, now or before.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_flush(
    files: *mut nsw_host_raft,
    number: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Kept>(files, |kept| {
            tell(number, 0)?;
            tell(number, kept.storage.sync()?.0)
        })
    }
}

/// The last record that is durable, for nsw_raft_durable: `*number`; 0 if none of those that were
/// appended since the files were opened.
///
/// Errors: those of a bad handle, NSW_ERR_NULL; for good, NSW_ERR_HOST_IO and NSW_ERR_HOST_FULL
/// if the system has refused: nothing more will become durable, and the node has to be told by
/// nsw_raft_storage_failed.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_durable(
    files: *mut nsw_host_raft,
    number: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Kept>(files, |kept| {
            put(number, 0)?;
            put(number, kept.storage.durable()?.0)
        })
    }
}

/// Reads entry `index` as it was appended last, into `*record` (NSW_RAFT_RECORD_INIT): for
/// nsw_raft_fetched. Its bytes are good until the next call with these files.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID if it is not
/// there. For good, NSW_ERR_RAFT_LOST if files are not what was written, NSW_ERR_HOST_IO if the
/// system refuses, NSW_ERR_HOST_FULL if there is no room (records that wait are written before
/// they are read).
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_entry(
    files: *mut nsw_host_raft,
    index: u64,
    record: *mut nsw_raft_record,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Kept>(files, |kept| {
            structs::check::<nsw_raft_record>(record)?;
            let Kept { storage, entry: bytes } = kept;
            bytes.clear();
            let mut found = Err(Error::Invalid);
            storage.entries(index, index, |entry| {
                bytes.extend_from_slice(entry.data);
                found = Ok((entry.term, entry.kind));
                Ok(true)
            })?;
            let (term, kind) = found?;
            let found = Record::Entry { index, term, kind, data: bytes };
            structs::write(record, &nsw_raft_record::of(RecordNumber(0), found))
        })
    }
}

/// Begins a snapshot of the application's state after entry `index`, which it has applied. Then
/// nsw_host_raft_snapshot_write and nsw_host_raft_snapshot_end; the log goes on meanwhile. One
/// that was begun before is forgotten.
///
/// Errors: those of a bad handle, NSW_ERR_INVALID for an entry that is not in the log, or in a
/// snapshot already; NSW_ERR_RAFT_STATE with `no_snapshots`; NSW_ERR_HOST_IO if the system
/// refuses, now or before.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_snapshot_begin(
    files: *mut nsw_host_raft,
    index: u64,
) -> nsw_status {
    // SAFETY: NULL or such an object, by the documentation above.
    unsafe { call_mut::<Kept>(files, |kept| kept.storage.snapshot_begin(index)) }
}

/// The next bytes of the snapshot, `bytes[0..bytes_len]`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_RAFT_STATE if none was begun;
/// NSW_ERR_HOST_IO and NSW_ERR_HOST_FULL if the system refuses: the snapshot is forgotten then,
/// the log is as it was.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_snapshot_write(
    files: *mut nsw_host_raft,
    bytes: *const u8,
    bytes_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<Kept>(files, |kept| kept.storage.snapshot_write(input(bytes, bytes_len)?)) }
}

/// Makes the snapshot durable; then nsw_raft_compact may be told. The one before stays until
/// that record is durable.
///
/// Errors: those of nsw_host_raft_snapshot_write; they are for good if it is not known which of two
/// files has its name.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_snapshot_end(files: *mut nsw_host_raft) -> nsw_status {
    // SAFETY: NULL or such an object, by the documentation above.
    unsafe { call_mut::<Kept>(files, |kept| kept.storage.snapshot_end()) }
}

/// Bytes of the snapshot of `index`: `*len`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID if it is not there, or not any
/// more; `*len` is 0 then. That which nsw_host_raft_describe tells is there.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_snapshot_size(
    files: *const nsw_host_raft,
    index: u64,
    len: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Kept>(files, |kept| {
            put(len, 0)?;
            put(len, kept.storage.snapshot_len(index).ok_or(Error::Invalid)?)
        })
    }
}

/// Reads from the snapshot of `index`, from byte `offset` on: `out[0..*out_len]`, the whole
/// buffer unless the snapshot ends before.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID if it is not there,
/// NSW_ERR_RAFT_LOST if it is not what was written, NSW_ERR_HOST_IO if the system refuses.
/// `*out_len` is 0 then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_snapshot_read(
    files: *mut nsw_host_raft,
    index: u64,
    offset: u64,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Kept>(files, |kept| {
            put(out_len, 0)?;
            let buffer = output.take(out_cap, &bytes_of::<u8>(&[]))?;
            put(out_len, 0)?;
            put(out_len, kept.storage.read_snapshot(index, offset, buffer)?)
        })
    }
}

/// Bytes of a snapshot that has arrived, as nsw_raft_next_snapshot_write gave them; then
/// nsw_raft_snapshot_written. For who does not use nsw_host_raft_serve.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_RAFT_STATE for bytes
/// that do not follow those before, and with `no_snapshots`; NSW_ERR_HOST_IO and
/// NSW_ERR_HOST_FULL if the system refuses. The snapshot is forgotten then: it arrives anew, from
/// `offset` 0 on. If the system refuses when the last bytes of it get their name, the files take
/// nothing any more, as with nsw_host_raft_snapshot_end: call nsw_raft_storage_failed.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_raft_receive(
    files: *mut nsw_host_raft,
    write: *const nsw_raft_snapshot_write,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Kept>(files, |kept| {
            let write = structs::read(write)?;
            let bytes = input(write.bytes, write.bytes_len)?;
            kept.storage.receive_snapshot(write.index, write.offset, write.total, bytes)
        })
    }
}
