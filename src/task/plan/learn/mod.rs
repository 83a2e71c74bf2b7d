//! An order of methods that is learned from plans.
//!
//! Plans of small problems say which method was right in which state: [`MethodSamples`] goes through them
//! and notes each decision, as features that do not depend on the size of the problem. A small network
//! learns to say the same, and [`LearnedOrder`] has a planner try first what the network thinks most
//! likely, in problems of the same domain. Which methods are tried does not change: what is learned costs
//! or saves time, and makes nothing right or wrong.
//!
//! | file | what |
//! |---|---|
//! | `features` | a decision as a row of numbers |
//! | `train` | decisions from plans, and a network that is trained on them (`alloc`) |

mod features;
#[cfg(feature = "alloc")]
mod train;

use core::alloc::Layout;

use super::{MethodOrder, Model, PlanState, State, TaskId};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::nn::Net;
use crate::port::Allocator;

pub use features::decision_features;
#[cfg(feature = "alloc")]
pub use train::{LearnConfig, MethodSamples};

/// Ranks methods by a network: for [`Planner::step_with`](super::Planner::step_with).
///
/// The network has an input for each feature, as many as it likes, and an output for each method of the
/// domain; the method with the highest output is tried first. It is one of [`crate::nn`], saved and read as
/// those are; [`LearnedOrder::train`] makes one.
///
/// Attempts of the planner that choose methods at random do not ask it, nor does a search in models that leave
/// subtasks unordered.
pub struct LearnedOrder<'m> {
    net: Net<'m>,
    row: Carved<'m, f32>,
    outputs: Carved<'m, f32>,
    /// Behind the two.
    _piece: Piece<'m>,
}

impl<'m> LearnedOrder<'m> {
    fn carve(net: &Net<'_>, carver: &mut Carver<'m>) -> Result<(Carved<'m, f32>, Carved<'m, f32>)> {
        let shape = net.shape();
        Ok((carver.take(shape.inputs, 0.0)?, carver.take(shape.outputs, 0.0)?))
    }

    /// The memory that it takes beside the network.
    ///
    /// # Errors
    /// [`Error::Overflow`] for more than this machine has.
    pub fn footprint(net: &Net<'_>) -> Result<Layout> {
        Carver::layout_of(|carver| LearnedOrder::carve(net, carver))
    }

    /// An order for problems of the domain that the network was trained on; `model` is any of them.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] if the network has not an output for each method; those of the allocator.
    pub fn new(
        net: Net<'m>,
        model: &Model<'_>,
        allocator: impl Allocator<'m>,
    ) -> Result<LearnedOrder<'m>> {
        if net.shape().outputs != model.methods() {
            return Err(Error::TaskDomain);
        }
        let layout = LearnedOrder::footprint(&net)?;
        let mut piece = allocator.allocate(layout)?;
        let (row, outputs) = LearnedOrder::carve(&net, &mut piece.carver(layout)?)?;
        Ok(LearnedOrder { net, row, outputs, _piece: piece })
    }

    /// The network, to be saved say.
    pub fn net(&self) -> &Net<'m> {
        &self.net
    }

    /// What the network says of `methods` in a state: the lower, the better. A method that it has no output
    /// for scores 0.
    pub fn score(
        &mut self,
        state: &dyn State,
        task: TaskId,
        args: &[u16],
        methods: &[u16],
        scores: &mut [f32],
    ) {
        decision_features(state, task, args, &mut self.row);
        // Rows are as long as the network wants them.
        if self.net.forward(&self.row, &mut self.outputs).is_err() {
            return;
        }
        for (score, method) in scores.iter_mut().zip(methods) {
            *score = -self.outputs.get(*method as usize).copied().unwrap_or(0.0);
        }
    }
}

impl MethodOrder for LearnedOrder<'_> {
    fn rank(
        &mut self,
        state: &PlanState<'_>,
        task: TaskId,
        args: &[u16],
        methods: &[u16],
        scores: &mut [f32],
    ) {
        self.score(state, task, args, methods, scores);
    }
}
