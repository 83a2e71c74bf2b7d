//! Crashes, and a disk that refuses, at every operation.

use neural_swarm::Error;
use neural_swarm::consensus::raft::{Record, RecordNumber};
use neural_swarm::host::{RaftStorage, RaftStorageConfig};

use crate::common::disk::{Disk, Fate, TEARS, Tear};
use crate::times;
use crate::work::{Known, Log, SMALL, Work, read_snapshot, snapshot_bytes};

/// Opens what a crash has left, and looks at all of it.
fn open(disk: Disk, what: &str) -> (RaftStorage<Disk>, Log) {
    let mut storage = RaftStorage::open(disk, SMALL).unwrap_or_else(|e| panic!("{what}: {e}"));
    let log = Log::of(&mut storage).unwrap_or_else(|error| panic!("{what}: {error}"));
    let status = storage.status();
    assert_eq!((status.last, status.snapshot), (log.last(), log.snapshot.index), "{what}");
    if log.snapshot.index > 0 {
        let bytes = read_snapshot(&mut storage, log.snapshot.index).expect(what);
        assert!(bytes == snapshot_bytes(log.snapshot.index), "{what}");
    }
    (storage, log)
}

/// Works on a disk that was opened until something fails; what was promised before.
struct Done {
    disk: Disk,
    known: Known,
}

impl Done {
    fn check(&self, disk: Disk, what: &str) -> Log {
        let (_, found) = open(disk, what);
        let acked = &self.known.states[self.known.acked];
        assert!(self.known.may_be(&found), "{what}:\nfound {found:?}\nacknowledged {acked:?}");
        found
    }
}

/// Works from the beginning.
fn run(disk: Disk, seed: u64, turns: usize) -> Done {
    let Ok(storage) = RaftStorage::open(disk.clone(), SMALL) else {
        return Done { disk, known: Known::new(Log::default()) };
    };
    go_on(disk, storage, Log::default(), seed, turns)
}

fn go_on(disk: Disk, storage: RaftStorage<Disk>, now: Log, seed: u64, turns: usize) -> Done {
    let mut work = Work::new(storage, now, seed);
    if let Err(error) = work.work(turns) {
        assert!(matches!(error, Error::HostIo | Error::HostFull), "{error}");
        // A snapshot that fails does no harm to the log; all else is for good.
        if let Err(error) = work.sync() {
            let more = Record::State { term: u64::MAX, vote: None };
            assert_eq!(work.storage.append(RecordNumber(u64::MAX), &more), Err(error));
            assert_eq!(work.sync(), Err(error));
        }
    }
    Done { disk, known: work.known }
}

/// Every operation on the disk is the last one in its turn, and of what was not durable
/// nothing, all, the first part or any sectors are left. Then the log goes on, and crashes once more.
#[test]
fn a_crash_at_any_point_loses_nothing_that_was_acknowledged() {
    let (mut points, mut runs) = (0, 0);
    for seed in 0..12 * times() {
        for at in 1.. {
            let disk = Disk::new(seed * 1000 + at as u64, Some((at, Fate::Crashes)));
            let done = run(disk.clone(), seed, 130);
            for tear in TEARS {
                let what = format!("seed {seed}, point {at}, {tear:?}");
                let left = disk.after_crash(tear);
                let (storage, found) = open(left.clone(), &what);
                assert!(done.known.may_be(&found), "{what}: {found:?}");
                let more = go_on(left, storage, found, seed + at as u64, 12);
                more.check(more.disk.after_crash(Tear::Nothing), &what);
                runs += 1;
            }
            if !disk.crashed() {
                break;
            }
            points += 1;
        }
    }
    println!("{points} points, {runs} runs");
    assert!(points > 2000 * times(), "{points}");
}

/// Every operation while the traces of a crash are cleared away is the last one.
#[test]
fn a_crash_after_a_crash_loses_nothing_either() {
    let (mut points, mut runs) = (0, 0);
    for seed in 100..100 + 3 * times() {
        for at in 1.. {
            let disk = Disk::new(seed * 1000 + at as u64, Some((at, Fate::Crashes)));
            let done = run(disk.clone(), seed, 90);
            if !disk.crashed() {
                break;
            }
            for tear in TEARS {
                let left = disk.after_crash(tear);
                for again in 1.. {
                    let second = left.then(Some((again, Fate::Crashes)));
                    let _ = RaftStorage::open(second.clone(), SMALL);
                    if !second.crashed() {
                        break;
                    }
                    let third = second.after_crash(TEARS[(again + at) % TEARS.len()]);
                    done.check(third, &format!("seed {seed}, point {at}, {tear:?}, {again}"));
                    points += 1;
                }
                runs += 1;
            }
        }
    }
    println!("{points} points, {runs} runs");
    assert!(points > 5000, "{points}");
}

/// An operation fails: nothing is taken from then on, and what was acknowledged is there, at
/// once and after a crash, whatever the system says of what it has not written.
#[test]
fn what_fails_is_not_believed() {
    let (mut points, mut failed) = (0, 0);
    for seed in 200..200 + 6 * times() {
        for at in 1.. {
            let disk = Disk::new(seed * 1000 + at as u64, Some((at, Fate::Fails)));
            let done = run(disk.clone(), seed, 90);
            if disk.done() < at {
                break;
            }
            points += 1;
            let what = format!("seed {seed}, point {at}");
            for tear in TEARS {
                done.check(disk.after_crash(tear), &what);
            }
            // The process begins anew, the machine does not; then that does, too.
            let same = disk.then(None);
            let (storage, found) = open(same.clone(), &what);
            assert!(done.known.may_be(&found), "{what}: {found:?}");
            failed += usize::from(found != *done.known.now());
            drop(storage);
            for tear in TEARS {
                let (_, again) = open(same.after_crash(tear), &what);
                assert_eq!(again, found, "{what}, {tear:?}: it was there, and is not");
            }
            let (storage, found) = open(same.clone(), &what);
            let more = go_on(same, storage, found, seed + at as u64, 15);
            more.check(more.disk.after_crash(Tear::First(9)), &what);
            // Or the machine does so while the files are opened.
            for again in 1.. {
                let second = disk.then(Some((again, Fate::Crashes)));
                let _ = RaftStorage::open(second.clone(), SMALL);
                if !second.crashed() {
                    break;
                }
                let third = second.after_crash(TEARS[(again + at) % TEARS.len()]);
                done.check(third, &format!("{what}, then {again}"));
                points += 1;
            }
        }
    }
    println!("{points} points, {failed} with something missing");
    assert!(points > 600, "{points}");
}

/// A node that only ever counts terms needs no segment but the newest. A disk fails where one is begun, the
/// process begins anew, and the machine crashes while it opens the files: the older one stays until the name of
/// the newer is durable.
#[test]
fn a_log_of_terms_alone_loses_none() {
    // Terms up to the first failure; the last that was acknowledged.
    let count = |disk: &Disk| {
        let mut acked = 0;
        let Ok(mut storage) = RaftStorage::open(disk.clone(), SMALL) else { return acked };
        for term in 1..60 {
            let record = Record::State { term, vote: None };
            let done = storage.append(RecordNumber(term), &record);
            if done.and_then(|()| storage.sync()).is_err() {
                break;
            }
            acked = term;
        }
        acked
    };
    let mut points = 0;
    for at in 1.. {
        let disk = Disk::new(at as u64, Some((at, Fate::Fails)));
        let acked = count(&disk);
        if disk.done() < at {
            assert!(acked == 59 && at > 60, "{at}");
            break;
        }
        for again in 1.. {
            let second = disk.then(Some((again, Fate::Crashes)));
            let _ = RaftStorage::open(second.clone(), SMALL);
            if !second.crashed() {
                break;
            }
            for tear in TEARS {
                let what = format!("point {at}, then {again}, {tear:?}");
                let (_, log) = open(second.after_crash(tear), &what);
                assert!((acked..=acked + 1).contains(&log.term), "{what}: {acked}, {log:?}");
                points += 1;
            }
        }
    }
    println!("{points} points");
    assert!(points > 1000, "{points}");
}

/// There is no room from some operation on: that is what is said, and nothing is lost.
#[test]
fn a_full_disk_is_told() {
    for seed in 300..303 {
        for at in 1.. {
            let disk = Disk::new(seed * 1000 + at as u64, Some((at, Fate::Breaks)));
            let Ok(storage) = RaftStorage::open(disk.clone(), SMALL) else { continue };
            let mut work = Work::new(storage, Log::default(), seed);
            let ended = work.work(90);
            if disk.done() < at {
                break;
            }
            if let Err(error) = ended {
                assert_eq!(error, Error::HostFull);
            }
            // Somebody has made room.
            let same = disk.then(None);
            let (_, found) = open(same, "a full disk");
            assert!(work.known.may_be(&found));
        }
    }
}

/// Without syncs a process may crash, if the machine does not.
#[test]
fn without_syncs_a_process_may_crash() {
    let config = RaftStorageConfig { sync: false, ..SMALL };
    for seed in 400..410 {
        let disk = Disk::new(seed, None);
        let mut work =
            Work::new(RaftStorage::open(disk.clone(), config).unwrap(), Log::default(), seed);
        work.work(200).unwrap();
        let same = disk.then(None);
        let mut storage = RaftStorage::open(same.clone(), config).unwrap();
        let found = Log::of(&mut storage).unwrap();
        assert!(work.known.may_be(&found));
        drop(storage);
        // Who opens them with syncs has all of it durable.
        drop(open(same.clone(), "with syncs"));
        for tear in TEARS {
            let what = format!("seed {seed}, {tear:?}");
            assert!(open(same.after_crash(tear), &what).1 == found, "{what}");
        }
    }
}
