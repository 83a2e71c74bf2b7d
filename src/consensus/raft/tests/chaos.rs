//! Everything goes wrong at once, by a seed; what Raft promises holds all along.

use super::*;

struct Chaos {
    world: World,
    random: Random,
    /// What any node has applied at an index.
    history: BTreeMap<u64, Vec<u8>>,
    /// Who led in a term.
    leaders: BTreeMap<u64, u64>,
    /// How many of its entries each node has shown.
    seen: BTreeMap<u64, usize>,
    proposed: BTreeMap<u64, u64>,
    /// Who is meant to be a member.
    ids: Vec<u64>,
}

impl Chaos {
    fn new(seed: u64, ids: &[u64], small: RaftConfig) -> Chaos {
        Chaos {
            world: World::new(small, ids),
            random: Random(SplitMix64::seed_from_u64(seed)),
            history: BTreeMap::new(),
            leaders: BTreeMap::new(),
            seen: BTreeMap::new(),
            proposed: BTreeMap::new(),
            ids: ids.to_vec(),
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.random.below(end as u64) as usize
    }

    fn any(&mut self) -> u64 {
        let ids: Vec<u64> = self.world.nodes.keys().copied().collect();
        ids[self.below(ids.len())]
    }

    fn serve(&mut self, id: u64) {
        let records = match self.below(4) {
            0 => self.below(4),
            _ => usize::MAX,
        };
        let now = self.world.now;
        let sent = self.world.node(id).serve(now, records);
        self.world.network.extend(sent);
        self.check(id);
    }

    fn check(&mut self, id: u64) {
        let status = self.world.status(id);
        assert!(!status.halted, "{id}");
        if status.role == Role::Leader {
            assert_eq!(
                *self.leaders.entry(status.term).or_insert(id),
                id,
                "two lead in {}",
                status.term
            );
        }
        let from = self.seen.get(&id).copied().unwrap_or(0);
        let state = self.world.nodes[&id].state.clone();
        for (index, data) in state.iter().skip(from.min(state.len())) {
            let known = self.history.entry(*index).or_insert_with(|| data.clone());
            assert_eq!(known, data, "node {id} at {index}");
        }
        // What is applied holds everything that anybody has applied before.
        if let Some((last, _)) = state.last() {
            let before = self.history.range(..=*last).count();
            assert_eq!(state.len(), before, "node {id} up to {last}");
        }
        self.seen.insert(id, state.len());
    }

    fn step(&mut self) {
        match self.below(100) {
            0..55 => {
                let len = self.world.network.len();
                if len > 0 {
                    // Mostly in order.
                    let at = if self.below(4) == 0 { self.below(len) } else { 0 };
                    let message = self.world.network.remove(at).unwrap();
                    let fate = self.below(40);
                    if fate == 0 {
                        self.world.network.push_back(message.clone());
                    }
                    if fate != 1 && !self.world.cut.contains(&(message.0, message.1)) {
                        self.deliver(&message);
                    }
                }
            }
            55..75 => {
                self.world.now += self.random.below(3000);
                let (id, now) = (self.any(), self.world.now);
                self.world.node(id).raft.tick(now).unwrap();
                self.serve(id);
            }
            75..90 => self.propose(),
            90..92 => {
                let (a, b) = (self.any(), self.any());
                self.world.cut.insert((a, b));
            }
            92..94 => self.world.cut.clear(),
            94 if self.below(3) == 0 => {
                // Of what storage was given, some got there.
                let id = self.any();
                let node = self.world.nodes.get_mut(&id).unwrap();
                let kept = self.random.below(node.taken.len() as u64 + 1) as usize;
                node.stored.extend(node.taken.drain(..kept).map(|(_, record)| record));
                self.world.restart(id);
                self.seen.insert(id, 0);
                self.check(id);
            }
            95 => {
                let id = self.any();
                let node = self.world.node(id);
                let applied = node.raft.status().applied;
                let bytes = bytes_of(&node.state);
                if node.raft.compact(applied).is_ok() {
                    node.snapshots.insert(applied, bytes);
                }
            }
            96 => {
                let (id, to, now) = (self.any(), self.any(), self.world.now);
                let _ = self.world.node(id).raft.transfer(NodeId(to), now);
            }
            97 => self.change(),
            98 => {
                let (id, now) = (self.any(), self.world.now);
                let _ = self.world.node(id).raft.read(now, now);
            }
            _ => {
                let id = self.any();
                self.serve(id);
            }
        }
        while self.world.network.len() > 60 {
            self.world.network.pop_front();
        }
    }

    fn deliver(&mut self, (from, to, bytes): &Message) {
        let now = self.world.now;
        let Some(node) = self.world.nodes.get_mut(to) else { return };
        match node.raft.step(NodeId(*from), bytes, now) {
            Ok(()) | Err(Error::RaftPeer) => {}
            Err(error) => panic!("{from} to {to}: {error} {bytes:?} {:?}", node.raft.status()),
        }
        self.serve(*to);
    }

    fn propose(&mut self) {
        let (id, client) = (self.any(), 1 + self.below(4) as u64);
        let next = self.proposed.get(&client).copied().unwrap_or(0) + 1;
        // A client that was heard tries the next, or one of before again.
        let sequence = next.saturating_sub(self.below(2) as u64).max(1);
        let mut data = [client.to_le_bytes(), sequence.to_le_bytes()].concat();
        data.resize(16 + self.below(60), 7);
        if self.world.propose_of(id, &data, client, sequence).is_ok() {
            self.serve(id);
        }
    }

    fn change(&mut self) {
        let (id, now) = (self.any(), self.world.now);
        let changed = self.any();
        let kinds = [MemberKind::Voter, MemberKind::Learner];
        let kind = kinds[self.below(2)];
        let change = match self.below(3) {
            0 => Change::Remove(NodeId(changed)),
            _ => Change::Set(Member { id: NodeId(changed), kind }),
        };
        let other = self.any();
        let back = Change::Set(Member { id: NodeId(other), kind: MemberKind::Voter });
        let _ = self.world.node(id).raft.change_members(&[change, back], now);
        self.serve(id);
    }

    /// Each client's proposals, once and in order.
    fn check_clients(&self) {
        let mut last: BTreeMap<u64, u64> = BTreeMap::new();
        for data in self.history.values() {
            let number = |at: usize| u64::from_le_bytes(data[at..at + 8].try_into().unwrap());
            let (client, sequence) = (number(0), number(8));
            let last = last.entry(client).or_insert(0);
            assert_eq!(sequence, *last + 1, "client {client}");
            *last = sequence;
        }
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
            for data in self.history.values().rev().take(3) {
                let client = u64::from_le_bytes(data[..8].try_into().unwrap());
                let sequence = u64::from_le_bytes(data[8..16].try_into().unwrap());
                let known = self.proposed.entry(client).or_insert(0);
                *known = sequence.max(*known);
            }
        }
        self.check_clients();
        // All is well again: it goes on.
        self.world.cut.clear();
        self.world.run(3_000_000);
        let leader = self.world.leader().expect("somebody leads");
        let voters: Vec<u64> = {
            let members = self.world.nodes[&leader].raft.members();
            members.map(|member| member.id.0).collect()
        };
        let data = [99u64.to_le_bytes(), 1u64.to_le_bytes()].concat();
        self.world.propose_of(leader, &data, 99, 1).unwrap();
        self.world.run(500_000);
        for id in self.ids.clone() {
            self.check(id);
        }
        let state = self.world.nodes[&leader].state.clone();
        assert_eq!(state.last().map(|(_, last)| last), Some(&data));
        for id in voters {
            assert_eq!(
                self.world.nodes[&id].state,
                state,
                "node {id} of {:?}",
                self.world.nodes[&id].raft.status()
            );
        }
    }
}

fn soak(seeds: core::ops::Range<u64>, ids: &[u64], small: RaftConfig) {
    let from = std::env::var("NSW_SEED").ok().map(|seed| seed.parse().unwrap());
    for seed in from.map_or(seeds, |seed| seed..seed + 1) {
        std::println!("seed {seed}");
        Chaos::new(seed, ids, small).run(4000);
    }
}

fn seeds() -> u64 {
    std::env::var("NSW_SEEDS").map_or(20, |seeds| seeds.parse().unwrap())
}

#[test]
fn three_nodes_keep_their_promises() {
    soak(0..seeds(), &[1, 2, 3], config());
}

#[test]
fn five_nodes_keep_their_promises() {
    soak(1000..1000 + seeds(), &[1, 2, 3, 4, 5], config());
}

#[test]
fn they_keep_them_without_pre_vote_and_with_small_logs() {
    let small = RaftConfig { pre_vote: false, entries: 4, bytes: 400, inflight: 2, ..config() };
    soak(2000..2000 + seeds(), &[1, 2, 3], small);
}
