//! Conditions and effects.

use std::boxed::Box;
use std::format;
use std::vec::Vec;

use super::super::ast::*;
use super::super::error::Fault;
use super::super::lexer::Kind;
use super::{Parsed, Parser};

impl<'a> Parser<'a> {
    /// A condition of an action, a method or a goal.
    pub fn condition(&mut self) -> Parsed<Formula<'a>> {
        self.open("a condition")?;
        let head = self.peek();
        match head.kind {
            Kind::Close => {
                self.take()?;
                return Ok(Formula::And(Vec::new()));
            }
            Kind::Operator if head.is("=") => {
                self.take()?;
                return self.equality();
            }
            Kind::Operator => return Err(Fault::unsupported(head.at, "numeric conditions")),
            Kind::Word => {}
            _ => {
                return self
                    .wrong("a predicate, `and`, `or`, `not`, `imply`, `forall` or `exists`");
            }
        }
        self.take()?;
        // A predicate may have one of these names where no condition follows.
        let nested = self.at(Kind::Open) || self.at(Kind::Close);
        match &*head.text.to_ascii_lowercase() {
            "and" => Ok(Formula::And(self.conditions()?)),
            "or" => Ok(Formula::Or(self.conditions()?)),
            "not" if nested => {
                let inner = self.condition()?;
                self.close("the condition of `not`")?;
                Ok(Formula::Not(Box::new(inner)))
            }
            "imply" if nested => {
                let (first, second) = (self.condition()?, self.condition()?);
                self.close("the two conditions of `imply`")?;
                Ok(Formula::Imply(Box::new((first, second))))
            }
            which @ ("forall" | "exists") if nested => {
                let variables = self.parameters()?;
                let inner = Box::new(self.condition()?);
                self.close(&format!("the condition of `{which}`"))?;
                Ok(match which {
                    "forall" => Formula::Forall(variables, inner),
                    _ => Formula::Exists(variables, inner),
                })
            }
            "preference" => Err(Fault::unsupported(head.at, "preferences")),
            "always" | "sometime" | "within" | "at-most-once" | "sometime-after"
            | "sometime-before" | "always-within" | "hold-during" | "hold-after"
                if nested =>
            {
                Err(Fault::unsupported(head.at, "constraints on the course of a plan"))
            }
            // `(typeof ?x - type)`, under the names that it has in the field.
            "typeof" | "sortof" | "sort" | "type" => self.type_or_atom(head.name()),
            _ => Ok(Formula::Atom(self.atom(head.name())?)),
        }
    }

    /// Conditions up to the closing parenthesis, and that.
    fn conditions(&mut self) -> Parsed<Vec<Formula<'a>>> {
        let mut all = Vec::new();
        while !self.at(Kind::Close) {
            all.push(self.condition()?);
        }
        self.take()?;
        Ok(all)
    }

    /// After `(=`
    fn equality(&mut self) -> Parsed<Formula<'a>> {
        let first = self.term()?;
        let second = self.term()?;
        self.close("the two terms of `=`")?;
        Ok(Formula::Equal(first, second))
    }

    fn term(&mut self) -> Parsed<Name<'a>> {
        match self.peek().kind {
            Kind::Word | Kind::Variable => Ok(self.take()?.name()),
            Kind::Open => Err(Fault::unsupported(self.peek().at, "numeric conditions")),
            _ => self.wrong("a variable or an object"),
        }
    }

    fn type_or_atom(&mut self, head: Name<'a>) -> Parsed<Formula<'a>> {
        let mut atom = Atom { head, from: self.pools.terms.len() as u32, to: 0 };
        while self.at(Kind::Word) || self.at(Kind::Variable) {
            let name = self.take()?.name();
            self.pools.terms.push(name);
        }
        atom.to = self.pools.terms.len() as u32;
        if self.at(Kind::Dash) && atom.to == atom.from + 1 {
            let name = self.pools.terms[atom.from as usize];
            self.take()?;
            let kind = self.kind()?;
            self.close("the type")?;
            return Ok(Formula::TypeOf(Typed { name, kind }));
        }
        self.close("the arguments")?;
        Ok(Formula::Atom(atom))
    }

    /// Constraints of a task network: equalities and types, and what joins them.
    pub fn constraints(&mut self) -> Parsed<Formula<'a>> {
        let formula = self.condition()?;
        match fact_in(&formula) {
            None => Ok(formula),
            Some(name) => {
                let message = format!(
                    "expected constraints of `=` and types, found the predicate `{}`",
                    name.text
                );
                Err(Fault::syntax(name.at, message))
            }
        }
    }

    /// An effect of an action.
    pub fn effect(&mut self) -> Parsed<Effect<'a>> {
        self.open("an effect")?;
        let head = self.peek();
        match head.kind {
            Kind::Close => {
                self.take()?;
                return Ok(Effect::And(Vec::new()));
            }
            Kind::Word => {}
            _ => return self.wrong("a predicate, `and`, `not`, `forall` or `when`"),
        }
        self.take()?;
        let nested = self.at(Kind::Open) || self.at(Kind::Close);
        let lower = head.text.to_ascii_lowercase();
        match &*lower {
            "and" => {
                let mut all = Vec::new();
                while !self.at(Kind::Close) {
                    all.push(self.effect()?);
                }
                self.take()?;
                Ok(Effect::And(all))
            }
            "not" if nested => {
                self.open("a predicate")?;
                let name = self.word("the name of a predicate")?;
                let atom = self.atom(name)?;
                self.close("`not`")?;
                Ok(Effect::Delete(atom))
            }
            "forall" if nested => {
                let variables = self.parameters()?;
                let inner = Box::new(self.effect()?);
                self.close("the effect of `forall`")?;
                Ok(Effect::Forall(variables, inner))
            }
            "when" if nested => {
                let condition = self.condition()?;
                let inner = Box::new(self.effect()?);
                self.close("the condition and the effect of `when`")?;
                Ok(Effect::When(condition, inner))
            }
            "or" | "exists" if nested => {
                Err(Fault::unsupported(head.at, "effects that are not determined"))
            }
            // No condition can ask for a number, so what changes one changes no plan.
            "increase" | "decrease" | "assign" | "scale-up" | "scale-down"
                if !self.at(Kind::Variable) =>
            {
                self.skip_rest()?;
                Ok(Effect::And(Vec::new()))
            }
            _ => Ok(Effect::Add(self.atom(head.name())?)),
        }
    }
}

/// A predicate in a formula.
fn fact_in<'a>(formula: &Formula<'a>) -> Option<Name<'a>> {
    match formula {
        Formula::And(all) | Formula::Or(all) => all.iter().find_map(fact_in),
        Formula::Not(inner) | Formula::Forall(_, inner) | Formula::Exists(_, inner) => {
            fact_in(inner)
        }
        Formula::Imply(both) => fact_in(&both.0).or_else(|| fact_in(&both.1)),
        Formula::Equal(..) | Formula::TypeOf(_) => None,
        Formula::Atom(atom) => Some(atom.head),
    }
}
