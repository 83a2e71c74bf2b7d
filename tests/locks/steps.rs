//! Time, lives and barriers.

use neural_swarm::consensus::locks::{LockAction, LockEntry, LockOutcome, Locks, LocksConfig};
use neural_swarm::port::Heap;

use crate::log::*;

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
