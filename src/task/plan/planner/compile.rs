//! Methods become programs: joins in a good order, tests as soon as they can be made.

use super::super::format::NO_TASK;
use super::super::{
    Action, Formula, MethodId, Model, PredicateId, Subtasks, TaskId, Term, TypeId, View,
};
use super::facts::{Pred, WHOLE};
use super::pullup::{Literal, Needs, own};
use super::words::{Words, fold};
use crate::error::Result;

/// What a step of a program does. Each step is: code, number of arguments << 8, slot << 16, sign << 24;
/// the step to go back to if this one fails (0: none); then what stands here.
pub(super) mod step {
    /// argument of the task, variable: binds it.
    pub const TAKE: u32 = 1;
    /// argument of the task, term: must be equal.
    pub const EXPECT: u32 = 2;
    /// variable, type.
    pub const TYPE: u32 = 3;
    /// term, term; the sign says whether they must be equal.
    pub const EQUAL: u32 = 4;
    /// predicate, terms: a fact that does not change; the sign says whether it must hold.
    pub const STATIC: u32 = 5;
    /// As above, one that changes.
    pub const FLUENT: u32 = 6;
    /// place in the model's code.
    pub const FORMULA: u32 = 7;
    /// variable, term: binds it.
    pub const ASSIGN: u32 = 8;
    /// predicate, position of the index, terms, those to be bound with `1 << 16`: goes through facts.
    pub const EACH_STATIC: u32 = 9;
    /// As above.
    pub const EACH_FLUENT: u32 = 10;
    /// variable, type: goes through its objects.
    pub const EACH_OBJECT: u32 = 11;
    /// All holds.
    pub const END: u32 = 12;
    /// Nothing ever does.
    pub const NEVER: u32 = 13;
    /// predicate, terms: a fact that can become true at all.
    pub const LATER: u32 = 14;
}

/// Words of a program before its steps: variables and slots << 16; place of the subtasks; the method.
pub(super) const PROGRAM_HEAD: usize = 3;

/// Where programs lie: the places of those of each method (and the network), then the programs.
#[derive(Clone, Copy, Default)]
pub(super) struct Programs {
    pub base: usize,
    /// Places of programs that go through what actions could be done, were nothing ever deleted: one for
    /// each task (0 for a compound one).
    pub actions: usize,
}

pub(super) struct Compiler<'a, 'w, 'm> {
    pub model: &'a Model<'a>,
    pub words: &'w mut Words<'m>,
    pub preds: &'w mut [Pred],
    /// For each predicate and position how many different objects there are, from `distinct` on;
    /// `distinct_at` has the places.
    distinct: usize,
    distinct_at: usize,
    bound: [bool; 256],
    /// The last step that goes through something.
    last: u32,
    slots: u32,
    base: usize,
    actions: usize,
    /// Whether lists that a program needs are noted: those for actions are for the beginning alone.
    searching: bool,
}

impl<'a, 'w, 'm> Compiler<'a, 'w, 'm> {
    pub fn new(
        model: &'a Model<'a>,
        words: &'w mut Words<'m>,
        preds: &'w mut [Pred],
    ) -> Compiler<'a, 'w, 'm> {
        let bound = [false; 256];
        Compiler {
            model,
            words,
            preds,
            distinct: 0,
            distinct_at: 0,
            bound,
            last: 0,
            slots: 0,
            base: 0,
            actions: 0,
            searching: true,
        }
    }

    /// Compiles everything; the programs end up at the bottom of the words.
    pub fn run(&mut self, partial: bool) -> Result<Programs> {
        let bottom = self.words.top();
        let needs = Needs::new(self.model, self.words, partial)?;
        self.count_distinct()?;
        self.base = self.words.take_zeroed(self.model.methods() + 1)?;
        for id in 0..=self.model.methods() {
            self.method(&needs, MethodId(id as u16))?;
        }
        self.actions = self.words.take_zeroed(self.model.tasks())?;
        self.searching = false;
        for id in 0..self.model.tasks() {
            if let Some(action) = self.model.action(TaskId(id as u16)) {
                self.action(&needs, id, &action)?;
            }
        }
        // Down over what was needed for it alone.
        let len = self.words.top() - self.base;
        for i in 0..len {
            self.words.set(bottom + i, self.words.at(self.base + i));
        }
        self.words.cut(bottom + len);
        Ok(Programs { base: bottom, actions: self.actions - self.base })
    }

    fn count_distinct(&mut self) -> Result<()> {
        let model = self.model;
        self.distinct_at = self.words.take_zeroed(model.predicates())?;
        let mut at = 0;
        for id in 0..model.predicates() {
            self.words.set(self.distinct_at + id, at);
            at += model.predicate(PredicateId(id as u16)).types.len() as u32;
        }
        self.distinct = self.words.take_zeroed(at as usize)?;
        let words = model.objects().div_ceil(32);
        for id in 0..model.predicates() {
            let predicate = model.predicate(PredicateId(id as u16));
            let arity = predicate.types.len();
            for position in 0..arity {
                let set = self.words.take_zeroed(words)?;
                let mut count = 0;
                for row in predicate.facts.chunks_exact(arity) {
                    let object = row.get(position).copied().unwrap_or(0) as usize;
                    let word = self.words.at(set + object / 32);
                    count += (word >> (object % 32) & 1 == 0) as u32;
                    self.words.set(set + object / 32, word | 1 << (object % 32));
                }
                self.words.cut(set);
                let place =
                    self.distinct + self.words.at(self.distinct_at + id) as usize + position;
                self.words.set(place, count);
            }
        }
        Ok(())
    }

    fn is_bound(&self, term: u16) -> bool {
        Term::from_code(term)
            .as_variable()
            .is_none_or(|v| self.bound.get(v).copied().unwrap_or(true))
    }

    /// Begins a step.
    fn step(&mut self, code: u32, len: usize, slot: u32, sign: bool) -> Result<()> {
        self.words.push(code | (len as u32) << 8 | slot << 16 | (sign as u32) << 24)?;
        self.words.push(self.last)
    }

    /// A step that goes through something: what fails after it comes back to it.
    fn generator(&mut self, code: u32, len: usize) -> Result<()> {
        let here = (self.words.top() - self.base) as u32;
        self.step(code, len, self.slots, true)?;
        self.slots += 1;
        self.last = here;
        Ok(())
    }

    fn method(&mut self, needs: &Needs, id: MethodId) -> Result<()> {
        let (model, method) = (self.model, self.model.method(id));
        // What it needs, each once, found by a hash table; behind them comes the program, and is moved over
        // all this in the end.
        let bottom = self.words.top();
        let mut most = 0usize;
        needs.each(model, self.words, id, true, &mut |_, _| {
            most += 1;
            Ok(())
        })?;
        let slots = (most * 2).next_power_of_two();
        let table = self.words.take_zeroed(slots)?;
        let literals = self.words.top();
        let mut count = 0usize;
        needs.each(model, self.words, id, true, &mut |words, literal| {
            let new = words.top();
            literal.push(words)?;
            let size = words.top() - new;
            let hash = words.slice(new, size).iter().fold(0, |hash, word| fold(hash, *word as u64));
            let mut slot = (hash >> 32) as usize & (slots - 1);
            loop {
                let other = words.at(table + slot) as usize;
                if other == 0 {
                    break;
                }
                // The first word has the size in it.
                if words.slice(other, size) == words.slice(new, size) {
                    words.cut(new);
                    return Ok(());
                }
                slot = (slot + 1) & (slots - 1);
            }
            words.set(table + slot, new as u32);
            count += 1;
            Ok(())
        })?;
        let flags = self.words.take_zeroed(count.div_ceil(32) + 1)?;
        let start = self.words.top();
        let saved = self.base;
        self.bound = [false; 256];
        self.bound[model_variables(method.types.len())].fill(true);
        (self.last, self.slots) = (0, 0);
        // While it is compiled its places count as if it lay where it will.
        self.base = saved + (start - bottom);
        let (types, uses) = (method.types, Some(method.subtasks));
        let task_types = method.task.map_or(&[][..], |task| model.task(task).types);
        self.words.take(PROGRAM_HEAD)?;
        let possible =
            method.subtasks.into_iter().all(|(task, _)| needs.possible(self.words, task));
        if !possible {
            self.step(step::NEVER, 0, 0, true)?;
        } else {
            for (at, arg) in method.args.iter().enumerate() {
                let term = Term::from_code(*arg);
                match term.as_variable() {
                    Some(v) if !self.bound[v] => {
                        self.step(step::TAKE, 0, 0, true)?;
                        self.words.push(at as u32)?;
                        self.words.push(v as u32)?;
                        let known = task_types.get(at).copied().unwrap_or(0);
                        self.bind(needs, types, uses, v, TypeId(known))?;
                    }
                    _ => {
                        self.step(step::EXPECT, 0, 0, true)?;
                        self.words.push(at as u32)?;
                        self.words.push(*arg as u32)?;
                    }
                }
            }
            self.join(needs, types, uses, method.precondition, literals, count, flags)?;
            self.step(step::END, 0, 0, true)?;
        }
        let subtasks = self.words.top() - self.base;
        self.subtasks(id)?;
        self.words.set(start, method.types.len() as u32 | self.slots << 16);
        self.words.set(start + 1, subtasks as u32);
        self.words.set(start + 2, id.0 as u32);
        // Down over what was needed for it.
        let len = self.words.top() - start;
        for i in 0..len {
            self.words.set(bottom + i, self.words.at(start + i));
        }
        self.words.cut(bottom + len);
        self.base = saved;
        self.words.set(self.base + id.index(), (bottom - self.base) as u32);
        Ok(())
    }

    /// A program for what an action could do: its precondition without what deletions decide.
    fn action(&mut self, needs: &Needs, id: usize, action: &Action<'_>) -> Result<()> {
        let literals = self.words.top();
        let (preds, words) = (&*self.preds, &mut *self.words);
        let mut count = 0usize;
        own(self.model, action.precondition, &mut |literal| {
            let fluent = literal
                .predicate
                .is_some_and(|p| preds.get(p.index()).is_some_and(|pred| pred.fluent));
            if fluent && !literal.positive {
                return Ok(());
            }
            count += 1;
            literal.push(words)
        })?;
        let flags = self.words.take_zeroed(count.div_ceil(32) + 1)?;
        let start = self.words.top();
        let saved = self.base;
        self.base = saved + (start - literals);
        self.bound = [false; 256];
        self.bound[model_variables(action.types.len())].fill(true);
        (self.last, self.slots) = (0, 0);
        self.words.take(PROGRAM_HEAD)?;
        let nothing = Formula::new(&[]);
        self.join(needs, action.types, None, nothing, literals, count, flags)?;
        self.step(step::END, 0, 0, true)?;
        self.words.set(start, action.types.len() as u32 | self.slots << 16);
        self.words.set(start + 1, 0);
        self.words.set(start + 2, id as u32);
        let len = self.words.top() - start;
        for i in 0..len {
            self.words.set(literals + i, self.words.at(start + i));
        }
        self.words.cut(literals + len);
        self.base = saved;
        self.words.set(self.actions + id, (literals - self.base) as u32);
        Ok(())
    }

    /// The subtasks, last first: how many; for each: task and arity << 16, its number, arguments.
    fn subtasks(&mut self, id: MethodId) -> Result<()> {
        let method = self.model.method(id);
        self.words.push(method.subtasks.len() as u32)?;
        let size = |(_, args): (TaskId, &[u16])| 1 + args.len();
        self.words.take(method.subtasks.map(size).sum())?;
        let mut end = self.words.top();
        for (task, args) in method.subtasks {
            end -= 1 + args.len();
            self.words.set(end, task.0 as u32 | (args.len() as u32) << 16);
            for (at, arg) in args.iter().enumerate() {
                self.words.set(end + 1 + at, *arg as u32);
            }
        }
        Ok(())
    }

    /// A variable has a value, of a type that is known: it must also be of all that it is used as.
    fn bind(
        &mut self,
        needs: &Needs,
        types: &[u16],
        uses: Option<Subtasks<'_>>,
        variable: usize,
        known: TypeId,
    ) -> Result<()> {
        if let Some(place) = self.bound.get_mut(variable) {
            *place = true;
        }
        let code = Term::variable(variable as u8).code();
        let own = types.get(variable).copied().unwrap_or(0);
        let used = uses.into_iter().flatten().flat_map(|(task, args)| {
            let types = self.model.task(task).types;
            args.iter().zip(types).filter(|(arg, _)| **arg == code).map(|(_, ty)| *ty)
        });
        let mut done = [known; 8];
        let mut count = 1;
        for ty in core::iter::once(own).chain(used) {
            let ty = TypeId(ty);
            let known = done.iter().take(count);
            if known.into_iter().any(|d| needs.within(self.model, self.words, *d, ty)) {
                continue;
            }
            self.step(step::TYPE, 0, 0, true)?;
            self.words.push(variable as u32)?;
            self.words.push(ty.0 as u32)?;
            if let Some(place) = done.get_mut(count) {
                *place = ty;
                count += 1;
            }
        }
        Ok(())
    }

    /// Orders literals and formulae: tests as soon as all is bound, then the join of which the fewest
    /// facts are to be expected.
    #[allow(clippy::too_many_arguments)]
    fn join(
        &mut self,
        needs: &Needs,
        types: &[u16],
        uses: Option<Subtasks<'_>>,
        precondition: Formula<'_>,
        literals: usize,
        count: usize,
        flags: usize,
    ) -> Result<()> {
        let mut formulae_done = 0u64;
        loop {
            let mut again = false;
            let mut best: Option<(u64, usize, Literal, usize)> = None;
            let mut at = literals;
            for nth in 0..count {
                let literal = Literal::read(self.words, at);
                at += literal.size();
                let flag = flags + nth / 32;
                if self.words.at(flag) >> (nth % 32) & 1 != 0 {
                    continue;
                }
                let free = literal.args().iter().filter(|arg| !self.is_bound(**arg)).count();
                if literal.later && free > 0 {
                    continue;
                }
                if free == 0 {
                    self.words.set(flag, self.words.at(flag) | 1 << (nth % 32));
                    self.test(&literal)?;
                } else if literal.predicate.is_none() && literal.positive && free == 1 {
                    self.words.set(flag, self.words.at(flag) | 1 << (nth % 32));
                    let [a, b] = [literal.args[0], literal.args[1]];
                    let (new, old) = if self.is_bound(a) { (b, a) } else { (a, b) };
                    let variable = Term::from_code(new).as_variable().unwrap_or(0);
                    self.step(step::ASSIGN, 0, 0, true)?;
                    self.words.push(variable as u32)?;
                    self.words.push(old as u32)?;
                    self.bind(needs, types, uses, variable, TypeId::OBJECT)?;
                    again = true;
                } else if literal.predicate.is_some() && literal.positive {
                    let (cost, position) = self.estimate(&literal);
                    if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                        best = Some((cost, position, literal, nth));
                    }
                }
            }
            formulae_done = self.formulae(precondition, formulae_done)?;
            if again {
                continue;
            }
            // Variables that no literal can bind now.
            let mut object: Option<(u64, usize)> = None;
            for variable in (0..types.len()).filter(|v| !self.bound[*v]) {
                let ty = TypeId(types.get(variable).copied().unwrap_or(0));
                let size: u32 = self.model.type_set(ty).iter().map(|word| word.count_ones()).sum();
                let cost = size as u64 * 16;
                if object.is_none_or(|(least, _)| cost < least) {
                    object = Some((cost, variable));
                }
            }
            match (best, object) {
                (Some((_, position, literal, nth)), _) => {
                    let flag = flags + nth / 32;
                    self.words.set(flag, self.words.at(flag) | 1 << (nth % 32));
                    self.each(needs, types, uses, &literal, position)?;
                }
                (None, Some((_, variable))) => {
                    let ty = TypeId(types.get(variable).copied().unwrap_or(0));
                    self.generator(step::EACH_OBJECT, 0)?;
                    self.words.push(variable as u32)?;
                    self.words.push(ty.0 as u32)?;
                    self.bind(needs, types, uses, variable, ty)?;
                }
                (None, None) => return Ok(()),
            }
        }
    }

    fn test(&mut self, literal: &Literal) -> Result<()> {
        let code = match literal.predicate {
            _ if literal.later => step::LATER,
            None => step::EQUAL,
            Some(predicate) => match self.preds.get(predicate.index()) {
                Some(pred) if pred.fluent => step::FLUENT,
                _ => step::STATIC,
            },
        };
        self.step(code, literal.len, 0, literal.positive)?;
        if let Some(predicate) = literal.predicate {
            self.words.push(predicate.0 as u32)?;
        }
        for arg in literal.args() {
            self.words.push(*arg as u32)?;
        }
        Ok(())
    }

    /// Facts that are to be expected, in sixteenths, and the position to look them up by.
    fn estimate(&self, literal: &Literal) -> (u64, usize) {
        let Some(predicate) = literal.predicate else { return (u64::MAX, WHOLE) };
        let count = self.model.predicate(predicate).count.max(1) as u64;
        let distinct = self.distinct + self.words.at(self.distinct_at + predicate.index()) as usize;
        let (mut least, mut position) = (count * 16, WHOLE);
        let mut bound = 0;
        for (at, arg) in literal.args().iter().enumerate() {
            if !self.is_bound(*arg) {
                continue;
            }
            bound += 1;
            let group = count * 16 / self.words.at(distinct + at).max(1) as u64;
            if group < least || position == WHOLE {
                (least, position) = (group, at);
            }
        }
        // Each further argument that is bound halves it, say.
        (least >> (bound as u32).saturating_sub(1).min(4), position)
    }

    fn each(
        &mut self,
        needs: &Needs,
        own: &[u16],
        uses: Option<Subtasks<'_>>,
        literal: &Literal,
        position: usize,
    ) -> Result<()> {
        let Some(predicate) = literal.predicate else { return Ok(()) };
        let Some(pred) = self.preds.get_mut(predicate.index()) else { return Ok(()) };
        match position {
            _ if !self.searching => {}
            WHOLE => pred.whole = true,
            position => pred.lists |= 1 << position,
        }
        let code = if pred.fluent { step::EACH_FLUENT } else { step::EACH_STATIC };
        self.generator(code, literal.len)?;
        self.words.push(predicate.0 as u32)?;
        self.words.push(position as u32)?;
        let before = self.bound;
        for arg in literal.args() {
            let fresh = !self.is_bound(*arg);
            self.words.push(*arg as u32 | (fresh as u32) << 16)?;
            // What comes twice is bound the first time, and compared the second.
            if fresh && let Some(v) = Term::from_code(*arg).as_variable() {
                self.bound[v] = true;
            }
        }
        let types = self.model.predicate(predicate).types;
        // Actions may have made facts of objects that are of other types.
        let typed = needs.keeps_types(self.words, predicate);
        for (arg, ty) in literal.args().iter().zip(types) {
            if let Some(v) = Term::from_code(*arg).as_variable().filter(|v| !before[*v]) {
                self.bind(needs, own, uses, v, if typed { TypeId(*ty) } else { TypeId::OBJECT })?;
            }
        }
        Ok(())
    }

    /// Tests the formulae of a precondition that are no literals and of which all is bound.
    fn formulae(&mut self, precondition: Formula<'_>, done: u64) -> Result<u64> {
        if precondition.is_nothing() {
            return Ok(done);
        }
        let predicates = self.model.predicate_records();
        let mut done = done;
        let mut one = |compiler: &mut Self, nth: usize, formula: Formula<'_>| -> Result<()> {
            // Beyond 63 of them they are only tested where all is bound: the last bit stands for all.
            let bit = 1u64 << nth.min(63);
            let view = formula.view_with(predicates);
            if matches!(view, View::Atom(..) | View::Equal(..)) || (nth < 63 && done & bit != 0) {
                return Ok(());
            }
            let all = compiler.bound.iter().all(|bound| *bound);
            let ready = if nth < 63 { compiler.covers(formula, 0) } else { all && done & bit == 0 };
            if ready {
                compiler.step(step::FORMULA, 0, 0, true)?;
                let at = formula.place(compiler.model.code());
                compiler.words.push(at as u32)?;
                if nth < 63 {
                    done |= bit;
                }
            }
            Ok(())
        };
        match precondition.view_with(predicates) {
            View::And(items) => {
                for (nth, item) in items.enumerate() {
                    one(self, nth, item)?;
                }
                if self.bound.iter().all(|bound| *bound) {
                    done |= 1 << 63;
                }
            }
            _ => one(self, 0, precondition)?,
        }
        Ok(done)
    }

    /// Whether all parameters in a formula are bound. Variables of quantifiers count as bound.
    fn covers(&self, formula: Formula<'_>, depth: usize) -> bool {
        let predicates = self.model.predicate_records();
        if depth > super::super::format::MAX_DEPTH {
            return true;
        }
        match formula.view_with(predicates) {
            View::And(mut items) | View::Or(mut items) => {
                items.all(|item| self.covers(item, depth + 1))
            }
            View::ForAll(_, _, body) | View::Exists(_, _, body) => self.covers(body, depth + 1),
            View::Atom(_, _, args) => args.iter().all(|arg| self.is_bound(*arg)),
            View::Equal(_, a, b) => self.is_bound(a) && self.is_bound(b),
        }
    }
}

/// The variables that are no parameters.
fn model_variables(parameters: usize) -> core::ops::RangeFrom<usize> {
    parameters.min(256)..
}

/// The program of the initial task network has no arguments to take.
const _: () = assert!(NO_TASK == u16::MAX);
