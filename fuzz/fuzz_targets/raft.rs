//! A Raft node among peers that say anything, made-up messages with a right head included, while it is
//! asked, told the time, switched off and started again from what it gave to storage. Whatever
//! they do to what the group agrees on, the node keeps what it has promised by itself: nothing
//! panics, its term never falls, it votes once in a term, what it was told is committed stays as
//! it is, and storage always has a log that it can begin with again. A tuner stands beside it, and hears
//! all of that, too.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use neural_swarm::Error;
use neural_swarm::consensus::raft::*;
use neural_swarm::consensus::tuner::{Learned, Tuner, TunerConfig};
use neural_swarm::port::Heap;

const OWN: u64 = 1;

fn config() -> RaftConfig {
    RaftConfig {
        id: NodeId(OWN),
        peers: 4,
        entries: 8,
        bytes: 128,
        max_entry: 16,
        message: 400,
        chunk: 80,
        sessions: 2,
        reads: 2,
        inflight: 2,
        forwards: 2,
        election_us: 1000,
        heartbeat_us: 300,
        lease_drift_ppm: Some(1000),
        ..RaftConfig::default()
    }
}

fn tuner() -> Tuner<'static, Learned> {
    Tuner::new(&TunerConfig::new(&config()), Learned, Heap).expect("good settings")
}

struct Entry {
    term: u64,
    kind: EntryKind,
    data: Vec<u8>,
}

/// What storage has: as records say that it is to be.
#[derive(Default)]
struct Disk {
    state: Option<(u64, Option<NodeId>)>,
    log: BTreeMap<u64, Entry>,
    commit: u64,
    snapshot: Option<(u64, u64, Vec<u8>, Vec<u8>)>,
}

impl Disk {
    fn keep(&mut self, record: Record<'_>) {
        match record {
            Record::State { term, vote } => {
                if let Some((old, voted)) = self.state {
                    assert!(term >= old, "its term has fallen");
                    assert!(term > old || voted.is_none() || voted == vote, "it voted again");
                }
                self.state = Some((term, vote));
            }
            Record::Entry { index, term, kind, data } => {
                assert!(index > self.commit, "what is committed is written again");
                let last = self.log.last_key_value().map_or(0, |(last, _)| *last);
                let before = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.0);
                assert!(index <= last.max(before) + 1, "an entry is missing");
                self.log.split_off(&index);
                self.log.insert(index, Entry { term, kind, data: data.to_vec() });
            }
            Record::Commit { index } => {
                assert!(index >= self.commit, "the commit has fallen");
                self.commit = index;
            }
            Record::Snapshot { index, term, members, sessions } => {
                if self.log.get(&index).is_none_or(|entry| entry.term != term) {
                    assert!(index > self.commit, "a snapshot takes the place of what is committed");
                    self.log.clear();
                }
                self.commit = self.commit.max(index);
                self.snapshot = Some((index, term, members.to_vec(), sessions.to_vec()));
            }
        }
    }
}

struct World {
    raft: Raft<'static>,
    tuner: Tuner<'static, Learned>,
    disk: Disk,
    /// What was applied since the last snapshot that came.
    applied: BTreeMap<u64, (u64, EntryKind, Vec<u8>, u64, u64)>,
    seen: u64,
    now: u64,
    buffer: Vec<u8>,
}

impl World {
    fn new() -> World {
        let mut raft = Raft::new(&config(), Heap).expect("good settings");
        let members = [1, 2, 3].map(|id| Member { id: NodeId(id), kind: MemberKind::Voter });
        raft.bootstrap(&members).expect("it is new");
        raft.start(0).expect("it is new");
        let tuner = tuner();
        let (disk, applied, buffer) = (Disk::default(), BTreeMap::new(), vec![0; 400]);
        World { raft, tuner, disk, applied, seen: 0, now: 0, buffer }
    }

    /// Switched off and on. The application still has what it had, or only what is known to be
    /// committed, and the snapshot for the rest.
    fn restart(&mut self, durable: bool) {
        let mut raft = Raft::new(&config(), Heap).expect("good settings");
        let Disk { state, log, commit, snapshot } = &self.disk;
        let records = state.iter().map(|(term, vote)| Record::State { term: *term, vote: *vote });
        let mut restore = |record: Record<'_>| raft.restore(record).expect("its own record");
        records.for_each(&mut restore);
        let mut first = 1;
        if let Some((index, term, members, sessions)) = snapshot {
            restore(Record::Snapshot { index: *index, term: *term, members, sessions });
            first = index + 1;
        }
        for (index, entry) in log.range(first..) {
            let Entry { term, kind, data } = entry;
            restore(Record::Entry { index: *index, term: *term, kind: *kind, data });
            if index == commit {
                restore(Record::Commit { index: *index });
            }
        }
        if !durable {
            self.applied.split_off(&(commit + 1));
            self.seen = first - 1;
        }
        raft.applied(self.seen).expect("it was durable");
        raft.start(self.now).expect("it is new");
        self.raft = raft;
        self.tuner = tuner();
    }

    fn apply(&mut self) {
        while let Some(committed) = self.raft.next_committed() {
            let now = committed.index();
            if let Committed::Entry { index, term, kind, data, client, sequence } = committed {
                assert_eq!(index, self.seen + 1, "entries come one by one");
                let entry = (term, kind, data.to_vec(), client, sequence);
                if let Some(old) = self.applied.insert(index, entry.clone()) {
                    assert!(old == entry, "another entry {index}");
                }
            } else {
                assert!(now > self.seen, "a snapshot of what was applied already");
                self.applied.clear();
            }
            self.seen = now;
            self.raft.applied(now).expect("it was given");
        }
    }

    fn serve(&mut self) {
        while let Some((number, record)) = self.raft.next_record() {
            self.disk.keep(record);
            let _ = self.raft.durable(number, self.now);
        }
        while let Ok(Some((to, len))) = self.raft.next_message(&mut self.buffer) {
            self.tuner.sent(to, &self.buffer[..len], self.now);
        }
        while let Ok(Some((to, len))) = self.tuner.next_message(&mut self.buffer, self.now) {
            assert!(Tuner::<Learned>::is_probe(&self.buffer[..len]) && to != NodeId(OWN));
        }
        self.apply();
        while self.raft.next_event().is_some() {}
        while let Some(Fetch { first, last, .. }) = self.raft.next_fetch() {
            for index in first..=last {
                let Some(entry) = self.disk.log.get(&index) else {
                    self.raft.fetch_failed(index);
                    break;
                };
                let (term, kind, data) = (entry.term, entry.kind, &entry.data[..]);
                if self.raft.fetched(EntryRef { index, term, kind, data }).is_err() {
                    break;
                }
            }
        }
        while let Some(wanted) = self.raft.next_chunk() {
            let end = wanted.offset + 5;
            let _ = self.raft.chunk(wanted, end, &[7; 5], &mut self.buffer);
        }
        while let Some(write) = self.raft.next_snapshot_write() {
            let number = write.number;
            let _ = self.raft.snapshot_written(number, self.now);
        }
        let status = self.raft.status();
        assert!(status.applied <= status.commit && status.commit <= status.last);
        assert!(status.first <= status.last + 1);
        let _ = (self.raft.members().count(), self.raft.peers().count());
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> u64 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        u64::from(*first)
    }

    fn take(&mut self, len: u64) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(self.0.len().min(len as usize));
        self.0 = rest;
        taken
    }

    /// Mostly near something that is there, sometimes far from everything.
    fn near(&mut self, value: u64) -> u64 {
        match self.byte() {
            255 => u64::MAX,
            254 => 1 << 62,
            253 => 1 << 33,
            byte => (value + byte % 16).saturating_sub(8),
        }
    }

    /// A message whose head is right.
    fn message(&mut self, status: &Status) -> Vec<u8> {
        let (kind, flags, from) = (self.byte() % 17, self.byte() % 16, 2 + self.byte() % 4);
        let term = self.near(status.term);
        let mut bytes = vec![1, kind as u8, flags as u8, 0];
        for number in [from, OWN, term] {
            bytes.extend(number.to_le_bytes());
        }
        // docs/raft-format.md
        let count = [0, 2, 1, 2, 0, 5, 4, 5, 4, 5, 3, 0, 1, 2, 3, 3][kind as usize % 16];
        for _ in 0..count {
            let of = [0, status.last, status.commit, status.term, 80][self.byte() as usize % 5];
            bytes.extend(self.near(of).to_le_bytes());
        }
        if kind == 5 {
            for _ in 0..self.byte() % 4 {
                let (kind, len) = (self.byte() % 7, self.byte() % 40);
                let data = self.take(len);
                bytes.extend([kind as u8, data.len() as u8, 0, 0]);
                bytes.extend(data);
            }
        } else {
            let len = self.byte();
            bytes.extend(self.take(len));
        }
        bytes
    }
}

fuzz_target!(|input: &[u8]| {
    let mut input = Bytes(input);
    let mut world = World::new();
    world.serve();
    while !input.0.is_empty() {
        let before = world.raft.status();
        match input.byte() % 16 {
            0 => {
                let (from, len) = (2 + input.byte() % 4, input.byte());
                let bytes = input.take(len);
                let _ = world.raft.step(NodeId(from), bytes, world.now);
                world.tuner.probed(NodeId(from), bytes, world.now);
                world.tuner.heard(&world.raft, NodeId(from), bytes, world.now);
            }
            1..=8 => {
                let message = input.message(&before);
                let from = u64::from(message[4]);
                let done = world.raft.step(NodeId(from), &message, world.now);
                world.tuner.heard(&world.raft, NodeId(from), &message, world.now);
                let refused = matches!(done, Err(Error::RaftFormat | Error::RaftVersion));
                assert!(
                    !refused || world.raft.status() == before,
                    "what is refused changes nothing"
                );
            }
            9 | 10 => {
                world.now += input.byte() * 20;
                let _ = world.raft.tick(world.now);
                let advice = world.tuner.apply(&mut world.raft, world.now).expect("its own node");
                assert_eq!(world.raft.timeouts(), advice.timeouts);
            }
            11 => {
                let (client, sequence, len) =
                    (input.byte() % 4, input.byte() % 5, input.byte() % 20);
                let proposal = Proposal { data: input.take(len), client, sequence };
                let _ = world.raft.propose(proposal, world.now);
            }
            12 => drop(world.raft.read(input.byte(), world.now)),
            13 => {
                let id = NodeId(input.byte() % 6);
                let change = match MemberKind::from_code(input.byte() as u8 % 4) {
                    Some(kind) => Change::Set(Member { id, kind }),
                    None => Change::Remove(id),
                };
                let _ = world.raft.change_members(&[change], world.now);
                let _ = world.raft.transfer(NodeId(input.byte() % 5), world.now);
            }
            14 => drop(world.raft.compact(before.applied)),
            _ => world.restart(input.byte() % 2 == 0),
        }
        let after = world.raft.status();
        assert!(after.term >= before.term, "its term has fallen");
        world.serve();
        if world.raft.status().halted {
            world.restart(true);
            world.serve();
        }
    }
});
