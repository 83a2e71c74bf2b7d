//! Five nodes under an even load whose leader crashes once: how long nothing is committed.

use std::collections::VecDeque;

use neural_swarm::consensus::raft::{Event, Role};

use crate::host::Host;
use crate::net::{Net, Path};
use crate::plan::Plan;
use crate::policies::Policy;
use crate::random::Random;
use crate::world::{Done, World};

pub const NODES: u64 = 5;

/// What a trial is like.
#[derive(Clone)]
pub struct Terms {
    /// Microseconds: the election timeout (draws are from it to twice as much), heartbeats,
    /// from one proposal to the next, and until the leader crashes.
    pub election: u64,
    pub heartbeat: u64,
    pub load: u64,
    pub settle: u64,
    pub pre_vote: bool,
    /// Nothing: as configured. Who is much better placed is handed over to.
    pub policy: Option<fn() -> Policy>,
    /// The way from one node to another.
    pub path: Way,
}

pub type Way = fn(u64, u64) -> Path;

fn lay(net: &mut Net, path: Way) {
    for (from, to) in (1..=NODES).flat_map(|from| (1..=NODES).map(move |to| (from, to))) {
        net.paths.insert((from, to), path(from, to));
    }
}

pub struct Trial {
    pub world: World,
    terms: Terms,
    next: u64,
    commands: u64,
    /// Index, term and time of what was proposed to that leader and is not committed.
    waits: VecDeque<(u64, u64, u64)>,
    asked: u64,
    /// Microseconds from proposal to commit, at the leader.
    pub latencies: Vec<u64>,
    /// Elections that were asked about, and hand-overs, until now.
    pub asked_about: u64,
    pub handed: u64,
    hand_at: u64,
}

impl Trial {
    pub fn new(seed: u64, terms: &Terms) -> Trial {
        let mut random = Random::new(seed);
        let plan = Plan {
            nodes: NODES,
            election: terms.election,
            skew: 100,
            pre_vote: terms.pre_vote,
            ..Plan::calm()
        };
        let mut net = Net::calm();
        net.reorder = true;
        lay(&mut net, terms.path);
        let hosts = (1..=NODES).map(|id| {
            let mut host = Host::new(id, &plan, &mut random);
            host.config.priority = 255;
            host.config.heartbeat_us = terms.heartbeat;
            host.policy = terms.policy;
            (id, host)
        });
        let hosts = hosts.collect();
        let mut world = World::new(seed, random, net, false);
        world.hosts = hosts;
        Trial {
            next: world.now,
            world,
            terms: terms.clone(),
            commands: 0,
            waits: VecDeque::new(),
            asked: 0,
            latencies: vec![],
            asked_about: 0,
            handed: 0,
            hand_at: 0,
        }
    }

    /// The network is another one from now on.
    pub fn turn(&mut self, path: Way) {
        lay(&mut self.world.net, path);
    }

    pub fn start(&mut self) {
        for id in 1..=NODES {
            self.world.start(id).unwrap();
        }
    }

    /// Until then, or until something holds.
    pub fn run(&mut self, until: u64, mut ends: impl FnMut(&World) -> bool) {
        while !ends(&self.world) {
            let next = self.world.next();
            if next.min(self.next) > until {
                self.world.now = until;
                return;
            }
            if self.next < next {
                self.world.now = self.world.now.max(self.next);
                self.next += self.terms.load;
                self.hand_over();
                self.propose();
            } else {
                self.world.step().unwrap_or_else(|wrong| panic!("{wrong}"));
            }
            self.look();
        }
    }

    fn propose(&mut self) {
        let Some(leader) = self.world.leader() else { return };
        self.commands += 1;
        let op = crate::linear::Op::Add(1);
        let data = crate::app::Command { number: self.commands, key: 0, op }.encode(16);
        let mut place = None;
        let done = |host: &mut Host, now| place = host.propose(0, 0, &data, now).ok().flatten();
        self.world.with(leader, done).unwrap_or_else(|wrong| panic!("{wrong}"));
        if let Some(index) = place {
            let term = self.world.hosts[&leader].view().term;
            if self.asked != leader {
                self.waits.clear();
            }
            self.asked = leader;
            self.waits.push_back((index, term, self.world.now));
        }
    }

    /// Who had better lead, if the leader's tuner knows one, leads from now on.
    fn hand_over(&mut self) {
        if self.world.now < self.hand_at {
            return;
        }
        self.hand_at = self.world.now + 5_000_000;
        let Some(leader) = self.world.leader() else { return };
        let tuner = self.world.hosts[&leader].tuner.as_ref();
        if let Some(better) = tuner.and_then(|tuner| tuner.advice().better) {
            self.handed += 1;
            let to = |host: &mut Host, now| _ = host.transfer(better.0, now);
            self.world.with(leader, to).unwrap_or_else(|wrong| panic!("{wrong}"));
        }
    }

    /// What is committed of what was proposed.
    fn look(&mut self) {
        for done in self.world.done.drain(..) {
            if let Done::Said { event: Event::Role { role: Role::PreCandidate, .. }, .. } = done {
                self.asked_about += 1;
            }
        }
        let Some(&(index, term, _)) = self.waits.front() else { return };
        let Some(status) = self.world.hosts[&self.asked].status() else {
            return self.waits.clear();
        };
        if status.term != term {
            return self.waits.clear();
        }
        let now = self.world.now;
        if status.commit >= index {
            while self.waits.front().is_some_and(|wait| wait.0 <= status.commit) {
                let wait = self.waits.pop_front();
                self.latencies.extend(wait.map(|wait| now - wait.2));
            }
        }
    }

    /// The leader crashes, at any moment between two heartbeats: microseconds until something
    /// is committed again. Nothing if that is never.
    pub fn crash(&mut self) -> Option<u64> {
        // Not in the middle of a hand-over.
        self.hand_at = u64::MAX;
        let wait = 1_000_000 + self.world.random.below(2 * self.terms.heartbeat);
        self.run(self.world.now + wait, |_| false);
        let leader = self.world.leader()?;
        let (begin, committed) = (self.world.now, self.world.checker.committed());
        self.world.crash(leader, "", None);
        self.waits.clear();
        let again = |world: &World| world.checker.committed() > committed;
        self.run(begin + 100 * self.terms.election, again);
        again(&self.world).then(|| self.world.now - begin)
    }
}

/// The value that so many thousandths are not above.
pub fn quantile(sorted: &[u64], thousandths: usize) -> u64 {
    let at = (sorted.len() * thousandths).div_ceil(1000).max(1) - 1;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}
