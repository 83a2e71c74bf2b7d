//! Finding out in what two stores differ.

use neural_swarm::crdt::{Kind, StoreConfig};
use neural_swarm::host::chart::Line;

use super::ours::{Ours, config};
use super::{Bench, Charts, draw, number};
use crate::measure::{Outcome, timed};
use crate::report::{Section, Table, number as figure};

/// Numbers of additions of the two replicas begin here.
const NEW: [u64; 2] = [1 << 40, 1 << 41];

/// What it took.
struct Taken {
    frames: usize,
    bytes: usize,
    ns: f64,
}

/// Two replicas with the same set, then each with half of `differing` more.
fn apart(len: u64, differing: u64) -> Outcome<[Ours; 2]> {
    let items = (len + differing) as usize;
    let new = |id| Ours::new(&StoreConfig { log: 0, ..config(id, items) }, Kind::AddWinsSet);
    let mut both = [new(1)?, new(2)?];
    (0..len).for_each(|i| both[0].add(number(i)));
    let state = both[0].state();
    both[1].merge(&state);
    for i in 0..differing {
        let at = (i % 2) as usize;
        both[at].add(number(NEW[at] + i));
    }
    Ok(both)
}

/// Digests go to and fro until both have the same, in frames of at most so many bytes.
fn reconcile([one, two]: &mut [Ours; 2], mtu: usize) -> Outcome<Taken> {
    let (mut taken, mut equal) = (Taken { frames: 0, bytes: 0, ns: 0.0 }, false);
    let (mut frame, mut answer) = (vec![0; mtu], vec![0; mtu]);
    while !equal {
        let mut len = 0;
        let (mut from, mut to) = (&mut *one, &mut *two);
        taken.ns += timed(|| len = from.store.digest(&mut frame).expect("room"));
        while len > 0 {
            (taken.frames, taken.bytes) = (taken.frames + 1, taken.bytes + len);
            let mut done = Default::default();
            taken.ns += timed(|| {
                done = to.store.reconcile(&frame[..len], 0, &mut answer).expect("a digest");
            });
            (len, equal) = (done.len, done.equal);
            std::mem::swap(&mut frame, &mut answer);
            std::mem::swap(&mut from, &mut to);
        }
        if taken.frames > 100_000 {
            return Err("the stores do not come to the same".into());
        }
    }
    Ok(taken)
}

pub fn section(bench: &Bench, charts: &mut Charts) -> Outcome<Section> {
    let len = bench.effort.pick(100_000, 1000);
    let mut section = Section {
        title: "Reconciliation",
        text: format!(
            "Two replicas with the same set of {len} numbers, and then each with half of the \
             differing ones more, find out what by digests, until both know that they have the \
             same. No log, no memory of each other. Frames of both ways count; a round trip is \
             two. In frames of at most 64 KiB, and of 1,200 bytes, where a digest begins again \
             when an answer had no room for all. Times are of one run, both replicas together."
        ),
        ..Section::default()
    };
    let mut rows = Vec::new();
    let mut lines =
        ["digests, 64 KiB", "digests, 1,200 B", "whole state"].map(|name| (name, Vec::new()));
    for differing in bench.effort.pick(&[1, 10, 100, 1000, 10_000][..], &[1, 10]) {
        if !bench.wants(&format!("reconciling {differing} of {len}")) {
            continue;
        }
        let mut row = vec![differing.to_string()];
        let mut whole = 0;
        for (line, mtu) in [65_536, 1200].into_iter().enumerate() {
            let mut both = apart(len, *differing)?;
            whole = both[0].store.state_len();
            let taken = reconcile(&mut both, mtu)?;
            assert_eq!(both[0].store.count(both[0].key), both[1].store.count(both[1].key));
            row.push(figure(taken.frames as f64 / 2.0));
            row.push(taken.bytes.to_string());
            row.push(format!("{} ms", figure(taken.ns / 1e6)));
            lines[line].1.push((*differing as f64, taken.bytes as f64));
        }
        row.push(whole.to_string());
        lines[2].1.push((*differing as f64, whole as f64));
        rows.push(row);
    }
    if !rows.is_empty() {
        let lines = lines.map(|(name, points)| Line { name: name.to_string(), points });
        let words = ["Bytes until two stores have the same", "elements that differ", "bytes"];
        draw(&mut section, charts, "reconcile", words, &lines);
        let head = vec![
            "differing",
            "round trips, 64 KiB",
            "bytes",
            "time",
            "round trips, 1,200 B",
            "bytes",
            "time",
            "bytes of the state",
        ];
        section.tables.push((String::new(), Table { head, rows }));
    }
    Ok(section)
}
