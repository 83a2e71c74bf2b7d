//! What one replica has comes to another.

use crdts::{CmRDT, CvRDT};
use neural_swarm::crdt::{Kind, StoreConfig};
use neural_swarm::host::chart::Line;

use super::ours::{Ours, OursC, config};
use super::theirs::{self, Set};
use super::{Bench, Charts, draw, number};
use crate::bench::Match;
use crate::measure::{Contestant, Effort, Outcome, timed};
use crate::report::{Section, Unit};

const SET: Kind = Kind::AddWinsSet;
/// Numbers of the second replica begin here.
const SECOND: u64 = 1 << 40;

/// A contestant whose work changes what it works on: that is made off the clock.
fn fresh<'a, T: 'a>(
    name: &str,
    mut make: impl FnMut() -> T + 'a,
    mut work: impl FnMut(&mut T) + 'a,
) -> Contestant<'a> {
    Contestant::new(name, move |times| {
        let mut taken = 0.0;
        for _ in 0..times {
            let mut thing = make();
            taken += timed(|| work(&mut thing));
        }
        Ok(taken)
    })
}

fn sender(new: u64) -> Outcome<Ours> {
    let log = new as usize;
    let mut sender = Ours::new(&StoreConfig { log, ..config(2, log) }, SET)?;
    (0..new).for_each(|i| sender.add(number(SECOND + i)));
    Ok(sender)
}

pub fn section(bench: &Bench) -> Outcome<Section> {
    let mut rows = Vec::new();
    let (new, len) = bench.effort.pick((1000, 10_000), (10, 100));
    let items = (len + new) as usize;
    // Most of the time goes to making what is merged, off the clock.
    let effort = Effort { total: bench.effort.total / 8.0, ..bench.effort };
    let bench = Bench { effort, ..*bench };
    let theirs = || {
        let (receiver, sender) =
            (theirs::filled(1, 0..len), theirs::filled(2, SECOND..SECOND + new));
        let make = move || (receiver.clone(), Some(sender.clone()));
        fresh("Orswot", make, |(receiver, sender): &mut (Set, Option<Set>)| {
            receiver.merge(sender.take().expect("once"));
        })
    };
    let receiver = move || {
        let mut receiver = Ours::new(&config(1, items), SET).expect("memory");
        (0..len).for_each(|i| receiver.add(number(i)));
        receiver
    };
    let work = format!("set of {new} into one of {len}");
    for (how, by_state) in [("delta", false), ("state", true)] {
        bench.row(&mut rows, &format!("{work}, {how}"), Some(10.0), || {
            let (mut sender, context) = (sender(new)?, receiver().context());
            let mut frame = vec![0; sender.store.state_len() + 64];
            let ours = fresh("ours", receiver, move |receiver| {
                let len = if by_state {
                    sender.store.state(&mut frame).expect("room")
                } else {
                    sender.tell(&context, &mut frame)
                };
                assert_eq!(receiver.merge(&frame[..len]).added as u64, new);
            });
            Ok([ours, theirs()])
        })?;
    }
    let shared = format!("state of {} into {len} of them", len + new);
    bench.row(&mut rows, &shared, None, || {
        let state = receiver().state();
        let mut sender = Ours::new(&config(2, items), SET)?;
        sender.merge(&state);
        (0..new).for_each(|i| sender.add(number(SECOND + i)));
        let mut frame = vec![0; sender.store.state_len()];
        let ours = fresh("ours", receiver, move |receiver| {
            let len = sender.store.state(&mut frame).expect("room");
            assert_eq!(receiver.merge(&frame[..len]).added as u64, new);
        });
        let receiver = theirs::filled(1, 0..len);
        let mut sender = receiver.clone();
        (0..new).for_each(|i| theirs::only_add(&mut sender, 2, number(SECOND + i)));
        let make = move || (receiver.clone(), Some(sender.clone()));
        let theirs = fresh("Orswot", make, |(receiver, sender): &mut (Set, Option<Set>)| {
            receiver.merge(sender.take().expect("once"));
        });
        Ok([ours, theirs])
    })?;
    bench.row(&mut rows, &format!("{work}, delta, C"), Some(10.0), || {
        let context = receiver().context();
        let mut sender = OursC::new(2, new as usize, new as usize, SET);
        (0..new).for_each(|i| sender.add(number(SECOND + i)));
        let mut frame = vec![0; 64 + 32 * new as usize];
        let make = move || {
            let mut receiver = OursC::new(1, items, 256, SET);
            (0..len).for_each(|i| receiver.add(number(i)));
            receiver
        };
        let ours = fresh("ours", make, move |receiver| {
            let len = sender.tell(&context, &mut frame);
            receiver.merge(&frame[..len]);
        });
        Ok([ours, theirs()])
    })?;
    Ok(Section {
        title: "Merging",
        text: "A set whose elements the other replica has not seen comes to it. Ours: the sender \
               writes a frame (of the changes that the receiver lacks, or of its whole state), \
               and the receiver takes it in; both are timed. Theirs is `Orswot::merge`, to which \
               the sender's set is given as it is, without bytes. Receivers are made, and theirs \
               copied, off the clock. One row has a sender that has all of the receiver's, too, \
               and tells it again."
            .to_string(),
        rows,
        ..Section::default()
    })
}

/// Two replicas of ours with the same set.
fn pair(len: u64, changes: u64) -> Outcome<[Ours; 2]> {
    let items = (len + changes) as usize;
    let mut pair = [Ours::new(&config(1, items), SET)?, Ours::new(&config(2, items), SET)?];
    (0..len).for_each(|i| pair[0].add(number(i)));
    let state = pair[0].state();
    pair[1].merge(&state);
    Ok(pair)
}

/// Ours: a replica adds so many elements and tells the other; next time it removes them.
fn ours<'a>(len: u64, changes: u64) -> Outcome<Contestant<'a>> {
    let [mut one, mut two] = pair(len, changes)?;
    let (mut context, mut frame, mut there) = ([0; 256], [0; 2048], false);
    Ok(Contestant::calls("ours", move || {
        for i in 0..changes {
            let element = number(SECOND + i);
            if there { one.remove(element) } else { one.add(element) }
        }
        there = !there;
        let lacks = two.store.context(&mut context).expect("room");
        let told = one.tell(&context[..lacks], &mut frame);
        two.merge(&frame[..told]);
    }))
}

/// Theirs, by operations: the same.
fn operations<'a>(len: u64, changes: u64) -> Contestant<'a> {
    let mut one = theirs::filled(1, 0..len);
    let (mut two, mut there) = (one.clone(), false);
    Contestant::calls("crdts, operations", move || {
        for i in 0..changes {
            let element = number(SECOND + i);
            two.apply(if there {
                theirs::remove(&mut one, element)
            } else {
                theirs::add(&mut one, 1, element)
            });
        }
        there = !there;
    })
}

/// Theirs, by states: a copy of the whole set is merged.
fn states<'a>(len: u64, changes: u64) -> Contestant<'a> {
    let mut one = theirs::filled(1, 0..len);
    let (mut two, mut there) = (one.clone(), false);
    Contestant::calls("crdts, states", move || {
        for i in 0..changes {
            let element = number(SECOND + i);
            if there {
                theirs::only_remove(&mut one, element);
            } else {
                theirs::only_add(&mut one, 1, element);
            }
        }
        there = !there;
        two.merge(one.clone());
    })
}

pub fn small(bench: &Bench, charts: &mut Charts) -> Outcome<Section> {
    let mut section = Section {
        title: "Few changes in large sets",
        text: "A replica adds elements to a set and tells another that has all the rest; the next \
               time it removes them again. All of it is timed: the changes, for ours the \
               receiver's context, the frame and the merging; for theirs the operations, applied \
               at both; or a copy of the whole set and its merging, which is what \
               there is without an order of operations that nobody loses."
            .to_string(),
        ..Section::default()
    };
    let mut lines: Vec<Line> = Vec::new();
    for changes in [1, 10] {
        for len in bench.effort.pick(&[100, 1000, 10_000, 100_000][..], &[100]) {
            let work = format!("{changes} of a set of {len}");
            if !bench.wants(&work) {
                continue;
            }
            let ours = ours(*len, changes)?;
            let peers = vec![(states(*len, changes), true), (operations(*len, changes), false)];
            let row = Match { work, unit: Unit::Time, floor: None, ours, peers };
            let row = row.measure(bench.effort)?;
            let peers = row.peers.iter().map(|peer| (peer.name.as_str(), peer.stat.min));
            for (name, ns) in std::iter::once(("ours", row.ours.min)).chain(peers) {
                let (name, point) = (format!("{name}, {changes}"), (*len as f64, ns / 1e3));
                match lines.iter_mut().find(|line| line.name == name) {
                    Some(line) => line.points.push(point),
                    None => lines.push(Line { name, points: vec![point] }),
                }
            }
            section.rows.push(row);
        }
    }
    if !lines.is_empty() {
        let words = ["Few changes, told and merged", "elements of the set", "microseconds"];
        draw(&mut section, charts, "merge", words, &lines);
    }
    Ok(section)
}
