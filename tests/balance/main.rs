//! Balancing: policies, gauges, scaling, and a simulator of servers and dispatchers.

#[path = "../common/data.rs"]
mod data;
mod edges;
mod hostile;
mod policies;
#[path = "../common/random.rs"]
mod random;
mod scaling;
mod sim;
mod simulated;
mod trace;
mod variants;

use neural_swarm::task::balance::{BalancerConfig, Policy};

/// All policies, in the order of their numbers.
const ALL: [Policy; 7] = [
    Policy::PredictedWork,
    Policy::RoundRobin,
    Policy::PowerOfTwo,
    Policy::PeakEwma,
    Policy::LeastLoaded,
    Policy::Prequal,
    Policy::PrequalSync,
];

/// Of a policy, for requests without features.
fn config(policy: Policy) -> BalancerConfig {
    BalancerConfig { policy, features: 0, ..BalancerConfig::default() }
}
