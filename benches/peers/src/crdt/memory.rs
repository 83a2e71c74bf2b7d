//! Memory of values.

use crdts::LWWReg;
use neural_swarm::crdt::{Kind, Store, StoreConfig};

use super::{Bench, number, theirs};
use crate::measure::Outcome;
use crate::report::{Section, Table, number as figure};
use crate::work::memory::heap;

const COUNT: usize = 1000;

/// Bytes of ours, for each of so many things of eight bytes: without the last changes,
/// and with as many as there are things.
fn ours(keys: usize, bytes: usize) -> Outcome<[String; 2]> {
    let config =
        StoreConfig { replicas: 2, keys, items: COUNT, bytes, early: 0, ..StoreConfig::default() };
    let each = |log: usize| -> Outcome<String> {
        let footprint = Store::footprint(&StoreConfig { log, ..config })?.size();
        Ok(figure(footprint as f64 / COUNT as f64))
    };
    Ok([each(0)?, each(COUNT)?])
}

/// That a store of this size has room for the things.
fn fill(kind: Kind, keys: usize, bytes: usize) -> Outcome<()> {
    let config = StoreConfig { keys, items: COUNT, bytes, ..StoreConfig::default() };
    let mut store = Store::new(&config, neural_swarm::port::Heap)?;
    for i in 0..COUNT as u64 {
        let (name, value) = (i.to_le_bytes(), number(i).to_le_bytes());
        let name = if keys == 1 { &b"key"[..] } else { &name[..] };
        let key = store.open(Store::ROOT, name, kind)?;
        match kind {
            Kind::AddWinsSet | Kind::RemoveWinsSet => store.add(key, &value)?,
            Kind::EnableWinsFlag | Kind::DisableWinsFlag => store.set_flag(key, true)?,
            Kind::Max | Kind::Min => assert!(store.offer(key, i as i64)?),
            _ => store.assign_bytes(key, &value, 0)?,
        }
        store.close(key)?;
    }
    assert_eq!(store.usage().items, COUNT);
    assert!(store.usage().bytes == bytes);
    Ok(())
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
        all.collect::<std::collections::BTreeMap<u64, LWWReg<Vec<u8>, (u64, u64)>>>()
    });
    // A register of the last writer has a time stamp, so 16 bytes in the heap behind 8.
    let kinds = [
        ("element of an add-wins set", Kind::AddWinsSet, 1, 0, set.as_str()),
        ("element of a remove-wins set", Kind::RemoveWinsSet, 1, 0, ""),
        ("register of the last writer", Kind::LastWriter, COUNT, 24 * COUNT, &registers),
        ("multi-value register", Kind::MultiValue, COUNT, 0, ""),
        ("flag", Kind::EnableWinsFlag, COUNT, 0, ""),
        ("greatest number", Kind::Max, COUNT, 0, ""),
    ];
    let mut rows = Vec::new();
    for (name, kind, keys, bytes, theirs) in kinds {
        fill(kind, keys, bytes)?;
        let [bare, logged] = ours(keys, bytes)?;
        rows.push(vec![name.to_string(), bare, logged, theirs.to_string()]);
    }
    let head = vec!["what", "ours", "ours, with its change in the log", "crdts"];
    section.tables.push((String::new(), Table { head, rows }));
    Ok(section)
}
