//! A network in simulated time, the same for the same seed: lines that lose,
//! repeat, delay and reorder packets, with a rate and a queue.

#[path = "../common/random.rs"]
mod random;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use neural_swarm::Error;
use neural_swarm::comm::channel::{Channel, ChannelConfig, ChannelOutput, SendOptions};
use neural_swarm::port::Heap;

pub const MS: u64 = 1000;
pub const S: u64 = 1_000_000;

/// Numbers from a seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        random::next(&mut self.0)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What a line does to packets, in percent and microseconds.
#[derive(Clone, Copy)]
pub struct Line {
    pub loss: u64,
    pub repeats: u64,
    /// So many come up to twice as late.
    pub reorder: u64,
    pub delay: u64,
    /// Bytes a second; 0 is without end.
    pub rate: u64,
    /// Bytes that wait for the line; what comes then is lost.
    pub queue: u64,
}

impl Line {
    pub const GOOD: Line =
        Line { loss: 0, repeats: 0, reorder: 0, delay: 10 * MS, rate: 0, queue: 0 };
    pub const BAD: Line = Line { loss: 10, repeats: 5, reorder: 20, ..Line::GOOD };
}

/// One end of a channel and what has come of it.
pub struct End {
    pub channel: Channel<'static>,
    /// The line that its packets take, and the end that gets them.
    pub line: usize,
    pub peer: usize,
    /// Stream, number and bytes.
    pub heard: Vec<(usize, u64, Vec<u8>)>,
    pub acked: Vec<u64>,
    pub expired: Vec<u64>,
    pub refused: Vec<u64>,
    pub rooms: usize,
    pub packets: u64,
}

pub struct World {
    seed: u64,
    pub random: Random,
    pub now: u64,
    pub lines: Vec<Line>,
    /// When each line is free again.
    free: Vec<u64>,
    pub ends: Vec<End>,
    /// Time, order, receiver.
    due: BinaryHeap<Reverse<(u64, u64, usize)>>,
    packets: BTreeMap<u64, Vec<u8>>,
    order: u64,
    /// Packets that the queues had no room for.
    pub dropped: u64,
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the network's seed was {}, the time {} us", self.seed, self.now);
        }
    }
}

impl World {
    pub fn new(seed: u64, lines: &[Line]) -> World {
        World {
            seed,
            random: Random(seed),
            now: 1,
            lines: lines.to_vec(),
            free: vec![0; lines.len()],
            ends: Vec::new(),
            due: BinaryHeap::new(),
            packets: BTreeMap::new(),
            order: 0,
            dropped: 0,
        }
    }

    /// Two ends that talk over one line each way.
    pub fn pair(seed: u64, line: Line, config: &ChannelConfig<'_>) -> World {
        let mut world = World::new(seed, &[line, line]);
        world.join(config, config, (0, 1));
        world
    }

    /// Adds two ends; their packets take these lines.
    pub fn join(&mut self, a: &ChannelConfig<'_>, b: &ChannelConfig<'_>, lines: (usize, usize)) {
        let first = self.ends.len();
        for (config, line, peer) in [(a, lines.0, first + 1), (b, lines.1, first)] {
            self.ends.push(End {
                channel: Channel::new(config, Heap).unwrap(),
                line,
                peer,
                heard: Vec::new(),
                acked: Vec::new(),
                expired: Vec::new(),
                refused: Vec::new(),
                rooms: 0,
                packets: 0,
            });
        }
    }

    pub fn send(&mut self, end: usize, stream: usize, bytes: &[u8]) -> Result<u64, Error> {
        self.send_with(end, stream, bytes, SendOptions::default())
    }

    pub fn send_with(
        &mut self,
        end: usize,
        stream: usize,
        bytes: &[u8],
        options: SendOptions,
    ) -> Result<u64, Error> {
        self.ends[end].channel.send(stream, bytes, options, self.now)
    }

    /// Does what the ends want done now.
    pub fn pump(&mut self) {
        for at in 0..self.ends.len() {
            let mut buffer = [0; 1500];
            loop {
                let end = &mut self.ends[at];
                let Some(output) = end.channel.next(self.now, &mut buffer).unwrap() else { break };
                match output {
                    ChannelOutput::Packet { len } => {
                        end.packets += 1;
                        let (line, peer) = (end.line, end.peer);
                        self.carry(line, peer, &buffer[..len]);
                    }
                    ChannelOutput::Message { stream, number, bytes } => {
                        let bytes = bytes.to_vec();
                        end.heard.push((stream, number, bytes));
                    }
                    ChannelOutput::Acked { id } => end.acked.push(id),
                    ChannelOutput::Expired { id } => end.expired.push(id),
                    ChannelOutput::Refused { id } => end.refused.push(id),
                    ChannelOutput::Room => end.rooms += 1,
                }
            }
        }
    }

    fn carry(&mut self, line: usize, to: usize, packet: &[u8]) {
        let Line { loss, repeats, reorder, delay, rate, queue } = self.lines[line];
        let mut at = self.now;
        if rate > 0 {
            let starts = self.free[line].max(self.now);
            if (starts - self.now) * rate / S > queue {
                self.dropped += 1;
                return;
            }
            at = starts + packet.len() as u64 * S / rate;
            self.free[line] = at;
        }
        let copies = if self.random.chance(repeats) { 2 } else { 1 };
        for _ in 0..copies {
            if self.random.chance(loss) {
                continue;
            }
            let late = if self.random.chance(reorder) { self.random.below(delay) } else { 0 };
            self.order += 1;
            self.due.push(Reverse((at + delay + late, self.order, to)));
            self.packets.insert(self.order, packet.to_vec());
        }
    }

    /// Packets that have not arrived yet.
    pub fn under_way(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.packets.values()
    }

    /// When something happens next. Nobody wakes up for nothing.
    fn next_at(&self) -> Option<u64> {
        let wakes = self.ends.iter().map(|end| end.channel.wake_at());
        let wake = wakes.filter(|at| *at < u64::MAX).min();
        assert!(wake.is_none_or(|at| at > self.now), "it wakes for nothing");
        wake.into_iter().chain(self.due.peek().map(|Reverse((at, ..))| *at)).min()
    }

    /// Lets time pass until `end`, or until `step` says that it is enough. `step`
    /// is called whenever something may have changed.
    pub fn run(&mut self, end: u64, mut step: impl FnMut(&mut World) -> bool) {
        loop {
            self.pump();
            let enough = step(self);
            self.pump();
            if enough {
                return;
            }
            let next = self.next_at().unwrap_or(end);
            if next >= end {
                self.now = end.max(self.now);
                return self.pump();
            }
            self.now = next.max(self.now);
            while let Some(Reverse((at, order, to))) = self.due.peek().copied()
                && at <= self.now
            {
                self.due.pop();
                let packet = self.packets.remove(&order).unwrap();
                self.ends[to].channel.receive(&packet, self.now).unwrap();
            }
        }
    }

    /// Lets time pass until nothing is on its way and nobody waits.
    pub fn settle(&mut self, end: u64) {
        self.run(end, |_| false);
        assert!(self.due.is_empty(), "it never ends");
        for end in &self.ends {
            assert_eq!(end.channel.info().messages, 0);
            assert_eq!(end.channel.wake_at(), u64::MAX);
        }
    }

    /// Numbers of the messages that an end has heard, as [`numbered`] made them.
    pub fn heard(&self, end: usize, stream: usize) -> Vec<u32> {
        let heard = self.ends[end].heard.iter().filter(|(s, ..)| *s == stream);
        heard.map(|(_, _, bytes)| number_of(bytes)).collect()
    }
}

/// A message of `len` bytes (4 at least) that says which one it is.
pub fn numbered(number: u32, len: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend((4..len).map(|i| (number as usize * 7 + i) as u8));
    bytes
}

/// Which message it is; all of its bytes have to be right.
pub fn number_of(bytes: &[u8]) -> u32 {
    let number = u32::from_le_bytes(bytes[..4].try_into().unwrap());
    assert!(bytes == numbered(number, bytes.len()), "message {number} is damaged");
    number
}
