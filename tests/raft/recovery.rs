//! How long a group of five is out of service when its leader crashes: from the crash to the next
//! entry that is committed, in election timeouts. One is `election_us`: each node waits for between
//! one and two of them before it stands, so two are the longest that it waits alone.

use crate::net::{Jitter, Path};
use crate::trial::{NODES, Terms, Trial, quantile};

/// A millisecond, and up to a tenth more.
fn steady(_: u64, _: u64) -> Path {
    Path { delay: 1_000, jitter: Jitter::Uniform(100), loss: 0 }
}

/// One to three milliseconds, and a tenth is lost.
fn lossy(_: u64, _: u64) -> Path {
    Path { delay: 1_000, jitter: Jitter::Uniform(2_000), loss: 100 }
}

/// Thirty milliseconds, and the last node hears nothing: it asks for votes all the time.
fn deaf(_: u64, to: u64) -> Path {
    let loss = if to == NODES { 1_000 } else { 0 };
    Path { delay: 30_000, jitter: Jitter::Uniform(1_000), loss }
}

/// Runs seeds; of how many thousandths of them the service was back within so many election timeouts.
fn share(name: &str, terms: &Terms, (timeouts, count): (u64, u64)) -> u64 {
    let mut out = vec![];
    for seed in crate::seeds(50_000, count) {
        let mut trial = Trial::new(seed, terms);
        trial.start();
        trial.run(terms.settle, |_| false);
        out.push(trial.crash().unwrap_or_else(|| panic!("seed {seed}: never again")));
    }
    out.sort_unstable();
    let within = out.iter().filter(|time| **time <= timeouts * terms.election).count();
    let of = |time: u64| time as f64 / terms.election as f64;
    println!(
        "{name}, {} ms: {within} of {} within {timeouts} election timeouts; p50 {:.2}, p99 {:.2}, max {:.2}",
        terms.election / 1000,
        out.len(),
        of(quantile(&out, 500)),
        of(quantile(&out, 990)),
        of(quantile(&out, 1000)),
    );
    (within * 1000 / out.len()) as u64
}

#[test]
fn a_leader_that_crashes_is_followed_within_two_election_timeouts() {
    let terms = Terms {
        election: 300_000,
        heartbeat: 50_000,
        load: 20_000,
        settle: 3_000_000,
        pre_vote: true,
        policy: None,
        path: steady,
    };
    let quick = Terms { election: 100_000, heartbeat: 10_000, settle: 2_000_000, ..terms.clone() };
    let all = [
        ("steady", terms.clone()),
        ("steady", quick.clone()),
        ("steady, without pre-vote", Terms { pre_vote: false, ..quick.clone() }),
        ("lossy", Terms { path: lossy, ..terms }),
        ("lossy", Terms { path: lossy, ..quick }),
    ];
    for (name, terms) in &all {
        let share = share(name, terms, (2, 200));
        assert!(share >= 990, "{name}: {share} of 1000");
    }
}

/// Nobody waits for long for one that cannot win, and asks.
#[test]
fn one_that_hears_nothing_keeps_nobody_back() {
    let terms = Terms {
        election: 100_000,
        heartbeat: 33_000,
        load: 20_000,
        settle: 3_000_000,
        pre_vote: true,
        policy: None,
        path: deaf,
    };
    assert_eq!(share("one hears nothing", &terms, (10, 100)), 1000);
}
