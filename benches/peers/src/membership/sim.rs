//! One network and one clock for members of any kind: who is asked is the same, what is lost is drawn from the same
//! seed. Nothing here waits, so a minute takes as long as what happens in it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

pub const MS: u64 = 1_000;
pub const SECOND: u64 = 1_000_000;

/// What a member wants done, and believes.
#[derive(Default)]
pub struct Said {
    pub send: Vec<(usize, Vec<u8>)>,
    /// Another member takes part, or does not any more.
    pub up: Vec<(usize, bool)>,
}

/// A member, by its number from 0 on. Times are in microseconds.
pub trait Node {
    fn new(own: usize, members: usize, now: u64) -> Self;
    fn join(&mut self, with: usize, now: u64, said: &mut Said);
    fn receive(&mut self, from: usize, bytes: &[u8], now: u64, said: &mut Said);
    fn wake_at(&self) -> u64;
    fn wake(&mut self, now: u64, said: &mut Said);
    /// How many others it believes to take part.
    fn others(&self) -> usize;
}

/// A member was told of another one.
#[derive(Clone, Copy)]
pub struct Told {
    pub at: u64,
    pub by: usize,
    pub of: usize,
    pub up: bool,
}

struct Place<N> {
    node: Option<N>,
    /// When it is woken next.
    wake: u64,
    /// How much later than by the network it reads what arrives.
    late: u64,
}

enum Event {
    Wake(usize),
    Deliver { from: usize, to: usize, bytes: Vec<u8> },
}

pub struct Sim<N> {
    pub now: u64,
    pub told: Vec<Told>,
    pub bytes: u64,
    pub messages: u64,
    /// Of 1,000 messages.
    pub loss: u64,
    places: Vec<Place<N>>,
    /// By time and number: the event at that number.
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: std::collections::HashMap<u64, Event>,
    count: u64,
    random: Xoshiro256PlusPlus,
}

impl<N: Node> Sim<N> {
    /// So many members that have joined by the first one; what that took, if it came to an end.
    pub fn new(seed: u64, members: usize, room: usize, loss: u64) -> (Sim<N>, Option<u64>) {
        let mut sim = Sim {
            now: SECOND,
            told: Vec::new(),
            bytes: 0,
            messages: 0,
            loss: 0,
            places: Vec::new(),
            queue: BinaryHeap::new(),
            events: std::collections::HashMap::new(),
            count: 0,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
        };
        (0..members).for_each(|_| {
            sim.start(room);
            sim.run(10 * MS);
        });
        let took = sim.run_until(120 * SECOND, |sim| sim.whole(members));
        sim.run(60 * SECOND);
        sim.loss = loss;
        sim.clear();
        (sim, took)
    }

    /// Another member, which joins by the first one.
    pub fn start(&mut self, room: usize) -> usize {
        let own = self.places.len();
        let node = Some(N::new(own, room, self.now));
        self.places.push(Place { node, wake: u64::MAX, late: 0 });
        self.act(own, |node, now, said| {
            if own > 0 {
                node.join(0, now, said);
            }
        });
        own
    }

    pub fn crash(&mut self, node: usize) {
        self.places[node].node = None;
    }

    pub fn set_late(&mut self, node: usize, us: u64) {
        self.places[node].late = us;
    }

    pub fn clear(&mut self) {
        self.told.clear();
        (self.bytes, self.messages) = (0, 0);
    }

    pub fn running(&self) -> usize {
        self.places.iter().filter(|place| place.node.is_some()).count()
    }

    /// Whether all know as many.
    pub fn whole(&self, members: usize) -> bool {
        let mut nodes = self.places.iter().filter_map(|place| place.node.as_ref());
        nodes.all(|node| node.others() + 1 == members)
    }

    fn push(&mut self, at: u64, event: Event) {
        self.count += 1;
        self.events.insert(self.count, event);
        self.queue.push(Reverse((at, self.count)));
    }

    fn act(&mut self, at: usize, what: impl FnOnce(&mut N, u64, &mut Said)) {
        let (now, mut said) = (self.now, Said::default());
        let Some(node) = self.places[at].node.as_mut() else { return };
        what(node, now, &mut said);
        let wake = node.wake_at();
        if wake < self.places[at].wake {
            self.places[at].wake = wake;
            self.push(wake.max(now), Event::Wake(at));
        }
        self.told.extend(said.up.into_iter().map(|(of, up)| Told { at: now, by: at, of, up }));
        for (to, bytes) in said.send {
            self.messages += 1;
            self.bytes += bytes.len() as u64;
            if self.random.next_u64() % 1000 >= self.loss {
                let way = MS + self.random.next_u64() % (9 * MS);
                let late = self.places.get(to).map_or(0, |place| place.late);
                self.push(now + late + way, Event::Deliver { from: at, to, bytes });
            }
        }
    }

    pub fn run(&mut self, us: u64) {
        let end = self.now + us;
        while let Some(Reverse((at, number))) =
            self.queue.peek().copied().filter(|due| due.0.0 <= end)
        {
            self.queue.pop();
            self.now = self.now.max(at);
            match self.events.remove(&number) {
                Some(Event::Wake(node)) => {
                    self.places[node].wake = u64::MAX;
                    self.act(node, |node, now, said| {
                        if node.wake_at() <= now {
                            node.wake(now, said);
                        }
                    });
                }
                Some(Event::Deliver { from, to, bytes }) => {
                    self.act(to, |node, now, said| node.receive(from, &bytes, now, said));
                }
                None => {}
            }
        }
        self.now = end;
    }

    /// Until something holds, or the time is over: how long it took.
    pub fn run_until(&mut self, us: u64, holds: impl Fn(&Sim<N>) -> bool) -> Option<u64> {
        let start = self.now;
        while !holds(self) {
            if self.now - start >= us {
                return None;
            }
            self.run(20 * MS);
        }
        Some(self.now - start)
    }
}
