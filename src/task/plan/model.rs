//! A domain and a problem, read in place.

use super::format::{
    COMPOUND, FLUENT, HEADER, METHOD, NO_TASK, NOWHERE, ORDERED, PREDICATE, Places, TASK, head,
};
use super::formula::{Effects, Formula};
use super::ids::{MethodId, ObjectId, PredicateId, TaskId, TypeId};
use crate::error::{Error, Result};

/// A domain with a problem, in bytes that somebody else keeps.
///
/// Opening looks at every byte once; afterwards nothing that it says is out of range: all numbers of
/// types, objects, predicates, tasks, methods and variables exist, arguments are as many as they must
/// be, and initial facts have arguments of the right types.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    header: [u32; HEADER],
    places: Places,
    types: &'a [u32],
    predicates: &'a [u32],
    tasks: &'a [u32],
    methods: &'a [u32],
    code: &'a [u16],
    facts: &'a [u16],
    names: &'a [u32],
    text: &'a str,
}

/// A predicate.
#[derive(Clone, Copy, Debug)]
pub struct Predicate<'a> {
    /// The types of its arguments: numbers of types, as many as its arity.
    pub types: &'a [u16],
    /// Whether some action may change it. What no action changes is as the problem says for ever.
    pub fluent: bool,
    /// The initial facts: rows of as many objects as the arity, ascending, each once. (A predicate
    /// without arguments has no rows: see [`Predicate::count`].)
    pub facts: &'a [u16],
    /// How many initial facts there are.
    pub count: usize,
}

/// A task.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// The types of its parameters.
    pub types: &'a [u16],
    /// Whether it is an action.
    pub primitive: bool,
}

/// What an action needs and does.
#[derive(Clone, Copy, Debug)]
pub struct Action<'a> {
    /// The types of its parameters, which are its first variables.
    pub types: &'a [u16],
    /// Variables, those of quantifiers included.
    pub variables: usize,
    /// What has to hold before.
    pub precondition: Formula<'a>,
    /// What it does.
    pub effects: Effects<'a>,
}

/// A way to carry out a task; or the initial task network.
#[derive(Clone, Copy, Debug)]
pub struct Method<'a> {
    /// The task; `None` for the initial task network.
    pub task: Option<TaskId>,
    /// The task's arguments: codes of terms.
    pub args: &'a [u16],
    /// The types of its parameters, which are its first variables.
    pub types: &'a [u16],
    /// Variables, those of quantifiers included.
    pub variables: usize,
    /// What has to hold in the state in which the task is decomposed: before its first subtask. Also
    /// holds the method's constraints.
    pub precondition: Formula<'a>,
    /// The tasks that it stands for.
    pub subtasks: Subtasks<'a>,
    /// Whether the subtasks are carried out in their order.
    pub ordered: bool,
    /// If not: pairs `(a, b)`, one after the other, subtask `a` before subtask `b`.
    pub orders: &'a [u16],
}

/// Tasks with their arguments, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Subtasks<'a> {
    code: &'a [u16],
    left: usize,
    tasks: &'a [u32],
}

impl<'a> Iterator for Subtasks<'a> {
    /// The task, and its arguments as codes of terms.
    type Item = (TaskId, &'a [u16]);

    fn next(&mut self) -> Option<(TaskId, &'a [u16])> {
        self.left = self.left.checked_sub(1)?;
        let (&task, rest) = self.code.split_first()?;
        let arity = low(word(self.tasks, task as usize * TASK + 1)) as usize;
        let (args, rest) = rest.split_at_checked(arity)?;
        self.code = rest;
        Some((TaskId(task), args))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Subtasks<'_> {}

fn word(words: &[u32], at: usize) -> u32 {
    words.get(at).copied().unwrap_or(0)
}

fn low(word: u32) -> u16 {
    (word & 0xFFFF) as u16
}

fn high(word: u32) -> u16 {
    (word >> 16) as u16
}

impl<'a> Model<'a> {
    /// Opens a model: what [`Builder::finish`](super::Builder::finish) wrote, with or without names.
    /// Looks at all of it, in time linear in its length.
    ///
    /// # Errors
    /// [`Error::Alignment`] if the bytes do not begin at a multiple of 4. [`Error::TaskFormat`] if they
    /// are anything but a whole and consistent model.
    pub fn open(bytes: &'a [u8]) -> Result<Model<'a>> {
        let model = Model::sections(bytes)?;
        super::check::all(&model)?;
        Ok(model)
    }

    fn sections(bytes: &'a [u8]) -> Result<Model<'a>> {
        // Nothing at all lies nowhere.
        if bytes.is_empty() {
            return Err(Error::TaskFormat);
        }
        if !(bytes.as_ptr() as usize).is_multiple_of(4) {
            return Err(Error::Alignment);
        }
        let words: &'a [u32] = bytemuck::try_cast_slice(bytes).map_err(|_| Error::TaskFormat)?;
        let header = words.first_chunk::<HEADER>().ok_or(Error::TaskFormat)?;
        super::check::header(header)?;
        let mut places = Places::of(header).ok_or(Error::TaskFormat)?;
        if words.len() == places.names {
            places.name_count = 0;
        } else if words.len() != places.end {
            return Err(Error::TaskFormat);
        }
        let part = |from: usize, to: usize| words.get(from..to).ok_or(Error::TaskFormat);
        let halves = |from: usize, to: usize, count: usize| -> Result<&'a [u16]> {
            let halves: &'a [u16] = bytemuck::must_cast_slice(part(from, to)?);
            halves.get(..count).ok_or(Error::TaskFormat)
        };
        let named = places.name_count > 0;
        let text: &'a [u8] = match named {
            false => &[],
            true => bytemuck::must_cast_slice(part(places.text, places.end)?),
        };
        let text_len = if named { header[head::TEXT] as usize } else { 0 };
        let text = text.get(..text_len).ok_or(Error::TaskFormat)?;
        Ok(Model {
            header: *header,
            places,
            types: part(places.types, places.predicates)?,
            predicates: part(places.predicates, places.tasks)?,
            tasks: part(places.tasks, places.methods)?,
            methods: part(places.methods, places.code)?,
            code: halves(places.code, places.facts, header[head::CODE] as usize)?,
            facts: halves(places.facts, places.names, header[head::FACTS] as usize)?,
            names: if named { part(places.names, places.text)? } else { &[] },
            text: core::str::from_utf8(text).map_err(|_| Error::TaskFormat)?,
        })
    }

    /// Bytes that the model takes without its names: so much of it is a model, too.
    pub fn len_without_names(&self) -> usize {
        self.places.names * 4
    }

    /// How many types there are, [`TypeId::OBJECT`] included.
    pub fn types(&self) -> usize {
        self.header[head::TYPES] as usize
    }

    /// How many objects there are.
    pub fn objects(&self) -> usize {
        self.header[head::OBJECTS] as usize
    }

    /// How many predicates there are.
    pub fn predicates(&self) -> usize {
        self.header[head::PREDICATES] as usize
    }

    /// How many tasks there are, actions included.
    pub fn tasks(&self) -> usize {
        self.header[head::TASKS] as usize
    }

    /// How many methods there are, without the initial task network.
    pub fn methods(&self) -> usize {
        self.header[head::METHODS] as usize
    }

    /// The set of a type's objects: bit `o % 32` of word `o / 32` for object `o`.
    pub fn type_set(&self, ty: TypeId) -> &'a [u32] {
        let from = ty.index() * self.places.set_words;
        self.types.get(from..from + self.places.set_words).unwrap_or(&[])
    }

    /// Whether an object is of a type.
    pub fn is(&self, object: ObjectId, ty: TypeId) -> bool {
        let set = self.type_set(ty);
        word(set, object.index() / 32) >> (object.index() % 32) & 1 != 0
    }

    /// The objects of a type, ascending.
    pub fn objects_of(&self, ty: TypeId) -> impl Iterator<Item = ObjectId> + use<'a> {
        let set = self.type_set(ty);
        set.iter().enumerate().flat_map(|(at, &word)| {
            let mut left = word;
            core::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(ObjectId((at * 32 + bit as usize) as u16))
            })
        })
    }

    /// A predicate.
    pub fn predicate(&self, predicate: PredicateId) -> Predicate<'a> {
        let record = self.predicate_record(predicate);
        let arity = low(record[1]) as usize;
        let (first, count) = (record[2] as usize, record[3] as usize);
        Predicate {
            types: self.list(record[0], arity),
            fluent: high(record[1]) & FLUENT != 0,
            facts: self.facts.get(first..first + arity * count).unwrap_or(&[]),
            count,
        }
    }

    /// A task.
    pub fn task(&self, task: TaskId) -> Task<'a> {
        let record = self.task_record(task);
        Task {
            types: self.list(record[0], low(record[1]) as usize),
            primitive: high(record[1]) != COMPOUND,
        }
    }

    /// An action; `None` if the task is compound, or there is none such.
    pub fn action(&self, task: TaskId) -> Option<Action<'a>> {
        let record = self.task_record(task);
        let known = task.index() < self.tasks();
        (known && high(record[1]) != COMPOUND).then(|| Action {
            types: self.list(record[0], low(record[1]) as usize),
            variables: high(record[1]) as usize,
            precondition: self.formula(record[2]),
            effects: Effects::new(
                self.code.get(record[3] as usize..).unwrap_or(&[]),
                self.predicates,
            ),
        })
    }

    /// The methods of a compound task: their numbers, in the order in which the builder was told of them.
    /// An action has none.
    pub fn methods_of(&self, task: TaskId) -> &'a [u16] {
        let record = self.task_record(task);
        match high(record[1]) {
            COMPOUND => self.list(record[2], record[3] as usize),
            _ => &[],
        }
    }

    /// A method, or the initial task network.
    pub fn method(&self, method: MethodId) -> Method<'a> {
        let record = self.method_record(method);
        let task = low(record[0]);
        let subtasks = low(record[2]) as usize;
        let code = self.code.get(record[6] as usize..).unwrap_or(&[]);
        let arity = match task {
            NO_TASK => 0,
            task => low(word(self.tasks, task as usize * TASK + 1)) as usize,
        };
        Method {
            task: (task != NO_TASK).then_some(TaskId(task)),
            variables: high(record[0]) as usize,
            types: self.list(record[3], low(record[1]) as usize),
            args: self.list(record[4], arity),
            precondition: self.formula(record[5]),
            subtasks: Subtasks { code, left: subtasks, tasks: self.tasks },
            ordered: high(record[1]) & ORDERED != 0,
            orders: self.list(record[7], high(record[2]) as usize * 2),
        }
    }

    /// The number of the initial task network among the methods: the one after the last.
    pub fn root(&self) -> MethodId {
        MethodId(self.methods() as u16)
    }

    /// What has to hold at the end, and how many variables its quantifiers have; `None` if the problem
    /// has no goal beside its tasks.
    pub fn goal(&self) -> Option<(Formula<'a>, usize)> {
        let at = self.header[head::GOAL];
        (at != NOWHERE).then(|| (self.formula(at), self.header[head::GOAL_VARIABLES] as usize))
    }

    /// The name of a type; empty if the names were cut off. As with the other names.
    pub fn type_name(&self, ty: TypeId) -> &'a str {
        self.name(0, ty.index())
    }

    /// The name of an object.
    pub fn object_name(&self, object: ObjectId) -> &'a str {
        self.name(self.types(), object.index())
    }

    /// The name of a predicate.
    pub fn predicate_name(&self, predicate: PredicateId) -> &'a str {
        self.name(self.types() + self.objects(), predicate.index())
    }

    /// The name of a task.
    pub fn task_name(&self, task: TaskId) -> &'a str {
        self.name(self.types() + self.objects() + self.predicates(), task.index())
    }

    /// The name of a method.
    pub fn method_name(&self, method: MethodId) -> &'a str {
        let before = self.types() + self.objects() + self.predicates() + self.tasks();
        self.name(before, method.index())
    }

    fn name(&self, before: usize, index: usize) -> &'a str {
        let at = before + index;
        if at >= self.places.name_count {
            return "";
        }
        let (from, to) = (word(self.names, at) as usize, word(self.names, at + 1) as usize);
        self.text.get(from..to).unwrap_or("")
    }

    fn list(&self, at: u32, len: usize) -> &'a [u16] {
        self.code.get(at as usize..at as usize + len).unwrap_or(&[])
    }

    fn formula(&self, at: u32) -> Formula<'a> {
        Formula::new(self.code.get(at as usize..).unwrap_or(&[]))
    }

    pub(super) fn predicate_records(&self) -> &'a [u32] {
        self.predicates
    }

    pub(super) fn predicate_record(&self, predicate: PredicateId) -> [u32; PREDICATE] {
        record(self.predicates, predicate.index())
    }

    pub(super) fn task_record(&self, task: TaskId) -> [u32; TASK] {
        record(self.tasks, task.index())
    }

    pub(super) fn method_record(&self, method: MethodId) -> [u32; METHOD] {
        record(self.methods, method.index())
    }

    pub(super) fn code(&self) -> &'a [u16] {
        self.code
    }

    pub(super) fn all_facts(&self) -> &'a [u16] {
        self.facts
    }

    pub(super) fn header(&self) -> &[u32; HEADER] {
        &self.header
    }

    pub(super) fn text_and_offsets(&self) -> (&'a str, &'a [u32]) {
        (self.text, self.names)
    }
}

fn record<const N: usize>(records: &[u32], index: usize) -> [u32; N] {
    records.get(index * N..).and_then(|rest| rest.first_chunk::<N>()).copied().unwrap_or([0; N])
}
