//! Sessions with peers over datagrams that get lost, doubled and disordered, or
//! come from somebody else.
//!
//! [`Link`] is a state machine: frames and the time go in
//! ([`receive`](Link::receive), [`poll`](Link::poll)), frames and events come out
//! ([`next`](Link::next)). It does handshakes (Noise XX, or IK where the peer's
//! static key is known, with `psk3` or `psk2` where the network has a secret),
//! replaces keys in time, keeps replays out, follows peers to other addresses,
//! notices when they are gone, and gives strangers nothing: no memory, no reply
//! longer than what they sent, and none at all if they do not know the network.
//! The manners are WireGuard's (Donenfeld, NDSS 2017).
//!
//! Messages may be lost; [`comm::channel`](crate::comm) makes up for that.

mod config;
mod cookie;
mod division;
mod frame;
mod next;
mod places;
mod receive;
mod session;
mod slot;
mod traffic;
mod types;
mod window;

use core::alloc::Layout;

use zeroize::Zeroize;

use super::crypto::{Hash, PublicKey};
use super::identity::{CERTIFICATE, Certificate, Hello, Secrets, Trust, Trusted};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::{Address, Allocator, Entropy};
use cookie::{Bucket, Gate};
use frame::{Content, Kind, MAC};
use session::Session;
use slot::{Slot, Stage};

pub use config::LinkConfig;
pub use frame::{COOKIE_FRAME, OVERHEAD};
pub use types::{LinkStats, Output, PeerId, PeerInfo, Reason, Received};

/// What a peer is due.
const CONNECTED: u8 = 1;
const CONTROL: u8 = 2;
const CLOSE: u8 = 4;
const CLOSED: u8 = 8;

/// First byte of a control frame.
const ALIVE: u8 = 0;
/// Alive, and without memory of an earlier session.
const ALIVE_ANEW: u8 = 1;
const BYE: u8 = 2;

/// A peer with a session. No destructor: it lies in a table. What is used most lies
/// at the front, where short instructions reach it.
#[derive(Clone, Copy)]
#[repr(C)]
struct Peer {
    used: bool,
    queued: bool,
    /// What is to come of it: bits of the constants above.
    due: u8,
    /// Whether the confirmation says that there was no session before.
    anew: bool,
    /// Whether a handshake renews the session already.
    renewing: bool,
    /// Whether the caller knows of it, or is about to.
    connected: bool,
    generation: u16,
    /// Which of its two sessions is sent with.
    current: usize,
    reason: Reason,
    capability: u16,
    heard: u64,
    sent: u64,
    identity: PublicKey,
    noise: PublicKey,
    address: Address,
    trusted: Trusted,
}

const NOBODY: Peer = Peer {
    used: false,
    queued: false,
    current: 0,
    due: 0,
    anew: false,
    renewing: false,
    connected: false,
    generation: 0,
    capability: 0,
    reason: Reason::Peer,
    identity: [0; 32],
    noise: [0; 32],
    address: Address::EMPTY,
    trusted: Trusted::Psk,
    heard: 0,
    sent: 0,
};

/// Which slot or session an index of ours stands for; index 0: none.
#[derive(Clone, Copy, Default)]
struct Entry {
    index: u32,
    target: Target,
}

#[derive(Clone, Copy, Default)]
enum Target {
    #[default]
    Nothing,
    Slot(u32),
    Session(u32),
}

/// A call whose end the caller does not know yet, and what it hangs on.
#[derive(Clone, Copy)]
struct Call {
    tag: u64,
    on: On,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    /// None.
    Nothing,
    /// A handshake.
    Slot(u16),
    /// A peer that the caller is about to be told of.
    Peer(u16),
    /// It came to nothing.
    Failed(Reason),
}

/// Something that waits for [`Link::next`].
#[derive(Clone, Copy)]
enum Due {
    Slot(u16),
    Peer(u16),
}

/// A cookie to be sent.
#[derive(Clone, Copy)]
struct CookieDue {
    to: Address,
    mac1: [u8; MAC],
}

/// The most cookies that wait to be sent; openings beyond them are forgotten.
const COOKIES: usize = 4;

/// Sessions with peers. `S` has the node's private keys, `E` makes ephemeral ones.
// In this order: short instructions reach what lies at the front.
#[repr(C)]
pub struct Link<'m, S: Secrets, E: Entropy> {
    tables: Tables<'m>,
    due_first: usize,
    due_count: usize,
    own_capability: usize,
    wake: u64,
    settings: LinkConfig<'static>,
    stats: LinkStats,
    /// Unix seconds, and when they were told.
    wall: Option<(u64, u64)>,
    bucket: Bucket,
    cookies: heapless::Deque<CookieDue, COOKIES>,
    secrets: S,
    entropy: E,
    gate: Gate,
    prologue: [u8; 32],
    /// What this node says of itself; certificate and capability lie beside it.
    hello: Hello<'static>,
    certificate: Option<[u8; CERTIFICATE]>,
    _piece: Piece<'m>,
}

/// The tables.
struct Tables<'m> {
    peers: Carved<'m, Peer>,
    sessions: Carved<'m, Session>,
    slots: Carved<'m, Slot>,
    calls: Carved<'m, Call>,
    entries: Carved<'m, Entry>,
    due: Carved<'m, Due>,
    windows: Carved<'m, u64>,
    capabilities: Carved<'m, u8>,
    buffers: Carved<'m, u8>,
    scratch: Carved<'m, u8>,
    trust: Trust<'m>,
}

fn carve<'m>(config: &LinkConfig, carver: &mut Carver<'m>) -> Result<Tables<'m>> {
    config.check()?;
    let (peers, slots, message) = (config.peers, config.handshakes, config.message());
    Ok(Tables {
        trust: Trust::carve(&config.trust, carver)?,
        peers: carver.take(peers, NOBODY)?,
        sessions: carver.take(2 * peers, Session::default())?,
        windows: carver.take(2 * peers * config.words(), 0)?,
        // Those of the peers, of openings, and one's own.
        capabilities: carver.take((peers + slots + 1) * config.capability, 0)?,
        slots: carver.take_with(slots, Slot::free)?,
        calls: carver.take(slots, Call { tag: 0, on: On::Nothing })?,
        buffers: carver.take(slots * message, 0)?,
        scratch: carver.take(message.max(config.mtu), 0)?,
        entries: carver.take(2 * peers + slots, Entry::default())?,
        due: carver.take(peers + slots, Due::Peer(0))?,
    })
}

impl<'m, S: Secrets, E: Entropy> Link<'m, S, E> {
    /// The memory that a link takes.
    ///
    /// [`Error::Invalid`] for a setting outside its range.
    pub fn footprint(config: &LinkConfig) -> Result<Layout> {
        let mut carver = Carver::measure();
        carve(config, &mut carver)?;
        carver.layout()
    }

    /// A link of the node with these secrets. Nobody is trusted yet.
    ///
    /// [`Error::Invalid`] for a setting outside its range, [`Error::OutOfMemory`],
    /// and the errors of the secrets.
    pub fn new(
        config: &LinkConfig,
        secrets: S,
        entropy: E,
        allocator: impl Allocator<'m>,
    ) -> Result<Self> {
        let piece = allocator.allocate(Self::footprint(config)?)?;
        Link::in_piece(config, secrets, entropy, piece)
    }

    pub(crate) fn in_piece(
        config: &LinkConfig,
        secrets: S,
        entropy: E,
        mut piece: Piece<'m>,
    ) -> Result<Self> {
        let tables = carve(config, &mut piece.carver(Self::footprint(config)?)?)?;
        let prologue = Hash::Blake2s.digest(&[b"neural-swarm link v1", config.network]);
        Ok(Link {
            hello: Hello::new(&secrets)?,
            secrets,
            entropy,
            settings: LinkConfig { network: &[], ..config.clone() },
            prologue: *prologue.key(),
            certificate: None,
            own_capability: 0,
            gate: Gate::new(config.network),
            bucket: Bucket::new(config.openings, config.openings),
            tables,
            due_first: 0,
            due_count: 0,
            cookies: heapless::Deque::new(),
            wall: None,
            wake: u64::MAX,
            stats: LinkStats::default(),
            _piece: piece,
        })
    }

    /// Who may connect: nobody, at first. Taking somebody out does not end the
    /// session there is.
    pub fn trust_mut(&mut self) -> &mut Trust<'m> {
        &mut self.tables.trust
    }

    /// The node's own identity.
    pub fn identity(&self) -> &PublicKey {
        &self.hello.identity
    }

    /// The node's static key: who knows it can [`connect`](Self::connect) with IK.
    pub fn noise_key(&self) -> PublicKey {
        self.secrets.public_key()
    }

    /// The certificate that this node shows in handshakes from now on.
    pub fn set_certificate(&mut self, certificate: Option<&Certificate>) {
        self.certificate = certificate.map(Certificate::encode);
    }

    /// The capability that this node shows in handshakes from now on; empty: none.
    ///
    /// [`Error::CommTooLong`] if it is longer than the configuration says.
    pub fn set_capability(&mut self, capability: &[u8]) -> Result<()> {
        let room = self.settings.capability;
        let start = (self.tables.peers.len() + self.tables.slots.len()) * room;
        let place = self.tables.capabilities.get_mut(start..start + room).unwrap_or_default();
        let place = place.get_mut(..capability.len()).ok_or(Error::CommTooLong)?;
        place.copy_from_slice(capability);
        self.own_capability = capability.len();
        Ok(())
    }

    /// The time of day at `now`, in Unix seconds: certificates are checked
    /// against it from now on. Until it is told, or with `None`, a certificate's
    /// epoch alone counts.
    pub fn set_wall(&mut self, wall: Option<u64>, now: u64) {
        self.wall = wall.map(|wall| (wall, now));
    }

    fn wall_at(&self, now: u64) -> Option<u64> {
        let since = |told| division::seconds(now.saturating_sub(told));
        self.wall.map(|(wall, told)| wall.saturating_add(since(told)))
    }

    /// Calls the node at `address`. `expected` is the identity that must answer;
    /// `None`: anybody trusted. `noise` is its static key, if it is known: then
    /// the handshake is IK, half a round trip shorter, where its opening fits the
    /// transport. The result comes as [`Output::Connected`] or
    /// [`Output::Failed`] with this `tag`: one of them, once.
    ///
    /// [`Error::Capacity`] if there are too many handshakes already, or calls whose
    /// results [`next`](Self::next) was not asked for.
    pub fn connect(
        &mut self,
        address: &Address,
        expected: Option<&PublicKey>,
        noise: Option<&PublicKey>,
        tag: u64,
        now: u64,
    ) -> Result<()> {
        let free = self.tables.calls.iter().position(|call| call.on == On::Nothing);
        let call = free.ok_or(Error::Capacity)?;
        let place = self.start(address, expected.copied(), noise.copied(), None, now)?;
        if let Some(call) = self.tables.calls.get_mut(call) {
            *call = Call { tag, on: On::Slot(place as u16) };
        }
        Ok(())
    }

    fn start(
        &mut self,
        address: &Address,
        expected: Option<PublicKey>,
        noise: Option<PublicKey>,
        peer: Option<u16>,
        now: u64,
    ) -> Result<usize> {
        let place = self.free_slot().ok_or(Error::Capacity)?;
        let hello = slot::FRONT + self.hello_len();
        let fits = frame::OPEN_OVERHEAD + 32 + 48 + 16 + hello <= self.settings.mtu;
        let noise = noise.filter(|_| fits);
        let kind = if noise.is_some() { Kind::OpenIk } else { Kind::OpenXx };
        // It keeps the key; the first message is made of another one.
        let handshake = noise.map(|key| self.new_handshake(true, true, Some(key))).transpose()?;
        let index = self.new_index(Target::Slot(place as u32))?;
        let slot = self.tables.slots.get_mut(place).ok_or(Error::Capacity)?;
        *slot.handshake = handshake;
        slot.stage = Stage::Make(kind);
        (slot.address, slot.index, slot.initiator, slot.ik) =
            (*address, index, true, noise.is_some());
        (slot.expected, slot.peer, slot.since) = (expected, peer, now);
        self.queue_slot(place);
        Ok(place)
    }

    /// Ends the session with a peer, and tells it so: a last
    /// [`Output::Frame`] comes from [`next`](Self::next).
    ///
    /// [`Error::CommPeer`] if there is no such peer.
    pub fn close(&mut self, peer: PeerId) -> Result<()> {
        let place = self.find(peer)?;
        let peer = self.peer(place)?;
        if peer.due & (CLOSE | CLOSED) == 0 {
            peer.due = CLOSE;
            self.queue_peer(place);
        }
        Ok(())
    }

    /// The most bytes of a message: longer ones do not fit a frame.
    pub fn max_message(&self) -> usize {
        self.settings.max_message()
    }

    /// The longest frame, in bytes: what a buffer for [`next`](Self::next) holds.
    pub fn mtu(&self) -> usize {
        self.settings.mtu
    }

    /// The bytes of the frame of a message of `len` bytes, at most.
    pub fn frame_len(&self, len: usize) -> usize {
        let padded = match self.settings.padding {
            0 | 1 => len,
            padding => (len.saturating_add(1)).next_multiple_of(padding),
        };
        padded.saturating_add(OVERHEAD)
    }

    /// Makes a frame of a message for a peer, in the first bytes of `out`: how
    /// many, and where to send them.
    ///
    /// [`Error::CommPeer`] if there is no such peer, [`Error::CommClosed`] if its
    /// session is too old and a new one is not there yet, [`Error::CommTooLong`]
    /// (see [`max_message`](Self::max_message)), [`Error::BufferTooSmall`] if
    /// `out` is shorter than the frame. Nothing is sent then.
    pub fn send(
        &mut self,
        peer: PeerId,
        message: &[u8],
        now: u64,
        out: &mut [u8],
    ) -> Result<(usize, Address)> {
        if message.len() > self.max_message() {
            return Err(Error::CommTooLong);
        }
        let place = self.find(peer)?;
        let padding = self.settings.padding;
        let content = if padding > 1 { Content::Padded } else { Content::Message };
        let room = out.len().min(self.settings.mtu);
        let fits = out.get_mut(..room).ok_or(Error::BufferTooSmall)?;
        let (len, to) = self.seal(place, content, message, padding, now, fits)?;
        self.stats.sent += 1;
        Ok((len, to))
    }

    fn seal(
        &mut self,
        place: usize,
        content: Content,
        payload: &[u8],
        padding: usize,
        now: u64,
        out: &mut [u8],
    ) -> Result<(usize, Address)> {
        let small = self.settings.small;
        let peer = self.tables.peers.get_mut(place).ok_or(Error::CommPeer)?;
        let session =
            self.tables.sessions.get_mut(2 * place + peer.current).ok_or(Error::CommPeer)?;
        let age = now.saturating_sub(session.born);
        if !session.open || age >= self.settings.reject_time {
            return Err(Error::CommClosed);
        }
        // Not every node has indices of 16 bits.
        let small = small && session.peer_index < 1 << 16;
        let len = session.seal(small, content, payload, padding, out)?;
        peer.sent = now;
        let (sent, to) = (session.sent, peer.address);
        // Who was called waits a little, so that not both begin.
        let wait = if session.initiator { 0 } else { self.settings.rekey_time / 16 };
        // Not one handshake after the other, however few frames a key is for.
        let many = sent >= self.settings.rekey_frames && age >= self.settings.retry / 4;
        let due = many || age >= self.settings.rekey_time + wait;
        if due && !peer.renewing {
            self.renew(place, now);
        }
        Ok((len, to))
    }

    /// Begins a handshake that replaces a session's key. Without room for it
    /// now, the next frame tries again.
    fn renew(&mut self, place: usize, now: u64) {
        let Some(&Peer { address, identity, noise, .. }) = self.tables.peers.get(place) else {
            return;
        };
        let peer = Some(place as u16);
        let started = self.start(&address, Some(identity), Some(noise), peer, now);
        if let Some(peer) = self.tables.peers.get_mut(place).filter(|_| started.is_ok()) {
            peer.renewing = true;
        }
    }

    /// What is known of a peer. [`Error::CommPeer`] if there is no such peer.
    pub fn peer_info(&self, peer: PeerId) -> Result<PeerInfo> {
        let place = self.find(peer)?;
        let peer = self.tables.peers.get(place).ok_or(Error::CommPeer)?;
        let session = self.tables.sessions.get(2 * place + peer.current).ok_or(Error::CommPeer)?;
        Ok(PeerInfo {
            identity: peer.identity,
            address: peer.address,
            trusted: peer.trusted,
            heard: peer.heard,
            sent: peer.sent,
            keyed: session.born,
        })
    }

    /// The capability that a peer has shown, as bytes; empty without one. What it
    /// is worth is for [`comm::capability`](crate::comm) to say.
    pub fn peer_capability(&self, peer: PeerId) -> Result<&[u8]> {
        let place = self.find(peer)?;
        let len = usize::from(self.tables.peers.get(place).ok_or(Error::CommPeer)?.capability);
        let start = place * self.settings.capability;
        self.tables.capabilities.get(start..start + len).ok_or(Error::CommPeer)
    }

    /// The peer with this identity, if there is a session with it.
    pub fn peer_of(&self, identity: &PublicKey) -> Option<PeerId> {
        self.place_of(identity).and_then(|place| self.id(place))
    }

    /// What was counted.
    pub fn stats(&self) -> &LinkStats {
        &self.stats
    }

    /// When to call [`poll`](Self::poll) at the latest; `u64::MAX`: when there is
    /// something else to do.
    pub fn wake_at(&self) -> u64 {
        self.wake
    }

    fn wake_by(&mut self, when: u64) {
        self.wake = self.wake.min(when);
    }
}

fn wipe(session: &mut Session) {
    session.wipe();
    *session = Session::default();
}

impl<S: Secrets, E: Entropy> Drop for Link<'_, S, E> {
    fn drop(&mut self) {
        self.tables.sessions.iter_mut().for_each(wipe);
        self.tables.slots.iter_mut().for_each(Slot::clear);
        self.tables.buffers.zeroize();
        self.tables.scratch.zeroize();
    }
}
