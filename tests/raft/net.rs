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
        if random.chance(self.loss) {
            return;
        }
        for _ in 0..=u64::from(random.chance(self.twice)) {
            let slow = if random.chance(self.late) { random.between(2, 20) } else { 1 };
            let mut at = now + (self.delay + random.below(self.jitter)) * slow;
            if !self.reorder {
                let last = self.last.entry((packet.from, packet.to)).or_default();
                at = at.max(*last);
                *last = at;
            }
            self.sent += 1;
            self.flying.insert((at, self.sent), packet.clone());
        }
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
