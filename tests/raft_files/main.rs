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
#[path = "../common/seeds.rs"]
mod seeds;
mod work;

/// How many times as long the tests shall run: in scripts/soak a tenth as many as elsewhere, for
/// they look at all points anyway.
fn times() -> u64 {
    seeds::times().div_ceil(10)
}
