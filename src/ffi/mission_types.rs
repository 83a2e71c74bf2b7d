//! What missions are made of, and what is told of them.

use super::structs::{self, Versioned, count, count_or_none, or};
use crate::error::{Error, Result};
use crate::node::{
    MOST_SLOTS, MissionEvent, MissionTask, MissionsConfig, MissionsStats, Offer, Progress,
};

/// Stands for 0 in a setting of which 0 means the default.
pub const NSW_MISSIONS_NONE: u32 = u32::MAX;
/// The most slots of an offer.
pub const NSW_OFFER_MOST_SLOTS: u32 = 256;

const _: () = assert!(NSW_OFFER_MOST_SLOTS == MOST_SLOTS as u32);

/// This member is to do something: nsw_missions_finish or nsw_missions_fail ends it.
pub const NSW_MISSIONS_WORK: u32 = 1;
/// A job is not wanted any more: somebody else was faster, or its mission is over.
pub const NSW_MISSIONS_DROPPED: u32 = 2;
/// A task of a mission given here is done: told of each once.
pub const NSW_MISSIONS_DONE: u32 = 3;
/// A mission given here is over. Its results can be read until it is forgotten.
pub const NSW_MISSIONS_OVER: u32 = 4;

/// The mission is under way.
pub const NSW_MISSION_RUNNING: u32 = 1;
/// All of its tasks are done.
pub const NSW_MISSION_DONE: u32 = 2;
/// A task failed for good; what was under way was given up.
pub const NSW_MISSION_FAILED: u32 = 3;
/// It was cancelled.
pub const NSW_MISSION_CANCELLED: u32 = 4;

/// Settings of missions. NSW_MISSIONS_CONFIG_INIT, then `mtu`, `id` and `seed`; every other zero
/// means the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_missions_config {
    /// sizeof(nsw_missions_config); NSW_MISSIONS_CONFIG_INIT sets it.
    pub size: u32,
    /// The most bytes of a message: `max_message` of nsw_node_info.
    pub mtu: u32,
    /// This member's number: `id` of nsw_node_info.
    pub id: u64,
    /// Where numbers begin: another one at each start.
    pub seed: u64,
    /// The most missions given here that are not forgotten, up to 65,535; 0: 16.
    pub missions: u32,
    /// The most tasks of them together, up to 1,000,000; 0: 256.
    pub tasks: u32,
    /// The most pairs of tasks of which one waits for the other, up to 4,000,000; 0: 512;
    /// NSW_MISSIONS_NONE: none.
    pub edges: u32,
    /// The most bytes of a task's method and message together, and of its result, up to what fits a
    /// message; 0: 256.
    pub bytes: u32,
    /// The most members that work for missions given here, this one among them, up to 65,535; others
    /// are not asked. 0: 16.
    pub workers: u32,
    /// The most tasks under way that were given here, each of its copies counted, up to 65,535; an
    /// eighth is kept for second copies, if there are any. Each takes a message of memory, as does each
    /// of `workers`, and two for each of `jobs`. 0: a little more than two for each of `workers`.
    pub flights: u32,
    /// The most tasks of others that are here at once, up to 32,000; 0: 16; NSW_MISSIONS_NONE: none.
    pub jobs: u32,
    /// `askers` of nsw_requests_config, for missions. 0: 16.
    pub askers: u32,
    /// `retry_us` of nsw_requests_config, for missions; 0: 100 ms.
    pub retry_us: u64,
    /// A member of which nothing was heard for so long is asked what it offers, while there is
    /// work for it, in microseconds; 0: a second.
    pub offer_us: u64,
    /// A task that takes so many times as long as was expected is given to a second member, too, and
    /// the first result counts, 1 to 1,000; 0: 2; NSW_ZERO: never.
    pub hedge: f32,
    /// A task that failed so often fails for good, up to 255; 0: 3.
    pub attempts: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_missions_config {
    const LEAST: usize = core::mem::offset_of!(nsw_missions_config, missions);
}

/// # Safety
/// `config` is NULL or a configuration.
pub(super) unsafe fn read(config: *const nsw_missions_config) -> Result<MissionsConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    let default = MissionsConfig::new(c.id, c.mtu as usize, count(c.workers, 16), c.seed);
    Ok(MissionsConfig {
        missions: count(c.missions, default.missions),
        tasks: count(c.tasks, default.tasks),
        edges: count_or_none(c.edges, default.edges),
        bytes: count(c.bytes, default.bytes),
        flights: count(c.flights, default.flights),
        jobs: count_or_none(c.jobs, default.jobs),
        askers: count(c.askers, default.askers),
        retry_us: or(c.retry_us, default.retry_us),
        offer_us: or(c.offer_us, default.offer_us),
        hedge: or(c.hedge, default.hedge),
        attempts: u8::try_from(or(c.attempts, default.attempts.into()))
            .map_err(|_| Error::Invalid)?,
        ..default
    })
}

/// What a member offers to do for missions. NSW_OFFER_INIT, then what is different.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_offer {
    /// sizeof(nsw_offer); NSW_OFFER_INIT sets it.
    pub size: u32,
    /// How many tasks it takes at once, itself or in a row before it, up to NSW_OFFER_MOST_SLOTS. Two
    /// keep it busy while the next one is on its way. 0: 2; NSW_MISSIONS_NONE: none.
    pub slots: u32,
    /// What it can do: a bit for each skill, which mean the same at all members.
    pub skills: u64,
    /// Units of work that it does in a second, 1e-6 to 1e9, as far as it knows: what it is seen to do counts
    /// more. 0: 1.
    pub speed: f32,
    /// Units of work that its battery is good for, to be set again as it empties; 0: it has no battery; NSW_ZERO: it is empty.
    pub energy: f32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_offer {
    const LEAST: usize = core::mem::offset_of!(nsw_offer, slots);
}

impl nsw_offer {
    pub(super) fn get(&self) -> Result<Offer> {
        let slots = count_or_none(self.slots, 2);
        Ok(Offer {
            skills: self.skills,
            speed: or(self.speed, 1.0),
            energy: or(self.energy, f32::INFINITY),
            slots: u16::try_from(slots).map_err(|_| Error::Invalid)?,
        })
    }
}

/// A task of a mission that is given. NSW_MISSION_TASK_INIT, then the method, and what is different.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_mission_task {
    /// sizeof(nsw_mission_task), the same in every element of an array; NSW_MISSION_TASK_INIT sets it.
    pub size: u32,
    /// Of what is ready, the highest comes first, up to 255; of equals that which most work waits for.
    pub priority: u32,
    /// What is to be done: 1 to NSW_REQUESTS_MOST_METHOD bytes.
    pub method: *const u8,
    /// Number of these bytes.
    pub method_len: usize,
    /// With what.
    pub message: *const u8,
    /// Number of these bytes.
    pub message_len: usize,
    /// The tasks that are done before, by their places in the mission: each lies before this one.
    pub after: *const u32,
    /// Number of these tasks.
    pub after_len: usize,
    /// The skills that it takes, all of them.
    pub skills: u64,
    /// An attempt that takes longer failed, in microseconds, up to 2^32 - 1; 0: a minute.
    pub timeout_us: u64,
    /// The work that it is expected to be, 1e-6 to 1e9, in the unit of the `speed` of nsw_offer; 0: 1.
    pub work: f32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_mission_task {
    const LEAST: usize = core::mem::offset_of!(nsw_mission_task, message);
}

impl nsw_mission_task {
    /// # Safety
    /// The pointers are NULL, or lead to so many bytes and numbers.
    pub(super) unsafe fn get<'a>(&self) -> Result<MissionTask<'a>> {
        use super::slices::input;
        if self.reserved != 0 {
            return Err(Error::Invalid);
        }
        // SAFETY: the caller's word.
        let (method, message, after) = unsafe {
            (
                input(self.method, self.method_len)?,
                input(self.message, self.message_len)?,
                input(self.after, self.after_len)?,
            )
        };
        let default = MissionTask::new(method, message);
        Ok(MissionTask {
            work: or(self.work, default.work),
            skills: self.skills,
            priority: u8::try_from(self.priority).map_err(|_| Error::Invalid)?,
            timeout_us: or(self.timeout_us, default.timeout_us),
            after,
            ..default
        })
    }
}

/// What has happened. NSW_MISSION_EVENT_INIT before it is filled. What the pointers lead to is valid
/// until the next call on the same object.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_mission_event {
    /// sizeof(nsw_mission_event); NSW_MISSION_EVENT_INIT sets it.
    pub size: u32,
    /// An NSW_MISSIONS_ constant.
    pub kind: u32,
    /// NSW_MISSIONS_WORK, NSW_MISSIONS_DROPPED: the job. NSW_MISSIONS_DONE, NSW_MISSIONS_OVER: the
    /// mission.
    pub number: u64,
    /// NSW_MISSIONS_WORK: where the mission was given, this member's own number if here.
    /// NSW_MISSIONS_DONE: who did it. Else 0.
    pub member: u64,
    /// NSW_MISSIONS_WORK: until when it is wanted, by the clock here.
    pub deadline_us: u64,
    /// NSW_MISSIONS_DONE, and NSW_MISSIONS_OVER with NSW_MISSION_FAILED: the task's place in its mission.
    pub task: u32,
    /// NSW_MISSIONS_OVER: an NSW_MISSION_ constant.
    pub state: u32,
    /// NSW_MISSIONS_WORK: the work that it is expected to be.
    pub work: f32,
    /// 0.
    pub reserved: u32,
    /// NSW_MISSIONS_WORK: what is to be done.
    pub method: *const u8,
    /// Number of these bytes.
    pub method_len: usize,
    /// NSW_MISSIONS_WORK: with what; NSW_MISSIONS_DONE: the result.
    pub message: *const u8,
    /// Number of these bytes.
    pub message_len: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_mission_event {
    const LEAST: usize = size_of::<nsw_mission_event>();
}

impl From<MissionEvent<'_>> for nsw_mission_event {
    fn from(event: MissionEvent<'_>) -> nsw_mission_event {
        let none = nsw_mission_event {
            size: 0,
            kind: 0,
            number: 0,
            member: 0,
            deadline_us: 0,
            task: 0,
            state: 0,
            work: 0.0,
            reserved: 0,
            method: core::ptr::null(),
            method_len: 0,
            message: core::ptr::null(),
            message_len: 0,
        };
        match event {
            MissionEvent::Work { job, from, method, message, work, deadline_us } => {
                nsw_mission_event {
                    kind: NSW_MISSIONS_WORK,
                    number: job.0,
                    member: from,
                    deadline_us,
                    work,
                    method: method.as_ptr(),
                    method_len: method.len(),
                    message: message.as_ptr(),
                    message_len: message.len(),
                    ..none
                }
            }
            MissionEvent::Dropped { job } => {
                nsw_mission_event { kind: NSW_MISSIONS_DROPPED, number: job.0, ..none }
            }
            MissionEvent::Done { mission, task, by, result } => nsw_mission_event {
                kind: NSW_MISSIONS_DONE,
                number: mission.0,
                member: by,
                task,
                message: result.as_ptr(),
                message_len: result.len(),
                ..none
            },
            MissionEvent::Over { mission, state, failed } => nsw_mission_event {
                kind: NSW_MISSIONS_OVER,
                task: failed.unwrap_or(0),
                number: mission.0,
                state: state as u32,
                ..none
            },
        }
    }
}

/// How far a mission is. NSW_MISSION_PROGRESS_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_mission_progress {
    /// sizeof(nsw_mission_progress); NSW_MISSION_PROGRESS_INIT sets it.
    pub size: u32,
    /// An NSW_MISSION_ constant.
    pub state: u32,
    /// Its tasks.
    pub tasks: u32,
    /// Those that are done.
    pub done: u32,
    /// Those that a member has at the moment.
    pub running: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_mission_progress {
    const LEAST: usize = size_of::<nsw_mission_progress>();
}

impl From<Progress> for nsw_mission_progress {
    fn from(progress: Progress) -> nsw_mission_progress {
        let Progress { state, tasks, done, running } = progress;
        nsw_mission_progress { size: 0, state: state as u32, tasks, done, running }
    }
}

/// What was counted. NSW_MISSIONS_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_missions_info {
    /// sizeof(nsw_missions_info); NSW_MISSIONS_INFO_INIT sets it.
    pub size: u32,
    /// The most bytes of a result.
    pub max_result: u32,
    /// Missions given here.
    pub missions: u64,
    /// Tasks given to somebody, each copy counted.
    pub given: u64,
    /// Tasks that are done.
    pub done: u64,
    /// Second copies of tasks that were late.
    pub hedged: u64,
    /// Those among them that were done first.
    pub hedges_won: u64,
    /// Tasks that moved on because their member died, left or had no room.
    pub moved: u64,
    /// Attempts that failed or took too long.
    pub failed: u64,
    /// Copies that were given up because another one was done first.
    pub surplus: u64,
    /// Tasks of others that came.
    pub jobs: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_missions_info {
    const LEAST: usize = size_of::<nsw_missions_info>();
}

impl nsw_missions_info {
    pub(super) fn new(stats: &MissionsStats, max_result: usize) -> nsw_missions_info {
        nsw_missions_info {
            size: 0,
            max_result: max_result as u32,
            missions: stats.missions,
            given: stats.given,
            done: stats.done,
            hedged: stats.hedged,
            hedges_won: stats.hedges_won,
            moved: stats.moved,
            failed: stats.failed,
            surplus: stats.surplus,
            jobs: stats.jobs,
        }
    }
}
