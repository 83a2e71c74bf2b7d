//! What composes the domains into one member of a swarm.
//!
//! So far: who is there ([`membership`]).

pub mod membership;
