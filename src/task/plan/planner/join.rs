//! Runs the program of a method: binding after binding.

use super::super::format::MAX_ARITY;
use super::super::{Formula, Model, ObjectId, TypeId};
use super::act::next_object;
use super::compile::step;
use super::eval::{State, Values, value};
use super::facts::{Facts, Range, WHOLE};
use super::words::{Words, mix};

/// What a join runs over.
pub(super) struct Join<'s, 'a, 'm> {
    pub model: &'s Model<'a>,
    pub facts: &'s Facts<'m>,
    pub words: &'s mut Words<'m>,
    /// Where programs lie.
    pub base: usize,
    /// Where the slots of the steps that go through something lie, two words each.
    pub slots: usize,
    /// 0: in the order of the file. Else what the order depends on.
    pub shuffle: u64,
    /// Facts and objects that it may still look at.
    pub rows: u64,
}

/// What came of looking for a binding.
pub(super) enum Binding {
    /// There is one. With the last step that goes through something: there the next is looked for; 0 if
    /// there is no further one.
    Found(usize),
    /// There is none, or no further one.
    Nothing,
    /// It has looked at as much as it may. It goes on at this step as if it were for the next binding.
    Paused(usize),
}

impl Join<'_, '_, '_> {
    /// The first binding of a program (`from` its first step), or the one after (`from` the last step that
    /// goes through something). What is bound so far is in `values`, and where the steps are in the slots.
    pub fn run(&mut self, from: usize, resume: bool, args: &[u16], values: &mut Values) -> Binding {
        let (mut pc, mut resume) = (from, resume);
        loop {
            let at = self.base + pc;
            let (head, back) = (self.words.at(at), self.words.at(at + 1) as usize);
            let len = (head >> 8 & 0xFF) as usize;
            let sign = head >> 24 & 1 != 0;
            let (holds, size) = match head & 0xFF {
                step::TAKE => {
                    let arg = args.get(self.words.at(at + 2) as usize).copied().unwrap_or(0);
                    set(values, self.words.at(at + 3), arg);
                    (true, 4)
                }
                step::EXPECT => {
                    let arg = args.get(self.words.at(at + 2) as usize).copied();
                    (arg == Some(value(self.words.at(at + 3) as u16, values)), 4)
                }
                step::TYPE => {
                    let object = values.get(self.words.at(at + 2) as usize).copied().unwrap_or(0);
                    (self.model.is(ObjectId(object), TypeId(self.words.at(at + 3) as u16)), 4)
                }
                step::EQUAL => {
                    let a = value(self.words.at(at + 2) as u16, values);
                    ((a == value(self.words.at(at + 3) as u16, values)) == sign, 4)
                }
                step::ASSIGN => {
                    let new = value(self.words.at(at + 3) as u16, values);
                    set(values, self.words.at(at + 2), new);
                    (true, 4)
                }
                code @ (step::STATIC | step::FLUENT) => {
                    let ground = self.ground(at + 3, len, values);
                    let ground = ground.get(..len).unwrap_or(&[]);
                    let pred = self.words.at(at + 2) as usize;
                    let holds = match (code, self.facts.preds.get(pred)) {
                        (step::FLUENT, _) => self.facts.holds_fluent(pred, ground),
                        (_, Some(known)) => {
                            let rows = self.model.all_facts();
                            self.facts.holds_static(self.words, rows, known, ground)
                        }
                        _ => false,
                    };
                    (holds == sign, 3 + len)
                }
                step::LATER => {
                    let ground = self.ground(at + 3, len, values);
                    let ground = ground.get(..len).unwrap_or(&[]);
                    (self.facts.reachable(self.words.at(at + 2) as usize, ground), 3 + len)
                }
                step::FORMULA => {
                    let place = self.words.at(at + 2) as usize;
                    let formula = Formula::new(self.model.code().get(place..).unwrap_or(&[]));
                    let state = State { model: self.model, facts: self.facts, words: self.words };
                    let mut inner = *values;
                    (state.eval(formula, &mut inner, 0), 3)
                }
                step::EACH_STATIC => (self.each_static(at, head, resume, values), 4 + len),
                step::EACH_FLUENT => (self.each_fluent(at, head, resume, values), 4 + len),
                step::EACH_OBJECT => (self.each_object(at, head, resume, values), 4),
                step::END => return Binding::Found(back),
                _ => (false, 0),
            };
            if holds {
                pc += size;
                resume = false;
            } else if back == 0 {
                return Binding::Nothing;
            } else if self.rows == 0 {
                return Binding::Paused(back);
            } else {
                pc = back;
                resume = true;
            }
        }
    }

    /// The arguments of a step, as objects.
    #[inline(always)]
    fn ground(&self, at: usize, len: usize, values: &Values) -> [u16; MAX_ARITY] {
        let mut ground = [0; MAX_ARITY];
        for (place, term) in ground.iter_mut().zip(self.words.slice(at, len)) {
            *place = value(*term as u16, values);
        }
        ground
    }

    /// A number below `count` that depends on the step.
    fn turn(&self, at: usize, count: usize) -> usize {
        if self.shuffle == 0 || count == 0 {
            return 0;
        }
        (((mix(self.shuffle ^ at as u64) >> 32) * count as u64) >> 32) as usize
    }

    fn each_static(&mut self, at: usize, head: u32, resume: bool, values: &mut Values) -> bool {
        let (len, slot) =
            ((head >> 8 & 0xFF) as usize, self.slots + 2 * (head >> 16 & 0xFF) as usize);
        let position = self.words.at(at + 3) as usize;
        let Some(pred) = self.facts.preds.get(self.words.at(at + 2) as usize) else { return false };
        let key = match position {
            WHOLE => 0,
            position => value(self.words.at(at + 4 + position) as u16, values) as usize,
        };
        let range = self.facts.range(self.words, pred, position, key);
        let (from, to, numbers) = match range {
            Range::Rows(from, to) => (from, to, false),
            Range::Numbers(from, to) => (from, to, true),
        };
        let count = to - from;
        let turn = self.turn(at, count);
        let mut done = if resume { self.words.at(slot) as usize } else { 0 };
        while done < count {
            let mut nth = done + turn;
            if nth >= count {
                nth -= count;
            }
            done += 1;
            self.rows = self.rows.saturating_sub(1);
            let row = match numbers {
                false => from + nth,
                true => self.words.at(from + nth) as usize,
            };
            let row = pred.rows as usize + row * len;
            let Some(row) = self.model.all_facts().get(row..row + len) else { continue };
            let fits = row.iter().enumerate().all(|(i, object)| {
                let term = self.words.at(at + 4 + i);
                if term >> 16 != 0 {
                    set_term(values, term, *object);
                    return true;
                }
                value(term as u16, values) == *object
            });
            if fits {
                self.words.set(slot, done as u32);
                return true;
            }
        }
        false
    }

    fn each_fluent(&mut self, at: usize, head: u32, resume: bool, values: &mut Values) -> bool {
        let (len, slot) =
            ((head >> 8 & 0xFF) as usize, self.slots + 2 * (head >> 16 & 0xFF) as usize);
        let position = self.words.at(at + 3) as usize;
        let Some(pred) = self.facts.preds.get(self.words.at(at + 2) as usize) else { return false };
        let back = self.turn(at, 2) == 1;
        let mut fact = if resume {
            self.facts.next(pred, position, self.words.at(slot) as usize, back)
        } else {
            let key = match position {
                WHOLE => 0,
                position => value(self.words.at(at + 4 + position) as u16, values) as usize,
            };
            self.facts.first(self.words, pred, position, key, back)
        };
        while fact != 0 {
            self.rows = self.rows.saturating_sub(1);
            let fits = (0..len).all(|i| {
                let (term, object) = (self.words.at(at + 4 + i), self.facts.arg(fact, i));
                if term >> 16 != 0 {
                    set_term(values, term, object);
                    return true;
                }
                value(term as u16, values) == object
            });
            if fits {
                self.words.set(slot, fact as u32);
                return true;
            }
            fact = self.facts.next(pred, position, fact, back);
        }
        false
    }

    fn each_object(&mut self, at: usize, head: u32, resume: bool, values: &mut Values) -> bool {
        self.rows = self.rows.saturating_sub(1);
        let slot = self.slots + 2 * (head >> 16 & 0xFF) as usize;
        let (variable, ty) = (self.words.at(at + 2), TypeId(self.words.at(at + 3) as u16));
        let set_of = self.model.type_set(ty);
        // From a random object on to the end, then from the first up to it.
        let start = self.turn(at, self.facts.objects);
        let (from, wrapped) = match resume {
            false => (start, false),
            true => (self.words.at(slot) as usize, self.words.at(slot + 1) != 0),
        };
        let mut found = next_object(set_of, from);
        let mut wrapped = wrapped;
        if found.is_none() && !wrapped && start > 0 {
            wrapped = true;
            found = next_object(set_of, 0);
        }
        match found {
            Some(object) if !wrapped || (object as usize) < start => {
                set(values, variable, object);
                self.words.set(slot, object as u32 + 1);
                self.words.set(slot + 1, wrapped as u32);
                true
            }
            _ => false,
        }
    }
}

#[inline(always)]
fn set(values: &mut Values, variable: u32, object: u16) {
    if let Some(place) = values.get_mut(variable as usize) {
        *place = object;
    }
}

#[inline(always)]
fn set_term(values: &mut Values, term: u32, object: u16) {
    set(values, (term as u16).wrapping_sub(super::super::format::FIRST_VARIABLE) as u32, object);
}
