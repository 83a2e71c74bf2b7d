//! The system's clocks, and addresses of sockets.

use core::ffi::c_char;

use super::guarded;
use super::host_transport::read_address;
use super::slices::{Output, bytes_of, input, put};
use super::status::nsw_status;
use super::structs;
use super::transport::nsw_address;
use crate::error::{Error, Result};
use crate::host::{now_us, parse_address, show_address, unix_time};

/// Microseconds of the system's monotonic clock, from a beginning that stays the
/// same until the machine starts anew. It may stand still while the machine
/// sleeps.
///
/// Errors: NSW_ERR_NULL. Any thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_now_us(now: *mut u64) -> nsw_status {
    // SAFETY: NULL or writable, by the documentation above.
    guarded(|| unsafe { put(now, now_us()) })
}

/// Seconds since 1970-01-01 00:00:00 UTC by the system's wall clock, which may be
/// wrong and may jump; 0 for a time before.
///
/// Errors: NSW_ERR_NULL. Any thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_unix_time(seconds: *mut u64) -> nsw_status {
    // SAFETY: NULL or writable, by the documentation above.
    guarded(|| unsafe { put(seconds, unix_time()) })
}

/// Fills `*address`, whose `size` the caller has set (NSW_ADDRESS_INIT), from
/// text: `127.0.0.1:4000`, `[::1]:4000`, `[fe80::1%2]:4000`, or a name and a port
/// (`example.org:4000`), which the system looks up: that may take long, and the
/// first answer is taken. The address is for nsw_host_udp, nsw_host_tcp and
/// nsw_host_tls; it holds 7 bytes (4, the IPv4 address, the port) or 23 (6, the
/// IPv6 address, the port, the scope), port and scope little-endian.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_HOST_ADDRESS if it is none,
/// or not found. Any thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_address_parse(
    text: *const c_char,
    text_len: usize,
    address: *mut nsw_address,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        structs::read(address)?;
        let parsed = parse_address(read_text(text, text_len)?)?;
        structs::write(address, &nsw_address::of(&parsed))
    })
}

/// Text of the caller's that names an address.
///
/// # Safety
/// `text` is NULL or readable for `len` bytes for `'a`.
pub(super) unsafe fn read_text<'a>(text: *const c_char, len: usize) -> Result<&'a str> {
    // SAFETY: the caller's word.
    let bytes = unsafe { input(text.cast::<u8>(), len) }?;
    core::str::from_utf8(bytes).map_err(|_| Error::HostAddress)
}

/// Writes an address as text that nsw_host_address_parse reads, without a zero
/// behind it: at most `cap` bytes to `buf`, the length to `*len` (which may be
/// NULL), at most 64.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH for more than
/// NSW_ADDRESS_MAX bytes, NSW_ERR_HOST_ADDRESS if it is none of a socket,
/// NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed, and nothing is written. Any
/// thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_address_text(
    address: *const nsw_address,
    buf: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf.cast::<u8>(), capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let text = show_address(&read_address(address)?)?;
        output.take(text.len(), &bytes_of::<u8>(&[]))?.copy_from_slice(text.as_bytes());
        Ok(())
    })
}
