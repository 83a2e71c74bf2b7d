//! What is dropped when all have it, and replicas that leave for good.

use neural_swarm::Error;
use neural_swarm::crdt::{Key, Kind, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;

use crate::replica::{KEYS, WHOLE, all_of, context};
use crate::seeds;
use crate::world::World;

fn three() -> [Store<'static>; 3] {
    let config = StoreConfig { replicas: 3, ..StoreConfig::default() };
    [1, 2, 3].map(|n| {
        let mut store = Store::new(&StoreConfig { replica: ReplicaId(n), ..config }, Heap).unwrap();
        (1..4).for_each(|other| store.admit(ReplicaId(other)).unwrap());
        store
    })
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
        // Each what it had counted itself.
        for n in 0..3 {
            assert_eq!(stores[n].collect(), Ok(1));
            meet(&mut stores);
        }
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

fn opened(stores: &mut [Store<'static>], name: &str, kind: Kind) -> Vec<Key> {
    let open = |store: &mut Store<'static>| store.open(Store::ROOT, name.as_bytes(), kind);
    stores.iter_mut().map(|store| open(store).unwrap()).collect()
}

/// Who has cleared a counter tells another one of it; who counts does not know it yet.
#[test]
fn collecting_waits_for_who_counts_without_the_clearing() {
    let mut stores = three();
    let keys = opened(&mut stores, "count", Kind::Counter);
    let ([a, b, c], [in_a, in_b, in_c]) = ([0, 1, 2], [keys[0], keys[1], keys[2]]);
    stores[b].increment(in_b, 5).unwrap();
    tell(&mut stores, b, c);
    stores[c].clear(in_c).unwrap();
    tell(&mut stores, c, a);
    tell(&mut stores, a, b);
    tell(&mut stores, a, c);
    assert_eq!(stores[a].collect(), Ok(0));
    stores[b].increment(in_b, 1).unwrap();
    meet(&mut stores);
    assert!(stores.iter().zip(keys).all(|(store, key)| store.total(key) == Ok(1)));
    assert_eq!(stores[a].total(in_a), Ok(1));
}

/// Who has missed that something was collected hears of it by digests and by states.
#[test]
fn what_was_collected_goes_by_digests_and_states() {
    for by_state in [false, true] {
        let mut stores = three();
        let keys = opened(&mut stores, "count", Kind::Counter);
        stores[0].increment(keys[0], 5).unwrap();
        stores[0].clear(keys[0]).unwrap();
        meet(&mut stores);
        assert_eq!(stores[0].collect(), Ok(1));
        let [a, b, _] = &mut stores;
        if by_state {
            let mut state = vec![0; a.state_len()];
            a.state(&mut state).unwrap();
            b.merge(&state, 0).unwrap();
        }
        let (mut frame, mut answer) = (vec![0; 2000], vec![0; 2000]);
        let mut equal = false;
        for _ in 0..3 {
            let mut len = a.digest(&mut frame).unwrap();
            let mut to_b = true;
            while len > 0 {
                let at: &mut Store<'_> = if to_b { b } else { a };
                let done = at.reconcile(&frame[..len], 0, &mut answer).unwrap();
                (len, to_b, equal) = (done.len, !to_b, done.equal);
                std::mem::swap(&mut frame, &mut answer);
            }
        }
        assert!(equal);
        assert_eq!((a.usage().bytes, b.usage().bytes), (0, 0));
        assert_eq!(b.seen(ReplicaId(1)), 3);
    }
}

/// What was collected before it came, in frames that come in another order, stays away.
#[test]
fn late_parts_of_what_was_collected_stay_away() {
    let mut stores = three();
    let keys = opened(&mut stores, "count", Kind::Counter);
    let mut empty = Store::new(&StoreConfig::default(), Heap).unwrap();
    let nothing = context(&mut empty);
    let mut frame = vec![0; 1000];
    stores[1].increment(keys[1], 5).unwrap();
    let old = stores[1].delta(&nothing, 0, &mut frame).unwrap();
    let old = frame[..old.len].to_vec();
    meet(&mut stores);
    stores[0].clear(keys[0]).unwrap();
    meet(&mut stores);
    let before = context(&mut stores[0]);
    assert_eq!(stores[1].collect(), Ok(1));
    let last = stores[1].delta(&before, 0, &mut frame).unwrap();
    empty.merge(&frame[..last.len], 0).unwrap();
    empty.merge(&old, 0).unwrap();
    let all = stores[1].delta(&nothing, 0, &mut frame).unwrap();
    empty.merge(&frame[..all.len], 0).unwrap();
    let key = empty.open(Store::ROOT, b"count", Kind::Counter).unwrap();
    assert_eq!((empty.total(key), empty.usage().early), (Ok(0), 0));
}

/// Nobody forgets a replica of which somebody has a change that is not here.
#[test]
fn a_replica_is_forgotten_when_all_have_all_of_it() {
    let mut stores = three();
    let keys = opened(&mut stores, "set", Kind::AddWinsSet);
    stores[2].add(keys[2], b"x").unwrap();
    tell(&mut stores, 2, 1);
    for store in &mut stores[..2] {
        store.retire(ReplicaId(3)).unwrap();
    }
    let peer = context(&mut stores[1]);
    stores[0].delta(&peer, 0, &mut [0; 100]).unwrap();
    assert_eq!(stores[0].forget(ReplicaId(3)), Err(Error::CrdtMember));
    meet(&mut stores[..2]);
    assert_eq!(stores[1].adopt(ReplicaId(3)), Ok(1));
    meet(&mut stores[..2]);
    for store in &mut stores[..2] {
        store.forget(ReplicaId(3)).unwrap();
    }
    assert_eq!(stores[0].contains(keys[0], b"x"), Ok(true));
    assert_eq!(stores[0].usage().replicas, 2);
}

/// Of two values of the same time the number of the replica decides, after it was adopted,
/// too.
#[test]
fn adopting_leaves_the_last_writer() {
    for adopts in [0, 1] {
        let mut stores = three();
        let keys = opened(&mut stores, "last", Kind::LastWriter);
        for n in 0..3 {
            let value = [b'a' + n as u8];
            stores[n].assign_bytes(keys[n], &value, 1000).unwrap();
        }
        let mut frames = vec![];
        for store in &mut stores {
            let mut state = vec![0; store.state_len()];
            store.state(&mut state).unwrap();
            frames.push(state);
        }
        for store in &mut stores {
            frames.iter().for_each(|frame| _ = store.merge(frame, 1000).unwrap());
            assert_eq!(store.last_written(keys[0]).unwrap().unwrap().0, b"c");
        }
        let left: Vec<_> = (0..2).map(|n| ReplicaId([3, 2][n])).collect();
        for gone in left.into_iter().take(1 + adopts) {
            stores[0].retire(gone).unwrap();
            stores[0].adopt(gone).unwrap();
            assert_eq!(stores[0].last_written(keys[0]).unwrap().unwrap().0, b"c");
        }
    }
}

/// A HyperLogLog and a Count-Min sketch at paths with the same hash.
#[test]
fn sketches_with_the_same_hash_are_told_apart() {
    let seed = |kind: u32| kind.wrapping_mul(0x9e37_79b1);
    let hash = |n: u32, kind| xxhash_rust::xxh32::xxh32(&n.to_le_bytes(), seed(kind));
    // XXH32 of four bytes goes by their product with this number, plus the seed.
    const FACTOR: u32 = 0xc2b2_ae3d;
    let inverse =
        (0..5).fold(FACTOR, |x, _| x.wrapping_mul(2u32.wrapping_sub(FACTOR.wrapping_mul(x))));
    let (name, other) = (7u32, seed(12).wrapping_sub(seed(13)).wrapping_mul(inverse) + 7);
    assert_eq!(hash(name, 12), hash(other, 13));
    let [mut a, mut b, _] = three();
    let seen = a.open(Store::ROOT, &name.to_le_bytes(), Kind::HyperLogLog).unwrap();
    let often = a.open(Store::ROOT, &other.to_le_bytes(), Kind::CountMin).unwrap();
    a.observe(seen, b"x", 1).unwrap();
    a.observe(often, b"y", 3).unwrap();
    a.observe(seen, b"z", 1).unwrap();
    let peer = context(&mut b);
    let mut frame = [0; 1000];
    let told = a.delta(&peer, 0, &mut frame).unwrap();
    b.merge(&frame[..told.len], 0).unwrap();
    assert_eq!(all_of(&mut a), all_of(&mut b));
    let often = b.open(Store::ROOT, &other.to_le_bytes(), Kind::CountMin).unwrap();
    assert_eq!(b.frequency(often, b"y"), Ok(3));
}
