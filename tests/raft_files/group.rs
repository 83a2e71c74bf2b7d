//! A group of nodes, each with its files, and an application that counts.

use std::collections::VecDeque;

use neural_swarm::Error;
use neural_swarm::consensus::raft::*;
use neural_swarm::host::{Files, RaftStorage, RaftStorageConfig};
use neural_swarm::port::Heap;

/// What is applied: how much, and a sum over all of it in its order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct App {
    pub applied: u64,
    pub count: u64,
    pub sum: u64,
}

impl App {
    pub fn apply(&mut self, index: u64, data: &[u8]) {
        assert_eq!(index, self.applied + 1);
        self.applied = index;
        if !data.is_empty() {
            self.count += 1;
            for byte in data {
                self.sum = (self.sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }

    fn save(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            [self.applied, self.count, self.sum].iter().flat_map(|n| n.to_le_bytes()).collect();
        // So that it takes several chunks.
        bytes.resize(50_000, 5);
        bytes
    }

    fn load(bytes: &[u8]) -> App {
        assert_eq!(bytes.len(), 50_000);
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        App { applied: number(0), count: number(8), sum: number(16) }
    }
}

pub struct Node<F> {
    pub raft: Raft<'static>,
    pub storage: RaftStorage<F>,
    pub app: App,
    /// A snapshot after so many entries.
    pub compact: u64,
    buffer: Vec<u8>,
}

impl<F: Files> Node<F> {
    pub fn new(
        files: F,
        config: &RaftConfig,
        kept: RaftStorageConfig,
        members: &[Member],
        now: u64,
    ) -> Result<Node<F>, Error> {
        let mut storage = RaftStorage::open(files, kept)?;
        let mut raft = Raft::new(config, Heap)?;
        storage.restore(&mut raft)?;
        if storage.is_empty() {
            raft.bootstrap(members)?;
        }
        let mut node = Node {
            raft,
            storage,
            app: App::default(),
            compact: u64::MAX,
            buffer: vec![0; config.message],
        };
        let snapshot = node.storage.status().snapshot;
        if snapshot > 0 {
            node.load(snapshot)?;
            node.raft.applied(snapshot)?;
        }
        node.raft.start(now)?;
        Ok(node)
    }

    fn load(&mut self, index: u64) -> Result<(), Error> {
        let len = self.storage.snapshot_len(index).expect("a snapshot");
        let mut bytes = vec![0; len as usize];
        assert_eq!(self.storage.read_snapshot(index, 0, &mut bytes)?, bytes.len());
        self.app = App::load(&bytes);
        assert_eq!(self.app.applied, index);
        Ok(())
    }

    /// Does all that the node wants.
    pub fn pump(&mut self, now: u64, out: &mut VecDeque<(u64, Vec<u8>)>) -> Result<(), Error> {
        loop {
            let mut more = false;
            self.storage.serve(&mut self.raft, now)?;
            while let Some((to, len)) = self.storage.next_chunk(&mut self.raft, &mut self.buffer)? {
                out.push_back((to.0, self.buffer[..len].to_vec()));
            }
            while let Some((to, len)) = self.raft.next_message(&mut self.buffer)? {
                out.push_back((to.0, self.buffer[..len].to_vec()));
                more = true;
            }
            while let Some(committed) = self.raft.next_committed() {
                more = true;
                let index = committed.index();
                match committed {
                    Committed::Entry { data, kind, .. } => {
                        let data = if kind == EntryKind::Data { data } else { &[] };
                        self.app.apply(index, data);
                    }
                    Committed::Snapshot { .. } => self.load(index)?,
                }
                self.raft.applied(index)?;
            }
            while self.raft.next_event().is_some() {}
            let snapshot = self.raft.status().snapshot;
            if self.app.applied - snapshot >= self.compact {
                self.storage.snapshot_begin(self.app.applied)?;
                self.storage.snapshot_write(&self.app.save())?;
                self.storage.snapshot_end()?;
                self.raft.compact(self.app.applied)?;
                more = true;
            }
            if !more {
                return Ok(());
            }
        }
    }
}

/// Nodes 1, 2, … whose messages arrive at once, if both are there.
pub struct Group<F> {
    pub nodes: Vec<Option<Node<F>>>,
    pub now: u64,
}

impl<F: Files> Group<F> {
    pub fn step(&mut self, us: u64) -> Result<(), Error> {
        self.now += us;
        let mut queue = VecDeque::new();
        for (at, node) in self.nodes.iter_mut().enumerate() {
            let Some(node) = node else { continue };
            node.raft.tick(self.now)?;
            let mut out = VecDeque::new();
            node.pump(self.now, &mut out)?;
            queue.extend(out.into_iter().map(|(to, bytes)| (at as u64 + 1, to, bytes)));
        }
        while let Some((from, to, bytes)) = queue.pop_front() {
            let Some(node) = &mut self.nodes[to as usize - 1] else { continue };
            match node.raft.step(NodeId(from), &bytes, self.now) {
                Ok(()) | Err(Error::Capacity | Error::RaftPeer) => {}
                Err(error) => return Err(error),
            }
            let mut out = VecDeque::new();
            node.pump(self.now, &mut out)?;
            queue.extend(out.into_iter().map(|(next, bytes)| (to, next, bytes)));
        }
        Ok(())
    }

    pub fn leader(&self) -> Option<usize> {
        let leads = |node: &Option<Node<F>>| {
            node.as_ref().is_some_and(|node| node.raft.status().role == Role::Leader)
        };
        self.nodes.iter().position(leads)
    }
}

pub fn voters(count: u64) -> Vec<Member> {
    (1..=count).map(|id| Member { id: NodeId(id), kind: MemberKind::Voter }).collect()
}
