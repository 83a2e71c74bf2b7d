//! How many replicas there should be.

use core::alloc::Layout;

use super::forecast::{Forecast, Forecaster, MAX_HORIZON};
use crate::error::{Error, Result};
use crate::mem::{Carved, Carver, Piece};
use crate::port::Allocator;

/// Longest stabilisation window, in periods.
pub const MAX_WINDOW: u32 = 4096;

/// How replicas are to be scaled. With [`Forecast::Off`] it is the horizontal pod autoscaler of Kubernetes:
/// its formula, tolerance and stabilisation window of scaling down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleConfig {
    /// The load that a replica is to have, above 0, in the unit of loads (work in a second, say).
    pub target: f32,
    /// Fewest replicas, 1 or more.
    pub least: u32,
    /// Most replicas.
    pub most: u32,
    /// Nothing is done while load and target differ by no more than this share of the target, 0 to 1.
    pub tolerance: f32,
    /// Periods whose largest wish counts before replicas are taken away, 1 (that of now) to 4,096.
    pub window: u32,
    /// How the load is forecast.
    pub forecast: Forecast,
    /// How many periods ahead, 1 to 64: what a replica takes to start.
    pub horizon: u32,
    /// How many standard deviations of its late errors are added to a forecast, 0 or above.
    pub margin: f32,
}

impl Default for ScaleConfig {
    /// The defaults of Kubernetes at periods of 15 seconds: tolerance 0.1, a window of five minutes. No
    /// forecast.
    fn default() -> Self {
        ScaleConfig {
            target: 1.0,
            least: 1,
            most: 100,
            tolerance: 0.1,
            window: 20,
            forecast: Forecast::Off,
            horizon: 4,
            margin: 0.0,
        }
    }
}

/// What an [`Autoscaler`] wishes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaled {
    /// How many replicas there should be.
    pub replicas: u32,
    /// The load that they are meant for: what was measured or, where it is more, what is forecast.
    pub load: f32,
}

/// Wishes for replicas, one each period.
///
/// A forecast only ever asks for more than the load of now does, so however wrong it is, no replica is
/// missing that the plain formula would have.
pub struct Autoscaler<'m> {
    config: ScaleConfig,
    forecaster: Forecaster<'m>,
    /// Wishes of the last periods, a ring.
    wishes: Carved<'m, u32>,
    next: usize,
    _piece: Piece<'m>,
}

impl<'m> Autoscaler<'m> {
    fn carve(
        config: &ScaleConfig,
        carver: &mut Carver<'m>,
    ) -> Result<(Forecaster<'m>, Carved<'m, u32>)> {
        let forecaster = Forecaster::carve(carver, config.forecast, config.horizon as usize)?;
        Ok((forecaster, carver.take(config.window as usize, 0)?))
    }

    /// Size and alignment of the memory that it takes.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration outside its ranges.
    pub fn footprint(config: &ScaleConfig) -> Result<Layout> {
        config.forecast.check()?;
        let good = config.target > 0.0
            && config.target.is_finite()
            && config.least >= 1
            && config.most >= config.least
            && (0.0..=1.0).contains(&config.tolerance)
            && (1..=MAX_WINDOW).contains(&config.window)
            && (1..=MAX_HORIZON).contains(&config.horizon)
            && config.margin >= 0.0
            && config.margin.is_finite();
        if !good {
            return Err(Error::Invalid);
        }
        Carver::layout_of(|carver| Autoscaler::carve(config, carver))
    }

    /// One that has seen no load.
    ///
    /// # Errors
    /// Those of [`footprint`](Self::footprint) and of the allocator.
    pub fn new(config: &ScaleConfig, allocator: impl Allocator<'m>) -> Result<Autoscaler<'m>> {
        let layout = Autoscaler::footprint(config)?;
        Autoscaler::in_piece(config, allocator.allocate(layout)?)
    }

    pub(crate) fn in_piece(config: &ScaleConfig, mut piece: Piece<'m>) -> Result<Autoscaler<'m>> {
        let layout = Autoscaler::footprint(config)?;
        let (forecaster, wishes) = Autoscaler::carve(config, &mut piece.carver(layout)?)?;
        Ok(Autoscaler { config: *config, forecaster, wishes, next: 0, _piece: piece })
    }

    /// A period has passed with this load in all, on `current` replicas that are there or starting.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a load that is below 0 or not finite. Nothing was changed.
    pub fn step(&mut self, load: f32, current: u32) -> Result<Scaled> {
        if !(load >= 0.0 && load.is_finite()) {
            return Err(Error::Invalid);
        }
        let config = &self.config;
        let forecast = self.forecaster.step(load);
        let load = match config.forecast {
            Forecast::Off => load,
            _ => load.max(forecast + config.margin * self.forecaster.deviation()).min(f32::MAX),
        };
        // ceil(current * metric / target), where the metric is the load of a replica.
        let wish = f64::from(load) / f64::from(config.target);
        let ratio = wish / f64::from(current.max(1));
        let close = libm::fabs(ratio - 1.0) <= f64::from(config.tolerance);
        let wish = if close { f64::from(current) } else { libm::ceil(wish) };
        let wish = (wish as u32).clamp(config.least, config.most);
        self.wishes[self.next] = wish;
        self.next = (self.next + 1) % self.wishes.len();
        let largest = self.wishes.iter().copied().max().unwrap_or(wish);
        // The window only holds back what would take replicas away.
        let replicas = if wish >= current { wish } else { largest.min(current).max(wish) };
        Ok(Scaled { replicas: replicas.clamp(config.least, config.most), load })
    }
}
