//! The steps of replicated memory. `scripts/bench` runs it.

use core::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use neural_swarm::crdt::{Key, Kind, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;

/// A store with a key.
fn store(replica: u64, items: usize, kind: Kind) -> (Store<'static>, Key) {
    let replica = ReplicaId(replica);
    let config = StoreConfig { replica, items, log: 1000, ..StoreConfig::default() };
    let mut store = Store::new(&config, Heap).unwrap();
    let key = store.open(Store::ROOT, b"key", kind).unwrap();
    (store, key)
}

/// The same, a set with the numbers of a range.
fn set(replica: u64, items: usize, numbers: core::ops::Range<u64>) -> (Store<'static>, Key) {
    let (mut store, key) = store(replica, items, Kind::AddWinsSet);
    numbers.for_each(|i| store.add(key, &i.to_le_bytes()).unwrap());
    (store, key)
}

fn sets(c: &mut Criterion) {
    for len in [100, 10_000] {
        let (mut set, key) = set(1, len as usize + 1, 0..len);
        let mut next = len;
        c.bench_function(&format!("set add and remove/{len}"), |b| {
            b.iter(|| {
                next += 1;
                set.add(key, black_box(&next.to_le_bytes())).unwrap();
                set.remove(key, black_box(&next.to_le_bytes())).unwrap()
            });
        });
        c.bench_function(&format!("set contains/{len}"), |b| {
            b.iter(|| set.contains(key, black_box(&7u64.to_le_bytes())).unwrap());
        });
    }
}

fn registers(c: &mut Criterion) {
    for kind in [Kind::LastWriter, Kind::MultiValue] {
        let (mut store, key) = store(1, 1, kind);
        c.bench_function(&format!("assign {kind:?}"), |b| {
            b.iter(|| store.assign_bytes(key, black_box(&[5; 8]), 0).unwrap());
        });
    }
}

fn counters(c: &mut Criterion) {
    let (mut store, key) = store(1, 1, Kind::Counter);
    c.bench_function("count, part of a change", |b| {
        b.iter(|| store.increment(key, black_box(1)).unwrap());
    });
    let other = store.open(Store::ROOT, b"other", Kind::Counter).unwrap();
    c.bench_function("count twice, a change each", |b| {
        b.iter(|| {
            store.increment(key, black_box(1)).unwrap();
            store.increment(other, black_box(1)).unwrap();
        });
    });
}

fn sketches(c: &mut Criterion) {
    for kind in [Kind::HyperLogLog, Kind::CountMin] {
        let (mut store, key) = store(1, 1, kind);
        let mut next = 0u64;
        c.bench_function(&format!("observe {kind:?}"), |b| {
            b.iter(|| {
                next += 1;
                store.observe(key, black_box(&next.to_le_bytes()), 1).unwrap();
            });
        });
        match kind {
            Kind::HyperLogLog => c.bench_function("cardinality", |b| {
                b.iter(|| store.cardinality(key).unwrap());
            }),
            _ => c.bench_function("frequency", |b| {
                b.iter(|| store.frequency(key, black_box(&[7; 8])).unwrap());
            }),
        };
    }
}

fn lists(c: &mut Criterion) {
    let config = StoreConfig { items: 10_001, bytes: 1 << 20, ..StoreConfig::default() };
    let mut store = Store::new(&config, Heap).unwrap();
    let key = store.open(Store::ROOT, b"key", Kind::List).unwrap();
    (0..10_000).for_each(|i| store.insert(key, i, &[5; 8]).unwrap());
    for (name, at) in [("end", 10_000), ("middle", 5000)] {
        c.bench_function(&format!("insert into 10000 and remove, {name}"), |b| {
            b.iter(|| {
                store.insert(key, at, black_box(&[6; 8])).unwrap();
                store.remove_at(key, at, 1).unwrap();
            });
        });
    }
}

/// Frames of a set of 1,000 for another of 10,000, and taking them in.
fn frames(c: &mut Criterion) {
    let (mut sender, _) = set(2, 1000, 100_000..101_000);
    let (mut receiver, _) = set(1, 11_000, 0..10_000);
    let (mut context, mut frame) = (vec![0; 64], vec![0; 65_536]);
    let len = receiver.context(&mut context).unwrap();
    context.truncate(len);
    c.bench_function("delta of 1000", |b| {
        b.iter(|| sender.delta(&context, 0, &mut frame).unwrap());
    });
    let told = sender.delta(&context, 0, &mut frame).unwrap();
    c.bench_function("merge 1000 into 10000", |b| {
        b.iter_batched_ref(
            || set(1, 11_000, 0..10_000).0,
            |receiver| receiver.merge(&frame[..told.len], 0).unwrap(),
            BatchSize::LargeInput,
        );
    });
    c.bench_function("state of 10000", |b| {
        let mut frame = vec![0; receiver.state_len()];
        b.iter(|| receiver.state(&mut frame).unwrap());
    });
    c.bench_function("digest of 10000", |b| {
        b.iter(|| receiver.digest(&mut frame).unwrap());
    });
}

fn all(c: &mut Criterion) {
    sets(c);
    registers(c);
    counters(c);
    sketches(c);
    lists(c);
    frames(c);
}

criterion_group!(benches, all);
criterion_main!(benches);
