//! Servers, dispatchers and a network in simulated time. Everything comes from the seed: the same requests
//! at the same dispatchers, the same servers slowed down at the same times, whatever the policy.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use neural_swarm::port::Heap;
use neural_swarm::task::balance::{Balancer, BalancerConfig, Gauge, GaugeConfig, log_hats};

use crate::random::Random;
use crate::trace::Request;

/// What is the same for all policies.
#[derive(Clone, Copy, Debug)]
pub struct World {
    pub servers: usize,
    pub dispatchers: usize,
    /// Requests that a server works on at once, sharing it equally; the others wait in the order in which
    /// they came. 1: first come, first served.
    pub slots: usize,
    /// Offered work by what the servers can do, interference counted.
    pub load: f64,
    /// Whether servers tell their gauges how far requests are, as one that counts tokens can.
    pub progress: bool,
    /// Whether servers are slowed down now and then.
    pub interference: bool,
    pub seed: u64,
}

impl World {
    /// As the benchmark has it: 20 servers that batch 8 requests, 10 dispatchers.
    pub fn new(load: f64, seed: u64) -> World {
        World {
            servers: 20,
            dispatchers: 10,
            slots: 8,
            load,
            progress: true,
            interference: true,
            seed,
        }
    }
}

/// One way through the network, in seconds.
const WAY: f64 = 0.000_25;
/// How long dispatchers wait for answers.
const WAIT: f64 = 2.5 * WAY;
/// Interference: a server has this part of its speed, for so long on average, so often.
const SLOWED: f64 = 0.4;
const SLOW_S: f64 = 20.0;
const CLEAR_S: f64 = 180.0;
/// Knots of the context's logarithm.
pub const FEATURES: usize = 14;

/// What dispatchers know of a request: its context's length.
pub fn features(request: &Request) -> [f32; FEATURES] {
    let mut hats = [0.0; FEATURES];
    log_hats(request.context, 12.0, 8000.0, &mut hats).unwrap();
    hats
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    /// A request reaches its dispatcher.
    Comes(usize),
    /// The dispatcher chooses.
    Choose(usize),
    /// A request reaches a server.
    Arrives(usize, usize),
    /// A server may have finished something; the number tells whether that still holds.
    Finishes(usize, u64),
    /// A result is back at its dispatcher.
    Back(usize),
    /// A dispatcher's probe reaches a server.
    Asks(usize, usize),
    /// A server's answer is back.
    Answers(usize, usize, neural_swarm::task::balance::Answer),
    /// A server becomes slower, or as fast as it was.
    Speed(usize, f64),
}

/// What happens, and when; in order of time, then of creation.
#[derive(Clone, Copy, Debug)]
struct Event {
    at: f64,
    number: u64,
    what: What,
}

impl PartialEq for Event {
    fn eq(&self, other: &Event) -> bool {
        self.number == other.number
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Event) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Event) -> core::cmp::Ordering {
        self.at.total_cmp(&other.at).then(self.number.cmp(&other.number))
    }
}

struct Job {
    request: usize,
    left: f64,
}

struct Server {
    base: f64,
    slowed: f64,
    active: Vec<Job>,
    waiting: VecDeque<usize>,
    at: f64,
    number: u64,
    gauge: Gauge<'static>,
}

impl Server {
    fn rate(&self) -> f64 {
        self.base * self.slowed / self.active.len() as f64
    }

    fn advance(&mut self, now: f64) {
        let past = now - self.at;
        self.at = now;
        if !self.active.is_empty() {
            let done = self.rate() * past;
            self.active.iter_mut().for_each(|job| job.left -= done);
        }
    }

    fn next(&self) -> Option<f64> {
        let least = self.active.iter().map(|job| job.left).min_by(f64::total_cmp)?;
        Some(self.at + least.max(0.0) / self.rate())
    }
}

fn us(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

/// The full-speed servers that all together are worth, interference counted.
fn capacity(world: &World) -> f64 {
    let share = if world.interference { SLOW_S / (SLOW_S + CLEAR_S) } else { 0.0 };
    (0..world.servers).map(base_speed).sum::<f64>() * (1.0 - (1.0 - SLOWED) * share)
}

/// Every third is half as fast.
fn base_speed(server: usize) -> f64 {
    if server % 3 == 2 { 0.5 } else { 1.0 }
}

struct Sim<'a> {
    world: World,
    requests: &'a [Request],
    servers: Vec<Server>,
    dispatchers: Vec<Balancer<'static>>,
    home: Vec<usize>,
    /// What dispatchers told servers to expect.
    expected: Vec<f32>,
    came: Vec<f64>,
    latencies: Vec<f64>,
    left: usize,
    events: BinaryHeap<Reverse<Event>>,
    number: u64,
}

/// How long each request took, in seconds from its arrival at the dispatcher; in the order of the trace.
pub fn run(world: &World, requests: &[Request], config: &BalancerConfig) -> Vec<f64> {
    let work: f64 = requests.iter().map(Request::work).sum();
    let (first, last) = (requests[0].at, requests[requests.len() - 1].at);
    let stretch = work / (world.load * capacity(world)) / (last - first);
    let mut homes = Random::new(world.seed ^ 0x686F_6D65);
    let server = |number| Server {
        base: base_speed(number),
        slowed: 1.0,
        active: Vec::new(),
        waiting: VecDeque::new(),
        at: 0.0,
        number: 0,
        gauge: Gauge::new(&gauge_config(requests.len()), Heap).unwrap(),
    };
    let dispatcher = |number| {
        let seed = world.seed * 1000 + number as u64;
        let workers = world.servers as u32;
        let config = BalancerConfig { workers, requests: requests.len() as u32, seed, ..*config };
        Balancer::new(&config, Heap).unwrap()
    };
    let mut sim = Sim {
        world: *world,
        requests,
        servers: (0..world.servers).map(server).collect(),
        dispatchers: (0..world.dispatchers).map(dispatcher).collect(),
        home: requests.iter().map(|_| homes.below(world.dispatchers)).collect(),
        expected: vec![0.0; requests.len()],
        came: requests.iter().map(|r| (r.at - first) * stretch).collect(),
        latencies: vec![0.0; requests.len()],
        left: requests.len(),
        events: BinaryHeap::new(),
        number: 0,
    };
    for request in 0..requests.len() {
        sim.at(sim.came[request], What::Comes(request));
    }
    if world.interference {
        sim.interfere((last - first) * stretch * 3.0 + 600.0);
    }
    while sim.left > 0 {
        let Reverse(event) = sim.events.pop().expect("something is left to happen");
        sim.happens(event.at, event.what);
    }
    sim.latencies
}

fn gauge_config(requests: usize) -> GaugeConfig {
    GaugeConfig { requests: requests as u32, ..GaugeConfig::default() }
}

impl Sim<'_> {
    fn at(&mut self, at: f64, what: What) {
        self.number += 1;
        self.events.push(Reverse(Event { at, number: self.number, what }));
    }

    /// Interference moves from server to server until some time.
    fn interfere(&mut self, end: f64) {
        let mut random = Random::new(self.world.seed ^ 0x736C_6F77);
        for server in 0..self.world.servers {
            let mut now = random.exponential(CLEAR_S);
            while now < end {
                self.at(now, What::Speed(server, SLOWED));
                now += random.exponential(SLOW_S);
                self.at(now, What::Speed(server, 1.0));
                now += random.exponential(CLEAR_S);
            }
        }
    }

    fn happens(&mut self, now: f64, what: What) {
        match what {
            What::Comes(request) => {
                let home = self.home[request];
                self.dispatchers[home].prepare(us(now));
                if self.dispatchers[home].waits() {
                    self.ask(home, now);
                    self.at(now + WAIT, What::Choose(request));
                } else {
                    self.choose(request, now);
                    self.ask(home, now);
                }
            }
            What::Choose(request) => self.choose(request, now),
            What::Asks(home, server) => {
                let there = &mut self.servers[server];
                there.advance(now);
                if self.world.progress {
                    for job in &there.active {
                        let done = self.requests[job.request].work() - job.left;
                        let id = job.request as u64;
                        there.gauge.progressed(id, done as f32, us(now)).unwrap();
                    }
                }
                let answer = there.gauge.answer(us(now));
                self.at(now + WAY, What::Answers(home, server, answer));
            }
            What::Answers(home, server, answer) => {
                self.dispatchers[home].probed(server as u32, answer, us(now)).unwrap();
            }
            What::Arrives(request, server) => {
                let there = &mut self.servers[server];
                there.advance(now);
                there.gauge.arrived(request as u64, self.expected[request], us(now)).unwrap();
                there.waiting.push_back(request);
                self.continues(server, now);
            }
            What::Finishes(server, number) => {
                if self.servers[server].number == number {
                    self.finishes(server, now);
                }
            }
            What::Speed(server, slowed) => {
                self.servers[server].advance(now);
                self.servers[server].slowed = slowed;
                self.continues(server, now);
            }
            What::Back(request) => {
                let work = self.requests[request].work() as f32;
                let dispatcher = &mut self.dispatchers[self.home[request]];
                dispatcher.done(request as u64, work, us(now)).unwrap();
                self.latencies[request] = now - self.came[request];
                self.left -= 1;
            }
        }
    }

    fn ask(&mut self, home: usize, now: f64) {
        while let Some(server) = self.dispatchers[home].next_probe(us(now)) {
            self.at(now + WAY, What::Asks(home, server as usize));
        }
    }

    fn choose(&mut self, request: usize, now: f64) {
        let features = features(&self.requests[request]);
        let dispatcher = &mut self.dispatchers[self.home[request]];
        let pick = dispatcher.pick(&features, us(now)).unwrap();
        dispatcher.sent(request as u64, pick.worker, &features, us(now)).unwrap();
        self.expected[request] = pick.work;
        self.at(now + WAY, What::Arrives(request, pick.worker as usize));
    }

    fn finishes(&mut self, server: usize, now: f64) {
        self.servers[server].advance(now);
        let mut index = 0;
        while index < self.servers[server].active.len() {
            if self.servers[server].active[index].left > 1e-9 {
                index += 1;
                continue;
            }
            let Job { request, .. } = self.servers[server].active.remove(index);
            let work = self.requests[request].work() as f32;
            self.servers[server].gauge.finished(request as u64, work, us(now)).unwrap();
            self.at(now + WAY, What::Back(request));
        }
        self.continues(server, now);
    }

    /// Free slots are filled; when the next request will be finished.
    fn continues(&mut self, server: usize, now: f64) {
        let there = &mut self.servers[server];
        while there.active.len() < self.world.slots
            && let Some(request) = there.waiting.pop_front()
        {
            there.active.push(Job { request, left: self.requests[request].work() });
        }
        there.number += 1;
        let number = there.number;
        if let Some(at) = there.next() {
            self.at(at.max(now), What::Finishes(server, number));
        }
    }
}

/// The value that so many percent are not above (nearest rank).
pub fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}
