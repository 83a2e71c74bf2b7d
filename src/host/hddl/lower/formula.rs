//! Conditions and effects.

use std::vec::Vec;

use super::super::ast::{Effect, Formula, Pools, Typed};
use super::super::parser::Parsed;
use super::{Lower, built};
use crate::task::plan::{Part, Term, TypeId};

/// What effects stand under: the variables of `forall` and the conditions of `when`.
#[derive(Default)]
struct Context<'e, 'a> {
    variables: Vec<Typed<'a>>,
    conditions: Vec<&'e Formula<'a>>,
}

impl<'a> Lower<'a, '_> {
    pub(super) fn condition(&mut self, pools: &Pools<'a>, formula: &Formula<'a>) -> Parsed<()> {
        match formula {
            Formula::And(all) => self.part(Part::And, pools, all),
            Formula::Or(all) => self.part(Part::Or, pools, all),
            Formula::Not(inner) => self.part(Part::Not, pools, core::slice::from_ref(&**inner)),
            Formula::Imply(both) => {
                built(self.b.open(Part::Imply), 0)?;
                self.condition(pools, &both.0)?;
                self.condition(pools, &both.1)?;
                built(self.b.close(), 0)
            }
            Formula::Forall(variables, inner) => self.quantified(true, pools, variables, inner),
            Formula::Exists(variables, inner) => self.quantified(false, pools, variables, inner),
            Formula::Equal(a, b) => {
                let (first, second) = (self.term(a)?, self.term(b)?);
                built(self.b.equal(first, second), a.at)
            }
            // There is an object of the type that it is.
            Formula::TypeOf(typed) => {
                let term = self.term(&typed.name)?;
                let kind = self.kind(typed);
                let at = typed.name.at;
                let variable = built(self.b.quantifier(false, kind.id), at)?;
                built(self.b.equal(variable, term), at)?;
                built(self.b.close(), at)
            }
            Formula::Atom(atom) => {
                let args = self.terms(pools, atom)?;
                let predicate = self.predicate(&atom.head, args.len())?;
                built(self.b.atom(predicate, &args), atom.head.at)
            }
        }
    }

    fn part(&mut self, part: Part, pools: &Pools<'a>, all: &[Formula<'a>]) -> Parsed<()> {
        let at = all.iter().find_map(place).unwrap_or(0);
        built(self.b.open(part), at)?;
        all.iter().try_for_each(|one| self.condition(pools, one))?;
        built(self.b.close(), at)
    }

    fn quantified(
        &mut self,
        for_all: bool,
        pools: &Pools<'a>,
        variables: &[Typed<'a>],
        inner: &Formula<'a>,
    ) -> Parsed<()> {
        let before = self.scope.len();
        for typed in variables {
            let kind = self.kind(typed);
            let term = built(self.b.quantifier(for_all, kind.id), typed.name.at)?;
            self.scope.push((typed.name.text, term));
        }
        self.condition(pools, inner)?;
        self.scope.truncate(before);
        variables.iter().try_for_each(|typed| built(self.b.close(), typed.name.at))
    }

    pub(super) fn effect(&mut self, pools: &Pools<'a>, effect: &Effect<'a>) -> Parsed<()> {
        self.effect_in(pools, effect, &mut Context::default())
    }

    /// Conditional effects do not stand inside each other in a model: what stands under several
    /// conditions is said once for all of them.
    fn effect_in<'e>(
        &mut self,
        pools: &Pools<'a>,
        effect: &'e Effect<'a>,
        context: &mut Context<'e, 'a>,
    ) -> Parsed<()> {
        match effect {
            Effect::Forall(variables, inner) => {
                let before = context.variables.len();
                context.variables.extend(variables);
                self.effect_in(pools, inner, context)?;
                context.variables.truncate(before);
                Ok(())
            }
            Effect::When(condition, inner) => {
                context.conditions.push(condition);
                self.effect_in(pools, inner, context)?;
                context.conditions.pop();
                Ok(())
            }
            Effect::And(all) => {
                self.literals(pools, all, context)?;
                let nested = |e: &&Effect| !matches!(e, Effect::Add(_) | Effect::Delete(_));
                all.iter().filter(nested).try_for_each(|one| self.effect_in(pools, one, context))
            }
            Effect::Add(_) | Effect::Delete(_) => {
                self.literals(pools, core::slice::from_ref(effect), context)
            }
        }
    }

    /// Those of the effects that are additions and deletions.
    fn literals<'e>(
        &mut self,
        pools: &Pools<'a>,
        effects: &'e [Effect<'a>],
        context: &Context<'e, 'a>,
    ) -> Parsed<()> {
        let atoms = effects.iter().filter_map(|effect| match effect {
            Effect::Add(atom) => Some((true, atom)),
            Effect::Delete(atom) => Some((false, atom)),
            _ => None,
        });
        let mut atoms = atoms.peekable();
        let Some((_, first)) = atoms.peek() else { return Ok(()) };
        let at = first.head.at;
        let conditional = !(context.variables.is_empty() && context.conditions.is_empty());
        let before = self.scope.len();
        if conditional {
            let types: Vec<TypeId> = context.variables.iter().map(|v| self.kind(v).id).collect();
            let first = built(self.b.when(&types), at)?;
            let numbers = first..=u8::MAX;
            let names = context.variables.iter().map(|typed| typed.name.text);
            self.scope.extend(names.zip(numbers.map(Term::variable)));
            context.conditions.iter().try_for_each(|one| self.condition(pools, one))?;
            built(self.b.then(), at)?;
        }
        for (add, atom) in atoms {
            let args = self.terms(pools, atom)?;
            let predicate = self.predicate(&atom.head, args.len())?;
            let result = match add {
                true => self.b.add(predicate, &args),
                false => self.b.delete(predicate, &args),
            };
            built(result, atom.head.at)?;
        }
        self.scope.truncate(before);
        if conditional { built(self.b.end_when(), at) } else { Ok(()) }
    }
}

/// Somewhere in a formula.
fn place(formula: &Formula) -> Option<u32> {
    match formula {
        Formula::And(all) | Formula::Or(all) => all.iter().find_map(place),
        Formula::Not(inner) => place(inner),
        Formula::Imply(both) => place(&both.0),
        Formula::Forall(variables, inner) | Formula::Exists(variables, inner) => {
            variables.first().map(|typed| typed.name.at).or_else(|| place(inner))
        }
        Formula::Equal(name, _) => Some(name.at),
        Formula::TypeOf(typed) => Some(typed.name.at),
        Formula::Atom(atom) => Some(atom.head.at),
    }
}
