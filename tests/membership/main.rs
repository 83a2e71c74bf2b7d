//! Membership, on a simulated network.

mod hostile;
mod swarm;
mod world;
