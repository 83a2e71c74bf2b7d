//! Each reason for which a plan is refused, and which step is told.

use neural_swarm::Error;
use neural_swarm::host::hddl::*;
use neural_swarm::task::plan::*;

use super::verify;

const DOMAIN: &str = "(define (domain d) (:types t u)
    (:predicates (p ?x - t) (done))
    (:task k :parameters (?x - t)) (:task other :parameters ())
    (:action a :parameters (?x - t) :precondition (p ?x) :effect (done))
    (:action b :parameters () :effect (and))
    (:method m :parameters (?x ?y - t) :task (k ?x) :precondition (p ?y)
      :ordered-subtasks (and (a ?x) (a ?y)))
    (:method n :parameters () :task (other) :ordered-subtasks ()))";

fn hddl(domain: &str, objects: &str, init: &str, rest: &str) -> Hddl {
    let problem =
        format!("(define (problem p) (:domain d) (:objects {objects}) (:init {init}) {rest})");
    let source = |text| Source { name: "file", text };
    Hddl::read(source(domain.as_bytes()), source(problem.as_bytes()))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn small(init: &str, goal: &str) -> Hddl {
    hddl(DOMAIN, "o1 o2 - t v - u", init, &format!("(:htn :ordered-subtasks (k o1)) {goal}"))
}

/// `k o1` by `m` with `o2`: `a o1`, `a o2`.
fn good() -> PlanFile {
    let step =
        |task, method, parent, place, bound| Step::new(TaskId(task), method, parent, place, bound);
    PlanFile {
        steps: vec![
            step(2, MethodId(0), Step::ROOT, 0, 0),
            step(0, Step::ACTION, 0, 0, 2),
            step(0, Step::ACTION, 0, 1, 3),
        ],
        order: vec![1, 2],
        values: vec![0, 1, 0, 1],
        ..PlanFile::default()
    }
}

#[test]
fn each_reason_is_told_with_its_step() {
    let hddl = small("(p o1) (p o2)", "(:goal (done))");
    let model = hddl.model().unwrap();
    assert_eq!(verify(&model, &good().plan()), Ok(()));
    type Harm = fn(&mut PlanFile);
    let cases: &[(Harm, Option<u32>, Why)] = &[
        (|plan| plan.steps[1].parent = 1, Some(1), Why::Parent),
        (|plan| plan.steps[1].parent = 2, Some(1), Why::Parent),
        (|plan| plan.steps[2].parent = 70, Some(2), Why::Parent),
        (|plan| plan.steps[1].task = TaskId(70), Some(1), Why::Task),
        (|plan| plan.steps[1].task = TaskId(1), Some(1), Why::Task),
        (|plan| plan.steps[0].method = MethodId(70), Some(0), Why::Method),
        (|plan| plan.steps[0].method = MethodId(1), Some(0), Why::Method),
        (|plan| plan.steps[0].method = Step::ACTION, Some(0), Why::Method),
        (|plan| plan.steps[2].method = MethodId(0), Some(2), Why::Method),
        (|plan| plan.steps[2].bound = 2, Some(2), Why::Value),
        (|plan| plan.steps[2].bound = 4, Some(2), Why::Value),
        (|plan| plan.values[3] = OPEN, Some(2), Why::Value),
        // The task's argument, and what a subtask is given.
        (|plan| plan.values[0] = OPEN, Some(0), Why::Value),
        (|plan| plan.values[1] = OPEN, Some(0), Why::Value),
        (|plan| plan.values[1] = 2, Some(0), Why::Type),
        (|plan| plan.values[3] = 70, Some(2), Why::Type),
        (|plan| plan.steps[2].place = 0, Some(2), Why::Place),
        (|plan| plan.steps[2].place = 2, Some(2), Why::Place),
        (|plan| plan.steps[2].parent = 1, Some(2), Why::Place),
        (
            |plan| {
                plan.steps.pop();
                plan.order.pop();
            },
            Some(0),
            Why::Missing,
        ),
        (
            |plan| {
                plan.steps.clear();
                plan.order.clear();
            },
            None,
            Why::Missing,
        ),
        (|plan| plan.order.truncate(1), None, Why::Actions),
        (|plan| plan.order.push(2), None, Why::Actions),
        (|plan| plan.order[1] = 1, None, Why::Actions),
        (|plan| plan.order[1] = 0, None, Why::Actions),
        (|plan| plan.order[1] = 70, None, Why::Actions),
        (|plan| plan.order.swap(0, 1), Some(2), Why::Order),
    ];
    for (number, (harm, step, why)) in cases.iter().enumerate() {
        let mut plan = good();
        harm(&mut plan);
        let refusal = verify(&model, &plan.plan()).unwrap_err();
        assert_eq!((refusal.step, refusal.why), (*step, *why), "case {number}");
        assert_eq!(refusal.error(), Error::TaskPlan);
        assert!(refusal.to_string().ends_with(why.text()));
    }
    let states = [
        ("(p o2)", "", Some(1), Why::Precondition),
        ("(p o1)", "", Some(0), Why::MethodPrecondition),
        ("(p o1) (p o2)", "(:goal (not (done)))", None, Why::Goal),
    ];
    for (init, goal, step, why) in states {
        let hddl = small(init, goal);
        let refusal = verify(&hddl.model().unwrap(), &good().plan()).unwrap_err();
        assert_eq!((refusal.step, refusal.why), (step, why), "{init} {goal}");
    }
}

/// Verifies a plan's text; the line of the step that is refused, and why.
fn verdict(hddl: &Hddl, text: &str) -> Result<(), (String, Why)> {
    let model = hddl.model().unwrap();
    let plan = read_plan(&model, Source { name: "plan", text: text.as_bytes() });
    let plan = plan.unwrap_or_else(|error| panic!("{error}"));
    verify_plan(&model, &plan.plan()).unwrap().map_err(|refusal| {
        let line = refusal.step.map_or(0, |step| plan.lines[step as usize]) as usize;
        (text.lines().nth(line.max(1) - 1).unwrap_or("").to_owned(), refusal.why)
    })
}

#[test]
fn what_waits_for_something_else_is_not_blamed() {
    let domain = "(define (domain d) (:predicates (p) (q))
        (:task k :parameters ()) (:task late :parameters ()) (:task idle :parameters ())
        (:action a :parameters ()) (:action b :parameters () :effect (p))
        (:action c :parameters ())
        (:method m :parameters () :task (k) :ordered-subtasks (and (a) (b)))
        (:method n :parameters () :task (late) :precondition (p) :ordered-subtasks (c))
        (:method i :parameters () :task (idle) :precondition (q) :ordered-subtasks ())
        (:method j :parameters () :task (k) :ordered-subtasks (and (a) (idle) (b))))";
    let late = hddl(domain, "", "", "(:htn :subtasks (and (k) (late)))");
    let plan = |actions: &str, rest: &str| format!("==>\n{actions}\nroot 3 4\n{rest}\n<==\n");
    let right = "3 k -> m 0 1\n4 late -> n 2";
    assert_eq!(verdict(&late, &plan("0 a\n1 b\n2 c", right)), Ok(()));
    // `late` waits for p, but that is not why b may not be carried out.
    let wrong = verdict(&late, &plan("1 b\n0 a\n2 c", right));
    assert_eq!(wrong, Err(("1 b".into(), Why::Order)));
    let wrong = verdict(&late, &plan("2 c\n0 a\n1 b", right));
    assert_eq!(wrong, Err(("4 late -> n 2".into(), Why::MethodPrecondition)));
    // What it has to come after has no action, and never begins.
    let never = "3 k -> j 0 5 1\n4 late -> n 2\n5 idle -> i";
    for actions in ["0 a\n1 b\n2 c", "0 a\n2 c\n1 b"] {
        let (line, why) = verdict(&late, &plan(actions, never)).unwrap_err();
        let blamed = if actions.contains("1 b\n2") { "5 idle -> i" } else { "4 late -> n 2" };
        assert_eq!((&*line, why), (blamed, Why::MethodPrecondition));
    }
    // At the end.
    let idle = hddl(domain, "", "", "(:htn :subtasks (and (k) (idle)))");
    let wrong = verdict(&idle, "==>\n0 a\n1 b\nroot 3 4\n3 k -> m 0 1\n4 idle -> i\n<==");
    assert_eq!(wrong, Err(("4 idle -> i".into(), Why::MethodPrecondition)));
}

/// As many different values as there are objects less one: to find that out by trying takes for ever.
#[test]
fn what_is_left_open_is_not_tried_for_ever() {
    let holes = |parameters: usize, objects: usize| {
        let names =
            |what: &str, n: usize| (0..n).map(|i| format!("{what}{i} ")).collect::<String>();
        let mut pairs = String::new();
        for a in 0..parameters {
            (0..a).for_each(|b| pairs += &format!("(not (= ?x{a} ?x{b})) "));
        }
        let domain = format!(
            "(define (domain d) (:task k :parameters ()) (:action a :parameters ())
               (:method m :parameters ({}) :task (k) :precondition (and {pairs})
                 :ordered-subtasks (a)))",
            names("?x", parameters)
        );
        hddl(&domain, &names("o", objects), "", "(:htn :ordered-subtasks (k))")
    };
    let text = "==>\n0 a\nroot 1\n1 k -> m 0\n<==\n";
    assert_eq!(verdict(&holes(6, 6), text), Ok(()));
    assert_eq!(verdict(&holes(6, 5), text).unwrap_err().1, Why::MethodPrecondition);
    assert_eq!(verdict(&holes(16, 15), text), Err(("1 k -> m 0".into(), Why::Choices)));
    let hddl = holes(16, 15);
    let model = hddl.model().unwrap();
    let plan = read_plan(&model, Source { name: "plan", text: text.as_bytes() }).unwrap();
    let refusal = verify_plan(&model, &plan.plan()).unwrap().unwrap_err();
    assert_eq!(refusal.error(), Error::Capacity);
}
