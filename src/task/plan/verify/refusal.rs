//! Why a plan is refused.

use core::fmt;

use super::super::tree::Step;
use crate::error::Error;

/// Why a plan is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// A step's parent does not come before it.
    Parent,
    /// There is no such task, or it is not one that the parent asks for at this place.
    Task,
    /// There is no such method, or it is of another task, or an action has one.
    Method,
    /// A value is missing, or is not the one that the parent gives.
    Value,
    /// A value is not of the type of its parameter.
    Type,
    /// Another step takes the same place, or the parent has no such place.
    Place,
    /// A subtask is missing.
    Missing,
    /// The list of actions does not name each of the plan's actions once.
    Actions,
    /// It comes before what it has to come after.
    Order,
    /// The precondition of an action does not hold.
    Precondition,
    /// The precondition or a constraint of a method does not hold when its task begins.
    MethodPrecondition,
    /// The goal does not hold at the end.
    Goal,
    /// Values that the plan leaves open have too many ways to be chosen for all to be tried.
    Choices,
    /// The verifier is too small for this plan.
    Capacity,
}

impl Why {
    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Why::Parent => "its parent does not come before it",
            Why::Task => "there is no such task, or its parent asks for another one here",
            Why::Method => "there is no such method of this task",
            Why::Value => "a value is missing, or not the one that its parent gives",
            Why::Type => "a value is not of the type of its parameter",
            Why::Place => "its place among its parent's subtasks is taken, or there is none",
            Why::Missing => "a subtask is missing",
            Why::Actions => "the list of actions does not name each action once",
            Why::Order => "it comes before what it has to come after",
            Why::Precondition => "its precondition does not hold",
            Why::MethodPrecondition => "its method's precondition does not hold when it begins",
            Why::Goal => "the goal does not hold at the end",
            Why::Choices => "there are too many ways to choose the values that it leaves open",
            Why::Capacity => "the verifier is too small for this plan",
        }
    }
}

/// Which step of a plan is wrong, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The index of the step; `None` for the initial network, or all of the plan.
    pub step: Option<u32>,
    /// Why.
    pub why: Why,
}

impl Refusal {
    pub(super) fn new(step: u32, why: Why) -> Refusal {
        Refusal { step: (step != Step::ROOT).then_some(step), why }
    }

    /// As an error: [`Error::TaskPlan`], or [`Error::Capacity`].
    pub fn error(&self) -> Error {
        let limit = matches!(self.why, Why::Capacity | Why::Choices);
        if limit { Error::Capacity } else { Error::TaskPlan }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Some(step) => write!(f, "step {step}: {}", self.why.text()),
            None => f.write_str(self.why.text()),
        }
    }
}

impl core::error::Error for Refusal {}
