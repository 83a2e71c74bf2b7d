//! The state: which facts hold.
//!
//! Facts that no action changes are rows of the model, with an index for each argument by which some
//! join looks them up. Facts that change get a record when they first come up; those that hold are in a
//! list for each argument by which some join looks them up, in the order in which they came to hold. What
//! is undone, last in first out, finds its place again.

use super::super::{Model, PredicateId};
use super::words::{Words, fold, mix};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// Position of a list of all facts of a predicate.
pub(super) const WHOLE: usize = 64;

/// What is known of a predicate.
#[derive(Clone, Copy, Default)]
pub(super) struct Pred {
    pub arity: u8,
    pub fluent: bool,
    /// Static: first number of its rows in the model's facts.
    pub rows: u32,
    /// How many facts hold.
    pub count: u32,
    /// Positions by which it is looked up: bit `i`; and whether all of its facts are.
    pub lists: u64,
    pub whole: bool,
    /// Static: place of the offsets by position 0, `objects + 1` words. 0: none.
    pub first: u32,
    /// Fluent: place of the heads of its lists. Static: place of the indexes by positions above 0, each
    /// `objects + 1` offsets and then `count` rows.
    pub index: u32,
}

impl Pred {
    /// Which of the predicate's lists is the one by `position`.
    #[inline(always)]
    fn list(&self, position: usize) -> usize {
        let below = if position >= 64 { self.lists } else { self.lists & ((1 << position) - 1) };
        below.count_ones() as usize
    }

    fn list_count(&self) -> usize {
        self.lists.count_ones() as usize + self.whole as usize
    }

    /// Words of a record before its links.
    #[inline(always)]
    fn links(&self) -> usize {
        1 + (self.arity as usize).div_ceil(2)
    }
}

const HOLDS: u32 = 1 << 31;
/// The fact can become true at all.
const REACHABLE: u32 = 1 << 30;
/// The action that is just being done adds it.
const WANTED: u32 = 1 << 29;
const FLAGS: u32 = HOLDS | REACHABLE | WANTED;

/// The facts.
pub(super) struct Facts<'m> {
    pub preds: Carved<'m, Pred>,
    pub objects: usize,
    /// Records of facts that change: predicate and whether it holds; arguments, two a word; for each list
    /// the facts before and after. The number of a fact is the place of its record; 0 is none.
    records: Words<'m>,
    /// Hash table of the records.
    slots: Words<'m>,
    slots_from: usize,
    slots_size: usize,
    slots_used: usize,
    pub hash: u64,
    /// Whether it is known which facts can become true.
    pub explored: bool,
}

/// Facts that hold, or rows, that a join goes through.
#[derive(Clone, Copy)]
pub(super) enum Range {
    /// Rows `from..to` of the model's facts.
    Rows(usize, usize),
    /// Rows whose numbers lie at `from..to`.
    Numbers(usize, usize),
}

impl<'m> Facts<'m> {
    pub fn new(carver: &mut Carver<'m>, model: &Model<'_>, words: usize) -> Result<Facts<'m>> {
        // A record takes some 8 words, its slots 4 to 6.
        let slots = words / 3;
        Ok(Facts {
            preds: carver.take(model.predicates(), Pred::default())?,
            objects: model.objects(),
            records: Words::new(carver, words - slots)?,
            slots: Words::new(carver, slots)?,
            slots_from: 0,
            slots_size: 0,
            slots_used: 0,
            hash: 0,
            explored: false,
        })
    }

    /// Makes the indexes, and the state what the problem says. Which lists are needed is known by now.
    pub fn begin(&mut self, model: &Model<'_>, words: &mut Words<'_>) -> Result<()> {
        self.records.cut(0);
        self.records.take_zeroed(1)?;
        self.slots.cut(0);
        let first = if self.slots.capacity() <= 4096 { self.slots.capacity() } else { 1024 };
        self.slots_from = self.slots.take_zeroed(first)?;
        self.slots_size = first;
        self.hash = 0;
        for id in 0..self.preds.len() {
            let pred = self.preds[id];
            if pred.fluent {
                let heads = if pred.lists == 0 { 0 } else { pred.lists.count_ones() as usize };
                let index = words.take_zeroed(heads * self.objects * 2 + 2)?;
                self.preds[id].index = index as u32;
                self.preds[id].count = 0;
            } else {
                self.index(model, id, words)?;
            }
        }
        for id in 0..self.preds.len() {
            let pred = self.preds[id];
            if !pred.fluent {
                continue;
            }
            let predicate = model.predicate(PredicateId(id as u16));
            if pred.arity == 0 {
                if predicate.count > 0 {
                    let fact = self.intern(id, &[])?;
                    self.add(fact, words);
                }
                continue;
            }
            for row in predicate.facts.chunks_exact(pred.arity as usize) {
                let fact = self.intern(id, row)?;
                self.add(fact, words);
            }
        }
        Ok(())
    }

    /// Indexes of a predicate that does not change.
    fn index(&mut self, model: &Model<'_>, id: usize, words: &mut Words<'_>) -> Result<()> {
        let pred = self.preds[id];
        let arity = pred.arity as usize;
        let rows = model.predicate(PredicateId(id as u16)).facts;
        if arity == 0 {
            return Ok(());
        }
        let first = words.take_zeroed(self.objects + 1)?;
        for row in rows.chunks_exact(arity) {
            let place = first + 1 + row[0] as usize;
            words.set(place, words.at(place) + 1);
        }
        for object in 0..self.objects {
            words.set(first + object + 1, words.at(first + object + 1) + words.at(first + object));
        }
        self.preds[id].first = first as u32;
        let above = pred.lists & !1;
        if above == 0 {
            return Ok(());
        }
        let size = self.objects + 1 + pred.count as usize;
        let index = words.take_zeroed(above.count_ones() as usize * size)?;
        self.preds[id].index = index as u32;
        for (nth, position) in (1..arity).filter(|i| above >> i & 1 != 0).enumerate() {
            let at = index + nth * size;
            let numbers = at + self.objects + 1;
            for row in rows.chunks_exact(arity) {
                let place = at + 1 + row[position] as usize;
                words.set(place, words.at(place) + 1);
            }
            for object in 0..self.objects {
                words.set(at + object + 1, words.at(at + object + 1) + words.at(at + object));
            }
            // Each row to its place; the offsets move on and are then set back.
            for (row, values) in rows.chunks_exact(arity).enumerate() {
                let place = at + values[position] as usize;
                let to = words.at(place);
                words.set(numbers + to as usize, row as u32);
                words.set(place, to + 1);
            }
            for object in (1..=self.objects).rev() {
                words.set(at + object, words.at(at + object - 1));
            }
            words.set(at, 0);
        }
        Ok(())
    }

    /// The rows of a predicate that does not change which have `value` at `position` (or all).
    #[inline]
    pub fn range(&self, words: &Words<'_>, pred: &Pred, position: usize, value: usize) -> Range {
        if position == WHOLE {
            return Range::Rows(0, pred.count as usize);
        }
        if position == 0 {
            let at = pred.first as usize + value;
            return Range::Rows(words.at(at) as usize, words.at(at + 1) as usize);
        }
        let nth = (pred.lists & !1 & ((1u64 << position) - 1)).count_ones() as usize;
        let at = pred.index as usize + nth * (self.objects + 1 + pred.count as usize);
        let numbers = at + self.objects + 1;
        let (from, to) = (words.at(at + value) as usize, words.at(at + value + 1) as usize);
        Range::Numbers(numbers + from, numbers + to)
    }

    /// Whether a fact of a predicate that does not change holds.
    #[inline]
    pub fn holds_static(
        &self,
        words: &Words<'_>,
        facts: &[u16],
        pred: &Pred,
        args: &[u16],
    ) -> bool {
        let arity = args.len();
        let Some(&value) = args.first() else { return pred.count > 0 };
        let at = pred.first as usize + value as usize;
        let (mut from, mut to) = (words.at(at) as usize, words.at(at + 1) as usize);
        if arity == 1 {
            return from < to;
        }
        let rows = pred.rows as usize;
        let row =
            |row: usize| facts.get(rows + row * arity..rows + (row + 1) * arity).unwrap_or(&[]);
        while to - from > 8 {
            let middle = (from + to) / 2;
            if row(middle) <= args { from = middle } else { to = middle }
        }
        (from..to).any(|at| row(at) == args)
    }

    #[inline(always)]
    fn key(pred: usize, args: &[u16]) -> u64 {
        let mut hash = fold(0x5851_F42D_4C95_7F2D, pred as u64);
        for arg in args {
            hash = fold(hash, *arg as u64 + 1);
        }
        hash
    }

    #[inline(always)]
    fn is(&self, fact: usize, pred: usize, args: &[u16]) -> bool {
        if self.records.at(fact) & !FLAGS != pred as u32 {
            return false;
        }
        args.chunks(2).enumerate().all(|(at, pair)| {
            let word = pair[0] as u32 | (pair.get(1).copied().unwrap_or(0) as u32) << 16;
            self.records.at(fact + 1 + at) == word
        })
    }

    /// The number of a fact, if it has one; else the free slot for it.
    #[inline]
    fn find(&self, pred: usize, args: &[u16]) -> (usize, usize) {
        let hash = Self::key(pred, args);
        let mut slot = (((hash >> 32) * self.slots_size as u64) >> 32) as usize;
        loop {
            let fact = self.slots.at(self.slots_from + slot) as usize;
            if fact == 0 || self.is(fact, pred, args) {
                return (fact, slot);
            }
            slot = if slot + 1 == self.slots_size { 0 } else { slot + 1 };
        }
    }

    /// Whether a fact holds.
    #[inline]
    pub fn holds_fluent(&self, pred: usize, args: &[u16]) -> bool {
        let (fact, _) = self.find(pred, args);
        fact != 0 && self.holds(fact)
    }

    #[inline(always)]
    pub fn holds(&self, fact: usize) -> bool {
        self.records.at(fact) & HOLDS != 0
    }

    /// Whether a fact can become true; it may say so of one that cannot.
    #[inline]
    pub fn reachable(&self, pred: usize, args: &[u16]) -> bool {
        if !self.explored {
            return true;
        }
        let (fact, _) = self.find(pred, args);
        fact != 0 && self.records.at(fact) & REACHABLE != 0
    }

    pub fn set_reachable(&mut self, fact: usize) {
        self.records.set(fact, self.records.at(fact) | REACHABLE);
    }

    pub fn is_wanted(&self, fact: usize) -> bool {
        self.records.at(fact) & WANTED != 0
    }

    pub fn set_wanted(&mut self, fact: usize, on: bool) {
        let rest = self.records.at(fact) & !WANTED;
        self.records.set(fact, if on { rest | WANTED } else { rest });
    }

    /// How much of the room for facts is taken, in percent.
    pub fn fill(&self) -> usize {
        self.records.top() * 100 / self.records.capacity().max(1)
    }

    /// The fact after one in the order in which they came up; 0 after the last. The first is after 0.
    pub fn after(&self, fact: usize) -> usize {
        let next = match fact {
            0 => 1,
            fact => {
                let pred = self.preds.get((self.records.at(fact) & !FLAGS) as usize);
                fact + pred.map_or(1, |pred| pred.links() + 2 * pred.list_count())
            }
        };
        if next < self.records.top() { next } else { 0 }
    }

    /// The number of a fact, if it ever came up.
    #[inline]
    pub fn lookup(&self, pred: usize, args: &[u16]) -> usize {
        self.find(pred, args).0
    }

    /// The number of a fact. [`Error::OutOfMemory`] if there is no room for one more.
    #[inline]
    pub fn intern(&mut self, pred: usize, args: &[u16]) -> Result<usize> {
        let (fact, slot) = self.find(pred, args);
        if fact != 0 { Ok(fact) } else { self.make(pred, args, slot) }
    }

    #[cold]
    fn make(&mut self, pred: usize, args: &[u16], slot: usize) -> Result<usize> {
        let mut slot = slot;
        if (self.slots_used + 1) * 3 >= self.slots_size * 2 {
            self.grow_slots()?;
            slot = self.find(pred, args).1;
        }
        let known = &self.preds[pred];
        let fact = self.records.take_zeroed(known.links() + 2 * known.list_count())?;
        self.records.set(fact, pred as u32);
        for (at, pair) in args.chunks(2).enumerate() {
            let word = pair[0] as u32 | (pair.get(1).copied().unwrap_or(0) as u32) << 16;
            self.records.set(fact + 1 + at, word);
        }
        self.slots.set(self.slots_from + slot, fact as u32);
        self.slots_used += 1;
        Ok(fact)
    }

    fn grow_slots(&mut self) -> Result<()> {
        let (from, size) = (self.slots_from, self.slots_size);
        let new = self.slots.take_zeroed(size * 2);
        let Ok(new) = new else {
            // The last slots, where no larger table fits in: up to nine tenths.
            let full = (self.slots_used + 1) * 10 >= self.slots_size * 9;
            return if full { Err(Error::OutOfMemory) } else { Ok(()) };
        };
        (self.slots_from, self.slots_size) = (new, size * 2);
        for at in from..from + size {
            let fact = self.slots.at(at) as usize;
            if fact == 0 {
                continue;
            }
            let mut args = [0; 64];
            let (pred, arity) = self.read(fact, &mut args);
            let (_, slot) = self.find(pred, &args[..arity.min(64)]);
            self.slots.set(new + slot, fact as u32);
        }
        Ok(())
    }

    /// Predicate and arguments of a fact.
    #[inline]
    pub fn read(&self, fact: usize, args: &mut [u16; 64]) -> (usize, usize) {
        let pred = (self.records.at(fact) & !FLAGS) as usize;
        let arity = self.preds.get(pred).map_or(0, |pred| pred.arity as usize);
        for (at, pair) in args.chunks_mut(2).take(arity.div_ceil(2)).enumerate() {
            let word = self.records.at(fact + 1 + at);
            pair[0] = (word & 0xFFFF) as u16;
            if let Some(second) = pair.get_mut(1) {
                *second = (word >> 16) as u16;
            }
        }
        (pred, arity)
    }

    /// An argument of a fact.
    #[inline(always)]
    pub fn arg(&self, fact: usize, position: usize) -> u16 {
        self.records.half(fact + 1, position)
    }

    /// Place of the head of a list: its first fact, then its last.
    #[inline(always)]
    fn head(&self, pred: &Pred, position: usize, value: usize) -> usize {
        let heads = pred.lists.count_ones() as usize * self.objects * 2;
        let at = match position {
            WHOLE => heads,
            _ => (pred.list(position) * self.objects + value) * 2,
        };
        pred.index as usize + at
    }

    /// The first fact that holds and has `value` at `position` (or any), or the last.
    #[inline]
    pub fn first(
        &self,
        words: &Words<'_>,
        pred: &Pred,
        position: usize,
        value: usize,
        last: bool,
    ) -> usize {
        words.at(self.head(pred, position, value) + last as usize) as usize
    }

    /// The fact after another in its list, or before it.
    #[inline]
    pub fn next(&self, pred: &Pred, position: usize, fact: usize, back: bool) -> usize {
        let link = fact + pred.links() + 2 * pred.list(position);
        self.records.at(link + !back as usize) as usize
    }

    /// Flips whether a fact holds, in the hash too.
    #[inline(always)]
    fn flip(&mut self, fact: usize) {
        let head = self.records.at(fact) ^ HOLDS;
        self.records.set(fact, head);
        self.hash ^= mix(fact as u64);
        if let Some(pred) = self.preds.get_mut((head & !FLAGS) as usize) {
            let change = if head & HOLDS != 0 { 1 } else { u32::MAX };
            pred.count = pred.count.wrapping_add(change);
        }
    }

    /// Runs over the lists that a fact is in: place of its links, place of the head.
    #[inline(always)]
    fn each_list(&self, fact: usize, nth: usize) -> Option<(usize, usize)> {
        let pred = self.preds.get((self.records.at(fact) & !FLAGS) as usize)?;
        let link = fact + pred.links() + 2 * nth;
        let positions = pred.lists.count_ones() as usize;
        if nth < positions {
            let mut rest = pred.lists;
            (0..nth).for_each(|_| rest &= rest - 1);
            let value = self.arg(fact, rest.trailing_zeros() as usize) as usize;
            return Some((link, pred.index as usize + (nth * self.objects + value) * 2));
        }
        (nth == positions && pred.whole)
            .then_some((link, pred.index as usize + positions * self.objects * 2))
    }

    /// Makes a fact hold that does not.
    #[inline]
    pub fn add(&mut self, fact: usize, words: &mut Words<'_>) {
        self.flip(fact);
        let mut nth = 0;
        while let Some((link, head)) = self.each_list(fact, nth) {
            let last = words.at(head + 1);
            self.records.set(link, last);
            self.records.set(link + 1, 0);
            words.set(head + 1, fact as u32);
            match last {
                0 => words.set(head, fact as u32),
                last => self.records.set(link - fact + last as usize + 1, fact as u32),
            }
            nth += 1;
        }
    }

    /// Makes a fact not hold that does. For each of its lists the fact before it goes to the end of the
    /// words: that is where [`restore`](Facts::restore) puts it back. (Its own links do not stay: it may
    /// come to hold again.)
    #[inline]
    pub fn delete(&mut self, fact: usize, words: &mut Words<'_>) -> Result<()> {
        let mut nth = 0;
        while let Some((link, _)) = self.each_list(fact, nth) {
            words.push(self.records.at(link))?;
            nth += 1;
        }
        self.unlink(fact, words);
        Ok(())
    }

    /// Makes a fact not hold that was added last.
    #[inline]
    pub fn unlink(&mut self, fact: usize, words: &mut Words<'_>) {
        self.flip(fact);
        let mut nth = 0;
        while let Some((link, head)) = self.each_list(fact, nth) {
            let (before, after) = (self.records.at(link), self.records.at(link + 1));
            let offset = link - fact;
            match before {
                0 => words.set(head, after),
                before => self.records.set(before as usize + offset + 1, after),
            }
            match after {
                0 => words.set(head + 1, before),
                after => self.records.set(after as usize + offset, before),
            }
            nth += 1;
        }
    }

    /// Undoes [`delete`](Facts::delete), of what was deleted last. What it kept ends before `end`; answers
    /// where it begins.
    #[inline]
    pub fn restore(&mut self, fact: usize, words: &mut Words<'_>, end: usize) -> usize {
        self.flip(fact);
        let pred = self.preds.get((self.records.at(fact) & !FLAGS) as usize);
        let from = end - pred.map_or(0, |pred| pred.list_count());
        let mut nth = 0;
        while let Some((link, head)) = self.each_list(fact, nth) {
            let offset = link - fact;
            let before = words.at(from + nth);
            let after = match before {
                0 => words.at(head),
                before => self.records.at(before as usize + offset + 1),
            };
            self.records.set(link, before);
            self.records.set(link + 1, after);
            match before {
                0 => words.set(head, fact as u32),
                before => self.records.set(before as usize + offset + 1, fact as u32),
            }
            match after {
                0 => words.set(head + 1, fact as u32),
                after => self.records.set(after as usize + offset, fact as u32),
            }
            nth += 1;
        }
        from
    }
}
