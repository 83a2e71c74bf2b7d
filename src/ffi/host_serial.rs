//! Datagrams over serial lines.

use core::ffi::c_char;
use core::time::Duration;
use std::path::Path;

use super::handle::{self, Object, call_mut, call_ref};
use super::host_key::path;
use super::host_transport::{fill_table, read_address, receive, send};
use super::port::nsw_allocator;
use super::status::nsw_status;
use super::structs::{self, Versioned, or};
use super::transport::{nsw_address, nsw_transport};
use crate::error::{Error, Result};
use crate::host::{Serial, SerialConfig, SerialCounts};
use crate::port::Address;

/// Which serial line is used, and how. NSW_HOST_SERIAL_CONFIG_INIT, then `device` and
/// `device_len`. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_serial_config {
    /// sizeof(nsw_host_serial_config); NSW_HOST_SERIAL_CONFIG_INIT sets it.
    pub size: u32,
    /// Bits a second: 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800,
    /// 9600, 19200, 38400, 57600, 115200, 230400, 460800, 500000, 576000, 921600,
    /// 1000000, 1500000, 2000000, 2500000, 3000000, 3500000 or 4000000, of which not
    /// every device has all; 0 means 115200.
    pub baud: u32,
    /// The name of a device, such as /dev/ttyUSB0, `device_len` bytes.
    pub device: *const c_char,
    /// Bytes of `device`.
    pub device_len: usize,
    /// What the other end is called: the only address that can be sent to. NULL means
    /// an address of no bytes.
    pub peer: *const nsw_address,
    /// Bytes of the longest datagram to send and to take, at most NSW_FRAME_MAX; 0
    /// means 2048.
    pub max_datagram: usize,
    /// Bytes that may wait to leave: at least NSW_SERIAL_BOUND(max_datagram) + 1; 0
    /// means twice that.
    pub send_buffer: usize,
    /// 1: frames go without a CRC, and are taken without one, where whatever is above
    /// notices all damage itself; 0: all have one, and others are dropped.
    pub plain: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_serial_config {
    const LEAST: usize = size_of::<nsw_host_serial_config>();
}

/// What was received and dropped. NSW_HOST_SERIAL_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_serial_info {
    /// sizeof(nsw_host_serial_info); NSW_HOST_SERIAL_INFO_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Frames that were not COBS, of no known kind, or with a wrong CRC. Garbage
    /// between frames counts as one of these for each zero in it.
    pub damaged: u64,
    /// Frames that were longer than `max_datagram`.
    pub oversize: u64,
    /// Frames without a CRC, unless they are `plain`.
    pub unchecked: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_serial_info {
    const LEAST: usize = size_of::<nsw_host_serial_info>();
}

/// A serial line to one peer, each datagram a frame of NSW_FRAMING_SERIAL. A CRC finds
/// accidents; who sent a frame is for whatever is above to find out, such as a session
/// of nsw_link. One thread at a time; functions that take a const pointer may run side
/// by side.
pub struct nsw_host_serial {
    _opaque: [u8; 0],
}

impl Object for Serial<'static> {
    type C = nsw_host_serial;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsSl");
}

/// A configuration that was read.
struct Config<'a> {
    device: &'a Path,
    baud: u32,
    how: SerialConfig,
}

unsafe fn read_config<'a>(config: *const nsw_host_serial_config) -> Result<Config<'a>> {
    // SAFETY: NULL or a configuration, as the callers document.
    let config = unsafe { structs::read(config) }?;
    if config.plain > 1 || config.reserved != 0 {
        return Err(Error::Invalid);
    }
    let peer = match config.peer.is_null() {
        true => Address::EMPTY,
        // SAFETY: as above.
        false => unsafe { read_address(config.peer) }?,
    };
    let default = SerialConfig::new(or(config.max_datagram, 2048));
    let send_buffer = or(config.send_buffer, default.send_buffer);
    // SAFETY: as above.
    let device = unsafe { path(config.device, config.device_len) }?;
    let how = SerialConfig { peer, send_buffer, plain: config.plain == 1, ..default };
    Ok(Config { device, baud: or(config.baud, 115200), how })
}

/// The memory that a line of this configuration takes: the one block that
/// nsw_host_serial_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH for an address of
/// more than NSW_ADDRESS_MAX bytes, NSW_ERR_INVALID for settings out of range. Any
/// thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_serial_footprint(
    config: *const nsw_host_serial_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Serial<'static>>(size, align, || {
            Serial::footprint(&read_config(config)?.how)
        })
    }
}

/// Opens a device, in one block of `memory` (NULL: the system's heap): 8 data bits, no
/// parity, one stop bit, no flow control. It is the caller's alone until it is closed,
/// and stays set up like that. What it received before is dropped. The caller owns
/// `*serial` and ends it with nsw_host_serial_destroy.
///
/// Errors: those of nsw_host_serial_footprint, and NSW_ERR_INVALID for another `baud`,
/// NSW_ERR_HOST_FILE if it is no serial line, NSW_ERR_HOST_IO if the system refuses
/// it, it is in use, or cannot be set up like that, NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*serial` is NULL then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_serial_create(
    config: *const nsw_host_serial_config,
    memory: *const nsw_allocator,
    serial: *mut *mut nsw_host_serial,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Serial<'static>, _>(
            memory,
            serial,
            || read_config(config).and_then(|c| Ok((Serial::footprint(&c.how)?, c))),
            |piece, c| Serial::open_in_piece(c.device, c.baud, &c.how, piece),
        )
    }
}

/// Closes a line and gives its block back; what waits to leave is lost
/// (nsw_host_serial_flush). NULL is fine, and so is an already
/// destroyed one whose memory can still be read.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_serial_destroy(serial: *mut nsw_host_serial) {
    // SAFETY: NULL or a line, by the documentation above.
    unsafe { handle::destroy::<Serial<'static>>(serial) };
}

/// Sends a datagram, without waiting: what the system does not take at once waits, and
/// leaves during later calls.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_LENGTH for an address of more than NSW_ADDRESS_MAX bytes,
/// NSW_ERR_HOST_ADDRESS if it is not the peer's, NSW_ERR_COMM_TOO_LONG for more than
/// `max_datagram` bytes, NSW_ERR_CAPACITY if too much waits to leave already,
/// NSW_ERR_HOST_IO if the line is gone.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_serial_send(
    serial: *mut nsw_host_serial,
    to: *const nsw_address,
    datagram: *const u8,
    datagram_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { send::<Serial<'static>>(serial, to, datagram, datagram_len) }
}

/// Waits for at most `timeout_us` microseconds (UINT64_MAX: for ever) until all that
/// was sent has left for the system.
///
/// Errors: those of a bad handle, NSW_ERR_HOST_TIMEOUT if some of it has not,
/// NSW_ERR_HOST_IO if the line is gone.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_serial_flush(
    serial: *mut nsw_host_serial,
    timeout_us: u64,
) -> nsw_status {
    let timeout = Duration::from_micros(timeout_us);
    // SAFETY: NULL or a line, by the documentation above.
    unsafe { call_mut::<Serial<'static>>(serial, |serial| serial.flush(timeout)) }
}

/// The next datagram that has arrived, after waiting for one for at most
/// `timeout_us` microseconds (0: not at all; UINT64_MAX: for ever): at most `cap`
/// bytes to `buf`, the length to `*len` and where it came from to `*from`, whose
/// `size` the caller has set (NSW_ADDRESS_INIT); both may be NULL. NSW_AGAIN if
/// none came. Sends what waits to leave meanwhile, so it is to be called also by who
/// expects nothing.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_BUFFER_TOO_SMALL (`*len` is what is needed, and the datagram waits),
/// NSW_ERR_HOST_IO if the line is gone; it may come back.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_serial_receive(
    serial: *mut nsw_host_serial,
    timeout_us: u64,
    from: *mut nsw_address,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let timeout = Duration::from_micros(timeout_us);
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        receive::<Serial<'static>>(serial, from, buf, cap, len, |serial, buf| {
            serial.receive_within(buf, timeout)
        })
    }
}

/// What was received and dropped: fills `*info`, whose `size` the caller has set
/// (NSW_HOST_SERIAL_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_serial_describe(
    serial: *const nsw_host_serial,
    info: *mut nsw_host_serial_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Serial<'static>>(serial, |serial| {
            let SerialCounts { damaged, oversize, unchecked } = serial.counts();
            let filled =
                nsw_host_serial_info { size: 0, reserved: 0, damaged, oversize, unchecked };
            structs::write(info, &filled)
        })
    }
}

/// The line as a transport: fills `*table`, whose `size` the caller has set
/// (NSW_TRANSPORT_INIT). It is valid as long as the line.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_serial_transport(
    serial: *mut nsw_host_serial,
    table: *mut nsw_transport,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { fill_table::<Serial<'static>>(serial, table) }
}
