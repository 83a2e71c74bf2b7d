//! Which tasks of a plan come before which others: its partial order.

use super::model::{Method, Model};
use super::tree::{Plan, Step};
use crate::error::{Error, Result};

/// Subtasks of a method of which one is looked for behind another at most.
const MOST_BETWEEN: usize = 4096;

impl Plan<'_> {
    /// Whether the orderings of the methods say that step `first` has ended before step `second` begins: the
    /// edges of the plan's directed graph. Of two steps of which neither is before the other either may be
    /// begun first, as far as the methods are concerned; that their preconditions hold is sure in the plan's
    /// own [`order`](Plan::order) only, and in those that a [`Verifier`](super::Verifier) accepts.
    ///
    /// No step is before itself, nor before one that it is made of.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a step that there is not; [`Error::TaskPlan`] if the plan is none of this model;
    /// [`Error::Capacity`] for two subtasks of a method that leaves them unordered, if 4095 or more lie between
    /// them.
    pub fn is_before(&self, model: &Model<'_>, first: usize, second: usize) -> Result<bool> {
        let step = |index: usize| self.steps.get(index).ok_or(Error::Invalid);
        let (mut a, mut b) = (*step(first)?, *step(second)?);
        let (mut at, mut bt) = (first, second);
        // Up to the children of the step that both come from: parents have the smaller numbers.
        while a.parent != b.parent {
            let (lower, place) = if above(&b, &a) { (&mut a, &mut at) } else { (&mut b, &mut bt) };
            let parent = lower.parent as usize;
            if parent >= *place {
                return Err(Error::TaskPlan);
            }
            (*lower, *place) = (*step(parent).map_err(|_| Error::TaskPlan)?, parent);
        }
        // The same, or one is made of the other.
        if at == bt {
            return Ok(false);
        }
        let method = match a.parent {
            Step::ROOT => model.root(),
            parent => step(parent as usize).map_err(|_| Error::TaskPlan)?.method,
        };
        if method.index() > model.methods() {
            return Err(Error::TaskPlan);
        }
        follows(&model.method(method), a.place, b.place)
    }
}

/// Whether the parent of `b` comes before that of `a`; the initial network comes before all.
fn above(b: &Step, a: &Step) -> bool {
    b.parent.wrapping_add(1) < a.parent.wrapping_add(1)
}

/// Whether a method's orderings put one subtask before another.
fn follows(method: &Method<'_>, first: u16, second: u16) -> Result<bool> {
    // The model numbers subtasks in an order that is allowed.
    if first >= second || method.ordered {
        return Ok(first < second);
    }
    if (second - first) as usize >= MOST_BETWEEN {
        return Err(Error::Capacity);
    }
    // What comes behind the first, by how far. Orderings ascend, and lead to greater numbers.
    let mut behind = [0u64; MOST_BETWEEN / 64];
    behind[0] = 1;
    let far = |subtask: u16| {
        let far = subtask.checked_sub(first)? as usize;
        (subtask <= second).then_some(far)
    };
    let has = |behind: &[u64], far: usize| {
        behind.get(far / 64).is_some_and(|word| word >> (far % 64) & 1 != 0)
    };
    for pair in method.orders.chunks_exact(2) {
        let (Some(from), Some(to)) = (far(pair[0]), far(pair[1])) else { continue };
        if has(&behind, from) {
            behind.get_mut(to / 64).into_iter().for_each(|word| *word |= 1 << (to % 64));
        }
    }
    Ok(has(&behind, (second - first) as usize))
}
