//! Missions: work that is given at one member and done by many.
//!
//! A mission is a set of tasks of which some wait for others. The member where it was given hands them out: what is
//! ready goes to the member that would be done with it first, by its skills, its speed as it was seen to be, what waits there, and its
//! battery; of what is ready, that comes first which most work waits for (the upward rank of HEFT: Topcuoglu, Hariri,
//! Wu: "Performance-Effective and Low-Complexity Task Scheduling for Heterogeneous Computing", IEEE TPDS 13(3), 2002). A task that waits for
//! a fast member that is busy is not given to a slow one that would take longer.
//!
//! What a dead member had moves on. A task that takes much longer than was expected is given to a second
//! member, and the first result counts (Dean, Barroso: "The Tail at Scale", CACM 56(2), 2013). So a task may be done more
//! than once, but its result is told of once: what a task does beside its result, it must bear to do again.
//!
//! The mission lives at the member where it was given, and dies with it.

mod book;
mod hand_out;
mod hear;
mod jobs;
mod message;
mod types;
mod workers;

use core::alloc::Layout;

use self::book::{Book, News};
use self::jobs::{Jobs, Whose};
use self::message::{DONE, FAILED, Told};
use self::workers::Workers;
use super::bytes::Writer;
use super::channel;
use super::membership::Change;
use super::part::{Part, View};
use super::requests::{RequestId, Requests};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

pub use self::types::{
    JobId, MOST_SLOTS, MissionEvent, MissionId, MissionState, MissionTask, MissionsConfig,
    MissionsStats, Offer, Progress,
};

/// A task that a member has.
#[derive(Clone, Copy)]
struct Flight {
    used: bool,
    /// Whether another member had it already.
    second: bool,
    task: u32,
    to: u64,
    /// `None`: this member does it itself.
    request: Option<RequestId>,
    began_us: u64,
    /// When it has taken too long: there is to be a second copy.
    late_us: u64,
    /// When an attempt of this member's own fails.
    ends_us: u64,
}

const NO_FLIGHT: Flight = Flight {
    used: false,
    second: false,
    task: 0,
    to: 0,
    request: None,
    began_us: 0,
    late_us: 0,
    ends_us: 0,
};

/// Missions given here, and what this member does for others: a [`Part`] of a node.
///
/// ```
/// use neural_swarm::node::{MissionEvent, MissionTask, Missions, MissionsConfig, Offer};
/// use neural_swarm::port::Heap;
///
/// let mut missions = Missions::new(&MissionsConfig::new(1, 1_200, 16, 42), Heap)?;
/// missions.set_offer(&Offer { skills: 0b1, speed: 10.0, energy: f32::INFINITY, slots: 2 })?;
/// let tasks = [
///     MissionTask { skills: 0b1, ..MissionTask::new(b"count", b"left") },
///     MissionTask { skills: 0b1, ..MissionTask::new(b"count", b"right") },
///     MissionTask { after: &[0, 1], ..MissionTask::new(b"switch off", b"") },
/// ];
/// let mission = missions.give(&tasks, 0)?;
/// // Polled with its node from now on, and asked what has happened:
/// while let Some(event) = missions.next_event() {
///     if let MissionEvent::Work { job, method, .. } = event {
///         assert_eq!(method, b"count");
///         missions.finish(job, b"7", 0)?;
///     }
/// }
/// assert_eq!(missions.progress(mission)?.tasks, 3);
/// # Ok::<(), neural_swarm::Error>(())
/// ```
pub struct Missions<'m> {
    config: MissionsConfig,
    requests: Requests<'m>,
    book: Book<'m>,
    workers: Workers<'m>,
    flights: Carved<'m, Flight>,
    jobs: Jobs<'m>,
    /// A message in the making.
    text: Carved<'m, u8>,
    offer: Offer,
    now: u64,
    /// Something has happened, so that more may be handed out.
    changed: bool,
    /// Who is there is another.
    others: bool,
    _piece: Piece<'m>,
}

struct Tables<'m> {
    requests: Option<Piece<'m>>,
    book: Book<'m>,
    workers: Workers<'m>,
    flights: Carved<'m, Flight>,
    jobs: Jobs<'m>,
    text: Carved<'m, u8>,
}

fn carve<'m>(config: &MissionsConfig, carver: &mut Carver<'m>) -> Result<Tables<'m>> {
    config.check()?;
    let requests = config.requests();
    // Numbers of missions: this life in the upper half.
    let life = SplitMix64::seed_from_u64(config.seed ^ config.id).next_u64() | 1 << 32;
    Ok(Tables {
        requests: carver.piece(Requests::footprint(&requests)?)?,
        book: Book::carve(config, life >> 32 << 32, carver)?,
        workers: Workers::carve(config.workers, carver)?,
        flights: carver.take(config.flights, NO_FLIGHT)?,
        jobs: Jobs::carve(config.jobs + config.flights, carver)?,
        text: carver.take(config.mtu, 0)?,
    })
}

impl<'m> Missions<'m> {
    /// The memory that it takes.
    ///
    /// [`Error::Invalid`] for a setting outside its range.
    pub fn footprint(config: &MissionsConfig) -> Result<Layout> {
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// No missions; this member offers [`Offer::NOTHING`].
    ///
    /// [`Error::Invalid`] for a setting outside its range, [`Error::OutOfMemory`].
    pub fn new(config: &MissionsConfig, allocator: impl Allocator<'m>) -> Result<Missions<'m>> {
        Self::in_piece(config, allocator.allocate(Self::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &MissionsConfig, mut piece: Piece<'m>) -> Result<Missions<'m>> {
        let layout = Self::footprint(config)?;
        let tables = carve(config, &mut piece.carver(layout)?)?;
        // There is a piece, so there are pieces of it.
        let requests = tables.requests.ok_or(Error::OutOfMemory)?;
        let mut workers = tables.workers;
        workers.add(config.id);
        Ok(Missions {
            requests: Requests::in_piece(&config.requests(), requests)?,
            book: tables.book,
            workers,
            flights: tables.flights,
            jobs: tables.jobs,
            text: tables.text,
            offer: Offer::NOTHING,
            now: 0,
            changed: true,
            others: true,
            config: config.clone(),
            _piece: piece,
        })
    }

    /// Where bytes of events and results lie.
    pub(crate) fn memory(&self) -> [core::ops::Range<*const u8>; 3] {
        let [sent, taken] = self.requests.memory();
        [sent, taken, self.book.memory()]
    }

    // ---- Missions given here --------------------------------------------------------

    /// Gives a mission: its tasks are handed out from the next poll on; what this member does itself begins at once.
    ///
    /// [`Error::Invalid`] for no tasks, or a number outside its range; [`Error::TaskCycle`] for one that waits for
    /// itself or one that lies behind it; [`Error::Length`] for a method of none or of more than 64 bytes, or for more
    /// bytes than [`bytes`](MissionsConfig::bytes); [`Error::Capacity`] without room for it. Nothing was changed then.
    pub fn give(&mut self, tasks: &[MissionTask<'_>], now_us: u64) -> Result<MissionId> {
        self.give_each(tasks.len(), |place| tasks.get(place).copied().ok_or(Error::Invalid), now_us)
    }

    /// The same with tasks that are asked for by their places.
    pub(crate) fn give_each<'t>(
        &mut self,
        count: usize,
        task: impl Fn(usize) -> Result<MissionTask<'t>>,
        now_us: u64,
    ) -> Result<MissionId> {
        self.now = self.now.max(now_us);
        let id = self.book.add(count, task)?;
        self.changed = true;
        // What this member does itself begins at once.
        if !self.others {
            self.hand_out();
        }
        Ok(id)
    }

    /// Ends a mission: whoever does a task of it is told.
    ///
    /// [`Error::TaskUnknown`] if there is none, [`Error::TaskState`] if it is over.
    pub fn cancel(&mut self, mission: MissionId) -> Result<()> {
        self.book.end(mission, MissionState::Cancelled)?;
        self.drop_unwanted();
        Ok(())
    }

    /// How far a mission is.
    ///
    /// [`Error::TaskUnknown`] if there is none.
    pub fn progress(&self, mission: MissionId) -> Result<Progress> {
        self.book.progress(mission)
    }

    /// The result of a task that is done, and who did it.
    ///
    /// [`Error::TaskUnknown`] if there is none, [`Error::TaskState`] if it is not done.
    pub fn result(&self, mission: MissionId, task: u32) -> Result<(u64, &[u8])> {
        self.book.result(mission, task)
    }

    /// The missions given here that are not forgotten.
    pub fn missions(&self) -> impl Iterator<Item = MissionId> {
        self.book.missions()
    }

    /// Forgets a mission that is over, with its results and what was not told of it.
    ///
    /// [`Error::TaskUnknown`] if there is none, [`Error::TaskState`] if it is not over.
    pub fn forget(&mut self, mission: MissionId) -> Result<()> {
        self.book.forget(mission)
    }

    /// What was counted.
    pub fn stats(&self) -> &MissionsStats {
        &self.book.stats
    }

    // ---- What this member does ------------------------------------------------------

    /// What this member offers to do from now on, for missions given here and elsewhere. It is told to others with each
    /// result, and when they ask; what it was given before it does all the same.
    ///
    /// [`Error::Invalid`] for a number outside its range.
    pub fn set_offer(&mut self, offer: &Offer) -> Result<()> {
        offer.check()?;
        self.offer = *offer;
        self.changed = true;
        Ok(())
    }

    /// The most bytes of a result.
    pub const fn max_result(&self) -> usize {
        self.config.bytes
    }

    /// A job is done, with this result.
    ///
    /// [`Error::NodeRequest`] if there is none, or it is not wanted any more; [`Error::Length`] for more than
    /// [`max_result`](Self::max_result) bytes: then it is still to be done.
    pub fn finish(&mut self, job: JobId, result: &[u8], now_us: u64) -> Result<()> {
        self.now = self.now.max(now_us);
        self.end_job(job, DONE, result)
    }

    /// A job cannot be done: it counts as an attempt, and somebody else may try.
    ///
    /// [`Error::NodeRequest`] if there is none, or it is not wanted any more.
    pub fn fail(&mut self, job: JobId, now_us: u64) -> Result<()> {
        self.now = self.now.max(now_us);
        self.end_job(job, FAILED, &[])
    }

    fn end_job(&mut self, id: JobId, how: u8, result: &[u8]) -> Result<()> {
        if result.len() > self.config.bytes {
            return Err(Error::Length);
        }
        let job = self.jobs.find(id)?;
        match job.whose {
            Whose::Own(task) => {
                self.jobs.end(id);
                let found = self.flights.iter().position(|flight| {
                    flight.used && flight.request.is_none() && flight.task == task
                });
                self.came(found.ok_or(Error::NodeRequest)?, how, result);
            }
            Whose::Call(call) => {
                let waits = (self.jobs.waits() - job.work).max(0.0);
                let told = Told { offer: self.offer, waits };
                let mut writer = Writer::new(&mut self.text);
                writer.put(&[how]);
                told.write(&mut writer);
                writer.put(result);
                let len = writer.len;
                self.requests.answer(call, self.text.get(..len).unwrap_or_default())?;
                self.jobs.end(id);
                self.changed = true;
            }
        }
        Ok(())
    }

    /// What has happened; nothing if there is no more.
    pub fn next_event(&mut self) -> Option<MissionEvent<'_>> {
        self.hear();
        if let Some(job) = self.jobs.next_dropped() {
            return Some(MissionEvent::Dropped { job });
        }
        while let Some(job) = self.jobs.next_new() {
            let (from, bytes) = match job.whose {
                Whose::Own(task) => (self.config.id, self.book.bytes_of(task as usize)),
                // It may have ended meanwhile.
                Whose::Call(call) if self.requests.message_of(call).is_none() => {
                    self.jobs.end(job.id);
                    continue;
                }
                Whose::Call(call) => self.requests.message_of(call)?,
            };
            let (method, message) = match job.whose {
                Whose::Own(task) => {
                    let len = self.book.task(task as usize).method_len;
                    bytes.split_at_checked(len.into())?
                }
                Whose::Call(_) => {
                    let work = message::Work::read(bytes).ok()?;
                    (work.method, work.message)
                }
            };
            let (work, deadline_us) = (job.work, job.deadline_us);
            return Some(MissionEvent::Work {
                job: job.id,
                from,
                method,
                message,
                work,
                deadline_us,
            });
        }
        Some(match self.book.next_news()? {
            News::Task(place) => {
                let place = place as usize;
                let (mission, task) = self.book.name_of(place);
                let by = self.book.task(place).by;
                MissionEvent::Done { mission, task, by, result: self.book.bytes_of(place) }
            }
            News::Mission(place) => {
                let (mission, state, failed) = self.book.ended(place);
                MissionEvent::Over { mission, state, failed }
            }
        })
    }
}

impl Part for Missions<'_> {
    fn channel(&self) -> u8 {
        channel::MISSIONS
    }

    fn receive(&mut self, from: u64, message: &[u8], view: &View<'_>) -> Result<()> {
        self.now = self.now.max(view.now);
        self.requests.receive(from, message, view)
    }

    fn next(&mut self, view: &View<'_>, out: &mut [u8]) -> Result<Option<(u64, usize)>> {
        self.now = self.now.max(view.now);
        if core::mem::take(&mut self.others) {
            self.meet(view);
        }
        self.requests.expire(self.now);
        self.hear();
        self.expire();
        self.hand_out();
        self.requests.next(view, out)
    }

    fn wake_at(&self) -> u64 {
        if self.changed || self.others {
            return 0;
        }
        let flights = self.flights.iter().filter(|flight| flight.used);
        let late = flights.map(|flight| flight.late_us.min(flight.ends_us)).min();
        let due = self.requests.wake_at().min(late.unwrap_or(u64::MAX));
        if !self.book.is_busy() {
            return due;
        }
        let others = self.workers.all().iter().filter(|worker| worker.id != self.config.id);
        let ask = others.filter(|worker| worker.asked.is_none()).map(|worker| self.ask_at(worker));
        // Who rests may have something again.
        let rests = self.workers.all().iter().map(|worker| worker.rests_us);
        let rests = rests.filter(|until| *until > 0).min();
        due.min(ask.min().unwrap_or(u64::MAX)).min(rests.unwrap_or(u64::MAX))
    }

    fn changed(&mut self, id: u64, change: Change) {
        self.requests.changed(id, change);
        self.others = true;
    }
}
