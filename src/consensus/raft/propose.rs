//! Proposals: appended by a leader, forwarded by the others.

use super::log::CLIENT;
use super::message::{Message, What};
use super::outbox::Small;
use super::sessions::{Sessions, client_of, front};
use super::slots::{Slot, Slots};
use super::types::{EntryKind, Event, Proposal, Role};
use super::{Raft, RaftConfig, mutation, parts};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Free,
    Waiting,
    Sent,
    Done,
    Refused,
}

#[derive(Clone, Copy, Default)]
struct Forward {
    client: u64,
    sequence: u64,
    question: u64,
    index: u64,
    until: u64,
    len: u32,
    error: i32,
    phase: Phase,
}

impl Slot for Forward {
    fn is_free(&self) -> bool {
        self.phase == Phase::Free
    }

    fn until(&self) -> u64 {
        if matches!(self.phase, Phase::Waiting | Phase::Sent) { self.until } else { u64::MAX }
    }
}

impl Forward {
    fn refuse(&mut self) {
        (self.phase, self.error) = (Phase::Refused, Error::RaftNoLeader.code());
    }
}

#[derive(Default)]
/// Proposals that were forwarded, or will be.
pub(super) struct Forwards<'m> {
    all: Slots<'m, Forward>,
    /// The data of each, in as many bytes as the longest takes.
    bytes: Carved<'m, u8>,
}

impl<'m> Forwards<'m> {
    pub fn carve(&mut self, carver: &mut Carver<'m>, config: &RaftConfig) -> Result<()> {
        if !parts::FORWARD {
            return Ok(());
        }
        let count = config.forwards.checked_mul(config.max_entry).ok_or(Error::Overflow)?;
        self.all.carve(carver, config.forwards)?;
        self.bytes = carver.take(count, 0)?;
        Ok(())
    }

    /// Questions are numbered from here on.
    pub fn begin(&mut self, questions: u64) {
        self.all.begin(questions);
    }

    fn add(&mut self, proposal: Proposal<'_>, longest: usize, until: u64) -> Result<()> {
        let Proposal { data, client, sequence } = proposal;
        let question = self.all.question();
        let (len, phase) = (data.len() as u32, Phase::Waiting);
        let new = Forward { client, sequence, question, until, len, phase, ..Forward::default() };
        let start = self.all.add(new)? * longest;
        if let Some(place) = self.bytes.get_mut(start..start + data.len()) {
            place.copy_from_slice(data);
        }
        Ok(())
    }

    /// Nobody knows whether what was sent was appended.
    pub fn leader_is_gone(&mut self) {
        if !parts::FORWARD {
            return;
        }
        self.all.each(&mut |forward| {
            if forward.phase == Phase::Sent {
                forward.refuse();
            }
        });
    }

    pub fn expire(&mut self, now: u64) {
        if !parts::FORWARD {
            return;
        }
        self.all.each(&mut |forward| {
            if forward.until() <= now {
                forward.refuse();
            }
        });
    }

    pub fn wake(&self) -> u64 {
        if parts::FORWARD { self.all.wake() } else { u64::MAX }
    }

    pub fn event(&mut self) -> Option<Event> {
        if !parts::FORWARD {
            return None;
        }
        let over = |forward: &Forward| matches!(forward.phase, Phase::Done | Phase::Refused);
        let Forward { client, sequence, index, error, phase, .. } = self.all.take(&over)?;
        let error = Error::from_code(error).unwrap_or(Error::Invalid);
        Some(match phase {
            Phase::Done => Event::Forwarded { client, sequence, index },
            _ => Event::Refused { client, sequence, error },
        })
    }
}

impl Raft<'_> {
    /// Proposes an entry: its index if this node leads and has appended it, nothing if it was
    /// forwarded to the leader, which [`Event::Forwarded`] or [`Event::Refused`] tells more about. It
    /// is agreed on when [`next_committed`](Raft::next_committed) gives it. An index may be given to
    /// another entry if the leader changes before.
    ///
    /// A client's proposal is appended once, as long as the client is among the
    /// [`sessions`](super::RaftConfig::sessions) ones that were committed last: one that is no longer is a
    /// new one, whose sequence 1 is appended again.
    ///
    /// # Errors
    /// [`Error::RaftNoLeader`]; [`Error::Capacity`] while the log, or the table of forwarded
    /// proposals, is full; [`Error::Length`] for more than `max_entry` bytes;
    /// [`Error::RaftBusy`] during a transfer. For a client's: [`Error::RaftDuplicate`] if it was
    /// appended already (it may not be agreed on yet, and be lost still), [`Error::RaftSession`] if one before it was not, or if the client is not known (any
    /// more) and this is not its first, [`Error::Invalid`] for sequence 0, [`Error::Unsupported`] without a
    /// table of clients. [`Error::RaftNotLeader`] if this node forwards nothing (`forwards` is 0).
    /// [`Error::Overflow`] when indices are used up: the node halts.
    pub fn propose(&mut self, proposal: Proposal<'_>, now_us: u64) -> Result<Option<u64>> {
        self.at(now_us)?;
        if proposal.data.len() > self.config.max_entry {
            return Err(Error::Length);
        }
        if self.role == Role::Leader {
            return self.propose_here(proposal).map(Some);
        }
        if self.leader == 0 {
            return Err(Error::RaftNoLeader);
        }
        if !parts::FORWARD || self.config.forwards == 0 {
            return Err(Error::RaftNotLeader);
        }
        let until = self.now.saturating_add(self.timeouts.patience_us);
        self.forwards.add(proposal, self.config.max_entry, until)?;
        Ok(None)
    }

    fn propose_here(&mut self, proposal: Proposal<'_>) -> Result<u64> {
        if self.transferee() != 0 {
            return Err(Error::RaftBusy);
        }
        let Proposal { data, client, sequence } = proposal;
        if client == 0 {
            self.room_to_propose(data.len())?;
            self.append(EntryKind::Data, [data, &[]])?;
            return Ok(self.log.last());
        }
        if self.sessions.is_off() {
            return Err(Error::Unsupported);
        }
        if !mutation::is("session-twice") {
            Sessions::check(self.last_of(client), sequence)?;
        }
        self.room_to_propose(CLIENT + data.len())?;
        self.append(EntryKind::Session, [&front(client, sequence), data])?;
        self.sessions.appended(client, sequence);
        Ok(self.log.last())
    }

    /// Room for an entry beside those that must always have some.
    pub(super) fn room_to_propose(&mut self, len: usize) -> Result<()> {
        if self.make_room(len, super::config::SPARE) { Ok(()) } else { Err(Error::Capacity) }
    }

    /// A client's last proposal in this leader's log.
    fn last_of(&self, client: u64) -> u64 {
        if let Some(last) = self.sessions.last(client) {
            return last;
        }
        // One that is new has none, or has them among what is not committed.
        let mut index = self.log.last();
        while index > self.commit {
            match self.client_at(index) {
                Some((other, sequence)) if other == client => return sequence,
                _ => index -= 1,
            }
        }
        0
    }

    /// Client and sequence of an entry that has them.
    pub(super) fn client_at(&self, index: u64) -> Option<(u64, u64)> {
        let entry = self.log.entry(index)?;
        if entry.kind == EntryKind::Session { client_of(entry.data) } else { None }
    }

    /// A new leader has found an entry in its log.
    pub(super) fn note_appended(&mut self, index: u64) {
        if let Some((client, sequence)) = self.client_at(index) {
            self.sessions.appended(client, sequence);
        }
    }

    /// The next proposal for the leader.
    pub(super) fn forward_message(&mut self, buffer: &mut [u8]) -> usize {
        if !parts::FORWARD {
            return 0;
        }
        let waiting = |forward: &Forward| match forward.phase {
            Phase::Waiting => forward.question,
            _ => u64::MAX,
        };
        let Some(at) = self.forwards.all.least(&waiting) else { return 0 };
        let Some(forward) = self.forwards.all.get_mut(at) else { return 0 };
        forward.phase = Phase::Sent;
        let numbers = [forward.question, forward.client, forward.sequence];
        let (start, len) = (at * self.config.max_entry, forward.len as usize);
        let head = self.write(buffer, (What::Propose, 0), self.leader, &numbers);
        let data = self.forwards.bytes.get(start..start + len).unwrap_or_default();
        let Some(place) = buffer.get_mut(head..head + data.len()) else { return 0 };
        place.copy_from_slice(data);
        head + data.len()
    }

    /// Somebody who does not lead forwards a proposal.
    pub(super) fn on_propose(&mut self, message: &Message<'_>) {
        let [question, client, sequence, ..] = message.numbers;
        let proposal = Proposal { data: message.tail, client, sequence };
        let done = match () {
            () if !parts::FORWARD => Err(Error::Unsupported),
            () if self.role != Role::Leader => Err(Error::RaftNotLeader),
            () if message.tail.len() > self.config.max_entry => Err(Error::Length),
            () => self.propose_here(proposal),
        };
        let (index, error) = match done {
            Ok(index) => (index, 0),
            Err(error) => (0, u64::from(error.code().unsigned_abs())),
        };
        let numbers = [question, index, error, 0];
        let (to, what) = (message.from, What::ProposeReply);
        self.outbox.push(Small { to, numbers, what, flags: 0 });
    }

    /// The leader has taken it on, or not.
    pub(super) fn on_propose_reply(&mut self, message: &Message<'_>) {
        let [question, index, error, ..] = message.numbers;
        if !parts::FORWARD || message.from != self.leader {
            return;
        }
        let sent = |forward: &Forward| forward.phase == Phase::Sent && forward.question == question;
        if let Some(forward) = self.forwards.all.find(&sent) {
            forward.index = index;
            forward.error = i32::try_from(error).map_or(0, |code| -code);
            forward.phase = if error == 0 { Phase::Done } else { Phase::Refused };
        }
    }
}
