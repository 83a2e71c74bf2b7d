//! Registers of the last writer, and counters.

use std::hint::black_box;

use crdts::{CmRDT, LWWReg, PNCounter};
use neural_swarm::crdt::{Key, Kind, Store, StoreConfig};
use neural_swarm::port::Heap;

use super::Bench;
use super::ours::{Ours, OursC, config};
use crate::measure::{Contestant, Outcome};
use crate::report::{Row, Section};

/// Milliseconds since 1970.
const NOW: u64 = 1_700_000_000_000;

/// Their register of bytes; who writes last has the greatest time and actor.
type Register = LWWReg<Vec<u8>, (u64, u64)>;

fn ours() -> Outcome<Ours> {
    Ours::new(&StoreConfig { log: 256, ..config(1, 1) }, Kind::LastWriter)
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

fn assign<'a>(len: usize) -> Outcome<Contestant<'a>> {
    let (mut ours, value) = (ours()?, vec![5; len]);
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
        bench.row(&mut rows, &work, Some(0.8), || Ok([assign(len)?, theirs(len)]))?;
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
    in_turn(bench, &mut rows)?;
    numbers(bench, &mut rows)?;
    told(bench, &mut rows)?;
    counted(bench, &mut rows)?;
    Ok(Section {
        title: "Registers of the last writer, counters",
        text: "Beside `crdts::LWWReg` of bytes (`Vec<u8>`), whose marker is a time and an actor, \
               and `crdts::PNCounter`. With ours, what is assigned to a register or counted with \
               a counter again, before anything else happens or is told, is part of the change \
               before: the first rows. Two in turn are a change each time: ours looks whether \
               there is room, makes the time stamp, finds what is replaced, and remembers the \
               change (and what it undid) for others; theirs compares two markers and forgets. \
               What that costs is told by the rows beside a number, where theirs has no bytes to \
               copy, and without the log. Where it says C, the lock that finds overlapping calls \
               is most of it. The row that tells a peer is the same work on both \
               sides: an assignment, and the bytes that tell another replica of it."
            .to_string(),
        rows,
        ..Section::default()
    })
}

/// Two stores' worth of keys in one, of which one is changed and then the other.
struct Two {
    store: Store<'static>,
    keys: [Key; 2],
    times: u64,
}

impl Two {
    fn new(kind: Kind, log: usize) -> Outcome<Two> {
        let mut store = Store::new(&StoreConfig { log, ..config(1, 2) }, Heap)?;
        let open = |name: &[u8]| store.open(Store::ROOT, name, kind);
        let [one, two] = [b"one", b"two"].map(|name| name.as_slice()).map(open);
        Ok(Two { store, keys: [one?, two?], times: 0 })
    }

    /// The key that is next, and how many were before.
    fn next(&mut self) -> (Key, u64) {
        self.times += 1;
        (self.keys[(self.times % 2) as usize], self.times)
    }

    fn assign<'a>(mut self, len: usize) -> Contestant<'a> {
        let value = vec![5; len];
        Contestant::calls("ours", move || {
            let (key, times) = self.next();
            self.store.assign_bytes(key, black_box(&value), NOW + times).expect("room");
        })
    }
}

fn in_turn(bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
    bench.row(rows, "registers of 8 B, two in turn: assign", None, || {
        let (mut registers, value) = ([Register::default(), Register::default()], vec![5; 8]);
        let mut now = NOW;
        let theirs = Contestant::calls("LWWReg", move || {
            now += 1;
            let register = &mut registers[(now % 2) as usize];
            register.update(black_box(&value).clone(), (now, 1));
            black_box(register);
        });
        Ok([Two::new(Kind::LastWriter, 256)?.assign(8), theirs])
    })?;
    bench.row(rows, "counters, two in turn: one more", None, || {
        let mut ours = Two::new(Kind::Counter, 256)?;
        let ours = Contestant::calls("ours", move || {
            let (key, _) = ours.next();
            ours.store.increment(key, black_box(1)).expect("room");
        });
        let (mut counters, mut times) = ([PNCounter::new(), PNCounter::new()], 0);
        let theirs = Contestant::calls("PNCounter", move || {
            times += 1;
            let counter = &mut counters[times % 2];
            let op = counter.inc(black_box(1));
            counter.apply(op);
            black_box(counter);
        });
        Ok([ours, theirs])
    })
}

/// Ours beside nothing but the comparison: what it does more.
fn numbers(bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
    for (log, what) in [(256, ""), (0, ", without our log")] {
        bench.row(
            rows,
            &format!("registers of 8 B, two in turn: assign, beside a u64{what}"),
            None,
            || {
                let (mut register, mut now) = (LWWReg::<u64, (u64, u64)>::default(), NOW);
                let theirs = Contestant::calls("LWWReg", move || {
                    now += 1;
                    register.update(black_box(7), (now, 1));
                    black_box(&register);
                });
                Ok([Two::new(Kind::LastWriter, log)?.assign(8), theirs])
            },
        )?;
    }
    Ok(())
}

fn told(bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
    bench.row(rows, "register of 8 B: assign, and tell a peer", None, || {
        let (mut ours, value) = (ours()?, [5; 8]);
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
fn theirs_counts<'a>() -> Contestant<'a> {
    let mut counter = PNCounter::new();
    Contestant::calls("PNCounter", move || {
        let op = counter.inc(black_box(1));
        counter.apply(op);
        black_box(&counter);
    })
}

fn counted(bench: &Bench, rows: &mut Vec<Row>) -> Outcome<()> {
    bench.row(rows, "counter: one more", Some(0.8), || {
        let mut ours = Ours::new(&StoreConfig { log: 256, ..config(1, 1) }, Kind::Counter)?;
        let ours = Contestant::calls("ours", move || {
            ours.store.increment(ours.key, black_box(1)).expect("room");
        });
        Ok([ours, theirs_counts()])
    })?;
    bench.row(rows, "counter: one more, C", Some(0.8), || {
        let mut ours = OursC::new(1, 1, 256, Kind::Counter);
        let ours = Contestant::calls("ours", move || ours.increment(black_box(1)));
        Ok([ours, theirs_counts()])
    })
}
