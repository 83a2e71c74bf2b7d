//! The planner: depth-first search over decompositions, in memory that is given once.

mod act;
mod arrange;
mod attempt;
mod compile;
mod eval;
mod extract;
mod facts;
mod join;
mod order;
mod partial;
mod pullup;
mod rank;
mod reach;
mod search;
mod seen;
mod words;

use core::alloc::Layout;

use super::Model;
use super::tree::{Plan, Step};
use crate::error::{Error, Result};
use crate::mem::{Carver, Lazy, Piece};
use crate::port::Allocator;
use facts::Facts;
pub use order::{MethodOrder, PlanState};
use search::Search;
use seen::Seen;
use words::Words;

/// What a planner is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannerConfig {
    /// Bytes that it may take. It uses what it gets: more memory means longer plans, and more nodes that it
    /// remembers. Memory that is not needed is never touched. More than 8 GiB ([`MOST_MEMORY`]) it does not
    /// take.
    ///
    /// [`MOST_MEMORY`]: Planner::MOST_MEMORY
    pub memory: usize,
    /// Where the random choices of later attempts begin. Same seed, same plan.
    pub seed: u64,
    /// Whether later attempts choose at random. Else each is in the order of the model.
    pub restarts: bool,
}

impl Default for PlannerConfig {
    fn default() -> PlannerConfig {
        PlannerConfig { memory: 1 << 20, seed: 1, restarts: true }
    }
}

/// How a search stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is a plan: [`Planner::plan`].
    Found,
    /// All was searched, and there is none. (What was searched is known by hashes of 64 bits: that two of
    /// them are the same by accident, and something was therefore not looked at, is as unlikely as that.)
    NoPlan,
    /// The budget ended before the search did: go on with another [`Planner::step`].
    Running,
    /// The memory was too small to search everything, and what could be searched holds no plan.
    OutOfMemory,
}

/// What a search did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlannerStats {
    /// Tasks that were decomposed, and actions that were tried.
    pub nodes: u64,
    /// Attempts that were begun.
    pub attempts: u32,
    /// Nodes that were not searched because they had been searched before.
    pub repeated: u64,
    /// Bytes of the path, and of what was made of the model; there may be as many as `stack_capacity`.
    pub stack: usize,
    /// Bytes that there are for that.
    pub stack_capacity: usize,
    /// Nodes that are remembered.
    pub remembered: usize,
}

/// A planner for one model.
///
/// A lifted forward decomposition in total order, after SHOP2 (Nau et al., "SHOP2: An HTN Planning
/// System", JAIR 2003): the first task of the network is carried out, or decomposed by one of its methods,
/// and whatever fails is undone. A model with methods that leave subtasks unordered is searched over all
/// orders that they allow.
pub struct Planner<'m> {
    model: Model<'m>,
    config: PlannerConfig,
    words: Words<'m>,
    facts: Facts<'m>,
    seen: Seen<'m>,
    search: Search,
    /// The tasks of the plan, when it is asked for.
    steps: Lazy<'m, Step>,
    _piece: Piece<'m>,
}

impl<'m> Planner<'m> {
    /// Bytes that a planner takes at most: places in its memory are numbers of 32 bits, with a bit to spare.
    pub const MOST_MEMORY: usize = match (usize::MAX as u64) >> 33 {
        0 => usize::MAX >> 1,
        _ => (1u64 << 33) as usize,
    };

    fn carve(
        model: &Model<'m>,
        config: &PlannerConfig,
        carver: &mut Carver<'m>,
        piece: Piece<'m>,
    ) -> Result<Planner<'m>> {
        // An eighth for facts, three for what was seen, a sixteenth for the plan, the rest for the path.
        let words = config.memory.min(Planner::MOST_MEMORY) / 4;
        let facts = Facts::new(carver, model, words / 8)?;
        let seen = Seen::new(carver, words * 3 / 8 * 4 / seen::SLOT)?;
        let steps = Lazy::new(carver, words / 16 * 4 / size_of::<Step>())?;
        // The predicates' table, and what alignment costs.
        let used = carver.layout()?.size().div_ceil(4) + 32;
        let rest = words.checked_sub(used).ok_or(Error::Capacity)?;
        Ok(Planner {
            model: *model,
            config: *config,
            words: Words::new(carver, rest)?,
            facts,
            seen,
            search: Search::default(),
            steps,
            _piece: piece,
        })
    }

    /// The memory that a planner takes: at most what its configuration says.
    ///
    /// # Errors
    /// [`Error::Capacity`] if that cannot be enough for this model.
    pub fn footprint(model: &Model<'m>, config: &PlannerConfig) -> Result<Layout> {
        Carver::layout_of(|carver| Planner::carve(model, config, carver, Piece::lent(&mut [])))
    }

    /// A planner for a model, in memory from `allocator`.
    ///
    /// # Errors
    /// Those of [`footprint`](Planner::footprint) and of the allocator; [`Error::Capacity`] if the memory
    /// does not hold what is made of the model.
    pub fn new(
        model: &Model<'m>,
        config: &PlannerConfig,
        allocator: impl Allocator<'m>,
    ) -> Result<Planner<'m>> {
        Planner::in_piece(model, config, allocator.allocate(Planner::footprint(model, config)?)?)
    }

    pub(crate) fn in_piece(
        model: &Model<'m>,
        config: &PlannerConfig,
        mut piece: Piece<'m>,
    ) -> Result<Planner<'m>> {
        let mut carver = piece.carver(Planner::footprint(model, config)?)?;
        let mut planner = Planner::carve(model, config, &mut carver, piece)?;
        match planner.prepare() {
            Err(Error::OutOfMemory) => Err(Error::Capacity),
            Err(error) => Err(error),
            Ok(()) => Ok(planner),
        }
    }

    /// Searches on: at most so many nodes, which are tasks decomposed and actions tried. Less where it goes
    /// back often, or has to look at many facts to find the instances of a method: for each node it goes
    /// back 4 times, and looks at 256 facts and objects, at most. (A single condition with quantifiers, or
    /// a single action's effects, it does look at as a whole.)
    pub fn step(&mut self, nodes: u64) -> Outcome {
        self.search_for(nodes, None)
    }

    /// As [`step`](Planner::step), with a say of `order` in which method is tried first. It is not asked where
    /// methods leave subtasks unordered.
    pub fn step_with(&mut self, nodes: u64, order: &mut dyn MethodOrder) -> Outcome {
        self.search_for(nodes, Some(order))
    }

    /// Searches on until there is an answer or `stop` says that it is enough, which is asked after every
    /// `nodes` nodes.
    pub fn run(&mut self, nodes: u64, mut stop: impl FnMut(&PlannerStats) -> bool) -> Outcome {
        loop {
            let outcome = self.step(nodes);
            if outcome != Outcome::Running || stop(&self.stats()) {
                return outcome;
            }
        }
    }

    /// The plan that was found; it is put together within the planner's memory.
    ///
    /// # Errors
    /// [`Error::TaskState`] while none was found; [`Error::TaskNoPlan`] if there is none;
    /// [`Error::OutOfMemory`] if the memory was too small to find one, or to write it down.
    pub fn plan(&mut self) -> Result<Plan<'_>> {
        self.extract()
    }

    /// The model that it plans for.
    pub fn model(&self) -> &Model<'m> {
        &self.model
    }

    /// What it did so far.
    pub fn stats(&self) -> PlannerStats {
        let mut stats = self.search.stats;
        stats.stack = self.words.top() * 4;
        stats.stack_capacity = self.words.capacity() * 4;
        stats.remembered = self.seen.len();
        stats
    }
}
