//! The policies as they are compared: with their published settings, and with others in their favour.

use neural_swarm::task::balance::{BalancerConfig, Learner, Policy, PrequalConfig};

use crate::sim::FEATURES;

pub struct Variant {
    pub name: &'static str,
    /// Whether it is what the others are compared with.
    pub ours: bool,
    pub config: BalancerConfig,
}

/// The settings that all have.
pub fn base(policy: Policy, probes: u32) -> BalancerConfig {
    BalancerConfig {
        policy,
        workers: 20,
        features: FEATURES as u32,
        probes,
        fresh_us: 20_000,
        work: 0.3,
        ..BalancerConfig::default()
    }
}

/// All of them; the one that is judged asks five servers, as the others in their favour.
pub fn all() -> Vec<Variant> {
    let prequal = |policy, probes, quantile, pool| {
        let prequal = PrequalConfig { quantile, pool, ..PrequalConfig::default() };
        BalancerConfig { prequal, ..base(policy, probes) }
    };
    let ewma = |decay_us| BalancerConfig { decay_us, ..base(Policy::PeakEwma, 0) };
    let other = |name, config| Variant { name, ours: false, config };
    vec![
        other("round robin", base(Policy::RoundRobin, 0)),
        other("power of two, own requests", base(Policy::PowerOfTwo, 0)),
        other("power of two, 2 probes", base(Policy::PowerOfTwo, 2)),
        other("power of three, 3 probes", base(Policy::PowerOfTwo, 3)),
        other("power of five, 5 probes", base(Policy::PowerOfTwo, 5)),
        other("Peak-EWMA, 10 s", ewma(10_000_000)),
        other("Peak-EWMA, 2 s", ewma(2_000_000)),
        other("least loaded, own requests", base(Policy::LeastLoaded, 0)),
        other("Prequal, 3 probes, pool 16", prequal(Policy::Prequal, 3, 0.84, 16)),
        other("Prequal, 5 probes, pool 8", prequal(Policy::Prequal, 5, 0.84, 8)),
        other("Prequal synchronous, 3 probes", prequal(Policy::PrequalSync, 3, 0.84, 16)),
        other("Prequal synchronous, 5 probes", prequal(Policy::PrequalSync, 5, 0.84, 16)),
        other("Prequal synchronous, 5, quantile 0.6", prequal(Policy::PrequalSync, 5, 0.6, 16)),
        other("Prequal synchronous, 5, quantile 0.95", prequal(Policy::PrequalSync, 5, 0.95, 16)),
        other(
            "power of five, answers of 0.65 ms",
            BalancerConfig { fresh_us: 650, ..base(Policy::PowerOfTwo, 5) },
        ),
        other(
            "Prequal synchronous, 5, answers of 0.65 ms",
            BalancerConfig { fresh_us: 650, ..base(Policy::PrequalSync, 5) },
        ),
        other("predicted work, no probes", base(Policy::PredictedWork, 0)),
        other("predicted work, 3 probes", base(Policy::PredictedWork, 3)),
        other(
            "predicted work by a network, 5 probes",
            BalancerConfig {
                learner: Learner::Network { units: 16 },
                ..base(Policy::PredictedWork, 5)
            },
        ),
        Variant {
            name: "predicted work, 5 probes",
            ours: true,
            config: base(Policy::PredictedWork, 5),
        },
    ]
}

/// Whether a variant counts as another policy.
pub fn is_other(variant: &Variant) -> bool {
    variant.config.policy != Policy::PredictedWork
}
