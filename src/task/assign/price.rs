//! An auction of prices: what a swarm agrees on is as near to the best assignment as is wished.
//!
//! After Bertsekas' auction algorithm (Annals of Operations Research 14, 1988), held without an auctioneer as by
//! Zavlanos, Spesivtsev and Pappas ("A distributed auction algorithm for the assignment problem", CDC
//! 2008). Every task has a price and an agent that has offered it. An agent with a free place offers for the task
//! that leaves it most, `value - price`: as much as makes the second best task as good, and
//! `epsilon` more. The higher offer wins; of equal ones that of the agent with the lower number. So what
//! agents know of a task only ever rises, and messages may be lost, repeated and reordered at will: to
//! merge is to take the maximum.
//!
//! At rest, what is assigned is worth at most `epsilon` a task less than the optimum, but for the rounding of
//! values and prices, which are `f32`: an `epsilon` below 1e-7 of the largest value is no better. That holds
//! also for agents with several places, as long as values add up: the price of a task that an agent has may be thought to be
//! higher, up to where it leaves no more than the agent's worst task, without any other agent wanting it.
//! When a task comes or goes or an agent is lost, prices may be too high; then they all begin anew, in
//! a next round that everybody enters who hears of it.

use core::alloc::Layout;

use super::message::{self, Claim, Kind, Message, NOBODY};
use super::peers::{self, Heard, Pace, Peers, wins};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

/// What an agent of an auction of prices is made for. All agents need the same `auction`; the rest is its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PriceConfig {
    /// Which auction this is: messages of others are refused.
    pub auction: u64,
    /// Which agent this is; not `u64::MAX`.
    pub agent: u64,
    /// Most tasks at a time, 1 to 65,535. A message that names more is refused: the same for all agents.
    pub tasks: usize,
    /// Most agents that are not lost, itself among them, 1 to 65,535. A message that names more is refused:
    /// the same for all agents.
    pub agents: usize,
    /// Most tasks that it takes.
    pub capacity: u32,
    /// What an offer is above what is needed, above 0: the smaller, the better and the slower. The time to
    /// agree may grow with the largest value divided by it, and below 1e-7 of that it is lost in rounding.
    pub epsilon: f32,
    /// Least time between two of its messages, in microseconds, at least 1.
    pub pace_us: u64,
    /// Longest time between two of its messages, at least `pace_us`.
    pub repeat_us: u64,
    /// After how long without news of an agent it is lost, at least twice `repeat_us`; 0 for never.
    pub lost_us: u64,
}

impl Default for PriceConfig {
    fn default() -> Self {
        PriceConfig {
            auction: 0,
            agent: 0,
            tasks: 32,
            agents: 16,
            capacity: 1,
            epsilon: 0.01,
            pace_us: 20_000,
            repeat_us: 500_000,
            lost_us: 0,
        }
    }
}

/// A task, and the highest offer for it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    id: u64,
    value: f32,
    winner: u64,
    price: f32,
}

/// An agent of an auction of prices. It is used like [`Cbba`](super::Cbba).
pub struct PriceAuction<'m> {
    config: PriceConfig,
    /// In rising order of their numbers, `known` of them.
    slots: Carved<'m, Slot>,
    known: usize,
    peers: Peers<'m>,
    round: u64,
    /// Whether offers of this round were made or heard of.
    begun: bool,
    pace: Pace,
    _piece: Piece<'m>,
}

fn carve<'m>(
    config: &PriceConfig,
    carver: &mut Carver<'m>,
) -> Result<(Carved<'m, Slot>, Peers<'m>)> {
    Ok((
        carver.take(config.tasks, Slot { id: 0, value: 0.0, winner: NOBODY, price: 0.0 })?,
        Peers::carve(carver, config.agent, config.agents)?,
    ))
}

impl<'m> PriceAuction<'m> {
    /// Size and alignment of the memory that an agent takes: 24 bytes a task and 40 an agent.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration outside its ranges, [`Error::Overflow`] for one that no
    /// memory could hold.
    pub fn footprint(config: &PriceConfig) -> Result<Layout> {
        let within = |value: usize| (1..=65_535).contains(&value);
        let sizes = within(config.tasks) && within(config.agents);
        let times = Pace::is_possible(config.pace_us, config.repeat_us, config.lost_us);
        let epsilon = config.epsilon > 0.0 && config.epsilon <= 1e30;
        if !sizes || !times || !epsilon || config.agent == NOBODY {
            return Err(Error::Invalid);
        }
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// An agent without tasks that has not heard of anybody.
    ///
    /// # Errors
    /// Those of [`footprint`](Self::footprint) and of the allocator.
    pub fn new(config: &PriceConfig, allocator: impl Allocator<'m>) -> Result<PriceAuction<'m>> {
        PriceAuction::in_piece(config, allocator.allocate(PriceAuction::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &PriceConfig, mut piece: Piece<'m>) -> Result<PriceAuction<'m>> {
        let layout = PriceAuction::footprint(config)?;
        let (slots, peers) = carve(config, &mut piece.carver(layout)?)?;
        let pace = Pace::new(config.pace_us, config.repeat_us);
        let (known, round, begun) = (0, 0, false);
        Ok(PriceAuction { config: *config, slots, known, peers, round, begun, pace, _piece: piece })
    }

    /// The most bytes that a message of an auction with this configuration has.
    pub fn most_bytes(&self) -> usize {
        message::most(self.config.tasks, self.config.agents)
    }

    /// A task, and what it is worth to this agent: 0 if it cannot do it. Once offers were made, all prices begin
    /// anew: better add all that are there before the first message.
    ///
    /// # Errors
    /// [`Error::Capacity`] without room for it, [`Error::TaskState`] if it is there already,
    /// [`Error::Invalid`] for a value outside 0 to 1e30.
    pub fn add_task(&mut self, id: u64, value: f64, now_us: u64) -> Result<()> {
        if !(0.0..=1e30).contains(&value) {
            return Err(Error::Invalid);
        }
        let Err(at) = self.place(id) else { return Err(Error::TaskState) };
        if self.known == self.config.tasks {
            return Err(Error::Capacity);
        }
        self.slots[at..=self.known].rotate_right(1);
        self.slots[at] = Slot { id, value: value as f32, winner: NOBODY, price: 0.0 };
        self.known += 1;
        if self.begun {
            self.enter(self.round + 1);
        }
        self.pace.change(now_us);
        Ok(())
    }

    /// A task that is to be forgotten. It must be taken from all agents. Prices begin anew.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] if it is not there.
    pub fn remove_task(&mut self, id: u64, now_us: u64) -> Result<()> {
        let at = self.place(id).map_err(|_| Error::TaskUnknown)?;
        self.slots[at..self.known].rotate_left(1);
        self.known -= 1;
        if self.begun {
            self.enter(self.round + 1);
        }
        self.pace.change(now_us);
        Ok(())
    }

    /// An agent is lost, as somebody else has found out. If it has tasks, prices begin anew.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] if nothing was ever heard of it.
    pub fn lose(&mut self, agent: u64, now_us: u64) -> Result<()> {
        self.peers.lose(agent)?;
        if self.slots[..self.known].iter().any(|slot| slot.winner == agent) {
            self.enter(self.round + 1);
            self.pace.change(now_us);
        }
        Ok(())
    }

    /// Tells the time: agents may be lost by it. [`next_message`](Self::next_message) does the same.
    pub fn tick(&mut self, now_us: u64) {
        if self.config.lost_us == 0 {
            return;
        }
        while let Some(agent) = self.peers.silent(now_us, self.config.lost_us) {
            if self.lose(agent, now_us).is_err() {
                return;
            }
        }
    }

    /// Takes in a message of another agent.
    ///
    /// # Errors
    /// Those of [`Cbba::step`](super::Cbba::step).
    pub fn step(&mut self, message: &[u8], now_us: u64) -> Result<Heard> {
        let (tasks, agents) = (self.config.tasks, self.config.agents);
        let message = Message::decode(message, Kind::Prices, tasks, agents)?;
        let Message { head, .. } = message;
        if head.auction != self.config.auction {
            return Err(Error::TaskUnknown);
        }
        if head.sender == self.config.agent {
            return Ok(Heard::Old);
        }
        if head.round > self.round.saturating_add(peers::LEAP) {
            return Err(Error::TaskFormat);
        }
        self.peers.admit(&message, now_us)?;
        if head.stamp < self.peers.stamp_of(head.sender) {
            self.peers.call(head.sender);
        }
        self.peers.learn(now_us);
        if head.round < self.round {
            return Ok(Heard::Old);
        }
        let mut changed = head.round > self.round;
        if changed {
            self.enter(head.round);
        }
        // An offer that it has not made, or made in an earlier life and forgot.
        let mut forgotten = false;
        // Both lists of tasks rise.
        let mut at = 0;
        for claim in message.claims() {
            while at < self.known && self.slots[at].id < claim.task {
                at += 1;
            }
            let Some(slot) = self.slots[..self.known].get_mut(at) else { break };
            let higher = wins(claim.bid, claim.winner, slot.price, slot.winner);
            if slot.id == claim.task && claim.winner != NOBODY && higher {
                forgotten |= claim.winner == self.config.agent;
                (slot.price, slot.winner) = (claim.bid, claim.winner);
                changed = true;
            }
        }
        self.begun |= changed;
        if !changed {
            return Ok(Heard::Nothing);
        }
        // What somebody who is lost has offered came too late to be known as such.
        let lost = |slot: &Slot| slot.winner != NOBODY && self.peers.is_lost(slot.winner);
        if forgotten || self.slots[..self.known].iter().any(lost) {
            self.enter(self.round + 1);
        }
        self.offer();
        self.pace.change(now_us);
        Ok(Heard::Changed)
    }

    /// The message to be sent to all neighbours now, if there is one: see
    /// [`Cbba::next_message`](super::Cbba::next_message).
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] if `out` is shorter than this message, which then waits.
    pub fn next_message(&mut self, now_us: u64, out: &mut [u8]) -> Result<Option<usize>> {
        self.tick(now_us);
        if now_us < self.pace.due_us {
            return Ok(None);
        }
        self.offer();
        let claim = |slot: &Slot| Claim { task: slot.id, winner: slot.winner, bid: slot.price };
        let claims = self.slots[..self.known].iter().map(claim);
        let (stamp, stamps) = self.peers.stamps();
        let auction = (Kind::Prices, self.config.auction, self.round);
        let len = message::encode(out, auction, (self.config.agent, stamp), claims, stamps)?;
        self.begun = true;
        self.peers.sent();
        self.pace.sent(now_us);
        Ok(Some(len))
    }

    /// When there is something to be done though nothing arrives.
    pub fn next_wake_us(&self) -> u64 {
        self.pace.due_us
    }

    /// The tasks that it has, in rising order.
    pub fn tasks(&self) -> impl Iterator<Item = u64> {
        let own = |slot: &&Slot| slot.winner == self.config.agent;
        self.slots[..self.known].iter().filter(own).map(|slot| slot.id)
    }

    /// Who has a task, as is believed here, and for which price; `None` if nobody.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] if it is not there.
    pub fn winner(&self, task: u64) -> Result<Option<(u64, f64)>> {
        let slot = &self.slots[self.place(task).map_err(|_| Error::TaskUnknown)?];
        Ok((slot.winner != NOBODY).then_some((slot.winner, f64::from(slot.price))))
    }

    /// When something was last changed here: see [`Cbba::changed_us`](super::Cbba::changed_us).
    pub fn changed_us(&self) -> u64 {
        self.pace.changed_us
    }

    /// How often prices have begun anew.
    pub fn round(&self) -> u64 {
        self.round
    }

    /// Whether an agent is believed to be lost. One that was never heard of is not.
    pub fn is_lost(&self, agent: u64) -> bool {
        self.peers.is_lost(agent)
    }

    fn place(&self, task: u64) -> core::result::Result<usize, usize> {
        self.slots[..self.known].binary_search_by_key(&task, |slot| slot.id)
    }

    fn enter(&mut self, round: u64) {
        self.round = round;
        for slot in &mut self.slots[..self.known] {
            (slot.winner, slot.price) = (NOBODY, 0.0);
        }
    }

    /// Offers for tasks as long as there is a free place and something to gain.
    fn offer(&mut self) {
        let own = self.config.agent;
        let held = self.slots[..self.known].iter().filter(|slot| slot.winner == own).count();
        for _ in held..self.config.capacity.max(held as u32) as usize {
            // To do nothing leaves nothing.
            let (mut first, mut second, mut place) = (0.0f32, 0.0f32, None);
            for (at, slot) in self.slots[..self.known].iter().enumerate() {
                let left = slot.value - slot.price;
                if slot.winner == own || left <= second {
                    continue;
                }
                if left > first {
                    (first, second, place) = (left, first, Some(at));
                } else {
                    second = left;
                }
            }
            let Some(at) = place else { return };
            let slot = &mut self.slots[at];
            // Higher at least by what a number can be, however small `epsilon` is.
            slot.price =
                (slot.price + (first - second) + self.config.epsilon).max(slot.price.next_up());
            slot.winner = own;
        }
    }
}
