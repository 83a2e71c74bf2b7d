//! A node with its disk, its clock and what it applies: the one place that does what a
//! caller has to do, in the order in which it has to be done.

mod duties;

use std::collections::{BTreeMap, BTreeSet};

use neural_swarm::Error;
use neural_swarm::consensus::raft::{
    Change, Event, Member, MemberKind, MemberStatus, NodeId, Proposal, Raft, RaftConfig,
    RecordNumber, Role, Status,
};
use neural_swarm::consensus::tuner::{Tuner, TunerConfig};
use neural_swarm::port::Heap;

use crate::app::App;
use crate::check::{Checker, Seen, View};
use crate::clock::Clock;
use crate::disk::{Disk, Log, Stored};
use crate::message::describe;
use crate::plan::Plan;
use crate::policies::{Policy, harm, vex};
use crate::random::Random;

/// What came of it.
#[derive(Default)]
pub struct Out {
    pub packets: Vec<(u64, Vec<u8>)>,
    /// So many of them are probes.
    pub probes: u64,
    /// Records up to here are on their way to the disk.
    pub written: Option<u64>,
    /// A chunk of a snapshot, and how long it takes.
    pub chunk: Option<(u64, u64)>,
    pub crashed: bool,
    /// Client, sequence and answer.
    pub answers: Vec<(u64, u64, u64)>,
    pub events: Vec<Event>,
    pub snapshots: u64,
    pub compactions: u64,
    pub fetches: u64,
    pub changed: u64,
    pub notes: Vec<String>,
}

/// A chunk of a snapshot on its way to the disk.
struct Writing {
    number: u64,
    index: u64,
    /// All of it, with the last chunk.
    whole: Option<Vec<u8>>,
}

/// What a node is compared with.
pub struct With<'a> {
    pub checker: &'a mut Checker,
    pub others: &'a BTreeMap<u64, Host>,
}

pub struct Host {
    pub id: u64,
    raft: Option<Raft<'static>>,
    pub config: RaftConfig,
    first: Vec<Member>,
    /// What is left to begin with.
    left: Vec<Stored>,
    pub disk: Disk,
    /// The log with all that was handed out.
    pub log: Log,
    pub app: App,
    pub clock: Clock,
    /// How often it has begun.
    pub life: u64,
    /// Its disk takes nothing more.
    pub broken: bool,
    /// It crashes after so many more points between two writings.
    pub crash_in: Option<u64>,
    /// Such points until now.
    pub points: u64,
    /// Its disk has no room for now; records that wait for some, with their numbers.
    pub full: bool,
    unwritten: Vec<(u64, Stored)>,
    /// Nothing more gets durable for now.
    pub stuck: bool,
    pub paused: bool,
    /// What makes a tuner's model, if it has a tuner: it is another one at each start.
    pub policy: Option<fn() -> Policy>,
    pub tuner: Option<Tuner<'static, Policy>>,
    /// Somebody sets whatever may be set.
    pub vexed: Option<Random>,
    /// It leads as long as it may, and stands as soon as it may.
    pub worst: bool,
    /// It does not look at its clock.
    pub idle: bool,
    /// It has lost its log, and may find out.
    wiped: bool,
    soon: bool,
    /// The snapshot that arrives, and its chunk that is being written.
    incoming: (u64, Vec<u8>),
    writing: Option<Writing>,
    flushed: u64,
    /// The last record that a disk has which is stuck.
    pub waiting: u64,
    buffer: Vec<u8>,
    compact: u64,
    keep: u64,
    disk_time: u64,
    /// Notes of what happens are wanted.
    pub noted: bool,
    ticked: (u64, u64),
}

impl Host {
    pub fn new(id: u64, plan: &Plan, random: &mut Random) -> Host {
        let config = plan.config(id, random);
        let kind =
            |id| if plan.witnesses.contains(&id) { MemberKind::Witness } else { MemberKind::Voter };
        let member = |id| Member { id: NodeId(id), kind: kind(id) };
        let ppm = random.below(2 * plan.skew + 1) as i64 - plan.skew as i64;
        Host {
            id,
            raft: None,
            first: if id <= plan.nodes { (1..=plan.nodes).map(member).collect() } else { vec![] },
            left: vec![],
            disk: Disk::default(),
            log: Log::default(),
            app: App::default(),
            clock: Clock::new(ppm, random.below(1_000_000)),
            life: 0,
            broken: false,
            crash_in: None,
            points: 0,
            full: false,
            unwritten: vec![],
            stuck: false,
            paused: false,
            policy: None,
            tuner: None,
            vexed: None,
            worst: false,
            idle: false,
            wiped: false,
            soon: false,
            incoming: (0, vec![]),
            writing: None,
            flushed: 0,
            waiting: 0,
            buffer: vec![0; config.message],
            config,
            compact: plan.compact,
            keep: plan.keep,
            disk_time: plan.disk,
            noted: false,
            ticked: (0, 0),
        }
    }

    pub fn up(&self) -> bool {
        self.raft.is_some()
    }

    pub fn knows_nobody(&self) -> bool {
        self.first.is_empty() && self.disk.log.last() == 0
    }

    pub fn runs(&self) -> bool {
        self.up() && !self.paused
    }

    fn raft(&mut self) -> &mut Raft<'static> {
        self.raft.as_mut().unwrap()
    }

    fn local(&self, now: u64) -> u64 {
        self.clock.shows(now)
    }

    /// Begins with what the disk has.
    pub fn start(&mut self, now: u64) -> Result<(), String> {
        let wrong = |what: &str, error: Error| format!("node {}: {what}: {error}", self.id);
        let mut raft = Raft::new(&self.config, Heap).map_err(|error| wrong("new", error))?;
        let log = &self.disk.log;
        for stored in &self.left {
            let restored = raft.restore(stored.record());
            restored.map_err(|error| wrong(&format!("restore {stored:?}"), error))?;
        }
        // What a node begins with is one entry: it begins with it again if that got lost.
        if !self.first.is_empty() && log.last() == 0 {
            raft.bootstrap(&self.first).map_err(|error| wrong("bootstrap", error))?;
        }
        self.app = self.disk.snapshots.get(&log.base.0).map_or(App::default(), |s| App::load(s));
        let base = log.base.0;
        // Every other time it has lost its state, and is given the snapshot.
        if self.life % 2 == 1 {
            self.app = App::default();
        } else if base > 0 {
            if self.config.witness {
                self.app.applied = base;
            }
            if self.app.applied != base {
                return Err(format!("node {}: no snapshot of {base} on its disk", self.id));
            }
            raft.applied(base).map_err(|error| wrong("applied", error))?;
        }
        raft.start(self.local(now)).map_err(|error| wrong("start", error))?;
        self.log = self.disk.log.clone();
        self.life += 1;
        (self.flushed, self.waiting) = (0, 0);
        (self.incoming, self.writing) = ((0, vec![]), None);
        self.disk.restarted();
        let tuner = |policy: fn() -> Policy| {
            Tuner::new(&TunerConfig::new(&self.config), policy(), Heap).unwrap()
        };
        self.tuner = self.policy.map(tuner);
        self.raft = Some(raft);
        Ok(())
    }

    pub fn crash(&mut self, random: &mut Random) {
        self.raft = None;
        self.paused = false;
        self.broken = false;
        self.crash_in = None;
        self.unwritten.clear();
        self.left = self.disk.crash(random);
        self.log = self.disk.log.clone();
    }

    /// Loses all but its term and vote.
    pub fn wipe(&mut self) {
        self.disk = self.disk.wiped();
        self.left = self.disk.crash(&mut Random::new(0));
        self.log = self.disk.log.clone();
        self.first.clear();
        self.wiped = true;
    }

    pub fn wakes(&self, now: u64) -> u64 {
        if self.idle {
            return u64::MAX;
        }
        let tuner = self.tuner.as_ref().map_or(u64::MAX, Tuner::next_wake_us);
        self.clock.moment(self.raft.as_ref().unwrap().next_wake_us().min(tuner), now)
    }

    pub fn tick(&mut self, now: u64) {
        let local = self.local(now);
        self.ticked = if self.ticked.0 == now { (now, self.ticked.1 + 1) } else { (now, 0) };
        let _ = self.raft().tick(local);
    }

    pub fn step(&mut self, from: u64, bytes: &[u8], now: u64) {
        let local = self.local(now);
        if Tuner::<Policy>::is_probe(bytes) {
            if let Some(tuner) = &mut self.tuner {
                tuner.probed(NodeId(from), bytes, local);
            }
            return;
        }
        let done = self.raft().step(NodeId(from), bytes, local);
        if let (Some(tuner), Some(raft)) = (&mut self.tuner, &self.raft) {
            tuner.heard(raft, NodeId(from), bytes, local);
        }
        // What a node has no room for, it hears again. One that lost its log may hear of it.
        let lost = done == Err(Error::RaftLost) && self.wiped;
        assert!(
            lost || matches!(done, Ok(()) | Err(Error::Capacity | Error::RaftPeer)),
            "node {} says {done:?} to {}",
            self.id,
            describe(bytes)
        );
    }

    /// Bytes that are no message change nothing.
    pub fn garbage(&mut self, from: u64, bytes: &[u8], now: u64) -> Result<(), String> {
        let local = self.local(now);
        let before = self.raft().status();
        let done = self.raft().step(NodeId(from), bytes, local);
        if done.is_ok() || self.raft().status() != before {
            return Err(format!("node {}: {done:?} to {}", self.id, describe(bytes)));
        }
        Ok(())
    }

    /// What is set anew now, and what that has to say.
    fn tune(&mut self, now: u64, out: &mut Out) {
        let local = self.local(now);
        let Some(raft) = self.raft.as_mut() else { return };
        // What is set has time to do harm.
        if let Some(random) = &mut self.vexed
            && random.below(200) == 0
        {
            vex(raft, self.config.election_us, random);
        }
        if self.worst {
            harm(raft, self.config.election_us);
        }
        let Some(tuner) = &mut self.tuner else { return };
        tuner.apply(raft, local).unwrap();
        while let Some((to, len)) = tuner.next_message(&mut self.buffer, local).unwrap() {
            out.probes += 1;
            out.packets.push((to.0, self.buffer[..len].to_vec()));
        }
    }

    pub fn propose(
        &mut self,
        client: u64,
        sequence: u64,
        data: &[u8],
        now: u64,
    ) -> Result<Option<u64>, Error> {
        let local = self.local(now);
        self.raft().propose(Proposal { data, client, sequence }, local)
    }

    pub fn read(&mut self, token: u64, now: u64) -> Result<(), Error> {
        let local = self.local(now);
        self.raft().read(token, local)
    }

    pub fn transfer(&mut self, to: u64, now: u64) -> Result<(), Error> {
        let local = self.local(now);
        self.raft().transfer(NodeId(to), local)
    }

    pub fn change_members(&mut self, changes: &[Change], now: u64) -> Result<(), Error> {
        let local = self.local(now);
        self.raft().change_members(changes, local)
    }

    pub fn status(&self) -> Option<Status> {
        self.raft.as_ref().map(Raft::status)
    }

    pub fn compact_soon(&mut self) {
        self.soon = true;
    }

    pub fn flush(&mut self, up_to: u64) -> Result<(), String> {
        self.disk.flush(up_to)?;
        self.flushed = self.flushed.max(up_to);
        self.disk.trim(self.keep);
        Ok(())
    }

    /// There is room again: what has waited for it is written, up to this record.
    pub fn freed(&mut self) -> Option<u64> {
        self.full = false;
        let waited = std::mem::take(&mut self.unwritten);
        let last = waited.last().map(|record| record.0);
        waited.into_iter().for_each(|(number, record)| self.disk.write(number, record));
        last
    }

    pub fn flushed(&self) -> u64 {
        self.flushed
    }

    pub fn durable(&mut self, up_to: u64, now: u64) {
        let local = self.local(now);
        if up_to > 0 {
            self.raft().durable(RecordNumber(up_to), local).unwrap();
        }
    }

    /// A chunk is on the disk: with the last of them a snapshot.
    pub fn chunk_written(&mut self, number: u64, now: u64) {
        let Some(writing) = self.writing.take_if(|writing| writing.number == number) else {
            return;
        };
        let Writing { index, whole, .. } = writing;
        let new = whole.filter(|_| !self.disk.snapshots.contains_key(&index));
        let is_new = new.is_some();
        self.disk.snapshots.extend(new.map(|whole| (index, whole)));
        let local = self.local(now);
        let done = self.raft().snapshot_written(number, local);
        assert!(matches!(done, Ok(()) | Err(Error::RaftState)), "snapshot_written: {done:?}");
        // It is not wanted any more.
        if done.is_err() && is_new {
            self.disk.snapshots.remove(&index);
        }
    }

    pub fn disk_delay(&self, random: &mut Random) -> u64 {
        1 + random.below(self.disk_time)
    }

    pub fn witnesses(&self) -> bool {
        self.config.witness
    }

    pub fn members(&self) -> Vec<MemberStatus> {
        let mut members: Vec<_> = self.raft.as_ref().unwrap().members().collect();
        members.sort_by_key(|member| member.id);
        members
    }

    /// The members, if no change of them is under way.
    pub fn settled_members(&self) -> Option<BTreeSet<u64>> {
        let status = self.raft.as_ref().unwrap().status();
        (!status.joint && status.members <= status.commit)
            .then(|| self.members().iter().map(|member| member.id.0).collect())
    }

    pub fn seen(&self) -> Seen<'_> {
        Seen { node: self.id, log: &self.log, durable: &self.disk.log }
    }

    pub fn view(&self) -> View {
        let Some(raft) = &self.raft else { return View::default() };
        let status = raft.status();
        let members = self.members();
        let votes = |kind: Option<MemberKind>| kind.is_some_and(MemberKind::votes);
        let set = |of: &dyn Fn(&MemberStatus) -> Option<MemberKind>| -> BTreeSet<u64> {
            members.iter().filter(|member| votes(of(member))).map(|member| member.id.0).collect()
        };
        View {
            term: status.term,
            leads: status.role == Role::Leader,
            commit: status.commit,
            applied: status.applied,
            last: status.last,
            voters: set(&|member| member.kind),
            outgoing: if status.joint { set(&|member| member.old) } else { BTreeSet::new() },
            members: (status.members, members),
        }
    }

    /// Asks for changes: of whom, and by which chance to what.
    pub fn change(&mut self, of: &[(u64, u64, bool)], least: usize, now: u64) -> String {
        let mut members: Vec<(u64, MemberKind)> =
            self.members().iter().filter_map(|m| Some((m.id.0, m.kind?))).collect();
        let mut changes = vec![];
        for (id, chance, witness) in of {
            let before = members.iter().find(|member| member.0 == *id).map(|member| member.1);
            members.retain(|member| member.0 != *id);
            let kind = match (witness, before, chance) {
                (true, None, _) => Some(MemberKind::Witness),
                (false, None, 0..3) => Some(MemberKind::Voter),
                (false, None, _) => Some(MemberKind::Learner),
                (false, Some(MemberKind::Learner), 0..8) => Some(MemberKind::Voter),
                (false, Some(MemberKind::Voter), 0..3) => Some(MemberKind::Learner),
                _ => None,
            };
            members.extend(kind.map(|kind| (*id, kind)));
            let id = NodeId(*id);
            changes.push(match kind {
                Some(kind) => Change::Set(Member { id, kind }),
                None => Change::Remove(id),
            });
        }
        let count = |kind| members.iter().filter(|member| member.1 == kind).count();
        let voters = count(MemberKind::Voter);
        if voters < least || count(MemberKind::Witness) >= voters {
            return "nothing: too few would be left".into();
        }
        let done = self.change_members(&changes, now);
        format!("{changes:?}: {done:?}")
    }
}
