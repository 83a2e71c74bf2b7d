//! Whether something expected is so.

use std::vec::Vec;

use super::{Thing, Who};
use crate::error::Result;
use crate::host::sim::network::MILLION;
use crate::host::sim::node::SimNode;
use crate::host::sim::swarm::Swarm;
use crate::node::membership::Standing;

/// Those that run and are not paused.
pub(super) fn awake(swarm: &Swarm) -> Vec<usize> {
    swarm.sim().running().filter(|place| !swarm.sim().is_paused(*place)).collect()
}

/// Of how many of whom it is so: enough?
pub(super) fn holds(swarm: &mut Swarm, who: &Who, thing: &Thing) -> Result<bool> {
    let mut all = awake(swarm);
    if let Thing::Alive(of) | Thing::Dead(of) | Thing::Left(of) = thing {
        // Of itself alone nobody is asked.
        all.retain(|by| of.iter().any(|of| of != by));
    }
    let (of, wanted) = match who {
        Who::Any => (all, 1),
        Who::Share(share) => {
            let wanted = (all.len() as u64 * u64::from(*share)).div_ceil(u64::from(MILLION));
            (all, wanted.max(1) as usize)
        }
        // Who does not run knows nothing.
        Who::These(these) => (these.clone(), these.len()),
    };
    let (mut so, mut left) = (0, of.len());
    for by in of {
        if so + left < wanted {
            return Ok(false);
        }
        left -= 1;
        so += usize::from(is_so(swarm, by, thing)?);
    }
    Ok(so >= wanted)
}

fn is_so(swarm: &mut Swarm, by: usize, thing: &Thing) -> Result<bool> {
    let all_stand = |of: &[usize], standing| {
        let mut others = of.iter().filter(|of| **of != by);
        others.all(|of| swarm.standing(by, *of) == Some(standing))
    };
    let Some(node) = swarm.sim().machine(by) else { return Ok(false) };
    Ok(match thing {
        Thing::Alive(of) => all_stand(of, Standing::Alive),
        Thing::Dead(of) => all_stand(of, Standing::Dead),
        Thing::Left(of) => all_stand(of, Standing::Left),
        Thing::See(count) => swarm.count(by) == *count,
        Thing::Heard(text) => node.heard.iter().any(|heard| heard.message == text.as_bytes()),
        Thing::Agreed(text) => node.agreed.iter().any(|agreed| agreed == text.as_bytes()),
        Thing::Answered(text) => {
            let is = |answer: &Vec<u8>| answer == text.as_bytes();
            node.ended.iter().any(|ended| ended.outcome.as_ref().is_ok_and(is))
        }
        Thing::Have { key, value } => {
            // Looking wakes nobody.
            let has = |node: &mut SimNode| node.has(key.as_bytes(), value.as_bytes());
            let has = swarm.sim_mut().with(by, |node, _, _| has(node));
            has.unwrap_or(Ok(false))?
        }
    })
}
