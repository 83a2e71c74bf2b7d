//! The changes of the weights after an epoch.

use super::{Algorithm, Engine, Rand, Score, Settings, State};
use crate::nn::kernel::exact::{Quickprop, Rprop};

pub(super) fn update(
    engine: Engine,
    (algorithm, settings): (Algorithm, &Settings),
    (params, state): (&mut [f32], &mut State),
    samples: usize,
    score: &Score,
) {
    let kernels = engine.kernels;
    let rate = settings.learning_rate / samples as f32;
    match algorithm {
        Algorithm::Incremental => {}
        Algorithm::Batch => (kernels.batch)(rate, state.slopes, params),
        Algorithm::Rprop => {
            let rprop = Rprop {
                increase: settings.rprop_increase,
                decrease: settings.rprop_decrease,
                min: settings.rprop_delta_min,
                max: settings.rprop_delta_max,
            };
            (kernels.rprop)(&rprop, state.slopes, state.last_slopes, state.steps, params);
        }
        Algorithm::Quickprop => {
            let mu = f64::from(settings.quickprop_mu);
            let quickprop = Quickprop {
                rate,
                decay: settings.quickprop_decay,
                mu: settings.quickprop_mu,
                shrink: (mu / (1.0 + mu)) as f32,
            };
            (kernels.quickprop)(&quickprop, state.slopes, state.last_slopes, state.steps, params);
        }
        Algorithm::Sarprop => sarprop(engine, settings, params, state, score),
    }
}

/// Treadgold and Gedeon's SARPROP as libfann has it. Two of its habits show in
/// the result: a weight whose slope is zero gets the step of the weight before
/// it, and random numbers are drawn in the order of its connections.
fn sarprop(
    engine: Engine,
    settings: &Settings,
    params: &mut [f32],
    state: &mut State,
    score: &Score,
) {
    let power = |shift: f32, epoch: u32| {
        let exponent = -settings.sarprop_temperature * epoch as f32 + shift;
        (engine.kernels.exp)(core::f64::consts::LN_2 * f64::from(exponent)) as f32
    };
    let mse = score.mse();
    let mut sarprop = Sarprop {
        settings,
        decay: power(settings.sarprop_weight_decay_shift, *state.sarprop_epoch),
        threshold: settings.sarprop_step_error_threshold * mse,
        noise: power(settings.sarprop_step_error_shift, *state.sarprop_epoch),
        rmse: libm::sqrtf(mse),
        next: 0.0,
    };
    let mut update = |i: usize| {
        let place = (&mut state.last_slopes[i], &mut state.steps[i], &mut params[i]);
        sarprop.update(state.slopes[i], place, state.rand);
        state.slopes[i] = 0.0;
    };
    for layer in engine.wiring.layers {
        let biases = layer.at + engine.wiring.weights(layer);
        for unit in 0..layer.units {
            let (weights, bias_at) = engine.wiring.connections(layer, unit);
            let middle = weights.start + bias_at;
            (weights.start..middle).for_each(&mut update);
            update(biases + unit);
            (middle..weights.end).for_each(&mut update);
        }
    }
    *state.sarprop_epoch = state.sarprop_epoch.wrapping_add(1);
}

struct Sarprop<'a> {
    settings: &'a Settings,
    /// What a weight adds to its slope.
    decay: f32,
    /// Below this a step is made noisy.
    threshold: f32,
    noise: f32,
    rmse: f32,
    /// The step of the weight before.
    next: f32,
}

impl Sarprop<'_> {
    fn update(
        &mut self,
        slope: f32,
        (last, step, w): (&mut f32, &mut f32, &mut f32),
        rand: &mut Rand,
    ) {
        const LEAST: f32 = 0.000001;
        let old = if *step > LEAST { *step } else { LEAST };
        let mut slope = -slope - *w * self.decay;
        let same = *last * slope;
        if same > 0.0 {
            let grown = old * self.settings.rprop_increase;
            let most = self.settings.rprop_delta_max;
            self.next = if grown < most { grown } else { most };
            if slope < 0.0 { *w += self.next } else { *w -= self.next }
        } else if same < 0.0 {
            let shrunk = old * self.settings.rprop_decrease;
            self.next = if old < self.threshold {
                let random = rand.draw() as f32 / Rand::MAX as f32;
                shrunk + random * self.rmse * self.noise
            } else if shrunk > LEAST {
                shrunk
            } else {
                LEAST
            };
            slope = 0.0;
        } else if slope < 0.0 {
            *w += old;
        } else {
            *w -= old;
        }
        *step = self.next;
        *last = slope;
    }
}
