//! Finds plans by trying out, for small problems whose methods are ordered.

use neural_swarm::host::hddl::PlanFile;
use neural_swarm::task::plan::*;

use super::brute::{Facts, World};

/// A task to be done: its arguments, its parent and its place there, and how deep it lies.
#[derive(Clone)]
struct Job {
    task: TaskId,
    args: Vec<u16>,
    parent: u32,
    place: u16,
    depth: usize,
}

pub struct Search<'w, 'a> {
    world: &'w World<'a>,
    deepest: usize,
    left: usize,
    plan: PlanFile,
}

/// A plan whose tree is as flat as can be.
pub fn search(world: &World<'_>) -> Option<PlanFile> {
    for deepest in 1..30 {
        let mut search = Search { world, deepest, left: 200_000, plan: PlanFile::default() };
        if search.from(Job::root(), &world.beginning()) {
            return Some(search.plan);
        }
    }
    None
}

impl Job {
    fn root() -> Job {
        Job { task: TaskId(0), args: Vec::new(), parent: Step::ROOT, place: 0, depth: 0 }
    }
}

impl Search<'_, '_> {
    fn from(&mut self, root: Job, facts: &Facts) -> bool {
        let method = self.world.model.method(self.world.model.root());
        assert!(method.ordered, "for ordered tasks alone");
        for values in self.world.bindings(&method, &vec![None; method.types.len()], facts) {
            self.plan = PlanFile { values: values.clone(), ..PlanFile::default() };
            let jobs = self.subtasks(&method, &values, Step::ROOT, root.depth + 1);
            if self.agenda(jobs, facts) {
                return true;
            }
        }
        false
    }

    /// The subtasks, the first one last.
    fn subtasks(&self, method: &Method<'_>, values: &[u16], parent: u32, depth: usize) -> Vec<Job> {
        let bound: Vec<Option<u16>> = values.iter().copied().map(Some).collect();
        let mut jobs: Vec<Job> = method
            .subtasks
            .enumerate()
            .map(|(place, (task, args))| {
                let args = self.world.ground(args, &bound);
                Job { task, args, parent, place: place as u16, depth }
            })
            .collect();
        jobs.reverse();
        jobs
    }

    fn agenda(&mut self, mut jobs: Vec<Job>, facts: &Facts) -> bool {
        let model = self.world.model;
        let Some(job) = jobs.pop() else {
            let goal = model.goal();
            return goal.is_none_or(|(goal, _)| {
                self.world.holds(goal, &mut vec![None; MAX_VARIABLES], facts)
            });
        };
        if self.left == 0 || job.depth > self.deepest {
            return false;
        }
        self.left -= 1;
        let types = model.task(job.task).types;
        if !job.args.iter().zip(types).all(|(arg, ty)| model.is(ObjectId(*arg), TypeId(*ty))) {
            return false;
        }
        let marks = (self.plan.steps.len(), self.plan.order.len(), self.plan.values.len());
        let step = |method| Step::new(job.task, method, job.parent, job.place, marks.2 as u32);
        if model.task(job.task).primitive {
            let Some(next) = self.world.after(job.task, &job.args, facts) else { return false };
            self.plan.order.push(marks.0 as u32);
            self.plan.steps.push(step(Step::ACTION));
            self.plan.values.extend(&job.args);
            if self.agenda(jobs, &next) {
                return true;
            }
            self.undo(marks);
            return false;
        }
        for id in model.methods_of(job.task) {
            let method = model.method(MethodId(*id));
            let mut known = vec![None; method.types.len()];
            let agrees =
                method.args.iter().zip(&job.args).all(|(code, arg)| {
                    match Term::from_code(*code).as_variable() {
                        None => code == arg,
                        Some(variable) => *known[variable].get_or_insert(*arg) == *arg,
                    }
                });
            let typed = known.iter().zip(method.types).all(|(value, ty)| {
                value.is_none_or(|value| model.is(ObjectId(value), TypeId(*ty)))
            });
            if !agrees || !typed {
                continue;
            }
            for values in self.world.bindings(&method, &known, facts) {
                self.plan.steps.push(step(MethodId(*id)));
                self.plan.values.extend(&values);
                let mut next = jobs.clone();
                next.extend(self.subtasks(&method, &values, marks.0 as u32, job.depth + 1));
                if self.agenda(next, facts) {
                    return true;
                }
                self.undo(marks);
            }
        }
        false
    }

    fn undo(&mut self, marks: (usize, usize, usize)) {
        self.plan.steps.truncate(marks.0);
        self.plan.order.truncate(marks.1);
        self.plan.values.truncate(marks.2);
    }
}
