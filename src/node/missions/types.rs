//! What missions are made of, and what is told of them.

use super::message::{ANSWER_HEAD, WORK_HEAD};
use crate::error::{Error, Result};
use crate::node::requests::{ASK_HEAD, HEAD, MOST_METHOD, RequestsConfig};

/// The most slots of an [`Offer`].
pub const MOST_SLOTS: u16 = 256;

/// Whether this can be the work of a task, or a speed.
pub(super) fn is_work(number: f32) -> bool {
    (1e-6..=1e9).contains(&number)
}

/// Settings of [`Missions`](super::Missions). Times are in microseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct MissionsConfig {
    /// This member's number: [`Node::id`](crate::node::Node::id).
    pub id: u64,
    /// The most bytes of a message: [`NodeConfig::max_message`](crate::node::NodeConfig::max_message).
    pub mtu: usize,
    /// The most missions given here that are not forgotten, 1 to 65,535.
    pub missions: usize,
    /// The most tasks of them together, 1 to 1,000,000; those of a mission lie side by side.
    pub tasks: usize,
    /// The most pairs of tasks of which one waits for the other, up to 4,000,000.
    pub edges: usize,
    /// The most bytes of a task's method and message together, and of its result: 1 to what fits a message.
    pub bytes: usize,
    /// The most members that work for missions given here, this one among them, 1 to 65,535; others are not asked.
    pub workers: usize,
    /// The most tasks under way that were given here, each of its copies counted, 1 to 65,535. An eighth is kept for
    /// second copies, if there are any. Each takes a message of memory, as does each of `workers`, and two for each of
    /// `jobs`.
    pub flights: usize,
    /// The most tasks of others that are here at once, 0 to 65,535.
    pub jobs: usize,
    /// The most members whose tasks are here once at most: [`RequestsConfig::askers`].
    pub askers: usize,
    /// [`RequestsConfig::retry_us`].
    pub retry_us: u64,
    /// A member of which nothing was heard for so long is asked what it offers, while there is work for it.
    pub offer_us: u64,
    /// A task that takes so many times as long as was expected is given to a second member, too, and the first
    /// result counts; 0: never, else 1 to 1,000.
    pub hedge: f32,
    /// A task that failed so often fails for good, 1 to 255.
    pub attempts: u8,
    /// Where numbers begin: another one at each start.
    pub seed: u64,
}

impl MissionsConfig {
    /// For this member, messages of at most `mtu` bytes and so many members: 16 missions with 256 tasks and 512 pairs, which have
    /// 256 bytes each; two tasks under way a member; second copies after twice the time.
    pub const fn new(id: u64, mtu: usize, members: usize, seed: u64) -> MissionsConfig {
        MissionsConfig {
            id,
            mtu,
            missions: 16,
            tasks: 256,
            edges: 512,
            bytes: 256,
            workers: members,
            flights: members.saturating_mul(9).div_ceil(4),
            jobs: 16,
            askers: 16,
            retry_us: 100_000,
            offer_us: 1_000_000,
            hedge: 2.0,
            attempts: 3,
            seed,
        }
    }

    /// The settings of the requests that carry them.
    pub(super) fn requests(&self) -> RequestsConfig {
        RequestsConfig {
            mtu: self.mtu,
            // A question beside the tasks, for each.
            requests: self.flights.saturating_add(self.workers),
            // Somebody else may have half of them.
            calls: self.jobs.saturating_mul(2).saturating_add(2),
            askers: self.askers,
            retry_us: self.retry_us,
            seed: self.seed,
        }
    }

    /// The most bytes of a task's method and message together, and of a result, that fit a message of `mtu` bytes.
    pub(super) fn most_bytes(&self) -> usize {
        // The method of the request is one byte.
        let request = self.mtu.saturating_sub(ASK_HEAD + 1 + WORK_HEAD);
        request.min(self.mtu.saturating_sub(HEAD + ANSWER_HEAD))
    }

    pub(super) fn check(&self) -> Result<()> {
        let count = 1..=65_535;
        let good = count.contains(&self.missions)
            && (1..=1_000_000).contains(&self.tasks)
            && self.edges <= 4_000_000
            && (1..=self.most_bytes()).contains(&self.bytes)
            && count.contains(&self.workers)
            && count.contains(&self.flights)
            && self.flights + self.workers <= 65_535
            && self.jobs <= 32_000
            && (1..=1 << 60).contains(&self.offer_us)
            && (self.hedge == 0.0 || (1.0..=1000.0).contains(&self.hedge))
            && self.attempts > 0;
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// What a member offers to do for missions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offer {
    /// What it can do: a bit for each skill, which mean the same at all members.
    pub skills: u64,
    /// Units of work that it does in a second, 1e-6 to 1e9, as far as it knows: what it is seen to do counts
    /// more.
    pub speed: f32,
    /// Units of work that its battery is good for, 0 or more; infinite: no battery. To be set again as it empties.
    pub energy: f32,
    /// How many tasks it takes at once, itself or in a row before it: 0 to [`MOST_SLOTS`]. Two keep it busy while the
    /// next one is on its way.
    pub slots: u16,
}

impl Offer {
    /// Does nothing.
    pub const NOTHING: Offer = Offer { skills: 0, speed: 1.0, energy: 0.0, slots: 0 };

    pub(super) fn check(&self) -> Result<()> {
        let good = is_work(self.speed) && self.energy >= 0.0 && self.slots <= MOST_SLOTS;
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// A task of a mission that is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MissionTask<'a> {
    /// What is to be done: 1 to 64 bytes.
    pub method: &'a [u8],
    /// With what.
    pub message: &'a [u8],
    /// How much work it is expected to be, 1e-6 to 1e9, in the unit of [`Offer::speed`].
    pub work: f32,
    /// The skills that it takes, all of them.
    pub skills: u64,
    /// Of what is ready, the highest comes first; of equals that which most work waits for.
    pub priority: u8,
    /// An attempt that takes longer failed, in microseconds, 1 to
    /// [`MOST_DEADLINE`](crate::node::MOST_DEADLINE).
    pub timeout_us: u64,
    /// The tasks that are done before, by their places in the mission: each lies before this one.
    pub after: &'a [u32],
}

impl<'a> MissionTask<'a> {
    /// Of one unit of work, which anybody can do within a minute, and which waits for nothing.
    pub const fn new(method: &'a [u8], message: &'a [u8]) -> MissionTask<'a> {
        MissionTask {
            method,
            message,
            work: 1.0,
            skills: 0,
            priority: 0,
            timeout_us: 60_000_000,
            after: &[],
        }
    }

    pub(super) fn check(&self, place: usize, bytes: usize) -> Result<()> {
        let len = self.method.len() + self.message.len();
        if !(1..=MOST_METHOD).contains(&self.method.len()) || len > bytes {
            return Err(Error::Length);
        }
        let time = (1..=crate::node::MOST_DEADLINE).contains(&self.timeout_us);
        if !(is_work(self.work) && time) {
            return Err(Error::Invalid);
        }
        if self.after.iter().any(|before| *before as usize >= place) {
            return Err(Error::TaskCycle);
        }
        Ok(())
    }
}

/// A mission given at this member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MissionId(pub u64);

/// A task that this member is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// How it stands with a mission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MissionState {
    /// It is under way.
    Running = 1,
    /// All of its tasks are done.
    Done = 2,
    /// A task failed for good; what was under way was given up.
    Failed = 3,
    /// It was cancelled.
    Cancelled = 4,
}

/// How far a mission is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How it stands.
    pub state: MissionState,
    /// Its tasks.
    pub tasks: u32,
    /// Those that are done.
    pub done: u32,
    /// Those that a member has at the moment.
    pub running: u32,
}

/// What has happened. Bytes are valid until the next call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MissionEvent<'a> {
    /// This member is to do something: [`finish`](super::Missions::finish) or [`fail`](super::Missions::fail) ends it.
    Work {
        /// Its name here.
        job: JobId,
        /// Where the mission was given: this member's own number if here.
        from: u64,
        /// What is to be done.
        method: &'a [u8],
        /// With what.
        message: &'a [u8],
        /// The work that it is expected to be.
        work: f32,
        /// Until when it is wanted, by the clock here.
        deadline_us: u64,
    },
    /// A job is not wanted any more: somebody else was faster, or its mission is over.
    Dropped {
        /// Which.
        job: JobId,
    },
    /// A task of a mission given here is done: told of each once.
    Done {
        /// The mission.
        mission: MissionId,
        /// The task's place in it.
        task: u32,
        /// Who did it.
        by: u64,
        /// What came of it.
        result: &'a [u8],
    },
    /// A mission given here is over. Its results can be read until it is [forgotten](super::Missions::forget).
    Over {
        /// Which.
        mission: MissionId,
        /// How.
        state: MissionState,
        /// [`MissionState::Failed`]: the task that did, by its place.
        failed: Option<u32>,
    },
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissionsStats {
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
