//! The consensus-based bundle algorithm: a swarm shares its tasks out by itself.
//!
//! After Choi, Brunet and How, "Consensus-Based Decentralized Auctions for Robust Task Allocation" (IEEE
//! Transactions on Robotics 25, 2009). Each agent fills a bundle, task by task, each time with the one
//! that gains most; what it gains is the bid. Agents tell each other whom they believe to have which task for
//! which bid, and how new what they know of everybody is. By the paper's table (`rule`) an
//! agent takes the other's belief over, forgets its own, or keeps it. Who loses a task releases all that
//! were put into the bundle after it, since they were chosen with it.
//!
//! Three things are done for a network that loses, repeats and reorders messages. A stamp is not the time
//! when something was received but the number of the agent's message that it goes back to, so an old
//! message is known as one. Everything is told again, first soon and then ever more seldom, with a new
//! stamp each time. And a bid is never above those before it in the bundle (Johnson, Choi and How 2012), so
//! agents agree also where gains do not diminish.
//!
//! How near that comes to the best is proven to be half of it at least, where gains diminish. In the tests it is
//! 0.95 of it or more in the mean, and less in some cases; where values add up, [`PriceAuction`](super::PriceAuction)
//! comes as near as is wished in every case.

use core::alloc::Layout;

use super::message::{self, Claim, Kind, Message, NOBODY};
use super::peers::{Heard, Pace, Peers};
use super::rule::{Rule, rule};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

/// What an agent of an auction is made for. All agents need the same `auction`; the rest is its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CbbaConfig {
    /// Which auction this is: messages of others are refused.
    pub auction: u64,
    /// Which agent this is; not `u64::MAX`.
    pub agent: u64,
    /// Most tasks at a time, 1 to 65,535. A message that names more is refused: the same for all agents.
    pub tasks: usize,
    /// Most agents that are not lost, itself among them, 1 to 65,535. A message that names more is refused:
    /// the same for all agents.
    pub agents: usize,
    /// Most tasks in the bundle, 1 to `tasks`.
    pub bundle: usize,
    /// Where it is, in metres.
    pub position: [f32; 3],
    /// How fast it is, in metres a second, above 0.
    pub speed: f32,
    /// When it begins, in microseconds: what deadlines are compared with.
    pub start_us: u64,
    /// How a task's value fades, a second until it is reached: `value * exp(-discount * seconds)`.
    pub discount: f64,
    /// What a metre costs, in values.
    pub metre_cost: f64,
    /// What energy a metre takes, in joules.
    pub metre_j: f64,
    /// Energy that may be spent, in joules; infinity for no limit.
    pub energy_j: f64,
    /// What it can do, one bit a skill.
    pub skills: u64,
    /// Least time between two of its messages, in microseconds, at least 1.
    pub pace_us: u64,
    /// Longest time between two of its messages, at least `pace_us`.
    pub repeat_us: u64,
    /// After how long without news of an agent it is lost, at least twice `repeat_us`; 0 for never.
    pub lost_us: u64,
}

impl Default for CbbaConfig {
    fn default() -> Self {
        CbbaConfig {
            auction: 0,
            agent: 0,
            tasks: 32,
            agents: 16,
            bundle: 4,
            position: [0.0; 3],
            speed: 1.0,
            start_us: 0,
            discount: 0.0,
            metre_cost: 0.0,
            metre_j: 0.0,
            energy_j: f64::INFINITY,
            skills: u64::MAX,
            pace_us: 20_000,
            repeat_us: 500_000,
            lost_us: 0,
        }
    }
}

/// A task, as one agent sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CbbaTask {
    /// Its number, the same for all agents.
    pub id: u64,
    /// What it is worth if this agent does it at once, 0 or more.
    pub value: f64,
    /// Where it is, in metres.
    pub position: [f32; 3],
    /// How long it takes, in microseconds.
    pub duration_us: u64,
    /// When it must be done, in microseconds; `u64::MAX` for no deadline.
    pub deadline_us: u64,
    /// What energy it takes, in joules, without the way.
    pub energy_j: f64,
    /// What an agent must be able to do: all bits of this.
    pub skills: u64,
}

impl Default for CbbaTask {
    fn default() -> Self {
        let (id, value, position, duration_us) = (0, 1.0, [0.0; 3], 0);
        let (deadline_us, energy_j, skills) = (u64::MAX, 0.0, 0);
        CbbaTask { id, value, position, duration_us, deadline_us, energy_j, skills }
    }
}

/// A task, and who is believed to have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub task: CbbaTask,
    pub winner: u64,
    pub bid: f32,
}

/// An agent of an auction of bundles.
///
/// It is told what arrives ([`step`](Cbba::step)) and what time it is ([`tick`](Cbba::tick)), and asked what is
/// to be sent ([`next_message`](Cbba::next_message)), to all neighbours there are. Nothing is allocated after
/// creation.
///
/// ```
/// use neural_swarm::port::Heap;
/// use neural_swarm::task::assign::{Cbba, CbbaConfig, CbbaTask};
///
/// let agent = |agent, x| {
///     let config = CbbaConfig { agent, position: [x, 0.0, 0.0], discount: 0.1, bundle: 1, ..CbbaConfig::default() };
///     Cbba::new(&config, Heap)
/// };
/// let (mut a, mut b) = (agent(1, 0.0)?, agent(2, 9.0)?);
/// for (id, x) in [(7, 1.0), (8, 8.0)] {
///     let task = CbbaTask { id, value: 10.0, position: [x, 0.0, 0.0], ..CbbaTask::default() };
///     a.add_task(&task, 0)?;
///     b.add_task(&task, 0)?;
/// }
/// let mut buffer = vec![0; a.most_bytes()];
/// for now in (0..1_000_000).step_by(10_000) {
///     if let Some(len) = a.next_message(now, &mut buffer)? { b.step(&buffer[..len], now)?; }
///     if let Some(len) = b.next_message(now, &mut buffer)? { a.step(&buffer[..len], now)?; }
/// }
/// assert!(a.path().eq([7]) && b.path().eq([8]));
/// # Ok::<(), neural_swarm::Error>(())
/// ```
pub struct Cbba<'m> {
    pub(super) config: CbbaConfig,
    /// In rising order of their numbers, `known` of them.
    pub(super) slots: Carved<'m, Slot>,
    pub(super) known: usize,
    peers: Peers<'m>,
    /// Places of slots: in the order in which they were put in, and in that in which they are done.
    pub(super) bundle: Carved<'m, u32>,
    pub(super) path: Carved<'m, u32>,
    pub(super) bundled: usize,
    pace: Pace,
    _piece: Piece<'m>,
}

type Parts<'m> = (Carved<'m, Slot>, Peers<'m>, Carved<'m, u32>, Carved<'m, u32>);

fn carve<'m>(config: &CbbaConfig, carver: &mut Carver<'m>) -> Result<Parts<'m>> {
    Ok((
        carver.take(config.tasks, Slot { task: CbbaTask::default(), winner: NOBODY, bid: 0.0 })?,
        Peers::carve(carver, config.agent, config.agents)?,
        carver.take(config.bundle, 0)?,
        carver.take(config.bundle, 0)?,
    ))
}

/// Whether distances are finite.
fn is_position(position: &[f32; 3]) -> bool {
    position.iter().all(|x| x.abs() <= 1e9)
}

impl<'m> Cbba<'m> {
    /// Size and alignment of the memory that an agent takes: about 80 bytes a task, 40 an agent, 8 a
    /// place of the bundle.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration outside its ranges, [`Error::Overflow`] for one that no
    /// memory could hold.
    pub fn footprint(config: &CbbaConfig) -> Result<Layout> {
        let within = |value: usize, most: usize| (1..=most).contains(&value);
        let sizes = within(config.tasks, 65_535)
            && within(config.agents, 65_535)
            && within(config.bundle, config.tasks);
        let costs = [config.discount, config.metre_cost, config.metre_j];
        let numbers = is_position(&config.position)
            && config.speed > 0.0
            && config.speed <= 1e9
            && costs.into_iter().all(|x| (0.0..=1e9).contains(&x))
            && config.energy_j >= 0.0;
        let times = Pace::is_possible(config.pace_us, config.repeat_us, config.lost_us);
        if !sizes || !numbers || !times || config.agent == NOBODY {
            return Err(Error::Invalid);
        }
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// An agent without tasks that has not heard of anybody.
    ///
    /// # Errors
    /// Those of [`footprint`](Self::footprint) and of the allocator.
    pub fn new(config: &CbbaConfig, allocator: impl Allocator<'m>) -> Result<Cbba<'m>> {
        Cbba::in_piece(config, allocator.allocate(Cbba::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &CbbaConfig, mut piece: Piece<'m>) -> Result<Cbba<'m>> {
        let layout = Cbba::footprint(config)?;
        let (slots, peers, bundle, path) = carve(config, &mut piece.carver(layout)?)?;
        Ok(Cbba {
            config: *config,
            slots,
            known: 0,
            peers,
            bundle,
            path,
            bundled: 0,
            pace: Pace::new(config.pace_us, config.repeat_us),
            _piece: piece,
        })
    }

    /// The most bytes that a message of an auction with this configuration has.
    pub fn most_bytes(&self) -> usize {
        message::most(self.config.tasks, self.config.agents)
    }

    /// A task to bid for. If the bundle is full, the task that was put in last may have to go for
    /// it.
    ///
    /// # Errors
    /// [`Error::Capacity`] without room for it, [`Error::TaskState`] if it is there already,
    /// [`Error::Invalid`] for a number outside its range.
    pub fn add_task(&mut self, task: &CbbaTask, now_us: u64) -> Result<()> {
        let numbers = (0.0..=1e30).contains(&task.value)
            && (0.0..=1e30).contains(&task.energy_j)
            && is_position(&task.position);
        if !numbers {
            return Err(Error::Invalid);
        }
        let Err(at) = self.place(task.id) else { return Err(Error::TaskState) };
        if self.known == self.config.tasks {
            return Err(Error::Capacity);
        }
        self.slots[at..=self.known].rotate_right(1);
        self.slots[at] = Slot { task: *task, winner: NOBODY, bid: 0.0 };
        self.known += 1;
        let behind = |place: &mut u32| *place += u32::from(*place as usize >= at);
        self.bundle[..self.bundled].iter_mut().for_each(behind);
        self.path[..self.bundled].iter_mut().for_each(behind);
        if self.bundled == self.config.bundle {
            self.release_from(self.bundled - 1);
        }
        self.build();
        self.pace.change(now_us);
        Ok(())
    }

    /// A task that is done, or is to be forgotten. It must be taken from all agents.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] if it is not there.
    pub fn remove_task(&mut self, id: u64, now_us: u64) -> Result<()> {
        let at = self.place(id).map_err(|_| Error::TaskUnknown)?;
        for list in [&mut self.bundle, &mut self.path] {
            if let Some(k) = list[..self.bundled].iter().position(|place| *place as usize == at) {
                list[k..self.bundled].rotate_left(1);
            }
        }
        self.bundled -= usize::from(self.slots[at].winner == self.config.agent);
        self.slots[at..self.known].rotate_left(1);
        self.known -= 1;
        let behind = |place: &mut u32| *place -= u32::from(*place as usize > at);
        self.bundle[..self.bundled].iter_mut().for_each(behind);
        self.path[..self.bundled].iter_mut().for_each(behind);
        self.build();
        self.pace.change(now_us);
        Ok(())
    }

    /// An agent is lost, as somebody else has found out: its tasks are to be bid for again. It comes back
    /// with its next new message.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] if nothing was ever heard of it.
    pub fn lose(&mut self, agent: u64, now_us: u64) -> Result<()> {
        self.peers.lose(agent)?;
        self.forget(agent);
        self.build();
        self.pace.change(now_us);
        Ok(())
    }

    /// Where it is now, from when on, and what energy it may spend from there; its tasks are those that it has not
    /// done. It keeps those that it can still do, with the bids that it made, and bids for more.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a number outside the range that the configuration has; nothing is changed then.
    pub fn moved(
        &mut self,
        position: [f32; 3],
        start_us: u64,
        energy_j: f64,
        now_us: u64,
    ) -> Result<()> {
        if !is_position(&position) || energy_j.is_nan() || energy_j < 0.0 {
            return Err(Error::Invalid);
        }
        (self.config.position, self.config.start_us, self.config.energy_j) =
            (position, start_us, energy_j);
        // What was put in last goes first: the others were chosen without it.
        while self.path_with(self.bundled, None).is_none() {
            self.release_from(self.bundled - 1);
        }
        self.build();
        self.pace.change(now_us);
        Ok(())
    }

    /// Tells the time: agents may be lost by it. [`next_message`](Self::next_message) does the same.
    pub fn tick(&mut self, now_us: u64) {
        if self.config.lost_us == 0 {
            return;
        }
        let mut lost = false;
        while let Some(agent) = self.peers.silent(now_us, self.config.lost_us) {
            lost = self.peers.lose(agent).is_ok();
            self.forget(agent);
        }
        if lost {
            self.build();
            self.pace.change(now_us);
        }
    }

    /// Takes in a message of another agent.
    ///
    /// # Errors
    /// [`Error::TaskFormat`] if the bytes are no message or say more than the configuration has room
    /// for, [`Error::TaskUnknown`] if it is of another auction, [`Error::Capacity`] if it names more
    /// agents than there is room for. Nothing is changed then. Tasks that are not known here are passed over.
    pub fn step(&mut self, message: &[u8], now_us: u64) -> Result<Heard> {
        let (tasks, agents) = (self.config.tasks, self.config.agents);
        let message = Message::decode(message, Kind::Bundles, tasks, agents)?;
        let Message { head, .. } = message;
        if head.auction != self.config.auction {
            return Err(Error::TaskUnknown);
        }
        let own = self.config.agent;
        if head.sender == own || head.stamp < self.peers.stamp_of(head.sender) {
            self.peers.call(head.sender);
            return Ok(Heard::Old);
        }
        self.peers.admit(&message, now_us)?;
        let mut changed = false;
        // Both lists of tasks rise.
        let mut at = 0;
        for claim in message.claims() {
            while at < self.known && self.slots[at].task.id < claim.task {
                at += 1;
            }
            if at < self.known && self.slots[at].task.id == claim.task {
                changed |= self.resolve(at, head.sender, claim);
            }
        }
        self.peers.learn(now_us);
        if !changed {
            return Ok(Heard::Nothing);
        }
        let mine = |place: &u32| self.slots[*place as usize].winner == own;
        if let Some(k) = self.bundle[..self.bundled].iter().position(|place| !mine(place)) {
            self.release_from(k);
        }
        self.build();
        self.pace.change(now_us);
        Ok(Heard::Changed)
    }

    /// The message to be sent to all neighbours now, if there is one: its length. Ask again at
    /// [`next_wake_us`](Self::next_wake_us), and after each step.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] if `out` is shorter than this message, which then waits;
    /// [`most_bytes`](Self::most_bytes) are always enough.
    pub fn next_message(&mut self, now_us: u64, out: &mut [u8]) -> Result<Option<usize>> {
        self.tick(now_us);
        if now_us < self.pace.due_us {
            return Ok(None);
        }
        let claim = |slot: &Slot| Claim { task: slot.task.id, winner: slot.winner, bid: slot.bid };
        let claims = self.slots[..self.known].iter().map(claim);
        let (stamp, stamps) = self.peers.stamps();
        let auction = (Kind::Bundles, self.config.auction, 0);
        let len = message::encode(out, auction, (self.config.agent, stamp), claims, stamps)?;
        self.peers.sent();
        self.pace.sent(now_us);
        Ok(Some(len))
    }

    /// When there is something to be done though nothing arrives.
    pub fn next_wake_us(&self) -> u64 {
        self.pace.due_us
    }

    /// Its tasks in the order in which it does them.
    pub fn path(&self) -> impl ExactSizeIterator<Item = u64> {
        self.path[..self.bundled].iter().map(|place| self.slots[*place as usize].task.id)
    }

    /// What its path is worth to it.
    pub fn score(&self) -> f64 {
        self.path_with(self.bundled, None).unwrap_or(0.0)
    }

    /// Who has a task, as is believed here; `None` if nobody.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] if it is not there.
    pub fn winner(&self, task: u64) -> Result<Option<u64>> {
        let at = self.place(task).map_err(|_| Error::TaskUnknown)?;
        Ok(Some(self.slots[at].winner).filter(|winner| *winner != NOBODY))
    }

    /// When something was last changed here. Nothing tells an agent that all agree: it is likely when this is a few
    /// times the longest delay of the network ago.
    pub fn changed_us(&self) -> u64 {
        self.pace.changed_us
    }

    /// Whether an agent is believed to be lost. One that was never heard of is not.
    pub fn is_lost(&self, agent: u64) -> bool {
        self.peers.is_lost(agent)
    }

    fn place(&self, task: u64) -> core::result::Result<usize, usize> {
        self.slots[..self.known].binary_search_by_key(&task, |slot| slot.task.id)
    }

    /// Nobody has the tasks of a lost agent.
    fn forget(&mut self, agent: u64) {
        for slot in self.slots[..self.known].iter_mut().filter(|slot| slot.winner == agent) {
            (slot.winner, slot.bid) = (NOBODY, 0.0);
        }
    }

    /// Settles a task with what the sender of a message believes of it; whether that changes anything.
    fn resolve(&mut self, at: usize, sender: u64, mut claim: Claim) -> bool {
        let (told, known) = (|of| self.peers.told(of), |of| self.peers.stamp_of(of));
        // What is said of somebody who is lost, by one who has not noticed.
        if self.peers.is_lost(claim.winner) && told(claim.winner) <= known(claim.winner) {
            (claim.winner, claim.bid) = (NOBODY, 0.0);
        }
        let slot = self.slots[at];
        let rule = rule(
            (sender, self.config.agent),
            (claim.winner, claim.bid),
            (slot.winner, slot.bid),
            |agent| told(agent) > known(agent),
            |agent| told(agent) < known(agent),
        );
        let slot = &mut self.slots[at];
        let before = (slot.winner, slot.bid);
        match rule {
            Rule::Update => (slot.winner, slot.bid) = (claim.winner, claim.bid),
            Rule::Reset => (slot.winner, slot.bid) = (NOBODY, 0.0),
            Rule::Leave => {}
        }
        (slot.winner, slot.bid) != before
    }
}
