#![cfg_attr(not(feature = "std"), allow(dead_code))]

//! Small groups, each with what it takes to look at one thing. The simulator in tests/raft has the rest.

// Most want what a build without std may leave out.
#[cfg(feature = "std")]
mod alone;
#[cfg(feature = "std")]
mod clients;
#[cfg(feature = "std")]
mod elections;
#[cfg(feature = "std")]
mod hostile;
#[cfg(feature = "std")]
mod logs;
mod small;
#[cfg(feature = "std")]
mod snapshots;

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
    /// Chunks of snapshots are written, and that is said later.
    writes_hang: bool,
    written: Option<u64>,
    /// The application: index and data of what was applied.
    state: Vec<(u64, Vec<u8>)>,
    /// Snapshots by their index.
    snapshots: BTreeMap<u64, Vec<u8>>,
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

/// The entries that storage has.
fn log_of(stored: &[Stored]) -> BTreeMap<u64, Stored> {
    let mut log = BTreeMap::new();
    for record in stored {
        match record {
            Stored::Entry(index, ..) => {
                log.split_off(index);
                log.insert(*index, record.clone());
            }
            Stored::Snapshot(index, term, ..) => {
                let same = matches!(log.get(index), Some(Stored::Entry(_, own, ..)) if own == term);
                if !same {
                    log.clear();
                }
            }
            _ => {}
        }
    }
    log
}

impl Node {
    /// Does what it wants done, and makes some records durable; the messages.
    fn serve(&mut self, now: u64, records: usize) -> Vec<Message> {
        let (mut sent, node) = (Vec::new(), self);
        let (id, raft) = (node.config.id.0, &mut node.raft);
        while let Some((number, record)) = raft.next_record() {
            node.taken.push((number, Stored::of(record)));
        }
        let durable: Vec<_> = node.taken.drain(..records.min(node.taken.len())).collect();
        if let Some((last, _)) = durable.last() {
            raft.durable(*last, now).unwrap();
        }
        node.stored.extend(durable.into_iter().map(|(_, record)| record));
        while let Some(fetch) = raft.next_fetch() {
            let log = log_of(&node.stored);
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
            let (number, index) = (write.number, write.index);
            if node.arriving.len() as u64 == write.total {
                node.snapshots.insert(index, node.arriving.clone());
            }
            if node.writes_hang {
                node.written = Some(number);
                break;
            }
            raft.snapshot_written(number, now).unwrap();
        }
        let mut buffer = vec![0; node.config.message];
        while let Some(wanted) = raft.next_chunk() {
            let Some(bytes) = node.snapshots.get(&wanted.index) else {
                raft.chunk_failed(wanted);
                continue;
            };
            let from = wanted.offset as usize;
            let part = &bytes[from..bytes.len().min(from + wanted.len)];
            match raft.chunk(wanted, bytes.len() as u64, part, &mut buffer) {
                Ok((to, len)) => sent.push((id, to.0, buffer[..len].to_vec())),
                // A newer one goes instead.
                Err(Error::RaftState) => {}
                Err(error) => panic!("{error}"),
            }
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
                    node.state = state_of(&node.snapshots[&index]);
                }
            }
            raft.applied(index).unwrap();
        }
        while let Some(event) = raft.next_event() {
            node.events.push(event);
        }
        sent
    }
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
            writes_hang: false,
            written: None,
            state: Vec::new(),
            snapshots: BTreeMap::new(),
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
        let newest = node.raft.status().snapshot;
        node.state = node.snapshots.get(&newest).map_or(Vec::new(), |bytes| state_of(bytes));
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
        let node = self.node(id);
        let sent = node.serve(now, if node.hangs { 0 } else { usize::MAX });
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

    /// Makes a snapshot of the first so many commands, and forgets what it stands for.
    fn compact(&mut self, id: u64, count: usize) {
        let node = self.node(id);
        let index = node.state[count - 1].0;
        node.snapshots.insert(index, bytes_of(&node.state[..count]));
        node.raft.compact(index).unwrap();
        self.serve(id);
        let stored = &mut self.node(id).stored;
        stored.retain(|record| !matches!(record, Stored::Entry(i, ..) if *i <= index));
        stored.sort_by_key(|record| match record {
            Stored::State(..) => 0,
            Stored::Snapshot(..) => 1,
            _ => 2,
        });
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
        if !parts::TRANSFER {
            // Its time passes before that of the others.
            self.now = self.node(1).raft.next_wake_us();
            let now = self.now;
            self.node(1).raft.tick(now).unwrap();
            self.settle();
        }
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
