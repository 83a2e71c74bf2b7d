//! The simulator: one seed is one run, the network does what it is told, and whole nodes come through.
#![cfg(unix)]

mod network;
mod scenarios;
mod swarm;
