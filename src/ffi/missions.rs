//! Missions.

use super::handle::{self, Object, call_mut, call_ref, with_mut};
use super::mission_types::{
    nsw_mission_event, nsw_mission_progress, nsw_mission_task, nsw_missions_config,
    nsw_missions_info, nsw_offer, read,
};
use super::part::CPart;
use super::port::nsw_allocator;
use super::slices::{apart, bytes_of, input, put};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, Array, check_pointer};
use crate::node::{JobId, MissionId, Missions};

/// Work that is given at one member and done by many: a part of a node (nsw_node_parts). A mission is a
/// set of tasks of which some wait for others. The member where it was given hands them out: what is
/// ready goes to the member that would be done with it first, by its skills, its speed as it was seen to
/// be, what waits there, and its battery; of what is ready, that comes first which most work waits for
/// (the upward rank of HEFT, Topcuoglu, Hariri and Wu 2002). A task that waits for a fast member that
/// is busy is not given to a slow one that would take longer.
///
/// What a dead member had moves on. A task that takes much longer than was expected is given to a second
/// member, and the first result counts (Dean and Barroso, "The tail at scale", 2013). So a task may be
/// done more than once, but its result is told of once: what a task does beside its result, it must bear
/// to do again.
///
/// The mission lives at the member where it was given, and dies with it. One thread at a time.
pub struct nsw_missions {
    _opaque: [u8; 0],
}

pub(super) type CMissions = CPart<Missions<'static>>;

impl Object for CMissions {
    type C = nsw_missions;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsMi");
}

/// The memory that it takes: the one block that nsw_missions_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range.
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_missions_footprint(
    config: *const nsw_missions_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<CMissions>(size, align, || Missions::footprint(&read(config)?)) }
}

/// Makes it, in one block of `memory` (NULL: the system's heap): without missions, and this member offers
/// nothing. The caller owns `*missions` and ends it with nsw_missions_destroy.
///
/// Errors: those of nsw_missions_footprint, NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*missions` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_missions_create(
    config: *const nsw_missions_config,
    memory: *const nsw_allocator,
    missions: *mut *mut nsw_missions,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<CMissions, _>(
            memory,
            missions,
            || read(config).and_then(|config| Ok((Missions::footprint(&config)?, config))),
            |piece, config| Missions::in_piece(&config, piece).map(CPart::new),
        )
    }
}

/// Destroys it and gives its block back. NULL is fine, and so is an already destroyed one whose
/// memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_missions_destroy(missions: *mut nsw_missions) {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::destroy::<CMissions>(missions) };
}

/// Gives a mission of `count` tasks; its number goes to `*mission`. They are handed out from the next
/// poll on.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE; NSW_ERR_INVALID for no tasks, a
/// number outside its range, or bytes of an event, which are to be copied first; NSW_ERR_TASK_CYCLE for
/// a task that waits for itself or one that lies behind it; NSW_ERR_LENGTH for a method of none or of
/// more than NSW_REQUESTS_MOST_METHOD bytes, or for more bytes than `bytes` of the configuration;
/// NSW_ERR_CAPACITY without room for it. Nothing was changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_missions_give(
    missions: *mut nsw_missions,
    tasks: *const nsw_mission_task,
    count: usize,
    now_us: u64,
    mission: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CMissions>(missions, |m| {
            check_pointer(mission)?;
            let tasks = Array::new(tasks, count)?;
            let memory = m.memory();
            let task = |place| {
                let task = tasks.at(place)?.get()?;
                apart(&memory, &[bytes_of(task.method), bytes_of(task.message)])?;
                Ok(task)
            };
            put(mission, m.give_each(count, task, now_us)?.0)
        })
    }
}

/// Ends a mission: whoever does a task of it is told.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN if there is none, NSW_ERR_TASK_STATE if it is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_missions_cancel(
    missions: *mut nsw_missions,
    mission: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CMissions>(missions, |m| m.cancel(MissionId(mission))) }
}

/// How far a mission is: fills `*progress`, whose `size` the caller has set.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_TASK_UNKNOWN if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_missions_progress(
    missions: *const nsw_missions,
    mission: u64,
    progress: *mut nsw_mission_progress,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMissions>(missions, |m| {
            structs::write(progress, &m.progress(MissionId(mission))?.into())
        })
    }
}

/// The result of a task that is done: its bytes at `*result`, `*result_len` of them, valid until the next
/// call that is given the object not const; who did it at `*by`, which may be NULL.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_TASK_UNKNOWN if there is no such task,
/// NSW_ERR_TASK_STATE if it is not done.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_missions_result(
    missions: *const nsw_missions,
    mission: u64,
    task: u32,
    by: *mut u64,
    result: *mut *const u8,
    result_len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMissions>(missions, |m| {
            check_pointer(result)?;
            check_pointer(result_len)?;
            let (who, bytes) = m.result(MissionId(mission), task)?;
            if !by.is_null() {
                put(by, who)?;
            }
            put(result, bytes.as_ptr())?;
            put(result_len, bytes.len())
        })
    }
}

/// The mission with the next higher number than `*mission`, which is 0 at first, of those that are not
/// forgotten: its number goes to `*mission`. NSW_DONE if there is none (it is as it was then).
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_missions_next_mission(
    missions: *const nsw_missions,
    mission: *mut u64,
) -> nsw_status {
    let next = |m: &CMissions| {
        check_pointer(mission)?;
        // SAFETY: not NULL, aligned, and the caller's word.
        let before = unsafe { mission.read() };
        let next = m.missions().map(|id| id.0).filter(|id| *id > before).min();
        let Some(next) = next else { return Ok(false) };
        // SAFETY: as above.
        unsafe { put(mission, next) }.map(|()| true)
    };
    // SAFETY: NULL or what it should be, by the documentation above.
    status_or(unsafe { handle::with_ref::<CMissions, _>(missions, next) }, NSW_DONE)
}

/// Forgets a mission that is over, with its results and what was not told of it.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN if there is none, NSW_ERR_TASK_STATE if it is not
/// over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_missions_forget(
    missions: *mut nsw_missions,
    mission: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CMissions>(missions, |m| m.forget(MissionId(mission))) }
}

/// What this member offers to do from now on, for missions given here and elsewhere. It is told to others
/// with each result, and when they ask; what it was given before it does all the same.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a number outside
/// its range.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_missions_set_offer(
    missions: *mut nsw_missions,
    offer: *const nsw_offer,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CMissions>(missions, |m| m.set_offer(&structs::read(offer)?.get()?)) }
}

/// A job is done, with this result.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_NODE_REQUEST if there is none, or it is not wanted
/// any more; NSW_ERR_LENGTH for more than `max_result` bytes (nsw_missions_describe), NSW_ERR_INVALID for
/// the bytes of an event, which are to be copied first: then it is still to be done.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_missions_finish(
    missions: *mut nsw_missions,
    job: u64,
    result: *const u8,
    result_len: usize,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CMissions>(missions, |m| {
            let result = input(result, result_len)?;
            apart(&m.memory(), &[bytes_of(result)])?;
            m.finish(JobId(job), result, now_us)
        })
    }
}

/// A job cannot be done: it counts as an attempt, and somebody else may try.
///
/// Errors: those of a bad handle, NSW_ERR_NODE_REQUEST if there is none, or it is not wanted any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_missions_fail(
    missions: *mut nsw_missions,
    job: u64,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_mut::<CMissions>(missions, |m| m.fail(JobId(job), now_us)) }
}

/// What has happened: fills `*event`, whose `size` the caller has set. NSW_DONE if there is no
/// more (it is as it was then).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_missions_next(
    missions: *mut nsw_missions,
    event: *mut nsw_mission_event,
) -> nsw_status {
    let next = |m: &mut CMissions| {
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { structs::fill(event, || Ok(m.next_event().map(Into::into))) }
    };
    // SAFETY: NULL or what it should be, by the documentation above.
    status_or(unsafe { with_mut::<CMissions, _>(missions, next) }, NSW_DONE)
}

/// What was counted: fills `*info`, whose `size` the caller has set.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_missions_describe(
    missions: *const nsw_missions,
    info: *mut nsw_missions_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<CMissions>(missions, |m| {
            structs::write(info, &nsw_missions_info::new(m.stats(), m.max_result()))
        })
    }
}
