//! What lies at the edges: workers that fail, clocks that go back, numbers that are very large or small.

use neural_swarm::Error;
use neural_swarm::port::Heap;
use neural_swarm::task::balance::{
    Answer, Autoscaler, Balancer, BalancerConfig, Forecast, Gauge, GaugeConfig, Learner, Policy,
    Power, PowerConfig, PrequalConfig, RidgeConfig, ScaleConfig,
};

use crate::random::Random;
use crate::{ALL, config};

/// Eight workers, the first of which fails each request after 0.1 ms; the others take 100 ms each. Returns how
/// many of 2,000 requests, one every 5 ms, came to the first.
fn sent_to_the_one_that_fails(config: &BalancerConfig) -> u32 {
    let mut balancer = Balancer::new(config, Heap).unwrap();
    let mut gauges: Vec<_> =
        (0..8).map(|_| Gauge::new(&GaugeConfig::default(), Heap).unwrap()).collect();
    // When requests end, with their number and worker.
    let mut ends = std::collections::BTreeSet::<(u64, u64, usize)>::new();
    let mut count = 0;
    for request in 0..2000u64 {
        let now = request * 5_000;
        while let Some((at, id, worker)) = ends.first().copied().filter(|(at, ..)| *at <= now) {
            ends.pop_first();
            if worker == 0 {
                gauges[0].dropped(id, at).unwrap();
                balancer.failed(id, at).unwrap();
            } else {
                gauges[worker].finished(id, 1.0, at).unwrap();
                balancer.done(id, 1.0, at).unwrap();
            }
        }
        balancer.prepare(now);
        while let Some(worker) = balancer.next_probe(now) {
            balancer.probed(worker, gauges[worker as usize].answer(now), now).unwrap();
        }
        let pick = balancer.pick(&[], now).unwrap();
        balancer.sent(request, pick.worker, &[], now).unwrap();
        gauges[pick.worker as usize].arrived(request, pick.work, now).unwrap();
        count += u32::from(pick.worker == 0);
        let took = if pick.worker == 0 { 100 } else { 100_000 };
        ends.insert((now + took, request, pick.worker as usize));
    }
    count
}

/// Without a word about failures it looks idle and quick, and would draw nearly all.
#[test]
fn a_worker_that_fails_fast_gets_less_than_its_share() {
    for policy in ALL {
        for probes in [0, 5] {
            let config = BalancerConfig { probes, ..config(policy) };
            let count = sent_to_the_one_that_fails(&config);
            println!("{policy:?}, {probes} probes: {count} of 2000");
            // By chance, or in turn, it gets an eighth; the others have a cost to compare.
            let chance = policy == Policy::RoundRobin || (policy, probes) == (Policy::Prequal, 0);
            assert!(
                count <= if chance { 300 } else { 100 },
                "{policy:?}, {probes} probes: {count}"
            );
        }
    }
}

#[test]
fn a_worker_that_has_failed_is_tried_again() {
    /// How often the first of two is chosen: it has nothing to do, the other has.
    fn picks(balancer: &mut Balancer<'_>, now: u64) -> usize {
        let one = |balancer: &mut Balancer<'_>| {
            let answer = |x: u32| Answer {
                in_flight: x,
                latency_us: 1000.0 * (1.0 + x as f32),
                work: x as f32,
                speed: 1.0,
            };
            balancer.probed(0, answer(0), now).unwrap();
            balancer.probed(1, answer(20), now).unwrap();
            balancer.pick(&[], now).unwrap().worker == 0
        };
        (0..20).filter(|_| one(balancer)).count()
    }
    for policy in ALL {
        for probes in [0, 2] {
            let config = BalancerConfig { workers: 2, probes, choices: 2, ..config(policy) };
            let mut balancer = Balancer::new(&config, Heap).unwrap();
            for request in 0..20 {
                balancer.sent(1 << 40 | request, 1, &[], 0).unwrap();
            }
            let mut now = 50_000;
            balancer.done(1 << 40, 1.0, now).unwrap();
            for request in 0..5000 {
                balancer.sent(request, 0, &[], now).unwrap();
                now += 2000;
                balancer.failed(request, now).unwrap();
            }
            let turns = policy == Policy::RoundRobin;
            assert!(picks(&mut balancer, now) == if turns { 10 } else { 0 }, "{policy:?} {probes}");
            // The failures are long ago.
            now += 20 * config.forgive_us;
            assert!(picks(&mut balancer, now) >= 10, "{policy:?} {probes}");
            // They come again, and then some that go well.
            for request in 0..5010 {
                balancer.sent(request, 0, &[], now).unwrap();
                now += 2000;
                if request < 5000 {
                    balancer.failed(request, now).unwrap();
                } else {
                    balancer.done(request, 1.0, now).unwrap();
                }
            }
            balancer.done(1 << 40 | 1, 1.0, now).unwrap();
            assert!(picks(&mut balancer, now) >= 10, "{policy:?} {probes}");
        }
    }
}

/// A reference in a few lines: Finagle's `PeakEwma.scala`, whose `get` observes a 0 and so stores the decay.
struct Finagle {
    cost: f64,
    stamp: u64,
    pending: u32,
}

impl Finagle {
    fn observe(&mut self, took: f64, now: u64, tau: f64) {
        let w = (-((now - self.stamp) as f64) / tau).exp();
        self.cost = if took > self.cost { took } else { self.cost * w + took * (1.0 - w) };
        self.stamp = now;
    }

    fn get(&mut self, now: u64, tau: f64) -> f64 {
        self.observe(0.0, now, tau);
        if self.cost == 0.0 && self.pending > 0 {
            return f64::MAX / 2.0 + f64::from(self.pending);
        }
        self.cost * (f64::from(self.pending) + 1.0)
    }
}

#[test]
fn peak_ewma_is_finagles() {
    for seed in 0..20 {
        let config = BalancerConfig {
            workers: 2,
            requests: 256,
            choices: 1,
            probes: 0,
            decay_us: 1_000_000,
            seed,
            ..config(Policy::PeakEwma)
        };
        let mut random = Random::new(seed);
        let mut balancer = Balancer::new(&config, Heap).unwrap();
        let mut theirs = [0, 1].map(|_| Finagle { cost: 0.0, stamp: 0, pending: 0 });
        let mut flights: Vec<(u64, usize, u64)> = Vec::new();
        let mut now = 1;
        for request in 0..2000u64 {
            now += 1 + random.below(100_000) as u64;
            // Both are drawn each time.
            let costs = [0, 1].map(|i| theirs[i].get(now, 1e6));
            let worker = balancer.pick(&[], now).unwrap().worker as usize;
            let (ours, other) = (costs[worker], costs[1 - worker]);
            assert!(ours <= other * (1.0 + 1e-9), "{request}: {ours} {other}");
            balancer.sent(request, worker as u32, &[], now).unwrap();
            theirs[worker].pending += 1;
            flights.push((request, worker, now));
            while flights.len() > random.below(20) {
                let (id, worker, sent) = flights.swap_remove(random.below(flights.len()));
                now += 1 + random.below(30_000) as u64;
                theirs[worker].pending -= 1;
                theirs[worker].observe((now - sent) as f64, now, 1e6);
                balancer.done(id, 0.0, now).unwrap();
            }
        }
    }
}

/// However much goes wrong, costs can be compared: the one that works is chosen.
#[test]
fn failures_without_end_leave_numbers_that_can_be_compared() {
    for policy in ALL {
        let config = BalancerConfig { workers: 2, probes: 2, choices: 2, ..config(policy) };
        let mut balancer = Balancer::new(&config, Heap).unwrap();
        balancer.sent(1 << 40, 1, &[], 0).unwrap();
        balancer.done(1 << 40, 1.0, 10_000).unwrap();
        for request in 0..5000 {
            let now = 10_000 + request * 1000;
            balancer.sent(request, 0, &[], now).unwrap();
            balancer.failed(request, now + 900).unwrap();
        }
        let now = 5_100_000;
        let mut picks = 0;
        for _ in 0..100 {
            for worker in 0..2 {
                let answer = Answer { in_flight: 1, latency_us: 10.0, work: 1.0, speed: 1.0 };
                balancer.probed(worker, answer, now).unwrap();
            }
            picks += balancer.pick(&[], now).unwrap().worker;
        }
        let most = if policy == Policy::RoundRobin { 50 } else { 100 };
        assert_eq!(picks, most, "{policy:?}");
    }
}

#[test]
fn power_of_any_size_can_be_compared() {
    for policy in ALL {
        for (weight, probes) in [(0.25, 0), (0.25, 4), (f32::MAX, 0), (f32::MAX, 4)] {
            let power = PowerConfig { weight, reserve: 0.0 };
            let config = BalancerConfig { workers: 4, probes, choices: 4, power, ..config(policy) };
            let mut balancer = Balancer::new(&config, Heap).unwrap();
            for (worker, duty) in [(0, 1e-40), (1, f32::MIN_POSITIVE), (2, 1e-20)] {
                balancer.set_power(worker, Power { battery: 0.0, duty }).unwrap();
            }
            let mut picks = [0; 4];
            for round in 0..100 {
                let now = round * 10;
                for worker in 0..4 {
                    balancer.probed(worker, Answer::default(), now).unwrap();
                }
                picks[balancer.pick(&[], now).unwrap().worker as usize] += 1;
            }
            match policy {
                Policy::RoundRobin => assert_eq!(picks, [25; 4]),
                // Two of the four are compared.
                Policy::PowerOfTwo if config.probes == 0 => assert!(picks[3] >= 40),
                Policy::PeakEwma => assert!(picks[3] >= 40 && picks[0] == 0, "{picks:?}"),
                _ => assert_eq!(picks[3], 100, "{policy:?} {weight}: {picks:?}"),
            }
        }
    }
}

#[test]
fn work_is_learned_from_features_that_are_large_and_depend_on_each_other() {
    for size in [1.0f32, 1e3, 1e6, 1e9, 1e12] {
        let config = BalancerConfig { features: 4, ..config(Policy::PredictedWork) };
        let mut balancer = Balancer::new(&config, Heap).unwrap();
        let mut random = Random::new(7);
        let mut sample = || {
            let (x, y) = (random.unit() as f32, random.unit() as f32);
            ([size * x, size * y, size * (x + y), 3.0 * size * x], 1.0 + 4.0 * x + 2.0 * y)
        };
        for request in 0..3000 {
            let (features, work) = sample();
            balancer.sent(request, 0, &features, 0).unwrap();
            balancer.done(request, work, 1).unwrap();
        }
        for _ in 0..100 {
            let (features, expected) = sample();
            let work = balancer.predict(&features).unwrap();
            assert!((work / expected - 1.0).abs() < 0.02, "{size}: {work}, not {expected}");
        }
    }
}

/// Work that is no sum over features: the regression can only say the mean, the network learns it. Features are of
/// very different sizes.
#[test]
fn a_network_learns_what_a_regression_cannot() {
    for seed in 0..5 {
        let off = |learner| {
            let config =
                BalancerConfig { features: 2, seed, learner, ..config(Policy::PredictedWork) };
            let mut balancer = Balancer::new(&config, Heap).unwrap();
            let mut random = Random::new(100 + seed);
            let (mut sum, mut count) = (0.0, 0.0);
            for request in 0..4000 {
                let (x, y) = (random.unit() as f32, random.unit() as f32);
                let features = [1e6 * x, 1e-4 * y - 5.0];
                let work = 1.0 + 8.0 * (x - 0.5) * (y - 0.5) + 4.0 * (x - 0.5).abs();
                if request >= 3000 {
                    sum += (balancer.predict(&features).unwrap() - work).abs();
                    count += 1.0;
                }
                balancer.sent(request, 0, &features, 0).unwrap();
                balancer.done(request, work, 1).unwrap();
            }
            sum / count
        };
        let (ridge, network) = (off(Learner::Ridge), off(Learner::Network { units: 24 }));
        println!("seed {seed}: off by {ridge:.3}, by a network {network:.3}");
        assert!(network < 0.35 * ridge, "{network} {ridge}");
    }
    // Where it is a sum, the network says it as well; and what cannot be does no harm.
    let learner = Learner::Network { units: 8 };
    let config = BalancerConfig { features: 1, learner, ..config(Policy::PredictedWork) };
    let mut balancer = Balancer::new(&config, Heap).unwrap();
    for request in 0..2000 {
        let x = (request % 10) as f32;
        balancer.sent(request, 0, &[x], 0).unwrap();
        balancer.done(request, 3.0 + 2.0 * x, 1).unwrap();
    }
    assert!((balancer.predict(&[4.0]).unwrap() - 11.0).abs() < 0.2);
    for x in [f32::MAX, f32::MIN, 0.0, f32::MIN_POSITIVE] {
        balancer.sent(9999, 0, &[x], 0).unwrap();
        balancer.done(9999, f32::MAX, 1).unwrap();
        assert!(balancer.predict(&[x]).unwrap() > 0.0 && balancer.predict(&[4.0]).unwrap() > 0.0);
    }
}

/// The floor of a prediction is a part of what requests were, not of what the first was thought to be.
#[test]
fn small_work_is_predicted_whatever_was_thought_at_first() {
    let config = BalancerConfig { features: 1, work: 1e6, ..config(Policy::PredictedWork) };
    let mut balancer = Balancer::new(&config, Heap).unwrap();
    assert_eq!(balancer.predict(&[1.0]), Ok(1e6));
    for request in 0..1000 {
        let x = (request % 4) as f32;
        balancer.sent(request, 0, &[x], 0).unwrap();
        balancer.done(request, 0.5 + 0.25 * x, 1).unwrap();
    }
    for x in [0.0, 1.0, 3.0] {
        assert!((balancer.predict(&[x]).unwrap() - (0.5 + 0.25 * x)).abs() < 0.01);
    }
    // A line that has been pulled far below 0.
    let least = balancer.predict(&[-1e6]).unwrap();
    assert!(least > 0.0 && least < 0.1, "{least}");
}

#[test]
fn idle_probes_go_on_when_fewer_workers_are_there_than_are_to_be_asked() {
    let mut balancer = Balancer::new(&config(Policy::Prequal), Heap).unwrap();
    for worker in 2..8 {
        balancer.set_available(worker, false).unwrap();
    }
    balancer.prepare(0);
    let asked = std::iter::from_fn(|| balancer.next_probe(0)).count();
    assert_eq!(asked, 2);
    // As a host has it: it sleeps until then, and asks whom it is told to.
    let mut now = 0;
    for round in 1..=10 {
        let at = balancer.next_probe_at().unwrap();
        assert!(at > now, "round {round}: {at} is past at {now}");
        now = at;
        assert!(balancer.next_probe(now).is_some(), "round {round}");
        assert_eq!(balancer.next_probe(now), None);
    }
    // Nobody is there to be asked: then there is no time for it either.
    balancer.set_available(0, false).unwrap();
    balancer.set_available(1, false).unwrap();
    assert_eq!((balancer.next_probe_at(), balancer.next_probe(now + 1_000_000)), (None, None));
    balancer.set_available(1, true).unwrap();
    assert_eq!(balancer.next_probe(now + 1_000_000), Some(1));
}

#[test]
fn what_does_not_change_availability_changes_nothing() {
    for policy in [Policy::Prequal, Policy::PrequalSync, Policy::PowerOfTwo, Policy::PredictedWork]
    {
        let mut balancer = Balancer::new(&config(policy), Heap).unwrap();
        for worker in 0..8 {
            let in_flight = if worker == 5 { 1 } else { 4 };
            let answer = Answer {
                in_flight,
                latency_us: in_flight as f32,
                work: in_flight as f32,
                speed: 1.0,
            };
            balancer.probed(worker, answer, 0).unwrap();
        }
        for worker in 0..8 {
            balancer.set_available(worker, true).unwrap();
        }
        assert_eq!(balancer.pick(&[], 0).unwrap().worker, 5, "{policy:?}");
    }
}

/// A clock that goes back is taken as one that stands still.
#[test]
fn time_that_goes_back_does_not_count() {
    for policy in ALL {
        let [mut one, mut two] = [0, 1].map(|_| Balancer::new(&config(policy), Heap).unwrap());
        let mut random = Random::new(policy as u64);
        let mut most = 0u64;
        for request in 0..500 {
            let now = random.below(2_000_000) as u64;
            most = most.max(now);
            let turn = |balancer: &mut Balancer<'_>, now| {
                balancer.prepare(now);
                let mut asked = Vec::new();
                while let Some(worker) = balancer.next_probe(now) {
                    asked.push(worker);
                    let answer =
                        Answer { in_flight: worker, latency_us: 9.0, work: 1.0, speed: 1.0 };
                    balancer.probed(worker, answer, now).unwrap();
                }
                let pick = balancer.pick(&[], now).unwrap();
                balancer.sent(request, pick.worker, &[], now).unwrap();
                let done = (request >= 9).then(|| balancer.done(request - 9, 0.0, now).unwrap());
                (asked, pick, done)
            };
            assert_eq!(turn(&mut one, now), turn(&mut two, most), "{policy:?} {request}");
        }
    }
    let [mut one, mut two] = [0, 1].map(|_| Gauge::new(&GaugeConfig::default(), Heap).unwrap());
    let mut random = Random::new(3);
    let mut most = 0u64;
    for request in 0..500 {
        let now = random.below(2_000_000) as u64;
        most = most.max(now);
        let turn = |gauge: &mut Gauge<'_>, now| {
            gauge.arrived(request, 1.0, now).unwrap();
            if request >= 5 {
                gauge.finished(request - 5, 1.0, now).unwrap();
            }
            gauge.answer(now)
        };
        assert_eq!(turn(&mut one, now), turn(&mut two, most), "{request}");
    }
}

#[test]
fn ranges_of_all_configurations_are_kept() {
    let good = BalancerConfig::default();
    let balancer = |config: BalancerConfig| {
        assert_eq!(Balancer::footprint(&config), Err(Error::Invalid), "{config:?}");
    };
    balancer(BalancerConfig { choices: 9, ..good });
    balancer(BalancerConfig { requests: (1 << 20) + 1, ..good });
    balancer(BalancerConfig { forgive_us: 0, ..good });
    for (features, units) in [(0, 8), (1, 0), (1, 64), (64, 1), (2, u32::MAX)] {
        balancer(BalancerConfig { features, learner: Learner::Network { units }, ..good });
    }
    for number in [-1.0, f32::NAN, f32::INFINITY] {
        balancer(BalancerConfig { work: number, ..good });
        balancer(BalancerConfig { power: PowerConfig { weight: number, reserve: 0.1 }, ..good });
        balancer(BalancerConfig { ridge: RidgeConfig { penalty: number, forget: 1.0 }, ..good });
        let prequal = PrequalConfig { fill: number, ..PrequalConfig::default() };
        balancer(BalancerConfig { prequal, ..good });
    }
    for share in [-0.1, 1.1, f32::NAN] {
        balancer(BalancerConfig { power: PowerConfig { weight: 1.0, reserve: share }, ..good });
        balancer(BalancerConfig { ridge: RidgeConfig { penalty: 1.0, forget: share }, ..good });
    }
    let gauge = |config: GaugeConfig| {
        assert_eq!(Gauge::footprint(&config), Err(Error::Invalid), "{config:?}");
    };
    let usual = GaugeConfig::default();
    gauge(GaugeConfig { requests: 0, ..usual });
    gauge(GaugeConfig { requests: (1 << 20) + 1, ..usual });
    gauge(GaugeConfig { history: 0, ..usual });
    gauge(GaugeConfig { history: 4097, ..usual });
    gauge(GaugeConfig { memory_us: 0, ..usual });
    gauge(GaugeConfig { speed: 0.0, ..usual });
    gauge(GaugeConfig { speed: f32::INFINITY, ..usual });
    let scaler = |config: ScaleConfig| {
        assert_eq!(Autoscaler::footprint(&config), Err(Error::Invalid), "{config:?}");
    };
    let usual = ScaleConfig::default();
    scaler(ScaleConfig { target: 0.0, ..usual });
    scaler(ScaleConfig { target: f32::INFINITY, ..usual });
    scaler(ScaleConfig { least: 0, ..usual });
    scaler(ScaleConfig { least: 5, most: 4, ..usual });
    scaler(ScaleConfig { tolerance: 1.5, ..usual });
    scaler(ScaleConfig { window: 0, ..usual });
    scaler(ScaleConfig { window: 4097, ..usual });
    scaler(ScaleConfig { horizon: 0, ..usual });
    scaler(ScaleConfig { horizon: 65, ..usual });
    scaler(ScaleConfig { margin: f32::NAN, ..usual });
    for forecast in [
        Forecast::Holt { level: 0.0, trend: 0.5 },
        Forecast::Holt { level: 0.5, trend: 1.5 },
        Forecast::Lags { lags: 0 },
        Forecast::Lags { lags: 33 },
    ] {
        scaler(ScaleConfig { forecast, ..usual });
    }
    let mut gauge = Gauge::new(&GaugeConfig::default(), Heap).unwrap();
    assert_eq!(gauge.arrived(1, -1.0, 0), Err(Error::Invalid));
    assert_eq!(gauge.progressed(1, 1.0, 0), Err(Error::TaskUnknown));
    assert_eq!(gauge.dropped(1, 0), Err(Error::TaskUnknown));
    gauge.arrived(1, 1.0, 0).unwrap();
    assert_eq!(gauge.progressed(1, f32::NAN, 0), Err(Error::Invalid));
    assert_eq!(gauge.finished(1, -1.0, 0), Err(Error::Invalid));
    assert_eq!(gauge.in_flight(), 1);
    let mut balancer = Balancer::new(&config(Policy::PredictedWork), Heap).unwrap();
    assert_eq!(balancer.failed(1, 0), Err(Error::TaskUnknown));
    assert_eq!(balancer.predict(&[1.0]), Err(Error::Length));
}
