//! A say in which method is tried first.

use super::super::format::MAX_ARITY;
use super::super::state::{State, is_fact};
use super::super::{Model, ObjectId, PredicateId, TaskId};
use super::facts::{Facts, Range, WHOLE};
use super::words::Words;

/// Ranks the methods of a task, from what the state is like: a learned model, say.
///
/// It is not asked where a task has more than 256 methods.
/// It changes which methods are tried first, never which are tried: what is found stays right, and what
/// has no plan is still found to have none. Attempts that choose methods at random do not ask it, so a
/// bad ranking costs time alone.
pub trait MethodOrder {
    /// Writes a score for each of `methods` (numbers of methods, at least two) of a task with these
    /// arguments (numbers of objects); `scores` is as long, and all 0. The lowest is tried first; the same
    /// score means the order of the model.
    fn rank(
        &mut self,
        state: &PlanState<'_>,
        task: TaskId,
        args: &[u16],
        methods: &[u16],
        scores: &mut [f32],
    );
}

/// The state in which a task is to be decomposed.
pub struct PlanState<'s> {
    pub(super) model: &'s Model<'s>,
    pub(super) facts: &'s Facts<'s>,
    pub(super) words: &'s Words<'s>,
}

impl PlanState<'_> {
    /// Whether a fact holds. `args` are as many as the predicate takes; of another number none holds.
    pub fn holds(&self, predicate: PredicateId, args: &[ObjectId]) -> bool {
        let mut ground = [0u16; MAX_ARITY];
        ground.iter_mut().zip(args).for_each(|(place, arg)| *place = arg.0);
        ground.get(..args.len()).is_some_and(|ground| State::holds(self, predicate, ground))
    }

    /// How many facts of a predicate hold.
    pub fn count(&self, predicate: PredicateId) -> usize {
        self.facts.preds.get(predicate.index()).map_or(0, |pred| pred.count as usize)
    }

    /// The model that is planned for.
    pub fn model(&self) -> &Model<'_> {
        self.model
    }
}

impl State for PlanState<'_> {
    fn model(&self) -> &Model<'_> {
        self.model
    }

    fn holds(&self, predicate: PredicateId, args: &[u16]) -> bool {
        let Some(pred) = self.facts.preds.get(predicate.index()) else { return false };
        if !is_fact(self.model, predicate, args) {
            return false;
        }
        match pred.fluent {
            true => self.facts.holds_fluent(predicate.index(), args),
            false => self.facts.holds_static(self.words, self.model.all_facts(), pred, args),
        }
    }

    fn count(&self, predicate: PredicateId) -> usize {
        PlanState::count(self, predicate)
    }

    fn each(
        &self,
        predicate: PredicateId,
        place: usize,
        object: u16,
        found: &mut dyn FnMut(&[u16]),
    ) {
        let Some(pred) = self.facts.preds.get(predicate.index()) else { return };
        let arity = pred.arity as usize;
        if place >= arity || object as usize >= self.model.objects() {
            return;
        }
        let listed = pred.lists >> place & 1 != 0;
        let mut args = [0; MAX_ARITY];
        if pred.fluent && listed {
            let mut fact = self.facts.first(self.words, pred, place, object as usize, false);
            while fact != 0 {
                self.facts.read(fact, &mut args);
                found(args.get(..arity).unwrap_or(&[]));
                fact = self.facts.next(pred, place, fact, false);
            }
        } else if pred.fluent && arity == 2 {
            // No method looks them up by this argument: each object is tried as the other. Of what type
            // it is does not matter: actions may add facts of any.
            let other = 1 - place;
            for value in 0..self.model.objects() as u16 {
                let mut args = [object; 2];
                if let Some(slot) = args.get_mut(other) {
                    *slot = value;
                }
                if self.facts.holds_fluent(predicate.index(), &args) {
                    found(&args);
                }
            }
        } else if pred.fluent {
            // Nor are there so few ways: all facts are gone through.
            let mut fact = self.facts.after(0);
            while fact != 0 {
                if self.facts.holds(fact) {
                    let (of, arity) = self.facts.read(fact, &mut args);
                    if of == predicate.index() && args.get(place) == Some(&object) {
                        found(args.get(..arity).unwrap_or(&[]));
                    }
                }
                fact = self.facts.after(fact);
            }
        } else {
            let rows = self.model.predicate(predicate).facts;
            let mut one = |row: usize| {
                let row = rows.get(row * arity..(row + 1) * arity).unwrap_or(&[]);
                if row.get(place) == Some(&object) {
                    found(row);
                }
            };
            let by = if place == 0 || listed { place } else { WHOLE };
            match self.facts.range(self.words, pred, by, object as usize) {
                Range::Rows(from, to) => (from..to).for_each(one),
                Range::Numbers(from, to) => {
                    (from..to).for_each(|at| one(self.words.at(at) as usize));
                }
            }
        }
    }
}
