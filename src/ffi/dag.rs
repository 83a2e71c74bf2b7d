//! Graphs of tasks that wait for each other, and the workers that may do them.

use super::handle::{self, Object, call_mut, call_ref};
use super::port::nsw_allocator;
use super::slices::{Output, bytes_of, copy, may_tell, put, tell};
use super::status::nsw_status;
use super::structs::{self, Versioned, count, count_or_none};
use crate::error::Result;
use crate::task::schedule::{Dag, DagConfig};

/// How large a graph is at most. NSW_DAG_CONFIG_INIT; zero means the default. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_dag_config {
    /// sizeof(nsw_dag_config); NSW_DAG_CONFIG_INIT sets it.
    pub size: u32,
    /// Most tasks, 1 to 2^24; 0 means 64.
    pub tasks: u32,
    /// Most edges, at most 2^24; 0 means 128, NSW_TASK_NONE none.
    pub edges: u32,
    /// How many workers, 1 to 65,535; 0 means 8.
    pub workers: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_dag_config {
    const LEAST: usize = size_of::<nsw_dag_config>();
}

/// How much is in a graph. NSW_DAG_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_dag_info {
    /// sizeof(nsw_dag_info); NSW_DAG_INFO_INIT sets it.
    pub size: u32,
    /// How many tasks there are.
    pub tasks: u32,
    /// How many edges.
    pub edges: u32,
    /// How many workers.
    pub workers: u32,
    /// 1 if nsw_dag_build was called since something was last changed, else 0.
    pub built: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_dag_info {
    const LEAST: usize = size_of::<nsw_dag_info>();
}

/// Tasks, what they wait for and how much data they get from it; workers, and the links between them. All have
/// numbers from 0 on. A task takes work / speed seconds on a worker, unless nsw_dag_set_seconds says otherwise. Data
/// takes latency + bytes / bandwidth seconds from one worker to another, and none where it is. One thread at a
/// time; functions that take it const may run side by side.
pub struct nsw_dag {
    _opaque: [u8; 0],
}

impl Object for Dag<'static> {
    type C = nsw_dag;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsDg");
}

/// # Safety
/// NULL or a configuration.
unsafe fn read(config: *const nsw_dag_config) -> Result<DagConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    let default = DagConfig::default();
    Ok(DagConfig {
        tasks: count(c.tasks, default.tasks),
        edges: count_or_none(c.edges, default.edges),
        workers: count(c.workers, default.workers),
    })
}

/// The memory that a graph takes: the one block that nsw_dag_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range,
/// NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_footprint(
    config: *const nsw_dag_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<Dag<'static>>(size, align, || Dag::footprint(&read(config)?)) }
}

/// Makes a graph without tasks, with workers of speed 1 and links that take no time, in one block of `memory` (NULL: the
/// system's heap). The caller owns `*dag` and ends it with nsw_dag_destroy.
///
/// Errors: those of nsw_dag_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*dag` is
/// NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_create(
    config: *const nsw_dag_config,
    memory: *const nsw_allocator,
    dag: *mut *mut nsw_dag,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Dag<'static>, _>(
            memory,
            dag,
            || {
                let config = read(config)?;
                Ok((Dag::footprint(&config)?, config))
            },
            |piece, config| Dag::in_piece(&config, piece),
        )
    }
}

/// Destroys a graph and gives its block back. NULL is fine, and so is an already destroyed one whose memory can still be
/// read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_destroy(dag: *mut nsw_dag) {
    // SAFETY: NULL or a graph, by the documentation above.
    unsafe { handle::destroy::<Dag<'static>>(dag) };
}

/// Takes all tasks and edges out. Workers and links stay.
///
/// Errors: those of a bad handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_clear(dag: *mut nsw_dag) -> nsw_status {
    // SAFETY: NULL or a graph, by the documentation above.
    unsafe {
        call_mut::<Dag<'static>>(dag, |d| {
            d.clear();
            Ok(())
        })
    }
}

/// How much is in it: fills `*info` (NSW_DAG_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_describe(
    dag: *const nsw_dag,
    info: *mut nsw_dag_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Dag<'static>>(dag, |d| {
            // Configurations are of 32 bits.
            let (tasks, edges, workers) = (d.tasks(), d.edges(), d.workers());
            let told = nsw_dag_info {
                size: 0,
                tasks: tasks as u32,
                edges: edges as u32,
                workers: workers as u32,
                built: d.is_built().into(),
                reserved: 0,
            };
            structs::write(info, &told)
        })
    }
}

/// A worker's speed: work that it does in a second, 1e-9 to 1e18.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN without such a worker, NSW_ERR_INVALID for another speed,
/// NSW_ERR_TASK_STATE if there are tasks already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_set_speed(
    dag: *mut nsw_dag,
    worker: u32,
    speed: f64,
) -> nsw_status {
    // SAFETY: NULL or a graph, by the documentation above.
    unsafe { call_mut::<Dag<'static>>(dag, |d| d.set_speed(worker, speed)) }
}

/// The link from one worker to another: seconds until the first byte, and bytes a second, above 0 (infinity for no
/// limit).
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN without such workers, NSW_ERR_INVALID for a link of a worker
/// to itself, or numbers outside their ranges.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_set_link(
    dag: *mut nsw_dag,
    from: u32,
    to: u32,
    latency: f64,
    bandwidth: f64,
) -> nsw_status {
    // SAFETY: NULL or a graph, by the documentation above.
    unsafe { call_mut::<Dag<'static>>(dag, |d| d.set_link(from, to, latency, bandwidth)) }
}

/// The same for all links.
///
/// Errors: those of nsw_dag_set_link.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_set_links(
    dag: *mut nsw_dag,
    latency: f64,
    bandwidth: f64,
) -> nsw_status {
    // SAFETY: NULL or a graph, by the documentation above.
    unsafe { call_mut::<Dag<'static>>(dag, |d| d.set_links(latency, bandwidth)) }
}

/// Adds a task of so much work, 0 to 1e91; `*task` (may be NULL) is its number.
///
/// Errors: those of a bad handle, NSW_ERR_CAPACITY without room for it, NSW_ERR_INVALID for other work.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_add_task(
    dag: *mut nsw_dag,
    work: f64,
    task: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Dag<'static>>(dag, |d| {
            may_tell(task)?;
            tell(task, d.add_task(work)?)
        })
    }
}

/// How long a task takes on a worker, 0 to 1e100, whatever its work and the worker's speed are; infinity if the worker
/// cannot do it.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN without such a task or worker, NSW_ERR_INVALID for another time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_set_seconds(
    dag: *mut nsw_dag,
    task: u32,
    worker: u32,
    seconds: f64,
) -> nsw_status {
    // SAFETY: NULL or a graph, by the documentation above.
    unsafe { call_mut::<Dag<'static>>(dag, |d| d.set_seconds(task, worker, seconds)) }
}

/// Task `to` waits for task `from`, and for so many bytes of it, 0 to 1e60. Two edges between the same tasks are as one
/// with both loads side by side.
///
/// Errors: those of a bad handle, NSW_ERR_CAPACITY without room for it, NSW_ERR_TASK_UNKNOWN without such tasks,
/// NSW_ERR_TASK_CYCLE for a task that waits for itself, NSW_ERR_INVALID for other bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_add_edge(
    dag: *mut nsw_dag,
    from: u32,
    to: u32,
    bytes: f64,
) -> nsw_status {
    // SAFETY: NULL or a graph, by the documentation above.
    unsafe { call_mut::<Dag<'static>>(dag, |d| d.add_edge(from, to, bytes)) }
}

/// Puts tasks and edges into order, after which they can be scheduled.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_CYCLE if tasks wait for each other in a circle,
/// NSW_ERR_TASK_INFEASIBLE if there is a task that no worker can do, NSW_ERR_TASK_STATE if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_build(dag: *mut nsw_dag) -> nsw_status {
    // SAFETY: NULL or a graph, by the documentation above.
    unsafe { call_mut::<Dag<'static>>(dag, Dag::build) }
}

/// How long a task takes on a worker: `*seconds`; infinity if there is no such task or worker.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_seconds(
    dag: *const nsw_dag,
    task: u32,
    worker: u32,
    seconds: *mut f64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Dag<'static>>(dag, |d| put(seconds, d.seconds(task, worker))) }
}

/// How long so many bytes take from one worker to another: `*seconds`; infinity without such workers.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_transfer(
    dag: *const nsw_dag,
    bytes: f64,
    from: u32,
    to: u32,
    seconds: *mut f64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Dag<'static>>(dag, |d| put(seconds, d.transfer(bytes, from, to))) }
}

/// Writes edges to the caller: their other ends, and their bytes, which may not be wanted.
///
/// # Safety
/// Each is NULL or what it should be.
unsafe fn write(
    edges: impl ExactSizeIterator<Item = (u32, f64)> + Clone,
    tasks: *mut u32,
    bytes: *mut f64,
    cap: usize,
    len: *mut usize,
) -> Result<()> {
    // SAFETY: the caller's word.
    unsafe {
        let count = edges.len();
        let places =
            Output { pointer: tasks, capacity: cap, len }.take(count, &bytes_of::<u8>(&[]))?;
        let ends = bytes_of(places);
        places.iter_mut().zip(edges.clone()).for_each(|(place, edge)| *place = edge.0);
        if bytes.is_null() {
            return Ok(());
        }
        let loads = Output { pointer: bytes, capacity: cap, len }.take(count, &ends)?;
        loads.iter_mut().zip(edges).for_each(|(place, edge)| *place = edge.1);
        Ok(())
    }
}

/// The edges into a task: `*len` (may be NULL) numbers of the tasks that they come from to `tasks`, and their bytes
/// to `bytes` (may be NULL), each with room for `cap`. None before nsw_dag_build, or if there is no such task.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID if both overlap, NSW_ERR_BUFFER_TOO_SMALL: `*len` is
/// what is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_before(
    dag: *const nsw_dag,
    task: u32,
    tasks: *mut u32,
    bytes: *mut f64,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Dag<'static>>(dag, |d| write(d.before(task), tasks, bytes, cap, len)) }
}

/// The edges out of a task: as nsw_dag_before, with the tasks that they lead to.
///
/// Errors: those of nsw_dag_before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_after(
    dag: *const nsw_dag,
    task: u32,
    tasks: *mut u32,
    bytes: *mut f64,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Dag<'static>>(dag, |d| write(d.after(task), tasks, bytes, cap, len)) }
}

/// All tasks, each behind all that it waits for: `*len` (may be NULL) numbers to `buf`; none before nsw_dag_build.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_dag_order(
    dag: *const nsw_dag,
    buf: *mut u32,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Dag<'static>>(dag, |d| copy(output, d.order())) }
}
