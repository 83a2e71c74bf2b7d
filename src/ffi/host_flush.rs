//! Making records of a Raft node durable on another thread.

use super::handle::{self, NOTHING, Object, call_mut, with_mut};
use super::host_raft::{Kept, nsw_host_raft};
use super::port::nsw_allocator;
use super::slices::tell;
use super::status::nsw_status;
use crate::host::RaftSync;

/// Makes records durable on another thread: nsw_host_flush_create. An object belongs to one
/// thread at a time, which may be another than that of its files.
pub struct nsw_host_flush {
    _opaque: [u8; 0],
}

/// What is to be done, nothing if it was; and the last record that is durable then.
struct Flush(Option<RaftSync>, u64);

impl Object for Flush {
    type C = nsw_host_flush;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsFl");
}

/// The memory that a nsw_host_flush takes: the one block that nsw_host_flush_create asks for, in
/// bytes.
///
/// Errors: NSW_ERR_NULL. Any thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_flush_footprint(
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<Flush>(size, align, || Ok(NOTHING)) }
}

/// What makes all records durable that were appended to `files`, for another thread; nothing is
/// waited for. More may be appended meanwhile, and several may be under way. In one block of
/// `memory` (NULL: the system's heap). The caller owns `*flush` and ends it with
/// nsw_host_flush_destroy, before or after the files.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_HOST_IO and NSW_ERR_HOST_FULL if the
/// system refuses, now or before, NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*flush` is NULL then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_flush_create(
    files: *mut nsw_host_raft,
    memory: *const nsw_allocator,
    flush: *mut *mut nsw_host_flush,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<Flush>(
            memory,
            flush,
            || Ok(NOTHING),
            |_| {
                with_mut::<Kept, _>(files, |kept| {
                    let durable = kept.storage.durable()?.0;
                    Ok(Flush(kept.storage.begin_sync()?, durable))
                })
            },
        )
    }
}

/// Destroys a flush and gives its block back; one that did not run does nothing. NULL is fine,
/// and so is an already destroyed one whose memory can still be read.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_flush_destroy(flush: *mut nsw_host_flush) {
    // SAFETY: NULL or such an object, by the documentation above.
    unsafe { handle::destroy::<Flush>(flush) };
}

/// Waits until the records are durable: `*number` (may be NULL) is the last of them. Once;
/// nsw_host_raft_durable tells the same on the thread of the files.
///
/// Errors: those of a bad handle, NSW_ERR_HOST_IO and NSW_ERR_HOST_FULL if the system refuses,
/// now or before: the files take nothing any more then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_flush_run(
    flush: *mut nsw_host_flush,
    number: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Flush>(flush, |flush| {
            tell(number, 0)?;
            if let Some(sync) = flush.0.take() {
                flush.1 = sync.run()?.0;
            }
            tell(number, flush.1)
        })
    }
}
