//! Whole nodes in a simulation: they begin, end, begin anew, and are looked at.

use std::collections::{BTreeMap, HashMap};
use std::vec::Vec;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::disk::Disk;
use super::engine::Sim;
use super::node::{Seeded, SimNode, address};
use crate::comm::crypto::{PublicKey, Secret};
use crate::comm::identity::{LocalSecrets, Secrets};
use crate::consensus::raft::{Member, MemberKind, NodeId};
use crate::consensus::{Raft, RaftConfig};
use crate::crdt::{ReplicaId, Store, StoreConfig};
use crate::error::{Error, Result};
use crate::node::membership::{Change, Standing};
use crate::node::{
    Event, Node, NodeConfig, Requests, RequestsConfig, Sharing, SharingConfig, Topics,
    TopicsConfig, node_id,
};
use crate::port::Heap;

/// The time of day at the clock's zero, in milliseconds since 1970.
const WALL_MS: u64 = 1_800_000_000_000;
/// A member that begins knows the addresses of so many others.
const SEEDS: usize = 3;

/// Which parts all nodes have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Publish and subscribe.
    pub topics: bool,
    /// A shared store. Its messages have a few bytes for each replica that there ever was, so it is for 32 nodes
    /// at most, and for a restart of every fourth and 8 more.
    pub store: bool,
    /// Requests, which are answered with what was asked.
    pub requests: bool,
}

/// What a swarm is made of.
#[derive(Clone, Debug)]
pub struct SwarmConfig {
    /// Everything that is left to chance comes from it, identities among it.
    pub seed: u64,
    /// The most places, 2 to 4,096: all trust each other.
    pub nodes: usize,
    /// Each node's settings. Trust, address and seed of its membership are set here, whatever stands there.
    pub node: NodeConfig<'static>,
    /// Its parts.
    pub parts: Parts,
}

impl SwarmConfig {
    /// For so many nodes with [`NodeConfig::new`] and without parts.
    pub fn new(seed: u64, nodes: usize) -> SwarmConfig {
        let node = NodeConfig::new(b"simulated", nodes);
        SwarmConfig { seed, nodes, node, parts: Parts::default() }
    }
}

/// A member was told of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// When, in microseconds.
    pub at: u64,
    /// The place of who was told.
    pub by: usize,
    /// The place of whom.
    pub of: usize,
    /// What.
    pub change: Change,
}

/// Whole nodes on a simulated network.
///
/// ```
/// use neural_swarm::host::sim::{Swarm, SwarmConfig};
/// use neural_swarm::node::membership::Standing;
///
/// let mut swarm = Swarm::new(SwarmConfig::new(7, 5))?;
/// for place in 0..5 {
///     swarm.start(place)?;
///     swarm.run(10_000)?;
/// }
/// swarm.run(5_000_000)?;
/// swarm.crash(3);
/// swarm.run(20_000_000)?;
/// let all_know = swarm.sim().running().all(|by| swarm.standing(by, 3) == Some(Standing::Dead));
/// assert!(all_know);
/// # Ok::<(), neural_swarm::Error>(())
/// ```
pub struct Swarm {
    sim: Sim<SimNode>,
    config: SwarmConfig,
    identities: Vec<PublicKey>,
    places: HashMap<u64, usize>,
    lives: u64,
    told: Vec<Told>,
    disks: BTreeMap<usize, Disk>,
}

fn secrets(seed: u64, place: usize) -> LocalSecrets {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ (place as u64).rotate_left(32));
    let mut bytes = [0; 32];
    random.fill_bytes(&mut bytes);
    LocalSecrets::new(Secret::new(bytes))
}

impl Swarm {
    /// Nobody runs.
    ///
    /// [`Error::Invalid`] for a number of nodes outside its range.
    pub fn new(config: SwarmConfig) -> Result<Swarm> {
        if !(2..=4096).contains(&config.nodes) {
            return Err(Error::Invalid);
        }
        let identities: Vec<PublicKey> =
            (0..config.nodes).map(|place| secrets(config.seed, place).identity()).collect();
        let ids = identities.iter().enumerate();
        Ok(Swarm {
            sim: Sim::new(config.seed),
            places: ids.map(|(place, identity)| (node_id(identity), place)).collect(),
            identities,
            config,
            lives: 0,
            told: Vec::new(),
            disks: BTreeMap::new(),
        })
    }

    /// The machines, their network and their clock.
    pub const fn sim(&self) -> &Sim<SimNode> {
        &self.sim
    }

    /// The same, to be changed.
    pub const fn sim_mut(&mut self) -> &mut Sim<SimNode> {
        &mut self.sim
    }

    /// The number of the member at a place; 0, which is nobody's, where there can be none.
    pub fn id(&self, place: usize) -> u64 {
        self.identities.get(place).map_or(0, node_id)
    }

    /// The place of a member.
    pub fn place(&self, id: u64) -> Option<usize> {
        self.places.get(&id).copied()
    }

    /// A member begins, for the first time or again, and joins by others that run, if there are any. It has nothing of
    /// an earlier life but its identity and what its group has on disk.
    ///
    /// [`Error::Invalid`] for a place that there is not, or where somebody runs; the errors of nodes and parts.
    pub fn start(&mut self, place: usize) -> Result<()> {
        if place >= self.config.nodes || self.sim.machine(place).is_some() {
            return Err(Error::Invalid);
        }
        self.lives += 1;
        let now = self.sim.now();
        let seed =
            self.config.seed.rotate_left(17) ^ self.lives.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut config = self.config.node.clone();
        config.link.trust.pinned = self.config.nodes;
        (config.membership.address, config.membership.seed) = (address(place), seed);
        let own = secrets(self.config.seed, place);
        let mut node = Node::new(&config, own, Seeded::new(seed), Heap, now)?;
        for identity in &self.identities {
            node.trust_mut().pin(identity)?;
        }
        node.set_wall(Some(WALL_MS + now / 1000), now);
        for other in self.sim.running().take(SEEDS) {
            node.join(&address(other), now)?;
        }
        let id = node.id();
        let mut machine = SimNode::new(node);
        self.equip(&mut machine, id, seed)?;
        if let Some(disk) = self.disks.remove(&place) {
            machine.raft = Some(self.raft(place, &disk)?);
            machine.disk = Some(disk);
        }
        self.sim.start(place, machine);
        Ok(())
    }

    fn equip(&self, machine: &mut SimNode, id: u64, seed: u64) -> Result<()> {
        let (parts, mtu) = (self.config.parts, self.config.node.max_message());
        if parts.topics {
            machine.topics = Some(Topics::new(&TopicsConfig::new(id, mtu, seed), Heap)?);
        }
        if parts.requests {
            machine.requests = Some(Requests::new(&RequestsConfig::new(mtu, seed), Heap)?);
        }
        if parts.store {
            let replicas = self.config.nodes + self.config.nodes / 4 + 8;
            let store = StoreConfig {
                replica: ReplicaId(seed),
                replicas,
                early: 8,
                ..StoreConfig::default()
            };
            let sharing = Sharing::new(&SharingConfig::new(&store, mtu), Heap)?;
            machine.shared = Some((sharing, Store::new(&store, Heap)?));
        }
        Ok(())
    }

    /// As with `kill -9`. Whether somebody ran there.
    pub fn crash(&mut self, place: usize) -> bool {
        let Some(mut machine) = self.sim.crash(place) else { return false };
        let events = core::mem::take(&mut machine.events);
        self.tell(place, events);
        self.disks.extend(machine.disk.take().map(|disk| (place, disk)));
        true
    }

    /// A member says that it goes; it ends when enough others know. Whether somebody runs there.
    pub fn leave(&mut self, place: usize) -> bool {
        self.act(place, |machine, now| machine.node.leave(now)).is_some()
    }

    /// Does something to a member, which is polled then; `None` if nobody runs there.
    pub fn act<T>(&mut self, place: usize, what: impl FnOnce(&mut SimNode, u64) -> T) -> Option<T> {
        self.sim.with(place, |machine, now, _| {
            machine.touch();
            what(machine, now)
        })
    }

    /// Members found a group that agrees, with a disk each that is durable at once.
    ///
    /// [`Error::Invalid`] if one does not run, or is in a group; those of [`Raft::bootstrap`].
    pub fn found(&mut self, members: &[usize]) -> Result<()> {
        let free = |place: &usize| self.sim.machine(*place).is_some_and(|node| node.raft.is_none());
        if !members.iter().all(free) {
            return Err(Error::Invalid);
        }
        for &place in members {
            let disk = Disk::new(members.to_vec());
            let raft = self.raft(place, &disk)?;
            self.act(place, |machine, _| (machine.raft, machine.disk) = (Some(raft), Some(disk)));
        }
        Ok(())
    }

    fn raft(&self, place: usize, disk: &Disk) -> Result<Raft<'static>> {
        let config = RaftConfig {
            id: NodeId(self.id(place)),
            peers: disk.members.len().max(3),
            message: self.config.node.max_message(),
            max_entry: 256,
            bytes: 65_536,
            sessions: 4,
            chunk: 512,
            seed: self.config.seed ^ self.lives ^ (place as u64).rotate_left(32),
            ..RaftConfig::default()
        };
        let mut raft = Raft::new(&config, Heap)?;
        if disk.is_empty() {
            let voter =
                |place: &usize| Member { id: NodeId(self.id(*place)), kind: MemberKind::Voter };
            let members: Vec<Member> = disk.members.iter().map(voter).collect();
            raft.bootstrap(&members)?;
        } else {
            disk.restore(&mut raft)?;
        }
        raft.start(self.sim.now())?;
        Ok(raft)
    }

    /// Time passes, in microseconds. Members that have left end.
    ///
    /// The errors of nodes.
    pub fn run(&mut self, us: u64) -> Result<()> {
        self.sim.run(us)?;
        let left = |place: &usize| self.sim.machine(*place).is_some_and(|node| node.has_left);
        let gone: Vec<usize> = self.sim.running().filter(left).collect();
        for place in gone {
            self.crash(place);
        }
        Ok(())
    }

    /// How a member believes that another one stands; `None` if it does not know it, or does not run.
    pub fn standing(&self, by: usize, of: usize) -> Option<Standing> {
        let known = self.sim.machine(by)?.node.membership().member(self.id(of))?;
        Some(known.standing)
    }

    /// How many members one believes to take part, itself among them; 0 if it does not run.
    pub fn count(&self, by: usize) -> usize {
        self.sim.machine(by).map_or(0, |machine| machine.node.membership().count())
    }

    /// What members were told of each other since the last call, in the order in which it happened.
    pub fn take_told(&mut self) -> Vec<Told> {
        for place in 0..self.sim.places() {
            let taken = self.sim.with(place, |machine, _, _| core::mem::take(&mut machine.events));
            self.tell(place, taken.unwrap_or_default());
        }
        let mut told = core::mem::take(&mut self.told);
        told.sort_by_key(|told| told.at);
        told
    }

    fn tell(&mut self, by: usize, events: Vec<(u64, Event)>) {
        for (at, event) in events {
            let Event::Member { id, change } = event else { continue };
            let Some(of) = self.place(id) else { continue };
            self.told.push(Told { at, by, of, change });
        }
    }
}
