//! Planning domains, problems and plans as text.

use core::ffi::c_char;

use super::handle::{self, Object, call_ref, with_ref};
use super::plan_model::{self, nsw_plan_model};
use super::plan_types::nsw_plan;
use super::port::nsw_allocator;
use super::slices::{Output, bytes_of, input, put};
use super::status::{NSW_DONE, nsw_status};
use super::structs::{self, Versioned};
use super::{guarded, status_or};
use crate::error::{Error, Result};
use crate::host::hddl::{
    Hddl, HddlError, PlanFile, Source, plan_dot, plan_svg, read_plan, write_plan,
};

/// Bytes of a message in nsw_host_hddl_error.
pub const NSW_HOST_HDDL_MESSAGE: u32 = 240;

/// A text that is refused, or warned about: the domain.
pub const NSW_HOST_HDDL_DOMAIN: u32 = 0;
/// A text that is refused, or warned about: the problem.
pub const NSW_HOST_HDDL_PROBLEM: u32 = 1;
/// A text that is refused: the plan.
pub const NSW_HOST_HDDL_PLAN: u32 = 2;

/// How a plan is written: as the text of the International Planning Competition of 2020, which its verifier and
/// nsw_host_plan_create read.
pub const NSW_HOST_PLAN_TEXT: u32 = 0;
/// How a plan is written: its tree in Graphviz's language.
pub const NSW_HOST_PLAN_DOT: u32 = 1;
/// How a plan is written: its tree as an SVG image.
pub const NSW_HOST_PLAN_SVG: u32 = 2;

/// Planning domains and problems in HDDL, the language of the International Planning Competition of 2020 (Höller et
/// al., "HDDL: An Extension to PDDL for Expressing Hierarchical Planning Problems", AAAI 2020): a domain and a
/// problem that were read, as the bytes of a model. Beside its block it takes memory from the system's
/// heap. Never changes: any number of threads may use it at once.
pub struct nsw_host_hddl {
    _opaque: [u8; 0],
}

impl Object for Hddl {
    type C = nsw_host_hddl;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsHd");
}

/// A plan that was read from text. Beside its block it takes memory from the system's heap. Never changes: any
/// number of threads may use it at once.
pub struct nsw_host_plan {
    _opaque: [u8; 0],
}

impl Object for PlanFile {
    type C = nsw_host_plan;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsHp");
}

/// A text that is refused, or warned about: where and why. NSW_HOST_HDDL_ERROR_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_hddl_error {
    /// sizeof(nsw_host_hddl_error); NSW_HOST_HDDL_ERROR_INIT sets it.
    pub size: u32,
    /// Which text: NSW_HOST_HDDL_DOMAIN, NSW_HOST_HDDL_PROBLEM or NSW_HOST_HDDL_PLAN.
    pub file: u32,
    /// From 1 on; 0 if no text is to blame.
    pub line: u32,
    /// From 1 on, in characters.
    pub column: u32,
    /// What kind of mistake: NSW_ERR_TASK_FORMAT where the text is not HDDL, or no plan;
    /// NSW_ERR_TASK_DOMAIN where it contradicts itself; NSW_ERR_TASK_PLAN where a plan names what is not there;
    /// NSW_ERR_UNSUPPORTED for what this reader does not know how to plan with; NSW_ERR_CAPACITY where there is
    /// too much of it.
    pub status: nsw_status,
    /// Bytes of `message`.
    pub message_len: u32,
    /// What was expected, what was found: UTF-8, cut off where it is longer, with a zero behind it.
    pub message: [c_char; 240],
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_hddl_error {
    const LEAST: usize = size_of::<nsw_host_hddl_error>();
}

const _: () = assert!(NSW_HOST_HDDL_MESSAGE == 240);

impl nsw_host_hddl_error {
    const NONE: nsw_host_hddl_error = nsw_host_hddl_error {
        size: 0,
        file: 0,
        line: 0,
        column: 0,
        status: 0,
        message_len: 0,
        message: [0; 240],
    };

    fn of(error: &HddlError) -> nsw_host_hddl_error {
        let file = NAMES.iter().position(|name| *name == error.file).unwrap_or(0);
        let mut filled = nsw_host_hddl_error {
            file: file as u32,
            line: error.line,
            column: error.column,
            status: error.error.code(),
            ..Self::NONE
        };
        let len = error.message.floor_char_boundary(filled.message.len() - 1);
        let bytes = error.message.as_bytes().iter().take(len);
        filled.message.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from as c_char);
        filled.message_len = len as u32;
        filled
    }
}

/// What texts are called: by their numbers.
const NAMES: [&str; 3] = ["domain", "problem", "plan"];

/// A domain and a problem to be read. NSW_HOST_HDDL_CONFIG_INIT, then both. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_hddl_config {
    /// sizeof(nsw_host_hddl_config); NSW_HOST_HDDL_CONFIG_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The domain: UTF-8, though comments may hold anything.
    pub domain: *const c_char,
    /// Its bytes.
    pub domain_len: usize,
    /// The problem: as the domain.
    pub problem: *const c_char,
    /// Its bytes.
    pub problem_len: usize,
    /// Where to say what is wrong with them (NSW_HOST_HDDL_ERROR_INIT); may be NULL.
    pub error: *mut nsw_host_hddl_error,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_hddl_config {
    const LEAST: usize = size_of::<nsw_host_hddl_config>();
}

/// A plan to be read. NSW_HOST_PLAN_CONFIG_INIT, then all but `error`, if you like. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_plan_config {
    /// sizeof(nsw_host_plan_config); NSW_HOST_PLAN_CONFIG_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// What it is a plan of: a model that has its names.
    pub model: *const nsw_plan_model,
    /// The plan: UTF-8. What comes before `==>` and after `<==` is not looked at.
    pub text: *const c_char,
    /// Its bytes.
    pub text_len: usize,
    /// Where to say what is wrong with it (NSW_HOST_HDDL_ERROR_INIT); may be NULL.
    pub error: *mut nsw_host_hddl_error,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_plan_config {
    const LEAST: usize = size_of::<nsw_host_plan_config>();
}

/// A configuration of texts.
///
/// # Safety
/// NULL or a configuration.
unsafe fn read_hddl(config: *const nsw_host_hddl_config) -> Result<nsw_host_hddl_config> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    if c.reserved == 0 { Ok(c) } else { Err(Error::Invalid) }
}

/// A configuration of a plan's text.
///
/// # Safety
/// NULL or a configuration.
unsafe fn read_plan_file(config: *const nsw_host_plan_config) -> Result<nsw_host_plan_config> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    if c.reserved == 0 { Ok(c) } else { Err(Error::Invalid) }
}

/// Tells the caller what is wrong, if it is to be told.
///
/// # Safety
/// `to` is NULL, or a struct of the caller's.
unsafe fn blame(to: *mut nsw_host_hddl_error, what: &nsw_host_hddl_error) -> Result<()> {
    // SAFETY: the caller's word.
    if to.is_null() { Ok(()) } else { unsafe { structs::write(to, what) } }
}

/// The caller's text under one of the names.
///
/// # Safety
/// As [`input`].
unsafe fn source<'a>(file: u32, text: *const c_char, len: usize) -> Result<Source<'a>> {
    let name = NAMES.get(file as usize).copied().unwrap_or("");
    // SAFETY: the caller's word.
    Ok(Source { name, text: unsafe { input(text.cast::<u8>(), len) }? })
}

/// The memory that the object takes: the one block that nsw_host_hddl_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_hddl_footprint(
    config: *const nsw_host_hddl_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<Hddl>(size, align, || read_hddl(config).map(|_| handle::NOTHING)) }
}

/// Reads a domain and a problem of it: all that the competition's total-order track uses, and partially ordered
/// methods. Refused by name: durative actions, numeric conditions, derived predicates, preferences and what else
/// cannot be planned with (NSW_ERR_UNSUPPORTED). Texts of strangers should be short: many types of one object, or long
/// chains of types, take longer than they look. The caller owns `*hddl` and ends it
/// with nsw_host_hddl_destroy; its block is of `memory` (NULL: the system's heap).
///
/// Errors: those of nsw_host_hddl_footprint, NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR;
/// the first mistake in the texts, of which `error` of the configuration says more. `*hddl` is NULL then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_hddl_create(
    config: *const nsw_host_hddl_config,
    memory: *const nsw_allocator,
    hddl: *mut *mut nsw_host_hddl,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Hddl, Hddl>(
            memory,
            hddl,
            || {
                let c = read_hddl(config)?;
                blame(c.error, &nsw_host_hddl_error::NONE)?;
                let domain = source(NSW_HOST_HDDL_DOMAIN, c.domain, c.domain_len)?;
                let problem = source(NSW_HOST_HDDL_PROBLEM, c.problem, c.problem_len)?;
                match Hddl::read(domain, problem) {
                    Ok(read) => Ok((handle::NOTHING, read)),
                    Err(error) => {
                        blame(c.error, &nsw_host_hddl_error::of(&error))?;
                        Err(error.error)
                    }
                }
            },
            |_, read| Ok(read),
        )
    }
}

/// Destroys the object, and with it the model's bytes. NULL is fine, and so is an already destroyed one whose
/// memory can still be read.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_hddl_destroy(hddl: *mut nsw_host_hddl) {
    // SAFETY: NULL or such an object, by the documentation above.
    unsafe { handle::destroy::<Hddl>(hddl) };
}

/// The model, for nsw_plan_model_create or to be stored: `(*bytes)[0..*bytes_len]` in the object, at a multiple of 4.
///
/// Errors: those of a bad handle, NSW_ERR_NULL. There are no bytes then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_hddl_model(
    hddl: *const nsw_host_hddl,
    bytes: *mut *const u8,
    bytes_len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Hddl>(hddl, |h| {
            put(bytes, core::ptr::null())?;
            put(bytes_len, 0)?;
            put(bytes, h.bytes().as_ptr())?;
            put(bytes_len, h.bytes().len())
        })
    }
}

/// What the texts say that is odd, one by one: fills `*warning` (NSW_HOST_HDDL_ERROR_INIT) with the `index`-th, from 0
/// on: undeclared types and predicates, arguments of other types than declared, a problem that names another
/// domain. NSW_DONE behind the last one.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_hddl_warning(
    hddl: *const nsw_host_hddl,
    index: usize,
    warning: *mut nsw_host_hddl_error,
) -> nsw_status {
    let fill = |h: &Hddl| {
        let Some(found) = h.warnings().get(index) else { return Ok(false) };
        // SAFETY: NULL or a struct, by the documentation above.
        unsafe { structs::write(warning, &nsw_host_hddl_error::of(found)) }.map(|()| true)
    };
    // SAFETY: NULL or such an object, by the documentation above.
    status_or(unsafe { with_ref::<Hddl, _>(hddl, fill) }, NSW_DONE)
}

/// The memory that the object takes: the one block that nsw_host_plan_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_plan_footprint(
    config: *const nsw_host_plan_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<PlanFile>(size, align, || {
            read_plan_file(config).map(|_| handle::NOTHING)
        })
    }
}

/// Reads a plan in the competition's format, from whatever planner. Whether it does what it should is for
/// nsw_plan_verifier to say: this looks at names, numbers, and which subtask takes which place. Where names and arguments
/// leave that open, or which of several methods of one name it was, the plan is the first that the library's verifier
/// accepts (some hundreds are tried, with memory from the system's heap); the first, if it accepts none. The caller owns
/// `*plan` and ends it with nsw_host_plan_destroy; its block is of `memory` (NULL: the system's heap).
///
/// Errors: those of nsw_host_plan_footprint and of a bad handle of the model, NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR; the first mistake in the text, of which `error` of the
/// configuration says more: NSW_ERR_CAPACITY if there are too many ways to read it. `*plan` is NULL then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_plan_create(
    config: *const nsw_host_plan_config,
    memory: *const nsw_allocator,
    plan: *mut *mut nsw_host_plan,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<PlanFile, PlanFile>(
            memory,
            plan,
            || {
                let c = read_plan_file(config)?;
                blame(c.error, &nsw_host_hddl_error::NONE)?;
                let model = plan_model::read(c.model)?;
                let text = source(NSW_HOST_HDDL_PLAN, c.text, c.text_len)?;
                match read_plan(&model, text) {
                    Ok(read) => Ok((handle::NOTHING, read)),
                    Err(error) => {
                        blame(c.error, &nsw_host_hddl_error::of(&error))?;
                        Err(error.error)
                    }
                }
            },
            |_, read| Ok(read),
        )
    }
}

/// Destroys a plan that was read. NULL is fine, and so is an already destroyed one whose memory can still be
/// read.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_plan_destroy(plan: *mut nsw_host_plan) {
    // SAFETY: NULL or such an object, by the documentation above.
    unsafe { handle::destroy::<PlanFile>(plan) };
}

/// The plan: fills `*view` (NSW_PLAN_INIT), which points into the object.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_plan_view(
    plan: *const nsw_host_plan,
    view: *mut nsw_plan,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<PlanFile>(plan, |p| structs::write(view, &nsw_plan::of(&p.plan()))) }
}

/// The line of the text that a step is from: `*line`, from 1 on.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for no step. `*line` is 0 then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_plan_line(
    plan: *const nsw_host_plan,
    step: usize,
    line: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<PlanFile>(plan, |p| {
            put(line, 0)?;
            put(line, *p.lines.get(step).ok_or(Error::Invalid)?)
        })
    }
}

/// Writes a plan as text: NSW_HOST_PLAN_TEXT, NSW_HOST_PLAN_DOT or NSW_HOST_PLAN_SVG, without a zero behind it: at most
/// `cap` bytes to `out`, the length to `*len` (may be NULL).
///
/// Errors: those of a bad handle of the model, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for another form,
/// or a model without names where the competition's text is asked for; NSW_ERR_TASK_PLAN if the plan names what is not
/// in the model; NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed, and nothing is written. Any thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_plan_write(
    model: *const nsw_plan_model,
    plan: *const nsw_plan,
    form: u32,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: out.cast::<u8>(), capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let (model, plan) = (plan_model::read(model)?, nsw_plan::read(plan)?);
        plan.check(&model)?;
        let text = match form {
            NSW_HOST_PLAN_TEXT => write_plan(&model, &plan)?,
            NSW_HOST_PLAN_DOT => plan_dot(&model, &plan),
            NSW_HOST_PLAN_SVG => plan_svg(&model, &plan),
            _ => return Err(Error::Invalid),
        };
        output.take(text.len(), &bytes_of::<u8>(&[]))?.copy_from_slice(text.as_bytes());
        Ok(())
    })
}
