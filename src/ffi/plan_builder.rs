//! Builders of planning models: what a domain and a problem are.

use core::ffi::c_char;

use super::handle::{self, Object, call_mut, call_ref};
use super::plan_types::{NOTHING, terms, types as list};
use super::port::nsw_allocator;
use super::slices::{in_place, input, may_tell, put, read_text, tell};
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::task::plan::{Builder, BuilderConfig, ObjectId, PredicateId, TaskId, TypeId};

/// Makes a planning domain and a problem into a model: bytes that nsw_plan_model reads in place. The words
/// are those of HDDL (Höller et al., "HDDL: An Extension to PDDL for Expressing Hierarchical Planning
/// Problems", AAAI 2020): an action changes the state; a compound task is carried out by one of its
/// methods, each of which stands for smaller tasks.
///
/// Call in this order, where one thing needs another; all else is free: types, then
/// nsw_plan_builder_either, objects, predicates, actions and tasks, then methods, the initial network, facts,
/// goal. An action or method that was begun is open until the next is begun: conditions, effects, subtasks
/// and orderings are added to the one that is open.
///
/// - nsw_plan_builder_action; conditions (nsw_plan_builder_open, _close, _atom, _equal, _quantifier);
///   then effects (_add, _delete, _when).
/// - nsw_plan_builder_method or _network; conditions, a method's constraints among them; then _subtask;
///   then _ordered or _before.
/// - nsw_plan_builder_goal; conditions.
///
/// Conditions may be any formula; several at the same level are one conjunction. The first error stays, of a call's
/// arguments as well: every later call repeats it, and so does nsw_plan_builder_finish: a caller may look there alone. (A bad
/// handle is no builder's error.) Numbers that functions answer are 65,535 on any error, which is none of
/// anything. NSW_ERR_CAPACITY wherever the builder is full; NSW_ERR_TASK_STATE once it is finished.
///
/// Types, objects, predicates, tasks and methods are numbered from 0 on, in the order in which they come
/// (type 0 is NSW_PLAN_OBJECT). An argument is the number of an object, or NSW_PLAN_VARIABLE and the number
/// of a variable. Names are text of UTF-8, `name[0..name_len]`, kept for who reads the plan; nobody compares
/// them here. One thread at a time.
pub struct nsw_plan_builder {
    _opaque: [u8; 0],
}

impl Object for Builder<'static> {
    type C = nsw_plan_builder;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswB");
}

/// How much a builder has room for. NSW_PLAN_BUILDER_CONFIG_INIT, then what is needed. Read during the call
/// only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_plan_builder_config {
    /// sizeof(nsw_plan_builder_config); NSW_PLAN_BUILDER_CONFIG_INIT sets it.
    pub size: u32,
    /// Types, beside NSW_PLAN_OBJECT; each nsw_plan_builder_either is one.
    pub types: u32,
    /// Pairs of a type and one of its parents, and pairs of an object and a further type of it; for an
    /// either as many as it joins.
    pub links: u32,
    /// Objects and constants.
    pub objects: u32,
    /// Predicates.
    pub predicates: u32,
    /// Actions and compound tasks.
    pub tasks: u32,
    /// Methods.
    pub methods: u32,
    /// Numbers for parameters, formulae, effects, subtasks and orderings. Enough: for each predicate and compound task the number of its parameters; for each action 5 and its parameters; for each method 3, its parameters
    /// and its task's; for the initial network 3 and its variables; 3 for the goal; for each atom and effect 2 and the
    /// number of its arguments; for each subtask 1 and that; 3 for each equality, 10 for each part and quantifier that is
    /// opened and each conditional effect, 2 for each variable of one, 2 for each ordering. And once, for the
    /// method or network with orderings of its own that has the largest: the numbers of its subtasks once more, and twice
    /// how many they are.
    pub code: u32,
    /// Numbers for initial facts: for each 1 and the number of its arguments.
    pub facts: u32,
    /// Bytes for names: for each its length and 5, and 11 more. 0 for a model without names.
    pub names: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_plan_builder_config {
    const LEAST: usize = size_of::<nsw_plan_builder_config>();
}

/// # Safety
/// NULL or a configuration.
unsafe fn read(config: *const nsw_plan_builder_config) -> Result<BuilderConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    Ok(BuilderConfig {
        types: c.types,
        links: c.links,
        objects: c.objects,
        predicates: c.predicates,
        tasks: c.tasks,
        methods: c.methods,
        code: c.code,
        facts: c.facts,
        names: c.names,
    })
}

/// Calls the builder. What is wrong with the arguments stays, as its own errors do.
///
/// # Safety
/// `builder` is NULL, or is or was a builder.
pub(super) unsafe fn call(
    builder: *mut nsw_plan_builder,
    work: impl FnOnce(&mut Builder<'static>) -> Result<()>,
) -> nsw_status {
    // SAFETY: the caller's word.
    unsafe { call_mut::<Builder<'static>>(builder, |b| work(b).map_err(|error| b.fail(error))) }
}

/// The same with a place for a number, which may be NULL: whether it can be written is known before anything is
/// added, and [`NOTHING`] is there if nothing was.
///
/// # Safety
/// As [`call`]; `place` is NULL or writable.
pub(super) unsafe fn add(
    builder: *mut nsw_plan_builder,
    place: *mut u16,
    work: impl FnOnce(&mut Builder<'static>) -> Result<u16>,
) -> nsw_status {
    // SAFETY: the caller's word.
    unsafe {
        call(builder, |b| {
            may_tell(place)?;
            let done = work(b);
            // Only now: the place may be one of the arguments.
            tell(place, *done.as_ref().unwrap_or(&NOTHING))?;
            done.map(|_| ())
        })
    }
}

/// The memory that a builder takes: the one block that nsw_plan_builder_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_OVERFLOW; NSW_ERR_INVALID for more than
/// NSW_PLAN_MAX_OBJECTS objects, or 65,534 or more of something else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_footprint(
    config: *const nsw_plan_builder_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Builder<'static>>(size, align, || Builder::footprint(&read(config)?))
    }
}

/// Makes a builder of an empty domain, in one block of `memory` (NULL: the system's heap). The caller owns
/// `*builder` and ends it with nsw_plan_builder_destroy.
///
/// Errors: those of nsw_plan_builder_footprint, and NSW_ERR_CAPACITY for `names` of 1 to 10, NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*builder` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_create(
    config: *const nsw_plan_builder_config,
    memory: *const nsw_allocator,
    builder: *mut *mut nsw_plan_builder,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Builder<'static>, BuilderConfig>(
            memory,
            builder,
            || {
                let config = read(config)?;
                Ok((Builder::footprint(&config)?, config))
            },
            |piece, config| Builder::in_piece(&config, piece),
        )
    }
}

/// Destroys a builder and gives its block back. NULL is fine, and so is an already destroyed one whose memory
/// can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_destroy(builder: *mut nsw_plan_builder) {
    // SAFETY: NULL or a builder, by the documentation above.
    unsafe { handle::destroy::<Builder<'static>>(builder) };
}

/// Adds a type, `*type_id` (may be NULL). It is a part of NSW_PLAN_OBJECT, and of those that
/// nsw_plan_builder_subtype says.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for a name that is not UTF-8 or too long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_type(
    builder: *mut nsw_plan_builder,
    name: *const c_char,
    name_len: usize,
    type_id: *mut u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        add(builder, type_id, |b| {
            let id = b.add_type(read_text(name, name_len)?)?;
            Ok(id.0)
        })
    }
}

/// All objects of `child` are of `parent`, too. A type may have several parents; a circle makes its types equal.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_DOMAIN for types that there are not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_subtype(
    builder: *mut nsw_plan_builder,
    child: u16,
    parent: u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call(builder, |b| b.subtype(TypeId(child), TypeId(parent))) }
}

/// Adds a type without a name whose objects are those of all of `types[0..type_count]`: HDDL's `(either a b)`;
/// `*type_id` (may be NULL).
///
/// Errors: as nsw_plan_builder_subtype, and NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_either(
    builder: *mut nsw_plan_builder,
    types: *const u16,
    type_count: usize,
    type_id: *mut u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        add(builder, type_id, |b| {
            let id = b.either(list(types, type_count)?)?;
            Ok(id.0)
        })
    }
}

/// Adds an object or constant of a type, `*object` (may be NULL).
///
/// Errors: as nsw_plan_builder_type, and NSW_ERR_TASK_DOMAIN for a type that there is not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_object(
    builder: *mut nsw_plan_builder,
    name: *const c_char,
    name_len: usize,
    type_id: u16,
    object: *mut u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        add(builder, object, |b| {
            let id = b.object(read_text(name, name_len)?, TypeId(type_id))?;
            Ok(id.0)
        })
    }
}

/// The object is of this type, too.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_DOMAIN for an object or a type that there is not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_also(
    builder: *mut nsw_plan_builder,
    object: u16,
    type_id: u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call(builder, |b| b.also(ObjectId(object), TypeId(type_id))) }
}

/// Adds a predicate with the types of its arguments, `*predicate` (may be NULL). Which ones change, and which
/// hold for ever, the builder finds by itself.
///
/// Errors: as nsw_plan_builder_object, and NSW_ERR_INVALID for more than NSW_PLAN_MAX_ARITY arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_predicate(
    builder: *mut nsw_plan_builder,
    name: *const c_char,
    name_len: usize,
    types: *const u16,
    type_count: usize,
    predicate: *mut u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        add(builder, predicate, |b| {
            let id = b.predicate(read_text(name, name_len)?, list(types, type_count)?)?;
            Ok(id.0)
        })
    }
}

/// Begins an action with the types of its parameters, which are its variables 0, 1 and so on; `*task` (may be
/// NULL).
///
/// Errors: as nsw_plan_builder_predicate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_action(
    builder: *mut nsw_plan_builder,
    name: *const c_char,
    name_len: usize,
    types: *const u16,
    type_count: usize,
    task: *mut u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        add(builder, task, |b| {
            let id = b.action(read_text(name, name_len)?, list(types, type_count)?)?;
            Ok(id.0)
        })
    }
}

/// Adds a compound task with the types of its parameters, `*task` (may be NULL).
///
/// Errors: as nsw_plan_builder_predicate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_task(
    builder: *mut nsw_plan_builder,
    name: *const c_char,
    name_len: usize,
    types: *const u16,
    type_count: usize,
    task: *mut u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        add(builder, task, |b| {
            let id = b.task(read_text(name, name_len)?, list(types, type_count)?)?;
            Ok(id.0)
        })
    }
}

/// Begins a method of `task`, `*method` (may be NULL). `types` are those of the method's parameters, which are
/// its variables 0, 1 and so on; `args` say what the task's arguments are: parameters or objects. An instance of
/// the method also needs every argument of every subtask to be of the type that the subtask declares.
///
/// Errors: as nsw_plan_builder_predicate; NSW_ERR_INVALID for more than NSW_PLAN_MAX_VARIABLES parameters;
/// NSW_ERR_TASK_DOMAIN if there is no such compound task, or it has another number of parameters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_method(
    builder: *mut nsw_plan_builder,
    name: *const c_char,
    name_len: usize,
    task: u16,
    args: *const u16,
    arg_count: usize,
    types: *const u16,
    type_count: usize,
    method: *mut u16,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        add(builder, method, |b| {
            let id = b.method(
                read_text(name, name_len)?,
                TaskId(task),
                terms(args, arg_count)?,
                list(types, type_count)?,
            )?;
            Ok(id.0)
        })
    }
}

/// Begins the initial task network, a method of nothing: `types` are those of its variables. A model has one at
/// most; without it there is nothing to do.
///
/// Errors: as nsw_plan_builder_method; NSW_ERR_TASK_DOMAIN if there is one already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_network(
    builder: *mut nsw_plan_builder,
    types: *const u16,
    type_count: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call(builder, |b| b.network(list(types, type_count)?)) }
}

/// Begins the goal: what has to hold at the end.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_DOMAIN if there is one already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_goal(builder: *mut nsw_plan_builder) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call(builder, |b| b.goal()) }
}

/// Says that a fact holds at the beginning, of objects `args[0..arg_count]`. Saying it twice is saying it once.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_TASK_DOMAIN for a predicate or object that there is not, or
/// another number of arguments. nsw_plan_builder_finish says so of arguments that are not of the predicate's
/// types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_fact(
    builder: *mut nsw_plan_builder,
    predicate: u16,
    args: *const u16,
    arg_count: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call(builder, |b| {
            b.fact(PredicateId(predicate), input(args.cast::<ObjectId>(), arg_count)?)
        })
    }
}

/// The most bytes that nsw_plan_builder_finish needs, as things are now: `*len`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_model_len(
    builder: *const nsw_plan_builder,
    len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Builder<'static>>(builder, |b| put(len, b.model_len()?)) }
}

/// Writes the model: at most `cap` bytes to `out`, which begins at a multiple of 4, the length to `*len` (may
/// be NULL), a multiple of 4. Nothing can be added afterwards: NSW_ERR_TASK_STATE; asked again it writes the same.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_ALIGNMENT, neither of which stays; the first error that any call
/// answered.
/// NSW_ERR_BUFFER_TOO_SMALL if `cap` is less than nsw_plan_builder_model_len says, which `*len` is then: it may be
/// called again. NSW_ERR_TASK_DOMAIN if something was begun and not ended, or a fact's argument, or an
/// object among a subtask's arguments, is not of the type that it must be; NSW_ERR_TASK_CYCLE for orderings
/// that go round.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_builder_finish(
    builder: *mut nsw_plan_builder,
    out: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Builder<'static>>(builder, |b| {
            tell(len, 0)?;
            // The type's alignment is looked at, unless it only asks for the length.
            let words = in_place(out.cast::<u32>(), cap / 4)?;
            match b.finish(words) {
                Err(Error::BufferTooSmall) => {
                    tell(len, b.model_len()?)?;
                    Err(Error::BufferTooSmall)
                }
                done => tell(len, done?),
            }
        })
    }
}
