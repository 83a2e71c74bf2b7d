//! Agreement: one sequence of entries, the same at all members, as long as most of them live.
//!
//! - [`raft`]: Raft, after Ongaro's thesis (2014).
//! - [`locks`]: locks, leases and barriers on such a sequence.
//! - [`tuner`]: Raft's timeouts by what the network does.

pub mod locks;
pub mod raft;
pub mod tuner;

pub use self::locks::{Locks, LocksConfig};
pub use self::raft::{Raft, RaftConfig};
pub use self::tuner::{Tuner, TunerConfig};
