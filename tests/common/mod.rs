//! What several tests share: a network that loses, delays, doubles and reorders
//! by a seed, with links on it.

#![allow(dead_code)] // each test uses its part

#[cfg(all(feature = "std", unix))]
pub mod disk;
mod random;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use neural_swarm::Result;
use neural_swarm::comm::crypto::Secret;
use neural_swarm::comm::identity::{LocalSecrets, Secrets};
use neural_swarm::comm::link::{Link, LinkConfig, Output, PeerId, Received};
use neural_swarm::port::{Address, Entropy, Heap};

/// A generator with a seed. Not for secrets, but in tests.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        random::next(&mut self.0)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// True in so many of 1,000 cases.
    pub fn chance(&mut self, of_1000: u64) -> bool {
        self.below(1000) < of_1000
    }
}

impl Entropy for Random {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        for chunk in out.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

pub type TestLink = Link<'static, LocalSecrets, Random>;

pub fn secrets(number: u8) -> LocalSecrets {
    LocalSecrets::new(Secret::new([number; 32]))
}

pub fn address(number: usize) -> Address {
    Address::new(&(number as u16).to_le_bytes()).unwrap()
}

pub fn number(address: &Address) -> usize {
    usize::from(u16::from_le_bytes(address.bytes().try_into().unwrap()))
}

/// A link whose identity is number `me`, that trusts `pinned`.
pub fn link(config: &LinkConfig, me: u8, pinned: &[u8], seed: u64) -> TestLink {
    let entropy = Random(seed.wrapping_mul(1000) + u64::from(me));
    let mut link = Link::new(config, secrets(me), entropy, Heap).unwrap();
    for other in pinned {
        link.trust_mut().pin(&secrets(*other).identity()).unwrap();
    }
    link
}

/// How frames fare, in thousandths.
#[derive(Clone, Copy, Default)]
pub struct Weather {
    pub loss: u64,
    pub doubled: u64,
    pub reordered: u64,
    /// Microseconds on the way; a reordered frame takes up to ten times as long.
    pub delay: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    when: u64,
    serial: u64,
    from: usize,
    to: usize,
    frame: Vec<u8>,
}

/// Something that a node has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Output(Output),
    Message(PeerId, Vec<u8>),
}

/// Links on a network, and the time.
pub struct Net {
    pub links: Vec<TestLink>,
    pub now: u64,
    pub weather: Weather,
    pub random: Random,
    /// Where node `i` is now: its address.
    pub at: Vec<usize>,
    /// What each has seen, in order.
    pub seen: Vec<Vec<Seen>>,
    /// Each frame that was sent: from, to, bytes.
    pub wire: Vec<(usize, usize, Vec<u8>)>,
    flights: BinaryHeap<Reverse<Flight>>,
    serial: u64,
}

impl Net {
    pub fn new(links: Vec<TestLink>, weather: Weather, seed: u64) -> Net {
        let count = links.len();
        Net {
            links,
            now: 1_000_000,
            weather,
            random: Random(seed),
            at: (0..count).collect(),
            seen: vec![Vec::new(); count],
            wire: Vec::new(),
            flights: BinaryHeap::new(),
            serial: 0,
        }
    }

    /// Puts a frame on the wire, as if `from` had sent it.
    pub fn inject(&mut self, from: usize, to: usize, frame: &[u8]) {
        self.wire.push((from, to, frame.to_vec()));
        if self.random.chance(self.weather.loss) {
            return;
        }
        let copies = 1 + u64::from(self.random.chance(self.weather.doubled));
        for _ in 0..copies {
            let mut delay = self.weather.delay;
            if self.random.chance(self.weather.reordered) {
                delay += self.random.below(10 * delay.max(1));
            }
            self.serial += 1;
            let (when, serial, frame) = (self.now + delay, self.serial, frame.to_vec());
            self.flights.push(Reverse(Flight { when, serial, from, to, frame }));
        }
    }

    /// Takes all that a node has to say.
    pub fn drain(&mut self, node: usize) {
        let mut out = [0; 2048];
        while let Some(output) = self.links[node].next(self.now, &mut out).unwrap() {
            match output {
                Output::Frame { to, len } => {
                    let from = self.at[node];
                    self.inject(from, number(&to), &out[..len]);
                }
                other => self.seen[node].push(Seen::Output(other)),
            }
        }
    }

    /// Gives a node a frame.
    pub fn deliver(&mut self, from: usize, node: usize, frame: &[u8]) -> Result<Received> {
        let mut out = [0; 2048];
        let received = self.links[node].receive(&address(from), frame, self.now, &mut out);
        if let Ok(Received::Message { peer, len }) = received {
            self.seen[node].push(Seen::Message(peer, out[..len].to_vec()));
        }
        self.drain(node);
        received
    }

    pub fn connect(&mut self, node: usize, to: usize, tag: u64) {
        let now = self.now;
        self.links[node].connect(&address(to), None, None, tag, now).unwrap();
        self.drain(node);
    }

    pub fn send(&mut self, node: usize, peer: PeerId, message: &[u8]) -> Result<()> {
        let mut out = [0; 2048];
        let (len, to) = self.links[node].send(peer, message, self.now, &mut out)?;
        let from = self.at[node];
        self.inject(from, number(&to), &out[..len]);
        self.drain(node);
        Ok(())
    }

    /// Lets time pass up to `until`, event by event.
    pub fn run(&mut self, until: u64) {
        loop {
            let flight = self.flights.peek().map_or(u64::MAX, |flight| flight.0.when);
            let wake = self.links.iter().map(|link| link.wake_at()).min().unwrap_or(u64::MAX);
            let next = flight.min(wake).max(self.now);
            if next > until {
                self.now = until;
                return;
            }
            self.now = next;
            if flight <= next {
                let Some(Reverse(flight)) = self.flights.pop() else { continue };
                if let Some(node) = self.at.iter().position(|at| *at == flight.to) {
                    let _ = self.deliver(flight.from, node, &flight.frame);
                }
                continue;
            }
            for node in 0..self.links.len() {
                if self.links[node].wake_at() <= self.now {
                    self.links[node].poll(self.now);
                    self.drain(node);
                }
            }
        }
    }

    /// Lets so many microseconds pass.
    pub fn pass(&mut self, time: u64) {
        self.run(self.now + time);
    }

    /// The peer that a node was last told is connected, if it is still.
    pub fn peer(&self, node: usize) -> Option<PeerId> {
        self.seen[node].iter().rev().find_map(|seen| match seen {
            Seen::Output(Output::Connected { peer, .. }) => Some(*peer),
            _ => None,
        })
    }

    /// The messages that a node has received.
    pub fn messages(&self, node: usize) -> Vec<Vec<u8>> {
        let message = |seen: &Seen| match seen {
            Seen::Message(_, message) => Some(message.clone()),
            Seen::Output(_) => None,
        };
        self.seen[node].iter().filter_map(message).collect()
    }
}

/// Two nodes that trust each other, on a network.
pub fn pair(config: &LinkConfig, weather: Weather, seed: u64) -> Net {
    Net::new(vec![link(config, 1, &[2], seed), link(config, 2, &[1], seed)], weather, seed)
}
