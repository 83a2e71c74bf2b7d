//! What composes the domains into one member of a swarm.
//!
//! So far: who is there ([`membership`]), and what is counted and measured ([`metrics`]).

pub mod membership;
pub mod metrics;
