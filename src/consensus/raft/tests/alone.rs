//! One node, which is told everything by hand: what it refuses, and what it makes of its storage.

use super::message::{self, Message as Wire, What};
use super::*;

fn open(id: u64) -> Raft<'static> {
    Raft::new(&RaftConfig { id: NodeId(id), ..config() }, Heap).unwrap()
}

/// A member of a group of three that has begun.
fn member(id: u64) -> Raft<'static> {
    let mut raft = open(id);
    raft.bootstrap(&voters(&[1, 2, 3])).unwrap();
    raft.start(0).unwrap();
    save(&mut raft);
    raft
}

/// All records are durable.
fn save(raft: &mut Raft<'_>) {
    while let Some((number, _)) = raft.next_record() {
        raft.durable(number, 0).unwrap();
    }
}

fn wire(what: What, from: u64, to: u64, term: u64, numbers: [u64; 5]) -> Wire<'static> {
    Wire { what, flags: 0, from, to, term, numbers, tail: &[] }
}

fn bytes(message: &Wire<'_>, tail: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 68];
    let len = message.encode(&mut bytes).unwrap();
    bytes.truncate(len);
    bytes.extend(tail);
    bytes
}

/// An entry as messages carry it.
fn entry(data: &[u8]) -> Vec<u8> {
    let mut place = vec![0; log::HEAD + data.len()];
    log::put(&mut place, EntryKind::Data, [data, &[]]).unwrap();
    place
}

/// The first and only chunk of a snapshot, from 1 in term 2 to 3.
fn snapshot(index: u64) -> Vec<u8> {
    let mut members = vec![3];
    for id in 1..=3u64 {
        members.extend(id.to_le_bytes());
        members.extend([0, 1]);
    }
    let tail = [&message::meta(members.len(), 0)[..], &members, b"state"].concat();
    bytes(&wire(What::Snapshot, 1, 3, 2, [1 << 32, index, 2, 0, 5]), &tail)
}

fn state(term: u64, vote: u64) -> Record<'static> {
    Record::State { term, vote: (vote != 0).then_some(NodeId(vote)) }
}

fn two() -> Vec<u8> {
    let mut members = vec![2];
    for id in 1..=2u64 {
        members.extend(id.to_le_bytes());
        members.extend([0, 1]);
    }
    members
}

#[test]
fn a_newer_snapshot_waits_until_the_one_before_is_the_state() {
    let mut raft = member(3);
    let step = |raft: &mut Raft<'_>, index| raft.step(NodeId(1), &snapshot(index), 1).unwrap();
    step(&mut raft, 10);
    let number = raft.next_snapshot_write().unwrap().number;
    raft.snapshot_written(number, 1).unwrap();
    step(&mut raft, 20);
    assert_eq!(raft.next_snapshot_write(), None, "no record says that the first is there");
    save(&mut raft);
    step(&mut raft, 20);
    assert_eq!(raft.next_snapshot_write(), None, "the application has not got the first");
    assert_eq!(raft.next_committed(), Some(Committed::Snapshot { index: 10, term: 2 }));
    step(&mut raft, 20);
    assert_eq!(raft.next_snapshot_write().map(|write| write.index), Some(20));
}

/// Who may not stand for election follows nobody from then on, either.
#[test]
fn a_snapshot_arrives_no_more_when_its_leader_is_gone() {
    for priority in [0, 255] {
        let config = RaftConfig { id: NodeId(3), priority, ..config() };
        let mut raft = Raft::new(&config, Heap).unwrap();
        raft.bootstrap(&voters(&[1, 2, 3])).unwrap();
        raft.start(0).unwrap();
        save(&mut raft);
        raft.step(NodeId(1), &snapshot(10), 1).unwrap();
        let number = raft.next_snapshot_write().unwrap().number;
        let now = raft.next_wake_us();
        raft.tick(now).unwrap();
        assert_eq!(raft.status().leader, None);
        assert_eq!(raft.snapshot_written(number, now), Err(Error::RaftState));
    }
}

/// A crash between the record of a snapshot and the application's state.
#[test]
fn an_application_without_the_snapshot_is_given_it_after_a_restart() {
    let members = two();
    let restored = || {
        let mut raft = open(1);
        raft.restore(state(3, 0)).unwrap();
        let snapshot = Record::Snapshot { index: 10, term: 2, members: &members, sessions: &[] };
        raft.restore(snapshot).unwrap();
        let data = Record::Entry { index: 11, term: 3, kind: EntryKind::Data, data: b"x" };
        raft.restore(data).unwrap();
        raft.restore(Record::Commit { index: 11 }).unwrap();
        raft
    };
    let index = |raft: &mut Raft<'_>| raft.next_committed().map(|committed| committed.index());
    for applied in [0, 4] {
        let mut raft = restored();
        raft.applied(applied).unwrap();
        raft.start(0).unwrap();
        assert_eq!(raft.status().applied, applied);
        assert_eq!(raft.applied(10), Err(Error::Invalid), "it has to be taken first");
        assert_eq!(raft.compact(10), Err(Error::RaftState));
        assert_eq!(raft.next_committed(), Some(Committed::Snapshot { index: 10, term: 2 }));
        raft.applied(10).unwrap();
        assert_eq!(index(&mut raft), Some(11));
    }
    let mut raft = restored();
    raft.applied(10).unwrap();
    raft.start(0).unwrap();
    assert_eq!(index(&mut raft), Some(11));
}

#[test]
fn a_bootstrap_that_was_torn_is_done_again() {
    let mut raft = open(1);
    raft.restore(state(1, 0)).unwrap();
    raft.bootstrap(&voters(&[1])).unwrap();
    raft.start(0).unwrap();
    assert_eq!(raft.status().commit, 1);
    for begun in [state(1, 2), state(2, 0)] {
        let mut raft = open(1);
        raft.restore(begun).unwrap();
        assert_eq!(raft.bootstrap(&voters(&[1])), Err(Error::RaftState));
    }
}

#[test]
fn a_term_far_beyond_is_refused() {
    let mut raft = member(1);
    let vote = |term| bytes(&wire(What::Vote, 2, 1, term, [9, 1, 0, 0, 0]), &[]);
    let before = raft.status();
    assert_eq!(raft.step(NodeId(2), &vote(before.term + (1 << 32) + 1), 1), Err(Error::RaftFormat));
    assert_eq!(raft.status(), before);
    raft.step(NodeId(2), &vote(before.term + (1 << 32)), 1).unwrap();
    assert_eq!(raft.status().term, before.term + (1 << 32));
}

/// A failure that is late must not be taken for one of what is asked for now.
#[test]
fn storage_that_lacks_what_was_not_asked_for_is_ignored() {
    let mut raft = open(1);
    raft.restore(state(3, 0)).unwrap();
    for index in 1..=200 {
        // Most of them do not stay in memory.
        let kind = if index == 1 { EntryKind::Members } else { EntryKind::Data };
        let data = if index == 1 { two() } else { vec![7; 100] };
        raft.restore(Record::Entry { index, term: 3, kind, data: &data }).unwrap();
        raft.restore(Record::Commit { index }).unwrap();
    }
    raft.start(0).unwrap();
    let Fetch { to, first, last } = raft.next_fetch().unwrap();
    assert_eq!((to, first), (NodeId(1), 1));
    for index in [0, last + 1] {
        raft.fetch_failed(index);
        assert!(!raft.status().halted, "{index} of {first}..={last}");
    }
    raft.fetch_failed(first);
    assert!(raft.status().halted);
    assert_eq!(raft.tick(1), Err(Error::RaftHalted));
}

/// Everything that a message might have changed.
fn all(raft: &Raft<'_>) -> impl PartialEq + core::fmt::Debug + use<> {
    (raft.status(), raft.contact, raft.deadline, raft.pass, raft.verified, raft.changed.role)
}

#[test]
fn what_contradicts_the_log_changes_nothing() {
    let mut raft = member(2);
    // 1 leads, and something of its term is here.
    let append = |from, term, previous, previous_term, of, tail: &[u8]| {
        let numbers = [1 << 32, previous, previous_term, 1, of];
        bytes(&wire(What::Append, from, 2, term, numbers), tail)
    };
    raft.step(NodeId(1), &append(1, 2, 1, 1, 2, &entry(b"a")), 1).unwrap();
    save(&mut raft);
    let mut refused = |from, bytes: &[u8], error| {
        let before = all(&raft);
        assert_eq!(raft.step(NodeId(from), bytes, 2), Err(error));
        assert_eq!(all(&raft), before);
    };
    // Of one whom nobody knows: another entry 1, before its entries and among them.
    refused(9, &append(9, 3, 1, 2, 3, &entry(b"b")), Error::RaftLost);
    refused(9, &append(9, 3, 0, 0, 3, &entry(b"b")), Error::RaftLost);
    let heartbeat = bytes(&wire(What::Heartbeat, 9, 2, 3, [1 << 32, 50, 1, 0, 0]), &[]);
    refused(9, &heartbeat, Error::RaftLost);
    // Another leader, and one that takes back what it said.
    refused(3, &append(3, 2, 1, 1, 2, &entry(b"b")), Error::RaftPeer);
    refused(1, &append(1, 2, 1, 1, 1, &entry(b"b")), Error::RaftPeer);
    // A member that says such a thing has what this node lost.
    assert_eq!(raft.step(NodeId(3), &append(3, 3, 0, 0, 3, &entry(b"b")), 2), Err(Error::RaftLost));
    assert!(raft.status().halted);
}

#[test]
fn calls_at_the_wrong_time_say_so() {
    let mut raft = member(1);
    let propose = |raft: &mut Raft<'_>, data: &[u8]| {
        raft.propose(Proposal { data, ..Proposal::default() }, 1)
    };
    assert_eq!(propose(&mut raft, &[7; 101]), Err(Error::Length));
    assert_eq!(propose(&mut raft, b"x"), Err(Error::RaftNoLeader));
    assert_eq!(raft.read(1, 1), Err(Error::RaftNoLeader));
    assert_eq!(raft.transfer(NodeId(2), 1), Err(Error::RaftNotLeader));
    assert_eq!(raft.change_members(&[], 1), Err(Error::RaftNotLeader));
    assert_eq!(raft.snapshot_written(1, 1), Err(Error::RaftState));
    assert_eq!(raft.compact(1), Err(Error::Invalid), "nothing is applied");
    assert_eq!(raft.restore(state(2, 0)), Err(Error::RaftState));
    assert_eq!(raft.start(1), Err(Error::RaftState));
    assert_eq!(raft.durable(RecordNumber(99), 1), Err(Error::Invalid));
    // A follower that forwards nothing.
    let small = RaftConfig { id: NodeId(2), forwards: 0, sessions: 0, ..config() };
    let mut raft = Raft::new(&small, Heap).unwrap();
    assert_eq!(raft.tick(0), Err(Error::RaftState));
    raft.bootstrap(&voters(&[2])).unwrap();
    raft.start(0).unwrap();
    let heartbeat = bytes(&wire(What::Heartbeat, 1, 2, 2, [1 << 32, 0, 1, 0, 0]), &[]);
    raft.step(NodeId(1), &heartbeat, 1).unwrap();
    assert_eq!(propose(&mut raft, b"x"), Err(Error::RaftNotLeader));
    // A leader without a table of clients.
    while raft.status().role != Role::Leader {
        let now = raft.next_wake_us();
        raft.tick(now).unwrap();
        save(&mut raft);
    }
    let of_client = Proposal { data: b"x", client: 1, sequence: 1 };
    assert_eq!(raft.propose(of_client, 1), Err(Error::Unsupported));
    assert!(propose(&mut raft, b"x").is_ok());
    raft.storage_failed();
    assert_eq!(raft.read(1, 1), Err(Error::RaftHalted));
    assert_eq!(raft.compact(1), Err(Error::RaftHalted));
}

#[test]
fn chunks_are_those_that_were_asked_for() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.split(&[3], &[1, 2]);
    for i in 0..50u8 {
        world.propose(1, &[i; 20]).unwrap();
        world.settle();
    }
    world.compact(1, 45);
    world.cut.clear();
    let mut buffer = vec![0; 512];
    let wanted = loop {
        let now = world.now + 10_000;
        world.now = now;
        world.node(1).raft.tick(now).unwrap();
        let sent = pull(&mut world.node(1).raft, &mut buffer);
        for bytes in sent {
            let raft = &mut world.node(3).raft;
            raft.step(NodeId(1), &bytes, now).unwrap();
            save(raft);
            for bytes in pull(&mut world.node(3).raft, &mut buffer) {
                world.node(1).raft.step(NodeId(3), &bytes, now).unwrap();
            }
        }
        if let Some(wanted) = world.node(1).raft.next_chunk() {
            break wanted;
        }
    };
    let raft = &mut world.node(1).raft;
    assert_eq!(raft.chunk(wanted, 1000, &[0; 7], &mut buffer), Err(Error::Length));
    assert_eq!(raft.chunk(wanted, 7, &[0; 7], &mut [0; 9]), Err(Error::BufferTooSmall));
    let other = ChunkWanted { offset: 7, ..wanted };
    assert_eq!(raft.chunk(other, 1000, &[0; 120], &mut buffer), Err(Error::RaftState));
    assert!(raft.chunk(wanted, 1000, &[0; 120], &mut buffer).is_ok());
}

/// What goes to 3, or to 1.
fn pull(raft: &mut Raft<'_>, buffer: &mut [u8]) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    while let Some((to, len)) = raft.next_message(buffer).unwrap() {
        if to != NodeId(2) {
            sent.push(buffer[..len].to_vec());
        }
    }
    sent
}
