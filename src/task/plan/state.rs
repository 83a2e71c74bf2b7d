//! What is true at some time: of a search, or of a plan that is gone through.

use super::ids::PredicateId;
use super::model::Model;

/// A state, asked for its facts: that of a search, or of a plan that is gone through.
pub trait State {
    /// What it is a state of.
    fn model(&self) -> &Model<'_>;

    /// Whether a fact holds. Of objects or a predicate that there are not, or another number of arguments,
    /// none does.
    fn holds(&self, predicate: PredicateId, args: &[u16]) -> bool;

    /// How many facts of a predicate hold.
    fn count(&self, predicate: PredicateId) -> usize;

    /// All facts that hold and have an object at a place, in any order; of what there is not, none.
    fn each(
        &self,
        predicate: PredicateId,
        place: usize,
        object: u16,
        found: &mut dyn FnMut(&[u16]),
    );
}

/// Whether a predicate takes such arguments: no fact holds of others.
pub(super) fn is_fact(model: &Model<'_>, predicate: PredicateId, args: &[u16]) -> bool {
    predicate.index() < model.predicates()
        && model.predicate(predicate).types.len() == args.len()
        && args.iter().all(|object| (*object as usize) < model.objects())
}
