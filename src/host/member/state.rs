//! All that a member has, under one lock.

use std::boxed::Box;
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::vec::Vec;

use super::config::{Carrier, Identity, MemberConfig};
use super::gauges::Gauges;
use super::group::Group;
use super::handlers::MemberEvent;
use super::kept::{Kept, random};
use super::thread::Job;
use crate::comm::crypto::Secret;
use crate::comm::identity::{LocalSecrets, Secrets};
use crate::error::{Error, Result};
use crate::host::clock::now_us;
use crate::host::{Udp, UdpConfig, UnixDatagram, UnixDatagramConfig, load_key, save_key};
use crate::node::membership::{Change, MembershipConfig, Standing};
use crate::node::{
    CallId, Event, Failure, MOST_DEADLINE, Node, NodeConfig, Part, RequestEvent, RequestId,
    Requests, RequestsConfig, Topics, TopicsConfig, node_id,
};
use crate::port::{Address, Entropy, Heap, SystemEntropy, Transport};

/// What a member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// It was made.
    Made,
    /// Its thread runs.
    Running,
    /// It gives back what it has of the group.
    Closing,
    /// It leaves the swarm.
    Leaving,
    /// It has left: what is to be kept is made durable.
    Left,
    /// Its thread has ended.
    Over,
}

/// A request of this member.
pub(super) struct Question {
    asked: u64,
    pub answer: Option<Result<Vec<u8>>>,
}

pub(super) struct Core {
    pub node: Node<'static, LocalSecrets, SystemEntropy>,
    transport: Box<dyn Transport + Send>,
    pub kept: Kept,
    pub topics: Topics<'static>,
    pub requests: Requests<'static>,
    pub group: Option<Group>,
    pub questions: BTreeMap<RequestId, Question>,
    pub stage: Stage,
    /// When leaving is over, whatever has come of it.
    pub stop_by: u64,
    pub stop_begun: u64,
    pub handed_over: bool,
    /// The transport refuses to be read.
    pub unread: Option<Error>,
    pub transport_errors: u64,
    pub store_errors: u64,
    wall_at: u64,
    pub gauges: Gauges,
}

/// What a member's thread waits for.
pub(super) struct Wait {
    pub readable: Option<OwnedFd>,
    pub every: Duration,
}

fn secrets(identity: &Identity) -> Result<LocalSecrets> {
    match identity {
        Identity::Seed(seed) => Ok(LocalSecrets::new(seed.clone())),
        Identity::File(path) => {
            if !path.exists() {
                let mut seed = zeroize::Zeroizing::new([0; 32]);
                SystemEntropy.fill(&mut *seed)?;
                match save_key(path, &Secret::new(*seed)) {
                    // Another process was first.
                    Ok(()) | Err(Error::HostFile) => {}
                    Err(error) => return Err(error),
                }
            }
            load_key(path).map(LocalSecrets::new)
        }
    }
}

type Carried = (Box<dyn Transport + Send>, Address, Wait);

/// Opens what carries the datagrams: where that listens, and what to wait for.
fn carry(carrier: Carrier, longest: usize) -> Result<Carried> {
    match carrier {
        Carrier::Udp(bind) => {
            let config = UdpConfig { max_datagram: longest, ..UdpConfig::new(bind) };
            let udp = Udp::new(&config, Heap)?;
            let (local, readable) = (udp.local()?, Some(udp.readable()?));
            Ok((Box::new(udp), local, Wait { readable, every: Duration::ZERO }))
        }
        Carrier::Unix { folder, name } => {
            let config = UnixDatagramConfig::new(&folder, name);
            let config = UnixDatagramConfig { max_datagram: longest, ..config };
            let unix = UnixDatagram::new(&config, Heap)?;
            let readable = Some(unix.readable()?);
            Ok((Box::new(unix), name, Wait { readable, every: Duration::ZERO }))
        }
        Carrier::Own { transport, wait, every } => {
            Ok((transport, Address::EMPTY, Wait { readable: wait, every }))
        }
    }
}

/// The folder, made if there is none. That it is there is durable: whatever is kept in it is said to be.
fn make_folder(path: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(Error::HostIo),
        _ => {}
    }
    let holds = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let holds = File::open(holds.unwrap_or(Path::new(".")));
    holds.and_then(|folder| folder.sync_all()).map_err(|_| Error::HostIo)
}

impl Core {
    pub fn new(mut config: MemberConfig) -> Result<(Core, Wait, Address)> {
        config.check()?;
        let now = now_us();
        let secrets = secrets(&config.identity)?;
        let id = node_id(&secrets.identity());
        let votes = config.voters.iter().any(|key| node_id(key) == id);
        if votes && config.folder.is_none() {
            return Err(Error::Invalid);
        }
        let mut made = NodeConfig::new(&config.network, config.members);
        made.link.mtu = config.mtu;
        made.link.psk = config.psk.clone();
        let pinned = config.pinned.len() + config.voters.len();
        made.link.trust.pinned = made.link.trust.pinned.max(pinned);
        made.link.trust.authorities = config.authorities.len().max(1);
        made.datagram = made.datagram.max(config.mtu);
        // It is used up.
        let nothing = Carrier::Unix { folder: PathBuf::new(), name: Address::EMPTY };
        let carrier = core::mem::replace(&mut config.carrier, nothing);
        let (transport, local, wait) = carry(carrier, made.datagram)?;
        made.membership = MembershipConfig {
            address: config.address.unwrap_or(local),
            meta: &config.meta,
            seed: random()?,
            period_us: config.period_us,
            timeout_us: (config.period_us / 2).max(1),
            ..made.membership
        };
        let mtu = made.max_message();
        let mut node = Node::new(&made, secrets, SystemEntropy, Heap, now)?;
        for identity in config.pinned.iter().chain(&config.voters) {
            node.trust_mut().pin(identity)?;
        }
        for (authority, epoch) in &config.authorities {
            node.trust_mut().add_authority(authority, *epoch)?;
        }
        node.trust_mut().allow_psk(config.psk.is_some());
        node.set_certificate(config.certificate.as_ref());
        for seed in &config.seeds {
            node.join(seed, now)?;
        }
        if let Some(folder) = &config.folder {
            make_folder(folder)?;
        }
        let folder = config.folder.as_deref();
        let group = match folder.filter(|_| votes) {
            Some(folder) => Some(Group::new(&config, folder, id, mtu, now)?),
            None => None,
        };
        let topics = TopicsConfig {
            topics: config.topics,
            inbox: 64,
            outbox: 64,
            ..TopicsConfig::new(id, mtu, random()?)
        };
        let requests = RequestsConfig {
            requests: config.requests,
            calls: config.calls,
            askers: config.members.min(65_535),
            ..RequestsConfig::new(mtu, random()?)
        };
        let core = Core {
            node,
            transport,
            kept: Kept::new(&config.store, id, folder, mtu)?,
            topics: Topics::new(&topics, Heap)?,
            requests: Requests::new(&requests, Heap)?,
            group,
            questions: BTreeMap::new(),
            stage: Stage::Made,
            stop_by: u64::MAX,
            stop_begun: 0,
            handed_over: false,
            unread: None,
            transport_errors: 0,
            store_errors: 0,
            wall_at: 0,
            gauges: Gauges::new()?,
        };
        Ok((core, wait, config.address.unwrap_or(local)))
    }

    /// The group, for calls that need one.
    pub fn group(&mut self) -> Result<&mut Group> {
        self.group.as_mut().ok_or(Error::RaftState)
    }

    /// For calls that change something: not while the member stops.
    pub fn live(&self) -> Result<()> {
        if self.stage >= Stage::Closing { Err(Error::NodeLeft) } else { Ok(()) }
    }

    /// Stamps and certificates are checked against the time of day.
    pub fn set_wall(&mut self, now: u64) {
        if now >= self.wall_at {
            self.node.set_wall(Some(wall_ms()), now);
            self.wall_at = now.saturating_add(1_000_000);
        }
    }

    /// What has to be durable before others are told.
    pub fn keep(&mut self, now: u64, jobs: &mut Vec<Job>) {
        let done = self.kept.keep(now);
        // A call may have found it before.
        let told = core::mem::replace(&mut self.kept.told_failed, done.is_err());
        if let Err(error) = done
            && !told
        {
            self.store_errors += 1;
            jobs.push(Job::Event(MemberEvent::StoreFailed(error)));
        }
    }

    /// Takes and sends datagrams; when to come back.
    pub fn poll(&mut self, now: u64, jobs: &mut Vec<Job>) -> u64 {
        let Core { node, transport, kept, topics, requests, group, .. } = self;
        let mut shared = kept.sharing.over(&mut kept.store);
        let mut agreeing = group.as_mut().filter(|group| group.failed.is_none()).map(Group::over);
        // A store, topics, requests, a group.
        let mut parts: heapless::Vec<&mut dyn Part, 4> = heapless::Vec::new();
        let _ = parts.push(topics);
        let _ = parts.push(requests);
        if kept.failed.is_none() {
            let _ = parts.push(&mut shared);
        }
        if let Some(group) = &mut agreeing {
            let _ = parts.push(group);
        }
        match node.poll(now, &mut **transport, &mut parts) {
            Ok(wake) => {
                self.unread = None;
                wake
            }
            Err(error) => {
                self.transport_errors += 1;
                if self.unread.is_none() {
                    jobs.push(Job::Event(MemberEvent::TransportFailed(error)));
                }
                self.unread = Some(error);
                now.saturating_add(super::thread::PAUSE_US)
            }
        }
    }

    /// What has happened in the node, its topics and requests.
    pub fn collect(&mut self, now: u64, jobs: &mut Vec<Job>) {
        while let Some(event) = self.node.next_event() {
            jobs.extend(
                match event {
                    Event::Member { id, change: Change::Joined } => Some(MemberEvent::Joined(id)),
                    Event::Member { id, change: Change::Left } => Some(MemberEvent::Left(id)),
                    Event::Member { id, change: Change::Died } => Some(MemberEvent::Failed(id)),
                    Event::Quarantined { id } => Some(MemberEvent::Quarantined(id)),
                    Event::Left => {
                        self.stage = Stage::Left;
                        None
                    }
                    _ => None,
                }
                .map(Job::Event),
            );
        }
        let version = self.kept.store.version();
        if version != core::mem::replace(&mut self.kept.told, version) {
            jobs.push(Job::Event(MemberEvent::StoreChanged));
        }
        while let Some(said) = self.topics.next_publication() {
            jobs.push(Job::Said {
                origin: said.origin,
                topic: said.topic.to_vec(),
                message: said.message.to_vec(),
            });
        }
        while let Some(event) = self.requests.next_event() {
            let (request, answer) = match event {
                RequestEvent::Asked { call, from, method, message, deadline_us } => {
                    let (method, message) = (method.to_vec(), message.to_vec());
                    jobs.push(Job::Asked { call, from, method, message, deadline_us });
                    continue;
                }
                RequestEvent::Cancelled { .. } => continue,
                RequestEvent::Answered { request, message, .. } => (request, Ok(message.to_vec())),
                RequestEvent::Failed { request, why, .. } => (request, Err(error_of(why))),
            };
            if let Some(question) = self.questions.get_mut(&request) {
                if answer.is_ok() {
                    self.gauges.answered(now.saturating_sub(question.asked));
                }
                question.answer = Some(answer);
            }
        }
    }

    /// Asks another member.
    pub fn ask(&mut self, to: u64, method: &[u8], message: &[u8], left: u64) -> Result<RequestId> {
        let known = self.node.membership().member(to);
        let there = known.is_some_and(|member| member.standing <= Standing::Suspect);
        if to == self.node.id() || !there {
            return Err(Error::NodePeer);
        }
        let now = now_us();
        let left = left.clamp(1, MOST_DEADLINE - 1);
        let request = self.requests.ask(to, method, message, now.saturating_add(left), now)?;
        self.questions.insert(request, Question { asked: now, answer: None });
        Ok(request)
    }

    /// Answers a request of another member, or refuses it.
    pub fn answer(&mut self, call: CallId, answer: Option<&[u8]>) -> Result<()> {
        match answer {
            Some(answer) => self.requests.answer(call, answer),
            None => self.requests.refuse(call),
        }
    }

    /// When to come back, beside what the node says.
    pub fn wake_at(&self) -> u64 {
        let group = self.group.as_ref().map_or(u64::MAX, Group::wake_at);
        group.min(self.kept.wake_at()).min(self.wall_at.max(1)).min(self.stop_by)
    }
}

impl Group {
    /// The group's part of the node.
    fn over(&mut self) -> super::part::GroupPart<'_> {
        super::part::GroupPart { raft: &mut self.raft, files: &mut self.files }
    }
}

/// The group has this number in the swarm.
pub(super) const GROUP: u8 = 0;

/// The time of day, in milliseconds.
pub(super) fn wall_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn error_of(why: Failure) -> Error {
    match why {
        Failure::Deadline => Error::HostTimeout,
        Failure::Busy => Error::Capacity,
        Failure::Refused => Error::Unsupported,
        Failure::Gone => Error::NodePeer,
    }
}
