//! Who is there: SWIM with Lifeguard.
//!
//! Each member probes one other in each period; if it does not answer, others are asked to probe it, too; if they hear
//! nothing either, it is suspected, and dead if it does not object in time. News of that, and of who comes and goes,
//! travel on these messages and on a few of their own. (Das, Gupta, Motivala: "SWIM: Scalable Weakly-consistent
//! Infection-style Process Group Membership Protocol", DSN 2002.) A member that is slow itself probes less often and
//! waits longer, and a suspicion is short only if several members share it. (Dadgar, Phillips, Currey: "Lifeguard:
//! Local Health Awareness for More Accurate Failure Detection", DSN 2018 workshops.)
//!
//! [`Membership`] is a state machine: messages of members whose number is known for sure (by their session's identity)
//! go in ([`receive`](Membership::receive)), and the time ([`poll`](Membership::poll)); what is to be sent and what has
//! changed comes out ([`next`](Membership::next)). What is believed of a member is the greatest of what was heard, by
//! incarnation and then by how bad it is: so it does not matter in which order, how often or by which way news of one
//! that is known come. A member itself makes its incarnation larger: with it, it takes back what others say of it.
//!
//! Members believe each other, as SWIM has it: one that lies can have others suspected or declared dead until they
//! object, keep one that is dead alive, tell other addresses for a while, or name members that there are not. It cannot
//! keep an honest member that others reach from being heard, or take it to the end of its incarnations. Who may take
//! part at all is for sessions and certificates to say.

mod config;
mod hear;
mod message;
mod probe;
mod speak;
mod table;

use core::alloc::Layout;

use rand_core::SeedableRng;
use rand_xoshiro::SplitMix64;

use self::message::Kind;
use self::probe::{Probe, Pull, Relay};
use self::table::{NONE, Table};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::node::random::below;
use crate::port::{Address, Allocator};

pub use self::config::{MOST_FANOUT, MOST_MEMBERS, MOST_META, MembershipConfig};

/// Messages that wait to be sent; what comes to more is not said.
const FRAMES: usize = 32;
/// Probes for others that are under way at once.
const RELAYS: usize = 16;

/// How a member stands, as far as is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Standing {
    /// It takes part.
    Alive = 0,
    /// It takes part, but somebody does not hear of it.
    Suspect = 1,
    /// It did not object to that in time.
    Dead = 2,
    /// It said that it goes.
    Left = 3,
}

/// What is known of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its number.
    pub id: u64,
    /// How often it has objected, changed or begun anew, at least.
    pub incarnation: u64,
    /// How it stands.
    pub standing: Standing,
    /// Since when, by the caller's clock here, in microseconds.
    pub since_us: u64,
    /// Where it says that it is to be reached.
    pub address: Address,
    /// What it says of itself.
    pub meta: &'a [u8],
}

/// What has happened to a member. Changes that were not asked for in time are told as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It takes part, and did not before.
    Joined,
    /// Its address, or what it says of itself, is another.
    Said,
    /// It is suspected.
    Suspected,
    /// It is not suspected any more.
    Cleared,
    /// It is dead.
    Died,
    /// It has left.
    Left,
}

/// What is to be done, or has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send the first `len` bytes of the buffer to this member.
    Message {
        /// Its number. Somebody may have named it who lies: if there is no such member, nothing is sent.
        to: u64,
        /// How many bytes.
        len: usize,
    },
    /// Something has happened to a member.
    Changed {
        /// Its number.
        id: u64,
        /// What.
        change: Change,
    },
    /// The member that was given to [`join`](Membership::join) has told all that it knows.
    Joined {
        /// Its number.
        with: u64,
    },
    /// It does not answer.
    Unanswered {
        /// Its number.
        with: u64,
    },
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MembershipStats {
    /// Messages received that were sound.
    pub received: u64,
    /// Messages made.
    pub sent: u64,
    /// Messages not made, because too many were waiting; and probes for others that there was no room for.
    pub dropped: u64,
    /// Rumours that leap too far, or of members that say more than there is room for.
    pub refused: u64,
    /// Members that there was no room for.
    pub full: u64,
    /// Probes begun.
    pub probes: u64,
    /// Probes that nobody answered.
    pub failed: u64,
    /// Times that somebody said of this member that it does not answer.
    pub refuted: u64,
    /// Members that this one has declared dead.
    pub buried: u64,
    /// Times that this member was woken up so late that it could not tell who was slow.
    pub stalled: u64,
}

/// A member of a swarm, as to who else is one.
pub struct Membership<'m> {
    table: Table<'m>,
    /// Who is probed in this round, in an order by chance: places.
    ring: Carved<'m, u16>,
    ring_len: usize,
    ring_at: usize,
    /// Those of whom something is to be told: a ring of places.
    due: Carved<'m, u16>,
    due_first: usize,
    due_len: usize,
    frames: heapless::Deque<Frame, FRAMES>,
    relays: heapless::Vec<Relay, RELAYS>,
    probe: Option<Probe>,
    pull: Option<Pull>,
    /// What came of the last `join`.
    joined: Option<Output>,
    /// This member's place.
    own: u16,
    /// How much slower it is than it should be.
    health: u32,
    seq: u32,
    now: u64,
    wake: u64,
    period_at: u64,
    gossip_at: u64,
    sync_at: u64,
    /// When some suspicion ends, at the earliest.
    suspect_at: u64,
    /// Whether the next comparison is with somebody who is believed dead.
    sync_dead: bool,
    random: SplitMix64,
    settings: MembershipConfig<'static>,
    stats: MembershipStats,
    _piece: Piece<'m>,
}

/// A message to be made when it is asked for.
#[derive(Clone, Copy)]
struct Frame {
    to: u64,
    kind: Kind,
}

type Tables<'m> = (Table<'m>, Carved<'m, u16>, Carved<'m, u16>);

fn carve<'m>(config: &MembershipConfig<'_>, carver: &mut Carver<'m>) -> Result<Tables<'m>> {
    config.check()?;
    let table = Table::carve(carver, config)?;
    Ok((table, carver.take(config.members, NONE)?, carver.take(config.members, NONE)?))
}

impl<'m> Membership<'m> {
    /// The memory that it takes.
    ///
    /// [`Error::Invalid`] for a setting outside its range.
    pub fn footprint(config: &MembershipConfig<'_>) -> Result<Layout> {
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// A member that knows nobody else.
    ///
    /// [`Error::Invalid`] for a setting outside its range, [`Error::OutOfMemory`].
    pub fn new(
        config: &MembershipConfig<'_>,
        allocator: impl Allocator<'m>,
        now: u64,
    ) -> Result<Membership<'m>> {
        Self::in_piece(config, allocator.allocate(Self::footprint(config)?)?, now)
    }

    pub(crate) fn in_piece(
        config: &MembershipConfig<'_>,
        mut piece: Piece<'m>,
        now: u64,
    ) -> Result<Membership<'m>> {
        let layout = Self::footprint(config)?;
        let (mut table, ring, due) = carve(config, &mut piece.carver(layout)?)?;
        let own = table.insert(config.id, now).ok_or(Error::Capacity)?;
        table.set_said(own, config.address, config.meta);
        table.set_news(own);
        let entry = table.get_mut(own);
        (entry.incarnation, entry.told) = (config.incarnation, Some(Standing::Alive));
        let mut random = SplitMix64::seed_from_u64(config.seed ^ config.id.rotate_left(32) ^ now);
        // Not all at once, where all were begun at once.
        let mut within = |us| now.saturating_add(below(&mut random, us));
        Ok(Membership {
            period_at: within(config.period_us),
            gossip_at: within(config.gossip_us),
            sync_at: within(config.sync_us),
            table,
            ring,
            ring_len: 0,
            ring_at: 0,
            due,
            due_first: 0,
            due_len: 0,
            frames: heapless::Deque::new(),
            relays: heapless::Vec::new(),
            probe: None,
            pull: None,
            joined: None,
            own,
            health: 0,
            seq: 0,
            now,
            wake: u64::MAX,
            suspect_at: u64::MAX,
            sync_dead: false,
            random,
            settings: MembershipConfig { meta: &[], ..config.clone() },
            stats: MembershipStats::default(),
            _piece: piece,
        })
    }

    /// Asks a member for all that it knows, and tells it of this one; how that ends,
    /// [`Output::Joined`] or [`Output::Unanswered`] say. What is asked for already is forgotten.
    ///
    /// [`Error::NodePeer`] if that is nobody else's number.
    pub fn join(&mut self, with: u64, now: u64) -> Result<()> {
        self.check_peer(with)?;
        self.tick(now);
        self.start_pull(with, true, true);
        self.set_wake();
        Ok(())
    }

    fn check_peer(&self, id: u64) -> Result<()> {
        let other = id != self.settings.id && id != message::NOBODY;
        if other { Ok(()) } else { Err(Error::NodePeer) }
    }

    /// Says that this member goes. It probes nobody from now on, and does not come back;
    /// [`has_left`](Self::has_left) tells when enough others were told.
    pub fn leave(&mut self, now: u64) {
        self.tick(now);
        if self.own_entry().standing != Standing::Left {
            self.table.set_standing(self.own, Standing::Left, self.now);
            self.table.set_news(self.own);
            self.probe = None;
            self.end_pull();
        }
        self.set_wake();
    }

    /// Whether it has left, and has said so as often as news are told.
    pub fn has_left(&self) -> bool {
        let alone = self.table.part() == 0;
        self.own_entry().standing == Standing::Left
            && (alone || !self.table.is_news(self.own, self.limit()))
    }

    /// What this member says of itself from now on.
    ///
    /// [`Error::Length`] if it is longer than the configuration says.
    pub fn set_said(&mut self, address: &Address, meta: &[u8], now: u64) -> Result<()> {
        if meta.len() > self.settings.most_meta {
            return Err(Error::Length);
        }
        self.tick(now);
        self.table.set_said(self.own, *address, meta);
        self.renew(self.own_entry().incarnation);
        self.set_wake();
        Ok(())
    }

    /// What is known of a member; of this one, too.
    pub fn member(&self, id: u64) -> Option<Member<'_>> {
        self.table.find(id).map(|place| self.member_at(place))
    }

    /// All that are known, by rising numbers: those that are gone, too, and this one.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Member<'_>> {
        self.table.places().iter().map(|place| self.member_at(*place))
    }

    fn member_at(&self, place: u16) -> Member<'_> {
        let entry = self.table.get(place);
        Member {
            id: entry.id,
            incarnation: entry.incarnation,
            standing: entry.standing,
            since_us: entry.since,
            address: entry.address,
            meta: self.table.meta(place),
        }
    }

    /// How many take part, as far as is known: those that are alive or suspected, and this one.
    pub fn count(&self) -> usize {
        self.table.part()
    }

    /// The number of this member.
    pub fn id(&self) -> u64 {
        self.settings.id
    }

    /// How much slower than its settings this member is at the moment, since it seems to be slow itself: 0 is healthy,
    /// at 1 its periods and time-outs are twice as long, and so on. Lifeguard's local health multiplier.
    pub fn health(&self) -> u32 {
        self.health
    }

    /// What was counted.
    pub fn stats(&self) -> &MembershipStats {
        &self.stats
    }

    /// When to call [`poll`](Self::poll) at the latest, in microseconds; `u64::MAX`: when there is something else to
    /// do.
    pub fn wake_at(&self) -> u64 {
        self.wake
    }

    /// Time passes. Ask [`next`](Self::next) afterwards.
    pub fn poll(&mut self, now: u64) {
        self.tick(now);
        self.set_wake();
    }

    fn own_entry(&self) -> &table::Entry {
        self.table.get(self.own)
    }

    /// A new incarnation, larger than one that was heard of: what others say is taken back with it.
    fn renew(&mut self, above: u64) {
        let entry = self.table.get_mut(self.own);
        entry.incarnation = entry.incarnation.max(above).saturating_add(1).min(message::END - 1);
        self.table.set_news(self.own);
    }

    /// How often a piece of news is told.
    fn limit(&self) -> usize {
        let digits = 1 + self.table.part().max(1).ilog10();
        (self.settings.retransmit * digits) as usize
    }

    /// Whether there was room for it.
    fn push(&mut self, to: u64, kind: Kind) -> bool {
        let done = self.frames.push_back(Frame { to, kind }).is_ok();
        self.stats.dropped += u64::from(!done);
        done
    }

    /// The caller is to be told of this member.
    fn notify(&mut self, place: u16) {
        let room = self.due.len();
        let entry = self.table.get_mut(place);
        if place == self.own || entry.due || self.due_len >= room {
            return;
        }
        entry.due = true;
        let at = (self.due_first + self.due_len) % room;
        if let Some(free) = self.due.get_mut(at) {
            *free = place;
            self.due_len += 1;
        }
    }
}
