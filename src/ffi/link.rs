//! The link: sessions with peers over datagrams.

use super::entropy::{CEntropy, nsw_entropy};
use super::handle::{self, Object, call_mut, call_ref, with_mut};
use super::identity::{CSecrets, key, key_or_none, nsw_identity, nsw_key, secrets_of};
use super::port::nsw_allocator;
use super::slices::{Output, bytes_of, input, put, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, Versioned, check_pointer};
use super::transport::nsw_address;
use crate::comm::crypto::Secret;
use crate::comm::identity::{Certificate, TrustConfig, Trusted};
use crate::comm::link::{self, Link, LinkConfig, PeerId, Received};
use crate::error::{Error, Result};

/// Sessions with peers over datagrams: a state machine that does no input or
/// output. Frames and the time go in (nsw_link_receive, nsw_link_poll), frames and
/// events come out (nsw_link_next). Handshakes are Noise XX or IK; keys are
/// renewed, replays kept out, floods answered with cookies; strangers get nothing.
/// Messages may be lost: a channel on top makes up for that. One thread at a time.
pub struct nsw_link {
    _opaque: [u8; 0],
}

type CLink = Link<'static, CSecrets, CEntropy>;

impl Object for CLink {
    type C = nsw_link;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswL");
}

/// A peer has shown an identity that is pinned.
pub const NSW_TRUSTED_PINNED: u32 = 1;
/// A peer has shown a certificate of an authority.
pub const NSW_TRUSTED_CERTIFICATE: u32 = 2;
/// A peer knows the pre-shared key, which is enough (nsw_link_allow_psk).
pub const NSW_TRUSTED_PSK: u32 = 3;

/// Send the frame in the buffer to `address`.
pub const NSW_LINK_FRAME: u32 = 1;
/// `peer` can be talked to. For one that was connected: it began anew, and what
/// was under way is lost.
pub const NSW_LINK_CONNECTED: u32 = 2;
/// `peer` is gone, for `reason`; its number means nothing any more.
pub const NSW_LINK_CLOSED: u32 = 3;
/// A call of nsw_link_connect came to nothing, for `reason`.
pub const NSW_LINK_FAILED: u32 = 4;

/// The peer closed the session.
pub const NSW_REASON_PEER: u32 = 1;
/// Nothing was heard of the peer for too long, or it did not answer.
pub const NSW_REASON_TIMEOUT: u32 = 2;
/// The peer is not trusted, or is not the one expected.
pub const NSW_REASON_UNTRUSTED: u32 = 3;
/// Too many forged frames.
pub const NSW_REASON_FORGED: u32 = 4;
/// There is no room for another peer.
pub const NSW_REASON_FULL: u32 = 5;

/// What a link can hold, and how patient it is. NSW_LINK_CONFIG_INIT, then
/// `identity` and `peers`; every other zero means the default. Times are in
/// microseconds. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_link_config {
    /// sizeof(nsw_link_config); NSW_LINK_CONFIG_INIT sets it.
    pub size: u32,
    /// The most peers with a session, 1 to 65,535.
    pub peers: u32,
    /// Who this node is. The link has its own copy of the private keys.
    pub identity: *const nsw_identity,
    /// Where ephemeral keys come from. NULL: the operating system.
    pub entropy: *const nsw_entropy,
    /// What the nodes of this network have in common: any bytes, not secret. Nodes
    /// of other networks get no answer.
    pub network: *const u8,
    /// Number of them.
    pub network_len: usize,
    /// A secret of the whole network, mixed into each handshake
    /// (psk3, psk2); NULL: none.
    pub psk: *const nsw_key,
    /// Not 0: the defaults are those of a microcontroller. Frames have 21 bytes of
    /// overhead instead of 24; at most 2^15 of them may be lost in a row.
    pub small: u32,
    /// The most handshakes at once, 1 to 65,535; 0: as many as peers, but at most
    /// 16, or 2 if `small`.
    pub handshakes: u32,
    /// Room for pinned identities; 0: as many as peers.
    pub pinned: u32,
    /// Room for authorities; 0: 1.
    pub authorities: u32,
    /// The most bytes of a capability in a handshake, up to 512, which is kept for
    /// each peer; 0: none.
    pub capability: u32,
    /// The longest frame that the transport carries, in bytes, at least 80; 0:
    /// 1280. Longer handshake messages go in up to 8 fragments.
    pub mtu: u32,
    /// How far frames may be out of order and still be taken: 128 or 1024; 0: 1024,
    /// or 128 if `small`.
    pub window: u32,
    /// Payloads are padded to multiples of this many bytes, up to 255; 0: not.
    pub padding: u32,
    /// A new handshake begins after so many frames of a session, below 2^60; 0:
    /// 2^48, or 2^16 if `small`.
    pub rekey_frames: u64,
    /// And after so long; 0: 120 seconds.
    pub rekey_time: u64,
    /// No frame of a session is sent or taken after so long, more than
    /// `rekey_time`; 0: 180 seconds.
    pub reject_time: u64,
    /// A sign of life is sent when nothing else was for so long; 0: never.
    pub keepalive: u64,
    /// A peer of which nothing was heard for so long is gone; 0: never.
    pub dead: u64,
    /// How long an opening waits for its answer at first, then half as long again
    /// each time, up to 8 seconds; 0: half a second.
    pub retry: u64,
    /// How many messages a handshake sends before it is given up, up to 64; 0: 20.
    pub tries: u32,
    /// A session is closed after so many forged frames; 0: 2^20.
    pub forgeries: u32,
    /// Openings a second that are answered without a cookie, and as many at once;
    /// 0: 20, or 4 if `small`.
    pub openings: u32,
    /// Not 0: a peer's address stays what it was in the handshake. Otherwise it
    /// follows the peer to where its newest frame came from.
    pub fixed_address: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_link_config {
    const LEAST: usize = core::mem::offset_of!(nsw_link_config, entropy);
}

/// What was received. NSW_LINK_RECEIVED_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_link_received {
    /// sizeof(nsw_link_received); NSW_LINK_RECEIVED_INIT sets it.
    pub size: u32,
    /// 1 if the frame was a message; 0 if it was the link's own business.
    pub message: u32,
    /// Whose message.
    pub peer: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_link_received {
    const LEAST: usize = size_of::<nsw_link_received>();
}

/// What is to be done, or has happened. NSW_LINK_OUTPUT_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_link_output {
    /// sizeof(nsw_link_output); NSW_LINK_OUTPUT_INIT sets it.
    pub size: u32,
    /// An NSW_LINK_ constant.
    pub kind: u32,
    /// NSW_LINK_CONNECTED, NSW_LINK_CLOSED: the peer.
    pub peer: u32,
    /// NSW_LINK_CLOSED, NSW_LINK_FAILED: why, an NSW_REASON_ constant.
    pub reason: u32,
    /// NSW_LINK_CONNECTED, NSW_LINK_FAILED: the number that was given to
    /// nsw_link_connect; 0 if the peer called.
    pub tag: u64,
    /// NSW_LINK_FRAME: where to.
    pub address: nsw_address,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_link_output {
    const LEAST: usize = size_of::<nsw_link_output>();
}

/// What is known of a peer. NSW_LINK_PEER_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_link_peer {
    /// sizeof(nsw_link_peer); NSW_LINK_PEER_INIT sets it.
    pub size: u32,
    /// Why it is trusted, an NSW_TRUSTED_ constant.
    pub trusted: u32,
    /// Its identity.
    pub identity: nsw_key,
    /// When something was last heard of it.
    pub heard_us: u64,
    /// When something was last sent to it.
    pub sent_us: u64,
    /// When the session's key was agreed on.
    pub keyed_us: u64,
    /// NSW_TRUSTED_CERTIFICATE: the authority's number for it.
    pub serial: u32,
    /// Bytes of the capability that it has shown; 0 without one.
    pub capability_len: u32,
    /// Where its frames come from.
    pub address: nsw_address,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_link_peer {
    const LEAST: usize = size_of::<nsw_link_peer>();
}

/// What a link is and has counted. NSW_LINK_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_link_info {
    /// sizeof(nsw_link_info); NSW_LINK_INFO_INIT sets it.
    pub size: u32,
    /// The most bytes of a message.
    pub max_message: u32,
    /// This node's identity.
    pub identity: nsw_key,
    /// This node's static key.
    pub noise_key: nsw_key,
    /// When to call nsw_link_poll at the latest; UINT64_MAX: when there is
    /// something else to do.
    pub wake_us: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages received.
    pub received: u64,
    /// Frames that were none, or of another version.
    pub malformed: u64,
    /// Frames that were not authentic, or of another network.
    pub forged: u64,
    /// Frames that had been received before, or were too old.
    pub replayed: u64,
    /// Handshakes that ended in a session.
    pub handshakes: u64,
    /// Openings that were read: each costs key agreements.
    pub openings: u64,
    /// Openings that were answered with a cookie, or not at all.
    pub deferred: u64,
    /// Peers that were not trusted, or had no room.
    pub refused: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_link_info {
    const LEAST: usize = size_of::<nsw_link_info>();
}

fn or<T: Default + PartialEq>(value: T, default: T) -> T {
    if value == T::default() { default } else { value }
}

/// # Safety
/// `config` is NULL or a configuration whose pointers are NULL or what they
/// should be.
unsafe fn read<'a>(config: *const nsw_link_config) -> Result<(nsw_link_config, LinkConfig<'a>)> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    // SAFETY: the caller's word.
    let (network, psk) = unsafe { (input(c.network, c.network_len)?, key_or_none(c.psk)?) };
    let peers = c.peers as usize;
    let base = if c.small != 0 {
        LinkConfig::small(network, peers)
    } else {
        LinkConfig::new(network, peers)
    };
    let trust = TrustConfig {
        pinned: or(c.pinned as usize, base.trust.pinned),
        authorities: or(c.authorities as usize, base.trust.authorities),
    };
    let config = LinkConfig {
        network,
        psk: psk.map(|psk| Secret::new(*psk)),
        peers,
        handshakes: or(c.handshakes as usize, base.handshakes),
        trust,
        capability: c.capability as usize,
        mtu: or(c.mtu as usize, base.mtu),
        window: or(c.window as usize, base.window),
        small: c.small != 0,
        padding: c.padding as usize,
        rekey_frames: or(c.rekey_frames, base.rekey_frames),
        rekey_time: or(c.rekey_time, base.rekey_time),
        reject_time: or(c.reject_time, base.reject_time),
        keepalive: c.keepalive,
        dead: c.dead,
        forgeries: or(c.forgeries, base.forgeries),
        retry: or(c.retry, base.retry),
        tries: or(c.tries, base.tries),
        openings: or(c.openings, base.openings),
        roaming: c.fixed_address == 0,
    };
    Ok((c, config))
}

/// The memory that a link of this configuration takes: the one block that
/// nsw_link_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting
/// outside its range, NSW_ERR_OVERFLOW. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_footprint(
    config: *const nsw_link_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<CLink>(size, align, || CLink::footprint(&read(config)?.1)) }
}

/// Makes a link in one block of `memory` (NULL: the system's heap). Nobody is
/// trusted yet. The caller owns `*link` and ends it with nsw_link_destroy, which
/// overwrites its keys.
///
/// Errors: those of nsw_link_footprint and of a bad identity, NSW_ERR_NO_ENTROPY,
/// NSW_ERR_HOOK, NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR.
/// `*link` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_create(
    config: *const nsw_link_config,
    memory: *const nsw_allocator,
    link: *mut *mut nsw_link,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<CLink, _>(
            memory,
            link,
            || {
                let (c, config) = read(config)?;
                let layout = CLink::footprint(&config)?;
                Ok((layout, (secrets_of(c.identity)?, CEntropy::new(c.entropy)?, config)))
            },
            |piece, (secrets, entropy, config)| CLink::in_piece(&config, secrets, entropy, piece),
        )
    }
}

/// Destroys a link: overwrites its keys and gives its block back. Peers are not
/// told (nsw_link_close). NULL is fine, and so is an already destroyed one whose
/// memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_destroy(link: *mut nsw_link) {
    // SAFETY: NULL or a link, by the documentation above.
    unsafe { handle::destroy::<CLink>(link) };
}

/// Trusts an identity. One that is pinned already stays so.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CAPACITY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_pin(link: *mut nsw_link, identity: *const nsw_key) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CLink>(link, |link| link.trust_mut().pin(key(identity)?)) }
}

/// No longer trusts an identity by itself. Its session goes on: nsw_link_close
/// ends it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_PEER if it was not
/// pinned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_unpin(
    link: *mut nsw_link,
    identity: *const nsw_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CLink>(link, |link| {
            link.trust_mut().unpin(key(identity)?).then_some(()).ok_or(Error::CommPeer)
        })
    }
}

/// Trusts whoever has a certificate of this authority, an identity,
/// that is good in `epoch` or a later one. For one that is known already: its
/// epoch is this from now on; an epoch never goes back.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CAPACITY, NSW_ERR_INVALID
/// for an epoch before that which has begun.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_add_authority(
    link: *mut nsw_link,
    authority: *const nsw_key,
    epoch: u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CLink>(link, |link| link.trust_mut().add_authority(key(authority)?, epoch))
    }
}

/// No longer trusts an authority. Sessions go on.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_PEER if it was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_remove_authority(
    link: *mut nsw_link,
    authority: *const nsw_key,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CLink>(link, |link| {
            let was = link.trust_mut().remove_authority(key(authority)?);
            was.then_some(()).ok_or(Error::CommPeer)
        })
    }
}

/// Whether who knows the pre-shared key is trusted for that alone: 1 or 0, which
/// is how it begins.
///
/// Errors: those of a bad handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_allow_psk(link: *mut nsw_link, allow: u32) -> nsw_status {
    // SAFETY: NULL or a link, by the documentation above.
    unsafe {
        call_mut::<CLink>(link, |link| {
            link.trust_mut().allow_psk(allow != 0);
            Ok(())
        })
    }
}

/// The certificate that this node shows in handshakes from now on; NULL: none.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_FORMAT,
/// NSW_ERR_COMM_VERSION.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_set_certificate(
    link: *mut nsw_link,
    certificate: *const u8,
    certificate_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CLink>(link, |link| {
            let bytes = input(certificate, certificate_len)?;
            let certificate =
                if bytes.is_empty() { None } else { Some(Certificate::decode(bytes)?) };
            link.set_certificate(certificate.as_ref());
            Ok(())
        })
    }
}

/// The capability that this node shows in handshakes from now on; NULL: none.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_TOO_LONG if it is
/// longer than the configuration says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_set_capability(
    link: *mut nsw_link,
    capability: *const u8,
    capability_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CLink>(link, |link| link.set_capability(input(capability, capability_len)?))
    }
}

/// The time of day at `now_us`, in Unix seconds at `*wall`: certificates are
/// checked against it from now on. NULL: there is no clock, as at first; a
/// certificate's epoch alone counts.
///
/// Errors: those of a bad handle, NSW_ERR_ALIGNMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_set_wall(
    link: *mut nsw_link,
    wall: *const u64,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CLink>(link, |link| {
            let wall = if wall.is_null() { None } else { input(wall, 1)?.first().copied() };
            link.set_wall(wall, now_us);
            Ok(())
        })
    }
}

/// Calls the node at `address`. `expected`: the identity that must
/// answer; NULL: anybody trusted. `noise`: its static key, if it is
/// known (nsw_identity_noise_key): then the handshake is IK, half a round trip
/// shorter, where its opening fits the transport; NULL: XX. nsw_link_next has the
/// frame to send, and later NSW_LINK_CONNECTED or NSW_LINK_FAILED with this `tag`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_LENGTH, NSW_ERR_CAPACITY if there are too many handshakes already,
/// NSW_ERR_HOOK.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_connect(
    link: *mut nsw_link,
    address: *const nsw_address,
    expected: *const nsw_key,
    noise: *const nsw_key,
    tag: u64,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CLink>(link, |link| {
            let address = structs::read(address)?.get()?;
            link.connect(&address, key_or_none(expected)?, key_or_none(noise)?, tag, now_us)
        })
    }
}

/// Ends the session with a peer, and tells it so: nsw_link_next has a last frame
/// for it.
///
/// Errors: those of a bad handle, NSW_ERR_COMM_PEER.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_close(link: *mut nsw_link, peer: u32) -> nsw_status {
    // SAFETY: NULL or a link, by the documentation above.
    unsafe { call_mut::<CLink>(link, |link| link.close(PeerId(peer))) }
}

/// Makes a frame of a message for a peer: at most `out_cap` bytes to `out`, the
/// length to `*out_len` (which may be NULL), where to send it to `*address`, whose
/// `size` the caller has set. It is 21 or 24 bytes longer than the message, and
/// what padding adds. The buffers may not overlap.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_COMM_PEER, NSW_ERR_COMM_CLOSED if its session is too old and a new one
/// is not there yet, NSW_ERR_COMM_TOO_LONG (see nsw_link_info),
/// NSW_ERR_BUFFER_TOO_SMALL: `*out_len` is what is needed at most. Nothing is sent
/// then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_send(
    link: *mut nsw_link,
    peer: u32,
    message: *const u8,
    message_len: usize,
    now_us: u64,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
    address: *mut nsw_address,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CLink>(link, |link| {
            structs::read(address)?;
            let message = input(message, message_len)?;
            let most = link.frame_len(message.len());
            let output = Output { pointer: out, capacity: out_cap, len: out_len };
            let out = output.take(most, &bytes_of(message))?;
            let (len, to) = link.send(PeerId(peer), message, now_us, out)?;
            if !out_len.is_null() {
                put(out_len, len)?;
            }
            structs::write(address, &nsw_address::of(&to))
        })
    }
}

/// Takes a frame that came from an address. A message goes to `out`, which must
/// have room for the frame less 21 bytes, its length to `*out_len` (which may be
/// NULL); `*received`, whose `size` the caller has set, says what it was. Call nsw_link_next afterwards. The buffers may not
/// overlap.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_LENGTH; NSW_ERR_BUFFER_TOO_SMALL: call again with more room, nothing is
/// lost. All others say why the frame was thrown away, for those who want to know:
/// NSW_ERR_COMM_FORMAT, NSW_ERR_COMM_VERSION (no frame of this version),
/// NSW_ERR_COMM_AUTH (forged, damaged, of another network, or of no session),
/// NSW_ERR_COMM_REPLAY, NSW_ERR_COMM_CLOSED, NSW_ERR_COMM_UNTRUSTED and what else
/// is wrong with a peer, NSW_ERR_CAPACITY (no room for another peer),
/// NSW_ERR_COMM_COOKIE (a cookie is sent instead of an answer).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_receive(
    link: *mut nsw_link,
    from: *const nsw_address,
    frame: *const u8,
    frame_len: usize,
    now_us: u64,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
    received: *mut nsw_link_received,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CLink>(link, |link| {
            structs::read(received)?;
            let (from, frame) = (structs::read(from)?.get()?, input(frame, frame_len)?);
            let output = Output { pointer: out, capacity: out_cap, len: core::ptr::null_mut() };
            let out = output.take(out_cap, &bytes_of(frame))?;
            let mut filled = nsw_link_received { size: 0, message: 0, peer: 0, reserved: 0 };
            let mut message_len = 0;
            match link.receive(&from, frame, now_us, out) {
                Ok(Received::Message { peer, len }) => {
                    (filled.message, filled.peer, message_len) = (1, peer.0, len);
                }
                Ok(Received::Nothing) => {}
                Err(error) => {
                    // A message is shorter than its frame.
                    if error == Error::BufferTooSmall {
                        tell(out_len, frame.len())?;
                    }
                    return Err(error);
                }
            }
            tell(out_len, message_len)?;
            structs::write(received, &filled)
        })
    }
}

/// Does what is to be done by `now_us`: sends again, gives up, renews keys, gives
/// signs of life, misses them. Then call nsw_link_next. `*wake_us` (which may be
/// NULL) is when to come back at the latest, UINT64_MAX if there is no need; it
/// may become earlier by other calls (nsw_link_describe).
///
/// Errors: those of a bad handle, NSW_ERR_ALIGNMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_poll(
    link: *mut nsw_link,
    now_us: u64,
    wake_us: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CLink>(link, |link| {
            link.poll(now_us);
            tell(wake_us, link.wake_at())
        })
    }
}

/// The next thing to do or to know: fills `*output`, whose `size` the caller has
/// set; a frame's bytes go to `out`, which must have room for `mtu` bytes, their
/// number to `*out_len` (which may be NULL). Call it
/// until it answers NSW_DONE (`*output` is as it was then), after each call that
/// may change something.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_BUFFER_TOO_SMALL, NSW_ERR_HOOK. Nothing is lost then: call again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_next(
    link: *mut nsw_link,
    now_us: u64,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
    output: *mut nsw_link_output,
) -> nsw_status {
    let next = |link: &mut CLink| {
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe {
            structs::read(output)?;
            let buffer = Output { pointer: out, capacity: out_cap, len: core::ptr::null_mut() };
            let buffer = buffer.take(out_cap, &bytes_of::<u8>(&[]))?;
            let next = match link.next(now_us, buffer) {
                Err(Error::BufferTooSmall) => {
                    tell(out_len, link.mtu())?;
                    return Err(Error::BufferTooSmall);
                }
                next => next?,
            };
            let Some(next) = next else { return Ok(false) };
            let len = if let link::Output::Frame { len, .. } = next { len } else { 0 };
            tell(out_len, len)?;
            structs::write(output, &next.into()).map(|()| true)
        }
    };
    // SAFETY: NULL or a link, by the documentation above.
    status_or(unsafe { with_mut::<CLink, _>(link, next) }, NSW_DONE)
}

impl From<link::Output> for nsw_link_output {
    fn from(output: link::Output) -> nsw_link_output {
        let mut filled = nsw_link_output {
            size: 0,
            kind: 0,
            peer: 0,
            reason: 0,
            tag: 0,
            address: nsw_address::of(&crate::port::Address::EMPTY),
        };
        match output {
            link::Output::Frame { to, .. } => {
                (filled.kind, filled.address) = (NSW_LINK_FRAME, nsw_address::of(&to));
            }
            link::Output::Connected { peer, tag } => {
                filled.kind = NSW_LINK_CONNECTED;
                (filled.peer, filled.tag) = (peer.0, tag);
            }
            link::Output::Closed { peer, reason } => {
                filled.kind = NSW_LINK_CLOSED;
                (filled.peer, filled.reason) = (peer.0, reason as u32);
            }
            link::Output::Failed { tag, reason } => {
                filled.kind = NSW_LINK_FAILED;
                (filled.tag, filled.reason) = (tag, reason as u32);
            }
        }
        filled
    }
}

/// Fills `*info`, whose `size` the caller has set, with what is known of a peer.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_COMM_PEER.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_peer_info(
    link: *const nsw_link,
    peer: u32,
    info: *mut nsw_link_peer,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CLink>(link, |link| {
            let known = link.peer_info(PeerId(peer))?;
            let (trusted, serial) = match known.trusted {
                Trusted::Pinned => (NSW_TRUSTED_PINNED, 0),
                Trusted::Certificate(certificate) => (NSW_TRUSTED_CERTIFICATE, certificate.serial),
                Trusted::Psk => (NSW_TRUSTED_PSK, 0),
            };
            let filled = nsw_link_peer {
                size: 0,
                trusted,
                identity: nsw_key { bytes: known.identity },
                heard_us: known.heard,
                sent_us: known.sent,
                keyed_us: known.keyed,
                serial,
                capability_len: link.peer_capability(PeerId(peer))?.len() as u32,
                address: nsw_address::of(&known.address),
            };
            structs::write(info, &filled)
        })
    }
}

/// Writes the capability that a peer has shown: at most `out_cap` bytes to `out`,
/// the length to `*out_len` (which may be NULL); 0 without one. What it is worth is
/// for nsw_capability_verify to say.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_PEER,
/// NSW_ERR_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_peer_capability(
    link: *const nsw_link,
    peer: u32,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: out, capacity: out_cap, len: out_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CLink>(link, |link| {
            let capability = link.peer_capability(PeerId(peer))?;
            output.take(capability.len(), &bytes_of(capability))?.copy_from_slice(capability);
            Ok(())
        })
    }
}

/// The peer with this identity.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_COMM_PEER if there is no
/// session with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_find(
    link: *const nsw_link,
    identity: *const nsw_key,
    peer: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CLink>(link, |link| {
            check_pointer(peer)?;
            put(peer, link.peer_of(key(identity)?).ok_or(Error::CommPeer)?.0)
        })
    }
}

/// Fills `*info`, whose `size` the caller has set, with what the link is and has
/// counted.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_link_describe(
    link: *const nsw_link,
    info: *mut nsw_link_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CLink>(link, |link| {
            let stats = *link.stats();
            let filled = nsw_link_info {
                size: 0,
                max_message: link.max_message() as u32,
                identity: nsw_key { bytes: *link.identity() },
                noise_key: nsw_key { bytes: link.noise_key() },
                wake_us: link.wake_at(),
                sent: stats.sent,
                received: stats.received,
                malformed: stats.malformed,
                forged: stats.forged,
                replayed: stats.replayed,
                handshakes: stats.handshakes,
                openings: stats.openings,
                deferred: stats.deferred,
                refused: stats.refused,
            };
            structs::write(info, &filled)
        })
    }
}
