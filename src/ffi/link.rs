//! The link: sessions with peers over datagrams.

use super::entropy::CEntropy;
use super::handle::{self, Object, call_mut, call_ref, with_mut};
use super::identity::{
    CSecrets, key, key_or_none, nsw_key, remove_authority, secrets_of, shown, unpin,
};
use super::link_types::*;
use super::port::nsw_allocator;
use super::slices::{Output, bytes_of, input, optional, put, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, check_pointer};
use super::transport::nsw_address;
use crate::comm::crypto::Secret;
use crate::comm::identity::Trusted;
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

/// Takes over a setting that is not 0, which stands for the default.
fn set<T: Default + PartialEq>(setting: &mut T, value: T) {
    if value != T::default() {
        *setting = value;
    }
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
    let mut config = LinkConfig::new(network, peers);
    if c.small != 0 {
        config.make_small();
    }
    config.psk = psk.map(|psk| Secret::new(*psk));
    set(&mut config.handshakes, c.handshakes as usize);
    set(&mut config.trust.pinned, c.pinned as usize);
    set(&mut config.trust.authorities, c.authorities as usize);
    config.capability = c.capability as usize;
    set(&mut config.mtu, c.mtu as usize);
    set(&mut config.window, c.window as usize);
    config.padding = c.padding as usize;
    set(&mut config.rekey_frames, c.rekey_frames);
    set(&mut config.rekey_time, c.rekey_time);
    set(&mut config.reject_time, c.reject_time);
    (config.keepalive, config.dead) = (c.keepalive, c.dead);
    set(&mut config.forgeries, c.forgeries);
    set(&mut config.retry, c.retry);
    set(&mut config.tries, c.tries);
    set(&mut config.openings, c.openings);
    config.roaming = c.fixed_address == 0;
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
        handle::create::<CLink>(
            memory,
            link,
            // Read again below: it is large, and handing it on would copy it.
            || CLink::footprint(&read(config)?.1),
            |piece| {
                let (c, config) = read(config)?;
                let (secrets, entropy) = (secrets_of(c.identity)?, CEntropy::new(c.entropy)?);
                CLink::in_piece(&config, secrets, entropy, piece)
            },
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
    unsafe { call_mut::<CLink>(link, |link| unpin(link.trust_mut(), identity)) }
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
    unsafe { call_mut::<CLink>(link, |link| remove_authority(link.trust_mut(), authority)) }
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
            link.set_certificate(shown(certificate, certificate_len)?.as_ref());
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
            link.set_wall(optional(wall)?, now_us);
            Ok(())
        })
    }
}

/// Calls the node at `address`. `expected`: the identity that must
/// answer; NULL: anybody trusted. `noise`: its static key, if it is
/// known (nsw_identity_noise_key): then the handshake is IK, half a round trip
/// shorter, where its opening fits the transport; NULL: XX. nsw_link_next has the frame
/// to send, and later NSW_LINK_CONNECTED or NSW_LINK_FAILED with this `tag`: one of them,
/// once.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_LENGTH, NSW_ERR_CAPACITY if there are too many handshakes already, or calls whose
/// results nsw_link_next was not asked for, NSW_ERR_HOOK.
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
                Trusted::Certificate { serial, .. } => (NSW_TRUSTED_CERTIFICATE, serial),
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
