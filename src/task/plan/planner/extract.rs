//! Writes the plan down, from the frames of the path that led to it.

use super::super::tree::{Plan, Step};
use super::super::{MethodId, TaskId};
use super::search::{cell, frame};
use super::{Outcome, Planner};
use crate::error::{Error, Result};

impl Planner<'_> {
    pub(super) fn extract(&mut self) -> Result<Plan<'_>> {
        match self.search.outcome {
            Some(Outcome::Found) => {}
            Some(Outcome::NoPlan) => return Err(Error::TaskNoPlan),
            Some(Outcome::OutOfMemory) => return Err(Error::OutOfMemory),
            Some(Outcome::Running) | None => return Err(Error::TaskState),
        }
        let top = self.words.top();
        let partial = self.search.partial.on;
        let result = if partial { self.write_partial() } else { self.write_plan() };
        // What is written above the top stays until the next call.
        self.words.cut(top);
        let [steps, values, actions, end] = result?;
        let words = |from: usize, to: usize| self.words.slice(from, to - from);
        Ok(Plan {
            steps: self.steps.get(..steps).unwrap_or(&[]),
            order: words(actions, end),
            values: bytemuck::must_cast_slice(words(values, actions)),
            root: 0,
        })
    }

    /// How many steps; places of values and actions, and where they end.
    fn write_plan(&mut self) -> Result<[usize; 4]> {
        let model = self.model;
        // The frames, the first first.
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
        // How much there will be.
        let (mut steps, mut values, mut actions) = (0, 0, 0);
        for nth in 0..count {
            let frame = self.words.at(frames + nth) as usize;
            let (parameters, subtasks) = self.frame_size(frame);
            values += parameters;
            steps += subtasks;
            let mut cell = self.words.at(frame + frame::FIRST) as usize;
            for _ in 0..subtasks {
                let head = self.words.at(cell + cell::TASK);
                if model.task(TaskId((head & 0xFFFF) as u16)).primitive {
                    actions += 1;
                    values += (head >> 16) as usize;
                }
                cell = self.words.at(cell + cell::NEXT) as usize;
            }
        }
        self.steps.ensure(steps, BLANK)?;
        let values_at = self.words.take(values.div_ceil(2))?;
        let actions_at = self.words.take(actions)?;
        let end = self.words.top();
        // Tasks that wait: cell, parent, place. The first on top.
        let (mut step, mut value, mut action) = (0usize, 0, actions_at);
        let mut frames = frames..frames + count;
        let stack = self.words.top();
        self.decompose(&mut frames, Step::ROOT, values_at, &mut value)?;
        while self.words.top() > stack {
            let entry = self.words.top() - 3;
            let (cell, parent) = (self.words.at(entry) as usize, self.words.at(entry + 1));
            let place = self.words.at(entry + 2) as u16;
            self.words.cut(entry);
            let head = self.words.at(cell + cell::TASK);
            let task = TaskId((head & 0xFFFF) as u16);
            let bound = value as u32;
            let mut method = Step::ACTION;
            if model.task(task).primitive {
                self.put_values(values_at, &mut value, cell + cell::ARGS, (head >> 16) as usize);
                self.words.set(action, step as u32);
                action += 1;
            } else {
                method = self.decompose(&mut frames, step as u32, values_at, &mut value)?;
            }
            if let Some(slot) = self.steps.get_mut(step) {
                *slot = Step::new(task, method, parent, place, bound);
            }
            step += 1;
        }
        Ok([step, values_at, actions_at, end])
    }

    /// Takes the next frame: writes its values, and puts its subtasks on the stack.
    fn decompose(
        &mut self,
        frames: &mut core::ops::Range<usize>,
        step: u32,
        values_at: usize,
        value: &mut usize,
    ) -> Result<MethodId> {
        let frame = self.words.at(frames.next().ok_or(Error::TaskState)?) as usize;
        let (parameters, subtasks) = self.frame_size(frame);
        self.put_values(values_at, value, frame + frame::VALUES, parameters);
        let from = self.words.take(3 * subtasks)?;
        let mut child = self.words.at(frame + frame::FIRST);
        for nth in 0..subtasks {
            let at = from + 3 * (subtasks - 1 - nth);
            self.words.slice_mut(at, 3).copy_from_slice(&[child, step, nth as u32]);
            child = self.words.at(child as usize + cell::NEXT);
        }
        let program = self.search.programs.base + self.words.at(frame + frame::PROGRAM) as usize;
        Ok(MethodId(self.words.at(program + 2) as u16))
    }

    pub(super) fn put_values(
        &mut self,
        values_at: usize,
        value: &mut usize,
        from: usize,
        count: usize,
    ) {
        for i in 0..count {
            self.words.put_half(values_at, *value, self.words.half(from, i));
            *value += 1;
        }
    }

    /// Parameters and subtasks of the method of a frame.
    fn frame_size(&self, frame: usize) -> (usize, usize) {
        let base = self.search.programs.base;
        let program = base + self.words.at(frame + frame::PROGRAM) as usize;
        let parameters = (self.words.at(program) & 0xFFFF) as usize;
        let subtasks = base + self.words.at(program + 1) as usize;
        (parameters, self.words.at(subtasks) as usize)
    }
}

pub(super) const BLANK: Step = Step::new(TaskId(0), Step::ACTION, Step::ROOT, 0, 0);
