//! Formulae in a state.

use super::super::format::{MAX_ARITY, MAX_DEPTH};
use super::super::{Formula, Model, PredicateId, Term, TypeId, View};
use super::facts::Facts;
use super::words::Words;

/// Values of variables, by number.
pub(super) type Values = [u16; 256];

/// A state, to ask.
pub(super) struct State<'s, 'a, 'm> {
    pub model: &'s Model<'a>,
    pub facts: &'s Facts<'m>,
    pub words: &'s Words<'m>,
}

#[inline(always)]
pub(super) fn value(term: u16, values: &Values) -> u16 {
    match Term::from_code(term).as_variable() {
        Some(variable) => values.get(variable).copied().unwrap_or(0),
        None => term,
    }
}

/// Arguments as objects. (A predicate or task has no more.)
#[inline(always)]
pub(super) fn ground(args: &[u16], values: &Values) -> [u16; MAX_ARITY] {
    let mut ground = [0; MAX_ARITY];
    ground.iter_mut().zip(args).for_each(|(place, arg)| *place = value(*arg, values));
    ground
}

impl State<'_, '_, '_> {
    /// Whether a fact holds.
    #[inline]
    pub fn holds(&self, predicate: PredicateId, args: &[u16], values: &Values) -> bool {
        let ground = ground(args, values);
        let ground = ground.get(..args.len()).unwrap_or(&[]);
        match self.facts.preds.get(predicate.index()) {
            Some(pred) if pred.fluent => self.facts.holds_fluent(predicate.index(), ground),
            Some(pred) => self.facts.holds_static(self.words, self.model.all_facts(), pred, ground),
            None => false,
        }
    }

    /// Whether a formula holds. `values` has those of its free variables; those of quantifiers are
    /// overwritten. Its depth is bounded by the model's check.
    pub fn eval(&self, formula: Formula<'_>, values: &mut Values, depth: usize) -> bool {
        if depth > MAX_DEPTH {
            return false;
        }
        match formula.view_with(self.model.predicate_records()) {
            View::Atom(positive, predicate, args) => {
                self.holds(predicate, args, values) == positive
            }
            View::Equal(positive, a, b) => (value(a, values) == value(b, values)) == positive,
            View::And(mut items) => items.all(|item| self.eval(item, values, depth + 1)),
            View::Or(mut items) => items.any(|item| self.eval(item, values, depth + 1)),
            View::ForAll(variable, ty, body) => !self.any(variable, ty, body, values, depth, false),
            View::Exists(variable, ty, body) => self.any(variable, ty, body, values, depth, true),
        }
    }

    /// Whether the body is `wanted` for some object.
    fn any(
        &self,
        variable: u16,
        ty: TypeId,
        body: Formula<'_>,
        values: &mut Values,
        depth: usize,
        wanted: bool,
    ) -> bool {
        self.model.objects_of(ty).any(|object| {
            if let Some(place) = values.get_mut(variable as usize) {
                *place = object.0;
            }
            self.eval(body, values, depth + 1) == wanted
        })
    }
}
