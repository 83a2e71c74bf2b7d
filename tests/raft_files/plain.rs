//! Files of the file system.

use neural_swarm::Error;
use neural_swarm::consensus::raft::*;
use neural_swarm::host::{Folder, RaftStorage, RaftStorageConfig};
use neural_swarm::port::Heap;

use crate::common::disk::Temporary;
use crate::work::{Log, SMALL, Work, read_snapshot, snapshot_bytes};

fn open(place: &Temporary, config: RaftStorageConfig) -> RaftStorage<Folder> {
    RaftStorage::open(Folder::open(&place.0).unwrap(), config).unwrap()
}

#[test]
fn every_record_comes_back() {
    let place = Temporary::new("every");
    let mut storage = open(&place, SMALL);
    assert!(storage.is_empty());
    let mut log = Log::default();
    let mut number = 0;
    let mut append = |storage: &mut RaftStorage<Folder>, record: Record<'_>| {
        number += 1;
        storage.append(RecordNumber(number), &record).unwrap();
        log.apply(&record);
    };
    append(&mut storage, Record::State { term: 3, vote: None });
    append(&mut storage, Record::State { term: 3, vote: Some(NodeId(u64::MAX)) });
    for index in 1..=12 {
        let kind = EntryKind::from_code((index % 6) as u8).unwrap();
        let data = vec![index as u8; if index == 5 { 1 << 20 } else { 3 * index as usize }];
        append(&mut storage, Record::Entry { index, term: 3, kind, data: &data });
    }
    append(&mut storage, Record::Commit { index: 9 });
    storage.snapshot_begin(7).unwrap();
    storage.snapshot_write(&snapshot_bytes(7)).unwrap();
    assert_eq!(storage.snapshot_len(7), None);
    storage.snapshot_end().unwrap();
    assert_eq!(storage.snapshot_len(7), Some(snapshot_bytes(7).len() as u64));
    let (members, sessions) = (&[7; 500][..], &vec![8; 300_000][..]);
    append(&mut storage, Record::Snapshot { index: 7, term: 3, members, sessions });
    append(&mut storage, Record::State { term: 5, vote: None });
    let data = &b"another"[..];
    append(&mut storage, Record::Entry { index: 11, term: 5, kind: EntryKind::Data, data });
    assert_eq!(storage.sync(), Ok(RecordNumber(number)));
    for _ in 0..3 {
        assert_eq!(Log::of(&mut storage).unwrap(), log);
        assert_eq!(read_snapshot(&mut storage, 7).unwrap(), snapshot_bytes(7));
        let status = storage.status();
        assert_eq!((status.last, status.snapshot, status.cut), (11, 7, 0));
        assert!(!storage.is_empty());
        drop(storage);
        storage = open(&place, SMALL);
    }
    // Nothing at all is a snapshot, too.
    storage.snapshot_begin(9).unwrap();
    storage.snapshot_end().unwrap();
    assert_eq!((storage.snapshot_len(9), storage.snapshot_len(8)), (Some(0), None));
    assert_eq!(storage.read_snapshot(9, 0, &mut [0; 10]), Ok(0));
    assert_eq!(storage.read_snapshot(8, 0, &mut [0; 10]), Err(Error::Invalid));
}

#[test]
fn two_do_not_open_the_same_files() {
    let place = Temporary::new("two");
    let storage = open(&place, SMALL);
    assert_eq!(Folder::open(&place.0).err(), Some(Error::Busy));
    drop(storage);
    open(&place, SMALL);
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |record: Record<'_>, with: Error| {
        let place = Temporary::new("refused");
        let mut storage = open(&place, SMALL);
        let kind = EntryKind::Data;
        for (number, record) in [
            Record::State { term: 4, vote: None },
            Record::Entry { index: 1, term: 2, kind, data: &[] },
            Record::Entry { index: 2, term: 4, kind, data: &[] },
            Record::Commit { index: 1 },
        ]
        .iter()
        .enumerate()
        {
            storage.append(RecordNumber(1 + number as u64), record).unwrap();
        }
        storage.sync().unwrap();
        assert_eq!(storage.append(RecordNumber(5), &record), Err(with), "{record:?}");
        // For good.
        let fine = Record::State { term: 9, vote: None };
        assert_eq!(storage.append(RecordNumber(6), &fine), Err(with));
        assert_eq!(storage.sync().err(), Some(with));
        assert_eq!(storage.durable().err(), Some(with));
        assert_eq!(storage.begin_sync().err(), Some(with));
        assert_eq!(storage.entries(1, 2, |_| Ok(true)), Err(with));
        assert_eq!(storage.snapshot_begin(1), Err(with));
        assert_eq!(Log::of(&mut storage).err(), Some(with));
        drop(storage);
        let mut storage = open(&place, SMALL);
        assert_eq!(Log::of(&mut storage).unwrap().last(), 2);
    };
    let entry = |index, term| Record::Entry { index, term, kind: EntryKind::Data, data: &[] };
    refused(Record::State { term: 3, vote: None }, Error::RaftLost);
    refused(entry(0, 4), Error::RaftLost);
    refused(entry(1, 4), Error::RaftLost);
    refused(entry(4, 4), Error::RaftLost);
    refused(entry(3, 3), Error::RaftLost);
    refused(entry(3, 5), Error::RaftLost);
    refused(Record::Commit { index: 3 }, Error::RaftLost);
    let snapshot = |index, term| Record::Snapshot { index, term, members: &[], sessions: &[] };
    // Nobody has written it.
    refused(snapshot(1, 2), Error::RaftState);
}

/// A record with a number that was given before would pass for durable.
#[test]
fn numbers_only_rise() {
    let place = Temporary::new("numbers");
    let mut storage = open(&place, SMALL);
    let state = |term| Record::State { term, vote: None };
    assert_eq!(storage.append(RecordNumber(0), &state(1)), Err(Error::Invalid));
    storage.append(RecordNumber(1), &state(1)).unwrap();
    storage.append(RecordNumber(3), &state(2)).unwrap();
    for synced in [false, true] {
        for number in 0..=3 {
            let refused = storage.append(RecordNumber(number), &state(9));
            assert_eq!(refused, Err(Error::Invalid), "{number}, {synced}");
        }
        storage.sync().unwrap();
    }
    // Nothing of it was taken, and it is not for good.
    storage.append(RecordNumber(4), &state(3)).unwrap();
    assert_eq!(storage.sync(), Ok(RecordNumber(4)));
    assert_eq!(Log::of(&mut storage).unwrap().term, 3);
}

/// A node begins with number 1: open files are for the one that they were restored to.
#[test]
fn open_files_are_for_one_node() {
    let place = Temporary::new("node");
    let mut storage = open(&place, SMALL);
    let node = || Raft::new(&RaftConfig { id: SMALL.node, ..RaftConfig::default() }, Heap).unwrap();
    let (mut first, mut second, mut third) = (node(), node(), node());
    let alone = [Member { id: SMALL.node, kind: MemberKind::Voter }];
    // Nothing was appended yet: both may.
    for raft in [&mut first, &mut second] {
        storage.restore(raft).unwrap();
        raft.bootstrap(&alone).unwrap();
        raft.start(0).unwrap();
    }
    storage.serve(&mut first, 1).unwrap();
    assert_eq!(storage.restore(&mut third), Err(Error::RaftState));
    assert_eq!(storage.serve(&mut second, 1), Err(Error::Invalid));
    assert!(second.status().halted && !first.status().halted);
    // It looks as idle as one that has nothing to do.
    assert_eq!(storage.serve(&mut second, 2), Err(Error::RaftHalted));
    assert_eq!(storage.write_all(&mut second, 2), Err(Error::RaftHalted));
    assert_eq!(storage.write_all(&mut first, 2), Ok(false));
    drop(storage);
    open(&place, SMALL).restore(&mut third).unwrap();
}

#[test]
fn entries_that_are_not_there_are_not_given() {
    let place = Temporary::new("none");
    let storage = open(&place, SMALL);
    let mut work = Work::new(storage, Log::default(), 4);
    work.work(200).unwrap();
    let status = work.storage.status();
    assert!(status.first > 1 && status.segments > 1, "{status:?}");
    let none = Err(Error::Invalid);
    assert_eq!(work.storage.entries(0, 1, |_| Ok(true)), none);
    assert_eq!(work.storage.entries(status.first - 1, status.first, |_| Ok(true)), none);
    assert_eq!(work.storage.entries(status.last, status.last + 1, |_| Ok(true)), none);
    assert_eq!(work.storage.entries(status.last + 5, 7, |_| Ok(true)), Ok(()));
    // What the receiver answers comes through, and does no harm.
    let said = work.storage.entries(status.last, status.last, |_| Err(Error::Null));
    assert_eq!(said, Err(Error::Null));
    work.sync().unwrap();
}

/// Reading goes on where it was, unless other entries have come there since.
#[test]
fn reading_goes_on_with_what_is_there_now() {
    let place = Temporary::new("cursor");
    let mut storage = open(&place, RaftStorageConfig { segment_bytes: 1 << 20, ..SMALL });
    let mut number = 0;
    let mut append = |storage: &mut RaftStorage<Folder>, record: Record<'_>| {
        number += 1;
        storage.append(RecordNumber(number), &record).unwrap();
    };
    let read = |storage: &mut RaftStorage<Folder>, first, most: usize| {
        let mut found = vec![];
        let done = storage.entries(first, 8, |entry| {
            found.push((entry.index, entry.term, entry.data.to_vec()));
            Ok(found.len() <= most)
        });
        // The one behind them is not taken.
        found.truncate(most);
        done.map(|()| found)
    };
    let want = |range: std::ops::RangeInclusive<u64>, term: u64| -> Vec<_> {
        range.map(|index| (index, term, vec![term as u8; 90])).collect()
    };
    for (term, first) in [(1, 1), (2, 3), (3, 3)] {
        if term == 3 {
            assert_eq!(read(&mut storage, 3, 2).unwrap(), want(3..=4, 2));
            assert_eq!(read(&mut storage, 5, 1).unwrap(), want(5..=5, 2));
        }
        append(&mut storage, Record::State { term, vote: None });
        for index in first..=8 {
            let (kind, data) = (EntryKind::Data, &[term as u8; 90][..]);
            append(&mut storage, Record::Entry { index, term, kind, data });
        }
    }
    // Where it was there are those of term 2, in a run that began with the same entry.
    assert_eq!(read(&mut storage, 6, 3).unwrap(), want(6..=8, 3));
    assert_eq!(read(&mut storage, 1, 2).unwrap(), want(1..=2, 1));
}

#[test]
fn work_in_a_folder_comes_back() {
    for seed in 700..706 {
        let place = Temporary::new("work");
        let mut work = Work::new(open(&place, SMALL), Log::default(), seed);
        for _ in 0..6 {
            work.work(150).unwrap();
            work.sync().unwrap();
            let Work { storage, known, .. } = work;
            drop(storage);
            let mut storage = open(&place, SMALL);
            let found = Log::of(&mut storage).unwrap();
            assert_eq!(found, *known.now());
            if found.snapshot.index > 0 {
                let bytes = read_snapshot(&mut storage, found.snapshot.index).unwrap();
                assert_eq!(bytes, snapshot_bytes(found.snapshot.index));
            }
            work = Work::new(storage, found, seed);
        }
    }
}

/// Another thread makes records durable while more come.
#[test]
fn a_thread_makes_them_durable() {
    let place = Temporary::new("thread");
    let config = RaftStorageConfig { segment_bytes: 50_000, ..SMALL };
    let mut storage = open(&place, config);
    storage.append(RecordNumber(1), &Record::State { term: 1, vote: None }).unwrap();
    let (to, from) = std::sync::mpsc::channel::<neural_swarm::host::RaftSync>();
    let thread = std::thread::spawn(move || {
        let mut last = RecordNumber(0);
        for sync in from {
            last = sync.run().unwrap();
        }
        last
    });
    for index in 1..=5000u64 {
        let data = index.to_le_bytes().repeat(10);
        let record = Record::Entry { index, term: 1, kind: EntryKind::Data, data: &data };
        storage.append(RecordNumber(1 + index), &record).unwrap();
        if index % 20 == 0 {
            if let Some(sync) = storage.begin_sync().unwrap() {
                to.send(sync).unwrap();
            }
            assert!(storage.durable().unwrap() <= RecordNumber(1 + index));
        }
    }
    drop(to);
    assert_eq!(thread.join().unwrap(), RecordNumber(5001));
    assert_eq!(storage.durable(), Ok(RecordNumber(5001)));
    drop(storage);
    let mut storage = open(&place, config);
    assert_eq!(Log::of(&mut storage).unwrap().last(), 5000);
    assert!(storage.status().segments > 5);
}
