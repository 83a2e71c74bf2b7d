//! What happens to a workflow that runs.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

use super::plan::after;
use super::{Gate, NONE, OUTERMOST, State, Task, Workflow};
use crate::error::{Error, Result};

impl Workflow<'_> {
    /// Begins: from now on there are actions.
    ///
    /// # Errors
    /// [`Error::TaskState`] if it runs already or has no task, [`Error::TaskCycle`] if tasks wait for each
    /// other in a circle, [`Error::TaskInfeasible`] if there is a task that no worker can do. It can be mended and
    /// begun again after the last one; else what is wrong stays in it.
    pub fn start(&mut self, now_us: u64) -> Result<()> {
        self.is_being_made()?;
        let (tasks, edges) = (self.dag.tasks(), self.dag.edges());
        let made = self.join_subflows().and_then(|()| self.dag.build());
        if let Err(error) = made {
            // Without the edges that were added.
            self.dag.edges = edges;
            return Err(error);
        }
        for t in 0..tasks {
            self.tasks[t].waits = self.dag.before(t as u32).len() as u32;
            // Those of sub-workflows come before their parts.
            let within = self.tasks[t].options.within;
            let outer = if within == OUTERMOST { 0 } else { self.priorities[within as usize] };
            self.priorities[t] = self.tasks[t].options.priority.max(outer);
        }
        self.open = tasks;
        self.running = true;
        self.origin_us = now_us;
        self.plan(now_us);
        let mut top = 0;
        for t in 0..tasks {
            if self.tasks[t].waits == 0 {
                self.tasks[t].state = State::Ready;
                if self.tasks[t].gate != Gate::No {
                    self.stack[top] = t as u32;
                    top += 1;
                }
            }
        }
        self.pass_gates(top, now_us);
        self.dispatch(now_us);
        Ok(())
    }

    /// Parts of a sub-workflow come behind its begin and before its end.
    fn join_subflows(&mut self) -> Result<()> {
        for t in 0..self.dag.tasks() as u32 {
            let (within, gate) =
                (self.tasks[t as usize].options.within, self.tasks[t as usize].gate);
            if let Gate::End(begin) = gate {
                self.dag.add_edge(begin, t, 0.0)?;
            }
            if within == OUTERMOST {
                continue;
            }
            let Gate::End(begin) = self.tasks[within as usize].gate else { continue };
            if !matches!(gate, Gate::End(_)) {
                self.dag.add_edge(begin, t, 0.0)?;
            }
            if gate != Gate::Begin {
                self.dag.add_edge(t, within, 0.0)?;
            }
        }
        Ok(())
    }

    /// The task whose attempt is under way, and whose worker was told of it.
    fn under_way(&self, number: u32, attempt: u32) -> Result<usize> {
        let t = self.known(number)?;
        let task = &self.tasks[t];
        if !self.running || task.gate != Gate::No {
            return Err(Error::TaskState);
        }
        let counts = task.state.is_under_way() && task.attempt == attempt && self.queue.was_told(t);
        if counts { Ok(t) } else { Err(Error::TaskAttempt) }
    }

    /// A worker has begun a task. It need not be said: a result is enough.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] without such a task, [`Error::TaskState`] if it is no task for workers,
    /// [`Error::TaskAttempt`] if this attempt does not count (any more). Nothing is changed then.
    pub fn started(&mut self, task: u32, attempt: u32, now_us: u64) -> Result<()> {
        let t = self.under_way(task, attempt)?;
        let task = &mut self.tasks[t];
        if task.state == State::Assigned {
            let long = task.ends_us.saturating_sub(task.began_us);
            task.state = State::Running;
            (task.began_us, task.ends_us) = (now_us, now_us.saturating_add(long));
            self.wake_for(t);
        }
        Ok(())
    }

    /// A task's result is there. It is accepted once: use it if, and only if, this answers `Ok`.
    ///
    /// # Errors
    /// Those of [`started`](Self::started).
    pub fn finished(&mut self, task: u32, attempt: u32, now_us: u64) -> Result<()> {
        let t = self.under_way(task, attempt)?;
        self.tasks[t].ends_us = now_us.max(self.tasks[t].began_us);
        self.free_worker(t);
        self.settle(t, State::Done);
        let top = self.release(t, 0);
        self.pass_gates(top, now_us);
        self.dispatch(now_us);
        Ok(())
    }

    /// An attempt has failed. The task is tried again later, or has failed for good.
    ///
    /// # Errors
    /// Those of [`started`](Self::started).
    pub fn failed(&mut self, task: u32, attempt: u32, now_us: u64) -> Result<()> {
        let t = self.under_way(task, attempt)?;
        self.free_worker(t);
        self.again(t, State::Failed, now_us);
        self.dispatch(now_us);
        Ok(())
    }

    /// A worker is lost: its task is to be done by another.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] without such a worker, [`Error::TaskState`] if it is lost already.
    pub fn worker_lost(&mut self, worker: u32, now_us: u64) -> Result<()> {
        self.turn(worker, true)?;
        let task = core::mem::replace(&mut self.busy[worker as usize], NONE);
        if task != NONE {
            let attempt = self.tasks[task as usize].attempt;
            self.queue.stop(task, attempt, worker);
            self.tasks[task as usize].state = State::Ready;
            self.tasks[task as usize].due_us = u64::MAX;
        }
        self.replan(now_us);
        Ok(())
    }

    /// A worker that was lost is there again, and does nothing.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] without such a worker, [`Error::TaskState`] if it is not lost.
    pub fn worker_joined(&mut self, worker: u32, now_us: u64) -> Result<()> {
        self.turn(worker, false)?;
        self.replan(now_us);
        Ok(())
    }

    fn turn(&mut self, worker: u32, lost: bool) -> Result<()> {
        let place = self.lost.get_mut(worker as usize).ok_or(Error::TaskUnknown)?;
        if core::mem::replace(place, lost) == lost { Err(Error::TaskState) } else { Ok(()) }
    }

    fn replan(&mut self, now_us: u64) {
        if self.running && self.open > 0 {
            self.plan(now_us);
            self.dispatch(now_us);
        }
    }

    /// Tells the time: what takes too long is stopped, what failed is tried again, and for what is late the
    /// rest is scheduled anew.
    pub fn tick(&mut self, now_us: u64) {
        let due = |at_us: u64| at_us != u64::MAX && now_us >= at_us;
        if !due(self.wake_us) || !self.running {
            return;
        }
        let mut anew = false;
        for t in 0..self.dag.tasks() {
            let task = self.tasks[t];
            if task.state == State::Retrying && due(task.due_us) {
                self.tasks[t].state = State::Ready;
                self.tasks[t].due_us = u64::MAX;
                anew = true;
            } else if task.state.is_under_way() && due(task.due_us) {
                self.queue.stop(t as u32, task.attempt, task.worker);
                self.free_worker(t);
                self.again(t, State::TimedOut, now_us);
            } else if due(self.late_us(t)) {
                // So far it has taken this long: as long again, as is the guess for what is not known.
                self.tasks[t].ends_us =
                    after(now_us, now_us.saturating_sub(task.began_us) as f64 / 1e6);
                anew = true;
            }
        }
        self.wake_us = u64::MAX;
        (0..self.dag.tasks()).for_each(|t| self.wake_for(t));
        if anew {
            self.replan(now_us);
        } else {
            self.dispatch(now_us);
        }
    }

    /// Nothing more is to be done of a task, of the parts of a sub-workflow, and of all that waits for them.
    ///
    /// # Errors
    /// [`Error::TaskUnknown`] without such a task, [`Error::TaskState`] if it is at its end, or nothing
    /// runs.
    pub fn cancel(&mut self, task: u32, now_us: u64) -> Result<()> {
        let t = self.known(task)?;
        if !self.running || self.tasks[t].state.is_final() {
            return Err(Error::TaskState);
        }
        // All parts of a sub-workflow are behind its begin, and its end is.
        let first = if let Gate::End(begin) = self.tasks[t].gate { begin as usize } else { t };
        self.drop_task(first);
        self.drop_behind(first);
        self.dispatch(now_us);
        Ok(())
    }

    /// Nothing more is to be done at all.
    ///
    /// # Errors
    /// [`Error::TaskState`] if nothing runs, or all is at its end.
    pub fn cancel_all(&mut self) -> Result<()> {
        if !self.running || self.open == 0 {
            return Err(Error::TaskState);
        }
        (0..self.dag.tasks()).for_each(|t| self.drop_task(t));
        Ok(())
    }

    /// Cancels a task, unless it is at its end.
    fn drop_task(&mut self, t: usize) {
        let task = self.tasks[t];
        if task.state.is_final() {
            return;
        }
        if task.state.is_under_way() {
            self.queue.stop(t as u32, task.attempt, task.worker);
            self.free_worker(t);
        }
        self.settle(t, State::Cancelled);
    }

    /// Cancels all that waits for a task, or is within a sub-workflow whose begin it is. What is cancelled already has
    /// nothing behind it that is not, so each edge is followed once in a workflow's life.
    fn drop_behind(&mut self, first: usize) {
        self.stack[0] = first as u32;
        let mut top = 1;
        while top > 0 {
            top -= 1;
            let number = self.stack[top];
            let from_begin = self.tasks[number as usize].gate == Gate::Begin;
            for at in self.dag.range(&self.dag.parts.after_at, number) {
                let next = self.dag.parts.to[self.dag.parts.after[at] as usize];
                let Task { state, gate, .. } = self.tasks[next as usize];
                // A sub-workflow within it that has begun. One begin leads to another once.
                let opened = from_begin && gate == Gate::Begin && state == State::Done;
                if !state.is_final() {
                    self.drop_task(next as usize);
                } else if !opened {
                    continue;
                }
                self.stack[top] = next;
                top += 1;
            }
        }
    }

    /// A task has come to an end.
    fn settle(&mut self, t: usize, state: State) {
        self.tasks[t].state = state;
        self.tasks[t].due_us = u64::MAX;
        self.open -= 1;
        if self.tasks[t].gate != Gate::Begin {
            self.queue.settled(t as u32);
        }
    }

    fn free_worker(&mut self, t: usize) {
        let worker = self.tasks[t].worker as usize;
        if self.busy.get(worker) == Some(&(t as u32)) {
            self.busy[worker] = NONE;
        }
    }

    /// A task is tried again after a while, or is at its end.
    fn again(&mut self, t: usize, end: State, now_us: u64) {
        let task = &mut self.tasks[t];
        task.failures += 1;
        if task.failures < task.options.attempts {
            task.state = State::Retrying;
            let doubled = 1u64.checked_shl(task.failures - 1).unwrap_or(u64::MAX);
            let wait =
                self.config.backoff_us.saturating_mul(doubled).min(self.config.backoff_most_us);
            let seed = self.config.seed ^ (t as u64) << 32 ^ u64::from(task.failures);
            let unit =
                (SplitMix64::seed_from_u64(seed).next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            let less = (wait as f64 * self.config.jitter * unit) as u64;
            task.due_us = now_us.saturating_add(wait - less.min(wait));
            self.wake_for(t);
            return;
        }
        self.settle(t, end);
        if self.config.keep_going {
            self.drop_behind(t);
        } else {
            (0..self.dag.tasks()).for_each(|other| self.drop_task(other));
        }
    }

    /// What waits for a task waits for one less. Tasks without work whose turn it is go to the stack; its
    /// new height.
    fn release(&mut self, t: usize, mut top: usize) -> usize {
        for (next, _) in self.dag.after(t as u32) {
            let task = &mut self.tasks[next as usize];
            task.waits -= 1;
            if task.waits == 0 && task.state == State::Pending {
                task.state = State::Ready;
                if task.gate != Gate::No {
                    self.stack[top] = next;
                    top += 1;
                }
            }
        }
        top
    }

    /// Ends of sub-workflows need no worker.
    fn pass_gates(&mut self, mut top: usize, now_us: u64) {
        while top > 0 {
            top -= 1;
            let t = self.stack[top] as usize;
            (self.tasks[t].began_us, self.tasks[t].ends_us) = (now_us, now_us);
            self.tasks[t].worker = self.scheduler.placement(t as u32).worker;
            self.settle(t, State::Done);
            top = self.release(t, top);
        }
    }
}
