//! Planning models, read in place.

use core::ffi::c_char;

use super::handle::{self, Object, call_ref, with_ref};
use super::plan_types::NOTHING;
use super::port::nsw_allocator;
use super::slices::{input, put, read_text};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::mem::Piece;
use crate::task::plan::{MethodId, Model, ObjectId, PredicateId, TaskId, TypeId};

/// What a number or a name is of: types.
pub const NSW_PLAN_TYPES: u32 = 0;
/// What a number or a name is of: objects.
pub const NSW_PLAN_OBJECTS: u32 = 1;
/// What a number or a name is of: predicates.
pub const NSW_PLAN_PREDICATES: u32 = 2;
/// What a number or a name is of: tasks, actions among them.
pub const NSW_PLAN_TASKS: u32 = 3;
/// What a number or a name is of: methods. The initial task network is the one after the last.
pub const NSW_PLAN_METHODS: u32 = 4;

/// A planning domain with a problem: bytes that nsw_plan_builder_finish or nsw_host_hddl made, which stay
/// where they are and as they are for as long as the object is used, and what was made of it. With or without
/// the names at their end. Never changes: any number of threads may use it at once.
pub struct nsw_plan_model {
    _opaque: [u8; 0],
}

impl Object for Model<'static> {
    type C = nsw_plan_model;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswM");
}

/// What a model holds. NSW_PLAN_MODEL_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_plan_model_info {
    /// sizeof(nsw_plan_model_info); NSW_PLAN_MODEL_INFO_INIT sets it.
    pub size: u32,
    /// Types, NSW_PLAN_OBJECT included.
    pub types: u32,
    /// Objects.
    pub objects: u32,
    /// Predicates.
    pub predicates: u32,
    /// Tasks, actions included.
    pub tasks: u32,
    /// Methods, without the initial task network, whose number this is.
    pub methods: u32,
    /// Bytes that the model takes without its names: so much of it is a model, too.
    pub len_without_names: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_plan_model_info {
    const LEAST: usize = size_of::<nsw_plan_model_info>();
}

/// A predicate. NSW_PLAN_PREDICATE_INFO_INIT before it is filled. The arrays lie in the model's bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_plan_predicate_info {
    /// sizeof(nsw_plan_predicate_info); NSW_PLAN_PREDICATE_INFO_INIT sets it.
    pub size: u32,
    /// 1 if some action may change it, 0 if it is as the problem says for ever.
    pub fluent: u32,
    /// The types of its arguments.
    pub types: *const u16,
    /// How many arguments it takes.
    pub type_count: usize,
    /// The initial facts: rows of `type_count` objects, ascending, each once.
    pub facts: *const u16,
    /// How many facts (rows).
    pub fact_count: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_plan_predicate_info {
    const LEAST: usize = size_of::<nsw_plan_predicate_info>();
}

/// A task. NSW_PLAN_TASK_INFO_INIT before it is filled. The arrays lie in the model's bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_plan_task_info {
    /// sizeof(nsw_plan_task_info); NSW_PLAN_TASK_INFO_INIT sets it.
    pub size: u32,
    /// 1 for an action, 0 for a compound task.
    pub primitive: u32,
    /// The types of its parameters.
    pub types: *const u16,
    /// How many parameters it has.
    pub type_count: usize,
    /// Its methods, in the order in which the builder was told of them; of an action none.
    pub methods: *const u16,
    /// How many.
    pub method_count: usize,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_plan_task_info {
    const LEAST: usize = size_of::<nsw_plan_task_info>();
}

/// A method, or the initial task network. NSW_PLAN_METHOD_INFO_INIT before it is filled. The arrays lie in the
/// model's bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_plan_method_info {
    /// sizeof(nsw_plan_method_info); NSW_PLAN_METHOD_INFO_INIT sets it.
    pub size: u32,
    /// The task; UINT32_MAX for the initial task network.
    pub task: u32,
    /// The task's arguments: objects, and parameters from NSW_PLAN_VARIABLE on.
    pub args: *const u16,
    /// How many.
    pub arg_count: usize,
    /// The types of its parameters.
    pub types: *const u16,
    /// How many.
    pub type_count: usize,
    /// If it is not `ordered`: pairs `(a, b)`, one after the other, subtask `a` before subtask `b`.
    pub orders: *const u16,
    /// How many pairs.
    pub order_count: usize,
    /// Subtasks: nsw_plan_model_subtask.
    pub subtask_count: usize,
    /// 1 if the subtasks are carried out in their order.
    pub ordered: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_plan_method_info {
    const LEAST: usize = size_of::<nsw_plan_method_info>();
}

/// Calls `f` with a model.
///
/// # Safety
/// `model` is NULL, or is or was a model.
pub(super) unsafe fn with(
    model: *const nsw_plan_model,
    f: impl FnOnce(&Model<'static>) -> Result<()>,
) -> nsw_status {
    // SAFETY: the caller's word.
    unsafe { call_ref::<Model<'static>>(model, f) }
}

/// A copy of what a handle holds, which lies in the same bytes.
///
/// # Safety
/// `model` is NULL, or is or was a model.
pub(super) unsafe fn read(model: *const nsw_plan_model) -> Result<Model<'static>> {
    // SAFETY: the caller's word.
    unsafe { with_ref::<Model<'static>, _>(model, |model| Ok(*model)) }
}

/// The memory that a model's object takes: the one block that nsw_plan_model_create asks for, in bytes,
/// whatever the model.
///
/// Errors: NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_model_footprint(
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<Model<'static>>(size, align, || Ok(handle::NOTHING)) }
}

/// Opens a model, `bytes[0..bytes_len]`, which begin at a multiple of 4 and stay as they are: with an object in
/// one block of `memory` (NULL: the system's heap). Looks at every byte once; afterwards nothing that it says is
/// out of range. The caller owns `*model` and ends it with nsw_plan_model_destroy.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_ALIGNMENT, NSW_ERR_TASK_FORMAT if the bytes are anything but a whole and
/// consistent model; NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*model` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_model_create(
    bytes: *const u8,
    bytes_len: usize,
    memory: *const nsw_allocator,
    model: *mut *mut nsw_plan_model,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Model<'static>, Model<'static>>(
            memory,
            model,
            || Ok((handle::NOTHING, Model::open(input(bytes, bytes_len)?)?)),
            |_piece: Piece<'static>, opened| Ok(opened),
        )
    }
}

/// Destroys a model's object and gives its block back; the bytes are the caller's. NULL is fine, and so is an
/// already destroyed one whose memory can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_model_destroy(model: *mut nsw_plan_model) {
    // SAFETY: NULL or a model, by the documentation above.
    unsafe { handle::destroy::<Model<'static>>(model) };
}

/// Fills `*info` (NSW_PLAN_MODEL_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_model_describe(
    model: *const nsw_plan_model,
    info: *mut nsw_plan_model_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        with(model, |m| {
            let filled = nsw_plan_model_info {
                size: 0,
                types: m.types() as u32,
                objects: m.objects() as u32,
                predicates: m.predicates() as u32,
                tasks: m.tasks() as u32,
                methods: m.methods() as u32,
                len_without_names: m.len_without_names(),
            };
            structs::write(info, &filled)
        })
    }
}

/// The number, if there is such a thing.
fn known(number: u16, count: usize) -> Result<u16> {
    if (number as usize) < count { Ok(number) } else { Err(Error::TaskUnknown) }
}

/// The name of number `number` of a kind (NSW_PLAN_TYPES and the like): `(*name)[0..*name_len]`, UTF-8 in the
/// model's bytes, without a zero behind it; empty if it has none, or the names were cut off.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for another kind, NSW_ERR_TASK_UNKNOWN for a
/// number that is none. The name is empty then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_model_name(
    model: *const nsw_plan_model,
    kind: u32,
    number: u16,
    name: *mut *const c_char,
    name_len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        with(model, |m| {
            put(name, core::ptr::null())?;
            put(name_len, 0)?;
            let found = match kind {
                NSW_PLAN_TYPES => m.type_name(TypeId(known(number, m.types())?)),
                NSW_PLAN_OBJECTS => m.object_name(ObjectId(known(number, m.objects())?)),
                NSW_PLAN_PREDICATES => {
                    m.predicate_name(PredicateId(known(number, m.predicates())?))
                }
                NSW_PLAN_TASKS => m.task_name(TaskId(known(number, m.tasks())?)),
                NSW_PLAN_METHODS => m.method_name(MethodId(known(number, m.methods())?)),
                _ => return Err(Error::Invalid),
            };
            put(name, found.as_ptr().cast())?;
            put(name_len, found.len())
        })
    }
}

/// The number with this name, `name[0..name_len]`, spelled so; the first one, if several have it. NSW_DONE if
/// there is none. Looks at one after the other.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for another kind, or a name that is not UTF-8.
/// `*number` is 65535 then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_model_find(
    model: *const nsw_plan_model,
    kind: u32,
    name: *const c_char,
    name_len: usize,
    number: *mut u16,
) -> nsw_status {
    let find = |m: &Model<'static>| {
        // SAFETY: NULL or what it should be, by the documentation above.
        let name = unsafe {
            put(number, NOTHING)?;
            read_text(name, name_len)?
        };
        let found = match kind {
            NSW_PLAN_TYPES => m.type_named(name).map(|id| id.0),
            NSW_PLAN_OBJECTS => m.object_named(name).map(|id| id.0),
            NSW_PLAN_PREDICATES => m.predicate_named(name).map(|id| id.0),
            NSW_PLAN_TASKS => m.task_named(name).map(|id| id.0),
            NSW_PLAN_METHODS => m.method_named(name).map(|id| id.0),
            _ => return Err(Error::Invalid),
        };
        let Some(found) = found else { return Ok(false) };
        // SAFETY: NULL or writable, by the documentation above.
        unsafe { put(number, found) }.map(|()| true)
    };
    // SAFETY: NULL or a model, by the documentation above.
    status_or(unsafe { with_ref::<Model<'static>, _>(model, find) }, NSW_DONE)
}

/// Whether an object is of a type: `*is` is 1 or 0.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_TASK_UNKNOWN for an object or a type that there is not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_model_is(
    model: *const nsw_plan_model,
    object: u16,
    type_id: u16,
    is: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        with(model, |m| {
            put(is, 0)?;
            let object = ObjectId(known(object, m.objects())?);
            put(is, m.is(object, TypeId(known(type_id, m.types())?)).into())
        })
    }
}

/// Fills `*info` (NSW_PLAN_PREDICATE_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_TASK_UNKNOWN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_model_predicate(
    model: *const nsw_plan_model,
    predicate: u16,
    info: *mut nsw_plan_predicate_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        with(model, |m| {
            let predicate = m.predicate(PredicateId(known(predicate, m.predicates())?));
            let filled = nsw_plan_predicate_info {
                size: 0,
                fluent: predicate.fluent.into(),
                types: predicate.types.as_ptr(),
                type_count: predicate.types.len(),
                facts: predicate.facts.as_ptr(),
                fact_count: predicate.count,
            };
            structs::write(info, &filled)
        })
    }
}

/// Fills `*info` (NSW_PLAN_TASK_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_TASK_UNKNOWN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_model_task(
    model: *const nsw_plan_model,
    task: u16,
    info: *mut nsw_plan_task_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        with(model, |m| {
            let id = TaskId(known(task, m.tasks())?);
            let (task, methods) = (m.task(id), m.methods_of(id));
            let filled = nsw_plan_task_info {
                size: 0,
                primitive: task.primitive.into(),
                types: task.types.as_ptr(),
                type_count: task.types.len(),
                methods: methods.as_ptr(),
                method_count: methods.len(),
            };
            structs::write(info, &filled)
        })
    }
}

/// Fills `*info` (NSW_PLAN_METHOD_INFO_INIT) of a method, or of the initial task network: number `methods` of
/// nsw_plan_model_info.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_TASK_UNKNOWN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_model_method(
    model: *const nsw_plan_model,
    method: u16,
    info: *mut nsw_plan_method_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        with(model, |m| {
            let method = m.method(MethodId(known(method, m.methods() + 1)?));
            let filled = nsw_plan_method_info {
                size: 0,
                task: method.task.map_or(u32::MAX, |task| task.0.into()),
                args: method.args.as_ptr(),
                arg_count: method.args.len(),
                types: method.types.as_ptr(),
                type_count: method.types.len(),
                orders: method.orders.as_ptr(),
                order_count: method.orders.len() / 2,
                subtask_count: method.subtasks.len(),
                ordered: method.ordered.into(),
                reserved: 0,
            };
            structs::write(info, &filled)
        })
    }
}

/// Subtask `index`, from 0 on, of a method or of the initial task network: its task, and its arguments
/// `(*args)[0..*arg_count]` in the model's bytes.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_TASK_UNKNOWN for a method that there is not,
/// NSW_ERR_INVALID behind the last subtask. Nothing is written then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_model_subtask(
    model: *const nsw_plan_model,
    method: u16,
    index: usize,
    task: *mut u16,
    args: *mut *const u16,
    arg_count: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        with(model, |m| {
            structs::check_pointer(task)?;
            structs::check_pointer(args)?;
            structs::check_pointer(arg_count)?;
            let method = m.method(MethodId(known(method, m.methods() + 1)?));
            let (id, terms) = method.subtasks.clone().nth(index).ok_or(Error::Invalid)?;
            put(task, id.0)?;
            put(args, terms.as_ptr())?;
            put(arg_count, terms.len())
        })
    }
}
