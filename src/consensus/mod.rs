//! Agreement: one sequence of entries, the same at all members, as long as most of them live.
//!
//! - [`raft`]: Raft, after Ongaro's thesis (2014).

pub mod raft;

pub use self::raft::{Raft, RaftConfig};
