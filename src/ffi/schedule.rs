//! Schedules of tasks that wait for each other: HEFT, PEFT, the search, and lower bounds.

use core::alloc::Layout;

use super::dag::nsw_dag;
use super::handle::{self, Object, call_mut, call_ref, with_ref};
use super::port::nsw_allocator;
use super::slices::{Output, bytes_of, input, list, may_tell, put, tell};
use super::status::nsw_status;
use super::structs::{self, Array, Versioned, count, or_none};
use crate::error::{Error, Result};
use crate::task::schedule::{
    Dag, NO_WORKER, Placement, Rank, RoomyScheduler, Rule, Scheduler, SchedulerConfig,
    SearchConfig, Situation,
};

/// Instead of a worker's number: no worker.
pub const NSW_NO_WORKER: u32 = 4294967295;

const _: () = assert!(NSW_NO_WORKER == NO_WORKER);

/// What a task's rank is made of: the mean time of all workers that can do it, as in HEFT.
pub const NSW_RANK_MEAN: u32 = 0;
/// What a task's rank is made of: the shortest time.
pub const NSW_RANK_BEST: u32 = 1;
/// What a task's rank is made of: the longest time of a worker that can do it.
pub const NSW_RANK_WORST: u32 = 2;
/// What a task's rank is made of: the mean, without the time of transfers.
pub const NSW_RANK_WITHOUT_TRANSFERS: u32 = 3;

/// Which worker gets a task: the one that finishes it first, as in HEFT.
pub const NSW_RULE_FINISH: u32 = 0;
/// Which worker gets a task: the one whose finish, with what follows at least, is first, as in PEFT.
pub const NSW_RULE_LOOKAHEAD: u32 = 1;
/// Which worker gets a task: the one that finishes it first, without the use of gaps.
pub const NSW_RULE_APPEND: u32 = 2;

/// How large the schedules of a scheduler are at most. NSW_SCHEDULER_CONFIG_INIT; zero means the default. Read
/// during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_scheduler_config {
    /// sizeof(nsw_scheduler_config); NSW_SCHEDULER_CONFIG_INIT sets it.
    pub size: u32,
    /// Most tasks, 1 to 2^24; 0 means 64.
    pub tasks: u32,
    /// Most workers, 1 to 65,535; 0 means 8.
    pub workers: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_scheduler_config {
    const LEAST: usize = size_of::<nsw_scheduler_config>();
}

/// Where and when a task is done, in seconds. NSW_PLACEMENT_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_placement {
    /// sizeof(nsw_placement); NSW_PLACEMENT_INIT sets it.
    pub size: u32,
    /// Which worker does it; NSW_NO_WORKER if it is not placed.
    pub worker: u32,
    /// When it begins.
    pub start: f64,
    /// When it is done.
    pub finish: f64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_placement {
    const LEAST: usize = size_of::<nsw_placement>();
}

impl From<Placement> for nsw_placement {
    fn from(placement: Placement) -> nsw_placement {
        let Placement { worker, start, finish } = placement;
        nsw_placement { size: 0, worker, start, finish }
    }
}

/// What is given when the rest is scheduled in the middle of a run. NSW_SITUATION_INIT, then what there is. Read
/// during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_situation {
    /// sizeof(nsw_situation); NSW_SITUATION_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Nothing begins before this, in seconds.
    pub now: f64,
    /// What is done or runs already, of each task; NSW_NO_WORKER for those that are free. NULL: all are free. What is
    /// done by a worker that is lost is at hand as if over a link of the mean. They lie as far apart as the
    /// first one's `size` says.
    pub fixed: *const nsw_placement,
    /// As many as there are tasks; 0 for NULL.
    pub fixed_len: usize,
    /// Of each worker, not 0 if it is lost. NULL: none is.
    pub lost: *const u8,
    /// As many as there are workers; 0 for NULL.
    pub lost_len: usize,
    /// Of each task: the higher, the earlier, before all else. What a task waits for counts as at least as
    /// urgent as itself. NULL: all are equal.
    pub priorities: *const u8,
    /// As many as there are tasks; 0 for NULL.
    pub priorities_len: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_situation {
    const LEAST: usize = size_of::<nsw_situation>();
}

/// Makes schedules: HEFT (Topcuoglu, Hariri and Wu 2002), PEFT (Arabnejad and Barbosa 2014) and a search that is never
/// worse than either. The last schedule stays to be read, until the next one is made, or refused. One thread at a
/// time; functions that take it const may run side by side.
pub struct nsw_scheduler {
    _opaque: [u8; 0],
}

impl Object for RoomyScheduler<'static> {
    type C = nsw_scheduler;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsSc");
}

/// # Safety
/// NULL or a configuration.
unsafe fn read(config: *const nsw_scheduler_config) -> Result<(Layout, SchedulerConfig)> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    if c.reserved != 0 {
        return Err(Error::Invalid);
    }
    let default = SchedulerConfig::default();
    let (tasks, workers) = (count(c.tasks, default.tasks), count(c.workers, default.workers));
    let config = SchedulerConfig { tasks, workers };
    Ok((RoomyScheduler::footprint(&config)?, config))
}

/// The memory that a scheduler takes: the one block that nsw_scheduler_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range,
/// NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_scheduler_footprint(
    config: *const nsw_scheduler_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<RoomyScheduler<'static>>(size, align, || Ok(read(config)?.0)) }
}

/// Makes a scheduler in one block of `memory` (NULL: the system's heap). The caller owns `*scheduler` and ends it with
/// nsw_scheduler_destroy.
///
/// Errors: those of nsw_scheduler_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*scheduler` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_scheduler_create(
    config: *const nsw_scheduler_config,
    memory: *const nsw_allocator,
    scheduler: *mut *mut nsw_scheduler,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<RoomyScheduler<'static>, _>(
            memory,
            scheduler,
            || read(config),
            |piece, config| RoomyScheduler::in_piece(&config, piece),
        )
    }
}

/// Destroys a scheduler and gives its block back. NULL is fine, and so is an already destroyed one whose memory can
/// still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_scheduler_destroy(scheduler: *mut nsw_scheduler) {
    // SAFETY: NULL or a scheduler, by the documentation above.
    unsafe { handle::destroy::<RoomyScheduler<'static>>(scheduler) };
}

/// Does something with a scheduler, a graph and what the caller has given; tells the answer.
///
/// # Safety
/// Each is NULL or what it should be.
unsafe fn with_all(
    scheduler: *mut nsw_scheduler,
    dag: *const nsw_dag,
    given: *const nsw_situation,
    answer: *mut f64,
    call: impl FnOnce(&mut Scheduler<'static>, &Dag<'_>, &Situation<'_>) -> Result<f64>,
) -> nsw_status {
    // SAFETY: the caller's word.
    unsafe {
        call_mut::<RoomyScheduler<'static>>(scheduler, |s| {
            s.scheduler.forget();
            may_tell(answer)?;
            with_ref::<Dag<'static>, _>(dag, |dag| {
                let made = if given.is_null() {
                    call(&mut s.scheduler, dag, &Situation::default())?
                } else {
                    let c = structs::read(given)?;
                    if c.reserved != 0 {
                        return Err(Error::Invalid);
                    }
                    let fixed = Array::new(c.fixed, c.fixed_len)?;
                    let lost = input(c.lost, c.lost_len)?;
                    let priorities = input(c.priorities, c.priorities_len)?;
                    // More than there is room for are too many for any graph that fits.
                    let (places, gone) = (s.fixed.len(), s.lost.len());
                    if c.fixed_len > places || lost.len() > gone {
                        return Err(Error::Length);
                    }
                    for at in 0..c.fixed_len {
                        let nsw_placement { worker, start, finish, .. } = fixed.at(at)?;
                        s.fixed[at] = Placement { worker, start, finish };
                    }
                    for (place, lost) in s.lost.iter_mut().zip(lost) {
                        *place = *lost != 0;
                    }
                    let (now, fixed) = (c.now, &s.fixed[..c.fixed_len]);
                    let lost = &s.lost[..lost.len()];
                    let given = Situation { now, fixed, lost, priorities };
                    call(&mut s.scheduler, dag, &given)?
                };
                tell(answer, made)
            })
        })
    }
}

/// Makes the schedule of HEFT; `*makespan` (may be NULL) is when all is done, in seconds.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_STATE if the graph is not built, NSW_ERR_CAPACITY if it is
/// larger than the configuration says. There is no schedule to be read then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_scheduler_heft(
    scheduler: *mut nsw_scheduler,
    dag: *const nsw_dag,
    makespan: *mut f64,
) -> nsw_status {
    let none = core::ptr::null();
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { with_all(scheduler, dag, none, makespan, |s, dag, _| s.heft(dag)) }
}

/// Makes the schedule of PEFT; `*makespan` (may be NULL) is when all is done, in seconds.
///
/// Errors: those of nsw_scheduler_heft.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_scheduler_peft(
    scheduler: *mut nsw_scheduler,
    dag: *const nsw_dag,
    makespan: *mut f64,
) -> nsw_status {
    let none = core::ptr::null();
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { with_all(scheduler, dag, none, makespan, |s, dag, _| s.peft(dag)) }
}

/// Makes a schedule by ranks (an NSW_RANK_ constant) and a rule (an NSW_RULE_ constant), with what is given (NULL:
/// nothing); `*makespan` (may be NULL) is when all is done, in seconds.
///
/// Errors: those of nsw_scheduler_heft, NSW_ERR_STRUCT_SIZE, NSW_ERR_NULL; NSW_ERR_LENGTH if an array of `given` has
/// another length than it must, NSW_ERR_INVALID for a number outside its range, or another constant,
/// NSW_ERR_TASK_INFEASIBLE if all workers that can do a task are lost. There is no schedule to be read then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_scheduler_list(
    scheduler: *mut nsw_scheduler,
    dag: *const nsw_dag,
    rank: u32,
    rule: u32,
    given: *const nsw_situation,
    makespan: *mut f64,
) -> nsw_status {
    let make = |s: &mut Scheduler<'static>, dag: &Dag<'_>, given: &Situation<'_>| {
        let rank = match rank {
            NSW_RANK_MEAN => Rank::Mean,
            NSW_RANK_BEST => Rank::Best,
            NSW_RANK_WORST => Rank::Worst,
            NSW_RANK_WITHOUT_TRANSFERS => Rank::WithoutTransfers,
            _ => return Err(Error::Invalid),
        };
        let rule = match rule {
            NSW_RULE_FINISH => Rule::Finish,
            NSW_RULE_LOOKAHEAD => Rule::Lookahead,
            NSW_RULE_APPEND => Rule::Append,
            _ => return Err(Error::Invalid),
        };
        s.list(dag, rank, rule, given)
    };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { with_all(scheduler, dag, given, makespan, make) }
}

/// Makes the best schedule that is found in `rounds` rounds (0: 200, NSW_TASK_NONE: only the lists that it begins
/// with), with what is given (NULL: nothing); it is never worse than those of HEFT and PEFT, and the same seed gives the
/// same one. `*makespan` (may be NULL) is when all is done, in seconds.
///
/// Errors: those of nsw_scheduler_list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_scheduler_search(
    scheduler: *mut nsw_scheduler,
    dag: *const nsw_dag,
    rounds: u32,
    seed: u64,
    given: *const nsw_situation,
    makespan: *mut f64,
) -> nsw_status {
    let config = SearchConfig { rounds: or_none(rounds, SearchConfig::default().rounds), seed };
    let make = |s: &mut Scheduler<'static>, dag: &Dag<'_>, given: &Situation<'_>| {
        s.search_given(dag, &config, given)
    };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { with_all(scheduler, dag, given, makespan, make) }
}

/// A time before which not all can be done, whatever the schedule: `*seconds`. The last schedule is gone.
///
/// Errors: those of nsw_scheduler_heft, and NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_scheduler_lower_bound(
    scheduler: *mut nsw_scheduler,
    dag: *const nsw_dag,
    seconds: *mut f64,
) -> nsw_status {
    let bound = |s: &mut Scheduler<'static>, dag: &Dag<'_>, _: &Situation<'_>| {
        structs::check_pointer(seconds)?;
        s.lower_bound(dag)
    };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { with_all(scheduler, dag, core::ptr::null(), seconds, bound) }
}

/// When all is done in the last schedule, in seconds: `*makespan`; 0 if there is none.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_scheduler_makespan(
    scheduler: *const nsw_scheduler,
    makespan: *mut f64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<RoomyScheduler<'static>>(scheduler, |p| put(makespan, p.scheduler.makespan()))
    }
}

/// Where and when a task is done in the last schedule: fills `*placement` (NSW_PLACEMENT_INIT); its worker is
/// NSW_NO_WORKER if there is none.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_scheduler_placement(
    scheduler: *const nsw_scheduler,
    task: u32,
    placement: *mut nsw_placement,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<RoomyScheduler<'static>>(scheduler, |p| {
            structs::write(placement, &p.scheduler.placement(task).into())
        })
    }
}

/// The same of all tasks: `*len` (may be NULL) to `placements`, whose first one is NSW_PLACEMENT_INIT; the others lie as
/// far apart as its `size` says. None without a schedule.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is
/// needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_scheduler_placements(
    scheduler: *const nsw_scheduler,
    placements: *mut nsw_placement,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<RoomyScheduler<'static>>(scheduler, |p| {
            let all = p.scheduler.placements();
            tell(len, all.len())?;
            if all.len() > cap {
                return Err(Error::BufferTooSmall);
            }
            structs::write_all(placements, all.len(), all.iter().map(|p| (*p).into())).map(drop)
        })
    }
}

/// A worker's tasks in the last schedule, in order: `*len` (may be NULL) numbers to `buf`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_scheduler_tasks_of(
    scheduler: *const nsw_scheduler,
    worker: u32,
    buf: *mut u32,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<RoomyScheduler<'static>>(scheduler, |p| {
            let tasks = || p.scheduler.tasks_of(worker);
            list(output, tasks().count(), tasks())
        })
    }
}

/// The last schedule as a picture, a Gantt chart in SVG: `*len` (may be NULL) bytes of text to `buf`, without a zero
/// behind it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed, and nothing is
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_scheduler_gantt(
    scheduler: *const nsw_scheduler,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<RoomyScheduler<'static>>(scheduler, |p| {
            let buffer = output.take(p.scheduler.gantt_len(), &bytes_of::<u8>(&[]))?;
            p.scheduler.gantt(buffer).map(drop)
        })
    }
}
