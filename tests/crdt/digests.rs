//! Replicas that find out in what they differ.

use neural_swarm::Error;
use neural_swarm::crdt::{Kind, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;

use crate::replica::{KEYS, Replica, WHOLE, all_of};
use crate::seeds;
use crate::world::World;

/// With a log of a few changes, and digests whose frames get lost.
#[test]
fn replicas_that_reconcile_agree() {
    for seed in seeds(4000, 200) {
        println!("seed {seed}");
        let count = 2 + (seed % 4) as usize;
        let config = StoreConfig { log: 6, early: 64, ..StoreConfig::default() };
        let mtu = 400 + seed as usize % 400;
        let modelled = seed % 2 == 0;
        let mut world = World::new(seed, count, &config, if modelled { WHOLE } else { mtu });
        for _ in 0..300 {
            let (from, to) = (world.random.below(count), world.random.below(count));
            match world.random.below(10) {
                0..6 => world.change(),
                6..7 => world.tell(),
                7..8 => world.arrive(),
                _ if from == to => {}
                // In between items are there whose changes have not come, which the model
                // does not know.
                _ if modelled => {
                    assert!((0..400).any(|_| world.reconcile(from, to, mtu, 10)));
                    world.check(from);
                    world.check(to);
                }
                _ => {
                    world.reconcile(from, to, mtu, 10);
                }
            }
        }
        // Each with the first one, until it has what all have, and then all with it.
        for _ in 0..2 {
            for other in 1..count {
                let equal = (0..200).any(|_| world.reconcile(other, 0, mtu, 0));
                if !equal {
                    println!(
                        "{}\n---\n{}",
                        all_of(&mut world.replicas[other].store),
                        all_of(&mut world.replicas[0].store)
                    );
                    println!("mtu {mtu}");
                }
                assert!(equal, "{other} of seed {seed}");
            }
        }
        let want = all_of(&mut world.replicas[0].store);
        for at in 0..count {
            if modelled {
                world.check(at);
            }
            for which in 0..KEYS.len() {
                world.replicas[at].close(which);
            }
            assert_eq!(all_of(&mut world.replicas[at].store), want, "replica {at}");
        }
        world.check_orders();
    }
}

/// As many items as do not fit into one frame, and frames as small as they may be.
#[test]
fn frames_of_digests_may_be_small() {
    let config = StoreConfig { items: 500, ..StoreConfig::default() };
    let (mut a, mut b) =
        (Replica::new(&config), Replica::new(&StoreConfig { replica: ReplicaId(1), ..config }));
    let (in_a, in_b) = (a.key(0).unwrap(), b.key(0).unwrap());
    for n in 0..200u32 {
        a.store.add(in_a, &n.to_le_bytes()).unwrap();
        b.store.add(in_b, &(n + 100).to_le_bytes()).unwrap();
    }
    let mtu = 150;
    let mut frames = 0;
    while a.value(0) != b.value(0) {
        let mut frame = vec![0; mtu];
        let len = a.store.digest(&mut frame).unwrap();
        frame.truncate(len);
        let mut to_b = true;
        while !frame.is_empty() {
            let mut answer = vec![0; mtu];
            let at = if to_b { &mut b } else { &mut a };
            let done = at.store.reconcile(&frame, 0, &mut answer).unwrap();
            answer.truncate(done.len);
            (frame, to_b, frames) = (answer, !to_b, frames + 1);
            assert!(frames < 20_000);
        }
    }
    // Not even one sum fits: said, not passed over.
    let (mut frame, mut answer) = (vec![0; mtu], vec![0; b.store.context_len() + 8]);
    a.store.add(in_a, b"one more").unwrap();
    let len = a.store.digest(&mut frame).unwrap();
    assert_eq!(b.store.reconcile(&frame[..len], 0, &mut answer), Err(Error::BufferTooSmall));
}

/// 100,000 keys, of which so many differ: round trips and bytes until both have the same.
fn reconciled(differ: usize) -> (usize, usize) {
    const KEYS: usize = 100_000;
    let config = StoreConfig {
        keys: KEYS + 3000,
        items: KEYS + 3000,
        bytes: (KEYS + 3000) * 40,
        ..StoreConfig::default()
    };
    let store = |id| Store::new(&StoreConfig { replica: ReplicaId(id), ..config }, Heap).unwrap();
    let (mut a, mut b) = (store(1), store(2));
    let now_ms = 1_700_000_000_000;
    let assign = |store: &mut Store<'_>, key: usize, value: &str| {
        let name = format!("key {key}");
        let key = store.open(Store::ROOT, name.as_bytes(), Kind::LastWriter).unwrap();
        store.assign_bytes(key, value.as_bytes(), now_ms).unwrap();
        store.close(key).unwrap();
    };
    for key in 0..KEYS {
        assign(&mut a, key, "a value");
    }
    let mut state = vec![0; a.state_len()];
    a.state(&mut state).unwrap();
    b.merge(&state, now_ms).unwrap();
    // A third each: changed at one, changed at the other, new or gone.
    for n in 0..differ {
        let key = n * (KEYS / differ);
        match n % 3 {
            0 => assign(&mut a, key, "another value"),
            1 => assign(&mut b, key, "yet another value"),
            _ if n % 2 == 0 => assign(&mut b, KEYS + n, "new"),
            _ => {
                let name = format!("key {key}");
                let key = a.open(Store::ROOT, name.as_bytes(), Kind::LastWriter).unwrap();
                a.clear(key).unwrap();
                a.close(key).unwrap();
            }
        }
    }
    let (mut frame, mut bytes, mut frames) = (vec![0; 1 << 20], 0, 0usize);
    let len = a.digest(&mut frame).unwrap();
    frame.truncate(len);
    let mut equal = [false; 2];
    while !frame.is_empty() {
        (bytes, frames) = (bytes + frame.len(), frames + 1);
        let (at, which) = if frames % 2 == 1 { (&mut b, 1) } else { (&mut a, 0) };
        let mut answer = vec![0; 1 << 20];
        let done = at.reconcile(&frame, now_ms, &mut answer).unwrap();
        equal[which] |= done.equal;
        answer.truncate(done.len);
        frame = answer;
        if frame.is_empty() && equal != [true; 2] {
            // Nothing is left to tell: the sums say so.
            frame = vec![0; 1 << 20];
            let len = if which == 0 { a.digest(&mut frame) } else { b.digest(&mut frame) };
            frame.truncate(len.unwrap());
        }
        assert!(frames < 40);
    }
    assert_eq!(all_of(&mut a), all_of(&mut b));
    (frames.div_ceil(2), bytes)
}

#[test]
fn reconciling_costs_what_the_difference_is() {
    let (trips, bytes) = reconciled(10);
    println!("10 of 100,000 differ: {trips} round trips, {bytes} bytes");
    assert!(trips <= 4 && bytes <= 32 * 1024, "{trips} round trips, {bytes} bytes");
    let (trips, bytes) = reconciled(1000);
    println!("1000 of 100,000 differ: {trips} round trips, {bytes} bytes");
    assert!(bytes <= 100 * 32 * 1024, "{bytes} bytes");
}

/// To clear what came by a digest whose changes are still to come has to be remembered: if
/// there is no room for that, nothing changes.
#[test]
fn what_is_cleared_before_its_change_comes_needs_room() {
    let config = StoreConfig { early: 1, ..StoreConfig::default() };
    let mut a = Replica::new(&config);
    let mut b = Replica::new(&StoreConfig { replica: ReplicaId(1), ..config });
    // A set in a map, a flag, and a change that has no part in it.
    let (set, flag) = (1, 5);
    let key = a.key(set).unwrap();
    a.store.add(key, b"1").unwrap();
    a.store.add(key, b"2").unwrap();
    let key = a.key(flag).unwrap();
    a.store.set_flag(key, true).unwrap();
    let own = b.key(set).unwrap();
    b.store.add(own, b"own").unwrap();
    let on = b.key(flag).unwrap();
    b.store.set_flag(on, true).unwrap();
    // As far as the items, not as far as to know that these are all.
    let mut frame = vec![0; 4000];
    let len = a.store.digest(&mut frame).unwrap();
    frame.truncate(len);
    for to_b in [true, false, true] {
        let mut answer = vec![0; 4000];
        let at = if to_b { &mut b } else { &mut a };
        let done = at.store.reconcile(&frame, 0, &mut answer).unwrap();
        answer.truncate(done.len);
        frame = answer;
    }
    assert_eq!((b.value(set).len(), b.store.seen(ReplicaId(0))), (3, 0));
    let map = b.store.open(Store::ROOT, b"a", Kind::Map).unwrap();
    for key in [own, map, Store::ROOT] {
        let (usage, seen) = (b.store.usage(), b.store.seen(ReplicaId(1)));
        assert_eq!(b.store.clear(key), Err(Error::Capacity));
        assert_eq!((b.store.usage(), b.store.seen(ReplicaId(1))), (usage, seen));
        assert_eq!((b.value(set).len(), b.value(flag).len()), (3, 1));
    }
    // One there is room for; and then for no more.
    b.store.set_flag(on, false).unwrap();
    assert_eq!((b.store.usage().early, b.store.clear(own)), (1, Err(Error::Capacity)));
    let context = b.context();
    for frame in a.tell(&context, WHOLE) {
        b.store.merge(&frame, 0).unwrap();
    }
    assert_eq!((b.value(set).len(), b.value(flag).len()), (3, 0));
    b.store.clear(Store::ROOT).unwrap();
    assert_eq!(b.value(set).len(), 0);
    assert_eq!(b.store.usage().items, 0);
}
