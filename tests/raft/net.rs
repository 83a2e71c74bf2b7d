//! A network that loses, repeats, delays and reorders, and whose links break, each way
//! for itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::random::Random;

/// Bytes from one node to another.
#[derive(Clone)]
pub struct Packet {
    pub from: u64,
    pub to: u64,
    pub bytes: Vec<u8>,
}

/// What a packet takes beyond the least, in microseconds.
#[derive(Clone, Copy, Debug)]
pub enum Jitter {
    /// Less than so much.
    Uniform(u64),
    /// So much in the middle, and `e` to the power of a normal number of that deviation as often.
    LogNormal(f64, f64),
    /// So much or more, more than `x` times as much in `x` to the power of minus the second.
    Pareto(f64, f64),
}

impl Jitter {
    pub fn draw(self, random: &mut Random) -> u64 {
        let mut unit = || (random.next() >> 11) as f64 / (1u64 << 53) as f64;
        let drawn = match self {
            Jitter::Uniform(most) => return random.below(most.max(1)),
            Jitter::LogNormal(middle, deviation) => {
                let radius = (-2.0 * (1.0 - unit()).ln()).sqrt();
                middle * (deviation * radius * (std::f64::consts::TAU * unit()).cos()).exp()
            }
            Jitter::Pareto(least, alpha) => least * (1.0 - unit()).powf(-1.0 / alpha),
        };
        drawn.min(10e6) as u64
    }
}

/// The way from one node to another.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// Microseconds, at least.
    pub delay: u64,
    pub jitter: Jitter,
    /// Thousandths that get lost.
    pub loss: u64,
}

pub struct Net {
    /// By the time of arrival, and by number where that is the same.
    flying: BTreeMap<(u64, u64), Packet>,
    sent: u64,
    /// Percent that get lost, and that come twice.
    pub loss: u64,
    pub twice: u64,
    /// Microseconds that each takes at least, and at most more.
    pub delay: u64,
    pub jitter: u64,
    /// Percent that take up to twenty times as long.
    pub late: u64,
    /// Whether packets of a link overtake each other.
    pub reorder: bool,
    /// Ways that are not like all others: then nothing but `reorder` above counts.
    pub paths: BTreeMap<(u64, u64), Path>,
    last: BTreeMap<(u64, u64), u64>,
    /// Links that are broken, from and to, and by what.
    cut: BTreeMap<(u64, u64), u64>,
    breaks: u64,
    /// Links whose packets wait.
    held: BTreeMap<(u64, u64), Vec<Packet>>,
}

impl Net {
    pub fn new(random: &mut Random) -> Net {
        Net {
            flying: BTreeMap::new(),
            sent: 0,
            loss: random.one(&[0, 0, 2, 10, 25]),
            twice: random.one(&[0, 2, 15]),
            delay: random.one(&[50, 500, 2_000]),
            jitter: random.one(&[1, 500, 5_000, 20_000]),
            late: random.one(&[0, 0, 3]),
            reorder: random.chance(60),
            paths: BTreeMap::new(),
            last: BTreeMap::new(),
            cut: BTreeMap::new(),
            breaks: 0,
            held: BTreeMap::new(),
        }
    }

    /// One that loses nothing and takes a millisecond.
    pub fn calm() -> Net {
        let net = Net::new(&mut Random::new(0));
        Net { loss: 0, twice: 0, delay: 1_000, jitter: 1, late: 0, reorder: false, ..net }
    }

    pub fn send(&mut self, random: &mut Random, now: u64, packet: Packet) {
        if let Some(path) = self.paths.get(&(packet.from, packet.to)).copied() {
            if random.below(1000) >= path.loss {
                let at = now + path.delay + path.jitter.draw(random);
                self.fly(at, packet);
            }
            return;
        }
        if random.chance(self.loss) {
            return;
        }
        for _ in 0..=u64::from(random.chance(self.twice)) {
            let slow = if random.chance(self.late) { random.between(2, 20) } else { 1 };
            let at = now + (self.delay + random.below(self.jitter)) * slow;
            self.fly(at, packet.clone());
        }
    }

    fn fly(&mut self, at: u64, packet: Packet) {
        let mut at = at;
        if !self.reorder {
            let last = self.last.entry((packet.from, packet.to)).or_default();
            at = at.max(*last);
            *last = at;
        }
        self.sent += 1;
        self.flying.insert((at, self.sent), packet);
    }

    /// When the next one arrives.
    pub fn next(&self) -> Option<u64> {
        self.flying.keys().next().map(|at| at.0)
    }

    /// The next one, if there is still a link for it.
    pub fn arrive(&mut self) -> Option<Packet> {
        let packet = self.flying.pop_first()?.1;
        if let Some(held) = self.held.get_mut(&(packet.from, packet.to)) {
            held.push(packet);
            return None;
        }
        (!self.cut.contains_key(&(packet.from, packet.to))).then_some(packet)
    }

    pub fn cut(&mut self, from: u64, to: u64) {
        self.cut.insert((from, to), 0);
    }

    /// What arrives over the link waits from now on.
    pub fn hold(&mut self, from: u64, to: u64) {
        self.held.entry((from, to)).or_default();
    }

    /// What has waited; nothing does from now on.
    pub fn release(&mut self, from: u64, to: u64) -> Vec<Packet> {
        self.held.remove(&(from, to)).unwrap_or_default()
    }

    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// The first that have waited; the others go on waiting.
    pub fn release_some(&mut self, from: u64, to: u64, count: usize) -> Vec<Packet> {
        let Some(held) = self.held.get_mut(&(from, to)) else { return vec![] };
        held.drain(..count.min(held.len())).collect()
    }

    /// All links are whole that broke then.
    pub fn mend(&mut self, broke: u64) {
        self.cut.retain(|_, by| *by != broke);
    }

    /// Something breaks, perhaps around that node: its number, and what.
    pub fn part(&mut self, random: &mut Random, nodes: &[u64], one: u64) -> (u64, String) {
        let pairs = nodes.iter().flat_map(|a| nodes.iter().map(move |b| (*a, *b)));
        let how = random.below(7);
        let side: BTreeSet<u64> = nodes.iter().copied().filter(|_| random.chance(50)).collect();
        let broken: Vec<(u64, u64)> = match how {
            // Two sides that hear nothing of each other.
            0 => pairs.filter(|(a, b)| side.contains(a) != side.contains(b)).collect(),
            // One side hears the other, which does not hear it.
            1 => pairs.filter(|(a, b)| side.contains(a) && !side.contains(b)).collect(),
            // One is alone; or speaks, and hears nothing; or hears, and is not heard.
            2 => {
                let (hears, heard) = random.one(&[(false, false), (true, false), (false, true)]);
                pairs.filter(|(a, b)| *b == one && !hears || *a == one && !heard).collect()
            }
            // The others see each other no more, but that one.
            3 => pairs.filter(|(a, b)| *a != one && *b != one && a != b).collect(),
            4 => pairs.filter(|_| random.chance(30)).collect(),
            // One is alone.
            _ => pairs.filter(|(a, b)| (*a == one) != (*b == one)).collect(),
        };
        self.breaks += 1;
        self.cut.extend(broken.iter().map(|link| (*link, self.breaks)));
        (self.breaks, format!("part {how}: {broken:?}"))
    }
}
