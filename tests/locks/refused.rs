//! What is refused.

use neural_swarm::Error;
use neural_swarm::consensus::locks::{
    LEAST_TTL_US, LockAction, LockEntry, LockOutcome, Locks, LocksConfig, MOST_LOCK_ENTRY,
    MOST_LOCK_NAME, MOST_TTL_US,
};
use neural_swarm::port::Arena;

use crate::log::*;

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
