//! Keys whose names begin alike.

use std::collections::BTreeSet;

use neural_swarm::Error;
use neural_swarm::crdt::{Kind, Store, StoreConfig};
use neural_swarm::port::Heap;

use crate::replica::Random;
use crate::seeds;

/// Names of few letters, the highest byte among them, some too long for a key itself.
fn name(random: &mut Random) -> Vec<u8> {
    let len = random.below(4);
    let mut name: Vec<u8> = (0..len).map(|_| [0, b'a', b'b', 255][random.below(4)]).collect();
    if random.chance(20) {
        name.extend(b" and so on");
    }
    name
}

#[test]
fn keys_with_a_prefix_are_listed_in_order_and_no_others() {
    for seed in seeds(5000, 100) {
        let mut random = Random::new(seed);
        let config = StoreConfig { keys: 200, ..StoreConfig::default() };
        let mut store = Store::new(&config, Heap).unwrap();
        let map = store.open(Store::ROOT, b"a map", Kind::Map).unwrap();
        let mut model = BTreeSet::new();
        for _ in 0..random.below(80) {
            let (name, kind) = (name(&mut random), [Kind::Max, Kind::Min][random.below(2)]);
            let key = store.open(map, &name, kind).unwrap();
            // Held open with nothing in it: not listed.
            if random.chance(80) {
                store.offer(key, 1).unwrap();
                store.close(key).unwrap();
                model.insert((name, kind));
            }
        }
        for _ in 0..20 {
            let prefix = name(&mut random);
            let listed = store.keys_with_prefix(map, &prefix).unwrap();
            let listed: Vec<_> = listed.map(|entry| (entry.name.to_vec(), entry.kind)).collect();
            let want: Vec<_> =
                model.iter().filter(|(name, _)| name.starts_with(&prefix)).cloned().collect();
            assert_eq!(listed, want, "{prefix:?} of seed {seed}");
            // One by one, from anywhere.
            let (name, kind) = (name(&mut random), Kind::Max);
            let last = neural_swarm::crdt::KeyEntry { name: &name, kind };
            let next = store.next_with_prefix(map, &prefix, Some(last)).unwrap();
            let behind = want.iter().find(|(n, k)| (n, *k) > (&name, kind));
            assert_eq!(next.map(|e| (e.name.to_vec(), e.kind)), behind.cloned());
            let first = store.next_with_prefix(map, &prefix, None).unwrap();
            assert_eq!(first.map(|e| (e.name, e.kind)), want.first().map(|(n, k)| (&n[..], *k)));
        }
    }
}

#[test]
fn a_prefix_wants_an_open_map() {
    let mut store = Store::new(&StoreConfig::default(), Heap).unwrap();
    let set = store.open(Store::ROOT, b"set", Kind::AddWinsSet).unwrap();
    assert_eq!(store.keys_with_prefix(set, b"").err(), Some(Error::CrdtKind));
    store.close(set).unwrap();
    assert_eq!(store.keys_with_prefix(set, b"").err(), Some(Error::CrdtKey));
    assert_eq!(store.next_with_prefix(set, b"", None), Err(Error::CrdtKey));
    assert_eq!(store.keys_with_prefix(Store::ROOT, b"").unwrap().count(), 0);
}
