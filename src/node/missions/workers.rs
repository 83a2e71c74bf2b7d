//! Who may be given something, and what is known of them.

use super::message::Told;
use super::types::Offer;
use crate::error::Result;
use crate::mem::{Carved, Carver};
use crate::node::requests::RequestId;

/// How much of what was seen before counts beside the last task.
const KEPT: f32 = 0.7;
/// The most doublings of a pause, of who fails or does not answer.
const MOST_DOUBLINGS: u8 = 6;

/// A pause after so many before it.
fn doubled(pause: u64, times: u8) -> u64 {
    pause.saturating_mul(1 << times.min(MOST_DOUBLINGS))
}

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
    /// What it was asked, when it may be asked again, and how often it did not answer.
    pub asked: Option<RequestId>,
    pub ask_us: u64,
    pub silent: u8,
    /// Tasks, and their work, that it was given from here.
    pub tasks: u16,
    pub work: f32,
    /// Seconds that it took, and the work that it did in them, what is long ago less; 0: not seen yet.
    took: f32,
    did: f32,
    /// Results of it, at most as many as count.
    results: u16,
    /// Since when the first of them is being done.
    pub since_us: u64,
    /// Until when it gets nothing, since it failed so often in a row.
    pub rests_us: u64,
    failures: u8,
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
        silent: 0,
        tasks: 0,
        work: 0.0,
        took: 0.0,
        did: 0.0,
        results: 0,
        since_us: 0,
        rests_us: 0,
        failures: 0,
        meant: 0.0,
    };

    fn pace(&self) -> f32 {
        if self.did > 0.0 { self.took / self.did } else { 1.0 / self.offer.speed }
    }

    /// Seconds until it would be done with so much more work.
    pub fn finish(&self, work: f32, now: u64) -> f32 {
        let pace = self.pace();
        let since = |at: u64| now.saturating_sub(at) as f32 / 1e6 / pace;
        let others = (self.waits - since(self.heard_us)).max(0.0);
        // The one that it does is done by a part, or takes as long again as it is late.
        let own = if self.tasks > 0 {
            let first = self.work / f32::from(self.tasks);
            self.work - first + (first - since(self.since_us)).abs()
        } else {
            0.0
        };
        (others + own + self.meant + work) * pace
    }

    /// Whether it has shown what it can do.
    fn is_seen(&self) -> bool {
        self.did > 0.0
    }

    /// Whether it could do a task, now or later.
    pub fn can(&self, skills: u64, work: f32) -> bool {
        let Offer { skills: has, energy, slots, .. } = self.offer;
        self.known && has & skills == skills && slots > 0 && self.work + work <= energy
    }

    /// Whether it may be given something now. Who has not shown much gets little: an offer is a word.
    pub fn has_room(&self, now: u64) -> bool {
        let slots = self.offer.slots.min(1 + self.results);
        self.known && self.tasks < slots && !self.suspect && self.rests_us <= now
    }

    /// It was given a task.
    pub fn given(&mut self, work: f32, now: u64) {
        if self.tasks == 0 {
            self.since_us = now;
        }
        self.tasks += 1;
        self.work += work;
    }

    /// It has a task no more. `first`: it was the one that it did, and not one that waited.
    pub fn rid(&mut self, work: f32, first: bool, now: u64) {
        self.tasks = self.tasks.saturating_sub(1);
        // What is rounded does not add up.
        self.work = if self.tasks == 0 { 0.0 } else { (self.work - work).max(0.0) };
        if first {
            self.since_us = now;
        }
    }

    /// It did a task that it was given at `began`. Before [`rid`](Self::rid).
    pub fn did(&mut self, work: f32, began: u64, now: u64) {
        self.see(self.seconds(began, now), work);
        self.results = self.results.saturating_add(1);
        (self.failures, self.rests_us) = (0, 0);
    }

    /// It did not do the task yet that it does: it is as slow as that, or slower.
    pub fn is_late(&mut self, work: f32, began: u64, now: u64) {
        let seconds = self.seconds(began, now);
        if seconds > work * self.pace() {
            self.see(seconds, work);
        }
    }

    fn seconds(&self, began: u64, now: u64) -> f32 {
        now.saturating_sub(began.max(self.since_us)).max(1) as f32 / 1e6
    }

    fn see(&mut self, seconds: f32, work: f32) {
        (self.took, self.did) = (KEPT * self.took + seconds, KEPT * self.did + work);
    }

    /// It failed: it gets nothing for a while, for longer each time.
    pub fn failed(&mut self, pause: u64, now: u64) {
        self.rests_us = now.saturating_add(doubled(pause, self.failures));
        self.failures = self.failures.saturating_add(1);
    }

    /// It did not answer what it was asked: it gets nothing until it does, and is asked again, less often each time.
    pub fn did_not_answer(&mut self, pause: u64, now: u64) {
        self.known = false;
        self.ask_us = self.ask_us.max(now.saturating_add(doubled(pause, self.silent)));
        self.silent = self.silent.saturating_add(1);
    }

    /// It has said what it offers.
    pub fn told(&mut self, told: &Told, now: u64) {
        (self.offer, self.known, self.heard_us, self.silent) = (told.offer, true, now, 0);
        self.waits = (told.waits - self.work).max(0.0);
    }
}

/// This member comes first, then the others as they were met.
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
    /// number, whether it has room, and after how many seconds. One that is busy and has not shown what it can do is not
    /// waited for, nor one that would not be done within `timeout_us`.
    pub fn best(
        &self,
        wanted: &Wanted,
        not: impl Fn(&Worker) -> bool,
        now: u64,
    ) -> Option<(u64, bool, f32)> {
        let Wanted { skills, work, timeout_us } = *wanted;
        let able = |worker: &&Worker| {
            worker.can(skills, work)
                && !worker.suspect
                && worker.rests_us <= now
                && (worker.has_room(now) || worker.is_seen())
                && !not(worker)
        };
        let times = self.all().iter().filter(able).map(|worker| {
            (worker.id, worker.has_room(now), worker.finish(work, now), worker.tasks)
        });
        let in_time = times.filter(|(_, _, seconds, tasks)| {
            *tasks == 0 || f64::from(*seconds) * 1e6 <= timeout_us as f64
        });
        // Of equals, one that has room.
        let best = in_time.min_by(|a, b| a.2.total_cmp(&b.2).then(b.1.cmp(&a.1)));
        best.map(|(id, room, seconds, _)| (id, room, seconds))
    }
}

/// What a task wants of a member.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub skills: u64,
    pub work: f32,
    pub timeout_us: u64,
}
