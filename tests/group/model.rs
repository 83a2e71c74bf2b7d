//! Groups against a model: a handful of nodes, frames and announcements that come
//! late, twice, damaged or never, members that come and go. Each answer must be
//! the one that a table of plain facts says.

use std::collections::{BTreeMap, BTreeSet};

use neural_swarm::comm::group::{Group, GroupConfig};
use neural_swarm::port::Heap;
use neural_swarm::{Error, Result};
use proptest::prelude::*;

use super::nodes::Seeded;

const NUMBERS: [u16; 5] = [3, 700, 4, 65535, 0];
const WINDOW: u32 = 5;
const AHEAD: u32 = 9;
const FRAMES: u32 = 14;
const KEEP_US: u64 = 1000;
const KEEP_FRAMES: u32 = 6;

fn config(own: u16, signed: bool) -> GroupConfig {
    GroupConfig {
        members: NUMBERS.len() - 1,
        window: WINDOW as usize,
        ahead: AHEAD as usize,
        frames: FRAMES,
        keep_us: KEEP_US,
        keep_frames: KEEP_FRAMES,
        signed,
        ..GroupConfig::new(*b"a group to model", own)
    }
}

/// What a node should know of another one's chain.
#[derive(Clone, Debug, Default)]
struct View {
    next: u32,
    /// Late frames that may still come.
    late: BTreeSet<u32>,
}

impl View {
    fn predict(&self, counter: u32) -> Result<()> {
        if counter < self.next {
            let fine = self.late.contains(&counter);
            return if fine { Ok(()) } else { Err(Error::CommReplay) };
        }
        if counter - self.next > AHEAD { Err(Error::CommAhead) } else { Ok(()) }
    }

    fn take(&mut self, counter: u32) {
        if !self.late.remove(&counter) {
            self.late.extend(self.next..counter);
            self.move_to(counter + 1);
        }
    }

    fn move_to(&mut self, next: u32) {
        self.next = next;
        self.late = self.late.split_off(&next.saturating_sub(WINDOW));
    }
}

struct Node {
    number: u16,
    group: Group<'static>,
    epoch: u32,
    sealed: u32,
    /// Epoch, when it ended, frames that are still taken.
    previous: Option<(u32, u64, u32)>,
    members: BTreeSet<u16>,
    views: BTreeMap<(u16, u32), View>,
    opened: u64,
}

impl Node {
    fn expire(&mut self, now: u64) {
        if let Some((epoch, since, left)) = self.previous
            && (now - since >= KEEP_US || left == 0)
        {
            self.views.retain(|(_, of), _| *of != epoch);
            self.previous = None;
        }
    }

    /// What opening a frame must answer.
    fn predict(&self, frame: &Frame) -> Result<()> {
        if frame.epoch > self.epoch {
            return Err(Error::CommState);
        }
        let previous = self.previous.is_some_and(|(epoch, ..)| epoch == frame.epoch);
        if frame.epoch != self.epoch && !previous {
            return Err(Error::CommExpired);
        }
        if !self.members.contains(&frame.sender) {
            return Err(Error::CommPeer);
        }
        let view = self.views.get(&(frame.sender, frame.epoch));
        view.ok_or(Error::CommKeys)?.predict(frame.counter)
    }

    fn open(&mut self, frame: &Frame, now: u64) {
        self.expire(now);
        let expected = self.predict(frame);
        let mut out = [0; 128];
        match self.group.open(&frame.bytes, now, &mut out) {
            Ok(message) => {
                assert_eq!(expected, Ok(()));
                assert_eq!(message.text, frame.text);
                assert_eq!(
                    (message.sender, message.epoch, message.counter),
                    (frame.sender, frame.epoch, frame.counter)
                );
                self.opened += 1;
                self.views.get_mut(&(frame.sender, frame.epoch)).unwrap().take(frame.counter);
                if let Some((epoch, _, left)) = &mut self.previous
                    && *epoch == frame.epoch
                {
                    *left -= 1;
                }
                self.expire(now);
            }
            Err(error) => assert_eq!(expected, Err(error)),
        }
    }

    fn accept(&mut self, told: &Told) {
        let key = (told.sender, told.epoch);
        let expected = if !self.members.contains(&told.sender) {
            Err(Error::CommPeer)
        } else if told.epoch != self.epoch {
            Err(if told.epoch < self.epoch { Error::CommExpired } else { Error::CommState })
        } else if self.views.get(&key).is_some_and(|view| told.counter < view.next) {
            Err(Error::CommReplay)
        } else {
            Ok(())
        };
        assert_eq!(self.group.accept(told.sender, &told.bytes), expected);
        if expected.is_ok() {
            self.views.entry(key).or_default().move_to(told.counter);
        }
    }
}

struct Frame {
    sender: u16,
    epoch: u32,
    counter: u32,
    text: Vec<u8>,
    bytes: Vec<u8>,
}

struct Told {
    sender: u16,
    epoch: u32,
    counter: u32,
    bytes: Vec<u8>,
}

struct World {
    entropy: Seeded,
    now: u64,
    /// What all agree on: the epoch, and who is in.
    epoch: u32,
    members: BTreeSet<u16>,
    nodes: Vec<Node>,
    frames: Vec<Frame>,
    told: Vec<Told>,
}

impl World {
    fn new(signed: bool, seed: u64) -> World {
        let mut entropy = Seeded::new(seed);
        let node = |number| Node {
            number,
            group: Group::new(&config(number, signed), &mut entropy, Heap).unwrap(),
            epoch: 0,
            sealed: 0,
            previous: None,
            members: BTreeSet::new(),
            views: BTreeMap::new(),
            opened: 0,
        };
        let nodes = NUMBERS.map(node).into();
        let members = NUMBERS.into();
        World { entropy, now: 0, epoch: 1, members, nodes, frames: Vec::new(), told: Vec::new() }
    }

    /// A node learns what the others agreed on, if it is one of them.
    fn catch_up(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if node.epoch == self.epoch || !self.members.contains(&node.number) {
            return;
        }
        let mut others = self.members.clone();
        others.remove(&node.number);
        let add: Vec<u16> = others.difference(&node.members).copied().collect();
        let remove: Vec<u16> = node.members.difference(&others).copied().collect();
        node.group.change(self.epoch, &add, &remove, &mut self.entropy, self.now).unwrap();
        let old = node.epoch;
        node.views.retain(|(number, epoch), _| *epoch == old && !remove.contains(number));
        node.previous = Some((old, self.now, KEEP_FRAMES));
        (node.epoch, node.sealed, node.members) = (self.epoch, 0, others);
    }

    fn seal(&mut self, at: usize, len: usize) {
        let node = &mut self.nodes[at];
        let text = vec![1 + at as u8; len];
        let mut bytes = vec![0; text.len() + node.group.overhead()];
        let sealed = node.group.seal(&text, &mut bytes);
        if node.sealed == FRAMES {
            assert_eq!(sealed, Err(Error::CommCounter));
            return;
        }
        assert_eq!(sealed, Ok(bytes.len()));
        let (sender, epoch, counter) = (node.number, node.epoch, node.sealed);
        self.frames.push(Frame { sender, epoch, counter, text, bytes });
        node.sealed += 1;
    }

    fn announce(&mut self, at: usize, to: usize) {
        let (node, to) = (&self.nodes[at], NUMBERS[to]);
        let mut bytes = vec![0; node.group.announcement_len()];
        let len = node.group.announce(to, &mut bytes);
        if !node.members.contains(&to) {
            assert_eq!(len, Err(Error::CommPeer));
            return;
        }
        assert_eq!(len, Ok(bytes.len()));
        let (sender, epoch, counter) = (node.number, node.epoch, node.sealed);
        self.told.push(Told { sender, epoch, counter, bytes });
    }

    /// Changed bytes are refused, whatever was changed, and nothing else changes:
    /// the model goes on as if nothing had come.
    fn damage(&mut self, to: usize, which: usize, bit: usize) {
        let node = &mut self.nodes[to];
        node.expire(self.now);
        let mut bytes = self.frames[which].bytes.clone();
        match bit % 3 {
            0 => bytes.truncate(bit % bytes.len()),
            1 => bytes.push(bit as u8),
            _ => {
                let bit = bit % (bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
        let mut out = [0; 128];
        assert!(node.group.open(&bytes, self.now, &mut out).is_err());
        assert!(out[..64].iter().all(|byte| *byte == 0), "no text of a refused frame");
    }

    fn check(&self) {
        for node in &self.nodes {
            let info = node.group.info();
            assert_eq!((info.epoch, info.counter), (node.epoch, node.sealed));
            assert_eq!(info.opened, node.opened);
            assert_eq!(node.group.members().collect::<BTreeSet<_>>(), node.members);
            let known = |number: &u16| node.views.contains_key(&(*number, node.epoch));
            let missing = node.members.iter().copied().filter(|number| !known(number));
            assert_eq!(node.group.missing().collect::<BTreeSet<_>>(), missing.collect());
        }
    }

    fn step(&mut self, what: u8, a: usize, b: usize, c: usize) {
        let (a, b) = (a % self.nodes.len(), b % self.nodes.len());
        // Mostly what is new, sometimes anything.
        let recent =
            |all: usize| if c.is_multiple_of(4) { c % all } else { all - 1 - c % all.min(12) };
        match what {
            0..=4 => self.seal(a, c % 40),
            5..=11 if !self.frames.is_empty() => {
                let which = recent(self.frames.len());
                self.nodes[b].open(&self.frames[which], self.now);
            }
            12 if !self.frames.is_empty() => self.damage(b, recent(self.frames.len()), c),
            13..=15 => self.announce(a, b),
            16..=19 if !self.told.is_empty() => {
                let which = recent(self.told.len());
                self.nodes[b].accept(&self.told[which]);
            }
            20 => self.now += c as u64 % 800,
            21 if self.epoch == self.nodes[a].epoch => {
                self.epoch += 1 + c as u32 % 2;
                match c % 3 {
                    0 if self.members.len() > 2 => drop(self.members.remove(&NUMBERS[b])),
                    1 => drop(self.members.insert(NUMBERS[b])),
                    _ => {}
                }
            }
            22 => self.catch_up(a),
            // Everybody announces to everybody, and it comes.
            23 => {
                let from = self.told.len();
                (0..NUMBERS.len()).for_each(|to| self.announce(a, to));
                for which in from..self.told.len() {
                    (0..NUMBERS.len()).for_each(|to| self.nodes[to].accept(&self.told[which]));
                }
            }
            _ => {}
        }
    }
}

fn run(signed: bool, seed: u64, steps: &[(u8, usize, usize, usize)]) {
    let mut world = World::new(signed, seed);
    (0..NUMBERS.len()).for_each(|at| world.catch_up(at));
    for (what, a, b, c) in steps {
        world.step(*what, *a, *b, *c);
        world.check();
    }
}

fn steps(most: usize) -> impl Strategy<Value = Vec<(u8, usize, usize, usize)>> {
    prop::collection::vec((0u8..24, 0..5usize, 0..5usize, 0..100_000usize), 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn groups_do_what_the_model_says(seed: u64, steps in steps(400)) {
        run(false, seed, &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    #[test]
    fn groups_with_signatures_do_what_the_model_says(seed: u64, steps in steps(200)) {
        run(true, seed, &steps);
    }
}
