//! Orders of methods that are learned: whatever a network says, nothing becomes right or wrong by it, and
//! what it learned from plans is what it says.

use std::collections::HashMap;

use neural_swarm::Error;
use neural_swarm::nn::{Activation, Layer, MODEL_ALIGN, Net, NetConfig};
use neural_swarm::port::{Arena, Heap};
use neural_swarm::task::plan::{
    Builder, LearnConfig, LearnedOrder, MethodOrder, MethodSamples, Model, ObjectId, Outcome, Plan,
    PlanState, Planner, PlannerConfig, PredicateId, State, TaskId, Term, Verifier, VerifierConfig,
    decision_features,
};

use crate::model::{ROOM, finish};
use crate::reference;

const CONFIG: PlannerConfig = PlannerConfig { memory: 4 << 20, seed: 1, restarts: true };

/// A network that has learned nothing.
fn net(model: &Model<'_>, width: usize, seed: u64) -> Net<'static> {
    let layers =
        [Layer::new(8, Activation::Tanh), Layer::new(model.methods(), Activation::Softmax)];
    Net::new(&NetConfig::new(width, &layers).seed(seed), Heap).unwrap()
}

fn verifier() -> Verifier<'static> {
    Verifier::new(&VerifierConfig { steps: 2000, facts: 2000, words: 8000 }, Heap).unwrap()
}

#[test]
fn an_order_of_chance_changes_the_way_and_not_what_there_is() {
    let (mut found, mut none) = (0, 0);
    for seed in 0..800 {
        let words = crate::random::domain(seed, seed % 5 == 0);
        let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
        if model.methods() == 0 {
            continue;
        }
        let plain = Planner::new(&model, &CONFIG, Heap).unwrap().step(200_000);
        let mut order = LearnedOrder::new(net(&model, 40, seed), &model, Heap).unwrap();
        let mut planner = Planner::new(&model, &CONFIG, Heap).unwrap();
        let outcome = planner.step_with(200_000, &mut order);
        assert_eq!(plain, outcome, "seed {seed}");
        match outcome {
            Outcome::Found => {
                let plan = planner.plan().unwrap();
                assert_eq!(verifier().verify(&model, &plan), Ok(()), "seed {seed}");
                if seed % 5 != 0 {
                    reference::check(&model, &plan);
                }
                found += 1;
            }
            Outcome::NoPlan => none += 1,
            _ => {}
        }
    }
    assert!(found > 80 && none > 80, "{found} found, {none} without a plan");
}

/// Writes down the features of everything that it is asked for.
struct Notes {
    rows: HashMap<(TaskId, Vec<u16>), Vec<Vec<f32>>>,
    asked: usize,
}

const WIDTH: usize = 64;

fn row(state: &dyn State, task: TaskId, args: &[u16]) -> Vec<f32> {
    let mut row = vec![7.0; WIDTH];
    decision_features(state, task, args, &mut row);
    assert!(row.iter().all(|mark| *mark == 0.0 || *mark == 1.0) && row.contains(&1.0));
    row
}

impl MethodOrder for Notes {
    fn rank(
        &mut self,
        state: &PlanState<'_>,
        task: TaskId,
        args: &[u16],
        _: &[u16],
        _: &mut [f32],
    ) {
        self.asked += 1;
        self.rows.entry((task, args.to_vec())).or_default().push(row(state, task, args));
        nothing_else_holds(state);
        // What a state tells agrees with itself.
        for id in 0..state.model().predicates() as u16 {
            let id = PredicateId(id);
            let arity = state.model().predicate(id).types.len();
            for place in 0..arity {
                let mut all = 0;
                for object in 0..state.model().objects() as u16 {
                    State::each(state, id, place, object, &mut |args| {
                        assert!(args.len() == arity && args[place] == object);
                        assert!(State::holds(state, id, args));
                        all += 1;
                    });
                }
                assert_eq!(all, State::count(state, id));
            }
        }
    }
}

/// Of what there is not, nothing holds: asked of a search, and of a plan that is gone through.
fn nothing_else_holds(state: &dyn State) {
    let model = state.model();
    let (predicates, objects) = (model.predicates() as u16, model.objects() as u16);
    for id in 0..predicates {
        let (id, arity) = (PredicateId(id), model.predicate(PredicateId(id)).types.len());
        // Some facts of it, and all that begins like one, or goes on after it.
        let mut facts: Vec<Vec<u16>> = vec![];
        for object in 0..if arity > 0 { objects } else { 0 } {
            state.each(id, 0, object, &mut |args| facts.push(args.to_vec()));
        }
        for fact in &facts {
            assert!(state.holds(id, fact));
            for len in (0..arity).chain([arity + 1, 2 * arity]) {
                let args: Vec<u16> = fact.iter().cycle().take(len).copied().collect();
                assert!(len == arity || !state.holds(id, &args), "{args:?}");
            }
            assert!(!state.holds(id, &vec![objects; arity]));
        }
        for (place, object) in [(0, objects), (arity, 0), (0, u16::MAX)] {
            state.each(id, place, object, &mut |args| panic!("{args:?}"));
        }
        assert!(arity > 0 || !state.holds(id, &[0]));
    }
    let none = PredicateId(predicates);
    assert!(!state.holds(none, &[]) && state.count(none) == 0);
    state.each(none, 0, 0, &mut |args| panic!("{args:?}"));
}

#[test]
fn a_decision_looks_the_same_in_a_search_and_in_its_plan() {
    let (mut compared, mut asked) = (0, 0);
    for seed in 0..5000 {
        let words = crate::random::domain(seed, false);
        let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
        let mut planner = Planner::new(&model, &CONFIG, Heap).unwrap();
        let mut notes = Notes { rows: HashMap::new(), asked: 0 };
        let outcome = planner.step_with(20_000, &mut notes);
        // Later attempts choose at random, and ask nobody.
        if outcome != Outcome::Found || planner.stats().attempts > 1 {
            continue;
        }
        let plan = planner.plan().unwrap();
        let mut decisions = 0;
        let verdict = verifier().replay(&model, &plan, &mut |decision| {
            assert!(model.methods_of(decision.task).contains(&decision.method.0));
            decisions += 1;
            nothing_else_holds(decision.state);
            if model.methods_of(decision.task).len() > 1 {
                let seen = &notes.rows[&(decision.task, decision.args.to_vec())];
                assert!(
                    seen.contains(&row(decision.state, decision.task, decision.args)),
                    "{seed}"
                );
                compared += 1;
            }
        });
        assert_eq!(verdict, Ok(()));
        let compound = plan.steps.iter().filter(|step| !model.task(step.task).primitive).count();
        assert_eq!(decisions, compound);
        asked += notes.asked;
    }
    assert!(compared > 300 && asked > 300, "{compared} of {asked}");
}

/// Doors that are locked or not, and as many keys as are needed: the order of the model has a key used up
/// at every door, which is too many.
fn doors(locked: &[bool]) -> Vec<u32> {
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let (door, key) = (b.add_type("door").unwrap(), b.add_type("key").unwrap());
    let doors: Vec<ObjectId> = locked.iter().map(|_| b.object("d", door).unwrap()).collect();
    let is_open = b.predicate("open", &[door]).unwrap();
    let has = b.predicate("has", &[key]).unwrap();
    let (x, k) = (Term::variable(0), Term::variable(1));
    let walk = b.action("walk", &[door]).unwrap();
    b.atom(is_open, &[x]).unwrap();
    let unlock = b.action("unlock", &[door, key]).unwrap();
    b.atom(has, &[k]).unwrap();
    b.delete(has, &[k]).unwrap();
    b.add(is_open, &[x]).unwrap();
    let pass = b.task("pass", &[door]).unwrap();
    b.method("by-key", pass, &[x], &[door, key]).unwrap();
    b.subtask(unlock, &[x, k]).unwrap();
    b.subtask(walk, &[x]).unwrap();
    b.ordered().unwrap();
    b.method("as-it-is", pass, &[x], &[door]).unwrap();
    b.subtask(walk, &[x]).unwrap();
    b.network(&[]).unwrap();
    for object in &doors {
        b.subtask(pass, &[(*object).into()]).unwrap();
    }
    b.ordered().unwrap();
    for (object, locked) in doors.iter().zip(locked) {
        let key = b.object("k", key).unwrap();
        match locked {
            true => b.fact(has, &[key]).unwrap(),
            false => b.fact(is_open, &[*object]).unwrap(),
        }
    }
    finish(b)
}

fn solve(model: &Model<'_>, order: Option<&mut dyn MethodOrder>) -> (u64, usize) {
    let mut planner = Planner::new(model, &CONFIG, Heap).unwrap();
    let outcome = match order {
        None => planner.step(10_000),
        Some(order) => planner.step_with(10_000, order),
    };
    assert_eq!(outcome, Outcome::Found);
    let steps = planner.plan().unwrap().steps.len();
    (planner.stats().nodes, steps)
}

fn samples(problems: &[&[bool]]) -> MethodSamples {
    let mut all: Option<MethodSamples> = None;
    for locked in problems {
        let words = doors(locked);
        let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
        let mut planner = Planner::new(&model, &CONFIG, Heap).unwrap();
        assert_eq!(planner.step(10_000), Outcome::Found);
        let mut one = MethodSamples::new(&model, WIDTH);
        one.add(&model, &planner.plan().unwrap()).unwrap();
        assert_eq!(one.len(), locked.len());
        match &mut all {
            None => all = Some(one),
            Some(all) => all.append(one).unwrap(),
        }
    }
    all.unwrap()
}

#[test]
fn what_plans_did_is_tried_first() {
    let small: [&[bool]; 4] =
        [&[true], &[false, true], &[true, true, false], &[false, false, true]];
    let samples = samples(&small);
    let net = LearnedOrder::train(&LearnConfig::default(), &samples).unwrap();
    // Larger than what it learned from.
    let words = doors(&[true, false, true, true, false, false, true, false, true, true, true]);
    let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
    let (nodes, steps) = solve(&model, None);
    assert!(nodes > steps as u64, "the order of the model goes wrong somewhere");
    let mut bytes = vec![0u8; net.model_len().unwrap()];
    assert_eq!(net.save(&mut bytes).unwrap(), bytes.len());
    let mut order = LearnedOrder::new(net, &model, Heap).unwrap();
    let (nodes, steps) = solve(&model, Some(&mut order));
    assert_eq!(nodes, steps as u64, "nothing is tried that is not in the plan");
    // As bytes, read in place within a caller's memory: the same.
    #[repr(align(64))]
    struct Aligned([u8; 1 << 16]);
    const { assert!(align_of::<Aligned>() >= MODEL_ALIGN) };
    let mut flash = Box::new(Aligned([0; 1 << 16]));
    flash.0[..bytes.len()].copy_from_slice(&bytes);
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 1 << 16];
    let arena = Arena::new(&mut memory);
    let view = Net::view(&flash.0[..bytes.len()], &arena).unwrap();
    let mut read = LearnedOrder::new(view, &model, &arena).unwrap();
    assert_eq!(solve(&model, Some(&mut read)), (nodes, steps));
    // And again from the same plans.
    let again = LearnedOrder::train(&LearnConfig::default(), &samples).unwrap();
    assert_eq!(again.weights(), order.net().weights());
    let other = LearnConfig { seed: 2, ..LearnConfig::default() };
    assert_ne!(LearnedOrder::train(&other, &samples).unwrap().weights(), again.weights());
}

#[test]
fn what_does_not_fit_is_refused() {
    let words = doors(&[true, false]);
    let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
    let layers = [Layer::new(3, Activation::Softmax)];
    let wide = Net::new(&NetConfig::new(WIDTH, &layers), Heap).unwrap();
    assert_eq!(LearnedOrder::new(wide, &model, Heap).err(), Some(Error::TaskDomain));
    let mut memory = [std::mem::MaybeUninit::uninit(); 64];
    let arena = Arena::new(&mut memory);
    let error = LearnedOrder::new(net(&model, 1000, 1), &model, &arena).err();
    assert_eq!(error, Some(Error::OutOfMemory));

    let mut samples = samples(&[&[true, false]]);
    // A plan of another problem, none at all, and a problem of another domain.
    let other = doors(&[true, true, true]);
    let longer = Model::open(bytemuck::cast_slice(&other)).unwrap();
    let mut planner = Planner::new(&longer, &CONFIG, Heap).unwrap();
    planner.step(10_000);
    assert_eq!(samples.add(&model, &planner.plan().unwrap()), Err(Error::TaskPlan));
    assert_eq!(samples.add(&model, &Plan::default()), Err(Error::TaskPlan));
    let stranger = (0..)
        .map(|seed| crate::random::domain(seed, false))
        .find(|words| Model::open(bytemuck::cast_slice(words)).unwrap().methods() != 2)
        .unwrap();
    let stranger = Model::open(bytemuck::cast_slice(&stranger)).unwrap();
    assert_eq!(samples.add(&stranger, &Plan::default()), Err(Error::TaskDomain));
    assert_eq!(samples.append(MethodSamples::new(&stranger, WIDTH)), Err(Error::TaskDomain));
    assert_eq!(samples.append(MethodSamples::new(&model, WIDTH + 1)), Err(Error::Length));
    assert_eq!(samples.len(), 2);

    let none = MethodSamples::new(&model, WIDTH);
    assert!(none.is_empty());
    let train = |config, samples: &MethodSamples| LearnedOrder::train(&config, samples).err();
    assert_eq!(train(LearnConfig::default(), &none), Some(Error::Length));
    for config in [
        LearnConfig { epochs: 0, ..LearnConfig::default() },
        LearnConfig { hidden: 0, ..LearnConfig::default() },
        LearnConfig { rate: f32::NAN, ..LearnConfig::default() },
        LearnConfig { decay: -1.0, ..LearnConfig::default() },
    ] {
        assert_eq!(train(config, &samples), Some(Error::Invalid), "{config:?}");
    }
}
