//! Makes a model, from calls: what the HDDL reader uses, and who has no HDDL.

mod formula;
mod write;

use core::alloc::Layout;

use super::format::{MAX_ARITY, MAX_OBJECTS, MAX_VARIABLES};
use super::ids::{MethodId, ObjectId, PredicateId, TaskId, Term, TypeId};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

use formula::Open;
pub use formula::Part;

/// How much a builder has room for. What is full answers [`Error::Capacity`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuilderConfig {
    /// Types, beside [`TypeId::OBJECT`]; each [`either`](Builder::either) is one.
    pub types: u32,
    /// Pairs of a type and one of its parents, and pairs of an object and a further type of it.
    pub links: u32,
    /// Objects and constants.
    pub objects: u32,
    /// Predicates.
    pub predicates: u32,
    /// Actions and compound tasks.
    pub tasks: u32,
    /// Methods.
    pub methods: u32,
    /// Numbers for parameters, formulae, effects, subtasks and orderings. Enough: for each predicate and
    /// compound task the number of its parameters; for each action 5 and its parameters; for each
    /// method 3, its parameters and its task's; for the initial network 3 and its variables; 3 for the goal;
    /// for each atom and effect 2 and the number of its arguments; for each subtask 1 and that; 3 for each
    /// equality, 10 for each [`Part`] and quantifier that is opened and each conditional effect, 2 for each
    /// variable of one, 2 for each ordering. And once, for the method or network with orderings of its own
    /// that has the largest: the numbers of its subtasks once more, and twice how many they are.
    pub code: u32,
    /// Numbers for initial facts: for each 1 and the number of its arguments.
    pub facts: u32,
    /// Bytes for names: for each its length and 5, and 11 more. 0 for a model without names.
    pub names: u32,
}

/// Makes a domain and a problem into a model.
///
/// Call in this order, where one thing needs another; all else is free:
/// types, then [`either`](Builder::either), objects, predicates, actions and tasks, then methods, the
/// initial network, facts, goal. An action or method that was begun is *open* until the next is begun:
/// conditions, effects, subtasks and orderings are added to the one that is open.
///
/// - [`action`](Builder::action); conditions ([`open`](Builder::open), [`close`](Builder::close),
///   [`atom`](Builder::atom), [`equal`](Builder::equal), [`quantifier`](Builder::quantifier)); then
///   effects ([`add`](Builder::add), [`delete`](Builder::delete), [`when`](Builder::when)).
/// - [`method`](Builder::method) or [`network`](Builder::network); conditions, a method's constraints
///   among them; then [`subtask`](Builder::subtask); then [`ordered`](Builder::ordered) or
///   [`before`](Builder::before).
/// - [`goal`](Builder::goal); conditions.
///
/// Conditions may be any formula; the builder makes them into negation normal form. Several at the same
/// level are one conjunction. The first error stays: every later call and [`finish`](Builder::finish) repeat it,
/// so a caller may look there alone.
///
/// ```
/// use neural_swarm::port::Heap;
/// use neural_swarm::task::plan::{Builder, BuilderConfig, Model, Term, TypeId};
///
/// let config = BuilderConfig {
///     types: 1, links: 1, objects: 2, predicates: 1, tasks: 2, methods: 2, code: 100, facts: 2, names: 100,
/// };
/// let mut b = Builder::new(&config, Heap)?;
/// let room = b.add_type("room")?;
/// let (hall, attic) = (b.object("hall", room)?, b.object("attic", room)?);
/// let at = b.predicate("at", &[room])?;
/// let go = b.action("go", &[room, room])?; // variables 0 and 1
/// let (from, to) = (Term::variable(0), Term::variable(1));
/// b.atom(at, &[from])?;
/// b.delete(at, &[from])?;
/// b.add(at, &[to])?;
/// let be = b.task("be", &[room])?;
/// b.method("there", be, &[to], &[room, room])?; // from, to
/// b.atom(at, &[from])?;
/// b.subtask(go, &[from, to])?;
/// b.fact(at, &[hall])?;
/// b.network(&[])?;
/// b.subtask(be, &[attic.into()])?;
/// let mut words = [0u32; 200];
/// let len = b.finish(&mut words)?;
/// let model = Model::open(bytemuck::cast_slice(&words[..len / 4]))?;
/// assert_eq!(model.object_name(attic), "attic");
/// # Ok::<(), neural_swarm::Error>(())
/// ```
pub struct Builder<'m> {
    links: Carved<'m, [u16; 2]>,
    link_count: usize,
    /// The first type of each object.
    objects: Carved<'m, u16>,
    /// Further types of objects: object, type.
    more: Carved<'m, [u16; 2]>,
    more_count: usize,
    predicates: Carved<'m, PredicateRecord>,
    tasks: Carved<'m, TaskRecord>,
    methods: Carved<'m, MethodRecord>,
    code: Carved<'m, u16>,
    facts: Carved<'m, u16>,
    names: Carved<'m, u8>,
    counts: Counts,
    root: MethodRecord,
    has_root: bool,
    goal: Option<(u32, usize)>,
    types_max: usize,
    /// What is being written now.
    open: Open,
    error: Option<Error>,
    /// Whether the model was written.
    finished: bool,
    _piece: Piece<'m>,
}

/// How much of each there is.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    types: usize,
    objects: usize,
    predicates: usize,
    tasks: usize,
    methods: usize,
    code: usize,
    facts: usize,
    names: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct PredicateRecord {
    types: u32,
    arity: u16,
    fluent: bool,
    count: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct TaskRecord {
    types: u32,
    arity: u16,
    primitive: bool,
    variables: u16,
    precondition: u32,
    effects: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct MethodRecord {
    task: u16,
    parameters: u16,
    variables: u16,
    ordered: bool,
    subtask_count: u16,
    order_count: u16,
    types: u32,
    args: u32,
    precondition: u32,
    subtasks: u32,
    orders: u32,
}

/// What a name belongs to: in the order in which a model has them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Type,
    Object,
    Predicate,
    Task,
    Method,
}

impl<'m> Builder<'m> {
    fn carve(
        config: &BuilderConfig,
        carver: &mut Carver<'m>,
        piece: Piece<'m>,
    ) -> Result<Builder<'m>> {
        let size = |n: u32| n as usize;
        Ok(Builder {
            links: carver.take(size(config.links), [0; 2])?,
            link_count: 0,
            more: carver.take(size(config.links), [0; 2])?,
            more_count: 0,
            objects: carver.take(size(config.objects), 0)?,
            predicates: carver.take(size(config.predicates), PredicateRecord::default())?,
            tasks: carver.take(size(config.tasks), TaskRecord::default())?,
            methods: carver.take(size(config.methods), MethodRecord::default())?,
            code: carver.take(size(config.code), 0)?,
            facts: carver.take(size(config.facts), 0)?,
            names: carver.take(size(config.names), 0)?,
            counts: Counts { types: 1, ..Counts::default() },
            root: MethodRecord::default(),
            has_root: false,
            goal: None,
            types_max: size(config.types) + 1,
            open: Open::default(),
            error: None,
            finished: false,
            _piece: piece,
        })
    }

    /// The memory that a builder takes.
    ///
    /// # Errors
    /// [`Error::Overflow`] for more than a machine has; [`Error::Invalid`] for more types, objects,
    /// predicates, tasks or methods than a model may have.
    pub fn footprint(config: &BuilderConfig) -> Result<Layout> {
        let most = [config.types, config.predicates, config.tasks, config.methods];
        if config.objects as usize > MAX_OBJECTS || most.iter().any(|n| *n >= 0xFFFE) {
            return Err(Error::Invalid);
        }
        Carver::layout_of(|carver| Builder::carve(config, carver, Piece::lent(&mut [])))
    }

    /// A builder of an empty domain, in memory from `allocator`.
    ///
    /// # Errors
    /// Those of [`footprint`](Builder::footprint) and of the allocator; [`Error::Capacity`] for `names` of 1 to
    /// 10.
    pub fn new(config: &BuilderConfig, allocator: impl Allocator<'m>) -> Result<Builder<'m>> {
        Builder::in_piece(config, allocator.allocate(Builder::footprint(config)?)?)
    }

    pub(crate) fn in_piece(config: &BuilderConfig, mut piece: Piece<'m>) -> Result<Builder<'m>> {
        let mut carver = piece.carver(Builder::footprint(config)?)?;
        let mut builder = Builder::carve(config, &mut carver, piece)?;
        builder.name("object", Named::Type, 0)?;
        Ok(builder)
    }

    /// Keeps the first error.
    fn keep<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = result {
            self.error = self.error.or(Some(error));
        }
        result
    }

    /// Keeps an error of a call's arguments, which was found before the builder was asked. Answers the one that
    /// stays.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        if self.finished { Error::TaskState } else { *self.error.get_or_insert(error) }
    }

    /// All additions go through here: after an error, or the end, nothing more is done.
    fn guard<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.finished {
            return Err(Error::TaskState);
        }
        self.unless_failed(work)
    }

    fn unless_failed<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let result = work(self);
        self.keep(result)
    }

    /// Adds a type. It is a part of [`TypeId::OBJECT`], and of those that [`subtype`](Builder::subtype)
    /// says. `name` is whatever text the model shall keep; nobody compares names here.
    ///
    /// # Errors
    /// [`Error::Capacity`] if the builder is full. As everywhere here.
    pub fn add_type(&mut self, name: &str) -> Result<TypeId> {
        self.guard(|b| {
            let id = b.counts.types;
            if id >= b.types_max {
                return Err(Error::Capacity);
            }
            b.name(name, Named::Type, id)?;
            b.counts.types += 1;
            Ok(TypeId(id as u16))
        })
    }

    /// All objects of `child` are of `parent`, too. A type may have several parents; a circle makes its
    /// types equal.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] for types that there are not.
    pub fn subtype(&mut self, child: TypeId, parent: TypeId) -> Result<()> {
        self.guard(|b| {
            b.is_type(child)?;
            b.is_type(parent)?;
            let place = b.links.get_mut(b.link_count).ok_or(Error::Capacity)?;
            *place = [child.0, parent.0];
            b.link_count += 1;
            Ok(())
        })
    }

    /// A type without a name whose objects are those of all of `types`: HDDL's `(either a b)`.
    ///
    /// # Errors
    /// As [`subtype`](Builder::subtype).
    pub fn either(&mut self, types: &[TypeId]) -> Result<TypeId> {
        let union = self.add_type("")?;
        for ty in types {
            self.subtype(*ty, union)?;
        }
        Ok(union)
    }

    /// Adds an object or constant.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] for a type that there is not.
    pub fn object(&mut self, name: &str, ty: TypeId) -> Result<ObjectId> {
        self.guard(|b| {
            b.is_type(ty)?;
            let id = b.counts.objects;
            *b.objects.get_mut(id).ok_or(Error::Capacity)? = ty.0;
            b.name(name, Named::Object, id)?;
            b.counts.objects += 1;
            Ok(ObjectId(id as u16))
        })
    }

    /// The object is of this type, too.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] for an object or a type that there is not.
    pub fn also(&mut self, object: ObjectId, ty: TypeId) -> Result<()> {
        self.guard(|b| {
            b.is_type(ty)?;
            b.is_object(object.0)?;
            let place = b.more.get_mut(b.more_count).ok_or(Error::Capacity)?;
            *place = [object.0, ty.0];
            b.more_count += 1;
            Ok(())
        })
    }

    /// Adds a predicate with the types of its arguments. Which ones change, and which hold for ever, the
    /// builder finds by itself.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] for a type that there is not, [`Error::Invalid`] for more than
    /// [`MAX_ARITY`] arguments.
    pub fn predicate(&mut self, name: &str, types: &[TypeId]) -> Result<PredicateId> {
        self.guard(|b| {
            let id = b.counts.predicates;
            let at = b.type_list(types, MAX_ARITY)?;
            let record = b.predicates.get_mut(id).ok_or(Error::Capacity)?;
            *record =
                PredicateRecord { types: at, arity: types.len() as u16, ..Default::default() };
            b.name(name, Named::Predicate, id)?;
            b.counts.predicates += 1;
            Ok(PredicateId(id as u16))
        })
    }

    /// Begins an action with the types of its parameters, which are its variables 0, 1 and so on.
    ///
    /// # Errors
    /// As [`predicate`](Builder::predicate).
    pub fn action(&mut self, name: &str, types: &[TypeId]) -> Result<TaskId> {
        self.guard(|b| {
            b.end_open()?;
            let id = b.add_task(name, types, true)?;
            b.begin(Open::action(id.0, types.len()))?;
            Ok(id)
        })
    }

    /// Adds a compound task with the types of its parameters.
    ///
    /// # Errors
    /// As [`predicate`](Builder::predicate).
    pub fn task(&mut self, name: &str, types: &[TypeId]) -> Result<TaskId> {
        self.guard(|b| {
            b.end_open()?;
            b.add_task(name, types, false)
        })
    }

    fn add_task(&mut self, name: &str, types: &[TypeId], primitive: bool) -> Result<TaskId> {
        let id = self.counts.tasks;
        let at = self.type_list(types, MAX_ARITY)?;
        let arity = types.len() as u16;
        let record = self.tasks.get_mut(id).ok_or(Error::Capacity)?;
        *record =
            TaskRecord { types: at, arity, primitive, variables: arity, ..Default::default() };
        self.name(name, Named::Task, id)?;
        self.counts.tasks += 1;
        Ok(TaskId(id as u16))
    }

    /// Begins a method of `task`. `types` are those of the method's parameters, which are its variables 0,
    /// 1 and so on; `args` say what the task's arguments are: parameters or objects.
    ///
    /// An instance of the method also needs every argument of every subtask to be of the type that the
    /// subtask declares.
    ///
    /// # Errors
    /// As [`predicate`](Builder::predicate); [`Error::Invalid`] for more than [`MAX_VARIABLES`] parameters;
    /// [`Error::TaskDomain`] if there is no such compound task, or it has another number of parameters.
    pub fn method(
        &mut self,
        name: &str,
        task: TaskId,
        args: &[Term],
        types: &[TypeId],
    ) -> Result<MethodId> {
        self.guard(|b| {
            b.end_open()?;
            let id = b.counts.methods;
            let record = *b.tasks.get(task.index()).ok_or(Error::TaskDomain)?;
            if task.index() >= b.counts.tasks
                || record.primitive
                || args.len() != record.arity as usize
            {
                return Err(Error::TaskDomain);
            }
            let types_at = b.type_list(types, MAX_VARIABLES)?;
            let args_at = b.counts.code as u32;
            for arg in args {
                b.is_term(*arg, types.len())?;
                b.push(arg.code())?;
            }
            let place = b.methods.get_mut(id).ok_or(Error::Capacity)?;
            *place = MethodRecord {
                task: task.0,
                parameters: types.len() as u16,
                variables: types.len() as u16,
                types: types_at,
                args: args_at,
                ..Default::default()
            };
            b.name(name, Named::Method, id)?;
            b.counts.methods += 1;
            b.begin(Open::method(id, types.len()))?;
            Ok(MethodId(id as u16))
        })
    }

    /// Begins the initial task network, a method of nothing: `types` are those of its variables. A model
    /// has one at most; without it there is nothing to do.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] if there is one already.
    pub fn network(&mut self, types: &[TypeId]) -> Result<()> {
        self.guard(|b| {
            b.end_open()?;
            if b.has_root {
                return Err(Error::TaskDomain);
            }
            b.has_root = true;
            b.root = MethodRecord {
                task: super::format::NO_TASK,
                types: b.type_list(types, MAX_VARIABLES)?,
                parameters: types.len() as u16,
                variables: types.len() as u16,
                ..Default::default()
            };
            b.begin(Open::network(types.len()))
        })
    }

    /// Begins the goal: what has to hold at the end.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] if there is one already.
    pub fn goal(&mut self) -> Result<()> {
        self.guard(|b| {
            b.end_open()?;
            if b.goal.is_some() {
                return Err(Error::TaskDomain);
            }
            b.begin(Open::goal())
        })
    }

    /// Says that a fact holds at the beginning. Saying it twice is saying it once.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] for a predicate or object that there is not, or another number of arguments.
    /// [`finish`](Builder::finish) says so of arguments that are not of the predicate's types.
    pub fn fact(&mut self, predicate: PredicateId, args: &[ObjectId]) -> Result<()> {
        self.guard(|b| {
            b.arity(predicate, args.len())?;
            for object in args {
                b.is_object(object.0)?;
            }
            let end = b.counts.facts + 1 + args.len();
            let place = b.facts.get_mut(b.counts.facts..end).ok_or(Error::Capacity)?;
            let (first, rest) = place.split_first_mut().ok_or(Error::Capacity)?;
            *first = predicate.0;
            rest.iter_mut().zip(args).for_each(|(place, object)| *place = object.0);
            b.counts.facts = end;
            if let Some(record) = b.predicates.get_mut(predicate.index()) {
                record.count += 1;
            }
            Ok(())
        })
    }

    fn is_type(&self, ty: TypeId) -> Result<()> {
        if ty.index() < self.counts.types { Ok(()) } else { Err(Error::TaskDomain) }
    }

    fn is_object(&self, object: u16) -> Result<()> {
        if (object as usize) < self.counts.objects { Ok(()) } else { Err(Error::TaskDomain) }
    }

    fn is_term(&self, term: Term, variables: usize) -> Result<()> {
        match term.as_variable() {
            Some(variable) if variable < variables => Ok(()),
            Some(_) => Err(Error::TaskDomain),
            None => self.is_object(term.code()),
        }
    }

    /// That the predicate takes so many arguments.
    fn arity(&self, predicate: PredicateId, args: usize) -> Result<()> {
        match self.predicates.get(predicate.index()) {
            Some(record)
                if predicate.index() < self.counts.predicates && record.arity as usize == args =>
            {
                Ok(())
            }
            _ => Err(Error::TaskDomain),
        }
    }

    fn type_list(&mut self, types: &[TypeId], most: usize) -> Result<u32> {
        if types.len() > most {
            return Err(Error::Invalid);
        }
        let at = self.counts.code as u32;
        for ty in types {
            self.is_type(*ty)?;
            self.push(ty.0)?;
        }
        Ok(at)
    }

    fn push(&mut self, word: u16) -> Result<()> {
        *self.code.get_mut(self.counts.code).ok_or(Error::Capacity)? = word;
        self.counts.code += 1;
        Ok(())
    }

    /// Keeps a name: kind, number, length, text.
    fn name(&mut self, name: &str, kind: Named, id: usize) -> Result<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        let len = u16::try_from(name.len()).map_err(|_| Error::Invalid)?;
        let end = self.counts.names + 5 + name.len();
        let place = self.names.get_mut(self.counts.names..end).ok_or(Error::Capacity)?;
        let (head, text) = place.split_at_mut(5);
        let (id, len) = ((id as u16).to_le_bytes(), len.to_le_bytes());
        head.copy_from_slice(&[kind as u8, id[0], id[1], len[0], len[1]]);
        text.copy_from_slice(name.as_bytes());
        self.counts.names = end;
        Ok(())
    }
}
