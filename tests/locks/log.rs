//! A log of one member, and shorter words.

use std::collections::BTreeMap;

use neural_swarm::consensus::locks::{
    LockAction, LockEntry, LockOutcome, Locks, LocksConfig, MOST_LOCK_ENTRY,
};
use neural_swarm::port::Heap;

pub const SECOND: u64 = 1_000_000;

pub fn bytes(entry: &LockEntry<'_>) -> Vec<u8> {
    let mut out = [0; MOST_LOCK_ENTRY];
    let len = entry.encode(&mut out).unwrap();
    out[..len].to_vec()
}

pub fn saved(locks: &Locks<'_>) -> Vec<u8> {
    let mut out = vec![0; locks.saved_len()];
    assert_eq!(locks.save(&mut out).unwrap(), out.len());
    out
}

/// A log of one member, applied at once.
pub struct Log {
    pub locks: Locks<'static>,
    pub index: u64,
    pub now: u64,
    /// Of each session, the last.
    pub lives: BTreeMap<u64, u64>,
}

impl Log {
    pub fn new(config: LocksConfig) -> Log {
        let locks = Locks::new(&config, Heap).unwrap();
        Log { locks, index: 0, now: 0, lives: BTreeMap::new() }
    }

    pub fn apply(&mut self, entry: &LockEntry<'_>) -> LockOutcome {
        self.index += 1;
        let outcome = self.locks.apply(self.index, &bytes(entry), self.now).unwrap();
        if let LockOutcome::Opened { life } = outcome {
            self.lives.insert(entry.session, life);
        }
        outcome
    }

    pub fn life(&self, session: u64, action: &LockAction<'_>) -> u64 {
        let opens = matches!(action, LockAction::Open { .. });
        if opens { 0 } else { self.lives.get(&session).copied().unwrap_or(1) }
    }

    pub fn step(&mut self, session: u64, number: u64, action: LockAction<'_>) -> LockOutcome {
        self.apply(&LockEntry { session, life: self.life(session, &action), number, action })
    }

    pub fn holder(&self, name: &[u8]) -> Option<(u64, u64)> {
        self.locks.holder(name).map(|claim| (claim.session, claim.token))
    }
}

pub fn open(seconds: u64) -> LockAction<'static> {
    LockAction::Open { ttl_us: seconds * SECOND }
}

pub fn want(name: &[u8]) -> LockAction<'_> {
    LockAction::Acquire { name, wait: true }
}
