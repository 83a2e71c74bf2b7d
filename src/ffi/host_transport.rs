//! What the sockets of the host have in common for C.

use core::ffi::c_void;

use super::handle::{Object, with_mut};
use super::slices::{in_place, input, tell};
use super::status::{NSW_AGAIN, nsw_status};
use super::structs::{self, check_pointer};
use super::transport::{nsw_address, nsw_transport};
use super::{guarded, status, status_or};
use crate::error::{Error, Result};
use crate::port::{Address, Transport};

/// The caller's address.
///
/// # Safety
/// `address` is NULL or a struct.
pub(super) unsafe fn read_address(address: *const nsw_address) -> Result<Address> {
    // SAFETY: the caller's word.
    unsafe { structs::read(address) }?.get()
}

/// Fills the caller's table with hooks over an object that is a transport.
///
/// # Safety
/// `object` is NULL or points to memory that holds (or held) an object; `out` is
/// NULL or a struct.
pub(super) unsafe fn fill_table<T: Object + Transport>(
    object: *mut T::C,
    out: *mut nsw_transport,
) -> nsw_status {
    let table = nsw_transport {
        size: 0,
        ctx: object.cast(),
        send: Some(send_hook::<T>),
        receive: Some(receive_hook::<T>),
        skip: Some(skip_hook::<T>),
    };
    // SAFETY: the caller's word.
    status(unsafe { with_mut::<T, _>(object, |_| structs::write(out, &table)) })
}

unsafe extern "C" fn send_hook<T: Object + Transport>(
    ctx: *mut c_void,
    to: *const nsw_address,
    datagram: *const u8,
    datagram_len: usize,
) -> nsw_status {
    // SAFETY: the table's ctx is the object; the rest as documented there.
    unsafe { send::<T>(ctx.cast(), to, datagram, datagram_len) }
}

/// Sends a datagram of C's by an object that is a transport.
///
/// # Safety
/// As for [`nsw_transport::send`], with an object or what was one.
pub(super) unsafe fn send<T: Object + Transport>(
    object: *mut T::C,
    to: *const nsw_address,
    datagram: *const u8,
    datagram_len: usize,
) -> nsw_status {
    guarded(|| {
        // SAFETY: the caller's word.
        let (to, datagram) = unsafe { (read_address(to)?, input(datagram, datagram_len)?) };
        // SAFETY: the caller's word.
        unsafe { with_mut::<T, _>(object, |transport| transport.send(&to, datagram)) }
    })
}

unsafe extern "C" fn receive_hook<T: Object + Transport>(
    ctx: *mut c_void,
    from: *mut nsw_address,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    // SAFETY: the table's ctx is the object; the rest as documented there.
    unsafe {
        receive::<T>(ctx.cast(), from, buf, cap, len, |transport, buf| transport.receive(buf))
    }
}

unsafe extern "C" fn skip_hook<T: Object + Transport>(ctx: *mut c_void) -> nsw_status {
    // SAFETY: the table's ctx is the object.
    unsafe { super::handle::call_mut::<T>(ctx.cast(), Transport::skip) }
}

/// Receives a datagram for C by an object that is a transport.
///
/// # Safety
/// As for [`nsw_transport::receive`], with an object or what was one; `from` and
/// `len` may be NULL.
pub(super) unsafe fn receive<T: Object + Transport>(
    object: *mut T::C,
    from: *mut nsw_address,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
    how: impl FnOnce(&mut T, &mut [u8]) -> Result<Option<(usize, Address)>>,
) -> nsw_status {
    let call = |transport: &mut T| {
        // What cannot be told must not be taken.
        // SAFETY: the caller's word.
        let buf = unsafe {
            if !from.is_null() {
                structs::read(from)?;
            }
            if !len.is_null() {
                check_pointer(len)?;
            }
            in_place(buf, cap)?
        };
        match how(transport, buf) {
            // SAFETY: the caller's word.
            Ok(Some((received, address))) => unsafe {
                tell(len, received)?;
                if !from.is_null() {
                    structs::write(from, &nsw_address::of(&address))?;
                }
                Ok(true)
            },
            Ok(None) => Ok(false),
            Err(error) => {
                if let (Error::BufferTooSmall, Some(needed)) = (error, transport.waiting()) {
                    // SAFETY: the caller's word.
                    unsafe { tell(len, needed) }?;
                }
                Err(error)
            }
        }
    };
    // SAFETY: the caller's word.
    status_or(unsafe { with_mut::<T, _>(object, call) }, NSW_AGAIN)
}
