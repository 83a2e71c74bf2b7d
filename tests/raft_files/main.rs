//! The records and snapshots of Raft in files: on a disk that fails and crashes at every
//! point, with damage, with threads, and under nodes.

#![cfg(all(feature = "std", unix))]

#[path = "../common/mod.rs"]
mod common;

mod crash;
mod damage;
mod group;
mod nodes;
mod plain;
mod room;
mod work;

/// How many times as long the tests shall run: in scripts/soak a tenth of NSW_SEEDS, for
/// they look at all points anyway.
fn times() -> u64 {
    let times = std::env::var("NSW_SEEDS").ok().and_then(|times| times.parse().ok());
    times.map_or(1, |times: u64| times.div_ceil(10))
}
