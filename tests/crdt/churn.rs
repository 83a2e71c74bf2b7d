//! Small stores in which things come and go for long: what was given back is used again,
//! to the last byte, and nothing is left behind.

use std::mem::MaybeUninit;

use neural_swarm::Error;
use neural_swarm::crdt::{Key, Kind, ReplicaId, Store, StoreConfig, StoreUsage};
use neural_swarm::port::Arena;

use crate::laws::canonical;
use crate::replica::{KEYS, Random, Replica, WHOLE};
use crate::times;
use crate::world::World;

const SMALL: StoreConfig = StoreConfig {
    replica: ReplicaId(0),
    replicas: 4,
    keys: 24,
    items: 90,
    bytes: 1500,
    log: 500,
    early: 16,
    max_ahead_ms: 60_000,
    sketch_precision: 4,
    sketch_width: 4,
    sketch_depth: 1,
    seed: 7,
    watches: 0,
    events: 0,
};

/// The docs of `Kind` say what an item and a key take.
#[test]
fn an_item_takes_31_bytes_and_a_key_46() {
    let size = |config: &StoreConfig| Store::footprint(config).unwrap().size();
    let base = StoreConfig { items: 1024, keys: 1024, ..SMALL };
    assert_eq!(size(&StoreConfig { items: 2048, ..base }) - size(&base), 31 * 1024);
    assert_eq!(size(&StoreConfig { keys: 2048, ..base }) - size(&base), 46 * 1024);
}

fn sync(world: &mut World, from: usize, to: usize) {
    let peer = world.replicas[to].context();
    for frame in world.replicas[from].tell(&peer, WHOLE) {
        world.take_in(to, &frame);
    }
}

/// Elements of different lengths, until no byte of the heap is left.
fn fill_bytes(store: &mut Store<'_>, set: Key, random: &mut Random, mark: u8) {
    // 8 bytes beside each of more than 8.
    const LEAST: usize = 17;
    let mut n = 0u16;
    loop {
        let free = SMALL.bytes - store.usage().bytes;
        if free < LEAST {
            break;
        }
        let cost = LEAST + random.below(80);
        let cost = if free < cost + LEAST { free } else { cost };
        let mut element = vec![mark; cost - 8];
        element[..2].copy_from_slice(&n.to_le_bytes());
        store.add(set, &element).unwrap();
        n += 1;
    }
}

/// Removes every second element.
fn thin(store: &mut Store<'_>, set: Key) {
    let mut all: Vec<Vec<u8>> = store.elements(set).unwrap().map(Vec::from).collect();
    all.sort();
    for element in all.iter().step_by(2) {
        assert!(store.remove(set, element).unwrap());
    }
}

/// Fills a store with all that goes in, in holes that were left; how full it is then.
fn brim(store: &mut Store<'_>, random: &mut Random) -> StoreUsage {
    let set = store.open(Store::ROOT, b"brim", Kind::AddWinsSet).unwrap();
    for mark in 0..3 {
        fill_bytes(store, set, random, mark);
        if mark < 2 {
            thin(store, set);
        }
    }
    let mut n = 0u32;
    while store.usage().items < SMALL.items {
        store.add(set, &n.to_le_bytes()).unwrap();
        n += 1;
    }
    assert_eq!(store.add(set, b"more"), Err(Error::Capacity));
    let mut keys = vec![];
    while store.usage().keys < SMALL.keys {
        keys.push(store.open(Store::ROOT, &[n as u8, 1], Kind::Max).unwrap());
        n += 1;
    }
    assert_eq!(store.open(Store::ROOT, b"more", Kind::Max), Err(Error::Capacity));
    let usage = store.usage();
    for key in keys {
        store.close(key).unwrap();
    }
    store.close(set).unwrap();
    usage
}

/// Cycles of changes by two, of filling one up, and of emptying both. How many changes.
fn cycles(seed: u64, count: usize) -> u64 {
    let mut world = World::new(seed, 2, &SMALL, WHOLE);
    (world.modelled, world.sketches) = (false, false);
    let mut random = Random::new(seed);
    let empty = StoreUsage { replicas: 2, ..StoreUsage::default() };
    let mut full_cycles = 0;
    for cycle in 0..count {
        for _ in 0..60 {
            for _ in 0..1 + world.random.below(4) {
                world.change();
            }
            let from = world.random.below(2);
            sync(&mut world, from, 1 - from);
        }
        for which in 0..KEYS.len() {
            world.replicas[0].close(which);
            world.replicas[1].close(which);
        }
        sync(&mut world, 1, 0);
        sync(&mut world, 0, 1);
        // Unless the changes of one had no room in the other.
        let [a, b] = [0, 1].map(|at: usize| canonical(&mut world.replicas[at]));
        if a == b {
            let full = brim(&mut world.replicas[0].store, &mut random);
            let marks = StoreUsage { keys: SMALL.keys, items: SMALL.items, early: 0, ..full };
            assert_eq!(full, marks, "cycle {cycle} of seed {seed}");
            assert!(SMALL.bytes - full.bytes < 17);
            // What one of them holds the other can hold, and take away again.
            sync(&mut world, 0, 1);
            assert_eq!(usage(&world.replicas[1]), usage(&world.replicas[0]), "cycle {cycle}");
            full_cycles += 1;
        }
        for (at, other) in [(1, 0), (0, 1), (1, 0)] {
            world.replicas[at].store.clear(Store::ROOT).unwrap();
            sync(&mut world, at, other);
        }
        // What remembers that something is not there goes when both have it.
        for at in [0, 1] {
            sync(&mut world, 0, 1);
            sync(&mut world, 1, 0);
            world.replicas[at].store.collect().unwrap();
        }
        sync(&mut world, 1, 0);
        for replica in &world.replicas {
            assert_eq!(replica.store.usage(), empty, "cycle {cycle} of seed {seed}");
        }
    }
    assert!(full_cycles > count / 2, "{full_cycles} of {count}");
    let store = &world.replicas[0].store;
    world.replicas.iter().map(|replica| store.seen(replica.store.replica())).sum()
}

fn usage(replica: &Replica) -> (usize, usize, usize) {
    let usage = replica.store.usage();
    (usage.keys, usage.items, usage.bytes)
}

/// A quarter of a million changes; in scripts/soak NSW_SEEDS times as many of the same stores.
#[test]
fn a_small_store_holds_as_much_however_much_came_and_went() {
    let mut changes = 0;
    for seed in 12_000..12_004 {
        println!("seed {seed}");
        changes += cycles(seed, 200 * times() as usize);
    }
    println!("{changes} changes");
    assert!(changes >= 250_000 * times(), "{changes}");
}

/// A store takes what it says it does, when it is made, and nothing after that.
#[test]
fn memory_is_asked_for_once() {
    let layout = Store::footprint(&SMALL).unwrap();
    let mut memory = vec![MaybeUninit::uninit(); layout.size() + layout.align()];
    let arena = Arena::new(&mut memory);
    let mut store = Store::new(&SMALL, &arena).unwrap();
    let taken = arena.usage();
    let mut random = Random::new(1);
    for _ in 0..50 {
        brim(&mut store, &mut random);
        store.clear(Store::ROOT).unwrap();
        assert_eq!(arena.usage(), taken);
    }
    assert!(Store::new(&SMALL, &arena).is_err());
}
