//! What holds, and what actions do.

use super::super::format::MAX_ARITY;
use super::super::formula::{Effect, Effects, Formula, View};
use super::super::ids::Term;
use super::super::ids::{PredicateId, TypeId};
use super::super::model::Model;
use super::super::tree::OPEN;
use super::facts::Facts;
use crate::error::Result;

pub(super) struct State<'s, 'm, 'a> {
    pub model: &'s Model<'a>,
    pub facts: &'s mut Facts<'m>,
    /// Values of variables; [`OPEN`] for none.
    pub bound: &'s mut [u16],
}

impl<'a> State<'_, '_, 'a> {
    /// Whether a formula holds; `None` if that hangs on variables without a value. Calls itself as deep
    /// as the formula nests, which a model bounds.
    pub fn value(&mut self, formula: Formula<'a>) -> Option<bool> {
        match formula.view(self.model) {
            View::And(items) => self.among(items, false),
            View::Or(items) => self.among(items, true),
            View::ForAll(variable, ty, body) => self.over(variable, ty, body, false),
            View::Exists(variable, ty, body) => self.over(variable, ty, body, true),
            View::Equal(equal, a, b) => Some((self.object(a)? == self.object(b)?) == equal),
            View::Atom(positive, predicate, args) => Some(self.fact(predicate, args)? == positive),
        }
    }

    /// Looks for one that is `wanted`; else the opposite, if that is known.
    fn among(&mut self, items: impl Iterator<Item = Formula<'a>>, wanted: bool) -> Option<bool> {
        let mut known = true;
        for item in items {
            match self.value(item) {
                Some(value) if value == wanted => return Some(wanted),
                Some(_) => {}
                None => known = false,
            }
        }
        known.then_some(!wanted)
    }

    fn over(&mut self, variable: u16, ty: TypeId, body: Formula<'a>, wanted: bool) -> Option<bool> {
        let place = variable as usize;
        let before = *self.bound.get(place)?;
        let mut answer = Some(!wanted);
        for object in self.model.objects_of(ty) {
            self.bound[place] = object.0;
            match self.value(body) {
                Some(value) if value == wanted => {
                    answer = Some(wanted);
                    break;
                }
                Some(_) => {}
                None => answer = None,
            }
        }
        self.bound[place] = before;
        answer
    }

    fn object(&self, code: u16) -> Option<u16> {
        let value = Term::from_code(code).value(self.bound)?.0;
        (value != OPEN).then_some(value)
    }

    /// Puts values in the place of terms.
    fn ground<'b>(&self, args: &[u16], into: &'b mut [u16; MAX_ARITY]) -> Option<&'b [u16]> {
        let row = into.get_mut(..args.len())?;
        for (place, code) in row.iter_mut().zip(args) {
            *place = self.object(*code)?;
        }
        Some(row)
    }

    fn fact(&self, predicate: PredicateId, args: &[u16]) -> Option<bool> {
        let mut row = [0; MAX_ARITY];
        let row = self.ground(args, &mut row)?;
        let facts = self.model.predicate(predicate);
        if facts.fluent {
            return Some(self.facts.holds(predicate.0, row));
        }
        // What never changes is looked up in the model: rows in ascending order.
        let arity = row.len();
        if arity == 0 {
            return Some(facts.count > 0);
        }
        let (mut low, mut high) = (0, facts.count);
        while low < high {
            let middle = low + (high - low) / 2;
            match facts.facts.get(middle * arity..(middle + 1) * arity)?.cmp(row) {
                core::cmp::Ordering::Equal => return Some(true),
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Greater => high = middle,
            }
        }
        Some(false)
    }

    /// Whether parameters that are open can have values so that a formula holds; `None` if more than
    /// `choices` would have to be looked at. `types` are those of the parameters, the first variables.
    /// Leaves them as they are.
    pub fn can_be(
        &mut self,
        formula: Formula<'a>,
        types: &[u16],
        choices: &mut u32,
    ) -> Option<bool> {
        match self.value(formula) {
            Some(value) => return Some(value),
            None if types.len() > self.bound.len() => return Some(false),
            None => {}
        }
        // Counts through the values of those that are open, as an odometer does, from the first one on,
        // and goes on to the next only where what is known so far may still hold.
        let mut chosen = [0u8; super::MAX_VARIABLES];
        let mut count = 0usize;
        for (variable, value) in self.bound[..types.len()].iter().enumerate() {
            if *value == OPEN {
                chosen[count] = variable as u8;
                count += 1;
            }
        }
        let chosen = &chosen[..count];
        let mut at = 0;
        let found = loop {
            let Some(&variable) = chosen.get(at) else { break Some(false) };
            *choices = match choices.checked_sub(1) {
                Some(left) => left,
                None => break None,
            };
            let place = variable as usize;
            let next = self.after(TypeId(types[place]), self.bound[place]);
            self.bound[place] = next;
            if next == OPEN {
                // No further value: back to the one before.
                match at.checked_sub(1) {
                    Some(before) => at = before,
                    None => break Some(false),
                }
                continue;
            }
            match self.value(formula) {
                Some(true) => break Some(true),
                Some(false) => {}
                None => at += 1,
            }
        };
        chosen.iter().for_each(|variable| self.bound[*variable as usize] = OPEN);
        found
    }

    /// The object of a type that comes after another; the first one after [`OPEN`]; [`OPEN`] after the
    /// last.
    fn after(&self, ty: TypeId, object: u16) -> u16 {
        let set = self.model.type_set(ty);
        let from = if object == OPEN { 0 } else { object as usize + 1 };
        let (mut word, bit) = (from / 32, from % 32);
        let mut mask = u32::MAX << bit;
        while let Some(bits) = set.get(word) {
            let left = bits & mask;
            if left != 0 {
                return (word * 32) as u16 + left.trailing_zeros() as u16;
            }
            mask = u32::MAX;
            word += 1;
        }
        OPEN
    }

    /// Does what an action does.
    pub fn apply(&mut self, effects: Effects<'a>) -> Result<()> {
        for effect in effects {
            match effect {
                Effect::Add(predicate, args) => self.change(true, predicate, args)?,
                Effect::Delete(predicate, args) => self.change(false, predicate, args)?,
                Effect::When { variables, condition, effects } => {
                    self.when(variables, condition, effects)?;
                }
            }
        }
        self.facts.commit();
        Ok(())
    }

    fn change(&mut self, add: bool, predicate: PredicateId, args: &[u16]) -> Result<()> {
        let mut row = [0; MAX_ARITY];
        match self.ground(args, &mut row) {
            Some(row) => self.facts.change(add, predicate.0, row),
            None => Ok(()),
        }
    }

    /// For all values of the variables, of which each is open before and afterwards.
    fn when(
        &mut self,
        variables: &[u16],
        condition: Formula<'a>,
        effects: Effects<'a>,
    ) -> Result<()> {
        let count = variables.len() / 2;
        let mut at = 0;
        loop {
            if at == count {
                if self.value(condition) == Some(true) {
                    for effect in effects {
                        match effect {
                            Effect::Add(predicate, args) => self.change(true, predicate, args)?,
                            Effect::Delete(predicate, args) => {
                                self.change(false, predicate, args)?
                            }
                            // A model has none inside another.
                            Effect::When { .. } => {}
                        }
                    }
                }
            } else {
                let (variable, ty) = (variables[2 * at] as usize, variables[2 * at + 1]);
                let next = self.after(TypeId(ty), self.bound[variable]);
                self.bound[variable] = next;
                if next != OPEN {
                    at += 1;
                    continue;
                }
            }
            // The next value of the one before.
            match at.checked_sub(1) {
                Some(before) => at = before,
                None => return Ok(()),
            }
        }
    }
}
