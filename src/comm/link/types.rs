//! What a link says and tells.

use crate::comm::crypto::PublicKey;
use crate::comm::identity::Trusted;
use crate::port::Address;

/// A peer with a session, until it is closed. It never names another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerId(pub u32);

impl PeerId {
    /// Its place among those that there is room for, from 0 on. Another peer may have it later.
    pub(crate) fn place(self) -> usize {
        (self.0 & 0xffff) as usize
    }
}

/// Why a session or a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// The peer closed it.
    Peer = 1,
    /// Nothing was heard of the peer for too long, or it did not answer.
    Timeout = 2,
    /// The peer is not trusted, or is not the one expected.
    Untrusted = 3,
    /// Too many forged frames.
    Forged = 4,
    /// There is no room for another peer.
    Full = 5,
}

/// What is to be done, or has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send the first `len` bytes of the buffer.
    Frame {
        /// Where to.
        to: Address,
        /// How many bytes.
        len: usize,
    },
    /// A peer can be talked to. For a peer that was connected: it began anew, and
    /// what was under way is lost.
    Connected {
        /// The peer.
        peer: PeerId,
        /// The number that was given to [`Link::connect`](super::Link::connect); 0 if the peer called.
        tag: u64,
    },
    /// A peer is gone; its number means nothing any more.
    Closed {
        /// The peer.
        peer: PeerId,
        /// Why.
        reason: Reason,
    },
    /// A call of [`Link::connect`](super::Link::connect) came to nothing.
    Failed {
        /// The number that was given to it.
        tag: u64,
        /// Why.
        reason: Reason,
    },
}

/// What a frame was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Part of the link's own business.
    Nothing,
    /// A peer's message: the first `len` bytes of the buffer.
    Message {
        /// The peer.
        peer: PeerId,
        /// How many bytes.
        len: usize,
    },
}

/// What is known of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its identity.
    pub identity: PublicKey,
    /// Where its frames come from.
    pub address: Address,
    /// Why it is trusted.
    pub trusted: Trusted,
    /// When something was last heard of it, and sent to it, in microseconds.
    pub heard: u64,
    /// When something was last sent to it.
    pub sent: u64,
    /// When the session's key was agreed on.
    pub keyed: u64,
}

/// What a link has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Messages sent.
    pub sent: u64,
    /// Messages received.
    pub received: u64,
    /// Frames that were not frames, or of another version or network.
    pub malformed: u64,
    /// Frames that were not authentic.
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
