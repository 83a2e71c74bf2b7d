//! Private keys in files.

use core::ffi::c_char;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::guarded;
use super::identity::{key, nsw_key, put_key};
use super::slices::input;
use super::status::nsw_status;
use crate::comm::crypto::Secret;
use crate::error::Result;
use crate::host::{load_key, save_key};

/// # Safety
/// NULL, or readable for `len` bytes.
pub(super) unsafe fn path<'a>(path: *const c_char, len: usize) -> Result<&'a Path> {
    // SAFETY: the caller's word.
    let bytes = unsafe { input(path.cast::<u8>(), len) }?;
    Ok(Path::new(std::ffi::OsStr::from_bytes(bytes)))
}

/// Writes the secret of an identity (nsw_identity_seed) to a new file, named by
/// `path_len` bytes, that its owner alone can read or write, and makes it durable.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_HOST_FILE if there is such a file already: a key
/// is never overwritten; NSW_ERR_HOST_IO if the system refuses: then no file is
/// left. Any thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_key_write(
    path: *const c_char,
    path_len: usize,
    seed: *const nsw_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe { save_key(self::path(path, path_len)?, &Secret::new(*key(seed)?)) })
}

/// Reads the secret of an identity from a file that nsw_host_key_write has written,
/// named by `path_len` bytes. Overwrite it when the identity is made of it.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_HOST_IO if the file cannot be read,
/// NSW_ERR_HOST_PERMISSIONS if others than its owner, this user, can read or write
/// it, NSW_ERR_HOST_FILE if it holds something else. Any thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_key_read(
    path: *const c_char,
    path_len: usize,
    seed: *mut nsw_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe { put_key(seed, load_key(self::path(path, path_len)?)?.bytes()) })
}
