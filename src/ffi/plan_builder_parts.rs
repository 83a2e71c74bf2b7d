//! Builders of planning models: conditions, effects, subtasks.

use super::plan_builder::{add, call, nsw_plan_builder};
use super::plan_types::{part_of, terms, types as list};
use super::status::nsw_status;
use super::structs::check_pointer;
use crate::task::plan::{PredicateId, TaskId, Term, TypeId};

/// Begins a part of a condition: NSW_PLAN_AND, NSW_PLAN_OR, NSW_PLAN_NOT or NSW_PLAN_IMPLY.
///
/// Errors: those of a bad handle, NSW_ERR_INVALID for another part, NSW_ERR_TASK_DOMAIN where no condition may be,
/// NSW_ERR_UNSUPPORTED if the formula has more than NSW_PLAN_MAX_DEPTH levels.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_open(
    builder: *mut nsw_plan_builder,
    part: u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call(builder, |b| b.open(part_of(part)?)) }
}

/// Begins a condition over all objects of a type: that what follows (all of it) holds for each (`for_all` is not
/// 0), or for at least one. `*variable` is the argument that stands for the object.
///
/// Errors: as nsw_plan_builder_open; NSW_ERR_NULL, NSW_ERR_INVALID for too many variables.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_quantifier(
    builder: *mut nsw_plan_builder,
    for_all: u32,
    type_id: u16,
    variable: *mut u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        add(builder, variable, |b| {
            check_pointer(variable)?;
            Ok(b.quantifier(for_all != 0, TypeId(type_id))?.code())
        })
    }
}

/// Ends the part or quantifier that was begun last.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_DOMAIN if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_close(builder: *mut nsw_plan_builder) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call(builder, |b| b.close()) }
}

/// A condition: that a fact holds; inside NSW_PLAN_NOT that it does not.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_TASK_DOMAIN where no condition may be, for a predicate,
/// object or variable that there is not, or another number of arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_atom(
    builder: *mut nsw_plan_builder,
    predicate: u16,
    args: *const u16,
    arg_count: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call(builder, |b| b.atom(PredicateId(predicate), terms(args, arg_count)?)) }
}

/// A condition: that two arguments are the same object; inside NSW_PLAN_NOT that they are not.
///
/// Errors: as nsw_plan_builder_atom.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_equal(
    builder: *mut nsw_plan_builder,
    a: u16,
    b: u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call(builder, |x| x.equal(Term::from_code(a), Term::from_code(b))) }
}

/// An effect of the open action, or of its open conditional effect: the fact holds afterwards.
///
/// Errors: as nsw_plan_builder_atom.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_add(
    builder: *mut nsw_plan_builder,
    predicate: u16,
    args: *const u16,
    arg_count: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call(builder, |b| b.add(PredicateId(predicate), terms(args, arg_count)?)) }
}

/// An effect of the open action, or of its open conditional effect: the fact does not hold afterwards, unless
/// the action also adds it.
///
/// Errors: as nsw_plan_builder_atom.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_delete(
    builder: *mut nsw_plan_builder,
    predicate: u16,
    args: *const u16,
    arg_count: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call(builder, |b| b.delete(PredicateId(predicate), terms(args, arg_count)?)) }
}

/// Begins a conditional effect, for all objects of the types (none: once). Conditions follow, then
/// nsw_plan_builder_then, then _add and _delete, then nsw_plan_builder_end_when. `*first` (may be NULL) is the argument
/// that stands for an object of the first type; those of the others follow. Conditional effects do not stand
/// inside each other: who has such makes one of both conditions.
///
/// Errors: as nsw_plan_builder_quantifier.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_when(
    builder: *mut nsw_plan_builder,
    types: *const u16,
    type_count: usize,
    first: *mut u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        add(builder, first, |b| {
            let variable = b.when(list(types, type_count)?)?;
            Ok(Term::variable(variable).code())
        })
    }
}

/// Ends the conditions of a conditional effect.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_DOMAIN if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_then(builder: *mut nsw_plan_builder) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call(builder, |b| b.then()) }
}

/// Ends a conditional effect.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_DOMAIN if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_end_when(builder: *mut nsw_plan_builder) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call(builder, |b| b.end_when()) }
}

/// Adds a subtask to the open method or network, after those that it has. `*number` (may be NULL), from 0 on, is
/// for nsw_plan_builder_before.
///
/// Errors: as nsw_plan_builder_atom; NSW_ERR_CAPACITY for more than 65,535.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_subtask(
    builder: *mut nsw_plan_builder,
    task: u16,
    args: *const u16,
    arg_count: usize,
    number: *mut u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        add(builder, number, |b| {
            let at = b.subtask(TaskId(task), terms(args, arg_count)?)?;
            Ok(at)
        })
    }
}

/// The subtasks of the open method or network are carried out in the order in which they were added. (A single
/// one always is.)
///
/// Errors: those of a bad handle, NSW_ERR_TASK_DOMAIN if nothing is open, or it already has orderings of its
/// own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_ordered(builder: *mut nsw_plan_builder) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call(builder, |b| b.ordered()) }
}

/// Subtask `first` of the open method or network is done before subtask `second` begins. What follows from two
/// orderings holds. If they leave one order alone, the method counts as ordered. The model numbers subtasks in an
/// order that is allowed, the first such by the numbers here.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_DOMAIN for subtasks that there are not. NSW_ERR_TASK_CYCLE, when the
/// next thing is begun, if a subtask would come before itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_before(
    builder: *mut nsw_plan_builder,
    first: u16,
    second: u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call(builder, |b| b.before(first, second)) }
}
