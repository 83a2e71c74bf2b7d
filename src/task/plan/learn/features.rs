//! What a decision looks like, as a row of numbers whose width does not depend on the problem.
//!
//! Each thing that is true of the task's arguments, and of what facts put beside them, is hashed to a
//! place of the row, which becomes 1 (Weinberger et al., "Feature Hashing for Large Scale Multitask
//! Learning", ICML 2009). Objects have no names in it, only what holds of them, as in the colours of
//! Weisfeiler and Leman that learned heuristics are made of (Chen, Trevizan and Thiébaux, "Return to
//! Tradition: Learning Reliable Heuristics with Classical Machine Learning", ICAPS 2024): so what was
//! learned from small problems can be used in large ones of the same domain.

use super::super::{Model, ObjectId, PredicateId, State, TaskId, TypeId};
use crate::task::mix::fold;

/// Facts of a predicate about an object beyond which those are counted alone.
const MANY: usize = 12;
/// Arguments of a fact that are looked at.
const ARGS: usize = 4;

/// Writes the features of a task that is to be decomposed into `row`, 0 or 1 each: several
/// share a place where the row is short.
pub fn decision_features(state: &dyn State, task: TaskId, args: &[u16], row: &mut [f32]) {
    row.fill(0.0);
    let model = state.model();
    let mut look = Look { state, model, args, row };
    let own = fold(1, u64::from(task.0));
    look.mark(own);
    for id in 0..model.predicates() as u16 {
        let count = state.count(PredicateId(id)).min(3) as u64;
        look.mark(fold(fold(own, kind::COUNT + count), u64::from(id)));
    }
    for (place, &object) in args.iter().enumerate() {
        let hash = fold(own, kind::ARGUMENT + place as u64);
        look.each_property(object, |look, property| look.mark(fold(hash, property)));
        look.around(hash, object);
    }
}

/// What is hashed, so that different things do not look alike.
mod kind {
    pub const COUNT: u64 = 1 << 32;
    pub const ARGUMENT: u64 = 2 << 32;
    pub const UNARY: u64 = 3 << 32;
    pub const TYPE: u64 = 4 << 32;
    pub const FACT: u64 = 5 << 32;
    pub const SELF: u64 = 6 << 32;
    pub const OTHER: u64 = 7 << 32;
}

struct Look<'s, 'm> {
    state: &'s dyn State,
    model: &'s Model<'m>,
    args: &'s [u16],
    row: &'s mut [f32],
}

/// Facts about an object: as many as there is room for, and how many there are.
struct Found {
    rows: [[u16; ARGS]; MANY],
    count: usize,
}

impl Look<'_, '_> {
    fn mark(&mut self, hash: u64) {
        // A width of 0 has no places.
        let place = (fold(hash, 9) >> 20) as usize % self.row.len().max(1);
        if let Some(slot) = self.row.get_mut(place) {
            *slot = 1.0;
        }
    }

    /// The types of an object, and its facts that are about nothing else.
    fn each_property(&mut self, object: u16, mut one: impl FnMut(&mut Self, u64)) {
        for id in 0..self.model.predicates() as u16 {
            let unary = self.model.predicate(PredicateId(id)).types.len() == 1;
            if unary && self.state.holds(PredicateId(id), &[object]) {
                one(self, kind::UNARY + u64::from(id));
            }
        }
        for ty in 1..self.model.types() as u16 {
            if self.model.is(ObjectId(object), TypeId(ty)) {
                one(self, kind::TYPE + u64::from(ty));
            }
        }
    }

    /// What an object is like: which argument it is, else its properties.
    fn colour(&mut self, object: u16) -> u64 {
        if let Some(which) = self.args.iter().position(|arg| *arg == object) {
            return fold(kind::ARGUMENT, which as u64);
        }
        let mut hash = kind::OTHER;
        self.each_property(object, |_, property| hash = fold(hash, property));
        hash
    }

    fn facts(&self, predicate: u16, place: usize, object: u16) -> Found {
        let mut found = Found { rows: [[0; ARGS]; MANY], count: 0 };
        self.state.each(PredicateId(predicate), place, object, &mut |args| {
            if let Some(row) = found.rows.get_mut(found.count) {
                row.iter_mut().zip(args).for_each(|(slot, arg)| *slot = *arg);
            }
            found.count += 1;
        });
        found
    }

    /// Marks a fact about the object at `place` of it, `from` being where one came from.
    fn mark_fact(&mut self, hash: u64, row: &[u16], place: usize, from: Option<u16>) {
        let mut whole = hash;
        for (other, &value) in row.iter().enumerate() {
            if other != place {
                let back = Some(value) == from;
                whole = fold(whole, if back { kind::SELF } else { self.colour(value) });
            }
        }
        self.mark(whole);
    }

    /// The facts about an object, and those about the objects in them.
    fn around(&mut self, hash: u64, object: u16) {
        for id in 0..self.model.predicates() as u16 {
            let arity = self.model.predicate(PredicateId(id)).types.len();
            for place in 0..if arity < 2 { 0 } else { arity } {
                let Found { rows, count } = self.facts(id, place, object);
                let hash = fold(hash, kind::FACT + (u64::from(id) << 8) + place as u64);
                self.mark(fold(hash, kind::COUNT + count.min(3) as u64));
                for row in rows.iter().take(if count > MANY { 0 } else { count }) {
                    let row = row.get(..arity).unwrap_or(row);
                    self.mark_fact(hash, row, place, None);
                    for (other, &value) in row.iter().enumerate() {
                        if other != place && !self.args.contains(&value) {
                            self.beyond(fold(hash, kind::OTHER + other as u64), value, object);
                        }
                    }
                }
            }
        }
    }

    /// The facts of two objects about one that lies beside `from`: of more, they would be too many.
    fn beyond(&mut self, hash: u64, object: u16, from: u16) {
        for id in 0..self.model.predicates() as u16 {
            if self.model.predicate(PredicateId(id)).types.len() != 2 {
                continue;
            }
            for place in 0..2 {
                let Found { rows, count } = self.facts(id, place, object);
                let hash = fold(hash, kind::FACT + (u64::from(id) << 8) + place as u64);
                for row in rows.iter().take(if count > MANY { 0 } else { count }) {
                    self.mark_fact(hash, row.get(..2).unwrap_or(row), place, Some(from));
                }
            }
        }
    }
}
