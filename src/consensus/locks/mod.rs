//! Locks with leases and fencing tokens, and barriers: what a log says, applied.
//!
//! Members that agree on a log (by [`Raft`](super::Raft)) each apply it to [`Locks`] of their own, in its order; all of
//! them then say the same of who holds what. A **session** holds locks and waits for them, as long as it is heard of:
//! with its time to live (its lease) over, the member that leads proposes its end, and what it held goes to the next in
//! line. So a lock named after a role makes one member at a time the leader of that role.
//!
//! Each grant of a lock has a **token**, larger than all before of that lock: the index of the entry that brought it. A
//! session whose time is over may not know it yet (it may have stood still); what a lock guards must therefore refuse
//! tokens lower than the highest that it has seen of this lock, and forget that one if the log begins anew. (Burrows: "The Chubby lock service for loosely-coupled distributed systems", OSDI 2006,
//! §2.4: sequencers. Kleppmann: "How to do distributed locking", 2016.)
//!
//! Time is not in the log: each member measures by its own clock from when it has applied a session's last step, and
//! the member that leads, which is asked by [`Locks::expired`], only proposes. The end holds if the session has done
//! nothing since. (As in etcd's leases. Gray, Cheriton: "Leases: an efficient fault-tolerant mechanism for distributed
//! file cache consistency", SOSP 1989.) A holder may count on a lease until its time to live after it *first proposed*
//! the last step of its session that was applied and not [`LockOutcome::Old`] or [`LockOutcome::NoSession`], less what
//! clocks differ.
//!
//! The log is the caller's: entries of locks are marked there as such, if it has others, and a member that finds one that
//! it cannot read ([`Error::LockFormat`]: of a later version, say) does not go on without it.
//!
//! ```
//! use neural_swarm::consensus::locks::{LockAction, LockEntry, LockOutcome, Locks, LocksConfig, MOST_LOCK_ENTRY};
//! use neural_swarm::port::Heap;
//!
//! let mut locks = Locks::new(&LocksConfig::default(), Heap)?;
//! let (mut log, mut entry) = (1.., [0; MOST_LOCK_ENTRY]);
//! let mut step = |locks: &mut Locks<'_>, session, life, number, action| {
//!     let len = LockEntry { session, life, number, action }.encode(&mut entry)?;
//!     // Here it would be proposed, and applied when it is committed.
//!     locks.apply(log.next().unwrap(), &entry[..len], 0)
//! };
//! let want = LockAction::Acquire { name: b"gripper", wait: true };
//! let open = LockAction::Open { ttl_us: 5_000_000 };
//! assert_eq!(step(&mut locks, 7, 0, 1, open)?, LockOutcome::Opened { life: 1 });
//! assert_eq!(step(&mut locks, 8, 0, 1, open)?, LockOutcome::Opened { life: 2 });
//! assert_eq!(step(&mut locks, 7, 1, 2, want)?, LockOutcome::Granted { token: 3 });
//! assert_eq!(step(&mut locks, 8, 2, 2, want)?, LockOutcome::Waiting { ahead: 1 });
//! step(&mut locks, 7, 1, 3, LockAction::Close)?;
//! let holder = locks.holder(b"gripper").unwrap();
//! assert_eq!((holder.session, holder.token), (8, 5));
//! # Ok::<(), neural_swarm::Error>(())
//! ```

mod entry;
mod saved;

use core::alloc::Layout;

pub use self::entry::{
    LEAST_TTL_US, LockAction, LockEntry, MOST_LOCK_ENTRY, MOST_LOCK_NAME, MOST_TTL_US,
};

use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

/// A session whose time is over is told again after so many microseconds, if not sooner.
const AGAIN_US: u64 = 1_000_000;

/// Settings of [`Locks`]: the same at all members, and for as long as there is the log, for what has no room is refused by
/// all alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocksConfig {
    /// The most sessions at a time, 1 to 65,535.
    pub sessions: usize,
    /// The most claims at a time, 1 to 65,535: each lock that a session holds or waits for is one, each barrier at which
    /// it waits, too.
    pub claims: usize,
    /// The most bytes of a name, 1 to [`MOST_LOCK_NAME`].
    pub name: usize,
}

impl Default for LocksConfig {
    /// 16 sessions, 32 claims, names of 32 bytes.
    fn default() -> LocksConfig {
        LocksConfig { sessions: 16, claims: 32, name: 32 }
    }
}

impl LocksConfig {
    /// Whether so many can come to a barrier.
    fn has_room(&self, parties: u16) -> bool {
        usize::from(parties) <= self.sessions.min(self.claims + 1)
    }

    fn check(&self) -> Result<()> {
        let count = 1..=65_535;
        let good = count.contains(&self.sessions)
            && count.contains(&self.claims)
            && (1..=MOST_LOCK_NAME).contains(&self.name);
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// What an entry did: the same at all members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockOutcome {
    /// The session began.
    Opened {
        /// To be named by all its steps: the index of the entry.
        life: u64,
    },
    /// The session went on, ended, gave back, or waits no longer.
    Done,
    /// The session holds the lock.
    Granted {
        /// To show to what the lock guards.
        token: u64,
    },
    /// The session waits for the lock, and gets it when those before it have given it back.
    Waiting {
        /// So many are before it, with the holder.
        ahead: usize,
    },
    /// Another session holds the lock, and this one did not want to wait.
    Held {
        /// The session that holds it.
        session: u64,
        /// Its token.
        token: u64,
    },
    /// The session waits at the barrier.
    Arrived {
        /// So many are still to come.
        missing: usize,
    },
    /// The session was the last for which the others waited: the barrier was open, and is closed again. The others have
    /// no claim any more; they see it by this entry.
    Passed,
    /// The session has done this, or a later step, already; or its end was proposed before it did another. Nothing was
    /// changed.
    Old,
    /// There is no such session, or not in this life (any more). Nothing was changed.
    NoSession,
    /// The session does not hold the lock with this token, nor wait for it, or at the barrier. Nothing was changed but
    /// the session's time and number.
    NotHeld,
    /// There is no room for another session or claim, for so many parties, or for so long a name. Nothing was changed
    /// but the session's time and number.
    Full,
    /// Those that wait at the barrier have named another number of parties. Nothing was changed but the session's time
    /// and number.
    Mismatch,
}

/// A session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockSession {
    /// Its number.
    pub session: u64,
    /// The index of the entry that opened it.
    pub life: u64,
    /// The number of its last step.
    pub number: u64,
    /// So long it lives without another, in microseconds.
    pub ttl_us: u64,
}

/// A lock that a session holds or waits for, or a barrier at which it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// Of the lock or barrier.
    pub name: &'a [u8],
    /// Whose it is.
    pub session: u64,
    /// The index of the entry that made it.
    pub since: u64,
    /// The index of the entry that granted the lock; 0 for one that waits, and at barriers.
    pub token: u64,
    /// So many open the barrier; 0 for a lock.
    pub parties: u16,
}

#[derive(Clone, Copy)]
struct Session {
    about: LockSession,
    /// By this member's clock; later again once its end was proposed.
    deadline: u64,
}

/// A claim but for its name.
#[derive(Clone, Copy)]
struct Held {
    session: u64,
    since: u64,
    token: u64,
    parties: u16,
    len: u8,
}

/// Locks and barriers as the log has them so far: a state machine. Steps take time that grows with the number of claims,
/// the end of a session that has many, and [`load`](Locks::load), with its square.
pub struct Locks<'m> {
    config: LocksConfig,
    /// The first so many, by their numbers.
    sessions: Carved<'m, Session>,
    sessions_len: usize,
    /// The first so many, by when they were made: the first for a lock is its holder's.
    claims: Carved<'m, Held>,
    claims_len: usize,
    /// The name of each.
    names: Carved<'m, u8>,
    last: u64,
    _piece: Piece<'m>,
}

type Tables<'m> = (Carved<'m, Session>, Carved<'m, Held>, Carved<'m, u8>);

fn carve<'m>(config: &LocksConfig, carver: &mut Carver<'m>) -> Result<Tables<'m>> {
    config.check()?;
    let nobody =
        Session { about: LockSession { session: 0, life: 0, number: 0, ttl_us: 0 }, deadline: 0 };
    let nothing = Held { session: 0, since: 0, token: 0, parties: 0, len: 0 };
    Ok((
        carver.take(config.sessions, nobody)?,
        carver.take(config.claims, nothing)?,
        carver.take(config.claims * config.name, 0)?,
    ))
}

impl<'m> Locks<'m> {
    /// The memory that it takes.
    ///
    /// [`Error::Invalid`] for a setting outside its range.
    pub fn footprint(config: &LocksConfig) -> Result<Layout> {
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// Nobody has anything; the log begins.
    ///
    /// [`Error::Invalid`] for a setting outside its range, [`Error::OutOfMemory`].
    pub fn new(config: &LocksConfig, allocator: impl Allocator<'m>) -> Result<Locks<'m>> {
        Self::in_piece(config, allocator.allocate(Self::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &LocksConfig, mut piece: Piece<'m>) -> Result<Locks<'m>> {
        let layout = Self::footprint(config)?;
        let (sessions, claims, names) = carve(config, &mut piece.carver(layout)?)?;
        let config = *config;
        Ok(Locks {
            config,
            sessions,
            sessions_len: 0,
            claims,
            claims_len: 0,
            names,
            last: 0,
            _piece: piece,
        })
    }

    /// Its settings.
    pub const fn config(&self) -> &LocksConfig {
        &self.config
    }

    /// The index of the last entry that was applied; 0: none.
    pub const fn applied(&self) -> u64 {
        self.last
    }

    /// The sessions, by their numbers.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = LockSession> + '_ {
        self.live().iter().map(|session| session.about)
    }

    /// All claims, in the order in which they were made. After an entry was applied, those whose
    /// [`token`](Claim::token) is its index are the locks that it brought to somebody.
    pub fn claims(&self) -> impl ExactSizeIterator<Item = Claim<'_>> + '_ {
        let claims = self.claims.get(..self.claims_len).unwrap_or_default();
        let named = claims.iter().zip(self.names.chunks(self.config.name));
        named.map(|(held, name)| Claim {
            name: name.get(..held.len.into()).unwrap_or_default(),
            session: held.session,
            since: held.since,
            token: held.token,
            parties: held.parties,
        })
    }

    /// Who holds a lock.
    pub fn holder(&self, name: &[u8]) -> Option<Claim<'_>> {
        self.claims().find(|claim| claim.parties == 0 && claim.name == name)
    }

    /// The next entry of the log: what it did. It is applied once and in its order by all members, whoever proposed it.
    /// `now` is this member's clock, in microseconds, which never goes back.
    ///
    /// [`Error::Invalid`] for an index that is not larger than the last, or `u64::MAX`, [`Error::LockFormat`] for an entry that is
    /// none of locks; nothing was changed then.
    pub fn apply(&mut self, index: u64, entry: &[u8], now: u64) -> Result<LockOutcome> {
        if index <= self.last || index == u64::MAX {
            return Err(Error::Invalid);
        }
        let entry = LockEntry::decode(entry)?;
        self.last = index;
        Ok(self.step(index, &entry, now))
    }

    fn step(&mut self, index: u64, entry: &LockEntry<'_>, now: u64) -> LockOutcome {
        let (id, number) = (entry.session, entry.number);
        if let LockAction::Open { ttl_us } = entry.action {
            return self.open(LockSession { session: id, life: index, number, ttl_us }, now);
        }
        let known = self.session_mut(id).filter(|session| session.about.life == entry.life);
        let Some(session) = known else { return LockOutcome::NoSession };
        if entry.action == LockAction::Expire {
            if session.about.number != entry.number {
                return LockOutcome::Old;
            }
            self.end(id, index);
            return LockOutcome::Done;
        }
        if session.about.number >= entry.number {
            return LockOutcome::Old;
        }
        session.about.number = entry.number;
        session.deadline = now.saturating_add(session.about.ttl_us);
        match entry.action {
            LockAction::Open { .. } | LockAction::Renew | LockAction::Expire => LockOutcome::Done,
            LockAction::Close => {
                self.end(id, index);
                LockOutcome::Done
            }
            LockAction::Acquire { name, wait } => self.acquire(index, id, name, wait),
            LockAction::Release { name, token } => {
                let this = |held: u64| token == 0 || held == token;
                let which = |claim: &Claim<'_>| claim.parties == 0 && this(claim.token);
                self.give_back(index, id, name, which)
            }
            LockAction::Arrive { name, parties } => self.arrive(index, id, name, parties),
            LockAction::Withdraw { name } => self.give_back(index, id, name, |c| c.parties > 0),
        }
    }

    fn open(&mut self, about: LockSession, now: u64) -> LockOutcome {
        if let Some(before) = self.session_mut(about.session) {
            if before.about.number >= about.number {
                return LockOutcome::Old;
            }
            self.end(about.session, about.life);
        }
        let at = self.live().partition_point(|other| other.about.session < about.session);
        if self.sessions_len == self.config.sessions {
            return LockOutcome::Full;
        }
        self.sessions_len += 1;
        let behind = self.sessions.get_mut(at..self.sessions_len).unwrap_or_default();
        behind.rotate_right(1);
        if let Some(place) = behind.first_mut() {
            *place = Session { about, deadline: now.saturating_add(about.ttl_us) };
        }
        LockOutcome::Opened { life: about.life }
    }

    fn acquire(&mut self, index: u64, session: u64, name: &[u8], wait: bool) -> LockOutcome {
        let mut line = self.claims().filter(|claim| claim.parties == 0 && claim.name == name);
        let holder = line.next();
        if let Some(holder) = holder.filter(|holder| holder.session == session) {
            return LockOutcome::Granted { token: holder.token };
        }
        let mut ahead = usize::from(holder.is_some());
        for waiting in line {
            if waiting.session == session {
                return LockOutcome::Waiting { ahead };
            }
            ahead += 1;
        }
        if let Some(Claim { session, token, .. }) = holder.filter(|_| !wait) {
            return LockOutcome::Held { session, token };
        }
        let token = if holder.is_none() { index } else { 0 };
        if !self.claim(name, Held { session, since: index, token, parties: 0, len: 0 }) {
            return LockOutcome::Full;
        }
        if token > 0 { LockOutcome::Granted { token } } else { LockOutcome::Waiting { ahead } }
    }

    fn arrive(&mut self, index: u64, session: u64, name: &[u8], parties: u16) -> LockOutcome {
        let mut there = 0;
        let mut known = false;
        for claim in self.claims().filter(|claim| claim.parties > 0 && claim.name == name) {
            if claim.parties != parties {
                return LockOutcome::Mismatch;
            }
            there += 1;
            known |= claim.session == session;
        }
        let all = usize::from(parties);
        if !self.config.has_room(parties) || name.len() > self.config.name {
            return LockOutcome::Full;
        }
        if !known && there + 1 == all {
            // They go on together.
            while self.drop_claim(|claim| claim.parties > 0 && claim.name == name) {}
            return LockOutcome::Passed;
        }
        if !known && !self.claim(name, Held { session, since: index, token: 0, parties, len: 0 }) {
            return LockOutcome::Full;
        }
        LockOutcome::Arrived { missing: all - there - usize::from(!known) }
    }

    fn give_back(
        &mut self,
        index: u64,
        session: u64,
        name: &[u8],
        which: impl Fn(&Claim<'_>) -> bool,
    ) -> LockOutcome {
        if self.drop_claim(|claim| claim.session == session && claim.name == name && which(claim)) {
            self.grant(index, name);
            LockOutcome::Done
        } else {
            LockOutcome::NotHeld
        }
    }

    /// A session is over: what it held goes to the next.
    fn end(&mut self, id: u64, index: u64) {
        let at = self.live().partition_point(|other| other.about.session < id);
        if let Some(behind) = self.sessions.get_mut(at..self.sessions_len) {
            behind.rotate_left(1);
            self.sessions_len -= 1;
        }
        let mut name = [0; MOST_LOCK_NAME];
        loop {
            let claim = self.claims().find(|claim| claim.session == id);
            let Some(Claim { name: of, .. }) = claim else { return };
            let len = of.len();
            let Some(copy) = name.get_mut(..len) else { return };
            copy.copy_from_slice(of);
            self.drop_claim(|claim| claim.session == id);
            self.grant(index, name.get(..len).unwrap_or_default());
        }
    }

    /// The first in line holds the lock.
    fn grant(&mut self, index: u64, name: &[u8]) {
        let first = self.claims().position(|claim| claim.parties == 0 && claim.name == name);
        let first = first.and_then(|first| self.claims.get_mut(first));
        if let Some(held) = first.filter(|held| held.token == 0) {
            held.token = index;
        }
    }

    /// Whether there was room.
    fn claim(&mut self, name: &[u8], held: Held) -> bool {
        let start = self.claims_len * self.config.name;
        let room = self.names.get_mut(start..start + self.config.name);
        let room = room.and_then(|room| room.get_mut(..name.len()));
        let (Some(room), Some(place)) = (room, self.claims.get_mut(self.claims_len)) else {
            return false;
        };
        room.copy_from_slice(name);
        *place = Held { len: name.len() as u8, ..held };
        self.claims_len += 1;
        true
    }

    /// Whether there was one: the first of them is gone.
    fn drop_claim(&mut self, which: impl Fn(&Claim<'_>) -> bool) -> bool {
        let Some(at) = self.claims().position(|claim| which(&claim)) else { return false };
        let (end, name) = (self.claims_len, self.config.name);
        if let Some(behind) = self.claims.get_mut(at..end) {
            behind.rotate_left(1);
        }
        if let Some(behind) = self.names.get_mut(at * name..end * name) {
            behind.rotate_left(name);
        }
        self.claims_len -= 1;
        true
    }

    fn live(&self) -> &[Session] {
        self.sessions.get(..self.sessions_len).unwrap_or_default()
    }

    fn session_mut(&mut self, id: u64) -> Option<&mut Session> {
        let at = self.live().binary_search_by_key(&id, |session| session.about.session).ok()?;
        self.sessions.get_mut(at)
    }

    // ---- Time, at this member alone ------------------------------------------------------------

    /// A session whose time is over: for the member that leads, to propose its end, and to ask for the next. It is told
    /// again after another such time, but a second at most, if it is still there then: so nothing is lost when it could
    /// not be proposed. None if there is none.
    pub fn expired(&mut self, now: u64) -> Option<LockEntry<'static>> {
        let live = self.sessions.get_mut(..self.sessions_len).unwrap_or_default();
        let over = |session: &&mut Session| session.deadline <= now && session.deadline < u64::MAX;
        let session = live.iter_mut().find(over)?;
        session.deadline = now.saturating_add(session.about.ttl_us.min(AGAIN_US));
        let LockSession { session, life, number, .. } = session.about;
        Some(LockEntry { session, life, number, action: LockAction::Expire })
    }

    /// When to ask [`expired`](Self::expired), in microseconds; `u64::MAX`: there is no session.
    pub fn wake_at(&self) -> u64 {
        self.live().iter().map(|session| session.deadline).min().unwrap_or(u64::MAX)
    }

    /// Gives all sessions their whole time: for a member that begins to lead, since nobody could be heard of while none
    /// did.
    pub fn renew_all(&mut self, now: u64) {
        for session in self.sessions.get_mut(..self.sessions_len).unwrap_or_default() {
            session.deadline = now.saturating_add(session.about.ttl_us);
        }
    }
}
