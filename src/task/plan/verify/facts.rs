//! The facts that hold now, of those that may change.

use super::VerifierConfig;
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};
use crate::task::plan::ids::PredicateId;
use crate::task::plan::model::Model;

/// It holds.
const HOLDS: u8 = 1;
/// The action that is being carried out deletes it.
const DELETED: u8 = 2;
/// The action that is being carried out adds it.
const ADDED: u8 = 4;

/// A table of facts by their hashes. A fact that was there once stays there, and is marked.
pub(super) struct Facts<'m> {
    /// Places in the table: 1 and the number of a fact, 0 for none. A power of two of them, never full.
    table: Carved<'m, u32>,
    /// Where each fact begins in the words.
    rows: Carved<'m, u32>,
    flags: Carved<'m, u8>,
    count: usize,
    /// For each fact its predicate and its arguments.
    words: Carved<'m, u16>,
    used: usize,
    /// Facts that the action that is being carried out changes.
    changes: Carved<'m, u32>,
    change_count: usize,
}

impl<'m> Facts<'m> {
    pub fn carve(config: &VerifierConfig, carver: &mut Carver<'m>) -> Result<Facts<'m>> {
        let facts = config.facts as usize;
        let table = facts.checked_mul(2).and_then(|n| n.max(2).checked_next_power_of_two());
        Ok(Facts {
            table: carver.take(table.ok_or(Error::Overflow)?, 0)?,
            rows: carver.take(facts, 0)?,
            flags: carver.take(facts, 0)?,
            count: 0,
            words: carver.take(config.words as usize, 0)?,
            used: 0,
            changes: carver.take(facts, 0)?,
            change_count: 0,
        })
    }

    /// The initial facts of the model, and no others.
    pub fn begin(&mut self, model: &Model<'_>) -> Result<()> {
        self.table.fill(0);
        (self.count, self.used, self.change_count) = (0, 0, 0);
        for id in 0..model.predicates() as u16 {
            let predicate = model.predicate(PredicateId(id));
            if !predicate.fluent {
                continue;
            }
            let arity = predicate.types.len();
            for row in 0..predicate.count {
                let args = predicate.facts.get(row * arity..(row + 1) * arity).unwrap_or(&[]);
                let fact = self.place(id, args)?;
                self.flags[fact] = HOLDS;
            }
        }
        Ok(())
    }

    /// FNV-1a, with the high bits brought down.
    fn hash(predicate: u16, args: &[u16]) -> usize {
        let step = |hash: u32, word: &u16| (hash ^ u32::from(*word)).wrapping_mul(0x0100_0193);
        let hash = args.iter().fold(step(0x811C_9DC5, &predicate), step);
        (hash ^ hash >> 15) as usize
    }

    fn is(&self, fact: usize, predicate: u16, args: &[u16]) -> bool {
        let from = self.rows[fact] as usize;
        self.words[from] == predicate && self.words[from + 1..].starts_with(args)
    }

    /// The number of a fact, or the free place in the table where it would go.
    fn find(&self, predicate: u16, args: &[u16]) -> core::result::Result<usize, usize> {
        let mask = self.table.len() - 1;
        let mut at = Facts::hash(predicate, args) & mask;
        loop {
            match self.table[at] {
                0 => return Err(at),
                // Facts of one predicate are equally long.
                fact if self.is(fact as usize - 1, predicate, args) => return Ok(fact as usize - 1),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// The number of a fact, which is there from now on.
    fn place(&mut self, predicate: u16, args: &[u16]) -> Result<usize> {
        let at = match self.find(predicate, args) {
            Ok(fact) => return Ok(fact),
            Err(at) => at,
        };
        let end = self.used + 1 + args.len();
        if self.count == self.rows.len() || end > self.words.len() {
            return Err(Error::Capacity);
        }
        let fact = self.count;
        self.rows[fact] = self.used as u32;
        self.flags[fact] = 0;
        self.words[self.used] = predicate;
        self.words[self.used + 1..end].copy_from_slice(args);
        self.used = end;
        self.count += 1;
        self.table[at] = fact as u32 + 1;
        Ok(fact)
    }

    /// Whether a fact holds.
    pub fn holds(&self, predicate: u16, args: &[u16]) -> bool {
        self.find(predicate, args).is_ok_and(|fact| self.flags[fact] & HOLDS != 0)
    }

    /// The arguments of all facts of a predicate that hold.
    pub fn all(&self, predicate: u16, arity: usize) -> impl Iterator<Item = &[u16]> {
        (0..self.count).filter_map(move |fact| {
            let from = self.rows[fact] as usize;
            let holds = self.words[from] == predicate && self.flags[fact] & HOLDS != 0;
            holds.then(|| &self.words[from + 1..from + 1 + arity])
        })
    }

    /// Notes that the action adds or deletes a fact.
    pub fn change(&mut self, add: bool, predicate: u16, args: &[u16]) -> Result<()> {
        let fact = match self.find(predicate, args) {
            Ok(fact) => fact,
            // What was never there need not be deleted.
            Err(_) if !add => return Ok(()),
            Err(_) => self.place(predicate, args)?,
        };
        if self.flags[fact] & (ADDED | DELETED) == 0 {
            self.changes[self.change_count] = fact as u32;
            self.change_count += 1;
        }
        self.flags[fact] |= if add { ADDED } else { DELETED };
        Ok(())
    }

    /// Does what was noted: deletions first.
    pub fn commit(&mut self) {
        for &fact in &self.changes[..self.change_count] {
            let flags = &mut self.flags[fact as usize];
            // What is deleted and added holds.
            *flags = if *flags & ADDED != 0 { HOLDS } else { 0 };
        }
        self.change_count = 0;
    }
}
