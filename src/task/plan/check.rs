//! Looks at every byte of a model, once, so that nobody has to look again.

use super::format::{
    COMPOUND, FLUENT, HEADER, MAGIC, MAX_ARITY, MAX_DEPTH, MAX_OBJECTS, MAX_VARIABLES, METHOD,
    NO_TASK, NOWHERE, ORDERED, PREDICATE, TASK, VERSION, head, op, wide,
};
use super::formula::arity;
use super::ids::{MethodId, ObjectId, PredicateId, TaskId, Term, TypeId};
use super::model::Model;
use crate::error::{Error, Result};

/// That a condition holds.
fn must(holds: bool) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::TaskFormat) }
}

fn halves(word: u32) -> (u16, u16) {
    ((word & 0xFFFF) as u16, (word >> 16) as u16)
}

/// The header by itself.
pub(super) fn header(header: &[u32; HEADER]) -> Result<()> {
    must(header[0] == MAGIC && header[1] == VERSION)?;
    must(header[head::TYPES] >= 1 && header[head::TYPES] < 0xFFFF)?;
    must(header[head::OBJECTS] as usize <= MAX_OBJECTS)?;
    for place in [head::PREDICATES, head::TASKS, head::METHODS] {
        must(header[place] < 0xFFFF)?;
    }
    must(header[head::GOAL_VARIABLES] as usize <= MAX_VARIABLES)
}

/// Everything else.
pub(super) fn all(model: &Model<'_>) -> Result<()> {
    types(model)?;
    let mut check = Check { model, left: model.code().len(), scope: [0; 8] };
    let mut fact = 0;
    for predicate in 0..model.predicates() {
        fact = check.facts(PredicateId(predicate as u16), fact)?;
    }
    must(fact == model.all_facts().len())?;
    let mut methods = 0;
    for id in 0..model.tasks() {
        methods += check.task(TaskId(id as u16))?;
    }
    // Each is in the list of its own task, once: all of them are, if there are as many.
    must(methods == model.methods())?;
    for id in 0..=model.methods() {
        check.method(MethodId(id as u16))?;
    }
    let goal = model.header()[head::GOAL];
    if goal != NOWHERE {
        check.show(0);
        check.formula(goal, model.header()[head::GOAL_VARIABLES] as usize)?;
    }
    names(model)
}

fn types(model: &Model<'_>) -> Result<()> {
    let spare = model.objects() % 32;
    for ty in 0..model.types() {
        let last = model.type_set(TypeId(ty as u16)).last().copied().unwrap_or(0);
        must(spare == 0 || last >> spare == 0)?;
    }
    let all: u32 = model.type_set(TypeId::OBJECT).iter().map(|word| word.count_ones()).sum();
    must(all as usize == model.objects())
}

/// Looks at what lies in the code.
struct Check<'c, 'a> {
    model: &'c Model<'a>,
    /// Words of code that may still be looked at: nothing shares any, so all together they are no more
    /// than there are.
    left: usize,
    /// The variables in sight, as bits.
    scope: [u32; 8],
}

impl<'a> Check<'_, 'a> {
    /// So many words of code are used.
    fn charge(&mut self, words: usize) -> Result<()> {
        self.left = self.left.checked_sub(words).ok_or(Error::TaskFormat)?;
        Ok(())
    }

    /// The code from a place on.
    fn code(&self, at: u32) -> Result<&'a [u16]> {
        self.model.code().get(at as usize..).ok_or(Error::TaskFormat)
    }

    /// A list in the code.
    fn list(&mut self, at: u32, len: usize) -> Result<&'a [u16]> {
        self.charge(len)?;
        self.code(at)?.get(..len).ok_or(Error::TaskFormat)
    }

    fn type_list(&mut self, at: u32, len: usize) -> Result<()> {
        let types = self.model.types();
        must(self.list(at, len)?.iter().all(|ty| (*ty as usize) < types))
    }

    fn facts(&mut self, predicate: PredicateId, first: usize) -> Result<usize> {
        let model = self.model;
        let record: [u32; PREDICATE] = model.predicate_record(predicate);
        let (arity, flags) = halves(record[1]);
        let (arity, count) = (arity as usize, record[3] as usize);
        must(arity <= MAX_ARITY && flags & !FLUENT == 0)?;
        self.type_list(record[0], arity)?;
        must(record[2] as usize == first)?;
        if arity == 0 {
            must(count <= 1)?;
            return Ok(first);
        }
        let len = arity.checked_mul(count).ok_or(Error::TaskFormat)?;
        let rows = model.all_facts().get(first..).and_then(|rest| rest.get(..len));
        let rows = rows.ok_or(Error::TaskFormat)?;
        let types = model.predicate(predicate).types;
        let mut before: &[u16] = &[];
        for row in rows.chunks_exact(arity) {
            must(before < row)?;
            must(row.iter().all(|object| (*object as usize) < model.objects()))?;
            must(self.fits(row, types))?;
            before = row;
        }
        Ok(first + len)
    }

    /// Answers how many methods it lists.
    fn task(&mut self, task: TaskId) -> Result<usize> {
        let model = self.model;
        let record: [u32; TASK] = model.task_record(task);
        let (arity, variables) = halves(record[1]);
        must(arity as usize <= MAX_ARITY)?;
        self.type_list(record[0], arity as usize)?;
        if variables == COMPOUND {
            let methods = self.list(record[2], record[3] as usize)?;
            for id in methods {
                must((*id as usize) < model.methods())?;
                must(halves(model.method_record(MethodId(*id))[0]).0 == task.0)?;
            }
            must(methods.windows(2).all(|pair| pair[0] < pair[1]))?;
            return Ok(methods.len());
        }
        let variables = variables as usize;
        must(variables <= MAX_VARIABLES && arity as usize <= variables)?;
        self.show(arity as usize);
        self.formula(record[2], variables)?;
        let code = self.code(record[3])?;
        let [low, high, rest @ ..] = code else { return Err(Error::TaskFormat) };
        let effects = rest.get(..wide(*low, *high)).ok_or(Error::TaskFormat)?;
        self.charge(2 + effects.len())?;
        self.effects(effects, variables, true)?;
        Ok(0)
    }

    fn method(&mut self, id: MethodId) -> Result<()> {
        let model = self.model;
        let record: [u32; METHOD] = model.method_record(id);
        let ((task, variables), (parameters, flags)) = (halves(record[0]), halves(record[1]));
        let (subtasks, orders) = halves(record[2]);
        let (variables, parameters) = (variables as usize, parameters as usize);
        must(variables <= MAX_VARIABLES && parameters <= variables && flags & !ORDERED == 0)?;
        must((task == NO_TASK) == (id == model.root()))?;
        self.type_list(record[3], parameters)?;
        self.show(parameters);
        if task != NO_TASK {
            must((task as usize) < model.tasks())?;
            let task = model.task(TaskId(task));
            must(!task.primitive)?;
            let args = self.list(record[4], task.types.len())?;
            self.arguments(args, task.types)?;
        }
        self.formula(record[5], variables)?;
        // Subtasks see parameters alone, and so do the formula's free variables.
        let mut code = self.code(record[6])?;
        for _ in 0..subtasks {
            let (&task, rest) = code.split_first().ok_or(Error::TaskFormat)?;
            must((task as usize) < model.tasks())?;
            let types = model.task(TaskId(task)).types;
            let (args, rest) = rest.split_at_checked(types.len()).ok_or(Error::TaskFormat)?;
            self.charge(1 + args.len())?;
            self.arguments(args, types)?;
            code = rest;
        }
        let orders = self.list(record[7], orders as usize * 2)?;
        must(orders.iter().all(|subtask| *subtask < subtasks))?;
        must(orders.is_empty() || flags & ORDERED == 0)?;
        // No subtask comes before itself: the first of a pair has the smaller number.
        must(orders.chunks_exact(2).all(|pair| pair[0] < pair[1]))?;
        // They ascend, so that whoever follows them need go through them once.
        must(orders.chunks_exact(2).is_sorted())
    }

    /// Whether objects are of the types.
    fn fits(&self, objects: &[u16], types: &[u16]) -> bool {
        objects.iter().zip(types).all(|(o, ty)| self.model.is(ObjectId(*o), TypeId(*ty)))
    }

    /// The arguments of a task: objects are of its parameters' types. (Variables are made to be.)
    fn arguments(&self, args: &[u16], types: &[u16]) -> Result<()> {
        self.terms(args)?;
        must(args.iter().zip(types).all(|(arg, ty)| {
            Term::from_code(*arg).as_variable().is_some()
                || self.model.is(ObjectId(*arg), TypeId(*ty))
        }))
    }

    /// Only the first so many variables are in sight.
    fn show(&mut self, parameters: usize) {
        for (at, word) in self.scope.iter_mut().enumerate() {
            let here = parameters.saturating_sub(32 * at).min(32);
            *word = ((1u64 << here) - 1) as u32;
        }
    }

    fn sees(&self, variable: usize) -> bool {
        self.scope.get(variable / 32).is_some_and(|word| word >> (variable % 32) & 1 != 0)
    }

    /// A variable of a quantifier comes into sight, or goes out of it. It must be a new one.
    fn turn(&mut self, variable: u16, seen: bool) -> Result<()> {
        must(self.sees(variable as usize) != seen)?;
        if let Some(word) = self.scope.get_mut(variable as usize / 32) {
            *word ^= 1 << (variable % 32);
        }
        Ok(())
    }

    fn terms(&self, codes: &[u16]) -> Result<()> {
        must(codes.iter().all(|code| match Term::from_code(*code).as_variable() {
            Some(variable) => self.sees(variable),
            None => (*code as usize) < self.model.objects(),
        }))
    }

    /// A predicate's arguments, at the front of what comes behind it. Answers how many.
    fn atom(&self, predicate: u16, args: &[u16]) -> Result<usize> {
        must((predicate as usize) < self.model.predicates())?;
        let arity = arity(self.model.predicate_records(), predicate);
        self.terms(args.get(..arity).ok_or(Error::TaskFormat)?)?;
        Ok(arity)
    }

    fn formula(&mut self, at: u32, variables: usize) -> Result<()> {
        let len = self.formula_len(self.code(at)?, variables, MAX_DEPTH)?;
        self.charge(len)
    }

    /// The number of words of a formula that is well made.
    fn formula_len(&mut self, code: &[u16], variables: usize, depth: usize) -> Result<usize> {
        let depth = depth.checked_sub(1).ok_or(Error::TaskFormat)?;
        match *code {
            [op::AND | op::OR, low, high, ref rest @ ..] => {
                let len = wide(low, high);
                let mut body = rest.get(..len).ok_or(Error::TaskFormat)?;
                while !body.is_empty() {
                    let one = self.formula_len(body, variables, depth)?;
                    body = body.get(one..).ok_or(Error::TaskFormat)?;
                }
                Ok(3 + len)
            }
            [op::FORALL | op::EXISTS, low, high, variable, ty, ref body @ ..] => {
                let len = wide(low, high);
                must((variable as usize) < variables && (ty as usize) < self.model.types())?;
                let body = body.get(..len.checked_sub(2).ok_or(Error::TaskFormat)?);
                self.turn(variable, true)?;
                let one = self.formula_len(body.ok_or(Error::TaskFormat)?, variables, depth)?;
                self.turn(variable, false)?;
                must(one + 2 == len)?;
                Ok(3 + len)
            }
            [op::ATOM | op::NOT_ATOM, predicate, ref args @ ..] => {
                Ok(2 + self.atom(predicate, args)?)
            }
            [op::EQUAL | op::NOT_EQUAL, a, b, ..] => {
                self.terms(&[a, b])?;
                Ok(3)
            }
            _ => Err(Error::TaskFormat),
        }
    }

    fn effects(&mut self, code: &[u16], variables: usize, top: bool) -> Result<()> {
        let model = self.model;
        let mut code = code;
        while !code.is_empty() {
            let len = match *code {
                [op::ADD | op::DELETE, predicate, ref args @ ..] => {
                    let arity = self.atom(predicate, args)?;
                    must(
                        halves(model.predicate_record(PredicateId(predicate))[1]).1 & FLUENT != 0,
                    )?;
                    2 + arity
                }
                [op::WHEN, low, high, n, ref rest @ ..] if top => {
                    let len = wide(low, high);
                    let rest = rest.get(..len.checked_sub(1).ok_or(Error::TaskFormat)?);
                    let rest = rest.ok_or(Error::TaskFormat)?;
                    let (pairs, rest) =
                        rest.split_at_checked(n as usize * 2).ok_or(Error::TaskFormat)?;
                    for pair in pairs.chunks_exact(2) {
                        must((pair[0] as usize) < variables && (pair[1] as usize) < model.types())?;
                        self.turn(pair[0], true)?;
                    }
                    let condition = self.formula_len(rest, variables, MAX_DEPTH)?;
                    let effects = rest.get(condition..).ok_or(Error::TaskFormat)?;
                    self.effects(effects, variables, false)?;
                    pairs.chunks_exact(2).try_for_each(|pair| self.turn(pair[0], false))?;
                    3 + len
                }
                _ => return Err(Error::TaskFormat),
            };
            code = code.get(len..).ok_or(Error::TaskFormat)?;
        }
        Ok(())
    }
}

fn names(model: &Model<'_>) -> Result<()> {
    let (text, offsets) = model.text_and_offsets();
    let Some((first, last)) = offsets.first().zip(offsets.last()) else { return Ok(()) };
    must(*first == 0 && *last as usize == text.len())?;
    must(offsets.windows(2).all(|pair| pair[0] <= pair[1]))?;
    must(offsets.iter().all(|offset| text.is_char_boundary(*offset as usize)))
}
