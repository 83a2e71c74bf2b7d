//! The action or method that is open: conditions, effects, subtasks, orderings.
//!
//! Formulae become negation normal form as they come: whether what follows stands under a negation is
//! known when it comes, so `not` turns the operators that follow into their duals and is gone.

use super::super::format::{MAX_DEPTH, MAX_VARIABLES, op};
use super::super::ids::{PredicateId, TaskId, Term, TypeId};
use super::Builder;
use crate::error::{Error, Result};

/// What a condition is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All that follows holds, up to the [`close`](Builder::close) that belongs to it.
    And,
    /// Some of what follows holds.
    Or,
    /// Not all of what follows holds: of one condition, its negation.
    Not,
    /// If the first of what follows holds, all the rest does.
    Imply,
}

/// Levels of parts that are open, those that leave no trace included: a quantifier is two.
const LEVELS: usize = 64;

/// A part that is open.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// Its operator in the code, after negation.
    op: u16,
    /// Whether it has no words of its own: it goes on with the group that it stands in.
    merged: bool,
    /// Whether what stands in it stands under a negation.
    negative: bool,
    /// Whether the first child stands under one more.
    imply: bool,
    /// Where its words begin.
    at: usize,
    /// How many children it has so far, and how many levels the deepest of them has.
    children: usize,
    height: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Owner {
    #[default]
    Nobody,
    Action(u16),
    Method(usize),
    Network,
    Goal,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Conditions,
    Effects,
    WhenConditions,
    WhenEffects,
    Subtasks,
    Orders,
}

/// What is being written.
pub(super) struct Open {
    owner: Owner,
    stage: Stage,
    /// Variables in sight, and the most there were.
    scope: usize,
    most: usize,
    parameters: usize,
    levels: [Level; LEVELS],
    depth: usize,
    /// Where the effects, and the conditional effect, begin.
    effects_at: usize,
    when_at: usize,
    when_scope: usize,
}

impl Default for Open {
    fn default() -> Open {
        Open::new(Owner::Nobody, 0)
    }
}

impl Open {
    fn new(owner: Owner, parameters: usize) -> Open {
        Open {
            owner,
            stage: Stage::Conditions,
            scope: parameters,
            most: parameters,
            parameters,
            levels: [Level::default(); LEVELS],
            depth: 0,
            effects_at: 0,
            when_at: 0,
            when_scope: 0,
        }
    }

    pub fn action(id: u16, parameters: usize) -> Open {
        Open::new(Owner::Action(id), parameters)
    }

    pub fn method(id: usize, parameters: usize) -> Open {
        Open::new(Owner::Method(id), parameters)
    }

    pub fn network(parameters: usize) -> Open {
        Open::new(Owner::Network, parameters)
    }

    pub fn goal() -> Open {
        Open::new(Owner::Goal, 0)
    }

    fn top(&mut self) -> Result<&mut Level> {
        self.depth.checked_sub(1).and_then(|at| self.levels.get_mut(at)).ok_or(Error::TaskDomain)
    }
}

impl Builder<'_> {
    /// Begins the precondition of what is open from now on.
    pub(super) fn begin(&mut self, open: Open) -> Result<()> {
        self.open = open;
        let at = self.counts.code as u32;
        match self.open.owner {
            Owner::Action(id) => {
                if let Some(record) = self.tasks.get_mut(id as usize) {
                    record.precondition = at;
                }
            }
            Owner::Method(id) => {
                if let Some(record) = self.methods.get_mut(id) {
                    record.precondition = at;
                }
            }
            Owner::Network => self.root.precondition = at,
            Owner::Goal => self.goal = Some((at, 0)),
            Owner::Nobody => {}
        }
        self.begin_root()
    }

    /// Begins a formula: a conjunction of what follows.
    fn begin_root(&mut self) -> Result<()> {
        self.open.depth = 0;
        self.push_level(Level { op: op::AND, at: self.counts.code, ..Level::default() })?;
        self.push_head(op::AND)
    }

    fn push_head(&mut self, op: u16) -> Result<()> {
        self.push(op)?;
        self.push(0)?;
        self.push(0)
    }

    fn push_level(&mut self, level: Level) -> Result<()> {
        *self.open.levels.get_mut(self.open.depth).ok_or(Error::Unsupported)? = level;
        self.open.depth += 1;
        Ok(())
    }

    /// Writes how long the formula or effect at `at` has become.
    fn patch(&mut self, at: usize, head: usize) -> Result<()> {
        let len = u32::try_from(self.counts.code - at - head - 2).map_err(|_| Error::Overflow)?;
        let place = self.code.get_mut(at + head..at + head + 2).ok_or(Error::Capacity)?;
        place.copy_from_slice(&[(len & 0xFFFF) as u16, (len >> 16) as u16]);
        Ok(())
    }

    fn in_conditions(&self) -> Result<()> {
        let conditions = matches!(self.open.stage, Stage::Conditions | Stage::WhenConditions);
        if conditions && self.open.owner != Owner::Nobody { Ok(()) } else { Err(Error::TaskDomain) }
    }

    /// Whether the next child of the innermost part stands under a negation. Counts it.
    fn child(&mut self) -> Result<bool> {
        let top = self.open.top()?;
        let negative = top.negative ^ (top.imply && top.children == 0);
        top.children += 1;
        Ok(negative)
    }

    /// Begins a part of a condition.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] where no condition may be; [`Error::Unsupported`], at once or when it is closed,
    /// if the formula has more than [`MAX_DEPTH`] levels. A part with one condition in it is no level, nor
    /// is one in another of its kind; all conditions together are one.
    pub fn open(&mut self, part: Part) -> Result<()> {
        self.guard(|b| {
            b.in_conditions()?;
            let negative = b.child()? ^ (part == Part::Not);
            let conjunction = matches!(part, Part::And | Part::Not) ^ negative;
            b.open_group(if conjunction { op::AND } else { op::OR }, negative, part == Part::Imply)
        })
    }

    fn open_group(&mut self, op: u16, negative: bool, imply: bool) -> Result<()> {
        let parent = *self.open.top()?;
        let merged = parent.op == op;
        let at = self.counts.code;
        self.push_level(Level { op, merged, negative, imply, at, ..Level::default() })?;
        if merged { Ok(()) } else { self.push_head(op) }
    }

    /// Begins a condition over all objects of a type: that what follows (all of it) holds for each
    /// (`for_all`), or for at least one. Answers the variable that stands for the object.
    ///
    /// # Errors
    /// As [`open`](Builder::open), and [`Error::Invalid`] for too many variables.
    pub fn quantifier(&mut self, for_all: bool, ty: TypeId) -> Result<Term> {
        self.guard(|b| {
            b.in_conditions()?;
            b.is_type(ty)?;
            let negative = b.child()?;
            let op = if for_all ^ negative { op::FORALL } else { op::EXISTS };
            let variable = b.variable()?;
            let at = b.counts.code;
            b.push_level(Level { op, at, negative, ..Level::default() })?;
            b.push_head(op)?;
            b.push(variable)?;
            b.push(ty.0)?;
            b.open_group(if negative { op::OR } else { op::AND }, negative, false)?;
            Ok(Term::variable(variable as u8))
        })
    }

    /// A new variable.
    fn variable(&mut self) -> Result<u16> {
        let variable = self.open.scope;
        if variable >= MAX_VARIABLES {
            return Err(Error::Invalid);
        }
        self.open.scope += 1;
        self.open.most = self.open.most.max(self.open.scope);
        Ok(variable as u16)
    }

    /// Ends the part or quantifier that was begun last.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] if there is none.
    pub fn close(&mut self) -> Result<()> {
        self.guard(|b| {
            b.in_conditions()?;
            if b.open.depth < 2 {
                return Err(Error::TaskDomain);
            }
            b.close_level()?;
            let top = *b.open.top()?;
            if matches!(top.op, op::FORALL | op::EXISTS) {
                b.close_level()?;
                b.open.scope -= 1;
            }
            Ok(())
        })
    }

    fn close_level(&mut self) -> Result<()> {
        let level = *self.open.top()?;
        self.open.depth -= 1;
        if level.merged {
            return self.rise(level.height);
        }
        let group = matches!(level.op, op::AND | op::OR);
        if group && level.children == 1 && self.is_one(level.at + 3) {
            // A group of one is the one.
            self.code.copy_within(level.at + 3..self.counts.code, level.at);
            self.counts.code -= 3;
            // And if it is a group like the one that it stands in, it goes on with that.
            let one = self.code.get(level.at).copied();
            if matches!(one, Some(op::AND | op::OR)) && one == Some(self.open.top()?.op) {
                self.code.copy_within(level.at + 3..self.counts.code, level.at);
                self.counts.code -= 3;
                return self.rise(level.height - 1);
            }
            return self.rise(level.height);
        }
        self.patch(level.at, 1)?;
        self.rise(level.height + 1)
    }

    /// A child of the innermost part has so many levels. One more is that part's own.
    fn rise(&mut self, levels: usize) -> Result<()> {
        let top = self.open.top()?;
        top.height = top.height.max(levels);
        if top.height >= MAX_DEPTH { Err(Error::Unsupported) } else { Ok(()) }
    }

    /// Whether exactly one formula lies from `at` to the end of the code.
    fn is_one(&self, at: usize) -> bool {
        let Some(code) = self.code.get(at..self.counts.code) else { return false };
        let len = match *code {
            [op::AND | op::OR | op::FORALL | op::EXISTS, low, high, ..] => {
                3 + super::super::format::wide(low, high)
            }
            [op::ATOM | op::NOT_ATOM, predicate, ..] => {
                2 + self.predicates.get(predicate as usize).map_or(0, |p| p.arity as usize)
            }
            _ => 3,
        };
        len == code.len()
    }

    /// A condition: that a fact holds; inside [`Part::Not`] that it does not.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] where no condition may be, for a predicate, object or variable that there is
    /// not, or another number of arguments.
    pub fn atom(&mut self, predicate: PredicateId, args: &[Term]) -> Result<()> {
        self.guard(|b| {
            b.in_conditions()?;
            let op = if b.child()? { op::NOT_ATOM } else { op::ATOM };
            b.rise(1)?;
            b.literal(op, predicate, args)
        })
    }

    fn literal(&mut self, op: u16, predicate: PredicateId, args: &[Term]) -> Result<()> {
        self.arity(predicate, args.len())?;
        self.push(op)?;
        self.push(predicate.0)?;
        self.args(args, self.open.scope)
    }

    fn args(&mut self, args: &[Term], variables: usize) -> Result<()> {
        for arg in args {
            self.is_term(*arg, variables)?;
            self.push(arg.code())?;
        }
        Ok(())
    }

    /// A condition: that two terms are the same object; inside [`Part::Not`] that they are not.
    ///
    /// # Errors
    /// As [`atom`](Builder::atom).
    pub fn equal(&mut self, a: Term, b: Term) -> Result<()> {
        self.guard(|builder| {
            builder.in_conditions()?;
            let op = if builder.child()? { op::NOT_EQUAL } else { op::EQUAL };
            builder.rise(1)?;
            builder.push(op)?;
            builder.args(&[a, b], builder.open.scope)
        })
    }

    /// Ends the formula that is open.
    fn end_formula(&mut self) -> Result<()> {
        if self.open.depth != 1 {
            // Something was opened and not closed.
            return Err(Error::TaskDomain);
        }
        let at = self.open.top()?.at;
        self.open.depth = 0;
        self.patch(at, 1)
    }

    fn effects(&mut self) -> Result<()> {
        if !matches!(self.open.owner, Owner::Action(_)) {
            return Err(Error::TaskDomain);
        }
        if self.open.stage == Stage::Conditions {
            self.end_formula()?;
            self.open.stage = Stage::Effects;
            self.open.effects_at = self.counts.code;
            self.push(0)?;
            self.push(0)?;
        }
        Ok(())
    }

    fn effect(&mut self, op: u16, predicate: PredicateId, args: &[Term]) -> Result<()> {
        self.effects()?;
        if self.open.stage == Stage::WhenConditions {
            return Err(Error::TaskDomain);
        }
        self.literal(op, predicate, args)?;
        if let Some(record) = self.predicates.get_mut(predicate.index()) {
            record.fluent = true;
        }
        Ok(())
    }

    /// An effect of the open action, or of its open [`when`](Builder::when): the fact holds afterwards.
    ///
    /// # Errors
    /// As [`atom`](Builder::atom).
    pub fn add(&mut self, predicate: PredicateId, args: &[Term]) -> Result<()> {
        self.guard(|b| b.effect(op::ADD, predicate, args))
    }

    /// An effect of the open action, or of its open [`when`](Builder::when): the fact does not hold
    /// afterwards, unless the action also adds it.
    ///
    /// # Errors
    /// As [`atom`](Builder::atom).
    pub fn delete(&mut self, predicate: PredicateId, args: &[Term]) -> Result<()> {
        self.guard(|b| b.effect(op::DELETE, predicate, args))
    }

    /// Begins a conditional effect, for all objects of the types (none: once). Conditions follow, then
    /// [`then`](Builder::then), then [`add`](Builder::add) and [`delete`](Builder::delete), then
    /// [`end_when`](Builder::end_when). Answers the number of the variable of the first type; the others
    /// follow ([`Term::variable`]). Conditional effects do not stand inside each other: who has such makes
    /// one of both conditions.
    ///
    /// # Errors
    /// As [`quantifier`](Builder::quantifier).
    pub fn when(&mut self, types: &[TypeId]) -> Result<u8> {
        self.guard(|b| {
            b.effects()?;
            if b.open.stage != Stage::Effects {
                return Err(Error::TaskDomain);
            }
            b.open.stage = Stage::WhenConditions;
            b.open.when_at = b.counts.code;
            b.open.when_scope = b.open.scope;
            b.push_head(op::WHEN)?;
            b.push(types.len() as u16)?;
            for ty in types {
                b.is_type(*ty)?;
                let variable = b.variable()?;
                b.push(variable)?;
                b.push(ty.0)?;
            }
            b.begin_root()?;
            Ok(b.open.when_scope as u8)
        })
    }

    /// Ends the conditions of a conditional effect.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] if there is none.
    pub fn then(&mut self) -> Result<()> {
        self.guard(|b| {
            if b.open.stage != Stage::WhenConditions {
                return Err(Error::TaskDomain);
            }
            b.end_formula()?;
            b.open.stage = Stage::WhenEffects;
            Ok(())
        })
    }

    /// Ends a conditional effect.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] if there is none.
    pub fn end_when(&mut self) -> Result<()> {
        self.guard(|b| {
            if b.open.stage != Stage::WhenEffects {
                return Err(Error::TaskDomain);
            }
            b.open.stage = Stage::Effects;
            b.open.scope = b.open.when_scope;
            b.patch(b.open.when_at, 1)
        })
    }

    /// Adds a subtask to the open method or network, after those that it has. Answers its number, from 0,
    /// for [`before`](Builder::before).
    ///
    /// # Errors
    /// As [`atom`](Builder::atom); [`Error::Capacity`] for more than 65535.
    pub fn subtask(&mut self, task: TaskId, args: &[Term]) -> Result<u16> {
        self.guard(|b| {
            b.network_stage()?;
            if b.open.stage != Stage::Subtasks {
                return Err(Error::TaskDomain);
            }
            let known = task.index() < b.counts.tasks;
            let arity = b.tasks.get(task.index()).map(|record| record.arity as usize);
            if !known || arity != Some(args.len()) {
                return Err(Error::TaskDomain);
            }
            b.push(task.0)?;
            b.args(args, b.open.parameters)?;
            let record = b.open_method().ok_or(Error::TaskDomain)?;
            let id = record.subtask_count;
            record.subtask_count = id.checked_add(1).ok_or(Error::Capacity)?;
            Ok(id)
        })
    }

    /// The subtasks of the open method or network are carried out in the order in which they were added.
    /// (A single one always is.)
    ///
    /// # Errors
    /// [`Error::TaskDomain`] if nothing is open, or it already has orderings of its own.
    pub fn ordered(&mut self) -> Result<()> {
        self.guard(|b| {
            b.network_stage()?;
            let record = b.open_method().ok_or(Error::TaskDomain)?;
            if record.order_count > 0 {
                return Err(Error::TaskDomain);
            }
            record.ordered = true;
            Ok(())
        })
    }

    /// Subtask `first` of the open method or network is done before subtask `second` begins. Orderings
    /// need not be written out to the end: what follows from two of them holds. If they leave one order
    /// alone, the method counts as ordered. The model numbers subtasks in an order that is allowed, the
    /// first such by the numbers here.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] for subtasks that there are not. [`Error::TaskCycle`], when the next thing is
    /// begun, if a subtask would come before itself.
    pub fn before(&mut self, first: u16, second: u16) -> Result<()> {
        self.guard(|b| {
            b.network_stage()?;
            let at = b.counts.code as u32;
            let fresh = b.open.stage == Stage::Subtasks;
            let record = b.open_method().ok_or(Error::TaskDomain)?;
            if record.ordered || first >= record.subtask_count || second >= record.subtask_count {
                return Err(Error::TaskDomain);
            }
            if fresh {
                record.orders = at;
            }
            record.order_count = record.order_count.checked_add(1).ok_or(Error::Capacity)?;
            b.open.stage = Stage::Orders;
            b.push(first)?;
            b.push(second)
        })
    }

    /// Ends the conditions of a method, if they were not ended.
    fn network_stage(&mut self) -> Result<()> {
        if !matches!(self.open.owner, Owner::Method(_) | Owner::Network) {
            return Err(Error::TaskDomain);
        }
        if self.open.stage == Stage::Conditions {
            self.end_formula()?;
            self.open.stage = Stage::Subtasks;
            let at = self.counts.code as u32;
            let record = self.open_method().ok_or(Error::TaskDomain)?;
            record.subtasks = at;
            record.orders = at;
        }
        Ok(())
    }

    fn open_method(&mut self) -> Option<&mut super::MethodRecord> {
        match self.open.owner {
            Owner::Method(id) => self.methods.get_mut(id),
            Owner::Network => Some(&mut self.root),
            _ => None,
        }
    }

    /// Ends what is open.
    pub(super) fn end_open(&mut self) -> Result<()> {
        let most = self.open.most;
        match self.open.owner {
            Owner::Nobody => return Ok(()),
            Owner::Action(id) => {
                self.effects()?;
                if self.open.stage != Stage::Effects {
                    return Err(Error::TaskDomain);
                }
                self.patch(self.open.effects_at, 0)?;
                let at = self.open.effects_at as u32;
                if let Some(record) = self.tasks.get_mut(id as usize) {
                    record.effects = at;
                    record.variables = most as u16;
                }
            }
            Owner::Method(_) | Owner::Network => {
                self.network_stage()?;
                if let Some(record) = self.open_method() {
                    record.variables = most as u16;
                    let mut record = *record;
                    self.order(&mut record)?;
                    if let Some(place) = self.open_method() {
                        *place = record;
                    }
                }
            }
            Owner::Goal => {
                self.end_formula()?;
                self.goal = self.goal.map(|(at, _)| (at, most));
            }
        }
        self.open.owner = Owner::Nobody;
        Ok(())
    }
}
