//! Small groups, each with what it takes to look at one thing. The simulator in tests/raft has the rest.

use super::*;
use crate::port::Heap;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::vec;
use std::vec::Vec;

/// What storage has of a record.
#[derive(Clone, Debug)]
enum Stored {
    State(u64, Option<NodeId>),
    Entry(u64, u64, EntryKind, Vec<u8>),
    Commit(u64),
    Snapshot(u64, u64, Vec<u8>, Vec<u8>),
}

impl Stored {
    fn of(record: Record<'_>) -> Stored {
        match record {
            Record::State { term, vote } => Stored::State(term, vote),
            Record::Entry { index, term, kind, data } => {
                Stored::Entry(index, term, kind, data.to_vec())
            }
            Record::Commit { index } => Stored::Commit(index),
            Record::Snapshot { index, term, members, sessions } => {
                Stored::Snapshot(index, term, members.to_vec(), sessions.to_vec())
            }
        }
    }

    fn record(&self) -> Record<'_> {
        match self {
            Stored::State(term, vote) => Record::State { term: *term, vote: *vote },
            Stored::Entry(index, term, kind, data) => {
                Record::Entry { index: *index, term: *term, kind: *kind, data }
            }
            Stored::Commit(index) => Record::Commit { index: *index },
            Stored::Snapshot(index, term, members, sessions) => {
                Record::Snapshot { index: *index, term: *term, members, sessions }
            }
        }
    }
}

struct Node {
    raft: Raft<'static>,
    config: RaftConfig,
    stored: Vec<Stored>,
    /// Records that were taken and are not durable.
    taken: Vec<(RecordNumber, Stored)>,
    /// Storage does nothing.
    hangs: bool,
    /// The application: index and data of what was applied.
    state: Vec<(u64, Vec<u8>)>,
    snapshot: (u64, Vec<u8>),
    arriving: Vec<u8>,
    events: Vec<Event>,
}

type Message = (u64, u64, Vec<u8>);

struct World {
    nodes: BTreeMap<u64, Node>,
    network: VecDeque<Message>,
    /// From, to.
    cut: BTreeSet<(u64, u64)>,
    /// Kinds of messages that get lost, by their number.
    lost: BTreeSet<u8>,
    now: u64,
    small: RaftConfig,
}

fn bytes_of(state: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, data) in state {
        bytes.extend(index.to_le_bytes());
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
    }
    bytes
}

fn state_of(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut state = Vec::new();
    while !bytes.is_empty() {
        let index = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        let len = u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
        state.push((index, bytes[12..12 + len].to_vec()));
        bytes = &bytes[12 + len..];
    }
    state
}

fn config() -> RaftConfig {
    RaftConfig {
        peers: 6,
        entries: 16,
        bytes: 2048,
        max_entry: 100,
        message: 512,
        chunk: 120,
        sessions: 4,
        reads: 4,
        inflight: 4,
        forwards: 2,
        election_us: 100_000,
        heartbeat_us: 10_000,
        ..RaftConfig::default()
    }
}

fn voters(ids: &[u64]) -> Vec<Member> {
    ids.iter().map(|id| Member { id: NodeId(*id), kind: MemberKind::Voter }).collect()
}

impl World {
    fn new(small: RaftConfig, ids: &[u64]) -> World {
        let mut world = World {
            nodes: BTreeMap::new(),
            network: VecDeque::new(),
            cut: BTreeSet::new(),
            lost: BTreeSet::new(),
            now: 1,
            small,
        };
        for id in ids {
            world.add(*id, &voters(ids), |_| {});
        }
        world
    }

    fn add(&mut self, id: u64, members: &[Member], set: impl Fn(&mut RaftConfig)) {
        let mut config = RaftConfig { id: NodeId(id), seed: id, ..self.small };
        set(&mut config);
        let mut raft = Raft::new(&config, Heap).unwrap();
        if !members.is_empty() {
            raft.bootstrap(members).unwrap();
        }
        raft.start(self.now).unwrap();
        let node = Node {
            raft,
            config,
            stored: Vec::new(),
            taken: Vec::new(),
            hangs: false,
            state: Vec::new(),
            snapshot: (0, Vec::new()),
            arriving: Vec::new(),
            events: Vec::new(),
        };
        self.nodes.insert(id, node);
    }

    /// What is not durable is lost; the application keeps its snapshot alone.
    fn restart(&mut self, id: u64) {
        let now = self.now;
        let node = self.node(id);
        node.raft = Raft::new(&node.config, Heap).unwrap();
        for record in &node.stored {
            node.raft.restore(record.record()).unwrap();
        }
        node.raft.start(now).unwrap();
        node.taken.clear();
        node.arriving.clear();
        node.state = state_of(&node.snapshot.1);
    }

    fn node(&mut self, id: u64) -> &mut Node {
        self.nodes.get_mut(&id).unwrap()
    }

    fn status(&mut self, id: u64) -> Status {
        self.node(id).raft.status()
    }

    /// Does what a node wants done.
    fn serve(&mut self, id: u64) {
        let now = self.now;
        let (mut sent, node) = (Vec::new(), self.nodes.get_mut(&id).unwrap());
        let raft = &mut node.raft;
        while let Some((number, record)) = raft.next_record() {
            node.taken.push((number, Stored::of(record)));
        }
        if !node.hangs {
            if let Some((last, _)) = node.taken.last() {
                raft.durable(*last, now).unwrap();
            }
            node.stored.extend(node.taken.drain(..).map(|(_, record)| record));
        }
        while let Some(fetch) = raft.next_fetch() {
            let mut log: BTreeMap<u64, Stored> = BTreeMap::new();
            for record in &node.stored {
                if let Stored::Entry(index, ..) = record {
                    log.split_off(index);
                    log.insert(*index, record.clone());
                }
            }
            for index in fetch.first..=fetch.last {
                let Some(Stored::Entry(index, term, kind, data)) = log.get(&index) else {
                    raft.fetch_failed(index);
                    break;
                };
                let entry = EntryRef { index: *index, term: *term, kind: *kind, data };
                match raft.fetched(entry) {
                    Ok(()) => {}
                    Err(Error::Capacity) => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        while let Some(write) = raft.next_snapshot_write() {
            if write.offset == 0 {
                node.arriving.clear();
            }
            node.arriving.truncate(write.offset as usize);
            node.arriving.extend(write.bytes);
            let (index, offset) = (write.index, write.offset);
            if node.arriving.len() as u64 == write.total {
                node.snapshot = (index, node.arriving.clone());
            }
            raft.snapshot_written(index, offset, now).unwrap();
        }
        let mut buffer = vec![0; node.config.message];
        while let Some(wanted) = raft.next_chunk() {
            let (index, bytes) = &node.snapshot;
            if *index != wanted.index {
                raft.chunk_failed(wanted);
                continue;
            }
            let from = wanted.offset as usize;
            let part = &bytes[from..bytes.len().min(from + wanted.len)];
            let (to, len) = raft.chunk(wanted, bytes.len() as u64, part, &mut buffer).unwrap();
            sent.push((id, to.0, buffer[..len].to_vec()));
        }
        while let Some((to, len)) = raft.next_message(&mut buffer).unwrap() {
            sent.push((id, to.0, buffer[..len].to_vec()));
        }
        while let Some(committed) = raft.next_committed() {
            let index = committed.index();
            match committed {
                Committed::Entry { kind: EntryKind::Data | EntryKind::Session, data, .. } => {
                    node.state.push((index, data.to_vec()));
                }
                Committed::Entry { .. } => {}
                Committed::Snapshot { index, .. } => {
                    assert_eq!(node.snapshot.0, index);
                    node.state = state_of(&node.snapshot.1);
                }
            }
            raft.applied(index).unwrap();
        }
        while let Some(event) = raft.next_event() {
            node.events.push(event);
        }
        self.network.extend(sent);
    }

    /// Delivers all messages, and those that follow from them.
    fn settle(&mut self) {
        for round in 0..10_000 {
            for id in self.nodes.keys().copied().collect::<Vec<_>>() {
                self.serve(id);
            }
            if self.network.is_empty() {
                return;
            }
            assert!(round < 9_999, "they never fall silent");
            while let Some((from, to, bytes)) = self.network.pop_front() {
                if self.cut.contains(&(from, to)) || self.lost.contains(&bytes[1]) {
                    continue;
                }
                let now = self.now;
                if let Some(node) = self.nodes.get_mut(&to) {
                    match node.raft.step(NodeId(from), &bytes, now) {
                        // Of one who was removed.
                        Ok(()) | Err(Error::RaftPeer) => {}
                        Err(error) => panic!("{from} to {to}: {error}, {bytes:?}"),
                    }
                }
                if self.nodes.contains_key(&to) {
                    self.serve(to);
                }
            }
        }
    }

    fn run(&mut self, us: u64) {
        let end = self.now + us;
        self.settle();
        loop {
            let wake = self.nodes.values().map(|node| node.raft.next_wake_us()).min().unwrap();
            if wake > end {
                self.now = end;
                return;
            }
            self.now = wake.max(self.now + 1);
            let now = self.now;
            self.nodes.values_mut().for_each(|node| node.raft.tick(now).unwrap());
            self.settle();
        }
    }

    fn leader(&mut self) -> Option<u64> {
        let leads = |node: &&Node| node.raft.status().role == Role::Leader;
        let newest = self.nodes.values().filter(leads).max_by_key(|node| node.raft.status().term);
        newest.map(|node| node.config.id.0)
    }

    fn elect(&mut self) -> u64 {
        for _ in 0..100 {
            self.run(20_000);
            if let Some(leader) = self.leader() {
                self.run(1);
                return leader;
            }
        }
        panic!("nobody leads");
    }

    /// The first of them leads.
    fn elect_first(&mut self) -> u64 {
        let leader = self.elect();
        if leader != 1 {
            let now = self.now;
            self.node(leader).raft.transfer(NodeId(1), now).unwrap();
            self.settle();
        }
        assert_eq!(self.leader(), Some(1));
        1
    }

    fn propose(&mut self, id: u64, data: &[u8]) -> Result<Option<u64>> {
        self.propose_of(id, data, 0, 0)
    }

    fn propose_of(
        &mut self,
        id: u64,
        data: &[u8],
        client: u64,
        sequence: u64,
    ) -> Result<Option<u64>> {
        let now = self.now;
        self.node(id).raft.propose(Proposal { data, client, sequence }, now)
    }

    fn split(&mut self, left: &[u64], right: &[u64]) {
        for a in left {
            for b in right {
                self.cut.insert((*a, *b));
                self.cut.insert((*b, *a));
            }
        }
    }

    fn data(&mut self, id: u64) -> Vec<Vec<u8>> {
        self.node(id).state.iter().map(|(_, data)| data.clone()).collect()
    }

    fn agree(&mut self, ids: &[u64], count: usize) {
        let first = self.node(ids[0]).state.clone();
        assert_eq!(first.len(), count);
        for id in ids {
            assert_eq!(self.node(*id).state, first, "node {id}");
        }
    }

    fn events(&mut self, id: u64) -> Vec<Event> {
        core::mem::take(&mut self.node(id).events)
    }
}

#[test]
fn three_elect_and_commit() {
    let mut world = World::new(config(), &[1, 2, 3]);
    let leader = world.elect();
    assert_eq!(world.status(leader).commit, 2, "its own empty entry");
    for i in 0..100u8 {
        assert_eq!(world.propose(leader, &[i; 50]), Ok(Some(3 + u64::from(i))));
        world.settle();
    }
    world.agree(&[1, 2, 3], 100);
    let term = world.status(leader).term;
    world.run(2_000_000);
    assert_eq!(
        (world.leader(), world.status(leader).term),
        (Some(leader), term),
        "nobody disturbs it"
    );
    assert!(world.events(leader).contains(&Event::Role { role: Role::Leader, term }));
}

#[test]
fn one_alone_leads_and_starts_again() {
    let mut world = World::new(config(), &[1]);
    assert_eq!(world.elect(), 1);
    for i in 0..200u8 {
        world.propose(1, &[i]).unwrap();
        world.settle();
    }
    world.restart(1);
    world.elect();
    assert_eq!(world.data(1), (0..200u8).map(|i| vec![i]).collect::<Vec<_>>());
    assert!(world.status(1).first > 100, "most of it was fetched");
}

#[test]
fn logs_that_differ_are_mended_a_term_at_a_time() {
    let mut world = World::new(config(), &[1, 2, 3]);
    let old = world.elect_first();
    world.split(&[1], &[2, 3]);
    let last = world.status(1).last;
    for i in 0..10 {
        world.propose(old, &[i]).unwrap();
    }
    world.settle();
    let new = {
        world.run(500_000);
        world.leader().unwrap()
    };
    assert_ne!(new, old);
    for i in 0..5 {
        world.propose(new, &[100 + i]).unwrap();
    }
    world.settle();
    assert_eq!(world.status(old).last, last + 10);
    world.cut.clear();
    world.run(100_000);
    world.agree(&[1, 2, 3], 5);
}

/// Figure 8 of the Raft paper: an entry of an older term is not committed by being at a majority.
#[test]
fn only_entries_of_its_own_term_are_committed_by_counting() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    // An entry that reaches 2 and is never acknowledged.
    world.lost.insert(6);
    world.split(&[3], &[1, 2]);
    world.propose(1, b"old").unwrap();
    world.settle();
    let index = world.status(1).last;
    assert_eq!((world.status(2).last, world.status(1).commit), (index, index - 1));
    world.lost.clear();
    // 1 fails. 2 leads, but its own first entry reaches nobody.
    world.split(&[1], &[2]);
    world.cut.retain(|(a, b)| !(*a != 1 && *b != 1));
    world.lost.insert(5);
    world.run(400_000);
    assert_eq!(world.leader(), Some(2));
    // The old entry alone, at all three: a message that ends before the new one.
    world.lost.clear();
    let term = world.status(2).term;
    let raft = &mut world.node(2).raft;
    let at = raft.members.find(3).unwrap();
    raft.edit(at, |peer| peer.matched = index);
    raft.find_commit().unwrap();
    assert_eq!(raft.status().commit, index - 1, "of term {term}, not of this");
    raft.edit(at, |peer| peer.matched = index + 1);
    raft.find_commit().unwrap();
    assert_eq!(raft.status().commit, index + 1);
}

#[test]
fn a_vote_is_not_sent_before_it_is_durable() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.settle();
    (2..=3).for_each(|id| world.node(id).hangs = true);
    world.nodes.get_mut(&2).unwrap().raft.deadline = 1;
    let now = world.now;
    world.node(2).raft.tick(now).unwrap();
    world.settle();
    // 1 and 3 would vote; 2 stands, but may ask nobody before its own vote is durable.
    let status = world.status(2);
    assert_eq!((status.role, status.vote), (Role::Candidate, Some(NodeId(2))));
    assert_eq!((world.status(1).term, world.status(3).term), (1, 1));
    world.node(2).hangs = false;
    world.split(&[2], &[1]);
    world.settle();
    assert_eq!(world.status(3).vote, Some(NodeId(2)));
    assert_eq!(world.status(2).role, Role::Candidate, "3 has said nothing yet");
    world.node(3).hangs = false;
    world.settle();
    assert_eq!(world.status(2).role, Role::Leader);
}

#[test]
fn nothing_is_acknowledged_before_it_is_durable() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    (1..=3).for_each(|id| world.node(id).hangs = true);
    world.propose(1, b"x").unwrap();
    world.settle();
    let index = world.status(1).last;
    assert_eq!((world.status(3).last, world.status(1).commit), (index, index - 1));
    world.node(2).hangs = false;
    world.settle();
    assert_eq!(world.status(1).commit, index - 1, "2 alone");
    world.node(3).hangs = false;
    world.settle();
    assert_eq!(world.status(1).commit, index, "without the leader");
    assert_eq!(world.data(1).len(), 0, "which applies what it has on disk");
    // A leader whose storage hangs goes.
    world.run(1_000_000);
    assert_ne!(world.leader(), Some(1));
    world.leader().unwrap();
    world.node(1).hangs = false;
    world.run(100_000);
    world.agree(&[1, 2, 3], 1);
}

#[test]
fn a_full_log_refuses_and_goes_on() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.split(&[1], &[2, 3]);
    let mut count = 0;
    while world.propose(1, &[7; 10]).is_ok() {
        count += 1;
        world.serve(1);
    }
    assert_eq!(world.propose(1, &[7; 10]), Err(Error::Capacity));
    assert!(count >= 10, "{count}");
    world.cut.clear();
    world.run(50_000);
    world.agree(&[1, 2, 3], count);
    world.propose(1, b"more").unwrap();
    world.settle();
    world.agree(&[1, 2, 3], count + 1);
}

#[test]
fn full_logs_of_nothing_committed_are_committed_by_the_next_leaders() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    // Acknowledgements get lost, so nothing is committed, and all logs are full.
    world.lost.insert(6);
    while world.propose(1, &[7; 100]).is_ok() {
        world.serve(1);
    }
    world.settle();
    world.run(30_000);
    assert_eq!(world.status(3).last, world.status(1).last);
    world.split(&[1], &[2, 3]);
    world.lost.clear();
    world.run(500_000);
    let leader = world.leader().unwrap();
    assert_eq!(world.status(leader).commit, world.status(leader).last);
    assert!(world.propose(leader, b"x").is_ok());
}

#[test]
fn memberships_change_by_joint_ones() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    for id in [4, 5] {
        world.add(id, &[], |_| {});
    }
    for i in 0..40 {
        world.propose(1, &[i; 90]).unwrap();
        world.settle();
    }
    let set = |id, kind| Change::Set(Member { id: NodeId(id), kind });
    let changes = [
        set(4, MemberKind::Voter),
        set(5, MemberKind::Learner),
        Change::Remove(NodeId(1)),
        Change::Remove(NodeId(2)),
    ];
    let now = world.now;
    world.node(1).raft.change_members(&changes, now).unwrap();
    assert_eq!(world.node(1).raft.change_members(&changes, now), Err(Error::RaftBusy));
    assert!(world.status(1).joint);
    world.run(300_000);
    // The leader was not a member any more and went.
    let leader = world.elect();
    assert!([3, 4].contains(&leader));
    assert!(!world.status(leader).joint);
    assert_eq!(world.node(leader).raft.members().count(), 3);
    world.propose(leader, b"x").unwrap();
    world.settle();
    world.agree(&[3, 4, 5], 41);
    // Who is gone disturbs nobody.
    let term = world.status(leader).term;
    world.run(2_000_000);
    assert_eq!((world.leader(), world.status(leader).term), (Some(leader), term));
    // The learner becomes a voter.
    let now = world.now;
    world.node(leader).raft.change_members(&[set(5, MemberKind::Voter)], now).unwrap();
    world.run(50_000);
    assert!(world.node(5).raft.members().all(|member| member.kind == Some(MemberKind::Voter)));
}

#[test]
fn a_removed_member_that_comes_back_begins_anew() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.propose(1, b"a").unwrap();
    world.settle();
    let now = world.now;
    world.node(1).raft.change_members(&[Change::Remove(NodeId(3))], now).unwrap();
    world.run(50_000);
    assert_eq!(world.node(1).raft.members().count(), 2);
    // Its storage is lost, which it may be: it was no member.
    world.nodes.remove(&3);
    world.add(3, &[], |_| {});
    let back = Change::Set(Member { id: NodeId(3), kind: MemberKind::Voter });
    let now = world.now;
    world.node(1).raft.change_members(&[back], now).unwrap();
    world.run(50_000);
    world.agree(&[1, 2, 3], 1);
    assert!(!world.status(3).halted);
}

#[test]
fn leaders_hand_over() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    let now = world.now;
    assert_eq!(world.node(1).raft.transfer(NodeId(1), now), Err(Error::RaftMember));
    world.node(1).raft.transfer(NodeId(3), now).unwrap();
    assert_eq!(world.propose(1, b"x"), Err(Error::RaftBusy));
    world.settle();
    assert_eq!(world.leader(), Some(3));
    world.split(&[2], &[1, 3]);
    let now = world.now;
    world.events(3);
    world.node(3).raft.transfer(NodeId(2), now).unwrap();
    world.run(150_000);
    assert!(world.events(3).contains(&Event::TransferFailed { to: NodeId(2) }));
    assert!(world.propose(3, b"x").is_ok());
}

#[test]
fn reads_wait_for_a_majority_and_for_what_was_committed() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    let index = world.propose(1, b"x").unwrap().unwrap();
    world.settle();
    let now = world.now;
    for id in [1, 2] {
        world.node(id).raft.read(7, now).unwrap();
    }
    world.settle();
    for id in [1, 2] {
        assert!(world.events(id).contains(&Event::ReadReady { token: 7, index }), "{id}");
    }
    // A leader that is alone and does not know it yet must not answer.
    world.split(&[1], &[2, 3]);
    world.node(1).raft.read(8, now).unwrap();
    world.settle();
    assert!(world.events(1).is_empty());
    world.run(400_000);
    assert!(world.events(1).contains(&Event::ReadFailed { token: 8 }));
    let new = world.leader().unwrap();
    // A new one answers only when it knows what is committed.
    let now = world.now;
    world.node(new).raft.read(9, now).unwrap();
    world.settle();
    let own = world.status(new).commit;
    assert!(world.events(new).contains(&Event::ReadReady { token: 9, index: own }));
}

#[test]
fn a_new_leader_has_to_commit_something_before_it_answers_reads() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    let now = world.now;
    // Entries get lost, heartbeats do not.
    world.lost.insert(5);
    world.node(1).raft.transfer(NodeId(2), now).unwrap();
    world.settle();
    assert_eq!(world.leader(), Some(2));
    world.events(2);
    world.node(2).raft.read(1, now).unwrap();
    world.settle();
    assert!(world.events(2).is_empty());
    world.lost.clear();
    world.run(20_000);
    let index = world.status(2).commit;
    assert!(world.events(2).contains(&Event::ReadReady { token: 1, index }));
}

#[test]
fn a_lease_ends_before_others_may_vote() {
    let small = RaftConfig { lease_drift_ppm: Some(10_000), ..config() };
    let mut world = World::new(small, &[1, 2, 3]);
    world.elect_first();
    world.propose(1, b"x").unwrap();
    world.run(30_000);
    let leader = world.leader().unwrap();
    world.events(leader);
    let others: Vec<u64> = [1, 2, 3].into_iter().filter(|id| *id != leader).collect();
    world.split(&[leader], &others);
    let now = world.now;
    let raft = &mut world.node(leader).raft;
    assert_eq!(raft.next_message(&mut [0; 512]), Ok(None));
    raft.read(1, now + 80_000).unwrap();
    assert!(matches!(raft.next_event(), Some(Event::ReadReady { token: 1, .. })));
    raft.read(2, now + 98_000).unwrap();
    assert_eq!(raft.next_event(), None);
}

#[test]
fn proposals_are_forwarded_and_appended_once() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    assert_eq!(world.propose_of(2, b"a", 9, 1), Ok(None));
    world.settle();
    let index = world.status(1).last;
    assert!(world.events(2).contains(&Event::Forwarded { client: 9, sequence: 1, index }));
    assert_eq!(world.propose_of(1, b"a", 9, 1), Err(Error::RaftDuplicate));
    assert_eq!(world.propose_of(1, b"c", 9, 3), Err(Error::RaftSession));
    assert_eq!(world.propose_of(1, b"c", 8, 2), Err(Error::RaftSession));
    world.propose_of(3, b"a", 9, 1).unwrap();
    world.settle();
    let error = Error::RaftDuplicate;
    assert!(world.events(3).contains(&Event::Refused { client: 9, sequence: 1, error }));
    // Before it is committed, of a client that is new; and after a change of leader.
    world.propose_of(1, b"d", 7, 1).unwrap();
    assert_eq!(world.propose_of(1, b"d", 7, 1), Err(Error::RaftDuplicate));
    world.propose_of(1, b"e", 7, 2).unwrap();
    world.settle();
    let now = world.now;
    world.node(1).raft.transfer(NodeId(2), now).unwrap();
    world.settle();
    assert_eq!(world.propose_of(2, b"e", 7, 2), Err(Error::RaftDuplicate));
    assert_eq!(world.propose_of(2, b"b", 9, 2).unwrap(), Some(world.status(2).last));
    // With nobody to lead it is not known.
    world.split(&[1], &[2, 3]);
    world.propose_of(1, b"f", 7, 3).unwrap();
    world.settle();
    world.run(200_000);
    let error = Error::RaftNoLeader;
    assert!(world.events(1).contains(&Event::Refused { client: 7, sequence: 3, error }));
    world.agree(&[2, 3], 4);
}

#[test]
fn a_follower_that_is_far_behind_gets_entries_from_storage() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.split(&[3], &[1, 2]);
    for i in 0..100u8 {
        world.propose(1, &[i; 20]).unwrap();
        world.settle();
    }
    assert!(world.status(1).first > 50);
    world.cut.clear();
    world.run(100_000);
    world.agree(&[1, 2, 3], 100);
    assert_eq!(world.status(3).snapshot, 0);
}

#[test]
fn a_follower_that_is_further_behind_gets_a_snapshot_even_if_chunks_get_lost() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.split(&[3], &[1, 2]);
    for i in 0..50u8 {
        world.propose_of(1, &[i; 20], 5, u64::from(i) + 1).unwrap();
        world.settle();
    }
    for id in [1, 2] {
        let node = world.node(id);
        let index = node.state[40].0;
        node.snapshot = (index, bytes_of(&node.state[..41]));
        node.raft.compact(index).unwrap();
    }
    world.settle();
    // What it stands for is not there any more.
    for id in [1, 2] {
        let node = world.node(id);
        let index = node.snapshot.0;
        node.stored.retain(|record| !matches!(record, Stored::Entry(i, ..) if *i <= index));
        let place = |record: &Stored| match record {
            Stored::State(..) => 0,
            Stored::Snapshot(..) => 1,
            _ => 2,
        };
        node.stored.sort_by_key(place);
    }
    world.cut.clear();
    for turn in 0..60 {
        // Chunks, then answers, then nothing gets lost.
        world.lost = [9, 10, 0][turn % 3..][..1].iter().copied().collect();
        world.run(7_000);
    }
    world.lost.clear();
    world.run(200_000);
    world.agree(&[1, 2, 3], 50);
    assert!(world.status(3).snapshot > 0);
    // The clients came with it.
    let now = world.now;
    world.node(1).raft.transfer(NodeId(3), now).unwrap();
    world.settle();
    assert_eq!(world.propose_of(3, b"x", 5, 50), Err(Error::RaftDuplicate));
    world.propose_of(3, b"x", 5, 51).unwrap();
    world.settle();
    // All of it is there after a restart.
    (1..=3).for_each(|id| world.restart(id));
    world.elect();
    world.agree(&[1, 2, 3], 51);
}

#[test]
fn a_witness_votes_and_holds_no_data() {
    let mut world = World::new(config(), &[]);
    let members = [(1, MemberKind::Voter), (2, MemberKind::Voter), (3, MemberKind::Witness)]
        .map(|(id, kind)| Member { id: NodeId(id), kind });
    for id in 1..=3 {
        world.add(id, &members, |config| config.witness = id == 3);
    }
    world.elect_first();
    world.split(&[2], &[1, 3]);
    for i in 0..10 {
        world.propose(1, &[i; 50]).unwrap();
    }
    world.settle();
    assert_eq!(world.data(1).len(), 10);
    assert_eq!(world.data(3).len(), 0);
    assert_eq!(world.status(3).commit, world.status(1).commit);
    let hollow = |record: &Stored| matches!(record, Stored::Entry(_, _, EntryKind::Hollow, data) if data.is_empty());
    assert_eq!(world.node(3).stored.iter().filter(|record| hollow(record)).count(), 10);
    let now = world.now;
    assert_eq!(world.node(1).raft.transfer(NodeId(3), now), Err(Error::RaftMember));
    // It does not elect one that lacks what it has seen, and never leads.
    world.cut.clear();
    world.split(&[1], &[2, 3]);
    world.run(1_000_000);
    assert!(world.leader().is_none() || world.leader() == Some(1));
    world.cut.clear();
    world.run(500_000);
    world.agree(&[1, 2], 10);
}

#[test]
fn what_contradicts_itself_is_an_error_and_nothing_is_invented() {
    let open = || Raft::new(&RaftConfig { id: NodeId(1), ..config() }, Heap).unwrap();
    let state = |term, vote: u64| Record::State { term, vote: Some(NodeId(vote)) };
    let entry = |index, term| Record::Entry { index, term, kind: EntryKind::Data, data: b"x" };
    let cases: &[&[Record<'_>]] = &[
        &[state(3, 1), state(2, 1)],
        &[state(3, 1), state(3, 2)],
        &[state(3, 1), entry(2, 1)],
        &[state(3, 1), entry(1, 4)],
        &[state(3, 1), entry(1, 2), entry(2, 1)],
        &[state(3, 1), entry(1, 2), Record::Commit { index: 2 }],
        &[state(3, 1), entry(1, 2), Record::Commit { index: 1 }, entry(1, 3)],
    ];
    for records in cases {
        let mut node = open();
        let (last, before) = records.split_last().unwrap();
        before.iter().for_each(|record| node.restore(*record).unwrap());
        assert_eq!(node.restore(*last), Err(Error::RaftLost), "{records:?}");
        assert_eq!(node.restore(*last), Err(Error::RaftHalted));
        assert_eq!(node.start(0), Err(Error::RaftHalted));
    }
}

#[test]
fn a_node_that_has_lost_what_it_acknowledged_halts() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    for i in 0..4 {
        world.propose(1, &[i]).unwrap();
    }
    world.settle();
    // Storage has forgotten the last entries, against its word.
    let node = world.node(3);
    node.stored.truncate(node.stored.len() - 3);
    world.restart(3);
    let now = world.now + 10_000;
    world.node(1).raft.tick(now).unwrap();
    world.serve(1);
    let lost = world.network.iter().find(|message| message.1 == 3).unwrap().2.clone();
    assert_eq!(world.node(3).raft.step(NodeId(1), &lost, now), Err(Error::RaftLost));
    assert!(world.status(3).halted);
    assert_eq!(world.node(3).raft.step(NodeId(1), &lost, now), Err(Error::RaftHalted));
    assert_eq!(world.node(3).raft.next_message(&mut [0; 512]), Err(Error::RaftHalted));
}

#[test]
fn strangers_and_misdirected_messages_are_refused() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.node(2).hangs = true;
    world.propose(1, b"x").unwrap();
    world.serve(1);
    let (from, to, bytes) = world.network.pop_front().unwrap();
    let now = world.now;
    let mut step = |to: u64, from: u64, bytes: &[u8]| {
        let before = world.status(to);
        let answer = world.node(to).raft.step(NodeId(from), bytes, now);
        assert!(answer.is_ok() || before == world.status(to), "nothing was changed");
        answer
    };
    assert_eq!(step(5 - to, from, &bytes), Err(Error::RaftPeer), "for another");
    assert_eq!(step(to, 9, &bytes), Err(Error::RaftPeer), "from another");
    assert_eq!(step(to, from, &bytes[..20]), Err(Error::RaftFormat));
    for len in 0..bytes.len() {
        assert!(step(to, from, &bytes[..len]).is_err() || len == 68);
    }
    // Answers of one who is no member.
    let message = message::Message {
        what: message::What::VoteReply,
        flags: 0,
        from: 9,
        to: 1,
        term: 1 << 40,
        numbers: [0; 5],
        tail: &[],
    };
    let mut buffer = [0; 100];
    let len = message.encode(&mut buffer).unwrap();
    assert_eq!(step(1, 9, &buffer[..len]), Err(Error::RaftPeer));
    // A second leader of the same term.
    let term = step_term(&mut world);
    let message = message::Message {
        what: message::What::Heartbeat,
        flags: 0,
        from: 2,
        to: 1,
        term,
        numbers: [1 << 32, 0, 0, 0, 0],
        tail: &[],
    };
    let len = message.encode(&mut buffer).unwrap();
    assert_eq!(world.node(1).raft.step(NodeId(2), &buffer[..len], now), Err(Error::RaftPeer));
}

fn step_term(world: &mut World) -> u64 {
    world.status(1).term
}

/// A node that was away asks nobody to vote: its term is what it was.
#[test]
fn who_was_away_disturbs_nobody() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    let term = world.status(1).term;
    world.split(&[3], &[1, 2]);
    world.run(3_000_000);
    assert_eq!(world.status(3).term, term);
    world.cut.clear();
    world.run(500_000);
    assert_eq!((world.leader(), world.status(1).term), (Some(1), term));
    // Nor when it hears nothing, and others hear it.
    world.cut.insert((1, 3));
    world.run(2_000_000);
    assert_eq!((world.leader(), world.status(1).term), (Some(1), term));
}

/// A leader that hears nobody lets others lead, though they hear it.
#[test]
fn a_leader_that_is_not_heard_steps_down() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    world.cut.insert((2, 1));
    world.cut.insert((3, 1));
    world.run(1_000_000);
    let leader = world.leader().unwrap();
    assert_ne!(leader, 1);
    world.propose(leader, b"x").unwrap();
    world.settle();
    assert_eq!(world.data(leader).len(), 1);
}

/// etcd's issue of a node whose newer term nobody else has: it is led again.
#[test]
fn a_node_with_a_newer_term_is_led_again() {
    let mut world = World::new(config(), &[1, 2, 3]);
    world.elect_first();
    let node = world.node(3);
    node.raft.become_follower(20, 0);
    world.run(500_000);
    let leader = world.leader().unwrap();
    assert!(world.status(leader).term >= 20);
    world.propose(leader, b"x").unwrap();
    world.run(20_000);
    world.agree(&[1, 2, 3], 1);
}

#[test]
fn five_nodes_with_64_entries_of_64_bytes_take_8_kilobytes() {
    let config = RaftConfig {
        id: NodeId(1),
        peers: 5,
        entries: 64,
        bytes: 64 * 64,
        max_entry: 64,
        message: 512,
        chunk: 84,
        sessions: 2,
        reads: 2,
        inflight: 4,
        forwards: 0,
        ..RaftConfig::default()
    };
    let all = Raft::footprint(&config).unwrap().size() + size_of::<Raft<'_>>();
    assert!(all <= 8192, "{all}");
}
