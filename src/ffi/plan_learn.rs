//! Orders of methods that are learned from plans: what was decided, and what that looked like. A network learns
//! it as it learns anything else.

use core::ffi::c_void;

use super::guarded;
use super::handle::call_mut;
use super::plan_model::{self, nsw_plan_model};
use super::plan_state::{self, Lent, nsw_plan_state};
use super::plan_types::nsw_plan;
use super::plan_verifier::{self, nsw_plan_refusal, nsw_plan_verifier};
use super::slices::{in_place, input};
use super::status::nsw_status;
use crate::error::{Error, Result};
use crate::task::plan::{Decision, MAX_ARITY, TaskId, Verifier, decision_features};

/// Told of a decomposition of a plan: in `state`, `task` with the arguments `args[0..arg_count]` (objects) is
/// decomposed by `method`. It must not call functions of the verifier.
pub type nsw_plan_watch = Option<
    unsafe extern "C" fn(
        ctx: *mut c_void,
        state: *const nsw_plan_state,
        task: u16,
        args: *const u16,
        arg_count: usize,
        method: u16,
    ),
>;

/// As nsw_plan_verifier_verify, and tells `watch` by which method each task is decomposed, when it is: in the state
/// that its method begins in. Of a plan that is wrong it is told as far as it is right.
///
/// Errors: as nsw_plan_verifier_verify, and NSW_ERR_NULL without `watch`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_verifier_replay(
    verifier: *mut nsw_plan_verifier,
    model: *const nsw_plan_model,
    plan: *const nsw_plan,
    watch: nsw_plan_watch,
    ctx: *mut c_void,
    refusal: *mut nsw_plan_refusal,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Verifier<'static>>(verifier, |v| {
            let refused = plan_verifier::prepare(refusal)?;
            let watch = watch.ok_or(Error::Null)?;
            let (model, plan) = (plan_model::read(model)?, nsw_plan::read(plan)?);
            let mut tell = |decision: &Decision<'_>| {
                let lent = Lent::new(decision.state);
                let (args, method) = (decision.args, decision.method.0);
                // SAFETY: the caller's hook, with an array of the length that it is told.
                watch(ctx, lent.handle(), decision.task.0, args.as_ptr(), args.len(), method);
            };
            v.replay(&model, &plan, &mut tell).or_else(refused)
        })
    }
}

/// What a task that is to be decomposed looks like in the state that a hook was given, as `width` numbers, 0 or 1
/// each: the input of a network that ranks methods, one output for each. They do not depend on the size of the
/// problem, so a network that learned from plans of small problems (nsw_plan_verifier_replay) can be used in large
/// ones of the same domain (nsw_method_order). Several features share a place: 256 to 512 are a good width.
///
/// Errors: as nsw_plan_state_holds; NSW_ERR_TASK_DOMAIN for a task or objects that the model has not, or another number of
/// arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_state_features(
    state: *const nsw_plan_state,
    task: u16,
    args: *const u16,
    arg_count: usize,
    features: *mut f32,
    width: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| unsafe {
        let state = plan_state::find(state)?;
        // Of the library's own: the caller's features may lie over its arguments.
        let mut own = [0; MAX_ARITY];
        let args = copy(input(args, arg_count)?, &mut own)?;
        let (model, task) = (state.model(), TaskId(task));
        if task.index() >= model.tasks()
            || model.task(task).types.len() != arg_count
            || args.iter().any(|object| usize::from(*object) >= model.objects())
        {
            return Err(Error::TaskDomain);
        }
        decision_features(state, task, args, in_place(features, width)?);
        Ok(())
    })
}

fn copy<'a>(args: &[u16], own: &'a mut [u16; MAX_ARITY]) -> Result<&'a [u16]> {
    let own = own.get_mut(..args.len()).ok_or(Error::TaskDomain)?;
    own.copy_from_slice(args);
    Ok(own)
}
