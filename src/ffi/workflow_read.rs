//! Workflows: what has become of tasks.

use super::handle::call_ref;
use super::schedule::nsw_placement;
use super::slices::{Output, bytes_of, put, tell};
use super::status::nsw_status;
use super::structs;
use super::workflow::{Flow, nsw_workflow};

/// What has become of a task: `*state` is an NSW_TASK_ constant. A sub-workflow is running while it has begun and is not at
/// its end.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_TASK_UNKNOWN without such a task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_state(
    workflow: *const nsw_workflow,
    task: u32,
    state: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Flow>(workflow, |f| put(state, f.state(task)? as u32)) }
}

/// The attempt of a task that was begun last, `*attempt`, or 0, and its worker, `*worker` (may be NULL), or
/// NSW_NO_WORKER.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_TASK_UNKNOWN without such a task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_attempt(
    workflow: *const nsw_workflow,
    task: u32,
    attempt: *mut u32,
    worker: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Flow>(workflow, |f| {
            let (last, who) = f.attempt(task)?;
            put(attempt, last)?;
            tell(worker, who)
        })
    }
}

/// Where and when a task was done, is done, or will be as it looked when it was scheduled last: fills `*placement`
/// (NSW_PLACEMENT_INIT), in seconds since the start. Its worker is NSW_NO_WORKER before the start, and if it will not
/// be done, or nobody is there to do it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_TASK_UNKNOWN without such a task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_placement(
    workflow: *const nsw_workflow,
    task: u32,
    placement: *mut nsw_placement,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Flow>(workflow, |f| structs::write(placement, &f.placement(task)?.into())) }
}

/// When all will be done as it looked when it was scheduled last, in seconds since the start: `*makespan`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_makespan(
    workflow: *const nsw_workflow,
    makespan: *mut f64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Flow>(workflow, |f| put(makespan, f.makespan())) }
}

/// How often the rest was scheduled: `*plans`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_plans(
    workflow: *const nsw_workflow,
    plans: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Flow>(workflow, |f| put(plans, f.plans())) }
}

/// Tasks that are not at their end, the two of each sub-workflow among them: `*tasks`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_open(
    workflow: *const nsw_workflow,
    tasks: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Flow>(workflow, |f| put(tasks, f.open())) }
}

/// When nsw_workflow_tick is to be called though nothing happens: `*wake_us`; UINT64_MAX: never.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_wake_at(
    workflow: *const nsw_workflow,
    wake_us: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Flow>(workflow, |f| put(wake_us, f.next_wake_us())) }
}

/// Where tasks were done, are done and will be as a picture: as nsw_scheduler_gantt.
///
/// Errors: those of nsw_scheduler_gantt.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_workflow_gantt(
    workflow: *const nsw_workflow,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Flow>(workflow, |f| {
            let buffer = output.take(f.gantt_len(), &bytes_of::<u8>(&[]))?;
            f.gantt(buffer).map(drop)
        })
    }
}
