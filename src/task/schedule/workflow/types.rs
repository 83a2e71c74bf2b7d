//! The words of workflows.

use crate::task::schedule::DagConfig;

/// Not within any sub-workflow.
pub const OUTERMOST: u32 = u32::MAX;

/// What a workflow is made for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkflowConfig {
    /// Most tasks, sub-workflows not among them, most edges, and how many workers.
    pub dag: DagConfig,
    /// Most sub-workflows.
    pub subflows: usize,
    /// How long a task that failed waits before it is tried again, in microseconds; twice as long with each
    /// further failure.
    pub backoff_us: u64,
    /// The longest such wait.
    pub backoff_most_us: u64,
    /// By how much of itself such a wait is made shorter at most, at random, 0 to 1: those who failed together
    /// do not come again together.
    pub jitter: f64,
    /// A task that runs so many times as long as it should is late, and the rest is scheduled anew; at least 1, 0 for
    /// never.
    pub late: f64,
    /// How many schedules a search tries each time; 0: HEFT alone.
    pub search_rounds: u32,
    /// Whether tasks that do not wait for one that failed for good are still done. Else all are cancelled.
    pub keep_going: bool,
    /// Where random numbers begin.
    pub seed: u64,
}

impl Default for WorkflowConfig {
    fn default() -> Self {
        WorkflowConfig {
            dag: DagConfig::default(),
            subflows: 0,
            backoff_us: 100_000,
            backoff_most_us: 30_000_000,
            jitter: 0.5,
            late: 2.0,
            search_rounds: 0,
            keep_going: false,
            seed: 1,
        }
    }
}

/// How a task is to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskOptions {
    /// How much work it is: seconds of a worker of speed 1.
    pub work: f64,
    /// The higher, the earlier, before all else.
    pub priority: u8,
    /// How often it may fail or take too long before it has failed for good, plus one; at least 1. The loss of a worker does not
    /// count.
    pub attempts: u32,
    /// How long an attempt may take, in microseconds; 0 for no end.
    pub timeout_us: u64,
    /// The sub-workflow that it is part of, or [`OUTERMOST`].
    pub within: u32,
}

impl Default for TaskOptions {
    fn default() -> Self {
        TaskOptions { work: 1.0, priority: 0, attempts: 3, timeout_us: 0, within: OUTERMOST }
    }
}

/// What has become of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// It waits for others.
    Pending = 0,
    /// It waits for its worker.
    Ready = 1,
    /// A worker is to be told, or was told and has not answered.
    Assigned = 2,
    /// A worker has begun it.
    Running = 3,
    /// It failed, and will be tried again.
    Retrying = 4,
    /// Its result was accepted.
    Done = 5,
    /// It failed for good.
    Failed = 6,
    /// It took too long for good.
    TimedOut = 7,
    /// It is not to be done any more, or what it waits for will never be.
    Cancelled = 8,
}

impl State {
    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        self as u8 >= State::Done as u8
    }

    pub(super) fn is_under_way(self) -> bool {
        matches!(self, State::Assigned | State::Running)
    }
}

/// What is to be done by whoever runs the workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A worker is to begin a task.
    Start {
        /// Which task.
        task: u32,
        /// Which attempt, from 1 on: it comes back with the result.
        attempt: u32,
        /// Which worker.
        worker: u32,
    },
    /// A worker is to stop a task; its result will not be accepted.
    Stop {
        /// Which task.
        task: u32,
        /// Which attempt.
        attempt: u32,
        /// Which worker; it may be lost.
        worker: u32,
    },
    /// A task has come to an end: said once of each.
    Settled {
        /// Which task, or sub-workflow.
        task: u32,
        /// Its state, which is final.
        state: State,
    },
    /// All tasks have: said once, at last.
    End {
        /// [`State::Done`] if all are, [`State::Failed`] if one failed or took too long, else [`State::Cancelled`].
        state: State,
    },
}
