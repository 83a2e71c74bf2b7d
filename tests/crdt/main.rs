//! Stores beside a model of what they should hold, over a network that loses,
//! repeats and reorders.

mod model;

use std::collections::BTreeSet;

use neural_swarm::Error;
use neural_swarm::crdt::{Dot, Key, KeyCursor, Kind, ReplicaId, Store, StoreConfig};
use neural_swarm::port::Heap;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use self::model::{Action, Change, Rule, value};

/// The keys of the tests: where, of which kind, and by which rule.
const KEYS: [(&[&str], &str, Kind, Rule); 12] = [
    (&[], "set", Kind::AddWinsSet, Rule::AddWins),
    (&["a"], "set", Kind::AddWinsSet, Rule::AddWins),
    (&["a", "a map of a long name", "c"], "set", Kind::AddWinsSet, Rule::AddWins),
    (&[], "set", Kind::RemoveWinsSet, Rule::RemoveWins),
    (&["a", "b"], "out", Kind::RemoveWinsSet, Rule::RemoveWins),
    (&["a"], "yes", Kind::EnableWinsFlag, Rule::AddWins),
    (&["b"], "no", Kind::DisableWinsFlag, Rule::RemoveWins),
    (&["b"], "last", Kind::LastWriter, Rule::Highest),
    (&["a", "b"], "last of a long name", Kind::LastWriter, Rule::Highest),
    (&["b"], "values", Kind::MultiValue, Rule::All),
    (&[], "max", Kind::Max, Rule::Highest),
    (&["b", "b"], "min", Kind::Min, Rule::Highest),
];

/// Frames that hold all that a peer lacks.
const WHOLE: usize = 1 << 20;

struct Random(Xoshiro256PlusPlus);

impl Random {
    fn new(seed: u64) -> Random {
        Random(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A store, and its open keys.
struct Replica {
    store: Store<'static>,
    keys: Vec<Option<Key>>,
}

impl Replica {
    fn new(config: &StoreConfig) -> Replica {
        let store = Store::new(config, Heap).unwrap();
        Replica { store, keys: vec![None; KEYS.len()] }
    }

    /// The key, open from now on.
    fn key(&mut self, which: usize) -> Result<Key, Error> {
        if let Some(key) = self.keys[which] {
            return Ok(key);
        }
        let (maps, name, kind, _) = KEYS[which];
        let key = open(&mut self.store, maps, name, kind)?;
        self.keys[which] = Some(key);
        Ok(key)
    }

    fn close(&mut self, which: usize) {
        if let Some(key) = self.keys[which].take() {
            self.store.close(key).unwrap();
        }
    }

    /// The values of a key, in order.
    fn value(&mut self, which: usize) -> Vec<Vec<u8>> {
        let key = self.key(which).unwrap();
        let store = &self.store;
        let mut found: Vec<Vec<u8>> = match KEYS[which].2 {
            Kind::AddWinsSet | Kind::RemoveWinsSet => {
                let found: Vec<_> = store.elements(key).unwrap().map(Vec::from).collect();
                assert_eq!(found.len(), store.count(key).unwrap());
                assert!(found.iter().all(|element| store.contains(key, element).unwrap()));
                found
            }
            Kind::MultiValue => store.elements(key).unwrap().map(Vec::from).collect(),
            Kind::EnableWinsFlag | Kind::DisableWinsFlag => {
                if store.flag(key).unwrap() {
                    vec![vec![]]
                } else {
                    vec![]
                }
            }
            Kind::LastWriter => {
                store.last_written(key).unwrap().into_iter().map(|(v, _)| v.to_vec()).collect()
            }
            _ => {
                let number = store.extreme(key).unwrap();
                number.into_iter().map(|n| n.to_le_bytes().to_vec()).collect()
            }
        };
        found.sort();
        found
    }

    fn context(&mut self) -> Vec<u8> {
        let mut frame = vec![0; self.store.context_len()];
        assert_eq!(self.store.context(&mut frame), Ok(frame.len()));
        frame
    }

    fn state(&mut self) -> Vec<u8> {
        let mut frame = vec![0; self.store.state_len()];
        assert_eq!(self.store.state(&mut frame), Ok(frame.len()));
        frame
    }

    /// What a peer lacks, in frames of at most so many bytes; its state if the log does
    /// not suffice.
    fn tell(&mut self, peer: &[u8], mtu: usize) -> Vec<Vec<u8>> {
        let (mut frames, mut from) = (vec![], 0);
        loop {
            let mut frame = vec![0; mtu];
            match self.store.delta(peer, from, &mut frame) {
                Ok(told) => {
                    frame.truncate(told.len);
                    if told.len > 0 {
                        frames.push(frame);
                    }
                    let Some(next) = told.next else { return frames };
                    from = next;
                }
                Err(Error::CrdtBehind) => return vec![self.state()],
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn open(store: &mut Store<'_>, maps: &[&str], name: &str, kind: Kind) -> Result<Key, Error> {
    let mut path = vec![Store::ROOT];
    let mut failed = None;
    for (name, kind) in maps.iter().map(|map| (*map, Kind::Map)).chain([(name, kind)]) {
        match store.open(*path.last().unwrap(), name.as_bytes(), kind) {
            Ok(key) => path.push(key),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let key = *path.last().unwrap();
    let through = if failed.is_some() { path.len() } else { path.len() - 1 };
    for map in path[1..through.max(1)].iter().rev() {
        store.close(*map).unwrap();
    }
    failed.map_or(Ok(key), Err)
}

/// Elements and values: short, as long as an item holds, and longer.
fn bytes(random: &mut Random) -> Vec<u8> {
    let all = ["", "a", "b", "eight by", "nine byte", "a long element", "another long element"];
    all[random.below(all.len())].as_bytes().to_vec()
}

/// Replicas, all that they ever did, and frames on their way.
struct World {
    replicas: Vec<Replica>,
    changes: Vec<Change>,
    frames: Vec<(usize, Vec<u8>)>,
    random: Random,
    now_ms: u64,
    /// Most bytes of a frame.
    mtu: usize,
}

impl World {
    fn new(seed: u64, count: usize, config: &StoreConfig, mtu: usize) -> World {
        let config = |n: usize| StoreConfig { replica: ReplicaId(100 - n as u64), ..*config };
        World {
            replicas: (0..count).map(|n| Replica::new(&config(n))).collect(),
            changes: vec![],
            frames: vec![],
            random: Random::new(seed),
            now_ms: 1_700_000_000_000,
            mtu,
        }
    }

    /// The changes that a replica has; nothing if it has a part of one.
    fn have(&self, at: usize) -> Option<BTreeSet<usize>> {
        let store = &self.replicas[at].store;
        let mut have = BTreeSet::new();
        for (n, change) in self.changes.iter().enumerate() {
            let replica = self.replicas[change.replica].store.replica();
            let has = |seq: &u64| store.has(Dot { replica, seq: *seq });
            let count = change.seqs.clone().filter(has).count();
            if count == change.seqs.clone().count() {
                have.insert(n);
            } else if count > 0 {
                return None;
            }
        }
        Some(have)
    }

    /// Some replica changes something.
    fn change(&mut self) {
        let (at, which) = (self.random.below(self.replicas.len()), self.random.below(KEYS.len()));
        let Some(seen) = self.have(at) else { return };
        let bytes = bytes(&mut self.random);
        let number = self.random.below(40) as i64 - 20;
        let (on, clear) = (self.random.chance(60), self.random.chance(8));
        self.now_ms += self.random.below(3) as u64;
        let replica = &mut self.replicas[at];
        let id = replica.store.replica();
        let before = replica.store.seen(id);
        let usage = replica.store.usage();
        let Ok(key) = replica.key(which) else {
            assert_eq!(replica.store.usage(), usage, "a key without room");
            return;
        };
        let (opened, full) = (replica.store.usage(), replica.value(which));
        let kind = KEYS[which].2;
        let store = &mut replica.store;
        let rank = |number: i64, seq: u64| {
            let number = if kind == Kind::Min { -number } else { number };
            i128::from(number) * 1_000_000_000 + i128::from(id.0) * 1_000_000 + i128::from(seq)
        };
        let (done, action) = if clear {
            (store.clear(key), Action::Clear)
        } else {
            match kind {
                Kind::AddWinsSet | Kind::RemoveWinsSet if on => {
                    (store.add(key, &bytes), Action::Put(bytes, 0))
                }
                Kind::AddWinsSet | Kind::RemoveWinsSet => {
                    let was_in = full.contains(&bytes);
                    let removed = store.remove(key, &bytes);
                    assert!(removed.is_err() || removed == Ok(was_in));
                    (removed.map(|_| ()), Action::Out(bytes))
                }
                Kind::EnableWinsFlag if !on => (store.set_flag(key, false), Action::Clear),
                Kind::EnableWinsFlag => (store.set_flag(key, true), Action::Put(vec![], 0)),
                Kind::DisableWinsFlag => {
                    let action = if on { Action::Put(vec![], 0) } else { Action::Out(vec![]) };
                    (store.set_flag(key, on), action)
                }
                Kind::LastWriter => {
                    // Clocks that differ by a few seconds.
                    let now_ms = self.now_ms + 2000 * at as u64;
                    let done = store.assign_bytes(key, &bytes, now_ms);
                    let stamp = store.last_written(key).unwrap().map_or(0, |(_, stamp)| stamp.0);
                    let rank = i128::from(stamp) * 1_000_000 + i128::from(id.0);
                    (done, Action::Put(bytes, rank))
                }
                Kind::MultiValue => (store.assign_bytes(key, &bytes, 0), Action::Put(bytes, 0)),
                _ => {
                    let done = store.offer(key, number).map(|_| ());
                    (done, Action::Put(number.to_le_bytes().to_vec(), rank(number, before + 1)))
                }
            }
        };
        let after = store.seen(id);
        if done.is_err() {
            assert_eq!(done, Err(Error::Capacity));
            assert_eq!((store.usage(), after), (opened, before), "nothing changes");
            assert_eq!(replica.value(which), full);
        } else if after > before {
            let seqs = before + 1..=after;
            self.changes.push(Change { replica: at, seqs, key: which, action, seen });
        }
        if self.random.chance(30) {
            self.replicas[at].close(which);
        }
    }

    /// Some replica tells another what that lacks.
    fn tell(&mut self) {
        let (from, to) =
            (self.random.below(self.replicas.len()), self.random.below(self.replicas.len()));
        let peer = self.replicas[to].context();
        let frames = if self.random.chance(10) {
            vec![self.replicas[from].state()]
        } else {
            self.replicas[from].tell(&peer, self.mtu)
        };
        self.frames.extend(frames.into_iter().map(|frame| (to, frame)));
    }

    /// Some frame arrives, or gets lost, or arrives and comes again.
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
        if self.random.chance(30) {
            return;
        }
        self.take_in(to, &frame);
    }

    fn take_in(&mut self, to: usize, frame: &[u8]) {
        let usage = self.replicas[to].store.usage();
        let merged = self.replicas[to].store.merge(frame, self.now_ms);
        if merged.is_err() {
            assert_eq!(merged, Err(Error::Capacity));
            assert_eq!(self.replicas[to].store.usage(), usage, "nothing changes");
        }
    }

    /// Two replicas find out in what they differ, in frames of at most so many bytes of
    /// which some get lost; whether they then have the same.
    fn reconcile(&mut self, from: usize, to: usize, mtu: usize, loss: usize) -> bool {
        let mut frame = vec![0; mtu];
        let len = self.replicas[from].store.digest(&mut frame).unwrap();
        frame.truncate(len);
        let (mut at, mut other) = (to, from);
        while !frame.is_empty() && !self.random.chance(loss) {
            let usage = self.replicas[at].store.usage();
            let mut answer = vec![0; mtu];
            match self.replicas[at].store.reconcile(&frame, self.now_ms, &mut answer) {
                Ok(done) => {
                    answer.truncate(done.len);
                    if done.equal && done.len == 0 {
                        return true;
                    }
                }
                Err(error) => {
                    assert_eq!(error, Error::Capacity);
                    assert_eq!(self.replicas[at].store.usage(), usage, "nothing changes");
                    return false;
                }
            }
            frame = answer;
            (at, other) = (other, at);
        }
        false
    }

    /// A replica's values are what the model says. (Not while a peer's changes come in
    /// several frames: what was overtaken by a later one is not told.)
    fn check(&mut self, at: usize) {
        let Some(have) = self.have(at) else { return };
        for (which, (.., rule)) in KEYS.iter().enumerate() {
            if self.replicas[at].key(which).is_err() {
                continue;
            }
            let want = value(&self.changes, &have, which, *rule);
            assert_eq!(self.replicas[at].value(which), want, "replica {at}, {:?}", KEYS[which]);
            self.replicas[at].close(which);
        }
    }

    /// All tell all until nobody has anything to tell.
    fn settle(&mut self) {
        self.frames.clear();
        let count = self.replicas.len();
        for _ in 0..3 {
            for (from, to) in (0..count).flat_map(|from| (0..count).map(move |to| (from, to))) {
                let peer = self.replicas[to].context();
                for frame in self.replicas[from].tell(&peer, 500) {
                    self.take_in(to, &frame);
                }
            }
        }
    }
}

/// All of a map, as text.
fn listing(store: &mut Store<'_>, map: Key, indent: usize, text: &mut String) {
    let mut last: Option<(Vec<u8>, Kind)> = None;
    loop {
        let cursor = match &last {
            None => KeyCursor::From(&[]),
            Some((name, kind)) => {
                KeyCursor::After(neural_swarm::crdt::KeyEntry { name, kind: *kind })
            }
        };
        let Some(entry) = store.next_key(map, cursor).unwrap() else { return };
        let (name, kind) = (entry.name.to_vec(), entry.kind);
        assert!(last.is_none_or(|last| last < (name.clone(), kind)), "in order");
        text.push_str(&format!("{:indent$}{} {kind:?}", "", String::from_utf8_lossy(&name)));
        let key = store.open(map, &name, kind).unwrap();
        match kind {
            Kind::Map => {
                text.push('\n');
                listing(store, key, indent + 2, text);
            }
            Kind::AddWinsSet | Kind::RemoveWinsSet | Kind::MultiValue => {
                let mut all: Vec<_> = store.elements(key).unwrap().map(Vec::from).collect();
                all.sort();
                text.push_str(&format!(" {all:?}\n"));
            }
            Kind::EnableWinsFlag | Kind::DisableWinsFlag => {
                text.push_str(&format!(" {}\n", store.flag(key).unwrap()));
            }
            Kind::LastWriter => text.push_str(&format!(" {:?}\n", store.last_written(key))),
            _ => text.push_str(&format!(" {:?}\n", store.extreme(key))),
        }
        store.close(key).unwrap();
        last = Some((name, kind));
    }
}

fn all_of(store: &mut Store<'_>) -> String {
    let mut text = String::new();
    listing(store, Store::ROOT, 0, &mut text);
    text
}

fn run(seed: u64, steps: usize, config: &StoreConfig, mtu: usize) {
    println!("seed {seed}");
    let count = 2 + (seed % 4) as usize;
    let mut world = World::new(seed, count, config, mtu);
    for step in 0..steps {
        match world.random.below(10) {
            0..4 => world.change(),
            4..6 => world.tell(),
            _ => world.arrive(),
        }
        if step % 4 == 0 && mtu == WHOLE {
            let at = world.random.below(count);
            world.check(at);
        }
    }
    world.settle();
    let want = all_of(&mut world.replicas[0].store);
    for at in 0..count {
        // Values that came before their changes may have been seen and undone: the model
        // does not know of that.
        if mtu == WHOLE {
            world.check(at);
        }
        for which in 0..KEYS.len() {
            world.replicas[at].close(which);
        }
        assert_eq!(all_of(&mut world.replicas[at].store), want, "replica {at} of seed {seed}");
        assert_eq!(world.replicas[at].store.usage().early, 0);
    }
}

/// Seeds of runs: about a million steps in all tests together, NSW_SEEDS times as many
/// in scripts/soak.
fn seeds(from: u64, count: u64) -> std::ops::Range<u64> {
    let times = std::env::var("NSW_SEEDS").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    from * times..(from + count) * times
}

#[test]
fn replicas_hold_what_the_model_says_in_any_order() {
    for seed in seeds(0, 600) {
        run(seed, 600, &StoreConfig { log: 400, ..StoreConfig::default() }, WHOLE);
    }
}

#[test]
fn replicas_agree_after_many_small_frames_in_any_order() {
    for seed in seeds(1000, 600) {
        let mtu = 200 + seed as usize % 400;
        run(seed, 600, &StoreConfig { log: 400, early: 64, ..StoreConfig::default() }, mtu);
    }
}

/// What has a value before and after many changes has one in between, too.
#[test]
fn nothing_is_missing_between_the_frames_of_many_changes() {
    let config = StoreConfig { log: 3000, early: 200, ..StoreConfig::default() };
    let (mut a, mut b) =
        (Replica::new(&config), Replica::new(&StoreConfig { replica: ReplicaId(1), ..config }));
    // A set, a flag and registers of one and of several values.
    let kept = [0, 5, 7, 9, 10];
    let mut random = Random::new(1);
    for turn in 0..400 {
        for which in kept {
            let key = a.key(which).unwrap();
            let done = match KEYS[which].2 {
                Kind::AddWinsSet => a.store.add(key, b"an element"),
                Kind::EnableWinsFlag => a.store.set_flag(key, true),
                Kind::Max => a.store.offer(key, turn).map(|_| ()),
                _ => a.store.assign_bytes(key, &bytes(&mut random), 1_700_000_000_000),
            };
            done.unwrap();
        }
        if turn > 0 && turn % 100 != 0 {
            continue;
        }
        let context = b.context();
        let frames = a.tell(&context, if turn == 0 { WHOLE } else { 300 });
        assert!(turn == 0 || frames.len() > 5);
        for frame in frames {
            b.store.merge(&frame, 1_700_000_000_000).unwrap();
            for which in kept {
                assert_eq!(b.value(which).len(), 1, "{:?}", KEYS[which]);
            }
        }
        assert_eq!(all_of(&mut b.store), all_of(&mut a.store));
        for which in kept {
            b.close(which);
        }
    }
}

/// With a log of a few changes, and digests whose frames get lost.
#[test]
fn replicas_that_reconcile_agree() {
    for seed in seeds(4000, 200) {
        println!("seed {seed}");
        let count = 2 + (seed % 4) as usize;
        let config = StoreConfig { log: 6, early: 64, ..StoreConfig::default() };
        let mtu = 400 + seed as usize % 400;
        let modelled = seed % 2 == 0;
        let mut world = World::new(seed, count, &config, if modelled { WHOLE } else { mtu });
        for _ in 0..300 {
            let (from, to) = (world.random.below(count), world.random.below(count));
            match world.random.below(10) {
                0..6 => world.change(),
                6..7 => world.tell(),
                7..8 => world.arrive(),
                _ if from == to => {}
                // In between items are there whose changes have not come, which the model
                // does not know.
                _ if modelled => {
                    assert!((0..400).any(|_| world.reconcile(from, to, mtu, 10)));
                    world.check(from);
                    world.check(to);
                }
                _ => {
                    world.reconcile(from, to, mtu, 10);
                }
            }
        }
        // Each with the first one, until it has what all have, and then all with it.
        for _ in 0..2 {
            for other in 1..count {
                let equal = (0..200).any(|_| world.reconcile(other, 0, mtu, 0));
                assert!(equal, "{other} of seed {seed}");
            }
        }
        let want = all_of(&mut world.replicas[0].store);
        for at in 0..count {
            if modelled {
                world.check(at);
            }
            for which in 0..KEYS.len() {
                world.replicas[at].close(which);
            }
            assert_eq!(all_of(&mut world.replicas[at].store), want, "replica {at}");
        }
    }
}

/// As many items as do not fit into one frame, and frames as small as they may be.
#[test]
fn frames_of_digests_may_be_small() {
    let config = StoreConfig { items: 500, ..StoreConfig::default() };
    let (mut a, mut b) =
        (Replica::new(&config), Replica::new(&StoreConfig { replica: ReplicaId(1), ..config }));
    let (in_a, in_b) = (a.key(0).unwrap(), b.key(0).unwrap());
    for n in 0..200u32 {
        a.store.add(in_a, &n.to_le_bytes()).unwrap();
        b.store.add(in_b, &(n + 100).to_le_bytes()).unwrap();
    }
    let mtu = 150;
    let mut frames = 0;
    while a.value(0) != b.value(0) {
        let mut frame = vec![0; mtu];
        let len = a.store.digest(&mut frame).unwrap();
        frame.truncate(len);
        let mut to_b = true;
        while !frame.is_empty() {
            let mut answer = vec![0; mtu];
            let at = if to_b { &mut b } else { &mut a };
            let done = at.store.reconcile(&frame, 0, &mut answer).unwrap();
            answer.truncate(done.len);
            (frame, to_b, frames) = (answer, !to_b, frames + 1);
            assert!(frames < 20_000);
        }
    }
    // Not even one sum fits: said, not passed over.
    let (mut frame, mut answer) = (vec![0; mtu], vec![0; b.store.context_len() + 8]);
    a.store.add(in_a, b"one more").unwrap();
    let len = a.store.digest(&mut frame).unwrap();
    assert_eq!(b.store.reconcile(&frame[..len], 0, &mut answer), Err(Error::BufferTooSmall));
}

/// A replica that lost its changes may get them back, from the first on; and is kept
/// from making others of the same numbers.
#[test]
fn own_changes_come_back_in_order_alone() {
    let config = StoreConfig::default();
    let mut peer = Replica::new(&StoreConfig { replica: ReplicaId(1), ..config });
    let (mut all, mut context) = (vec![], peer.context());
    let mut first = Replica::new(&config);
    for n in 0..3u8 {
        let key = first.key(0).unwrap();
        first.store.add(key, &[n]).unwrap();
        all.extend(first.tell(&context, WHOLE));
        peer.store.merge(&all[n as usize], 0).unwrap();
        context = peer.context();
    }
    let mut again = Replica::new(&config);
    let usage = again.store.usage();
    assert_eq!(again.store.merge(&all[1], 0), Err(Error::CrdtOwn));
    assert_eq!((again.store.usage(), again.store.seen(ReplicaId(0))), (usage, 0));
    for frame in &all {
        again.store.merge(frame, 0).unwrap();
    }
    let key = again.key(0).unwrap();
    again.store.add(key, b"the fourth").unwrap();
    assert_eq!(again.store.seen(ReplicaId(0)), 4);
}

/// 100,000 keys, of which so many differ: round trips and bytes until both have the same.
fn reconciled(differ: usize) -> (usize, usize) {
    const KEYS: usize = 100_000;
    let config = StoreConfig {
        keys: KEYS + 3000,
        items: KEYS + 3000,
        bytes: (KEYS + 3000) * 40,
        ..StoreConfig::default()
    };
    let store = |id| Store::new(&StoreConfig { replica: ReplicaId(id), ..config }, Heap).unwrap();
    let (mut a, mut b) = (store(1), store(2));
    let now_ms = 1_700_000_000_000;
    let assign = |store: &mut Store<'_>, key: usize, value: &str| {
        let name = format!("key {key}");
        let key = store.open(Store::ROOT, name.as_bytes(), Kind::LastWriter).unwrap();
        store.assign_bytes(key, value.as_bytes(), now_ms).unwrap();
        store.close(key).unwrap();
    };
    for key in 0..KEYS {
        assign(&mut a, key, "a value");
    }
    let mut state = vec![0; a.state_len()];
    a.state(&mut state).unwrap();
    b.merge(&state, now_ms).unwrap();
    // A third each: changed at one, changed at the other, new or gone.
    for n in 0..differ {
        let key = n * (KEYS / differ);
        match n % 3 {
            0 => assign(&mut a, key, "another value"),
            1 => assign(&mut b, key, "yet another value"),
            _ if n % 2 == 0 => assign(&mut b, KEYS + n, "new"),
            _ => {
                let name = format!("key {key}");
                let key = a.open(Store::ROOT, name.as_bytes(), Kind::LastWriter).unwrap();
                a.clear(key).unwrap();
                a.close(key).unwrap();
            }
        }
    }
    let (mut frame, mut bytes, mut frames) = (vec![0; 1 << 20], 0, 0usize);
    let len = a.digest(&mut frame).unwrap();
    frame.truncate(len);
    let mut equal = [false; 2];
    while !frame.is_empty() {
        (bytes, frames) = (bytes + frame.len(), frames + 1);
        let (at, which) = if frames % 2 == 1 { (&mut b, 1) } else { (&mut a, 0) };
        let mut answer = vec![0; 1 << 20];
        let done = at.reconcile(&frame, now_ms, &mut answer).unwrap();
        equal[which] |= done.equal;
        answer.truncate(done.len);
        frame = answer;
        if frame.is_empty() && equal != [true; 2] {
            // Nothing is left to tell: the sums say so.
            frame = vec![0; 1 << 20];
            let len = if which == 0 { a.digest(&mut frame) } else { b.digest(&mut frame) };
            frame.truncate(len.unwrap());
        }
        assert!(frames < 40);
    }
    assert_eq!(all_of(&mut a), all_of(&mut b));
    (frames.div_ceil(2), bytes)
}

#[test]
fn reconciling_costs_what_the_difference_is() {
    let (trips, bytes) = reconciled(10);
    println!("10 of 100,000 differ: {trips} round trips, {bytes} bytes");
    assert!(trips <= 4 && bytes <= 32 * 1024, "{trips} round trips, {bytes} bytes");
    let (trips, bytes) = reconciled(1000);
    println!("1000 of 100,000 differ: {trips} round trips, {bytes} bytes");
    assert!(bytes <= 100 * 32 * 1024, "{bytes} bytes");
}

#[test]
fn a_short_log_is_made_up_for_by_states() {
    for seed in seeds(2000, 300) {
        run(seed, 500, &StoreConfig { log: 6, early: 40, ..StoreConfig::default() }, WHOLE);
    }
}

#[test]
fn what_has_no_room_changes_nothing() {
    for seed in seeds(3000, 300) {
        let full = StoreConfig {
            items: 24,
            keys: 18,
            bytes: 300,
            early: 4,
            log: 60,
            ..StoreConfig::default()
        };
        println!("seed {seed}");
        let count = 3;
        let mut world = World::new(seed, count, &full, WHOLE);
        for step in 0..600 {
            match world.random.below(10) {
                0..4 => world.change(),
                4..6 => world.tell(),
                _ => world.arrive(),
            }
            if step % 5 == 0 {
                let at = world.random.below(count);
                world.check(at);
            }
        }
    }
}
