//! A handshake in progress.

use core::mem::ManuallyDrop;

use super::frame::{Kind, MAC};
use crate::comm::crypto::PublicKey;
use crate::comm::identity::Trusted;
use crate::comm::noise::Handshake;
use crate::port::Address;

/// What stands before the rest in each handshake payload: options, and the
/// sender's index. So both are part of the transcript.
pub(super) const FRONT: usize = 4;
/// An option: the sender still has a session with the peer, which goes on.
pub(super) const GOES_ON: u8 = 1;

/// Where a handshake is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    #[default]
    Free,
    /// A message of this kind is to be made and sent.
    Make(Kind),
    /// Its message is being sent: in fragments, perhaps.
    Sending(Kind),
    /// It was sent; the answer to it is awaited.
    Sent(Kind),
    /// The initiator of IK is done, and says so until it hears of the peer.
    Confirm,
    /// The responder of IK has the keys; the first frame will show that the
    /// initiator has them, too.
    Unconfirmed,
}

/// One handshake. It lies in a table, so it has no destructor: whoever frees it
/// takes the [`Handshake`] out. What is used most lies at the front, where short
/// instructions reach it.
#[repr(C)]
pub(super) struct Slot {
    pub stage: Stage,
    pub initiator: bool,
    pub ik: bool,
    /// Whether it waits in the ring of what is due.
    pub queued: bool,
    /// Whether a cookie came, or was shown.
    pub has_cookie: bool,
    /// The peer's options.
    pub options: u8,
    /// Messages sent, and how often the present one was sent again.
    pub tries: u8,
    pub lasts: u8,
    /// Fragments of the message in the slot's buffer that were sent, or have come
    /// (a bit for each), and its bytes.
    pub fragments: u16,
    pub len: u16,
    /// Bytes of the capability of who calls with IK.
    pub capability: u16,
    /// Our index, and the peer's once it is known.
    pub index: u32,
    pub peer_index: u32,
    /// The peer of an existing session that it renews, or that came of it.
    pub peer: Option<u16>,
    /// When it is sent again, or given up.
    pub deadline: u64,
    /// When its opening came; of a call, when the cookie came.
    pub since: u64,
    pub cookie: [u8; MAC],
    /// The first MAC of the last opening, which a cookie must be an answer to.
    pub mac1: [u8; MAC],
    pub address: Address,
    /// The identity that must answer, or that calls with IK.
    pub expected: Option<PublicKey>,
    /// Why the peer is trusted, once that is known.
    pub trusted: Trusted,
    pub handshake: ManuallyDrop<Option<Handshake>>,
}

impl Slot {
    pub fn free() -> Slot {
        Slot {
            stage: Stage::Free,
            handshake: ManuallyDrop::new(None),
            address: Address::default(),
            initiator: false,
            ik: false,
            queued: false,
            index: 0,
            peer_index: 0,
            peer: None,
            expected: None,
            trusted: Trusted::Psk,
            capability: 0,
            options: 0,
            tries: 0,
            lasts: 0,
            since: 0,
            deadline: 0,
            len: 0,
            fragments: 0,
            mac1: [0; MAC],
            has_cookie: false,
            cookie: [0; MAC],
        }
    }

    /// Overwrites it, the handshake's secrets first.
    pub fn clear(&mut self) {
        let queued = self.queued;
        *self.handshake = None;
        *self = Slot { queued, ..Slot::free() };
    }
}
