//! Registers of the last writer, and counters.

use std::hint::black_box;

use crdts::{CmRDT, LWWReg, PNCounter};
use neural_swarm::crdt::{Kind, StoreConfig};

use super::Bench;
use super::ours::{Ours, OursC, config};
use crate::measure::{Contestant, Outcome};
use crate::report::{Row, Section};

/// Milliseconds since 1970.
const NOW: u64 = 1_700_000_000_000;

/// Their register of bytes; who writes last has the greatest time and actor.
type Register = LWWReg<Vec<u8>, (u64, u64)>;

fn ours(log: usize) -> Outcome<Ours> {
    Ours::new(&StoreConfig { log, ..config(1, 1) }, Kind::LastWriter)
}

fn theirs<'a>(len: usize) -> Contestant<'a> {
    let (mut register, value) = (Register::default(), vec![5; len]);
    let mut now = NOW;
    Contestant::calls("LWWReg", move || {
        now += 1;
        register.update(black_box(&value).clone(), (now, 1));
        black_box(&register);
    })
}

fn assign<'a>(log: usize, len: usize) -> Outcome<Contestant<'a>> {
    let (mut ours, value) = (ours(log)?, vec![5; len]);
    let mut now = NOW;
    Ok(Contestant::calls("ours", move || {
        now += 1;
        ours.store.assign_bytes(ours.key, black_box(&value), now).expect("room");
    }))
}

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut rows = Vec::new();
    for len in [8, 64] {
        let work = format!("register of {len} B: assign");
        bench.row(&mut rows, &work, Some(0.8), || Ok([assign(256, len)?, theirs(len)]))?;
        bench.row(&mut rows, &format!("{work}, C"), Some(0.8), || {
            let (mut ours, value) = (OursC::new(1, 1, 256, Kind::LastWriter), vec![5; len]);
            let mut now = NOW;
            let ours = Contestant::calls("ours", move || {
                now += 1;
                ours.assign(black_box(&value), now);
            });
            Ok([ours, theirs(len)])
        })?;
    }
    numbers(bench, &mut rows)?;
    told(bench, &mut rows)?;
    counted(bench, &mut rows)?;
    Ok(Section {
        title: "Registers of the last writer, counters",
        text: "Beside `crdts::LWWReg` of bytes (`Vec<u8>`), whose marker is a time and an actor. \
               Ours looks whether there is room, makes the time stamp, finds what is replaced, \
               and remembers the change (and what it undid) for others; theirs compares two \
               markers. What that costs is told by the rows with a number, where theirs has no \
               bytes to copy, and without the log. The last row is the same work on both sides: \
               an assignment, and the bytes that tell another replica of it."
            .to_string(),
        rows,
        ..Section::default()
    })
}

/// Ours beside nothing but the comparison: what it does more.
fn numbers(bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
    for (log, what) in [(256, ""), (0, ", without our log")] {
        bench.row(rows, &format!("register of 8 B: assign, beside a u64{what}"), None, || {
            let (mut register, mut now) = (LWWReg::<u64, (u64, u64)>::default(), NOW);
            let theirs = Contestant::calls("LWWReg", move || {
                now += 1;
                register.update(black_box(7), (now, 1));
                black_box(&register);
            });
            Ok([assign(log, 8)?, theirs])
        })?;
    }
    Ok(())
}

fn told(bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
    bench.row(rows, "register of 8 B: assign, and tell a peer", None, || {
        let (mut ours, value) = (ours(256)?, [5; 8]);
        let (mut context, mut frame, mut now) = ([0; 64], [0; 256], NOW);
        let ours = Contestant::calls("ours", move || {
            now += 1;
            // What a peer has that lacks nothing yet.
            let len = ours.store.context(&mut context).expect("room");
            ours.store.assign_bytes(ours.key, black_box(&value), now).expect("room");
            black_box(ours.tell(&context[..len], &mut frame));
        });
        let (mut register, value) = (Register::default(), vec![5; 8]);
        let (mut now, mut frame) = (NOW, Vec::new());
        let theirs = Contestant::calls("LWWReg, bincode", move || {
            now += 1;
            register.update(black_box(&value).clone(), (now, 1));
            frame.clear();
            bincode::serialize_into(&mut frame, &register).expect("bytes");
            black_box(&frame);
        });
        Ok([ours, theirs])
    })
}

/// One more, as each replica counts: `apply` of what `inc` says, as others take it in.
fn counted(bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
    bench.row(rows, "counter: one more", Some(0.8), || {
        let mut ours = Ours::new(&StoreConfig { log: 256, ..config(1, 1) }, Kind::Counter)?;
        let ours = Contestant::calls("ours", move || {
            ours.store.increment(ours.key, black_box(1)).expect("room");
        });
        let mut counter = PNCounter::new();
        let theirs = Contestant::calls("PNCounter", move || {
            let op = counter.inc(black_box(1));
            counter.apply(op);
            black_box(&counter);
        });
        Ok([ours, theirs])
    })
}
