//! Nodes, their network, clocks, disks and clients from a seed: as many steps as the plan
//! has, while everything breaks that may break, and then a calm in which all must come to
//! the same. After each step all of `check.rs` holds, and in the end the clients' history
//! is linearizable. A seed is a run: `NSW_SEED=n cargo test --test raft whatever` repeats one.

use std::collections::HashMap;

use neural_swarm::consensus::raft::Event;

use crate::app::Command;
use crate::clients::{Client, Doing, any_op};
use crate::host::Host;
use crate::linear::History;
use crate::net::Net;
use crate::plan::Plan;
use crate::policies::Policy;
use crate::random::Random;
use crate::world::{Done, Due, Run, Tally, World};

pub struct Sim {
    plan: Plan,
    world: World,
    history: History,
    /// Which call a command of a client is.
    calls: HashMap<(u64, u64), usize>,
    clients: Vec<Client>,
    /// When the next thing breaks.
    chaos: u64,
    tokens: u64,
    commands: u64,
    calm: bool,
    /// Until when one that was removed is to be wiped as soon as may be.
    doomed: u64,
    /// A node whose points are counted.
    watched: u64,
}

impl Sim {
    pub fn new(seed: u64, traced: bool) -> Sim {
        let mut random = Random::new(seed);
        let plan = Plan::new(&mut random);
        let net = Net::new(&mut random);
        Sim::of(plan, World::new(seed, random, net, traced))
    }

    /// One in which somebody sets whatever nodes let be set: directly, or through a tuner whose model
    /// has gone mad. Leases in half of the runs.
    pub fn vexed(seed: u64, traced: bool) -> Sim {
        let mut random = Random::new(seed);
        let mut plan = Plan::new(&mut random);
        if seed.is_multiple_of(2) {
            (plan.lease, plan.pre_vote, plan.check_quorum) = (true, true, true);
            (plan.jumps, plan.skew) = (false, 10_000);
        }
        let net = Net::new(&mut random);
        let mut sim = Sim::of(plan, World::new(seed, random, net, traced));
        for host in sim.world.hosts.values_mut() {
            if seed % 4 < 2 {
                host.vexed = Some(Random::new(seed + host.id));
                host.worst = seed % 8 < 2;
            } else {
                host.policy = Some(|| Policy::Mad(Random::new(0)));
            }
        }
        sim
    }

    /// One in which nothing goes wrong, but members change, leaders hand over, and all
    /// compact; and in which one node crashes once, after so many points of its writing.
    pub fn mild(seed: u64, node: u64, point: u64, traced: bool) -> Sim {
        let mut random = Random::new(seed);
        let plan = Plan::mild(&mut random);
        let mut sim = Sim::of(plan, World::new(seed, random, Net::calm(), traced));
        sim.world.hosts.get_mut(&node).unwrap().crash_in = Some(point);
        sim.watched = node;
        sim
    }

    fn of(plan: Plan, world: World) -> Sim {
        let mut world = world;
        (world.garbage, world.again) = (1, true);
        for id in 1..=plan.nodes + plan.spare {
            let mut host = Host::new(id, &plan, &mut world.random);
            host.noted = world.traced();
            world.hosts.insert(id, host);
        }
        Sim {
            world,
            history: History::default(),
            calls: HashMap::new(),
            clients: (1..=plan.clients).map(Client::new).collect(),
            chaos: 0,
            tokens: 0,
            commands: 0,
            calm: false,
            doomed: 0,
            watched: 1,
            plan,
        }
    }

    fn step(&mut self) -> Run {
        self.world.tally.steps += 1;
        if self.world.now < self.doomed && !self.calm {
            self.wipe()?;
        }
        let client = self.clients.iter().map(|client| client.wake).min().unwrap_or(u64::MAX);
        let next = self.world.next();
        if self.chaos <= next.min(client) {
            self.world.now = self.world.now.max(self.chaos);
            let after = self.world.random.between(self.plan.chaos / 4, self.plan.chaos * 2);
            self.chaos = self.world.now + after;
            self.chaos()?;
        } else if client < next {
            self.world.now = self.world.now.max(client);
            let n = self.clients.iter().position(|asks| asks.wake == client).unwrap();
            self.client(n)?;
        } else {
            self.world.step()?;
        }
        self.hear();
        Ok(())
    }

    /// What nodes have said to clients.
    fn hear(&mut self) {
        for done in std::mem::take(&mut self.world.done) {
            match done {
                Done::Applied { node, client, sequence, answer } => {
                    self.answer(node, client, sequence, answer);
                }
                Done::Said { node, event } => match event {
                    Event::ReadReady { token, .. } => self.read(node, token, true),
                    Event::ReadFailed { token } => self.read(node, token, false),
                    _ => {}
                },
            }
        }
    }

    fn any(&mut self) -> u64 {
        let ids = self.world.ids();
        self.world.random.one(&ids)
    }

    fn crash(&mut self, node: u64, why: &str) {
        let again = self.world.random.one(&[1, 10_000, 300_000, 2_000_000]);
        self.world.crash(node, why, Some(again));
    }

    fn chaos(&mut self) -> Run {
        let (mut node, leader) = (self.any(), self.world.leader());
        if let Some(leader) = leader.filter(|_| self.world.random.chance(40)) {
            node = leader;
        }
        let heal = self.world.now + self.world.random.one(&[20_000, 200_000, 1_000_000, 3_000_000]);
        let any = self.world.random.between(if self.plan.mild { 71 } else { 0 }, 100);
        let often = self.plan.often.filter(|_| self.world.random.chance(70));
        match often.unwrap_or(any) {
            98..99 if self.plan.mild => {}
            0..15 => self.crash(node, "by itself"),
            15..30 => {
                let points = self.world.random.between(1, 8);
                self.world.hosts.get_mut(&node).unwrap().crash_in = Some(points);
            }
            30..32 if !self.world.hosts[&node].full => {
                self.world.note(|| format!("{node}'s disk is full"));
                self.world.tally.filled += 1;
                self.world.hosts.get_mut(&node).unwrap().full = true;
                self.world.at(heal, Due::Room(node));
            }
            30..34 => {
                self.world.note(|| format!("{node}'s disk breaks"));
                self.world.tally.breakdowns += 1;
                self.world.hosts.get_mut(&node).unwrap().broken = true;
            }
            34..54 => {
                let nodes: Vec<u64> = self.world.hosts.keys().copied().collect();
                let (broke, parted) = self.world.net.part(&mut self.world.random, &nodes, node);
                self.world.note(|| parted);
                self.world.tally.parts += 1;
                self.world.at(heal, Due::Mend(broke));
            }
            54..57 => self.world.net.heal(),
            57..67 if self.world.hosts[&node].runs() => {
                self.world.note(|| format!("{node} is paused"));
                self.world.tally.pauses += 1;
                self.world.hosts.get_mut(&node).unwrap().paused = true;
                self.world.at(heal, Due::Resume(node));
            }
            67..71 if self.plan.jumps => {
                self.world.tally.jumps += 1;
                let by = self.world.random.below(3_000_000) as i64 - 600_000;
                self.world.note(|| format!("{node}'s clock jumps by {by}"));
                self.world.hosts.get_mut(&node).unwrap().clock.jump(by);
            }
            71..78 => {
                let to = self.any();
                self.world.note(|| format!("{node} shall hand over to {to}"));
                self.world.tally.transfers += 1;
                return self.world.with(node, |host, now| _ = host.transfer(to, now));
            }
            78..92 if self.plan.changes => return self.change(leader.unwrap_or(node)),
            92..98 if self.plan.changes => return self.wipe(),
            98..99 => {
                for node in self.world.ids() {
                    self.crash(node, "with all others");
                }
            }
            _ => return self.world.with(node, |host, _| host.compact_soon()),
        }
        Ok(())
    }

    fn change(&mut self, node: u64) -> Run {
        let count = self.world.random.one(&[1, 1, 1, 2, 3]);
        let mut changes = vec![];
        for _ in 0..count {
            let other = self.any();
            changes.push((
                other,
                self.world.random.below(10),
                self.plan.witnesses.contains(&other),
            ));
        }
        self.world.tally.changes += 1;
        self.doomed = self.world.now + 200_000 * self.world.random.below(2);
        let least = self.plan.least;
        let mut said = String::new();
        self.world.with(node, |host, now| said = host.change(&changes, least, now))?;
        self.world.note(|| format!("{node} shall change members: {said}"));
        Ok(())
    }

    /// One that is no member any more loses its log. It keeps its term and vote, without which
    /// it could vote twice. All others must know that it is out, for one that does not could be
    /// elected by it without having what it had; for the same reason there is one in a run, and
    /// never one that has been a majority by itself: members again, it goes through all
    /// memberships once more.
    fn wipe(&mut self) -> Run {
        if self.world.tally.wiped > 0 || self.plan.least < 2 || self.plan.nodes < 2 {
            return Ok(());
        }
        let Some(leads) = self.world.leader() else { return Ok(()) };
        let leader = &self.world.hosts[&leads];
        let (Some(members), Some(status)) = (leader.settled_members(), leader.status()) else {
            return Ok(());
        };
        let (index, term) = (status.members, self.world.checker.term(status.members));
        let knows = |host: &Host| host.disk.log.holds(index, term) || host.knows_nobody();
        let out = self.world.hosts.values().find(|host| {
            host.up() && !host.paused && host.log.last() > 0 && !members.contains(&host.id)
        });
        let Some(id) = out.map(|host| host.id) else { return Ok(()) };
        if !self.world.hosts.values().all(|host| host.id == id || knows(host)) {
            return Ok(());
        }
        self.world.tally.wiped += 1;
        self.doomed = 0;
        self.world.crash(id, "and is wiped", None);
        self.world.hosts.get_mut(&id).unwrap().wipe();
        self.world.start(id)?;
        // At once it is a member again, while what it said before is under way still.
        let changes = [(id, 0, self.plan.witnesses.contains(&id))];
        self.world.with(leads, |host, now| drop(host.change(&changes, 1, now)))
    }

    fn client(&mut self, n: usize) -> Run {
        let mut client = self.clients[n];
        if client.doing != Doing::Nothing
            && client.tries > 0
            && !self.calm
            && self.world.random.chance(4)
        {
            // It gives up. What it wanted may happen still.
            self.world.note(|| format!("client {} gives up", client.id));
            client.doing = Doing::Nothing;
            // Nobody knows whether a proposal is missing now: it goes on under another name.
            client.id += 1_000;
            client.sequence = 0;
        }
        if client.doing == Doing::Nothing {
            if self.calm && client.tries == 0 {
                // It has done something since the calm began.
                client.wake = u64::MAX;
                self.clients[n] = client;
                return Ok(());
            }
            self.commands += 1;
            let (key, op) = any_op(&mut self.world.random, self.plan.keys, self.commands);
            let call;
            client.tries = 0;
            if self.world.random.chance(self.plan.reads) {
                let key = self.world.random.below(self.plan.keys);
                call = self.history.call(client.id, key, crate::linear::Op::Get);
                client.doing = Doing::Read { call, key, token: 0 };
            } else {
                call = self.history.call(client.id, key, op);
                client.sequence += 1;
                self.calls.insert((client.id, client.sequence), call);
                let command = Command { number: self.commands, key, op };
                let more = self.world.random.below(self.plan.more + 1) as usize;
                client.doing = Doing::Write { command, more };
            }
        }
        client.tries += 1;
        client.at = match self.world.leader() {
            // Some stay where they are, whoever leads.
            Some(_) if client.at > 0 && self.world.random.chance(40) => client.at,
            Some(leader) if self.world.random.chance(60) => leader,
            // A witness has nothing to answer with.
            leader => match self.any() {
                one if self.plan.witnesses.contains(&one) => leader.unwrap_or(1),
                one => one,
            },
        };
        client.wake = self.world.now
            + self.world.random.between(self.plan.patience / 2, self.plan.patience * 2);
        self.clients[n] = client;
        if !self.world.hosts[&client.at].runs() {
            self.clients[n].wake = self.world.now + self.world.random.between(1_000, 20_000);
            return Ok(());
        }
        let mut done = true;
        match client.doing {
            Doing::Write { command, more } => {
                let bytes = command.encode(more);
                let (id, sequence) = (client.id, client.sequence);
                self.world.with(client.at, |host, now| {
                    done = host.propose(id, sequence, &bytes, now).is_ok()
                })?;
                self.world.note(|| {
                    let how = if done { "asks" } else { "is refused by" };
                    format!("client {id} {how} {} for {sequence}: {command:?}", client.at)
                });
                if !done {
                    self.world.tally.full += 1;
                }
                if let Some((of, answer)) =
                    self.world.hosts[&client.at].app.answers.get(&id).copied()
                    && of == sequence
                {
                    self.answer(client.at, id, sequence, answer);
                }
            }
            Doing::Read { call, key, .. } => {
                self.tokens += 1;
                let token = self.tokens;
                self.clients[n].doing = Doing::Read { call, key, token };
                self.world.with(client.at, |host, now| done = host.read(token, now).is_ok())?;
                self.world
                    .note(|| format!("client {} reads {key} at {}: {done}", client.id, client.at));
            }
            Doing::Nothing => {}
        }
        if !done {
            self.clients[n].wake = self.world.now + self.world.random.between(5_000, 60_000);
        }
        Ok(())
    }

    fn answer(&mut self, node: u64, client: u64, sequence: u64, answer: u64) {
        // From here on everybody has to see it, whoever is answered when. What nobody has ever
        // applied did not happen. So no call of a history is open, which would take the search
        // for an order twice as long each.
        let Some(call) = self.calls.get(&(client, sequence)).copied() else { return };
        match self.history.calls[call].answered {
            None => self.history.answer(call, answer),
            Some((_, said)) => assert_eq!(said, answer, "{sequence} of client {client} at {node}"),
        }
        let think = self.world.random.below(self.plan.think);
        let Some(asked) = self.clients.iter_mut().find(|asked| asked.id == client) else { return };
        let writes = matches!(asked.doing, Doing::Write { .. });
        if !writes || asked.at != node || asked.sequence != sequence {
            return;
        }
        (asked.doing, asked.wake) = (Doing::Nothing, self.world.now + think);
        asked.tries = if self.calm { 0 } else { 1 };
        self.world.tally.writes += 1;
        self.world.note(|| format!("client {client} has {answer} for {sequence}"));
    }

    fn read(&mut self, node: u64, token: u64, ready: bool) {
        let asks =
            |c: &&mut Client| matches!(c.doing, Doing::Read { token: of, .. } if of == token);
        let think = self.world.random.below(self.plan.think);
        let Some(asked) = self.clients.iter_mut().find(asks) else { return };
        let Doing::Read { call, key, .. } = asked.doing else { return };
        let id = asked.id;
        asked.wake = self.world.now + think;
        if ready {
            let value = self.world.hosts[&node].app.value(key);
            asked.doing = Doing::Nothing;
            asked.tries = if self.calm { 0 } else { 1 };
            self.history.answer(call, value);
            self.world.tally.reads += 1;
            self.world.note(|| format!("client {id} reads {value} in {key}"));
        }
    }

    fn whole(&mut self) -> Run {
        for node in self.world.ids() {
            self.world.start(node)?;
        }
        while self.world.tally.steps < self.plan.steps {
            self.step()?;
        }
        self.settle()?;
        self.history.calls.retain(|call| call.answered.is_some());
        self.history.check().map_err(|calls| {
            let calls: Vec<String> = calls.iter().map(|call| call.to_string()).collect();
            format!("not linearizable:\n{}", calls.join("\n"))
        })
    }

    /// All faults end. Then there is a leader, all that clients ask for is done, and all
    /// members have the same.
    fn settle(&mut self) -> Run {
        self.calm = true;
        self.world.tally.points = self.world.hosts[&self.watched].points;
        self.world.note(|| "calm".into());
        self.world.net.heal();
        (self.world.net.loss, self.world.net.late, self.world.net.jitter) =
            (0, 0, self.world.net.jitter.min(5_000));
        self.chaos = u64::MAX;
        self.world.calm();
        for node in self.world.ids() {
            if self.world.hosts[&node].vexed.is_some() || self.world.hosts[&node].policy.is_some() {
                // Else it may wait for an hour.
                self.world.crash(node, "and nobody vexes it any more", None);
            }
            self.world.room(node)?;
            let host = self.world.hosts.get_mut(&node).unwrap();
            (host.vexed, host.policy, host.worst) = (None, None, false);
            (host.broken, host.crash_in) = (false, None);
            host.clock.rate(self.world.now, 0);
            if !host.up() {
                self.world.at(self.world.now + 1, Due::Restart(node));
            }
        }
        for client in &mut self.clients {
            // Each does one more thing at least.
            client.tries = client.tries.max(1);
            client.wake = self.world.now + 1;
        }
        let (begin, limit) = (self.world.now, 60 * self.plan.election);
        while self.world.now < begin + limit {
            if self.world.tally.steps > self.plan.steps + 200_000 {
                return Err("the calm has too many steps".into());
            }
            self.step()?;
            let busy = self.clients.iter().any(|client| client.wake != u64::MAX);
            if !busy && self.world.tally.steps.is_multiple_of(16) && self.same() {
                return Ok(());
            }
        }
        let views: Vec<String> = self
            .world
            .hosts
            .values()
            .map(|host| format!("{}: {:?}", host.id, host.view()))
            .collect();
        Err(format!(
            "no progress in a calm of {} election timeouts: clients {:?}, {}",
            limit / self.plan.election,
            self.clients,
            views.join(", ")
        ))
    }

    /// Whether the members have all that is committed.
    fn same(&self) -> bool {
        let Some(leader) = self.world.leader() else { return false };
        let leader = &self.world.hosts[&leader];
        let Some(members) = leader.settled_members() else { return false };
        let want = leader.app.applied;
        want == leader.view().commit
            && members.iter().all(|id| {
                let host = &self.world.hosts[id];
                host.up() && host.view().commit == want && host.witnesses()
                    || host.app == leader.app
            })
    }
}

/// What happened in a run, or what went wrong and before it.
fn drive(seed: u64, mut sim: Sim) -> Result<(Tally, u64), String> {
    let result = sim.whole();
    sim.world.tally.leaders = sim.world.checker.leaders() as u64;
    sim.world.tally.committed = sim.world.checker.committed();
    match result {
        Ok(()) => Ok((sim.world.tally, sim.world.hash)),
        Err(wrong) => {
            let (before, steps) = (sim.world.noted(), sim.world.tally.steps);
            Err(format!("{before}\nseed {seed} ({:?}), step {steps}: {wrong}", sim.plan))
        }
    }
}

/// A run; what happened before something goes wrong is kept only if it does.
fn twice(seed: u64, sim: impl Fn(bool) -> Sim) -> Result<(Tally, u64), String> {
    let first = std::panic::AssertUnwindSafe(|| drive(seed, sim(false)));
    match std::panic::catch_unwind(first) {
        Ok(Ok(fine)) => Ok(fine),
        _ => drive(seed, sim(true)),
    }
}

pub fn run(seed: u64) -> Result<(Tally, u64), String> {
    twice(seed, |traced| Sim::new(seed, traced))
}

pub fn run_vexed(seed: u64) -> Result<(Tally, u64), String> {
    twice(seed, |traced| Sim::vexed(seed, traced))
}

pub fn run_mild(seed: u64, node: u64, point: u64) -> Result<Tally, String> {
    twice(seed, |traced| Sim::mild(seed, node, point, traced))
        .map(|done| done.0)
        .map_err(|wrong| format!("{wrong}\n(node {node} at point {point})"))
}
