//! What a link can hold, and how patient it is.

use super::frame::{ANSWER_OVERHEAD, FRAGMENT_OVERHEAD, MAX_FRAGMENTS, OPEN_OVERHEAD};
use crate::comm::crypto::{Secret, TAG};
use crate::comm::identity::{CERTIFICATE, MAX_CAPABILITY, TrustConfig};
use crate::error::{Error, Result};

/// Settings of a [`Link`](super::Link). [`LinkConfig::new`], then what should be
/// different. Times are in microseconds.
#[derive(Clone, Debug)]
pub struct LinkConfig<'c> {
    /// What the nodes of this network have in common: any bytes, not secret.
    /// Nodes of other networks get no answer.
    pub network: &'c [u8],
    /// A secret of the whole network, mixed into each handshake (`psk3`, `psk2`).
    pub psk: Option<Secret>,
    /// The most peers with a session, 1 to 65,535.
    pub peers: usize,
    /// The most handshakes at once, 1 to 65,535.
    pub handshakes: usize,
    /// Room for those who are trusted.
    pub trust: TrustConfig,
    /// The most bytes of a capability in a handshake, the peer's or one's own, up
    /// to [`MAX_CAPABILITY`]; the peer's is kept. 0: none.
    pub capability: usize,
    /// The longest frame that the transport carries, in bytes: at least 80.
    pub mtu: usize,
    /// How far frames may be out of order and still be taken: 128 or 1,024.
    pub window: usize,
    /// Frames with 5 bytes in front instead of 8: for small links. At most 2^15
    /// frames may be lost in a row.
    pub small: bool,
    /// Payloads are padded to multiples of this many bytes, 0 to 255; 0 and 1: not.
    pub padding: usize,
    /// A new handshake begins after so many frames of a session, and not before a
    /// quarter of `retry` has passed.
    pub rekey_frames: u64,
    /// And after so long.
    pub rekey_time: u64,
    /// No frame of a session is sent or taken after so long.
    pub reject_time: u64,
    /// A sign of life is sent when nothing else was for so long; 0: never.
    pub keepalive: u64,
    /// A peer of which nothing was heard for so long is gone; 0: never.
    pub dead: u64,
    /// A session is closed after so many frames that were forged.
    pub forgeries: u32,
    /// How long an opening waits for its answer at first; each time it waits half
    /// as long again, up to 8 seconds.
    pub retry: u64,
    /// How many messages a handshake sends before it is given up, 1 to 64.
    pub tries: u32,
    /// Openings a second that are answered without a cookie, and as many at once.
    pub openings: u32,
    /// The peer's address follows it to where its frames come from.
    pub roaming: bool,
}

impl<'c> LinkConfig<'c> {
    /// Room for so many peers of a network, on links of Internet's kind: frames
    /// of 1,280 bytes, a window of 1,024, a new key after 120 seconds.
    pub fn new(network: &'c [u8], peers: usize) -> LinkConfig<'c> {
        LinkConfig {
            network,
            psk: None,
            peers,
            handshakes: peers.min(16),
            trust: TrustConfig { pinned: peers, authorities: 1 },
            capability: 0,
            mtu: 1280,
            window: 1024,
            small: false,
            padding: 0,
            rekey_frames: 1 << 48,
            rekey_time: 120_000_000,
            reject_time: 180_000_000,
            keepalive: 0,
            dead: 0,
            forgeries: 1 << 20,
            retry: 500_000,
            tries: 20,
            openings: 20,
            roaming: true,
        }
    }

    /// The same for a microcontroller: frames with 21 bytes of overhead, a window
    /// of 128, a new key after 2^16 frames, two handshakes at once.
    pub fn small(network: &'c [u8], peers: usize) -> LinkConfig<'c> {
        let mut config = LinkConfig::new(network, peers);
        config.make_small();
        config
    }

    pub(crate) fn make_small(&mut self) {
        self.handshakes = self.peers.min(2);
        self.window = 128;
        self.small = true;
        self.rekey_frames = 1 << 16;
        self.openings = 4;
    }

    /// The most bytes of a message: longer ones do not fit a frame.
    pub fn max_message(&self) -> usize {
        let front = if self.small { 5 } else { 8 };
        let most = self.mtu.saturating_sub(front + 16);
        match self.padding {
            0 | 1 => most,
            // At least one byte of padding.
            padding => (most / padding * padding).saturating_sub(1),
        }
    }

    /// The longest Noise message of a handshake: XX's first, which is as long in
    /// its frame as the second.
    pub(super) fn message(&self) -> usize {
        let capability = if self.capability > 0 { 2 + self.capability } else { 0 };
        let second = 32 + 48 + TAG + super::slot::FRONT + 98 + CERTIFICATE + capability;
        second + ANSWER_OVERHEAD - OPEN_OVERHEAD
    }

    /// Words of a window: one more, since the oldest word is never whole.
    pub(super) fn words(&self) -> usize {
        self.window / 64 + 1
    }

    /// Bytes of a fragment's part.
    pub(super) fn part(&self) -> usize {
        self.mtu.saturating_sub(FRAGMENT_OVERHEAD)
    }

    pub(super) fn check(&self) -> Result<()> {
        let counts = 1..=65_535;
        let good = counts.contains(&self.peers)
            && counts.contains(&self.handshakes)
            && self.capability <= MAX_CAPABILITY
            && (80..=65_535).contains(&self.mtu)
            && matches!(self.window, 128 | 1024)
            && (!self.small || 2 * self.peers + self.handshakes <= 1 << 14)
            && self.padding < 256
            && (1..1 << 60).contains(&self.rekey_frames)
            && self.rekey_time > 0
            && self.reject_time > self.rekey_time
            && self.forgeries > 0
            && self.retry > 0
            && (1..=64).contains(&self.tries)
            && self.openings > 0
            && (self.message() + ANSWER_OVERHEAD <= self.mtu
                || self.message().div_ceil(self.part()) <= MAX_FRAGMENTS);
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}
