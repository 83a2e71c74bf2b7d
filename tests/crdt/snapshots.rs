//! Stores that are saved and loaded.

use neural_swarm::Error;
use neural_swarm::crdt::{Kind, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;

use crate::replica::{KEYS, Random, Replica, WHOLE, all_of};
use crate::seeds;
use crate::world::World;

/// A snapshot, taken in pieces of so many bytes.
pub fn saved(store: &mut Store<'_>, piece: usize) -> Vec<u8> {
    let mut all = vec![];
    loop {
        let mut buffer = vec![0xaa; piece];
        let len = store.save(all.len() as u64, &mut buffer).unwrap();
        all.extend_from_slice(&buffer[..len]);
        if len == 0 {
            assert_eq!(all.len() as u64, store.save_len());
            return all;
        }
        assert!(len == piece || all.len() as u64 == store.save_len(), "full pieces");
    }
}

/// Loads a snapshot in pieces of so many bytes.
pub fn load(store: &mut Store<'_>, snapshot: &[u8], piece: usize) -> Result<(), Error> {
    let mut scratch = vec![0; 2048];
    for piece in snapshot.chunks(piece) {
        store.load(piece, &mut scratch)?;
    }
    store.load_end()
}

/// What was given and seen of stamps: an assignment has the next one.
fn clock(replica: &mut Replica) -> u64 {
    let key = replica.key(7).unwrap();
    replica.store.assign_bytes(key, b"", 0).unwrap();
    replica.store.last_written(key).unwrap().unwrap().1.0
}

/// A new store loaded from an old one, which is to be as that.
fn reloaded(old: &mut Replica, config: &StoreConfig, piece: usize) -> Replica {
    let snapshot = saved(&mut old.store, piece);
    let mut new = Replica::new(config);
    load(&mut new.store, &snapshot, piece).unwrap();
    assert_eq!(all_of(&mut new.store), all_of(&mut old.store));
    assert_eq!(new.context(), old.context());
    assert_eq!(saved(&mut new.store, WHOLE), snapshot, "saved again");
    let (was, is) = (old.store.usage(), new.store.usage());
    assert_eq!((was.items, was.early, was.replicas), (is.items, is.early, is.replicas));
    new
}

/// Worlds in which replicas are replaced by what was saved of them, in between.
#[test]
fn a_store_goes_on_from_its_snapshot() {
    for seed in seeds(5000, 80) {
        println!("seed {seed}");
        let count = 2 + (seed % 3) as usize;
        let piece = [1, 7, 100, WHOLE][seed as usize % 4];
        let config = StoreConfig { log: 400, early: 64, ..StoreConfig::default() };
        let mtu = if seed % 2 == 0 { WHOLE } else { 250 };
        let mut world = World::new(seed, count, &config, mtu);
        for step in 0..300 {
            match world.random.below(10) {
                0..4 => world.change(),
                4..6 => world.tell(),
                6 if seed % 3 == 0 => {
                    // Items come before their changes.
                    world.reconcile(step % count, (step + 1) % count, 600, 30);
                }
                _ => world.arrive(),
            }
            if world.random.chance(3) {
                let at = world.random.below(count);
                let config = world.config_of(at);
                let new = reloaded(&mut world.replicas[at], &config, piece);
                world.replicas[at] = new;
            }
        }
        for at in 0..count {
            let config = world.config_of(at);
            let mut new = reloaded(&mut world.replicas[at], &config, piece);
            assert_eq!(clock(&mut new), clock(&mut world.replicas[at]));
            world.replicas[at] = reloaded(&mut new, &config, piece);
        }
        world.settle();
        let want = all_of(&mut world.replicas[0].store);
        for at in 0..count {
            for which in 0..KEYS.len() {
                world.replicas[at].close(which);
            }
            assert_eq!(all_of(&mut world.replicas[at].store), want, "replica {at}");
            assert_eq!(world.replicas[at].store.usage().early, 0);
        }
    }
}

/// The state of a store whose keys all have items is the same, byte by byte.
#[test]
fn a_loaded_store_tells_the_same_state() {
    for seed in seeds(5300, 40) {
        let config = StoreConfig { log: 400, ..StoreConfig::default() };
        let mut world = World::new(seed, 2, &config, WHOLE);
        for _ in 0..200 {
            world.change();
            world.tell();
            world.arrive();
        }
        let config = world.config_of(0);
        let old = &mut world.replicas[0];
        (0..KEYS.len()).for_each(|which| old.close(which));
        assert_eq!(reloaded(old, &config, 33).state(), old.state());
    }
}

/// Something of each kind, changes that came early, and such as were undone before.
fn rich() -> (Replica, StoreConfig) {
    let config = StoreConfig { log: 400, early: 64, ..StoreConfig::default() };
    let mut world = World::new(77, 3, &config, 220);
    for step in 0..400 {
        match step % 5 {
            0..3 => world.change(),
            3 => world.tell(),
            _ => {
                world.arrive();
                world.reconcile(step % 3, (step + 1) % 3, 500, 60);
            }
        }
    }
    let mut replica = world.replicas.swap_remove(0);
    let key = replica.key(1).unwrap();
    for n in 0..40u8 {
        replica.store.add(key, &[n; 50]).unwrap();
    }
    (0..KEYS.len()).for_each(|which| replica.close(which));
    assert!(replica.store.usage().early > 0);
    let config = world.config_of(0);
    (replica, config)
}

/// An empty store that has a key open, as callers may.
struct Empty {
    store: Store<'static>,
    config: StoreConfig,
}

impl Empty {
    fn new(config: StoreConfig) -> Empty {
        let mut store = Store::new(&config, Heap).unwrap();
        store.open(Store::ROOT, b"open before it is loaded", Kind::Max).unwrap();
        Empty { store, config }
    }

    /// Refuses a snapshot, and is as it was.
    fn refuses(&mut self, snapshot: &[u8], piece: usize) -> Error {
        let (usage, bytes) = (self.store.usage(), saved(&mut self.store, WHOLE));
        let refused = load(&mut self.store, snapshot, piece).unwrap_err();
        assert_eq!(self.store.usage(), usage);
        assert_eq!(self.store.seen(self.config.replica), 0);
        assert_eq!(saved(&mut self.store, WHOLE), bytes, "nothing of it is there");
        refused
    }
}

#[test]
fn what_is_damaged_or_ends_early_is_refused() {
    let (mut old, config) = rich();
    let good = saved(&mut old.store, WHOLE);
    println!("{} bytes", good.len());
    let mut empty = Empty::new(config);
    for len in 0..good.len() {
        for piece in [WHOLE, 100] {
            assert_eq!(empty.refuses(&good[..len], piece), Error::CrdtTorn, "{len}");
        }
    }
    let mut bad = good.clone();
    for at in 0..good.len() {
        for change in [1, 0x80, 0xff] {
            bad[at] ^= change;
            let error = empty.refuses(&bad, if at % 2 == 0 { WHOLE } else { 100 });
            let expected = match at {
                0..4 => error == Error::CrdtFormat,
                4 => error == Error::CrdtVersion,
                // A longer length may lead past the end.
                _ => matches!(error, Error::CrdtDamaged | Error::CrdtTorn),
            };
            assert!(expected, "byte {at}: {error}");
            bad[at] ^= change;
        }
    }
    assert_eq!(empty.refuses(&[&good[..], b"x"].concat(), 50), Error::CrdtDamaged);
    assert_eq!(empty.refuses(&[&good[..], &good[..]].concat(), WHOLE), Error::CrdtDamaged);
    load(&mut empty.store, &good, 13).unwrap();
    assert_eq!(all_of(&mut empty.store), all_of(&mut old.store));
}

/// Whole records that are left out, come twice or in another order.
#[test]
fn records_are_there_once_and_in_order() {
    let config = StoreConfig::default();
    let mut old = Replica::new(&config);
    let key = old.key(0).unwrap();
    for n in 0..300u32 {
        old.store.add(key, &[&n.to_le_bytes()[..], &[7; 60]].concat()).unwrap();
        if n == 150 {
            old.store.clear(key).unwrap();
        }
    }
    let good = saved(&mut old.store, WHOLE);
    let (start, mut records, mut at) = (&good[..5], vec![], 5);
    while at < good.len() {
        let len = 8 + u32::from_le_bytes(good[at..at + 4].try_into().unwrap()) as usize;
        records.push(&good[at..at + len]);
        at += len;
    }
    assert!(records.len() > 8, "{}", records.len());
    let mut empty = Empty::new(config);
    let mut refuses = |records: &[&[u8]]| {
        let refused = empty.refuses(&[start, &records.concat()].concat(), WHOLE);
        let named = [Error::CrdtDamaged, Error::CrdtTorn, Error::CrdtFormat];
        assert!(named.contains(&refused), "{refused}");
    };
    for at in 0..records.len() {
        let mut some = records.clone();
        some.remove(at);
        refuses(&some);
        some.insert(at, records[at]);
        some.insert(at, records[at]);
        refuses(&some);
        if at > 0 {
            let mut some = records.clone();
            some.swap(at - 1, at);
            refuses(&some);
        }
    }
}

#[test]
fn a_snapshot_is_for_its_replica_seed_and_room() {
    let (mut old, config) = rich();
    let good = saved(&mut old.store, WHOLE);
    let refused = |config| Empty::new(config).refuses(&good, WHOLE);
    assert_eq!(refused(StoreConfig { seed: 1, ..config }), Error::CrdtForeign);
    assert_eq!(refused(StoreConfig { replica: ReplicaId(5), ..config }), Error::CrdtForeign);
    let wider = StoreConfig { sketch_width: config.sketch_width + 1, ..config };
    assert_eq!(refused(wider), Error::CrdtForeign);
    let usage = old.store.usage();
    let full = StoreConfig {
        replicas: usage.replicas,
        items: usage.items,
        // And the one that is open in `Empty`.
        keys: usage.keys + 1,
        bytes: usage.bytes + 8 + 24,
        ..config
    };
    load(&mut Empty::new(full).store, &good, WHOLE).unwrap();
    for less in [
        StoreConfig { replicas: full.replicas - 1, ..full },
        StoreConfig { items: full.items - 1, ..full },
        StoreConfig { keys: full.keys - 1, ..full },
        StoreConfig { bytes: full.bytes - 1, ..full },
        StoreConfig { early: 0, ..full },
    ] {
        assert_eq!(refused(less), Error::Capacity);
    }
}

#[test]
fn saving_and_loading_are_kept_apart_from_changes() {
    let config = StoreConfig::default();
    let mut old = Replica::new(&config);
    let key = old.key(0).unwrap();
    old.store.add(key, b"a").unwrap();
    let mut piece = [0; 20];
    assert_eq!(old.store.save(20, &mut piece), Err(Error::Invalid), "not begun");
    assert_eq!(old.store.save(0, &mut []), Err(Error::BufferTooSmall));
    assert_eq!(old.store.save(0, &mut piece), Ok(20));
    assert_eq!(old.store.save(19, &mut piece), Err(Error::Invalid));
    // What changes nothing is no change: reading, opening, what does not succeed.
    let other = old.store.open(Store::ROOT, b"other", Kind::AddWinsSet).unwrap();
    old.store.close(other).unwrap();
    assert_eq!(old.store.remove(key, b"not there"), Ok(false));
    assert_eq!(old.state().len(), old.store.state_len());
    assert_eq!(old.store.save(20, &mut piece), Ok(20));
    old.store.add(key, b"b").unwrap();
    assert_eq!(old.store.save(40, &mut piece), Err(Error::CrdtChanged));
    assert_eq!(old.store.save(0, &mut piece), Ok(20));
    let mut peer = Replica::new(&StoreConfig { replica: ReplicaId(1), ..config });
    let in_peer = peer.key(0).unwrap();
    peer.store.add(in_peer, b"c").unwrap();
    old.store.merge(&peer.state(), 0).unwrap();
    assert_eq!(old.store.save(20, &mut piece), Err(Error::CrdtChanged));
    let good = saved(&mut old.store, 20);

    assert_eq!(old.store.load(&good, &mut []), Err(Error::CrdtNotEmpty));
    assert_eq!(old.value(0).len(), 3, "as it was");
    let mut new = Replica::new(&config);
    assert_eq!(new.store.load_end(), Err(Error::CrdtTorn), "nothing was begun");
    new.store.load(&good[..50], &mut [0; 100]).unwrap();
    let key = new.key(0).unwrap();
    assert_eq!(new.store.add(key, b"x"), Err(Error::CrdtNotEmpty));
    assert_eq!(new.store.merge(&peer.state(), 0), Err(Error::CrdtNotEmpty));
    assert_eq!(new.store.save(0, &mut piece), Err(Error::CrdtNotEmpty));
    // Half of it would say that the other half was removed.
    assert_eq!(new.store.state(&mut [0; 2000]), Err(Error::CrdtNotEmpty));
    assert_eq!(new.store.digest(&mut [0; 2000]), Err(Error::CrdtNotEmpty));
    assert_eq!(new.store.context(&mut [0; 2000]), Err(Error::CrdtNotEmpty));
    assert_eq!(new.store.collect(), Err(Error::CrdtNotEmpty));
    assert_eq!(new.store.journal(0, &mut piece), Err(Error::CrdtNotEmpty));
    assert_eq!(new.store.load_end(), Err(Error::CrdtTorn));
    // In one piece no memory is needed; in several the longest record.
    assert_eq!(new.store.load(&good[..60], &mut [0; 45]), Err(Error::BufferTooSmall));
    let need = new.store.load_scratch();
    assert_eq!(new.store.load(&good[..good.len() - 1], &mut vec![0; need - 1]), Ok(()));
    assert_eq!(new.store.load_end(), Err(Error::CrdtTorn));
    for piece in [1, good.len()] {
        let mut scratch = vec![0; if piece == 1 { need } else { 0 }];
        let mut new = Store::new(&config, Heap).unwrap();
        good.chunks(piece).for_each(|piece| new.load(piece, &mut scratch).unwrap());
        new.load_end().unwrap();
        assert_eq!(all_of(&mut new), all_of(&mut old.store));
    }
    // The empty store is one, too.
    let nothing = saved(&mut Replica::new(&config).store, 9);
    load(&mut new.store, &nothing, 9).unwrap();
    new.store.add(key, b"the first").unwrap();
    assert_eq!(new.store.seen(ReplicaId(0)), 1);
}

/// Names and values as long as can be.
#[test]
fn a_record_is_as_long_as_its_longest_part() {
    let config = StoreConfig { bytes: 1 << 20, ..StoreConfig::default() };
    let mut old = Store::new(&config, Heap).unwrap();
    let mut map = Store::ROOT;
    let name = [b'n'; 65_535];
    for _ in 0..7 {
        map = old.open(map, &name, Kind::Map).unwrap();
    }
    let key = old.open(map, &name, Kind::LastWriter).unwrap();
    old.assign_bytes(key, &[b'v'; 65_527], 5).unwrap();
    let good = saved(&mut old, 10_000);
    let mut new = Store::new(&config, Heap).unwrap();
    assert_eq!(new.load(&good[..10_000], &mut [0; 2048]), Err(Error::BufferTooSmall));
    let mut scratch = vec![0; new.load_scratch()];
    assert!((589_000..591_000).contains(&scratch.len()), "{}", scratch.len());
    good.chunks(1000).for_each(|piece| new.load(piece, &mut scratch).unwrap());
    new.load_end().unwrap();
    assert_eq!(all_of(&mut new), all_of(&mut old));
}

/// What no store writes, with sums that are right.
#[test]
fn forged_snapshots_are_refused_and_leave_nothing() {
    let mut random = Random::new(9);
    let (mut old, config) = rich();
    let good = saved(&mut old.store, WHOLE);
    let mut taken = 0;
    for _ in 0..3000 {
        let mut forged = good.clone();
        for _ in 0..1 + random.below(3) {
            let at = 46 + random.below(forged.len() - 46 - 21);
            forged[at] = random.below(256) as u8;
        }
        let Some(forged) = resealed(forged) else { continue };
        let mut new = Store::new(&config, Heap).unwrap();
        let empty = new.usage();
        match load(&mut new, &forged, WHOLE) {
            Ok(()) => {
                taken += 1;
                // It is a store like another.
                let all = all_of(&mut new);
                let mut again = Store::new(&config, Heap).unwrap();
                load(&mut again, &saved(&mut new, WHOLE), WHOLE).unwrap();
                assert_eq!(all_of(&mut again), all);
                new.clear(Store::ROOT).unwrap();
            }
            Err(error) => {
                assert!(matches!(error, Error::CrdtFormat | Error::Capacity), "{error}");
                assert_eq!(new.usage(), empty);
            }
        }
    }
    assert!(taken > 50, "{taken}");
}

/// All sums of a snapshot made right, if its lengths still are.
fn resealed(mut snapshot: Vec<u8>) -> Option<Vec<u8>> {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
    let (mut at, mut sums) = (5, vec![]);
    while at < snapshot.len() {
        let len = u32::from_le_bytes(snapshot.get(at..at + 4)?.try_into().ok()?) as usize;
        let end = at.checked_add(8 + len).filter(|end| *end <= snapshot.len())?;
        if end == snapshot.len() && len >= 13 {
            let all = crc.checksum(&sums).to_le_bytes();
            snapshot[end - 4..].copy_from_slice(&all);
        }
        let mut digest = crc.digest();
        digest.update(&snapshot[at..at + 4]);
        digest.update(&snapshot[at + 8..end]);
        let sum = digest.finalize().to_le_bytes();
        snapshot[at + 4..at + 8].copy_from_slice(&sum);
        sums.extend(sum);
        at = end;
    }
    Some(snapshot)
}

/// 100,000 keys: what a snapshot takes, beside a state.
#[test]
fn a_snapshot_takes_little_more_than_a_state() {
    const KEYS: usize = 100_000;
    let config =
        StoreConfig { keys: KEYS, items: KEYS, bytes: KEYS * 40, ..StoreConfig::default() };
    let mut old = Store::new(&config, Heap).unwrap();
    for key in 0..KEYS {
        let name = format!("key {key}");
        let key = old.open(Store::ROOT, name.as_bytes(), Kind::LastWriter).unwrap();
        old.assign_bytes(key, b"a value", 1_700_000_000_000).unwrap();
        old.close(key).unwrap();
    }
    let begun = std::time::Instant::now();
    let all = saved(&mut old, 1 << 16);
    let saving = begun.elapsed();
    let mut new = Store::new(&config, Heap).unwrap();
    let begun = std::time::Instant::now();
    load(&mut new, &all, 1 << 16).unwrap();
    let loading = begun.elapsed();
    println!("{KEYS} keys: {} bytes, saved in {saving:?}, loaded in {loading:?}", all.len());
    assert_eq!(new.usage(), old.usage());
    assert!(all.len() < old.state_len() + old.state_len() / 50);
}
