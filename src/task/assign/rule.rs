//! What a receiver does with what a sender says of a task.

use super::message::NOBODY;
use super::peers::wins;

/// What to do with another's belief.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Update,
    Reset,
    Leave,
}

/// The paper's table I: what a receiver does with what a sender says of a task. `newer` tells whether
/// the sender knows something newer of an agent than the receiver, `older` the opposite.
pub(super) fn rule(
    (sender, me): (u64, u64),
    (theirs, their_bid): (u64, f32),
    (mine, my_bid): (u64, f32),
    newer: impl Fn(u64) -> bool,
    older: impl Fn(u64) -> bool,
) -> Rule {
    let higher = wins(their_bid, theirs, my_bid, mine);
    let update_if = |yes: bool| if yes { Rule::Update } else { Rule::Leave };
    if theirs == sender {
        if mine == me {
            return update_if(higher);
        }
        if mine == sender || mine == NOBODY {
            return Rule::Update;
        }
        return update_if(newer(mine) || higher);
    }
    if theirs == me {
        if mine == me || mine == NOBODY {
            return Rule::Leave;
        }
        if mine == sender || newer(mine) {
            return Rule::Reset;
        }
        return Rule::Leave;
    }
    if theirs == NOBODY {
        if mine == me || mine == NOBODY {
            return Rule::Leave;
        }
        return update_if(mine == sender || newer(mine));
    }
    // A third agent.
    if mine == me {
        return update_if(newer(theirs) && higher);
    }
    if mine == sender {
        return if newer(theirs) { Rule::Update } else { Rule::Reset };
    }
    if mine == theirs || mine == NOBODY {
        return update_if(newer(theirs));
    }
    // And a fourth.
    if newer(theirs) && (newer(mine) || higher) {
        return Rule::Update;
    }
    if newer(mine) && older(theirs) { Rule::Reset } else { Rule::Leave }
}
