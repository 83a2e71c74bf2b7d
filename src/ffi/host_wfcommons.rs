//! Recorded workflows.

use core::ffi::c_char;
use std::string::String;

use super::dag::nsw_dag;
use super::handle::{self, NOTHING, Object, call_ref, with_mut};
use super::port::{CLogger, nsw_allocator, nsw_logger};
use super::slices::{Output, bytes_of, input, put, tell};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::host::WfInstance;
use crate::task::schedule::Dag;

/// Which recorded workflow is read. NSW_HOST_WFCOMMONS_CONFIG_INIT, then `text` and `text_len`. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_wfcommons_config {
    /// sizeof(nsw_host_wfcommons_config); NSW_HOST_WFCOMMONS_CONFIG_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The JSON of a workflow, `text_len` bytes (not compressed), in the format of WfCommons
    /// (wfcommons.org, "format"), schema 1.5.
    pub text: *const c_char,
    /// Bytes of `text`.
    pub text_len: usize,
    /// Told what is wrong, with line and column; may be NULL.
    pub logger: *const nsw_logger,
    /// 0.
    pub reserved_end: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_wfcommons_config {
    const LEAST: usize = size_of::<nsw_host_wfcommons_config>();
}

/// How much is in a recorded workflow. NSW_HOST_WFCOMMONS_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_wfcommons_info {
    /// sizeof(nsw_host_wfcommons_info); NSW_HOST_WFCOMMONS_INFO_INIT sets it.
    pub size: u32,
    /// How many tasks.
    pub tasks: u32,
    /// How many edges.
    pub edges: u32,
    /// On how many machines it ran.
    pub machines: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_wfcommons_info {
    const LEAST: usize = size_of::<nsw_host_wfcommons_info>();
}

/// A recorded workflow in the format of WfCommons. It does not change, so any number of threads may read it side by
/// side.
pub struct nsw_host_wfcommons {
    _opaque: [u8; 0],
}

impl Object for WfInstance {
    type C = nsw_host_wfcommons;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsWC");
}

/// # Safety
/// NULL or a configuration, whose text is not used after the call.
unsafe fn read(config: *const nsw_host_wfcommons_config) -> Result<nsw_host_wfcommons_config> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    if c.reserved != 0 || c.reserved_end != 0 {
        return Err(Error::Invalid);
    }
    Ok(c)
}

/// The memory that the object takes: the one block that nsw_host_wfcommons_create asks for, in bytes. What was read
/// lies in the system's heap.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID. Any thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_wfcommons_footprint(
    config: *const nsw_host_wfcommons_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<WfInstance>(size, align, || read(config).map(|_| NOTHING)) }
}

/// Reads a recorded workflow, in one block of `memory` (NULL: the system's heap). The caller owns `*wfcommons` and ends it
/// with nsw_host_wfcommons_destroy.
///
/// Errors: those of nsw_host_wfcommons_footprint, NSW_ERR_TASK_FORMAT if the text is no JSON or has not the fields of
/// schema 1.5, NSW_ERR_UNSUPPORTED for another schema, NSW_ERR_TASK_DOMAIN if it names a task or a file that there is
/// not, or two have one id, or a number is negative; NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR.
/// `*wfcommons` is NULL then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_wfcommons_create(
    config: *const nsw_host_wfcommons_config,
    memory: *const nsw_allocator,
    wfcommons: *mut *mut nsw_host_wfcommons,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<WfInstance, _>(
            memory,
            wfcommons,
            || Ok((NOTHING, read(config)?)),
            |_, c| {
                let logger = CLogger::new(c.logger)?;
                let text = input(c.text.cast::<u8>(), c.text_len)?;
                WfInstance::read(text, CLogger::as_dyn(&logger))
            },
        )
    }
}

/// Gives back what was read and the object's block. NULL is fine, and so is an already destroyed one whose memory can
/// still be read.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_wfcommons_destroy(wfcommons: *mut nsw_host_wfcommons) {
    // SAFETY: NULL or such an object, by the documentation above.
    unsafe { handle::destroy::<WfInstance>(wfcommons) };
}

/// How much is in it: fills `*info` (NSW_HOST_WFCOMMONS_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_OVERFLOW for more than 2^32 - 1 of something.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_wfcommons_describe(
    wfcommons: *const nsw_host_wfcommons,
    info: *mut nsw_host_wfcommons_info,
) -> nsw_status {
    let short = |len: usize| u32::try_from(len).map_err(|_| Error::Overflow);
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<WfInstance>(wfcommons, |wf| {
            let told = nsw_host_wfcommons_info {
                size: 0,
                tasks: short(wf.tasks.len())?,
                edges: short(wf.edges.len())?,
                machines: short(wf.machines.len())?,
            };
            structs::write(info, &told)
        })
    }
}

/// Copies a name to the caller.
///
/// # Safety
/// The buffer is NULL or what it should be.
unsafe fn name(text: &String, buf: *mut c_char, capacity: usize, len: *mut usize) -> Result<()> {
    let output = Output { pointer: buf.cast::<u8>(), capacity, len };
    // SAFETY: the caller's word.
    unsafe { output.take(text.len(), &bytes_of::<u8>(&[])) }?.copy_from_slice(text.as_bytes());
    Ok(())
}

/// The name of the workflow: `*len` (may be NULL) bytes to `buf`, without a zero behind it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_wfcommons_name(
    wfcommons: *const nsw_host_wfcommons,
    buf: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<WfInstance>(wfcommons, |wf| name(&wf.name, buf, cap, len)) }
}

/// A task, in the order of the file: its id as nsw_host_wfcommons_name gives the name, and `*seconds` (may be NULL), how
/// long it took.
///
/// Errors: those of nsw_host_wfcommons_name, NSW_ERR_TASK_UNKNOWN without such a task.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_wfcommons_task(
    wfcommons: *const nsw_host_wfcommons,
    task: u32,
    buf: *mut c_char,
    cap: usize,
    len: *mut usize,
    seconds: *mut f64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<WfInstance>(wfcommons, |wf| {
            let task = wf.tasks.get(task as usize).ok_or(Error::TaskUnknown)?;
            tell(seconds, task.seconds)?;
            name(&task.id, buf, cap, len)
        })
    }
}

/// An edge, in rising order of `from`, then `to`: task `*to` waits for task `*from`, and for `*bytes` of it.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_TASK_UNKNOWN without such an edge.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_wfcommons_edge(
    wfcommons: *const nsw_host_wfcommons,
    edge: u32,
    from: *mut u32,
    to: *mut u32,
    bytes: *mut f64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<WfInstance>(wfcommons, |wf| {
            let edge = wf.edges.get(edge as usize).ok_or(Error::TaskUnknown)?;
            put(from, edge.from)?;
            put(to, edge.to)?;
            put(bytes, edge.bytes)
        })
    }
}

/// A machine that it ran on: its name as nsw_host_wfcommons_name gives that of the workflow, and, each of which may be NULL,
/// `*cores` and its clock in MHz, `*mhz`; 0 if that was not recorded.
///
/// Errors: those of nsw_host_wfcommons_name, NSW_ERR_TASK_UNKNOWN without such a machine.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_wfcommons_machine(
    wfcommons: *const nsw_host_wfcommons,
    machine: u32,
    buf: *mut c_char,
    cap: usize,
    len: *mut usize,
    cores: *mut u32,
    mhz: *mut f64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<WfInstance>(wfcommons, |wf| {
            let machine = wf.machines.get(machine as usize).ok_or(Error::TaskUnknown)?;
            tell(cores, machine.cores)?;
            tell(mhz, machine.mhz)?;
            name(&machine.name, buf, cap, len)
        })
    }
}

/// Adds all tasks and edges to a graph without any. What was recorded counts as the time of a worker of speed 1.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_STATE if there are tasks in it, NSW_ERR_CAPACITY without room for all, and
/// those of nsw_dag_add_task and nsw_dag_add_edge; it is without tasks then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_wfcommons_add_to(
    wfcommons: *const nsw_host_wfcommons,
    dag: *mut nsw_dag,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<WfInstance>(wfcommons, |wf| {
            with_mut::<Dag<'static>, _>(dag, |dag| wf.add_to(dag))
        })
    }
}
