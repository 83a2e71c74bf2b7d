//! The C ABI: `include/neural_swarm.h`, and ABI.md for what may change when.
//!
//! One file a domain, each function a few lines: check what C handed in, call
//! the Rust API, turn the answer into a status. `handle.rs` has what all
//! objects share, `structs.rs` what all structs, `slices.rs` what all buffers.
//!
//! These functions are for C. They are safe to call exactly as the header says.

#![allow(unsafe_code)]
#![allow(non_camel_case_types)]
// The contract of every pointer is in the header's introduction and in each
// function's text; a section of the same words on every function tells less.
#![allow(clippy::missing_safety_doc)]

pub mod activation;
pub mod assign;
pub mod auction;
pub mod autoscaler;
pub mod balance;
pub mod capability;
pub mod cascade;
pub mod channel;
pub mod dag;
pub mod dataset;
pub mod dataset_files;
pub mod dataset_scale;
pub mod entropy;
pub mod framer;
pub mod gauge;
pub mod group;
mod handle;
#[cfg(all(feature = "std", unix))]
pub mod host;
#[cfg(all(feature = "std", unix))]
pub mod host_flush;
#[cfg(all(feature = "std", unix))]
pub mod host_key;
#[cfg(all(feature = "tls", unix))]
pub mod host_listener;
#[cfg(all(feature = "std", unix))]
pub mod host_member;
#[cfg(all(feature = "std", unix))]
pub mod host_member_calls;
#[cfg(all(feature = "std", unix))]
pub mod host_member_types;
#[cfg(all(feature = "std", unix))]
pub mod host_metrics;
#[cfg(all(feature = "std", unix))]
pub mod host_plan;
#[cfg(all(feature = "std", unix))]
pub mod host_raft;
#[cfg(all(feature = "std", unix))]
pub mod host_serial;
#[cfg(all(feature = "std", unix))]
pub mod host_storage;
#[cfg(all(feature = "std", unix))]
pub mod host_tcp;
#[cfg(all(feature = "tls", unix))]
pub mod host_tls;
#[cfg(all(feature = "std", unix))]
mod host_transport;
#[cfg(all(feature = "std", unix))]
pub mod host_udp;
#[cfg(all(feature = "std", unix))]
pub mod host_unix;
#[cfg(all(feature = "std", unix))]
pub mod host_wfcommons;
pub mod identity;
pub mod kernel;
pub mod link;
pub mod link_types;
pub mod lock_types;
pub mod locks;
pub mod mission_types;
pub mod missions;
pub mod net;
pub mod net_edit;
pub mod net_fann;
pub mod net_scale;
pub mod node;
pub mod node_types;
pub mod noise;
pub mod noise_transport;
pub mod parallel;
mod part;
pub mod plan_builder;
pub mod plan_builder_parts;
pub mod plan_learn;
pub mod plan_model;
pub mod plan_state;
pub mod plan_types;
pub mod plan_verifier;
pub mod planner;
pub mod port;
#[cfg(feature = "post-quantum")]
pub mod pq;
pub mod price_auction;
pub mod qnet;
pub mod qnet16;
pub mod qnet_batch;
pub mod qnet_compare;
mod qnet_rows;
pub mod raft;
pub mod raft_output;
pub mod raft_tuner;
pub mod raft_types;
pub mod raft_work;
pub mod requests;
pub mod revocation;
pub mod route;
pub mod route_train;
pub mod schedule;
pub mod scheme;
pub mod sharing;
mod slices;
pub mod static_key;
pub mod status;
pub mod store;
pub mod store_keep;
pub mod store_list;
pub mod store_members;
pub mod store_read;
pub mod store_scan;
pub mod store_sum;
pub mod store_sync;
pub mod store_transaction;
pub mod store_watch;
mod structs;
pub mod task_allocator;
pub mod topics;
pub mod trainer;
pub mod trainer_config;
pub mod transport;
pub mod version;
pub mod workflow;
pub mod workflow_read;

use crate::error::Result;
use status::{NSW_OK, nsw_status};

/// The status of a result.
fn status(result: Result<()>) -> nsw_status {
    match result {
        Ok(()) => NSW_OK,
        Err(error) => error.code(),
    }
}

/// The status of a result that is there, or else `none`, which is no error.
fn status_or(result: Result<bool>, none: nsw_status) -> nsw_status {
    match result {
        Ok(true) => NSW_OK,
        Ok(false) => none,
        Err(error) => error.code(),
    }
}

/// Runs a function so that no panic of it reaches C.
#[cfg(feature = "std")]
fn catch<R>(f: impl FnOnce() -> Result<R>) -> Result<R> {
    std::panic::catch_unwind(core::panic::AssertUnwindSafe(f)).unwrap_or(Err(crate::Error::Panic))
}

/// Without `std` a panic ends in the program's panic handler.
#[cfg(not(feature = "std"))]
fn catch<R>(f: impl FnOnce() -> Result<R>) -> Result<R> {
    f()
}

/// The status of a function that has no object yet.
fn guarded(f: impl FnOnce() -> Result<()>) -> nsw_status {
    status(catch(f))
}
