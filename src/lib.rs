//! # neural-swarm
//!
//! A library for embedding a swarm in anything, through Rust or through a
//! stable C ABI. This version holds the ground that everything stands on, the
//! neural engine, the secure link, replicated memory, agreement, tasks and the node;
//! ARCHITECTURE.md has the map.
//!
//! - [`nn`]: networks that train ([`nn::Trainer`]), grow ([`nn::Cascade`]), run
//!   ([`nn::Net`]), shrink to INT8 and INT16 ([`nn::QNet`], [`nn::QNet16`]),
//!   their data ([`nn::Dataset`]) and their files.
//! - [`comm`]: who a node is and who may talk to it ([`comm::identity`]), the
//!   Noise Protocol Framework ([`comm::noise`]), sessions over datagrams
//!   ([`comm::link`]), frames in byte streams and on serial lines
//!   ([`comm::framing`]), groups ([`comm::group`]), permissions that are handed on
//!   ([`comm::capability`]).
//! - [`crdt`]: values that replicas change by themselves and merge ([`crdt::Store`]).
//! - [`consensus`]: one sequence of entries that all members agree on ([`consensus::Raft`]).
//! - [`task`]: what is to be done becomes a plan ([`task::plan`]), work is assigned ([`task::assign`]),
//!   scheduled ([`task::schedule`]) and dispatched ([`task::balance`]); text becomes a task
//!   ([`task::route`]).
//! - [`node`]: who is there ([`node::membership`]), what is counted and measured ([`node::metrics`]).
//! - `host`: sockets, TLS, key files, clocks, stores and logs in files, planning problems as text, simulated swarms, in builds
//!   with `std` for a Unix.
//! - [`port`]: what the caller supplies: memory, randomness, a way for datagrams, a
//!   place for log lines.
//! - [`error`]: every error, with the number that C sees.
//! - [`ffi`]: the C ABI over all of it (`include/neural_swarm.h`).
//!
//! ## Memory
//! Every object states its [`Layout`](core::alloc::Layout) first
//! (`footprint`), takes one piece of memory at creation and never allocates
//! again. The piece comes from an [`Allocator`](port::Allocator): the heap, or
//! an [`Arena`](port::Arena) over a buffer of yours.
//!
//! ## Features
//! `std` (default): finds the best kernels at run time and stops panics at the
//! C boundary, has sockets and files; implies `alloc`. `server-crypto`, `tls`,
//! `post-quantum` (default), `cli` (the commands `nswarm` and `nswarm-sim`): see Cargo.toml. `alloc`: objects may live on the global heap.
//! Without either the library needs `core` alone. Results never depend on the
//! features: all transcendental functions come from `libm`.
//!
//! ```
//! use neural_swarm::nn::{Activation, Layer, Net, NetConfig};
//! use neural_swarm::port::Heap;
//!
//! let layers = [Layer::new(4, Activation::Tanh), Layer::new(1, Activation::Sigmoid)];
//! let mut net = Net::new(&NetConfig::new(2, &layers), Heap)?;
//! let mut output = [0.0];
//! net.forward(&[0.5, -0.5], &mut output)?;
//! assert!(output[0] > 0.0 && output[0] < 1.0);
//! # Ok::<(), neural_swarm::Error>(())
//! ```

#![no_std]
#![deny(unsafe_code)]
#![deny(missing_docs)]

#[cfg(target_endian = "big")]
compile_error!("neural-swarm reads models in place and needs a little-endian machine");

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub mod comm;
pub mod consensus;
pub mod crdt;
pub mod error;
pub mod ffi;
#[cfg(all(feature = "std", unix))]
pub mod host;
mod mem;
pub mod nn;
pub mod node;
pub mod port;
pub mod task;

pub use error::{Error, Result};
pub use mem::Piece;
