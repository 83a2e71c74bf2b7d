//! What has not begun is scheduled, and workers that are free get what is ready.

use super::super::heft::{Rank, Rule};
use super::super::place::{NO_WORKER, Situation};
use super::super::search::SearchConfig;
use super::{Gate, NEVER, NONE, Placement, State, Workflow};

impl Workflow<'_> {
    pub(super) fn seconds(&self, time_us: u64) -> f64 {
        time_us.saturating_sub(self.origin_us) as f64 / 1e6
    }

    /// Schedules all that has not begun.
    pub(super) fn plan(&mut self, now_us: u64) {
        let now = self.seconds(now_us);
        let tasks = self.dag.tasks();
        for at in 0..tasks {
            let number = self.dag.order()[at];
            let t = number as usize;
            let row = self.dag.row(number).iter().zip(&*self.lost);
            let able = row.into_iter().any(|(seconds, lost)| *seconds < NEVER && !lost);
            let open = |from: u32| {
                let from = &self.tasks[from as usize];
                from.blocked && !from.state.is_final()
            };
            let behind = self.dag.before(number).any(|(from, _)| open(from));
            let task = &mut self.tasks[t];
            task.blocked =
                !task.state.is_final() && !task.state.is_under_way() && (!able || behind);
            let task = self.tasks[t];
            let (began, ends) = (self.seconds(task.began_us), self.seconds(task.ends_us));
            self.fixed[t] = if task.state == State::Done && task.worker != NO_WORKER {
                Placement { worker: task.worker, start: began, finish: ends.max(began) }
            } else if task.state.is_under_way() {
                Placement { worker: task.worker, start: began, finish: ends.max(now) }
            } else if task.blocked || task.state.is_final() {
                // It takes no place: it is not done, or nobody knows when.
                Placement { worker: 0, start: 0.0, finish: 0.0 }
            } else {
                Placement::NOWHERE
            };
        }
        let given = Situation {
            now,
            fixed: &self.fixed[..tasks],
            lost: &self.lost,
            priorities: &self.priorities[..tasks],
        };
        let made = if self.config.search_rounds > 0 {
            let config = SearchConfig { rounds: self.config.search_rounds, seed: self.config.seed };
            self.scheduler.search_given(&self.dag, &config, &given)
        } else {
            self.scheduler.list(&self.dag, Rank::Mean, Rule::Finish, &given)
        };
        // All that could be refused was looked at when it began.
        debug_assert!(made.is_ok(), "{made:?}");
        self.plans = self.plans.saturating_add(1);
        self.cursor.copy_from_slice(&self.scheduler.at.first[..self.busy.len()]);
    }

    /// Gives each worker that is free the first task of its list that is ready.
    pub(super) fn dispatch(&mut self, now_us: u64) {
        for worker in 0..self.busy.len() {
            if self.busy[worker] != NONE || self.lost[worker] {
                continue;
            }
            let mut at = self.cursor[worker];
            let mut passed = true;
            while at != NONE {
                let task = &self.tasks[at as usize];
                if task.state == State::Ready && !task.blocked && task.gate == Gate::No {
                    self.assign(at, worker as u32, now_us);
                    break;
                }
                passed &= task.state.is_final();
                at = self.scheduler.at.next[at as usize];
                if passed {
                    self.cursor[worker] = at;
                }
            }
        }
    }

    fn assign(&mut self, number: u32, worker: u32, now_us: u64) {
        let seconds = self.dag.row(number)[worker as usize];
        let task = &mut self.tasks[number as usize];
        task.state = State::Assigned;
        task.attempt = task.attempt.saturating_add(1);
        task.worker = worker;
        (task.began_us, task.ends_us) = (now_us, after(now_us, seconds));
        let timeout = task.options.timeout_us;
        task.due_us = if timeout > 0 { now_us.saturating_add(timeout) } else { u64::MAX };
        self.busy[worker as usize] = number;
        self.queue.start(number);
        self.wake_for(number as usize);
    }

    /// When a task under way is late.
    pub(super) fn late_us(&self, task: usize) -> u64 {
        let task = &self.tasks[task];
        if self.config.late == 0.0 || !task.state.is_under_way() {
            return u64::MAX;
        }
        // A moment is not late.
        let should = task.ends_us.saturating_sub(task.began_us).max(1_000) as f64 / 1e6;
        after(task.began_us, should * self.config.late)
    }

    /// Something is to be done for a task at some time.
    pub(super) fn wake_for(&mut self, task: usize) {
        self.wake_us = self.wake_us.min(self.tasks[task].due_us).min(self.late_us(task));
    }
}

/// So many seconds later.
pub(super) fn after(now_us: u64, seconds: f64) -> u64 {
    // Casts of floats saturate.
    now_us.saturating_add((seconds * 1e6) as u64)
}
