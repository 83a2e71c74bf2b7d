//! What is true while a hook of a planner or a verifier runs.

use core::sync::atomic::AtomicU32;

use super::guarded;
use super::handle;
use super::slices::{input, put};
use super::status::nsw_status;
use crate::error::Result;
use crate::task::plan::{PredicateId, State};

/// The state in which a task is to be decomposed, for as long as an nsw_method_order or nsw_plan_watch runs, and
/// on its thread: nsw_plan_state_holds, nsw_plan_state_count, nsw_plan_state_features. It is the library's, and
/// gone when the hook returns.
pub struct nsw_plan_state {
    _opaque: [u8; 0],
}

/// What is behind the handle. There is no lock: who asks is inside the call that holds the state still.
#[repr(C)]
pub(super) struct Lent<'a> {
    magic: AtomicU32,
    state: &'a dyn State,
}

impl<'a> Lent<'a> {
    const MAGIC: u32 = u32::from_le_bytes(*b"nsLs");

    pub(super) fn new(state: &'a dyn State) -> Lent<'a> {
        Lent { magic: AtomicU32::new(Self::MAGIC), state }
    }

    /// What a hook is given.
    pub(super) fn handle(&self) -> *const nsw_plan_state {
        core::ptr::from_ref(self).cast()
    }
}

/// The state of a hook.
///
/// # Safety
/// `state` is NULL, or points to memory that holds an object or what was given to a hook that still runs.
pub(super) unsafe fn find<'a>(state: *const nsw_plan_state) -> Result<&'a dyn State> {
    // SAFETY: the caller's word; only `Lent::new` writes this word, over a whole state.
    unsafe {
        handle::check(state.cast(), align_of::<Lent<'_>>(), Lent::MAGIC)?;
        Ok((*state.cast::<Lent<'a>>()).state)
    }
}

/// Whether a fact of objects `args[0..arg_count]` holds in the state that a hook was given: `*holds` is
/// 1 or 0. Of another number of arguments than the predicate takes none holds.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_ALIGNMENT; NSW_ERR_HANDLE for what is no state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_state_holds(
    state: *const nsw_plan_state,
    predicate: u16,
    args: *const u16,
    arg_count: usize,
    holds: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        put(holds, 0)?;
        let (args, state) = (input(args, arg_count)?, find(state)?);
        let (model, id) = (state.model(), PredicateId(predicate));
        let fits = id.index() < model.predicates()
            && model.predicate(id).types.len() == arg_count
            && args.iter().all(|object| usize::from(*object) < model.objects());
        put(holds, (fits && state.holds(id, args)).into())
    })
}

/// How many facts of a predicate hold in the state that a hook was given: `*count`.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_ALIGNMENT; NSW_ERR_HANDLE for what is no state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_state_count(
    state: *const nsw_plan_state,
    predicate: u16,
    count: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        put(count, 0)?;
        let (state, id) = (find(state)?, PredicateId(predicate));
        put(count, if id.index() < state.model().predicates() { state.count(id) } else { 0 })
    })
}
