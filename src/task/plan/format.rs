//! A model as bytes: where what lies.
//!
//! Little-endian. A header of [`HEADER`] words of 32 bits, then sections, each of whole words, in this
//! order; their lengths follow from the header, so there are no places that could be wrong:
//!
//! | section | what |
//! |---|---|
//! | types | for each type the set of its objects, as bits, `set_words` words each |
//! | predicates | records of [`PREDICATE`] words |
//! | tasks | records of [`TASK`] words |
//! | methods | records of [`METHOD`] words, and one more: the initial task network |
//! | code | u16: lists of types, methods and terms, formulae, effects, subtasks, orderings |
//! | facts | u16: for each predicate its initial facts, rows of its arity, ascending, each once |
//! | names | offsets into the text (u32, one more than there are names), then the text in UTF-8 |
//!
//! The names may be cut off: a model that ends before them is whole.

/// First word: "NSHT".
pub(super) const MAGIC: u32 = u32::from_le_bytes(*b"NSHT");
/// Second word.
pub(super) const VERSION: u32 = 1;
/// Words of the header.
pub(super) const HEADER: usize = 12;
/// Words of a predicate: place of its types in the code; arity and flags; first word of its facts; how
/// many facts.
pub(super) const PREDICATE: usize = 4;
/// Words of a task: place of its types in the code; arity and variables; precondition or list of
/// methods; effects or number of methods. A compound task has no variables of its own: [`COMPOUND`].
pub(super) const TASK: usize = 4;
/// Words of a method: task and variables; parameters and flags; subtasks and orderings; places in the
/// code of types, arguments, precondition, subtasks, orderings.
pub(super) const METHOD: usize = 8;

/// Flag of a predicate: an effect may change it.
pub(super) const FLUENT: u16 = 1;
/// Flag of a method: its subtasks are carried out in their order.
pub(super) const ORDERED: u16 = 1;
/// Number of variables of a compound task.
pub(super) const COMPOUND: u16 = u16::MAX;
/// Task of the initial task network.
pub(super) const NO_TASK: u16 = u16::MAX;
/// Place of the goal where there is none.
pub(super) const NOWHERE: u32 = u32::MAX;

/// The code of variable 0.
pub(super) const FIRST_VARIABLE: u16 = 0xFF00;
/// Objects that a model may have at most.
pub const MAX_OBJECTS: usize = FIRST_VARIABLE as usize;
/// Variables that an action, a method or the goal may have at most.
pub const MAX_VARIABLES: usize = 250;
/// Arguments that a predicate or task may have at most.
pub const MAX_ARITY: usize = 64;
/// Levels that a formula may have at most: an atom is one, what it stands in another. A quantifier is one
/// for each of its variables.
pub const MAX_DEPTH: usize = 24;

/// First words of formulae and effects.
pub(super) mod op {
    /// `[AND, low, high, formulae...]`, with the number of words of the formulae.
    pub const AND: u16 = 1;
    /// As [`AND`].
    pub const OR: u16 = 2;
    /// `[FORALL, low, high, variable, type, formula]`, with the number of words after `high`.
    pub const FORALL: u16 = 3;
    /// As [`FORALL`].
    pub const EXISTS: u16 = 4;
    /// `[ATOM, predicate, terms...]`
    pub const ATOM: u16 = 5;
    /// As [`ATOM`].
    pub const NOT_ATOM: u16 = 6;
    /// `[EQUAL, term, term]`
    pub const EQUAL: u16 = 7;
    /// As [`EQUAL`].
    pub const NOT_EQUAL: u16 = 8;
    /// `[ADD, predicate, terms...]`
    pub const ADD: u16 = 9;
    /// As [`ADD`].
    pub const DELETE: u16 = 10;
    /// `[WHEN, low, high, n, (variable, type) * n, formula, ADD and DELETE...]`, with the number of words
    /// after `high`.
    pub const WHEN: u16 = 11;
}

/// Places in the header.
pub(super) mod head {
    pub const TYPES: usize = 2;
    pub const OBJECTS: usize = 3;
    pub const PREDICATES: usize = 4;
    pub const TASKS: usize = 5;
    pub const METHODS: usize = 6;
    /// u16 of code.
    pub const CODE: usize = 7;
    /// u16 of facts.
    pub const FACTS: usize = 8;
    /// Place of the goal in the code.
    pub const GOAL: usize = 9;
    /// Variables of the goal.
    pub const GOAL_VARIABLES: usize = 10;
    /// Bytes of text; `u32::MAX` if there are no names.
    pub const TEXT: usize = 11;
}

/// Where the sections lie, in words from the beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub set_words: usize,
    pub types: usize,
    pub predicates: usize,
    pub tasks: usize,
    pub methods: usize,
    pub code: usize,
    pub facts: usize,
    /// Where a model without names ends.
    pub names: usize,
    /// How many names there are.
    pub name_count: usize,
    /// Where the text begins.
    pub text: usize,
    /// Where all ends.
    pub end: usize,
}

impl Places {
    /// The places that a header gives. `None` if they are beyond what a machine can address.
    pub fn of(header: &[u32; HEADER]) -> Option<Places> {
        let count = |place: usize| header.get(place).map(|n| *n as usize);
        let (types, objects) = (count(head::TYPES)?, count(head::OBJECTS)?);
        let (predicates, tasks) = (count(head::PREDICATES)?, count(head::TASKS)?);
        let methods = count(head::METHODS)?;
        let set_words = objects.div_ceil(32);
        let mut at = HEADER;
        let mut section = |count: usize, size: usize| {
            let begin = at;
            at = at.checked_add(count.checked_mul(size)?)?;
            // In bytes, too, and a sum of two.
            (at < usize::MAX / 16).then_some(begin)
        };
        let types_at = section(types, set_words)?;
        let predicates_at = section(predicates, PREDICATE)?;
        let tasks_at = section(tasks, TASK)?;
        let methods_at = section(methods.checked_add(1)?, METHOD)?;
        let code = section(count(head::CODE)?.div_ceil(2), 1)?;
        let facts = section(count(head::FACTS)?.div_ceil(2), 1)?;
        let text_bytes = count(head::TEXT)?;
        let named = header.get(head::TEXT) != Some(&u32::MAX);
        let name_count = types + objects + predicates + tasks + methods;
        let names = section(if named { name_count + 1 } else { 0 }, 1)?;
        let text = section(if named { text_bytes.div_ceil(4) } else { 0 }, 1)?;
        Some(Places {
            set_words,
            types: types_at,
            predicates: predicates_at,
            tasks: tasks_at,
            methods: methods_at,
            code,
            facts,
            names,
            name_count: if named { name_count } else { 0 },
            text,
            end: at,
        })
    }
}

/// A number of two u16, low first.
pub(super) fn wide(low: u16, high: u16) -> usize {
    (low as u32 | (high as u32) << 16) as usize
}
