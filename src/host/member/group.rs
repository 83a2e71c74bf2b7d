//! The group that agrees: its log, and what waits for it.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::vec;
use std::vec::Vec;

use super::handlers::MemberEvent;
use super::kept::random;
use super::locks::Claims;
use super::thread::Job;
use super::{MOST_VOTERS, MemberConfig};
use crate::comm::crypto::PublicKey;
use crate::consensus::Raft;
use crate::consensus::locks::{LockOutcome, Locks, MOST_LOCK_ENTRY};
use crate::consensus::raft::{
    Committed, EntryKind, Event, Member, MemberKind, NodeId, Proposal, RaftConfig, Role,
};
use crate::error::{Error, Result};
use crate::host::{Folder, RaftStorage, RaftStorageConfig};
use crate::node::node_id;
use crate::port::Heap;

/// The first byte of an entry: whose it is.
pub(super) const APPLICATION: u8 = 0;
pub(super) const LOCKS: u8 = 1;
/// Proposals that may wait at once.
const MOST_WAITING: usize = 256;
/// Entries that are given to the application at once.
const BATCH: usize = 64;
/// What was refused is proposed again after so long, in microseconds.
const AGAIN_US: u64 = 20_000;

/// A proposal on its way.
struct Proposed {
    ticket: u64,
    /// Which of this client's it is; 0: it was never sent.
    sequence: u64,
    /// Whether it is with the leader that leads now, as far as is known.
    sent: bool,
    data: Vec<u8>,
}

/// What became of a proposal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreed {
    pub index: u64,
    pub outcome: Option<LockOutcome>,
}

/// What became of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Asked,
    Ready,
    Failed,
}

pub(super) struct Group {
    pub raft: Raft<'static>,
    pub files: RaftStorage<Folder>,
    pub locks: Locks<'static>,
    pub claims: Claims,
    max_entry: usize,
    snapshot_entries: u64,
    /// The next snapshot is not wanted before so much is applied.
    snapshot_from: u64,
    /// The ticket of the last renewal of the locks' session.
    renewal: u64,
    client: u64,
    sequence: u64,
    queue: VecDeque<Proposed>,
    tickets: u64,
    /// By ticket, of those whose caller waits.
    done: BTreeMap<u64, Option<Result<Agreed>>>,
    /// Applied when the application has applied up to their index.
    applying: Vec<(u64, Agreed)>,
    pub reads: BTreeMap<u64, Read>,
    again: u64,
    pub leads: bool,
    pub leader: Option<u64>,
    /// The last entry that was given to the application.
    given: u64,
    /// It has stopped for good.
    pub failed: Option<Error>,
    pub agreed: u64,
}

fn raft_config(config: &MemberConfig, id: u64, message: usize) -> Result<RaftConfig> {
    let max_entry = 1 + config.max_entry.max(MOST_LOCK_ENTRY);
    let peers = MOST_VOTERS;
    let built = RaftConfig {
        id: NodeId(id),
        peers,
        max_entry,
        message,
        chunk: (max_entry + 20).max(10 * peers + 5),
        sessions: 16,
        bytes: (1 << 18).max(16 * max_entry),
        election_us: config.election_us,
        heartbeat_us: (config.election_us / 6).max(1),
        seed: random()?,
        ..RaftConfig::default()
    };
    Ok(built)
}

impl Group {
    /// The group of these members, as its files have it.
    pub fn new(
        config: &MemberConfig,
        folder: &Path,
        id: u64,
        message: usize,
        now: u64,
    ) -> Result<Group> {
        let member = |key: &PublicKey| Member { id: NodeId(node_id(key)), kind: MemberKind::Voter };
        let voters: Vec<Member> = config.voters.iter().map(member).collect();
        let mut raft = Raft::new(&raft_config(config, id, message)?, Heap)?;
        let kept = RaftStorageConfig {
            node: NodeId(id),
            sync: config.sync,
            segment_bytes: config.segment_bytes,
            ..RaftStorageConfig::default()
        };
        let mut files = RaftStorage::open(Folder::open(&folder.join("group"))?, kept)?;
        files.restore(&mut raft)?;
        if files.is_empty() {
            raft.bootstrap(&voters)?;
        }
        raft.start(now)?;
        Ok(Group {
            raft,
            files,
            locks: Locks::new(&config.locks, Heap)?,
            claims: Claims::new(id, config.lease_us),
            max_entry: config.max_entry,
            snapshot_entries: config.snapshot_entries,
            snapshot_from: 0,
            renewal: 0,
            client: random()?.max(1),
            sequence: 0,
            queue: VecDeque::new(),
            tickets: 0,
            done: BTreeMap::new(),
            applying: Vec::new(),
            reads: BTreeMap::new(),
            again: 0,
            leads: false,
            leader: None,
            given: 0,
            failed: None,
            agreed: 0,
        })
    }

    // ---- Proposals ------------------------------------------------------------------

    /// Something to agree on: a ticket to ask with, if somebody waits for it.
    pub fn submit(&mut self, kind: u8, bytes: &[u8], waits: bool) -> Result<u64> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if kind == APPLICATION && bytes.len() > self.max_entry {
            return Err(Error::Length);
        }
        // A lease does not wait for what the application has to say: those of the locks come before that, and always.
        if kind == APPLICATION && self.queue.len() >= MOST_WAITING {
            return Err(Error::Capacity);
        }
        self.tickets += 1;
        let mut data = vec![kind];
        data.extend_from_slice(bytes);
        let new = Proposed { ticket: self.tickets, sequence: 0, sent: false, data };
        let unsent = |one: &Proposed| one.sequence == 0 && one.data.first() == Some(&APPLICATION);
        let at = self.queue.iter().position(unsent).filter(|_| kind == LOCKS);
        self.queue.insert(at.unwrap_or(self.queue.len()), new);
        if waits {
            self.done.insert(self.tickets, None);
        }
        Ok(self.tickets)
    }

    /// What became of it, once; nothing if that is not known.
    pub fn outcome(&mut self, ticket: u64) -> Option<Result<Agreed>> {
        let outcome = (*self.done.get(&ticket)?)?;
        self.done.remove(&ticket);
        Some(outcome)
    }

    /// Nobody waits for it any more: whether it is known that it was not, and will not be, agreed on.
    pub fn give_up(&mut self, ticket: u64) -> bool {
        self.done.remove(&ticket);
        let at = self.queue.iter().position(|one| one.ticket == ticket && one.sequence == 0);
        at.is_some_and(|at| self.queue.remove(at).is_some())
    }

    /// Nobody waits for it any more, but it goes on.
    pub fn forget(&mut self, ticket: u64) {
        self.done.remove(&ticket);
    }

    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Proposes what can be proposed now. A client's proposals are appended in their order, and each once, so what may
    /// have been lost with a leader is proposed again as it was.
    fn pump(&mut self, now: u64) {
        let leads = self.raft.status().role == Role::Leader;
        let (mut at, mut under_way) = (0, false);
        while let Some(next) = self.queue.get_mut(at) {
            at += 1;
            if next.sent {
                under_way = true;
                continue;
            }
            // Datagrams may overtake each other.
            if (under_way && !leads) || now < self.again {
                return;
            }
            let sequence = if next.sequence > 0 { next.sequence } else { self.sequence + 1 };
            let proposal = Proposal { data: &next.data, client: self.client, sequence };
            match self.raft.propose(proposal, now) {
                Ok(_) | Err(Error::RaftDuplicate) => {
                    (next.sequence, next.sent, under_way) = (sequence, true, true);
                    self.sequence = self.sequence.max(sequence);
                }
                Err(Error::RaftHalted) => return,
                Err(error) => {
                    self.refused(sequence, error, now);
                    return;
                }
            }
        }
    }

    fn refused(&mut self, sequence: u64, error: Error, now: u64) {
        self.again = now.saturating_add(AGAIN_US);
        let Some(one) = self.queue.iter_mut().find(|one| one.sequence == sequence) else {
            // It was never sent, and the group has forgotten this client: another one.
            if error == Error::RaftSession && self.queue.iter().all(|one| one.sequence == 0) {
                self.new_client();
            }
            return;
        };
        one.sent = error == Error::RaftDuplicate;
        // The first of those that were sent, and what was before it is applied here: this client is forgotten.
        let first = self.queue.front().is_some_and(|one| one.sequence == sequence);
        let current = self.raft.status();
        if error == Error::RaftSession && first && current.applied == current.commit {
            for one in &mut self.queue {
                (one.sequence, one.sent) = (0, false);
            }
            self.new_client();
        }
    }

    fn new_client(&mut self) {
        // Without randomness the one before stays, and is refused again.
        if let Ok(client) = random() {
            (self.client, self.sequence) = (client.max(1), 0);
        }
    }

    fn finish(&mut self, ticket: u64, outcome: Result<Agreed>) {
        if let Some(place) = self.done.get_mut(&ticket) {
            *place = Some(outcome);
        }
    }

    // ---- Work -------------------------------------------------------------------------

    /// What is to be done before the node is polled. `jobs` gets what the caller is to be told.
    pub fn begin(&mut self, now: u64, jobs: &mut Vec<Job>) {
        if self.failed.is_some() {
            return;
        }
        self.pump(now);
        if self.leads {
            while let Some(entry) = self.locks.expired(now) {
                let mut bytes = [LOCKS; 1 + MOST_LOCK_ENTRY];
                let (_, room) = bytes.split_at_mut(1);
                let Ok(len) = entry.encode(room) else { break };
                let data = bytes.get(..=len).unwrap_or_default();
                // It is told again if that fails.
                let _ = self.raft.propose(Proposal { data, ..Proposal::default() }, now);
            }
        }
        // One at a time: without a leader they wait.
        if self.claims.wake_at() <= now && self.queue.iter().any(|one| one.ticket == self.renewal) {
            self.claims.put_off(now);
        }
        if let Some(step) = self.claims.renewal(now) {
            // It is told again if that fails.
            self.renewal = self.submit(LOCKS, &step, false).unwrap_or(0);
            self.pump(now);
        }
        self.check(jobs);
    }

    /// Whether it has stopped.
    pub fn check(&mut self, jobs: &mut Vec<Job>) {
        if self.failed.is_none() && self.raft.status().halted {
            self.fail(Error::RaftHalted, jobs);
        }
    }

    /// Nothing more will be agreed on here.
    pub fn fail(&mut self, error: Error, jobs: &mut Vec<Job>) {
        if self.failed.is_some() {
            return;
        }
        self.failed = Some(error);
        self.raft.storage_failed();
        self.queue.clear();
        self.claims.not_opened();
        self.applying.clear();
        for place in self.done.values_mut().filter(|place| place.is_none()) {
            *place = Some(Err(error));
        }
        for read in self.reads.values_mut() {
            *read = Read::Failed;
        }
        self.leads = false;
        jobs.push(Job::Event(MemberEvent::GroupFailed(error)));
        self.lose_locks(jobs);
    }

    fn lose_locks(&mut self, jobs: &mut Vec<Job>) {
        jobs.extend(self.claims.lose().map(|token| Job::Event(MemberEvent::LockLost(token))));
    }

    /// Takes what has been agreed on, as much as is given at once, and what has happened. `entries`: whether the
    /// application wants them.
    pub fn collect(&mut self, now: u64, entries: bool, jobs: &mut Vec<Job>) {
        self.collect_events(now, jobs);
        for _ in 0..BATCH {
            let Some(committed) = self.raft.next_committed() else { break };
            self.given = committed.index();
            let (index, kind, client, sequence, data) = match committed {
                Committed::Snapshot { index, .. } => {
                    self.load(index, now, jobs);
                    continue;
                }
                Committed::Entry { index, kind, client, sequence, data, .. } => {
                    (index, kind, client, sequence, data)
                }
            };
            let told = matches!(kind, EntryKind::Data | EntryKind::Session);
            let mut outcome = None;
            match data.split_first() {
                Some((&LOCKS, entry)) if told => match self.locks.apply(index, entry, now) {
                    Ok(done) => outcome = Some(done),
                    // Of a later version: who goes on without it would say something else than the others.
                    Err(error) => return self.fail(error, jobs),
                },
                Some((&APPLICATION, entry)) if told && entries => {
                    jobs.push(Job::Entry { index, data: entry.to_vec() });
                }
                _ => {}
            }
            self.agreed += u64::from(told);
            if client == self.client
                && let Some(at) = self.queue.iter().position(|one| one.sequence == sequence)
                && let Some(one) = self.queue.remove(at)
            {
                self.claims.applied(one.ticket, index, outcome);
                self.applying.push((one.ticket, Agreed { index, outcome }));
            }
            if outcome.is_some() && !self.claims.is_known(&self.locks) {
                self.lose_locks(jobs);
            }
        }
    }

    fn collect_events(&mut self, now: u64, jobs: &mut Vec<Job>) {
        while let Some(event) = self.raft.next_event() {
            match event {
                Event::Role { role, .. } => {
                    let leads = role == Role::Leader;
                    if leads && !self.leads {
                        self.locks.renew_all(now);
                    }
                    self.leads = leads;
                    self.send_again();
                }
                Event::Leader { leader, .. } => {
                    self.leader = leader.map(|leader| leader.0);
                    self.send_again();
                    jobs.push(Job::Event(MemberEvent::Leader(self.leader)));
                }
                Event::ReadReady { token, .. } => self.read_is(token, Read::Ready),
                Event::ReadFailed { token } => self.read_is(token, Read::Failed),
                Event::Refused { client, sequence, error } if client == self.client => {
                    self.refused(sequence, error, now);
                }
                _ => {}
            }
        }
    }

    /// Another leads: what the one before had may be lost.
    fn send_again(&mut self) {
        self.queue.iter_mut().for_each(|one| one.sent = false);
        self.again = 0;
    }

    fn read_is(&mut self, token: u64, state: Read) {
        if let Some(read) = self.reads.get_mut(&token) {
            *read = state;
        }
    }

    /// The application has applied what it was given.
    pub fn applied(&mut self) -> Result<()> {
        if self.failed.is_some() || self.given == 0 {
            return Ok(());
        }
        self.raft.applied(self.given)?;
        for (ticket, agreed) in core::mem::take(&mut self.applying) {
            self.finish(ticket, Ok(agreed));
        }
        Ok(())
    }

    /// Whether more was agreed on than was given to the application.
    pub fn has_more(&self) -> bool {
        let status = self.raft.status();
        self.failed.is_none() && status.commit.min(status.durable) > self.given
    }

    /// Whether the application has applied all that it was given.
    pub fn has_applied(&self) -> bool {
        self.raft.status().applied >= self.given
    }

    /// How often something was asked for: the thread is woken when that grows.
    pub fn asked(&self) -> u64 {
        self.tickets
    }

    /// When to come back.
    pub fn wake_at(&self) -> u64 {
        if self.failed.is_some() {
            return u64::MAX;
        }
        let unsent = self.queue.iter().any(|one| !one.sent);
        let waits = !self.leads && self.queue.iter().any(|one| one.sent);
        let known = self.raft.status().leader.is_some();
        let again = if unsent && known && !waits { self.again } else { u64::MAX };
        let locks = if self.leads { self.locks.wake_at() } else { u64::MAX };
        again.min(locks).min(self.claims.wake_at())
    }

    /// Asks for a linearizable read.
    pub fn read(&mut self, now: u64) -> Result<u64> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        // Only what was asked for wakes the thread: who is refused tries again after what happens next.
        let ticket = self.tickets + 1;
        self.raft.read(ticket, now)?;
        self.tickets = ticket;
        self.reads.insert(ticket, Read::Asked);
        Ok(ticket)
    }

    // ---- Snapshots ----------------------------------------------------------------------

    /// Whether the application's state is to take the place of entries now.
    pub fn is_snapshot_due(&self) -> bool {
        let status = self.raft.status();
        let behind = status.applied.saturating_sub(status.snapshot);
        let wanted = behind >= self.snapshot_entries && status.applied >= self.snapshot_from;
        self.failed.is_none() && wanted
    }

    /// It could not be made now.
    pub fn put_off_snapshot(&mut self) {
        let applied = self.raft.status().applied;
        self.snapshot_from = applied.saturating_add(self.snapshot_entries.div_ceil(8));
    }

    /// The application's state as of the last entry that it applied. Locks are in front of it.
    pub fn save(&mut self, state: &[u8]) -> Result<()> {
        let index = self.raft.status().applied;
        let mut locks = vec![0; self.locks.saved_len()];
        let len = self.locks.save(&mut locks)?;
        self.files.snapshot_begin(index)?;
        self.files.snapshot_write(&(len as u32).to_le_bytes())?;
        self.files.snapshot_write(&locks)?;
        self.files.snapshot_write(state)?;
        self.files.snapshot_end()?;
        self.raft.compact(index)
    }

    /// A snapshot takes the place of the state.
    fn load(&mut self, index: u64, now: u64, jobs: &mut Vec<Job>) {
        match self.read_snapshot(index) {
            Ok((locks, state)) => match self.locks.load(&locks, now) {
                Ok(()) => jobs.push(Job::Load { state }),
                Err(error) => return self.fail(error, jobs),
            },
            Err(error) => return self.fail(error, jobs),
        }
        self.forget_sent();
        if !self.claims.is_known(&self.locks) {
            self.lose_locks(jobs);
        }
    }

    /// What was sent may be in the snapshot, where it is not seen, or may come later: nobody can tell.
    fn forget_sent(&mut self) {
        let (sent, rest) =
            core::mem::take(&mut self.queue).into_iter().partition(|one| one.sequence > 0);
        self.queue = rest;
        let sent: VecDeque<Proposed> = sent;
        if sent.is_empty() {
            return;
        }
        for one in sent {
            self.claims.applied(one.ticket, 0, None);
            self.finish(one.ticket, Err(Error::HostTimeout));
        }
        // Those that wait are another client's: its first is not taken for one of these.
        self.new_client();
    }

    fn read_snapshot(&mut self, index: u64) -> Result<(Vec<u8>, Vec<u8>)> {
        let len = self.files.snapshot_len(index).ok_or(Error::RaftLost)?;
        let mut bytes = vec![0; usize::try_from(len).map_err(|_| Error::Overflow)?];
        let read = self.files.read_snapshot(index, 0, &mut bytes)?;
        bytes.truncate(read);
        let (head, rest) = bytes.split_first_chunk().ok_or(Error::RaftLost)?;
        let locks = u32::from_le_bytes(*head) as usize;
        let (locks, state) = rest.split_at_checked(locks).ok_or(Error::RaftLost)?;
        Ok((locks.to_vec(), state.to_vec()))
    }
}
