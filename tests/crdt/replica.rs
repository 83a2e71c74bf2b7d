//! Replicas: their keys, what they hold as text, and their frames.

use neural_swarm::Error;
use neural_swarm::crdt::{Key, KeyCursor, Kind, Store, StoreConfig};
use neural_swarm::port::Heap;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::model::Rule;

/// The keys of the tests: where, of which kind, and by which rule.
pub const KEYS: [(&[&str], &str, Kind, Rule); 19] = [
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
    (&[], "count", Kind::Counter, Rule::Sum),
    (&["a", "b"], "count", Kind::Counter, Rule::Sum),
    (&["b"], "a count of a long name", Kind::GrowCounter, Rule::Sum),
    (&["b"], "seen", Kind::HyperLogLog, Rule::Distinct),
    (&["a"], "often", Kind::CountMin, Rule::Often),
    (&[], "list", Kind::List, Rule::Ordered),
    (&["a", "a map of a long name"], "list", Kind::List, Rule::Ordered),
];

/// Frames that hold all that a peer lacks.
pub const WHOLE: usize = 1 << 20;

pub struct Random(Xoshiro256PlusPlus);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A store, and its open keys.
pub struct Replica {
    pub store: Store<'static>,
    pub keys: Vec<Option<Key>>,
}

impl Replica {
    pub fn new(config: &StoreConfig) -> Replica {
        let store = Store::new(config, Heap).unwrap();
        Replica { store, keys: vec![None; KEYS.len()] }
    }

    /// The key, open from now on.
    pub fn key(&mut self, which: usize) -> Result<Key, Error> {
        if let Some(key) = self.keys[which] {
            return Ok(key);
        }
        let (maps, name, kind, _) = KEYS[which];
        let key = open(&mut self.store, maps, name, kind)?;
        self.keys[which] = Some(key);
        Ok(key)
    }

    pub fn close(&mut self, which: usize) {
        if let Some(key) = self.keys[which].take() {
            self.store.close(key).unwrap();
        }
    }

    /// The values of a key, in the order of the bytes; those of a list in its own.
    pub fn value(&mut self, which: usize) -> Vec<Vec<u8>> {
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
            Kind::List => return list(store, key),
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
            Kind::GrowCounter | Kind::Counter => {
                vec![store.total(key).unwrap().to_le_bytes().to_vec()]
            }
            Kind::HyperLogLog => vec![store.cardinality(key).unwrap().to_le_bytes().to_vec()],
            Kind::CountMin => {
                let often = |bytes: &&str| {
                    let count = store.frequency(key, bytes.as_bytes()).unwrap();
                    (count > 0).then(|| [bytes.as_bytes(), &count.to_le_bytes()].concat())
                };
                BYTES.iter().filter_map(often).collect()
            }
            _ => {
                let number = store.extreme(key).unwrap();
                number.into_iter().map(|n| n.to_le_bytes().to_vec()).collect()
            }
        };
        found.sort();
        found
    }

    pub fn context(&mut self) -> Vec<u8> {
        context(&mut self.store)
    }

    pub fn state(&mut self) -> Vec<u8> {
        state(&mut self.store)
    }

    /// What a peer lacks, in frames of at most so many bytes; its state if the log does
    /// not suffice.
    pub fn tell(&mut self, peer: &[u8], mtu: usize) -> Vec<Vec<u8>> {
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

pub fn context(store: &mut Store<'_>) -> Vec<u8> {
    let mut frame = vec![0; store.context_len()];
    assert_eq!(store.context(&mut frame), Ok(frame.len()));
    frame
}

pub fn state(store: &mut Store<'_>) -> Vec<u8> {
    let mut frame = vec![0; store.state_len()];
    assert_eq!(store.state(&mut frame), Ok(frame.len()));
    frame
}

/// The elements of a list: by one way of reading as by the others.
pub fn list(store: &Store<'_>, key: Key) -> Vec<Vec<u8>> {
    let found: Vec<Vec<u8>> = store.elements(key).unwrap().map(Vec::from).collect();
    assert_eq!(found.len(), store.count(key).unwrap());
    let mut cursor = 0;
    for (index, element) in found.iter().enumerate() {
        assert_eq!(store.element_at(key, index), Ok(&element[..]));
        let (next, behind) = store.element_after(key, cursor).unwrap().unwrap();
        assert_eq!(next, element);
        cursor = behind;
    }
    assert_eq!(store.element_after(key, cursor).unwrap(), None);
    assert_eq!(store.element_at(key, found.len()), Err(Error::Invalid));
    found
}

pub fn open(store: &mut Store<'_>, maps: &[&str], name: &str, kind: Kind) -> Result<Key, Error> {
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
const BYTES: [&str; 7] =
    ["", "a", "b", "eight by", "nine byte", "a long element", "another long element"];

pub fn bytes(random: &mut Random) -> Vec<u8> {
    BYTES[random.below(BYTES.len())].as_bytes().to_vec()
}

/// The value of a key that is no map, as text.
pub fn text_of(store: &Store<'_>, key: Key, kind: Kind) -> String {
    match kind {
        Kind::Map => unreachable!("a map has keys, not a value"),
        Kind::AddWinsSet | Kind::RemoveWinsSet | Kind::MultiValue => {
            let mut all: Vec<_> = store.elements(key).unwrap().map(Vec::from).collect();
            all.sort();
            format!("{all:?}")
        }
        Kind::List => format!("{:?}", list(store, key)),
        Kind::EnableWinsFlag | Kind::DisableWinsFlag => format!("{}", store.flag(key).unwrap()),
        Kind::LastWriter => format!("{:?}", store.last_written(key)),
        Kind::GrowCounter | Kind::Counter => format!("{:?}", store.total(key)),
        Kind::HyperLogLog => format!("{:?}", store.cardinality(key)),
        Kind::CountMin => {
            let often = BYTES.map(|bytes| store.frequency(key, bytes.as_bytes()).unwrap());
            format!("{often:?}")
        }
        _ => format!("{:?}", store.extreme(key)),
    }
}

/// All of a map, as text.
pub fn listing(store: &mut Store<'_>, map: Key, indent: usize, text: &mut String) {
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
        if kind == Kind::Map {
            text.push('\n');
            listing(store, key, indent + 2, text);
        } else {
            text.push_str(&format!(" {}\n", text_of(store, key, kind)));
        }
        store.close(key).unwrap();
        last = Some((name, kind));
    }
}

pub fn all_of(store: &mut Store<'_>) -> String {
    let mut text = String::new();
    listing(store, Store::ROOT, 0, &mut text);
    text
}
