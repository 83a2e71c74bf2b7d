//! Which parts a build has: a node of a microcontroller may do without some (features of the crate).

/// Entries that have left memory are read from storage.
pub(super) const FETCH: bool = cfg!(feature = "raft-fetch");
/// Proposals go to the leader.
pub(super) const FORWARD: bool = cfg!(feature = "raft-forward");
/// Reads by lease.
pub(super) const LEASE: bool = cfg!(feature = "raft-lease");
/// Proposals exactly once.
pub(super) const SESSIONS: bool = cfg!(feature = "raft-sessions");
/// A leader hands over.
pub(super) const TRANSFER: bool = cfg!(feature = "raft-transfer");
/// Members without data.
pub(super) const WITNESS: bool = cfg!(feature = "raft-witness");
