//! Swarms in one process: hundreds of real nodes on a simulated network and clock. The program `nswarm-sim` plays
//! scenarios with it.
//!
//! - [`Sim`]: any [`Machine`]s, the [`Network`] between them, and the clock. One seed is one run.
//! - [`Swarm`]: whole [nodes](crate::node::Node), with keys, sessions and parts, as machines.
//! - [`scenario`]: a text that says what happens in a swarm, and what is expected then.
//!
//! Nodes are the very ones that run over real networks; what is simulated is what lies between them, their clocks,
//! their randomness (seeded: nothing here keeps a secret), and disks, which are durable at once. A processor is as fast
//! as can be: what a node computes takes no time.

mod disk;
mod engine;
mod network;
mod node;
pub mod scenario;
mod swarm;

pub use engine::{Counts, MOST_HELD, Machine, Sent, Sim};
pub use network::{Conditions, MILLION, Network};
pub use node::{Ended, Heard, Seeded, SimNode};
pub use scenario::Scenario;
pub use swarm::{Parts, Swarm, SwarmConfig, Told};
