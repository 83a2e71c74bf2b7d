//! Metrics over HTTP: `GET /metrics` for Prometheus and its like.
//!
//! A thread of its own serves the text that was published last, so who scrapes, slowly or not, never holds up whoever
//! measures: publishing is a copy, and the exchange of a buffer with the thread. A request whose `Accept` names
//! OpenMetrics gets that, others the format before it (`text/plain; version=0.0.4`).
//!
//! It speaks as much of HTTP/1.1 as that takes: one request a connection, GET and HEAD. There is neither TLS nor a
//! password: let it listen where only those come who may see it.

mod classic;
mod http;
mod serve;

use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::string::String;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::vec::Vec;

use super::address::{socket_address, to_address};
use crate::error::{Error, Result};
use crate::port::Address;

/// The most bytes of a text.
pub const MOST_TEXT: usize = 1 << 26;
/// The most connections of one [`MetricsServer`].
pub const MOST_SCRAPERS: usize = 64;

/// How a text of OpenMetrics ends.
const END: &[u8] = b"# EOF\n";

/// Where a [`MetricsServer`] listens, and what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsServerConfig {
    /// Where to listen. Port 0 means any free one.
    pub bind: Address,
    /// Bytes of the longest text that is published, from 6 to [`MOST_TEXT`]. Three times as many are taken at once, and
    /// each connection takes about twice as many as the text has when it is answered.
    pub max_text: usize,
    /// Bytes of the longest request that is read, with its header, from 64 to 65,536. A longer one is refused.
    pub max_header: usize,
    /// Connections at a time, from 1 to [`MOST_SCRAPERS`]. Further ones wait in the system.
    pub connections: usize,
    /// A request has so long to come, its answer to be taken, and the connection to end; more than zero.
    pub timeout: Duration,
}

impl MetricsServerConfig {
    /// Texts of up to 256 KiB, headers of 8 KiB, 8 connections, 5 seconds.
    pub fn new(bind: Address) -> MetricsServerConfig {
        MetricsServerConfig {
            bind,
            max_text: 1 << 18,
            max_header: 8192,
            connections: 8,
            timeout: Duration::from_secs(5),
        }
    }
}

/// What became of connections. Each that was accepted and is over, or has its answer, is counted once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetricsServerCounts {
    /// Connections that came in.
    pub accepted: u64,
    /// Texts given, all of them (or what HEAD asks of them), as far as the system took them.
    pub served: u64,
    /// Requests that were answered with what is wrong.
    pub refused: u64,
    /// Connections that were closed because the request did not come in time, or the answer was not taken.
    pub late: u64,
    /// Connections that ended before they had an answer: the peer closed them, or they broke, or memory ran out.
    pub broken: u64,
    /// Times that the system did not give a connection that waits: it has no more files, for example.
    pub failed: u64,
}

/// What the owner and the thread both see.
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The text that was published last, if it is `fresh`; else a buffer.
    text: Vec<u8>,
    fresh: bool,
    /// Whether the thread has given up.
    over: bool,
    counts: MetricsServerCounts,
}

impl Shared {
    /// Never held for longer than it takes to exchange a buffer or to count.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves metrics to who asks, on a thread of its own, until it is dropped.
pub struct MetricsServer {
    shared: Arc<Shared>,
    /// What the next text is written to.
    spare: Vec<u8>,
    max_text: usize,
    local: Address,
    /// Its end ends the thread.
    wake: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl MetricsServer {
    /// Listens, and begins to serve; until something is published, with 503.
    ///
    /// # Errors
    /// [`Error::Invalid`] for something out of range, [`Error::HostAddress`] if the address is none of a socket,
    /// [`Error::HostIo`] if the system refuses it, or a thread; [`Error::OutOfMemory`].
    pub fn new(config: &MetricsServerConfig) -> Result<MetricsServer> {
        config.check()?;
        let listener =
            TcpListener::bind(socket_address(&config.bind)?).map_err(|_| Error::HostIo)?;
        listener.set_nonblocking(true).map_err(|_| Error::HostIo)?;
        let local = listener.local_addr().map(to_address).map_err(|_| Error::HostIo)?;
        let (wake, woken) = UnixStream::pair().map_err(|_| Error::HostIo)?;
        let buffer = || -> Result<Vec<u8>> {
            let mut buffer = Vec::new();
            buffer.try_reserve_exact(config.max_text).map_err(|_| Error::OutOfMemory)?;
            Ok(buffer)
        };
        let state = State { text: buffer()?, ..State::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state) });
        let server = serve::Server::new(listener, woken, config, shared.clone(), buffer()?)?;
        let spare = buffer()?;
        let thread = thread::Builder::new().name(String::from("nsw-metrics"));
        let thread = thread.spawn(move || server.run()).map_err(|_| Error::HostIo)?;
        let max_text = config.max_text;
        Ok(MetricsServer { shared, spare, max_text, local, wake, thread: Some(thread) })
    }

    /// Where it listens, with the port that it got.
    pub fn local(&self) -> Address {
        self.local
    }

    /// Serves this text from now on. It is copied; nobody who scrapes is waited for.
    ///
    /// It is OpenMetrics as [`Values::open_metrics`](crate::node::metrics::Values::open_metrics) writes it: the TYPE of
    /// a metric before its HELP, and without exemplars and times, which the format before OpenMetrics has otherwise or
    /// not at all.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the text does not end as one does that is complete (`# EOF` and a line's end),
    /// [`Error::Capacity`] for more than `max_text` bytes, [`Error::HostIo`] if the system has kept the thread from
    /// waiting, so that it ended. Then the text before it is served, or none any more.
    pub fn publish(&mut self, text: &[u8]) -> Result<()> {
        if text.len() > self.max_text {
            return Err(Error::Capacity);
        }
        if !text.ends_with(END) {
            return Err(Error::Invalid);
        }
        self.spare.clear();
        self.spare.extend_from_slice(text);
        let mut state = self.shared.lock();
        if state.over {
            return Err(Error::HostIo);
        }
        core::mem::swap(&mut state.text, &mut self.spare);
        state.fresh = true;
        Ok(())
    }

    /// What became of connections so far.
    pub fn counts(&self) -> MetricsServerCounts {
        self.shared.lock().counts
    }
}

impl Drop for MetricsServer {
    /// Stops serving: connections that are open are closed, and the thread has ended.
    fn drop(&mut self) {
        // This wakes the thread even if a child of this process has the socket, too. It has never failed yet on a
        // socket that is connected.
        let _ = self.wake.shutdown(std::net::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            // If it panicked, it has ended as well.
            let _ = thread.join();
        }
    }
}

impl MetricsServerConfig {
    /// [`Error::Invalid`] for something out of range.
    pub(crate) fn check(&self) -> Result<()> {
        let good = (END.len()..=MOST_TEXT).contains(&self.max_text)
            && (64..=65_536).contains(&self.max_header)
            && (1..=MOST_SCRAPERS).contains(&self.connections)
            && !self.timeout.is_zero();
        if good { Ok(()) } else { Err(Error::Invalid) }
    }
}
