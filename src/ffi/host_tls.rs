//! Frames over mutual TLS 1.3.

use core::ffi::c_char;
use core::time::Duration;

use super::handle::{self, Object, call_mut, call_ref, with_ref};
use super::host::read_text;
use super::host_key::path;
use super::host_listener::nsw_host_listener;
use super::host_transport::{fill_table, read_address, receive};
use super::identity::{
    CSecrets, key, key_or_none, nsw_identity, nsw_key, remove_authority, secrets_of, shown, unpin,
};
use super::link_types::{NSW_TRUSTED_CERTIFICATE, NSW_TRUSTED_PINNED, NSW_TRUSTED_PSK};
use super::port::nsw_allocator;
use super::slices::{Output, bytes_of, input};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use super::transport::{nsw_address, nsw_transport};
use crate::comm::identity::Trusted;
use crate::error::{Error, Result};
use crate::host::{Listener, Tls, TlsConfig};
use crate::port::Address;

/// Where the certificates and the key of TLS are, as PEM files, and what a
/// connection can hold. They have nothing to do with certificates of the swarm.
/// NSW_HOST_TLS_CONFIG_INIT, then `identity`, the three files and `max_frame`. Read
/// during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_tls_config {
    /// sizeof(nsw_host_tls_config); NSW_HOST_TLS_CONFIG_INIT sets it.
    pub size: u32,
    /// Room for pinned identities; 0 means 16.
    pub pinned: u32,
    /// Who this node is. The connection has its own copy of the private keys.
    pub identity: *const nsw_identity,
    /// The file of this node's certificate of TLS and those between it and the
    /// authority, its own first. It must be good for servers or clients, whichever
    /// the node is.
    pub certificates: *const c_char,
    /// Bytes of its name.
    pub certificates_len: usize,
    /// The file of that certificate's private key (PKCS#8, SEC1 or PKCS#1). Nobody
    /// but the owner may have access to it (mode 0600).
    pub key: *const c_char,
    /// Bytes of its name.
    pub key_len: usize,
    /// The file of the authorities of TLS that the peer's certificate must come
    /// from.
    pub roots: *const c_char,
    /// Bytes of its name.
    pub roots_len: usize,
    /// Bytes of the longest frame to send and to take, from 1 to NSW_FRAME_MAX.
    pub max_frame: usize,
    /// How long a handshake may take, once there is a connection, in
    /// microseconds; 0 means 10 seconds.
    pub handshake_us: u64,
    /// Room for authorities of the swarm; 0 means 1.
    pub authorities: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_tls_config {
    const LEAST: usize = size_of::<nsw_host_tls_config>();
}

/// Who is at the other end. NSW_HOST_TLS_PEER_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_tls_peer_info {
    /// sizeof(nsw_host_tls_peer_info); NSW_HOST_TLS_PEER_INFO_INIT sets it.
    pub size: u32,
    /// Why it is trusted, an NSW_TRUSTED_ constant.
    pub trusted: u32,
    /// The identity that it has proved.
    pub identity: nsw_key,
    /// NSW_TRUSTED_CERTIFICATE: the authority's number for it.
    pub serial: u32,
    /// Bytes of the capability that it has shown; 0 without one.
    pub capability_len: u32,
    /// Where it is.
    pub address: nsw_address,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_tls_peer_info {
    const LEAST: usize = size_of::<nsw_host_tls_peer_info>();
}

type CTls = Tls<'static, CSecrets>;

/// One connection over mutual TLS 1.3, or a place for one. It carries frames with a
/// length before each (NSW_FRAMING_STREAM).
///
/// Both ends have certificates of authorities that the other trusts, and on top of
/// that prove who they are in the swarm: each signs the connection's channel
/// binding (tls-exporter, RFC 9266), so that who relays is found out. Who is trusted
/// is said by nsw_host_tls_pin and nsw_host_tls_add_authority: nobody, at first.
///
/// Its buffers for frames are in its own block; TLS itself takes memory from the
/// system's heap as it goes. Waiting blocks the calling thread. One thread at a
/// time; functions that take a const pointer may run side by side.
pub struct nsw_host_tls {
    _opaque: [u8; 0],
}

impl Object for CTls {
    type C = nsw_host_tls;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsTl");
}

/// # Safety
/// `config` is NULL or a configuration whose pointers are NULL or what they
/// should be.
unsafe fn read<'a>(
    config: *const nsw_host_tls_config,
) -> Result<(*const nsw_identity, TlsConfig<'a>)> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    if c.reserved != 0 {
        return Err(Error::Invalid);
    }
    // SAFETY: the caller's word.
    let (certificates, key, roots) = unsafe {
        let certificates = path(c.certificates, c.certificates_len)?;
        (certificates, path(c.key, c.key_len)?, path(c.roots, c.roots_len)?)
    };
    let mut config = TlsConfig::new(certificates, key, roots, c.max_frame);
    if c.pinned != 0 {
        config.trust.pinned = c.pinned as usize;
    }
    if c.authorities != 0 {
        config.trust.authorities = c.authorities as usize;
    }
    if c.handshake_us != 0 {
        config.handshake = Duration::from_micros(c.handshake_us);
    }
    Ok((c.identity, config))
}

/// The memory that it takes for frames: the one block that nsw_host_tls_create asks
/// for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a `max_frame` out
/// of range, NSW_ERR_OVERFLOW. Any thread.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_footprint(
    config: *const nsw_host_tls_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<CTls>(size, align, || CTls::footprint(&read(config)?.1)) }
}

/// Reads the files and makes a place for a connection, in one block of `memory`
/// (NULL: the system's heap). Nobody is trusted yet. The caller owns `*tls` and
/// ends it with nsw_host_tls_destroy, which overwrites the identity's keys; those of
/// TLS stay in the heap's memory as it was.
///
/// Errors: those of nsw_host_tls_footprint and of a bad identity, NSW_ERR_HOST_IO
/// if a file cannot be read, NSW_ERR_HOST_PERMISSIONS if others have access to that
/// of the key, NSW_ERR_HOST_FILE if one does not hold what it should, or the key is
/// not that of the certificate, NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*tls` is NULL then.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_create(
    config: *const nsw_host_tls_config,
    memory: *const nsw_allocator,
    tls: *mut *mut nsw_host_tls,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<CTls, _>(
            memory,
            tls,
            || {
                let (identity, config) = read(config)?;
                Ok((CTls::footprint(&config)?, (secrets_of(identity)?, config)))
            },
            |piece, (secrets, config)| CTls::in_piece(&config, secrets, piece),
        )
    }
}

/// Closes the connection, if there is one, without waiting (nsw_host_tls_close
/// does), and gives the block back. NULL is fine, and so is an already destroyed
/// one whose memory can still be read.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_destroy(tls: *mut nsw_host_tls) {
    // SAFETY: NULL or an object, by the documentation above.
    unsafe { handle::destroy::<CTls>(tls) };
}

/// Trusts an identity. One that is pinned already stays so.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CAPACITY.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_pin(
    tls: *mut nsw_host_tls,
    identity: *const nsw_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CTls>(tls, |tls| tls.trust_mut().pin(key(identity)?)) }
}

/// No longer trusts an identity by itself. A connection goes on.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_PEER if it was not
/// pinned.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_unpin(
    tls: *mut nsw_host_tls,
    identity: *const nsw_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CTls>(tls, |tls| unpin(tls.trust_mut(), identity)) }
}

/// Trusts whoever has a certificate of the swarm by this authority, an identity,
/// that is good now and in `epoch` or a later one. For one that is known already:
/// its epoch is this from now on; an epoch never goes back.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CAPACITY, NSW_ERR_INVALID
/// for an epoch before that which has begun.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_add_authority(
    tls: *mut nsw_host_tls,
    authority: *const nsw_key,
    epoch: u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CTls>(tls, |tls| tls.trust_mut().add_authority(key(authority)?, epoch)) }
}

/// No longer trusts an authority. A connection goes on.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_PEER if it was none.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_remove_authority(
    tls: *mut nsw_host_tls,
    authority: *const nsw_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CTls>(tls, |tls| remove_authority(tls.trust_mut(), authority)) }
}

/// The certificate of the swarm that this node shows from now on; NULL: none.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_FORMAT,
/// NSW_ERR_COMM_VERSION.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_set_certificate(
    tls: *mut nsw_host_tls,
    certificate: *const u8,
    certificate_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CTls>(tls, |tls| {
            tls.set_certificate(shown(certificate, certificate_len)?.as_ref());
            Ok(())
        })
    }
}

/// The capability that this node shows from now on; NULL: none.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_TOO_LONG for more than
/// 512 bytes.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_set_capability(
    tls: *mut nsw_host_tls,
    capability: *const u8,
    capability_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CTls>(tls, |tls| tls.set_capability(input(capability, capability_len)?)) }
}

/// Connects to a listener as a client, and waits for it for at most `timeout_us`
/// microseconds (UINT64_MAX: as long as the system and the handshake do). `name` is
/// what its certificate of TLS must say: a DNS name or an IP address. `expected`:
/// the identity that must answer; NULL: anybody trusted.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_LENGTH for an address of more than NSW_ADDRESS_MAX bytes,
/// NSW_ERR_COMM_STATE if there is a connection already, NSW_ERR_HOST_ADDRESS for an
/// address or a name that is none, NSW_ERR_HOST_TLS if either end refuses the other
/// (no TLS 1.3, a certificate that is missing, expired, for another name or of
/// another authority, a wrong proof of identity, an identity that is not trusted),
/// NSW_ERR_HOST_TIMEOUT, NSW_ERR_HOST_IO, NSW_ERR_HOOK.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_connect(
    tls: *mut nsw_host_tls,
    to: *const nsw_address,
    name: *const c_char,
    name_len: usize,
    expected: *const nsw_key,
    timeout_us: u64,
) -> nsw_status {
    let timeout = Duration::from_micros(timeout_us);
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CTls>(tls, |tls| {
            let (to, name) = (read_address(to)?, read_text(name, name_len)?);
            tls.connect(&to, name, key_or_none(expected)?, timeout)
        })
    }
}

/// Takes in the next client of a listener, and waits for it for at most
/// `timeout_us` microseconds (UINT64_MAX: for ever). Others may wait at the same
/// listener on other threads.
///
/// Errors: those of a bad handle, NSW_ERR_COMM_STATE if there is a connection
/// already, NSW_ERR_HOST_TIMEOUT if none came, or its handshake took too long,
/// NSW_ERR_HOST_TLS if either end refuses the other (as nsw_host_tls_connect), and
/// then it is to be called again; NSW_ERR_HOST_IO, NSW_ERR_HOOK.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_accept(
    tls: *mut nsw_host_tls,
    listener: *const nsw_host_listener,
    timeout_us: u64,
) -> nsw_status {
    let timeout = Duration::from_micros(timeout_us);
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CTls>(tls, |tls| {
            with_ref::<Listener, _>(listener, |listener| tls.accept(listener, timeout))
        })
    }
}

/// Who is at the other end: fills `*info`, whose `size` the caller has set
/// (NSW_HOST_TLS_PEER_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_COMM_CLOSED without a connection.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_peer(
    tls: *const nsw_host_tls,
    info: *mut nsw_host_tls_peer_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CTls>(tls, |tls| {
            let peer = tls.peer().ok_or(Error::CommClosed)?;
            let (trusted, serial) = match peer.trusted {
                Trusted::Pinned => (NSW_TRUSTED_PINNED, 0),
                Trusted::Certificate { serial, .. } => (NSW_TRUSTED_CERTIFICATE, serial),
                Trusted::Psk => (NSW_TRUSTED_PSK, 0),
            };
            let filled = nsw_host_tls_peer_info {
                size: 0,
                trusted,
                identity: nsw_key { bytes: peer.identity },
                serial,
                // At most 512.
                capability_len: tls.peer_capability().map_or(0, |bytes| bytes.len()) as u32,
                address: nsw_address::of(&peer.address),
            };
            structs::write(info, &filled)
        })
    }
}

/// Writes the capability that the peer has shown: at most `cap` bytes to `buf`, the
/// length to `*len` (which may be NULL); 0 without one. What it is worth is for
/// nsw_capability_verify to say.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_CLOSED without a
/// connection, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_peer_capability(
    tls: *const nsw_host_tls,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CTls>(tls, |tls| {
            let capability = tls.peer_capability().ok_or(Error::CommClosed)?;
            output.take(capability.len(), &bytes_of(capability))?.copy_from_slice(capability);
            Ok(())
        })
    }
}

/// Sends a frame, without waiting: what the system does not take at once waits,
/// and leaves during later calls.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_CLOSED without a
/// connection, NSW_ERR_COMM_TOO_LONG for more than `max_frame` bytes,
/// NSW_ERR_CAPACITY if an earlier frame still waits, NSW_ERR_HOST_IO if the
/// connection broke.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_send(
    tls: *mut nsw_host_tls,
    frame: *const u8,
    frame_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CTls>(tls, |tls| tls.send_frame(input(frame, frame_len)?)) }
}

/// Waits for at most `timeout_us` microseconds (UINT64_MAX: for ever) until all
/// that was sent has left for the system.
///
/// Errors: those of a bad handle, NSW_ERR_COMM_CLOSED without a connection,
/// NSW_ERR_HOST_TIMEOUT if some of it has not left, NSW_ERR_HOST_IO.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_flush(tls: *mut nsw_host_tls, timeout_us: u64) -> nsw_status {
    // SAFETY: NULL or an object, by the documentation above.
    unsafe { call_mut::<CTls>(tls, |tls| tls.flush(Duration::from_micros(timeout_us))) }
}

/// The next frame that has arrived, after waiting for one for at most `timeout_us`
/// microseconds (0: not at all; UINT64_MAX: for ever): at most `cap` bytes to
/// `buf`, the length to `*len` (which may be NULL). NSW_AGAIN if none came.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL (`*len` is
/// what is needed, and the frame waits); and, after which the connection is over,
/// NSW_ERR_COMM_CLOSED if the peer has closed it or there was none, NSW_ERR_HOST_IO
/// if it broke off, NSW_ERR_HOST_TLS for what is no TLS, NSW_ERR_COMM_TOO_LONG for a
/// frame longer than `max_frame`.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_receive(
    tls: *mut nsw_host_tls,
    timeout_us: u64,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let timeout = Duration::from_micros(timeout_us);
    let nobody = core::ptr::null_mut();
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        receive::<CTls>(tls, nobody, buf, cap, len, |tls, buf| {
            let len = tls.receive_within(buf, timeout)?;
            Ok(len.map(|len| (len, Address::EMPTY)))
        })
    }
}

/// Ends the connection, and tells the peer; waits for at most `timeout_us`
/// microseconds (UINT64_MAX: for ever) until all that was sent has left. Then there
/// is a place for another connection.
///
/// Errors: those of a bad handle, NSW_ERR_COMM_CLOSED without a connection,
/// NSW_ERR_HOST_TIMEOUT if some has not left (it is closed nevertheless),
/// NSW_ERR_HOST_IO.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_close(tls: *mut nsw_host_tls, timeout_us: u64) -> nsw_status {
    // SAFETY: NULL or an object, by the documentation above.
    unsafe { call_mut::<CTls>(tls, |tls| tls.close(Duration::from_micros(timeout_us))) }
}

/// As a transport to its peer: fills `*table`, whose `size` the caller has set
/// (NSW_TRANSPORT_INIT). It is valid as long as the object.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "tls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_tls_transport(
    tls: *mut nsw_host_tls,
    table: *mut nsw_transport,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { fill_table::<CTls>(tls, table) }
}
