//! Tasks given to agents that have limits.

use super::handle::{self, Object, call_mut, call_ref};
use super::port::nsw_allocator;
use super::slices::{Output, copy, input, whole_or_none};
use super::status::nsw_status;
use super::structs::{self, Array, Versioned, count, or, or_none};
use crate::error::{Error, Result};
use crate::task::assign::{
    AgentLimits, Allocated, Effort, Prices, Problem, TaskAllocator, TaskAllocatorConfig, TaskNeeds,
};

/// How large the problems of a task allocator are at most. NSW_TASK_ALLOCATOR_CONFIG_INIT; zero means the
/// default. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_task_allocator_config {
    /// sizeof(nsw_task_allocator_config); NSW_TASK_ALLOCATOR_CONFIG_INIT sets it.
    pub size: u32,
    /// Most tasks, 1 to 65,536; 0 means 32.
    pub tasks: u32,
    /// Most agents, 1 to 65,536; 0 means 16.
    pub agents: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_task_allocator_config {
    const LEAST: usize = size_of::<nsw_task_allocator_config>();
}

/// What is to be done. NSW_TASK_NEEDS_INIT; zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_task_needs {
    /// sizeof(nsw_task_needs); NSW_TASK_NEEDS_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// What an agent must be able to do: all bits of this.
    pub skills: u64,
    /// When it must be done, in microseconds; 0 means no deadline.
    pub deadline_us: u64,
    /// What it costs to leave it undone, NSW_ZERO for nothing; 0 means that it must be done.
    pub skip_cost: f64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_task_needs {
    const LEAST: usize = size_of::<nsw_task_needs>();
}

/// Who can do tasks. NSW_AGENT_LIMITS_INIT; zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_agent_limits {
    /// sizeof(nsw_agent_limits); NSW_AGENT_LIMITS_INIT sets it.
    pub size: u32,
    /// Most tasks at once; 0 means 1, NSW_TASK_NONE none at all, as for an agent that is lost.
    pub capacity: u32,
    /// What it can do, one bit a skill; 0 means all. (One that has none has a bit that no task needs.)
    pub skills: u64,
    /// From when on it is free, in microseconds.
    pub free_at_us: u64,
    /// Energy that it may spend, in joules, NSW_ZERO for none; 0 means no limit.
    pub energy_j: f64,
    /// How full its battery is, NSW_ZERO to 1; 0 means 1, as for one on the mains.
    pub battery: f64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_agent_limits {
    const LEAST: usize = size_of::<nsw_agent_limits>();
}

/// A problem: tasks, agents and what each pair of them means. NSW_ALLOCATION_INIT, then the arrays; every other
/// zero means the default. Elements of `tasks` and `agents` lie as far apart as the first one's `size`
/// says. What is of pairs is row by row of tasks. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_allocation {
    /// sizeof(nsw_allocation); NSW_ALLOCATION_INIT sets it.
    pub size: u32,
    /// How often a solution is repaired before NSW_ERR_TASK_BUDGET; 0 means 10,000, NSW_TASK_NONE never.
    pub repairs: u32,
    /// What is to be done.
    pub tasks: *const nsw_task_needs,
    /// Number of them.
    pub tasks_len: usize,
    /// Who can do it.
    pub agents: *const nsw_agent_limits,
    /// Number of them.
    pub agents_len: usize,
    /// What each pair costs beside time and energy; infinity for a pair that must not be. NULL: 0.
    pub costs: *const f64,
    /// tasks_len * agents_len; 0 for NULL.
    pub costs_len: usize,
    /// How long each task takes each agent, in microseconds. NULL: 0.
    pub times_us: *const u64,
    /// tasks_len * agents_len; 0 for NULL.
    pub times_len: usize,
    /// What energy each task takes each agent, in joules. NULL: 0.
    pub energies_j: *const f64,
    /// tasks_len * agents_len; 0 for NULL.
    pub energies_len: usize,
    /// What a second costs; 0 means 1, NSW_ZERO nothing.
    pub second: f64,
    /// What a joule of a full battery costs.
    pub joule: f64,
    /// How much dearer a joule of an empty battery is: the price of a joule is
    /// `joule * (1 + empty * (1 - battery))`.
    pub empty: f64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_allocation {
    const LEAST: usize = size_of::<nsw_allocation>();
}

/// What came of an allocation. NSW_ALLOCATED_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_allocated {
    /// sizeof(nsw_allocated); NSW_ALLOCATED_INIT sets it.
    pub size: u32,
    /// How often it was repaired; 0: it is the best.
    pub repairs: u32,
    /// What it costs, with what is left undone.
    pub cost: f64,
    /// What every allocation costs at least. Equal to `cost`: it is the best.
    pub bound: f64,
    /// Tasks that are left undone.
    pub skipped: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_allocated {
    const LEAST: usize = size_of::<nsw_allocated>();
}

/// Gives tasks to agents that take several each, with skills, deadlines, energy and battery. What a pair of task
/// and agent decides alone is solved exactly; that an agent's tasks keep their deadlines one after the
/// other, and that its energy is enough for all, is a heuristic with a lower bound. One thread at a time;
/// functions that take it const may run side by side.
pub struct nsw_task_allocator {
    _opaque: [u8; 0],
}

impl Object for TaskAllocator<'static> {
    type C = nsw_task_allocator;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsTA");
}

/// # Safety
/// NULL or a configuration.
unsafe fn read(config: *const nsw_task_allocator_config) -> Result<TaskAllocatorConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    if c.reserved != 0 {
        return Err(Error::Invalid);
    }
    let default = TaskAllocatorConfig::default();
    let (tasks, agents) = (count(c.tasks, default.tasks), count(c.agents, default.agents));
    Ok(TaskAllocatorConfig { tasks, agents })
}

/// The caller's problem, all of whose structs were looked at.
struct Given<'a> {
    tasks: Array<nsw_task_needs>,
    agents: Array<nsw_agent_limits>,
    sizes: (usize, usize),
    costs: &'a [f64],
    times: &'a [u64],
    energies: &'a [f64],
}

impl Given<'_> {
    fn new(problem: &nsw_allocation) -> Result<Given<'static>> {
        let c = problem;
        let sizes = (c.tasks_len, c.agents_len);
        // SAFETY: NULL or arrays of that many, by the documentation above.
        let given = unsafe {
            Given {
                tasks: Array::new(c.tasks, c.tasks_len)?,
                agents: Array::new(c.agents, c.agents_len)?,
                sizes,
                costs: input(c.costs, c.costs_len)?,
                times: input(c.times_us, c.times_len)?,
                energies: input(c.energies_j, c.energies_len)?,
            }
        };
        let pairs = sizes.0.checked_mul(sizes.1).ok_or(Error::Overflow)?;
        for len in [c.costs_len, c.times_len, c.energies_len] {
            whole_or_none(len, pairs)?;
        }
        for t in 0..sizes.0 {
            if given.tasks.at(t)?.reserved != 0 {
                return Err(Error::Invalid);
            }
        }
        (0..sizes.1).try_for_each(|a| given.agents.at(a).map(drop))?;
        Ok(given)
    }
}

impl Problem for Given<'_> {
    fn sizes(&self) -> (usize, usize) {
        self.sizes
    }

    fn task(&self, task: usize) -> TaskNeeds {
        // What was looked at is there.
        let Ok(c) = self.tasks.at(task) else { return TaskNeeds::default() };
        let default = TaskNeeds::default();
        TaskNeeds {
            skills: c.skills,
            deadline_us: or(c.deadline_us, default.deadline_us),
            skip_cost: or(c.skip_cost, default.skip_cost),
        }
    }

    fn agent(&self, agent: usize) -> AgentLimits {
        let Ok(c) = self.agents.at(agent) else { return AgentLimits::default() };
        let default = AgentLimits::default();
        AgentLimits {
            capacity: or_none(c.capacity, default.capacity),
            skills: or(c.skills, default.skills),
            free_at_us: c.free_at_us,
            energy_j: or(c.energy_j, default.energy_j),
            battery: or(c.battery, default.battery),
        }
    }

    fn effort(&self, task: usize, agent: usize) -> Effort {
        let at = task * self.sizes.1 + agent;
        Effort {
            time_us: self.times.get(at).copied().unwrap_or(0),
            energy_j: self.energies.get(at).copied().unwrap_or(0.0),
            cost: self.costs.get(at).copied().unwrap_or(0.0),
        }
    }
}

/// The memory that a task allocator takes: the one block that nsw_task_allocator_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range,
/// NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_task_allocator_footprint(
    config: *const nsw_task_allocator_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<TaskAllocator<'static>>(size, align, || {
            TaskAllocator::footprint(&read(config)?)
        })
    }
}

/// Makes a task allocator in one block of `memory` (NULL: the system's heap). The caller owns `*allocator` and ends
/// it with nsw_task_allocator_destroy.
///
/// Errors: those of nsw_task_allocator_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*allocator` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_task_allocator_create(
    config: *const nsw_task_allocator_config,
    memory: *const nsw_allocator,
    allocator: *mut *mut nsw_task_allocator,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<TaskAllocator<'static>, _>(
            memory,
            allocator,
            || {
                let config = read(config)?;
                Ok((TaskAllocator::footprint(&config)?, config))
            },
            |piece, config| TaskAllocator::in_piece(&config, piece),
        )
    }
}

/// Destroys a task allocator and gives its block back. NULL is fine, and so is an already destroyed one whose memory
/// can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_task_allocator_destroy(allocator: *mut nsw_task_allocator) {
    // SAFETY: NULL or a task allocator, by the documentation above.
    unsafe { handle::destroy::<TaskAllocator<'static>>(allocator) };
}

/// Gives each task an agent, or leaves it undone where that is cheaper; `*found` (NULL, or NSW_ALLOCATED_INIT)
/// is what came of it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_CAPACITY for more than the
/// configuration says, NSW_ERR_LENGTH if an array of pairs has another length, NSW_ERR_OVERFLOW,
/// NSW_ERR_INVALID for a number outside its range, NSW_ERR_TASK_INFEASIBLE if some task can neither be
/// done nor left (where several tasks of an agent are limited together, there may be a way still),
/// NSW_ERR_TASK_BUDGET after as many repairs as are allowed. The last solution is gone then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_task_allocator_allocate(
    allocator: *mut nsw_task_allocator,
    problem: *const nsw_allocation,
    found: *mut nsw_allocated,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<TaskAllocator<'static>>(allocator, |a| {
            a.forget();
            let c = structs::read(problem)?;
            if !found.is_null() {
                structs::check(found)?;
            }
            let default = Prices::default();
            let prices = Prices {
                second: or(c.second, default.second),
                joule: or(c.joule, default.joule),
                empty: or(c.empty, default.empty),
                repairs: or_none(c.repairs, default.repairs),
            };
            let made = a.allocate_all(&Given::new(&c)?, &prices)?;
            let Allocated { cost, bound, repairs, skipped } = made;
            let told = nsw_allocated { size: 0, repairs, cost, bound, skipped, reserved: 0 };
            if found.is_null() { Ok(()) } else { structs::write(found, &told) }
        })
    }
}

/// The agent of each task in the last solution, or NSW_UNASSIGNED for one that is left undone: `*len` (may be NULL)
/// numbers to `buf`; none without a solution.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_task_allocator_agents(
    allocator: *const nsw_task_allocator,
    buf: *mut u32,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<TaskAllocator<'static>>(allocator, |a| copy(output, a.agents())) }
}
