//! A swarm in one thread: nodes that gossip over a bad network, crash, leave, come, and are
//! away for long. All of it follows from a seed. `NSW_SEED=20017 cargo test --test crdt sim`
//! runs one of them again.

mod disk;
mod net;

use neural_swarm::Error;
use neural_swarm::crdt::{ReplicaId, Store, StoreConfig, StoreUsage};
use xxhash_rust::xxh64::xxh64;

use self::disk::Disk;
use self::net::{Net, Packet};
use crate::laws::{Canonical, canonical};
use crate::replica::{KEYS, Random, Replica, WHOLE};
use crate::world::{World, sized};
use crate::{seeds, times};

/// What frames are, by their second byte.
const DELTA: u8 = 1;
const STATE: u8 = 2;
const CONTEXT: u8 = 3;
const DIGEST: u8 = 4;

/// What a run is like.
struct Plan {
    /// Nodes at the beginning.
    nodes: usize,
    /// Nodes that may come later.
    more: usize,
    steps: usize,
    config: StoreConfig,
    mtu: usize,
    /// Beside the model: then without what that does not know.
    modelled: bool,
    /// So little memory that much is refused.
    full: bool,
    digests: bool,
    /// Whether nodes may go for good.
    leave: bool,
}

impl Plan {
    fn new(seed: u64, random: &mut Random) -> Plan {
        let full = seed % 5 == 1;
        let modelled = seed % 5 == 2;
        // The gaps that somebody leaves for good take a place each of those for early
        // changes, for good: then there have to be enough.
        let leave = !full && random.chance(40);
        // With five, say, a dozen nodes can come to stand where each lacks a place for what
        // any other has to tell.
        let early = if leave { 400 } else { [40, 400][random.below(2)] };
        let nodes = match seed % 10 {
            4 => 16 + random.below(49),
            0..2 => 3 + random.below(13),
            _ => 3 + random.below(3),
        };
        let more = random.below(nodes.min(8) + 1);
        let config = StoreConfig {
            replicas: nodes + more,
            log: [0, 6, 60, 400][random.below(4)],
            early,
            // Their clocks differ by two seconds each.
            max_ahead_ms: 1_000_000,
            ..StoreConfig::default()
        };
        let tight = StoreConfig { items: 40, keys: 18, bytes: 500, early: 40, ..config };
        Plan {
            nodes,
            more,
            steps: if modelled { 600 } else { 800 + 60 * nodes },
            config: if full { tight } else { config },
            mtu: if modelled || random.chance(30) { WHOLE } else { 150 + random.below(1000) },
            modelled,
            full,
            digests: !modelled && random.chance(70),
            leave,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Here,
    /// It hears nobody until this step, and goes on by itself.
    Away(usize),
    Gone,
}

struct Node {
    disk: Disk,
    status: Status,
}

/// What happened in runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    steps: usize,
    changes: u64,
    /// Frames that arrived, and those that were refused.
    frames: usize,
    refused: usize,
    /// Digests after which both had the same.
    equal: usize,
    crashes: usize,
    joined: usize,
    left: usize,
    /// Comparisons with the model.
    checks: usize,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.steps += other.steps;
        self.changes += other.changes;
        self.frames += other.frames;
        self.refused += other.refused;
        self.equal += other.equal;
        self.crashes += other.crashes;
        self.joined += other.joined;
        self.left += other.left;
        self.checks += other.checks;
    }
}

struct Sim {
    plan: Plan,
    world: World,
    nodes: Vec<Node>,
    net: Net,
    tally: Tally,
    /// Over all that happens.
    hash: u64,
}

impl Sim {
    fn new(seed: u64) -> Sim {
        let mut random = Random::new(seed);
        let plan = Plan::new(seed, &mut random);
        let mut world = World::new(seed, plan.nodes, &plan.config, plan.mtu);
        world.modelled = plan.modelled;
        let mut sim = Sim {
            net: Net::new(&mut random),
            plan,
            world,
            nodes: vec![],
            tally: Tally::default(),
            hash: seed,
        };
        for _ in 0..sim.plan.nodes {
            sim.node();
        }
        sim
    }

    /// What a node is from its first moment on. In some runs it keeps all on its disk.
    fn node(&mut self) {
        let all = self.plan.modelled || self.hash.is_multiple_of(2);
        self.nodes.push(Node { disk: Disk::new(all), status: Status::Here });
    }

    fn config(&self, at: usize) -> StoreConfig {
        StoreConfig { replica: ReplicaId(100 - at as u64), ..sized(&self.plan.config) }
    }

    fn note(&mut self, what: &str, at: usize, bytes: &[u8]) {
        self.hash = xxh64(what.as_bytes(), self.hash ^ at as u64);
        self.hash = xxh64(bytes, self.hash);
    }

    /// Those that are not gone.
    fn living(&self) -> Vec<usize> {
        let lives = |at: &usize| self.nodes[*at].status != Status::Gone;
        (0..self.nodes.len()).filter(lives).collect()
    }

    fn away(&self) -> usize {
        self.nodes.iter().filter(|node| matches!(node.status, Status::Away(_))).count()
    }

    fn any(&mut self) -> usize {
        let living = self.living();
        living[self.world.random.below(living.len())]
    }

    fn hears(&self, from: usize, to: usize) -> bool {
        let here = |at: usize| self.nodes[at].status == Status::Here;
        here(from) && here(to) && self.net.hears(from, to)
    }

    fn send(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        let now = self.world.now_ms;
        self.net.send(&mut self.world.random, now, Packet { from, to, bytes });
    }

    fn step(&mut self) {
        self.tally.steps += 1;
        self.world.now_ms += 1;
        let at = self.any();
        match self.world.random.below(1000) {
            0..250 => self.change(at),
            250..480 => self.gossip(at),
            480..970 => self.deliver(),
            970..980 => self.crash(at),
            980..984 => {
                let nodes = self.nodes.len();
                self.net.part(&mut self.world.random, nodes);
            }
            984..988 => self.net.heal(),
            988..992 if self.away() * 4 < self.nodes.len() => {
                let steps = self.plan.steps / 4 + self.world.random.below(self.plan.steps);
                self.nodes[at].status = Status::Away(self.tally.steps + steps);
            }
            992..995 => self.join(),
            995..997 if self.plan.leave && self.living().len() > 2 => {
                self.leave(at);
            }
            _ => self.nodes[at].disk.checkpoint(&mut self.world.replicas[at]),
        }
        let (step, back) = (self.tally.steps, Status::Here);
        for node in &mut self.nodes {
            node.status = if node.status == Status::Away(step) { back } else { node.status };
        }
        if self.plan.modelled && step % 7 == 0 {
            self.check(at);
        }
    }

    fn check(&mut self, at: usize) {
        self.world.check(at);
        self.tally.checks += 1;
    }

    fn change(&mut self, at: usize) {
        let id = self.config(at).replica;
        let replica = &mut self.world.replicas[at];
        let own = replica.store.seen(id);
        self.world.change_at(at);
        let replica = &mut self.world.replicas[at];
        self.nodes[at].disk.changed(replica);
        let seen = replica.store.seen(id);
        self.tally.changes += seen - own;
        self.note("change", at, &seen.to_le_bytes());
    }

    /// A node asks another what it lacks, or compares; or tells all that it has.
    fn gossip(&mut self, at: usize) {
        let living = self.living();
        let to = living[self.world.random.below(living.len())];
        if to == at {
            return;
        }
        let replica = &mut self.world.replicas[at];
        let bytes = match self.world.random.below(10) {
            0..3 if self.plan.digests => {
                let mut frame = vec![0; replica.store.context_len() + 16 + self.plan.mtu / 2];
                let len = replica.store.digest(&mut frame).unwrap();
                frame.truncate(len);
                frame
            }
            3..4 => replica.state(),
            _ => replica.context(),
        };
        self.send(at, to, bytes);
    }

    fn deliver(&mut self) {
        let Some((time, packet)) = self.net.next() else { return };
        self.world.now_ms = self.world.now_ms.max(time);
        let Packet { from, to, bytes } = packet;
        if !self.hears(from, to) {
            return;
        }
        self.note("arrives", to, &bytes);
        self.tally.frames += 1;
        match bytes[1] {
            CONTEXT => {
                for frame in tell(&mut self.world.replicas[to], &bytes, self.plan.mtu) {
                    self.send(to, from, frame);
                }
            }
            DELTA | STATE => self.merge(to, &bytes),
            DIGEST => self.reconcile(to, from, &bytes),
            other => panic!("a frame of {other}"),
        }
    }

    fn merge(&mut self, to: usize, frame: &[u8]) {
        let watch = self.plan.full && self.world.random.chance(15);
        let replica = &mut self.world.replicas[to];
        let (usage, now_ms) = (replica.store.usage(), self.world.now_ms);
        let before = watch.then(|| canonical(replica));
        match replica.store.merge(frame, now_ms) {
            Ok(_) => self.nodes[to].disk.came(replica),
            Err(error) => {
                self.refused(to, error, usage, before);
            }
        }
    }

    fn reconcile(&mut self, at: usize, peer: usize, frame: &[u8]) {
        let watch = self.plan.full && self.world.random.chance(15);
        let replica = &mut self.world.replicas[at];
        let room = replica.store.context_len() + 16 + self.plan.mtu / 2;
        let (usage, now_ms) = (replica.store.usage(), self.world.now_ms);
        let before = watch.then(|| canonical(replica));
        let mut answer = vec![0; room];
        match replica.store.reconcile(frame, now_ms, &mut answer) {
            Ok(done) => {
                self.nodes[at].disk.came(replica);
                answer.truncate(done.len);
                self.tally.equal += usize::from(done.equal);
                if done.len > 0 {
                    self.send(at, peer, answer);
                }
            }
            Err(Error::BufferTooSmall) => self.nodes[at].disk.came(replica),
            Err(error) => {
                self.refused(at, error, usage, before);
            }
        }
    }

    /// A frame had no room.
    fn refused(&mut self, at: usize, error: Error, usage: StoreUsage, before: Option<Canonical>) {
        self.tally.refused += 1;
        assert_eq!(error, Error::Capacity);
        self.world.refused(at, usage);
        let replica = &mut self.world.replicas[at];
        assert!(before.is_none_or(|before| before == canonical(replica)));
    }

    /// A node begins again with what is on its disk.
    fn crash(&mut self, at: usize) {
        self.note("crash", at, &[]);
        self.tally.crashes += 1;
        let config = self.config(at);
        let all = self.nodes[at].disk.all;
        let old = &mut self.world.replicas[at];
        for which in 0..KEYS.len() {
            old.close(which);
        }
        let mut new = self.nodes[at].disk.restart(&config);
        let id = config.replica;
        assert_eq!(new.store.seen(id), old.store.seen(id), "its own changes are there");
        if all {
            assert_eq!(canonical(&mut new), canonical(old), "node {at} after a crash");
        }
        *old = new;
    }

    fn leave(&mut self, at: usize) {
        self.nodes[at].status = Status::Gone;
        self.tally.left += 1;
        self.note("leave", at, &[]);
    }

    fn join(&mut self) {
        let at = self.nodes.len();
        if at < self.plan.nodes + self.plan.more {
            self.note("join", at, &[]);
            self.tally.joined += 1;
            self.world.replicas.push(Replica::new(&self.config(at)));
            self.node();
        }
    }

    /// In the end all hear each other, and have the same.
    fn settle(&mut self) {
        for node in &mut self.nodes {
            node.status = if node.status == Status::Gone { Status::Gone } else { Status::Here };
        }
        let living = self.living();
        for at in &living {
            for which in 0..KEYS.len() {
                self.world.replicas[*at].close(which);
            }
        }
        // With few places for early changes not all is taken in at once.
        for _ in 0..16 {
            if self.plan.full {
                // All that they have may not fit in one: so nobody keeps anything. What has
                // come before its change may have to wait for that.
                for at in &living {
                    let cleared = self.world.replicas[*at].store.clear(Store::ROOT);
                    assert!(cleared.is_ok() || cleared == Err(Error::Capacity));
                }
            }
            for at in &living[1..] {
                self.tell_all(*at, living[0]);
            }
            for at in &living[1..] {
                self.tell_all(living[0], *at);
            }
            let want = canonical(&mut self.world.replicas[living[0]]);
            let mut others = living[1..].iter();
            let same = others.all(|at| canonical(&mut self.world.replicas[*at]) == want);
            let items = self.world.replicas[living[0]].store.usage().items;
            if same && (items == 0 || !self.plan.full) {
                break;
            }
        }
        let want = canonical(&mut self.world.replicas[living[0]]);
        for at in &living {
            assert_eq!(canonical(&mut self.world.replicas[*at]), want, "node {at}");
            let usage = self.world.replicas[*at].store.usage();
            assert!(living.len() < self.nodes.len() || usage.early == 0, "{usage:?} of node {at}");
            assert!(!self.plan.full || usage.items == 0, "{usage:?} of node {at}");
            if self.plan.modelled {
                self.check(*at);
            }
        }
        self.note(&want.0, 0, &want.1);
    }

    /// Directly, and as a state where somebody is gone: what came before its change, which
    /// nobody knows any more, is in no other frame.
    fn tell_all(&mut self, from: usize, to: usize) {
        let gone = self.nodes.iter().any(|node| node.status == Status::Gone);
        let peer = self.world.replicas[to].context();
        let replica = &mut self.world.replicas[from];
        let frames = if gone { vec![replica.state()] } else { replica.tell(&peer, WHOLE) };
        for frame in frames {
            self.merge(to, &frame);
        }
    }
}

/// What a peer lacks, in frames of at most so many bytes, or as many as one change needs.
fn tell(replica: &mut Replica, peer: &[u8], mtu: usize) -> Vec<Vec<u8>> {
    let (mut frames, mut from, mut size) = (vec![], 0, mtu);
    loop {
        let mut frame = vec![0; size];
        match replica.store.delta(peer, from, &mut frame) {
            Ok(told) => {
                frame.truncate(told.len);
                frames.extend((told.len > 0).then_some(frame));
                let Some(next) = told.next else { return frames };
                (from, size) = (next, mtu);
            }
            Err(Error::BufferTooSmall) => {
                let needed = replica.store.delta_len(peer, from).unwrap();
                assert!(needed > size);
                size = needed;
            }
            Err(Error::CrdtBehind) => return vec![replica.state()],
            Err(error) => panic!("{error}"),
        }
    }
}

/// What happened in a run, and the hash over all of it.
fn run(seed: u64) -> (Tally, u64) {
    let mut sim = Sim::new(seed);
    println!("seed {seed}: {} nodes, {} steps", sim.plan.nodes, sim.plan.steps);
    for _ in 0..sim.plan.steps {
        sim.step();
    }
    sim.settle();
    (sim.tally, sim.hash)
}

#[test]
fn swarms_agree_whatever_happens() {
    if let Ok(seed) = std::env::var("NSW_SEED") {
        run(seed.parse().unwrap());
        return;
    }
    let mut all = Tally::default();
    seeds(20_000, 200).for_each(|seed| all.add(run(seed).0));
    println!("{all:?}");
    assert!(all.steps >= 200_000 * times() as usize);
    // Nothing of it has fallen asleep.
    let least = [all.refused, all.equal, all.crashes, all.joined, all.left, all.checks];
    assert!(least.into_iter().all(|happened| happened >= 50 * times() as usize), "{all:?}");
}

#[test]
fn a_seed_is_a_run() {
    for seed in 20_000..20_020 {
        assert_eq!(run(seed), run(seed));
    }
    // The tallies, since the seed itself is in the hash.
    assert_ne!(run(20_000).0, run(20_010).0);
}
