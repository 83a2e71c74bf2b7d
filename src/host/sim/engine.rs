//! The clock, the network between the machines, and what happens next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::vec::Vec;

use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use xxhash_rust::xxh64::xxh64;

use super::network::{Conditions, Network};
use crate::error::{Error, Result};

/// The datagrams that wait for a paused machine take at most so many bytes; later ones are lost. As much as Linux
/// keeps for a socket that nobody reads, unless told otherwise.
pub const MOST_HELD: usize = 212_992;

/// The first moment, in microseconds: not 0, which means "never" to some.
const BEGIN: u64 = 1_000_000;

/// Datagrams that a machine sends.
#[derive(Debug, Default)]
pub struct Sent(Vec<(usize, Vec<u8>)>);

impl Sent {
    /// Sends one to a place. If nobody is there, it is lost.
    pub fn send(&mut self, to: usize, datagram: &[u8]) {
        self.0.push((to, datagram.to_vec()));
    }
}

/// What is simulated: something that datagrams and time come to. Times are in microseconds of the simulation's clock.
pub trait Machine {
    /// A datagram has come. Errors end the run.
    fn receive(&mut self, from: usize, datagram: &[u8], now: u64, sent: &mut Sent) -> Result<()>;

    /// It is as late as [`wake_at`](Self::wake_at) said. Errors end the run.
    fn wake(&mut self, now: u64, sent: &mut Sent) -> Result<()>;

    /// When it has something to do, if nothing else happens; `u64::MAX` for never.
    fn wake_at(&self) -> u64;
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams that machines have sent.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Datagrams that have come to a machine; those that the network doubled count twice.
    pub delivered: u64,
    /// Datagrams that were lost on their way, or were sent where there was no way.
    pub lost: u64,
    /// Datagrams for places where nothing runs, and those that a paused machine had no room for.
    pub unheard: u64,
}

struct Place<M> {
    machine: Option<M>,
    /// The next time at which it is woken; `u64::MAX` for none.
    wake: u64,
    paused: bool,
    held: VecDeque<(usize, Vec<u8>)>,
    held_bytes: usize,
    /// How much later than they arrive it reads datagrams.
    late: u64,
}

enum Event {
    Wake(usize),
    Deliver { from: usize, to: usize, bytes: Vec<u8> },
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
    fn partial_cmp(&self, other: &Due) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> core::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// Machines at numbered places, a network between them, and a clock that jumps from one event to the next: nothing
/// waits, so a minute takes as long as what happens in it.
///
/// What is left to chance comes from the seed alone, and events of the same moment happen in the order in which they
/// came about. So the same seed and the same calls are the same run: [`trace`](Self::trace) tells whether two are.
pub struct Sim<M> {
    now: u64,
    network: Network,
    places: Vec<Place<M>>,
    queue: BinaryHeap<Reverse<Due>>,
    order: u64,
    random: Xoshiro256PlusPlus,
    counts: Counts,
    trace: u64,
}

impl<M: Machine> Sim<M> {
    /// Nothing runs; the network is a local one that loses nothing ([`Conditions::new`]); the clock stands at one
    /// second.
    pub fn new(seed: u64) -> Sim<M> {
        let mut network = Network::default();
        // They are good.
        let _ = network.set_conditions(Conditions::new());
        Sim {
            now: BEGIN,
            network,
            places: Vec::new(),
            queue: BinaryHeap::new(),
            order: 0,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            counts: Counts::default(),
            trace: seed,
        }
    }

    /// The time, in microseconds.
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// The network.
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The network, to be changed. Datagrams that are on their way already arrive all the same.
    pub const fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// What was counted.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A hash of all that came to machines so far: which bytes, from where, to where, and when.
    pub const fn trace(&self) -> u64 {
        self.trace
    }

    /// How many places there are: one more than the largest that something was ever started at.
    pub const fn places(&self) -> usize {
        self.places.len()
    }

    /// What runs at a place.
    pub fn machine(&self, place: usize) -> Option<&M> {
        self.places.get(place)?.machine.as_ref()
    }

    /// Whether what runs there is paused.
    pub fn is_paused(&self, place: usize) -> bool {
        self.places.get(place).is_some_and(|place| place.paused)
    }

    /// The places where something runs, paused ones among them, in their order.
    pub fn running(&self) -> impl Iterator<Item = usize> + '_ {
        let places = self.places.iter().enumerate();
        places.filter(|(_, place)| place.machine.is_some()).map(|(number, _)| number)
    }

    /// Something begins to run at a place; what ran there before is gone. Datagrams for it that are on their way
    /// come to what runs now.
    pub fn start(&mut self, place: usize, machine: M) {
        while self.places.len() <= place {
            self.places.push(Place {
                machine: None,
                wake: u64::MAX,
                paused: false,
                held: VecDeque::new(),
                held_bytes: 0,
                late: 0,
            });
        }
        if let Some(at) = self.places.get_mut(place) {
            at.clear();
            at.machine = Some(machine);
        }
        self.plan_wake(place);
    }

    /// What runs there is gone from one moment to the next, and handed back.
    pub fn crash(&mut self, place: usize) -> Option<M> {
        let place = self.places.get_mut(place)?;
        let machine = place.machine.take();
        place.clear();
        machine
    }

    /// What runs there does nothing until [`resume`](Self::resume), as a process that was stopped: what comes for it
    /// waits, up to [`MOST_HELD`] bytes.
    pub fn pause(&mut self, place: usize) {
        if let Some(place) = self.places.get_mut(place).filter(|place| place.machine.is_some()) {
            (place.paused, place.wake) = (true, u64::MAX);
        }
    }

    /// It goes on, with what has waited.
    pub fn resume(&mut self, place: usize) {
        let Some(at) = self.places.get_mut(place).filter(|place| place.paused) else { return };
        at.paused = false;
        at.held_bytes = 0;
        for (from, bytes) in core::mem::take(&mut at.held) {
            self.push(self.now, Event::Deliver { from, to: place, bytes });
        }
        self.plan_wake(place);
    }

    /// From now on what runs there reads each datagram so much later than it arrives, as a process that has too little
    /// of its processor.
    pub fn set_late(&mut self, place: usize, us: u64) {
        if let Some(place) = self.places.get_mut(place) {
            place.late = us;
        }
    }

    /// Does something to what runs at a place, and sends what comes of it; `None` if nothing runs there.
    pub fn with<T>(
        &mut self,
        place: usize,
        what: impl FnOnce(&mut M, u64, &mut Sent) -> T,
    ) -> Option<T> {
        let now = self.now;
        let machine = self.places.get_mut(place)?.machine.as_mut()?;
        let mut sent = Sent::default();
        let done = what(machine, now, &mut sent);
        self.carry(place, sent);
        self.plan_wake(place);
        Some(done)
    }

    /// Time passes, in microseconds.
    ///
    /// The errors of machines.
    pub fn run(&mut self, us: u64) -> Result<()> {
        let end = self.now.saturating_add(us);
        while self.queue.peek().is_some_and(|due| due.0.at <= end) {
            let Some(Reverse(Due { at, event, .. })) = self.queue.pop() else { break };
            self.now = self.now.max(at);
            match event {
                Event::Wake(place) => self.wake(place, at)?,
                Event::Deliver { from, to, bytes } => self.deliver(from, to, bytes)?,
            }
        }
        self.now = end;
        Ok(())
    }

    /// Time passes until something holds, looked at every `step` microseconds, or for `us` at most: how long that was,
    /// `None` if it did not come to that.
    ///
    /// The errors of machines; [`Error::Invalid`] for a step of 0.
    pub fn run_until(
        &mut self,
        us: u64,
        step: u64,
        mut holds: impl FnMut(&Sim<M>) -> bool,
    ) -> Result<Option<u64>> {
        let start = self.now;
        if step == 0 {
            return Err(Error::Invalid);
        }
        while !holds(self) {
            let left = us.saturating_sub(self.now - start);
            if left == 0 {
                return Ok(None);
            }
            self.run(step.min(left))?;
        }
        Ok(Some(self.now - start))
    }

    fn push(&mut self, at: u64, event: Event) {
        self.order += 1;
        self.queue.push(Reverse(Due { at, order: self.order, event }));
    }

    fn plan_wake(&mut self, place: usize) {
        let now = self.now;
        let Some(at) = self.places.get_mut(place).filter(|place| !place.paused) else { return };
        let Some(machine) = &at.machine else { return };
        let wake = machine.wake_at().max(now);
        if wake < at.wake {
            at.wake = wake;
            self.push(wake, Event::Wake(place));
        }
    }

    fn wake(&mut self, place: usize, at: u64) -> Result<()> {
        let now = self.now;
        // Else it was planned for a time that is no longer the next one.
        let due = |place: &&mut Place<M>| place.wake == at && !place.paused;
        let Some(due) = self.places.get_mut(place).filter(due) else { return Ok(()) };
        due.wake = u64::MAX;
        let Some(machine) = &mut due.machine else { return Ok(()) };
        let mut sent = Sent::default();
        if machine.wake_at() <= now {
            machine.wake(now, &mut sent)?;
            if machine.wake_at() <= now {
                // Time goes on, whatever a machine says.
                due.wake = now + 1;
                self.push(now + 1, Event::Wake(place));
            }
        }
        self.carry(place, sent);
        self.plan_later(place);
        Ok(())
    }

    /// As [`plan_wake`](Self::plan_wake), after it was woken.
    fn plan_later(&mut self, place: usize) {
        let woken = self.places.get(place).is_some_and(|place| place.wake == u64::MAX);
        if woken {
            self.plan_wake(place);
        }
    }

    fn deliver(&mut self, from: usize, to: usize, bytes: Vec<u8>) -> Result<()> {
        let now = self.now;
        let Some(place) = self.places.get_mut(to) else { return Ok(()) };
        let Some(machine) = &mut place.machine else {
            self.counts.unheard += 1;
            return Ok(());
        };
        if place.paused {
            let room = place.held_bytes + bytes.len() <= MOST_HELD;
            if room {
                place.held_bytes += bytes.len();
                place.held.push_back((from, bytes));
            }
            self.counts.unheard += u64::from(!room);
            return Ok(());
        }
        self.counts.delivered += 1;
        let way = [now, from as u64, to as u64].map(u64::to_le_bytes);
        self.trace = xxh64(&bytes, xxh64(way.as_flattened(), self.trace));
        let mut sent = Sent::default();
        machine.receive(from, &bytes, now, &mut sent)?;
        self.carry(to, sent);
        self.plan_wake(to);
        Ok(())
    }

    fn carry(&mut self, from: usize, sent: Sent) {
        for (to, bytes) in sent.0 {
            self.counts.sent += 1;
            self.counts.sent_bytes += bytes.len() as u64;
            let [first, again] = self.network.carry(from, to, &mut self.random);
            let late = self.places.get(to).map_or(0, |place| place.late);
            let Some(first) = first else {
                self.counts.lost += 1;
                continue;
            };
            if let Some(again) = again {
                let bytes = bytes.clone();
                self.push(self.now + late + again, Event::Deliver { from, to, bytes });
            }
            self.push(self.now + late + first, Event::Deliver { from, to, bytes });
        }
    }
}

impl<M> Place<M> {
    /// As before anything ran there, but for how late it is.
    fn clear(&mut self) {
        self.machine = None;
        self.wake = u64::MAX;
        self.paused = false;
        self.held.clear();
        self.held_bytes = 0;
    }
}
