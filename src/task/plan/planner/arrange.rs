//! The facts of the beginning in another order, which is that in which joins come to them.

use super::super::{ObjectId, PredicateId};
use super::Planner;
use super::attempt::Objects;
use super::words::mix;
use crate::error::Result;

/// Facts that are put in order at most: more take too long for an attempt.
const MOST: usize = 50_000;

impl Planner<'_> {
    /// Puts the facts that hold in order. The state is that of the beginning. Where there is no room for
    /// it, some of them stay as they are.
    pub(super) fn arrange(&mut self, objects: Objects, random: u64) -> Result<()> {
        if objects == self.search.arranged && objects != Objects::Random {
            return Ok(());
        }
        let model = self.model;
        let fluent = |id: &usize| model.predicate(PredicateId(*id as u16)).fluent;
        let all = (0..model.predicates()).filter(fluent);
        let facts: usize = all.map(|id| model.predicate(PredicateId(id as u16)).count).sum();
        if facts > MOST {
            return Ok(());
        }
        self.search.arranged = objects;
        let top = self.words.top();
        let done = self.put_in_order(objects, random);
        self.words.cut(top);
        done
    }

    fn put_in_order(&mut self, objects: Objects, random: u64) -> Result<()> {
        let model = self.model;
        let keys = self.words.take_zeroed(model.objects())?;
        for id in (0..model.predicates()).filter(|_| objects == Objects::Plain) {
            let predicate = model.predicate(PredicateId(id as u16));
            for object in predicate.facts.iter().filter(|_| !predicate.fluent) {
                let place = keys + ObjectId(*object).index();
                self.words.set(place, self.words.at(place) + 1);
            }
        }
        for object in (0..model.objects()).filter(|_| objects == Objects::Random) {
            self.words.set(keys + object, (mix(random ^ object as u64) >> 44) as u32);
        }
        for id in 0..model.predicates() {
            let predicate = model.predicate(PredicateId(id as u16));
            let listed = self.facts.preds.get(id).is_some_and(|pred| pred.lists != 0 || pred.whole);
            if !predicate.fluent || !listed || predicate.types.is_empty() {
                continue;
            }
            // Pairs of key and fact; of the same key, the fact that the model has first.
            let from = self.words.take(2 * predicate.count)?;
            for (nth, row) in predicate.facts.chunks_exact(predicate.types.len()).enumerate() {
                let key: u32 =
                    row.iter().map(|object| self.words.at(keys + *object as usize)).sum();
                let fact = self.facts.lookup(id, row);
                self.words.slice_mut(from + 2 * nth, 2).copy_from_slice(&[key, fact as u32]);
            }
            let pairs = self.words.slice_mut(from, 2 * predicate.count);
            let pairs: &mut [[u32; 2]] = bytemuck::cast_slice_mut(pairs);
            pairs.sort_unstable();
            for nth in 0..predicate.count {
                let fact = self.words.at(from + 2 * nth + 1) as usize;
                self.facts.unlink(fact, &mut self.words);
                self.facts.add(fact, &mut self.words);
            }
            self.words.cut(from);
        }
        Ok(())
    }
}
