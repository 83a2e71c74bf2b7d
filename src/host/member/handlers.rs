//! What the caller wants to be called for.

use std::boxed::Box;
use std::sync::{Arc, Mutex};
use std::vec::Vec;

use super::lock;
use crate::error::Error;
use crate::node::CallId;

/// A request of another member.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Its number, for [`Member::answer`](super::Member::answer).
    pub call: CallId,
    /// Who asks.
    pub from: u64,
    /// What it is about.
    pub method: &'a [u8],
    /// The request.
    pub message: &'a [u8],
    /// Until when the answer is wanted, in microseconds of [`now_us`](crate::host::now_us).
    pub deadline_us: u64,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The answer was written.
    Answer,
    /// The answer comes later, from any thread: [`Member::answer`](super::Member::answer).
    Later,
    /// There is none.
    Refuse,
}

/// An entry that the group has agreed on.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its place in the log. Places of entries that are not the application's are left out.
    pub index: u64,
    /// What was proposed.
    pub data: &'a [u8],
}

/// Something that a member has said to all.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// Who, as those say who hand it on.
    pub origin: u64,
    /// What it is about.
    pub topic: &'a [u8],
    /// What was published.
    pub message: &'a [u8],
}

/// What has happened. Nothing of it has to be taken: what is not wanted is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberEvent {
    /// A member takes part, and did not before.
    Joined(u64),
    /// A member has left.
    Left(u64),
    /// A member is dead, as far as the others can tell.
    Failed(u64),
    /// A member has broken the protocol too often, and is not heard for an hour.
    Quarantined(u64),
    /// The shared store has changed, by this member or another; what happens until the next is told is told once.
    StoreChanged,
    /// Another member leads the group, or none is known to.
    Leader(Option<u64>),
    /// A lock is not this member's any more, for it was not heard of in time: its fencing token.
    LockLost(u64),
    /// The transport has refused to take datagrams in; told when it begins. It is tried again.
    TransportFailed(Error),
    /// The files of the store take nothing; told when it begins. Until they do, nothing can be put into the store, and
    /// the others are told nothing of it. It is tried again.
    StoreFailed(Error),
    /// The files of the group took nothing: this member has no part in the group any more, until it is made anew.
    GroupFailed(Error),
}

/// Answers requests: the answer is written to the bytes, which are empty, if it says so.
pub(super) type RequestHandler = Box<dyn FnMut(&Call<'_>, &mut Vec<u8>) -> Reply + Send>;
/// Takes publications.
pub(super) type SaidHandler = Box<dyn FnMut(&Said<'_>) + Send>;
/// Applies entries.
pub(super) type EntryHandler = Box<dyn FnMut(&Entry<'_>) + Send>;
/// Hears what has happened.
pub(super) type EventHandler = Box<dyn FnMut(&MemberEvent) + Send>;
/// Writes the application's state as of the last entry; whether it did.
pub(super) type SaveHandler = Box<dyn FnMut(&mut Vec<u8>) -> bool + Send>;
/// Replaces the application's state.
pub(super) type LoadHandler = Box<dyn FnMut(&[u8]) + Send>;

/// A handler that can be replaced while it runs.
pub(super) type One<H> = Option<Arc<Mutex<H>>>;

#[derive(Default)]
pub(super) struct Handlers {
    requests: Vec<(Vec<u8>, Arc<Mutex<RequestHandler>>)>,
    topics: Vec<(Vec<u8>, Arc<Mutex<SaidHandler>>)>,
    pub entries: One<EntryHandler>,
    pub events: One<EventHandler>,
    pub save: One<SaveHandler>,
    pub load: One<LoadHandler>,
}

/// Sets a handler, and gives back that before: what it holds may call the member when it is dropped.
fn set<H>(all: &mut Vec<(Vec<u8>, Arc<Mutex<H>>)>, name: &[u8], handler: Option<H>) -> One<H> {
    let at = all.iter().position(|(other, _)| other == name);
    let before = at.map(|at| all.swap_remove(at).1);
    if let Some(handler) = handler {
        all.push((name.to_vec(), Arc::new(Mutex::new(handler))));
    }
    before
}

impl Handlers {
    /// The one before is to be dropped without the lock.
    #[must_use]
    pub fn set_request(
        &mut self,
        method: &[u8],
        handler: Option<RequestHandler>,
    ) -> One<RequestHandler> {
        set(&mut self.requests, method, handler)
    }

    /// The one before is to be dropped without the lock.
    #[must_use]
    pub fn set_topic(&mut self, topic: &[u8], handler: Option<SaidHandler>) -> One<SaidHandler> {
        set(&mut self.topics, topic, handler)
    }

    /// The handler of a method; that of no name is for all others.
    pub fn request(&self, method: &[u8]) -> One<RequestHandler> {
        let find = |name: &[u8]| self.requests.iter().find(|(other, _)| other == name);
        find(method).or_else(|| find(b"")).map(|(_, handler)| handler.clone())
    }

    pub fn topic(&self, topic: &[u8]) -> One<SaidHandler> {
        let found = self.topics.iter().find(|(other, _)| other == topic);
        found.map(|(_, handler)| handler.clone())
    }
}

/// A handler, to be set.
pub(super) fn one<H>(handler: H) -> One<H> {
    Some(Arc::new(Mutex::new(handler)))
}

/// Calls a handler, if there is one.
pub(super) fn call<H, R>(handler: One<H>, f: impl FnOnce(&mut H) -> R) -> Option<R> {
    // The member's thread alone does.
    handler.map(|handler| f(&mut lock(&handler)))
}
