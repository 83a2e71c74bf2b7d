//! Datagrams over UDP.

use core::time::Duration;

use super::handle::{self, Object, call_ref};
use super::host_transport::{fill_table, read_address, receive, send};
use super::port::nsw_allocator;
use super::status::nsw_status;
use super::structs::{self, Versioned};
use super::transport::{nsw_address, nsw_transport};
use crate::error::Result;
use crate::host::{Udp, UdpConfig};

/// Where a socket listens, and how much it takes. NSW_HOST_UDP_CONFIG_INIT, then
/// `bind`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_udp_config {
    /// sizeof(nsw_host_udp_config); NSW_HOST_UDP_CONFIG_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Where to listen, from nsw_host_address_parse. Port 0 means any free one;
    /// the unspecified address (`0.0.0.0`, `[::]`) every address of the machine. Read
    /// during the call only.
    pub bind: *const nsw_address,
    /// Bytes of the longest datagram to send and to take, at most 65507; 0 means
    /// 2048.
    pub max_datagram: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_udp_config {
    const LEAST: usize = size_of::<nsw_host_udp_config>();
}

/// What was dropped. NSW_HOST_UDP_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_udp_info {
    /// sizeof(nsw_host_udp_info); NSW_HOST_UDP_INFO_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Datagrams that were longer than `max_datagram`.
    pub oversize: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_udp_info {
    const LEAST: usize = size_of::<nsw_host_udp_info>();
}

/// A UDP socket. One thread at a time; functions that take a const pointer may run
/// side by side.
pub struct nsw_host_udp {
    _opaque: [u8; 0],
}

impl Object for Udp<'static> {
    type C = nsw_host_udp;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsUd");
}

unsafe fn read_config(config: *const nsw_host_udp_config) -> Result<UdpConfig> {
    // SAFETY: NULL or a configuration, as the callers document.
    unsafe {
        let config = structs::read(config)?;
        if config.reserved != 0 {
            return Err(crate::Error::Invalid);
        }
        let default = UdpConfig::new(read_address(config.bind)?);
        Ok(match config.max_datagram {
            0 => default,
            max_datagram => UdpConfig { max_datagram, ..default },
        })
    }
}

/// The memory that a socket of this configuration takes: the one block that
/// nsw_host_udp_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH for an address of
/// more than NSW_ADDRESS_MAX bytes, NSW_ERR_INVALID for a `max_datagram` out of
/// range. Any thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_udp_footprint(
    config: *const nsw_host_udp_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Udp<'static>>(size, align, || Udp::footprint(&read_config(config)?))
    }
}

/// Opens a socket, in one block of `memory` (NULL: the system's heap). The caller
/// owns `*udp` and ends it with nsw_host_udp_destroy.
///
/// Errors: those of nsw_host_udp_footprint, and NSW_ERR_HOST_ADDRESS if `bind` is
/// none of a socket, NSW_ERR_HOST_IO if the system refuses it,
/// NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*udp` is NULL
/// then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_udp_create(
    config: *const nsw_host_udp_config,
    memory: *const nsw_allocator,
    udp: *mut *mut nsw_host_udp,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Udp<'static>, _>(
            memory,
            udp,
            || read_config(config).and_then(|config| Ok((Udp::footprint(&config)?, config))),
            |piece, config| Udp::in_piece(&config, piece),
        )
    }
}

/// Closes a socket and gives its block back. NULL is fine, and so is an already
/// destroyed one whose memory can still be read.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_udp_destroy(udp: *mut nsw_host_udp) {
    // SAFETY: NULL or a socket, by the documentation above.
    unsafe { handle::destroy::<Udp<'static>>(udp) };
}

/// Where it listens, with the port that it got: fills `*address`, whose `size` the
/// caller has set (NSW_ADDRESS_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_HOST_IO.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_udp_local(
    udp: *const nsw_host_udp,
    address: *mut nsw_address,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Udp<'static>>(udp, |udp| {
            structs::write(address, &nsw_address::of(&udp.local()?))
        })
    }
}

/// Sends a datagram, without waiting.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_LENGTH for an address of more than NSW_ADDRESS_MAX bytes,
/// NSW_ERR_HOST_ADDRESS if it is none that this socket reaches,
/// NSW_ERR_COMM_TOO_LONG for more than `max_datagram` bytes, NSW_ERR_CAPACITY if
/// the system has no room for it now, NSW_ERR_HOST_IO.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_udp_send(
    udp: *mut nsw_host_udp,
    to: *const nsw_address,
    datagram: *const u8,
    datagram_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { send::<Udp<'static>>(udp, to, datagram, datagram_len) }
}

/// The next datagram that has arrived, after waiting for one for at most
/// `timeout_us` microseconds (0: not at all; UINT64_MAX: for ever): at most `cap`
/// bytes to `buf`, the length to `*len` and where it came from to `*from`, whose
/// `size` the caller has set (NSW_ADDRESS_INIT); both may be NULL. NSW_AGAIN if
/// none came.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_BUFFER_TOO_SMALL (`*len` is what is needed, and the datagram waits),
/// NSW_ERR_HOST_IO.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_udp_receive(
    udp: *mut nsw_host_udp,
    timeout_us: u64,
    from: *mut nsw_address,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let timeout = Duration::from_micros(timeout_us);
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        receive::<Udp<'static>>(udp, from, buf, cap, len, |udp, buf| {
            udp.receive_within(buf, timeout)
        })
    }
}

/// What was dropped: fills `*info`, whose `size` the caller has set
/// (NSW_HOST_UDP_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_udp_describe(
    udp: *const nsw_host_udp,
    info: *mut nsw_host_udp_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Udp<'static>>(udp, |udp| {
            let oversize = udp.counts().oversize;
            structs::write(info, &nsw_host_udp_info { size: 0, reserved: 0, oversize })
        })
    }
}

/// The socket as a transport: fills `*table`, whose `size` the caller has set
/// (NSW_TRANSPORT_INIT). It is valid as long as the socket.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_udp_transport(
    udp: *mut nsw_host_udp,
    table: *mut nsw_transport,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { fill_table::<Udp<'static>>(udp, table) }
}
