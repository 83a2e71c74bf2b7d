//! Changes of sets, and of sets in maps.

use crdts::{CmRDT, Map};
use neural_swarm::crdt::{Key, Kind, Store, StoreConfig};
use neural_swarm::port::Heap;

use super::ours::{Ours, OursC, config};
use super::theirs::{self, Actor, Set};
use super::{Bench, number};
use crate::measure::{Contestant, Outcome, timed};
use crate::report::Section;

/// A set of somebody's.
trait Changes {
    fn add(&mut self, element: u64);
    fn remove(&mut self, element: u64);
}

impl Changes for Ours {
    fn add(&mut self, element: u64) {
        Ours::add(self, element);
    }

    fn remove(&mut self, element: u64) {
        Ours::remove(self, element);
    }
}

impl Changes for OursC {
    fn add(&mut self, element: u64) {
        OursC::add(self, element);
    }

    fn remove(&mut self, element: u64) {
        OursC::remove(self, element);
    }
}

impl Changes for Set {
    fn add(&mut self, element: u64) {
        theirs::only_add(self, 1, element);
    }

    fn remove(&mut self, element: u64) {
        theirs::only_remove(self, element);
    }
}

/// What is timed.
#[derive(Clone, Copy, PartialEq)]
enum Change {
    Add,
    AddAgain,
    Remove,
}

/// Sets of `len` elements that grow by half and shrink again. So many that the clock,
/// which is read around all that grow, does not count.
fn contestant<'a, S: Changes + 'a>(
    name: &str,
    len: usize,
    change: Change,
    make: impl Fn() -> Outcome<S>,
) -> Outcome<Contestant<'a>> {
    let (half, count) = (len / 2, (1000 / len).max(1));
    let mut sets = (0..count).map(|_| make()).collect::<Outcome<Vec<S>>>()?;
    let mut next = len as u64;
    for set in &mut sets {
        (0..next).for_each(|i| set.add(number(i)));
    }
    Ok(Contestant::new(name, move |times| {
        let (mut left, mut taken) = (times as usize, 0.0);
        while left > 0 {
            let elements: Vec<u64> = (next..next + half as u64).map(number).collect();
            next += half as u64;
            let mut go = |timing: bool, work: fn(&mut S, u64)| {
                let took = timed(|| {
                    for set in &mut sets {
                        elements.iter().for_each(|element| work(set, *element));
                    }
                });
                taken += if timing { took } else { 0.0 };
            };
            go(change == Change::Add, S::add);
            if change == Change::AddAgain {
                go(true, S::add);
            }
            go(change == Change::Remove, S::remove);
            left = left.saturating_sub(half * count);
        }
        // Whole rounds were done: perhaps more than asked for.
        let round = half * count;
        Ok(taken * times as f64 / (times.div_ceil(round as u64) * round as u64) as f64)
    }))
}

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut rows = Vec::new();
    let changes = [
        (Change::Add, "add", Some(3.0)),
        (Change::Remove, "remove", Some(3.0)),
        (Change::AddAgain, "add what is in", None),
    ];
    for len in bench.effort.pick(&[100, 1000, 10_000][..], &[100]) {
        for (change, what, floor) in changes {
            let room = len + len / 2;
            let kind = Kind::AddWinsSet;
            let theirs = || contestant("Orswot", *len, change, || Ok(Set::new()));
            bench.row(&mut rows, &format!("set of {len}: {what}"), floor, || {
                let ours = || Ours::new(&config(1, room), kind);
                Ok([contestant("ours", *len, change, ours)?, theirs()?])
            })?;
            bench.row(&mut rows, &format!("set of {len}: {what}, C"), floor, || {
                let ours = || Ok(OursC::new(1, room, 256, kind));
                Ok([contestant("ours", *len, change, ours)?, theirs()?])
            })?;
        }
    }
    Ok(Section {
        title: "Sets",
        text: "Add-wins sets of numbers of 64 bits beside `crdts::Orswot`. A set of so many \
               elements grows by half and shrinks again; one of the ways is timed. Ours has room \
               for just as many, and remembers the last 256 changes for others; theirs makes the \
               operation for others and drops it. Its user takes the context of the whole set for \
               an addition and of the element for a removal, as its documentation has it."
            .to_string(),
        rows,
        ..Section::default()
    })
}

const MAPS: u64 = 100;

/// Our map, in which a set is opened for each change.
struct OursMap {
    store: Store<'static>,
    map: Key,
}

/// Our map, whose sets are held open.
struct OpenMap {
    store: Store<'static>,
    sets: Vec<Key>,
}

fn our_map(items: usize) -> Outcome<OursMap> {
    let config = StoreConfig { keys: MAPS as usize + 1, ..config(1, items) };
    let mut store = Store::new(&config, Heap)?;
    let map = store.open(Store::ROOT, b"map", Kind::Map)?;
    Ok(OursMap { store, map })
}

impl OursMap {
    fn with(&mut self, element: u64, change: impl Fn(&mut Store<'static>, Key, &[u8])) {
        let name = (element % MAPS).to_le_bytes();
        let set = self.store.open(self.map, &name, Kind::AddWinsSet).expect("room");
        change(&mut self.store, set, &element.to_le_bytes());
        self.store.close(set).expect("open");
    }
}

impl Changes for OursMap {
    fn add(&mut self, element: u64) {
        self.with(element, |store, set, bytes| store.add(set, bytes).expect("room"));
    }

    fn remove(&mut self, element: u64) {
        self.with(element, |store, set, bytes| assert!(store.remove(set, bytes).expect("a set")));
    }
}

impl Changes for OpenMap {
    fn add(&mut self, element: u64) {
        let set = self.sets[(element % MAPS) as usize];
        self.store.add(set, &element.to_le_bytes()).expect("room");
    }

    fn remove(&mut self, element: u64) {
        let set = self.sets[(element % MAPS) as usize];
        assert!(self.store.remove(set, &element.to_le_bytes()).expect("a set"));
    }
}

impl Changes for Map<u64, Set, Actor> {
    fn add(&mut self, element: u64) {
        let context = self.read_ctx().derive_add_ctx(1);
        let op = self.update(element % MAPS, context, |set, context| set.add(element, context));
        self.apply(op);
    }

    fn remove(&mut self, element: u64) {
        let context = self.read_ctx().derive_add_ctx(1);
        let op = self.update(element % MAPS, context, |set, _| {
            set.rm(element, set.contains(&element).derive_rm_ctx())
        });
        self.apply(op);
    }
}

pub fn maps(bench: &Bench) -> Outcome<Section> {
    let mut rows = Vec::new();
    for (change, what) in [(Change::Add, "add"), (Change::Remove, "remove")] {
        let len = bench.effort.pick(10_000, 1000);
        let room = len + len / 2;
        let theirs = || contestant("Map", len, change, || Ok(Map::new()));
        let work = format!("map of {MAPS} sets of {}: {what}", len / MAPS as usize);
        bench.row(&mut rows, &work, Some(2.0), || {
            Ok([contestant("ours", len, change, || our_map(room))?, theirs()?])
        })?;
        bench.row(&mut rows, &format!("{work}, sets held open"), None, || {
            let ours = || {
                let OursMap { mut store, map } = our_map(room)?;
                let set = |i: u64| store.open(map, &i.to_le_bytes(), Kind::AddWinsSet);
                let sets = (0..MAPS).map(set).collect::<Result<_, _>>()?;
                Ok(OpenMap { store, sets })
            };
            Ok([contestant("ours", len, change, ours)?, theirs()?])
        })?;
    }
    Ok(Section {
        title: "Sets in a map",
        text: "A change of one of the sets in a map, found by its name, beside \
               `crdts::Map<u64, Orswot>`. Ours opens the set and closes it again for each change; \
               a program that keeps it open saves that."
            .to_string(),
        rows,
        ..Section::default()
    })
}
