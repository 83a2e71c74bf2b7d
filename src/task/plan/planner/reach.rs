//! Which facts can become true at all: those that actions add when nothing is ever deleted (the relaxed
//! reachability of Hoffmann and Nebel, "The FF Planning System", JAIR 2001), found once, before the
//! search. What a method will need later has to be among them.

use super::super::{Effect, Effects, Model, PredicateId, TaskId};
use super::act::{first_tuple, next_tuple};
use super::compile::PROGRAM_HEAD;
use super::eval::{Values, ground};
use super::join::{Binding, Join};
use super::words::Words;
use super::{Planner, facts::Facts};
use crate::error::{Error, Result};

/// Ways to do actions that are looked at, before it is given up: this is a help, and must be short.
const MOST: usize = 150_000;
/// Facts and objects that are looked at for that.
const MOST_ROWS: u64 = 16 * MOST as u64;
/// Percent of the room for facts that it may fill.
const FILL: usize = 40;

impl Planner<'_> {
    /// Finds the facts. Gives up, and then all facts count as reachable, where that takes too long or too
    /// much memory. Ends with the state that the problem begins with.
    pub(super) fn explore(&mut self, model: &Model<'_>) -> Result<()> {
        // The actions' joins look facts up by other arguments than the search does.
        let top = self.words.top();
        let saved = self.words.take(self.facts.preds.len() * 3)?;
        for (id, pred) in self.facts.preds.iter().enumerate() {
            let lists = [(pred.lists & 0xFFFF_FFFF) as u32, (pred.lists >> 32) as u32];
            let fields = [lists[0], lists[1], pred.whole as u32];
            self.words.slice_mut(saved + 3 * id, 3).copy_from_slice(&fields);
        }
        let programs = self.search.programs;
        for id in 0..model.tasks() {
            let program = self.words.at(programs.base + programs.actions + id) as usize;
            if program != 0 {
                self.lists_of(programs.base, program);
            }
        }
        let found = self.facts.begin(model, &mut self.words).and_then(|()| self.relax(model));
        // What was found, written down; then everything as the search wants it.
        let list = self.words.top();
        let mut count = 0;
        let mut written = found;
        let mut fact = 0;
        while written == Ok(true) {
            fact = self.facts.after(fact);
            if fact == 0 {
                break;
            }
            let mut args = [0; 64];
            let (pred, arity) = self.facts.read(fact, &mut args);
            written = self.words.push(pred as u32).map(|()| true);
            for arg in args.iter().take(arity) {
                written = written.and_then(|_| self.words.push(*arg as u32).map(|()| true));
            }
            count += 1;
        }
        for (id, pred) in self.facts.preds.iter_mut().enumerate() {
            let at = saved + 3 * id;
            pred.lists = self.words.at(at) as u64 | (self.words.at(at + 1) as u64) << 32;
            pred.whole = self.words.at(at + 2) != 0;
        }
        self.words.cut(top);
        self.facts.begin(model, &mut self.words)?;
        // The indexes of the search are a part of those that lay there before: they end before the list.
        self.search.bottom = self.words.top();
        if written != Ok(true) || list < self.search.bottom {
            return Ok(());
        }
        let mut at = list;
        for _ in 0..count {
            let pred = self.words.at(at) as usize;
            let arity = self.facts.preds.get(pred).map_or(0, |pred| pred.arity as usize);
            let mut args = [0u16; 64];
            for (i, place) in args.iter_mut().take(arity).enumerate() {
                *place = self.words.at(at + 1 + i) as u16;
            }
            at += 1 + arity;
            let fact = self.facts.intern(pred, args.get(..arity).unwrap_or(&[]))?;
            self.facts.set_reachable(fact);
        }
        self.facts.explored = true;
        Ok(())
    }

    /// Notes the lists that a program goes through.
    fn lists_of(&mut self, base: usize, program: usize) {
        use super::compile::step;
        let mut at = base + program + PROGRAM_HEAD;
        loop {
            let head = self.words.at(at);
            let len = (head >> 8 & 0xFF) as usize;
            at += match head & 0xFF {
                step::STATIC | step::FLUENT | step::LATER => 3 + len,
                step::FORMULA => 3,
                step::EACH_STATIC | step::EACH_FLUENT => {
                    let position = self.words.at(at + 3) as usize;
                    if let Some(pred) = self.facts.preds.get_mut(self.words.at(at + 2) as usize) {
                        match position {
                            super::facts::WHOLE => pred.whole = true,
                            position => pred.lists |= 1 << position,
                        }
                    }
                    4 + len
                }
                step::END | step::NEVER => return,
                _ => 4,
            };
        }
    }

    /// Does all actions again and again, without their deletions. Whether it came to an end.
    fn relax(&mut self, model: &Model<'_>) -> Result<bool> {
        let programs = self.search.programs;
        // For each predicate how many facts hold; for each action how many did when it was last looked at.
        let counts = self.words.take_zeroed(self.facts.preds.len())?;
        let seen = self.words.take_zeroed(model.tasks())?;
        for id in 0..self.facts.preds.len() {
            let count = model.predicate(PredicateId(id as u16)).count as u32;
            self.words.set(counts + id, count);
        }
        let (mut left, mut rows) = (MOST, MOST_ROWS);
        let mut changed = true;
        while changed {
            changed = false;
            for id in 0..model.tasks() {
                let Some(action) = model.action(TaskId(id as u16)) else { continue };
                let mut sum = 1;
                super::pullup::own(model, action.precondition, &mut |literal| {
                    let pred = literal.predicate.map_or(0, |p| p.index());
                    sum += self.words.at(counts + pred);
                    Ok(())
                })?;
                if self.words.at(seen + id) == sum {
                    continue;
                }
                self.words.set(seen + id, sum);
                let base = programs.base;
                let program = self.words.at(base + programs.actions + id) as usize;
                let slots = (self.words.at(base + program) >> 16) as usize;
                let top = self.words.top();
                let slots_at = self.words.take(2 * slots)?;
                let mut values: Values = [0; 256];
                let (mut from, mut resume) = (program + PROGRAM_HEAD, false);
                loop {
                    let mut join = Join {
                        model,
                        facts: &self.facts,
                        words: &mut self.words,
                        base,
                        slots: slots_at,
                        shuffle: 0,
                        rows,
                    };
                    let binding = join.run(from, resume, &[], &mut values);
                    rows = join.rows;
                    let next = match binding {
                        Binding::Found(next) => next,
                        Binding::Nothing => break,
                        Binding::Paused(_) => return Ok(false),
                    };
                    left = left.saturating_sub(1);
                    if left == 0 || self.facts.fill() > FILL {
                        return Ok(false);
                    }
                    let mut bound = values;
                    let (facts, words) = (&mut self.facts, &mut self.words);
                    changed |= add_all(
                        model,
                        facts,
                        words,
                        action.effects,
                        &mut bound,
                        counts,
                        &mut left,
                    )?;
                    if next == 0 {
                        break;
                    }
                    (from, resume) = (next, true);
                }
                self.words.cut(top);
            }
        }
        Ok(true)
    }
}

/// Adds all that the effects may add. Whether anything was new.
fn add_all(
    model: &Model<'_>,
    facts: &mut Facts<'_>,
    words: &mut Words<'_>,
    effects: Effects<'_>,
    values: &mut Values,
    counts: usize,
    left: &mut usize,
) -> Result<bool> {
    let mut changed = false;
    let mut one =
        |facts: &mut Facts<'_>, words: &mut Words<'_>, effect: Effect<'_>, values: &Values| {
            let Effect::Add(predicate, args) = effect else { return Ok(()) };
            let ground = ground(args, values);
            let fact = facts.intern(predicate.index(), ground.get(..args.len()).unwrap_or(&[]))?;
            if !facts.holds(fact) {
                facts.add(fact, words);
                let place = counts + predicate.index();
                words.set(place, words.at(place) + 1);
                changed = true;
            }
            Ok(())
        };
    for effect in effects {
        match effect {
            Effect::When { variables, effects, .. } => {
                // Its condition counts as true.
                let mut more = first_tuple(model, variables, values);
                while more {
                    *left = left.checked_sub(1).ok_or(Error::OutOfMemory)?;
                    for effect in effects {
                        one(facts, words, effect, values)?;
                    }
                    more = next_tuple(model, variables, values);
                }
            }
            effect => one(facts, words, effect, values)?,
        }
    }
    Ok(changed)
}
