//! PEFT: list schedules that look ahead.
//!
//! After Arabnejad and Barbosa, "List Scheduling Algorithm for Heterogeneous Systems by an Optimistic Cost
//! Table" (IEEE Transactions on Parallel and Distributed Systems 25, 2014). The table has, for each task
//! on each worker, the longest of the shortest ways from there to the end, as if every worker were free. The
//! mean of a row is the rank; the worker with the least finish plus table gets the task.

use super::dag::{Dag, NEVER};
use super::heft::Rule;
use super::place::{NO_WORKER, Scheduler, Situation};
use crate::error::Result;

impl Scheduler<'_> {
    /// Makes the schedule of PEFT; its makespan.
    ///
    /// # Errors
    /// Those of [`heft`](Self::heft).
    pub fn peft(&mut self, dag: &Dag<'_>) -> Result<f64> {
        let given = Situation::default();
        self.begin(dag, &given)?;
        self.fill_table(dag, &given);
        self.table_ranks();
        self.at.wish[..self.tasks].fill(NO_WORKER);
        self.decode(dag, Rule::Lookahead, &given)
    }

    /// Fills the table, from the end on.
    pub(super) fn fill_table(&mut self, dag: &Dag<'_>, given: &Situation<'_>) {
        let workers = self.workers;
        let lost = |w: usize| given.lost.get(w).copied().unwrap_or(false);
        for &task in dag.order().iter().rev() {
            let own = task as usize * workers;
            self.at.table[own..][..workers].fill(0.0);
            for (next, bytes) in dag.after(task) {
                let (way, row) = (dag.mean_way(bytes), dag.row(next));
                let other = next as usize * workers;
                let on = |table: &[f64], w: usize| {
                    if lost(w) { NEVER } else { table[other + w] + row[w] }
                };
                let least = (0..workers).map(|w| on(&self.at.table, w)).fold(NEVER, f64::min) + way;
                for w in 0..workers {
                    // Where the least is its own, it needs no way.
                    let here = on(&self.at.table, w);
                    let cheapest = if here < least { here } else { least };
                    let place = &mut self.at.table[own + w];
                    // What nobody can do now does not count.
                    let counts = cheapest > *place && cheapest < NEVER;
                    *place = if counts { cheapest } else { *place };
                }
            }
        }
    }

    /// The mean of each row of the table.
    pub(super) fn table_ranks(&mut self) {
        let rows = self.at.table.chunks_exact(self.workers);
        for (rank, row) in self.at.rank[..self.tasks].iter_mut().zip(rows) {
            *rank = row.iter().sum::<f64>() / self.workers as f64;
        }
    }
}
