//! Stores whose changes are journaled, and that lose all that was not.

use neural_swarm::Error;
use neural_swarm::crdt::{Kind, MAX_SEQ, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;

use crate::replica::{KEYS, Replica, WHOLE, all_of};
use crate::seeds;
use crate::snapshots::{load, saved};
use crate::world::World;

/// All that happened since, as one record; nothing if that is not known.
fn journaled(store: &mut Store<'_>, from: u64) -> Option<Vec<u8>> {
    let len = match store.journal_len(from) {
        Err(Error::CrdtBehind) => {
            assert_eq!(store.journal(from, &mut [0; 500]), Err(Error::CrdtBehind));
            return None;
        }
        len => len.unwrap(),
    };
    let mut record = vec![0; len];
    if len > 0 {
        assert_eq!(store.journal(from, &mut record[1..]), Err(Error::BufferTooSmall));
    }
    assert_eq!(store.journal(from, &mut record), Ok(len));
    Some(record)
}

/// Takes in all records.
fn replay(store: &mut Store<'_>, mut journal: &[u8]) -> Result<(), Error> {
    loop {
        match store.replay(journal)? {
            0 => return Ok(()),
            len => journal = &journal[len..],
        }
    }
}

/// A snapshot and what happened since.
#[derive(Default)]
struct Kept {
    snapshot: Vec<u8>,
    journal: Vec<u8>,
    from: u64,
    snapshots: usize,
}

impl Kept {
    fn keep(&mut self, store: &mut Store<'_>) {
        match journaled(store, self.from) {
            Some(record) => self.journal.extend(record),
            None => {
                self.snapshot = saved(store, WHOLE);
                self.journal.clear();
                self.snapshots += 1;
            }
        }
        self.from = store.journal_end();
    }

    fn restored(&self, config: &StoreConfig) -> Replica {
        let mut replica = Replica::new(config);
        if !self.snapshot.is_empty() {
            load(&mut replica.store, &self.snapshot, 100).unwrap();
        }
        replay(&mut replica.store, &self.journal).unwrap();
        replica
    }
}

/// What a store knows, in an order that does not depend on who was heard of first.
fn known(replica: &mut Replica) -> Vec<(u64, u64)> {
    let ids = (0..2).chain(90..=100);
    let early = replica.store.usage().early as u64;
    ids.map(|id| (id, replica.store.seen(ReplicaId(id)))).chain([(u64::MAX, early)]).collect()
}

/// What a store knows and has, by whatever way it came to it.
fn same(a: &mut Replica, b: &mut Replica) {
    assert_eq!(known(a), known(b));
    assert_eq!(all_of(&mut a.store), all_of(&mut b.store));
    let (x, y) = (a.store.usage(), b.store.usage());
    assert_eq!((x.items, x.early), (y.items, y.early));
}

/// Every replica keeps what it did and took in, and is replaced by what it kept: with just
/// the room that it had.
#[test]
fn a_store_comes_back_from_its_journal() {
    let (mut snapshots, mut records) = (0, 0);
    for seed in seeds(6000, 150) {
        println!("seed {seed}");
        let count = 2 + (seed % 3) as usize;
        let full = StoreConfig {
            items: 40,
            keys: 20,
            bytes: 600,
            early: 6,
            log: if seed % 5 == 0 { 12 } else { 100 },
            ..StoreConfig::default()
        };
        let roomy = StoreConfig { log: 400, early: 64, ..StoreConfig::default() };
        let config = if seed % 2 == 0 { full } else { roomy };
        let mtu = if seed % 6 == 1 { 250 } else { WHOLE };
        let mut world = World::new(seed, count, &config, mtu);
        let mut kept: Vec<Kept> = (0..count).map(|_| Kept::default()).collect();
        for _ in 0..300 {
            match world.random.below(10) {
                0..4 => world.change(),
                4..6 => world.tell(),
                _ => world.arrive(),
            }
            let at = world.random.below(count);
            // Keys that are open take room, too, which a new store has.
            (0..KEYS.len()).for_each(|which| world.replicas[at].close(which));
            kept[at].keep(&mut world.replicas[at].store);
            if world.random.chance(5) {
                let config = world.config_of(at);
                let mut new = kept[at].restored(&config);
                if mtu == WHOLE {
                    same(&mut new, &mut world.replicas[at]);
                }
                assert_eq!(known(&mut new), known(&mut world.replicas[at]));
                world.replicas[at] = new;
                kept[at].from = world.replicas[at].store.journal_end();
                records += kept[at].journal.len();
                snapshots += kept[at].snapshots;
            }
        }
        if config.early == 64 {
            world.settle();
            let want = all_of(&mut world.replicas[0].store);
            for at in 1..count {
                (0..KEYS.len()).for_each(|which| world.replicas[at].close(which));
                assert_eq!(all_of(&mut world.replicas[at].store), want);
            }
        }
    }
    assert!(snapshots > 30 && records > 10_000, "{snapshots} {records}");
}

/// Frames of several, whose values come before their changes: none that had a value is
/// without one.
#[test]
fn nothing_is_missing_after_a_journal_of_some_frames_of_many() {
    let config = StoreConfig { log: 3000, early: 200, ..StoreConfig::default() };
    let peer = StoreConfig { replica: ReplicaId(1), ..config };
    let (mut a, mut b) = (Replica::new(&config), Replica::new(&peer));
    let mut kept = Kept::default();
    for turn in 0..300 {
        for which in [0, 5, 7, 9, 10] {
            let key = a.key(which).unwrap();
            let done = match KEYS[which].2 {
                Kind::AddWinsSet => a.store.add(key, b"an element"),
                Kind::EnableWinsFlag => a.store.set_flag(key, true),
                Kind::Max => a.store.offer(key, turn).map(|_| ()),
                _ => a.store.assign_bytes(key, &[turn as u8; 20], 1_700_000_000_000),
            };
            done.unwrap();
        }
        if turn > 0 && turn % 100 != 0 {
            continue;
        }
        for frame in a.tell(&b.context(), if turn == 0 { WHOLE } else { 300 }) {
            b.store.merge(&frame, 1_700_000_000_000).unwrap();
            kept.keep(&mut b.store);
            let mut again = kept.restored(&peer);
            same(&mut again, &mut b);
            for which in [0, 5, 7, 9, 10] {
                assert_eq!(again.value(which).len(), 1, "{:?}", KEYS[which]);
            }
        }
    }
    assert_eq!(kept.snapshots, 0);
}

/// Whatever is not in the log is said not to be.
#[test]
fn what_the_log_has_not_is_said() {
    let config = StoreConfig { log: 5, ..StoreConfig::default() };
    let peer = StoreConfig { replica: ReplicaId(1), ..config };
    let (mut a, mut b) = (Replica::new(&config), Replica::new(&peer));
    let (in_a, in_b) = (a.key(0).unwrap(), b.key(0).unwrap());
    let is_behind = |store: &mut Store<'_>, from| journaled(store, from).is_none();
    a.store.add(in_a, b"1").unwrap();
    assert_eq!(a.store.journal(2, &mut [0; 99]), Err(Error::Invalid), "still to come");
    let mut from = a.store.journal_end();
    assert_eq!(journaled(&mut a.store, from), Some(vec![]));
    for n in 0..5u8 {
        a.store.add(in_a, &[n]).unwrap();
    }
    assert!(!is_behind(&mut a.store, from));
    a.store.add(in_a, b"one more than it holds").unwrap();
    assert!(is_behind(&mut a.store, from));

    // A state, and a digest, that brings something; and the same again, which does not.
    b.store.add(in_b, b"2").unwrap();
    from = a.store.journal_end();
    a.store.merge(&b.state(), 0).unwrap();
    assert!(is_behind(&mut a.store, from));
    from = a.store.journal_end();
    a.store.merge(&b.state(), 0).unwrap();
    assert_eq!(journaled(&mut a.store, from), Some(vec![]));
    b.store.add(in_b, b"3").unwrap();
    let (mut frame, mut answer) = (vec![0; 2000], vec![0; 2000]);
    let mut to_a = true;
    let mut len = b.store.digest(&mut frame).unwrap();
    while len > 0 {
        let at = if to_a { &mut a } else { &mut b };
        len = at.store.reconcile(&frame[..len], 0, &mut answer).unwrap().len;
        (frame, answer, to_a) = (answer, frame, !to_a);
    }
    assert!(a.store.contains(in_a, b"3").unwrap());
    assert!(is_behind(&mut a.store, from));
    from = a.store.journal_end();
    let len = a.store.digest(&mut frame).unwrap();
    a.store.reconcile(&frame[..len], 0, &mut answer).unwrap();
    assert_eq!(journaled(&mut a.store, from), Some(vec![]));

    // More changes without effects than the log holds.
    let mut frame = vec![1, 1, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0];
    frame.extend([7, 0, 1, 2]);
    a.store.merge(&frame, 0).unwrap();
    assert!(!is_behind(&mut a.store, from));
    frame.extend([7, 0, 4, 50]);
    a.store.merge(&frame, 0).unwrap();
    assert!(is_behind(&mut a.store, from));

    // A loaded store begins anew, and so does one without a log with each change.
    from = a.store.journal_end();
    let mut new = Store::new(&config, Heap).unwrap();
    load(&mut new, &saved(&mut a.store, WHOLE), WHOLE).unwrap();
    assert!(new.journal_end() > 0 && is_behind(&mut new, 0));
    assert!(new.journal_len(from).is_err());
    let mut none = Replica::new(&StoreConfig { log: 0, ..config });
    let key = none.key(0).unwrap();
    none.store.add(key, b"1").unwrap();
    assert!(is_behind(&mut none.store, 0));
    let from = none.store.journal_end();
    assert_eq!(journaled(&mut none.store, from), Some(vec![]));
}

/// Every end that a record may have, and every damage, ends the journal there.
#[test]
fn a_torn_or_damaged_record_is_found() {
    let config = StoreConfig::default();
    let mut a = Replica::new(&config);
    let key = a.key(0).unwrap();
    let (mut journal, mut ends) = (vec![], vec![0]);
    for n in 0..4u8 {
        let from = a.store.journal_end();
        a.store.add(key, &[n; 20]).unwrap();
        a.store.remove(key, &[n; 20]).unwrap();
        a.store.add(key, &[n; 30]).unwrap();
        journal.extend(journaled(&mut a.store, from).unwrap());
        ends.push(journal.len());
    }
    for len in 0..=journal.len() {
        let mut again = Replica::new(&config);
        let whole = ends.iter().filter(|end| **end <= len).count() - 1;
        let torn = replay(&mut again.store, &journal[..len]);
        assert_eq!(torn, if ends.contains(&len) { Ok(()) } else { Err(Error::CrdtTorn) });
        assert_eq!(again.store.seen(ReplicaId(0)), 3 * whole as u64);
    }
    for at in 0..journal.len() {
        let mut bad = journal.clone();
        bad[at] ^= 0x10;
        let mut again = Replica::new(&config);
        let refused = replay(&mut again.store, &bad);
        assert!(matches!(refused, Err(Error::CrdtDamaged | Error::CrdtTorn)), "{at}");
        let whole = ends.iter().filter(|end| **end <= at).count() - 1;
        assert_eq!(again.store.seen(ReplicaId(0)), 3 * whole as u64);
    }
    // A record that is missing in between would make numbers come twice.
    let mut again = Replica::new(&config);
    again.store.replay(&journal).unwrap();
    assert_eq!(again.store.replay(&journal[ends[2]..]), Err(Error::CrdtOwn));
    assert_eq!(again.store.seen(ReplicaId(0)), 3);
    for other in
        [StoreConfig { replica: ReplicaId(1), ..config }, StoreConfig { seed: 1, ..config }]
    {
        let mut other = Replica::new(&other);
        assert_eq!(other.store.replay(&journal), Err(Error::CrdtForeign));
    }
    // Those that it has change nothing.
    let mut all = Replica::new(&config);
    for _ in 0..3 {
        replay(&mut all.store, &journal).unwrap();
        same(&mut all, &mut a);
    }
}

/// What was assigned before is before what is assigned after, without a clock, too.
#[test]
fn a_replayed_clock_does_not_go_back() {
    let config = StoreConfig::default();
    let mut a = Replica::new(&config);
    let key = a.key(7).unwrap();
    a.store.assign_bytes(key, b"late", 1_700_000_000_000).unwrap();
    let stamp = a.store.last_written(key).unwrap().unwrap().1;
    // The only item that has the stamp is gone.
    a.store.clear(key).unwrap();
    for whole in [false, true] {
        let mut again = Replica::new(&config);
        if whole {
            load(&mut again.store, &saved(&mut a.store, 10), 10).unwrap();
        } else {
            replay(&mut again.store, &journaled(&mut a.store, 0).unwrap()).unwrap();
        }
        let key = again.key(7).unwrap();
        again.store.assign_bytes(key, b"early", 0).unwrap();
        assert!(again.store.last_written(key).unwrap().unwrap().1 > stamp);
    }
}

/// Right sums around what is no record of changes.
#[test]
fn forged_records_are_refused() {
    let seal = |held: &[u8]| {
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
        let len = (held.len() as u32).to_le_bytes();
        let sum = crc.checksum(&[&len[..], held].concat());
        [&len[..], &sum.to_le_bytes(), held].concat()
    };
    let config = StoreConfig::default();
    let mut store = Store::new(&config, Heap).unwrap();
    let usage = store.usage();
    // Whose it is, XXH32 of 8 zeros, and the clock.
    let clock = [&xxhash_rust::xxh32::xxh32(&[0; 8], 0).to_le_bytes()[..], &[0; 8]].concat();
    let frame = |frame: &[u8]| {
        seal(&[&[4][..], &clock, &(frame.len() as u32).to_le_bytes(), frame].concat())
    };
    for bad in [
        seal(&[4]),
        seal(&[5, 0, 0, 0, 0, 0, 0, 0, 0]),
        seal(&[&[4][..], &clock[..11]].concat()),
        seal(&[&[4][..], &clock, &[1]].concat()),
        seal(&[&[4][..], &clock, &[9, 0, 0, 0, 1, 1]].concat()),
        frame(&[1, 2, 0]),
        frame(&[1, 3, 0]),
        frame(&[1, 1, 0, 99]),
        frame(&[]),
    ] {
        assert_eq!(store.replay(&bad), Err(Error::CrdtFormat), "{bad:?}");
    }
    assert_eq!(store.replay(&frame(&[2, 1])), Err(Error::CrdtVersion));
    assert_eq!(store.replay(&seal(&[4; 13])), Err(Error::CrdtForeign));
    assert_eq!((store.usage(), store.seen(ReplicaId(0))), (usage, 0));
    assert_eq!(store.replay(&[]), Ok(0));
    // Stamps of any time were let in once, and numbers up to the last are.
    let mut last = vec![1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1];
    last.extend(
        (0..6).map(|i| ((MAX_SEQ - 1) >> (7 * i)) as u8 & 127 | if i < 5 { 128 } else { 0 }),
    );
    assert_eq!(store.replay(&frame(&last)), Ok(frame(&last).len()));
    assert_eq!(store.seen(ReplicaId(0)), MAX_SEQ);
}

/// A clearing tells the counter as it is now, with what was counted after it in the same
/// record.
#[test]
fn a_record_has_a_counter_that_was_cleared_and_counted_since() {
    let config = StoreConfig::default();
    let mut a = Store::new(&config, Heap).unwrap();
    let key = a.open(Store::ROOT, b"a counter", Kind::Counter).unwrap();
    a.increment(key, 5).unwrap();
    a.clear(key).unwrap();
    a.increment(key, 3).unwrap();
    let mut again = Store::new(&config, Heap).unwrap();
    replay(&mut again, &journaled(&mut a, 0).unwrap()).unwrap();
    let key = again.open(Store::ROOT, b"a counter", Kind::Counter).unwrap();
    assert_eq!((again.total(key), again.seen(ReplicaId(0))), (Ok(3), 3));
    again.increment(key, 1).unwrap();
    assert_eq!(again.total(key), Ok(4));
}
