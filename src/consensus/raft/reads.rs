//! Linearizable reads (thesis, 6.4): a read waits until the leader was one after it was asked
//! for, and until everything that was committed then is applied here.

use super::message::{Message, What, YES};
use super::outbox::Small;
use super::slots::{Slot, Slots};
use super::types::{Event, Role};
use super::{Raft, mutation};
use crate::error::{Error, Result};

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
    /// It is confirmed, and the follower that asks has to be told.
    Answer,
    /// It has to be applied.
    Apply,
    /// It was not possible.
    Failed,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Read {
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

pub(super) type Reads<'m> = Slots<'m, Read>;

/// What a leader has to say about reads.
#[derive(Clone, Copy)]
pub(super) struct Leading {
    pub commit: u64,
    /// The last round that a majority has answered.
    pub confirmed: u64,
}

impl Read {
    fn confirm(&mut self) {
        self.phase = if self.from == 0 { Phase::Apply } else { Phase::Answer };
    }

    /// It is not possible: a follower may ask again.
    fn fail(&mut self) {
        self.phase = if self.from == 0 { Phase::Failed } else { Phase::Free };
    }

    fn waits(&self) -> bool {
        matches!(self.phase, Phase::Ask | Phase::Asked | Phase::Confirm)
    }
}

impl Slot for Read {
    fn is_free(&self) -> bool {
        self.phase == Phase::Free
    }

    fn until(&self) -> u64 {
        if self.waits() { self.until } else { u64::MAX }
    }
}

impl Reads<'_> {
    /// Another leads, or nobody: what was asked of the one before, the next one is asked. What this node was
    /// asked as a leader nobody can tell.
    pub fn leader_is_gone(&mut self) {
        self.each(&mut |read| match read.phase {
            Phase::Asked => read.phase = Phase::Ask,
            Phase::Confirm | Phase::Answer => read.fail(),
            _ => {}
        });
    }

    /// This node leads now.
    pub fn lead(&mut self, round: u64) {
        self.each(&mut |read| {
            if matches!(read.phase, Phase::Ask | Phase::Asked) {
                (read.phase, read.round, read.index) = (Phase::Confirm, round, 0);
            }
        });
    }

    /// Time is over.
    pub fn expire(&mut self, now: u64) {
        self.each(&mut |read| {
            if read.until() <= now {
                read.fail();
            }
        });
    }

    /// The next question to the leader.
    pub fn ask(&mut self) -> Option<u64> {
        let question = self.question();
        let read = self.find(&|read| read.phase == Phase::Ask)?;
        (read.phase, read.question) = (Phase::Asked, question);
        Some(question)
    }

    /// The leader has answered.
    pub fn answer(&mut self, question: u64, index: Option<u64>) {
        let asked = |read: &Read| read.phase == Phase::Asked && read.question == question;
        if let Some(read) = self.find(&asked) {
            read.phase = if index.is_some() { Phase::Apply } else { Phase::Failed };
            read.index = index.unwrap_or(0);
        }
    }

    /// Takes up what a majority has confirmed.
    pub fn confirm(&mut self, leading: Leading) {
        self.each(&mut |read| {
            if read.phase != Phase::Confirm {
                return;
            }
            if read.index == 0 {
                read.index = leading.commit;
            }
            if read.round <= leading.confirmed || mutation::is("read-unconfirmed") {
                read.confirm();
            }
        });
    }

    pub fn event(&mut self, applied: u64) -> Option<Event> {
        let Read { token, index, phase, .. } = self.take(&|read| match read.phase {
            Phase::Apply => read.index <= applied,
            Phase::Failed => true,
            _ => false,
        })?;
        Some(match phase {
            Phase::Apply => Event::ReadReady { token, index },
            _ => Event::ReadFailed { token },
        })
    }
}

impl Raft<'_> {
    /// Asks for a linearizable read: [`Event::ReadReady`] says when the application's state holds
    /// all that was committed by now, [`Event::ReadFailed`] that this cannot be told, at the latest
    /// twice [`patience_us`](super::Timeouts::patience_us) from now. `token` is the caller's.
    ///
    /// # Errors
    /// [`Error::RaftNoLeader`] if no leader is known, [`Error::Capacity`] if too many reads wait.
    pub fn read(&mut self, token: u64, now_us: u64) -> Result<()> {
        self.at(now_us)?;
        let until = self.now.saturating_add(2 * self.timeouts.patience_us);
        let read = Read { token, until, ..Read::default() };
        match self.role {
            Role::Leader => self.read_here(read),
            _ if self.leader == 0 => Err(Error::RaftNoLeader),
            _ => self.reads.add(Read { phase: Phase::Ask, ..read }).map(drop),
        }
    }

    fn read_here(&mut self, mut read: Read) -> Result<()> {
        if self.has_lease() {
            read.index = self.commit;
            read.confirm();
            return self.reads.add(read).map(drop);
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
        // Something of its own term has to be committed.
        if self.reads.is_empty() || self.role != Role::Leader || self.commit < self.own {
            return;
        }
        let leading = Leading { commit: self.commit, confirmed: self.confirmed() };
        self.reads.confirm(leading);
    }

    /// A follower asks.
    pub(super) fn on_read(&mut self, message: &Message<'_>) {
        let [token, ..] = message.numbers;
        let until = self.now.saturating_add(2 * self.timeouts.patience_us);
        let read = Read { token, from: message.from, until, ..Read::default() };
        if self.role != Role::Leader || self.read_here(read).is_err() {
            let (to, what) = (message.from, What::ReadReply);
            self.outbox.push(Small { to, numbers: [token, 0, 0, 0], what, flags: 0 });
        }
    }

    /// The answer to a follower's read that is due.
    pub(super) fn read_reply(&mut self, buffer: &mut [u8]) -> usize {
        let Some(read) = self.reads.take(&|read| read.phase == Phase::Answer) else { return 0 };
        self.write(buffer, (What::ReadReply, YES), read.from, &[read.token, read.index])
    }

    /// The leader has answered.
    pub(super) fn on_read_reply(&mut self, message: &Message<'_>) {
        let [question, index, ..] = message.numbers;
        // Who led before may answer late.
        if message.from == self.leader && message.term == self.term {
            self.reads.answer(question, (message.flags & YES != 0).then_some(index));
        }
    }
}
