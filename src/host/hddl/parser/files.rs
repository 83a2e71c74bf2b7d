//! Domains and problems: their sections.

use std::format;
use std::vec::Vec;

use super::super::ast::*;
use super::super::error::Fault;
use super::super::lexer::{Kind, Token};
use super::{Parsed, Parser, UNSUPPORTED};
use crate::error::Error;

impl<'a> Parser<'a> {
    /// `(define (domain name)` or `(define (problem name)`
    fn define(&mut self, what: &str) -> Parsed<Name<'a>> {
        self.open("`define`")?;
        self.the("define")?;
        self.open(&format!("`{what}`"))?;
        self.the(what)?;
        let name = self.word(&format!("the name of the {what}"))?;
        self.close("the name")?;
        Ok(name)
    }

    /// After the last section.
    fn end(&mut self) -> Parsed<()> {
        self.close("the last section")?;
        if self.at(Kind::End) { Ok(()) } else { self.wrong("the end of the file") }
    }

    pub fn domain(mut self) -> Parsed<Domain<'a>> {
        let name = self.define("domain")?;
        let mut domain = Domain {
            name,
            pools: Pools::default(),
            types: Vec::new(),
            constants: Vec::new(),
            predicates: Vec::new(),
            tasks: Vec::new(),
            actions: Vec::new(),
            methods: Vec::new(),
        };
        while self.at(Kind::Open) {
            self.take()?;
            let key = self.token;
            if key.kind != Kind::Keyword {
                return self.wrong("a section of a domain");
            }
            self.take()?;
            match &*key.text.to_ascii_lowercase() {
                ":requirements" => self.requirements()?,
                ":types" => {
                    domain.types.extend(self.typed(Kind::Word, "a type")?);
                    self.take()?;
                }
                ":constants" | ":objects" => {
                    domain.constants.extend(self.typed(Kind::Word, "a constant")?);
                    self.take()?;
                }
                ":predicates" => {
                    while !self.at(Kind::Close) {
                        self.open("a predicate")?;
                        let name = self.word("the name of a predicate")?;
                        let parameters = self.typed(Kind::Variable, "a variable")?;
                        self.take()?;
                        domain.predicates.push(Signature { name, parameters });
                    }
                    self.take()?;
                }
                // What functions count is not looked at.
                ":functions" => self.skip_rest()?,
                ":task" => {
                    let task = self.task()?;
                    domain.tasks.push(task);
                }
                ":action" => {
                    let action = self.action()?;
                    domain.actions.push(action);
                }
                ":method" => {
                    let method = self.method()?;
                    domain.methods.push(method);
                }
                other => return Err(section(key.at, other, "domain", DOMAIN)),
            }
        }
        self.end()?;
        domain.pools = self.pools;
        Ok(domain)
    }

    pub fn problem(mut self) -> Parsed<Problem<'a>> {
        let name = self.define("problem")?;
        let (mut domain, mut objects) = (None, Vec::new());
        let (mut init, mut goal, mut htn) = (None, None, None);
        while self.at(Kind::Open) {
            self.take()?;
            let key = self.token;
            if key.kind != Kind::Keyword {
                return self.wrong("a section of a problem");
            }
            self.take()?;
            match &*key.text.to_ascii_lowercase() {
                ":domain" => {
                    once(&domain, key)?;
                    domain = Some(self.word("the name of the domain")?);
                    self.close("the name")?;
                }
                ":requirements" => self.requirements()?,
                ":objects" => {
                    objects.extend(self.typed(Kind::Word, "an object")?);
                    self.take()?;
                }
                ":init" => {
                    once(&init, key)?;
                    init = Some(self.init()?);
                }
                ":goal" => {
                    once(&goal, key)?;
                    goal = Some(self.condition()?);
                    self.close("the goal")?;
                }
                ":htn" => {
                    once(&htn, key)?;
                    htn = Some(self.htn(key.at)?);
                }
                ":htnti" | ":tihtn" => {
                    return Err(Fault::unsupported(key.at, "problems with task insertion"));
                }
                // Of costs, which are not looked at.
                ":metric" | ":length" => self.skip_rest()?,
                other => return Err(section(key.at, other, "problem", PROBLEM)),
            }
        }
        let Some(domain) = domain else { return self.wrong("`(:domain ...)`") };
        let Some(htn) = htn else {
            return self.wrong("`(:htn ...)`: what is to be done");
        };
        self.end()?;
        let init = init.unwrap_or_default();
        let goal = goal.unwrap_or(Formula::And(Vec::new()));
        Ok(Problem { name, domain, pools: self.pools, objects, init, htn, goal })
    }

    /// They say what a file may use; what it does use is looked at instead.
    fn requirements(&mut self) -> Parsed<()> {
        while self.at(Kind::Keyword) {
            self.take()?;
        }
        self.close("the requirements")
    }

    fn init(&mut self) -> Parsed<Vec<Atom<'a>>> {
        let mut facts = Vec::new();
        // Some wrap them into `(and ...)`.
        let mut wrapped = false;
        loop {
            if self.at(Kind::Close) {
                self.take()?;
                if !core::mem::take(&mut wrapped) {
                    return Ok(facts);
                }
                continue;
            }
            self.open("a fact")?;
            let head = self.token;
            match head.kind {
                // The value of a function.
                Kind::Operator if head.is("=") => {
                    self.take()?;
                    self.skip_rest()?;
                }
                // `()` says nothing.
                Kind::Close => drop(self.take()?),
                Kind::Word => {
                    self.take()?;
                    if head.is("and") && facts.is_empty() && !wrapped {
                        wrapped = true;
                    } else if head.is("not") && self.at(Kind::Open) {
                        // What is not said does not hold anyway.
                        self.skip_rest()?;
                    } else {
                        let fact = self.atom(head.name()).map_err(|fault| match fault.error {
                            // `(at 5 (fact))`
                            Error::Unsupported if head.is("at") => {
                                Fault::unsupported(head.at, "timed initial literals")
                            }
                            _ => fault,
                        })?;
                        facts.push(fact);
                    }
                }
                _ => return self.wrong("the name of a predicate"),
            }
        }
    }
}

/// An error where a thing is there already.
fn once<T>(thing: &Option<T>, key: Token) -> Parsed<()> {
    match thing {
        None => Ok(()),
        Some(_) => Err(Fault::syntax(key.at, format!("a second `{}`", key.text))),
    }
}

const DOMAIN: &str = "`:requirements`, `:types`, `:constants`, `:predicates`, `:functions`, \
                      `:task`, `:method` or `:action`";
const PROBLEM: &str = "`:domain`, `:requirements`, `:objects`, `:htn`, `:init`, `:goal` or \
                       `:metric`";

/// The error for a section that is not one of `file`.
fn section(at: u32, key: &str, file: &str, expected: &str) -> Fault {
    match UNSUPPORTED.iter().find(|(keyword, _)| *keyword == key) {
        Some((_, what)) => Fault::unsupported(at, what),
        None => {
            Fault::syntax(at, format!("expected a section of a {file} ({expected}), found `{key}`"))
        }
    }
}
