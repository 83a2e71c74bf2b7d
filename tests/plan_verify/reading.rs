//! Plans as text: which subtask is which, long plans, odd names.

use std::fmt::Write as _;

use neural_swarm::Error;
use neural_swarm::host::hddl::*;
use neural_swarm::port::Heap;
use neural_swarm::task::plan::*;
use proptest::prelude::*;

fn hddl(domain: &str, problem: &str) -> Hddl {
    let source = |name, text| Source { name, text };
    Hddl::read(source("domain", domain.as_bytes()), source("problem", problem.as_bytes()))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn read(model: &Model<'_>, text: &str) -> Result<PlanFile, HddlError> {
    read_plan(model, Source { name: "plan", text: text.as_bytes() })
}

fn verdict(hddl: &Hddl, text: &str) -> Result<(), Why> {
    let model = hddl.model().unwrap();
    let plan = read(&model, text).unwrap_or_else(|error| panic!("{error}"));
    verify_plan(&model, &plan.plan()).unwrap().map_err(|refusal| refusal.why)
}

/// So many subtasks of one method, ordered and not, alike and not.
#[test]
fn methods_with_many_subtasks_are_read() {
    let many = 20_000;
    let domain = "(define (domain d) (:task k :parameters ()) (:action a :parameters (?x)))";
    let plan = |order: &dyn Fn(usize) -> usize, object: &dyn Fn(usize) -> usize| {
        let mut text = String::from("==>\n");
        for id in 0..many {
            writeln!(text, "{id} a o{}", object(id)).unwrap();
        }
        text += "root";
        (0..many).for_each(|i| write!(text, " {}", order(i)).unwrap());
        text + "\n<==\n"
    };
    let objects: String = (0..many).map(|i| format!("o{i} ")).collect();
    let problem = |key: &str, object: &dyn Fn(usize) -> usize| {
        let tasks: String = (0..many).map(|i| format!("(a o{}) ", object(i))).collect();
        format!("(define (problem p) (:domain d) (:objects {objects}) (:htn {key} (and {tasks})))")
    };
    let (same, own) = (|_| 0, |i| i);
    let (forth, back) = (|i| i, |i| many - 1 - i);
    for (key, object, order) in [
        (":ordered-subtasks", &own as &dyn Fn(usize) -> usize, &forth as &dyn Fn(usize) -> usize),
        (":ordered-subtasks", &same, &forth),
        (":subtasks", &own, &back),
        (":subtasks", &same, &back),
    ] {
        let hddl = hddl(domain, &problem(key, object));
        let model = hddl.model().unwrap();
        let plan = read(&model, &plan(order, object)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(verify_plan(&model, &plan.plan()).unwrap(), Ok(()), "{key}");
        assert_eq!(plan.lines[plan.order[7] as usize], 9);
    }
}

#[test]
fn long_files_are_located_in_one_go() {
    // A predicate on each line that is not declared, or all on one line.
    for separator in ["\n", " "] {
        let facts: String = (0..40_000).map(|i| format!("(f{i}){separator}")).collect();
        let domain = "(define (domain d) (:action a :parameters ()))";
        let problem = format!(
            "(define (problem p) (:domain d)\n(:init {facts})(:htn :ordered-subtasks (a)))"
        );
        let hddl = hddl(domain, &problem);
        assert_eq!(hddl.warnings().len(), 40_000);
        let last = &hddl.warnings()[39_999];
        let at = if separator == "\n" { (40_001, 2) } else { (2, facts.len() as u32) };
        assert_eq!((last.line, last.column), at);
    }
}

#[test]
fn another_method_of_that_name_or_another_subtask_may_be_meant() {
    let domain = "(define (domain d) (:predicates (p ?x) (q))
        (:task k :parameters ()) (:task both :parameters ()) (:task e :parameters ())
        (:task three :parameters ())
        (:action a :parameters (?x) :effect (q))
        (:method m :parameters (?x) :task (k) :precondition (not (p ?x)) :subtasks (a ?x))
        (:method m :parameters (?x) :task (k) :precondition (p ?x) :subtasks (a ?x))
        (:method n :parameters (?x ?y) :task (both) :precondition (p ?x)
          :subtasks (and (a ?y) (a ?x)))
        (:method early :parameters () :task (e) :precondition (not (q)) :subtasks ())
        (:method late :parameters () :task (e) :precondition (q) :subtasks ())
        (:method t :parameters (?x) :task (three)
          :subtasks (and (t1 (e)) (t2 (a ?x)) (t3 (e))) :ordering (< t1 t2)))";
    let problem = |tasks: &str, init: &str| {
        let problem = format!(
            "(define (problem p) (:domain d) (:objects o1 o2) (:init {init})
               (:htn :ordered-subtasks (and {tasks})))"
        );
        hddl(domain, &problem)
    };
    let one = problem("(k)", "(p o1)");
    assert_eq!(verdict(&one, "==>\n0 a o1\nroot 1\n1 k -> m 0\n<==\n"), Ok(()));
    assert_eq!(verdict(&one, "==>\n0 a o2\nroot 1\n1 k -> m 0\n<==\n"), Ok(()));
    // Which of the two is ?x the facts tell alone.
    let text = "==>\n0 a o1\n1 a o2\nroot 2\n2 both -> n 0 1\n<==\n";
    assert_eq!(verdict(&problem("(both)", "(p o1)"), text), Ok(()));
    assert_eq!(verdict(&problem("(both)", "(p o2)"), text), Ok(()));
    assert_eq!(verdict(&problem("(both)", ""), text), Err(Why::MethodPrecondition));
    // Each by itself.
    let text = "==>\n0 a o1\n1 a o2\n2 a o2\n3 a o1\nroot 4 5 6\n4 both -> n 0 1\n\
                5 both -> n 2 3\n6 k -> m 7\n<==\n";
    let text = text.replace("root", "7 a o2\nroot");
    for init in ["(p o1)", "(p o2)", "(p o1) (p o2)"] {
        assert_eq!(verdict(&problem("(both) (both) (k)", init), &text), Ok(()), "{init}");
    }
    // Many of which each is first read wrongly.
    let many = 300;
    let text: String = (0..many)
        .map(|i| format!("{} a o2\n{} a o1\n{} both -> n {0} {1}\n", 2 * i, 2 * i + 1, 1000 + i))
        .collect();
    let (actions, tasks): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| !line.contains("->"));
    let ids: String = (0..many).map(|i| format!(" {}", 1000 + i)).collect();
    let (actions, tasks) = (actions.join("\n"), tasks.join("\n"));
    let text = format!("==>\n{actions}\nroot{ids}\n{tasks}\n<==\n");
    let all = problem(&"(both) ".repeat(many), "(p o1)");
    assert_eq!(verdict(&all, &text), Ok(()));
    let all = problem(&"(both) ".repeat(many), "(p o2)");
    assert_eq!(verdict(&all, &text), Ok(()));
    // The one that comes before the action was begun before it.
    let three = problem("(three)", "");
    for list in ["2 0 1", "1 2 0", "2 1 0"] {
        let text =
            format!("==>\n0 a o1\nroot 3\n3 three -> t {list}\n1 e -> late\n2 e -> early\n<==\n");
        assert_eq!(verdict(&three, &text), Ok(()), "{list}");
        let text = text.replace("early", "late");
        assert_eq!(verdict(&three, &text), Err(Why::MethodPrecondition), "{list}");
    }
}

/// What cannot be told within reason is said so, and what is no way at all is, too.
#[test]
fn subtasks_that_fit_nowhere_are_refused() {
    let variables: String = (0..24).map(|i| format!("?x{i} ")).collect();
    let visits: String = (0..24).map(|i| format!("(a ?x{i}) ")).collect();
    let domain = format!(
        "(define (domain d) (:task k :parameters ()) (:action a :parameters (?x))
           (:action b :parameters (?x ?y))
           (:method m :parameters ({variables}) :task (k)
             :subtasks (and {visits} (b ?x0 ?x1) (b ?x1 ?x2))))"
    );
    let objects: String = (0..26).map(|i| format!("o{i} ")).collect();
    let problem = format!(
        "(define (problem p) (:domain d) (:objects {objects}) (:htn :ordered-subtasks (k)))"
    );
    let hddl = hddl(&domain, &problem);
    let actions: String = (0..24).map(|i| format!("{i} a o{i}\n")).collect();
    let ids: String = (0..26).map(|i| format!(" {i}")).collect();
    let text = |b: &str| format!("==>\n{actions}{b}root 30\n30 k -> m{ids}\n<==\n");
    assert_eq!(verdict(&hddl, &text("24 b o0 o1\n25 b o1 o2\n")), Ok(()));
    let model = hddl.model().unwrap();
    let error = read(&model, &text("24 b o24 o25\n25 b o25 o24\n")).unwrap_err();
    assert_eq!((error.error, error.line), (Error::Capacity, 29));
    let error = read(&model, &text("24 b o0 o1\n25 a o1\n")).unwrap_err();
    assert_eq!((error.error, error.line), (Error::TaskPlan, 29));
}

/// HDDL forbids few characters in names.
#[test]
fn names_are_read_as_they_were_written() {
    let domain = "(define (domain d) (:types t[0])
        (:task __top :parameters (?x - t[0])) (:task b[] :parameters (?x))
        (:action go,to[2] :parameters (?x ?y))
        (:method -> :parameters (?x) :task (__top ?x) :ordered-subtasks (b[] ?x))
        (:method m[1],2 :parameters (?x ?y) :task (b[] ?x) :ordered-subtasks (go,to[2] ?x ?y)))";
    let domain = domain.replace("-> ", "m\u{a0}n ");
    let problem = "(define (problem p) (:domain d) (:objects a,b x[1] \u{3000}é\u{2003}f - t[0])
        (:htn :ordered-subtasks (and (__top a,b) (b[] x[1]) (__top \u{3000}é\u{2003}f))))";
    let hddl = hddl(&domain, problem);
    let model = hddl.model().unwrap();
    let mut planner = Planner::new(&model, &PlannerConfig::default(), Heap).unwrap();
    assert_eq!(planner.step(10_000), Outcome::Found);
    let plan = planner.plan().unwrap();
    let text = write_plan(&model, &plan).unwrap();
    let again = read(&model, &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(write_plan(&model, &again.plan()).unwrap(), text);
    assert_eq!(verify_plan(&model, &again.plan()).unwrap(), Ok(()));
}

/// A plan of two tasks that each have three subtasks in some order, of one of three methods of one name.
#[derive(Clone, Debug)]
struct Ambiguous {
    conditions: [usize; 5],
    /// For each task its action, whether that adds, and the objects of the two others.
    tasks: [(usize, bool, usize, usize); 2],
    /// In which order they are listed.
    listed: [usize; 2],
}

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

fn ambiguous() -> impl Strategy<Value = Ambiguous> {
    let task = || (0usize..2, any::<bool>(), 0usize..2, 0usize..2);
    let parts = (prop::array::uniform5(0usize..6), [task(), task()], [0usize..6, 0usize..6]);
    parts.prop_map(|(conditions, tasks, listed)| Ambiguous { conditions, tasks, listed })
}

impl Ambiguous {
    fn hddl(&self) -> Hddl {
        let [a, b, c, d, e] = self.conditions.map(|which| {
            let all = [
                "()",
                "(p ?x)",
                "(p ?y)",
                "(not (p ?x))",
                "(and (p ?x) (not (p ?y)))",
                "(not (p ?y))",
            ];
            all[which]
        });
        let domain = format!(
            "(define (domain d) (:predicates (p ?x)) (:task k :parameters ())
               (:task e :parameters (?x))
               (:action off :parameters (?x) :effect (not (p ?x)))
               (:action on :parameters (?x) :effect (p ?x))
               (:method m :parameters (?x ?y) :task (k) :precondition {a}
                 :subtasks (and (s1 (e ?x)) (s2 (on ?x)) (s3 (e ?y))) :ordering (< s1 s2))
               (:method m :parameters (?x ?y) :task (k) :precondition {b}
                 :subtasks (and (s1 (e ?x)) (s2 (on ?y)) (s3 (e ?y))) :ordering (< s2 s3))
               (:method m :parameters (?x ?y) :task (k) :precondition {c}
                 :subtasks (and (s1 (e ?x)) (s2 (off ?y)) (s3 (e ?y))))
               (:method n :parameters (?x ?y) :task (e ?x) :precondition {d} :subtasks ())
               (:method n :parameters (?x ?y) :task (e ?x) :precondition {e} :subtasks ()))"
        );
        let problem = "(define (problem p) (:domain d) (:objects o0 o1) (:init (p o1))
            (:htn :subtasks (and (k) (k))))";
        hddl(&domain, problem)
    }

    fn text(&self) -> String {
        let mut text = String::from("==>\n");
        for (id, (object, adds, ..)) in self.tasks.iter().enumerate() {
            let name = if *adds { "on" } else { "off" };
            writeln!(text, "{id} {name} o{object}").unwrap();
        }
        text += "root 2 3\n";
        for (which, (_, _, first, second)) in self.tasks.iter().enumerate() {
            // An action and two others.
            let ids = [4 + 2 * which, which, 5 + 2 * which];
            let ids = ORDERS[self.listed[which]].map(|nth| ids[nth].to_string());
            writeln!(text, "{} k -> m {}", 2 + which, ids.join(" ")).unwrap();
            writeln!(text, "{} e o{first} -> n", 4 + 2 * which).unwrap();
            writeln!(text, "{} e o{second} -> n", 5 + 2 * which).unwrap();
        }
        text + "<==\n"
    }

    /// Whether any way to read it is right: all are tried.
    fn is_right(&self, model: &Model<'_>) -> bool {
        let config = VerifierConfig { steps: 8, facts: 20, words: 100 };
        let mut verifier = Verifier::new(&config, Heap).unwrap();
        for number in 0..18 * 18 * 16 {
            let mut plan = PlanFile { order: vec![1, 5], ..PlanFile::default() };
            let choices = [number % 18, number / 18 % 18];
            let fits = (0..2).all(|which| {
                let (method, order) = (choices[which] % 3, ORDERS[choices[which] / 3]);
                let (object, adds, first, second) = self.tasks[which];
                // The places of the first, the action and the second in the method, and what these ask for.
                let [a, b, c] = order;
                let at = |place| [a, b, c].iter().position(|p| *p == place).unwrap();
                let objects = [first, object, second];
                let (x, y) = (objects[at(0)], objects[at(2)]);
                // Only the action is one, and its object is that of the method's.
                if b != 1 || adds != (method < 2) || object != if method == 0 { x } else { y } {
                    return false;
                }
                // What comes before is listed before.
                let listed = |place| {
                    ORDERS[self.listed[which]].iter().position(|nth| *nth == at(place)).unwrap()
                };
                let orders = [listed(0) < listed(1), listed(1) < listed(2), true];
                if !orders[method] {
                    return false;
                }
                let mut step = |task, method, parent, place: usize, values: &[usize]| {
                    let bound = plan.values.len() as u32;
                    plan.values.extend(values.iter().map(|value| *value as u16));
                    plan.steps.push(Step::new(task, method, parent, place as u16, bound));
                };
                let parent = 4 * which as u32;
                let none = usize::from(OPEN);
                let idle = |nth: usize| MethodId(3 + ((number / 324) >> nth & 1) as u16);
                step(task(model, "k"), MethodId(method as u16), Step::ROOT, which, &[x, y]);
                step(
                    task(model, if adds { "on" } else { "off" }),
                    Step::ACTION,
                    parent,
                    b,
                    &[object],
                );
                let e = task(model, "e");
                step(e, idle(2 * which), parent, a, &[first, none]);
                step(e, idle(2 * which + 1), parent, c, &[second, none]);
                true
            });
            if fits && verifier.verify(model, &plan.plan()).is_ok() {
                return true;
            }
        }
        false
    }
}

fn task(model: &Model<'_>, name: &str) -> TaskId {
    let all = (0..model.tasks() as u16).map(TaskId);
    all.into_iter().find(|task| model.task_name(*task) == name).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// If any way to read a plan is right, it is read so.
    #[test]
    fn the_way_that_is_right_is_found(plan in ambiguous()) {
        let hddl = plan.hddl();
        let model = hddl.model().unwrap();
        let right = plan.is_right(&model);
        match read(&model, &plan.text()) {
            Ok(file) => {
                let verdict = verify_plan(&model, &file.plan()).unwrap();
                prop_assert_eq!(verdict.is_ok(), right, "{:?}\n{}", verdict, plan.text());
            }
            Err(error) => prop_assert!(!right, "{}\n{}", error, plan.text()),
        }
    }
}
