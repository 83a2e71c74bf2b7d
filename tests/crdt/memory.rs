//! What memory holds: `cargo test --test crdt memory -- --nocapture` prints it.

use neural_swarm::crdt::{Kind, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;

/// 32 counters that 8 replicas count with, each up to thousands by many changes.
#[test]
fn memory_of_32_counters_of_8_replicas_is_4_kb() {
    let config = StoreConfig {
        replicas: 8,
        keys: 32,
        items: 1,
        bytes: 1800,
        log: 0,
        early: 2,
        ..StoreConfig::default()
    };
    let footprint = Store::footprint(&config).unwrap().size();
    let stores = (0..8).map(|n| StoreConfig { replica: ReplicaId(n), ..config });
    let mut stores: Vec<_> = stores.map(|config| Store::new(&config, Heap).unwrap()).collect();
    for n in 0..32u64 {
        for store in &mut stores {
            let key = store.open(Store::ROOT, &[n as u8], Kind::Counter).unwrap();
            for turn in 0..40 {
                store.increment(key, 100 + n + turn).unwrap();
            }
        }
    }
    let (first, others) = stores.split_first_mut().unwrap();
    for other in others {
        let mut state = vec![0; other.state_len()];
        other.state(&mut state).unwrap();
        first.merge(&state, 0).unwrap();
    }
    for n in 0..32u64 {
        let key = first.open(Store::ROOT, &[n as u8], Kind::Counter).unwrap();
        assert_eq!(first.total(key), Ok(8 * (40 * (100 + n as i64) + 780)));
    }
    let used = first.usage().bytes;
    println!("32 counters of 8 replicas: {footprint} bytes, of which {used} of counts");
    assert!(footprint <= 4096, "{footprint} bytes");
}

/// Bytes an element that a store needs, beyond those of the element.
#[test]
fn memory_of_a_set_is_24_bytes_an_element_beyond_its_own() {
    const ELEMENTS: usize = 1000;
    let config = StoreConfig {
        replicas: 1,
        keys: 1,
        items: ELEMENTS,
        bytes: 0,
        log: 0,
        early: 0,
        ..StoreConfig::default()
    };
    let mut store = Store::new(&config, Heap).unwrap();
    let set = store.open(Store::ROOT, b"set", Kind::AddWinsSet).unwrap();
    for n in 0..ELEMENTS as u64 {
        store.add(set, &n.to_le_bytes()).unwrap();
    }
    let beyond = Store::footprint(&config).unwrap().size() as f64 / ELEMENTS as f64 - 8.0;
    println!("a set of 1,000 u64: {beyond:.1} bytes an element beyond its 8");
    assert!(beyond <= 24.0, "{beyond}");
}
