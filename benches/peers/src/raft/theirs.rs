//! The same group of tikv's `raft`, driven as its documentation has it.

use std::hint::black_box;

use raft::eraftpb::{Entry, Message};
use raft::storage::MemStorage;
use raft::{Config, RawNode, StateRole};
use slog::{Discard, Logger, o};

use super::group::{ENTRIES, INFLIGHT, MESSAGE};
use crate::measure::Outcome;

struct Node {
    node: RawNode<MemStorage>,
    /// What has arrived.
    mail: Vec<Message>,
    applied: u64,
    index: u64,
    compacted: u64,
}

pub struct Group {
    nodes: Vec<Node>,
    proposed: u64,
    /// Messages sent.
    pub messages: u64,
}

impl Group {
    pub fn new(count: usize, batch_append: bool) -> Outcome<Group> {
        let ids: Vec<u64> = (1..=count as u64).collect();
        let logger = Logger::root(Discard, o!());
        let node = |id: &u64| -> Outcome<Node> {
            let config = Config {
                id: *id,
                max_size_per_msg: MESSAGE as u64,
                max_inflight_msgs: INFLIGHT,
                check_quorum: true,
                pre_vote: true,
                batch_append,
                ..Config::default()
            };
            let storage = MemStorage::new_with_conf_state((ids.clone(), vec![]));
            let node = RawNode::new(&config, storage, &logger)?;
            Ok(Node { node, mail: Vec::new(), applied: 0, index: 0, compacted: 0 })
        };
        let nodes = ids.iter().map(node).collect::<Outcome<Vec<_>>>()?;
        let mut group = Group { nodes, proposed: 0, messages: 0 };
        group.nodes[0].node.campaign()?;
        while group.nodes[0].node.raft.state != StateRole::Leader {
            group.round()?;
        }
        (0..4).try_for_each(|_| group.round())?;
        Ok(group)
    }

    fn round(&mut self) -> Outcome<()> {
        for at in 0..self.nodes.len() {
            let mut mail = std::mem::take(&mut self.nodes[at].mail);
            for message in mail.drain(..) {
                self.nodes[at].node.step(message)?;
            }
            self.nodes[at].mail = mail;
            self.ready(at)?;
        }
        Ok(())
    }

    fn send(&mut self, messages: Vec<Message>) {
        for message in messages {
            self.messages += 1;
            self.nodes[message.to as usize - 1].mail.push(message);
        }
    }

    fn ready(&mut self, at: usize) -> Outcome<()> {
        if !self.nodes[at].node.has_ready() {
            return Ok(());
        }
        let mut ready = self.nodes[at].node.ready();
        if !ready.messages().is_empty() {
            let messages = ready.take_messages();
            self.send(messages);
        }
        let node = &mut self.nodes[at];
        node.apply(ready.take_committed_entries());
        if !ready.entries().is_empty() {
            node.node.mut_store().wl().append(ready.entries())?;
        }
        if let Some(state) = ready.hs() {
            node.node.mut_store().wl().set_hardstate(state.clone());
        }
        if !ready.persisted_messages().is_empty() {
            let messages = ready.take_persisted_messages();
            self.send(messages);
        }
        let mut light = self.nodes[at].node.advance(ready);
        if let Some(commit) = light.commit_index() {
            self.nodes[at].node.mut_store().wl().mut_hard_state().set_commit(commit);
        }
        let messages = light.take_messages();
        self.send(messages);
        let node = &mut self.nodes[at];
        node.apply(light.take_committed_entries());
        node.node.advance_apply();
        // As many entries stay in memory as with ours.
        if node.index >= node.compacted + ENTRIES as u64 {
            node.compacted = node.index;
            node.node.mut_store().wl().compact(node.index)?;
        }
        Ok(())
    }

    /// Proposes so many entries at the leader; returns when all nodes have applied all of them.
    pub fn agree(&mut self, data: &[u8], batch: usize) -> Outcome<()> {
        for _ in 0..batch {
            self.nodes[0].node.propose(Vec::new(), data.to_vec())?;
        }
        self.proposed += batch as u64;
        while self.nodes.iter().any(|node| node.applied < self.proposed) {
            self.round()?;
        }
        Ok(())
    }
}

impl Node {
    fn apply(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.index = entry.index;
            if !entry.data.is_empty() {
                black_box(entry.data.first().copied());
                self.applied += 1;
            }
        }
    }
}
