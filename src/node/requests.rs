//! Requests and their answers.
//!
//! A request goes to one member, is sent again until there is an answer, and is given up at its deadline. It comes out
//! there once at most, however often it was sent (Birrell, Nelson: "Implementing Remote Procedure Calls", ACM TOCS 2(1),
//! 1984). A member that has no room for another one says so at once.

use core::alloc::Layout;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

use super::channel;
use super::membership::Change;
use super::part::{Part, View};
use super::window::Windows;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

const VERSION: u8 = 1;
/// Version, what, number.
const HEAD: usize = 1 + 1 + 8;
/// Behind that, of a request: the time that is left, the length of the topic.
const ASK_HEAD: usize = HEAD + 4 + 1;
/// The most bytes of what a request is about.
pub const MOST_METHOD: usize = 64;
/// The longest time until a deadline, in microseconds: more than an hour.
pub const MOST_DEADLINE: u64 = u32::MAX as u64;
/// The longest pause between two times that a request is sent, as a multiple of the first.
const MOST_PAUSE: u64 = 16;

/// What a message is.
const ASK: u8 = 1;
const ANSWER: u8 = 2;
const REFUSE: u8 = 3;
/// The asker has the answer, or does not want it any more.
const DONE: u8 = 4;

/// Settings of [`Requests`]. Times are in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestsConfig {
    /// The most bytes of a message: [`NodeConfig::max_message`](super::NodeConfig::max_message).
    pub mtu: usize,
    /// The most requests of this member at once, 1 to 65,535.
    pub requests: usize,
    /// The most requests of others at once, 0 to 65,535: those that wait for an answer, and those whose asker does not
    /// have it yet. One member has half of them at most.
    pub calls: usize,
    /// The most members whose requests are known when they come again, 1 to 65,535: those that ask. That each is done
    /// once at most holds for so many, those that asked last.
    pub askers: usize,
    /// A request without an answer is sent again after so long, then after twice that, up to 16 times it.
    pub retry_us: u64,
    /// Where the numbers of requests begin: another one at each start.
    pub seed: u64,
}

impl RequestsConfig {
    /// For messages of at most `mtu` bytes: 16 of each, 100 ms.
    pub const fn new(mtu: usize, seed: u64) -> RequestsConfig {
        RequestsConfig { mtu, requests: 16, calls: 16, askers: 16, retry_us: 100_000, seed }
    }

    fn check(&self) -> Result<()> {
        let count = 1..=65_535;
        let good = (ASK_HEAD + MOST_METHOD..=65_535).contains(&self.mtu)
            && count.contains(&self.requests)
            && self.calls <= 65_535
            && count.contains(&self.askers)
            && (1..=60_000_000).contains(&self.retry_us);
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// A request of this member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A request of another member. It never names another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Failure {
    /// None came in time. The request may have been done all the same.
    Deadline = 1,
    /// The other member has no room for it now. It was not done.
    Busy = 2,
    /// The other member's application refused it.
    Refused = 3,
    /// The other member is dead or has left. The request may have been done all the same.
    Gone = 4,
}

/// What has happened. Bytes are valid until the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestEvent<'a> {
    /// A member asks something. To be answered with [`Requests::answer`] or [`Requests::refuse`].
    Asked {
        /// Its name here.
        call: CallId,
        /// Who asks.
        from: u64,
        /// What it is about.
        method: &'a [u8],
        /// The request.
        message: &'a [u8],
        /// Until when the answer is wanted, by the clock here.
        deadline_us: u64,
    },
    /// The answer to a request is not wanted any more: its asker has said so, is gone, or the deadline is over.
    Cancelled {
        /// Which.
        call: CallId,
    },
    /// A request was answered.
    Answered {
        /// Which.
        request: RequestId,
        /// By whom.
        from: u64,
        /// The answer.
        message: &'a [u8],
    },
    /// A request was not answered.
    Failed {
        /// Which.
        request: RequestId,
        /// By whom.
        from: u64,
        /// Why.
        why: Failure,
    },
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestsStats {
    /// Requests of this member.
    pub asked: u64,
    /// Times that one was sent again.
    pub repeated: u64,
    /// Requests of this member that were answered.
    pub answered: u64,
    /// Those that were not.
    pub failed: u64,
    /// Requests of others that came.
    pub calls: u64,
    /// Those that there was no room for.
    pub busy: u64,
    /// Those that came again.
    pub doubled: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Free,
    /// It was sent, or is to be.
    Waits,
    /// The caller is to be told.
    Answered,
    Failed(Failure),
    /// The caller has its answer.
    Lent,
}

/// A request of this member. The message lies beside it, then its answer.
#[derive(Clone, Copy)]
struct Request {
    stage: Stage,
    to: u64,
    number: u64,
    deadline: u64,
    again: u64,
    pause: u64,
    len: usize,
}

impl Request {
    const FREE: Request =
        Request { stage: Stage::Free, to: 0, number: 0, deadline: 0, again: 0, pause: 0, len: 0 };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Task {
    Free,
    /// The caller is to be told.
    New,
    /// The caller knows of it.
    Told,
    /// It is answered; the asker may not know.
    Answered,
    Refused(Failure),
    /// The caller is to be told that it is over.
    Over,
}

/// A request of another member. The message lies beside it, then the answer.
#[derive(Clone, Copy)]
struct Call {
    task: Task,
    /// When the answer is to be sent, and how long to wait then until it is sent again.
    again: u64,
    pause: u64,
    id: u64,
    from: u64,
    number: u64,
    deadline: u64,
    len: usize,
}

impl Call {
    const FREE: Call = Call {
        task: Task::Free,
        again: 0,
        pause: 0,
        id: 0,
        from: 0,
        number: 0,
        deadline: 0,
        len: 0,
    };
}

impl Call {
    /// Whether there is an answer, and its asker may not have it.
    fn is_done(&self) -> bool {
        matches!(self.task, Task::Answered | Task::Refused(_))
    }
}

/// A short message that is to be sent.
#[derive(Clone, Copy)]
struct Note {
    to: u64,
    number: u64,
    what: u8,
    why: u8,
}

/// Requests and answers: a [`Part`] of a node.
pub struct Requests<'m> {
    settings: RequestsConfig,
    requests: Carved<'m, Request>,
    sent: Carved<'m, u8>,
    calls: Carved<'m, Call>,
    taken: Carved<'m, u8>,
    windows: Windows<'m>,
    notes: heapless::Deque<Note, 16>,
    number: u64,
    next_call: u64,
    /// Where the next search begins: all get their turn.
    turn: usize,
    /// What was asked for a message last: a note, a call or a request.
    which: u8,
    /// The latest time that was heard.
    now: u64,
    stats: RequestsStats,
    _piece: Piece<'m>,
}

struct Tables<'m> {
    requests: Carved<'m, Request>,
    sent: Carved<'m, u8>,
    calls: Carved<'m, Call>,
    taken: Carved<'m, u8>,
    windows: Windows<'m>,
}

fn carve<'m>(config: &RequestsConfig, carver: &mut Carver<'m>) -> Result<Tables<'m>> {
    config.check()?;
    Ok(Tables {
        requests: carver.take(config.requests, Request::FREE)?,
        calls: carver.take(config.calls, Call::FREE)?,
        windows: Windows::carve(config.askers, carver)?,
        sent: carver.take(config.requests * config.mtu, 0)?,
        taken: carver.take(config.calls * config.mtu, 0)?,
    })
}

impl<'m> Requests<'m> {
    /// The memory that it takes.
    ///
    /// [`Error::Invalid`] for a setting outside its range.
    pub fn footprint(config: &RequestsConfig) -> Result<Layout> {
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// Nothing is under way.
    ///
    /// [`Error::Invalid`] for a setting outside its range, [`Error::OutOfMemory`].
    pub fn new(config: &RequestsConfig, allocator: impl Allocator<'m>) -> Result<Requests<'m>> {
        Self::in_piece(config, allocator.allocate(Self::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &RequestsConfig, mut piece: Piece<'m>) -> Result<Requests<'m>> {
        let layout = Self::footprint(config)?;
        let tables = carve(config, &mut piece.carver(layout)?)?;
        // This life in the upper half: whoever knows requests of an earlier one does not take these for them.
        let life = SplitMix64::seed_from_u64(config.seed).next_u64() | 1 << 32;
        Ok(Requests {
            requests: tables.requests,
            sent: tables.sent,
            calls: tables.calls,
            taken: tables.taken,
            windows: tables.windows,
            notes: heapless::Deque::new(),
            number: life >> 32 << 32,
            next_call: 0,
            turn: 0,
            which: 0,
            now: 0,
            stats: RequestsStats::default(),
            settings: config.clone(),
            _piece: piece,
        })
    }

    /// Where messages of events lie.
    pub(crate) fn memory(&self) -> [core::ops::Range<*const u8>; 2] {
        [self.sent.as_ptr_range(), self.taken.as_ptr_range()]
    }

    /// What was counted.
    pub fn stats(&self) -> &RequestsStats {
        &self.stats
    }

    /// The most bytes of a request with this method.
    pub const fn max_request(&self, method: &[u8]) -> usize {
        self.settings.mtu.saturating_sub(ASK_HEAD).saturating_sub(method.len())
    }

    /// The most bytes of an answer.
    pub const fn max_answer(&self) -> usize {
        self.settings.mtu.saturating_sub(HEAD)
    }

    /// Asks a member something; the answer is wanted before `deadline_us`. It goes out when the node is polled;
    /// how it ends comes from [`next_event`](Self::next_event), once.
    ///
    /// [`Error::Length`] for a method of none or of more than [`MOST_METHOD`] bytes, or a message of more than
    /// [`max_request`](Self::max_request); [`Error::Invalid`] for a deadline that is over or more than
    /// [`MOST_DEADLINE`] away; [`Error::Capacity`] if too many are under way.
    pub fn ask(
        &mut self,
        to: u64,
        method: &[u8],
        message: &[u8],
        deadline_us: u64,
        now_us: u64,
    ) -> Result<RequestId> {
        self.now = self.now.max(now_us);
        let left = deadline_us.saturating_sub(self.now);
        if !(1..=MOST_METHOD).contains(&method.len()) || message.len() > self.max_request(method) {
            return Err(Error::Length);
        }
        if !(1..=MOST_DEADLINE).contains(&left) {
            return Err(Error::Invalid);
        }
        self.end_lent();
        let free = self.requests.iter().position(|request| request.stage == Stage::Free);
        let place = free.ok_or(Error::Capacity)?;
        // After 2^32 of them the next life begins.
        self.number += 1;
        let number = self.number;
        let bytes = self.sent.get_mut(place * self.settings.mtu..).unwrap_or_default();
        let mut writer = Writer::new(bytes, ASK, number);
        writer.put(&(left as u32).to_le_bytes());
        writer.put(&[method.len() as u8]);
        writer.put(method);
        writer.put(message);
        let (pause, stage) = (self.settings.retry_us, Stage::Waits);
        let again = self.now;
        let new =
            Request { stage, to, number, deadline: deadline_us, again, pause, len: writer.len };
        if let Some(request) = self.requests.get_mut(place) {
            *request = new;
        }
        self.stats.asked += 1;
        Ok(RequestId(number))
    }

    /// The answer to a request is not wanted any more: nothing comes of it.
    ///
    /// [`Error::NodeRequest`] if it is not under way.
    pub fn cancel(&mut self, request: RequestId) -> Result<()> {
        self.end_lent();
        let mut all = self.requests.iter_mut();
        let found = all.find(|other| other.number == request.0 && other.stage != Stage::Free);
        let found = found.ok_or(Error::NodeRequest)?;
        let (to, number) = (found.to, found.number);
        *found = Request::FREE;
        self.note(Note { to, number, what: DONE, why: 0 });
        Ok(())
    }

    /// Answers a request of another member.
    ///
    /// [`Error::NodeRequest`] if it is not waiting for an answer, [`Error::Length`] for more than
    /// [`max_answer`](Self::max_answer) bytes.
    pub fn answer(&mut self, call: CallId, message: &[u8]) -> Result<()> {
        if message.len() > self.max_answer() {
            return Err(Error::Length);
        }
        let place = self.told(call)?;
        let mtu = self.settings.mtu;
        let bytes = self.taken.get_mut(place * mtu..(place + 1) * mtu).unwrap_or_default();
        let call = self.calls.get_mut(place).ok_or(Error::NodeRequest)?;
        let mut writer = Writer::new(bytes, ANSWER, call.number);
        writer.put(message);
        (call.len, call.task, call.again) = (writer.len, Task::Answered, 0);
        Ok(())
    }

    /// Refuses a request of another member.
    ///
    /// [`Error::NodeRequest`] if it is not waiting for an answer.
    pub fn refuse(&mut self, call: CallId) -> Result<()> {
        let place = self.told(call)?;
        let call = self.calls.get_mut(place).ok_or(Error::NodeRequest)?;
        (call.task, call.again) = (Task::Refused(Failure::Refused), 0);
        Ok(())
    }

    fn told(&self, id: CallId) -> Result<usize> {
        let found = self.calls.iter().position(|call| call.id == id.0 && call.task == Task::Told);
        found.ok_or(Error::NodeRequest)
    }

    /// What has happened; nothing if there is no more.
    pub fn next_event(&mut self) -> Option<RequestEvent<'_>> {
        self.end_lent();
        let mtu = self.settings.mtu;
        let over = |call: &Call| matches!(call.task, Task::New | Task::Over);
        if let Some(place) = self.calls.iter().position(over) {
            let call = self.calls.get_mut(place)?;
            let id = CallId(call.id);
            if call.task == Task::Over {
                *call = Call::FREE;
                return Some(RequestEvent::Cancelled { call: id });
            }
            call.task = Task::Told;
            let bytes = self.taken.get(place * mtu..place * mtu + call.len)?;
            // It was looked at when it came.
            let (_, method, message) = read_ask(bytes).ok()?;
            let (from, deadline_us) = (call.from, call.deadline);
            return Some(RequestEvent::Asked { call: id, from, method, message, deadline_us });
        }
        let ended = |request: &Request| matches!(request.stage, Stage::Answered | Stage::Failed(_));
        let place = self.requests.iter().position(ended)?;
        let request = self.requests.get_mut(place)?;
        let (id, from) = (RequestId(request.number), request.to);
        if let Stage::Failed(why) = request.stage {
            *request = Request::FREE;
            self.stats.failed += 1;
            return Some(RequestEvent::Failed { request: id, from, why });
        }
        request.stage = Stage::Lent;
        self.stats.answered += 1;
        let message = self.sent.get(place * mtu..place * mtu + request.len)?;
        Some(RequestEvent::Answered { request: id, from, message })
    }

    /// The caller has called again.
    fn end_lent(&mut self) {
        let lent = |request: &&mut Request| request.stage == Stage::Lent;
        if let Some(request) = self.requests.iter_mut().find(lent) {
            *request = Request::FREE;
        }
    }

    /// What there is no room for is not said: the other side's time runs out.
    fn note(&mut self, note: Note) {
        let _ = self.notes.push_back(note);
    }

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
            // It was done, and its asker knew.
            self.stats.doubled += 1;
            return Ok(());
        }
        // One that asks and asks is not to keep others from it.
        let open = |call: &&Call| matches!(call.task, Task::New | Task::Told | Task::Over);
        let own = self.calls.iter().filter(open).filter(|call| call.from == from);
        let few = own.count() < self.calls.len().div_ceil(2) || self.calls.len() == 1;
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
    fn expire(&mut self) {
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
        let mut writer = Writer::new(out, note.what, note.number);
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
            let mut writer = Writer::new(out, REFUSE, call.number);
            writer.put(&[why as u8]);
            return Some((to, writer.len));
        }
        let bytes = self.taken.get(place * mtu..place * mtu + call.len)?;
        out.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some((to, bytes.len()))
    }

    fn next_request(&mut self, out: &mut [u8]) -> Option<(u64, usize)> {
        let (now, mtu, count) = (self.now, self.settings.mtu, self.requests.len());
        let due = |r: &Request| r.stage == Stage::Waits && r.again <= now;
        let turns = (0..count).map(|turn| (self.turn + turn) % count);
        let place = turns.into_iter().find(|place| self.requests.get(*place).is_some_and(due))?;
        let request = self.requests.get_mut(place)?;
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
        self.expire();
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
            if request.to == id && request.stage == Stage::Waits {
                request.stage = Stage::Failed(Failure::Gone);
            }
        }
        for call in self.calls.iter_mut().filter(|call| call.from == id) {
            // It is over at once.
            call.deadline = 0;
        }
    }
}

/// A message in the making, in the first bytes of a buffer with room for it.
struct Writer<'o> {
    out: &'o mut [u8],
    len: usize,
}

impl<'o> Writer<'o> {
    fn new(out: &'o mut [u8], what: u8, number: u64) -> Writer<'o> {
        let mut writer = Writer { out, len: 0 };
        writer.put(&[VERSION, what]);
        writer.put(&number.to_le_bytes());
        writer
    }

    fn put(&mut self, bytes: &[u8]) {
        if let Some(room) = self.out.get_mut(self.len..self.len + bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }
}

/// Of a request: the time that is left in microseconds, what it is about, the message.
fn read_ask(message: &[u8]) -> Result<(u32, &[u8], &[u8])> {
    let rest = message.get(HEAD..).ok_or(Error::NodeFormat)?;
    let (left, rest) = rest.split_first_chunk().ok_or(Error::NodeFormat)?;
    let (len, rest) = rest.split_first().ok_or(Error::NodeFormat)?;
    let (method, message) = rest.split_at_checked((*len).into()).ok_or(Error::NodeFormat)?;
    let left = u32::from_le_bytes(*left);
    if left == 0 || !(1..=MOST_METHOD).contains(&method.len()) {
        return Err(Error::NodeFormat);
    }
    Ok((left, method, message))
}
