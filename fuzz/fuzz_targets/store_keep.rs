//! Any bytes as snapshots and journals of a small store, as they are and with sums that are
//! right: nothing panics, what is refused leaves the store empty, and what is taken in is a
//! store that can be saved and loaded like another.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::crdt::{Kind, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;

fn store() -> Store<'static> {
    let config = StoreConfig {
        replica: ReplicaId(1),
        replicas: 4,
        keys: 10,
        items: 12,
        bytes: 240,
        log: 24,
        early: 8,
        ..StoreConfig::default()
    };
    Store::new(&config, Heap).expect("good settings")
}

/// CRC-32C, bit by bit.
fn sum(parts: &[&[u8]]) -> u32 {
    let mut sum = !0u32;
    for byte in parts.iter().flat_map(|part| part.iter()) {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !sum
}

fn record(held: &[u8]) -> Vec<u8> {
    let len = (held.len() as u32).to_le_bytes();
    let sum = sum(&[&len, held]).to_le_bytes();
    [&len[..], &sum, held].concat()
}

/// A snapshot of records that hold these bytes, one for each length.
fn snapshot(clock: u8, held: &[u8]) -> Vec<u8> {
    let begin = [
        &[1, 0, 0, 0, 0, 10, 4, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0][..],
        &[clock; 8],
        &[0, 0, 0, 0, 0, 4, 0, 0],
    ]
    .concat();
    let mut records = vec![record(&begin)];
    let mut rest = held;
    while let [len, more @ ..] = rest {
        let (held, more) = more.split_at(usize::from(*len).min(more.len()));
        records.push(record(&[&[2], held].concat()));
        rest = more;
    }
    let sums: Vec<u8> = records.iter().flat_map(|record| record[4..8].to_vec()).collect();
    let count = (records.len() as u64).to_le_bytes();
    records.push(record(&[&[3][..], &count, &sum(&[&sums]).to_le_bytes()].concat()));
    [&b"NSWS\x01"[..], &records.concat()].concat()
}

fn saved(store: &mut Store<'_>) -> Vec<u8> {
    let mut all = vec![0; usize::try_from(store.save_len()).expect("small")];
    assert_eq!(store.save(0, &mut all), Ok(all.len()));
    all
}

fn load(store: &mut Store<'_>, snapshot: &[u8], piece: usize) -> bool {
    let mut scratch = [0; 1200];
    let all = snapshot.chunks(piece).try_for_each(|piece| store.load(piece, &mut scratch));
    all.and_then(|()| store.load_end()).is_ok()
}

fn use_it(store: &mut Store<'_>) {
    let key = store.open(Store::ROOT, b"key", Kind::AddWinsSet);
    if let Ok(key) = key {
        let _ = store.add(key, b"an element");
        let _ = store.clear(Store::ROOT);
        store.close(key).expect("it is open");
    }
}

fuzz_target!(init: {
    // A change of the format is not to make all that is forged here nothing but refused.
    assert!(load(&mut store(), &snapshot(0, &[9, 1, 1, 0, 0, 0, 0, 0, 0, 0]), 50));
}, |input: &[u8]| {
    let [what, piece, rest @ ..] = input else { return };
    let mut us = store();
    let (empty, usage) = (saved(&mut us), us.usage());
    let piece = usize::from(*piece) + 1;
    let loaded = match what % 4 {
        0 => load(&mut us, rest, piece),
        1 => load(&mut us, &snapshot(*what, rest), piece),
        _ => {
            let frame = [&(rest.len() as u32).to_le_bytes()[..], rest].concat();
            let whose = whose().to_le_bytes();
            let journal = record(&[&[4][..], &whose, &[*what; 8], &frame].concat());
            let _ = us.replay(rest);
            let _ = us.replay(&journal);
            // Whatever was taken in is a store that can be kept.
            let all = saved(&mut us);
            assert!(load(&mut store(), &all, 50), "what was saved");
            use_it(&mut us);
            return;
        }
    };
    if !loaded {
        assert_eq!((saved(&mut us), us.usage()), (empty, usage), "nothing of it is there");
        use_it(&mut us);
        return;
    }
    let all = saved(&mut us);
    let mut again = store();
    assert!(load(&mut again, &all, 50), "what was saved");
    assert_eq!(saved(&mut again), all);
    use_it(&mut us);
});

/// What the records of this replica and seed have in front.
fn whose() -> u32 {
    let mut store = store();
    let key = store.open(Store::ROOT, b"key", Kind::Max).expect("room");
    store.offer(key, 1).expect("room");
    let mut record = [0; 200];
    store.journal(0, &mut record).expect("room");
    u32::from_le_bytes([record[9], record[10], record[11], record[12]])
}
