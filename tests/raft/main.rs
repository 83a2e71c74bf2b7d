//! Agreement under fault: nodes, networks, clocks, disks and clients from a seed.

mod app;
mod check;
mod clients;
mod clock;
mod disk;
mod host;
mod linear;
mod message;
mod net;
mod plan;
mod policies;
mod random;
mod recovery;
mod scripts;
#[path = "../common/seeds.rs"]
mod seeds;
mod sim;
mod train;
mod trial;
mod tuner;
mod world;

use seeds::{seeds, times};

#[test]
fn nodes_agree_whatever_happens() {
    if let Ok(seed) = std::env::var("NSW_SEED") {
        let (tally, _) = sim::run(seed.parse().unwrap()).unwrap_or_else(|wrong| panic!("{wrong}"));
        println!("{tally:?}");
        return;
    }
    let mut all = world::Tally::default();
    for seed in seeds(30_000, 800) {
        println!("seed {seed}");
        all.add(sim::run(seed).unwrap_or_else(|wrong| panic!("{wrong}")).0);
    }
    println!("{all:?}");
    // Nothing of it has fallen asleep.
    for (what, count) in all.all() {
        let least = if what == "wiped" { 1 } else { 100 };
        assert!(*count >= least * times(), "{what}: {count}");
    }
}

/// Timeouts, priorities and batches that change all the time, to whatever they may be.
#[test]
fn no_tuner_does_harm() {
    let mut all = world::Tally::default();
    for seed in seeds(60_000, 300) {
        println!("seed {seed}");
        all.add(sim::run_vexed(seed).unwrap_or_else(|wrong| panic!("{wrong}")).0);
    }
    println!("{all:?}");
    assert!(all.reads > 1_000 && all.leaders > 500, "{all:?}");
}

/// A node crashes at each point between two things that it writes or says.
#[test]
fn a_crash_at_any_point_loses_nothing() {
    for seed in seeds(40_000, 4) {
        for node in 1..=2 {
            println!("seed {seed}, node {node}");
            for point in 0.. {
                let run = sim::run_mild(seed, node, point);
                let tally = run.unwrap_or_else(|wrong| panic!("{wrong}"));
                if point > tally.points {
                    assert!(point > 50, "{point}");
                    break;
                }
            }
        }
    }
}

#[test]
fn a_seed_is_a_run() {
    for seed in 30_000..30_010 {
        assert_eq!(sim::run(seed), sim::run(seed));
    }
    assert_ne!(sim::run(30_000).unwrap().0, sim::run(30_001).unwrap().0);
}
