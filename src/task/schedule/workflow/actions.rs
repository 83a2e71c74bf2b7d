//! What is to be done, in order, without a list that could be full: each task has a place for each kind.

use super::types::{Action, State};
use super::{Gate, NONE, Task, Workflow};
use crate::error::Result;
use crate::mem::{Carved, Carver};

const STOP: u8 = 1;
const START: u8 = 2;
const SETTLED: u8 = 4;

#[derive(Clone, Copy, Debug)]
struct Place {
    next: u32,
    wanted: u8,
    /// The attempt that is to be stopped, and its worker.
    stop: (u32, u32),
}

/// Tasks of which something is to be told, the longest waiting one first.
pub(super) struct Queue<'m> {
    places: Carved<'m, Place>,
    first: u32,
    last: u32,
}

impl<'m> Queue<'m> {
    pub fn carve(carver: &mut Carver<'m>, tasks: usize) -> Result<Queue<'m>> {
        let place = Place { next: NONE, wanted: 0, stop: (0, 0) };
        Ok(Queue { places: carver.take(tasks, place)?, first: NONE, last: NONE })
    }

    fn want(&mut self, task: u32, what: u8) {
        let place = &mut self.places[task as usize];
        let waits = place.wanted != 0;
        place.wanted |= what;
        if waits {
            return;
        }
        place.next = NONE;
        if self.last == NONE {
            self.first = task;
        } else {
            self.places[self.last as usize].next = task;
        }
        self.last = task;
    }

    pub fn start(&mut self, task: u32) {
        self.want(task, START);
    }

    pub fn settled(&mut self, task: u32) {
        self.want(task, SETTLED);
    }

    /// An attempt is to be stopped. If nobody was told of it, nobody needs to be.
    pub fn stop(&mut self, task: u32, attempt: u32, worker: u32) {
        let place = &mut self.places[task as usize];
        if place.wanted & START != 0 {
            place.wanted &= !START;
            if place.wanted == 0 {
                // It has its place in the queue still; another want has to find it waiting.
                place.wanted = NOTHING;
            }
            return;
        }
        place.stop = (attempt, worker);
        self.want(task, STOP);
    }

    /// Whether a worker was told of the attempt that is assigned.
    pub fn was_told(&self, task: usize) -> bool {
        self.places[task].wanted & START == 0
    }
}

/// In the queue, with nothing to tell any more.
const NOTHING: u8 = 128;

impl Workflow<'_> {
    /// What is to be done next; `None`: nothing now.
    pub fn next_action(&mut self) -> Option<Action> {
        while self.queue.first != NONE {
            let task = self.queue.first;
            let place = &mut self.queue.places[task as usize];
            let action = if place.wanted & STOP != 0 {
                place.wanted &= !STOP;
                let (attempt, worker) = place.stop;
                Some(Action::Stop { task, attempt, worker })
            } else if place.wanted & START != 0 {
                place.wanted &= !START;
                let Task { attempt, worker, .. } = self.tasks[task as usize];
                Some(Action::Start { task, attempt, worker })
            } else if place.wanted & SETTLED != 0 {
                place.wanted &= !SETTLED;
                Some(Action::Settled { task, state: self.tasks[task as usize].state })
            } else {
                place.wanted = 0;
                None
            };
            if place.wanted & !NOTHING == 0 {
                place.wanted = 0;
                self.queue.first = place.next;
                if self.queue.first == NONE {
                    self.queue.last = NONE;
                }
            }
            if action.is_some() {
                return action;
            }
        }
        if self.running && self.open == 0 && !self.end_is_told {
            self.end_is_told = true;
            return Some(Action::End { state: self.outcome() });
        }
        None
    }

    /// What has become of all together.
    fn outcome(&self) -> State {
        let all = &self.tasks[..self.dag.tasks()];
        let failed = |task: &Task| matches!(task.state, State::Failed | State::TimedOut);
        if all.iter().any(failed) {
            return State::Failed;
        }
        let done = all.iter().all(|task| task.state == State::Done || task.gate == Gate::Begin);
        if done { State::Done } else { State::Cancelled }
    }
}
