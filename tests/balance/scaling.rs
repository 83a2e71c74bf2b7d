//! Replicas by a forecast beside the plain formula, on the work that a trace offers.

use neural_swarm::port::Heap;
use neural_swarm::task::balance::{Autoscaler, Forecast, ScaleConfig};

use crate::trace::Request;

/// How long a period is, and how many periods a replica takes to start.
pub const PERIOD_S: f64 = 15.0;
pub const START: usize = 4;

/// What a scaling cost, and what was missing.
#[derive(Clone, Copy, Debug)]
pub struct Scaling {
    /// Seconds in which the work that came was more than the replicas that were there can do.
    pub short_s: f64,
    /// Work that came in excess, in seconds of a replica.
    pub missed_s: f64,
    /// Seconds of all replicas, those that start included.
    pub replica_s: f64,
}

/// The work of each period, in replicas' seconds in a second. `rate` is how much faster than recorded the
/// trace is played.
pub fn loads(requests: &[Request], rate: f64) -> Vec<f64> {
    let last = requests[requests.len() - 1].at / rate;
    let mut loads = vec![0.0; (last / PERIOD_S) as usize + 1];
    for request in requests {
        loads[(request.at / rate / PERIOD_S) as usize] += request.work() / PERIOD_S;
    }
    loads
}

/// Replicas over time: a wish takes `START` periods to be there; what is taken away is gone at once.
pub fn simulate(loads: &[f64], config: &ScaleConfig) -> Scaling {
    let mut scaler = Autoscaler::new(config, Heap).unwrap();
    let mut ready = config.least as usize;
    // Replicas that will be there in so many periods.
    let mut starting = [0usize; START];
    let mut out = Scaling { short_s: 0.0, missed_s: 0.0, replica_s: 0.0 };
    for load in loads {
        ready += starting[0];
        starting.rotate_left(1);
        starting[START - 1] = 0;
        let all = ready + starting.iter().sum::<usize>();
        out.replica_s += all as f64 * PERIOD_S;
        if *load > ready as f64 {
            out.short_s += PERIOD_S;
            out.missed_s += (load - ready as f64) * PERIOD_S;
        }
        let wish = scaler.step(*load as f32, all as u32).unwrap().replicas as usize;
        if wish > all {
            starting[START - 1] = wish - all;
        }
        let mut surplus = all.saturating_sub(wish);
        for late in starting.iter_mut().rev().chain([&mut ready]) {
            let less = surplus.min(*late);
            *late -= less;
            surplus -= less;
        }
    }
    out
}

/// The plain formula, and forecasts with the same settings.
pub fn ways() -> Vec<(&'static str, ScaleConfig)> {
    let plain = ScaleConfig { target: 0.7, horizon: START as u32, ..ScaleConfig::default() };
    let with = |forecast, margin| ScaleConfig { forecast, margin, ..plain };
    let holt = Forecast::Holt { level: 0.5, trend: 0.1 };
    let lags = Forecast::Lags { lags: 8 };
    vec![
        ("formula of Kubernetes, target 0.70", plain),
        ("the same, target 0.60", ScaleConfig { target: 0.6, ..plain }),
        ("the same, target 0.50", ScaleConfig { target: 0.5, ..plain }),
        ("Holt, target 0.70", with(holt, 0.0)),
        ("Holt and one deviation, target 0.70", with(holt, 1.0)),
        ("8 lags, target 0.70", with(lags, 0.0)),
        ("8 lags and one deviation, target 0.70", with(lags, 1.0)),
        ("8 lags and two deviations, target 0.70", with(lags, 2.0)),
    ]
}

#[test]
fn without_a_forecast_it_is_the_formula() {
    let config = ScaleConfig { target: 50.0, window: 3, ..ScaleConfig::default() };
    let mut scaler = Autoscaler::new(&config, Heap).unwrap();
    let mut step = |load, current| scaler.step(load, current).unwrap().replicas;
    // The documentation's example: a metric of 100 where 50 is wanted doubles.
    assert_eq!(step(400.0, 4), 8);
    // Within the tolerance nothing is done.
    assert_eq!(step(430.0, 8), 8);
    assert_eq!(step(441.0, 8), 9);
    // What would take away waits until the window has passed.
    assert_eq!(step(100.0, 9), 9);
    assert_eq!(step(100.0, 9), 9);
    assert_eq!(step(100.0, 9), 2);
    assert_eq!(step(0.0, 2), 2);
    assert_eq!(step(0.0, 2), 2);
    assert_eq!(step(0.0, 2), 1);
    assert!(scaler.step(-1.0, 1).is_err() && scaler.step(f32::NAN, 1).is_err());
}

#[test]
fn a_forecast_sees_what_grows_steadily_and_what_repeats() {
    let step = |forecast, load: &dyn Fn(u32) -> f32| {
        let config = ScaleConfig { forecast, window: 1, tolerance: 0.0, ..ScaleConfig::default() };
        let mut scaler = Autoscaler::new(&config, Heap).unwrap();
        (0..400).map(|t| scaler.step(load(t), 1).unwrap().load).collect::<Vec<_>>()
    };
    let ramp = |t: u32| 10.0 + t as f32 * 0.2;
    let wave = |t: u32| 50.0 + 30.0 * (t as f32 * 0.3).sin();
    for forecast in [Forecast::Holt { level: 0.5, trend: 0.3 }, Forecast::Lags { lags: 6 }] {
        let meant = step(forecast, &ramp);
        for t in 300..396 {
            assert!((meant[t as usize] - ramp(t + 4)).abs() < 1.0, "{forecast:?} {t}");
        }
    }
    let meant = step(Forecast::Lags { lags: 6 }, &wave);
    for t in 300..396u32 {
        let expected = wave(t + 4).max(wave(t));
        assert!((meant[t as usize] - expected).abs() < 3.0, "{t}: {}", meant[t as usize]);
    }
}

/// The formula of Kubernetes' documentation, with its tolerance and its window, by other means.
fn formula(config: &ScaleConfig, loads: &[f64], currents: &[u32]) -> u32 {
    let wish = |(load, current): (&f64, &u32)| {
        let ratio = load / f64::from(*current) / f64::from(config.target);
        let wish = if (ratio - 1.0).abs() <= f64::from(config.tolerance) {
            *current
        } else {
            (f64::from(*current) * ratio).ceil() as u32
        };
        wish.clamp(config.least, config.most)
    };
    let wishes: Vec<u32> = loads.iter().zip(currents).map(wish).collect();
    let (now, current) = (wishes[wishes.len() - 1], currents[currents.len() - 1]);
    let late = &wishes[wishes.len().saturating_sub(config.window as usize)..];
    if now >= current { now } else { *late.iter().max().unwrap().min(&current) }
}

#[test]
fn a_forecast_never_asks_for_less_than_the_formula() {
    let requests = crate::trace::synthetic(4000, 5);
    // Some replicas' work, not less than one's.
    let loads: Vec<f64> = loads(&requests, 0.1).iter().map(|load| 40.0 * load).collect();
    assert!(loads.len() > 500);
    for (name, config) in ways() {
        let off = config.forecast == Forecast::Off;
        let mut scaler = Autoscaler::new(&config, Heap).unwrap();
        let (mut currents, mut more) = (Vec::new(), 0);
        let some = loads.iter().map(|load| *load as u32).max().unwrap();
        for (i, load) in loads.iter().enumerate() {
            currents.push(1 + i as u32 % some);
            let ours = scaler.step(*load as f32, currents[i]).unwrap().replicas;
            let plain = formula(&config, &loads[..=i], &currents);
            assert!(ours >= plain, "{name}, period {i}: {ours}, not {plain}");
            more += usize::from(ours > plain);
        }
        assert!(if off { more == 0 } else { more > 5 }, "{name}: {more} times more");
    }
}

#[test]
fn scaling_ahead_leaves_less_undone_on_a_load_that_swells() {
    let loads: Vec<f64> = (0..600)
        .map(|t| 20.0 + 15.0 * (f64::from(t) * std::f64::consts::TAU / 60.0).sin())
        .collect();
    let of = |forecast| {
        let target = 0.9;
        simulate(&loads, &ScaleConfig { target, window: 4, forecast, ..ScaleConfig::default() })
    };
    let (plain, ahead) = (of(Forecast::Off), of(Forecast::Lags { lags: 8 }));
    assert!(ahead.missed_s < 0.25 * plain.missed_s, "{ahead:?} {plain:?}");
    assert!(ahead.replica_s < 1.25 * plain.replica_s, "{ahead:?} {plain:?}");
}
