//! A world of replicas, what they do at random, and a network that loses, repeats and
//! reorders.

use std::collections::{BTreeMap, BTreeSet};

use neural_swarm::Error;
use neural_swarm::crdt::{Dot, Kind, ReplicaId, StoreConfig, StoreUsage};

use crate::model::{Action, Change, Orders, Rule, value};
use crate::replica::{KEYS, Random, Replica, bytes};

/// Replicas, all that they ever did, and frames on their way.
pub struct World {
    pub replicas: Vec<Replica>,
    pub changes: Vec<Change>,
    pub frames: Vec<(usize, Vec<u8>)>,
    pub random: Random,
    pub now_ms: u64,
    /// Most bytes of a frame.
    pub mtu: usize,
    /// Whether sketches are too small to tell elements apart.
    pub small: bool,
    /// The orders of the elements of each list.
    pub orders: BTreeMap<usize, Orders>,
    /// How many elements were ever made for lists.
    elements: u32,
    /// Whether all changes are noted for the model.
    pub modelled: bool,
    /// Whether there are sketches: they keep their epoch when they are cleared.
    pub sketches: bool,
    /// What its replicas are made of.
    config: StoreConfig,
}

/// Whether little fits into a store.
fn is_small(config: &StoreConfig) -> bool {
    config.bytes < 1000
}

/// With small sketches, in which the few elements do not meet; with smaller ones where
/// little fits.
pub fn sized(config: &StoreConfig) -> StoreConfig {
    let small = is_small(config);
    StoreConfig {
        sketch_precision: if small { 4 } else { 7 },
        sketch_width: if small { 4 } else { 24 },
        sketch_depth: if small { 1 } else { 4 },
        ..*config
    }
}

impl World {
    fn config(config: &StoreConfig, at: usize) -> StoreConfig {
        StoreConfig { replica: ReplicaId(100 - at as u64), ..*config }
    }

    /// What a replica is made of.
    pub fn config_of(&self, at: usize) -> StoreConfig {
        World::config(&self.config, at)
    }

    pub fn new(seed: u64, count: usize, config: &StoreConfig, mtu: usize) -> World {
        let small = is_small(config);
        let all = sized(config);
        let config = |n: usize| World::config(&all, n);
        let replica = |n: usize| {
            let mut replica = Replica::new(&config(n));
            (0..count).for_each(|n| replica.store.admit(config(n).replica).unwrap());
            replica
        };
        World {
            replicas: (0..count).map(replica).collect(),
            config: all,
            changes: vec![],
            frames: vec![],
            random: Random::new(seed),
            now_ms: 1_700_000_000_000,
            mtu,
            small,
            orders: BTreeMap::new(),
            elements: 0,
            modelled: true,
            sketches: true,
        }
    }

    /// The changes that a replica has; nothing if it has a part of one.
    pub fn have(&self, at: usize) -> Option<BTreeSet<usize>> {
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
    pub fn change(&mut self) {
        let at = self.random.below(self.replicas.len());
        self.change_at(at);
    }

    /// This replica changes something.
    pub fn change_at(&mut self, at: usize) {
        let which = self.random.below(KEYS.len());
        let is_sketch = matches!(KEYS[which].2, Kind::HyperLogLog | Kind::CountMin);
        if is_sketch && !self.sketches {
            return;
        }
        let Some(seen) = (if self.modelled { self.have(at) } else { Some(BTreeSet::new()) }) else {
            return;
        };
        let clear = self.random.chance(8);
        if KEYS[which].2 == Kind::List && !clear {
            return self.edit(at, which, seen);
        }
        let bytes = bytes(&mut self.random);
        let number = self.random.below(40) as i64 - 20;
        let on = self.random.chance(60);
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
        // Whether it is no change.
        let mut nothing = false;
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
                Kind::Counter if number < 0 => {
                    let done = store.decrement(key, number.unsigned_abs());
                    (done, Action::Put(vec![], number.into()))
                }
                Kind::GrowCounter | Kind::Counter => {
                    let by = number.unsigned_abs();
                    (store.increment(key, by), Action::Put(vec![], by.into()))
                }
                Kind::HyperLogLog => (store.observe(key, &bytes, 1), Action::Put(bytes, 1)),
                Kind::CountMin => {
                    let times = number.unsigned_abs() as u32;
                    (store.observe(key, &bytes, times), Action::Put(bytes, times.into()))
                }
                _ => {
                    let done = store.offer(key, number);
                    nothing = done == Ok(false);
                    let bytes = number.to_le_bytes().to_vec();
                    (done.map(|_| ()), Action::Put(bytes, rank(number, store.seen(id))))
                }
            }
        };
        let after = store.seen(id);
        if done.is_err() {
            assert_eq!(done, Err(Error::Capacity));
            assert_eq!((store.usage(), after), (opened, before), "nothing changes");
            assert_eq!(replica.value(which), full);
        } else if self.modelled && after > before {
            let seqs = before + 1..=after;
            self.changes.push(Change { replica: at, seqs, key: which, action, seen });
        } else if self.modelled && !nothing && amends(kind, &action) {
            self.amend(at, which, action);
        }
        if self.random.chance(30) {
            self.replicas[at].close(which);
        }
    }

    /// A replica made its last change, of which no other one may know, another one.
    fn amend(&mut self, at: usize, which: usize, action: Action) {
        let id = self.replicas[at].store.replica();
        let last = self.changes.iter_mut().rev().find(|change| change.replica == at).unwrap();
        let dot = Dot { replica: id, seq: *last.seqs.end() };
        assert_eq!((last.key, dot.seq), (which, self.replicas[at].store.seen(id)));
        let mut others = self.replicas.iter().enumerate().filter(|(other, _)| *other != at);
        assert!(others.all(|(_, other)| !other.store.has(dot)), "others know of it");
        match (&mut last.action, action) {
            (Action::Put(of, number), Action::Put(bytes, by)) if KEYS[which].3 == Rule::Sum => {
                assert!(of.is_empty() && bytes.is_empty());
                *number += by;
            }
            (last, action) => *last = action,
        }
    }

    /// A replica puts elements into a list, or takes some out.
    fn edit(&mut self, at: usize, which: usize, seen: BTreeSet<usize>) {
        let replica = &mut self.replicas[at];
        let Ok(key) = replica.key(which) else { return };
        let (usage, full) = (replica.store.usage(), replica.value(which));
        let id = replica.store.replica();
        let before = replica.store.seen(id);
        let mut want = full.clone();
        let (done, action) = if self.random.chance(60) || full.is_empty() {
            let (index, count) = (self.random.below(full.len() + 1), 1 + self.random.below(3));
            // Characters that no other element has.
            let first = self.elements;
            self.elements += count as u32;
            let chars = (first..self.elements).map(|n| char::from_u32(0x2_0000 + n).unwrap());
            let text: String = chars.collect();
            let elements: Vec<Vec<u8>> = if count == 1 {
                let padding = "a long element of a list".split_at(self.random.below(24)).0;
                vec![[text.as_bytes(), padding.as_bytes()].concat()]
            } else {
                text.chars().map(|char| char.to_string().into_bytes()).collect()
            };
            want.splice(index..index, elements.iter().cloned());
            let done = match &elements[..] {
                [one] => replica.store.insert(key, index, one),
                _ => replica.store.insert_text(key, index, &text).map(|n| assert_eq!(n, count)),
            };
            (done, Action::Insert(elements))
        } else {
            let index = self.random.below(full.len());
            let count = 1 + self.random.below((full.len() - index).min(3));
            let taken: Vec<Vec<u8>> = want.splice(index..index + count, []).collect();
            (replica.store.remove_at(key, index, count), Action::Take(taken))
        };
        let after = replica.store.seen(id);
        if done.is_err() {
            assert_eq!(done, Err(Error::Capacity));
            assert_eq!((replica.store.usage(), after), (usage, before), "nothing changes");
            assert_eq!(replica.value(which), full);
        } else {
            assert_eq!(replica.value(which), want);
            self.orders.entry(which).or_default().see(&want);
            let seqs = before + 1..=after;
            self.changes.push(Change { replica: at, seqs, key: which, action, seen });
        }
        if self.random.chance(30) {
            self.replicas[at].close(which);
        }
    }

    /// Some replica tells another what that lacks.
    pub fn tell(&mut self) {
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
    pub fn arrive(&mut self) {
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

    pub fn take_in(&mut self, to: usize, frame: &[u8]) {
        let usage = self.replicas[to].store.usage();
        let merged = self.replicas[to].store.merge(frame, self.now_ms);
        if merged.is_err() {
            assert_eq!(merged, Err(Error::Capacity));
            self.refused(to, usage);
        }
    }

    /// A frame had no room: nothing has changed, and the store says that it is behind.
    pub fn refused(&self, at: usize, before: StoreUsage) {
        let after = self.replicas[at].store.usage();
        assert_eq!(StoreUsage { behind: before.behind, ..after }, before, "nothing changes");
        assert!(after.behind);
    }

    /// Two replicas find out in what they differ, in frames of at most so many bytes of
    /// which some get lost; whether they then have the same.
    pub fn reconcile(&mut self, from: usize, to: usize, mtu: usize, loss: usize) -> bool {
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
                    self.refused(at, usage);
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
    pub fn check(&mut self, at: usize) {
        let Some(have) = self.have(at) else { return };
        for (which, (.., rule)) in KEYS.iter().enumerate() {
            if self.replicas[at].key(which).is_err() {
                continue;
            }
            if self.small && matches!(rule, Rule::Distinct | Rule::Often) {
                self.replicas[at].close(which);
                continue;
            }
            let want = value(&self.changes, &have, which, *rule);
            let mut found = self.replicas[at].value(which);
            if *rule == Rule::Ordered {
                self.orders.entry(which).or_default().see(&found);
                found.sort();
            }
            assert_eq!(found, want, "replica {at}, {:?}", KEYS[which]);
            self.replicas[at].close(which);
        }
    }

    /// Elements of lists were seen in one order each.
    pub fn check_orders(&self) {
        self.orders.values().for_each(Orders::check);
    }

    /// All tell all until nobody has anything to tell.
    pub fn settle(&mut self) {
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

/// Whether what changed something without another sequence number was a change.
fn amends(kind: Kind, action: &Action) -> bool {
    match (kind, action) {
        (Kind::Counter | Kind::GrowCounter, Action::Put(_, by)) => *by != 0,
        (
            Kind::EnableWinsFlag
            | Kind::DisableWinsFlag
            | Kind::LastWriter
            | Kind::MultiValue
            | Kind::Max
            | Kind::Min,
            action,
        ) => *action != Action::Clear,
        _ => false,
    }
}
