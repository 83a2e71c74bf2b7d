//! In which order the methods of a task are tried, and their instances.

use super::super::format::{MAX_ARITY, NO_TASK};
use super::super::{MethodId, Model, TaskId};
use super::compile::PROGRAM_HEAD;
use super::eval::Values;
use super::join::{Binding, Join};
use super::search::{cell, frame};
use super::words::mix;
use super::{MethodOrder, PlanState, Planner};
use crate::error::Result;

/// Methods of a task that are ranked at most; of more, none are: then they are tried in the order of the
/// model, in attempts that choose at random from some method on.
const MOST_RANKED: usize = 256;

/// Facts and objects that joins look at for what counts as going back once.
const ROWS_A_FAIL: u64 = 512;
/// As much a join looks at before it is asked whether the attempt has gone back often enough.
const SLICE: u64 = 1 << 14;

/// What came of looking for the next instance of a frame's methods.
pub(super) enum Instance {
    /// There is one, of the method with this program; its values are in the frame.
    Found(usize),
    /// There is no further one.
    Nothing,
    /// It has looked at as much as it may without a pause.
    Paused,
}

impl Planner<'_> {
    /// Finds the next binding of a frame's method, or the first of its next method (`nth` says which
    /// that is). `frame` has in common what both searches' have; its values are at `values_at`.
    pub(super) fn next_instance(
        &mut self,
        model: &Model<'_>,
        (frame, values_at): (usize, usize),
        args: &[u16],
        shuffle: u64,
        values: &mut Values,
        nth: impl Fn(&Self, usize) -> Option<MethodId>,
    ) -> Result<Instance> {
        let base = self.search.programs.base;
        loop {
            let resume = self.words.at(frame + frame::RESUME) as usize;
            let (program, from) = if resume != 0 {
                let program = self.words.at(frame + frame::PROGRAM) as usize;
                let count = (self.words.at(base + program) & 0xFFFF) as usize;
                self.load(values_at, count, values);
                (program, resume)
            } else {
                let next = self.words.at(frame + frame::NTH).wrapping_add(1);
                self.words.set(frame + frame::NTH, next);
                let Some(method) = nth(self, next as usize) else { return Ok(Instance::Nothing) };
                let program = self.words.at(base + method.index()) as usize;
                self.words.set(frame + frame::PROGRAM, program as u32);
                (program, program + PROGRAM_HEAD)
            };
            let head = self.words.at(base + program);
            let packed = ((head & 0xFFFF) as usize).div_ceil(2);
            self.words.cut(values_at);
            self.words.take(packed + 2 * (head >> 16) as usize)?;
            let slice = self.search.rows.min(SLICE);
            let mut join = Join {
                model,
                facts: &self.facts,
                words: &mut self.words,
                base,
                slots: values_at + packed,
                shuffle,
                rows: slice,
            };
            let binding = join.run(from, resume != 0, args, values);
            let looked = slice - join.rows;
            self.search.rows -= looked;
            self.search.looked += looked;
            self.search.spent += self.search.looked / ROWS_A_FAIL;
            self.search.looked %= ROWS_A_FAIL;
            let (next, instance) = match binding {
                Binding::Found(next) => (next, Some(Instance::Found(program))),
                Binding::Paused(at) => (at, Some(Instance::Paused)),
                Binding::Nothing => (0, None),
            };
            self.words.set(frame + frame::RESUME, next as u32);
            let Some(instance) = instance else { continue };
            let places = self.words.slice_mut(values_at, packed);
            for (place, pair) in places.iter_mut().zip(values.chunks_exact(2)) {
                *place = pair[0] as u32 | (pair[1] as u32) << 16;
            }
            return Ok(instance);
        }
    }

    /// The nth method of a frame's task, in the order of this attempt.
    pub(super) fn nth_method(
        &self,
        model: &Model<'_>,
        frame: usize,
        nth: usize,
    ) -> Option<MethodId> {
        let task = self.words.at(frame + frame::CELL) as usize;
        let id = match task {
            0 => TaskId(NO_TASK),
            task => TaskId((self.words.at(task + cell::TASK) & 0xFFFF) as u16),
        };
        let ranked = self.words.at(frame + frame::RANKED) as usize;
        if ranked != 0 {
            let count = model.methods_of(id).len();
            return (nth < count).then(|| MethodId(self.words.at(ranked + nth) as u16));
        }
        let random = if self.search.attempt.methods { self.frame_random(frame) } else { 0 };
        self.ranked(model, id, nth, random)
    }

    /// Asks for the order of a task's methods; answers where it is written, 0 if there is nothing to ask.
    #[cold]
    pub(super) fn ask(
        &mut self,
        model: &Model<'_>,
        task: usize,
        order: &mut dyn MethodOrder,
    ) -> Result<usize> {
        let head = self.words.at(task + cell::TASK);
        let id = TaskId((head & 0xFFFF) as u16);
        let methods = model.methods_of(id);
        if methods.len() < 2 || methods.len() > MOST_RANKED {
            return Ok(0);
        }
        let (mut args, mut scores) = ([0; MAX_ARITY], [0.0; MOST_RANKED]);
        let arity = (head >> 16) as usize;
        self.load(task + cell::ARGS, arity, &mut args);
        let (args, scores) = (args.get(..arity), scores.get_mut(..methods.len()));
        let (Some(args), Some(scores)) = (args, scores) else { return Ok(0) };
        let state = PlanState { model, facts: &self.facts, words: &self.words };
        order.rank(&state, id, args, methods, scores);
        let at = self.words.take(methods.len())?;
        // The lowest first; what compares with nothing counts as the highest.
        let key = |place: usize| match scores.get(place) {
            Some(score) if !score.is_nan() => *score,
            _ => f32::INFINITY,
        };
        let places = self.words.slice_mut(at, methods.len());
        places.iter_mut().enumerate().for_each(|(place, slot)| *slot = place as u32);
        places.sort_unstable_by(|a, b| {
            let (x, y) = (key(*a as usize), key(*b as usize));
            x.total_cmp(&y).then(a.cmp(b))
        });
        for slot in places.iter_mut() {
            *slot = methods.get(*slot as usize).copied().unwrap_or(0) as u32;
        }
        Ok(at)
    }

    /// The nth method of a task; the network is the only one of no task.
    pub(super) fn ranked(
        &self,
        model: &Model<'_>,
        task: TaskId,
        nth: usize,
        random: u64,
    ) -> Option<MethodId> {
        if task.0 == NO_TASK {
            return (nth == 0).then(|| model.root());
        }
        let methods = model.methods_of(task);
        if !self.search.attempt.methods || methods.len() < 2 {
            return methods.get(nth).copied().map(MethodId);
        }
        if nth >= methods.len() {
            return None;
        }
        if methods.len() > MOST_RANKED {
            let at = (nth as u64 + random) % methods.len() as u64;
            return methods.get(at as usize).copied().map(MethodId);
        }
        // The nth by how often a method went wrong before, by the attempt's taste, and by some noise: the
        // least that is greater than the one before, n times.
        let taste = self.search.attempt.shuffle;
        let key = |method: u16| {
            let merit = self.words.at(self.search.merits + 3 * method as usize + 2) as u64;
            let taste = mix(taste ^ (method as u64) << 20) >> 40 & 0xFFF;
            let noise = mix(random ^ method as u64) >> 40 & 0xFF;
            (merit + taste + noise) << 16 | method as u64
        };
        let mut last = None;
        for _ in 0..=nth {
            let keys = methods.iter().map(|method| key(*method));
            last = keys.filter(|key| last.is_none_or(|last| *key > last)).min();
        }
        last.map(|key| MethodId((key & 0xFFFF) as u16))
    }

    /// Something random that is always the same for a frame.
    pub(super) fn frame_random(&self, frame: usize) -> u64 {
        let task = self.words.at(frame + frame::CELL) as usize;
        let low = self.words.at(frame + frame::STATE) as u64;
        let own = if task == 0 { 0 } else { self.words.at(task + cell::OWN) as u64 };
        mix(self.search.attempt.shuffle ^ low << 32 ^ own)
    }

    /// Counts a try (0) or a failure (1) of a frame's method.
    #[inline]
    pub(super) fn count_method(&mut self, frame: usize, what: usize) {
        let program = self.search.programs.base + self.words.at(frame + frame::PROGRAM) as usize;
        let method = self.words.at(program + 2) as usize;
        let place = self.search.merits + 3 * method + what;
        self.words.set(place, self.words.at(place).saturating_add(1));
    }

    /// How unwelcome methods are, from how often they went wrong in the attempts so far: 0 to 1023.
    pub(super) fn weigh_methods(&mut self) {
        for method in 0..=self.model.methods() {
            let at = self.search.merits + 3 * method;
            let (tries, failures) = (self.words.at(at) as u64, self.words.at(at + 1) as u64);
            self.words.set(at + 2, (failures * 1023 / (tries + 1)).min(1023) as u32);
            // What is long ago counts less.
            self.words.set(at, (tries / 2) as u32);
            self.words.set(at + 1, (failures / 2) as u32);
        }
    }
}
