//! Snapshots: whole, or refused.

use neural_swarm::Error;
use neural_swarm::consensus::locks::{LEAST_TTL_US, LockAction, LocksConfig, MOST_TTL_US};

use crate::log::*;

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
