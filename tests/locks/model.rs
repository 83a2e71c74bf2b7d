//! Any log beside a model.

use std::collections::BTreeMap;

use neural_swarm::consensus::locks::{LockAction, LockEntry, LockOutcome, Locks, LocksConfig};
use neural_swarm::port::Heap;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

use crate::log::*;

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
