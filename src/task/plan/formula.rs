//! Formulae and effects, read where they lie.
//!
//! What is read here was checked when the model was opened ([`super::check`]); still, nothing here can
//! leave the slice that it was given: what would be wrong reads as false, or as the end.

use super::format::{op, wide};
use super::ids::{PredicateId, TypeId};

/// A formula in negation normal form: `not` stands before atoms and equalities alone.
#[derive(Clone, Copy, Debug)]
pub struct Formula<'a> {
    /// Begins with the formula; more may follow it.
    code: &'a [u16],
}

/// What a formula is.
#[derive(Clone, Copy, Debug)]
pub enum View<'a> {
    /// All of these hold. Of none: true.
    And(Items<'a>),
    /// One of these holds. Of none: false.
    Or(Items<'a>),
    /// The body holds for each object of the type.
    ForAll(u16, TypeId, Formula<'a>),
    /// There is an object of the type for which the body holds. The variable is a number below the
    /// variables of action, method or goal, after the parameters.
    Exists(u16, TypeId, Formula<'a>),
    /// The fact holds (`true`) or does not hold (`false`). The arguments are codes of terms
    /// ([`Term::from_code`](super::Term::from_code)), as many as the predicate's arity.
    Atom(bool, PredicateId, &'a [u16]),
    /// Two terms (codes) are the same object (`true`) or are not (`false`).
    Equal(bool, u16, u16),
}

/// Formulae one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a> {
    code: &'a [u16],
    predicates: Arities<'a>,
}

/// Looks arities up: the predicates' records of a model.
pub(super) type Arities<'a> = &'a [u32];

/// The arity in a record of a predicate.
pub(super) fn arity(predicates: Arities<'_>, predicate: u16) -> usize {
    let at = predicate as usize * super::format::PREDICATE + 1;
    predicates.get(at).map_or(0, |word| (word & 0xFFFF) as usize)
}

/// A formula with what is needed to read it.
impl<'a> Formula<'a> {
    pub(super) fn new(code: &'a [u16]) -> Formula<'a> {
        Formula { code }
    }

    /// What it is. `model` is the one that it belongs to.
    pub fn view(self, model: &super::Model<'a>) -> View<'a> {
        self.view_with(model.predicate_records())
    }

    pub(super) fn view_with(self, predicates: Arities<'a>) -> View<'a> {
        let nothing = View::Or(Items { code: &[], predicates });
        let Some((&first, rest)) = self.code.split_first() else { return nothing };
        match (first, rest) {
            (op::AND | op::OR, [low, high, body @ ..]) => {
                let items =
                    Items { code: body.get(..wide(*low, *high)).unwrap_or(&[]), predicates };
                if first == op::AND { View::And(items) } else { View::Or(items) }
            }
            (op::FORALL, [_, _, variable, ty, body @ ..]) => {
                View::ForAll(*variable, TypeId(*ty), Formula { code: body })
            }
            (op::EXISTS, [_, _, variable, ty, body @ ..]) => {
                View::Exists(*variable, TypeId(*ty), Formula { code: body })
            }
            (op::ATOM | op::NOT_ATOM, [predicate, args @ ..]) => {
                let args = args.get(..arity(predicates, *predicate)).unwrap_or(&[]);
                View::Atom(first == op::ATOM, PredicateId(*predicate), args)
            }
            (op::EQUAL | op::NOT_EQUAL, [a, b, ..]) => View::Equal(first == op::EQUAL, *a, *b),
            _ => nothing,
        }
    }

    /// Whether it has no words at all, as no formula of a model does.
    pub(super) fn is_nothing(self) -> bool {
        self.code.is_empty()
    }

    /// Where it lies in the code that it is a part of.
    pub(super) fn place(self, code: &[u16]) -> usize {
        ((self.code.as_ptr() as usize).wrapping_sub(code.as_ptr() as usize)) / 2
    }

    /// Words that the formula takes.
    pub(super) fn len(self, predicates: Arities<'_>) -> usize {
        match *self.code {
            [op::AND | op::OR | op::FORALL | op::EXISTS, low, high, ..] => 3 + wide(low, high),
            [op::ATOM | op::NOT_ATOM, predicate, ..] => 2 + arity(predicates, predicate),
            _ => 3,
        }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Formula<'a>;

    fn next(&mut self) -> Option<Formula<'a>> {
        if self.code.is_empty() {
            return None;
        }
        let formula = Formula { code: self.code };
        self.code = self.code.get(formula.len(self.predicates)..).unwrap_or(&[]);
        Some(formula)
    }
}

/// One effect of an action.
#[derive(Clone, Copy, Debug)]
pub enum Effect<'a> {
    /// The fact holds afterwards, whatever deletes it. Arguments are codes of terms.
    Add(PredicateId, &'a [u16]),
    /// The fact does not hold afterwards, unless something adds it.
    Delete(PredicateId, &'a [u16]),
    /// For all objects of the types, for which the condition holds before the action: these effects,
    /// each [`Add`](Effect::Add) or [`Delete`](Effect::Delete).
    When {
        /// Pairs of variable and type.
        variables: &'a [u16],
        /// What has to hold before the action.
        condition: Formula<'a>,
        /// What happens then.
        effects: Effects<'a>,
    },
}

/// Effects one after the other. Of all that an action does, deletions come before additions: what is
/// both deleted and added holds afterwards.
#[derive(Clone, Copy, Debug)]
pub struct Effects<'a> {
    code: &'a [u16],
    predicates: Arities<'a>,
}

impl<'a> Effects<'a> {
    /// `code` begins with the number of words.
    pub(super) fn new(code: &'a [u16], predicates: Arities<'a>) -> Effects<'a> {
        let code = match code {
            [low, high, body @ ..] => body.get(..wide(*low, *high)).unwrap_or(&[]),
            _ => &[],
        };
        Effects { code, predicates }
    }
}

impl<'a> Iterator for Effects<'a> {
    type Item = Effect<'a>;

    fn next(&mut self) -> Option<Effect<'a>> {
        let (&first, rest) = self.code.split_first()?;
        let (effect, len) = match (first, rest) {
            (op::ADD | op::DELETE, [predicate, args @ ..]) => {
                let arity = arity(self.predicates, *predicate);
                let args = args.get(..arity)?;
                let predicate = PredicateId(*predicate);
                let add = first == op::ADD;
                let effect = if add {
                    Effect::Add(predicate, args)
                } else {
                    Effect::Delete(predicate, args)
                };
                (effect, 2 + arity)
            }
            (op::WHEN, [low, high, body @ ..]) => {
                let len = wide(*low, *high);
                let (&n, body) = body.get(..len)?.split_first()?;
                let (variables, body) = body.split_at_checked(n as usize * 2)?;
                let condition = Formula { code: body };
                let code = body.get(condition.len(self.predicates)..)?;
                let effects = Effects { code, predicates: self.predicates };
                (Effect::When { variables, condition, effects }, 3 + len)
            }
            _ => return None,
        };
        self.code = self.code.get(len..).unwrap_or(&[]);
        Some(effect)
    }
}
