//! What a run is like, from its seed.

use std::collections::BTreeSet;

use neural_swarm::consensus::raft::{NodeId, RaftConfig};

use crate::random::Random;

#[derive(Clone, Debug)]
pub struct Plan {
    /// Members at first, and nodes that may become some.
    pub nodes: u64,
    pub spare: u64,
    /// Those that are witnesses whenever they are members.
    pub witnesses: BTreeSet<u64>,
    pub witness_names: Vec<String>,
    pub steps: u64,
    pub clients: u64,
    pub keys: u64,
    /// Percent of calls that are reads.
    pub reads: u64,
    /// Bytes behind a command, at most.
    pub more: u64,
    /// Microseconds: election timeout, time between faults, of a client between an answer
    /// and its next call, and until it asks again.
    pub election: u64,
    pub chaos: u64,
    pub think: u64,
    pub patience: u64,
    /// What goes wrong more often than all else, if there is such a thing: see [`crate::sim`].
    pub often: Option<u64>,
    /// Whether nothing breaks.
    pub mild: bool,
    /// Whether members change, down to how many voters.
    pub changes: bool,
    pub least: usize,
    /// Whether clocks jump, and parts of a million by which they go wrong.
    pub jumps: bool,
    pub skew: u64,
    pub lease: bool,
    pub pre_vote: bool,
    pub check_quorum: bool,
    /// The window, and the ring for its bytes.
    pub entries: usize,
    pub bytes: usize,
    pub inflight: usize,
    /// Entries after which a node compacts, and how many it keeps on disk for others.
    pub compact: u64,
    pub keep: u64,
    /// Microseconds until a record is durable, at most. 0: at once.
    pub disk: u64,
    /// Bytes of a chunk of a snapshot, and of a message, or as few as there may be.
    pub chunk: usize,
    pub message: usize,
}

impl Plan {
    pub fn new(random: &mut Random) -> Plan {
        let lease = random.chance(25);
        let small = random.chance(40);
        let entries = if small { random.one(&[4, 16]) } else { 64 };
        let pre_vote = lease || random.chance(70);
        let (nodes, spare) = (random.one(&[3, 3, 5, 5, 7, 1]), random.below(3));
        let mut witnesses = BTreeSet::new();
        if random.chance(25) {
            witnesses.extend((nodes > 2).then_some(nodes));
            witnesses.extend((spare > 0).then_some(nodes + spare));
        }
        Plan {
            nodes,
            spare,
            witnesses,
            witness_names: vec![],
            steps: 4_000,
            clients: random.between(2, 6),
            keys: random.between(1, 4),
            reads: random.one(&[20, 50]),
            more: if small { 20 } else { 60 },
            election: random.one(&[100_000, 300_000]),
            chaos: random.one(&[30_000, 100_000, 400_000]),
            think: random.one(&[1_000, 20_000]),
            patience: random.one(&[50_000, 300_000]),
            // Links, members, a crash in the middle of something.
            often: random.one(&[None, None, Some(34), Some(34), Some(80), Some(20)]),
            mild: false,
            changes: random.chance(70),
            least: random.between(1, 4) as usize,
            jumps: !lease && random.chance(50),
            // Two clocks, each wrong by half of what a lease allows for.
            skew: if lease { 10_000 } else { random.one(&[100, 200_000]) },
            lease,
            pre_vote,
            check_quorum: lease || random.chance(70),
            entries,
            bytes: entries * 128,
            inflight: random.between(1, 8) as usize,
            compact: random.one(&[10, 50, 1_000_000]),
            keep: random.one(&[0, 20, 10_000]),
            disk: random.one(&[0, 2_000, 20_000]),
            chunk: random.one(&[148, 200]),
            message: random.one(&[0, 2_000]),
        }
    }

    /// Short, and without faults.
    pub fn mild(random: &mut Random) -> Plan {
        Plan {
            nodes: 3,
            spare: 1,
            steps: 800,
            mild: true,
            often: None,
            changes: true,
            jumps: false,
            chaos: 20_000,
            election: 100_000,
            think: 1_000,
            compact: 10,
            ..Plan::new(random)
        }
    }

    /// For scripts, in which nothing happens by chance.
    pub fn calm() -> Plan {
        Plan {
            nodes: 0,
            spare: 0,
            witnesses: BTreeSet::new(),
            election: 100_000,
            skew: 0,
            lease: false,
            pre_vote: true,
            check_quorum: true,
            entries: 64,
            bytes: 8192,
            inflight: 8,
            compact: 1_000_000,
            keep: 10_000,
            disk: 0,
            chunk: 200,
            message: 2_000,
            ..Plan::new(&mut Random::new(0))
        }
    }

    /// Of a node.
    pub fn config(&self, id: u64, random: &mut Random) -> RaftConfig {
        let config = RaftConfig {
            id: NodeId(id),
            peers: 12,
            entries: self.entries,
            bytes: self.bytes,
            max_entry: 128,
            chunk: self.chunk,
            sessions: 64,
            reads: 4,
            inflight: self.inflight,
            forwards: 2,
            election_us: self.election,
            heartbeat_us: self.election / 6,
            pre_vote: self.pre_vote,
            check_quorum: self.check_quorum,
            lease_drift_ppm: self.lease.then_some(20_300),
            priority: random.one(&[255, 255, 100, 1]),
            witness: self.witnesses.contains(&id),
            seed: random.next(),
            ..RaftConfig::default()
        };
        RaftConfig { message: self.message.max(config.least_message()), ..config }
    }
}
