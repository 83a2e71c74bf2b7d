//! Stores that are kept: snapshots, and records of what happened since.

use super::handle::{call_mut, with_mut};
use super::slices::{Output, bytes_of, input, put, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::store::nsw_store;
use super::structs::check_pointer;
use crate::crdt::Store;
use crate::error::Error;

/// The length of the snapshot that nsw_store_save writes now, in bytes. Changes nothing.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_save_len(store: *mut nsw_store, len: *mut u64) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, |s| put(len, s.save_len())) }
}

/// Writes the next piece of a snapshot, `piece[0..*piece_len]`: all that is in the store,
/// its replica's number, changes and clock, for nsw_store_load. `*cursor` is 0 for the first
/// piece; it goes on with each, and on an error it stays. A piece may have any size, and may
/// be overwritten behind `*piece_len`. NSW_DONE when all is written; `*piece_len` is 0 then.
/// Nothing may be changed or merged between the pieces. The changes that are remembered to
/// be told are not kept, so peers get the state of what was before.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_CHANGED if something was changed
/// or merged since the first piece: begin again with 0; NSW_ERR_INVALID for a cursor that is
/// not where the last piece ended, NSW_ERR_BUFFER_TOO_SMALL for a piece without a byte,
/// NSW_ERR_CRDT_NOT_EMPTY while a snapshot is being loaded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_save(
    store: *mut nsw_store,
    cursor: *mut u64,
    piece: *mut u8,
    piece_cap: usize,
    piece_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: piece, capacity: piece_cap, len: piece_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    let next = |s: &mut Store<'static>| unsafe {
        check_pointer(cursor)?;
        let piece = output.take(piece_cap, &bytes_of::<u8>(&[]))?;
        tell(piece_len, 0)?;
        let at = cursor.read();
        let saved = s.save(at, piece);
        if saved == Err(Error::BufferTooSmall) {
            tell(piece_len, 1)?;
        }
        let len = saved?;
        tell(piece_len, len)?;
        cursor.write(at + len as u64);
        Ok(len > 0)
    };
    // SAFETY: NULL or a store, by the documentation above.
    status_or(unsafe { with_mut::<Store<'static>, _>(store, next) }, NSW_DONE)
}

/// Takes in the next piece, of any size, of what nsw_store_save wrote, into an empty store of
/// the same replica, seed and sizes of sketches; its keys may be open. `scratch[0..scratch_cap]` is memory in
/// which records are put together, the same at each call, untouched in between; for short
/// names and values about a kilobyte, for a snapshot in one piece none (NULL). `*scratch_len`
/// (may be NULL) is what this snapshot needs. Until nsw_store_load_end the store refuses to
/// be changed. Piece and scratch may not overlap.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID if they overlap, and
/// NSW_ERR_CRDT_NOT_EMPTY for a store that is not empty: nothing changes then. All others end
/// the loading and leave the store empty: NSW_ERR_CRDT_DAMAGED for what is not what was
/// written, NSW_ERR_CRDT_FORMAT and NSW_ERR_CRDT_VERSION for what is no snapshot,
/// NSW_ERR_CRDT_FOREIGN for that of another replica, another seed or other sizes,
/// NSW_ERR_CAPACITY without room, NSW_ERR_BUFFER_TOO_SMALL for a scratch that is too short.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_load(
    store: *mut nsw_store,
    piece: *const u8,
    piece_len: usize,
    scratch: *mut u8,
    scratch_cap: usize,
    scratch_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: scratch, capacity: scratch_cap, len: scratch_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Store<'static>>(store, |s| {
            let piece = input(piece, piece_len)?;
            let scratch = output.take(scratch_cap, &bytes_of(piece))?;
            let loaded = s.load(piece, scratch);
            tell(scratch_len, s.load_scratch())?;
            loaded
        })
    }
}

/// Says that there are no more pieces: the store is as it was saved, and can be used.
///
/// Errors: those of a bad handle, NSW_ERR_CRDT_TORN if the snapshot ends early, or none
/// began: the store is empty then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_load_end(store: *mut nsw_store) -> nsw_status {
    // SAFETY: NULL or a store, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, |s| s.load_end()) }
}

/// Where a journal goes on that has all that happened until now, or a snapshot of it:
/// `*cursor` for nsw_store_journal. For a new store it is 0.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_journal_end(
    store: *mut nsw_store,
    cursor: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<Store<'static>>(store, |s| put(cursor, s.journal_end())) }
}

/// Writes all that happened since `*cursor`, changes of this replica and of others, as one
/// record, `record[0..*record_len]`, for nsw_store_replay. When that is durable the changes may
/// be acknowledged, and sent to others: one that others have and this replica loses would come
/// twice with the same number. The cursor goes on; on an error it stays. NSW_DONE if nothing happened;
/// `*record_len` is 0 then. Changes nothing. Values that came before their changes, because
/// these come in several frames, may be left out: they come again.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_BEHIND if more happened than is
/// remembered, or a state or a digest was taken in: a new snapshot is needed, and the cursor
/// of nsw_store_journal_end; NSW_ERR_INVALID for a cursor that is still to come,
/// NSW_ERR_BUFFER_TOO_SMALL, NSW_ERR_CRDT_NOT_EMPTY while a snapshot is being loaded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_journal(
    store: *mut nsw_store,
    cursor: *mut u64,
    record: *mut u8,
    record_cap: usize,
    record_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: record, capacity: record_cap, len: record_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    let write = |s: &mut Store<'static>| unsafe {
        check_pointer(cursor)?;
        tell(record_len, 0)?;
        let from = cursor.read();
        let len = s.journal_len(from)?;
        s.journal(from, output.take(len, &bytes_of::<u8>(&[]))?)?;
        cursor.write(s.journal_end());
        Ok(len > 0)
    };
    // SAFETY: NULL or a store, by the documentation above.
    status_or(unsafe { with_mut::<Store<'static>, _>(store, write) }, NSW_DONE)
}

/// Takes in the record of nsw_store_journal that `records[0..records_len]` begins with;
/// `*taken` is its length. NSW_DONE if there is none; `*taken` is 0 then. Records are replayed
/// in the order in which they were written, into a store of the same replica that is new, or
/// loaded from a snapshot that was taken before. What it has already changes nothing.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CRDT_TORN and NSW_ERR_CRDT_DAMAGED
/// for a record that was not written to its end, or damaged: the journal ends before it, and
/// what is written next goes there. NSW_ERR_CRDT_FORMAT and NSW_ERR_CRDT_VERSION for what is no
/// such record, NSW_ERR_CRDT_FOREIGN for that of another replica or another seed,
/// NSW_ERR_CRDT_OWN if records before it are missing, NSW_ERR_CAPACITY without room: a store
/// made as the one that wrote it has enough. `*taken` is 0 then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_replay(
    store: *mut nsw_store,
    records: *const u8,
    records_len: usize,
    taken: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    let take = |s: &mut Store<'static>| unsafe {
        put(taken, 0)?;
        let len = s.replay(input(records, records_len)?)?;
        put(taken, len)?;
        Ok(len > 0)
    };
    // SAFETY: NULL or a store, by the documentation above.
    status_or(unsafe { with_mut::<Store<'static>, _>(store, take) }, NSW_DONE)
}
