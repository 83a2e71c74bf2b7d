//! Members in one process, on a simulated network and clock. A seed is a run.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use neural_swarm::node::membership::*;
use neural_swarm::port::{Address, Heap};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

pub const MS: u64 = 1_000;
pub const SECOND: u64 = 1_000_000;

enum Event {
    Deliver { from: u64, to: usize, life: u32, bytes: Vec<u8> },
    Wake { node: usize, life: u32 },
}

struct Due {
    at: u64,
    order: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.order == other.order
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Due) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// A change that a member told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub at: u64,
    pub by: u64,
    pub id: u64,
    pub change: Change,
}

pub struct Node {
    pub member: Option<Membership<'static>>,
    pub joined: Vec<Output>,
    life: u32,
    wake: u64,
    /// It does nothing before.
    stopped_until: u64,
    side: u8,
    /// How much later than by the network it gets to read what arrives.
    pub late: u64,
}

pub struct World {
    pub now: u64,
    pub nodes: Vec<Node>,
    pub told: Vec<Told>,
    /// Of 1,000 messages.
    pub loss: u64,
    /// Two that do not hear each other.
    pub cut: Option<(usize, usize)>,
    /// Everything that was delivered, if it is recorded.
    pub record: Option<Vec<(u64, Vec<u8>)>>,
    pub bytes: u64,
    pub messages: u64,
    /// Of each number.
    places: HashMap<u64, usize>,
    queue: BinaryHeap<Reverse<Due>>,
    order: u64,
    random: Xoshiro256PlusPlus,
}

pub fn id_of(node: usize) -> u64 {
    // Not in the order in which they come.
    (node as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1
}

pub fn config(node: usize, members: usize) -> MembershipConfig<'static> {
    let address = Address::new(&(node as u32).to_le_bytes()).unwrap();
    MembershipConfig { address, ..MembershipConfig::new(id_of(node), members) }
}

impl World {
    pub fn new(seed: u64) -> World {
        World {
            now: SECOND,
            nodes: Vec::new(),
            told: Vec::new(),
            loss: 0,
            cut: None,
            record: None,
            bytes: 0,
            messages: 0,
            places: HashMap::new(),
            queue: BinaryHeap::new(),
            order: 0,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
        }
    }

    /// So many members, all of which know each other.
    pub fn swarm(seed: u64, count: usize) -> World {
        World::swarm_of(seed, count, &|node| config(node, count.max(2)))
    }

    pub fn swarm_of(
        seed: u64,
        count: usize,
        config: &dyn Fn(usize) -> MembershipConfig<'static>,
    ) -> World {
        let mut world = World::new(seed);
        for node in 0..count {
            world.start(&config(node));
            if node > 0 {
                world.with(node, |member, now| member.join(id_of(0), now)).unwrap();
            }
            world.run(10 * MS);
        }
        world.run_until(60 * SECOND, |world| world.all_see(count));
        world.told.clear();
        world
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.random.next_u64() % end
    }

    pub fn start(&mut self, config: &MembershipConfig<'_>) -> usize {
        let member = Membership::new(config, Heap, self.now).unwrap();
        self.nodes.push(Node {
            member: Some(member),
            joined: Vec::new(),
            life: 0,
            wake: u64::MAX,
            stopped_until: 0,
            side: 0,
            late: 0,
        });
        let node = self.nodes.len() - 1;
        self.places.insert(config.id, node);
        self.after(node);
        node
    }

    /// A member that is gone begins anew, and remembers nothing.
    pub fn restart(&mut self, node: usize, config: &MembershipConfig<'_>) {
        self.nodes[node].member = Some(Membership::new(config, Heap, self.now).unwrap());
        self.after(node);
    }

    pub fn crash(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.member = None;
        node.life += 1;
        node.wake = u64::MAX;
    }

    /// It does nothing for a while: what arrives waits.
    pub fn stop(&mut self, node: usize, us: u64) {
        self.nodes[node].stopped_until = self.now + us;
    }

    /// Members of different sides do not hear each other.
    pub fn set_side(&mut self, node: usize, side: u8) {
        self.nodes[node].side = side;
    }

    pub fn member(&self, node: usize) -> &Membership<'static> {
        self.nodes[node].member.as_ref().unwrap()
    }

    pub fn with<T>(
        &mut self,
        node: usize,
        what: impl FnOnce(&mut Membership<'static>, u64) -> T,
    ) -> T {
        let done = what(self.nodes[node].member.as_mut().unwrap(), self.now);
        self.after(node);
        done
    }

    fn push(&mut self, at: u64, event: Event) {
        self.order += 1;
        self.queue.push(Reverse(Due { at, order: self.order, event }));
    }

    /// What a member wants done.
    fn after(&mut self, node: usize) {
        let mut out = [0; 1200];
        while let Some(member) = &mut self.nodes[node].member {
            match member.next(&mut out).unwrap() {
                None => break,
                Some(Output::Message { to, len }) => self.send(node, to, out[..len].to_vec()),
                Some(Output::Changed { id, change }) => {
                    let (at, by) = (self.now, id_of(node));
                    self.told.push(Told { at, by, id, change });
                }
                Some(end) => self.nodes[node].joined.push(end),
            }
        }
        let (at, life) = (self.member(node).wake_at(), self.nodes[node].life);
        assert!(at >= self.now, "it would be late at once");
        if at < self.nodes[node].wake {
            self.nodes[node].wake = at;
            self.push(at, Event::Wake { node, life });
        }
    }

    fn send(&mut self, node: usize, to: u64, bytes: Vec<u8>) {
        self.messages += 1;
        self.bytes += bytes.len() as u64;
        let to = self.places[&to];
        let cut = self.cut.is_some_and(|(a, b)| (a, b) == (node, to) || (b, a) == (node, to));
        let lost = self.below(1000) < self.loss || cut;
        if lost || self.nodes[to].side != self.nodes[node].side || self.nodes[to].member.is_none() {
            return;
        }
        let at = self.now + self.nodes[to].late + MS + self.below(9 * MS);
        let life = self.nodes[to].life;
        self.push(at, Event::Deliver { from: id_of(node), to, life, bytes });
    }

    fn step(&mut self) {
        let Some(Reverse(Due { at, event, .. })) = self.queue.pop() else { return };
        self.now = self.now.max(at);
        let (node, life) = match &event {
            Event::Deliver { to, life, .. } => (*to, *life),
            Event::Wake { node, life } => (*node, *life),
        };
        if life != self.nodes[node].life {
            return;
        }
        if self.now < self.nodes[node].stopped_until {
            return self.push(self.nodes[node].stopped_until, event);
        }
        let now = self.now;
        let member = self.nodes[node].member.as_mut().unwrap();
        match event {
            Event::Deliver { from, bytes, .. } => {
                member.receive(from, &bytes, now).unwrap();
                if let Some(record) = &mut self.record {
                    record.push((from, bytes));
                }
            }
            Event::Wake { .. } => {
                self.nodes[node].wake = u64::MAX;
                let member = self.nodes[node].member.as_mut().unwrap();
                if member.wake_at() <= now {
                    member.poll(now);
                }
            }
        }
        self.after(node);
    }

    pub fn run(&mut self, us: u64) {
        let end = self.now + us;
        while self.queue.peek().is_some_and(|due| due.0.at <= end) {
            self.step();
        }
        self.now = end;
    }

    /// Until something holds; how long that took. It must hold within that time.
    pub fn run_until(&mut self, us: u64, holds: impl Fn(&World) -> bool) -> u64 {
        let start = self.now;
        while !holds(self) {
            assert!(self.now - start < us, "not within {us} microseconds");
            self.run(50 * MS);
        }
        self.now - start
    }

    pub fn running(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].member.is_some())
    }

    /// Whether every member that runs sees just as many that are alive.
    pub fn all_see(&self, count: usize) -> bool {
        self.running().all(|node| {
            let members = self.member(node).members();
            members.filter(|member| member.standing == Standing::Alive).count() == count
        })
    }

    /// Whether every member that runs believes this of another.
    pub fn all_believe(&self, id: u64, standing: Standing) -> bool {
        let believe = |node| self.member(node).member(id).map(|member| member.standing);
        self.running().filter(|node| id_of(*node) != id).all(|node| believe(node) == Some(standing))
    }

    pub fn count(&self, what: impl Fn(&Told) -> bool) -> usize {
        self.told.iter().filter(|told| what(told)).count()
    }
}
