//! Numbers of what a model holds.

use super::format;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub u16);

        impl $name {
            /// The number as an index.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// A type: a set of objects. Types are numbered in the order in which the builder was told of them;
    /// 0 is [`OBJECT`](TypeId::OBJECT).
    TypeId;
    /// An object, or constant of the domain, in the order in which the builder was told of them.
    ObjectId;
    /// A predicate, in the order in which the builder was told of them.
    PredicateId;
    /// A task: an action or a compound task. Both share one numbering, in the order in which the builder
    /// was told of them.
    TaskId;
    /// A method, in the order in which the builder was told of them. The initial task network is the
    /// method after the last.
    MethodId;
}

impl TypeId {
    /// The type that all objects have.
    pub const OBJECT: TypeId = TypeId(0);
}

/// An argument: a variable or an object.
///
/// One `u16` either way: objects are their own numbers, variables lie above them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Term(u16);

impl Term {
    /// Variable `index` of the action or method: its parameters are the first ones.
    /// `index` is below [`MAX_VARIABLES`](super::MAX_VARIABLES); what is above names a variable that no
    /// model has, and a builder refuses it.
    pub const fn variable(index: u8) -> Term {
        Term(format::FIRST_VARIABLE + index as u16)
    }

    /// An object.
    pub const fn object(object: ObjectId) -> Term {
        Term(object.0)
    }

    /// The term that a number of the model stands for.
    pub const fn from_code(code: u16) -> Term {
        Term(code)
    }

    /// The number that stands for it in a model.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// Which variable it is, if it is one.
    pub const fn as_variable(self) -> Option<usize> {
        if self.0 >= format::FIRST_VARIABLE {
            Some((self.0 - format::FIRST_VARIABLE) as usize)
        } else {
            None
        }
    }

    /// The object that it stands for where variable `i` is bound to `bound[i]`. `None` for a variable
    /// that `bound` has no place for.
    pub fn value(self, bound: &[u16]) -> Option<ObjectId> {
        match self.as_variable() {
            None => Some(ObjectId(self.0)),
            Some(variable) => bound.get(variable).copied().map(ObjectId),
        }
    }
}

impl From<ObjectId> for Term {
    fn from(object: ObjectId) -> Term {
        Term::object(object)
    }
}
