//! What this member is to do, for others and for itself.

use super::types::JobId;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::node::requests::CallId;

/// Whose a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// A request of another member.
    Call(CallId),
    /// A task given here, by its place.
    Own(u32),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Free,
    New,
    Told,
    Dropped,
}

#[derive(Clone, Copy)]
pub(super) struct Job {
    stage: Stage,
    pub id: JobId,
    pub whose: Whose,
    pub work: f32,
    pub deadline_us: u64,
}

const NONE: Job =
    Job { stage: Stage::Free, id: JobId(0), whose: Whose::Own(0), work: 0.0, deadline_us: 0 };

pub(super) struct Jobs<'m> {
    all: Carved<'m, Job>,
    next: u64,
}

impl<'m> Jobs<'m> {
    pub fn carve(count: usize, carver: &mut Carver<'m>) -> Result<Jobs<'m>> {
        Ok(Jobs { all: carver.take(count, NONE)?, next: 0 })
    }

    /// A new one: whether there was room.
    pub fn add(&mut self, whose: Whose, work: f32, deadline_us: u64) -> bool {
        let Some(place) = self.all.iter_mut().find(|job| job.stage == Stage::Free) else {
            return false;
        };
        self.next += 1;
        *place = Job { stage: Stage::New, id: JobId(self.next), whose, work, deadline_us };
        true
    }

    /// Those of others that are here.
    pub fn of_others(&self) -> usize {
        let of_others =
            |job: &&Job| job.stage != Stage::Free && matches!(job.whose, Whose::Call(_));
        self.all.iter().filter(of_others).count()
    }

    /// The work that waits, or is being done.
    pub fn waits(&self) -> f32 {
        let open = self.all.iter().filter(|job| matches!(job.stage, Stage::New | Stage::Told));
        open.map(|job| job.work).sum()
    }

    /// One that is not wanted any more.
    pub fn drop(&mut self, whose: Whose) {
        let open =
            |job: &&mut Job| job.whose == whose && matches!(job.stage, Stage::New | Stage::Told);
        if let Some(job) = self.all.iter_mut().find(open) {
            // Nobody need know of what was not told.
            job.stage = if job.stage == Stage::Told { Stage::Dropped } else { Stage::Free };
        }
    }

    /// The next one that was dropped.
    pub fn next_dropped(&mut self) -> Option<JobId> {
        let job = self.all.iter_mut().find(|job| job.stage == Stage::Dropped)?;
        job.stage = Stage::Free;
        Some(job.id)
    }

    /// The next one to be done: that which came first.
    pub fn next_new(&mut self) -> Option<Job> {
        let new = self.all.iter_mut().filter(|job| job.stage == Stage::New);
        let job = new.min_by_key(|job| job.id)?;
        job.stage = Stage::Told;
        Some(*job)
    }

    /// One that was told of.
    pub fn find(&self, id: JobId) -> Result<Job> {
        let told = |job: &&Job| job.id == id && job.stage == Stage::Told;
        self.all.iter().find(told).copied().ok_or(Error::NodeRequest)
    }

    pub fn end(&mut self, id: JobId) {
        if let Some(job) = self.all.iter_mut().find(|job| job.id == id) {
            *job = NONE;
        }
    }
}
