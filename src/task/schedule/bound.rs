//! What no schedule can do better.

use super::dag::{Dag, NEVER};
use super::place::Scheduler;
use crate::error::Result;

impl Scheduler<'_> {
    /// A time before which not all can be done, in seconds: the longest way when each task has its fastest
    /// worker and data needs no time; the sum of the shortest times divided by the workers; and, where
    /// every task takes `work / speed` everywhere, all work divided by all speed. The last schedule is gone.
    ///
    /// # Errors
    /// Those of [`heft`](Self::heft).
    pub fn lower_bound(&mut self, dag: &Dag<'_>) -> Result<f64> {
        self.takes(dag)?;
        let shortest = |task: u32| dag.row(task).iter().copied().fold(NEVER, f64::min);
        let (mut longest, mut sum, mut work) = (0.0f64, 0.0, 0.0);
        let mut related = true;
        for &task in dag.order().iter().rev() {
            let rest = dag.after(task).map(|(next, _)| self.at.rank[next as usize]);
            let way = shortest(task) + rest.fold(0.0, f64::max);
            self.at.rank[task as usize] = way;
            longest = longest.max(way);
            sum += shortest(task);
            let of_task = dag.parts.work[task as usize];
            work += of_task;
            let speeds = dag.row(task).iter().zip(&*dag.parts.speed);
            related &= speeds.into_iter().all(|(seconds, speed)| *seconds == of_task / speed);
        }
        let speed: f64 = dag.parts.speed.iter().sum();
        let shared = if related { work / speed } else { 0.0 };
        Ok(longest.max(sum / dag.config.workers as f64).max(shared))
    }
}
