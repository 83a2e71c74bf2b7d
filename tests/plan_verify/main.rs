//! The verifier beside a slow one that is plain: valid plans, and plans that were made wrong.
#![cfg(unix)]

mod brute;
mod order;
mod reading;
mod refusals;
mod search;

use std::path::PathBuf;
use std::sync::OnceLock;

use brute::World;
use neural_swarm::host::hddl::*;
use neural_swarm::port::{Arena, Heap};
use neural_swarm::task::plan::*;
use proptest::prelude::*;

fn file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/hddl").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read(name: &str) -> Hddl {
    let (domain, problem) =
        (file(&format!("{name}.domain.hddl")), file(&format!("{name}.problem.hddl")));
    let source = |name, text| Source { name, text };
    match Hddl::read(source("domain", &domain), source("problem", &problem)) {
        Ok(hddl) => hddl,
        Err(error) => panic!("{name}: {error}"),
    }
}

fn verify(model: &Model<'_>, plan: &Plan<'_>) -> Result<(), Refusal> {
    let config = VerifierConfig { steps: 200, facts: 2000, words: 8000 };
    Verifier::new(&config, Heap).unwrap().verify(model, plan)
}

/// Small problems that trying out solves.
const SMALL: [&str; 8] = [
    "towers",
    "blocks",
    "transport",
    "satellite",
    "elevator",
    "minecraft",
    "factories",
    "features",
];

/// The names of all that [`solved`] has.
fn names() -> impl Iterator<Item = &'static str> {
    SMALL.into_iter().chain(["partial"])
}

/// Two dishes whose subtasks are interleaved.
const PARTIAL_PLAN: &str = "==>
0 chop fish
1 chop leek
2 heat
3 put-in fish
4 take-out fish
5 heat
6 pour-sauce fish
7 put-in leek
8 serve fish
9 take-out leek
10 serve leek
root 11 12
11 make fish -> cook 0 2 13 14 8
12 make leek -> cook 1 5 15 16 10
13 fry fish -> in-pan 3 4
14 season fish -> with-sauce 6
15 fry leek -> in-pan 7 9
16 season leek -> without
<==
";

/// Their models, and a plan of each; and one whose tasks are ordered in part.
fn solved() -> &'static [(Hddl, PlanFile)] {
    static SOLVED: OnceLock<Vec<(Hddl, PlanFile)>> = OnceLock::new();
    SOLVED.get_or_init(|| {
        let solve = |name: &&str| {
            let hddl = read(name);
            let plan = search::search(&World::new(hddl.model().unwrap()));
            (hddl, plan.unwrap_or_else(|| panic!("{name} has a plan")))
        };
        let mut solved: Vec<_> = SMALL.iter().map(solve).collect();
        let hddl = read("partial");
        let source = Source { name: "plan", text: PARTIAL_PLAN.as_bytes() };
        let plan = read_plan(&hddl.model().unwrap(), source).unwrap();
        solved.push((hddl, plan));
        solved
    })
}

#[test]
fn plans_that_are_right_are_accepted() {
    for (name, (hddl, plan)) in names().zip(solved()) {
        let model = hddl.model().unwrap();
        assert!(World::new(model).accepts(&plan.plan()), "{name}");
        assert_eq!(verify(&model, &plan.plan()), Ok(()), "{name}");
    }
}

#[test]
fn plans_survive_as_text() {
    for (name, (hddl, plan)) in names().zip(solved()) {
        let model = hddl.model().unwrap();
        let text = write_plan(&model, &plan.plan()).unwrap();
        let noisy =
            format!("a planner's chatter\n==>\n{}trailing", text.strip_prefix("==>\n").unwrap());
        let again = read_plan(&model, Source { name: "plan", text: noisy.as_bytes() }).unwrap();
        assert_eq!(verify(&model, &again.plan()), Ok(()), "{name}");
        assert_eq!(write_plan(&model, &again.plan()).unwrap(), text, "{name}");
        let shape = |steps: &[Step]| -> Vec<_> {
            steps.iter().map(|step| (step.task, step.method, step.parent, step.place)).collect()
        };
        assert_eq!(shape(&again.steps), shape(&plan.steps), "{name}");
        assert_eq!(again.order, plan.order, "{name}");
    }
}

#[test]
fn a_verifier_that_is_too_small_says_so() {
    let (hddl, plan) = &solved()[0];
    let model = hddl.model().unwrap();
    let all = VerifierConfig { steps: 200, facts: 2000, words: 8000 };
    for config in [
        VerifierConfig { steps: 3, ..all },
        VerifierConfig { facts: 5, ..all },
        VerifierConfig { words: 9, ..all },
        VerifierConfig::default(),
    ] {
        let layout = Verifier::footprint(&config).unwrap();
        let mut memory = vec![std::mem::MaybeUninit::uninit(); layout.size() + 64];
        let arena = Arena::new(&mut memory);
        let mut verifier = Verifier::new(&config, &arena).unwrap();
        let refusal = verifier.verify(&model, &plan.plan()).unwrap_err();
        assert_eq!((refusal.why, refusal.error()), (Why::Capacity, neural_swarm::Error::Capacity));
    }
    // One that is as large as it must be does, again and again.
    let facts = (model.predicates() * 60) as u32;
    let config = VerifierConfig { steps: plan.steps.len() as u32, facts, words: 4 * facts };
    let mut verifier = Verifier::new(&config, Heap).unwrap();
    for _ in 0..3 {
        assert_eq!(verifier.verify(&model, &plan.plan()), Ok(()));
    }
}

#[test]
fn the_reason_is_told() {
    let hddl = read("transport");
    let model = hddl.model().unwrap();
    let good = "==>\n0 drive v1 l1 l2\n1 pick-up v1 l2 p1 c0 c1\n2 drive v1 l2 l3\n3 drive v1 l3 l4\n\
        4 drop v1 l4 p1 c0 c1\n5 pick-up v1 l4 p2 c0 c1\n6 drive v1 l4 l3\n7 drive v1 l3 l2\n\
        8 drive v1 l2 l1\n9 drop v1 l1 p2 c0 c1\nroot 10 11\n\
        10 deliver p1 l4 -> m-deliver 12 13 14 15\n12 get-to v1 l2 -> m-drive 0\n\
        13 load v1 l2 p1 -> m-load 1\n14 get-to v1 l4 -> m-drive-via 16 3\n16 get-to v1 l3 -> m-drive 2\n\
        15 unload v1 l4 p1 -> m-unload 4\n\
        11 deliver p2 l1 -> m-deliver 17 18 19 20\n17 get-to v1 l4 -> m-there\n\
        18 load v1 l4 p2 -> m-load 5\n19 get-to v1 l1 -> m-drive-via 21 8\n\
        21 get-to v1 l2 -> m-drive-via 22 7\n22 get-to v1 l3 -> m-drive 6\n\
        20 unload v1 l1 p2 -> m-unload 9\n<==\n";
    let read = |text: &str| read_plan(&model, Source { name: "plan", text: text.as_bytes() });
    let verdict = |text: &str| {
        let plan = read(text).unwrap_or_else(|error| panic!("{error}"));
        verify(&model, &plan.plan()).map_err(|refusal| {
            let line = refusal.step.map_or(0, |step| plan.lines[step as usize]);
            (text.lines().nth(line.max(1) as usize - 1).unwrap_or("").to_owned(), refusal.why)
        })
    };
    assert_eq!(verdict(good), Ok(()));
    let swap = |a: &str, b: &str| good.replace(a, "@").replace(b, a).replace('@', b);
    let cases = [
        // Two deliveries the wrong way round.
        (swap("root 10 11", "root 11 10"), "root", None),
        // Two drives swapped: the second one's road does not begin where the truck is.
        (swap("2 drive v1 l2 l3\n", "3 drive v1 l3 l4\n"), "3 drive v1 l3 l4", Some(Why::Order)),
        // The truck is not there yet.
        (
            good.replace("m-drive-via 22 7", "m-drive 7")
                .replace("22 get-to v1 l3 -> m-drive 6\n", ""),
            "6",
            None,
        ),
        (good.replace("-> m-there", "-> m-drive"), "17 get-to", None),
        // Full already.
        (
            good.replace("5 pick-up v1 l4 p2 c0 c1", "5 pick-up v1 l4 p2 c1 c0"),
            "5 pick-up",
            Some(Why::Precondition),
        ),
        // A location as a vehicle.
        (good.replace("0 drive v1 l1 l2", "0 drive l1 l1 l2"), "12 get-to", None),
    ];
    for (text, begins, why) in cases {
        match (why, read(&text)) {
            (None, Ok(plan)) => panic!("read, and {:?}", verify(&model, &plan.plan())),
            (None, Err(error)) => {
                let line = text.lines().nth(error.line as usize - 1).unwrap_or("");
                assert!(line.starts_with(begins), "{error}: {line}");
            }
            (Some(why), _) => {
                let (line, said) = verdict(&text).unwrap_err();
                assert!(line.starts_with(begins), "{line}: {said:?}");
                assert_eq!(said, why);
            }
        }
    }
}

#[test]
fn orderings_leave_what_they_leave() {
    let (hddl, _) = &solved()[SMALL.len()];
    let model = hddl.model().unwrap();
    let verdict = |text: &str| {
        let plan = read_plan(&model, Source { name: "plan", text: text.as_bytes() });
        plan.map(|plan| verify(&model, &plan.plan()).map_err(|refusal| refusal.why))
    };
    let swap = |a: &str, b: &str| PARTIAL_PLAN.replace(a, "@").replace(b, a).replace('@', b);
    assert_eq!(verdict(PARTIAL_PLAN), Ok(Ok(())));
    // What is not ordered may change places, in the list of actions and in that of subtasks.
    assert_eq!(verdict(&swap("0 chop fish", "1 chop leek")), Ok(Ok(())));
    assert_eq!(verdict(&swap("6 pour-sauce fish", "7 put-in leek")), Ok(Ok(())));
    assert_eq!(verdict(&PARTIAL_PLAN.replace("cook 0 2 13 14 8", "cook 2 0 14 13 8")), Ok(Ok(())));
    assert_eq!(verdict(&PARTIAL_PLAN.replace("root 11 12", "root 12 11")), Ok(Ok(())));
    // With a task for the initial network, and with brackets.
    let top = PARTIAL_PLAN.replace("root 11 12", "root 20\n20 __top -> __top_method 12 11");
    assert_eq!(verdict(&top), Ok(Ok(())));
    assert_eq!(verdict(&PARTIAL_PLAN.replace("0 chop fish", "0 chop[fish]")), Ok(Ok(())));
    assert_eq!(verdict(&PARTIAL_PLAN.replace("0 chop fish", "0 (chop fish)")), Ok(Ok(())));
    // What is ordered may not.
    assert!(verdict(&PARTIAL_PLAN.replace("cook 0 2 13 14 8", "cook 0 2 8 14 13")).is_err());
    assert!(verdict(&PARTIAL_PLAN.replace("in-pan 3 4", "in-pan 4 3")).is_err());
    // The sauce before the fish is fried: its method does not apply yet.
    let early = swap("6 pour-sauce fish", "3 put-in fish");
    assert_eq!(verdict(&early), Ok(Err(Why::MethodPrecondition)));
    // Taken out before it is put in.
    let late = swap("5 heat", "3 put-in fish");
    assert_eq!(verdict(&late), Ok(Err(Why::Order)));
    // The pan is hot once only.
    let cold = swap("5 heat", "4 take-out fish");
    assert_eq!(verdict(&cold), Ok(Err(Why::Precondition)));
}

/// The text tells no parameter that no task has for an argument: some object has to do for it.
#[test]
fn parameters_that_are_left_open_need_an_object_that_does() {
    let domain = "(define (domain d) (:types t u)
        (:predicates (p ?x - t) (q ?x ?y - t))
        (:task k) (:action a :parameters ())
        (:method m :parameters (?x ?y - t ?z - u) :task (k)
          :precondition (and (p ?x) (q ?x ?y) (not (p ?y))) :ordered-subtasks (a)
          :constraints (not (= ?x ?y))))";
    let verdict = |objects: &str, init: &str| {
        let problem = format!(
            "(define (problem p) (:domain d) (:objects {objects}) (:init {init})
               (:htn :ordered-subtasks (k)))"
        );
        let source = |text| Source { name: "file", text };
        let hddl = Hddl::read(source(domain.as_bytes()), source(problem.as_bytes())).unwrap();
        let model = hddl.model().unwrap();
        let text = b"==>\n0 a\nroot 1\n1 k -> m 0\n<==";
        let plan = read_plan(&model, source(text)).unwrap();
        assert_eq!(plan.values, [OPEN; 3]);
        verify(&model, &plan.plan()).map_err(|refusal| (refusal.step, refusal.why))
    };
    let refused = |why| Err((Some(0), why));
    assert_eq!(verdict("a b c - t o - u", "(p a) (p b) (q a b) (q b c)"), Ok(()));
    assert_eq!(verdict("c b a - t o - u", "(p a) (q a c)"), Ok(()));
    for init in ["", "(p a)", "(q a b)", "(p a) (q a a)", "(p a) (p b) (q a b) (q b a)"] {
        assert_eq!(verdict("a b c - t o - u", init), refused(Why::MethodPrecondition), "{init}");
    }
    // One that no condition asks for has to be there nevertheless.
    assert_eq!(verdict("a b c - t", "(p a) (q a c)"), refused(Why::Type));
}

/// Something that is done to a plan.
#[derive(Clone, Debug)]
enum Mutation {
    SwapActions(usize, usize),
    SwapSteps(usize, usize),
    SwapPlaces(usize, usize),
    DropAction(usize),
    DropStep(usize),
    Rename(usize, u16),
    Remethod(usize, u16),
    Rebind(usize, u16),
    Reparent(usize, usize),
    RepeatAction(usize),
    MoveAction(usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let any = 0usize..1000;
    prop_oneof![
        (any.clone(), any.clone()).prop_map(|(a, b)| Mutation::SwapActions(a, b)),
        (any.clone(), any.clone()).prop_map(|(a, b)| Mutation::SwapSteps(a, b)),
        (any.clone(), any.clone()).prop_map(|(a, b)| Mutation::SwapPlaces(a, b)),
        any.clone().prop_map(Mutation::DropAction),
        any.clone().prop_map(Mutation::DropStep),
        (any.clone(), 0u16..40).prop_map(|(a, b)| Mutation::Rename(a, b)),
        (any.clone(), 0u16..40).prop_map(|(a, b)| Mutation::Remethod(a, b)),
        (any.clone(), 0u16..30).prop_map(|(a, b)| Mutation::Rebind(a, b)),
        (any.clone(), any.clone()).prop_map(|(a, b)| Mutation::Reparent(a, b)),
        any.clone().prop_map(Mutation::RepeatAction),
        (any.clone(), any).prop_map(|(a, b)| Mutation::MoveAction(a, b)),
    ]
}

fn mutate(model: &Model<'_>, plan: &mut PlanFile, mutation: &Mutation) {
    let (steps, order) = (plan.steps.len(), plan.order.len());
    match *mutation {
        Mutation::SwapActions(a, b) if order > 0 => plan.order.swap(a % order, b % order),
        Mutation::SwapSteps(a, b) if steps > 0 => plan.steps.swap(a % steps, b % steps),
        Mutation::SwapPlaces(a, b) if steps > 0 => {
            let (a, b) = (a % steps, b % steps);
            let places = (plan.steps[a].place, plan.steps[b].place);
            (plan.steps[b].place, plan.steps[a].place) = places;
        }
        Mutation::DropAction(a) if order > 0 => drop(plan.order.remove(a % order)),
        Mutation::DropStep(a) if steps > 0 => {
            let gone = (a % steps) as u32;
            plan.steps.remove(gone as usize);
            plan.order.retain(|index| *index != gone);
            plan.order.iter_mut().filter(|index| **index > gone).for_each(|index| *index -= 1);
        }
        Mutation::Rename(a, task) if steps > 0 => {
            plan.steps[a % steps].task = TaskId(task % (model.tasks() as u16 + 1));
        }
        Mutation::Remethod(a, method) if steps > 0 => {
            plan.steps[a % steps].method = MethodId(method % (model.methods() as u16 + 1));
        }
        Mutation::Rebind(a, object) if !plan.values.is_empty() => {
            let place = a % plan.values.len();
            plan.values[place] = object % (model.objects() as u16 + 1);
        }
        Mutation::Reparent(a, b) if steps > 0 => {
            let parent = b % (steps + 1);
            plan.steps[a % steps].parent = if parent == steps { Step::ROOT } else { parent as u32 };
        }
        Mutation::RepeatAction(a) if order > 0 => plan.order.push(plan.order[a % order]),
        Mutation::MoveAction(a, b) if order > 0 => {
            let index = plan.order.remove(a % order);
            plan.order.insert(b % order, index);
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// What was done to a plan, the verifier says of it what trying out says.
    #[test]
    fn plans_that_were_made_wrong_are_refused(
        which in 0usize..SMALL.len() + 1, mutations in prop::collection::vec(mutation(), 1..4)
    ) {
        let (hddl, plan) = &solved()[which];
        let model = hddl.model().unwrap();
        let mut plan = plan.clone();
        for mutation in &mutations {
            mutate(&model, &mut plan, mutation);
        }
        let right = World::new(model).accepts(&plan.plan());
        let verdict = verify(&model, &plan.plan());
        prop_assert_eq!(verdict.is_ok(), right, "{:?}: {:?}", names().nth(which), verdict);
        // Whatever it is, writing and drawing it does no harm.
        if right {
            let text = write_plan(&model, &plan.plan()).unwrap();
            let again = read_plan(&model, Source { name: "plan", text: text.as_bytes() }).unwrap();
            prop_assert_eq!(verify(&model, &again.plan()), Ok(()));
        }
        prop_assert!(plan_svg(&model, &plan.plan()).ends_with("</svg>\n"));
        prop_assert!(plan_dot(&model, &plan.plan()).contains("digraph"));
    }
}
