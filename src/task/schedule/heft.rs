//! List schedules: HEFT, and what is like it.
//!
//! After Topcuoglu, Hariri and Wu, "Performance-Effective and Low-Complexity Task Scheduling for Heterogeneous
//! Computing" (IEEE Transactions on Parallel and Distributed Systems 13, 2002). Tasks are taken in
//! the order of their ranks, the length of the longest way to the end; each goes to the worker that finishes it
//! first, into a gap if there is one.

use super::dag::{Dag, NEVER};
use super::place::{NO_WORKER, Placement, Scheduler, Situation};
use crate::error::{Error, Result};

/// What a rank is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rank {
    /// The mean time of all workers that can do a task, as in HEFT.
    #[default]
    Mean,
    /// The shortest time.
    Best,
    /// The longest time of a worker that can do it.
    Worst,
    /// The mean, without the time of transfers.
    WithoutTransfers,
}

/// Which worker gets a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// The one that finishes it first, as in HEFT.
    #[default]
    Finish,
    /// The one whose finish, with what follows at least, is first, as in PEFT.
    Lookahead,
    /// As [`Finish`](Rule::Finish), without the use of gaps.
    Append,
}

impl Scheduler<'_> {
    /// Makes the schedule of HEFT; its makespan.
    ///
    /// # Errors
    /// [`Error::TaskState`] if the graph is not built, [`Error::Capacity`] if it is larger than the
    /// configuration says. There is no schedule to be read then.
    pub fn heft(&mut self, dag: &Dag<'_>) -> Result<f64> {
        self.list(dag, Rank::Mean, Rule::Finish, &Situation::default())
    }

    /// Makes a schedule by these ranks and this rule, with what is given; its makespan.
    ///
    /// # Errors
    /// Those of [`heft`](Self::heft); [`Error::Length`] if a list of `given` has another length than it must,
    /// [`Error::Invalid`] for a number in it outside its range, [`Error::TaskInfeasible`] if all
    /// workers that can do a task are lost. There is no schedule to be read then.
    pub fn list(
        &mut self,
        dag: &Dag<'_>,
        rank: Rank,
        rule: Rule,
        given: &Situation<'_>,
    ) -> Result<f64> {
        self.begin(dag, given)?;
        self.upward_ranks(dag, rank);
        if rule == Rule::Lookahead {
            self.fill_table(dag, given);
        }
        self.at.wish[..self.tasks].fill(NO_WORKER);
        self.decode(dag, rule, given)
    }

    /// The longest way to the end, of each task.
    pub(super) fn upward_ranks(&mut self, dag: &Dag<'_>, rank: Rank) {
        for &task in dag.order().iter().rev() {
            let able = dag.row(task).iter().copied().filter(|seconds| *seconds < NEVER);
            let own = match rank {
                Rank::Best => able.fold(NEVER, f64::min),
                Rank::Worst => able.fold(0.0, f64::max),
                Rank::Mean | Rank::WithoutTransfers => {
                    let (sum, count) =
                        able.fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
                    sum / count
                }
            };
            let way =
                |bytes| if rank == Rank::WithoutTransfers { 0.0 } else { dag.mean_way(bytes) };
            let rest =
                dag.after(task).map(|(next, bytes)| way(bytes) + self.at.rank[next as usize]);
            self.at.rank[task as usize] = own + rest.fold(0.0, f64::max);
        }
    }

    /// Places all tasks, always the one of the highest rank of those whose predecessors are placed. What could not be
    /// made whole is gone.
    pub(super) fn decode(
        &mut self,
        dag: &Dag<'_>,
        rule: Rule,
        given: &Situation<'_>,
    ) -> Result<f64> {
        let made = self.place_all(dag, rule, given);
        if made.is_err() {
            self.forget();
        }
        made
    }

    fn place_all(&mut self, dag: &Dag<'_>, rule: Rule, given: &Situation<'_>) -> Result<f64> {
        self.reset(given);
        let mut ready = 0;
        for task in 0..self.tasks as u32 {
            let free = |t: u32| self.at.placed[t as usize].worker == NO_WORKER;
            self.at.waits[task as usize] =
                dag.before(task).filter(|(t, _)| free(*t)).count() as u32;
        }
        for &task in dag.order() {
            let free = self.at.placed[task as usize].worker == NO_WORKER;
            if free && self.at.waits[task as usize] == 0 {
                self.push(&mut ready, task);
            }
        }
        while ready > 0 {
            let task = self.pop(&mut ready);
            self.arrivals(dag, given, task);
            self.place(dag, rule, task)?;
            for (next, _) in dag.after(task) {
                let free = self.at.placed[next as usize].worker == NO_WORKER;
                self.at.waits[next as usize] -= 1;
                if free && self.at.waits[next as usize] == 0 {
                    self.push(&mut ready, next);
                }
            }
        }
        Ok(self.makespan)
    }

    /// Gives a task to a worker; when its data is there is known.
    fn place(&mut self, dag: &Dag<'_>, rule: Rule, task: u32) -> Result<()> {
        let row = dag.row(task);
        let table = &self.at.table[task as usize * self.workers..][..self.workers];
        let mut wish = self.at.wish[task as usize];
        if wish != NO_WORKER && self.at.arrival[wish as usize] + row[wish as usize] == NEVER {
            // It cannot be: that worker is lost, or never could.
            wish = NO_WORKER;
            self.at.wish[task as usize] = NO_WORKER;
        }
        let mut best = (NEVER, Placement::NOWHERE, 0);
        for (worker, (&seconds, &ready)) in row.iter().zip(&*self.at.arrival).enumerate() {
            // Not even without waiting would it be the best.
            let soonest =
                ready + seconds + if rule == Rule::Lookahead { table[worker] } else { 0.0 };
            let wished = wish == NO_WORKER || wish == worker as u32;
            if !wished || soonest >= best.0 || seconds == NEVER {
                continue;
            }
            let (start, behind) = self.gap(worker, ready, seconds, rule != Rule::Append);
            let finish = start + seconds;
            let value = if rule == Rule::Lookahead { finish + table[worker] } else { finish };
            if value < best.0 {
                best = (value, Placement { worker: worker as u32, start, finish }, behind);
            }
        }
        if best.1.worker == NO_WORKER {
            return Err(Error::TaskInfeasible);
        }
        self.put(task, best.1, best.2);
        Ok(())
    }

    /// Whether one task comes before another: urgency, then rank, then number.
    fn is_before(&self, a: u32, b: u32) -> bool {
        let key = |t: u32| (self.at.urgency[t as usize], self.at.rank[t as usize]);
        let (left, right) = (key(a), key(b));
        left.0 > right.0
            || (left.0 == right.0 && (left.1 > right.1 || (left.1 == right.1 && a < b)))
    }

    fn push(&mut self, len: &mut usize, task: u32) {
        let mut at = *len;
        self.at.ready[at] = task;
        *len += 1;
        while at > 0 && self.is_before(task, self.at.ready[(at - 1) / 2]) {
            self.at.ready.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn pop(&mut self, len: &mut usize) -> u32 {
        let top = self.at.ready[0];
        *len -= 1;
        self.at.ready.swap(0, *len);
        let mut at = 0;
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if left >= *len {
                return top;
            }
            let other = right < *len && self.is_before(self.at.ready[right], self.at.ready[left]);
            let child = if other { right } else { left };
            if !self.is_before(self.at.ready[child], self.at.ready[at]) {
                return top;
            }
            self.at.ready.swap(at, child);
            at = child;
        }
    }
}
