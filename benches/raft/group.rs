//! A group of nodes in one thread: what one sends arrives at once, what one hands out for storage
//! is durable at once, and no time passes. What is left is the work of the protocol itself.

use core::hint::black_box;

use neural_swarm::consensus::raft::{
    Committed, EntryKind, Member, MemberKind, NodeId, Proposal, Raft, RaftConfig, Record, Role,
};
use neural_swarm::error::{Error, Result};
use neural_swarm::port::Heap;

/// Entries that a node keeps in memory.
pub const ENTRIES: usize = 128;
/// Longest message.
pub const MESSAGE: usize = 65_536;
/// Messages on the way to a peer.
pub const INFLIGHT: usize = 16;

pub struct Group {
    nodes: Vec<Raft<'static>>,
    leader: usize,
    buffer: Vec<u8>,
    /// Proposals that each node has applied.
    applied: Vec<u64>,
    proposed: u64,
    /// Messages sent, and their bytes.
    pub messages: u64,
    pub bytes: u64,
}

impl Group {
    /// So many voters, for entries of up to `size` bytes; one of them leads.
    pub fn new(count: usize, size: usize) -> Result<Group> {
        let config = RaftConfig {
            entries: ENTRIES,
            bytes: ENTRIES * size,
            max_entry: size,
            message: MESSAGE,
            inflight: INFLIGHT,
            ..RaftConfig::default()
        };
        let ids = 1..=count as u64;
        let member = |id| Member { id: NodeId(id), kind: MemberKind::Voter };
        let members: Vec<Member> = ids.clone().map(member).collect();
        let node = |id| {
            let config = RaftConfig { id: NodeId(id), seed: id, ..config };
            let mut node = Raft::new(&config, Heap)?;
            node.bootstrap(&members)?;
            node.start(0)?;
            Ok(node)
        };
        let nodes = ids.map(node).collect::<Result<Vec<_>>>()?;
        let (buffer, applied) = (vec![0; MESSAGE], vec![0; count]);
        let mut group =
            Group { nodes, leader: 0, buffer, applied, proposed: 0, messages: 0, bytes: 0 };
        group.elect()?;
        Ok(group)
    }

    fn elect(&mut self) -> Result<()> {
        loop {
            let leads = |node: &Raft<'_>| node.status().role == Role::Leader;
            if let Some(leader) = self.nodes.iter().position(leads) {
                self.leader = leader;
                // Who leads has more to say still.
                return (0..4).try_for_each(|_| self.round());
            }
            let now = self.nodes.iter().map(Raft::next_wake_us).min().unwrap_or(0);
            self.nodes.iter_mut().try_for_each(|node| node.tick(now))?;
            self.round()?;
        }
    }

    /// Each node does what is to be done.
    fn round(&mut self) -> Result<()> {
        for at in 0..self.nodes.len() {
            let Some(node) = self.nodes.get_mut(at) else { break };
            let mut last = None;
            while let Some((number, record)) = node.next_record() {
                if let Record::Entry { data, .. } = record {
                    black_box(data.len());
                }
                last = Some(number);
            }
            if let Some(number) = last {
                node.durable(number, 0)?;
            }
            while let Some((to, len)) =
                self.nodes.get_mut(at).ok_or(Error::Invalid)?.next_message(&mut self.buffer)?
            {
                (self.messages, self.bytes) = (self.messages + 1, self.bytes + len as u64);
                let message = self.buffer.get(..len).unwrap_or_default();
                let to = self.nodes.get_mut(to.0 as usize - 1).ok_or(Error::Invalid)?;
                to.step(NodeId(at as u64 + 1), message, 0)?;
            }
            let Some(node) = self.nodes.get_mut(at) else { break };
            let mut index = 0;
            while let Some(committed) = node.next_committed() {
                index = committed.index();
                if let Committed::Entry { kind: EntryKind::Data, data, .. } = committed {
                    black_box(data.first().copied());
                    self.applied[at] += 1;
                }
            }
            if index > 0 {
                node.applied(index)?;
            }
        }
        Ok(())
    }

    /// Proposes so many entries at the leader; returns when all nodes have applied all of them.
    pub fn agree(&mut self, data: &[u8], batch: usize) -> Result<()> {
        let proposal = Proposal { data, ..Proposal::default() };
        let leader = self.nodes.get_mut(self.leader).ok_or(Error::Invalid)?;
        for _ in 0..batch {
            leader.propose(proposal, 0)?;
        }
        self.proposed += batch as u64;
        while self.applied.iter().any(|applied| *applied < self.proposed) {
            self.round()?;
        }
        Ok(())
    }
}
