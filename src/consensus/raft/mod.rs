//! Raft, after Ongaro's thesis (2014): one sequence of entries that a group of nodes agrees on,
//! as long as a majority of them lives.
//!
//! A [`Raft`] is one member. It does no input or output: it is told what arrives
//! ([`step`](Raft::step)), what time it is ([`tick`](Raft::tick)), what to agree on
//! ([`propose`](Raft::propose)), and what storage has done ([`durable`](Raft::durable)); then it is asked
//! what is to be done, in this order: [`next_record`](Raft::next_record) to be made durable,
//! [`next_message`](Raft::next_message) to be sent, [`next_committed`](Raft::next_committed) to be applied,
//! [`next_event`](Raft::next_event) to be known, and now and then [`next_fetch`](Raft::next_fetch),
//! [`next_chunk`](Raft::next_chunk) and [`next_snapshot_write`](Raft::next_snapshot_write).
//! The messages are in docs/raft-format.md, the parts here:
//!
//! - `types`, `config`: the words. `message`: messages as bytes, and back.
//! - `log`: the entries in memory. `members`: who takes part. `progress`: what a leader knows of each.
//! - `election`, `replicate`, `follow`, `step`: the protocol.
//! - `propose`, `sessions`, `reads`, `slots`, `change`: what callers ask for. `parts`: what a build has.
//! - `snapshot`, `fetch`: what is no longer in memory.
//! - `tuning`: what may be set while a node runs, and what can be measured.
//! - `start`, `output`, `outbox`: what storage has, and what is to be done.

mod change;
mod config;
mod election;
mod fetch;
mod follow;
mod log;
mod members;
mod message;
mod mutation;
mod outbox;
mod output;
mod parts;
mod progress;
mod propose;
mod reads;
mod replicate;
mod sessions;
mod slots;
mod snapshot;
mod start;
mod step;
#[cfg(all(test, feature = "alloc"))]
mod tests;
mod tuning;
mod types;

use core::alloc::Layout;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

use self::election::Election;
use self::fetch::Job;
use self::log::Log;
use self::members::Members;
use self::outbox::Outbox;
use self::output::Records;
use self::progress::Peers;
use self::propose::Forwards;
use self::reads::Reads;
use self::sessions::Sessions;
use self::snapshot::Incoming;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

pub use self::config::{MOST_PEERS, RaftConfig};
pub use self::tuning::{Sample, Timeouts};
pub use self::types::{
    Change, ChunkWanted, Committed, EntryKind, EntryRef, Event, Fetch, Member, MemberKind,
    MemberStatus, NodeId, PeerStatus, ProgressState, Proposal, Record, RecordNumber, Role,
    SnapshotWrite, Status,
};

/// Random numbers from a seed: the same on every machine.
struct Random(SplitMix64);

impl Random {
    /// Other numbers at each node, and at each start.
    fn new(config: &RaftConfig, now: u64) -> Random {
        let seed = config.seed ^ config.id.0.rotate_left(32) ^ now.rotate_left(16);
        Random(SplitMix64::seed_from_u64(seed))
    }

    /// Any, with room for as many above it.
    fn number(&mut self) -> u64 {
        self.0.next_u64() >> 1
    }

    /// Uniform in 0..`end`, to within `end` / 2^32; `end` is not above that.
    fn below(&mut self, end: u64) -> u64 {
        ((self.0.next_u64() >> 32) * end) >> 32
    }
}

/// What events have to tell.
#[derive(Clone, Copy, Debug, Default)]
struct Changed {
    role: bool,
    leader: bool,
    members: bool,
    transfer_failed: u64,
}

/// A snapshot that takes the place of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Install {
    None,
    /// Its record is not durable.
    Record,
    /// The application has to be told.
    Give,
}

/// A member of a group that agrees on one sequence of entries.
///
/// Nothing is allocated after creation; what is full answers [`Error::Capacity`]. Nobody is trusted to
/// send well-formed messages, but members are trusted to follow the protocol: who may send in whose name is the
/// link's affair.
///
/// ```
/// use neural_swarm::consensus::raft::*;
/// use neural_swarm::port::Heap;
///
/// let config = RaftConfig { id: NodeId(1), ..RaftConfig::default() };
/// let mut node = Raft::new(&config, Heap)?;
/// node.bootstrap(&[Member { id: NodeId(1), kind: MemberKind::Voter }])?;
/// node.start(0)?;
/// let (mut now, mut applied, mut proposed) = (0, Vec::new(), false);
/// let mut buffer = vec![0; config.message];
/// while applied.is_empty() {
///     now = node.next_wake_us().max(now);
///     node.tick(now)?;
///     if !proposed && node.status().role == Role::Leader {
///         node.propose(Proposal { data: b"hello", ..Proposal::default() }, now)?;
///         proposed = true;
///     }
///     // Storage, a network, an application.
///     while let Some((number, _record)) = node.next_record() {
///         node.durable(number, now)?;
///     }
///     while let Some((_to, _len)) = node.next_message(&mut buffer)? {}
///     while let Some(committed) = node.next_committed() {
///         let index = committed.index();
///         if let Committed::Entry { kind: EntryKind::Data, data, .. } = committed {
///             applied.extend_from_slice(data);
///         }
///         node.applied(index)?;
///     }
/// }
/// assert_eq!(applied, b"hello");
/// # Ok::<(), neural_swarm::Error>(())
/// ```
pub struct Raft<'m> {
    config: RaftConfig,
    timeouts: Timeouts,
    random: Random,
    /// The latest time that was heard.
    now: u64,
    started: bool,
    halted: bool,

    /// What has to be durable; 0: for nobody.
    term: u64,
    vote: u64,
    state_dirty: bool,
    records: Records,

    role: Role,
    /// 0: nobody that is known.
    leader: u64,
    /// When a leader was heard.
    contact: Option<u64>,
    /// When to stand for election.
    deadline: u64,
    /// When to send heartbeats, or ask for votes again.
    beat: u64,
    election: Election,

    log: Log<'m>,
    commit: u64,
    /// The last entry that was given to the application, and that it has applied.
    given: u64,
    applied: u64,
    /// The commit that storage was told, and has durable.
    commit_told: u64,
    commit_durable: u64,
    commit_wanted: bool,

    /// The membership in force, that before the entries in memory, and two to work with: the second is
    /// that of the snapshot that arrives.
    members: Members<'m>,
    base: Members<'m>,
    other: Members<'m>,
    arriving: Members<'m>,
    sessions: Sessions<'m>,
    outbox: Outbox<'m>,
    reads: Reads<'m>,
    forwards: Forwards<'m>,

    /// A follower's: up to where the log is the leader's,
    verified: u64,
    /// and up to where that was said.
    acked: u64,
    pass: u64,
    ack_due: bool,

    /// A leader's.
    peers: Peers<'m>,
    cursor: usize,
    /// Its first entry.
    own: u64,
    /// Rounds of heartbeats, by which reads are confirmed.
    round: u64,
    round_used: bool,
    lease_off: bool,
    transferee: u64,
    transfer_until: u64,

    /// The newest snapshot: index and term.
    snapshot: (u64, u64),
    snapshot_dirty: bool,
    install: Install,
    incoming: Incoming,
    /// Chunks that were given to be written.
    writes: u64,
    job: Job,
    /// A chunk that arrives, or entries that are fetched.
    staging: Carved<'m, u8>,
    /// A membership, and clients, as bytes.
    scratch: Carved<'m, u8>,
    changed: Changed,
    /// Behind all of the above.
    _piece: Piece<'m>,
}

impl<'m> Raft<'m> {
    /// A node without its tables.
    fn blank(config: &RaftConfig, piece: Piece<'m>) -> Raft<'m> {
        Raft {
            config: *config,
            timeouts: Timeouts::new(config),
            // Until it starts nothing is drawn.
            // Until it starts.
            random: Random(SplitMix64::from_seed([0; 8])),
            now: 0,
            started: false,
            halted: false,
            term: 0,
            vote: 0,
            state_dirty: false,
            records: Records::default(),
            role: Role::Follower,
            leader: 0,
            contact: None,
            deadline: u64::MAX,
            beat: u64::MAX,
            election: Election::default(),
            log: Log::default(),
            commit: 0,
            given: 0,
            applied: 0,
            commit_told: 0,
            commit_durable: 0,
            commit_wanted: false,
            members: Members::default(),
            base: Members::default(),
            other: Members::default(),
            arriving: Members::default(),
            sessions: Sessions::default(),
            outbox: Outbox::default(),
            reads: Reads::default(),
            forwards: Forwards::default(),
            verified: 0,
            acked: 0,
            pass: 0,
            ack_due: false,
            peers: Peers::default(),
            cursor: 0,
            own: 0,
            round: 0,
            round_used: false,
            lease_off: false,
            transferee: 0,
            transfer_until: 0,
            snapshot: (0, 0),
            snapshot_dirty: false,
            install: Install::None,
            incoming: Incoming::default(),
            writes: 0,
            job: Job::default(),
            staging: Carved::default(),
            scratch: Carved::default(),
            changed: Changed::default(),
            _piece: piece,
        }
    }

    /// Cuts its tables from a piece, or only measures them. In place: a node is large.
    fn carve(&mut self, carver: &mut Carver<'m>) -> Result<()> {
        let config = self.config;
        self.log.carve(carver, &config)?;
        for members in [&mut self.members, &mut self.base, &mut self.other, &mut self.arriving] {
            members.carve(carver, config.peers)?;
        }
        self.sessions.carve(carver, config.sessions)?;
        self.outbox.carve(carver, config.peers + 3)?;
        self.reads.carve(carver, config.reads)?;
        self.forwards.carve(carver, &config)?;
        self.peers.carve(carver, config.peers)?;
        self.staging = carver.take(config.chunk, 0)?;
        let clients = config.sessions * self::sessions::ROW;
        self.scratch = carver.take(config.members_len() + clients, 0)?;
        Ok(())
    }

    /// The memory that a node of this configuration takes.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting outside its range, [`Error::Unsupported`] for a part that is not in
    /// this build, [`Error::Overflow`] for sizes that this machine cannot have.
    pub fn footprint(config: &RaftConfig) -> Result<Layout> {
        config.check()?;
        let mut carver = Carver::measure();
        Raft::blank(config, Piece::lent(&mut [])).carve(&mut carver)?;
        carver.layout()
    }

    /// A node that knows nothing yet: [`restore`](Raft::restore) or [`bootstrap`](Raft::bootstrap), then
    /// [`start`](Raft::start).
    ///
    /// # Errors
    /// As [`footprint`](Raft::footprint), and what `memory` answers.
    pub fn new(config: &RaftConfig, memory: impl Allocator<'m>) -> Result<Raft<'m>> {
        Raft::in_piece(config, memory.allocate(Raft::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &RaftConfig, mut piece: Piece<'m>) -> Result<Raft<'m>> {
        let layout = Raft::footprint(config)?;
        let mut carver = piece.carver(layout)?;
        let mut node = Raft::blank(config, piece);
        node.carve(&mut carver)?;
        Ok(node)
    }

    /// Nothing that this node knows is to be relied on any more.
    fn halt(&mut self, error: Error) -> Error {
        self.halted = true;
        error
    }

    /// Refuses what a node that has halted is asked.
    pub(crate) fn running(&self) -> Result<()> {
        if self.halted { Err(Error::RaftHalted) } else { Ok(()) }
    }

    /// The longest message.
    pub(crate) fn message_len(&self) -> usize {
        self.config.message
    }

    fn is_witness(&self) -> bool {
        parts::WITNESS && self.config.witness
    }

    /// Whether this is the node's own name.
    fn is_me(&self, id: u64) -> bool {
        id == self.config.id.0
    }

    /// It is this late. Time that goes back stands still.
    #[inline(never)]
    fn at(&mut self, now_us: u64) -> Result<()> {
        if self.halted {
            return Err(Error::RaftHalted);
        }
        if !self.started {
            return Err(Error::RaftState);
        }
        self.now = self.now.max(now_us);
        Ok(())
    }

    /// Makes room for an entry beside `spare` others, by letting entries go that are not needed here;
    /// whether there is some.
    fn make_room(&mut self, len: usize, spare: usize) -> bool {
        // After a restart exactly those must fit that did before.
        let needless = if self.started { self.given.min(self.commit_durable) } else { self.commit };
        // What storage cannot be asked for stays until a snapshot has it.
        let needless = if self.config.fetches() { needless } else { needless.min(self.snapshot.0) };
        while !self.log.fits(len, spare) {
            let first = self.log.first();
            if first > needless || first > self.log.last() {
                self.commit_wanted = true;
                return false;
            }
            // What is behind the membership in force says nothing about it.
            if first <= self.members.index
                && let Some(entry) = self.log.entry(first)
            {
                self.base.take(&entry);
            }
            self.log.evict();
        }
        true
    }

    /// Appends an entry to the log, and does what it says about the membership: that is in force
    /// from now on (thesis, 4.1).
    fn push(&mut self, term: u64, kind: EntryKind, parts: [&[u8]; 2]) -> Result<()> {
        if self.log.last() >= types::MOST {
            return Err(self.halt(Error::Overflow));
        }
        if !self.make_room(parts[0].len() + parts[1].len(), 0) {
            return Err(Error::Capacity);
        }
        self.log.push(term, kind, parts)?;
        let entry = EntryRef { index: self.log.last(), term, kind, data: parts[0] };
        self.changed.members |= self.members.take(&entry);
        Ok(())
    }

    /// Removes an entry that another leader has replaced, and all behind it, and with them what they
    /// said about the membership.
    fn cut(&mut self, from: u64) {
        self.log.truncate(from);
        if self.members.index < from {
            return;
        }
        self.look_up_members(self.log.last());
        self.members.copy_from(&self.other);
        self.changed.members = true;
    }

    /// Finds the membership as it was at an index, or later if that is too long ago: `other` is that now.
    fn look_up_members(&mut self, index: u64) {
        self.other.copy_from(&self.base);
        for index in self.log.first()..=index.min(self.log.last()) {
            if let Some(entry) = self.log.entry(index) {
                self.other.take(&entry);
            }
        }
    }

    /// Entries up to here are committed; those that are not here are not.
    fn commit_to(&mut self, index: u64) {
        let index = index.min(self.log.last());
        let from = self.commit + 1;
        if index < from {
            return;
        }
        self.commit = index;
        if self.sessions.is_off() {
            return;
        }
        for index in from..=index {
            if let Some((client, sequence)) = self.client_at(index) {
                let new = self.sessions.committed(client, sequence, index);
                if new && self.role == Role::Leader {
                    // It may have appended more by now.
                    (index + 1..=self.log.last()).for_each(|later| self.note_appended(later));
                }
            }
        }
    }

    /// How the node does.
    pub fn status(&self) -> Status {
        let some = |id| (id != 0).then_some(NodeId(id));
        Status {
            id: self.config.id,
            role: self.role,
            term: self.term,
            vote: some(self.vote),
            leader: some(self.leader),
            commit: self.commit,
            applied: self.applied,
            first: self.log.first(),
            last: self.log.last(),
            last_term: self.log.last_term(),
            durable: self.log.stable(),
            snapshot: self.snapshot.0,
            members: self.members.index,
            joint: self.members.is_joint(),
            halted: self.halted,
            records: self.records.given - self.records.durable,
        }
    }

    /// The membership in force.
    pub fn members(&self) -> impl Iterator<Item = MemberStatus> + '_ {
        self.members.status()
    }

    /// How a leader sees the others; nobody if this node does not lead.
    pub fn peers(&self) -> impl Iterator<Item = PeerStatus> + '_ {
        let own = self.config.id;
        self.peers.status().filter(move |peer| peer.id != own)
    }
}
