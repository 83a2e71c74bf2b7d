//! Nodes with their network, clocks and disks, and what is due when. Whoever drives it gets
//! to hear what came of it.

use std::collections::{BTreeMap, VecDeque};

use neural_swarm::consensus::raft::Event;
use xxhash_rust::xxh64::xxh64;

use crate::check::Checker;
use crate::host::{Host, Out, With};
use crate::message::describe;
use crate::net::{Net, Packet};
use crate::random::Random;

/// What happened in runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    pub runs: u64,
    pub steps: u64,
    pub packets: u64,
    pub refused: u64,
    pub leaders: u64,
    pub committed: u64,
    pub writes: u64,
    pub reads: u64,
    pub crashes: u64,
    pub breakdowns: u64,
    pub filled: u64,
    pub parts: u64,
    pub pauses: u64,
    pub jumps: u64,
    pub changes: u64,
    pub changed: u64,
    pub wiped: u64,
    pub transfers: u64,
    pub compactions: u64,
    pub snapshots: u64,
    pub fetches: u64,
    pub full: u64,
    /// Of the node that is watched: see [`Host`].
    pub points: u64,
}

impl Tally {
    pub fn all(&mut self) -> [(&'static str, &mut u64); 23] {
        [
            ("runs", &mut self.runs),
            ("steps", &mut self.steps),
            ("packets", &mut self.packets),
            ("refused", &mut self.refused),
            ("leaders", &mut self.leaders),
            ("committed", &mut self.committed),
            ("writes", &mut self.writes),
            ("reads", &mut self.reads),
            ("crashes", &mut self.crashes),
            ("breakdowns", &mut self.breakdowns),
            ("filled", &mut self.filled),
            ("parts", &mut self.parts),
            ("pauses", &mut self.pauses),
            ("jumps", &mut self.jumps),
            ("changes", &mut self.changes),
            ("changed", &mut self.changed),
            ("wiped", &mut self.wiped),
            ("transfers", &mut self.transfers),
            ("compactions", &mut self.compactions),
            ("snapshots", &mut self.snapshots),
            ("fetches", &mut self.fetches),
            ("full", &mut self.full),
            ("points", &mut self.points),
        ]
    }

    pub fn add(&mut self, mut other: Tally) {
        let other = other.all().map(|(_, count)| *count);
        self.all().into_iter().zip(other).for_each(|((_, count), more)| *count += more);
    }
}

/// What is due.
#[derive(Clone, Copy, Debug)]
pub enum Due {
    /// A node of that life has a record durable.
    Durable(u64, u64, u64),
    /// A chunk of a snapshot.
    Written(u64, u64, u64),
    Restart(u64),
    Resume(u64),
    /// Its disk has room again.
    Room(u64),
    /// What broke then is whole.
    Mend(u64),
}

/// What those who use the nodes get to hear.
#[derive(Clone, Copy, Debug)]
pub enum Done {
    /// A command of a client was applied: its sequence, and the answer.
    Applied {
        node: u64,
        client: u64,
        sequence: u64,
        answer: u64,
    },
    Said {
        node: u64,
        event: Event,
    },
}

pub type Run<T = ()> = Result<T, String>;

/// Events that are kept for who wants to know how it came, or as many as NSW_TRACE says.
const TRACE: usize = 200;

pub struct World {
    pub random: Random,
    pub now: u64,
    pub hosts: BTreeMap<u64, Host>,
    pub net: Net,
    pub checker: Checker,
    due: BTreeMap<(u64, u64), Due>,
    counted: u64,
    /// Packets for nodes that are paused.
    held: Vec<Packet>,
    /// Percent of messages that come cut off before they come whole.
    pub garbage: u64,
    /// Whether who falls over in the middle of something begins anew by itself.
    pub again: bool,
    pub done: Vec<Done>,
    pub tally: Tally,
    /// Over all that happens.
    pub hash: u64,
    trace: Option<VecDeque<String>>,
    length: usize,
}

impl World {
    pub fn new(seed: u64, random: Random, net: Net, traced: bool) -> World {
        World {
            random,
            now: 1_000_000,
            hosts: BTreeMap::new(),
            net,
            checker: Checker::default(),
            due: BTreeMap::new(),
            counted: 0,
            held: vec![],
            garbage: 0,
            again: false,
            done: vec![],
            tally: Tally { runs: 1, ..Tally::default() },
            hash: seed,
            trace: traced.then(VecDeque::new),
            length: std::env::var("NSW_TRACE").map_or(TRACE, |n| n.parse().unwrap()),
        }
    }

    pub fn at(&mut self, time: u64, due: Due) {
        self.counted += 1;
        self.due.insert((time, self.counted), due);
    }

    pub fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push_back(format!("{:>9} {}", self.now, what()));
            if trace.len() > self.length {
                trace.pop_front();
            }
        }
    }

    pub fn traced(&self) -> bool {
        self.trace.is_some()
    }

    pub fn noted(&self) -> String {
        self.trace.iter().flatten().map(|line| format!("{line}\n")).collect()
    }

    /// When something happens next, and whose clock it is by.
    fn wake(&self) -> (u64, u64) {
        let awake = self.hosts.values().filter(|host| host.runs());
        awake.map(|host| (host.wakes(self.now), host.id)).min().unwrap_or((u64::MAX, 0))
    }

    pub fn next(&self) -> u64 {
        let due = self.due.keys().next().map_or(u64::MAX, |at| at.0);
        due.min(self.net.next().unwrap_or(u64::MAX)).min(self.wake().0)
    }

    /// The next thing that happens.
    pub fn step(&mut self) -> Run {
        let due = self.due.keys().next().map_or(u64::MAX, |at| at.0);
        let packet = self.net.next().unwrap_or(u64::MAX);
        let (wake, node) = self.wake();
        let next = due.min(packet).min(wake);
        self.now = self.now.max(next);
        if next == due {
            let Some((_, due)) = self.due.pop_first() else { return Ok(()) };
            return self.is_due(due);
        }
        if next == packet {
            return match self.net.arrive() {
                Some(packet) if self.hosts[&packet.to].paused => {
                    self.held.push(packet);
                    Ok(())
                }
                Some(packet) => self.deliver(packet),
                None => Ok(()),
            };
        }
        self.note(|| format!("{node} ticks"));
        self.with(node, |host, now| host.tick(now))
    }

    /// A node does something, and then all that follows from it.
    pub fn with(&mut self, node: u64, what: impl FnOnce(&mut Host, u64)) -> Run {
        let now = self.now;
        if !self.hosts.get(&node).is_some_and(Host::runs) {
            return Ok(());
        }
        let mut host = self.hosts.remove(&node).unwrap();
        what(&mut host, now);
        let mut out = Out::default();
        let with = With { checker: &mut self.checker, others: &self.hosts };
        let done = host.pump(now, with, &mut self.random, &mut out);
        self.hosts.insert(node, host);
        for line in std::mem::take(&mut out.notes) {
            self.note(|| format!("{node}   {line}"));
        }
        done.map_err(|wrong| format!("node {node}: {wrong}"))?;
        self.out(node, out);
        Ok(())
    }

    fn out(&mut self, node: u64, out: Out) {
        self.tally.snapshots += out.snapshots;
        self.tally.compactions += out.compactions;
        self.tally.fetches += out.fetches;
        self.tally.changed += out.changed;
        for (to, bytes) in out.packets {
            self.hash = xxh64(&bytes, self.hash ^ to);
            self.tally.packets += 1;
            self.net.send(&mut self.random, self.now, Packet { from: node, to, bytes });
        }
        if let Some(number) = out.written {
            let life = self.hosts[&node].life;
            let after = self.hosts[&node].disk_delay(&mut self.random);
            self.at(self.now + after, Due::Durable(node, life, number));
        }
        if let Some((number, after)) = out.chunk {
            let life = self.hosts[&node].life;
            self.at(self.now + after, Due::Written(node, life, number));
        }
        if out.crashed {
            let again = self.random.one(&[1, 10_000, 300_000, 2_000_000]);
            let again = Some(again).filter(|_| self.again);
            self.crash(node, "at a point of its writing", again);
        }
        for (client, sequence, answer) in out.answers {
            self.done.push(Done::Applied { node, client, sequence, answer });
        }
        self.done.extend(out.events.into_iter().map(|event| Done::Said { node, event }));
    }

    /// A node falls over; it begins anew after a while, if a time is given.
    pub fn crash(&mut self, node: u64, why: &str, again: Option<u64>) {
        if !self.hosts[&node].up() {
            return;
        }
        self.note(|| format!("{node} crashes {why}"));
        self.tally.crashes += 1;
        self.hosts.get_mut(&node).unwrap().crash(&mut self.random);
        self.checker.restarted(node);
        if let Some(after) = again {
            self.at(self.now + after, Due::Restart(node));
        }
    }

    pub fn start(&mut self, node: u64) -> Run {
        if self.hosts[&node].up() {
            return Ok(());
        }
        self.note(|| format!("{node} starts"));
        let now = self.now;
        self.hosts.get_mut(&node).unwrap().start(now)?;
        self.with(node, |_, _| ())
    }

    pub fn resume(&mut self, node: u64) -> Run {
        self.hosts.get_mut(&node).unwrap().paused = false;
        self.note(|| format!("{node} goes on"));
        for packet in std::mem::take(&mut self.held) {
            if packet.to == node {
                self.deliver(packet)?;
            } else {
                self.held.push(packet);
            }
        }
        self.with(node, |host, now| {
            host.durable(host.flushed(), now);
            host.tick(now);
        })
    }

    fn is_due(&mut self, due: Due) -> Run {
        match due {
            Due::Durable(node, life, number) => {
                if self.hosts[&node].life == life && self.hosts[&node].up() {
                    self.note(|| format!("{node} has record {number} durable"));
                    // A disk does not wait for a process that does.
                    self.hosts.get_mut(&node).unwrap().flush(number)?;
                    return self.with(node, |host, now| host.durable(number, now));
                }
                Ok(())
            }
            Due::Written(node, life, number) => {
                let host = &self.hosts[&node];
                if host.life != life || !host.up() {
                    return Ok(());
                }
                if host.paused {
                    // It hears of it when it goes on.
                    self.at(self.now + 10_000, due);
                    return Ok(());
                }
                self.note(|| format!("{node} has written chunk {number}"));
                self.with(node, |host, now| host.chunk_written(number, now))
            }
            Due::Restart(node) => self.start(node),
            Due::Resume(node) => self.resume(node),
            Due::Room(node) => self.room(node),
            Due::Mend(broke) => {
                self.note(|| format!("what broke at {broke} is whole"));
                self.net.mend(broke);
                Ok(())
            }
        }
    }

    /// A disk that was full has room.
    pub fn room(&mut self, node: u64) -> Run {
        let host = self.hosts.get_mut(&node).unwrap();
        let (life, last) = (host.life, host.freed());
        self.note(|| format!("{node}'s disk has room"));
        if let Some(last) = last {
            self.at(self.now + 1, Due::Durable(node, life, last));
        }
        self.with(node, |_, _| ())
    }

    /// A disk that was stuck is not any more.
    pub fn flush_all(&mut self, node: u64) -> Run {
        let last = self.hosts[&node].waiting;
        let life = self.hosts[&node].life;
        self.is_due(Due::Durable(node, life, last))
    }

    /// From now on all that is due is of disks and pauses.
    pub fn calm(&mut self) {
        self.due.retain(|_, due| !matches!(due, Due::Restart(_) | Due::Mend(_)));
    }

    pub fn deliver(&mut self, packet: Packet) -> Run {
        let Packet { from, to, bytes } = packet;
        if !self.hosts[&to].runs() {
            return Ok(());
        }
        self.note(|| format!("{to} hears {from}: {}", describe(&bytes)));
        if self.random.chance(self.garbage) {
            // What is cut off on its way is no message.
            let len = self.random.below(bytes.len().min(28) as u64) as usize;
            let now = self.now;
            self.hosts.get_mut(&to).unwrap().garbage(from, &bytes[..len], now)?;
            self.tally.refused += 1;
        }
        self.with(to, |host, now| host.step(from, &bytes, now))
    }

    pub fn ids(&self) -> Vec<u64> {
        self.hosts.keys().copied().collect()
    }

    pub fn leader(&self) -> Option<u64> {
        let leads = |host: &&Host| host.runs() && host.view().leads;
        let leaders = self.hosts.values().filter(leads);
        leaders.max_by_key(|host| host.view().term).map(|host| host.id)
    }
}

impl Drop for World {
    /// What came before a panic.
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.noted());
        }
    }
}
