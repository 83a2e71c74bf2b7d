//! Tokens become domains and problems.
//!
//! The grammar is that of Höller et al., "HDDL: An Extension to PDDL for Expressing Hierarchical
//! Planning Problems" (AAAI 2020), over PDDL 2.1 with `:adl`, as the files of the International
//! Planning Competition of 2020 use it: sections and keywords of an action or a method may come in
//! any order, keywords in any case, types are optional, `()` stands for nothing.

mod files;
mod formula;
mod tasks;

use std::format;
use std::vec::Vec;

use super::ast::{Atom, Name, Pools, Typed};
use super::error::Fault;
use super::lexer::{Kind, Lexer, Token};
use crate::error::Error;

/// The deepest that parentheses nest. What reads them calls itself.
const DEEPEST: u32 = 200;

pub(super) type Parsed<T> = Result<T, Fault>;

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    depth: u32,
    pub pools: Pools<'a>,
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a [u8]) -> Parsed<Parser<'a>> {
        // Places are 32 bits wide.
        if u32::try_from(text.len()).is_err() {
            let message = "the file is longer than 4 GB".into();
            return Err(Fault { at: 0, error: Error::Capacity, message });
        }
        let mut lexer = Lexer::new(text);
        let token = lexer.next()?;
        // Kind 0 is `object`.
        let pools = Pools { kinds: std::vec![Vec::new()], terms: Vec::new() };
        Ok(Parser { lexer, token, depth: 0, pools })
    }

    // ---- tokens

    pub fn peek(&self) -> Token<'a> {
        self.token
    }

    pub fn take(&mut self) -> Parsed<Token<'a>> {
        let next = self.lexer.next()?;
        match self.token.kind {
            Kind::Open if self.depth == DEEPEST => {
                let message = format!("parentheses nest deeper than {DEEPEST}");
                return Err(Fault::syntax(self.token.at, message));
            }
            Kind::Open => self.depth += 1,
            Kind::Close => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Ok(core::mem::replace(&mut self.token, next))
    }

    pub fn wrong<T>(&self, expected: &str) -> Parsed<T> {
        let message = format!("expected {expected}, found {}", self.token);
        Err(Fault::syntax(self.token.at, message))
    }

    pub fn at(&self, kind: Kind) -> bool {
        self.token.kind == kind
    }

    pub fn open(&mut self, what: &str) -> Parsed<Token<'a>> {
        if self.at(Kind::Open) { self.take() } else { self.wrong(&format!("`(` before {what}")) }
    }

    pub fn close(&mut self, what: &str) -> Parsed<()> {
        if self.at(Kind::Close) {
            self.take().map(drop)
        } else {
            self.wrong(&format!("`)` after {what}"))
        }
    }

    pub fn word(&mut self, what: &str) -> Parsed<Name<'a>> {
        if self.at(Kind::Word) { Ok(self.take()?.name()) } else { self.wrong(what) }
    }

    fn the(&mut self, word: &str) -> Parsed<()> {
        if self.token.is(word) { self.take().map(drop) } else { self.wrong(&format!("`{word}`")) }
    }

    /// Over everything up to the parenthesis that closes, and that.
    pub fn skip_rest(&mut self) -> Parsed<()> {
        let mut open = 1u32;
        while open > 0 {
            match self.token.kind {
                Kind::Open => open += 1,
                Kind::Close => open -= 1,
                Kind::End => return self.wrong("`)`"),
                _ => {}
            }
            self.take()?;
        }
        Ok(())
    }

    // ---- lists

    /// Names with types, up to the closing parenthesis, which stays. All of one kind, which
    /// `what` names.
    pub fn typed(&mut self, kind: Kind, what: &str) -> Parsed<Vec<Typed<'a>>> {
        let mut list: Vec<Typed<'a>> = Vec::new();
        let mut from = 0;
        while self.at(kind) || self.at(Kind::Dash) {
            if self.at(Kind::Dash) {
                if from == list.len() {
                    return self.wrong(&format!("{what} before `-`"));
                }
                self.take()?;
                let row = self.kind()?;
                list[from..].iter_mut().for_each(|typed| typed.kind = row);
                from = list.len();
            } else {
                list.push(Typed { name: self.take()?.name(), kind: 0 });
            }
        }
        if self.at(Kind::Close) { Ok(list) } else { self.wrong(&format!("{what}, `-` or `)`")) }
    }

    /// What comes after `-`: a type, or `(either ...)`.
    pub fn kind(&mut self) -> Parsed<u32> {
        let names = if self.at(Kind::Open) {
            self.take()?;
            self.the("either")?;
            let mut names = Vec::new();
            while !self.at(Kind::Close) {
                names.push(self.word("a type")?);
            }
            if names.is_empty() {
                return self.wrong("a type");
            }
            self.take()?;
            names
        } else {
            std::vec![self.word("a type")?]
        };
        self.pools.kinds.push(names);
        Ok(self.pools.kinds.len() as u32 - 1)
    }

    /// `(?x ?y - type)`
    pub fn parameters(&mut self) -> Parsed<Vec<Typed<'a>>> {
        self.open("parameters")?;
        let list = self.typed(Kind::Variable, "a variable")?;
        self.take()?;
        Ok(list)
    }

    /// The arguments of a head that has been read, and the parenthesis behind them.
    pub fn atom(&mut self, head: Name<'a>) -> Parsed<Atom<'a>> {
        let from = self.pools.terms.len() as u32;
        while self.at(Kind::Word) || self.at(Kind::Variable) {
            let name = self.take()?.name();
            self.pools.terms.push(name);
        }
        if self.at(Kind::Open) {
            return Err(Fault::unsupported(self.token.at, "functions as arguments"));
        }
        self.close("the arguments")?;
        Ok(Atom { head, from, to: self.pools.terms.len() as u32 })
    }
}

/// What a keyword is about that this reader knows by name alone.
const UNSUPPORTED: &[(&str, &str)] = &[
    (":durative-action", "durative actions"),
    (":durative-method", "durative methods"),
    (":duration", "durations"),
    (":condition", "durative actions"),
    (":derived", "derived predicates"),
    (":axiom", "derived predicates"),
    (":process", "processes"),
    (":event", "events"),
    (":constraints", "constraints on the course of a plan"),
    (":preference", "preferences"),
    (":utility", "utilities"),
    (":bound", "bounds on costs"),
    (":observe", "observations"),
];
