//! Memory of values.

use std::collections::BTreeMap;

use crdts::{CmRDT, LWWReg, PNCounter};
use neural_swarm::crdt::{Kind, Store, StoreConfig};

use super::{Bench, number, theirs};
use crate::measure::Outcome;
use crate::report::{Section, Table, number as figure};
use crate::work::memory::heap;

const COUNT: usize = 1000;

/// Puts so many things of eight bytes into a store: in one key, or each in one of its own. The
/// bytes of the heap that they take.
fn fill(kind: Kind, keys: usize) -> Outcome<usize> {
    let config = StoreConfig { keys, items: COUNT, bytes: 1 << 23, ..StoreConfig::default() };
    let mut store = Store::new(&config, neural_swarm::port::Heap)?;
    for i in 0..COUNT as u64 {
        let (name, value) = (i.to_le_bytes(), number(i).to_le_bytes());
        let name = if keys == 1 { &b"key"[..] } else { &name[..] };
        let key = store.open(Store::ROOT, name, kind)?;
        match kind {
            Kind::AddWinsSet | Kind::RemoveWinsSet => store.add(key, &value)?,
            Kind::EnableWinsFlag | Kind::DisableWinsFlag => store.set_flag(key, true)?,
            Kind::Max | Kind::Min => assert!(store.offer(key, i as i64)?),
            Kind::GrowCounter | Kind::Counter => store.increment(key, 1 + i)?,
            Kind::HyperLogLog | Kind::CountMin => store.observe(key, &value, 1)?,
            Kind::List => store.insert(key, i as usize, &value)?,
            _ => store.assign_bytes(key, &value, 0)?,
        }
        store.close(key)?;
    }
    Ok(store.usage().bytes)
}

/// Whether what is in a key of this kind takes no items.
fn joined(kind: Kind) -> bool {
    use Kind::{CountMin, Counter, GrowCounter, HyperLogLog};
    matches!(kind, GrowCounter | Counter | HyperLogLog | CountMin)
}

/// Bytes of ours for each of them: without the last changes, and with as many as there are
/// things.
fn ours(kind: Kind, keys: usize) -> Outcome<[String; 2]> {
    let bytes = fill(kind, keys)?;
    let items = if joined(kind) { 1 } else { COUNT };
    let config =
        StoreConfig { replicas: 2, keys, items, bytes, early: 0, ..StoreConfig::default() };
    let each = |log: usize| -> Outcome<String> {
        let footprint = Store::footprint(&StoreConfig { log, ..config })?.size();
        Ok(figure(footprint as f64 / COUNT as f64))
    };
    Ok([each(0)?, each(COUNT)?])
}

/// What the heap gives out for something.
fn taken<T>(make: impl FnOnce() -> T) -> String {
    let before = heap();
    let thing = make();
    let bytes = heap() - before;
    drop(thing);
    figure(bytes as f64 / COUNT as f64)
}

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut section = Section {
        title: "Memory",
        text: format!(
            "Bytes for each of {COUNT} elements or values of 8 bytes. Ours: the footprint of a \
             store that is full with them (two replicas), without a log, and with a log of \
             {COUNT} changes. Theirs: what the heap gives out for them (`mallinfo2`); it remembers \
             no changes. A value that is not in a set has a key of its own, with a name of 8 bytes; \
             theirs is in a `BTreeMap<u64, _>` then."
        ),
        ..Section::default()
    };
    if !bench.wants("memory") {
        return Ok(section);
    }
    let set = taken(|| theirs::filled(1, 0..COUNT as u64));
    let registers = taken(|| {
        let register = |i: u64| LWWReg { val: number(i).to_le_bytes().to_vec(), marker: (i, 1) };
        let all = (0..COUNT as u64).map(|i| (i, register(i)));
        all.collect::<BTreeMap<u64, LWWReg<Vec<u8>, (u64, u64)>>>()
    });
    let counters = taken(|| {
        let counter = |i: u64| {
            let mut counter = PNCounter::new();
            counter.apply(counter.inc_many(1, 1 + i));
            (i, counter)
        };
        (0..COUNT as u64).map(counter).collect::<BTreeMap<u64, PNCounter<u64>>>()
    });
    let kinds = [
        ("element of an add-wins set", Kind::AddWinsSet, 1, set.as_str()),
        ("element of a remove-wins set", Kind::RemoveWinsSet, 1, ""),
        ("element of a list, put behind the one before", Kind::List, 1, ""),
        ("register of the last writer", Kind::LastWriter, COUNT, &registers),
        ("multi-value register", Kind::MultiValue, COUNT, ""),
        ("flag", Kind::EnableWinsFlag, COUNT, ""),
        ("greatest number", Kind::Max, COUNT, ""),
        ("counter that one replica counts with", Kind::Counter, COUNT, &counters),
        ("HyperLogLog of 1,024 registers", Kind::HyperLogLog, COUNT, ""),
        ("Count-Min sketch of 1,024 cells, of one replica", Kind::CountMin, COUNT, ""),
    ];
    let mut rows = Vec::new();
    for (name, kind, keys, theirs) in kinds {
        let [bare, logged] = ours(kind, keys)?;
        rows.push(vec![name.to_string(), bare, logged, theirs.to_string()]);
    }
    let head = vec!["what", "ours", "ours, with its change in the log", "crdts"];
    section.tables.push((String::new(), Table { head, rows }));
    Ok(section)
}
