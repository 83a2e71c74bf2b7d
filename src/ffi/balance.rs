//! Dispatchers: which worker gets a request.

use super::gauge::nsw_answer;
use super::guarded;
use super::handle::{self, Object, call_mut, call_ref, with_mut, with_ref};
use super::port::nsw_allocator;
use super::slices::{Output, input, may_tell, put, tell};
use super::status::{NSW_DONE, nsw_status};
use super::status_or;
use super::structs::{self, Versioned, or, or_none};
use crate::error::{Error, Result};
use crate::task::balance::{
    Balancer, BalancerConfig, Done, Learner, Policy, Power, PowerConfig, PrequalConfig,
    RidgeConfig, log_hats,
};

/// A policy: the worker that would be done first. What a request is expected to be, learned from its
/// features, beside what the worker says that it has, by the speed that was measured. Of `probes` that are
/// drawn and answer; without probes of `choices` that are drawn, by what the dispatcher knows itself.
pub const NSW_BALANCER_PREDICTED_WORK: u32 = 0;
/// A policy: one after the other.
pub const NSW_BALANCER_ROUND_ROBIN: u32 = 1;
/// A policy: of a few that are drawn, the one with the fewest requests in flight (Mitzenmacher, "The Power of
/// Two Choices in Randomized Load Balancing", 2001). Without probes two are drawn, and the dispatcher's own
/// requests count; with `probes` so many are drawn and tell theirs.
pub const NSW_BALANCER_POWER_OF_TWO: u32 = 2;
/// A policy: of two that are drawn, the smaller product of a peak-sensitive moving average of latency and one
/// more than the dispatcher's requests in flight (Finagle's and linkerd's p2cPeakEwma).
pub const NSW_BALANCER_PEAK_EWMA: u32 = 3;
/// A policy: of all, the one with the fewest requests of the dispatcher in flight.
pub const NSW_BALANCER_LEAST_LOADED: u32 = 4;
/// A policy: a pool of answers to probes, asked beforehand; among those that are not hot (of their requests in
/// flight) the one with the smallest latency, else the one with the fewest requests in flight (Wydrowski et
/// al., "Load is not what you should balance: Introducing Prequal", NSDI 2024).
pub const NSW_BALANCER_PREQUAL: u32 = 5;
/// A policy: the same rule over answers that are waited for (Prequal's synchronous mode).
pub const NSW_BALANCER_PREQUAL_SYNC: u32 = 6;

/// What learns the work of requests: a ridge regression, so that work is a sum over features.
pub const NSW_BALANCER_RIDGE: u32 = 0;
/// What learns the work of requests: a network with one hidden layer of `units` units that are drawn and stay,
/// and a ridge regression behind it.
pub const NSW_BALANCER_NETWORK: u32 = 1;

/// In a configuration of a dispatcher: never, where 0 means the default.
pub const NSW_BALANCER_NEVER: u64 = u64::MAX;

const _: () = {
    assert!(NSW_BALANCER_PREDICTED_WORK == Policy::PredictedWork as u32);
    assert!(NSW_BALANCER_ROUND_ROBIN == Policy::RoundRobin as u32);
    assert!(NSW_BALANCER_POWER_OF_TWO == Policy::PowerOfTwo as u32);
    assert!(NSW_BALANCER_PEAK_EWMA == Policy::PeakEwma as u32);
    assert!(NSW_BALANCER_LEAST_LOADED == Policy::LeastLoaded as u32);
    assert!(NSW_BALANCER_PREQUAL == Policy::Prequal as u32);
    assert!(NSW_BALANCER_PREQUAL_SYNC == Policy::PrequalSync as u32);
};

/// What a dispatcher is made for. NSW_BALANCER_CONFIG_INIT, then `workers`, and `features` if requests have any;
/// every other zero means the default, and NSW_ZERO stands for 0 where that is a possible setting. Times are in
/// microseconds. Read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_balancer_config {
    /// sizeof(nsw_balancer_config); NSW_BALANCER_CONFIG_INIT sets it.
    pub size: u32,
    /// How a worker is chosen: NSW_BALANCER_PREDICTED_WORK or another policy.
    pub policy: u32,
    /// Workers, 1 to 65,536: they have the numbers from 0 on.
    pub workers: u32,
    /// Numbers that tell what a request is, 0 to 64.
    pub features: u32,
    /// Most requests in flight, 1 to 2^20; 0 means 64.
    pub requests: u32,
    /// Workers that are asked for each request, 1 to `workers`, or NSW_TASK_NONE; 0 means 5, or all if there
    /// are fewer.
    pub probes: u32,
    /// Workers that NSW_BALANCER_PREDICTED_WORK draws where none is asked, 1 to `workers`; 0 means 5, or all if
    /// there are fewer.
    pub choices: u32,
    /// What learns the work of requests: NSW_BALANCER_RIDGE or NSW_BALANCER_NETWORK.
    pub learner: u32,
    /// Units of NSW_BALANCER_NETWORK, with the features at most 64; 0 means 16.
    pub units: u32,
    /// Prequal: most answers in the pool, 2 to 256; 0 means 16.
    pub prequal_pool: u32,
    /// Where draws come from. Dispatchers are to have different ones.
    pub seed: u64,
    /// How old an answer may be, for policies that wait for answers: the time that is waited for them; 0 means
    /// 2,000.
    pub fresh_us: u64,
    /// In how long the average of NSW_BALANCER_PEAK_EWMA forgets all but 37%; 0 means 10 seconds.
    pub decay_us: u64,
    /// In how long a worker's failures are forgotten, all but 37% of them; 0 means 10 seconds. Each that is not
    /// doubles its cost; a success makes up for half of them.
    pub forgive_us: u64,
    /// Prequal: how long an answer is used; 0 means 1 second.
    pub prequal_age_us: u64,
    /// Prequal: a worker is asked when none was asked for so long, or NSW_BALANCER_NEVER; 0 means 0.1 seconds.
    pub prequal_idle_us: u64,
    /// Prequal: a worker is hot above this quantile of the requests in flight that were told of late, NSW_ZERO to
    /// 1; 0 means 0.84.
    pub prequal_quantile: f32,
    /// Prequal: answers that are removed for each request, NSW_ZERO to 16; oldest and worst in turn; 0 means 1.
    pub prequal_remove: f32,
    /// Prequal: by how much the pool is to fill up net of what is used, above 0; 0 means 1.
    pub prequal_fill: f32,
    /// The penalty on the weights that are learned, above 0: as if so many samples said all the time that each is
    /// 0, and the constant what the first sample was; 0 means 0.1.
    pub ridge_penalty: f32,
    /// What a sample's weight is multiplied by with each that comes after it, 0.5 to 1; 0 means 0.999: about the
    /// last 1,000 count.
    pub ridge_forget: f32,
    /// The work of a request before any was seen, above 0, in the caller's unit; 0 means 1.
    pub work: f32,
    /// The work that a worker does in a second, before one is known, above 0; 0 means 1.
    pub speed: f32,
    /// How much a battery counts, NSW_ZERO (not at all) or above; 0 means 0.25. A worker's cost is multiplied by
    /// `1 + weight * (1 - battery) / battery`, and divided by its duty cycle.
    pub power_weight: f32,
    /// A worker whose battery is below this is chosen only if all are, NSW_ZERO to 1; 0 means 0.1.
    pub power_reserve: f32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_balancer_config {
    const LEAST: usize = size_of::<nsw_balancer_config>();
}

/// A dispatcher: which worker gets a request. It knows what it sent, what came back, and what workers said when
/// they were asked; it does no input or output. For each request:
///
/// nsw_balancer_prepare when it comes; nsw_balancer_next_probe until NSW_DONE names workers to be asked, whose
/// answers (nsw_gauge_answer) go to nsw_balancer_probed; where nsw_balancer_waits says so, they are waited for,
/// at most `fresh_us`. Then nsw_balancer_pick, nsw_balancer_sent, and in the end nsw_balancer_done or
/// nsw_balancer_failed.
///
/// Times are in microseconds of one clock; one that lies before the latest that was told is taken as that. One
/// thread at a time; functions that take a const pointer may run side by side.
pub struct nsw_balancer {
    _opaque: [u8; 0],
}

type CBalancer = Balancer<'static>;

impl Object for CBalancer {
    type C = nsw_balancer;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswb");
}

/// The caller's configuration.
///
/// # Safety
/// NULL or a configuration.
unsafe fn read(config: *const nsw_balancer_config) -> Result<BalancerConfig> {
    // SAFETY: the caller's word.
    let c = unsafe { structs::read(config) }?;
    if c.reserved != 0 {
        return Err(Error::Invalid);
    }
    let usual = BalancerConfig::default();
    let prequal = usual.prequal;
    Ok(BalancerConfig {
        policy: Policy::from_code(c.policy).ok_or(Error::Invalid)?,
        workers: c.workers,
        requests: or(c.requests, usual.requests),
        features: c.features,
        probes: or_none(c.probes, usual.probes.min(c.workers)),
        choices: or(c.choices, usual.choices.min(c.workers)),
        fresh_us: or(c.fresh_us, usual.fresh_us),
        seed: c.seed,
        decay_us: or(c.decay_us, usual.decay_us),
        forgive_us: or(c.forgive_us, usual.forgive_us),
        prequal: PrequalConfig {
            pool: or(c.prequal_pool, prequal.pool),
            age_us: or(c.prequal_age_us, prequal.age_us),
            quantile: or(c.prequal_quantile, prequal.quantile),
            remove: or(c.prequal_remove, prequal.remove),
            fill: or(c.prequal_fill, prequal.fill),
            idle_us: match c.prequal_idle_us {
                NSW_BALANCER_NEVER => 0,
                idle => or(idle, prequal.idle_us),
            },
        },
        learner: match (c.learner, c.units) {
            (NSW_BALANCER_RIDGE, 0) => Learner::Ridge,
            (NSW_BALANCER_NETWORK, units) => Learner::Network { units: or(units, 16) },
            _ => return Err(Error::Invalid),
        },
        ridge: RidgeConfig {
            penalty: or(c.ridge_penalty, usual.ridge.penalty),
            forget: or(c.ridge_forget, usual.ridge.forget),
        },
        work: or(c.work, usual.work),
        speed: or(c.speed, usual.speed),
        power: PowerConfig {
            weight: or(c.power_weight, usual.power.weight),
            reserve: or(c.power_reserve, usual.power.reserve),
        },
    })
}

/// The memory that a dispatcher takes: the one block that nsw_balancer_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_INVALID for a setting outside its range,
/// NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_footprint(
    config: *const nsw_balancer_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { handle::footprint::<CBalancer>(size, align, || Balancer::footprint(&read(config)?)) }
}

/// Makes a dispatcher with nothing in flight, to which all workers are available, in one block of `memory` (NULL:
/// the system's heap). The caller owns `*balancer` and ends it with nsw_balancer_destroy.
///
/// Errors: those of nsw_balancer_footprint, and NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
/// NSW_ERR_ALLOCATOR. `*balancer` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_create(
    config: *const nsw_balancer_config,
    memory: *const nsw_allocator,
    balancer: *mut *mut nsw_balancer,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<CBalancer, _>(
            memory,
            balancer,
            || {
                let config = read(config)?;
                Ok((Balancer::footprint(&config)?, config))
            },
            |piece, config| Balancer::in_piece(&config, piece),
        )
    }
}

/// Destroys a dispatcher and gives its block back. NULL is fine, and so is an already destroyed one whose memory
/// can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_destroy(balancer: *mut nsw_balancer) {
    // SAFETY: NULL or a dispatcher, by the documentation above.
    unsafe { handle::destroy::<CBalancer>(balancer) };
}

/// Requests in flight: `*count`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_in_flight(
    balancer: *const nsw_balancer,
    count: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CBalancer>(balancer, |b| put(count, b.in_flight())) }
}

/// Whether the answers to probes are to be waited for before a pick: `*yes` is 1 or 0.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_waits(
    balancer: *const nsw_balancer,
    yes: *mut u32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<CBalancer>(balancer, |b| put(yes, b.waits().into())) }
}

/// Whether a worker may be chosen: `available` is 1 or 0. One that comes back is known as a new one; what is in
/// flight to it stays so until it is done or has failed.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN for a worker that is none, NSW_ERR_INVALID for another
/// number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_set_available(
    balancer: *mut nsw_balancer,
    worker: u32,
    available: u32,
) -> nsw_status {
    // SAFETY: NULL or a dispatcher, by the documentation above.
    unsafe {
        call_mut::<CBalancer>(balancer, |b| {
            if available > 1 {
                return Err(Error::Invalid);
            }
            b.set_available(worker, available == 1)
        })
    }
}

/// A worker's power, as it was told last: what is in its battery, 0 to 1 (1 on the mains), and the share of time
/// that it is awake, above 0 to 1. Until then it is on the mains and always awake.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN for a worker that is none, NSW_ERR_INVALID for shares
/// outside 0 to 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_set_power(
    balancer: *mut nsw_balancer,
    worker: u32,
    battery: f32,
    duty: f32,
) -> nsw_status {
    // SAFETY: NULL or a dispatcher, by the documentation above.
    unsafe { call_mut::<CBalancer>(balancer, |b| b.set_power(worker, Power { battery, duty })) }
}

/// A request has come: as many workers may be asked as are asked for one.
///
/// Errors: those of a bad handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_prepare(
    balancer: *mut nsw_balancer,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or a dispatcher, by the documentation above.
    unsafe {
        call_mut::<CBalancer>(balancer, |b| {
            b.prepare(now_us);
            Ok(())
        })
    }
}

/// The next worker that is to be asked, `*worker`; none twice for one request. NSW_DONE if there is none now:
/// `*worker` is left as it is.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_next_probe(
    balancer: *mut nsw_balancer,
    now_us: u64,
    worker: *mut u32,
) -> nsw_status {
    let next = |b: &mut CBalancer| {
        structs::check_pointer(worker)?;
        let Some(next) = b.next_probe(now_us) else { return Ok(false) };
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { put(worker, next) }.map(|()| true)
    };
    // SAFETY: NULL or a dispatcher, by the documentation above.
    status_or(unsafe { with_mut::<CBalancer, _>(balancer, next) }, NSW_DONE)
}

/// When nsw_balancer_next_probe would name a worker although no request has come: `*at_us`. NSW_DONE if never, or
/// while no worker is available: `*at_us` is left as it is.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_next_probe_at(
    balancer: *const nsw_balancer,
    at_us: *mut u64,
) -> nsw_status {
    let next = |b: &CBalancer| {
        structs::check_pointer(at_us)?;
        let Some(at) = b.next_probe_at() else { return Ok(false) };
        // SAFETY: NULL or what it should be, by the documentation above.
        unsafe { put(at_us, at) }.map(|()| true)
    };
    // SAFETY: NULL or a dispatcher, by the documentation above.
    status_or(unsafe { with_ref::<CBalancer, _>(balancer, next) }, NSW_DONE)
}

/// A worker has answered (nsw_gauge_answer).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_TASK_UNKNOWN for a worker that is
/// none, NSW_ERR_INVALID for an answer with a number that cannot be. Nothing was changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_probed(
    balancer: *mut nsw_balancer,
    worker: u32,
    answer: *const nsw_answer,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CBalancer>(balancer, |b| b.probed(worker, nsw_answer::read(answer)?, now_us))
    }
}

/// The work that a request is expected to be, above 0: `*work`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_LENGTH for another number of features, NSW_ERR_INVALID for
/// one that is not finite.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_predict(
    balancer: *mut nsw_balancer,
    features: *const f32,
    features_len: usize,
    work: *mut f32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CBalancer>(balancer, |b| put(work, b.predict(input(features, features_len)?)?))
    }
}

/// The worker for a request with these features, `*worker`, and the work that it is expected to be, `*work` (which
/// may be NULL): to be sent with it, for the worker's gauge.
///
/// Errors: those of nsw_balancer_predict; NSW_ERR_TASK_INFEASIBLE when no worker is available.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_pick(
    balancer: *mut nsw_balancer,
    features: *const f32,
    features_len: usize,
    now_us: u64,
    worker: *mut u32,
    work: *mut f32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CBalancer>(balancer, |b| {
            structs::check_pointer(worker)?;
            may_tell(work)?;
            let pick = b.pick(input(features, features_len)?, now_us)?;
            tell(work, pick.work)?;
            put(worker, pick.worker)
        })
    }
}

/// A request, by a number of the caller's choice, is on its way to a worker.
///
/// Errors: those of nsw_balancer_predict; NSW_ERR_TASK_UNKNOWN for a worker that is none, NSW_ERR_TASK_STATE for a
/// request that is in flight already, NSW_ERR_CAPACITY when `requests` are. Nothing was changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_sent(
    balancer: *mut nsw_balancer,
    request: u64,
    worker: u32,
    features: *const f32,
    features_len: usize,
    now_us: u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CBalancer>(balancer, |b| {
            b.sent(request, worker, input(features, features_len)?, now_us)
        })
    }
}

/// Ends a request, and tells what is known of it.
///
/// # Safety
/// NULL or writable.
unsafe fn end(
    worker: *mut u32,
    latency_us: *mut u64,
    end: impl FnOnce() -> Result<Done>,
) -> Result<()> {
    may_tell(worker)?;
    may_tell(latency_us)?;
    let done = end()?;
    // SAFETY: the caller's word.
    unsafe { tell(worker, done.worker).and_then(|()| tell(latency_us, done.latency_us)) }
}

/// A request has come back. `work` is what it was, where the caller knows (tokens, bytes, cycles); else 0, and
/// then it is taken from the latency. `*worker` had it, and it was in flight for `*latency_us`; both may be NULL.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN for a request that is not in flight, NSW_ERR_INVALID for
/// work below 0 or not finite. Nothing was changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_done(
    balancer: *mut nsw_balancer,
    request: u64,
    work: f32,
    now_us: u64,
    worker: *mut u32,
    latency_us: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CBalancer>(balancer, |b| {
            end(worker, latency_us, || b.done(request, work, now_us))
        })
    }
}

/// A request will not come back: it was refused, or given up. Each failure doubles what the worker costs, and each
/// success and time make up for it, so that one that fails fast does not draw more; nothing is learned of the
/// request's work. The outputs are those of nsw_balancer_done.
///
/// Errors: those of a bad handle, NSW_ERR_TASK_UNKNOWN for a request that is not in flight.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_balancer_failed(
    balancer: *mut nsw_balancer,
    request: u64,
    now_us: u64,
    worker: *mut u32,
    latency_us: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<CBalancer>(balancer, |b| end(worker, latency_us, || b.failed(request, now_us)))
    }
}

/// Spreads a value over `hats_cap` features by hat functions on a logarithmic scale: each of as many knots from
/// `low` to `high` has a share of 0 to 1, at most two are not 0, their sum is 1. So a linear regression learns a
/// curve (a linear spline). Values outside the range are taken as its nearest end. `*hats_len` (which may be NULL)
/// is `hats_cap`. Any thread.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_INVALID unless `0 < low < high` are finite, `value` is a number, and there are two
/// knots at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_log_hats(
    value: f32,
    low: f32,
    high: f32,
    hats: *mut f32,
    hats_cap: usize,
    hats_len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: hats, capacity: hats_cap, len: hats_len };
    // SAFETY: NULL or what it should be, by the documentation above.
    guarded(|| log_hats(value, low, high, unsafe { output.take_beside(hats_cap, &[]) }?))
}
