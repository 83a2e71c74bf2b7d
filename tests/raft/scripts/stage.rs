//! The nodes of a script, and what happens to them.

use std::collections::{BTreeMap, BTreeSet};

use neural_swarm::consensus::raft::{Change, Event, Member, MemberKind, NodeId, Role};

use crate::app::Command;
use crate::host::Host;
use crate::linear::Op;
use crate::net::{Net, Packet};
use crate::plan::Plan;
use crate::random::Random;
use crate::world::{Done, World};

type Run<T = ()> = Result<T, String>;

pub struct Stage {
    plan: Plan,
    world: World,
    names: Vec<String>,
    /// The last sequence of each client.
    sequences: BTreeMap<u64, u64>,
    /// What each read is of.
    reads: Vec<(u64, String)>,
    /// Where each client waits.
    waits: BTreeSet<(u64, u64, u64)>,
    commands: u64,
    /// What the line that is run has to say.
    said: Vec<String>,
}

fn number(word: &str) -> Run<u64> {
    word.parse().map_err(|_| format!("{word} is no number"))
}

fn switch(word: &str) -> Run<bool> {
    match word {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{word} is neither on nor off")),
    }
}

/// Keys are letters.
fn key(word: &str) -> u64 {
    word.bytes().fold(0, |key, byte| key << 8 | u64::from(byte))
}

impl Stage {
    pub fn new() -> Stage {
        let world = World::new(1, Random::new(1), Net::calm(), false);
        Stage {
            plan: Plan::calm(),
            world,
            names: vec![],
            sequences: BTreeMap::new(),
            reads: vec![],
            waits: BTreeSet::new(),
            commands: 0,
            said: vec![],
        }
    }

    /// Runs the statements of a line: what they say.
    pub fn line(&mut self, line: &str) -> Run<Vec<String>> {
        let line = line.split('#').next().unwrap_or_default();
        for statement in line.split(';') {
            let words: Vec<&str> = statement.split_whitespace().collect();
            if !words.is_empty() {
                self.statement(&words)?;
                self.hear();
            }
        }
        Ok(std::mem::take(&mut self.said))
    }

    fn id(&self, name: &str) -> Run<u64> {
        let found = self.names.iter().position(|of| of == name);
        Ok(found.ok_or_else(|| format!("there is no node {name}"))? as u64 + 1)
    }

    fn name(&self, id: u64) -> &str {
        &self.names[id as usize - 1]
    }

    fn host(&mut self, name: &str) -> Run<&mut Host> {
        let id = self.id(name)?;
        Ok(self.world.hosts.get_mut(&id).unwrap())
    }

    fn statement(&mut self, words: &[&str]) -> Run {
        match *words {
            ["set", ref settings @ ..] => {
                settings.chunks(2).try_for_each(|setting| self.setting(setting))
            }
            ["witness", ref names @ ..] => {
                for name in names {
                    self.plan.witness_names.push((*name).to_owned());
                }
                Ok(())
            }
            ["nodes", ref names @ ..] => self.nodes(names, true),
            ["spare", ref names @ ..] => self.nodes(names, false),
            ["run", ms] => self.run(number(ms)?),
            [name, "times", "out"] => {
                let beyond = 2 * self.plan.election as i64;
                self.host(name)?.clock.jump(beyond);
                let id = self.id(name)?;
                self.world.with(id, |host, now| host.tick(now))
            }
            [name, "stands"] => self.stands(name),
            ["cut", from, "->", to] => {
                let (from, to) = (self.id(from)?, self.id(to)?);
                self.world.net.cut(from, to);
                Ok(())
            }
            ["cut", one, other] => {
                let (one, other) = (self.id(one)?, self.id(other)?);
                self.world.net.cut(one, other);
                self.world.net.cut(other, one);
                Ok(())
            }
            ["isolate", ref names @ ..] => {
                for name in names {
                    let one = self.id(name)?;
                    for other in self.world.ids() {
                        self.world.net.cut(one, other);
                        self.world.net.cut(other, one);
                    }
                }
                Ok(())
            }
            ["heal"] => {
                self.world.net.heal();
                Ok(())
            }
            [verb @ ("hold" | "release" | "drop"), from, "->", to] => {
                let (from, to) = (self.id(from)?, self.id(to)?);
                if verb == "hold" {
                    self.world.net.hold(from, to);
                    return Ok(());
                }
                let held: Vec<Packet> = self.world.net.release(from, to);
                if verb == "release" { self.deliver(held) } else { Ok(()) }
            }
            ["release", from, "->", to, count] => {
                let (from, to) = (self.id(from)?, self.id(to)?);
                let first = self.world.net.release_some(from, to, number(count)? as usize);
                self.deliver(first)
            }
            ["crash", ref names @ ..] => {
                for name in names {
                    let id = self.id(name)?;
                    self.world.crash(id, "", None);
                    self.waits.retain(|wait| wait.0 != id);
                }
                Ok(())
            }
            ["start", ref names @ ..] => {
                names.iter().try_for_each(|name| self.world.start(self.id(name)?))
            }
            ["wipe", name] => {
                self.host(name)?.wipe();
                Ok(())
            }
            ["pause", name] => {
                self.host(name)?.paused = true;
                Ok(())
            }
            ["resume", name] => {
                let id = self.id(name)?;
                self.world.resume(id)
            }
            ["disk", name, "stuck"] => {
                self.host(name)?.stuck = true;
                Ok(())
            }
            ["disk", name, "well"] => {
                let host = self.host(name)?;
                (host.stuck, host.broken) = (false, false);
                let id = self.id(name)?;
                self.world.flush_all(id)
            }
            ["disk", name, "broken"] => {
                self.host(name)?.broken = true;
                Ok(())
            }
            ["clock", name, "stops"] => {
                let now = self.world.now;
                self.host(name)?.clock.rate(now, -1_000_000);
                Ok(())
            }
            ["clock", name, "goes"] => {
                let now = self.world.now;
                self.host(name)?.clock.rate(now, 0);
                Ok(())
            }
            ["clock", name, "jumps", ms] => {
                let by = number(ms)? as i64 * 1_000;
                self.host(name)?.clock.jump(by);
                Ok(())
            }
            ["show"] => self.show(|stage, id| stage.does(id)),
            ["show", "log"] => self.show(|stage, id| stage.log(id)),
            ["show", "members"] => self.show(|stage, id| stage.members(id)),
            ["show", letter] if letter.len() == 1 => {
                self.show(|stage, id| stage.world.hosts[&id].app.value(key(letter)).to_string())
            }
            [name, ref rest @ ..] if name.ends_with(':') => {
                let name = name.trim_end_matches(':');
                let id = self.id(name)?;
                if !self.world.hosts[&id].runs() {
                    return Err(format!("{name} does not run"));
                }
                self.asks(id, rest).ok_or_else(|| format!("what is `{}`?", words.join(" ")))?
            }
            _ => Err(format!("what is `{}`?", words.join(" "))),
        }
    }

    fn setting(&mut self, setting: &[&str]) -> Run {
        let plan = &mut self.plan;
        match *setting {
            ["entries", n] => plan.entries = number(n)? as usize,
            ["bytes", n] => plan.bytes = number(n)? as usize,
            ["inflight", n] => plan.inflight = number(n)? as usize,
            ["keep", n] => plan.keep = number(n)?,
            ["pre-vote", on] => plan.pre_vote = switch(on)?,
            ["check-quorum", on] => plan.check_quorum = switch(on)?,
            ["lease", on] => plan.lease = switch(on)?,
            ["disk", ms] => plan.disk = number(ms)? * 1_000,
            _ => return Err(format!("there is no setting {}", setting.join(" "))),
        }
        Ok(())
    }

    fn nodes(&mut self, names: &[&str], members: bool) -> Run {
        let from = self.names.len() as u64 + 1;
        self.names.extend(names.iter().map(|name| (*name).to_owned()));
        let to = self.names.len() as u64;
        if members {
            self.plan.nodes = to;
        }
        for id in from..=to {
            if self.plan.witness_names.contains(&self.names[id as usize - 1]) {
                self.plan.witnesses.insert(id);
            }
        }
        for id in from..=to {
            let host = Host::new(id, &self.plan, &mut self.world.random);
            self.world.hosts.insert(id, host);
            self.world.start(id)?;
        }
        Ok(())
    }

    fn run(&mut self, ms: u64) -> Run {
        let end = self.world.now + ms * 1_000;
        while self.world.next() <= end {
            self.world.step()?;
            self.hear();
        }
        self.world.now = end;
        Ok(())
    }

    fn deliver(&mut self, packets: Vec<Packet>) -> Run {
        for packet in packets {
            self.world.deliver(packet)?;
            self.hear();
        }
        Ok(())
    }

    /// It stands for election where nobody else has heard a leader lately, nor stands itself.
    fn stands(&mut self, name: &str) -> Run {
        let id = self.id(name)?;
        for other in self.world.ids() {
            let host = self.world.hosts.get_mut(&other).unwrap();
            if host.runs() && host.status().is_some_and(|status| status.role != Role::Leader) {
                let beyond = self.plan.election as i64 * if other == id { 2 } else { 1 };
                host.clock.jump(beyond);
                host.idle = other != id;
            }
        }
        self.world.with(id, |host, now| host.tick(now))?;
        self.run(20)?;
        self.world.hosts.values_mut().for_each(|host| host.idle = false);
        Ok(())
    }

    /// What a node is asked for; nothing if it is no such thing.
    fn asks(&mut self, id: u64, words: &[&str]) -> Option<Run> {
        Some(match *words {
            ["put", letter, value] => self.proposes(id, letter, Op::Put, value, None),
            ["add", letter, value] => self.proposes(id, letter, Op::Add, value, None),
            ["put", letter, value, "as", client] => {
                self.proposes(id, letter, Op::Put, value, Some((client, None)))
            }
            ["add", letter, value, "as", client] => {
                self.proposes(id, letter, Op::Add, value, Some((client, None)))
            }
            ["put", letter, value, "as", client, sequence] => {
                self.proposes(id, letter, Op::Put, value, Some((client, Some(sequence))))
            }
            ["add", letter, value, "as", client, sequence] => {
                self.proposes(id, letter, Op::Add, value, Some((client, Some(sequence))))
            }
            ["read", letter] => {
                self.reads.push((key(letter), letter.to_owned()));
                let token = self.reads.len() as u64;
                let mut done = Ok(());
                let run = self.world.with(id, |host, now| done = host.read(token, now));
                if let Err(error) = done {
                    let name = self.name(id).to_owned();
                    self.said.push(format!("{name} cannot read: {error}"));
                }
                run
            }
            ["hand", "over", "to", other] => {
                let other = match self.id(other) {
                    Ok(other) => other,
                    Err(error) => return Some(Err(error)),
                };
                let mut done = Ok(());
                let run = self.world.with(id, |host, now| done = host.transfer(other, now));
                if let Err(error) = done {
                    let name = self.name(id).to_owned();
                    self.said.push(format!("{name} does not: {error}"));
                }
                run
            }
            ["compact"] => self.world.with(id, |host, _| host.compact_soon()),
            ["change", ref words @ ..] => self.changes(id, words),
            _ => return None,
        })
    }

    fn proposes(
        &mut self,
        id: u64,
        letter: &str,
        op: fn(u64) -> Op,
        value: &str,
        client: Option<(&str, Option<&str>)>,
    ) -> Run {
        let (client, sequence) = match client {
            Some((client, sequence)) => (number(client)?, sequence.map(number).transpose()?),
            None => (1, None),
        };
        let sequence = sequence.unwrap_or(self.sequences.get(&client).map_or(1, |last| last + 1));
        self.commands += 1;
        let command = Command { number: self.commands, key: key(letter), op: op(number(value)?) };
        let bytes = command.encode(0);
        let mut done = Ok(None);
        self.waits.insert((id, client, sequence));
        self.world.with(id, |host, now| done = host.propose(client, sequence, &bytes, now))?;
        if let Err(error) = done {
            let name = self.name(id).to_owned();
            self.said.push(format!("{name} refuses {sequence} of client {client}: {error}"));
            self.waits.remove(&(id, client, sequence));
        } else {
            self.sequences.insert(client, sequence);
        }
        Ok(())
    }

    fn changes(&mut self, id: u64, words: &[&str]) -> Run {
        let mut changes = vec![];
        for pair in words.chunks(2) {
            let [name, what] = *pair else { return Err("a change is a name and a kind".into()) };
            let member = NodeId(self.id(name)?);
            let kind = match what {
                "voter" => MemberKind::Voter,
                "learner" => MemberKind::Learner,
                "witness" => MemberKind::Witness,
                "out" => {
                    changes.push(Change::Remove(member));
                    continue;
                }
                _ => return Err(format!("{name} cannot be {what}")),
            };
            changes.push(Change::Set(Member { id: member, kind }));
        }
        let mut done = Ok(());
        self.world.with(id, |host, now| done = host.change_members(&changes, now))?;
        if let Err(error) = done {
            let name = self.name(id).to_owned();
            self.said.push(format!("{name} does not: {error}"));
        }
        Ok(())
    }

    /// What nodes have said.
    fn hear(&mut self) {
        for done in std::mem::take(&mut self.world.done) {
            match done {
                Done::Applied { node, client, sequence, answer } => {
                    if self.waits.remove(&(node, client, sequence)) {
                        let name = self.name(node);
                        self.said.push(format!(
                            "{name} has done {sequence} of client {client}: {answer}"
                        ));
                    }
                }
                Done::Said { node, event } => {
                    let name = self.name(node);
                    self.said.extend(match event {
                        Event::ReadReady { token, .. } => {
                            let (key, letter) = &self.reads[token as usize - 1];
                            let value = self.world.hosts[&node].app.value(*key);
                            Some(format!("{name} reads {value} in {letter}"))
                        }
                        Event::ReadFailed { token } => {
                            Some(format!("{name} cannot read {}", self.reads[token as usize - 1].1))
                        }
                        Event::Role { role: Role::Leader, term } => {
                            Some(format!("{name} leads in term {term}"))
                        }
                        Event::Refused { client, sequence, error } => Some(format!(
                            "{name} is refused {sequence} of client {client}: {error}"
                        )),
                        Event::TransferFailed { to } => {
                            Some(format!("{name} has not handed over to {}", self.name(to.0)))
                        }
                        _ => None,
                    });
                }
            }
        }
    }

    fn does(&self, id: u64) -> String {
        let host = &self.world.hosts[&id];
        let Some(status) = host.status() else { return "is down".into() };
        let leader = status.leader.map(|leader| self.name(leader.0));
        let does = match (status.role, leader) {
            (Role::Leader, _) => "leads".to_owned(),
            (Role::Follower, Some(leader)) => format!("follows {leader}"),
            (Role::Follower, None) => "follows nobody".to_owned(),
            (Role::PreCandidate, _) => "asks".to_owned(),
            (Role::Candidate, _) => "stands".to_owned(),
        };
        let (commit, last) = (status.commit, status.last);
        format!("{does} in term {}, {commit} of {last} committed", status.term)
    }

    fn log(&self, id: u64) -> String {
        let log = &self.world.hosts[&id].log;
        let terms: Vec<String> = log.terms.iter().map(u64::to_string).collect();
        let base =
            if log.base.0 > 0 { format!("{} in a snapshot, ", log.base.0) } else { "".into() };
        format!("{base}terms {}", terms.join(" "))
    }

    fn members(&self, id: u64) -> String {
        let host = &self.world.hosts[&id];
        let Some(status) = host.status() else { return "is down".into() };
        let kind = |kind: Option<MemberKind>| match kind {
            Some(MemberKind::Voter) => "voter",
            Some(MemberKind::Learner) => "learner",
            Some(MemberKind::Witness) => "witness",
            None => "out",
        };
        let each = host.members().into_iter().map(|member| {
            let name = self.name(member.id.0);
            if status.joint && member.old != member.kind {
                format!("{name} {} to {}", kind(member.old), kind(member.kind))
            } else {
                format!("{name} {}", kind(member.kind))
            }
        });
        let each: Vec<String> = each.collect();
        if each.is_empty() { "nobody".into() } else { each.join(", ") }
    }

    /// Something of each node, once for those of which it is the same.
    fn show(&mut self, what: impl Fn(&Stage, u64) -> String) -> Run {
        let mut lines: Vec<(String, String)> = vec![];
        for id in self.world.ids() {
            let text = what(self, id);
            match lines.iter_mut().find(|line| line.1 == text) {
                Some(line) => line.0 = format!("{} {}", line.0, self.name(id)),
                None => lines.push((self.name(id).to_owned(), text)),
            }
        }
        self.said.extend(lines.into_iter().map(|(names, text)| format!("{names}: {text}")));
        Ok(())
    }
}
