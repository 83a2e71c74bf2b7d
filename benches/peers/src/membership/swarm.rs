//! Swarms of any kind, all on the library's simulated network and clock: what is lost is drawn in the same way.

use std::collections::HashMap;

use neural_swarm::host::sim::{Conditions, Machine, Sent, Sim, Swarm, SwarmConfig};
use neural_swarm::node::membership::Change;

pub const MS: u64 = 1_000;
pub const SECOND: u64 = 1_000_000;

/// What somebody was told of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Up,
    Suspected,
    Down,
}

/// Somebody was told of a member.
#[derive(Clone, Copy)]
pub struct Told {
    pub at: u64,
    pub by: usize,
    pub of: usize,
    pub what: What,
}

/// How every message fares: 1 to 10 ms, so many of 1,000 are lost.
fn conditions(loss: u64) -> Conditions {
    Conditions { latency_us: MS, jitter_us: 9 * MS, loss: loss as u32 * 1000, ..Conditions::new() }
}

/// Members on a simulated network, by their numbers from 0 on. Times are in microseconds.
pub trait Kind: Sized {
    /// Nobody; there will be so many.
    fn new(seed: u64, room: usize) -> Self;
    /// The next one begins, and joins by others that run.
    fn start(&mut self);
    fn crash(&mut self, member: usize);
    fn set_loss(&mut self, loss: u64);
    fn set_late(&mut self, member: usize, us: u64);
    fn run(&mut self, us: u64);
    fn now(&self) -> u64;
    fn running(&self) -> usize;
    /// Whether all know so many, themselves among them.
    fn whole(&self, members: usize) -> bool;
    /// What came out since the last call.
    fn take_told(&mut self) -> Vec<Told>;
    /// Bytes and messages that were sent so far.
    fn sent(&self) -> (u64, u64);
    /// Somebody publishes: seconds until 99 % have it, if it comes to that. `None` where there is no such thing.
    fn publish(&mut self) -> Option<Option<f64>> {
        None
    }
}

/// So many members that have joined, and have had a minute, of many a third; then so much is lost.
pub fn swarm<K: Kind>(seed: u64, members: usize, room: usize, loss: u64) -> K {
    let mut kind = K::new(seed, room);
    (0..members).for_each(|_| {
        kind.start();
        kind.run(10 * MS);
    });
    for _ in 0..120 {
        if kind.whole(members) {
            break;
        }
        kind.run(SECOND);
    }
    kind.run(if members > 200 { 20 } else { 60 } * SECOND);
    kind.set_loss(loss);
    kind.take_told();
    kind
}

/// Membership alone: messages go as they are.
pub trait Member: Machine + Sized {
    fn new(own: usize, members: usize, now: u64) -> Self;
    fn join(&mut self, with: usize, now: u64, sent: &mut Sent);
    /// How many others it believes to take part.
    fn others(&self) -> usize;
    /// What it was told since the last call: when, of whom.
    fn take_told(&mut self) -> Vec<(u64, usize, What)>;
}

pub struct Alone<M> {
    sim: Sim<M>,
    room: usize,
}

impl<M: Member> Kind for Alone<M> {
    fn new(seed: u64, room: usize) -> Alone<M> {
        let mut sim = Sim::new(seed);
        sim.network_mut().set_conditions(conditions(0)).expect("good ones");
        Alone { sim, room }
    }

    fn start(&mut self) {
        let own = self.sim.places();
        self.sim.start(own, M::new(own, self.room, self.sim.now()));
        if own > 0 {
            self.sim.with(own, |member, now, sent| member.join(0, now, sent));
        }
    }

    fn crash(&mut self, member: usize) {
        self.sim.crash(member);
    }

    fn set_loss(&mut self, loss: u64) {
        self.sim.network_mut().set_conditions(conditions(loss)).expect("good ones");
    }

    fn set_late(&mut self, member: usize, us: u64) {
        self.sim.set_late(member, us);
    }

    fn run(&mut self, us: u64) {
        self.sim.run(us).expect("members do not fail");
    }

    fn now(&self) -> u64 {
        self.sim.now()
    }

    fn running(&self) -> usize {
        self.sim.running().count()
    }

    fn whole(&self, members: usize) -> bool {
        let mut running = self.sim.running().filter_map(|place| self.sim.machine(place));
        running.all(|member| member.others() + 1 == members)
    }

    fn take_told(&mut self) -> Vec<Told> {
        let mut all = Vec::new();
        for by in 0..self.sim.places() {
            let told = self.sim.with(by, |member, _, _| member.take_told()).unwrap_or_default();
            all.extend(told.into_iter().map(|(at, of, what)| Told { at, by, of, what }));
        }
        all.sort_by_key(|told| told.at);
        all
    }

    fn sent(&self) -> (u64, u64) {
        (self.sim.counts().sent_bytes, self.sim.counts().sent)
    }
}

/// Whole nodes of the library: keys, handshakes, sessions, and topics over them.
pub struct Whole {
    swarm: Swarm,
    next: usize,
}

const TOPIC: &[u8] = b"news";

impl Kind for Whole {
    fn new(seed: u64, room: usize) -> Whole {
        let mut config = SwarmConfig::new(seed, room);
        config.parts.topics = true;
        let mut swarm = Swarm::new(config).expect("good settings");
        swarm.sim_mut().network_mut().set_conditions(conditions(0)).expect("good ones");
        Whole { swarm, next: 0 }
    }

    fn start(&mut self) {
        self.swarm.start(self.next).expect("good settings");
        self.swarm.act(self.next, |node, _| {
            let topics = node.topics.as_mut().expect("all have that part");
            topics.subscribe(TOPIC).expect("there is room");
        });
        self.next += 1;
    }

    fn crash(&mut self, member: usize) {
        self.swarm.crash(member);
    }

    fn set_loss(&mut self, loss: u64) {
        let network = self.swarm.sim_mut().network_mut();
        network.set_conditions(conditions(loss)).expect("good ones");
    }

    fn set_late(&mut self, member: usize, us: u64) {
        self.swarm.sim_mut().set_late(member, us);
    }

    fn run(&mut self, us: u64) {
        self.swarm.run(us).expect("nodes do not fail");
    }

    fn now(&self) -> u64 {
        self.swarm.sim().now()
    }

    fn running(&self) -> usize {
        self.swarm.sim().running().count()
    }

    fn whole(&self, members: usize) -> bool {
        self.swarm.sim().running().all(|place| self.swarm.count(place) == members)
    }

    fn take_told(&mut self) -> Vec<Told> {
        let told = self.swarm.take_told().into_iter().filter_map(|told| {
            let what = what(told.change)?;
            Some(Told { at: told.at, by: told.by, of: told.of, what })
        });
        told.collect()
    }

    fn sent(&self) -> (u64, u64) {
        (self.swarm.sim().counts().sent_bytes, self.swarm.sim().counts().sent)
    }

    fn publish(&mut self) -> Option<Option<f64>> {
        let (start, running) = (self.now(), self.running());
        let published = self.swarm.act(1, |node, _| {
            node.topics.as_mut().map(|topics| topics.publish(TOPIC, b"something has happened"))
        });
        published?.expect("all have that part").expect("there is room");
        let wanted = (running * 99).div_ceil(100);
        for _ in 0..10 {
            self.run(SECOND);
            let heard = |place| self.swarm.sim().machine(place).map(|node| &node.heard);
            let first = |place| heard(place)?.iter().map(|heard| heard.at).find(|at| *at >= start);
            let mut times: Vec<u64> = self.swarm.sim().running().filter_map(first).collect();
            times.sort_unstable();
            if let Some(at) = times.get(wanted - 1) {
                return Some(Some((at - start) as f64 / 1e6));
            }
        }
        Some(None)
    }
}

/// What a change means here.
pub fn what(change: Change) -> Option<What> {
    match change {
        Change::Joined => Some(What::Up),
        Change::Suspected => Some(What::Suspected),
        Change::Died | Change::Left => Some(What::Down),
        _ => None,
    }
}

/// Seconds until `share` of `others` were told.
pub fn until(
    told: &[Told],
    of: usize,
    what: What,
    start: u64,
    others: usize,
    share: f64,
) -> Option<f64> {
    let wanted = ((others as f64 * share).ceil() as usize).max(1);
    let mut firsts: HashMap<usize, u64> = HashMap::new();
    for told in told.iter().filter(|t| t.of == of && t.what == what && t.at >= start) {
        firsts.entry(told.by).or_insert(told.at);
    }
    let mut times: Vec<u64> = firsts.into_values().collect();
    times.sort_unstable();
    times.get(wanted - 1).map(|at| (at - start) as f64 / 1e6)
}
