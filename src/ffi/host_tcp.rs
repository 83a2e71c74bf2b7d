//! Frames over TCP connections.

use core::time::Duration;

use super::handle::{self, Object, call_mut, call_ref};
use super::host_transport::{fill_table, read_address, receive, send};
use super::port::nsw_allocator;
use super::slices::put;
use super::status::nsw_status;
use super::structs::{self, Versioned, count, or};
use super::transport::{nsw_address, nsw_transport};
use crate::error::Result;
use crate::host::{Tcp, TcpConfig};

/// What a nsw_host_tcp is for. NSW_HOST_TCP_CONFIG_INIT, then `max_frame`, and
/// `bind` to listen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_tcp_config {
    /// sizeof(nsw_host_tcp_config); NSW_HOST_TCP_CONFIG_INIT sets it.
    pub size: u32,
    /// Connections at a time, at most 64; 0 means 16. Further ones wait in the
    /// system until there is room.
    pub connections: u32,
    /// Where to listen, from nsw_host_address_parse; NULL to connect only. Port 0
    /// means any free one. Read during the call only.
    pub bind: *const nsw_address,
    /// Bytes of the longest frame to send and to take, from 1 to NSW_FRAME_MAX.
    pub max_frame: usize,
    /// Bytes that may wait to leave, each connection: at least `max_frame` + 2; 0
    /// means twice that.
    pub send_buffer: usize,
    /// A connection that brought no frame for so many microseconds is closed; 0
    /// for never.
    pub idle_us: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_tcp_config {
    const LEAST: usize = size_of::<nsw_host_tcp_config>();
}

/// What became of connections. NSW_HOST_TCP_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_tcp_info {
    /// sizeof(nsw_host_tcp_info); NSW_HOST_TCP_INFO_INIT sets it.
    pub size: u32,
    /// Connections that there are.
    pub connections: u32,
    /// Connections that came in.
    pub accepted: u64,
    /// Connections that ended, each for one of the next three reasons or because
    /// nsw_host_tcp_close was called.
    pub closed: u64,
    /// The peer closed it, or it broke.
    pub broken: u64,
    /// The peer announced a frame longer than `max_frame`.
    pub oversize: u64,
    /// It brought no frame for too long.
    pub idle: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_tcp_info {
    const LEAST: usize = size_of::<nsw_host_tcp_info>();
}

/// A listener, if it has an address to listen at, and connections, each of which
/// goes by the address of its peer and carries frames with a length before each
/// (NSW_FRAMING_STREAM). What is sent arrives once and in order as long as the
/// connection lasts. One thread at a time; functions that take a const pointer may
/// run side by side.
pub struct nsw_host_tcp {
    _opaque: [u8; 0],
}

impl Object for Tcp<'static> {
    type C = nsw_host_tcp;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsTc");
}

unsafe fn read_config(config: *const nsw_host_tcp_config) -> Result<TcpConfig> {
    // SAFETY: NULL or a configuration, as the callers document.
    let config = unsafe { structs::read(config) }?;
    let bind = match config.bind.is_null() {
        true => None,
        // SAFETY: as above.
        false => Some(unsafe { read_address(config.bind) }?),
    };
    let default = TcpConfig::new(bind, config.max_frame);
    Ok(TcpConfig {
        connections: count(config.connections, default.connections),
        send_buffer: or(config.send_buffer, default.send_buffer),
        idle: Duration::from_micros(config.idle_us),
        ..default
    })
}

/// The memory that it takes: the one block that nsw_host_tcp_create asks for, in
/// bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH for an address of
/// more than NSW_ADDRESS_MAX bytes, NSW_ERR_INVALID for settings out of range,
/// NSW_ERR_OVERFLOW. Any thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tcp_footprint(
    config: *const nsw_host_tcp_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Tcp<'static>>(size, align, || Tcp::footprint(&read_config(config)?))
    }
}

/// Makes one without connections, and listens if it is to, in one block of
/// `memory` (NULL: the system's heap). The caller owns `*tcp` and ends it with
/// nsw_host_tcp_destroy.
///
/// Errors: those of nsw_host_tcp_footprint, and NSW_ERR_HOST_ADDRESS if `bind` is
/// none of a socket, NSW_ERR_HOST_IO if the system refuses it,
/// NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*tcp` is NULL
/// then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tcp_create(
    config: *const nsw_host_tcp_config,
    memory: *const nsw_allocator,
    tcp: *mut *mut nsw_host_tcp,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Tcp<'static>, _>(
            memory,
            tcp,
            || read_config(config).and_then(|config| Ok((Tcp::footprint(&config)?, config))),
            |piece, config| Tcp::in_piece(&config, piece),
        )
    }
}

/// Closes all connections and gives the block back; what waits to leave is lost
/// (nsw_host_tcp_flush). NULL is fine, and so is an already destroyed one whose
/// memory can still be read.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tcp_destroy(tcp: *mut nsw_host_tcp) {
    // SAFETY: NULL or an object, by the documentation above.
    unsafe { handle::destroy::<Tcp<'static>>(tcp) };
}

/// Where it listens, with the port that it got: fills `*address`, whose `size` the
/// caller has set (NSW_ADDRESS_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_COMM_STATE if it does not listen, NSW_ERR_HOST_IO.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tcp_local(
    tcp: *const nsw_host_tcp,
    address: *mut nsw_address,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Tcp<'static>>(tcp, |tcp| {
            structs::write(address, &nsw_address::of(&tcp.local()?))
        })
    }
}

/// Connects to a listener, unless that is done; waits for it for at most
/// `timeout_us` microseconds (UINT64_MAX: as long as the system does).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_LENGTH for an address of more than NSW_ADDRESS_MAX bytes,
/// NSW_ERR_HOST_ADDRESS if it is none of a socket, NSW_ERR_CAPACITY if there is no
/// room for a connection, NSW_ERR_HOST_TIMEOUT, NSW_ERR_HOST_IO if it is refused.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tcp_connect(
    tcp: *mut nsw_host_tcp,
    to: *const nsw_address,
    timeout_us: u64,
) -> nsw_status {
    let timeout = Duration::from_micros(timeout_us);
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<Tcp<'static>>(tcp, |tcp| tcp.connect(&read_address(to)?, timeout)) }
}

/// Tells in `*connected` whether there is a connection to this peer: 1 or 0.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_LENGTH for an address of more than NSW_ADDRESS_MAX bytes.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tcp_is_connected(
    tcp: *const nsw_host_tcp,
    peer: *const nsw_address,
    connected: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Tcp<'static>>(tcp, |tcp| {
            put(connected, tcp.is_connected(&read_address(peer)?).into())
        })
    }
}

/// Closes a connection; what waits to leave or to be received is lost.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_LENGTH for an address of more than NSW_ADDRESS_MAX bytes,
/// NSW_ERR_COMM_PEER if there is none to this peer.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tcp_close(
    tcp: *mut nsw_host_tcp,
    peer: *const nsw_address,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<Tcp<'static>>(tcp, |tcp| tcp.close(&read_address(peer)?)) }
}

/// Sends a frame, without waiting: what the system does not take at once waits,
/// and leaves during later calls.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_LENGTH for an address of more than NSW_ADDRESS_MAX bytes,
/// NSW_ERR_COMM_PEER if there is no connection to this peer, NSW_ERR_COMM_TOO_LONG
/// for more than `max_frame` bytes, NSW_ERR_CAPACITY if too much waits to leave
/// already, NSW_ERR_HOST_IO if the connection broke.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tcp_send(
    tcp: *mut nsw_host_tcp,
    to: *const nsw_address,
    frame: *const u8,
    frame_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { send::<Tcp<'static>>(tcp, to, frame, frame_len) }
}

/// Waits for at most `timeout_us` microseconds (UINT64_MAX: for ever) until all
/// that was sent has left for the system.
///
/// Errors: those of a bad handle, NSW_ERR_HOST_TIMEOUT if some of it has not,
/// NSW_ERR_HOST_IO.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tcp_flush(tcp: *mut nsw_host_tcp, timeout_us: u64) -> nsw_status {
    // SAFETY: NULL or an object, by the documentation above.
    unsafe { call_mut::<Tcp<'static>>(tcp, |tcp| tcp.flush(Duration::from_micros(timeout_us))) }
}

/// The next frame that has arrived, after waiting for one for at most `timeout_us`
/// microseconds (0: not at all; UINT64_MAX: for ever), from each connection in
/// turn: at most `cap` bytes to `buf`, the length to `*len` and its peer to
/// `*from`, whose `size` the caller has set (NSW_ADDRESS_INIT); both may be NULL.
/// NSW_AGAIN if none came. Lets peers in and sends what waits to leave meanwhile,
/// so it is to be called also by who expects nothing.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_BUFFER_TOO_SMALL (`*len` is what is needed, and the frame waits),
/// NSW_ERR_HOST_IO if the system has no more sockets for those who want in.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tcp_receive(
    tcp: *mut nsw_host_tcp,
    timeout_us: u64,
    from: *mut nsw_address,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let timeout = Duration::from_micros(timeout_us);
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        receive::<Tcp<'static>>(tcp, from, buf, cap, len, |tcp, buf| {
            tcp.receive_within(buf, timeout)
        })
    }
}

/// What became of connections: fills `*info`, whose `size` the caller has set
/// (NSW_HOST_TCP_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tcp_describe(
    tcp: *const nsw_host_tcp,
    info: *mut nsw_host_tcp_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Tcp<'static>>(tcp, |tcp| {
            let counts = tcp.counts();
            let filled = nsw_host_tcp_info {
                size: 0,
                // At most as many as there can be.
                connections: counts.connections as u32,
                accepted: counts.accepted,
                closed: counts.closed,
                broken: counts.broken,
                oversize: counts.oversize,
                idle: counts.idle,
            };
            structs::write(info, &filled)
        })
    }
}

/// As a transport: fills `*table`, whose `size` the caller has set
/// (NSW_TRANSPORT_INIT). It is valid as long as the object.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tcp_transport(
    tcp: *mut nsw_host_tcp,
    table: *mut nsw_transport,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { fill_table::<Tcp<'static>>(tcp, table) }
}
