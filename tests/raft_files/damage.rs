//! Files that are not as they were left.

use neural_swarm::Error;
use neural_swarm::consensus::raft::{EntryKind, NodeId, Record};
use neural_swarm::host::{Files, RaftStorage, RaftStorageConfig};

use crate::common::disk::{Disk, Tear};
use crate::work::{Log, SMALL, Work, read_snapshot, snapshot_bytes};

/// A disk with a log, all of it durable.
pub fn whole(seed: u64, turns: usize) -> (Disk, Log) {
    let disk = Disk::new(seed, None);
    let mut work = Work::new(RaftStorage::open(disk.clone(), SMALL).unwrap(), Log::default(), seed);
    work.work(turns).unwrap();
    work.sync().unwrap();
    (disk, work.known.now().clone())
}

/// An error, or exactly what was there.
fn exact_or_refused(disk: Disk, log: &Log, what: &str) -> bool {
    let mut storage = match RaftStorage::open(disk, SMALL) {
        Err(error) => {
            assert!(matches!(error, Error::RaftLost | Error::HostFile), "{what}: {error}");
            return false;
        }
        Ok(storage) => storage,
    };
    match Log::of(&mut storage) {
        Err(error) => {
            assert_eq!(error, Error::RaftLost, "{what}");
            return false;
        }
        Ok(found) => assert!(found == *log, "{what}: {found:?}, not {log:?}"),
    }
    if log.snapshot.index > 0 {
        match read_snapshot(&mut storage, log.snapshot.index) {
            Err(error) => {
                assert_eq!(error, Error::RaftLost, "{what}");
                return false;
            }
            Ok(bytes) => assert!(bytes == snapshot_bytes(log.snapshot.index), "{what}"),
        }
    }
    true
}

/// Each bit of each file in its turn is another.
#[test]
fn a_bit_that_flips_is_found() {
    let (mut bits, mut exact) = (0, 0);
    for (seed, turns) in [(2, 40), (5, 70), (8, 60)] {
        let (disk, log) = whole(seed, turns);
        for name in disk.list() {
            // Of the application's bytes one bit each.
            let each = if name.starts_with("snapshot") { 1 } else { 8 };
            for at in 0..disk.size(&name) {
                for bit in 0..each {
                    let bad = disk.then(None);
                    bad.edit(&name, |bytes| bytes[at] ^= 1 << ((bit + at) % 8));
                    let what = format!("seed {seed}, {name}, byte {at}, bit {bit}");
                    exact += usize::from(exact_or_refused(bad, &log, &what));
                    bits += 1;
                }
            }
        }
    }
    println!("{bits} bits, {exact} without harm");
    assert!(bits > 30_000, "{bits}");
    // Only what nobody needs any more.
    assert!(exact < bits / 8, "{exact} of {bits}");
}

/// A log whose only entry is long and durable, as a mark says if the config is so.
fn one_entry(config: RaftStorageConfig) -> Disk {
    let disk = Disk::new(1, None);
    let mut work = Work::new(RaftStorage::open(disk.clone(), config).unwrap(), Log::default(), 2);
    work.append(Record::State { term: 1, vote: None }).unwrap();
    let (kind, data) = (EntryKind::Data, &[7; 3000][..]);
    work.append(Record::Entry { index: 1, term: 1, kind, data }).unwrap();
    work.sync().unwrap();
    disk
}

/// An empty sector is what a crash leaves, but not where a mark says that it was durable, even if
/// nothing else follows.
#[test]
fn an_empty_sector_of_what_was_durable_is_lost() {
    let config = RaftStorageConfig { segment_bytes: 9000, ..SMALL };
    let disk = one_entry(config);
    let name = "segment-1";
    for sector in 1..5 {
        let bad = disk.then(None);
        bad.edit(name, |bytes| bytes[sector * 512..][..512].fill(0));
        let opened = RaftStorage::open(bad, config);
        assert_eq!(opened.err(), Some(Error::RaftLost), "sector {sector}");
    }
    // Without syncs nothing was promised.
    let disk = one_entry(RaftStorageConfig { sync: false, ..config });
    disk.edit(name, |bytes| bytes[1024..1536].fill(0));
    let mut storage = RaftStorage::open(disk, config).unwrap();
    let found = Log::of(&mut storage).unwrap();
    assert_eq!((found.term, found.last()), (1, 0));
}

/// What is known to be durable is not written again.
#[test]
fn a_clean_opening_writes_little() {
    let config = RaftStorageConfig { segment_bytes: 9000, ..SMALL };
    let written = |disk: Disk, config| {
        let opened = disk.then(None);
        assert!(RaftStorage::open(opened.clone(), config).is_ok());
        opened.written()
    };
    let disk = one_entry(config);
    assert!(written(disk.clone(), config) < 200, "{}", written(disk, config));
    let disk = one_entry(RaftStorageConfig { sync: false, ..config });
    assert!(written(disk.clone(), config) > 3000, "{}", written(disk, config));
}

/// The file that is written to ends at each byte behind what is durable.
#[test]
fn what_was_not_written_to_its_end_is_cut_off() {
    let (mut cuts, mut torn) = (0, 0);
    for seed in 500..520 {
        let disk = Disk::new(seed, None);
        let mut work =
            Work::new(RaftStorage::open(disk.clone(), SMALL).unwrap(), Log::default(), seed);
        work.work(40).unwrap();
        work.storage.entries(1, 0, |_| Ok(true)).unwrap();
        // What is in the buffer gets to the file.
        if let Ok(Some(sync)) = work.storage.begin_sync() {
            drop(sync);
        }
        let name = format!("segment-{}", next_segment(&disk) - 1);
        for len in disk.durable(&name)..=disk.size(&name) {
            let cut = disk.then(None);
            cut.edit(&name, |bytes| bytes.truncate(len));
            let mut storage = RaftStorage::open(cut.clone(), SMALL).unwrap();
            let found = Log::of(&mut storage).unwrap();
            assert!(work.known.may_be(&found), "seed {seed}, {len} bytes");
            torn += u64::from(storage.status().cut > 0);
            cuts += 1;
            // Something else behind it.
            let other = disk.then(None);
            other.edit(&name, |bytes| {
                bytes.truncate(len);
                bytes.extend((0..200).map(|at| (at * len) as u8));
            });
            let found = Log::of(&mut RaftStorage::open(other, SMALL).unwrap()).unwrap();
            assert!(work.known.may_be(&found), "seed {seed}, {len} bytes and others");
        }
    }
    println!("{cuts} cuts, {torn} within a record");
    assert!(cuts > 2000 && torn > 1000, "{cuts} {torn}");
}

/// Each file in its turn is gone, or is another's.
#[test]
fn a_file_that_is_missing_is_noticed() {
    for seed in 600..620 {
        let (disk, log) = whole(seed, 80);
        let names = disk.list();
        assert!(names.iter().any(|name| name == "newest"));
        for name in &names {
            let without = disk.then(None);
            without.delete(name);
            let exact = exact_or_refused(without, &log, &format!("seed {seed} without {name}"));
            assert!(!exact, "seed {seed} without {name}");
        }
        let segments: Vec<_> = names.iter().filter(|name| name.starts_with("segment")).collect();
        for pair in segments.windows(2) {
            let [one, other] = pair else { unreachable!() };
            let swapped = disk.then(None);
            let (mut a, mut b) = (vec![], vec![]);
            swapped.edit(one, |bytes| a = bytes.clone());
            swapped.edit(other, |bytes| b = core::mem::replace(bytes, a));
            swapped.edit(one, |bytes| *bytes = b);
            assert!(!exact_or_refused(swapped, &log, "swapped"));
        }
    }
}

#[test]
fn files_of_another_node_or_a_later_version_are_refused() {
    let (disk, _) = whole(3, 60);
    let other = RaftStorageConfig { node: NodeId(8), ..SMALL };
    let opened = RaftStorage::open(disk.then(None), other);
    assert_eq!(opened.err(), Some(Error::HostFile));
    for bad in [
        RaftStorageConfig { node: NodeId(0), ..SMALL },
        RaftStorageConfig { segment_bytes: 511, ..SMALL },
        RaftStorageConfig { segment_bytes: (1 << 40) + 1, ..SMALL },
    ] {
        assert_eq!(RaftStorage::open(disk.then(None), bad).err(), Some(Error::Invalid));
    }
    assert!(RaftStorage::open(disk.after_crash(Tear::Nothing), SMALL).is_ok());
}

/// What was being written is removed, and nothing that another program has put there.
#[test]
fn files_of_others_stay() {
    let (disk, log) = whole(4, 60);
    let mut mixed = disk.then(None);
    for name in ["newest.tmp", "segment.tmp", "snapshot.tmp", "arriving.tmp"] {
        mixed.append(name, b"not written to its end").unwrap();
    }
    mixed.append("x.tmp", b"another's").unwrap();
    assert!(exact_or_refused(mixed.clone(), &log, "with others"));
    let left: Vec<_> = mixed.list().into_iter().filter(|name| name.ends_with(".tmp")).collect();
    assert_eq!(left, ["x.tmp"]);
}

/// Who is refused may look for the mistake, and open what is there with another program.
#[test]
fn a_refused_opening_leaves_every_file() {
    let mut refused = 0;
    for seed in 620..640 {
        let (disk, log) = whole(seed, 80);
        let begun = format!("segment-{}", next_segment(&disk));
        for name in disk.list() {
            let mut bad = disk.then(None);
            bad.delete(&name);
            for (name, bytes) in [("newest.tmp", 9), ("snapshot.tmp", 9), ("snapshot-99999", 60)] {
                bad.append(name, &vec![1; bytes]).unwrap();
            }
            if seed % 2 == 0 {
                bad.append(&begun, &[1; 50]).unwrap();
            }
            let before = bad.bytes();
            assert!(!exact_or_refused(bad.clone(), &log, &name));
            assert!(bad.bytes() == before, "seed {seed} without {name}: {:?}", bad.list());
            refused += 1;
        }
    }
    assert!(refused > 100, "{refused}");
}

/// One behind the newest.
fn next_segment(disk: &Disk) -> u64 {
    let number = |name: &String| name.strip_prefix("segment-")?.parse::<u64>().ok();
    1 + disk.list().iter().filter_map(number).max().unwrap()
}
