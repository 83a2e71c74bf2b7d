//! A network of agents in one thread: delays, losses, repetitions, other orders, all from a seed.

use std::collections::BTreeMap;

use neural_swarm::Error;
use neural_swarm::task::assign::{Cbba, Heard, PriceAuction};

use super::Random;

/// What both kinds of auction have.
pub trait Agent {
    fn hear(&mut self, bytes: &[u8], now: u64) -> Result<Heard, Error>;
    fn speak(&mut self, now: u64, out: &mut [u8]) -> Option<usize>;
    fn changed(&self) -> u64;
    fn has(&self) -> Vec<u64>;
}

impl Agent for Cbba<'_> {
    fn hear(&mut self, bytes: &[u8], now: u64) -> Result<Heard, Error> {
        self.step(bytes, now)
    }
    fn speak(&mut self, now: u64, out: &mut [u8]) -> Option<usize> {
        self.next_message(now, out).unwrap()
    }
    fn changed(&self) -> u64 {
        self.changed_us()
    }
    fn has(&self) -> Vec<u64> {
        self.path().collect()
    }
}

impl Agent for PriceAuction<'_> {
    fn hear(&mut self, bytes: &[u8], now: u64) -> Result<Heard, Error> {
        self.step(bytes, now)
    }
    fn speak(&mut self, now: u64, out: &mut [u8]) -> Option<usize> {
        self.next_message(now, out).unwrap()
    }
    fn changed(&self) -> u64 {
        self.changed_us()
    }
    fn has(&self) -> Vec<u64> {
        self.tasks().collect()
    }
}

#[derive(Clone, Copy)]
pub struct Weather {
    pub loss: f64,
    pub twice: f64,
    /// Longest delay, in microseconds.
    pub delay: u64,
}

pub const FINE: Weather = Weather { loss: 0.0, twice: 0.0, delay: 1_000 };
pub const BAD: Weather = Weather { loss: 0.2, twice: 0.1, delay: 60_000 };

pub struct Network<A> {
    pub agents: Vec<A>,
    /// Who hears whom.
    pub links: Vec<Vec<usize>>,
    /// Those that neither speak nor hear.
    pub dead: Vec<bool>,
    pub now: u64,
    pub sent: usize,
    weather: Weather,
    random: Random,
    flying: BTreeMap<(u64, usize), (usize, Vec<u8>)>,
    count: usize,
}

impl<A: Agent> Network<A> {
    pub fn new(agents: Vec<A>, links: Vec<Vec<usize>>, weather: Weather, seed: u64) -> Network<A> {
        let dead = vec![false; agents.len()];
        let (flying, random) = (BTreeMap::new(), Random::new(seed));
        Network { agents, links, dead, now: 0, sent: 0, weather, random, flying, count: 0 }
    }

    pub fn run_until(&mut self, end: u64) {
        let mut buffer = [0; 1 << 16];
        while self.now < end {
            self.now += 1_000;
            while let Some(entry) = self.flying.first_entry() {
                if entry.key().0 > self.now {
                    break;
                }
                let (to, bytes) = entry.remove();
                if !self.dead[to] {
                    self.agents[to].hear(&bytes, self.now).unwrap();
                }
            }
            for from in 0..self.agents.len() {
                if self.dead[from] {
                    continue;
                }
                while let Some(len) = self.agents[from].speak(self.now, &mut buffer) {
                    self.sent += 1;
                    for to in self.links[from].clone() {
                        self.throw(to, &buffer[..len]);
                    }
                }
            }
        }
    }

    fn throw(&mut self, to: usize, bytes: &[u8]) {
        let times = 1 + usize::from(self.random.chance(self.weather.twice));
        for _ in 0..times {
            if !self.random.chance(self.weather.loss) {
                let delay = self.random.below(self.weather.delay as usize) as u64;
                self.flying.insert((self.now + delay, self.count), (to, bytes.to_vec()));
                self.count += 1;
            }
        }
    }

    /// Runs until nothing has changed for `quiet`; when the last change was. Panics after `most`.
    pub fn settle(&mut self, quiet: u64, most: u64) -> u64 {
        let end = self.now + most;
        loop {
            let living = (0..self.agents.len()).filter(|a| !self.dead[*a]);
            let last = living.map(|a| self.agents[a].changed()).max().unwrap();
            if self.now >= last + quiet {
                return last;
            }
            assert!(self.now < end, "it does not settle");
            self.run_until(self.now + 50_000);
        }
    }

    /// Who has which task; panics if two have the same.
    pub fn owners(&self) -> BTreeMap<u64, usize> {
        let mut owners = BTreeMap::new();
        for a in (0..self.agents.len()).filter(|a| !self.dead[*a]) {
            for task in self.agents[a].has() {
                assert_eq!(owners.insert(task, a), None, "two have task {task}");
            }
        }
        owners
    }
}

/// Everybody hears everybody.
pub fn full(n: usize) -> Vec<Vec<usize>> {
    (0..n).map(|a| (0..n).filter(|b| a != *b).collect()).collect()
}

/// Each hears two.
pub fn ring(n: usize) -> Vec<Vec<usize>> {
    let around = |a: usize| {
        let mut both = vec![(a + 1) % n, (a + n - 1) % n];
        both.dedup();
        both.retain(|b| *b != a);
        both
    };
    (0..n).map(around).collect()
}

/// A random tree with a few more links.
pub fn sparse(n: usize, random: &mut Random) -> Vec<Vec<usize>> {
    let mut links = vec![Vec::new(); n];
    let mut join = |a: usize, b: usize| {
        if a != b && !links[a].contains(&b) {
            links[a].push(b);
            links[b].push(a);
        }
    };
    (1..n).for_each(|a| join(a, random.below(a)));
    (0..n / 3).for_each(|_| join(random.below(n), random.below(n)));
    links
}
