//! Elections (thesis, 3.4 and 9.6), who may disturb a leader (4.2.3, 6.2), and handing over (3.10).

use super::message::{FORCE, Message, NO, What, YES};
use super::outbox::Small;
use super::progress::Progress;
use super::types::{EntryKind, MOST, NodeId, Role};
use super::{Job, Raft, Timeouts, mutation, parts};
use crate::error::{Error, Result};

/// An election that this node stands for.
#[derive(Clone, Copy, Default)]
pub(super) struct Election {
    /// Members by their place in the membership, a bit each: who said yes,
    pub granted: u64,
    /// who said no,
    pub refused: u64,
    /// and who is to be asked.
    pub ask: u64,
    /// The leader asked for it.
    pub forced: bool,
    /// How often this node has stood since a leader was heard.
    pub stands: u8,
}

impl Raft<'_> {
    /// Draws when to stand for election if nothing is heard until then.
    pub(super) fn draw_deadline(&mut self) {
        let election = self.config.election_us;
        // 257 / 2^16 is 1 / 255.
        let late = (election * u64::from(255 - self.config.priority) * 257) >> 16;
        let Timeouts { election_us, spread_us, .. } = self.timeouts;
        let drawn = election_us + self.random.below(spread_us);
        self.deadline = self.now.saturating_add(drawn + late);
    }

    /// Draws when to stand again: whoever has tried gives way to nobody any more, for it may be the
    /// only one that can win.
    fn draw_next(&mut self) {
        let Timeouts { election_us, spread_us, patience_us, .. } = self.timeouts;
        let drawn = election_us.max(patience_us) + self.random.below(spread_us);
        self.deadline = self.now.saturating_add(drawn);
    }

    pub(super) fn set_role(&mut self, role: Role) {
        self.changed.role |= self.role != role;
        self.role = role;
    }

    pub(super) fn set_leader(&mut self, leader: u64) {
        self.changed.leader |= self.leader != leader;
        self.leader = leader;
    }

    fn set_term(&mut self, term: u64, vote: u64) {
        (self.term, self.vote) = (term, vote);
        self.state_dirty = true;
        // Answers of an older term are of no use to anybody.
        self.outbox.clear();
    }

    /// Whether whoever asks for votes is to be ignored: a leader is there (thesis, 4.2.3).
    fn hears_a_leader(&self) -> bool {
        let recent = |at: u64| self.now - at.min(self.now) < self.config.election_us;
        let heard = self.role == Role::Leader || self.contact.is_some_and(recent);
        heard && !mutation::is("lease-unheeded")
    }

    /// Storage has taken nothing in for so long that this node had better not lead.
    pub(super) fn is_stalled(&self) -> bool {
        let late = self.records.waiting_since.saturating_add(2 * self.config.election_us);
        self.records.given > self.records.durable && self.now >= late
    }

    fn can_stand(&mut self, forced: bool) -> bool {
        let asked = forced || self.config.priority > 0;
        let named = self.members.may_stand(self.config.id.0) || self.is_leaving();
        let fit = named && !self.is_witness();
        // A leader begins with an entry.
        asked && fit && !self.is_stalled() && self.make_room(0, 0)
    }

    /// Whether a membership without this node is not committed yet: until then it may be the only one
    /// that can lead (thesis, 4.2.2). Its own vote does not count.
    fn is_leaving(&mut self) -> bool {
        if self.members.index <= self.commit {
            return false;
        }
        self.look_up_members(self.members.index - 1);
        self.other.may_stand(self.config.id.0)
    }

    /// Takes another's word in a term that may be a new one. 0: nobody's yet.
    pub(super) fn become_follower(&mut self, term: u64, leader: u64) {
        let led = self.role == Role::Leader;
        let same = term == self.term && leader == self.leader && self.role == Role::Follower;
        if term > self.term {
            self.set_term(term, 0);
        }
        if same {
            return;
        }
        self.set_role(Role::Follower);
        self.set_leader(leader);
        // What this log shares with the leader's is known up to here.
        (self.verified, self.acked) = (self.commit, 0);
        (self.pass, self.ack_due) = (0, false);
        if led {
            self.peers.clear();
            self.transferee = 0;
        }
        self.reads.leader_is_gone();
        self.forwards.leader_is_gone();
        self.drop_incoming();
        if parts::FETCH && !self.is_me(self.job.to) {
            self.job = Job::default();
        }
        // Nobody else's term puts off when it stands: it may be the one that can win (thesis, 3.4).
        if led {
            self.draw_deadline();
        }
    }

    /// Stands for election, or asks first whether that would be of use.
    pub(super) fn stand(&mut self, forced: bool) -> Result<()> {
        self.draw_next();
        self.set_leader(0);
        self.drop_incoming();
        if !self.can_stand(forced) {
            self.set_role(Role::Follower);
            return Ok(());
        }
        let stands = self.election.stands.saturating_add(1);
        self.election.stands = stands;
        if !self.config.pre_vote || forced {
            return self.begin_election(forced);
        }
        self.set_role(Role::PreCandidate);
        let own = self.voters() & self.own_bit();
        let ask = self.voters() & !own;
        self.election = Election { granted: own, ask, stands, ..Election::default() };
        self.beat = self.now.saturating_add(self.timeouts.heartbeat_us);
        self.count_votes()
    }

    fn begin_election(&mut self, forced: bool) -> Result<()> {
        if self.term >= MOST {
            return Err(self.halt(Error::Overflow));
        }
        self.set_role(Role::Candidate);
        self.changed.role = true;
        self.set_term(self.term + 1, self.config.id.0);
        // Its own vote counts when it is durable, and nobody is asked before.
        let ask = self.voters() & !self.own_bit();
        let stands = self.election.stands;
        self.election = Election { ask, forced, stands, ..Election::default() };
        self.beat = self.now.saturating_add(self.timeouts.heartbeat_us);
        self.draw_next();
        Ok(())
    }

    fn voters(&self) -> u64 {
        let rows = self.members.rows().iter().rev();
        rows.fold(0, |bits, row| bits << 1 | u64::from(row.voter()))
    }

    fn bit_of(&self, id: u64) -> u64 {
        self.members.find(id).map_or(0, |at| 1 << at)
    }

    fn own_bit(&self) -> u64 {
        self.bit_of(self.config.id.0)
    }

    /// A candidate's term and vote are durable.
    pub(super) fn own_vote(&mut self) -> Result<()> {
        if self.role == Role::Candidate && self.election.granted & self.own_bit() == 0 {
            self.election.granted |= self.own_bit() & self.voters();
            return self.count_votes();
        }
        Ok(())
    }

    fn count_votes(&mut self) -> Result<()> {
        let Election { granted, refused, .. } = self.election;
        if self.members.quorum(granted) {
            match self.role {
                Role::PreCandidate => return self.begin_election(false),
                Role::Candidate => return self.become_leader(),
                _ => {}
            }
        }
        // Nothing is to be won any more: another may try.
        if !self.members.quorum(!refused) {
            self.set_role(Role::Follower);
        }
        Ok(())
    }

    fn become_leader(&mut self) -> Result<()> {
        self.set_role(Role::Leader);
        self.set_leader(self.config.id.0);
        self.peers.clear();
        self.peers.follow(&self.members, self.log.last(), self.now);
        self.sessions.only_committed();
        for index in self.commit + 1..=self.log.last() {
            self.note_appended(index);
        }
        self.round += 1;
        (self.round_used, self.lease_off, self.transferee) = (false, false, 0);
        self.beat = self.now.saturating_add(self.timeouts.heartbeat_us);
        // It commits what is before it (thesis, 3.6.2 and 6.4).
        match self.append(EntryKind::Empty, [&[], &[]]) {
            Ok(()) => self.own = self.log.last(),
            Err(Error::Capacity) => {
                self.become_follower(self.term, 0);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        self.reads.lead(self.round);
        Ok(())
    }

    /// The next request for a vote.
    pub(super) fn vote_message(&mut self, buffer: &mut [u8]) -> usize {
        let what = match self.role {
            Role::PreCandidate => What::PreVote,
            Role::Candidate if self.state_is_durable() => What::Vote,
            _ => return 0,
        };
        let ask = self.election.ask;
        let Some(row) = self.members.rows().get(ask.trailing_zeros() as usize) else { return 0 };
        self.election.ask = ask & (ask - 1);
        let flags = if self.election.forced { FORCE } else { 0 };
        self.write(buffer, (what, flags), row.id(), &[self.log.last(), self.log.last_term()])
    }

    /// Those who have not answered are asked again.
    pub(super) fn ask_again(&mut self) {
        let Election { granted, refused, .. } = self.election;
        self.election.ask = self.voters() & !self.own_bit() & !granted & !refused;
        self.beat = self.now.saturating_add(self.timeouts.heartbeat_us);
    }

    /// Whether a log that ends so is not behind this one (thesis, 3.6.1).
    fn is_up_to_date(&self, message: &Message<'_>) -> bool {
        let [last, last_term, ..] = message.numbers;
        (last_term, last) >= (self.log.last_term(), self.log.last())
            || mutation::is("vote-unchecked")
    }

    fn reply(&mut self, to: u64, what: What, yes: bool, number: u64) {
        let flags = if yes { YES } else { NO };
        self.outbox.push(Small { to, numbers: [number, 0, 0, 0], what, flags });
    }

    pub(super) fn on_pre_vote(&mut self, message: &Message<'_>) {
        let asked = message.term;
        if asked <= self.term {
            // With the term, so that who is behind catches up: else nobody might be elected.
            self.reply(message.from, What::PreVoteReply, false, asked);
        } else if !self.hears_a_leader() && !self.comes_before(message) {
            let yes = self.is_up_to_date(message);
            self.reply(message.from, What::PreVoteReply, yes, asked);
        }
        // Who hears a leader does not answer, rather than say no: it may be over in a moment.
    }

    /// Of two that ask for the same term at once, whoever has the better log, or else the higher
    /// number, goes on, and the other gives way: both would split the votes. Once, for the other may
    /// be the only one that can win.
    fn comes_before(&mut self, message: &Message<'_>) -> bool {
        let first = self.role == Role::PreCandidate && self.election.stands <= 1;
        if !first || message.term != self.term + 1 {
            return false;
        }
        let [last, last_term, ..] = message.numbers;
        let own = (self.log.last_term(), self.log.last(), self.config.id.0);
        let before = own > (last_term, last, message.from);
        if !before {
            self.set_role(Role::Follower);
        }
        before
    }

    pub(super) fn on_pre_vote_reply(&mut self, message: &Message<'_>) -> Result<()> {
        let no = message.flags & YES == 0;
        if no && message.term > self.term {
            self.become_follower(message.term, 0);
            return Ok(());
        }
        let [asked, ..] = message.numbers;
        let mine = self.role == Role::PreCandidate && asked == self.term + 1;
        if mine { self.on_answer(message) } else { Ok(()) }
    }

    pub(super) fn on_vote(&mut self, message: &Message<'_>) {
        let again = message.term == self.term && message.from == self.vote;
        let asked = message.flags & FORCE != 0;
        // In its own term, too: a leader of an older one may count on it for its lease.
        let heeds = self.config.check_quorum && !asked && !again;
        if message.term >= self.term && heeds && self.hears_a_leader() {
            return;
        }
        if message.term > self.term {
            self.become_follower(message.term, 0);
        }
        let free = self.vote == message.from
            || (self.vote == 0 && self.leader == 0 && self.role == Role::Follower);
        let yes = message.term == self.term && free && self.is_up_to_date(message);
        if yes {
            self.state_dirty |= self.vote != message.from;
            self.vote = message.from;
            self.draw_deadline();
        }
        self.reply(message.from, What::VoteReply, yes, 0);
    }

    pub(super) fn on_vote_reply(&mut self, message: &Message<'_>) -> Result<()> {
        if self.role == Role::Candidate { self.on_answer(message) } else { Ok(()) }
    }

    fn on_answer(&mut self, message: &Message<'_>) -> Result<()> {
        let bit = self.bit_of(message.from);
        match message.flags & YES {
            0 => {
                if self.role == Role::Candidate && self.election.refused == 0 {
                    self.stand_sooner();
                }
                self.election.refused |= bit;
            }
            _ => self.election.granted |= bit,
        }
        self.count_votes()
    }

    /// Somebody has said no, most likely because it has voted for another. If nobody wins, not all of
    /// an election timeout is waited again at first.
    fn stand_sooner(&mut self) {
        let patience = self.timeouts.patience_us;
        let spread = if self.election.stands > 1 { patience } else { (patience / 2).max(1) };
        // Others may vote for it still.
        let soon = self.timeouts.heartbeat_us.max(patience / 4) + self.random.below(spread);
        self.deadline = self.deadline.min(self.now.saturating_add(soon));
    }

    /// The leader wants this node to lead.
    pub(super) fn on_timeout(&mut self, message: &Message<'_>) -> Result<()> {
        let follows = self.role == Role::Follower && self.leader == message.from;
        let meant = parts::TRANSFER && follows;
        if meant && self.term == message.term { self.stand(true) } else { Ok(()) }
    }

    /// Whether a leader is heard by a majority.
    pub(super) fn is_heard(&self) -> bool {
        let since = self.now.saturating_sub(self.timeouts.patience_us);
        self.reached(0, self.now, &|peer| peer.heard) >= since
    }

    /// What a majority has reached of something that a leader knows of each; `own`: of itself.
    /// At least `known`.
    pub(super) fn reached(&self, known: u64, own: u64, of: &dyn Fn(&Progress) -> u64) -> u64 {
        self.members.reached(known, &|at| match self.peers.get(at) {
            Some(peer) if self.is_me(peer.id) => own,
            Some(peer) => of(peer),
            None => 0,
        })
    }

    /// Hands over: `to` shall lead. Nothing is proposed until it does, or for
    /// [`patience_us`](super::Timeouts::patience_us); then [`Event::TransferFailed`](super::Event::TransferFailed) says so.
    ///
    /// # Errors
    /// [`Error::RaftNotLeader`], [`Error::RaftBusy`] while another transfer is under way,
    /// [`Error::RaftMember`] if `to` is not another voter that has data, [`Error::Unsupported`] in a build
    /// without `raft-transfer`.
    pub fn transfer(&mut self, to: NodeId, now_us: u64) -> Result<()> {
        self.at(now_us)?;
        if !parts::TRANSFER {
            return Err(Error::Unsupported);
        }
        if self.role != Role::Leader {
            return Err(Error::RaftNotLeader);
        }
        if self.transferee != 0 {
            return Err(Error::RaftBusy);
        }
        if self.is_me(to.0) || !self.members.may_lead(to.0) {
            return Err(Error::RaftMember);
        }
        self.transferee = to.0;
        self.transfer_until = self.now.saturating_add(self.timeouts.patience_us);
        self.hand_over();
        Ok(())
    }

    /// Who is to lead next; 0: nobody.
    pub(super) fn transferee(&self) -> u64 {
        if parts::TRANSFER { self.transferee } else { 0 }
    }

    /// Tells the next leader, once it has everything.
    pub(super) fn hand_over(&mut self) {
        if !parts::TRANSFER {
            return;
        }
        let Some(at) = self.members.find(self.transferee) else { return };
        let last = self.log.last();
        if let Some(peer) = self.peers.get_mut(at).filter(|peer| peer.matched == last) {
            peer.timeout = true;
            // It may stand at any time from now on, whoever hears a leader: no lease holds any more.
            self.lease_off = true;
        }
    }

    /// Whether reads need to ask nobody (thesis, 6.4.1): those that answered lately elect no other.
    pub(super) fn has_lease(&self) -> bool {
        let Some(drift) = self.config.lease_drift_ppm.filter(|_| parts::LEASE) else {
            return false;
        };
        if self.lease_off || self.commit < self.own {
            return false;
        }
        // This clock may be slow, and theirs fast; 4295 / 2^32 is a millionth, or a little more.
        let tuned = mutation::is("lease-tuned");
        let election = if tuned { self.timeouts.election_us } else { self.config.election_us };
        let short = (election * 2 * u64::from(drift) * 4295) >> 32;
        let span = election.saturating_sub(short + 1);
        let since = self.reached(0, self.now, &|peer| peer.lease);
        since > 0 && self.now < since.saturating_add(span)
    }

    /// A round of heartbeats was answered by a majority up to here.
    pub(super) fn confirmed(&self) -> u64 {
        self.reached(0, self.round, &|peer| peer.round)
    }
}
