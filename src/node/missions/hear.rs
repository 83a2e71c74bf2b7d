//! What comes back, and what others ask.

use super::jobs::Whose;
use super::message::{ANSWER_HEAD, DONE, OFFER, Told, WORK, Work};
use super::{Flight, Missions, NO_FLIGHT};
use crate::node::bytes::Writer;
use crate::node::requests::{CallId, Failure, RequestEvent, RequestId};

/// What an event of the requests asks for. Bytes of an answer lie in the text.
enum Wish {
    Nothing,
    /// The question what this member offers.
    Tell(CallId),
    Refuse(CallId),
    Answered(RequestId, u64, usize),
    Failed(RequestId, u64, Failure),
}

impl Missions<'_> {
    /// Takes what has happened to requests.
    pub(super) fn hear(&mut self) {
        while let Some(wish) = self.next_wish() {
            match wish {
                Wish::Nothing => {}
                Wish::Tell(call) => self.tell_offer(call),
                // If it is over meanwhile, nobody waits for that.
                Wish::Refuse(call) => self.requests.refuse(call).unwrap_or_default(),
                Wish::Answered(request, from, len) => self.answered(request, from, len),
                Wish::Failed(request, from, why) => self.failed(request, from, why),
            }
        }
    }

    fn next_wish(&mut self) -> Option<Wish> {
        Some(match self.requests.next_event()? {
            RequestEvent::Asked { call, method: OFFER, message: [], .. } => Wish::Tell(call),
            RequestEvent::Asked { call, method, message, deadline_us, .. } => {
                let work = Work::read(message).ok().filter(|_| method == WORK);
                let room = self.offer.slots > 0 && self.jobs.of_others() < self.config.jobs;
                let work = work.filter(|_| room);
                let taken =
                    work.is_some_and(|w| self.jobs.add(Whose::Call(call), w.work, deadline_us));
                self.book.stats.jobs += u64::from(taken);
                if taken { Wish::Nothing } else { Wish::Refuse(call) }
            }
            RequestEvent::Cancelled { call } => {
                self.jobs.drop(Whose::Call(call));
                self.changed = true;
                Wish::Nothing
            }
            RequestEvent::Answered { request, from, message } => {
                // No longer than a message.
                let room = self.text.get_mut(..message.len())?;
                room.copy_from_slice(message);
                Wish::Answered(request, from, message.len())
            }
            RequestEvent::Failed { request, from, why } => Wish::Failed(request, from, why),
        })
    }

    fn tell_offer(&mut self, call: CallId) {
        let told = Told { offer: self.offer, waits: self.jobs.waits() };
        let mut writer = Writer::new(&mut self.text);
        told.write(&mut writer);
        let len = writer.len;
        // If it is over meanwhile, nobody waits for that.
        let _ = self.requests.answer(call, self.text.get(..len).unwrap_or_default());
    }

    /// An answer of `len` bytes, in the text: to a question, or to a task.
    fn answered(&mut self, request: RequestId, from: u64, len: usize) {
        let now = self.now;
        let answer = self.text.get(..len).unwrap_or_default();
        self.changed = true;
        if let Some(worker) = self.workers.find(from).filter(|w| w.asked == Some(request)) {
            worker.asked = None;
            match Told::read(answer) {
                Ok(told) => worker.told(&told, now),
                Err(_) => worker.did_not_answer(self.config.offer_us, now),
            }
            return;
        }
        let Some(flight) = self.flight_of(request) else { return };
        // What is no offer does not change what is done.
        let told = answer.get(1..ANSWER_HEAD).and_then(|told| Told::read(told).ok());
        match answer.first() {
            Some(&how) if len >= ANSWER_HEAD => self.land_with(flight, how, ANSWER_HEAD..len),
            _ => self.land(flight, End::Failed),
        }
        if let (Some(told), Some(worker)) = (told, self.workers.find(from)) {
            // What others have there is what is left without this one.
            worker.told(&told, now);
        }
    }

    fn failed(&mut self, request: RequestId, from: u64, why: Failure) {
        let now = self.now;
        self.changed = true;
        if let Some(worker) = self.workers.find(from) {
            if worker.asked == Some(request) {
                worker.asked = None;
                return worker.did_not_answer(self.config.offer_us, now);
            }
            // It is asked what it offers before it gets more.
            worker.did_not_answer(self.config.retry_us, now);
        }
        let Some(flight) = self.flight_of(request) else { return };
        self.land(flight, if why == Failure::Deadline { End::Failed } else { End::Nothing });
    }

    fn flight_of(&self, request: RequestId) -> Option<usize> {
        self.flights.iter().position(|flight| flight.used && flight.request == Some(request))
    }

    /// This member itself is done with a task.
    pub(super) fn came(&mut self, flight: usize, how: u8, result: &[u8]) {
        let len = result.len();
        if let Some(room) = self.text.get_mut(..len) {
            room.copy_from_slice(result);
        }
        self.changed = true;
        self.land_with(flight, how, 0..len);
    }

    /// A flight has ended with a result, which lies in the text, or failed.
    fn land_with(&mut self, flight: usize, how: u8, result: core::ops::Range<usize>) {
        // Longer results than there is room for are none.
        if how != DONE || result.len() > self.config.bytes {
            return self.land(flight, End::Failed);
        }
        let Some(entry) = self.flights.get(flight).copied() else { return };
        self.take_flight(flight, End::Done);
        let result = self.text.get(result).unwrap_or_default();
        let counts = self.book.done(entry.task as usize, entry.to, result);
        self.book.stats.hedges_won += u64::from(counts && entry.second);
        self.drop_unwanted();
    }

    /// A flight has ended without a result.
    fn land(&mut self, flight: usize, end: End) {
        let Some(entry) = self.flights.get(flight).copied() else { return };
        self.take_flight(flight, end);
        let failed = end == End::Failed;
        if self.book.back(entry.task as usize, entry.to, failed, self.config.attempts) {
            self.drop_unwanted();
        } else if let Some(other) =
            self.flights.iter_mut().find(|other| other.used && other.task == entry.task)
        {
            // The one that is left may be late, too.
            (other.second, other.late_us) = (false, self.now.saturating_add(self.config.retry_us));
        }
    }

    /// Ends a flight, and keeps in mind what that says of its member.
    fn take_flight(&mut self, at: usize, end: End) {
        let Some(flight) = self.flights.get_mut(at) else { return };
        let Flight { task, to, began_us, .. } = core::mem::replace(flight, NO_FLIGHT);
        let (work, now) = (self.book.task(task as usize).work, self.now);
        // Those that it was given later wait there.
        let first = !self.flights.iter().any(|f| f.used && f.to == to && f.began_us < began_us);
        let Some(worker) = self.workers.find(to) else { return };
        match end {
            End::Done => worker.did(work, began_us, now),
            End::Late if first => worker.is_late(work, began_us, now),
            End::Failed => {
                worker.is_late(work, began_us, now);
                worker.failed(self.config.retry_us, now);
            }
            End::Late | End::Nothing => {}
        }
        worker.rid(work, first, now);
    }

    /// Ends the flights of tasks that are done, or not to be done any more.
    pub(super) fn drop_unwanted(&mut self) {
        self.changed = true;
        for at in 0..self.flights.len() {
            let Some(flight) = self.flights.get(at).copied().filter(|flight| flight.used) else {
                continue;
            };
            if self.book.is_wanted(flight.task as usize) {
                continue;
            }
            match flight.request {
                // If it has ended, its event finds no flight.
                Some(request) => self.requests.cancel(request).unwrap_or_default(),
                None => self.jobs.drop(Whose::Own(flight.task)),
            }
            // Another one was first, or the mission is over.
            let late = self.book.is_done(flight.task as usize);
            self.book.stats.surplus += u64::from(late);
            self.take_flight(at, if late { End::Late } else { End::Nothing });
        }
    }

    /// Attempts of this member itself that took too long; others end by their requests.
    pub(super) fn expire(&mut self) {
        for at in 0..self.flights.len() {
            let Some(flight) = self.flights.get(at).copied() else { return };
            if flight.used && flight.ends_us <= self.now {
                self.jobs.drop(Whose::Own(flight.task));
                self.changed = true;
                self.land(at, End::Failed);
            }
        }
    }
}

/// What the end of a flight says of its member.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    /// Another one was faster.
    Late,
    /// It failed, or took too long.
    Failed,
    /// It does not do it, or it is not wanted.
    Nothing,
}
