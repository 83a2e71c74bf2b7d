//! A schedule in the making: who does what from when to when, with the gaps between.

use core::alloc::Layout;

use super::dag::{Dag, NEVER};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

/// No worker has it.
pub const NO_WORKER: u32 = u32::MAX;
pub(super) const NONE: u32 = u32::MAX;

/// How large the schedules of a [`Scheduler`] are at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchedulerConfig {
    /// Most tasks, 1 to 2^24.
    pub tasks: usize,
    /// Most workers, 1 to 65,535.
    pub workers: usize,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        SchedulerConfig { tasks: 64, workers: 8 }
    }
}

/// Where and when a task is done, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// Which worker does it; [`NO_WORKER`] if it is not placed.
    pub worker: u32,
    /// When it begins.
    pub start: f64,
    /// When it is done.
    pub finish: f64,
}

impl Placement {
    pub(crate) const NOWHERE: Placement = Placement { worker: NO_WORKER, start: 0.0, finish: 0.0 };
}

/// What is given when the rest is scheduled in the middle of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Situation<'a> {
    /// Nothing begins before this, in seconds.
    pub now: f64,
    /// What is done or runs already, of each task; [`NO_WORKER`] for those that are free. Empty: all are free. What is done by a
    /// worker that is lost is at hand as if over a link of the mean.
    pub fixed: &'a [Placement],
    /// Workers that are lost, of each; empty: none is.
    pub lost: &'a [bool],
    /// Of each task: the higher, the earlier, before all else. What a task waits for counts as at least as urgent as
    /// itself. Empty: all are equal.
    pub priorities: &'a [u8],
}

/// Makes schedules.
///
/// The last schedule stays to be read, until the next one is made, or refused. Nothing is allocated after creation.
///
/// ```
/// use neural_swarm::port::Heap;
/// use neural_swarm::task::schedule::*;
///
/// let mut dag = Dag::new(&DagConfig { tasks: 3, edges: 2, workers: 2 }, Heap)?;
/// dag.set_links(1.0, f64::INFINITY)?;
/// let (a, b, c) = (dag.add_task(2.0)?, dag.add_task(5.0)?, dag.add_task(5.0)?);
/// dag.add_edge(a, b, 0.0)?;
/// dag.add_edge(a, c, 0.0)?;
/// dag.build()?;
/// let mut scheduler = Scheduler::new(&SchedulerConfig { tasks: 3, workers: 2 }, Heap)?;
/// assert_eq!(scheduler.heft(&dag)?, 8.0);
/// assert_ne!(scheduler.placement(b).worker, scheduler.placement(c).worker);
/// # Ok::<(), neural_swarm::Error>(())
/// ```
pub struct Scheduler<'m> {
    pub(super) config: SchedulerConfig,
    pub(super) at: Parts<'m>,
    /// Tasks and workers of the last schedule.
    pub(super) tasks: usize,
    pub(super) workers: usize,
    pub(super) makespan: f64,
    _piece: Option<Piece<'m>>,
}

pub(super) struct Parts<'m> {
    pub placed: Carved<'m, Placement>,
    /// The best schedule of a search.
    pub best: Carved<'m, Placement>,
    /// Each worker's tasks, in order: neighbours of each task, and both ends of each worker.
    pub next: Carved<'m, u32>,
    pub back: Carved<'m, u32>,
    pub first: Carved<'m, u32>,
    pub last: Carved<'m, u32>,
    pub rank: Carved<'m, f64>,
    /// The ranks of the best schedule of a search.
    pub leader: Carved<'m, f64>,
    pub urgency: Carved<'m, u8>,
    /// Tasks that may be placed next: a heap.
    pub ready: Carved<'m, u32>,
    pub waits: Carved<'m, u32>,
    /// When the data of a task is at each worker.
    pub arrival: Carved<'m, f64>,
    /// PEFT's table: what follows a task at least, if it is done by each worker.
    pub table: Carved<'m, f64>,
    /// Where a search wants a task; [`NO_WORKER`]: where it is done first.
    pub wish: Carved<'m, u32>,
    pub best_wish: Carved<'m, u32>,
}

pub(super) fn carve<'m>(config: &SchedulerConfig, carver: &mut Carver<'m>) -> Result<Parts<'m>> {
    let SchedulerConfig { tasks, workers } = *config;
    let pairs = tasks.checked_mul(workers).ok_or(Error::Overflow)?;
    Ok(Parts {
        placed: carver.take(tasks, Placement::NOWHERE)?,
        best: carver.take(tasks, Placement::NOWHERE)?,
        rank: carver.take(tasks, 0.0)?,
        leader: carver.take(tasks, 0.0)?,
        arrival: carver.take(workers, 0.0)?,
        table: carver.take(pairs, 0.0)?,
        next: carver.take(tasks, NONE)?,
        back: carver.take(tasks, NONE)?,
        first: carver.take(workers, NONE)?,
        last: carver.take(workers, NONE)?,
        ready: carver.take(tasks, 0)?,
        waits: carver.take(tasks, 0)?,
        wish: carver.take(tasks, NO_WORKER)?,
        best_wish: carver.take(tasks, NO_WORKER)?,
        urgency: carver.take(tasks, 0)?,
    })
}

impl<'m> Scheduler<'m> {
    pub(super) fn check(config: &SchedulerConfig) -> Result<()> {
        let within = |value: usize, most| (1..=most).contains(&value);
        let fits = within(config.tasks, 1 << 24) && within(config.workers, 65_535);
        if fits { Ok(()) } else { Err(Error::Invalid) }
    }

    /// Size and alignment of the memory that it takes: about 90 bytes and 8 a worker for each task, 16 a worker.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration outside its ranges, [`Error::Overflow`] for one that no
    /// memory could hold.
    pub fn footprint(config: &SchedulerConfig) -> Result<Layout> {
        Scheduler::check(config)?;
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// A scheduler.
    ///
    /// # Errors
    /// Those of [`footprint`](Self::footprint) and of the allocator.
    pub fn new(config: &SchedulerConfig, allocator: impl Allocator<'m>) -> Result<Scheduler<'m>> {
        Scheduler::in_piece(config, allocator.allocate(Scheduler::footprint(config)?)?)
    }

    pub(crate) fn in_piece(
        config: &SchedulerConfig,
        mut piece: Piece<'m>,
    ) -> Result<Scheduler<'m>> {
        let layout = Scheduler::footprint(config)?;
        let parts = carve(config, &mut piece.carver(layout)?)?;
        Ok(Scheduler { _piece: Some(piece), ..Scheduler::of(config, parts) })
    }

    /// In the memory of something else.
    pub(super) fn of(config: &SchedulerConfig, at: Parts<'m>) -> Scheduler<'m> {
        Scheduler { config: *config, at, tasks: 0, workers: 0, makespan: 0.0, _piece: None }
    }

    /// When all is done in the last schedule, in seconds; 0 if there is none.
    pub fn makespan(&self) -> f64 {
        self.makespan
    }

    /// Where and when a task is done in the last schedule.
    pub fn placement(&self, task: u32) -> Placement {
        self.placements().get(task as usize).copied().unwrap_or(Placement::NOWHERE)
    }

    /// The same of all tasks.
    pub fn placements(&self) -> &[Placement] {
        &self.at.placed[..self.tasks]
    }

    /// A worker's tasks in the last schedule, in order.
    pub fn tasks_of(&self, worker: u32) -> impl Iterator<Item = u32> {
        let within = (worker as usize) < self.workers;
        let first = if within { self.at.first[worker as usize] } else { NONE };
        let some = |task: u32| (task != NONE).then_some(task);
        core::iter::successors(some(first), move |task| some(self.at.next[*task as usize]))
    }

    /// There is no schedule to be read any more.
    pub(crate) fn forget(&mut self) {
        (self.tasks, self.workers, self.makespan) = (0, 0, 0.0);
    }

    /// Forgets the last schedule; whether there may be one of this graph.
    pub(super) fn takes(&mut self, dag: &Dag<'_>) -> Result<()> {
        self.forget();
        if !dag.built {
            return Err(Error::TaskState);
        }
        let fits = dag.tasks <= self.config.tasks && dag.config.workers <= self.config.workers;
        if fits { Ok(()) } else { Err(Error::Capacity) }
    }

    /// Begins a schedule with what is given.
    pub(super) fn begin(&mut self, dag: &Dag<'_>, given: &Situation<'_>) -> Result<()> {
        self.takes(dag)?;
        let (tasks, workers) = (dag.tasks, dag.config.workers);
        let full = |len: usize, all: usize| len == 0 || len == all;
        let lists = full(given.fixed.len(), tasks)
            && full(given.lost.len(), workers)
            && full(given.priorities.len(), tasks);
        if !lists {
            return Err(Error::Length);
        }
        let sound = |placed: &Placement| {
            placed.worker == NO_WORKER
                || ((placed.worker as usize) < workers
                    && placed.start.is_finite()
                    && placed.start <= placed.finish
                    && placed.finish.is_finite())
        };
        if !(0.0..=super::MAX_SECONDS).contains(&given.now) || !given.fixed.iter().all(sound) {
            return Err(Error::Invalid);
        }
        (self.tasks, self.workers) = (tasks, workers);
        self.urgencies(dag, given.priorities);
        Ok(())
    }

    /// An empty schedule, but for what is fixed.
    pub(super) fn reset(&mut self, given: &Situation<'_>) {
        self.makespan = 0.0;
        self.at.placed[..self.tasks].fill(Placement::NOWHERE);
        self.at.first[..self.workers].fill(NONE);
        self.at.last[..self.workers].fill(NONE);
        for (task, placed) in given.fixed.iter().enumerate() {
            if placed.worker != NO_WORKER {
                let behind = self.behind(placed.worker as usize, placed);
                self.put(task as u32, *placed, behind);
            }
        }
    }

    /// What a task waits for is at least as urgent as itself.
    fn urgencies(&mut self, dag: &Dag<'_>, priorities: &[u8]) {
        let urgency = &mut self.at.urgency[..dag.tasks];
        urgency.fill(0);
        urgency.iter_mut().zip(priorities).for_each(|(urgency, priority)| *urgency = *priority);
        for &task in dag.order().iter().rev() {
            let most = dag.after(task).map(|(next, _)| urgency[next as usize]).max().unwrap_or(0);
            urgency[task as usize] = urgency[task as usize].max(most);
        }
    }

    /// The task of a worker after which one at this time comes; [`NONE`] for none.
    pub(super) fn behind(&self, worker: usize, when: &Placement) -> u32 {
        let mut at = self.at.last[worker];
        while at != NONE {
            let other = &self.at.placed[at as usize];
            // What takes no time comes before what begins with it.
            if (other.start, other.finish) <= (when.start, when.finish) {
                break;
            }
            at = self.at.back[at as usize];
        }
        at
    }

    /// The earliest time from `ready` on at which a worker has a gap that is long enough, and the task before it.
    /// Without `insert` there is only the gap at the end.
    pub(super) fn gap(&self, worker: usize, ready: f64, long: f64, insert: bool) -> (f64, u32) {
        let mut before = self.at.last[worker];
        let mut found = (self.end(before, ready), before);
        // From the end to the front, as far as a gap could still be of use.
        while insert && before != NONE {
            let begins = self.at.placed[before as usize].start;
            if begins < ready + long {
                break;
            }
            let earlier = self.at.back[before as usize];
            let from = self.end(earlier, ready);
            if from + long <= begins {
                found = (from, earlier);
            }
            before = earlier;
        }
        found
    }

    /// When what comes after a task of a worker may begin, from `ready` on.
    fn end(&self, task: u32, ready: f64) -> f64 {
        let end = if task == NONE { 0.0 } else { self.at.placed[task as usize].finish };
        if end > ready { end } else { ready }
    }

    /// Places a task behind another one of the worker.
    pub(super) fn put(&mut self, task: u32, placed: Placement, behind: u32) {
        let worker = placed.worker as usize;
        let next =
            if behind == NONE { self.at.first[worker] } else { self.at.next[behind as usize] };
        (self.at.back[task as usize], self.at.next[task as usize]) = (behind, next);
        if behind == NONE {
            self.at.first[worker] = task;
        } else {
            self.at.next[behind as usize] = task;
        }
        if next == NONE {
            self.at.last[worker] = task;
        } else {
            self.at.back[next as usize] = task;
        }
        self.at.placed[task as usize] = placed;
        self.makespan = self.makespan.max(placed.finish);
    }

    /// When the data of a task is at each worker that is not lost; [`NEVER`] for those that are.
    pub(super) fn arrivals(&mut self, dag: &Dag<'_>, given: &Situation<'_>, task: u32) {
        let workers = self.workers;
        let arrival = &mut self.at.arrival[..workers];
        arrival.fill(given.now);
        for (from, bytes) in dag.before(task) {
            let placed = self.at.placed[from as usize];
            let home = placed.worker as usize;
            if given.lost.get(home).copied().unwrap_or(false) {
                let there = placed.finish + dag.mean_way(bytes);
                arrival.iter_mut().for_each(|arrival| *arrival = arrival.max(there));
                continue;
            }
            let latency = &dag.parts.latency[home * workers..][..workers];
            let rate = &dag.parts.byte_seconds[home * workers..][..workers];
            for ((arrival, latency), rate) in arrival.iter_mut().zip(latency).zip(rate) {
                // Where it is, both are 0.
                let there = placed.finish + (latency + bytes * rate);
                *arrival = if there > *arrival { there } else { *arrival };
            }
        }
        for (arrival, lost) in arrival.iter_mut().zip(given.lost) {
            *arrival = if *lost { NEVER } else { *arrival };
        }
    }
}

/// A scheduler with room for what is given, for those who have it in another form.
pub(crate) struct RoomyScheduler<'m> {
    pub scheduler: Scheduler<'m>,
    pub fixed: Carved<'m, Placement>,
    pub lost: Carved<'m, bool>,
    _piece: Piece<'m>,
}

type Shared<'m> = (Parts<'m>, Carved<'m, Placement>, Carved<'m, bool>);

impl<'m> RoomyScheduler<'m> {
    fn carve(config: &SchedulerConfig, carver: &mut Carver<'m>) -> Result<Shared<'m>> {
        let fixed = carver.take(config.tasks, Placement::NOWHERE)?;
        Ok((carve(config, carver)?, fixed, carver.take(config.workers, false)?))
    }

    /// Size and alignment of the memory that it takes.
    pub fn footprint(config: &SchedulerConfig) -> Result<Layout> {
        Scheduler::check(config)?;
        Carver::layout_of(|carver| RoomyScheduler::carve(config, carver))
    }

    pub fn in_piece(config: &SchedulerConfig, mut piece: Piece<'m>) -> Result<Self> {
        let layout = RoomyScheduler::footprint(config)?;
        let (parts, fixed, lost) = RoomyScheduler::carve(config, &mut piece.carver(layout)?)?;
        Ok(RoomyScheduler { scheduler: Scheduler::of(config, parts), fixed, lost, _piece: piece })
    }
}
