//! What both kinds of auction know of the other agents, and when they speak.

use super::message::{Message, NOBODY, Stamp};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// By how much a stamp or a round may be above what is known here. One message does not take an auction to the
/// end of its numbers then.
pub(super) const LEAP: u64 = 1 << 32;

/// What came of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is older than what is known of its sender, or one's own.
    Old,
    /// It changed nothing that is believed of tasks.
    Nothing,
    /// It changed who is believed to have some task.
    Changed,
}

/// Whether a bid wins over another: the higher one, of equals that of the agent with the lower number.
pub(super) fn wins(bid: f32, agent: u64, over: f32, other: u64) -> bool {
    bid > over || (bid == over && agent < other)
}

#[derive(Clone, Copy, Debug)]
struct Member {
    id: u64,
    /// The newest of its messages that something known here goes back to.
    stamp: u64,
    /// The same of who sent the message that is being read; 0 if it does not say.
    told: u64,
    news_us: u64,
    lost: bool,
    /// It is lost, and has spoken with a stamp of before: it has to be told which was the last.
    calls: bool,
}

/// The other agents, in rising order of their numbers.
pub(super) struct Peers<'m> {
    own: u64,
    /// Of the last message of one's own.
    stamp: u64,
    /// The same of who sent the message that is being read.
    told: u64,
    members: Carved<'m, Member>,
    met: usize,
}

impl<'m> Peers<'m> {
    /// For so many agents, oneself among them.
    pub fn carve(carver: &mut Carver<'m>, own: u64, agents: usize) -> Result<Peers<'m>> {
        let member =
            Member { id: NOBODY, stamp: 0, told: 0, news_us: 0, lost: false, calls: false };
        Ok(Peers { own, stamp: 0, told: 0, members: carver.take(agents - 1, member)?, met: 0 })
    }

    fn place(&self, agent: u64) -> core::result::Result<usize, usize> {
        self.members[..self.met].binary_search_by_key(&agent, |member| member.id)
    }

    fn get(&self, agent: u64) -> Option<&Member> {
        self.place(agent).ok().map(|at| &self.members[at])
    }

    /// The newest message of an agent that something known here goes back to.
    pub fn stamp_of(&self, agent: u64) -> u64 {
        if agent == self.own {
            self.stamp
        } else {
            self.get(agent).map_or(0, |member| member.stamp)
        }
    }

    /// The same of who sent the message that is being read; 0 if it does not say.
    pub fn told(&self, agent: u64) -> u64 {
        if agent == self.own { self.told } else { self.get(agent).map_or(0, |member| member.told) }
    }

    pub fn is_lost(&self, agent: u64) -> bool {
        self.get(agent).is_some_and(|member| member.lost)
    }

    /// The stamp of the next message of one's own, and those of the others. Of who is lost nothing is said, so that
    /// nobody has to keep a place for it.
    pub fn stamps(&self) -> (u64, impl Iterator<Item = Stamp> + Clone) {
        let told = |member: &&Member| !member.lost || member.calls;
        let stamp = |member: &Member| Stamp { agent: member.id, stamp: member.stamp };
        (self.stamp + 1, self.members[..self.met].iter().filter(told).map(stamp))
    }

    /// The message was sent.
    pub fn sent(&mut self) {
        self.stamp += 1;
        self.members[..self.met].iter_mut().for_each(|member| member.calls = false);
    }

    /// An old message of this agent has come. If it is lost it may have forgotten all.
    pub fn call(&mut self, agent: u64) {
        if let Ok(at) = self.place(agent) {
            self.members[at].calls = self.members[at].lost;
        }
    }

    /// Makes a place for each agent that a message names, and notes the stamps. [`Error::Capacity`] if there is
    /// no room, [`Error::TaskFormat`] if a stamp is too far above what is known; nothing is changed then.
    pub fn admit(&mut self, message: &Message<'_>, now_us: u64) -> Result<()> {
        let Message { head, .. } = message;
        let sender = Stamp { agent: head.sender, stamp: head.stamp };
        let named = || message.stamps().chain([sender]);
        if named().any(|new| new.stamp > self.stamp_of(new.agent).saturating_add(LEAP)) {
            return Err(Error::TaskFormat);
        }
        let others = named().filter(|stamp| stamp.agent != self.own);
        let new = others.filter(|stamp| self.place(stamp.agent).is_err()).count();
        // Places of lost agents that the message does not name may be given to others.
        let lost = self.members[..self.met].iter().filter(|member| member.lost).count();
        let named_lost = named().filter(|stamp| self.is_lost(stamp.agent)).count();
        if self.met + new > self.members.len() + lost - named_lost {
            return Err(Error::Capacity);
        }
        self.told = 0;
        self.members[..self.met].iter_mut().for_each(|member| member.told = 0);
        for Stamp { agent, stamp } in named() {
            match self.place(agent) {
                _ if agent == self.own => self.told = stamp,
                Ok(at) => self.members[at].told = stamp,
                Err(_) => {}
            }
        }
        for Stamp { agent, stamp } in named() {
            if agent != self.own && self.place(agent).is_err() {
                if self.met == self.members.len() {
                    self.evict();
                }
                let at = self.place(agent).unwrap_or_else(|at| at);
                self.members[at..=self.met].rotate_right(1);
                let (told, news_us) = (stamp, now_us);
                self.members[at] =
                    Member { id: agent, stamp: 0, told, news_us, lost: false, calls: false };
                self.met += 1;
            }
        }
        Ok(())
    }

    /// Gives up the place of the lost agent that was heard of longest ago; one that is named now stays.
    fn evict(&mut self) {
        let members = self.members[..self.met].iter().enumerate();
        let gone = members.filter(|(_, member)| member.lost && member.told == 0);
        if let Some((at, _)) = gone.min_by_key(|(_, member)| member.news_us) {
            self.members[at..self.met].rotate_left(1);
            self.met -= 1;
        }
    }

    /// What the message that was admitted told counts from now on.
    pub fn learn(&mut self, now_us: u64) {
        // Of an earlier life: what comes now is newer.
        self.stamp = self.stamp.max(self.told);
        for member in &mut self.members[..self.met] {
            if member.told > member.stamp {
                (member.stamp, member.news_us) = (member.told, now_us);
                (member.lost, member.calls) = (false, false);
            }
        }
    }

    /// Somebody is lost; [`Error::TaskUnknown`] if nothing was ever heard of it.
    pub fn lose(&mut self, agent: u64) -> Result<()> {
        let at = self.place(agent).map_err(|_| Error::TaskUnknown)?;
        self.members[at].lost = true;
        Ok(())
    }

    /// One that is not lost yet and has brought no news for so long.
    pub fn silent(&self, now_us: u64, lost_us: u64) -> Option<u64> {
        let silent =
            |member: &&Member| !member.lost && now_us.saturating_sub(member.news_us) >= lost_us;
        self.members[..self.met].iter().find(silent).map(|member| member.id)
    }
}

/// When an agent speaks: soon after a change, then ever more seldom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pace_us: u64,
    repeat_us: u64,
    wait_us: u64,
    sent_us: Option<u64>,
    /// When the next message is due.
    pub due_us: u64,
    /// When something was last changed.
    pub changed_us: u64,
}

impl Pace {
    pub fn new(pace_us: u64, repeat_us: u64) -> Pace {
        Pace { pace_us, repeat_us, wait_us: pace_us, sent_us: None, due_us: 0, changed_us: 0 }
    }

    /// Whether these times make sense: see the configurations.
    pub fn is_possible(pace_us: u64, repeat_us: u64, lost_us: u64) -> bool {
        pace_us >= 1 && repeat_us >= pace_us && (lost_us == 0 || lost_us / 2 >= repeat_us)
    }

    pub fn change(&mut self, now_us: u64) {
        (self.changed_us, self.wait_us) = (now_us, self.pace_us);
        let soonest = self.sent_us.map_or(0, |sent| sent.saturating_add(self.pace_us));
        self.due_us = soonest.max(now_us);
    }

    pub fn sent(&mut self, now_us: u64) {
        self.sent_us = Some(now_us);
        self.due_us = now_us.saturating_add(self.wait_us);
        self.wait_us = self.wait_us.saturating_mul(2).min(self.repeat_us);
    }
}
