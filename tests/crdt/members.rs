//! What is dropped when all have it, and replicas that leave for good.

use neural_swarm::Error;
use neural_swarm::crdt::{Kind, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;

use crate::seeds;
use crate::world::{KEYS, WHOLE, World, all_of};

fn three() -> [Store<'static>; 3] {
    let config = StoreConfig { replicas: 3, ..StoreConfig::default() };
    [1, 2, 3].map(|n| {
        let mut store = Store::new(&StoreConfig { replica: ReplicaId(n), ..config }, Heap).unwrap();
        (1..4).for_each(|other| store.admit(ReplicaId(other)).unwrap());
        store
    })
}

fn context(store: &mut Store<'_>) -> Vec<u8> {
    let mut frame = vec![0; store.context_len()];
    store.context(&mut frame).unwrap();
    frame
}

/// `from` tells `to` what it lacks; so it hears what `to` has.
fn tell(stores: &mut [Store<'_>], from: usize, to: usize) {
    let peer = context(&mut stores[to]);
    let mut frame = vec![0; 1000];
    let told = stores[from].delta(&peer, 0, &mut frame).unwrap();
    if told.len > 0 {
        stores[to].merge(&frame[..told.len], 0).unwrap();
    }
}

/// All tell all, and hear what they have.
fn meet(stores: &mut [Store<'_>]) {
    for _ in 0..3 {
        for from in 0..stores.len() {
            for to in 0..stores.len() {
                if from != to {
                    tell(stores, from, to);
                }
            }
        }
    }
}

#[test]
fn a_removal_is_remembered_until_all_have_it() {
    let mut stores = three();
    let keys = stores
        .each_mut()
        .map(|store| store.open(Store::ROOT, b"out", Kind::RemoveWinsSet).unwrap());
    stores[0].add(keys[0], b"x").unwrap();
    meet(&mut stores);
    stores[0].remove(keys[0], b"x").unwrap();
    // The third one does not know, and adds it again.
    stores[2].add(keys[2], b"x").unwrap();
    for _ in 0..3 {
        tell(&mut stores, 0, 1);
        tell(&mut stores, 1, 0);
    }
    assert_eq!(stores[0].collect(), Ok(0));
    assert!(stores[0].stable(ReplicaId(1)) < stores[0].seen(ReplicaId(1)));
    meet(&mut stores);
    assert_eq!(stores[0].usage().items, 2);
    assert!(stores.iter().zip(keys).all(|(store, key)| !store.contains(key, b"x").unwrap()));
    assert_eq!(stores[0].collect(), Ok(1));
    meet(&mut stores);
    for (store, key) in stores.iter().zip(keys) {
        assert_eq!((store.usage().items, store.contains(key, b"x")), (0, Ok(false)));
    }
    // Who adds it now has seen the removal.
    stores[2].add(keys[2], b"x").unwrap();
    meet(&mut stores);
    assert!(stores.iter().zip(keys).all(|(store, key)| store.contains(key, b"x").unwrap()));
}

#[test]
fn what_a_counter_remembers_of_a_clearing_goes_with_time() {
    let mut stores = three();
    for turn in 0..50u8 {
        // A map that comes and goes, and a counter in it.
        for (n, store) in stores.iter_mut().enumerate() {
            let map = store.open(Store::ROOT, &[turn], Kind::Map).unwrap();
            let count = store.open(map, b"count", Kind::Counter).unwrap();
            store.increment(count, n as u64 + 1).unwrap();
            store.close(count).unwrap();
            store.close(map).unwrap();
        }
        meet(&mut stores);
        stores[1].clear(Store::ROOT).unwrap();
        meet(&mut stores);
        assert!(stores[0].collect().unwrap() > 0);
        meet(&mut stores);
        for store in &stores {
            let usage = store.usage();
            assert_eq!((usage.keys, usage.bytes, usage.items), (0, 0, 0), "turn {turn}");
        }
    }
}

/// Who collects at any time changes no value, for all kinds and in any order of frames.
#[test]
fn collecting_changes_no_value() {
    let mut dropped = 0;
    for seed in seeds(5000, 200) {
        println!("seed {seed}");
        let config = StoreConfig { log: 400, early: 64, ..StoreConfig::default() };
        let count = 2 + (seed % 3) as usize;
        let mut world = World::new(seed, count, &config, WHOLE);
        for step in 0..400 {
            let at = world.random.below(count);
            match world.random.below(20) {
                0..6 => world.change(),
                6..10 => world.tell(),
                10..12 => dropped += world.replicas[at].store.collect().unwrap(),
                _ => world.arrive(),
            }
            if step % 4 == 0 {
                world.check(at);
            }
        }
        world.settle();
        for at in 0..count {
            world.check(at);
        }
    }
    assert!(dropped > 200, "{dropped}");
}

/// A replica leaves, what it had put in is adopted, it is forgotten, another one takes its
/// place; and nothing that it or late frames say comes back.
#[test]
fn replicas_are_forgotten() {
    for seed in seeds(6000, 100) {
        println!("seed {seed}");
        let config = StoreConfig { log: 400, replicas: 4, ..StoreConfig::default() };
        let mut world = World::new(seed, 4, &config, WHOLE);
        for _ in 0..200 {
            match world.random.below(10) {
                0..4 => world.change(),
                4..6 => world.tell(),
                _ => world.arrive(),
            }
        }
        world.settle();
        let leaver = world.replicas[3].store.replica();
        let often = KEYS.iter().position(|key| key.2 == Kind::CountMin).unwrap();
        // Its counts in a sketch stay its own: nobody could forget it.
        let key = world.replicas[0].key(often).unwrap();
        world.replicas[0].store.clear(key).unwrap();
        world.settle();
        for at in 0..4 {
            (0..KEYS.len()).for_each(|which| world.replicas[at].close(which));
        }
        let late = world.replicas[0].state();
        let want = all_of(&mut world.replicas[0].store);
        let mut gone = world.replicas.pop().unwrap();
        world.changes.clear();
        let store = &mut world.replicas[1].store;
        assert_eq!(store.adopt(leaver), Err(Error::CrdtMember), "not retired");
        assert_eq!(store.retire(store.replica()), Err(Error::CrdtMember));
        for replica in &mut world.replicas {
            replica.store.retire(leaver).unwrap();
        }
        world.replicas[1].store.adopt(leaver).unwrap();
        assert_eq!(all_of(&mut world.replicas[1].store), want, "values stay what they are");
        for _ in 0..2 {
            world.settle();
            world.replicas[0].store.collect().unwrap();
        }
        world.settle();
        world.settle();
        for replica in &mut world.replicas {
            assert_eq!(all_of(&mut replica.store), want);
            replica.store.forget(leaver).unwrap();
            assert_eq!(replica.store.forget(leaver), Err(Error::CrdtMember), "only once");
        }
        // Neither late frames nor the one that left are understood.
        let store = &mut world.replicas[0].store;
        let usage = store.usage();
        assert_eq!(store.merge(&late, world.now_ms), Err(Error::CrdtGeneration));
        let theirs = gone.state();
        assert_eq!(store.merge(&theirs, world.now_ms), Err(Error::CrdtGeneration));
        let peer = gone.context();
        assert_eq!(store.delta(&peer, 0, &mut [0; 100]), Err(Error::CrdtGeneration));
        assert_eq!(store.usage(), usage);
        assert_eq!(usage.replicas, 3);
        let ours = world.replicas[0].state();
        assert_eq!(gone.store.merge(&ours, world.now_ms), Err(Error::CrdtGeneration));
        // Another one takes the place, and all go on.
        let store = &mut world.replicas[2].store;
        store.admit(ReplicaId(7)).unwrap();
        assert_eq!(store.admit(ReplicaId(8)), Err(Error::Capacity));
        for _ in 0..100 {
            match world.random.below(10) {
                0..4 => world.change(),
                4..6 => world.tell(),
                _ => world.arrive(),
            }
        }
        world.settle();
        let want = all_of(&mut world.replicas[0].store);
        assert!(world.replicas.iter_mut().all(|replica| all_of(&mut replica.store) == want));
    }
}
