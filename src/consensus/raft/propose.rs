//! Proposals: appended by a leader, forwarded by the others.

use super::log::CLIENT;
use super::message::{Message, What};
use super::outbox::Small;
use super::sessions::{Sessions, client_of, front};
use super::types::{EntryKind, Event, Proposal, Role};
use super::{NodeId, Raft, RaftConfig, mutation};
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

/// Proposals that were forwarded, or will be.
pub(super) struct Forwards<'m> {
    all: Carved<'m, Forward>,
    /// The data of each, in as many bytes as the longest takes.
    bytes: Carved<'m, u8>,
    questions: u64,
    /// So many are not free.
    used: usize,
}

impl<'m> Forwards<'m> {
    pub fn carve(carver: &mut Carver<'m>, config: &RaftConfig) -> Result<Forwards<'m>> {
        let (count, longest) = (config.forwards, config.max_entry);
        let all = carver.take(count, Forward::default())?;
        let bytes = carver.take(count.checked_mul(longest).ok_or(Error::Overflow)?, 0)?;
        Ok(Forwards { all, bytes, questions: 0, used: 0 })
    }

    fn in_use(&mut self) -> impl Iterator<Item = &mut Forward> {
        let none = self.used == 0;
        self.all.iter_mut().filter(move |forward| !none && forward.phase != Phase::Free)
    }

    /// Questions are numbered from here on.
    pub fn begin(&mut self, questions: u64) {
        self.questions = questions;
    }

    fn add(&mut self, proposal: Proposal<'_>, longest: usize, until: u64) -> Result<()> {
        let free = |forward: &Forward| forward.phase == Phase::Free;
        let at = self.all.iter().position(free).ok_or(Error::Capacity)?;
        let place = self.bytes.get_mut(at * longest..).ok_or(Error::Capacity)?;
        place.get_mut(..proposal.data.len()).ok_or(Error::Capacity)?.copy_from_slice(proposal.data);
        self.questions += 1;
        if let Some(forward) = self.all.get_mut(at) {
            *forward = Forward {
                client: proposal.client,
                sequence: proposal.sequence,
                question: self.questions,
                until,
                len: proposal.data.len() as u32,
                phase: Phase::Waiting,
                ..Forward::default()
            };
        }
        self.used += 1;
        Ok(())
    }

    /// Nobody knows whether what was sent was appended.
    pub fn leader_is_gone(&mut self) {
        for forward in self.in_use().filter(|forward| forward.phase == Phase::Sent) {
            (forward.phase, forward.error) = (Phase::Refused, Error::RaftNoLeader.code());
        }
    }

    pub fn expire(&mut self, now: u64) {
        let waits = |forward: &&mut Forward| matches!(forward.phase, Phase::Waiting | Phase::Sent);
        for forward in self.in_use().filter(waits).filter(|forward| forward.until <= now) {
            (forward.phase, forward.error) = (Phase::Refused, Error::RaftNoLeader.code());
        }
    }

    pub fn wake(&self) -> u64 {
        let waits = |forward: &&Forward| matches!(forward.phase, Phase::Waiting | Phase::Sent);
        match self.used {
            0 => u64::MAX,
            _ => {
                self.all.iter().filter(waits).map(|forward| forward.until).min().unwrap_or(u64::MAX)
            }
        }
    }

    pub fn event(&mut self) -> Option<Event> {
        let over = |forward: &&mut Forward| matches!(forward.phase, Phase::Done | Phase::Refused);
        let forward = self.in_use().find(over)?;
        let Forward { client, sequence, index, error, phase, .. } = *forward;
        forward.phase = Phase::Free;
        self.used -= 1;
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
    /// # Errors
    /// [`Error::RaftNoLeader`]; [`Error::Capacity`] while the log, or the table of forwarded
    /// proposals, is full; [`Error::Length`] for more than `max_entry` bytes;
    /// [`Error::RaftBusy`] during a transfer. For a client's: [`Error::RaftDuplicate`] if it was
    /// appended already, [`Error::RaftSession`] if one before it was not, or if the client is not known (any
    /// more) and this is not its first, [`Error::Unsupported`] without a table of clients.
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
        if self.config.forwards == 0 {
            return Err(Error::RaftNotLeader);
        }
        let until = self.now.saturating_add(self.config.election_us);
        self.forwards.add(proposal, self.config.max_entry, until)?;
        Ok(None)
    }

    fn propose_here(&mut self, proposal: Proposal<'_>) -> Result<u64> {
        if self.transferee != 0 {
            return Err(Error::RaftBusy);
        }
        let Proposal { data, client, sequence } = proposal;
        if client == 0 {
            self.room_to_propose(data.len())?;
            return self.append(EntryKind::Data, [data, &[]]);
        }
        if self.sessions.is_off() {
            return Err(Error::Unsupported);
        }
        if !mutation::is("session-twice") {
            Sessions::check(self.last_of(client), sequence)?;
        }
        self.room_to_propose(CLIENT + data.len())?;
        let index = self.append(EntryKind::Session, [&front(client, sequence), data])?;
        self.sessions.appended(client, sequence);
        Ok(index)
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
    pub(super) fn forward_message(&mut self, buffer: &mut [u8]) -> Result<Option<(NodeId, usize)>> {
        if self.forwards.used == 0 || self.leader == 0 || self.role == Role::Leader {
            return Ok(None);
        }
        let waiting = |forward: &(usize, &Forward)| forward.1.phase == Phase::Waiting;
        let all = self.forwards.all.iter().enumerate();
        let next = all.filter(waiting).min_by_key(|(_, forward)| forward.question);
        let Some((at, forward)) = next.map(|(at, forward)| (at, *forward)) else { return Ok(None) };
        let numbers = [forward.question, forward.client, forward.sequence, 0, 0];
        let to = self.leader;
        let head = self.message(What::Propose, 0, to, self.term, numbers).encode(buffer)?;
        let start = at * self.config.max_entry;
        let data = self.forwards.bytes.get(start..start + forward.len as usize).unwrap_or_default();
        let place = buffer.get_mut(head..head + data.len()).ok_or(Error::BufferTooSmall)?;
        place.copy_from_slice(data);
        let len = head + data.len();
        if let Some(forward) = self.forwards.all.get_mut(at) {
            forward.phase = Phase::Sent;
        }
        Ok(Some((NodeId(to), len)))
    }

    /// Somebody who does not lead forwards a proposal.
    pub(super) fn on_propose(&mut self, message: &Message<'_>) {
        let [question, client, sequence, ..] = message.numbers;
        let proposal = Proposal { data: message.tail, client, sequence };
        let done = match () {
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
        let sent =
            |forward: &&mut Forward| forward.phase == Phase::Sent && forward.question == question;
        if message.from != self.leader {
            return;
        }
        if let Some(forward) = self.forwards.in_use().find(sent) {
            forward.index = index;
            forward.error = i32::try_from(error).map_or(0, |code| -code);
            forward.phase = if error == 0 { Phase::Done } else { Phase::Refused };
        }
    }
}
