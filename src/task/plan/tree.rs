//! Plans: what was decomposed into what, and the actions in their order.

use super::ids::{MethodId, ObjectId, TaskId, Term};
use super::model::Model;
use crate::error::{Error, Result};

/// A task of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Step {
    /// The task.
    pub task: TaskId,
    /// What it was decomposed by; [`Step::ACTION`] for an action.
    pub method: MethodId,
    /// The step that it is a subtask of, by its index; [`Step::ROOT`] for a task of the initial network.
    pub parent: u32,
    /// Which subtask of its parent's method it is, from 0, as the model numbers them.
    pub place: u16,
    /// Always 0: plans are handed out as they lie in memory, and no byte of them is left to chance.
    reserved: u16,
    /// Where its values begin in [`Plan::values`]: those of an action's or of its method's parameters.
    pub bound: u32,
}

impl Step {
    /// A step: the fields in their order.
    pub const fn new(task: TaskId, method: MethodId, parent: u32, place: u16, bound: u32) -> Step {
        Step { task, method, parent, place, reserved: 0, bound }
    }

    /// Where the field that is always 0 lies.
    pub(crate) const RESERVED: usize = core::mem::offset_of!(Step, reserved);

    /// The method of an action: none.
    pub const ACTION: MethodId = MethodId(u16::MAX);
    /// The parent of what the initial network asks for: none.
    pub const ROOT: u32 = u32::MAX;
}

/// The value of a method's parameter that a plan does not tell. Some object has to do for it. Only
/// parameters that no task has for an argument may be left open, and plans of this library's planner
/// leave none; the competition's text does.
pub const OPEN: u16 = u16::MAX;

/// A plan: a tree of tasks, and the actions in the order in which they are carried out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan<'a> {
    /// All tasks, each after its parent.
    pub steps: &'a [Step],
    /// The actions, by their index in `steps`.
    pub order: &'a [u32],
    /// Numbers of objects.
    pub values: &'a [u16],
    /// Where the values of the initial network's parameters begin.
    pub root: u32,
}

impl Plan<'_> {
    /// Looks at whether all that the plan names is there: parents before their children, tasks, methods of
    /// these tasks, values of their parameters, actions. Whether it does what it should is for a
    /// [`Verifier`](super::Verifier) to say.
    ///
    /// # Errors
    /// [`Error::TaskPlan`] if something is not.
    pub fn check(&self, model: &Model<'_>) -> Result<()> {
        let valued = |from: u32, parameters: usize| {
            let values = self.values.get(from as usize..).and_then(|v| v.get(..parameters));
            let known = |value: &u16| *value == OPEN || (*value as usize) < model.objects();
            values.is_some_and(|values| values.iter().all(known))
        };
        let named = |index: usize, step: &Step| {
            if step.task.index() >= model.tasks()
                || step.parent != Step::ROOT && step.parent as usize >= index
            {
                return false;
            }
            let task = model.task(step.task);
            let parameters = if task.primitive {
                if step.method != Step::ACTION {
                    return false;
                }
                task.types.len()
            } else {
                if step.method.index() >= model.methods() {
                    return false;
                }
                let method = model.method(step.method);
                if method.task != Some(step.task) {
                    return false;
                }
                method.types.len()
            };
            valued(step.bound, parameters)
        };
        let action = |index: &u32| {
            self.steps.get(*index as usize).is_some_and(|step| step.method == Step::ACTION)
        };
        let steps = self.steps.iter().enumerate().all(|(index, step)| named(index, step));
        let root = model.method(model.root()).types.len();
        let root = root == 0 || valued(self.root, root);
        if root && steps && self.order.iter().all(action) { Ok(()) } else { Err(Error::TaskPlan) }
    }

    /// Argument `argument`, from 0 on, of a step's task: of an action its value, of another task what its
    /// method says of it. `None` behind the last one.
    ///
    /// # Errors
    /// [`Error::TaskPlan`] if the step is none of a plan of this model.
    pub fn argument(
        &self,
        model: &Model<'_>,
        step: &Step,
        argument: usize,
    ) -> Result<Option<ObjectId>> {
        if step.task.index() >= model.tasks() {
            return Err(Error::TaskPlan);
        }
        let values = self.values.get(step.bound as usize..).ok_or(Error::TaskPlan)?;
        if step.method == Step::ACTION {
            if argument >= model.task(step.task).types.len() {
                return Ok(None);
            }
            return values.get(argument).map(|value| Some(ObjectId(*value))).ok_or(Error::TaskPlan);
        }
        if step.method.index() >= model.methods() {
            return Err(Error::TaskPlan);
        }
        let Some(code) = model.method(step.method).args.get(argument) else { return Ok(None) };
        Term::from_code(*code).value(values).map(Some).ok_or(Error::TaskPlan)
    }
}
