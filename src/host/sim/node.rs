//! A whole node as a machine, with its parts and a small application.

use std::vec::Vec;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::disk::Disk;
use super::engine::{Machine, Sent};
use crate::comm::identity::LocalSecrets;
use crate::consensus::Raft;
use crate::consensus::raft::{Committed, EntryKind, Role};
use crate::crdt::{Kind, Store};
use crate::error::{Error, Result};
use crate::node::{
    Event, Failure, Node, Part, RaftGroup, RequestEvent, RequestId, Requests, Sharing, Topics,
};
use crate::port::{Address, Entropy, Transport};

/// Randomness that a seed makes: nobody could not guess it. For simulations alone.
pub struct Seeded(Xoshiro256PlusPlus);

impl Seeded {
    /// From this seed.
    pub fn new(seed: u64) -> Seeded {
        Seeded(Xoshiro256PlusPlus::seed_from_u64(seed))
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        self.0.fill_bytes(out);
        Ok(())
    }
}

/// The address of a place.
pub(super) fn address(place: usize) -> Address {
    // Eight bytes are short enough.
    Address::new(&(place as u64).to_le_bytes()).unwrap_or(Address::EMPTY)
}

fn place_at(address: &Address) -> Result<usize> {
    let bytes = address.bytes().try_into().map_err(|_| Error::Invalid)?;
    usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| Error::Invalid)
}

/// Sends; what comes is handed to the node by itself.
struct Port<'a>(&'a mut Sent);

impl Transport for Port<'_> {
    fn send(&mut self, to: &Address, datagram: &[u8]) -> Result<()> {
        self.0.send(place_at(to)?, datagram);
        Ok(())
    }

    fn receive(&mut self, _: &mut [u8]) -> Result<Option<(usize, Address)>> {
        Ok(None)
    }

    fn waiting(&self) -> Option<usize> {
        None
    }
}

/// A publication that came out of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When, in microseconds.
    pub at: u64,
    /// The number of the member that published it.
    pub origin: u64,
    /// Under which topic.
    pub topic: Vec<u8>,
    /// What.
    pub message: Vec<u8>,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When, in microseconds.
    pub at: u64,
    /// Which.
    pub request: RequestId,
    /// The answer, or why there is none.
    pub outcome: core::result::Result<Vec<u8>, Failure>,
}

/// A member in a simulation: a node with its parts, and an application that takes what they tell, and answers each
/// request at once with what it was asked.
pub struct SimNode {
    /// The node.
    pub node: Node<'static, LocalSecrets, Seeded>,
    /// Its topics, if it has that part.
    pub topics: Option<Topics<'static>>,
    /// Its requests, if it has that part.
    pub requests: Option<Requests<'static>>,
    /// Its store and what shares it, if it has that part.
    pub shared: Option<(Sharing<'static>, Store<'static>)>,
    /// Its group, if it is in one.
    pub raft: Option<Raft<'static>>,
    /// What its node told, and when.
    pub events: Vec<(u64, Event)>,
    /// What it heard.
    pub heard: Vec<Heard>,
    /// How its requests ended.
    pub ended: Vec<Ended>,
    /// What its group has agreed on, as far as it knows.
    pub agreed: Vec<Vec<u8>>,
    /// It has left, and its process may end.
    pub has_left: bool,
    pub(super) disk: Option<Disk>,
    wake: u64,
}

impl SimNode {
    /// A node without parts.
    pub const fn new(node: Node<'static, LocalSecrets, Seeded>) -> SimNode {
        SimNode {
            node,
            topics: None,
            requests: None,
            shared: None,
            raft: None,
            events: Vec::new(),
            heard: Vec::new(),
            ended: Vec::new(),
            agreed: Vec::new(),
            has_left: false,
            disk: None,
            wake: 0,
        }
    }

    /// Whether it leads its group.
    pub fn leads(&self) -> bool {
        self.raft.as_ref().is_some_and(|raft| raft.status().role == Role::Leader)
    }

    /// Writes a register of the store; it goes out when the node is polled.
    ///
    /// [`Error::Unsupported`] without a store; the store's.
    pub fn put(&mut self, name: &[u8], value: &[u8], now: u64) -> Result<()> {
        let wall = self.node.wall_ms().max(now / 1000);
        let (_, store) = self.shared.as_mut().ok_or(Error::Unsupported)?;
        let key = store.open(Store::ROOT, name, Kind::LastWriter)?;
        let done = store.assign_bytes(key, value, wall);
        store.close(key)?;
        done
    }

    /// Whether a register of the store has this value.
    ///
    /// [`Error::Unsupported`] without a store; the store's.
    pub fn has(&mut self, name: &[u8], value: &[u8]) -> Result<bool> {
        let (_, store) = self.shared.as_mut().ok_or(Error::Unsupported)?;
        let key = store.open(Store::ROOT, name, Kind::LastWriter)?;
        let has = store.last_written(key).map(|last| last.is_some_and(|(bytes, _)| bytes == value));
        store.close(key)?;
        has
    }

    /// Lets the node work until it has no more to do now.
    pub(super) fn poll(&mut self, now: u64, sent: &mut Sent) -> Result<()> {
        loop {
            let wake = self.lend(|node, parts| node.poll(now, &mut Port(sent), parts))?;
            let again = self.take(now)?;
            if wake > now && !again {
                self.wake = wake;
                return Ok(());
            }
        }
    }

    /// It is polled soon: something was done to it.
    pub(super) const fn touch(&mut self) {
        self.wake = 0;
    }

    /// The node, with the parts that it has.
    fn lend<T>(
        &mut self,
        what: impl FnOnce(&mut Node<'static, LocalSecrets, Seeded>, &mut [&mut dyn Part]) -> T,
    ) -> T {
        let mut shared = self.shared.as_mut().map(|(sharing, store)| sharing.over(store));
        let group = RaftGroup::new(0).ok();
        let mut group = group.zip(self.raft.as_mut()).map(|(group, raft)| group.over(raft));
        let mut parts: Vec<&mut dyn Part> = Vec::with_capacity(4);
        parts.extend(shared.as_mut().map(|part| part as &mut dyn Part));
        parts.extend(self.topics.as_mut().map(|part| part as &mut dyn Part));
        parts.extend(self.requests.as_mut().map(|part| part as &mut dyn Part));
        parts.extend(group.as_mut().map(|part| part as &mut dyn Part));
        what(&mut self.node, &mut parts)
    }

    /// The application's turn: whether it did something that wants another poll.
    fn take(&mut self, now: u64) -> Result<bool> {
        while let Some(event) = self.node.next_event() {
            self.has_left |= event == Event::Left;
            self.events.push((now, event));
        }
        if let Some(topics) = &mut self.topics {
            while let Some(publication) = topics.next_publication() {
                self.heard.push(Heard {
                    at: now,
                    origin: publication.origin,
                    topic: publication.topic.to_vec(),
                    message: publication.message.to_vec(),
                });
            }
        }
        Ok(self.take_requests(now)? | self.take_group(now)?)
    }

    fn take_requests(&mut self, now: u64) -> Result<bool> {
        let Some(requests) = &mut self.requests else { return Ok(false) };
        let mut calls = Vec::new();
        while let Some(event) = requests.next_event() {
            let ended = match event {
                RequestEvent::Asked { call, message, .. } => {
                    calls.push((call, message.to_vec()));
                    continue;
                }
                RequestEvent::Cancelled { .. } => continue,
                RequestEvent::Answered { request, message, .. } => (request, Ok(message.to_vec())),
                RequestEvent::Failed { request, why, .. } => (request, Err(why)),
            };
            self.ended.push(Ended { at: now, request: ended.0, outcome: ended.1 });
        }
        for (call, message) in &calls {
            requests.answer(*call, message)?;
        }
        Ok(!calls.is_empty())
    }

    fn take_group(&mut self, now: u64) -> Result<bool> {
        let (Some(raft), Some(disk)) = (&mut self.raft, &mut self.disk) else { return Ok(false) };
        let mut again = false;
        while let Some((number, record)) = raft.next_record() {
            disk.write(&record)?;
            raft.durable(number, now)?;
            again = true;
        }
        while let Some(committed) = raft.next_committed() {
            let index = committed.index();
            if let Committed::Entry { kind: EntryKind::Data, data, .. } = committed {
                self.agreed.push(data.to_vec());
            }
            raft.applied(index)?;
        }
        while raft.next_event().is_some() {}
        Ok(again)
    }
}

impl Machine for SimNode {
    fn receive(&mut self, from: usize, datagram: &[u8], now: u64, sent: &mut Sent) -> Result<()> {
        self.lend(|node, parts| node.receive(&address(from), datagram, now, parts))?;
        self.poll(now, sent)
    }

    fn wake(&mut self, now: u64, sent: &mut Sent) -> Result<()> {
        self.poll(now, sent)
    }

    fn wake_at(&self) -> u64 {
        self.wake
    }
}
