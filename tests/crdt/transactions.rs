//! Changes that become visible together, over a network of small frames that loses,
//! repeats and reorders, and by way of third replicas.

use neural_swarm::Error;
use neural_swarm::crdt::{Key, Kind, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;

use crate::replica::Random;
use crate::seeds;

const NOW_MS: u64 = 1_700_000_000_000;

/// Registers of several values, which transactions write some of.
const REGISTERS: usize = 5;

/// Kinds of keys that are there twice; transactions do the same to both.
const TWINS: [Kind; 6] = [
    Kind::AddWinsSet,
    Kind::RemoveWinsSet,
    Kind::EnableWinsFlag,
    Kind::DisableWinsFlag,
    Kind::MultiValue,
    Kind::Counter,
];

struct Replica {
    store: Store<'static>,
    registers: Vec<Key>,
    twins: Vec<[Key; 2]>,
    /// Two registers of the last writer whose numbers are 100 together.
    accounts: [Key; 2],
    /// The values that it has ever had, its own and those of others.
    seen: Values,
}

impl Replica {
    fn new(config: &StoreConfig) -> Replica {
        let mut store = Store::new(config, Heap).unwrap();
        let mut open = |name: String, kind| store.open(Store::ROOT, name.as_bytes(), kind).unwrap();
        let registers = (0..REGISTERS).map(|n| open(format!("r{n}"), Kind::MultiValue)).collect();
        let twins = TWINS.map(|kind| ["left", "right"].map(|name| open(name.to_string(), kind)));
        let accounts = ["one", "two"].map(|name| open(name.to_string(), Kind::LastWriter));
        Replica { store, registers, twins: twins.to_vec(), accounts, seen: Values::default() }
    }

    fn values(&self, register: usize) -> Vec<u32> {
        let values = self.store.elements(self.registers[register]).unwrap();
        values.map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    fn twin(&self, twin: usize, side: usize) -> Vec<Vec<u8>> {
        let (store, key) = (&self.store, self.twins[twin][side]);
        match TWINS[twin] {
            Kind::EnableWinsFlag | Kind::DisableWinsFlag => {
                vec![vec![u8::from(store.flag(key).unwrap())]]
            }
            Kind::Counter => vec![store.total(key).unwrap().to_le_bytes().to_vec()],
            _ => {
                let mut all: Vec<_> = store.elements(key).unwrap().map(Vec::from).collect();
                all.sort();
                all
            }
        }
    }

    fn account(&self, which: usize) -> Option<i64> {
        let written = self.store.last_written(self.accounts[which]).unwrap();
        written.map(|(bytes, _)| i64::from_le_bytes(bytes.try_into().unwrap()))
    }
}

/// A set of values, each less than 1,024.
#[derive(Clone, Copy, Default)]
struct Values([u64; 16]);

impl Values {
    fn insert(&mut self, value: u32) {
        self.0[value as usize / 64] |= 1 << (value % 64);
    }

    fn contains(&self, value: u32) -> bool {
        self.0[value as usize / 64] >> (value % 64) & 1 == 1
    }

    fn extend(&mut self, other: Values) {
        self.0.iter_mut().zip(other.0).for_each(|(bits, more)| *bits |= more);
    }
}

/// A value that was written: to which registers, and what its writer had seen.
struct Written {
    registers: Vec<usize>,
    seen: Values,
}

struct World {
    replicas: Vec<Replica>,
    written: Vec<Written>,
    frames: Vec<(usize, Vec<u8>)>,
    random: Random,
    mtu: usize,
}

impl World {
    fn new(seed: u64, config: &StoreConfig, mtu: usize) -> World {
        let config = |n| StoreConfig { replica: ReplicaId(n), ..*config };
        World {
            replicas: (0..2 + seed % 4).map(|n| Replica::new(&config(n))).collect(),
            written: vec![],
            frames: vec![],
            random: Random::new(seed),
            mtu,
        }
    }

    /// Some replica changes something, in a transaction of one or several parts.
    fn change(&mut self, single: bool) {
        let at = self.random.below(self.replicas.len());
        let replica = &mut self.replicas[at];
        if single && self.random.chance(40) {
            let register = self.random.below(REGISTERS);
            self.write(at, vec![register]);
            return;
        }
        replica.store.begin_transaction(40, 200).unwrap();
        for _ in 0..1 + self.random.below(3) {
            match self.random.below(4) {
                0 => {
                    let mut to: Vec<usize> = (0..REGISTERS).collect();
                    while to.len() > 2 && self.random.chance(60) {
                        to.remove(self.random.below(to.len()));
                    }
                    self.write(at, to);
                }
                1 => self.transfer(at),
                _ => self.change_twins(at),
            }
        }
        self.replicas[at].store.commit().unwrap();
    }

    fn write(&mut self, at: usize, registers: Vec<usize>) {
        let (value, replica) = (self.written.len() as u32, &mut self.replicas[at]);
        for register in &registers {
            let key = replica.registers[*register];
            replica.store.assign_bytes(key, &value.to_le_bytes(), 0).unwrap();
        }
        self.written.push(Written { registers, seen: replica.seen });
        replica.seen.insert(value);
    }

    fn transfer(&mut self, at: usize) {
        let (amount, replica) = (self.random.below(50) as i64, &mut self.replicas[at]);
        for (which, number) in [amount, 100 - amount].into_iter().enumerate() {
            let key = replica.accounts[which];
            replica.store.assign_bytes(key, &number.to_le_bytes(), NOW_MS).unwrap();
        }
    }

    fn change_twins(&mut self, at: usize) {
        let twin = self.random.below(TWINS.len());
        let (on, clear) = (self.random.chance(60), self.random.chance(10));
        let element = [self.random.below(6) as u8; 10];
        let element = &element[..self.random.below(2) * 9 + 1];
        let replica = &mut self.replicas[at];
        for key in replica.twins[twin] {
            let store = &mut replica.store;
            let done = match TWINS[twin] {
                _ if clear => store.clear(key),
                Kind::EnableWinsFlag | Kind::DisableWinsFlag => store.set_flag(key, on),
                Kind::MultiValue => store.assign_bytes(key, element, 0),
                Kind::Counter if on => store.increment(key, 1 + u64::from(element[0])),
                Kind::Counter => store.decrement(key, 1 + u64::from(element[0])),
                _ if on => store.add(key, element),
                _ => store.remove(key, element).map(|_| ()),
            };
            done.unwrap();
        }
    }

    /// What a peer lacks, in small frames where it can be.
    fn tell(&mut self, from: usize, to: usize) -> Vec<Vec<u8>> {
        let store = &mut self.replicas[to].store;
        let mut peer = vec![0; store.context_len()];
        store.context(&mut peer).unwrap();
        let (store, mut frames, mut cursor) = (&mut self.replicas[from].store, vec![], 0);
        let mut room = self.mtu;
        loop {
            let mut frame = vec![0; room];
            match store.delta(&peer, cursor, &mut frame) {
                Ok(told) => {
                    frame.truncate(told.len);
                    if told.len > 0 {
                        frames.push(frame);
                    }
                    let Some(next) = told.next else { return frames };
                    (cursor, room) = (next, self.mtu);
                }
                Err(Error::BufferTooSmall) => {
                    assert_eq!(room, self.mtu, "what is said to be enough is enough");
                    room = store.delta_len(&peer, cursor).unwrap();
                    assert!(room > self.mtu);
                }
                Err(Error::CrdtBehind) => {
                    let mut frame = vec![0; store.state_len()];
                    store.state(&mut frame).unwrap();
                    return vec![frame];
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn arrive(&mut self) {
        if self.frames.is_empty() {
            return;
        }
        let which = self.random.below(self.frames.len());
        let (to, frame) = if self.random.chance(20) {
            self.frames[which].clone()
        } else {
            self.frames.swap_remove(which)
        };
        if self.random.chance(70) {
            self.take_in(to, &frame);
        }
    }

    fn take_in(&mut self, to: usize, frame: &[u8]) {
        self.replicas[to].store.merge(frame, NOW_MS).unwrap();
        self.check(to);
        for register in 0..REGISTERS {
            for value in self.replicas[to].values(register) {
                // Who has a value has what its writer had seen, or what came after it.
                let seen = self.written[value as usize].seen;
                self.replicas[to].seen.extend(seen);
                self.replicas[to].seen.insert(value);
            }
        }
    }

    /// Nothing of a transaction is here without the rest of it.
    fn check(&self, at: usize) {
        let replica = &self.replicas[at];
        for (twin, kind) in TWINS.iter().enumerate() {
            assert_eq!(replica.twin(twin, 0), replica.twin(twin, 1), "{kind:?} of replica {at}");
        }
        match [replica.account(0), replica.account(1)] {
            [Some(one), Some(two)] => assert_eq!(one + two, 100),
            neither => assert_eq!(neither, [None, None]),
        }
        for value in (0..REGISTERS).flat_map(|register| replica.values(register)) {
            for register in &self.written[value as usize].registers {
                // There too, or something that took its place.
                let later = |other: &u32| {
                    *other == value || self.written[*other as usize].seen.contains(value)
                };
                let there = replica.values(*register);
                assert!(there.iter().any(later), "{value} in {register}: {there:?}");
            }
        }
    }

    fn settle(&mut self) {
        let count = self.replicas.len();
        for _ in 0..2 {
            for (from, to) in (0..count).flat_map(|from| (0..count).map(move |to| (from, to))) {
                for frame in self.tell(from, to) {
                    self.take_in(to, &frame);
                }
            }
        }
        let all = |replica: &Replica| {
            let values = |register| {
                let mut values = replica.values(register);
                values.sort();
                values
            };
            let twins: Vec<_> = (0..TWINS.len()).map(|twin| replica.twin(twin, 0)).collect();
            let registers: Vec<_> = (0..REGISTERS).map(values).collect();
            (twins, registers, replica.account(0))
        };
        for replica in &self.replicas {
            assert_eq!(all(replica), all(&self.replicas[0]));
            assert_eq!(replica.store.usage().early, 0);
        }
    }
}

fn run(seed: u64, steps: usize, config: &StoreConfig, mtu: usize, single: bool) {
    println!("seed {seed}");
    let mut world = World::new(seed, config, mtu);
    for _ in 0..steps {
        match world.random.below(10) {
            0..4 => world.change(single),
            4..6 => {
                let count = world.replicas.len();
                let (from, to) = (world.random.below(count), world.random.below(count));
                let frames = world.tell(from, to);
                world.frames.extend(frames.into_iter().map(|frame| (to, frame)));
            }
            _ => world.arrive(),
        }
    }
    world.frames.clear();
    world.settle();
}

fn config() -> StoreConfig {
    StoreConfig { log: 2000, early: 400, ..StoreConfig::default() }
}

#[test]
fn no_replica_ever_has_a_part_of_a_transaction() {
    for seed in seeds(6000, 200) {
        run(seed, 300, &config(), 100 + seed as usize % 500, false);
    }
}

/// In frames of at least 200 bytes: where what took the place of a single change has no room
/// beside it, that change goes without.
#[test]
fn single_changes_in_between_leave_transactions_whole() {
    for seed in seeds(7000, 200) {
        run(seed, 300, &config(), 200 + seed as usize % 300, true);
    }
}

#[test]
fn a_log_that_forgets_a_part_tells_none_of_it() {
    for seed in seeds(8000, 100) {
        let config = StoreConfig { log: 5 + seed as usize % 60, ..config() };
        run(seed, 300, &config, 100 + seed as usize % 500, true);
    }
}

#[test]
fn what_may_not_be_in_a_transaction_is_refused_by_name() {
    let make = |id| {
        let config =
            StoreConfig { replica: ReplicaId(id), items: 4, bytes: 60, ..StoreConfig::default() };
        Store::new(&config, Heap).unwrap()
    };
    let (mut store, mut other) = (make(1), make(2));
    let refused = Err(Error::CrdtTransaction);
    let set = store.open(Store::ROOT, b"set", Kind::AddWinsSet).unwrap();
    let theirs = other.open(Store::ROOT, b"set", Kind::AddWinsSet).unwrap();
    let (mut peer, mut frame, mut out) = ([0; 64], [0; 64], [0; 300]);
    other.add(theirs, b"theirs").unwrap();
    let peer_len = other.context(&mut peer).unwrap();
    let len = other.state(&mut frame).unwrap();
    let digest = &mut [0; 300];
    let digest_len = other.digest(digest).unwrap();
    let (peer, frame, digest) = (&peer[..peer_len], &frame[..len], &digest[..digest_len]);
    assert_eq!(store.commit(), refused);

    // Room for so much, or nothing begins.
    assert_eq!(store.begin_transaction(5, 0), Err(Error::Capacity));
    assert_eq!(store.begin_transaction(0, 61), Err(Error::Capacity));
    assert_eq!(store.commit(), refused);
    store.begin_transaction(4, 60).unwrap();
    assert_eq!(store.begin_transaction(0, 0), refused);
    store.add(set, b"mine").unwrap();
    assert_eq!(store.context(&mut out).err(), refused.err());
    assert_eq!(store.delta(peer, 0, &mut out).err(), refused.err());
    assert_eq!(store.delta_len(peer, 0).err(), refused.err());
    assert_eq!(store.state(&mut out).err(), refused.err());
    assert_eq!(store.digest(&mut out).err(), refused.err());
    assert_eq!(store.merge(frame, 0).err(), refused.err());
    assert_eq!(store.reconcile(digest, 0, &mut out).err(), refused.err());
    assert!(!store.usage().behind);
    // Within the room that was asked for.
    for element in [&b"an element"[..], b"another element", b"3"] {
        store.add(set, element).unwrap();
    }
    store.commit().unwrap();
    assert_eq!(store.commit(), refused);
    store.remove(set, b"3").unwrap();
    store.merge(frame, 0).unwrap();
    // One frame or none.
    assert_eq!(store.delta(peer, 0, &mut out[..40]), Err(Error::BufferTooSmall));
    let needed = store.delta_len(peer, 0).unwrap();
    assert_eq!(store.delta(peer, 0, &mut out[..needed - 1]), Err(Error::BufferTooSmall));
    let told = store.delta(peer, 0, &mut out[..needed]).unwrap();
    assert_eq!(told.len, needed);

    // An empty one is nothing, and one of a single change is that change.
    let before = store.seen(ReplicaId(1));
    store.begin_transaction(0, 0).unwrap();
    store.commit().unwrap();
    assert_eq!(store.seen(ReplicaId(1)), before);
    store.begin_transaction(0, 0).unwrap();
    store.add(set, b"mine").unwrap();
    store.commit().unwrap();
    assert_eq!(store.seen(ReplicaId(1)), before + 1);
    let mut context = vec![0; store.context_len()];
    store.context(&mut context).unwrap();
    store.add(set, b"theirs").unwrap();
    let mut last = [0; 64];
    let told = store.delta(&context, 0, &mut last).unwrap();
    // The addition comes first, and nothing says that the next change belongs to it.
    let told = &last[..told.len];
    let behind = told.windows(6).position(|bytes| bytes == b"theirs").unwrap() + 6;
    assert_ne!(told.get(behind), Some(&16));
}

/// What is joined in a frame has to follow each other there.
#[test]
fn joins_that_lead_nowhere_are_refused() {
    const HEAD: [u8; 12] = [1, 1, 0, 1, 77, 0, 0, 0, 0, 0, 0, 0];
    let cases: [(&[u8], bool); 9] = [
        (&[3, 0, 1, 16, 3, 0, 2], true),
        (&[3, 0, 1, 16, 2, 1, 2, 1, b'k', 4, 0, 2, 1, b'x'], true),
        (&[3, 0, 1, 16, 3, 0, 2, 16, 3, 0, 3], true),
        (&[3, 0, 1, 16], false),
        (&[16, 3, 0, 1], false),
        (&[3, 0, 1, 16, 16, 3, 0, 2], false),
        (&[3, 0, 1, 16, 3, 0, 3], false),
        (&[3, 0, 1, 16, 7, 0, 2, 0], false),
        (&[7, 0, 1, 0, 16, 3, 0, 2], false),
    ];
    for (parts, good) in cases {
        let mut store = Store::new(&StoreConfig::default(), Heap).unwrap();
        let merged = store.merge(&[&HEAD[..], parts].concat(), 0);
        assert_eq!(merged.map(|_| ()), if good { Ok(()) } else { Err(Error::CrdtFormat) });
        assert_eq!(store.seen(ReplicaId(77)) > 0, good, "{parts:?}");
    }
    // Of another replica.
    let mut frame = HEAD.to_vec();
    frame.extend([1, 78, 0, 0, 0, 0, 0, 0, 0, 3, 0, 1, 16, 3, 1, 2]);
    let mut store = Store::new(&StoreConfig::default(), Heap).unwrap();
    assert_eq!(store.merge(&frame, 0), Err(Error::CrdtFormat));
}

/// Frames that come in order need no room for what comes early, however often the same keys
/// were written.
#[test]
fn in_order_nothing_comes_early() {
    let config = StoreConfig { log: 1000, early: 0, ..StoreConfig::default() };
    let mut world = World::new(0, &config, 300);
    for turn in 0..200 {
        let (at, others) = (turn % 2, [[0, 1], [1, 2], [3, 4], [0, 4]][turn % 4].to_vec());
        let store = &mut world.replicas[at].store;
        store.begin_transaction(0, 0).unwrap();
        world.write(at, others);
        world.replicas[at].store.commit().unwrap();
        world.write(at, vec![turn % 5]);
        if turn % 40 > 37 {
            for frame in world.tell(at, 1 - at) {
                world.take_in(1 - at, &frame);
            }
        }
    }
    world.settle();
}
