//! Says whether a plan does what it should. Shares no code with the planner, only the reading of
//! models: everything that a plan claims is looked at again, from the initial facts to the goal.
//!
//! What a plan has to be (Höller et al. 2020, and the competition's verifier): each task is decomposed
//! by a method of its own, whose parameters have values of their types; a method's subtasks are there,
//! each once, with the arguments that the method gives them; the actions' order keeps every method's
//! orderings; a method's precondition holds at some time between what comes before its task and its
//! first subtask; each action's precondition holds when it begins; of what it does deletions come before
//! additions, and conditions look at the state before; the goal holds at the end.

mod facts;
mod logic;
mod refusal;
mod watch;

use core::alloc::Layout;

use super::format::MAX_VARIABLES;
use super::ids::{ObjectId, Term, TypeId};
use super::model::{Method, Model};
use super::tree::{OPEN, Plan, Step};
use crate::error::Result;
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;
use facts::Facts;
pub use refusal::{Refusal, Why};
pub use watch::Decision;

/// How much a verifier has room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifierConfig {
    /// Steps of a plan.
    pub steps: u32,
    /// Facts that actions may change: all that ever hold, of one plan.
    pub facts: u32,
    /// Numbers for those facts: for each 1 and the number of its arguments.
    pub words: u32,
}

/// How often one verification chooses another value for what a plan leaves open: so often, and so often for
/// each step. Each choice is a look at a precondition.
const CHOICES: u32 = 1 << 20;
const CHOICES_PER_STEP: u32 = 1 << 12;

type Checked<T> = core::result::Result<T, Refusal>;

/// What is known of a step. The initial network is one, after the last.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    /// Where its children lie in the table of children, and how many there are.
    first: u32,
    count: u32,
    /// Children that have not ended, siblings before it that have not.
    children: u32,
    before: u32,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Its parent has not begun, or something before it has not ended.
    #[default]
    Waits,
    /// It may begin.
    Ready,
    Begun,
    Ended,
}

/// Verifies plans, in memory that is taken once.
pub struct Verifier<'m> {
    nodes: Carved<'m, Node>,
    /// For each node the indices of its children, by their places.
    children: Carved<'m, u32>,
    /// Decomposed tasks that may begin once their preconditions hold.
    ready: Carved<'m, u32>,
    ready_count: usize,
    facts: Facts<'m>,
    /// The values of the variables of what is being looked at.
    bound: Carved<'m, u16>,
    /// How often another value may be chosen for what a plan leaves open.
    choices: u32,
    _piece: Piece<'m>,
}

impl<'m> Verifier<'m> {
    fn carve(
        config: &VerifierConfig,
        carver: &mut Carver<'m>,
        piece: Piece<'m>,
    ) -> Result<Verifier<'m>> {
        let steps = config.steps as usize;
        Ok(Verifier {
            nodes: carver.take(steps + 1, Node::default())?,
            children: carver.take(steps, 0)?,
            ready: carver.take(steps + 1, 0)?,
            ready_count: 0,
            facts: Facts::carve(config, carver)?,
            bound: carver.take(MAX_VARIABLES, OPEN)?,
            choices: 0,
            _piece: piece,
        })
    }

    /// The memory that a verifier takes.
    ///
    /// # Errors
    /// [`Error::Overflow`](crate::Error::Overflow) for more than a machine has.
    pub fn footprint(config: &VerifierConfig) -> Result<Layout> {
        Carver::layout_of(|carver| Verifier::carve(config, carver, Piece::lent(&mut [])))
    }

    /// A verifier, in memory from `allocator`.
    ///
    /// # Errors
    /// Those of [`footprint`](Verifier::footprint) and of the allocator.
    pub fn new(config: &VerifierConfig, allocator: impl Allocator<'m>) -> Result<Verifier<'m>> {
        Verifier::in_piece(config, allocator.allocate(Verifier::footprint(config)?)?)
    }

    /// Does something with a plan by a verifier in the heap, and by ever larger ones as long as one is too
    /// small.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory); [`Error::Overflow`](crate::Error::Overflow) for more
    /// than this machine has.
    #[cfg(feature = "alloc")]
    pub(crate) fn of_any_size(
        plan: &Plan<'_>,
        mut work: impl FnMut(&mut Verifier<'_>) -> core::result::Result<(), Refusal>,
    ) -> Result<core::result::Result<(), Refusal>> {
        let steps = u32::try_from(plan.steps.len()).map_err(|_| crate::Error::Overflow)?;
        let mut facts = 1 << 12;
        loop {
            let config = VerifierConfig { steps, facts, words: facts.saturating_mul(5) };
            match work(&mut Verifier::new(&config, crate::port::Heap)?) {
                Err(refusal) if refusal.why == Why::Capacity && facts < 1 << 28 => facts <<= 3,
                verdict => return Ok(verdict),
            }
        }
    }

    pub(crate) fn in_piece(config: &VerifierConfig, mut piece: Piece<'m>) -> Result<Verifier<'m>> {
        let mut carver = piece.carver(Verifier::footprint(config)?)?;
        Verifier::carve(config, &mut carver, piece)
    }

    /// Looks at a plan.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn verify(
        &mut self,
        model: &Model<'_>,
        plan: &Plan<'_>,
    ) -> core::result::Result<(), Refusal> {
        Run { v: self, model: *model, plan: *plan, watch: None }.all()
    }

    /// As [`verify`](Verifier::verify), and tells `watch` by which method each task is decomposed, when it
    /// is: in the state that its method begins in.
    ///
    /// # Errors
    /// As [`verify`](Verifier::verify). What was told up to then was right so far.
    pub fn replay(
        &mut self,
        model: &Model<'_>,
        plan: &Plan<'_>,
        watch: &mut dyn FnMut(&Decision<'_>),
    ) -> core::result::Result<(), Refusal> {
        Run { v: self, model: *model, plan: *plan, watch: Some(watch) }.all()
    }
}

/// The verifier at work.
struct Run<'v, 'm, 'a> {
    v: &'v mut Verifier<'m>,
    model: Model<'a>,
    plan: Plan<'a>,
    watch: Option<&'v mut dyn FnMut(&Decision<'_>)>,
}

impl<'a> Run<'_, '_, 'a> {
    fn all(mut self) -> Checked<()> {
        self.tree()?;
        self.orders()?;
        self.facts_at_the_beginning()?;
        self.execute()?;
        self.goal()
    }

    fn root(&self) -> usize {
        self.plan.steps.len()
    }

    /// The node of a step's parent.
    fn parent(&self, step: &Step) -> usize {
        if step.parent == Step::ROOT { self.root() } else { step.parent as usize }
    }

    /// What a node is called in a refusal.
    fn name(&self, node: usize) -> u32 {
        if node == self.root() { Step::ROOT } else { node as u32 }
    }

    /// The method of a node that has one.
    fn method(&self, node: usize) -> Option<Method<'a>> {
        let id = match self.plan.steps.get(node) {
            None => self.model.root(),
            Some(step) if step.method == Step::ACTION => return None,
            Some(step) => step.method,
        };
        Some(self.model.method(id))
    }

    /// The values of a node's parameters.
    fn values(&self, node: usize) -> &'a [u16] {
        let (from, parameters) = match self.plan.steps.get(node) {
            None => (self.plan.root, self.model.method(self.model.root()).types.len()),
            Some(step) => {
                let of_action = || self.model.task(step.task).types.len();
                let parameters = self.method(node).map_or_else(of_action, |m| m.types.len());
                (step.bound, parameters)
            }
        };
        let from = from as usize;
        self.plan.values.get(from..from.saturating_add(parameters)).unwrap_or(&[])
    }

    // ---- the tree

    /// That the plan is a tree of decompositions.
    fn tree(&mut self) -> Checked<()> {
        let root = self.root();
        if root >= self.v.nodes.len() {
            return Err(Refusal::new(Step::ROOT, Why::Capacity));
        }
        let mut first = 0usize;
        for node in 0..=root {
            self.node(node)?;
            let count = self.method(node).map_or(0, |method| method.subtasks.len());
            // Every child is a step: with more places than steps some is missing. Steps by themselves are
            // looked at first.
            let last = (first + count).min(root);
            self.v.nodes[node] = Node {
                first: first as u32,
                count: count as u32,
                children: count as u32,
                ..Node::default()
            };
            self.v.children[first.min(last)..last].fill(Step::ROOT);
            first = first.saturating_add(count);
        }
        if first > root {
            return Err(self.missing());
        }
        for (index, step) in self.plan.steps.iter().enumerate() {
            let parent = self.v.nodes[self.parent(step)];
            let place = parent.first as usize + step.place as usize;
            if u32::from(step.place) >= parent.count || self.v.children[place] != Step::ROOT {
                return Err(Refusal::new(index as u32, Why::Place));
            }
            self.v.children[place] = index as u32;
        }
        for node in 0..=root {
            self.subtasks(node)?;
        }
        Ok(())
    }

    /// The first task that has fewer subtasks than its method asks for. There are fewer steps than places.
    fn missing(&mut self) -> Refusal {
        for step in self.plan.steps {
            let parent = self.parent(step);
            let left = &mut self.v.nodes[parent].children;
            *left = left.saturating_sub(1);
        }
        let short = self.v.nodes.iter().position(|node| node.children > 0);
        Refusal::new(self.name(short.unwrap_or(self.root())), Why::Missing)
    }

    /// A step by itself: that what it names is there, and of the right types.
    fn node(&mut self, node: usize) -> Checked<()> {
        let name = self.name(node);
        let refuse = |why| Err(Refusal::new(name, why));
        let Some(step) = self.plan.steps.get(node) else {
            let method = self.model.method(self.model.root());
            return self.parameters(node, method.types, name);
        };
        if step.parent != Step::ROOT && step.parent as usize >= node {
            return refuse(Why::Parent);
        }
        if step.task.index() >= self.model.tasks() {
            return refuse(Why::Task);
        }
        let task = self.model.task(step.task);
        if task.primitive {
            if step.method != Step::ACTION {
                return refuse(Why::Method);
            }
            return self.parameters(node, task.types, name);
        }
        if step.method.index() >= self.model.methods() {
            return refuse(Why::Method);
        }
        let method = self.model.method(step.method);
        if method.task != Some(step.task) {
            return refuse(Why::Method);
        }
        self.parameters(node, method.types, name)?;
        // The task's own types may be narrower than those of the method's parameters.
        let values = self.values(node);
        for (code, ty) in method.args.iter().zip(task.types) {
            match Term::from_code(*code).value(values) {
                Some(object) if object.0 == OPEN => return refuse(Why::Value),
                Some(object) if self.is(object.0, *ty) => {}
                Some(_) => return refuse(Why::Type),
                None => return refuse(Why::Value),
            }
        }
        Ok(())
    }

    fn is(&self, object: u16, ty: u16) -> bool {
        (object as usize) < self.model.objects() && self.model.is(ObjectId(object), TypeId(ty))
    }

    fn parameters(&self, node: usize, types: &[u16], name: u32) -> Checked<()> {
        let values = self.values(node);
        if values.len() != types.len() {
            return Err(Refusal::new(name, Why::Value));
        }
        let method = self.method(node).is_some();
        for (value, ty) in values.iter().zip(types) {
            // A parameter that is left open needs an object that there is.
            let good = match *value {
                OPEN => method && self.model.objects_of(TypeId(*ty)).next().is_some(),
                value => self.is(value, *ty),
            };
            if !good {
                let why = if *value == OPEN && !method { Why::Value } else { Why::Type };
                return Err(Refusal::new(name, why));
            }
        }
        Ok(())
    }

    /// That a node's children are what its method asks for.
    fn subtasks(&mut self, node: usize) -> Checked<()> {
        let Some(method) = self.method(node) else { return Ok(()) };
        let values = self.values(node);
        let first = self.v.nodes[node].first as usize;
        for (place, (task, args)) in method.subtasks.enumerate() {
            let child = self.v.children[first + place];
            if child == Step::ROOT {
                return Err(Refusal::new(self.name(node), Why::Missing));
            }
            let step = &self.plan.steps[child as usize];
            if step.task != task {
                return Err(Refusal::new(child, Why::Task));
            }
            for (argument, code) in args.iter().enumerate() {
                let wanted = Term::from_code(*code).value(values).map(|object| object.0);
                if wanted.is_none() || wanted == Some(OPEN) {
                    return Err(Refusal::new(self.name(node), Why::Value));
                }
                if self.argument(child as usize, argument) != wanted {
                    return Err(Refusal::new(child, Why::Value));
                }
            }
        }
        Ok(())
    }

    /// An argument of a step's task.
    fn argument(&self, node: usize, argument: usize) -> Option<u16> {
        let step = self.plan.steps.get(node)?;
        self.plan.argument(&self.model, step, argument).ok()?.map(|object| object.0)
    }

    // ---- orderings

    /// Counts for each step the siblings that come before it, and looks at the list of actions.
    fn orders(&mut self) -> Checked<()> {
        for node in 0..=self.root() {
            let Some(method) = self.method(node) else { continue };
            let Node { first, count, .. } = self.v.nodes[node];
            let child = |run: &Self, place: u32| run.v.children[(first + place) as usize] as usize;
            if method.ordered {
                for place in 1..count {
                    let after = child(self, place);
                    self.v.nodes[after].before = 1;
                }
            } else {
                for pair in method.orders.chunks_exact(2) {
                    let after = child(self, u32::from(pair[1]));
                    self.v.nodes[after].before += 1;
                }
            }
        }
        // That each action is named once: the stage is put back afterwards.
        let whole = Refusal::new(Step::ROOT, Why::Actions);
        for &index in self.plan.order {
            let step = self.plan.steps.get(index as usize).ok_or(whole)?;
            let node = &mut self.v.nodes[index as usize];
            if step.method != Step::ACTION || node.stage != Stage::Waits {
                return Err(whole);
            }
            node.stage = Stage::Ended;
        }
        let actions = self.plan.steps.iter().filter(|step| step.method == Step::ACTION).count();
        if actions != self.plan.order.len() {
            return Err(whole);
        }
        self.v.nodes.iter_mut().for_each(|node| node.stage = Stage::Waits);
        Ok(())
    }

    // ---- execution

    fn facts_at_the_beginning(&mut self) -> Checked<()> {
        let full = Refusal::new(Step::ROOT, Why::Capacity);
        self.v.facts.begin(&self.model).map_err(|_| full)
    }

    /// Carries the actions out, and begins every decomposed task as soon as it may. Preconditions change
    /// nothing, so none is begun too soon.
    fn execute(&mut self) -> Checked<()> {
        self.v.ready_count = 0;
        let steps = u32::try_from(self.plan.steps.len()).unwrap_or(u32::MAX);
        self.v.choices = CHOICES.saturating_add(CHOICES_PER_STEP.saturating_mul(steps));
        self.make_ready(self.root());
        self.begin_what_may()?;
        for &index in self.plan.order {
            if self.v.nodes[index as usize].stage != Stage::Ready {
                return Err(self.blocked(index));
            }
            self.action(index)?;
            self.end(index as usize);
            self.begin_what_may()?;
        }
        if self.v.nodes[self.root()].stage != Stage::Ended {
            return Err(self.blocked(Step::ROOT));
        }
        Ok(())
    }

    /// Why a step may not be done yet: what keeps it from that is a task above it, or one that it has to
    /// come after, whose method's precondition has not held so far, or else the order.
    fn blocked(&self, index: u32) -> Refusal {
        let order = Refusal::new(index, Why::Order);
        let refuse = |node: usize| Refusal::new(self.name(node), Why::MethodPrecondition);
        if index == Step::ROOT {
            // All actions are done, so some method waits for its precondition.
            return self.v.ready[..self.v.ready_count]
                .first()
                .map_or(order, |n| refuse(*n as usize));
        }
        // The highest step above the action, or itself, that has not begun.
        let mut node = index as usize;
        while let Some(step) = self.plan.steps.get(node) {
            let parent = self.parent(step);
            if self.v.nodes[parent].stage == Stage::Begun {
                break;
            }
            node = parent;
        }
        if self.v.nodes[node].stage == Stage::Ready {
            return refuse(node);
        }
        // It waits for steps beside it: if those have actions left, they should have come before.
        let Some(step) = self.plan.steps.get(node) else { return order };
        let parent = self.parent(step);
        let Some(method) = self.method(parent) else { return order };
        let place = step.place;
        let comes_before = |before: &u16| match method.ordered {
            true => *before < place,
            false => method.orders.chunks_exact(2).any(|pair| pair == [*before, place]),
        };
        let place_of = |node: usize| self.place_below(node, parent).filter(comes_before);
        let left = |index: &&u32| self.v.nodes[**index as usize].stage != Stage::Ended;
        if self.plan.order.iter().filter(left).any(|index| place_of(*index as usize).is_some()) {
            return order;
        }
        let ready = self.v.ready[..self.v.ready_count].iter().map(|node| *node as usize);
        let waiting = ready.filter_map(|node| Some((place_of(node)?, node)));
        waiting.min_by_key(|(place, _)| *place).map_or(order, |(_, node)| refuse(node))
    }

    /// The place of the subtask of a node that another node is, or lies below.
    fn place_below(&self, mut node: usize, top: usize) -> Option<u16> {
        loop {
            let step = self.plan.steps.get(node)?;
            let parent = self.parent(step);
            if parent == top {
                return Some(step.place);
            }
            node = parent;
        }
    }

    fn make_ready(&mut self, node: usize) {
        self.v.nodes[node].stage = Stage::Ready;
        if self.method(node).is_some() {
            self.v.ready[self.v.ready_count] = node as u32;
            self.v.ready_count += 1;
        }
    }

    /// Begins all decomposed tasks that may begin, and those that may after them.
    fn begin_what_may(&mut self) -> Checked<()> {
        let mut at = 0;
        while at < self.v.ready_count {
            let node = self.v.ready[at] as usize;
            if !self.holds(node)? {
                at += 1;
                continue;
            }
            self.v.ready.copy_within(at + 1..self.v.ready_count, at);
            self.v.ready_count -= 1;
            self.v.nodes[node].stage = Stage::Begun;
            self.tell(node);
            let Node { first, count, .. } = self.v.nodes[node];
            for place in first..first + count {
                let child = self.v.children[place as usize] as usize;
                if self.v.nodes[child].before == 0 {
                    self.make_ready(child);
                }
            }
            if count == 0 {
                self.end(node);
            }
        }
        Ok(())
    }

    /// Ends a step, and with it those above it of which it was the last one.
    fn end(&mut self, mut node: usize) {
        loop {
            self.v.nodes[node].stage = Stage::Ended;
            let Some(step) = self.plan.steps.get(node) else { return };
            let parent = self.parent(step);
            self.release(parent, step.place);
            self.v.nodes[parent].children -= 1;
            if self.v.nodes[parent].children > 0 {
                return;
            }
            node = parent;
        }
    }

    /// What comes after the subtask at `place` waits for one less.
    fn release(&mut self, parent: usize, place: u16) {
        let Some(method) = self.method(parent) else { return };
        let Node { first, count, .. } = self.v.nodes[parent];
        let mut one = |after: u32| {
            let child = self.v.children[(first + after) as usize] as usize;
            self.v.nodes[child].before -= 1;
            if self.v.nodes[child].before == 0 {
                self.make_ready(child);
            }
        };
        if method.ordered {
            let next = u32::from(place) + 1;
            if next < count {
                one(next);
            }
            return;
        }
        for pair in method.orders.chunks_exact(2) {
            if pair[0] == place {
                one(u32::from(pair[1]));
            }
        }
    }

    fn action(&mut self, index: u32) -> Checked<()> {
        let step = &self.plan.steps[index as usize];
        let Some(action) = self.model.action(step.task) else {
            return Err(Refusal::new(index, Why::Task));
        };
        let values = self.values(index as usize);
        self.v.bound.fill(OPEN);
        self.v.bound[..values.len()].copy_from_slice(values);
        let mut state =
            logic::State { model: &self.model, facts: &mut self.v.facts, bound: &mut self.v.bound };
        if state.value(action.precondition) != Some(true) {
            return Err(Refusal::new(index, Why::Precondition));
        }
        state.apply(action.effects).map_err(|_| Refusal::new(index, Why::Capacity))
    }

    /// Whether the precondition of a node's method holds now.
    fn holds(&mut self, node: usize) -> Checked<bool> {
        let Some(method) = self.method(node) else { return Ok(true) };
        let values = self.values(node);
        self.v.bound.fill(OPEN);
        self.v.bound[..values.len()].copy_from_slice(values);
        let mut state =
            logic::State { model: &self.model, facts: &mut self.v.facts, bound: &mut self.v.bound };
        let choices = &mut self.v.choices;
        state
            .can_be(method.precondition, method.types, choices)
            .ok_or(Refusal::new(self.name(node), Why::Choices))
    }

    fn goal(&mut self) -> Checked<()> {
        let Some((goal, _)) = self.model.goal() else { return Ok(()) };
        self.v.bound.fill(OPEN);
        let mut state =
            logic::State { model: &self.model, facts: &mut self.v.facts, bound: &mut self.v.bound };
        match state.value(goal) {
            Some(true) => Ok(()),
            _ => Err(Refusal::new(Step::ROOT, Why::Goal)),
        }
    }
}
