//! Groups from the outside: what a member relies on, what attackers get, and a model
//! that every answer must agree with.

// Two members are told apart by their number.
#![allow(clippy::needless_range_loop)]

mod hostile;
mod limits;
mod members;
mod model;
mod nodes;
mod secrets;
