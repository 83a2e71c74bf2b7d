//! How many replicas there should be.

use super::handle::{self, Object, call_mut};
use super::port::nsw_allocator;
use super::slices::{may_tell, put, tell};
use super::status::nsw_status;
use super::structs::{self, Versioned, or};
use crate::error::{Error, Result};
use crate::task::balance::{Autoscaler, Forecast, ScaleConfig};

/// No forecast: a load stays what it is.
pub const NSW_FORECAST_OFF: u32 = 0;
/// A forecast by a level and a trend, each smoothed exponentially (Holt, "Forecasting seasonals and trends by
/// exponentially weighted moving averages", 1957).
pub const NSW_FORECAST_HOLT: u32 = 1;
/// A forecast by a ridge regression on the last loads, learned as they come.
pub const NSW_FORECAST_LAGS: u32 = 2;

/// How replicas are to be scaled. NSW_AUTOSCALER_CONFIG_INIT; every other zero means the default, those of
/// Kubernetes at periods of 15 seconds, and NSW_ZERO stands for 0. With NSW_FORECAST_OFF it is the horizontal pod
/// autoscaler of Kubernetes: its formula, tolerance and stabilisation window of scaling down. Read during the call
/// only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_autoscaler_config {
    /// sizeof(nsw_autoscaler_config); NSW_AUTOSCALER_CONFIG_INIT sets it.
    pub size: u32,
    /// How the load is forecast: NSW_FORECAST_OFF or another.
    pub forecast: u32,
    /// The load that a replica is to have, above 0, in the unit of loads (work in a second, say); 0 means 1.
    pub target: f32,
    /// Fewest replicas, 1 or more; 0 means 1.
    pub least: u32,
    /// Most replicas; 0 means 100.
    pub most: u32,
    /// Nothing is done while load and target differ by no more than this share of the target, NSW_ZERO to 1; 0
    /// means 0.1.
    pub tolerance: f32,
    /// Periods whose largest wish counts before replicas are taken away, 1 (that of now) to 4,096; 0 means 20.
    pub window: u32,
    /// How many periods ahead is forecast, 1 to 64: what a replica takes to start; 0 means 4.
    pub horizon: u32,
    /// How many standard deviations of its late errors are added to a forecast, 0 or above.
    pub margin: f32,
    /// NSW_FORECAST_LAGS: how many late loads, 1 to 32; 0 means 8.
    pub lags: u32,
    /// NSW_FORECAST_HOLT: how much a new load counts for the level, above 0 to 1; 0 means 0.5.
    pub level: f32,
    /// NSW_FORECAST_HOLT: how much a new difference counts for the trend, NSW_ZERO to 1; 0 means 0.1.
    pub trend: f32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_autoscaler_config {
    const LEAST: usize = size_of::<nsw_autoscaler_config>();
}

/// Wishes for replicas, one each period. A forecast only ever asks for more than the load of now does, so however
/// wrong it is, no replica is missing that the plain formula would have. One thread at a time.
pub struct nsw_autoscaler {
    _opaque: [u8; 0],
}

type CAutoscaler = Autoscaler<'static>;

impl Object for CAutoscaler {
    type C = nsw_autoscaler;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswa");
}

/// The caller's configuration.
///
/// # Safety
/// NULL or a configuration.
unsafe fn read(config: *const nsw_autoscaler_config) -> Result<ScaleConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    let usual = ScaleConfig::default();
    let forecast = match c.forecast {
        NSW_FORECAST_OFF => Forecast::Off,
        NSW_FORECAST_HOLT => Forecast::Holt { level: or(c.level, 0.5), trend: or(c.trend, 0.1) },
        NSW_FORECAST_LAGS => Forecast::Lags { lags: or(c.lags, 8) },
        _ => return Err(Error::Invalid),
    };
    Ok(ScaleConfig {
        target: or(c.target, usual.target),
        least: or(c.least, usual.least),
        most: or(c.most, usual.most),
        tolerance: or(c.tolerance, usual.tolerance),
        window: or(c.window, usual.window),
        forecast,
        horizon: or(c.horizon, usual.horizon),
        margin: c.margin,
    })
}

/// The memory that an autoscaler takes: the one block that nsw_autoscaler_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_autoscaler_footprint(
    config: *const nsw_autoscaler_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<CAutoscaler>(size, align, || Autoscaler::footprint(&read(config)?))
    }
}

/// Makes an autoscaler that has seen no load, in one block of `memory` (NULL: the system's heap). The caller owns
/// `*autoscaler` and ends it with nsw_autoscaler_destroy.
///
/// Errors: those of nsw_autoscaler_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*autoscaler` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_autoscaler_create(
    config: *const nsw_autoscaler_config,
    memory: *const nsw_allocator,
    autoscaler: *mut *mut nsw_autoscaler,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<CAutoscaler, _>(
            memory,
            autoscaler,
            || {
                let config = read(config)?;
                Ok((Autoscaler::footprint(&config)?, config))
            },
            |piece, config| Autoscaler::in_piece(&config, piece),
        )
    }
}

/// Destroys an autoscaler and gives its block back. NULL is fine, and so is an already destroyed one whose memory
/// can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_autoscaler_destroy(autoscaler: *mut nsw_autoscaler) {
    // SAFETY: NULL or an autoscaler, by the documentation above.
    unsafe { handle::destroy::<CAutoscaler>(autoscaler) };
}

/// A period has passed with this load in all, on `current` replicas that are there or starting: `*replicas` is how
/// many there should be, and `*meant` (which may be NULL) the load that they are meant for, what was measured or,
/// where it is more, what is forecast.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID for a load that is below 0 or not finite. Nothing
/// was changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_autoscaler_step(
    autoscaler: *mut nsw_autoscaler,
    load: f32,
    current: u32,
    replicas: *mut u32,
    meant: *mut f32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CAutoscaler>(autoscaler, |a| {
            structs::check_pointer(replicas)?;
            may_tell(meant)?;
            let scaled = a.step(load, current)?;
            tell(meant, scaled.load)?;
            put(replicas, scaled.replicas)
        })
    }
}
