//! Planners: plans for a model, in memory that is given once.

use core::ffi::c_void;

use super::handle::{self, Object, call_mut, call_ref};
use super::plan_model::{self, nsw_plan_model};
use super::plan_state::{Lent, nsw_plan_state};
use super::plan_types::nsw_plan;
use super::port::nsw_allocator;
use super::slices::put;
use super::status::nsw_status;
use super::structs::{self, Versioned, or};
use crate::error::{Error, Result};
use crate::task::plan::{
    MethodOrder, Model, Outcome, PlanState, Planner, PlannerConfig, PlannerStats, TaskId,
};

/// How a search stands: the nodes ended before it did; go on with another nsw_planner_step.
pub const NSW_PLAN_RUNNING: u32 = 0;
/// How a search stands: there is a plan, nsw_planner_plan.
pub const NSW_PLAN_FOUND: u32 = 1;
/// How a search stands: all was searched, and there is none.
pub const NSW_PLAN_NONE: u32 = 2;
/// How a search stands: the memory was too small to search everything, and what could be searched holds no
/// plan.
pub const NSW_PLAN_OUT_OF_MEMORY: u32 = 3;

/// A planner for one model: a lifted forward decomposition in total order, after SHOP2 (Nau et al., "SHOP2: An
/// HTN Planning System", JAIR 2003), that remembers what it has seen, and begins anew with other choices when
/// it gets nowhere. A model with methods that leave subtasks unordered is searched over all orders that they
/// allow. Same model, same configuration, same plan. One thread at a time.
pub struct nsw_planner {
    _opaque: [u8; 0],
}

impl Object for Planner<'static> {
    type C = nsw_planner;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswP");
}

/// What a planner is made for. NSW_PLANNER_CONFIG_INIT, then `model`; every other zero means the default. Read
/// during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_planner_config {
    /// sizeof(nsw_planner_config); NSW_PLANNER_CONFIG_INIT sets it.
    pub size: u32,
    /// 1: later attempts do not choose at random; each is in the order of the model.
    pub no_restarts: u32,
    /// What it plans for. Its bytes stay for as long as the planner is used; the object need not.
    pub model: *const nsw_plan_model,
    /// Bytes that it may take; 0 means 1 MiB. It uses what it gets: more memory means longer plans, and more
    /// nodes that it remembers. Memory that is not needed is never touched.
    pub memory: usize,
    /// Where the random choices of later attempts begin; 0 means 1. Same seed, same plan.
    pub seed: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_planner_config {
    const LEAST: usize = size_of::<nsw_planner_config>();
}

/// What a search did so far. NSW_PLANNER_STATS_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_planner_stats {
    /// sizeof(nsw_planner_stats); NSW_PLANNER_STATS_INIT sets it.
    pub size: u32,
    /// Attempts that were begun.
    pub attempts: u32,
    /// Tasks that were decomposed, and actions that were tried.
    pub nodes: u64,
    /// Nodes that were not searched because they had been searched before.
    pub repeated: u64,
    /// Bytes of the path, and of what was made of the model; there may be as many as `stack_capacity`.
    pub stack: usize,
    /// Bytes that there are for that.
    pub stack_capacity: usize,
    /// Nodes that are remembered.
    pub remembered: usize,
    /// 0.
    pub reserved: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_planner_stats {
    const LEAST: usize = size_of::<nsw_planner_stats>();
}

impl From<PlannerStats> for nsw_planner_stats {
    fn from(stats: PlannerStats) -> nsw_planner_stats {
        let PlannerStats { nodes, attempts, repeated, stack, stack_capacity, remembered } = stats;
        nsw_planner_stats {
            size: 0,
            attempts,
            nodes,
            repeated,
            stack,
            stack_capacity,
            remembered,
            reserved: 0,
        }
    }
}

/// Ranks the methods of a task, from what the state is like: a learned model, say. Writes a score for each of
/// `methods[0..method_count]` (at least two) of `task` with the arguments `args[0..arg_count]` (objects) to
/// `scores`, which are all 0. The lowest is tried first; the same score means the order of the model. It
/// changes which methods are tried first, never which are tried: what is found stays right, and what has no
/// plan is still found to have none. Attempts that choose methods at random do not ask it. It must not call
/// functions of the planner.
pub type nsw_method_order = Option<
    unsafe extern "C" fn(
        ctx: *mut c_void,
        state: *const nsw_plan_state,
        task: u16,
        args: *const u16,
        arg_count: usize,
        methods: *const u16,
        method_count: usize,
        scores: *mut f32,
    ),
>;

/// Whether a search that was run has to stop now: anything but 0.
pub type nsw_planner_stop =
    Option<unsafe extern "C" fn(ctx: *mut c_void, stats: *const nsw_planner_stats) -> u32>;

/// # Safety
/// NULL or a configuration.
unsafe fn read(config: *const nsw_planner_config) -> Result<(Model<'static>, PlannerConfig)> {
    // SAFETY: the caller's word.
    let (c, model) = unsafe {
        let c = structs::read(config)?;
        (c, plan_model::read(c.model)?)
    };
    let default = PlannerConfig::default();
    let config = PlannerConfig {
        memory: or(c.memory, default.memory),
        seed: or(c.seed, default.seed),
        restarts: c.no_restarts == 0,
    };
    Ok((model, config))
}

fn outcome_code(outcome: Outcome) -> u32 {
    match outcome {
        Outcome::Running => NSW_PLAN_RUNNING,
        Outcome::Found => NSW_PLAN_FOUND,
        Outcome::NoPlan => NSW_PLAN_NONE,
        Outcome::OutOfMemory => NSW_PLAN_OUT_OF_MEMORY,
    }
}

/// The memory that a planner takes: the one block that nsw_planner_create asks for, in bytes; `memory` of the
/// configuration and a little for the handle.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, those of a bad handle of `model`, NSW_ERR_CAPACITY if `memory` cannot be
/// enough for this model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_planner_footprint(
    config: *const nsw_planner_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Planner<'static>>(size, align, || {
            let (model, config) = read(config)?;
            Planner::footprint(&model, &config)
        })
    }
}

/// Makes a planner, in one block of `memory` (NULL: the system's heap). Looks at what can ever become true, which
/// takes the more time the more objects there are. The caller owns `*planner` and ends it with
/// nsw_planner_destroy.
///
/// Errors: those of nsw_planner_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR; NSW_ERR_CAPACITY if the memory does not hold what is made of the model. `*planner` is NULL
/// then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_planner_create(
    config: *const nsw_planner_config,
    memory: *const nsw_allocator,
    planner: *mut *mut nsw_planner,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Planner<'static>, (Model<'static>, PlannerConfig)>(
            memory,
            planner,
            || {
                let (model, config) = read(config)?;
                Ok((Planner::footprint(&model, &config)?, (model, config)))
            },
            |piece, (model, config)| Planner::in_piece(&model, &config, piece),
        )
    }
}

/// Destroys a planner, and with it its plan, and gives its block back. NULL is fine, and so is an already
/// destroyed one whose memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_planner_destroy(planner: *mut nsw_planner) {
    // SAFETY: NULL or a planner, by the documentation above.
    unsafe { handle::destroy::<Planner<'static>>(planner) };
}

/// Searches on: at most `nodes` nodes, which are tasks decomposed and actions tried; less where it goes back often, or has to
/// look at many facts to find the instances of a method: for each node it goes back 4 times, and looks at some 256 facts
/// and objects, at most. (A single condition with quantifiers, or a single action's effects, it does look at as a
/// whole.) `*outcome`: NSW_PLAN_RUNNING and the like. What is found or known stays so.
///
/// Errors: those of a bad handle, NSW_ERR_NULL. `*outcome` is NSW_PLAN_RUNNING then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_planner_step(
    planner: *mut nsw_planner,
    nodes: u64,
    outcome: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Planner<'static>>(planner, |p| {
            put(outcome, NSW_PLAN_RUNNING)?;
            put(outcome, outcome_code(p.step(nodes)))
        })
    }
}

/// As nsw_planner_step, with a say of `order` in which method is tried first. It is not asked where methods
/// leave subtasks unordered, nor for tasks of more than 256 methods.
///
/// Errors: as nsw_planner_step, and NSW_ERR_NULL without an order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_planner_step_with(
    planner: *mut nsw_planner,
    nodes: u64,
    order: nsw_method_order,
    ctx: *mut c_void,
    outcome: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Planner<'static>>(planner, |p| {
            put(outcome, NSW_PLAN_RUNNING)?;
            let mut order = Order { rank: order.ok_or(Error::Null)?, ctx };
            put(outcome, outcome_code(p.step_with(nodes, &mut order)))
        })
    }
}

/// An order of C.
struct Order {
    rank: unsafe extern "C" fn(
        *mut c_void,
        *const nsw_plan_state,
        u16,
        *const u16,
        usize,
        *const u16,
        usize,
        *mut f32,
    ),
    ctx: *mut c_void,
}

impl MethodOrder for Order {
    fn rank(
        &mut self,
        state: &PlanState<'_>,
        task: TaskId,
        args: &[u16],
        methods: &[u16],
        scores: &mut [f32],
    ) {
        let lent = Lent::new(state);
        // SAFETY: the caller's hook, with arrays of the lengths that it is told.
        unsafe {
            (self.rank)(
                self.ctx,
                lent.handle(),
                task.0,
                args.as_ptr(),
                args.len(),
                methods.as_ptr(),
                methods.len(),
                scores.as_mut_ptr(),
            );
        }
    }
}

/// Searches on until there is an answer or `stop` (NULL: never) says that it is enough, which is asked after
/// every `nodes` nodes.
///
/// Errors: as nsw_planner_step; NSW_ERR_INVALID for no nodes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_planner_run(
    planner: *mut nsw_planner,
    nodes: u64,
    stop: nsw_planner_stop,
    ctx: *mut c_void,
    outcome: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Planner<'static>>(planner, |p| {
            put(outcome, NSW_PLAN_RUNNING)?;
            if nodes == 0 {
                return Err(Error::Invalid);
            }
            let enough = |stats: &PlannerStats| {
                let stats = nsw_planner_stats {
                    size: size_of::<nsw_planner_stats>() as u32,
                    ..nsw_planner_stats::from(*stats)
                };
                stop.is_some_and(|stop| stop(ctx, &stats) != 0)
            };
            put(outcome, outcome_code(p.run(nodes, enough)))
        })
    }
}

/// The plan that was found: fills `*plan` (NSW_PLAN_INIT), which points into the planner, and is good until the next
/// call that is given the planner not const.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_TASK_STATE while none was found;
/// NSW_ERR_TASK_NO_PLAN if there is none; NSW_ERR_OUT_OF_MEMORY if the memory was too small to find one, or to
/// write it down.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_planner_plan(
    planner: *mut nsw_planner,
    plan: *mut nsw_plan,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Planner<'static>>(planner, |p| {
            structs::check(plan)?;
            structs::write(plan, &nsw_plan::of(&p.plan()?))
        })
    }
}

/// Fills `*stats` (NSW_PLANNER_STATS_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_planner_describe(
    planner: *const nsw_planner,
    stats: *mut nsw_planner_stats,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Planner<'static>>(planner, |p| structs::write(stats, &p.stats().into())) }
}
