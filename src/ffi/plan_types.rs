//! What plans are made of: numbers, steps, reasons.

use super::slices::{input, put};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::task::plan::{
    MAX_ARITY, MAX_DEPTH, MAX_OBJECTS, MAX_VARIABLES, MethodId, OPEN, Part, Plan, Step, TaskId,
    Term, TypeId,
};

/// The type that all objects have.
pub const NSW_PLAN_OBJECT: u16 = 0;
/// An argument: variable 0 of the action or method, its first parameter; variable i is this and i. Smaller
/// numbers are objects.
pub const NSW_PLAN_VARIABLE: u16 = 0xFF00;
/// The most objects of a model.
pub const NSW_PLAN_MAX_OBJECTS: u32 = 0xFF00;
/// The most variables of an action, a method or the goal.
pub const NSW_PLAN_MAX_VARIABLES: u32 = 250;
/// The most arguments of a predicate or task.
pub const NSW_PLAN_MAX_ARITY: u32 = 64;
/// The most levels of a formula.
pub const NSW_PLAN_MAX_DEPTH: u32 = 24;

/// A part of a condition: all that follows holds, up to the nsw_plan_builder_close that belongs to it.
pub const NSW_PLAN_AND: u32 = 0;
/// A part of a condition: some of what follows holds.
pub const NSW_PLAN_OR: u32 = 1;
/// A part of a condition: not all of what follows holds; of one condition, its negation.
pub const NSW_PLAN_NOT: u32 = 2;
/// A part of a condition: if the first of what follows holds, all the rest does.
pub const NSW_PLAN_IMPLY: u32 = 3;

/// The method of an action in a plan: none.
pub const NSW_PLAN_NO_METHOD: u16 = u16::MAX;
/// The parent of a step that the initial network asks for: none.
pub const NSW_PLAN_ROOT: u32 = u32::MAX;
/// The value of a method's parameter that a plan does not tell: some object has to do for it. Plans of
/// nsw_planner have none such; the competition's text does.
pub const NSW_PLAN_OPEN: u16 = u16::MAX;

const _: () = {
    assert!(NSW_PLAN_OBJECT == TypeId::OBJECT.0);
    assert!(NSW_PLAN_VARIABLE == Term::variable(0).code());
    assert!(NSW_PLAN_MAX_OBJECTS as usize == MAX_OBJECTS);
    assert!(NSW_PLAN_MAX_VARIABLES as usize == MAX_VARIABLES);
    assert!(NSW_PLAN_MAX_ARITY as usize == MAX_ARITY);
    assert!(NSW_PLAN_MAX_DEPTH as usize == MAX_DEPTH);
    assert!(NSW_PLAN_NO_METHOD == Step::ACTION.0);
    assert!(NSW_PLAN_ROOT == Step::ROOT);
    assert!(NSW_PLAN_OPEN == OPEN);
};

/// What no number is: not of a type, nor of anything else that a model has.
pub(super) const NOTHING: u16 = u16::MAX;

/// The part with this number.
pub(super) fn part_of(part: u32) -> Result<Part> {
    match part {
        NSW_PLAN_AND => Ok(Part::And),
        NSW_PLAN_OR => Ok(Part::Or),
        NSW_PLAN_NOT => Ok(Part::Not),
        NSW_PLAN_IMPLY => Ok(Part::Imply),
        _ => Err(Error::Invalid),
    }
}

/// A task of a plan. 16 bytes; this struct never grows.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_plan_step {
    /// The task.
    pub task: u16,
    /// What it was decomposed by; NSW_PLAN_NO_METHOD for an action.
    pub method: u16,
    /// The step that it is a subtask of, by its index; NSW_PLAN_ROOT for a task of the initial network.
    pub parent: u32,
    /// Which subtask of its parent's method it is, from 0 on, as the model numbers them.
    pub place: u16,
    /// 0.
    pub reserved: u16,
    /// Where its values begin in `values` of the plan: those of an action's parameters, or of its
    /// method's.
    pub bound: u32,
}

// Plans are handed out as they lie in memory.
const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<nsw_plan_step>() == 16 && size_of::<Step>() == 16);
    assert!(align_of::<nsw_plan_step>() == align_of::<Step>());
    assert!(offset_of!(nsw_plan_step, task) == offset_of!(Step, task));
    assert!(offset_of!(nsw_plan_step, method) == offset_of!(Step, method));
    assert!(offset_of!(nsw_plan_step, parent) == offset_of!(Step, parent));
    assert!(offset_of!(nsw_plan_step, place) == offset_of!(Step, place));
    assert!(offset_of!(nsw_plan_step, reserved) == Step::RESERVED);
    assert!(offset_of!(nsw_plan_step, bound) == offset_of!(Step, bound));
    assert!(size_of::<TaskId>() == 2 && size_of::<MethodId>() == 2 && size_of::<Term>() == 2);
};

/// A plan: a tree of tasks, and the actions in the order in which they are carried out.
/// NSW_PLAN_INIT before it is filled. It points into the object that gave it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_plan {
    /// sizeof(nsw_plan); NSW_PLAN_INIT sets it.
    pub size: u32,
    /// Where the values of the initial network's parameters begin.
    pub root: u32,
    /// All tasks, each after its parent.
    pub steps: *const nsw_plan_step,
    /// How many.
    pub step_count: usize,
    /// The actions, by their index in `steps`, in their order.
    pub order: *const u32,
    /// How many.
    pub order_count: usize,
    /// Numbers of objects.
    pub values: *const u16,
    /// How many.
    pub value_count: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_plan {
    const LEAST: usize = size_of::<nsw_plan>();
}

impl nsw_plan {
    pub(super) fn of(plan: &Plan<'_>) -> nsw_plan {
        nsw_plan {
            size: 0,
            root: plan.root,
            steps: plan.steps.as_ptr().cast(),
            step_count: plan.steps.len(),
            order: plan.order.as_ptr(),
            order_count: plan.order.len(),
            values: plan.values.as_ptr(),
            value_count: plan.values.len(),
        }
    }

    /// # Safety
    /// `from` is NULL, or a plan whose arrays are there for `'a`.
    pub(super) unsafe fn read<'a>(from: *const nsw_plan) -> Result<Plan<'a>> {
        // SAFETY: the caller's word; steps have the same layout, and any numbers make one.
        unsafe {
            let c = structs::read(from)?;
            Ok(Plan {
                steps: input(c.steps.cast::<Step>(), c.step_count)?,
                order: input(c.order, c.order_count)?,
                values: input(c.values, c.value_count)?,
                root: c.root,
            })
        }
    }
}

/// The types of some parameters.
///
/// # Safety
/// As [`input`].
pub(super) unsafe fn types<'a>(pointer: *const u16, count: usize) -> Result<&'a [TypeId]> {
    // SAFETY: the caller's word; a type is its number.
    unsafe { input(pointer.cast::<TypeId>(), count) }
}

/// Some arguments.
///
/// # Safety
/// As [`input`].
pub(super) unsafe fn terms<'a>(pointer: *const u16, count: usize) -> Result<&'a [Term]> {
    // SAFETY: the caller's word; a term is its number.
    unsafe { input(pointer.cast::<Term>(), count) }
}

/// The arguments of step `index` of a plan's task, one by one: `*object` is argument `argument`, from 0
/// on. Of an action these are its values; of another task, what its method says of them.
///
/// Errors: those of a bad handle of `model`, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_TASK_PLAN
/// if the plan is none of this model; NSW_ERR_INVALID behind the last step or argument. `*object` is
/// NSW_PLAN_OPEN then. Any thread, while nobody writes to the plan.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_argument(
    plan: *const nsw_plan,
    model: *const super::plan_model::nsw_plan_model,
    index: usize,
    argument: usize,
    object: *mut u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        super::plan_model::with(model, |model| {
            put(object, NSW_PLAN_OPEN)?;
            let plan = nsw_plan::read(plan)?;
            let step = plan.steps.get(index).ok_or(Error::Invalid)?;
            let found = plan.argument(model, step, argument)?;
            put(object, found.ok_or(Error::Invalid)?.0)
        })
    }
}

/// Whether the orderings of the methods say that step `first` of a plan has ended before step `second` begins: `*yes`
/// is 1 or 0. These are the edges of the plan's directed graph. Of two steps of which neither is before the other
/// either may be begun first, as far as the methods are concerned; that their preconditions hold is sure in the
/// plan's own order only, and in those that nsw_plan_verifier accepts. No step is before itself, nor before one that
/// it is made of.
///
/// Errors: those of a bad handle of `model`, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a step that there
/// is not, NSW_ERR_TASK_PLAN if the plan is none of this model; NSW_ERR_CAPACITY for two subtasks of a method that
/// leaves them unordered, if more than 4,095 lie between them. `*yes` is 0 then. Any thread, while nobody writes to
/// the plan.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_is_before(
    plan: *const nsw_plan,
    model: *const super::plan_model::nsw_plan_model,
    first: usize,
    second: usize,
    yes: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        super::plan_model::with(model, |model| {
            put(yes, 0)?;
            put(yes, nsw_plan::read(plan)?.is_before(model, first, second)?.into())
        })
    }
}
