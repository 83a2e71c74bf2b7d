//! A planner without any cleverness, and a check of plans, both written from what the words mean.

use std::collections::{BTreeSet, HashSet};

use neural_swarm::task::plan::{
    Effect, Effects, Formula, MethodId, Model, ObjectId, Plan, Step, TaskId, Term, TypeId, View,
};

pub type State = BTreeSet<(u16, Vec<u16>)>;
type Network = Vec<(u16, Vec<u16>)>;

fn value(code: u16, bound: &[u16]) -> u16 {
    Term::from_code(code).value(bound).unwrap().0
}

fn ground(args: &[u16], bound: &[u16]) -> Vec<u16> {
    args.iter().map(|arg| value(*arg, bound)).collect()
}

pub fn holds(model: &Model<'_>, state: &State, formula: Formula<'_>, bound: &mut Vec<u16>) -> bool {
    // The formula and the model borrow from the same bytes.
    match formula.view(model) {
        View::And(mut items) => items.all(|f| holds(model, state, f, bound)),
        View::Or(mut items) => items.any(|f| holds(model, state, f, bound)),
        View::Atom(yes, p, args) => state.contains(&(p.0, ground(args, bound))) == yes,
        View::Equal(yes, a, b) => (value(a, bound) == value(b, bound)) == yes,
        View::ForAll(v, t, body) => model.objects_of(t).all(|o| {
            bound[v as usize] = o.0;
            holds(model, state, body, bound)
        }),
        View::Exists(v, t, body) => model.objects_of(t).any(|o| {
            bound[v as usize] = o.0;
            holds(model, state, body, bound)
        }),
    }
}

fn collect(
    model: &Model<'_>,
    state: &State,
    effects: Effects<'_>,
    bound: &mut Vec<u16>,
    out: &mut [State; 2],
) {
    for effect in effects {
        match effect {
            Effect::Add(p, args) => out[1].extend([(p.0, ground(args, bound))]),
            Effect::Delete(p, args) => out[0].extend([(p.0, ground(args, bound))]),
            Effect::When { variables, condition, effects } => {
                let pairs: Vec<_> = variables.chunks(2).map(|p| (p[0], TypeId(p[1]))).collect();
                let mut tuples = vec![vec![]];
                for (_, ty) in &pairs {
                    let with = |t: &Vec<u16>, o: ObjectId| [t.clone(), vec![o.0]].concat();
                    tuples = tuples
                        .iter()
                        .flat_map(|t| model.objects_of(*ty).map(move |o| with(t, o)))
                        .collect();
                }
                for tuple in tuples {
                    pairs.iter().zip(&tuple).for_each(|((v, _), o)| bound[*v as usize] = *o);
                    if holds(model, state, condition, bound) {
                        collect(model, state, effects, bound, out);
                    }
                }
            }
        }
    }
}

/// The state after an action; `None` if it cannot be carried out.
pub fn act(model: &Model<'_>, state: &State, task: TaskId, args: &[u16]) -> Option<State> {
    let action = model.action(task).unwrap();
    let mut bound = args.to_vec();
    bound.resize(action.variables, 0);
    if !holds(model, state, action.precondition, &mut bound) {
        return None;
    }
    let mut out = [State::new(), State::new()];
    collect(model, state, action.effects, &mut bound, &mut out);
    Some(state.difference(&out[0]).cloned().chain(out[1].iter().cloned()).collect())
}

pub fn initial(model: &Model<'_>) -> State {
    let mut state = State::new();
    for p in 0..model.predicates() as u16 {
        let predicate = model.predicate(neural_swarm::task::plan::PredicateId(p));
        match predicate.types.len() {
            0 => state.extend((predicate.count > 0).then(|| (p, vec![]))),
            n => state.extend(predicate.facts.chunks(n).map(|row| (p, row.to_vec()))),
        }
    }
    state
}

fn typed(model: &Model<'_>, args: &[u16], types: &[u16]) -> bool {
    args.iter().zip(types).all(|(o, t)| model.is(ObjectId(*o), TypeId(*t)))
}

/// Whether a method with these values may be used for a task with these arguments.
fn applies(model: &Model<'_>, state: &State, id: MethodId, args: &[u16], values: &[u16]) -> bool {
    let method = model.method(id);
    let mut bound = values.to_vec();
    bound.resize(method.variables, 0);
    let mut subtasks = method.subtasks;
    typed(model, values, method.types)
        && ground(method.args, values) == args
        && subtasks.all(|(t, a)| typed(model, &ground(a, values), model.task(t).types))
        && holds(model, state, method.precondition, &mut bound)
}

/// Everything that can be reached, up to networks of a length. Answers whether there is a plan, and
/// whether something was left out.
pub fn search(model: &Model<'_>, longest: usize) -> (bool, bool) {
    let mut seen = HashSet::new();
    let mut open: Vec<(State, Network)> = Vec::new();
    let mut cut = false;
    let expand = |state: &State, id: MethodId, args: &[u16], rest: &[(u16, Vec<u16>)]| {
        let method = model.method(id);
        let fits = instances(model, state, id, args).into_iter();
        fits.map(|values| {
            let new = method.subtasks.map(|(t, a)| (t.0, ground(a, &values)));
            (state.clone(), new.chain(rest.iter().cloned()).collect::<Network>())
        })
        .collect::<Vec<_>>()
    };
    open.extend(expand(&initial(model), model.root(), &[], &[]));
    while let Some((state, network)) = open.pop() {
        if network.len() > longest {
            cut = true;
            continue;
        }
        if !seen.insert((state.clone(), network.clone())) {
            continue;
        }
        let Some(((task, args), rest)) = network.split_first() else {
            let Some((goal, variables)) = model.goal() else { return (true, cut) };
            if holds(model, &state, goal, &mut vec![0; variables]) {
                return (true, cut);
            }
            continue;
        };
        if model.task(TaskId(*task)).primitive {
            if let Some(state) = act(model, &state, TaskId(*task), args) {
                open.push((state, rest.to_vec()));
            }
        } else {
            for method in model.methods_of(TaskId(*task)) {
                open.extend(expand(&state, MethodId(*method), args, rest));
            }
        }
    }
    (false, cut)
}

/// The values that a method may have for a task with these arguments.
fn instances(model: &Model<'_>, state: &State, id: MethodId, args: &[u16]) -> Vec<Vec<u16>> {
    let mut tuples: Vec<Vec<u16>> = vec![vec![]];
    for ty in model.method(id).types {
        let with = |t: &Vec<u16>, o: ObjectId| [t.clone(), vec![o.0]].concat();
        tuples = tuples
            .iter()
            .flat_map(|t| model.objects_of(TypeId(*ty)).map(move |o| with(t, o)))
            .collect();
    }
    tuples.retain(|values| applies(model, state, id, args, values));
    tuples
}

/// As [`search`], of networks with tasks in any order that their methods allow: tasks, and for each those
/// that come before it.
pub fn search_partial(model: &Model<'_>, longest: usize) -> (bool, bool) {
    type Partial = Vec<(u16, Vec<u16>, BTreeSet<usize>)>;
    let mut seen = HashSet::new();
    let mut cut = false;
    let root: Partial = vec![(u16::MAX, vec![], BTreeSet::new())];
    let mut open = vec![(initial(model), root)];
    // A task goes; where it stood, others may come.
    let replace = |network: &Partial, at: usize, id: MethodId, values: &[u16]| -> Partial {
        let method = model.method(id);
        let count = method.subtasks.len();
        // All others keep their order and come first; then the new ones.
        let others = network.len() - 1;
        let number = |i: usize| if i > at { i - 1 } else { i };
        let mut new: Partial = Vec::new();
        for (_, (task, args, before)) in network.iter().enumerate().filter(|(i, _)| *i != at) {
            let mut after: BTreeSet<_> =
                before.iter().filter(|b| **b != at).map(|b| number(*b)).collect();
            if before.contains(&at) {
                after.extend(others..others + count);
            }
            new.push((*task, args.clone(), after));
        }
        for (place, (task, args)) in method.subtasks.enumerate() {
            let own: BTreeSet<_> = if method.ordered {
                (0..place).map(|p| others + p).collect()
            } else {
                let pairs = method.orders.chunks(2).filter(|p| p[1] as usize == place);
                pairs.map(|p| others + p[0] as usize).collect()
            };
            new.push((task.0, ground(args, values), own));
        }
        new
    };
    while let Some((state, network)) = open.pop() {
        if network.len() > longest {
            cut = true;
            continue;
        }
        if !seen.insert((state.clone(), network.clone())) {
            continue;
        }
        if network.is_empty() {
            let Some((goal, variables)) = model.goal() else { return (true, cut) };
            if holds(model, &state, goal, &mut vec![0; variables]) {
                return (true, cut);
            }
        }
        for (at, (task, args, before)) in network.iter().enumerate() {
            if !before.is_empty() {
                continue;
            }
            if *task == u16::MAX {
                for values in instances(model, &state, model.root(), &[]) {
                    open.push((state.clone(), replace(&network, at, model.root(), &values)));
                }
            } else if model.task(TaskId(*task)).primitive {
                let Some(state) = act(model, &state, TaskId(*task), args) else { continue };
                let number = |i: usize| if i > at { i - 1 } else { i };
                let others = network.iter().enumerate().filter(|(i, _)| *i != at);
                let rest = others.map(|(_, (task, args, before))| {
                    let before = before.iter().filter(|b| **b != at).map(|b| number(*b));
                    (*task, args.clone(), before.collect())
                });
                open.push((state, rest.collect()));
            } else {
                for id in model.methods_of(TaskId(*task)) {
                    for values in instances(model, &state, MethodId(*id), args) {
                        open.push((state.clone(), replace(&network, at, MethodId(*id), &values)));
                    }
                }
            }
        }
    }
    (false, cut)
}

/// Whether a plan of ordered methods does what it should; panics where it does not.
pub fn check(model: &Model<'_>, plan: &Plan<'_>) {
    let mut children = vec![vec![]; plan.steps.len() + 1];
    for (id, step) in plan.steps.iter().enumerate() {
        let parent =
            if step.parent == Step::ROOT { plan.steps.len() } else { step.parent as usize };
        assert!(step.parent == Step::ROOT || parent < id);
        children[parent].push(id);
    }
    let mut state = initial(model);
    let mut actions = Vec::new();
    // What waits: a step and the arguments that it must have.
    let mut waiting: Vec<(usize, Vec<u16>)> = vec![(plan.steps.len(), vec![])];
    while let Some((id, args)) = waiting.pop() {
        let root = id == plan.steps.len();
        let (method, bound) = match root {
            true => (model.root(), plan.root),
            false => (plan.steps[id].method, plan.steps[id].bound),
        };
        if !root && model.task(plan.steps[id].task).primitive {
            assert_eq!(method, Step::ACTION);
            let values = &plan.values[bound as usize..bound as usize + args.len()];
            assert_eq!(values, args);
            state = act(model, &state, plan.steps[id].task, values).expect("precondition");
            actions.push(id as u32);
            continue;
        }
        let m = model.method(method);
        assert_eq!(m.task, (!root).then(|| plan.steps[id].task));
        let values = &plan.values[bound as usize..bound as usize + m.types.len()];
        assert!(applies(model, &state, method, &args, values), "method applies");
        let own = &children[id];
        assert_eq!(own.len(), m.subtasks.len());
        for (place, (task, args)) in m.subtasks.enumerate().collect::<Vec<_>>().into_iter().rev() {
            let child = own.iter().find(|c| plan.steps[**c].place as usize == place).unwrap();
            assert_eq!(plan.steps[*child].task, task);
            waiting.push((*child, ground(args, values)));
        }
    }
    assert_eq!(actions, plan.order);
    if let Some((goal, variables)) = model.goal() {
        assert!(holds(model, &state, goal, &mut vec![0; variables]), "goal");
    }
}
