//! Domains and problems become models.

mod formula;
mod tasks;
mod types;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::format;
use std::string::String;
use std::vec::Vec;

use super::ast::{Atom, Domain, Effect, Name, Pools, Problem, Signature, Typed};
use super::error::Fault;
use super::names::Names;
use super::parser::Parsed;
use crate::error::{Error, Result};
use crate::port::Heap;
use crate::task::plan::{
    Builder, BuilderConfig, MAX_OBJECTS, ObjectId, PredicateId, TaskId, Term, TypeId,
};
use types::{Kind, Types};

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    Domain,
    Problem,
}

/// What a file says that is odd, though one can do without it.
pub(super) type Warning = (File, u32, String);

/// A task.
struct Declared {
    name: String,
    /// The kind of each parameter.
    kinds: Vec<Kind>,
}

/// Predicates of equally many arguments.
struct Group<'a> {
    names: Names<'a>,
    ids: Vec<PredicateId>,
}

impl Group<'_> {
    fn new() -> Self {
        Group { names: Names::new(), ids: Vec::new() }
    }
}

struct Lower<'a, 'm> {
    b: Builder<'m>,
    file: File,
    warnings: Vec<Warning>,
    types: Types<'a>,
    /// The kinds of the file that is being lowered: rows of its [`Pools::kinds`].
    kinds: Vec<Kind>,
    objects: Names<'a>,
    /// Predicates by their number of arguments: those of one name differ in that.
    predicates: BTreeMap<usize, Group<'a>>,
    tasks: Names<'a>,
    task_ids: Vec<(TaskId, Declared)>,
    /// How many of them are actions: the first ones.
    actions: usize,
    /// What the names of the initial facts stand for: the predicate of each, and the objects one fact
    /// after the other. `None`, and none, for a fact with something wrong.
    fact_predicates: Vec<Option<(usize, usize)>>,
    fact_objects: Vec<ObjectId>,
    /// Variables in sight, the innermost last.
    scope: Vec<(&'a str, Term)>,
    /// Where the orderings of the last network that has some begin.
    last_ordering: (File, u32),
}

/// What is said when the builder is full.
const FULL: &str = "there is no room for this in a model";

/// From so many numbers of code on it is not tried with more.
const MOST_CODE: u32 = 1 << 23;

/// What the builder said, at a place.
fn built<T>(result: Result<T>, at: u32) -> Parsed<T> {
    result.map_err(|error| {
        let message = match error {
            Error::Capacity => FULL.into(),
            Error::Unsupported => "the condition has too many levels".into(),
            Error::Invalid => {
                "too many parameters, variables or arguments, or too long a name".into()
            }
            other => String::from(other.message()),
        };
        Fault { at, error, message }
    })
}

/// The words of a model, and warnings; or what is wrong with which file.
pub(super) fn lower<'a>(
    domain: &Domain<'a>,
    problem: &Problem<'a>,
    bytes: usize,
) -> core::result::Result<(Vec<u32>, Vec<Warning>), (File, Fault)> {
    let mut config = estimate(domain, problem, bytes);
    // The estimate is wrong for files that nest quantifiers and effects in odd ways. What no room would
    // be enough for is told at once.
    while config.code < MOST_CODE {
        match attempt(domain, problem, &config) {
            Err((_, Fault { error: Error::Capacity, message, .. })) if message == FULL => {}
            done => return done,
        }
        config.code = config.code.saturating_mul(8);
        config.types = (config.types * 2).min(0xFFFD);
        config.links = config.links.saturating_mul(2);
    }
    attempt(domain, problem, &config)
}

fn estimate(domain: &Domain, problem: &Problem, bytes: usize) -> BuilderConfig {
    let kinds = domain.pools.kinds.len() + problem.pools.kinds.len();
    let types = domain.types.len() + kinds * 2;
    let objects = domain.constants.len() + problem.objects.len();
    // Each part of an `either` is a link, and each type of an object.
    let parts = |pools: &Pools| pools.kinds.iter().map(Vec::len).sum::<usize>();
    let of_objects = |pools: &Pools, objects: &[Typed]| {
        objects.iter().map(|typed| pools.kind(typed).len().max(1)).sum::<usize>()
    };
    let links = parts(&domain.pools)
        + parts(&problem.pools)
        + of_objects(&domain.pools, &domain.constants)
        + of_objects(&problem.pools, &problem.objects);
    let facts: usize = problem.init.iter().map(|fact| 1 + (fact.to - fact.from) as usize).sum();
    let tasks = domain.tasks.len() + domain.actions.len();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    BuilderConfig {
        types: number(types).min(0xFFFD),
        links: number(links),
        objects: number(objects).min(MAX_OBJECTS as u32),
        predicates: number(domain.predicates.len()).min(0xFFFD),
        tasks: number(tasks).min(0xFFFD),
        methods: number(domain.methods.len()).min(0xFFFD),
        // What takes a word of code takes more than a byte of text.
        code: number(1024 + bytes),
        facts: number(facts),
        // Every name, and some bytes with each.
        names: number(
            4096 + bytes
                + 8 * (types + objects + domain.predicates.len() + tasks + domain.methods.len()),
        ),
    }
}

fn attempt<'a>(
    domain: &Domain<'a>,
    problem: &Problem<'a>,
    config: &BuilderConfig,
) -> core::result::Result<(Vec<u32>, Vec<Warning>), (File, Fault)> {
    let b = built(Builder::new(config, Heap), 0).map_err(|fault| (File::Domain, fault))?;
    let mut lower = Lower {
        b,
        file: File::Domain,
        warnings: Vec::new(),
        types: Types::new(),
        kinds: Vec::new(),
        objects: Names::new(),
        predicates: BTreeMap::new(),
        tasks: Names::new(),
        task_ids: Vec::new(),
        actions: 0,
        fact_predicates: Vec::new(),
        fact_objects: Vec::new(),
        scope: Vec::new(),
        last_ordering: (File::Domain, 0),
    };
    match lower.all(domain, problem) {
        Ok(words) => Ok((words, lower.warnings)),
        Err(fault) if fault.error == Error::TaskCycle => {
            let (file, at) = lower.last_ordering;
            Err((file, Fault { at, ..fault }))
        }
        Err(fault) => Err((lower.file, fault)),
    }
}

impl<'a> Lower<'a, '_> {
    fn all(&mut self, domain: &Domain<'a>, problem: &Problem<'a>) -> Parsed<Vec<u32>> {
        self.declare_types(domain)?;
        let domain_kinds = self.resolve_kinds(&domain.pools)?;
        self.kinds = domain_kinds.clone();
        self.declare_objects(&domain.constants)?;
        self.file = File::Problem;
        let problem_kinds = self.resolve_kinds(&problem.pools)?;
        self.kinds = problem_kinds.clone();
        self.declare_objects(&problem.objects)?;
        // Before the predicates have their types: facts may show that those are too narrow.
        self.file = File::Domain;
        self.kinds = domain_kinds;
        let mut signatures = self.predicate_kinds(domain)?;
        self.widen_by_effects(domain, &mut signatures);
        self.file = File::Problem;
        self.widen_by_facts(problem, &mut signatures);
        self.file = File::Domain;
        self.declare_predicates(domain, signatures)?;
        self.declare_tasks(domain)?;
        for method in &domain.methods {
            self.method(&domain.pools, method)?;
        }
        self.file = File::Problem;
        if !problem.domain.text.eq_ignore_ascii_case(domain.name.text) {
            let (wanted, is) = (problem.domain.text, domain.name.text);
            self.warn(problem.domain.at, format!("a problem of `{wanted}`, read with `{is}`"));
        }
        self.kinds = problem_kinds;
        self.init(problem)?;
        self.htn(problem)?;
        if !problem.goal.is_empty() {
            built(self.b.goal(), problem.name.at)?;
            self.scope.clear();
            self.condition(&problem.pools, &problem.goal)?;
        }
        let at = problem.name.at;
        let len = built(self.b.model_len(), at)?;
        let mut words = std::vec![0u32; len.div_ceil(4)];
        let len = built(self.b.finish(&mut words), at)?;
        words.truncate(len / 4);
        Ok(words)
    }

    fn warn(&mut self, at: u32, message: String) {
        // One that a builder with more room says again is said once: warnings live as long as it.
        self.warnings.push((self.file, at, message));
    }

    fn kind(&self, typed: &Typed) -> Kind {
        self.kinds[typed.kind as usize].clone()
    }

    fn kinds_of(&self, parameters: &[Typed]) -> (Vec<Kind>, Vec<TypeId>) {
        let kinds: Vec<Kind> = parameters.iter().map(|p| self.kind(p)).collect();
        let ids = kinds.iter().map(|kind| kind.id).collect();
        (kinds, ids)
    }

    // ---- predicates

    /// The signatures, the first one of each name and number of arguments, by their index among the
    /// domain's predicates.
    fn predicate_kinds(&mut self, domain: &Domain<'a>) -> Parsed<Vec<Option<Vec<Kind>>>> {
        const MOST: usize = 0xFFFD;
        if let Some(signature) = domain.predicates.get(MOST) {
            let message = format!("more than {MOST} predicates");
            return Err(Fault { at: signature.name.at, error: Error::Capacity, message });
        }
        let mut seen: HashMap<(&str, usize), usize> = HashMap::new();
        let mut all: Vec<Option<Vec<Kind>>> = Vec::new();
        for (index, signature) in domain.predicates.iter().enumerate() {
            let (kinds, _) = self.kinds_of(&signature.parameters);
            let key = (signature.name.text, kinds.len());
            match seen.get(&key) {
                None => {
                    seen.insert(key, index);
                    all.push(Some(kinds));
                }
                Some(&first) => {
                    let name = signature.name.text;
                    self.warn(
                        signature.name.at,
                        format!("the predicate `{name}` is there already"),
                    );
                    if let Some(Some(first)) = all.get_mut(first) {
                        let pairs = first.iter_mut().zip(kinds);
                        pairs
                            .filter(|(a, b)| a.parts != b.parts)
                            .for_each(|(a, _)| *a = Kind::object());
                    }
                    all.push(None);
                }
            }
            let group = self.predicates.entry(key.1).or_insert_with(Group::new);
            if group.names.exact(key.0).is_none() {
                group.names.add(key.0);
                // The number of it in the domain, until the builder gives it one.
                group.ids.push(PredicateId(index as u16));
            }
        }
        Ok(all)
    }

    /// A predicate by name and number of arguments: that number, and its place among those.
    fn find_predicate(&mut self, name: &str, arity: usize) -> Option<(usize, usize)> {
        let group = self.predicates.get_mut(&arity)?;
        Some((arity, group.names.find(name)? as usize))
    }

    fn found(&mut self, (arity, place): (usize, usize)) -> Option<&mut PredicateId> {
        self.predicates.get_mut(&arity)?.ids.get_mut(place)
    }

    fn predicate(&mut self, name: &Name, arity: usize) -> Parsed<PredicateId> {
        let found = self.find_predicate(name.text, arity);
        if let Some(id) = found.and_then(|found| self.found(found)) {
            return Ok(*id);
        }
        let text = name.text;
        let declared =
            |(arity, group): (&usize, &mut Group)| group.names.find(text).map(|_| *arity);
        let other = self.predicates.iter_mut().find_map(declared);
        Err(Fault::domain(
            name.at,
            match other {
                None => format!("the predicate `{text}` is not declared"),
                Some(wanted) => {
                    format!("expected {wanted} arguments of `{text}`, found {arity}")
                }
            },
        ))
    }

    /// An argument that is of another type than the predicate says makes the predicate wider: the
    /// competition's tools do not look at these types.
    fn widen(&mut self, at: u32, name: &str, place: usize, kind: &mut Kind) {
        self.warn(
            at,
            format!("argument {} of `{name}` is of another type than declared", place + 1),
        );
        *kind = Kind::object();
    }

    /// Also keeps what the names of facts stand for, which is most of the work of reading a problem.
    fn widen_by_facts(&mut self, problem: &Problem<'a>, signatures: &mut [Option<Vec<Kind>>]) {
        for fact in &problem.init {
            let args = problem.pools.arguments(fact);
            let from = self.fact_objects.len();
            let found = self.find_predicate(fact.head.text, args.len());
            for arg in args {
                match self.objects.find(arg.text) {
                    Some(object) => self.fact_objects.push(ObjectId(object as u16)),
                    None => break,
                }
            }
            let known = self.fact_objects.len() - from == args.len();
            let number = found.and_then(|found| self.found(found)).map(|id| id.index());
            let kinds = number.and_then(|number| signatures.get_mut(number));
            let (true, Some(Some(kinds))) = (known, kinds) else {
                self.fact_objects.truncate(from);
                self.fact_predicates.push(None);
                continue;
            };
            self.fact_predicates.push(found);
            for (place, arg) in args.iter().enumerate() {
                let object = u32::from(self.fact_objects[from + place].0);
                if !self.types.is(object, &kinds[place]) {
                    self.widen(arg.at, fact.head.text, place, &mut kinds[place]);
                }
            }
        }
    }

    fn widen_by_effects(&mut self, domain: &Domain<'a>, signatures: &mut [Option<Vec<Kind>>]) {
        for action in &domain.actions {
            let parameters = &action.signature.parameters;
            let mut scope: Vec<Typed<'a>> = parameters.clone();
            self.widen_by_effect(&domain.pools, &action.effect, &mut scope, signatures);
        }
    }

    fn widen_by_effect(
        &mut self,
        pools: &Pools<'a>,
        effect: &Effect<'a>,
        scope: &mut Vec<Typed<'a>>,
        signatures: &mut [Option<Vec<Kind>>],
    ) {
        match effect {
            Effect::And(all) => {
                all.iter().for_each(|one| self.widen_by_effect(pools, one, scope, signatures));
            }
            Effect::Forall(variables, inner) => {
                let before = scope.len();
                scope.extend(variables);
                self.widen_by_effect(pools, inner, scope, signatures);
                scope.truncate(before);
            }
            Effect::When(_, inner) => self.widen_by_effect(pools, inner, scope, signatures),
            Effect::Delete(_) => {}
            Effect::Add(atom) => {
                let args = pools.arguments(atom);
                let found = self.find_predicate(atom.head.text, args.len());
                let number = found.and_then(|found| self.found(found)).map(|id| id.index());
                let Some(number) = number else { return };
                let Some(Some(kinds)) = signatures.get_mut(number) else { return };
                for (place, arg) in args.iter().enumerate() {
                    let wide = if arg.is_variable() {
                        let variable = scope.iter().rev().find(|v| v.name.text == arg.text);
                        let Some(variable) = variable else { continue };
                        let kind = self.kind(variable);
                        !self.types.is_part(&kind, &kinds[place])
                    } else {
                        let object = self.objects.find(arg.text);
                        object.is_some_and(|object| !self.types.is(object, &kinds[place]))
                    };
                    if wide {
                        self.widen(arg.at, atom.head.text, place, &mut kinds[place]);
                    }
                }
            }
        }
    }

    fn declare_predicates(
        &mut self,
        domain: &Domain<'a>,
        signatures: Vec<Option<Vec<Kind>>>,
    ) -> Parsed<()> {
        for (signature, kinds) in domain.predicates.iter().zip(signatures) {
            let Some(kinds) = kinds else { continue };
            let ids: Vec<TypeId> = kinds.iter().map(|kind| kind.id).collect();
            let Signature { name, .. } = signature;
            let id = built(self.b.predicate(name.text, &ids), name.at)?;
            let found = self.find_predicate(name.text, kinds.len());
            if let Some(place) = found.and_then(|found| self.found(found)) {
                *place = id;
            }
        }
        Ok(())
    }

    // ---- facts

    fn init(&mut self, problem: &Problem<'a>) -> Parsed<()> {
        let known = core::mem::take(&mut self.fact_predicates);
        let objects = core::mem::take(&mut self.fact_objects);
        let mut objects = objects.as_slice();
        let mut left_out: HashSet<&str> = HashSet::new();
        for (fact, known) in problem.init.iter().zip(known) {
            let terms = problem.pools.arguments(fact);
            if let Some(found) = known {
                let (args, rest) = objects.split_at(terms.len());
                objects = rest;
                if let Some(predicate) = self.found(found).copied() {
                    built(self.b.fact(predicate, args), fact.head.at)?;
                }
                continue;
            }
            let name = fact.head.text;
            if self.predicates.values_mut().all(|group| group.names.find(name).is_none()) {
                // No condition can ask for it.
                if left_out.insert(name) {
                    let message =
                        format!("the predicate `{name}` is not declared: its facts are left out");
                    self.warn(fact.head.at, message);
                }
                continue;
            }
            // Something is wrong with it.
            self.predicate(&fact.head, terms.len())?;
            for term in terms {
                if term.is_variable() {
                    let message = format!("expected an object, found the variable `{}`", term.text);
                    return Err(Fault::domain(term.at, message));
                }
                self.object(term)?;
            }
        }
        Ok(())
    }

    fn object(&mut self, name: &Name) -> Parsed<ObjectId> {
        match self.objects.find(name.text) {
            Some(id) => Ok(ObjectId(id as u16)),
            None => {
                let text = name.text;
                Err(Fault::domain(name.at, format!("the object `{text}` is not declared")))
            }
        }
    }

    // ---- terms

    /// A variable in sight, or an object.
    fn term(&mut self, name: &Name) -> Parsed<Term> {
        if !name.is_variable() {
            return self.object(name).map(Term::object);
        }
        let exact = self.scope.iter().rev().find(|(text, _)| *text == name.text);
        let near =
            || self.scope.iter().rev().find(|(text, _)| text.eq_ignore_ascii_case(name.text));
        match exact.or_else(near) {
            Some((_, term)) => Ok(*term),
            None => {
                let text = name.text;
                Err(Fault::domain(name.at, format!("the variable `{text}` is not declared")))
            }
        }
    }

    fn terms(&mut self, pools: &Pools<'a>, atom: &Atom<'a>) -> Parsed<Vec<Term>> {
        pools.arguments(atom).iter().map(|name| self.term(name)).collect()
    }

    /// Brings parameters into sight, as variables from 0 on.
    fn begin_scope(&mut self, parameters: &[Typed<'a>]) -> Parsed<()> {
        self.scope.clear();
        for (index, parameter) in parameters.iter().enumerate() {
            let Name { text, at } = parameter.name;
            if self.scope.iter().any(|(name, _)| *name == text) {
                return Err(Fault::domain(at, format!("a second parameter `{text}`")));
            }
            let index = u8::try_from(index).map_err(|_| Error::Invalid);
            self.scope.push((text, Term::variable(built(index, at)?)));
        }
        Ok(())
    }
}
