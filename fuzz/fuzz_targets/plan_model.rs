//! Any bytes as a model of a domain and problem: what opens can be planned for within a small budget, and
//! what is found is what a verifier accepts. The input's first byte says how much memory there is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::port::Heap;
use neural_swarm::task::plan::{
    MethodId, Model, Outcome, Planner, PlannerConfig, TaskId, Verifier, VerifierConfig, Why,
};

fuzz_target!(|bytes: &[u8]| {
    let Some((&size, rest)) = bytes.split_first() else { return };
    // Words, where they must lie.
    let words: Vec<u32> =
        rest.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect();
    let Ok(model) = Model::open(bytemuck::cast_slice(&words)) else { return };
    // A condition with quantifiers, and an action's effects, are looked at as a whole.
    let quantified = |variables: usize, parameters: usize| {
        let tuples = (variables - parameters) as f64 * (model.objects().max(2) as f64).log2();
        tuples > 12.0
    };
    let actions = (0..model.tasks()).filter_map(|id| model.action(TaskId(id as u16)));
    let mut methods = (0..=model.methods()).map(|id| model.method(MethodId(id as u16)));
    if model.goal().is_some_and(|(_, variables)| quantified(variables, 0))
        || actions.into_iter().any(|a| quantified(a.variables, a.types.len()))
        || methods.any(|m| quantified(m.variables, m.types.len()))
    {
        return;
    }
    let config = PlannerConfig { memory: 2048 << (size % 10), ..PlannerConfig::default() };
    let Ok(mut planner) = Planner::new(&model, &config, Heap) else { return };
    let mut outcome = Outcome::Running;
    for _ in 0..5 {
        outcome = planner.step(20);
    }
    if outcome != Outcome::Found {
        return;
    }
    let Ok(plan) = planner.plan() else { return };
    let config = VerifierConfig { steps: 5000, facts: 5000, words: 100_000 };
    let mut verifier = Verifier::new(&config, Heap).expect("a small one");
    match verifier.verify(&model, &plan) {
        Err(refusal) if refusal.why == Why::Capacity => {}
        verdict => assert_eq!(verdict, Ok(())),
    }
});
