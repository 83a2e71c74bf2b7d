//! Puts a model together, and orders subtasks.

use super::super::format::{
    COMPOUND, FLUENT, HEADER, MAGIC, METHOD, NOWHERE, ORDERED, PREDICATE, Places, TASK, VERSION,
    head,
};
use super::{Builder, MethodRecord};
use crate::error::{Error, Result};

impl Builder<'_> {
    /// Makes the orderings of a method ascend, and finds out whether they leave one order alone.
    pub(super) fn order(&mut self, method: &mut MethodRecord) -> Result<()> {
        let count = method.subtask_count as usize;
        method.ordered |= count <= 1;
        let from = method.orders as usize;
        let len = method.order_count as usize * 2;
        if self.code.get(from..from + len).is_some_and(|o| o.chunks_exact(2).any(|p| p[0] >= p[1]))
        {
            self.sort_subtasks(method)?;
        }
        let orders = self.code.get_mut(from..from + len).ok_or(Error::Capacity)?;
        let pairs: &mut [[u16; 2]] = bytemuck::cast_slice_mut(orders);
        pairs.sort_unstable();
        // One order alone: each subtask is before the next, which no other pair can say.
        let mut next = 0;
        for pair in pairs.iter() {
            next += (pair[0] as usize == next && pair[1] as usize == next + 1) as usize;
        }
        method.ordered |= count > 0 && next + 1 == count;
        if method.ordered && len > 0 {
            method.order_count = 0;
            self.counts.code = from;
        }
        Ok(())
    }

    /// Numbers the subtasks anew: an order that all orderings allow, the first such.
    fn sort_subtasks(&mut self, method: &MethodRecord) -> Result<()> {
        let count = method.subtask_count as usize;
        let (subtasks_at, orders_at) = (method.subtasks as usize, method.orders as usize);
        let end = self.counts.code;
        // Behind the code there is room for: how many come before each, its new number, and all subtasks
        // once more.
        let (code, free) = self.code.split_at_mut(end);
        let (waits, free) = free.split_at_mut_checked(count).ok_or(Error::Capacity)?;
        let (number, free) = free.split_at_mut_checked(count).ok_or(Error::Capacity)?;
        let (subtasks, orders) = code.split_at_mut_checked(orders_at).ok_or(Error::Capacity)?;
        let subtasks = subtasks.get_mut(subtasks_at..).ok_or(Error::Capacity)?;
        let copy = free.get_mut(..subtasks.len()).ok_or(Error::Capacity)?;
        waits.fill(0);
        number.fill(u16::MAX);
        for pair in orders.chunks_exact(2) {
            let wait = waits.get_mut(pair[1] as usize).ok_or(Error::TaskDomain)?;
            *wait = wait.checked_add(1).ok_or(Error::Capacity)?;
        }
        let mut copied = 0;
        for new in 0..count {
            let ready =
                (0..count).find(|i| waits.get(*i) == Some(&0) && number.get(*i) == Some(&u16::MAX));
            let ready = ready.ok_or(Error::TaskCycle)?;
            if let Some(place) = number.get_mut(ready) {
                *place = new as u16;
            }
            for pair in orders.chunks_exact(2).filter(|pair| pair[0] as usize == ready) {
                if let Some(wait) = waits.get_mut(pair[1] as usize) {
                    *wait -= 1;
                }
            }
            let mut at = 0;
            let size = |at: usize| {
                let task = subtasks.get(at).copied().unwrap_or(0) as usize;
                1 + self.tasks.get(task).map_or(0, |task| task.arity as usize)
            };
            for _ in 0..ready {
                at += size(at);
            }
            let one = subtasks.get(at..at + size(at)).ok_or(Error::TaskDomain)?;
            copy.get_mut(copied..copied + one.len()).ok_or(Error::TaskDomain)?.copy_from_slice(one);
            copied += one.len();
        }
        subtasks.copy_from_slice(copy);
        for subtask in orders.iter_mut() {
            *subtask = number.get(*subtask as usize).copied().unwrap_or(0);
        }
        Ok(())
    }

    /// Bytes that [`finish`](Builder::finish) needs at most, as things are now.
    ///
    /// # Errors
    /// [`Error::Overflow`] if that is more than this machine has.
    pub fn model_len(&self) -> Result<usize> {
        Ok(Places::of(&self.header()).ok_or(Error::Overflow)?.end * 4)
    }

    fn header(&self) -> [u32; HEADER] {
        let counts = &self.counts;
        let mut header = [0; HEADER];
        header[0] = MAGIC;
        header[1] = VERSION;
        header[head::TYPES] = counts.types as u32;
        header[head::OBJECTS] = counts.objects as u32;
        header[head::PREDICATES] = counts.predicates as u32;
        header[head::TASKS] = counts.tasks as u32;
        header[head::METHODS] = counts.methods as u32;
        // The lists of methods come behind, and an empty formula for a network that was not given.
        header[head::CODE] = (counts.code + counts.methods + 3) as u32;
        let rows = self.predicates.iter().take(counts.predicates);
        header[head::FACTS] = rows.map(|p| p.arity as u32 * p.count).sum();
        header[head::GOAL] = self.goal.map_or(NOWHERE, |(at, _)| at);
        header[head::GOAL_VARIABLES] = self.goal.map_or(0, |(_, variables)| variables as u32);
        header[head::TEXT] = match self.names.is_empty() {
            true => u32::MAX,
            false => (counts.names - 5 * self.name_count()) as u32,
        };
        header
    }

    fn name_count(&self) -> usize {
        let c = &self.counts;
        c.types + c.objects + c.predicates + c.tasks + c.methods
    }

    /// Writes the model to the beginning of `out`, in words of 32 bits, and answers its length in bytes,
    /// a multiple of 4. Nothing can be added afterwards: [`Error::TaskState`]; asked again it writes the same.
    ///
    /// # Errors
    /// The first error that any call answered. [`Error::BufferTooSmall`] if `out` is shorter than
    /// [`model_len`](Builder::model_len): then it may be called again. [`Error::TaskDomain`] if something
    /// was begun and not ended, or a fact's argument, or an object among a subtask's arguments, is not of
    /// the type that it must be; [`Error::TaskCycle`] for orderings that go round.
    pub fn finish(&mut self, out: &mut [u32]) -> Result<usize> {
        self.unless_failed(Builder::end_open)?;
        let mut header = self.header();
        let places = Places::of(&header).ok_or(Error::Overflow)?;
        let out = out.get_mut(..places.end).ok_or(Error::BufferTooSmall)?;
        out.fill(0);
        let written = self.write(out, &mut header, &places);
        self.finished = written.is_ok();
        self.keep(written)
    }

    fn write(&self, out: &mut [u32], header: &mut [u32; HEADER], places: &Places) -> Result<usize> {
        self.write_types(part(out, places.types, places.predicates)?, places.set_words);
        self.write_code(out, places)?;
        let facts = self.write_facts(out, places)?;
        // Facts that were said twice leave room that is not needed.
        header[head::FACTS] = facts as u32;
        let tight = Places::of(header).ok_or(Error::Overflow)?;
        part(out, 0, HEADER)?.copy_from_slice(header);
        self.write_names(out.get_mut(tight.names..).ok_or(Error::Overflow)?, header[head::TEXT]);
        let whole = out.get(..tight.end).ok_or(Error::Overflow)?;
        // What the builder could not see when it was told: types of constants, mostly.
        let bytes = bytemuck::must_cast_slice(whole);
        super::super::Model::open(bytes).map_err(|_| Error::TaskDomain)?;
        Ok(tight.end * 4)
    }

    fn write_types(&self, sets: &mut [u32], words: usize) {
        let mut put = |ty: usize, object: usize| {
            if let Some(word) = sets.get_mut(ty * words + object / 32) {
                *word |= 1 << (object % 32);
            }
        };
        for (object, ty) in self.objects.iter().take(self.counts.objects).enumerate() {
            put(0, object);
            put(*ty as usize, object);
        }
        self.more.iter().take(self.more_count).for_each(|[o, ty]| put(*ty as usize, *o as usize));
        // What children have goes to parents, until nothing changes.
        let mut changed = true;
        while changed {
            changed = false;
            for [child, parent] in self.links.iter().take(self.link_count) {
                for at in 0..words {
                    let from = sets.get(*child as usize * words + at).copied().unwrap_or(0);
                    if let Some(to) = sets.get_mut(*parent as usize * words + at) {
                        changed |= from & !*to != 0;
                        *to |= from;
                    }
                }
            }
        }
    }

    fn write_code(&self, out: &mut [u32], places: &Places) -> Result<()> {
        let end = self.counts.code;
        let code: &mut [u16] = bytemuck::must_cast_slice_mut(part(out, places.code, places.facts)?);
        let (written, lists) = code.split_at_mut_checked(end).ok_or(Error::Overflow)?;
        written.copy_from_slice(self.code.get(..end).ok_or(Error::Overflow)?);
        // The methods of each task, by counting: first how many, then where.
        let empty = (end + self.counts.methods) as u32;
        if let Some(head) = lists.get_mut(self.counts.methods..self.counts.methods + 3) {
            head.copy_from_slice(&[super::super::format::op::AND, 0, 0]);
        }
        let methods = self.methods.get(..self.counts.methods).ok_or(Error::Overflow)?;
        let tasks = part(out, places.tasks, places.methods)?;
        for method in methods {
            if let Some(count) = tasks.get_mut(method.task as usize * TASK + 3) {
                *count += 1;
            }
        }
        let mut at = end as u32;
        for (task, record) in
            self.tasks.iter().take(self.counts.tasks).zip(tasks.chunks_exact_mut(TASK))
        {
            let variables = if task.primitive { task.variables } else { COMPOUND };
            record[0] = task.types;
            record[1] = both(task.arity, variables);
            if task.primitive {
                (record[2], record[3]) = (task.precondition, task.effects);
            } else {
                record[2] = at;
                at += core::mem::take(&mut record[3]);
            }
        }
        for (id, method) in methods.iter().enumerate() {
            let tasks = part(out, places.tasks, places.methods)?;
            let Some([_, _, first, count]) = tasks
                .get_mut(method.task as usize * TASK..)
                .and_then(|rest| rest.first_chunk_mut::<TASK>())
            else {
                return Err(Error::TaskDomain);
            };
            let at = (*first + *count) as usize;
            *count += 1;
            let code: &mut [u16] =
                bytemuck::must_cast_slice_mut(part(out, places.code, places.facts)?);
            *code.get_mut(at).ok_or(Error::Overflow)? = id as u16;
        }
        let records = part(out, places.methods, places.code)?.chunks_exact_mut(METHOD);
        let root = match self.has_root {
            true => self.root,
            false => MethodRecord {
                task: super::super::format::NO_TASK,
                ordered: true,
                precondition: empty,
                ..MethodRecord::default()
            },
        };
        for (method, record) in methods.iter().chain([&root]).zip(records) {
            record[0] = both(method.task, method.variables);
            record[1] = both(method.parameters, if method.ordered { ORDERED } else { 0 });
            record[2] = both(method.subtask_count, method.order_count);
            let places =
                [method.types, method.args, method.precondition, method.subtasks, method.orders];
            record.iter_mut().skip(3).zip(places).for_each(|(place, at)| *place = at);
        }
        Ok(())
    }

    /// Writes the facts, each once, and the predicates' records. Answers how many numbers they take.
    fn write_facts(&self, out: &mut [u32], places: &Places) -> Result<usize> {
        let predicates = self.predicates.get(..self.counts.predicates).ok_or(Error::Overflow)?;
        let mut at = 0;
        for (index, predicate) in predicates.iter().enumerate() {
            let record = part(out, places.predicates, places.tasks)?;
            let record = record.get_mut(index * PREDICATE..).ok_or(Error::Overflow)?;
            let flags = if predicate.fluent { FLUENT } else { 0 };
            let head = [predicate.types, both(predicate.arity, flags), at];
            record.iter_mut().zip(head).for_each(|(place, word)| *place = word);
            at += predicate.arity as u32 * predicate.count;
        }
        // Each fact to its predicate.
        let mut rest = self.facts.get(..self.counts.facts).ok_or(Error::Overflow)?;
        while let Some((&predicate, after)) = rest.split_first() {
            let arity = predicates.get(predicate as usize).map_or(0, |p| p.arity as usize);
            let (row, after) = after.split_at_checked(arity).ok_or(Error::Overflow)?;
            rest = after;
            let records = part(out, places.predicates, places.tasks)?;
            let record =
                records.get_mut(predicate as usize * PREDICATE..).ok_or(Error::Overflow)?;
            let [_, _, first, count, ..] = record else { return Err(Error::Overflow) };
            let at = *first as usize + arity * *count as usize;
            *count += 1;
            let facts: &mut [u16] =
                bytemuck::must_cast_slice_mut(part(out, places.facts, places.names)?);
            facts.get_mut(at..at + arity).ok_or(Error::Overflow)?.copy_from_slice(row);
        }
        // Each predicate's rows ascending, each once, and close up.
        let mut end = 0;
        for (index, predicate) in predicates.iter().enumerate() {
            let arity = predicate.arity as usize;
            let records = part(out, places.predicates, places.tasks)?;
            let record = records.get_mut(index * PREDICATE..).ok_or(Error::Overflow)?;
            let [_, _, first, count, ..] = record else { return Err(Error::Overflow) };
            let from = core::mem::replace(first, end as u32) as usize;
            if arity == 0 {
                *count = (*count).min(1);
                continue;
            }
            let rows = *count as usize;
            let facts: &mut [u16] =
                bytemuck::must_cast_slice_mut(part(out, places.facts, places.names)?);
            sort(facts.get_mut(from..from + rows * arity).ok_or(Error::Overflow)?, arity);
            let begin = end;
            for row in 0..rows {
                let row = from + row * arity;
                let same =
                    end > begin && facts.get(row..row + arity) == facts.get(end - arity..end);
                if !same {
                    facts.copy_within(row..row + arity, end);
                    end += arity;
                }
            }
            let records = part(out, places.predicates, places.tasks)?;
            let place = records.get_mut(index * PREDICATE + 3).ok_or(Error::Overflow)?;
            *place = ((end - begin) / arity) as u32;
        }
        Ok(end)
    }

    /// The names: offsets, then text.
    fn write_names(&self, out: &mut [u32], text_len: u32) {
        if text_len == u32::MAX {
            return;
        }
        out.fill(0);
        let count = self.name_count();
        let c = &self.counts;
        let before = [
            0,
            c.types,
            c.types + c.objects,
            c.types + c.objects + c.predicates,
            c.types + c.objects + c.predicates + c.tasks,
        ];
        let Some((offsets, text)) = out.split_at_mut_checked(count + 1) else { return };
        let text: &mut [u8] = bytemuck::must_cast_slice_mut(text);
        let each = || Names(self.names.get(..c.names).unwrap_or(&[]));
        let slot = |kind: u8, id: usize| before.get(kind as usize).copied().unwrap_or(0) + id;
        // Lengths, then their sums, then the text to where the sums say.
        for (kind, id, name) in each() {
            if let Some(place) = offsets.get_mut(slot(kind, id) + 1) {
                *place = name.len() as u32;
            }
        }
        let mut sum = 0;
        for place in offsets.iter_mut() {
            sum += *place;
            *place = sum;
        }
        for (kind, id, name) in each() {
            let at = offsets.get(slot(kind, id)).copied().unwrap_or(0) as usize;
            if let Some(place) = text.get_mut(at..at + name.len()) {
                place.copy_from_slice(name);
            }
        }
    }
}

/// The names that a builder keeps: kind, number, text.
struct Names<'a>(&'a [u8]);

impl<'a> Iterator for Names<'a> {
    type Item = (u8, usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [kind, id0, id1, len0, len1, rest @ ..] = self.0 else { return None };
        let len = u16::from_le_bytes([*len0, *len1]) as usize;
        let (name, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((*kind, u16::from_le_bytes([*id0, *id1]) as usize, name))
    }
}

fn both(low: u16, high: u16) -> u32 {
    low as u32 | (high as u32) << 16
}

fn part(words: &mut [u32], from: usize, to: usize) -> Result<&mut [u32]> {
    words.get_mut(from..to).ok_or(Error::Overflow)
}

/// Sorts rows of so many numbers.
fn sort(rows: &mut [u16], arity: usize) {
    fn fixed<const N: usize>(rows: &mut [u16]) {
        let rows: &mut [[u16; N]] = bytemuck::cast_slice_mut(rows);
        if !rows.is_sorted() {
            rows.sort_unstable();
        }
    }
    match arity {
        1 => fixed::<1>(rows),
        2 => fixed::<2>(rows),
        3 => fixed::<3>(rows),
        4 => fixed::<4>(rows),
        5 => fixed::<5>(rows),
        6 => fixed::<6>(rows),
        _ => heap_sort(rows, arity),
    }
}

/// Heapsort, for rows of any length.
fn heap_sort(rows: &mut [u16], arity: usize) {
    let count = rows.len() / arity;
    let less = |rows: &[u16], a: usize, b: usize| {
        rows.get(a * arity..(a + 1) * arity) < rows.get(b * arity..(b + 1) * arity)
    };
    let swap = |rows: &mut [u16], a: usize, b: usize| {
        (0..arity).for_each(|i| rows.swap(a * arity + i, b * arity + i));
    };
    let sink = |rows: &mut [u16], from: usize, end: usize| {
        let mut at = from;
        while 2 * at + 1 < end {
            let mut child = 2 * at + 1;
            if child + 1 < end && less(rows, child, child + 1) {
                child += 1;
            }
            if !less(rows, at, child) {
                break;
            }
            swap(rows, at, child);
            at = child;
        }
    };
    (0..count / 2).rev().for_each(|at| sink(rows, at, count));
    for end in (1..count).rev() {
        swap(rows, 0, end);
        sink(rows, 0, end);
    }
}
