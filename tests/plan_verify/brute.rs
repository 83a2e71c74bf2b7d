//! The same question as the verifier's, answered with sets and trying out: slow and plain.

use std::collections::BTreeSet;

use neural_swarm::task::plan::*;

pub type Facts = BTreeSet<(u16, Vec<u16>)>;

pub struct World<'a> {
    pub model: Model<'a>,
}

impl<'a> World<'a> {
    pub fn new(model: Model<'a>) -> World<'a> {
        World { model }
    }

    pub fn beginning(&self) -> Facts {
        let mut facts = Facts::new();
        for id in 0..self.model.predicates() as u16 {
            let predicate = self.model.predicate(PredicateId(id));
            let arity = predicate.types.len();
            for row in 0..predicate.count {
                facts.insert((id, predicate.facts[row * arity..(row + 1) * arity].to_vec()));
            }
        }
        facts
    }

    pub fn objects(&self, ty: u16) -> Vec<u16> {
        self.model.objects_of(TypeId(ty)).map(|object| object.0).collect()
    }

    fn term(&self, code: u16, bound: &[Option<u16>]) -> u16 {
        match Term::from_code(code).as_variable() {
            Some(variable) => bound[variable].expect("a variable with a value"),
            None => code,
        }
    }

    pub fn ground(&self, args: &[u16], bound: &[Option<u16>]) -> Vec<u16> {
        args.iter().map(|code| self.term(*code, bound)).collect()
    }

    pub fn holds(&self, formula: Formula<'a>, bound: &mut Vec<Option<u16>>, facts: &Facts) -> bool {
        match formula.view(&self.model) {
            View::And(mut items) => items.all(|item| self.holds(item, bound, facts)),
            View::Or(mut items) => items.any(|item| self.holds(item, bound, facts)),
            View::ForAll(variable, ty, body) => self.objects(ty.0).into_iter().all(|object| {
                bound[variable as usize] = Some(object);
                self.holds(body, bound, facts)
            }),
            View::Exists(variable, ty, body) => self.objects(ty.0).into_iter().any(|object| {
                bound[variable as usize] = Some(object);
                self.holds(body, bound, facts)
            }),
            View::Equal(equal, a, b) => (self.term(a, bound) == self.term(b, bound)) == equal,
            View::Atom(positive, predicate, args) => {
                facts.contains(&(predicate.0, self.ground(args, bound))) == positive
            }
        }
    }

    /// The state after an action.
    pub fn after(&self, task: TaskId, args: &[u16], facts: &Facts) -> Option<Facts> {
        let action = self.model.action(task)?;
        let mut bound: Vec<Option<u16>> = args.iter().copied().map(Some).collect();
        bound.resize(MAX_VARIABLES, None);
        if !self.holds(action.precondition, &mut bound, facts) {
            return None;
        }
        let (mut adds, mut deletes) = (Facts::new(), Facts::new());
        let mut simple = |effect: Effect<'a>, bound: &[Option<u16>]| match effect {
            Effect::Add(p, args) => drop(adds.insert((p.0, self.ground(args, bound)))),
            Effect::Delete(p, args) => drop(deletes.insert((p.0, self.ground(args, bound)))),
            Effect::When { .. } => unreachable!("none inside another"),
        };
        for effect in action.effects {
            let Effect::When { variables, condition, effects } = effect else {
                simple(effect, &bound);
                continue;
            };
            let mut all = vec![bound.clone()];
            for pair in variables.chunks_exact(2) {
                let mut more = Vec::new();
                for one in &all {
                    for object in self.objects(pair[1]) {
                        let mut next = one.clone();
                        next[pair[0] as usize] = Some(object);
                        more.push(next);
                    }
                }
                all = more;
            }
            for mut one in all {
                if self.holds(condition, &mut one, facts) {
                    effects.for_each(|effect| simple(effect, &one));
                }
            }
        }
        Some(facts.difference(&deletes).cloned().chain(adds).collect())
    }

    /// All values of a method's parameters that agree with what is known, for which its precondition
    /// holds.
    pub fn bindings(
        &self,
        method: &Method<'a>,
        known: &[Option<u16>],
        facts: &Facts,
    ) -> Vec<Vec<u16>> {
        let mut all: Vec<Vec<Option<u16>>> = vec![Vec::new()];
        for (ty, known) in method.types.iter().zip(known) {
            let objects = match known {
                Some(object) => vec![*object],
                None => self.objects(*ty),
            };
            let extend = |one: &Vec<Option<u16>>| {
                let one = one.clone();
                objects
                    .iter()
                    .map(move |o| one.iter().copied().chain([Some(*o)]).collect())
                    .collect::<Vec<_>>()
            };
            all = all.iter().flat_map(extend).collect();
        }
        let mut good = Vec::new();
        for mut bound in all {
            bound.resize(MAX_VARIABLES, None);
            if self.holds(method.precondition, &mut bound, facts) {
                good.push(bound.iter().take(method.types.len()).map(|v| v.unwrap()).collect());
            }
        }
        good
    }

    fn is(&self, object: u16, ty: u16) -> bool {
        (object as usize) < self.model.objects() && self.objects(ty).contains(&object)
    }

    /// Whether a plan is right.
    pub fn accepts(&self, plan: &Plan<'_>) -> bool {
        self.check(plan).is_some()
    }

    fn check(&self, plan: &Plan<'_>) -> Option<()> {
        let must = |holds: bool| holds.then_some(());
        let model = &self.model;
        let count = plan.steps.len();
        // The values and the method of each step; the initial network is the last one.
        let mut methods: Vec<Option<Method<'a>>> = Vec::new();
        let mut values: Vec<Vec<u16>> = Vec::new();
        let mut args: Vec<Vec<u16>> = Vec::new();
        for (index, step) in plan.steps.iter().enumerate() {
            must(step.parent == Step::ROOT || (step.parent as usize) < index)?;
            must(step.task.index() < model.tasks())?;
            let task = model.task(step.task);
            let method = if task.primitive {
                must(step.method == Step::ACTION)?;
                None
            } else {
                must(step.method.index() < model.methods())?;
                Some(model.method(step.method))
            };
            must(method.is_none_or(|m| m.task == Some(step.task)))?;
            let types = method.map_or(task.types, |m| m.types);
            let from = step.bound as usize;
            let mine = plan.values.get(from..from + types.len())?;
            must(mine.iter().zip(types).all(|(value, ty)| self.is(*value, *ty)))?;
            let bound: Vec<Option<u16>> = mine.iter().copied().map(Some).collect();
            let task_args = method.map_or(mine.to_vec(), |m| self.ground(m.args, &bound));
            must(task_args.iter().zip(task.types).all(|(value, ty)| self.is(*value, *ty)))?;
            methods.push(method);
            values.push(mine.to_vec());
            args.push(task_args);
        }
        let root = model.method(model.root());
        let from = plan.root as usize;
        let mine = plan.values.get(from..from + root.types.len())?;
        must(mine.iter().zip(root.types).all(|(value, ty)| self.is(*value, *ty)))?;
        methods.push(Some(root));
        values.push(mine.to_vec());
        // Children by place.
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); count + 1];
        for (parent, method) in methods.iter().enumerate() {
            let below = |place: usize| {
                let found: Vec<usize> = (0..count)
                    .filter(|i| {
                        let step = &plan.steps[*i];
                        let its =
                            if step.parent == Step::ROOT { count } else { step.parent as usize };
                        its == parent && step.place as usize == place
                    })
                    .collect();
                (found.len() == 1).then(|| found[0])
            };
            let Some(method) = method else { continue };
            let bound: Vec<Option<u16>> = values[parent].iter().copied().map(Some).collect();
            for (place, (task, wanted)) in method.subtasks.enumerate() {
                let child = below(place)?;
                must(plan.steps[child].task == task)?;
                must(args[child] == self.ground(wanted, &bound))?;
                children[parent].push(child);
            }
        }
        must(children.iter().map(Vec::len).sum::<usize>() == count)?;
        // The actions.
        let actions: BTreeSet<u32> = plan.order.iter().copied().collect();
        must(actions.len() == plan.order.len())?;
        let wanted = (0..count as u32).filter(|i| methods[*i as usize].is_none());
        must(wanted.collect::<BTreeSet<u32>>() == actions)?;
        let mut states = vec![self.beginning()];
        for index in plan.order {
            let step = &plan.steps[*index as usize];
            let next = self.after(step.task, &values[*index as usize], states.last()?)?;
            states.push(next);
        }
        if let Some((goal, _)) = model.goal() {
            must(self.holds(goal, &mut vec![None; MAX_VARIABLES], states.last()?))?;
        }
        // When each begins and ends: tried out, from the root down.
        let when: Vec<Option<usize>> =
            (0..count as u32).map(|i| plan.order.iter().position(|o| *o == i)).collect();
        let mut tree = Times { world: self, methods, values, children, states, when };
        must(tree.begins(count, 0).is_some())
    }
}

struct Times<'w, 'a> {
    world: &'w World<'a>,
    methods: Vec<Option<Method<'a>>>,
    values: Vec<Vec<u16>>,
    children: Vec<Vec<usize>>,
    states: Vec<Facts>,
    when: Vec<Option<usize>>,
}

impl Times<'_, '_> {
    /// The earliest time at which a step may have ended that begins at `from` or later. A later
    /// beginning never ends sooner, so the first that works is the best.
    fn begins(&mut self, node: usize, from: usize) -> Option<usize> {
        let Some(method) = self.methods[node] else {
            let at = self.when[node]?;
            return (at >= from).then_some(at + 1);
        };
        for start in from..self.states.len() {
            let mut bound: Vec<Option<u16>> = self.values[node].iter().copied().map(Some).collect();
            bound.resize(MAX_VARIABLES, None);
            if !self.world.holds(method.precondition, &mut bound, &self.states[start]) {
                continue;
            }
            let children = self.children[node].clone();
            let mut ends = vec![start; children.len()];
            let mut good = true;
            for (place, child) in children.iter().enumerate() {
                // Subtasks are numbered so that what comes before has the smaller number.
                let mut earliest = start;
                for (before, end) in ends[..place].iter().enumerate() {
                    let mut pairs = method.orders.chunks_exact(2);
                    let listed =
                        pairs.any(|pair| (pair[0] as usize, pair[1] as usize) == (before, place));
                    if method.ordered || listed {
                        earliest = earliest.max(*end);
                    }
                }
                match self.begins(*child, earliest) {
                    Some(end) => ends[place] = end,
                    None => good = false,
                }
            }
            if good {
                return ends.into_iter().chain([start]).max();
            }
            // Beginning later never helps what lies below.
            return None;
        }
        None
    }
}
