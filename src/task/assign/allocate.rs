//! Tasks given to agents that take several each, with skills, deadlines, energy and battery.
//!
//! What a pair of task and agent decides alone (skill, deadline, energy, battery) goes into its cost, and a
//! capacity is a number of places. That much is a transportation problem, which [`transport`](super::transport)
//! solves exactly. What several tasks of one agent decide together (that one after the other
//! they keep their deadlines, and that their energy is there) makes the problem NP-hard
//! (the generalised assignment problem), so that part is a heuristic: as long as an agent has too much, one
//! of its pairs is taken away, the one that costs least to do without, and all is solved again.
//! The first solution is a lower bound of what any allocation costs, and if it needs no repair it is the best.

use core::alloc::Layout;

use super::jv::is_cost;
use super::transport::Transport;
use super::{FORBIDDEN, MAX_COST, UNASSIGNED};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

/// How large the problems of a [`TaskAllocator`] are at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskAllocatorConfig {
    /// Most tasks, 1 to 65,536.
    pub tasks: usize,
    /// Most agents, 1 to 65,536.
    pub agents: usize,
}

impl Default for TaskAllocatorConfig {
    fn default() -> Self {
        TaskAllocatorConfig { tasks: 32, agents: 16 }
    }
}

/// Who can do tasks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AgentLimits {
    /// Most tasks at once; 0 for an agent that gets none, as one that is lost.
    pub capacity: u32,
    /// What it can do, one bit a skill.
    pub skills: u64,
    /// From when on it is free, in microseconds.
    pub free_at_us: u64,
    /// Energy that it may spend, in joules; infinity for no limit.
    pub energy_j: f64,
    /// How full its battery is, 0 to 1; 1 for one on the mains.
    pub battery: f64,
}

impl Default for AgentLimits {
    fn default() -> Self {
        let (free_at_us, energy_j, battery) = (0, f64::INFINITY, 1.0);
        AgentLimits { capacity: 1, skills: u64::MAX, free_at_us, energy_j, battery }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskNeeds {
    /// What an agent must be able to do: all bits of this.
    pub skills: u64,
    /// When it must be done, in microseconds; `u64::MAX` for no deadline.
    pub deadline_us: u64,
    /// What it costs to leave it undone; [`FORBIDDEN`] if it must be done.
    pub skip_cost: f64,
}

impl Default for TaskNeeds {
    fn default() -> Self {
        TaskNeeds { skills: 0, deadline_us: u64::MAX, skip_cost: FORBIDDEN }
    }
}

/// What a task means for an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Effort {
    /// How long it takes, in microseconds.
    pub time_us: u64,
    /// What energy it takes, in joules.
    pub energy_j: f64,
    /// What else it costs; [`FORBIDDEN`] for a pair that must not be.
    pub cost: f64,
}

/// What time and energy cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// Of a second.
    pub second: f64,
    /// Of a joule of a full battery.
    pub joule: f64,
    /// How much dearer a joule of an empty battery is: the price of a joule is
    /// `joule * (1 + empty * (1 - battery))`.
    pub empty: f64,
    /// How often a solution is repaired before [`Error::TaskBudget`].
    pub repairs: u32,
}

impl Default for Prices {
    fn default() -> Self {
        Prices { second: 1.0, joule: 0.0, empty: 0.0, repairs: 10_000 }
    }
}

/// What came of an allocation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allocated {
    /// What it costs, with what is left undone.
    pub cost: f64,
    /// What every allocation costs at least. Equal to `cost`: it is the best.
    pub bound: f64,
    /// How often it was repaired; 0: it is the best.
    pub repairs: u32,
    /// Tasks that are left undone.
    pub skipped: u32,
}

/// A problem as its owner has it: tasks, agents and what each pair means.
pub(crate) trait Problem {
    /// How many tasks and how many agents.
    fn sizes(&self) -> (usize, usize);
    fn task(&self, task: usize) -> TaskNeeds;
    fn agent(&self, agent: usize) -> AgentLimits;
    fn effort(&self, task: usize, agent: usize) -> Effort;
}

struct Slices<'a> {
    tasks: &'a [TaskNeeds],
    agents: &'a [AgentLimits],
    efforts: &'a [Effort],
}

impl Problem for Slices<'_> {
    fn sizes(&self) -> (usize, usize) {
        (self.tasks.len(), self.agents.len())
    }
    fn task(&self, task: usize) -> TaskNeeds {
        self.tasks[task]
    }
    fn agent(&self, agent: usize) -> AgentLimits {
        self.agents[agent]
    }
    fn effort(&self, task: usize, agent: usize) -> Effort {
        self.efforts[task * self.agents.len() + agent]
    }
}

/// Gives tasks to agents.
///
/// ```
/// use neural_swarm::port::Heap;
/// use neural_swarm::task::assign::*;
///
/// let mut allocator = TaskAllocator::new(&TaskAllocatorConfig { tasks: 3, agents: 2 }, Heap)?;
/// let agents = [
///     AgentLimits { capacity: 2, ..AgentLimits::default() },
///     AgentLimits { capacity: 2, skills: 0b01, ..AgentLimits::default() },
/// ];
/// let tasks = [TaskNeeds { skills: 0b10, ..TaskNeeds::default() }, TaskNeeds::default(), TaskNeeds::default()];
/// // Of each task with each agent.
/// let seconds = |s: u64| Effort { time_us: s * 1_000_000, ..Effort::default() };
/// let efforts = [9, 1, 1, 2, 1, 3].map(seconds);
/// let found = allocator.allocate(&tasks, &agents, &efforts, &Prices::default())?;
/// assert_eq!((found.cost, found.bound), (12.0, 12.0));
/// assert_eq!(allocator.agents(), [0, 1, 0]);
/// # Ok::<(), neural_swarm::Error>(())
/// ```
pub struct TaskAllocator<'m> {
    config: TaskAllocatorConfig,
    costs: Carved<'m, f64>,
    /// Of the last solution.
    agent_of: Carved<'m, u32>,
    transport: Transport<'m>,
    /// An agent's tasks, to be put into the order of their deadlines.
    order: Carved<'m, u32>,
    solved: usize,
    _piece: Piece<'m>,
}

type Parts<'m> = (Carved<'m, f64>, Carved<'m, u32>, Carved<'m, u32>, Transport<'m>);

fn carve<'m>(config: &TaskAllocatorConfig, carver: &mut Carver<'m>) -> Result<Parts<'m>> {
    let pairs = config.tasks.checked_mul(config.agents).ok_or(Error::Overflow)?;
    Ok((
        carver.take(pairs, 0.0)?,
        carver.take(config.tasks, UNASSIGNED)?,
        carver.take(config.tasks, 0)?,
        Transport::carve(carver, config.tasks, config.agents)?,
    ))
}

/// Whether sums of such numbers stay finite.
fn is_fine(limit: f64) -> bool {
    (0.0..=MAX_COST).contains(&limit)
}

impl<'m> TaskAllocator<'m> {
    /// Size and alignment of the memory that an allocator takes: eight bytes a pair of task and agent, 12 a
    /// task and 33 an agent.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration outside its ranges, [`Error::Overflow`] for one that no
    /// memory could hold.
    pub fn footprint(config: &TaskAllocatorConfig) -> Result<Layout> {
        let within = |value: usize| (1..=1 << 16).contains(&value);
        if !within(config.tasks) || !within(config.agents) {
            return Err(Error::Invalid);
        }
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// An allocator of tasks.
    ///
    /// # Errors
    /// Those of [`footprint`](Self::footprint) and of the allocator of memory.
    pub fn new(
        config: &TaskAllocatorConfig,
        allocator: impl Allocator<'m>,
    ) -> Result<TaskAllocator<'m>> {
        TaskAllocator::in_piece(config, allocator.allocate(TaskAllocator::footprint(config)?)?)
    }

    pub(crate) fn in_piece(
        config: &TaskAllocatorConfig,
        mut piece: Piece<'m>,
    ) -> Result<TaskAllocator<'m>> {
        let layout = TaskAllocator::footprint(config)?;
        let (costs, agent_of, order, transport) = carve(config, &mut piece.carver(layout)?)?;
        Ok(TaskAllocator {
            config: *config,
            costs,
            agent_of,
            transport,
            order,
            solved: 0,
            _piece: piece,
        })
    }

    /// The agent of each task of the last allocation, or [`UNASSIGNED`]; empty if there is none.
    pub fn agents(&self) -> &[u32] {
        &self.agent_of[..self.solved]
    }

    /// Gives each task an agent, or leaves it undone where that is cheaper. `efforts` has what each task
    /// means for each agent, task by task.
    ///
    /// Every allocation that is returned keeps all limits: capacities, skills, energy, and that the tasks of an
    /// agent, done one after the other in the order of their deadlines, are in time. It is the cheapest where
    /// `cost` equals `bound`.
    ///
    /// # Errors
    /// [`Error::Length`] if there are not as many efforts as pairs; [`Error::Capacity`] for more than the
    /// configuration says; [`Error::Invalid`] for a number that is not in its range or a magnitude above
    /// [`MAX_COST`]; [`Error::TaskInfeasible`] if a task that must be done cannot be (after a repair: if this
    /// was not found, there may be a way still); [`Error::TaskBudget`] after as many repairs as are allowed.
    pub fn allocate(
        &mut self,
        tasks: &[TaskNeeds],
        agents: &[AgentLimits],
        efforts: &[Effort],
        prices: &Prices,
    ) -> Result<Allocated> {
        self.solved = 0;
        if tasks.len() > self.config.tasks || agents.len() > self.config.agents {
            return Err(Error::Capacity);
        }
        if tasks.len() * agents.len() != efforts.len() {
            return Err(Error::Length);
        }
        self.allocate_all(&Slices { tasks, agents, efforts }, prices)
    }

    /// There is no solution to be read any more.
    pub(crate) fn forget(&mut self) {
        self.solved = 0;
    }

    /// The same of a problem that lies in another way.
    pub(crate) fn allocate_all(
        &mut self,
        problem: &impl Problem,
        prices: &Prices,
    ) -> Result<Allocated> {
        self.solved = 0;
        let (tasks, agents) = problem.sizes();
        if tasks > self.config.tasks || agents > self.config.agents {
            return Err(Error::Capacity);
        }
        let rates = [prices.second, prices.joule, prices.empty].into_iter().all(is_fine);
        let limits =
            |agent: AgentLimits| (agent.energy_j >= 0.0) & (0.0..=1.0).contains(&agent.battery);
        let agents_are = (0..agents).all(|a| limits(problem.agent(a)));
        if !rates || !agents_are || !(0..tasks).all(|t| is_cost(problem.task(t).skip_cost)) {
            return Err(Error::Invalid);
        }
        for t in 0..tasks {
            let task = problem.task(t);
            for a in 0..agents {
                let (agent, effort) = (problem.agent(a), problem.effort(t, a));
                self.costs[t * agents + a] = pair_cost(&task, &agent, &effort, prices)?;
            }
        }
        let mut bound = None;
        for repairs in 0..=prices.repairs {
            let costs = &self.costs[..tasks * agents];
            let places = |a: usize| problem.agent(a).capacity;
            let skip = |t: usize| problem.task(t).skip_cost;
            let found = &mut self.agent_of[..tasks];
            let cost = self.transport.solve((tasks, agents), costs, places, skip, found)?;
            let bound = *bound.get_or_insert(cost);
            let mut fine = true;
            for a in 0..agents {
                if !self.keeps_limits(problem, a) {
                    self.take_away(problem, a);
                    fine = false;
                }
            }
            if fine {
                self.solved = tasks;
                let skipped = self.agents().iter().filter(|a| **a == UNASSIGNED).count() as u32;
                return Ok(Allocated { cost, bound, repairs, skipped });
            }
        }
        Err(Error::TaskBudget)
    }

    /// Whether an agent's energy and time are enough for all of its tasks. In the order of their deadlines no
    /// task is late if there is any order in which none is (Jackson 1955).
    fn keeps_limits(&mut self, problem: &impl Problem, agent: usize) -> bool {
        let mut count = 0;
        for t in 0..problem.sizes().0 {
            if self.agent_of[t] == agent as u32 {
                self.order[count] = t as u32;
                count += 1;
            }
        }
        let order = &mut self.order[..count];
        order.sort_unstable_by_key(|t| (problem.task(*t as usize).deadline_us, *t));
        let limits = problem.agent(agent);
        let (mut now, mut energy) = (limits.free_at_us, 0.0);
        order.iter().all(|&t| {
            let effort = problem.effort(t as usize, agent);
            now = now.saturating_add(effort.time_us);
            energy += effort.energy_j;
            now <= problem.task(t as usize).deadline_us && energy <= limits.energy_j
        })
    }

    /// Forbids the pair of an agent that costs least to do without: whose task has a good place elsewhere.
    fn take_away(&mut self, problem: &impl Problem, agent: usize) {
        let (tasks, agents) = problem.sizes();
        let mut least = (FORBIDDEN, None);
        for t in (0..tasks).filter(|t| self.agent_of[*t] == agent as u32) {
            let row = &self.costs[t * agents..][..agents];
            let others = row.iter().enumerate().filter(|(a, _)| *a != agent).map(|(_, cost)| *cost);
            let second = others.fold(problem.task(t).skip_cost, f64::min);
            let loss = second - row[agent];
            if least.1.is_none() || loss < least.0 {
                least = (loss, Some(t));
            }
        }
        if let Some(t) = least.1 {
            self.costs[t * agents + agent] = FORBIDDEN;
        }
    }
}

/// What a pair costs by itself; [`FORBIDDEN`] if it cannot be.
fn pair_cost(
    task: &TaskNeeds,
    agent: &AgentLimits,
    effort: &Effort,
    prices: &Prices,
) -> Result<f64> {
    if !is_cost(effort.cost) || !is_fine(effort.energy_j) {
        return Err(Error::Invalid);
    }
    let skilled = task.skills & !agent.skills == 0;
    let done_at = agent.free_at_us.saturating_add(effort.time_us);
    let in_time = task.deadline_us == u64::MAX || done_at <= task.deadline_us;
    if !skilled || !in_time || effort.energy_j > agent.energy_j || effort.cost == FORBIDDEN {
        return Ok(FORBIDDEN);
    }
    let joule = prices.joule * (1.0 + prices.empty * (1.0 - agent.battery));
    let cost =
        effort.cost + prices.second * (effort.time_us as f64 / 1e6) + joule * effort.energy_j;
    if cost.abs() <= MAX_COST { Ok(cost) } else { Err(Error::Invalid) }
}
