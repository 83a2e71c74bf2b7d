//! A member: its sessions, and who else is there.

use core::alloc::Layout;

use super::config::NodeConfig;
use super::membership::{Change, Membership};
use super::node_id;
use super::peers::{Dial, Peers, Seed};
use super::suspects::{Evidence, Suspects};
use crate::comm::crypto::PublicKey;
use crate::comm::identity::{Certificate, Secrets, Trust};
use crate::comm::link::{Link, LinkStats, PeerInfo, Reason};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::{Address, Allocator, Entropy};

/// Addresses that a node calls while it is alone.
pub(super) const SEEDS: usize = 8;
/// Events that wait for the caller; then nothing happens that would be one more.
pub(super) const EVENTS: usize = 16;

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something has happened to a member.
    Member {
        /// Its number.
        id: u64,
        /// What.
        change: Change,
    },
    /// There is a session with a member. For one that there was one with: it began anew.
    Connected {
        /// Its number.
        id: u64,
    },
    /// The session with a member has ended: by the other side, or for want of a sign of life. It may take part all the
    /// same: there is another one when it is needed.
    Disconnected {
        /// Its number.
        id: u64,
        /// Why.
        reason: Reason,
    },
    /// A member that was called to join has told all that it knows.
    Joined {
        /// Its number.
        with: u64,
    },
    /// A call to join came to nothing. While the node is alone, it is tried again.
    NotJoined {
        /// Which address it was, by the order of [`Node::join`], from 0 on.
        seed: usize,
        /// Why.
        reason: Reason,
    },
    /// A member has broken the protocol too often: [`Node::evidence`] has what it did last.
    Quarantined {
        /// Its number.
        id: u64,
    },
    /// This member has left, and enough others know.
    Left,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeStats {
    /// Datagrams that came.
    pub received: u64,
    /// Datagrams that were sent.
    pub sent: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Datagrams that the transport refused.
    pub unsent: u64,
    /// Datagrams that were no frames of a session or handshake with somebody trusted.
    pub refused: u64,
    /// Messages of a channel that no part is for.
    pub unknown: u64,
    /// Messages that parts did not take.
    pub failed: u64,
    /// Those among them that break the protocol.
    pub violations: u64,
    /// Messages that were not sent: there is no session, and no room to begin one; or it is too old.
    pub dropped: u64,
    /// Sessions that ended to make room for others.
    pub evicted: u64,
}

/// A member of a swarm.
///
/// `S` has its private keys, `E` makes ephemeral ones. A state machine: what it sends goes through the transport of the
/// call, its parts are lent to it for the call, and time is told.
// No two nodes' fields are of interest to each other; those used most lie at the front.
pub struct Node<'m, S: Secrets, E: Entropy> {
    pub(super) now: u64,
    pub(super) wall: Option<(u64, u64)>,
    pub(super) link: Link<'m, S, E>,
    pub(super) membership: Membership<'m>,
    pub(super) peers: Peers<'m>,
    pub(super) suspects: Suspects<'m>,
    /// A datagram that came; the frame that goes out; the message in it.
    pub(super) input: Carved<'m, u8>,
    pub(super) frame: Carved<'m, u8>,
    pub(super) text: Carved<'m, u8>,
    /// The transport had no room for the frame.
    pub(super) unsent: Option<(Address, usize)>,
    /// Since when.
    pub(super) unsent_since: u64,
    pub(super) seeds: heapless::Vec<Seed, SEEDS>,
    pub(super) events: heapless::Deque<Event, EVENTS>,
    pub(super) leaving: bool,
    pub(super) left: bool,
    pub(super) budget: usize,
    pub(super) stats: NodeStats,
    pub(super) identity: PublicKey,
    _piece: Piece<'m>,
}

struct Parts<'m> {
    link: Option<Piece<'m>>,
    membership: Option<Piece<'m>>,
    peers: Peers<'m>,
    suspects: Suspects<'m>,
    input: Carved<'m, u8>,
    frame: Carved<'m, u8>,
    text: Carved<'m, u8>,
}

fn carve<'m, S: Secrets, E: Entropy>(
    config: &NodeConfig<'_>,
    carver: &mut Carver<'m>,
) -> Result<Parts<'m>> {
    config.check()?;
    let (link, mtu) = (&config.link, config.link.mtu);
    let members = config.members(0);
    let suspects = (config.suspects, config.strikes, config.quarantine_us);
    Ok(Parts {
        link: carver.piece(Link::<S, E>::footprint(link)?)?,
        membership: carver.piece(Membership::footprint(&members)?)?,
        // Half of the handshakes: others call, too.
        peers: Peers::carve((link.peers, link.handshakes.div_ceil(2), mtu), carver)?,
        suspects: Suspects::carve(suspects, carver)?,
        input: carver.take(config.datagram, 0)?,
        frame: carver.take(mtu, 0)?,
        text: carver.take(mtu, 0)?,
    })
}

impl<'m, S: Secrets, E: Entropy> Node<'m, S, E> {
    /// The memory that a node takes.
    ///
    /// [`Error::Invalid`] for a setting outside its range.
    pub fn footprint(config: &NodeConfig<'_>) -> Result<Layout> {
        Carver::layout_of(|carver| carve::<S, E>(config, carver))
    }

    /// A member with these secrets, which knows nobody and trusts nobody.
    ///
    /// [`Error::Invalid`] for a setting outside its range, [`Error::OutOfMemory`], and the errors of the secrets.
    pub fn new(
        config: &NodeConfig<'_>,
        secrets: S,
        entropy: E,
        allocator: impl Allocator<'m>,
        now: u64,
    ) -> Result<Self> {
        let piece = allocator.allocate(Self::footprint(config)?)?;
        Node::in_piece(config, secrets, entropy, piece, now)
    }

    pub(crate) fn in_piece(
        config: &NodeConfig<'_>,
        secrets: S,
        entropy: E,
        mut piece: Piece<'m>,
        now: u64,
    ) -> Result<Self> {
        let layout = Self::footprint(config)?;
        let parts = carve::<S, E>(config, &mut piece.carver(layout)?)?;
        // There is a piece, so there are pieces of it.
        let missing = Error::OutOfMemory;
        let (own, others) = (parts.link.ok_or(missing)?, parts.membership.ok_or(missing)?);
        let link = Link::in_piece(&config.link, secrets, entropy, own)?;
        let identity = *link.identity();
        let members = config.members(node_id(&identity));
        Ok(Node {
            now,
            wall: None,
            membership: Membership::in_piece(&members, others, now)?,
            link,
            peers: parts.peers,
            suspects: parts.suspects,
            input: parts.input,
            frame: parts.frame,
            text: parts.text,
            unsent: None,
            unsent_since: 0,
            seeds: heapless::Vec::new(),
            events: heapless::Deque::new(),
            leaving: false,
            left: false,
            budget: config.budget,
            stats: NodeStats::default(),
            identity,
            _piece: piece,
        })
    }

    /// This member's number: [`node_id`] of its identity.
    pub fn id(&self) -> u64 {
        self.membership.id()
    }

    /// Its identity.
    pub fn identity(&self) -> &PublicKey {
        &self.identity
    }

    /// Who may take part: nobody, at first. Taking somebody out does not end the session there is.
    pub fn trust_mut(&mut self) -> &mut Trust<'m> {
        self.link.trust_mut()
    }

    /// The certificate that this member shows from now on.
    pub fn set_certificate(&mut self, certificate: Option<&Certificate>) {
        self.link.set_certificate(certificate);
    }

    /// The time of day at `now_us`, in milliseconds since 1970: certificates and stamps of stores are checked against
    /// it from now on. `None`, as at first: there is no such clock.
    pub fn set_wall(&mut self, wall_ms: Option<u64>, now_us: u64) {
        self.link.set_wall(wall_ms.map(|ms| ms / 1000), now_us);
        self.wall = wall_ms.map(|ms| (ms, now_us));
    }

    /// The time of day, in milliseconds since 1970; 0 if it was not told.
    pub fn wall_ms(&self) -> u64 {
        self.wall.map_or(0, |(ms, at)| ms.saturating_add(self.now.saturating_sub(at) / 1000))
    }

    /// An address of a member to begin with: while this node is alone, it calls there, again and again.
    ///
    /// [`Error::Capacity`] for more than 8 of them, [`Error::NodeLeft`].
    pub fn join(&mut self, address: &Address, now: u64) -> Result<()> {
        if self.leaving {
            return Err(Error::NodeLeft);
        }
        self.now = self.now.max(now);
        let seed = Seed { address: *address, at: self.now, tries: 0 };
        self.seeds.push(seed).map_err(|_| Error::Capacity)
    }

    /// Says that this member goes. [`Event::Left`] comes when enough others know; then it may be dropped.
    pub fn leave(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.leaving = true;
        self.membership.leave(self.now);
    }

    /// Where this member is to be reached, and what it says of itself, from now on.
    ///
    /// [`Error::Length`] if that is longer than the configuration says.
    pub fn set_said(&mut self, address: &Address, meta: &[u8], now: u64) -> Result<()> {
        self.now = self.now.max(now);
        self.membership.set_said(address, meta, self.now)
    }

    /// Who is there.
    pub fn membership(&self) -> &Membership<'m> {
        &self.membership
    }

    /// Whether there is a session with a member.
    pub fn is_connected(&self, id: u64) -> bool {
        self.peers.find(id).is_some()
    }

    /// How many members there is a session with.
    pub fn connected(&self) -> usize {
        self.peers.len()
    }

    /// What is known of the session with a member. [`Error::NodePeer`] if there is none.
    pub fn peer_info(&self, id: u64) -> Result<PeerInfo> {
        self.link.peer_info(self.peers.find(id).ok_or(Error::NodePeer)?)
    }

    /// Ends the session with a member, if there is one; there may be another one later.
    ///
    /// [`Error::NodePeer`] if there is none.
    pub fn disconnect(&mut self, id: u64) -> Result<()> {
        let peer = self.peers.find(id).ok_or(Error::NodePeer)?;
        self.end_session(peer);
        Ok(())
    }

    /// What has happened; nothing if there is no more.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Members that broke the protocol, and what they did last.
    pub fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        self.suspects.all()
    }

    /// Whether a member is in quarantine.
    pub fn is_quarantined(&self, id: u64) -> bool {
        self.suspects.has(id, self.now)
    }

    /// Forgets what a member did, and ends its quarantine.
    ///
    /// [`Error::NodePeer`] if it did nothing that is known.
    pub fn forgive(&mut self, id: u64) -> Result<()> {
        if self.suspects.forgive(id) { Ok(()) } else { Err(Error::NodePeer) }
    }

    /// What was counted.
    pub fn stats(&self) -> &NodeStats {
        &self.stats
    }

    /// What was counted of its sessions.
    pub fn link_stats(&self) -> &LinkStats {
        self.link.stats()
    }

    /// The most bytes of a message of a part.
    pub fn max_message(&self) -> usize {
        self.link.max_message().saturating_sub(1)
    }

    pub(super) fn event(&mut self, event: Event) {
        // There was room, or nothing would have happened.
        let _ = self.events.push_back(event);
    }

    /// Whether two more things may happen.
    pub(super) fn has_room(&self) -> bool {
        self.events.len() + 2 <= EVENTS
    }

    /// A call to an address: for a member whose message waits for it, or to join.
    pub(super) fn dial(&mut self, address: &Address, dial: Dial) -> Result<usize> {
        if let Some(place) = self.peers.join_dial(address, &dial) {
            return Ok(place);
        }
        let (place, tag) = self.peers.dial(address, dial).ok_or(Error::Capacity)?;
        let called = self.link.connect(address, None, None, tag, self.now);
        if called.is_err() {
            self.peers.end_dial(place);
        }
        called.map(|()| place)
    }
}
