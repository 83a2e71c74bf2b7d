//! What a name stands for.

use super::ids::{MethodId, ObjectId, PredicateId, TaskId, TypeId};
use super::model::Model;

/// The first of so many numbers that has this name.
fn first<'a>(count: usize, name: &str, of: impl Fn(u16) -> &'a str) -> Option<u16> {
    (0..count).map(|id| id as u16).find(|id| of(*id) == name)
}

impl Model<'_> {
    /// The type with this name, spelled so; the first one, if several have it; `None` if there is none, or
    /// the names were cut off. Looks at one after the other. As with the other names.
    pub fn type_named(&self, name: &str) -> Option<TypeId> {
        first(self.types(), name, |id| self.type_name(TypeId(id))).map(TypeId)
    }

    /// The object with this name.
    pub fn object_named(&self, name: &str) -> Option<ObjectId> {
        first(self.objects(), name, |id| self.object_name(ObjectId(id))).map(ObjectId)
    }

    /// The predicate with this name.
    pub fn predicate_named(&self, name: &str) -> Option<PredicateId> {
        first(self.predicates(), name, |id| self.predicate_name(PredicateId(id))).map(PredicateId)
    }

    /// The task or action with this name.
    pub fn task_named(&self, name: &str) -> Option<TaskId> {
        first(self.tasks(), name, |id| self.task_name(TaskId(id))).map(TaskId)
    }

    /// The method with this name.
    pub fn method_named(&self, name: &str) -> Option<MethodId> {
        first(self.methods(), name, |id| self.method_name(MethodId(id))).map(MethodId)
    }
}
