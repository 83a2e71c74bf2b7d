//! The search: an explicit stack of decisions over one stack of words.
//!
//! On the words, from the bottom: programs and indexes; then, as the path goes on, frames (one for each
//! task that was decomposed), cells (tasks that are to be done, linked to the one after) and entries of
//! the log. Going back cuts the words down to the frame.

use super::super::format::MAX_ARITY;
use super::super::{Action, Formula, MethodId, Model, TaskId, View};
use super::act;
use super::attempt::{Attempt, Objects};
use super::compile::{Compiler, Programs};
use super::eval::{State, Values};
use super::facts::Pred;
use super::partial::Partial;
use super::rank::Instance;
use super::words::{fold, mix};
use super::{MethodOrder, Outcome, Planner, PlannerStats};
use crate::error::Result;

/// Facts and objects that joins may look at in one call, for each node of its budget.
const ROWS: u64 = 256;

/// Words of a cell: a task that is to be done.
pub(super) mod cell {
    /// Task, and arity << 16.
    pub const TASK: usize = 0;
    /// The cell after it; 0 at the end.
    pub const NEXT: usize = 1;
    /// The frame that it comes from.
    pub const PARENT: usize = 2;
    /// How deep it lies in the tree.
    pub const LEVEL: usize = 3;
    /// Hash of the cell and all after it: low, high.
    pub const HASH: usize = 4;
    /// Hash of task and arguments: low, high.
    pub const OWN: usize = 6;
    /// Whether the search ever came to it since the youngest frame that leads to it was begun.
    pub const REACHED: usize = 8;
    /// Arguments, two a word.
    pub const ARGS: usize = 9;
}

/// Words of a frame: a task that was decomposed.
pub(super) mod frame {
    /// The frame before.
    pub const PREV: usize = 0;
    /// The log's entry before.
    pub const UNDO: usize = 1;
    /// The task; 0 for the initial network.
    pub const CELL: usize = 2;
    /// Which of the methods is tried: the nth, in the order of this search.
    pub const NTH: usize = 3;
    /// Hash of the state: low, high.
    pub const STATE: usize = 4;
    /// What the cell after the task had for `REACHED` before.
    pub const REACHED: usize = 6;
    /// The program of the method.
    pub const PROGRAM: usize = 7;
    /// The step by which the next binding is found; 0 if there is none.
    pub const RESUME: usize = 8;
    /// The first of the subtasks' cells.
    pub const FIRST: usize = 9;
    /// Doubts when it was begun.
    pub const DOUBTS: usize = 10;
    /// Place of the methods in the order in which they are tried; 0: that of the attempt.
    pub const RANKED: usize = 11;
    /// Values of the method's parameters, two a word; then the slots of its program.
    pub const VALUES: usize = 12;
}

/// How a search stands, but for what lies on the words.
#[derive(Default)]
pub(super) struct Search {
    pub programs: Programs,
    /// Two words for each method: how often it was tried and went wrong since the last attempt; how
    /// unwelcome it is in this attempt.
    pub merits: usize,
    /// Top of the words where the path begins.
    pub bottom: usize,
    /// The youngest frame and entry of the log.
    pub frame: usize,
    pub undo: u32,
    /// The first task that is to be done.
    tasks: usize,
    pub going: Going,
    pub outcome: Option<Outcome>,
    pub stats: PlannerStats,
    pub attempt: Attempt,
    /// How often this attempt went back.
    pub spent: u64,
    /// Places where the search did not look because of a limit of this attempt; and of memory.
    pub cuts: u64,
    pub full: u64,
    /// Times that a node failed for another reason than itself.
    doubts: u32,
    /// Facts and objects that joins may still look at in this call; and how many they looked at that do
    /// not count as going back yet.
    pub rows: u64,
    pub looked: u64,
    /// Whether the youngest frame's join was interrupted: it goes on where it was.
    pub paused: bool,
    pub partial: Partial,
    /// The order that the facts of the beginning are in.
    pub arranged: Objects,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Going {
    /// An attempt has to be begun.
    #[default]
    Fresh,
    /// The first task is to be done.
    On,
    /// The youngest frame is to be tried otherwise.
    Back,
}

impl Planner<'_> {
    /// Compiles the model.
    pub(super) fn prepare(&mut self) -> Result<()> {
        let model = self.model;
        let mut methods = (0..=model.methods()).map(|id| model.method(MethodId(id as u16)));
        self.search.partial.on = methods.any(|method| !method.ordered);
        let mut first = 0;
        for (id, pred) in self.facts.preds.iter_mut().enumerate() {
            let predicate = model.predicate(super::super::PredicateId(id as u16));
            let (arity, count) = (predicate.types.len() as u8, predicate.count as u32);
            *pred = Pred { arity, fluent: predicate.fluent, rows: first, count, ..Pred::default() };
            first += arity as u32 * count;
        }
        self.words.cut(0);
        self.words.take_zeroed(1)?;
        self.search.programs = Compiler::new(&model, &mut self.words, &mut self.facts.preds)
            .run(self.search.partial.on)?;
        self.search.merits = self.words.take_zeroed((model.methods() + 1) * 3)?;
        self.explore(&model)
    }

    /// Searches on for so many nodes.
    pub(super) fn search_for(
        &mut self,
        nodes: u64,
        mut order: Option<&mut dyn MethodOrder>,
    ) -> Outcome {
        if let Some(outcome) = self.search.outcome {
            return outcome;
        }
        let end = self.search.stats.nodes.saturating_add(nodes);
        let model = self.model;
        // Going back is quick, but not for nothing; nor is what joins look at in vain.
        let mut turns = nodes.saturating_mul(4);
        self.search.rows = nodes.saturating_mul(ROWS);
        while self.search.stats.nodes < end && turns > 0 && self.search.rows > 0 {
            turns -= 1;
            let done = match self.search.going {
                Going::Fresh => self.begin(),
                Going::On if self.search.partial.on => self.go_on_partial(&model),
                Going::Back if self.search.partial.on => self.go_back_partial(&model),
                Going::On => self.go_on(&model, &mut order),
                Going::Back => self.go_back(&model),
            };
            if let Some(outcome) = done {
                self.search.outcome = done;
                return outcome;
            }
        }
        Outcome::Running
    }

    /// Begins the next attempt.
    fn begin(&mut self) -> Option<Outcome> {
        let search = &mut self.search;
        let number = search.stats.attempts;
        search.attempt = Attempt::nth(number, self.config.seed, self.config.restarts);
        if search.partial.on && number % 8 != 6 {
            // Unordered networks may grow without ever failing.
            let depth = 12u32.saturating_mul(1 << (number / 8).min(24));
            search.attempt.depth = search.attempt.depth.min(depth);
        }
        search.stats.attempts += 1;
        (search.spent, search.cuts, search.full, search.doubts) = (0, 0, 0, 0);
        (search.frame, search.undo, search.tasks) = (0, 0, 0);
        (search.looked, search.paused) = (0, false);
        self.words.cut(search.bottom);
        self.weigh_methods();
        let attempt = self.search.attempt;
        // Without room for it the order stays, which is no harm.
        let _ = self.arrange(attempt.objects, attempt.shuffle);
        self.seen.clear();
        self.search.going = Going::Back;
        let on = self.search.partial.on;
        let begun = if on { self.begin_partial() } else { self.push_frame(0, 0) };
        begun.is_err().then_some(Outcome::OutOfMemory)
    }

    /// Undoes everything and begins anew.
    pub(super) fn restart(&mut self) {
        if self.search.partial.on {
            self.rewind_partial(0);
        }
        self.undo_to(0);
        self.search.going = Going::Fresh;
    }

    /// Undoes actions back to an entry of the log.
    pub(super) fn undo_to(&mut self, entry: u32) {
        while self.search.undo != entry {
            self.search.undo = act::undo(&mut self.facts, &mut self.words, self.search.undo);
        }
    }

    /// Whether this attempt has gone back often enough.
    fn is_spent(&self) -> bool {
        // A long way may go back more often: about once for each of its tasks.
        let way = (self.words.top() - self.search.bottom) as u64 / 32;
        self.search.spent > self.search.attempt.fails + way
    }

    /// Does the first task, if it is an action, or begins to decompose it.
    fn go_on(
        &mut self,
        model: &Model<'_>,
        order: &mut Option<&mut dyn MethodOrder>,
    ) -> Option<Outcome> {
        let task = self.search.tasks;
        if task == 0 {
            if self.goal(model) {
                return Some(Outcome::Found);
            }
            self.search.doubts += 1;
            self.search.going = Going::Back;
            return None;
        }
        self.words.set(task + cell::REACHED, 1);
        self.search.stats.nodes += 1;
        let id = TaskId((self.words.at(task + cell::TASK) & 0xFFFF) as u16);
        if let Some(action) = model.action(id) {
            let mut values = [0; 256];
            self.load(task + cell::ARGS, action.types.len(), &mut values);
            if !self.holds(model, action.precondition, &mut values) {
                self.search.going = Going::Back;
                return None;
            }
            match self.act(model, &action, &mut values) {
                Ok(()) => self.search.tasks = self.words.at(task + cell::NEXT) as usize,
                Err(_) => self.memory_is_full(),
            }
            return None;
        }
        if self.is_spent() {
            self.restart();
            return None;
        }
        if !self.worth(task) {
            self.search.going = Going::Back;
            return None;
        }
        let ranked = match order {
            Some(order) if !self.search.attempt.methods => self.ask(model, task, *order),
            _ => Ok(0),
        };
        match ranked.and_then(|ranked| self.push_frame(task, ranked)) {
            Ok(()) => self.search.going = Going::Back,
            Err(_) => self.memory_is_full(),
        }
        None
    }

    /// Something did not fit in: the path ends here.
    fn memory_is_full(&mut self) {
        self.search.full += 1;
        self.search.doubts += 1;
        self.search.going = Going::Back;
    }

    pub(super) fn act(
        &mut self,
        model: &Model<'_>,
        action: &Action<'_>,
        values: &mut Values,
    ) -> Result<()> {
        let before = self.search.undo;
        self.search.undo =
            act::apply(model, &mut self.facts, &mut self.words, action, values, before)?;
        Ok(())
    }

    /// Whether a precondition holds: literals without a detour.
    #[inline]
    pub(super) fn holds(
        &self,
        model: &Model<'_>,
        formula: Formula<'_>,
        values: &mut Values,
    ) -> bool {
        let state = State { model, facts: &self.facts, words: &self.words };
        match formula.view_with(model.predicate_records()) {
            View::And(mut items) => items.all(|item| state.eval(item, values, 1)),
            _ => state.eval(formula, values, 0),
        }
    }

    pub(super) fn goal(&self, model: &Model<'_>) -> bool {
        let Some((goal, _)) = model.goal() else { return true };
        let state = State { model, facts: &self.facts, words: &self.words };
        state.eval(goal, &mut [0; 256], 0)
    }

    /// Arguments or values, two a word.
    #[inline(always)]
    pub(super) fn load(&self, from: usize, count: usize, values: &mut [u16]) {
        let words = self.words.slice(from, count.div_ceil(2));
        for (pair, word) in values.chunks_exact_mut(2).zip(words) {
            pair[0] = (word & 0xFFFF) as u16;
            pair[1] = (word >> 16) as u16;
        }
    }

    /// Whether a task is worth decomposing: not too deep, not seen before in this state with the same
    /// tasks after it.
    fn worth(&mut self, task: usize) -> bool {
        let attempt = self.search.attempt;
        let level = self.words.at(task + cell::LEVEL);
        if level > attempt.depth {
            self.search.cuts += 1;
            self.search.doubts += 1;
            return false;
        }
        let state = self.facts.hash;
        if self.seen.has(self.dead(task, state)) {
            self.search.stats.repeated += 1;
            return false;
        }
        if attempt.loops && self.is_loop(task, state) {
            self.search.cuts += 1;
            self.search.doubts += 1;
            return false;
        }
        let key = mix(state ^ fold(self.words.pair(task + cell::HASH), 3));
        let level = if attempt.depth == u32::MAX { 0 } else { level };
        if self.seen.note(key, level) {
            self.search.stats.repeated += 1;
            self.search.doubts += 1;
            return false;
        }
        true
    }

    /// The key of a task with its arguments that cannot be carried out in a state, whatever comes after.
    /// It stands beside those of states with all that is to be done, so all of its 64 bits count.
    fn dead(&self, task: usize, state: u64) -> u64 {
        mix(state ^ fold(self.words.pair(task + cell::OWN), 7 << 40))
    }

    /// Whether the task lies below itself, in the same state.
    fn is_loop(&self, task: usize, state: u64) -> bool {
        let own = self.words.pair(task + cell::OWN);
        let mut frame = self.words.at(task + cell::PARENT) as usize;
        for _ in 0..64 {
            if frame == 0 {
                return false;
            }
            let cell = self.words.at(frame + frame::CELL) as usize;
            if self.words.pair(frame + frame::STATE) != state || cell == 0 {
                return false;
            }
            if self.words.pair(cell + cell::OWN) == own && self.same(cell, task) {
                return true;
            }
            frame = self.words.at(cell + cell::PARENT) as usize;
        }
        false
    }

    /// Whether two cells are of the same task with the same arguments.
    fn same(&self, a: usize, b: usize) -> bool {
        let head = self.words.at(a + cell::TASK);
        let words = (head >> 16).div_ceil(2) as usize;
        let args = |cell: usize| self.words.slice(cell + cell::ARGS, words);
        head == self.words.at(b + cell::TASK) && args(a) == args(b)
    }

    /// A frame for a task (0: the initial network), before its first method.
    fn push_frame(&mut self, task: usize, ranked: usize) -> Result<()> {
        let at = self.words.take(frame::VALUES)?;
        let state = self.facts.hash;
        let reached = match task {
            0 => 0,
            task => {
                let next = self.words.at(task + cell::NEXT) as usize;
                let before = self.words.at(next + cell::REACHED);
                if next != 0 {
                    self.words.set(next + cell::REACHED, 0);
                }
                before
            }
        };
        let fields = [
            self.search.frame as u32,
            self.search.undo,
            task as u32,
            u32::MAX,
            (state & 0xFFFF_FFFF) as u32,
            (state >> 32) as u32,
            reached,
            0,
            0,
            0,
            self.search.doubts,
            ranked as u32,
        ];
        self.words.slice_mut(at, frame::VALUES).copy_from_slice(&fields);
        self.search.frame = at;
        Ok(())
    }

    /// Tries the youngest frame's next binding or method; or gives it up.
    fn go_back(&mut self, model: &Model<'_>) -> Option<Outcome> {
        let frame = self.search.frame;
        if frame == 0 {
            return self.exhausted();
        }
        let task = self.words.at(frame + frame::CELL) as usize;
        if !core::mem::take(&mut self.search.paused) {
            self.undo_to(self.words.at(frame + frame::UNDO));
            if self.words.at(frame + frame::NTH) != u32::MAX {
                self.search.spent += 1;
                self.count_method(frame, 1);
            }
        } else if self.is_spent() {
            self.restart();
            return None;
        }
        let (mut values, mut args) = ([0; 256], [0; MAX_ARITY]);
        let mut arity = 0;
        if task != 0 {
            arity = (self.words.at(task + cell::TASK) >> 16) as usize;
            self.load(task + cell::ARGS, arity, &mut args);
        }
        let args = args.get(..arity).unwrap_or(&[]);
        let shuffle = match self.search.attempt.turn {
            false => 0,
            true => self.frame_random(frame) | 1,
        };
        let nth = |planner: &Self, nth| planner.nth_method(model, frame, nth);
        let place = (frame, frame + frame::VALUES);
        match self.next_instance(model, place, args, shuffle, &mut values, nth) {
            Ok(Instance::Found(program)) => {
                self.count_method(frame, 0);
                match self.push_cells(program, frame, task, &values) {
                    Ok(()) => self.search.going = Going::On,
                    Err(_) => self.memory_is_full(),
                }
            }
            Ok(Instance::Paused) => self.search.paused = true,
            Ok(Instance::Nothing) => self.give_up(frame, task),
            Err(_) => {
                self.search.full += 1;
                self.search.doubts += 1;
                self.give_up(frame, task);
            }
        }
        None
    }

    /// The subtasks of a method: cells, the last first.
    fn push_cells(
        &mut self,
        program: usize,
        frame: usize,
        task: usize,
        values: &Values,
    ) -> Result<()> {
        let base = self.search.programs.base;
        let (mut next, level) = match task {
            0 => (0, 0),
            task => (self.words.at(task + cell::NEXT), self.words.at(task + cell::LEVEL) + 1),
        };
        let mut hash = if next == 0 { 0 } else { self.words.pair(next as usize + cell::HASH) };
        let mut at = base + self.words.at(base + program + 1) as usize;
        let count = self.words.at(at);
        at += 1;
        for _ in 0..count {
            let head = self.words.at(at);
            let arity = (head >> 16) as usize;
            let cell = self.words.take(cell::ARGS + arity.div_ceil(2))?;
            let mut own = fold(0x2545_F491_4F6C_DD1D, (head & 0xFFFF) as u64);
            for i in 0..arity {
                let term = self.words.at(at + 1 + i) as u16;
                let object = super::eval::value(term, values);
                own = fold(own, object as u64 + 1);
                self.words.put_half(cell + cell::ARGS, i, object);
            }
            hash = mix(fold(hash, 11) ^ own);
            let fields = [head, next, frame as u32, level];
            self.words.slice_mut(cell, fields.len()).copy_from_slice(&fields);
            self.words.set_pair(cell + cell::HASH, hash);
            // Its middle first: that is spread best.
            self.words.set_pair(cell + cell::OWN, own.rotate_right(16));
            self.words.set(cell + cell::REACHED, 0);
            next = cell as u32;
            at += 1 + arity;
        }
        self.words.set(frame + frame::FIRST, next);
        self.search.tasks = next as usize;
        Ok(())
    }

    /// A frame has nothing left to try.
    fn give_up(&mut self, frame: usize, task: usize) {
        if task != 0 {
            let next = self.words.at(task + cell::NEXT) as usize;
            let came = if next == 0 { 1 } else { self.words.at(next + cell::REACHED) };
            let before = self.words.at(frame + frame::REACHED);
            if next != 0 {
                self.words.set(next + cell::REACHED, came | before);
            }
            if came == 0 && self.words.at(frame + frame::DOUBTS) == self.search.doubts {
                let key = self.dead(task, self.facts.hash);
                self.seen.note(key, 0);
            }
        }
        self.search.frame = self.words.at(frame + frame::PREV) as usize;
        let ranked = self.words.at(frame + frame::RANKED) as usize;
        self.words.cut(if ranked == 0 { frame } else { ranked });
        self.search.going = Going::Back;
    }

    /// An attempt has searched everything that it may.
    pub(super) fn exhausted(&mut self) -> Option<Outcome> {
        let search = &mut self.search;
        if search.cuts == 0 && search.full == 0 {
            return Some(Outcome::NoPlan);
        }
        if search.cuts == 0 && search.attempt.number >= 32 {
            return Some(Outcome::OutOfMemory);
        }
        search.going = Going::Fresh;
        None
    }
}
