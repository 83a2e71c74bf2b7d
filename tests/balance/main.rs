//! Balancing: policies, gauges, scaling, and a simulator of servers and dispatchers.

#[path = "../common/data.rs"]
mod data;
mod edges;
mod hostile;
mod policies;
mod random;
mod scaling;
mod sim;
mod simulated;
mod trace;
mod variants;
