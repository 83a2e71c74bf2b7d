//! When and where: tasks that wait for each other, on unlike workers, with data to be moved between them.
//!
//! - [`Dag`]: the tasks, what they wait for, the workers and the links between those.
//! - [`Scheduler`]: HEFT, PEFT, a search that is never worse than either, and lower bounds.
//! - [`Workflow`]: runs such tasks: states, attempts, retries, lost workers, late tasks, tasks of tasks.
//!
//! Both draw themselves as Gantt charts ([`Scheduler::gantt`], [`Workflow::gantt`]).

mod bound;
mod build;
mod dag;
mod gantt;
mod heft;
mod peft;
mod place;
mod search;
mod workflow;

pub use self::dag::{Dag, DagConfig, MAX_SECONDS, NEVER};
pub use self::heft::{Rank, Rule};
pub(crate) use self::place::RoomyScheduler;
pub use self::place::{NO_WORKER, Placement, Scheduler, SchedulerConfig, Situation};
pub use self::search::SearchConfig;
pub use self::workflow::{Action, OUTERMOST, State, TaskOptions, Workflow, WorkflowConfig};
