//! What is exchanged with other members: requests, answers, and that they have come.

use super::message::{ANSWER, ASK, DONE, HEAD, REFUSE, VERSION, begin, read_ask};
use super::{Call, Failure, MOST_PAUSE, Note, Request, Requests, Stage, Task};
use crate::error::{Error, Result};
use crate::node::channel;
use crate::node::membership::Change;
use crate::node::part::{Part, View};

impl Requests<'_> {
    fn take_ask(&mut self, from: u64, number: u64, message: &[u8]) -> Result<()> {
        let (left, ..) = read_ask(message)?;
        self.stats.calls += 1;
        let same = |call: &&mut Call| {
            call.task != Task::Free && call.from == from && call.number == number
        };
        if let Some(call) = self.calls.iter_mut().find(same) {
            call.again = 0;
            self.stats.doubled += 1;
            return Ok(());
        }
        if self.windows.has(from, number) {
            // It was done and its asker knew, or it was refused.
            self.stats.doubled += 1;
            return Ok(());
        }
        // One that asks and asks is not to keep others from it.
        let open = |call: &&Call| matches!(call.task, Task::New | Task::Told | Task::Over);
        let own = self.calls.iter().filter(open).filter(|call| call.from == from);
        let few = own.count() < self.calls.len().div_ceil(2);
        let free = self.place_for_call().filter(|_| few);
        let mtu = self.settings.mtu;
        let room = free.and_then(|place| {
            let start = place * mtu;
            self.taken.get_mut(start..start + message.len()).map(|room| (place, room))
        });
        let Some((place, room)) = room else {
            self.stats.busy += 1;
            // It is not done, however often it comes.
            self.windows.add(from, number, self.now);
            self.note(Note { to: from, number, what: REFUSE, why: Failure::Busy as u8 });
            return Ok(());
        };
        room.copy_from_slice(message);
        self.windows.add(from, number, self.now);
        self.next_call += 1;
        let deadline = self.now.saturating_add(left.into());
        let (id, len, task) = (self.next_call, message.len(), Task::New);
        if let Some(call) = self.calls.get_mut(place) {
            *call = Call {
                task,
                again: 0,
                pause: self.settings.retry_us,
                id,
                from,
                number,
                deadline,
                len,
            };
        }
        Ok(())
    }

    /// A free place; or else that of the answer that was sent most often, which its asker may never have wanted.
    fn place_for_call(&self) -> Option<usize> {
        let free = self.calls.iter().position(|call| call.task == Task::Free);
        let sent =
            |call: &&(usize, &Call)| call.1.is_done() && call.1.pause > self.settings.retry_us;
        let mut done = self.calls.iter().enumerate().filter(|call| sent(&call));
        let most = || done.by_ref().max_by_key(|(_, call)| call.pause).map(|(place, _)| place);
        free.or_else(most)
    }

    fn take_answer(&mut self, from: u64, number: u64, message: &[u8]) {
        self.note(Note { to: from, number, what: DONE, why: 0 });
        let mtu = self.settings.mtu;
        let mut all = self.requests.iter_mut().enumerate();
        let waits = |r: &Request| r.stage == Stage::Waits && r.number == number && r.to == from;
        let Some((place, request)) = all.find(|(_, request)| waits(request)) else { return };
        let start = place * mtu;
        if let Some(room) = self.sent.get_mut(start..start + message.len()) {
            room.copy_from_slice(message);
            (request.len, request.stage) = (message.len(), Stage::Answered);
        }
    }

    fn take_refusal(&mut self, from: u64, number: u64, why: u8) -> Result<()> {
        let why = match why {
            2 => Failure::Busy,
            3 => Failure::Refused,
            _ => return Err(Error::NodeFormat),
        };
        let waits =
            |r: &&mut Request| r.stage == Stage::Waits && r.number == number && r.to == from;
        if let Some(request) = self.requests.iter_mut().find(waits) {
            request.stage = Stage::Failed(why);
        }
        if why == Failure::Refused {
            self.note(Note { to: from, number, what: DONE, why: 0 });
        }
        Ok(())
    }

    fn take_done(&mut self, from: u64, number: u64) {
        let same = |call: &&mut Call| call.from == from && call.number == number;
        let Some(call) = self.calls.iter_mut().filter(|call| call.task != Task::Free).find(same)
        else {
            return;
        };
        match call.task {
            Task::Told => call.task = Task::Over,
            Task::Over | Task::Free => {}
            // The caller has not seen it, or is done with it.
            Task::New | Task::Answered | Task::Refused(_) => *call = Call::FREE,
        }
    }

    /// What is over by now.
    pub(in crate::node) fn expire(&mut self, now: u64) {
        self.now = self.now.max(now);
        let now = self.now;
        for request in self.requests.iter_mut() {
            if request.stage == Stage::Waits && request.deadline <= now {
                request.stage = Stage::Failed(Failure::Deadline);
            }
        }
        for call in self.calls.iter_mut().filter(|call| call.deadline <= now) {
            match call.task {
                Task::Told => call.task = Task::Over,
                Task::Over | Task::Free => {}
                Task::New | Task::Answered | Task::Refused(_) => *call = Call::FREE,
            }
        }
    }

    fn next_note(&mut self, out: &mut [u8]) -> Option<(u64, usize)> {
        let note = self.notes.pop_front()?;
        let mut writer = begin(out, note.what, note.number);
        if note.what == REFUSE {
            writer.put(&[note.why]);
        }
        Some((note.to, writer.len))
    }

    fn next_call(&mut self, out: &mut [u8]) -> Option<(u64, usize)> {
        let (now, mtu) = (self.now, self.settings.mtu);
        let place = self.calls.iter().position(|call| call.is_done() && call.again <= now)?;
        let call = self.calls.get_mut(place)?;
        let to = call.from;
        // Until its asker says that it has come.
        call.again = now.saturating_add(call.pause);
        call.pause = (2 * call.pause).min(MOST_PAUSE * self.settings.retry_us);
        if let Task::Refused(why) = call.task {
            let mut writer = begin(out, REFUSE, call.number);
            writer.put(&[why as u8]);
            return Some((to, writer.len));
        }
        let bytes = self.taken.get(place * mtu..place * mtu + call.len)?;
        out.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some((to, bytes.len()))
    }

    fn next_request(&mut self, out: &mut [u8]) -> Option<(u64, usize)> {
        let (now, mtu, count) = (self.now, self.settings.mtu, self.requests.len());
        let due =
            |r: &Request| r.stage == Stage::Cancelled || r.stage == Stage::Waits && r.again <= now;
        let turns = (0..count).map(|turn| (self.turn + turn) % count);
        let place = turns.into_iter().find(|place| self.requests.get(*place).is_some_and(due))?;
        let request = self.requests.get_mut(place)?;
        if request.stage == Stage::Cancelled {
            let (to, number) = (request.to, request.number);
            *request = Request::FREE;
            return Some((to, begin(out, DONE, number).len));
        }
        let bytes = self.sent.get_mut(place * mtu..place * mtu + request.len)?;
        // How much time is left changes each time.
        let left = (request.deadline - now) as u32;
        bytes.get_mut(HEAD..HEAD + 4)?.copy_from_slice(&left.to_le_bytes());
        out.get_mut(..bytes.len())?.copy_from_slice(bytes);
        self.stats.repeated += u64::from(request.pause > self.settings.retry_us);
        request.again = now.saturating_add(request.pause);
        request.pause = (2 * request.pause).min(MOST_PAUSE * self.settings.retry_us);
        self.turn = place + 1;
        Some((request.to, bytes.len()))
    }
}

impl Part for Requests<'_> {
    fn channel(&self) -> u8 {
        channel::REQUESTS
    }

    fn receive(&mut self, from: u64, message: &[u8], view: &View<'_>) -> Result<()> {
        self.now = self.now.max(view.now);
        if message.len() > self.settings.mtu {
            return Err(Error::Length);
        }
        let [version, what, rest @ ..] = message else { return Err(Error::NodeFormat) };
        if *version != VERSION {
            return Err(Error::NodeVersion);
        }
        let (number, rest) = rest.split_first_chunk().ok_or(Error::NodeFormat)?;
        let number = u64::from_le_bytes(*number);
        match (*what, rest) {
            (ASK, _) => self.take_ask(from, number, message)?,
            (ANSWER, answer) => self.take_answer(from, number, answer),
            (REFUSE, [why]) => self.take_refusal(from, number, *why)?,
            (DONE, []) => self.take_done(from, number),
            _ => return Err(Error::NodeFormat),
        }
        Ok(())
    }

    fn next(&mut self, view: &View<'_>, out: &mut [u8]) -> Result<Option<(u64, usize)>> {
        self.now = self.now.max(view.now);
        let out = out.get_mut(..self.settings.mtu).ok_or(Error::BufferTooSmall)?;
        self.expire(view.now);
        // By turns, so that none keeps another from being sent.
        for _ in 0..3 {
            self.which = (self.which + 1) % 3;
            let message = match self.which {
                0 => self.next_note(out),
                1 => self.next_call(out),
                _ => self.next_request(out),
            };
            if message.is_some() {
                return Ok(message);
            }
        }
        Ok(None)
    }

    fn wake_at(&self) -> u64 {
        if !self.notes.is_empty() {
            return 0;
        }
        let waits = self.requests.iter().filter(|request| request.stage == Stage::Waits);
        let requests = waits.map(|request| request.again.min(request.deadline));
        if self.requests.iter().any(|request| request.stage == Stage::Cancelled) {
            return 0;
        }
        let calls = self.calls.iter().filter(|call| !matches!(call.task, Task::Free | Task::Over));
        let answer = |call: &Call| if call.is_done() { call.again } else { u64::MAX };
        let calls = calls.map(|call| call.deadline.min(answer(call)));
        requests.chain(calls).min().unwrap_or(u64::MAX)
    }

    fn changed(&mut self, id: u64, change: Change) {
        if !matches!(change, Change::Died | Change::Left) {
            return;
        }
        for request in self.requests.iter_mut() {
            match request.stage {
                Stage::Waits if request.to == id => request.stage = Stage::Failed(Failure::Gone),
                Stage::Cancelled if request.to == id => *request = Request::FREE,
                _ => {}
            }
        }
        for call in self.calls.iter_mut().filter(|call| call.from == id) {
            // It is over at once.
            call.deadline = 0;
        }
    }
}
