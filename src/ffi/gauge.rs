//! What a worker measures of itself, to answer dispatchers that ask.

use super::handle::{self, Object, call_mut, call_ref};
use super::port::nsw_allocator;
use super::slices::put;
use super::status::nsw_status;
use super::structs::{self, Versioned, or};
use crate::error::Result;
use crate::task::balance::{Answer, Gauge, GaugeConfig};

/// What a worker's gauge is made for. NSW_GAUGE_CONFIG_INIT; every other zero means the default. Read during the
/// call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_gauge_config {
    /// sizeof(nsw_gauge_config); NSW_GAUGE_CONFIG_INIT sets it.
    pub size: u32,
    /// Most requests at once, 1 to 2^20; 0 means 64.
    pub requests: u32,
    /// Latencies that are remembered, 1 to 4,096; 0 means 64.
    pub history: u32,
    /// The work that the worker does in a second, before it is known, above 0; 0 means 1.
    pub speed: f32,
    /// In how much busy time the measure of speed forgets all but 37%, in microseconds; 0 means 2 seconds.
    pub memory_us: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_gauge_config {
    const LEAST: usize = size_of::<nsw_gauge_config>();
}

/// What a worker says when it is asked (nsw_gauge_answer), to be sent to the dispatcher (nsw_balancer_probed).
/// NSW_ANSWER_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_answer {
    /// sizeof(nsw_answer); NSW_ANSWER_INIT sets it.
    pub size: u32,
    /// Requests that it has.
    pub in_flight: u32,
    /// What a request took lately when there were about as many, in microseconds; 0: not known.
    pub latency_us: f32,
    /// The work that is left of what it has, as dispatchers expect it.
    pub work: f32,
    /// The work that it does in a second; 0: not known.
    pub speed: f32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_answer {
    const LEAST: usize = size_of::<nsw_answer>();
}

impl nsw_answer {
    /// The caller's answer.
    ///
    /// # Safety
    /// NULL or an answer.
    pub(super) unsafe fn read(answer: *const nsw_answer) -> Result<Answer> {
        // SAFETY: the caller's word.
        let nsw_answer { in_flight, latency_us, work, speed, .. } =
            unsafe { structs::read(answer) }?;
        Ok(Answer { in_flight, latency_us, work, speed })
    }
}

/// A worker's gauge: counts its requests, their expected work and their latencies, and measures its speed, which is
/// the work that was done in the time that there was something to do: so interference and a slow processor show in
/// it alike. Latency is told as Prequal's servers do: the median of late ones among requests that came when about
/// as many were there.
///
/// Times are in microseconds of one clock; one that lies before the latest that was told is taken as that. One
/// thread at a time; functions that take a const pointer may run side by side.
pub struct nsw_gauge {
    _opaque: [u8; 0],
}

type CGauge = Gauge<'static>;

impl Object for CGauge {
    type C = nsw_gauge;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswg");
}

/// The caller's configuration.
///
/// # Safety
/// NULL or a configuration.
unsafe fn read(config: *const nsw_gauge_config) -> Result<GaugeConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    let usual = GaugeConfig::default();
    Ok(GaugeConfig {
        requests: or(c.requests, usual.requests),
        history: or(c.history, usual.history),
        memory_us: or(c.memory_us, usual.memory_us),
        speed: or(c.speed, usual.speed),
    })
}

/// The memory that a gauge takes: the one block that nsw_gauge_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range,
/// NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_gauge_footprint(
    config: *const nsw_gauge_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<CGauge>(size, align, || Gauge::footprint(&read(config)?)) }
}

/// Makes the gauge of a worker that has nothing to do, in one block of `memory` (NULL: the system's heap). The
/// caller owns `*gauge` and ends it with nsw_gauge_destroy.
///
/// Errors: those of nsw_gauge_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR.
/// `*gauge` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_gauge_create(
    config: *const nsw_gauge_config,
    memory: *const nsw_allocator,
    gauge: *mut *mut nsw_gauge,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<CGauge, _>(
            memory,
            gauge,
            || {
                let config = read(config)?;
                Ok((Gauge::footprint(&config)?, config))
            },
            |piece, config| Gauge::in_piece(&config, piece),
        )
    }
}

/// Destroys a gauge and gives its block back. NULL is fine, and so is an already destroyed one whose memory can
/// still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_gauge_destroy(gauge: *mut nsw_gauge) {
    // SAFETY: NULL or a gauge, by the documentation above.
    unsafe { handle::destroy::<CGauge>(gauge) };
}

/// Requests that are here: `*count`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_gauge_in_flight(
    gauge: *const nsw_gauge,
    count: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CGauge>(gauge, |g| put(count, g.in_flight())) }
}

/// A request has come that a dispatcher expects to be so much work (nsw_balancer_pick).
///
/// Errors: those of a bad handle, NSW_ERR_INVALID for work that is below 0 or not finite, NSW_ERR_TASK_STATE for a
/// request that is here, NSW_ERR_CAPACITY when `requests` are. Nothing was changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_gauge_arrived(
    gauge: *mut nsw_gauge,
    request: u64,
    work: f32,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a gauge, by the documentation above.
    unsafe { call_mut::<CGauge>(gauge, |g| g.arrived(request, work, now_us)) }
}

/// So much of a request is done by now, of work as it is measured when it is finished. Optional: where it is told,
/// speed and what is left are known sooner. What is less than was told before changes nothing.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN for a request that is not here, NSW_ERR_INVALID for progress
/// that is not finite.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_gauge_progressed(
    gauge: *mut nsw_gauge,
    request: u64,
    done: f32,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a gauge, by the documentation above.
    unsafe { call_mut::<CGauge>(gauge, |g| g.progressed(request, done, now_us)) }
}

/// A request is finished, and was so much work; 0 where that is not known: then it was what was expected.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN for a request that is not here, NSW_ERR_INVALID for work that
/// is below 0 or not finite. Nothing was changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_gauge_finished(
    gauge: *mut nsw_gauge,
    request: u64,
    work: f32,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a gauge, by the documentation above.
    unsafe { call_mut::<CGauge>(gauge, |g| g.finished(request, work, now_us)) }
}

/// A request is gone without a result.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN for a request that is not here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_gauge_dropped(
    gauge: *mut nsw_gauge,
    request: u64,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a gauge, by the documentation above.
    unsafe { call_mut::<CGauge>(gauge, |g| g.dropped(request, now_us)) }
}

/// What is to be told to a dispatcher that asks: fills `*answer`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_gauge_answer(
    gauge: *mut nsw_gauge,
    now_us: u64,
    answer: *mut nsw_answer,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CGauge>(gauge, |g| {
            structs::check(answer)?;
            let Answer { in_flight, latency_us, work, speed } = g.answer(now_us);
            structs::write(answer, &nsw_answer { size: 0, in_flight, latency_us, work, speed })
        })
    }
}
