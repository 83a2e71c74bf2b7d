//! Members in one process, on a simulated network and clock.

use std::collections::{BTreeMap, HashMap, VecDeque};

use neural_swarm::comm::crypto::Secret;
use neural_swarm::comm::identity::{LocalSecrets, Secrets};
use neural_swarm::consensus::locks::MOST_LOCK_ENTRY;
use neural_swarm::consensus::raft::{Proposal, Role};
use neural_swarm::consensus::{Locks, Raft};
use neural_swarm::crdt::{ReplicaId, Store, StoreConfig};
use neural_swarm::node::*;
use neural_swarm::port::{Address, Entropy, Heap, Transport};
use neural_swarm::{Error, Result};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::crew::Crew;

pub const MS: u64 = 1_000;
pub const SECOND: u64 = 1_000_000;

/// Randomness with a seed.
pub struct Seeded(Xoshiro256PlusPlus);

impl Entropy for Seeded {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        self.0.fill_bytes(out);
        Ok(())
    }
}

pub type SimNode = Node<'static, LocalSecrets, Seeded>;

/// What came out of a member's requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Asked { call: CallId, from: u64, method: Vec<u8>, message: Vec<u8> },
    Cancelled(CallId),
    Answered { request: RequestId, message: Vec<u8> },
    Failed { request: RequestId, why: Failure },
}

pub struct Member {
    pub node: SimNode,
    pub store: Store<'static>,
    pub sharing: Sharing<'static>,
    pub topics: Topics<'static>,
    pub requests: Requests<'static>,
    pub raft: Option<Raft<'static>>,
    /// Its missions, and its work for those of others.
    pub crew: Option<Crew>,
    /// What the group's log says of locks, if it does.
    pub locks: Option<Locks<'static>>,
    leads: bool,
    pub events: Vec<(u64, Event)>,
    pub publications: Vec<(u64, u64, Vec<u8>)>,
    pub heard: Vec<(u64, Heard)>,
    /// What was committed, if it is in a group.
    pub committed: Vec<Vec<u8>>,
    /// Answers each request at once with itself, backwards.
    pub answers: bool,
    /// The application takes nothing.
    pub deaf: bool,
    inbox: VecDeque<(Address, Vec<u8>)>,
    life: u32,
    /// The transport has no room.
    pub stuck: bool,
    /// Side of a divided network.
    pub side: u8,
}

enum Due {
    Deliver { from: usize, to: usize, life: u32, bytes: Vec<u8> },
    Wake { member: usize, life: u32 },
}

pub struct World {
    pub now: u64,
    pub members: Vec<Option<Member>>,
    pub latency: u64,
    pub jitter: u64,
    /// Of 1,000 datagrams.
    pub loss: u64,
    pub datagrams: u64,
    pub bytes: u64,
    pub config: NodeConfig<'static>,
    /// Where each datagram goes through: it may change, copy (by sending more) or drop it.
    pub tap: Option<Tap>,
    lives: Vec<u32>,
    wakes: HashMap<usize, u64>,
    queue: BTreeMap<(u64, u64), Due>,
    order: u64,
    random: Xoshiro256PlusPlus,
    names: u64,
}

/// From, to, datagram: those that are delivered instead.
pub type Tap = Box<dyn FnMut(usize, usize, &[u8]) -> Vec<(usize, Vec<u8>)>>;

pub fn address(member: usize) -> Address {
    Address::new(&(member as u32).to_le_bytes()).unwrap()
}

fn member_at(address: &Address) -> usize {
    u32::from_le_bytes(address.bytes().try_into().unwrap()) as usize
}

pub fn secrets(member: usize) -> LocalSecrets {
    let mut seed = [0x5a; 32];
    seed[..8].copy_from_slice(&(member as u64).to_le_bytes());
    LocalSecrets::new(Secret::new(seed))
}

pub fn id_of(member: usize) -> u64 {
    // It is asked often, and made of a key.
    static IDS: std::sync::OnceLock<Vec<u64>> = std::sync::OnceLock::new();
    let all = || (0..64).map(|member| node_id(&secrets(member).identity())).collect();
    IDS.get_or_init(all)[member]
}

struct Port<'a> {
    inbox: &'a mut VecDeque<(Address, Vec<u8>)>,
    sent: &'a mut Vec<(usize, Vec<u8>)>,
    stuck: bool,
    /// Nothing can be received.
    broken: bool,
}

impl Transport for Port<'_> {
    fn send(&mut self, to: &Address, datagram: &[u8]) -> Result<()> {
        if self.stuck {
            return Err(Error::Capacity);
        }
        self.sent.push((member_at(to), datagram.to_vec()));
        Ok(())
    }

    fn receive(&mut self, buf: &mut [u8]) -> Result<Option<(usize, Address)>> {
        if self.broken {
            return Err(Error::HostIo);
        }
        let Some((_, first)) = self.inbox.front() else { return Ok(None) };
        if first.len() > buf.len() {
            return Err(Error::BufferTooSmall);
        }
        let (from, bytes) = self.inbox.pop_front().unwrap();
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(Some((bytes.len(), from)))
    }

    fn waiting(&self) -> Option<usize> {
        self.inbox.front().map(|(_, bytes)| bytes.len())
    }

    fn skip(&mut self) -> Result<()> {
        self.inbox.pop_front();
        Ok(())
    }
}

impl World {
    pub fn new(seed: u64, members: usize) -> World {
        let mut config = NodeConfig::new(b"simulated", members);
        config.membership.members = members.max(8);
        World {
            now: SECOND,
            members: Vec::new(),
            latency: MS,
            jitter: MS,
            loss: 0,
            datagrams: 0,
            bytes: 0,
            config,
            tap: None,
            lives: Vec::new(),
            wakes: HashMap::new(),
            queue: BTreeMap::new(),
            order: 0,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            names: seed,
        }
    }

    /// So many members, which have the first one's address and come within a second.
    pub fn swarm(seed: u64, count: usize) -> World {
        let mut world = World::new(seed, count);
        world.add_all(count);
        world
    }

    pub fn add_all(&mut self, count: usize) {
        for place in 0..count {
            self.start(place, count);
            if place > 0 {
                let now = self.now;
                self.member(place).node.join(&address(0), now).unwrap();
            }
            self.run(SECOND / count as u64 / 2);
        }
    }

    /// A member with this place begins, for the first time or again: it trusts `trusted` members.
    pub fn start(&mut self, place: usize, trusted: usize) {
        let mut config = self.config.clone();
        config.link.trust.pinned = trusted.max(1);
        config.membership.address = address(place);
        self.names += 1;
        let seed = self.names;
        config.membership.seed = seed;
        let entropy = Seeded(Xoshiro256PlusPlus::seed_from_u64(seed));
        let mut node = Node::new(&config, secrets(place), entropy, Heap, self.now).unwrap();
        for other in 0..trusted {
            node.trust_mut().pin(&secrets(other).identity()).unwrap();
        }
        node.set_wall(Some(1_700_000_000_000), self.now);
        let mtu = config.max_message();
        let replica = ReplicaId(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let store = StoreConfig { replica, replicas: 24, ..StoreConfig::default() };
        let sharing = SharingConfig::new(&store, mtu);
        let topics = TopicsConfig::new(id_of(place), mtu, seed);
        let requests = RequestsConfig { calls: 8, ..RequestsConfig::new(mtu, seed) };
        let member = Member {
            node,
            store: Store::new(&store, Heap).unwrap(),
            sharing: Sharing::new(&sharing, Heap).unwrap(),
            topics: Topics::new(&topics, Heap).unwrap(),
            requests: Requests::new(&requests, Heap).unwrap(),
            raft: None,
            crew: None,
            locks: None,
            leads: false,
            events: Vec::new(),
            publications: Vec::new(),
            heard: Vec::new(),
            committed: Vec::new(),
            answers: false,
            deaf: false,
            inbox: VecDeque::new(),
            life: 0,
            stuck: false,
            side: 0,
        };
        if place >= self.members.len() {
            self.members.resize_with(place + 1, || None);
            self.lives.resize(place + 1, 0);
        }
        self.lives[place] += 1;
        self.members[place] = Some(Member { life: self.lives[place], ..member });
        self.touch(place);
    }

    /// As with `kill -9`.
    pub fn kill(&mut self, place: usize) {
        self.members[place] = None;
    }

    pub fn member(&mut self, place: usize) -> &mut Member {
        self.members[place].as_mut().unwrap()
    }

    pub fn alive(&self) -> Vec<usize> {
        (0..self.members.len()).filter(|place| self.members[*place].is_some()).collect()
    }

    fn plan(&mut self, at: u64, due: Due) {
        self.order += 1;
        self.queue.insert((at, self.order), due);
    }

    /// Something was done to a member: it is polled soon.
    pub fn touch(&mut self, place: usize) {
        self.wake_at(place, self.now);
    }

    fn wake_at(&mut self, place: usize, at: u64) {
        let planned = self.wakes.get(&place).copied().unwrap_or(u64::MAX);
        let at = at.max(self.now);
        if at < planned && at < u64::MAX {
            self.wakes.insert(place, at);
            let life = self.lives[place];
            self.plan(at, Due::Wake { member: place, life });
        }
    }

    /// Delivers a datagram now, as if it came from there.
    pub fn inject(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        let life = self.lives[to];
        self.plan(self.now, Due::Deliver { from, to, life, bytes });
    }

    /// So many datagrams wait at a member already, as if they came from there.
    pub fn pile_up(&mut self, from: usize, to: usize, datagrams: Vec<Vec<u8>>) {
        let datagrams = datagrams.into_iter().map(|bytes| (address(from), bytes));
        self.member(to).inbox.extend(datagrams);
    }

    /// One poll of a member, without its application: what it took and what it sent, and whether there is more to do.
    pub fn poll_once(&mut self, place: usize) -> (usize, usize, bool) {
        let member = self.members[place].as_mut().unwrap();
        let (waiting, mut sent) = (member.inbox.len(), Vec::new());
        let wake = member.poll(self.now, &mut sent);
        let took = waiting - member.inbox.len();
        let said = sent.len();
        for (to, bytes) in sent {
            self.send(place, to, bytes);
        }
        (took, said, wake <= self.now)
    }

    fn send(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        self.datagrams += 1;
        self.bytes += bytes.len() as u64;
        let mut all = vec![(to, bytes)];
        if let Some(tap) = &mut self.tap {
            all = tap(from, to, &all[0].1);
        }
        for (to, bytes) in all {
            let lost = self.random.next_u64() % 1000 < self.loss;
            let delay = self.latency + self.random.next_u64() % (self.jitter + 1);
            let side = |place: usize| {
                self.members.get(place).and_then(|m| m.as_ref()).map(|member| member.side)
            };
            if lost || side(to).is_none() || side(to) != side(from) {
                continue;
            }
            let life = self.lives[to];
            self.plan(self.now + delay, Due::Deliver { from, to, life, bytes });
        }
    }

    /// Time passes.
    pub fn run(&mut self, time: u64) {
        let end = self.now + time;
        while let Some((&(at, order), _)) = self.queue.first_key_value() {
            if at > end {
                break;
            }
            self.now = self.now.max(at);
            match self.queue.remove(&(at, order)).unwrap() {
                Due::Deliver { from, to, life, bytes } => {
                    let Some(member) = &mut self.members[to] else { continue };
                    if member.life == life {
                        member.inbox.push_back((address(from), bytes));
                        self.poll(to);
                    }
                }
                Due::Wake { member: place, life } => {
                    if self.wakes.get(&place) == Some(&at) {
                        self.wakes.remove(&place);
                    }
                    if self.lives[place] == life {
                        self.poll(place);
                    }
                }
            }
        }
        self.now = end;
    }

    /// Runs until something is so, or the time is over: how long it took.
    pub fn run_until(&mut self, most: u64, mut so: impl FnMut(&mut World) -> bool) -> Option<u64> {
        let start = self.now;
        while self.now < start + most {
            if so(self) {
                return Some(self.now - start);
            }
            self.run(MS);
        }
        so(self).then_some(self.now - start)
    }

    fn poll(&mut self, place: usize) {
        let now = self.now;
        loop {
            let Some(member) = &mut self.members[place] else { return };
            let mut sent = Vec::new();
            let wake = member.poll(now, &mut sent);
            let again = !member.deaf && member.take(now);
            let wake = member.crew.as_ref().map_or(wake, |crew| wake.min(crew.wake_at()));
            for (to, bytes) in sent {
                self.send(place, to, bytes);
            }
            if wake > now && !again {
                return self.wake_at(place, wake);
            }
        }
    }

    /// Whether all of these know each other to take part.
    pub fn know_each_other(&mut self, places: &[usize]) -> bool {
        places.iter().all(|place| {
            let membership = self.members[*place].as_ref().unwrap().node.membership();
            let known = |other: &usize| {
                let member = membership.member(id_of(*other));
                member.is_some_and(|member| member.standing == membership::Standing::Alive)
            };
            places.iter().all(known) && membership.count() == places.len()
        })
    }
}

impl Member {
    /// One poll, over a transport that receives nothing if it is `broken`, with a part before those that there are.
    pub fn poll_with(
        &mut self,
        now: u64,
        sent: &mut Vec<(usize, Vec<u8>)>,
        broken: bool,
        first: &mut dyn Part,
    ) -> Result<u64> {
        let mut port = Port { inbox: &mut self.inbox, sent, stuck: self.stuck, broken };
        self.node.poll(now, &mut port, &mut [first, &mut self.topics])
    }

    fn poll(&mut self, now: u64, sent: &mut Vec<(usize, Vec<u8>)>) -> u64 {
        let mut port = Port { inbox: &mut self.inbox, sent, stuck: self.stuck, broken: false };
        let mut shared = self.sharing.over(&mut self.store);
        let mut group = self.raft.as_mut().map(|raft| RaftGroup::new(0).unwrap().over(raft));
        let mut parts: Vec<&mut dyn Part> = vec![&mut shared, &mut self.topics, &mut self.requests];
        if let Some(crew) = &mut self.crew {
            parts.push(crew.part());
        }
        if let Some(group) = &mut group {
            parts.push(group);
        }
        self.node.poll(now, &mut port, &mut parts).unwrap()
    }

    /// The application's turn: whether it did something that wants another poll.
    fn take(&mut self, now: u64) -> bool {
        while let Some(event) = self.node.next_event() {
            self.events.push((now, event));
        }
        while let Some(publication) = self.topics.next_publication() {
            let (origin, message) = (publication.origin, publication.message.to_vec());
            self.publications.push((now, origin, message));
        }
        let mut again = false;
        let mut to_answer = Vec::new();
        while let Some(event) = self.requests.next_event() {
            let heard = match event {
                RequestEvent::Asked { call, from, method, message, .. } => {
                    let (method, message) = (method.to_vec(), message.to_vec());
                    to_answer.push((call, message.clone()));
                    Heard::Asked { call, from, method, message }
                }
                RequestEvent::Cancelled { call } => Heard::Cancelled(call),
                RequestEvent::Answered { request, message, .. } => {
                    Heard::Answered { request, message: message.to_vec() }
                }
                RequestEvent::Failed { request, why, .. } => Heard::Failed { request, why },
            };
            self.heard.push((now, heard));
        }
        for (call, mut message) in to_answer.into_iter().filter(|_| self.answers) {
            message.reverse();
            self.requests.answer(call, &message).unwrap();
            again = true;
        }
        let worked = self.crew.as_mut().is_some_and(|crew| crew.take(now));
        again | worked | self.take_raft(now)
    }

    /// A disk that is durable at once.
    fn take_raft(&mut self, now: u64) -> bool {
        use neural_swarm::consensus::raft::{Committed, EntryKind};
        let Some(raft) = &mut self.raft else { return false };
        let mut again = false;
        while let Some((number, _)) = raft.next_record() {
            raft.durable(number, now).unwrap();
            again = true;
        }
        while let Some(committed) = raft.next_committed() {
            let index = committed.index();
            if let Committed::Entry { kind: EntryKind::Data, data, .. } = committed {
                self.committed.push(data.to_vec());
                if let Some(locks) = &mut self.locks {
                    locks.apply(index, data, now).unwrap();
                }
            }
            raft.applied(index).unwrap();
        }
        while raft.next_event().is_some() {}
        let Some(locks) = &mut self.locks else { return again };
        let led = core::mem::replace(&mut self.leads, raft.status().role == Role::Leader);
        if self.leads && !led {
            locks.renew_all(now);
        }
        while self.leads
            && let Some(end) = locks.expired(now)
        {
            let mut bytes = [0; MOST_LOCK_ENTRY];
            let len = end.encode(&mut bytes).unwrap();
            let _ = raft.propose(Proposal { data: &bytes[..len], ..Proposal::default() }, now);
            again = true;
        }
        again
    }
}
