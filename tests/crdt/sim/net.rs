//! A network that loses, repeats, delays and reorders, and falls apart for a while.

use std::collections::BTreeMap;

use crate::replica::Random;

/// Bytes from one node to another.
#[derive(Clone)]
pub struct Packet {
    pub from: usize,
    pub to: usize,
    pub bytes: Vec<u8>,
}

pub struct Net {
    /// By the time of arrival, and by number where that is the same.
    flying: BTreeMap<(u64, u64), Packet>,
    sent: u64,
    /// Percent that get lost, and that come twice.
    loss: usize,
    twice: usize,
    /// Links of a node to others have delays of their own, up to so much, and packets up to
    /// so much more.
    link: u64,
    jitter: usize,
    /// Which side each node is on while the network is parted.
    sides: Vec<usize>,
}

impl Net {
    pub fn new(random: &mut Random) -> Net {
        Net {
            flying: BTreeMap::new(),
            sent: 0,
            loss: 30,
            twice: 10,
            link: 1 + random.below(60) as u64,
            jitter: 1 + random.below(60),
            sides: vec![],
        }
    }

    /// Into two or three sides at random, or one again.
    pub fn part(&mut self, random: &mut Random, nodes: usize) {
        let sides = 1 + random.below(3);
        self.sides = (0..nodes).map(|_| random.below(sides)).collect();
    }

    pub fn heal(&mut self) {
        self.sides.clear();
    }

    /// Whether they are on the same side. Who came later is on the first.
    pub fn hears(&self, from: usize, to: usize) -> bool {
        let side = |node: usize| self.sides.get(node).copied().unwrap_or(0);
        side(from) == side(to)
    }

    /// A packet sets out, if it does.
    pub fn send(&mut self, random: &mut Random, now: u64, packet: Packet) {
        let copies = 1 + usize::from(random.chance(self.twice));
        for _ in 0..copies {
            let link = (packet.from * 31 + packet.to * 17) as u64 % self.link;
            let at = now + 1 + link + random.below(self.jitter) as u64;
            self.sent += 1;
            if !random.chance(self.loss) {
                self.flying.insert((at, self.sent), packet.clone());
            }
        }
    }

    /// The next packet that arrives, and when.
    pub fn next(&mut self) -> Option<(u64, Packet)> {
        let ((at, _), packet) = self.flying.pop_first()?;
        Some((at, packet))
    }
}
