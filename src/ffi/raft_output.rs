//! Raft nodes: what is to be done.

use super::handle::{call_mut, with_mut};
use super::raft::nsw_raft;
use super::raft_work::*;
use super::slices::{Output, bytes_of, input, put, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, Versioned};
use crate::consensus::raft::{NodeId, Raft};
use crate::error::{Error, Result};

/// Fills the caller's struct with the next output, if there is one. The struct is looked at
/// before: what was taken out of the node must not be lost.
///
/// # Safety
/// `raft` is NULL or a node, `out` NULL or a struct of the caller.
unsafe fn next<T: Versioned>(
    raft: *mut nsw_raft,
    out: *mut T,
    take: impl FnOnce(&mut Raft<'static>) -> Option<T>,
) -> nsw_status {
    let fill = |r: &mut Raft<'static>| {
        // SAFETY: the caller's word.
        unsafe { structs::check::<T>(out) }?;
        let Some(filled) = take(r) else { return r.running().map(|()| false) };
        // SAFETY: the caller's word.
        unsafe { structs::write(out, &filled) }.map(|()| true)
    };
    // SAFETY: the caller's word.
    status_or(unsafe { with_mut::<Raft<'static>, _>(raft, fill) }, NSW_DONE)
}

/// Fills the caller's buffer, of `most` bytes or more, with the next message, if there is one.
///
/// # Safety
/// `output` and `to` are NULL or what they should be.
pub(super) unsafe fn next_message(
    output: Output<u8>,
    to: *mut u64,
    most: usize,
    take: impl FnOnce(&mut [u8]) -> Result<Option<(NodeId, usize)>>,
) -> Result<bool> {
    // SAFETY: the caller's word.
    unsafe {
        put(to, 0)?;
        let buffer = output.take(most, &bytes_of::<u8>(&[]))?;
        tell(output.len, 0)?;
        let Some((node, len)) = take(buffer)? else { return Ok(false) };
        tell(output.len, len)?;
        put(to, node.0).map(|()| true)
    }
}

/// The next record that has to be durable, into `*record` (NSW_RAFT_RECORD_INIT); in this order,
/// and after a crash all up to some record are there and none behind it. nsw_raft_durable tells
/// the node when it is. NSW_DONE if there is none now.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_next_record(
    raft: *mut nsw_raft,
    record: *mut nsw_raft_record,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        next(raft, record, |r| {
            r.next_record().map(|(number, record)| nsw_raft_record::of(number, record))
        })
    }
}

/// The next message to be sent, into `out[0..*out_len]`, for node `*to`. The buffer has `message`
/// bytes of the configuration or more. NSW_DONE if there is none now; `*out_len` and `*to` are 0
/// then. One that gets lost does no harm.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL: `*out_len` is what is
/// needed, and nothing is lost.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_next_message(
    raft: *mut nsw_raft,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
    to: *mut u64,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    let fill = |r: &mut Raft<'static>| {
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { next_message(output, to, r.message_len(), |buffer| r.next_message(buffer)) }
    };
    // SAFETY: NULL or a node, by the documentation above.
    status_or(unsafe { with_mut::<Raft<'static>, _>(raft, fill) }, NSW_DONE)
}

/// The next entry to apply, or a snapshot that replaces the application's state, into `*entry`
/// (NSW_RAFT_ENTRY_INIT). Each comes once, in order, when it is committed, and durable here.
/// NSW_DONE if there is none now. Then, or after each, nsw_raft_applied.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_next_committed(
    raft: *mut nsw_raft,
    entry: *mut nsw_raft_entry,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { next(raft, entry, |r| r.next_committed().map(Into::into)) }
}

/// What has happened, into `*event` (NSW_RAFT_EVENT_INIT). NSW_DONE if there is no more.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_next_event(
    raft: *mut nsw_raft,
    event: *mut nsw_raft_event,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { next(raft, event, |r| r.next_event().map(Into::into)) }
}

/// Entries that are no longer in memory and are wanted from storage, into `*fetch`
/// (NSW_RAFT_FETCH_INIT): answered by nsw_raft_fetched with each, in order, until one is refused
/// with NSW_ERR_CAPACITY or the last was given; or by nsw_raft_fetch_failed; at once or later.
/// NSW_DONE if none are.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_next_fetch(
    raft: *mut nsw_raft,
    fetch: *mut nsw_raft_fetch,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { next(raft, fetch, |r| r.next_fetch().map(Into::into)) }
}

/// An entry that was asked for: a record of kind NSW_RAFT_RECORD_ENTRY.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE. NSW_ERR_CAPACITY if there is
/// enough for now: the rest is asked for again. NSW_ERR_RAFT_STATE if it was not asked for,
/// NSW_ERR_RAFT_FORMAT if it cannot be, or is no entry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_fetched(
    raft: *mut nsw_raft,
    entry: *const nsw_raft_record,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Raft<'static>>(raft, |r| {
            let entry = structs::read(entry)?;
            if entry.kind != NSW_RAFT_RECORD_ENTRY {
                return Err(Error::RaftFormat);
            }
            r.fetched(entry.entry()?)
        })
    }
}

/// Storage does not have the entries from `index` on. A follower gets a snapshot instead; the
/// application cannot go on without them, and the node halts. What was not asked for changes
/// nothing.
///
/// Errors: those of a bad handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_fetch_failed(raft: *mut nsw_raft, index: u64) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe {
        call_mut::<Raft<'static>>(raft, |r| {
            r.fetch_failed(index);
            Ok(())
        })
    }
}

/// Bytes of a snapshot that a follower needs, into `*chunk` (NSW_RAFT_CHUNK_WANTED_INIT):
/// answered by nsw_raft_chunk or nsw_raft_chunk_failed, at once or later. What gets lost is asked
/// for again. NSW_DONE if nobody needs any now.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_next_chunk(
    raft: *mut nsw_raft,
    chunk: *mut nsw_raft_chunk_wanted,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { next(raft, chunk, |r| r.next_chunk().map(Into::into)) }
}

/// A wanted chunk, `bytes[0..bytes_len]` of a snapshot of `total` bytes, as a message to be sent:
/// `out[0..*out_len]`, for the node that wanted it. The buffer has `message` bytes of the
/// configuration or more.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_RAFT_STATE if nobody
/// needs it any more; NSW_ERR_LENGTH if the bytes are not those that were asked for;
/// NSW_ERR_INVALID if the buffers overlap, NSW_ERR_BUFFER_TOO_SMALL: `*out_len` is what is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_chunk(
    raft: *mut nsw_raft,
    wanted: *const nsw_raft_chunk_wanted,
    total: u64,
    bytes: *const u8,
    bytes_len: usize,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Raft<'static>>(raft, |r| {
            let (wanted, bytes) = (structs::read(wanted)?, input(bytes, bytes_len)?);
            let buffer = output.take(r.message_len(), &bytes_of(bytes))?;
            tell(out_len, 0)?;
            let (_, len) = r.chunk(wanted.into(), total, bytes, buffer)?;
            tell(out_len, len)
        })
    }
}

/// The application does not have that snapshot any more: all begins again with the newest.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_chunk_failed(
    raft: *mut nsw_raft,
    wanted: *const nsw_raft_chunk_wanted,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Raft<'static>>(raft, |r| {
            r.chunk_failed(structs::read(wanted)?.into());
            Ok(())
        })
    }
}

/// Bytes of a snapshot that have arrived and are to be written, and made durable, into `*write`
/// (NSW_RAFT_SNAPSHOT_WRITE_INIT). NSW_DONE if there are none now.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_next_snapshot_write(
    raft: *mut nsw_raft,
    write: *mut nsw_raft_snapshot_write,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { next(raft, write, |r| r.next_snapshot_write().map(Into::into)) }
}

/// The bytes that nsw_raft_next_snapshot_write gave with this `number` are durable. With the last
/// of them the snapshot takes the place of the log: a record says so, and then
/// nsw_raft_next_committed.
///
/// Errors: those of a bad handle, NSW_ERR_RAFT_STATE if that snapshot does not arrive any more:
/// what was written is to be forgotten.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_raft_snapshot_written(
    raft: *mut nsw_raft,
    number: u64,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a node, by the documentation above.
    unsafe { call_mut::<Raft<'static>>(raft, |r| r.snapshot_written(number, now_us)) }
}
