//! A follower's side of replication (thesis, 3.5).

use super::log::hollow;
use super::message::{Entries, Message, NO, QUIET, What};
use super::outbox::Small;
use super::types::Role;
use super::{Install, Raft, mutation};
use crate::error::{Error, Result};

impl Raft<'_> {
    /// Whether somebody may speak as leader. Nothing is changed yet.
    pub(super) fn may_speak(&mut self, message: &Message<'_>) -> Result<bool> {
        let (from, term) = (message.from, message.term);
        if term < self.term && !mutation::is("old-term") {
            // It leads no more and has to know, or a node with a newer term could never be led.
            self.refuse(from, message.numbers[0], (0, 0, 0));
            return Ok(false);
        }
        let other = self.leader != 0 && self.leader != from;
        if term == self.term
            && (self.role == Role::Leader || (self.role == Role::Follower && other))
        {
            // There is one leader in a term.
            return Err(Error::RaftPeer);
        }
        Ok(true)
    }

    /// Whether this is of the leader that is followed already.
    fn is_followed(&self, message: &Message<'_>) -> bool {
        self.role == Role::Follower && (message.term, message.from) == (self.term, self.leader)
    }

    /// What was sent to a former member says nothing about who came again under its name.
    pub(super) fn is_former(&self, message: &Message<'_>) -> bool {
        self.is_followed(message) && message.numbers[0] >> 32 < self.pass >> 32
    }

    /// Somebody speaks as leader, and may.
    pub(super) fn hear_leader(&mut self, message: &Message<'_>) {
        self.become_follower(message.term, message.from);
        self.contact = Some(self.now);
        self.election.stands = 0;
        self.draw_deadline();
    }

    fn refuse(&mut self, to: u64, pass: u64, (previous, hint, hint_term): (u64, u64, u64)) {
        let numbers = [pass, previous, hint, hint_term];
        let what = What::AppendReply;
        self.outbox.push(Small { to, numbers, what, flags: NO });
    }

    /// What a leader says cannot be if this node has kept what it promised.
    fn contradiction(&mut self, from: u64) -> Error {
        // A stranger may say anything. Who knows nobody has lost even that.
        match self.members.has(from) || self.members.rows().is_empty() {
            true => self.halt(Error::RaftLost),
            false => Error::RaftLost,
        }
    }

    pub(super) fn on_append(&mut self, message: &Message<'_>) -> Result<()> {
        let [pass, previous, previous_term, commit, entries_term] = message.numbers;
        let (entries, count) = Entries::check(message.tail, &self.config)?;
        let in_order = previous_term <= message.term
            && (count == 0 || (previous_term <= entries_term && entries_term <= message.term));
        if !in_order || (count > 0 && entries_term == 0) {
            return Err(Error::RaftFormat);
        }
        if !self.may_speak(message)? {
            return Ok(());
        }
        let former = self.is_former(message);
        if !former {
            self.contradicts(message, count)?;
        }
        self.hear_leader(message);
        if former {
            return Ok(());
        }
        self.pass = pass;
        let known = self.log.term(previous);
        // What is committed is the same everywhere; its term may be forgotten.
        if known != Some(previous_term) && previous > self.commit {
            let (hint, hint_term) = self.log.meet(previous, previous_term);
            self.refuse(message.from, pass, (previous, hint, hint_term));
            return Ok(());
        }
        let received = self.take_entries(previous, entries_term, entries)?;
        self.verified = self.verified.max(received);
        self.ack_due = true;
        self.commit_to(commit.min(self.verified));
        Ok(())
    }

    /// Whether entries, and the one before them, can be if this log is right.
    fn contradicts(&mut self, message: &Message<'_>, count: u64) -> Result<()> {
        let [_, previous, previous_term, _, term] = message.numbers;
        let verified = if self.is_followed(message) { self.verified } else { 0 };
        let mut expected = previous_term;
        for index in previous..=(previous + count).min(self.log.last()) {
            match self.log.term(index) {
                Some(own) if own != expected && index <= self.commit => {
                    return Err(self.contradiction(message.from));
                }
                Some(own) if own != expected && index > previous => {
                    // A leader does not take back what it said. All behind is replaced.
                    return if index <= verified { Err(Error::RaftPeer) } else { Ok(()) };
                }
                _ => {}
            }
            expected = term;
        }
        Ok(())
    }

    /// Takes entries in, as many as there is room for; up to where the log is the leader's now.
    fn take_entries(&mut self, previous: u64, term: u64, entries: Entries<'_>) -> Result<u64> {
        let mut index = previous;
        for (kind, data) in entries {
            let next = index + 1;
            let known = self.log.term(next);
            if known != Some(term) && next > self.commit {
                if known.is_some() {
                    self.cut(next);
                }
                let (kind, data) =
                    if self.is_witness() { hollow(kind, data) } else { (kind, data) };
                match self.push(term, kind, [data, &[]]) {
                    Ok(_) => {}
                    // The rest comes again.
                    Err(Error::Capacity) => break,
                    Err(error) => return Err(error),
                }
            }
            index = next;
        }
        Ok(index)
    }

    pub(super) fn on_heartbeat(&mut self, message: &Message<'_>) -> Result<()> {
        let [pass, matched, commit, round, sent] = message.numbers;
        if !self.may_speak(message)? {
            return Ok(());
        }
        let former = self.is_former(message);
        if matched > self.log.last() && !former {
            // It was told that this is durable here.
            return Err(self.contradiction(message.from));
        }
        self.hear_leader(message);
        if former {
            return Ok(());
        }
        self.commit_to(commit.min(self.verified));
        // An acknowledgement that was lost is due again.
        (self.pass, self.acked) = (pass, self.acked.min(matched));
        if message.flags & QUIET == 0 {
            let numbers = [pass, self.verified, round, sent];
            let (to, what) = (message.from, What::HeartbeatReply);
            self.outbox.push(Small { to, numbers, what, flags: 0 });
        }
        Ok(())
    }

    /// The acknowledgement that is due: of nothing that is not durable.
    pub(super) fn ack_message(&mut self, buffer: &mut [u8]) -> usize {
        let matched = self.verified.min(self.log.stable());
        let waits = matched < self.verified && matched <= self.acked;
        let due = self.ack_due || matched > self.acked;
        if self.role != Role::Follower
            || !due
            || waits
            || self.pass == 0
            || self.install == Install::Record
        {
            return 0;
        }
        (self.acked, self.ack_due) = (matched, false);
        let numbers = [self.pass, matched, self.verified, 0];
        self.write(buffer, (What::AppendReply, 0), self.leader, &numbers)
    }
}
