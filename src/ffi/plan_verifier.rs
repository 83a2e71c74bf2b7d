//! Verifiers of plans.

use core::ffi::c_char;

use super::guarded;
use super::handle::{self, Object, call_mut};
use super::plan_model::{self, nsw_plan_model};
use super::plan_types::{NSW_PLAN_ROOT, nsw_plan};
use super::port::nsw_allocator;
use super::slices::put;
use super::status::nsw_status;
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::task::plan::{Refusal, Verifier, VerifierConfig, Why};

/// Why a plan is refused: a step's parent does not come before it.
pub const NSW_PLAN_BAD_PARENT: u32 = 1;
/// Why a plan is refused: there is no such task, or its parent asks for another one at this place.
pub const NSW_PLAN_BAD_TASK: u32 = 2;
/// Why a plan is refused: there is no such method, or it is of another task, or an action has one.
pub const NSW_PLAN_BAD_METHOD: u32 = 3;
/// Why a plan is refused: a value is missing, or is not the one that the parent gives.
pub const NSW_PLAN_BAD_VALUE: u32 = 4;
/// Why a plan is refused: a value is not of the type of its parameter.
pub const NSW_PLAN_BAD_TYPE: u32 = 5;
/// Why a plan is refused: another step takes the same place, or the parent has no such place.
pub const NSW_PLAN_BAD_PLACE: u32 = 6;
/// Why a plan is refused: a subtask is missing.
pub const NSW_PLAN_MISSING: u32 = 7;
/// Why a plan is refused: the list of actions does not name each of the plan's actions once.
pub const NSW_PLAN_BAD_ACTIONS: u32 = 8;
/// Why a plan is refused: the step comes before what it has to come after.
pub const NSW_PLAN_BAD_ORDER: u32 = 9;
/// Why a plan is refused: the precondition of an action does not hold.
pub const NSW_PLAN_BAD_PRECONDITION: u32 = 10;
/// Why a plan is refused: the precondition or a constraint of a method does not hold when its task begins.
pub const NSW_PLAN_BAD_METHOD_PRECONDITION: u32 = 11;
/// Why a plan is refused: the goal does not hold at the end.
pub const NSW_PLAN_BAD_GOAL: u32 = 12;
/// Why a plan is refused: the verifier is too small for it.
pub const NSW_PLAN_TOO_LARGE: u32 = 13;
/// Why a plan is refused: there are too many ways to choose the values that it leaves open.
pub const NSW_PLAN_TOO_OPEN: u32 = 14;

const WHYS: [(u32, Why); 14] = [
    (NSW_PLAN_BAD_PARENT, Why::Parent),
    (NSW_PLAN_BAD_TASK, Why::Task),
    (NSW_PLAN_BAD_METHOD, Why::Method),
    (NSW_PLAN_BAD_VALUE, Why::Value),
    (NSW_PLAN_BAD_TYPE, Why::Type),
    (NSW_PLAN_BAD_PLACE, Why::Place),
    (NSW_PLAN_MISSING, Why::Missing),
    (NSW_PLAN_BAD_ACTIONS, Why::Actions),
    (NSW_PLAN_BAD_ORDER, Why::Order),
    (NSW_PLAN_BAD_PRECONDITION, Why::Precondition),
    (NSW_PLAN_BAD_METHOD_PRECONDITION, Why::MethodPrecondition),
    (NSW_PLAN_BAD_GOAL, Why::Goal),
    (NSW_PLAN_TOO_LARGE, Why::Capacity),
    (NSW_PLAN_TOO_OPEN, Why::Choices),
];

/// Says whether a plan does what it should, from the initial facts to the goal, whoever made it. It shares
/// nothing with nsw_planner but the reading of models. What a plan has to be: each task is decomposed by a
/// method of its own, whose parameters have values of their types; a method's subtasks are there, each once,
/// with the arguments that the method gives them; the actions' order keeps every method's orderings; a method's
/// precondition holds at some time between what comes before its task and its first subtask; each action's
/// precondition holds when it begins; the goal holds at the end (Höller et al. 2020, and the competition's
/// verifier). One thread at a time.
pub struct nsw_plan_verifier {
    _opaque: [u8; 0],
}

impl Object for Verifier<'static> {
    type C = nsw_plan_verifier;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswV");
}

/// How much a verifier has room for. NSW_PLAN_VERIFIER_CONFIG_INIT, then all of it. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_plan_verifier_config {
    /// sizeof(nsw_plan_verifier_config); NSW_PLAN_VERIFIER_CONFIG_INIT sets it.
    pub size: u32,
    /// Steps of a plan.
    pub steps: u32,
    /// Facts that actions may change: all that ever hold, of one plan.
    pub facts: u32,
    /// Numbers for those facts: for each 1 and the number of its arguments.
    pub words: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_plan_verifier_config {
    const LEAST: usize = size_of::<nsw_plan_verifier_config>();
}

/// Which step of a plan is wrong, and why. NSW_PLAN_REFUSAL_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_plan_refusal {
    /// sizeof(nsw_plan_refusal); NSW_PLAN_REFUSAL_INIT sets it.
    pub size: u32,
    /// NSW_PLAN_BAD_PARENT and the like; 0 if nothing is wrong.
    pub why: u32,
    /// The index of the step; NSW_PLAN_ROOT for the initial network, or all of the plan.
    pub step: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_plan_refusal {
    const LEAST: usize = size_of::<nsw_plan_refusal>();
}

/// # Safety
/// NULL or a configuration.
unsafe fn read(config: *const nsw_plan_verifier_config) -> Result<VerifierConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    Ok(VerifierConfig { steps: c.steps, facts: c.facts, words: c.words })
}

/// The memory that a verifier takes: the one block that nsw_plan_verifier_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_verifier_footprint(
    config: *const nsw_plan_verifier_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Verifier<'static>>(size, align, || Verifier::footprint(&read(config)?))
    }
}

/// Makes a verifier, in one block of `memory` (NULL: the system's heap). The caller owns `*verifier` and ends it
/// with nsw_plan_verifier_destroy.
///
/// Errors: those of nsw_plan_verifier_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*verifier` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_verifier_create(
    config: *const nsw_plan_verifier_config,
    memory: *const nsw_allocator,
    verifier: *mut *mut nsw_plan_verifier,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<Verifier<'static>, VerifierConfig>(
            memory,
            verifier,
            || {
                let config = read(config)?;
                Ok((Verifier::footprint(&config)?, config))
            },
            |piece, config| Verifier::in_piece(&config, piece),
        )
    }
}

/// Destroys a verifier and gives its block back. NULL is fine, and so is an already destroyed one whose memory
/// can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_verifier_destroy(verifier: *mut nsw_plan_verifier) {
    // SAFETY: NULL or a verifier, by the documentation above.
    unsafe { handle::destroy::<Verifier<'static>>(verifier) };
}

/// Looks at a plan of a model. `*refusal` (NSW_PLAN_REFUSAL_INIT) says what is wrong; nothing after NSW_OK.
///
/// Errors: those of a bad handle of either, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE; NSW_ERR_TASK_PLAN for the first
/// thing that is wrong with it, NSW_ERR_CAPACITY if the verifier is too small, or the plan leaves too much open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_verifier_verify(
    verifier: *mut nsw_plan_verifier,
    model: *const nsw_plan_model,
    plan: *const nsw_plan,
    refusal: *mut nsw_plan_refusal,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Verifier<'static>>(verifier, |v| {
            let refused = prepare(refusal)?;
            let (model, plan) = (plan_model::read(model)?, nsw_plan::read(plan)?);
            v.verify(&model, &plan).or_else(refused)
        })
    }
}

/// Empties what the caller is told by; answers what fills it, and makes an error of it.
///
/// # Safety
/// `refusal` is NULL or a refusal, as long as what is answered.
pub(super) unsafe fn prepare(
    refusal: *mut nsw_plan_refusal,
) -> Result<impl FnOnce(Refusal) -> Result<()>> {
    let nothing = nsw_plan_refusal { size: 0, why: 0, step: NSW_PLAN_ROOT, reserved: 0 };
    // SAFETY: the caller's word.
    unsafe { structs::write(refusal, &nothing)? };
    Ok(move |refused: Refusal| {
        let why = WHYS.iter().find(|(_, why)| *why == refused.why);
        let filled = nsw_plan_refusal {
            why: why.map_or(0, |(code, _)| *code),
            step: refused.step.unwrap_or(NSW_PLAN_ROOT),
            ..nothing
        };
        // SAFETY: the caller's word.
        unsafe { structs::write(refusal, &filled)? };
        Err(refused.error())
    })
}

/// Why a plan is refused, in words: `(*text)[0..*text_len]`, UTF-8 that is always there, without a zero behind
/// it.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_INVALID for what is no reason. The text is empty then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_why_text(
    why: u32,
    text: *mut *const c_char,
    text_len: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        put(text, core::ptr::null())?;
        put(text_len, 0)?;
        let (_, found) = WHYS.iter().find(|(code, _)| *code == why).ok_or(Error::Invalid)?;
        put(text, found.text().as_ptr().cast())?;
        put(text_len, found.text().len())
    })
}
