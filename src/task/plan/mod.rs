//! Decomposition: hierarchical task networks (HTN) and a planner for them.
//!
//! A *domain* says which types, predicates and tasks there are. A primitive task (an *action*) changes
//! the state; a compound task is carried out by one of its *methods*, each of which stands for a network
//! of smaller tasks. A *problem* adds objects, the facts that hold at the beginning, the tasks to be
//! done, and perhaps a goal. The words and their meaning are those of HDDL (Höller et al., "HDDL: An
//! Extension to PDDL for Expressing Hierarchical Planning Problems", AAAI 2020).
//!
//! - [`Builder`] makes domain and problem into bytes, within memory that is given once.
//! - A [`Plan`] is a tree of [`Step`]s; a [`Verifier`] says whether it does what it should.
//! - [`Model`] reads such bytes in place, from flash say, after it has looked at all of them.
//! - [`Planner`] searches for a [`Plan`]; a [`LearnedOrder`] says which methods it should try first.

mod build;
mod check;
mod format;
mod formula;
mod ids;
mod learn;
mod model;
mod names;
mod order;
mod planner;
mod state;
mod tree;
mod verify;

pub use build::{Builder, BuilderConfig, Part};
pub use format::{MAX_ARITY, MAX_DEPTH, MAX_OBJECTS, MAX_VARIABLES};
pub use formula::{Effect, Effects, Formula, Items, View};
pub use ids::{MethodId, ObjectId, PredicateId, TaskId, Term, TypeId};
#[cfg(feature = "alloc")]
pub use learn::{LearnConfig, MethodSamples};
pub use learn::{LearnedOrder, decision_features};
pub use model::{Action, Method, Model, Predicate, Subtasks, Task};
pub use planner::{MethodOrder, Outcome, PlanState, Planner, PlannerConfig, PlannerStats};
pub use state::State;
pub use tree::{OPEN, Plan, Step};
pub use verify::{Decision, Refusal, Verifier, VerifierConfig, Why};
