//! What a node wants done, in the order in which a caller has to do it.

use neural_swarm::Error;
use neural_swarm::consensus::raft::{Committed, EntryKind, EntryRef};

use super::{Host, Out, With, Writing};
use crate::app::{App, Command};
use crate::check::{Checker, Seen};
use crate::disk::Stored;
use crate::message::{Message, describe};
use crate::random::Random;

impl Host {
    /// Whether it crashes here.
    fn point(&mut self, out: &mut Out) -> bool {
        self.points += 1;
        match &mut self.crash_in {
            Some(0) => out.crashed = true,
            Some(more) => *more -= 1,
            None => {}
        }
        out.crashed
    }

    /// All that a node wants done.
    pub fn pump(
        &mut self,
        now: u64,
        mut with: With<'_>,
        random: &mut Random,
        out: &mut Out,
    ) -> Result<(), String> {
        if self.ticked.1 > 1000 {
            return Err("it ticks without end".into());
        }
        self.tune(now, out);
        let mut rounds = 0;
        while !self.raft().status().halted {
            let mut more = false;
            while !out.crashed && self.persist(now, &mut with, out)? {
                more = true;
            }
            if !out.crashed {
                more |= self.receive(now, random, out)?;
            }
            if !out.crashed {
                more |= self.send(now, with.checker, random, out)?;
            }
            if !out.crashed {
                more |= self.apply(with.checker, out)?;
            }
            if out.crashed {
                return Ok(());
            }
            self.events(out);
            more |= self.fetch(random, out)?;
            if !more {
                break;
            }
            rounds += 1;
            if rounds > 100_000 {
                return Err("it wants things without end".into());
            }
        }
        match self.raft().status().halted {
            true if self.wiped => out.crashed = true,
            true => return Err("it has halted".into()),
            false => {}
        }
        Ok(())
    }

    /// What must hold, and the records that make it so.
    fn persist(&mut self, now: u64, with: &mut With<'_>, out: &mut Out) -> Result<bool, String> {
        let mut records = vec![];
        while let Some((number, record)) = self.raft.as_mut().unwrap().next_record() {
            let stored = Stored::new(&record);
            if self.noted {
                out.notes.push(format!("writes {}: {stored:?}", number.0));
            }
            with.checker.record(self.id, &self.log, &stored)?;
            self.log.apply(&stored)?;
            records.push((number.0, stored));
        }
        let others = with.others.values().map(Host::seen);
        let all: Vec<Seen<'_>> = others.chain([self.seen()]).collect();
        with.checker.view(&self.view(), &self.seen(), &all)?;
        let Some(last) = records.last().map(|record| record.0) else { return Ok(false) };
        if self.broken {
            self.raft().storage_failed();
            assert!(self.raft().status().halted);
            out.crashed = true;
            return Ok(true);
        }
        if self.full {
            // None of it is durable, and nothing that rests on it is said, until there is room.
            self.unwritten.extend(records);
            return Ok(true);
        }
        for (number, stored) in records {
            self.disk.write(number, stored);
            if self.point(out) {
                return Ok(true);
            }
        }
        if self.stuck {
            self.waiting = last;
        } else if self.disk_time == 0 {
            self.flush(last)?;
            if self.point(out) {
                return Ok(true);
            }
            self.durable(last, now);
        } else {
            out.written = Some(last);
        }
        Ok(true)
    }

    fn receive(&mut self, now: u64, random: &mut Random, out: &mut Out) -> Result<bool, String> {
        let mut more = false;
        while !self.full {
            let raft = self.raft.as_mut().unwrap();
            let Some(write) = raft.next_snapshot_write() else { break };
            more = true;
            if write.offset == 0 {
                self.incoming = (write.index, vec![]);
            }
            let have = (self.incoming.0, self.incoming.1.len() as u64);
            if have != (write.index, write.offset) {
                return Err(format!("writes {write:?} of a snapshot after {have:?}"));
            }
            self.incoming.1.extend(write.bytes);
            let (number, index) = (write.number, write.index);
            let whole = (self.incoming.1.len() as u64 == write.total).then_some(&self.incoming.1);
            // One that was being written is not wanted any more.
            self.writing = Some(Writing { number, index, whole: whole.cloned() });
            if self.point(out) {
                return Ok(true);
            }
            // Now and then it takes so long that another leads meanwhile.
            let slow = if random.chance(10) { 500_000 } else { 0 };
            match self.disk_time + slow {
                0 => self.chunk_written(number, now),
                most => out.chunk = Some((number, 1 + random.below(most))),
            }
        }
        Ok(more)
    }

    fn send(
        &mut self,
        now: u64,
        checker: &mut Checker,
        random: &mut Random,
        out: &mut Out,
    ) -> Result<bool, String> {
        let mut more = false;
        loop {
            let mut buffer = std::mem::take(&mut self.buffer);
            let next = self.raft().next_message(&mut buffer);
            let Some((to, len)) = next.map_err(|error| format!("next_message: {error}"))? else {
                self.buffer = buffer;
                break;
            };
            more = true;
            let bytes = buffer[..len].to_vec();
            self.buffer = buffer;
            self.promised(&bytes, checker)?;
            let local = self.local(now);
            if let Some(tuner) = &mut self.tuner {
                tuner.sent(to, &bytes, local);
            }
            if self.noted {
                out.notes.push(format!("tells {}: {}", to.0, describe(&bytes)));
            }
            out.packets.push((to.0, bytes));
            if self.point(out) {
                return Ok(true);
            }
        }
        while let Some(wanted) = self.raft().next_chunk() {
            more = true;
            // A disk may not give it this time.
            let found =
                self.disk.snapshots.get(&wanted.index).filter(|_| !random.chance(1)).cloned();
            let Some(snapshot) = found else {
                self.raft().chunk_failed(wanted);
                continue;
            };
            let from = (wanted.offset as usize).min(snapshot.len());
            let to = (from + wanted.len).min(snapshot.len());
            let mut buffer = std::mem::take(&mut self.buffer);
            let total = snapshot.len() as u64;
            let made = self.raft().chunk(wanted, total, &snapshot[from..to], &mut buffer);
            // It begins anew with a newer one.
            if made == Err(Error::RaftState) {
                self.buffer = buffer;
                continue;
            }
            let (to, len) = made.map_err(|error| format!("chunk of {wanted:?}: {error}"))?;
            if self.noted {
                out.notes.push(format!("tells {}: {wanted:?}", to.0));
            }
            out.packets.push((to.0, buffer[..len].to_vec()));
            self.buffer = buffer;
        }
        Ok(more)
    }

    /// What a message promises is durable.
    fn promised(&self, bytes: &[u8], checker: &mut Checker) -> Result<(), String> {
        let message = Message::new(bytes).ok_or("it is no message")?;
        let durable = &self.disk.log;
        let kept = match message {
            Message::Vote { to, term } => {
                checker.vote(self.id, term, to)?;
                durable.term == term && durable.vote == to || durable.term > term
            }
            Message::Has { term, index } | Message::Installed { term, index } => {
                let holds = self.log.term(index).is_none_or(|of| durable.holds(index, of));
                durable.term >= term && index <= durable.last() && holds
            }
            Message::Other => true,
        };
        if kept {
            return Ok(());
        }
        let (term, vote, last) = (durable.term, durable.vote, durable.last());
        Err(format!(
            "durable promises: {message:?}, and durable is term {term}, vote {vote}, up to {last}"
        ))
    }

    fn apply(&mut self, checker: &mut Checker, out: &mut Out) -> Result<bool, String> {
        let mut more = false;
        loop {
            let raft = self.raft.as_mut().unwrap();
            let Some(committed) = raft.next_committed() else { break };
            more = true;
            let index = committed.index();
            match committed {
                Committed::Entry { kind, client, sequence, data, term, .. } => {
                    if index != self.app.applied + 1 {
                        return Err(format!("applies {index} after {}", self.app.applied));
                    }
                    if kind != EntryKind::Hollow {
                        let words = [term, kind as u64, client, sequence];
                        let words = words.iter().flat_map(|word| word.to_le_bytes());
                        let all: Vec<u8> = words.chain(data.iter().copied()).collect();
                        checker.apply(self.id, index, &all)?;
                    }
                    self.app.applied = index;
                    if matches!(kind, EntryKind::Data | EntryKind::Session) {
                        let command =
                            Command::decode(data).ok_or(format!("another command at {index}"))?;
                        let before = self.app.answers.get(&client).map_or(0, |answer| answer.0);
                        if client != 0 && sequence <= before {
                            return Err(format!(
                                "applies {sequence} of client {client} after {before}"
                            ));
                        }
                        let answer = self.app.apply(index, &command);
                        self.app.answers.insert(client, (sequence, answer));
                        out.answers.push((client, sequence, answer));
                    }
                    if kind == EntryKind::Members {
                        out.changed += 1;
                    }
                }
                // A witness gets none.
                Committed::Snapshot { .. } if self.config.witness => self.app.applied = index,
                Committed::Snapshot { .. } => {
                    let snapshot = self.disk.snapshots.get(&index);
                    let snapshot = snapshot.ok_or(format!("there is no snapshot of {index}"))?;
                    if index <= self.app.applied {
                        return Err(format!("goes back from {} to {index}", self.app.applied));
                    }
                    self.app = App::load(snapshot);
                    out.snapshots += 1;
                    for (client, (sequence, answer)) in &self.app.answers {
                        out.answers.push((*client, *sequence, *answer));
                    }
                }
            }
            if self.noted {
                out.notes.push(format!("applies {index}"));
            }
            if self.point(out) {
                return Ok(true);
            }
            self.raft().applied(index).map_err(|error| format!("applied {index}: {error}"))?;
        }
        Ok(more | self.compact(out))
    }

    /// Makes a snapshot if one is due; whether the log is shorter then.
    fn compact(&mut self, out: &mut Out) -> bool {
        let (applied, base) = (self.app.applied, self.log.base.0);
        if self.full || applied <= base || !(self.soon || applied - base >= self.compact) {
            return false;
        }
        self.soon = false;
        self.disk.snapshots.insert(applied, self.app.save());
        if self.point(out) {
            return true;
        }
        let done = self.raft().compact(applied).is_ok();
        out.compactions += u64::from(done);
        done
    }

    fn events(&mut self, out: &mut Out) {
        while let Some(event) = self.raft().next_event() {
            out.events.push(event);
            if self.noted {
                out.notes.push(format!("{event:?}"));
            }
        }
    }

    fn fetch(&mut self, random: &mut Random, out: &mut Out) -> Result<bool, String> {
        let mut more = false;
        while let Some(fetch) = self.raft.as_mut().unwrap().next_fetch() {
            more = true;
            out.fetches += 1;
            for index in fetch.first..=fetch.last {
                let own = fetch.to.0 == self.id;
                let found = self.disk.entry(index).filter(|_| own || !random.chance(1));
                let raft = self.raft.as_mut().unwrap();
                let Some(Stored::Entry { index, term, kind, data }) = found else {
                    if own {
                        return Err(format!("wants {index} of itself, which is not there"));
                    }
                    raft.fetch_failed(index);
                    if self.noted {
                        out.notes.push(format!("cannot read {index} for {}", fetch.to.0));
                    }
                    break;
                };
                let entry = EntryRef { index: *index, term: *term, kind: *kind, data };
                match raft.fetched(entry) {
                    Ok(()) => {}
                    Err(Error::Capacity) => break,
                    Err(error) => return Err(format!("fetched {index}: {error}")),
                }
            }
        }
        Ok(more)
    }
}
