//! Locks, leases and barriers beside a model, and what they refuse.

use std::collections::BTreeMap;

use neural_swarm::Error;
use neural_swarm::consensus::locks::{
    LEAST_TTL_US, LockAction, LockEntry, LockOutcome, Locks, LocksConfig, MOST_LOCK_ENTRY,
    MOST_LOCK_NAME, MOST_TTL_US,
};
use neural_swarm::port::{Arena, Heap};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

const SECOND: u64 = 1_000_000;

fn bytes(entry: &LockEntry<'_>) -> Vec<u8> {
    let mut out = [0; MOST_LOCK_ENTRY];
    let len = entry.encode(&mut out).unwrap();
    out[..len].to_vec()
}

fn saved(locks: &Locks<'_>) -> Vec<u8> {
    let mut out = vec![0; locks.saved_len()];
    assert_eq!(locks.save(&mut out).unwrap(), out.len());
    out
}

/// A log of one member, applied at once.
struct Log {
    locks: Locks<'static>,
    index: u64,
    now: u64,
    /// Of each session, the last.
    lives: BTreeMap<u64, u64>,
}

impl Log {
    fn new(config: LocksConfig) -> Log {
        let locks = Locks::new(&config, Heap).unwrap();
        Log { locks, index: 0, now: 0, lives: BTreeMap::new() }
    }

    fn apply(&mut self, entry: &LockEntry<'_>) -> LockOutcome {
        self.index += 1;
        let outcome = self.locks.apply(self.index, &bytes(entry), self.now).unwrap();
        if let LockOutcome::Opened { life } = outcome {
            self.lives.insert(entry.session, life);
        }
        outcome
    }

    fn life(&self, session: u64, action: &LockAction<'_>) -> u64 {
        let opens = matches!(action, LockAction::Open { .. });
        if opens { 0 } else { self.lives.get(&session).copied().unwrap_or(1) }
    }

    fn step(&mut self, session: u64, number: u64, action: LockAction<'_>) -> LockOutcome {
        self.apply(&LockEntry { session, life: self.life(session, &action), number, action })
    }

    fn holder(&self, name: &[u8]) -> Option<(u64, u64)> {
        self.locks.holder(name).map(|claim| (claim.session, claim.token))
    }
}

fn open(seconds: u64) -> LockAction<'static> {
    LockAction::Open { ttl_us: seconds * SECOND }
}

fn want(name: &[u8]) -> LockAction<'_> {
    LockAction::Acquire { name, wait: true }
}

// ---- Beside a model --------------------------------------------------------------------------

/// Parties; session and since of those that wait.
type Barrier = (u16, Vec<(u64, u64)>);

/// The same by other means: lines by name, and no time.
#[derive(Default)]
struct Model {
    /// Life and number of each.
    sessions: BTreeMap<u64, (u64, u64)>,
    /// Session, since, token.
    locks: BTreeMap<Vec<u8>, Vec<(u64, u64, u64)>>,
    barriers: BTreeMap<Vec<u8>, Barrier>,
}

impl Model {
    fn claims(&self) -> usize {
        let locks: usize = self.locks.values().map(Vec::len).sum();
        locks + self.barriers.values().map(|(_, there)| there.len()).sum::<usize>()
    }

    fn end(&mut self, id: u64, index: u64) {
        self.sessions.remove(&id);
        for line in self.locks.values_mut() {
            line.retain(|(session, ..)| *session != id);
            if let Some(first) = line.first_mut().filter(|first| first.2 == 0) {
                first.2 = index;
            }
        }
        for (_, there) in self.barriers.values_mut() {
            there.retain(|(session, _)| *session != id);
        }
        self.tidy();
    }

    fn tidy(&mut self) {
        self.locks.retain(|_, line| !line.is_empty());
        self.barriers.retain(|_, (_, there)| !there.is_empty());
    }

    fn apply(&mut self, index: u64, entry: &LockEntry<'_>, config: &LocksConfig) -> LockOutcome {
        let id = entry.session;
        if matches!(entry.action, LockAction::Open { .. }) {
            if self.sessions.get(&id).is_some_and(|(_, number)| *number >= entry.number) {
                return LockOutcome::Old;
            }
            self.end(id, index);
            if self.sessions.len() == config.sessions {
                return LockOutcome::Full;
            }
            self.sessions.insert(id, (index, entry.number));
            return LockOutcome::Opened { life: index };
        }
        let full = self.claims() == config.claims;
        let Some((_, number)) = self.sessions.get_mut(&id).filter(|known| known.0 == entry.life)
        else {
            return LockOutcome::NoSession;
        };
        if entry.action == LockAction::Expire {
            if *number != entry.number {
                return LockOutcome::Old;
            }
            self.end(id, index);
            return LockOutcome::Done;
        }
        if entry.number <= *number {
            return LockOutcome::Old;
        }
        *number = entry.number;
        match entry.action {
            LockAction::Open { .. } | LockAction::Renew | LockAction::Expire => LockOutcome::Done,
            LockAction::Close => {
                self.end(id, index);
                LockOutcome::Done
            }
            LockAction::Acquire { name, wait } => {
                let line = self.locks.entry(name.to_vec()).or_default();
                let at = line.iter().position(|(session, ..)| *session == id);
                let outcome = match (at, line.first()) {
                    (Some(0), Some(first)) => LockOutcome::Granted { token: first.2 },
                    (Some(at), _) => LockOutcome::Waiting { ahead: at },
                    (None, Some((session, _, token))) if !wait => {
                        LockOutcome::Held { session: *session, token: *token }
                    }
                    (None, _) if full || name.len() > config.name => LockOutcome::Full,
                    (None, None) => {
                        line.push((id, index, index));
                        LockOutcome::Granted { token: index }
                    }
                    (None, Some(_)) => {
                        line.push((id, index, 0));
                        LockOutcome::Waiting { ahead: line.len() - 1 }
                    }
                };
                self.tidy();
                outcome
            }
            LockAction::Release { name, token } => {
                let Some(line) = self.locks.get_mut(name) else { return LockOutcome::NotHeld };
                let before = line.len();
                line.retain(|claim| claim.0 != id || (token != 0 && claim.2 != token));
                let after = line.len();
                if let Some(first) = line.first_mut().filter(|first| first.2 == 0) {
                    first.2 = index;
                }
                self.tidy();
                if before == after { LockOutcome::NotHeld } else { LockOutcome::Done }
            }
            LockAction::Arrive { name, parties } => {
                let (asked, there) =
                    self.barriers.entry(name.to_vec()).or_insert((parties, vec![]));
                let known = there.iter().any(|(session, _)| *session == id);
                let outcome = if *asked != parties {
                    LockOutcome::Mismatch
                } else if usize::from(parties) > config.sessions || name.len() > config.name {
                    LockOutcome::Full
                } else if !known && there.len() + 1 == usize::from(parties) {
                    there.clear();
                    LockOutcome::Passed
                } else if !known && full {
                    LockOutcome::Full
                } else {
                    if !known {
                        there.push((id, index));
                    }
                    LockOutcome::Arrived { missing: usize::from(parties) - there.len() }
                };
                self.tidy();
                outcome
            }
            LockAction::Withdraw { name } => {
                let Some((_, there)) = self.barriers.get_mut(name) else {
                    return LockOutcome::NotHeld;
                };
                let before = there.len();
                there.retain(|(session, _)| *session != id);
                let gone = before != there.len();
                self.tidy();
                if gone { LockOutcome::Done } else { LockOutcome::NotHeld }
            }
        }
    }

    /// As [`Locks::claims`] tells them.
    fn list(&self) -> Vec<(u64, Vec<u8>, u64, u64, u16)> {
        let mut all = Vec::new();
        for (name, line) in &self.locks {
            all.extend(line.iter().map(|(s, since, token)| (*since, name.clone(), *s, *token, 0)));
        }
        for (name, (parties, there)) in &self.barriers {
            all.extend(there.iter().map(|(s, since)| (*since, name.clone(), *s, 0, *parties)));
        }
        all.sort();
        all
    }
}

#[test]
fn any_log_does_what_the_model_does_at_every_member_and_after_any_snapshot() {
    const NAMES: [&[u8]; 4] = [b"a", b"b", b"long-name", b"longer-name"];
    let config = LocksConfig { sessions: 5, claims: 9, name: 9 };
    for seed in 0..200 {
        let mut random = SplitMix64::seed_from_u64(seed);
        let mut below = |end: u64| random.next_u64() % end;
        let (mut log, mut other) = (Log::new(config), Locks::new(&config, Heap).unwrap());
        let (mut model, mut numbers) = (Model::default(), [0u64; 6]);
        let mut tokens: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for _ in 0..300 {
            let session = below(6);
            let known = &mut numbers[session as usize];
            // Now and then one is proposed again, or comes late.
            let number = if below(8) == 0 { (*known).max(1) } else { *known + 1 + below(2) };
            *known = number.max(*known);
            let name = NAMES[below(4) as usize];
            let token = log.locks.claims().find(|claim| claim.session == session);
            let token = token.map_or(0, |claim| claim.token).saturating_sub(below(5) / 4);
            let action = match below(17) {
                0 => open(1),
                1 | 2 => LockAction::Renew,
                3 => LockAction::Close,
                4..9 => LockAction::Acquire { name, wait: below(3) > 0 },
                9..12 => LockAction::Release { name, token },
                12..14 => LockAction::Arrive { name, parties: 2 + below(9) as u16 / 8 },
                14 => LockAction::Arrive { name, parties: 5 + below(2) as u16 },
                15 => LockAction::Withdraw { name },
                _ => LockAction::Expire,
            };
            // Now and then of a life that is over, or has not begun.
            let life = log.life(session, &action);
            let life = if life > 0 && below(12) == 0 { life + 1 - below(2) } else { life };
            let life = if action == open(1) { 0 } else { life.max(1) };
            let entry = LockEntry { session, life, number, action };
            assert_eq!(LockEntry::decode(&bytes(&entry)).unwrap(), entry);
            let outcome = log.apply(&entry);
            assert_eq!(outcome, model.apply(log.index, &entry, &config), "seed {seed}: {entry:?}");
            let claims: Vec<_> = log
                .locks
                .claims()
                .map(|c| (c.since, c.name.to_vec(), c.session, c.token, c.parties))
                .collect();
            assert_eq!(claims, model.list(), "seed {seed}: {entry:?}");
            let sessions = log.locks.sessions().map(|s| (s.session, (s.life, s.number)));
            let sessions: Vec<_> = sessions.collect();
            assert_eq!(sessions, model.sessions.clone().into_iter().collect::<Vec<_>>());
            // Whoever gets a lock has a larger token than all who had it before.
            for claim in log.locks.claims().filter(|claim| claim.token == log.index) {
                let last = tokens.insert(claim.name.to_vec(), claim.token);
                assert!(last.is_none_or(|last| last < claim.token));
            }
            // Another member, with another clock, from a snapshot at times.
            assert_eq!(other.apply(log.index, &bytes(&entry), 77).unwrap(), outcome);
            assert_eq!(saved(&other), saved(&log.locks));
            if below(10) == 0 {
                other = Locks::new(&config, Heap).unwrap();
                other.load(&saved(&log.locks), 5).unwrap();
            }
        }
    }
}

// ---- Time --------------------------------------------------------------------------------------

#[test]
fn a_session_that_is_not_heard_of_ends_and_its_lock_goes_on() {
    let mut log = Log::new(LocksConfig::default());
    assert_eq!(log.locks.wake_at(), u64::MAX);
    log.step(1, 1, open(5));
    log.step(2, 1, open(8));
    let LockOutcome::Granted { token: first } = log.step(1, 2, want(b"x")) else { panic!() };
    assert_eq!(log.step(2, 2, want(b"x")), LockOutcome::Waiting { ahead: 1 });
    assert_eq!(log.locks.wake_at(), 5 * SECOND);
    log.now = 5 * SECOND - 1;
    assert_eq!(log.locks.expired(log.now), None);
    // A step gives it its whole time again.
    assert_eq!(log.step(1, 3, LockAction::Renew), LockOutcome::Done);
    log.now = 8 * SECOND;
    let end = log.locks.expired(log.now).unwrap();
    assert_eq!((end.session, end.life, end.number), (2, 2, 2));
    assert_eq!(end.action, LockAction::Expire);
    // It did something meanwhile: it goes on.
    assert_eq!(log.step(2, 3, LockAction::Renew), LockOutcome::Done);
    assert_eq!(log.apply(&end), LockOutcome::Old);
    log.now = 10 * SECOND - 1;
    let end = log.locks.expired(log.now).unwrap();
    assert_eq!((end.session, end.number), (1, 3));
    // It is told once, and again soon, for it may not have been proposed.
    assert_eq!(log.locks.expired(log.now + SECOND - 1), None);
    assert_eq!(log.locks.expired(log.now + SECOND).unwrap(), end);
    assert_eq!(log.apply(&end), LockOutcome::Done);
    let (session, token) = log.holder(b"x").unwrap();
    assert_eq!((session, token), (2, log.index));
    assert!(token > first);
    // The one whose time was over is told so, whatever it does.
    let late = LockAction::Release { name: b"x", token: first };
    assert_eq!(log.step(1, 4, late), LockOutcome::NoSession);
    assert_eq!(log.step(1, 5, LockAction::Renew), LockOutcome::NoSession);
    assert_eq!(log.holder(b"x"), Some((2, token)));
}

#[test]
fn what_a_former_life_of_a_session_has_proposed_does_nothing() {
    let mut log = Log::new(LocksConfig::default());
    let first = LockEntry { session: 1, life: 0, number: 1, action: open(5) };
    assert_eq!(log.apply(&first), LockOutcome::Opened { life: 1 });
    // A copy of what opened it.
    assert_eq!(log.apply(&first), LockOutcome::Old);
    let get = LockEntry { session: 1, life: 1, number: 2, action: want(b"x") };
    assert_eq!(log.apply(&get), LockOutcome::Granted { token: 3 });
    log.now = 5 * SECOND;
    let end = log.locks.expired(log.now).unwrap();
    // It was switched off and on, and begins anew: what it had it has no more.
    log.step(2, 1, open(5));
    assert_eq!(log.step(2, 2, want(b"x")), LockOutcome::Waiting { ahead: 1 });
    let again = LockEntry { number: 9, ..first };
    assert_eq!(log.apply(&again), LockOutcome::Opened { life: 6 });
    assert_eq!(log.holder(b"x"), Some((2, 6)));
    // The end of its former life, and a step of it, come late.
    assert_eq!(log.apply(&end), LockOutcome::NoSession);
    assert_eq!(log.apply(&LockEntry { number: 10, ..get }), LockOutcome::NoSession);
    assert_eq!(log.step(1, 10, LockAction::Close), LockOutcome::Done);
    // What comes late once more opens it, and no more than that.
    assert_eq!(log.apply(&again), LockOutcome::Opened { life: 10 });
    assert_eq!(log.apply(&get), LockOutcome::NoSession);
}

#[test]
fn who_waits_no_longer_gives_back_what_came_meanwhile() {
    let mut log = Log::new(LocksConfig::default());
    for session in 1..=3 {
        log.step(session, 1, open(5));
        log.step(session, 2, want(b"x"));
    }
    let back = |token| LockAction::Release { name: b"x", token };
    assert_eq!(log.step(1, 3, back(2)), LockOutcome::Done);
    assert_eq!(log.holder(b"x"), Some((2, 7)));
    // It does not know yet that it has the lock; another's token gives nothing back.
    assert_eq!(log.step(2, 3, back(2)), LockOutcome::NotHeld);
    assert_eq!(log.step(2, 4, back(0)), LockOutcome::Done);
    assert_eq!(log.holder(b"x"), Some((3, 9)));
}

#[test]
fn who_begins_to_lead_or_takes_a_snapshot_gives_all_their_whole_time() {
    let mut log = Log::new(LocksConfig::default());
    log.step(1, 1, open(5));
    log.step(2, 1, open(60));
    let mut other = Locks::new(&LocksConfig::default(), Heap).unwrap();
    other.load(&saved(&log.locks), 90 * SECOND).unwrap();
    assert_eq!(other.wake_at(), 95 * SECOND);
    log.locks.renew_all(100 * SECOND);
    assert_eq!(log.locks.expired(105 * SECOND - 1), None);
    assert_eq!(log.locks.expired(105 * SECOND).unwrap().session, 1);
    assert_eq!(log.locks.expired(105 * SECOND), None);
    // Clocks near their end do not wrap.
    log.locks.renew_all(u64::MAX);
    assert_eq!(log.locks.wake_at(), u64::MAX);
    assert_eq!(log.locks.expired(u64::MAX), None);
}

// ---- Barriers ----------------------------------------------------------------------------------

#[test]
fn a_barrier_opens_when_all_are_there_and_is_closed_again() {
    let mut log = Log::new(LocksConfig::default());
    for session in 1..=4 {
        log.step(session, 1, open(5));
    }
    let arrive = |parties| LockAction::Arrive { name: b"start", parties };
    for turn in 0..3 {
        assert_eq!(log.step(1, 2 + turn, arrive(3)), LockOutcome::Arrived { missing: 2 });
        assert_eq!(log.step(2, 12 + turn * 3, arrive(3)), LockOutcome::Arrived { missing: 1 });
        // Who is there already does not count twice; another number of parties is not meant.
        assert_eq!(log.step(2, 13 + turn * 3, arrive(3)), LockOutcome::Arrived { missing: 1 });
        assert_eq!(log.step(3, 10 * turn + 2, arrive(4)), LockOutcome::Mismatch);
        assert_eq!(log.step(3, 10 * turn + 3, arrive(3)), LockOutcome::Passed);
        assert_eq!(log.locks.claims().len(), 0);
    }
    // One that ends is waited for again.
    log.step(1, 100, arrive(2));
    assert_eq!(log.step(1, 100, LockAction::Expire), LockOutcome::Done);
    assert_eq!(log.step(2, 100, arrive(2)), LockOutcome::Arrived { missing: 1 });
    let withdraw = LockAction::Withdraw { name: b"start" };
    assert_eq!(log.step(4, 100, withdraw), LockOutcome::NotHeld);
    assert_eq!(log.step(2, 101, withdraw), LockOutcome::Done);
    assert_eq!(log.step(4, 101, arrive(2)), LockOutcome::Arrived { missing: 1 });
    assert_eq!(log.step(3, 101, arrive(1)), LockOutcome::Mismatch);
    assert_eq!(
        log.step(3, 102, LockAction::Arrive { name: b"alone", parties: 1 }),
        LockOutcome::Passed
    );
}

// ---- What is refused ---------------------------------------------------------------------------

#[test]
fn settings_indices_and_entries_that_cannot_be_are_refused() {
    let good = LocksConfig::default();
    for bad in [
        LocksConfig { sessions: 0, ..good },
        LocksConfig { sessions: 65_536, ..good },
        LocksConfig { claims: 0, ..good },
        LocksConfig { claims: 65_536, ..good },
        LocksConfig { name: 0, ..good },
        LocksConfig { name: MOST_LOCK_NAME + 1, ..good },
    ] {
        assert_eq!(Locks::footprint(&bad).unwrap_err(), Error::Invalid);
    }
    let mut small = [core::mem::MaybeUninit::uninit(); 64];
    assert_eq!(Locks::new(&good, &Arena::new(&mut small)).err(), Some(Error::OutOfMemory));

    let mut out = [0; MOST_LOCK_ENTRY];
    let long = [b'x'; MOST_LOCK_NAME + 1];
    for action in [
        LockAction::Open { ttl_us: LEAST_TTL_US - 1 },
        LockAction::Open { ttl_us: MOST_TTL_US + 1 },
        LockAction::Acquire { name: b"", wait: true },
        LockAction::Acquire { name: &long, wait: false },
        LockAction::Release { name: &long, token: 1 },
        LockAction::Arrive { name: b"", parties: 1 },
        LockAction::Arrive { name: b"x", parties: 0 },
        LockAction::Withdraw { name: b"" },
    ] {
        let life = u64::from(!matches!(action, LockAction::Open { .. }));
        let entry = LockEntry { session: 1, life, number: 1, action };
        assert_eq!(entry.encode(&mut out), Err(Error::Invalid), "{action:?}");
    }
    for (life, number, action) in
        [(1, 0, LockAction::Close), (0, 1, LockAction::Close), (1, 1, open(1))]
    {
        let entry = LockEntry { session: 1, life, number, action };
        assert_eq!(entry.encode(&mut out), Err(Error::Invalid));
    }
    let action = LockAction::Release { name: &long[1..], token: 1 };
    let entry = LockEntry { session: 1, life: 1, number: 1, action };
    assert_eq!(bytes(&entry).len(), MOST_LOCK_ENTRY);
    let whole = bytes(&entry);
    for len in 0..whole.len() {
        assert_eq!(entry.encode(&mut out[..len]), Err(Error::BufferTooSmall));
    }

    let mut log = Log::new(good);
    log.step(1, 1, open(5));
    let before = saved(&log.locks);
    let open = bytes(&LockEntry { session: 9, life: 0, number: 9, action: open(5) });
    for bad in [
        &open[..0],
        &open[..open.len() - 1],
        &[&open[..], &[0]].concat(),
        &[&[2], &open[1..]].concat(),
        &[&[1, 9], &open[2..]].concat(),
        // Its number is 0; it opens, and has a life.
        &[&open[..18], &[0; 8], &open[26..]].concat(),
        &[&open[..10], &[1; 8], &open[18..]].concat(),
    ] {
        assert_eq!(log.locks.apply(99, bad, 0), Err(Error::LockFormat), "{bad:?}");
    }
    for index in (0..=log.index).chain([u64::MAX]) {
        assert_eq!(log.locks.apply(index, &open, 0), Err(Error::Invalid));
    }
    assert_eq!(saved(&log.locks), before);
    assert_eq!(log.locks.applied(), log.index);
}

#[test]
fn full_tables_refuse_and_lose_nothing() {
    let mut log = Log::new(LocksConfig { sessions: 2, claims: 2, name: 4 });
    log.step(1, 1, open(5));
    log.step(2, 1, open(5));
    assert_eq!(log.step(3, 1, open(5)), LockOutcome::Full);
    assert_eq!(log.step(1, 2, want(b"12345")), LockOutcome::Full);
    let LockOutcome::Granted { token } = log.step(1, 3, want(b"1234")) else { panic!() };
    log.step(2, 2, want(b"1234"));
    assert_eq!(log.step(1, 4, want(b"b")), LockOutcome::Full);
    let arrive = LockAction::Arrive { name: b"c", parties: 2 };
    assert_eq!(log.step(1, 5, arrive), LockOutcome::Full);
    // What is there already needs no room.
    assert_eq!(log.step(1, 6, want(b"1234")), LockOutcome::Granted { token });
    assert_eq!(log.step(2, 3, want(b"1234")), LockOutcome::Waiting { ahead: 1 });
    // Nor does what can never be all there wait.
    assert_eq!(log.step(1, 7, LockAction::Arrive { name: b"c", parties: 3 }), LockOutcome::Full);
    assert_eq!(
        log.step(1, 8, LockAction::Arrive { name: b"12345", parties: 1 }),
        LockOutcome::Full
    );
    assert_eq!(log.step(1, 9, LockAction::Close), LockOutcome::Done);
    assert_eq!(log.holder(b"1234"), Some((2, log.index)));
    assert_eq!(log.step(3, 2, open(5)), LockOutcome::Opened { life: log.index });
    assert_eq!(
        log.step(3, 3, LockAction::Arrive { name: b"c", parties: 2 }),
        LockOutcome::Arrived { missing: 1 }
    );
}

/// A snapshot in the making: what is saved of a log, with one thing in another way.
#[derive(Clone)]
struct Snapshot {
    head: Vec<u8>,
    last: u64,
    /// Session, life, number, time to live.
    sessions: Vec<[u64; 4]>,
    /// Session, since, token; parties; name.
    claims: Vec<([u64; 3], u16, &'static [u8])>,
    tail: Vec<u8>,
}

impl Snapshot {
    fn bytes(&self) -> Vec<u8> {
        let mut out = self.head.clone();
        out.extend(self.last.to_le_bytes());
        out.extend((self.sessions.len() as u16).to_le_bytes());
        out.extend(self.sessions.iter().flatten().flat_map(|field| field.to_le_bytes()));
        out.extend((self.claims.len() as u16).to_le_bytes());
        for (fields, parties, name) in &self.claims {
            out.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
            out.extend(parties.to_le_bytes());
            out.push(name.len() as u8);
            out.extend(*name);
        }
        out.extend(&self.tail);
        out
    }
}

#[test]
fn a_snapshot_that_no_log_can_have_brought_about_is_refused_and_nothing_is_lost() {
    let config = LocksConfig { sessions: 4, claims: 6, name: 8 };
    let mut log = Log::new(config);
    for session in 1..=3 {
        log.step(session, 1, open(session));
        log.step(session, 2, want(b"lock"));
        log.step(session, 3, LockAction::Arrive { name: b"lock", parties: 4 });
    }
    let whole = saved(&log.locks);
    let ttl = |seconds: u64| seconds * SECOND;
    let good = Snapshot {
        head: vec![1, 4, 0, 6, 0, 8],
        last: 9,
        sessions: vec![[1, 1, 3, ttl(1)], [2, 4, 3, ttl(2)], [3, 7, 3, ttl(3)]],
        claims: vec![
            ([1, 2, 2], 0, b"lock"),
            ([1, 3, 0], 4, b"lock"),
            ([2, 5, 0], 0, b"lock"),
            ([2, 6, 0], 4, b"lock"),
            ([3, 8, 0], 0, b"lock"),
            ([3, 9, 0], 4, b"lock"),
        ],
        tail: vec![],
    };
    assert_eq!(good.bytes(), whole);

    // What is refused leaves what there was.
    let mut other = Log::new(config);
    other.step(4, 1, open(1));
    other.step(4, 2, want(b"own"));
    let own = saved(&other.locks);
    let mut other = other.locks;
    let mut refuse = |what: &str, bytes: &[u8], error: Error| {
        assert_eq!(other.load(bytes, 0), Err(error), "{what}");
        assert_eq!(saved(&other), own, "{what}");
    };
    for len in 0..whole.len() {
        assert_eq!(log.locks.save(&mut vec![0; len]), Err(Error::BufferTooSmall));
        refuse("its end is missing", &whole[..len], Error::LockFormat);
    }
    let but = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = good.clone();
        change(&mut snapshot);
        snapshot.bytes()
    };
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Snapshot));
    let changes: &[Change<'_>] = &[
        ("another version", &|s| s.head[0] = 2),
        ("something after the end", &|s| s.tail.push(0)),
        ("an index that no entry has", &|s| s.last = u64::MAX),
        ("sessions out of order", &|s| s.sessions.swap(0, 1)),
        ("a session twice", &|s| s.sessions[1][0] = 1),
        ("a life that has not begun", &|s| s.sessions[2][1] = 10),
        ("a life of none", &|s| s.sessions[0][1] = 0),
        ("two lives by one entry", &|s| s.sessions[2][1] = 4),
        ("a step without a number", &|s| s.sessions[0][2] = 0),
        ("too short a time", &|s| s.sessions[0][3] = LEAST_TTL_US - 1),
        ("too long a time", &|s| s.sessions[0][3] = MOST_TTL_US + 1),
        ("a claim of nobody", &|s| s.claims[0].0[0] = 4),
        ("a claim from before its session", &|s| s.claims[2].0[1] = 4),
        ("claims out of order", &|s| s.claims.swap(2, 3)),
        ("two claims by one entry", &|s| s.claims[3].0[1] = 5),
        ("a claim that is not made yet", &|s| s.claims[5].0[1] = 10),
        ("a holder without a token", &|s| s.claims[0].0[2] = 0),
        ("a token from before the claim", &|s| s.claims[0].0[2] = 1),
        ("a token that is not given yet", &|s| s.claims[0].0[2] = 10),
        ("one that waits, with a token", &|s| s.claims[2].0[2] = 5),
        ("one at a barrier, with a token", &|s| s.claims[1].0[2] = 3),
        ("a session twice in line", &|s| s.claims[2].0[0] = 1),
        ("a session twice at a barrier", &|s| s.claims[5].0[0] = 1),
        ("parties that do not agree", &|s| s.claims[5].1 = 3),
        ("a barrier that should be open", &|s| {
            [1, 3, 5].into_iter().for_each(|at| s.claims[at].1 = 3);
        }),
        ("a barrier that never opens", &|s| {
            [1, 3, 5].into_iter().for_each(|at| s.claims[at].1 = 5);
        }),
        ("no name", &|s| s.claims[0].2 = b""),
        ("too long a name", &|s| s.claims[0].2 = b"nine char"),
        ("too many sessions", &|s| {
            s.sessions.extend([[4, 2, 1, ttl(1)], [5, 3, 1, ttl(1)]]);
        }),
        ("too many claims", &|s| {
            s.last = 10;
            s.claims.push(([1, 10, 10], 0, b"other"));
        }),
    ];
    for (what, change) in changes {
        refuse(what, &but(change), Error::LockFormat);
    }
    for at in [1, 3, 5] {
        refuse("other settings", &but(&|s| s.head[at] += 1), Error::Invalid);
    }
    // Whatever is taken in is what was given: nothing is made up, nothing left out.
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            let before = saved(&other);
            let expected = if other.load(&damaged, 0).is_ok() { damaged } else { before };
            assert_eq!(saved(&other), expected);
        }
    }
    other.load(&whole, 0).unwrap();
    assert_eq!(saved(&other), whole);
}
