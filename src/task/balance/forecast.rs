//! What a load will be some periods from now.

use super::ridge::{Ridge, RidgeConfig};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver};

/// Most late loads that a forecast looks at.
pub const MAX_LAGS: u32 = 32;
/// Farthest forecast, in periods.
pub(super) const MAX_HORIZON: u32 = 64;

/// How loads are forecast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Forecast {
    /// Not at all: a load stays what it is.
    Off,
    /// A level and a trend, each smoothed exponentially (Holt, "Forecasting seasonals and trends by
    /// exponentially weighted moving averages", 1957).
    Holt {
        /// How much a new load counts for the level, above 0 to 1.
        level: f32,
        /// How much a new difference counts for the trend, 0 to 1.
        trend: f32,
    },
    /// A ridge regression on the last so many loads, learned as they come.
    Lags {
        /// 1 to 32.
        lags: u32,
    },
}

impl Forecast {
    pub(super) fn check(&self) -> Result<()> {
        let good = match *self {
            Forecast::Off => true,
            Forecast::Holt { level, trend } => {
                level > 0.0 && level <= 1.0 && (0.0..=1.0).contains(&trend)
            }
            Forecast::Lags { lags } => (1..=MAX_LAGS).contains(&lags),
        };
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}

/// Forecasts of a load, and how wrong they have been.
pub(super) struct Forecaster<'m> {
    method: Forecast,
    horizon: usize,
    /// Holt's two.
    level: f64,
    trend: f64,
    /// The last loads, newest first: those that forecasts were made from, too.
    loads: Carved<'m, f32>,
    /// Loads that were taken in, and so forecasts that were made.
    seen: usize,
    ridge: Ridge<'m>,
    /// Forecasts whose time has not come, newest first.
    pending: Carved<'m, f32>,
    /// Moving average of squared errors.
    square: f64,
    judged: u64,
}

impl<'m> Forecaster<'m> {
    pub fn carve(
        carver: &mut Carver<'m>,
        method: Forecast,
        horizon: usize,
    ) -> Result<Forecaster<'m>> {
        let lags = if let Forecast::Lags { lags } = method { lags as usize } else { 0 };
        let config = RidgeConfig { penalty: 0.1, forget: 0.995 };
        Ok(Forecaster {
            method,
            horizon,
            level: 0.0,
            trend: 0.0,
            loads: carver.take(if lags > 0 { lags + horizon } else { 0 }, 0.0)?,
            seen: 0,
            ridge: Ridge::carve(carver, &config, lags)?,
            pending: carver.take(if method == Forecast::Off { 0 } else { horizon }, 0.0)?,
            square: 0.0,
            judged: 0,
        })
    }

    /// Takes a period's load in; returns what is expected `horizon` periods later, not below 0.
    pub fn step(&mut self, load: f32) -> f32 {
        if self.seen >= self.horizon
            && let Some(was) = self.pending.last()
        {
            let error = f64::from(load - was);
            self.judged += 1;
            let follow = (1.0 / self.judged as f64).max(0.05);
            self.square += follow * (error * error - self.square);
        }
        let ahead = self.horizon as f64;
        let forecast = match self.method {
            Forecast::Off => f64::from(load),
            Forecast::Holt { level, trend } => {
                let before = self.level;
                if self.seen == 0 {
                    self.level = load.into();
                } else {
                    let (new, follow) = (f64::from(load), f64::from(level));
                    self.level = follow * new + (1.0 - follow) * (before + self.trend);
                    let follow = f64::from(trend);
                    self.trend = follow * (self.level - before) + (1.0 - follow) * self.trend;
                }
                self.level + ahead * self.trend
            }
            Forecast::Lags { lags } => {
                push(&mut self.loads, load);
                let (now, then) = (&self.loads[..lags as usize], &self.loads[self.horizon..]);
                if self.seen + 1 >= self.loads.len() {
                    self.ridge.learn(then, load.into());
                }
                if self.ridge.samples() > u64::from(lags) {
                    self.ridge.predict(now)
                } else {
                    load.into()
                }
            }
        };
        self.seen = self.seen.saturating_add(1);
        let forecast = (forecast as f32).clamp(0.0, f32::MAX);
        push(&mut self.pending, forecast);
        forecast
    }

    /// How far forecasts were off, as a standard deviation.
    pub fn deviation(&self) -> f32 {
        libm::sqrt(self.square) as f32
    }
}

/// The newest goes to the front.
fn push(values: &mut [f32], new: f32) {
    if let Some(last) = values.last_mut() {
        *last = new;
        values.rotate_right(1);
    }
}
