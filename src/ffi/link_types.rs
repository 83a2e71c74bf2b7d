//! What the functions of the link take and fill.

use super::entropy::nsw_entropy;
use super::identity::{nsw_identity, nsw_key};
use super::structs::Versioned;
use super::transport::nsw_address;
use crate::comm::link;

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
