//! Requests and their answers.
//!
//! A request goes to one member, is sent again until there is an answer, and is given up at its deadline. It comes out
//! there once at most, however often it was sent (Birrell, Nelson: "Implementing Remote Procedure Calls", ACM TOCS 2(1),
//! 1984). A member that has no room for another one says so at once.

mod exchange;
mod message;
mod types;
mod window;

use core::alloc::Layout;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

use self::message::{ANSWER, ASK, begin, read_ask};
use self::window::Windows;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

pub(super) use self::message::{ASK_HEAD, HEAD};
pub use self::types::{
    CallId, Failure, MOST_DEADLINE, MOST_METHOD, RequestEvent, RequestId, RequestsConfig,
    RequestsStats,
};

/// The longest pause between two times that a request is sent, as a multiple of the first.
const MOST_PAUSE: u64 = 16;

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
    /// The other member is to be told that it is not wanted any more.
    Cancelled,
}

/// A request of this member. The message lies beside it, then its answer.
#[derive(Clone, Copy)]
struct Request {
    stage: Stage,
    /// What the caller knows it by.
    id: u64,
    to: u64,
    /// What the other member knows it by.
    number: u64,
    deadline: u64,
    again: u64,
    pause: u64,
    len: usize,
}

impl Request {
    const FREE: Request = Request {
        stage: Stage::Free,
        id: 0,
        to: 0,
        number: 0,
        deadline: 0,
        again: 0,
        pause: 0,
        len: 0,
    };
}

/// The last number that a member was sent. Each has its own, so that none is far behind another one.
#[derive(Clone, Copy)]
struct Asked {
    to: u64,
    number: u64,
    /// The request at which it was.
    id: u64,
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

/// Requests and answers: a [`Part`](super::Part) of a node.
pub struct Requests<'m> {
    settings: RequestsConfig,
    requests: Carved<'m, Request>,
    sent: Carved<'m, u8>,
    asked: Carved<'m, Asked>,
    calls: Carved<'m, Call>,
    taken: Carved<'m, u8>,
    windows: Windows<'m>,
    notes: heapless::Deque<Note, 16>,
    /// The last request, and the highest number that a member was sent.
    id: u64,
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
    asked: Carved<'m, Asked>,
    calls: Carved<'m, Call>,
    taken: Carved<'m, u8>,
    windows: Windows<'m>,
}

fn carve<'m>(config: &RequestsConfig, carver: &mut Carver<'m>) -> Result<Tables<'m>> {
    config.check()?;
    Ok(Tables {
        requests: carver.take(config.requests, Request::FREE)?,
        asked: carver.take(config.requests, Asked { to: 0, number: 0, id: 0 })?,
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
            asked: tables.asked,
            calls: tables.calls,
            taken: tables.taken,
            windows: tables.windows,
            notes: heapless::Deque::new(),
            id: life >> 32 << 32,
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
        self.id += 1;
        let (id, number) = (self.id, self.next_number(to));
        let bytes = self.sent.get_mut(place * self.settings.mtu..).unwrap_or_default();
        let mut writer = begin(bytes, ASK, number);
        writer.put(&(left as u32).to_le_bytes());
        writer.put(&[method.len() as u8]);
        writer.put(method);
        writer.put(message);
        let (pause, stage) = (self.settings.retry_us, Stage::Waits);
        let again = self.now;
        let new =
            Request { stage, id, to, number, deadline: deadline_us, again, pause, len: writer.len };
        if let Some(request) = self.requests.get_mut(place) {
            *request = new;
        }
        self.stats.asked += 1;
        Ok(RequestId(id))
    }

    /// The next number for a member: above all that it was sent. Who was not asked for long, and was forgotten for
    /// others, goes on above all that anybody was sent.
    fn next_number(&mut self, to: u64) -> u64 {
        let found = self.asked.iter().position(|asked| asked.to == to && asked.id != 0);
        let oldest = || (0..self.asked.len()).min_by_key(|at| self.asked.get(*at).map(|a| a.id));
        let Some(asked) = found.or_else(oldest).and_then(|at| self.asked.get_mut(at)) else {
            return self.number;
        };
        let before = if found.is_some() { asked.number } else { self.number };
        *asked = Asked { to, number: before + 1, id: self.id };
        self.number = self.number.max(before + 1);
        before + 1
    }

    /// The answer to a request is not wanted any more: nothing comes of it.
    ///
    /// [`Error::NodeRequest`] if it is not under way.
    pub fn cancel(&mut self, request: RequestId) -> Result<()> {
        self.end_lent();
        let mut all = self.requests.iter_mut();
        let known = |stage| !matches!(stage, Stage::Free | Stage::Cancelled);
        let found = all.find(|other| other.id == request.0 && known(other.stage));
        found.ok_or(Error::NodeRequest)?.stage = Stage::Cancelled;
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
        let mut writer = begin(bytes, ANSWER, call.number);
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

    /// A request of another member that the caller knows of and that is not answered: who asks, and the message.
    pub(super) fn message_of(&self, call: CallId) -> Option<(u64, &[u8])> {
        let place = self.told(call).ok()?;
        let (call, mtu) = (self.calls.get(place)?, self.settings.mtu);
        let (_, _, message) =
            read_ask(self.taken.get(place * mtu..place * mtu + call.len)?).ok()?;
        Some((call.from, message))
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
        let (id, from) = (RequestId(request.id), request.to);
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
}
