//! What actions do to the state, and how it is undone.

use super::super::{Action, Effect, Effects, Model, PredicateId, TypeId};
use super::eval::{State, Values, ground};
use super::facts::Facts;
use super::words::Words;
use crate::error::Result;

/// Words of an entry of the log: the entry before; how many words follow. Then for each fact that was
/// deleted what [`Facts::delete`] keeps, and its number << 1; for each that was added its number << 1 | 1.
const HEAD: usize = 2;

/// Does what an action does, whose precondition holds; answers the entry of the log that undoes it, on
/// top of the words. `before` is the entry before.
///
/// # Errors
/// No room; then nothing was changed.
pub(super) fn apply(
    model: &Model<'_>,
    facts: &mut Facts<'_>,
    words: &mut Words<'_>,
    action: &Action<'_>,
    values: &mut Values,
    before: u32,
) -> Result<u32> {
    let wanted = words.top();
    let done = collect(model, facts, words, action, values);
    let top = words.top();
    let mut entry = top;
    mark(facts, words, wanted..top, true);
    let done = done.and_then(|()| {
        words.take(HEAD)?;
        // Deletions first: what is added as well stays. What changes nothing leaves no trace.
        for at in wanted..top {
            let word = words.at(at);
            let fact = (word >> 1) as usize;
            if word & 1 == 0 && facts.holds(fact) && !facts.is_wanted(fact) {
                // Room for all that it writes, so that it is done whole or not at all.
                let room = words.take(MOST_LISTS)?;
                words.cut(room);
                facts.delete(fact, words)?;
                words.push(word)?;
            }
        }
        for at in wanted..top {
            let word = words.at(at);
            let fact = (word >> 1) as usize;
            if word & 1 == 1 && !facts.holds(fact) {
                words.push(word)?;
                facts.add(fact, words);
            }
        }
        Ok(())
    });
    mark(facts, words, wanted..top, false);
    // The log moves down over what was wanted.
    let len = (words.top() - entry).saturating_sub(HEAD);
    if done.is_ok() || len > 0 {
        for i in 0..len {
            words.set(wanted + HEAD + i, words.at(entry + HEAD + i));
        }
        entry = wanted;
        words.cut(entry + HEAD + len);
        words.set(entry, before);
        words.set(entry + 1, len as u32);
    }
    if let Err(error) = done {
        if len > 0 {
            undo(facts, words, entry as u32);
        }
        words.cut(wanted);
        return Err(error);
    }
    Ok(entry as u32)
}

/// Marks the facts that are to be added, or takes the marks away.
fn mark(facts: &mut Facts<'_>, words: &Words<'_>, wanted: core::ops::Range<usize>, on: bool) {
    for word in wanted.map(|at| words.at(at)).filter(|word| word & 1 == 1) {
        facts.set_wanted((word >> 1) as usize, on);
    }
}

/// More words than the undoing of one deletion takes.
const MOST_LISTS: usize = 70;

/// Undoes one entry of the log; answers the one before.
pub(super) fn undo(facts: &mut Facts<'_>, words: &mut Words<'_>, entry: u32) -> u32 {
    let entry = entry as usize;
    let mut end = entry + HEAD + words.at(entry + 1) as usize;
    while end > entry + HEAD {
        end -= 1;
        let word = words.at(end);
        let fact = (word >> 1) as usize;
        if word & 1 == 0 {
            end = facts.restore(fact, words, end);
        } else {
            facts.unlink(fact, words);
        }
    }
    words.at(entry)
}

/// All facts that the action deletes (number << 1) or adds (and 1), on top of the words.
fn collect(
    model: &Model<'_>,
    facts: &mut Facts<'_>,
    words: &mut Words<'_>,
    action: &Action<'_>,
    values: &mut Values,
) -> Result<()> {
    for effect in action.effects {
        match effect {
            Effect::When { variables, condition, effects } => {
                let mut more = first_tuple(model, variables, values);
                while more {
                    let state = State { model, facts, words };
                    if state.eval(condition, values, 0) {
                        literals(facts, words, effects, values)?;
                    }
                    more = next_tuple(model, variables, values);
                }
            }
            Effect::Add(predicate, args) => one(facts, words, predicate, args, values, true)?,
            Effect::Delete(predicate, args) => one(facts, words, predicate, args, values, false)?,
        }
    }
    Ok(())
}

fn literals(
    facts: &mut Facts<'_>,
    words: &mut Words<'_>,
    effects: Effects<'_>,
    values: &Values,
) -> Result<()> {
    for effect in effects {
        match effect {
            Effect::Add(predicate, args) => one(facts, words, predicate, args, values, true)?,
            Effect::Delete(predicate, args) => one(facts, words, predicate, args, values, false)?,
            Effect::When { .. } => {}
        }
    }
    Ok(())
}

#[inline]
fn one(
    facts: &mut Facts<'_>,
    words: &mut Words<'_>,
    predicate: PredicateId,
    args: &[u16],
    values: &Values,
    add: bool,
) -> Result<()> {
    let ground = ground(args, values);
    let ground = ground.get(..args.len()).unwrap_or(&[]);
    let fact = match add {
        true => facts.intern(predicate.index(), ground)?,
        false => facts.lookup(predicate.index(), ground),
    };
    if fact != 0 { words.push((fact as u32) << 1 | add as u32) } else { Ok(()) }
}

/// Gives variables (pairs of variable and type) the first objects of their types. Whether there are such.
pub(super) fn first_tuple(model: &Model<'_>, variables: &[u16], values: &mut Values) -> bool {
    variables.chunks_exact(2).all(|pair| next_value(model, pair, values, true))
}

/// The next tuple of objects: as a clock goes on, the last variable first. Whether there is one.
pub(super) fn next_tuple(model: &Model<'_>, variables: &[u16], values: &mut Values) -> bool {
    let mut pairs = variables.chunks_exact(2).rev();
    pairs.any(|pair| {
        let more = next_value(model, pair, values, false);
        if !more {
            next_value(model, pair, values, true);
        }
        more
    })
}

/// The first object of a variable's type, or the one after its value. Whether there is one.
fn next_value(model: &Model<'_>, pair: &[u16], values: &mut Values, first: bool) -> bool {
    let [variable, ty] = *pair else { return false };
    let Some(place) = values.get_mut(variable as usize) else { return false };
    let from = if first { 0 } else { *place as usize + 1 };
    let next = next_object(model.type_set(TypeId(ty)), from);
    *place = next.unwrap_or(*place);
    next.is_some()
}

/// The first object of a set from `from` on.
#[inline]
pub(super) fn next_object(set: &[u32], from: usize) -> Option<u16> {
    let mut at = from / 32;
    let mut word = set.get(at)? & (u32::MAX << (from % 32));
    loop {
        if word != 0 {
            return Some((at * 32 + word.trailing_zeros() as usize) as u16);
        }
        at += 1;
        word = *set.get(at)?;
    }
}
