//! What must hold for a task to be carried out at all, found from what its steps need.
//!
//! A literal that an action needs, and that nothing before the action in a method can bring about, must
//! hold when the method is chosen: it becomes a precondition of the method, and what all methods of a
//! task need, the task needs (Magnaguagno, Meneguzzi and de Silva, "HyperTensioN: A three-stage compiler
//! for planning", IPC 2020). The needs of a recursive task are the greatest fixed point. A task without
//! any finite decomposition is found on the way.

use super::super::format::MAX_ARITY;
use super::super::{
    Effect, Formula, MethodId, Model, ObjectId, PredicateId, TaskId, Term, TypeId, View,
};
use super::words::Words;
use crate::error::Result;

/// A literal, or an equality, that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    pub positive: bool,
    /// It need not hold now, but must become true at some time.
    pub later: bool,
    /// `None`: an equality of the first two arguments.
    pub predicate: Option<PredicateId>,
    pub len: usize,
    pub args: [u16; MAX_ARITY],
}

impl Literal {
    fn new(positive: bool, predicate: Option<PredicateId>, args: &[u16]) -> Literal {
        let mut all = [0; MAX_ARITY];
        all.iter_mut().zip(args).for_each(|(place, arg)| *place = *arg);
        Literal { positive, later: false, predicate, len: args.len(), args: all }
    }

    pub fn args(&self) -> &[u16] {
        self.args.get(..self.len).unwrap_or(&[])
    }

    /// Words that [`push`](Literal::push) takes.
    pub fn size(&self) -> usize {
        1 + self.len.div_ceil(2)
    }

    /// Writes it to the end of the words.
    pub fn push(&self, words: &mut Words<'_>) -> Result<()> {
        let predicate = self.predicate.map_or(0xFFFF, |p| p.0) as u32;
        let flags = (self.positive as u32) << 24 | (self.later as u32) << 25;
        words.push(predicate | (self.len as u32) << 16 | flags)?;
        for pair in self.args().chunks(2) {
            words.push(pair[0] as u32 | (pair.get(1).copied().unwrap_or(0) as u32) << 16)?;
        }
        Ok(())
    }

    /// Reads it back.
    pub fn read(words: &Words<'_>, at: usize) -> Literal {
        let head = words.at(at);
        let len = (head >> 16 & 0xFF) as usize;
        let mut args = [0; MAX_ARITY];
        for (i, place) in args.iter_mut().take(len).enumerate() {
            *place = (words.at(at + 1 + i / 2) >> (i % 2 * 16) & 0xFFFF) as u16;
        }
        let predicate = head & 0xFFFF;
        Literal {
            positive: head >> 24 & 1 != 0,
            later: head >> 25 & 1 != 0,
            predicate: (predicate != 0xFFFF).then_some(PredicateId(predicate as u16)),
            len,
            args,
        }
    }
}

/// Subtasks of a method of which the needs are looked at in full.
const LONG: usize = 64;

/// A set of needs that is not known yet, or of a task that cannot be carried out.
const ALL: u32 = u32::MAX;

/// Needs and effects of all tasks, in words that are given back after use.
pub(super) struct Needs {
    /// For each task where its needs are, how many (or [`ALL`]).
    needs: usize,
    /// Pairs of types: bit 0 one overlaps the other, bit 1 the first lies in the second.
    types: usize,
    /// Effects: places of the patterns, and how many.
    patterns: usize,
    pattern_count: usize,
    /// For each task the set of patterns that it may bring about.
    effects: usize,
    set_words: usize,
    /// For each predicate (a bit) whether some action may add facts of it with an argument that is not of
    /// the type that the predicate says.
    strange: usize,
    /// Whether tasks may be interleaved: then other tasks may bring about what a step needs.
    partial: bool,
}

impl Needs {
    pub fn new(model: &Model<'_>, words: &mut Words<'_>, partial: bool) -> Result<Needs> {
        let mut needs = Needs {
            needs: words.take_zeroed(model.tasks() * 2)?,
            types: 0,
            patterns: 0,
            pattern_count: 0,
            effects: 0,
            set_words: 0,
            strange: words.take_zeroed(model.predicates().div_ceil(32))?,
            partial,
        };
        needs.relate_types(model, words)?;
        needs.find_effects(model, words)?;
        needs.find_needs(model, words)?;
        Ok(needs)
    }

    fn relate_types(&mut self, model: &Model<'_>, words: &mut Words<'_>) -> Result<()> {
        let count = model.types();
        self.types = words.take_zeroed((count * count).div_ceil(16))?;
        for a in 0..count {
            let first = model.type_set(TypeId(a as u16));
            for b in 0..count {
                let second = model.type_set(TypeId(b as u16));
                let mut bits = 2;
                for (x, y) in first.iter().zip(second) {
                    if x & y != 0 {
                        bits |= 1;
                    }
                    if x & !y != 0 {
                        bits &= !2;
                    }
                    if bits == 1 {
                        break;
                    }
                }
                let at = a * count + b;
                let place = self.types + at / 16;
                words.set(place, words.at(place) | bits << (at % 16 * 2));
            }
        }
        Ok(())
    }

    fn related(&self, model: &Model<'_>, words: &Words<'_>, a: TypeId, b: TypeId) -> u32 {
        let at = a.index() * model.types() + b.index();
        words.at(self.types + at / 16) >> (at % 16 * 2) & 3
    }

    /// Whether all objects of `a` are of `b`.
    pub fn within(&self, model: &Model<'_>, words: &Words<'_>, a: TypeId, b: TypeId) -> bool {
        self.related(model, words, a, b) & 2 != 0
    }

    /// Whether all facts of a predicate have arguments of the types that it says.
    pub fn keeps_types(&self, words: &Words<'_>, predicate: PredicateId) -> bool {
        words.at(self.strange + predicate.index() / 32) >> (predicate.index() % 32) & 1 == 0
    }

    /// Whether a task has a finite decomposition, whatever the state.
    pub fn possible(&self, words: &Words<'_>, task: TaskId) -> bool {
        words.at(self.needs + task.index() * 2 + 1) != ALL
    }

    fn find_effects(&mut self, model: &Model<'_>, words: &mut Words<'_>) -> Result<()> {
        // A pattern: predicate, 1 << 16 if added, then arguments: objects, or 1 << 16 with a type.
        let count = |model: &Model<'_>, task: usize| {
            let mut count = 0;
            if let Some(action) = model.action(TaskId(task as u16)) {
                for effect in action.effects {
                    count += match effect {
                        Effect::When { effects, .. } => effects.count(),
                        _ => 1,
                    };
                }
            }
            count
        };
        self.pattern_count = (0..model.tasks()).map(|task| count(model, task)).sum();
        self.set_words = self.pattern_count.div_ceil(32);
        self.effects = words.take_zeroed(model.tasks() * self.set_words)?;
        self.patterns = words.take_zeroed(self.pattern_count)?;
        let mut nth = 0;
        for task in 0..model.tasks() {
            let Some(action) = model.action(TaskId(task as u16)) else { continue };
            let mut one =
                |words: &mut Words<'_>, effect: Effect<'_>, bound: &[u16]| -> Result<()> {
                    let (add, predicate, args) = match effect {
                        Effect::Add(predicate, args) => (1, predicate, args),
                        Effect::Delete(predicate, args) => (0, predicate, args),
                        Effect::When { .. } => return Ok(()),
                    };
                    let at = words.top();
                    words.push(predicate.0 as u32 | add << 16)?;
                    let types = model.predicate(predicate).types;
                    for (arg, wanted) in args.iter().zip(types) {
                        let wanted = TypeId(*wanted);
                        let (word, fits) = match Term::from_code(*arg).as_variable() {
                            None => (*arg as u32, model.is(ObjectId(*arg), wanted)),
                            Some(variable) => {
                                let own = action.types.get(variable).copied();
                                let pair =
                                    bound.chunks_exact(2).find(|p| p[0] as usize == variable);
                                let ty = own.or(pair.map(|p| p[1])).unwrap_or(0);
                                let within = self.within(model, words, TypeId(ty), wanted);
                                (1 << 16 | ty as u32, within)
                            }
                        };
                        words.push(word)?;
                        if add == 1 && !fits {
                            let place = self.strange + predicate.index() / 32;
                            let bit = 1 << (predicate.index() % 32);
                            words.set(place, words.at(place) | bit);
                        }
                    }
                    words.set(self.patterns + nth, at as u32);
                    let place = self.effects + task * self.set_words + nth / 32;
                    words.set(place, words.at(place) | 1 << (nth % 32));
                    nth += 1;
                    Ok(())
                };
            for effect in action.effects {
                match effect {
                    Effect::When { variables, effects, .. } => {
                        for effect in effects {
                            one(words, effect, variables)?;
                        }
                    }
                    effect => one(words, effect, &[])?,
                }
            }
        }
        // What subtasks bring about, tasks may bring about.
        let mut changed = true;
        while changed {
            changed = false;
            for id in 0..model.methods() {
                let method = model.method(MethodId(id as u16));
                let Some(task) = method.task else { continue };
                for (subtask, _) in method.subtasks {
                    for at in 0..self.set_words {
                        let from = words.at(self.effects + subtask.index() * self.set_words + at);
                        let place = self.effects + task.index() * self.set_words + at;
                        let old = words.at(place);
                        changed |= from & !old != 0;
                        words.set(place, old | from);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a task may add a fact that makes the literal true (or delete one, if it is negative).
    /// The literal's variables have `types`.
    fn may_achieve(
        &self,
        model: &Model<'_>,
        words: &Words<'_>,
        task: TaskId,
        literal: &Literal,
        types: &[u16],
    ) -> bool {
        let Some(predicate) = literal.predicate else { return false };
        if !model.predicate(predicate).fluent {
            return false;
        }
        let wanted = predicate.0 as u32 | (literal.positive as u32) << 16;
        let set = self.effects + task.index() * self.set_words;
        for word in 0..self.set_words {
            let mut left = words.at(set + word);
            while left != 0 {
                let nth = word * 32 + left.trailing_zeros() as usize;
                left &= left - 1;
                let at = words.at(self.patterns + nth) as usize;
                if words.at(at) != wanted {
                    continue;
                }
                let fits = literal.args().iter().enumerate().all(|(i, arg)| {
                    let pattern = words.at(at + 1 + i);
                    let variable = Term::from_code(*arg).as_variable();
                    let own = variable.map(|v| TypeId(types.get(v).copied().unwrap_or(0)));
                    let (of_type, value) = (pattern >> 16 != 0, (pattern & 0xFFFF) as u16);
                    match (own, of_type) {
                        (None, false) => value == *arg,
                        (None, true) => model.is(ObjectId(*arg), TypeId(value)),
                        (Some(own), false) => model.is(ObjectId(value), own),
                        (Some(own), true) => {
                            self.related(model, words, own, TypeId(value)) & 1 != 0
                        }
                    }
                });
                if fits {
                    return true;
                }
            }
        }
        false
    }

    fn find_needs(&mut self, model: &Model<'_>, words: &mut Words<'_>) -> Result<()> {
        for id in 0..model.tasks() {
            let task = TaskId(id as u16);
            let from = words.top();
            let mut count = 0;
            if let Some(action) = model.action(task) {
                own(model, action.precondition, &mut |literal| {
                    count += 1;
                    literal.push(words)
                })?;
            } else {
                count = ALL;
            }
            words.set(self.needs + id * 2, from as u32);
            words.set(self.needs + id * 2 + 1, count);
        }
        let mut changed = true;
        while changed {
            changed = false;
            for id in 0..model.tasks() {
                let task = TaskId(id as u16);
                for method in model.methods_of(task) {
                    changed |= self.refine(model, words, task, MethodId(*method))?;
                }
            }
        }
        Ok(())
    }

    /// Keeps of a task's needs what a method needs, too.
    fn refine(
        &mut self,
        model: &Model<'_>,
        words: &mut Words<'_>,
        task: TaskId,
        id: MethodId,
    ) -> Result<bool> {
        let method = model.method(id);
        if method.subtasks.into_iter().any(|(subtask, _)| !self.possible(words, subtask)) {
            return Ok(false);
        }
        let place = self.needs + task.index() * 2;
        if words.at(place + 1) == ALL {
            // The first method that is known of: all that can be said of the task's parameters.
            let from = words.top();
            // What each subtask needs lies in the same words: collected behind, then moved.
            self.each(model, words, id, false, &mut |words, literal| {
                let mut own = *literal;
                for arg in own.args.iter_mut().take(literal.len) {
                    if Term::from_code(*arg).as_variable().is_some() {
                        let Some(at) = method.args.iter().position(|a| a == arg) else {
                            return Ok(());
                        };
                        *arg = Term::variable(at as u8).code();
                    }
                }
                own.push(words)
            })?;
            let mut count = 0;
            let mut at = from;
            while at < words.top() {
                at += Literal::read(words, at).size();
                count += 1;
            }
            words.set(place, from as u32);
            words.set(place + 1, count);
            return Ok(true);
        }
        let (from, count) = (words.at(place) as usize, words.at(place + 1));
        let (mut at, mut to, mut kept) = (from, from, 0);
        for _ in 0..count {
            let literal = Literal::read(words, at);
            let size = literal.size();
            let mut found = false;
            self.each(model, words, id, false, &mut |_, other| {
                found |= other.positive == literal.positive
                    && other.predicate == literal.predicate
                    && other.len == literal.len
                    && other.args().iter().zip(literal.args()).all(|(theirs, ours)| {
                        match Term::from_code(*ours).as_variable() {
                            None => theirs == ours,
                            Some(parameter) => method.args.get(parameter) == Some(theirs),
                        }
                    });
                Ok(())
            })?;
            if found {
                for i in 0..size {
                    words.set(to + i, words.at(at + i));
                }
                to += size;
                kept += 1;
            }
            at += size;
        }
        words.set(place + 1, kept);
        Ok(kept != count)
    }

    /// All that a method needs, in its own variables; with `later` also what has to become true on the
    /// way. The words that are handed on are the caller's to push to.
    pub fn each(
        &self,
        model: &Model<'_>,
        words: &mut Words<'_>,
        id: MethodId,
        later: bool,
        found: &mut dyn FnMut(&mut Words<'_>, &Literal) -> Result<()>,
    ) -> Result<()> {
        let method = model.method(id);
        own(model, method.precondition, &mut |literal| found(words, &literal))?;
        for (nth, (task, args)) in method.subtasks.enumerate() {
            let place = self.needs + task.index() * 2;
            let (mut at, count) = (words.at(place) as usize, words.at(place + 1));
            if count == ALL {
                continue;
            }
            for _ in 0..count {
                let mut literal = Literal::read(words, at);
                at += literal.size();
                let len = literal.len;
                for arg in literal.args.iter_mut().take(len) {
                    if let Some(parameter) = Term::from_code(*arg).as_variable() {
                        *arg = args.get(parameter).copied().unwrap_or(0);
                    }
                }
                let others = method.subtasks.take(if method.ordered { nth } else { usize::MAX });
                // In long networks what changes is left to the steps themselves.
                let fluent = literal.predicate.is_some_and(|p| model.predicate(p).fluent);
                let mut others = others.enumerate().filter(|(other, _)| *other != nth);
                let changed = fluent
                    && (nth >= LONG
                        || self.partial
                        || others.any(|(_, (other, _))| {
                            self.may_achieve(model, words, other, &literal, method.types)
                        }));
                if !changed {
                    found(words, &literal)?;
                } else if later && fluent && literal.positive {
                    literal.later = true;
                    found(words, &literal)?;
                }
            }
        }
        Ok(())
    }
}

/// The literals of a conjunction.
pub(super) fn own(
    model: &Model<'_>,
    formula: Formula<'_>,
    found: &mut dyn FnMut(Literal) -> Result<()>,
) -> Result<()> {
    // The formula borrows from its own model: read with that one.
    let predicates = model.predicate_records();
    let mut one = |formula: Formula<'_>| match formula.view_with(predicates) {
        View::Atom(positive, predicate, args) => {
            found(Literal::new(positive, Some(predicate), args))
        }
        View::Equal(positive, a, b) => found(Literal::new(positive, None, &[a, b])),
        _ => Ok(()),
    };
    match formula.view_with(predicates) {
        View::And(items) => {
            for item in items {
                one(item)?;
            }
            Ok(())
        }
        _ => one(formula),
    }
}
