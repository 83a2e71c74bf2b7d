//! A workflow that runs: what is done by whom, again if need be, and each result once.
//!
//! It does no input or output: it is told what happens ([`started`](Workflow::started),
//! [`finished`](Workflow::finished), [`failed`](Workflow::failed), [`worker_lost`](Workflow::worker_lost),
//! [`worker_joined`](Workflow::worker_joined), [`tick`](Workflow::tick)) and asked what is to be done
//! ([`next_action`](Workflow::next_action)). A result counts if it is of the attempt that is under way, so
//! whatever is repeated, late, or of a worker that was given up, counts for nothing, and each task is
//! done once. Whenever a worker is lost or comes, a task is late or to be tried again, all that has not begun is scheduled
//! anew. A worker does one task at a time: the first one of its list that is ready.
//!
//! A task may itself be a workflow. It is two tasks without work then, before and behind its parts.

mod actions;
mod plan;
mod run;
mod types;

use core::alloc::Layout;

use self::actions::Queue;
use super::dag::{self, Dag, DagConfig, NEVER};
use super::place::{self, NONE, Placement, Scheduler, SchedulerConfig};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

pub use self::types::{Action, OUTERMOST, State, TaskOptions, WorkflowConfig};

/// A task, and what has become of it.
#[derive(Clone, Copy, Debug)]
struct Task {
    options: TaskOptions,
    /// Of the last attempt, or 0.
    attempt: u32,
    /// How often it failed or took too long.
    failures: u32,
    /// Tasks that it waits for.
    waits: u32,
    state: State,
    /// No work, but an end of a sub-workflow.
    gate: Gate,
    /// No worker that is there can do it, or what it waits for.
    blocked: bool,
    /// The worker of the last attempt.
    worker: u32,
    /// When the last attempt began, and when it ended or is believed to end.
    began_us: u64,
    ends_us: u64,
    /// When an attempt has taken too long, or the next one begins.
    due_us: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    No,
    Begin,
    /// With the number of its begin.
    End(u32),
}

/// A workflow.
///
/// Nothing is allocated after creation.
///
/// ```
/// use neural_swarm::port::Heap;
/// use neural_swarm::task::schedule::*;
///
/// let dag = DagConfig { tasks: 2, edges: 1, workers: 2 };
/// let mut flow = Workflow::new(&WorkflowConfig { dag, ..WorkflowConfig::default() }, Heap)?;
/// let first = flow.add_task(&TaskOptions::default())?;
/// let second = flow.add_task(&TaskOptions::default())?;
/// flow.add_edge(first, second, 0.0)?;
/// flow.start(0)?;
/// let (mut now, mut done) = (0, Vec::new());
/// while let Some(action) = flow.next_action() {
///     match action {
///         Action::Start { task, attempt, .. } => {
///             now += 1_000_000;
///             flow.finished(task, attempt, now)?;
///             done.push(task);
///         }
///         Action::End { state } => assert_eq!(state, State::Done),
///         _ => {}
///     }
/// }
/// assert_eq!(done, [first, second]);
/// # Ok::<(), neural_swarm::Error>(())
/// ```
pub struct Workflow<'m> {
    config: WorkflowConfig,
    dag: Dag<'m>,
    scheduler: Scheduler<'m>,
    tasks: Carved<'m, Task>,
    /// What is given to the scheduler.
    fixed: Carved<'m, Placement>,
    priorities: Carved<'m, u8>,
    lost: Carved<'m, bool>,
    /// The task of each worker, and the first one of its list that is not at its end.
    busy: Carved<'m, u32>,
    cursor: Carved<'m, u32>,
    /// Tasks that something is to be done with, one after the other: those without work whose turn it is, or what is
    /// cancelled.
    stack: Carved<'m, u32>,
    queue: Queue<'m>,
    subflows: usize,
    /// Tasks that are not at their end.
    open: usize,
    running: bool,
    end_is_told: bool,
    origin_us: u64,
    wake_us: u64,
    /// How often was scheduled.
    plans: u32,
    _piece: Piece<'m>,
}

/// The graph with the ends of sub-workflows, and an edge from and to them for each task.
fn whole(config: &WorkflowConfig) -> Result<DagConfig> {
    let DagConfig { tasks, edges, workers } = config.dag;
    let gates = config.subflows.checked_mul(2).ok_or(Error::Overflow)?;
    let tasks = tasks.checked_add(gates).ok_or(Error::Overflow)?;
    let inner = if config.subflows > 0 { tasks * 2 } else { 0 };
    Ok(DagConfig { tasks, edges: edges.checked_add(inner).ok_or(Error::Overflow)?, workers })
}

struct Parts<'m> {
    dag: dag::Parts<'m>,
    scheduler: place::Parts<'m>,
    tasks: Carved<'m, Task>,
    fixed: Carved<'m, Placement>,
    priorities: Carved<'m, u8>,
    lost: Carved<'m, bool>,
    busy: Carved<'m, u32>,
    cursor: Carved<'m, u32>,
    stack: Carved<'m, u32>,
    queue: Queue<'m>,
}

fn carve<'m>(dag: &DagConfig, carver: &mut Carver<'m>) -> Result<Parts<'m>> {
    let DagConfig { tasks, workers, .. } = *dag;
    let task = Task {
        options: TaskOptions::default(),
        attempt: 0,
        failures: 0,
        waits: 0,
        state: State::Pending,
        gate: Gate::No,
        blocked: false,
        worker: place::NO_WORKER,
        began_us: 0,
        ends_us: 0,
        due_us: u64::MAX,
    };
    Ok(Parts {
        dag: dag::carve(dag, carver)?,
        scheduler: place::carve(&SchedulerConfig { tasks, workers }, carver)?,
        tasks: carver.take(tasks, task)?,
        fixed: carver.take(tasks, Placement::NOWHERE)?,
        busy: carver.take(workers, NONE)?,
        cursor: carver.take(workers, NONE)?,
        stack: carver.take(tasks, 0)?,
        queue: Queue::carve(carver, tasks)?,
        priorities: carver.take(tasks, 0)?,
        lost: carver.take(workers, false)?,
    })
}

impl<'m> Workflow<'m> {
    /// Size and alignment of the memory that it takes: about 250 bytes and 16 a worker for each task,
    /// 24 an edge, 16 a pair of workers.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration outside its ranges, [`Error::Overflow`] for one that no
    /// memory could hold.
    pub fn footprint(config: &WorkflowConfig) -> Result<Layout> {
        let numbers = (0.0..=1.0).contains(&config.jitter)
            && (config.late == 0.0 || (1.0..=1e9).contains(&config.late))
            && config.subflows < 1 << 22;
        if !numbers {
            return Err(Error::Invalid);
        }
        Dag::check(&config.dag)?;
        let dag = whole(config)?;
        Dag::check(&dag)?;
        Carver::layout_of(|carver| carve(&dag, carver))
    }

    /// Without tasks; workers of speed 1, with links that take no time.
    ///
    /// # Errors
    /// Those of [`footprint`](Self::footprint) and of the allocator.
    pub fn new(config: &WorkflowConfig, allocator: impl Allocator<'m>) -> Result<Workflow<'m>> {
        Workflow::in_piece(config, allocator.allocate(Workflow::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &WorkflowConfig, mut piece: Piece<'m>) -> Result<Workflow<'m>> {
        let layout = Workflow::footprint(config)?;
        let dag = whole(config)?;
        let parts = carve(&dag, &mut piece.carver(layout)?)?;
        let scheduler = SchedulerConfig { tasks: dag.tasks, workers: dag.workers };
        Ok(Workflow {
            config: *config,
            dag: Dag::of(&dag, parts.dag),
            scheduler: Scheduler::of(&scheduler, parts.scheduler),
            tasks: parts.tasks,
            fixed: parts.fixed,
            priorities: parts.priorities,
            lost: parts.lost,
            busy: parts.busy,
            cursor: parts.cursor,
            stack: parts.stack,
            queue: parts.queue,
            subflows: 0,
            open: 0,
            running: false,
            end_is_told: false,
            origin_us: 0,
            wake_us: u64::MAX,
            plans: 0,
            _piece: piece,
        })
    }

    fn is_being_made(&self) -> Result<()> {
        if self.running { Err(Error::TaskState) } else { Ok(()) }
    }

    /// A worker's speed: see [`Dag::set_speed`].
    ///
    /// # Errors
    /// Those of [`Dag::set_speed`].
    pub fn set_speed(&mut self, worker: u32, speed: f64) -> Result<()> {
        self.is_being_made()?;
        self.dag.set_speed(worker, speed)
    }

    /// A link: see [`Dag::set_link`].
    ///
    /// # Errors
    /// Those of [`Dag::set_link`], and [`Error::TaskState`] once it runs.
    pub fn set_link(&mut self, from: u32, to: u32, latency: f64, bandwidth: f64) -> Result<()> {
        self.is_being_made()?;
        self.dag.set_link(from, to, latency, bandwidth)
    }

    /// All links: see [`Dag::set_links`].
    ///
    /// # Errors
    /// Those of [`Dag::set_links`], and [`Error::TaskState`] once it runs.
    pub fn set_links(&mut self, latency: f64, bandwidth: f64) -> Result<()> {
        self.is_being_made()?;
        self.dag.set_links(latency, bandwidth)
    }

    /// How long a task takes on a worker: see [`Dag::set_seconds`].
    ///
    /// # Errors
    /// Those of [`Dag::set_seconds`], and [`Error::TaskState`] for a sub-workflow, or once it runs.
    pub fn set_seconds(&mut self, task: u32, worker: u32, seconds: f64) -> Result<()> {
        self.is_being_made()?;
        if self.tasks.get(task as usize).is_some_and(|task| task.gate != Gate::No) {
            return Err(Error::TaskState);
        }
        self.dag.set_seconds(task, worker, seconds)
    }

    /// A task; its number.
    ///
    /// # Errors
    /// [`Error::Capacity`] without room for it, [`Error::Invalid`] for work outside its range or no
    /// attempts, [`Error::TaskUnknown`] if there is no such sub-workflow, [`Error::TaskState`] once it runs.
    pub fn add_task(&mut self, options: &TaskOptions) -> Result<u32> {
        self.is_being_made()?;
        self.may_be_within(options.within)?;
        if options.attempts == 0 {
            return Err(Error::Invalid);
        }
        if self.dag.tasks() - 2 * self.subflows == self.config.dag.tasks {
            return Err(Error::Capacity);
        }
        let number = self.dag.add_task(options.work)?;
        self.tasks[number as usize].options = *options;
        Ok(number)
    }

    /// A task that is a workflow itself; its number, to be used in edges as any other, and as
    /// [`within`](TaskOptions::within) of its parts. It is done when they are. The priority is that of parts which have
    /// a lower one.
    ///
    /// # Errors
    /// [`Error::Capacity`] without room for it, [`Error::TaskUnknown`] if there is no sub-workflow `within`,
    /// [`Error::TaskState`] once it runs.
    pub fn add_subflow(&mut self, within: u32, priority: u8) -> Result<u32> {
        self.is_being_made()?;
        self.may_be_within(within)?;
        if self.subflows == self.config.subflows {
            return Err(Error::Capacity);
        }
        let begin = self.dag.add_task(0.0)?;
        let end = self.dag.add_task(0.0)?;
        let options = TaskOptions { work: 0.0, priority, attempts: 1, timeout_us: 0, within };
        for (task, gate) in [(begin, Gate::Begin), (end, Gate::End(begin))] {
            self.tasks[task as usize].options = options;
            self.tasks[task as usize].gate = gate;
        }
        self.subflows += 1;
        Ok(end)
    }

    /// A task waits for another, and for so many bytes of it. Either may be a sub-workflow.
    ///
    /// # Errors
    /// [`Error::Capacity`] without room for it; [`Error::TaskUnknown`] without such tasks;
    /// [`Error::TaskCycle`] for a task that waits for itself; [`Error::Invalid`] for bytes outside their
    /// range; [`Error::TaskState`] once it runs.
    pub fn add_edge(&mut self, from: u32, to: u32, bytes: f64) -> Result<()> {
        self.is_being_made()?;
        if self.dag.edges() == self.config.dag.edges {
            return Err(Error::Capacity);
        }
        let known = |task: u32| (task as usize) < self.dag.tasks() && self.is_public(task);
        if !known(from) || !known(to) {
            return Err(Error::TaskUnknown);
        }
        if from == to {
            return Err(Error::TaskCycle);
        }
        let to = if let Gate::End(begin) = self.tasks[to as usize].gate { begin } else { to };
        self.dag.add_edge(from, to, bytes)
    }

    /// Whether a task with this number is one that callers know.
    fn is_public(&self, task: u32) -> bool {
        self.tasks[task as usize].gate != Gate::Begin
    }

    /// Whether there is a sub-workflow with this number.
    pub(in super::super) fn is_subflow(&self, task: u32) -> bool {
        (task as usize) < self.dag.tasks() && matches!(self.tasks[task as usize].gate, Gate::End(_))
    }

    fn may_be_within(&self, within: u32) -> Result<()> {
        if within == OUTERMOST || self.is_subflow(within) {
            Ok(())
        } else {
            Err(Error::TaskUnknown)
        }
    }

    /// Above all numbers of tasks and sub-workflows; not all below it are of one.
    pub(in super::super) fn tasks(&self) -> usize {
        self.dag.tasks()
    }

    /// How many workers there are, lost ones among them.
    pub(in super::super) fn workers(&self) -> usize {
        self.dag.workers()
    }

    /// The place of a task that callers know.
    fn known(&self, task: u32) -> Result<usize> {
        let known = (task as usize) < self.dag.tasks() && self.is_public(task);
        if known { Ok(task as usize) } else { Err(Error::TaskUnknown) }
    }

    /// What has become of a task. A sub-workflow is running while it has begun and is not at its end.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] if there is none with this number.
    pub fn state(&self, task: u32) -> Result<State> {
        let task = &self.tasks[self.known(task)?];
        Ok(match task.gate {
            Gate::End(begin) if !task.state.is_final() => {
                let begun = self.tasks[begin as usize].state == State::Done;
                if begun { State::Running } else { State::Pending }
            }
            _ => task.state,
        })
    }

    /// The attempt of a task that was begun last, or 0, and its worker, or
    /// [`NO_WORKER`](super::NO_WORKER).
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] if there is none with this number.
    pub fn attempt(&self, task: u32) -> Result<(u32, u32)> {
        let task = &self.tasks[self.known(task)?];
        Ok((task.attempt, task.worker))
    }

    /// Where and when a task was done, is done, or will be as it looked when it was scheduled last, in seconds since
    /// the start. Its worker is [`NO_WORKER`](super::NO_WORKER) before the start, and if it will not be done, or nobody
    /// is there to do it.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] if there is none with this number.
    pub fn placement(&self, task: u32) -> Result<Placement> {
        let t = self.known(task)?;
        let task = &self.tasks[t];
        let real = task.state == State::Done || task.state.is_under_way();
        Ok(if real {
            let (start, finish) = (self.seconds(task.began_us), self.seconds(task.ends_us));
            Placement { worker: task.worker, start, finish }
        } else if task.blocked || task.state.is_final() {
            Placement::NOWHERE
        } else {
            self.scheduler.placement(t as u32)
        })
    }

    /// When all will be done as it looked when it was scheduled last, in seconds since the start.
    pub fn makespan(&self) -> f64 {
        self.scheduler.makespan()
    }

    /// How often the rest was scheduled.
    pub fn plans(&self) -> u32 {
        self.plans
    }

    /// Tasks that are not at their end, the two of each sub-workflow among them.
    pub fn open(&self) -> usize {
        self.open
    }

    /// When [`tick`](Self::tick) is to be called though nothing happens; `u64::MAX`: never.
    pub fn next_wake_us(&self) -> u64 {
        self.wake_us
    }
}
