//! Plans as the text of the International Planning Competition of 2020: what its verifier reads.
//!
//! ```text
//! ==>
//! 0 drive truck home shop
//! root 1
//! 1 get-to truck shop -> by-road 0
//! <==
//! ```

mod fit;
mod read;

use std::fmt::Write as _;
use std::string::String;
use std::vec::Vec;

use crate::error::{Error, Result};
use crate::task::plan::{Model, OPEN, ObjectId, Plan, Refusal, Step, TaskId, Verifier};

pub use read::read_plan;

/// A plan with memory of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanFile {
    /// As in [`Plan`].
    pub steps: Vec<Step>,
    /// As in [`Plan`].
    pub order: Vec<u32>,
    /// As in [`Plan`]. Parameters that the text does not tell are [`OPEN`].
    pub values: Vec<u16>,
    /// As in [`Plan`].
    pub root: u32,
    /// The line of each step in the file, from 1 on. Empty for a plan that is not from a file.
    pub lines: Vec<u32>,
}

impl PlanFile {
    /// As a plan.
    pub fn plan(&self) -> Plan<'_> {
        Plan { steps: &self.steps, order: &self.order, values: &self.values, root: self.root }
    }
}

/// The arguments of a step's task.
pub(super) fn arguments<'a>(model: &Model<'a>, plan: &Plan<'a>, step: &Step) -> Vec<u16> {
    let arity = model.task(step.task).types.len();
    let value = |argument| plan.argument(model, step, argument).ok().flatten();
    (0..arity).map(|argument| value(argument).map_or(OPEN, |object| object.0)).collect()
}

/// The children of each step by their places; those of the initial network come last.
pub(super) fn children(plan: &Plan<'_>) -> Vec<Vec<u32>> {
    let root = plan.steps.len();
    let mut children: Vec<Vec<u32>> = std::vec![Vec::new(); root + 1];
    for (index, step) in plan.steps.iter().enumerate() {
        let parent = if step.parent == Step::ROOT { root } else { step.parent as usize };
        if let Some(list) = children.get_mut(parent) {
            list.push(index as u32);
        }
    }
    for list in &mut children {
        list.sort_by_key(|index| plan.steps[*index as usize].place);
    }
    children
}

/// A task with its arguments.
pub(super) fn label(model: &Model<'_>, plan: &Plan<'_>, step: &Step) -> String {
    let mut text = String::from(model.task_name(step.task));
    for object in arguments(model, plan, step) {
        text.push(' ');
        text.push_str(model.object_name(ObjectId(object)));
    }
    text
}

/// A plan as text, which the competition's verifier and [`read_plan`] read.
///
/// # Errors
/// [`Error::Invalid`] if the model has no names.
pub fn write_plan(model: &Model<'_>, plan: &Plan<'_>) -> Result<String> {
    let named = model.tasks() == 0 || !model.task_name(TaskId(0)).is_empty();
    if !named {
        return Err(Error::Invalid);
    }
    let mut ids = std::vec![0usize; plan.steps.len()];
    let mut text = String::from("==>\n");
    let line = |text: &mut String, id: usize, step: &Step| {
        // Writing to a string does not fail.
        let _ = write!(text, "{id} {}", label(model, plan, step));
    };
    for (id, &index) in plan.order.iter().enumerate() {
        let step = plan.steps.get(index as usize).ok_or(Error::TaskPlan)?;
        ids[index as usize] = id;
        line(&mut text, id, step);
        text.push('\n');
    }
    let compound = |step: &&Step| step.method != Step::ACTION;
    let others = plan.steps.iter().enumerate().filter(|(_, step)| compound(step));
    for (id, (index, _)) in (plan.order.len()..).zip(others) {
        ids[index] = id;
    }
    let children = children(plan);
    let list = |text: &mut String, children: &[u32]| {
        for child in children {
            let _ = write!(text, " {}", ids[*child as usize]);
        }
        text.push('\n');
    };
    text.push_str("root");
    list(&mut text, &children[plan.steps.len()]);
    for (index, step) in plan.steps.iter().enumerate().filter(|(_, step)| compound(step)) {
        line(&mut text, ids[index], step);
        let _ = write!(text, " -> {}", model.method_name(step.method));
        list(&mut text, &children[index]);
    }
    text.push_str("<==\n");
    Ok(text)
}

/// What a [`Verifier`] says of a plan, with as much memory as it takes.
///
/// # Errors
/// [`Error::OutOfMemory`]; [`Error::Overflow`] for more than this machine has.
pub fn verify_plan(
    model: &Model<'_>,
    plan: &Plan<'_>,
) -> Result<core::result::Result<(), Refusal>> {
    Verifier::of_any_size(plan, |verifier| verifier.verify(model, plan))
}
