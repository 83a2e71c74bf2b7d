//! For the test image alone: a planner with the model of a domain that lies in flash, and the verifier, by their
//! Rust functions.

use neural_swarm::port::Arena;
use neural_swarm::task::plan::{Model, Outcome, Planner, PlannerConfig, Verifier, VerifierConfig};
use neural_swarm::{Error, Result};

/// What a run was like.
#[repr(C)]
pub struct Told {
    actions: u32,
    nodes: u32,
    /// Calls of `step`, of 10 nodes each.
    steps: u32,
    /// Bytes that planner and verifier take.
    planner: u32,
    verifier: u32,
}

/// Plans for a model within `memory`, has the plan verified within `spare`, and writes its actions, each as its
/// task and its arguments. How many numbers that are; negative: an error's code.
///
/// # Safety
/// Each pointer is of so many bytes or numbers, the writable ones nobody else's; `told` is one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_plan_test(
    model: *const u8,
    model_len: usize,
    memory: *mut u8,
    memory_len: usize,
    spare: *mut u8,
    spare_len: usize,
    actions: *mut u16,
    actions_cap: usize,
    told: *mut Told,
) -> i32 {
    // SAFETY: as this function's.
    let (model, memory, spare, actions, told) = unsafe {
        (
            core::slice::from_raw_parts(model, model_len),
            core::slice::from_raw_parts_mut(memory.cast(), memory_len),
            core::slice::from_raw_parts_mut(spare.cast(), spare_len),
            core::slice::from_raw_parts_mut(actions, actions_cap),
            &mut *told,
        )
    };
    match plan(model, &Arena::new(memory), &Arena::new(spare), actions, told) {
        Ok(len) => len as i32,
        Err(error) => error.code(),
    }
}

fn plan<'a>(
    bytes: &'a [u8],
    memory: &'a Arena<'a>,
    spare: &'a Arena<'a>,
    actions: &mut [u16],
    told: &mut Told,
) -> Result<usize> {
    let model = Model::open(bytes)?;
    let config = PlannerConfig { memory: memory.usage().capacity, ..PlannerConfig::default() };
    told.planner = Planner::footprint(&model, &config)?.size() as u32;
    let mut planner = Planner::new(&model, &config, memory)?;
    loop {
        told.steps += 1;
        match planner.step(10) {
            Outcome::Running => {}
            Outcome::Found => break,
            Outcome::NoPlan => return Err(Error::TaskNoPlan),
            Outcome::OutOfMemory => return Err(Error::OutOfMemory),
        }
    }
    told.nodes = planner.stats().nodes as u32;
    let plan = planner.plan()?;
    let config = VerifierConfig { steps: plan.steps.len() as u32, facts: 300, words: 1200 };
    told.verifier = Verifier::footprint(&config)?.size() as u32;
    let verdict = Verifier::new(&config, spare)?.verify(&model, &plan);
    verdict.map_err(|refusal| refusal.error())?;
    let mut len = 0;
    for step in plan.order {
        let step = plan.steps.get(*step as usize).ok_or(Error::TaskPlan)?;
        let (from, arity) = (step.bound as usize, model.task(step.task).types.len());
        let values = plan.values.get(from..from + arity).ok_or(Error::TaskPlan)?;
        let place = actions.get_mut(len..len + 1 + arity).ok_or(Error::BufferTooSmall)?;
        place[0] = step.task.0;
        place[1..].copy_from_slice(values);
        len += 1 + arity;
        told.actions += 1;
    }
    Ok(len)
}
