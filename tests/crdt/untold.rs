//! Changes that nobody can know of: what follows in the same key is part of them.

use neural_swarm::Error;
use neural_swarm::crdt::{Key, Kind, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;

use crate::replica::{context, state};

const OWN: ReplicaId = ReplicaId(1);

fn store(replica: ReplicaId) -> Store<'static> {
    Store::new(&StoreConfig { replica, log: 100, ..StoreConfig::default() }, Heap).unwrap()
}

fn open(store: &mut Store<'_>, kind: Kind) -> Key {
    store.open(Store::ROOT, b"key", kind).unwrap()
}

/// Changes a key of one of these kinds.
const KINDS: [Kind; 4] = [Kind::GrowCounter, Kind::Counter, Kind::LastWriter, Kind::MultiValue];

fn change(store: &mut Store<'_>, key: Key, kind: Kind, n: u64) {
    match kind {
        Kind::GrowCounter => store.increment(key, 1).unwrap(),
        Kind::Counter => store.decrement(key, 1).unwrap(),
        _ => store.assign_bytes(key, format!("value {n:04}").as_bytes(), n).unwrap(),
    }
}

fn merged(frame: &[u8], kind: Kind) -> (Store<'static>, Key) {
    let mut other = store(ReplicaId(2));
    other.merge(frame, 1 << 40).unwrap();
    let key = open(&mut other, kind);
    (other, key)
}

#[test]
fn many_changes_that_nobody_was_told_of_are_few() {
    for kind in KINDS {
        let mut store = store(OWN);
        let key = open(&mut store, kind);
        (0..10_000).for_each(|n| change(&mut store, key, kind, n));
        // A number grows longer twice.
        let counts = matches!(kind, Kind::GrowCounter | Kind::Counter);
        assert_eq!(store.seen(OWN), if counts { 3 } else { 1 }, "{kind:?}");
        // All of it is in the log, and in the delta.
        let peer = context(&mut self::store(ReplicaId(2)));
        let mut frame = [0; 200];
        let told = store.delta(&peer, 0, &mut frame).unwrap();
        assert_eq!(told.next, None);
        for frame in [&frame[..told.len], &state(&mut store)] {
            let (other, key) = merged(frame, kind);
            match kind {
                Kind::GrowCounter => assert_eq!(other.total(key), Ok(10_000)),
                Kind::Counter => assert_eq!(other.total(key), Ok(-10_000)),
                Kind::LastWriter => {
                    let (value, stamp) = other.last_written(key).unwrap().unwrap();
                    assert_eq!((value, stamp.millis()), (&b"value 9999"[..], 9999));
                }
                _ => assert_eq!(other.elements(key).unwrap().next(), Some(&b"value 9999"[..])),
            }
        }
    }
}

#[test]
fn who_could_know_of_a_change_never_sees_it_change() {
    type Way = (&'static str, fn(&mut Store<'_>));
    let ways: [Way; 12] = [
        ("context", |store| assert!(store.context(&mut [0; 100]).unwrap() > 0)),
        ("delta", |store| {
            let peer = self::context(&mut self::store(ReplicaId(2)));
            assert!(store.delta(&peer, 0, &mut [0; 1000]).unwrap().len > 0);
        }),
        ("delta of which nothing fits", |store| {
            let peer = self::context(&mut self::store(ReplicaId(2)));
            assert_eq!(store.delta(&peer, 0, &mut []), Err(Error::BufferTooSmall));
        }),
        ("state", |store| assert!(store.state(&mut [0; 1000]).unwrap() > 0)),
        ("digest", |store| assert!(store.digest(&mut [0; 1000]).unwrap() > 0)),
        ("snapshot", |store| assert!(store.save(0, &mut [0; 1000]).unwrap() > 0)),
        ("journal", |store| assert!(store.journal(0, &mut [0; 1000]).unwrap() > 0)),
        ("cursor of a journal", |store| assert!(store.journal_end() > 0)),
        ("merge", |store| {
            let mut other = self::store(ReplicaId(2));
            assert_eq!(store.merge(&state(&mut other), 0).unwrap().added, 0);
        }),
        ("transaction begun", |store| store.begin_transaction(1, 1).unwrap()),
        ("transaction", |store| {
            store.begin_transaction(1, 1).unwrap();
            store.commit().unwrap();
        }),
        ("something else", |store| {
            let other = store.open(Store::ROOT, b"other", Kind::MultiValue).unwrap();
            store.assign_bytes(other, b"a value of another", 0).unwrap();
        }),
    ];
    for kind in KINDS {
        for (name, way) in ways {
            let mut store = store(OWN);
            let key = open(&mut store, kind);
            change(&mut store, key, kind, 1);
            change(&mut store, key, kind, 2);
            assert_eq!(store.seen(OWN), 1, "{kind:?}");
            way(&mut store);
            let before = store.seen(OWN);
            change(&mut store, key, kind, 3);
            assert_eq!(store.seen(OWN), before + 1, "{kind:?} after {name}");
        }
    }
}

#[test]
fn transactions_have_few_changes_too() {
    let (mut store, mut other) = (store(OWN), store(ReplicaId(2)));
    let key = open(&mut store, Kind::GrowCounter);
    store.begin_transaction(0, 100).unwrap();
    (0..100).for_each(|_| store.increment(key, 1).unwrap());
    store.commit().unwrap();
    store.increment(key, 1).unwrap();
    assert_eq!(store.seen(OWN), 3);
    other.merge(&state(&mut store), 0).unwrap();
    let key = open(&mut other, Kind::GrowCounter);
    assert_eq!(other.total(key), Ok(101));
}

#[test]
fn blocks_that_move_take_their_changes_along() {
    for kind in KINDS {
        let config = StoreConfig { replica: OWN, bytes: 120, ..StoreConfig::default() };
        let mut store = Store::new(&config, Heap).unwrap();
        let long = store.open(Store::ROOT, &[7; 60], Kind::Max).unwrap();
        let key = open(&mut store, kind);
        change(&mut store, key, kind, 1);
        // What is in front of it is gone, and another name needs the room after a change.
        store.close(long).unwrap();
        change(&mut store, key, kind, 2);
        store.open(Store::ROOT, &[8; 60], Kind::Max).unwrap();
        change(&mut store, key, kind, 3);
        match kind {
            Kind::GrowCounter => assert_eq!(store.total(key), Ok(3)),
            Kind::Counter => assert_eq!(store.total(key), Ok(-3)),
            Kind::LastWriter => {
                assert_eq!(store.last_written(key).unwrap().unwrap().0, b"value 0003");
            }
            _ => assert_eq!(store.elements(key).unwrap().next(), Some(&b"value 0003"[..])),
        }
        let mut names = store.keys_with_prefix(Store::ROOT, &[8]).unwrap();
        assert!(names.all(|entry| entry.name == [8; 60]));
    }
}

#[test]
fn what_is_refused_is_refused_again() {
    let mut store = store(OWN);
    let counter = open(&mut store, Kind::GrowCounter);
    store.increment(counter, 1).unwrap();
    assert_eq!(store.decrement(counter, 1), Err(Error::CrdtKind));
    assert_eq!(store.assign_bytes(counter, b"8 bytes.", 0), Err(Error::CrdtKind));
    assert_eq!(store.increment(counter, u64::MAX), Err(Error::Overflow));
    assert_eq!(store.increment(counter, i64::MAX as u64), Err(Error::Overflow));
    assert_eq!((store.total(counter), store.seen(OWN)), (Ok(1), 1));
    store.close(counter).unwrap();
    assert_eq!(store.increment(counter, 1), Err(Error::CrdtKey));

    let register = open(&mut store, Kind::LastWriter);
    store.assign_bytes(register, b"value", 5).unwrap();
    assert_eq!(store.increment(register, 1), Err(Error::CrdtKind));
    assert_eq!(store.assign_bytes(register, b"other", 1 << 48), Err(Error::Invalid));
    assert_eq!(store.last_written(register).unwrap().unwrap().0, b"value");
    store.close(register).unwrap();
    assert_eq!(store.assign_bytes(register, b"other", 6), Err(Error::CrdtKey));

    // Nothing was changed last.
    let mut store = self::store(OWN);
    for key in [Store::ROOT, Key::from_bits(u64::MAX)] {
        let error = if key == Store::ROOT { Error::CrdtKind } else { Error::CrdtKey };
        assert_eq!(store.assign_bytes(key, b"", 0), Err(error));
        assert_eq!(store.increment(key, 1), Err(error));
        assert_eq!(store.decrement(key, 1), Err(error));
    }
}
