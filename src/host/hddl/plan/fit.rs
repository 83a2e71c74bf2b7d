//! Which subtask of its method each task of a decomposition is.
//!
//! A plan lists the subtasks of a method that leaves them unordered in any order that it allows, and
//! does not say which is which. Names and arguments tell most; where they leave several ways, those are
//! gone through one after the other.

use std::collections::HashMap;
use std::vec::Vec;

use crate::task::plan::{Method, MethodId, Model, OPEN, TaskId, Term};

/// A task that a decomposition lists.
#[derive(Clone, Copy)]
pub(super) struct Listed<'l> {
    pub task: TaskId,
    pub args: &'l [u16],
    /// When the first of its actions is carried out, and the last; the first one late, the last one
    /// early, where it has none.
    pub span: (usize, usize),
}

/// A way to read a decomposition.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub method: MethodId,
    /// The values of the method's parameters; [`OPEN`] for those that no task tells.
    pub values: Vec<u16>,
    /// For each task that is listed the place of its subtask.
    pub places: Vec<u16>,
}

/// How often one search may go back.
const TRIES: u32 = 100_000;

/// Subtasks of which it does not matter which is which: they have the same task and arguments, and stand
/// before and after the same ones.
struct Class {
    places: Vec<u16>,
    /// How many of them are taken: the first ones.
    taken: usize,
}

/// What those of a class have in common: task, arguments, the places before and after.
type Looks<'f> = (TaskId, &'f [u16], &'f [u16], &'f [u16]);

/// A choice that was made: of a class for a listed task.
struct Choice {
    /// Which of those that come into question it was.
    nth: usize,
    class: usize,
    place: u16,
    /// Variables that had values before.
    bound: usize,
}

/// All ways in which tasks can be the subtasks of one method, the first one first.
pub(super) struct Fit<'m, 'l> {
    id: MethodId,
    method: Method<'m>,
    subtasks: Vec<(TaskId, &'m [u16])>,
    below: Vec<Listed<'l>>,
    /// For each place those that come before it.
    before: Vec<Vec<u16>>,
    classes: Vec<Class>,
    /// Classes whose arguments are known, by those; and the others, by their tasks.
    ground: HashMap<(TaskId, Vec<u16>), Vec<usize>>,
    open: HashMap<TaskId, Vec<usize>>,
    values: Vec<u16>,
    /// Variables in the order in which they were given values.
    bound: Vec<usize>,
    /// For each place which of the listed tasks is there.
    at: Vec<Option<usize>>,
    chosen: Vec<Choice>,
    begun: bool,
    left: u32,
}

impl<'m, 'l> Fit<'m, 'l> {
    /// `None` if the method is none of this task, or has other subtasks.
    pub fn new(
        model: &Model<'m>,
        id: MethodId,
        args: &[u16],
        below: Vec<Listed<'l>>,
    ) -> Option<Fit<'m, 'l>> {
        let method = model.method(id);
        if method.subtasks.len() != below.len() {
            return None;
        }
        let subtasks: Vec<(TaskId, &[u16])> = method.subtasks.collect();
        // As many of each task; else much would be tried for nothing.
        let mut wanted: Vec<TaskId> = subtasks.iter().map(|(task, _)| *task).collect();
        let mut listed: Vec<TaskId> = below.iter().map(|listed| listed.task).collect();
        wanted.sort_unstable();
        listed.sort_unstable();
        if wanted != listed {
            return None;
        }
        let mut fit = Fit {
            id,
            values: std::vec![OPEN; method.types.len()],
            before: std::vec![Vec::new(); below.len()],
            at: std::vec![None; below.len()],
            method,
            subtasks,
            below,
            classes: Vec::new(),
            ground: HashMap::new(),
            open: HashMap::new(),
            bound: Vec::new(),
            chosen: Vec::new(),
            begun: false,
            left: TRIES,
        };
        if !fit.unify(fit.method.args, args) {
            return None;
        }
        if !fit.method.ordered {
            fit.classify();
        }
        Some(fit)
    }

    fn classify(&mut self) {
        let mut after: Vec<Vec<u16>> = std::vec![Vec::new(); self.below.len()];
        for pair in self.method.orders.chunks_exact(2) {
            self.before[usize::from(pair[1])].push(pair[0]);
            after[usize::from(pair[0])].push(pair[1]);
        }
        let mut known: HashMap<Looks<'_>, usize> = HashMap::new();
        for (place, &(task, codes)) in self.subtasks.iter().enumerate() {
            let key = (task, codes, self.before[place].as_slice(), after[place].as_slice());
            let class = *known.entry(key).or_insert_with(|| {
                let values = codes.iter().map(|code| {
                    let value = Term::from_code(*code).value(&self.values)?.0;
                    (value != OPEN).then_some(value)
                });
                let class = self.classes.len();
                match values.collect::<Option<Vec<u16>>>() {
                    Some(args) => self.ground.entry((task, args)).or_default().push(class),
                    None => self.open.entry(task).or_default().push(class),
                }
                self.classes.push(Class { places: Vec::new(), taken: 0 });
                class
            });
            self.classes[class].places.push(place as u16);
        }
    }

    /// Whether no more than one way comes into question.
    pub fn is_clear(&self) -> bool {
        self.method.ordered || self.below.iter().all(|listed| self.candidates(listed).1 <= 1)
    }

    /// How many classes come into question for a listed task: with known arguments, and all.
    fn candidates(&self, listed: &Listed<'_>) -> (usize, usize) {
        let known = self.ground.get(&(listed.task, listed.args.to_vec())).map_or(0, Vec::len);
        (known, known + self.open.get(&listed.task).map_or(0, Vec::len))
    }

    /// Whether the search ended before all was tried.
    pub fn is_cut(&self) -> bool {
        self.left == 0
    }

    /// The next way.
    pub fn next(&mut self) -> Option<Reading> {
        // After a way the last choice is made otherwise.
        let mut nth = if core::mem::replace(&mut self.begun, true) { self.back()? } else { 0 };
        while self.chosen.len() < self.below.len() {
            nth = if self.choose(nth) { 0 } else { self.back()? };
        }
        let places = self.chosen.iter().map(|choice| choice.place).collect();
        Some(Reading { method: self.id, values: self.values.clone(), places })
    }

    /// Takes back the last choice, and answers which one comes after it.
    fn back(&mut self) -> Option<usize> {
        self.left = self.left.saturating_sub(1);
        let choice = self.chosen.pop().filter(|_| self.left > 0)?;
        self.at[usize::from(choice.place)] = None;
        if let Some(class) = self.classes.get_mut(choice.class) {
            class.taken -= 1;
        }
        self.forget(choice.bound);
        Some(choice.nth + 1)
    }

    /// Gives the next listed task a place: the first one that fits, of those from the `nth` on.
    fn choose(&mut self, from: usize) -> bool {
        let which = self.chosen.len();
        let Listed { task, args, .. } = self.below[which];
        if self.method.ordered {
            // The ith is the ith.
            return from == 0 && self.take(0, 0, which as u16);
        }
        let (known, all) = self.candidates(&self.below[which]);
        for nth in from..all {
            let class = match nth.checked_sub(known) {
                None => self.ground[&(task, args.to_vec())][nth],
                Some(nth) => self.open[&task][nth],
            };
            let Class { places, taken } = &self.classes[class];
            if let Some(&place) = places.get(*taken)
                && self.may_begin(which, place)
                && self.take(nth, class, place)
            {
                self.classes[class].taken += 1;
                return true;
            }
        }
        false
    }

    /// What comes before it is listed before it; and done before it, where that tells which it is.
    fn may_begin(&self, which: usize, place: u16) -> bool {
        let this = self.below[which].span;
        self.before[usize::from(place)].iter().all(|first| {
            self.at[usize::from(*first)].is_some_and(|first| {
                let first = self.below[first].span;
                let idle = first.0 > first.1 || this.0 > this.1;
                idle || first.1 < this.0
            })
        })
    }

    fn take(&mut self, nth: usize, class: usize, place: u16) -> bool {
        let which = self.chosen.len();
        let Listed { task, args, .. } = self.below[which];
        let (wanted, codes) = self.subtasks[usize::from(place)];
        let bound = self.bound.len();
        if wanted != task || !self.unify(codes, args) {
            self.forget(bound);
            return false;
        }
        self.at[usize::from(place)] = Some(which);
        self.chosen.push(Choice { nth, class, place, bound });
        true
    }

    /// Gives variables the values that they must have for the terms to be these objects.
    fn unify(&mut self, codes: &[u16], objects: &[u16]) -> bool {
        codes.len() == objects.len()
            && codes.iter().zip(objects).all(|(code, object)| {
                let Some(variable) = Term::from_code(*code).as_variable() else {
                    return code == object;
                };
                match self.values.get_mut(variable) {
                    Some(value) if *value == OPEN => {
                        *value = *object;
                        self.bound.push(variable);
                        true
                    }
                    Some(value) => value == object,
                    None => false,
                }
            })
    }

    /// Makes the variables open again that have a value since there were so many.
    fn forget(&mut self, bound: usize) {
        for variable in self.bound.drain(bound..) {
            self.values[variable] = OPEN;
        }
    }
}
