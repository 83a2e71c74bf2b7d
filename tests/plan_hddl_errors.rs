//! HDDL that is refused: what is not supported by its name, what is wrong by its place.
#![cfg(unix)]

use neural_swarm::Error;
use neural_swarm::host::hddl::{Hddl, HddlError, Source};
use proptest::prelude::*;

/// A small domain with more sections.
fn domain(sections: &str) -> String {
    format!(
        "(define (domain d)\n\
         (:types room - object)\n\
         (:predicates (at ?r - room) (lit ?r - room))\n\
         (:task be :parameters (?r - room))\n\
         (:action go :parameters (?a ?b - room)\n\
          :precondition (at ?a) :effect (and (not (at ?a)) (at ?b)))\n\
         (:method m :parameters (?a ?b - room) :task (be ?b) :precondition (at ?a)\n\
          :ordered-subtasks (go ?a ?b))\n\
         {sections})"
    )
}

/// A small problem with more sections.
fn problem(sections: &str) -> String {
    format!(
        "(define (problem p) (:domain d)\n\
         (:objects hall attic - room)\n\
         (:htn :ordered-subtasks (be attic))\n\
         (:init (at hall))\n\
         {sections})"
    )
}

fn read(domain: &str, problem: &str) -> Result<Hddl, HddlError> {
    Hddl::read(
        Source { name: "d.hddl", text: domain.as_bytes() },
        Source { name: "p.hddl", text: problem.as_bytes() },
    )
}

fn refused(domain: &str, problem: &str) -> HddlError {
    match read(domain, problem) {
        Ok(_) => panic!("this was read:\n{domain}\n{problem}"),
        Err(error) => error,
    }
}

#[test]
fn what_is_small_and_right_is_read() {
    let hddl = read(&domain(""), &problem("(:goal (at attic))")).unwrap();
    assert_eq!(hddl.warnings(), []);
    let model = hddl.model().unwrap();
    assert_eq!((model.objects(), model.predicates(), model.tasks(), model.methods()), (2, 2, 2, 1));
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let in_domain = [
        ("(:durative-action fly :parameters ())", "durative actions"),
        ("(:derived (dark ?r - room) (not (lit ?r)))", "derived predicates"),
        ("(:axiom :vars (?r - room))", "derived predicates"),
        ("(:constraints (always (lit hall)))", "constraints on the course of a plan"),
        ("(:process p :parameters ())", "processes"),
        ("(:event e :parameters ())", "events"),
        ("(:action a :parameters () :precondition (> (fuel) 3))", "numeric conditions"),
        ("(:action a :parameters () :precondition (<= (fuel) (speed)))", "numeric conditions"),
        ("(:action a :parameters () :precondition (= (fuel) 3))", "numeric conditions"),
        ("(:action a :parameters (?r - room) :precondition (at (next ?r)))", "functions as arguments"),
        ("(:action a :parameters () :precondition (preference p (at ?r)))", "preferences"),
        ("(:action a :parameters () :duration (= ?duration 3))", "durations"),
        ("(:action a :parameters (?r - room) :effect (or (at ?r) (lit ?r)))", "effects that are not determined"),
        ("(:task t :parameters () :precondition (at ?r))", "preconditions and effects of abstract tasks"),
        ("(:task t :parameters () :effect (at ?r))", "preconditions and effects of abstract tasks"),
        ("(:method n :parameters (?r - room) :task (be ?r) :effect (lit ?r) :subtasks ())", "effects of methods"),
        (
            "(:method n :parameters (?r - room) :task (be ?r) :subtasks (and (a (be ?r)) (b (be ?r)))
              :causal-links (and (a (lit ?r) b)))",
            "causal links",
        ),
        ("(:method n :parameters (?r - room) :task (be ?r) :duration (= ?duration 1))", "durations"),
        ("(:durative-method n :parameters ())", "durative methods"),
        ("(:action a :parameters () :condition (at ?r))", "durative actions"),
        ("(:action a :parameters () :preference (at ?r))", "preferences"),
        ("(:action a :parameters () :observe (at ?r))", "observations"),
        ("(:preference p (at ?r))", "preferences"),
    ];
    for (section, what) in in_domain {
        let error = refused(&domain(section), &problem(""));
        assert_eq!(error.error, Error::Unsupported, "{section}: {error}");
        assert_eq!(error.message, format!("{what} are not supported"), "{section}");
        assert!((error.file.as_str(), error.line >= 9) == ("d.hddl", true), "{section}: {error}");
    }
    let in_problem = [
        ("(:goal (preference p (at attic)))", "preferences"),
        ("(:goal (always (at attic)))", "constraints on the course of a plan"),
        ("(:constraints (and (always (at attic))))", "constraints on the course of a plan"),
        ("(:goal (< (fuel) 5))", "numeric conditions"),
        ("(:tihtn :parameters ())", "problems with task insertion"),
        ("(:htnti :parameters ())", "problems with task insertion"),
        ("(:utility (= (at attic) 5))", "utilities"),
        ("(:bound 5)", "bounds on costs"),
    ];
    for (section, what) in in_problem {
        let error = refused(&domain(""), &problem(section));
        assert_eq!(error.error, Error::Unsupported, "{section}: {error}");
        assert_eq!(error.message, format!("{what} are not supported"), "{section}");
        assert_eq!((error.file.as_str(), error.line), ("p.hddl", 5), "{section}: {error}");
    }
    let timed = problem("").replace("(at hall)", "(at hall) (at 5 (lit hall))");
    let error = refused(&domain(""), &timed);
    assert_eq!(error.to_string(), "p.hddl:4:19: timed initial literals are not supported");
}

#[test]
fn what_is_wrong_is_refused_where_it_is() {
    let domains = [
        ("(:action", "9:9: expected the name of an action, found `)`"),
        (
            "(:acton a)",
            "9:2: expected a section of a domain (`:requirements`, `:types`, `:constants`, \
          `:predicates`, `:functions`, `:task`, `:method` or `:action`), found `:acton`",
        ),
        ("(:action a :parameters ?x)", "9:24: expected `(` before parameters, found `?x`"),
        ("(:action a :parameters (?x - ))", "9:30: expected a type, found `)`"),
        ("(:action a :parameters (- room))", "9:25: expected a variable before `-`, found `-`"),
        ("(:action a :parameters (x))", "9:25: expected a variable, `-` or `)`, found `x`"),
        ("(:action a :parameters () :parameters ())", "9:27: a second `:parameters`"),
        ("(:action a :precondition)", "9:25: expected `(` before a condition, found `)`"),
        ("(:action a :precondition (not))", "9:30: expected `(` before a condition, found `)`"),
        ("(:action a :effect (not (at)))", "9:26: expected 1 arguments of `at`, found 0"),
        ("(:action a :effect (on))", "9:21: the predicate `on` is not declared"),
        ("(:action a :effect (at ?x))", "9:24: the variable `?x` is not declared"),
        ("(:action a :effect (at cellar))", "9:24: the object `cellar` is not declared"),
        ("(:action a :parameters (?x ?x))", "9:28: a second parameter `?x`"),
        ("(:action go)", "9:10: a second task or action `go`"),
        ("(:task go)", "9:8: a second task or action `go`"),
        ("(:method n :subtasks ())", "9:10: the method `n` has no `:task`"),
        ("(:method n :task (fly))", "9:19: the task `fly` is not declared"),
        ("(:method n :task (be))", "9:19: expected 1 arguments of `be`, found 0"),
        (
            "(:method n :parameters (?x ?y) :task (go ?x ?y))",
            "9:39: `go` is an action: methods are for tasks",
        ),
        (
            "(:method n :parameters (?x) :task (be ?x) :subtasks (and (fly)))",
            "9:59: the task `fly` is not declared",
        ),
        (
            "(:method n :parameters (?x) :task (be ?x) :subtasks (be ?x) :tasks ())",
            "9:61: a second list of subtasks",
        ),
        (
            "(:method n :parameters (?x) :task (be ?x) :subtasks (and (a (be ?x)) (a (be ?x))))",
            "9:71: a second subtask `a`",
        ),
        (
            "(:method n :parameters (?x) :task (be ?x) :subtasks (and (a (be ?x)) (b (be ?x)))\n\
             :ordering (and (a < b) (< b c)))",
            "10:29: there is no subtask `c`",
        ),
        (
            "(:method n :parameters (?x) :task (be ?x) :subtasks (and (a (be ?x)) (b (be ?x)))\n\
             :ordering (and (< a b) (b < a)))",
            "10:19: tasks wait for each other in a circle",
        ),
        (
            "(:method n :parameters (?x) :task (be ?x) :ordered-subtasks (and (a (be ?x)) (b (be ?x)))\n\
             :ordering (< a b))",
            "10:1: `:ordering` beside subtasks that are ordered already",
        ),
        (
            "(:method n :parameters (?x) :task (be ?x) :constraints (at ?x))",
            "9:57: expected constraints of `=` and types, found the predicate `at`",
        ),
        // What the method's task is given is of its type.
        (
            "(:types cat) (:constants tom - cat) (:method n :task (be tom) :subtasks ())",
            "9:58: `tom` is not of the type of argument 1 of `be`",
        ),
        // Orderings of one subtask, and of none.
        (
            "(:method n :parameters (?x) :task (be ?x) :subtasks (and (a (be ?x)))\n\
             :ordering (< a b))",
            "10:16: there is no subtask `b`",
        ),
        (
            "(:method n :parameters (?x) :task (be ?x) :subtasks (and (a (be ?x)))\n\
             :ordering (< a a))",
            "10:14: tasks wait for each other in a circle",
        ),
        (
            "(:method n :parameters (?x) :task (be ?x) :ordering (< a b) :subtasks ())",
            "9:56: there is no subtask `a`",
        ),
        // Two that differ in case alone: neither is meant.
        (
            "(:method n :parameters (?x) :task (be ?x) :subtasks (and (ab (be ?x)) (AB (be ?x)))\n\
             :ordering (< ab aB))",
            "10:17: there is no subtask `aB`",
        ),
        ("(:action \u{1}a)", "9:10: a control character, which is part of no name"),
        ("(:action ? )", "9:10: a `?` with no name behind it"),
        (") 5", "9:3: expected the end of the file, found `5`"),
    ];
    let mut wrong = String::new();
    for (section, message) in domains {
        let error = refused(&domain(section), &problem("")).to_string();
        if error != format!("d.hddl:{message}") {
            wrong += &format!("{section}\n  {error}\n  d.hddl:{message}\n");
        }
    }
    assert!(wrong.is_empty(), "said, and wanted:\n{wrong}");
    let problems = [
        ("(:goal (at cellar))", "5:12: the object `cellar` is not declared"),
        ("(:goal (at attic hall))", "5:9: expected 1 arguments of `at`, found 2"),
        ("(:goal) ", "5:7: expected `(` before a condition, found `)`"),
        ("(:init (at attic))", "5:2: a second `:init`"),
        ("(:htn)", "5:2: a second `:htn`"),
        (
            "(:method n)",
            "5:2: expected a section of a problem (`:domain`, `:requirements`, \
          `:objects`, `:htn`, `:init`, `:goal` or `:metric`), found `:method`",
        ),
    ];
    for (section, message) in problems {
        let error = refused(&domain(""), &problem(section));
        assert_eq!(error.to_string(), format!("p.hddl:{message}"), "{section}");
    }
    // Columns are of characters, not of bytes; and a byte order mark is none.
    for mark in ["", "\u{feff}"] {
        let file = format!("{mark}(define (domain ü) (:predicates (é ?x - ß)) (x))");
        let error = refused(&file, "");
        assert_eq!(error.to_string(), "d.hddl:1:46: expected a section of a domain, found `x`");
    }
    let error = refused(&domain(""), "(define (problem p) (:domain d) (:init))");
    assert_eq!(
        error.to_string(),
        "p.hddl:1:40: expected `(:htn ...)`: what is to be done, found `)`"
    );
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("(not ", ")"), ("(and ", ")"), ("(forall (?x) ", ")"), ("(", ")")] {
        let deep = |n: usize| format!("{}(at hall){}", open.repeat(n), close.repeat(n));
        for n in [250, 100_000] {
            let goal = format!("(:goal {})", deep(n));
            assert!(read(&domain(""), &problem(&goal)).is_err(), "{open}");
            let metric = format!("(:metric {})", deep(n));
            assert!(read(&domain(""), &problem(&metric)).is_err(), "{open}");
        }
        assert!(
            open == "(" || read(&domain(""), &problem(&format!("(:goal {})", deep(10)))).is_ok()
        );
    }
}

#[test]
fn files_may_be_sloppy() {
    let sloppy = "
        (DEFINE (Domain D)
          (:Requirements :unheard-of :strips)
          (:types room hall-way - place place) ; a type without parent at the end
          (:constants Cellar - room)
          (:functions (total-cost) - number (len ?a ?b - place))
          (:predicates (At ?p -place) (at ?a ?b - place) (lit ?p))
          (:task be :parameters (?p - place) :precondition () :effect ())
          (:method m :task (be ?P) :parameters (?p ?q - place) :precondition (AND (at ?q))
            :subtasks (and (t1 (go ?q ?p))) :ordering () :constraints () :causal-links ())
          (:method n :parameters (?p - place) :task (be ?p) :tasks ())
          (:action Go :effect (and (increase (total-cost) (len ?a ?b)) (at ?b) (not (at ?a)))
            :precondition (at ?a) :parameters (?a ?b - place)))";
    let problem = "(define (problem p) (:requirements :typing) (:domain d)
          (:objects attic - room Cellar - room lost-one)
          (:init (= (total-cost) 0) (= (len attic Cellar) 3) (at attic) (not (at Cellar)) (lit lost-one))
          (:htn :tasks (and (be cellar)) :ordering () :constraints ())
          (:metric minimize (total-cost)))";
    let hddl = read(sloppy, problem).unwrap();
    assert_eq!(hddl.warnings(), []);
    let model = hddl.model().unwrap();
    // Names are as declared, once each.
    let names =
        |n: usize, name: &dyn Fn(u16) -> String| (0..n as u16).map(name).collect::<Vec<_>>();
    let objects = names(model.objects(), &|i| {
        model.object_name(neural_swarm::task::plan::ObjectId(i)).into()
    });
    assert_eq!(objects, ["Cellar", "attic", "lost-one"]);
    let tasks =
        names(model.tasks(), &|i| model.task_name(neural_swarm::task::plan::TaskId(i)).into());
    assert_eq!(tasks, ["Go", "be"]);
    // One predicate a number of arguments.
    assert_eq!(model.predicates(), 3);
}

#[test]
fn what_is_odd_is_read_with_a_warning() {
    let odd = domain("(:action look :parameters (?c - cat) :effect (lit ?c))");
    let text = problem("").replace("(at hall)", "(at hall) (dark attic) (dark hall) (lit tom)");
    let text = text.replace("room)", "room tom - cat)").replace("(:domain d)", "(:domain other)");
    let hddl = read(&odd, &text).unwrap();
    let warnings: Vec<String> = hddl.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "d.hddl:9:33: the type `cat` is not declared",
            "d.hddl:9:51: argument 1 of `lit` is of another type than declared",
            "p.hddl:1:30: a problem of `other`, read with `d`",
            "p.hddl:4:19: the predicate `dark` is not declared: its facts are left out",
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is cut out of a good file, or put into it: an answer, and a place inside the file.
    #[test]
    fn damaged_files_get_an_answer(
        which in 0usize..2, at in 0usize..1000, cut in 0usize..40, put in "[ ()?:a-z0-9=<-]{0,6}"
    ) {
        let mut texts = [domain(""), problem("(:goal (forall (?r - room) (or (at ?r) (not (= ?r hall)))))")];
        let text = &mut texts[which];
        let at = at % text.len();
        text.replace_range(at..(at + cut).min(text.len()), &put);
        if let Err(error) = read(&texts[0], &texts[1]) {
            let file = &texts[usize::from(error.file == "p.hddl")];
            prop_assert!(error.line >= 1 && error.line as usize <= file.lines().count() + 1);
            prop_assert!(error.column >= 1 && !error.message.is_empty());
        }
    }
}

#[test]
fn what_is_too_much_is_refused() {
    let many = |what: &str, n: usize| (0..n).map(|i| format!("{what}{i} ")).collect::<String>();
    let objects = problem("").replace("attic -", &format!("attic {} -", many("o", 66_000)));
    let error = refused(&domain(""), &objects);
    assert_eq!((error.error, &*error.message), (Error::Capacity, "more than 65280 objects"));
    let predicates = domain(&format!("(:predicates {})", many("(q", 66_000).replace(' ', ")")));
    let error = refused(&predicates, &problem(""));
    assert_eq!((error.error, &*error.message), (Error::Capacity, "more than 65533 predicates"));
    for section in [
        format!("(:action a :parameters ({}))", many("?x", 300)),
        format!("(:task a :parameters ({}))", many("?x", 70)),
        format!("(:predicates (many {}))", many("?x", 70)),
        format!("(:action a :precondition (forall ({}) (at ?x1)))", many("?x", 300)),
        many("(:task_t", 66_000).replace(' ', ")").replace('_', " "),
        format!("(:types {})", many("t", 66_000)),
    ] {
        let error = refused(&domain(&section), &problem(""));
        let right = matches!(error.error, Error::Capacity | Error::Invalid | Error::Unsupported);
        assert!(right && error.line == 9, "{error}: {}", &section[..40]);
    }
}

/// Each `either` takes a link for each of its types.
#[test]
fn wide_types_are_read() {
    let types: String = (0..300).map(|i| format!("t{i} ")).collect();
    let predicates: String = (0..250)
        .map(|i| {
            let parts: String = (i..i + 50).chain(0..i).map(|t| format!("t{t} ")).collect();
            format!("(p{i} ?x - (either {parts}))\n")
        })
        .collect();
    let wide = domain(&format!("(:types {types}) (:predicates {predicates})"));
    let hddl = read(&wide, &problem("")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(hddl.model().unwrap().predicates(), 252);
    let several = problem("").replace("attic - room", &format!("attic - (either room {types})"));
    let hddl = read(&domain(&format!("(:types {types})")), &several);
    assert_eq!(hddl.unwrap_or_else(|error| panic!("{error}")).model().unwrap().objects(), 2);
}
