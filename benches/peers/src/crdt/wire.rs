//! Bytes on the wire.

use neural_swarm::crdt::Kind;

use super::ours::{Ours, config};
use super::{Bench, number, theirs};
use crate::measure::Outcome;
use crate::report::{Section, Table};

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut section = Section {
        title: "Bytes on the wire",
        text: "Of one more element in a set of so many numbers, and of one less. Ours: the frame \
               for a peer that lacks just this change, and the whole state. Theirs: the operation, \
               and the whole set, by `bincode` 1 and by `serde_json`, with which its users write \
               it. An operation of theirs says of which set it is only by what its user writes \
               beside it; ours has the set's name (3 bytes here)."
            .to_string(),
        ..Section::default()
    };
    if !bench.wants("bytes on the wire") {
        return Ok(section);
    }
    let mut rows = Vec::new();
    for len in bench.effort.pick(&[10, 100, 1000, 10_000][..], &[10]) {
        let mut ours = Ours::new(&config(1, *len as usize + 1), Kind::AddWinsSet)?;
        (0..*len).for_each(|i| ours.add(number(i)));
        let mut frame = [0; 256];
        let context = ours.context();
        ours.add(number(*len));
        let added = ours.tell(&context, &mut frame);
        let context = ours.context();
        ours.remove(number(*len));
        let removed = ours.tell(&context, &mut frame);
        let mut set = theirs::filled(1, 0..*len);
        let ops = [theirs::add(&mut set, 1, number(*len)), theirs::remove(&mut set, number(*len))];
        let mut row = vec![len.to_string(), added.to_string(), removed.to_string()];
        row.push(ours.state().len().to_string());
        for op in &ops {
            let sizes = (bincode::serialize(op)?.len(), serde_json::to_vec(op)?.len());
            row.push(format!("{}; {}", sizes.0, sizes.1));
        }
        row.push(format!(
            "{}; {}",
            bincode::serialize(&set)?.len(),
            serde_json::to_vec(&set)?.len()
        ));
        rows.push(row);
    }
    let head = vec![
        "elements",
        "ours: add",
        "remove",
        "state",
        "crdts: add (bincode; JSON)",
        "remove (bincode; JSON)",
        "state (bincode; JSON)",
    ];
    section.tables.push((String::new(), Table { head, rows }));
    Ok(section)
}
