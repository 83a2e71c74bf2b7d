//! Domains in which one thing or another is hard, with what is known of their plans.

use neural_swarm::Error;
use neural_swarm::port::Heap;
use neural_swarm::task::plan::{
    Builder, BuilderConfig, MethodOrder, Model, ObjectId, Outcome, Part, PlanState, Planner,
    PlannerConfig, PredicateId, TaskId, Term, TypeId, Verifier, VerifierConfig,
};

use crate::model::{ROOM, finish};
use crate::reference;

const O: TypeId = TypeId::OBJECT;

fn var(i: u8) -> Term {
    Term::variable(i)
}

fn config(memory: usize) -> PlannerConfig {
    PlannerConfig { memory, ..PlannerConfig::default() }
}

/// Plans, checks the plan, and answers the names of its actions.
fn plan(words: &[u32], memory: usize) -> Result<Vec<String>, Outcome> {
    let model = Model::open(bytemuck::cast_slice(words)).unwrap();
    let mut planner = Planner::new(&model, &config(memory), Heap).unwrap();
    match planner.step(5_000_000) {
        Outcome::Found => {}
        outcome => return Err(outcome),
    }
    assert_eq!(planner.step(1), Outcome::Found, "it stays found");
    let plan = planner.plan().unwrap();
    reference::check(&model, &plan);
    let name = |step: &u32| {
        let step = plan.steps[*step as usize];
        let arity = model.task(step.task).types.len();
        let args = &plan.values[step.bound as usize..step.bound as usize + arity];
        let args: String =
            args.iter().map(|o| format!(" {}", model.object_name(ObjectId(*o)))).collect();
        format!("{}{args}", model.task_name(step.task))
    };
    Ok(plan.order.iter().map(name).collect())
}

/// The towers of Hanoi: a tower is moved by moving what lies on its largest disk away.
fn hanoi(disks: usize) -> Vec<u32> {
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let (disk, peg) = (b.add_type("disk").unwrap(), b.add_type("peg").unwrap());
    let d: Vec<_> = (0..disks).map(|i| b.object(&format!("d{i}"), disk).unwrap()).collect();
    let p: Vec<_> = (0..3).map(|i| b.object(&format!("p{i}"), peg).unwrap()).collect();
    let at = b.predicate("at", &[disk, peg]).unwrap();
    let smaller = b.predicate("next-smaller", &[disk, disk]).unwrap();
    let smallest = b.predicate("smallest", &[disk]).unwrap();
    let third = b.predicate("third", &[peg, peg, peg]).unwrap();
    let go = b.action("move", &[disk, peg, peg]).unwrap();
    b.atom(at, &[var(0), var(1)]).unwrap();
    b.delete(at, &[var(0), var(1)]).unwrap();
    b.add(at, &[var(0), var(2)]).unwrap();
    let tower = b.task("tower", &[disk, peg, peg]).unwrap();
    b.method("one", tower, &[var(0), var(1), var(2)], &[disk, peg, peg]).unwrap();
    b.atom(smallest, &[var(0)]).unwrap();
    b.subtask(go, &[var(0), var(1), var(2)]).unwrap();
    let args = [var(0), var(1), var(2)];
    b.method("more", tower, &args, &[disk, peg, peg, disk, peg]).unwrap();
    b.atom(smaller, &[var(0), var(3)]).unwrap();
    b.atom(third, &[var(1), var(2), var(4)]).unwrap();
    b.subtask(tower, &[var(3), var(1), var(4)]).unwrap();
    b.subtask(go, &[var(0), var(1), var(2)]).unwrap();
    b.subtask(tower, &[var(3), var(4), var(2)]).unwrap();
    b.ordered().unwrap();
    b.network(&[]).unwrap();
    b.subtask(tower, &[d[disks - 1].into(), p[0].into(), p[2].into()]).unwrap();
    d.iter().for_each(|d| b.fact(at, &[*d, p[0]]).unwrap());
    d.windows(2).for_each(|pair| b.fact(smaller, &[pair[1], pair[0]]).unwrap());
    b.fact(smallest, &[d[0]]).unwrap();
    for (i, j, k) in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)] {
        b.fact(third, &[p[i], p[j], p[k]]).unwrap();
    }
    finish(b)
}

#[test]
fn towers_are_moved_within_64_and_256_kilobytes() {
    assert_eq!(plan(&hanoi(7), 64 << 10).unwrap().len(), 127);
    assert_eq!(plan(&hanoi(9), 256 << 10).unwrap().len(), 511);
    assert_eq!(plan(&hanoi(14), 64 << 20).unwrap().len(), (1 << 14) - 1);
    // What does not fit in says so.
    assert_eq!(plan(&hanoi(12), 64 << 10), Err(Outcome::OutOfMemory));
    let words = hanoi(7);
    let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
    for memory in [0, 100, 500] {
        assert_eq!(Planner::new(&model, &config(memory), Heap).err(), Some(Error::Capacity));
    }
    let mut planner = Planner::new(&model, &config(64 << 10), Heap).unwrap();
    assert_eq!(planner.plan().err(), Some(Error::TaskState), "nothing is found yet");
    // A few nodes at a time come to the same.
    let (mut steps, mut outcome) = (0, Outcome::Running);
    while outcome == Outcome::Running {
        outcome = planner.step(10);
        steps += 1;
    }
    assert!(outcome == Outcome::Found && steps > 20);
    assert_eq!(planner.plan().unwrap().order.len(), 127);
}

/// Keys in rooms: the first key that comes to mind does not fit, which shows three steps later.
#[test]
fn later_bindings_are_tried() {
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let keys: Vec<_> = (0..20).map(|i| b.object(&format!("k{i}"), O).unwrap()).collect();
    let (here, held, fits, open) = (
        b.predicate("here", &[O]).unwrap(),
        b.predicate("held", &[O]).unwrap(),
        b.predicate("worn-off", &[O]).unwrap(),
        b.predicate("open", &[]).unwrap(),
    );
    let take = b.action("take", &[O]).unwrap();
    b.atom(here, &[var(0)]).unwrap();
    b.add(held, &[var(0)]).unwrap();
    b.delete(here, &[var(0)]).unwrap();
    let turn = b.action("turn", &[O]).unwrap();
    b.atom(held, &[var(0)]).unwrap();
    b.open(Part::Not).unwrap();
    b.atom(fits, &[var(0)]).unwrap();
    b.close().unwrap();
    b.add(open, &[]).unwrap();
    // Some action wears keys off, so that the predicate is one that changes.
    let wear = b.action("wear", &[O]).unwrap();
    b.add(fits, &[var(0)]).unwrap();
    let enter = b.task("enter", &[]).unwrap();
    let fiddle = b.task("fiddle", &[O]).unwrap();
    b.method("with-key", enter, &[], &[O]).unwrap();
    b.subtask(take, &[var(0)]).unwrap();
    b.subtask(fiddle, &[var(0)]).unwrap();
    b.ordered().unwrap();
    b.method("again", fiddle, &[var(0)], &[O]).unwrap();
    b.subtask(wear, &[keys[3].into()]).unwrap();
    b.subtask(turn, &[var(0)]).unwrap();
    b.ordered().unwrap();
    b.network(&[]).unwrap();
    b.subtask(enter, &[]).unwrap();
    keys.iter().for_each(|k| b.fact(here, &[*k]).unwrap());
    keys.iter().filter(|k| k.0 != 17).for_each(|k| b.fact(fits, &[*k]).unwrap());
    assert_eq!(plan(&finish(b), 64 << 10).unwrap(), ["take k17", "wear k3", "turn k17"]);
}

/// Each of many things is to be done, each of which needs something of its own.
#[test]
fn long_networks_are_planned() {
    const MANY: usize = 20_000;
    let n = MANY as u32;
    let room = BuilderConfig { objects: n, code: 5 * n, facts: 4 * n, names: 0, ..ROOM };
    let mut b = Builder::new(&room, Heap).unwrap();
    let o: Vec<_> = (0..MANY).map(|_| b.object("", O).unwrap()).collect();
    let (good, left) = (b.predicate("", &[O]).unwrap(), b.predicate("", &[O]).unwrap());
    let take = b.action("", &[O]).unwrap();
    b.atom(good, &[var(0)]).unwrap();
    b.atom(left, &[var(0)]).unwrap();
    b.delete(left, &[var(0)]).unwrap();
    b.network(&[]).unwrap();
    for object in &o {
        b.subtask(take, &[(*object).into()]).unwrap();
        b.fact(good, &[*object]).unwrap();
        b.fact(left, &[*object]).unwrap();
    }
    b.ordered().unwrap();
    let words = finish(b);
    let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
    let mut planner = Planner::new(&model, &config(64 << 20), Heap).unwrap();
    assert_eq!(planner.run(1000, |_| false), Outcome::Found);
    let plan = planner.plan().unwrap();
    let config = VerifierConfig { steps: n, facts: 2 * n, words: 4 * n };
    assert_eq!(Verifier::new(&config, Heap).unwrap().verify(&model, &plan), Ok(()));
    assert_eq!(plan.order.len(), MANY);
}

/// A task that begins with itself: how often is for the goal to say.
fn counting(goal: usize, exit: bool) -> Vec<u32> {
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let n: Vec<_> = (0..10).map(|i| b.object(&format!("n{i}"), O).unwrap()).collect();
    let (at, next) = (b.predicate("at", &[O]).unwrap(), b.predicate("next", &[O, O]).unwrap());
    let step = b.action("step", &[O, O]).unwrap();
    b.atom(at, &[var(0)]).unwrap();
    b.delete(at, &[var(0)]).unwrap();
    b.add(at, &[var(1)]).unwrap();
    let go = b.task("go", &[]).unwrap();
    let one = b.task("one", &[]).unwrap();
    b.method("more", go, &[], &[]).unwrap();
    b.subtask(go, &[]).unwrap();
    b.subtask(one, &[]).unwrap();
    b.ordered().unwrap();
    if exit {
        b.method("enough", go, &[], &[]).unwrap();
    }
    b.method("m", one, &[], &[O, O]).unwrap();
    b.atom(at, &[var(0)]).unwrap();
    b.atom(next, &[var(0), var(1)]).unwrap();
    b.subtask(step, &[var(0), var(1)]).unwrap();
    b.network(&[]).unwrap();
    b.subtask(go, &[]).unwrap();
    b.goal().unwrap();
    b.atom(at, &[n[goal].into()]).unwrap();
    b.fact(at, &[n[0]]).unwrap();
    n.windows(2).for_each(|pair| b.fact(next, &[pair[0], pair[1]]).unwrap());
    finish(b)
}

#[test]
fn tasks_that_begin_with_themselves_are_repeated_as_often_as_it_takes() {
    for goal in [0, 1, 5, 9] {
        assert_eq!(plan(&counting(goal, true), 1 << 20).unwrap().len(), goal);
    }
    // Without an exit there is no finite way to do it, and that is found.
    assert_eq!(plan(&counting(0, false), 1 << 20), Err(Outcome::NoPlan));
}

/// Ranks methods by whatever it was given.
struct Ranks(Box<dyn FnMut(u16) -> f32>);

impl MethodOrder for Ranks {
    fn rank(
        &mut self,
        state: &PlanState<'_>,
        task: TaskId,
        args: &[u16],
        methods: &[u16],
        scores: &mut [f32],
    ) {
        assert_eq!(state.model().methods_of(task), methods);
        assert_eq!(state.model().task(task).types.len(), args.len());
        for p in 0..state.model().predicates() {
            let p = PredicateId(p as u16);
            let arity = state.model().predicate(p).types.len();
            assert!(!state.holds(p, &vec![ObjectId(0); arity + 1]));
            let some = state.holds(p, &vec![ObjectId(0); arity]);
            assert!(!some || state.count(p) > 0);
        }
        methods.iter().zip(scores).for_each(|(method, score)| *score = (self.0)(*method));
    }
}

#[test]
fn a_ranking_changes_the_way_and_not_what_there_is() {
    for seed in 0..600 {
        let words = crate::random::domain(seed, false);
        let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
        let mut r = crate::random::Random(seed);
        let plain = Planner::new(&model, &config(4 << 20), Heap).unwrap().step(200_000);
        let mut scores = [f32::NAN, -1.0, 0.0, f32::INFINITY, 1.0, -0.0].into_iter().cycle();
        let mut ranks = Ranks(Box::new(move |_| scores.nth(r.below(6)).unwrap()));
        let mut planner = Planner::new(&model, &config(4 << 20), Heap).unwrap();
        let ranked = planner.step_with(200_000, &mut ranks);
        assert_eq!(plain, ranked, "seed {seed}");
        if ranked == Outcome::Found {
            reference::check(&model, &planner.plan().unwrap());
        }
    }
}

#[test]
fn a_ranking_decides_what_is_tried_first() {
    // Both ways do it: the plan is that of the one with the lower score.
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let (left, right) = (b.action("left", &[]).unwrap(), b.action("right", &[]).unwrap());
    let go = b.task("go", &[]).unwrap();
    b.method("l", go, &[], &[]).unwrap();
    b.subtask(left, &[]).unwrap();
    b.method("r", go, &[], &[]).unwrap();
    b.subtask(right, &[]).unwrap();
    b.network(&[]).unwrap();
    b.subtask(go, &[]).unwrap();
    let words = finish(b);
    let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
    for (scores, task) in [([0.0, 0.0], left), ([1.0, 0.5], right), ([0.5, f32::NAN], left)] {
        let mut planner = Planner::new(&model, &config(64 << 10), Heap).unwrap();
        let mut ranks = Ranks(Box::new(move |method| scores[method as usize]));
        assert_eq!(planner.step_with(100, &mut ranks), Outcome::Found);
        assert_eq!(planner.plan().unwrap().steps[1].task, task);
    }
}

/// Two instances of a task of which 32 bits of a hash are the same: what is known of one that cannot be
/// carried out says nothing of the other.
#[test]
fn tasks_are_told_apart_by_more_than_32_bits() {
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let o: Vec<_> = (0..201).map(|i| b.object(&format!("o{i}"), O).unwrap()).collect();
    let way = b.predicate("way", &[O, O]).unwrap();
    let walk = b.action("walk", &[]).unwrap();
    let go = b.task("go", &[O, O]).unwrap();
    assert_eq!(go, TaskId(1), "the hash is of this number");
    let start = b.task("start", &[]).unwrap();
    b.method("by-way", go, &[var(0), var(1)], &[O, O]).unwrap();
    // One of both, so that it is not found before `go` is looked at.
    b.open(Part::Or).unwrap();
    b.atom(way, &[var(0), var(1)]).unwrap();
    b.atom(way, &[var(1), var(0)]).unwrap();
    b.close().unwrap();
    b.subtask(walk, &[]).unwrap();
    for (name, from, to) in [("m1", 61, 104), ("m2", 200, 22)] {
        b.method(name, start, &[], &[]).unwrap();
        b.subtask(go, &[o[from].into(), o[to].into()]).unwrap();
        b.subtask(walk, &[]).unwrap();
        b.ordered().unwrap();
    }
    b.network(&[]).unwrap();
    b.subtask(start, &[]).unwrap();
    b.fact(way, &[o[22], o[200]]).unwrap();
    assert_eq!(plan(&finish(b), 1 << 20).unwrap(), ["walk", "walk"]);
}

/// Conditions: that so many variables are all different.
fn all_different(b: &mut Builder<'_>, count: u8) {
    for i in 0..count {
        for j in 0..i {
            b.open(Part::Not).unwrap();
            b.equal(var(i), var(j)).unwrap();
            b.close().unwrap();
        }
    }
}

/// `count` variables all different over one object less: some `count!` bindings, of which none holds.
fn pigeons(count: u8, in_action: bool, way_out: bool, ordered: bool) -> Vec<u32> {
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    for i in 1..count {
        b.object(&format!("o{i}"), O).unwrap();
    }
    let done = b.predicate("done", &[]).unwrap();
    let act = match in_action {
        true => b.action("act", &vec![O; count as usize]).unwrap(),
        false => b.action("act", &[]).unwrap(),
    };
    if in_action {
        all_different(&mut b, count);
    }
    b.add(done, &[]).unwrap();
    let leave = b.action("leave", &[]).unwrap();
    let go = b.task("go", &[]).unwrap();
    b.method("hard", go, &[], &vec![O; count as usize]).unwrap();
    all_different(&mut b, count);
    let args: Vec<_> = (0..count).map(var).collect();
    b.subtask(act, if in_action { &args } else { &[] }).unwrap();
    if way_out {
        b.method("easy", go, &[], &[]).unwrap();
        b.subtask(leave, &[]).unwrap();
    }
    b.network(&[]).unwrap();
    b.subtask(go, &[]).unwrap();
    b.subtask(leave, &[]).unwrap();
    if ordered {
        b.ordered().unwrap();
    }
    finish(b)
}

#[test]
fn bindings_without_end_do_not_hold_a_step_up() {
    for (in_action, ordered) in [(false, true), (false, false), (true, true)] {
        let words = pigeons(12, in_action, false, ordered);
        let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
        let mut planner = Planner::new(&model, &config(256 << 10), Heap).unwrap();
        for _ in 0..10 {
            assert_eq!(planner.step(100), Outcome::Running);
        }
        assert!(planner.stats().nodes < 100);
        // What another method can do is found, later.
        let words = pigeons(12, in_action, true, ordered);
        let actions = plan(&words, 256 << 10).unwrap();
        assert_eq!(actions, ["leave", "leave"]);
    }
}

#[test]
fn a_join_goes_on_where_it_was_interrupted() {
    // Small enough to be searched to the end: the answer does not depend on how it was cut into steps.
    for ordered in [true, false] {
        let words = pigeons(7, false, false, ordered);
        let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
        let mut steps = 0;
        let mut planner = Planner::new(&model, &config(64 << 10), Heap).unwrap();
        while planner.step(1) == Outcome::Running {
            steps += 1;
        }
        assert_eq!(planner.step(1), Outcome::NoPlan);
        assert!(steps > 5, "{steps}");
        assert_eq!(plan(&words, 64 << 10), Err(Outcome::NoPlan));
    }
}

/// Some action says of something what its predicate's type does not: who looks for such things by the
/// predicate's facts still finds those of the right type alone.
#[test]
fn facts_of_other_types_than_their_predicates_mislead_nobody() {
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let (room, thing) = (b.add_type("room").unwrap(), b.add_type("thing").unwrap());
    let (stone, hall) = (b.object("stone", thing).unwrap(), b.object("hall", room).unwrap());
    let lit = b.predicate("lit", &[room]).unwrap();
    let light = b.action("light", &[O]).unwrap();
    b.add(lit, &[var(0)]).unwrap();
    let enter = b.action("enter", &[room]).unwrap();
    b.atom(lit, &[var(0)]).unwrap();
    let find = b.task("find", &[]).unwrap();
    b.method("m", find, &[], &[room]).unwrap();
    b.atom(lit, &[var(0)]).unwrap();
    b.subtask(enter, &[var(0)]).unwrap();
    b.network(&[]).unwrap();
    b.subtask(light, &[stone.into()]).unwrap();
    b.subtask(light, &[hall.into()]).unwrap();
    b.subtask(find, &[]).unwrap();
    b.ordered().unwrap();
    assert_eq!(plan(&finish(b), 64 << 10).unwrap(), ["light stone", "light hall", "enter hall"]);
}
