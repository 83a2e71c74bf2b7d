//! Linearizable reads (thesis, 6.4): a read waits until the leader was one after it was asked
//! for, and until everything that was committed then is applied here.

use super::message::{Message, What, YES};
use super::outbox::Small;
use super::types::{Event, Role};
use super::{NodeId, Raft, mutation};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Free,
    /// The leader has to be asked.
    Ask,
    /// It was asked.
    Asked,
    /// This node leads and has to be confirmed.
    Confirm,
    /// It has to be applied.
    Apply,
    /// It was not possible.
    Failed,
}

#[derive(Clone, Copy, Default)]
struct Read {
    /// The caller's, or the follower's number.
    token: u64,
    /// The follower that asks; 0 for the caller.
    from: u64,
    /// The number of the question to the leader.
    question: u64,
    /// What has to be applied.
    index: u64,
    /// The round of heartbeats that confirms it.
    round: u64,
    until: u64,
    phase: Phase,
}

pub(super) struct Reads<'m> {
    all: Carved<'m, Read>,
    questions: u64,
    /// So many are not free.
    used: usize,
}

/// What a leader has to say about reads.
#[derive(Clone, Copy)]
pub(super) struct Leading {
    pub commit: u64,
    /// The last round that a majority has answered.
    pub confirmed: u64,
    /// Something of its own term is committed.
    pub ready: bool,
}

impl<'m> Reads<'m> {
    pub fn carve(carver: &mut Carver<'m>, count: usize) -> Result<Reads<'m>> {
        Ok(Reads { all: carver.take(count, Read::default())?, questions: 0, used: 0 })
    }

    /// Questions are numbered from here on.
    pub fn begin(&mut self, questions: u64) {
        self.questions = questions;
    }

    fn add(&mut self, read: Read) -> Result<()> {
        let place = self.all.iter_mut().find(|place| place.phase == Phase::Free);
        *place.ok_or(Error::Capacity)? = read;
        self.used += 1;
        Ok(())
    }

    fn in_use(&mut self) -> impl Iterator<Item = &mut Read> {
        let none = self.used == 0;
        self.all.iter_mut().filter(move |read| !none && read.phase != Phase::Free)
    }

    /// This node leads no more: nobody knows whether what it would say holds.
    pub fn leader_is_gone(&mut self, until: u64) {
        let mut freed = 0;
        for read in self.in_use().filter(|read| read.phase == Phase::Confirm) {
            read.phase = if read.from == 0 { Phase::Failed } else { Phase::Free };
            freed += usize::from(read.from != 0);
            read.until = until;
        }
        self.used -= freed;
    }

    /// What a leader was asked and has not answered, the next one is asked.
    pub fn ask_again(&mut self) {
        let asked = self.in_use().filter(|read| read.phase == Phase::Asked);
        asked.for_each(|read| read.phase = Phase::Ask);
    }

    /// This node leads now.
    pub fn lead(&mut self, round: u64) {
        for read in self.in_use().filter(|read| matches!(read.phase, Phase::Ask | Phase::Asked)) {
            (read.phase, read.round, read.index) = (Phase::Confirm, round, 0);
        }
    }

    /// Time is over.
    pub fn expire(&mut self, now: u64) {
        let mut freed = 0;
        for read in self.in_use().filter(|read| read.until <= now) {
            match read.phase {
                // Nobody waits for the answer any more.
                Phase::Confirm if read.from != 0 => {
                    read.phase = Phase::Free;
                    freed += 1;
                }
                Phase::Ask | Phase::Asked | Phase::Confirm => read.phase = Phase::Failed,
                _ => {}
            }
        }
        self.used -= freed;
    }

    pub fn wake(&self) -> u64 {
        let waits = |read: &&Read| matches!(read.phase, Phase::Ask | Phase::Asked | Phase::Confirm);
        match self.used {
            0 => u64::MAX,
            _ => self.all.iter().filter(waits).map(|read| read.until).min().unwrap_or(u64::MAX),
        }
    }

    /// The next question to the leader.
    pub fn ask(&mut self) -> Option<u64> {
        self.in_use().next()?;
        self.questions += 1;
        let question = self.questions;
        let read = self.in_use().find(|read| read.phase == Phase::Ask)?;
        (read.phase, read.question) = (Phase::Asked, question);
        Some(question)
    }

    /// The leader has answered.
    pub fn answer(&mut self, question: u64, index: Option<u64>) {
        let mut asked = self.in_use();
        if let Some(read) =
            asked.find(|read| read.phase == Phase::Asked && read.question == question)
        {
            read.phase = if index.is_some() { Phase::Apply } else { Phase::Failed };
            read.index = index.unwrap_or(0);
        }
    }

    /// Takes up what a majority has confirmed: those of followers are answered, one each call.
    pub fn confirm(&mut self, leading: Leading) -> Option<(u64, u64, u64)> {
        if !leading.ready {
            return None;
        }
        let mut answer = None;
        for read in self.in_use().filter(|read| read.phase == Phase::Confirm) {
            if read.index == 0 {
                read.index = leading.commit;
            }
            if read.round > leading.confirmed && !mutation::is("read-unconfirmed") {
                continue;
            }
            if read.from == 0 {
                read.phase = Phase::Apply;
            } else {
                read.phase = Phase::Free;
                answer = Some((read.from, read.token, read.index));
                break;
            }
        }
        self.used -= usize::from(answer.is_some());
        answer
    }

    pub fn event(&mut self, applied: u64) -> Option<Event> {
        let over = |read: &&mut Read| match read.phase {
            Phase::Apply => read.index <= applied,
            Phase::Failed => true,
            _ => false,
        };
        let read = self.in_use().find(over)?;
        let (token, index) = (read.token, read.index);
        let ready = read.phase == Phase::Apply;
        read.phase = Phase::Free;
        self.used -= 1;
        Some(if ready { Event::ReadReady { token, index } } else { Event::ReadFailed { token } })
    }
}

impl Raft<'_> {
    /// Asks for a linearizable read: [`Event::ReadReady`] says when the application's state holds
    /// all that was committed by now, [`Event::ReadFailed`] that this cannot be told, at the latest
    /// two election timeouts from now. `token` is the caller's.
    ///
    /// # Errors
    /// [`Error::RaftNoLeader`] if no leader is known, [`Error::Capacity`] if too many reads wait.
    pub fn read(&mut self, token: u64, now_us: u64) -> Result<()> {
        self.at(now_us)?;
        let until = self.now.saturating_add(2 * self.config.election_us);
        let read = Read { token, until, ..Read::default() };
        match self.role {
            Role::Leader => self.read_here(read),
            _ if self.leader == 0 => Err(Error::RaftNoLeader),
            _ => self.reads.add(Read { phase: Phase::Ask, ..read }),
        }
    }

    fn read_here(&mut self, read: Read) -> Result<()> {
        if self.has_lease() {
            let index = self.commit;
            self.reads.add(Read { phase: Phase::Apply, index, ..read })?;
            return Ok(());
        }
        // A round that began before the read says nothing about it.
        let round = self.round + u64::from(self.round_used);
        self.reads.add(Read { phase: Phase::Confirm, round, ..read })?;
        if self.round_used {
            (self.round, self.round_used) = (round, false);
        }
        self.peers.iter_mut().for_each(|peer| peer.heartbeat = true);
        self.confirm_reads();
        Ok(())
    }

    /// Answers what can be answered.
    pub(super) fn confirm_reads(&mut self) {
        if self.reads.used == 0 || self.role != Role::Leader {
            return;
        }
        let leading = self.readings();
        while let Some((to, question, index)) = self.reads.confirm(leading) {
            self.answer_read(to, question, Some(index));
        }
    }

    fn answer_read(&mut self, to: u64, question: u64, index: Option<u64>) {
        let numbers = [question, index.unwrap_or(0), 0, 0];
        let flags = if index.is_some() { YES } else { 0 };
        self.outbox.push(Small { to, numbers, what: What::ReadReply, flags });
    }

    /// A follower asks.
    pub(super) fn on_read(&mut self, message: &Message<'_>) {
        let [token, ..] = message.numbers;
        let until = self.now.saturating_add(2 * self.config.election_us);
        let read = Read { token, from: message.from, until, ..Read::default() };
        if self.role != Role::Leader {
            self.answer_read(message.from, token, None);
        } else if self.has_lease() {
            self.answer_read(message.from, token, Some(self.commit));
        } else if self.read_here(read).is_err() {
            self.answer_read(message.from, token, None);
        }
    }

    /// The leader has answered.
    pub(super) fn on_read_reply(&mut self, message: &Message<'_>) {
        let [question, index, ..] = message.numbers;
        // Who led before may answer late.
        if NodeId(message.from) == NodeId(self.leader) && message.term == self.term {
            self.reads.answer(question, (message.flags & YES != 0).then_some(index));
        }
    }
}
