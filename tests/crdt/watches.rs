//! Watched keys: what the events tell suffices to follow all that changes.

use std::collections::BTreeMap;

use neural_swarm::Error;
use neural_swarm::crdt::{
    Causes, Changed, Event, Key, KeyEntry, Kind, ReplicaId, Store, StoreConfig,
};
use neural_swarm::port::Heap;

use crate::replica::{WHOLE, open, text_of};
use crate::seeds;
use crate::world::World;

const LOCAL: Causes = Causes { local: true, merged: false, reconciled: false };
const MERGED: Causes = Causes { local: false, merged: true, reconciled: false };
const RECONCILED: Causes = Causes { local: false, merged: false, reconciled: true };

type Name = (Vec<u8>, Kind);

/// The value of a key, as text.
fn text(store: &mut Store<'_>, key: Key, kind: Kind) -> String {
    match kind {
        Kind::Map => format!("{:?}", children(store, key)),
        _ => text_of(store, key, kind),
    }
}

fn child(store: &mut Store<'_>, map: Key, (name, kind): &Name) -> Option<String> {
    let mut listed = store.keys_with_prefix(map, name).unwrap();
    if !listed.any(|entry| (entry.name, entry.kind) == (&name[..], *kind)) {
        return None;
    }
    let key = store.open(map, name, *kind).unwrap();
    let text = text(store, key, *kind);
    store.close(key).unwrap();
    Some(text)
}

/// All keys of a map, with their values.
fn children(store: &mut Store<'_>, map: Key) -> BTreeMap<Name, String> {
    let listed = store.keys_with_prefix(map, b"").unwrap();
    let names: Vec<Name> = listed.map(|entry| (entry.name.to_vec(), entry.kind)).collect();
    let text_of = |name: Name| {
        let text = child(store, map, &name).unwrap();
        (name, text)
    };
    names.into_iter().map(text_of).collect()
}

/// What somebody knows of a watched key who only reads what events tell of.
enum Mirror {
    Value(String),
    Map(BTreeMap<Name, String>),
}

impl Mirror {
    fn read(store: &mut Store<'_>, key: Key, kind: Kind) -> Mirror {
        match kind {
            Kind::Map => Mirror::Map(children(store, key)),
            kind => Mirror::Value(text(store, key, kind)),
        }
    }

    fn check(&self, store: &mut Store<'_>, key: Key, kind: Kind) {
        match self {
            Mirror::Value(value) => assert_eq!(*value, text(store, key, kind)),
            Mirror::Map(map) => assert_eq!(*map, children(store, key)),
        }
    }
}

struct Watcher {
    keys: Vec<(Key, Kind)>,
    mirrors: Vec<Mirror>,
}

impl Watcher {
    fn new(store: &mut Store<'_>) -> Watcher {
        let mut keys = vec![(Store::ROOT, Kind::Map)];
        for (maps, name, kind) in [
            (&[][..], "a", Kind::Map),
            (&["a", "b"][..], "out", Kind::RemoveWinsSet),
            (&["b"][..], "last", Kind::LastWriter),
        ] {
            keys.push((open(store, maps, name, kind).unwrap(), kind));
        }
        keys.iter().for_each(|(key, _)| store.watch(*key).unwrap());
        let mirrors = keys.iter().map(|(key, kind)| Mirror::read(store, *key, *kind)).collect();
        Watcher { keys, mirrors }
    }

    /// Takes all events, which have this cause; how many there were.
    fn follow(&mut self, store: &mut Store<'_>, causes: Causes) -> usize {
        let mut count = 0;
        loop {
            let peeked = format!("{:?}", store.peek_event());
            let event = store.next_event();
            assert_eq!(format!("{event:?}"), peeked);
            let Some(event) = event else { break };
            assert_eq!(event.causes, causes);
            let at = self.keys.iter().position(|(key, _)| *key == event.watched).unwrap();
            let (key, kind) = self.keys[at];
            let name = match event.changed {
                Changed::Inside(entry) => Some((entry.name.to_vec(), entry.kind)),
                Changed::Itself => {
                    assert_ne!(kind, Kind::Map);
                    None
                }
                Changed::Many => None,
            };
            match (&mut self.mirrors[at], name) {
                (Mirror::Map(map), Some(name)) => match child(store, key, &name) {
                    Some(text) => drop(map.insert(name, text)),
                    None => drop(map.remove(&name)),
                },
                (mirror, None) => *mirror = Mirror::read(store, key, kind),
                _ => panic!("inside of no map"),
            }
            count += 1;
        }
        for (mirror, (key, kind)) in self.mirrors.iter().zip(&self.keys) {
            mirror.check(store, *key, *kind);
        }
        count
    }
}

#[test]
fn events_suffice_to_follow_all_that_changes() {
    for seed in seeds(9000, 100) {
        println!("seed {seed}");
        let events = [0, 1, 3, 50][seed as usize % 4];
        let config = StoreConfig { log: 60, early: 64, watches: 4, events, ..Default::default() };
        let mtu = if seed % 3 == 0 { WHOLE } else { 300 };
        let mut world = World::new(seed, 3, &config, mtu);
        let mut watchers: Vec<_> =
            world.replicas.iter_mut().map(|replica| Watcher::new(&mut replica.store)).collect();
        let mut counts = [0; 3];
        for _ in 0..200 {
            let (from, to) = (world.random.below(3), world.random.below(3));
            let (which, causes) = match world.random.below(10) {
                0..4 => {
                    world.change();
                    (0, LOCAL)
                }
                4..9 => {
                    world.tell();
                    world.arrive();
                    (1, MERGED)
                }
                _ if from == to => continue,
                _ => {
                    world.reconcile(from, to, 800, 10);
                    (2, RECONCILED)
                }
            };
            for (replica, watcher) in world.replicas.iter_mut().zip(&mut watchers) {
                counts[which] += watcher.follow(&mut replica.store, causes);
            }
        }
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    }
}

fn store(watches: usize, events: usize) -> Store<'static> {
    let config =
        StoreConfig { replica: ReplicaId(1), watches, events, keys: 6, ..StoreConfig::default() };
    Store::new(&config, Heap).unwrap()
}

fn offer(store: &mut Store<'_>, name: &str, number: i64) {
    let key = store.open(Store::ROOT, name.as_bytes(), Kind::Max).unwrap();
    store.offer(key, number).unwrap();
    store.close(key).unwrap();
}

fn inside(name: &str, kind: Kind) -> Changed<'_> {
    Changed::Inside(KeyEntry { name: name.as_bytes(), kind })
}

#[test]
fn what_has_no_room_is_told_of_as_a_whole() {
    let mut store = store(2, 2);
    let many = Event { watched: Store::ROOT, changed: Changed::Many, causes: LOCAL };
    store.watch(Store::ROOT).unwrap();
    for turn in 0..3 {
        for name in ["one", "two", "three", "one"] {
            offer(&mut store, name, turn * 100);
        }
        for name in ["one", "two"] {
            let event = store.next_event().unwrap();
            assert_eq!((event.changed, event.causes), (inside(name, Kind::Max), LOCAL));
        }
        offer(&mut store, "three", turn * 100 + 10);
        assert_eq!(store.peek_event(), Some(many));
        assert_eq!(store.next_event(), Some(many));
        assert_eq!(store.next_event(), None);
        assert_eq!(store.peek_event(), None);
    }
}

/// A key that is gone has its name until the event is taken, and no longer.
#[test]
fn keys_of_events_stay_until_they_are_taken() {
    let mut store = store(1, 4);
    store.watch(Store::ROOT).unwrap();
    let map = store.open(Store::ROOT, b"a map of a long name", Kind::Map).unwrap();
    let set = store.open(map, b"set", Kind::AddWinsSet).unwrap();
    store.close(map).unwrap();
    store.add(set, b"x").unwrap();
    store.clear(set).unwrap();
    store.close(set).unwrap();
    offer(&mut store, "max", 1);
    assert_eq!(store.usage().keys, 2);
    assert_eq!(
        store
            .next_key(Store::ROOT, neural_swarm::crdt::KeyCursor::From(b"a"))
            .map(|e| e.map(|e| e.kind)),
        Ok(Some(Kind::Max))
    );
    // Nobody holds it open.
    assert_eq!(store.close(map), Err(Error::CrdtKey));
    let event = store.next_event().unwrap();
    assert_eq!(event.changed, inside("a map of a long name", Kind::Map));
    assert_eq!(store.next_event().unwrap().changed, inside("max", Kind::Max));
    assert_eq!((store.usage().keys, store.usage().bytes), (1, 0));
    assert_eq!(store.next_event(), None);
}

#[test]
fn changes_before_an_event_is_taken_are_one_event() {
    let mut one = store(2, 4);
    let config = StoreConfig { replica: ReplicaId(2), ..StoreConfig::default() };
    let mut peer = Store::new(&config, Heap).unwrap();
    let max = one.open(Store::ROOT, b"max", Kind::Max).unwrap();
    one.watch(max).unwrap();
    one.watch(max).unwrap();
    offer(&mut one, "max", 1);
    offer(&mut peer, "max", 2);
    let (mut frame, mut answer) = ([0; 300], [0; 300]);
    let len = peer.state(&mut frame).unwrap();
    one.merge(&frame[..len], 0).unwrap();
    offer(&mut one, "max", 5);
    let causes = Causes { local: true, merged: true, reconciled: false };
    assert_eq!(one.next_event(), Some(Event { watched: max, changed: Changed::Itself, causes }));
    assert_eq!(one.next_event(), None);
    // Nothing new: no event.
    one.merge(&frame[..len], 0).unwrap();
    assert!(!one.offer(max, 4).unwrap());
    let len = peer.digest(&mut frame).unwrap();
    one.reconcile(&frame[..len], 0, &mut answer).unwrap();
    assert_eq!(one.next_event(), None);
}

#[test]
fn watches_end_with_their_keys() {
    let mut store = store(2, 4);
    let one = store.open(Store::ROOT, b"one", Kind::Max).unwrap();
    let two = store.open(Store::ROOT, b"two", Kind::Max).unwrap();
    store.watch(one).unwrap();
    store.watch(Store::ROOT).unwrap();
    assert_eq!(store.watch(two), Err(Error::Capacity));
    store.offer(one, 1).unwrap();
    // Opened twice, so it is watched until it was closed twice.
    assert_eq!(store.open(Store::ROOT, b"one", Kind::Max), Ok(one));
    store.close(one).unwrap();
    assert_eq!(store.peek_event().unwrap().watched, one);
    store.clear(one).unwrap();
    store.close(one).unwrap();
    assert_eq!(store.watch(one), Err(Error::CrdtKey));
    assert_eq!(store.unwatch(one), Err(Error::CrdtKey));
    store.watch(two).unwrap();
    store.offer(two, 1).unwrap();
    // Of the root alone.
    assert_eq!(store.next_event().unwrap().changed, inside("one", Kind::Max));
    assert_eq!(store.usage().keys, 2);
    store.unwatch(Store::ROOT).unwrap();
    assert_eq!(store.next_event().unwrap().watched, two);
    assert_eq!(store.next_event(), None);
    assert_eq!(store.usage().keys, 1);
    store.unwatch(two).unwrap();
    store.unwatch(two).unwrap();
    store.offer(two, 2).unwrap();
    assert_eq!(store.next_event(), None);
    // With events that nobody takes.
    store.watch(Store::ROOT).unwrap();
    store.offer(two, 3).unwrap();
    drop(store);
}

#[test]
fn nothing_is_watched_unless_there_is_room_for_it() {
    let mut store = store(0, 9);
    assert_eq!(store.watch(Store::ROOT), Err(Error::Capacity));
    for (watches, events) in [((1 << 30) + 1, 0), (0, (1 << 30) + 1)] {
        let config = StoreConfig { watches, events, ..StoreConfig::default() };
        assert_eq!(Store::footprint(&config).err(), Some(Error::Invalid));
    }
}
