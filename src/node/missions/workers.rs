//! Who may be given something, and what is known of them.

use super::message::Told;
use super::types::Offer;
use crate::error::Result;
use crate::mem::{Carved, Carver};
use crate::node::requests::RequestId;

/// Of a new pace, the part of the last one that was seen.
const FRESH: f32 = 0.3;

/// A member that may work.
#[derive(Clone, Copy)]
pub(super) struct Worker {
    pub id: u64,
    pub offer: Offer,
    /// Whether it has told what it offers.
    pub known: bool,
    /// Whether it is suspected: it gets nothing new.
    pub suspect: bool,
    /// Work that others have given it, when it was last heard.
    pub waits: f32,
    pub heard_us: u64,
    /// What it was asked, and when it may be asked again.
    pub asked: Option<RequestId>,
    pub ask_us: u64,
    /// Tasks, and their work, that it was given from here.
    pub tasks: u16,
    pub work: f32,
    /// Seconds that it takes for a unit of work, as seen; 0: not seen yet.
    pub pace: f32,
    /// Since when the first of them is being done.
    pub since_us: u64,
    /// Work that waits for room there, in this look at what is ready.
    pub meant: f32,
}

impl Worker {
    const NOBODY: Worker = Worker {
        id: 0,
        offer: Offer::NOTHING,
        known: false,
        suspect: false,
        waits: 0.0,
        heard_us: 0,
        asked: None,
        ask_us: 0,
        tasks: 0,
        work: 0.0,
        pace: 0.0,
        since_us: 0,
        meant: 0.0,
    };

    fn pace(&self) -> f32 {
        if self.pace > 0.0 { self.pace } else { 1.0 / self.offer.speed }
    }

    /// Seconds until it would be done with so much more work.
    pub fn finish(&self, work: f32, now: u64) -> f32 {
        let pace = self.pace();
        let since = |at: u64| now.saturating_sub(at) as f32 / 1e6 / pace;
        let others = (self.waits - since(self.heard_us)).max(0.0);
        // Of the one that it does, no more than all can be done.
        let first = self.work / f32::from(self.tasks.max(1));
        let own = self.work - if self.tasks > 0 { since(self.since_us).min(first) } else { 0.0 };
        (others + own.max(0.0) + self.meant + work) * pace
    }

    /// Whether it could do a task, now or later.
    pub fn can(&self, skills: u64, work: f32) -> bool {
        let Offer { skills: has, energy, slots, .. } = self.offer;
        self.known && has & skills == skills && slots > 0 && self.work + work <= energy
    }

    pub fn has_room(&self) -> bool {
        self.known && self.tasks < self.offer.slots && !self.suspect
    }

    /// It was given a task.
    pub fn given(&mut self, work: f32, now: u64) {
        if self.tasks == 0 {
            self.since_us = now;
        }
        self.tasks += 1;
        self.work += work;
    }

    /// It has a task no more. `seen`: it did it, and was given it then.
    pub fn rid(&mut self, work: f32, seen: Option<u64>, now: u64) {
        self.tasks = self.tasks.saturating_sub(1);
        // What is rounded does not add up.
        self.work = if self.tasks == 0 { 0.0 } else { (self.work - work).max(0.0) };
        if let Some(began) = seen {
            let took = now.saturating_sub(began.max(self.since_us)).max(1) as f32 / 1e6;
            let pace = took / work;
            self.pace = if self.pace > 0.0 { self.pace + FRESH * (pace - self.pace) } else { pace };
        }
        self.since_us = now;
    }

    /// It has said what it offers.
    pub fn told(&mut self, told: &Told, now: u64) {
        (self.offer, self.known, self.heard_us) = (told.offer, true, now);
        self.waits = (told.waits - self.work).max(0.0);
    }
}

/// By rising numbers, but this member, which comes first.
pub(super) struct Workers<'m> {
    all: Carved<'m, Worker>,
    len: usize,
}

impl<'m> Workers<'m> {
    pub fn carve(count: usize, carver: &mut Carver<'m>) -> Result<Workers<'m>> {
        Ok(Workers { all: carver.take(count, Worker::NOBODY)?, len: 0 })
    }

    pub fn all(&self) -> &[Worker] {
        self.all.get(..self.len).unwrap_or_default()
    }

    pub fn all_mut(&mut self) -> &mut [Worker] {
        self.all.get_mut(..self.len).unwrap_or_default()
    }

    pub fn find(&mut self, id: u64) -> Option<&mut Worker> {
        self.all_mut().iter_mut().find(|worker| worker.id == id)
    }

    pub fn has(&self, id: u64) -> bool {
        self.all().iter().any(|worker| worker.id == id)
    }

    /// Enters a member, if there is room.
    pub fn add(&mut self, id: u64) {
        if !self.has(id)
            && let Some(place) = self.all.get_mut(self.len)
        {
            *place = Worker { id, ..Worker::NOBODY };
            self.len += 1;
        }
    }

    /// Takes out who is not there any more.
    pub fn keep(&mut self, is_there: impl Fn(u64) -> bool) {
        let mut kept = 0;
        for at in 0..self.len {
            let Some(worker) = self.all.get(at).copied() else { break };
            if is_there(worker.id)
                && let Some(place) = self.all.get_mut(kept)
            {
                *place = worker;
                kept += 1;
            }
        }
        self.len = kept;
    }

    /// The one that would be done first, by what is known, of those that nobody suspects and `not` does not name: its
    /// number, whether it has room, and after how many seconds.
    pub fn best(
        &self,
        (skills, work): (u64, f32),
        not: impl Fn(&Worker) -> bool,
        now: u64,
    ) -> Option<(u64, bool, f32)> {
        let able = self
            .all()
            .iter()
            .filter(|worker| worker.can(skills, work) && !worker.suspect && !not(worker));
        let times = able.map(|worker| (worker.id, worker.has_room(), worker.finish(work, now)));
        times.min_by(|a, b| a.2.total_cmp(&b.2))
    }
}
