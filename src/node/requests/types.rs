//! What requests are made for, and what is told of them.

use super::message::ASK_HEAD;
use crate::error::{Error, Result};

/// The most bytes of what a request is about.
pub const MOST_METHOD: usize = 64;
/// The longest time until a deadline, in microseconds: more than an hour.
pub const MOST_DEADLINE: u64 = u32::MAX as u64;

/// Settings of [`Requests`](super::Requests). Times are in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestsConfig {
    /// The most bytes of a message: [`NodeConfig::max_message`](crate::node::NodeConfig::max_message).
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

    pub(super) fn check(&self) -> Result<()> {
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
    /// A member asks something. To be answered with [`Requests::answer`](super::Requests::answer) or [`Requests::refuse`](super::Requests::refuse).
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
