//! Stores beside a model of what they should hold, over a network that loses,
//! repeats and reorders.

#[cfg(all(feature = "std", unix))]
#[path = "../common/mod.rs"]
mod common;

mod behind;
mod churn;
mod digests;
mod journals;
mod laws;
mod lists;
mod members;
mod memory;
mod model;
mod replica;
mod scan;
mod scripts;
// About a million steps in all tests together.
#[path = "../common/seeds.rs"]
mod seeds;
mod sim;
mod snapshots;
#[cfg(all(feature = "std", unix))]
mod storage;
mod transactions;
mod untold;
mod watches;
mod world;

use neural_swarm::Error;
use neural_swarm::crdt::{Kind, MAX_SEQ, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;

use self::replica::{KEYS, Random, Replica, WHOLE, all_of, bytes};
use self::seeds::{seeds, times};
use self::world::World;

fn run(seed: u64, steps: usize, config: &StoreConfig, mtu: usize) {
    println!("seed {seed}");
    let count = 2 + (seed % 4) as usize;
    let mut world = World::new(seed, count, config, mtu);
    for step in 0..steps {
        match world.random.below(10) {
            0..4 => world.change(),
            4..6 => world.tell(),
            _ => world.arrive(),
        }
        if step % 4 == 0 && mtu == WHOLE {
            let at = world.random.below(count);
            world.check(at);
        }
    }
    world.settle();
    let want = all_of(&mut world.replicas[0].store);
    for at in 0..count {
        // Values that came before their changes may have been seen and undone: the model
        // does not know of that.
        if mtu == WHOLE {
            world.check(at);
        }
        for which in 0..KEYS.len() {
            world.replicas[at].close(which);
        }
        assert_eq!(all_of(&mut world.replicas[at].store), want, "replica {at} of seed {seed}");
        assert_eq!(world.replicas[at].store.usage().early, 0);
    }
    world.check_orders();
}

#[test]
fn replicas_hold_what_the_model_says_in_any_order() {
    for seed in seeds(0, 600) {
        run(seed, 600, &StoreConfig { log: 400, ..StoreConfig::default() }, WHOLE);
    }
}

#[test]
fn replicas_agree_after_many_small_frames_in_any_order() {
    for seed in seeds(1000, 600) {
        let mtu = 200 + seed as usize % 400;
        run(seed, 600, &StoreConfig { log: 400, early: 64, ..StoreConfig::default() }, mtu);
    }
}

/// What has a value before and after many changes has one in between, too.
#[test]
fn nothing_is_missing_between_the_frames_of_many_changes() {
    let config = StoreConfig { log: 3000, early: 200, ..StoreConfig::default() };
    let (mut a, mut b) =
        (Replica::new(&config), Replica::new(&StoreConfig { replica: ReplicaId(1), ..config }));
    // A set, a flag and registers of one and of several values.
    let kept = [0, 5, 7, 9, 10];
    let mut random = Random::new(1);
    for turn in 0..400 {
        for which in kept {
            let key = a.key(which).unwrap();
            let done = match KEYS[which].2 {
                Kind::AddWinsSet => a.store.add(key, b"an element"),
                Kind::EnableWinsFlag => a.store.set_flag(key, true),
                Kind::Max => a.store.offer(key, turn).map(|_| ()),
                _ => a.store.assign_bytes(key, &bytes(&mut random), 1_700_000_000_000),
            };
            done.unwrap();
        }
        if turn > 0 && turn % 100 != 0 {
            continue;
        }
        let context = b.context();
        let frames = a.tell(&context, if turn == 0 { WHOLE } else { 300 });
        assert!(turn == 0 || frames.len() > 5);
        for frame in frames {
            b.store.merge(&frame, 1_700_000_000_000).unwrap();
            for which in kept {
                assert_eq!(b.value(which).len(), 1, "{:?}", KEYS[which]);
            }
        }
        assert_eq!(all_of(&mut b.store), all_of(&mut a.store));
        for which in kept {
            b.close(which);
        }
    }
}

/// A replica that lost its changes may get them back, from the first on; and is kept
/// from making others of the same numbers.
#[test]
fn own_changes_come_back_in_order_alone() {
    let config = StoreConfig::default();
    let mut peer = Replica::new(&StoreConfig { replica: ReplicaId(1), ..config });
    let (mut all, mut context) = (vec![], peer.context());
    let mut first = Replica::new(&config);
    for n in 0..3u8 {
        let key = first.key(0).unwrap();
        first.store.add(key, &[n]).unwrap();
        all.extend(first.tell(&context, WHOLE));
        peer.store.merge(&all[n as usize], 0).unwrap();
        context = peer.context();
    }
    let mut again = Replica::new(&config);
    let usage = again.store.usage();
    assert_eq!(again.store.merge(&all[1], 0), Err(Error::CrdtOwn));
    assert_eq!((again.store.usage(), again.store.seen(ReplicaId(0))), (usage, 0));
    for frame in &all {
        again.store.merge(frame, 0).unwrap();
    }
    let key = again.key(0).unwrap();
    again.store.add(key, b"the fourth").unwrap();
    assert_eq!(again.store.seen(ReplicaId(0)), 4);
}

/// A peer may have heard of them in another order; it tells them in one frame.
#[test]
fn own_changes_of_a_frame_come_back_in_any_order() {
    let config = StoreConfig { early: 4, ..StoreConfig::default() };
    let mut peer = Replica::new(&StoreConfig { replica: ReplicaId(1), ..config });
    let mut first = Replica::new(&config);
    let key = first.key(0).unwrap();
    for n in 0..5u8 {
        first.store.add(key, &[n]).unwrap();
    }
    let frames = first.tell(&peer.context(), 27);
    assert_eq!(frames.len(), 5);
    for n in [4, 2, 1, 3, 0] {
        peer.store.merge(&frames[n], 0).unwrap();
    }
    let mut again = Replica::new(&StoreConfig { early: 0, ..config });
    for frame in peer.tell(&again.context(), WHOLE) {
        again.store.merge(&frame, 0).unwrap();
    }
    assert_eq!(again.store.seen(ReplicaId(0)), 5);
    assert_eq!(again.value(0), first.value(0));
}

#[test]
fn a_short_log_is_made_up_for_by_states() {
    for seed in seeds(2000, 300) {
        run(seed, 500, &StoreConfig { log: 6, early: 40, ..StoreConfig::default() }, WHOLE);
    }
}

/// After the last number there is no further change, and what was asked for is not done.
#[test]
fn sequence_numbers_end_with_an_error() {
    let mut replica = Replica::new(&StoreConfig::default());
    // All of this replica's changes but none of their effects: 1, and 2^40 - 2 more.
    let last = MAX_SEQ - 1;
    let mut frame = vec![1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1];
    frame.extend((0..6).map(|i| (last >> (7 * i)) as u8 & 127 | if i < 5 { 128 } else { 0 }));
    replica.store.merge(&frame, 0).unwrap();
    assert_eq!(replica.store.seen(ReplicaId(0)), MAX_SEQ);
    let key = replica.key(0).unwrap();
    let usage = replica.store.usage();
    assert_eq!(replica.store.add(key, b"a"), Err(Error::Overflow));
    assert_eq!(replica.store.usage(), usage);
    assert!(replica.value(0).is_empty());
}

/// Each part stands in the frames that docs/store-format.md names, and in no other.
#[test]
fn parts_stand_in_their_frames_alone() {
    const DELTA: u8 = 1;
    const STATE: u8 = 2;
    const CONTEXT: u8 = 3;
    const DIGEST: u8 = 4;
    let parts: [(&[u8], &[u8]); 15] = [
        (&[2, 1, 2, 1, b'k'], &[DELTA, STATE, DIGEST]),
        (&[3, 0, 2], &[DELTA]),
        (&[2, 1, 2, 1, b'k', 4, 0, 2, 1, b'x'], &[DELTA, STATE]),
        (&[2, 1, 3, 1, b'k', 5, 0, 2, 1, b'x'], &[DELTA, STATE]),
        (&[3, 0, 2, 6, 0, 1, 0, 0, 0, 0], &[DELTA]),
        (&[7, 0, 2, 0], &[DELTA, STATE, CONTEXT, DIGEST]),
        (&[8, 0, 3], &[STATE, CONTEXT, DIGEST]),
        (&[9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[DIGEST]),
        (&[10, 0, 0, 0], &[DIGEST]),
        (&[2, 1, 2, 1, b'k', 11, 0, 2, 1, b'x'], &[DELTA, STATE, DIGEST]),
        (&[2, 1, 3, 1, b'k', 12, 0, 2, 1, b'x'], &[DELTA, STATE, DIGEST]),
        (&[13, 0, 1, 0, 0, 0, 0], &[DIGEST]),
        (&[2, 1, 11, 1, b'k', 14, 0, 2, 4, 0, 2, 2, 1], &[DELTA]),
        (&[2, 1, 11, 1, b'k', 15, 4, 0, 2, 2, 1], &[DELTA, STATE, DIGEST]),
        (&[3, 0, 2, 16, 3, 0, 3], &[DELTA]),
    ];
    for (part, frames) in parts {
        for frame in [DELTA, STATE, CONTEXT, DIGEST] {
            // Version, what it is, generation, a replica, the first of its changes.
            let mut bytes = vec![1, frame, 0, 1, 77, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1, 0];
            bytes.extend(part);
            let mut store = Store::new(&StoreConfig::default(), Heap).unwrap();
            let mut answer = [0; 200];
            let done = match frame {
                CONTEXT => store.delta(&bytes, 0, &mut answer).map(|_| ()),
                DIGEST => store.reconcile(&bytes, 0, &mut answer).map(|_| ()),
                _ => store.merge(&bytes, 0).map(|_| ()),
            };
            let want = if frames.contains(&frame) { Ok(()) } else { Err(Error::CrdtFormat) };
            assert_eq!(done, want, "{part:?} in {frame}");
        }
    }
}
