//! HDDL: planning domains and problems as text.
//!
//! The language is that of the International Planning Competition of 2020 (Höller et al., "HDDL: An
//! Extension to PDDL for Expressing Hierarchical Planning Problems", AAAI 2020): types with several
//! parents and `either`, constants, conditions with `and` `or` `not` `imply` `forall` `exists` and
//! `=`, conditional and universal effects, methods with preconditions, constraints (`=`, `typeof`),
//! empty, ordered and partially ordered lists of subtasks, and initial task networks with parameters.
//! Predicates may share a name if they take different numbers of arguments.
//!
//! Costs (`:functions`, `:metric`, `increase` and its like) are read and left out: no condition can ask
//! for them. Refused by name: durative actions, numeric conditions, derived predicates, preferences,
//! constraints on the course of a plan, timed initial literals, task insertion, causal links, effects of
//! methods, preconditions and effects of abstract tasks.
//!
//! PDDL does not heed the case of letters, the competition's verifier does. Keywords are read in any
//! case; a name is the one that is spelled like it, else the only one that differs in case alone. Plans
//! have names as they were declared.
//!
//! | file | what |
//! |---|---|
//! | `lexer` `ast` `parser/` | text becomes a tree |
//! | `names` `lower/` | the tree becomes a model, through [`Builder`](crate::task::plan::Builder) |
//! | `plan/` `picture` | plans as text, read and written, DOT and SVG |
//! | `error` | what is wrong, and where |

mod ast;
mod error;
mod lexer;
mod lower;
mod names;
mod parser;
mod picture;
mod plan;

use std::vec::Vec;

use crate::error::Result;
use crate::task::plan::Model;
use error::{Cursor, Fault};
use lower::File;
use parser::Parser;

pub use error::HddlError;
pub use picture::{plan_dot, plan_svg};
pub use plan::{PlanFile, read_plan, verify_plan, write_plan};

/// A file's name, for messages, and its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What errors call it.
    pub name: &'a str,
    /// All of it: UTF-8, though comments may hold anything.
    pub text: &'a [u8],
}

/// A domain and a problem that were read.
#[derive(Clone, Debug)]
pub struct Hddl {
    words: Vec<u32>,
    warnings: Vec<HddlError>,
}

impl Hddl {
    /// Reads a domain and a problem of it. Time grows as the files do, but for long chains of types, for objects and
    /// parameters of `either` many types, and for orderings of many subtasks.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn read(domain: Source<'_>, problem: Source<'_>) -> core::result::Result<Hddl, HddlError> {
        let source = |file| if file == File::Domain { domain } else { problem };
        let locate = |file, fault: Fault| fault.locate(source(file).name, source(file).text);
        let tree = Parser::new(domain.text).and_then(Parser::domain);
        let domain_tree = tree.map_err(|fault| locate(File::Domain, fault))?;
        let tree = Parser::new(problem.text).and_then(Parser::problem);
        let problem_tree = tree.map_err(|fault| locate(File::Problem, fault))?;
        let bytes = domain.text.len() + problem.text.len();
        let lowered = lower::lower(&domain_tree, &problem_tree, bytes);
        let (words, warnings) = lowered.map_err(|(file, fault)| locate(file, fault))?;
        Ok(Hddl { words, warnings: located(warnings, source) })
    }

    /// What the files say that is odd: undeclared types and predicates, arguments of other types than
    /// declared, a problem that names another domain.
    pub fn warnings(&self) -> &[HddlError] {
        &self.warnings
    }

    /// The model's bytes, as [`Model::open`] and firmware read them.
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.words)
    }

    /// The model.
    ///
    /// # Errors
    /// None that a caller could bring about: those of [`Model::open`].
    pub fn model(&self) -> Result<Model<'_>> {
        Model::open(self.bytes())
    }
}

/// Warnings with their lines and columns, each file looked at once.
fn located<'a>(
    warnings: Vec<lower::Warning>,
    source: impl Fn(File) -> Source<'a>,
) -> Vec<HddlError> {
    let mut places = std::vec![(0, 0); warnings.len()];
    for file in [File::Domain, File::Problem] {
        let mut of_file: Vec<usize> =
            (0..warnings.len()).filter(|i| warnings[*i].0 == file).collect();
        of_file.sort_by_key(|i| warnings[*i].1);
        let mut cursor = Cursor::new(source(file).text);
        for i in of_file {
            places[i] = cursor.go(warnings[i].1);
        }
    }
    let located =
        |((file, at, message), place)| Fault::domain(at, message).at(source(file).name, place);
    warnings.into_iter().zip(places).map(located).collect()
}
