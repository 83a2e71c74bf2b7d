//! Tasks that wait for each other, and the workers that may do them.

use core::alloc::Layout;

use super::build;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

/// The time of a task on a worker that cannot do it.
pub const NEVER: f64 = f64::INFINITY;
/// The longest time that is not [`NEVER`]: sums stay finite.
pub const MAX_SECONDS: f64 = 1e100;

/// How large a [`Dag`] is at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DagConfig {
    /// Most tasks, 1 to 2^24.
    pub tasks: usize,
    /// Most edges, 0 to 2^24.
    pub edges: usize,
    /// How many workers, 1 to 65,535.
    pub workers: usize,
}

impl Default for DagConfig {
    fn default() -> Self {
        DagConfig { tasks: 64, edges: 128, workers: 8 }
    }
}

/// Tasks, what they wait for and how much data they get from it; workers, and the links between them.
///
/// Tasks, edges and workers have numbers from 0 on. A task takes `work / speed` seconds on a worker, unless
/// [`set_seconds`](Dag::set_seconds) says otherwise. Data takes `latency + bytes / bandwidth`
/// seconds from one worker to another, and none where it is. Nothing is allocated after creation.
///
/// ```
/// use neural_swarm::port::Heap;
/// use neural_swarm::task::schedule::{Dag, DagConfig};
///
/// let mut dag = Dag::new(&DagConfig { tasks: 2, edges: 1, workers: 2 }, Heap)?;
/// dag.set_speed(1, 2.0)?;
/// dag.set_links(0.001, 1e6)?;
/// let (make, pack) = (dag.add_task(10.0)?, dag.add_task(4.0)?);
/// dag.add_edge(make, pack, 5e5)?;
/// dag.build()?;
/// assert_eq!(dag.seconds(pack, 1), 2.0);
/// # Ok::<(), neural_swarm::Error>(())
/// ```
pub struct Dag<'m> {
    pub(super) parts: Parts<'m>,
    pub(super) config: DagConfig,
    pub(super) tasks: usize,
    pub(super) edges: usize,
    pub(super) built: bool,
    /// Of the links between two different workers: mean latency, mean seconds a byte.
    pub(super) mean_link: (f64, f64),
    _piece: Option<Piece<'m>>,
}

pub(super) struct Parts<'m> {
    pub work: Carved<'m, f64>,
    /// Of each task, on each worker.
    pub seconds: Carved<'m, f64>,
    pub speed: Carved<'m, f64>,
    /// From each worker to each.
    pub latency: Carved<'m, f64>,
    pub byte_seconds: Carved<'m, f64>,
    /// Edges as they came.
    pub from: Carved<'m, u32>,
    pub to: Carved<'m, u32>,
    pub bytes: Carved<'m, f64>,
    /// Where each task's edges begin in the lists after these; one more than tasks.
    pub after_at: Carved<'m, u32>,
    pub before_at: Carved<'m, u32>,
    /// Edges by the task that they come from, and by the one that they lead to.
    pub after: Carved<'m, u32>,
    pub before: Carved<'m, u32>,
    /// Each task behind all that it waits for.
    pub order: Carved<'m, u32>,
    pub scratch: Carved<'m, u32>,
}

pub(super) fn carve<'m>(config: &DagConfig, carver: &mut Carver<'m>) -> Result<Parts<'m>> {
    let DagConfig { tasks, edges, workers } = *config;
    let pairs = tasks.checked_mul(workers).ok_or(Error::Overflow)?;
    Ok(Parts {
        work: carver.take(tasks, 0.0)?,
        seconds: carver.take(pairs, 0.0)?,
        speed: carver.take(workers, 1.0)?,
        latency: carver.take(workers * workers, 0.0)?,
        byte_seconds: carver.take(workers * workers, 0.0)?,
        bytes: carver.take(edges, 0.0)?,
        from: carver.take(edges, 0)?,
        to: carver.take(edges, 0)?,
        after: carver.take(edges, 0)?,
        before: carver.take(edges, 0)?,
        after_at: carver.take(tasks + 1, 0)?,
        before_at: carver.take(tasks + 1, 0)?,
        order: carver.take(tasks, 0)?,
        scratch: carver.take(tasks, 0)?,
    })
}

/// Whether sums of such numbers stay finite.
fn is_amount(value: f64) -> bool {
    (0.0..=MAX_SECONDS).contains(&value)
}

/// Whether a link may be so.
fn check_link(latency: f64, bandwidth: f64) -> Result<()> {
    if !is_amount(latency) || bandwidth.is_nan() || bandwidth < 1e-30 {
        return Err(Error::Invalid);
    }
    Ok(())
}

impl<'m> Dag<'m> {
    pub(super) fn check(config: &DagConfig) -> Result<()> {
        let within = |value: usize, least, most| (least..=most).contains(&value);
        let fits = within(config.tasks, 1, 1 << 24)
            && within(config.edges, 0, 1 << 24)
            && within(config.workers, 1, 65_535);
        if fits { Ok(()) } else { Err(Error::Invalid) }
    }

    /// Size and alignment of the memory that it takes: 24 bytes and 8 a worker for each task, 24 an edge, 16 a pair of
    /// workers.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration outside its ranges, [`Error::Overflow`] for one that no
    /// memory could hold.
    pub fn footprint(config: &DagConfig) -> Result<Layout> {
        Dag::check(config)?;
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// Without tasks; workers of speed 1, with links that take no time.
    ///
    /// # Errors
    /// Those of [`footprint`](Self::footprint) and of the allocator.
    pub fn new(config: &DagConfig, allocator: impl Allocator<'m>) -> Result<Dag<'m>> {
        Dag::in_piece(config, allocator.allocate(Dag::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &DagConfig, mut piece: Piece<'m>) -> Result<Dag<'m>> {
        let layout = Dag::footprint(config)?;
        let parts = carve(config, &mut piece.carver(layout)?)?;
        Ok(Dag { _piece: Some(piece), ..Dag::of(config, parts) })
    }

    /// In the memory of something else.
    pub(super) fn of(config: &DagConfig, parts: Parts<'m>) -> Dag<'m> {
        let (tasks, edges, built, mean_link) = (0, 0, false, (0.0, 0.0));
        Dag { parts, config: *config, tasks, edges, built, mean_link, _piece: None }
    }

    /// Takes all tasks and edges out. Workers and links stay.
    pub fn clear(&mut self) {
        (self.tasks, self.edges, self.built) = (0, 0, false);
    }

    /// How many tasks there are.
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// How many edges there are.
    pub fn edges(&self) -> usize {
        self.edges
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.config.workers
    }

    /// A worker's speed, above 0: work that it does in a second. Does not change what [`set_seconds`](Self::set_seconds)
    /// has said of tasks that are there.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] without such a worker, [`Error::Invalid`] for a speed outside 1e-9 to 1e18,
    /// [`Error::TaskState`] if there are tasks already.
    pub fn set_speed(&mut self, worker: u32, speed: f64) -> Result<()> {
        if self.tasks > 0 {
            return Err(Error::TaskState);
        }
        let place = self.parts.speed.get_mut(worker as usize).ok_or(Error::TaskUnknown)?;
        if !(1e-9..=1e18).contains(&speed) {
            return Err(Error::Invalid);
        }
        *place = speed;
        Ok(())
    }

    /// The link from one worker to another: seconds until the first byte, and bytes a second, above 0 (infinity for
    /// no limit).
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] without such workers, [`Error::Invalid`] for a link of a worker to itself, or numbers
    /// outside their ranges.
    pub fn set_link(&mut self, from: u32, to: u32, latency: f64, bandwidth: f64) -> Result<()> {
        let workers = self.config.workers;
        if from as usize >= workers || to as usize >= workers {
            return Err(Error::TaskUnknown);
        }
        if from == to {
            return Err(Error::Invalid);
        }
        check_link(latency, bandwidth)?;
        let at = from as usize * workers + to as usize;
        self.parts.latency[at] = latency;
        self.parts.byte_seconds[at] = 1.0 / bandwidth;
        self.built = false;
        Ok(())
    }

    /// The same for all links.
    ///
    /// # Errors
    /// Those of [`set_link`](Self::set_link).
    pub fn set_links(&mut self, latency: f64, bandwidth: f64) -> Result<()> {
        // One worker has no link that would be looked at.
        check_link(latency, bandwidth)?;
        let workers = self.config.workers as u32;
        for from in 0..workers {
            for to in (0..workers).filter(|to| *to != from) {
                self.set_link(from, to, latency, bandwidth)?;
            }
        }
        Ok(())
    }

    /// A task of so much work; its number.
    ///
    /// # Errors
    /// [`Error::Capacity`] without room for it, [`Error::Invalid`] for work outside 0 to [`MAX_SECONDS`] / 1e9.
    pub fn add_task(&mut self, work: f64) -> Result<u32> {
        if self.tasks == self.config.tasks {
            return Err(Error::Capacity);
        }
        if !is_amount(work * 1e9) {
            return Err(Error::Invalid);
        }
        let workers = self.config.workers;
        let row = &mut self.parts.seconds[self.tasks * workers..][..workers];
        row.iter_mut().zip(&*self.parts.speed).for_each(|(seconds, speed)| *seconds = work / speed);
        self.parts.work[self.tasks] = work;
        self.tasks += 1;
        self.built = false;
        Ok(self.tasks as u32 - 1)
    }

    /// How long a task takes on a worker, whatever its work and the worker's speed are; [`NEVER`] if the worker
    /// cannot do it.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] without such a task or worker, [`Error::Invalid`] for a time outside 0 to
    /// [`MAX_SECONDS`].
    pub fn set_seconds(&mut self, task: u32, worker: u32, seconds: f64) -> Result<()> {
        if task as usize >= self.tasks || worker as usize >= self.config.workers {
            return Err(Error::TaskUnknown);
        }
        if !is_amount(seconds) && seconds != NEVER {
            return Err(Error::Invalid);
        }
        self.parts.seconds[task as usize * self.config.workers + worker as usize] = seconds;
        self.built = false;
        Ok(())
    }

    /// A task waits for another, and for so many bytes of it. Two edges between the same tasks are as one with both
    /// loads side by side.
    ///
    /// # Errors
    /// [`Error::Capacity`] without room for it, [`Error::TaskUnknown`] without such tasks,
    /// [`Error::TaskCycle`] for a task that waits for itself, [`Error::Invalid`] for bytes outside
    /// 0 to [`MAX_SECONDS`] / 1e40.
    pub fn add_edge(&mut self, from: u32, to: u32, bytes: f64) -> Result<()> {
        if self.edges == self.config.edges {
            return Err(Error::Capacity);
        }
        if from as usize >= self.tasks || to as usize >= self.tasks {
            return Err(Error::TaskUnknown);
        }
        if from == to {
            return Err(Error::TaskCycle);
        }
        if !is_amount(bytes * 1e40) {
            return Err(Error::Invalid);
        }
        (self.parts.from[self.edges], self.parts.to[self.edges]) = (from, to);
        self.parts.bytes[self.edges] = bytes;
        self.edges += 1;
        self.built = false;
        Ok(())
    }

    /// Puts tasks and edges into order, after which they can be scheduled.
    ///
    /// # Errors
    /// [`Error::TaskCycle`] if tasks wait for each other in a circle, [`Error::TaskInfeasible`] if there is a
    /// task that no worker can do, [`Error::TaskState`] if there is none.
    pub fn build(&mut self) -> Result<()> {
        self.built = false;
        if self.tasks == 0 {
            return Err(Error::TaskState);
        }
        build::lists(&mut self.parts, self.tasks, self.edges);
        build::order(&mut self.parts, self.tasks)?;
        let rows = self.parts.seconds.chunks_exact(self.config.workers);
        if rows.take(self.tasks).any(|row| row.iter().all(|seconds| *seconds == NEVER)) {
            return Err(Error::TaskInfeasible);
        }
        self.mean_link = build::mean_link(&self.parts, self.config.workers);
        self.built = true;
        Ok(())
    }

    /// Whether [`build`](Self::build) was called since something was last changed.
    pub fn is_built(&self) -> bool {
        self.built
    }

    /// How long a task takes on a worker, in seconds; [`NEVER`] if there is no such task or worker.
    pub fn seconds(&self, task: u32, worker: u32) -> f64 {
        let there = (task as usize) < self.tasks && (worker as usize) < self.config.workers;
        if there { self.row(task)[worker as usize] } else { NEVER }
    }

    /// How long so many bytes take from one worker to another, in seconds; [`NEVER`] without such workers.
    pub fn transfer(&self, bytes: f64, from: u32, to: u32) -> f64 {
        let workers = self.config.workers as u32;
        if from.max(to) >= workers {
            return NEVER;
        }
        if from == to { 0.0 } else { self.way(bytes, from, to) }
    }

    /// The edges into a task: the task that each comes from, and its bytes; none before
    /// [`build`](Self::build), or if there is no such task.
    pub fn before(&self, task: u32) -> impl ExactSizeIterator<Item = (u32, f64)> + Clone {
        let range = self.range(&self.parts.before_at, task);
        let edges = self.parts.before[range].iter();
        edges.map(|e| (self.parts.from[*e as usize], self.parts.bytes[*e as usize]))
    }

    /// The edges out of a task: the task that each leads to, and its bytes; none before
    /// [`build`](Self::build), or if there is no such task.
    pub fn after(&self, task: u32) -> impl ExactSizeIterator<Item = (u32, f64)> + Clone {
        let range = self.range(&self.parts.after_at, task);
        let edges = self.parts.after[range].iter();
        edges.map(|e| (self.parts.to[*e as usize], self.parts.bytes[*e as usize]))
    }

    /// All tasks, each behind all that it waits for; empty before [`build`](Self::build).
    pub fn order(&self) -> &[u32] {
        &self.parts.order[..if self.built { self.tasks } else { 0 }]
    }

    pub(super) fn row(&self, task: u32) -> &[f64] {
        &self.parts.seconds[task as usize * self.config.workers..][..self.config.workers]
    }

    /// Between two workers that are not the same.
    pub(super) fn way(&self, bytes: f64, from: u32, to: u32) -> f64 {
        let at = from as usize * self.config.workers + to as usize;
        self.parts.latency[at] + bytes * self.parts.byte_seconds[at]
    }

    /// Between two workers, in the mean of all pairs.
    pub(super) fn mean_way(&self, bytes: f64) -> f64 {
        self.mean_link.0 + bytes * self.mean_link.1
    }

    /// Where a task's edges are; of one that is not there, whatever was before, nowhere.
    pub(super) fn range(&self, starts: &[u32], task: u32) -> core::ops::Range<usize> {
        let task = task as usize;
        if !self.built || task >= self.tasks {
            return 0..0;
        }
        starts[task] as usize..starts[task + 1] as usize
    }
}
