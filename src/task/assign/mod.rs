//! Who does what: the cheapest assignment, tasks given to agents that have limits, and auctions
//! that a swarm holds among itself.
//!
//! - [`Assigner`]: the exact optimum of one task each, from a matrix of costs.
//! - [`TaskAllocator`]: several tasks an agent, with skills, deadlines, energy and battery.
//! - [`Cbba`]: an agent of a decentralised auction of bundles, for tasks whose worth depends on the others
//!   that are done. [`PriceAuction`]: one that comes as near to the optimum as is wished, where it does not.

mod allocate;
mod bundle;
mod cbba;
mod jv;
mod message;
mod path;
mod peers;
mod price;
mod rule;
mod transport;

pub(crate) use self::allocate::Problem;
pub use self::allocate::{
    AgentLimits, Allocated, Effort, Prices, TaskAllocator, TaskAllocatorConfig, TaskNeeds,
};
pub use self::cbba::{Cbba, CbbaConfig, CbbaTask};
pub use self::jv::{Assigner, AssignerConfig, FORBIDDEN, MAX_COST, UNASSIGNED};
pub(crate) use self::message::NOBODY;
pub use self::peers::Heard;
pub use self::price::{PriceAuction, PriceConfig};
