//! Thousands of little domains at random: the planner and the reference agree on which have a plan, and
//! every plan does what it should.

#[path = "../common/random.rs"]
mod chance;
#[path = "../common/seeds.rs"]
mod seeds;

use neural_swarm::Error;
use neural_swarm::port::Heap;
use neural_swarm::task::plan::{
    Builder, Model, ObjectId, Outcome, Part, Planner, PlannerConfig, PredicateId, TaskId, Term,
    TypeId, Verifier, VerifierConfig,
};

use crate::model::{ROOM, finish};
use crate::reference;
use seeds::times;

/// A generator of small numbers.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        (chance::next(&mut self.0) % n.max(1) as u64) as usize
    }
}

struct Making<'m> {
    b: Builder<'m>,
    r: Random,
    types: Vec<TypeId>,
    objects: Vec<ObjectId>,
    predicates: Vec<(PredicateId, usize)>,
    /// The types of each object.
    is: Vec<[bool; 3]>,
    /// The types of each predicate's arguments.
    takes: Vec<Vec<TypeId>>,
    tasks: Vec<(TaskId, usize)>,
    /// Whether subtasks may be unordered.
    partial: bool,
}

impl Making<'_> {
    fn ty(&mut self) -> TypeId {
        let n = self.types.len();
        self.types[self.r.below(n)]
    }

    fn term(&mut self, scope: usize) -> Term {
        let (variable, object) = (self.r.below(scope), self.r.below(self.objects.len()));
        match scope > 0 && self.r.below(8) > 0 {
            true => Term::variable(variable as u8),
            false => self.objects[object].into(),
        }
    }

    fn terms(&mut self, count: usize, scope: usize) -> Vec<Term> {
        (0..count).map(|_| self.term(scope)).collect()
    }

    fn formula(&mut self, scope: usize, depth: usize) {
        match self.r.below(if depth > 2 { 5 } else { 10 }) {
            0 => {
                let (a, b) = (self.term(scope), self.term(scope));
                self.b.equal(a, b).unwrap();
            }
            1..=4 => {
                let n = self.predicates.len();
                let (p, arity) = self.predicates[self.r.below(n)];
                let args = self.terms(arity, scope);
                self.b.atom(p, &args).unwrap();
            }
            5 => {
                let ty = self.ty();
                let all = self.r.below(2) == 0;
                self.b.quantifier(all, ty).unwrap();
                self.formula(scope + 1, depth + 1);
                self.b.close().unwrap();
            }
            n => {
                let part = [Part::And, Part::Or, Part::Not, Part::Imply][n - 6];
                self.b.open(part).unwrap();
                for _ in 0..if part == Part::Not { 1 } else { 2 } {
                    self.formula(scope, depth + 1);
                }
                self.b.close().unwrap();
            }
        }
    }

    fn effects(&mut self, scope: usize, most: usize) {
        for _ in 0..self.r.below(most + 1) {
            let n = self.predicates.len();
            let (p, arity) = self.predicates[self.r.below(n - 1)];
            let args = self.terms(arity, scope);
            match self.r.below(2) {
                0 => self.b.add(p, &args).unwrap(),
                _ => self.b.delete(p, &args).unwrap(),
            }
        }
    }

    fn subtasks(&mut self, scope: usize, most: usize) {
        let mut count = 0;
        for _ in 0..self.r.below(most + 1) {
            let n = self.tasks.len();
            let (task, arity) = self.tasks[self.r.below(n)];
            let mut args = self.terms(arity, scope);
            // An object need not be of the type: then the builder would say so.
            if scope > 0 {
                args.iter_mut().for_each(|arg| {
                    if arg.as_variable().is_none() {
                        *arg = Term::variable(self.r.below(scope) as u8);
                    }
                });
            } else if arity > 0 {
                continue;
            }
            count = self.b.subtask(task, &args).unwrap() + 1;
        }
        if !self.partial || self.r.below(3) == 0 {
            return self.b.ordered().unwrap();
        }
        for second in 1..count {
            for first in 0..second {
                // Some against the order in which they were told.
                match self.r.below(6) {
                    0 => self.b.before(first, second).unwrap(),
                    1 if count == 2 => self.b.before(second, first).unwrap(),
                    _ => {}
                }
            }
        }
    }
}

/// A little domain with its problem.
pub fn domain(seed: u64, partial: bool) -> Vec<u32> {
    let b = Builder::new(&ROOM, Heap).unwrap();
    let r = Random(seed.wrapping_mul(0x5851_F42D_4C95_7F2D));
    let mut m = Making {
        partial,
        b,
        r,
        types: vec![TypeId::OBJECT],
        objects: vec![],
        predicates: vec![],
        is: vec![],
        takes: vec![],
        tasks: vec![],
    };
    let (s, t) = (m.b.add_type("s").unwrap(), m.b.add_type("t").unwrap());
    m.b.subtype(t, s).unwrap();
    m.types.extend([s, t]);
    for _ in 0..1 + m.r.below(if partial { 2 } else { 4 }) {
        let ty = m.ty();
        m.objects.push(m.b.object("o", ty).unwrap());
        m.is.push([true, ty != TypeId::OBJECT, ty == t]);
    }
    for _ in 0..2 + m.r.below(3) {
        let arity = m.r.below(3);
        // Actions may say of objects of other types what a predicate says of these.
        let types: Vec<_> =
            (0..arity).map(|_| if m.r.below(2) == 0 { m.ty() } else { TypeId::OBJECT }).collect();
        m.takes.push(types.clone());
        m.predicates.push((m.b.predicate("p", &types).unwrap(), arity));
    }
    for _ in 0..1 + m.r.below(3) {
        let arity = m.r.below(3);
        let types: Vec<_> = (0..arity).map(|_| m.ty()).collect();
        let action = m.b.action("a", &types).unwrap();
        for _ in 0..m.r.below(2) {
            m.formula(arity, 0);
        }
        m.effects(arity, 3);
        if m.r.below(3) == 0 {
            let ty = m.ty();
            let all = m.r.below(2);
            m.b.when(&vec![ty; all]).unwrap();
            m.formula(arity + all, 1);
            m.b.then().unwrap();
            m.effects(arity + all, 2);
            m.b.end_when().unwrap();
        }
        m.tasks.push((action, arity));
    }
    let actions = m.tasks.len();
    for _ in 0..1 + m.r.below(3) {
        let arity = m.r.below(3);
        let types: Vec<_> = (0..arity).map(|_| m.ty()).collect();
        m.tasks.push((m.b.task("t", &types).unwrap(), arity));
    }
    let compound = m.tasks[actions..].to_vec();
    for (task, arity) in compound {
        for _ in 0..m.r.below(4) {
            let own = m.r.below(4);
            let types: Vec<_> = (0..own).map(|_| m.ty()).collect();
            if own == 0 && arity > 0 {
                continue;
            }
            let args: Vec<_> = (0..arity).map(|_| Term::variable(m.r.below(own) as u8)).collect();
            m.b.method("m", task, &args, &types).unwrap();
            for _ in 0..m.r.below(3) {
                // Facts to go through, and anything.
                let depth = 3 * m.r.below(2);
                m.formula(own, depth);
            }
            m.subtasks(own, 3);
        }
    }
    let own = m.r.below(3);
    let types: Vec<_> = (0..own).map(|_| m.ty()).collect();
    m.b.network(&types).unwrap();
    m.subtasks(own, 3);
    if m.r.below(2) == 0 {
        m.b.goal().unwrap();
        m.formula(0, 0);
    }
    for (p, arity) in m.predicates.clone() {
        for _ in 0..m.r.below(4) {
            let n = m.objects.len();
            let args: Vec<_> = (0..arity).map(|_| m.objects[m.r.below(n)]).collect();
            let takes = &m.takes[p.index()];
            if args.iter().zip(takes).all(|(o, ty)| m.is[o.index()][ty.index()]) {
                m.b.fact(p, &args).unwrap();
            }
        }
    }
    finish(m.b)
}

fn agree(seeds: core::ops::Range<u64>, partial: bool) {
    let many = seeds.end - seeds.start;
    let (mut found, mut none, mut open, mut behind) = (0, 0, 0, 0);
    for seed in seeds {
        let words = domain(seed, partial);
        let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
        let (plan, cut) = match partial {
            true => reference::search_partial(&model, 4),
            false => reference::search(&model, 5),
        };
        let config = PlannerConfig { memory: 16 << 20, ..PlannerConfig::default() };
        let mut planner = Planner::new(&model, &config, Heap).unwrap();
        match planner.step(if plan || !(cut || partial) { 3_000_000 } else { 100_000 }) {
            Outcome::Found => {
                assert!(plan || cut, "seed {seed}: the reference has none");
                let plan = planner.plan().unwrap();
                if !partial {
                    reference::check(&model, &plan);
                }
                let config = VerifierConfig { steps: 50_000, facts: 1000, words: 200_000 };
                let mut verifier = Verifier::new(&config, Heap).unwrap();
                assert_eq!(verifier.verify(&model, &plan), Ok(()), "seed {seed}");
                found += 1;
            }
            Outcome::NoPlan => {
                assert!(!plan, "seed {seed}: there is one");
                none += 1;
            }
            // Where subtasks are unordered the same tasks may come about in many ways, which the reference
            // takes for one.
            outcome => {
                assert!(
                    (cut || partial) && !plan,
                    "seed {seed}: {outcome:?}, reference {plan} {cut}"
                );
                open += 1;
                behind += u64::from(!cut && seed < 500);
            }
        }
    }
    eprintln!("{found} found, {none} without a plan, {open} open");
    assert!(found > many / 10 && none > many / 10 && open < many / 20);
    // Of the first 500: those that the reference has looked through as a whole, all with unordered subtasks.
    assert!(behind <= 3, "{behind} are left open");
}

#[test]
fn planner_and_reference_agree_on_ordered_methods() {
    agree(0..3000 * times(), false);
}

#[test]
fn planner_and_reference_agree_on_unordered_methods() {
    agree(0..500 * times(), true);
}

#[test]
fn a_memory_that_is_small_makes_nothing_wrong() {
    let (mut found, mut full, mut unwritten) = (0, 0, 0);
    for seed in 0..1500 * times() {
        let partial = seed % 4 == 0;
        let words = domain(seed, partial);
        let model = Model::open(bytemuck::cast_slice(&words)).unwrap();
        let config = |memory| PlannerConfig { memory, ..PlannerConfig::default() };
        let ample = Planner::new(&model, &config(16 << 20), Heap).unwrap().step(30_000);
        for memory in [1500, 3000, 5000, 8000, 12000, 20000] {
            let mut planner = match Planner::new(&model, &config(memory), Heap) {
                Ok(planner) => planner,
                Err(error) => {
                    assert_eq!(error, Error::Capacity);
                    continue;
                }
            };
            match planner.step(30_000) {
                Outcome::Found => {
                    assert_ne!(ample, Outcome::NoPlan, "seed {seed}, {memory} bytes");
                    let plan = match planner.plan() {
                        Ok(plan) => plan,
                        // There is no room to write it down.
                        Err(error) => {
                            assert_eq!(error, Error::OutOfMemory, "seed {seed}, {memory}");
                            unwritten += 1;
                            continue;
                        }
                    };
                    let config = VerifierConfig { steps: 4000, facts: 1000, words: 4000 };
                    let mut verifier = Verifier::new(&config, Heap).unwrap();
                    assert_eq!(verifier.verify(&model, &plan), Ok(()), "seed {seed}, {memory}");
                    found += 1;
                }
                Outcome::NoPlan => assert_ne!(ample, Outcome::Found, "seed {seed}, {memory} bytes"),
                Outcome::OutOfMemory | Outcome::Running => full += 1,
            }
        }
    }
    eprintln!("{found} found, {full} too small, {unwritten} too small to write the plan down");
    assert!(found > 100 && full > 20);
}
