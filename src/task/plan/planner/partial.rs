//! The search where methods leave subtasks unordered: progression over the tasks that nothing is left
//! before (Höller et al., "HTN Planning as Heuristic Progression Search", JAIR 2020).
//!
//! A cell is a task; it is ready when no sibling before it, and none before those that it lies in, is
//! left. Each frame takes a ready task and carries it out or decomposes it; the tasks that are ready are
//! a ring. Whatever changes in cells is written down with its old value.

use super::super::format::{MAX_ARITY, NO_TASK};
use super::super::tree::Step;
use super::super::{Action, MethodId, Model, TaskId, View};
use super::eval::{Values, value};
use super::rank::Instance;
use super::search::Going;
use super::words::{fold, mix};
use super::{Outcome, Planner};
use crate::error::{Error, Result};

/// Words of a cell.
mod cell {
    /// Task, and arity << 16. The network is one, of no task.
    pub const TASK: usize = 0;
    /// The cell of which it is a subtask; 0 for the network.
    pub const PARENT: usize = 1;
    /// Which subtask it is.
    pub const PLACE: usize = 2;
    /// Siblings before it that are left.
    pub const WAITS: usize = 3;
    /// Subtasks that are left.
    pub const OPEN: usize = 4;
    /// What it is and lies in: low, high.
    pub const TAG: usize = 5;
    /// In the ring of those that are ready.
    pub const NEXT: usize = 7;
    pub const PREV: usize = 8;
    /// Place of the siblings after it: how many, then cells.
    pub const AFTER: usize = 9;
    /// How deep it lies.
    pub const LEVEL: usize = 10;
    /// Its number in the plan, when that is written.
    pub const STEP: usize = 11;
    pub const ARGS: usize = 12;
}

/// Words of a frame: some as in a search of ordered methods.
mod frame {
    pub use super::super::search::frame::{CELL, NTH, PREV, PROGRAM, RESUME, UNDO};
    /// Hash of what is to be done: low, high.
    pub const HASH: usize = 4;
    /// The last change of a cell before.
    pub const TRAIL: usize = 6;
    pub const VALUES: usize = 9;
}

/// Going back once counts so often where memory was full: that is not the end to search around.
const WHEN_FULL: u64 = 50;

/// What a search of this kind has beside the words.
#[derive(Default)]
pub(super) struct Partial {
    /// Whether some method leaves subtasks unordered.
    pub on: bool,
    /// The cell that the ring begins and ends with.
    ring: usize,
    /// The last change of a cell.
    trail: u32,
    /// A hash of what is to be done.
    hash: u64,
}

impl Planner<'_> {
    /// Begins an attempt.
    pub(super) fn begin_partial(&mut self) -> Result<()> {
        let ring = self.words.take_zeroed(cell::ARGS)?;
        let root = self.words.take_zeroed(cell::ARGS)?;
        for (at, next) in [(ring, root), (root, ring)] {
            self.words.set(at + cell::NEXT, next as u32);
            self.words.set(at + cell::PREV, next as u32);
        }
        self.words.set(root + cell::TASK, NO_TASK as u32);
        self.search.partial = Partial { on: true, ring, trail: 0, hash: 0 };
        self.search.partial.hash = self.leaf(root);
        self.search.going = Going::On;
        Ok(())
    }

    /// What a cell that is not decomposed adds to the hash.
    fn leaf(&self, at: usize) -> u64 {
        let tag = self.words.pair(at + cell::TAG);
        mix(tag.wrapping_add(mix(self.words.at(at + cell::WAITS) as u64)))
    }

    /// Changes a word of a cell, so that it can be undone.
    fn change(&mut self, place: usize, word: u32) -> Result<()> {
        let at = self.words.take(3)?;
        let old = self.words.at(place);
        let entry = [self.search.partial.trail, place as u32, old];
        self.words.slice_mut(at, 3).copy_from_slice(&entry);
        self.search.partial.trail = at as u32;
        self.words.set(place, word);
        Ok(())
    }

    /// Undoes everything since a frame, or (0) everything.
    pub(super) fn rewind_partial(&mut self, frame: usize) {
        let known = |at: usize| if frame == 0 { 0 } else { self.words.at(frame + at) };
        let (undo, trail) = (known(frame::UNDO), known(frame::TRAIL));
        self.undo_to(undo);
        while self.search.partial.trail != trail {
            let at = self.search.partial.trail as usize;
            self.words.set(self.words.at(at + 1) as usize, self.words.at(at + 2));
            self.search.partial.trail = self.words.at(at);
        }
        if frame != 0 {
            self.search.partial.hash = self.words.pair(frame + frame::HASH);
        }
    }

    /// A node: what is to be done next.
    pub(super) fn go_on_partial(&mut self, model: &Model<'_>) -> Option<Outcome> {
        self.search.stats.nodes += 1;
        self.search.going = Going::Back;
        let ring = self.search.partial.ring;
        let first = self.pick(ring);
        if first == ring {
            return self.goal(model).then_some(Outcome::Found);
        }
        if self.search.spent > self.search.attempt.fails {
            self.restart();
            return None;
        }
        let key = mix(self.facts.hash ^ fold(self.search.partial.hash, 5));
        if self.seen.note(key, 0) {
            self.search.stats.repeated += 1;
            return None;
        }
        let Ok(at) = self.words.take(frame::VALUES) else {
            self.search.full += 1;
            return None;
        };
        let hash = self.search.partial.hash;
        let fields = [
            self.search.frame as u32,
            self.search.undo,
            first as u32,
            u32::MAX,
            (hash & 0xFFFF_FFFF) as u32,
            (hash >> 32) as u32,
            self.search.partial.trail,
            0,
            0,
        ];
        self.words.slice_mut(at, frame::VALUES).copy_from_slice(&fields);
        self.search.frame = at;
        None
    }

    /// The ready task after one, in the order of the attempt.
    fn pick(&self, after: usize) -> usize {
        let back = self.search.attempt.shuffle & 4 != 0;
        self.words.at(after + if back { cell::PREV } else { cell::NEXT }) as usize
    }

    /// Tries the youngest frame's next binding, method or task; or gives it up.
    pub(super) fn go_back_partial(&mut self, model: &Model<'_>) -> Option<Outcome> {
        let frame = self.search.frame;
        if frame == 0 {
            return self.exhausted();
        }
        if !core::mem::take(&mut self.search.paused) {
            self.search.spent += 1;
            self.rewind_partial(frame);
        }
        if self.search.spent > self.search.attempt.fails.saturating_mul(2) {
            self.restart();
            return None;
        }
        let task = self.words.at(frame + frame::CELL) as usize;
        let done = match model.action(self.task_of(task)) {
            Some(action) => self.try_action(model, &action, frame, task),
            None => self.try_method(model, frame, task),
        };
        match done {
            Ok(Instance::Found(_)) => {
                self.search.going = Going::On;
                return None;
            }
            Ok(Instance::Paused) => {
                self.search.paused = true;
                return None;
            }
            Ok(Instance::Nothing) => {}
            Err(_) => {
                // Nothing more of this task fits in: on to the next.
                self.search.full += 1;
                self.search.spent += WHEN_FULL;
                self.rewind_partial(frame);
            }
        }
        // A task that any state lets be decomposed need not wait for others.
        let next = self.pick(task);
        if next == self.search.partial.ring || self.needs_no_state(model, task) {
            self.search.frame = self.words.at(frame + frame::PREV) as usize;
            self.words.cut(frame);
        } else {
            self.words.set(frame + frame::CELL, next as u32);
            self.words.set(frame + frame::NTH, u32::MAX);
            self.words.set(frame + frame::RESUME, 0);
        }
        None
    }

    fn task_of(&self, at: usize) -> TaskId {
        TaskId((self.words.at(at + cell::TASK) & 0xFFFF) as u16)
    }

    /// Whether no method of the task asks for anything.
    fn needs_no_state(&self, model: &Model<'_>, task: usize) -> bool {
        let id = self.task_of(task);
        if id.0 == NO_TASK {
            return true;
        }
        let mut methods = model.methods_of(id).iter();
        !model.task(id).primitive
            && methods.all(|method| {
                let precondition = model.method(MethodId(*method)).precondition;
                match precondition.view_with(model.predicate_records()) {
                    View::And(mut items) => items.next().is_none(),
                    _ => false,
                }
            })
    }

    fn try_action(
        &mut self,
        model: &Model<'_>,
        action: &Action<'_>,
        frame: usize,
        task: usize,
    ) -> Result<Instance> {
        if self.words.at(frame + frame::NTH) != u32::MAX {
            return Ok(Instance::Nothing);
        }
        self.words.set(frame + frame::NTH, 0);
        self.words.cut(frame + frame::VALUES);
        let mut values = [0; 256];
        self.load(task + cell::ARGS, action.types.len(), &mut values);
        if !self.holds(model, action.precondition, &mut values) {
            return Ok(Instance::Nothing);
        }
        self.act(model, action, &mut values)?;
        self.remove(task)?;
        self.complete(task)?;
        Ok(Instance::Found(0))
    }

    fn try_method(&mut self, model: &Model<'_>, frame: usize, task: usize) -> Result<Instance> {
        if self.words.at(task + cell::LEVEL) > self.search.attempt.depth {
            self.search.cuts += 1;
            return Ok(Instance::Nothing);
        }
        let id = self.task_of(task);
        let arity = (self.words.at(task + cell::TASK) >> 16) as usize;
        let (mut values, mut args) = ([0; 256], [0; MAX_ARITY]);
        self.load(task + cell::ARGS, arity, &mut args);
        let args = args.get(..arity).unwrap_or(&[]);
        let random = mix(self.search.attempt.shuffle ^ self.leaf(task) ^ self.facts.hash);
        let shuffle = if self.search.attempt.turn { random | 1 } else { 0 };
        let nth = |planner: &Self, nth| planner.ranked(model, id, nth, random);
        let place = (frame, frame + frame::VALUES);
        let instance = self.next_instance(model, place, args, shuffle, &mut values, nth)?;
        if let Instance::Found(program) = instance {
            self.decompose_partial(model, program, task, &values)?;
        }
        Ok(instance)
    }

    /// Puts the subtasks of a method in the place of a task.
    fn decompose_partial(
        &mut self,
        model: &Model<'_>,
        program: usize,
        task: usize,
        values: &Values,
    ) -> Result<()> {
        let base = self.search.programs.base;
        let id = MethodId(self.words.at(base + program + 2) as u16);
        let method = model.method(id);
        let level = self.words.at(task + cell::LEVEL) + 1;
        let parent_tag = self.leaf(task);
        let mut at = base + self.words.at(base + program + 1) as usize;
        let count = self.words.at(at) as usize;
        at += 1;
        self.remove(task)?;
        self.change(task + cell::OPEN, count as u32)?;
        if count == 0 {
            return self.complete(task);
        }
        let cells = self.words.take(count)?;
        for place in (0..count).rev() {
            let head = self.words.at(at);
            let arity = (head >> 16) as usize;
            let child = self.words.take(cell::ARGS + arity.div_ceil(2))?;
            self.words.slice_mut(child, cell::ARGS).fill(0);
            self.words.set(cells + place, child as u32);
            let mut tag = fold(parent_tag, (id.0 as u64) << 32 | place as u64);
            tag = fold(tag, (head & 0xFFFF) as u64);
            for i in 0..arity {
                let object = value(self.words.at(at + 1 + i) as u16, values);
                tag = fold(tag, object as u64 + 1);
                self.words.put_half(child + cell::ARGS, i, object);
            }
            at += 1 + arity;
            let fields = [head, task as u32, place as u32];
            self.words.slice_mut(child, 3).copy_from_slice(&fields);
            self.words.set(child + cell::TAG, (tag & 0xFFFF_FFFF) as u32);
            self.words.set(child + cell::TAG + 1, (tag >> 32) as u32);
            self.words.set(child + cell::LEVEL, level);
        }
        // Who comes after whom.
        for place in 0..count {
            let child = self.words.at(cells + place) as usize;
            let after = self.words.take(1)?;
            if method.ordered && place + 1 < count {
                self.words.push(self.words.at(cells + place + 1))?;
            }
            for pair in method.orders.chunks_exact(2).filter(|pair| pair[0] as usize == place) {
                self.words.push(self.words.at(cells + pair[1] as usize))?;
            }
            self.words.set(after, (self.words.top() - after - 1) as u32);
            self.words.set(child + cell::AFTER, after as u32);
            let before = method.orders.chunks_exact(2).filter(|p| p[1] as usize == place).count();
            let waits = before as u32 + (method.ordered && place > 0) as u32;
            self.words.set(child + cell::WAITS, waits);
        }
        // The first of them that are ready come first.
        for place in (0..count).rev() {
            let child = self.words.at(cells + place) as usize;
            let leaf = self.leaf(child);
            self.search.partial.hash = self.search.partial.hash.wrapping_add(leaf);
            if self.words.at(child + cell::WAITS) == 0 {
                self.insert(child)?;
            }
        }
        Ok(())
    }

    /// Makes a cell the first of those that are ready.
    fn insert(&mut self, at: usize) -> Result<()> {
        let ring = self.search.partial.ring;
        let first = self.words.at(ring + cell::NEXT);
        self.change(at + cell::NEXT, first)?;
        self.change(at + cell::PREV, ring as u32)?;
        self.change(ring + cell::NEXT, at as u32)?;
        self.change(first as usize + cell::PREV, at as u32)
    }

    /// Takes a cell from those that are ready.
    fn remove(&mut self, at: usize) -> Result<()> {
        let leaf = self.leaf(at);
        self.search.partial.hash = self.search.partial.hash.wrapping_sub(leaf);
        let (next, prev) = (self.words.at(at + cell::NEXT), self.words.at(at + cell::PREV));
        self.change(prev as usize + cell::NEXT, next)?;
        self.change(next as usize + cell::PREV, prev)
    }

    /// A task is done: those after it wait for one less, and its parent, too.
    fn complete(&mut self, task: usize) -> Result<()> {
        let mut task = task;
        loop {
            let after = self.words.at(task + cell::AFTER) as usize;
            let count = if after == 0 { 0 } else { self.words.at(after) as usize };
            for nth in (0..count).rev() {
                let other = self.words.at(after + 1 + nth) as usize;
                let waits = self.words.at(other + cell::WAITS) - 1;
                let leaf = self.leaf(other);
                self.change(other + cell::WAITS, waits)?;
                let new = self.leaf(other);
                let hash = self.search.partial.hash.wrapping_sub(leaf).wrapping_add(new);
                self.search.partial.hash = hash;
                if waits == 0 {
                    self.insert(other)?;
                }
            }
            let parent = self.words.at(task + cell::PARENT) as usize;
            if parent == 0 {
                return Ok(());
            }
            let open = self.words.at(parent + cell::OPEN) - 1;
            self.change(parent + cell::OPEN, open)?;
            if open > 0 {
                return Ok(());
            }
            task = parent;
        }
    }

    /// Writes the plan down: each frame is a step, but for that of the network.
    pub(super) fn write_partial(&mut self) -> Result<[usize; 4]> {
        let model = self.model;
        let mut count = 0;
        let mut at = self.search.frame;
        while at != 0 {
            count += 1;
            at = self.words.at(at + frame::PREV) as usize;
        }
        let frames = self.words.take(count)?;
        let mut at = self.search.frame;
        for nth in (0..count).rev() {
            self.words.set(frames + nth, at as u32);
            at = self.words.at(at + frame::PREV) as usize;
        }
        let size = |planner: &Self, frame: usize| {
            let task = planner.words.at(frame + frame::CELL) as usize;
            let id = planner.task_of(task);
            let base = planner.search.programs.base;
            if id.0 != NO_TASK && model.task(id).primitive {
                (true, task, (planner.words.at(task + cell::TASK) >> 16) as usize)
            } else {
                let program = base + planner.words.at(frame + frame::PROGRAM) as usize;
                (false, task, (planner.words.at(program) & 0xFFFF) as usize)
            }
        };
        let (mut values, mut actions) = (0, 0);
        for nth in 0..count {
            let (primitive, _, own) = size(self, self.words.at(frames + nth) as usize);
            values += own;
            actions += primitive as usize;
        }
        let steps = count.checked_sub(1).ok_or(Error::TaskState)?;
        self.steps.ensure(steps, super::extract::BLANK)?;
        let values_at = self.words.take(values.div_ceil(2))?;
        let actions_at = self.words.take(actions)?;
        let (mut value, mut action) = (0, actions_at);
        for nth in 0..count {
            let frame = self.words.at(frames + nth) as usize;
            let (primitive, task, own) = size(self, frame);
            let bound = value as u32;
            let mut method = Step::ACTION;
            if primitive {
                self.put_values(values_at, &mut value, task + cell::ARGS, own);
                self.words.set(action, nth as u32 - 1);
                action += 1;
            } else {
                self.put_values(values_at, &mut value, frame + frame::VALUES, own);
                let base = self.search.programs.base;
                let program = base + self.words.at(frame + frame::PROGRAM) as usize;
                method = MethodId(self.words.at(program + 2) as u16);
            }
            if nth == 0 {
                continue;
            }
            let above = self.words.at(task + cell::PARENT) as usize;
            let root = self.words.at(above + cell::PARENT) == 0;
            let parent = if root { Step::ROOT } else { self.words.at(above + cell::STEP) };
            let place = self.words.at(task + cell::PLACE) as u16;
            self.words.set(task + cell::STEP, nth as u32 - 1);
            let task = self.task_of(task);
            if let Some(slot) = self.steps.get_mut(nth - 1) {
                *slot = Step::new(task, method, parent, place, bound);
            }
        }
        Ok([steps, values_at, actions_at, actions_at + actions])
    }
}
