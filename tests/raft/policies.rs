//! Who says what a node's timeouts are.

use neural_swarm::consensus::raft::{NodeId, Raft, Role, Timeouts};
use neural_swarm::consensus::tuner::{Beats, Learned, MeanDeviation, Model, Seen, Wish};

use crate::random::Random;

/// A model.
pub enum Policy {
    MeanDeviation,
    Learned,
    /// One that says anything.
    Mad(Random),
}

impl Model for Policy {
    fn wish(&mut self, seen: &Seen) -> Wish {
        match self {
            Policy::MeanDeviation => MeanDeviation.wish(seen),
            Policy::Learned => Learned.wish(seen),
            Policy::Mad(random) => Wish {
                election_us: any(random),
                spread_us: any(random),
                patience_us: any(random),
                heartbeat_us: any(random),
                later_us: any(random),
            },
        }
    }

    fn foresee(&self, beats: &Beats) -> f32 {
        match self {
            Policy::MeanDeviation => MeanDeviation.foresee(beats),
            Policy::Learned => Learned.foresee(beats),
            Policy::Mad(_) => f32::NAN,
        }
    }
}

/// Anything that is a number, or is none.
fn any(random: &mut Random) -> f32 {
    let usual = random.below(1_000_000) as f32;
    random.one(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, 0.0, 1.0, f32::MAX, usual])
}

/// Sets anything that a node lets itself be set, and sees that it refuses all else. `election` is the
/// timeout that it was made with.
pub fn vex(raft: &mut Raft<'_>, election: u64, random: &mut Random) {
    const HOUR: u64 = 3_600_000_000;
    let long = [election, election + 1, 2 * election, 20 * election, HOUR];
    let timeouts = Timeouts {
        election_us: random.one(&long),
        spread_us: random.one(&[1, 2, 1_000, election, HOUR]),
        patience_us: random.one(&long),
        heartbeat_us: random.one(&[100, 1_000, election / 6, election / 2]),
    };
    raft.set_timeouts(timeouts).unwrap();
    let short = Timeouts { election_us: election - 1, ..timeouts };
    let idle = Timeouts { heartbeat_us: election / 2 + 1, ..timeouts };
    let endless = Timeouts { spread_us: HOUR + 1, ..timeouts };
    let hasty = Timeouts { patience_us: election - 1, ..timeouts };
    for bad in [short, idle, endless, hasty] {
        assert!(raft.set_timeouts(bad).is_err());
    }
    assert_eq!(raft.timeouts(), timeouts);
    raft.set_priority(random.one(&[1, 2, 100, 255])).unwrap();
    assert!(raft.set_priority(0).is_err());
    let peers: Vec<NodeId> = raft.peers().map(|peer| peer.id).collect();
    for peer in peers {
        raft.set_batch(peer, random.one(&[0, 1, 200, u32::MAX])).unwrap();
    }
}

/// What would harm most if safety rested on it: a leader that nobody hears goes on, and all others stand as
/// soon as they may.
pub fn harm(raft: &mut Raft<'_>, election: u64) {
    let leads = raft.status().role == Role::Leader;
    let long = if leads { 100 * election } else { election };
    let timeouts = Timeouts {
        election_us: long,
        spread_us: election / 4,
        patience_us: long,
        heartbeat_us: election / 6,
    };
    raft.set_timeouts(timeouts).unwrap();
}
