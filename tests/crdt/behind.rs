//! Stores that are full: what they refuse changes nothing, is known to be missing, and
//! comes when there is room.

use neural_swarm::Error;
use neural_swarm::crdt::{Kind, ReplicaId, Store, StoreConfig, StoreUsage};
use neural_swarm::port::Heap;

use crate::replica::{KEYS, Replica, WHOLE, all_of};
use crate::seeds;
use crate::world::World;

/// Keys are cleared until all fits in everywhere: then all have the same.
fn converge(world: &mut World) {
    let count = world.replicas.len();
    for which in 0..=KEYS.len() {
        world.settle();
        if !world.replicas.iter().any(|replica| replica.store.usage().behind) {
            break;
        }
        assert!(which < KEYS.len(), "room enough for nothing");
        for replica in &mut world.replicas {
            if let Ok(key) = replica.key(which) {
                replica.store.clear(key).unwrap();
                replica.close(which);
            }
        }
    }
    for replica in &mut world.replicas {
        (0..KEYS.len()).for_each(|which| replica.close(which));
    }
    let want = all_of(&mut world.replicas[0].store);
    for at in 1..count {
        assert_eq!(all_of(&mut world.replicas[at].store), want, "replica {at}");
    }
}

#[test]
fn what_has_no_room_changes_nothing() {
    for seed in seeds(3000, 300) {
        let full = StoreConfig {
            items: 24,
            keys: 18,
            bytes: 300,
            early: 4,
            log: 60,
            ..StoreConfig::default()
        };
        println!("seed {seed}");
        let count = 3;
        let mut world = World::new(seed, count, &full, WHOLE);
        for step in 0..600 {
            match world.random.below(10) {
                0..4 => world.change(),
                4..6 => world.tell(),
                _ => world.arrive(),
            }
            if step % 5 == 0 {
                let at = world.random.below(count);
                world.check(at);
            }
        }
        world.check_orders();
        converge(&mut world);
    }
}

/// A store with room for three items, and one with as much as is put in.
fn full_and_other() -> (Replica, Replica) {
    let config = StoreConfig { items: 3, ..StoreConfig::default() };
    let mut full = Replica::new(&config);
    let other = Replica::new(&StoreConfig { replica: ReplicaId(1), items: 9, ..config });
    let key = full.key(0).unwrap();
    full.store.add(key, b"a").unwrap();
    full.store.add(key, b"b").unwrap();
    (full, other)
}

#[test]
fn a_store_is_behind_until_it_has_what_was_refused() {
    let (mut full, mut other) = full_and_other();
    let (mine, theirs) = (full.key(0).unwrap(), other.key(0).unwrap());
    assert!(!full.store.usage().behind);
    let (mut frames, mut context) = (vec![], full.context());
    for element in [b"c", b"d"] {
        other.store.add(theirs, element).unwrap();
        frames.extend(other.tell(&context, WHOLE));
        context = full.context();
    }
    // The second has both changes.
    assert_eq!(full.store.merge(&frames[1], 0), Err(Error::Capacity));
    assert!(full.store.usage().behind);
    full.store.merge(&frames[0], 0).unwrap();
    assert!(full.store.usage().behind, "only one of them has come");
    assert_eq!(full.store.merge(&frames[1], 0), Err(Error::Capacity));
    assert!(full.store.remove(mine, b"a").unwrap());
    assert!(full.store.usage().behind, "room alone is not enough");
    full.store.merge(&frames[1], 0).unwrap();
    assert!(!full.store.usage().behind);
    assert_eq!(full.value(0), [b"b", b"c", b"d"]);
    let context = other.context();
    for frame in full.tell(&context, WHOLE) {
        other.store.merge(&frame, 0).unwrap();
    }
    assert_eq!(other.value(0), full.value(0));
}

/// What is refused of one replica is not forgotten over what is refused of another.
#[test]
fn refused_changes_of_several_replicas_are_all_missed() {
    let (mut full, mut other) = full_and_other();
    let config = StoreConfig { replica: ReplicaId(2), ..StoreConfig::default() };
    let mut third = Replica::new(&config);
    for replica in [&mut other, &mut third] {
        let key = replica.key(2).unwrap();
        replica.store.add(key, b"x").unwrap();
        replica.store.add(key, b"y").unwrap();
    }
    let states = [other.state(), third.state()];
    for state in &states {
        assert_eq!(full.store.merge(state, 0), Err(Error::Capacity));
    }
    let key = full.key(0).unwrap();
    full.store.clear(key).unwrap();
    full.store.merge(&states[1], 0).unwrap();
    assert!(full.store.usage().behind);
    let there = full.key(2).unwrap();
    full.store.clear(there).unwrap();
    full.store.merge(&states[0], 0).unwrap();
    assert!(!full.store.usage().behind);
}

/// More replicas than a store has room for: it never has all of their changes.
#[test]
fn a_replica_too_many_leaves_a_store_behind() {
    let make = |id| {
        let config = StoreConfig { replica: ReplicaId(id), replicas: 2, ..StoreConfig::default() };
        Replica::new(&config)
    };
    let mut store = make(0);
    for id in 1..4 {
        let mut other = make(id);
        let key = other.key(0).unwrap();
        other.store.add(key, &[id as u8]).unwrap();
        let taken = store.store.merge(&other.state(), 0);
        assert_eq!(taken.is_ok(), id == 1);
        assert_eq!(store.store.usage().behind, id > 1);
    }
    assert_eq!(store.store.usage().replicas, 2);
}

#[test]
fn a_refused_digest_leaves_a_store_behind_until_both_are_equal() {
    let (mut full, mut other) = full_and_other();
    let (mine, theirs) = (full.key(0).unwrap(), other.key(0).unwrap());
    for element in [b"c", b"d", b"e"] {
        other.store.add(theirs, element).unwrap();
    }
    let talk = |from: &mut Replica, to: &mut Replica| {
        let (mut frame, mut equal) = (vec![0; 2000], false);
        let len = from.store.digest(&mut frame).unwrap();
        frame.truncate(len);
        for turn in 0..20 {
            let mut answer = vec![0; 2000];
            let at = if turn % 2 == 0 { &mut *to } else { &mut *from };
            let done = at.store.reconcile(&frame, 0, &mut answer)?;
            equal |= done.equal;
            answer.truncate(done.len);
            frame = answer;
            if frame.is_empty() {
                break;
            }
        }
        Ok(equal)
    };
    assert_eq!(talk(&mut full, &mut other), Err(Error::Capacity));
    assert!(full.store.usage().behind);
    full.store.clear(mine).unwrap();
    while full.store.usage().behind {
        talk(&mut full, &mut other).unwrap();
    }
    assert_eq!(full.value(0), other.value(0));
    assert_eq!(full.value(0), [b"c", b"d", b"e"]);
}

/// What is no frame leaves no mark, even where it had no room.
#[test]
fn damage_is_not_missed() {
    let (mut full, mut other) = full_and_other();
    let key = other.key(0).unwrap();
    for element in [b"c", b"d"] {
        other.store.add(key, element).unwrap();
    }
    let mut frame = other.state();
    frame.push(99);
    assert!(full.store.merge(&frame, 0).is_err());
    assert!(!full.store.usage().behind);
    let config = StoreConfig { replicas: 1, ..StoreConfig::default() };
    let mut lonely = Store::new(&config, Heap).unwrap();
    assert_eq!(lonely.merge(&frame, 0), Err(Error::Capacity));
    assert_eq!(lonely.usage(), StoreUsage { replicas: 1, ..StoreUsage::default() });
    assert!(lonely.open(Store::ROOT, b"set", Kind::AddWinsSet).is_ok());
}
