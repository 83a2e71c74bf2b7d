//! The transportation problem of tasks and agents with several places each, exactly: shortest augmenting paths
//! over agents, without a column for every place.
//!
//! A task that cannot go to a full agent may push one of that agent's tasks out, to wherever that is cheapest.
//! Dijkstra's algorithm finds the cheapest chain of such moves; prices of agents keep all distances from
//! being negative (Edmonds and Karp 1972). To leave a task undone is one more agent with room for all.

use super::{FORBIDDEN, UNASSIGNED};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// The memory of the solver. The last agent is the one that leaves tasks undone.
pub(super) struct Transport<'m> {
    /// Prices of agents, at most 0; 0 where there is room.
    price: Carved<'m, f64>,
    distance: Carved<'m, f64>,
    done: Carved<'m, bool>,
    /// The task by which an agent was reached.
    by: Carved<'m, u32>,
    used: Carved<'m, u32>,
    /// First task of each agent, and the next one of each task.
    first: Carved<'m, u32>,
    next: Carved<'m, u32>,
    /// Agents that are done, in order.
    order: Carved<'m, u32>,
}

impl<'m> Transport<'m> {
    pub fn carve(carver: &mut Carver<'m>, tasks: usize, agents: usize) -> Result<Transport<'m>> {
        let all = agents + 1;
        Ok(Transport {
            price: carver.take(all, 0.0)?,
            distance: carver.take(all, 0.0)?,
            by: carver.take(all, 0)?,
            used: carver.take(all, 0)?,
            first: carver.take(all, 0)?,
            order: carver.take(all, 0)?,
            next: carver.take(tasks, 0)?,
            done: carver.take(all, false)?,
        })
    }

    /// Gives each task an agent such that the sum of the costs is least; [`UNASSIGNED`] if it is left undone.
    /// [`Error::TaskInfeasible`] if a task finds no place.
    pub fn solve(
        &mut self,
        (tasks, agents): (usize, usize),
        costs: &[f64],
        places: impl Fn(usize) -> u32,
        skip: impl Fn(usize) -> f64,
        agent_of: &mut [u32],
    ) -> Result<f64> {
        self.price.fill(0.0);
        self.used.fill(0);
        self.first.fill(UNASSIGNED);
        agent_of.fill(UNASSIGNED);
        for start in 0..tasks {
            self.augment(start, agents, costs, &places, &skip, agent_of)?;
        }
        let mut total = 0.0;
        for (t, agent) in agent_of.iter_mut().enumerate() {
            let a = *agent as usize;
            total += if a < agents { costs[t * agents + a] } else { skip(t) };
            *agent = if a < agents { *agent } else { UNASSIGNED };
        }
        Ok(total)
    }

    fn augment(
        &mut self,
        start: usize,
        agents: usize,
        costs: &[f64],
        places: &impl Fn(usize) -> u32,
        skip: &impl Fn(usize) -> f64,
        agent_of: &mut [u32],
    ) -> Result<()> {
        self.distance.fill(FORBIDDEN);
        self.done.fill(false);
        let mut count = 0;
        self.relax(start, 0.0, agents, costs, skip);
        let (end, length) = loop {
            let mut least = (FORBIDDEN, UNASSIGNED as usize);
            for a in 0..=agents {
                if !self.done[a] && self.distance[a] < least.0 {
                    least = (self.distance[a], a);
                }
            }
            let (distance, a) = least;
            if distance == FORBIDDEN {
                return Err(Error::TaskInfeasible);
            }
            if a == agents || self.used[a] < places(a) {
                break (a, distance);
            }
            self.done[a] = true;
            self.order[count] = a as u32;
            count += 1;
            let mut t = self.first[a];
            while t != UNASSIGNED {
                let own = costs[t as usize * agents + a] - self.price[a];
                self.relax(t as usize, distance - own, agents, costs, skip);
                t = self.next[t as usize];
            }
        };
        for &a in &self.order[..count] {
            self.price[a as usize] += self.distance[a as usize] - length;
        }
        // Back along the path: each agent takes the task by which it was reached.
        let mut to = end;
        self.used[to] += 1;
        loop {
            let t = self.by[to] as usize;
            let from = agent_of[t];
            if from != UNASSIGNED {
                self.unlink(from as usize, t);
            }
            agent_of[t] = to as u32;
            self.next[t] = core::mem::replace(&mut self.first[to], t as u32);
            if t == start {
                return Ok(());
            }
            to = from as usize;
        }
    }

    /// What agents are nearer by way of a task, whose own distance is in `base`.
    fn relax(
        &mut self,
        t: usize,
        base: f64,
        agents: usize,
        costs: &[f64],
        skip: &impl Fn(usize) -> f64,
    ) {
        let row = costs[t * agents..][..agents].iter().copied().chain([skip(t)]);
        let known = self.distance.iter_mut().zip(&mut *self.by).zip(&*self.done);
        for ((cost, price), ((distance, by), done)) in row.zip(&*self.price).zip(known) {
            let way = cost - price + base;
            if way < *distance && !done {
                (*distance, *by) = (way, t as u32);
            }
        }
    }

    fn unlink(&mut self, a: usize, t: usize) {
        let mut at = self.first[a];
        if at == t as u32 {
            self.first[a] = self.next[t];
            return;
        }
        while at != UNASSIGNED {
            let next = self.next[at as usize];
            if next == t as u32 {
                self.next[at as usize] = self.next[t];
                return;
            }
            at = next;
        }
    }
}
