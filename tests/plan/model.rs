//! The builder and what a model says of what it was told.

use neural_swarm::Error;
use neural_swarm::port::Heap;
use neural_swarm::task::plan::{
    Builder, BuilderConfig, Effect, MAX_DEPTH, MethodId, Model, ObjectId, Part, Term, TypeId, View,
};

pub const ROOM: BuilderConfig = BuilderConfig {
    types: 50,
    links: 100,
    objects: 1000,
    predicates: 100,
    tasks: 100,
    methods: 200,
    code: 20000,
    facts: 20000,
    names: 50000,
};

fn var(i: u8) -> Term {
    Term::variable(i)
}

pub fn finish(mut b: Builder<'_>) -> Vec<u32> {
    let mut words = vec![0; b.model_len().unwrap() / 4 + 100];
    let len = b.finish(&mut words).unwrap();
    words.truncate(len / 4);
    words
}

fn text(model: &Model<'_>, formula: neural_swarm::task::plan::Formula<'_>) -> String {
    let terms = |args: &[u16]| {
        let one = |code: &u16| match Term::from_code(*code).as_variable() {
            Some(v) => format!(" ?{v}"),
            None => format!(" {}", model.object_name(ObjectId(*code))),
        };
        args.iter().map(one).collect::<String>()
    };
    match formula.view(model) {
        View::And(items) => {
            format!("(and{})", items.map(|f| format!(" {}", text(model, f))).collect::<String>())
        }
        View::Or(items) => {
            format!("(or{})", items.map(|f| format!(" {}", text(model, f))).collect::<String>())
        }
        View::ForAll(v, t, f) => format!("(forall ?{v}:{} {})", t.0, text(model, f)),
        View::Exists(v, t, f) => format!("(exists ?{v}:{} {})", t.0, text(model, f)),
        View::Atom(yes, p, args) => {
            format!("{}{}{}", if yes { "" } else { "!" }, model.predicate_name(p), terms(args))
        }
        View::Equal(yes, a, b) => format!("{}{}", if yes { "=" } else { "!=" }, terms(&[a, b])),
    }
}

#[test]
fn formulae_become_negation_normal_form() {
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let o = b.object("o", TypeId::OBJECT).unwrap();
    let p = b.predicate("p", &[TypeId::OBJECT]).unwrap();
    let q = b.predicate("q", &[]).unwrap();
    b.goal().unwrap();
    b.open(Part::And).unwrap();
    b.atom(q, &[]).unwrap();
    b.open(Part::Not).unwrap();
    {
        b.open(Part::Or).unwrap();
        b.atom(q, &[]).unwrap();
        b.open(Part::Imply).unwrap();
        b.atom(p, &[o.into()]).unwrap();
        b.equal(o.into(), o.into()).unwrap();
        b.close().unwrap();
        b.close().unwrap();
    }
    b.close().unwrap();
    b.close().unwrap();
    b.open(Part::Not).unwrap();
    let x = b.quantifier(true, TypeId::OBJECT).unwrap();
    b.open(Part::Imply).unwrap();
    b.atom(p, &[x]).unwrap();
    let y = b.quantifier(false, TypeId::OBJECT).unwrap();
    b.equal(x, y).unwrap();
    b.atom(p, &[y]).unwrap();
    b.close().unwrap();
    b.close().unwrap();
    b.close().unwrap();
    b.close().unwrap();
    b.open(Part::Or).unwrap();
    b.close().unwrap();
    let words = finish(b);
    let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
    let (goal, variables) = model.goal().unwrap();
    assert_eq!(variables, 2);
    assert_eq!(
        text(&model, goal),
        "(and q !q p o != o o (exists ?0:0 (and p ?0 (forall ?1:0 (or != ?0 ?1 !p ?1)))) (or))"
    );
}

#[test]
fn types_facts_and_names_are_as_told() {
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let (a, s, t) = (b.add_type("a").unwrap(), b.add_type("s").unwrap(), b.add_type("t").unwrap());
    b.subtype(s, a).unwrap();
    let u = b.either(&[s, t]).unwrap();
    let o1 = b.object("o1", s).unwrap();
    let o2 = b.object("o2", t).unwrap();
    let o3 = b.object("o3", a).unwrap();
    b.also(o3, t).unwrap();
    let p = b.predicate("p", &[a, u]).unwrap();
    for (x, y) in [(o3, o2), (o1, o2), (o1, o1), (o3, o2)] {
        b.fact(p, &[x, y]).unwrap();
    }
    let act = b.action("act", &[a, a]).unwrap();
    b.delete(p, &[var(0), var(1)]).unwrap();
    let v = b.when(&[t]).unwrap();
    b.atom(p, &[var(0), var(v)]).unwrap();
    b.then().unwrap();
    b.add(p, &[var(1), var(v)]).unwrap();
    b.end_when().unwrap();
    let task = b.task("task", &[a]).unwrap();
    b.method("m", task, &[var(1)], &[a, a]).unwrap();
    b.subtask(act, &[var(0), var(1)]).unwrap();
    b.subtask(task, &[var(0)]).unwrap();
    b.subtask(act, &[var(1), o1.into()]).unwrap();
    b.before(2, 1).unwrap();
    b.before(1, 0).unwrap();
    let words = finish(b);
    let bytes = bytemuck::cast_slice(&words);
    let model = Model::open(bytes).unwrap();
    let set = |t: TypeId| model.objects_of(t).map(|o| o.0).collect::<Vec<_>>();
    assert_eq!((set(a), set(s), set(t), set(u)), (vec![0, 2], vec![0], vec![1, 2], vec![0, 1, 2]));
    let predicate = model.predicate(p);
    assert!(predicate.fluent);
    assert_eq!((predicate.facts, predicate.count), (&[0, 0, 0, 1, 2, 1][..], 3));
    let names = [model.object_name(o2), model.task_name(task), model.method_name(MethodId(0))];
    assert_eq!(names, ["o2", "task", "m"]);
    assert_eq!((model.type_name(TypeId::OBJECT), model.type_name(u)), ("object", ""));
    let method = model.method(MethodId(0));
    assert!(method.ordered && method.orders.is_empty());
    let tasks: Vec<_> = method.subtasks.map(|(t, args)| (t, args.to_vec())).collect();
    let (v0, v1) = (var(0).code(), var(1).code());
    assert_eq!(tasks, [(act, vec![v1, 0]), (task, vec![v0]), (act, vec![v0, v1])]);
    assert_eq!((model.methods_of(task), model.methods_of(act)), (&[0][..], &[][..]));
    let effects: Vec<_> = model.action(act).unwrap().effects.collect();
    assert!(matches!(effects[0], Effect::Delete(..)));
    assert!(matches!(effects[1], Effect::When { variables, .. } if variables == [2, t.0]));
    // Without names it is a model, too.
    let short = Model::open(&bytes[..model.len_without_names()]).unwrap();
    assert_eq!((short.object_name(o2), short.predicate(p).count), ("", 3));
    // Any other length is none.
    for len in (0..bytes.len()).step_by(4).filter(|len| *len != model.len_without_names()) {
        assert_eq!(Model::open(&bytes[..len]).err(), Some(Error::TaskFormat), "{len}");
    }
}

#[test]
fn orderings_that_go_round_and_wrong_types_are_refused() {
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let act = b.action("act", &[]).unwrap();
    b.network(&[]).unwrap();
    b.subtask(act, &[]).unwrap();
    b.subtask(act, &[]).unwrap();
    b.before(0, 1).unwrap();
    b.before(1, 0).unwrap();
    assert_eq!(b.finish(&mut [0; 1000]), Err(Error::TaskCycle));
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let (s, t) = (b.add_type("s").unwrap(), b.add_type("t").unwrap());
    let o = b.object("o", s).unwrap();
    let p = b.predicate("p", &[t]).unwrap();
    assert_eq!(b.fact(p, &[]), Err(Error::TaskDomain));
    assert_eq!(b.fact(p, &[o]), Err(Error::TaskDomain), "the first error stays");
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let (s, t) = (b.add_type("s").unwrap(), b.add_type("t").unwrap());
    let o = b.object("o", s).unwrap();
    let p = b.predicate("p", &[t]).unwrap();
    b.fact(p, &[o]).unwrap();
    assert_eq!(b.finish(&mut [0; 1000]), Err(Error::TaskDomain));
}

#[test]
fn what_is_finished_stays_as_it_is() {
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let act = b.action("act", &[]).unwrap();
    b.network(&[]).unwrap();
    assert_eq!(b.finish(&mut [0; 3]), Err(Error::BufferTooSmall));
    // That was no end.
    b.object("o", TypeId::OBJECT).unwrap();
    let (mut first, mut second) = ([0; 100], [1; 100]);
    let len = b.finish(&mut first).unwrap();
    assert_eq!(b.add_type("t"), Err(Error::TaskState));
    assert_eq!(b.either(&[]), Err(Error::TaskState));
    assert_eq!(b.subtask(act, &[]), Err(Error::TaskState));
    assert_eq!(b.goal(), Err(Error::TaskState));
    assert_eq!(b.finish(&mut second), Ok(len));
    assert_eq!(first[..len / 4], second[..len / 4]);
}

/// What [`BuilderConfig::code`] says is enough is enough, and one less is not.
#[test]
fn a_builder_needs_as_many_numbers_as_it_says() {
    let build = |code: u32| {
        let mut b = Builder::new(&BuilderConfig { code, names: 0, ..ROOM }, Heap)?;
        let t = b.add_type("")?;
        let p = b.predicate("", &[t, t])?;
        let act = b.action("", &[t, t])?;
        b.add(p, &[var(0), var(1)])?;
        b.goal()?;
        let task = b.task("", &[t])?;
        b.method("", task, &[var(0)], &[t, t])?;
        b.atom(p, &[var(0), var(1)])?;
        b.equal(var(0), var(1))?;
        b.subtask(act, &[var(0), var(1)])?;
        b.network(&[t, t])?;
        b.subtask(task, &[var(0)])?;
        b.subtask(act, &[var(0), var(1)])?;
        b.subtask(task, &[var(1)])?;
        b.before(2, 0)?;
        b.finish(&mut [0; 1000])
    };
    let (predicate, action, goal, task) = (2, 5 + 2 + (2 + 2), 3, 1);
    let method = (3 + 2 + 1) + (2 + 2) + 3 + (1 + 2);
    let subtasks = (1 + 1) + (1 + 2) + (1 + 1);
    let network = (3 + 2) + subtasks + 2;
    let enough = predicate + action + goal + task + method + network + (subtasks + 2 * 3);
    assert!(build(enough).is_ok());
    for less in 0..enough {
        assert_eq!(build(less).err(), Some(Error::Capacity), "{less} of {enough}");
    }
}

#[test]
fn damaged_models_are_refused_or_read_safely() {
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let t = b.add_type("t").unwrap();
    let o = b.object("o", t).unwrap();
    let p = b.predicate("p", &[t, t]).unwrap();
    let act = b.action("act", &[t]).unwrap();
    b.atom(p, &[var(0), o.into()]).unwrap();
    b.add(p, &[o.into(), var(0)]).unwrap();
    let task = b.task("task", &[t]).unwrap();
    b.method("m", task, &[var(0)], &[t]).unwrap();
    b.subtask(act, &[var(0)]).unwrap();
    b.subtask(act, &[var(0)]).unwrap();
    b.fact(p, &[o, o]).unwrap();
    b.network(&[]).unwrap();
    b.subtask(task, &[o.into()]).unwrap();
    let words = finish(b);
    for at in 0..words.len() {
        for bit in 0..32 {
            let mut damaged = words.clone();
            damaged[at] ^= 1 << bit;
            let Ok(model) = Model::open(bytemuck::cast_slice(&damaged)) else { continue };
            for m in 0..=model.methods() {
                let method = model.method(MethodId(m as u16));
                assert_eq!(method.subtasks.count(), method.subtasks.len());
                text(&model, method.precondition);
            }
        }
    }
}

#[test]
fn what_a_builder_refuses_is_refused_in_bytes_too() {
    // A constant among a subtask's arguments, a task's, and an effect's variable: each changed to one
    // that is not of the type, or not in sight.
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    let (s, t) = (b.add_type("s").unwrap(), b.add_type("t").unwrap());
    let good = b.object("good", s).unwrap();
    b.object("bad", t).unwrap();
    let p = b.predicate("p", &[TypeId::OBJECT]).unwrap();
    let act = b.action("act", &[s]).unwrap();
    let x = b.quantifier(true, t).unwrap();
    b.atom(p, &[x]).unwrap();
    b.close().unwrap();
    b.add(p, &[var(0)]).unwrap();
    let task = b.task("task", &[s]).unwrap();
    b.method("m", task, &[good.into()], &[]).unwrap();
    b.subtask(act, &[good.into()]).unwrap();
    let words = finish(b);
    let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
    let code = 12 + 3 + 4 + 2 * 4 + 2 * 8;
    let halves: &[u16] = bytemuck::cast_slice(&words[code..]);
    let method = model.method(MethodId(0));
    let after = |of: &[u16]| {
        let at = (of.as_ptr() as usize - halves.as_ptr() as usize) / 2;
        assert_eq!(halves[at..at + of.len()], *of);
        at
    };
    let changed = |at: usize, to: u16| {
        let mut words = words.clone();
        let halves: &mut [u16] = bytemuck::cast_slice_mut(&mut words[code..]);
        halves[at] = to;
        Model::open(bytemuck::cast_slice(&words)).map(|_| ())
    };
    let subtask = method.subtasks.last().unwrap().1;
    let Effect::Add(_, effect) = model.action(act).unwrap().effects.next().unwrap() else {
        panic!("it adds")
    };
    assert_eq!(changed(after(method.args), good.0), Ok(()));
    for (at, to) in [
        (after(method.args), 1),
        (after(subtask), 1),
        (after(effect), x.code()),
        // The quantifier's own variable as the parameter.
        (after(effect) - 9, 0),
    ] {
        assert_eq!(changed(at, to), Err(Error::TaskFormat), "{at} {to}");
    }
}

#[test]
fn models_that_say_one_thing_for_many_are_refused_soon() {
    // All tasks share the types of the first, which are many: together they say more than there is.
    let mut b = Builder::new(&ROOM, Heap).unwrap();
    for i in 0..20 {
        b.task(&format!("t{i}"), &[TypeId::OBJECT; 64][..if i == 0 { 64 } else { 1 }]).unwrap();
    }
    let mut words = finish(b);
    // Behind the header: no object, no predicate.
    let tasks = 12;
    assert!(Model::open(bytemuck::cast_slice(&words)).is_ok());
    words.copy_within(tasks..tasks + 2, tasks + 4);
    assert_eq!(Model::open(bytemuck::cast_slice(&words)).err(), Some(Error::TaskFormat));
    for task in 2..20 {
        words.copy_within(tasks..tasks + 2, tasks + 4 * task);
    }
    assert_eq!(Model::open(bytemuck::cast_slice(&words)).err(), Some(Error::TaskFormat));
}

#[test]
fn as_many_quantifiers_as_levels_are_allowed() {
    let nested = |count: usize| {
        let mut b = Builder::new(&ROOM, Heap).unwrap();
        let p = b.predicate("p", &[TypeId::OBJECT]).unwrap();
        b.goal().unwrap();
        let vars: Vec<_> =
            (0..count).filter_map(|i| b.quantifier(i % 2 == 0, TypeId::OBJECT).ok()).collect();
        if let Some(last) = vars.last() {
            let _ = b.atom(p, &[*last]);
        }
        let _ = (0..count).try_for_each(|_| b.close());
        let mut words = vec![0; 1000];
        let len = b.finish(&mut words)?;
        Model::open(bytemuck::cast_slice(&words[..len / 4])).map(|_| ())
    };
    // The conjunction of all conditions and the atom are levels, too.
    for count in 0..=MAX_DEPTH - 2 {
        assert_eq!(nested(count), Ok(()), "{count}");
    }
    for count in [MAX_DEPTH - 1, MAX_DEPTH, 30, 31, 32, 40, 100] {
        assert_eq!(nested(count), Err(Error::Unsupported), "{count}");
    }
}
