//! Who gets what.

use super::book::Book;
use super::jobs::Whose;
use super::message::{OFFER, Told, WORK, Work};
use super::workers::{Wanted, Worker};
use super::{Flight, Missions};
use crate::error::{Error, Result};
use crate::node::membership::Standing;
use crate::node::part::View;

impl Missions<'_> {
    /// Who is there: takes out who is not, enters who is new.
    pub(super) fn meet(&mut self, view: &View<'_>) {
        let own = self.config.id;
        self.workers.keep(|id| id == own || view.takes_part(id));
        for member in view.membership.members() {
            let suspect = member.standing == Standing::Suspect;
            if member.id == own || member.standing > Standing::Suspect {
                continue;
            }
            self.workers.add(member.id);
            if let Some(worker) = self.workers.find(member.id) {
                worker.suspect = suspect;
            }
        }
        self.changed = true;
    }

    /// When a member is to be asked what it offers.
    pub(super) fn ask_at(&self, worker: &Worker) -> u64 {
        let again = worker.heard_us.saturating_add(self.config.offer_us);
        if worker.known { worker.ask_us.max(again) } else { worker.ask_us }
    }

    /// Hands out what is ready, as far as there is room at those that should have it; then second copies of what is
    /// late; then asks whoever was not heard.
    pub(super) fn hand_out(&mut self) {
        let now = self.now;
        for worker in self.workers.all_mut() {
            if (1..=now).contains(&worker.rests_us) {
                (worker.rests_us, self.changed) = (0, true);
            }
        }
        if core::mem::take(&mut self.changed) {
            self.tell_itself();
            self.hand_out_ready();
        }
        if self.config.hedge > 0.0 {
            for at in 0..self.flights.len() {
                if self.flights.get(at).is_some_and(|f| f.used && f.late_us <= now) {
                    self.hedge(at);
                }
            }
        }
        if self.book.is_busy() {
            self.ask_offers();
        }
    }

    /// What this member offers to its own missions.
    fn tell_itself(&mut self) {
        let told = Told { offer: self.offer, waits: self.jobs.waits() };
        let now = self.now;
        if let Some(own) = self.workers.find(self.config.id) {
            own.told(&told, now);
        }
    }

    fn hand_out_ready(&mut self) {
        let now = self.now;
        for worker in self.workers.all_mut() {
            worker.meant = 0.0;
        }
        // Some are kept for second copies.
        let kept = if self.config.hedge > 0.0 { self.flights.len() / 8 } else { 0 };
        let mut free = self.flights.iter().filter(|flight| !flight.used).count();
        let mut turn = 0;
        while let Some(task) = self.book.ready(turn) {
            let room = self.workers.all().iter().any(|worker| worker.has_room(now));
            if free <= kept || !room {
                return;
            }
            let (wanted, failed) = (wanted(&self.book, task), self.book.task(task).by);
            // Not to who failed, if there is anybody else.
            let others = self.workers.all().iter().any(|worker| {
                worker.id != failed && !worker.suspect && worker.can(wanted.skills, wanted.work)
            });
            match self.workers.best(&wanted, |worker| others && worker.id == failed, now) {
                Some((to, true, seconds)) => match self.send(task, to, seconds, false) {
                    Ok(()) => free -= 1,
                    Err(_) => return,
                },
                // Nobody else would be done sooner: it waits for that one, and so do those behind it.
                Some((to, false, _)) => {
                    if let Some(worker) = self.workers.find(to) {
                        worker.meant += wanted.work;
                    }
                    turn += 1;
                }
                None => turn += 1,
            }
        }
    }

    /// Gives a task that is late to a second member.
    fn hedge(&mut self, at: usize) {
        let Some(flight) = self.flights.get(at).copied() else { return };
        let (task, now) = (flight.task as usize, self.now);
        let first = flight.to;
        let best = self.workers.best(
            &wanted(&self.book, task),
            |worker| worker.id == first || !worker.has_room(now),
            now,
        );
        let sent = match best {
            Some((to, _, seconds)) if self.book.copies(task) == 1 => {
                self.send(task, to, seconds, true).is_ok()
            }
            _ => false,
        };
        let pause = self.config.retry_us.max(now.saturating_sub(flight.began_us) / 8);
        if let Some(flight) = self.flights.get_mut(at) {
            // Twice is enough; if nobody has room, later.
            let done = sent || self.book.copies(task) > 1;
            flight.late_us = if done { u64::MAX } else { now.saturating_add(pause) };
        }
    }

    /// Gives a task to a member that is expected to be done after so many seconds.
    fn send(&mut self, task: usize, to: u64, seconds: f32, second: bool) -> Result<()> {
        let now = self.now;
        let place = self.flights.iter().position(|flight| !flight.used).ok_or(Error::Capacity)?;
        let entry = *self.book.task(task);
        let (mission, number) = self.book.name_of(task);
        let deadline = now.saturating_add(entry.timeout_us);
        let request = if to == self.config.id {
            if !self.jobs.add(Whose::Own(task as u32), entry.work, deadline) {
                return Err(Error::Capacity);
            }
            None
        } else {
            let bytes = self.book.bytes_of(task);
            let (method, message) =
                bytes.split_at_checked(entry.method_len.into()).unwrap_or_default();
            let work = Work { mission: mission.0, task: number, work: entry.work, method, message };
            let len = work.write(&mut self.text);
            let text = self.text.get(..len).unwrap_or_default();
            Some(self.requests.ask(to, WORK, text, deadline, now)?)
        };
        self.book.begin(task);
        self.book.stats.hedged += u64::from(second);
        if let Some(worker) = self.workers.find(to) {
            worker.given(entry.work, now);
        }
        // What is rounded up to a retry is not late by a lost datagram.
        let late = (f64::from(seconds) * f64::from(self.config.hedge) * 1e6) as u64;
        let late = now.saturating_add(late.saturating_add(2 * self.config.retry_us));
        let late_us = if self.config.hedge > 0.0 && !second { late } else { u64::MAX };
        let ends_us = if request.is_none() { deadline } else { u64::MAX };
        let task = task as u32;
        if let Some(flight) = self.flights.get_mut(place) {
            *flight =
                Flight { used: true, second, task, to, request, began_us: now, late_us, ends_us };
        }
        Ok(())
    }

    /// Asks members of which nothing was heard what they offer.
    fn ask_offers(&mut self) {
        let (now, offer_us) = (self.now, self.config.offer_us);
        for at in 0..self.workers.all().len() {
            let Some(worker) = self.workers.all().get(at).copied() else { return };
            let due = worker.asked.is_none() && self.ask_at(&worker) <= now;
            if worker.id == self.config.id || !due {
                continue;
            }
            let deadline = now.saturating_add(offer_us.min(crate::node::MOST_DEADLINE));
            // Without room for it, later.
            let asked = self.requests.ask(worker.id, OFFER, &[], deadline, now).ok();
            if let Some(worker) = self.workers.all_mut().get_mut(at) {
                (worker.asked, worker.ask_us) = (asked, now.saturating_add(offer_us));
            }
        }
    }
}

fn wanted(book: &Book<'_>, task: usize) -> Wanted {
    let task = book.task(task);
    Wanted { skills: task.skills, work: task.work, timeout_us: task.timeout_us }
}
