//! What each policy does, seen from outside.

use neural_swarm::Error;
use neural_swarm::port::{Arena, Heap};
use neural_swarm::task::balance::{
    Answer, Balancer, BalancerConfig, Gauge, GaugeConfig, MAX_POOL, Policy, Power, PrequalConfig,
};

use crate::{ALL, config};

fn balancer(policy: Policy) -> Balancer<'static> {
    Balancer::new(&config(policy), Heap).unwrap()
}

fn answer(in_flight: u32, latency_us: f32, work: f32, speed: f32) -> Answer {
    Answer { in_flight, latency_us, work, speed }
}

/// Lets all workers answer the same, but one.
fn tell(balancer: &mut Balancer<'_>, all: Answer, one: u32, other: Answer, now: u64) {
    for worker in 0..balancer.config().workers {
        balancer.probed(worker, if worker == one { other } else { all }, now).unwrap();
    }
}

#[test]
fn policies_have_their_numbers() {
    for (code, policy) in ALL.into_iter().enumerate() {
        assert_eq!(Policy::from_code(code as u32), Some(policy));
        assert_eq!(policy as u32, code as u32);
    }
    assert_eq!(Policy::from_code(7), None);
}

#[test]
fn round_robin_goes_round() {
    let mut balancer = balancer(Policy::RoundRobin);
    let mut seen = [0; 8];
    for _ in 0..80 {
        seen[balancer.pick(&[], 0).unwrap().worker as usize] += 1;
    }
    assert_eq!(seen, [10; 8]);
    balancer.set_available(3, false).unwrap();
    assert!((0..70).all(|_| balancer.pick(&[], 0).unwrap().worker != 3));
}

#[test]
fn least_loaded_fills_all_evenly() {
    let mut balancer = balancer(Policy::LeastLoaded);
    let mut seen = [0; 8];
    for request in 0..40 {
        let worker = balancer.pick(&[], 0).unwrap().worker;
        balancer.sent(request, worker, &[], 0).unwrap();
        seen[worker as usize] += 1;
    }
    assert_eq!(seen, [5; 8]);
}

/// One choice of two leaves the most loaded of `n` at about `ln ln n` above the mean, one choice at about
/// `ln n / ln ln n` (Azar et al. 1994; Mitzenmacher 2001).
#[test]
fn two_choices_are_much_more_even_than_one() {
    let workers = 1000;
    let most = |policy, choices| {
        let config = BalancerConfig {
            workers,
            requests: workers,
            probes: 0,
            choices,
            seed: 5,
            ..config(policy)
        };
        let mut balancer = Balancer::new(&config, Heap).unwrap();
        let mut seen = vec![0; workers as usize];
        for request in 0..u64::from(workers) {
            let worker = balancer.pick(&[], 0).unwrap().worker;
            balancer.sent(request, worker, &[], 0).unwrap();
            seen[worker as usize] += 1;
        }
        seen.into_iter().max().unwrap()
    };
    let (one, two) = (most(Policy::PredictedWork, 1), most(Policy::PowerOfTwo, 1));
    assert!(one >= 5, "one choice: {one}");
    assert!(two <= 4, "two choices: {two}");
    assert!(most(Policy::PredictedWork, 2) <= 4);
}

#[test]
fn peak_ewma_leaves_a_slow_worker_alone_until_it_has_decayed() {
    let config = BalancerConfig { workers: 2, choices: 1, probes: 0, ..config(Policy::PeakEwma) };
    let mut balancer = Balancer::new(&config, Heap).unwrap();
    for (request, took) in [(0, 1_000_000), (1, 10_000)] {
        balancer.sent(request, request as u32, &[], 0).unwrap();
        balancer.done(request, 0.0, took).unwrap();
    }
    let picks = |balancer: &mut Balancer<'_>, now| {
        (0..100).filter(|_| balancer.pick(&[], now).unwrap().worker == 0).count()
    };
    assert_eq!(picks(&mut balancer, 1_000_000), 0);
    // The other one's latency comes again and again; the peak is forgotten by e in 10 s.
    for request in 2..80 {
        let now = request * 1_000_000;
        balancer.sent(request, 1, &[], now).unwrap();
        balancer.done(request, 0.0, now + 10_000).unwrap();
    }
    assert_eq!(picks(&mut balancer, 80_000_000), 100);
}

#[test]
fn a_worker_that_fails_fast_does_not_draw_more() {
    let config = BalancerConfig { workers: 2, choices: 1, probes: 0, ..config(Policy::PeakEwma) };
    let mut balancer = Balancer::new(&config, Heap).unwrap();
    for request in 0..2 {
        balancer.sent(request, request as u32, &[], 0).unwrap();
        balancer.done(request, 0.0, 10_000).unwrap();
    }
    balancer.sent(2, 0, &[], 10_000).unwrap();
    assert_eq!(balancer.failed(2, 10_001).unwrap().worker, 0);
    assert!((0..100).all(|_| balancer.pick(&[], 10_001).unwrap().worker == 1));
}

#[test]
fn prequal_takes_the_fastest_that_is_not_hot() {
    for policy in [Policy::Prequal, Policy::PrequalSync] {
        // Two are hot, whatever they say of latency; of the others the fastest counts.
        let mut balancer = balancer(policy);
        for worker in 0..8 {
            let hot = worker >= 6;
            let told = match worker {
                _ if hot => answer(50, 1.0, 0.0, 0.0),
                4 => answer(9, 500.0, 0.0, 0.0),
                _ => answer(3, 900.0, 0.0, 0.0),
            };
            balancer.probed(worker, told, 1000).unwrap();
        }
        assert_eq!(balancer.pick(&[], 1000).unwrap().worker, 4, "{policy:?}");
        // All equally late: when all are hot the fewest in flight count.
        for round in 0..20 {
            tell(
                &mut balancer,
                answer(1, 5.0, 0.0, 0.0),
                9,
                answer(0, 0.0, 0.0, 0.0),
                2000 + round,
            );
        }
        tell(&mut balancer, answer(80, 5.0, 0.0, 0.0), 2, answer(70, 99.0, 0.0, 0.0), 3000);
        assert_eq!(balancer.pick(&[], 3000).unwrap().worker, 2, "{policy:?}");
    }
}

#[test]
fn prequals_pool_forgets_by_age_use_and_removal() {
    let prequal = PrequalConfig { remove: 0.0, quantile: 1.0, ..PrequalConfig::default() };
    let config = BalancerConfig { prequal, workers: 1000, probes: 1, ..config(Policy::Prequal) };
    let mut balancer = Balancer::new(&config, Heap).unwrap();
    // So that none of the others is hot.
    balancer.probed(8, answer(99, 1e9, 0.0, 0.0), 0).unwrap();
    balancer.probed(5, answer(1, 10.0, 0.0, 0.0), 0).unwrap();
    balancer.probed(6, answer(1, 20.0, 0.0, 0.0), 0).unwrap();
    balancer.probed(7, answer(1, 30.0, 0.0, 0.0), 0).unwrap();
    // Used two or three times, then the next: (1 + 1) / (1 * 0.984) uses. Too few then: by chance.
    let picks: Vec<u32> = (0..12).map(|_| balancer.pick(&[], 0).unwrap().worker).collect();
    let first = picks.iter().take_while(|worker| **worker == 5).count();
    assert!((2..=3).contains(&first), "{picks:?}");
    assert_eq!(picks[first], 6, "{picks:?}");
    assert!(picks[9..].iter().all(|worker| !(5..=7).contains(worker)), "{picks:?}");
    balancer.probed(5, answer(1, 10.0, 0.0, 0.0), 5_000_000).unwrap();
    balancer.probed(6, answer(1, 20.0, 0.0, 0.0), 5_000_000).unwrap();
    let late = (0..50).filter(|_| balancer.pick(&[], 7_000_000).unwrap().worker == 5).count();
    assert!(late < 5, "answers are older than a second");
}

#[test]
fn predicted_work_learns_what_requests_are_and_minds_what_is_ahead() {
    let config = BalancerConfig { features: 1, ..config(Policy::PredictedWork) };
    let mut balancer = Balancer::new(&config, Heap).unwrap();
    for request in 0..400 {
        let x = (request % 10) as f32;
        balancer.sent(request, 0, &[x], request).unwrap();
        balancer.done(request, 3.0 + 2.0 * x, request + 1).unwrap();
    }
    assert!((balancer.predict(&[4.0]).unwrap() - 11.0).abs() < 0.05);
    // Half as fast and half as much ahead of it is the same; less ahead is better.
    tell(&mut balancer, answer(9, 0.0, 50.0, 1.0), 3, answer(9, 0.0, 90.0, 2.0), 1000);
    assert_eq!(balancer.pick(&[100.0], 1000).unwrap().worker, 3);
    // What is small does not wait for what is large: two in flight cost it twice its own work.
    tell(&mut balancer, answer(9, 0.0, 30.0, 1.0), 6, answer(2, 0.0, 400.0, 1.0), 2000);
    assert_eq!(balancer.pick(&[0.0], 2000).unwrap().worker, 6);
    assert_ne!(balancer.pick(&[200.0], 2000).unwrap().worker, 6);
}

#[test]
fn without_probes_speeds_are_learned_from_what_comes_back() {
    let config =
        BalancerConfig { workers: 2, probes: 0, choices: 2, ..config(Policy::PredictedWork) };
    let mut balancer = Balancer::new(&config, Heap).unwrap();
    let mut now = 0;
    for request in 0..100u64 {
        let worker = (request % 2) as u32;
        balancer.sent(request, worker, &[], now).unwrap();
        now += if worker == 0 { 4_000_000 } else { 1_000_000 };
        balancer.done(request, 1.0, now).unwrap();
    }
    // Four times as fast: three ahead of the fast one are as one on the slow one.
    for request in 1000..1002 {
        let worker = balancer.pick(&[], now).unwrap().worker;
        assert_eq!(worker, 1);
        balancer.sent(request, worker, &[], now).unwrap();
    }
}

#[test]
fn power_enters_the_cost_of_every_policy_that_has_one() {
    for policy in ALL {
        let config = BalancerConfig { workers: 4, probes: 4, choices: 4, ..config(policy) };
        let mut balancer = Balancer::new(&config, Heap).unwrap();
        let fresh = |balancer: &mut Balancer<'_>| {
            let same = answer(1, 100.0, 1.0, 1.0);
            tell(balancer, same, 0, same, 10);
        };
        // Below the reserve: not chosen while another is there.
        for worker in 0..3 {
            balancer.set_power(worker, Power { battery: 0.05, duty: 1.0 }).unwrap();
        }
        for _ in 0..20 {
            fresh(&mut balancer);
            assert_eq!(balancer.pick(&[], 10).unwrap().worker, 3, "{policy:?}");
        }
        balancer.set_available(3, false).unwrap();
        fresh(&mut balancer);
        assert!(balancer.pick(&[], 10).unwrap().worker < 3, "all are low: {policy:?}");
        // Half-empty and asleep half of the time: the others are cheaper.
        for worker in 0..3 {
            balancer.set_power(worker, Power { battery: 0.5, duty: 0.5 }).unwrap();
        }
        balancer.set_available(3, true).unwrap();
        if !matches!(policy, Policy::RoundRobin | Policy::PowerOfTwo | Policy::PeakEwma) {
            for _ in 0..20 {
                fresh(&mut balancer);
                assert_eq!(balancer.pick(&[], 10).unwrap().worker, 3, "{policy:?}");
            }
        }
        let bad = Power { battery: 1.5, duty: 1.0 };
        assert_eq!(balancer.set_power(0, bad), Err(Error::Invalid));
        assert_eq!(balancer.set_power(0, Power { battery: 1.0, duty: 0.0 }), Err(Error::Invalid));
        assert_eq!(balancer.set_power(9, Power::default()), Err(Error::TaskUnknown));
    }
}

#[test]
fn as_many_different_workers_are_asked_as_was_said() {
    for policy in ALL {
        let mut balancer = balancer(policy);
        for _ in 0..50 {
            balancer.prepare(0);
            let mut asked: Vec<u32> = std::iter::from_fn(|| balancer.next_probe(0)).collect();
            assert_eq!(asked.len(), if policy.probes() { 5 } else { 0 }, "{policy:?}");
            asked.sort_unstable();
            asked.dedup();
            assert_eq!(asked.len(), if policy.probes() { 5 } else { 0 });
        }
        let waits =
            matches!(policy, Policy::PowerOfTwo | Policy::PrequalSync | Policy::PredictedWork);
        assert_eq!(balancer.waits(), waits);
    }
    // Prequal asks one now and then although nothing comes.
    let mut balancer = balancer(Policy::Prequal);
    assert_eq!(balancer.next_probe_at(), Some(100_000));
    assert_eq!(balancer.next_probe(99_999), None);
    assert!(balancer.next_probe(100_000).is_some());
    assert_eq!(balancer.next_probe(100_000), None);
}

#[test]
fn what_is_wrong_is_refused_and_changes_nothing() {
    for policy in ALL {
        // Not the time either.
        let late = 5_000_000;
        let config = BalancerConfig { requests: 2, features: 1, ..config(policy) };
        let mut balancer = Balancer::new(&config, Heap).unwrap();
        assert_eq!(balancer.pick(&[], late), Err(Error::Length));
        assert_eq!(balancer.pick(&[f32::NAN], late), Err(Error::Invalid));
        assert_eq!(balancer.sent(1, 8, &[0.0], late), Err(Error::TaskUnknown));
        balancer.sent(1, 0, &[0.0], 0).unwrap();
        assert_eq!(balancer.sent(1, 0, &[0.0], late), Err(Error::TaskState));
        balancer.sent(2, 0, &[0.0], 0).unwrap();
        assert_eq!(balancer.sent(3, 0, &[0.0], late), Err(Error::Capacity));
        assert_eq!(balancer.done(3, 1.0, late), Err(Error::TaskUnknown));
        assert_eq!(balancer.done(1, -1.0, late), Err(Error::Invalid));
        assert_eq!(balancer.done(1, f32::INFINITY, late), Err(Error::Invalid));
        assert_eq!(balancer.in_flight(), 2);
        let done = balancer.done(1, 1.0, 70).unwrap();
        assert_eq!((done.worker, done.latency_us), (0, 70));
        assert_eq!(balancer.done(1, 1.0, 70), Err(Error::TaskUnknown));
        assert_eq!(balancer.probed(8, Answer::default(), 0), Err(Error::TaskUnknown));
        let bad = answer(0, f32::NAN, 0.0, 0.0);
        assert_eq!(balancer.probed(0, bad, 0), Err(Error::Invalid));
        assert_eq!(balancer.set_available(8, true), Err(Error::TaskUnknown));
        for worker in 0..8 {
            balancer.set_available(worker, false).unwrap();
        }
        assert_eq!(balancer.pick(&[0.0], 0), Err(Error::TaskInfeasible));
        assert_eq!(balancer.next_probe(1_000_000), None);
        balancer.failed(2, 80).unwrap();
        assert_eq!(balancer.in_flight(), 0);
    }
}

#[test]
fn configurations_outside_their_ranges_are_refused() {
    let good = BalancerConfig::default();
    let bad = |config: BalancerConfig| {
        assert_eq!(Balancer::footprint(&config), Err(Error::Invalid), "{config:?}");
    };
    bad(BalancerConfig { workers: 0, ..good });
    bad(BalancerConfig { workers: 65_537, ..good });
    bad(BalancerConfig { requests: 0, ..good });
    bad(BalancerConfig { features: 65, ..good });
    bad(BalancerConfig { probes: 9, ..good });
    bad(BalancerConfig { choices: 0, ..good });
    bad(BalancerConfig { decay_us: 0, ..good });
    bad(BalancerConfig { work: 0.0, ..good });
    bad(BalancerConfig { speed: f32::NAN, ..good });
    let prequal = |prequal| bad(BalancerConfig { prequal, ..good });
    let usual = PrequalConfig::default();
    prequal(PrequalConfig { pool: 1, ..usual });
    prequal(PrequalConfig { pool: MAX_POOL + 1, ..usual });
    prequal(PrequalConfig { quantile: 1.5, ..usual });
    prequal(PrequalConfig { remove: -1.0, ..usual });
    // A dispatcher lives in what it said that it needs.
    let layout = Balancer::footprint(&good).unwrap();
    let mut memory = vec![std::mem::MaybeUninit::uninit(); layout.size() + layout.align()];
    let arena = Arena::new(&mut memory);
    Balancer::new(&good, &arena).unwrap();
}

#[test]
fn a_gauge_counts_and_measures() {
    let config = GaugeConfig { requests: 3, speed: 4.0, ..GaugeConfig::default() };
    let mut gauge = Gauge::new(&config, Heap).unwrap();
    assert_eq!(gauge.answer(0), answer(0, 0.0, 0.0, 4.0));
    gauge.arrived(1, 10.0, 0).unwrap();
    gauge.arrived(2, 5.0, 0).unwrap();
    assert_eq!(gauge.answer(0).work, 15.0);
    gauge.progressed(1, 4.0, 1_000_000).unwrap();
    gauge.progressed(1, 3.0, 1_000_000).unwrap();
    assert_eq!(gauge.answer(1_000_000).work, 11.0);
    // More than was expected: a tenth of that remains.
    gauge.progressed(2, 50.0, 1_000_000).unwrap();
    assert_eq!(gauge.answer(1_000_000).work, 6.5);
    assert_eq!(gauge.arrived(2, 1.0, 0), Err(Error::TaskState));
    gauge.arrived(3, 0.0, 1_000_000).unwrap();
    assert_eq!(gauge.arrived(4, 1.0, 1_000_000), Err(Error::Capacity));
    assert_eq!(gauge.finished(9, 1.0, 0), Err(Error::TaskUnknown));
    assert_eq!(gauge.finished(1, f32::NAN, 0), Err(Error::Invalid));
    gauge.finished(1, 12.0, 2_000_000).unwrap();
    gauge.dropped(2, 2_000_000).unwrap();
    gauge.finished(3, 0.0, 2_000_000).unwrap();
    let last = gauge.answer(2_000_000);
    assert_eq!((last.in_flight, last.work), (0, 0.0));
    assert_eq!(last.latency_us, 2_000_000.0);
    // Two units a second for a long time; idle time does not count.
    let mut now = 2_000_000;
    for request in 10..80 {
        gauge.arrived(request, 1.0, now).unwrap();
        now += 500_000;
        gauge.finished(request, 1.0, now).unwrap();
        now += 3_000_000;
    }
    assert!((gauge.answer(now).speed - 2.0).abs() < 0.4, "{:?}", gauge.answer(now));
}

#[test]
fn a_gauge_tells_latencies_of_when_it_was_as_busy() {
    let mut gauge = Gauge::new(&GaugeConfig::default(), Heap).unwrap();
    let mut now = 0;
    // Alone 10 ms, twice; with three others 40 ms.
    for round in 0..20u64 {
        gauge.arrived(round, 1.0, now).unwrap();
        now += 10_000;
        gauge.finished(round, 1.0, now).unwrap();
        if round % 2 == 0 {
            continue;
        }
        (0..4).for_each(|i| gauge.arrived(1000 + i, 1.0, now).unwrap());
        now += 40_000;
        (0..4).for_each(|i| gauge.finished(1000 + i, 1.0, now).unwrap());
    }
    assert_eq!(gauge.answer(now).latency_us, 10_000.0);
    (0..3).for_each(|i| gauge.arrived(2000 + i, 1.0, now).unwrap());
    assert_eq!(gauge.answer(now).latency_us, 40_000.0);
}
