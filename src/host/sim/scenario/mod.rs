//! Scenarios: a text that says what happens in a swarm, and what is expected then.
//!
//! A line is a setting, or says what happens at a time. `#` begins a comment.
//!
//! ```text
//! nodes 10                               # settings come first
//! jitter 9ms
//! loss 1%
//!
//! at 10s  kill 3
//!         expect all know-dead 3 within 20s
//! at 40s  start 3
//!         expect all see 10 within 20s
//! at 60s  expect no-false-deaths
//! ```
//!
//! # Words
//!
//! A time is `250us`, `10ms`, `1.5s` or `2min`; a share `0.5%`. Nodes are numbered from 0 on: `3`, `0-4`, `0,2,5-7` or
//! `all`.
//!
//! | setting | meaning |
//! |---|---|
//! | `nodes N` | so many, 2 to 1,000; the first setting |
//! | `seed N` | what is left to chance comes from it; 1 if nothing is said |
//! | `parts PART...` | of `topics`, `store` (up to 32 nodes) and `requests`: all nodes have these |
//! | `running NODES` | those that run from the beginning, one after the other; else all |
//! | `apart TIME` | so long after each other they begin; 20 ms if nothing is said |
//!
//! `at TIME` stands before what happens then: so long after the first node began. What has none happens at the time of
//! the line before. Times do not go back.
//!
//! | what happens | |
//! |---|---|
//! | `kill NODES` | as with `kill -9` |
//! | `start NODES` | they begin, for the first time or again, and join by others that run |
//! | `restart NODES` | both, one at once after the other |
//! | `leave NODES` | they say that they go, and end |
//! | `pause NODES`, `resume NODES` | as a process that is stopped |
//! | `late NODES TIME` | they read what arrives so much later |
//! | `partition NODES...` | each of these, and the rest, reach none of the others |
//! | `cut NODES NODES`, `mend NODES NODES` | nothing comes from those to these any more; and again |
//! | `heal` | ends all partitions and cuts |
//! | `latency TIME`, `jitter TIME` | so long a datagram takes at least, and at most so much longer; also settings |
//! | `loss SHARE`, `duplicate SHARE` | so many are lost, come twice; also settings |
//! | `hold SHARE TIME` | so many are held up so long; also a setting |
//! | `link NODES NODES WAY` | one of the last three lines, for datagrams from those to these alone |
//! | `publish NODE TOPIC TEXT` | all nodes hear all topics |
//! | `put NODE KEY VALUE` | in a register of the shared store |
//! | `ask NODE NODE TEXT TIME` | a request, and how long the answer may take |
//! | `found NODES` | they are a group that agrees, by Raft |
//! | `propose NODE TEXT` | that the group shall agree on |
//! | `count` | what `no-false-deaths`, `no-suspicions` and `traffic` tell is counted from here on |
//! | `end` | nothing: but the run goes on until then |
//!
//! | `expect` | |
//! |---|---|
//! | `WHO know-alive NODES`, `know-dead`, `know-left` | they believe that of those of them that are others. WHO is `any`, a share, or nodes; of those that run and are not paused |
//! | `WHO see N` | they believe that so many take part |
//! | `WHO heard TEXT` | a publication |
//! | `WHO have KEY VALUE` | in the store |
//! | `WHO agreed TEXT` | their group did, and they know |
//! | `WHO answered TEXT` | a request of theirs was, so |
//! | `leader` | the group has one that runs |
//! | `no-false-deaths` | nobody was told that a node is dead that ran, was not paused, and was to be reached |
//! | `no-suspicions` | nor that such a one is suspected |
//! | `traffic below N` | a node sent fewer bytes than that a second, on average |
//!
//! The first seven may end with `within TIME`: then it suffices that it comes to that in the time; looked at every
//! 10 ms. Else it must be so at once.

mod look;
mod parse;
mod report;
mod run;

use std::string::String;
use std::vec::Vec;

use super::network::Conditions;
use super::swarm::Parts;

pub use self::report::{Outcome, Report, Sample};

/// What is wrong with a scenario's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// In which line, 1 for the first.
    pub line: usize,
    /// What.
    pub what: String,
}

impl core::fmt::Display for Problem {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl core::error::Error for Problem {}

/// What happens in a swarm, and what is expected then: the module's documentation has its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// How many nodes there are.
    pub nodes: usize,
    /// What is left to chance comes from it.
    pub seed: u64,
    pub(super) parts: Parts,
    pub(super) conditions: Conditions,
    pub(super) running: Vec<usize>,
    pub(super) apart: u64,
    pub(super) topics: Vec<String>,
    pub(super) steps: Vec<Step>,
}

/// A line that something happens in, or is expected in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub line: usize,
    /// Microseconds after the first node began.
    pub at: u64,
    /// As it stands there, without its time.
    pub text: String,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Do(Action),
    Expect { what: Expectation, within: u64 },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    Kill(Vec<usize>),
    Start(Vec<usize>),
    Restart(Vec<usize>),
    Leave(Vec<usize>),
    Pause(Vec<usize>),
    Resume(Vec<usize>),
    Late(Vec<usize>, u64),
    Partition(Vec<Vec<usize>>),
    Cut(Vec<usize>, Vec<usize>),
    Mend(Vec<usize>, Vec<usize>),
    Heal,
    Way(Way),
    Link(Vec<usize>, Vec<usize>, Way),
    Publish { by: usize, topic: String, text: String },
    Put { by: usize, key: String, value: String },
    Ask { by: usize, of: usize, text: String, within: u64 },
    Found(Vec<usize>),
    Propose { by: usize, text: String },
    Count,
    End,
}

/// One of the conditions of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Latency(u64),
    Jitter(u64),
    Loss(u32),
    Duplicate(u32),
    Hold(u32, u64),
}

impl Way {
    pub const fn apply(self, conditions: &mut Conditions) {
        match self {
            Way::Latency(us) => conditions.latency_us = us,
            Way::Jitter(us) => conditions.jitter_us = us,
            Way::Loss(share) => conditions.loss = share,
            Way::Duplicate(share) => conditions.duplicated = share,
            Way::Hold(share, us) => (conditions.held, conditions.held_us) = (share, us),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expectation {
    Of(Who, Thing),
    Leader,
    NoFalseDeaths,
    NoSuspicions,
    TrafficBelow(u64),
}

/// Of whom something is expected.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Who {
    Any,
    /// Millionths of those that run.
    Share(u32),
    These(Vec<usize>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Thing {
    Alive(Vec<usize>),
    Dead(Vec<usize>),
    Left(Vec<usize>),
    See(usize),
    Heard(String),
    Have { key: String, value: String },
    Agreed(String),
    Answered(String),
}
