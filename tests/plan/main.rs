//! Planning: models and their builder, the planner against a reference of its own.

mod domains;
mod learned;
mod model;
mod random;
mod reference;
