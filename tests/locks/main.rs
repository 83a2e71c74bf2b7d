//! Locks, leases and barriers beside a model, and what they refuse.

mod log;
mod model;
mod refused;
mod snapshot;
mod steps;
