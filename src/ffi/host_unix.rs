//! Datagrams over Unix-domain sockets.

use core::ffi::c_char;
use core::time::Duration;

use super::guarded;
use super::handle::{self, Object, call_ref};
use super::host_key::path;
use super::host_transport::{fill_table, read_address, receive, send};
use super::port::nsw_allocator;
use super::status::nsw_status;
use super::structs::{self, Versioned, or};
use super::transport::{nsw_address, nsw_transport};
use crate::error::Result;
use crate::host::{UnixDatagram, UnixDatagramConfig, UnixDatagramCounts, unix_address};

/// Where a Unix-domain socket listens, and how much it takes.
/// NSW_HOST_UNIX_CONFIG_INIT, then `folder`, `folder_len` and `bind`. Read during
/// the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_unix_config {
    /// sizeof(nsw_host_unix_config); NSW_HOST_UNIX_CONFIG_INIT sets it.
    pub size: u32,
    /// Who may send to it: the permissions of the socket's file, at most 0777; others
    /// than the owner need the right to write. 0 means 0600: this user alone.
    pub mode: u32,
    /// The folder that all sockets which reach each other are in, `folder_len` bytes.
    /// It is there already, and this process may read it and write to it. Its path,
    /// without links, and the name behind it have at most 107 bytes (with some
    /// systems 103).
    pub folder: *const c_char,
    /// Bytes of `folder`.
    pub folder_len: usize,
    /// The name in the folder, from nsw_host_unix_address.
    pub bind: *const nsw_address,
    /// Bytes of the longest datagram to send and to take, at most NSW_FRAME_MAX; 0
    /// means 2048. The system may have a lower limit.
    pub max_datagram: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_unix_config {
    const LEAST: usize = size_of::<nsw_host_unix_config>();
}

/// What was dropped. NSW_HOST_UNIX_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_unix_info {
    /// sizeof(nsw_host_unix_info); NSW_HOST_UNIX_INFO_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Datagrams received that were longer than `max_datagram`.
    pub oversize: u64,
    /// Datagrams received from a socket that has no name in the folder: nobody could
    /// answer.
    pub foreign: u64,
    /// Datagrams sent to a name at which nobody listens.
    pub lost: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_unix_info {
    const LEAST: usize = size_of::<nsw_host_unix_info>();
}

/// A Unix-domain datagram socket: a file in a folder, whose name is its address.
/// Whoever may write to the file may send to it, and whoever may write to the folder
/// may give names in it: it should be a folder of its own, of this user's or of a
/// group's. One thread at a time; functions that take a const pointer may run side by
/// side.
pub struct nsw_host_unix {
    _opaque: [u8; 0],
}

impl Object for UnixDatagram<'static> {
    type C = nsw_host_unix;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsUx");
}

unsafe fn read_config<'a>(config: *const nsw_host_unix_config) -> Result<UnixDatagramConfig<'a>> {
    // SAFETY: NULL or a configuration, as the callers document.
    unsafe {
        let config = structs::read(config)?;
        let folder = path(config.folder, config.folder_len)?;
        let default = UnixDatagramConfig::new(folder, read_address(config.bind)?);
        Ok(UnixDatagramConfig {
            max_datagram: or(config.max_datagram, default.max_datagram),
            mode: or(config.mode, default.mode),
            ..default
        })
    }
}

/// The address of the socket with this name in the folder, 1 to NSW_ADDRESS_MAX
/// bytes without a slash or a zero, and neither `.` nor `..`: fills `*address`, whose
/// `size` the caller has set (NSW_ADDRESS_INIT). The bytes of such an address are the
/// name.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_HOST_ADDRESS if the name can be
/// none. Any thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_unix_address(
    name: *const c_char,
    name_len: usize,
    address: *mut nsw_address,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let found = unix_address(path(name, name_len)?)?;
        structs::write(address, &nsw_address::of(&found))
    })
}

/// The memory that a socket of this configuration takes: the one block that
/// nsw_host_unix_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH for an address of
/// more than NSW_ADDRESS_MAX bytes, NSW_ERR_INVALID for settings out of range. Any
/// thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_unix_footprint(
    config: *const nsw_host_unix_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<UnixDatagram<'static>>(size, align, || {
            UnixDatagram::footprint(&read_config(config)?)
        })
    }
}

/// Opens a socket, in one block of `memory` (NULL: the system's heap). The caller
/// owns `*socket` and ends it with nsw_host_unix_destroy. The file of a process that is gone is taken over.
///
/// Errors: those of nsw_host_unix_footprint, and NSW_ERR_HOST_ADDRESS if `bind` is no
/// name, or too long behind the folder's path, NSW_ERR_HOST_FILE if there is something
/// else than a socket under the name, NSW_ERR_HOST_IO if another process listens
/// there, or the system refuses, NSW_ERR_HOST_TIMEOUT if somebody keeps the folder
/// locked (flock), NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*socket` is NULL
/// then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_unix_create(
    config: *const nsw_host_unix_config,
    memory: *const nsw_allocator,
    socket: *mut *mut nsw_host_unix,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<UnixDatagram<'static>, _>(
            memory,
            socket,
            || {
                read_config(config)
                    .and_then(|config| Ok((UnixDatagram::footprint(&config)?, config)))
            },
            |piece, config| UnixDatagram::in_piece(&config, piece),
        )
    }
}

/// Closes a socket, removes its file and gives its block back. NULL is fine, and so is an already
/// destroyed one whose memory can still be read.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_unix_destroy(socket: *mut nsw_host_unix) {
    // SAFETY: NULL or a socket, by the documentation above.
    unsafe { handle::destroy::<UnixDatagram<'static>>(socket) };
}

/// Its name: fills `*address`, whose `size` the
/// caller has set (NSW_ADDRESS_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_unix_local(
    socket: *const nsw_host_unix,
    address: *mut nsw_address,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<UnixDatagram<'static>>(socket, |socket| {
            structs::write(address, &nsw_address::of(&socket.local()))
        })
    }
}

/// Sends a datagram, without waiting. To a name at which nobody listens it is lost,
/// and counted.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_LENGTH for an address of more than NSW_ADDRESS_MAX bytes,
/// NSW_ERR_HOST_ADDRESS if it is no name of a datagram socket,
/// NSW_ERR_COMM_TOO_LONG for more than `max_datagram` bytes, NSW_ERR_CAPACITY if
/// the receiver takes none now, or too much of this socket's waits at slow ones,
/// NSW_ERR_HOST_IO.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_unix_send(
    socket: *mut nsw_host_unix,
    to: *const nsw_address,
    datagram: *const u8,
    datagram_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { send::<UnixDatagram<'static>>(socket, to, datagram, datagram_len) }
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
pub unsafe extern "C" fn nsw_host_unix_receive(
    socket: *mut nsw_host_unix,
    timeout_us: u64,
    from: *mut nsw_address,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let timeout = Duration::from_micros(timeout_us);
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        receive::<UnixDatagram<'static>>(socket, from, buf, cap, len, |socket, buf| {
            socket.receive_within(buf, timeout)
        })
    }
}

/// What was dropped: fills `*info`, whose `size` the caller has set
/// (NSW_HOST_UNIX_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_unix_describe(
    socket: *const nsw_host_unix,
    info: *mut nsw_host_unix_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<UnixDatagram<'static>>(socket, |socket| {
            let UnixDatagramCounts { oversize, foreign, lost } = socket.counts();
            let filled = nsw_host_unix_info { size: 0, reserved: 0, oversize, foreign, lost };
            structs::write(info, &filled)
        })
    }
}

/// The socket as a transport: fills `*table`, whose `size` the caller has set
/// (NSW_TRANSPORT_INIT). It is valid as long as the socket.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_unix_transport(
    socket: *mut nsw_host_unix,
    table: *mut nsw_transport,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { fill_table::<UnixDatagram<'static>>(socket, table) }
}
