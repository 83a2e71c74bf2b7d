//! Actions, tasks, methods and what is to be done.

use std::format;
use std::vec::Vec;

use super::super::ast::{Atom, Domain, Method, Name, Network, Pools, Problem, Signature, Subtask};
use super::super::error::Fault;
use super::super::names::Names;
use super::super::parser::Parsed;
use super::{Declared, Lower, built};

impl<'a> Lower<'a, '_> {
    pub(super) fn declare_tasks(&mut self, domain: &Domain<'a>) -> Parsed<()> {
        for action in &domain.actions {
            let Signature { name, parameters } = &action.signature;
            let declared = self.new_task(&action.signature)?;
            let (_, ids) = self.kinds_of(parameters);
            let id = built(self.b.action(name.text, &ids), name.at)?;
            self.task_ids.push((id, declared));
            self.begin_scope(parameters)?;
            self.condition(&domain.pools, &action.precondition)?;
            self.effect(&domain.pools, &action.effect)?;
        }
        self.actions = self.task_ids.len();
        for task in &domain.tasks {
            let declared = self.new_task(task)?;
            let (_, ids) = self.kinds_of(&task.parameters);
            self.begin_scope(&task.parameters)?;
            let id = built(self.b.task(task.name.text, &ids), task.name.at)?;
            self.task_ids.push((id, declared));
        }
        Ok(())
    }

    fn new_task(&mut self, signature: &Signature<'a>) -> Parsed<Declared> {
        let Name { text, at } = signature.name;
        if self.tasks.exact(text).is_some() {
            return Err(Fault::domain(at, format!("a second task or action `{text}`")));
        }
        self.tasks.add(text);
        let (kinds, _) = self.kinds_of(&signature.parameters);
        Ok(Declared { name: text.into(), kinds })
    }

    /// A task with its number of arguments.
    fn task(&mut self, name: &Name, arity: usize) -> Parsed<usize> {
        let Some(index) = self.tasks.find(name.text) else {
            let message = format!("the task `{}` is not declared", name.text);
            return Err(Fault::domain(name.at, message));
        };
        let (_, declared) = &self.task_ids[index as usize];
        let wanted = declared.kinds.len();
        if wanted != arity {
            let message =
                format!("expected {wanted} arguments of `{}`, found {arity}", declared.name);
            return Err(Fault::domain(name.at, message));
        }
        Ok(index as usize)
    }

    pub(super) fn method(&mut self, pools: &Pools<'a>, method: &Method<'a>) -> Parsed<()> {
        let Name { text, at } = method.name;
        self.begin_scope(&method.parameters)?;
        let args = self.terms(pools, &method.task)?;
        let index = self.task(&method.task.head, args.len())?;
        let task = self.task_ids[index].0;
        if index < self.actions {
            let name = method.task.head.text;
            let message = format!("`{name}` is an action: methods are for tasks");
            return Err(Fault::domain(method.task.head.at, message));
        }
        self.objects_fit(pools, &method.task, index)?;
        let (_, ids) = self.kinds_of(&method.parameters);
        built(self.b.method(text, task, &args, &ids), at)?;
        self.condition(pools, &method.network.constraints)?;
        self.condition(pools, &method.precondition)?;
        self.network(pools, &method.network, at)
    }

    pub(super) fn htn(&mut self, problem: &Problem<'a>) -> Parsed<()> {
        let (at, parameters, network) = &problem.htn;
        self.begin_scope(parameters)?;
        let (_, ids) = self.kinds_of(parameters);
        built(self.b.network(&ids), *at)?;
        self.condition(&problem.pools, &network.constraints)?;
        self.network(&problem.pools, network, *at)
    }

    fn network(&mut self, pools: &Pools<'a>, network: &Network<'a>, at: u32) -> Parsed<()> {
        // As they are numbered.
        let mut ids = Names::new();
        let mut numbers = Vec::new();
        for Subtask { id, task } in &network.subtasks {
            let args = self.terms(pools, task)?;
            let index = self.task(&task.head, args.len())?;
            self.objects_fit(pools, task, index)?;
            let number = built(self.b.subtask(self.task_ids[index].0, &args), task.head.at)?;
            if let Some(id) = id {
                if ids.exact(id.text).is_some() {
                    return Err(Fault::domain(id.at, format!("a second subtask `{}`", id.text)));
                }
                ids.add(id.text);
                numbers.push(number);
            }
        }
        if network.ordered {
            return built(self.b.ordered(), at);
        }
        let mut find = |name: &Name| match ids.find(name.text) {
            Some(id) => Ok(numbers[id as usize]),
            None => Err(Fault::domain(name.at, format!("there is no subtask `{}`", name.text))),
        };
        for (first, second) in &network.ordering {
            let (a, b) = (find(first)?, find(second)?);
            built(self.b.before(a, b), first.at)?;
        }
        // The builder looks for circles when the network ends.
        if let Some((first, _)) = network.ordering.first() {
            self.last_ordering = (self.file, first.at);
        }
        Ok(())
    }

    /// Objects among a task's arguments are of its parameters' types, or it could never be done.
    fn objects_fit(&mut self, pools: &Pools<'a>, task: &Atom<'a>, index: usize) -> Parsed<()> {
        for (place, name) in pools.arguments(task).iter().enumerate() {
            if name.is_variable() {
                continue;
            }
            let object = self.object(name)?.0;
            let kind = &self.task_ids[index].1.kinds[place];
            if !self.types.is(u32::from(object), kind) {
                let message = format!(
                    "`{}` is not of the type of argument {} of `{}`",
                    name.text,
                    place + 1,
                    task.head.text
                );
                return Err(Fault::domain(name.at, message));
            }
        }
        Ok(())
    }
}
