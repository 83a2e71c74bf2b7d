//! Stores in files, on a disk that crashes and fails at every point.

use neural_swarm::Error;
use neural_swarm::crdt::{Key, Kind, ReplicaId, Store, StoreConfig};
use neural_swarm::host::{Files, Folder, Opened, Origin, Storage, StorageConfig};
use neural_swarm::port::Heap;

use crate::common::disk::{Disk, Fate, Tear, Temporary};
use crate::replica::{Random, all_of};

fn damage(disk: &Disk, name: &str, at: usize) {
    disk.edit(name, |bytes| bytes[at] ^= 0x40);
}

/// What is left of what was not durable: some of the names and a part of the bytes, the first of both.
fn after_crash(disk: &Disk, seed: u64) -> Disk {
    disk.after_crash(Tear::First(seed))
}

fn settings() -> StoreConfig {
    StoreConfig {
        replica: ReplicaId(7),
        replicas: 4,
        keys: 8,
        items: 200,
        bytes: 8000,
        log: 12,
        early: 8,
        seed: 3,
        ..StoreConfig::default()
    }
}

/// So that snapshots come often.
const SMALL: StorageConfig = StorageConfig { journal_bytes: 900 };

fn empty() -> Store<'static> {
    Store::new(&settings(), Heap).unwrap()
}

fn open<F: Files>(files: F) -> (Storage<F>, Store<'static>, Opened) {
    let mut store = empty();
    let (storage, opened) = Storage::open(files, SMALL, &mut store).unwrap();
    (storage, store, opened)
}

fn set(store: &mut Store<'_>) -> Key {
    store.open(Store::ROOT, b"a set", Kind::AddWinsSet).unwrap()
}

/// This replica's changes and what is there, by which a store at a time is told from
/// all others.
fn look(store: &mut Store<'_>) -> (u64, u64, String) {
    let peer = store.seen(ReplicaId(8));
    (store.seen(settings().replica), peer, all_of(store))
}

/// A replica with a disk, and a peer that tells it things.
struct Node {
    storage: Storage<Disk>,
    store: Store<'static>,
    peer: Store<'static>,
    random: Random,
    /// What was acknowledged, and what was done since.
    acknowledged: (u64, u64, String),
    since: Vec<(u64, u64, String)>,
}

impl Node {
    fn new(disk: Disk, seed: u64) -> Option<Node> {
        let mut store = empty();
        let (storage, _) = Storage::open(disk, SMALL, &mut store).ok()?;
        let peer = StoreConfig { replica: ReplicaId(8), ..settings() };
        let peer = Store::new(&peer, Heap).unwrap();
        let acknowledged = look(&mut store);
        Some(Node { storage, store, peer, random: Random::new(seed), acknowledged, since: vec![] })
    }

    /// Changes something, or takes in what the peer changed.
    fn change(&mut self) {
        let key = set(&mut self.store);
        let reg = self.store.open(Store::ROOT, b"a register", Kind::LastWriter).unwrap();
        let element = [self.random.below(30) as u8; 25];
        match self.random.below(8) {
            0..3 => self.store.add(key, &element).unwrap(),
            3 => self.store.remove(key, &element).map(|_| ()).unwrap(),
            4 => self.store.assign_bytes(reg, &element, 1_700_000_000_000).unwrap(),
            5 if self.random.chance(20) => self.store.clear(key).unwrap(),
            what => {
                let in_peer = set(&mut self.peer);
                for _ in 0..3 {
                    self.peer.add(in_peer, &[self.random.below(30) as u8; 25]).unwrap();
                }
                let mut frame = vec![0; 9000];
                let mut context = vec![0; 500];
                let len = self.store.context(&mut context).unwrap();
                let told = self.peer.delta(&context[..len], 0, &mut frame).map(|told| told.len);
                // Sometimes by a state, which the journal cannot tell.
                let len = match told {
                    Ok(len) if what < 7 => len,
                    _ => self.peer.state(&mut frame).unwrap(),
                };
                self.store.merge(&frame[..len], 1_700_000_000_000).unwrap();
            }
        }
        self.since.push(look(&mut self.store));
    }

    /// A while of work, some of it acknowledged.
    fn work(&mut self, turns: usize) {
        for _ in 0..turns {
            self.change();
            let kept = match self.random.below(5) {
                0 => {
                    // Written, but not yet flushed.
                    let _ = self.storage.append(&mut self.store);
                    continue;
                }
                1 => continue,
                2 => self.storage.append(&mut self.store).and_then(|()| self.storage.flush()),
                3 if self.random.chance(20) => self.storage.snapshot(&mut self.store),
                _ => self.storage.commit(&mut self.store),
            };
            if kept.is_ok() {
                self.acknowledged = look(&mut self.store);
                self.since.clear();
            }
        }
    }

    /// The disk after a crash has what was acknowledged, or something later, and goes on.
    fn check(&self, disk: Disk, what: &str) {
        let (mut storage, mut store, opened) = open(disk.clone());
        assert_ne!(opened.origin, Origin::Previous, "{what}");
        let found = look(&mut store);
        let is_one = found == self.acknowledged || self.since.contains(&found);
        assert!(is_one, "{what}: {found:?}, not {:?}", self.acknowledged);
        // Numbers go on behind all that was acknowledged, and are durable, too.
        let key = set(&mut store);
        store.add(key, b"one more").unwrap();
        assert!(store.seen(settings().replica) > self.acknowledged.0);
        storage.commit(&mut store).unwrap();
        let (_, mut again, opened) = open(after_crash(&disk, 5));
        assert_eq!((look(&mut again), opened.cut), (look(&mut store), 0), "{what}");
    }
}

/// Every operation on the disk is the last one in its turn.
#[test]
fn a_crash_at_any_point_loses_nothing_that_was_acknowledged() {
    for seed in 0..6 {
        let mut points = 0;
        for at in 1.. {
            let disk = Disk::new(seed * 1000 + at as u64, Some((at, Fate::Crashes)));
            if let Some(mut node) = Node::new(disk.clone(), seed) {
                node.work(60);
                for tear in 0..4 {
                    node.check(after_crash(&disk, tear * 77 + at as u64), "after a crash");
                }
            }
            if !disk.crashed() {
                break;
            }
            points = at;
        }
        assert!(points > 80, "{points} points of seed {seed}");
    }
}

/// A crash, and another one while or after its traces are cleared away.
#[test]
fn a_crash_after_a_crash_loses_nothing_either() {
    let mut cuts = 0;
    for seed in 0..40u64 {
        let disk = Disk::new(seed, Some((20 + seed as usize * 2, Fate::Crashes)));
        let Some(mut node) = Node::new(disk.clone(), seed) else { continue };
        node.work(60);
        for at in 1..12 {
            let again = after_crash(&disk, seed);
            again.fare(Some((at, Fate::Crashes)));
            let mut store = empty();
            if let Ok((mut storage, opened)) = Storage::open(again.clone(), SMALL, &mut store) {
                cuts += usize::from(opened.cut > 0);
                let _ = storage.snapshot(&mut store);
            } else {
                assert!(again.crashed());
                assert_eq!((store.usage().items, store.seen(settings().replica)), (0, 0));
            }
            node.check(after_crash(&again, at as u64), "after two");
        }
    }
    assert!(cuts > 20, "{cuts} torn ends");
}

/// Every operation fails in its turn, once, or from then on until the power fails.
#[test]
fn a_disk_that_fails_keeps_what_was_acknowledged() {
    for (seed, fate) in (0..8).zip([Fate::Fails, Fate::Breaks].into_iter().cycle()) {
        for at in 1.. {
            let disk = Disk::new(seed * 1000 + at as u64, Some((at, fate)));
            let mut node = Node::new(disk.clone(), seed).expect("no operation on a new folder");
            node.work(60);
            node.check(after_crash(&disk, at as u64), "with a failure before");
            let failed = disk.done() >= at;
            // When the disk is good again all that is missing gets there.
            disk.fare(None);
            node.storage.commit(&mut node.store).unwrap();
            (node.acknowledged, node.since) = (look(&mut node.store), vec![]);
            node.check(after_crash(&disk, at as u64), "after a failure");
            if !failed {
                break;
            }
        }
    }
}

/// A snapshot that is damaged has a predecessor; what is damaged and cannot be made up for
/// is refused.
#[test]
fn damage_is_made_up_for_or_refused() {
    let disk = Disk::new(1, None);
    let mut node = Node::new(disk.clone(), 1).unwrap();
    let key = set(&mut node.store);
    let mut number = 0;
    while number < 3 {
        node.store.add(key, &[number as u8; 30]).unwrap();
        node.storage.commit(&mut node.store).unwrap();
        if disk.list().contains(&format!("snapshot-{}", number + 1)) {
            number += 1;
        }
    }
    node.store.add(key, b"after the third snapshot").unwrap();
    node.storage.commit(&mut node.store).unwrap();
    node.store.add(key, b"and more").unwrap();
    node.storage.commit(&mut node.store).unwrap();
    assert_eq!(disk.list(), ["journal-2", "journal-3", "snapshot-2", "snapshot-3"]);
    let want = look(&mut node.store);
    let (_, mut store, opened) = open(after_crash(&disk, 0));
    assert_eq!((look(&mut store), opened.origin, opened.cut), (want.clone(), Origin::Newest, 0));
    assert_eq!(opened.records, 2);
    let refused = |disk: &Disk| {
        let mut store = empty();
        let refused = Storage::open(disk.clone(), SMALL, &mut store).err().unwrap();
        assert_eq!((store.usage().items, store.seen(settings().replica)), (0, 0));
        refused
    };
    for at in 0..disk.size("snapshot-3") {
        let bad = after_crash(&disk, 0);
        damage(&bad, "snapshot-3", at);
        if at == 4 {
            assert_eq!(refused(&bad), Error::CrdtVersion);
            continue;
        }
        let (mut storage, mut store, opened) = open(bad.clone());
        assert_eq!((look(&mut store), opened.origin), (want.clone(), Origin::Previous), "{at}");
        // Until the next one is there.
        storage.snapshot(&mut store).unwrap();
        let (_, mut store, opened) = open(after_crash(&bad, 0));
        assert_eq!((look(&mut store), opened.origin), (want.clone(), Origin::Newest));
    }
    // Both snapshots; the journal in between; one that is needed is missing.
    let bad = after_crash(&disk, 0);
    damage(&bad, "snapshot-3", 50);
    damage(&bad, "snapshot-2", 50);
    assert_eq!(refused(&bad), Error::CrdtDamaged);
    for at in 0..disk.size("journal-2") {
        let bad = after_crash(&disk, 0);
        damage(&bad, "snapshot-3", 50);
        damage(&bad, "journal-2", at);
        assert_eq!(refused(&bad), Error::CrdtDamaged, "{at}");
    }
    for name in ["snapshot-2", "journal-2"] {
        let mut bad = after_crash(&disk, 0);
        damage(&bad, "snapshot-3", 50);
        bad.remove(name).unwrap();
        assert_eq!(refused(&bad), Error::CrdtDamaged, "{name}");
    }
    // A record that was durable before the last flush.
    let first = 8 + u32::from_le_bytes(disk.bytes()["journal-3"][..4].try_into().unwrap()) as usize;
    for at in 0..first {
        let bad = after_crash(&disk, 0);
        damage(&bad, "journal-3", at);
        assert_eq!(refused(&bad), Error::CrdtDamaged, "{at}");
    }
    // The last one cannot be told from one that was never flushed.
    let bad = after_crash(&disk, 0);
    damage(&bad, "journal-3", disk.size("journal-3") - 1);
    let (.., opened) = open(bad.clone());
    assert!(opened.cut > 0);
    assert_eq!(open(bad).2.cut, 0, "it is gone");
}

#[test]
fn files_are_for_one_store() {
    let disk = Disk::new(1, None);
    let (mut storage, mut store, opened) = open(disk.clone());
    assert_eq!(opened, Opened { origin: Origin::Journal, records: 0, cut: 0 });
    let key = set(&mut store);
    store.add(key, b"x").unwrap();
    store.add(key, b"y").unwrap();
    storage.commit(&mut store).unwrap();
    let mut other = Store::new(&StoreConfig { replica: ReplicaId(1), ..settings() }, Heap).unwrap();
    assert_eq!(storage.commit(&mut other), Err(Error::CrdtForeign));
    assert_eq!(storage.snapshot(&mut other), Err(Error::CrdtForeign));
    for config in
        [StoreConfig { replica: ReplicaId(1), ..settings() }, StoreConfig { seed: 1, ..settings() }]
    {
        let mut other = Store::new(&config, Heap).unwrap();
        let refused = Storage::open(disk.clone(), SMALL, &mut other);
        assert_eq!(refused.err(), Some(Error::CrdtForeign));
    }
    let before = look(&mut store);
    let refused = Storage::open(disk.clone(), SMALL, &mut store);
    assert_eq!((refused.err(), look(&mut store)), (Some(Error::CrdtNotEmpty), before));
    let mut small =
        Store::new(&StoreConfig { items: 1, keys: 1, bytes: 0, ..settings() }, Heap).unwrap();
    assert_eq!(Storage::open(disk, SMALL, &mut small).err(), Some(Error::Capacity));
    assert_eq!((small.usage().items, small.usage().keys), (0, 0));
}

#[test]
fn a_store_in_a_folder_comes_back() {
    use std::os::unix::fs::PermissionsExt;
    let place = Temporary::new("storage");
    let path = &place.0;
    let mut want = None;
    for turn in 0..30u8 {
        let (mut storage, mut store, opened) = open(Folder::open(path).unwrap());
        assert_eq!(Folder::open(path).err(), Some(Error::Busy));
        if let Some(want) = want {
            assert_eq!(look(&mut store), want);
        }
        let torn = turn > 0 && turn % 4 == 0;
        assert_eq!(opened.cut, if torn { 3 } else { 0 });
        let key = set(&mut store);
        for n in 0..10 {
            store.add(key, &[turn % 8, n]).unwrap();
            storage.commit(&mut store).unwrap();
        }
        want = Some(look(&mut store));
        drop(storage);
        if turn % 4 == 3 {
            // A write that was not finished.
            let mut names: Vec<_> = std::fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter_map(|name| name.strip_prefix("journal-")?.parse::<u64>().ok())
                .collect();
            names.sort_unstable();
            let journal = path.join(format!("journal-{}", names.last().unwrap()));
            let mut bytes = std::fs::read(&journal).unwrap();
            bytes.extend([9, 0, 0]);
            std::fs::write(&journal, bytes).unwrap();
        }
    }
    let mode = |name: &str| path.join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    for entry in std::fs::read_dir(path).unwrap() {
        assert_eq!(mode(entry.unwrap().file_name().to_str().unwrap()), 0o600);
    }
    // A few files, whatever was done.
    assert!(std::fs::read_dir(path).unwrap().count() <= 5);
    assert_eq!(Folder::open(&path.join("no/such")).err(), Some(Error::HostIo));
    assert_eq!(Folder::open(&path.join("lock")).err(), Some(Error::HostIo));
}
