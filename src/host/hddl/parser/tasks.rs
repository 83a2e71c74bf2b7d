//! Tasks, actions, methods and task networks.

use std::format;
use std::string::String;
use std::vec::Vec;

use super::super::ast::*;
use super::super::error::Fault;
use super::super::lexer::{Kind, Token};
use super::{Parsed, Parser, UNSUPPORTED};

impl<'a> Parser<'a> {
    /// The keywords of a section, up to its end: `key` reads what comes after each one.
    fn keywords(
        &mut self,
        expected: &str,
        mut key: impl FnMut(&mut Self, &str, Token<'a>) -> Parsed<bool>,
    ) -> Parsed<()> {
        let mut seen: Vec<String> = Vec::new();
        while self.at(Kind::Keyword) {
            let token = self.take()?;
            let name = token.text.to_ascii_lowercase();
            if seen.contains(&name) {
                return Err(Fault::syntax(token.at, format!("a second `{name}`")));
            }
            if !key(self, &name, token)? {
                if let Some(what) = UNSUPPORTED.iter().find(|(keyword, _)| *keyword == name) {
                    return Err(Fault::unsupported(token.at, what.1));
                }
                let message = format!("expected {expected}, found {token}");
                return Err(Fault::syntax(token.at, message));
            }
            seen.push(name);
        }
        if self.at(Kind::Close) { self.take().map(drop) } else { self.wrong(expected) }
    }

    pub(super) fn task(&mut self) -> Parsed<Signature<'a>> {
        let name = self.word("the name of a task")?;
        let mut parameters = Vec::new();
        self.keywords("`:parameters` or `)`", |p, key, token| {
            match key {
                ":parameters" => parameters = p.parameters()?,
                ":precondition" if p.condition()?.is_empty() => {}
                ":effect" if p.effect()?.is_empty() => {}
                ":precondition" | ":effect" => {
                    let what = "preconditions and effects of abstract tasks";
                    return Err(Fault::unsupported(token.at, what));
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Signature { name, parameters })
    }

    pub(super) fn action(&mut self) -> Parsed<Action<'a>> {
        let name = self.word("the name of an action")?;
        let mut parameters = Vec::new();
        let mut precondition = Formula::And(Vec::new());
        let mut effect = Effect::And(Vec::new());
        let expected = "`:parameters`, `:precondition`, `:effect` or `)`";
        self.keywords(expected, |p, key, _| {
            match key {
                ":parameters" => parameters = p.parameters()?,
                ":precondition" => precondition = p.condition()?,
                ":effect" => effect = p.effect()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Action { signature: Signature { name, parameters }, precondition, effect })
    }

    pub(super) fn method(&mut self) -> Parsed<Method<'a>> {
        let name = self.word("the name of a method")?;
        let mut parameters = Vec::new();
        let mut task = None;
        let mut precondition = Formula::And(Vec::new());
        let mut network = Network::default();
        let expected = "`:parameters`, `:task`, `:precondition`, `:subtasks`, `:ordered-subtasks`, \
                        `:ordering`, `:constraints` or `)`";
        self.keywords(expected, |p, key, token| {
            match key {
                ":parameters" => parameters = p.parameters()?,
                ":task" => {
                    p.open("the task")?;
                    let head = p.word("the name of a task")?;
                    task = Some(p.atom(head)?);
                }
                ":precondition" => precondition = p.condition()?,
                ":effect" if p.effect()?.is_empty() => {}
                ":effect" => return Err(Fault::unsupported(token.at, "effects of methods")),
                _ => return p.network(key, token, &mut network),
            }
            Ok(true)
        })?;
        let Some(task) = task else {
            let message = format!("the method `{}` has no `:task`", name.text);
            return Err(Fault::syntax(name.at, message));
        };
        Ok(Method { name, parameters, task, precondition, network: network.done()? })
    }

    pub(super) fn htn(&mut self, at: u32) -> Parsed<(u32, Vec<Typed<'a>>, Network<'a>)> {
        let mut parameters = Vec::new();
        let mut network = Network::default();
        let expected = "`:parameters`, `:subtasks`, `:ordered-subtasks`, `:ordering`, \
                        `:constraints` or `)`";
        self.keywords(expected, |p, key, token| match key {
            ":parameters" => {
                parameters = p.parameters()?;
                Ok(true)
            }
            _ => p.network(key, token, &mut network),
        })?;
        Ok((at, parameters, network.done()?))
    }

    /// The keywords of a task network. False for another one.
    fn network(&mut self, key: &str, token: Token<'a>, into: &mut Network<'a>) -> Parsed<bool> {
        match key {
            ":subtasks" | ":tasks" | ":ordered-subtasks" | ":ordered-tasks" => {
                if into.seen {
                    return Err(Fault::syntax(token.at, "a second list of subtasks"));
                }
                into.seen = true;
                into.ordered = key.starts_with(":ordered");
                into.subtasks = self.list("a subtask", |p, head| p.subtask(head))?;
            }
            ":ordering" | ":order" => {
                into.ordering_at = token.at;
                into.ordering = self.list("`(< id id)`", |p, head| p.before(head))?;
            }
            ":constraints" => into.constraints = self.constraints()?,
            ":causal-links" | ":causallinks" => {
                let links = self.list("a causal link", |p, _| p.skip_rest())?;
                if !links.is_empty() {
                    return Err(Fault::unsupported(token.at, "causal links"));
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `()`, one thing, or `(and thing ...)`. `item` is given the token after the parenthesis,
    /// which it has yet to take.
    fn list<T>(
        &mut self,
        what: &str,
        mut item: impl FnMut(&mut Self, Token<'a>) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut list = Vec::new();
        self.open(what)?;
        let head = self.token;
        if head.kind == Kind::Close {
            self.take()?;
        } else if head.is("and") {
            self.take()?;
            while !self.at(Kind::Close) {
                self.open(what)?;
                let head = self.token;
                list.push(item(self, head)?);
            }
            self.take()?;
        } else {
            list.push(item(self, head)?);
        }
        Ok(list)
    }

    /// `task arguments)`, or `id (task arguments))`
    fn subtask(&mut self, _: Token<'a>) -> Parsed<Subtask<'a>> {
        let name = self.word("the name of a task, or an id before a task")?;
        if !self.at(Kind::Open) {
            return Ok(Subtask { id: None, task: self.atom(name)? });
        }
        self.take()?;
        let head = self.word("the name of a task")?;
        let task = self.atom(head)?;
        self.close("a subtask with an id")?;
        Ok(Subtask { id: Some(name), task })
    }

    /// `< a b)`, or `a < b)`
    fn before(&mut self, head: Token<'a>) -> Parsed<(Name<'a>, Name<'a>)> {
        let prefix = head.is("<");
        if prefix {
            self.take()?;
        }
        let first = self.word("the id of a subtask, or `<`")?;
        if !prefix {
            self.the("<")?;
        }
        let second = self.word("the id of a subtask")?;
        self.close("an ordering of two subtasks")?;
        Ok((first, second))
    }
}

impl Default for Network<'_> {
    fn default() -> Self {
        Network {
            seen: false,
            ordered: false,
            subtasks: Vec::new(),
            ordering: Vec::new(),
            ordering_at: 0,
            constraints: Formula::And(Vec::new()),
        }
    }
}

impl<'a> Network<'a> {
    fn done(self) -> Parsed<Network<'a>> {
        if self.ordered && !self.ordering.is_empty() {
            let message = "`:ordering` beside subtasks that are ordered already";
            return Err(Fault::syntax(self.ordering_at, message));
        }
        Ok(self)
    }
}
