//! The member's thread: rounds of work under the lock, the disk and the caller's functions without it.

use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use super::group::Group;
use super::handlers::{Call, Entry, MemberEvent, Reply, Said, call};
use super::state::{Core, Stage, Wait};
use super::{INSIDE, Shared, lock};
use crate::consensus::raft::Role;
use crate::error::Error;
use crate::host::RaftSync;
use crate::host::clock::now_us;
use crate::node::CallId;
use crate::node::membership::Standing;

/// A transport that refuses is tried again after so long, in microseconds.
pub(super) const PAUSE_US: u64 = 20_000;
/// Metrics that are served are written so often, in microseconds.
const SERVED_US: u64 = 1_000_000;

/// Something that the caller is to be called for.
pub(super) enum Job {
    Event(MemberEvent),
    Entry { index: u64, data: Vec<u8> },
    Load { state: Vec<u8> },
    Said { origin: u64, topic: Vec<u8>, message: Vec<u8> },
    Asked { call: CallId, from: u64, method: Vec<u8>, message: Vec<u8>, deadline_us: u64 },
}

/// However the thread ends, nobody waits for it any more.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.core().stage = Stage::Over;
        self.0.changed.notify_all();
        // A function of the caller's may hold the member itself. They may do as they like when they are dropped.
        let handlers = core::mem::take(&mut *lock(&self.0.handlers));
        drop(handlers);
    }
}

/// Runs until the member has left.
pub(super) fn run(shared: Arc<Shared>, wait: Wait) {
    INSIDE.set(Arc::as_ptr(&shared).addr());
    let ended = Ended(shared);
    let shared = &ended.0;
    let mut served_at = 0;
    loop {
        let (wake, refused) = round(shared);
        let now = now_us();
        if shared.core().stage == Stage::Left {
            break;
        }
        let mut wake = wake.min(if wait.every.is_zero() {
            u64::MAX
        } else {
            now.saturating_add(u64::try_from(wait.every.as_micros()).unwrap_or(u64::MAX))
        });
        if shared.is_served() {
            if now >= served_at {
                served_at = now.saturating_add(SERVED_US);
                shared.publish_metrics();
            }
            wake = wake.min(served_at);
        }
        let left = wake.saturating_sub(now);
        if left > 0 {
            // One that refuses may say at once that there is something, again and again.
            let readable = wait.readable.as_ref().filter(|_| !refused);
            if shared.waker.sleep(readable, Duration::from_micros(left)).is_err() {
                std::thread::sleep(Duration::from_micros(left.min(PAUSE_US)));
            }
        }
    }
    let mut core = shared.core();
    let mut jobs = Vec::new();
    core.keep(now_us(), &mut jobs);
    if let Some(group) = &mut core.group
        && let Err(error) = group.files.serve(&mut group.raft, now_us())
    {
        group.fail(error, &mut jobs);
    }
    drop(core);
    deliver(shared, jobs);
}

/// One round: when to come back, and whether the transport refuses.
fn round(shared: &Shared) -> (u64, bool) {
    let mut jobs = Vec::new();
    let wants_entries = lock(&shared.handlers).entries.is_some();
    let mut core = shared.core();
    let now = now_us();
    core.set_wall(now);
    core.step_stop(now);
    core.keep(now, &mut jobs);
    if let Some(group) = &mut core.group {
        group.begin(now, &mut jobs);
    }
    // What the group promises waits for the disk, and nobody waits for us meanwhile.
    if let Some(sync) = core.write(&mut jobs) {
        drop(core);
        let _ = sync.run();
        core = shared.core();
    }
    let now = now_us();
    core.told_durable(now, &mut jobs);
    let wake = core.poll(now, &mut jobs);
    core.collect(now, &mut jobs);
    if let Some(group) = core.group.as_mut().filter(|group| group.failed.is_none()) {
        group.collect(now, wants_entries, &mut jobs);
    }
    core.step_stop(now);
    let more = core.write_more(&mut jobs) || core.has_more();
    let wake = if more { 0 } else { wake.min(core.wake_at()) };
    let refused = core.unread.is_some();
    drop(core);
    shared.changed.notify_all();
    let called = !jobs.is_empty();
    deliver(shared, jobs);
    let snapshot = finish(shared);
    (if called || snapshot { 0 } else { wake }, refused)
}

/// Calls the caller's functions.
fn deliver(shared: &Shared, jobs: Vec<Job>) {
    for job in jobs {
        let handlers = || lock(&shared.handlers);
        match job {
            Job::Event(event) => {
                let handler = handlers().events.clone();
                call(handler, |handler| handler(&event));
            }
            Job::Entry { index, data } => {
                let handler = handlers().entries.clone();
                call(handler, |handler| handler(&Entry { index, data: &data }));
            }
            Job::Load { state } => {
                let handler = handlers().load.clone();
                call(handler, |handler| handler(&state));
            }
            Job::Said { origin, topic, message } => {
                let handler = handlers().topic(&topic);
                let said = Said { origin, topic: &topic, message: &message };
                call(handler, |handler| handler(&said));
            }
            Job::Asked { call: number, from, method, message, deadline_us } => {
                let handler = handlers().request(&method);
                let asked =
                    Call { call: number, from, method: &method, message: &message, deadline_us };
                let mut answer = Vec::new();
                let reply = call(handler, |handler| handler(&asked, &mut answer));
                let answer = match reply {
                    Some(Reply::Later) => continue,
                    Some(Reply::Answer) => Some(&*answer),
                    Some(Reply::Refuse) | None => None,
                };
                let mut core = shared.core();
                // It may not be wanted any more; one that is too long is none.
                if core.answer(number, answer) == Err(Error::Length) {
                    let _ = core.answer(number, None);
                }
            }
        }
    }
}

/// The application has applied what it was given; its state is asked for where that is due. Whether there is something to
/// do by that.
fn finish(shared: &Shared) -> bool {
    let mut core = shared.core();
    let mut jobs = Vec::new();
    let (mut due, mut moved) = (false, false);
    if let Some(group) = &mut core.group {
        moved = !group.has_applied();
        // If it has stopped, that is told in the next round.
        let _ = group.applied();
        due = group.is_snapshot_due();
    }
    drop(core);
    shared.changed.notify_all();
    let save = lock(&shared.handlers).save.clone();
    if !due || save.is_none() {
        return moved;
    }
    let mut state = Vec::new();
    let saved = call(save, |save| save(&mut state)) == Some(true);
    let mut core = shared.core();
    if let Some(group) = &mut core.group {
        // What has failed of it is tried again after more entries; what fails for good stops the group.
        if !saved || group.save(&state).is_err() {
            group.put_off_snapshot();
        }
        group.check(&mut jobs);
    }
    drop(core);
    deliver(shared, jobs);
    true
}

impl Core {
    /// Writes the group's records, and says what makes them durable.
    fn write(&mut self, jobs: &mut Vec<Job>) -> Option<RaftSync> {
        let group = self.group.as_mut().filter(|group| group.failed.is_none())?;
        let now = now_us();
        let done =
            group.files.write_all(&mut group.raft, now).and_then(|_| group.files.begin_sync());
        done.unwrap_or_else(|error| {
            group.fail(error, jobs);
            None
        })
    }

    /// The group knows what is durable.
    fn told_durable(&mut self, now: u64, jobs: &mut Vec<Job>) {
        let Some(group) = self.group.as_mut().filter(|group| group.failed.is_none()) else {
            return;
        };
        match group.files.durable() {
            // There is none before the start.
            Ok(number) if number.0 == 0 => {}
            Ok(number) => {
                let _ = group.raft.durable(number, now);
            }
            Err(error) => group.fail(error, jobs),
        }
        group.check(jobs);
    }

    /// Whether the round has made records.
    fn write_more(&mut self, jobs: &mut Vec<Job>) -> bool {
        let Some(group) = self.group.as_mut().filter(|group| group.failed.is_none()) else {
            return false;
        };
        match group.files.write_all(&mut group.raft, now_us()) {
            Ok(more) => more,
            Err(error) => {
                group.fail(error, jobs);
                false
            }
        }
    }

    /// Whether more was agreed on than was given.
    fn has_more(&self) -> bool {
        self.group.as_ref().is_some_and(Group::has_more)
    }

    /// What a member does that stops: it gives back its locks, then hands over the lead, then leaves. Each has a third of
    /// the time.
    fn step_stop(&mut self, now: u64) {
        if !matches!(self.stage, Stage::Closing | Stage::Leaving) {
            return;
        }
        if now >= self.stop_by {
            self.stage = Stage::Left;
            return;
        }
        if self.stage == Stage::Leaving {
            return;
        }
        let third = self.stop_by.saturating_sub(self.stop_begun) / 3;
        let part = |parts: u64| now < self.stop_begun.saturating_add(third.saturating_mul(parts));
        if let Some(group) = self.group.as_mut().filter(|group| group.failed.is_none()) {
            if group.waiting() > 0 && part(1) {
                return;
            }
            let leads = group.raft.status().role == Role::Leader;
            if leads && part(2) {
                let there = |id: u64| {
                    let member = self.node.membership().member(id);
                    member.is_some_and(|member| member.standing == Standing::Alive)
                };
                let others = group.raft.peers().filter(|peer| there(peer.id.0));
                let next = others.max_by_key(|peer| peer.matched).map(|peer| peer.id);
                if let Some(next) = next {
                    if !self.handed_over {
                        self.handed_over = group.raft.transfer(next, now).is_ok();
                    }
                    return;
                }
            }
        }
        self.node.leave(now);
        self.stage = Stage::Leaving;
    }

    /// Begins to stop.
    pub fn stop(&mut self, now: u64, leave_us: u64) {
        match self.stage {
            Stage::Made => self.stage = Stage::Over,
            Stage::Running => {
                self.stage = Stage::Closing;
                self.stop_begun = now;
                self.stop_by = now.saturating_add(leave_us);
                if let Some(group) = &mut self.group
                    && let Some(close) = group.claims.close(now)
                {
                    // Without it they end by themselves.
                    let _ = group.submit(super::group::LOCKS, &close, false);
                }
            }
            _ => {}
        }
    }
}
