//! What stores tell each other.

use super::handle::{call_mut, with_mut};
use super::slices::{Output, bytes_of, input, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::store::nsw_store;
use super::structs::{self, Versioned, check_pointer};
use crate::crdt::{Merged, Store};
use crate::error::{Error, Result};

/// What a frame changed. NSW_STORE_MERGED_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_store_merged {
    /// sizeof(nsw_store_merged); NSW_STORE_MERGED_INIT sets it.
    pub size: u32,
    /// Items that are new here.
    pub added: u32,
    /// Items that are gone.
    pub removed: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_store_merged {
    const LEAST: usize = size_of::<nsw_store_merged>();
}

impl From<Merged> for nsw_store_merged {
    fn from(merged: Merged) -> nsw_store_merged {
        let count = |items| u32::try_from(items).unwrap_or(u32::MAX);
        nsw_store_merged { size: 0, added: count(merged.added), removed: count(merged.removed) }
    }
}

/// Tells the caller, who may not want it, what changed.
///
/// # Safety
/// `to` is NULL or such a struct.
unsafe fn write_merged(to: *mut nsw_store_merged, merged: Merged) -> Result<()> {
    // SAFETY: the caller's word.
    if to.is_null() { Ok(()) } else { unsafe { structs::write(to, &merged.into()) } }
}

/// Writes a whole frame, or tells how long it is.
///
/// # Safety
/// `store` is NULL or a store; the buffer as for [`Output::take`].
unsafe fn whole(
    store: *mut nsw_store,
    output: Output<u8>,
    write: impl Fn(&mut Store<'static>, &mut [u8]) -> Result<usize>,
    len: impl Fn(&mut Store<'static>) -> usize,
) -> nsw_status {
    // SAFETY: the caller's word.
    unsafe {
        call_mut::<Store<'static>>(store, |s| {
            let frame = output.take(output.capacity, &bytes_of::<u8>(&[]))?;
            let written = write(s, frame);
            tell(output.len, written.unwrap_or_else(|_| len(s)))?;
            written.map(|_| ())
        })
    }
}

/// Writes what this replica has: `frame[0..*frame_len]`, for nsw_store_delta of a peer.
/// Changes nothing.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_context(
    store: *mut nsw_store,
    frame: *mut u8,
    frame_cap: usize,
    frame_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: frame, capacity: frame_cap, len: frame_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { whole(store, output, |s, frame| s.context(frame), |s| s.context_len()) }
}

/// Writes changes that a peer lacks, as many as fit: `frame[0..*frame_len]`, for
/// nsw_store_merge of the peer. `peer[0..peer_len]` is what the peer's nsw_store_context
/// wrote, `*cursor` 0 for the first frame; it goes on with each, and on an error it
/// stays. NSW_DONE when all is told; `*frame_len` is 0 then. The next context begins
/// with 0 again. Changes nothing. Peer and frame may not overlap.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID if they overlap,
/// NSW_ERR_CRDT_FORMAT and NSW_ERR_CRDT_VERSION for what is no context,
/// NSW_ERR_CRDT_BEHIND if the peer lacks more than is remembered (it needs
/// nsw_store_state), NSW_ERR_BUFFER_TOO_SMALL if not even one change fits: `*frame_len`
/// is enough for the next one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_delta(
    store: *mut nsw_store,
    peer: *const u8,
    peer_len: usize,
    cursor: *mut u64,
    frame: *mut u8,
    frame_cap: usize,
    frame_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: frame, capacity: frame_cap, len: frame_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    let next = |s: &mut Store<'static>| unsafe {
        check_pointer(cursor)?;
        let (peer, from) = (input(peer, peer_len)?, cursor.read());
        let frame = output.take(frame_cap, &bytes_of(peer))?;
        tell(frame_len, 0)?;
        match s.delta(peer, from, frame) {
            Ok(told) => {
                tell(frame_len, told.len)?;
                cursor.write(told.next.unwrap_or(u64::MAX));
                Ok(told.len > 0)
            }
            Err(error) => {
                if error == Error::BufferTooSmall {
                    tell(frame_len, s.delta_len(peer, from)?)?;
                }
                Err(error)
            }
        }
    };
    // SAFETY: NULL or a store, by the documentation above.
    status_or(unsafe { with_mut::<Store<'static>, _>(store, next) }, NSW_DONE)
}

/// Writes all that is there: `frame[0..*frame_len]`, for nsw_store_merge of a peer, or to
/// keep: an empty store with this replica's number becomes this one with it, if this
/// one has made no change since. Changes nothing.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_state(
    store: *mut nsw_store,
    frame: *mut u8,
    frame_cap: usize,
    frame_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: frame, capacity: frame_cap, len: frame_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { whole(store, output, |s, frame| s.state(frame), |s| s.state_len()) }
}

/// Bytes of an answer behind the context that suffice for sums and lists.
const ANSWER: usize = 320;

/// The room that every digest has to have.
fn least(store: &mut Store<'static>) -> usize {
    // One sum takes 16 bytes.
    store.context_len() + 16
}

/// Begins to find out in what two stores differ, without a word of what either lacks:
/// writes sums over what is here, `frame[0..*frame_len]`, for nsw_store_reconcile of the
/// peer. A larger buffer holds finer sums; some 900 bytes hold the finest. Changes
/// nothing.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_digest(
    store: *mut nsw_store,
    frame: *mut u8,
    frame_cap: usize,
    frame_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: frame, capacity: frame_cap, len: frame_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { whole(store, output, |s, frame| s.digest(frame), least) }
}

/// Takes in a frame of the peer's nsw_store_digest or nsw_store_reconcile and writes the
/// answer for the peer's nsw_store_reconcile, `answer[0..*answer_len]`: finer sums, lists,
/// and what the peer lacks. They go to and fro until one is empty (`*answer_len` is 0), at
/// a cost that goes with the difference; if one gets lost, or until both have said that
/// they are equal, either begins again. `answer` needs room for a context and 320 bytes,
/// and for the longest element with its names. `*equal` (may be NULL) is 1 if both have the
/// same and all of the peer's changes have come, else 0. `*merged` (NSW_STORE_MERGED_INIT;
/// may be NULL) tells what changed. `now_ms` is as for nsw_store_merge. Frame and answer may
/// not overlap.
///
/// Errors: those of nsw_store_merge, and NSW_ERR_INVALID if they overlap; nothing changes
/// then. NSW_ERR_BUFFER_TOO_SMALL if not even one part or item fits into the answer: what the
/// frame brought is taken in all the same, `*answer_len` is enough but for long elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_reconcile(
    store: *mut nsw_store,
    frame: *const u8,
    frame_len: usize,
    now_ms: u64,
    answer: *mut u8,
    answer_cap: usize,
    answer_len: *mut usize,
    merged: *mut nsw_store_merged,
    equal: *mut u32,
) -> nsw_status {
    let output = Output { pointer: answer, capacity: answer_cap, len: answer_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Store<'static>>(store, |s| {
            write_merged(merged, Merged::default())?;
            tell(equal, 0)?;
            let frame = input(frame, frame_len)?;
            let answer = output.take(answer_cap, &bytes_of(frame))?;
            tell(answer_len, 0)?;
            match s.reconcile(frame, now_ms, answer) {
                Ok(done) => {
                    tell(answer_len, done.len)?;
                    tell(equal, done.equal.into())?;
                    write_merged(merged, done.merged)
                }
                Err(error) => {
                    if error == Error::BufferTooSmall {
                        tell(answer_len, s.context_len() + ANSWER)?;
                    }
                    Err(error)
                }
            }
        })
    }
}

/// Takes in a frame of another replica's nsw_store_delta or nsw_store_state, in whole or
/// not at all. `now_ms` is the time of day in milliseconds since 1970; 0 without a clock.
/// `*merged` (NSW_STORE_MERGED_INIT; may be NULL) tells what changed.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_CRDT_FORMAT
/// and NSW_ERR_CRDT_VERSION for what is no such frame, NSW_ERR_CRDT_CLOCK for a stamp too
/// far ahead of `now_ms`, NSW_ERR_CRDT_OWN for changes of this replica that it does not know
/// of and that do not follow on what it has (those that do restore it), NSW_ERR_CAPACITY
/// without room. Nothing changes then, and the same frame may be taken in later.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_store_merge(
    store: *mut nsw_store,
    frame: *const u8,
    frame_len: usize,
    now_ms: u64,
    merged: *mut nsw_store_merged,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Store<'static>>(store, |s| {
            // Refused before the work, not after.
            write_merged(merged, Merged::default())?;
            write_merged(merged, s.merge(input(frame, frame_len)?, now_ms)?)
        })
    }
}
