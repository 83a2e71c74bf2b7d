//! TCP listeners by themselves.

use super::handle::{self, Object, call_ref};
use super::host_transport::read_address;
use super::port::nsw_allocator;
use super::status::nsw_status;
use super::structs;
use super::transport::nsw_address;
use crate::host::Listener;

/// A TCP listener by itself: where connections for nsw_host_tls_accept come in,
/// which several threads may call at once.
pub struct nsw_host_listener {
    _opaque: [u8; 0],
}

impl Object for Listener {
    type C = nsw_host_listener;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsLi");
}

/// The memory that a listener takes: the one block that nsw_host_listener_create
/// asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH for an address of
/// more than NSW_ADDRESS_MAX bytes. Any thread.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_listener_footprint(
    bind: *const nsw_address,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Listener>(size, align, || read_address(bind).map(|_| handle::NOTHING))
    }
}

/// Listens at an address from nsw_host_address_parse, in one block of `memory`
/// (NULL: the system's heap). Port 0 means any free one. The caller owns
/// `*listener` and ends it with nsw_host_listener_destroy.
///
/// Errors: those of nsw_host_listener_footprint, and NSW_ERR_HOST_ADDRESS if the
/// address is none of a socket, NSW_ERR_HOST_IO if the system refuses it,
/// NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*listener` is
/// NULL then.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_listener_create(
    bind: *const nsw_address,
    memory: *const nsw_allocator,
    listener: *mut *mut nsw_host_listener,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Listener, _>(
            memory,
            listener,
            || read_address(bind).map(|bind| (handle::NOTHING, bind)),
            |_, bind| Listener::new(&bind),
        )
    }
}

/// Closes a listener and gives its block back. NULL is fine, and so is an already
/// destroyed one whose memory can still be read.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_listener_destroy(listener: *mut nsw_host_listener) {
    // SAFETY: NULL or a listener, by the documentation above.
    unsafe { handle::destroy::<Listener>(listener) };
}

/// Where it listens, with the port that it got: fills `*address`, whose `size` the
/// caller has set (NSW_ADDRESS_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_HOST_IO.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_listener_local(
    listener: *const nsw_host_listener,
    address: *mut nsw_address,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Listener>(listener, |listener| {
            structs::write(address, &nsw_address::of(&listener.local()?))
        })
    }
}
