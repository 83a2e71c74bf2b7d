//! A follower's side of replication (thesis, 3.5).

use super::log::hollow;
use super::members::Members;
use super::message::{Entries, Message, NO, QUIET, What};
use super::outbox::Small;
use super::types::{EntryKind, Role};
use super::{Install, NodeId, Raft, mutation};
use crate::error::{Error, Result};

impl Raft<'_> {
    /// Somebody speaks as leader. Whether to go on.
    pub(super) fn hear_leader(&mut self, message: &Message<'_>) -> Result<bool> {
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
        self.become_follower(term, from);
        self.contact = Some(self.now);
        self.draw_deadline();
        // What was sent to a former member says nothing about who came again under its name.
        let [pass, ..] = message.numbers;
        Ok(pass >> 32 >= self.pass >> 32)
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
        let (entries, count) = Entries::check(message.tail, self.config.longest())?;
        let in_order = previous_term <= message.term
            && (count == 0 || (previous_term <= entries_term && entries_term <= message.term));
        if !in_order || (count > 0 && entries_term == 0) {
            return Err(Error::RaftFormat);
        }
        self.check_entries(entries.clone())?;
        if !self.hear_leader(message)? {
            return Ok(());
        }
        match self.log.term(previous) {
            Some(term) if term == previous_term => {}
            // What is committed is the same everywhere; its term may be forgotten.
            None if previous <= self.commit => {}
            Some(_) if previous <= self.commit => return Err(self.contradiction(message.from)),
            _ => {
                let (hint, term) = self.log.meet(previous, previous_term);
                let hint = if hint < self.commit { (self.commit, 0) } else { (hint, term) };
                self.refuse(message.from, pass, (previous, hint.0, hint.1));
                return Ok(());
            }
        }
        let received = self.take_entries(message.from, previous, entries_term, entries)?;
        self.verified = self.verified.max(received);
        (self.pass, self.ack_due) = (pass, true);
        self.commit_to(commit.min(self.verified));
        Ok(())
    }

    fn check_entries(&self, entries: Entries<'_>) -> Result<()> {
        for (kind, data) in entries {
            match kind {
                EntryKind::Members => Members::check(data, self.config.peers)?,
                EntryKind::Hollow if !self.config.witness => return Err(Error::RaftFormat),
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes entries in, as many as there is room for; up to where the log is the leader's now.
    fn take_entries(
        &mut self,
        from: u64,
        previous: u64,
        term: u64,
        entries: Entries<'_>,
    ) -> Result<u64> {
        let mut index = previous;
        for (kind, data) in entries {
            let next = index + 1;
            match self.log.term(next) {
                Some(own) if own == term => {}
                None if next <= self.commit => {}
                Some(_) if next <= self.commit => return Err(self.contradiction(from)),
                // A leader does not take back what it said.
                Some(_) if next <= self.verified => return Err(Error::RaftPeer),
                known => {
                    if known.is_some() {
                        self.cut(next);
                    }
                    let (kind, data) =
                        if self.config.witness { hollow(kind, data) } else { (kind, data) };
                    match self.push(term, kind, [data, &[]]) {
                        Ok(_) => {}
                        // The rest comes again.
                        Err(Error::Capacity) => break,
                        Err(error) => return Err(error),
                    }
                }
            }
            index = next;
        }
        Ok(index)
    }

    pub(super) fn on_heartbeat(&mut self, message: &Message<'_>) -> Result<()> {
        let [pass, matched, commit, round, sent] = message.numbers;
        if !self.hear_leader(message)? {
            return Ok(());
        }
        if matched > self.log.last() {
            // It was told that this is durable here.
            return Err(self.contradiction(message.from));
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
    pub(super) fn ack_message(&mut self, buffer: &mut [u8]) -> Result<Option<(NodeId, usize)>> {
        let matched = self.verified.min(self.log.stable());
        let waits = matched < self.verified && matched <= self.acked;
        let due = self.ack_due || matched > self.acked;
        if self.role != Role::Follower
            || self.leader == 0
            || !due
            || waits
            || self.pass == 0
            || self.install == Install::Record
        {
            return Ok(None);
        }
        (self.acked, self.ack_due) = (matched, false);
        let numbers = [self.pass, matched, self.verified, 0, 0];
        let message = self.message(What::AppendReply, 0, self.leader, self.term, numbers);
        Ok(Some((NodeId(self.leader), message.encode(buffer)?)))
    }
}
