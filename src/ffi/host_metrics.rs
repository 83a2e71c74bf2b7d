//! Metrics over HTTP.

use core::ffi::c_char;
use core::time::Duration;

use super::handle::{self, Object, call_mut, call_ref};
use super::host_transport::read_address;
use super::port::nsw_allocator;
use super::slices::input;
use super::status::nsw_status;
use super::structs::{self, Versioned};
use super::transport::nsw_address;
use crate::error::Result;
use crate::host::{MetricsServer, MetricsServerConfig};

/// Where metrics are served, and what that takes. NSW_HOST_METRICS_CONFIG_INIT, then
/// `bind`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_metrics_config {
    /// sizeof(nsw_host_metrics_config); NSW_HOST_METRICS_CONFIG_INIT sets it.
    pub size: u32,
    /// Connections at a time, at most 64; 0 means 8. Further ones wait in the system.
    pub connections: u32,
    /// Where to listen, from nsw_host_address_parse. Port 0 means any free one. Read
    /// during the call only.
    pub bind: *const nsw_address,
    /// Bytes of the longest text that is published, from 6 to 67108864; 0 means
    /// 262144. Three times as many are taken at once, and each connection takes about
    /// twice as many as the text has when it is answered.
    pub max_text: usize,
    /// Bytes of the longest request that is read, with its header, from 64 to 65536; 0
    /// means 8192. A longer one is refused.
    pub max_header: usize,
    /// A request has so many microseconds to come, its answer to be taken, and the
    /// connection to end; 0 means 5 seconds.
    pub timeout_us: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_metrics_config {
    const LEAST: usize = size_of::<nsw_host_metrics_config>();
}

/// What became of connections. NSW_HOST_METRICS_INFO_INIT before it is filled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_host_metrics_info {
    /// sizeof(nsw_host_metrics_info); NSW_HOST_METRICS_INFO_INIT sets it.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Connections that came in.
    pub accepted: u64,
    /// Texts given, all of them (or what HEAD asks of them), as far as the system took
    /// them.
    pub served: u64,
    /// Requests that were answered with what is wrong.
    pub refused: u64,
    /// Connections that were closed because the request did not come in time, or the
    /// answer was not taken.
    pub late: u64,
    /// Connections that ended before they had an answer: the peer closed them, or they
    /// broke, or memory ran out.
    pub broken: u64,
    /// Times that the system did not give a connection that waits: it has no more files,
    /// for example.
    pub failed: u64,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_host_metrics_info {
    const LEAST: usize = size_of::<nsw_host_metrics_info>();
}

/// Serves metrics to Prometheus and its like: GET and HEAD of /metrics by HTTP/1.1, one
/// request a connection, without TLS and without passwords. A thread of its own does
/// that, so who scrapes, slowly or not, never holds up whoever publishes. Its memory,
/// but for the object itself, is from the system's heap. One thread at a time; functions
/// that take a const pointer may run side by side.
pub struct nsw_host_metrics {
    _opaque: [u8; 0],
}

impl Object for MetricsServer {
    type C = nsw_host_metrics;
    const MAGIC: u32 = u32::from_le_bytes(*b"nsMe");
}

unsafe fn read_config(config: *const nsw_host_metrics_config) -> Result<MetricsServerConfig> {
    // SAFETY: NULL or a configuration, as the callers document.
    let (config, bind) = unsafe {
        let config = structs::read(config)?;
        (config, read_address(config.bind)?)
    };
    let mut read = MetricsServerConfig::new(bind);
    if config.connections != 0 {
        read.connections = config.connections as usize;
    }
    if config.max_text != 0 {
        read.max_text = config.max_text;
    }
    if config.max_header != 0 {
        read.max_header = config.max_header;
    }
    if config.timeout_us != 0 {
        read.timeout = Duration::from_micros(config.timeout_us);
    }
    read.check()?;
    Ok(read)
}

/// The memory of the object itself: the one block that nsw_host_metrics_create asks
/// for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, NSW_ERR_LENGTH for an address of more than
/// NSW_ADDRESS_MAX bytes, NSW_ERR_INVALID for something out of range. Any thread.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_metrics_footprint(
    config: *const nsw_host_metrics_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<MetricsServer>(size, align, || {
            read_config(config).map(|_| handle::NOTHING)
        })
    }
}

/// Listens, and begins to serve on a thread of its own: until something is published,
/// with 503. In one block of `memory` (NULL: the system's heap). The caller owns
/// `*metrics` and ends it with nsw_host_metrics_destroy.
///
/// Errors: those of nsw_host_metrics_footprint, and NSW_ERR_HOST_ADDRESS if `bind` is
/// none of a socket, NSW_ERR_HOST_IO if the system refuses it, or a thread,
/// NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*metrics` is NULL
/// then.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_metrics_create(
    config: *const nsw_host_metrics_config,
    memory: *const nsw_allocator,
    metrics: *mut *mut nsw_host_metrics,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create_from::<MetricsServer, _>(
            memory,
            metrics,
            || read_config(config).map(|config| (handle::NOTHING, config)),
            |_, config| MetricsServer::new(&config),
        )
    }
}

/// Stops serving: when it returns, all connections are closed and the thread has ended;
/// then gives the block back. NULL is fine, and so is an already destroyed one whose
/// memory can still be read.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_metrics_destroy(metrics: *mut nsw_host_metrics) {
    // SAFETY: NULL or a server, by the documentation above.
    unsafe { handle::destroy::<MetricsServer>(metrics) };
}

/// Where it listens, with the port that it got: fills `*address`, whose `size` the
/// caller has set (NSW_ADDRESS_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_metrics_local(
    metrics: *const nsw_host_metrics,
    address: *mut nsw_address,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<MetricsServer>(metrics, |metrics| {
            structs::write(address, &nsw_address::of(&metrics.local()))
        })
    }
}

/// Serves this text from now on. It is copied; nobody who scrapes is waited for.
///
/// It is OpenMetrics 1.0 text, whole: it ends in `# EOF` and a line's end. Who does not
/// ask for OpenMetrics gets the same as text/plain, version 0.0.4; for that the TYPE of a
/// metric is to come before its HELP, and there are to be no exemplars and no times.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_INVALID if the text does not end
/// so, NSW_ERR_CAPACITY for more than `max_text` bytes, NSW_ERR_HOST_IO if the system has
/// kept the thread from waiting, so that it ended. Then the text before it is served, or
/// none any more.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_metrics_publish(
    metrics: *mut nsw_host_metrics,
    text: *const c_char,
    text_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<MetricsServer>(metrics, |metrics| {
            metrics.publish(input(text.cast::<u8>(), text_len)?)
        })
    }
}

/// What became of connections: fills `*info`, whose `size` the caller has set
/// (NSW_HOST_METRICS_INFO_INIT).
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE.
#[cfg(feature = "std")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_host_metrics_describe(
    metrics: *const nsw_host_metrics,
    info: *mut nsw_host_metrics_info,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<MetricsServer>(metrics, |metrics| {
            let counts = metrics.counts();
            let filled = nsw_host_metrics_info {
                size: 0,
                reserved: 0,
                accepted: counts.accepted,
                served: counts.served,
                refused: counts.refused,
                late: counts.late,
                broken: counts.broken,
                failed: counts.failed,
            };
            structs::write(info, &filled)
        })
    }
}
