//! Tasks: what is to be done becomes a plan, a plan becomes a schedule, and work goes where it will
//! finish first.
//!
//! Nothing here does input or output, and nothing allocates after creation. A learned part orders,
//! it never decides what is right: each has a switch that turns it off.

pub mod assign;
pub mod balance;
mod mix;
pub mod plan;
pub mod route;
pub mod schedule;
