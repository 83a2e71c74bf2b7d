//! Disks without room, and files that stay open.

use std::path::Path;

use neural_swarm::Error;
use neural_swarm::consensus::raft::{EntryKind, Record, RecordNumber};
use neural_swarm::host::{Files, Folder, RaftStorage, RaftStorageConfig};

use crate::common::disk::{Fate, Temporary};
use crate::damage::whole;
use crate::work::{Log, SMALL};

/// A snapshot that cannot be written takes no room on a disk that may have none left.
#[test]
fn what_is_left_of_a_snapshot_is_removed() {
    let (disk, log) = whole(11, 60);
    assert!(log.commit > log.snapshot.index, "{log:?}");
    let opened = disk.then(None);
    drop(RaftStorage::open(opened.clone(), SMALL).unwrap());
    let (mut own, mut others) = (0, 0);
    for arriving in [false, true] {
        for at in opened.done() + 1.. {
            let disk = disk.then(Some((at, Fate::Fails)));
            let mut storage = RaftStorage::open(disk.clone(), SMALL).unwrap();
            let bytes = [3; 40_000];
            let index = log.commit;
            let done = if arriving {
                let receive = |at: usize| {
                    let piece = &bytes[at..at + 20_000];
                    storage.receive_snapshot(index + 5, at as u64, 40_000, piece)
                };
                [0, 20_000].into_iter().try_for_each(receive)
            } else {
                storage
                    .snapshot_begin(index)
                    .and_then(|()| storage.snapshot_write(&bytes))
                    .and_then(|()| storage.snapshot_end())
            };
            let left: Vec<_> = disk.list().into_iter().filter(|n| n.ends_with(".tmp")).collect();
            assert!(left.is_empty(), "{left:?} at {at}");
            if done.is_ok() {
                break;
            }
            *(if arriving { &mut others } else { &mut own }) += 1;
        }
    }
    assert!(own >= 5 && others >= 5, "{own} {others}");
}

/// For a process of its own: where it works with files that the system keeps short.
const SHORT: &str = "NSW_TEST_SHORT_FILES";
const LONG: RaftStorageConfig = RaftStorageConfig { segment_bytes: 1 << 20, ..SMALL };

fn entry(storage: &mut RaftStorage<Folder>, number: u64) -> Result<(), Error> {
    let (kind, data) = (EntryKind::Data, &[5; 1000][..]);
    let record = Record::Entry { index: number - 1, term: 1, kind, data };
    storage.append(RecordNumber(number), &record)?;
    assert_eq!(storage.sync()?.0, number);
    Ok(())
}

/// Works until there is no room; how many entries are durable.
fn short_of_room(place: &Path) -> u64 {
    let limit = libc::rlimit { rlim_cur: 20_000, rlim_max: 20_000 };
    // SAFETY: both are valid, and this process has no other thread that writes files.
    unsafe {
        assert_ne!(libc::signal(libc::SIGXFSZ, libc::SIG_IGN), libc::SIG_ERR);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
    }
    let mut storage = RaftStorage::open(Folder::open(place).unwrap(), LONG).unwrap();
    storage.append(RecordNumber(1), &Record::State { term: 1, vote: None }).unwrap();
    entry(&mut storage, 2).unwrap();
    // No room for a snapshot does no harm to the log.
    storage.snapshot_begin(1).unwrap();
    assert_eq!(storage.snapshot_write(&[1; 40_000]), Err(Error::HostFull));
    assert!(!place.join("snapshot.tmp").exists());
    let mut number = 3;
    let error = loop {
        match entry(&mut storage, number) {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::HostFull);
    assert_eq!(storage.sync(), Err(Error::HostFull));
    assert_eq!(storage.durable(), Err(Error::HostFull));
    assert_eq!(entry(&mut storage, number + 1), Err(Error::HostFull));
    number - 2
}

/// A system that says that there is no room: what was durable is there, and goes on when there is
/// some.
#[test]
fn a_system_without_room_is_believed() {
    if let Some(place) = std::env::var_os(SHORT) {
        println!("\ndurable: {}.", short_of_room(Path::new(&place)));
        return;
    }
    let place = Temporary::new("full");
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "room::a_system_without_room_is_believed", "--nocapture"])
        .env(SHORT, &place.0)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
    let (_, durable) = said.split_once("durable: ").unwrap();
    let durable: u64 = durable.split_once('.').unwrap().0.parse().unwrap();
    assert!((10..20).contains(&durable), "{durable}");
    let mut storage = RaftStorage::open(Folder::open(&place.0).unwrap(), LONG).unwrap();
    assert_eq!(Log::of(&mut storage).unwrap().last(), durable);
    // The one that did not fit.
    assert!((1..1100).contains(&storage.status().cut), "{:?}", storage.status());
    let record = Record::Entry { index: durable + 1, term: 1, kind: EntryKind::Data, data: &[] };
    storage.append(RecordNumber(1), &record).unwrap();
    assert_eq!(storage.sync(), Ok(RecordNumber(1)));
}

/// Files of a folder that this process has open.
#[cfg(target_os = "linux")]
fn open_files(place: &Path) -> usize {
    let place = place.canonicalize().unwrap();
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    // Those of other tests come and go.
    let of =
        |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_link(entry.ok()?.path()).ok();
    open.filter_map(of).filter(|name| name.starts_with(&place)).count()
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_closed_is_not_open() {
    let place = Temporary::new("open");
    let mut folder = Folder::open(&place.0).unwrap();
    // The lock.
    assert_eq!(open_files(&place.0), 1);
    folder.append("a", b"1").unwrap();
    folder.append("b", b"1").unwrap();
    assert_eq!(open_files(&place.0), 3);
    let later = folder.sync_later("a").unwrap();
    folder.close("a");
    assert_eq!(open_files(&place.0), 3);
    later().unwrap();
    assert_eq!(open_files(&place.0), 2);
    folder.rename("b", "c").unwrap();
    assert_eq!(open_files(&place.0), 1);
    folder.append("c", b"2").unwrap();
    assert_eq!(folder.read("c", 0, &mut [0; 9]), Ok(2));
    assert_eq!(open_files(&place.0), 3);
    folder.remove("c").unwrap();
    assert_eq!(open_files(&place.0), 1);
    drop(folder);
    assert_eq!(open_files(&place.0), 0);
    // However many segments there are.
    let mut storage = RaftStorage::open(Folder::open(&place.0).unwrap(), SMALL).unwrap();
    storage.append(RecordNumber(1), &Record::State { term: 1, vote: None }).unwrap();
    for number in 2..20 {
        entry(&mut storage, number).unwrap();
    }
    assert!(storage.status().segments > 5);
    assert!(open_files(&place.0) <= 3, "the lock, one to write, one to read");
    drop(storage);
    let storage = RaftStorage::open(Folder::open(&place.0).unwrap(), SMALL).unwrap();
    assert!(open_files(&place.0) <= 3);
    drop(storage);
    assert_eq!(open_files(&place.0), 0);
}
