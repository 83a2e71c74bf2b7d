//! What a plan decides, told while it is gone through.

use super::super::format::MAX_ARITY;
use super::super::ids::{MethodId, PredicateId, TaskId};
use super::super::model::Model;
use super::super::state::{State, is_fact};
use super::Run;
use super::facts::Facts;

/// A task that is decomposed, in the state in which it is.
pub struct Decision<'s> {
    /// The state.
    pub state: &'s dyn State,
    /// The task.
    pub task: TaskId,
    /// Its arguments: numbers of objects.
    pub args: &'s [u16],
    /// The method.
    pub method: MethodId,
}

impl Run<'_, '_, '_> {
    /// Tells of the decomposition of a node, if somebody watches.
    pub(super) fn tell(&mut self, node: usize) {
        let (Some(step), true) = (self.plan.steps.get(node), self.watch.is_some()) else { return };
        let mut args = [0; MAX_ARITY];
        let arity = self.model.task(step.task).types.len();
        for (place, slot) in args.iter_mut().enumerate().take(arity) {
            *slot = self.argument(node, place).unwrap_or(0);
        }
        let Some(watch) = &mut self.watch else { return };
        let state = Now { model: &self.model, facts: &self.v.facts };
        let args = args.get(..arity).unwrap_or(&[]);
        watch(&Decision { state: &state, task: step.task, args, method: step.method });
    }
}

/// The state of a verifier.
struct Now<'s, 'm, 'a> {
    model: &'s Model<'a>,
    facts: &'s Facts<'m>,
}

impl State for Now<'_, '_, '_> {
    fn model(&self) -> &Model<'_> {
        self.model
    }

    fn holds(&self, predicate: PredicateId, args: &[u16]) -> bool {
        if !is_fact(self.model, predicate, args) {
            return false;
        }
        let facts = self.model.predicate(predicate);
        match (facts.fluent, args.len()) {
            (true, _) => self.facts.holds(predicate.0, args),
            (false, 0) => facts.count > 0,
            (false, arity) => {
                // They ascend.
                let row = |at: usize| facts.facts.get(at * arity..(at + 1) * arity);
                let (mut from, mut to) = (0, facts.count);
                while from < to {
                    let middle = from.midpoint(to);
                    if row(middle) < Some(args) { from = middle + 1 } else { to = middle }
                }
                row(from) == Some(args)
            }
        }
    }

    fn count(&self, predicate: PredicateId) -> usize {
        if predicate.index() >= self.model.predicates() {
            return 0;
        }
        let facts = self.model.predicate(predicate);
        match facts.fluent {
            true => self.facts.all(predicate.0, facts.types.len()).count(),
            false => facts.count,
        }
    }

    fn each(
        &self,
        predicate: PredicateId,
        place: usize,
        object: u16,
        found: &mut dyn FnMut(&[u16]),
    ) {
        if predicate.index() >= self.model.predicates() {
            return;
        }
        let facts = self.model.predicate(predicate);
        let arity = facts.types.len();
        let mut one = |row: &[u16]| {
            if row.get(place) == Some(&object) {
                found(row);
            }
        };
        match facts.fluent {
            true => self.facts.all(predicate.0, arity).for_each(one),
            false => facts.facts.chunks_exact(arity.max(1)).for_each(&mut one),
        }
    }
}
