//! What files say, before anybody asks whether it makes sense. Texts are borrowed from the file,
//! and every name knows its place there.

use std::boxed::Box;
use std::vec::Vec;

/// A word of the file: of a type, object, predicate, task, or a variable with its `?`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    pub text: &'a str,
    /// The first byte of it in the file.
    pub at: u32,
}

impl Name<'_> {
    pub fn is_variable(&self) -> bool {
        self.text.starts_with('?')
    }
}

/// A name with its type: a row of [`Pools::kinds`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Typed<'a> {
    pub name: Name<'a>,
    pub kind: u32,
}

/// A head and its arguments, which are in [`Pools::terms`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Atom<'a> {
    pub head: Name<'a>,
    pub from: u32,
    pub to: u32,
}

/// A condition.
#[derive(Debug)]
pub(super) enum Formula<'a> {
    /// True when empty.
    And(Vec<Formula<'a>>),
    Or(Vec<Formula<'a>>),
    Not(Box<Formula<'a>>),
    Imply(Box<(Formula<'a>, Formula<'a>)>),
    Forall(Vec<Typed<'a>>, Box<Formula<'a>>),
    Exists(Vec<Typed<'a>>, Box<Formula<'a>>),
    Equal(Name<'a>, Name<'a>),
    /// The object is of the type.
    TypeOf(Typed<'a>),
    Atom(Atom<'a>),
}

impl Formula<'_> {
    /// Always true.
    pub fn is_empty(&self) -> bool {
        matches!(self, Formula::And(all) if all.is_empty())
    }
}

/// What an action changes.
#[derive(Debug)]
pub(super) enum Effect<'a> {
    /// Nothing, when empty.
    And(Vec<Effect<'a>>),
    Forall(Vec<Typed<'a>>, Box<Effect<'a>>),
    When(Formula<'a>, Box<Effect<'a>>),
    Add(Atom<'a>),
    Delete(Atom<'a>),
}

impl Effect<'_> {
    pub fn is_empty(&self) -> bool {
        matches!(self, Effect::And(all) if all.is_empty())
    }
}

/// A predicate or an abstract task.
#[derive(Debug)]
pub(super) struct Signature<'a> {
    pub name: Name<'a>,
    pub parameters: Vec<Typed<'a>>,
}

#[derive(Debug)]
pub(super) struct Action<'a> {
    pub signature: Signature<'a>,
    pub precondition: Formula<'a>,
    pub effect: Effect<'a>,
}

#[derive(Debug)]
pub(super) struct Subtask<'a> {
    /// By what `:ordering` calls it.
    pub id: Option<Name<'a>>,
    pub task: Atom<'a>,
}

/// A task network.
#[derive(Debug)]
pub(super) struct Network<'a> {
    /// Whether a list of subtasks was there at all.
    pub seen: bool,
    /// One after the other, as written.
    pub ordered: bool,
    pub subtasks: Vec<Subtask<'a>>,
    /// Ids of subtasks: the first one ends before the second one begins.
    pub ordering: Vec<(Name<'a>, Name<'a>)>,
    pub ordering_at: u32,
    /// Equalities and types alone.
    pub constraints: Formula<'a>,
}

#[derive(Debug)]
pub(super) struct Method<'a> {
    pub name: Name<'a>,
    pub parameters: Vec<Typed<'a>>,
    pub task: Atom<'a>,
    pub precondition: Formula<'a>,
    pub network: Network<'a>,
}

/// Lists that all of a file shares, so that a long file is a few long vectors.
#[derive(Debug, Default)]
pub(super) struct Pools<'a> {
    /// Types: none is `object`, several are `either`.
    pub kinds: Vec<Vec<Name<'a>>>,
    /// Arguments of atoms.
    pub terms: Vec<Name<'a>>,
}

impl<'a> Pools<'a> {
    pub fn arguments(&self, atom: &Atom<'a>) -> &[Name<'a>] {
        &self.terms[atom.from as usize..atom.to as usize]
    }

    pub fn kind(&self, typed: &Typed<'a>) -> &[Name<'a>] {
        &self.kinds[typed.kind as usize]
    }
}

#[derive(Debug)]
pub(super) struct Domain<'a> {
    pub name: Name<'a>,
    pub pools: Pools<'a>,
    pub types: Vec<Typed<'a>>,
    pub constants: Vec<Typed<'a>>,
    pub predicates: Vec<Signature<'a>>,
    pub tasks: Vec<Signature<'a>>,
    pub actions: Vec<Action<'a>>,
    pub methods: Vec<Method<'a>>,
}

#[derive(Debug)]
pub(super) struct Problem<'a> {
    pub name: Name<'a>,
    pub domain: Name<'a>,
    pub pools: Pools<'a>,
    pub objects: Vec<Typed<'a>>,
    pub init: Vec<Atom<'a>>,
    /// Where `:htn` is, its parameters and what is to be done.
    pub htn: (u32, Vec<Typed<'a>>, Network<'a>),
    pub goal: Formula<'a>,
}
