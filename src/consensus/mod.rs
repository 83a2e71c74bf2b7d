//! Agreement: one sequence of entries, the same at all members, as long as most of them live.
//!
//! - [`raft`]: Raft, after Ongaro's thesis (2014).
//! - [`tuner`]: its timeouts by what the network does.

pub mod raft;
pub mod tuner;

pub use self::raft::{Raft, RaftConfig};
pub use self::tuner::{Tuner, TunerConfig};
