//! Whatever workers answer and callers do, calls end, and a pick is a worker that is available.

use neural_swarm::Error;
use neural_swarm::port::Heap;
use neural_swarm::task::balance::{
    Answer, Autoscaler, Balancer, BalancerConfig, Forecast, Gauge, GaugeConfig, Learner, Policy,
    Power, PowerConfig, PrequalConfig, ScaleConfig,
};

use crate::random::Random;

/// A number that is often at an end of its range.
fn number(random: &mut Random) -> f32 {
    const ENDS: [f32; 8] =
        [0.0, 1.0, f32::MAX, f32::MIN_POSITIVE, 1e-45, 1e20, f32::EPSILON, 1.0 - f32::EPSILON];
    if random.below(2) == 0 { ENDS[random.below(ENDS.len())] } else { random.unit() as f32 }
}

fn count(random: &mut Random) -> u32 {
    [0, 1, u32::MAX, u32::MAX - 1, 3][random.below(5)]
}

fn time(random: &mut Random, now: &mut u64) -> u64 {
    match random.below(50) {
        0 => *now = u64::MAX - random.below(3) as u64,
        1 => return 0,
        _ => *now = now.saturating_add(random.below(100_000) as u64),
    }
    *now
}

/// A few hundred calls on a dispatcher with settings by chance.
fn run(seed: u64) {
    let mut random = Random::new(seed);
    let workers = 1 + random.below(6) as u32;
    let features = random.below(3) as u32;
    let network = features > 0 && random.below(2) == 0;
    let config = BalancerConfig {
        policy: Policy::from_code(seed as u32 % 7).unwrap(),
        workers,
        requests: 8,
        features,
        probes: random.below(workers as usize + 1) as u32,
        choices: 1 + random.below(workers as usize) as u32,
        learner: if network { Learner::Network { units: 4 } } else { Learner::Ridge },
        seed,
        work: number(&mut random).max(1e-45),
        speed: number(&mut random).max(1e-45),
        fresh_us: [0, 2000, u64::MAX][random.below(3)],
        decay_us: [1, 1_000_000, u64::MAX][random.below(3)],
        forgive_us: [1, 1_000_000, u64::MAX][random.below(3)],
        power: PowerConfig { weight: number(&mut random), reserve: random.unit() as f32 },
        prequal: PrequalConfig {
            pool: 2 + random.below(4) as u32,
            remove: [0.0, 0.5, 16.0][random.below(3)],
            quantile: random.unit() as f32,
            ..PrequalConfig::default()
        },
        ..BalancerConfig::default()
    };
    let mut balancer = Balancer::new(&config, Heap).unwrap();
    let mut available = vec![true; workers as usize];
    let mut now = 0;
    for step in 0..400u64 {
        let at = time(&mut random, &mut now);
        let worker = random.below(workers as usize) as u32;
        let row: Vec<f32> = (0..features)
            .map(|_| number(&mut random) * if random.below(2) == 0 { -1.0 } else { 1.0 })
            .collect();
        match random.below(9) {
            0 => balancer.prepare(at),
            1 => {
                let mut asked = 0;
                while let Some(worker) = balancer.next_probe(at) {
                    assert!(available[worker as usize]);
                    asked += 1;
                    assert!(asked <= workers + 1, "seed {seed}, step {step}: it ends");
                }
                if let Some(due) = balancer.next_probe_at() {
                    assert!(due >= at && available.contains(&true));
                }
            }
            2 => {
                let answer = Answer {
                    in_flight: count(&mut random),
                    latency_us: number(&mut random),
                    work: number(&mut random),
                    speed: number(&mut random),
                };
                balancer.probed(worker, answer, at).unwrap();
            }
            3 => {
                available[worker as usize] = random.below(4) > 0;
                balancer.set_available(worker, available[worker as usize]).unwrap();
            }
            4 => {
                let battery = number(&mut random).min(1.0);
                let duty = number(&mut random).clamp(1e-45, 1.0);
                balancer.set_power(worker, Power { battery, duty }).unwrap();
            }
            5 => {
                let _ = balancer.done(random.below(20) as u64, number(&mut random), at);
            }
            6 => {
                let _ = balancer.failed(random.below(20) as u64, at);
            }
            _ => match balancer.pick(&row, at) {
                Ok(pick) => {
                    assert!(available[pick.worker as usize], "seed {seed}, step {step}");
                    assert!(pick.work > 0.0 && pick.work.is_finite(), "seed {seed}, step {step}");
                    let _ = balancer.sent(random.below(20) as u64, pick.worker, &row, at);
                }
                Err(error) => {
                    assert_eq!(error, Error::TaskInfeasible);
                    assert!(!available.contains(&true), "seed {seed}, step {step}");
                }
            },
        }
    }
}

#[test]
fn whatever_happens_a_pick_is_a_worker_that_is_available() {
    (0..2000).for_each(run);
}

/// What a gauge answers, a dispatcher takes.
#[test]
fn whatever_a_worker_does_its_answer_can_be_told() {
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let config = GaugeConfig {
            requests: 6,
            history: 1 + random.below(5) as u32,
            memory_us: [1, 1_000_000, u64::MAX][random.below(3)],
            speed: number(&mut random).max(1e-45),
        };
        let mut gauge = Gauge::new(&config, Heap).unwrap();
        let mut balancer = Balancer::new(&BalancerConfig::default(), Heap).unwrap();
        let mut now = 0;
        for _ in 0..300 {
            let at = time(&mut random, &mut now);
            let (request, work) = (random.below(8) as u64, number(&mut random));
            let _ = match random.below(5) {
                0 | 1 => gauge.arrived(request, work, at),
                2 => gauge.progressed(request, work, at),
                3 => gauge.finished(request, work, at),
                _ => gauge.dropped(request, at),
            };
            let answer = gauge.answer(at);
            assert_eq!(balancer.probed(0, answer, at), Ok(()), "seed {seed}: {answer:?}");
            assert_eq!(answer.in_flight, gauge.in_flight());
        }
    }
}

#[test]
fn whatever_the_load_is_replicas_are_within_their_bounds() {
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let forecast = match random.below(3) {
            0 => Forecast::Off,
            1 => Forecast::Holt { level: number(&mut random).clamp(1e-45, 1.0), trend: 1.0 },
            _ => Forecast::Lags { lags: 1 + random.below(5) as u32 },
        };
        let config = ScaleConfig {
            target: number(&mut random).max(1e-45),
            least: 2,
            most: 50,
            window: 1 + random.below(4) as u32,
            horizon: 1 + random.below(4) as u32,
            margin: number(&mut random),
            forecast,
            ..ScaleConfig::default()
        };
        let mut scaler = Autoscaler::new(&config, Heap).unwrap();
        for step in 0..200 {
            let load = number(&mut random);
            let scaled = scaler.step(load, count(&mut random)).unwrap();
            assert!((2..=50).contains(&scaled.replicas), "seed {seed}, step {step}");
            assert!(scaled.load >= load && scaled.load.is_finite(), "seed {seed}, step {step}");
        }
    }
}
