//! Workflows that run.

use super::handle::{self, Object, call_mut, with_mut};
use super::port::nsw_allocator;
use super::slices::{may_tell, put, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, Versioned, count, count_or_none, or, or_none};
use crate::error::{Error, Result};
use crate::task::schedule::{
    Action, DagConfig, OUTERMOST, State, TaskOptions, Workflow, WorkflowConfig,
};

/// Not within any sub-workflow. (No sub-workflow has this number.)
pub const NSW_OUTERMOST: u32 = 0;

/// A task's state: it waits for others.
pub const NSW_TASK_PENDING: u32 = 0;
/// A task's state: it waits for its worker.
pub const NSW_TASK_READY: u32 = 1;
/// A task's state: a worker is to be told, or was told and has not answered.
pub const NSW_TASK_ASSIGNED: u32 = 2;
/// A task's state: a worker has begun it.
pub const NSW_TASK_RUNNING: u32 = 3;
/// A task's state: it failed, and will be tried again.
pub const NSW_TASK_RETRYING: u32 = 4;
/// A task's state, for good as all that follow: its result was accepted.
pub const NSW_TASK_DONE: u32 = 5;
/// A task's state: it failed for good.
pub const NSW_TASK_FAILED: u32 = 6;
/// A task's state: it took too long for good.
pub const NSW_TASK_TIMED_OUT: u32 = 7;
/// A task's state: it is not to be done any more, or what it waits for will never be.
pub const NSW_TASK_CANCELLED: u32 = 8;

/// An action: worker `worker` is to begin attempt `attempt` of task `task`; the attempt comes back with the result.
pub const NSW_ACTION_START: u32 = 1;
/// An action: worker `worker`, which may be lost, is to stop attempt `attempt` of task `task`. Its result will not be
/// accepted.
pub const NSW_ACTION_STOP: u32 = 2;
/// An action: task, or sub-workflow, `task` has come to an end, in state `state`. Said once of each.
pub const NSW_ACTION_SETTLED: u32 = 3;
/// An action: all tasks have. Said once, at last; `state` is NSW_TASK_DONE if all are done, NSW_TASK_FAILED if one failed or
/// took too long, else NSW_TASK_CANCELLED.
pub const NSW_ACTION_END: u32 = 4;

const _: () = {
    assert!(NSW_TASK_PENDING == State::Pending as u32 && NSW_TASK_READY == State::Ready as u32);
    assert!(NSW_TASK_ASSIGNED == State::Assigned as u32);
    assert!(NSW_TASK_RUNNING == State::Running as u32);
    assert!(NSW_TASK_RETRYING == State::Retrying as u32 && NSW_TASK_DONE == State::Done as u32);
    assert!(NSW_TASK_FAILED == State::Failed as u32);
    assert!(NSW_TASK_TIMED_OUT == State::TimedOut as u32);
    assert!(NSW_TASK_CANCELLED == State::Cancelled as u32);
};

/// What a workflow is made for. NSW_WORKFLOW_CONFIG_INIT; zero means the default. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_workflow_config {
    /// sizeof(nsw_workflow_config); NSW_WORKFLOW_CONFIG_INIT sets it.
    pub size: u32,
    /// Most tasks, sub-workflows not among them, 1 to 2^24; 0 means 64.
    pub tasks: u32,
    /// Most edges, at most 2^24; 0 means 128, NSW_TASK_NONE none.
    pub edges: u32,
    /// How many workers, 1 to 65,535; 0 means 8.
    pub workers: u32,
    /// Most sub-workflows.
    pub subflows: u32,
    /// How many schedules a search tries each time; 0 or NSW_TASK_NONE: HEFT alone.
    pub search_rounds: u32,
    /// Not 0: tasks that do not wait for one that failed for good are still done. Else all are cancelled.
    pub keep_going: u32,
    /// 0.
    pub reserved: u32,
    /// How long a task that failed waits before it is tried again, in microseconds; twice as long with each further
    /// failure; 0 means 100,000.
    pub backoff_us: u64,
    /// The longest such wait; 0 means 30,000,000.
    pub backoff_most_us: u64,
    /// By how much of itself such a wait is made shorter at most, at random, NSW_ZERO to 1; 0 means 0.5.
    pub jitter: f64,
    /// A task that runs so many times as long as it should is late, and the rest is scheduled anew: at least 1, NSW_ZERO
    /// for never; 0 means 2.
    pub late: f64,
    /// Where random numbers begin; 0 means 1.
    pub seed: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_workflow_config {
    const LEAST: usize = size_of::<nsw_workflow_config>();
}

/// How a task is to be done. NSW_TASK_OPTIONS_INIT, then `work`; every other zero means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_task_options {
    /// sizeof(nsw_task_options); NSW_TASK_OPTIONS_INIT sets it.
    pub size: u32,
    /// The higher, the earlier, before all else; 0 to 255.
    pub priority: u32,
    /// How much work it is: seconds of a worker of speed 1.
    pub work: f64,
    /// How long an attempt may take, in microseconds; 0 for no end.
    pub timeout_us: u64,
    /// How often it may fail or take too long before it has failed for good, plus one; 0 means 3. The loss of a worker
    /// does not count.
    pub attempts: u32,
    /// The sub-workflow that it is part of, or NSW_OUTERMOST.
    pub within: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_task_options {
    const LEAST: usize = size_of::<nsw_task_options>();
}

/// What is to be done by whoever runs the workflow. NSW_ACTION_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_action {
    /// sizeof(nsw_action); NSW_ACTION_INIT sets it.
    pub size: u32,
    /// An NSW_ACTION_ constant: which of the others mean something.
    pub kind: u32,
    /// Which task; else 0.
    pub task: u32,
    /// Which attempt, from 1 on; else 0.
    pub attempt: u32,
    /// Which worker; else NSW_NO_WORKER.
    pub worker: u32,
    /// An NSW_TASK_ constant; else 0.
    pub state: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_action {
    const LEAST: usize = size_of::<nsw_action>();
}

impl From<Action> for nsw_action {
    fn from(action: Action) -> nsw_action {
        let worker = crate::task::schedule::NO_WORKER;
        let none = nsw_action { size: 0, kind: 0, task: 0, attempt: 0, worker, state: 0 };
        match action {
            Action::Start { task, attempt, worker } => {
                nsw_action { kind: NSW_ACTION_START, task, attempt, worker, ..none }
            }
            Action::Stop { task, attempt, worker } => {
                nsw_action { kind: NSW_ACTION_STOP, task, attempt, worker, ..none }
            }
            Action::Settled { task, state } => {
                nsw_action { kind: NSW_ACTION_SETTLED, task, state: state as u32, ..none }
            }
            Action::End { state } => {
                nsw_action { kind: NSW_ACTION_END, state: state as u32, ..none }
            }
        }
    }
}

/// A workflow that runs: what is done by whom, again if need be, and each result once.
///
/// It does no input or output. It is made of tasks and edges, and begins with nsw_workflow_start. It is told what happens
/// (nsw_workflow_started, _finished, _failed, _worker_lost, _worker_joined, _tick) and asked what is to be done,
/// nsw_workflow_next_action until NSW_DONE. A result counts if it is of the attempt that is under way; what is
/// repeated, late, or of a worker that was given up counts for nothing. Whenever a worker is lost or comes, a task is
/// late or to be tried again, all that has not begun is scheduled anew. A worker does one task at a time. A task may
/// itself be a workflow (nsw_workflow_add_subflow). Time is in microseconds of the caller's clock. One thread at a
/// time; functions that take it const may run side by side.
pub struct nsw_workflow {
    _opaque: [u8; 0],
}

pub(super) type Flow = Workflow<'static>;

impl Object for Flow {
    type C = nsw_workflow;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsWf");
}

/// # Safety
/// NULL or a configuration.
unsafe fn read(config: *const nsw_workflow_config) -> Result<WorkflowConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    if c.reserved != 0 {
        return Err(Error::Invalid);
    }
    let default = WorkflowConfig::default();
    let dag = DagConfig {
        tasks: count(c.tasks, default.dag.tasks),
        edges: count_or_none(c.edges, default.dag.edges),
        workers: count(c.workers, default.dag.workers),
    };
    Ok(WorkflowConfig {
        dag,
        subflows: c.subflows as usize,
        backoff_us: or(c.backoff_us, default.backoff_us),
        backoff_most_us: or(c.backoff_most_us, default.backoff_most_us),
        jitter: or(c.jitter, default.jitter),
        late: or(c.late, default.late),
        search_rounds: or_none(c.search_rounds, default.search_rounds),
        keep_going: c.keep_going != 0,
        seed: or(c.seed, default.seed),
    })
}

/// The number of a sub-workflow. What means the outermost in Rust is none that C could know.
fn within(number: u32) -> Result<u32> {
    match number {
        NSW_OUTERMOST => Ok(OUTERMOST),
        OUTERMOST => Err(Error::TaskUnknown),
        number => Ok(number),
    }
}

/// The memory that a workflow takes: the one block that nsw_workflow_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range,
/// NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_footprint(
    config: *const nsw_workflow_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<Flow>(size, align, || Flow::footprint(&read(config)?)) }
}

/// Makes a workflow without tasks, with workers of speed 1 and links that take no time, in one block of `memory` (NULL: the
/// system's heap). The caller owns `*workflow` and ends it with nsw_workflow_destroy.
///
/// Errors: those of nsw_workflow_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR.
/// `*workflow` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_create(
    config: *const nsw_workflow_config,
    memory: *const nsw_allocator,
    workflow: *mut *mut nsw_workflow,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Flow, _>(
            memory,
            workflow,
            || {
                let config = read(config)?;
                Ok((Flow::footprint(&config)?, config))
            },
            |piece, config| Flow::in_piece(&config, piece),
        )
    }
}

/// Destroys a workflow and gives its block back. NULL is fine, and so is an already destroyed one whose memory can
/// still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_destroy(workflow: *mut nsw_workflow) {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe { handle::destroy::<Flow>(workflow) };
}

/// A worker's speed: see nsw_dag_set_speed.
///
/// Errors: those of nsw_dag_set_speed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_set_speed(
    workflow: *mut nsw_workflow,
    worker: u32,
    speed: f64,
) -> nsw_status {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe { call_mut::<Flow>(workflow, |f| f.set_speed(worker, speed)) }
}

/// A link: see nsw_dag_set_link.
///
/// Errors: those of nsw_dag_set_link, and NSW_ERR_TASK_STATE once it runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_set_link(
    workflow: *mut nsw_workflow,
    from: u32,
    to: u32,
    latency: f64,
    bandwidth: f64,
) -> nsw_status {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe { call_mut::<Flow>(workflow, |f| f.set_link(from, to, latency, bandwidth)) }
}

/// The same for all links.
///
/// Errors: those of nsw_workflow_set_link.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_set_links(
    workflow: *mut nsw_workflow,
    latency: f64,
    bandwidth: f64,
) -> nsw_status {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe { call_mut::<Flow>(workflow, |f| f.set_links(latency, bandwidth)) }
}

/// Adds a task; `*task` (may be NULL) is its number.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_CAPACITY without room for it,
/// NSW_ERR_INVALID for a number outside its range, NSW_ERR_TASK_UNKNOWN if there is no such sub-workflow,
/// NSW_ERR_TASK_STATE once it runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_add_task(
    workflow: *mut nsw_workflow,
    options: *const nsw_task_options,
    task: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Flow>(workflow, |f| {
            may_tell(task)?;
            let c = structs::read(options)?;
            let default = TaskOptions::default();
            let options = TaskOptions {
                work: c.work,
                priority: u8::try_from(c.priority).map_err(|_| Error::Invalid)?,
                attempts: or(c.attempts, default.attempts),
                timeout_us: c.timeout_us,
                within: within(c.within)?,
            };
            tell(task, f.add_task(&options)?)
        })
    }
}

/// Adds a task that is a workflow itself; `*task` is its number, to be used in edges as any other, and as `within` of
/// its parts, other sub-workflows among them. It is done when they are. Its priority, 0 to 255, is that of parts
/// which have a lower one.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_CAPACITY without room for it, NSW_ERR_INVALID for another priority,
/// NSW_ERR_TASK_UNKNOWN if there is no sub-workflow `within`, NSW_ERR_TASK_STATE once it runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_add_subflow(
    workflow: *mut nsw_workflow,
    within: u32,
    priority: u32,
    task: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Flow>(workflow, |f| {
            structs::check_pointer(task)?;
            let priority = u8::try_from(priority).map_err(|_| Error::Invalid)?;
            put(task, f.add_subflow(self::within(within)?, priority)?)
        })
    }
}

/// How long a task takes on a worker: see nsw_dag_set_seconds.
///
/// Errors: those of nsw_dag_set_seconds, and NSW_ERR_TASK_STATE for a sub-workflow, or once it runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_set_seconds(
    workflow: *mut nsw_workflow,
    task: u32,
    worker: u32,
    seconds: f64,
) -> nsw_status {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe { call_mut::<Flow>(workflow, |f| f.set_seconds(task, worker, seconds)) }
}

/// Task `to` waits for task `from`, and for so many bytes of it. Either may be a sub-workflow.
///
/// Errors: those of nsw_dag_add_edge, and NSW_ERR_TASK_STATE once it runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_add_edge(
    workflow: *mut nsw_workflow,
    from: u32,
    to: u32,
    bytes: f64,
) -> nsw_status {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe { call_mut::<Flow>(workflow, |f| f.add_edge(from, to, bytes)) }
}

/// Begins: from now on there are actions.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_STATE if it runs already or has no task, NSW_ERR_TASK_CYCLE if tasks wait
/// for each other in a circle, NSW_ERR_TASK_INFEASIBLE if there is a task that no worker can do. It can be mended and
/// begun again after the last one; else what is wrong stays in it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_start(
    workflow: *mut nsw_workflow,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe { call_mut::<Flow>(workflow, |f| f.start(now_us)) }
}

/// A worker has begun a task. It need not be said: a result is enough.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN without such a task, NSW_ERR_TASK_STATE if it is no task for
/// workers, NSW_ERR_TASK_ATTEMPT if this attempt does not count (any more). Nothing is changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_started(
    workflow: *mut nsw_workflow,
    task: u32,
    attempt: u32,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe { call_mut::<Flow>(workflow, |f| f.started(task, attempt, now_us)) }
}

/// A task's result is there. It is accepted once: use it if, and only if, this answers NSW_OK.
///
/// Errors: those of nsw_workflow_started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_finished(
    workflow: *mut nsw_workflow,
    task: u32,
    attempt: u32,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe { call_mut::<Flow>(workflow, |f| f.finished(task, attempt, now_us)) }
}

/// An attempt has failed. The task is tried again later, or has failed for good.
///
/// Errors: those of nsw_workflow_started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_failed(
    workflow: *mut nsw_workflow,
    task: u32,
    attempt: u32,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe { call_mut::<Flow>(workflow, |f| f.failed(task, attempt, now_us)) }
}

/// A worker is lost: its task is to be done by another.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN without such a worker, NSW_ERR_TASK_STATE if it is lost already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_worker_lost(
    workflow: *mut nsw_workflow,
    worker: u32,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe { call_mut::<Flow>(workflow, |f| f.worker_lost(worker, now_us)) }
}

/// A worker that was lost is there again, and does nothing.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN without such a worker, NSW_ERR_TASK_STATE if it is not lost.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_worker_joined(
    workflow: *mut nsw_workflow,
    worker: u32,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe { call_mut::<Flow>(workflow, |f| f.worker_joined(worker, now_us)) }
}

/// Tells the time: what takes too long is stopped, what failed is tried again, and for what is late the rest is
/// scheduled anew.
///
/// Errors: those of a bad handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_tick(workflow: *mut nsw_workflow, now_us: u64) -> nsw_status {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe {
        call_mut::<Flow>(workflow, |f| {
            f.tick(now_us);
            Ok(())
        })
    }
}

/// Nothing more is to be done of a task, of the parts of a sub-workflow, and of all that waits for them.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN without such a task, NSW_ERR_TASK_STATE if it is at its end, or
/// nothing runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_cancel(
    workflow: *mut nsw_workflow,
    task: u32,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe { call_mut::<Flow>(workflow, |f| f.cancel(task, now_us)) }
}

/// Nothing more is to be done at all.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_STATE if nothing runs, or all is at its end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_cancel_all(workflow: *mut nsw_workflow) -> nsw_status {
    // SAFETY: NULL or a workflow, by the documentation above.
    unsafe { call_mut::<Flow>(workflow, Flow::cancel_all) }
}

/// What is to be done next: fills `*action` (NSW_ACTION_INIT). NSW_DONE if nothing now.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE; no action is lost then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_next_action(
    workflow: *mut nsw_workflow,
    action: *mut nsw_action,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    let next = |f: &mut Flow| unsafe {
        structs::check(action)?;
        match f.next_action() {
            Some(next) => structs::write(action, &next.into()).map(|()| true),
            None => Ok(false),
        }
    };
    // SAFETY: NULL or a workflow, by the documentation above.
    status_or(unsafe { with_mut::<Flow, _>(workflow, next) }, NSW_DONE)
}
